"""Synthetic users: what is clicked next, where it hangs on the last item, on the last two, or on an unchanging taste.

Three worlds of V items, in each of which chance has the same part:

    "last item"    with probability `follow`, the item that one fixed permutation puts after the last one
    "last two"     with probability `follow`, the item in row a, column b of a Latin square, after the items a, b
    "taste"        with probability `follow`, one of the V / G items of the user's group, whatever came before

and otherwise any item.  A Latin square has every item once in each row and column: either of two items alone says
nothing of the third.  The groups are drawn once; each user belongs to one of the G.  In each world all items are
equally popular.  `best` is the foreteller that nobody can beat: it knows the world, though not a user's group.

T clicks, B users, V items.  x: (T, B, V), one-hot.  y: (T, B), the next item.
p: (T, B, V), the probability of each next item.

Source: the worlds are this book's.  Recommendation from the clicks of a session: Hidasi et al. (2016).
Chapter: chapters/sequence_problem.md.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch, expect_choice

KINDS = ("last item", "last two", "taste")


class World(NamedTuple):
    """The laws of one world."""

    kind: str
    follow: float  # how often the law holds
    successor: np.ndarray  # (V, V): the item after a, b; for "last item" every row is the same
    group: np.ndarray  # (V,): the group of each item, 0 to G - 1


def make(rng, kind, V=8, G=4, follow=0.7):
    """Draw a World of V items, successor (V, V), in G groups of V / G."""
    kind = expect_choice("kind", kind, KINDS)
    V, G = expect("V", V, 2, "something has to be chosen"), expect("G", G, 1, "every item has a group")
    if V % G:
        raise ValueError(f"G is {G!r}; it must divide V = {V}, for the groups are equally large")
    if not 0 <= follow <= 1:
        raise ValueError(f"follow is {follow!r}; it must be a probability from 0 to 1")
    rows, columns, names = (rng.permutation(V) for _ in range(3))
    square = names[(rows[:, None] + columns) % V]
    successor = np.broadcast_to(rng.permutation(V), (V, V)) if kind == "last item" else square
    return World(kind, follow, successor, rng.permutation(np.arange(V) % G))


def batch(rng, world, T, B, dtype=np.float64):
    """Draw B users of T clicks and one more.  Returns x (T, B, V) and y (T, B)."""
    T, B = expect("T", T, 2, "the last two items are the first two"), expect_batch(B)
    V, G = len(world.group), world.group.max() + 1
    clicks = rng.integers(0, V, (T + 1, B))  # any item, for a start and where the law does not hold
    holds = rng.random((T + 1, B)) < world.follow
    if world.kind == "taste":
        items = np.argsort(world.group, kind="stable").reshape(G, V // G)
        own = items[rng.integers(0, G, B), rng.integers(0, V // G, (T + 1, B))]
        clicks = np.where(holds, own, clicks)
    else:
        for t in range(2, T + 1):
            after = world.successor[clicks[t - 2], clicks[t - 1]]
            clicks[t] = np.where(holds[t], after, clicks[t])
    return np.eye(V, dtype=dtype)[clicks[:T]], clicks[1:]


def best(world, x):
    """The probability of each next item, p (T, B, V), for whoever knows the world and the clicks so far, x (T, B, V).

    The first two clicks of a user follow a law only in "taste".
    """
    V, G = len(world.group), world.group.max() + 1
    chance = (1 - world.follow) / V  # of any one item by accident
    if world.kind == "taste":
        same = world.group == np.arange(G)[:, None]  # (G, V)
        within = world.follow * same * G / V + chance  # of each item in each group
        belief = np.cumsum(x @ np.log(np.maximum(within, 1e-300)).T, axis=0)  # Bayes: groups are equally frequent
        belief = np.exp(belief - belief.max(axis=-1, keepdims=True))
        return belief / belief.sum(axis=-1, keepdims=True) @ within
    p = np.full(x.shape, 1 / V)
    clicks = x.argmax(axis=-1)
    after = world.successor[clicks[:-1], clicks[1:]]
    p[1:] = world.follow * np.eye(V)[after] + chance
    return p
