"""The checks of the assignment `sequence_problem`: call one with your function, read the report, get the points.

    from lstmkit.grading import sequence_problem as check
    check.sliding_windows(sliding_windows)

N values of a series, k in a window, M windows, m steps in a season, h steps ahead, K forecasts.
The right values come from lstmkit.data.split and lstmkit.forecasting; the named mistakes from
sequence_problem_mistakes.  The five series of `reading` are drawn anew for each student.
"""

import re

import numpy as np

from lstmkit import forecasting
from lstmkit.data.split import Scaler, split, windows
from lstmkit.experiments.autocorrelation import autocorrelation
from lstmkit.grading import personal
from lstmkit.grading import sequence_problem_mistakes as mistakes
from lstmkit.grading.draws import double, sizes
from lstmkit.grading.guard import Problem, call
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, ask, doors, examine, show


def _series(rng, N, dtype=np.float64):
    """N values with a level, a slope and noise of their own, none of them near zero."""
    return (rng.uniform(5, 20) + rng.uniform(0.1, 0.5) * np.arange(N) + rng.normal(size=N)).astype(dtype)


def _window_draws(rng):
    def draw(N, k, horizon, label="", dtype=np.float64):
        return Draw((_series(rng, N, dtype), k, horizon), label)

    pairs = [sizes(rng, 2) for _ in range(5)]
    return [
        *(draw(int(rng.integers(20, 40)), k, horizon) for k, horizon in pairs[:4]),
        draw(21, pairs[4][0], 1, "horizon 1"),
        draw(22, 1, pairs[4][1], "windows of one value (k = 1)"),
        draw(sum(pairs[4]) + 1, *pairs[4], "a series with two windows (M = 2)"),
        draw(23, *pairs[4], "float32", np.float32),
    ]


def _window_key(x, k, horizon):
    return dict(zip(("X", "y"), windows(x.astype(np.float64), k, horizon), strict=True))


SLIDING_WINDOWS = Question(
    name="sliding_windows",
    parts=(Part("X", 2, "(M, k)"), Part("y", 2, "(M,)")),
    draws=_window_draws,
    key=_window_key,
    attempt=lambda answers, args, own: ask(answers["sliding_windows"], args, ("x", "k", "horizon"), ("X", "y")),
    mistakes=mistakes.SLIDING_WINDOWS,
    hints=(
        "Write the first window and its answer on paper, then the last one. How many lie between?",
        "The answer of a window stands `horizon` steps behind the *last* value of the window, not behind its first.",
        "Window i begins at x[i], ends at x[i + k - 1], and is answered by x[i + k - 1 + horizon]. That one must "
        "exist, so the last i is N - k - horizon, and M = N - k - horizon + 1.",
    ),
)


def _split_draws(rng):
    fractions = [(0.5, 0.25, 0.25), (0.625, 0.125, 0.25), (0.75, 0.125, 0.125), (0.5, 0.125, 0.375)]
    sizes_of = [8 * int(rng.integers(5, 9)) + extra for extra in (3, 5, 7, 6)]  # nothing that divides evenly
    return [
        *(Draw((_series(rng, N), share)) for N, share in zip(sizes_of, fractions, strict=True)),
        Draw((_series(rng, 45, np.float32), fractions[1]), "float32"),
    ]


CUT, SCALE, CLEAN = "cut in time", "on the scale of the training part", "nothing leaked"


def _split_key(series, fractions):
    parts = split(series.astype(np.float64), fractions)
    scaler = Scaler.fit(parts.train)
    return {CUT: 1.0, SCALE: mistakes.end_to_end([scaler.apply(part) for part in parts]), CLEAN: 1.0}


def _split_attempt(answers, args, own):
    series, fractions = args
    names = ("train", "validation", "test")
    got, changed = ask(answers["split_and_scale"], args, ("series", "fractions"), names)
    parts = [got[name] for name in names]
    for part in parts:
        if isinstance(part, Problem):
            return dict.fromkeys((CUT, SCALE, CLEAN), part), changed
    try:
        parts = [np.asarray(part, dtype=np.float64).reshape(-1) for part in parts]
    except (TypeError, ValueError):
        problem = Problem("form", "the three parts do not read as arrays of numbers.")
        return dict.fromkeys((CUT, SCALE, CLEAN), problem), changed
    clean = _leak(answers["split_and_scale"], series, fractions, parts) or 1.0
    return {CUT: _cut(series, fractions, parts) or 1.0, SCALE: mistakes.end_to_end(parts), CLEAN: clean}, changed


