"""Layers on top of each other: what one gives out at each step is what the next one reads.

    h_t^1 = cell(x_t, h_{t-1}^1)
    h_t^l = cell(m_l ⊙ h_t^{l-1}, h_{t-1}^l)        m_l: dropout between layers, where there is any

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.  x: (T, B, D); hs: (T, B, S·H); a field of
the state: (L·S, B, H), in the order of torch.nn, layer by layer and within a layer forward before backward.
`layers` is a list with a Params for each layer: the cell's, or lstmkit.numpy.bidirectional's for a layer that reads
both ways.  W_x of a layer has as many columns as the layer below has outputs.
`cell` is a module of lstmkit.numpy with forward and backward, such as lstmkit.numpy.lstm.

Source: Graves, Mohamed & Hinton (2013); dropout between layers alone is Zaremba, Sutskever & Vinyals (2014).
Twin: `num_layers` of every module in lstmkit.torch.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy import bidirectional as both_ways
from lstmkit.numpy import lengths as padded
from lstmkit.numpy.shapes import expect_fields


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    caches: list  # one for each layer, from lengths or bidirectional
    masks: list  # (T, B, S·H) or of a shape that broadcasts to it, for each layer but the first


def init_params(cell, rng, D, H, L, bidirectional=False, **options):
    """A list of L layers' Params: D inputs to the first, H units a direction in each.

    Their shapes are the cell's, whose own init_params takes `options`, such as forget_bias and dtype.
    """
    make = both_ways.init_params if bidirectional else _one_way
    handed_on = options.get("P", H) * (1 + bidirectional)  # P units where the cell projects
    return [make(cell, rng, D if layer == 0 else handed_on, H, **options) for layer in range(L)]


def forward(cell, layers, x, state=None, lengths=None, masks=None, keep_cache=True):
    """Run all layers over x (T, B, D), from zeros or from `state`, each sequence within its own length.

    `masks` are L - 1 arrays: the one for a layer multiplies what the layer below hands to it, (T, B, S·H), or (B, S·H)
    for the same at every step.  Returns the last layer's hs (T, B, S·H), zero on padding, the last State, each field
    (L·S, B, H), and the cache for `backward` (None without keep_cache, which is handed to the cell).
    Raises ValueError for a wrong number of masks or states, and whatever the cell raises.
    """
    if not layers:
        raise ValueError("layers must hold the Params of at least one layer, but it is empty")
    masks = [None] * (len(layers) - 1) if masks is None else list(masks)
    if len(masks) != len(layers) - 1:
        raise ValueError(f"masks must be one fewer than the {len(layers)} layers, but there are {len(masks)}")
    first, hs, ends, caches = _cut("state", state, cell, layers), np.asarray(x), [], []
    for params, start, mask in zip(layers, first, [None, *masks], strict=True):
        if mask is not None:
            hs = hs * np.asarray(mask, hs.dtype)
        if isinstance(params, both_ways.Params):
            hs, last, cache = both_ways.forward(cell, params, hs, start, lengths, keep_cache)
            ends += last
        else:
            hs, last, cache = padded.forward(cell, params, hs, lengths, start, keep_cache)
            ends.append(last)
        caches.append(cache)
    return hs, _joined(cell, ends), Cache(caches, masks) if keep_cache else None


def backward(cell, layers, d_hs, cache, d_state=None):
    """Backpropagation through time and layers, from d_hs (T, B, S·H), and d_state at the last State, if any.

    Returns ∂L/∂x (T, B, D), zero on padding, the gradient at the initial State, each field (L·S, B, H), and a list of
    the gradients of the layers' Params.
    """
    if cache is None:
        raise ValueError("cache is None: call forward with keep_cache=True before backward")
    d_last, d_starts, d_layers = _cut("d_state", d_state, cell, layers), [], []
    for params, d_end, piece, mask in zip(
        layers[::-1], d_last[::-1], cache.caches[::-1], [*cache.masks[::-1], None], strict=True
    ):
        run = both_ways if isinstance(params, both_ways.Params) else padded
        d_hs, d_first, d_params = run.backward(cell, params, d_hs, piece, d_end)
        if mask is not None:
            d_hs = d_hs * np.asarray(mask, d_hs.dtype)
        d_starts = [*(d_first if run is both_ways else [d_first]), *d_starts]
        d_layers = [d_params, *d_layers]
    return d_hs, _joined(cell, d_starts), d_layers


def _one_way(cell, rng, D, H, **options):
    return cell.init_params(rng, D, H, **options)


def _cut(name, state, cell, layers):
    """For each layer its part of a State of fields (L·S, B, H), or None."""
    if state is None:
        return [None] * len(layers)
    state = cell.State(*map(np.asarray, expect_fields(name, state, cell.State)))
    count = sum(2 if isinstance(params, both_ways.Params) else 1 for params in layers)
    for field, value in state._asdict().items():
        if value.shape[:1] != (count,):
            shape = f"(L·S, B, H) with L·S = {count}"
            raise ValueError(f"{name}.{field} must have shape {shape}, but its shape is {value.shape}")
    one_each = (cell.State(*fields) for fields in zip(*state, strict=True))
    return [
        both_ways.State(next(one_each), next(one_each)) if isinstance(params, both_ways.Params) else next(one_each)
        for params in layers
    ]


def _joined(cell, states):
    """The States of all layers and directions as one, each field (L·S, B, H)."""
    return cell.State(*(np.stack(fields) for fields in zip(*states, strict=True)))
