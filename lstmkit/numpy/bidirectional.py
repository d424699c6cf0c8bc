"""Two directions: one cell reads each sequence from its first step to its last, another from its last to its first.

    →h_t = cell(x_t, →h_{t-1})        what has been
    ←h_t = cell(x_t, ←h_{t+1})        what is to come
    h_t = [→h_t; ←h_t]                hidden state, 2H units

T steps, B sequences, D inputs, H units a direction.  x: (T, B, D); hs: (T, B, 2H); a field of a state: (B, H).
In a padded batch the way back starts at each sequence's own end: the sequences are turned around within their lengths,
lstmkit/numpy/lengths.py, run as any other, and what comes out is turned around again.  So the last State of the way
back is the one after the first step.
`cell` is a module of lstmkit.numpy with forward and backward, such as lstmkit.numpy.lstm.

Source: Schuster & Paliwal (1997); with LSTM, Graves & Schmidhuber (2005).  Chapter: chapters/bidirectional.md.
Twin: `bidirectional=True` of every module in lstmkit.torch.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy import lengths as padded
from lstmkit.numpy.shapes import expect_fields


class Params(NamedTuple):
    """The weights of both directions, or their gradients."""

    forward: tuple  # the cell's Params
    backward: tuple  # the cell's Params, of the same shapes


class State(NamedTuple):
    """The states of both directions, or their gradients."""

    forward: tuple  # the cell's State
    backward: tuple  # the cell's State


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    forward: padded.Cache
    backward: padded.Cache
    lengths: np.ndarray | None  # (B,)
    shape: tuple  # of hs


def init_params(cell, rng, D, H, **options):
    """Params for D inputs and H units a direction, of the cell's shapes; its own init_params takes `options`."""
    return Params(*(cell.init_params(rng, D, H, **options) for _ in range(2)))


def zero_state(cell, B, H, dtype=np.float64):
    """The cell's State, each field (B, H), for both directions: nothing remembered."""
    return State(*(cell.zero_state(B, H, dtype) for _ in range(2)))


def forward(cell, params, x, state=None, lengths=None, keep_cache=True):
    """Run `cell` over x (T, B, D) both ways, from zeros or from `state`, each sequence within its own length.

    Returns hs (T, B, 2H), zero on padding, the last State of both directions, and the cache for `backward` (None
    without keep_cache, which is handed to the cell).  With lengths of None every sequence has T steps.
    Raises ValueError for lengths that are not B whole numbers from 1 to T, and whatever the cell raises.
    """
    params, x = expect_fields("params", params, Params), np.asarray(x)
    first = State(None, None) if state is None else expect_fields("state", state, State)
    hs, last, cache = padded.forward(cell, params.forward, x, lengths, first.forward, keep_cache)
    turned = padded.reverse(x, lengths)
    back, last_back, cache_back = padded.forward(cell, params.backward, turned, lengths, first.backward, keep_cache)
    hs = np.concatenate([hs, padded.reverse(back, lengths)], axis=2)
    lengths = None if lengths is None else np.array(lengths)
    return hs, State(last, last_back), Cache(cache, cache_back, lengths, hs.shape) if keep_cache else None


def backward(cell, params, d_hs, cache, d_state=None):
    """Backpropagation through time, from d_hs (T, B, 2H), and d_state at the last State of both directions, if any.

    Returns ∂L/∂x (T, B, D), zero on padding, the gradient at the initial State, and the gradients of the Params.
    """
    params, d_hs = expect_fields("params", params, Params), padded.expect_cache(cache, d_hs)
    d_last = State(None, None) if d_state is None else expect_fields("d_state", d_state, State)
    d_there, d_back = np.split(d_hs, 2, axis=2)
    d_x, d_first, d_params = padded.backward(cell, params.forward, d_there, cache.forward, d_last.forward)
    d_back = padded.reverse(d_back, cache.lengths)
    d_turned, d_first_back, d_params_back = padded.backward(
        cell, params.backward, d_back, cache.backward, d_last.backward
    )
    d_x += padded.reverse(d_turned, cache.lengths)
    return d_x, State(d_first, d_first_back), Params(d_params, d_params_back)
