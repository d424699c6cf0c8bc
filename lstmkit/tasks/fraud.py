"""Card payments: was the card of this account stolen?

Each account has habits of its own: how much it pays, how often, how much of it online and how much abroad.  Somebody
who has stolen a card tries it with a small payment online, and if that goes through, makes large ones at once.
Honest people do all of this too, in another order: in one account of `LOOK_ALIKES` the same three quick payments come
as large, large, small or as large, small, large, on some evening out.  So sums and extremes say much, and the order
says the rest.

This is a simulation with the trick built in, and thieves who never change it.  It shows what a method does with a rare
event; it says nothing about any bank.

T payments, B accounts.  x: (T, B, 4), in the order of `COLUMNS`; y: (B,), 1 for a stolen card, else 0.

Baseline: whoever raises an alarm at random is right as often as cards are stolen; `precision_at_base_rate` says how the
worth of an alarm depends on that share, whatever the method.

Source: Dal Pozzolo et al. (2014) for the rarity and what it does to a score.
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

COLUMNS = ("log amount", "log hours since the last", "online", "abroad")
PREVALENCE = 0.001  # of stolen cards, in the world; a batch may hold more of them
LOOK_ALIKES = 0.3
RECENT = 8  # the three payments lie among the last so many
SMALL, LARGE, QUICK = -1.5, 1.5, -3.0  # in the logarithm, beside what the account is used to
ORDERS = np.array([[SMALL, LARGE, LARGE], [LARGE, LARGE, SMALL], [LARGE, SMALL, LARGE]])  # the first is the thief's


def precision_at_base_rate(hits, false_alarms, share):
    """The share of true alarms, from the shares of stolen and of honest accounts (B,) that raise one, and of stolen.

    This is the theorem of Bayes.  Without any alarm it is 1 by convention: no alarm was wrong.
    """
    alarms = hits * share + false_alarms * (1 - share)
    return float(hits * share / alarms) if alarms > 0 else 1.0


def batch(rng, T, B, share=0.5, dtype=np.float64):
    """Draw B accounts of T payments, `share` B of them stolen, to the nearest whole number, in random order.

    Returns x (T, B, 4) and y (B,).
    """
    T, B = expect("T", T, RECENT, "the payments that matter lie among the last"), expect_batch(B)
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share!r}; it is the share of stolen cards: pass a number from 0 to 1")
    y = (rng.permutation(B) < round(share * B)).astype(np.int64)
    habits = rng.normal(size=(4, B))
    x = np.empty((T, B, 4))
    x[..., 0] = 3.5 + 0.7 * habits[0] + 0.9 * rng.normal(size=(T, B))
    x[..., 1] = 2.5 + 0.6 * habits[1] + 1.2 * rng.normal(size=(T, B))
    for column, middle in ((2, -0.5), (3, -3.0)):
        odds = middle + habits[column]
        x[..., column] = rng.random((T, B)) < 1 / (1 + np.exp(-odds))
    staged = np.flatnonzero((y == 1) | (rng.random(B) < LOOK_ALIKES))
    order = np.where(y == 1, 0, rng.integers(1, len(ORDERS), B))[staged]
    at = T - RECENT + rng.integers(0, RECENT - 2, len(staged)) + np.arange(3)[:, None]  # (3, accounts)
    x[at, staged, 0] += ORDERS[order].T
    x[at, staged, 1] += QUICK
    x[at, staged, 2] = 1
    return x.astype(dtype), y
