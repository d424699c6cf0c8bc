"""Does an LSTM forecast a share price better than today's price does?

Setting.  Google's closing price, one trading day ahead.  Cut once, in order: 70 % of the days train, 10 % choose when
to stop, the last 20 % are forecast.  The rivals: the random walk, which says that tomorrow will be as today, and the
same with the mean daily return of the past.  Two LSTMs, the same but for what they read and say, 30 values at a time:
the price; or the log return, whose forecast is put on today's price.  Both have the same parameters, and the same
rates are tried for each; the validation days choose.  Live uses one rate for both.  Every model forecasts the same
days and sees true past prices only.

How a plot deceives.  A forecast that repeats today's price follows the true curve, one day late.  So we ask with which
price it goes: the one it was to foretell, or the one before.

Directions.  The share of days on which a forecast names the right side of today's price; beside it the share of days
on which the price rose, which is what always saying up would get.

Gates.  The LSTM that reads returns should open its input gate at large moves, if it attends to them: the correlation,
over the test days, of the gate (mean of the units) with the size of the return that it has just read.  The forget gate
likewise, and both gates again before any training.  A gate's bias makes it answer to the size of a move by itself:
sigma is curved, so the mean over units that answer to a rise and units that answer to a fall moves with the size.

Source: Fama (1970) for the random walk; Wilson (1927) for the interval of a share; Fischer & Krauss (2018) for a
positive result elsewhere: ranking the shares of the S&P 500 by day paid until about 2009, as reported, and then not.
Chapter: chapters/finance.md.

Keys: dates (N,) in years, close (N,), test_dates (K,), actual (K,), forecast {name: (K,)}, of an LSTM the mean over
its inits; lstm_forecasts {name: (I, K)}; rmse {name: float}, in dollars, and mase {name: float}, scaled by the random
walk on the past; with_today, with_yesterday {name: float}: correlation of the forecast with the price that it is for,
and with the last one that it knew; days_late {name: int}: the lag, 0 to 5, at which the price is nearest to the
forecast; direction {name: float}: share of right directions; direction_interval {name: (2,)}: 95 %; says_up {name:
float}: share of the days; always_up float; gap_interval {LSTM: (2,)}: 95 % block bootstrap of RMSE(its mean forecast)
- RMSE(random walk); gates: dict of input, forget, each a dict of trained, untrained (correlations of the mean gate),
swing (its standard deviation over the test days, trained), strongest_unit, widest_unit (of any one unit, trained: the
largest correlation, without its sign, and the largest standard deviation); returns: dict of acf (20,), band, outside
(int), of the returns; validation_rmse, lstm_rmse {LSTM: (I,)}; rate {LSTM: float}; parameters {LSTM: int};
cpu_seconds {LSTM: float}, all rates and inits; n_train, n_validation, n_test, window, H, inits (int).  Of an LSTM, rmse
to says_up, and gates, are the median of its inits; direction_interval is that of the median.
"""

import time

import numpy as np

from lstmkit import forecasting
from lstmkit.data import goog
from lstmkit.data.split import split
from lstmkit.experiments.autocorrelation import LAGS, autocorrelation
from lstmkit.forecasting import rmse
from lstmkit.numpy import lstm
from lstmkit.tasks.sizes import expect_choice

WINDOW, LATEST, BLOCK = 30, 5, 10  # trading days
SETTINGS = {
    "test": {"inits": 1, "H": 4, "epochs": 2, "patience": 2, "rates": (1e-2,)},
    "live": {"inits": 1, "H": 32, "epochs": 60, "patience": 15, "rates": (1e-2,)},
    "recorded": {"inits": 3, "H": 32, "epochs": 100, "patience": 20, "rates": (5e-3, 1e-2)},
}


def days_late(close, n_past, forecast):
    """The lag, 0 to 5 days, at which the price (N,) is nearest to the forecast (K,) of close[n_past:]."""
    return int(np.argmin([rmse(close[n_past - k : len(close) - k], forecast) for k in range(LATEST + 1)]))


def gate(network, X, letter):
    """A gate of every unit at the last step of every window X (K, window): (K, H)."""
    _, _, cache = lstm.forward(network.cell, forecasting.steps(X))
    return getattr(lstm.read_gates(cache), letter)[-1]


