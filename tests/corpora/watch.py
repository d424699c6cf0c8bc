"""Runs commands one after the other, and tells what they left behind and who called meanwhile.

    python -m tests.corpora.watch PLAN.json RESULT.json

The plan: {"commands": [[program, ...]], "seconds": for each, "port": to listen on, "wait": seconds after the last one}.
The result: {"codes": [exit status, None for a command that was ended], "seconds": [...], "left": ["pid name command"],
"heard": [what came over a socket], "said": what the commands printed, its end}.

This process adopts whatever its children leave, so nothing escapes by giving up its parent.  (In a PID namespace of its
own it is the second process, and everything but itself and the first one counts.)
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ADOPT = 36  # PR_SET_CHILD_SUBREAPER


def watch(plan):
    """Run the plan; gives the result."""
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    for number in (signal.SIGHUP, signal.SIGTERM):  # a student's signals do not end the experiment
        signal.signal(number, signal.SIG_IGN)
    heard = []
    for address in (("127.0.0.1", plan["port"]), f"\0lstm-canary-{plan['port']}"):
        _listen(address, heard)
    codes, seconds, said = [], [], b""
    for command in plan["commands"]:
        began = time.monotonic()
        with open(plan["log"], "wb+") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=plan["cwd"])
            try:
                codes.append(process.wait(plan["seconds"]))
            except subprocess.TimeoutExpired:
                codes.append(None)
                for pid in _below(os.getpid()):
                    _kill(pid)
                process.wait()
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
            said += log.read()
        seconds.append(time.monotonic() - began)
    time.sleep(plan["wait"])
    _reap()
    left = [_name(pid) for pid in _below(os.getpid())]
    for pid in _below(os.getpid()):
        _kill(pid)
    return {"codes": codes, "seconds": seconds, "left": left, "heard": heard, "said": said.decode(errors="replace")}


def _listen(address, heard):
    """Keep what is sent to an address, by TCP and UDP or over an abstract socket."""
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM) if isinstance(address, tuple) else (socket.SOCK_STREAM,)
    for kind in kinds:
        end = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX, kind)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end.bind(address)
        threading.Thread(target=_take, args=(end, kind, heard), daemon=True).start()


def _take(end, kind, heard):
    if kind == socket.SOCK_DGRAM:
        while True:
            heard.append(end.recv(1000).decode(errors="replace"))
    end.listen()
    while True:
        line, _ = end.accept()
        line.settimeout(1)
        try:
            heard.append(line.recv(1000).decode(errors="replace") or "a connection")
        except OSError:
            heard.append("a connection")
        line.close()


def _below(root):
    """The processes that descend from `root`, those that have ended left out."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            parents[int(path.parent.name)] = int(fields[1])
    found, more = set(), {root}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more} - found
        found |= more
    return sorted(found)


def _name(pid):
    try:
        comm = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return f"{pid}"
    return f"{pid} {comm} {line[:150]}"


def _kill(pid):
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def _reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    result = watch(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")
    os._exit(0)  # without waiting for what a child may have left
