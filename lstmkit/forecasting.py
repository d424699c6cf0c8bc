"""Baselines that any forecast has to beat, an LSTM to put beside them, and the measures that compare them.

All forecasts are one step ahead, and strictly out of sample: the series (N,) is cut at `n_past`; what a model fits, it
fits on values before the cut, and the forecast of value t is made from the values before t.  Each function returns the
forecasts of series[n_past:], (K,) with K = N - n_past, in the unit of the series.

    n = 420
    rmse(series[n:], naive(series, n)), rmse(series[n:], autoregression(series, 13, n, n))

Sources: Hyndman & Koehler (2006) for the scaled error; Holt (1957) and Winters (1960) for the smoothing; Akaike (1974)
for the order; Künsch (1989) for the bootstrap of blocks; Wilson (1927) for the interval of a share.
Used by lstmkit/experiments/{sunspots,co2,goog}.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.data.split import Scaler, windows
from lstmkit.numpy import linear, lstm, training
from lstmkit.numpy.training import Network

# Baselines


def mean(series, n_past):
    """The mean of the past, for every step: (K,)."""
    return np.full(len(series) - n_past, series[:n_past].mean())


def naive(series, n_past):
    """The value before: (K,)."""
    return series[n_past - 1 : -1]


def drift(series, n_past):
    """The value before and the mean step of the past, (last - first) / (n_past - 1): (K,)."""
    return naive(series, n_past) + (series[n_past - 1] - series[0]) / (n_past - 1)


def seasonal_naive(series, n_past, period):
    """The value one period before: (K,)."""
    return series[n_past - period : -period]


def seasonal_naive_with_drift(series, n_past, period):
    """The value one period before, raised by what the series rose in the period up to the last value: (K,).

    The same, in another order: the last value, and the step that the series took one period ago.
    """
    rise = naive(series, n_past) - series[n_past - 1 - period : -1 - period]
    return seasonal_naive(series, n_past, period) + rise


def autoregression(series, order, n_fit, n_past):
    """Least squares on the first n_fit values, then one-step forecasts of everything from n_past on: (K,)."""
    X, y = windows(series, order)
    X = np.column_stack([np.ones(len(X)), X])
    coefficients, *_ = np.linalg.lstsq(X[: n_fit - order], y[: n_fit - order], rcond=None)
    return X[n_past - order :] @ coefficients


def order_by_aic(past, highest=24):
    """Akaike's choice: the order with the least n ln(mean squared residual) + 2 parameters, all on the same values."""
    n = len(past) - highest
    residuals = [past[highest:] - autoregression(past, p, len(past), highest) for p in range(1, highest + 1)]
    return 1 + int(np.argmin([n * np.log(np.mean(r**2)) + 2 * (p + 1) for p, r in enumerate(residuals, start=1)]))


class HoltWinters(NamedTuple):
    """Three smoothing factors in [0, 1], and the state before the first value, which is fitted as well."""

    alpha: float  # of the level
    beta: float  # of the trend
    gamma: float  # of the seasons
    level: float
    trend: float  # a step
    seasons: np.ndarray  # (period,), what each season adds to the level


