"""Builds the course: assignments/*.py -> source/ -> nbgrader -> release/.

    python -m exercises.build                  every assignment, into exercises/
    python -m exercises.build lstm --root DIR  one of them, into another course folder

An assignment is a notebook in text form (py:percent).  Cells that belong to a question say so in their first line:

    # %% [markdown] question="lstm_step"      the statement
    # %% question="lstm_step"                 the answer, its solution between ### BEGIN SOLUTION and ### END SOLUTION
    # %% question="lstm_step" points=18       the test, its hidden part between ### BEGIN and ### END HIDDEN TESTS
    # %% question="scan" points=3 extra=true  the same for extra credit, which comes on top of the assignment's points
    # %% [markdown] question="why" points=4   a model answer, which a person marks by the rubric of the statement

JupyterLab keeps these marks when it saves.  Here they become nbgrader's metadata.  What is wrong with an assignment is
said before anything is written.
"""

import argparse
import importlib
import os
import re
import shutil
import sys
from pathlib import Path

import jupytext
import nbformat
from nbgrader.apps import NbGraderAPI
from traitlets.config import PyFileConfigLoader

HERE = Path(__file__).parent
ROLES = {
    "statement": {"locked": True},
    "answer": {"solution": True},
    "test": {"grade": True, "locked": True},
    "manual": {"grade": True, "solution": True},
}
SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")
HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")


def notebook(path):
    """The instructor's notebook of an assignment in text form; ValueError says what is wrong with it."""
    cells = [_Cell(path, number, cell) for number, cell in enumerate(jupytext.read(path, fmt="py:percent").cells)]
    _check(path, cells)
    made = nbformat.v4.new_notebook(cells=[cell.made() for cell in cells])
    made.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made.metadata.language_info = {"name": "python"}
    return made


def write_source(path, root):
    """root/source/<assignment>/<assignment>.ipynb from its text; anything else in that folder goes."""
    made = notebook(path)
    folder = Path(root) / "source" / path.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    nbformat.write(made, folder / f"{path.stem}.ipynb")


