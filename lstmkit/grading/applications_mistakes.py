"""What comes out under the known mistakes of the assignment `applications`: its named wrong outcomes.

A text completes the sentence "this is what comes out when ...".  Reading the list is reading the solution.

N values, n of them past, m steps in a season; the arguments are those of the right values in
lstmkit/grading/applications.py.
"""

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from lstmkit import forecasting
from lstmkit.grading.formulas import evaluate, slip
from lstmkit.grading.question import Mistake


def _summed(d, first, add=lambda last, step: last + step):
    """Back from differences (K,): each added to the value a season before, (m + K,)."""
    values, m = [float(value) for value in first], len(first)
    for step in d:
        values.append(add(values[-m], step))
    return np.array(values)


DIFFERENCE_FORMULAS = {
    "difference": lambda v: v.x[v.m :] - v.x[: -v.m],
    "d": lambda v: v.x[v.m :] - v.x[: -v.m],  # what `undifference` is given, whatever became of the line above
    "first": lambda v: v.x[: v.m],
    "undifference": lambda v: _summed(v.d, v.first),
}


def _differences(x, m, **replaced):
    given = {"x": x.astype(np.float64), "m": m}
    return evaluate(DIFFERENCE_FORMULAS, given, ("difference", "undifference"), replaced)


_s = slip(_differences)
DIFFERENCE = (
    _s(
        "diff m times",
        "np.diff(x, n=m) differences m times in a row: take the value m steps before away, once",
        difference=lambda v: np.diff(v.x, n=v.m),
    ),
    _s(
        "m ignored",
        "`m` is not used, and each value is compared with the one before",
        difference=lambda v: np.diff(v.x),
    ),
    _s("sign", "the later value is taken away from the earlier one", difference=lambda v: v.x[: -v.m] - v.x[v.m :]),
    _s(
        "wrapped round",
        "the last values come round to the front, by np.roll or by an index below zero: the first m values have "
        "nothing to be compared with, leave them out",
        difference=lambda v: v.x - np.roll(v.x, v.m),
    ),
    _s(
        "zeros in front",
        "m zeros stand in front: the result has N - m entries",
        difference=lambda v: np.concatenate([np.zeros(v.m), v.x[v.m :] - v.x[: -v.m]]),
    ),
    _s(
        "first kept",
        "the first m values stand in front of the differences: the result has N - m entries",
        difference=lambda v: np.concatenate([v.x[: v.m], v.x[v.m :] - v.x[: -v.m]]),
    ),
    _s(
        "ratio",
        "the change is divided by the value before: it is a plain difference",
        difference=lambda v: v.x[v.m :] / v.x[: -v.m] - 1,
    ),
    _s(
        "cumulative sum",
        "the differences are summed one after the other, as for m = 1: each goes on from the value m steps before",
        undifference=lambda v: np.concatenate([v.first, v.first[-1] + np.cumsum(v.d)]),
    ),
    _s(
        "one season back",
        "the differences of every season are added to `first`: those of the second season go on from the first "
        "season's sums",
        undifference=lambda v: np.concatenate([v.first, v.d + np.resize(v.first, len(v.d))]),
    ),
    _s(
        "first left out",
        "the values of `first` are missing in front: the result has all N values",
        undifference=lambda v: _summed(v.d, v.first)[v.m :],
    ),
    _s(
        "first not added",
        "the differences are summed, but `first` is not added to them",
        undifference=lambda v: np.concatenate([v.first, _summed(v.d, 0 * v.first)[v.m :]]),
    ),
    _s(
        "sign on the way back",
        "the differences are taken away on the way back: add them",
        undifference=lambda v: _summed(v.d, v.first, add=lambda last, step: last - step),
    ),
)


def _softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


SAMPLE_FORMULAS = {
    "z": lambda v: v.logits / v.temperature,
    "p": lambda v: _softmax(v.z),
    "u": lambda v: v.rng.random(),
    "drawn": lambda v: min(int(np.searchsorted(np.cumsum(v.p), v.u, side="right")), len(v.p) - 1),
}


def sampled(logits, temperature, seed, times=25, fresh=False, **replaced):
    """`times` draws (times,) from softmax(logits / temperature), the likeliest place where that is 0."""
    if temperature == 0:
        return {"drawn": np.full(times, np.argmax(logits))}
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(times):
        given = {"logits": logits, "temperature": temperature, "rng": rng if not fresh else np.random.default_rng(0)}
        drawn.append(evaluate(SAMPLE_FORMULAS, given, ("drawn",), replaced)["drawn"])
    return {"drawn": np.array(drawn)}


