"""Puts cases into course folders, lets a grader loose on them, and looks at what came of it.

Every case has an honest neighbour graded before it and one after it.  `stock` runs nbgrader as it is, in a bubble of
its own for every few cases, so that its damage stays there; `ours` runs `lstmkit grade` over all of them in one batch.
"""

import concurrent.futures
import contextlib
import functools
import hashlib
import html.parser
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.corpora.build import ROOT, answer, released, solved, to_bytes
from tests.corpora.hostile.make import COUNT, SIGMOID
from tests.corpora.hostile.submission import STUDENTS

SECONDS = 10  # that stock nbgrader gives a cell here; its default is 30, the course's setting 120
QUICK = ("--cell-seconds", "10", "--seconds", "60")  # of ours, so that a hundred endless loops come to an end
CAP = 150  # seconds after which a batch of stock nbgrader is taken for hung
ALONE = {"files outside", "processes and sockets", "exhaustion", "what is handed in"}  # these would spoil a batch
TOGETHER = 10
WATCHED = ("source", "release", "submitted", "nbgrader_config.py", "secret.txt")
UID = 64123  # of the bubble, so that its limit of processes is nobody else's


class Result(NamedTuple):
    """What came of one case."""

    corpus: str
    family: str
    name: str
    student: str
    points: dict | None  # {question: score} in the gradebook, None without an entry
    gained: float = 0.0  # points beyond those of its honest part
    lost: float = 0.0  # of the points that it should have
    touched: tuple = ()  # files, processes, sockets, others' grades, secrets: what it did outside of its own work
    aborted: bool = False  # a neighbour was not graded at all
    neighbour: float = 0.0  # points that a neighbour lost or won
    shown: tuple = ()  # hidden tests and secrets in its feedback
    active: bool = False  # a script of the student's in its feedback
    size: int = 0  # bytes of its feedback
    named: bool = True  # it has an entry, and a file that cannot be read is said to be one


class Placed(NamedTuple):
    """A student's submission in a course."""

    student: str
    assignment: str
    case: object = None  # None: an honest neighbour
    corpus: str = ""


# Making a course


@functools.cache
def template(assignments):
    """A course folder in which these assignments were built and released; kept until the process ends."""
    kept = tempfile.TemporaryDirectory(prefix="corpora-template-")
    _kept.append(kept)
    shutil.copy(ROOT / "exercises" / "nbgrader_config.py", kept.name)
    for name in sorted(assignments):
        command = [sys.executable, "-m", "exercises.build", name, "--root", kept.name]
        subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True)
    return Path(kept.name)


_kept = []