def gate_and_size(runs, sizes, letter):
    """How a gate goes with the sizes (K,) of the returns just read, and how far it moves: medians over the runs."""

    def with_size(values):
        return np.corrcoef(values, sizes)[0, 1]

    trained = [gate(run.network, run.X, letter) for run in runs]
    untrained = [gate(run.start, run.X, letter) for run in runs]
    numbers = {
        "trained": [with_size(g.mean(axis=1)) for g in trained],
        "untrained": [with_size(g.mean(axis=1)) for g in untrained],
        "swing": [g.mean(axis=1).std() for g in trained],
        "strongest_unit": [max(abs(with_size(unit)) for unit in g.T) for g in trained],
        "widest_unit": [g.std(axis=0).max() for g in trained],
    }
    return {name: float(np.median(values)) for name, values in numbers.items()}


def run(seed=0, scale="live", device="cpu"):
    """Forecast the last fifth of the days with every rival.  device is unused: this is the NumPy kit."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    dates, close = goog.load()
    parts = split(close)
    n_train, n_past = len(parts.train), len(parts.train) + len(parts.validation)
    actual, today = close[n_past:], close[n_past - 1 : -1]  # today: the last price that the forecast knows
    returns = np.concatenate([[np.nan], np.diff(np.log(close))])

    found, rate, cpu_seconds = {}, {}, {}
    for name, series in {"LSTM on levels": close, "LSTM on returns": returns}.items():
        began = time.process_time()
        found[name], rate[name] = forecasting.lstm_forecasts(
            seed, series=series, n_train=n_train, n_past=n_past, window=WINDOW, **setting
        )
        cpu_seconds[name] = time.process_time() - began
    lstm_forecasts = {
        "LSTM on levels": np.stack([run.forecast for run in found["LSTM on levels"]]),
        "LSTM on returns": np.stack([today * np.exp(run.forecast) for run in found["LSTM on returns"]]),
    }
    each = (
        {  # (1, K) or (I, K)
            "random walk": today[None],
            "random walk with drift": today[None] * np.exp(returns[1:n_past].mean()),
        }
        | lstm_forecasts
    )

    def score(measure):
        """The measure of every forecast; of an LSTM, the median of its inits."""
        return {name: float(np.median([measure(f) for f in rows])) for name, rows in each.items()}

    direction = score(lambda f: np.mean((f > today) == (actual > today)))
    says_up = score(lambda f: np.mean(f > today))
    del direction["random walk"], says_up["random walk"]  # it names no direction
    forecast = {name: rows.mean(axis=0) for name, rows in each.items()}
    rng = np.random.default_rng([seed, 10_000])
    acf, band = autocorrelation(returns[1:], LAGS), 1.96 / np.sqrt(len(returns) - 1)
    years = dates.astype("datetime64[D]").astype(np.int64) / 365.2425 + 1970
    return {
        "dates": years,
        "close": close,
        "test_dates": years[n_past:],
        "actual": actual,
        "forecast": forecast,
        "lstm_forecasts": lstm_forecasts,
        "rmse": score(lambda f: rmse(actual, f)),
        "mase": score(lambda f: forecasting.mase(actual, f, close[:n_past])),
        "with_today": score(lambda f: np.corrcoef(f, actual)[0, 1]),
        "with_yesterday": score(lambda f: np.corrcoef(f, today)[0, 1]),
        "days_late": {name: int(late) for name, late in score(lambda f: days_late(close, n_past, f)).items()},
        "direction": direction,
        "direction_interval": {
            name: forecasting.share_interval(share * len(actual), len(actual)) for name, share in direction.items()
        },
        "says_up": says_up,
        "always_up": float(np.mean(actual > today)),
        "gap_interval": {
            name: forecasting.bootstrap_gap(rng, forecast[name] - actual, today - actual, block=BLOCK) for name in found
        },
        "gates": {
            word: gate_and_size(found["LSTM on returns"], np.abs(returns[n_past - 1 : -1]), word[0])
            for word in ("input", "forget")
        },
        "returns": {"acf": acf, "band": float(band), "outside": int((np.abs(acf) > band).sum())},
        "validation_rmse": {name: np.array([run.validation_rmse for run in runs]) for name, runs in found.items()},
        "lstm_rmse": {name: np.array([rmse(actual, f) for f in rows]) for name, rows in lstm_forecasts.items()},
        "rate": rate,
        "parameters": {name: sum(p.size for layer in runs[0].network for p in layer) for name, runs in found.items()},
        "cpu_seconds": cpu_seconds,
        "n_train": n_train,
        "n_validation": n_past - n_train,
        "n_test": len(actual),
        "window": WINDOW,
        "H": setting["H"],
        "inits": setting["inits"],
    }
