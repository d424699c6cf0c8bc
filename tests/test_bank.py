"""Every check of the course, graded: its key, its blank, the mistakes of its bank, right answers in other styles."""

import importlib
import inspect
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from exercises.mistakes import bank
from lstmkit.grading import guard, personal, question
from lstmkit.grading.question import OWN, PRECISION, UNCHANGED, examine

jupytext = pytest.importorskip("jupytext")  # reads the assignments; the checks need NumPy alone

TEXTS = {path.stem: path for path in sorted((Path(__file__).parents[1] / "exercises" / "assignments").glob("*.py"))}
CHECKS = {assignment: importlib.import_module(f"lstmkit.grading.{assignment}") for assignment in TEXTS}
QUESTIONS = [
    pytest.param(assignment, q, id=f"{assignment}-{q.name}")
    for assignment, check in CHECKS.items()
    for q in check.QUESTIONS.values()
]
ENTRIES = [entry for assignment in TEXTS for entry in bank.entries(assignment)]
WRONG = [entry for entry in ENTRIES if entry.hints]
RIGHT = [entry for entry in ENTRIES if not entry.hints]
NEEDED = r"\A(import|from) |check\.yours\("  # of the cells that are not graded
CODES = ["", *(personal.code_of("a secret of the tests", student) for student in ("ada", "boole", "cantor"))]


def named(entry):
    return f"{entry.assignment}-{entry.question}-{entry.name}"


def cases(entries):
    """The quick tests try one assignment, the slow ones all."""
    slow = {False: [pytest.mark.slow], True: []}
    return [pytest.param(entry, id=named(entry), marks=slow[entry.assignment == "lstm"]) for entry in entries]


def question_of(entry):
    return CHECKS[entry.assignment].QUESTIONS[entry.question]


def blank(source):
    return re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "raise NotImplementedError()", source, flags=re.DOTALL)


@cache
def cells_of(assignment):
    return jupytext.read(TEXTS[assignment], fmt="py:percent").cells


def answers(assignment, change=lambda source: source):
    """What the cells of an assignment define, its tests left out, each source changed by `change`."""
    namespace = {"np": np}
    for cell in cells_of(assignment):
        if cell.cell_type == "code" and "question" in cell.metadata and "points" not in cell.metadata:
            exec(change(cell.source), namespace)
        elif (
            cell.cell_type == "code"
            and "question" not in cell.metadata
            and re.search(NEEDED, cell.source, re.MULTILINE)
        ):
            exec(cell.source, namespace)
    return namespace


def places(assignment, name, namespace):
    """The functions that the check of a question takes."""
    taken = inspect.signature(getattr(CHECKS[assignment], name)).parameters
    return {place: namespace[place] for place in taken if place != "seed"}


@pytest.fixture(autouse=True)
def everybody(monkeypatch):
    """Nobody's code, unless a test says whose."""
    monkeypatch.setenv(personal.VARIABLE, "")


@pytest.fixture
def short_time(monkeypatch):
    monkeypatch.setattr(guard, "SECONDS", 0.3)


@pytest.mark.parametrize(("assignment", "q"), QUESTIONS)
def test_the_key_gets_everything(assignment, q, seed, monkeypatch):
    for number, code in [(0, ""), (seed, ""), (0, CODES[1])]:
        monkeypatch.setenv(personal.VARIABLE, code)
        report = examine(q, places(assignment, q.name, answers(assignment)), number)
        assert report.points == q.points, report
        assert not report.hints, report


@pytest.mark.parametrize(("assignment", "q"), QUESTIONS)
def test_the_blank_gets_nothing_and_a_kind_word(assignment, q):
    report = examine(q, places(assignment, q.name, answers(assignment, blank)))
    assert report.points == 0
    assert report.hints == {"blank"}
    assert "not written yet" in str(report)