def environment(home=None):
    """What a grader's process gets: this environment's programs on the path, one thread each, perhaps another home."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    more = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PATH": path}
    return os.environ | more | ({"HOME": str(home)} if home else {})


def slug(case):
    return re.sub(r"[^a-z0-9]+", "-", case.name.lower()).strip("-")[:60]


def plan(cases, every=1):
    """Placed submissions in the order in which they are graded, an honest neighbour after every few and at both ends.

    cases: (corpus, case).
    """
    placed = [Placed("s0000-neighbour", "lstm")]
    for number, (corpus, case) in enumerate(cases, start=1):
        student = STUDENTS.get(case.name, f"s{number:04d}-{slug(case)}")
        placed.append(Placed(student, case.assignment, case, corpus))
        if number % every == 0:
            placed.append(Placed(f"s{number:04d}-{slug(case)}-neighbour", case.assignment))
    return [*placed, Placed("zzzz-neighbour", "lstm")]


def neighbour(assignment, light, private):
    """The notebook of an honest student; a light one answers two questions, which takes less time."""
    if light and assignment == "lstm":
        notebook = answer(answer(released("lstm"), "sigmoid", SIGMOID), "count_parameters", COUNT)
    else:
        notebook = solved(assignment)
    first = next(one for one in notebook["cells"] if one["metadata"].get("nbgrader", {}).get("solution"))
    first["source"] += f"\n# {private}"
    return to_bytes(notebook)


def neighbours_points(assignment, light):
    from lstmkit.grading.notebook import checks

    questions = checks(assignment).QUESTIONS
    asked = ("sigmoid", "count_parameters") if light and assignment == "lstm" else questions
    return float(sum(questions[name].points for name in asked))


class Made(NamedTuple):
    """A course folder with submissions in it."""

    root: Path  # course/, canary/SLUG/, home/
    placed: list
    secret: str
    private: str
    port: int
    light: bool

    @property
    def course(self):
        return self.root / "course"


def course(root, placed, light, settings):
    """Lay out a course: the template, a secret, a configuration, the submissions."""
    assignments = frozenset(one.assignment for one in placed) | {"lstm"}
    made = Made(root, placed, secrets.token_hex(16), f"private {secrets.token_hex(8)}", _free_port(), light)
    shutil.copytree(template(assignments), made.course)
    (made.course / "secret.txt").write_text(made.secret)
    (made.course / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    (root / "home").mkdir()
    before = "s0000-neighbour"
    for one in placed:
        folder = made.course / "submitted" / one.student / one.assignment
        folder.mkdir(parents=True)
        if one.case is None:
            (folder / f"{one.assignment}.ipynb").write_bytes(neighbour(one.assignment, light, made.private))
            if one.assignment == "lstm":
                before = one.student
            continue
        canary = root / "canary" / slug(one.case)
        canary.mkdir(parents=True)
        canary.chmod(0o777)
        words = {"CANARY": canary, "COURSE": made.course, "PORT": made.port, "NEIGHBOUR": before}
        words["NAME"] = slug(one.case)
        for name, content in one.case.files.items():
            place(folder / name, content, words)
    return made


def place(path, content, words):
    """Put a file of a case in its place; a tuple says what is no plain file, see hostile/submission.py."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind, value = content if isinstance(content, tuple) and len(content) == 2 else (content, None)
    if isinstance(content, bytes):
        for word, meant in words.items():
            content = content.replace(f"@{word}@".encode(), str(meant).encode())
        path.write_bytes(content)
        return
    if isinstance(value, str):
        for word, meant in words.items():
            value = value.replace(f"@{word}@", str(meant))
    if kind == "link":
        path.symlink_to(value)
    elif kind == "hard link":
        path.hardlink_to(value)
    elif kind == "hole":
        path.touch()
        os.truncate(path, value)
    elif content == ("pipe",):
        os.mkfifo(path)
    elif content == ("folder",):
        path.mkdir()
    else:
        raise ValueError(f"{path.name}: {content!r} is no kind of file that a case may have")


def _free_port():
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        return end.getsockname()[1]


# Graders


def stock_settings():
    """A configuration of stock nbgrader: the course's own, without anything of ours, and with less time for a cell."""
    return f"""
c = get_config()
c.CourseDirectory.course_id = "lstm-measured"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.py", "*.md", "*.yml"]
c.Execute.timeout = {SECONDS}
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
"""


def ours(cases, every=2, progress=print, arguments=QUICK):
    """Our grader over all cases in one batch: [Result], seconds."""
    with tempfile.TemporaryDirectory(prefix="corpora-ours-", ignore_cleanup_errors=True) as folder:
        settings = (ROOT / "exercises" / "nbgrader_config.py").read_text(encoding="utf-8")
        root = Path(folder)
        root.chmod(0o755)
        made = course(root, plan(cases, every), False, settings)
        names = sorted({one.assignment for one in made.placed})
        commands = [[sys.executable, "-m", "lstmkit", "grade", name, *arguments] for name in names]
        before = digest(made.course)
        watched = _watched(made, commands, 4 * 3600, 4, [])
        progress(watched["said"][-1500:])
        return look(made, watched, before), sum(watched["seconds"])


def stock(cases, jobs=2, progress=print, together=TOGETHER):
    """nbgrader as it is over all cases: [Result]; those that can spoil nothing run together, a few in a bubble."""
    mild = [pair for pair in cases if pair[1].family not in ALONE and pair[0] != "broken"]
    alone = [pair for pair in cases if pair not in mild]
    groups = [mild[k : k + together] for k in range(0, len(mild), together)] + [[pair] for pair in alone]
    results, again = [], []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(_stock, group): group for group in groups}
        for done in concurrent.futures.as_completed(runs):
            found, group = done.result(), runs[done]
            if len(group) > 1 and any(one.aborted or one.neighbour or one.points is None for one in found):
                again += group  # one of them spoiled the others
                continue
            results += found
            progress(f"{len(results)} of {len(cases)}: {found[-1].name}")
    return results + (stock(again, jobs, progress, 1) if again else [])


