"""Judges at work: several processes on this machine, or the workers of a Dask cluster.

A judge is a process of its own (judge.py), so that one that hangs or dies, whatever brought it there, costs its own
submission and no other: it is ended, and the next task gets a new one.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

from lstmkit.grader.course import Wrong
from lstmkit.grader.sandbox import Unavailable

PATIENCE = 60.0  # seconds that a judge may take beyond what the submission may
START = 120.0  # seconds for a judge to begin
TRIES = 2  # a machine may be short of something for a moment

_own = threading.local()  # the judge of this thread


class Died(Exception):
    """A judge came to no outcome; the text says why."""


class Judge:
    """A judge's process.  sandbox: what sandbox.Sandbox takes, as a dict."""

    def __init__(self, sandbox):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self.sandbox = sandbox
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lstmkit.grader.judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._rest = b""
        self._begun = False
        self._send(sandbox)

    def ask(self, task):
        """The outcome of a task, both as judge.py makes them plain; Died or Unavailable if there is none."""
        self._send(task)
        answer = self._line(task["seconds"] + PATIENCE + (0 if self._begun else START))
        self._begun = True
        if "unavailable" in answer:
            raise Unavailable(answer["unavailable"])
        return answer

    def close(self):
        """End it, and with it all that it has started."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):  # what it was never told goes with it
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _send(self, plain):
        with contextlib.suppress(BrokenPipeError, ValueError):  # that it is gone is read by whoever asks
            self._process.stdin.write(json.dumps(plain).encode() + b"\n")
            self._process.stdin.flush()

    def _line(self, seconds):
        out, deadline, pieces = self._process.stdout.fileno(), time.monotonic() + seconds, [self._rest]
        while b"\n" not in pieces[-1]:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                raise Died("it took too long, again and again")
            piece = os.read(out, 1 << 20)
            if not piece:
                raise Died(f"the process that judged it ended with code {self._process.wait()}")
            pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return json.loads(line)


def judged(sandbox, task):
    """The outcome of a task from this thread's judge; a judge that dies is tried again with a new one, once."""
    for attempt in range(1, TRIES + 1):
        if getattr(_own, "judge", None) is not None and _own.judge.sandbox != sandbox:
            _own.judge.close()
            _own.judge = None
        if getattr(_own, "judge", None) is None:
            _own.judge = Judge(sandbox)
            with _lock:
                _judges.append(_own.judge)
        try:
            return _own.judge.ask(task)
        except BaseException as error:
            _own.judge.close()
            _own.judge = None
            if not isinstance(error, Died) or attempt == TRIES:
                raise


_judges, _lock = [], threading.Lock()  # of all threads, to be ended with the run


class Local:
    """Judges on this machine: submit(sandbox, task) -> a concurrent.futures.Future."""

    def __init__(self, jobs):
        self._threads = concurrent.futures.ThreadPoolExecutor(jobs, thread_name_prefix="judge")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._threads.shutdown(wait=False, cancel_futures=True)
        with _lock:
            while _judges:  # those at work as well: nothing of theirs is wanted any more
                _judges.pop().close()
        self._threads.shutdown(wait=True)

    def submit(self, sandbox, task):
        return self._threads.submit(judged, sandbox, task)


class Cluster:
    """The workers of a Dask cluster at an address, which have this very lstmkit installed."""

    def __init__(self, address):
        try:
            from distributed import Client
        except ImportError as error:
            raise Wrong("--scheduler needs Dask: pip install 'lstmkit[cluster]', here and on its workers") from error
        try:
            self._client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise Wrong(
                f"no Dask scheduler answers at {address!r} ({error}); start one with: dask scheduler"
            ) from error

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with contextlib.suppress(Exception):
            self._client.close()

    def submit(self, sandbox, task):
        made = concurrent.futures.Future()
        made.set_running_or_notify_cancel()

        def done(remote):
            try:
                made.set_result(remote.result())
            except BaseException as error:
                made.set_exception(error)

        # A task whose worker is lost goes to another one; three such losses, and it is this task that kills them.
        self._client.submit(on_cluster, version(), sandbox, task, pure=False, retries=2).add_done_callback(done)
        return made


def on_cluster(wanted, sandbox, task):
    """What a Dask worker runs."""
    here = version()
    if here != wanted:
        raise Wrong("this worker has another version of lstmkit than the course: install the same one everywhere")
    return judged(sandbox, task)


def version():
    """A hash of all of lstmkit's source: another grader may come to another outcome."""
    digest, root = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
