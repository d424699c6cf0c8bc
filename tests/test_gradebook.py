"""Outcomes in nbgrader's gradebook: what stock autograde leaves, for people, crowds, kills and hostile texts."""

import base64
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
import nbformat
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st
from nbgrader import utils
from nbgrader.api import Base, Gradebook
from postgres import postgres  # noqa: F401 - a fixture

from lstmkit.grader import database
from lstmkit.grader.course import Course, Wrong
from lstmkit.grader.gradebook import Book, moment, read_small
from lstmkit.grader.outcome import ANSWER, GIVEN, MANUAL, OWN, TEST, Cell, Mark, Outcome

ROOT = Path(__file__).parents[1]
NAME = "sums"
POINTS = {"add": 6, "multiply": 4, "why": 5}
KEY = {"add": "add = 6.0", "multiply": "multiply = 4.0", "why": "Because."}
CONFIG = """
import os
c = get_config()
c.CourseDirectory.course_id = "sums-course"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError()"}
c.LateSubmissionPlugin.penalty_method = "zero"
c.Exchange.root = os.environ.get("LSTM_EXCHANGE", "/nowhere")
"""
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


def source():
    """An instructor's notebook: two tested questions, one for a person, text and code without a mark."""
    new, cells = nbformat.v4, []
    cells.append(new.new_markdown_cell("# Sums", id="intro"))
    cells.append(new.new_code_cell("import math", id="imports"))

    def marked(cell, **flags):
        ours = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3} | flags
        cell.metadata.nbgrader = ours
        cell.id = ours["grade_id"]
        cells.append(cell)

    for name in ("add", "multiply"):
        marked(new.new_markdown_cell(f"Give {name}."), grade_id=f"{name}-statement", locked=True)
        text = f"### BEGIN SOLUTION\n{KEY[name]}\n### END SOLUTION"
        marked(new.new_code_cell(text), grade_id=f"{name}-answer", solution=True)
        test = f"print('{name}:', {name})\n### BEGIN HIDDEN TESTS\nsecret = 4711\n### END HIDDEN TESTS\nfloat({name})"
        marked(new.new_code_cell(test), grade_id=name, grade=True, locked=True, points=POINTS[name])
    marked(new.new_markdown_cell("Why?"), grade_id="why-statement", locked=True)
    marked(new.new_markdown_cell("A model answer."), grade_id="why", grade=True, solution=True, points=POINTS["why"])
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new.new_notebook(cells=cells, metadata={"kernelspec": spec, "language_info": {"name": "python"}})


def made(root, config=CONFIG, notebook=None):
    """A course folder with the source of one assignment."""
    (root / "source" / NAME).mkdir(parents=True)
    (root / "nbgrader_config.py").write_text(config)
    nbformat.write(notebook or source(), root / "source" / NAME / f"{NAME}.ipynb")
    return Course(root)


def outcome(student="ada", key="k1", points=(6.0, 4.0), answers=None, readable=True):
    """An Outcome; answers: {question: text}, the release's text for a question that is not in it."""
    answers = KEY if answers is None else answers
    cells = [Cell(GIVEN, "markdown", "# Sums"), Cell(GIVEN, "code", "import math")]
    for name in ("add", "multiply"):
        cells.append(Cell(GIVEN, "markdown", f"Give {name}.", f"{name}-statement"))
        blank = "raise NotImplementedError()"
        answer = answers.get(name, blank)
        cells.append(
            Cell(ANSWER, "code", answer, f"{name}-answer", changed=answer != blank, outputs=({"text": "hi\n"},))
        )
        cells.append(Cell(TEST, "code", "not what the release has", name, POINTS[name]))
    cells.append(Cell(GIVEN, "markdown", "Why?", "why-statement"))
    cells.append(Cell(MANUAL, "markdown", answers.get("why", "YOUR ANSWER HERE"), "why", 5.0, "why" in answers))
    marks = [
        Mark(name, got, POINTS[name], False, f"{name}: {got:g}")
        for name, got in zip(("add", "multiply"), points, strict=True)
    ]
    return Outcome(NAME, student, key, readable, (), tuple(cells), tuple(marks), (("why", 5.0),))


def rows(db_url, ids=False):
    """Every row and column of nbgrader's tables, ids replaced by what they stand for unless they are wanted."""
    tables = ["assignment", "notebook", "base_cell", "student", "submitted_assignment", "submitted_notebook"]
    tables += ["grade_cells", "solution_cells", "task_cells", "source_cell", "grade", "comment"]
    engine = sqlalchemy.create_engine(database.connect(db_url).url)
    with engine.connect() as connection:
        found = {name: connection.execute(Base.metadata.tables[name].select()).mappings().all() for name in tables}
    engine.dispose()
    stands = {}
    for table in tables[:6]:
        for row in found[table]:
            parts = [row.get("type"), row.get("name"), stands.get(row.get("assignment_id")), row.get("student_id")]
            stands[row["id"]] = row["id"] if table == "student" else "/".join(filter(None, [table, *parts]))

    def plain(table, row):
        row = {column: value if ids else stands.get(value, value) for column, value in row.items()}
        if not ids and table in ("source_cell", "grade", "comment"):
            del row["id"]
        return row

    return {table: sorted((plain(table, row) for row in found[table]), key=str) for table in tables}


