"""Outcomes into nbgrader's gradebook and its autograded/ folder, as if `nbgrader autograde` had left them.

One transaction per submission: the student, the submission, its grades and comments, the late penalty.  What a person
gave (scores, extra credit, comments, flags, extensions) is never touched.  Where nbgrader asks a person to look again
after every new run, this asks only if the answer or its automatic score changed.

A kill at any moment is harmless.  The notebook is put in its place just before the transaction ends, and a note with
its checksum is written last, in .lstmkit/recorded/.  Where the note and the notebook do not fit each other the
submission is in doubt: it counts as not recorded, and recording it again changes nothing but what was left undone.
"""

import hashlib
import json
import math
import os
import re
import stat
import sys
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from lstmkit.grader import autograded
from lstmkit.grader.course import Wrong
from lstmkit.grader.database import connect, create, from_source, graded, keep_cells, solutions, tables, transact

AHEAD = timedelta(days=1)  # clocks and time zones differ; what is later than that is no time of handing in
TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) *(Z|[+-]\d\d:?\d\d|[A-Za-z][\w+-]*(?:/\w[\w+-]*)*)?"
)


class Question(NamedTuple):
    """A question of a submission."""

    name: str
    score: float  # what a person gave, else the automatic score; and extra credit that a person gave
    of: float
    to_mark: bool  # a person has to look
    comment: str = ""  # what a person wrote about the answer


class Standing(NamedTuple):
    """What the gradebook says about a submission."""

    student: str
    score: float  # before the late penalty
    of: float
    to_mark: bool
    penalty: float
    questions: tuple[Question, ...]