def _cut(series, fractions, parts):
    """A Problem if the parts do not have their sizes, or do not hold the values in order and on a straight line."""
    sizes, N = [len(part) for part in parts], len(series)
    if sum(sizes) != N:
        verb = "lost" if sum(sizes) < N else "gained"
        return Problem("lost", f"{N} values came in and {sum(sizes)} came out: some are {verb}.")
    if sizes != [len(part) for part in split(series, fractions)]:
        here = f"{N} values come out as {sizes[0]}, {sizes[1]} and {sizes[2]}"
        return Problem("sizes", f"{here}: the first two sizes are rounded down, the third is what is left.")
    for part, before in zip(parts, np.split(series.astype(np.float64), np.cumsum(sizes)[:-1]), strict=True):
        if not np.corrcoef(part, before)[0, 1] > 1 - 1e-5:
            told = "the values of a part are not those of the series in their order: cut in time, never shuffle."
            return Problem("order", told)
    return None


def _leak(function, series, fractions, parts):
    """A Problem if a part moves when values are changed that come after it."""
    first = len(parts[0])
    second, N = first + len(parts[1]), len(series)
    for start, stop, reader in [(second, N, "test"), (first, second, "validation")]:
        other = series.copy()
        other[start:stop] = other[start:stop][::-1] * 3 + 50
        outcome = call(function, (other, fractions))
        if isinstance(outcome.value, Problem):
            return outcome.value
        readers = outcome.value if isinstance(outcome.value, tuple | list) else list(outcome.value.values())
        for name, was, now in list(zip(("train", "validation"), parts, readers, strict=False))[
            : 1 + (reader == "test")
        ]:
            if np.shape(now) != was.shape or not np.allclose(was, now, rtol=1e-6, atol=1e-6):
                told = f"the {reader} part was changed, and the {name} part moved with it: that is leakage."
                return Problem("leak", told)
    return None


SPLIT_AND_SCALE = Question(
    name="split_and_scale",
    parts=(
        Part(CUT, 1, "three parts"),
        Part(SCALE, 1, "the three parts end to end"),
        Part(CLEAN, 1, "right"),
        Part(UNCHANGED, 1),
    ),
    draws=_split_draws,
    key=_split_key,
    attempt=_split_attempt,
    mistakes=mistakes.SPLIT_AND_SCALE,
    hints=(
        "Two steps, and their order is the whole question: which one must come first?",
        "Cut with two slices, at n_train = int(f_1 N) and at n_train + int(f_2 N); the test part is what is left.",
        "mean = train.mean() and deviation = train.std() are two numbers. All three parts are (part - mean) / "
        "deviation, written into new arrays: a slice of the series is a view of it.",
    ),
)


def _forecast_draws(rng):
    def draw(N, m, h, label=""):
        return Draw((_series(rng, N), m, h), label)

    short, season, long = sorted(sizes(rng, 3))
    return [
        *(draw(int(rng.integers(20, 30)), season, season + int(rng.integers(2, 5))) for _ in range(2)),
        draw(int(rng.integers(20, 30)), long, short),
        draw(int(rng.integers(20, 30)), short, 2 * short + 1),
        draw(19, season, 1, "one step (h = 1)"),
        draw(season, season, season + 2, "a past of one season (N = m)"),
        draw(18, 1, 5, "no season (m = 1)"),
        Draw((_series(rng, 22, np.float32), long, long + 2), "float32"),
    ]


def _forecast_key(y, m, h):
    """The kit forecasts one step; what it says is appended, and asked again from there."""
    y = y.astype(np.float64)
    found = {}
    for name, one_step in {
        "naive": forecasting.naive,
        "seasonal": lambda series, n: forecasting.seasonal_naive(series, n, m),
        "drift": lambda series, n: forecasting.drift(series, n),
    }.items():
        series = y
        for _ in range(h):
            series = np.append(series, one_step(np.append(series, np.nan), len(y))[-1])
        found[name] = series[len(y) :]
    return found