@pytest.fixture
def course(tmp_path):
    return made(tmp_path / "course")


@pytest.fixture
def book(course):
    with Book(course, NAME) as book:
        yield book


def grades(course, student="ada"):
    """The grades of a student as nbgrader reads them: {question: (auto, manual, needs a look)}."""
    with Gradebook(course.db_url, "sums-course") as gb:
        found = gb.find_submission_notebook(NAME, NAME, student).grades
        return {grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade) for grade in found}


def person(course, student="ada", question="why", score=3.0, extra=None, comment=None):
    """What formgrader does when a person marks an answer."""
    with Gradebook(course.db_url, "sums-course") as gb:
        grade = gb.find_grade(question, NAME, NAME, student)
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = score, extra, False
        if comment:
            gb.find_comment(question, NAME, NAME, student).manual_comment = comment
        gb.db.commit()


# One submission


def test_nbgrader_reads_what_was_recorded(course, book):
    assert book.record(outcome(), "2026-02-03 04:05:06.5 UTC") == ()
    assert grades(course) == {"add": (6.0, None, False), "multiply": (4.0, None, False), "why": (None, None, True)}
    with Gradebook(course.db_url, "sums-course") as gb:
        submission = gb.find_submission(NAME, "ada")
        assert (submission.score, submission.max_score) == (10, 15)
        assert (submission.code_score, submission.max_written_score) == (10, 5)
        assert submission.timestamp == datetime(2026, 2, 3, 4, 5, 6, 500000)
        assert {c.name: c.auto_comment for c in submission.notebooks[0].comments} == dict.fromkeys(
            ["add-answer", "multiply-answer", "why"]
        )
    assert book.totals() == [("ada", 10, 15, True, 0)]
    assert book.recorded("ada") == "k1"
    assert book.recorded("boole") is None


def test_the_notebook_is_one_that_nbgrader_would_grade_the_same(course, book):
    """nbgrader's own determine_grade, on the notebook, finds the score that stands in the gradebook."""
    book.record(outcome(points=(2.5, 0.0), answers={"add": "add = 2.5"}))
    path = course.notebook("autograded", NAME, "ada")
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    graded = [cell for cell in notebook.cells if utils.is_grade(cell)]
    found = {cell.metadata.nbgrader.grade_id: utils.determine_grade(cell)[0] for cell in graded}
    assert found == {"add": 2.5, "multiply": 0, "why": 0}
    assert found == {name: auto for name, (auto, _, _) in grades(course).items()}
    assert (path.stat().st_mode & 0o777) == 0o444
    text = path.read_text()
    assert "4711" not in text
    assert "HIDDEN" not in text
    test = next(cell for cell in notebook.cells if cell.id == "add")
    assert test.source == "print('add:', add)\nfloat(add)"
    assert test.metadata.nbgrader.checksum == utils.compute_checksum(test)
    assert [output.output_type for output in test.outputs] == ["stream", "execute_result"]
    blank = next(cell for cell in notebook.cells if cell.id == "multiply-answer")
    assert blank.metadata.nbgrader.checksum == utils.compute_checksum(blank)
    assert [cell.id for cell in notebook.cells][:2] == ["intro", "imports"]


def test_recording_twice_changes_nothing(course, book):
    book.record(outcome(), "2026-02-03 04:05:06.5 UTC")
    before, file = rows(course.db_url, ids=True), course.notebook("autograded", NAME, "ada").read_bytes()
    book.record(outcome(), "2026-02-03 04:05:06.5 UTC")
    with Book(course, NAME) as other:
        other.record(outcome(), "2026-02-03 04:05:06.5 UTC")
    assert rows(course.db_url, ids=True) == before
    assert course.notebook("autograded", NAME, "ada").read_bytes() == file


def test_only_that_student_is_touched(course, book):
    for student in ("ada", "boole"):
        book.record(outcome(student))
        person(course, student, comment="fine")
    before = rows(course.db_url, ids=True)
    book.record(outcome("ada", "k2", (0.0, 1.0), {"why": "Another."}))
    after = rows(course.db_url, ids=True)
    boole = {row["id"] for row in before["submitted_notebook"]} - {
        row["id"] for row in before["submitted_notebook"] if row["assignment_id"] == before_of(before, "ada")
    }
    for table in ("grade", "comment"):
        theirs = [[row for row in state[table] if row["notebook_id"] in boole] for state in (before, after)]
        assert theirs[0] == theirs[1]
        assert theirs[0]


def before_of(state, student):
    return next(row["id"] for row in state["submitted_assignment"] if row["student_id"] == student)


