"""What comes out under the known mistakes of the assignment `conclusion`: its named wrong outcomes.

A mistake is written as the right formulas with one of them replaced.  A text completes the sentence "this is what comes
out when ...".  Reading the list is reading the solution.

N steps of a series, k steps in a window, n seeds; the arguments are those of the right values in
lstmkit/grading/conclusion.py.
"""

import numpy as np

from lstmkit.grading.formulas import evaluate, slip

SUPPORTED, UNDECIDED, REFUTED = 1.0, 0.0, -1.0

VERDICT_FORMULAS = {
    "n": lambda v: len(v.values),
    "middle": lambda v: np.mean(v.values),
    "deviation": lambda v: np.std(v.values, ddof=1) if v.n > 1 else np.inf,
    "reach": lambda v: v.t * v.deviation / np.sqrt(v.n),
    "lower": lambda v: v.middle - v.reach,
    "upper": lambda v: v.middle + v.reach,
    "interval": lambda v: np.array([v.lower, v.upper]),
    "inside": lambda v: lambda low, high: low <= v.lower and v.upper <= high,
    "outside": lambda v: lambda low, high: v.upper < low or v.lower > high,
    "words": lambda v: (SUPPORTED, UNDECIDED, REFUTED),
    "verdict": lambda v: np.array(
        [v.words[0] if v.inside(*claim) else v.words[2] if v.outside(*claim) else v.words[1] for claim in v.claims]
    ),
}


def interval_of(values, t):
    """lower and upper of the interval of the mean of values (n,)."""
    v = evaluate(VERDICT_FORMULAS, {"values": values, "t": t, "claims": []}, ("lower", "upper"), {})
    return v["lower"], v["upper"]


def judged(values, t, *bounds, **replaced):
    """The interval, two numbers, and the verdict on each claim, as 1, 0 or -1."""
    given = {"values": values, "t": t, "claims": list(zip(bounds[::2], bounds[1::2], strict=True))}
    return evaluate(VERDICT_FORMULAS, given, ("interval", "verdict"), replaced)


def _by_the_mean(v):
    return np.array([SUPPORTED if low <= v.middle <= high else REFUTED for low, high in v.claims])


def ends(*args, **replaced):
    """The interval alone: what the verdict makes of a wrong one is judged with ours in its place."""
    return {"interval": judged(*args, **replaced)["interval"]}


def words(*args, **replaced):
    """The verdicts alone."""
    return {"verdict": judged(*args, **replaced)["verdict"]}


