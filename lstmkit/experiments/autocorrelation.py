"""Is there anything in the past of this series to remember?  Sunspots, share returns, and the size of those returns.

Setting.  The autocorrelation at lag k: how well a value is foretold, on a straight line, by the one k steps before.
In n independent values 95 of 100 autocorrelations fall within ±1.96/√n, so of 20 lags about one lies outside
by chance.  Three series: the yearly sunspot number; Google's daily log return, log(price / yesterday's price); and
the absolute value of that return, which says how far the price moved but not where to.

Source: Fama (1970) for returns; Engle (1982) for their size; Yule (1927) for sunspots.
Chapter: chapters/sequence_problem.md.

Keys: lags (20,); for each of "sunspots", "returns", "absolute returns": acf (20,), band float, outside int, n int.
"""

import numpy as np

from lstmkit.data import goog, sunspots

LAGS = np.arange(1, 21)


def autocorrelation(series, lags):
    """Correlation of a series (N,) with itself `lags` steps before, about its mean: one number in [-1, 1] a lag."""
    centred = series - series.mean()
    return np.array([centred[k:] @ centred[:-k] for k in lags]) / (centred @ centred)


def run(seed=0, scale="live", device="cpu"):
    """Twenty lags of three real series.  Nothing here is random or trained: seed, scale and device change nothing."""
    returns = np.diff(np.log(goog.load().close))
    result = {"lags": LAGS}
    for name, series in {
        "sunspots": sunspots.load().activity,
        "returns": returns,
        "absolute returns": np.abs(returns),
    }.items():
        acf, band = autocorrelation(series, LAGS), 1.96 / np.sqrt(len(series))
        result[name] = {"acf": acf, "band": band, "outside": int((np.abs(acf) > band).sum()), "n": len(series)}
    return result
