"""Where a student's code runs: a warm process in isolation, and for each submission a confined one forked from it.

    with Sandbox(modules=kit.modules_of(release)) as sandbox:
        worker = sandbox.spawn()
        ...                       # frames over worker.writer and worker.reader
        why = worker.kill()       # "memory", or ""; nothing of the submission is left

One interface, five backends.  "bubblewrap" and "namespaces" differ in who makes the root and the namespaces of the warm
process, bubblewrap's program or inside/zygote.py; what each submission gives up is inside/confine.py in both.  "podman"
and "docker" (engine.py) run a container for each submission and start the next one ahead.  "unsafe-local" isolates
nothing.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from lstmkit.grader import cgroups, engine, kit

AUTO = ("bubblewrap", "namespaces", "podman", "docker")  # in this order
BACKENDS = (*AUTO, "unsafe-local")
SERVE = "lstmkit.grader.inside.serve"
FIRST_USER = 61_000  # the user of slot 0, where we are root: a number that no system gives to a person or a service
PATIENCE = 120.0  # seconds for the libraries to be imported; a cold disk is slow
SLOTS, MANY = Path("/run/lstmkit-slots"), 500
GROUPS = "lstmkit"
UNSAFE = (
    "--unsafe-local grades without isolation: a submission can then read and change whatever you can, the tests, the "
    "gradebook and the work of others, use the network, and leave programs behind"
)
INSTALL = {
    "bubblewrap": "install bubblewrap (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap)",
    "namespaces": "needs Linux 5.12 or newer with user namespaces, or root, and libseccomp2",
    "podman": "install podman (Debian, Ubuntu: apt install podman)",
    "docker": "install Docker, and start it",
    "unsafe-local": "",
}


class Unavailable(Exception):
    """No isolation is to be had; the text says what was tried, what each said, and what to do.

    said: backend -> what it said, where several were tried.
    """

    def __init__(self, text, said=None):
        super().__init__(text)
        self.said = said or {}


class Limits(NamedTuple):
    """What a submission may use."""

    memory: int = (
        2 << 30
    )  # bytes, of all its processes where control groups are at hand, and of each one's address space
    cpu: int = 600  # seconds, of each process
    processes: int = 64  # and threads
    files: int = 256  # open at once, of each process
    file_size: int = 64 << 20  # bytes
    tmp: int = 64 << 20  # bytes in /box, and as many in /dev/shm


class Worker:
    """The process of one submission, as `Sandbox.spawn` returns it.

    reader, writer: file descriptors; what the worker writes, and what it reads.
    """

    def __init__(self, reader, writer, stop, end):
        self.reader, self.writer = reader, writer
        self._stop, self._end = stop, end

    def end(self):
        """Tell all that the submission started to end, at once and without waiting; another thread may do so."""
        self._stop()

    def kill(self):
        """End all that the submission started; returns when nothing of it is left.

        "memory" if its limit of memory ended something, else "".  Raises Unavailable where the isolation failed and not
        the submission: what it was worth is not known then, and it has to be graded again.
        """
        end, self._end = self._end, None
        if end is None:
            return ""
        try:
            return end()
        finally:
            os.close(self.reader)
            os.close(self.writer)


class Sandbox:
    """Isolation, started and tried out; for the thread that made it, and one submission at a time.

    backend: a name of BACKENDS, or "auto", which takes the first of AUTO that works.  modules: of lstmkit, for the
    worker to import.  packages: distributions besides kit.PACKAGES, ("torch",).  serve: the module that serves.  As
    root each of all the sandboxes on a machine has a system user of its own.  Raises Unavailable.
    """

    def __init__(self, backend="auto", modules=(), packages=(), limits=None, serve=SERVE):
        if backend not in ("auto", *BACKENDS):
            raise ValueError(f"backend is {backend!r}; it must be auto or one of {', '.join(BACKENDS)}")
        self.limits, self._serve, self._packages = limits or Limits(), serve, tuple(packages)
        self.backend, self._count = "", 0
        self._worker = self._zygote = self._control = self._ahead = None
        sweep()
        self.slot, self._lock = _free_slot()
        self._folder = tempfile.mkdtemp(prefix=f"{GROUPS}-{os.getpid()}-")
        self._kit = Path(self._folder, "kit")
        said = {}
        try:
            kit.make(self._kit, modules)
            for name in AUTO if backend == "auto" else (backend,):
                self.backend = name
                try:
                    self._start()
                    return
                except Unavailable as error:
                    said[name] = str(error)
                    self._stop()
            self.backend = ""
            raise Unavailable(_nothing_works(said), said)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def spawn(self):
        """A Worker for a new submission, at once; what is left of the one before it is ended first."""
        if self._worker is not None:
            with contextlib.suppress(Unavailable):
                self._worker.kill()
        if self.backend in engine.ENGINES:
            self._worker = self._spawn_container()
            return self._worker
        if self._is_lost():  # the machine was short of memory, or the thread that made it has ended
            self._stop()
            self._start()
        self._worker = self._fork()
        return self._worker

    def close(self):
        """End everything and take away the kit; a second time does nothing."""
        with contextlib.suppress(Unavailable, TimeoutError):
            if self._worker is not None:
                self._worker.kill()
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _start(self):
        """Start the warm process and try it out."""
        if self.backend in engine.ENGINES:
            try:
                self._ahead = engine.start(self.backend, self._kit, self._packages, self.limits, self._serve, PATIENCE)
                engine.wait(self._ahead, PATIENCE)
            except engine.Failed as error:
                raise Unavailable(self._with_advice(error)) from None
            return
        ours, theirs = socket.socketpair()
        with tempfile.TemporaryFile() as log, theirs:
            command, environment = self._command(theirs.fileno())
            try:
                self._zygote = subprocess.Popen(
                    command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=log, cwd="/",
                )  # fmt: skip
            except OSError as error:
                ours.close()
                raise Unavailable(self._with_advice(f"{error.strerror}: {command[0]}")) from None
            theirs.close()
            self._control = ours
            ours.settimeout(PATIENCE)
            try:
                ready = ours.recv(16) == b"ready"
            except OSError:
                ready = False
            if not ready:
                log.seek(0)
                text = log.read().decode(errors="replace").strip()
                last = text.splitlines()[-1] if text else f"it was not ready after {PATIENCE:g} s"
                raise Unavailable(self._with_advice(last[:400]))
            ours.settimeout(None)
        trial = self._fork(wait=True)
        trial.kill()

    def _is_lost(self):
        """True if the warm process has ended without our asking."""
        if self._control is None or self._zygote.poll() is not None:
            return True
        try:
            return self._control.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _stop(self):
        if self._control is not None:
            self._control.close()
        if self._zygote is not None:
            self._zygote.kill()  # bubblewrap's inner processes and the namespaces' first one die with it
            self._zygote.wait()
        if self._ahead is not None:
            engine.end(self._ahead)
        self._control = self._zygote = self._ahead = None

    def _command(self, descriptor):
        """What starts the warm process, and its environment."""
        python = [kit.python(), "-P", "-s", "-m", "lstmkit.grader.inside.zygote"]
        environment = kit.environment()
        if self.backend == "unsafe-local":
            environment = _local_environment(self._folder, self._kit)
            python[0] = sys.executable
            return [*python, "local", self._serve, str(descriptor)], environment
        inner = [*python, "namespaces", self._serve]
        plan = kit.mounts(self._kit, self._packages)
        if self.backend == "bubblewrap":
            return bubblewrap([*inner, str(descriptor)], plan, environment, os.geteuid() == 0), {}
        place = Path(self._folder, "root")
        place.mkdir(exist_ok=True)
        order = {"plan": plan, "place": str(place), "command": inner, "environment": environment}
        outer = [os.path.realpath(sys.executable), *python[1:], "root", json.dumps(order), str(descriptor)]
        return outer, {"PYTHONPATH": str(self._kit), "PYTHONDONTWRITEBYTECODE": "1"}

    def _fork(self, wait=False):
        """Ask the warm process for a new submission's."""
        self._count += 1
        name = f"{GROUPS}-{os.getpid()}-{self.slot}-{id(self):x}-{self._count}"
        isolated = self.backend != "unsafe-local"
        group = cgroups.make(name, self.limits.memory, self.limits.processes) if isolated else cgroups.Group((), False)
        folder = None if isolated else tempfile.mkdtemp(dir=self._folder)
        environment = kit.environment() if isolated else _local_environment(folder, self._kit)
        order = {
            "uid": FIRST_USER + self.slot,
            "root": os.geteuid() == 0,
            "limits": self.limits._asdict(),
            "environment": environment,
            "folder": folder,
            "alarm": group.alarm is not None,
        }
        their_reader, writer = os.pipe()
        reader, their_writer = os.pipe()
        life, their_life = socket.socketpair()
        doors = cgroups.doors(group)
        try:
            alarm = [group.alarm] if order["alarm"] else []
            sent = [their_reader, their_writer, their_life.fileno(), *alarm, *doors]
            socket.send_fds(self._control, [json.dumps(order).encode()], sent)
        except OSError:
            for descriptor in (reader, writer):
                os.close(descriptor)
            life.close()
            cgroups.remove(group)
            raise
        finally:
            their_life.close()
            for descriptor in (their_reader, their_writer, *doors):
                os.close(descriptor)
        worker = Worker(reader, writer, lambda: _hang_up(life), lambda: self._end(life, group, folder))
        if wait:
            select.select([life], [], [], PATIENCE)
        return worker

    def _end(self, life, group, folder):
        """Close the submission's life line and wait until the holder says, by its end, that nothing is left."""
        self._worker = None
        lost = self._is_lost()
        with life:
            _hang_up(life)
            life.settimeout(10.0)
            said = b""
            try:
                while more := life.recv(4096):
                    said += more
            except ConnectionResetError:
                pass
            except TimeoutError:
                self._stop()  # takes everything inside with it; the next spawn starts anew
        short = cgroups.killed_for_memory(group)
        cgroups.remove(group)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if lost:
            raise Unavailable(
                "the warm process has ended, and this submission with it, for no fault of its own: grade it again"
            )
        if said not in (b"", b"ok"):
            raise Unavailable(self._with_advice(said.decode(errors="replace")))
        return "memory" if short else ""

    def _with_advice(self, said):
        """What a backend said, and what to install if it is not there."""
        programs = {"bubblewrap": "bwrap", "podman": "podman", "docker": "docker"}
        missing = shutil.which(programs.get(self.backend, "true")) is None or self.backend == "namespaces"
        return f"{said}; {INSTALL[self.backend]}" if missing else str(said)

    def _spawn_container(self):
        try:
            running = self._ahead or engine.start(
                self.backend, self._kit, self._packages, self.limits, self._serve, PATIENCE
            )
            self._ahead = None
            engine.wait(running, PATIENCE)
            self._ahead = engine.start(self.backend, self._kit, self._packages, self.limits, self._serve, PATIENCE)
        except engine.Failed as error:
            raise Unavailable(str(error)) from None

        def end():
            self._worker = None
            return engine.end(running)

        reader, writer = (os.dup(pipe.fileno()) for pipe in (running.process.stdout, running.process.stdin))
        return Worker(reader, writer, lambda: engine.stop(running), end)


