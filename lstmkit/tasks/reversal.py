"""Reversal: read a string of digits, then write it backwards.

The smallest translation.  An encoder reads the string, a decoder writes its answer one digit at a time and is fed what
it should have written a step before.  Squeezed through one vector of fixed size, long strings are lost; attention can
point at the digit that is due, and its weights then lie on the anti-diagonal, `alignment`.
Guessing writes a digit right once in V, and a string of length n once in V^n: `guess(n)`.

S steps at most, B strings, V kinds of digit.
x: (S, B, V), one-hot, zero behind the end.  lengths: (B,).
y: (S, B), the digits backwards, and -1 behind the end, where nothing is asked.
y_before: (S, B, V + 1), what the decoder is fed: one-hot, column V is the start sign, zero behind the end.

Source: Sutskever et al. (2014), Bahdanau et al. (2015) for the two kinds of network that this sets apart.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch


class Pairs(NamedTuple):
    """Strings and their reversals."""

    x: np.ndarray  # (S, B, V), one-hot
    lengths: np.ndarray  # (B,) integers
    y: np.ndarray  # (S, B) integers, -1 where nothing is asked
    y_before: np.ndarray  # (S, B, V + 1), one-hot


def guess(n, V=10):
    """How often a guess at all n digits of a string is right: at each of (S, B) once in V."""
    return float(V) ** -n


def alignment(lengths, S):
    """The step of x (S, B, V) that each answer copies: (S, B) integers, n - 1 down to 0, and -1 behind the end."""
    return np.maximum(np.asarray(lengths) - 1 - np.arange(S)[:, None], -1)


def batch(rng, S, B, shortest=4, V=10, dtype=np.float64):
    """Draw B strings with lengths uniform from `shortest` to S; every array has S steps.  Returns Pairs."""
    shortest = expect("shortest", shortest, 1, "a string has at least one digit")
    S, B = expect("S", S, shortest, "no string is shorter than `shortest`"), expect_batch(B)
    V = expect("V", V, 2, "a single digit reads the same both ways")
    lengths = rng.integers(shortest, S + 1, B)
    digits = rng.integers(0, V, (S, B))
    step, column = np.arange(S)[:, None], np.arange(B)
    mask = step < lengths
    x = np.eye(V, dtype=dtype)[digits] * mask[..., None]
    y = np.where(mask, digits[lengths - 1 - step, column], -1)  # behind the end this reads nonsense, which mask hides
    before = np.concatenate([np.full((1, B), V), y[:-1]])
    return Pairs(x, lengths, y, np.eye(V + 1, dtype=dtype)[before] * mask[..., None])
