"""Looking ahead: the answer at step t needs the bit that comes some steps later.

The input is random bits.  The answer at step t is made of the bit before, x_{t-1}, and the bit `ahead` steps later,
x_{t+ahead}: the later one alone (`future`), both (AND, `np.bitwise_and`), or either but not both (XOR,
`np.bitwise_xor`).  No model that reads from left to right can know the later bit, so its best is `causal_accuracy`: a
half, three quarters and a half.  A bidirectional one has both bits at hand; with a linear read-out it adds what
the two directions say, and no sum of the two makes an XOR.

T steps, B sequences.  x: (T, B, 1), bits.  y: (T, B), 0 or 1, and -1 at the first step and the last `ahead`, where
nothing is asked.

Source: Schuster & Paliwal (1997) for the network that this is about.
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch


def future(past, later):
    """The later bit, of any shape, whatever came before."""
    return later


def causal_accuracy(rule):
    """The best that the past alone allows: for either bit past, the more frequent answer of the (2, 2) truth table."""
    past, later = np.meshgrid([0, 1], [0, 1], indexing="ij")
    ones = rule(past, later).mean(axis=1)
    return float(np.maximum(ones, 1 - ones).mean())


def batch(rng, T, B, rule=np.bitwise_xor, ahead=3, dtype=np.float64):
    """Draw B sequences of T bits; `rule` maps two arrays of bits to one.  Returns x (T, B, 1) and y (T, B)."""
    ahead = expect("ahead", ahead, 1, "the bit that is asked for lies ahead")
    T = expect("T", T, ahead + 2, "one bit lies before the question and `ahead` steps behind it")
    bits = rng.integers(0, 2, (T, expect_batch(B)))
    y = np.full_like(bits, -1)
    y[1 : T - ahead] = rule(bits[: T - ahead - 1], bits[ahead + 1 :])
    return bits[..., None].astype(dtype), y