def _stock(cases):
    with tempfile.TemporaryDirectory(prefix="corpora-stock-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        placed = plan(cases, len(cases) + 1)
        made = course(root, placed, True, stock_settings())
        names = sorted({one.assignment for one in placed})
        steps = [(step, name) for name in names for step in ("autograde", "generate_feedback")]
        commands = [[sys.executable, "-m", "nbgrader", *step] for step in steps]
        before = digest(made.course)
        wait = 4 if cases[0][1].family == "processes and sockets" else 0
        watched = _watched(made, commands, CAP, wait, bubble(root))
        return look(made, watched, before)


def bubble(root):
    """The beginning of a command line: a private system in which only `root` can be written, and not much used up.

    Run by root, it gives up being root; the interpreter stays readable where it lies in root's own home.
    """
    limits = ["prlimit", f"--as={4 << 30}", f"--fsize={400 << 20}", "--nproc=400", "--core=0"]
    inside = [
        *("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp"),
        *("--size", str(256 << 20), "--tmpfs", "/dev/shm", "--bind", str(root), str(root)),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent", "--new-session"),
    ]
    if os.geteuid() != 0:
        return [*inside, "--cap-drop", "ALL", *limits]
    if sys.base_prefix.startswith("/root/"):
        above = [str(path) for path in reversed(Path(sys.base_prefix).parents)][2:]
        inside += ["--perms", "0755", "--tmpfs", "/root"]
        inside += [word for path in above for word in ("--perms", "0755", "--dir", path)]
        inside += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    inside += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs"]
    return [*inside, *user, *limits]


def _watched(made, commands, seconds, wait, prefix):
    """Run commands in the course under watch.py; what it says."""
    asked, said = made.root / "plan.json", made.root / "said.json"
    log = made.root / "log"
    what = {"commands": commands, "seconds": seconds, "port": made.port, "wait": wait, "log": str(log)}
    asked.write_text(json.dumps(what | {"cwd": str(made.course)}))
    if prefix and os.geteuid() == 0:
        subprocess.run(["chown", "-R", "-h", f"{UID}:{UID}", str(made.root)], check=True)
    command = [*prefix, sys.executable, "-m", "tests.corpora.watch", str(asked), str(said)]
    home = made.root / "home" if prefix else None
    with _cgroup(bool(prefix)) as join, contextlib.suppress(subprocess.TimeoutExpired):
        limit = seconds * len(commands) + 60
        subprocess.run(
            command, cwd=ROOT, env=environment(home), timeout=limit, check=False, preexec_fn=join,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    if not said.is_file():
        return {"codes": [None], "seconds": [seconds], "left": [], "heard": [], "said": "the watch was ended"}
    return json.loads(said.read_text())


@contextlib.contextmanager
def _cgroup(wanted):
    """A function that puts a process into a group of 3 GiB, where the system lets us make one."""
    group = Path("/sys/fs/cgroup/memory") / f"corpora-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        if not wanted:
            raise OSError
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(3 << 30))
    except OSError:
        yield None
        return
    try:
        yield lambda: (group / "cgroup.procs").write_text(str(os.getpid()))
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


# What came of it


def digest(folder):
    """{path: hash} of what no grader and no student may change."""
    found = {}
    for name in WATCHED:
        for path in [folder / name, *sorted((folder / name).rglob("*"))]:
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 100 << 20:
                with contextlib.suppress(OSError):
                    found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def scores(folder, placed):
    """{(student, assignment): {question: (score, most)}} from the gradebook; empty where there is none left."""
    from nbgrader.api import Gradebook, MissingEntry

    found = {}
    try:
        with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
            for one in placed:
                try:
                    entry = book.find_submission(one.assignment, one.student)
                    grades = [grade for notebook in entry.notebooks for grade in notebook.grades]
                except MissingEntry:
                    continue
                if not any(grade.auto_score is not None or grade.needs_manual_grade for grade in grades):
                    continue  # nbgrader makes the entry before it executes anything
                found[one.student, one.assignment] = {g.name: (g.score or 0.0, g.max_score) for g in grades}
    except Exception:  # a database that is none any more is one of the things to be measured
        return found
    return found


def look(made, watched, before):
    """A Result for each case."""
    points = scores(made.course, made.placed)
    changed = {name for name, hashed in digest(made.course).items() if before.get(name) != hashed}
    changed |= set(before) - set(digest(made.course))
    results = []
    for place_, one in enumerate(made.placed):
        if one.case is not None:
            results.append(_one(made, one, points, watched, changed, _beside(made.placed, place_)))
    if len(results) > 1:  # what cannot be put down to one of them
        known = " ".join(text for one in results for text in one.touched)
        names = [slug(one.case) for one in made.placed if one.case is not None]
        stray = [f"changed {path}" for path in sorted(changed)]
        stray += [_process(line) for line in watched["left"] if not any(name in line for name in names)]
        stray += [f"socket: {text}" for text in watched["heard"] if text not in known]
        if stray:
            results.append(Result("hostile", "somebody", "the batch as a whole", "", None, touched=tuple(stray)))
    return results


def _beside(placed, here):
    """The neighbours nearest to a place, one on each side; every one of them in a course of one case."""
    earlier = [one for one in placed[:here] if one.case is None][-1:]
    return earlier + [one for one in placed[here:] if one.case is None][:1]


def _one(made, one, points, watched, changed, beside):
    case, name = one.case, slug(one.case)
    mine = points.get((one.student, one.assignment))
    got = {question: score for question, (score, _) in mine.items()} if mine is not None else None
    touched = [f"file {path.name}" for path in (made.root / "canary" / name).iterdir()]
    touched += [f"socket: {text}" for text in watched["heard"] if name in text]
    alone = sum(other.case is not None for other in made.placed) == 1
    if alone or any(str(made.root / "canary" / name) in line for line in watched["left"]):
        touched += [_process(line) for line in watched["left"] if alone or name in line]
    if alone:
        touched += [f"changed {path}" for path in sorted(changed)]
    aborted, moved = False, 0.0
    for other in beside:
        theirs = points.get((other.student, other.assignment))
        if theirs is None:
            aborted = True
        else:
            full = neighbours_points(other.assignment, made.light)
            moved = max(moved, abs(full - sum(score for score, _ in theirs.values())))
    if moved and alone:
        touched.append("another's grade")
    page = made.course / "feedback" / one.student / one.assignment / f"{one.assignment}.html"
    text = page.read_text(encoding="utf-8", errors="replace") if page.is_file() and not page.is_symlink() else ""
    shown = tuple(word for word in hidden(one.assignment) if word in text)
    touched += [what for what, word in (("the secret", made.secret), ("another's work", made.private)) if word in text]
    gained, lost, named = _expected(made, one, got)
    return Result(
        one.corpus, case.family, case.name, one.student, got, gained, lost, tuple(touched), aborted, moved, shown,
        _Active(text).found, page.stat().st_size if text else 0, named,
    )  # fmt: skip


class _Active(html.parser.HTMLParser):
    """Whether anything that the corpora's students wrote would run, load or hide something in a browser."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = False, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        for name, value in attrs:
            value = (value or "").lower()
            if name.startswith("on") or value.lstrip().startswith(("javascript:", "data:text")) or name == "srcdoc":
                self.found |= "alert(1)" in value or "base64" in value
            self.found |= tag in ("base", "meta", "form", "iframe") and "example.org" in value

    def handle_data(self, data):
        self.found |= self.inside == "script" and "alert(1)" in data
        self.found |= self.inside == "style" and "* { display: none" in data


def _process(line):
    """A process that was left, without what differs from one run to the next."""
    _, name, *words = line.split()
    return " ".join(["process", name, *(word.rpartition("/")[2] for word in words)])[:100]


@functools.cache
def hidden(assignment):
    """What of the hidden tests must not be shown: their seeds, and the marks around them."""
    text = (ROOT / "exercises" / "assignments" / f"{assignment}.py").read_text(encoding="utf-8")
    return (*(f"seed={seed}" for seed in re.findall(r"seed=(\d{4,})", text)), "BEGIN HIDDEN TESTS")


def _expected(made, one, got):
    """The points that a case has beyond those that it should have; those that it lacks; whether it has its entry."""
    from lstmkit.grading.notebook import checks

    case, total = one.case, sum((got or {}).values())
    if one.corpus == "hostile":
        return max(0.0, total - case.expect), 0.0, got is not None
    if case.expect == "unreadable":
        return total, 0.0, got is not None and _said_unreadable(made, one)
    want = {name: float(question.points) for name, question in checks(one.assignment).QUESTIONS.items()}
    want |= case.expect if isinstance(case.expect, dict) else {}
    got = got or {}
    less = sum(max(0.0, points - got.get(name, 0.0)) for name, points in want.items())
    more = sum(max(0.0, got.get(name, 0.0) - points) for name, points in want.items())
    return more, less, bool(got)


def _said_unreadable(made, one):
    """True if a file that cannot be read is said to be one, to the student."""
    page = made.course / "feedback" / one.student / one.assignment / f"{one.assignment}.html"
    return page.is_file() and "could not be read" in page.read_text(encoding="utf-8", errors="replace")
