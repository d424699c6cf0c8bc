"""One graded question: its parts, the inputs it is tried on, and the report with points, messages and diagnosis.

A part is right or wrong by itself, so a failing part never hides another.  A value part is right when the student's
numbers are ours on every ordinary draw.  A property part (large inputs, precision, arguments unchanged, ...) is judged
on the value parts that are right, and needs at least one.

Diagnosis is by matching.  A Mistake computes what comes out when it is made; it is named only if the student's numbers
equal its numbers on every ordinary draw, in every part that it changes.  Mistakes that give the same numbers are named
together.  Nothing is guessed, and no message contains an expected number.
"""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lstmkit.grading import guard, personal
from lstmkit.grading.guard import HURRIED, Outcome, Problem, TooLong, call, impatient, stand_in, time_budget

RIGHT = 1e-5  # relative to the largest entry; float32 arithmetic passes, and loses the points of precision alone
RIGHT_FLOAT32 = 1e-4
PRECISE = 1e-10
SAME = 1e-9  # the student's numbers are the mistake's numbers

STOOD_IN = (
    "Something that this function calls or is given is not right yet. It was judged with ours in its place, so that "
    "the same mistake does not cost points twice."
)
FORWARD_FIRST = (
    "Your forward pass is not right yet, and its cache is not the one that the question describes, so the backward "
    "pass cannot be judged by itself. Repair the forward pass first."
)

MIXED = (
    "{}: the sequences of the batch are not kept apart. What comes out for one depends on where, or which, the others "
    "are: look for a sum, a mean or a sort over the axis of the batch."
)
_recorded = None  # the reports of a grader's run

UNCHANGED, PRECISION, OWN = "arguments unchanged", "float64 precision", "your own forward pass"


class Part(NamedTuple):
    """A thing that earns points."""

    name: str
    points: int
    form: str = ""  # of a value: its shape, in letters
    on: str = ""  # of a property: the kind of draw that it is judged on
    of: tuple[str, ...] = ()  # of a property: the values that it is about, all if none is named; needs the first


class Draw(NamedTuple):
    """One set of arguments; the label says what is special about it, if anything."""

    args: tuple
    label: str = ""
    kind: str = "ordinary"
    seconds: float | None = None  # for one call of a student's function, if not the usual time


class Mistake(NamedTuple):
    """A named wrong outcome: wrong(*args) gives the parts that come out differently, as a dict."""

    hint: str
    text: str
    wrong: Callable[..., dict]


class Question(NamedTuple):
    """What a check needs to know; see lstmkit/grading/lstm.py."""

    name: str
    parts: tuple[Part, ...]
    draws: Callable[..., list[Draw]]  # draws(rng), or draws(rng, yours) where there is `yours`
    key: Callable[..., dict]  # key(*args) -> the right value of each part
    # attempt(answers, args, own) -> {part: value or Problem}, and the names of the arguments that were modified
    attempt: Callable[..., tuple[dict, tuple]]
    mistakes: tuple[Mistake, ...] = ()
    stand_ins: dict[str, Callable] | None = None  # ours, for the student's helpers, on a second run
    own_is_right: Callable[..., bool] | None = None  # is what this question builds on right by itself?
    hints: tuple[str, ...] = ()  # a ladder: each says more than the one before, the last almost everything
    yours: Callable[[np.random.Generator], dict] | None = None  # small parameters, drawn anew for each student
    extra: bool = False  # extra credit: its points come on top of the assignment's
    # the axis of the sequences, of each argument (None: it has none) and of the values that have one
    batch: tuple[tuple[int | None, ...], dict[str, int]] | None = None

    @property
    def points(self):
        return sum(part.points for part in self.parts)


class Verdict(NamedTuple):
    """Points of one part, and what to say about it."""

    part: Part
    earned: int
    text: str


