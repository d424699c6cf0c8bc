"""Attacks by what is handed in: links, names, times, files that shadow, student ids.

A file may be a tuple instead of bytes, for what is no plain file: ("link", target), ("hard link", target), ("pipe",),
("hole", bytes), ("folder",).  STUDENTS has the ids of the students whose id is the attack.
"""

from tests.corpora.build import Case, insert, released, solved, to_bytes

FAMILY = "what is handed in"
NOTEBOOK = "lstm.ipynb"
WRITES = b"open('@CANARY@/shadow', 'w').close()\n"


def _case(name, files, earns=0.0):
    return Case(name, FAMILY, files, "lstm", earns)


def _with(name, files, earns=0.0):
    """The blank notebook and other files beside it."""
    return _case(name, {NOTEBOOK: to_bytes(released("lstm"))} | files, earns)


def _shadow(module, text=WRITES):
    return _with(f"a folder that shadows {module}", {f"{module}/__init__.py": text, f"{module}.py": text})


def _time(name, text):
    return _with(name, {"timestamp.txt": text})


def _shown():
    """A notebook that shows the file beside it."""
    notebook = released("lstm")
    insert(notebook, "lstm-1", "print(open('data.txt').read())")
    return to_bytes(notebook)


SHADOW_CHECKS = b"""
import sys
sys.path.pop(0)
def __getattr__(name):
    return lambda *args, **options: 19.0
"""

CASES = [
    _case("the notebook is a link to the source", {NOTEBOOK: ("link", "@COURSE@/source/lstm/lstm.ipynb")}),
    _case(
        "the notebook is a link to a neighbour", {NOTEBOOK: ("link", "@COURSE@/submitted/@NEIGHBOUR@/lstm/lstm.ipynb")}
    ),
    _case("the notebook is a relative link", {NOTEBOOK: ("link", "../../@NEIGHBOUR@/lstm/lstm.ipynb")}),
    _case(
        "the notebook is a hard link to the source",
        {NOTEBOOK: ("hard link", "@COURSE@/source/lstm/lstm.ipynb")},
    ),
    _case("the notebook is a link to itself", {NOTEBOOK: ("link", NOTEBOOK)}),
    _case("the notebook is a link to /dev/zero", {NOTEBOOK: ("link", "/dev/zero")}),
    _case("the notebook is a pipe", {NOTEBOOK: ("pipe",)}),
    _case("the notebook is a folder", {NOTEBOOK: ("folder",)}),
    _case("the notebook is a hole of 4 GB", {NOTEBOOK: ("hole", 4 << 30)}),
    _case("the secret linked and shown", {NOTEBOOK: _shown(), "data.txt": ("link", "@COURSE@/secret.txt")}),
    _case("the secret linked hard and shown", {NOTEBOOK: _shown(), "data.txt": ("hard link", "@COURSE@/secret.txt")}),
    _with(
        "links to everything",
        {
            "all": ("link", "/"),
            "course": ("link", "@COURSE@"),
            "book": ("link", "@COURSE@/gradebook.db"),
            "self": ("link", "."),
            "lstm.html": ("link", "@COURSE@/source/lstm/lstm.ipynb"),
        },
    ),
    _with("a pipe beside it", {"data.csv": ("pipe",)}),
    _with("a hole of 4 GB beside it", {"data.npy": ("hole", 4 << 30)}),
    _with("a million bytes of names", {f"{n:04d}{'x' * 200}.txt": b"" for n in range(2000)}),
    _with(
        "names with commands in them",
        {
            "$(touch @NAME@).txt": b"",
            "a;touch b.csv": b"",
            "-rf": b"",
            "--help": b"",
            "a\nb.txt": b"",
            "\x1b[2J.txt": b"",
            "<script>alert(1)<script>.csv": b"1,2\n",
            "=1+1.csv": b"1\n",
            "..data": b"",
        },
    ),
    _with("folders fifty deep", {"/".join(["d"] * 50) + "/x.txt": b"x"}),
    _shadow("numpy"),
    _shadow("lstmkit"),
    _shadow("json"),
    _shadow("IPython"),
    _shadow("sitecustomize"),
    _with(
        "a module of checks in the folder",
        {"lstmkit/__init__.py": b"", "lstmkit/grading/__init__.py": b"", "lstmkit/grading/lstm.py": SHADOW_CHECKS},
    ),
    _with(
        "settings in the folder",
        {
            "nbgrader_config.py": WRITES,
            "jupyter_config.py": WRITES,
            "ipython_config.py": WRITES,
            "jupyter_nbconvert_config.py": WRITES,
            ".ipython/profile_default/startup/00.py": WRITES,
            "conftest.py": WRITES,
        },
    ),
    _with(
        "evil.pth and a pyc",
        {"evil.pth": b"import os; open('@CANARY@/pth', 'w')\n", "numpy.pyc": b"\xcb\r\r\n" + bytes(12)},
    ),
    _with(
        "a pickle and an object array beside it",
        {
            "data.pkl": b"cos\nsystem\n(S'touch @CANARY@/pickle'\ntR.",
            "data.npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O'}",
        },
    ),
    _with(
        "a template for the feedback", {"index.html.j2": b"{{ ''.__class__ }}", "custom.css": b"* { display: none }"}
    ),
    _case("another name for the notebook", {"LSTM-final (2).ipynb": to_bytes(released("lstm"))}),
    _case("the key under another name", {"solution.ipynb": to_bytes(solved("gates"))}),
    _with("a notebook too many", {"other.ipynb": to_bytes(released("gates")), "source.ipynb": b"{"}),
    _time("handed in next century", b"2199-01-01 00:00:00 UTC\n"),
    _time("handed in before there was a course", b"0001-01-01 00:00:00 UTC\n"),
    _time("a time that is none", b"'; DROP TABLE submitted_assignment; --\n"),
    _time("a time in bytes", b"\xff\xfe\x00\x00" * 1000),
    _time("a time of 10 MB", b"2024-01-01 " * 1_000_000),
    _with("the time is a link", {"timestamp.txt": ("link", "@COURSE@/secret.txt")}),
    _with("the time is a pipe", {"timestamp.txt": ("pipe",)}),
]

STUDENTS = {
    "a student called -rf": "-rf",
    "a student with a new line": "zz a\nb",
    "a student with a script": "zz <script>alert(1)<script>",
    "a student who drops tables": "zz'; DROP TABLE student;--",
    "a student with a command": "zz $(touch x) `id` ;id",
    "a student with a formula": "=HYPERLINK(1)",
    "a student with a smile": "zz 😀 ñ é",
    "a student written from the right": "zz \u202e\u0645",
    "a student of 200 letters": "z" * 200,
    "a student with spaces": " zz ",
    "a student with a percent sign": "zz%2e%2e%2f{0}%s",
    "a student called None": "None",
    "a student who is two dots and more": "..zz",
    "a student with an escape": "zz\x1b[2J",
}
CASES += [_case(name, {NOTEBOOK: to_bytes(released("lstm"))}) for name in STUDENTS]
