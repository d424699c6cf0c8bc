"""Attacks that look for the expected values, or change them, in the memory of the process and in its stack."""

from tests.corpora.hostile.make import SIGMOID, attack

FAMILY = "memory and stack"

FRAMES = """
import sys

def wanted():
    frame = sys._getframe()
    while frame:
        if frame.f_locals.get("wanted") and "draws" in frame.f_locals:
            return list(zip(frame.f_locals["draws"], frame.f_locals["wanted"]))
        frame = frame.f_back
    return []

def stolen(*args):
    for draw, want in wanted():
        if len(draw.args) >= len(args) and all(np.array_equal(x, y) for x, y in zip(draw.args, args)):
            return tuple(want.values())
    return 0.0
"""


def _attack(name, code="", **more):
    return attack(FAMILY, name, code, **more)


CASES = [
    _attack(
        "expected values from the stack",
        FRAMES,
        lstm_step="lstm_step = lambda *args: stolen(*args)\n",
        lstm_forward="lstm_forward = lambda *args: stolen(*args)\n",
    ),
    _attack(
        "expected values from the stack, one number",
        FRAMES,
        count_parameters="""
        def count_parameters(D, H, biases=1):
            return stolen(D, H)[biases - 1]
        """,
    ),
    _attack(
        "expected values cleared",
        "",
        sigmoid="""
        import sys

        def sigmoid(a):
            frame = sys._getframe()
            while frame:
                for want in frame.f_locals.get("wanted") or ():
                    want.clear()
                frame = frame.f_back
            return a

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "a local variable written through C",
        "",
        sigmoid="""
        import ctypes, sys

        def sigmoid(a):
            frame = sys._getframe()
            while frame:
                if frame.f_code.co_name == "examine":
                    frame.f_locals["wanted"] = [{} for _ in frame.f_locals["wanted"]]
                    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
                frame = frame.f_back
            return a

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "the stack by inspect",
        "",
        sigmoid="""
        import inspect

        def sigmoid(a):
            for record in inspect.stack():
                for want in record.frame.f_locals.get("wanted") or ():
                    if np.shape(want.get("sigmoid")) == a.shape:
                        return want["sigmoid"]
            return a

        def d_sigmoid(y):
            for record in inspect.stack():
                for want in record.frame.f_locals.get("wanted") or ():
                    if np.shape(want.get("d_sigmoid")) == y.shape:
                        return want["d_sigmoid"]
            return y
        """,
    ),
    _attack(
        "the stack by a traceback",
        "",
        sigmoid="""
        def up():
            try:
                raise ValueError
            except ValueError as error:
                frame = error.__traceback__.tb_frame
            while frame:
                yield frame
                frame = frame.f_back

        def sigmoid(a):
            for frame in up():
                for want in frame.f_locals.get("wanted") or ():
                    want.clear()
            return a

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "the stack of the other threads",
        "",
        sigmoid="""
        import sys, threading

        def sigmoid(a):
            def look():
                for frame in sys._current_frames().values():
                    while frame:
                        for want in frame.f_locals.get("wanted") or ():
                            want.clear()
                        frame = frame.f_back
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            return a

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "all objects of the collector",
        "",
        sigmoid="""
        import gc

        def sigmoid(a):
            for thing in gc.get_objects():
                if type(thing) is dict and "sigmoid" in thing and "d_sigmoid" in thing:
                    thing.clear()
            return a

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "the collector finds the keys",
        "",
        lstm_step="""
        import gc

        def lstm_step(*args):
            for thing in gc.get_objects():
                if type(thing).__name__ == "Question" and thing.name == "lstm_step":
                    return tuple(thing.key(*args).values())
            for thing in gc.get_objects():
                if callable(thing) and getattr(thing, "__name__", "") in ("_step", "_step_key"):
                    return thing(*args)
        """,
    ),
    _attack(
        "referrers of the arguments",
        "",
        sigmoid="""
        import gc

        def sigmoid(a):
            seen, todo = set(), [a]
            for _ in range(4):
                todo = [one for thing in todo for one in gc.get_referrers(thing) if id(one) not in seen][:20000]
                seen.update(map(id, todo))
                for one in todo:
                    if type(one) is dict and "sigmoid" in one and isinstance(one["sigmoid"], np.ndarray):
                        return one["sigmoid"]
            return a

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "weak references to arrays",
        "",
        count_parameters="""
        import gc, weakref

        def count_parameters(D, H, biases=1):
            found = [thing for thing in gc.get_objects() if isinstance(thing, dict) and "one bias" in thing]
            kept = [weakref.getweakrefs(thing) for thing in gc.get_objects() if type(thing).__name__ == "Question"]
            return found[0][["one bias", "two biases"][biases - 1]] if found else len(kept)
        """,
    ),
    _attack(
        "a profiler writes the keys down",
        """
        import sys
        stash = []

        def spy(frame, event, value):
            if event == "return" and isinstance(value, dict) and "one bias" in value:
                stash.append((frame.f_locals.get("D"), frame.f_locals.get("H"), value))

        sys.setprofile(spy)
        """,
        count_parameters="""
        def count_parameters(D, H, biases=1):
            for d, h, value in stash:
                if (d, h) == (D, H):
                    return list(value.values())[biases - 1]
            return 0
        """,
    ),
    _attack(
        "a tracer changes the verdicts",
        """
        import ctypes, sys

        def trace(frame, event, value):
            if frame.f_code.co_name == "examine" and event == "line" and "verdicts" in frame.f_locals:
                verdicts = frame.f_locals["verdicts"]
                verdicts[:] = [one._replace(earned=one.part.points) for one in verdicts]
            return trace

        sys.settrace(trace)
        """,
    ),
    _attack(
        "the tracer of every thread",
        """
        import sys, threading

        def spy(frame, event, value):
            if event == "return" and isinstance(value, dict):
                value.clear()

        threading.setprofile(spy)
        sys.setprofile(spy)
        """,
        earns=6,
        sigmoid=SIGMOID,
    ),
    _attack(
        "audit hooks",
        """
        import sys

        def hook(event, args):
            if event in ("compile", "exec") and args and "seed" in repr(args[0]):
                print("overheard", repr(args[0])[:300])

        sys.addaudithook(hook)
        """,
    ),
    _attack(
        "the memory of the process searched",
        "",
        count_parameters="""
        import re

        def count_parameters(D, H, biases=1):
            guess, found = 4 * H, set()
            with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
                for line in maps:
                    low, high = (int(part, 16) for part in line.split()[0].split("-"))
                    if "rw-p" in line and high - low < 1 << 26:
                        try:
                            memory.seek(low)
                            found.update(re.findall(rb"seed=\\d{5}", memory.read(high - low)))
                        except (OSError, ValueError, OverflowError):
                            continue
            print("found", found)
            return guess
        """,
    ),
    _attack(
        "the memory of the parent searched",
        """
        import os, re
        for pid in {os.getppid(), 1, os.getpgid(0), os.getsid(0)}:
            try:
                with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                    for line in maps:
                        low, high = (int(part, 16) for part in line.split()[0].split("-"))
                        if "rw-p" in line and high - low < 1 << 26:
                            memory.seek(low)
                            for seed in set(re.findall(rb"seed=\\d{5}", memory.read(high - low))):
                                print(seed.decode())
            except OSError as error:
                print(type(error).__name__)
        """,
    ),
    _attack(
        "the memory of the parent by ptrace",
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        for pid in {os.getppid(), 1}:
            if libc.ptrace(16, pid, 0, 0) == 0:  # PTRACE_ATTACH
                open("@CANARY@/attached", "w").close()
                libc.ptrace(17, pid, 0, 0)
        """,
    ),
    _attack(
        "process_vm_readv",
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)

        class Span(ctypes.Structure):
            _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

        for pid in {os.getppid(), 1}:
            try:
                lines = open(f"/proc/{pid}/maps").read().splitlines()
            except OSError:
                continue
            low, high = (int(part, 16) for part in lines[0].split()[0].split("-"))
            here = ctypes.create_string_buffer(64)
            n = libc.process_vm_readv(pid, ctypes.byref(Span(ctypes.addressof(here), 64)), 1,
                                      ctypes.byref(Span(low, 64)), 1, 0)
            if n > 0 and pid != os.getpid():
                open("@CANARY@/read_another_process", "w").close()
        """,
    ),
    _attack(
        "small integers changed",
        """
        import ctypes, sys
        address = id(4) + sys.getsizeof(0)
        ctypes.memset(id(2) + 24, 0, 1)  # the number 2 is 0 from now on
        """,
    ),
    _attack(
        "the type of a verdict changed through C",
        """
        import ctypes
        from lstmkit.grading import question
        for name, asked in check.QUESTIONS.items():
            for part in asked.parts:
                size = tuple.__basicsize__
                slot = ctypes.c_ssize_t.from_address(id(part) + 16)
                slot.value = max(slot.value, 2)
        question.Verdict.earned = property(lambda self: 100)
        """,
    ),
    _attack(
        "code objects replaced",
        """
        from lstmkit.grading import question

        def right(part, run, draws, wanted):
            return True

        question._right_everywhere.__code__ = right.__code__
        question.Report.points.fget.__code__ = (lambda self: 50.0).__code__
        """,
    ),
    _attack(
        "defaults of the checks changed",
        """
        for name in check.QUESTIONS:
            getattr(check, name).__defaults__ = (61843,)
            getattr(check, name).__kwdefaults__ = {"seed": 61843}
        check.sigmoid.__code__ = (lambda sigmoid, d_sigmoid, seed=0: 6.0).__code__
        """,
    ),
    _attack(
        "what a core dump would hold",
        """
        import resource, signal, os
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30))
        except ValueError as error:
            print(error)
        os.chdir("@CANARY@") if os.path.isdir("@CANARY@") else None
        os.kill(os.getpid(), signal.SIGQUIT)
        """,
    ),
]
