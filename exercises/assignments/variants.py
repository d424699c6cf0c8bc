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
# # Variants of the LSTM
#
# A gate less, a look at the cell, a second direction, a picture in place of a vector, a list of all earlier states:
# the five changes to the LSTM that are named most often. Each is a few lines of code, and each has a place where
# nearly everybody slips without an error message. You write all five, find out how far three counters count, and
# at the end you advise three people.
#
# **Time**: 2 to 3 hours. **Points**: 38, and 3 extra. **You need**: NumPy, one step of the LSTM, and the chapters
# *gru*, *peephole*, *bidirectional*, *convlstm*, *attention* and *variants*, one at a time.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `gru_step` | 6 |
# | 2 | `counters`, how far yours count | 3 |
# | 3 | `peephole_step` | 5 |
# | 4 | `bilstm_forward` | 7 |
# | 5 | `convlstm_step` | 7 |
# | 6 | `additive_attention` | 7 |
# | 7 | which variant for whom, in words | 3 |
# | 8, extra | `repaired_step`, a variant to repair | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then run the check below it,
# as often as you like. The check says, part by part, what is right, what is not, and what the cause looks like.
# When your work is graded the same checks run with other inputs. No question builds on another, so begin where you
# like. The assignment *lstm* has the long version of this paragraph. Question 7 is read by a person.
#
# **Hints.** `check.hint("gru_step")` says a little about question 1, `check.hint("gru_step", 2)` more, and so on for
# every question that has a check. They cost nothing.
#
# **Letters.** $T$ steps, $B$ sequences, $D$ inputs, $H$ units; $R \times S$ pixels, kernels of $k \times k$; a query
# of $Q$ numbers, keys of $K$, and $A$ units that compare them. The blocks of an LSTM's weights are stacked in the
# order i, f, g, o, those of a GRU in the order r, z, n. $\odot$ multiplies entry by entry.

# %%
import numpy as np

from lstmkit.grading import variants as check
from lstmkit.numpy.functions import sigmoid  # use it wherever there is a σ

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="gru_step"
# ## 1. One step of the GRU (6 points)
#
# Write the gated recurrent unit in the form of PyTorch, with PyTorch's two biases: `W_x` $(3H, D)$, `W_h`
# $(3H, H)$, `b_x` and `b_h` $(3H,)$, all stacked r, z, n. With one product for the input and one for the past,
# each cut into three blocks of $H$ neighbouring columns,
#
# $$
# \begin{aligned}
# \big[x_r,\, x_z,\, x_n\big] &= x_t W_x^\top + b_x, \qquad
# \big[h_r,\, h_z,\, u\big] = h_{t-1} W_h^\top + b_h \\
# r &= \sigma(x_r + h_r) && \text{reset gate} \\
# z &= \sigma(x_z + h_z) && \text{update gate} \\
# n &= \tanh(x_n + r \odot u) && \text{candidate} \\
# h_t &= (1 - z) \odot n + z \odot h_{t-1} && \text{new state}
# \end{aligned}
# $$
#
# Here $z = 1$ keeps the old state, and the reset gate acts *after* the product with the past. Other papers have
# either the other way round; a network that is read into the wrong form gives plausible nonsense.
#
# Return $h_t$, and $(r, z, n)$ as a triple: `return h, (r, z, n)`, each `(B, H)`.
#
# *Example*: $B = D = H = 1$, all weights and biases zero, $h_{t-1} = 0.8$. Then $r = z = \tfrac12$, $n = 0$ and
# $h_t = 0.4$. If the last entry of `b_h` is 2, half of it passes the reset: $n = \tanh(1)$.
#
# *Where*: chapter *gru*, "The equations" and "Three published forms".


