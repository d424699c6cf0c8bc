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
# # Memory without waiting
#
# A memory whose gates do not look at the state need not wait for it. You compute all its steps in a handful of
# rounds, in plain numbers and in logarithms, build the minLSTM and the mLSTM, and measure what the bargain costs.
#
# **Time**: 1.5 to 2 hours. **Points**: 26, and 3 extra. **You need**: NumPy and the chapter *future*; for question 5
# the chapter *attention* helps.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `by_hand` | 2 |
# | 2 | `scan_linear` | 5 |
# | 3 | `minlstm_forward` | 5 |
# | 4 | `log_space_scan` | 6 |
# | 5 | `mlstm_step` | 5 |
# | 6 | an explanation | 3 |
# | 7, extra | `scan_with_resets` | 3 |
#
# **How it works.** Write your code in place of `raise NotImplementedError()`, run the cell, then the check below
# it. It says part by part what is right and what the cause of a mistake looks like. When your work is graded the
# same check runs with other inputs. The assignment *lstm* has the long version of this paragraph. If you are
# stuck, `check.hint("scan_linear")` gives a nudge, and `check.hint("scan_linear", 2)` the next one.
#
# **Letters.** $T$ steps, $B$ sequences, $D$ inputs, $H$ units, $K$ numbers in a query, a key or a value. Time comes
# first: `a`, `b` and `hs` have the shape $(T, B, H)$. $\odot$ multiplies entry by entry.

# %%
import time

import numpy as np

from lstmkit.grading import future as check
from lstmkit.numpy.functions import sigmoid

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="by_hand"
# ## 1. Joined by hand (2 points)
#
# A linear recurrence takes steps of one kind, with a factor $a_t$ and an addend $b_t$ that know nothing of $h$:
#
# $$h_t = a_t\, h_{t-1} + b_t .$$
#
# Two such steps after each other are one step of the same kind, and so are four. `check.yours("by_hand")` gives
# you four steps of your own, `a` and `b`, and a number of steps `T`. Return a dict with
#
# - `factor` and `addend` of the four steps together, $h_4 = \text{factor} \cdot h_0 + \text{addend}$;
# - `rounds`: how many rounds it takes to join $T$ steps. In the first round every step is joined with the stretch
#   that ends one step before it, in the second with the one that ends two steps before it, then four, eight, and
#   so on, as long as this *reach* is smaller than $T$;
# - `joins`: how many pairs are joined in all these rounds. In a round with reach $r$ the first $r$ steps have
#   nothing left to be joined with.
#
# Work it out with a pencil or with a few lines of code, as you like.
#
# *Example*: the steps $(2, 1)$ and then $(3, 4)$ make $3(2h + 1) + 4$, so the factor is $6$ and the addend $7$.
# $T = 5$ takes three rounds, of $4$, $3$ and $1$ joins, which is $8$. A loop joins $4$ times, one after the other.
#
# *Where*: chapter *future*, "Joined in halves".

# %%
mine = check.yours("by_hand")
print(mine)


# %% question="by_hand"
def by_hand():
    """A dict with factor, addend, rounds and joins, all numbers."""
    ### BEGIN SOLUTION
    factor, addend = 1.0, 0.0
    for a, b in zip(mine["a"], mine["b"], strict=True):
        factor, addend = a * factor, a * addend + b
    rounds, joins, reach = 0, 0, 1
    while reach < mine["T"]:
        rounds, joins, reach = rounds + 1, joins + mine["T"] - reach, 2 * reach
    return {"factor": factor, "addend": addend, "rounds": rounds, "joins": joins}
    ### END SOLUTION


# %% question="by_hand" points=2
check.by_hand(by_hand)
### BEGIN HIDDEN TESTS
check.by_hand(by_hand, seed=48523)
### END HIDDEN TESTS

