"""The checks of the assignment `transformers`: call one with your function, read the report, get the points.

    from lstmkit.grading import transformers as check
    check.causal_self_attention(causal_self_attention)

T positions, B sequences, D features (d in the text of the costs), N heads of D/N features, P positions read before,
F units of a block's inner layer, H units of an LSTM.  x (T, B, D); W_qkv (3D, D), the blocks q, k, v; W_o (D, D).
The right values come from lstmkit.numpy and lstmkit.results; the named mistakes from transformers_mistakes.  A
measurement report is read claim by claim: what can be computed from what it says of itself is computed again.
"""

import contextlib
import math
import re
from functools import cache, wraps
from statistics import NormalDist

import numpy as np

from lstmkit import results
from lstmkit.grading import transformers_mistakes as mistakes
from lstmkit.grading.draws import double, sizes
from lstmkit.grading.guard import Problem, call
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import (
    PRECISION,
    UNCHANGED,
    Draw,
    Part,
    Question,
    as_array,
    ask,
    doors,
    examine,
    show,
)
from lstmkit.grading.question import yours as yours_of
from lstmkit.grading.transformers_mistakes import t_quantile
from lstmkit.numpy import lstm, transformer
from lstmkit.tasks import adding


def _positions_draws(rng):
    def draw(T, D, k, label="", kind="ordinary"):
        return Draw((T, D, k), label, kind)

    T, k = (int(n) for n in rng.choice([5, 7, 9, 11, 13], 2, replace=False))
    return [
        *(draw(int(rng.integers(5, 30)), int(D), int(rng.integers(1, 9))) for D in rng.choice([6, 8, 10, 12], 3)),
        draw(T, 14, -k),
        draw(T, 2, k, "two features"),
        draw(1, 6, k, "one position"),
        draw(T, 10, 0, "a shift by nothing"),
    ]


def _positions_key(T, D, k):
    first = min(k, 0)  # the table begins at 0, so positions before that are reached by going back from later ones
    moved = transformer.sinusoidal_positions(T + abs(k), D)[k - first : k - first + T]
    return {"positions": transformer.sinusoidal_positions(T, D), "shift": moved}


def _positions_attempt(answers, args, own):
    T, D, k = args
    table, _ = ask(answers["positions"], (T, D), (), ("positions",))
    matrix, _ = ask(answers["shift"], (k, D), (), ("shift",))
    M = as_array(matrix["shift"])
    if isinstance(M, Problem):
        return {**table, "shift": M}, ()
    if M.shape != (D, D):
        return {**table, "shift": Problem("shape", f"shift gave the shape {M.shape}, expected (D, D) = {(D, D)}.")}, ()
    start = max(-k, 0)
    return {**table, "shift": transformer.sinusoidal_positions(T + abs(k), D)[start : start + T] @ M.T}, ()


POSITIONS = Question(
    name="positions",
    parts=(Part("positions", 2, "(T, D)"), Part("shift", 2, "a matrix (D, D)")),
    draws=_positions_draws,
    key=_positions_key,
    attempt=_positions_attempt,
    mistakes=mistakes.POSITIONS,
    hints=(
        "One frequency for each pair of features: D / 2 of them, w = 10000 ** (-np.arange(0, D, 2) / D). The angles "
        "are a column of positions times a row of frequencies.",
        "table[:, 0::2] takes the sines and table[:, 1::2] the cosines. For the shift: write sin(w(t + k)) and "
        "cos(w(t + k)) by the addition theorems.",
        "sin(wt + wk) = cos(wk) sin(wt) + sin(wk) cos(wt) and cos(wt + wk) = -sin(wk) sin(wt) + cos(wk) cos(wt). So "
        "each pair of features has a block of two by two on the diagonal, and all else is zero.",
    ),
)


def _attention_arrays(rng, T, B, N, P, scale=1.0, dtype=np.float64):
    D = N * P
    x, W_qkv, W_o = rng.normal(size=(T, B, D)), rng.normal(size=(3 * D, D)), rng.normal(size=(D, D))
    return (*((a * s).astype(dtype) for a, s in ((x, scale), (W_qkv, D**-0.5), (W_o, 1))), N)


def _attention_draws(rng):
    T, B, N, P = sizes(rng, 4)
    return [
        *(Draw(_attention_arrays(rng, *sizes(rng, 4))) for _ in range(4)),
        Draw(_attention_arrays(rng, 1, B, N, P), "one position (T = 1)"),
        Draw(_attention_arrays(rng, T, 1, N, P), "one sequence (B = 1)"),
        Draw(_attention_arrays(rng, T, B, N, P, dtype=np.float32), "float32"),
        Draw(_attention_arrays(rng, T, B, N, P, scale=100.0), "scores of thousands", "large"),
    ]


def _attend(x, W_qkv, W_o, heads, keys=None, values=None):
    """What the kit's block does before its residual, without biases; with the state after it."""
    D = x.shape[2]
    zeros = dict.fromkeys(transformer.Params._fields, np.zeros(0))
    params = transformer.Params(
        **zeros | {"W_qkv": W_qkv, "b_qkv": np.zeros(3 * D), "W_out": W_o, "b_out": np.zeros(D)}
    )
    state = transformer.zero_state(x.shape[1], D) if keys is None else transformer.State(keys, values)
    return transformer._attend(params, x, heads, state)


