"""Temporal order: which of two far-apart signals came first, and which second?

Task 6a of Hochreiter & Schmidhuber (1997).  A sequence is noise, one of the four distractors a, b, c, d at every step,
except at two steps: t1 in the second tenth of the sequence and t2 in the sixth, which carry a signal, X or Y.  The
class is the ordered pair:

    0 = X, X      1 = X, Y      2 = Y, X      3 = Y, Y

The class is asked for after the last step, so the first signal must survive some 0.8 T steps of noise.  The original
also marks the start and the end with a symbol each, and draws the length from 100 to 110; here the length is T.

T steps, B sequences.  x: (T, B, 6), one-hot in the order of `SYMBOLS`; y: (B,) holds the classes.

Chapter: chapters/mathematics.md.  Source: Hochreiter & Schmidhuber (1997), experiment 6.
"""

import numpy as np

SYMBOLS = ("a", "b", "c", "d", "X", "Y")
CLASSES = ("X, X", "X, Y", "Y, X", "Y, Y")
X = SYMBOLS.index("X")


def batch(rng, T, B, dtype=np.float64):
    """Draw B sequences of T steps.  Returns x (T, B, 6) and y (B,)."""
    for name, value, least, why in (("T", T, 10, "one for each tenth"), ("B", B, 1, "draw at least one sequence")):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be an integer of at least {least}: {why}")
    symbols = rng.integers(0, X, (T, B))  # the noise: a, b, c, d
    first, second = rng.integers(0, 2, (2, B))  # 0 is X, 1 is Y
    t1 = rng.integers(T // 10, 2 * T // 10, B)
    t2 = rng.integers(5 * T // 10, 6 * T // 10, B)
    column = np.arange(B)
    symbols[t1, column] = X + first
    symbols[t2, column] = X + second
    return np.eye(len(SYMBOLS), dtype=dtype)[symbols], 2 * first + second
