"""`lstmkit grade`: every submission of an assignment, into the gradebook and the feedback.

What was graded is kept, with a hash of everything that it depends on: the answers, the tests, the student's code, the
grader itself.  A run grades what has no outcome with that hash, so a run that was interrupted is simply run again.
Each submission is locked while it is judged and recorded, so two runs at once share the work.
"""

import ast
import collections
import concurrent.futures
import fcntl
import hashlib
import json
import os
import re
from typing import NamedTuple

from lstmkit.grader import feedback, gradebook, kit, outcome, pool
from lstmkit.grader.course import Wrong
from lstmkit.grader.judge import Task, plain_task
from lstmkit.grader.rebuild import read_submission, rebuild
from lstmkit.grading import notebook

DOORS = {"code", "hint", "yours"}  # of every module of checks; the worker has its own
AHEAD = 32  # submissions that are given out and not yet back


class Graded(NamedTuple):
    """A student's line of the summary."""

    student: str
    state: str  # "graded", "unchanged", "unreadable" or "failed"
    points: float = 0.0
    note: str = ""


class Assignment(NamedTuple):
    """What all submissions of an assignment have in common."""

    name: str
    release: dict
    tests: dict[str, str]
    given: str
    tools: tuple[str, ...]  # what its cells take from the module of the checks, besides the questions
    modules: tuple[str, ...]
    version: str


class Settings(NamedTuple):
    """How to grade; every one of them may change what comes out, or whether it is safe."""

    backend: str = "auto"
    torch: bool = False  # may student code import PyTorch?
    cell_seconds: float = 60.0
    seconds: float = 300.0


def assignment(course, name):
    """The Assignment of that name in the course; Wrong if it was not built or released."""
    if name not in course.assignments():
        known = ", ".join(course.assignments()) or "none yet: nbgrader generate_assignment makes them"
        raise Wrong(f"there is no assignment {name!r} in {course.root}; there are: {known}")
    try:
        source, release = (
            json.loads(course.notebook(step, name).read_text(encoding="utf-8")) for step in ("source", "release")
        )
    except FileNotFoundError as error:
        raise Wrong(
            f"{error.filename} is missing: release the assignment with nbgrader generate_assignment {name}"
        ) from None
    tests, imports = {}, []
    for cell in source["cells"]:
        if cell["cell_type"] == "code":
            mark, text = cell["metadata"].get("nbgrader", {}), "".join(cell["source"])
            if mark.get("grade") and not mark.get("solution"):
                tests[mark["grade_id"]] = text
            imports += _imports(text)
    tools = _tools(release, name)
    return Assignment(name, release, tests, "\n".join(imports), tools, kit.modules_of(release), pool.version())


def grade(course, name, students=(), force=False, settings=None, jobs=2, scheduler=None, tell=None):
    """Grade an assignment; gives a Graded for each submission, by student.

    students: only these; force: also what did not change; scheduler: the address of a Dask cluster; tell: called with
    (done, all, Graded) after each.  Wrong if it cannot begin, sandbox.Unavailable if nothing here isolates.
    """
    settings = settings or Settings()
    about = assignment(course, name)
    there = course.students(name)
    if unknown := sorted(set(students) - set(there)):
        raise Wrong(
            f"{unknown[0]!r} has handed in nothing for {name}: there is no folder submitted/{unknown[0]}/{name}"
        )
    asked = sorted(set(students)) if students else there
    done = []

    def note(graded):
        done.append(graded)
        if tell:
            tell(len(done), len(asked), graded)

    with gradebook.Book(course, name) as book:
        standings = {standing.student: standing for standing in book.standings()}
        todo = []
        for student in asked:
            task = _task(course, about, student, settings)
            kept, told = (None, None) if force else _kept(course, name, student)
            if kept is not None and kept.key == task.key and book.recorded(student) == task.key:
                if told != _told(standings.get(student)):  # somebody has marked something since
                    _tell_student(course, kept, standings.get(student))
                note(Graded(student, "unchanged" if kept.readable else "unreadable", kept.points, _about(kept)))
            else:
                todo.append(task)
        if todo:
            one_after_the_other = sorted(todo, key=lambda task: task.student)
            with pool.Cluster(scheduler) if scheduler else pool.Local(min(jobs, len(todo))) as judges:
                _judge_all(course, book, one_after_the_other, judges, _sandbox(about, settings), force, note)
    return sorted(done)


def judged(course, name, student, settings=None):
    """The Outcome of one submission, which is neither recorded nor kept; pool.Died if there is none."""
    settings, about = settings or Settings(), assignment(course, name)
    with pool.Local(1) as judges:
        task = _task(course, about, student, settings)
        return outcome.from_json(judges.submit(_sandbox(about, settings), plain_task(task)).result())


def summary(course, name, graded):
    """The table of a run, a line for each student, and a last one for all."""
    with gradebook.Book(course, name) as book:
        standings = {standing.student: standing for standing in book.standings()}
    width = max([len(printable(row.student)) for row in graded], default=0)
    lines = []
    for row in graded:
        standing = standings.get(row.student)
        score = f"{standing.score:g} of {standing.of:g}" if standing and row.state != "failed" else "-"
        parts = [
            row.note,
            "a person has to mark the rest" if standing and standing.to_mark and row.state != "failed" else "",
        ]
        if standing and standing.penalty:
            parts.append(f"{standing.penalty:g} off for being late")
        about = "; ".join(filter(None, parts))
        lines.append(f"{printable(row.student):<{width}}  {score:>12}  {row.state:<10}  {printable(about)}".rstrip())
    counts = collections.Counter(row.state for row in graded)
    total = ", ".join(
        f"{counts[state]} {state}" for state in ("graded", "unchanged", "unreadable", "failed") if counts[state]
    )
    lines.append(f"{name}: {total or 'nothing was handed in'}")
    return "\n".join(lines)


