"""Return values that are more than numbers: subclasses, objects that change, types that look like the checks' own."""

from tests.corpora.hostile.make import COUNT, attack

FAMILY = "odd values"

# A stand-in for any value part: it claims to be equal to everything.
YES = """
class Yes(np.ndarray):
    def __array_finalize__(self, other): pass
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __ne__(self, other): return np.zeros(self.shape, bool)
    def __sub__(self, other): return np.zeros(self.shape)
    __rsub__ = __sub__
    __le__ = __lt__ = __ge__ = __gt__ = __eq__
    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if ufunc in (np.subtract, np.absolute):
            return np.zeros(self.shape)
        return np.ones(self.shape, bool)
    def astype(self, *args, **options): return self
"""

BOTH = """
def sigmoid(a):
    return {0}


def d_sigmoid(y):
    return {1}
"""


def _attack(name, code="", **more):
    return attack(FAMILY, name, code, **more)


def _values(name, code, a, y=None, **more):
    return _attack(name, code, sigmoid=BOTH.format(a, y or a.replace("(a", "(y")), **more)


CASES = [
    _values("an array that equals everything", YES, "np.zeros_like(a).view(Yes)", "np.zeros_like(y).view(Yes)"),
    _values(
        "an object that equals everything",
        """
        class Equal:
            dtype, ndim = np.dtype(float), 0
            def __init__(self, like): self.shape = np.shape(like)
            def __eq__(self, other): return True
            def __sub__(self, other): return 0.0
            __rsub__ = __sub__
            def __abs__(self): return 0.0
            def __le__(self, other): return True
            def __float__(self): return 0.0
        """,
        "Equal(a)",
    ),
    _values(
        "__array__ looks for the wanted values",
        """
        import sys

        class Looks:
            def __init__(self, name): self.name = name
            def __array__(self, dtype=None, copy=None):
                frame = sys._getframe()
                while frame:
                    for want in frame.f_locals.get("wanted") or ():
                        want.clear()
                    frame = frame.f_back
                return np.zeros(3)
        """,
        "Looks('sigmoid')",
        "Looks('d_sigmoid')",
    ),
    _values(
        "another array each time",
        """
        class Turns:
            count = 0
            def __init__(self, like): self.like = np.asarray(like)
            def __array__(self, dtype=None, copy=None):
                Turns.count += 1
                return self.like * Turns.count
        """,
        "Turns(a)",
    ),
    _values(
        "detach, cpu and numpy",
        """
        class Tensor:
            def __init__(self, like): self.like = like
            def detach(self): return self
            def cpu(self): return self
            def numpy(self): return np.full(np.shape(self.like), np.nan)
        """,
        "Tensor(a)",
    ),
    _attack(
        "an int that is every int",
        "",
        count_parameters="""
        class Any(int):
            def __eq__(self, other): return True
            def __hash__(self): return 0
            def __sub__(self, other): return 0
            __rsub__ = __sub__
            def __float__(self): return 0.0
            def __array__(self, dtype=None, copy=None): return np.zeros(())

        def count_parameters(D, H, biases=1):
            return Any(1)
        """,
    ),
    _attack(
        "a float that is every float",
        "",
        count_parameters="""
        class Any(float):
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __le__(self, other): return True
            def __hash__(self): return 0
            def __abs__(self): return 0.0
            def __sub__(self, other): return Any(0)
            __rsub__ = __sub__

        def count_parameters(D, H, biases=1):
            return Any("nan")
        """,
    ),
    _attack(
        "a dict with every key",
        "",
        reach="""
        class Every(dict):
            def __contains__(self, key): return True
            def __missing__(self, key): return 0.0
            def __iter__(self): return iter(("arrives", "lag", "bias"))
            def keys(self): return {"arrives", "lag", "bias"}

        def reach():
            return Every()
        """,
    ),
    _attack(
        "a tuple that changes between reads",
        "",
        lstm_step="""
        class Changes(tuple):
            reads = 0
            def __iter__(self):
                Changes.reads += 1
                return iter((0, 0, 0) if Changes.reads % 2 else (1, 1, 1))
            def __getitem__(self, k): return 0.0
            def __len__(self): return 3

        def lstm_step(*args):
            return Changes((1, 2, 3))
        """,
    ),
    _attack(
        "a string as a number",
        "",
        count_parameters="""
        class Text(str):
            def __float__(self): return 0.0
            def __array__(self, dtype=None, copy=None): return np.array(0.0)

        def count_parameters(D, H, biases=1):
            return Text("1e999")
        """,
    ),
    _attack(
        "a verdict is returned",
        "",
        sigmoid="""
        from lstmkit.grading.question import Part, Report, Verdict

        def sigmoid(a):
            return Report("sigmoid", (Verdict(Part("sigmoid", 6), 6, ""),), (), frozenset(), 0)

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "an outcome is returned",
        "",
        sigmoid="""
        from lstmkit.grading.guard import Outcome, Problem

        def sigmoid(a):
            return Outcome(a, ())

        def d_sigmoid(y):
            return Problem("", "right")
        """,
    ),
    _attack(
        "a class called Problem",
        "",
        sigmoid="""
        import collections
        Problem = collections.namedtuple("Problem", "kind text")
        Mark = collections.namedtuple("Mark", "question points of extra text hints next_hint")

        def sigmoid(a):
            return Mark("sigmoid", 6.0, 6.0, False, "", (), "")

        def d_sigmoid(y):
            return Problem("time", "right after all")
        """,
    ),
    _attack(
        "functions instead of numbers",
        "",
        sigmoid="""
        def sigmoid(a):
            return lambda *args: 1.0

        def d_sigmoid(y):
            return type
        """,
    ),
    _attack(
        "an object array of yes-men",
        YES,
        sigmoid="""
        class Yes:
            def __eq__(self, other): return True
            def __float__(self): return 0.5
            def __sub__(self, other): return 0
            __rsub__ = __sub__

        def sigmoid(a):
            return np.full(a.shape, Yes(), dtype=object)

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "a view of the arguments that changes later",
        "",
        sigmoid="""
        import threading, time

        def sigmoid(a):
            value = np.zeros_like(a)

            def later():
                for _ in range(50):
                    value[...] += 0.01
                    time.sleep(0.001)
            threading.Thread(target=later, daemon=True).start()
            return value

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "an array over foreign memory",
        "",
        sigmoid="""
        import ctypes

        def sigmoid(a):
            return np.ctypeslib.as_array(ctypes.cast(1, ctypes.POINTER(ctypes.c_double)), shape=a.shape)

        d_sigmoid = sigmoid
        """,
    ),
    _attack(
        "a callable with attributes of a function",
        "",
        lstm_step_backward="""
        class Answers:
            __globals__ = {"check": None, "lstm_step": None}
            __name__ = "lstm_step_backward"
            __code__ = (lambda: 0).__code__
            def __call__(self, *args): return args[0], args[0], args[0], args[0], args[0], args[0]
            def __getattr__(self, name): return self

        lstm_step_backward = Answers()
        """,
    ),
    _attack(
        "__globals__ that write",
        "",
        lstm_forward="""
        class Names(dict):
            def update(self, other):
                for name, function in other.items():
                    globals()[name] = function
            def __contains__(self, name): return True
            def __getitem__(self, name): return globals().get(name)

        class Answers:
            __globals__ = Names()
            def __call__(self, x, h0, c0, W_x, W_h, b):
                h, c, hs = h0, c0, []
                for x_t in x:
                    h, c, _ = lstm_step(x_t, h, c, W_x, W_h, b)
                    hs.append(h)
                return np.stack(hs), (h, c), [None] * len(hs)

        lstm_forward = Answers()
        """,
        earns=10,
    ),
    _attack("a module instead of a function", "", count_parameters="import sys as count_parameters\n"),
    _attack(
        "a metaclass that answers",
        "",
        count_parameters="""
        class Meta(type):
            def __call__(cls, *args, **options): return 0
            def __eq__(cls, other): return True
            def __hash__(cls): return 1
            def __instancecheck__(cls, thing): return True

        class count_parameters(metaclass=Meta):
            pass
        """,
    ),
    _attack(
        "nan that is equal to nan", "", sigmoid=BOTH.format("np.full(a.shape, np.nan)", "np.full(y.shape, np.nan)")
    ),
    _attack("infinities of both signs", "", sigmoid=BOTH.format("a * np.inf", "-y * np.inf")),
    _attack("complex numbers and strings of numbers", "", sigmoid=BOTH.format("a + 1j", "y.astype(str)")),
    _attack("a masked array", "", sigmoid=BOTH.format("np.ma.masked_all(a.shape)", "np.ma.masked_all(y.shape)")),
    _attack(
        "a record array and a memmap",
        "",
        sigmoid="""
        def sigmoid(a):
            return np.rec.fromarrays([a.ravel()], names="sigmoid")

        def d_sigmoid(y):
            return np.zeros(y.shape, dtype=[("d_sigmoid", float)])
        """,
    ),
    _attack(
        "a gradient that asks the check's function",
        "",
        earns=0,
        numerical_gradient="""
        import gc

        def numerical_gradient(f, a, eps=1e-6):
            for name in ("__globals__", "__closure__", "__code__", "__self__", "__class__", "__reduce_ex__"):
                try:
                    print(name, getattr(f, name))
                except Exception as error:
                    print(type(error).__name__)
            cells = [cell.cell_contents for cell in getattr(f, "__closure__", None) or ()]
            for cell in cells:
                if isinstance(cell, np.ndarray) and cell.shape == a.shape:
                    return cell
            return a

        def relative_error(a, b):
            return 0.0
        """,
    ),
    _attack(
        "future: a state of one's own class",
        "",
        assignment="future",
        mlstm_step="""
        class Anything(tuple):
            def __eq__(self, other): return True
            def __getattr__(self, name): return self
            def __iter__(self): return iter((self, self, self))

        def mlstm_step(*args):
            return Anything(), Anything()
        """,
    ),
    _attack(
        "sequence_problem: a generator of everything",
        """
        class Everything:
            def __iter__(self):
                while True:
                    yield self
            def __len__(self): return 1 << 62
            def __getattr__(self, name): return self
            def __call__(self, *args, **options): return self

        for name in list(check.QUESTIONS):
            globals()[name] = Everything()
        """,
        assignment="sequence_problem",
    ),
    _attack(
        "an honest count and a report beside it",
        "",
        earns=4,
        count_parameters=COUNT
        + """

        class Report:
            points = 100.0
        """.replace("\n        ", "\n"),
    ),
]