# %% [markdown] question="scan_linear"
# ## 2. All steps in a few rounds (5 points)
#
# Now for arrays, and for all the $h_t$. From `a`, `b` $(T, B, H)$ and `h0` $(B, H)$ compute `hs` $(T, B, H)$ of
#
# $$h_t = a_t \odot h_{t-1} + b_t, \qquad t = 1, \dots, T,$$
#
# with a number of array operations that grows like $\log_2 T$. So no loop over the steps, and none over blocks of
# them: a `for` or `while` over *rounds*. A stretch from $s$ to $r$ and one from $r$ to $t$ are joined by
#
# $$
# \begin{aligned}
# a_{s,t} &= a_{r,t} \odot a_{s,r} \\
# b_{s,t} &= a_{r,t} \odot b_{s,r} + b_{r,t} ,
# \end{aligned}
# $$
#
# and slices such as `a[reach:]` and `b[:-reach]` join all steps of a round at once. $T$ need not be a power of two,
# and factors may be negative or zero. Leave the arguments as they were.
#
# The check counts lines of Python that run: for sixteen times as many steps there may be a few more of them, not
# sixteen times as many. A right loop keeps the points for the values.
#
# *Example*: $T = 3$, all $a_t = \tfrac12$, all $b_t = 1$, $h_0 = 0$. After the round with reach $1$ the addends are
# $1, \tfrac32, \tfrac32$, after the one with reach $2$ they are $1, \tfrac32, \tfrac74$, and these are the $h_t$.
#
# *Where*: chapter *future*, "Joined in halves".


# %% question="scan_linear"
def scan_linear(a, b, h0):
    """hs (T, B, H) of h_t = a_t h_{t-1} + b_t, from a, b (T, B, H) and h0 (B, H), in about log2 T rounds."""
    ### BEGIN SOLUTION
    a, hs = a.copy(), b.copy()
    hs[0] += a[0] * h0
    reach = 1
    while reach < len(hs):
        hs[reach:] = a[reach:] * hs[:-reach] + hs[reach:]
        a[reach:] = a[reach:] * a[:-reach]
        reach = 2 * reach
    return hs
    ### END SOLUTION


# %% question="scan_linear" points=5
check.scan_linear(scan_linear)
### BEGIN HIDDEN TESTS
check.scan_linear(scan_linear, seed=71069)
### END HIDDEN TESTS

# %% [markdown]
# Is it faster than the loop? That is not a question about the equation. The next cell is not graded; run it, and
# change the sizes. You will need what it prints in question 6.


# %%
def loop(a, b, h0):
    """The same by a loop over the steps."""
    hs = np.empty_like(b)
    for t in range(len(b)):
        h0 = hs[t] = a[t] * h0 + b[t]
    return hs


