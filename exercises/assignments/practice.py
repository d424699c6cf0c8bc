# ---
# jupyter:
#   jupytext:
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Between the equations and a network that works
#
# Where the biases start, how long a gradient may be, what the padding does, how a text is cut, which units are
# dropped: no equation of the cell says it, and each of it decides whether a network learns. You write these
# pieces yourself, and at the end you repair a training loop in which four of them have gone wrong.
#
# **Time**: 1.5 to 2.5 hours. **Points**: 30, and 3 extra. **You need**: NumPy and the chapter *practice*.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `clip_global_norm` | 4 |
# | 2 | `init_lstm` | 5 |
# | 3 | `pad_and_mask`, `masked_loss`, `last_valid` | 5 |
# | 4 | `tbptt_batches` | 4 |
# | 5 | `locked_dropout` | 3 |
# | 6 | `before_the_run`, predictions for a plan of your own | 4 |
# | 7 | `train`, a loop to repair | 3 |
# | 8 | what a loss curve does not tell, in words | 2 |
# | 9, extra | `perplexity` | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then run the check below
# it, as often as you like. The check says, part by part, what is right, what is not, and what the cause looks
# like. When your work is graded the same checks run with other inputs. Where an answer is random, in questions
# 2 and 5, the check looks at its properties, so your draws need not be ours. The assignment *lstm* has the long
# version of this paragraph. Question 8 is read by a person.
#
# **Hints.** `check.hint("init_lstm")` says a little about question 2, `check.hint("init_lstm", 2)` more, and so
# on for every question that has a check. They cost nothing.
#
# **Letters.** $T$ steps, $B$ sequences, $D$ inputs, $H$ units; time comes first. The four blocks of an LSTM's
# weights are stacked in the order i, f, g, o: `W_x` $(4H, D)$, `W_h` $(4H, H)$, one bias `b` $(4H,)$. `rng` is a
# generator of NumPy, such as `np.random.default_rng(0)`: draw from it alone, so that a run can be repeated.

# %%
import numpy as np

from lstmkit.grading import practice as check

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="clip_global_norm"
# ## 1. How long a gradient may be (4 points)
#
# One batch with a huge gradient can throw the weights to where nothing is learned any more. So its length is
# limited before the step, and its direction is kept. `grads` is a list of arrays, one for each weight array,
# with any number of axes; together they are one gradient:
#
# $$
# \lVert g \rVert = \sqrt{\sum_k \lVert g_k \rVert^2}, \qquad
# g_k \leftarrow \min\Big(1,\; \frac{c}{\lVert g \rVert}\Big)\, g_k .
# $$
#
# Return the list of the new arrays and the norm *before* clipping, which one keeps in a log. A gradient of zero
# stays zero. If an entry is NaN or infinite, something has gone wrong before, and it must not be hidden: then
# the norm that you return is not finite either. Leave the arguments as they are.
#
# *Example*: $g_1 = (3, 0)$ and $g_2 = (4)$ have the norm 5. With $c = 1$ they become $(0.6, 0)$ and $(0.8)$; with
# $c = 10$ they stay as they are.
#
# *Where*: chapter *practice*, "How long a gradient may be".


# %% question="clip_global_norm"
def clip_global_norm(grads, c):
    """The arrays of the list `grads`, scaled down together if their norm is above c, and that norm."""
    ### BEGIN SOLUTION
    norm = np.sqrt(sum(np.sum(g**2) for g in grads))
    scale = c / norm if norm > c else 1.0
    return [scale * g for g in grads], norm
    ### END SOLUTION


# %% question="clip_global_norm" points=4
check.clip_global_norm(clip_global_norm)
### BEGIN HIDDEN TESTS
check.clip_global_norm(clip_global_norm, seed=38117)
### END HIDDEN TESTS

