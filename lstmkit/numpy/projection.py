"""The LSTM with a projected hidden state: forward pass and backpropagation through time.

    i_t = σ(W_xi x_t + W_hi h_{t-1} + b_i)       input gate
    f_t = σ(W_xf x_t + W_hf h_{t-1} + b_f)       forget gate
    g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)    candidate
    o_t = σ(W_xo x_t + W_ho h_{t-1} + b_o)       output gate
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t              cell state
    h_t = W_r (o_t ⊙ tanh(c_t))                  hidden state, projected from H units to P

T steps, B sequences, D inputs, H units, P projected units.  x: (T, B, D); h_t: (B, P); c_t: (B, H).
W_x, W_h and b stack the blocks i, f, g, o.  With P a quarter of H, say, W_h is a quarter as large, and there is room
for more cells.
The pointwise part is the LSTM's own, lstmkit/cells/lstm.py.  As in lstmkit/numpy/recurrence.py, [h_{t-1}; x_t; 1] of
every sequence is a column of one matrix.

Source: Sak, Senior & Beaufays (2014), whose r_t is h_t here, without their peepholes and without the second
projection, which does not recur; torch.nn.LSTM with proj_size is the same.
Chapter: chapters/variants.md.  Twin: lstmkit/torch/projection.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import lstm as cell
from lstmkit.numpy import recurrence
from lstmkit.numpy.shapes import expect, expect_fields, expect_params


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D)
    W_h: np.ndarray  # (4H, P)
    b: np.ndarray  # (4H,)
    W_r: np.ndarray  # (P, H)


SHAPES = Params("4H D", "4H P", "4H", "P H")


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, P)
    c: np.ndarray  # (B, H)


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass, in columns."""

    columns: np.ndarray  # (T + 1, P + D + 1, B): [h_{t-1}; x_t; 1]; the last one holds h_T
    c: np.ndarray  # (T + 1, H, B), from its initial value on
    saved: np.ndarray  # (T, 5, H, B): what the cell's step hands to its step_backward


def init_params(rng, D, H, P, forget_bias=1.0, dtype=np.float64):
    """W_x (4H, D), W_h (4H, P) and W_r (P, H) uniform in ±1/√H, b (4H,) zero but for the forget gate, which starts
    open."""
    bound = 1 / np.sqrt(H)
    W_x, W_h, W_r = (rng.uniform(-bound, bound, size).astype(dtype) for size in ((4 * H, D), (4 * H, P), (P, H)))
    b = np.zeros(4 * H, dtype)
    b[H : 2 * H] = forget_bias
    return Params(W_x, W_h, b, W_r)


def zero_state(B, H, P, dtype=np.float64):
    """h (B, P) and c (B, H), both zero: nothing remembered."""
    return State(np.zeros((B, P), dtype), np.zeros((B, H), dtype))


def count_params(D, H, P, biases=1):
    """4H(D + P + biases) + P·H: exact for one bias a gate (here) and for two (torch.nn.LSTM)."""
    return 4 * H * (D + P + biases) + P * H


def step(params, x_t, state):
    """One time step of x_t (B, D).

    Returns the new State, h (B, P) and c (B, H), and what `step_backward` needs.
    """
    params, x_t, state = _check(params, "x_t", x_t, "B D", expect_fields("state", state, State))
    _, new, cache = forward(params, x_t[None], state)
    return new, cache


def step_backward(params, d_state, cache):
    """The way back through one step, from the gradient at the new State.

    Returns ∂L/∂x_t (B, D), the gradient at the previous State, and that of the Params.
    """
    d_state = expect_fields("d_state", d_state, State)
    d_x, d_first, d_params = backward(params, np.zeros_like(d_state.h)[None], cache, d_state)
    return d_x[0], d_first, d_params


