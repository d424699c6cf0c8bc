"""The sunspots and the comparison of forecasters: right data, no leakage, and what the chapter says of the result."""

import importlib.util
import sys

import numpy as np
import pytest

from lstmkit.data import sunspots as data
from lstmkit.experiments import sunspots

needs_data = pytest.mark.skipif(
    importlib.util.find_spec("statsmodels") is None, reason="the series ships with statsmodels"
)


@needs_data
def test_the_series():
    years, activity = data.load()
    assert years[0] == 1700
    assert years[-1] == 2008
    assert (np.diff(years) == 1).all()
    assert activity.shape == years.shape
    assert activity.max() == 190.2  # 1957
    assert years[activity.argmax()] == 1957


@needs_data
def test_other_values_are_refused(monkeypatch):
    monkeypatch.setattr(data, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="SHA-256"):
        data.load()


def test_without_statsmodels_the_message_names_the_cure(monkeypatch):
    for name in ("statsmodels", "statsmodels.datasets", "statsmodels.datasets.sunspots"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"lstmkit\[data\]"):
        data.load()


def test_windows_never_hold_what_they_forecast():
    X, y = sunspots.windows(np.arange(10.0), 4)
    assert X.shape == (6, 4)
    assert (X[:, -1] == y - 1).all()  # the last value seen is the one before


def test_autoregression_recovers_a_process(rng):
    series = [1.0, 0.5]
    for _ in range(50):
        series.append(0.3 + 1.2 * series[-1] - 0.7 * series[-2])
    series = np.array(series) + 1e-9 * rng.normal(size=52)
    np.testing.assert_allclose(sunspots.autoregression(series, 2, 30, 40), series[40:], atol=1e-6)


def test_autoregression_does_not_see_the_future(rng):
    series = rng.normal(size=80)
    changed = series.copy()
    changed[60:] += 10
    before, after = (sunspots.autoregression(s, 3, 50, 55) for s in (series, changed))
    np.testing.assert_array_equal(before[:6], after[:6])  # forecasts of 55 to 60, made from values up to 59


def test_order_by_aic_finds_the_order():
    """Fixed seeds: on fresh ones the criterion takes an order too many about once in four, which is its nature."""
    orders = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        series = np.zeros(1000)
        for t in range(3, 1000):
            series[t] = 0.5 * series[t - 1] - 0.6 * series[t - 3] + rng.normal()
        orders.append(sunspots.order_by_aic(series, 8))
    assert min(orders) == 3  # never too few
    assert np.median(orders) == 3


def test_bootstrap_interval(rng):
    errors = rng.normal(size=200)
    low, high = sunspots.bootstrap_gap(rng, errors, errors)
    assert low == high == 0
    low, high = sunspots.bootstrap_gap(rng, 2 * errors, errors)
    assert 0 < low < np.sqrt(np.mean(errors**2)) < high


@needs_data
def test_keys_and_shapes():
    r = sunspots.run(scale="test")
    assert r["n_train"] + r["n_validation"] + r["n_test"] == len(r["years"])
    for forecast in r["forecast"].values():
        assert forecast.shape == r["actual"].shape == r["test_years"].shape
    assert r["lstm_forecasts"].shape == (len(r["lstm_rmse"]), r["n_test"])
    assert r["rmse"]["naive"] == pytest.approx(np.sqrt(np.mean(np.diff(r["activity"])[-r["n_test"] :] ** 2)))
    assert r["aic_order"] == 9


@needs_data
def test_no_forecaster_sees_the_future(monkeypatch):
    """Spoil the last three years: no forecast of the years before may move, and none of their own first year either."""
    years, activity = data.load()
    before = sunspots.run(scale="test")
    spoilt = activity.copy()
    spoilt[-3:] = 1e4
    monkeypatch.setattr(sunspots.sunspots, "load", lambda: data.Sunspots(years, spoilt))
    after = sunspots.run(scale="test")
    for name, forecast in before["forecast"].items():
        np.testing.assert_array_equal(forecast[:-2], after["forecast"][name][:-2], err_msg=name)


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        sunspots.run(scale="huge")


@needs_data
@pytest.mark.slow
def test_what_the_chapter_says():
    r = sunspots.run()
    rmse = r["rmse"]
    assert rmse["mean"] == pytest.approx(60.66, abs=0.01)
    assert rmse["naive"] == pytest.approx(33.85, abs=0.01)
    assert rmse["11 years ago"] == pytest.approx(38.23, abs=0.01)
    assert rmse["AR(2)"] == pytest.approx(23.26, abs=0.01)
    assert rmse["AR(9)"] == pytest.approx(19.83, abs=0.01)
    assert (rmse["AR(9)"] < r["lstm_rmse"]).all()
    assert (r["lstm_rmse"] < 27).all()


@needs_data
def test_other_widths_change_nothing_else_and_count_their_parameters(monkeypatch):
    """The chapter prints the numbers of the first network: they must not depend on what is trained after it."""
    r = sunspots.run(scale="test")
    assert r["widths"].tolist() == [1, 2]
    assert r["width_parameters"].tolist() == [4 * H * (1 + H + 1) + H + 1 for H in (1, 2)]
    assert r["width_rmse"].shape == (2, 1)
    monkeypatch.setitem(sunspots.SETTINGS["test"], "widths", (3,))
    other = sunspots.run(scale="test")
    assert other["width_parameters"].tolist() == [64]
    for key in ("lstm_forecasts", "lstm_rmse", "gap_interval"):
        np.testing.assert_array_equal(r[key], other[key])


@needs_data
def test_scaled_errors_and_seconds():
    r = sunspots.run(scale="test")
    past = r["activity"][: -r["n_test"]]
    scale = np.abs(past[11:] - past[:-11]).mean()
    for name, forecast in r["forecast"].items():
        assert r["mase"][name] == pytest.approx(np.abs(forecast - r["actual"]).mean() / scale)
    assert r["cpu_seconds"].keys() == {"AR(9)", "LSTM"}


@needs_data
@pytest.mark.slow
def test_an_lstm_of_as_few_parameters_as_the_autoregression_is_worse_than_a_wide_one():
    r = sunspots.run()
    assert r["widths"][0] == 1
    assert r["width_parameters"][0] == 14
    assert r["width_rmse"][0].min() > r["lstm_rmse"].max()
    assert (r["width_rmse"] > r["rmse"]["AR(9)"]).all()
