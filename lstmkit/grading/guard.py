"""Calls a student's function so that nothing it does can spoil the rest of the check.

Prints, warnings and log records are swallowed, exceptions become part of the result, the arguments are copies that are
compared afterwards, and a call that runs for too long is ended.  In a notebook all of it happens in the same process:
this keeps honest mistakes apart, it does not keep out somebody who wants to cheat.  The grader's functions stand for
ones in another process (lstmkit.grader); while they are called, `from_outside`, nothing runs here that could be
silenced or interrupted, and only the time that is left is passed on.
"""

import contextlib
import gc
import io
import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

NUMPY = str(Path(np.__file__).parent)
SECONDS = 10.0  # for one call; the reference needs milliseconds, but importing torch can need seconds
HURRIED = 1.5  # for a call of a function that has hung before
_budget = None  # another limit, while one is set
_outside = False  # are the student's functions in another process?
_until = None  # when the time of the present call is up, as time.monotonic says
_tracers = []  # one counter of lines for each `counted` call that is going on


class TooLong(BaseException):
    """Raised inside a student's function when its time is up; no `except Exception` catches it."""


class Ended(Exception):
    """Raised by a function of another process that has come to its end; the text says how."""


class Raised(Exception):
    """What a function of another process raised; the text is that of a Problem."""


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
        with silence(), time_limit(_budget or SECONDS):
            value = function(*given)
    except TooLong:
        why = "it takes too many steps." if _budget else "the sizes here are tiny: an endless loop?"
        return Outcome(Problem("time", f"ended after {_budget or SECONDS:g} seconds; {why}"))
    except NotImplementedError:
        return Outcome(Problem("blank", "not written yet: put your code in place of `raise NotImplementedError()`."))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(Problem("raised", what_happened(error)))
    modified = tuple(name for name, old, new in zip(names, args, given, strict=False) if not unchanged(old, new))
    return Outcome(value, modified)


def impatient(function):
    """The function, but once it has run out of time, or has ended its process, further calls are ended at once."""
    ended = None

    def once(*args):
        nonlocal ended
        if ended:
            raise ended
        try:
            return function(*args)
        except (TooLong, Ended) as error:
            ended = error
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
        if not isinstance(new, np.ndarray) or old.shape != new.shape:
            return False
        same_bytes = old.dtype == new.dtype and old.tobytes() == new.tobytes()  # what it mostly is, and quickly seen
        return same_bytes or np.array_equal(old, new, equal_nan=True)
    if isinstance(old, tuple | list):
        return len(old) == len(new) and all(map(unchanged, old, new))
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(unchanged(old[key], new[key]) for key in old)
    return True


def remembered(args):
    """What the arguments of a call are before it: copies, and the states of random generators; for `changed`."""
    return [_state(arg) if isinstance(arg, np.random.Generator) else copied(arg) for arg in args]


def changed(before, args):
    """The places of those arguments that are not any more what they were."""
    now = [_state(arg) if isinstance(arg, np.random.Generator) else arg for arg in args]
    return [place for place, (old, new) in enumerate(zip(before, now, strict=True)) if not unchanged(old, new)]


def _state(generator):
    return np.frombuffer(repr(generator.bit_generator.state).encode(), np.uint8)


def change(old, new):
    """Make the old argument what a call in another process made of it, in place, as if that had happened here."""
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        if old.shape == new.shape and old.dtype == new.dtype:
            old[...] = new
        elif old.size:  # reshaped or of another type: changed at any rate
            old[...] = ~old if old.dtype.kind == "b" else -1 - old
    elif isinstance(old, list) and isinstance(new, list | tuple):
        old[:] = new
    elif isinstance(old, dict) and isinstance(new, dict):
        old.clear()
        old.update(new)
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        for mine, theirs in zip(old, new, strict=True):
            change(mine, theirs)
    elif isinstance(old, np.random.Generator) and isinstance(new, np.random.Generator):
        old.bit_generator.state = new.bit_generator.state


@contextlib.contextmanager
def time_budget(seconds):
    """While it lasts, a call may take this long; None is the usual time."""
    global _budget
    kept, _budget = _budget, seconds
    try:
        yield
    finally:
        _budget = kept


@contextlib.contextmanager
def from_outside():
    """While it lasts, the student's functions are in another process, and keep to `seconds_left` themselves."""
    global _outside
    kept, _outside = _outside, True
    try:
        yield
    finally:
        _outside = kept


def seconds_left():
    """The seconds that a function of another process may still take; TooLong if there are none."""
    if _until is None:
        return _budget or SECONDS
    left = _until - time.monotonic()
    if left <= 0:
        raise TooLong
    return left


def extend(seconds):
    """The present call of a function in another process may take so much longer."""
    global _until
    if _until is not None:
        _until += seconds


def counted(function, args):
    """The Outcome of a call, and how many lines of Python and calls of Python functions it took."""
    lines = 0

    def more(count):
        nonlocal lines
        lines += count

    _tracers.append(more)
    try:
        return call(function if _outside else lambda *given: _traced(function, given), args), lines
    finally:
        _tracers.pop()


def counting():
    """The function that takes the lines which a call in another process ran, or None if nobody counts."""
    return _tracers[-1] if _tracers else None


def _traced(function, args):
    """function(*args), with its lines added to the innermost count."""
    lines = 0

    def trace(frame, event, arg):
        nonlocal lines
        if frame.f_code.co_filename.startswith(NUMPY):  # some lines for every call, and not the student's
            return None
        lines += 1
        return trace

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()  # it may call Python functions of other libraries, whose lines are not the student's
    sys.settrace(trace)
    try:
        return function(*args)
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
        _tracers[-1](lines)


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
def silence():
    """While it lasts, nothing that runs here prints, warns or logs; not where the functions are in another process."""
    if _outside:
        yield
        return
    level = logging.root.manager.disable
    with (
        _silent_descriptors(),
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
def _silent_descriptors():
    """What compiled code prints, LAPACK's complaints say: a notebook would take it for standard error."""
    kept = {}
    try:
        with open(os.devnull, "w") as nowhere:
            for number in (1, 2):
                with contextlib.suppress(OSError):  # a process without standard output
                    kept[number] = os.dup(number)
                    os.dup2(nowhere.fileno(), number)
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)


@contextlib.contextmanager
def time_limit(seconds):
    """Raises TooLong after `seconds`, and again until it is heard; not on Windows, which lacks the timer."""
    global _until
    if _outside:
        kept, _until = _until, time.monotonic() + seconds
        try:
            yield
        finally:
            _until = kept
        return
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


def what_happened(error):
    """The exception in one line, and the student's own line where it came from."""
    if isinstance(error, Ended | Raised):
        return str(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    ours = (str(Path(__file__).parent), str(Path(__file__).parents[1] / "grader"))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.line and "site-packages" not in frame.filename and not frame.filename.startswith(ours):
            return f"raised {text[:160]} in the line `{frame.line.strip()}`."
    return f"raised {text[:160]}."
