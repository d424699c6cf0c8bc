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
# # The cell, part by part
#
# You find out how long a cell remembers, pack the weights of a cell as libraries keep them, repair a cell that
# somebody has broken, and set one unit by hand, without training, so that it does what you want.
#
# **Time**: 1 to 1.5 hours. **Points**: 20, and 3 extra. **You need**: NumPy, and the chapter *architecture*.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `half_life`, `retention` | 3 |
# | 2 | `stack_count` | 2 |
# | 3 | `pack`, `unpack` | 5 |
# | 4 | `holding_step`, a repair | 5 |
# | 5 | `weights_that_hold` | 3 |
# | 6 | two ways to lose a number, in words | 2 |
# | 7, extra | `memory_biases`, `bias_for` | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then the check below it, as
# often as you like. The check says part by part what is right, and what the cause of the rest looks like; your work
# is graded by the same check on other inputs. Each part has its own points. (The assignment *lstm* says more.) If you
# are stuck, `check.hint("pack")` gives you a nudge and `check.hint("pack", 2)` the next one.
#
# **Letters.** $B$ sequences, $D$ inputs, $H$ units. Gates $i$, $f$, $o$, candidate $g$, cell state $c$, hidden state
# $h$. Packed weights stack the blocks i, f, g, o: `W_x` $(4H, D)$, `W_h` $(4H, H)$, `b` $(4H,)$. $\sigma$ is the
# sigmoid, $\odot$ multiplies entry by entry.

# %%
import numpy as np

from lstmkit.grading import architecture as check
from lstmkit.numpy import lstm

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="half_life"
# ## 1. How long is long-term? (3 points)
#
# Suppose that nothing is written and that the forget gate stands still at $f = \sigma(b)$. Each step multiplies the
# cell by $f$. Write
#
# $$\text{retention}(b, t) = f^{\,t}, \qquad \text{half-life}(b) = \frac{\ln 2}{-\ln f},$$
#
# the share that is left after $t$ steps, and the number of steps after which one half is left, which need not be a
# whole number. `forget_bias` is an array of any shape, `t` a number. The results have the shape of `forget_bias`.
#
# They must be right and finite for extreme biases too. At $b = 40$ the gate is one to the last bit of float64; in
# real arithmetic it is not, and after $10^{17}$ steps you would notice. At $b = -800$ the gate comes out as zero,
# whose logarithm is infinite.
#
# *Example*: at $b = 0$ the gate stands at $\tfrac12$. The half-life is one step, and after three steps
# $\tfrac18$ is left.
#
# *Where*: chapter *architecture*, "What \"unchanged\" would need".


# %% question="half_life"
def half_life(forget_bias):
    """The steps until half is left, for an array of forget biases of any shape."""
    ### BEGIN SOLUTION
    return np.log(2) / np.logaddexp(0, -forget_bias)
    ### END SOLUTION


def retention(forget_bias, t):
    """The share that is left after t steps, for an array of forget biases of any shape."""
    ### BEGIN SOLUTION
    return np.exp(-t * np.logaddexp(0, -forget_bias))
    ### END SOLUTION


# %% question="half_life" points=3
check.half_life(half_life, retention)
### BEGIN HIDDEN TESTS
check.half_life(half_life, retention, seed=38183)
### END HIDDEN TESTS

# %% [markdown]
# What does a network start with? The next cell is not graded. A forget bias of 0 or 1 is the usual start; a task with
# a hundred steps needs another, or has to learn it.

# %%
try:
    for bias in (0.0, 1.0, 3.0, 5.0, 10.0):
        n, left = half_life(np.array(bias)), retention(np.array(bias), 100)
        print(f"b = {bias:4.0f}   half-life {float(n):10.1f} steps   left after 100 steps {float(left):.3g}")
except NotImplementedError:
    print("Answer question 1 first, then run this cell again.")

# %% [markdown] question="stack_count"
# ## 2. A stack of layers (2 points)
#
# LSTM layers stand on top of each other. The first reads $D$ numbers a step; each of the others reads what the layer
# below hands on. `sizes` lists the units of the layers, from below: `sizes = [H_1, H_2, ...]`. A layer with $R$
# inputs and $H$ units has $4H(R + H + n)$ numbers, where $n$ is `biases`, the number of its biases, 1 or 2.
#
# With `bidirectional` every layer has two directions. Both read the same inputs, each has its own weights and its own
# $H$ units, and the layer hands on the hidden states of both, side by side.
#
# Return the number of trainable numbers of the whole stack.
#
# *Example*: $D = 1$ and `sizes = [1, 1]`, with one bias. One way each layer has $4 \cdot (1 + 1 + 1) = 12$, together
# 24. In both directions the first layer has $2 \cdot 12$; the second reads two numbers and has
# $2 \cdot 4 \cdot (2 + 1 + 1) = 32$; together 56.
#
# *Where*: chapter *architecture*, "The equation".