NAIVE_FORECASTS = Question(
    name="naive_forecasts",
    parts=(Part("naive", 1, "(h,)"), Part("seasonal", 2, "(h,)"), Part("drift", 1, "(h,)")),
    draws=_forecast_draws,
    key=_forecast_key,
    attempt=lambda answers, args, own: ask(
        answers["naive_forecasts"], args, ("y", "m", "h"), ("naive", "seasonal", "drift")
    ),
    mistakes=mistakes.NAIVE_FORECASTS,
    hints=(
        "All three see the past y alone. Work the example by hand for h = 3 before you write code.",
        "The seasonal forecast repeats the last m values, in their order, as often as h asks: entry j (from 0) is "
        "the value j % m of that last season.",
        "drift at step j = 1, ..., h is y[-1] + j * (y[-1] - y[0]) / (N - 1), since N values have N - 1 steps "
        "between them; np.arange(1, h + 1) makes all j at once.",
    ),
)


def _mase_draws(rng):
    def draw(n, K, m, label="", dtype=np.float64, kind="ordinary"):
        past = _series(rng, n, dtype)
        y = (past[-1] + rng.normal(size=K) * 3).astype(dtype)
        return Draw((y, (y + rng.normal(size=K) * 2).astype(dtype), past, m), label, kind)

    def periodic(m):
        y = rng.normal(size=5)
        return Draw((y, y + 1, np.tile(rng.normal(size=m), 4), m), "a past that repeats itself", "zero scale")

    return [
        *(draw(int(rng.integers(20, 40)), int(rng.integers(8, 15)), sizes(rng, 1)[0]) for _ in range(4)),
        draw(25, 9, 1, "no season (m = 1)"),
        draw(19, 1, 3, "one forecast (K = 1)"),
        draw(26, 10, 5, "float32", np.float32),
        periodic(3),
        periodic(1),
    ]


def _mase_key(y, y_hat, y_train, m):
    y, y_hat, y_train = double((y, y_hat, y_train))
    if np.array_equal(y_train[m:], y_train[:-m]):
        return {"mase": 1.0}  # stands for: refused
    return {"mase": forecasting.mase(y, y_hat, y_train, m)}


def _mase_attempt(answers, args, own):
    got, changed = ask(answers["mase"], args, ("y", "y_hat", "y_train", "m"), ("mase",))
    y_train, m = args[2:]
    if np.array_equal(y_train[m:], y_train[:-m]) and got["mase"] is not None:
        value = got["mase"]
        if isinstance(value, Problem):
            if "raised ValueError" in value.text:
                return {"mase": 1.0}, changed
            if value.kind == "blank":
                return got, changed
        told = "raise a ValueError that says so, not a number and no error of another kind"
        return {"mase": Problem("zero scale", f"the past repeats itself, so there is nothing to scale by: {told}.")}, ()
    return got, changed


MASE = Question(
    name="mase",
    parts=(Part("mase", 2, "a number"), Part("nothing to scale by", 1, on="zero scale", of=("mase",))),
    draws=_mase_draws,
    key=_mase_key,
    attempt=_mase_attempt,
    mistakes=mistakes.MASE,
    hints=(
        "Two means of absolute differences, one divided by the other. Which of them knows the test part?",
        "The numerator is the mean of |y - y_hat|. The denominator never sees y: it is what the value one season "
        "before would have missed on y_train.",
        "scale = np.abs(y_train[m:] - y_train[:-m]).mean(), n - m differences. If it is zero, raise "
        'ValueError("..."); else return np.abs(y - y_hat).mean() / scale.',
    ),
)


PROCESSES = ("white noise", "persistent", "alternating", "seasonal", "random walk")
LETTERS = "ABCDE"
READ = 400  # values in each series
LAGS = np.arange(1, 21)