# %% [markdown] question="init_lstm"
# ## 2. Where to start (5 points)
#
# Write `init_lstm(D, H, rng, forget_bias=1.0, T_max=None)`, which returns `W_x`, `W_h` and `b` of an LSTM that
# has not learned anything yet.
#
# - `W_x` $(4H, D)$: each entry drawn evenly between $-1/\sqrt H$ and $1/\sqrt H$.
# - `W_h` $(4H, H)$: four random *orthogonal* matrices $Q$, one in the block of each gate, so that
#   $Q Q^\top = 1$. Each block is drawn by itself.
# - `b` $(4H,)$: zero, but for the block of the forget gate, which holds `forget_bias` in all its entries.
# - If `T_max` is given, the biases follow the chrono rule instead, and `forget_bias` is not used. For each unit
#   $u$ is drawn evenly between $1$ and $T_{\max} - 1$, and
#
# $$
# b_f = \ln u, \qquad b_i = -b_f, \qquad b_g = b_o = 0 .
# $$
#
# A unit with the bias $b_f$ keeps its memory for about $1 + e^{b_f}$ steps, so the units of a layer cover all
# lengths up to the longest. What is random comes from `rng`: the same generator gives the same weights.
#
# *Example*: $H = 1$ and `forget_bias=3` give $b = (0, 3, 0, 0)$. With $T_{\max} = 100$ and $u = 50$ it is
# $b = (-3.9, 3.9, 0, 0)$, a memory of some 51 steps.
#
# *Where*: chapter *practice*, "Where to start"; the rule is that of Tallec and Ollivier (2018).


# %% question="init_lstm"
def init_lstm(D, H, rng, forget_bias=1.0, T_max=None):
    """W_x (4H, D), W_h (4H, H) and b (4H,) of an LSTM, blocks i, f, g, o, drawn from rng."""
    ### BEGIN SOLUTION
    k = 1 / np.sqrt(H)
    W_x = rng.uniform(-k, k, (4 * H, D))
    W_h = np.concatenate([np.linalg.qr(rng.normal(size=(H, H)))[0] for _ in range(4)])
    b = np.zeros(4 * H)
    if T_max is None:
        b[H : 2 * H] = forget_bias
    else:
        b[H : 2 * H] = np.log(rng.uniform(1, T_max - 1, H))
        b[:H] = -b[H : 2 * H]
    return W_x, W_h, b
    ### END SOLUTION


# %% question="init_lstm" points=5
check.init_lstm(init_lstm)
### BEGIN HIDDEN TESTS
check.init_lstm(init_lstm, seed=71209)
### END HIDDEN TESTS

# %% [markdown]
# What a start is worth shows before any training. The next cell is not graded. It runs your LSTM twice on the same
# noise, once with a cell state of one and once with zero, and prints how far apart the two still are, on the average
# over the units. Above one the difference has *grown*: with all forget gates open and the input gates open too, the
# recurrent weights feed the cell more than it loses. The chrono rule's $b_i = -b_f$ is there to prevent that.

# %%
from lstmkit.numpy import lstm  # noqa: E402


def left_after(steps, **start):
    """How far cells that began at 1 and at 0 are apart after so many steps, averaged over the units."""
    rng = np.random.default_rng(0)
    params = lstm.Params(*init_lstm(2, 64, rng, **start))
    x, zero = 0.1 * rng.normal(size=(steps, 1, 2)), np.zeros((1, 64))
    ends = [lstm.forward(params, x, lstm.State(zero, zero + c0))[1].c for c0 in (1.0, 0.0)]
    return np.abs(ends[0] - ends[1]).mean()


try:
    for start in ({"forget_bias": 0.0}, {"forget_bias": 1.0}, {"forget_bias": 5.0}, {"T_max": 200}):
        print(start, " ".join(f"{steps} steps: {left_after(steps, **start):.3f}" for steps in (1, 10, 100)))
except NotImplementedError:
    print("Answer question 2 first, then run this cell again.")

# %% [markdown] question="pad_and_mask"
# ## 3. Padding, and how to forget it again (5 points)
#
# A batch is a rectangle, sequences are not. Write three functions.
#
# - `pad_and_mask(sequences)`, from a list of $B$ arrays $(T_b, D)$: `X` $(T, B, D)$, where $T$ is the longest
#   $T_b$, each sequence from step 0 on and zeros behind its end; and `mask` $(T, B)$, true where a step is real.
#   A reading may be zero and still be real.
# - `masked_loss(loss, mask)`, from `loss` $(T, B)$: its mean over the real steps of the whole batch, a number,
#
# $$
# \frac{\sum_{t,b} m_{tb}\, \ell_{tb}}{\sum_{t,b} m_{tb}} .
# $$
#
# - `last_valid(hs, mask)`, from `hs` $(T, B, H)$: $(B, H)$, for each sequence its state at its own last real
#   step.
#
# The last two are given a mask of true and false in which the real steps come first, and its $T$ may be larger
# than the longest sequence. What stands on the padding must not matter, whatever it is: NaN and infinity too.
#
# *Example*: two sequences of 1 and 3 steps. The mask is $(1,1), (0,1), (0,1)$, step by step. If the losses are
# $(4, 1), (9, 2), (9, 1)$, the masked loss is $(4 + 1 + 2 + 1)/4 = 2$.
#
# *Where*: chapter *practice*, "Padding is data until you say otherwise".


