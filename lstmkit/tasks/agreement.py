"""Subject and verb: is the noun that the verb must agree with singular or plural, with other nouns in between?

    [near the keys ,]  the cabinet  (by the old doors) (under the lamp) ...  is / are

A sentence has a subject, before it now and then a phrase with a noun of its own, and after it phrases, each with a
noun, an attractor, that asks for a verb as loudly as the subject does.  So neither the first noun nor the nearest one
decides: the subject is the first noun that no preposition precedes.  The reader sees everything before the verb and
names the subject's number.

T steps, B sequences, D = len(SYMBOLS).  x: (T, B, D), one-hot; a sentence ends at the last step, blanks stand before
its first word.  y: (B,), 0 singular, 1 plural.

Baselines: `nearest_noun` and `first_noun` answer with the number of that noun; chance is 1/2.

Source: the question is that of Linzen, Dupoux & Goldberg (2016); the grammar is this book's.
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

NOUNS, PREPOSITIONS, ADJECTIVES = 8, 4, 4
SYMBOLS = (
    "-",
    ",",
    *(f"in{n}" for n in range(PREPOSITIONS)),
    *(f"old{n}" for n in range(ADJECTIVES)),
    *(f"key{n}" for n in range(NOUNS)),
    *(f"keys{n}" for n in range(NOUNS)),
)
BLANK, COMMA, PREPOSITION, ADJECTIVE = 0, 1, 2, 2 + PREPOSITIONS
SINGULAR = ADJECTIVE + ADJECTIVES
PLURAL = SINGULAR + NOUNS
USUAL = (0.6, 0.25, 0.15)  # how many attractors most sentences have: none, one or two
FRONTED, DESCRIBED = 0.3, 0.3  # how often a phrase comes first, and an adjective stands before a noun in a phrase


def batch(rng, B, attractors=USUAL, opposed=0.25, dtype=np.float32):
    """x (T, B, D) and y (B,).

    `attractors` is their number, or the probabilities of 0, 1, 2, ...; `opposed` is the probability that one of
    them differs from the subject in number.
    """
    most = len(attractors) - 1 if np.ndim(attractors) else expect("attractors", attractors, 0, "nouns are counted")
    if not 0 <= opposed <= 1:
        raise ValueError(f"opposed is {opposed!r}; it is a probability: pass a number from 0 to 1")
    B = expect_batch(B)
    count = rng.choice(most + 1, B, p=attractors) if np.ndim(attractors) else np.full(B, most)
    y = rng.integers(0, 2, B)
    front = phrase(rng, rng.integers(0, 2, B), rng.random(B) < FRONTED)
    comma = np.where(front[:, :1] == BLANK, BLANK, COMMA)
    words = [front, comma, noun(rng, y)[:, None]]
    for n in range(most):
        words.append(phrase(rng, np.where(rng.random(B) < opposed, 1 - y, y), n < count))
    words = np.concatenate(words, axis=1)
    order = np.argsort(words != BLANK, axis=1, kind="stable")  # blanks first, the words as they were
    words = np.take_along_axis(words, order, axis=1).T
    return np.eye(len(SYMBOLS), dtype=dtype)[words], y


def phrase(rng, number, there):
    """Preposition, adjective or blank, noun of the given number (B,): (B, 3), all blank where `there` (B,) is false."""
    B = len(number)
    adjective = np.where(rng.random(B) < DESCRIBED, ADJECTIVE + rng.integers(0, ADJECTIVES, B), BLANK)
    words = np.stack([PREPOSITION + rng.integers(0, PREPOSITIONS, B), adjective, noun(rng, number)], axis=1)
    return np.where(there[:, None], words, BLANK)


def noun(rng, number):
    """A noun of each number, 0 or 1: (B,) to (B,)."""
    return SINGULAR + NOUNS * number + rng.integers(0, NOUNS, len(number))


def nearest_noun(x):
    """The number (B,) of the last noun of sentences x (T, B, D)."""
    return first_noun(x[::-1])


def first_noun(x):
    """The number (B,) of the first noun of sentences x (T, B, D)."""
    words = x.argmax(axis=-1)
    place = (words >= SINGULAR).argmax(axis=0)
    return (words[place, np.arange(words.shape[1])] >= PLURAL).astype(np.int64)
