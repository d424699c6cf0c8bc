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
# # The network before the LSTM
#
# You build the simple recurrent network of 1990, forwards and backwards, and then measure on it what a thesis of
# 1991 and a paper of 1994 found: how fast its gradient dies. At the end you can say in numbers what the cell of
# 1997 repaired, and what the forget gate of 2000 repaired in turn.
#
# **Time**: 1.5 to 2 hours. **Points**: 28, and 3 extra. **You need**: NumPy, the chain rule, products of matrices, and
# the chapter *evolution*.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `rnn_step` | 4 |
# | 2 | `rnn_forward` | 4 |
# | 3 | `rnn_backward` | 10 |
# | 4 | `jacobian_norms` | 4 |
# | 5 | an explanation, in words | 3 |
# | 6 | `predict_memory`, with numbers of your own | 3 |
# | 7, extra | `truncated_backward` | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then run the check below it, as
# often as you like. The check says, part by part, what is right, what is not, and what the cause looks like. What a
# question builds on is replaced by a right version where yours is not right yet, so one mistake costs points once.
# When your work is graded the same checks run with other inputs. The assignment *lstm* has the long version of this
# paragraph. Question 5 is read by a person.
#
# **Hints.** `check.hint("rnn_step")` says a little about question 1, `check.hint("rnn_step", 2)` more, and so on for
# every question that has a check. They cost nothing.
#
# **Letters.** $T$ steps, $B$ sequences, $D$ inputs, $H$ units. Time comes first: `x` has the shape $(T, B, D)$,
# and each sequence is a row of `x[t]`. The weights are `W_x` $(H, D)$, `W_h` $(H, H)$, `b` $(H,)$. A name such as
# `d_h` is the gradient of the loss with respect to `h`, and has the shape of `h`.

# %%
import numpy as np

from lstmkit.grading import evolution as check

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="rnn_step"
# ## 1. One step (4 points)
#
# A first success in two minutes. The simple recurrent network feeds its hidden state back:
#
# $$
# h_t = \tanh(W_x x_t + W_h h_{t-1} + b).
# $$
#
# The equation is about one sequence, with columns $x_t$ and $h_{t-1}$. The code carries $B$ sequences, each a row of
# `x_t` $(B, D)$ and of `h_prev` $(B, H)$: the product $W_x x_t$ becomes `x_t @ W_x.T`, and what happens to the other
# one you can say yourself. Do not modify the arguments, and take all sizes from their shapes.
#
# *Example*: $B = D = 1$, $H = 2$, $x = 0$, $b = (0, 0)$, $h_{t-1} = (1, 0)$ and
# $W_h = \begin{pmatrix} 0 & 0 \\ 3 & 0 \end{pmatrix}$. The first unit speaks to the second, so $h_t = (0, \tanh 3)$.
#
# *Where*: chapter *evolution*, "A window, then a loop"; chapter *notation*, "Sizes".


# %% question="rnn_step"
def rnn_step(x_t, h_prev, W_x, W_h, b):
    """One step: x_t (B, D), h_prev (B, H), W_x (H, D), W_h (H, H), b (H,). Returns h (B, H)."""
    ### BEGIN SOLUTION
    return np.tanh(x_t @ W_x.T + h_prev @ W_h.T + b)
    ### END SOLUTION


# %% question="rnn_step" points=4
check.rnn_step(rnn_step)
### BEGIN HIDDEN TESTS
check.rnn_step(rnn_step, seed=40427)
### END HIDDEN TESTS

# %% [markdown] question="rnn_forward"
# ## 2. The whole sequence (4 points)
#
# Run the step over `x` $(T, B, D)$ from `h0`. Each step is given the state that the step before it returned. The
# result `hs` $(T, B, H)$ holds $h_1$ to $h_T$ and not $h_0$, so `hs[t]` is the state *after* the step that read
# `x[t]`.
#
# Return `hs` and a `cache` with all that the way back will need. Any cache will do, as long as your own question
# 3 can read it. With this one, in this order, the check can look at your question 3 by itself even when your
# question 2 has a mistake:
#
# `cache = (x, h0, hs, W_x, W_h)`
#
# The order of the two is `return hs, cache`.
#
# *Example*: with the weights of question 1's example, $h_0 = (1, 0)$, $x = 0$ and $T = 2$, `hs` holds
# $(0, \tanh 3)$ and then $(0, 0)$: what the second unit heard is gone one step later.
#
# *Where*: chapter *evolution*, "A window, then a loop".


