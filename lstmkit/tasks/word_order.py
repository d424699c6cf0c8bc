"""Is a review friendly?  Three rules for the answer: under one the order of the words is nothing, under two it is all.

    words       five words of praise or blame, the others neutral; friendly if most of them praise.  No "not".
    negation    one word of praise and one of blame, and a "not" directly before one of the two, which turns it round.
    distance    the same in two clauses with a comma between, and two words or more between "not" and what it turns.

Under the last two, friendly and unfriendly reviews hold the same words equally often: no count of words can tell them
apart, and under the last no count of neighbours either.

T steps, B sequences.  words (T, B): integers, places in `SYMBOLS`; y (B,): 1 friendly, 0 not.

Baselines: chance is 1/2; `score` adds up praise and blame without regard to order.

Source: this book's; the question is that of Wang & Manning (2012), whose counts of words and pairs did well on real
reviews.
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch, expect_choice

KINDS, NEUTRALS = 8, 16
SYMBOLS = (
    *(f"good{n}" for n in range(KINDS)),
    *(f"bad{n}" for n in range(KINDS)),
    *(f"plain{n}" for n in range(NEUTRALS)),
    "not",
    ",",
)
NOT, COMMA = len(SYMBOLS) - 2, len(SYMBOLS) - 1
RULES = ("words", "negation", "distance")
OPINIONS = 5
SHORTEST = 11  # two clauses of five words and a comma


def batch(rng, rule, B, T=15):
    """words (T, B) and y (B,) under one of RULES."""
    expect_choice("rule", rule, RULES)
    T = expect("T", T, SHORTEST, "two clauses and a comma need room")
    B = expect_batch(B)
    words = 2 * KINDS + rng.integers(0, NEUTRALS, (T, B))
    every = np.arange(B)
    if rule == "words":
        places = rng.permuted(np.tile(np.arange(T), (B, 1)), axis=1)[:, :OPINIONS].T
        blame = rng.integers(0, 2, (OPINIONS, B))
        words[places, every] = opinion(rng, blame)
        return words, (2 * blame.sum(0) < OPINIONS).astype(np.int64)
    y, praise_first = rng.integers(0, 2, B), rng.integers(0, 2, B)
    blame = np.stack([1 - praise_first, praise_first])  # of the first and of the second opinion
    turned = np.where(y == 1, praise_first, 1 - praise_first)  # the blame if friendly, the praise if not: 0 or 1
    half = (T - 1) // 2
    starts = np.array([[0], [T - half]])
    if rule == "negation":
        reach = rng.integers(1, half, (2, B))  # of each opinion, from the start of its half
        gap = np.ones(B, dtype=np.int64)
    else:
        reach = rng.integers(3, half, (2, B))
        gap = rng.integers(3, reach[turned, every] + 1)
        words[T - half - 1] = COMMA
    places = starts + reach
    words[places, every] = opinion(rng, blame)
    words[places[turned, every] - gap, every] = NOT
    return words, y


def opinion(rng, blame):
    """A word of praise for each 0 and of blame for each 1, in blame's shape, such as (2, B)."""
    return KINDS * blame + rng.integers(0, KINDS, blame.shape)


def score(words):
    """1 (B,) for reviews (T, B) with more praise than blame, 0 for others: the order is not asked."""
    praise, blame = (words < KINDS).sum(0), ((words >= KINDS) & (words < 2 * KINDS)).sum(0)
    return (praise > blame).astype(np.int64)


def counts(words):
    """How often each symbol occurs in reviews (T, B): (B, len(SYMBOLS))."""
    return np.stack([np.bincount(review, minlength=len(SYMBOLS)) for review in words.T])


def pairs(words):
    """The counts, and how often each symbol stands directly before each other: (B, S + S²), S = len(SYMBOLS)."""
    S = len(SYMBOLS)
    neighbours = words[:-1] * S + words[1:]
    return np.concatenate([counts(words), np.stack([np.bincount(n, minlength=S * S) for n in neighbours.T])], axis=1)