def _draw_processes(rng):
    """Five series by name, each drawn again until its picture shows plainly what it is, and the period."""
    period = int(rng.integers(5, 10))
    noise, step = (lambda: rng.normal(size=READ)), np.arange(READ)

    def first_order(w):
        x = noise()
        for t in range(1, READ):
            x[t] += w * x[t - 1]
        return x

    def wave():
        return 2.5 * np.sin(2 * np.pi * (step / period + rng.random())) + noise()

    recipes = {
        "white noise": (noise, lambda r: np.abs(r).max() < 0.13),
        "persistent": (lambda: first_order(0.7), lambda r: 0.6 < r[0] < 0.8 and np.abs(r[8:]).max() < 0.22),
        "alternating": (lambda: first_order(-0.7), lambda r: -0.8 < r[0] < -0.6 and np.abs(r[8:]).max() < 0.22),
        "seasonal": (wave, lambda r: r[period - 1] > 0.6 and r.argmax() + 1 == period and r.min() < -0.4),
        "random walk": (lambda: np.cumsum(noise()), lambda r: r[0] > 0.95 and r[19] > 0.45),
    }
    found = {}
    for name, (recipe, plain) in recipes.items():
        while name not in found:
            series = recipe()
            if plain(autocorrelation(series, LAGS)):
                found[name] = series
    return found, period


def _reading_yours(rng):
    found, _ = _draw_processes(rng)
    return dict(zip(LETTERS, (found[PROCESSES[k]] for k in rng.permutation(5)), strict=True))


def _reading_truth():
    """The letter of each process, as a number, and the period, for the code in use."""
    rng = personal.generator("reading", 0, 0)
    _, period = _draw_processes(rng)
    order = list(rng.permutation(5))
    return [order.index(k) for k in range(5)], period


def _reading_key():
    (white, persistent, alternating, seasonal, walk), period = _reading_truth()
    return {
        "noise and walk": np.array([white, walk]),
        "persistent and alternating": np.array([persistent, alternating]),
        "season and period": np.array([seasonal, period]),
    }


def _reading_attempt(answers, args, own):
    names = ("noise and walk", "persistent and alternating", "season and period")
    outcome = call(answers["reading"], ())
    said = outcome.value
    if isinstance(said, Problem):
        return dict.fromkeys(names, said), ()
    if said is None:
        return dict.fromkeys(names, Problem("none", "the function returned None: print is not return.")), ()
    if not isinstance(said, dict) or not {*LETTERS, "period"} <= set(said):
        got = ", ".join(map(str, said)) if isinstance(said, dict) else type(said).__name__
        problem = Problem("form", f"given {got}; expected a dict with A, B, C, D, E and period.")
        return dict.fromkeys(names, problem), ()
    read = {letter: " ".join(re.split(r"[\s_-]+", str(said[letter]).strip().lower())) for letter in LETTERS}
    if unknown := [name for name in read.values() if name not in PROCESSES]:
        problem = Problem("form", f"{unknown[0]!r} is none of the five: {', '.join(PROCESSES)}.")
        return dict.fromkeys(names, problem), ()
    if len(set(read.values())) < 5:
        problem = Problem("twice", "one process is named for two letters: each of the five occurs once.")
        return dict.fromkeys(names, problem), ()
    place = {name: LETTERS.index(letter) for letter, name in read.items()}
    try:
        period = float(said["period"])
    except (TypeError, ValueError):
        period = Problem("form", "the period does not read as a number.")
    season = period if isinstance(period, Problem) else np.array([place["seasonal"], period])
    return {
        "noise and walk": np.array([place["white noise"], place["random walk"]]),
        "persistent and alternating": np.array([place["persistent"], place["alternating"]]),
        "season and period": season,
    }, ()


READING = Question(
    name="reading",
    parts=(
        Part("noise and walk", 1, "two letters"),
        Part("persistent and alternating", 1, "two letters"),
        Part("season and period", 1, "a letter and a whole number"),
    ),
    draws=lambda rng, yours: [Draw(())],
    key=_reading_key,
    attempt=_reading_attempt,
    mistakes=tuple(mistakes.reading(_reading_truth)),
    hints=(
        "Look at the first bar of each picture, at its sign and height, and then at how fast the rest dies away.",
        "Four of the five have bars outside the band. Of these, one changes its sign from bar to bar, one swings "
        "like a wave, one dies away within some ten bars, and one hardly falls at all.",
        "Where x_t = w x_(t-1) + noise, the bar at lag k is near w^k: 0.7, 0.49, ..., or with a negative w the "
        "same with alternating signs. A random walk has w = 1. The period is the lag at which the wave first "
        "comes back to its top; the first bar is lag 1, not lag 0.",
    ),
    yours=_reading_yours,
)