# %% question="stack_count"
def stack_count(D, sizes, bidirectional=False, biases=1):
    """The number of trainable numbers of LSTM layers with `sizes` units each, an int."""
    ### BEGIN SOLUTION
    directions = 2 if bidirectional else 1
    total, reads = 0, D
    for H in sizes:
        total += directions * 4 * H * (reads + H + biases)
        reads = directions * H
    return total
    ### END SOLUTION


# %% question="stack_count" points=2
check.stack_count(stack_count)
### BEGIN HIDDEN TESTS
check.stack_count(stack_count, seed=71549)
### END HIDDEN TESTS

# %% [markdown] question="pack"
# ## 3. From the guide's form to the packed one (5 points)
#
# Many texts give every gate a matrix of its own, which acts on the previous hidden state and the input, one above the
# other:
#
# $$f_t = \sigma\big(W_f \cdot [h_{t-1}, x_t] + b_f\big), \qquad W_f \text{ of shape } (H, H + D), \quad
# b_f \text{ of shape } (H,),$$
#
# and so for $i$, $g$ and $o$. Libraries pack all four into `W_x` $(4H, D)$, `W_h` $(4H, H)$ and `b` $(4H,)$, with the
# blocks i, f, g, o one below the other, so that
#
# $$\big[a_i,\, a_f,\, a_g,\, a_o\big] = x_t W_x^\top + h_{t-1} W_h^\top + b .$$
#
# Write `pack`, which goes from the first form to the second, and `unpack`, which goes back and returns eight arrays:
# `W_i, W_f, W_g, W_o, b_i, b_f, b_g, b_o`. A round trip is a good test, and not a sufficient one: two errors may
# cancel.
#
# *Example*: $H = D = 1$ and $W_i = (1 \;\; 2)$, $W_f = (3 \;\; 4)$, $W_g = (5 \;\; 6)$, $W_o = (7 \;\; 8)$. Then
# `W_h` is the column 1, 3, 5, 7 and `W_x` the column 2, 4, 6, 8.
#
# *Where*: chapter *notation*, "One matrix for each gate, or two matrices for all"; chapter *architecture*, "The
# equation".


# %% question="pack"
def pack(W_i, W_f, W_g, W_o, b_i, b_f, b_g, b_o):
    """W_x (4H, D), W_h (4H, H), b (4H,) from matrices (H, H + D) that act on [h, x], and biases (H,)."""
    ### BEGIN SOLUTION
    H = len(b_i)
    W = np.concatenate([W_i, W_f, W_g, W_o])
    return W[:, H:], W[:, :H], np.concatenate([b_i, b_f, b_g, b_o])
    ### END SOLUTION


def unpack(W_x, W_h, b):
    """W_i, W_f, W_g, W_o, each (H, H + D), and b_i, b_f, b_g, b_o, each (H,)."""
    ### BEGIN SOLUTION
    return (*np.split(np.hstack([W_h, W_x]), 4), *np.split(b, 4))
    ### END SOLUTION


# %% question="pack" points=5
check.pack(pack, unpack)
### BEGIN HIDDEN TESTS
check.pack(pack, unpack, seed=20963)
### END HIDDEN TESTS

# %% [markdown] question="holding_step"
# ## 4. Repair a cell (5 points)
#
# Here is a variant of the LSTM whose output gate can *hold*: what it does not show anew stays as it was. With o shut
# the hidden state does not go to zero but keeps its old value.
#
# $$
# \begin{aligned}
# \big[a_i,\, a_f,\, a_g,\, a_o\big] &= x_t W_x^\top + h_{t-1} W_h^\top + b \\
# i = \sigma(a_i), \quad f &= \sigma(a_f), \quad o = \sigma(a_o), \quad g = \tanh(a_g) \\
# c_t &= f \odot c_{t-1} + i \odot g \\
# h_t &= o \odot \tanh(c_t) + (1 - o) \odot h_{t-1}
# \end{aligned}
# $$
#
# Somebody has written it down like this:
#
# ```python
# def holding_step(x_t, h_prev, c_prev, W_x, W_h, b):
#     a = x_t @ W_x.T + h_prev @ W_h.T + b
#     i, f, g, o = np.split(1 / (1 + np.exp(-a)), 4, axis=1)
#     c = c_prev
#     c *= i
#     c += f * g
#     h = (1 - o) * c + o * h_prev
#     return h, c
# ```
#
# It runs, the shapes are right, and it has five faults. Write it as it should be. Each fault that is gone earns a
# point, and is judged by itself: the check uses weights with which the other faults cannot be seen. Its parts are
# named after what the cell should be able to do: keep **the past** in $c$, take in **the candidate**, show $c$ only
# after **the squashing**, and do **the holding** of $h$.
#
# *Example*: $B = D = H = 1$, all weights and $b$ zero, $c_{t-1} = 2$, $h_{t-1} = 3$. All gates stand at $\tfrac12$
# and $g = 0$, so $c_t = 1$ and $h_t = \tfrac12 \tanh(1) + \tfrac32$. The broken one returns $c_t = 1.25$, and $c_{t-1}$
# is 1.25 as well afterwards.
#
# *Where*: chapter *architecture*, "The parts, one by one" and "Common mistakes".


