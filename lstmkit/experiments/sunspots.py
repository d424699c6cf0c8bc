"""Does an LSTM forecast the sunspots better than a line through the last nine years?

Setting.  One year ahead.  The series is cut once, in order: the first 70 % of the years train, the next
10 % choose when to stop, the last 20 % are forecast and never looked at before.  The rivals: last year's
value, the value of 11 years ago, the mean of the past, and autoregressions fitted by least squares.
AR(2) is the model that Yule (1927) invented for this very series; AR(9) is the order that Akaike's
criterion picks on the past years, of 1 to 24.  The LSTM reads the 24 years before, scaled by the mean and
deviation of the training years alone.

Every model forecasts the same years and sees true past values only.  The autoregressions are fitted
twice: on training and validation years (a linear model has nothing to stop early, so it may use both) and on the
training years alone, the LSTM's own diet.

The LSTM has some 400 times the parameters of AR(9), so narrower and wider ones are trained as well; that of one unit
has 14, which is as near as it gets.  `cpu_seconds` says what the forecasts cost.

Source: Yule (1927) for the autoregression; Akaike (1974) for its order; Künsch (1989) for the bootstrap of blocks.
Chapter: chapters/sequence_problem.md.

Keys: years (N,), activity (N,), test_years (K,), actual (K,), forecast {name: (K,)}, rmse {name: float},
lstm_forecasts (S, K), lstm_rmse (S,), ar9_train_only float, aic_order int, gap_interval (2,): 95 % block bootstrap of
RMSE(mean LSTM forecast) - RMSE(AR(9)); n_train, n_validation, n_test, window, H, lstm_parameters, ar_parameters; mase
{name: float}, scaled by the value of 11 years ago on the past; widths (W,): units of other LSTMs, width_rmse (W, R): of
R inits of each, width_parameters (W,); cpu_seconds {"AR(9)", "LSTM"}: to fit and forecast, one seed of the LSTM.
"""

import time

import numpy as np

from lstmkit.data import sunspots
from lstmkit.data.split import windows
from lstmkit.forecasting import autoregression, bootstrap_gap, mase, order_by_aic, predict_lstm, rmse, train_lstm

WINDOW = 24  # years the LSTM reads: two cycles and a little
SETTINGS = {
    "live": {"seeds": 5, "H": 32, "epochs": 300, "patience": 40, "widths": (1, 4, 16), "inits": 1},
    "test": {"seeds": 1, "H": 4, "epochs": 2, "patience": 2, "widths": (1, 2), "inits": 1},
    "recorded": {"seeds": 20, "H": 32, "epochs": 300, "patience": 40, "widths": (1, 4, 8, 16, 64), "inits": 3},
}


def run(seed=0, scale="live", device="cpu"):
    """Forecast the last fifth of the series with every rival.  device is unused: this is the NumPy kit."""
    if scale not in SETTINGS:
        raise ValueError(f"scale is {scale!r}; this experiment knows {', '.join(SETTINGS)}")
    setting = SETTINGS[scale]
    years, activity = sunspots.load()
    n_train, n_validation = int(0.7 * len(activity)), int(0.1 * len(activity))
    n_past = n_train + n_validation
    actual = activity[n_past:]
    forecast = {
        "mean": np.full(len(actual), activity[:n_past].mean()),
        "naive": activity[n_past - 1 : -1],
        "11 years ago": activity[n_past - 11 : -11],
        "AR(2)": autoregression(activity, 2, n_past, n_past),
        "AR(9)": autoregression(activity, 9, n_past, n_past),
    }

    mean, deviation = activity[:n_train].mean(), activity[:n_train].std()  # of the training years alone
    X, y = windows(((activity - mean) / deviation).astype(np.float32), WINDOW)
    train, validation, test = np.split(np.arange(len(y)), [n_train - WINDOW, n_past - WINDOW])

    def forecast_by_lstm(H, *parts):
        """The forecasts (K,) and the parameters of one LSTM of H units, its generator seeded by the parts."""
        network = train_lstm(
            np.random.default_rng([seed, *parts]), X[train], y[train], X[validation], y[validation],
            H, setting["epochs"], setting["patience"],
        )  # fmt: skip
        scaled = predict_lstm(network, X[test])
        return scaled.astype(np.float64) * deviation + mean, sum(p.size for layer in network for p in layer)

    began = time.process_time()
    lstm_forecasts, lstm_parameters = zip(
        *(forecast_by_lstm(setting["H"], s) for s in range(setting["seeds"])), strict=True
    )
    lstm_seconds = (time.process_time() - began) / setting["seeds"]
    lstm_forecasts = np.stack(lstm_forecasts)
    forecast["LSTM, mean of the seeds"] = lstm_forecasts.mean(axis=0)
    others = [[forecast_by_lstm(H, 20_000, H, r) for r in range(setting["inits"])] for H in setting["widths"]]
    began = time.process_time()
    autoregression(activity, 9, n_past, n_past)
    ar_seconds = time.process_time() - began

    return {
        "years": years,
        "activity": activity,
        "test_years": years[n_past:],
        "actual": actual,
        "forecast": forecast,
        "rmse": {name: rmse(actual, f) for name, f in forecast.items()},
        "lstm_forecasts": lstm_forecasts,
        "lstm_rmse": np.array([rmse(actual, f) for f in lstm_forecasts]),
        "ar9_train_only": rmse(actual, autoregression(activity, 9, n_train, n_past)),
        "aic_order": order_by_aic(activity[:n_past]),
        "gap_interval": bootstrap_gap(
            np.random.default_rng([seed, 10_000]),
            actual - forecast["LSTM, mean of the seeds"],
            actual - forecast["AR(9)"],
        ),
        "n_train": n_train,
        "n_validation": n_validation,
        "n_test": len(actual),
        "window": WINDOW,
        "H": setting["H"],
        "lstm_parameters": lstm_parameters[0],
        "ar_parameters": 10,
        "mase": {name: mase(actual, f, activity[:n_past], 11) for name, f in forecast.items()},
        "widths": np.array(setting["widths"]),
        "width_rmse": np.array([[rmse(actual, f) for f, _ in row] for row in others]),
        "width_parameters": np.array([row[0][1] for row in others]),
        "cpu_seconds": {"AR(9)": ar_seconds, "LSTM": lstm_seconds},
    }
