"""Attempts to break out of the isolation, each a few lines that run where a student's code would.

    for name, held, said in break_out("bubblewrap"): ...

The trusted side lays out what there is to find: a secret file, listening sockets, its own process.  A probe says
"held" only after it has tried and seen the refusal; in a sandbox that isolates nothing it says BROKEN (the tests look).
"""

import contextlib
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

from lstmkit.grader.inside import probe
from lstmkit.grader.sandbox import Limits, Sandbox

LIMITS = Limits(memory=512 << 20, tmp=16 << 20, processes=32)  # small, so that the greedy probes end soon
MODULE = "lstmkit.grader.inside.probe"

# What every probe can use.  `told` is what the trusted side has laid out.
PREAMBLE = """
import ctypes, errno, importlib, os, pathlib, resource, signal, socket, subprocess, sys, time

libc = ctypes.CDLL(None, use_errno=True)


def system_call(name, *arguments):
    number = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name(name.encode())
    done = libc.syscall(number, *arguments)
    if done < 0:
        raise OSError(ctypes.get_errno(), name)
    return done


def refused(*actions):
    answers = []
    for action in actions:
        try:
            done = action()
        except (OSError, ImportError, ValueError) as error:
            answers.append(errno.errorcode.get(getattr(error, "errno", None), type(error).__name__))
        else:
            return say("BROKEN: it worked, and gave", repr(done)[:200])
    say("held:", ", ".join(dict.fromkeys(answers)))


def holds(true, detail=""):
    say("held:" if true else "BROKEN:", str(detail)[:200])
"""

# Harmless wherever they run: they look, they do not touch.
LOOKING = {
    "read the system's passwords": """
refused(lambda: open("/etc/shadow").read(), lambda: open("/etc/passwd").read().index("root:"))
""",
    "read a secret file of the instructor": "refused(lambda: open(told['secret']).read())",
    "find the secret file anywhere": """
tops = ("/tmp", "/var", "/home", "/root", "/mnt", "/box", "/kit", "/run", "/proc/1/cwd", "/proc/1/root/tmp")
found = (f for top in tops for _, _, files in os.walk(top) for f in files if told["name"] in f)
holds((first := next(found, None)) is None, first or "not there")
""",
    "list the course folder": "refused(lambda: os.listdir(told['course']))",
    "list the home folders": "refused(*(lambda p=p: os.listdir(p) for p in ('/root', '/home')))",
    "import nbgrader": "refused(lambda: importlib.import_module('nbgrader'))",
    "import the checks of an exercise": "refused(lambda: importlib.import_module('lstmkit.grading.lstm'))",
    "import the trusted half of the grader": "refused(lambda: importlib.import_module('lstmkit.grader.course'))",
    "import torch for a NumPy question": "refused(lambda: importlib.import_module('torch'))",
    "see a process of the instructor": """
own = [int(p) for p in os.listdir("/proc") if p.isdigit()]
holds(len(own) < 8 and max(own) < 1000, f"processes {sorted(own)}")
""",
    "read the environment of another process": "refused(lambda: open('/proc/1/environ', 'rb').read())",
    "read the memory of another process": "refused(lambda: open('/proc/1/mem', 'rb'))",
    "see the instructor's environment": "holds(told['variable'] not in os.environ, f'{len(os.environ)} variables')",
    "connect to a TCP port on this machine": """
refused(lambda: socket.create_connection(("127.0.0.1", told["port"]), 2))
""",
    "send to a UDP port": """
refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)))
""",
    "open an IPv6 or a netlink socket": """
refused(lambda: socket.socket(socket.AF_INET6), lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
""",
    "connect to an abstract socket of this machine": """
refused(lambda: socket.socket(socket.AF_UNIX).connect(chr(0) + told["abstract"]))
""",
    "connect to a socket in a folder of this machine": """
refused(lambda: socket.socket(socket.AF_UNIX).connect(told["socket"]))
""",
    "find open files that were left behind": """
kinds = {}
for n in range(3, 1024):
    try:
        kinds[n] = os.fstat(n).st_mode & 0o170000
    except OSError:
        pass
nothing = [os.fstat(n).st_rdev == os.stat("/dev/null").st_rdev for n in range(3)]
holds(all(nothing) and len(kinds) == 2 and set(kinds.values()) == {0o010000}, kinds)
""",
    "be root, or have a capability": """
status = dict(l.split(":", 1) for l in open("/proc/self/status").read().splitlines())
caps = [status[c].strip() for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
holds(os.getuid() and not any(int(c, 16) for c in caps), f"user {os.getuid()}, capabilities {caps[2]}")
""",
    "gain privileges from a setuid program": """
status = open("/proc/self/status").read()
flags = [line for line in status.splitlines() if line.startswith(("NoNewPrivs", "Seccomp:"))]
holds(flags == ["NoNewPrivs:\\t1", "Seccomp:\\t2"], flags)
""",
    "raise its own limits": """
limits = [getattr(resource, "RLIMIT_" + n) for n in ("AS", "NOFILE", "NPROC", "FSIZE", "CPU")]
hard = [resource.getrlimit(l)[1] for l in limits]
if resource.RLIM_INFINITY in hard:
    say("BROKEN: no limit", hard)
else:
    refused(*(lambda l=l, h=h: resource.setrlimit(l, (h + 1, h + 1)) for l, h in zip(limits, hard)))
""",
    "open a disk, the kernel's memory or a terminal": """
names = ("vda", "sda", "nvme0n1", "mem", "kmsg", "tty", "console", "fuse", "kvm")
refused(*(lambda p=p: open("/dev/" + p, "rb") for p in names))
""",
}

