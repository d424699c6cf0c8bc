"""`lstmkit grade`: the same points whatever happens on the way, and nothing lost."""

import contextlib
import functools
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
from nbgrader.api import Gradebook
from postgres import postgres  # noqa: F401 - a fixture

from lstmkit import cli
from lstmkit.grader import grade, judge, pool, sandbox
from lstmkit.grader.course import Course

ROOT = Path(__file__).parents[1]
NAME = "tiny"
RIGHT = {
    "double": "def double(x):\n    return 2 * x",
    "mean": "import numpy as np\ndef mean(x):\n    return np.mean(x)",
    "why": "Because it is so.",
}
TESTS = {
    "double": ("double(1)", "score = sum(float(np.all(double(x) == 2 * x)) for x in (0, 21, np.arange(3.0)))\nscore"),
    "mean": ("assert mean([1, 2]) == 1.5", "assert mean(np.array([4711.0, 4713.0])) == 4712.0, 'not for an array'"),
}
POINTS = {"double": 3, "mean": 4, "why": 2}


@functools.cache
def isolations():
    """The backends that work here without a container."""
    return [name for name, works, _ in sandbox.available(("bubblewrap", "namespaces")) if works]


def backend():
    return isolations()[0] if isolations() else "unsafe-local"


def cell(kind, source, mark=None, number=0):
    made = {"cell_type": kind, "id": mark["grade_id"] if mark else f"c{number}", "source": source, "metadata": {}}
    if mark:
        flags = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        made["metadata"] = {"nbgrader": flags | mark}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def notebook(answers=(), hidden=False, before="", after=""):
    """The tiny assignment with these answers; hidden: the instructor's."""
    answers, blank = dict(answers), "raise NotImplementedError()"
    cells = [cell("markdown", "# Tiny", number=1), cell("code", "import numpy as np", number=2)]
    if before:
        cells.append(cell("code", before, number=3))
    for name, (seen, unseen) in TESTS.items():
        cells.append(cell("markdown", f"Write `{name}`.", {"grade_id": f"{name}-statement", "locked": True}))
        cells.append(cell("code", answers.get(name, blank), {"grade_id": f"{name}-answer", "solution": True}))
        end = f"\n### BEGIN HIDDEN TESTS\n{unseen}\n### END HIDDEN TESTS" if hidden else ""
        mark = {"grade_id": name, "grade": True, "locked": True, "points": POINTS[name]}
        cells.append(cell("code", seen + end, mark))
    cells.append(cell("markdown", "Why?", {"grade_id": "why-statement", "locked": True}))
    mark = {"grade_id": "why", "grade": True, "solution": True, "points": POINTS["why"]}
    cells.append(cell("markdown", answers.get("why", "YOUR ANSWER HERE"), mark))
    if after:
        cells.append(cell("code", after, number=4))
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}


def hand_in(root, student, made):
    folder = root / "submitted" / student / NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.ipynb").write_text(made if isinstance(made, str) else json.dumps(made))