class Report(NamedTuple):
    """The outcome of a check: print it, or take its points."""

    question: str
    verdicts: tuple[Verdict, ...]
    causes: tuple[str, ...]
    hints: frozenset[str]
    seed: int

    @property
    def points(self):
        return float(sum(verdict.earned for verdict in self.verdicts))

    @property
    def lost(self):
        return {verdict.part.name: verdict.part.points for verdict in self.verdicts if not verdict.earned}

    def __str__(self):
        total = sum(verdict.part.points for verdict in self.verdicts)
        lines = [f"{self.question}: {self.points:g} of {total} points"]
        width = max(len(verdict.part.name) for verdict in self.verdicts)
        for part, earned, text in self.verdicts:
            mark = "✓" if earned else "✗"
            lines.append(f"  {mark} {part.name:<{width}}  {earned}/{part.points}  {text}".rstrip())
        return "\n".join(lines + [f"  → {cause}" for cause in self.causes])


class Run(NamedTuple):
    """The student's function on every draw."""

    values: list[dict]  # for each draw, {part: array or Problem}
    modified: dict[str, str]  # argument -> its draw


def examine(question, answers, seed=0, alone=False):
    """The Report on the student's functions `answers`, the question's own first, on draws made from `seed`.

    What the function builds on (a helper, a cache) is the student's at first, and ours where that does not come out
    right; with `alone` it is the student's only.
    """
    draws = draws_of(question, seed)
    wanted = [question.key(*draw.args) for draw in draws]
    values = [part for part in question.parts if part.form]
    first = run = _run(question, answers, draws, True)
    good = alone_good = {part.name for part in values if _right_everywhere(part, first, draws, wanted)}
    notes, hints = [], set()
    if len(good) < len(values) and not alone and (question.stand_ins or question.own_is_right):
        second = _run(question, answers, draws, False, min(HURRIED, guard.SECONDS) if _hung(first) else None)
        good = good | {part.name for part in values if _right_everywhere(part, second, draws, wanted)}
        if not _count_problems(second) or _count_problems(second) < _count_problems(first):
            run = second  # what is left to explain is this function's own
        elif not _count_problems(first) and question.own_is_right and not question.own_is_right(answers):
            hints.add("forward first")
            notes.append(FORWARD_FIRST)
        if good - alone_good:
            notes.append(STOOD_IN)
    wrong = [part for part in values if part.name not in good]
    causes, named, explained = _name_mistakes(question, wrong, run, draws, wanted)
    if mixed := _mixed(question, answers, run, draws, [part.name for part in wrong if part.name not in explained]):
        causes.append(MIXED.format(", ".join(mixed)))
        named, explained = named | {"batch order"}, explained | set(mixed)
    verdicts = []
    for part in question.parts:
        if part.form:
            right = part.name in good
            text, hint = ("", None) if right else _describe(part, run, draws, wanted)
            if hint == "precision" and part.name in explained:
                text = "not the right values."  # a named mistake that changes little has lost no digits
        elif part.name == OWN:
            right, text, hint = _judge_own(question, answers, good, alone_good)
        else:
            right, text, hint = _judge_property(part, good, first if good == alone_good else run, draws, wanted)
        if hint and part.name not in explained:
            hints.add(hint)
        verdicts.append(Verdict(part, part.points if right else 0, text))
    return Report(question.name, tuple(verdicts), (*notes, *causes), frozenset(hints | named), seed)


def draws_of(question, seed):
    """The Draws that a seed makes for the student's code, the same ones every time."""
    rng = personal.generator(question.name, seed)
    return question.draws(rng, yours(question)) if question.yours else question.draws(rng)


def yours(question):
    """The small parameters that this student's question has, as a dict; they depend on the code, not on the seed."""
    if not question.yours:
        raise ValueError(f"the question {question.name!r} is the same for everybody: it has no numbers of yours")
    return question.yours(personal.generator(question.name, 0, 0))


def hint(question, step=1):
    """The text of one hint of the ladder; ValueError if there is no such step."""
    count = len(question.hints)
    if isinstance(step, bool) or not isinstance(step, int) or not 1 <= step <= count:
        raise ValueError(f"step is {step!r}, but the question {question.name!r} has the hints 1 to {count}")
    more = f'  The next one: check.hint("{question.name}", {step + 1})' if step < count else ""
    return f"{question.name}, hint {step} of {count}: {question.hints[step - 1]}{more}"