# %% question="rnn_forward"
def rnn_forward(x, h0, W_x, W_h, b):
    """Run over x (T, B, D) from h0 (B, H). Returns hs (T, B, H) and the cache for `rnn_backward`."""
    ### BEGIN SOLUTION
    h, hs = h0, []
    for x_t in x:
        h = rnn_step(x_t, h, W_x, W_h, b)
        hs.append(h)
    hs = np.stack(hs)
    return hs, (x, h0, hs, W_x, W_h)
    ### END SOLUTION


# %% question="rnn_forward" points=4
check.rnn_forward(rnn_forward)
### BEGIN HIDDEN TESTS
check.rnn_forward(rnn_forward, seed=81703)
### END HIDDEN TESTS

# %% [markdown] question="rnn_backward"
# ## 3. Backpropagation through time (10 points)
#
# The loss tells you `d_hs` $(T, B, H)$, its gradient with respect to every $h_t$ as far as it uses $h_t$ *directly*.
# But $h_t$ reaches the loss on a second path, through step $t + 1$. Walk from the last step to the first, and carry
# what has come back on that path, $d_h$; it starts as zero. With $a_t$ for what stands inside of the tanh, each step
# does
#
# $$
# \begin{aligned}
# d_{a_t} &= (d_{h_t} + d_h) \odot (1 - h_t \odot h_t) && \text{both paths, and the slope of the tanh} \\
# d_{x_t} &= d_{a_t} W_x, \qquad d_h \leftarrow d_{a_t} W_h && \text{what goes to the input, and back in time} \\
# \end{aligned}
# $$
#
# and the weights, which serve every step, collect a share from each:
#
# $$
# d_{W_x} = \sum_t d_{a_t}^\top x_t, \qquad d_{W_h} = \sum_t d_{a_t}^\top h_{t-1}, \qquad
# d_b = \sum_t \sum_{\text{batch}} d_{a_t}.
# $$
#
# The state before the first step is $h_0$. What the first step hands back is `d_h0`. Leave `d_hs` as it was.
#
# *Example*: $T = 2$, $B = D = H = 1$, $x = 0$, $b = 0$, $h_0 = 0$ and $W_h = 3$. Then both states are $0$ and both
# slopes $1$. With `d_hs` one at the last step and zero at the first, `d_h0` is $3 \cdot 3 = 9$: this gradient grows.
#
# *Where*: chapter *evolution*, "Why it did not learn";
# chapter *mathematics*, "Backpropagation through time, by hand".


# %% question="rnn_backward"
def rnn_backward(d_hs, cache):
    """From d_hs (T, B, H) and the cache of `rnn_forward`, the gradients

    d_x (T, B, D), d_h0 (B, H), d_W_x (H, D), d_W_h (H, H), d_b (H,).
    """
    ### BEGIN SOLUTION
    x, h0, hs, W_x, W_h = cache
    d_h, d_x = np.zeros_like(h0), np.zeros_like(x)
    d_W_x, d_W_h, d_b = np.zeros_like(W_x), np.zeros_like(W_h), 0
    for t in reversed(range(len(x))):
        d_a = (d_hs[t] + d_h) * (1 - hs[t] ** 2)
        d_x[t] = d_a @ W_x
        d_h = d_a @ W_h
        d_W_x += d_a.T @ x[t]
        d_W_h += d_a.T @ (hs[t - 1] if t > 0 else h0)
        d_b = d_b + d_a.sum(axis=0)
    return d_x, d_h, d_W_x, d_W_h, d_b
    ### END SOLUTION


# %% question="rnn_backward" points=10
check.rnn_backward(rnn_backward, rnn_forward)
### BEGIN HIDDEN TESTS
check.rnn_backward(rnn_backward, rnn_forward, seed=13591)
### END HIDDEN TESTS

# %% [markdown]
# A second opinion, not graded: the gradient of `W_h` from your function, and from difference quotients of your
# forward pass.

