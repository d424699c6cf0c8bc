"""Makes a private course folder: `lstmkit course new DIR --roster roster.csv`.

It holds the answers, the hidden tests, the secret and the grades, so it lies outside the public repository and only
its owner can read it.  Running the command again completes what is missing, a student who joined late for example,
and never replaces a secret, a gradebook or anything that a student handed in.
"""

import csv
import io
import os
import re
import secrets
import shutil
import sys
from pathlib import Path

from lstmkit.grader.course import Course, Wrong
from lstmkit.grading import personal

EXERCISES = Path(__file__).parents[2] / "exercises"
FOLDERS = {"source", "release", "submitted", "autograded", "feedback", ".lstmkit"}
FILES = {
    "nbgrader_config.py", "secret.txt", "roster.csv", "codes.csv", "gradebook.db", ".gitignore", "README.md",
}  # fmt: skip
BESIDE = re.compile(r"gradebook\.db(-journal|-wal|-shm)?|.*\.csv|.*\.log|\..*\.new|\.(git|ipynb_checkpoints)")
STUDENT = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._@-]{0,99}")

IGNORE = """\
# Nothing of a course belongs into a repository that others can read.  If yours is private, change this.
*
!.gitignore
"""

README = """\
# {name}

A course folder for nbgrader, made by `lstmkit course new`. Run every command here. Only you can read this folder; keep
it so: `source/` has the answers and hidden tests, `secret.txt` draws every student's numbers, `gradebook.db` has the
grades. Back up these three, and `submitted/`.

| | |
| --- | --- |
| `source/`, `release/` | the assignments with answers, and as students get them |
| `roster.csv`, `codes.csv` | who takes part, and the code that each student writes into `check.code("...")` |
| `submitted/`, `autograded/`, `feedback/` | what came in, what was graded, what goes back |
| `nbgrader_config.py` | the settings that every command reads |

## For each assignment

```bash
nbgrader release_assignment lstm     # into the exchange; students fetch it there
nbgrader collect lstm                # what they handed in; read its warnings about owners
lstmkit grade lstm                   # in isolation; a second run grades only what changed
jupyter lab                          # mark the answers in words: menu Nbgrader, Formgrader
lstmkit grade lstm                   # again, to bring these marks into the feedback pages
nbgrader release_feedback lstm       # each page to its student
```

Without an exchange hand out `release/lstm/lstm.ipynb` by any means, and put what comes back under
`submitted/STUDENT/lstm/lstm.ipynb`, STUDENT being an id of `roster.csv`.

## Now and then

```bash
lstmkit doctor --isolation           # tries to break the isolation, before the first grading and after each upgrade
lstmkit grade lstm --export canvas   # the grades so far, as a file for Canvas; `csv` for Moodle
lstmkit course new . --roster NEW    # a longer roster: adds students, changes nothing else
```

A due date, for the penalty of late work, is set in formgrader. The page "Grading safely" of the book says what can go
wrong and what happens then.
"""