def doors(questions):
    """For the questions of an assignment by name: the functions `hint` and `yours` that its notebook calls."""

    def of(name):
        if name not in questions:
            raise ValueError(f"there is no question {name!r} here; there are: {', '.join(questions)}")
        return questions[name]

    def show_hint(name, step=1):
        """Print a hint for the question `name`: step 1 says little, the last one almost everything."""
        print(hint(of(name), step))

    def show_yours(name):
        """The small parameters of your question `name`, a dict."""
        return yours(of(name))

    return show_hint, show_yours


def show(report):
    """Print the report and hand on its points: the last line of a test cell."""
    print(report)
    if _recorded is not None:
        _recorded.append(report)
    return report.points


@contextlib.contextmanager
def recording():
    """While it lasts, the reports that are shown are collected in the list that it gives."""
    global _recorded
    kept, _recorded = _recorded, []
    try:
        yield _recorded
    finally:
        _recorded = kept


def ask(function, args, names, outputs):
    """Call `function`, and read its result as {output: value or Problem}; also the names of modified arguments."""
    if not callable(function):
        problem = Problem("missing", f"is {type(function).__name__}, not a function.")
        return dict.fromkeys(outputs, problem), ()
    outcome = call(function, args, names)
    return unpack(outcome, outputs), outcome.modified


def unpack(outcome: Outcome, outputs):
    """The outputs by name: from a tuple (nested ones are opened), a list, a dict, or a single value."""
    value = outcome.value
    if isinstance(value, Problem):
        return dict.fromkeys(outputs, value)
    if value is None:
        return dict.fromkeys(outputs, Problem("none", "the function returned None: print is not return."))
    if isinstance(value, dict) and set(outputs) <= set(value):
        return {name: value[name] for name in outputs}
    if len(outputs) == 1:
        return {outputs[0]: value[0] if isinstance(value, tuple) and value else value}
    if isinstance(value, tuple | list):
        flat = []
        for item in value:
            flat.extend(item if isinstance(item, tuple) and len(flat) < len(outputs) else [item])
        if len(flat) >= len(outputs):
            return dict(zip(outputs, flat, strict=False))
        got = f"{len(flat)} values"
    else:
        got = f"one {type(value).__name__}"
    return dict.fromkeys(outputs, Problem("form", f"the function returned {got}; expected {', '.join(outputs)}."))


def as_array(value):
    """What a student returns, as a float64 array: NumPy, list, number or torch tensor."""
    if isinstance(value, Problem):
        return value
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        array = np.asarray(value)
        if array.dtype.kind not in "biufO":
            return Problem("form", f"the type {array.dtype}; expected real numbers.")
        return array.astype(np.float64)
    except Exception:
        return Problem("form", f"a {type(value).__name__} that does not read as an array of numbers.")


def _run(question, answers, draws, own, seconds=None):
    """The Run on all draws; seconds: less time for a call than it would have."""
    values, modified = [], {}
    main = next(iter(answers.values()))
    impatiently = {name: impatient(function) for name, function in answers.items()}
    with stand_in(main, question.stand_ins if question.stand_ins and not own else {}):
        for draw in draws:
            with time_budget(seconds or draw.seconds):
                got, touched = _attempt(question, impatiently, draw.args, own)
            values.append({name: as_array(value) for name, value in got.items()})
            modified.update(dict.fromkeys(touched, draw.label))
    return Run(values, modified)


def _attempt(question, answers, args, own):
    """What question.attempt gives; whatever a student returns, a check does not fall over it."""
    try:
        return question.attempt(answers, args, own)
    except (Exception, TooLong) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        problem = Problem("form", f"what came back cannot be read as an answer ({said}).")
        return {part.name: problem for part in question.parts if part.form}, ()


def _hung(run):
    return any(getattr(value, "kind", "") == "time" for values in run.values for value in values.values())


def _count_problems(run):
    return sum(isinstance(value, Problem) for values in run.values for value in values.values())


def _close(got, want, tolerance):
    want = np.asarray(want, dtype=np.float64)
    if isinstance(got, Problem) or got.shape != want.shape:
        return False
    if not np.array_equal(np.isnan(got), np.isnan(want)):
        return False
    with np.errstate(invalid="ignore"):
        scale = np.max(np.abs(want[np.isfinite(want)]), initial=0.0) or 1.0
        return bool(np.all((np.abs(got - want) <= tolerance * scale) | (got == want) | np.isnan(want)))