def release(name, root):
    """root/release/<assignment>/ from its source, by nbgrader; RuntimeError with nbgrader's log if that fails."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it calls alembic
    config = PyFileConfigLoader("nbgrader_config.py", path=str(HERE)).load_config()
    config.CourseDirectory.root = str(Path(root).resolve())
    shutil.rmtree(Path(root) / "release" / name, ignore_errors=True)
    outcome = NbGraderAPI(config=config).generate_assignment(name)
    if not outcome["success"]:
        raise RuntimeError(f"nbgrader could not release {name!r}:\n{outcome['log']}{outcome.get('error', '')}")


class _Cell:
    """A cell of the text, and its place in a question."""

    def __init__(self, path, number, cell):
        self.id, self.source, self.kind = f"{path.stem}-{number}", cell.source, cell.cell_type
        self.question, self.points = cell.metadata.get("question"), cell.metadata.get("points")
        self.extra = cell.metadata.get("extra", False)
        self.where = f"{path.name}, cell {number + 1}" + (f" ({self.question})" if self.question else "")
        self.role = None
        if self.question:
            ungraded, graded = ("statement", "manual") if self.kind == "markdown" else ("answer", "test")
            self.role = ungraded if self.points is None else graded
            self.id = self.question if self.points is not None else f"{self.question}-{self.role}"
        if unknown := set(cell.metadata) - {"question", "points", "extra", "lines_to_next_cell", "tags"}:
            raise ValueError(f"{self.where}: the mark {sorted(unknown)[0]!r} means nothing; use question and points")
        if self.points is not None and not self.question:
            raise ValueError(f"{self.where}: points stand only on a cell of a question: name it")

    def made(self):
        new = nbformat.v4.new_markdown_cell if self.kind == "markdown" else nbformat.v4.new_code_cell
        cell = new(self.source, id=self.id)
        if self.role:
            flags = {"grade": False, "solution": False, "locked": False, "task": False} | ROLES[self.role]
            cell.metadata.nbgrader = {**flags, "grade_id": self.id, "schema_version": 3}
            if self.points is not None:
                cell.metadata.nbgrader.points = self.points
        return cell


def _check(path, cells):
    questions = importlib.import_module(f"lstmkit.grading.{path.stem}").QUESTIONS
    seen = {}
    for cell in cells:
        for (begin, end), role, what in [(SOLUTION, "answer", "solution"), (HIDDEN, "test", "hidden test")]:
            begins, ends = cell.source.count(begin), cell.source.count(end)
            if begins != ends:
                raise ValueError(f"{cell.where}: {begins} × {begin!r} but {ends} × {end!r}")
            if cell.role == role and not begins:
                raise ValueError(f"{cell.where}: the {role} has no {what}, from {begin!r} to {end!r}")
            if cell.role != role and begins:
                raise ValueError(f"{cell.where}: a {what} outside of a question's {role} would be released")
        if not cell.role:
            continue
        if cell.id in seen:
            raise ValueError(f"{cell.where}: a second {cell.role} of this question; the first is {seen[cell.id].where}")
        seen[cell.id] = cell
        if cell.role == "manual":
            _check_manual(cell, questions, seen)
        elif cell.role == "test":
            _check_test(cell, questions, seen)
    by_hand = {cell.question for cell in seen.values() if cell.role == "manual"}
    for cell in seen.values():
        if cell.question not in questions and cell.question not in by_hand:
            raise ValueError(f"{cell.where}: lstmkit.grading.{path.stem} has no question {cell.question!r}")
    for name in questions:
        for grade_id in (f"{name}-statement", f"{name}-answer", name):
            if grade_id not in seen:
                raise ValueError(f"{path.name}: question {name!r} has no cell for {grade_id!r}")


def _check_test(cell, questions, seen):
    if cell.question not in questions:
        raise ValueError(f"{cell.where}: there is no question {cell.question!r} in the checks of this assignment")
    if f"{cell.question}-answer" not in seen:
        raise ValueError(f"{cell.where}: the test comes before the answer, or there is no answer")
    parts = questions[cell.question].points
    if cell.points != parts:
        raise ValueError(f"{cell.where}: {cell.points} points, but the parts of its check add up to {parts}")
    if cell.extra != questions[cell.question].extra:
        raise ValueError(f"{cell.where}: its mark says extra={cell.extra}, its check {questions[cell.question].extra}")


def _check_manual(cell, questions, seen):
    if cell.question in questions:
        raise ValueError(f"{cell.where}: a check marks this question already, so its points stand on the test")
    if f"{cell.question}-statement" not in seen:
        raise ValueError(f"{cell.where}: the model answer comes before the statement, or there is no statement")
    rubric = seen[f"{cell.question}-statement"].source.partition("**Rubric**")[2]
    points = sum(map(int, re.findall(r"^\|.*\| *(\d+) *\|$", rubric, flags=re.MULTILINE)))
    if points != cell.points:
        raise ValueError(f"{cell.where}: {cell.points} points, but the rows under **Rubric** add up to {points}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Build the notebooks of the course from their texts.")
    known = {path.stem: path for path in sorted((HERE / "assignments").glob("*.py"))}
    parser.add_argument("names", nargs="*", metavar="ASSIGNMENT", help=f"of {', '.join(known)}; all if none is named")
    parser.add_argument("--root", type=Path, default=HERE, help="the course folder (default: exercises/)")
    options = parser.parse_args(arguments)
    if missing := [name for name in options.names if name not in known]:
        parser.error(f"no assignment {missing[0]!r}; there are {', '.join(known)}")
    for name in options.names or known:
        try:
            write_source(known[name], options.root)
            release(name, options.root)
        except (ValueError, RuntimeError) as problem:
            sys.exit(str(problem))
        print(f"{name}: {options.root / 'release' / name / f'{name}.ipynb'}")


if __name__ == "__main__":
    main()