def _free_slot():
    """A number that no other sandbox on this machine has, and the descriptor that keeps it; None where none is needed.

    As root it stands for a system user: what one submission uses up, processes say, must not be missing in another.
    """
    if os.geteuid() != 0 or not SLOTS.parent.is_dir():
        return 0, None
    SLOTS.mkdir(mode=0o700, exist_ok=True)
    for slot in range(MANY):
        lock = os.open(SLOTS / str(slot), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return slot, lock
    raise Unavailable(f"{MANY} submissions are being graded on this machine already: wait for the other runs")


def bubblewrap(command, plan, environment, as_root):
    """bubblewrap's command line for a command in a root of the plan's mounts.

    The capabilities that are added hold in the new namespaces; it takes them to make those of each submission.
    """
    line = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--die-with-parent"]
    line += ["--new-session", "--clearenv", "--cap-add", "ALL"]
    if not as_root:
        line += ["--unshare-user", "--uid", "0", "--gid", "0"]
    for name, value in environment.items():
        line += ["--setenv", name, value]
    words = {"link": "--symlink", "bind": "--ro-bind", "device": "--dev-bind", "proc": "--proc"}
    for kind, target, source in plan:
        if kind in ("dir", "tmpfs"):
            line += ["--perms", "0755", f"--{kind}", target]
        else:
            line += [words[kind], *filter(None, (source, target))]
    for kind, target, _ in plan:  # a student may have the number of the user who made them
        if kind == "tmpfs" and target != "/box":
            line += ["--remount-ro", target]
    return [*line, "--remount-ro", "/", "--chdir", "/", "--", *command]


def available(backends=BACKENDS):
    """[(backend, whether it works here, what it said or what to install)], each tried by running something in it."""
    found = []
    for name in backends:
        started = time.perf_counter()
        try:
            with Sandbox(name, serve="lstmkit.grader.inside.probe"):
                seconds = time.perf_counter() - started
            found.append((name, True, f"a trial run took {seconds:.2f} s"))
        except Unavailable as error:
            found.append((name, False, error.said[name]))
    return found


def _hang_up(life):
    """The holder hears this and ends the submission; it has heard it already where it has ended."""
    with contextlib.suppress(OSError):
        life.shutdown(socket.SHUT_WR)


def sweep():
    """Take away what killed runs had no time to: folders and control groups named after a process that is gone."""
    cgroups.sweep(GROUPS)
    for folder in Path(tempfile.gettempdir()).glob(f"{GROUPS}-*-*"):
        process = folder.name.split("-")[1]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _nothing_works(said):
    lines = [
        "no isolation for students' code works here; tried:",
        *(f"  {name}: {text}" for name, text in said.items()),
    ]
    lines.append("On Linux install bubblewrap (apt install bubblewrap), elsewhere Docker or Podman.")
    return "\n".join([*lines, UNSAFE[0].upper() + UNSAFE[1:] + "."])


def _local_environment(home, folder):
    """For "unsafe-local": the same as in isolation, with this machine's paths and its Python's packages."""
    environment = kit.environment() | {"HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": str(folder)}
    environment |= {"MPLCONFIGDIR": f"{home}/.matplotlib", "IPYTHONDIR": f"{home}/.ipython"}
    environment.pop("LD_LIBRARY_PATH", None)
    return environment | ({"LD_LIBRARY_PATH": value} if (value := os.environ.get("LD_LIBRARY_PATH")) else {})
