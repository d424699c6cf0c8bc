"""Timing: the intervals are what the answers say, and the beat is where it should be."""

import itertools

import numpy as np
import pytest

from lstmkit.tasks import timing


@pytest.mark.parametrize(("F", "B", "spikes", "start"), [(1, 2, 2, 1), (15, 6, 2, 10), (7, 5, 6, 3)])
def test_each_answer_is_the_distance_to_the_spike_before(rng, F, B, spikes, start):
    x, y = timing.measure(rng, F, B, spikes, start)
    assert x.shape == (start + (spikes - 1) * (F + 1), B, 1)
    assert y.shape == x.shape[:2]
    for b in range(B):
        at = np.flatnonzero(x[:, b, 0])
        assert len(at) == spikes
        assert at[0] < start
        expected = np.full(len(y), -1)
        for before, after in itertools.pairwise(at):
            expected[after] = {F: 0, F + 1: 1}[after - before]
        np.testing.assert_array_equal(y[:, b], expected)
    assert set(np.unique(x)) == {0.0, 1.0}


def test_guessing_is_right_half_the_time(rng):
    x, y = timing.measure(rng, 5, 4000)
    assert x.shape == (16, 4000, 1)  # left to itself: one interval, which begins in the first ten steps
    assert np.mean(y[y >= 0] == 0) == pytest.approx(timing.GUESS, abs=0.04)


@pytest.mark.parametrize(("F", "periods", "B"), [(2, 1, 1), (10, 6, 3)])
def test_the_beat(F, periods, B):
    x, y = timing.generate(F, periods, B)
    assert (x == 1).all()
    assert x.shape == (F * periods, B, 1)
    assert [t for t in range(F * periods) if y[t, 0]] == [F * (p + 1) - 1 for p in range(periods)]
    assert np.mean(y == 0) == pytest.approx(timing.silent_accuracy(F))
    assert timing.stable_periods(y, F).tolist() == [periods] * B


def test_stable_periods_end_at_the_first_mistake():
    _, y = timing.generate(5, 4, B=5)
    y[19, 1] = 0  # the last beat is missing
    y[0, 2] = 1  # a spike at once
    y[7, 3] = 1  # a spike in the second period
    y[4, 4], y[5, 4] = 0, 1  # late by a step
    assert timing.stable_periods(y, 5).tolist() == [4, 3, 0, 1, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (timing.measure(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == timing.generate(3, 2, dtype=dtype)[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_bad_sizes_are_named(rng):
    for sizes, name in (((0, 1), "F"), ((5, 0), "B"), ((5, 1, 1), "spikes"), ((5, 1, 2, 0), "start")):
        with pytest.raises(ValueError, match=f"^{name} is "):
            timing.measure(rng, *sizes)
    for sizes, name in (((1, 3), "F"), ((5, 0), "periods"), ((5, 1, 0), "B")):
        with pytest.raises(ValueError, match=f"^{name} is "):
            timing.generate(*sizes)