def printable(text):
    """Text from outside on one line of a terminal: no control characters, nothing that turns the line round."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)[:300]


def _sandbox(about, settings):
    """What sandbox.Sandbox takes, as a dict."""
    packages = ("torch",) if settings.torch else ()
    return {"backend": settings.backend, "modules": about.modules, "packages": packages}


def _judge_all(course, book, tasks, judges, sandbox, force, note):
    """Judge the tasks and record them as they come back; what another run is at is left to it, and looked at last."""
    waiting, left, busy = {}, list(reversed(tasks)), []
    try:
        while left or busy or waiting:
            while (left or (busy and not waiting)) and len(waiting) < AHEAD:
                task = left.pop() if left else busy.pop()
                lock = _lock(course, task, wait=not left and not waiting)
                if lock is None:
                    busy.append(task)
                    continue
                kept, _ = (None, None) if force else _kept(course, task.assignment, task.student)
                if kept is not None and kept.key == task.key and book.recorded(task.student) == task.key:
                    os.close(lock)
                    note(Graded(task.student, "unchanged", kept.points, _about(kept)))
                else:
                    waiting[judges.submit(sandbox, plain_task(task))] = task, lock
            finished, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in finished:
                task, lock = waiting.pop(future)
                try:
                    note(_recorded(course, book, future, task))
                finally:
                    os.close(lock)
    finally:
        for _, lock in waiting.values():
            os.close(lock)


def _recorded(course, book, future, task):
    """Write what a judge came to, in this order: gradebook, feedback, our own note that it is done."""
    try:
        made = outcome.from_json(future.result())
    except pool.Died as error:
        return Graded(task.student, "failed", 0.0, f"not graded: {error}; look at the notebook, and grade again")
    notes = book.record(made, _timestamp(course, task))
    standing = book.standing(task.student)
    _tell_student(course, made, standing)
    _keep(course, made, _told(standing))
    state = "graded" if made.readable else "unreadable"
    return Graded(task.student, state, made.points, "; ".join(filter(None, [*notes, _about(made)])))


def _task(course, about, student, settings):
    """The Task of a student, from what lies in the folder now."""
    raw, files, notes = read_submission(course.folder("submitted", about.name, student), about.name)
    made = rebuild(raw, about.release, files)
    task = Task(
        assignment=about.name,
        student=student,
        key="",
        readable=made.readable,
        repairs=(*made.repairs, *notes),
        cells=made.cells,
        files=made.files,
        tests=about.tests,
        given=about.given,
        tools=about.tools,
        code=course.code(student),
        cell_seconds=settings.cell_seconds,
        seconds=settings.seconds,
    )
    depends = [plain_task(task), about.version, settings.torch, about.modules]
    return task._replace(key=hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest())


def _imports(source):
    """The import statements at the top level of a cell, as lines of code."""
    try:
        lines = ast.parse(source).body
    except SyntaxError:  # a magic
        return []
    return [ast.unparse(line) for line in lines if isinstance(line, ast.Import | ast.ImportFrom)]


def _tools(release, name):
    """The names that a release takes from its checks or tells of, as `check.leaky_step`, but for the questions."""
    if name not in notebook.assignments():
        return ()
    checks = notebook.checks(name)
    used = {tool for cell in release["cells"] for tool in re.findall(r"\bcheck\.([a-z]\w*)", "".join(cell["source"]))}
    return tuple(sorted(tool for tool in used - set(checks.QUESTIONS) - DOORS if hasattr(checks, tool)))


def _kept(course, name, student):
    """The Outcome that was found before and what the student was told of it, or (None, None)."""
    try:
        kept = json.loads(course.outcome(name, student).read_text(encoding="utf-8"))
        return outcome.from_json(kept["outcome"]), kept["told"]
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or of another version: it is graded anew
        return None, None


def _keep(course, made, told):
    """Keep an Outcome, whole or not at all."""
    path = course.outcome(made.assignment, made.student)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(json.dumps({"outcome": outcome.to_json(made), "told": told}), encoding="utf-8")
    os.replace(new, path)


def _told(standing):
    """What of the gradebook stands in a feedback page."""
    return None if standing is None else json.loads(json.dumps(standing))


def _tell_student(course, made, standing):
    """Write the feedback page, and note what it says."""
    by_check = {mark.question: mark.points for mark in made.marks}
    marked = standing.questions if standing else ()
    manual = {
        q.name: (q.score, q.of, q.comment)
        for q in marked
        if not q.to_mark and (q.comment or by_check.get(q.name) != q.score)
    }
    feedback.write(course, made, manual, course.directory.course_id, penalty=standing.penalty if standing else 0.0)
    _keep(course, made, _told(standing))


def _timestamp(course, task):
    """The text of the file that says when a submission was handed in, or None."""
    return gradebook.read_small(course.folder("submitted", task.assignment, task.student) / "timestamp.txt")


def _lock(course, task, wait):
    """A descriptor that holds the submission's lock until it is closed; None if another run has it, unless we wait."""
    path = course.root / ".lstmkit" / "locks" / f"{task.assignment}-{task.student}"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _about(made):
    """What the instructor should know of an outcome, in a few words."""
    if not made.readable:
        return made.repairs[0]
    ended = sum(
        "error" in output and output["error"].startswith("ended after") for c in made.cells for output in c.outputs
    )
    parts = [f"{len(made.repairs)} repaired" if made.repairs else "", f"{ended} cells ended" if ended else ""]
    return ", ".join(filter(None, parts))
