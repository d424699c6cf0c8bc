"""The whole course through stock nbgrader: every assignment built, released, handed in, graded, reported, exported.

Then the same submissions through `lstmkit grade`: the same points, question by question.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nbgrader")
import jupytext
import nbformat

from lstmkit.grading import personal, question
from lstmkit.grading.notebook import checks

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
TEXTS = {path.stem: path for path in sorted((ROOT / "exercises" / "assignments").glob("*.py"))}
SECRET = "a secret of the tests"
# nbgrader's own way: student code and tests in one process.
STOCK = """
del c.Autograde.autograde_preprocessors
c.GiveCode.secret = "secret.txt"
c.Autograde.autograde_preprocessors.prepend(["lstmkit.grading.autograde.GiveCode"])
c.Execute.timeout = 120
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder of its own, with a secret, and all assignments built in it by the one command."""
    root = tmp_path_factory.mktemp("course")
    config = (ROOT / "exercises" / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(config + STOCK, encoding="utf-8")
    (root / "secret.txt").write_text(SECRET)
    run("-m", "exercises.build", "--root", root, cwd=ROOT)
    return root


def run(*arguments, cwd, **variables):
    """python *arguments, with this environment's programs on PATH; fails loudly."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | {k: str(v) for k, v in variables.items()}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def notebook_of(course, stage, name):
    return course / stage / name / f"{name}.ipynb"


