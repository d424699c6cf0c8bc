"""The student's functions, seen from the trusted side: what looks like a function is a question to the worker.

A Session has a worker in which the student's cells were run.  `names` gives what they define: plain data as it is,
everything else as a Remote, which can be called, iterated or asked for an attribute, and is handed back as the very
object that it stands for.  What is lent to the student the other way, a function to differentiate or a step to call,
stays here, and answers when the worker asks.

Whatever the worker says is checked (wire.Broken), and believed only as "this is what the student's code gave".  A
worker that hangs, dies or breaks the rules is ended; the next call begins a new one and runs the cells again.
"""

import contextlib
import os
import time
from types import FunctionType, ModuleType

import numpy as np

from lstmkit.grader.inside import wire
from lstmkit.grading import guard

GRACE = 1.0  # seconds between a worker's own end of a call and ours
RESTARTS = 8
LENT = 20_000  # objects, and
LENT_BYTES = 256 << 20  # bytes of arrays that a worker may hold on to


class NotBegun(Exception):
    """A worker did not come to the student's code: the machine's fault, or ours."""


class Session:
    """A worker and what was run in it.

    spawn: gives a new worker (see sandbox.py); setup: (header, values) of the first message, see serve.py; seconds: for
    the whole submission.
    """

    def __init__(self, spawn, setup, seconds=300.0):
        self._spawn, self._setup = spawn, setup
        self._until = time.monotonic() + seconds
        self._worker, self._ran, self._fatal, self._begun = None, [], set(), 0
        self.generation = 0
        self._lent, self._numbers, self._last, self._lent_bytes = {}, {}, 0, 0
        self._tools = frozenset()  # the numbers of what was lent for good
        self._given = {}  # a Remote for each handle, so that the same object is the same Remote

    def close(self):
        """End the worker, if there is one; all that it started is gone when this returns."""
        worker, self._worker = self._worker, None
        return worker.kill() if worker else ""

    def cell(self, number, source, seconds):
        """Run a cell: its outputs, a list of dicts as in outcome.Cell but for pictures in bytes."""
        try:
            outputs = self._run(number, source, seconds)
        except guard.TooLong:
            self._fatal.add(number)
            return [{"error": f"ended after {seconds:g} seconds, and left out from now on."}]
        except guard.Ended as error:
            self._fatal.add(number)
            return [{"error": f"{error} The cell is left out from now on."}]
        self._ran.append((number, source, seconds))
        return outputs

    def _run(self, number, source, seconds):
        _, values = self.ask({"do": "cell", "number": number, "source": source, "seconds": seconds}, (), seconds)
        if len(values) != 1 or not isinstance(values[0], list):
            raise self._broken("no outputs")
        return values[0]

    def names(self, wanted):
        """{name: value} for those of the names that the cells define."""
        header, values = self.ask({"do": "names", "names": list(wanted)}, (), 5.0)
        found = header.get("names")
        if not isinstance(found, list) or len(found) != len(values) or not set(map(str, found)) <= set(wanted):
            raise self._broken("names that were not asked for")
        for name, value in zip(found, values, strict=True):
            if isinstance(value, Remote):
                value._name = name
        return dict(zip(found, values, strict=True))

    def ask(self, header, values, seconds, arguments=()):
        """Send a message and wait for the reply, (header, values); answers what the worker asks meanwhile.

        TooLong where the worker does not answer within `seconds`; Ended where it dies or answers nonsense.
        """
        if self._worker is None:
            self._begin()
        return self._exchange(header, values, seconds, arguments)

    def _exchange(self, header, values, seconds, arguments=()):
        deadline = min(time.monotonic() + seconds + GRACE, self._until)
        if deadline <= time.monotonic():
            raise guard.Ended("all the time that a submission has was used up.")
        objects, generation = _Objects(self, arguments), self.generation
        try:
            self._send(header, values, objects, deadline)
            while True:
                reply, given = wire.opened(*self._channel.receive(deadline), objects)
                self._release(reply.get("released"))
                if reply.get("say") == "reply":
                    return reply, given
                if reply.get("say") != "call":
                    raise wire.Broken("neither a reply nor a call")
                self._answer(reply, given, objects, deadline)
                if generation != self.generation or self._worker is None:
                    raise guard.Ended("your code ended the Python process while it was being asked.")
        except wire.Late:
            self._end()
            raise guard.TooLong from None
        except wire.Gone:
            memory = " It used more memory than a submission may." if self._end() == "memory" else ""
            raise guard.Ended(f"your code ended the Python process.{memory}") from None
        except wire.Broken as error:
            raise self._broken(str(error)) from None

    def _send(self, header, values, objects, deadline):
        self._channel.send(wire.frame(header, values, objects), deadline)

    def _broken(self, why):
        self._end()
        return guard.Ended(f"what came back is not an answer ({why}).")

    def _end(self):
        cause = self.close()
        self.generation += 1
        self._given.clear()
        self._lent.clear()
        self._numbers.clear()
        self._lent_bytes = 0
        return cause

    def _begin(self):
        if self._begun > RESTARTS:
            raise guard.Ended("your code ended the Python process too often; what is left is not asked.")
        while True:
            self._begun, started = self._begun + 1, time.monotonic()
            self._until += 60.0
            self._worker = self._spawn()
            os.set_blocking(self._worker.reader, False)
            os.set_blocking(self._worker.writer, False)
            self._channel = wire.Channel(self._worker.reader, self._worker.writer)
            try:
                self._exchange(*self._setup, 60.0)
            except (guard.TooLong, guard.Ended) as error:
                raise NotBegun(f"a worker ended before any of the student's code ran ({error})") from error
            self._tools = frozenset(self._lent)
            took = time.monotonic() - started  # to begin: nobody's fault
            self._until += took - 60.0
            guard.extend(took)
            for number, source, seconds in self._ran:
                if number in self._fatal:
                    continue
                try:
                    self._run(number, source, seconds)
                except (guard.TooLong, guard.Ended):  # it did run once, so it is not the same every time
                    self._fatal.add(number)
                    break
            if self._worker is not None:
                return
            if self._begun > RESTARTS:
                raise guard.Ended("your code ended the Python process too often; what is left is not asked.")

    def _answer(self, reply, given, objects, deadline):
        """The worker calls something that was lent to it."""
        target, *values = given
        attribute, back = reply.get("attribute"), _Objects(self, ())
        before = guard.remembered(values)
        try:
            args, named = wire.arguments(values, reply.get("named", []))
            with np.errstate(all="ignore"):
                value = _public(target, attribute) if isinstance(attribute, str) else target(*args, **named)
            back.keeping = True
            changed = guard.changed(before, values)
            new = [values[k] for k in changed]
            self._send({"do": "answer", "changed": changed}, [value, *new], back, deadline)
        except (guard.TooLong, guard.Ended, wire.Late, wire.Gone, wire.Broken):
            raise
        except Exception as error:  # it does not take these arguments: the student is told, as by any function
            self._send({"do": "refuse", "kind": type(error).__name__, "text": f"{error}"[:300]}, (), back, deadline)

    def lend(self, value):
        """The number under which the worker can ask for this object, until it has let go as often as it got it."""
        number = self._numbers.get(id(value))
        if number is None:
            self._last = number = self._last + 1
            self._lent_bytes += getattr(value, "nbytes", 0)
            if len(self._lent) >= LENT or self._lent_bytes > LENT_BYTES:
                raise wire.Broken("more was asked for, and kept, than a worker may hold")
            self._lent[number], self._numbers[id(value)] = [value, 0], number
        self._lent[number][1] += 1
        return number

    def take_back(self):
        """What was lent for a question answers no more after it; the tools of the assignment stay."""
        for number in [number for number in self._lent if number not in self._tools]:
            lent, _ = self._lent.pop(number)
            del self._numbers[id(lent)]
            self._lent_bytes -= getattr(lent, "nbytes", 0)

    def lent(self, number):
        """What was lent under a number; Broken if nothing was."""
        if number not in self._lent:
            raise wire.Broken("a call of something that was not lent")
        return self._lent[number][0]

    def _release(self, numbers):
        for number in numbers if isinstance(numbers, list) else ():
            lent = self._lent.get(number) if type(number) is int else None
            if lent is not None:
                lent[1] -= 1
                if not lent[1]:
                    del self._lent[number], self._numbers[id(lent[0])]
                    self._lent_bytes -= getattr(lent[0], "nbytes", 0)

    def remote(self, handle):
        """The Remote for a handle of the worker, always the same one."""
        if handle.number not in self._given:
            if len(self._given) > 100_000:
                raise wire.Broken("more objects than anybody needs")
            self._given[handle.number] = _remote(self, handle)
        return self._given[handle.number]