# %% question="holding_step"
def holding_step(x_t, h_prev, c_prev, W_x, W_h, b):
    """One step: x_t (B, D); h_prev, c_prev (B, H); W_x (4H, D); W_h (4H, H); b (4H,).  Returns h, c, each (B, H)."""
    ### BEGIN SOLUTION
    a_i, a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 4, axis=1)
    i, f, o = (0.5 + 0.5 * np.tanh(0.5 * a) for a in (a_i, a_f, a_o))
    c = f * c_prev + i * np.tanh(a_g)
    h = o * np.tanh(c) + (1 - o) * h_prev
    return h, c
    ### END SOLUTION


# %% question="holding_step" points=5
check.holding_step(holding_step)
### BEGIN HIDDEN TESTS
check.holding_step(holding_step, seed=84061)
### END HIDDEN TESTS

# %% [markdown] question="weights_that_hold"
# ## 5. A unit set by hand (3 points)
#
# One unit of a standard LSTM reads two numbers a step, a value $v$ between $-1$ and $1$ and a mark $m$, which is 0 or
# 1: `x_t = (v, m)`. Choose its weights, `W_x` $(4, 2)$, `W_h` $(4, 1)$ and `b` $(4,)$, rows i, f, g, o, so that
#
# - it **keeps**: while $m = 0$ it ignores $v$, and after $T$ such steps the share `left` of what it held is left;
# - it **overwrites**: at a step with $m = 1$ the old content is dropped, and $c$ becomes $\tanh(k\,v)$;
# - it **shows** what it has: $h = \tanh(c)$ at every step.
#
# $c$ and $h$ may be off by 0.01. All entries must be finite. The numbers $T$, `left` and $k$ are
# yours; the next cell shows them. No training is needed, only pencil and paper.
#
# *Example*: to forget half at every step the forget gate would have to stand at $\tfrac12$, so its bias would be 0.
#
# *Where*: chapter *architecture*, "What \"unchanged\" would need", and the exercise "By hand" there; chapter *gates*,
# "Four corners".

# %%
mine = check.yours("weights_that_hold")
print(mine)


# %% question="weights_that_hold"
def weights_that_hold():
    """W_x (4, 2), W_h (4, 1), b (4,) of a unit that keeps, overwrites and shows; rows i, f, g, o."""
    T, left, k = mine["T"], mine["left"], mine["k"]
    ### BEGIN SOLUTION
    f = left ** (1 / T)
    b_f = np.log(f / (1 - f))
    W_x = np.array([[0.0, 40.0], [0.0, -b_f - 20.0], [k, 0.0], [0.0, 0.0]])
    return W_x, np.zeros((4, 1)), np.array([-20.0, b_f, 0.0, 20.0])
    ### END SOLUTION


# %% question="weights_that_hold" points=3
check.weights_that_hold(weights_that_hold)
### BEGIN HIDDEN TESTS
check.weights_that_hold(weights_that_hold, seed=59387)
### END HIDDEN TESTS

# %% [markdown]
# Now let your unit hold the number 1 for longer than it was made for, among noise. The next cell is not graded. It
# runs 400 sequences of unmarked noise and prints the mean of $c$ and its standard deviation, once for your unit and
# once for the same unit with its input gate less firmly shut, $b_i = -4$.


# %%
def held(W_x, W_h, b, steps, sequences=400):
    """The mean and the standard deviation of c after unmarked noise, for a unit that held 1."""
    v = np.random.default_rng(0).uniform(-1, 1, (steps, sequences))
    x = np.stack([v, np.zeros_like(v)], axis=2)
    start = np.ones((sequences, 1))
    _, last, _ = lstm.forward(lstm.Params(W_x, W_h, b), x, lstm.State(np.tanh(start), start))
    return last.c.mean(), last.c.std()