def milliseconds(function, *arrays, repeats=5):
    """The shortest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arrays)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


try:
    rng = np.random.default_rng(0)
    for B in (1, 64):
        a, b, h0 = rng.uniform(0, 1, (2000, B, 16)), rng.normal(size=(2000, B, 16)), np.zeros((B, 16))
        print(f"{B:>2} sequences: loop {milliseconds(loop, a, b, h0):6.1f} ms", end=", ")
        print(f"rounds {milliseconds(scan_linear, a, b, h0):6.1f} ms")
except NotImplementedError:
    print("Answer question 2 first, then run this cell again.")

# %% [markdown] question="minlstm_forward"
# ## 3. The minLSTM (5 points)
#
# Every gate reads the input alone, and the two gates share the weight between them:
#
# $$
# \begin{aligned}
# i'_t &= \sigma(W_i x_t + b_i) \qquad f'_t = \sigma(W_f x_t + b_f) \qquad g_t = W_g x_t + b_g \\
# i_t &= \frac{i'_t}{f'_t + i'_t} \qquad\; f_t = \frac{f'_t}{f'_t + i'_t} \\
# h_t &= f_t \odot h_{t-1} + i_t \odot g_t
# \end{aligned}
# $$
#
# From `x` $(T, B, D)$, `h0` $(B, H)$, `W_x` $(3H, D)$ and `b` $(3H,)$, both in the order i, f, g, return `hs`
# $(T, B, H)$. Use your `scan_linear`, or a loop: the check does not count here. `sigmoid` is there.
#
# The last part asks for inputs so large that $i'_t$ and $f'_t$ are both zero in the computer. The shares are not:
# divide above and below by $f'_t$, and look for the form that uses $\log \sigma(a) = -\log(1 + e^{-a})$, which
# `-np.logaddexp(0, -a)` computes for every $a$.
#
# *Example*: $D = H = 1$, `W_x` zero, $b = (0, 0, 4)$, $h_0 = 2$. Then $i = f = \tfrac12$ and $g = 4$, so that
# $h_1 = 3$ and $h_2 = 3\tfrac12$.
#
# *Where*: chapter *future*, "The bargain: gates that do not look at the state".


# %% question="minlstm_forward"
def minlstm_forward(x, h0, W_x, b):
    """hs (T, B, H) of a minLSTM, from x (T, B, D), h0 (B, H), W_x (3H, D) and b (3H,) in the order i, f, g."""
    ### BEGIN SOLUTION
    a_i, a_f, g = np.split(x @ W_x.T + b, 3, axis=-1)
    f = sigmoid(np.logaddexp(0, -a_i) - np.logaddexp(0, -a_f))
    return scan_linear(f, (1 - f) * g, h0)
    ### END SOLUTION


# %% question="minlstm_forward" points=5
check.minlstm_forward(minlstm_forward)
### BEGIN HIDDEN TESTS
check.minlstm_forward(minlstm_forward, seed=26387)
### END HIDDEN TESTS

# %% [markdown] question="log_space_scan"
# ## 4. In logarithms, ten thousand steps (6 points)
#
# The recurrence can be solved outright. With $A_t = \sum_{s \le t} \log a_s$,
#
# $$h_t = \exp(A_t) \odot \Bigl(h_0 + \sum_{s=1}^{t} \exp(-A_s) \odot b_s\Bigr),$$
#
# and in this form it is useless: $A_t$ falls without end, and $\exp(-A_s)$ is soon larger than any number. Where
# all numbers are positive one can take the logarithm of both sides and never leave it. Write that: from `log_a`,
# `log_b` $(T, B, H)$ and `log_h0` $(B, H)$, which are $\log a_t$, $\log b_t$ and $\log h_0$, compute
# $\log h_t$ $(T, B, H)$.
#
# - Ten thousand steps must come out right, with fewer lines that run than there are steps: cumulative sums, and no
#   loop over the steps. `np.logaddexp(p, q)` is $\log(e^p + e^q)$ without overflow, and it can accumulate:
#   `np.logaddexp.accumulate(..., axis=0)`.
# - In float32 too. There a number near a thousand has three decimals left, and $A_t$ gets far beyond that. A loop
#   over *pieces* of the series is allowed.
# - $b_t$ and $h_0$ may be zero, so that their logarithm is $-\infty$. `log_a` is always finite.
#
# *Example*: $T = 1$, $a_1 = \tfrac12$, $b_1 = 1$, $h_0 = 4$. Then $h_1 = 3$, so the result is $\log 3$.
#
# *Where*: chapter *future*, "Is it faster?", its part on logarithms.


# %% question="log_space_scan"
def log_space_scan(log_a, log_b, log_h0):
    """log hs (T, B, H) of h_t = a_t h_{t-1} + b_t, from log_a, log_b (T, B, H) and log_h0 (B, H)."""
    ### BEGIN SOLUTION
    pieces = []
    for start in range(0, len(log_a), 64):
        A = np.cumsum(log_a[start : start + 64], axis=0)
        sums = np.logaddexp.accumulate(log_b[start : start + 64] - A, axis=0)
        pieces.append(A + np.logaddexp(log_h0, sums))
        log_h0 = pieces[-1][-1]
    return np.concatenate(pieces)
    ### END SOLUTION


# %% question="log_space_scan" points=6
check.log_space_scan(log_space_scan)
### BEGIN HIDDEN TESTS
check.log_space_scan(log_space_scan, seed=90121)
### END HIDDEN TESTS

# %% [markdown]
# Was it worth it? Factors between zero and one cannot overflow in a loop or in rounds. Not graded: how far are your
# two scans from the loop in float64, when all they get is float32?

# %%
try:
    rng = np.random.default_rng(0)
    a, b, h0 = rng.uniform(0.5, 1, (10_000, 1, 16)), rng.uniform(0, 1, (10_000, 1, 16)), rng.uniform(0, 1, (1, 16))
    exact, single = loop(a, b, h0), [array.astype(np.float32) for array in (a, b, h0)]
    print(f"in rounds      {np.abs(scan_linear(*single) - exact).max():.0e}")
    print(f"in logarithms  {np.abs(np.exp(log_space_scan(*map(np.log, single))) - exact).max():.0e}")
except NotImplementedError:
    print("Answer questions 2 and 4 first, then run this cell again.")

# %% [markdown] question="mlstm_step"
# ## 5. One step of the mLSTM (5 points)
#
# A memory that is a matrix. What a step is given has been made from the input alone: a query, a key (divided by
# $\sqrt K$ already) and a value, `q`, `k`, `v` $(B, K)$, and the pre-activations of two gates, `a_i` and `a_f`
# $(B,)$, one number for a whole matrix. The state is a triple $(C, n, m)$: the memory $(B, K, K)$, value by key, the
# normaliser $(B, K)$ and the stabiliser $(B,)$. For each sequence
#
# $$
# \begin{aligned}
# m_t &= \max\bigl(\log \sigma(a_f) + m_{t-1},\; a_i\bigr) \\
# i_t &= \exp(a_i - m_t) \qquad f_t = \exp\bigl(\log \sigma(a_f) + m_{t-1} - m_t\bigr) \\
# C_t &= f_t\, C_{t-1} + i_t\, v\, k^\top \\
# n_t &= f_t\, n_{t-1} + i_t\, k \\
# h_t &= \frac{C_t\, q}{\max\bigl(|n_t^\top q|,\; \exp(-m_t)\bigr)}
# \end{aligned}
# $$
#
# without an output gate. Return `h` and the new state, `h, (C, n, m)`. Scores of $\pm 900$ must come out right: the
# input gate is an exponential, and $m$ is the exponent relative to which everything is written, so that nothing
# overflows. It cancels in $h$.
#
# *Example*: $B = K = 1$, $q = k = 1$, $v = 3$, $a_i = a_f = 0$, and an empty memory, $C = n = m = 0$. Then $m_1 = 0$,
# $i_1 = 1$, $C_1 = 3$, $n_1 = 1$ and $h_1 = 3$: asked with the key that was written, it gives the value.
#
# *Where*: chapter *future*, "A matrix for a memory: the mLSTM" and "Exponential gates: the sLSTM".


# %% question="mlstm_step"
def mlstm_step(q, k, v, a_i, a_f, state):
    """One step: q, k, v (B, K); a_i, a_f (B,); state (C, n, m) of (B, K, K), (B, K) and (B,).

    Returns h (B, K) and the new state (C, n, m).
    """
    ### BEGIN SOLUTION
    C, n, m = state
    log_f = -np.logaddexp(0, -a_f)
    m_new = np.maximum(log_f + m, a_i)
    i, f = np.exp(a_i - m_new), np.exp(log_f + m - m_new)
    C = f[:, None, None] * C + i[:, None, None] * v[:, :, None] * k[:, None, :]
    n = f[:, None] * n + i[:, None] * k
    below = np.maximum(np.abs((n * q).sum(axis=1)), np.exp(-m_new))
    return (C @ q[:, :, None])[:, :, 0] / below[:, None], (C, n, m_new)
    ### END SOLUTION


# %% question="mlstm_step" points=5
check.mlstm_step(mlstm_step)
### BEGIN HIDDEN TESTS
check.mlstm_step(mlstm_step, seed=35591)
### END HIDDEN TESTS

# %% [markdown]
# A matrix of $K$ by $K$ finds values again by their keys. Not graded: write some pairs with random keys of length
# one, ask for all of them, and count how many of the values come back with the right signs.

# %%
try:
    rng = np.random.default_rng(0)
    for pairs in (2, 8, 32, 128):
        K, open_, right = 32, np.array([20.0]), []
        keys, values = rng.normal(size=(pairs, 1, K)), rng.choice([-1.0, 1.0], (pairs, 1, K))
        keys /= np.linalg.norm(keys, axis=2, keepdims=True)
        state = np.zeros((1, K, K)), np.zeros((1, K)), np.zeros(1)
        for k, v in zip(keys, values, strict=True):
            _, state = mlstm_step(k, k, v, np.zeros(1), open_, state)
        for k, v in zip(keys, values, strict=True):
            h, _ = mlstm_step(k, 0 * k, 0 * v, np.array([-50.0]), open_, state)
            right.append(np.mean(np.sign(h) == v))
        print(f"{pairs:>3} pairs in a matrix of {K} by {K}: {np.mean(right):.2f} of the signs are right")
except NotImplementedError:
    print("Answer question 5 first, then run this cell again.")

# %% [markdown] question="why"
# ## 6. What the bargain costs (3 points)
#
# The cell below follows a parity with your `scan_linear`. The state begins at one. A one in the input multiplies it
# by a factor, a zero leaves it alone, and a little noise is added at every step. The sign is read as the parity of the
# ones so far. It prints the share of 200 strings whose parity is right, for six factors and after 5 to 500 bits.
#
# Explain in about ten sentences:
#
# - why `scan_linear` needs factors and addends that do not see $h_{t-1}$: what would the two steps together look like
#   if $a_t$ were a function of $h_{t-1}$, as the forget gate of an LSTM is?
# - what this costs the minLSTM, and what in the table shows it; why one of the factors with a minus sign is right at
#   20 bits and not at 500, and what an LSTM can do about that which no linear recurrence can;
# - whether the rounds were faster than the loop *on your machine* (the cell after question 2), for one sequence and for
#   64, and what that has to do with the number of joins of question 1.
#
# *Where*: chapter *future*, "What is lost" and "Is it faster?".
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | What joining two steps asks of their form, and what two steps are when a gate reads $h$, as a formula. | 1 |
# | What the table shows of each sign and of the length, with its numbers, why, and what an LSTM does differently. | 1 |
# | All four measured times, and an explanation that names the joins and what else takes time. | 1 |

# %%
try:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (500, 200, 1))
    odd = np.cumsum(bits, axis=0) % 2 == 1
    noise = rng.normal(size=bits.shape) * 0.01
    print("factor      5 bits  20 bits  100 bits  500 bits")
    for factor in (1.0, 0.9, 0.5, -0.5, -0.9, -1.0):
        hs = scan_linear(np.where(bits == 1, factor, 1.0), noise, np.ones((200, 1)))
        shares = [np.mean((hs < 0)[T - 1] == odd[T - 1]) for T in (5, 20, 100, 500)]
        print(f"{factor:>6}   " + " ".join(f"{share:>9.2f}" for share in shares))
except NotImplementedError:
    print("Answer question 2 first, then run this cell again.")

# %% [markdown] question="why" points=3
# Two steps are joined without knowing the state because each of them is $h \mapsto a h + b$, and such maps after each
# other are again such a map. If $a_2$ were a function of $h_1 = a_1 h_0 + b_1$, then the two together would be
# $a_2(a_1 h_0 + b_1)\,(a_1 h_0 + b_1) + b_2$, which is no factor times $h_0$ plus an addend. Its form gets more
# complicated with every further step, and its numbers are known only when $h_0$ is. So the second half of the series
# has to wait for the first.
#
# The minLSTM's factor is a share between zero and one. It can fade the state and add to it, and never turn it over. In
# the table the positive factors give about one half, which is a guess: the state began positive and stays so until the
# noise is all that is left. With $-1$ all is right up to 500 bits, with $-0.9$ still at 20 bits, but after some fifty
# ones the state has faded to $0.9^{50} \approx 0.005$, less than the noise, and at 500 bits it is a guess again. The
# gates and the $\tanh$ of an LSTM see the state, so it can push a faded state back to one of two values, which is not
# linear.
#
# With 2000 steps the rounds make about ten times as many joins as the loop, in 11 rounds instead of 2000 steps. For one
# sequence of 16 units the loop spends its time on calls, and the rounds, with few of them, were the faster ones here.
# With 64 sequences the arithmetic and the memory traffic count, and there are more of them in the rounds: their lead
# shrank, or was lost. A short chain is a property of the equation. Faster is a property of a program on a machine.
#
# *How to mark*: the third point goes to any measured result that fits its explanation, whichever way was faster.

# %% [markdown] question="scan_with_resets"
# ## 7. Many short series in one long one (3 extra points)
#
# Training data are often many short series, packed one after the other. `starts` $(T, B)$ is true where a new series
# begins: the state before that step is then `h0` of that sequence, whatever came before. From `a`, `b` $(T, B, H)$,
# `h0` $(B, H)$ and `starts` compute `hs` $(T, B, H)$,
#
# $$
# h_t = a_t \odot \tilde h_{t-1} + b_t, \qquad
# \tilde h_{t-1} = \begin{cases} h_0 & \text{where a series begins at } t \\ h_{t-1} & \text{elsewhere,} \end{cases}
# $$
#
# again with a number of array operations that grows like $\log_2 T$, and not with the number of series. The kit has
# no such function. The state before the first step is $h_0$, whatever `starts` says there.
#
# *Example*: $T = 3$, $B = H = 1$, all $a_t = \tfrac12$, all $b_t = 1$, $h_0 = 4$, and a series begins at the third
# step. Then $h = 3,\, 2\tfrac12,\, 3$.
#
# *Where*: chapter *future*, "Joined in halves".


# %% question="scan_with_resets"
def scan_with_resets(a, b, h0, starts):
    """hs (T, B, H) of the scan in which the state is h0 (B, H) again before a step where starts (T, B) is true."""
    ### BEGIN SOLUTION
    new = starts[:, :, None]
    return scan_linear(np.where(new, 0, a), np.where(new, a * h0 + b, b), h0)
    ### END SOLUTION


# %% question="scan_with_resets" points=3 extra=true
check.scan_with_resets(scan_with_resets)
### BEGIN HIDDEN TESTS
check.scan_with_resets(scan_with_resets, seed=63029)
### END HIDDEN TESTS
