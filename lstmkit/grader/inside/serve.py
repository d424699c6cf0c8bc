"""The worker: runs the student's cells, and calls their functions when the trusted side asks.

Nothing here is secret, and nothing here is believed: student code shares this process and may change all of it.  What
matters is decided on the other side of the two descriptors (lstmkit/grader/remote.py).

Messages that come in, and what is done:

    setup       put files into the folder, and a stand-in for the module of the checks into sys.modules
    cell        run a cell; the reply has its outputs
    names       what the cells define
    call        call an object of ours on copies of the arguments; the reply has the value, and what it changed in them
    attribute, items, array, global, stand in    as a Remote asks
    answer, refuse                               to something that was lent to us, and that we have called
"""

import builtins
import contextlib
import decimal
import importlib.abc
import importlib.machinery
import io
import itertools
import numbers
import os
import sys
import types
import weakref
from collections import namedtuple

import numpy as np

from lstmkit.grader.inside import wire
from lstmkit.grading import guard

TEXT, PICTURES, PICTURE = 100_000, 12, 3 << 20  # characters and pictures of one cell, bytes of a picture
ITEMS = 100_000
_shell = None


def warm():
    """Import what students use and build the shell, once, before any process is forked."""
    global _shell
    with contextlib.suppress(ImportError):
        import matplotlib

        matplotlib.use("agg")
        import matplotlib.pyplot
    for name in ("scipy.signal", "pandas", "torch"):
        with contextlib.suppress(ImportError):
            __import__(name)
    _shell = _Shell()
    _shell.run("1")


def serve(reader, writer):
    """Answer until the other side closes its end."""
    global _shell
    if _shell is None:
        _shell = _Shell()
    np.random.seed(0)
    sys.meta_path.append(_Absent())
    sys.addaudithook(_Lines.watch)
    with contextlib.suppress(wire.Gone):
        _Server(reader, writer).until("the end")
    os._exit(0)


class _Server:
    def __init__(self, reader, writer):
        self.channel = wire.Channel(reader, writer)
        self.objects, self.numbers = {}, {}  # ours, by the number that the other side knows them by
        self.released = []

    def release(self, number):
        """Something that was lent is not held here any more; the next message says so."""
        self.released.append(number)

    def until(self, awaited):
        """Do what comes in, until it is the answer to our own question; gives its header and values."""
        while True:
            header, values = wire.opened(*self.channel.receive(None), _Objects(self))
            if header["do"] in ("answer", "refuse"):
                return header, values
            self.reply(*getattr(self, "do_" + header["do"].replace(" ", "_"))(header, values))

    def reply(self, header, values=(), arguments=()):
        released, self.released = self.released, []
        head = {"say": "reply", "released": released}
        try:
            data = wire.frame(head | header, values, _Objects(self, arguments))
        except wire.TooLarge as error:
            data = wire.frame(head | {"problem": f"{error}."}, (), _Objects(self))
        except guard.TooLong:
            data = wire.frame(head | {"problem": "time"}, (), _Objects(self))
        except Exception as error:
            data = wire.frame(head | {"problem": guard.what_happened(error)}, (), _Objects(self))
        self.channel.send(data, None)

    def do_setup(self, header, values):
        files, module, plain, lent = values
        for name, data in files.items():
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(name, "wb") as file:
                file.write(data)
        _stand_in_for_the_checks(module, header["questions"], plain, lent)
        return ({},)

    def do_cell(self, header, values):
        return {}, [_shell.run(header["source"], header["number"], header["seconds"])]

    def do_names(self, header, values):
        found = {name: _shell.user_ns[name] for name in header["names"] if name in _shell.user_ns}
        return {"names": list(found)}, list(found.values())

    def do_call(self, header, values):
        function, count = self.objects[header["of"]], len(header["named"])
        args, named = (
            values[: len(values) - count],
            dict(zip(header["named"], values[len(values) - count :], strict=True)),
        )
        count = _Lines() if header["lines"] else contextlib.nullcontext()
        try:
            before = [_as_it_is(arg) for arg in args]
            with guard.silence(), guard.time_limit(header["seconds"]), count:
                value = function(*args, **named)
        except guard.TooLong:
            return ({"problem": "time"},)
        except NotImplementedError:
            return ({"problem": "blank"},)
        except BaseException as error:
            return ({"problem": guard.what_happened(error)},)
        changed = [place for place, old in enumerate(before) if _as_it_is(args[place]) != old]
        return (
            {"changed": changed, "lines": count.lines() if header["lines"] else 0},
            [value, *(_apart(args[k]) for k in changed)],
            args,
        )

    def do_attribute(self, header, values):
        return self.found(lambda: getattr(self.objects[header["of"]], header["name"]))

    def do_items(self, header, values):
        return self.found(lambda: list(itertools.islice(self.objects[header["of"]], ITEMS)))

    def do_array(self, header, values):
        return self.found(lambda: np.asarray(self.objects[header["of"]]))

    def do_global(self, header, values):
        names = getattr(self.objects[header["of"]], "__globals__", {})
        return {}, [[names[header["name"]]] if header["name"] in names else []]

    def do_stand_in(self, header, values):
        names = getattr(self.objects[header["of"]], "__globals__", {})
        names.update(zip(header["names"], values, strict=True))
        return {}, [None]

    def found(self, look):
        """A reply with what `look` gives, or with what the student's code raised."""
        try:
            with guard.silence(), guard.time_limit(guard.SECONDS):
                return {}, [look()]
        except guard.TooLong:
            return ({"problem": "time"},)
        except BaseException as error:
            return ({"problem": guard.what_happened(error)},)

    def ask(self, header, values):
        """Call something that was lent to us; gives the value, or raises what the other side says."""
        released, self.released = self.released, []
        head = {"say": "call", "released": released} | header
        self.channel.send(wire.frame(head, values, _Objects(self)), None)
        answer, given = self.until("answer")
        if answer["do"] == "refuse":
            kind = getattr(builtins, answer["kind"], None)
            raise (kind if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError)(answer["text"])
        for place, new in zip(answer["changed"], given[1:], strict=True):
            guard.change(values[1 + place], new)
        return given[0]


