"""The simple recurrent network: forward pass and backpropagation through time.

    h_t = tanh(W_x x_t + W_h h_{t-1} + b)        hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t: (B, H).
The pointwise part stands in lstmkit/cells/rnn.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Elman (1990).  Chapter: chapters/sequence_problem.md.  Twin: lstmkit/torch/rnn.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import rnn as cell
from lstmkit.numpy import recurrence
from lstmkit.numpy.shapes import expect, expect_params, expect_state


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (H, D)
    W_h: np.ndarray  # (H, H)
    b: np.ndarray  # (H,)


SHAPES = Params("H D", "H H", "H")


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)


def init_params(rng, D, H, dtype=np.float64):
    """W_x (H, D) and W_h (H, H) uniform in ±1/√H, as torch.nn.RNN; b (H,) zero."""
    bound = 1 / np.sqrt(H)
    W_x = rng.uniform(-bound, bound, (H, D)).astype(dtype)
    W_h = rng.uniform(-bound, bound, (H, H)).astype(dtype)
    return Params(W_x, W_h, np.zeros(H, dtype))


def zero_state(B, H, dtype=np.float64):
    """h of (B, H), zero: nothing remembered."""
    return State(np.zeros((B, H), dtype))


def count_params(D, H, biases=1):
    """H(D + H + biases): exact for one bias a unit and for two (torch.nn.RNN)."""
    return H * (D + H + biases)


def step(params, x_t, state):
    """One time step of x_t (B, D).

    Returns the new State, h of (B, H), and what `step_backward` needs.
    """
    params, x_t, state = _check(params, "x_t", x_t, "B D", state)
    (h,) = cell.step(x_t @ params.W_x.T + state.h @ params.W_h.T + params.b)
    return State(h), (x_t, state, h)


def step_backward(params, d_state, cache):
    """The way back through one step, from the gradient at the new State.

    Returns ∂L/∂x_t (B, D), the gradient at the previous State, and that of the Params.
    """
    x_t, state, h = cache
    params, _, d_state = _check(params, "x_t", x_t, "B D", d_state, "d_state")
    (d_a,) = cell.step_backward(d_state.h, h)
    d_params = Params(d_a.T @ x_t, d_a.T @ state.h, d_a.sum(axis=0))
    return d_a @ params.W_x, State(d_a @ params.W_h), d_params


def forward(params, x, state=None, keep_cache=True):
    """Run over x (T, B, D), from zeros or from `state`.

    Returns hs (T, B, H), the last State, and the cache for `backward`: None without keep_cache; with
    keep_cache="lean" a small one, for which `backward` makes what it lacks again, with the same bits.
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, a dtype that is neither, or dtypes that differ.
    """
    params, x, state = _check(params, "x", x, "T B D", state)
    hs, last, cache = recurrence.forward(cell, [params], x, state, keep_cache=keep_cache)
    return hs, State(*last), cache


def backward(params, d_hs, cache, d_state=None):
    """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at h_T, if any.

    Returns ∂L/∂x (T, B, D), the gradient at the initial State, and the gradients of the Params.
    """
    params, d_hs, d_state = _check(params, "d_hs", d_hs, "T B H", d_state, "d_state")
    recurrence.expect_cache(cache, d_hs)
    d_x, d_first, (d_params,), _ = recurrence.backward([params], d_hs, cache, d_state)
    return d_x, State(*d_first), Params(*d_params)


def _check(params, name, array, shape, state, state_name="state"):
    sizes = {}
    params = expect_params(params, SHAPES, sizes)
    return params, expect(name, array, shape, sizes), expect_state(state_name, state, State, sizes)