# These change something where nothing holds them.
TOUCHING = {
    "write into the system": """
places = "/ /usr /usr/bin /usr/lib /usr/lib/python3/dist-packages /etc /dev /proc/sys/kernel /run /var /site".split()
refused(*(lambda p=p: open(os.path.join(p, "planted"), "w") for p in places))
""",
    "write into the interpreter, the packages or the kit": """
import numpy, lstmkit
files = [os.__file__, sys.executable, numpy.__file__, lstmkit.__file__]
folders = [os.path.dirname(f) for f in files] + [p for p in sys.path if os.path.isdir(p)]
folders.append(os.path.dirname(os.__file__) + "/site-packages")
refused(*(lambda p=p: open(p, "a") for p in files), *(lambda p=p: open(p + "/planted.py", "w") for p in folders))
""",
    "change a mount's rights": """
refused(*(lambda p=p: os.chmod(p, 0o777) for p in ("/", "/kit", "/usr", "/dev", "/box/..")))
""",
    "kill a process of the instructor": """
refused(lambda: os.kill(told["process"], 9), lambda: os.killpg(told["process"], 9))
""",
    "kill the first process of its own namespace": """
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP):
    try:
        os.kill(1, number)
    except OSError:
        pass
time.sleep(0.05)
os.kill(1, 0)
holds(open("/proc/1/stat").read().rpartition(")")[2].split()[0] in "SR", "it is still there")
""",
    "trace a process": """
refused(lambda: system_call("ptrace", 16, 1, 0, 0), lambda: system_call("ptrace", 0, 0, 0, 0),
        lambda: system_call("process_vm_readv", 1, 0, 0, 0, 0, 0))
""",
    "mount and unmount": """
def done(code):
    if code < 0:
        raise OSError(ctypes.get_errno(), "")
refused(lambda: done(libc.mount(b"tmpfs", b"/box", b"tmpfs", 0, None)), lambda: done(libc.umount2(b"/proc", 2)),
        lambda: done(libc.umount2(b"/box", 2)), lambda: done(libc.mount(None, b"/", None, 32 | 4096, None)),
        lambda: system_call("fsopen", b"tmpfs", 0), lambda: system_call("open_tree", -100, b"/", 1))
""",
    "make a namespace": """
kinds = (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000)
refused(*(lambda k=k: system_call("unshare", k) for k in kinds),
        *(lambda k=k: system_call("clone", k | 17, 0, 0, 0, 0) or os._exit(0) for k in kinds),
        lambda: system_call("clone3", 0, 0), lambda: system_call("setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0))
""",
    "change the root": "refused(lambda: os.chroot('/box'), lambda: system_call('pivot_root', b'/box', b'/box'))",
    "become another user": """
refused(lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0]))
""",
    "make a device": "refused(lambda: os.mknod('/box/disk', 0o60666, os.makedev(254, 0)))",
    "use the calls that kernels were broken with": """
calls = {"keyctl": (0, -3, 1), "add_key": (b"user", b"k", b"v", 1, -5), "bpf": (0, 0, 0), "userfaultfd": (0,),
         "perf_event_open": (0, 0, -1, -1, 0), "io_uring_setup": (4, 0), "open_by_handle_at": (-100, 0, 0),
         "finit_module": (0, 0, 0), "kexec_load": (0, 0, 0, 0), "syslog": (3, 0, 0), "personality": (0x40000,)}
said = {}
for name, arguments in calls.items():
    try:
        system_call(name, *arguments)
        said[name] = "worked"
    except OSError as error:
        said[name] = errno.errorcode[error.errno]
wrong = {n: s for n, s in said.items() if s not in ("EPERM", "ENOSYS")}
holds(not wrong, wrong or f"{len(said)} of them refused")
""",
    "type into a terminal": """
import fcntl
refused(*(lambda n=n: fcntl.ioctl(n, 0x5412, b"x") for n in range(5)))
""",
    "start processes without end": """
children, error = [], None
while len(children) < 5 * told["processes"]:
    try:
        child = os.fork()
    except OSError as error:
        break
    if child == 0:
        time.sleep(30)
        os._exit(0)
    children.append(child)
for child in children:
    os.kill(child, 9)
    os.waitpid(child, 0)
holds(len(children) <= told["processes"], f"ended at {len(children)}")
""",
    "fill the disk and the memory with files": """
def fill(folder):
    size = 0
    try:
        for n in range(8):
            with open(f"{folder}/{n}", "wb", buffering=0) as file:
                for _ in range(64):
                    size += file.write(bytes(1 << 20))
    except OSError:
        pass
    for path in pathlib.Path(folder).glob("[0-9]"):
        path.unlink()
    return size
box, shared = fill("/box"), fill("/dev/shm")
holds(max(box, shared) <= told["tmp"], f"/box ended at {box >> 20} MiB, /dev/shm at {shared >> 20} MiB")
""",
    "make files without end": """
made = 0
try:
    for made in range(50_000):
        os.close(os.open(f"/box/f{made}", os.O_CREAT | os.O_WRONLY))
except OSError:
    pass
for n in range(made):
    os.unlink(f"/box/f{n}")
holds(made < 49_000, f"ended at {made}")
""",
}