# %% question="pad_and_mask"
def pad_and_mask(sequences):
    """X (T, B, D), zero behind the end of each of the sequences (T_b, D), and mask (T, B), true where it is real."""
    ### BEGIN SOLUTION
    lengths = np.array([len(sequence) for sequence in sequences])
    X = np.zeros((lengths.max(), len(sequences), sequences[0].shape[1]), sequences[0].dtype)
    for b, sequence in enumerate(sequences):
        X[: len(sequence), b] = sequence
    return X, np.arange(len(X))[:, None] < lengths
    ### END SOLUTION


def masked_loss(loss, mask):
    """The mean of loss (T, B) over the steps where mask (T, B) is true, a number."""
    ### BEGIN SOLUTION
    return loss[mask].mean()
    ### END SOLUTION


def last_valid(hs, mask):
    """Of hs (T, B, H) the row of each sequence's last real step: (B, H)."""
    ### BEGIN SOLUTION
    return hs[mask.sum(axis=0) - 1, np.arange(mask.shape[1])]
    ### END SOLUTION


# %% question="pad_and_mask" points=5
check.pad_and_mask(pad_and_mask, masked_loss, last_valid)
### BEGIN HIDDEN TESTS
check.pad_and_mask(pad_and_mask, masked_loss, last_valid, seed=50423)
### END HIDDEN TESTS

# %% [markdown] question="tbptt_batches"
# ## 4. A long text in short pieces (4 points)
#
# A network that reads a text of $N$ tokens is trained on pieces of $k$ steps, with $B$ streams side by side. The
# state that is left after a piece is the state that the next piece begins with, so stream $b$ of a piece has to
# go on where stream $b$ of the piece before it ended.
#
# - Every input needs a target, the token right behind it in the text. So at most $N - 1$ tokens can be inputs,
#   and each stream has $n = \lfloor (N - 1) / B \rfloor$ of them: stream $b$ reads the tokens number $bn$ to
#   $bn + n - 1$.
# - All streams are cut at the same places into pieces of $k$ steps. The last piece is shorter if $k$ does not
#   divide $n$; it is used too.
#
# Return a list of pairs `(x, y)`, or a generator of them: `x` $(k, B)$ and `y` $(k, B)$, time first, where
# `y[t, b]` is the token behind `x[t, b]`. The target of a piece's last step is the first input of the next piece.
#
# *Example*: `tokens` $= (0, 1, \dots, 10)$, $B = 2$, $k = 3$. Then $n = 5$, and there are two pieces:
#
# | piece | `x`, step by step | `y`, step by step |
# | --- | --- | --- |
# | first | (0, 5), (1, 6), (2, 7) | (1, 6), (2, 7), (3, 8) |
# | second | (3, 8), (4, 9) | (4, 9), (5, 10) |
#
# *Where*: chapter *practice*, "How far back the gradient goes".


# %% question="tbptt_batches"
def tbptt_batches(tokens, B, k):
    """From tokens (N,) the pieces of B streams, pairs x (k, B) and y (k, B); the last piece may be shorter."""
    ### BEGIN SOLUTION
    n = (len(tokens) - 1) // B
    X, Y = tokens[: B * n].reshape(B, n).T, tokens[1 : B * n + 1].reshape(B, n).T
    return [(X[t : t + k], Y[t : t + k]) for t in range(0, n, k)]
    ### END SOLUTION


# %% question="tbptt_batches" points=4
check.tbptt_batches(tbptt_batches)
### BEGIN HIDDEN TESTS
check.tbptt_batches(tbptt_batches, seed=92381)
### END HIDDEN TESTS

# %% [markdown]
# Read your pieces with the eye. In the next cell, which is not graded, each row is a stream, and a bar stands
# where one piece ends and the next begins. You should be able to read across the bars.

