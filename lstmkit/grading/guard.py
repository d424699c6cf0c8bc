"""Calls a student's function so that nothing it does can spoil the rest of the check.

Prints, warnings and log records are swallowed, exceptions become part of the result, the arguments are copies that are
compared afterwards, and a call that runs for too long is ended.  All of it in the same process: this keeps honest
mistakes apart, it does not keep out somebody who wants to cheat.
"""

import contextlib
import io
import logging
import signal
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SECONDS = 10.0  # for one call; the reference needs milliseconds, but importing torch can need seconds


class TooLong(BaseException):
    """Raised inside a student's function when its time is up; no `except Exception` catches it."""


class Problem(NamedTuple):
    """Why there is no value: `kind` is one word for the machine, `text` a sentence for the student."""

    kind: str
    text: str


class Outcome(NamedTuple):
    """What one call came to: its value or a Problem, and the names of the arguments that it modified."""

    value: Any
    modified: tuple = ()


def call(function, args, names=()):
    """The Outcome of function(*args), called on copies of `args`; `names` are the names of the arguments."""
    try:
        given = copied(args)
    except RecursionError:
        return Outcome(Problem("form", "is given a cache that contains itself."))
    try:
        with _silence(), _time_limit(SECONDS):
            value = function(*given)
    except TooLong:
        return Outcome(Problem("time", f"ended after {SECONDS:g} seconds; the sizes here are tiny: an endless loop?"))
    except NotImplementedError:
        return Outcome(Problem("blank", "not written yet: put your code in place of `raise NotImplementedError()`."))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(Problem("raised", _what_happened(error)))
    modified = tuple(name for name, old, new in zip(names, args, given, strict=False) if not unchanged(old, new))
    return Outcome(value, modified)


def impatient(function):
    """The function, but once it has run out of time, further calls are ended at once."""
    hung = False

    def once(*args):
        nonlocal hung
        if hung:
            raise TooLong
        try:
            return function(*args)
        except TooLong:
            hung = True
            raise

    return once if callable(function) else function


def copied(value):
    """A copy of an array, or of nested tuples, lists and dicts of arrays; whatever else a cache holds is handed on."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (tuple, list):
        return type(value)(map(copied, value))
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return value


def unchanged(old, new):
    """True if two arguments, arrays or nested tuples, lists and dicts of arrays, hold the same numbers."""
    if isinstance(old, np.ndarray):
        return isinstance(new, np.ndarray) and old.shape == new.shape and np.array_equal(old, new, equal_nan=True)
    if isinstance(old, tuple | list):
        return len(old) == len(new) and all(map(unchanged, old, new))
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(unchanged(old[key], new[key]) for key in old)
    return True


@contextlib.contextmanager
def stand_in(function, replacements):
    """While it lasts, the names in `replacements` mean our functions where `function` looks them up."""
    names = getattr(function, "__globals__", {})
    kept = {name: names[name] for name in replacements if name in names and names[name] is not function}
    names.update({name: replacements[name] for name in kept})
    try:
        yield
    finally:
        names.update(kept)


@contextlib.contextmanager
def _silence():
    level = logging.root.manager.disable
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(level)


@contextlib.contextmanager
def _time_limit(seconds):
    """Raises TooLong after `seconds`, and again until it is heard; not on Windows, which lacks the timer."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise TooLong

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:  # somebody else's timer was running
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 0.01), interval)


def _what_happened(error):
    """The exception in one line, and the student's own line where it came from."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    ours = str(Path(__file__).parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.line and "site-packages" not in frame.filename and not frame.filename.startswith(ours):
            return f"raised {text[:160]} in the line `{frame.line.strip()}`."
    return f"raised {text[:160]}."
