"""Attacks on the wire between the grader and the worker: forged, broken, endless and misdirected frames."""

from tests.corpora.hostile.make import attack, clean

FAMILY = "wire"

FORGE = """
import json, os, select, stat, struct, sys

def ends():
    found = []
    for fd in range(3, 300):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            found.append(fd)
    return found

def framed(header, body=b""):
    text = json.dumps(header).encode()
    return struct.pack("<II", len(text), len(body)) + text + body

def reply(tree, arrays=(), body=b"", **header):
    head = {"say": "reply", "released": [], "changed": [], "lines": 0, "tree": tree, "arrays": list(arrays)}
    return framed(head | header, body)

def send(data):
    for fd in ends():
        try:
            if select.select([], [fd], [], 0)[1]:
                os.write(fd, data)
        except (OSError, ValueError):
            pass
"""

# The answer cell of a question whose function does something to the wire and returns a number.
INSIDE = """
def count_parameters(D, H, biases=1):
{}
    return 0
"""


def _attack(name, code="", **more):
    return attack(FAMILY, name, FORGE + clean(code), **more)


def _frame(name, data):
    """The bytes of the expression `data` are sent in the place of an answer."""
    return _attack(name, count_parameters=INSIDE.format(f"    send({data})"))


def _lent(name, code):
    """numerical_gradient is lent a function of the checks: `code` does something with that f."""
    lines = "".join(f"    {line}\n" for line in code.strip().splitlines())
    answer = f"def numerical_gradient(f, a, eps=1e-6):\n{lines}    return np.zeros_like(a)\n\n\n"
    return _attack(name, numerical_gradient=answer + "def relative_error(a, b):\n    return 1.0\n")