def test_a_student_that_is_known_keeps_the_names(course, book):
    with Gradebook(course.db_url, "sums-course") as gb:
        gb.add_student("ada", first_name="Ada", last_name="Lovelace", email="ada@x", lms_user_id="7")
    book.record(outcome())
    student = rows(course.db_url)["student"]
    assert student == [
        {"id": "ada", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@x", "lms_user_id": "7"}
    ]


# What a person gave


def test_a_persons_marks_stay_while_the_answer_does(course, book):
    book.record(outcome())
    person(course, score=3.0, extra=0.5, comment="nearly")
    book.record(outcome(key="k2", points=(1.0, 4.0), answers=KEY | {"add": "add = 1"}))  # another answer changed
    assert grades(course) == {"add": (1.0, None, False), "multiply": (4.0, None, False), "why": (None, 3.0, False)}
    assert book.totals() == [("ada", 8.5, 15, False, 0)]
    book.record(outcome(key="k3", answers=KEY | {"why": "Or else."}))
    assert grades(course)["why"] == (None, 3.0, True)  # the old score is kept and shown, and a person looks again
    assert [row["manual_comment"] for row in rows(course.db_url)["comment"]].count("nearly") == 1
    book.record(outcome(key="k4", answers=KEY | {"why": "Or else."}))
    assert grades(course)["why"] == (None, 3.0, True)  # it has not been looked at since
    person(course, score=4.0)
    book.record(outcome(key="k5", answers={"add": KEY["add"]}, points=(6.0, 0.0)))  # now it is blank
    assert grades(course)["why"] == (0.0, 4.0, True)


def test_a_test_that_a_person_overruled(course, book):
    book.record(outcome(points=(2.0, 4.0)))
    person(course, question="add", score=5.0)
    book.record(outcome(key="k2", points=(2.0, 4.0)))
    assert grades(course)["add"] == (2.0, 5.0, False)
    book.record(outcome(key="k3", points=(3.0, 4.0)))
    assert grades(course)["add"] == (3.0, 5.0, True)
    person(course, question="add", score=5.0)
    book.record(outcome(key="k4", points=(3.0, 4.0), answers=KEY | {"add": "add = 3"}))
    assert grades(course)["add"] == (3.0, 5.0, True)  # the same points for other code


@pytest.mark.parametrize("lost", ["note", "notebook", "torn"])
def test_in_doubt_a_person_looks_again(course, book, lost):
    """Where it is not known which answer was marked, nbgrader's own rule holds."""
    book.record(outcome())
    person(course)
    file = course.notebook("autograded", NAME, "ada")
    if lost == "note":
        (course.root / ".lstmkit" / "recorded" / NAME / "ada.json").unlink()
    elif lost == "notebook":
        file.unlink()
    else:
        os.chmod(file, 0o644)
        file.write_bytes(file.read_bytes()[:100])
    assert book.recorded("ada") is None
    book.record(outcome())
    assert grades(course)["why"] == (None, 3.0, True)
    assert book.recorded("ada") == "k1"


def test_another_gradebook_knows_nothing(course, tmp_path, book):
    book.record(outcome())
    elsewhere = Course(course.root, f"sqlite:///{tmp_path / 'other.db'}")
    with Book(elsewhere, NAME) as other:
        assert other.recorded("ada") is None


def test_a_file_that_is_no_notebook_waits_for_a_person(course, book):
    broken = Outcome(NAME, "ada", "k1", False, ("It is not JSON.",), (), ())
    book.record(broken)
    assert grades(course) == dict.fromkeys(POINTS, (0.0, None, True))
    notebook = nbformat.read(course.notebook("autograded", NAME, "ada"), 4)
    assert {cell.metadata.nbgrader.grade_id for cell in notebook.cells if utils.is_grade(cell)} == set(POINTS)
    person(course, question="add", score=2.0)
    book.record(broken)
    assert grades(course)["add"] == (0.0, 2.0, False)
    book.record(broken._replace(key="k2"))
    assert grades(course)["add"] == (0.0, 2.0, True)
    person(course, question="add", score=2.0)
    book.record(outcome(key="k3", answers={}, points=(0.0, 0.0)))  # blank now: the look was at the file, not at this
    assert grades(course)["add"] == (0.0, 2.0, True)


# Time


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-01-02 03:04:05.678 UTC", datetime(2026, 1, 2, 3, 4, 5, 678000)),
        ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04Z\n", datetime(2026, 1, 2, 3, 4)),
        ("2026-01-02 03:04:05.678901234 +0530", datetime(2026, 1, 1, 21, 34, 5, 678901)),
        ("2026-07-02 03:04:05 Europe/Berlin", datetime(2026, 7, 2, 1, 4, 5)),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=-4))), datetime(2026, 1, 2, 7)),
        (datetime(2026, 1, 2, 3), datetime(2026, 1, 2, 3)),
        (None, None),
    ],
)
def test_times_that_count(given, expected):
    assert moment(given, datetime(2026, 8, 1)) == (expected, "")


@pytest.mark.parametrize(
    "given",
    [
        "", " \n", "yesterday", "12", "2026-13-45 99:99:99 UTC", "2026-01-02 03:04:05 Mars/Crater", "2026-01-02",
        "0001-01-01 00:00:00 +2359", "9999-12-31 23:59:59 -2359", "2999-01-01 00:00:00 UTC", "\x00\x1b[31m", "9" * 900,
        "2026-01-02 03:04:05 ../../etc/passwd", "2026-01-02 03:04:05 /etc/passwd", datetime(2999, 1, 1, tzinfo=UTC),
    ],
)  # fmt: skip
def test_times_that_do_not_count(given):
    when, said = moment(given, datetime(2026, 8, 1))
    assert when is None
    assert said.endswith("counts as not given")
    assert said.isprintable()
    assert len(said) < 200