_s = slip(sampled)
SAMPLE = (
    _s("temperature ignored", "the temperature is not used", z=lambda v: v.logits),
    _s(
        "times temperature",
        "the logits are multiplied by the temperature: divide them by it",
        z=lambda v: v.logits * v.temperature,
    ),
    _s(
        "temperature on probabilities",
        "the probabilities are divided by the temperature and made to add up to one again, which cancels: divide the "
        "logits",
        p=lambda v: _softmax(v.logits) / v.temperature / np.sum(_softmax(v.logits) / v.temperature),
    ),
    _s(
        "softmax twice",
        "the probabilities are divided by the temperature and put through a second softmax: divide the logits, "
        "and take one softmax",
        p=lambda v: _softmax(_softmax(v.logits) / v.temperature),
    ),
    _s("argmax", "the likeliest place is always taken: draw", drawn=lambda v: int(np.argmax(v.p))),
    _s(
        "from the other end",
        "the stretches are laid out from the last place to the first",
        drawn=lambda v: len(v.p) - 1 - int(np.searchsorted(np.cumsum(v.p[::-1]), v.u, side="right")),
    ),
    _s(
        "sorted first",
        "the probabilities are sorted before the draw: keep their order",
        drawn=lambda v: int(np.argsort(-v.p)[min(np.searchsorted(np.cumsum(np.sort(v.p)[::-1]), v.u), len(v.p) - 1)]),
    ),
    _s(
        "gumbel",
        "noise of the Gumbel kind is added and the largest taken: it has the same distribution, but the question "
        "asks for "
        "one rng.random() a call",
        drawn=lambda v: int(np.argmax(v.z + v.rng.gumbel(size=len(v.z)))),
        u=lambda v: 0,
    ),
    _s(
        "multinomial",
        "rng.multinomial draws: it has the same distribution, but the question asks for one rng.random() a call",
        drawn=lambda v: int(np.argmax(v.rng.multinomial(1, v.p))),
        u=lambda v: 0,
    ),
    _s(
        "all equally likely",
        "every place is equally likely: the stretches are as long as the probabilities",
        drawn=lambda v: int(v.u * len(v.p)),
    ),
    _s(
        "two numbers a call",
        "rng.random() is called twice: once a call",
        u=lambda v: (v.rng.random(), v.rng.random())[1],
    ),
    _s(
        "a generator of its own",
        "a generator with seed 0 is made in every call, so every call draws the same number: use the `rng` that "
        "is given",
        fresh=True,
    ),
    _s(
        "one too far",
        "the place behind the right one is returned",
        drawn=lambda v: min(int(np.searchsorted(np.cumsum(v.p), v.u)) + 1, len(v.p) - 1),
    ),
    _s(
        "powers of ten",
        "powers of ten are taken: the softmax takes powers of e",
        p=lambda v: _softmax(v.z * np.log(10)),
    ),
    _s(
        "powers of two", "powers of two are taken: the softmax takes powers of e", p=lambda v: _softmax(v.z * np.log(2))
    ),
)


def bits_per_character(
    train,
    test,
    order,
    *,
    mix=lambda count, n, k, shorter, symbols: (count + k * shorter) / (n + k),
    base=lambda symbols: 1 / (symbols + 1),
    longest=lambda order: order - 1,
    cost=lambda p: -np.log2(p),
    reduce=np.mean,
    before="",
    learns=False,
    followers=None,
    shortest=0,
):
    """Bits per character of a test text under an n-gram with the interpolation of Witten and Bell (1991).

    The same numbers as lstmkit.experiments.language.ngram_bits, which needs torch to be imported.
    """
    reach, symbols = longest(order), len(set(train))
    follow = followers(train, reach) if followers else _followers(train, reach)
    costs = []
    for t, s in enumerate(test):
        context = (before + test[:t])[-reach:] if reach else ""
        p = base(symbols)
        for length in range(shortest, len(context) + 1):
            counts = follow.get(context[len(context) - length :], Followers(Counter(), 0, 0))
            if counts.n:
                p = mix(counts.of[s], counts.n, counts.k, p, symbols)
        costs.append(cost(p))
        if learns:
            follow = _followers(train + test[: t + 1], reach)
    return {"bits": float(reduce(costs))}


class Followers(NamedTuple):
    """What followed a context in a text."""

    of: Counter  # how often each character did
    n: int  # how often anything did
    k: int  # how many different characters did


def _followers(text, reach):
    """{context: Followers} for all contexts of up to `reach` characters."""
    follow = defaultdict(Counter)
    for length in range(reach + 1):
        for t in range(length, len(text)):
            follow[text[t - length : t]][text[t]] += 1
    return {context: Followers(found, found.total(), len(found)) for context, found in follow.items()}