def blocks(text, mark):
    return re.findall(rf"### BEGIN {mark}\n(.*?)\s*### END {mark}", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", TEXTS)
def test_a_release_gives_nothing_away(course, name):
    """No solution, hidden check, expected number, key or model answer: in sources, metadata, outputs or other files."""
    folder = course / "release" / name
    assert [path.name for path in folder.rglob("*")] == [f"{name}.ipynb"]
    text, data = (
        TEXTS[name].read_text(encoding="utf-8"),
        notebook_of(course, "release", name).read_text(encoding="utf-8"),
    )
    released = json.loads(data)
    shown = [line.strip() for cell in released["cells"] for line in "".join(cell["source"]).split("\n")]
    given = re.sub(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n.*?### END \1", "", text, flags=re.DOTALL)
    open_lines = {line.strip().removeprefix("#").strip() for line in given.split("\n")}
    secret_lines = {line.strip() for block in blocks(text, "SOLUTION") for line in block.split("\n")} - open_lines
    assert len(secret_lines) > 10
    leaked = {line for line in secret_lines & set(shown) if len(line) > 8 and not line.startswith("return None")}
    assert not leaked
    for block in blocks(text, "HIDDEN TESTS"):
        assert block.strip() not in data
        assert re.search(r"seed=(\d+)", block)[1] not in data
    cells = jupytext.read(TEXTS[name], fmt="py:percent").cells
    for cell in cells:
        if cell.cell_type == "markdown" and "points" in cell.metadata:  # a model answer
            for sentence in re.split(r"(?<=[.:;])\s+", cell.source):
                assert len(sentence) < 20 or sentence not in data
    for word in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN", "formats", "jupytext", "attachments", str(ROOT), SECRET):
        assert word not in data, word
    assert set(released["metadata"]) == {"kernelspec", "language_info"}
    for cell in released["cells"]:
        assert set(cell["metadata"]) <= {"nbgrader", "deletable", "editable"}
        assert set(cell["metadata"].get("nbgrader", {})) <= {
            "grade", "solution", "locked", "task", "grade_id", "points", "checksum", "cell_type", "schema_version",
        }  # fmt: skip
        assert not cell.get("outputs")
        assert not cell.get("execution_count")


@pytest.mark.parametrize("name", TEXTS)
def test_no_expected_number_stands_in_a_release(course, name):
    """The numbers that a question about one's own parameters asks for, of everybody and of a student with a code."""
    data = notebook_of(course, "release", name).read_text(encoding="utf-8")
    for q in checks(name).QUESTIONS.values():
        if q.yours:
            for draw in question.draws_of(q, 0):
                for value in q.key(*draw.args).values():
                    if np.ndim(value) == 0 and abs(value) > 100:
                        assert f"{float(value):g}" not in re.findall(r"[\d.]+", data), (q.name, value)


def test_a_second_build_is_the_same_to_the_byte(course, tmp_path):
    run("-m", "exercises.build", "--root", tmp_path, cwd=ROOT)
    for name in TEXTS:
        for stage in ("source", "release"):
            assert notebook_of(course, stage, name).read_bytes() == notebook_of(tmp_path, stage, name).read_bytes()


def handed_in(course, name, student, with_key, code=""):
    """A submission: the released notebook, with the key's answers or without any, and a code in it."""
    released = nbformat.read(notebook_of(course, "release", name), 4)
    key = {cell.id: cell.source for cell in nbformat.read(notebook_of(course, "source", name), 4).cells}
    for cell in released.cells:
        if with_key and cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = re.sub(r"\s*### (BEGIN|END) SOLUTION", "", key[cell.id])
        cell.source = cell.source.replace('check.code("")', f'check.code("{code}")')
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True)
    nbformat.write(released, folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def graded(course):
    """Every assignment graded for an honest student with a code, one with none, one with another's, and a blank."""
    code = personal.code_of(SECRET, "ada")
    for name in TEXTS:
        handed_in(course, name, "ada", True, code)
        handed_in(course, name, "boole", True, code)  # ada's code; the key computes, so boole's own numbers come out
        handed_in(course, name, "blank", False)
        run("-m", "nbgrader", "autograde", name, cwd=course)
        run("-m", "nbgrader", "generate_feedback", name, cwd=course)
    run("-m", "nbgrader", "export", "--exporter=lstmkit.grading.export.QuestionCsv", "--to=questions.csv", cwd=course)
    with open(course / "questions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", TEXTS)
def test_honest_notebooks_get_their_points(course, graded, name):
    by_hand = {
        cell.metadata["question"]
        for cell in jupytext.read(TEXTS[name], fmt="py:percent").cells
        if cell.cell_type == "markdown" and "points" in cell.metadata
    }
    assert by_hand
    points = {}
    for row in graded:
        if row["assignment"] == name:
            points.setdefault(row["student_id"], {})[row["question"]] = row
    assert set(points) == {"ada", "boole", "blank"}
    for student, rows in points.items():
        assert set(rows) == set(checks(name).QUESTIONS) | by_hand
        for asked, row in rows.items():
            expected = 0 if student == "blank" or asked in by_hand else float(row["max_score"])
            assert float(row["score"] or 0) == expected, (student, asked, row)
            assert row["extra"] == str(getattr(checks(name).QUESTIONS.get(asked), "extra", False))
            assert row["to mark"] == str(asked in by_hand and student != "blank")


@pytest.mark.parametrize("name", TEXTS)
def test_the_feedback_shows_no_hidden_test(course, graded, name):
    seeds = re.findall(r"seed=(\d{4,})", TEXTS[name].read_text(encoding="utf-8"))
    for student in ("ada", "blank"):
        page = (course / "feedback" / student / name / f"{name}.html").read_text(encoding="utf-8")
        assert not [seed for seed in seeds if seed in page]
        assert "points" in page


@pytest.fixture(scope="module")
def regraded(course, graded, tmp_path_factory):
    """The points of the same submissions by `lstmkit grade`, in a course folder of its own with the course's config."""
    root = tmp_path_factory.mktemp("isolated")
    for folder in ("source", "release", "submitted"):
        shutil.copytree(course / folder, root / folder)
    shutil.copy(ROOT / "exercises" / "nbgrader_config.py", root)
    (root / "secret.txt").write_text(SECRET)
    for name in TEXTS:
        run("-m", "lstmkit", "grade", name, cwd=root)
    run("-m", "nbgrader", "export", "--exporter=lstmkit.grading.export.QuestionCsv", "--to=questions.csv", cwd=root)
    with open(root / "questions.csv", encoding="utf-8", newline="") as file:
        return root, list(csv.DictReader(file))


@pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap")
def test_lstmkit_grade_gives_the_same_points(graded, regraded):
    _, ours = regraded
    assert len(ours) > 250
    assert ours == graded


@pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap")
@pytest.mark.parametrize("name", TEXTS)
def test_our_feedback_is_small_and_shows_no_hidden_test(regraded, name):
    root, _ = regraded
    seeds = re.findall(r"seed=(\d{4,})", TEXTS[name].read_text(encoding="utf-8"))
    for student in ("ada", "blank"):
        page = (root / "feedback" / student / name / f"{name}.html").read_text(encoding="utf-8")
        assert len(page.encode()) < 1 << 20
        assert not [seed for seed in seeds if re.search(rf"\b{seed}\b", page)]
        assert "BEGIN HIDDEN" not in page
        assert SECRET not in page


@pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap")
def test_nbgrader_autograde_judges_in_isolation_with_the_courses_config(regraded):
    """The command behind formgrader's button: the same points, and student code that does not see the course."""
    root, _ = regraded
    peep = nbformat.read(root / "submitted" / "ada" / "architecture" / "architecture.ipynb", 4)
    peep.cells.insert(0, nbformat.v4.new_code_cell(f"print('seen', open({str(root / 'secret.txt')!r}).read())"))
    (root / "submitted" / "peep" / "architecture").mkdir(parents=True)
    nbformat.write(peep, root / "submitted" / "peep" / "architecture" / "architecture.ipynb")
    run("-m", "nbgrader", "autograde", "architecture", "--student=ada", "--force", cwd=root)
    run("-m", "nbgrader", "autograde", "architecture", "--student=peep", cwd=root)
    run("-m", "nbgrader", "export", "--exporter=lstmkit.grading.export.QuestionCsv", "--to=again.csv", cwd=root)
    with open(root / "again.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["assignment"] == "architecture"]
    points = {student: [row["score"] for row in rows if row["student_id"] == student] for student in ("ada", "peep")}
    assert points["ada"] == points["peep"]
    assert sum(float(score or 0) for score in points["ada"]) > 15
    shown = (root / "autograded" / "peep" / "architecture" / "architecture.ipynb").read_text(encoding="utf-8")
    assert "FileNotFoundError" in shown
    assert SECRET not in shown
