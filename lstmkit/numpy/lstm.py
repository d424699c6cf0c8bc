"""Long short-term memory: forward pass and backpropagation through time.

    i_t = σ(W_xi x_t + W_hi h_{t-1} + b_i)       input gate
    f_t = σ(W_xf x_t + W_hf h_{t-1} + b_f)       forget gate
    g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)    candidate
    o_t = σ(W_xo x_t + W_ho h_{t-1} + b_o)       output gate
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t              cell state
    h_t = o_t ⊙ tanh(c_t)                        hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t, c_t: (B, H).
W_x, W_h and b stack the four blocks in the order i, f, g, o, as torch.nn.LSTM does.
The pointwise part stands in lstmkit/cells/lstm.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Hochreiter & Schmidhuber (1997); the forget gate is Gers, Schmidhuber & Cummins (2000).
Chapter: chapters/mathematics.md.  Twin: lstmkit/torch/lstm.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import lstm as cell
from lstmkit.numpy import recurrence
from lstmkit.numpy.shapes import expect, expect_params, expect_state


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D)
    W_h: np.ndarray  # (4H, H)
    b: np.ndarray  # (4H,)


SHAPES = Params("4H D", "4H H", "4H")


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)
    c: np.ndarray  # (B, H)


class Gates(NamedTuple):
    """The gates, the candidate and the cell state of every step, for looking at."""

    i: np.ndarray  # (T, B, H)
    f: np.ndarray  # (T, B, H)
    g: np.ndarray  # (T, B, H)
    o: np.ndarray  # (T, B, H)
    c: np.ndarray  # (T, B, H)


def init_params(rng, D, H, forget_bias=1.0, dtype=np.float64):
    """W_x (4H, D) and W_h (4H, H) uniform in ±1/√H, b (4H,) zero but for the forget gate, which starts open.

    A forget bias of 1 is the advice of Jozefowicz, Zaremba & Sutskever (2015).
    """
    bound = 1 / np.sqrt(H)
    W_x = rng.uniform(-bound, bound, (4 * H, D)).astype(dtype)
    W_h = rng.uniform(-bound, bound, (4 * H, H)).astype(dtype)
    b = np.zeros(4 * H, dtype)
    b[H : 2 * H] = forget_bias
    return Params(W_x, W_h, b)


def zero_state(B, H, dtype=np.float64):
    """h and c of (B, H), both zero: nothing remembered."""
    return State(np.zeros((B, H), dtype), np.zeros((B, H), dtype))


def count_params(D, H, biases=1):
    """4H(D + H + biases): exact for one bias a gate (here, Keras) and for two (torch.nn.LSTM)."""
    return 4 * H * (D + H + biases)


def step(params, x_t, state):
    """One time step of x_t (B, D).

    Returns the new State, fields (B, H), and what `step_backward` needs.
    """
    params, x_t, state = _check(params, "x_t", x_t, "B D", state)
    a = x_t @ params.W_x.T + state.h @ params.W_h.T + params.b
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=-1)
    h, c, *saved = cell.step(a_i, a_f, a_g, a_o, state.c)
    return State(h, c), (x_t, state, saved)


def step_backward(params, d_state, cache):
    """The way back through one step, from the gradient at the new State.

    Returns ∂L/∂x_t (B, D), the gradient at the previous State, and that of the Params.
    """
    x_t, state, saved = cache
    params, _, d_state = _check(params, "x_t", x_t, "B D", d_state, "d_state")
    *d_a, d_c_prev = cell.step_backward(d_state.h, d_state.c, *saved, state.c)
    d_a = np.concatenate(d_a, axis=-1)
    d_params = Params(d_a.T @ x_t, d_a.T @ state.h, d_a.sum(axis=0))
    return d_a @ params.W_x, State(d_a @ params.W_h, d_c_prev), d_params


def forward(params, x, state=None, keep_cache=True):
    """Run over x (T, B, D), from zeros or from `state`.

    Returns hs (T, B, H), the last State, and the cache for `backward` and `read_gates`: None without keep_cache; with
    keep_cache="lean" a small one, for which `backward` makes the gates again, with the same bits.
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, a dtype that is neither, or dtypes that differ.
    """
    params, x, state = _check(params, "x", x, "T B D", state)
    hs, last, cache = recurrence.forward(cell, [params], x, state, keep_cache=keep_cache)
    return hs, State(*last), cache


def backward(params, d_hs, cache, d_state=None):
    """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at (h_T, c_T), if any.

    Returns ∂L/∂x (T, B, D), the gradient at the initial State, and the gradients of the Params.
    """
    params, d_hs, d_state = _check(params, "d_hs", d_hs, "T B H", d_state, "d_state")
    recurrence.expect_cache(cache, d_hs)
    d_x, d_first, (d_params,), _ = recurrence.backward([params], d_hs, cache, d_state)
    return d_x, State(*d_first), Params(*d_params)


def read_gates(cache):
    """The Gates of a forward pass, each (T, B, H), from its cache."""
    return Gates(*(recurrence.read(cache, letter) for letter in Gates._fields))


def _check(params, name, array, shape, state, state_name="state"):
    sizes = {}
    params = expect_params(params, SHAPES, sizes)
    return params, expect(name, array, shape, sizes), expect_state(state_name, state, State, sizes)
