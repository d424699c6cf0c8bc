"""Attacks that use up time, memory, processes, disk or the reader's patience."""

from tests.corpora.hostile.make import COUNT, attack

FAMILY = "exhaustion"

COUNTS = "def count_parameters(D, H, biases=1):\n{}\n    return 0\n"


def _attack(name, code="", **more):
    return attack(FAMILY, name, code, **more)


def _answer(name, body, code="", **more):
    """count_parameters does something endless or huge; the rest of the notebook is blank."""
    lines = "\n".join(f"    {line}" if line else "" for line in body.strip("\n").splitlines())
    return attack(FAMILY, name, code, count_parameters=COUNTS.format(lines), **more)


CASES = [
    _attack("an endless loop in a cell", "while True:\n    pass\n", count_parameters=COUNT, earns=4),
    _answer("an endless loop in an answer", "while True:\n    pass"),
    _attack(
        "an endless loop in one answer, another one right",
        sigmoid="""
        def sigmoid(a):
            while True:
                pass

        d_sigmoid = sigmoid
        """,
        count_parameters=COUNT,
        earns=4,
    ),
    _answer(
        "an endless loop that catches everything",
        """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
    ),
    _attack(
        "an endless loop in a cell that catches everything",
        """
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
        """,
    ),
    _answer(
        "signals ignored",
        """
import signal
for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM, signal.SIGXCPU, signal.SIGVTALRM):
    signal.signal(number, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0)
while True:
    pass
""",
    ),
    _answer(
        "signals blocked",
        """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
time.sleep(10**6)
""",
    ),
    _answer("an endless computation in C", "return 7 ** 7 ** 9"),
    _answer("a regular expression that goes back", "import re\nreturn re.match(r'(a+)+$', 'a' * 60 + 'b')"),
    _answer("a sum of a range without end", "return sum(range(10**15))"),
    _answer("sleeping", "import time\ntime.sleep(10**6)"),
    _answer("waiting for a lock", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"),
    _answer("reading from standard input", "return input()"),
    _answer(
        "an endless loop when it is deleted",
        """
class Clings:
    def __del__(self):
        while True:
            pass
kept = Clings()
""",
    ),
    _answer(
        "an endless loop in repr",
        """
class Slow:
    def __repr__(self):
        while True:
            pass
    __str__ = __float__ = __array__ = __len__ = __iter__ = __repr__
return Slow()
""",
    ),
    _attack(
        "a displayed object that never ends",
        """
        class Slow:
            def _repr_html_(self):
                while True:
                    pass
            _repr_png_ = __repr__ = _repr_html_

        Slow()
        """,
    ),
    _answer("a generator without end", "import itertools\nreturn (n for n in itertools.count())"),
    _answer(
        "iteration without end",
        """
class Long:
    def __iter__(self):
        while True:
            yield 1
    def __len__(self):
        return 1 << 60
    def __getitem__(self, k):
        return self
return Long()
""",
    ),
    _answer(
        "attributes without end",
        """
class Deep:
    def __getattr__(self, name):
        return Deep()
    def __call__(self, *args):
        return Deep()
return Deep()
""",
    ),
    _attack(
        "an endless loop at the end of the process",
        """
        import atexit

        def forever():
            while True:
                pass

        atexit.register(forever)
        """,
    ),
    _attack(
        "threads that never end",
        """
        import threading

        def forever():
            while True:
                pass

        for _ in range(50):
            threading.Thread(target=forever).start()
        """,
    ),
    _attack(
        "a thread that holds the interpreter",
        """
        import sys, threading
        sys.setswitchinterval(1e6)
        threading.Thread(target=lambda: 7 ** 7 ** 9, daemon=True).start()
        """,
    ),
    _answer("memory, a list that grows", "kept = []\nwhile True:\n    kept.append(bytearray(10**7))"),
    _attack("memory, in a cell", "kept = []\nwhile True:\n    kept.append(np.ones(10**7))\n"),
    _answer("memory, one large array", "return np.ones(1 << 37)"),
    _answer(
        "memory that is shared",
        """
import mmap
kept = []
while True:
    kept.append(mmap.mmap(-1, 1 << 28))
    for k in range(0, 1 << 28, 4096):
        kept[-1][k] = 1
""",
    ),
    _answer(
        "memory, in several processes",
        """
import os, time
for _ in range(8):
    if os.fork() == 0:
        kept = []
        while True:
            kept.append(bytearray(10**7))
time.sleep(30)
""",
    ),
    _attack(
        "a fork bomb",
        """
        import os
        for _ in range(3000):
            try:
                os.fork()
            except OSError:
                pass
        """,
    ),
    _attack(
        "a fork bomb from the shell",
        """
        import subprocess
        subprocess.run(["sh", "-c", "b() { b | b & }; b; sleep 5"], timeout=10)
        """,
    ),
    _attack(
        "open files without end",
        """
        kept = []
        while True:
            kept.append(open("/dev/null"))
        """,
    ),
    _attack(
        "a disk full of one file",
        """
        import os
        for folder in ("/tmp", ".", os.path.expanduser("~"), "/dev/shm"):
            try:
                with open(os.path.join(folder, "full"), "wb") as file:
                    for _ in range(600):
                        file.write(bytes(10**7))
            except OSError as error:
                print(error)
        """,
    ),
    _attack(
        "a disk full of small files",
        """
        import os
        for k in range(200_000):
            try:
                with open(f"small{k}", "w") as file:
                    file.write("x")
            except OSError as error:
                print(error)
                break
        """,
    ),
    _attack(
        "folders inside folders",
        """
        import os
        for _ in range(20_000):
            try:
                os.mkdir("d")
                os.chdir("d")
            except OSError as error:
                print(error)
                break
        """,
    ),
    _attack("200 MB of output in lines", "for k in range(2_000_000):\n    print('x' * 100)\n"),
    _attack("200 MB of output in one line", "print('x' * 200_000_000)\n"),
    _attack(
        "output straight to the descriptors",
        """
        import os
        for _ in range(2000):
            os.write(1, b"x" * 100_000)
            os.write(2, b"x" * 100_000)
        """,
    ),
    _attack("output without end", "while True:\n    print('more')\n"),
    _attack("100 MB of HTML", "from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>' * 12_000_000))\n"),
    _attack(
        "a picture of 50 MB",
        """
        import base64
        from IPython.display import display
        png = base64.b64encode(bytes(50_000_000)).decode()
        display({"image/png": png, "text/plain": "x"}, raw=True)
        """,
    ),
    _attack(
        "ten thousand displays",
        """
        from IPython.display import display
        for k in range(10_000):
            display(k)
        """,
    ),
    _attack(
        "a thousand figures",
        """
        import matplotlib.pyplot as plt
        for k in range(300):
            plt.figure(figsize=(30, 30))
            plt.plot([1, 2])
        plt.show()
        """,
    ),
    _answer("print without end in an answer", "while True:\n    print('more')"),
    _attack(
        "an array of 10 GB",
        sigmoid="""
        def sigmoid(a):
            return np.broadcast_to(1.0, (10**5, 10**5))

        def d_sigmoid(y):
            return np.lib.stride_tricks.as_strided(y, (1 << 40,), (0,))
        """,
    ),
    _attack(
        "a size that is a lie",
        sigmoid="""
        class Lies:
            shape, ndim, size, dtype = (10**9,) * 32, 10**9, -1, np.dtype(float)
            __array_interface__ = {"shape": (1 << 50,), "typestr": "<f8", "version": 3, "data": (8, True)}
            def __len__(self): return 1 << 62

        def sigmoid(a):
            return Lies()

        d_sigmoid = sigmoid
        """,
    ),
    _answer(
        "calls inside calls without end",
        """
def deeper(n):
    return deeper(n + 1)
import sys
sys.setrecursionlimit(10**9)
return deeper(0)
""",
    ),
    _answer("lists inside lists", "kept = []\nfor _ in range(100_000):\n    kept = [kept]\nreturn kept"),
    _answer("a list that contains itself", "kept = [1]\nkept.append(kept)\nreturn kept"),
    _answer("a dict that contains itself", "kept = {}\nkept['one bias'] = kept\nreturn kept"),
    _answer("a number of a million digits", "return 10 ** 1_000_000"),
    _answer("a text of 500 MB", "return 'x' * 500_000_000"),
    _answer("a dict of millions of keys", "return dict.fromkeys(range(3_000_000), 0)"),
    _answer("a million small arrays", "return [np.zeros(1) for _ in range(1_000_000)]"),
    _answer("an object array of itself", "kept = np.empty(10, object)\nkept[:] = [kept] * 10\nreturn kept"),
    _answer(
        "a number that is slow to compare",
        """
class Slow(int):
    def __eq__(self, other):
        while True:
            pass
    __hash__ = __lt__ = __gt__ = __index__ = __int__ = __float__ = __eq__
return Slow(1)
""",
    ),
    _attack(
        "a class whose attributes are slow",
        assignment="conclusion",
        detector="""
        class Detector:
            def __getattribute__(self, name):
                while True:
                    pass
        """,
    ),
    _attack(
        "the collector called without end",
        """
        import gc

        def again(phase, info):
            if phase == "stop":
                while True:
                    pass

        gc.callbacks.append(again)
        """,
    ),
    _attack(
        "every question is endless",
        "",
        **{
            name: f"def {name}(*args):\n    while True:\n        pass\n"
            for name in ("lstm_step", "lstm_forward", "lstm_backward", "port_weights", "count_parameters", "reach")
        },
    ),
]