def _view_draws(rng):
    def draw(N, k, stride, dilation, label="", kind="ordinary", gaps=1, dtype=np.float64):
        x = rng.normal(size=N * gaps).astype(dtype)[::gaps]
        return Draw((x, k, stride, dilation), label, kind)

    rows = [sizes(rng, 3) for _ in range(6)]
    return [
        *(draw(int(rng.integers(45, 60)), *row) for row in rows[:4]),
        draw(50, rows[4][0], 1, 1, "stride and dilation 1"),
        draw((rows[4][0] - 1) * rows[4][2] + 1 + 5 * rows[4][1], *rows[4], "a last window that ends with the series"),
        draw(48, *rows[5], "float32", dtype=np.float32),
        draw(47, *rows[5], "every second value of a longer array", kind="gaps", gaps=2),
    ]


def _view_key(x, k, stride, dilation):
    x = x.astype(np.float64)
    reach = (k - 1) * dilation + 1
    X, _ = windows(np.append(x, 0.0), reach)  # a window of all that is spanned, thinned out
    return {"X": X[::stride, ::dilation], "no copy": 1.0}


def _view_attempt(answers, args, own):
    x, *numbers = args
    given = np.repeat(x, 2)[::2] if x.strides[0] != x.itemsize else x.copy()  # the same gaps, an array of its own
    kept = given.copy()
    outcome = call(lambda: answers["window_view"](given, *numbers), ())
    X = outcome.value
    changed = () if np.array_equal(kept, given) else ("x",)
    if isinstance(X, Problem):
        return {"X": X, "no copy": X}, changed
    if X is None:
        problem = Problem("none", "the function returned None: print is not return.")
        return {"X": problem, "no copy": problem}, changed
    X = X.detach().numpy() if hasattr(X, "detach") else X
    shared = isinstance(X, np.ndarray) and np.may_share_memory(X, given)
    told = Problem("copy", "the windows do not share memory with x: indexing with arrays or lists makes a copy.")
    return {"X": X, "no copy": 1.0 if shared else told}, changed


WINDOW_VIEW = Question(
    name="window_view",
    parts=(
        Part("X", 1, "(M, k)"),
        Part("no copy", 1, "shares memory"),
        Part("a series with gaps in memory", 1, on="gaps", of=("X",)),
    ),
    draws=_view_draws,
    key=_view_key,
    attempt=_view_attempt,
    mistakes=mistakes.WINDOW_VIEW,
    hints=(
        "A NumPy array is a piece of memory, a shape and strides: how many bytes to go for one step along each axis.",
        "np.lib.stride_tricks.sliding_window_view(x, r) gives all windows of r neighbours without a copy. A slice of "
        "a view is a view: slices with a step thin out rows and columns.",
        "A window spans r = (k - 1) * dilation + 1 values. Of the view take every stride-th row and every "
        "dilation-th column. With as_strided, count bytes by x.strides[0], never by 8.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question
    for question in (SLIDING_WINDOWS, SPLIT_AND_SCALE, NAIVE_FORECASTS, MASE, READING, WINDOW_VIEW)
}
hint, yours = doors(QUESTIONS)


def sliding_windows(sliding_windows, seed=0):
    """Points for X (M, k) and y (M,) from a series (N,); prints the report."""
    return show(examine(SLIDING_WINDOWS, {"sliding_windows": sliding_windows}, seed))


def split_and_scale(split_and_scale, seed=0):
    """Points for three parts in time order, on the scale of the first; prints the report."""
    return show(examine(SPLIT_AND_SCALE, {"split_and_scale": split_and_scale}, seed))


def naive_forecasts(naive_forecasts, seed=0):
    """Points for three forecasts (h,) from a past (N,); prints the report."""
    return show(examine(NAIVE_FORECASTS, {"naive_forecasts": naive_forecasts}, seed))


def mase(mase, seed=0):
    """Points for the mean absolute scaled error, a number; prints the report."""
    return show(examine(MASE, {"mase": mase}, seed))


def reading(reading, seed=0):
    """Points for the five processes behind your five pictures; prints the report."""
    return show(examine(READING, {"reading": reading}, seed))


def window_view(window_view, seed=0):
    """Points for windows (M, k) with a stride and a dilation that copy nothing; prints the report."""
    return show(examine(WINDOW_VIEW, {"window_view": window_view}, seed))
