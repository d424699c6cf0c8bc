"""Counting: the strings are in the language, and what may follow is checked against the language itself."""

import numpy as np
import pytest

from lstmkit.tasks import counting


def language(k, longest):
    """All strings of the language up to n = longest, written out, each ended by the mark."""
    return ["".join(letter * n for letter in "abc"[:k]) + "." for n in range(1, longest + 1)]


@pytest.mark.parametrize("k", [2, 3])
def test_what_may_follow_is_what_the_language_has(k):
    """A symbol may follow a prefix exactly if some string of the language begins with prefix and symbol."""
    ns = [3, 1, 4]
    strings = counting.sequences(ns, k)
    every = language(k, 6)
    assert strings.x.shape == strings.y.shape == (4 * k + 1, 3, k + 1)
    for b, n in enumerate(ns):
        word = language(k, n)[-1]
        for t in range(strings.mask.shape[0]):
            if t > k * n:
                assert not strings.mask[t, b]
                assert not strings.x[t, b].any()
                assert not strings.y[t, b].any()
                continue
            assert strings.mask[t, b]
            prefix = word[:t]
            assert strings.x[t, b].argmax() == ".abc".index(prefix[-1:] or ".")
            assert strings.x[t, b].sum() == 1
            may = [any(other.startswith(prefix + symbol) for other in every) for symbol in ".abc"[: k + 1]]
            assert strings.y[t, b].tolist() == may, prefix


def test_n_is_uniform(rng):
    strings = counting.batch(rng, 4, 4000)
    n = (strings.mask.sum(axis=0) - 1) // 2
    assert (np.abs(np.bincount(n, minlength=5)[1:] / 4000 - 0.25) < 0.05).all()


@pytest.mark.parametrize("k", [2, 3])
def test_acceptance_is_all_or_nothing(rng, k):
    strings = counting.batch(rng, 5, 20, k)
    scores = np.where(strings.y > 0, 1.0, -1.0)
    assert counting.accepted(scores, strings).all()
    scores[~strings.mask] = 7.0  # behind the end nobody looks
    assert counting.accepted(scores, strings).all()
    b = int(rng.integers(20))
    scores[rng.integers(strings.mask[:, b].sum()), b, rng.integers(k + 1)] *= -1
    assert counting.accepted(scores, strings).tolist() == [i != b for i in range(20)]


@pytest.mark.parametrize(("k", "n"), [(2, 2), (2, 9), (3, 2), (3, 7)])
def test_the_last_symbol_is_nearly_always_enough_and_accepts_nothing(k, n):
    strings = counting.sequences([n], k)
    guess = {0: [1], 1: [1, 2], 2: [2], 3: [3]}  # behind the mark an a, behind an a either, then more of the same
    scores = -np.ones(strings.y.shape)
    for t, symbol in enumerate(strings.x[:, 0].argmax(axis=-1)):
        scores[t, 0, guess[int(symbol)]] = 1
    right = ((scores > 0) == (strings.y > 0)).all(axis=-1)
    assert right.mean() == pytest.approx(counting.last_symbol_accuracy(n, k), rel=1e-12)
    assert not counting.accepted(scores, strings).any()


def test_left_to_itself_the_language_is_a_n_b_n_and_a_score_of_zero_says_no():
    strings = counting.sequences([3])
    assert strings.x.shape == (7, 1, 3)
    assert counting.last_symbol_accuracy(3) == counting.last_symbol_accuracy(3, k=2)
    assert not counting.accepted(np.zeros(strings.y.shape), strings).any()
    assert counting.accepted(strings.y, strings).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (counting.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one.x.dtype == one.y.dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_bad_sizes_are_named(rng):
    for arguments, name in (((0, 3), "N"), ((5, 0), "B"), ((5, 3, 1), "k"), ((5, 3, 4), "k")):
        with pytest.raises(ValueError, match=f"^{name} is "):
            counting.batch(rng, *arguments)
    with pytest.raises(ValueError, match=r"^n is 0"):
        counting.sequences([3, 0])
    with pytest.raises(ValueError, match=r"^B is 0"):
        counting.sequences([])
