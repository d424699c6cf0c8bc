"""Runs a cell over time, forward and backward: the one loop behind every cell of lstmkit.numpy.

Columns, as in the textbook: for step t the vector [h_{t-1}; x_t; 1] of every sequence is a column of one matrix, so
that all pre-activations are one product,

    a_t = W [h_{t-1}; x_t; 1]        with W = [W_h  W_x  b].

In this layout each gate's block is contiguous in memory, which is what makes the pointwise part cheap.

T steps, B sequences, D inputs, H units, G gate blocks.  x: (T, B, D); W_x: (G·H, D); W_h: (G·H, H); b: (G·H,).
`cell` is a module of lstmkit.cells; a state is a tuple whose first field is h, each field (B, H).
"""

from typing import NamedTuple

import numpy as np


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass, in columns."""

    columns: np.ndarray  # (T + 1, H + D + 1, B): [h_{t-1}; x_t; 1]; the last one holds h_T
    carried: tuple  # for each field of the state after h: (T + 1, H, B), from its initial value on
    saved: np.ndarray  # (T, S, H, B): the S values that the cell's step hands to its step_backward


def forward(cell, params, x, state, keep_cache=True):
    """Run `cell` over x.  Returns hs (T, B, H), the last state as a tuple of (B, H), and a Cache (or None).

    Without the cache the values are the same to the last bit, and memory does not hold the gates of every step.
    """
    W_x, W_h, b = params
    (T, B, D), H, G = x.shape, W_h.shape[1], W_h.shape[0] // W_h.shape[1]
    W = np.concatenate([W_h, W_x, b[:, None]], axis=1)
    columns = np.empty((T + 1, H + D + 1, B), x.dtype)
    columns[0, :H] = state[0].T
    columns[:T, H:-1] = x.transpose(0, 2, 1)
    columns[T, H:-1] = 0  # no input belongs to the last column
    columns[:, -1] = 1
    carried = [field.T.copy() for field in state[1:]]
    if keep_cache:
        kept = tuple(np.empty((T + 1, H, B), x.dtype) for _ in carried)
        for history, field in zip(kept, carried, strict=True):
            history[0] = field
        saved = np.empty((T, len(cell.SAVED), H, B), x.dtype)
    a = np.empty((G * H, B), x.dtype)
    gates = a.reshape(G, H, B)
    for t in range(T):
        np.matmul(W, columns[t], out=a)
        columns[t + 1, :H], *rest = cell.step(*gates, *carried)
        carried = rest[: len(carried)]
        if keep_cache:
            for history, field in zip(kept, carried, strict=True):
                history[t + 1] = field
            for row, value in zip(saved[t], rest[len(carried) :], strict=True):
                row[:] = value
    hs = columns[1:, :H].transpose(0, 2, 1).copy()
    last = tuple(field.T.copy() for field in (columns[T, :H], *carried))
    return hs, last, Cache(columns, kept, saved) if keep_cache else None


def backward(cell, params, d_hs, cache, d_state):
    """Backpropagation through time: d_x (T, B, D), the gradient at the initial state, and those of W_x, W_h, b.

    d_hs (T, B, H) is ∂L/∂h_t for every t; d_state is the gradient at the last state, fields (B, H).  The pre-activation
    gradients are kept for one block of steps at a time, and each block costs one product for all weights.
    """
    W_x, W_h, _ = params
    columns, carried, saved = cache
    (T, B, H), D, G = d_hs.shape, W_x.shape[1], W_h.shape[0] // W_h.shape[1]
    W_hT, W_xT = np.ascontiguousarray(W_h.T), np.ascontiguousarray(W_x.T)
    d_W = np.zeros((G * H, H + D + 1), d_hs.dtype)
    d_x = np.empty((T, B, D), d_hs.dtype)
    d_h, *d_carried = (field.T.copy() for field in d_state)
    steps = block_steps(T, B, H)
    d_a = np.empty((steps, G, H, B), d_hs.dtype)
    for stop in range(T, 0, -steps):
        start = max(0, stop - steps)
        d_h_outside = np.ascontiguousarray(d_hs[start:stop].transpose(0, 2, 1))
        for t in range(stop - 1, start - 1, -1):
            d_h = d_h + d_h_outside[t - start]  # h_t reaches the loss directly and through h_{t+1}
            gradients = cell.step_backward(d_h, *d_carried, *saved[t], *(field[t] for field in carried))
            for row, value in zip(d_a[t - start], gradients[:G], strict=True):
                row[:] = value
            d_carried = gradients[G:]
            d_h = W_hT @ d_a[t - start].reshape(G * H, B)
        block = d_a[: stop - start].reshape(stop - start, G * H, B)
        d_W += np.tensordot(block, columns[start:stop], axes=((0, 2), (0, 2)))
        d_x[start:stop] = np.matmul(W_xT, block).transpose(0, 2, 1)
    d_first = tuple(field.T.copy() for field in (d_h, *d_carried))
    d_params = tuple(part.copy() for part in (d_W[:, H:-1], d_W[:, :H], d_W[:, -1]))
    return d_x, d_first, d_params


def expect_cache(cache, d_hs):
    """ValueError unless `cache` was left by a forward pass over the steps, sequences and units of d_hs (T, B, H)."""
    if cache is None:
        raise ValueError("cache is None: call forward with keep_cache=True before backward")
    T, _, H, B = cache.saved.shape
    if d_hs.shape != (T, B, H):
        raise ValueError(
            f"d_hs must have shape (T, B, H) = {(T, B, H)}, as the forward pass had, but its shape is {d_hs.shape}"
        )


def block_steps(T, B, H):
    """Steps per block: enough rows for an efficient product, few enough for the block to stay in cache."""
    return max(1, min(T, max(65536 // max(1, B * H), -(-512 // max(1, B)))))