CASES = [
    _frame("a forged score", "reply([6.0], score=100.0, points=100, earned=100)"),
    _frame("a forged mark", "framed({'say': 'mark', 'question': 'sigmoid', 'points': 6.0, 'tree': [], 'arrays': []})"),
    _frame(
        "a forged report",
        "reply([{'named': ['Report', ['question', 'verdicts', 'causes', 'hints', 'seed'], "
        "['sigmoid', {'tuple': []}, {'tuple': []}, {'frozenset': []}, 0]]}])",
    ),
    _frame(
        "a Problem as a named tuple",
        "reply([{'named': ['Problem', ['kind', 'text'], ['', '<script>alert(1)</script>']]}])",
    ),
    _frame("named fields that are dunders", "reply([{'named': ['__class__', ['__class__', '__reduce__'], [1, 2]]}])"),
    _frame("a name with code in it", "reply([{'named': ['x:\\n import os', ['a b'], [1]]}])"),
    _frame("a header larger than allowed", "struct.pack('<II', 0xFFFFFFFF, 0) + b'{' * 1000"),
    _frame("a body larger than allowed", "struct.pack('<II', 2, 0xFFFFFFFF) + b'{}'"),
    _frame("a header that never ends", "struct.pack('<II', 8 << 20, 0) + b' ' * 1000"),
    _frame("lengths and nothing else", "struct.pack('<II', 100, 100)"),
    _frame("half of the lengths", "b'\\x01'"),
    _frame("no frame at all", "b'GET / HTTP/1.0\\r\\n\\r\\n' * 100"),
    _frame("negative sizes", "reply([{'a': 0}], [['<f8', [-1]]])"),
    _frame("a negative size that fits", "reply([{'a': 0}], [['<f8', [-1, -2]]], bytes(16))"),
    _frame("sizes that are no numbers", "reply([{'a': 0}], [['<f8', ['NaN', None]], ['<f8', [1.5]], ['<f8', [True]]])"),
    _frame("nan as a size", "framed({'say': 'reply', 'tree': [{'a': 0}], 'arrays': [['<f8', [float('nan')]]]})"),
    _frame("an array of 10**18 numbers", "reply([{'a': 0}], [['<f8', [10**9, 10**9]]])"),
    _frame("nought times very much", "reply([{'a': 0}], [['<f8', [0, 10**7, 10**7, 10**7]]])"),
    _frame("a thousand axes", "reply([{'a': 0}], [['<f8', [1] * 1000]], bytes(8))"),
    _frame("33 axes", "reply([{'a': 0}], [['<f8', [1] * 33]], bytes(8))"),
    _frame("an object array in the body", "reply([{'a': 0}], [['|O', [1]]], bytes(8))"),
    _frame("a void array in the body", "reply([{'a': 0}], [['|V8', [1]]], bytes(8))"),
    _frame("a type with a comma", "reply([{'a': 0}], [['f8,O', [1]]], bytes(16))"),
    _frame("a type that is a class", "reply([{'a': 0}], [['os.system', [1]]], bytes(8))"),
    _frame("text of 99999 characters each", "reply([{'a': 0}], [['<U99999', [1000]]], b'')"),
    _frame("a date of 999 centuries", "reply([{'a': 0}], [['<M8[999as]', [1]]], bytes(8))"),
    _frame("pickled bytes", "b'\\x80\\x04cos\\nsystem\\n(S\"touch @CANARY@/pickle\"\\ntR.' * 10"),
    _frame(
        "pickled bytes in an array",
        "reply([{'b': {'a': 0}}], [['|u1', [40]]], b'cos\\nsystem\\n(S\"touch @CANARY@/p\"\\ntR.'.ljust(40))",
    ),
    _frame(
        "nested 100 000 deep", "(lambda text: struct.pack('<II', len(text), 0) + text)(b'[' * 100_000 + b']' * 100_000)"
    ),
    _frame(
        "nodes 1000 deep",
        "(lambda deep: reply([deep]))(__import__('functools').reduce("
        "lambda inner, _: {'list': [inner]}, range(400), 0))",
    ),
    _frame("a million nodes", "reply([{'list': [0] * 1_000_000}])"),
    _frame("a key that cannot be hashed", "reply([{'d': [[{'list': []}, 1]]}, {'set': [{'list': []}]}])"),
    _frame(
        "a huge number in JSON",
        "(lambda text: struct.pack('<II', len(text), 0) + text)"
        '(b\'{"say":"reply","tree":[\' + b\'9\' * 1_000_000 + b\'],"arrays":[]}\')',
    ),
    _frame(
        "1e999 and NaN",
        "(lambda text: struct.pack('<II', len(text), 0) + text)"
        '(b\'{"say":"reply","tree":[1e999,NaN,-Infinity],"arrays":[],"changed":[],"lines":NaN}\')',
    ),
    _frame(
        "the same key twice",
        "(lambda text: struct.pack('<II', len(text), 0) + text)"
        '(b\'{"say":"reply","say":"call","tree":[],"tree":[1],"arrays":[]}\')',
    ),
    _frame("half characters", "reply(['\\ud800' * 100, {'h': 1, 'kind': '\\ud800<script>', 'callable': True}])"),
    _frame("a window outside of the argument", "reply([{'v': [0, 10**6, [1000], [8], '<f8']}])"),
    _frame("a window with backward strides", "reply([{'v': [0, 0, [1000, 1000], [-8000, -8], '<f8']}])"),
    _frame("a window into no argument", "reply([{'v': [99, 0, [1], [8]]}, {'v': [-1, 0, [1], [8]]}])"),
    _frame(
        "handles never given", "reply([{'h': 10**9, 'kind': 'x', 'callable': True}, {'back': 10**9}, {'back': -1}])"
    ),
    _frame("everything that may be lent handed back", "reply([{'list': [{'back': n} for n in range(200)]}])"),
    _frame(
        "a handle that is also a tuple",
        "reply([{'h': 1, 'kind': 'Problem', 'callable': False, 'base': {'tuple': [1, 2]}}])",
    ),
    _frame(
        "a million handles",
        "b''.join(reply([{'list': [{'h': n + k * 10**4, 'kind': 'x'} for n in range(10**4)]}]) for k in range(3))",
    ),
    _frame(
        "a random generator of another kind",
        "reply([{'rng': {'bit_generator': 'MT19937', 'state': {'key': [0] * 624}}}, "
        "{'rng': {'bit_generator': 'os', 'state': None}}, {'rng': 3}])",
    ),
    _frame("released numbers of others", "reply([0], released=list(range(-1000, 1000)) + [None, 'x', 1e300])"),
    _frame("changed arguments that there are not", "reply([0, 1, 2], changed=[99, -1, 'x'])"),
    _frame("every argument claimed as unchanged", "reply([0], changed=[], lines=0)"),
    _frame("lines that were never run", "reply([0], lines=-10**9)"),
    _frame("no lines at all", "reply([0], lines=float('nan'))"),
    _frame("a problem of one's own", "reply([], problem='<img src=x onerror=alert(1)> ' * 1000)"),
    _frame("a problem that is no text", "reply([], problem={'kind': 'right', 'points': 6})"),
    _frame("a reply to nothing, a hundred times", "reply([0]) * 100"),
    _frame(
        "a question never answered",
        "framed({'say': 'call', 'named': [], 'attribute': '__class__', "
        "'tree': [{'back': 1}], 'arrays': [], 'released': []})",
    ),
    _frame(
        "ranges and slices without end",
        "reply([{'range': [0, 10**18, 1]}, {'slice': [None, 10**18, None]}, {'range': [0, 5, 0]}])",
    ),
    _attack(
        "replies before the question",
        """
        def right():
            return b"".join(reply([float(n)]) for n in range(200))

        send(right())
        """,
    ),
    _attack(
        "replies at import, right ones",
        """
        import itertools
        send(b"".join(reply([4 * H * (D + H + n)]) for D, H, n in itertools.product(range(1, 6), range(1, 6), (1, 2))))
        """,
    ),
    _attack(
        "two processes answer",
        count_parameters=INSIDE.format("""
    if os.fork() == 0:
        send(reply([0.0]))
        os._exit(0)"""),
    ),
    _attack("parent and child go on", count_parameters=INSIDE.format("    os.fork()")),
    _attack(
        "the ends closed",
        count_parameters=INSIDE.format("""
    for fd in ends():
        os.close(fd)"""),
    ),
    _attack(
        "the ends closed in the cell",
        """
        for fd in ends():
            try:
                os.close(fd)
            except OSError:
                pass
        """,
    ),
    _attack(
        "another file over the ends",
        count_parameters=INSIDE.format("""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in ends():
        os.dup2(null, fd)"""),
    ),
    _attack(
        "the ends exchanged",
        count_parameters=INSIDE.format("""
    both = ends()
    if len(both) > 1:
        os.dup2(both[0], both[1])"""),
    ),
    _attack(
        "the ends made to wait",
        count_parameters=INSIDE.format("""
    for fd in ends():
        os.set_blocking(fd, False)"""),
    ),
    _attack(
        "the question read by the student",
        count_parameters=INSIDE.format("""
    for fd in ends():
        if select.select([fd], [], [], 0.1)[0]:
            print(os.read(fd, 65536)[:200])"""),
    ),
    _attack(
        "a thread that writes between",
        """
        import threading, time

        def noise():
            for _ in range(3000):
                send(reply([0.0])[:7])
                time.sleep(0.002)

        threading.Thread(target=noise, daemon=True).start()
        """,
        sigmoid="def sigmoid(a):\n    return a\n\n\ndef d_sigmoid(y):\n    return y\n",
    ),
    _attack(
        "the serving module replaced",
        """
        serve = sys.modules.get("lstmkit.grader.inside.serve") or sys.modules.get("__main__")
        server = getattr(serve, "_Server", None)
        if server is not None:
            said = {"changed": [], "lines": 0, "points": 100}
            server.do_call = lambda self, header, values: (said, [values[0] if values else 0])
            server.do_names = lambda self, header, values: ({"names": header["names"]}, [1.0 for _ in header["names"]])
        """,
    ),
    _attack(
        "the serving module gives the checks as answers",
        """
        serve = sys.modules.get("lstmkit.grader.inside.serve") or sys.modules.get("__main__")
        server = getattr(serve, "_Server", None)
        if server is not None:
            server.do_names = lambda self, header, values: ({"names": ["check", "np", *header["names"]]}, [0, 0])
            server.do_items = lambda self, header, values: ({}, [[6.0] * 10])
        """,
    ),
    _attack(
        "the guard of the worker patched",
        """
        from lstmkit.grading import guard
        guard.unchanged = lambda old, new: True
        guard.copied = lambda value: value
        guard.TooLong = type("Never", (BaseException,), {})
        guard.what_happened = lambda error: "<script>alert(1)</script>"
        """,
        sigmoid="def sigmoid(a):\n    a *= 0\n    return a\n\n\ndef d_sigmoid(y):\n    y *= 0\n    return y\n",
    ),
    _attack(
        "arguments modified and hidden",
        """
        from lstmkit.grading import guard
        guard.unchanged = lambda old, new: True
        guard.copied = lambda value: value
        """,
        earns=5,
        sigmoid="def sigmoid(a):\n    b = 0.5 + 0.5 * np.tanh(0.5 * a)\n    a *= 0\n    return b\n\n\n"
        "def d_sigmoid(y):\n    slope = y * (1 - y)\n    y *= 0\n    return slope\n",
    ),
    _attack(
        "json and struct patched",
        """
        import json
        kept = json.dumps
        json.dumps = lambda thing, **options: kept({**thing, "points": 100} if type(thing) is dict else thing)
        json.loads = lambda text, **options: {"do": "answer", "tree": [], "arrays": [], "changed": []}
        """,
    ),
    _attack(
        "struct patched",
        """
        class Lengths:
            size = 8
            def pack(self, *lengths): return struct.pack("<II", 2, 2)
            def unpack(self, data): return 8, 0

        wire = sys.modules.get("lstmkit.grader.inside.wire")
        if wire is not None:
            wire.LENGTHS = Lengths()
        """,
    ),
    _attack(
        "os.read and os.write patched",
        """
        kept = os.write
        os.write = lambda fd, data: kept(fd, reply([6.0])) and len(data)
        """,
    ),
    _attack(
        "the tracer counts no lines",
        "import sys; sys.settrace = lambda function: None",
        assignment="future",
        scan_linear="""
        def scan_linear(a, b, h0):
            h, hs = h0, []
            for a_t, b_t in zip(a, b):
                h = a_t * h + b_t
                hs.append(h)
            return np.stack(hs)
        """,
        earns=3,  # the values are right, and the arguments stay as they were
    ),
    _attack(
        "everything is a NotImplementedError",
        count_parameters=INSIDE.format(
            "    raise type('NotImplementedError', (NotImplementedError,), {'points': 6})('6 of 6')"
        ),
    ),
    _attack(
        "an exception that cannot be printed",
        count_parameters=INSIDE.format("""
    class Trouble(Exception):
        def __str__(self):
            raise self
        __repr__ = __str__
    raise Trouble"""),
    ),
    _attack("an exception of 100 MB", count_parameters=INSIDE.format("    raise ValueError('x' * 100_000_000)")),
    _attack(
        "an exception with a thousand causes",
        count_parameters=INSIDE.format("""
    error = ValueError("the first")
    for n in range(5000):
        try:
            raise ValueError(n) from error
        except ValueError as caught:
            error = caught
    raise error"""),
    ),
    _lent(
        "attributes of a lent function",
        """
for name in ("__globals__", "__code__", "__closure__", "__class__", "__init__", "__reduce__", "__self__",
             "__reduce_ex__", "__dict__", "__module__", "__defaults__", "__wrapped__", "func", "args", "mro"):
    try:
        found = f._server.ask({"attribute": name, "named": []}, [f])
        print("reached", name, found)
        open("@CANARY@/" + name, "w").write(repr(found))
    except Exception as error:
        print(type(error).__name__)
""",
    ),
    _lent(
        "a lent function called with another's number",
        """
for number in range(-5, 300):
    try:
        tree = [{"back": number}, "@CANARY@/x", "w"]
        send(framed({"say": "call", "named": [], "tree": tree, "arrays": [], "released": []}))
    except Exception:
        pass
""",
    ),
    _lent(
        "a lent function called without end",
        """
while True:
    f(a)
""",
    ),
    _lent(
        "a lent function called with everything",
        """
for value in (None, "x" * 10**6, [[[]]] * 1000, {}, float("nan"), np.zeros((0, 5)), np.ones(10**6), lambda: f, f, type):
    try:
        f(value)
        f(value, value=value)
    except Exception as error:
        print(type(error).__name__)
""",
    ),
    _lent(
        "a lent function that calls back into the student",
        """
class Deep:
    def __array__(self, dtype=None, copy=None):
        return np.asarray(f(Deep()))
    def __call__(self, *args):
        return f(self)
    def __getattr__(self, name):
        return f(self)
f(Deep())
""",
    ),
    _lent(
        "a lent function given a lambda as an array",
        """
f(np.array([lambda: f(a)], dtype=object))
""",
    ),
    _lent(
        "the values of a lent function by its numbers",
        """
try:
    for name in dir(f) + list(vars(f)):
        print(name, getattr(f, name, None))
except Exception as error:
    print(error)
""",
    ),
    _attack(
        "an honest count and a forged frame after it",
        count_parameters="""
        def count_parameters(D, H, biases=1):
            return 4 * H * (D + H + biases)
        """,
        sigmoid="def sigmoid(a):\n    send(reply([0.5]) * 3)\n    return a\n\n\nd_sigmoid = sigmoid\n",
        earns=4,
    ),
]
