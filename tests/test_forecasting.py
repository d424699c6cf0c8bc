"""Baselines, Holt-Winters and measures: each against somebody else's computation, and none of them sees the future."""

import importlib.util

import numpy as np
import pytest

from lstmkit import forecasting

needs_statsmodels = pytest.mark.skipif(
    importlib.util.find_spec("statsmodels") is None, reason="the other computation is statsmodels'"
)


@pytest.fixture
def series(rng):
    """A trend, a season of 4 and noise: (90,)."""
    t = np.arange(90)
    return 50 + 0.3 * t + 5 * np.sin(np.pi * t / 2) + rng.normal(size=90)


BASELINES = {
    "mean": lambda s, n: forecasting.mean(s, n),
    "naive": lambda s, n: forecasting.naive(s, n),
    "drift": lambda s, n: forecasting.drift(s, n),
    "seasonal naive": lambda s, n: forecasting.seasonal_naive(s, n, 4),
    "seasonal naive with drift": lambda s, n: forecasting.seasonal_naive_with_drift(s, n, 4),
    "autoregression": lambda s, n: forecasting.autoregression(s, 3, n, n),
}


def by_hand(name, known):
    """The forecast of the next value, from a list of the values before it and the first 70 for what is fitted."""
    past = known[:70]
    return {
        "mean": sum(past) / len(past),
        "naive": known[-1],
        "drift": known[-1] + (past[-1] - past[0]) / 69,
        "seasonal naive": known[-4],
        "seasonal naive with drift": known[-1] + known[-4] - known[-5],
    }[name]


@pytest.mark.parametrize("name", sorted(set(BASELINES) - {"autoregression"}))
def test_baselines_by_hand(series, name):
    expected = [by_hand(name, list(series[:t])) for t in range(70, 90)]
    np.testing.assert_allclose(BASELINES[name](series, 70), expected)


@pytest.mark.parametrize("name", BASELINES)
def test_no_baseline_sees_the_future(series, name):
    changed = series.copy()
    changed[80:] += 100
    before, after = (BASELINES[name](s, 70) for s in (series, changed))
    assert before.shape == (20,)
    np.testing.assert_array_equal(before[:11], after[:11])  # of values 70 to 80, made from values up to 79


@needs_statsmodels
def test_autoregression_is_statsmodels(series):
    from statsmodels.tsa.ar_model import AutoReg

    fitted = AutoReg(series[:70], 3, trend="c").fit()
    every = AutoReg(series, 3, trend="c").predict(fitted.params, start=70, end=89)
    np.testing.assert_allclose(forecasting.autoregression(series, 3, 70, 70), every, rtol=1e-9)


# Holt-Winters


@needs_statsmodels
def test_holt_winters_is_statsmodels_where_it_was_fitted(series):
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    fitted = ExponentialSmoothing(
        series[:70], trend="add", seasonal="add", seasonal_periods=4, initialization_method="estimated"
    ).fit()
    ours = forecasting.holt_winters(forecasting.fit_holt_winters(series[:70], 4), series[:70], 0)
    np.testing.assert_allclose(ours, fitted.fittedvalues, rtol=1e-9)