LIKE_A_TIME = st.from_regex(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Za-z0-9/+:-]{0,9}", fullmatch=True)


@given(st.text() | LIKE_A_TIME | st.datetimes())
@settings(max_examples=300, deadline=None)
def test_no_time_ever_raises(given):
    when, said = moment(given)
    assert bool(said) <= (when is None)
    assert when is None or when.tzinfo is None


def test_a_bad_time_keeps_the_one_before(course, book):
    (said,) = book.record(outcome(), "rubbish")
    assert "'rubbish'" in said
    assert rows(course.db_url)["submitted_assignment"][0]["timestamp"] is None
    book.record(outcome(), datetime(2026, 1, 2, 3, 4, 5))
    assert len(book.record(outcome(), "2999-01-01 00:00:00 UTC")) == 1
    assert rows(course.db_url)["submitted_assignment"][0]["timestamp"] == datetime(2026, 1, 2, 3, 4, 5)
    folder = course.folder("autograded", NAME, "ada")
    assert utils.parse_utc((folder / "timestamp.txt").read_text()) == datetime(2026, 1, 2, 3, 4, 5)


def test_a_small_file_is_read_and_nothing_else(tmp_path):
    file = tmp_path / "timestamp.txt"
    assert read_small(file) is None
    file.write_bytes(b"\xef\xbb\xbf2026\xff" + b"x" * 5000)
    assert read_small(file).startswith("2026�")
    assert len(read_small(file)) < 1001
    (tmp_path / "link").symlink_to(file)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        assert read_small(tmp_path / name) is None


def due(course, when):
    with Gradebook(course.db_url, "sums-course") as gb:
        gb.update_or_create_assignment(NAME, duedate=when)


def test_late_penalties_are_the_plugins(tmp_path):
    (tmp_path / "course").mkdir()
    plugin = (
        "from nbgrader.plugins import BasePlugin\n"
        "class PerDay(BasePlugin):\n"
        "    def late_submission_penalty(self, student_id, score, late):\n"
        "        return {'negative': -3, 'none': None, 'bad': 1 / 0 if student_id == 'bad' else 0}.get(\n"
        "            student_id, late / 86400)\n"
    )
    (tmp_path / "course" / "lateness_of_the_tests.py").write_text(plugin)
    course = made(tmp_path / "course", CONFIG + 'c.AssignLatePenalties.plugin_class = "lateness_of_the_tests.PerDay"\n')
    with Book(course, NAME) as book:
        due(course, "2026-01-01 00:00:00 UTC")
        book.record(outcome("ada"), "2026-01-03 00:00:00 UTC")
        book.record(outcome("cantor"), "2026-07-03 00:00:00 UTC")
        for student in ("negative", "none"):
            book.record(outcome(student), "2026-01-03 00:00:00 UTC")
        book.record(outcome("early"), "2025-01-03 00:00:00 UTC")
        penalties = {student: penalty for student, *_, penalty in book.totals()}
        assert penalties == {"ada": 2.0, "cantor": 10.0, "negative": 0, "none": 0, "early": 0}
        with Gradebook(course.db_url, "sums-course") as gb:
            gb.grant_extension(NAME, "ada", days=1)
        person(course, "cantor", score=5.0)
        for student, when in (("ada", "2026-01-03"), ("cantor", "2026-07-03")):
            book.record(outcome(student), f"{when} 00:00:00 UTC")
        penalties = {student: penalty for student, *_, penalty in book.totals()}
        assert (penalties["ada"], penalties["cantor"]) == (1.0, 15.0)
        before = rows(course.db_url, ids=True)
        with pytest.raises(Wrong, match="bad, 172800 s late with 10 points: ZeroDivisionError"):
            book.record(outcome("bad"), "2026-01-03 00:00:00 UTC")
        assert rows(course.db_url, ids=True) == before
        assert not course.folder("autograded", NAME, "bad").exists()


# Hostile and mistaken


