"""What comes out under the known mistakes of the assignment `sequence_problem`: its named wrong outcomes.

A text completes the sentence "this is what comes out when ...".  Reading the list is reading the solution.

N values, k in a window, m steps in a season, h steps ahead; the arguments are those of the right values in
lstmkit/grading/sequence_problem.py.
"""

import numpy as np

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.grading.question import Mistake

WINDOW_FORMULAS = {
    "first": lambda v: 0,
    "M": lambda v: len(v.x) - v.k - v.horizon + 1,
    "starts": lambda v: v.first + np.arange(v.M),
    "inside": lambda v: np.arange(v.k),
    "X": lambda v: v.x[v.starts[:, None] + v.inside],
    "ahead": lambda v: v.k - 1 + v.horizon,
    "y": lambda v: v.x[np.arange(v.M) + v.ahead],
}


def _windows(x, k, horizon, **replaced):
    return evaluate(WINDOW_FORMULAS, {"x": x, "k": k, "horizon": horizon}, ("X", "y"), replaced)


_s = slip(_windows)
SLIDING_WINDOWS = (
    _s(
        "horizon ignored",
        "`horizon` is not used, and y is always the next value",
        M=lambda v: len(v.x) - v.k,
        ahead=lambda v: v.k,
    ),
    _s(
        "y one too late",
        "y stands horizon + 1 steps behind the window: horizon 1 is the very next value, x[i + k]",
        M=lambda v: len(v.x) - v.k - v.horizon,
        ahead=lambda v: v.k + v.horizon,
    ),
    _s(
        "y inside",
        "y stands horizon - 1 steps behind the window, so that with horizon 1 it is the window's own last value",
        M=lambda v: len(v.x) - v.k - v.horizon + 2,
        ahead=lambda v: v.k + v.horizon - 2,
    ),
    _s(
        "y inside, M right",
        "y is one step too early, so that with horizon 1 it is the window's own last value",
        ahead=lambda v: v.k + v.horizon - 2,
    ),
    _s(
        "counted from the start",
        "the horizon is counted from the first value of a window: count it from the last",
        ahead=lambda v: v.horizon,
    ),
    _s(
        "last window lost",
        "the last window is missing: range(M) with M = N - k - horizon + 1 holds it",
        M=lambda v: len(v.x) - v.k - v.horizon,
    ),
    _s(
        "windows without answer",
        "windows are kept whose answer lies behind the end of the series",
        X=lambda v: v.x[np.arange(len(v.x) - v.k + 1)[:, None] + v.inside],
    ),
    _s(
        "newest first",
        "the windows are turned round: the oldest value comes first",
        X=lambda v: v.x[v.starts[:, None] + v.inside[::-1]],
    ),
    _s(
        "no overlap",
        "each window begins where the one before ended: move on by one value",
        starts=lambda v: v.k * np.arange((len(v.x) - v.k - v.horizon) // v.k + 1),
        y=lambda v: v.x[v.starts + v.ahead],
    ),
    _s(
        "all up to the horizon",
        "y holds all values up to the horizon: it holds the one that lies `horizon` steps ahead",
        y=lambda v: v.x[np.arange(v.M)[:, None] + v.k + np.arange(v.horizon)],
    ),
    _s("transposed", "X is transposed: a window is a row, (M, k)", X=lambda v: v.x[v.starts + v.inside[:, None]]),
)


def end_to_end(parts):
    """Three parts in one array with a NaN after each of the first two, so that it shows where they end."""
    first, second, third = parts
    return np.concatenate([first, [np.nan], second, [np.nan], third])


SPLIT_FORMULAS = {
    "N": lambda v: len(v.series),
    "n_train": lambda v: int(v.fractions[0] * v.N),
    "n_validation": lambda v: int(v.fractions[1] * v.N),
    "parts": lambda v: np.split(v.series, [v.n_train, v.n_train + v.n_validation]),
    "seen": lambda v: [v.parts[0]] * 3,
    "mean": lambda v: [seen.mean() for seen in v.seen],
    "deviation": lambda v: [seen.std() for seen in v.seen],
    "scaled": lambda v: [(p - a) / d for p, a, d in zip(v.parts, v.mean, v.deviation, strict=True)],
    "on the scale of the training part": lambda v: end_to_end(v.scaled),
}


def _split(series, fractions, **replaced):
    given = {"series": series.astype(np.float64), "fractions": fractions}
    return evaluate(SPLIT_FORMULAS, given, ("on the scale of the training part",), replaced)


_s = slip(_split)
SPLIT_AND_SCALE = (
    _s(
        "scaled by everything",
        "mean and deviation are those of the whole series: the test part is in them",
        seen=lambda v: [v.series] * 3,
    ),
    _s(
        "each by its own",
        "each part is scaled by its own mean and deviation: all three use those of the training part",
        seen=lambda v: v.parts,
    ),
    _s(
        "scaled by train and validation",
        "the validation part is in the mean and the deviation: they see the training part alone",
        seen=lambda v: [np.concatenate(v.parts[:2])] * 3,
    ),
    _s(
        "sample deviation",
        "the deviation is divided by n - 1 (ddof=1): np.std divides by n",
        deviation=lambda v: [seen.std(ddof=1) for seen in v.seen],
    ),
    _s("variance", "the variance takes the place of the deviation", deviation=lambda v: [s.var() for s in v.seen]),
    _s(
        "minimum and maximum",
        "the training part is put between 0 and 1: take its mean away and divide by its deviation",
        mean=lambda v: [seen.min() for seen in v.seen],
        deviation=lambda v: [np.ptp(seen) for seen in v.seen],
    ),
    _s("not centred", "the mean is not taken away", mean=lambda v: [0.0] * 3),
    _s("not divided", "the values are not divided by the deviation", deviation=lambda v: [1.0] * 3),
    _s(
        "only train scaled",
        "validation and test keep their old scale: all three parts are scaled",
        **{"on the scale of the training part": lambda v: end_to_end([v.scaled[0], *v.parts[1:]])},
    ),
    _s(
        "rounded up",
        "the sizes are rounded to the nearest: round down, what remains goes to the test part",
        n_train=lambda v: round(v.fractions[0] * v.N),
        n_validation=lambda v: round(v.fractions[1] * v.N),
    ),
    _s(
        "test cut short",
        "the test part has int(f_3 N) values: what rounding leaves over belongs to it too",
        parts=lambda v: np.split(
            v.series[: v.n_train + v.n_validation + int(v.fractions[2] * v.N)],
            [v.n_train, v.n_train + v.n_validation],
        ),
    ),
    _s(
        "test first",
        "the test part is cut from the front: the past comes first",
        parts=lambda v: [
            v.series[v.N - v.n_train :],
            v.series[v.N - v.n_train - v.n_validation : v.N - v.n_train],
            v.series[: v.N - v.n_train - v.n_validation],
        ],
    ),
)

FORECAST_FORMULAS = {
    "N": lambda v: len(v.y),
    "j": lambda v: np.arange(1, v.h + 1),
    "naive": lambda v: np.full(v.h, v.y[-1]),
    "season": lambda v: v.y[-v.m :],
    "turn": lambda v: v.j - 1,
    "seasonal": lambda v: v.season[v.turn % v.m],
    "slope": lambda v: (v.y[-1] - v.y[0]) / (v.N - 1),
    "start": lambda v: v.y[-1],
    "drift": lambda v: v.start + v.j * v.slope,
}


def _forecasts(y, m, h, **replaced):
    given = {"y": y.astype(np.float64), "m": m, "h": h}
    return evaluate(FORECAST_FORMULAS, given, ("naive", "seasonal", "drift"), replaced)


_s = slip(_forecasts)
NAIVE_FORECASTS = (
    _s(
        "mean for naive", "the mean of the past takes the place of its last value", naive=lambda v: 0 * v.j + v.y.mean()
    ),
    _s(
        "naive looks back",
        "naive repeats the last h values: the last one is repeated h times",
        naive=lambda v: v.y[np.maximum(v.N - v.h, 0) :],
    ),
    _s(
        "first season",
        "the first season is repeated: repeat the last one",
        season=lambda v: v.y[: v.m],
    ),
    _s(
        "season flat",
        "one value of the last season is repeated: step j has the value of its own season",
        seasonal=lambda v: np.full(v.h, v.season[0]),
    ),
    _s("season turned round", "the last season is repeated backwards", season=lambda v: v.y[-v.m :][::-1]),
    _s(
        "season one late",
        "the season begins one step too late: the first forecast is the value m steps before it, y[N - m]",
        turn=lambda v: v.j,
    ),
    _s(
        "season one early",
        "the season begins one step too early, with the last value of the past",
        turn=lambda v: v.j - 2,
    ),
    _s(
        "phase of the index",
        "the place in the season is counted from the start of the series: count it back from its end",
        turn=lambda v: v.j - 1 + v.N,
    ),
    _s(
        "season once",
        "the last season is given once: repeat it until h values are there",
        seasonal=lambda v: v.season[: v.h],
    ),
    _s(
        "drift by N",
        "the slope is divided by N: N values have N - 1 steps between them",
        slope=lambda v: (v.y[-1] - v.y[0]) / v.N,
    ),
    _s(
        "drift flat",
        "every step has the drift of the first one: step j has j times the slope",
        drift=lambda v: v.start + v.slope + 0 * v.j,
    ),
    _s(
        "drift from zero",
        "the first drift forecast is the last value itself: the slope is added from the first step on",
        drift=lambda v: v.start + (v.j - 1) * v.slope,
    ),
    _s(
        "last step for the mean step",
        "the slope is the last step of the past: take the mean of all its steps",
        slope=lambda v: v.y[-1] - v.y[-2] if v.N > 1 else 0.0,
    ),
    _s("drift from the start", "the drift starts from y[0]: start from the last value", start=lambda v: v.y[0]),
    _s(
        "slope not divided",
        "the whole rise is added at every step: divide it by N - 1",
        slope=lambda v: v.y[-1] - v.y[0],
    ),
    _s(
        "fitted line",
        "a line is fitted through all values: drift joins the first and the last",
        drift=lambda v: np.polyval(np.polyfit(np.arange(v.N), v.y, 1), v.N - 1 + v.j),
    ),
)

MASE_FORMULAS = {
    "error": lambda v: np.abs(v.y - v.y_hat),
    "above": lambda v: v.error.mean(),
    "behind": lambda v: v.m,
    "differences": lambda v: np.abs(v.y_train[v.behind :] - v.y_train[: -v.behind]),
    "scale": lambda v: v.differences.mean() if v.differences.size else np.nan,
    "mase": lambda v: v.above / v.scale,
}


def _mase(y, y_hat, y_train, m, **replaced):
    given = dict(zip(("y", "y_hat", "y_train"), (a.astype(np.float64) for a in (y, y_hat, y_train)), strict=True))
    return evaluate(MASE_FORMULAS, given | {"m": m}, ("mase",), replaced)


_s = slip(_mase)
MASE = (
    _s(
        "scaled by the test part",
        "the scale is that of the test part: it is measured on y_train, before the test",
        differences=lambda v: np.abs(v.y[v.m :] - v.y[: -v.m]),
    ),
    _s("season ignored", "`m` is not used, so the scale is that of the naive forecast", behind=lambda v: 1),
    _s(
        "lag m for diff m",
        "np.diff(y_train, n=m) differences m times: the value m steps before is taken away once",
        differences=lambda v: np.abs(np.diff(v.y_train, n=v.m)),
    ),
    _s("not scaled", "the error is not divided by the scale", scale=lambda v: 1.0),
    _s(
        "scaled by the deviation",
        "the scale is the standard deviation of y_train: it is the error of the seasonal naive forecast",
        scale=lambda v: v.y_train.std(),
    ),
    _s("scaled by the mean", "the scale is the mean of |y_train|", scale=lambda v: np.abs(v.y_train).mean()),
    _s(
        "n for n - m",
        "the scale is divided by n: there are n - m differences",
        scale=lambda v: v.differences.sum() / len(v.y_train),
    ),
    _s("sum for mean", "the sum of the errors takes the place of their mean", above=lambda v: v.error.sum()),
    _s(
        "root mean square",
        "root mean squares are taken: take means of absolute values",
        above=lambda v: np.sqrt((v.error**2).mean()),
        scale=lambda v: np.sqrt((v.differences**2).mean()),
    ),
    _s(
        "squares above",
        "the error above the line is a root mean square: take the mean of absolute values",
        above=lambda v: np.sqrt((v.error**2).mean()),
    ),
    _s("no absolute value", "the absolute value is missing, so errors cancel", above=lambda v: (v.y - v.y_hat).mean()),
    _s(
        "median",
        "medians are taken: take means",
        above=lambda v: np.median(v.error),
        scale=lambda v: np.median(v.differences),
    ),
    _s("upside down", "the fraction is upside down", mase=lambda v: v.scale / v.above),
)


def reading(truth):
    """Named misreadings of the five pictures; truth() gives the places of the five processes and the period."""

    def read(exchange=None, period=lambda p: p):
        def wrong():
            places, p = truth()
            if exchange:
                a, b = exchange
                places[a], places[b] = places[b], places[a]
            white, persistent, alternating, seasonal, walk = places
            return {
                "noise and walk": np.array([white, walk]),
                "persistent and alternating": np.array([persistent, alternating]),
                "season and period": np.array([seasonal, period(p)]),
            }

        return wrong

    return (
        Mistake(
            "walk for persistent",
            "the random walk and the persistent series are exchanged: a walk never forgets, so its bars hardly fall",
            read((4, 1)),
        ),
        Mistake(
            "signs exchanged",
            "persistent and alternating are exchanged: persistent has a positive first bar",
            read((1, 2)),
        ),
        Mistake(
            "noise for alternating",
            "white noise and the alternating series are exchanged: noise has no bar far outside the band",
            read((0, 2)),
        ),
        Mistake(
            "walk for noise",
            "white noise and the random walk are exchanged: the walk is the sum of the noise, and each value holds "
            "nearly all of the one before",
            read((0, 4)),
        ),
        Mistake(
            "walk for season",
            "the random walk and the seasonal series are exchanged: a season brings the bars back to the top",
            read((4, 3)),
        ),
        Mistake(
            "alternating for season",
            "the alternating and the seasonal series are exchanged: bars that change sign each time die away, a season "
            "does not",
            read((2, 3)),
        ),
        Mistake(
            "persistent for season",
            "the persistent and the seasonal series are exchanged: a season comes back to the top again and again",
            read((1, 3)),
        ),
        Mistake(
            "noise for persistent",
            "white noise and the persistent series are exchanged: noise has no bar far outside the band",
            read((0, 1)),
        ),
        Mistake(
            "noise for season",
            "white noise and the seasonal series are exchanged: noise has no bar far outside the band",
            read((0, 3)),
        ),
        Mistake(
            "walk for alternating",
            "the random walk and the alternating series are exchanged: a walk has no change of sign from bar to bar",
            read((4, 2)),
        ),
        Mistake(
            "first bar is lag 0",
            "the period is one too small: the first bar is lag 1",
            read(period=lambda p: p - 1),
        ),
        Mistake(
            "half a period",
            "the lowest bar is read: half a period lies between it and the top",
            read(period=lambda p: p // 2),
        ),
        Mistake(
            "two periods",
            "the second top is read: the period is the lag of the first",
            read(period=lambda p: 2 * p),
        ),
    )


VIEW_FORMULAS = {
    "reach": lambda v: (v.k - 1) * v.dilation + 1,
    "M": lambda v: (len(v.x) - v.reach) // v.stride + 1,
    "starts": lambda v: v.stride * np.arange(v.M),
    "inside": lambda v: v.dilation * np.arange(v.k),
    "X": lambda v: v.x[v.starts[:, None] + v.inside],
}


def _view(x, k, stride, dilation, **replaced):
    return evaluate(VIEW_FORMULAS, {"x": x, "k": k, "stride": stride, "dilation": dilation}, ("X",), replaced)


_s = slip(_view)
WINDOW_VIEW = (
    _s(
        "dilation ignored",
        "`dilation` is not used: the values of a window are `dilation` steps apart",
        reach=lambda v: v.k,
        inside=lambda v: np.arange(v.k),
    ),
    _s(
        "stride ignored",
        "`stride` is not used: windows begin `stride` steps apart",
        M=lambda v: len(v.x) - v.reach + 1,
        starts=lambda v: np.arange(v.M),
    ),
    Mistake(
        "stride for dilation",
        "stride and dilation are exchanged: stride lies between windows, dilation inside one",
        lambda x, k, stride, dilation: _view(x, k, dilation, stride),
    ),
    _s(
        "last window lost",
        "the last window is missing: it may end with the last value of x",
        M=lambda v: (len(v.x) - v.reach - 1) // v.stride + 1,
    ),
    _s(
        "reach k times dilation",
        "a window is taken to span k * dilation values: k values have k - 1 gaps",
        reach=lambda v: v.k * v.dilation,
    ),
    _s(
        "k values, then thinned",
        "k is the span of a window, thinned out afterwards: each window holds k values",
        reach=lambda v: v.k,
        inside=lambda v: np.arange(0, v.k, v.dilation),
    ),
)
