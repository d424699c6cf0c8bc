"""Associative recall: K pairs of key and value are shown, and then Q of the keys, each asking for its value.

One pair a step, no key twice in a sequence; then one key a step, with the value left blank.  All K pairs have to be
held at once, so a recurrent state must grow with K, while attention can look each of them up.  Guessing among the V
values is right once in V, `guess(V)`.  In the literature key and value take two steps; here a step holds both.

T = K + Q steps, B sequences, M kinds of key, V kinds of value.
x: (T, B, M + V + 1): the key one-hot in the first M columns, the value in the next V; the last column is 1 for blank.
y: (T, B): the value at each of the last Q steps, and -1 at the first K, where nothing is asked.

Source: Arora et al. (2023), multi-query associative recall (MQAR).
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch


def guess(V=16):
    """How often a guess among V values is right, at each of the (Q, B) questions."""
    return 1 / V


def batch(rng, K, B, Q=4, M=64, V=16, dtype=np.float64):
    """Draw B sequences.  Returns x (K + Q, B, M + V + 1) and y (K + Q, B)."""
    K, B = expect("K", K, 1, "there is a pair to remember"), expect_batch(B)
    Q = expect("Q", Q, 1, "there is something to ask")
    M = expect("M", M, K, f"the K = {K} keys of a sequence differ")
    V = expect("V", V, 2, "a single value needs no memory")
    keys = rng.random((M, B)).argsort(axis=0)[:K]  # K of M without repetition, in each column
    values = rng.integers(0, V, (K, B))
    asked, column = rng.integers(0, K, (Q, B)), np.arange(B)
    x = np.zeros((K + Q, B, M + V + 1), dtype)
    y = np.full((K + Q, B), -1)
    step = np.arange(K + Q)[:, None]
    x[step, column, np.concatenate([keys, keys[asked, column]])] = 1
    x[step[:K], column, M + values] = 1
    x[K:, :, -1] = 1
    y[K:] = values[asked, column]
    return x, y