def test_texts_of_a_student_stay_texts(course, book):
    evil = "<script>alert(1)</script>\ud800\x00\x1b[31m"
    good = outcome(answers=KEY | {"why": evil})
    outputs = (
        {"text": evil},
        {"error": evil},
        {"png": PICTURE},
        {"png": '"><script>'},
        {"png": "aGFsbG8="},
        {"png": 3},
        {"png": PICTURE + '"><script>'},
    )
    own = (Cell(OWN, "code", evil, outputs=outputs), Cell(OWN, "markdown", evil), Cell(OWN, "code", "x"))
    book.record(good._replace(cells=own + good.cells))
    notebook = nbformat.read(course.notebook("autograded", NAME, "ada"), 4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert set(output.get("data", {})) <= {"text/plain", "image/png"}
            assert output.get("data", {}).get("image/png", PICTURE) == PICTURE
    assert grades(course)["why"] == (None, None, True)
    assert [output.output_type for output in notebook.cells[0].outputs].count("display_data") == 1
    book.record(good._replace(cells=own + good.cells, key="k2"))


def test_cells_with_odd_ids_and_copies(course, book):
    good = outcome()
    odd = [cell._replace(grade_id="no such/cell") if cell.role == OWN else cell for cell in good.cells]
    copies = (*odd, good.cells[3], Cell(OWN, "code", "import math"))
    book.record(good._replace(cells=copies))
    notebook = nbformat.read(course.notebook("autograded", NAME, "ada"), 4)
    nbformat.validate(notebook)
    marks = [cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert sorted(marks) == sorted(set(marks))


@pytest.mark.parametrize("student", ["", ".", "..", "../ada", "a/b", "a\\b", "a\0b", "a\ud800"])
def test_an_id_that_is_no_folder(course, book, student):
    with pytest.raises(Wrong, match="cannot be a student's id"):
        book.record(outcome(student))
    assert not (course.root / "autograded").exists()
    assert rows(course.db_url)["student"] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(points=(7.0, 0.0)), "gives 7 points for 'add', which has 0 to 6"),
        (dict(points=(-1.0, 0.0)), "gives -1 points"),
        (dict(points=(float("nan"), 0.0)), "gives nan points"),
        (dict(points=(float("inf"), 0.0)), "gives inf points"),
    ],
)
def test_points_that_cannot_be(course, book, change, said):
    with pytest.raises(Wrong, match=said):
        book.record(outcome(**change))
    assert rows(course.db_url)["student"] == []


def test_an_outcome_of_something_else(course, book):
    good = outcome()
    with pytest.raises(Wrong, match="of 'other'; this book is of 'sums'"):
        book.record(good._replace(assignment="other"))
    with pytest.raises(Wrong, match="has no mark for 'multiply'"):
        book.record(good._replace(marks=good.marks[:1]))
    with pytest.raises(Wrong, match="marks 'divide', which the source has not"):
        book.record(good._replace(marks=(*good.marks, Mark("divide", 1, 1, False, ""))))
    assert rows(course.db_url)["student"] == []


def test_a_folder_that_cannot_be_written(course, book):
    (course.root / "autograded").write_text("in the way")
    with pytest.raises(Wrong, match=r"ada is not recorded: .*autograded.* could not be written"):
        book.record(outcome())
    assert rows(course.db_url)["student"] == []
    assert book.recorded("ada") is None


# The assignment


