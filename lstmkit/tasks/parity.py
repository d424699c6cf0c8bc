"""Parity: after every bit, has the number of ones so far been even or odd?

One bit of state, and every one flips it: a network with feedback carries the bit along, whatever the length; a network
of fixed depth that sees all bits at once has to count them.  Trained on short strings, tested on long ones.
Guessing is right half the time, `GUESS`, at a cross-entropy of `GUESS_LOSS` = ln 2.

T steps, B strings.  x: (T, B, 2), one-hot: column 0 for a zero, 1 for a one.  y: (T, B), the parity so far, 0 or 1.

Source: Hochreiter & Schmidhuber (1996) for parity as a test of memory; Hahn (2020) for what self-attention cannot do.
"""

import math

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

GUESS = 0.5
GUESS_LOSS = math.log(2)


def batch(rng, T, B, dtype=np.float64):
    """Draw B strings of T bits.  Returns x (T, B, 2) and y (T, B)."""
    T, B = expect("T", T, 1, "a string has at least one bit"), expect_batch(B)
    bits = rng.integers(0, 2, (T, B))
    return np.eye(2, dtype=dtype)[bits], np.bitwise_xor.accumulate(bits, axis=0)
