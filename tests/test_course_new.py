"""`lstmkit course new`: a private folder where every command of a term works, safe to run twice; and the exchange."""

import csv
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
import nbformat

from lstmkit.grader import new as making
from lstmkit.grader.course import Course, Wrong
from lstmkit.grader.new import new
from lstmkit.grading import personal

ROOT = Path(__file__).parents[1]
ROSTER = "id,first_name,last_name,email\nada,Ada,Lovelace,ada@example.org\nb.oole-1,George,Boole,\n"


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "given.csv"
    path.write_text(ROSTER, encoding="utf-8")
    return path


@pytest.fixture
def quick(monkeypatch):
    """Without the two seconds that each assignment and a gradebook take; what is built stands for what would be."""

    def build(name, path, root):
        for step in ("source", "release"):
            (root / step / name).mkdir(parents=True, exist_ok=True)
            (root / step / name / f"{name}.ipynb").write_text(f"{step} of {path.name}")

    def gradebook(root, students):
        (root / "gradebook.db").touch(0o600)
        return 0

    monkeypatch.setattr(making, "_build", build)
    monkeypatch.setattr(making, "_gradebook", gradebook)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_course_is_whole_and_private(quick, tmp_path, roster):
    course = tmp_path / "deep" / "course"
    said = new(course, roster)
    assert str(course) in said
    assert "2 students" in said
    assert mode(course) == 0o700
    for name in (
        "secret.txt",
        "roster.csv",
        "codes.csv",
        "gradebook.db",
        "nbgrader_config.py",
        "README.md",
        ".gitignore",
    ):
        assert mode(course / name) == 0o600, name
    assert (course / "roster.csv").read_text() == ROSTER
    secret = (course / "secret.txt").read_text().strip()
    with open(course / "codes.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"id": name, "code": personal.code_of(secret, name)} for name in ("ada", "b.oole-1")
        ]
    names = [path.stem for path in sorted((ROOT / "exercises" / "assignments").glob("*.py"))]
    assert Course(course).assignments() == names
    assert Course(course).secret == secret
    assert (course / "nbgrader_config.py").read_bytes() == (ROOT / "exercises" / "nbgrader_config.py").read_bytes()


def test_a_second_run_replaces_nothing(quick, tmp_path, roster):
    course = tmp_path / "course"
    new(course, roster, ["lstm"])
    kept = course / "submitted" / "ada" / "lstm" / "lstm.ipynb"
    kept.parent.mkdir(parents=True)
    kept.write_text("hers")
    (course / "nbgrader_config.py").write_text("c = get_config()\n")
    (course / "gradebook.db").write_text("grades")
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    assert "nothing was missing" in new(course, roster, ["lstm"])
    assert "nothing was missing" in new(course, assignments=["lstm"])
    assert {path: path.read_bytes() for path in course.rglob("*") if path.is_file()} == before


def test_a_second_run_completes_what_a_kill_left(quick, tmp_path, roster):
    course = tmp_path / "course"
    new(course, roster, ["lstm"])
    secret = (course / "secret.txt").read_text()
    for name in ("codes.csv", "README.md", "release/lstm/lstm.ipynb"):
        (course / name).unlink()
    (course / ".codes.csv.17.new").write_text("id,co")
    new(course, roster, ["lstm", "gates"])
    assert (course / "secret.txt").read_text() == secret
    for name in ("codes.csv", "README.md", "release/lstm/lstm.ipynb", "source/gates/gates.ipynb"):
        assert (course / name).stat().st_size > 0, name