# %% question="gru_step"
def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h):
    """One step: x_t (B, D); h_prev (B, H); W_x (3H, D); W_h (3H, H); b_x, b_h (3H,).

    Returns h (B, H) and the triple (r, z, n), each (B, H).
    """
    ### BEGIN SOLUTION
    x_r, x_z, x_n = np.split(x_t @ W_x.T + b_x, 3, axis=1)
    h_r, h_z, u = np.split(h_prev @ W_h.T + b_h, 3, axis=1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = np.tanh(x_n + r * u)
    return (1 - z) * n + z * h_prev, (r, z, n)
    ### END SOLUTION


# %% question="gru_step" points=6
check.gru_step(gru_step)
### BEGIN HIDDEN TESTS
check.gru_step(gru_step, seed=41927)
### END HIDDEN TESTS

# %% [markdown]
# Now let your GRU count. The next cell is not graded. It gives one unit the same letter a again and again, with a
# candidate of nearly one and a $z$ of 0.8, and prints the state; beside it stands the cell of an LSTM whose gates are
# all open. One of the two has a ceiling.


# %%
def count_letters(upto=40):
    """One unit of each kind, and how it moves while it reads a's."""
    none = np.zeros((3, 1))
    bias = np.array([0.0, np.log(0.8 / 0.2), 20.0])  # r does not matter, z = 0.8, n = 1
    h, c = np.zeros((1, 1)), 0.0
    for n in range(1, upto + 1):
        before = h
        h, _ = gru_step(np.ones((1, 1)), h, none, none, bias, 0 * bias)
        c = c + 1.0  # f = i = g = 1
        if n in (1, 2, 3, 5, 10, 20, 40):
            print(f"{n:3} a's   GRU {h.item():.6f}, moved by {(h - before).item():.6f}   LSTM's cell {c:g}")


try:
    count_letters()
except NotImplementedError:
    print("Answer question 1 first, then run this cell again.")

# %% [markdown] question="counters"
# ## 2. How far do yours count? (3 points)
#
# Three units with one number each read $a^n$, and then in one case $b^n$. What they are made of is printed by the cell
# below this one.
#
# **gru.** A GRU unit whose candidate is 1 and whose $z$ is `keep` at every a. It starts at 0.
#
# **shown.** An LSTM unit whose cell starts at 0 and grows by `step` with every a. What it shows is $\tanh(c)$, with the
# output gate open.
#
# For these two, find the largest $n$ such that the state after $n - 1$ a's and the state after $n$ a's (for *shown*:
# what is shown) are at least `apart` from each other. A read-out that cannot see smaller differences takes more a's
# than that for the same number.
#
# **uneven.** An LSTM's cell goes up by `up` with every a, and then down by `down` with every b. The unit says "end" as
# soon as the cell is *below* `up / 2`. It is right about $a^n b^n$ if that happens after the last b and not at an
# earlier one. Find the largest $n$ such that it is right about all strings up to $n$.
#
# Say first what you expect: which of the three gets farthest? Then find the numbers, with a formula or a loop, as you
# like, and return them as a dict. Take `keep` and the others from `mine`: they are drawn for you.
#
# *Example*: `keep` 0.5 and `apart` 0.2: the states are 0, 0.5, 0.75, 0.875, so *gru* is 2. `step` 1: $\tanh$ gives 0,
# 0.762, 0.964, 0.995, so *shown* is 2 as well. `up` 1 and `down` 1.2: $n = 3$ is right, with 0.6 before the last b and
# $-0.6$ after it; for $n = 4$ there are 0.4 left before the last b, so the end is announced one letter too early, and
# *uneven* is 3.
#
# *Where*: chapter *gru*, "Who can count?".

# %%
mine = check.yours("counters")
print(mine)


# %% question="counters"
def counters():
    """{"gru": n, "shown": n, "uneven": n}, whole numbers, for the numbers in `mine`."""
    ### BEGIN SOLUTION
    keep, step, apart, up, down = (mine[name] for name in ("keep", "step", "apart", "up", "down"))
    n = np.arange(1, 1000)
    # All three fall as n grows, so it is enough to count where they are still large enough.  After the last b the cell
    # is below zero in any case, for `down` is larger than `up`: the b before it decides.
    return {
        "gru": np.sum(keep ** (n - 1) * (1 - keep) >= apart),
        "shown": np.sum(np.tanh(n * step) - np.tanh((n - 1) * step) >= apart),
        "uneven": np.sum(n * up - (n - 1) * down >= up / 2),
    }
    ### END SOLUTION


# %% question="counters" points=3
check.counters(counters)
### BEGIN HIDDEN TESTS
check.counters(counters, seed=70853)
### END HIDDEN TESTS

# %% [markdown] question="peephole_step"
# ## 3. A look at the cell (5 points)
#
# In the plain LSTM no gate sees the cell. A peephole is one number a unit that lets a gate see the cell of *its own*
# unit: `w_i`, `w_f`, `w_o`, each `(H,)`. With the pre-activations $[a_i, a_f, a_g, a_o]$ of the LSTM,
# $x_t W_x^\top + h_{t-1} W_h^\top + b$,
#
# $$
# \begin{aligned}
# i &= \sigma(a_i + w_i \odot c_{t-1}), \qquad f = \sigma(a_f + w_f \odot c_{t-1}), \qquad g = \tanh(a_g) \\
# c_t &= f \odot c_{t-1} + i \odot g \\
# o &= \sigma(a_o + w_o \odot c_t) \\
# h_t &= o \odot \tanh(c_t)
# \end{aligned}
# $$
#
# Return `h` and `c`, each `(B, H)`. Do not modify the arguments.
#
# *Example*: $B = D = H = 1$, all weights and $b$ zero, $w_i = w_f = 0$, $w_o = 1$, $c_{t-1} = 2$. Then $c_t = 1$ and
# $h_t = \sigma(1) \tanh(1)$: the output gate looks at what it is going to show.
#
# *Where*: chapter *peephole*, "The equations"; the equations are those of Gers, Schraudolph & Schmidhuber (2002).


# %% question="peephole_step"
def peephole_step(x_t, h_prev, c_prev, W_x, W_h, b, w_i, w_f, w_o):
    """One step: x_t (B, D); h_prev, c_prev (B, H); W_x (4H, D); W_h (4H, H); b (4H,); w_i, w_f, w_o (H,).

    Returns h (B, H) and c (B, H).
    """
    ### BEGIN SOLUTION
    a_i, a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 4, axis=1)
    i, f = sigmoid(a_i + w_i * c_prev), sigmoid(a_f + w_f * c_prev)
    c = f * c_prev + i * np.tanh(a_g)
    o = sigmoid(a_o + w_o * c)
    return o * np.tanh(c), c
    ### END SOLUTION


