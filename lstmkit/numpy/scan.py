"""The linear recurrence, and four ways to run it over all steps: the scan behind minLSTM and minGRU.

    h_t = a_t ⊙ h_{t-1} + b_t

As a_t and b_t do not know h_{t-1}, two steps make one step of the same kind, with factor a_2 ⊙ a_1 and addend
a_2 ⊙ b_1 + b_2.  That is associative, so that the steps may be joined in any grouping, and many at once.

    linear       the loop: T steps one after the other, the least arithmetic
    blocks       about √T blocks side by side, then one after the other: more than twice the arithmetic, few calls
    doubling     log2 T rounds, each joining every step with the one so far before it (Hillis & Steele, 1986)
    log_space    a cumulative sum and a cumulative log-sum-exp, on the logarithms of positive numbers (Heinsen, 2023)

The gradient flows through the same recurrence with the time reversed: what arrives at h_t, directly and from h_{t+1},
is d_t = ∂L/∂h_t + a_{t+1} ⊙ d_{t+1}.

T steps, B sequences, D inputs, H units, G gate blocks.  a, b, hs: (T, B, H); h0: (B, H).
x: (T, B, D); W_x: (G·H, D) and its b: (G·H,).
Where 0 <= a_t <= 1, as gates are, the first three neither overflow nor lose digits, whatever T is.

Source: Blelloch (1990) for the principle.  Twin: lstmkit/torch/scan.py.
"""

from math import isqrt
from typing import NamedTuple

import numpy as np

from lstmkit.numpy.functions import d_positive
from lstmkit.numpy.functions import positive as positive_function
from lstmkit.numpy.shapes import expect, expect_fields, expect_state


class Cache(NamedTuple):
    """What a cell's forward pass leaves for its backward pass."""

    x: np.ndarray  # (T, B, D)
    h_prev: np.ndarray  # (T, B, H): the state before every step
    saved: tuple  # of (T, B, H): what the cell's step hands to its step_backward, f and g first
    positive: bool


def linear(a, b, h0):
    """hs (T, B, H) by the loop over T, each step over all sequences and units."""
    hs, h = np.empty(b.shape, b.dtype), h0
    for a_t, b_t, h_t in zip(a, b, hs, strict=True):
        np.multiply(a_t, h, out=h_t)
        h_t += b_t
        h = h_t
    return hs


def blocks(a, b, h0):
    """hs (T, B, H) in blocks of √T steps: within all of them at once, from zero, then across them.

    p is the product of the factors since the block began: it says how much of the state that enters is left.
    """
    steps = isqrt(len(b))
    if steps < 2:
        return linear(a, b, h0)
    count = len(b) // steps
    whole = count * steps
    shape = (count, steps, *b.shape[1:])
    a_cut, b_cut, hs = a[:whole].reshape(shape), b[:whole].reshape(shape), np.empty(b.shape, b.dtype)
    h = hs[:whole].reshape(shape)
    p = np.empty(a_cut.shape, b.dtype)
    p[:, 0], h[:, 0] = a_cut[:, 0], b_cut[:, 0]
    for t in range(1, steps):
        np.multiply(a_cut[:, t], p[:, t - 1], out=p[:, t])
        np.multiply(a_cut[:, t], h[:, t - 1], out=h[:, t])
        h[:, t] += b_cut[:, t]
    for p_block, h_block in zip(p, h, strict=True):
        p_block *= h0
        h_block += p_block
        h0 = h_block[-1]
    hs[whole:] = linear(a[whole:], b[whole:], h0)
    return hs


def doubling(a, b, h0):
    """hs (T, B, H) in log2 T rounds over all steps: little depth, but log2 T times the arithmetic."""
    a, hs, reach = a.copy(), b.copy(), 1
    hs[:1] += a[:1] * h0
    while reach < len(hs):
        hs[reach:] += a[reach:] * hs[:-reach]
        a[reach:] *= a[:-reach].copy()
        reach *= 2
    return hs


def log_space(log_a, log_b, log_h0, steps=64):
    """log hs (T, B, H) from logarithms: A_t + log(h0 + Σ_{s≤t} exp(log b_s - A_s)), where A_t = Σ_{s≤t} log a_s.

    Only for positive h, though h0 and b may be 0, their logarithm -∞; log_a is finite.  A grows with every step, and
    its rounding error with it, so the sum starts afresh every `steps` steps, from the state reached.
    """
    log_hs = np.empty(log_b.shape, log_b.dtype)
    for start in range(0, len(log_b), steps):
        block = slice(start, start + steps)
        A = np.cumsum(log_a[block], axis=0)
        log_hs[block] = A + np.logaddexp(log_h0, np.logaddexp.accumulate(log_b[block] - A, axis=0))
        log_h0 = log_hs[block][-1]
    return log_hs


def run(a, b, h0):
    """hs (T, B, H) by the faster on one core: blocks where a step's calls outweigh its arithmetic, else the loop."""
    return blocks(a, b, h0) if b[:1].nbytes <= 1024 else linear(a, b, h0)


def reverse(a, d_hs, d_last):
    """The gradient that arrives at every h_t, d (T, B, H), from d_hs (T, B, H) and, at the last, d_last (B, H).

    Then ∂L/∂b = d, ∂L/∂a_t = d_t ⊙ h_{t-1} and ∂L/∂h0 = a_1 ⊙ d_1.
    """
    later = np.concatenate([a[1:], np.ones_like(a[:1])])
    return run(later[::-1], d_hs[::-1], d_last)[::-1]


