"""What grading a submission came to: plain data, the same whoever computed it, kept in a file for each submission.

Nothing in an Outcome is secret: it holds the student's own cells, what they printed, the points and the messages.  It
is text from outside all the same: whoever shows it has to escape it.
"""

from typing import NamedTuple

GIVEN, ANSWER, TEST, MANUAL, OWN = "given", "answer", "test", "manual", "own"


class Cell(NamedTuple):
    """A cell of a rebuilt notebook.

    role: GIVEN (the release's text or code), ANSWER (the student's code to a question), TEST (the release's check,
    never the student's version of it), MANUAL (an answer that a person marks), OWN (a cell that the student added).
    """

    role: str
    kind: str  # "code" or "markdown"
    source: str
    grade_id: str = ""  # nbgrader's id: "lstm_step-answer", "lstm_step" for its test; "" where there is none
    points: float = 0.0  # of a TEST or MANUAL cell, the most it can bring
    changed: bool = False  # an ANSWER or MANUAL that is not the release's text any more
    outputs: tuple[dict, ...] = ()  # {"text": ...}, {"png": base64}, {"error": "NameError: ..."}, in order


class Mark(NamedTuple):
    """The points of one question and what is said about them."""

    question: str  # the grade_id of its test
    points: float
    of: float
    extra: bool  # its points come on top of the assignment's
    text: str  # the whole report, several lines
    hints: tuple[str, ...] = ()  # the hints that a mistake got, by their names in the bug bank
    next_hint: str = ""  # the first step of the question's ladder of hints, where points were lost


class Outcome(NamedTuple):
    """A graded submission."""

    assignment: str
    student: str
    key: str  # the content hash of answers, tests and grader that it belongs to
    readable: bool  # False: the file was not a notebook; every mark is 0 until a person has looked
    repairs: tuple[str, ...]  # what was mended before grading, a sentence each
    cells: tuple[Cell, ...]
    marks: tuple[Mark, ...]  # the questions that a check marks, in the notebook's order
    by_hand: tuple[tuple[str, float], ...] = ()  # (question, points at most) that a person marks

    @property
    def points(self):
        return sum(mark.points for mark in self.marks)


def to_json(outcome):
    """The outcome as what json.dumps takes."""
    plain = outcome._asdict()
    plain["cells"] = [cell._asdict() for cell in outcome.cells]
    plain["marks"] = [mark._asdict() for mark in outcome.marks]
    return plain


def from_json(plain):
    """The Outcome that to_json made plain; KeyError or TypeError where it is something else."""
    cells = tuple(Cell(**(cell | {"outputs": tuple(cell["outputs"])})) for cell in plain["cells"])
    marks = tuple(Mark(**(mark | {"hints": tuple(mark["hints"])})) for mark in plain["marks"])
    by_hand = tuple((question, points) for question, points in plain["by_hand"])
    return Outcome(**(plain | {"cells": cells, "marks": marks, "by_hand": by_hand, "repairs": tuple(plain["repairs"])}))
