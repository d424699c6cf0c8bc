"""Following permutations: n cups are shuffled move by move, and after each move the model names their order.

There are two moves: swap the first two cups, or take the first cup and put it last.  Together they reach all n! orders.
For n = 3 a small machine with 6 states will do; n = 5 gives the 120 orders of S₅, a group that cannot be taken apart
into commuting steps, and following it is believed to be out of reach for any fixed number of parallel layers.
Guessing is right once in n!, `guess(n)`.

T moves, B shuffles.  x: (T, B, 2), one-hot: column 0 for the swap, 1 for the cycle.
y: (T, B), the order after each move, as its index in `orders(n)`.

n is odd, since then the cycle is an even permutation and the swap an odd one.  For even n both are odd: the number of
moves alone would tell which half of the orders is possible, and guessing would be twice as good.

Source: Barrington (1989) for S₅; Merrill, Petty & Sabharwal (2024) for the test of recurrent networks.
"""

import itertools
import math

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch, expect_choice


def orders(n):
    """The n! orders of n cups, as tuples, in the order of a dictionary: y of shape (T, B) points into this list."""
    return list(itertools.permutations(range(n)))


def guess(n):
    """How often one in n! guesses is right, at every step of (T, B)."""
    return 1 / math.factorial(n)


def batch(rng, T, B, n=3, dtype=np.float64):
    """Draw B shuffles of T moves, each from the sorted order.  Returns x (T, B, 2) and y (T, B)."""
    T, B = expect("T", T, 1, "a shuffle has at least one move"), expect_batch(B)
    n = expect_choice("n", expect("n", n, 3, "two cups have one move"), (3, 5, 7))
    index = {order: i for i, order in enumerate(orders(n))}
    swapped = [index[(b, a, *rest)] for a, b, *rest in index]
    cycled = [index[(*rest, a)] for a, *rest in index]
    after = np.array([swapped, cycled])  # (2, n!): move and order before, order after
    moves = rng.integers(0, 2, (T, B))
    y = np.empty((T, B), np.int64)
    now = np.zeros(B, np.int64)  # the sorted order comes first
    for t in range(T):
        now = after[moves[t], now]
        y[t] = now
    return np.eye(2, dtype=dtype)[moves], y