def new(directory, roster=None, assignments=None, progress=None):
    """Make the course folder, or complete it; returns a summary of several lines.

    roster: a CSV file with a column id; needed the first time.  assignments: their names, all if None.  progress:
    called with a line of text before each step that takes a while.  Wrong where the folder cannot be a course, the
    roster cannot be read, or the package was installed without its exercises.
    """
    say = progress or (lambda line: None)
    root = Path(directory).expanduser().resolve()
    texts = _texts(assignments)
    _outside(root)
    _its_own(root)
    students, given = _students(roster, root)
    made = []
    _folder(root)
    if _absent(root / "secret.txt"):
        _write(root / "secret.txt", secrets.token_urlsafe(32) + "\n", 0o600)
        made.append("secret.txt, drawn; keep a copy where nobody else reads it")
    for name, text in [
        ("nbgrader_config.py", (EXERCISES / "nbgrader_config.py").read_text(encoding="utf-8")),
        (".gitignore", IGNORE),
        ("README.md", README.format(name=root.name)),
    ]:
        if _absent(root / name):
            _write(root / name, text, 0o600)
            made.append(name)
    secret = (root / "secret.txt").read_text(encoding="utf-8").strip()
    try:
        codes = "id,code\n" + "".join(f"{student},{personal.code_of(secret, student)}\n" for student in students)
    except ValueError as problem:
        raise Wrong(f"{root / 'secret.txt'}: {problem}") from problem
    for name, text in [("roster.csv", given), ("codes.csv", codes)]:
        if _absent(root / name) or (root / name).read_text(encoding="utf-8") != text:
            _write(root / name, text, 0o600)
            made.append(f"{name}, {len(students)} students")
    for number, (name, path) in enumerate(texts.items(), start=1):
        if _absent(root / "release" / name / f"{name}.ipynb") or _absent(root / "source" / name / f"{name}.ipynb"):
            say(f"building {name}, {number} of {len(texts)}")
            _build(name, path, root)
            made.append(f"assignment {name}")
    say("writing the students into the gradebook")
    added = _gradebook(root, students)
    if added:
        made.append(f"gradebook.db, {added} students added")
    what = "\n".join(f"  {line}" for line in made) if made else "  nothing was missing"
    return (
        f"{root}\n{what}\n{len(texts)} assignments and {len(students)} students are in place; README.md there has the "
        "commands of a term."
    )


def _texts(assignments):
    """{name: its text} of the assignments asked for."""
    if not (EXERCISES / "build.py").is_file():
        raise Wrong(
            f"this installation of lstmkit has no exercises: there is no {EXERCISES / 'build.py'}. Clone the book's "
            "repository, install it from there with `pip install -e .`, and run the command again"
        )
    known = {path.stem: path for path in sorted((EXERCISES / "assignments").glob("*.py"))}
    for name in assignments or ():
        if name not in known:
            raise Wrong(f"there is no assignment {name!r}; there are: {', '.join(known)}")
    return {name: path for name, path in known.items() if not assignments or name in assignments}


def _outside(root):
    """Wrong inside the repository of the book, or of a copy of it: what is there is published sooner or later."""
    for folder in (root, *root.parents):
        if (folder / "lstmkit" / "grader").is_dir() and (folder / "exercises" / "build.py").is_file():
            raise Wrong(
                f"{root} lies inside {folder}, the book's repository, which is public. A course has answers, a secret "
                f"and grades: choose a folder outside of it, {folder.parent / 'my-course'} for example"
            )


def _its_own(root):
    """Wrong where the folder holds anything that is not of a course."""
    if root.is_symlink() or (root.exists() and not root.is_dir()):
        raise Wrong(f"{root} is a file, not a folder: choose a name that is free")
    if not root.exists():
        return
    found = {path.name: path for path in root.iterdir()}
    foreign = sorted(name for name in found if name not in FOLDERS | FILES and not BESIDE.fullmatch(name))
    started = {name for name in found if not name.endswith(".new")}  # that is what a kill may leave behind
    if foreign or (started and "nbgrader_config.py" not in found and "secret.txt" not in found):
        example = (foreign or sorted(found))[0]
        raise Wrong(
            f"{root} is not empty and not a course that this command made: it holds {example!r}. Choose an empty "
            "folder, or a name that is free"
        )
    for name, path in found.items():
        if path.is_symlink() and name in FOLDERS | FILES:
            raise Wrong(f"{path} is a link to elsewhere; a course keeps its {name} in its own folder: replace the link")


def _students(roster, root):
    """The ids of all students, old ones first, and the roster as text that names each of them."""
    kept = root / "roster.csv"
    rows, columns = [], []
    for path in [kept] * kept.is_file() + ([] if roster is None else [Path(roster)]):
        more, names = _roster(path)
        there = {row["id"]: row for row in rows}
        columns += [name for name in names if name not in columns]
        for row in more:
            if row["id"] in there:
                there[row["id"]].update(row)
            else:
                rows.append(row)
    if not rows:
        raise Wrong("a new course needs its students: --roster roster.csv, a CSV file with a column id")
    _no_twins(rows, roster or kept)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return [row["id"] for row in rows], out.getvalue()


