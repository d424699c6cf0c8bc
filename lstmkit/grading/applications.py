"""The checks of the assignment `applications`: call one with your function, read the report, get the points.

    from lstmkit.grading import applications as check
    check.difference(difference, undifference)

N values of a series, n of them past, K = N - n forecasts, m steps in a season.  A text is a string.
The right values come from lstmkit.forecasting where it has them; the named mistakes from applications_mistakes.
"""

from functools import cache

import numpy as np

from lstmkit import forecasting
from lstmkit.data import co2
from lstmkit.data.split import split
from lstmkit.grading import applications_mistakes as mistakes
from lstmkit.grading import personal
from lstmkit.grading.draws import sizes
from lstmkit.grading.guard import Problem, call
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, as_array, ask, doors, examine, show


def _difference_draws(rng):
    def draw(N, m, label="", dtype=np.float64):
        return Draw(((rng.uniform(5, 20) + np.cumsum(rng.normal(size=N))).astype(dtype), m), label)

    seasons = sizes(rng, 5)
    return [
        *(draw(m * int(rng.integers(3, 5)) + int(rng.integers(1, m)), m) for m in seasons[:4]),
        draw(17, 1, "no season (m = 1)"),
        draw(seasons[4] + 1, seasons[4], "one difference (N = m + 1)"),
        draw(18, seasons[4], "float32", np.float32),
    ]


def _difference_key(x, m):
    x = x.astype(np.float64)
    return {"difference": x[m:] - x[:-m], "undifference": x}


def _difference_attempt(answers, args, own):
    x, m = args
    value, changed = ask(answers["difference"], args, ("x", "m"), ("difference",))
    inputs = (x[m:] - x[:-m], x[:m].copy())
    back, changed_too = ask(answers["undifference"], inputs, ("d", "first"), ("undifference",))
    return {**value, **back}, changed + changed_too


DIFFERENCE = Question(
    name="difference",
    parts=(Part("difference", 1, "(N - m,)"), Part("undifference", 2, "(N,)"), Part(UNCHANGED, 1)),
    draws=_difference_draws,
    key=_difference_key,
    attempt=_difference_attempt,
    mistakes=mistakes.DIFFERENCE,
    hints=(
        "Two slices of the series, one m steps later than the other. The way back needs the values that had "
        "nothing to be compared with.",
        "Read the equation from right to left: x_t is d plus the value m steps before, and that value is known by "
        "the time you need it.",
        "Make a list of the m values of `first`. For each entry of d in turn, append that entry plus the value m "
        "places before the end of the list, which is list[-m].",
    ),
)


def _sample_draws(rng):
    def draw(A, temperature, label="", kind="ordinary", shift=0.0):
        return Draw((rng.normal(size=A) * 1.5 + shift, temperature, int(rng.integers(2**31))), label, kind)

    many = sizes(rng, 4)
    return [
        *(draw(A + 2, t) for A, t in zip(many, rng.permutation([0.4, 0.7, 1.4, 2.5]).tolist(), strict=True)),
        Draw((np.sort(rng.normal(size=6))[::-1] / 2, 1.0, int(rng.integers(2**31))), "temperature 1"),
        draw(7, 0, "temperature 0", "zero"),
        draw(5, 0.0, "temperature 0.0", "zero"),
        draw(6, 0.5, "logits near 1000 or -1000", "large", 1000.0),
        draw(7, 0.8, "logits near 1000 or -1000", "large", -1000.0),
        draw(5, 1e-4, "a temperature near 0", "large"),
    ]


TIMES = 25  # draws from one generator


def _sample_attempt(answers, args, own):
    logits, temperature, seed = args
    rng = np.random.default_rng(seed)
    drawn, changed = [], ()
    for _ in range(TIMES):
        value, touched = ask(answers["sample"], (logits, temperature, rng), ("logits", "temperature"), ("drawn",))
        if isinstance(value["drawn"], Problem):
            return value, changed + touched
        place = as_array(value["drawn"])
        if isinstance(place, Problem):
            return {"drawn": place}, changed
        if place.size != 1:
            return {"drawn": Problem("shape", "one call draws one place: return a single index.")}, changed
        drawn.append(place.reshape(-1)[0])
        changed += touched
    return {"drawn": np.array(drawn)}, tuple(dict.fromkeys(changed))