_i, _v = slip(ends), slip(words)
VERDICT = (
    _i(
        "divided by n",
        "the deviation divides by n: of n values it divides by n - 1 (ddof=1)",
        deviation=lambda v: np.std(v.values) if v.n > 1 else np.inf,
    ),
    _i(
        "deviation of a value",
        "√n is missing: the interval is that of the mean, whose deviation is s / √n",
        reach=lambda v: v.t * v.deviation,
    ),
    _i("n for its root", "the deviation is divided by n: it is divided by √n", reach=lambda v: v.t * v.deviation / v.n),
    _i(
        "root of n - 1",
        "s is divided by √(n - 1): it is s / √n, with n - 1 inside s only",
        reach=lambda v: v.t * v.deviation / np.sqrt(max(v.n - 1, 1)),
    ),
    _i(
        "t not used",
        "t is not used: the interval has half the width t s / √n",
        reach=lambda v: v.deviation / np.sqrt(v.n),
    ),
    _i(
        "quantile of the normal",
        "the quantile of the normal distribution takes the place of t: so few values need the wider t",
        reach=lambda v: 1.96 * v.deviation / np.sqrt(v.n),
    ),
    _i(
        "half the width",
        "the interval reaches t s / (2 √n) to each side: it is t s / √n to each",
        reach=lambda v: v.t * v.deviation / np.sqrt(v.n) / 2,
    ),
    _i("median in the middle", "the median takes the place of the mean", middle=lambda v: np.median(v.values)),
    _i(
        "least and most",
        "the least and the most value are taken for the interval",
        lower=lambda v: np.min(v.values) if v.n > 1 else -np.inf,
        upper=lambda v: np.max(v.values) if v.n > 1 else np.inf,
    ),
    _i(
        "one value is certain",
        "a single value gives an interval of no width: nothing is known of its spread, so it is infinite",
        deviation=lambda v: np.std(v.values, ddof=1) if v.n > 1 else 0.0,
    ),
    _v("judged by the mean", "the mean alone decides: the whole interval has to", verdict=_by_the_mean),
    _v(
        "mean inside is enough",
        "a claim counts as supported where only the mean is inside: the whole interval has to be",
        inside=lambda v: lambda low, high: low <= v.middle <= high,
    ),
    _v(
        "overlap is enough",
        "a claim counts as supported where the interval touches it: the whole interval has to be inside",
        inside=lambda v: lambda low, high: not v.outside(low, high),
    ),
    _v(
        "never undecided",
        "what is not supported counts as refuted: refuted is an interval that lies outside as a whole",
        words=lambda v: (SUPPORTED, REFUTED, REFUTED),
    ),
    _v(
        "never refuted",
        "what is not supported counts as undecided: an interval outside as a whole refutes",
        words=lambda v: (SUPPORTED, UNDECIDED, UNDECIDED),
    ),
    _v("words exchanged", "supported and refuted are exchanged", words=lambda v: (REFUTED, UNDECIDED, SUPPORTED)),
    _v(
        "claim inside the interval",
        "a claim counts as supported where it lies inside the interval: it is the other way round",
        inside=lambda v: lambda low, high: v.lower <= low and high <= v.upper,
    ),
    _v(
        "lower bound only",
        "only the lower end is looked at for support: the upper one has to be inside too",
        inside=lambda v: lambda low, high: low <= v.lower and v.lower <= high,
    ),
    _v(
        "refuted on one side",
        "only an interval below the claim refutes: one above it does too",
        outside=lambda v: lambda low, high: v.upper < low,
    ),
    _v(
        "an end on the border",
        "an interval that touches the border of the claim counts as outside it: low and high belong to the claim",
        inside=lambda v: lambda low, high: low < v.lower and v.upper < high,
        outside=lambda v: lambda low, high: v.upper <= low or v.lower >= high,
    ),
    _v(
        "border not inside",
        "an interval that ends on low or high is not taken for inside: low and high belong to the claim",
        inside=lambda v: lambda low, high: low < v.lower and v.upper < high,
    ),
)

CONTESTANTS = ("LSTM", "line", "constant")
T_OF_SIX = 2.571

READING_FORMULAS = {
    "difference": lambda v: v.lstm - v.line,
    "worst": lambda v: np.max(v.difference),
    "reach": lambda v: T_OF_SIX * np.std(v.difference, ddof=1) / np.sqrt(len(v.lstm)),
    "middle": lambda v: np.mean(v.difference),
    "word": lambda v: SUPPORTED if v.middle + v.reach <= 0 else REFUTED if v.middle - v.reach > 0 else UNDECIDED,
    "left": lambda v: 1 - np.mean(v.lstm) / np.mean(v.constant),
    "without": lambda v: (np.sum(v.difference) - v.difference) / (len(v.difference) - 1),
    "nearest": lambda v: np.max(v.without) if v.middle < 0 else np.min(v.without),
    "stays": lambda v: (v.nearest < 0) == (v.middle < 0),
    "every seed": lambda v: np.array([v.worst < 0, v.worst], float),
    "on average": lambda v: np.array([v.word, v.middle]),
    "skill": lambda v: np.array([v.left >= v.goal, v.left], float),
    "one seed less": lambda v: np.array([v.stays, v.nearest], float),
}
SENTENCES = ("every seed", "on average", "skill", "one seed less")


def read(lstm, line, constant, goal, **replaced):
    """For each sentence a word, as a number, and the number that decides it."""
    given = {"lstm": lstm, "line": line, "constant": constant, "goal": goal}
    return evaluate(READING_FORMULAS, given, SENTENCES, replaced)


def distances(table):
    """How far each comparison of the sentences is from turning over."""
    arrays = {name: np.array(table[name]) for name in CONTESTANTS}
    names = ("difference", "without", "middle", "reach", "left")
    given = {"lstm": arrays["LSTM"], "line": arrays["line"], "constant": arrays["constant"], "goal": table["goal"]}
    v = evaluate(READING_FORMULAS, given, names, {})
    ends = v["middle"] - v["reach"], v["middle"] + v["reach"]
    return [*v["difference"], *v["without"], v["middle"], *ends, v["left"] - table["goal"]]


