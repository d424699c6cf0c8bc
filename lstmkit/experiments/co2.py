"""Does an LSTM forecast a series with a trend: the carbon dioxide of the air, a month ahead?

Setting.  Monthly means at Mauna Loa, cut once, in order: 70 % of the months train, 10 % choose when to stop, the last
20 % are forecast.  Gaps are filled inside the training part, the only one that has any.  The rivals: the mean, the
last month, the month a year before, that month and the rise since, autoregressions on 13 and 24 months and on 24
monthly differences, and additive Holt-Winters, whose parameters are fitted on the past and whose state is carried on
by what was measured.

Three LSTMs, the same but for what they read and say, 24 values at a time: the levels; the differences from the month
before; the differences of those from the ones a year before.  Each is scaled by its own training part.  All have the
same parameters, and the same rates are tried for each; the validation months choose.  Live uses one rate for all.

Every model forecasts the same months and sees true past values only.  A linear model has nothing to stop early, so it
is fitted on training and validation months; `train_only` has the same on the LSTM's own diet.

The trap: the series rises, so the test part lies outside the range of the training part.  `bound` is the error of a
perfect forecaster that may not leave that range.

Source: Hyndman & Koehler (2006) for the scaled error; Holt (1957), Winters (1960); Makridakis et al. (2018) for what
such comparisons find on many series.  Chapter: chapters/finance.md.

Keys: months (N,) in years, ppm (N,), test_months (K,), actual (K,), forecast {name: (K,)}, of an LSTM the mean over
its inits; lstm_forecasts {name: (I, K)}; rmse {name: float}, in ppm, and mase {name: float}, scaled by the month a
year before on the past, both for an LSTM the median of its inits; lstm_rmse {name: (I,)}; bias {name: float}: mean of
forecast - actual; thirds {name: (3,)}: RMSE over the first, second, last third of the test part; train_only {name:
float}: RMSE; gap_interval {LSTM: (2,)}: 95 % block bootstrap of RMSE(its mean forecast) - RMSE(AR(24)); rate {LSTM:
float}; parameters {name: int}; cpu_seconds {name: float}, all rates and inits; range: dict of train_least,
train_most, test_least, test_most (ppm), share_outside (of the test months), beyond (ppm), beyond_deviations (of the
training part), bound (ppm); aic_order, n_train, n_validation, n_test, window, H, inits (int).
"""

import time

import numpy as np

from lstmkit import forecasting
from lstmkit.data import co2
from lstmkit.data.split import split
from lstmkit.forecasting import rmse
from lstmkit.tasks.sizes import expect_choice

YEAR, WINDOW = 12, 24
SETTINGS = {
    "test": {"inits": 1, "H": 4, "epochs": 2, "patience": 2, "rates": (1e-2,)},
    "live": {"inits": 1, "H": 32, "epochs": 60, "patience": 20, "rates": (1e-2,)},
    "recorded": {"inits": 3, "H": 32, "epochs": 200, "patience": 30, "rates": (5e-3, 1e-2)},
}


def differences(series):
    """What each LSTM forecasts, and what is added to that: {name: (z, base)}, each (N,), NaN before it begins."""
    levels = np.zeros(len(series))
    last, year = np.full((2, len(series)), np.nan)
    last[1:] = series[:-1]
    year[YEAR + 1 :] = series[YEAR:-1] + series[1:-YEAR] - series[: -YEAR - 1]
    bases = {"LSTM on levels": levels, "LSTM on differences": last, "LSTM on seasonal differences": year}
    return {name: (series - base, base) for name, base in bases.items()}


def linear_rivals(series, n_fit, n_past):
    """The models that are fitted, on series[:n_fit]: {name: (K,)}, and the CPU seconds of each."""

    def on_differences():
        return series[n_past - 1 : -1] + forecasting.autoregression(np.diff(series), 24, n_fit - 1, n_past - 1)

    fits = {
        "AR(13)": lambda: forecasting.autoregression(series, 13, n_fit, n_past),
        "AR(24)": lambda: forecasting.autoregression(series, 24, n_fit, n_past),
        "AR(24) on differences": on_differences,
        "Holt-Winters": lambda: forecasting.holt_winters(
            forecasting.fit_holt_winters(series[:n_fit], YEAR), series, n_past
        ),
    }
    return timed(fits)


