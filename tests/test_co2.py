"""Carbon dioxide: right data, honest gaps, and no line drawn from a value that a forecaster may not know."""

import importlib.util
import sys

import numpy as np
import pytest

from lstmkit.data import co2
from lstmkit.data.split import split
from lstmkit.experiments import co2 as experiment

needs_data = pytest.mark.skipif(
    importlib.util.find_spec("statsmodels") is None, reason="the series ships with statsmodels"
)


@needs_data
def test_the_series():
    months, ppm, weeks = co2.load()
    assert months.shape == ppm.shape == weeks.shape == (526,)
    assert months[0] == np.datetime64("1958-03")
    assert months[-1] == np.datetime64("2001-12")
    assert (np.diff(months) == np.timedelta64(1, "M")).all()
    assert np.nanmin(ppm) > 310
    assert np.nanmax(ppm) < 375
    np.testing.assert_array_equal(np.isnan(ppm), weeks == 0)
    assert weeks.max() <= 5


@needs_data
def test_gaps_lie_in_1958_and_1964_and_so_in_any_sensible_training_part():
    months, ppm, _ = co2.load()
    gaps = months[np.isnan(ppm)].astype("datetime64[Y]")
    assert set(gaps.astype(str)) == {"1958", "1964"}
    train, validation, test = split(ppm)
    assert np.isnan(train).any()
    assert np.isfinite(np.concatenate([validation, test])).all()


@needs_data
def test_the_monthly_means_agree_with_pandas():
    from statsmodels.datasets import co2 as source

    by_pandas = source.load_pandas().data["co2"].resample("MS").mean()
    np.testing.assert_allclose(co2.load().ppm, by_pandas.to_numpy(), rtol=1e-13)
    np.testing.assert_allclose(co2.fill(co2.load().ppm), by_pandas.interpolate().to_numpy(), rtol=1e-13)


def test_a_month_is_the_mean_of_its_measured_weeks():
    days = np.array(["2000-01-01", "2000-01-29", "2000-02-05", "2000-04-01", "2000-04-08"], "datetime64[D]")
    months, ppm, weeks = co2.monthly(days, np.array([1.0, 4.0, np.nan, 7.0, np.nan]))
    assert months.astype(str).tolist() == ["2000-01", "2000-02", "2000-03", "2000-04"]
    np.testing.assert_array_equal(ppm, [2.5, np.nan, np.nan, 7.0])
    assert weeks.tolist() == [2, 0, 0, 1]


def test_filling_is_a_straight_line_and_leaves_the_argument_alone():
    ppm = np.array([1.0, np.nan, np.nan, 4.0, 5.0, np.nan, 3.0])
    kept = ppm.copy()
    np.testing.assert_allclose(co2.fill(ppm), [1, 2, 3, 4, 5, 4, 3])
    np.testing.assert_array_equal(ppm, kept)


def test_a_filled_training_part_does_not_see_what_follows(rng):
    """Filled after the split, as the docstring says; before it, a gap at the cut would take the next value in."""
    ppm = rng.normal(size=30)
    ppm[[4, 5, 12]] = np.nan
    changed = ppm.copy()
    changed[21:] += 100
    np.testing.assert_array_equal(co2.fill(split(ppm).train), co2.fill(split(changed).train))


@pytest.mark.parametrize("ppm", [[np.nan, 1.0], [1.0, np.nan], [np.nan], [[1.0, 2.0]]])
def test_a_gap_at_an_end_is_refused(ppm):
    with pytest.raises(ValueError, match=r"^ppm must be one series that begins and ends with a value"):
        co2.fill(ppm)


@needs_data
def test_other_values_are_refused(monkeypatch):
    monkeypatch.setattr(co2, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="SHA-256"):
        co2.load()


