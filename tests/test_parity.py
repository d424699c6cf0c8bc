"""Parity: the answers, counted by hand."""

import numpy as np
import pytest

from lstmkit.tasks import parity


@pytest.mark.parametrize(("T", "B"), [(1, 1), (40, 7)])
def test_the_answer_is_the_count_so_far_modulo_two(rng, T, B):
    x, y = parity.batch(rng, T, B)
    assert x.shape == (T, B, 2)
    assert y.shape == (T, B)
    assert (x.sum(axis=-1) == 1).all()
    for b in range(B):
        ones = 0
        for t in range(T):
            ones += int(x[t, b, 1])
            assert y[t, b] == ones % 2


def test_guessing_is_right_half_the_time_at_every_step(rng):
    _, y = parity.batch(rng, 9, 4000)
    assert (np.abs(y.mean(axis=1) - parity.GUESS) < 0.05).all()
    assert pytest.approx(-np.log(parity.GUESS)) == parity.GUESS_LOSS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (parity.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("T", "B", "name"), [(0, 3, "T"), (5.0, 3, "T"), (5, 0, "B")])
def test_bad_sizes_are_named(rng, T, B, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        parity.batch(rng, T, B)