class _Objects:
    """What is not plain data, for one exchange; see wire.py."""

    keeps_gaps = True

    def __init__(self, session, arguments):
        self.session, self.arguments, self.keeping = session, arguments, False

    def give(self, value, pack=None):
        if isinstance(value, Remote):
            return {"back": value._current()}
        if isinstance(value, np.ndarray):
            return pack(np.asarray(value))
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return {"named": [type(value).__name__, list(value._fields), [pack(item) for item in value]]}
        if value is Ellipsis or isinstance(value, ModuleType | int | bytes | bytearray | memoryview):
            raise TypeError(f"a check cannot hand a {type(value).__name__} to a student's function")
        return {"h": self.session.lend(value), "kind": type(value).__name__, "callable": callable(value)}

    def window(self, value):
        return None

    def kept(self, value, node):
        return node | {"keep": self.session.lend(value)} if self.keeping else node

    def keep(self, array, number):
        return array

    def take(self, handle):
        return self.session.remote(handle)

    def own(self, number):
        return self.session.lent(number)

    def named(self, name, fields):
        raise wire.Broken("a named tuple, which is sent as an object")

    def through(self, seen):
        """The window of the worker's array as a window of ours."""
        argument = self.arguments[seen.argument] if 0 <= seen.argument < len(self.arguments) else None
        if not isinstance(argument, np.ndarray):
            raise wire.Broken("a window into something that is no array")
        flat, _ = wire.memory(argument)
        return wire.window(argument.reshape(-1) if flat is None else flat, seen.offset, seen.shape, seen.strides)