def _tolerance(draw):
    arrays = (arg for arg in draw.args if isinstance(arg, np.ndarray))
    return RIGHT_FLOAT32 if any(a.dtype == np.float32 for a in arrays) else RIGHT


def _right_on(part, run, draws, wanted, kind="ordinary"):
    """For each draw of the kind that asks for this part: (label, right or not)."""
    return [
        (draw.label, _close(got[part.name], want[part.name], _tolerance(draw)))
        for draw, got, want in zip(draws, run.values, wanted, strict=True)
        if draw.kind == kind and part.name in want
    ]


def _right_everywhere(part, run, draws, wanted):
    return all(right for _, right in _right_on(part, run, draws, wanted))


def _describe(part, run, draws, wanted):
    """What to say about a value part that is wrong, and the hint it amounts to if no mistake is matched."""
    results = _right_on(part, run, draws, wanted)
    labels = {label for label, right in results if right}
    where = sorted(labels - {""})
    only = f" It is right only for {' and '.join(where)}." if where and "" not in labels else ""
    hint = f"only {where[0]}" if only and len(where) == 1 else None
    ordinary = [
        (draw, got[part.name], np.asarray(want[part.name]))
        for draw, got, want in zip(draws, run.values, wanted, strict=True)
        if draw.kind == "ordinary" and part.name in want
    ]
    for _draw, got, _want in ordinary:
        if isinstance(got, Problem):
            return got.text + only, hint or got.kind
    for _draw, got, want in ordinary:
        if got.shape != want.shape:
            size = f" = {want.shape}" if part.form.startswith("(") else f", {want.shape}" if want.shape else ""
            return f"given shape {got.shape}, expected {part.form}{size}.{only}", hint or "shape"
    if any(np.isnan(got).any() and not np.isnan(want).any() for _, got, want in ordinary):
        return f"NaN among the values; expected finite numbers.{only}", hint or "nan"
    if all(_close(got, want, 5e-3) for _, got, want in ordinary):
        if all(want.ndim == 0 for _, _, want in ordinary):
            return "almost right: digits are lost. Compute it, or give all of them.", "precision"
        return "almost right: digits are lost. A cast to fewer bits, or a step that is too coarse?", "precision"
    shape = f"shape {part.form}" if part.form.startswith("(") else part.form
    return f"{shape} as expected, but not the right values.{only}", hint


def _judge_property(part, good, run, draws, wanted):
    """A property of the value parts that are right."""
    if not good:
        return False, "needs one right value above.", None
    if part.name == UNCHANGED:
        if run.modified:
            names = ", ".join(f"`{name}`" for name in run.modified)
            return False, f"{names} was modified: work on a copy (`a = a + b`, not `a += b`).", "argument modified"
        return True, "", None
    if part.name == PRECISION:
        for draw, got, want in zip(draws, run.values, wanted, strict=True):
            if draw.kind == "ordinary" and _tolerance(draw) == RIGHT:
                imprecise = [name for name in good & set(want) if not _close(got[name], want[name], PRECISE)]
                if imprecise:
                    return False, "digits are lost: float64 came in, so compute in float64.", "precision"
        return True, "", None
    if part.of and part.of[0] not in good:
        return False, f"needs a right {part.of[0]} above.", None
    about = sorted(good & set(part.of or good))
    judged = [(name, _right_on(Part(name, 0), run, draws, wanted, part.on)) for name in about]
    for name, results in judged:
        if not all(right for _, right in results):
            for draw, got in zip(draws, run.values, strict=True):
                if draw.kind == part.on and isinstance(got[name], Problem):
                    return False, got[name].text, part.on
                if draw.kind == part.on and np.isnan(got[name]).any():
                    cause = (
                        "somewhere on the way infinite meets infinite, or 0 is divided by 0. Choose a form that never "
                        "comes there"
                    )
                    return False, f"{name} comes out as NaN for {draw.label}: {cause}.", part.on
            where = next(label for label, right in results if not right)
            return False, f"{name} is not right for {where}.", part.on
    return True, "", None