def test_without_statsmodels_the_message_names_the_cure(monkeypatch):
    for name in ("statsmodels", "statsmodels.datasets", "statsmodels.datasets.co2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"lstmkit\[data\]"):
        co2.load()


# The experiment: the last fifth of the series, a month ahead

LSTMS = ("LSTM on levels", "LSTM on differences", "LSTM on seasonal differences")


@pytest.fixture(scope="module")
def result():
    return experiment.run(seed=1, scale="test")


@needs_data
def test_keys_and_shapes(result):
    r = result
    assert r["n_train"] + r["n_validation"] + r["n_test"] == len(r["months"]) == len(r["ppm"])
    assert set(r["forecast"]) == set(r["rmse"]) == set(r["mase"]) == set(r["bias"]) == set(r["thirds"])
    for name, forecast in r["forecast"].items():
        assert forecast.shape == r["actual"].shape == r["test_months"].shape == (r["n_test"],), name
        assert np.isfinite(forecast).all(), name
    for key in ("lstm_forecasts", "lstm_rmse", "gap_interval", "rate"):
        assert tuple(r[key]) == LSTMS
    assert {len(r[key][name]) for key in ("lstm_forecasts", "lstm_rmse") for name in LSTMS} == {r["inits"]}
    assert len({r["parameters"][name] for name in LSTMS}) == 1
    assert set(r["train_only"]) == {"AR(13)", "AR(24)", "AR(24) on differences", "Holt-Winters"}
    assert set(r["cpu_seconds"]) == set(r["train_only"]) | set(LSTMS)
    assert r["test_months"][0] == pytest.approx(1993 + 2 / 12)
    for key in ("aic_order", "window", "H"):
        assert isinstance(r[key], int)


@needs_data
def test_the_same_seed_gives_the_same_forecasts(result):
    again, other = (experiment.run(seed, scale="test") for seed in (1, 2))
    for name, forecast in result["forecast"].items():
        np.testing.assert_array_equal(forecast, again["forecast"][name])
        assert (name in LSTMS) != np.array_equal(forecast, other["forecast"][name])


@needs_data
def test_scores_and_baselines_by_hand(result):
    r = result
    s, n = r["ppm"], r["n_train"] + r["n_validation"]
    steps = [s[t] - s[t - 1] for t in range(n, len(s))]
    assert r["rmse"]["naive"] == pytest.approx(np.sqrt(np.mean(np.square(steps))))
    assert r["bias"]["naive"] == pytest.approx(-np.mean(steps))
    a_year = [s[t] - s[t - 12] for t in range(n, len(s))]
    assert r["rmse"]["seasonal naive"] == pytest.approx(np.sqrt(np.mean(np.square(a_year))))
    scale = np.mean([abs(s[t] - s[t - 12]) for t in range(12, n)])
    assert r["mase"]["seasonal naive"] == pytest.approx(np.mean(np.abs(a_year)) / scale)
    assert np.sqrt(np.mean(r["thirds"]["naive"] ** 2)) == pytest.approx(r["rmse"]["naive"], rel=0.01)  # 36, 35, 35


@needs_data
def test_an_autoregression_on_differences_is_one_on_levels_with_weights_that_sum_to_1(result):
    r = result
    s, n = r["ppm"], r["n_train"] + r["n_validation"]
    d = np.diff(s)
    X = np.array([[1.0, *d[t - 24 : t]] for t in range(24, n - 1)])
    w = np.linalg.lstsq(X, d[24 : n - 1], rcond=None)[0]
    levels = np.concatenate([[-w[1]], w[1:-1] - w[2:], [1 + w[-1]]])
    assert levels.sum() == pytest.approx(1)
    expected = [w[0] + levels @ s[t - 25 : t] for t in range(n, len(s))]
    np.testing.assert_allclose(r["forecast"]["AR(24) on differences"], expected, rtol=1e-9)


def test_what_each_lstm_forecasts_adds_up_to_the_series(rng):
    series = rng.normal(size=60).cumsum()
    for name, (z, base) in experiment.differences(series).items():
        lost = int(np.isnan(z).sum())
        assert lost == {"LSTM on levels": 0, "LSTM on differences": 1, "LSTM on seasonal differences": 13}[name]
        np.testing.assert_allclose((z + base)[lost:], series[lost:])
    z, _ = experiment.differences(np.arange(60) * 0.5 + np.tile(rng.normal(size=12), 5))["LSTM on seasonal differences"]
    np.testing.assert_allclose(z[13:], 0, atol=1e-12)  # a line and a season are gone


def test_out_of_range():
    r = experiment.out_of_range(np.array([1.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    assert (r["share_outside"], r["beyond"], r["beyond_deviations"]) == (2 / 3, 3, 3)
    assert r["bound"] == pytest.approx(np.sqrt((0 + 1 + 9) / 3))


@needs_data
def test_no_forecaster_sees_the_future(result, monkeypatch):
    """Spoil the last three months: no forecast of the months before may move, and none of their own first one."""
    months, ppm, weeks = co2.load()
    before = result
    spoilt = ppm.copy()
    spoilt[-3:] += 50
    monkeypatch.setattr(co2, "load", lambda: co2.Co2(months, spoilt, weeks))
    after = experiment.run(seed=1, scale="test")
    for name, forecast in before["forecast"].items():
        np.testing.assert_array_equal(forecast[:-2], after["forecast"][name][:-2], err_msg=name)
        looks_back_a_year = name in ("mean", "seasonal naive")
        assert looks_back_a_year == np.array_equal(forecast[-2:], after["forecast"][name][-2:]), name
    assert before["rate"] == after["rate"]
    assert before["aic_order"] == after["aic_order"]


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(scale="huge")


@needs_data
@pytest.mark.slow
def test_levels_fail_and_differences_do_not():
    r = experiment.run()
    assert r["range"]["share_outside"] > 0.9
    assert r["rmse"]["LSTM on levels"] > 2 * r["rmse"]["naive"]
    assert r["bias"]["LSTM on levels"] < -1.5
    assert r["thirds"]["LSTM on levels"][2] > 2 * r["thirds"]["LSTM on levels"][0]
    assert r["rmse"]["LSTM on differences"] < 0.4
    assert r["rmse"]["AR(24)"] < 0.32