def test_late_students_are_added(quick, tmp_path, roster):
    course = tmp_path / "course"
    new(course, roster, ["lstm"])
    old = (course / "codes.csv").read_text()
    roster.write_text("id,group\nada,2\nkaty,1\n")
    new(course, roster, ["lstm"])
    with open(course / "roster.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["ada", "b.oole-1", "katy"]
    assert rows[0]["first_name"] == "Ada"
    assert rows[0]["group"] == "2"
    assert (course / "codes.csv").read_text().startswith(old)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "first line with one column id.*nothing"), ("name\nada\n", "column id.*'name'"),
        ("id;name\nada;Ada\n", "separated by commas.*'id;name'"), ("id\n", "has no students"),
        ("id,id\nada,b\n", "one column id"), ("id\nada\nada\n", "'ada' is there 2 times"),
        ("id\nada\nAda\n", "differ only in capitals"), ("id\n.hidden\n", "student 1: the id '.hidden'"),
        ("id\n-rf\n", "the id '-rf'"), ("id\nada\n../../etc\n", "student 2: the id '../../etc'"),
        ("id\na..b\n", "without .."), ("id\nada lovelace\n", "the id 'ada lovelace'"), ("id\nada+lstm\n", "id 'ada"),
        ("id\n*\n", r"the id '\*'"), ("id\nadä\n", "the id 'adä'"), ("id\n,\n", "has not 1 fields"),
        ("id,name\nada\n", "has not 2 fields"), ("id\n" + "a" * 101 + "\n", "up to 100"), ('id\n"a\nb"\n', "the id 'a"),
        ("id\n=1+2\n", "the id '=1"), ("id,name\nada," + "x" * 200_000 + "\n", "is not CSV: field larger"),
    ],
)  # fmt: skip
def test_a_roster_that_cannot_be(quick, tmp_path, roster, text, why):
    roster.write_text(text, encoding="utf-8")
    with pytest.raises(Wrong, match=why):
        new(tmp_path / "course", roster)
    assert not (tmp_path / "course").exists()


