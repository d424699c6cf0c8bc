"""A linear read-out, y = W x + b, over the last axis: what turns hidden states into predictions.

H inputs, O outputs; any axes may stand before them.
"""

from typing import NamedTuple

import numpy as np


class Params(NamedTuple):
    """The weights, or their gradients."""

    W: np.ndarray  # (O, H)
    b: np.ndarray  # (O,)


def init_params(rng, H, O, dtype=np.float64):
    """W (O, H) uniform in ±1/√H, b (O,) zero."""
    bound = 1 / np.sqrt(H)
    return Params(rng.uniform(-bound, bound, (O, H)).astype(dtype), np.zeros(O, dtype))


def forward(params, x):
    """y (..., O) from x (..., H)."""
    return x @ params.W.T + params.b


def backward(params, d_y, x):
    """∂L/∂x (..., H) and the gradients of the Params, from ∂L/∂y (..., O)."""
    rows, d_rows = x.reshape(-1, x.shape[-1]), d_y.reshape(-1, d_y.shape[-1])
    return d_y @ params.W, Params(d_rows.T @ rows, d_rows.sum(axis=0))