# %% question="peephole_step" points=5
check.peephole_step(peephole_step)
### BEGIN HIDDEN TESTS
check.peephole_step(peephole_step, seed=18859)
### END HIDDEN TESTS

# %% [markdown] question="bilstm_forward"
# ## 4. Both directions, and the padding (7 points)
#
# Two LSTMs read each sequence, one from its first step to its last, the other from its last to its first. At step $t$
# their states stand side by side:
#
# $$
# h_t = \big[\,\overrightarrow{h}_t,\; \overleftarrow{h}_t\,\big].
# $$
#
# `x` $(T, B, D)$ is a padded batch: sequence $b$ has `lengths[b]` steps, and what stands behind its end is padding,
# which may be anything, NaN included. So each sequence is turned round within *its own* length, and the states of the
# second reader are turned round once more, so that step $t$ stands beside step $t$. Both readers start from zeros,
# $h = c = 0$.
#
# `forward` and `backward` are triples `(W_x, W_h, b)` of weights, one for each reader. Return `hs` $(T, B, 2H)$, the
# forward half first, zero behind the end of each sequence. One step of the LSTM, `lstm_step`, is given; leave it as it
# is, and write what is around it.
#
# *Example*: $T = 3$ and lengths 3 and 2. For the second sequence the backward reader reads `x[1, 1]`, then `x[0, 1]`,
# and then it is done. Its first state belongs into `hs[1, 1, H:]`, its second into `hs[0, 1, H:]`, and `hs[2, 1]` is
# zero.
#
# *Where*: chapter *bidirectional*, "The equations" and "The trap: padding".


