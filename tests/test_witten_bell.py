"""The n-gram that the assignment `applications` is judged by is the one of the chapter language."""

import numpy as np
import pytest

from lstmkit.grading.applications_mistakes import bits_per_character


def _texts(seed):
    """A training and a test text; the test text may hold a character that the training text lacks."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcd ef")[: rng.integers(2, 8)])
    train = "".join(rng.choice(letters, rng.integers(5, 80), p=rng.dirichlet(np.ones(len(letters)))))
    return train, "".join(rng.choice(letters, rng.integers(1, 30)))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_both_counts_give_the_same_bits(order):
    pytest.importorskip("torch")
    from lstmkit.experiments.language import ngram_bits

    for seed in range(25):
        train, test = _texts(seed)
        place = {s: k for k, s in enumerate(sorted(set(train)))}  # what was never met shares the last place
        numbers = [np.array([place.get(s, len(place)) for s in text]) for text in (train, test)]
        theirs = ngram_bits(*numbers, order, len(place) + 1).mean()
        assert bits_per_character(train, test, order)["bits"] == pytest.approx(theirs, rel=1e-12), (train, test)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_the_probabilities_sum_to_one(order):
    for seed in range(25):
        train, context = _texts(seed)
        before = bits_per_character(train, context, order)["bits"] * len(context)
        total = sum(
            2 ** (before - bits_per_character(train, context + s, order)["bits"] * (len(context) + 1))
            for s in (*sorted(set(train)), "\0")
        )
        assert total == pytest.approx(1, abs=1e-9), (train, context)