@pytest.mark.slow
def test_the_cells_are_those_of_nbgraders_own_step(course, tmp_path, monkeypatch):
    """generate_assignment, in another folder, as the oracle."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    stock = made(tmp_path / "stock")
    nbgrader(stock, "generate_assignment", NAME)
    with Book(course, NAME) as book:
        released = nbformat.read(stock.notebook("release", NAME), 4)
        assert book.release == released
    assert rows(course.db_url) == rows(stock.db_url)
    before = rows(stock.db_url, ids=True)
    with Book(stock, NAME):
        pass
    assert rows(stock.db_url, ids=True) == before


@pytest.mark.slow
def test_a_new_gradebook_needs_no_program(course, monkeypatch):
    """nbgrader asks the program `alembic` for the version; here it is not on the path."""
    monkeypatch.setenv("PATH", "/nowhere")
    with Book(course, NAME) as book:
        book.record(outcome())
    with sqlite3.connect(course.root / "gradebook.db") as connection:
        versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    connection.close()
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    from nbgrader.api import get_alembic_version

    assert versions == [(get_alembic_version(),)]


def test_the_source_is_needed(course):
    with pytest.raises(Wrong, match=r"the assignment 'nothing' cannot be graded\. .* assignments: sums"):
        Book(course, "nothing")
    course.notebook("source", NAME).write_text("{")
    with pytest.raises(Wrong, match="is not a notebook that can be read"):
        Book(course, NAME)


def test_a_source_that_changed(course, book):
    changed = source()
    changed.cells[4].metadata.nbgrader.points = 8
    nbformat.write(changed, course.notebook("source", NAME))
    book.record(outcome())
    with Book(course, NAME) as other:
        other.record(outcome(points=(8.0, 4.0)))
        assert other.totals() == [("ada", 12, 17, True, 0)]
    del changed.cells[7]
    nbformat.write(changed, course.notebook("source", NAME))
    with pytest.raises(Wrong, match="differ in the cells multiply, and there are submissions already"):
        Book(course, NAME)


def test_a_source_that_changed_before_anybody_handed_in(course, book):
    changed = source()
    del changed.cells[7]
    nbformat.write(changed, course.notebook("source", NAME))
    with Book(course, NAME):
        pass
    assert [row["id"] for row in rows(course.db_url)["grade_cells"]] == [
        f"base_cell/GradeCell/{name}" for name in ("add", "why")
    ]


# Crowds


def test_a_gradebook_that_another_program_holds(course, book, monkeypatch):
    held = sqlite3.connect(course.root / "gradebook.db", isolation_level=None, check_same_thread=False)
    held.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    with Book.__new__(Book) as impatient:
        impatient.__dict__.update(book.__dict__)
        impatient.engine = database.connect(course.db_url)
        with pytest.raises(Wrong, match=r"gradebook.db cannot be used: database is locked"):
            impatient.record(outcome())
    assert not course.folder("autograded", NAME, "ada").exists()
    with ThreadPool(1) as pool:
        waits = pool.apply_async(book.record, (outcome(),))
        time.sleep(0.3)
        assert not waits.ready()
        held.execute("ROLLBACK")
        held.close()
        assert waits.get() == ()
    assert grades(course)["add"] == (6.0, None, False)


def forked(work, *args):
    """work(*args) in a process of its own, which ends without a word."""
    child = os.fork()
    if not child:
        try:
            work(*args)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
        finally:
            os._exit(1)
    return child


def crowd(url, root, number):
    with Book(Course(root, url), NAME) as book:
        for one in range(25):
            book.record(outcome(f"s{number}-{one}", f"k{one}", (one % 7, one % 5)))
            book.record(outcome("everybody", f"k{number}-{one}", (number, one % 5)))


def expect_the_crowd(course):
    with Book(course, NAME) as book:
        found = {student: (score, of) for student, score, of, *_ in book.totals()}
        assert len(found) == 101
        for number in range(4):
            for one in range(25):
                assert found[f"s{number}-{one}"] == (one % 7 + one % 5, 15)
                assert book.recorded(f"s{number}-{one}") == f"k{one}"
        notebook = nbformat.read(course.notebook("autograded", NAME, "everybody"), 4)
        shown = sum(utils.determine_grade(cell)[0] or 0 for cell in notebook.cells if utils.is_grade(cell))
        assert found["everybody"][0] == shown


@pytest.mark.slow
def test_four_processes_on_one_file_from_the_first_table_on(course):
    children = [forked(crowd, course.db_url, course.root, number) for number in range(4)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    expect_the_crowd(course)


# Kills

VERSIONS = {
    "a": dict(points=(6.0, 0.0), answers={"add": "add = 6.0", "why": "First."}),
    "b": dict(points=(1.0, 3.0), answers={"add": "add = 1", "multiply": "multiply = 3"}),
}


def expect_one_version(course, student):
    """Whatever happened, the database is sound and a student's rows are all of one version, or there are none."""
    connection = sqlite3.connect(course.root / "gradebook.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with Book(course, NAME) as book:
        found = {standing.student: standing for standing in book.standings()}
        key = book.recorded(student)
        if student not in found:
            assert key is None
            return
        scores = tuple(question.score for question in found[student].questions)
        whole = {name: (*version["points"], 0.0) for name, version in VERSIONS.items()}
        assert scores in whole.values()
        assert len(rows(course.db_url)["comment"]) == 3 * len(found)
        notebook = nbformat.read(course.notebook("autograded", NAME, student), 4)
        nbformat.validate(notebook)
        if key:
            assert scores == whole[key]
            shown = {cell.id: utils.determine_grade(cell)[0] or 0 for cell in notebook.cells if utils.is_grade(cell)}
            assert tuple(shown.values()) == whole[key]


def settled(course, key):
    """The state after version b is recorded once more, which has to be that of an undisturbed run."""
    with Book(course, NAME) as book:
        book.record(outcome("ada", key, **VERSIONS[key]), "2026-01-02 03:04:05 UTC")
        assert book.recorded("ada") == key
    files = sorted(path.name for path in course.folder("autograded", NAME, "ada").iterdir())
    return rows(course.db_url), files, course.notebook("autograded", NAME, "ada").read_bytes()


def killed_at(course, step):
    """Record version b and be killed at a step: before or after a statement, a commit, or a file put in its place."""
    count = 0

    def tick(*_, **__):
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    replace = os.replace

    def watched(*args):
        tick()
        replace(*args)
        tick()

    with Book(course, NAME) as book:
        os.replace = watched
        for event in ("before_cursor_execute", "after_cursor_execute", "commit"):
            sqlalchemy.event.listen(book.engine, event, tick)
        book.record(outcome("ada", "b", **VERSIONS["b"]), "2026-01-02 03:04:05 UTC")


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False])
def test_a_kill_at_every_step_leaves_the_old_or_the_new(course, tmp_path, before):
    calm = made(tmp_path / "calm")
    with Book(course, NAME), Book(calm, NAME):
        pass
    if before:
        settled(course, "a")
        settled(calm, "a")
    kept = tmp_path / "kept"
    shutil.copytree(course.root, kept)
    expected = settled(calm, "b")
    for step in range(1, 200):
        shutil.rmtree(course.root)
        shutil.copytree(kept, course.root)
        _, status = os.waitpid(forked(killed_at, course, step), 0)
        expect_one_version(course, "ada")
        assert settled(course, "b") == expected
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    assert 30 < step < 199


def endless(course):
    with Book(course, NAME) as book:
        while True:
            for key, version in VERSIONS.items():
                book.record(outcome("ada", key, **version), "2026-01-02 03:04:05 UTC")