def fit_holt_winters(past, period):
    """The additive Holt-Winters model with the least squared one-step error on past (n,), found by statsmodels.

    Needs statsmodels, which is optional:  pip install "lstmkit[data]"
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    fitted = ExponentialSmoothing(
        past, trend="add", seasonal="add", seasonal_periods=period, initialization_method="estimated"
    ).fit()
    names = ("smoothing_level", "smoothing_trend", "smoothing_seasonal", "initial_level", "initial_trend")
    return HoltWinters(*(float(fitted.params[name]) for name in names), np.array(fitted.params["initial_seasons"]))


def holt_winters(model, series, n_past):
    """One-step forecasts of series[n_past:] by a model that is not fitted again: (K,).

    The state is carried from the first value on, and moves on by each true value once that has been forecast.  It is
    never estimated with later ones in view, as it is by a library that is handed the whole series.
    """
    alpha, beta, gamma, level, trend, seasons = model
    seasons, forecasts = list(seasons), []
    for t, value in enumerate(series):
        expected, season, before = level + trend, seasons[t], level
        forecasts.append(expected + season)
        level = alpha * (value - season) + (1 - alpha) * expected
        trend = beta * (level - before) + (1 - beta) * trend
        seasons.append(gamma * (value - expected) + (1 - gamma) * season)
    return np.array(forecasts[n_past:])


# The LSTM


def train_lstm(rng, X_train, y_train, X_validation, y_validation, H, epochs, patience, B=64, lr=5e-3):
    """An LSTM of H units that reads windows (M, k) and forecasts y (M,), both on a scale near 1.

    Adam on batches of B windows; the weights that were best on the validation values are kept, and training ends when
    `patience` epochs in a row bring nothing better.
    """
    network = untrained_lstm(rng, H)
    moments = training.start(network)
    best, best_error, best_epoch = network, np.inf, 0
    for epoch in range(epochs):
        order = rng.permutation(len(y_train))
        for batch in np.array_split(order, int(np.ceil(len(order) / B))):
            y = y_train[batch, None]
            _, _, grads = training.gradients(lstm, network, steps(X_train[batch]), lambda p, y=y: 2 * (p - y) / len(y))
            network, moments = training.step(network, grads, moments, lr)
        error = rmse(y_validation, predict_lstm(network, X_validation))
        if error < best_error:
            best, best_error, best_epoch = network, error, epoch
        elif epoch - best_epoch >= patience:
            break
    return best


class LstmForecast(NamedTuple):
    """What one training run of `lstm_forecasts` left."""

    forecast: np.ndarray  # (K,) of series[n_past:]
    validation_rmse: float  # on series[n_train:n_past], in the unit of the series
    network: Network  # the one that forecast
    start: Network  # the same before training
    X: np.ndarray  # (K, window) the windows it forecast from, scaled


def lstm_forecasts(seed, inits, series, n_train, n_past, window, H, epochs, patience, rates):
    """Train LSTMs on series[:n_train], stop them by series[n_train:n_past], forecast the rest.

    The series (N,) may begin with NaN, which differences leave there.  It is scaled by the mean and deviation of its
    training part.  Each rate is tried with the same `inits` initial networks, and the one with the least mean error on
    the validation part is kept.  Returns a list of `inits` LstmForecast, and the rate.
    """
    lost = int(np.isnan(series).sum())
    scaler = Scaler.fit(series[lost:n_train])
    X, y = windows(scaler.apply(series[lost:]).astype(np.float32), window)
    train, validation, test = np.split(np.arange(len(y)), [n_train - lost - window, n_past - lost - window])

    def one(init, rate):
        rng = np.random.default_rng([seed, init])
        network = train_lstm(rng, X[train], y[train], X[validation], y[validation], H, epochs, patience, lr=rate)
        error = rmse(y[validation], predict_lstm(network, X[validation])) * float(scaler.deviation)
        forecast = scaler.undo(predict_lstm(network, X[test]).astype(np.float64))
        return LstmForecast(forecast, error, network, untrained_lstm(np.random.default_rng([seed, init]), H), X[test])

    runs = {rate: [one(init, rate) for init in range(inits)] for rate in rates}
    rate = min(runs, key=lambda rate: np.mean([run.validation_rmse for run in runs[rate]]))
    return runs[rate], rate


def untrained_lstm(rng, H):
    """What `train_lstm` starts from: an LSTM of H units, forget bias 1, one value a step, and its read-out."""
    return Network(lstm.init_params(rng, 1, H, dtype=np.float32), linear.init_params(rng, H, 1, dtype=np.float32))


def predict_lstm(network, X):
    """What the network says of windows X (M, k): (M,), in their dtype."""
    return training.predict(lstm, network, steps(X))[:, 0]


def steps(X):
    """M windows of k scaled values (M, k) as the LSTM reads them, (k, M, 1)."""
    return X.T[:, :, None]


# Measures


def rmse(actual, forecast):
    """Root mean squared error of a forecast, both (K,)."""
    return float(np.sqrt(np.mean((actual - forecast) ** 2)))


def mase(actual, forecast, past, period=1):
    """Mean absolute scaled error of a forecast, both (K,): 1 is as good as seasonal naive was on the past (n,).

    The mean absolute error, divided by that of the value one period before on the past alone; period 1 is the naive
    forecast.  It has no unit, so it may be compared across series.
    """
    if not 1 <= period < len(past):
        raise ValueError(f"period is {period}, but the past holds {len(past)} values: pass 1 to {len(past) - 1}")
    scale = np.mean(np.abs(past[period:] - past[:-period]))
    if scale == 0:
        raise ValueError(f"the past repeats itself every {period} steps, so there is no error to scale by")
    return float(np.mean(np.abs(actual - forecast)) / scale)


def bootstrap_gap(rng, errors_a, errors_b, block=11, draws=2000):
    """95 % interval of RMSE(a) - RMSE(b), resampling whole blocks of steps because neighbours resemble each other.

    Both errors (K,) are of the same steps, and drawn together.
    """
    n = len(errors_a)
    starts = rng.integers(0, n, (draws, int(np.ceil(n / block))))
    picks = ((starts[:, :, None] + np.arange(block)) % n).reshape(draws, -1)[:, :n]
    gaps = [np.sqrt(np.mean(e[picks] ** 2, axis=1)) for e in (errors_a, errors_b)]
    return np.quantile(gaps[0] - gaps[1], [0.025, 0.975])


def share_interval(right, n):
    """95 % interval of a share when `right` of n independent answers were right: (2,), within [0, 1]."""
    z = 1.959963984540054
    centre = (right + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(right * (n - right) / n + z**2 / 4)
    return np.array([centre - half, centre + half])