def ask(worker, source, **told):
    """Run a probe in a worker and return what it says; EOFError if the worker ends."""
    probe.write(worker.writer, f"{PREAMBLE}\ntold = {told!r}\n{source}".encode())
    return probe.read(worker.reader).decode(errors="replace")


@contextlib.contextmanager
def laid_out(course="."):
    """What the probes are told of: secrets and sockets of the trusted side, there to be found."""
    name = f"secret-{os.urandom(6).hex()}"
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lstmkit-secret-"))
        secret = Path(folder, name)
        secret.write_text("the expected values")
        listening = []
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", 0)),
            (socket.AF_UNIX, f"\0{name}"),
            (socket.AF_UNIX, str(Path(folder, "socket"))),
        ):
            listener = stack.enter_context(socket.socket(family))
            listener.bind(address)
            listener.listen()
            listening.append(listener)
        os.environ[variable := f"LSTMKIT_{name[-6:]}"] = "secret"
        stack.callback(os.environ.pop, variable, None)
        yield {
            "secret": str(secret), "name": name, "course": str(Path(course).resolve()), "variable": variable,
            "port": listening[0].getsockname()[1], "abstract": name, "socket": str(Path(folder, "socket")),
            "process": os.getpid(), "processes": LIMITS.processes, "tmp": LIMITS.tmp,
        }  # fmt: skip


