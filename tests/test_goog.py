"""The share price, a day ahead: what is compared, by hand; and no forecaster that sees tomorrow."""

import importlib.util

import numpy as np
import pytest

from lstmkit import forecasting
from lstmkit.data import goog as data
from lstmkit.experiments import goog
from lstmkit.numpy import lstm

needs_data = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="the series ships with matplotlib"
)
LSTMS = ("LSTM on levels", "LSTM on returns")


@pytest.fixture(scope="module")
def result():
    return goog.run(seed=1, scale="test")


@needs_data
def test_keys_and_shapes(result):
    r = result
    assert r["n_train"] + r["n_validation"] + r["n_test"] == len(r["dates"]) == len(r["close"])
    for name, forecast in r["forecast"].items():
        assert forecast.shape == r["actual"].shape == r["test_dates"].shape == (r["n_test"],), name
        assert np.isfinite(forecast).all(), name
    for key in ("rmse", "mase", "with_today", "with_yesterday", "days_late"):
        assert set(r[key]) == set(r["forecast"]), key
    assert set(r["direction"]) == set(r["direction_interval"]) == set(r["says_up"])
    assert set(r["direction"]) == set(r["forecast"]) - {"random walk"}
    for key in ("lstm_forecasts", "lstm_rmse", "gap_interval", "validation_rmse", "rate", "parameters", "cpu_seconds"):
        assert set(r[key]) == set(LSTMS), key
    assert len(set(r["parameters"].values())) == 1
    for gate in ("input", "forget"):
        assert set(r["gates"][gate]) == {"trained", "untrained", "swing", "strongest_unit", "widest_unit"}
    assert r["returns"]["acf"].shape == (20,)
    assert r["window"] == 30
    assert r["H"] == 4
    assert r["inits"] == 1
    assert 2004 < r["dates"][0] < 2005
    assert 2008 < r["dates"][-1] < 2009


@needs_data
def test_the_same_seed_gives_the_same_forecasts(result):
    again, other = (goog.run(seed, scale="test") for seed in (1, 2))
    for name, forecast in result["forecast"].items():
        np.testing.assert_array_equal(forecast, again["forecast"][name])
        assert (name in LSTMS) != np.array_equal(forecast, other["forecast"][name])
    assert result["gates"] == again["gates"]


@needs_data
def test_scores_by_hand(result):
    r = result
    p, n = r["close"], r["n_train"] + r["n_validation"]
    days = range(n, len(p))
    assert r["rmse"]["random walk"] == pytest.approx(np.sqrt(np.mean([(p[t] - p[t - 1]) ** 2 for t in days])))
    assert r["with_yesterday"]["random walk"] == pytest.approx(1)
    assert r["always_up"] == np.mean([p[t] > p[t - 1] for t in days])
    mean_return = np.log(p[n - 1] / p[0]) / (n - 1)
    drifted = [p[t - 1] * np.exp(mean_return) for t in days]
    np.testing.assert_allclose(r["forecast"]["random walk with drift"], drifted)
    assert r["direction"]["random walk with drift"] == r["always_up"]  # the past rose, so it says up every day
    for name in LSTMS:
        (f,) = r["lstm_forecasts"][name]
        right = [(f[k] > p[t - 1]) == (p[t] > p[t - 1]) for k, t in enumerate(days)]
        assert r["direction"][name] == pytest.approx(np.mean(right))
        low, high = r["direction_interval"][name]
        assert low < np.mean(right) < high
        assert r["rmse"][name] == pytest.approx(np.sqrt(np.mean((f - p[n:]) ** 2)))
        assert r["with_today"][name] == pytest.approx(np.corrcoef(f, p[n:])[0, 1])


def test_days_late(rng):
    close = rng.normal(size=80).cumsum()
    for late in range(6):
        assert goog.days_late(close, 60, close[60 - late : 80 - late] + 0.01 * rng.normal(size=20)) == late


def test_the_gate_of_the_last_step(rng):
    network = forecasting.untrained_lstm(rng, 3)
    X = rng.normal(size=(5, 7)).astype(np.float32)
    state = lstm.zero_state(5, 3, np.float32)
    for t in range(7):
        before, state = state, lstm.step(network.cell, X[:, t, None], state)[0]
    a = X[:, -1:] @ network.cell.W_x.T + before.h @ network.cell.W_h.T + network.cell.b
    for letter, block in {"i": a[:, :3], "f": a[:, 3:6]}.items():
        np.testing.assert_allclose(goog.gate(network, X, letter), 1 / (1 + np.exp(-block)), rtol=1e-5)


def test_a_gate_that_attends_to_size_is_found(rng):
    """Two units that open at either sign, a rise and a fall: their mean goes with the size of what was read."""
    network = forecasting.untrained_lstm(rng, 2)
    W_x, W_h, b = network.cell
    W_x[:], W_h[:], b[:] = 0, 0, -3
    W_x[:2, 0] = [3, -3]
    X = rng.normal(size=(300, 4)).astype(np.float32)
    run = forecasting.LstmForecast(None, 0.0, network, forecasting.untrained_lstm(rng, 2), X)
    found = goog.gate_and_size([run], np.abs(X[:, -1]), "i")
    assert found["trained"] > 0.9
    assert found["swing"] > 0.1
    assert 0.3 < found["strongest_unit"] < found["trained"]  # one unit sees one sign, and 300 draws scatter
    assert found["widest_unit"] > found["swing"]


@needs_data
def test_no_forecaster_sees_the_future(result, monkeypatch):
    """Double the last three prices: no forecast of the days before may move, and none of their own first day either."""
    dates, close = data.load()
    before = result
    spoilt = close.copy()
    spoilt[-3:] *= 2
    monkeypatch.setattr(data, "load", lambda: data.Prices(dates, spoilt))
    after = goog.run(seed=1, scale="test")
    for name, forecast in before["forecast"].items():
        np.testing.assert_array_equal(forecast[:-2], after["forecast"][name][:-2], err_msg=name)
        assert (forecast[-2:] != after["forecast"][name][-2:]).all(), name
    assert before["rate"] == after["rate"]


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        goog.run(scale="huge")


@needs_data
@pytest.mark.slow
def test_no_lstm_beats_the_random_walk():
    r = goog.run()
    for name in LSTMS:
        assert r["rmse"][name] > r["rmse"]["random walk"]
        assert r["with_yesterday"][name] > r["with_today"][name]
        assert r["days_late"][name] == 1
        assert r["direction_interval"][name][0] < 0.5
    assert abs(r["gates"]["input"]["trained"]) < 0.3
    assert r["gates"]["input"]["strongest_unit"] < 0.5
