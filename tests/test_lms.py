"""The files for Canvas and Moodle: their columns, scores that are never invented, and cells that no program runs."""

import contextlib
import csv
import io

import pytest

pytest.importorskip("nbgrader")
from nbgrader.api import Gradebook
from test_gradebook import NAME, due, made, outcome, person

from lstmkit.grader.course import Wrong
from lstmkit.grader.gradebook import Book
from lstmkit.grader.lms import canvas, moodle

ROSTER = """\ufeffid,first_name,last_name,email,lms_user_id,section
ada,Ada,Lovelace,ada@example.org,101,A
boole,George,Boole,boole@example.org,,A
cantor,"=HYPERLINK(""http://x"")",+49,@cantor,12abc,"-B"
émile,Émilie,"du Châtelet; ""marquise""\nof nowhere",e@example.org,104,
"""


@pytest.fixture
def course(tmp_path):
    course = made(tmp_path / "course")
    (course.root / "roster.csv").write_text(ROSTER, encoding="utf-8")
    with Book(course, NAME) as book:
        due(course, "2026-01-01 00:00:00 UTC")
        book.record(outcome("ada", points=(2.5, 4.0)), "2025-12-01 00:00:00 UTC")
        person(course, "ada", score=3.0, extra=0.125)
        book.record(outcome("cantor"), "2025-12-01 00:00:00 UTC")
        book.record(outcome("émile", points=(0.0, 0.0), answers={}))
        book.record(outcome("guest", points=(6.0, 4.0), answers={}), "2026-02-01 00:00:00 UTC")
    with Gradebook(course.db_url, "sums-course") as gb:
        gb.update_or_create_student("guest", first_name="Gast", email="guest@example.org", lms_user_id="999")
        gb.update_or_create_student("boole", first_name="not on the roster's word", lms_user_id="102")
    return course


def written(export, *args, **kwargs):
    stream = io.StringIO(newline="")
    export(*args, stream, **kwargs)
    text = stream.getvalue()
    assert text.endswith("\r\n")
    return text, list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def test_canvas(course, capsys):
    text, rows = written(canvas, course, NAME, ids={NAME: 4711, "other": 1})
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "sums (4711)"],
        ["    Points Possible", "", "", "", "", "15"],
        ["Lovelace, Ada", "101", "", "ada", "A", "9.625"],
        ["Boole, George", "102", "", "boole", "A", ""],
        ['\'+49, =HYPERLINK("http://x")', "", "", "cantor", "'-B", "10"],
        ["Gast", "999", "", "guest", "", "0"],  # late, and the penalty is everything
        ['du Châtelet; "marquise" of nowhere, Émilie', "104", "", "émile", "", "0"],
    ]
    assert text.startswith("Student,ID,")  # Canvas reads the first head as it stands
    said = capsys.readouterr().err
    assert "not on the roster: guest" in said
    assert "still to mark something of cantor;" in said
    assert "cantor: '12abc' is no number of Canvas'" in said


def as_canvas_reads(text):
    """The importer's first look at a file, as its source has it: the separator, the heads, the row of points."""
    counts = {",": 0, ";": 0}
    for mark in counts:
        with contextlib.suppress(csv.Error):
            widths = [len(next(csv.reader([line], delimiter=mark, strict=True))) for line in text.split("\r\n")[:3]]
            counts[mark] = widths[0] if len(set(widths)) == 1 else 0
    assert counts[","] > counts[";"]
    head, points, *students = csv.reader(io.StringIO(text, newline=""))
    assert "Student" in head[0]
    assert "ID" in head[1]
    assert (head[2], head[3]) == ("SIS User ID", "SIS Login ID")
    assert "Section" in head[4]
    assert "Points Possible" in points[0]
    return head, points, students


def test_canvas_would_take_the_file(course):
    text, _ = written(canvas, course, NAME)
    head, points, students = as_canvas_reads(text)
    assert head[5:] == [NAME]
    assert float(points[5]) == 15
    assert all(len(row) == 6 for row in students)
    assert all(row[1] == "" or row[1].isdecimal() for row in students)


@pytest.mark.parametrize("number", ["", "12 34", "abc", -1, "\uff11\uff12x"])
def test_a_number_of_canvas_that_is_none(course, number):
    with pytest.raises(Wrong, match="it should be digits, as in 1234"):
        canvas(course, NAME, io.StringIO(), ids={NAME: number})


