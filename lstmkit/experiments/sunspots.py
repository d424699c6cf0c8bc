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

Source: Yule (1927) for the autoregression; Akaike (1974) for its order; Künsch (1989) for the bootstrap of blocks.
Chapter: chapters/sequence_problem.md.

Keys: years (N,), activity (N,), test_years (K,), actual (K,), forecast {name: (K,)}, rmse {name: float},
lstm_forecasts (S, K), lstm_rmse (S,), ar9_train_only float, aic_order int, gap_interval (2,): 95 % block bootstrap of
RMSE(mean LSTM forecast) - RMSE(AR(9)); n_train, n_validation, n_test, window, H, lstm_parameters, ar_parameters.
"""

import numpy as np

from lstmkit.data import sunspots
from lstmkit.numpy import linear, lstm, training
from lstmkit.numpy.training import Network

WINDOW = 24  # years the LSTM reads: two cycles and a little
SETTINGS = {
    "live": {"seeds": 5, "H": 32, "epochs": 300, "patience": 40},
    "test": {"seeds": 1, "H": 4, "epochs": 2, "patience": 2},
    "full": {"seeds": 20, "H": 32, "epochs": 300, "patience": 40},
}


def windows(series, k):
    """Every k consecutive values, and the value that follows each: (N-k, k) and (N-k,)."""
    return np.lib.stride_tricks.sliding_window_view(series[:-1], k), series[k:]


def rmse(actual, forecast):
    """Root mean squared error of a forecast, both (K,)."""
    return float(np.sqrt(np.mean((actual - forecast) ** 2)))


def autoregression(series, order, n_fit, n_past):
    """Least squares on the first n_fit values, then one-step forecasts of everything from n_past on."""
    X, y = windows(series, order)
    X = np.column_stack([np.ones(len(X)), X])
    coefficients, *_ = np.linalg.lstsq(X[: n_fit - order], y[: n_fit - order], rcond=None)
    return X[n_past - order :] @ coefficients


def order_by_aic(past, highest=WINDOW):
    """Akaike's choice: the order with the least n ln(mean squared residual) + 2 parameters, all on the same years."""
    n = len(past) - highest
    residuals = [past[highest:] - autoregression(past, p, len(past), highest) for p in range(1, highest + 1)]
    return 1 + int(np.argmin([n * np.log(np.mean(r**2)) + 2 * (p + 1) for p, r in enumerate(residuals, start=1)]))


def steps(X):
    """M windows of k scaled values (M, k) as the LSTM reads them, (k, M, 1)."""
    return X.T[:, :, None]


def fit(rng, X_train, y_train, X_validation, y_validation, H, epochs, patience, B=64, lr=5e-3):
    """Adam on batches of 64 windows; keeps the weights that were best on the validation years."""
    network = Network(lstm.init_params(rng, 1, H, dtype=np.float32), linear.init_params(rng, H, 1, dtype=np.float32))
    moments = training.start(network)
    best, best_error, best_epoch = network, np.inf, 0
    for epoch in range(epochs):
        order = rng.permutation(len(y_train))
        for batch in np.array_split(order, int(np.ceil(len(order) / B))):
            y = y_train[batch, None]
            _, _, grads = training.gradients(lstm, network, steps(X_train[batch]), lambda p, y=y: 2 * (p - y) / len(y))
            network, moments = training.step(network, grads, moments, lr)
        error = rmse(y_validation, training.predict(lstm, network, steps(X_validation))[:, 0])
        if error < best_error:
            best, best_error, best_epoch = network, error, epoch
        elif epoch - best_epoch >= patience:
            break
    return best


def bootstrap_gap(rng, errors_a, errors_b, block=11, draws=2000):
    """95 % interval of RMSE(a) - RMSE(b), resampling whole blocks of years because neighbours resemble each other."""
    n = len(errors_a)
    starts = rng.integers(0, n, (draws, int(np.ceil(n / block))))
    picks = ((starts[:, :, None] + np.arange(block)) % n).reshape(draws, -1)[:, :n]
    gaps = [np.sqrt(np.mean(e[picks] ** 2, axis=1)) for e in (errors_a, errors_b)]
    return np.quantile(gaps[0] - gaps[1], [0.025, 0.975])


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
    lstm_forecasts = []
    for s in range(setting["seeds"]):
        rng = np.random.default_rng([seed, s])
        network = fit(
            rng, X[train], y[train], X[validation], y[validation],
            setting["H"], setting["epochs"], setting["patience"],
        )  # fmt: skip
        scaled = training.predict(lstm, network, steps(X[test]))[:, 0]
        lstm_forecasts.append(scaled.astype(np.float64) * deviation + mean)
    lstm_forecasts = np.stack(lstm_forecasts)
    forecast["LSTM, mean of the seeds"] = lstm_forecasts.mean(axis=0)

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
        "lstm_parameters": sum(p.size for layer in network for p in layer),
        "ar_parameters": 10,
    }