# %%
try:
    from lstmkit.numpy.gradients import finite_difference, relative_error

    rng = np.random.default_rng(1)
    arrays = [0.7 * rng.normal(size=shape) for shape in [(6, 2, 3), (2, 5), (5, 3), (5, 5), (5,)]]
    weights_of_the_loss = rng.normal(size=(6, 2, 5))

    def loss(W_h):
        return np.sum(weights_of_the_loss * rnn_forward(*arrays[:3], W_h, arrays[4])[0])

    by_hand = rnn_backward(weights_of_the_loss, rnn_forward(*arrays)[1])[3]
    print(f"d_W_h, relative error: {relative_error(by_hand, finite_difference(loss, arrays[3])):.1e}")
except NotImplementedError:
    print("Answer questions 1 to 3 first, then run this cell again.")

# %% [markdown] question="jacobian_norms"
# ## 4. How much of a gradient is left? (4 points)
#
# For one sequence, one step back in time is one matrix,
#
# $$
# J_t = \frac{\partial h_t}{\partial h_{t-1}} = \operatorname{diag}(1 - h_t \odot h_t)\, W_h,
# $$
#
# and $k$ steps back are a product of $k$ of them,
#
# $$
# \frac{\partial h_T}{\partial h_{T-k}} = J_T\, J_{T-1} \cdots J_{T-k+1}.
# $$
#
# The most that such a product can do to any gradient is its *spectral norm*, its largest singular value. From
# `W_h` $(H, H)$ and the states `hs` $(T, H)$ of *one* sequence, $h_1$ to $h_T$, compute it for all lags: entry
# $k$ of `norms` $(T,)$ is the spectral norm of $\partial h_T / \partial h_{T-k}$, for $k = 0, \dots, T - 1$. At
# lag 0 the product is empty, the identity, so entry 0 is one.
#
# Each product is the one before it times one more factor. Use that: sequences may have thousands of steps.
#
# *Example*: $W_h = \begin{pmatrix} 0 & 2 \\ 0 & 0 \end{pmatrix}$ and all states zero. Then $J_t = W_h$, so `norms`
# begins with 1, 2, and all that follows is 0, since $W_h W_h = 0$.
#
# *Where*: chapter *evolution*, "Why it did not learn".


# %% question="jacobian_norms"
def jacobian_norms(W_h, hs):
    """Spectral norms (T,) of dh_T/dh_{T-k}, k = 0 to T - 1, from W_h (H, H) and hs (T, H)."""
    ### BEGIN SOLUTION
    product, norms = np.eye(len(W_h)), []
    for h in hs[::-1]:
        norms.append(np.linalg.norm(product, 2))
        product = product @ ((1 - h**2)[:, None] * W_h)
    return np.array(norms)
    ### END SOLUTION


# %% question="jacobian_norms" points=4
check.jacobian_norms(jacobian_norms)
### BEGIN HIDDEN TESTS
check.jacobian_norms(jacobian_norms, seed=67049)
### END HIDDEN TESTS

# %% [markdown]
# **Before question 5**, a measurement with what you have built. The recurrent matrix is a rotation of 32 units
# times a gain, so without the tanh the norm at lag $k$ would be gain$^k$ exactly. The table has the norm at lag
# 90, for inputs of four sizes. Run it, and look along the rows as well as down the columns.


# %%
def norm_at_lag_90(gain, size, D=8, H=32, T=100):
    """The spectral norm of dh_T/dh_{T-90} of a tanh network whose inputs have the given size."""
    rng = np.random.default_rng(7)
    rotation, _ = np.linalg.qr(rng.normal(size=(H, H)))
    x = size * rng.normal(size=(T, 1, D))
    W_x = rng.uniform(-1, 1, (H, D)) / np.sqrt(D)
    hs, _ = rnn_forward(x, np.zeros((1, H)), W_x, gain * rotation, np.zeros(H))
    return jacobian_norms(gain * rotation, np.asarray(hs)[:, 0])[90]


try:
    input_sizes = (0.1, 0.5, 1.0, 2.0)
    print("gain   no tanh   " + "   ".join(f"inputs {size}" for size in input_sizes))
    for gain in (0.9, 1.0, 1.1, 1.2, 1.5, 2.0):
        print(f"{gain:4}   {gain**90:7.0e}   " + "   ".join(f"{norm_at_lag_90(gain, s):10.0e}" for s in input_sizes))