def test_moodle(course, capsys):
    text, rows = written(moodle, course, NAME)
    assert text.startswith("\ufeffUsername,")
    assert rows == [
        ["Username", "ID number", "First name", "Last name", "Email address", "sums", "sums (feedback)"],
        ["ada", "101", "Ada", "Lovelace", "ada@example.org", "9.625", "add 2.5 of 6; multiply 4 of 4; why 3.125 of 5"],
        ["boole", "102", "George", "Boole", "boole@example.org", "-", ""],
        [
            "cantor", "12abc", "'=HYPERLINK(\"http://x\")", "'+49", "'@cantor", "10",
            "add 6 of 6; multiply 4 of 4; why to be marked, of 5",
        ],
        [
            "guest", "999", "Gast", "", "guest@example.org", "0",
            "add 6 of 6; multiply 4 of 4; why 0 of 5; late penalty 10",
        ],
        [
            "émile", "104", "Émilie", 'du Châtelet; "marquise" of nowhere', "e@example.org", "0",
            "add 0 of 6; multiply 0 of 4; why 0 of 5",
        ],
    ]  # fmt: skip
    assert "still to mark something of cantor;" in capsys.readouterr().err


def test_extra_points_come_on_top(course, monkeypatch):
    """An assignment whose one question is extra: its points count, and are not among those possible."""
    monkeypatch.setattr("lstmkit.grading.export.extra_questions", lambda assignment: {"multiply"})
    _, rows = written(canvas, course, NAME)
    assert rows[1][5] == "11"
    assert rows[2][5] == "9.625"


@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "\x00=1", "\u200b=1", "=cmd|' /C calc'!A0"],
)
def test_no_name_is_a_formula(tmp_path, name):
    course = made(tmp_path / "course")
    with Book(course, NAME) as book:
        book.record(outcome("ada"))
    with Gradebook(course.db_url, "sums-course") as gb:
        gb.update_or_create_student("ada", first_name=name, last_name=name, email=name)
    for export in (canvas, moodle):
        for row in written(export, course, NAME)[1][1:]:
            for cell in row:
                assert cell == "    Points Possible" or cell[:1] not in set("=+-@\uff1d\uff0b\uff0d\uff20\t\r\n ")


def test_scores_are_plain_numbers(tmp_path):
    course = made(tmp_path / "course")
    with Book(course, NAME) as book:
        for student, points in (("a", (1 / 3, 0.0)), ("b", (1e-9, 0.0)), ("c", (0.1 + 0.2, 0.0)), ("d", (6.0, 4.0))):
            book.record(outcome(student, points=points, answers={}))
        book.record(outcome("minus", points=(0.0, 0.0), answers={}))
    person(course, "minus", score=1.0, extra=-5.0)
    person(course, "d", score=1e6)
    _, rows = written(canvas, course, NAME)
    assert [row[5] for row in rows[2:]] == ["0.3333", "0", "0.3", "1000010", "0"]


def test_without_a_roster(tmp_path):
    course = made(tmp_path / "course")
    with Book(course, NAME) as book:
        book.record(outcome("ada", answers={}))
    assert written(canvas, course, NAME)[1][2:] == [["ada", "", "", "ada", "", "10"]]


def test_before_anybody_handed_in(tmp_path):
    course = made(tmp_path / "course")
    (course.root / "roster.csv").write_text("id\nada\n\nboole\n")
    with Book(course, NAME):
        pass
    assert [row[5] for row in written(canvas, course, NAME)[1]] == [NAME, "15", "", ""]
    assert [row[5] for row in written(moodle, course, NAME)[1]] == [NAME, "-", "-"]


def test_what_is_wrong_is_said(tmp_path):
    course = made(tmp_path / "course")
    with pytest.raises(Wrong, match=r"there is no gradebook .*lstmkit grade sums"):
        canvas(course, NAME, io.StringIO())
    assert not (course.root / "gradebook.db").exists()
    with Book(course, NAME):
        pass
    with pytest.raises(Wrong, match="has no assignment 'other' with points"):
        moodle(course, "other", io.StringIO())
    for roster, said in (
        (b"name\nada\n", "has the columns name; it needs one with the head id"),
        (b"id\nada\nada\n", "has 'ada' twice"),
        (b"id\n\xff\n", "cannot be read"),
    ):
        (course.root / "roster.csv").write_bytes(roster)
        with pytest.raises(Wrong, match=said):
            canvas(course, NAME, io.StringIO())
