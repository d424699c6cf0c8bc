"""The gated recurrent unit of the first papers, reset before the product: forward pass, backpropagation through time.

    r_t = σ(W_xr x_t + W_hr h_{t-1} + b_r)                   reset gate
    z_t = σ(W_xz x_t + W_hz h_{t-1} + b_z)                   update gate: 1 keeps the old state
    n_t = tanh(W_xn x_t + W_hn (r_t ⊙ h_{t-1}) + b_n)        candidate
    h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}                    hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t: (B, H).
W_x, W_h and b stack the blocks r, z, n.  The candidate's product waits for the reset gate, so that each step takes two
products, one after the other, where lstmkit/numpy/gru.py takes one; in return a second bias is not needed.
As in lstmkit/numpy/recurrence.py every sequence is a column; r_t ⊙ h_{t-1} and h_{t-1} stand at the two ends of it,

    [r_t ⊙ h_{t-1}; x_t; 1; h_{t-1}],

so that each product takes the part that it needs as it stands.

Source: Cho et al. (2014), in the form of the third version, which is also Keras's with reset_after=False; there the
blocks are z, r, n.  Some papers exchange z and 1 - z.
Chapter: chapters/gru.md.  Twin: lstmkit/torch/gru_reset_before.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy import recurrence
from lstmkit.numpy.shapes import expect, expect_fields, expect_params, expect_state


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (3H, D)
    W_h: np.ndarray  # (3H, H)
    b: np.ndarray  # (3H,)


SHAPES = Params("3H D", "3H H", "3H")


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass, in columns."""

    columns: np.ndarray  # (T + 1, H + D + 1 + H, B): [r_t ⊙ h_{t-1}; x_t; 1; h_{t-1}]; the last one ends in h_T
    gates: np.ndarray  # (T, 3, H, B): r, z, n


def init_params(rng, D, H, dtype=np.float64):
    """W_x (3H, D) and W_h (3H, H) uniform in ±1/√H, b (3H,) zero."""
    bound = 1 / np.sqrt(H)
    W_x = rng.uniform(-bound, bound, (3 * H, D)).astype(dtype)
    W_h = rng.uniform(-bound, bound, (3 * H, H)).astype(dtype)
    return Params(W_x, W_h, np.zeros(3 * H, dtype))


def zero_state(B, H, dtype=np.float64):
    """h of (B, H), zero: nothing remembered."""
    return State(np.zeros((B, H), dtype))


def count_params(D, H):
    """3H(D + H + 1)."""
    return 3 * H * (D + H + 1)