def _occurrences(text, reach):
    """The same, but n counts the context wherever it stands, at the very end too."""
    follow = _followers(text, reach)
    for context in {text[-length:] for length in range(1, reach + 1)} & follow.keys():
        follow[context] = follow[context]._replace(n=follow[context].n + 1)
    return follow


def _not_overlapping(text, reach):
    """Counts by str.count, which skips what overlaps."""

    def counted(context, found):
        of = Counter({s: text.count(context + s) for s in found.of})
        return found._replace(of=of, n=text.count(context) if context else len(text))

    return {context: counted(context, found) for context, found in _followers(text, reach).items()}


def _backed_off(count, n, k, shorter, symbols):
    return count / (n + k) if count else k / (n + k) * shorter


_s = slip(bits_per_character)
WITTEN_BELL = (
    _s("nats", "natural logarithms are taken: bits are logarithms to the base 2", cost=lambda p: -np.log(p)),
    _s("sum of bits", "the bits are added up: divide by the number of characters", reduce=np.sum),
    _s(
        "perplexity", "the perplexity is returned, 2 to the power of the bits", reduce=lambda costs: 2 ** np.mean(costs)
    ),
    _s("sign", "the sign is missing: bits are minus the logarithm", cost=lambda p: np.log2(p)),
    _s(
        "mean of probabilities",
        "the probabilities are averaged before the logarithm: average the logarithms",
        cost=lambda p: p,
        reduce=lambda ps: -np.log2(np.mean(ps)),
    ),
    _s(
        "context too long",
        "contexts of `order` characters are used: the longest has order - 1",
        longest=lambda order: order,
    ),
    _s(
        "no place for a new character",
        "p_0 is one over the size of the alphabet: one place more is kept for a new character",
        base=lambda symbols: 1 / symbols,
    ),
    _s(
        "no smoothing at the bottom",
        "p_0 is zero: the empty context leans on it too",
        base=lambda symbols: 0.0,
    ),
    _s(
        "add one",
        "1 takes the place of k, the number of different followers",
        mix=lambda count, n, k, shorter, symbols: (count + shorter) / (n + 1),
    ),
    _s(
        "alphabet for k",
        "the size of the alphabet takes the place of k, the number of different followers of this context",
        mix=lambda count, n, k, shorter, symbols: (count + symbols * shorter) / (n + symbols),
    ),
    _s(
        "weights exchanged",
        "the weights are exchanged: the longer context has n / (n + k)",
        mix=lambda count, n, k, shorter, symbols: (k * count / n + n * shorter) / (n + k),
    ),
    _s(
        "k not in the sum",
        "the denominator is n: it is n + k, or the probabilities add up to more than one",
        mix=lambda count, n, k, shorter, symbols: (count + k * shorter) / n,
    ),
    _s(
        "backed off",
        "the shorter context is asked only if the character was never seen here: it always has its share, k p / "
        "(n + k)",
        mix=_backed_off,
    ),
    _s(
        "only the longest",
        "only the longest context is used, and it leans on p_0: it leans on the next shorter one",
        mix=lambda count, n, k, shorter, symbols: (count + k / (symbols + 1)) / (n + k),
    ),
    _s(
        "the end counted",
        "n counts a context at the very end of the training text, behind which nothing came",
        followers=_occurrences,
    ),
    _s(
        "str.count",
        "text.count is used, which skips occurrences that overlap: 'aaa'.count('aa') is 1",
        followers=_not_overlapping,
    ),
    _s(
        "learns while it is tested",
        "the test text is counted as well, once it has been read: count the training text alone",
        learns=True,
    ),
    _s(
        "no empty context",
        "the empty context is left out: the shortest context has no character, and counts the text itself",
        shortest=1,
    ),
)


def _history_from_train(train, test, order):
    return bits_per_character(train, test, order, before=train[-max(order - 1, 1) :])


def _first_left_out(train, test, order):
    return bits_per_character(
        train, test, order, reduce=lambda costs: np.mean(costs[order - 1 :]) if len(costs) >= order else np.nan
    )


WITTEN_BELL = (
    *WITTEN_BELL,
    Mistake(
        "history from training",
        "the first test characters are given the end of the training text as their context: the test text starts anew",
        _history_from_train,
    ),
    Mistake(
        "first characters left out",
        "the first order - 1 characters of the test text are not counted: their contexts are shorter",
        _first_left_out,
    ),
)