def _attention_key(*args):
    *arrays, heads = args
    arrays = double(arrays)
    return {"one head": _attend(*arrays, 1)[0], "several heads": _attend(*arrays, heads)[0]}


def _attention_attempt(answers, args, own):
    names = ("x", "W_qkv", "W_o", "heads")
    one, changed = ask(answers["causal_self_attention"], (*args[:3], 1), names, ("one head",))
    several, changed_too = ask(answers["causal_self_attention"], args, names, ("several heads",))
    return {**one, **several}, changed + changed_too


CAUSAL_SELF_ATTENTION = Question(
    name="causal_self_attention",
    parts=(
        Part("one head", 3, "(T, B, D)"),
        Part("several heads", 2, "(T, B, D)"),
        Part("large scores", 1, on="large"),
        Part(PRECISION, 1),
        Part(UNCHANGED, 1),
    ),
    draws=_attention_draws,
    key=_attention_key,
    attempt=_attention_attempt,
    mistakes=mistakes.CAUSAL_SELF_ATTENTION,
    hints=(
        "First one head. All queries, keys and values come from one product, x @ W_qkv.T, cut into three parts of the "
        "last axis. The scores of one sequence are a matrix (T, T), query by key.",
        "scores = np.einsum('tbd,sbd->bts', q, k) / sqrt(d). Where s > t put -np.inf: np.where(np.tri(T, dtype=bool), "
        "scores, -np.inf). Then a softmax over the last axis, the keys, with the largest score subtracted.",
        "A head is a part of the features: q.reshape(T, B, N, D // N) and 'tbnp,sbnp->bnts'. The scale is then the "
        "root of D // N. The mean of values, 'bnts,sbnp->tbnp', has the heads side by side again: reshape it to "
        "(T, B, D) and multiply by W_o.T.",
    ),
)


def _costs_yours(rng):
    """The sizes of a block and of a text, such that every named mistake gives other numbers."""
    while True:
        d = int(rng.choice([48, 56, 72, 80, 88, 104, 112, 136, 152]))
        mine = {
            "d": d,
            "F": int(rng.integers(2 * d, 6 * d)),
            "blocks": int(rng.choice([3, 5, 6, 7])),
            "tokens": int(rng.integers(12, 90)) * 100 + int(rng.integers(1, 100)),
            "bytes": int(rng.choice([4, 8])),
        }
        outcomes = [_costs_key(mine), *(mistake.wrong(mine) for mistake in mistakes.COSTS)]
        told = {tuple(np.concatenate([np.ravel(v) for _, v in sorted(outcome.items())])) for outcome in outcomes}
        if len(told) == len(outcomes):
            return mine


def _costs_of(mine):
    """The four numbers of the question `costs`."""
    d, F = mine["d"], mine["F"]
    block, units = transformer.count_params(d, F), 1
    while lstm.count_params(d, units + 1, 1) <= block:
        units += 1
    return {
        "block": block,
        "units": units,
        "crossing": (4 * d * d + 2 * d * F) / (2 * d),
        "cache": 2 * mine["blocks"] * mine["tokens"] * d * mine["bytes"],
    }


def _costs_key(mine):
    """Nothing: the parts are distances from the right counts, since a count that is nearly right is wrong."""
    return {"equal parameters": np.zeros(2), "crossing": 0.0, "cache": 0.0}


def _costs_attempt(answers, args, own):
    got, changed = ask(answers["costs"], (), (), ("block", "units", "crossing", "cache"))
    off = {}
    for name, want in _costs_of(args[0]).items():
        value = as_array(got[name])
        if not isinstance(value, Problem):
            value = Problem("form", f"{name} is not one number.") if value.shape else value - want
        off[name] = value
    both = [off.pop("block"), off.pop("units")]
    wrong = [value for value in both if isinstance(value, Problem)]
    return {"equal parameters": wrong[0] if wrong else np.array(both), **off}, changed


COSTS = Question(
    name="costs",
    parts=(
        Part("equal parameters", 1, "block and units"),
        Part("crossing", 1, "a number"),
        Part("cache", 1, "a number"),
    ),
    draws=lambda rng, yours: [Draw((yours,))],
    key=_costs_key,
    attempt=_costs_attempt,
    mistakes=mistakes.COSTS,
    hints=(
        "Write down the shapes of a block's matrices: four of (d, d), one of (F, d), one of (d, F). Each has a bias, "
        "and each of the two norms has a gain and a shift of d numbers.",
        "The LSTM has 4H(d + H + 1) numbers: try H = 1, 2, 3, ... as long as that is at most the block's. A token "
        "after t others costs 2td for its scores and its mean, and a matrix of r by c costs rc.",
        "crossing: 2td = 4dd + 2dF, so t = 2d + F. cache: for each block and token a key and a value of d numbers.",
    ),
    yours=_costs_yours,
)


def _exponent_draws(rng):
    def draw(n, label="", dtype=np.float64):
        Ts = rng.permutation(np.unique(rng.integers(20, 5000, n)))
        power = rng.uniform(0.7, 2.3)
        ms = rng.uniform(0.001, 0.3) * Ts**power * np.exp(rng.normal(size=len(Ts)) * rng.uniform(0.1, 0.4))
        return Draw((Ts.astype(dtype), ms.astype(dtype)), label)

    return [
        *(draw(int(n)) for n in rng.choice([5, 6, 7, 8, 9], 4, replace=False)),
        draw(12),
        draw(9, "float32", np.float32),
    ]