@pytest.mark.parametrize(("assignment", "q"), QUESTIONS)
def test_a_question_is_whole(assignment, q):
    """Points for every part, a ladder of hints, a bank of mistakes and of right answers in other styles."""
    assert all(part.points == int(part.points) > 0 for part in q.parts)
    assert len(q.hints) >= 2, "a ladder has two steps at least"
    assert all(text.endswith((".", "?", "!", ":", "`", "$")) for text in q.hints)
    wrong = {entry.name for entry in WRONG if (entry.assignment, entry.question) == (assignment, q.name)}
    right = {entry.name for entry in RIGHT if (entry.assignment, entry.question) == (assignment, q.name)}
    assert len(wrong) >= 3, wrong
    assert len(right) >= 4, right
    for part in q.parts:
        if part.form or part.on:
            assert any(part.name in entry.loses for entry in WRONG if entry.question == q.name), (
                f"no mistake loses {part}"
            )


@pytest.mark.parametrize(("assignment", "q"), [param for param in QUESTIONS if param.values[1].yours])
def test_an_answer_passed_on_does_not_score(assignment, q, monkeypatch, capsys):
    """The right answers of one student are wrong for others, unless they are computed from one's own numbers."""
    monkeypatch.setenv(personal.VARIABLE, CODES[1])
    passed_on = places(assignment, q.name, answers(assignment))
    assert examine(q, passed_on).points == q.points
    scores = []
    for code in ["", *CODES[2:]]:
        monkeypatch.setenv(personal.VARIABLE, code)
        scores.append(examine(q, passed_on).points)
    assert sum(scores) / len(scores) <= 0.5 * q.points, scores


def test_every_assignment_has_a_question_with_numbers_of_ones_own():
    for assignment, check in CHECKS.items():
        assert any(q.yours for q in check.QUESTIONS.values()), assignment
        assert any(q.extra for q in check.QUESTIONS.values()), assignment


def test_the_bank_is_large_enough():
    assert len({(entry.assignment, entry.question, entry.name) for entry in WRONG}) >= 200


@pytest.mark.parametrize("entry", cases(WRONG))
def test_a_mistake_loses_what_it_should_and_gets_its_hint(entry, request):
    if entry.needs:
        pytest.importorskip(entry.needs)
    if entry.hints == {"time"}:
        request.getfixturevalue("short_time")
    report = examine(question_of(entry), entry.answers)
    assert report.lost == entry.loses, report
    assert report.hints == entry.hints, report
    assert_no_expected_number(report, question_of(entry))


@pytest.mark.parametrize("entry", cases(RIGHT))
def test_a_right_answer_in_another_style_keeps_everything(entry):
    if entry.needs:
        pytest.importorskip(entry.needs)  # here, not in the student's time
    report = examine(question_of(entry), entry.answers)
    assert not report.lost, report


def assert_no_expected_number(report, q):
    """No number with decimals is said, and no single number that is asked for; sizes and the student's line may be."""
    said = re.sub(r"in the line `.*?`|\d+/\d+|\d+ of \d+ points|shape \([^)]*\)|= \([^)]*\)", "", str(report))
    assert not re.search(r"\d\.\d\d|\de[-+]\d", said), report
    for draw in question.draws_of(q, report.seed):
        for value in q.key(*draw.args).values():
            if np.ndim(value) == 0 and abs(float(value)) >= 10:
                assert not re.search(rf"\b{float(value):g}\b", said), report


@pytest.mark.slow
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("assignment", TEXTS)
def test_other_seeds_and_other_students_get_the_same_verdicts(assignment, code, monkeypatch):
    monkeypatch.setenv(personal.VARIABLE, code)
    for entry in ENTRIES:
        if entry.assignment != assignment or entry.hints == {"time"} or (entry.needs and not find_spec(entry.needs)):
            continue
        report = examine(question_of(entry), entry.answers, 1 + CODES.index(code))
        assert (report.lost, report.hints) == (entry.loses, entry.hints), f"{named(entry)}\n{report}"