def _blocks(T, B, H):
    """The T steps in slices whose numbers stay in cache from the product to h: 2**17 to each array."""
    n = max(1, 2**17 // max(1, B * H))
    return [slice(start, min(start + n, T)) for start in range(0, T, n)]


def functions(cell, shapes, State):
    """init_params, zero_state, count_params, step, step_backward, forward, backward of a module of lstmkit.numpy.

    `cell` is a module of lstmkit.cells that is linear in h_prev and puts its factor f first in SAVED, the candidate g
    second; `shapes` is a Params of strings, W_x "3H D" and b "3H" say, the candidate's block last.
    """
    Params, G = type(shapes), int(shapes.b[:-1])

    def check(params, name, array, letters, state, state_name="state"):
        sizes, params = {}, expect_fields("params", params, Params)
        b = expect("params.b", params.b, shapes.b, sizes)
        params = Params(expect("params.W_x", params.W_x, shapes.W_x, sizes), b)
        return params, expect(name, array, letters, sizes), expect_state(state_name, state, State, sizes)

    def init_params(rng, D, H, dtype=np.float64):
        """Params for D inputs and H units: W_x (G·H, D) uniform in ±1/√D, as torch.nn.Linear; b (G·H,) zero."""
        bound = 1 / np.sqrt(D)
        return Params(rng.uniform(-bound, bound, (G * H, D)).astype(dtype), np.zeros(G * H, dtype))

    def zero_state(B, H, dtype=np.float64):
        """h of (B, H), zero: nothing remembered."""
        return State(np.zeros((B, H), dtype))

    def count_params(D, H):
        """G·H(D + 1) numbers, for G blocks: no weight looks at the past."""
        return G * H * (D + 1)

    def forward(params, x, state=None, keep_cache=True, positive=False):
        """Run over x (T, B, D), from zeros or from `state`, with the plain candidate or the positive one.

        Returns hs (T, B, H), the last State, and the cache for `backward` (None without keep_cache).
        float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
        shape, a dtype that is neither, or dtypes that differ.
        """
        params, x, (h0,) = check(params, "x", x, "T B D", state)
        (T, B, _), H = x.shape, h0.shape[1]
        states, saved = np.empty((T + 1, B, H), x.dtype), None
        states[0] = h0
        for block in _blocks(T, B, H):
            *a, g = (x[block] @ W.T + b for W, b in zip(np.split(params.W_x, G), np.split(params.b, G), strict=True))
            if positive:
                g = positive_function(g)
            written, *values = cell.step(*a, g, 0)  # nothing held before: h is then what this step writes
            states[block.start + 1 : block.stop + 1] = run(values[0], written, states[block.start])
            if keep_cache:
                saved = saved or tuple(np.empty((T, B, H), x.dtype) for _ in values)
                for history, value in zip(saved, values, strict=True):
                    history[block] = value
        saved = saved or tuple(np.empty((0, B, H), x.dtype) for _ in cell.SAVED)
        cache = Cache(x, states[:-1], saved, positive) if keep_cache else None
        return states[1:].copy(), State(states[-1].copy()), cache

    def backward(params, d_hs, cache, d_state=None):
        """The gradients from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at h_T, if any.

        Returns ∂L/∂x (T, B, D), the gradient at the initial State, and the gradients of the Params: all steps at once,
        when the scan has brought to each h_t what arrives there.
        """
        params, d_hs, (d_last,) = check(params, "d_hs", d_hs, "T B H", d_state, "d_state")
        if cache is None:
            raise ValueError("cache is None: call forward with keep_cache=True before backward")
        x, h_prev, saved, positive = cache
        if d_hs.shape != h_prev.shape:
            wanted = f"(T, B, H) = {h_prev.shape}, as the forward pass had"
            raise ValueError(f"d_hs must have shape {wanted}, but its shape is {d_hs.shape}")
        (T, B, H), D = h_prev.shape, x.shape[2]
        d_x, d_W, d_b = np.empty(x.shape, x.dtype), np.zeros_like(params.W_x), np.zeros_like(params.b)
        for block in reversed(_blocks(T, B, H)):
            values = [history[block] for history in saved]
            *d_a, d_h_prev = cell.step_backward(reverse(values[0], d_hs[block], d_last), *values, h_prev[block])
            if positive:
                d_a[-1] *= d_positive(values[1])
            rows, x_rows = [d.reshape(-1, H) for d in d_a], x[block].reshape(-1, D)
            d_W += np.concatenate([d.T @ x_rows for d in rows])
            d_b += np.concatenate([d.sum(0) for d in rows])
            d_x[block] = sum(d @ W for d, W in zip(d_a, np.split(params.W_x, G), strict=True))
            d_last = d_h_prev[0]
        return d_x, State(d_last.copy()), Params(d_W, d_b)

    def step(params, x_t, state, positive=False):
        """One time step of x_t (B, D).  Returns the new State, h of (B, H), and what `step_backward` needs."""
        params, x_t, state = check(params, "x_t", x_t, "B D", expect_fields("state", state, State))
        _, new, cache = forward(params, x_t[None], state, positive=positive)
        return new, cache

    def step_backward(params, d_state, cache):
        """The way back through one step, from the gradient at the new State.

        Returns ∂L/∂x_t (B, D), the gradient at the previous State, and that of the Params.
        """
        d_state = expect_fields("d_state", d_state, State)
        d_x, d_first, d_params = backward(params, np.zeros_like(d_state.h)[None], cache, d_state)
        return d_x[0], d_first, d_params

    made = init_params, zero_state, count_params, step, step_backward, forward, backward
    for function in made:
        function.__module__ = cell.__name__.replace(".cells.", ".numpy.")  # where help should show it
    return made