def _exponent_key(Ts, ms):
    Ts, ms = double((Ts, ms))
    return mistakes.fitted(Ts, ms)


def _ends_in_a_tuple(function):
    """The same function, with the two ends of its interval in a tuple where they stand in a list or an array."""

    @wraps(function)
    def opened(*args):
        value = function(*args)
        if isinstance(value, dict) and set(value) == {"slope", "interval"}:
            value = value["slope"], value["interval"]
        if isinstance(value, tuple | list) and len(value) == 2 and np.shape(value[1]) == (2,):
            return value[0], tuple(value[1])
        return tuple(value) if isinstance(value, np.ndarray) and value.shape == (3,) else value

    return opened if callable(function) else function


def _exponent_attempt(answers, args, own):
    got, changed = ask(_ends_in_a_tuple(answers["fit_exponent"]), args, ("Ts", "ms"), ("slope", "low", "high"))
    ends = [as_array(got[name]) for name in ("low", "high")]
    for end in ends:
        if isinstance(end, Problem):
            return {"slope": got["slope"], "interval": end}, changed
    if any(end.shape for end in ends):
        return {"slope": got["slope"], "interval": Problem("form", "low and high are not two numbers.")}, changed
    return {"slope": got["slope"], "interval": np.array(ends)}, changed


FIT_EXPONENT = Question(
    name="fit_exponent",
    parts=(Part("slope", 2, "a number"), Part("interval", 2, "two numbers, low and high"), Part(UNCHANGED, 1)),
    draws=_exponent_draws,
    key=_exponent_key,
    attempt=_exponent_attempt,
    mistakes=mistakes.FIT_EXPONENT,
    hints=(
        "If ms = c T^p then log ms = log c + p log T: a line. Fit a line with an intercept to the logarithms of both.",
        "With x = log T, y = log ms and bars for means, the slope is the sum of (x - x̄)(y - ȳ) over the sum of "
        "(x - x̄)². The residuals are y - ȳ - slope (x - x̄).",
        "The standard error is the root of (sum of squared residuals / (n - 2)) / (sum of (x - x̄)²). The interval is "
        "the slope minus and plus check.t_quantile(0.95, n - 2) times it.",
    ),
)


NAMES = ("LSTM", "Transformer")
LEVELS = (0.8, 0.9, 0.95, 0.98, 0.99)
FEW, PARAMETERS_WITHIN, SECONDS_WITHIN = 3, 1.05, 1.25


def _sized(inputs, outputs, units, width, inner, blocks, first=0):
    """Sizes of the two networks; `first` is the width of a linear layer before the LSTM, if there is one."""
    return {
        "LSTM": {"inputs": inputs, "first": first, "units": units, "outputs": outputs},
        "Transformer": {"inputs": inputs, "width": width, "inner": inner, "blocks": blocks, "outputs": outputs},
    }


# task -> record, measure, lower is better, key of the scores, key of the parameters, what the CPU seconds are, sizes
TASKS = {
    "adding": (
        "adding", "squared error", True, "equal_cost.after_equal_seconds.{}", "parameters.{}", "equal_cost.cpu_seconds",
        _sized(2, 1, units=64, width=32, inner=64, blocks=2),
    ),
    "digits": (
        "digits", "cross-entropy", True, "equal_cost.after_equal_seconds.{}", "parameters.rows.{}",
        "equal_cost.cpu_seconds", _sized(8, 10, units=32, width=16, inner=44, blocks=2),
    ),
    "copying": (
        "copying", "cross-entropy", True, "equal_cost.after_equal_seconds.{}", "parameters.{}",
        "equal_cost.cpu_seconds", _sized(10, 9, units=95, width=48, inner=107, blocks=2),
    ),
    "recall": (
        "recall", "share right", False, "after_equal_seconds.K4.{}", "parameters.K4.{}", "cpu_seconds_all.K4",
        _sized(81, 16, units=64, width=32, inner=128, blocks=2, first=32),
    ),
    "parity": (
        "state_tracking", "share right", False, "after_equal_seconds.parity.{}", "parameters.parity.{}",
        "cpu_seconds_all.parity", _sized(2, 2, units=32, width=16, inner=32, blocks=2),
    ),
    "cups": (
        "state_tracking", "share right", False, "after_equal_seconds.cups.{}", "parameters.cups.{}",
        "cpu_seconds_all.cups", _sized(2, 6, units=32, width=16, inner=33, blocks=2),
    ),
}  # fmt: skip


@cache
def _record(task):
    name, _, _, scores, parameters, seconds, sized = TASKS[task]
    record = results.load(name)
    spent = [min(s.values()) if isinstance(s, dict) else s for s in results.values(record, seconds)]
    return {
        "seeds": [run["seed"] for run in record["runs"]],
        "sizes": sized,
        "parameters": {name: results.values(record, parameters.format(name))[0] for name in NAMES},
        "scores": {name: results.values(record, scores.format(name)) for name in NAMES},
        "seconds": {name: list(spent) for name in NAMES},
    }