@pytest.mark.slow
def test_twenty_kills_at_random_moments(course, tmp_path):
    calm = made(tmp_path / "calm")
    expected = settled(calm, "b")
    rng = random.Random(7)
    with Book(course, NAME):
        pass
    for _ in range(20):
        child = forked(endless, course)
        time.sleep(rng.uniform(0.1, 0.5))
        os.kill(child, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        expect_one_version(course, "ada")
    assert settled(course, "b") == expected


# PostgreSQL


def test_an_address_that_is_none(course):
    for address in ("rubbish", "nosuch://x/y"):
        with pytest.raises(Wrong, match="it should be like sqlite"):
            Book(Course(course.root, address), NAME)


def test_no_password_is_shown():
    pytest.importorskip("psycopg")
    engine = database.connect("postgresql://ada:hush@127.0.0.1:1/nothing")
    with pytest.raises(Wrong, match=r"127\.0\.0\.1") as caught:
        database.transact(engine, lambda connection: None)
    assert "hush" not in str(caught.value)


def story(course):
    """Everything that happens to a submission, told to one gradebook."""
    with Book(course, NAME) as book:
        with Gradebook(book.engine.url.render_as_string(hide_password=False), "sums-course") as gb:
            gb.update_or_create_assignment(NAME, duedate="2026-01-01 00:00:00 UTC")
            gb.add_student("late", first_name="Émilie", last_name="du Châtelet")
        book.record(outcome("ada"), "2025-12-01 00:00:00.25 UTC")
        book.record(outcome("late", points=(2.5, 4.0)), "2026-02-01 00:00:00 UTC")
        book.record(outcome("blank", points=(0.0, 0.0), answers={}))
        book.record(Outcome(NAME, "broken", "k1", False, (), (), ()), "rubbish")
        with Gradebook(book.engine.url.render_as_string(hide_password=False), "sums-course") as gb:
            gb.grant_extension(NAME, "late", hours=3)
            for student, score in (("ada", 3.0), ("late", 1.0)):
                grade = gb.find_grade("why", NAME, NAME, student)
                grade.manual_score, grade.needs_manual_grade = score, False
            gb.db.commit()
        book.record(outcome("ada", "k2", answers=KEY | {"why": "Or."}), "2025-12-02 00:00:00 UTC")
        book.record(outcome("late", "k2", points=(2.0, 4.0)), "2026-02-01 00:00:00 UTC")
        assert book.recorded("late") == "k2"
        with Gradebook(book.engine.url.render_as_string(hide_password=False), "sums-course") as gb:
            views = [gb.submission_dicts(NAME), gb.notebook_submission_dicts(NAME, NAME), gb.student_dicts()]
        views = [sorted(({**row, "id": ""} for row in view), key=str) for view in views]
        return book.totals(), views


@pytest.mark.slow
def test_postgres_has_the_same_rows(course, tmp_path, postgres):  # noqa: F811
    other = Course(made(tmp_path / "other").root, postgres("same"))
    assert story(other) == story(course)
    assert rows(other.db_url) == rows(course.db_url)
    notebooks = [c.notebook("autograded", NAME, "late").read_bytes() for c in (course, other)]
    assert notebooks[0] == notebooks[1]


@pytest.mark.slow
def test_four_processes_on_postgres_from_the_first_table_on(course, postgres):  # noqa: F811
    url = postgres("crowd")
    children = [forked(crowd, url, course.root, number) for number in range(4)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    expect_the_crowd(Course(course.root, url))


# Beside stock autograde


def nbgrader(course, *arguments, **variables):
    """A command of nbgrader in a course's folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | {k: str(v) for k, v in variables.items()}
    command = [sys.executable, "-m", "nbgrader", *map(str, arguments)]
    done = subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


SUBMISSIONS = {
    "ada": (KEY, "2025-12-01 00:00:00.5 UTC"),
    "boole": ({"add": "add = 2.5", "why": "Because."}, "2026-02-03 04:05:06 UTC"),
    "cantor": ({}, None),
    "dirac": ({"multiply": "multiply = 0.0"}, "2025-12-31 23:59:59 Europe/Berlin"),
    "euler": ({"add": "add = 6.0", "multiply": "multiply = 1.5"}, "2026-01-01 00:00:00.000001 UTC"),
}


def hand_in(course, student, answers, timestamp):
    """A submission, in a course's folder, made from the release."""
    notebook = nbformat.read(course.notebook("release", NAME), 4)
    for cell in notebook.cells:
        question = cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-answer")
        if utils.is_solution(cell) and question in answers:
            cell.source = answers[question]
    folder = course.folder("submitted", NAME, student)
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{NAME}.ipynb")
    if timestamp:
        (folder / "timestamp.txt").write_text(timestamp)
    (folder / "submission_secret.txt").write_text(f"secret of {student}")


def from_stock(course, student, key):
    """The Outcome that a notebook graded by stock nbgrader came to."""
    notebook = nbformat.read(course.notebook("autograded", NAME, student), 4)
    cells, marks = [], []
    for cell in notebook.cells:
        mark = cell.metadata.get("nbgrader", {})
        grade, solution = mark.get("grade"), mark.get("solution")
        role = MANUAL if grade and solution else TEST if grade else ANSWER if solution else GIVEN
        cells.append(Cell(role, cell.cell_type, cell.source, mark.get("grade_id", ""), mark.get("points", 0.0)))
        if role == TEST:
            marks.append(Mark(mark["grade_id"], utils.determine_grade(cell)[0], mark["points"], False, "a report"))
    return Outcome(NAME, student, key, True, (), tuple(cells), tuple(marks), (("why", 5.0),))


def seen_by_formgrader(course):
    """What formgrader's pages ask of nbgrader, without the ids, and the order that comes of them."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    config = Config(course.config)
    config.CourseDirectory.db_url = course.db_url
    api = NbGraderAPI(config=config)

    def plain(view):
        if isinstance(view, list):
            return sorted((plain(row) for row in view), key=str)
        return (
            {key: value for key, value in view.items() if key not in ("id", "index")}
            if isinstance(view, dict)
            else view
        )

    views = [api.get_assignment(NAME), api.get_submissions(NAME), api.get_notebook_submissions(NAME, NAME)]
    views += [api.get_students(), api.get_notebooks(NAME)]
    for student in SUBMISSIONS:
        views += [api.get_submission(NAME, student), api.get_student_submissions(student)]
        views += [api.get_student_notebook_submissions(student, NAME)]
    return list(map(plain, views))


def expect_the_same(ours, stock):
    assert rows(ours.db_url) == rows(stock.db_url)
    assert seen_by_formgrader(ours) == seen_by_formgrader(stock)
    for student in SUBMISSIONS:
        pair = [nbformat.read(course.notebook("autograded", NAME, student), 4) for course in (ours, stock)]
        for one, other in zip(*(notebook.cells for notebook in pair), strict=True):
            assert (one.id, one.cell_type) == (other.id, other.cell_type)
            marks = [dict(cell.metadata.get("nbgrader", {})) for cell in (one, other)]
            if utils.is_grade(one) and utils.is_locked(one):  # ours has no hidden test
                assert marks[0].pop("checksum") != marks[1].pop("checksum")
                assert "HIDDEN" not in one.source
                assert "HIDDEN" in other.source
            else:
                assert one.source == other.source
            assert marks[0] == marks[1]
        assert pair[0].metadata.kernelspec == pair[1].metadata.kernelspec
        folders = [course.folder("autograded", NAME, student) for course in (ours, stock)]
        names = [sorted(path.name for path in folder.iterdir()) for folder in folders]
        if SUBMISSIONS[student][1] is None:
            names[1] = sorted([*names[1], "timestamp.txt"])  # without it nbgrader cannot release feedback
        assert names[0] == names[1]
        times = [
            course.directory.get_existing_timestamp(str(folder))
            for course, folder in zip((ours, stock), folders, strict=True)
        ]
        assert times[0] == times[1]
        secrets = [(folder / "submission_secret.txt").read_text() for folder in folders]
        assert secrets[0] == secrets[1]


@pytest.mark.slow
def test_everything_is_as_after_stock_autograde(tmp_path):
    ours, stock = made(tmp_path / "ours"), made(tmp_path / "stock")
    for course in (ours, stock):
        nbgrader(course, "generate_assignment", NAME)
        due(course, "2026-01-01 00:00:00 UTC")
        for student, (answers, timestamp) in SUBMISSIONS.items():
            hand_in(course, student, answers, timestamp)
    nbgrader(stock, "autograde", NAME)
    with Book(ours, NAME) as book:
        for student, (_, timestamp) in SUBMISSIONS.items():
            assert book.record(from_stock(stock, student, "k1"), timestamp) == ()
        expect_the_same(ours, stock)

        # A person marks; then some hand in again, with another answer to what the person marked.
        for course in (ours, stock):
            for student in ("ada", "boole"):
                person(course, student, score=2.0, extra=1.0, comment="see me")
        again = {"ada": KEY | {"why": "On second thoughts."}, "boole": {"add": "add = 3.0", "why": "On third."}}
        for student, answers in again.items():
            for course in (ours, stock):
                hand_in(course, student, answers, "2026-03-01 00:00:00 UTC")
            nbgrader(stock, "autograde", NAME, "--student", student, "--force")
            book.record(from_stock(stock, student, "k2"), "2026-03-01 00:00:00 UTC")
        expect_the_same(ours, stock)

    # What comes after grading: exports, feedback and its release.
    exports, released = [], []
    for course in (ours, stock):
        exchange = tmp_path / f"exchange-{course.root.name}"
        exchange.mkdir()
        os.chmod(exchange, 0o777)
        nbgrader(course, "export")
        nbgrader(course, "export", "--exporter=lstmkit.grading.export.QuestionCsv", "--to=questions.csv")
        exports.append([(course.root / name).read_text() for name in ("grades.csv", "questions.csv")])
        nbgrader(course, "generate_feedback", NAME)
        if course is stock:  # stock cannot release feedback to somebody whose timestamp.txt is missing
            (course.folder("feedback", NAME, "cantor") / "timestamp.txt").write_text("")
        nbgrader(course, "release_feedback", NAME, LSTM_EXCHANGE=exchange)
        released.append(sorted(path.name for path in exchange.rglob("*.html")))
    assert exports[0] == exports[1]
    assert released[0] == released[1]
    assert len(released[0]) == len(SUBMISSIONS)
    page = ours.notebook("feedback", NAME, "ada").read_text()
    assert "see me" in page
    assert "4711" not in page
    assert "4711" in stock.notebook("feedback", NAME, "ada").read_text()  # the comparison can tell
