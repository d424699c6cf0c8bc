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
# # What an LSTM cannot do, and how one finds out
#
# A limitation is only as good as the task that shows it and the number it is held against. You build two such tasks
# with their baselines, a probe that says how far back any network hears, and you work out three limits on paper before
# anything is run.
#
# **Time**: 1 to 1.5 hours. **Points**: 20, and 3 extra. **You need**: NumPy, logarithms, a little probability, and the
# chapter *limitations*.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `copy_batch`, `guess_loss` | 5 |
# | 2 | `recall_batch` | 4 |
# | 3 | `influence`, `effective_memory` | 5 |
# | 4 | an explanation, in words | 3 |
# | 5 | `predict_limits`, with numbers of your own | 3 |
# | 6, extra | `cascade` | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then run the check below it, as
# often as you like. The check says, part by part, what is right, what is not, and what the cause looks like. When your
# work is graded the same checks run with other inputs. The assignment *lstm* has the long version of this paragraph.
# Question 4 is read by a person.
#
# **Hints.** `check.hint("copy_batch")` says a little about question 1, `check.hint("copy_batch", 2)` more, and so on
# for every question that has a check. They cost nothing.
#
# **Letters.** $T$ steps, $B$ sequences, $D$ inputs, $H$ units; time comes first. $S$ symbols are to be copied, each one
# of $V$ kinds. $K$ pairs of a key and a value are to be held, with $M$ kinds of key and $V$ kinds of value, and $Q$
# questions are asked.

# %%
import numpy as np

from lstmkit.grading import limitations as check

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="copy_batch"
# ## 1. Say it again (5 points)
#
# The copying task: $S$ symbols are shown, then comes a long silence, then a mark that says "now", and the symbols have
# to be said once more, in order. A sequence has $T + 2S$ steps:
#
# | steps, counted from 0 | `x` shows | `y` asks for |
# | --- | --- | --- |
# | $0$ to $S - 1$ | the symbols | blank |
# | $S$ to $S + T - 2$ | blank | blank |
# | $S + T - 1$ | the mark | blank |
# | $S + T$ to $2S + T - 1$ | blank | the symbols |
#
# The symbols are given: `symbols` $(S, B)$ holds numbers from 1 to $V$, a column for each sequence. Build `x`
# $(T + 2S, B, V + 2)$, one-hot: column 0 is the blank, columns 1 to $V$ are the symbols, column $V + 1$ is the mark.
# And build `y` $(T + 2S, B)$, whole numbers: 0 for the blank, else the symbol.
#
# Then the number to hold a network against. Somebody who knows *when* to answer, but not what, says "blank" with
# certainty until the mark and guesses evenly among the $V$ symbols after it. Write `guess_loss`, the mean cross-entropy
# of this over all $T + 2S$ steps, in nats.
#
# *Example*: $S = 1$, $T = 2$, $V = 2$ and the symbol 2. The steps of `x` are symbol 2, blank, mark, blank, so the
# columns with a one are 2, 0, 3, 0; `y` is 0, 0, 0, 2. One step in four is guessed, so `guess_loss` is
# $\frac14 \ln 2$.
#
# *Where*: chapter *limitations*, "It copies badly, and the start decides how badly".


# %% question="copy_batch"
def copy_batch(symbols, T, V=8):
    """x (T + 2S, B, V + 2), one-hot, and y (T + 2S, B), from symbols (S, B), whole numbers 1 to V."""
    ### BEGIN SOLUTION
    S, B = symbols.shape
    shown = np.zeros((T + 2 * S, B), int)
    y = np.zeros((T + 2 * S, B), int)
    shown[:S] = symbols
    shown[S + T - 1] = V + 1
    y[S + T :] = symbols
    return np.eye(V + 2)[shown], y
    ### END SOLUTION


def guess_loss(T, S, V=8):
    """The mean cross-entropy a step, in nats, of whoever knows when to answer but not what."""
    ### BEGIN SOLUTION
    return S * np.log(V) / (T + 2 * S)
    ### END SOLUTION