def recorded(task):
    """The book's runs of a task: seeds, sizes, parameters, and for each network the scores and CPU seconds by seed.

    A score is what had been reached on held-out data when the shortest run of that seed was over.
    """
    if task not in TASKS:
        raise ValueError(f"there are no runs of {task!r}; there are: {', '.join(TASKS)}")
    found = _record(task)
    return {
        "seeds": list(found["seeds"]),
        "sizes": {name: dict(found["sizes"][name]) for name in NAMES},
        "parameters": dict(found["parameters"]),
        "scores": {name: list(found["scores"][name]) for name in NAMES},
        "seconds": {name: list(found["seconds"][name]) for name in NAMES},
    }


def _count(name, size, biases=None, readout=True, last_norm=True):
    """The numbers of a network of these sizes: a linear layer at the front if it has one, core, and linear read-out."""
    D, O = size["inputs"], size["outputs"]
    if name == "LSTM":
        first, H = size.get("first") or 0, size["units"]
        return (
            first * (D + 1) + lstm.count_params(first or D, H, biases or size.get("biases", 1)) + readout * O * (H + 1)
        )
    d = size["width"]
    blocks = size["blocks"] * transformer.count_params(d, size["inner"])
    return d * (D + 1) + blocks + last_norm * 2 * d + readout * O * (d + 1)


def _project_yours(rng):
    task = str(rng.choice(list(TASKS)))
    measure, lower = TASKS[task][1:3]
    return {"task": task, "measure": measure, "lower_is_better": lower, "level": float(rng.choice(LEVELS))}


def _same_project(rng):
    return yours_of(PLAN)


def _said_numbers(text):
    """(value, half a unit of its last digit, a percentage?) of every number in a text."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text.replace("−", "-"))
    found = []
    for match in re.finditer(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE]-?\d+)?", text):
        digits, _, power = match[0].lower().partition("e")
        half = 0.5 * 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
        percent = re.match(r"\s*(%|per ?cent)", text[match.end() :], re.IGNORECASE)
        found.append((float(match[0]), half, bool(percent)))
    return found


def _is_number(value):
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def _from_guess_to_perfect(mine):
    """How much better, in the task's measure, than one who guesses one can be; more than that at copying."""
    outputs = TASKS[mine["task"]][-1]["LSTM"]["outputs"]
    return {"squared error": adding.CONSTANT_MSE, "cross-entropy": math.log(outputs)}.get(mine["measure"], 1.0)


def _plan_problem(plan, mine):
    """What is wrong with the entries of a plan, or 1.0."""
    for name in ("task", "measure", "lower_is_better", "level"):
        if plan[name] != mine[name]:
            return Problem("not your task", f"{name} is not that of your numbers: see check.yours('plan').")
    if not _is_number(plan["threshold"]) or plan["threshold"] <= 0:
        return Problem(
            "no threshold", "threshold is not a number above zero: how large must a difference be to matter?"
        )
    if plan["threshold"] > _from_guess_to_perfect(mine):
        return Problem(
            "threshold out of reach",
            "threshold is larger than the way from a guess to a perfect score, so the answer is known before any run.",
        )
    seeds = list(plan["seeds"])
    if len(set(seeds)) != len(seeds):
        return Problem("seed twice", "a seed stands twice among the seeds: the same run would count twice.")
    if len(seeds) < FEW:
        return Problem("too few seeds", f"fewer than {FEW} seeds are planned: with fewer one does not see a spread.")
    return 1.0


def _question_problem(plan, mine):
    """What the text of a plan does not say, or 1.0."""
    text = plan["question"]
    if not isinstance(text, str) or not text.strip().endswith("?"):
        return Problem("no question", "the question does not end with a question mark: ask something.")
    said = " ".join(text.lower().split())
    if mine["measure"] not in said:
        return Problem("measure not named", "the question does not name the measure, word for word as in your numbers.")
    if "lstm" not in said or "transformer" not in said:
        return Problem("contestant not named", "the question does not name both networks, LSTM and Transformer.")
    direction = "lower" if mine["lower_is_better"] else "higher"
    if not re.search(rf"\b{direction}\b", said):
        text = f"the question does not say the direction: the word {direction}, since {direction} is better here."
        return Problem("direction not named", text)
    threshold = plan["threshold"]
    if not any(
        _is_number(threshold) and math.isclose(value / (100 if percent else 1), threshold, rel_tol=1e-9)
        for value, _, percent in _said_numbers(text)
    ):
        return Problem(
            "threshold not named", "the question does not say the threshold as a number, the one of the plan."
        )
    return 1.0


class _PlanLacks(Exception):
    pass


class _Plan(dict):
    """The plan for a report: what it lacks is not taken for an entry that the report lacks."""

    def __missing__(self, name):
        raise _PlanLacks(name)


def _judged(checks, *given):
    """Each check on what is given: 1.0, or a Problem; a missing entry is one too."""
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check(*given)
        except KeyError as error:
            found[name] = Problem("form", f"lacks the entry {error}.")
        except _PlanLacks as error:
            found[name] = Problem("form", f"cannot be judged: the plan lacks the entry {str(error)!r}.")
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            found[name] = Problem("form", f"cannot be read: {type(error).__name__}: {str(error)[:80]}.")
    return found


def _read(function, parts, what):
    """What a function of no arguments returns, a dict, or the Problems of all parts."""
    value = call(function, ()).value if callable(function) else function
    if isinstance(value, Problem):
        return dict.fromkeys(parts, value)
    if not isinstance(value, dict):
        problem = Problem("form", f"{what} returned {type(value).__name__}, expected a dict.")
        if value is None:
            problem = Problem("none", f"{what} returned None: print is not return.")
        return dict.fromkeys(parts, problem)
    return value