def forward(params, x, state=None, keep_cache=True):
    """Run over x (T, B, D), from zeros or from `state`.

    Returns hs (T, B, P), the last State, and the cache for `backward` (None without keep_cache).
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, a dtype that is neither, or dtypes that differ.
    """
    params, x, state = _check(params, "x", x, "T B D", state)
    (W_x, W_h, b, W_r), (T, B, D), (P, H) = params, x.shape, params.W_r.shape
    W = np.concatenate([W_h, W_x, b[:, None]], axis=1)
    columns = recurrence.room((T + 1, P + D + 1, B), x.dtype)
    columns[0, :P], columns[:, -1] = state.h.T, 1
    columns[:T, P:-1], columns[T, P:-1] = x.transpose(0, 2, 1), 0  # no input belongs to the last column
    c = recurrence.room((T + 1, H, B), x.dtype)
    c[0] = state.c.T
    saved = recurrence.room((T if keep_cache else 0, 5, H, B), x.dtype)
    for t in range(T):
        a = (W @ columns[t]).reshape(4, H, B)
        m, c[t + 1], *values = cell.step(*a, c[t])
        np.matmul(W_r, m, out=columns[t + 1, :P])
        if keep_cache:
            saved[t] = values
    last = State(columns[T, :P].T.copy(), c[T].T.copy())
    return columns[1:, :P].transpose(0, 2, 1).copy(), last, Cache(columns, c, saved) if keep_cache else None


def backward(params, d_hs, cache, d_state=None):
    """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, P), and d_state at the last State, if any.

    Returns ∂L/∂x (T, B, D), the gradient at the initial State, and the gradients of the Params.
    """
    params, d_hs, d_state = _check(params, "d_hs", d_hs, "T B P", d_state, "d_state")
    recurrence.expect_cache(cache, d_hs)
    (T, B, _), (P, H), D = d_hs.shape, params.W_r.shape, params.W_x.shape[1]
    W_hT, W_xT, W_rT = (np.ascontiguousarray(W.T) for W in (params.W_h, params.W_x, params.W_r))
    d_W, d_W_r = np.zeros((4 * H, P + D + 1), d_hs.dtype), np.zeros_like(params.W_r)
    d_x = np.empty((T, B, D), d_hs.dtype)
    d_h, d_c = d_state.h.T, d_state.c.T
    most = recurrence.block_steps(T, B, H)
    d_a, d_outs = np.empty((most, 4, H, B), d_hs.dtype), np.empty((most, P, B), d_hs.dtype)
    for stop in range(T, 0, -most):
        start = max(0, stop - most)
        n, block = stop - start, slice(start, stop)
        for k in reversed(range(n)):
            t = start + k
            d_outs[k] = d_h + d_hs[t].T
            *d_gates, d_c = cell.step_backward(W_rT @ d_outs[k], d_c, *cache.saved[t], cache.c[t])
            d_a[k] = d_gates
            d_h = W_hT @ d_a[k].reshape(4 * H, B)
        d_rows = d_a[:n].reshape(n, 4 * H, B)
        o, q = cache.saved[block, 3], cache.saved[block, 4]
        d_W += np.tensordot(d_rows, cache.columns[block], axes=((0, 2), (0, 2)))
        d_W_r += np.tensordot(d_outs[:n], o * q, axes=((0, 2), (0, 2)))
        d_x[block] = np.matmul(W_xT, d_rows).transpose(0, 2, 1)
    d_params = Params(d_W[:, P:-1].copy(), d_W[:, :P].copy(), d_W[:, -1].copy(), d_W_r)
    return d_x, State(d_h.T.copy(), d_c.T.copy()), d_params


def _check(params, name, array, letters, state, state_name="state"):
    sizes = {}
    params, array = expect_params(params, SHAPES, sizes), expect(name, array, letters, sizes)
    if state is None:
        return params, array, zero_state(sizes["B"], sizes["H"], sizes["P"], array.dtype)
    h, c = expect_fields(state_name, state, State)
    return (
        params,
        array,
        State(expect(f"{state_name}.h", h, "B P", sizes), expect(f"{state_name}.c", c, "B H", sizes)),
    )