# %%
sentence = "what is stored for some other reason is still there when the gradient has stopped"
try:
    pieces = list(tbptt_batches(np.array([ord(letter) for letter in sentence]), 3, 9))
    for b in range(3):
        print(" | ".join("".join(chr(token) for token in np.asarray(x)[:, b]) for x, _ in pieces))
except NotImplementedError:
    print("Answer question 4 first, then run this cell again.")

# %% [markdown] question="locked_dropout"
# ## 5. Dropout that a memory survives (3 points)
#
# Ordinary dropout draws at every step which units are zero. Over 50 steps hardly a unit escapes. So for the
# states `h` $(T, B, H)$ of a recurrent layer draw *once* for each sequence and each unit, for all steps together:
#
# $$
# \tilde h_t = \frac{1}{1 - p}\; m \odot h_t, \qquad m\ (B, H), \quad
# m = 0 \text{ with probability } p, \text{ else } 1 .
# $$
#
# The factor keeps the mean as it was. With `training=False` nothing is dropped and nothing is scaled: return `h`.
# The mask is drawn from `rng`.
#
# *Example*: $p = \tfrac12$ and a unit with the states $1, 2, 3$. Half of the time they become $2, 4, 6$, else
# $0, 0, 0$, and never $2, 0, 6$.
#
# *Where*: chapter *practice*, "What keeps it from learning by heart".


# %% question="locked_dropout"
def locked_dropout(h, p, rng, training=True):
    """h (T, B, H) with a share p of the units of each sequence zero throughout, and the others scaled up."""
    ### BEGIN SOLUTION
    if not training:
        return h
    mask = rng.uniform(size=h.shape[1:]) >= p
    return h * mask / (1 - p)
    ### END SOLUTION


# %% question="locked_dropout" points=3
check.locked_dropout(locked_dropout)
### BEGIN HIDDEN TESTS
check.locked_dropout(locked_dropout, seed=24593)
### END HIDDEN TESTS

# %% [markdown]
# How much of a memory is there after $T$ steps, when the same dropout acts at every step? The next cell, not
# graded, counts the units that no mask has hit, for a mask a step and for yours.

# %%
try:
    for T in (1, 10, 50):
        ones, rng = np.ones((T, 20, 500)), np.random.default_rng(0)
        each = (rng.uniform(size=ones.shape) >= 0.1).all(axis=0).mean()
        yours = (np.asarray(locked_dropout(ones, 0.1, rng)) != 0).all(axis=0).mean()
        print(f"{T:>3} steps: {each:.3f} of the units with a mask a step, {yours:.3f} with one mask")
except NotImplementedError:
    print("Answer question 5 first, then run this cell again.")

# %% [markdown] question="before_the_run"
# ## 6. Known before the run (4 points)
#
# A run that is wrong often says so in its first numbers, if one has written down what they should be. The next cell
# prints a plan of your own. Return a dict with four numbers, three digits each or more:
#
# - `"loss"`: the cross-entropy in nats of a network over `V` tokens that knows nothing yet and holds all for equally
#   likely;
# - `"bias"`: the forget bias $b_f$ at which a gate keeps its unit for $1 / (1 - \sigma(b_f)) =$ `memory` steps;
# - `"updates"`: the number of updates in one pass over a text of `N` tokens, cut as in question 4 into `B` streams
#   and pieces of `k`;
# - `"alive"`: the share of units that are there at all of `T` steps, if *ordinary* dropout, with `p` and a new mask for
#   each step, acts on the way from step to step.
#
# Each earns one point.
#
# *Example*: a `V` of 1 has the loss 0, a `memory` of 2 the bias 0; 11 tokens in two streams and pieces of 3 make two
# updates; with $p = \tfrac12$ and two steps a quarter is alive.
#
# *Where*: chapter *practice*, "Where to start", "What keeps it from learning by heart" and "Finding the mistake".

# %%
mine = check.yours("before_the_run")
print(", ".join(f"{name} = {value}" for name, value in mine.items()))


# %% question="before_the_run"
def before_the_run():
    """The four numbers "loss", "bias", "updates" and "alive" of your plan, in a dict."""
    ### BEGIN SOLUTION
    n = (mine["N"] - 1) // mine["B"]
    return {
        "loss": np.log(mine["V"]),
        "bias": np.log(mine["memory"] - 1),
        "updates": int(np.ceil(n / mine["k"])),
        "alive": (1 - mine["p"]) ** mine["T"],
    }
    ### END SOLUTION


