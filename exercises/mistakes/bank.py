"""The bug bank: wrong answers, what they must lose and be told, and right answers in other styles.

One folder per assignment, one file per question, named after it.  A file begins with right functions, which take the
places that an entry leaves open; then come the entries, written as students write, without a look at the checks.
"""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

EVERYTHING = "everything"
HERE = Path(__file__).parent


class Entry(NamedTuple):
    """One answer, wrong or right."""

    assignment: str
    question: str
    name: str
    answers: dict[str, Callable]  # all functions that the check of the question takes
    loses: dict[str, int]  # part -> points; empty for a right answer
    hints: frozenset[str]  # exactly the hints that it must get
    source: str  # where it was seen in public, if it was
    needs: str  # a package without which it cannot run


def mistake(hint, loses, of=None, source="", **places):
    """Marks a wrong answer.

    hint: the hint that it must get, or several if they cannot be told apart; loses: {part: points}, or EVERYTHING; of:
    the function that it stands for, if not the question's own; places: functions that go with it.
    """
    hints = {hint} if isinstance(hint, str) else set(hint)
    return _mark(hints=frozenset(hints), loses=loses, of=of, source=source, places=places, needs="")


def right(of=None, needs="", **places):
    """Marks a right answer in another style."""
    return _mark(hints=frozenset(), loses={}, of=of, source="", places=places, needs=needs)


def entries(assignment):
    """All Entries of an assignment, in the order of the files."""
    found = []
    check = importlib.import_module(f"lstmkit.grading.{assignment}")
    for path in sorted((HERE / assignment).glob("*.py")):
        module = importlib.import_module(f"exercises.mistakes.{assignment}.{path.stem}")
        question = check.QUESTIONS[path.stem]
        places = [name for name in inspect.signature(getattr(check, path.stem)).parameters if name != "seed"]
        everything = {part.name: part.points for part in question.parts}
        for name, function in list(vars(module).items()):
            for mark in getattr(function, "bank_marks", []):
                given = mark["places"] | {mark["of"] or path.stem: function}
                answers = {place: given.get(place) or getattr(module, place) for place in places}
                loses = everything if mark["loses"] == EVERYTHING else mark["loses"]
                found.append(
                    Entry(assignment, path.stem, name, answers, loses, mark["hints"], mark["source"], mark["needs"])
                )
    return found


def _mark(**mark):
    def keep(function):
        function.bank_marks = [*getattr(function, "bank_marks", []), mark]
        return function

    return keep