class Book:
    """The gradebook, open for one assignment: with Book(course, "lstm") as book: book.record(...).

    Opening it makes what nbgrader keeps of an assignment, as `nbgrader generate_assignment` does, or brings it up to
    date; Wrong if the source is missing, or its cells are others than those of submissions already recorded.
    """

    def __init__(self, course, assignment):
        self.course, self.assignment, self.plugin = course, assignment, None
        saved, self.release = from_source(course, assignment)
        self.engine = connect(course.db_url)
        try:
            course_id = course.directory.course_id or "default_course"
            transact(self.engine, lambda connection: create(connection, course_id))
            transact(self.engine, lambda connection: self._keep(connection, saved))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.engine.dispose()

    def record(self, outcome, submitted_at=None):
        """Write an Outcome to the gradebook and to autograded/; returns what was wrong with submitted_at, as a tuple.

        submitted_at: the time of handing in, a datetime (UTC if it has no zone) or the text of timestamp.txt; one that
        cannot be counts as not given, and the gradebook keeps the time that it had, if any.  Wrong if the Outcome does
        not fit the assignment, or nothing could be written.
        """
        student = _one_name(outcome.student)
        if outcome.assignment != self.assignment:
            raise Wrong(f"the outcome of {student} is of {outcome.assignment!r}; this book is of {self.assignment!r}")
        when, trouble = moment(submitted_at)
        sources = {cell.grade_id: _clean(cell.source) for cell in outcome.cells if cell.grade_id}
        answered = {name for name, text in self.blank.items() if name in sources and sources[name] != text}
        scores = self._scores(outcome, answered)
        data = autograded.notebook(outcome, self.release)
        folder = self.course.folder("autograded", self.assignment, student)

        def write(connection):
            before = self._before(student)
            kept = self._rows(connection, student, when)
            self._grade(connection, kept["notebook"], outcome, scores, _same(before, outcome, sources, scores))
            self._comment(connection, kept["notebook"], answered)
            self._penalise(connection, student, kept)
            self._put(folder, student, data, kept["timestamp"])

        note = {"key": outcome.key, "readable": outcome.readable, "notebook": hashlib.sha256(data).hexdigest()}
        try:
            transact(self.engine, write)
            autograded.replace(self._note(student), json.dumps(note).encode(), False, uuid4().hex)
        except OSError as error:
            raise Wrong(
                f"{student} is not recorded: {error.filename or folder} could not be written ({error.strerror}); see "
                "that you may write there and that the disk has room, then grade again"
            ) from error
        return (trouble,) if trouble else ()

    def recorded(self, student):
        """The key of the Outcome that is recorded whole for a student; None if there is none, or it is in doubt."""
        submission, notebook = tables()["submitted_assignment"], tables()["submitted_notebook"]
        asked = notebook.join(submission, notebook.c.assignment_id == submission.c.id).select()
        asked = asked.where((notebook.c.notebook_id == self.notebook_id) & (submission.c.student_id == student))
        there = transact(self.engine, lambda connection: connection.execute(asked).first(), reads=True)
        before = self._before(student) if there else None
        return before["key"] if before else None

    def standings(self):
        """The Standing of each submission, by student."""
        return standings(self.engine, self.assignment)

    def standing(self, student):
        """The Standing of one student's submission, or None."""
        return next(iter(standings(self.engine, self.assignment, student)), None)

    def totals(self):
        """(student, score, max_score, needs manual, late penalty) of each submission, by student."""
        return [standing[:5] for standing in self.standings()]

    def _keep(self, connection, saved):
        self.assignment_id, self.notebook_id = keep_cells(connection, self.course, self.assignment, saved)
        self.graded = graded(connection, self.notebook_id)
        self.solutions = solutions(connection, self.notebook_id)
        released = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in self.release.cells}
        self.blank = {name: released[name].source for name in self.solutions}

    def _scores(self, outcome, answered):
        """The automatic score of every graded cell; None where a person gives it."""
        marks = {mark.question: mark for mark in outcome.marks}
        said = f"the outcome of {outcome.student} in {self.assignment}"
        if unknown := sorted(marks.keys() - self.graded.keys()):
            raise Wrong(f"{said} marks {unknown[0]!r}, which the source has not; build the assignment and grade again")
        scores = {}
        for name, row in self.graded.items():
            if name in self.solutions:
                scores[name] = None if name in answered and outcome.readable else 0.0
            elif name in marks:
                points, most = float(marks[name].points), row["max_score"]
                if not (math.isfinite(points) and 0 <= points <= most):
                    raise Wrong(f"{said} gives {points:g} points for {name!r}, which has 0 to {most:g}")
                scores[name] = points
            elif outcome.readable and row["cell_type"] == "code":
                raise Wrong(f"{said} has no mark for {name!r}; was it made with another version of the assignment?")
            else:
                scores[name] = None if outcome.readable else 0.0
        return scores

    def _rows(self, connection, student, when):
        """The student, the submission and its notebook, made where missing; what is needed of them later."""
        t = tables()
        there = t["student"].select().where(t["student"].c.id == student).with_for_update()
        if not connection.execute(there).first():
            connection.execute(t["student"].insert().values(id=student))
        submission = t["submitted_assignment"]
        mine = (submission.c.assignment_id == self.assignment_id) & (submission.c.student_id == student)
        row = connection.execute(submission.select().where(mine)).mappings().first()
        if not row:
            row = {"id": uuid4().hex, "timestamp": when, "extension": None}
            here = {"assignment_id": self.assignment_id, "student_id": student}
            connection.execute(submission.insert().values(**row, **here))
        elif when:
            connection.execute(submission.update().where(mine).values(timestamp=when))
        notebook = t["submitted_notebook"]
        mine = (notebook.c.assignment_id == row["id"]) & (notebook.c.notebook_id == self.notebook_id)
        notebook_id = connection.execute(notebook.select().where(mine)).scalar()
        if not notebook_id:
            here = {"assignment_id": row["id"], "notebook_id": self.notebook_id, "flagged": False}
            connection.execute(notebook.insert().values(id=(notebook_id := uuid4().hex), **here))
        return {"notebook": notebook_id, "timestamp": when or row["timestamp"], "extension": row["extension"]}

    def _grade(self, connection, notebook, outcome, scores, same):
        grade = tables()["grade"]
        there = connection.execute(grade.select().where(grade.c.notebook_id == notebook)).mappings()
        there, new = {row["cell_id"]: row for row in there}, []
        for name, score in scores.items():
            cell = self.graded[name]["id"]
            look = score is None or not outcome.readable
            if cell not in there:
                row = {"auto_score": score, "needs_manual_grade": look}
                new.append({"id": uuid4().hex, "notebook_id": notebook, "cell_id": cell, **row})
                continue
            old = there[cell]
            if old["auto_score"] == score and name in same:
                look = old["needs_manual_grade"]
            else:
                look = look or old["manual_score"] is not None
            if (old["auto_score"], old["needs_manual_grade"]) != (score, look):
                changed = grade.update().where(grade.c.id == old["id"])
                connection.execute(changed.values(auto_score=score, needs_manual_grade=look))
        if new:
            connection.execute(grade.insert(), new)

    def _comment(self, connection, notebook, answered):
        comment = tables()["comment"]
        there = connection.execute(comment.select().where(comment.c.notebook_id == notebook)).mappings()
        there, new = {row["cell_id"]: row for row in there}, []
        for name, cell in self.solutions.items():
            text = None if name in answered else "No response."  # nbgrader's words
            if cell not in there:
                new.append({"id": uuid4().hex, "notebook_id": notebook, "cell_id": cell, "auto_comment": text})
            elif there[cell]["auto_comment"] != text:
                row = comment.c.id == there[cell]["id"]
                connection.execute(comment.update().where(row).values(auto_comment=text))
        if new:
            connection.execute(comment.insert(), new)

    def _penalise(self, connection, student, kept):
        """The penalty that the course's plug-in gives for lateness; none for a submission that is in time."""
        assignment, grade, notebook = (tables()[name] for name in ("assignment", "grade", "submitted_notebook"))
        due = connection.execute(assignment.select().where(assignment.c.id == self.assignment_id)).one().duedate
        late = 0
        if due and kept["timestamp"]:
            late = (kept["timestamp"] - due - (kept["extension"] or timedelta(0))).total_seconds()
        penalty = None
        if late > 0:
            rows = connection.execute(grade.select().where(grade.c.notebook_id == kept["notebook"]))
            penalty = self._penalty(student, sum(map(_score, rows)), late)
        mine = notebook.c.id == kept["notebook"]
        connection.execute(notebook.update().where(mine).values(late_submission_penalty=penalty))

    def _penalty(self, student, score, late):
        """What c.AssignLatePenalties.plugin_class takes off, between 0 and the score; None if it takes nothing."""
        from nbgrader.preprocessors import AssignLatePenalties
        from traitlets.config import Config

        try:
            if not self.plugin:
                sys.path.insert(0, str(self.course.root))  # nbgrader finds a plug-in that lies in the course's folder
                try:
                    step = AssignLatePenalties(config=Config(self.course.config))
                    step.init_plugin()
                finally:
                    sys.path.remove(str(self.course.root))
                self.plugin = step.plugin_inst
            penalty = self.plugin.late_submission_penalty(student, score, late)
            return None if penalty is None else float(min(max(penalty, 0), score))
        except Exception as error:  # the plug-in is the instructor's own code
            raise Wrong(
                f"the course's plug-in for late penalties failed for {student}, {late:g} s late with {score:g} points: "
                f"{type(error).__name__}: {error}. See c.AssignLatePenalties.plugin_class in nbgrader_config.py; "
                "nothing of this submission was recorded"
            ) from error

    def _put(self, folder, student, data, timestamp):
        """The files of autograded/, among them what `nbgrader release_feedback` needs beside a page of feedback."""
        shared = self.course.directory.groupshared
        secret = read_small(self.course.folder("submitted", self.assignment, student) / "submission_secret.txt")
        text = f"{timestamp:%Y-%m-%d %H:%M:%S.%f} UTC" if timestamp else ""
        for name, content in (("submission_secret.txt", secret), ("timestamp.txt", text or (secret and ""))):
            if content is None:
                (folder / name).unlink(missing_ok=True)
            else:
                autograded.replace(folder / name, content.encode("utf-8", "replace"), shared)
        autograded.replace(folder / f"{self.assignment}.ipynb", data, shared)

    def _note(self, student):
        return self.course.root / ".lstmkit" / "recorded" / self.assignment / f"{student}.json"

    def _before(self, student):
        """The note on what was recorded last, with the notebook's bytes; None if there is none or it is in doubt."""
        try:
            note = json.loads(self._note(student).read_bytes())
            data = self.course.notebook("autograded", self.assignment, student).read_bytes()
            whole = note["notebook"] == hashlib.sha256(data).hexdigest()
            return {"key": note["key"], "readable": note["readable"], "data": data} if whole else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def standings(engine, assignment, student=None):
    """The Standing of each submission of an assignment, or of one student's alone, by student; maybe none."""
    import sqlalchemy

    names = ("assignment", "submitted_assignment", "submitted_notebook", "grade", "base_cell", "grade_cells")
    whole, submission, notebook, grade, base, cell = (tables()[name] for name in names)
    asked = (
        sqlalchemy.select(submission.c.student_id, notebook.c.late_submission_penalty, base.c.name, cell.c.max_score)
        .add_columns(*(grade.c[name] for name in ("auto_score", "manual_score", "extra_credit", "needs_manual_grade")))
        .select_from(whole)
        .join(submission, submission.c.assignment_id == whole.c.id)
        .join(notebook, notebook.c.assignment_id == submission.c.id)
        .join(grade, grade.c.notebook_id == notebook.c.id)
        .join(base, base.c.id == grade.c.cell_id)
        .join(cell, cell.c.id == base.c.id)
        .where(whole.c.name == assignment)
    )
    comment = tables()["comment"]
    said = (
        sqlalchemy.select(submission.c.student_id, base.c.name, comment.c.manual_comment)
        .select_from(whole)
        .join(submission, submission.c.assignment_id == whole.c.id)
        .join(notebook, notebook.c.assignment_id == submission.c.id)
        .join(comment, comment.c.notebook_id == notebook.c.id)
        .join(base, base.c.id == comment.c.cell_id)
        .where((whole.c.name == assignment) & comment.c.manual_comment.is_not(None))
    )
    if student is not None:
        asked, said = (query.where(submission.c.student_id == student) for query in (asked, said))
    rows, words = transact(engine, lambda c: (c.execute(asked).all(), c.execute(said).all()), reads=True)
    comments = {(row.student_id, row.name.removesuffix("-answer")): row.manual_comment for row in words}
    found = {}
    for row in rows:
        _, questions = found.setdefault(row.student_id, (row.late_submission_penalty or 0.0, []))
        about = comments.get((row.student_id, row.name), "")
        questions.append(Question(row.name, _score(row), row.max_score, row.needs_manual_grade, about))
    return [
        Standing(
            student,
            sum(question.score for question in questions),
            sum(question.of for question in questions),
            any(question.to_mark for question in questions),
            penalty,
            tuple(sorted(questions)),
        )
        for student, (penalty, questions) in sorted(found.items())
    ]