# %% question="copy_batch" points=5
check.copy_batch(copy_batch, guess_loss)
### BEGIN HIDDEN TESTS
check.copy_batch(copy_batch, guess_loss, seed=58169)
### END HIDDEN TESTS

# %% [markdown]
# A look at your task, not graded: three sequences, a row each, time from left to right. And a trap to know of: the
# longer the silence, the *smaller* the loss of a guess. A loss that looks small says nothing by itself.

# %%
try:
    x, y = copy_batch(np.random.default_rng(0).integers(1, 9, (4, 3)), 9)
    for row in range(3):
        shown = "".join(".12345678!"[n] for n in x[:, row].argmax(axis=-1))
        print(f"reads {shown}   says {''.join('.12345678'[n] for n in y[:, row])}")
    print({T: round(float(guess_loss(T, 10)), 3) for T in (10, 30, 100, 1000)})
except NotImplementedError:
    print("Answer question 1 first, then run this cell again.")

# %% [markdown] question="recall_batch"
# ## 2. A list of telephone numbers (4 points)
#
# Recall in the form of the literature: $K$ pairs, each of them *two* steps, a key and then its value; then $Q$ steps
# that ask for the value of a key. Keys and values are whole numbers in one alphabet: key $k$ has the number $k$, from
# $0$ to $M - 1$, value $v$ the number $M + v$, with $v$ from $0$ to $V - 1$.
#
# | steps, counted from 0 | `x` | `y` |
# | --- | --- | --- |
# | $0, 2, \dots, 2K - 2$ | a key | $-1$, nothing is asked |
# | $1, 3, \dots, 2K - 1$ | $M + v$, where $v$ is the value of the key before it | $-1$ |
# | $2K$ to $2K + Q - 1$ | a key of the list | $v$, its value |
#
# Draw $B$ sequences, `x` and `y` both $(2K + Q, B)$:
#
# - the keys of a sequence differ, and any $K$ of the $M$, in any order, may come;
# - the values are drawn independently of the keys and of each other, all $V$ alike;
# - each question asks for any of the $K$ pairs, independently of the others;
# - every sequence has draws of its own, and all of them come from `rng`, a `np.random.Generator`, so that the same
#   generator gives the same batch again.
#
# How you draw, and in which order, is up to you: the check looks at what has to hold for every such batch.
#
# *Example*: $K = 2$, $Q = 1$, $M = 10$ and the pairs (key 7, value 0), (key 3, value 4). A question for key 3 makes
# the column 7, 10, 3, 14, 3 of `x` and the column $-1, -1, -1, -1, 4$ of `y`.
#
# *Where*: chapter *limitations*, "It does not look things up".


# %% question="recall_batch"
def recall_batch(rng, K, B, Q, M, V):
    """x and y, whole numbers (2K + Q, B), drawn from the generator rng."""
    ### BEGIN SOLUTION
    keys = rng.random((M, B)).argsort(axis=0)[:K]
    values = rng.integers(0, V, (K, B))
    place, column = rng.integers(0, K, (Q, B)), np.arange(B)
    x = np.concatenate([np.zeros((2 * K, B), int), keys[place, column]])
    x[: 2 * K : 2] = keys
    x[1 : 2 * K : 2] = M + values
    y = np.concatenate([np.full((2 * K, B), -1), values[place, column]])
    return x, y
    ### END SOLUTION


# %% question="recall_batch" points=4
check.recall_batch(recall_batch)
### BEGIN HIDDEN TESTS
check.recall_batch(recall_batch, seed=34213)
### END HIDDEN TESTS

# %% [markdown]
# How good is somebody who remembers *which values* were shown, but not with which key, and names the commonest? Not
# graded, and worth knowing for question 5: with few pairs this bag of values is right far more often than a guess among
# 16, and looks like memory.

# %%
try:
    for K in (2, 4, 16):
        x, _ = recall_batch(np.random.default_rng(1), K, 4000, 1, 64, 16)
        bags = (x[1 : 2 * K : 2, :, None] == 64 + np.arange(16)).sum(axis=0)  # how often each value was shown
        right = bags.max(axis=-1).mean() / K
        print(f"{K:2} pairs: the bag is right in {right:.2f} of the questions, a guess in {1 / 16:.2f}")
