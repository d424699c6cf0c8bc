"""Judges one submission: runs its cells in a worker, and the tests here, where the student's functions are questions.

The tests are those of the course's source notebook, and run as they stand there: `check.lstm_step(lstm_step, seed=…)`,
or any other code.  What they take from the student's notebook is looked up in the worker; the value of the last line
is the score, as in nbgrader.  Cells and tests take turns in the notebook's order, so that a name means what it meant
there.

As a program it is a judge: a process of its own that takes one Task a line from standard input and answers with one
Outcome a line, so that whoever waits for it can end it and begin a new one (pool.py).
"""

import ast
import base64
import builtins
import contextlib
import importlib
import io
import json
import os
import resource
import sys
from typing import NamedTuple

from lstmkit.grader import outcome, sandbox
from lstmkit.grader.outcome import ANSWER, GIVEN, MANUAL, OWN, TEST, Mark, Outcome
from lstmkit.grader.remote import Session
from lstmkit.grading import guard, notebook, personal, question

MEMORY = 6 << 30  # bytes of address space of a judge, which has to hold nothing large
MISSING = "the code that this question asks for is not in the notebook, or did not run"
ONLY_TYPE = "raised {}; the check ended there."


class Task(NamedTuple):
    """All that is needed to judge a submission; see `plain_task`."""

    assignment: str
    student: str
    key: str
    readable: bool
    repairs: tuple[str, ...]
    cells: tuple[outcome.Cell, ...]
    files: dict[str, bytes]  # data files beside the notebook
    tests: dict[str, str]  # grade_id -> the whole test, with its hidden part
    given: str  # the import statements of the source notebook
    tools: tuple[str, ...]  # what the release's own cells take from the module of the checks, besides the questions
    code: str  # the student's code for numbers of their own
    cell_seconds: float = 60.0
    seconds: float = 300.0  # for everything


def judge(task, spawn):
    """The Outcome of a Task; spawn: gives a new worker.  sandbox.Unavailable and OSError are the machine's, not the
    student's, and go through.
    """
    os.environ[personal.VARIABLE] = task.code
    checks = _checks(task.assignment)
    cells, marks = [], []
    session = Session(spawn, _setup(task, checks), task.seconds)
    try:
        known = _imported(task.given)
        for number, cell in enumerate(task.cells):
            if cell.role == TEST:
                marks.append(_mark(cell, task, session, known, checks))
                session.take_back()
            elif task.readable and cell.kind == "code" and cell.role in (GIVEN, ANSWER, OWN) and cell.source.strip():
                cell = cell._replace(outputs=_shown(session.cell(number, cell.source, task.cell_seconds)))
            cells.append(cell)
    finally:
        session.close()
        os.environ.pop(personal.VARIABLE, None)
    by_hand = tuple((cell.grade_id, cell.points) for cell in task.cells if cell.role == MANUAL)
    return Outcome(
        task.assignment, task.student, task.key, task.readable, task.repairs, tuple(cells), tuple(marks), by_hand
    )


def _checks(assignment):
    """The module with the checks of one of the book's assignments; None for others."""
    return notebook.checks(assignment) if assignment in notebook.assignments() else None


def _setup(task, checks):
    """The first message to a worker: the files, and what it may know of the checks."""
    if checks is None:
        return {"do": "setup", "questions": []}, [task.files, "", {"yours": {}}, {}]
    yours = {name: question.yours(asked) for name, asked in checks.QUESTIONS.items() if asked.yours}
    plain, lent = {"yours": yours}, {}
    for name in task.tools:
        value = getattr(checks, name)
        (lent if callable(value) else plain)[name] = value
    return {"do": "setup", "questions": list(checks.QUESTIONS)}, [task.files, checks.__name__, plain, lent]


def _imported(statements):
    """The names that the source notebook imports."""
    names = {}
    exec(compile(statements, "<imports>", "exec"), names)
    return {name: value for name, value in names.items() if not name.startswith("__")}


def _shown(outputs):
    """The outputs of a cell as an Outcome keeps them: text, and pictures that are some."""
    shown = []
    for output in outputs[:200]:
        if isinstance(output, dict) and isinstance(output.get("text"), str):
            shown.append({"text": output["text"][:200_000]})
        elif isinstance(output, dict) and isinstance(output.get("error"), str):
            shown.append({"error": output["error"][:2000]})
        elif isinstance(output, dict) and isinstance(output.get("png"), bytes):
            shown.append({"png": base64.b64encode(output["png"]).decode()})
    return tuple(shown)