PLAN_CHECKS = {"plan": _plan_problem, "question": _question_problem}


def _plan_attempt(answers, args, own):
    plan = _read(answers["plan"], PLAN_CHECKS, "plan()")
    if plan.keys() == PLAN_CHECKS.keys():
        return plan, ()
    return _judged(PLAN_CHECKS, plan, args[0]), ()


PLAN = Question(
    name="plan",
    parts=(Part("plan", 1, "consistent"), Part("question", 1, "measure, direction and threshold")),
    draws=lambda rng, yours: [Draw((yours,))],
    key=lambda mine: dict.fromkeys(PLAN_CHECKS, 1.0),
    attempt=_plan_attempt,
    hints=(
        "Four entries are those of check.yours('plan'). The threshold is yours: how large must the difference of the "
        "two means be for you to take the one network and not the other?",
        "The question is one sentence that ends with a question mark. It holds the measure word for word, both names, "
        "the word lower or higher, whichever is better, and the threshold as a number.",
        "For example: 'After equal CPU seconds, is the squared error of the Transformer lower than that of the LSTM by "
        "at least 0.01?', with your measure, your direction and your threshold.",
    ),
    yours=_project_yours,
)


def _by_seed(report, entry, name):
    """What stands there for one network, in the order of the seeds."""
    values = report[entry][name]
    if isinstance(values, dict):
        values = [values[seed] for seed in report["seeds"]]
    return np.asarray(values, dtype=np.float64).ravel()


def _scores(report, name):
    return _by_seed(report, "scores", name)


def _of_record(task, seeds, entry, name):
    """What the record holds for one network, in the order of these seeds; nan for seeds that it has not."""
    known = dict(zip(_record(task)["seeds"], _record(task)[entry][name], strict=True))
    return np.array([known.get(seed, np.nan) for seed in seeds])


def _sizes_without_defaults(size):
    return {name: value for name, value in size.items() if (name, value) not in (("first", 0), ("biases", 1))}


def _from_record(report):
    source = report["source"]
    if source not in ("recorded", "own"):
        raise ValueError("source must be 'recorded' or 'own'")
    return source == "recorded"


def _parameters_problem(report, plan, mine):
    counts = {}
    for name in NAMES:
        size = report["sizes"][name]
        known = _record(mine["task"])["sizes"][name]
        if _from_record(report) and _sizes_without_defaults(size) != _sizes_without_defaults(known):
            return Problem("other sizes", f"the sizes of the {name} are not those of the recorded network.")
        counts[name], given = _count(name, size), report["parameters"][name]
        if given != counts[name]:
            guesses = {
                "two biases are counted in the LSTM's layer, and its sizes do not say so": _count(name, size, 2),
                "the read-out is left out": _count(name, size, readout=False),
                "the last norm is left out": _count(name, size, last_norm=False),
            }
            why = next((why for why, other in guesses.items() if other == given), "count it again from the sizes")
            return Problem("parameters miscounted", f"of the {name} do not follow from its sizes: {why}.")
    for end in ("inputs", "outputs"):
        if len({report["sizes"][name][end] for name in NAMES}) > 1:
            return Problem("other ends", f"belong to two tasks: one task has the same {end} for both networks.")
    if max(counts.values()) > PARAMETERS_WITHIN * min(counts.values()):
        return Problem("parameters unequal", "differ by more than 5 %: the larger network has an advantage of its own.")
    return 1.0


def _seconds_problem(report, plan, mine):
    seconds = {name: _by_seed(report, "seconds", name) for name in NAMES}
    seeds = list(report["seeds"])
    n = len(seeds)
    for name in NAMES:
        if len(seconds[name]) != n or not (seconds[name] > 0).all():
            return Problem("seconds missing", f"of the {name} are not one number above zero for each of {n} seeds.")
    if _from_record(report) and any(
        not np.allclose(seconds[name], _of_record(mine["task"], seeds, "seconds", name), rtol=1e-3) for name in NAMES
    ):
        return Problem("seconds altered", "are not those of the record.")
    totals = [s.sum() for s in seconds.values()]
    if max(totals) > SECONDS_WITHIN * min(totals):
        more = NAMES[int(np.argmax(totals))]
        return Problem(
            "seconds unequal", f"are not equal: the {more} had more than a quarter more. Equal steps are no equal cost."
        )
    return 1.0


def _runs_problem(report, plan, mine):
    for name in ("measure", "level"):
        if report[name] != plan[name]:
            return Problem("plan changed", f"the {name} is not that of the plan, which was made before the run.")
    measure, seeds, planned = mine["measure"], list(report["seeds"]), list(plan["seeds"])
    if gone := [seed for seed in planned if seed not in seeds]:
        many = f"{len(gone)} of the {len(planned)} planned seeds are"
        return Problem(
            "seeds missing", f"{many} missing: whoever leaves out runs after seeing them has chosen the result."
        )
    if len(seeds) > len(planned):
        return Problem(
            "seeds added", "there are more seeds than planned: the question is then asked until it is answered."
        )
    for name in NAMES:
        scores = _scores(report, name)
        if len(scores) != len(seeds) or not np.isfinite(scores).all():
            return Problem("scores missing", f"the {name} has not one finite score for each of {len(seeds)} seeds.")
        if (scores < 0).any():
            return Problem(
                "scores out of range", f"a score of the {name} is below zero, which the {measure} cannot be."
            )
        if measure == "share right" and (scores > 1).any():
            return Problem("scores out of range", f"a score of the {name} is above one: a share in per cent?")
    if _from_record(report):
        if sorted(seeds) != sorted(_record(mine["task"])["seeds"]):
            return Problem("recorded seeds left out", "the record holds more seeds than the report: take all of them.")
        for name in NAMES:
            if not np.allclose(_scores(report, name), _of_record(mine["task"], seeds, "scores", name), rtol=1e-3):
                return Problem("scores altered", f"the scores of the {name} are not those of the record, seed by seed.")
    return 1.0


