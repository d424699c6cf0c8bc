"""Finite differences: a second opinion on every gradient that is derived by hand."""

import numpy as np


def finite_difference(f, a, eps=1e-6):
    """∂f/∂a by central differences, (f(a + eps) - f(a - eps)) / 2 eps, one entry at a time.

    f takes an array of a's shape and returns a number; a has any shape and is not modified.  Always in float64: in
    float32 the difference of two nearly equal losses keeps too few digits to judge a gradient by.
    """
    a = np.array(a, dtype=np.float64)
    gradient = np.empty_like(a)
    for index in np.ndindex(a.shape):
        kept = a[index]
        a[index] = kept + eps
        above = f(a.copy())
        a[index] = kept - eps
        below = f(a.copy())
        a[index] = kept
        gradient[index] = (above - below) / (2 * eps)
    return gradient


def relative_error(a, b):
    """How far two gradients of one shape are apart: max |a - b| over the largest entry of either.

    0 for equal arrays and for two empty or all-zero ones; NaN if either holds a NaN.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"a and b must have one shape, got {a.shape} and {b.shape}")
    scale = max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0))
    difference = np.max(np.abs(a - b), initial=0.0)
    return float(difference / scale) if scale != 0 else 0.0
