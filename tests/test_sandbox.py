"""The isolation of graded work: whatever a student's code tries, it stays in its box, and no box outlasts it."""

import ast
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lstmkit.grader import cgroups, engine, kit, probes
from lstmkit.grader.sandbox import BACKENDS, Limits, Sandbox, Unavailable, available, bubblewrap

ROOT = Path(__file__).resolve().parents[1]
MODULE = probes.MODULE
NATIVE = ("bubblewrap", "namespaces")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the isolation is Linux's"),
    pytest.mark.slow,  # in all, not one by one
]


@pytest.fixture(scope="module", params=NATIVE)
def sandbox(request):
    """A sandbox of each backend that is here, small enough for its limits to be met soon."""
    try:
        with Sandbox(request.param, serve=MODULE, limits=probes.LIMITS) as made:
            yield made
    except Unavailable as error:
        pytest.skip(str(error).splitlines()[1])


@pytest.fixture(scope="module")
def told():
    with probes.laid_out(ROOT) as found:
        yield found


def run(sandbox, source, **told):
    """What a probe says in a submission of its own."""
    worker = sandbox.spawn()
    try:
        return probes.ask(worker, source, **told)
    finally:
        worker.kill()


# Breaking out


@pytest.mark.parametrize("name", probes.LOOKING | probes.TOUCHING)
def test_it_cannot(sandbox, told, name):
    said = run(sandbox, (probes.LOOKING | probes.TOUCHING)[name], **told)
    assert said.startswith("held: "), said


@pytest.mark.parametrize("name", probes._LASTING)
def test_it_cannot_last(sandbox, name):
    held, said = probes._LASTING[name](sandbox)
    assert held, said


def test_the_probes_find_every_hole_where_nothing_is_isolated(told):
    """Those that look; the others would do harm, and are not run where they could."""
    with Sandbox("unsafe-local", serve=MODULE, limits=probes.LIMITS) as unsafe:
        slow = ("anywhere", "NumPy question", "nbgrader")  # they would walk a whole disk, or import for seconds
        quick = {name: source for name, source in probes.LOOKING.items() if not name.endswith(slow)}
        said = {name: run(unsafe, source, **told) for name, source in quick.items()}
    blind = {name for name, words in said.items() if not words.startswith("BROKEN")}
    unprivileged = {  # what an ordinary user cannot do anyway, and what this machine may not have
        "read the system's passwords", "list the home folders", "import torch for a NumPy question", "import nbgrader",
        "open a disk, the kernel's memory or a terminal", "open an IPv6 or a netlink socket", "raise its own limits",
        # lstmkit comes from the kit here, too; a copy of the files inherits no descriptor
        "import the checks of an exercise", "import the trusted half of the grader",
        "find open files that were left behind", "read the environment of another process",
        "read the memory of another process",
        "see the instructor's environment", "be root, or have a capability",
    }  # fmt: skip
    assert blind <= unprivileged, {name: said[name] for name in blind - unprivileged}
    assert len(blind) < len(said) - 6


def test_a_worker_knows_nothing_of_the_trusted_side(sandbox, monkeypatch):
    """Neither its environment nor its command line, nor the paths of the course, in any file of /proc."""
    monkeypatch.setenv("LSTMKIT_TEST_CANARY", "canary-1f2e")
    with Sandbox(sandbox.backend, serve=MODULE) as fresh:
        said = run(fresh, """
found = []
for folder, _, files in os.walk("/proc"):
    for name in files:
        try:
            with open(os.path.join(folder, name), "rb") as file:
                if b"canary-1f2e" in (text := file.read(1 << 20)) or told["course"].encode() + b"/exercises" in text:
                    found.append(os.path.join(folder, name))
        except OSError:
            pass
say("found", len(found), *found)
""", course=str(ROOT))  # fmt: skip
    assert said == "found 0"


# What a student's honest code needs


