"""Scores of an assignment as files that a learning management system imports: one for Canvas, one for Moodle.

Both list every student of roster.csv and of the gradebook.  A score is what nbgrader's own export says: points, extra
ones among them, less the late penalty.  Whoever handed in nothing has no score, never 0.

What the two importers look for is taken from their sources:

- Canvas, lib/gradebook_importer.rb in https://github.com/instructure/canvas-lms.  The columns Student, ID, SIS User ID,
  SIS Login ID and Section stand first, in this order.  An assignment's column is found by the number in parentheses at
  the end of its head, else by its title; one that is not found is made anew.  A row that begins with "Points Possible"
  sets the points of the assignment.  A student is found by ID, then by SIS User ID, SIS Login ID, and name.
- Moodle, grade/import/csv/classes/load_data.php and lib/csvlib.class.php in https://github.com/moodle/moodle, and
  https://docs.moodle.org/311/en/Grade_import.  The importer asks which column says who a student is (username, ID
  number or email address), and which is the grade and which the feedback of an item; these two have to come together.
  "-" is no grade.  An empty cell is none only for an item that exists: in a new one it can become 0.

Canvas gets plain UTF-8, because it reads the first column's head as it stands.  Moodle takes a byte order mark off, and
without one Excel, in which such a file is looked at first, shows wrong letters; so that file begins with one.
"""

import csv
import sys
import unicodedata
from pathlib import Path
from typing import NamedTuple

from lstmkit.grader.course import Wrong
from lstmkit.grader.database import connect, tables, transact
from lstmkit.grader.gradebook import Standing, standings

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE = ("Username", "ID number", "First name", "Last name", "Email address")
FIELDS = ("first_name", "last_name", "email", "lms_user_id")


class Student(NamedTuple):
    """A student of the course; what is not known is ""."""

    id: str
    first_name: str
    last_name: str
    email: str
    lms_user_id: str  # Canvas' number, or Moodle's "ID number"
    section: str
    standing: Standing | None  # None: nothing was handed in


def canvas(course, assignment, stream, ids=None):
    """Write the file for Canvas' gradebook to a text stream that was opened with newline="".

    ids: {assignment: its number in Canvas}, the last number of the address of its page; without it Canvas looks for an
    assignment with this very title, and makes one if there is none.  An empty score takes away one that Canvas has.
    """
    students, most = _gather(course, assignment)
    number = (ids or {}).get(assignment)
    if number is not None and not str(number).isdecimal():
        raise Wrong(f"the number of {assignment!r} in Canvas is given as {number!r}; it should be digits, as in 1234")
    rows = csv.writer(stream)
    rows.writerow([*CANVAS, assignment if number is None else f"{assignment} ({number})"])
    rows.writerow(["    Points Possible", "", "", "", "", _number(most)])
    for student in students:
        # Canvas reads the digits that an ID begins with, so half a number would be somebody else's.
        known = student.lms_user_id.isascii() and student.lms_user_id.isdecimal()
        if student.lms_user_id and not known:
            _warn(f"{student.id}: {student.lms_user_id!r} is no number of Canvas'; Canvas will go by the login")
        name = ", ".join(filter(None, (student.last_name, student.first_name))) or student.id
        cells = [name, student.lms_user_id if known else "", "", student.id, student.section]
        rows.writerow([*map(_text, cells), _score(student)])


def moodle(course, assignment, stream):
    """Write the file for Moodle's "Import > CSV file" to a text stream that was opened with newline="".

    Points above the maximum, which extra questions can bring, need Moodle's setting `unlimitedgrades`.
    """
    students, _ = _gather(course, assignment)
    stream.write("\ufeff")
    rows = csv.writer(stream)
    rows.writerow([*MOODLE, assignment, f"{assignment} (feedback)"])
    for student in students:
        cells = [student.id, student.lms_user_id, student.first_name, student.last_name, student.email]
        rows.writerow([*map(_text, cells), _score(student) or "-", _text(_feedback(student.standing))])