ROUNDED = 0.02  # so far from the right value an entry is taken for a rounded one


def _near(given, wanted, scale):
    return abs(float(given) - wanted) <= 1e-3 * scale


def _means_problem(report, plan, mine):
    means = {name: _scores(report, name).mean() for name in NAMES}
    scale = max(np.abs(_scores(report, name)).max() for name in NAMES)
    given = {name: float(report["mean"][name]) for name in NAMES}
    if all(_near(given[name], means[name], scale) for name in NAMES):
        return 1.0
    if all(_near(given[name], means[other], scale) for name, other in zip(NAMES, NAMES[::-1], strict=True)):
        return Problem("means exchanged", "the means of the two networks are exchanged.")
    best = min if mine["lower_is_better"] else max
    for name in NAMES:
        scores = _scores(report, name)
        if not _near(given[name], means[name], scale):
            if _near(given[name], best(scores), scale):
                return Problem("best seed for mean", f"the best seed of the {name} stands where its mean belongs.")
            if _near(given[name], np.median(scores), scale):
                return Problem("median for mean", f"the median of the {name}'s scores stands where their mean belongs.")
    if all(abs(given[name] - means[name]) <= ROUNDED * scale for name in NAMES):
        return Problem("mean rounded", "are almost right: hand them in as they were computed, not rounded.")
    return Problem("wrong mean", "do not follow from the scores: add them up and divide by the number of seeds.")


def _half(scores, level, quantile=t_quantile, ddof=1, root=True):
    n = len(scores)
    return quantile(level, n - 1) * scores.std(ddof=ddof) / (math.sqrt(n) if root else 1)


def _normal(level, freedom):
    return NormalDist().inv_cdf((1 + level) / 2)


HALVES = (
    (Problem("deviation for error", "the standard deviation is not divided by √n"), {"root": False}),
    (Problem("normal quantile", "the quantile is the normal one: so few seeds need t"), {"quantile": _normal}),
    (Problem("n for n - 1", "the deviation is divided by n and not by n - 1"), {"ddof": 0}),
    (
        Problem("one standard error", "it reaches one standard error to each side, without a quantile"),
        {"quantile": lambda level, freedom: 1},
    ),
    (
        Problem("one deviation", "it reaches one standard deviation to each side"),
        {"quantile": lambda level, freedom: 1, "root": False},
    ),
    (
        Problem("freedom of n", "the quantile has n degrees of freedom, and there are n - 1"),
        {"quantile": lambda level, freedom: t_quantile(level, freedom + 1)},
    ),
    (
        Problem("one-sided quantile", "what is left out lies on one side: half of it lies on each"),
        {"quantile": lambda level, freedom: t_quantile(2 * level - 1, freedom)},
    ),
    *(
        (
            Problem(
                "another level", "its level is not the one of your numbers, or t_quantile was not given it as it is"
            ),
            {"quantile": lambda level, freedom, other=other: t_quantile(other, freedom)},
        )
        for other in (*LEVELS, *((1 + level) / 2 for level in LEVELS))
    ),
)


WRONG_INTERVAL = Problem("wrong interval", "it is mean ± quantile · standard error, of these scores")


def _intervals_problem(report, plan, mine):
    for name in NAMES:
        scores, (low, high) = _scores(report, name), (float(end) for end in report["interval"][name])
        if len(scores) < 2:
            return Problem("one score", f"one score of the {name} has no spread, and so no interval.")
        mean, half = scores.mean(), _half(scores, mine["level"])
        scale = half or np.abs(scores).max()
        if _near(low, mean - half, scale) and _near(high, mean + half, scale):
            continue
        found = WRONG_INTERVAL
        if low > high:
            found = Problem("ends exchanged", "its low end comes first")
        elif half and _near((low + high) / 2, mean, scale):
            reaches = ((found, _half(scores, mine["level"], **options)) for found, options in HALVES)
            found = next((found for found, reach in reaches if _near((high - low) / 2, reach, scale)), found)
        if found is WRONG_INTERVAL and max(abs(low - mean + half), abs(high - mean - half)) <= ROUNDED * scale:
            found = Problem("interval rounded", "it is almost right, so do not round it, nor the mean before")
        elif _near(low, scores.min(), scale) and _near(high, scores.max(), scale):
            found = Problem("range for interval", "it is the range of the scores, which grows with every seed")
        return found._replace(text=f"that of the {name} is not right: {found.text}.")
    return 1.0


