"""Reversal: Python's own reversed() agrees, and the decoder is fed the answer one step late."""

import numpy as np
import pytest

from lstmkit.tasks import reversal


@pytest.mark.parametrize(("S", "B", "shortest", "V"), [(1, 1, 1, 2), (12, 8, 4, 10), (6, 5, 6, 3)])
def test_backwards(rng, S, B, shortest, V):
    pairs = reversal.batch(rng, S, B, shortest, V)
    assert pairs.x.shape == (S, B, V)
    assert pairs.y.shape == (S, B)
    assert pairs.y_before.shape == (S, B, V + 1)
    for b, n in enumerate(pairs.lengths):
        assert shortest <= n <= S
        digits = [int(np.flatnonzero(row).item()) for row in pairs.x[:n, b]]
        answer = list(reversed(digits))
        assert pairs.y[:, b].tolist() == answer + [-1] * (S - n)
        fed = [int(np.flatnonzero(row).item()) for row in pairs.y_before[:n, b]]
        assert fed == [V, *answer[:-1]]
        assert not pairs.x[n:, b].any()
        assert not pairs.y_before[n:, b].any()


def test_alignment_points_at_the_digit_that_is_due(rng):
    pairs = reversal.batch(rng, 9, 6)
    at = reversal.alignment(pairs.lengths, 9)
    assert at.shape == (9, 6)
    for b, n in enumerate(pairs.lengths):
        for t in range(9):
            if t < n:
                assert pairs.x[at[t, b], b].argmax() == pairs.y[t, b]
            else:
                assert at[t, b] == -1


def test_lengths_are_uniform_and_guessing_is_hopeless(rng):
    pairs = reversal.batch(rng, 5, 4000, shortest=4, V=3)
    assert np.mean(pairs.lengths == 4) == pytest.approx(0.5, abs=0.05)
    of_four = pairs.y[:4, pairs.lengths == 4]
    assert np.mean((of_four == 0).all(axis=0)) == pytest.approx(reversal.guess(4, 3), abs=0.015)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (reversal.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one.x.dtype == one.y_before.dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("sizes", "name"), [({"S": 3}, "S"), ({"B": 0}, "B"), ({"shortest": 0}, "shortest"), ({"V": 1}, "V")]
)
def test_bad_sizes_are_named(rng, sizes, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        reversal.batch(rng, **{"S": 9, "B": 2, **sizes})
