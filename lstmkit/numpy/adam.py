"""Adam, and clipping by the global norm: what the book trains its NumPy networks with.

    m ← β₁ m + (1 - β₁) g            v ← β₂ v + (1 - β₂) g²
    θ ← θ - lr · m̂ / (√v̂ + ε)        m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)

The arrays to train are one tuple, such as (*lstm_params, *readout_params); the gradients are a tuple of the same
shapes.  Nothing is modified: `step` returns new arrays.

Source: Kingma & Ba (2015), algorithm 1; clipping is Pascanu, Mikolov & Bengio (2013).
"""

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """Running means of the gradients and of their squares, and the number of steps taken."""

    m: tuple  # one array for each trained array, of its shape
    v: tuple  # likewise
    t: int


def init(arrays):
    """Moments of zero for a tuple of arrays of any shapes."""
    return Moments(tuple(np.zeros_like(a) for a in arrays), tuple(np.zeros_like(a) for a in arrays), 0)


def step(arrays, grads, moments, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """The arrays after one update, as a tuple of the same shapes, and the new Moments."""
    t = moments.t + 1
    m = tuple(beta1 * m + (1 - beta1) * g for m, g in zip(moments.m, grads, strict=True))
    v = tuple(beta2 * v + (1 - beta2) * g * g for v, g in zip(moments.v, grads, strict=True))
    scale, root = lr / (1 - beta1**t), (1 - beta2**t) ** 0.5  # a Python float: float32 arrays stay float32
    updated = tuple(a - scale * m / (np.sqrt(v) / root + eps) for a, m, v in zip(arrays, m, v, strict=True))
    return updated, Moments(m, v, t)


def clip_by_norm(grads, max_norm):
    """The gradients, scaled down together where their joint Euclidean norm exceeds max_norm, and that norm before."""
    norm = float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in grads)))
    scale = min(1.0, max_norm / norm) if norm > 0 else 1.0
    return tuple(g * scale for g in grads), norm
