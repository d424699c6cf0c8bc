"""The checks of the assignment `conclusion`: call one with your function, read the report, get the points.

    from lstmkit.grading import conclusion as check
    check.auroc(auroc)

N steps of a series, k steps in a window, n seeds.  Labels are true where a step is faulty.
A detector is judged on what it finds, beside its rival on the same series: `heart` and `machine` make them.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.grading import conclusion_mistakes as mistakes
from lstmkit.grading import guard
from lstmkit.grading.guard import Problem, call, impatient, stand_in, time_budget
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, as_array, ask, doors, examine, show, unpack
from lstmkit.tasks import heartbeat
from lstmkit.tasks import machine as wear

# The 97.5 % quantile of Student's t by the number of values, for intervals of 95 %.
T_QUANTILE = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}

# 1. interval, verdict: arguments values, t, *bounds, a low and a high for each claim.

WORDS = {"supported": 1.0, "undecided": 0.0, "refuted": -1.0}


def _verdict_draws(rng):
    def draw(n, label="", values=None, extra=()):
        values = rng.uniform(-3, 3) + rng.uniform(0.2, 2) * rng.normal(size=n) if values is None else values
        t = T_QUANTILE.get(n, 12.706)
        lower, upper = mistakes.interval_of(values, t)
        width = max(upper - lower, 0.1) if n > 1 else 1.0
        middle = values.mean()
        claims = [
            (middle - 0.7 * width, middle + 0.6 * width),  # all of the interval is inside
            (middle - 0.3 * width, middle + 0.9 * width),  # some
            (middle - 0.9 * width, middle + 0.3 * width),
            (middle + 0.2 * width, middle + 2.0 * width),  # some, and the mean is not
            (middle - 2.0 * width, middle - 0.2 * width),
            (middle - 0.1 * width, middle + 0.1 * width),  # the claim is narrower than the interval
            (middle + 0.7 * width, middle + 2.0 * width),  # none
            (middle - 2.0 * width, middle - 0.7 * width),
            (-np.inf, middle + 0.8 * width),  # open to one side
            (-np.inf, middle - 0.8 * width),
            (middle - 0.2 * width, np.inf),
            (middle + 0.8 * width, np.inf),
            *extra,
        ]
        return Draw((values, t, *np.array(claims)[rng.permutation(len(claims))].ravel()), label)

    equal = np.full(5, float(rng.integers(2, 9)) / 8)
    at = equal[0]
    return [
        *(draw(int(n)) for n in rng.choice(np.arange(3, 11), 4, replace=False)),
        draw(2, "two seeds"),
        draw(1, "one seed"),
        draw(5, "equal values", equal, [(at, at + 1), (at - 1, at), (at, at), (at + 1e-3, at + 1)]),
    ]


def _claims(bounds):
    return list(zip(bounds[::2], bounds[1::2], strict=True))


def _listing(function):
    """The function, but an array of two numbers that it returns is a list of them."""

    def listed(*args):
        value = function(*args)
        return list(value) if isinstance(value, np.ndarray) and value.ndim == 1 else value

    return listed if callable(function) else function


def _verdict_attempt(answers, args, own):
    values, t, *bounds = args
    ends, changed = ask(_listing(answers["interval"]), (values, t), ("values", "t"), ("lower", "upper"))
    ends = {name: as_array(value) for name, value in ends.items()}
    problem = next((end for end in ends.values() if isinstance(end, Problem)), None)
    if problem is None and any(end.shape != () for end in ends.values()):
        problem = Problem("form", "interval returned arrays; expected two numbers, lower and upper.")
    if problem is None and len(values) == 1 and any(np.isnan(end) for end in ends.values()):
        problem = Problem("NaN for one value", "one value comes out as NaN: its interval is (-infinity, infinity).")
    found = []
    for low, high in _claims(bounds):
        outcome = call(answers["verdict"], (values, float(low), float(high), t), ("values",))
        changed += outcome.modified
        if outcome.value is None or isinstance(outcome.value, Problem):
            found = unpack(outcome, ("verdict",))["verdict"]
            break
        if not isinstance(outcome.value, str) or outcome.value not in WORDS:
            given = repr(outcome.value)[:40]
            found = Problem("form", f"returned {given}; expected one of the words {', '.join(WORDS)}.")
            break
        found.append(WORDS[outcome.value])
    return {"interval": problem or np.array(list(ends.values())), "verdict": found}, tuple(dict.fromkeys(changed))


def _verdict_key(values, t, *bounds):
    return mistakes.judged(values, t, *bounds)


VERDICT = Question(
    name="verdict",
    parts=(Part("interval", 1, "two numbers"), Part("verdict", 2, "a word for each claim"), Part(UNCHANGED, 1)),
    draws=_verdict_draws,
    key=_verdict_key,
    attempt=_verdict_attempt,
    mistakes=mistakes.VERDICT,
    stand_ins={"interval": lambda values, t: mistakes.interval_of(np.asarray(values), t)},
    hints=(
        "Draw the interval and the claim as two bars on one line. Which of the three ways can they lie?",
        "The deviation of n values divides by n - 1 (ddof=1), that of their mean by √n once more. One value has no "
        "deviation: its interval reaches from -infinity to infinity.",
        "lower, upper = mean ∓ t s / √n. Supported: low <= lower and upper <= high. Refuted: upper < low or "
        "lower > high. Else undecided.",
    ),
)

# 2. reading: a table of errors, made for each student.

TOLD = {"yes": 1.0, "no": 0.0} | WORDS
SEEDS = 6
# The lead of the LSTM over the line, and by how much one odd seed is worse: every word is the right one for somebody.
LEADS = (0.2, 0.25), (0.05, 0.6), (-0.04, 0), (-0.12, 0), (-0.12, -0.9), (0.12, 0.9), (0.2, 0), (0.12, 0.1), (0.05, 0)


def _reading_yours(rng):
    """Errors of three contestants over SEEDS seeds, drawn again until no sentence hangs on a hair."""
    while True:
        constant, line = rng.uniform(2.0, 3.0), rng.uniform(1.0, 1.4)
        lead, odd = rng.choice(LEADS)
        shared = 0.1 * rng.normal(size=SEEDS)  # a hard series is hard for all
        table = {
            "constant": constant + shared + 0.05 * rng.normal(size=SEEDS),
            "line": line + shared + 0.03 * rng.normal(size=SEEDS),
            "LSTM": line - lead + odd * (rng.permutation(SEEDS) == 0) + shared + 0.07 * rng.normal(size=SEEDS),
        }
        table = {name: [round(float(error), 3) for error in errors] for name, errors in table.items()}
        table["goal"] = int(rng.integers(45, 65)) / 100
        if all(abs(distance) > 0.004 for distance in mistakes.distances(table)):
            return table


def _reading_attempt(answers, args, own):
    names = tuple(mistakes.read(*args))
    outcome = call(answers["reading"], ())
    if outcome.value is None or isinstance(outcome.value, Problem):
        return unpack(outcome, names), ()
    told = outcome.value
    if not isinstance(told, dict):
        expected = ", ".join(names)
        return dict.fromkeys(names, Problem("form", f"expected a dict with the keys {expected}.")), ()
    missing = Problem("form", "the dict has no such key.")
    return {
        name: _told(told[name], want) if name in told else missing for name, want in mistakes.read(*args).items()
    }, ()


def _told(answer, want):
    """A word and a number as two numbers; a number typed with three digits counts as the whole one."""
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    word = answer[0].strip().lower() if pair and isinstance(answer[0], str) else None
    if word not in TOLD:
        return Problem("form", f"expected a pair of a word and a number; the words are {', '.join(TOLD)}.")
    number = as_array(answer[1])
    if isinstance(number, Problem) or number.size != 1:
        return Problem("form", "the second of the pair should be a single number.")
    number = float(number.reshape(()))
    return np.array([TOLD[word], want[1] if abs(number - want[1]) < 6e-4 else number])


READING = Question(
    name="reading",
    parts=(
        Part("every seed", 1, "a word and a number"),
        Part("on average", 1, "a word and a number"),
        Part("skill", 1, "a word and a number"),
        Part("one seed less", 1, "a word and a number"),
    ),
    draws=lambda rng, yours: [Draw((*(np.array(yours[name]) for name in mistakes.CONTESTANTS), yours["goal"]))],
    key=mistakes.read,
    attempt=_reading_attempt,
    mistakes=mistakes.READING,
    yours=_reading_yours,
    hints=(
        "Make three arrays of the three lists. Errors: lower is better.",
        "The contestants ran on the same six series, so take the differences seed by seed, LSTM - line, before "
        "anything else. The largest of them decides on every seed, their mean and its interval on average.",
        "The skill is 1 - (mean error of the LSTM) / (mean error of the constant). For the last sentence leave out one "
        "seed at a time and take the mean of the other five differences: if the mean of all six is below zero, the "
        "largest of these six means comes nearest to turning, else the smallest.",
    ),
)

# 3. auroc

MANY = "many steps"


def _auroc_draws(rng):
    def draw(N, levels, label="", kind="ordinary", seconds=None, share=0.3, lift=1):
        labels = rng.permutation(np.arange(N) < max(1, int(share * N)))
        scores = (
            rng.integers(0, levels, N) / 4 + lift * labels * rng.uniform(0.2, 0.8) if levels else rng.normal(size=N)
        )
        return Draw((np.round(scores * 4) / 4 if levels else scores, labels), label, kind, seconds)

    return [
        *(draw(int(rng.integers(20, 60)), int(rng.integers(6, 12)), share=rng.uniform(0.15, 0.35)) for _ in range(3)),
        draw(int(rng.integers(20, 60)), 0, share=0.25),
        draw(30, 5, "one faulty step", share=0.04),
        draw(40, 8, "faulty steps that score low", lift=-1),
        Draw((np.zeros(20), np.arange(20) < 6), "equal scores"),
        draw(12_000, 40, "a long series", MANY, 2.0),
    ]


def _area(scores, labels):
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]  # from 1; those that are equal share their mean
    n = labels.sum()
    return (rank[labels].sum() - n * (n + 1) / 2) / (n * (len(scores) - n))


AUROC = Question(
    name="auroc",
    parts=(Part("area", 2, "a number"), Part(MANY, 1, on=MANY)),
    draws=_auroc_draws,
    key=lambda scores, labels: {"area": _area(scores, labels)},
    attempt=lambda answers, args, own: ask(answers["auroc"], args, ("scores", "labels"), ("area",)),
    mistakes=mistakes.AUROC,
    hints=(
        "Take one faulty step and one sound step. Who wins, and what is a draw worth?",
        "scores[labels][:, None] > scores[~labels] compares all pairs at once. Equal pairs count one half.",
        "The mean over all pairs of (faulty > sound) + (faulty == sound) / 2. For a long series sort once instead of "
        "looping: np.searchsorted of the sorted sound scores, left and right, tells wins and ties of each faulty step.",
    ),
)

# 4. nearest_neighbour_discord: arguments x, normal, k.

KNOWN = "known windows"


def _discord_draws(rng):
    def draw(k, label="", dtype=np.float64, N=None):
        N, M = N or int(rng.integers(20, 35)), int(rng.integers(36, 50))
        x, normal = rng.normal(size=N), rng.normal(size=M)
        if 2 * k <= N:  # the first and the last normal window are the nearest of some window
            x[:k], x[-k:] = normal[:k] + 0.1 * rng.normal(size=k), normal[-k:] + 0.1 * rng.normal(size=k)
        return Draw((x.astype(dtype), normal.astype(dtype), k), label)

    ks = rng.permutation([3, 5, 6, 7])
    normal = rng.normal(size=300)
    return [
        *(draw(int(k)) for k in ks),
        draw(1, "windows of one step"),
        draw(int(ks[0]), "a single window", N=int(ks[0])),
        draw(int(ks[1]), "float32", np.float32),
        Draw((30 + normal[20:220], 30 + normal, 24), "a piece of the sound series itself", KNOWN),
    ]


def _discord(x, normal, k):
    level = np.mean(normal, dtype=float)  # distances do not depend on it, their last digits do
    centred = heartbeat.discord(x - level, normal - level, k)
    nearest = centred[k // 2 : k // 2 + len(x) - k + 1]
    return np.concatenate([np.zeros(k - 1), np.where(nearest < 1e-6, 0, nearest)])


def _discord_attempt(answers, args, own):
    values, changed = ask(answers["nearest_neighbour_discord"], args, ("x", "normal", "k"), ("score",))
    score = as_array(values["score"])
    if not isinstance(score, Problem) and score.shape == args[0].shape and not np.isfinite(score[: args[2] - 1]).all():
        return {"score": Problem("first steps", "the first k - 1 steps are not finite: their score is 0.")}, changed
    if not isinstance(score, Problem) and np.isnan(score).any():
        why = "NaN among the scores: a root of less than zero? Rounding can bring a sum of squares there."
        return {"score": Problem(KNOWN, why)}, changed
    return values, changed


NEAREST_NEIGHBOUR_DISCORD = Question(
    name="nearest_neighbour_discord",
    parts=(Part("score", 1, "(N,)"), Part(KNOWN, 1, on=KNOWN), Part(UNCHANGED, 1)),
    draws=_discord_draws,
    key=lambda x, normal, k: {"score": _discord(x, normal, k)},
    attempt=_discord_attempt,
    mistakes=mistakes.DISCORD,
    hints=(
        "np.lib.stride_tricks.sliding_window_view(x, k) has a row for each window; row j ends at step j + k - 1.",
        "For each window of x the distance to every window of normal, and of these the smallest. A loop over the "
        "windows of x is quick enough.",
        "np.sqrt(((normal_windows - window) ** 2).sum(axis=1)).min() for each window of x, behind k - 1 zeros. Whoever "
        "multiplies the square out must not take the root of a negative number: np.maximum(squared, 0).",
    ),
)

# 5. Detector: arguments a list of series for each task, and what to check causality with.

K = 32  # steps in a window of the rival
SKIP = 80  # the first steps of a series are not judged
NEAR, AHEAD, WELL_AHEAD = 0.05, 0.02, 0.04
TASKS = {"heart": "the hearts", "machine": "the machines"}
DETECTOR_PARTS = (
    Part("near the rival", 1, "two areas"),
    Part("ahead of it", 2, "two areas"),
    Part("well ahead of it", 1, "two areas"),
    Part("causal", 1, "scores"),
    Part("repeatable", 1, "scores"),
)


class Series(NamedTuple):
    """What a detector learns from, what it is asked about, and the answers."""

    normal: np.ndarray  # (M,), nothing faulty
    x: np.ndarray  # (N,)
    faulty: np.ndarray  # (N,), true where a step is faulty


def heart(rng, beat=64):
    """A Series of heartbeats, some `beat` steps each; faulty beats come early, are missed, inverted or noisy."""
    normal = heartbeat.batch(rng, 2000, 1, 0, beat)[0][:, 0, 0]
    x, kinds = heartbeat.batch(rng, 3000, 1, 12, beat)
    return Series(normal, x[:, 0, 0], kinds[:, 0] > 0)


def machine(rng, count=5):
    """A Series of vibrations: machine after machine runs until it fails; faulty is what comes behind wear 0.8."""
    lives = wear.lives(rng, 8 + count)
    reading = [lives.x[:length, b, 2] for b, length in enumerate(lives.lengths)]
    worn = [lives.wear[:length, b] for b, length in enumerate(lives.lengths)]
    normal = np.concatenate([line[hidden < 0.5] for line, hidden in zip(reading[:8], worn[:8], strict=True)])
    return Series(normal, np.concatenate(reading[8:]), np.concatenate(worn[8:]) > 0.8)


def _detector_draws(rng):
    hearts = [heart(rng, int(beat)) for beat in rng.choice(np.arange(50, 71, 2), 4, replace=False)]
    machines = [machine(rng) for _ in range(4)]
    return [Draw((hearts, machines, rng.uniform(0.25, 0.5), rng.normal(size=9000)))]


def _detector_attempt(answers, args, own):
    hearts, machines, share, noise = args
    Detector = answers["Detector"]
    parts = [part.name for part in DETECTOR_PARTS]
    if not callable(Detector):
        return ask(Detector, (), (), parts)[0], ()

    def fresh(normal, *series):
        """The scores of a new detector for one or more series, one after the other."""
        detector = Detector()
        helpers = {} if own else {"nearest_neighbour_discord": _discord}
        with stand_in(getattr(detector, "score", None), helpers):
            detector.fit(normal)
            return [detector.score(x.copy()) for x in series]

    fresh = impatient(fresh)
    areas = {}  # of each task the detector's, and the rival's
    for task, several in zip(TASKS, (hearts, machines), strict=True):
        found = []
        for normal, x, faulty in several:
            (scores,) = _scores(fresh, normal, x)
            if not isinstance(scores, Problem) and np.ptp(scores) == 0:
                scores = Problem("constant", "every step has the same score, so nothing is said.")
            if isinstance(scores, Problem):
                return dict.fromkeys(parts, scores), ()
            pair = scores, _discord(x, normal, K)
            found.append([_area(each[SKIP:], faulty[SKIP:]) for each in pair])
        areas[task] = np.mean(found, axis=0)
    causal, repeatable = [], []
    for normal, x, _ in (hearts[0], machines[0]):
        cut = int(share * len(x))
        changed = np.concatenate([x[:cut], x[cut:] + noise[: len(x) - cut]])
        first, second = _scores(fresh, normal, x, x)
        (anew,) = _scores(fresh, normal, x)
        (other,) = _scores(fresh, normal, changed)
        causal.append(_judge_causal(first, anew, other, cut))
        repeatable.append(_judge_repeats(first, second, anew))
    causal, repeatable = (
        next((judged for judged in both if isinstance(judged, Problem)), 1.0) for both in (causal, repeatable)
    )
    near = _judge_near(areas)
    return dict(
        zip(
            parts,
            (
                near,
                _judge_ahead(areas, near, causal, AHEAD),
                _judge_ahead(areas, near, causal, WELL_AHEAD),
                causal,
                repeatable,
            ),
            strict=True,
        )
    ), ()


def _scores(fresh, normal, *series):
    """For each series its scores (N,), or a Problem."""
    with time_budget(guard.SECONDS * len(series)):
        outcome = call(fresh, (normal, *series))
    if isinstance(outcome.value, Problem) and outcome.value.kind == "time":
        return [Problem("time", "it takes too long: fit and score have ten seconds for a series.")] * len(series)
    if isinstance(outcome.value, Problem):
        return [outcome.value] * len(series)
    found = []
    for value, x in zip(outcome.value, series, strict=True):
        scores = Problem("none", "score returned None: print is not return.") if value is None else as_array(value)
        if not isinstance(scores, Problem) and scores.shape != x.shape:
            scores = Problem("shape", f"score returned the shape {scores.shape}, expected (N,) = {x.shape}.")
        elif not isinstance(scores, Problem) and not np.isfinite(scores).all():
            scores = Problem("nan", "some scores are not finite: a step that cannot be judged yet gets 0, say.")
        found.append(scores)
    return found


def _judge_near(areas):
    far = [task for task, (own, rival) in areas.items() if own < rival - NEAR]
    if not far:
        return 1.0
    if max(own for own, _ in areas.values()) < 0.5:
        return Problem("turned round", f"{_told_areas(areas, far)} Below 50 % on both: is a high score a fault?")
    kind = "far on both" if len(far) == 2 else f"far on {TASKS[far[0]]}"
    return Problem(kind, f"{_told_areas(areas, far)} More than {100 * NEAR:g} points behind is too far.")


def _judge_ahead(areas, near, causal, lead):
    if isinstance(near, Problem):
        return Problem(near.kind, "counts only for a detector that is near the rival on both tasks.")
    if isinstance(causal, Problem):
        return Problem(causal.kind, "counts only for a detector that is causal.")
    gains = {task: own - rival for task, (own, rival) in areas.items()}
    if max(gains.values()) >= lead:
        return 1.0
    if max(map(abs, gains.values())) < 1e-6:
        return Problem("the rival itself", "the areas are those of the rival: it is the one to be beaten.")
    return Problem(f"not {lead} ahead", f"{_told_areas(areas, TASKS)} Neither is {100 * lead:g} points ahead.")


def _told_areas(areas, tasks):
    """In hundredths, what was measured."""
    said = (
        f"on {TASKS[task]} the area is {100 * own:.1f} %, the rival's {100 * rival:.1f} %"
        for task, (own, rival) in areas.items()
        if task in tasks
    )
    return "; ".join(said) + "."


def _judge_causal(first, anew, other, cut):
    for scores in (first, anew, other):
        if isinstance(scores, Problem):
            return scores
    if not np.allclose(first, anew):
        return Problem("not repeatable", "cannot be judged while the same series gets different scores.")
    if not np.allclose(first[:cut], other[:cut], rtol=1e-6, atol=1e-9):
        return Problem(
            "looks ahead",
            "an earlier score changes when only later values of x do: a window around t, or a mean over all of x, "
            "knows the future.",
        )
    if np.allclose(first, other):
        return Problem("constant", "the scores do not depend on x at all.")
    return 1.0


def _judge_repeats(first, second, anew):
    for scores in (first, second, anew):
        if isinstance(scores, Problem):
            return scores
    if not np.allclose(first, anew):
        return Problem(
            "not repeatable", "two detectors that learned from the same series disagree: seed the generator."
        )
    if not np.allclose(first, second):
        return Problem(
            "state kept", "the second call of score differs from the first: it keeps something of the first."
        )
    return 1.0


DETECTOR = Question(
    name="detector",
    parts=DETECTOR_PARTS,
    draws=_detector_draws,
    key=lambda *args: {part.name: 1.0 for part in DETECTOR_PARTS},
    attempt=_detector_attempt,
    stand_ins={"nearest_neighbour_discord": _discord},
    hints=(
        "Begin with the rival as the score, and look where it is weak. Draw x, the faulty steps and the score in "
        "one picture, for both tasks.",
        "A window of 32 steps of noise is far from every other such window, so on the machines the rival hardly "
        "sees that the level has risen. A running mean of x, compared with the mean of `normal`, sees that best.",
        "The two scores have different units. Say of each how many deviations it is above what it does on sound steps "
        "that it was not fitted on: keep a half of `normal` for that.",
        "distance = discord(x, normal, 32); level = |running mean of x - mean of normal|, running: v += (x_t - v) / 6. "
        "Bring both to mean 0 and deviation 1 on sound steps, tame large ones with np.arcsinh, and add them.",
    ),
)

# Extra: precision, alarm_limit. Arguments hit, false, base, scores, a_day, steps.

SILENCE = "no alarm at all"


def _alarm_draws(rng):
    def draw(label="", kind="ordinary", levels=None, a_day=None, **rates):
        """hit, false, base, and scores of sound steps, some of them equal if there are `levels` only."""
        N = int(rng.integers(200, 400))
        drawn = {"hit": rng.uniform(0.5, 1), "false": rng.uniform(0.01, 0.3), "base": rng.uniform(0.001, 0.05)} | rates
        scores = rng.integers(0, levels, N) / 8 if levels else rng.normal(size=N)
        return Draw((*drawn.values(), scores, rng.uniform(30, 300) if a_day is None else a_day, 1440), label, kind)

    return [
        *(draw() for _ in range(4)),
        draw("scores with ties", levels=40),
        draw("no false alarm allowed", a_day=0.5, false=0.0),
        draw(SILENCE, SILENCE, hit=0.0, false=0.0),
    ]


ALARM_VALUE = Question(
    name="alarm_value",
    parts=(
        Part("precision", 1, "a number"),
        Part("limit", 1, "a number"),
        Part(SILENCE, 1, on=SILENCE, of=("precision",)),
    ),
    draws=_alarm_draws,
    key=lambda *args: mistakes.alarms(*args),
    attempt=lambda answers, args, own: (
        ask(answers["precision"], args[:3], (), ("precision",))[0]
        | ask(answers["alarm_limit"], args[3:], ("scores",), ("limit",))[0],
        (),
    ),
    mistakes=mistakes.ALARM_VALUE,
    hints=(
        "Of 10,000 steps, how many are faulty, and how many of these ring? How many of the sound ones ring?",
        "precision = hit · base / (hit · base + false · (1 - base)). If nothing rings both are zero: return 0.",
        "a_day of `steps` steps a day are the share a_day / steps. So at most floor(a_day / steps · N) of the N scores "
        "may be above the limit: sort them, and take the one that has so many behind it.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question for question in (VERDICT, READING, AUROC, NEAREST_NEIGHBOUR_DISCORD, DETECTOR, ALARM_VALUE)
}
hint, yours = doors(QUESTIONS)


def verdict(interval, verdict, seed=0):
    """Points for interval(values, t) and verdict(values, low, high, t), values (n,); prints the report."""
    return show(examine(VERDICT, {"verdict": verdict, "interval": interval}, seed))


def reading(reading, seed=0):
    """Points for reading(), what your table of errors says, a dict of pairs; prints the report."""
    return show(examine(READING, {"reading": reading}, seed))


def auroc(auroc, seed=0):
    """Points for auroc(scores, labels), both (N,); prints the report."""
    return show(examine(AUROC, {"auroc": auroc}, seed))


def nearest_neighbour_discord(nearest_neighbour_discord, seed=0):
    """Points for nearest_neighbour_discord(x, normal, k), x (N,) and normal (M,); prints the report."""
    return show(examine(NEAREST_NEIGHBOUR_DISCORD, {"nearest_neighbour_discord": nearest_neighbour_discord}, seed))


def detector(Detector, seed=0):
    """Points for a class with fit(normal) and score(x), beside its rival on fresh series; prints the report."""
    return show(examine(DETECTOR, {"Detector": Detector}, seed))


def alarm_value(precision, alarm_limit, seed=0):
    """Points for precision(hit, false, base) and alarm_limit(scores, a_day, steps), scores (N,); prints the report."""
    return show(examine(ALARM_VALUE, {"precision": precision, "alarm_limit": alarm_limit}, seed))