def break_out(backend="auto", course="."):
    """[(what was tried, whether the isolation held, what was seen)]; raises Unavailable where there is none to try."""
    with laid_out(course) as told, Sandbox(backend, serve=MODULE, limits=LIMITS) as sandbox:
        found = []
        for name, source in (LOOKING | TOUCHING).items():
            if sandbox.backend == "podman" and "make files" in name:
                continue  # Podman's tmpfs takes no limit of inodes; that of memory is the one that ends it
            found.append((name, *_verdict(sandbox, source, told)))
        for name, attempt in _LASTING.items():
            found.append((name, *attempt(sandbox)))
    return found


def _verdict(sandbox, source, told):
    """Whether a probe held, and its words, in a submission of its own."""
    worker = sandbox.spawn()
    try:
        with _deadline(worker, 60):
            said = ask(worker, source, **told)
    except (EOFError, OSError):
        said = "the worker ended before it could say"
    finally:
        worker.kill()
    return said.startswith("held"), said.partition(": ")[2] if said.startswith(("held", "BROKEN")) else said


@contextlib.contextmanager
def _deadline(worker, seconds):
    """End a worker that does not answer."""
    timer = threading.Timer(seconds, worker.end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _daemon(sandbox):
    """A grandchild in a session of its own holds the pipe to us open for as long as it lives."""
    worker = sandbox.spawn()
    reader = os.dup(worker.reader)
    try:
        ask(worker, """
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            time.sleep(600)
        os._exit(0)
say("left behind")
""")  # fmt: skip
        worker.kill()
        os.set_blocking(reader, False)
        try:
            gone = os.read(reader, 1) == b""
        except BlockingIOError:
            gone = False
    finally:
        os.close(reader)
    return gone, "gone when kill() returned" if gone else "it outlived its submission"


def _leavings(sandbox):
    """Files of one submission that the next one might find."""
    worker = sandbox.spawn()
    ask(worker, "for f in ('/box/left', '/dev/shm/left', '/tmp/left'): open(f, 'w').write('x')")
    worker.kill()
    worker = sandbox.spawn()
    said = ask(worker, "say(*(f for p in ('/box', '/dev/shm', '/tmp') for f in os.listdir(p) if f == 'left'))")
    worker.kill()
    return said == "", said or "nothing was left"


def _memory(sandbox):
    """Several processes that touch more memory than the submission may have."""
    worker = sandbox.spawn()
    started = time.monotonic()
    try:
        with _deadline(worker, 20):
            said = ask(worker, """
def eat():
    kept = []
    try:
        while len(kept) < 400:
            kept.append(bytearray(b"x") * (8 << 20))
            if len(kept) * (8 << 20) > told["memory"]:
                return True
    except MemoryError:
        pass
    time.sleep(2)
for _ in range(3):
    if os.fork() == 0:
        eat()
        os._exit(0)
say("BROKEN: more than its share" if eat() else "alone it did not get more than its share")
""", memory=sandbox.limits.memory * 2)  # fmt: skip
    except (EOFError, OSError):
        said = ""
    why = worker.kill()
    seconds = time.monotonic() - started
    if said.startswith("BROKEN"):
        return False, said
    return (
        True,
        f"ended after {seconds:.1f} s by {'the limit of the whole submission' if why else 'the limit of one process'}",
    )


def _next(sandbox):
    """After all this, the next submission finds a whole machine."""
    worker = sandbox.spawn()
    said = ask(
        worker, "children = [os.fork() or os._exit(0) for _ in range(8)]; say('works', open('/box/a', 'w').write('x'))"
    )
    worker.kill()
    return said.startswith("works"), "its processes and files work" if said.startswith("works") else said


_LASTING = {
    "leave a program behind": _daemon,
    "leave files for the next submission": _leavings,
    "use more memory than it may": _memory,
    "spoil the worker for the next submission": _next,
}