def _gather(course, assignment):
    """Every Student, by id, and the points of the assignment without its extra ones; warns of what is not final."""
    from lstmkit.grading.export import extra_questions

    whole, cell = (tables()[name] for name in ("assignment", "grade_cells"))
    base, notebook = (tables()[name] for name in ("base_cell", "notebook"))
    asked = cell.join(base, base.c.id == cell.c.id).join(notebook, notebook.c.id == base.c.notebook_id)
    asked = asked.join(whole, whole.c.id == notebook.c.assignment_id).select().where(whole.c.name == assignment)
    engine = connect(course.db_url)
    try:
        if engine.url.get_backend_name() == "sqlite" and not Path(engine.url.database or "").is_file():
            raise Wrong(f"there is no gradebook {engine.url.database} yet; grade first: lstmkit grade {assignment}")

        def read(connection):
            found = connection.execute(tables()["student"].select()).mappings().all()
            return found, {row[base.c.name]: row[cell.c.max_score] for row in connection.execute(asked).mappings()}

        known, points = transact(engine, read, reads=True)
        if not points:
            raise Wrong(f"the gradebook has no assignment {assignment!r} with points; grade first, or mend the name")
        stand = {standing.student: standing for standing in standings(engine, assignment)}
    finally:
        engine.dispose()
    listed = _roster(course)
    known = {row["id"]: {field: row[field] or "" for field in FIELDS} for row in known}
    if listed and (strangers := sorted(stand.keys() - listed.keys())):
        _warn(f"{assignment}: handed in, but not on the roster: {', '.join(strangers)}")
    if unmarked := sorted(student for student, standing in stand.items() if standing.to_mark):
        _warn(
            f"{assignment}: a person has still to mark something of {', '.join(unmarked)}; their scores are what is "
            "known so far. Mark it in nbgrader's formgrader and export again"
        )
    students = []
    for student in sorted(listed.keys() | known.keys()):
        row, old = listed.get(student, {}), known.get(student, {})
        names = [row.get(field) or old.get(field, "") for field in FIELDS]
        students.append(Student(student, *names, row.get("section", ""), stand.get(student)))
    extra = extra_questions(assignment)
    return students, sum(most for name, most in points.items() if name not in extra)


def _roster(course):
    """{id: row} of roster.csv; {} if there is none; Wrong if it cannot be read."""
    path = course.root / "roster.csv"
    if not path.is_file():
        return {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(file)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Wrong(f"{path} cannot be read ({error}); save it as CSV in UTF-8") from error
    if rows and "id" not in rows[0]:
        raise Wrong(
            f"{path} has the columns {', '.join(rows[0])}; it needs one with the head id, and may have "
            f"{', '.join(FIELDS)} and section"
        )
    found = {}
    for row in rows:
        if row["id"] in found:
            raise Wrong(f"{path} has {row['id']!r} twice; every student needs an id of their own")
        if row["id"]:
            found[row["id"]] = row
    return found


def _feedback(standing):
    """A line with the points of each question."""
    if not standing:
        return ""
    parts = [
        f"{question.name} to be marked, of {question.of:g}"
        if question.to_mark
        else f"{question.name} {question.score:g} of {question.of:g}"
        for question in standing.questions
    ]
    return "; ".join(parts + ([f"late penalty {standing.penalty:g}"] if standing.penalty else []))


def _score(student):
    return _number(max(0.0, student.standing.score - student.standing.penalty)) if student.standing else ""


def _number(value):
    """Plain digits, at most four behind the point."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _text(cell):
    """Text that no spreadsheet takes for a formula, on one line."""
    cell = " ".join("".join(letter if letter.isprintable() else " " for letter in cell).split())
    first = unicodedata.normalize("NFKC", cell[:1])  # the wide forms of these signs count too
    return f"'{cell}" if first in tuple("=+-@") else cell


def _warn(text):
    print(f"lstmkit grade: {text}", file=sys.stderr)
