"""Splitting a series and scaling it, so that nothing of what is forecast gets into what forecasts it.

Three rules.  The past comes first: training, validation and test part follow each other in time.  A scale is learnt
from the training part alone.  A window never holds what it is to forecast, and what it is to forecast lies in one part:

    parts = split(series)
    scaler = Scaler.fit(parts.train)
    X, y = windows(scaler.apply(parts.train), k)
    X_test, y_test = windows(scaler.apply(parts.test), k, before=scaler.apply(parts.validation))

The last line forecasts every value of the test part, the first too: a window may reach back, for at the time of the
forecast the past is known.

N values, k values in a window, M windows.  A series is (N,), or (N, D) with D columns.
"""

from typing import NamedTuple

import numpy as np


class Parts(NamedTuple):
    """A series cut in three, in the order of time."""

    train: np.ndarray  # (n, ...) the first values
    validation: np.ndarray  # (n, ...) the next ones, which choose when to stop
    test: np.ndarray  # (n, ...) the last ones, which are looked at once


class Scaler(NamedTuple):
    """Takes a mean away and divides by a deviation, both of the training part."""

    mean: np.ndarray  # () or (D,)
    deviation: np.ndarray  # () or (D,)

    @classmethod
    def fit(cls, train):
        """The mean and the standard deviation of each column of train (N,) or (N, D), which is all it gets to see.

        A column that never changes is divided by 1.  A NaN is refused: how to fill a gap is not for a scale to decide.
        """
        train = _series("train", train)
        if not np.isfinite(train).all():
            raise ValueError("train holds a NaN or an infinity: fill or drop the gaps first")
        deviation = train.std(axis=0)
        constant = (train == train[:1]).all(axis=0)  # its computed deviation may be a rounding error away from 0
        return cls(train.mean(axis=0), np.where(constant, 1.0, deviation).astype(train.dtype))

    def apply(self, series):
        """The series (..., D) on the scale of the training part, where that has mean 0 and deviation 1."""
        return (np.asarray(series) - self.mean) / self.deviation

    def undo(self, scaled):
        """The inverse of `apply`."""
        return np.asarray(scaled) * self.deviation + self.mean


def split(series, fractions=(0.7, 0.1, 0.2)):
    """Cut a series (N, ...) in time.  Returns Parts, views of it; the test part takes what rounding leaves."""
    series = _series("series", series)
    fractions = tuple(float(f) for f in fractions)
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions is {fractions}; it must be three positive numbers that add up to 1")
    N = len(series)
    first = int(fractions[0] * N + 1e-9)  # 0.7 of 10 is 7, whatever 0.7 is in binary
    second = first + int(fractions[1] * N + 1e-9)
    parts = Parts(series[:first], series[first:second], series[second:])
    if not all(map(len, parts)):
        raise ValueError(f"series has {N} values, too few for three parts in the proportion {fractions}")
    return parts


def windows(series, k, horizon=1, before=None):
    """Every k consecutive values, and the value `horizon` steps behind their last: X (M, k, ...) and y (M, ...).

    All of them lie in `series` (N, ...), so call this on each part by itself: M = N - k - horizon + 1.  With `before`,
    the values just before the series, windows may begin there, but y is still taken from the series alone: M = N, if
    `before` is long enough.  X is a copy.
    """
    series = _series("series", series)
    for name, value in (("k", k), ("horizon", horizon)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value!r}; pass an integer of at least 1")
    reach = k + horizon - 1  # from the first value of a window to the value that it forecasts
    if before is None:
        joined = series
    else:
        before = _series("before", before, least=0)
        if before.shape[1:] != series.shape[1:]:
            raise ValueError(f"before has shape {before.shape}, but series has {series.shape}: all but N must agree")
        joined = np.concatenate([before[max(len(before) - reach, 0) :], series])
    M = len(joined) - reach
    if M < 1:
        raise ValueError(
            f"{len(joined)} values hold no window of k = {k} with horizon {horizon}: pass {reach + 1} or more"
        )
    X = np.lib.stride_tricks.sliding_window_view(joined, k, axis=0)[:M]
    return np.moveaxis(X, -1, 1).copy(), joined[reach:].copy()


def _series(name, series, least=1):
    """The series as an array of floats (N,) or (N, D, ...), or ValueError."""
    series = np.asarray(series)
    if series.ndim == 0 or len(series) < least:
        raise ValueError(
            f"{name} must have at least {least} values along its first axis, but its shape is {series.shape}"
        )
    return series if np.issubdtype(series.dtype, np.floating) else series.astype(np.float64)
