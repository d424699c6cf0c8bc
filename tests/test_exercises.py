"""The course as nbgrader sees it: the build from text, what a release contains, the stock pipeline from end to end."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
import jupytext
import nbformat

from exercises import build

ROOT = Path(__file__).parents[1]
TEXTS = sorted((ROOT / "exercises" / "assignments").glob("*.py"))
LSTM = ROOT / "exercises" / "assignments" / "lstm.py"
# These come from nbgrader and what it runs on, not from this project.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def solutions(text):
    return re.findall(r"### BEGIN SOLUTION\n(.*?)\s*### END SOLUTION", text, flags=re.DOTALL)


def hidden(text):
    return re.findall(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_jupytext_gives_the_text_back(path):
    """What JupyterLab reads and saves is the same text, question marks, header and all."""
    text = path.read_text(encoding="utf-8")
    assert jupytext.writes(jupytext.read(path, fmt="py:percent"), fmt="py:percent") == text


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_source_is_valid_and_the_same_every_time(path, tmp_path):
    made = build.notebook(path)
    nbformat.validate(made)
    assert nbformat.writes(made) == nbformat.writes(build.notebook(path))
    assert len({cell.id for cell in made.cells}) == len(made.cells)
    said, said_extra = re.search(r"\*\*Points\*\*: (\d+)(?:, and (\d+) extra)?\.", made.cells[0].source).groups("0")
    points = [cell.metadata.nbgrader.points for cell in made.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    extra = sum(cell.metadata["points"] for cell in jupytext.read(path).cells if cell.metadata.get("extra"))
    assert (sum(points) - extra, extra) == (int(said), int(said_extra))
    if path == LSTM:
        assert said == "100"
    (tmp_path / "source" / path.stem).mkdir(parents=True)
    (tmp_path / "source" / path.stem / "old.txt").touch()
    build.write_source(path, tmp_path)
    assert [file.name for file in (tmp_path / "source" / path.stem).iterdir()] == [f"{path.stem}.ipynb"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_table_of_points_in_the_title_is_right(path):
    cells = jupytext.read(path, fmt="py:percent").cells
    table = [int(points) for points in re.findall(r"\| (\d+) \|\n", cells[0].source + "\n")]
    assert table == [cell.metadata["points"] for cell in cells if "points" in cell.metadata]
    for cell in cells:
        if cell.cell_type == "markdown" and (said := re.search(r"^## .*\((\d+)(?: extra)? points\)", cell.source)):
            test = next(
                c for c in cells if c.metadata.get("question") == cell.metadata["question"] and "points" in c.metadata
            )
            assert int(said[1]) == test.metadata["points"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_statement_has_an_example_and_names_sections_that_exist(path):
    cells = jupytext.read(path, fmt="py:percent").cells
    statements = {
        cell.metadata["question"]: cell.source
        for cell in cells
        if cell.cell_type == "markdown" and "question" in cell.metadata and "points" not in cell.metadata
    }
    for name, text in statements.items():
        if "**Rubric**" in text:
            continue
        assert "*Example*" in text, name
        where = re.search(r"\*Where\*: (.*?)(\n\n|\Z)", text, flags=re.DOTALL)
        assert where, name
        named = re.findall(r"chapter \*(\w+)\*, ([^;]*)", where[1].replace("\n", " "))
        assert named, name
        for chapter, sections in named:
            page = (ROOT / "chapters" / f"{chapter}.md").read_text(encoding="utf-8")
            quoted = [section.replace('\\"', '"') for section in re.findall(r'"((?:\\"|[^"])*)"', sections)]
            assert quoted, name
            for section in quoted:
                title = rf"^(##+|[`:]{{3,}}\{{exercise\}}) {re.escape(section)}$"
                assert re.search(title, page, flags=re.MULTILINE), (name, chapter, section)


ANSWER = '# %% question="lstm_step"\n'
TEST = '# %% question="lstm_step" points=15\n'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TEST, '# %% question="lstm_step" points=14\n', "14 points, but the parts of its check add up to 15"),
        (TEST, ANSWER, "the answer has no solution"),
        (TEST, '# %% question="lstm_stop" points=15\n', "no question 'lstm_stop'"),
        (TEST, '# %% question="sigmoid" points=6\n', "a second test of this question"),
        (TEST, '# %% question="lstm_step" points=15 colour="red"\n', "'colour' means nothing"),
        (ANSWER, "# %%\n", "a solution outside of a question's answer would be released"),
        ("# %%\nimport numpy", "# %% points=3\nimport numpy", "points stand only on a cell of a question"),
        ('# %% [markdown] question="lstm_step"\n', "# %% [markdown]\n", "has no cell for 'lstm_step-statement'"),
        ("    q = np.tanh(c)\n    h = o * q\n", "    ### BEGIN SOLUTION\n", "2 × '### BEGIN SOLUTION' but 1 × "),
        (
            "### BEGIN HIDDEN TESTS\ncheck.lstm_step(lstm_step, ",
            "check.lstm_step(lstm_step, ",
            "0 × '### BEGIN HIDDEN TESTS'",
        ),
    ],
)
def test_the_build_says_what_is_wrong_and_writes_nothing(old, new, message, tmp_path):
    text = LSTM.read_text(encoding="utf-8")
    assert old in text
    changed = tmp_path / "lstm.py"
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        build.write_source(changed, tmp_path)
    assert not (tmp_path / "source").exists()


def test_an_unknown_assignment_is_refused(capsys, tmp_path):
    with pytest.raises(SystemExit):
        build.main(["gru97", "--root", str(tmp_path)])
    assert "no assignment 'gru97'; there are" in capsys.readouterr().err


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder of its own, with the assignment built in it."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "exercises" / "nbgrader_config.py", root)
    done = run("-m", "exercises.build", "lstm", "--root", root, cwd=ROOT)
    assert str(root / "release" / "lstm" / "lstm.ipynb") in done.stdout
    return root


def run(*arguments, cwd, **variables):
    """python *arguments, with this environment's programs on PATH; fails loudly."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | {k: str(v) for k, v in variables.items()}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_a_release_contains_no_solution_and_no_hidden_test(course):
    files = [path for path in (course / "release").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["lstm.ipynb"]
    text = LSTM.read_text(encoding="utf-8")
    data = files[0].read_text(encoding="utf-8")
    notebook = json.loads(data)
    sources = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    given = set(re.sub(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n.*?### END \1", "", text, flags=re.DOTALL).split("\n"))
    lines = [line for block in solutions(text) for line in block.split("\n") if line not in given]
    assert len(lines) > 40
    for line in lines:
        assert line not in sources.split("\n"), line
    for block in hidden(text):
        assert block.strip() not in sources
        assert re.search(r"seed=(\d+)", block)[1] not in data
    for word in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN", "seed=", "formats", "jupytext", "attachments", str(ROOT)):
        assert word not in data.replace("seed=0", ""), word
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"nbgrader", "deletable", "editable"}
        assert not cell.get("outputs")
        assert not cell.get("execution_count")
    assert sources.count("raise NotImplementedError()") == len(solutions(text)) + 1  # and once in the title
    assert "gradebook.db" not in {path.name for path in files}


@pytest.mark.slow
def test_a_second_build_is_the_same_to_the_byte(course, tmp_path):
    run("-m", "exercises.build", "lstm", "--root", tmp_path, cwd=ROOT)
    for stage in ("source", "release"):
        one, two = (root / stage / "lstm" / "lstm.ipynb" for root in (course, tmp_path))
        assert one.read_bytes() == two.read_bytes()


MIXED = {"lstm_step-answer", "count_parameters-answer", "lstm_forward-answer"}  # answered by the mixed student


def fill(release, source, chosen):
    """The released notebook with the key's code in the answer cells that are chosen."""
    key = {cell.id: cell.source for cell in source.cells}
    for cell in release.cells:
        if cell.metadata.get("nbgrader", {}).get("solution") and chosen(cell.id):
            cell.source = re.sub(r"\s*### (BEGIN|END) SOLUTION", "", key[cell.id])
    return release


@pytest.mark.slow
def test_the_stock_pipeline_from_release_to_feedback_and_export(course, tmp_path):
    """A key goes through the exchange, a blank and a mixed notebook are handed in; every question gets its points."""
    exchange, home = tmp_path / "exchange", tmp_path / "student"
    exchange.mkdir()
    exchange.chmod(0o777)
    home.mkdir()
    shutil.copy(course / "nbgrader_config.py", home)

    def nbgrader(*arguments, cwd=course):
        return run("-m", "nbgrader", *arguments, cwd=cwd, LSTM_EXCHANGE=exchange, HOME=home)

    source = nbformat.read(course / "source" / "lstm" / "lstm.ipynb", 4)
    nbgrader("release_assignment", "lstm")
    nbgrader("fetch_assignment", "lstm", cwd=home)
    fetched = home / "lstm" / "lstm.ipynb"
    assert fetched.read_bytes() == (course / "release" / "lstm" / "lstm.ipynb").read_bytes()
    nbformat.write(fill(nbformat.read(fetched, 4), source, lambda id: True), fetched)
    nbgrader("submit", "lstm", cwd=home)
    nbgrader("collect", "lstm")
    (key,) = [path.name for path in (course / "submitted").iterdir()]

    for student, chosen in [("blank", lambda id: False), ("mixed", MIXED.__contains__)]:
        released = nbformat.read(course / "release" / "lstm" / "lstm.ipynb", 4)
        answered = fill(released, source, chosen)
        for cell in answered.cells:
            if student == "mixed" and cell.id == "lstm_step-answer":  # one wrong part, and noise
                cell.source = cell.source.replace("h = o * q", "print('here'); h = o * c")
                cell.source += "\nimport sys; print('noise', file=sys.stderr)"
        folder = course / "submitted" / student / "lstm"
        folder.mkdir(parents=True)
        nbformat.write(answered, folder / "lstm.ipynb")

    nbgrader("autograde", "lstm")
    nbgrader("generate_feedback", "lstm")
    nbgrader("export")
    nbgrader("export", "--exporter=lstmkit.grading.export.QuestionCsv", "--to=questions.csv")

    with open(course / "grades.csv", encoding="utf-8", newline="") as file:
        total = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    with open(course / "questions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    points = {student: {} for student in total}
    for row in rows:
        points[row["student_id"]][row["question"]] = float(row["score"])
    full = {
        cell.id: cell.metadata.nbgrader.points
        for cell in source.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    by_hand = {cell.id for cell in source.cells if cell.id in full and cell.metadata.nbgrader.solution}
    assert by_hand == {"why"}
    assert points[key] == full | dict.fromkeys(by_hand, 0)  # nobody has marked them yet
    assert points["blank"] == dict.fromkeys(full, 0)
    expected = dict.fromkeys(full, 0) | {"lstm_step": 9, "count_parameters": 4, "lstm_forward": 10}
    assert points["mixed"] == expected
    assert total == {student: sum(scores.values()) for student, scores in points.items()}

    for page in (course / "feedback").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for block in hidden(LSTM.read_text(encoding="utf-8")):
            assert re.search(r"seed=(\d+)", block)[1] not in text
    shown = (course / "feedback" / "mixed" / "lstm" / "lstm.html").read_text(encoding="utf-8")
    assert "the output equation lacks its tanh" in shown