SAMPLE = Question(
    name="sample",
    parts=(
        Part("drawn", 2, f"({TIMES},) places, one a call"),
        Part("temperature 0", 1, on="zero", of=("drawn",)),
        Part("large logits", 1, on="large", of=("drawn",)),
    ),
    draws=_sample_draws,
    key=lambda logits, temperature, seed: mistakes.sampled(logits, temperature, seed),
    attempt=_sample_attempt,
    mistakes=mistakes.SAMPLE,
    hints=(
        "Three steps: divide by the temperature, make probabilities, find out in whose stretch of the unit interval "
        "the random number fell.",
        "np.cumsum(p) holds the right ends of the stretches. How many of them lie at or below u?",
        "Take temperature 0 first and return np.argmax. Else z = logits / temperature, e = np.exp(z - z.max()), "
        'and np.searchsorted(np.cumsum(e) / e.sum(), rng.random(), side="right").',
    ),
)


def _text(rng, length, letters="abcde "):
    """A text in which what comes next depends on the last two characters."""
    table = rng.dirichlet(np.full(len(letters), 0.35), size=(len(letters), len(letters)))
    text = [0, 1]
    while len(text) < length:
        text.append(int(rng.choice(len(letters), p=table[text[-2], text[-1]])))
    return "".join(letters[k] for k in text)


