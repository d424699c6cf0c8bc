"""Makes the notebooks of the corpora from the course's own: plain JSON throughout, so that anything can be broken.

notebook = solved("lstm", lstm_step="def lstm_step(...): ...")
insert(notebook, "sigmoid", "print('mine')")
Case("a print", "own cells", {"lstm.ipynb": to_bytes(notebook)}, "lstm", "full")
"""

import atexit
import copy
import json
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n?", flags=re.MULTILINE)


class Case(NamedTuple):
    """A submission of a corpus, and what must come of it.

    files: the submission folder's files, by their path in it: {"lstm.ipynb": ..., "numpy/__init__.py": ...}.
    expect: "full" (all points that a check gives), "unreadable" (0, and the file is named as unreadable), or a dict
        {question: points} of the questions that do not come to full points.  A corpus may say more in its docstring.
    """

    name: str
    family: str
    files: dict[str, bytes]
    assignment: str
    expect: Any


def released(assignment):
    """The notebook that students get, as parsed JSON; a fresh copy each time."""
    return copy.deepcopy(_read("release", assignment))


def solved(assignment, **replace):
    """The released notebook with the key's answers in it, those in words too.

    replace: {question: source}, other code (or text) for the answers of these questions.
    """
    notebook = released(assignment)
    for kept in _read("source", assignment)["cells"]:
        mark = kept["metadata"].get("nbgrader", {})
        if mark.get("solution"):
            cell(notebook, mark["grade_id"])["source"] = MARK.sub("", source(kept)).rstrip("\n")
    for question, text in replace.items():
        answer(notebook, question, text)
    return notebook


def answer(notebook, question, text):
    """Puts `text` into the answer of a question, of code or of words; returns the notebook."""
    ids = {grade_id(one) for one in notebook["cells"]}
    target = cell(notebook, f"{question}-answer" if f"{question}-answer" in ids else question)
    if not target["metadata"]["nbgrader"]["solution"]:
        raise KeyError(f"the question {question!r} has no cell for an answer")
    target["source"] = text
    return notebook


def insert(notebook, after, text, kind="code"):
    """Puts a cell of the student's own after the one with the grade_id (or id) `after`, at the top if it is None.

    The cell gets a random-looking id that no other cell has, as in JupyterLab; returns the new cell.
    """
    new = {"cell_type": kind, "id": f"{len(notebook['cells']):08x}", "metadata": {}, "source": text}
    if kind == "code":
        new |= {"execution_count": None, "outputs": []}
    place = 0 if after is None else 1 + notebook["cells"].index(cell(notebook, after))
    notebook["cells"].insert(place, new)
    return new


def cell(notebook, which):
    """The cell with this grade_id or, without one, with this id; KeyError if there is none."""
    for one in notebook["cells"]:
        if which == (grade_id(one) or one.get("id")):
            return one
    raise KeyError(f"the notebook has no cell {which!r}")


def grade_id(one):
    """nbgrader's id of a cell, None without one."""
    return one["metadata"].get("nbgrader", {}).get("grade_id")


def source(one):
    """The text of a cell, whether it is kept as a string or as a list of lines."""
    return "".join(one["source"])


def to_bytes(notebook):
    """The file, as JupyterLab writes it."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def write(case, folder):
    """Puts the files of a case into the submission folder `folder`."""
    for name, content in case.files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@cache
def _read(stage, assignment):
    file = Path(stage) / assignment / f"{assignment}.ipynb"
    both = all((ROOT / "exercises" / step / assignment / file.name).is_file() for step in ("source", "release"))
    return json.loads(((ROOT / "exercises" if both else _built(assignment)) / file).read_text(encoding="utf-8"))


@cache
def _built(assignment):
    """A folder in which the assignment has been built; removed when this process ends."""
    folder = tempfile.mkdtemp(prefix="corpora-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [sys.executable, "-m", "exercises.build", assignment, "--root", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the assignment {assignment!r} could not be built:\n{done.stdout}{done.stderr}")
    return Path(folder)
