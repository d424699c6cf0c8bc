"""The adding problem: what a batch is, and that its constant answer has the error the book prints."""

import numpy as np
import pytest

from lstmkit.tasks import adding


@pytest.mark.parametrize(("T", "B"), [(2, 1), (3, 4), (10, 7), (51, 3)])
def test_two_marks_one_in_each_half_and_the_target_is_their_sum(rng, T, B):
    x, y = adding.batch(rng, T, B)
    value, mark = x[..., 0], x[..., 1]
    assert x.shape == (T, B, 2)
    assert y.shape == (B, 1)
    assert set(np.unique(mark)) <= {0.0, 1.0}
    np.testing.assert_array_equal(mark[: T // 2].sum(axis=0), 1)
    np.testing.assert_array_equal(mark[T // 2 :].sum(axis=0), 1)
    np.testing.assert_allclose(y[:, 0], (value * mark).sum(axis=0), rtol=1e-12)
    assert (value >= 0).all()
    assert (value < 1).all()


def test_every_step_can_be_marked(rng):
    x, _ = adding.batch(rng, 6, 2_000)
    assert (x[..., 1].mean(axis=1) > 0.2).all()  # each of the three steps of a half has one mark in three


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(rng, dtype):
    x, y = adding.batch(rng, 5, 2, dtype=dtype)
    assert x.dtype == y.dtype == dtype


def test_the_same_seed_gives_the_same_batch():
    one, two = (adding.batch(np.random.default_rng(3), 20, 5) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_whoever_always_answers_one_has_the_constant_error(rng):
    _, y = adding.batch(rng, 4, 100_000)
    assert np.mean((1 - y) ** 2) == pytest.approx(adding.CONSTANT_MSE, rel=0.05)


@pytest.mark.parametrize(("T", "B", "name"), [(1, 3, "T"), (0, 3, "T"), (5.0, 3, "T"), (5, 0, "B"), (5, "3", "B")])
def test_bad_sizes_are_named(rng, T, B, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        adding.batch(rng, T, B)
