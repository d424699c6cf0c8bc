"""Checks a whole notebook for a lone learner, with the points and messages that a course would give: `lstmkit check`.

The answers run here, in this process, as the learner's own code does in a notebook; nothing else is needed than NumPy
and the notebook's file.  Progress is kept beside the notebook, in ASSIGNMENT.progress.json.
"""

import ast
import contextlib
import importlib
import inspect
import io
import json
import linecache
import os
import sys
from datetime import date
from pathlib import Path
from typing import NamedTuple

from lstmkit.grading import personal, question

HERE = Path(__file__).parent


class Unreadable(Exception):
    """The notebook, or its name, is not what it should be; the text says what to do."""


class Trouble(NamedTuple):
    """A cell that did not run to its end."""

    cell: int
    text: str


class Result(NamedTuple):
    """What a notebook came to."""

    assignment: str
    reports: dict  # question -> Report
    troubles: tuple[Trouble, ...]
    by_hand: dict[str, int]  # question -> points that a person gives


def assignments():
    """The names of all assignments: the modules here that come with named mistakes."""
    return sorted(path.stem.removesuffix("_mistakes") for path in HERE.glob("*_mistakes.py"))


def checks(assignment):
    """The module with the checks of an assignment."""
    return importlib.import_module(f"lstmkit.grading.{assignment}")


def points(assignment):
    """The points of an assignment that a check gives, and its extra ones."""
    all_of_them = checks(assignment).QUESTIONS.values()
    return sum(q.points for q in all_of_them if not q.extra), sum(q.points for q in all_of_them if q.extra)


def find(name):
    """The assignment and the notebook that NAME means: an assignment, whose notebook is here, or a notebook's file."""
    path = Path(name)
    known = assignments()
    assignment = path.stem if path.suffix == ".ipynb" else name
    if path.suffix == ".ipynb" and assignment not in known and path.is_file():
        imported = [other for other in known if f"import {other} as check" in path.read_text(encoding="utf-8")]
        assignment = imported[0] if imported else assignment
    if assignment not in known:
        raise Unreadable(f"there is no assignment {assignment!r}; there are: {', '.join(known)}")
    if path.suffix != ".ipynb":
        path = Path(f"{name}.ipynb")
    if not path.is_file():
        raise Unreadable(
            f"there is no notebook {str(path)!r} here. Download it from the assignment's page in the book, "
            f"or make it with `make exercises` in the repository (exercises/release/{assignment}/{assignment}.ipynb); "
            f"if yours has another name or place, write `lstmkit check PATH/TO/IT.ipynb`"
        )
    return assignment, path


def read(path):
    """The cells of a notebook in format 4, as (kind, source, nbgrader's mark)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        cells = content["cells"] if content.get("nbformat", 4) == 4 else None
        if cells is not None:
            return [
                (cell["cell_type"], "".join(cell["source"]), cell.get("metadata", {}).get("nbgrader", {}))
                for cell in cells
            ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(
            f"{path} is not a notebook that can be read ({error}): save it again from JupyterLab"
        ) from error
    raise Unreadable(f"{path} has format {content['nbformat']}, expected 4: open it in JupyterLab and save it again")


def check(assignment, path, seed=0, only=None, progress=None):
    """Run the answers of a notebook and check every question, or the one named `only`; returns the Result.

    progress: called with the name of each question before it is checked.
    """
    module = checks(assignment)
    if only is not None and only not in module.QUESTIONS:
        raise Unreadable(f"there is no question {only!r} in {assignment}; there are: {', '.join(module.QUESTIONS)}")
    cells = read(path)
    personal.code("")
    with _at_home(path):
        names, troubles = _run(cells, module)
        reports = {}
        for name, asked in module.QUESTIONS.items():
            if only in (None, name):
                if progress:
                    progress(name)
                taken = [place for place in inspect.signature(getattr(module, name)).parameters if place != "seed"]
                reports[name] = question.examine(asked, {place: names.get(place, _missing) for place in taken}, seed)
    by_hand = {
        mark["grade_id"]: mark["points"]
        for kind, _, mark in cells
        if kind == "markdown" and mark.get("grade") and mark.get("solution")
    }
    return Result(assignment, reports, tuple(troubles), by_hand)


def _missing(*args):
    raise NotImplementedError


def _run(cells, module):
    """The names that the notebook's cells define, its tests left out, and what went wrong on the way."""
    names, troubles = {"__name__": "__main__"}, []
    for number, (kind, source, _) in enumerate(cells, start=1):
        if kind != "code":
            continue
        lines = ["pass" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n")]
        source, file = "\n".join(lines), f"<cell {number}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            tree = ast.parse(source, file)
            if _is_test(tree, module):
                continue
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                exec(compile(tree, file, "exec"), names)
        except KeyboardInterrupt:
            raise
        except NotImplementedError:
            continue  # a cell that waits for an answer
        except BaseException as error:
            troubles.append(Trouble(number, f"{type(error).__name__}: {error}"))
    return names, troubles


def _is_test(tree, module):
    """A cell that calls a check of a question."""
    return any(
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Call)
        and isinstance(line.value.func, ast.Attribute)
        and line.value.func.attr in module.QUESTIONS
        for line in tree.body
    )