def _verdict_problem(report, plan, mine):
    threshold = float(plan["threshold"])
    known = {name.lower(): name for name in (*NAMES, "undecided")}
    verdict = known.get(str(report["verdict"]).strip().lower())
    if verdict is None:
        return Problem("form", "is not one of 'LSTM', 'Transformer' and 'undecided'.")
    mean = {name: float(report["mean"][name]) for name in NAMES}
    ends = {name: [float(end) for end in report["interval"][name]] for name in NAMES}
    better = (min if mine["lower_is_better"] else max)(NAMES, key=mean.get)
    apart = max(ends[name][0] for name in NAMES) > min(ends[name][1] for name in NAMES)
    enough = abs(mean["LSTM"] - mean["Transformer"]) >= threshold
    if verdict != "undecided" and verdict != better:
        direction = "lower" if mine["lower_is_better"] else "higher"
        return Problem("sign exchanged", f"names the network with the worse mean: {direction} is better here.")
    if verdict != "undecided" and not apart:
        return Problem("stronger than the intervals", "names a network, but the two intervals have numbers in common.")
    if verdict != "undecided" and not enough:
        return Problem(
            "below the threshold", "names a network, but the difference is smaller than the plan's threshold."
        )
    if verdict == "undecided" and apart and enough:
        text = "is undecided, but the intervals are apart and the difference reaches the threshold: say so."
        return Problem("weaker than the numbers", text)
    return 1.0


COUNTED = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
STRONG = ("always", "never", "proves", "proven", "proof", "obviously", "clearly", "in general", "every task")


def _numbers_in(value):
    if isinstance(value, dict):
        return [number for item in (*value.keys(), *value.values()) for number in _numbers_in(item)]
    if isinstance(value, list | tuple | np.ndarray):
        return [number for item in value for number in _numbers_in(item)]
    return [float(value)] if _is_number(value) else []


def _derived(report):
    """What a sentence may say besides: the difference of the means, half widths, sums and means of the seconds."""
    known = [abs(float(report["mean"]["LSTM"]) - float(report["mean"]["Transformer"]))]
    with contextlib.suppress(KeyError, TypeError, ValueError):  # what is missing is the matter of other parts
        for name in NAMES:
            low, high = report["interval"][name]
            seconds = _by_seed(report, "seconds", name)
            known += [abs(float(high) - float(low)) / 2, seconds.sum(), seconds.mean()]
    return known


def _denied(said, start):
    """Whether a word is denied before it in its part of the sentence, as in: this does not say that it always is."""
    return re.search(r"\b(?:no|not|nor|neither|cannot|without)\b|n't\b", re.split(r"[.;:!?]", said[:start])[-1])


def _sentence_problem(report, plan, mine):
    text = report["sentence"]
    if not isinstance(text, str) or not text.lower().startswith(str(report["verdict"]).lower()):
        return Problem("sentence without verdict", "does not begin with the verdict, word for word.")
    said = " ".join(text.lower().split())
    if mine["measure"] not in said:
        return Problem("sentence without measure", "does not name the measure, word for word.")
    if missing := [name for name in NAMES if name.lower() not in said]:
        return Problem("sentence without networks", f"does not name the {missing[0]}: whose are the two means?")
    numbers = _said_numbers(text)
    for name in NAMES:
        mean = float(report["mean"][name])
        if not any(abs(value / (100 if percent else 1) - mean) <= half + 1e-12 for value, half, percent in numbers):
            return Problem("sentence without means", f"does not say the mean of the {name}, rounded as you like.")
    n = len(list(report["seeds"]))
    if not any(value == n for value, _, _ in numbers) and not any(
        re.search(rf"\b{word}\b", said) for word in COUNTED[n - 1 : n]
    ):
        return Problem("sentence without seeds", "does not say how many seeds there are.")
    known = [*_numbers_in({key: item for key, item in report.items() if key != "sentence"}), *_numbers_in(plan), n]
    known += _derived(report)
    for value, half, percent in numbers:
        unit = 100 if percent else 1
        if not any(abs(value - unit * number) <= half + 1e-12 for number in known):
            return Problem("number from nowhere", f"says {value:g}, which stands in neither report nor plan.")
    for strong in re.finditer(rf"\b(?:{'|'.join(STRONG)})\b", said):
        if not _denied(said, strong.start()):
            return Problem("too strong a word", f"says {strong[0]!r}: a few runs of one task on one machine cannot.")
    return 1.0


REPORT_CHECKS = {
    "equal parameters": _parameters_problem,
    "equal seconds": _seconds_problem,
    "every run": _runs_problem,
    "means": _means_problem,
    "intervals": _intervals_problem,
    "verdict": _verdict_problem,
    "sentence": _sentence_problem,
}


def _report_attempt(answers, args, own):
    report = _read(answers["report"], REPORT_CHECKS, "report()")
    if report.keys() == REPORT_CHECKS.keys():
        return report, ()
    plan = _read(answers["plan"], ("plan",), "plan()")
    if isinstance(plan.get("plan"), Problem):
        problem = Problem("no plan", "needs the plan of question 5: what decides is written down before the runs.")
        return dict.fromkeys(REPORT_CHECKS, problem), ()
    for name in ("task", "measure", "level"):
        if plan.get(name, args[0][name]) != args[0][name]:
            text = f"the {name} of the plan is not that of your numbers, so this is a report for somebody else: see "
            return dict.fromkeys(REPORT_CHECKS, Problem("not your task", text + "check.yours('plan').")), ()
    return _judged(REPORT_CHECKS, report, _Plan(plan), args[0]), ()


