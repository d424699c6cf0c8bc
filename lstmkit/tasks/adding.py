"""The adding problem: two of T numbers are marked, and the answer is their sum.

Every step carries a value drawn from U(0, 1) and a mark that is 0 or 1.  One step of the first half and one
of the second half are marked.  After the last step the model must say the sum of the two marked values.
Whoever ignores the input and always answers 1 has the mean squared error `CONSTANT_MSE` = 1/6, the variance
of the sum of two independent U(0, 1); below it, something has been stored and kept.

T steps, B sequences.  x: (T, B, 2) holds value and mark; y: (B, 1) holds the sum.

Chapter: chapters/architecture.md.  Source: Hochreiter & Schmidhuber (1997), experiment 4, there with values in
[-1, 1] and a scaled target; the form with U(0, 1) is that of Arjovsky et al. (2016) and Bai et al. (2018).
"""

import numpy as np

CONSTANT_MSE = 1.0 / 6.0


def batch(rng, T, B, dtype=np.float64):
    """Draw B sequences of T steps.  Returns x (T, B, 2) and y (B, 1)."""
    for name, value, least in (("T", T, 2), ("B", B, 1)):
        if not isinstance(value, (int, np.integer)) or value < least:
            why = "one mark falls in each half" if name == "T" else "a batch holds at least one sequence"
            raise ValueError(f"{name} is {value!r}; {why}: pass an integer of at least {least}")
    half = T // 2
    x = np.zeros((T, B, 2), dtype)
    x[..., 0] = rng.uniform(0.0, 1.0, (T, B))
    first = rng.integers(0, half, B)
    second = rng.integers(half, T, B)
    column = np.arange(B)
    x[first, column, 1] = 1.0
    x[second, column, 1] = 1.0
    y = x[first, column, 0] + x[second, column, 0]
    return x, y[:, None]