@pytest.mark.parametrize(("assignment", "q"), QUESTIONS)
def test_named_wrong_outcomes_are_wrong(assignment, q, seed):
    """Each differs from the right values on an ordinary draw, and comes without a full stop into its sentence."""
    draws = [d for d in question.draws_of(q, seed) if d.kind == "ordinary" and question._tolerance(d) == question.RIGHT]
    assert len({mistake.hint for mistake in q.mistakes}) == len(q.mistakes)
    for mistake in q.mistakes:
        assert not mistake.text.endswith(".")
        differences = []
        for draw in draws:
            key = q.key(*draw.args)
            with np.errstate(all="ignore"):
                wrong = mistake.wrong(*draw.args)
            assert set(wrong) <= set(key)
            differences += [
                not question._close(np.asarray(wrong[part], float), key[part], question.RIGHT) for part in wrong
            ]
        assert any(differences), mistake.hint


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "q"), QUESTIONS)
def test_every_named_mistake_is_named_by_its_own_numbers(assignment, q, seed):
    draws = question.draws_of(q, seed)
    wanted = [q.key(*draw.args) for draw in draws]
    for mistake in q.mistakes:
        with np.errstate(all="ignore"):
            values = [key | mistake.wrong(*draw.args) for draw, key in zip(draws, wanted, strict=True)]
        run = question.Run([{part: question.as_array(value) for part, value in got.items()} for got in values], {})
        wrong = [part for part in q.parts if part.form and not question._right_everywhere(part, run, draws, wanted)]
        _, hints, _ = question._name_mistakes(q, wrong, run, draws, wanted)
        assert mistake.hint in hints
        assert len(hints) <= 2, hints


class Odd:
    """Has no length, no truth, no type that an array could have."""

    def __len__(self):
        raise TypeError("no length")

    def __bool__(self):
        raise ValueError("neither true nor false")

    def __call__(self, *args):
        return self


ODD = [
    None, 3, -1.5, "text", "", b"bytes", True, [], (), {}, set(), [[1, 2], [3]], [None], ("a", "b", "c"), {"a": 1},
    {1: 2}, 1j, float("nan"), float("inf"), 10**400, np.array(None), np.array([]), np.zeros((0, 3)), np.zeros((1,) * 9),
    np.array(["x"]), np.full((2, 2), np.nan), np.ma.masked_all(3), object(), Odd(), Odd, int, range(3), iter([1, 2]),
    (np.zeros(3),) * 9, [np.zeros((2, 3))] * 7, lambda *args: 1, {"cache": None}, NotImplemented, Ellipsis,
]  # fmt: skip


def returning(value):
    return lambda *args, **options: value


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "q"), QUESTIONS)
def test_no_answer_breaks_a_check(assignment, q):
    """Whatever comes back, or whatever stands in the place of a function, is judged, and gets at most half."""
    taken = [place for place in inspect.signature(getattr(CHECKS[assignment], q.name)).parameters if place != "seed"]
    for odd in ODD:
        for given in (odd, returning(odd)):
            report = examine(q, dict.fromkeys(taken, given))
            assert report.points <= 0.5 * q.points, (odd, report)
            assert str(report)


@pytest.mark.slow
@pytest.mark.parametrize("assignment", TEXTS)
def test_an_assignment_needs_no_torch(assignment, tmp_path):
    """Every cell of the key runs where torch cannot be imported, hidden tests included, with full points."""
    cells = [cell for cell in cells_of(assignment) if cell.cell_type == "code"]
    program = tmp_path / "key.py"
    begin = "import sys\nsys.modules['torch'] = None\nimport matplotlib\nmatplotlib.use('Agg')\n"
    program.write_text(begin + "\n".join(cell.source for cell in cells) + "\nassert not sys.modules['torch']")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "✗" not in done.stdout
    assert len(re.findall(r"^\w+: (\d+) of \1 points$", done.stdout, re.MULTILINE)) == 2 * len(
        CHECKS[assignment].QUESTIONS
    )


def test_the_parts_that_every_question_may_have_are_spelled_as_one():
    for param in QUESTIONS:
        for part in param.values[1].parts:
            if not part.form and not part.on:
                assert part.name in (UNCHANGED, PRECISION, OWN), part