def _text_draws(rng):
    def draw(order, n, K, label="", kind="ordinary", letters="abcde ", new=""):
        whole = _text(rng, n + K, letters)
        again = "" if label else letters[0]  # a run, in which occurrences overlap
        train = whole[: n // 2] + 5 * again + whole[n // 2 : n]
        test = "".join(s for s in whole[n:] if s in train) + 3 * again
        for place in sorted(rng.choice(len(test) - 1, len(new), replace=False) + 1):
            test, new = test[:place] + new[0] + test[place:], new[1:]
        return Draw((train, test, order), label, kind)

    n = [int(value) for value in rng.permutation(np.arange(70, 140))[:4]]
    return [
        draw(2, n[0], 23),
        draw(3, n[1], 27, letters="lstm. "),
        draw(4, n[2], 31),
        draw(5, n[3], 26, letters="gates,"),
        draw(1, 60, 20),
        draw(5, 90, 3, "a test text shorter than the order"),
        draw(3, 80, 20, "a test text with characters that were never met", "new", new="XYX"),
    ]


TEXT_ARGS = ("text_train", "text_test", "order")


def _text_attempt(answers, args, own):
    train, test, order = args
    value, _ = ask(answers["witten_bell"], args, TEXT_ARGS, ("bits",))
    if isinstance(value["bits"], Problem):
        return value | {"sum to one": value["bits"]}, ()
    return value | {"sum to one": _sums_to_one(answers["witten_bell"], train, test, order)}, ()


def _sums_to_one(function, train, test, order):
    """1.0 if the probabilities that the bits stand for add up to one, after a text that was met and one that was not.

    The bits of `context + s`, less those of `context`, are what s cost: 2 to the minus that is its probability.
    """
    alphabet = sorted(set(train))
    for context in (test[:1], train[-2:], alphabet[-1] * 3):
        costs = []
        for text in (context, *(context + s for s in (*alphabet, "\0"))):
            got, _ = ask(function, (train, text, order), TEXT_ARGS, ("bits",))
            try:
                costs.append(len(text) * float(got["bits"]))
            except (TypeError, ValueError):
                return got["bits"] if isinstance(got["bits"], Problem) else Problem("form", "bits is not a number.")
        total = np.sum(np.exp2(costs[0] - np.array(costs[1:])))
        if not abs(total - 1) < 1e-6:
            which = "more" if total > 1 else "less" if total < 1 else "something else"
            told = (
                f"read as bits, the costs of all characters and of a new one behind {context!r} stand for "
                f"probabilities that add up to {which} than one."
            )
            return Problem("sum", told)
    return 1.0


WITTEN_BELL = Question(
    name="witten_bell",
    parts=(
        Part("bits", 4, "a number"),
        Part("sum to one", 1, "bits of probabilities"),
        Part("new characters", 1, on="new", of=("bits",)),
    ),
    draws=_text_draws,
    key=lambda train, test, order: mistakes.bits_per_character(train, test, order) | {"sum to one": 1.0},
    attempt=_text_attempt,
    mistakes=mistakes.WITTEN_BELL,
    hints=(
        "Start with order 1, where the only context is the empty one: n is the length of the training text, k the "
        "number of different characters in it. Then let each longer context lean on the one before.",
        "For every context of 0 to order - 1 characters count what followed it in the training text. A dict of "
        "Counters does it: n is the sum of a Counter, k its length.",
        "p = 1 / (len(set(text_train)) + 1); then for length = 0, 1, ..., order - 1, as far as the test text "
        "reaches back: "
        "c = the last `length` characters, n and k from its Counter, and if n > 0, p = (count[s] + k * p) / (n + k). "
        "Add up -log2(p) and divide by the number of characters.",
    ),
)


FORECASTS = "ABCDE"


def _late(rng):
    """A random walk (140,), and five forecasts of its last 120 values, 0 to 4 days late, in an order by chance."""
    walk = 50 + np.cumsum(rng.normal(size=140))
    lags = [int(lag) for lag in rng.permutation(5)]
    made = {
        name: walk[20 - lag : 140 - lag] + 0.3 * rng.normal(size=120) for name, lag in zip(FORECASTS, lags, strict=True)
    }
    return {"actual": walk[20:], **made}, lags


def _late_truth():
    return _late(personal.generator("days_late", 0, 0))[1]


LATE_PARTS = ("on time", "one day late", "two days late or more")


def _late_key():
    lags = _late_truth()
    return mistakes.read_lags(lags)


def _late_attempt(answers, args, own):
    outcome = call(answers["days_late"], ())
    said = outcome.value
    if isinstance(said, Problem):
        return dict.fromkeys(LATE_PARTS, said), ()
    if said is None:
        return dict.fromkeys(LATE_PARTS, Problem("none", "the function returned None: print is not return.")), ()
    if not isinstance(said, dict) or not set(FORECASTS) <= set(said):
        got = ", ".join(map(str, said)) if isinstance(said, dict) else type(said).__name__
        problem = Problem("form", f"given {got}; expected a dict with A, B, C, D and E.")
        return dict.fromkeys(LATE_PARTS, problem), ()
    try:
        lags = [float(said[name]) for name in FORECASTS]
    except (TypeError, ValueError):
        return dict.fromkeys(LATE_PARTS, Problem("form", "a number of days that does not read as a number.")), ()
    if not all(lag in range(-4, 6) for lag in lags):  # the named misreadings lie within these
        told = "the days are whole numbers, 0 for the forecast on time and 4 for the latest."
        return dict.fromkeys(LATE_PARTS, Problem("form", told)), ()
    if len(set(lags)) < len(lags):
        told = "two forecasts are given the same number of days: here no two are equally late."
        return dict.fromkeys(LATE_PARTS, Problem("twice", told)), ()
    return mistakes.read_lags(lags), ()


DAYS_LATE = Question(
    name="days_late",
    parts=(
        Part("on time", 1, "a letter"),
        Part("one day late", 1, "a letter"),
        Part("two days late or more", 1, "three letters"),
    ),
    draws=lambda rng, yours: [Draw(())],
    key=_late_key,
    attempt=_late_attempt,
    mistakes=tuple(mistakes.days_late(_late_truth)),
    hints=(
        "Find the largest step of the true series in the picture. On which day does each forecast make it?",
        "A forecast that is j days late lies on the true series once you slide it j days to the *left*.",
        "For each forecast f and each j, compute the mean of (f[j:] - actual[:len(actual) - j])**2; the j with "
        "the least is how late it is.",
    ),
    yours=lambda rng: _late(rng)[0],
)


def _pipelines(rng):
    """For each part the pipelines that leak and the honest ones beside them, with numbers by chance: lists of pairs.

    pipeline(series, n_past) gives forecasts of series[n_past:], each one step ahead.
    """
    m, width, order = (int(rng.integers(*between)) for between in ((5, 9), (2, 4), (3, 6)))
    weight = float(rng.uniform(0.2, 0.6))

    def scaled(fit):
        """Shrinks the last value towards the mean of what `fit` has seen, in its scale."""

        def pipeline(series, n_past):
            centre, spread = fit(series, n_past)
            z = (series[n_past - 1 : -1] - centre) / spread
            return centre + spread * np.tanh((1 - weight) * z)

        return pipeline

    def moments(seen):
        return lambda series, n_past: (seen(series, n_past).mean(), seen(series, n_past).std())

    def end(extreme, seen):
        return lambda series, n_past: (extreme(seen(series, n_past)), series[:n_past].std())

    def everything(series, n_past):
        return series

    def past(series, n_past):
        return series[:n_past]

    def last_value(series, n_past):
        return series[n_past - 1 : -1].copy()

    def window_one_late(series, n_past):
        return (1 - weight) * series[n_past:] + weight * series[n_past - 1 : -1]

    def answer_as_feature(series, n_past):
        """A regression on the last value and on the step that is asked for, fitted on the past."""
        before, now = series[:-1], series[1:]
        X = np.column_stack([np.ones(len(before)), before, now - before])
        w, *_ = np.linalg.lstsq(X[: n_past - 1], now[: n_past - 1], rcond=None)
        return (X @ w)[n_past - 1 :]

    def season_before(series, n_past):
        return series[n_past - m : len(series) - m].copy()

    def smooth(series, t, after):
        return series[max(t - width, 0) : t + after].mean()

    def trailing(series, n_past):
        return np.array([smooth(series, t, 0) for t in range(n_past, len(series))])

    def centred(series, n_past):
        return np.array([smooth(series, t - 1, width + 1) for t in range(n_past, len(series))])

    def by_calendar(series, n_past):
        """The last value and the mean of the whole block of m steps that the step belongs to."""
        blocks = [series[m * (t // m) : m * (t // m) + m].mean() for t in range(n_past, len(series))]
        return (1 - weight) * series[n_past - 1 : -1] + weight * np.array(blocks)

    def by_calendar_before(series, n_past):
        starts = [m * (t // m) for t in range(n_past, len(series))]
        blocks = [series[max(start - m, 0) : start].mean() for start in starts]
        return (1 - weight) * series[n_past - 1 : -1] + weight * np.array(blocks)

    def autoregression(series, n_past):
        return forecasting.autoregression(series, order, n_past, n_past)

    def autoregression_on_all(series, n_past):
        return forecasting.autoregression(series, order, len(series), n_past)

    def nearest(series, n_past, train):
        X = np.lib.stride_tricks.sliding_window_view(series, order)[:-1]
        change = series[order:] - series[order - 1 : -1]
        asked = np.arange(n_past - order, len(X))
        known = train(len(X), n_past)
        distance = ((X[asked][:, None] - X[known]) ** 2).sum(axis=-1)
        three = np.argsort(distance, axis=1, kind="stable")[:, :3]
        return series[n_past - 1 : -1] + change[known[three]].mean(axis=1)

    def shuffled(series, n_past):
        """The three nearest windows of a training part that was drawn by chance from all windows."""
        chance = np.random.default_rng(m)
        return nearest(series, n_past, lambda M, n: np.sort(chance.permutation(M)[: M // 2]))

    def in_time(series, n_past):
        return nearest(series, n_past, lambda M, n: np.arange(n - order))

    def direction_known(series, n_past):
        """Tomorrow's direction, and nothing else of it."""
        step = np.abs(np.diff(series[:n_past])).mean()
        return series[n_past - 1 : -1] + weight * step * np.sign(np.diff(series[n_past - 1 :]))

    def late_leak(series, n_past):
        """Honest, but for the last forecast of all."""
        forecast = series[n_past - 1 : -1].copy()
        forecast[-1] = (1 - weight) * forecast[-1] + weight * series[-1]
        return forecast

    def refitted(series, n_past):
        """A mean of all the past, computed anew at every step."""
        return np.cumsum(series)[n_past - 1 : -1] / np.arange(n_past, len(series))

    def in_place(series, n_past):
        """Honest; it works in the array that it is handed."""
        series -= series[0]
        series *= 1 - weight
        return series[n_past - 1 : -1].copy()

    return {
        "a scale of the whole series": (
            [scaled(moments(everything)), scaled(end(np.min, everything)), scaled(end(np.max, everything))],
            [scaled(moments(past)), scaled(end(np.min, past)), scaled(end(np.max, past))],
        ),
        "the answer among the features": ([window_one_late, answer_as_feature], [last_value, season_before]),
        "smoothing from both sides": ([centred, by_calendar], [trailing, by_calendar_before]),
        "fitted on what is forecast": ([autoregression_on_all, shuffled], [autoregression, in_time]),
        "hard to see": ([direction_known, late_leak], [refitted, in_place]),
    }


LEAKS = {  # what is planted, and a question for whoever overlooks it
    "a scale of the whole series": "a mean, a deviation, the lowest or the highest value of the whole series is used. "
    "Does your change move all of these, wherever they stand?",
    "the answer among the features": "the value of a day is used for its own forecast. Do you change that day too, and "
    "compare its own forecast?",
    "smoothing from both sides": "a mean reaches some days beyond the one that is forecast. Do you try every day?",
    "fitted on what is forecast": "the training part holds days that are forecast. Do you change many days, and a lot?",
    "hard to see": "a single forecast leaks, or nothing but the direction of tomorrow's step does. Do you try every "
    "day, up to the last, and large changes?",
}


def _leak_draws(rng):
    def draw(early=None):
        """`early` finds what stands in the past: a lowest value that no rise of the future moves, or a highest one."""
        N, n_past = int(rng.integers(60, 75)), int(rng.integers(40, 46))
        while True:
            series = 30 + 3 * np.sin(2 * np.pi * np.arange(N) / 7) + np.cumsum(rng.normal(size=N))
            if early is None or early(series) < n_past:
                return Draw((series, n_past, int(rng.integers(2**31))))

    return [draw(np.argmin), draw(np.argmax), draw(), draw()]


def _leak_attempt(answers, args, own):
    series, n_past, seed = args
    found = {}
    for name, (leaking, honest) in _pipelines(np.random.default_rng(seed)).items():
        found[name] = 1.0
        for pipeline, leaks in [*((p, True) for p in leaking), *((p, False) for p in honest)]:
            value = call(lambda p=pipeline: answers["leak_test"](p, series.copy(), n_past), ()).value
            if isinstance(value, Problem):
                found[name] = value
                break
            if value is None:
                found[name] = Problem("none", "the function returned None: print is not return.")
                break
            value = value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value
            if not isinstance(value, bool):
                found[name] = Problem("form", f"given {type(value).__name__}; expected True or False.")
                break
            if value != leaks:
                if leaks:
                    found[name] = Problem("missed", f"a leak is not found: {LEAKS[name]}")
                else:
                    told = (
                        "an honest pipeline is accused. Are forecasts compared that may move, those of days behind the "
                        "first change? Or did the pipeline work in an array that you still use?"
                    )
                    found[name] = Problem("accused", told)
                break
    return found, ()


LEAK_TEST = Question(
    name="leak_test",
    parts=tuple(Part(name, 1, "verdicts") for name in LEAKS),
    draws=_leak_draws,
    key=lambda series, n_past, seed: dict.fromkeys(LEAKS, 1.0),
    attempt=_leak_attempt,
    hints=(
        "What may a forecast of day t not depend on? Then change exactly that, and look.",
        "Copy the series, change day t *and all that follow* a lot, and forecast again. Forecasts up to and with "
        "day t must be as before. "
        "What would a test of a single t overlook?",
        "For every t from n_past to N - 1: other = series.copy(); move other[t:] by large numbers of both signs "
        "that are not all the "
        "same, once up and once down; compare entries 0 to t - n_past of both forecasts. Any that moves is a "
        "leak. Hand "
        "each call a copy of its own, since a pipeline may work in the array that it is given.",
    ),
)


@cache
def _air():
    """CO2 (N,), the number of past months, and 12; a made series of the same shape where statsmodels is missing."""
    try:
        parts = split(co2.load().ppm)
    except (ImportError, ValueError):
        t, rng = np.arange(526), np.random.default_rng(12)
        noise = np.zeros(526)
        for i in range(1, 526):
            noise[i] = 0.8 * noise[i - 1] + 0.3 * rng.normal()
        made = 315 + 0.07 * t + 0.00008 * t**2 + 3 * np.sin(2 * np.pi * t / 12) + noise
        return made, 420, 12, False
    past = len(parts.train) + len(parts.validation)
    return np.concatenate([co2.fill(parts.train), parts.validation, parts.test]), past, 12, True


def _made(rng, n=360, K=120):
    """A series with a trend, a season and a noise that remembers a little, its past and its season."""
    m, N, w = int(rng.integers(5, 11)), n + K, rng.uniform(0.45, 0.55)
    t, noise = np.arange(N), rng.normal(size=N)
    for i in range(1, N):
        noise[i] += w * noise[i - 1]
    season = rng.normal(size=m)
    season = 6 * (season - season.mean()) / season.std()
    slope = rng.choice([-1, 1]) * rng.uniform(0.3, 0.6) / m  # less than the noise in a season, far more in the end
    return rng.uniform(40, 60) + slope * t + season[t % m] + noise, n, m


class _Rise:
    """What `report` is asked to report on: the value a season before, and the mean rise in a season of the past."""

    def __init__(self, m):
        self.m = m

    def fit(self, y_train):
        self.rise = np.mean(y_train[self.m :] - y_train[: -self.m])

    def predict(self, history):
        return history[-self.m] + self.rise


REMEMBERS, REFIT = "the same question, the same answer", "a second fit forgets the first"
CO2_BASE, CO2_NEAR = "CO2: below the three baselines", "CO2: near season and rise"
MADE_BASE, MADE_NEAR = "made series: below the three baselines", "made series: near an autoregression"
REPORT, REPORT_OWN = "report: three baselines", "report: own"
SECONDS = 5.0  # for a fit, and for the forecasts of a series
# Over 40 seeds season and rise were never below 1.20 of the line, one weight on seasonal differences never above 1.16.
NEAR_RISE, NEAR_AR = 1.15, 1.17


def _project_draws(rng):
    air, past, m, _ = _air()
    series = [_made(rng) for _ in range(8)]  # a mean over six separates good from fair, whatever the seed
    return [
        Draw(([(air, past, m)], "CO2"), seconds=SECONDS),
        Draw((series[:6], "made"), seconds=SECONDS),
        Draw((series[6:], "memory"), seconds=SECONDS),
        Draw((series[7:], ""), seconds=SECONDS),
    ]


def _project_key(tasks, about):
    wanted = {"CO2": (CO2_BASE, CO2_NEAR), "made": (MADE_BASE, MADE_NEAR), "memory": (REMEMBERS, REFIT), "": ()}[about]
    return dict.fromkeys(wanted, 1.0) | mistakes.reported(tasks, about)


def _fitted(make, y, n, m):
    """A Forecaster fitted on y[:n], or a Problem; and the arguments that it modified."""
    made = call(make, (m,)).value
    if isinstance(made, Problem):
        return made, ()
    outcome = call(lambda past: made.fit(past), (y[:n],), ("y_train",))
    return (_of(outcome.value, "fit") if isinstance(outcome.value, Problem) else made), outcome.modified


def _of(problem, method):
    """The Problem, with the name of the method whose time was up."""
    return problem._replace(text=f"{method} was {problem.text}") if problem.kind == "time" else problem


def _forecasts(model, y, n, order=None):
    """One forecast for each of y[n:], from what came before it, asked for in this order; or a Problem."""
    histories = [y[:t] for t in range(n, len(y))]
    order = list(range(len(histories))) if order is None else order
    asked = [histories[k] for k in order]
    outcome = call(lambda hs: [model.predict(h) for h in hs], (asked,), ("history",))
    if isinstance(outcome.value, Problem):
        return _of(outcome.value, "predict"), outcome.modified
    if any(value is None for value in outcome.value):
        return Problem("none", "predict returned None: print is not return."), outcome.modified
    arrays = [as_array(value) for value in outcome.value]
    if problem := next((array for array in arrays if isinstance(array, Problem)), None):
        return Problem("form", f"predict returned {problem.text}"), outcome.modified
    if any(array.size != 1 for array in arrays):
        return Problem("form", "predict returned an array; expected one number, the next value."), outcome.modified
    said = np.array([array.item() for array in arrays])
    if not np.isfinite(said).all():
        return Problem("nan", "predict returned NaN or infinity; expected a finite number."), outcome.modified
    return said[np.argsort(order)], outcome.modified


def _ratios(said, y, n, m):
    """The mean absolute error over that of the best of three baselines, of season and rise, of an autoregression."""
    rivals = {
        "three": [
            f(y, n, *more) for f, *more in ((forecasting.naive,), (forecasting.seasonal_naive, m), (forecasting.drift,))
        ],
        "rise": [forecasting.seasonal_naive_with_drift(y, n, m)],
        "AR": [forecasting.autoregression(y, 2 * m, n, n)],
    }
    own = np.mean(np.abs(y[n:] - said))
    return {name: own / min(np.mean(np.abs(y[n:] - f)) for f in found) for name, found in rivals.items()}


def _project_attempt(answers, args, own):
    tasks, about = args
    parts = {"CO2": (CO2_BASE, CO2_NEAR), "made": (MADE_BASE, MADE_NEAR), "memory": (REMEMBERS, REFIT), "": ()}[about]
    found, changed = {}, ()
    if about == "memory":
        found, changed = _memory(answers["Forecaster"], tasks)
    elif about:
        ratios = []
        for y, n, m in tasks:
            model, touched = _fitted(answers["Forecaster"], y, n, m)
            said, touched_too = (model, ()) if isinstance(model, Problem) else _forecasts(model, y, n)
            changed += touched + touched_too
            if isinstance(said, Problem):
                found = dict.fromkeys(parts, said)
                break
            ratios.append(_ratios(said, y, n, m))
        else:
            mean = {name: float(np.mean([ratio[name] for ratio in ratios])) for name in ratios[0]}
            found = dict(zip(parts, _judged(mean, about), strict=True))
    y, n, m = tasks[0]
    told, touched = _report(answers["report"], y, n, m)
    return found | told, tuple(dict.fromkeys(changed + touched))


def _times(ratio):
    return f"{ratio:.0%} of" if ratio < 2 else f"{ratio:.1f} times"


def _judged(ratio, about):
    """1.0 or a Problem for each of the two accuracy parts."""
    base = near = 1.0
    if ratio["three"] > 10:
        cause = " Is a scale or a difference not undone, or the wrong end of the history read?"
    elif ratio["three"] > 1.1:
        cause = " Does it know the season, and where in it the next value stands? Is a window one step off?"
    elif ratio["three"] > 0.9:
        cause = " Does it know both the season and the rise, and does it use the last true values?"
    elif about == "CO2":
        cause = " Does it lean on the last true values, or on a line or curve of the past that goes astray later?"
    else:
        cause = " Does it use the last true values, and what stood a whole season before them?"
    if not ratio["three"] < 0.9:
        said = "about as large as" if ratio["three"] < 1.1 else _times(ratio["three"])
        base = Problem("behind", f"its error is {said} that of the best of naive, seasonal and drift.{cause}")
    if about == "CO2" and not ratio["rise"] < NEAR_RISE:
        told = f"its error is {_times(ratio['rise'])} that of the value a year before and the rise since."
        near = Problem("not near", told + cause * (base == 1.0))
    if about == "made" and not ratio["AR"] < NEAR_AR:
        told = f"its error is {_times(ratio['AR'])} that of a straight line through the last two seasons."
        near = Problem("not near", told + cause * (base == 1.0))
    return base, near


def _memory(make, tasks):
    (y, n, m), (other, n_other, _) = tasks[0], tasks[1]
    model, changed = _fitted(make, y, n, m)
    if isinstance(model, Problem):
        return dict.fromkeys((REMEMBERS, REFIT), model), changed
    first, touched = _forecasts(model, y, n)
    if isinstance(first, Problem):  # at once: who waited for one that hangs need not wait for two more
        return dict.fromkeys((REMEMBERS, REFIT), first), changed + touched
    K = len(y) - n
    again, _ = _forecasts(model, y, n, list(np.random.default_rng(0).permutation(K)))
    outcome = call(lambda past: model.fit(past), (other[:n_other],), ("y_train",))
    outcome = call(lambda past: model.fit(past), (y[:n],), ("y_train",))
    second, _ = (outcome.value, ()) if isinstance(outcome.value, Problem) else _forecasts(model, y, n)
    found = {}
    for name, kind, later, told in (
        (
            REMEMBERS,
            "remembers",
            again,
            "the same histories in another order get other forecasts: predict may use the "
            "weights and its argument, and nothing that it keeps from call to call, nor chance.",
        ),
        (
            REFIT,
            "refit",
            second,
            "fitted on the same past for the second time, after another one, it forecasts otherwise: "
            "fit starts anew, and draws from a generator with a seed of its own.",
        ),
    ):
        problem = later if isinstance(later, Problem) else None
        same = problem is None and np.allclose(first, later, rtol=1e-6, atol=1e-6)
        found[name] = problem or (1.0 if same else Problem(kind, told))
    return found, changed + touched


def _report(function, y, n, m):
    outcome = call(lambda past, future: function(_Rise, past, future, m), (y[:n], y[n:]), ("y_train", "y_test"))
    said, names = outcome.value, ("naive", "seasonal", "drift", "own")
    if said is None:
        said = Problem("none", "report returned None: print is not return.")
    elif not isinstance(said, Problem) and not (isinstance(said, dict) and set(names) <= set(said)):
        got = ", ".join(map(str, said)) if isinstance(said, dict) else type(said).__name__
        said = Problem("form", f"report returned {got}; expected a dict with {', '.join(names)}.")
    if isinstance(said, Problem):
        return dict.fromkeys((REPORT, REPORT_OWN), said), outcome.modified
    errors = [as_array(said[name]) for name in names]
    if any(isinstance(error, Problem) or error.size != 1 for error in errors):
        problem = Problem("form", "an entry of the report does not read as a number.")
        return dict.fromkeys((REPORT, REPORT_OWN), problem), outcome.modified
    *rivals, own = (error.item() for error in errors)
    return {REPORT: np.array(rivals), REPORT_OWN: own}, outcome.modified


PROJECT = Question(
    name="project",
    parts=(
        Part(CO2_BASE, 2, "accuracy"),
        Part(CO2_NEAR, 2, "accuracy"),
        Part(MADE_BASE, 2, "accuracy"),
        Part(MADE_NEAR, 1, "accuracy"),
        Part(REMEMBERS, 1, "forecasts"),
        Part(REFIT, 1, "forecasts"),
        Part(REPORT, 1, "three numbers"),
        Part(REPORT_OWN, 1, "a number"),
        Part(UNCHANGED, 1),
    ),
    draws=_project_draws,
    key=_project_key,
    attempt=_project_attempt,
    mistakes=mistakes.PROJECT,
    hints=(
        "First let predict return history[-m], the seasonal naive forecast, and write `report`: now you have a "
        "frame, and a number to beat.",
        "What is hard in these series is the trend and the season. Take away the value m steps before, forecast "
        "what is "
        "left, and add the value back: history[-m] is known.",
        "z = y[m:] - y[:-m]. By np.linalg.lstsq fit z_t on a one and the last 2m values of z. predict forms z from its "
        "history, applies the weights to the last 2m of them, and adds history[-m].",
        "For `report`: make one y = the past and the test part joined; naive forecasts y[t - 1], seasonal y[t - "
        "m], drift y[t - 1] plus "
        "the mean step of y_train, and own is the class, made with m, fitted on y_train, asked with y[:t], for "
        "every test "
        "step t. All four errors are divided by the mean of |y_train[m:] - y_train[:-m]|.",
    ),
)


def _direction_draws(rng):
    def draw(n, K, before, after, skill, label=""):
        """The mean step is another one in the test part, so that what was frequent in training need not be there."""
        y = 50 + np.cumsum(rng.normal(size=n + K) + np.repeat([before, after], [n, K]))
        step = np.diff(y[n - 1 :])
        y_hat = y[n - 1 : -1] + skill * step + rng.normal(size=K)
        return Draw((y[:n], y[n:], y_hat), label)

    # As many rises as falls in training, and only rises in the test part.
    as_many = 50 + np.append(0, np.cumsum(rng.permutation([1, -1] * 12) * rng.uniform(0.5, 1.5, 24)))
    said = as_many[-1] + np.arange(8) + rng.normal(size=8)
    recipes = ((0.5, -0.5, 0.5), (-0.5, 0.5, 0.2), (0.4, 0.5, 0.0), (-0.4, -0.5, 1.0))
    return [
        *(draw(int(rng.integers(40, 60)), int(rng.integers(25, 45)), *recipe) for recipe in recipes),
        draw(45, 12, 0.4, 0.0, 99.0, "every direction right"),
        Draw((as_many, np.append(as_many[-1] + 1, as_many[-1] + 1 + np.cumsum(rng.uniform(0.5, 1.5, 7))), said)),
    ]


def _direction_key(y_train, y_test, y_hat):
    last = np.append(y_train[-1], y_test[:-1])
    right = np.sign(y_hat - last) == np.sign(y_test - last)
    low, high = forecasting.share_interval(right.sum(), len(right))
    up = np.mean(np.diff(y_train) > 0) >= 0.5
    always = np.mean((y_test > last) == up)
    return {"share": right.mean(), "low and high": np.array([low, high]), "always": always}


def _direction_attempt(answers, args, own):
    names = ("share", "low", "high", "always")
    got, changed = ask(answers["direction"], args, ("y_train", "y_test", "y_hat"), names)
    ends = [got["low"], got["high"]]
    problem = next((end for end in ends if isinstance(end, Problem)), None)
    try:
        both = problem or np.array([float(end) for end in ends])
    except (TypeError, ValueError):
        both = Problem("form", "low and high do not read as two numbers.")
    return {"share": got["share"], "low and high": both, "always": got["always"]}, changed


DIRECTION = Question(
    name="direction",
    parts=(Part("share", 1, "a number"), Part("low and high", 1, "two numbers"), Part("always", 1, "a number")),
    draws=_direction_draws,
    key=_direction_key,
    attempt=_direction_attempt,
    mistakes=mistakes.DIRECTION,
    hints=(
        "A direction is seen from the last value that was known: for the first test step that is y_train[-1].",
        "last = y_train[-1] followed by y_test[:-1]. Compare the sign of y_hat - last with that of y_test - last.",
        "The more frequent side in training is up if at least half of np.diff(y_train) is positive. `always` is "
        "the share "
        "of test steps that go to that side. For the interval put r = the number of right ones, n = len(y_test) "
        "and z = 1.959963984540054 into the formula.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question for question in (DIFFERENCE, SAMPLE, WITTEN_BELL, DAYS_LATE, LEAK_TEST, PROJECT, DIRECTION)
}
hint, yours = doors(QUESTIONS)


def difference(difference, undifference, seed=0):
    """Points for seasonal differences (N - m,) of a series, and the way back; prints the report."""
    return show(examine(DIFFERENCE, {"difference": difference, "undifference": undifference}, seed))


def sample(sample, seed=0):
    """Points for one draw from softmax(logits / temperature); prints the report."""
    return show(examine(SAMPLE, {"sample": sample}, seed))


def witten_bell(witten_bell, seed=0):
    """Points for the bits per character of a test text; prints the report."""
    return show(examine(WITTEN_BELL, {"witten_bell": witten_bell}, seed))


def days_late(days_late, seed=0):
    """Points for how late each of your five forecasts is; prints the report."""
    return show(examine(DAYS_LATE, {"days_late": days_late}, seed))


def leak_test(leak_test, seed=0):
    """Points for a test that tells pipelines with a leak from honest ones; prints the report."""
    return show(examine(LEAK_TEST, {"leak_test": leak_test}, seed))


def project(Forecaster, report, seed=0):
    """Points for a forecaster of series with trend and season, and for its report; prints the report."""
    if not _air()[-1]:
        print('No CO2 series here (pip install "lstmkit[data]"): a made series of the same shape takes its place.')
    return show(examine(PROJECT, {"Forecaster": Forecaster, "report": report}, seed))


def direction(direction, seed=0):
    """Points for the share of right directions, its interval and its baseline; prints the report."""
    return show(examine(DIRECTION, {"direction": direction}, seed))