def _mark(cell, task, session, known, checks):
    """The Mark for a test cell."""
    asked = checks.QUESTIONS.get(cell.grade_id) if checks else None
    source = task.tests[cell.grade_id]
    tree = ast.parse(source)
    if asked is not None and all(_is_check(line) for line in tree.body):
        tree.body = tree.body[-1:]  # the visible check would say the same as the hidden one, with other numbers
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - set(known) - set(vars(builtins))
    found = _found(names, session) if task.readable else {}
    if asked is not None:
        found = dict.fromkeys(names, _missing) | found
    said = io.StringIO()
    with guard.from_outside(), question.recording() as reports, contextlib.redirect_stdout(said):
        try:
            points = _points(_value_of(tree, dict(known) | found), cell.points)
            text = said.getvalue().strip()
        except (Exception, guard.TooLong) as error:
            points, text = 0.0, _why(error, names - set(found))
    if not reports:
        return Mark(cell.grade_id, points, cell.points, False, text)
    report = reports[-1]
    more = question.hint(asked) if asked and asked.hints and report.lost else ""
    hints = tuple(sorted(report.hints))
    return Mark(cell.grade_id, points, cell.points, bool(asked and asked.extra), str(report), hints, more)


def _found(names, session):
    """{name: value} of those that the student's cells define."""
    try:
        return session.names(sorted(names))
    except (guard.Ended, guard.TooLong):
        return {}


def _missing(*args):
    raise NotImplementedError


def _is_check(line):
    return (
        isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) and isinstance(line.value.func, ast.Attribute)
    )


def _value_of(tree, names):
    """Run the statements; the value of the last one if it is an expression, else None."""
    *lines, last = tree.body or [ast.Pass()]
    if not isinstance(last, ast.Expr):
        lines, last = tree.body, None
    exec(compile(ast.Module(lines, []), "<test>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<test>", "eval"), names) if last else None


def _points(value, most):
    """nbgrader's rule: a number is the score, anything else means that nothing failed."""
    if type(value) in (int, float) and value == value:
        return float(min(max(value, 0.0), most))
    return float(most)


def _why(error, missing):
    """What to say where a test that is not one of the book's raised something: no value that it expected."""
    if isinstance(error, guard.TooLong):
        return f"your code did not come to an end within {guard.SECONDS:g} seconds."
    if isinstance(error, NameError) and missing:
        return f"{', '.join(f'`{name}`' for name in sorted(missing))}: {MISSING}."
    if isinstance(error, guard.Raised | guard.Ended | NotImplementedError):
        return f"your code {error}" if str(error) else "not written yet."
    frames = error.__traceback__
    while frames.tb_next:
        frames = frames.tb_next
    own_words = isinstance(error, AssertionError) and frames.tb_frame.f_code.co_filename == "<test>" and error.args
    return f"{error.args[0]}"[:500] if own_words else ONLY_TYPE.format(type(error).__name__)


# A judge as a process


def plain_task(task):
    """The task as what json.dumps takes."""
    files = {name: base64.b64encode(data).decode() for name, data in task.files.items()}
    return task._asdict() | {"cells": [cell._asdict() for cell in task.cells], "files": files}


def _task(plain):
    cells = tuple(outcome.Cell(**(cell | {"outputs": tuple(cell["outputs"])})) for cell in plain["cells"])
    files = {name: base64.b64decode(data) for name, data in plain["files"].items()}
    return Task(
        **(plain | {"cells": cells, "files": files, "repairs": tuple(plain["repairs"]), "tools": tuple(plain["tools"])})
    )


def main():
    """Answer tasks until standard input ends.  The first line is the sandbox: {"backend", "modules", ...}."""
    if sys.platform == "linux":  # elsewhere it is not kept to
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    tasks, answers = sys.stdin, os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that is printed here may be taken for an answer
    importlib.import_module("lstmkit.grading.question")
    try:
        warm = sandbox.Sandbox(**json.loads(next(tasks)))
    except sandbox.Unavailable as error:
        print(json.dumps({"unavailable": str(error)}), file=answers, flush=True)
        sys.exit(3)
    with warm:
        for line in tasks:
            made = judge(_task(json.loads(line)), warm.spawn)
            print(json.dumps(outcome.to_json(made)), file=answers, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main()
