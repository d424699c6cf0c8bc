"""The feed-forward window, or time-delay network: forward pass and backpropagation.

    h_t = tanh(W_0 x_t + W_1 x_{t-1} + ... + W_{k-1} x_{t-k+1} + b)

It sees the last k inputs and nothing before them.  What one step hands to the next is the window itself, so that a
sequence can be cut anywhere, as with a recurrent network; before the first step there are zeros.

T steps, B sequences, D inputs, H units, k inputs in the window.  x: (T, B, D); h_t: (B, H).
The derivative is written here, without a loop over time: no step waits for another.

Source: Waibel et al. (1989).  Chapter: chapters/sequence_problem.md.  Twin: lstmkit/torch/tdnn.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy.functions import d_tanh, tanh
from lstmkit.numpy.shapes import expect, expect_fields, expect_params


class Params(NamedTuple):
    """The weights, or their gradients."""

    W: np.ndarray  # (k, H, D): W[j] meets the input of j steps ago
    b: np.ndarray  # (H,)


SHAPES = Params("k H D", "H")


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    window: np.ndarray  # (K, B, D) with K = k - 1: the last inputs, oldest first


def init_params(rng, D, H, k, dtype=np.float64):
    """W (k, H, D) uniform in ±1/√(kD), as torch.nn.Linear on kD inputs; b (H,) zero."""
    if not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k must be a whole number of at least 1, the inputs in the window, but it is {k!r}")
    bound = 1 / np.sqrt(k * D)
    return Params(rng.uniform(-bound, bound, (k, H, D)).astype(dtype), np.zeros(H, dtype))


def zero_state(B, D, k, dtype=np.float64):
    """The window (k - 1, B, D) before the first step: zeros."""
    return State(np.zeros((k - 1, B, D), dtype))


def count_params(D, H, k):
    """H(kD + 1): it grows with the window, where a recurrent network's does not."""
    return H * (k * D + 1)


def forward(params, x, state=None, keep_cache=True):
    """Run over x (T, B, D), after zeros or after the inputs in `state`.

    Returns hs (T, B, H), the last State, and the cache for `backward` (None without keep_cache).
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, a dtype that is neither, or dtypes that differ.
    """
    params, x, state = _check(params, "x", x, "T B D", state)
    k, T = len(params.W), len(x)
    inputs = np.concatenate([state.window, x])  # (k - 1 + T, B, D)
    a = sum(inputs[k - 1 - j : k - 1 - j + T] @ params.W[j].T for j in range(k)) + params.b
    hs = tanh(a)
    return hs, State(inputs[T:].copy()), (inputs, hs) if keep_cache else None


def backward(params, d_hs, cache, d_state=None):
    """Backpropagation, from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at the last window, if any.

    Returns ∂L/∂x (T, B, D), the gradient at the first State, and the gradients of the Params.
    """
    if cache is None:
        raise ValueError("cache is None: call forward with keep_cache=True before backward")
    params, d_hs, d_state = _check(params, "d_hs", d_hs, "T B H", d_state, "d_state", cache[0].shape[1:])
    (inputs, hs), (k, H, D), T = cache, params.W.shape, len(d_hs)
    if d_hs.shape != hs.shape:
        wanted = f"d_hs must have shape (T, B, H) = {hs.shape}, as the forward pass had"
        raise ValueError(f"{wanted}, but its shape is {d_hs.shape}")
    d_a = d_hs * d_tanh(hs)
    d_inputs, d_W = np.zeros_like(inputs), np.empty_like(params.W)
    d_inputs[T:] = d_state.window
    for j in range(k):
        seen = slice(k - 1 - j, k - 1 - j + T)
        d_inputs[seen] += d_a @ params.W[j]
        d_W[j] = d_a.reshape(-1, H).T @ inputs[seen].reshape(-1, D)
    return d_inputs[k - 1 :], State(d_inputs[: k - 1].copy()), Params(d_W, d_a.sum(axis=(0, 1)))


def _check(params, name, array, shape, state, state_name="state", columns=None):
    sizes = {}
    params = expect_params(params, SHAPES, sizes)
    array = expect(name, array, shape, sizes)
    B, D = columns or array.shape[1:]
    if state is None:
        state = zero_state(B, D, sizes["k"], array.dtype)
    (window,) = expect_fields(state_name, state, State)
    window = expect(f"{state_name}.window", window, "K B D", sizes | {"K": sizes["k"] - 1, "B": B, "D": D})
    return params, array, State(window)