def new_course(root, students=None):
    for step, hidden in (("source", True), ("release", False)):
        (root / step / NAME).mkdir(parents=True)
        made = notebook(RIGHT if hidden else (), hidden)
        (root / step / NAME / f"{NAME}.ipynb").write_text(json.dumps(made))
    (root / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "tiny-course"\n')
    for student, made in (STUDENTS if students is None else students).items():
        hand_in(root, student, made)
    return root


HALF = RIGHT | {"mean": "def mean(x):\n    return x[0] / 2 + x[1] / 2 if isinstance(x, list) else 0"}
LOOP = RIGHT | {
    "double": "def double(x):\n    while True:\n        try:\n            while True: pass\n        except: pass"
}
STUDENTS = {
    "ada": notebook(RIGHT),
    "blank": notebook(),
    "broken": "{this is no notebook",
    "dies": notebook(RIGHT | {"double": "def double(x):\n    import os\n    os._exit(0)"}),
    "half": notebook(HALF),
    "noisy": notebook(RIGHT, before="import warnings\nwarnings.warn('x')\nprint('<script>alert(1)</script>')"),
    "only_scalars": notebook(RIGHT | {"double": "def double(x):\n    return 2 * x if type(x) is int else None"}),
}
WANTED = {
    "ada": {"double": 3, "mean": 4},
    "blank": {"double": 0, "mean": 0},
    "broken": {"double": 0, "mean": 0},
    "dies": {"double": 0, "mean": 4},
    "half": {"double": 3, "mean": 0},
    "noisy": {"double": 3, "mean": 4},
    "only_scalars": {"double": 2, "mean": 4},
}


def run(root, *arguments, code=None, timeout=300):
    """lstmkit grade tiny, as a person runs it; gives what it printed."""
    done = subprocess.run(
        command(*arguments), cwd=root, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def command(*arguments):
    unsafe = ["--unsafe-local"] if backend() == "unsafe-local" else []
    return [sys.executable, "-m", "lstmkit", "grade", NAME, *unsafe, *map(str, arguments)]


def scores(root, db_url=None):
    """{student: {question: automatic score}} as nbgrader reads them from the gradebook."""
    with Gradebook(db_url or f"sqlite:///{root / 'gradebook.db'}", "tiny-course") as book:
        return {
            submission.student.id: {g.name: g.auto_score for g in submission.notebooks[0].grades if g.name != "why"}
            for submission in book.assignment_submissions(NAME)
        }


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course graded once, and what was printed."""
    root = new_course(tmp_path_factory.mktemp("course"))
    return root, run(root, code=1)


@pytest.mark.slow
def test_every_submission_has_its_points_and_the_table_says_so(graded):
    root, said = graded
    assert scores(root) == WANTED
    lines = said.stdout.splitlines()
    assert lines[-1] == "tiny: 6 graded, 1 unreadable"
    assert re.match(r"ada +7 of 9  graded +a person has to mark the rest", lines[0])
    assert re.match(r"broken +0 of 9  unreadable", lines[2])
    assert all(f"{student}: " in said.stderr for student in STUDENTS)


@pytest.mark.slow
def test_feedback_says_what_happened_and_shows_nothing_hidden(graded):
    root, _ = graded
    for student in STUDENTS:
        page = (root / "feedback" / student / NAME / f"{NAME}.html").read_text()
        assert "4711" not in page
        assert "<script" not in page
    page = (root / "feedback" / "half" / NAME / f"{NAME}.html").read_text()
    assert "not for an array" in page  # what the instructor wrote for whom the assertion fails
    assert "ended the Python process" in (root / "feedback" / "dies" / NAME / f"{NAME}.html").read_text()


@pytest.mark.slow
def test_a_second_run_grades_what_changed_and_no_more(graded, capsys, monkeypatch):
    root, _ = graded
    monkeypatch.chdir(root)
    told = []
    for change, state in ((None, "unchanged"), (notebook(RIGHT), "graded")):
        if change:
            hand_in(root, "half", change)
        rows = grade.grade(Course(), NAME, settings=grade.Settings(backend()), tell=lambda *about: told.append(about))
        assert {row.student: row.state for row in rows} == dict.fromkeys(STUDENTS, "unchanged") | {
            "broken": "unreadable", "half": state,
        }  # fmt: skip
    assert scores(root)["half"] == {"double": 3, "mean": 4}
    assert [done for done, *_ in told] == [*range(1, 8)] * 2
    hand_in(root, "half", STUDENTS["half"])
    grade.grade(Course(), NAME, settings=grade.Settings(backend()))
    assert scores(root) == WANTED


@pytest.mark.slow
def test_what_a_person_gave_survives_and_comes_into_the_feedback(tmp_path):
    root = new_course(tmp_path, {"ada": STUDENTS["ada"]})
    run(root, code=0)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "tiny-course") as book:
        given = book.find_grade("why", NAME, NAME, "ada")
        given.manual_score, given.needs_manual_grade = 1.5, False
        book.find_comment("why", NAME, NAME, "ada").manual_comment = "Nearly said."
        book.db.commit()
    page = root / "feedback" / "ada" / NAME / f"{NAME}.html"
    assert "Nearly said." not in page.read_text()
    assert "8.5 of 9" in run(root, code=0).stdout  # unchanged, but told anew
    assert "Nearly said." in page.read_text()
    hand_in(root, "ada", notebook(RIGHT | {"mean": HALF["mean"]}))
    assert "4.5 of 9" in run(root, "--force", code=0).stdout
    assert "Nearly said." in page.read_text()


@pytest.mark.slow
def test_some_students_only(tmp_path):
    root = new_course(tmp_path)
    assert run(root, "--students", "ada", "half", code=0).stdout.splitlines()[-1] == "tiny: 2 graded"
    assert set(scores(root)) == {"ada", "half"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "there is no assignment 'nothing'"),
        ([NAME, "--students", "nobody"], "'nobody' has handed in nothing for tiny"),
        ([NAME, "--unsafe-local", "--backend", "podman"], "--unsafe-local is no isolation at all"),
        ([NAME, "--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler answers"),
    ],
)
def test_what_cannot_begin_is_said(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(new_course(tmp_path))
    assert cli.main(["grade", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "feedback").exists()


def test_a_folder_that_is_no_course_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["grade", NAME]) == 2
    assert "lstmkit course new" in capsys.readouterr().err


@pytest.mark.slow
def test_without_isolation_nothing_is_graded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(new_course(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["grade", NAME, "--backend", "docker"]) == 2
    said = capsys.readouterr().err
    assert "install Docker" in said
    assert "--unsafe-local" in said
    assert not scores(tmp_path)


@pytest.mark.slow
def test_a_judge_that_dies_is_tried_again_and_costs_nobody_else(tmp_path, monkeypatch):
    """The judge itself, not the worker: what no submission should bring about is survived all the same."""
    root = new_course(tmp_path, dict.fromkeys(("ada", "boole", "curry"), STUDENTS["ada"]))
    monkeypatch.chdir(root)
    killed, ask, strokes = [], pool.Judge.ask, 1

    def struck(self, task):
        if task["student"] == "boole" and len(killed) < strokes:
            killed.append(self._process.pid)
            self._process.kill()
        return ask(self, task)

    monkeypatch.setattr(pool.Judge, "ask", struck)
    for state in ("graded", "failed"):
        killed.clear()
        rows = grade.grade(Course(), NAME, force=True, settings=grade.Settings(backend()))
        assert [row.state for row in rows] == ["graded", state, "graded"]
        strokes = 99
    assert scores(root) == dict.fromkeys(("ada", "boole", "curry"), WANTED["ada"])  # the score of before is kept


def test_a_task_survives_being_written_down():
    task = judge.Task(
        "a", "s", "k", True, ("r",), (), {"data.csv": b"\xff1,2"}, {"q": "1"}, "import os", ("tool",), "C"
    )
    assert judge._task(json.loads(json.dumps(judge.plain_task(task)))) == task


def test_points_are_read_as_nbgrader_reads_them():
    points = {2: 2.0, 99: 5.0, -3: 0.0, 2.5: 2.5, None: 5.0, "text": 5.0, float("nan"): 5.0}
    for value, wanted in points.items():
        assert judge._points(value, 5) == wanted


def test_progress_and_table_have_no_control_characters():
    assert grade.printable("a\x1b[31mb\r\n\u202ec") == "a\ufffd[31mb\ufffd\ufffd\ufffdc"


@pytest.mark.slow
def test_one_two_and_force_give_the_same_and_so_do_all_backends_here(tmp_path):
    root = new_course(tmp_path)
    kept = []
    for arguments in (["--jobs", 1], ["--jobs", 2], *(["--backend", name] for name in isolations())):
        run(root, "--force", *arguments, code=1)
        assert scores(root) == WANTED
        outcomes = {}
        for path in sorted((root / ".lstmkit" / "outcomes" / NAME).glob("*.json")):
            outcomes[path.stem] = json.loads(path.read_text())["outcome"]
        kept.append(outcomes)
    assert all(outcomes == kept[0] for outcomes in kept)  # to the last message


@pytest.mark.slow
def test_two_runs_at_once_share_the_work(tmp_path):
    root = new_course(tmp_path, {f"s{k:02}": STUDENTS["ada" if k % 2 else "half"] for k in range(12)})
    both = [
        subprocess.Popen(command("--jobs", 1), cwd=root, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    graded = [len(re.findall(r" graded ", text)) for text in said]
    assert sum(graded) == 12
    assert scores(root) == {f"s{k:02}": WANTED["ada" if k % 2 else "half"] for k in range(12)}


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path, seed):
    """kill -9 of the whole run, again and again while everything has to be graded anew; then one run to its end."""
    chance, students = random.Random(seed), {f"s{k}": ("ada", "half", "only_scalars")[k % 3] for k in range(8)}
    root = new_course(tmp_path, {student: STUDENTS[like] for student, like in students.items()})
    began = time.monotonic()
    run(root, code=0)
    whole = time.monotonic() - began
    for number in range(20):
        for student in students:  # other text, the same answers
            changed = json.loads((root / "submitted" / student / NAME / f"{NAME}.ipynb").read_text())
            changed["cells"][0]["source"] = changed["cells"][1]["source"] = f"# round {number}\nimport numpy as np"
            hand_in(root, student, changed)
        process = subprocess.Popen(
            command(),
            cwd=root,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.2, 1.1) * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with sqlite3.connect(root / "gradebook.db") as book:
            assert book.execute("pragma integrity_check").fetchone() == ("ok",)
        for path in root.glob("feedback/*/*/*.html"):
            assert path.read_text().rstrip().endswith("</html>")
    run(root, code=0)
    assert scores(root) == {student: WANTED[like] for student, like in students.items()}
    again = run(root, code=0).stdout.splitlines()[-1]
    assert again == "tiny: 8 unchanged"
    kept = {p.stem: json.loads(p.read_text())["outcome"] for p in (root / ".lstmkit/outcomes" / NAME).glob("*.json")}
    run(root, "--force", code=0)
    for path in (root / ".lstmkit/outcomes" / NAME).glob("*.json"):
        assert json.loads(path.read_text())["outcome"] == kept[path.stem]


@pytest.mark.slow
def test_an_endless_loop_costs_its_time_and_its_own_question(tmp_path):
    root = new_course(tmp_path, {"ada": STUDENTS["ada"], "loop": notebook(LOOP)})
    run(root, code=0)
    assert scores(root) == {"ada": WANTED["ada"], "loop": {"double": 0, "mean": 4}}


@pytest.mark.slow
def test_the_gradebook_may_be_in_postgres(tmp_path, postgres):  # noqa: F811
    root, url = new_course(tmp_path), postgres("graded")
    run(root, "--db", url, code=1)
    assert scores(root, url.replace("postgresql://", "postgresql+psycopg://")) == WANTED
    assert run(root, "--db", url, code=1).stdout.splitlines()[-1] == "tiny: 6 unchanged, 1 unreadable"
    assert not (root / "gradebook.db").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Dask's own
def test_a_dask_cluster_gives_the_same_also_when_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    root = new_course(tmp_path, {f"s{k:02}": STUDENTS["ada" if k % 2 else "half"] for k in range(10)})
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        grading = subprocess.Popen(
            command("--scheduler", cluster.scheduler_address),
            cwd=root,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in grading.stderr:  # in the middle of it
            if line.startswith((" 3/", "3/")):
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
                break
        grading.communicate(timeout=300)
        assert grading.returncode == 0
        assert scores(root) == {f"s{k:02}": WANTED["ada" if k % 2 else "half"] for k in range(10)}
        outcomes = {p.stem: json.loads(p.read_text())["outcome"] for p in root.glob(".lstmkit/outcomes/*/*.json")}
    run(root, "--force", code=0)
    for path in root.glob(".lstmkit/outcomes/*/*.json"):
        assert json.loads(path.read_text())["outcome"] == outcomes[path.stem]