try:
    W_x, W_h, b = (np.asarray(array, dtype=np.float64) for array in weights_that_hold())
    leaky = np.array([-4.0, *b[1:]])
    print("steps    your unit: mean, deviation    b_i = -4: mean, deviation")
    for steps in (mine["T"] * times for times in (1, 2, 4, 8)):
        firm, loose = held(W_x, W_h, b, steps), held(W_x, W_h, leaky, steps)
        print(f"{steps:5d} {firm[0]:20.3f} {firm[1]:10.3f} {loose[0]:18.3f} {loose[1]:10.3f}")
except NotImplementedError:
    print("Answer question 5 first, then run this cell again.")

# %% [markdown] question="why"
# ## 6. Two ways to lose a number (2 points)
#
# Look at the table that you have just made. The mean falls, and with the looser input gate the deviation is no longer
# zero. Explain in four to eight sentences where each of the two comes from in the cell equation, and which of the two
# losses a read-out could make good that knows how many steps have passed and cannot see the noise.
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | The mean: the term that it comes from, and whether a read-out can make it good, with the reason | 1 |
# | The deviation: the term that it comes from, and whether a read-out can make it good, with the reason | 1 |

# %% [markdown] question="why" points=2
# The mean falls because the old cell is multiplied by the forget gate at every step, $f \odot c_{t-1}$. After $t$
# steps it has met $f^t$, here the share `left` at $T$, its square at $2T$, and so on. That factor does not depend on
# the noise, so it is the same in all sequences: whoever knows $t$ and $f$ can divide by $f^t$ and has the number back.
# This works as long as what is left is larger than whatever else is in the cell.
#
# The deviation comes in by the other term, $i \odot g$. A gate with $b_i = -4$ is open by about two percent, and at
# each step lets in two percent of a candidate that has nothing to do with what is held. The sum of these is
# different in every sequence. A read-out that does not see the noise cannot know it, so it cannot take it out, and as
# the mean falls while the deviation does not, in the end nothing is left to read. Dividing by $f^t$ would enlarge the
# noise as well. What the forget gate loses is lost in a known way; what the input gate lets in is not.

# %% [markdown] question="memory_biases"
# ## 7. A memory for every length (3 extra points)
#
# A task has dependencies of many lengths, and nobody knows which. So the units should start with different
# half-lives, from short to long. Write two functions.
#
# `bias_for` turns question 1 round: the forget bias for a given half-life $n$, an array of any shape. From
# $f^n = \tfrac12$ follows
#
# $$b = -\ln\big(2^{1/n} - 1\big).$$
#
# Like `half_life` it has to be right for extremes: for $n = 10^{18}$, where $2^{1/n}$ is one to the last bit, and for
# $n = 0.0005$, where it overflows.
#
# `memory_biases` gives the whole bias `b` $(4H,)$ of a layer of $H \ge 2$ units, blocks i, f, g, o. The half-life of
# the first unit is `shortest`, that of the last is `longest`, and each is the one before it times the same factor. The
# input block holds the opposite numbers, $b_i = -b_f$, so that a unit that keeps for long also takes in little at a
# time. The other two blocks are zero.
#
# *Example*: a half-life of 1 needs the bias 0. With $H = 3$, from 1 to 4 steps, the half-lives are 1, 2 and 4, and
# the second forget bias is $-\ln(\sqrt2 - 1)$.
#
# *Where*: chapter *architecture*, "What \"unchanged\" would need" and its exercise "A half-life to order".


# %% question="memory_biases"
def bias_for(half_life):
    """The forget bias with this half-life, for an array of any shape."""
    ### BEGIN SOLUTION
    L = np.log(2) / half_life
    return -L - np.log(-np.expm1(-L))
    ### END SOLUTION


def memory_biases(H, shortest, longest):
    """b (4H,) of a layer whose H units have half-lives from `shortest` to `longest`."""
    ### BEGIN SOLUTION
    b_f = bias_for(np.geomspace(shortest, longest, H))
    return np.concatenate([-b_f, b_f, np.zeros(2 * H)])
    ### END SOLUTION


# %% question="memory_biases" points=3 extra=true
check.memory_biases(memory_biases, bias_for)
### BEGIN HIDDEN TESTS
check.memory_biases(memory_biases, bias_for, seed=46027)
### END HIDDEN TESTS
