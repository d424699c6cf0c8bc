"""Copy memory: S symbols, a long silence, and then the S symbols once more, in order.

A sequence has T + 2S steps: S symbols drawn from V, then T - 1 blanks, one mark that says "now", and S blanks more.
The answer is blank everywhere but at the last S steps, where it is the S symbols.  So the first symbol must be kept for
T + S steps, and all S of them at once: this asks for capacity as well as for reach.
Whoever says "blank" up to the mark and then guesses has the cross-entropy `guess_loss` = S ln V / (T + 2S) a step.

T steps of delay, B sequences, S symbols to keep, V kinds of them.
x, of shape (T + 2S, B, V + 2), is one-hot: column 0 is the blank, 1 to V the symbols, V + 1 the mark.
y, of shape (T + 2S, B), holds integers: 0 is the blank, 1 to V the symbols.

Source: Hochreiter & Schmidhuber (1997) for the idea; this form is that of Arjovsky et al. (2016), who take S = 10 and
V = 8.
"""

import math

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch


def guess_loss(T, S=10, V=8):
    """Mean cross-entropy, in nats over the (T + 2S, B) steps, of whoever knows when to answer but not what."""
    return S * math.log(V) / (T + 2 * S)


def batch(rng, T, B, S=10, V=8, dtype=np.float64):
    """Draw B sequences.  Returns x (T + 2S, B, V + 2) and y (T + 2S, B)."""
    T = expect("T", T, 1, "the mark is the last of T steps of delay")
    B = expect_batch(B)
    S = expect("S", S, 1, "there is something to copy")
    V = expect("V", V, 2, "one kind of symbol carries no information")
    symbols = rng.integers(1, V + 1, (S, B))
    shown = np.zeros((T + 2 * S, B), np.int64)
    shown[:S] = symbols
    shown[S + T - 1] = V + 1
    y = np.zeros_like(shown)
    y[-S:] = symbols
    return np.eye(V + 2, dtype=dtype)[shown], y