def step(params, x_t, state):
    """One time step of x_t (B, D).  Returns the new State, h (B, H), and what `step_backward` needs."""
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

    Returns hs (T, B, H), the last State, and the cache for `backward` (None without keep_cache).
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, a dtype that is neither, or dtypes that differ.
    """
    params, x, state = _check(params, "x", x, "T B D", state)
    (W_x, W_h, b), (T, B, D), H = params, x.shape, state.h.shape[1]
    # σ(a) = (1 + tanh(a/2)) / 2: half the weights of r and z, and tanh serves all blocks
    W_rz = 0.5 * np.concatenate([W_x[: 2 * H], b[: 2 * H, None], W_h[: 2 * H]], axis=1)
    W_n = np.concatenate([W_h[2 * H :], W_x[2 * H :], b[2 * H :, None]], axis=1)
    columns = recurrence.room((T + 1, H + D + 1 + H, B), x.dtype)
    columns[:T, H : H + D], columns[:, H + D] = x.transpose(0, 2, 1), 1
    reset, h = columns[:, :H], columns[:, -H:]
    h[0] = state.h.T
    gates = recurrence.room((T if keep_cache else 1, 3, H, B), x.dtype)
    for t in range(T):
        rz, (r, z, n) = gates[t if keep_cache else 0, :2], gates[t if keep_cache else 0]
        np.matmul(W_rz, columns[t, H:], out=rz.reshape(2 * H, B))
        np.tanh(rz, out=rz)
        np.multiply(rz, 0.5, out=rz)
        np.add(rz, 0.5, out=rz)
        np.multiply(r, h[t], out=reset[t])
        np.matmul(W_n, columns[t, :-H], out=n)
        np.tanh(n, out=n)
        np.subtract(h[t], n, out=h[t + 1])  # (1 - z) ⊙ n + z ⊙ h is n + z ⊙ (h - n)
        np.multiply(h[t + 1], z, out=h[t + 1])
        np.add(h[t + 1], n, out=h[t + 1])
    return h[1:].transpose(0, 2, 1).copy(), State(h[T].T.copy()), Cache(columns, gates) if keep_cache else None


def backward(params, d_hs, cache, d_state=None):
    """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at the last State, if any.

    Returns ∂L/∂x (T, B, D), the gradient at the initial State, and the gradients of the Params.
    """
    params, d_hs, d_state = _check(params, "d_hs", d_hs, "T B H", d_state, "d_state")
    recurrence.expect_cache(cache, d_hs)
    (W_x, W_h, _), (T, B, H), D = params, d_hs.shape, params.W_x.shape[1]
    W_xT, W_hrzT, W_hnT = (np.ascontiguousarray(W.T) for W in (W_x, W_h[: 2 * H], W_h[2 * H :]))
    d_W_rz = np.zeros((2 * H, D + 1 + H), d_hs.dtype)  # of what multiplies [x; 1; h]
    d_W_n = np.zeros((H, H + D + 1), d_hs.dtype)  # of what multiplies [r ⊙ h; x; 1]
    d_x = np.empty((T, B, D), d_hs.dtype)
    d_h, d_reset, u = d_state.h.T.copy(), np.empty((H, B), d_hs.dtype), np.empty((H, B), d_hs.dtype)
    most = recurrence.block_steps(T, B, H)
    d_gates = np.empty((most, 3, H, B), d_hs.dtype)
    for stop in range(T, 0, -most):
        start = max(0, stop - most)
        count, block = stop - start, slice(start, stop)
        columns, (r, z, n) = cache.columns[block], cache.gates[block].transpose(1, 0, 2, 3)
        h_prev, d_rows = columns[:, -H:], d_gates[:count].reshape(count, 3 * H, B)
        # What no recurrence touches, for all steps of the block at once: the factors of d_h and d_reset
        d_gates[:count, 0] = h_prev * r * (1 - r)
        d_gates[:count, 1] = (h_prev - n) * z * (1 - z)
        d_gates[:count, 2] = (1 - z) * (1 - n * n)
        d_out = d_hs[block].transpose(0, 2, 1).copy()
        for t in reversed(range(count)):
            d_r, _, d_n = d_gates[t]
            np.add(d_h, d_out[t], out=d_h)
            np.multiply(d_gates[t, 1:], d_h, out=d_gates[t, 1:])
            np.matmul(W_hnT, d_n, out=d_reset)  # at r ⊙ h_prev
            np.multiply(d_r, d_reset, out=d_r)
            np.multiply(d_h, z[t], out=d_h)
            np.multiply(d_reset, r[t], out=u)
            np.add(d_h, u, out=d_h)
            np.matmul(W_hrzT, d_rows[t, : 2 * H], out=u)
            np.add(d_h, u, out=d_h)
        d_W_rz += np.tensordot(d_rows[:, : 2 * H], columns[:, H:], axes=((0, 2), (0, 2)))
        d_W_n += np.tensordot(d_rows[:, 2 * H :], columns[:, :-H], axes=((0, 2), (0, 2)))
        d_x[block] = np.matmul(W_xT, d_rows).transpose(0, 2, 1)
    d_W_x = np.concatenate([d_W_rz[:, :D], d_W_n[:, H:-1]])
    d_W_h = np.concatenate([d_W_rz[:, -H:], d_W_n[:, :H]])
    d_params = Params(d_W_x, d_W_h, np.concatenate([d_W_rz[:, D], d_W_n[:, -1]]))
    return d_x, State(d_h.T.copy()), d_params


def _check(params, name, array, letters, state, state_name="state"):
    sizes = {}
    params = expect_params(params, SHAPES, sizes)
    return params, expect(name, array, letters, sizes), expect_state(state_name, state, State, sizes)