except NotImplementedError:
    print("Answer question 2 first, then run this cell again.")

# %% [markdown] question="effective_memory"
# ## 3. How far back does it hear? (5 points)
#
# A probe for any network, whatever is inside. It is given as a function `f`: from a sequence `x` $(T, D)$ it makes a
# result of $H$ numbers, say the last hidden state. Change one number of `x` a little, and see how much the result
# moves. By differences to both sides,
#
# $$
# s_{t,d} = \frac{f(x + \delta\, e_{t,d}) - f(x - \delta\, e_{t,d})}{2 \delta}
# \qquad \text{an array of } H \text{ numbers,}
# $$
#
# where $e_{t,d}$ is one at step $t$, input $d$, and zero elsewhere. The *influence* of the input $k$ steps before the
# last one is the length of all these slopes together. With steps counted from 0,
#
# $$
# r_k = \sqrt{\sum_{d=1}^{D} \; \lVert s_{T-1-k,\,d} \rVert^2}, \qquad k = 0, \dots, T - 1 .
# $$
#
# Write `influence`, which returns $r$ $(T,)$, the last step of `x` first. Leave `x` as it was.
#
# The *effective memory* at `eps` is the largest lag $k$ at which $r_k$ is *above* `eps` times the largest of all $r$.
# An influence may sink and rise again, if the network waits for something: take the largest such lag even if smaller
# ones are not above the bound. If nothing has any influence there is no such lag; return $-1$.
#
# *Example*: $f(x) = 2 x_{T-1} + x_{T-3}$ for $D = 1$ has $r = (2, 0, 1, 0, \dots)$. With `eps` $= 0.4$ the bound is
# $0.8$ and the effective memory 2; with `eps` $= 0.6$ it is 0.
#
# *Where*: chapter *limitations*, "Its reach has to be made, and is short when nobody does" and "Exercises".


# %% question="effective_memory"
def influence(f, x, delta=1e-4):
    """r (T,): entry k says how much f(x), of H numbers, is moved by the input k steps before the last of x (T, D)."""
    ### BEGIN SOLUTION
    T, D = x.shape
    r = np.zeros(T)
    for t in range(T):
        for d in range(D):
            above, below = x.copy(), x.copy()
            above[t, d] += delta
            below[t, d] -= delta
            r[T - 1 - t] += np.sum(((f(above) - f(below)) / (2 * delta)) ** 2)
    return np.sqrt(r)
    ### END SOLUTION


def effective_memory(r, eps):
    """The largest lag at which the influence r (T,) is above eps times its largest entry; -1 if there is none."""
    ### BEGIN SOLUTION
    lags = np.flatnonzero(r > eps * np.max(r))
    return lags[-1] if len(lags) > 0 else -1
    ### END SOLUTION


# %% question="effective_memory" points=5
check.effective_memory(influence, effective_memory)
### BEGIN HIDDEN TESTS
check.effective_memory(influence, effective_memory, seed=70891)
### END HIDDEN TESTS

# %% [markdown]
# **Before question 4**, a measurement with your probe: LSTMs of 16 units, *untrained*, that read 80 steps of noise. All
# that differs is the forget bias. The table has the effective memory at one hundredth for three networks each, and the
# share of the largest influence that the very first step still has. (It takes some seconds.)


# %%
def reach(forget_bias, seed, T=80, D=2, H=16):
    """The effective memory of an untrained LSTM at one hundredth, and the relative influence of its first step."""
    from lstmkit.numpy import lstm

    rng = np.random.default_rng(seed)
    params = lstm.init_params(rng, D, H, forget_bias=forget_bias)

    def last_state(x):
        return lstm.forward(params, x[:, None], keep_cache=False)[0][-1, 0]

    r = influence(last_state, rng.normal(size=(T, D)))
    return effective_memory(r, 0.01), r[-1] / np.max(r)