class Remote:
    """An object in the worker."""

    def __init__(self, session, handle):
        self._session, self._number, self._generation = session, handle.number, session.generation
        self._kind, self._name = handle.kind, ""

    def _current(self):
        """The object's number in the worker of now: a new worker has the same names, and no other objects."""
        if self._session._worker is None:
            self._session._begin()
        if self._generation != self._session.generation:
            found = self._session.names([self._name]).get(self._name) if self._name else None
            if not isinstance(found, Remote):
                raise guard.Ended("what it works on was lost when your code ended the Python process.")
            self._number, self._generation = found._number, self._session.generation
            self._session._given[self._number] = self
        return self._number

    def _ask(self, do, *values, **header):
        """The one value of a reply."""
        number = self._current()
        reply, given = self._session.ask({"do": do, "of": number, **header}, values, guard.seconds_left())
        return _value(reply, given)

    def __getattr__(self, name):
        if name == "__globals__":
            return _Globals(self)
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ask("attribute", name=name)

    def __iter__(self):
        return iter(self._ask("items"))

    def __array__(self, dtype=None, copy=None):
        array = self._ask("array")
        return np.asarray(array, dtype)

    def __float__(self):
        return float(self.__array__())

    def __repr__(self):
        return f"<{self._kind}>"


class _Callable:
    def __call__(self, *args, **named):
        """Call it in the worker, with copies of the arguments; what it changes in them is changed in ours as well."""
        session, number, count = self._session, self._current(), guard.counting()
        header = {
            "do": "call",
            "of": number,
            "named": list(named),
            "seconds": guard.seconds_left(),
            "lines": bool(count),
        }
        reply, given = session.ask(header, [*args, *named.values()], header["seconds"], args)
        changed = reply.get("changed", [])
        if count and isinstance(reply.get("lines"), int):
            count(max(0, reply["lines"]))
        new = given[1:]
        if not isinstance(changed, list) or len(changed) != len(new):
            raise session._broken("changed arguments that do not add up")
        for place, value in zip(changed, new, strict=True):
            if isinstance(place, int) and 0 <= place < len(args):
                guard.change(args[place], value)
        return _value(reply, given[:1])


class RemoteFunction(_Callable, Remote):
    """An object in the worker that can be called."""


class _Globals:
    """The names that a function in the worker looks up, as far as `guard.stand_in` and the checks need them."""

    def __init__(self, remote):
        self._remote = remote

    def get(self, name, default=None):
        found = self._remote._ask("global", name=name)
        return found[0] if found else default

    def __contains__(self, name):
        return bool(self._remote._ask("global", name=name))

    def __getitem__(self, name):
        return self._remote._ask("global", name=name)[0]

    def update(self, replacements):
        if replacements:
            with contextlib.suppress(guard.Ended):  # a new worker has its own names anyway
                self._remote._ask("stand in", *replacements.values(), names=list(replacements))


def _remote(session, handle):
    """A Remote, also an instance of tuple, list or dict where the worker's object is one of a subclass."""
    base = type(handle.base) if type(handle.base) in (tuple, list, dict) else None
    kinds = (RemoteFunction if handle.callable else Remote,) + ((base,) if base else ())
    made = type(handle.kind, kinds, {"__iter__": base.__iter__, "__new__": base.__new__} if base else {})
    if base is tuple:
        remote = tuple.__new__(made, handle.base)
    else:
        remote = made.__new__(made)
        if base:
            base.__init__(remote, handle.base)
    Remote.__init__(remote, session, handle)
    return remote


def _value(reply, given):
    """The value of a reply, or the exception that the student's code raised."""
    problem = reply.get("problem")
    if problem == "time":
        raise guard.TooLong
    if problem == "blank":
        raise NotImplementedError
    if problem is not None:
        raise guard.Raised(str(problem)[:600])
    if len(given) != 1:
        raise guard.Raised("gave nothing that could be handed over.")
    return given[0]


def _public(target, name):
    """An attribute of something lent: only what its author meant for others."""
    if name.startswith("_") or isinstance(target, FunctionType | ModuleType):
        raise AttributeError(f"{type(target).__name__!r} object has no attribute {name!r}")
    return getattr(target, name)