# %% question="before_the_run" points=4
check.before_the_run(before_the_run)
### BEGIN HIDDEN TESTS
check.before_the_run(before_the_run, seed=87613)
### END HIDDEN TESTS

# %% [markdown] question="train"
# ## 7. A loop to repair (3 points)
#
# This loop should train the weights `w` of a small recurrent network, in one pass over `pieces`. A piece is a pair
# `(x, begins)`: some steps of a sequence, and whether a new sequence begins with it, as with the first piece. Pieces
# of one sequence follow each other. `gradient(w, x, h)` runs the network over the piece from the state `h` (a number,
# 0 where a sequence begins) and returns the gradient of the loss of this piece, and the state after it.
#
# ```python
# def broken(w, pieces, gradient, lr, c, decay):
#     total, h = np.zeros_like(w), 0.0
#     for x, begins in pieces:
#         g, h = gradient(w, x, h)
#         total += g
#         lr *= decay
#         w -= lr * total
#         (total,), norm = clip_global_norm([total], c)
#     return w
# ```
#
# It runs, and its loss even falls. But this is what it should do:
#
# - a sequence begins with the state 0, and later pieces go on with the state before them;
# - a step uses the gradient of its own piece and of no other;
# - that gradient is clipped at the global norm `c`;
# - step number $n = 0, 1, 2, \dots$ has the learning rate $\text{lr} \cdot \text{decay}^n$;
# - the array `w` that the caller handed over stays as it was; the new weights are returned.
#
# Write the repaired loop as `train`, with the same arguments. `clip_global_norm` is yours from question 1.
#
# *Example*: one piece with the gradient $(3, 4)$, $w = (1, 1)$, lr $= 0.5$, $c = 1$. The clipped gradient is
# $(0.6, 0.8)$, so the new weights are $(0.7, 0.6)$, whatever decay is.
#
# *Where*: chapter *practice*, "How long a gradient may be", "How far back the gradient goes" and "Common mistakes".


# %% question="train"
def train(w, pieces, gradient, lr, c, decay):
    """The weights, an array like w, after one pass over the pieces, a list of pairs (x, begins)."""
    ### BEGIN SOLUTION
    h = 0.0
    for x, begins in pieces:
        if begins:
            h = 0.0
        g, h = gradient(w, x, h)
        (g,), _norm = clip_global_norm([g], c)
        w = w - lr * g
        lr = lr * decay
    return w
    ### END SOLUTION


# %% question="train" points=3
check.train(train)
### BEGIN HIDDEN TESTS
check.train(train, seed=66947)
### END HIDDEN TESTS

# %% [markdown]
# How would you have noticed? The next cell, not graded, trains a network of one unit on noisy waves, with the
# broken loop and with yours, and prints the mean loss after each of some passes. A pass begins with the learning
# rate where the pass before it ended.


# %%
def unit(w, x, h):
    """h ← tanh(w₀ h + w₁ x_t) foretells x_{t+1} as w₂ h: the mean squared error, its gradient (3,), the last state."""
    d_h, d_w, loss = np.zeros(3), np.zeros(3), 0.0
    for t in range(len(x) - 1):
        before, h = h, np.tanh(w[0] * h + w[1] * x[t])
        d_h = (1 - h**2) * (w[0] * d_h + np.array([before, x[t], 0.0]))
        error = w[2] * h - x[t + 1]
        loss += error**2
        d_w += 2 * error * (w[2] * d_h + np.array([0.0, 0.0, h]))
    return loss / (len(x) - 1), d_w / (len(x) - 1), h


def broken(w, pieces, gradient, lr, c, decay):
    """The loop of the statement, faults and all."""
    total, h = np.zeros_like(w), 0.0
    for x, _begins in pieces:
        g, h = gradient(w, x, h)
        total += g
        lr *= decay
        w -= lr * total
        (total,), _norm = clip_global_norm([total], c)
    return w