try:
    for bias in (0.0, 1.0, 2.0, 4.0):
        lags, shares = zip(*(reach(bias, seed) for seed in range(3)), strict=True)
        heard = ", ".join(f"{lag:2}" for lag in lags)
        print(f"forget bias {bias:g}: effective memory {heard} of 79   first step {max(shares):.0e}")
except NotImplementedError:
    print("Answer question 3 first, then run this cell again.")

# %% [markdown] question="why"
# ## 4. Which kind of cannot? (3 points)
#
# "An LSTM forgets after about twenty steps: I have measured it." The chapter's introduction keeps three kinds of
# *cannot* apart: it cannot represent it, it cannot learn it from this start, it was not taught it. With the table
# above, in some eight sentences: what did this person measure, and what sets that number? Of which kind of cannot
# does it tell something, and what would you have to do to find out about each of the other two?
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | which networks the number belongs to, and what sets it, with numbers from two rows of the table | 1 |
# | the kind of cannot that it bears on, with the reason, and what the other rows say about the cell itself | 1 |
# | for each of the other two kinds, something to do that could find out | 1 |

# %% [markdown] question="why" points=3
# What was measured is how far back an *untrained* LSTM hears, started with a forget bias of one: the row of bias 1 in
# the table above has lags of this size. The row of bias 0 has far shorter ones, and with a bias of 4 the very first
# step is still heard. So the number is set by the start: the gate stands near $\sigma(b_f)$, and along the cell the
# influence shrinks by about that factor a step. With $\sigma(1) = 0.73$, $0.73^{k}$ is below a hundredth after 15
# steps, and the paths through the gates add the rest.
#
# The same cell with another bias hears everything, so this is no limit of what it can represent. It does tell about
# learning from this start: where the influence is nearly nothing, so is the gradient, and a network that starts so
# will hardly find a connection over 80 steps.
#
# To find out about representing I would look for weights that do it, by hand (a gate held open, an input gate that
# writes once) or from a better start. To find out about teaching I would train the network on a task whose answer
# needs the distant past, and one where it does not, and measure the effective memory of both after training: a network
# uses the past that lowers its loss, and most texts reward the last few words.
#
# *To mark*: a point for each row of the rubric. The first wants *untrained* and the forget bias, with numbers of two
# rows. The second wants learning, by way of the gradient, *and* that a larger bias shows the cell can. The third wants
# both: weights that do it for representing, a task that asks for it for teaching.

# %% [markdown] question="predict_limits"
# ## 5. Before running: three limits (3 points)
#
# `mine` in the next cell holds your own parameters; without a course's code everybody has the same ones. Predict, by
# thinking and not by running:
#
# - `bits`: $K$ = `K` pairs are shown, with different keys out of $M$ = `M` kinds, each with one of $V$ = `V` values.
#   A state that can answer every question about the list must differ for any two lists that give different answers; the
#   order of the pairs does not matter. How many bits does that take at least? (Not rounded.)
# - `bag`: *three* pairs, with values drawn independently from the `V` kinds. Somebody remembers which values were
#   shown, and how often, but not with which key, and names the commonest. How often, on average, is that right?
# - `stuck`: a read-out says $w^\top h_t + b$ with $w$ = `w` and $b$ = `bias`, and every entry of $h_t$ lies between
#   $-1$ and $1$. The series to be said is `level` + $t \cdot$ `slope` at step $t = 0, 1, 2, \dots$ Which is the first
#   step at which no state whatever can say it, because the value is as large as the read-out's upper end or larger?
#
# `stuck` is a whole number. Give the two others with all their digits, as an expression.
#
# *Example*: two of 4 keys with one of 2 values each make $6 \cdot 4 = 24$ different lists, so `bits` would be $\log_2
# 24$. For *two* pairs and two kinds of value, the values are equal half of the time, and then the bag is right; else
# it is right half of the time: together $\tfrac34$. With $w = (1, -2)$ and $b = -1$ the upper end is $2$, so a series
# that starts at 0 and rises by $0.3$ is out of reach at step 7.
#
# *Where*: chapter *limitations*, "It does not look things up", "It does not stay itself at other lengths and levels"
# and "Exercises".

