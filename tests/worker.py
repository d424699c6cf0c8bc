"""A worker without isolation, for tests of what is said to it and what it says: a subprocess, killed with its group."""

import contextlib
import os
import signal
import subprocess
import sys

from lstmkit.grader.remote import Session
from lstmkit.grading import question


class Worker:
    """As sandbox.Worker; run: Python code that is given the two descriptors as `reader` and `writer`."""

    def __init__(self, run="from lstmkit.grader.inside import serve; serve.serve(reader, writer)"):
        (theirs, self.writer), (self.reader, back) = os.pipe(), os.pipe()
        code = f"reader, writer = {theirs}, {back}\n{run}"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=[theirs, back], start_new_session=True, stdout=2
        )
        os.close(theirs)
        os.close(back)

    def kill(self):
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self.reader)
        os.close(self.writer)
        return ""


def setup(checks=None, name="", lent=None, plain=None):
    """The first message of a session."""
    questions = checks.QUESTIONS if checks else {}
    yours = {key: question.yours(asked) for key, asked in questions.items() if asked.yours}
    return {"do": "setup", "questions": list(questions)}, [{}, name, {"yours": yours, **(plain or {})}, lent or {}]


@contextlib.contextmanager
def session(*cells, spawn=Worker, seconds=60.0, **about):
    """A Session in which these cells were run."""
    made = Session(spawn, setup(**about), seconds)
    try:
        for number, source in enumerate(cells):
            made.cell(number, source, 10.0)
        yield made
    finally:
        made.close()