def waves(count=12, steps=60, k=10, seed=0):
    """The pieces of so many noisy waves, k + 1 values each: the last is the first of the next, as a target."""
    rng, pieces = np.random.default_rng(seed), []
    for _ in range(count):
        wave = np.sin(0.3 * np.arange(steps + 1) + rng.uniform(0, 6)) + 0.1 * rng.normal(size=steps + 1)
        pieces += [(wave[t : t + k + 1], t == 0) for t in range(0, steps, k)]
    return pieces


def mean_loss(w, pieces):
    """The mean loss over the pieces, the state set to zero where a sequence begins."""
    h, losses = 0.0, []
    for x, begins in pieces:
        loss, _, h = unit(w, x, 0.0 if begins else h)
        losses.append(loss)
    return np.mean(losses)


try:
    for lr in (0.003, 0.03, 0.3):
        for loop in (broken, train):
            w, pieces, losses = np.array([0.1, 0.3, 0.3]), waves(), []
            for n in range(8):
                w = loop(
                    w.copy(), pieces, lambda w, x, h: unit(w, x, h)[1:], lr * 0.995 ** (n * len(pieces)), 1.0, 0.995
                )
                losses.append(mean_loss(w, waves(seed=1)))
            print(f"learning rate {lr:<5}  {loop.__name__:<6}", " ".join(f"{loss:7.3f}" for loss in losses))
except NotImplementedError:
    print("Answer questions 1 and 7 first, then run this cell again.")

# %% [markdown] question="why"
# ## 8. What a loss curve does not tell (2 points)
#
# Look at the losses that the cell above has printed. In three or four sentences: would you have known from the
# curve of the broken loop *alone* that it is broken? Use two of the printed numbers. Then choose one of its
# faults and say how you would test for it: which input, and which answer you know beforehand.
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | A yes or no, for the broken loop by itself, and two numbers printed for it that bear it out | 1 |
# | For one of the faults: an input, the answer that is known beforehand, and why the fault fails it | 1 |

# %% [markdown] question="why" points=2
# No. At the smallest learning rate the losses printed for the broken loop fall from pass to pass, as those of a healthy
# one do; the last is a fraction of the first. *(Two numbers of the same row "broken", the first and the last, say.)*
# Beside the repaired loop it may even look better there, because gradients that have added up make longer steps. Only
# at the largest rate does it stay behind, and only beside the repaired loop does one see that: without it nobody knows
# which loss is possible.
#
# A test for the state that is carried over: train on two sequences in one order and record the gradient of the
# second one's first piece, with the weights held (lr = 0). It must be the same whatever sequence comes first, for
# that piece begins at the state 0. In the broken loop it changes. (For the gradient that is not reset: with lr = 0
# the gradient used at step two must be that of the second piece alone. For clipping: no step may be longer than
# lr · c. For the rate: with decay = 0 the first step must still move the weights.)

# %% [markdown] question="perplexity"
# ## 9. Perplexity, batch by batch (3 extra points)
#
# A language model is judged on a long text, batch by batch. `batches` is a list of pairs `(loss, mask)`, each
# $(T, B)$ with its own $T$ and $B$: the cross-entropy of each token in nats, and where a token is real. What
# stands on the padding must not matter, NaN and infinity included.
#
# Return two numbers, both for *all real tokens of all batches together*: the perplexity, $e$ to the mean loss a
# token, and the same mean in bits,
#
# $$
# \text{perplexity} = e^{\bar\ell}, \qquad \text{bits} = \frac{\bar\ell}{\ln 2} .
# $$
#
# *Example*: one batch of three tokens with a loss of $\ln 2$ each, one of a single token with a loss of
# $\ln 32$. The mean is $\frac{3 \ln 2 + 5 \ln 2}{4} = 2 \ln 2$: a perplexity of 4, and 2 bits.
#
# *Where*: chapter *practice*, "Common mistakes" and "Padding is data until you say otherwise".


# %% question="perplexity"
def perplexity(batches):
    """The perplexity and the bits a token over all pairs loss (T, B), in nats, and mask (T, B)."""
    ### BEGIN SOLUTION
    total = sum(loss[mask].sum() for loss, mask in batches)
    count = sum(mask.sum() for _, mask in batches)
    return np.exp(total / count), total / count / np.log(2)
    ### END SOLUTION


# %% question="perplexity" points=3 extra=true
check.perplexity(perplexity)
### BEGIN HIDDEN TESTS
check.perplexity(perplexity, seed=13757)
### END HIDDEN TESTS