def _roster(path):
    """The rows of a roster, and its columns; Wrong says which line is not right, and why."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Wrong(
            f"{path} is not UTF-8 text (byte {problem.start} is {problem.object[problem.start]:#04x}); save it again "
            "as CSV UTF-8"
        ) from problem
    except OSError as problem:
        raise Wrong(f"{path} cannot be read: {problem.strerror}; name a CSV file with a column id") from problem
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = [(name or "").strip() for name in reader.fieldnames or []]
        reader.fieldnames = columns
        rows = list(reader)
    except csv.Error as problem:
        raise Wrong(f"{path}, line {reader.line_num}, is not CSV: {problem}") from problem
    if columns.count("id") != 1:
        has = ", ".join(map(repr, columns)) or "nothing"
        raise Wrong(f"{path} needs a first line with one column id, separated by commas; its first line has {has}")
    if not rows:
        raise Wrong(f"{path} has no students: one row for each is expected below the first line")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise Wrong(f"{path}, student {number - 1}: the row has not {len(columns)} fields, as the first line has")
        row["id"] = row["id"].strip()
        if not STUDENT.fullmatch(row["id"]) or ".." in row["id"]:
            raise Wrong(
                f"{path}, student {number - 1}: the id {row['id']!r} cannot be the name of a folder. Use up to 100 "
                "letters (a to z), digits and . _ - @, beginning with neither . nor - and without .."
            )
    seen = [row["id"] for row in rows]
    for student in seen:
        if seen.count(student) > 1:
            raise Wrong(
                f"{path}: the id {student!r} is there {seen.count(student)} times; every student needs their own"
            )
    return rows, columns


def _no_twins(rows, path):
    """Ada and ada are one folder on macOS and Windows."""
    seen = {}
    for row in rows:
        twin = seen.setdefault(row["id"].lower(), row["id"])
        if twin != row["id"]:
            raise Wrong(
                f"{path}: the ids {twin!r} and {row['id']!r} differ only in capitals, which not every disk can tell"
            )


def _folder(path):
    """The folder, for its owner only."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as problem:
        raise Wrong(f"{path} cannot be made: {problem.strerror}; choose a folder that you may write to") from problem


def _absent(path):
    return not path.is_file() or path.stat().st_size == 0


def _write(path, text, mode):
    """Whole or not at all, and never readable for others, not even for a moment."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _build(name, path, root):
    """source/ and release/ of an assignment, by exercises.build."""
    repository = str(EXERCISES.parent)
    sys.path.insert(0, repository)
    try:
        from exercises import build
    finally:
        sys.path.remove(repository)
    shutil.rmtree(root / "release" / name, ignore_errors=True)
    before = os.umask(0o077)
    try:
        build.write_source(path, root)
        build.release(name, root)
    except (ValueError, RuntimeError) as problem:
        raise Wrong(f"the assignment {name} could not be built: {problem}") from problem
    finally:
        os.umask(before)
    # What is handed out has to be readable where it is handed out; the course's own folder hides it until then.
    for released in (root / "release").rglob("*"):
        released.chmod(0o755 if released.is_dir() else 0o644)


def _gradebook(root, students):
    """How many students were added to the gradebook, which is where the course's configuration says."""
    from nbgrader.api import Gradebook

    course = Course(root)
    path = root / "gradebook.db"
    if course.db_url == f"sqlite:///{path}":
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        path.chmod(0o600)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it calls alembic
    rows = {row["id"]: row for row in _roster(root / "roster.csv")[0]}
    with Gradebook(course.db_url, course.directory.course_id) as gradebook:
        there = {student.id for student in gradebook.students}
        missing = [student for student in students if student not in there]
        for student in missing:
            about = ((key, rows[student].get(key)) for key in ("first_name", "last_name", "email"))
            gradebook.add_student(student, **{key: text for key, text in about if text})
    return len(missing)