_s = slip(read)
READING = (
    _s(
        "best seed",
        "the seed is taken on which the LSTM is furthest ahead: the largest difference decides",
        worst=lambda v: np.min(v.difference),
    ),
    _s(
        "seeds counted",
        "the seeds are counted on which the LSTM is better: asked is the largest difference",
        **{"every seed": lambda v: np.array([v.worst < 0, np.sum(v.difference < 0)], float)},
    ),
    _s(
        "sign of the difference",
        "the difference is line - LSTM: take LSTM - line",
        **{"on average": lambda v: np.array([-v.word, -v.middle])},
    ),
    _s(
        "word of the interval",
        "the number is right and the word is not: it is for the interval of the six differences to decide, not for "
        "their mean alone, and not for two intervals side by side",
        **{
            "on average": lambda v: (
                np.array([SUPPORTED if v.middle < 0 else REFUTED, v.middle])
                if v.word == UNDECIDED
                else np.array([UNDECIDED, v.middle])
            )
        },
    ),
    _s(
        "mean of the shares",
        "the share is taken seed by seed and then averaged: it is one minus the ratio of the two means",
        left=lambda v: np.mean(1 - v.lstm / v.constant),
    ),
    _s(
        "share left",
        "the share of the error that is left is given: the skill is one minus it",
        skill=lambda v: np.array([1 - v.left >= v.goal, 1 - v.left], float),
    ),
    _s(
        "skill beside the line",
        "the skill is taken beside the line: the sentence is about the constant",
        left=lambda v: 1 - np.mean(v.lstm) / np.mean(v.line),
    ),
    _s(
        "skill in units of the line",
        "the skill is (constant - LSTM) / LSTM: divide by the constant's error",
        left=lambda v: np.mean(v.constant) / np.mean(v.lstm) - 1,
    ),
    _s(
        "seeds that turn it",
        "the seeds are counted that turn the order: asked is the mean difference that comes nearest to turning",
        **{"one seed less": lambda v: np.array([v.stays, np.sum(np.sign(v.without) != np.sign(v.middle))], float)},
    ),
    _s(
        "other end",
        "the mean difference is given that is furthest from turning: asked is the one that is nearest to it",
        **{
            "one seed less": lambda v: np.array(
                [v.stays, np.min(v.without) if v.middle < 0 else np.max(v.without)], float
            )
        },
    ),
    _s(
        "still divided by six",
        "the sum of the five that are left is divided by six",
        without=lambda v: (np.sum(v.difference) - v.difference) / len(v.difference),
    ),
    _s(
        "yes for no",
        "the number is right and the word is not: the order stays only if no seed turns it",
        **{"one seed less": lambda v: np.array([not v.stays, v.nearest], float)},
    ),
    _s(
        "every, or most",
        "the number is right and the word is not: even the largest difference must be below zero",
        **{"every seed": lambda v: np.array([v.worst >= 0, v.worst], float)},
    ),
    _s(
        "wrong side of the goal",
        "the number is right and the word is not: at least the goal means not below it",
        skill=lambda v: np.array([v.left < v.goal, v.left], float),
    ),
)


def _pairs(win, tie):
    """The mean over all pairs of a faulty and a sound step."""
    return lambda v: (win * (v.plus[:, None] > v.minus) + tie * (v.plus[:, None] == v.minus)).mean()


def _by_threshold(v):
    alarm = v.scores > np.median(v.scores)
    return np.mean(alarm == v.labels)


def _trapezia(v):
    """The area under the curve that goes through the steps one by one, ties in the order of the array."""
    order = np.argsort(-v.scores, kind="stable")
    hits, false = np.cumsum(v.labels[order]), np.cumsum(~v.labels[order])
    return np.sum(hits[~v.labels[order]]) / (hits[-1] * false[-1])


AUROC_FORMULAS = {
    "plus": lambda v: v.scores[v.labels],
    "minus": lambda v: v.scores[~v.labels],
    "area": _pairs(1, 0.5),
}