REPORT = Question(
    name="report",
    parts=tuple(Part(name, 1, "follows from the rest") for name in REPORT_CHECKS),
    draws=lambda rng, yours: [Draw((yours,))],
    key=lambda mine: dict.fromkeys(REPORT_CHECKS, 1.0),
    attempt=_report_attempt,
    hints=(
        "Begin with check.recorded(mine['task']): seeds, sizes, parameters, scores and seconds can be taken over as "
        "they are, all seeds of them. What is left are means, intervals, verdict and sentence.",
        "The interval of a mean is mean ± t_quantile(level, n - 1) · s / √n, where s is the standard deviation with "
        "n - 1 and level that of your plan: np.std(scores, ddof=1).",
        "The verdict names the network with the better mean if the two intervals have no number in common and the "
        "means differ by the threshold at least; else it is 'undecided'. The sentence begins with it, and says the "
        "measure, both networks with their means, and the number of seeds.",
    ),
    yours=_same_project,
)


def _step_draws(rng):
    def draw(P, B, N, K, label="", kind="ordinary", scale=1.0, dtype=np.float64):
        x, W_qkv, W_o, heads = _attention_arrays(rng, P + 1, B, N, K, scale, dtype)
        keys, values = ((rng.normal(size=(P, B, N * K)) * scale).astype(dtype) for _ in range(2))
        return Draw((x[-1], keys, values, W_qkv, W_o, heads), label, kind)

    P, B, N, K = sizes(rng, 4)
    return [
        *(draw(*sizes(rng, 4)) for _ in range(4)),
        draw(0, B, N, K, "nothing read before (P = 0)"),
        draw(P, 1, N, K, "one sequence (B = 1)"),
        draw(P, B, 1, K, "one head"),
        draw(P, B, N, K, "float32", dtype=np.float32),
        draw(7, 5, N, K, "scores of thousands", "large", scale=100.0),
    ]


def _step_key(*args):
    *arrays, heads = args
    x_t, keys, values, W_qkv, W_o = double(arrays)
    out, after, _ = _attend(x_t[None], W_qkv, W_o, heads, keys, values)
    return {"out": out[0], "keys and values": np.stack([after.keys, after.values])}


def _step_attempt(answers, args, own):
    names = ("x_t", "keys", "values", "W_qkv", "W_o", "heads")
    got, changed = ask(answers["attend_one"], args, names, ("out", "keys", "values"))
    kept = [as_array(got[name]) for name in ("keys", "values")]
    P, B, D = args[1].shape
    for array in kept:
        if isinstance(array, Problem):
            return {"out": got["out"], "keys and values": array}, changed
        if array.shape != (P + 1, B, D):
            text = f"given shape {array.shape}, expected (P + 1, B, D) = {(P + 1, B, D)} each."
            return {"out": got["out"], "keys and values": Problem("shape", text)}, changed
    return {"out": got["out"], "keys and values": np.stack(kept)}, changed


ATTEND_ONE = Question(
    name="attend_one",
    parts=(
        Part("out", 1, "(B, D)"),
        Part("keys and values", 1, "(2, P + 1, B, D)"),
        Part("large scores", 1, on="large", of=("out",)),
    ),
    draws=_step_draws,
    key=_step_key,
    attempt=_step_attempt,
    mistakes=mistakes.ATTEND_ONE,
    hints=(
        "Only the new position asks. Its own key and value are appended first, so that it sees itself too.",
        "No mask is needed: all that is there lies in the past. The scores are (B, N, P + 1), one query by all keys.",
        "keys = np.concatenate([keys, k[None]]), values the same. Split q, keys and values into heads, "
        "np.einsum('bnp,sbnp->bns', ...) over the root of D // N, a softmax over s, 'bns,sbnp->bnp', and W_o at last.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question
    for question in (POSITIONS, CAUSAL_SELF_ATTENTION, COSTS, FIT_EXPONENT, PLAN, REPORT, ATTEND_ONE)
}
hint, yours = doors(QUESTIONS)


def positions(positions, shift, seed=0):
    """Points for positions(T, D), a table (T, D), and shift(k, D), a matrix (D, D); prints the report."""
    return show(examine(POSITIONS, {"positions": positions, "shift": shift}, seed))


def causal_self_attention(causal_self_attention, seed=0):
    """Points for causal self-attention over x (T, B, D), with one head and with several; prints the report."""
    return show(examine(CAUSAL_SELF_ATTENTION, {"causal_self_attention": causal_self_attention}, seed))


def costs(costs, seed=0):
    """Points for the three costs of your own sizes, a dict; prints the report."""
    return show(examine(COSTS, {"costs": costs}, seed))


def fit_exponent(fit_exponent, seed=0):
    """Points for the slope of log ms over log Ts and its interval; prints the report."""
    return show(examine(FIT_EXPONENT, {"fit_exponent": fit_exponent}, seed))


def plan(plan, seed=0):
    """Points for the plan of a comparison, a dict; prints the report."""
    return show(examine(PLAN, {"plan": plan}, seed))


def report(report, plan, seed=0):
    """Points for the report of a comparison, a dict, by the plan for it; prints the report on the report."""
    return show(examine(REPORT, {"report": report, "plan": plan}, seed))


def attend_one(attend_one, seed=0):
    """Points for one more position after keys and values (P, B, D); prints the report."""
    return show(examine(ATTEND_ONE, {"attend_one": attend_one}, seed))