def read_lags(lags):
    """The three parts of the reading from the days that A to E are late: places among the five."""
    place = {lag: k for k, lag in enumerate(lags)}
    late = [place.get(lag, -1) for lag in range(5)]
    return {"on time": late[0], "one day late": late[1], "two days late or more": np.array(late[2:])}


def days_late(truth):
    """Named misreadings of the five forecasts; truth() gives the days that A to E are late."""

    def read(change):
        return lambda: read_lags([change(lag) for lag in truth()])

    return (
        Mistake(
            "counted from one", "the forecast on time is called one day late: its number is 0", read(lambda j: j + 1)
        ),
        Mistake(
            "wrong way",
            "the numbers are negative, as if the forecasts were early: they come after the true series, so count "
            "upwards",
            read(lambda j: -j),
        ),
        Mistake(
            "order turned round",
            "the order is turned round: the latest forecast makes each step last",
            read(lambda j: 4 - j),
        ),
        Mistake(
            "copy taken for a forecast",
            "the copy of yesterday and the forecast on time are exchanged: only one of the two makes a large step on "
            "the same day",
            read(lambda j: {0: 1, 1: 0}.get(j, j)),
        ),
        Mistake("one day short", "each forecast is called a day less late than it is", read(lambda j: j - 1)),
        Mistake(
            "two and three exchanged",
            "the forecasts that are two and three days late are exchanged",
            read(lambda j: {2: 3, 3: 2}.get(j, j)),
        ),
        Mistake(
            "three and four exchanged",
            "the forecasts that are three and four days late are exchanged",
            read(lambda j: {4: 3, 3: 4}.get(j, j)),
        ),
    )


REPORT_FORMULAS = {
    "rise": lambda v: np.mean(v.past[v.m :] - v.past[: -v.m]),
    "y_hat": lambda v: {
        "naive": forecasting.naive(v.y, v.n),
        "seasonal": forecasting.seasonal_naive(v.y, v.n, v.m),
        "drift": forecasting.drift(v.y, v.n),
        "own": forecasting.seasonal_naive(v.y, v.n, v.m) + v.rise,
    },
    "error": lambda v: {name: np.abs(v.y[v.n :] - said).mean() for name, said in v.y_hat.items()},
    "scale": lambda v: np.abs(v.past[v.m :] - v.past[: -v.m]).mean(),
    "mase": lambda v: {name: error / v.scale for name, error in v.error.items()},
    "report: three baselines": lambda v: np.array([v.mase[name] for name in ("naive", "seasonal", "drift")]),
    "report: own": lambda v: v.mase["own"],
}


def reported(tasks, about, **replaced):
    """The right table of the forecaster `_Rise`: the three baselines (3,) and its own number."""
    y, n, m = tasks[0]
    parts = ("report: three baselines", "report: own")
    return evaluate(REPORT_FORMULAS, {"y": y, "n": n, "m": m, "past": y[:n]}, parts, replaced)


def _drift_each_step(v):
    t = np.arange(v.n, len(v.y))
    return v.y[t - 1] + (v.y[t - 1] - v.y[0]) / (t - 1)


def _far(v):
    """Forecasts of the whole test part from its beginning, in place of one step at a time."""
    j = np.arange(1, len(v.y) - v.n + 1)
    return {
        "naive": np.full(len(j), v.y[v.n - 1]),
        "seasonal": v.past[v.n - v.m + (j - 1) % v.m],
        "drift": v.y[v.n - 1] + j * (v.y[v.n - 1] - v.y[0]) / (v.n - 1),
    }


def _rmse_ratio(v):
    scale = np.sqrt(np.mean((v.past[v.m :] - v.past[: -v.m]) ** 2))
    return {name: forecasting.rmse(v.y[v.n :], said) / scale for name, said in v.y_hat.items()}