def area(scores, labels, **replaced):
    """The area under the curve, a number."""
    return evaluate(AUROC_FORMULAS, {"scores": scores, "labels": labels}, ("area",), replaced)


_s = slip(area)
AUROC = (
    _s("ties lost", "equal scores count nothing: a tie is worth one half", area=_pairs(1, 0)),
    _s("ties won", "equal scores count as won: a tie is worth one half", area=_pairs(1, 1)),
    _s(
        "turned round",
        "the area is turned round: count the pairs in which the faulty step is higher",
        area=lambda v: 1 - _pairs(1, 0.5)(v),
    ),
    _s(
        "never below one half",
        "an area below one half is turned round: a detector can be worse than chance, and the number has to say so",
        area=lambda v: max(_pairs(1, 0.5)(v), 1 - _pairs(1, 0.5)(v)),
    ),
    _s(
        "ties by their place",
        "the curve is walked through step by step, so that equal scores are ordered by their place: take them together",
        area=_trapezia,
    ),
    _s(
        "sum of the pairs",
        "the pairs are summed: divide by their number, n+ n-",
        area=lambda v: _pairs(1, 0.5)(v) * len(v.plus) * len(v.minus),
    ),
    _s(
        "divided by all pairs",
        "the sum is divided by N²: there are n+ n- pairs of a faulty and a sound step",
        area=lambda v: _pairs(1, 0.5)(v) * len(v.plus) * len(v.minus) / len(v.scores) ** 2,
    ),
    _s("gini", "2 area - 1 is returned", area=lambda v: 2 * _pairs(1, 0.5)(v) - 1),
    _s(
        "hits at a limit",
        "a limit at the median is set: the area needs no limit, it goes over all pairs",
        area=_by_threshold,
    ),
    _s("means compared", "the means of the two groups are compared", area=lambda v: np.mean(v.plus) - np.mean(v.minus)),
)

DISCORD_FORMULAS = {
    "mine": lambda v: np.lib.stride_tricks.sliding_window_view(v.x, v.k),
    "theirs": lambda v: np.lib.stride_tricks.sliding_window_view(v.normal, v.k),
    "gaps": lambda v: v.mine[:, None] - v.theirs,
    "distances": lambda v: np.sqrt(np.sum(v.gaps**2, axis=2)),
    "nearest": lambda v: v.distances.min(axis=1),
    "score": lambda v: np.concatenate([np.zeros(v.k - 1), v.nearest]),
}


def discord(x, normal, k, **replaced):
    """The score (N,) of each step."""
    return evaluate(DISCORD_FORMULAS, {"x": x, "normal": normal, "k": k}, ("score",), replaced)


def _standardised(windows):
    deviation = windows.std(axis=1, keepdims=True)
    return (windows - windows.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1)


