"""Triton's interpreter for programs that wait for each other.

The interpreter runs one program of a launch after the other, so that the first would wait for ever.  Here each is a
thread, of which one runs at a time: it hands on at every meeting, to another chosen at random, so that no order within
a step is more likely than another.  Whoever goes on checks that all have come.
"""

import inspect
import random
import threading

import numpy as np
from triton.runtime import interpreter

from lstmkit.torch.kernels import template


class Crowd:
    """The programs of one launch, by their places in the grid."""

    def __init__(self, places, chance):
        self.chance, self.arrived, self.meetings, self.error = chance, {}, {}, None
        self.turns = {place: threading.Semaphore(0) for place in places}
        self.ready, self.waiting = list(places), []

    def run(self, function, arguments):
        """Call function(**arguments) once for each program; raises what one of them raises."""
        threads = [threading.Thread(target=self._run, args=(place, function, arguments)) for place in self.turns]
        for thread in threads:
            thread.start()
        self._hand_on()
        for thread in threads:
            thread.join()
        if self.error:
            raise self.error

    def meet(self, counter, target):
        """What pointwise.meet does, for the program that runs; it must wait for all of its row, and no fewer."""
        counter, place = int(_number(counter)), HERE.place
        self.meetings[place] = self.meetings.get(place, 0) + 1
        programs = sum(row == place[0] for row, _ in self.turns)
        assert _number(target) == self.meetings[place] * programs, f"program {place} waits for {_number(target)}"
        self.arrived[counter] = self.arrived.get(counter, 0) + 1
        self.waiting.append(place)
        self._hand_on()
        self._wait(place)
        assert self.arrived[counter] >= _number(target), f"program {place} went on before all had come"

    def _run(self, place, function, arguments):
        HERE.place, HERE.crowd = place, self
        try:
            self._wait(place)
            function(**arguments)
        except SystemExit:
            return
        except BaseException as error:
            self.error = error
            for semaphore in self.turns.values():
                semaphore.release()
            return
        self._hand_on()

    def _wait(self, place):
        self.turns[place].acquire()
        if self.error:
            raise SystemExit
        interpreter.interpreter_builder.set_grid_idx(*place, 0)

    def _hand_on(self):
        if not self.ready:
            self.ready, self.waiting = self.waiting, []
        if self.ready:
            self.turns[self.ready.pop(self.chance.randrange(len(self.ready)))].release()


HERE = threading.local()


def install(monkeypatch, seed):
    """Have the interpreter launch every kernel as a Crowd."""
    chance, written = random.Random(seed), template.written

    def launch(executor, *arguments, **switches):
        function, (rows, columns) = executor.fn, executor.grid
        names = inspect.getfullargspec(function).args
        given = {name: value for name, value in switches.items() if name in names}
        given = inspect.getcallargs(function, *arguments, **given)
        scope = interpreter._patch_lang(function)
        try:
            given = {n: v if n in executor.constexprs else interpreter._implicit_cvt(v) for n, v in given.items()}
            interpreter.interpreter_builder.set_grid_dim(rows, columns, 1)
            Crowd([(x, y) for x in range(rows) for y in range(columns)], chance).run(function, given)
        finally:
            scope.restore()

    def with_meetings(*what):
        module = written(*what)
        monkeypatch.setattr(module, "meet", lambda counter, target: HERE.crowd.meet(counter, target))
        return module

    monkeypatch.setattr(interpreter.GridExecutor, "__call__", launch)
    monkeypatch.setattr(template, "written", with_meetings)


def _number(value):
    return np.asarray(value.handle.data if hasattr(value, "handle") else value).item()