def moment(given, now=None):
    """(the time of handing in as the gradebook keeps it, UTC without a zone, or None; what was wrong with it, or "").

    given: a datetime, UTC if it has no zone; the text of a timestamp.txt; or None.  Never raises: the text comes from
    the student's side.
    """
    from dateutil.tz import gettz

    when, said = given, ascii(given if isinstance(given, str) else str(given))[:60]
    try:
        if isinstance(given, str):
            if not given.strip():
                return None, "timestamp.txt is empty; the time of handing in counts as not given"
            found = TIME.fullmatch(given.strip())
            if not found:
                return None, f"timestamp.txt says {said}, which is no time; it counts as not given"
            when, zone = datetime.fromisoformat(found[1]), found[2] or "UTC"
            if zone[0] in "+-":
                when = datetime.fromisoformat(found[1] + zone)
            elif zone not in ("UTC", "Z"):
                when = when.replace(tzinfo=gettz(zone))
                if when.tzinfo is None:
                    return None, f"timestamp.txt says {said}, and its time zone is not known; it counts as not given"
        if when is not None and when.tzinfo is not None:
            when = when.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None, f"timestamp.txt says {said}, which is no time; it counts as not given"
    if when is not None and when > (now or datetime.now(UTC).replace(tzinfo=None)) + AHEAD:
        return None, f"timestamp.txt says {said}, which is in the future; it counts as not given"
    return when, ""