def timed(calls):
    """What each call gives, and the CPU seconds that it took: two dicts."""
    results, seconds = {}, {}
    for name, call in calls.items():
        began = time.process_time()
        results[name] = call()
        seconds[name] = time.process_time() - began
    return results, seconds


def out_of_range(train, test):
    """By how much the test part leaves the range of the training part; both (n,), in ppm."""
    return {
        "train_least": float(train.min()),
        "train_most": float(train.max()),
        "test_least": float(test.min()),
        "test_most": float(test.max()),
        "share_outside": float(np.mean(test > train.max())),
        "beyond": float(test.max() - train.max()),
        "beyond_deviations": float((test.max() - train.max()) / train.std()),
        "bound": rmse(test, np.minimum(test, train.max())),
    }


def run(seed=0, scale="live", device="cpu"):
    """Forecast the last fifth of the series with every rival.  device is unused: this is the NumPy kit."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    months, ppm, _ = co2.load()
    parts = split(ppm)
    series = np.concatenate([co2.fill(parts.train), parts.validation, parts.test])
    n_train, n_past = len(parts.train), len(parts.train) + len(parts.validation)
    past, actual = series[:n_past], series[n_past:]
    forecast = {
        "mean": forecasting.mean(series, n_past),
        "naive": forecasting.naive(series, n_past),
        "seasonal naive": forecasting.seasonal_naive(series, n_past, YEAR),
        "seasonal naive with drift": forecasting.seasonal_naive_with_drift(series, n_past, YEAR),
    }
    linear, cpu_seconds = linear_rivals(series, n_past, n_past)
    forecast |= linear
    train_only, _ = linear_rivals(series, n_train, n_past)

    def lstms(z):
        return forecasting.lstm_forecasts(seed, series=z, n_train=n_train, n_past=n_past, window=WINDOW, **setting)

    targets = differences(series)
    runs, lstm_seconds = timed({name: lambda z=z: lstms(z) for name, (z, _) in targets.items()})
    lstm_forecasts = {
        name: np.stack([targets[name][1][n_past:] + run.forecast for run in found]) for name, (found, _) in runs.items()
    }
    forecast |= {name: rows.mean(axis=0) for name, rows in lstm_forecasts.items()}
    errors = {name: f - actual for name, f in forecast.items()}
    rng = np.random.default_rng([seed, 10_000])

    def score(measure):
        """The measure of every forecast; of an LSTM, the median of its inits."""
        rows = {name: lstm_forecasts.get(name, f[None]) for name, f in forecast.items()}
        return {name: float(np.median([measure(actual, f) for f in each])) for name, each in rows.items()}

    fitted = {"AR(13)": 14, "AR(24)": 25, "AR(24) on differences": 25, "Holt-Winters": 3 + 2 + YEAR}
    network = runs["LSTM on levels"][0][0].network
    return {
        "months": months.astype(np.int64) / 12 + 1970,
        "ppm": series,
        "test_months": months[n_past:].astype(np.int64) / 12 + 1970,
        "actual": actual,
        "forecast": forecast,
        "lstm_forecasts": lstm_forecasts,
        "rmse": score(rmse),
        "mase": score(lambda actual, f: forecasting.mase(actual, f, past, YEAR)),
        "lstm_rmse": {name: np.array([rmse(actual, f) for f in rows]) for name, rows in lstm_forecasts.items()},
        "bias": {name: float(e.mean()) for name, e in errors.items()},
        "thirds": {name: np.array([rmse(0, part) for part in np.array_split(e, 3)]) for name, e in errors.items()},
        "train_only": {name: rmse(actual, f) for name, f in train_only.items()},
        "gap_interval": {
            name: forecasting.bootstrap_gap(rng, errors[name], errors["AR(24)"], block=YEAR) for name in runs
        },
        "rate": {name: rate for name, (_, rate) in runs.items()},
        "parameters": fitted | {name: sum(p.size for layer in network for p in layer) for name in runs},
        "cpu_seconds": cpu_seconds | lstm_seconds,
        "range": out_of_range(series[:n_train], actual),
        "aic_order": forecasting.order_by_aic(past),
        "n_train": n_train,
        "n_validation": n_past - n_train,
        "n_test": len(actual),
        "window": WINDOW,
        "H": setting["H"],
        "inits": setting["inits"],
    }