except NotImplementedError:
    print("Answer questions 1, 2 and 4 first, then run this cell again.")

# %% [markdown] question="why"
# ## 5. Not only a matter of gain (3 points)
#
# "The gradient vanishes because the gain is too small. Choose the right gain, and a plain network remembers." Answer
# this with the table above, in some eight sentences. Why does the row of gain 1 not stay at one? Is there a row that
# would do for every column, and what does that mean for a network in training? And what is it about the cell of 1997
# that no choice of gain gives to the plain network?
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | the row of gain 1: what each of the two factors of $J_t$ does to a gradient, and why the columns differ | 1 |
# | rows compared, with numbers from two rows in two columns, and what follows while weights move in training | 1 |
# | what one step back through the cell of 1997 multiplies by, what this depends on, and how $J_t$ differs | 1 |

# %% [markdown] question="why" points=3
# With gain 1 the matrix is a rotation and changes no length; without the tanh the norm would be 1 at every lag.
# In the table the row of gain 1 is below one everywhere, and falls from left to right by many powers of ten. What is
# missing was taken by the factor $1 - h^2$ of the tanh, 90 times over: it is below one wherever a state is not zero,
# and larger inputs make larger states.
#
# A larger gain can make up for it, but for one column at a time. The gain that brings the first column near one
# leaves the last one all but zero, and the gain that brings the last column near one makes the first explode (the
# numbers are those of the table above). So no row will do for every column. A balance point exists for each kind of
# input, but the norm is a product of 90 factors, so to miss it by a few per cent a step is to vanish or to explode:
# $1.05^{90}$ is about 80. In training the weights move, and with them the states and the point, so a network does
# not stay on it.
#
# The cell of 1997 does not look for the point, it builds it in: its state is carried over by a linear
# self-connection of weight one, whose factor is one whatever the inputs are and whatever the other weights learn.
#
# *To mark*: a point for each row of the rubric. The first wants the slope of the tanh *and* that it depends on the
# size of the states; "the tanh saturates" alone is half of it. The second wants numbers, and the third the word
# *linear* or its meaning: a weight of one in front of a tanh would not do.

# %% [markdown] question="predict_memory"
# ## 6. Before running: three predictions (3 points)
#
# Three memories, each with one number to store. `mine` in the next cell holds your own parameters; without a course's
# code everybody has the same ones. Predict, by thinking and not by running:
#
# - `lag`: a linear plain network whose matrix is a rotation times `gain`. Its gradient has the norm 1 at lag 0. What is
#   the first lag at which it is *below* `below`?
# - `full`: the cell of 1997, $c_t = c_{t-1} + i\,g$, with the gate `i` and the candidate `g` the same at every step. It
#   starts at $c_0$ = `c0`. After how many steps is $c$ for the first time *above* `limit`? There $\tanh c$ is so near
#   to one that 32 bits hardly tell the two apart, and what the unit shows no longer depends on what it holds.
# - `c_2000`: the cell of 2000, $c_t = f\,c_{t-1} + i\,g$, from the same `c0`, with the same `i` and `g` and the forget
#   gate `f`. What is $c$ after `n` steps? Give it with all its digits, as an expression.
#
# Two of the three are whole numbers. You may type them in, or write the formula that you used.
#
# *Example*: for `gain` = 0.5 and `below` = 0.1 the norms are 1, 0.5, 0.25, 0.125, 0.0625, so `lag` is 4. For `c0`
# = 0, `i` = 0.5, `g` = 1 and `limit` = 2 the cell holds 0.5, 1, 1.5, 2, 2.5, so `full` is 5. With `f` = 0.5 and
# `n` = 2 it would hold 0.5, then 0.75.
#
# *Where*: chapter *evolution*, "Why it did not learn", "1997: the cell" and "2000: learning to forget".

# %%
mine = check.yours("predict_memory")
print(mine)


# %% question="predict_memory"
def predict_memory():
    """{"lag": a whole number, "full": a whole number, "c_2000": a number}."""
    ### BEGIN SOLUTION
    write, kept = mine["i"] * mine["g"], mine["f"] ** mine["n"]
    return {
        "lag": np.ceil(np.log(mine["below"]) / np.log(mine["gain"])),
        "full": np.ceil((mine["limit"] - mine["c0"]) / write),
        "c_2000": kept * mine["c0"] + write * (1 - kept) / (1 - mine["f"]),
    }
    ### END SOLUTION