def read_small(path):
    """The text of a small file that a student handed in; None if there is none, or it is a link, a folder, a pipe..."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        data = os.read(handle, 1000) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    finally:
        os.close(handle)
    return None if data is None else data.decode("utf-8", "replace").removeprefix("\ufeff")


def _one_name(student):
    """The student's id, if it names a folder; Wrong if not."""
    if not student or student in (".", "..") or {"/", "\\", "\0"} & set(student) or student != _clean(student):
        raise Wrong(f"{student!a} cannot be a student's id: it has to be the name, in UTF-8, of a folder in submitted/")
    return student


def _score(row):
    """A grade's score, as nbgrader counts it."""
    score = row.manual_score if row.manual_score is not None else row.auto_score
    return 0.0 if score is None else score + (row.extra_credit or 0.0)


def _clean(text):
    """Text that can be written as UTF-8: half a surrogate pair cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _same(before, outcome, sources, names):
    """Those of the questions `names` whose answer is the one that was recorded last: a look at that still holds."""
    if before is None:
        return frozenset()
    if before["key"] == outcome.key:
        return frozenset(names)
    if not (before["readable"] and outcome.readable):
        return frozenset()
    old = {}
    for cell in json.loads(before["data"])["cells"]:
        old[cell["metadata"].get("nbgrader", {}).get("grade_id", "")] = cell["source"]
    new = {name: (text, autograded.harmless(text)) for name, text in sources.items()}
    return {name for name in names if all(old.get(n) in new.get(n, (None,)) for n in _answers(name, sources))}


def _answers(question, sources):
    """The cells that a question's points depend on: the answer above its test, or the one that a person marks."""
    answer = f"{question}-answer"
    return [answer] if answer in sources else [question]
