"""Sequences of different lengths in one padded batch, run through any cell without a step computed on padding.

    sorted by length, longest first:   sequence 0   x x x x x
                                       sequence 1   x x x · ·
                                       sequence 2   x x x · ·        three treads: 1 step of 4 sequences,
                                       sequence 3   x · · · ·        2 steps of 3, 2 steps of 1

The batch is a staircase.  Each tread is a rectangle of steps by sequences still going, which the cell runs as it runs
any batch; the state that leaves one enters the next, without the sequences that have ended.  What stands on padding is
never read, so that it may be anything, NaN included.

T steps, B sequences, D inputs, H units.  x: (T, B, D); a field of a state: (B, H); lengths: (B,), each from 1 to T, in
any order.  `cell` is a module of lstmkit.numpy with forward and backward, such as lstmkit.numpy.lstm.

Twin: `lengths=` of every module in lstmkit.torch, and torch.nn.utils.rnn.PackedSequence.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy.shapes import expect_fields


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass: the staircase, and the cell's own cache for each tread."""

    treads: list  # (steps, sequences) of each rectangle, as slice and index
    caches: list  # the cell's, one for each tread
    shape: tuple  # of hs


def forward(cell, params, x, lengths, state=None, keep_cache=True):
    """Run `cell` over the first lengths[b] steps of each sequence b of x (T, B, D), from zeros or from `state`.

    Returns hs (T, B, H), zero on padding, the State of each sequence at its own end, and the cache for `backward` (None
    without keep_cache, which is handed to the cell).  With lengths of None every sequence has T steps.
    Raises ValueError for lengths that are not B whole numbers from 1 to T, and whatever the cell raises.
    """
    x = np.asarray(x)
    if x.ndim < 3:
        raise ValueError(f"x must have shape (T, B, D), but its shape is {x.shape}")
    (T, B), start, caches = x.shape[:2], 0, []
    treads = _treads(lengths, T, B)
    if state is not None:
        state = _expect_rows("state", state, cell.State, B)
    for steps, rows in treads:
        going = None if start == 0 and state is None else cell.State(*(field[rows] for field in state))
        out, end, cache = cell.forward(params, x[steps, rows], going, keep_cache=keep_cache)
        if start == 0:
            hs = np.zeros((T, B, *out.shape[2:]), out.dtype)
            state = cell.State(*(np.empty((B, *field.shape[1:]), field.dtype) for field in end))
        start = steps.stop
        hs[steps, rows] = out
        for whole, field in zip(state, end, strict=True):
            whole[rows] = field  # where a sequence goes on, the next tread writes over it
        caches.append(cache)
    return hs, state, Cache(treads, caches, hs.shape) if keep_cache else None


def backward(cell, params, d_hs, cache, d_state=None):
    """Backpropagation through time, from d_hs (T, B, H), and d_state at the State of each sequence's own end, if any.

    Returns ∂L/∂x (T, B, D), zero on padding, the gradient at the initial State, and the gradients of the Params.
    What d_hs holds on padding is not read.
    """
    d_hs = expect_cache(cache, d_hs)
    B, d_x, d_params = d_hs.shape[1], None, None
    if d_state is not None:
        d_state = cell.State(*(field.copy() for field in _expect_rows("d_state", d_state, cell.State, B)))
    for (steps, rows), piece in zip(reversed(cache.treads), reversed(cache.caches), strict=True):
        # Of the rows of this tread, some have met a later one, and their gradient is what that sent back; the others
        # end here.
        arriving = None if d_state is None else cell.State(*(field[rows] for field in d_state))
        d_in, d_first, d_piece = cell.backward(params, d_hs[steps, rows], piece, arriving)
        if d_x is None:
            d_x = np.zeros((*d_hs.shape[:2], *d_in.shape[2:]), d_in.dtype)
        if d_state is None:
            d_state = cell.State(*(np.zeros((B, *field.shape[1:]), field.dtype) for field in d_first))
        d_x[steps, rows] = d_in
        for whole, field in zip(d_state, d_first, strict=True):
            whole[rows] = field
        d_params = d_piece if d_params is None else _sum(d_params, d_piece)
    return d_x, d_state, d_params


def mask(lengths, T):
    """Which steps are real, (T, B) of bool: the first lengths[b] of sequence b."""
    lengths = np.asarray(lengths)
    return np.arange(T)[:, None] < _expect(lengths, T, lengths.shape[0] if lengths.ndim else 0)


def reverse(x, lengths=None):
    """x (T, B, ...) with each sequence turned around within its own length; padding stays where it is, and what it was.

    Twice is not at all.  With lengths of None every sequence has T steps.
    """
    x = np.asarray(x)
    if lengths is None:
        return x[::-1].copy()
    T, B = x.shape[:2]
    t, lengths = np.arange(T)[:, None], _expect(lengths, T, B)
    return x[np.where(t < lengths, lengths - 1 - t, t), np.arange(B)]


def expect_cache(cache, d_hs):
    """d_hs as an array; ValueError unless `cache` was left by a forward pass over the steps and sequences of d_hs."""
    if cache is None:
        raise ValueError("cache is None: call forward with keep_cache=True before backward")
    d_hs = np.asarray(d_hs)
    if d_hs.shape != cache.shape:
        raise ValueError(
            f"d_hs must have shape (T, B, H) = {cache.shape}, as the forward pass had, but its shape is {d_hs.shape}"
        )
    return d_hs


def _treads(lengths, T, B):
    """(steps, sequences) of each rectangle, first to last: a slice, and the numbers of the sequences, longest first."""
    if lengths is None or B == 0:
        if lengths is not None:
            _expect(lengths, T, B)
        return [(slice(0, T), slice(0, B))]
    lengths = _expect(lengths, T, B)
    order, ends = np.argsort(-lengths, kind="stable"), np.unique(lengths)
    starts = [0, *ends[:-1]]
    return [(slice(int(a), int(e)), order[: np.sum(lengths >= e)]) for a, e in zip(starts, ends, strict=True)]


def _expect(lengths, T, B):
    given = np.asarray(lengths)
    whole = np.issubdtype(given.dtype, np.integer) or given.size == 0
    if given.shape != (B,) or not whole or (B and not (given.min() >= 1 and given.max() <= T)):
        cure = "; leave a sequence without steps out of the batch" if whole and given.size and given.min() == 0 else ""
        raise ValueError(f"lengths must be B = {B} whole numbers from 1 to T = {T}, but they are {lengths}{cure}")
    return given.astype(np.int64)


def _expect_rows(name, state, kind, B):
    """`state` as the NamedTuple `kind` of arrays of B rows; what else they must be the cell itself checks."""
    state = kind(*map(np.asarray, expect_fields(name, state, kind)))
    for field, value in state._asdict().items():
        if value.shape[:1] != (B,):
            raise ValueError(
                f"{name}.{field} must have a row for each of B = {B} sequences, but its shape is {value.shape}"
            )
    return state


def _sum(one, other):
    """Field by field; None, for weights that a cell goes without, stays None."""
    return type(one)(*(None if a is None else a + b for a, b in zip(one, other, strict=True)))