_s = slip(reported)
_right = REPORT_FORMULAS["y_hat"]
PROJECT = (
    _s("report not scaled", "the errors of the report are not divided by the scale", scale=lambda v: 1.0),
    _s(
        "report scaled by the test part",
        "the errors of the report are divided by the seasonal naive error on the test part: take the past",
        scale=lambda v: np.abs(v.y[v.n + v.m :] - v.y[v.n : -v.m]).mean(),
    ),
    _s(
        "report scaled by one step",
        "the errors of the report are divided by the naive error: take the value m steps before",
        scale=lambda v: np.abs(np.diff(v.past)).mean(),
    ),
    _s(
        "report in root mean squares", "root mean squares are reported: take means of absolute values", mase=_rmse_ratio
    ),
    _s(
        "report many steps ahead",
        "the baselines forecast the whole test part from its first day: each forecast is one step ahead, from "
        "true values",
        y_hat=lambda v: _right(v) | _far(v),
    ),
    _s(
        "report drift alone",
        "the drift is that of all values so far: it is fitted once, on y_train",
        y_hat=lambda v: _right(v) | {"drift": _drift_each_step(v)},
    ),
    _s(
        "report on the training part",
        "own is the error on the training part, which was fitted: report the test part",
        mase=lambda v: (
            {name: error / v.scale for name, error in v.error.items()}
            | {"own": np.abs(v.past[v.m :] - v.past[: -v.m] - v.rise).mean() / v.scale}
        ),
    ),
    _s(
        "report one day late",
        "own is asked with a history that holds the value to be forecast: hand it y[:t], without y[t]",
        y_hat=lambda v: _right(v) | {"own": v.y[v.n + 1 - v.m : len(v.y) + 1 - v.m] + v.rise},
    ),
    _s(
        "report fitted on everything",
        "own is fitted on the past and the test part together: fit it on y_train",
        rise=lambda v: np.mean(v.y[v.m :] - v.y[: -v.m]),
    ),
    _s(
        "report fitted on the test part",
        "own is fitted on the test part: fit it on y_train",
        rise=lambda v: np.mean(v.y[v.n + v.m :] - v.y[v.n : -v.m]),
    ),
)

DIRECTION_FORMULAS = {
    "before": lambda v: np.append(v.y_train[-1], v.y_test[:-1]),
    "from_": lambda v: v.before,
    "right": lambda v: np.sign(v.y_hat - v.from_) == np.sign(v.y_test - v.before),
    "share": lambda v: v.right.mean(),
    "low and high": lambda v: forecasting.share_interval(v.right.sum(), len(v.right)),
    "up": lambda v: np.mean(np.diff(v.y_train) > 0) >= 0.5,
    "always": lambda v: np.mean((v.y_test > v.before) == v.up),
}


def _directions(y_train, y_test, y_hat, **replaced):
    given = {"y_train": y_train, "y_test": y_test, "y_hat": y_hat}
    return evaluate(DIRECTION_FORMULAS, given, ("share", "low and high", "always"), replaced)


def _wald(v, z=1.959963984540054):
    share = v.right.mean()
    half = z * np.sqrt(share * (1 - share) / len(v.right))
    return np.array([share - half, share + half])


def _first_dropped(v):
    return np.sign(v.y_hat[1:] - v.y_test[:-1]) == np.sign(v.y_test[1:] - v.y_test[:-1])


_s = slip(_directions)
DIRECTION = (
    _s(
        "change of the forecast",
        "the forecast is compared with the forecast of the day before: compare it with the last true value",
        right=lambda v: np.sign(np.diff(v.y_hat)) == np.sign(np.diff(v.y_test)),
    ),
    _s(
        "seen from the forecast before",
        "the direction of the forecast is seen from the forecast before: it is seen from the last true value",
        right=lambda v: np.sign(v.y_hat - np.append(v.y_train[-1], v.y_hat[:-1])) == np.sign(v.y_test - v.before),
    ),
    _s(
        "ends exchanged",
        "low and high are exchanged",
        **{"low and high": lambda v: forecasting.share_interval(v.right.sum(), len(v.right))[::-1]},
    ),
    _s(
        "first step dropped",
        "the first test step is left out: it goes from y_train[-1] to y_test[0]",
        right=_first_dropped,
    ),
    _s("per cent", "the share is in per cent", share=lambda v: 100 * v.right.mean()),
    _s(
        "wrong ones counted",
        "the wrong directions are counted",
        right=lambda v: np.sign(v.y_hat - v.before) != np.sign(v.y_test - v.before),
    ),
    _s(
        "plain interval",
        "the plain interval is taken, share ± z times its deviation: Wilson's stays between 0 and 1, and is not empty "
        "where all are right",
        **{"low and high": _wald},
    ),
    _s(
        "a coin",
        "the baseline is a half: it is the share of the side that was more frequent in training",
        always=lambda v: 0.5,
    ),
    _s(
        "always up",
        "the baseline is always up: it is the side that was more frequent in training",
        always=lambda v: np.mean(v.y_test > v.before),
    ),
    _s(
        "side of the test part",
        "the more frequent side of the test part is taken, which nobody knows beforehand: take that of training",
        always=lambda v: max(np.mean(v.y_test > v.before), np.mean(v.y_test <= v.before)),
    ),
    _s(
        "share of training",
        "the share is that of training: the side is chosen there, and counted in the test part",
        always=lambda v: max(np.mean(np.diff(v.y_train) > 0), np.mean(np.diff(v.y_train) <= 0)),
    ),
)