def _judge_own(question, answers, good, alone_good):
    """Does the function fit the forward pass that the student wrote?  Not judged while that is wrong by itself."""
    if not good:
        return False, "needs one right value above.", None
    if good == alone_good or (question.own_is_right and not question.own_is_right(answers)):
        return True, "", None
    text = "right on our cache, not on the one that your forward pass returns: one of the stored values is wrong."
    return False, text, "cache"


def _mixed(question, answers, run, draws, names):
    """Those of the values in which the result for a sequence depends on the others of its batch, or on its place."""
    if not question.batch:
        return []
    axes, outputs = question.batch
    place = next(k for k, draw in enumerate(draws) if draw.kind == "ordinary" and not draw.label)
    args, values = draws[place].args, run.values[place]
    names = [name for name in names if name in outputs and np.ndim(values[name]) > outputs[name]]
    names = [name for name in names if not isinstance(values[name], Problem)]
    if not names:
        return []

    def outcome(change):
        given = (arg if axis is None else change(arg, axis) for arg, axis in zip(args, axes, strict=True))
        return _attempt(question, answers, tuple(given), True)[0]

    def others_changed(kept):
        def change(arg, axis):  # lengths and masks stay
            return np.where(_is_at(kept, arg, axis), arg, -2 * arg) if arg.dtype.kind == "f" else arg

        return change

    again, moved = outcome(lambda arg, axis: arg), outcome(lambda arg, axis: np.roll(arg, 1, axis))
    first, last = outcome(others_changed(0)), outcome(others_changed(-1))
    found = []
    for name in names:
        axis, before = outputs[name], values[name]
        if not _close(as_array(again[name]), before, SAME):
            continue  # another result every time
        ends = [(np.take(before, [k], axis), as_array(got[name]), k) for k, got in ((0, first), (-1, last))]
        apart = _close(as_array(moved[name]), np.roll(before, 1, axis), SAME) and all(
            not isinstance(got, Problem) and got.shape == before.shape and _close(np.take(got, [k], axis), end, SAME)
            for end, got, k in ends
        )
        if not apart:
            found.append(name)
    return found


def _is_at(place, array, axis):
    """True at the entries of one place of an axis, in a shape that goes with the array."""
    shape = [1] * array.ndim
    shape[axis] = -1
    size = array.shape[axis]
    return (np.arange(size) == place % size).reshape(shape)


def _name_mistakes(question, wrong, run, draws, wanted):
    """Sentences that name the mistakes behind the wrong parts, the hints of these mistakes, and the parts explained."""
    cases = [
        (draw.args, got, want)
        for draw, got, want in zip(draws, run.values, wanted, strict=True)
        if draw.kind == "ordinary" and _tolerance(draw) == RIGHT
    ]
    explained: dict[frozenset, list[Mistake]] = {}
    failing = {part.name for part in wrong}
    if not any(not isinstance(got.get(name), Problem) for _, got, _ in cases for name in failing):
        return [], set(), set()
    for mistake in question.mistakes:
        with np.errstate(all="ignore"):
            outcomes = [mistake.wrong(*args) for args, _, _ in cases]
        trios = [(outcome, got, want) for outcome, (_, got, want) in zip(outcomes, cases, strict=True)]
        changes = {
            name
            for outcome, _, want in trios
            for name in outcome
            if not _close(as_array(outcome[name]), want[name], SAME)
        }
        matched = all(
            _close(got[name], outcome[name], SAME) for outcome, got, _ in trios for name in changes & outcome.keys()
        )
        if changes and changes <= failing and matched:
            explained.setdefault(frozenset(changes), []).append(mistake)
    sentences, ids, covered = [], set(), set()
    order = [part.name for part in wrong]
    for changes in sorted(explained, key=len, reverse=True):
        if not changes <= covered:
            covered |= changes
            mistakes = explained[changes]
            ids |= {mistake.hint for mistake in mistakes}
            which = ", ".join(name for name in order if name in changes)
            said = ". Or when ".join(mistake.text for mistake in mistakes)
            either = " The numbers are the same, so it may be either." if len(mistakes) > 1 else ""
            sentences.append(f"{which}: this is what comes out when {said}.{either}")
    return sentences, ids, covered