# %% question="predict_memory" points=3
check.predict_memory(predict_memory)
### BEGIN HIDDEN TESTS
check.predict_memory(predict_memory, seed=29833)
### END HIDDEN TESTS

# %% [markdown]
# Now run it, with the two cells of lstmkit, and see your predictions as crosses: each belongs where a curve meets a
# dotted line, or on the curve. Not graded.


# %%
def draw_my_memories():
    """c of both cells and the gradient of the plain network, step by step, with the predictions."""
    import matplotlib.pyplot as plt

    from lstmkit.cells import lstm, lstm97

    said = predict_memory()
    steps = int(1.3 * max(said["full"], mine["n"]))
    a_i, a_f = (np.log(mine[gate] / (1 - mine[gate])) for gate in "if")
    old, new = [np.array([mine["c0"]])], [np.array([mine["c0"]])]
    for _ in range(steps):
        old.append(lstm97.step(a_i, np.arctanh(mine["g"]), 0.0, old[-1])[1])
        new.append(lstm.step(a_i, a_f, np.arctanh(mine["g"]), 0.0, new[-1])[1])
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.plot(np.ravel(old), label="cell of 1997")
    left.plot(np.ravel(new), label="cell of 2000")
    left.axhline(mine["limit"], color="#555555", lw=1, ls=":")
    left.plot([said["full"], mine["n"]], [mine["limit"], said["c_2000"]], "kx", ms=9, label="you said")
    left.set(xlabel="steps", ylabel="c")
    left.legend()
    lags = np.arange(int(1.3 * said["lag"]) + 2)
    right.semilogy(lags, mine["gain"] ** lags)
    right.axhline(mine["below"], color="#555555", lw=1, ls=":")
    right.plot(said["lag"], mine["below"], "kx", ms=9)
    right.set(xlabel="lag", ylabel="norm of the gradient")
    plt.show()


try:
    draw_my_memories()
except NotImplementedError:
    print("Answer question 6 first, then run this cell again.")
except ImportError:
    print("Install matplotlib to see the picture. Nothing below needs it.")

# %% [markdown] question="truncated_backward"
# ## 7. A gradient that stops at the border (3 extra points)
#
# Long streams are not sent back whole. They are cut into pieces of $k$ steps; the state is handed on from piece
# to piece, the gradient is not. This is *truncated* backpropagation through time. From the first step on, every
# $k$ steps make a piece, and the last piece may be shorter. Compute the gradients of question 3 with one change:
# where a piece ends, nothing comes back from the next one.
#
# - A loss at step $t$ still counts in full for its own step; only what would cross a border is dropped.
# - The gradients of the weights are sums over all pieces, and `d_h0` is what the first piece hands back.
# - With $k \ge T$ there is one piece, and all is as in question 3.
#
# Use your `rnn_backward` or not, as you like.
#
# *Example*: in the example of question 3, with $k = 1$, `d_h0` is 0: the loss sits in the second piece, and cannot
# reach the first.
#
# *Where*: chapter *evolution*, "Who introduced what"; chapter *practice*, "How far back the gradient goes".


# %% question="truncated_backward"
def truncated_backward(d_hs, cache, k):
    """d_x, d_h0, d_W_x, d_W_h, d_b as in `rnn_backward`, but in pieces of k steps, no gradient crossing a border."""
    ### BEGIN SOLUTION
    x, h0, hs, W_x, W_h = cache
    pieces = []
    for first in range(0, len(x), k):
        piece = slice(first, first + k)
        start = hs[first - 1] if first > 0 else h0
        pieces.append(rnn_backward(d_hs[piece], (x[piece], start, hs[piece], W_x, W_h)))
    d_x, d_starts, *d_weights = zip(*pieces, strict=True)
    return np.concatenate(d_x), d_starts[0], *(sum(shares) for shares in d_weights)
    ### END SOLUTION


# %% question="truncated_backward" points=3 extra=true
check.truncated_backward(truncated_backward, rnn_forward)
### BEGIN HIDDEN TESTS
check.truncated_backward(truncated_backward, rnn_forward, seed=75209)
### END HIDDEN TESTS