@needs_statsmodels
def test_holt_winters_is_statsmodels_on_any_model(rng, series):
    """Random factors: those of a fit often lie at an end of their range, where a mistake in a term would not show."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    model = forecasting.HoltWinters(*rng.uniform(0.2, 0.8, 3), 48.0, 0.5, rng.normal(size=4))
    known = ExponentialSmoothing(
        series, trend="add", seasonal="add", seasonal_periods=4, initialization_method="known",
        initial_level=model.level, initial_trend=model.trend, initial_seasonal=model.seasons,
    )  # fmt: skip
    theirs = known.fit(
        smoothing_level=model.alpha, smoothing_trend=model.beta, smoothing_seasonal=model.gamma, optimized=False
    )
    np.testing.assert_allclose(forecasting.holt_winters(model, series, 70), theirs.fittedvalues[70:], rtol=1e-9)
    np.testing.assert_allclose(  # and out of sample: from a series that ends there, what it says of the next value
        forecasting.holt_winters(model, np.append(series, 0.0), 90), theirs.forecast(1), rtol=1e-9
    )


def test_holt_winters_follows_a_trend_with_a_season_at_once():
    t = np.arange(40)
    seasons = np.array([3.0, -1.0, -2.0, 0.0])
    series = 10 + 0.5 * (t + 1) + seasons[t % 4]
    model = forecasting.HoltWinters(0.3, 0.2, 0.1, 10.0, 0.5, seasons)
    np.testing.assert_allclose(forecasting.holt_winters(model, series, 0), series)


@needs_statsmodels
def test_holt_winters_does_not_see_the_future(series):
    changed = series.copy()
    changed[80:] += 100
    before, after = (
        forecasting.holt_winters(forecasting.fit_holt_winters(s[:70], 4), s, 70) for s in (series, changed)
    )
    np.testing.assert_array_equal(before[:11], after[:11])


# The LSTM


def lstm_forecasts(series, rates=(1e-2,), epochs=2):
    return forecasting.lstm_forecasts(
        3, inits=2, series=series, n_train=60, n_past=70, window=5, H=3, epochs=epochs, patience=5, rates=rates
    )


def test_an_lstm_forecasts_the_same_values_whatever_is_missing_at_the_start(series):
    for lost in (0, 1, 7):
        found, _ = lstm_forecasts(np.concatenate([np.full(lost, np.nan), series[lost:]]))
        assert [run.forecast.shape for run in found] == [(20,)] * 2
        X = found[0].X * series[lost:60].std() + series[lost:60].mean()
        np.testing.assert_allclose(X[0], series[65:70], rtol=1e-5)  # what it read to forecast the first value


def test_an_lstm_does_not_see_the_future(series):
    changed = series.copy()
    changed[80:] += 100
    before, after = (lstm_forecasts(s)[0] for s in (series, changed))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.forecast[:11], other.forecast[:11])
        assert (one.forecast[11:] != other.forecast[11:]).all()
        assert one.validation_rmse == other.validation_rmse


def test_the_rate_is_the_one_with_the_least_validation_error(series):
    found, rate = lstm_forecasts(series, rates=(1e-5, 3e-2), epochs=20)
    assert rate == 3e-2
    alone, _ = lstm_forecasts(series, rates=(3e-2,), epochs=20)
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_array_equal(one.forecast, other.forecast)


def test_the_best_weights_are_kept(rng):
    """A rate that wrecks the network: what is kept must be no worse on the validation values than any epoch was."""
    X, y = rng.normal(size=(40, 4)).astype(np.float32), rng.normal(size=40).astype(np.float32)
    seed, errors = [5, 6], []
    for epochs in range(1, 8):
        network = forecasting.train_lstm(
            np.random.default_rng(seed), X[:30], y[:30], X[30:], y[30:], 3, epochs, 9, lr=1
        )
        errors.append(forecasting.rmse(y[30:], forecasting.predict_lstm(network, X[30:])))
    assert (np.diff(errors) <= 0).all()


# Measures


def test_mase_by_hand():
    past = np.array([1.0, 3.0, 2.0, 6.0])  # steps of 2, 1, 4: 7/3 on average
    assert forecasting.mase(np.array([5.0, 5.0]), np.array([4.0, 8.0]), past) == pytest.approx(2 / (7 / 3))
    assert forecasting.mase(np.array([5.0]), np.array([4.0]), past, 2) == pytest.approx(1 / 2)  # steps of 1 and 3


def test_mase_of_the_naive_forecast_is_1_on_the_past_itself(series):
    for period in (1, 4):
        forecast = forecasting.seasonal_naive(series, period, period)
        assert forecasting.mase(series[period:], forecast, series, period) == pytest.approx(1)


def test_mase_has_no_unit(rng, series):
    actual, forecast = rng.normal(size=(2, 10))
    once = forecasting.mase(actual, forecast, series, 4)
    assert forecasting.mase(9 * actual + 2, 9 * forecast + 2, 9 * series + 2, 4) == pytest.approx(once)


@pytest.mark.parametrize(("past", "period", "said"), [([1.0, 2.0], 2, "period is 2"), ([1.0, 2.0, 1.0], 2, "repeats")])
def test_mase_without_a_scale_is_refused(past, period, said):
    with pytest.raises(ValueError, match=said):
        forecasting.mase(np.zeros(1), np.ones(1), np.array(past), period)


@needs_statsmodels
@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (89, 211), (10, 10)])
def test_share_interval_is_statsmodels(right, n):
    from statsmodels.stats.proportion import proportion_confint

    theirs = proportion_confint(right, n, alpha=0.05, method="wilson")
    np.testing.assert_allclose(forecasting.share_interval(right, n), theirs, atol=1e-12)


def test_the_bootstrap_covers_the_truth():
    """Errors with a memory of some steps: with blocks, the interval holds the true gap about as often as it says."""
    covered = {1: 0, 12: 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=(2, 320))
        errors = np.stack([np.convolve(row, np.ones(8) / np.sqrt(8), mode="valid")[:300] for row in noise])
        for block in covered:
            low, high = forecasting.bootstrap_gap(rng, errors[0], 1.2 * errors[1], block, 200)
            covered[block] += low < 1 - 1.2 < high
    assert covered[12] >= 48  # of 60; single steps instead of blocks miss it far more often
    assert covered[1] < covered[12] - 8