class _Objects:
    """What is not plain data, for one exchange; see wire.py."""

    keeps_gaps = False

    def __init__(self, server, arguments=()):
        self.server, self.arguments = server, arguments

    def give(self, value, pack=None):
        if isinstance(value, Lent):
            return {"back": vars(value)["_number"]}
        kind = type(value)
        if kind.__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
            return pack(value.detach().cpu().numpy())
        if pack and not isinstance(value, np.ndarray):
            for plain, reduced in _REDUCED:
                if isinstance(value, plain):
                    return pack(reduced(value))
        server = self.server
        if id(value) not in server.numbers:
            server.numbers[id(value)] = len(server.objects) + 1
            server.objects[len(server.objects) + 1] = value
        node = {"h": server.numbers[id(value)], "kind": kind.__name__, "callable": callable(value)}
        for base in (tuple, list, dict):
            if isinstance(value, base) and pack:
                node["base"] = pack(base(value))
        return node

    def window(self, value):
        for number, argument in enumerate(self.arguments):
            if type(argument) is np.ndarray and argument.dtype == value.dtype and np.may_share_memory(value, argument):
                size = value.itemsize
                away = value.__array_interface__["data"][0] - argument.__array_interface__["data"][0]
                if away % size == 0 and not any(stride % size for stride in value.strides):
                    return [number, away // size, list(value.shape), [stride // size for stride in value.strides]]
        return None

    def kept(self, value, node):
        return node

    def keep(self, array, number):
        if number is not None:  # the other side counts how many of its arrays are alive here
            weakref.finalize(array, self.server.release, number)
        return array

    def take(self, handle):
        lent = Lent(self.server, handle)
        weakref.finalize(lent, self.server.release, handle.number)
        return lent

    def own(self, number):
        return self.server.objects[number]

    def named(self, name, fields, made={}):  # noqa: B006 - one class for each kind of tuple
        if (name, fields) not in made:
            made[name, fields] = namedtuple(name, fields)
        return made[name, fields]

    def through(self, seen):
        raise wire.Broken("windows are sent the other way")


_REDUCED = (
    (str, lambda value: str.__str__(value)),
    (bool, bool),
    (int, lambda value: int.__add__(value, 0)),
    (float, lambda value: float.__add__(value, 0.0)),
    (numbers.Real, float),  # a Fraction, say
    (decimal.Decimal, float),
)


class Lent:
    """A function, or another object, of the checks: what is done with it is done there."""

    def __init__(self, server, handle):
        vars(self).update(_server=server, _number=handle.number, __name__=handle.kind)

    def __call__(self, *args, **named):
        return self._server.ask({"named": list(named)}, [self, *args, *named.values()])

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._server.ask({"attribute": name, "named": []}, [self])


def _stand_in_for_the_checks(name, questions, plain, lent):
    """A module of that name in which the questions do nothing: they are asked from outside."""
    module = types.ModuleType(name, "The checks of this assignment; they are done outside of this process.")

    def quiet(*args, **named):
        """Done when the notebook is graded, outside of this process."""

    if not name:  # not one of the book's assignments
        return
    yours = plain.pop("yours")
    vars(module).update(dict.fromkeys([*questions, "code", "hint"], quiet))
    vars(module).update(plain, **lent, yours=lambda question: dict(yours[question]))
    package, _, last = name.rpartition(".")
    sys.modules[name] = module
    if package:
        setattr(__import__(package, fromlist=["_"]), last, module)


def _as_it_is(value, tobytes=np.ndarray.tobytes):
    """What an argument holds, to be compared with what it holds later; not by guard, which a notebook can change."""
    if type(value) is np.ndarray:
        return value.shape, value.dtype, tobytes(value)
    if type(value) in (tuple, list):
        return [_as_it_is(item) for item in value]
    if type(value) is dict:
        return {key: _as_it_is(item) for key, item in value.items()}
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    return value if isinstance(value, str | int | float) else id(value)


def _apart(value):
    """An argument in memory of its own: an array that is sent as a window of itself would bring nothing."""
    return value.copy() if type(value) is np.ndarray else value


class _Lines:
    """Counts the lines of Python that run while it lasts, as guard.counted does, and notices who gets in its way.

    This makes a false count laborious, no more: student code shares this process.
    """

    count, open, disturbed, current = 0, 0, False, None

    def __enter__(self):
        _Lines.current = self
        _settrace(self.trace)

    def __exit__(self, *error):
        _Lines.current = None
        _settrace(None)

    def trace(self, frame, event, arg):
        if frame.f_code in _OURS or frame.f_code.co_filename.startswith(guard.NUMPY):
            return None
        self.count += 1
        if event == "call":
            self.open += 1
        elif event == "return":
            self.open -= 1
            self.disturbed |= not frame.f_trace_lines
        return self.trace

    def lines(self):
        """The count; more than anybody could run where a frame was left without our seeing it."""
        return MANY if self.disturbed or self.open else self.count

    @staticmethod
    def watch(event, args):
        """For sys.addaudithook: somebody else sets a trace, or takes ours away."""
        if event == "sys.settrace" and _Lines.current is not None:
            _Lines.current.disturbed = sys._getframe(1).f_code not in _OURS


_settrace, MANY = sys.settrace, 10**12
_OURS = (_Lines.__enter__.__code__, _Lines.__exit__.__code__)


class _Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Modules of lstmkit that are not here: importing one costs nothing, as many do and never use it."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("lstmkit."):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__

        def missing(attribute):
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            raise ImportError(f"{name}.{attribute} is not at hand while a notebook is graded: write it yourself")

        module.__getattr__ = missing


# Cells


class _Text(io.TextIOBase):
    """What a cell prints, as far as it is kept."""

    def __init__(self, outputs):
        self.outputs, self.room, self.left_out = outputs, TEXT, 0

    def writable(self):
        return True

    def write(self, text):
        kept = text[: self.room]
        self.room -= len(kept)
        self.left_out += len(text) - len(kept)
        if kept and self.outputs and "text" in self.outputs[-1]:
            self.outputs[-1]["text"].append(kept)
        elif kept:
            self.outputs.append({"text": [kept]})
        return len(text)


class _Shell:
    """IPython's shell without a terminal, a history or a kernel."""

    def __init__(self):
        from IPython.core.displaypub import DisplayPublisher
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        shell_of_cells = self

        class Publisher(DisplayPublisher):
            def publish(self, data, metadata=None, **options):
                shell_of_cells.show(data)

        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.cache_size = 0
        config.InteractiveShell.colors = "nocolor"
        config.InteractiveShell.display_pub_class = "IPython.core.displaypub.DisplayPublisher"
        self.shell = InteractiveShell(config=config)
        InteractiveShell._instance = self.shell
        self.shell.display_pub = Publisher(parent=self.shell)
        self.shell.displayhook.write_output_prompt = lambda: None
        self.shell._showtraceback = lambda kind, value, lines: None
        self.shell.enable_gui = lambda gui=None: None
        self.shell.register_magic_function(lambda line: None, "line", "matplotlib")  # figures are collected anyway
        self.user_ns = self.shell.user_ns
        self.user_ns["__name__"] = "__main__"
        self.outputs = []

    def show(self, data):
        """Keep what a cell displays, as a picture or as text."""
        picture = data.get("image/png")
        if isinstance(picture, bytes) and len(picture) <= PICTURE:
            self.outputs.append({"png": picture})
        elif isinstance(data.get("text/plain"), str):
            sys.stdout.write(data["text/plain"] + "\n")

    def run(self, source, number=0, seconds=60.0):
        """The outputs of a cell: [{"text": ...} | {"png": bytes} | {"error": ...}]."""
        self.outputs = outputs = []
        stdout = _Text(outputs)
        kept, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), stdout, stdout
        problem = None
        try:
            with guard.time_limit(seconds):
                result = self.shell.run_cell(source, store_history=False)
                problem = result.error_before_exec or result.error_in_exec
                self._figures()
        except guard.TooLong as error:
            problem = error
        except BaseException as error:
            problem = error
        finally:
            sys.stdout, sys.stderr = kept
        for output in outputs:
            if "text" in output:
                output["text"] = "".join(output["text"])
        if stdout.left_out:
            outputs.append({"text": f"… and {stdout.left_out:,} characters more, which are left out"})
        if isinstance(problem, guard.TooLong):
            outputs.append({"error": f"ended after {seconds:g} seconds."})
        elif isinstance(problem, NotImplementedError):
            outputs.append({"error": "NotImplementedError: not written yet."})
        elif problem is not None:
            outputs.append({"error": guard.what_happened(problem).removeprefix("raised ")})
        return outputs

    def _figures(self):
        """Pictures of the figures that the cell has drawn."""
        plt = sys.modules.get("matplotlib.pyplot")
        if plt is None:
            return
        for number in plt.get_fignums():
            if sum("png" in output for output in self.outputs) < PICTURES:
                file = io.BytesIO()
                plt.figure(number).savefig(file, format="png", dpi=80)
                if file.tell() <= PICTURE:
                    self.outputs.append({"png": file.getvalue()})
        plt.close("all")


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