# %% question="bilstm_forward"
def lstm_step(x_t, h, c, W_x, W_h, b):
    """Given: one step of the LSTM.  The new h and c (B, H), from x_t (B, D), W_x (4H, D), W_h (4H, H), b (4H,)."""
    a_i, a_f, a_g, a_o = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = sigmoid(a_f) * c + sigmoid(a_i) * np.tanh(a_g)
    return sigmoid(a_o) * np.tanh(c), c


def bilstm_forward(x, lengths, forward, backward):
    """Both directions over x (T, B, D), lengths (B,); forward, backward: (W_x (4H, D), W_h (4H, H), b (4H,)).

    Returns hs (T, B, 2H), zero behind the end of each sequence.
    """
    ### BEGIN SOLUTION
    (T, B, _), H = x.shape, forward[1].shape[1]
    hs = np.zeros((T, B, 2 * H), x.dtype)
    for b, length in enumerate(lengths):
        for times, weights, half in (
            (range(length), forward, slice(0, H)),
            (reversed(range(length)), backward, slice(H, 2 * H)),
        ):
            h = c = np.zeros((1, H), x.dtype)
            for t in times:
                h, c = lstm_step(x[t, b : b + 1], h, c, *weights)
                hs[t, b, half] = h[0]
    return hs
    ### END SOLUTION


# %% question="bilstm_forward" points=7
check.bilstm_forward(bilstm_forward)
### BEGIN HIDDEN TESTS
check.bilstm_forward(bilstm_forward, seed=93131)
### END HIDDEN TESTS

# %% [markdown]
# Does the same sequence get the same states when a longer one joins its batch? The next cell, which is not graded, asks
# your function, and then one that turns the whole array round, padding and all.


# %%
def padding_tells(seed=0):
    """By how much more padding changes the states of a sequence of five steps."""
    rng = np.random.default_rng(seed)
    D, H, lengths = 3, 4, np.array([5])
    weights = [(rng.normal(size=(4 * H, D)), rng.normal(size=(4 * H, H)), rng.normal(size=4 * H)) for _ in range(2)]
    x = rng.normal(size=(5, 1, D))
    alone = np.asarray(bilstm_forward(x, lengths, *weights))
    for more in (1, 4, 16):
        padded = np.concatenate([x, np.zeros((more, 1, D))])
        yours = bilstm_forward(padded, lengths, *weights)[:5]
        whole = bilstm_forward(padded, lengths + more, *weights)[:5]  # as if the padding were steps
        print(f"{more:2} steps of padding change  yours by {np.abs(yours - alone).max():.3f}", end="")
        print(f", the array turned as a whole by {np.abs(whole - alone).max():.3f}")


try:
    padding_tells()
except NotImplementedError:
    print("Answer question 4 first, then run this cell again.")

# %% [markdown] question="convlstm_step"
# ## 5. An LSTM at every pixel (7 points)
#
# For movies the product with a matrix becomes a convolution, and all else stays:
#
# $$
# \begin{aligned}
# \big[a_i,\, a_f,\, a_g,\, a_o\big] &= W_x * x_t + W_h * h_{t-1} + b \\
# c_t &= \sigma(a_f) \odot c_{t-1} + \sigma(a_i) \odot \tanh(a_g) \\
# h_t &= \sigma(a_o) \odot \tanh(c_t)
# \end{aligned}
# $$
#
# `x_t` is $(B, D, R, S)$, with $D$ channels and $R \times S$ pixels; `h_prev` and `c_prev` are $(B, H, R, S)$, with $H$
# maps; `W_x` $(4H, D, k, k)$, `W_h` $(4H, H, k, k)$, and `b` $(4H,)$, one for each map. $k$ is odd. At the pixel in row
# $r$ and column $s$,
#
# $$
# (W * x)_{n, r, s} = \sum_{m} \sum_{p=0}^{k-1} \sum_{q=0}^{k-1}
# W_{n, m, p, q}\; x_{m,\; r + p - \lfloor k/2 \rfloor,\; s + q - \lfloor k/2 \rfloor} ,
# $$
#
# where $x$ is zero beyond the border, so that the picture keeps its size. As everywhere in deep learning, the kernel
# slides as it stands: it is not flipped.
#
# Return `h` and `c`, each $(B, H, R, S)$. Loops over the pixels or over the kernel are fine.
#
# *Example*: one channel, one map, $k = 3$, all weights zero but one: the weight of $a_g$ at row 1 and column 2 of its
# kernel in `W_x` is 1. Then $a_g$ at each pixel is the value of its *right* neighbour, and 0 in the last column.
#
# *Where*: chapter *convlstm*, "The equations".