# %%
mine = check.yours("predict_limits")
print(mine)


# %% question="predict_limits"
def predict_limits():
    """{"bits": a number, "bag": a share, "stuck": a whole number}."""
    ### BEGIN SOLUTION
    from math import comb

    M, K, V = mine["M"], mine["K"], mine["V"]
    equal, different = 1 / V**2, (1 - 1 / V) * (1 - 2 / V)
    upper_end = np.sum(np.abs(mine["w"])) + mine["bias"]
    return {
        "bits": np.log2(comb(M, K)) + K * np.log2(V),
        "bag": equal + different / 3 + (1 - equal - different) * 2 / 3,
        "stuck": np.ceil((upper_end - mine["level"]) / mine["slope"]),
    }
    ### END SOLUTION


# %% question="predict_limits" points=3
check.predict_limits(predict_limits)
### BEGIN HIDDEN TESTS
check.predict_limits(predict_limits, seed=92347)
### END HIDDEN TESTS

# %% [markdown]
# Compare, not graded: your bits beside the bits of a state of 32 numbers of 32 bits each, which is not even a large
# one. Whatever keeps an LSTM from looking things up, with lists of this length it is not the room.

# %%
try:
    print(f"needed: {predict_limits()['bits']:.0f} bits; in 32 numbers of 32 bits: {32 * 32} bits")
except NotImplementedError:
    print("Answer question 5 first, then run this cell again.")

# %% [markdown] question="cascade"
# ## 6. A copy through leaky cells (3 extra points)
#
# If one leaky cell forgets too early, may a row of them remember for longer? Let $n$ cells stand in a row. Each keeps
# the share $f$ of what it holds and takes in the share $1 - f$ of what it hears, and each hears what the one before
# it holds *now*, at the same step:
#
# $$
# c^{(j)}_t = f\, c^{(j)}_{t-1} + (1 - f)\, c^{(j-1)}_t, \qquad j = 1, \dots, n, \qquad c^{(j)}_{-1} = 0 .
# $$
#
# The first hears an impulse: $c^{(0)}_t$ is one at $t = 0$ and zero after it. Return what the *last* cell holds at
# the steps $0$ to $T - 1$, for one cell or for hundreds, for ten steps or for thousands.
#
# *Example*: $n = 2$ and $f = \tfrac12$. The first cell holds $\tfrac12, \tfrac14, \tfrac18, \dots$, the second
# $\tfrac14, \tfrac14, \tfrac{3}{16}, \dots$
#
# *Where*: chapter *limitations*, "It copies badly, and the start decides how badly".


# %% question="cascade"
def cascade(f, n, T):
    """What the last of n leaky cells holds at the steps 0 to T - 1 after an impulse, (T,)."""
    ### BEGIN SOLUTION
    response = np.zeros(T)
    response[0] = 1
    for _ in range(n):
        c = 0.0
        for t in range(T):
            c = f * c + (1 - f) * response[t]
            response[t] = c
    return response
    ### END SOLUTION


# %% question="cascade" points=3 extra=true
check.cascade(cascade)
### BEGIN HIDDEN TESTS
check.cascade(cascade, seed=46633)
### END HIDDEN TESTS

# %% [markdown]
# What you have built, as a picture: the impulse does arrive later in a longer row, and it arrives wider and lower. A
# row of leaks keeps *that* something came, and loses *when*, so a list of symbols would run together.


# %%
def draw_cascades():
    """The responses of rows of 1, 3, 10 and 30 cells."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for n in (1, 3, 10, 30):
        ax.plot(cascade(0.8, n, 200), label=f"{n} cells")
    ax.set(xlabel="steps after the impulse", ylabel="what the last cell holds", ylim=(0, 0.12))
    ax.legend()
    plt.show()


try:
    draw_cascades()
except NotImplementedError:
    print("Answer question 6 first, then run this cell again.")
except ImportError:
    print("Install matplotlib to see the picture.")
