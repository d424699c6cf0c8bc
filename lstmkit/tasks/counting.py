"""Counting: which symbol may follow in a^n b^n, or in a^n b^n c^n?

A string is n times a, then n times b (then n times c), between two marks.  At every step the model says which symbols
may come next.  After an a that is a or b, for nobody knows n yet; after the first b everything is fixed, and whoever
has counted the a's knows the step at which the b's end.  a^n b^n is context-free; a^n b^n c^n is not even that, yet
two counters are enough.  Trained on small n, tested on large n: a counter goes on, a table does not.

k = 2 kinds of letter for a^n b^n, k = 3 for a^n b^n c^n.  T = k max(n) + 1 steps, B strings.
x: (T, B, k + 1), one-hot: column 0 is the mark, then a, b, c; a string starts with the mark, and is zero after its end.
y: (T, B, k + 1), ones for the symbols that may follow; the mark may follow the last letter.
mask: (T, B), True within the string.

A string is accepted if the model is right about every symbol at every step.  Step by step the task looks easy: whoever
sees only the last symbol is right almost always (`last_symbol_accuracy`), and accepts nothing beyond n = 1.

Source: Gers & Schmidhuber (2001); Weiss, Goldberg & Yahav (2018) for the comparison of cells.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

SYMBOLS = ("mark", "a", "b", "c")


class Strings(NamedTuple):
    """A batch of strings, and what may follow each symbol."""

    x: np.ndarray  # (T, B, k + 1), one-hot
    y: np.ndarray  # (T, B, k + 1), 1 where the symbol may follow
    mask: np.ndarray  # (T, B) bool, True within the string


def sequences(ns, k=2, dtype=np.float64):
    """The strings of the given n's, for a test at lengths of one's choice: Strings of shape (k max(n) + 1, len(ns))."""
    k = expect("k", k, 2, "k letters take turns")
    if k >= len(SYMBOLS):
        raise ValueError(f"k is {k}; there are letters for k = 2 (a^n b^n) and k = 3 (a^n b^n c^n)")
    ns = np.array([expect("n", n, 1, "each letter comes n times") for n in ns])
    expect_batch(len(ns))
    t = np.arange(k * ns.max() + 1)[:, None]
    mask = t <= k * ns
    letter = np.where(mask, -(-t // ns), 0)  # 0 at the mark, 1 for the first n letters, and so on: t / n, rounded up
    x = np.eye(k + 1, dtype=dtype)[letter] * mask[..., None]
    following = np.roll(letter, -1, axis=0)  # behind the last letter stands a 0, the mark
    y = np.eye(k + 1, dtype=dtype)[following] * mask[..., None]
    y[..., 1] += (letter == 1) & (following == 2)  # another a is always possible,
    y[..., 2] += (letter == 1) & (following == 1)  # and so is the first b
    return Strings(x, y, mask)


def batch(rng, N, B, k=2, dtype=np.float64):
    """Draw B strings, n uniform from 1 to N: Strings of shape (k max(n) + 1, B)."""
    N = expect("N", N, 1, "n is drawn from 1 to N")
    return sequences(rng.integers(1, N + 1, expect_batch(B)), k, dtype)


def accepted(scores, strings):
    """Which strings (B,) are right at every step: scores (T, B, k + 1) above 0 exactly where a symbol may follow."""
    right = ((np.asarray(scores) > 0) == (strings.y > 0)).all(axis=-1)
    return (right | ~strings.mask).all(axis=0)


def last_symbol_accuracy(n, k=2):
    """Share of steps that are right if one sees the last symbol alone: all of T = k n + 1 but the end of each run.

    After an a, a or b may follow, and that is always right; the last of the b's and of the c's is taken for another.
    """
    return 1 - (k - 1) / (k * n + 1) if n > 1 else 1.0