# %% question="convlstm_step"
def convlstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
    """One frame: x_t (B, D, R, S); h_prev, c_prev (B, H, R, S); W_x (4H, D, k, k); W_h (4H, H, k, k); b (4H,).

    Returns h (B, H, R, S) and c (B, H, R, S).
    """

    ### BEGIN SOLUTION
    def slide(W, image):
        k, (R, S) = W.shape[-1], image.shape[2:]
        border = (k // 2, k // 2)
        framed = np.pad(image, ((0, 0), (0, 0), border, border))
        return sum(
            np.einsum("nm,bmrs->bnrs", W[:, :, p, q], framed[:, :, p : p + R, q : q + S])
            for p in range(k)
            for q in range(k)
        )

    a = slide(W_x, x_t) + slide(W_h, h_prev) + b[:, None, None]
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    c = sigmoid(a_f) * c_prev + sigmoid(a_i) * np.tanh(a_g)
    return sigmoid(a_o) * np.tanh(c), c
    ### END SOLUTION


# %% question="convlstm_step" points=7
check.convlstm_step(convlstm_step)
### BEGIN HIDDEN TESTS
check.convlstm_step(convlstm_step, seed=56081)
### END HIDDEN TESTS

# %% [markdown]
# What is learned in one place holds in every other. The next cell, not graded, moves a picture by two pixels and looks
# whether the state moves with it.


# %%
def move_the_picture(seed=0):
    """The largest difference between the moved state and the state of the moved picture."""
    rng = np.random.default_rng(seed)
    D, H, R, S, k = 1, 2, 9, 9, 3
    weights = rng.normal(size=(4 * H, D, k, k)), rng.normal(size=(4 * H, H, k, k)), rng.normal(size=4 * H)
    x, nothing = np.zeros((1, D, R, S)), np.zeros((1, H, R, S))
    x[0, 0, 3:5, 3:5] = 1.0
    h, _ = convlstm_step(x, nothing, nothing, *weights)
    moved, _ = convlstm_step(np.roll(x, 2, axis=3), nothing, nothing, *weights)
    print(f"the state moves with the picture, to {np.abs(np.roll(h, 2, axis=3) - moved).max():.1e}")


try:
    move_the_picture()
except NotImplementedError:
    print("Answer question 5 first, then run this cell again.")

# %% [markdown] question="additive_attention"
# ## 6. Where to look (7 points)
#
# A query $q$ is compared with the keys $s_1, \dots, s_T$ of its sequence, and gets a mean of them in proportion to how
# well each fits:
#
# $$
# e_j = v^\top \tanh(W_q\, q + W_k\, s_j), \qquad
# \alpha_j = \frac{\exp(e_j)}{\sum_{l\ \text{real}} \exp(e_l)} \ \text{ for real } j, \text{ else } 0, \qquad
# m = \sum_j \alpha_j s_j .
# $$
#
# Here the batch comes first, for every sequence has a softmax of its own: `query` $(B, Q)$, `keys` $(B, T, K)$, `mask`
# $(B, T)$ of booleans, `True` for a real key, `False` for padding; real keys may stand anywhere. `W_q` $(A, Q)$, `W_k`
# $(A, K)$, `v` $(A,)$. Return the contexts $m$ $(B, K)$ and the weights $\alpha$ $(B, T)$.
#
# Four things are asked of it:
#
# - the weights of a sequence sum to one, and those of padding are exactly zero;
# - scores of ±100000 do no harm. The weights stay the same if the largest score is taken off all of them;
# - a sequence without a real key gets weights and a context of zeros;
# - padding may hold anything, NaN included, and zero times NaN is NaN. Do not modify the arguments all the same.
#
# *Example*: with $v = 0$ all scores are equal, so each of three real keys has the weight $\tfrac13$, and the context is
# their plain mean.
#
# *Where*: chapter *attention*, "Scores, weights, context" and "Common mistakes".


# %% question="additive_attention"
def additive_attention(query, keys, mask, W_q, W_k, v):
    """One query for each sequence: query (B, Q); keys (B, T, K); mask (B, T), True for a real key.

    W_q (A, Q); W_k (A, K); v (A,).  Returns the contexts (B, K) and the weights (B, T).
    """
    ### BEGIN SOLUTION
    keys = np.where(mask[:, :, None], keys, 0)
    e = np.tanh((query @ W_q.T)[:, None, :] + keys @ W_k.T) @ v
    e = np.where(mask, e, -np.inf)
    largest = np.max(e, axis=1, keepdims=True)
    exponentials = np.exp(e - np.where(np.isneginf(largest), 0, largest))
    total = np.sum(exponentials, axis=1, keepdims=True)
    weights = exponentials / np.where(total == 0, 1, total)
    return np.einsum("bt,btk->bk", weights, keys), weights
    ### END SOLUTION


# %% question="additive_attention" points=7
check.additive_attention(additive_attention)
### BEGIN HIDDEN TESTS
check.additive_attention(additive_attention, seed=28597)
### END HIDDEN TESTS

# %% [markdown] question="which_variant"
# ## 7. Which variant for whom? (3 points)
#
# The cell below this one prints what the book's own runs have measured, each with five seeds: medians, and in brackets
# the least and the most. Three people ask you which network to take.
#
# - **A.** Captions under a live talk. The label of a sound depends on sounds up to three steps later, and it must be
#   on the screen while the talk still runs.
# - **B.** A checker that counts opening and closing marks, in files much longer than those it was trained on.
# - **C.** Forecasts of radar pictures: now there are very few movies, and later there will be a great many.
#
# For each of them, in two or three sentences: which variant, and which *two* numbers of the table speak for it? Where
# the table turns round, or cannot decide, say so.
#
# *Where*: chapter *variants*, "What each brings" and "The table of variants, with what is known"; chapter
# *bidirectional*, "The price".
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | A: a variant that meets *both* wishes of A, with two numbers of the table, and what each wish rules out | 1 |
# | B: a variant, with two numbers, and how far the brackets behind them bear the choice | 1 |
# | C: a variant for now, with two numbers and the reason, and what the table says about later | 1 |


# %%
def measured():
    """Prints medians, least and most of the book's recorded runs."""
    from lstmkit import results

    tables = {
        ("counting", "a^n b^n, trained up to n = 30: right up to n ="): {
            "LSTM": "reach.anbn.LSTM",
            "GRU": "reach.anbn.GRU",
        },
        ("bidirectional", "a bit three steps later, share right"): {
            "LSTM, one direction": "accuracy.future.LSTM",
            "LSTM, one direction, answers three steps late": "accuracy.future.LSTM delayed",
            "LSTM, two directions": "accuracy.future.bidirectional",
        },
        ("timing", "steps of training until an interval is measured"): {
            "LSTM": "mean_steps.measure.LSTM",
            "LSTM with peepholes": "mean_steps.measure.peephole",
        },
        ("reversal", "sixteen digits written backwards, share of strings right"): {
            "LSTM": "at_longest.no attention",
            "LSTM with attention": "at_longest.attention",
        },
        ("moving_digits", "the next frame, squared error a frame, few movies"): {
            "LSTM on the list of pixels": "error.few.LSTM",
            "ConvLSTM": "error.few.ConvLSTM",
        },
        ("moving_digits", "the same, new movies at every step of training"): {
            "LSTM on the list of pixels": "error.many.LSTM",
            "ConvLSTM": "error.many.ConvLSTM",
        },
        ("moving_digits", "the same two networks, number of parameters"): {
            "LSTM on the list of pixels": "parameters.LSTM",
            "ConvLSTM": "parameters.ConvLSTM",
        },
    }
    for (experiment, title), rows in tables.items():
        record = results.load(experiment)
        print(title)
        for name, key in rows.items():
            print(f"    {name:<47} {results.summary(results.values(record, key))}")


measured()

# %% [markdown] question="which_variant" points=3
# All numbers are in the table that the cell above has printed; the names say which.
#
# **A.** One direction that answers three steps late. Its share right is that of two directions, while one direction
# without the delay is right half of the time, as a coin is. Two directions would have to wait until the talk is over,
# because the backward reader begins at the end, and all its states change with every new sound; the delay costs three
# steps and no second set of weights.
#
# **B.** The LSTM. Its median reach is far beyond that of the GRU, which ends a little above the 30 of its training, and
# the brackets do not overlap: the worst seed of the LSTM is ahead of the best of the GRU. A GRU's state is a
# weighted mean and cannot leave its box. But the LSTM does not count for ever either: its best seed ends as well, so
# still longer files need a counter in the program.
#
# **C.** With few movies the ConvLSTM: its error is the smaller one, with about a twentieth of the parameters (the last
# two lines), because what it learns in one place holds in all. With new movies at every step the order turns round,
# and clearly, so I would measure again when the data have come, and then at equal parameters too.
#
# *How to mark.* Each point asks for the variant, for two numbers that are those of the table, and for the second half
# of its row. A: two directions earn nothing, however well they are argued, for the label must come during the talk.
# B: half of it is that the brackets do not overlap; without it there is no point. C: no point without the turn. Where
# a new recording of the experiments has moved a number so far that the order changes, go by the printed table.

# %% [markdown] question="repaired_step"
# ## 8. A variant to repair (3 extra points)
#
# Somebody has joined two ideas: coupled gates, where what is not kept is what is written, and peepholes. There are
# three blocks, stacked f, g, o, so `W_x` $(3H, D)$, `W_h` $(3H, H)$, `b` $(3H,)$, and two peepholes `w_f`, `w_o`
# $(H,)$:
#
# $$
# \begin{aligned}
# f &= \sigma(a_f + w_f \odot c_{t-1}), \qquad g = \tanh(a_g) \\
# c_t &= f \odot c_{t-1} + (1 - f) \odot g \\
# o &= \sigma(a_o + w_o \odot c_t), \qquad h_t = o \odot \tanh(c_t)
# \end{aligned}
# $$
#
# This is the code, and it has three faults:
#
# ```python
# def broken_step(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
#     a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
#     f = sigmoid(a_f) + w_f * c_prev
#     g = np.tanh(a_g)
#     o = sigmoid(a_o + w_o * c_prev)
#     c_prev *= f
#     c = c_prev + (1 - f) * g
#     return o * np.tanh(c), c
# ```
#
# Its user reports: "The cell, which should be a weighted mean, runs away. A unit that is to show its cell when it is
# full does so one step late. And called a second time with the same arguments, it gives another result."
#
# Write it as it should be. Return `h` and `c`, each `(B, H)`.
#
# *Example*: $B = D = H = 1$, all weights and $b$ zero, $w_f = w_o = 1$, $c_{t-1} = 2$. Then $f = \sigma(2)$ and
# $g = 0$, so $c_t = 2\sigma(2)$, and $o = \sigma(2\sigma(2))$.
#
# *Where*: chapter *peephole*, "Common mistakes"; chapter *gru*, "A GRU is a coupled LSTM, with its output gate moved".


# %% question="repaired_step"
def repaired_step(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    """One step: x_t (B, D); h_prev, c_prev (B, H); W_x (3H, D); W_h (3H, H); b (3H,); w_f, w_o (H,).

    Returns h (B, H) and c (B, H).
    """
    ### BEGIN SOLUTION
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f + w_f * c_prev)
    c = f * c_prev + (1 - f) * np.tanh(a_g)
    o = sigmoid(a_o + w_o * c)
    return o * np.tanh(c), c
    ### END SOLUTION


# %% question="repaired_step" points=3 extra=true
check.repaired_step(repaired_step)
### BEGIN HIDDEN TESTS
check.repaired_step(repaired_step, seed=64879)
### END HIDDEN TESTS