def test_rosters_as_programs_write_them(quick, tmp_path, roster):
    roster.write_bytes('\ufeffid,name\r\n ada ,"Łukasz, A."\r\n007,x\r\na@b.example,y\r\n'.encode())
    new(tmp_path / "course", roster, ["lstm"])
    with open(tmp_path / "course" / "roster.csv", encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["ada", "007", "a@b.example"]
    roster.write_bytes("id,name\nada,José\n".encode("latin-1"))
    with pytest.raises(Wrong, match="not UTF-8 text"):
        new(tmp_path / "other", roster)
    with pytest.raises(Wrong, match="cannot be read: No such file"):
        new(tmp_path / "other", tmp_path / "none.csv")
    with pytest.raises(Wrong, match="needs its students"):
        new(tmp_path / "other")


def test_what_is_somebody_elses_is_left_alone(quick, tmp_path, roster):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").write_text("a cat")
    with pytest.raises(Wrong, match=r"not empty.*'cat.jpg'"):
        new(folder, roster)
    assert [path.name for path in folder.iterdir()] == ["cat.jpg"]
    other = tmp_path / "notes"
    other.mkdir()
    (other / "README.md").write_text("mine")
    with pytest.raises(Wrong, match=r"'README.md'"):
        new(other, roster)
    with pytest.raises(Wrong, match="is a file"):
        new(roster, roster)


def test_a_link_in_the_course_is_not_followed(quick, tmp_path, roster):
    course = tmp_path / "course"
    new(course, roster, ["lstm"])
    (course / "secret.txt").unlink()
    (course / "secret.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Wrong, match="is a link to elsewhere"):
        new(course, roster, ["lstm"])
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("place", ["", "course", "exercises", "exercises/course"])
def test_never_inside_the_public_repository(quick, roster, place):
    with pytest.raises(Wrong, match="the book's repository, which is public"):
        new(ROOT / place, roster)
    assert not (ROOT / "course").exists()


def test_never_inside_a_copy_of_it(quick, tmp_path, roster):
    (tmp_path / "fork" / "lstmkit" / "grader").mkdir(parents=True)
    (tmp_path / "fork" / "exercises").mkdir()
    (tmp_path / "fork" / "exercises" / "build.py").touch()
    (tmp_path / "link").symlink_to(tmp_path / "fork")
    for place in ("fork/course", "link/course"):
        with pytest.raises(Wrong, match="the book's repository"):
            new(tmp_path / place, roster)


def test_an_installation_without_exercises_says_so(tmp_path, roster, monkeypatch):
    monkeypatch.setattr(making, "EXERCISES", tmp_path / "site-packages" / "exercises")
    with pytest.raises(Wrong, match=r"Clone the book's repository.*pip install -e"):
        new(tmp_path / "course", roster)


def test_an_unknown_assignment_is_named(quick, tmp_path, roster):
    with pytest.raises(Wrong, match="no assignment 'lsmt'; there are: applications"):
        new(tmp_path / "course", roster, ["lsmt"])


# A Python that lives in a home which others cannot enter is put into their way, in a mount namespace of this command
OPENED = """
set -e
closed=$1 prefix=$2 aside=$3 user=$4; shift 4
if [ -n "$closed" ]; then
  mount --make-rprivate /; mkdir -p "$aside"; mount --bind "$prefix" "$aside"
  mount -t tmpfs -o mode=755 none "$closed"; mkdir -p "$prefix"; mount --bind "$aside" "$prefix"
fi
exec setpriv --reuid="$user" --regid="$user" --clear-groups --bounding-set=-all -- sh -c 'exec "$@"' sh "$@"
"""


def as_user(user, aside):
    """What comes before a command that another system user is to run."""
    prefix = Path(sys.base_prefix).resolve()
    closed = next((path for path in reversed(prefix.parents) if not path.stat().st_mode & 0o001), "")
    return ["unshare", "--mount", "sh", "-c", OPENED, "sh", closed, prefix, aside, user]


def run(*arguments, cwd, before=(), check=True, **variables):
    """A command of this environment; `before` says as whom."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    names = {"PATH": path, "PYTHONPATH": ROOT, "OPENBLAS_NUM_THREADS": 1} | variables
    environment = os.environ | {name: str(value) for name, value in names.items()}
    command = [str(word) for word in (*before, *arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_every_command_works_in_a_new_course(tmp_path, roster):
    """Built for real, by a process of its own; then nbgrader's commands there, and its gradebook."""
    course, exchange, home = tmp_path / "course", tmp_path / "exchange", tmp_path / "home"
    exchange.mkdir()
    exchange.chmod(0o777)
    made = f"from lstmkit.grader.new import new; print(new({str(course)!r}, {str(roster)!r}, ['lstm', 'gates'], print))"
    said = run(sys.executable, "-c", made, cwd=tmp_path).stdout
    assert "building lstm, 2 of 2" in said
    assert "gradebook.db, 2 students added" in said
    assert mode(course / "gradebook.db") == 0o600
    assert mode(course / "source") == 0o700
    assert "BEGIN HIDDEN TESTS" in (course / "source" / "lstm" / "lstm.ipynb").read_text()
    assert "HIDDEN TESTS" not in (course / "release" / "lstm" / "lstm.ipynb").read_text()
    assert "nothing was missing" in run(sys.executable, "-c", made, cwd=tmp_path).stdout
    surroundings = {"HOME": home, "LSTM_EXCHANGE": exchange}
    run("nbgrader", "release_assignment", "lstm", cwd=course, **surroundings)
    assert (exchange / "lstm-measured" / "outbound" / "lstm" / "lstm.ipynb").is_file()
    run("nbgrader", "collect", "lstm", cwd=course, **surroundings)
    run("nbgrader", "validate", "release/gates/gates.ipynb", cwd=course, **surroundings)
    run("nbgrader", "export", "--to=all.csv", cwd=course, **surroundings)
    students = "from nbgrader.api import Gradebook; print(sorted((s.id, s.last_name) for s in Gradebook('sqlite:///gradebook.db').students))"
    assert "('ada', 'Lovelace'), ('b.oole-1', 'Boole')" in run(sys.executable, "-c", students, cwd=course).stdout


TEACHER, STUDENT, STRANGER = 61_001, 61_002, 61_003


@pytest.mark.slow
def test_the_exchange_between_two_system_users():
    """Release, fetch, submit, collect and feedback, each as its own user; a third one sees nothing of it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not (shutil.which("setpriv") and shutil.which("unshare")):
        pytest.skip("needs root, setpriv and unshare")
    with tempfile.TemporaryDirectory(dir="/var/tmp" if os.path.isdir("/var/tmp") else None) as base:
        base = Path(base)
        base.chmod(0o755)
        homes = {}
        who = {user: as_user(user, base / "python") for user in (TEACHER, STUDENT, STRANGER)}
        (base / "python").mkdir()
        if run("nbgrader", "--version", cwd="/", before=who[STUDENT], check=False).returncode != 0:
            pytest.skip("no other user can run nbgrader here")
        for user in (TEACHER, STUDENT, STRANGER):
            homes[user] = base / str(user)
            homes[user].mkdir(mode=0o700)
            os.chown(homes[user], user, user)
        exchange = base / "exchange"
        exchange.mkdir()
        exchange.chmod(0o777)
        roster = homes[TEACHER] / "roster.csv"
        roster.write_text(ROSTER)
        roster.chmod(0o644)

        def nbgrader(user, *arguments, cwd, check=True):
            names = {"HOME": homes[user], "LSTM_EXCHANGE": exchange, "USER": f"u{user}", "TMPDIR": homes[user]}
            settings = () if user == TEACHER else ("--course=lstm-measured", f"--Exchange.root={exchange}")
            return run("nbgrader", *arguments, *settings, cwd=cwd, before=who[user], check=check, **names)

        course = homes[TEACHER] / "course"
        made = f"from lstmkit.grader.new import new; print(new({str(course)!r}, {str(roster)!r}, ['gates']))"
        run(
            sys.executable,
            "-c",
            made,
            cwd=homes[TEACHER],
            before=who[TEACHER],
            HOME=homes[TEACHER],
            TMPDIR=homes[TEACHER],
        )
        nbgrader(TEACHER, "release_assignment", "gates", cwd=course)
        nbgrader(STUDENT, "fetch_assignment", "gates", cwd=homes[STUDENT])
        notebook = homes[STUDENT] / "gates" / "gates.ipynb"
        fetched = nbformat.read(notebook, 4)
        answer = next(cell for cell in fetched.cells if cell.id.endswith("-answer"))
        answer.source = "my_own_words = 1"
        nbformat.write(fetched, notebook)
        os.chown(notebook, STUDENT, STUDENT)
        nbgrader(STUDENT, "submit", "gates", "--student=ada", cwd=homes[STUDENT])
        nbgrader(TEACHER, "collect", "gates", cwd=course)
        collected = course / "submitted" / "ada" / "gates" / "gates.ipynb"
        assert "my_own_words = 1" in collected.read_text()
        inbound = exchange / "lstm-measured" / "inbound"
        handed_in = next(inbound.iterdir())
        assert handed_in.stat().st_uid == STUDENT
        # What a third user can do: not list the folder, not guess the name in it, not enter the course or a home.
        assert stat.S_IMODE(inbound.stat().st_mode) & 0o044 == 0
        assert len(handed_in.name.rsplit("+", 1)[1]) >= 12  # 72 random bits
        for place in (inbound, course, course / "source", homes[STUDENT]):
            assert run("ls", place, cwd="/", before=who[STRANGER], check=False).returncode != 0, place
        for file in (course / "secret.txt", course / "gradebook.db", collected, notebook):
            assert run("cat", file, cwd="/", before=who[STRANGER], check=False).returncode != 0, file
        for user in (STUDENT, STRANGER):
            for place in (exchange / "lstm-measured" / "outbound" / "gates", course):
                assert run("touch", place / "mine", cwd="/", before=who[user], check=False).returncode != 0, place