_s = slip(discord)
DISCORD = (
    _s(
        "window ahead",
        "the window begins at t, so that the score knows what comes after: it ends at t",
        score=lambda v: np.concatenate([v.nearest, np.zeros(v.k - 1)]),
    ),
    _s(
        "window before t",
        "the window ends one step before t, so that x at t itself is not in it: it ends at t",
        score=lambda v: np.concatenate([np.zeros(v.k), v.nearest[:-1]]),
    ),
    _s(
        "window around t",
        "the window lies around t, as in the chapter, so that the score knows what comes after: here it ends at t",
        score=lambda v: np.pad(v.nearest, (v.k // 2, v.k - 1 - v.k // 2), mode="edge"),
    ),
    _s(
        "first steps repeated",
        "the first k - 1 steps repeat the first score: they are zero, since no window ends there",
        score=lambda v: np.concatenate([np.full(v.k - 1, v.nearest[0]), v.nearest]),
    ),
    _s("first steps left out", "the first k - 1 steps are left out: they score zero", score=lambda v: v.nearest),
    _s("not rooted", "the root is missing", nearest=lambda v: (v.distances**2).min(axis=1)),
    _s(
        "mean distance",
        "the mean distance is taken: take that to the nearest",
        nearest=lambda v: v.distances.mean(axis=1),
    ),
    _s("farthest", "the farthest window is taken: take the nearest", nearest=lambda v: v.distances.max(axis=1)),
    _s(
        "sum of sizes",
        "absolute differences are added: the distance is the root of a sum of squares",
        distances=lambda v: np.sum(np.abs(v.gaps), axis=2),
    ),
    _s(
        "mean square",
        "the squares are averaged over the window: they are added",
        distances=lambda v: np.sqrt(np.mean(v.gaps**2, axis=2)),
    ),
    _s("largest difference", "the largest difference is taken", distances=lambda v: np.max(np.abs(v.gaps), axis=2)),
    _s(
        "standardised windows",
        "each window is brought to mean 0 and deviation 1 first: then a wrong level cannot be seen",
        gaps=lambda v: _standardised(v.mine)[:, None] - _standardised(v.theirs),
    ),
    _s(
        "windows that do not overlap",
        "only every k-th window of `normal` is compared: a beat may begin anywhere",
        theirs=lambda v: np.lib.stride_tricks.sliding_window_view(v.normal, v.k)[:: v.k],
    ),
    _s(
        "last window left out",
        "the last window of `normal` is left out: a series of M steps has M - k + 1",
        theirs=lambda v: np.lib.stride_tricks.sliding_window_view(v.normal, v.k)[:-1],
    ),
)

ALARM_FORMULAS = {
    "true": lambda v: v.hit * v.base,
    "wrong": lambda v: v.false * (1 - v.base),
    "ratio": lambda v: v.true / (v.true + v.wrong) if v.true + v.wrong > 0 else 0.0,
    "precision": lambda v: v.ratio,
    "allowed": lambda v: int(v.a_day / v.steps * len(v.scores)),
    "limit": lambda v: np.sort(v.scores)[len(v.scores) - 1 - v.allowed],
}


def alarms(hit, false, base, scores, a_day, steps, **replaced):
    """The precision and the limit, a number each."""
    given = {"hit": hit, "false": false, "base": base, "scores": scores, "a_day": a_day, "steps": steps}
    return evaluate(ALARM_FORMULAS, given, ("precision", "limit"), replaced)


_s = slip(alarms)
ALARM_VALUE = (
    _s(
        "base rate ignored",
        "the base rate is not used: there are far more sound steps than faulty ones",
        true=lambda v: v.hit,
        wrong=lambda v: v.false,
    ),
    _s(
        "base rate on one side",
        "the false alarms are not weighed by the share of sound steps, 1 - base",
        wrong=lambda v: v.false,
    ),
    _s(
        "hits for precision",
        "the share of faulty steps that ring is returned: asked is the share of alarms that are true",
        ratio=lambda v: v.hit,
    ),
    _s(
        "false discoveries",
        "the share of alarms that are false is returned",
        precision=lambda v: 1 - v.ratio if v.true + v.wrong > 0 else 0.0,
    ),
    _s(
        "ratio of the rates",
        "hits are divided by false alarms",
        ratio=lambda v: v.true / v.wrong if v.wrong > 0 else 0.0,
    ),
    _s(
        "one alarm too many",
        "one score too many is above the limit",
        limit=lambda v: np.sort(v.scores)[max(len(v.scores) - 2 - v.allowed, 0)],
    ),
    _s(
        "one alarm too few",
        "the limit is one score too high: at most so many are above it, the limit itself is not",
        limit=lambda v: np.sort(v.scores)[min(len(v.scores) - v.allowed, len(v.scores) - 1)],
    ),
    _s(
        "interpolated",
        "the limit lies between two scores (np.quantile): it is one of the scores",
        limit=lambda v: np.quantile(v.scores, 1 - v.a_day / v.steps),
    ),
    _s(
        "from the lowest",
        "the limit is counted from the lowest score: alarms are above it, so count from the highest",
        limit=lambda v: np.sort(v.scores)[v.allowed],
    ),
    _s("alarms for a share", "a_day is not divided by the steps of a day", limit=lambda v: _uncounted(v)),
    _s("largest score", "the largest score is the limit, so nothing rings", limit=lambda v: np.max(v.scores)),
)


def _uncounted(v):
    return np.sort(v.scores)[max(len(v.scores) - 1 - int(v.a_day), 0)]
