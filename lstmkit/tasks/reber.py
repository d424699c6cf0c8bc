"""The embedded Reber grammar: words of seven letters in which the second letter decides the last but one.

A Reber word is a walk through a small graph, one letter an edge, a fair coin at each fork:

    0 -B-> 1      1 -T-> 2      2 -S-> 2      3 -T-> 3      4 -X-> 3      5 -P-> 4      6 -E-> end
                  1 -P-> 3      2 -X-> 4      3 -V-> 5      4 -S-> 6      5 -V-> 6

An embedded word is B, then T or P, then a whole Reber word, then the same T or P again, then E.  Predicting the next
letter is local everywhere but at that last T or P, which asks for the second letter across a word of any length.
In the continual form the words follow each other without a sign, and nobody resets the network.

T steps, B sequences.  x: (T, B, 7), one-hot in the order of `SYMBOLS`.  y: (T, B), the next letter, -1 behind the end.
legal: (T, B, 7), 1 for the letters that may come next.  outer: (T, B), True where the next letter is the last T or P.

Baselines: `entropy_rate()` is the cross-entropy a step that nobody can undercut in the long run, and
`entropy_rate(remember=False)` that of whoever knows the grammar but forgot the second letter, and so errs at every
second `outer` step.

Source: Reber (1967) for the grammar; Hochreiter & Schmidhuber (1997), experiment 1, for the embedded form; Gers,
Schmidhuber & Cummins (2000) for the continual one.
"""

import math
from typing import NamedTuple

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

SYMBOLS = tuple("BTSXPVE")
GRAPH = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": "end"},
}
START = ("", "start")


class Letters(NamedTuple):
    """A batch of words, or a stream of them."""

    x: np.ndarray  # (T, B, 7), one-hot
    y: np.ndarray  # (T, B) integers, -1 behind the end of a word
    legal: np.ndarray  # (T, B, 7), 1 for the letters that may come next, zero behind the end
    outer: np.ndarray  # (T, B) bool, True where the next letter is the last T or P


def edges(state):
    """The letters that may follow in a state (outer letter, place), and the states they lead to."""
    outer, place = state
    if place == "start":
        return {"B": ("", "choice")}
    if place == "choice":
        return {"T": ("T", 0), "P": ("P", 0)}
    if place == "end":
        return {outer: (outer, "last")}
    if place == "last":
        return {"E": START}
    return {letter: (outer, following) for letter, following in GRAPH[place].items()}


def legal_next(prefix):
    """The set of letters that may follow a string of embedded words of any length T; the last may be unfinished."""
    state = START
    for t, letter in enumerate(prefix):
        if letter not in edges(state):
            allowed = " or ".join(edges(state))
            raise ValueError(
                f"{prefix!r} is no beginning of embedded Reber words: at {t} stands {letter!r}, not {allowed}"
            )
        state = edges(state)[letter]
    return set(edges(state))


def stream(rng, T, B, dtype=np.float64):
    """Draw B streams of embedded words, each from the start of a word, cut off after T steps.  Returns Letters."""
    T, B = expect("T", T, 1, "a stream has at least one letter"), expect_batch(B)
    walk, states = _walk(rng, T + 1, np.zeros(B, np.int64))
    return _letters(walk, states, np.full(B, T), dtype)


def batch(rng, B, dtype=np.float64):
    """Draw B embedded words; T is the length of the longest, less its last E, which has no next.  Returns Letters."""
    walk, states = _walk(rng, 32, np.zeros(expect_batch(B), np.int64))
    while not (ended := states[1:] == 0).any(axis=0).all():  # somebody's first word is not over: walk on
        more, after = _walk(rng, len(walk), states[-1])
        walk, states = np.concatenate([walk, more]), np.concatenate([states, after[1:]])
    return _letters(walk, states, ended.argmax(axis=0), dtype)


def entropy_rate(remember=True):
    """The least cross-entropy, in nats a step of an endless stream (T, B), the second letter in mind or forgotten."""
    places = list(GRAPH)
    onward = np.zeros((len(places), len(places)))
    for place, following in GRAPH.items():
        for target in following.values():
            if target != "end":
                onward[place, target] += 1 / len(following)
    visits = np.linalg.inv(np.eye(len(places)) - onward)[0]  # how often a word passes each place
    coins = 1 + sum(
        visits[place] for place in places if len(GRAPH[place]) == 2
    )  # the first one is for the second letter
    letters = visits.sum() + 4
    return math.log(2) * (coins + (not remember)) / letters


def _walk(rng, T, first):
    """T random edges for each of B walkers: the letters (T, B) and the states (T + 1, B) around them, as indices."""
    coins = rng.integers(0, 2, (T, len(first)))
    states = np.empty((T + 1, len(first)), np.int64)
    states[0] = first
    for t in range(T):
        states[t + 1] = _NEXT[states[t], coins[t]]
    return _LETTER[states[:-1], coins], states


def _letters(walk, states, lengths, dtype):
    """The first `lengths` (B,) letters of each walk that have a next one."""
    T = lengths.max()
    mask = np.arange(T)[:, None] < lengths
    x, legal = np.eye(len(SYMBOLS), dtype=dtype)[walk[:T]], _LEGAL[states[1 : T + 1]].astype(dtype)
    y = np.where(mask, walk[1 : T + 1], -1)
    return Letters(x * mask[..., None], y, legal * mask[..., None], _OUTER[states[1 : T + 1]] & mask)


def _tables():
    """The graph as arrays, one row for each state, found by walking from the start."""
    states, rows = [START], []
    for state in states:  # grows as new states are met
        rows.append(edges(state))
        states += [following for following in dict.fromkeys(edges(state).values()) if following not in states]
    forks = [[*row.items()] * (2 // len(row)) for row in rows]  # where there is one way, both sides of the coin take it
    letter = np.array([[SYMBOLS.index(name) for name, _ in fork] for fork in forks])
    following = np.array([[states.index(state) for _, state in fork] for fork in forks])
    legal = np.array([[name in row for name in SYMBOLS] for row in rows])
    outer = np.array([place == "end" for _, place in states])
    return letter, following, legal, outer


_LETTER, _NEXT, _LEGAL, _OUTER = _tables()