def test_honest_code_works(sandbox):
    said = run(sandbox, """
import threading, multiprocessing, tempfile, warnings, asyncio, sqlite3, decimal, getpass
import numpy as np, scipy.linalg, matplotlib.pyplot as plt, pandas as pd
say(np.linalg.norm(np.linalg.inv(np.eye(50) * 2) - np.eye(50) / 2) == 0, scipy.linalg.det(np.eye(3)))
plt.plot([1, 2]); plt.savefig("/tmp/plot.png"); say(os.path.getsize("/box/plot.png") > 1000)
pd.DataFrame({"a": [1]}).to_csv("a.csv"); say(open("a.csv").read().split())
t = threading.Thread(target=lambda: say("thread")); t.start(); t.join()
say(subprocess.run(["sh", "-c", "echo shell | cat"], capture_output=True, text=True).stdout.strip())
say(subprocess.run([sys.executable, "-c", "import numpy; print(numpy.ones(2).sum())"], capture_output=True, text=True))
with multiprocessing.get_context("fork").Pool(2) as pool:
    say(pool.map(abs, [-1, -2]))
async def one(): await asyncio.sleep(0); return 1
say(asyncio.run(one()), getpass.getuser(), os.path.expanduser("~"), tempfile.gettempdir(), time.strftime("%Z"))
db = sqlite3.connect("x.db"); db.execute("create table t(x)"); db.commit()
os.kill(os.fork() or time.sleep(9) or os._exit(0), signal.SIGTERM); say(os.wait()[1])
""")  # fmt: skip
    assert said.splitlines() == [
        "True 1.0", "True", "[',a', '0,1']", "thread", "shell",
        f"CompletedProcess(args=['{kit.python()}', '-c', 'import numpy; print(numpy.ones(2).sum())'], "
        "returncode=0, stdout='2.0\\n', stderr='')",
        "[1, 2]", "1 student /box /box UTC", "15",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_real_server_starts_and_ends(sandbox):
    pytest.importorskip("IPython")
    with Sandbox(sandbox.backend, modules=("lstmkit.numpy.lstm",)) as real:
        worker = real.spawn()
        os.set_blocking(worker.reader, False)
        time.sleep(0.05)
        with pytest.raises(BlockingIOError):  # it waits to be asked; an end of file would be b""
            os.read(worker.reader, 1)
        assert worker.kill() == ""


# Limits


def test_a_memory_bomb_is_named(sandbox):
    group = cgroups.make(f"lstmkit-{os.getpid()}-test", 1 << 30, 9)
    cgroups.remove(group)
    if not group.memory:
        pytest.skip("no control group for memory is to be had here")
    worker = sandbox.spawn()
    with contextlib.suppress(EOFError):  # the kernel may choose any of the three
        probes.ask(worker, """
for _ in range(2):
    if os.fork() == 0:
        kept = [bytearray(b"x") * (8 << 20) for _ in range(45)]
        time.sleep(60)
os.wait()
""")  # fmt: skip
    assert worker.kill() == "memory"
    assert run(sandbox, "say('next')") == "next"


def test_an_ordinary_end_is_not_called_memory(sandbox):
    worker = sandbox.spawn()
    with pytest.raises(EOFError):
        probes.ask(worker, "os.abort()")
    assert worker.kill() == ""
    assert worker.kill() == ""  # a second time is no mistake


def test_the_kernel_ends_it_before_the_grader(sandbox):
    assert run(sandbox, "say(open('/proc/self/oom_score_adj').read().strip())") == "1000"


def test_one_process_gets_a_memory_error_first(sandbox):
    said = run(sandbox, "try: bytearray(told['size'])\nexcept MemoryError: say('MemoryError')", size=1 << 30)
    assert said == "MemoryError"


# A slot used again


@pytest.mark.parametrize("left", [
    "while True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)",
    "[os.fork() for _ in range(4)]; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; os.setsid; time.sleep(99)",
    "import threading\nfor _ in range(20): threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()",
    "os.kill(os.getpid(), signal.SIGSTOP)",
    "for n in range(3, 256):\n    try: os.close(n)\n    except OSError: pass\ntime.sleep(99)",
], ids=["fork bomb", "daemons", "threads", "stopped", "closed pipes"])  # fmt: skip
def test_the_next_submission_finds_a_whole_machine(sandbox, left):
    worker = sandbox.spawn()
    timer = threading.Timer(0.4, worker.end)
    timer.start()
    with contextlib.suppress(EOFError):
        probes.ask(worker, left)
    timer.join()
    worker.kill()
    assert probes._next(sandbox) == (True, "its processes and files work")


def test_spawning_ends_what_was_not_ended(sandbox):
    first = sandbox.spawn()
    reader = os.dup(first.reader)
    second = sandbox.spawn()
    assert os.read(reader, 1) == b""  # the end of file: nobody in there holds it any more
    os.close(reader)
    assert probes.ask(second, "say('second')") == "second"
    second.kill()


def test_a_warm_process_that_was_lost_is_started_again():
    with first_of_native() as sandbox:
        sandbox._zygote.kill()
        sandbox._zygote.wait()
        assert run(sandbox, "say('again')") == "again"


# The trusted side is killed


TRUSTED = """
import os, sys, time
from lstmkit.grader import probes
from lstmkit.grader.sandbox import Sandbox
sandbox = Sandbox(sys.argv[1], serve=probes.MODULE)
worker = sandbox.spawn()
two_daemons = "os.fork() or (os.setsid(), os.fork(), time.sleep(600)); time.sleep(0.2); say('there')"
print(probes.ask(worker, two_daemons), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("backend", NATIVE)
def test_kill_minus_9_of_the_trusted_side_ends_all(backend):
    if not works(backend):
        pytest.skip(f"{backend} does not work here")
    trusted = subprocess.Popen([sys.executable, "-c", TRUSTED, backend], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with trusted:
        assert trusted.stdout.readline() == "there\n"
        inside = descendants(trusted.pid)
        assert len(inside) >= 6  # the warm process, the holder, the first one, the server, two daemons
        trusted.kill()
        trusted.wait()
        assert gone(inside)


def descendants(process):
    """{pid: start time} of all processes below one, by what /proc says of their parents."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1]), fields[19]
    found, waiting = {}, [process]
    while waiting:
        above = waiting.pop()
        for pid, (parent, started) in parents.items():
            if parent == above:
                found[pid] = started
                waiting.append(pid)
    return found


def gone(processes):
    """True once none of them is there; a number that another process has got meanwhile does not count."""
    for _ in range(1000):
        left = 0
        for pid, started in processes.items():
            with contextlib.suppress(OSError):
                fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
                left += fields[19] == started and fields[0] != "Z"
        if not left:
            return True
        time.sleep(0.01)
    return False


# An ordinary user


@pytest.mark.slow
@pytest.mark.parametrize("backend", NATIVE)
def test_it_holds_for_an_ordinary_user(backend):
    """As root: the same once more as nobody, in a mount namespace where nobody may read the interpreter."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        pytest.skip("the other tests are run by an ordinary user already, or cannot become one")
    real = Path(sys.base_prefix).resolve()
    home = next((p for p in reversed(real.parents) if not p.stat().st_mode & 0o005), None)  # /root, usually
    open_up = f"""
set -e
mkdir /dev/shm/lstmkit-python-$$ && mount --bind {real} /dev/shm/lstmkit-python-$$
mount -t tmpfs -o mode=755 none {home}; mkdir -p {real}; mount --bind /dev/shm/lstmkit-python-$$ {real}
umount /dev/shm/lstmkit-python-$$; rmdir /dev/shm/lstmkit-python-$$
""" if home else ""  # fmt: skip
    source = """
import sys, json
from lstmkit.grader import probes
print(json.dumps(probes.break_out(sys.argv[1], sys.argv[2])))
"""
    nobody = 'cd /; exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME=/tmp PATH=/usr/bin:/bin "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{open_up}\n{nobody}", "sh",
         sys.executable, "-B", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{source}", backend, str(ROOT)],
        capture_output=True, text=True,
    )  # fmt: skip
    if "Unavailable" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1][:200])
    found = json.loads(done.stdout)
    assert len(found) > 40
    assert [row for row in found if not row[1]] == []


# Choosing a backend


def test_nothing_to_isolate_with_is_refused_and_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(Sandbox, "_command", lambda self, descriptor: (["/nowhere/bwrap"], {}))
    with pytest.raises(Unavailable) as refused:
        Sandbox("auto", serve=MODULE)
    for words in ("bubblewrap: ", "namespaces: ", "podman: ", "docker: ", "apt install bubblewrap", "--unsafe-local"):
        assert words in str(refused.value)
    assert set(refused.value.said) == {"bubblewrap", "namespaces", "podman", "docker"}


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="chroot"):
        Sandbox("chroot")


def test_a_worker_lost_with_the_warm_process_is_not_the_students_fault():
    with first_of_native() as sandbox:
        worker = sandbox.spawn()
        assert probes.ask(worker, "say(1)") == "1"
        sandbox._zygote.kill()
        with pytest.raises(EOFError):
            probes.ask(worker, "time.sleep(60)")
        with pytest.raises(Unavailable, match="no fault of its own"):
            worker.kill()
        assert run(sandbox, "say('again')") == "again"


def test_available_names_every_backend():
    found = available(("namespaces", "unsafe-local"))
    assert [name for name, _, _ in found] == ["namespaces", "unsafe-local"]
    assert found[1][1]
    assert set(BACKENDS) > {"bubblewrap", "podman", "docker"}


def test_a_confinement_that_fails_is_loud(monkeypatch):
    """A submission that could not be confined never runs, and the trusted side hears why."""
    with first_of_native() as sandbox:
        if os.geteuid() != 0:
            pytest.skip("only as root is there a user that cannot be had")
        # Its user becomes root, who is no unprivileged user.
        monkeypatch.setattr("lstmkit.grader.sandbox.FIRST_USER", -sandbox.slot)
        worker = sandbox.spawn()
        assert os.read(worker.reader, 1) == b""
        with pytest.raises(Unavailable, match="still root"):
            worker.kill()


def test_nothing_stays_behind_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with first_of_native() as sandbox:
        sandbox.spawn()
    assert list(tmp_path.iterdir()) == []
    mine = f"lstmkit-{os.getpid()}-{sandbox.slot}-{id(sandbox):x}-"
    assert not [place for _, place in cgroups._candidates("x") for _ in place.parent.glob(f"{mine}*")]


def works(backend):
    return available((backend,))[0][1]


def first_of_native():
    for backend in NATIVE:
        with contextlib.suppress(Unavailable):
            return Sandbox(backend, serve=MODULE, limits=probes.LIMITS)
    pytest.skip("neither bubblewrap nor namespaces work here")


# The command lines of what cannot run everywhere


@pytest.mark.parametrize("name", engine.ENGINES)
def test_the_containers_command_line(name, tmp_path):
    line = engine.command(name, "lstmkit-1-a", "image", tmp_path / "kit", (), Limits(), MODULE)
    text = " ".join(line)
    for words in (
        f"{name} run --interactive --name lstmkit-1-a --network none --read-only --cap-drop ALL",
        "--security-opt no-new-privileges --user 65534:65534", "--pids-limit 64", "--memory 2147483648",
        "--memory-swap 2147483648", "--tmpfs /box:rw,nosuid,nodev,size=67108864,mode=1777", "--pull never",
        "--ulimit nofile=256:256", f"--volume {tmp_path}/kit:/kit:ro",
    ):  # fmt: skip
        assert words in text
    for volume in (line[n + 1] for n, word in enumerate(line) if word == "--volume"):
        assert volume.endswith(":ro")
        assert not volume.startswith((f"{ROOT}:", f"{Path.home()}:", "/etc:", "/:", "/home:", "/root:"))
    assert not {"--privileged", "--cap-add", "--pid", "--device"} & set(line)


def test_bubblewraps_command_line():
    plan = [kit.Mount("dir", "/etc"), kit.Mount("bind", "/kit", "/tmp/x"), kit.Mount("tmpfs", "/dev")]
    line = " ".join(bubblewrap(["python"], plan, {"A": "b"}, as_root=False))
    for words in ("--unshare-user", "--unshare-net", "--die-with-parent", "--clearenv --cap-add ALL", "--setenv A b",
                  "--perms 0755 --dir /etc", "--ro-bind /tmp/x /kit", "--remount-ro /dev --remount-ro /"):  # fmt: skip
        assert words in line


@pytest.mark.slow
@pytest.mark.parametrize("name", engine.ENGINES)
def test_a_container_holds(name):
    """Where the engine can run one; SECURITY.md says where this was so."""
    try:
        found = probes.break_out(name, ROOT)
    except Unavailable as error:
        pytest.skip(error.said[name])
    assert len(found) > 40
    assert [row for row in found if not row[1]] == []


# What is in the kit


def test_the_kit_holds_what_was_asked_and_nothing_of_the_checks(tmp_path):
    everything = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "lstmkit").rglob("*.py"))
        if path.name not in ("__init__.py", "__main__.py") and not {"grading", "grader"} & set(path.parts)
    ]
    kit.make(tmp_path, everything)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {f for f in files if "grading" in f} == {"lstmkit/grading/__init__.py", "lstmkit/grading/guard.py"}
    trusted = {f for f in files if "grader" in f and not f.startswith("lstmkit/grader/inside/")}
    assert trusted == {"lstmkit/grader/__init__.py"}
    assert "lstmkit/numpy/lstm.py" in files
    assert not [f for f in files if not f.endswith(".py") and not f.startswith("lstmkit/book/results/")]


def test_a_small_kit_is_small(tmp_path):
    names = kit.make(tmp_path, ("lstmkit.numpy.functions",))
    outside = {name for name in names if not name.startswith(kit.INSIDE)}
    assert outside == {"lstmkit", "lstmkit.grader", "lstmkit.grading", "lstmkit.grading.guard", "lstmkit.numpy",
                       "lstmkit.numpy.functions"}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["lstmkit.grading.lstm", "lstmkit.grading.lstm_mistakes", "lstmkit.grading.question", "lstmkit.grader.course",
     "lstmkit.grader.judge", "lstmkit.grader.sandbox"],
)  # fmt: skip
def test_the_checks_never_come_into_a_kit(tmp_path, name):
    with pytest.raises(ValueError, match="must not be in a worker's kit"):
        kit.make(tmp_path, (name,))


@pytest.mark.parametrize("name", ["numpy", "lstmkit.nothing", "lstmkit/../secret", "lstmkit..grading.lstm", "../x"])
def test_what_is_no_module_is_named(tmp_path, name):
    with pytest.raises(ValueError, match="no such module"):
        kit.make(tmp_path, (name,))


def test_the_modules_inside_import_nothing_of_the_trusted_side():
    for path in (ROOT / "lstmkit" / "grader" / "inside").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                assert not name.startswith("nbgrader")
                if name.startswith(("lstmkit.grader.", "lstmkit.grading.")):
                    assert name.startswith(("lstmkit.grader.inside", "lstmkit.grading.guard")), (path.name, name)


def test_the_packages_are_those_of_the_list():
    names = {name for _, name in kit.packages()}
    assert {"numpy", "matplotlib", "IPython"} <= names
    assert not names & {
        "torch",
        "nbgrader",
        "lstmkit",
        "jupyter_server",
        "ipykernel",
        "pytest",
        "zmq",
        "pip",
        "nbformat",
    }
    assert not [target for _, target in kit.packages() if target.endswith(".pth")]


def test_torch_is_there_only_when_asked_for():
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    assert "torch" in {name for _, name in kit.packages(("torch",))}


def test_no_mount_shows_more_than_it_should(tmp_path):
    for mount in kit.mounts(tmp_path):
        if mount.kind == "bind":
            source = Path(mount.source)
            assert mount.target.startswith(("/usr/", "/lib", "/bin", "/python/", "/site/", "/kit", "/etc/ld.so.cache"))
            assert not ROOT.is_relative_to(source), mount
            assert not Path.home().is_relative_to(source), mount
        assert not mount.target.startswith("/usr/local")


def test_the_modules_of_a_notebook():
    cells = [
        {"cell_type": "code", "source": "import numpy as np\nfrom lstmkit.data import co2\n"},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "!ls\n", "from lstmkit.grading import lstm\n"],
        },
        {"cell_type": "code", "source": "import lstmkit.numpy.functions, lstmkit.grader.course\n"},
        {"cell_type": "code", "source": "def f():\n    from lstmkit.cells import lstm, nothing\n"},
        {"cell_type": "markdown", "source": "import lstmkit.numpy.gru"},
        {"cell_type": "code", "source": "this is ( no Python"},
    ]
    found = kit.modules_of({"cells": cells})
    assert found == ("lstmkit.cells", "lstmkit.cells.lstm", "lstmkit.data.co2", "lstmkit.numpy.functions")


def test_the_released_notebooks_find_their_modules_in_a_worker(sandbox):
    """Every import of lstmkit in a release, run in a worker with the kit of that release."""
    releases = sorted((ROOT / "exercises" / "release").glob("*/*.ipynb"))
    if not releases:
        pytest.skip("the course was not built")
    modules = sorted({name for file in releases for name in kit.modules_of(json.loads(file.read_text("utf-8")))})
    with Sandbox(sandbox.backend, modules=modules, serve=MODULE) as made:
        said = run(made, """
for name in told["modules"]:
    importlib.import_module(name)
if "lstmkit.results" in told["modules"]:
    from lstmkit import results
    results.load("adding")
if "lstmkit.data.co2" in told["modules"]:
    from lstmkit.data import co2
    co2.load()
say("all")
""", modules=modules)  # fmt: skip
    assert said == "all"