@contextlib.contextmanager
def _at_home(path):
    """While it lasts, this process is where the notebook is, and its figures are drawn out of sight."""
    where, searched = Path.cwd(), list(sys.path)
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.chdir(path.resolve().parent)
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        os.chdir(where)
        sys.path[:] = searched


# What has been reached so far


def progress_file(assignment, path):
    """Where the progress of a notebook is kept: beside it."""
    return path.with_name(f"{assignment}.progress.json")


def load_progress(file):
    """{question: {"points", "of", "best", "hints", "on"}}; a file that cannot be read is kept under another name."""
    if not file.exists():
        return {}
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))["questions"]
        return {name: {"points": 0.0, "of": 0, "best": 0.0, "hints": 0, "on": ""} | row for name, row in kept.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        aside = file.with_suffix(".broken.json")
        file.replace(aside)
        print(
            f"lstmkit check: {file} could not be read; it is kept as {aside}, and progress starts anew", file=sys.stderr
        )
        return {}


def save_progress(file, kept):
    """Write it whole or not at all."""
    new = file.with_suffix(".new.json")
    new.write_text(json.dumps({"questions": kept}, indent=1) + "\n", encoding="utf-8")
    new.replace(file)


def add_to_progress(kept, result):
    """The progress with the points of a Result in it; the best of a question never falls."""
    kept = dict(kept)
    for name, report in result.reports.items():
        old = kept.get(name, {"best": 0.0, "hints": 0})
        total = sum(verdict.part.points for verdict in report.verdicts)
        best = max(old["best"], report.points)
        kept[name] = old | {"points": report.points, "of": total, "best": best, "on": date.today().isoformat()}
    return kept


def next_hint(assignment, name, kept):
    """The text of the next hint of a question, and the progress in which it counts as shown."""
    asked = checks(assignment).QUESTIONS.get(name)
    if asked is None:
        known = ", ".join(checks(assignment).QUESTIONS)
        raise Unreadable(f"there is no question {name!r} in {assignment}; there are: {known}")
    row = kept.get(name, {"points": 0.0, "of": asked.points, "best": 0.0, "hints": 0, "on": ""})
    step = min(row["hints"] + 1, len(asked.hints))
    text = f"{name}, hint {step} of {len(asked.hints)}: {asked.hints[step - 1]}"
    return text, kept | {name: row | {"hints": step}}


def summary(result, kept):
    """The table at the end: each question, the points of this run and the best so far, and the sum."""
    asked = checks(result.assignment).QUESTIONS
    width = max(map(len, [*result.reports, *result.by_hand]))
    lines, got, of, more = [], 0.0, 0, 0.0
    for name, report in result.reports.items():
        total = asked[name].points
        mark = "✓" if not report.lost else "·" if report.hints == {"blank"} else "✗"
        best = f"  best so far {kept[name]['best']:g}" if kept[name]["best"] > report.points else ""
        extra = "  extra" if asked[name].extra else ""
        said = "  not written yet" if report.hints == {"blank"} else ""
        lines.append(f"  {mark} {name:<{width}} {report.points:>4g} of {total}{extra}{said}{best}")
        if asked[name].extra:
            more += report.points
        else:
            got, of = got + report.points, of + total
    for name, total in result.by_hand.items():
        lines.append(f"    {name:<{width}}    – of {total}  for a person to mark, by its rubric")
    ended = f"{result.assignment}: {got:g} of {of} points" + (f", and {more:g} extra" if more else "")
    return "\n".join([ended, *lines])


def all_right(result):
    """Whether no point is missing, extra ones aside."""
    asked = checks(result.assignment).QUESTIONS
    return all(not report.lost or asked[name].extra for name, report in result.reports.items())
