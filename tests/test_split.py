"""Splitting and scaling: nothing behind the training part can change what is made of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lstmkit.data.split import Scaler, split, windows

SETTINGS = st.fixed_dictionaries(
    {
        "N": st.integers(12, 60),
        "D": st.sampled_from([(), (1,), (3,)]),
        "seed": st.integers(0, 2**32 - 1),
        "k": st.integers(1, 3),
        "horizon": st.integers(1, 2),
        "fractions": st.sampled_from([(0.7, 0.1, 0.2), (0.5, 0.25, 0.25), (0.6, 0.2, 0.2)]),
    }
)


def drawn(setting):
    rng = np.random.default_rng(setting["seed"])
    return rng, rng.normal(size=(setting["N"], *setting["D"]))


def made_of_train(series, setting):
    """All that this module computes from the training part."""
    train = split(series, setting["fractions"]).train
    scaler = Scaler.fit(train)
    scaled = scaler.apply(train)
    X, y = windows(scaled, setting["k"], setting["horizon"])
    return [train.copy(), *scaler, scaled, X, y, scaler.undo(scaled)]


def same_after_a_change_behind_train(made, setting):
    """Whether all that `made` computes stays as it is when one value behind the training part changes."""
    rng, series = drawn(setting)
    before = made(series, setting)
    changed = series.copy()
    changed[rng.integers(len(before[0]), len(series))] = rng.choice([np.nan, 1e9, -1e9])
    return all(np.array_equal(a, b) for a, b in zip(before, made(changed, setting), strict=True))


@settings(max_examples=100, deadline=None)
@given(SETTINGS)
def test_nothing_behind_train_changes_what_is_made_of_train(setting):
    assert same_after_a_change_behind_train(made_of_train, setting)


def scaled_by_everything(series, setting):
    train = split(series, setting["fractions"]).train
    return [train.copy(), (train - series.mean(axis=0)) / series.std(axis=0)]


def cut_after_the_windows(series, setting):
    train = split(series, setting["fractions"]).train
    X, y = windows(series, setting["k"], setting["horizon"])
    return [train.copy(), X[: len(train)], y[: len(train)]]


@pytest.mark.parametrize("leaky", [scaled_by_everything, cut_after_the_windows])
def test_leaks_are_seen(leaky):
    """The property fails for a scale learnt from the whole series, and for windows that are made before the split."""
    setting = {"N": 20, "D": (), "k": 3, "horizon": 2, "fractions": (0.7, 0.1, 0.2)}
    seen = [same_after_a_change_behind_train(leaky, {**setting, "seed": seed}) for seed in range(10)]
    assert not all(seen)


@settings(max_examples=40, deadline=None)
@given(SETTINGS)
def test_nothing_in_the_test_part_changes_what_is_made_of_validation(setting):
    rng, series = drawn(setting)

    def made(series):
        parts = split(series, setting["fractions"])
        scaler = Scaler.fit(parts.train)
        return windows(scaler.apply(parts.validation), setting["k"], before=scaler.apply(parts.train))

    before = made(series)
    first = len(series) - len(split(series, setting["fractions"]).test)
    changed = series.copy()
    changed[first:] = rng.normal(size=changed[first:].shape) * 1e6
    for a, b in zip(before, made(changed), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=40, deadline=None)
@given(SETTINGS)
def test_a_forecast_is_made_from_the_past_alone(setting):
    """Change the value that a window forecasts, and all behind it: the window stays, and so do those before it."""
    rng, series = drawn(setting)

    def forecasts(series):
        train, validation, test = split(series, setting["fractions"])
        return windows(test, setting["k"], setting["horizon"], before=np.concatenate([train, validation]))

    X, y = forecasts(series)
    m = int(rng.integers(len(y)))
    at = len(series) - len(y) + m  # y[m] is this value of the series
    np.testing.assert_array_equal(y[m], series[at])
    changed = series.copy()
    changed[at:] += 1e6
    X_changed, _ = forecasts(changed)
    np.testing.assert_array_equal(X[: m + 1], X_changed[: m + 1])


@settings(max_examples=40, deadline=None)
@given(SETTINGS)
def test_the_parts_are_the_series_in_order(setting):
    _, series = drawn(setting)
    parts = split(series, setting["fractions"])
    np.testing.assert_array_equal(np.concatenate(parts), series)
    N = len(series)
    assert abs(len(parts.train) - setting["fractions"][0] * N) < 1
    assert abs(len(parts.validation) - setting["fractions"][1] * N) < 1


@pytest.mark.parametrize(("N", "sizes"), [(10, (7, 1, 2)), (309, (216, 30, 63)), (100, (70, 10, 20))])
def test_sizes_are_not_at_the_mercy_of_binary_fractions(N, sizes):
    assert tuple(map(len, split(np.arange(N)))) == sizes


@settings(max_examples=40, deadline=None)
@given(SETTINGS)
def test_windows_by_hand(setting):
    _, series = drawn(setting)
    k, horizon = setting["k"], setting["horizon"]
    X, y = windows(series, k, horizon)
    assert X.shape == (len(series) - k - horizon + 1, k, *setting["D"])
    for m in range(len(X)):
        for j in range(k):
            np.testing.assert_array_equal(X[m, j], series[m + j])
        np.testing.assert_array_equal(y[m], series[m + k - 1 + horizon])


@pytest.mark.parametrize(("k", "horizon"), [(1, 1), (4, 1), (3, 5)])
def test_windows_that_reach_back_forecast_every_value(k, horizon):
    past, series = np.arange(20.0), np.arange(20.0, 26.0)
    X, y = windows(series, k, horizon, before=past)
    np.testing.assert_array_equal(y, series)
    np.testing.assert_array_equal(X[:, -1], y - horizon)
    np.testing.assert_array_equal(np.diff(X, axis=1), 1)


def test_a_short_past_leaves_the_first_values_out():
    X, y = windows(np.arange(20.0, 26.0), 4, before=np.array([19.0]))
    np.testing.assert_array_equal(y, [23, 24, 25])
    np.testing.assert_array_equal(X[:, -1], y - 1)
    X, y = windows(np.arange(20.0, 26.0), 4, before=np.array([]))
    np.testing.assert_array_equal(y, [24, 25])


def test_windows_are_copies(rng):
    series = rng.normal(size=9)
    X, y = windows(series, 3)
    kept = series.copy()
    X[:] = 0
    y[:] = 0
    np.testing.assert_array_equal(series, kept)


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.one_of(st.tuples(st.integers(2, 30)), st.tuples(st.integers(2, 30), st.integers(1, 4))),
        elements=st.integers(-1000, 1000),
    )
)
def test_scaling(train):
    scaler = Scaler.fit(train)
    z = scaler.apply(train)
    assert z.dtype == train.dtype
    tolerance = 1e-3 if train.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=tolerance)
    constant = np.ptp(train, axis=0) == 0
    np.testing.assert_allclose(z.std(axis=0), np.where(constant, 0, 1), atol=tolerance)
    np.testing.assert_allclose(scaler.undo(z), train, atol=2000 * tolerance)


def test_a_column_of_tenths_that_never_changes_stays_finite():
    scaler = Scaler.fit(np.full((7, 2), 0.1))  # its mean is off by a rounding, and so is its deviation
    assert scaler.deviation.tolist() == [1, 1]
    np.testing.assert_allclose(scaler.apply(np.full((3, 2), 0.1)), 0, atol=1e-15)


def test_integers_are_taken_as_floats():
    assert split(np.arange(10)).train.dtype == np.float64
    assert Scaler.fit(np.arange(4)).mean == 1.5


def test_what_is_wrong_is_named(rng):
    series = rng.normal(size=20)
    for fractions in ((0.5, 0.5), (0.5, 0.6, 0.1), (1.0, 0.0, 0.0), (0.9, 0.3, -0.2)):
        with pytest.raises(ValueError, match=r"^fractions is .*three positive numbers that add up to 1"):
            split(series, fractions)
    with pytest.raises(ValueError, match=r"^series has 4 values, too few for three parts"):
        split(series[:4])
    with pytest.raises(ValueError, match=r"^series must have at least 1 values along its first axis"):
        split(3.0)
    with pytest.raises(ValueError, match=r"^train holds a NaN"):
        Scaler.fit([1.0, np.nan])
    with pytest.raises(ValueError, match=r"^train must have at least 1"):
        Scaler.fit([])
    for name in ("k", "horizon"):
        with pytest.raises(ValueError, match=f"^{name} is 0; pass an integer of at least 1"):
            windows(series, **{"k": 2, "horizon": 1, name: 0})
    with pytest.raises(ValueError, match=r"^20 values hold no window of k = 20 with horizon 1: pass 21 or more"):
        windows(series, 20)
    with pytest.raises(ValueError, match=r"^before has shape \(5, 2\), but series has \(20,\)"):
        windows(series, 2, before=rng.normal(size=(5, 2)))
