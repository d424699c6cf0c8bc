"""Right notebooks, written in unusual ways: each has to come to all points that a check gives.

The family says what is unusual: "answers" (how a function is written), "own cells" (what stands between the answers),
"settings" (what is switched for the whole notebook), "noise" (what is printed), "order" (where things stand), "ipython"
(what only a notebook can run: magics, shell commands, await at the top level) and "saved" (how the file was saved).

Two of the "order" are right only when each test is run where it stands, as a notebook does it: a name that they need
means something else at the end.
"""

from textwrap import dedent

from lstmkit.grading import personal

from .build import Case, answer, cell, grade_id, insert, released, solved, source, to_bytes

# The key's cell step, as something to vary.
HEAD = "def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):\n"
BODY = """\
    a = x_t @ W_x.T + h_prev @ W_h.T + b
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c = f * c_prev + i * g
    q = np.tanh(c)
    h = o * q
    return h, c, (x_t, h_prev, c_prev, W_x, W_h, i, f, g, o, q)
"""
STEP = HEAD + BODY
CACHE = "(x_t, h_prev, c_prev, W_x, W_h, i, f, g, o, q)"
BACK = """\
def lstm_step_backward(d_h, d_c, cache):
    x_t, h_prev, c_prev, W_x, W_h, i, f, g, o, q = cache
    d_all = d_c + d_h * o * (1 - q**2)
    d_a = np.concatenate([
        d_all * g * i * (1 - i), d_all * c_prev * f * (1 - f), d_all * i * (1 - g**2), d_h * q * o * (1 - o),
    ], axis=1)
    return d_a @ W_x, d_a @ W_h, d_all * f, d_a.T @ x_t, d_a.T @ h_prev, d_a.sum(axis=0)
"""
FORWARD = """\
def lstm_forward(x, h0, c0, W_x, W_h, b):
    h, c, hs, caches = h0, c0, [], []
    for t in range(len(x)):
        h, c, cache = lstm_step(x[t], h, c, W_x, W_h, b)
        hs.append(h)
        caches.append(cache)
    return np.array(hs), (h, c), caches
"""


CODE = personal.code_of("a secret of the tests", "ada")
# With NumPy's max in the place of Python's.
STARRED = """\
def numerical_gradient(f, a, eps=1e-6):
    a = array(a, dtype=float64)
    gradient = zeros_like(a)
    for place in ndindex(*a.shape):
        e = zeros_like(a)
        e[place] = eps
        gradient[place] = (f(a + e) - f(a - e)) / (2 * eps)
    return gradient


def relative_error(a, b):
    scale = max(array([abs(a).max(), abs(b).max()]))
    return abs(a - b).max() / scale if scale else 0.0
"""


def cases():
    """All honest submissions."""
    return [
        *_answers(),
        *_caches(),
        *_elsewhere(),
        *_own_cells(),
        *_settings(),
        *_noise(),
        *_order(),
        *_ipython(),
        *_saved(),
    ]


def _case(name, family, notebook, assignment="lstm", **files):
    return Case(name, family, {f"{assignment}.ipynb": to_bytes(notebook)} | files, assignment, "full")


def _answer(name, assignment="lstm", family="answers", **replace):
    """The solved notebook with other answers: their sources, at any indentation."""
    texts = {question: dedent(text).strip("\n") for question, text in replace.items()}
    return _case(name, family, solved(assignment, **texts), assignment)


def _cell(name, family, after, text, assignment="lstm", files=(), **replace):
    """The solved notebook with a cell of the student's own after another."""
    notebook = solved(assignment, **replace)
    insert(notebook, after, dedent(text).strip("\n"))
    return _case(name, family, notebook, assignment, **dict(files))


def _answers():
    """Functions that are no plain functions, or plain ones with something about them."""
    return [
        _answer(
            "lambdas",
            sigmoid="""
            sigmoid = lambda a: 0.5 * (1 + np.tanh(0.5 * a))
            d_sigmoid = lambda y: y * (1 - y)
            """,
        ),
        _answer(
            "objects that can be called",
            sigmoid="""
            class Sigmoid:
                def __call__(self, a):
                    return 0.5 * (1 + np.tanh(0.5 * a))

                def slope(self, y):
                    return y * (1 - y)

            sigmoid = Sigmoid()
            d_sigmoid = sigmoid.slope
            """,
        ),
        _answer(
            "functools.partial",
            sigmoid="""
            from functools import partial

            def squash(a, size, shift):
                return size * np.tanh(size * a) + shift

            def product(y, one):
                return y * (one - y)

            sigmoid = partial(squash, size=0.5, shift=0.5)
            d_sigmoid = partial(product, one=1)
            """,
        ),
        _answer(
            "a remembered count",
            count_parameters="""
            from functools import lru_cache

            @lru_cache(maxsize=None)
            def count_parameters(D, H, biases=1):
                return 4 * H * (D + H + biases)
            """,
        ),
        _answer(
            "a decorator that counts calls",
            lstm_step=dedent(
                """
                import functools

                calls = {}


                def counted(function):
                    @functools.wraps(function)
                    def wrapper(*args, **kwargs):
                        calls[function.__name__] = calls.get(function.__name__, 0) + 1
                        return function(*args, **kwargs)

                    return wrapper


                @counted
                """
            )
            + STEP,
        ),
        _answer(
            "a closure",
            count_parameters="""
            def counter(gates):
                def count(D, H, biases=1):
                    return gates * H * (D + H + biases)
                return count

            count_parameters = counter(4)
            """,
        ),
        _answer(
            "a generator inside",
            lstm_forward="""
            def states(x, h, c, *weights):
                for x_t in x:
                    h, c, cache = lstm_step(x_t, h, c, *weights)
                    yield h, c, cache

            def lstm_forward(x, h0, c0, W_x, W_h, b):
                hs, cs, caches = zip(*states(x, h0, c0, W_x, W_h, b))
                return np.stack(hs), (hs[-1], cs[-1]), list(caches)
            """,
        ),
        _answer(
            "recursion",
            lstm_forward="""
            def lstm_forward(x, h0, c0, W_x, W_h, b):
                if len(x) == 1:
                    h, c, cache = lstm_step(x[0], h0, c0, W_x, W_h, b)
                    return h[None], (h, c), [cache]
                first, (h, c), caches = lstm_forward(x[:1], h0, c0, W_x, W_h, b)
                rest, last, more = lstm_forward(x[1:], h, c, W_x, W_h, b)
                return np.concatenate([first, rest]), last, caches + more
            """,
        ),
        _answer(
            "loops over every entry",
            sigmoid="""
            import math

            @np.vectorize
            def slow(a):
                if a >= 0:
                    return 1.0 / (1.0 + math.exp(-a))
                return math.exp(a) / (1.0 + math.exp(a))

            def sigmoid(a):
                a = np.asarray(a)
                return slow(a).astype(a.dtype) if a.size else a

            def d_sigmoid(y):
                return np.multiply(y, np.subtract(1, y))
            """,
        ),
        _answer(
            "einsum",
            lstm_step=HEAD
            + BODY.replace(
                "x_t @ W_x.T + h_prev @ W_h.T", "np.einsum('bd,nd->bn', x_t, W_x) + np.einsum('bh,nh->bn', h_prev, W_h)"
            ),
        ),
        _answer(
            "work in place on copies",
            sigmoid="""
            def sigmoid(a):
                y = np.array(a, copy=True)
                y *= 0.5
                np.tanh(y, out=y)
                y += 1
                y *= 0.5
                return y

            def d_sigmoid(y):
                import copy
                s = copy.deepcopy(y)
                s *= 1 - y
                return s
            """,
        ),
        _answer(
            "float32 kept, by hand",
            sigmoid="""
            def sigmoid(a):
                a = np.asarray(a)
                one = a.dtype.type(1)
                with np.errstate(over="ignore"):
                    return one / (one + np.exp(-a))

            def d_sigmoid(y):
                return y - y * y
            """,
        ),
        _answer(
            "lists of lists",
            lstm_step=HEAD + BODY.replace("return h, c, ", "return h.tolist(), c.tolist(), "),
            lstm_forward=FORWARD.replace("lstm_step(x[t], h, c,", "lstm_step(x[t], np.array(h), np.array(c),"),
            lstm_step_backward=BACK.replace("return ", "return tuple(map(np.ndarray.tolist, (").rstrip() + ")))",
            lstm_backward="""
            def lstm_backward(d_hs, d_h_T, d_c_T, caches):
                d_h, d_c, d_x, sums = d_h_T, d_c_T, [], [0, 0, 0]
                for d_h_t, cache in zip(d_hs[::-1], caches[::-1]):
                    d_x_t, d_h, d_c, *rest = map(np.asarray, lstm_step_backward(d_h + d_h_t, d_c, cache))
                    d_x.append(d_x_t)
                    sums = [s + r for s, r in zip(sums, rest)]
                return d_x[::-1], d_h, d_c, *sums
            """,
        ),
        _answer(
            "more values than asked for",
            lstm_step=HEAD + BODY.replace("return h, c, ", "return h, c, {'gates': a, 'why': 'for a plot'}, "),
            lstm_forward=FORWARD.replace("h, c, cache = ", "h, c, *_, cache = "),
            lean_backward=source(cell(solved("lstm"), "lean_backward-answer")).replace(
                "h, c, cache = step", "h, c, *_, cache = step"
            ),
        ),
        _answer(
            "a tuple of its own kind",
            lstm_step="from collections import namedtuple\n\nStep = namedtuple('Step', 'h c cache')\n\n\n"
            + STEP.replace(f"return h, c, {CACHE}", f"return Step(h, c, {CACHE})"),
        ),
        _answer(
            "whole numbers of NumPy and of its own kind",
            count_parameters="""
            class Count(int):
                unit = "numbers"

            def count_parameters(D, H, biases=1):
                return Count(np.int64(4) * H * (D + H + biases))
            """,
            numerical_gradient="""
            def numerical_gradient(f, a, eps=1e-6):
                a = np.asarray(a, dtype=np.float64)
                flat = a.ravel()
                g = []
                for k in range(a.size):
                    e = np.zeros(a.size)
                    e[k] = eps
                    g.append((f((flat + e).reshape(a.shape)) - f((flat - e).reshape(a.shape))) / (2 * eps))
                return np.reshape(g, a.shape)

            def relative_error(a, b):
                worst = max(np.abs(a).max(), np.abs(b).max())
                return np.float64(0) if worst == 0 else np.abs(np.subtract(a, b)).max() / worst
            """,
        ),
        _answer(
            "letters of other alphabets",
            sigmoid="""
            def σ(α):
                return ½(α)

            def sigmoid(a):
                return σ(a)

            def d_sigmoid(y):
                δ = 1 - y
                return y * δ
            """.replace("½(α)", "(1 + np.tanh(α / 2)) / 2"),
        ),
        _answer(
            "annotations that are only text",
            sigmoid="""
            from __future__ import annotations

            def sigmoid(a: NDArray[float]) -> NDArray[float]:
                return (1 + np.tanh(a / 2)) / 2

            def d_sigmoid(y: Float[Array, "B H"]) -> Float[Array, "B H"]:
                return y * (1 - y)
            """,
        ),
        _answer(
            "walrus and match",
            count_parameters="""
            def count_parameters(D, H, biases=1):
                match biases:
                    case 0 | 1 | 2:
                        return (n := 4 * H) * (D + H) + n * biases
                    case _:
                        raise ValueError(f"{biases} biases")
            """,
        ),
        _answer(
            "a class with static methods",
            sigmoid="""
            class Functions:
                @staticmethod
                def sigmoid(a):
                    return (1 + np.tanh(a / 2)) / 2

                @classmethod
                def d_sigmoid(cls, y):
                    return y * (1 - y)

            sigmoid, d_sigmoid = Functions.sigmoid, Functions.d_sigmoid
            """,
        ),
        _answer(
            "a subclass of a layer",
            lstm_forward="""
            from abc import ABC, abstractmethod

            class Cell(ABC):
                def run(self, x, state):
                    hs, caches = [], []
                    for x_t in x:
                        *state, cache = self.step(x_t, *state)
                        hs.append(state[0])
                        caches.append(cache)
                    return np.stack(hs), tuple(state), caches

                @abstractmethod
                def step(self, x_t, h, c): ...

            class LSTM(Cell):
                def __init__(self, *weights):
                    self.weights = weights

                def step(self, x_t, h, c):
                    return lstm_step(x_t, h, c, *self.weights)

            def lstm_forward(x, h0, c0, W_x, W_h, b):
                return LSTM(W_x, W_h, b).run(x, (h0, c0))
            """,
        ),
        _answer(
            "keyword arguments and defaults of its own",
            lstm_step="def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b, *, tanh=np.tanh, verbose=False):\n"
            + BODY.replace("np.tanh(c)", "tanh(c)"),
        ),
        _answer(
            "a helper from scipy, if it is there",
            sigmoid="""
            try:
                from scipy.special import expit
            except ImportError:
                def expit(a):
                    return 0.5 * (1 + np.tanh(0.5 * np.asarray(a)))

            def sigmoid(a):
                return expit(a)

            def d_sigmoid(y):
                return y * (1 - y)
            """,
        ),
        _answer(
            "a try that is given up",
            sigmoid="""
            def sigmoid(a):
                try:
                    return np.sigmoid(a)
                except AttributeError:
                    return (1 + np.tanh(a / 2)) / 2

            def d_sigmoid(y):
                assert np.all((y >= 0) & (y <= 1)), "a value of the sigmoid"
                return y * (1 - y)
            """,
        ),
        _answer(
            "state between calls",
            lstm_step="history = []\n\n"
            + HEAD
            + "    global last\n"
            + BODY.replace("    return", "    last = h\n    history.append(h.mean())\n    return"),
        ),
        _answer(
            "a result kept from one call to the next",
            sigmoid="""
            seen = {}

            def sigmoid(a):
                a = np.asarray(a)
                key = a.tobytes(), a.shape, str(a.dtype)
                if key not in seen:
                    seen[key] = (1 + np.tanh(a / 2)) / 2
                return seen[key].copy()

            def d_sigmoid(y):
                return y * (1 - y)
            """,
        ),
    ]


def _caches():
    """Caches of the student's own, which the backward step reads."""
    fields = "x_t h_prev c_prev W_x W_h i f g o q"
    read = f"    {', '.join(fields.split())} = "
    as_dict = "{" + ", ".join(f'"{name}": {name}' for name in fields.split()) + "}"
    unpack = read + "cache\n"
    in_order = f"[cache[name] for name in '{fields}'.split()]\n"
    attributes = f"[getattr(cache, name) for name in '{fields}'.split()]\n"
    dataclass = "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Kept:\n"
    dataclass += "".join(f"    {name}: np.ndarray\n" for name in fields.split()) + "\n\n"
    slots = f"class Kept:\n    __slots__ = '{fields}'.split()\n\n"
    slots += "    def __init__(self, *values):\n        for name, value in zip(self.__slots__, values):\n"
    slots += "            setattr(self, name, value)\n\n\n"
    names = f"from collections import namedtuple\n\nKept = namedtuple('Kept', '{fields}')\n\n\n"
    closure = """\
    def backward(d_h, d_c):
        d_all = d_c + d_h * o * (1 - q**2)
        d_a = np.concatenate([d_all * g * i * (1 - i), d_all * c_prev * f * (1 - f), d_all * i * (1 - g**2),
                              d_h * q * o * (1 - o)], axis=1)
        return d_a @ W_x, d_a @ W_h, d_all * f, d_a.T @ x_t, d_a.T @ h_prev, d_a.sum(axis=0)

    return h, c, backward
"""

    def case(name, before, made, after):
        step = before + STEP.replace(CACHE, made)
        return _case(name, "answers", solved("lstm", lstm_step=step, lstm_step_backward=BACK.replace(unpack, after)))

    return [
        case("a dict as cache", "", as_dict, read + in_order),
        case("a namedtuple as cache", names, f"Kept{CACHE}", unpack),
        case("a dataclass as cache", dataclass, f"Kept{CACHE}", read + attributes),
        case("an object with slots as cache", slots, f"Kept{CACHE}", read + attributes),
        case(
            "a SimpleNamespace as cache",
            "from types import SimpleNamespace\n\n\n",
            f"SimpleNamespace(**{as_dict})",
            read + attributes,
        ),
        case("a list as cache", "", CACHE.replace("(", "[").replace(")", "]"), unpack),
        case(
            "a number as cache",
            "kept = {}\n\n\n",
            f"kept.setdefault(len(kept), {CACHE}) and len(kept) - 1",
            read + "kept[cache]\n",
        ),
        _case(
            "a function as cache",
            "answers",
            solved(
                "lstm",
                lstm_step=STEP.replace(f"    return h, c, {CACHE}\n", closure),
                lstm_step_backward="def lstm_step_backward(d_h, d_c, cache):\n    return cache(d_h, d_c)",
            ),
        ),
    ]


def _elsewhere():
    """Other assignments."""
    return [
        _answer(
            "lists in the place of arrays",
            "sequence_problem",
            sliding_windows="""
            def sliding_windows(x, k, horizon):
                X, y = [], []
                for start in range(len(x) - k - horizon + 1):
                    X.append([float(value) for value in x[start : start + k]])
                    y.append(x[start + k + horizon - 1])
                return X, y
            """,
            naive_forecasts="""
            from collections import OrderedDict

            def naive_forecasts(y, m, h):
                last, slope = y[-1], (y[-1] - y[0]) / (len(y) - 1)
                out = OrderedDict()
                out["drift"] = [last + slope * (k + 1) for k in range(h)]
                out["seasonal"] = [y[len(y) - m + k % m] for k in range(h)]
                out["naive"] = [last] * h
                return out
            """,
        ),
        _cell(
            "pandas, if it is there",
            "own cells",
            "mase",
            """
            try:
                import pandas as pd

                print(pd.DataFrame({"y": np.arange(3.0)}).describe())
            except ImportError:
                print("no pandas here")
            """,
            "sequence_problem",
        ),
        _answer(
            "fractions and exact arithmetic",
            "sequence_problem",
            mase="""
            from fractions import Fraction
            from statistics import fmean

            def mase(y, y_hat, y_train, m):
                past = [abs(a - b) for a, b in zip(y_train[m:], y_train)]
                if not any(past):
                    raise ValueError("nothing to scale by")
                return fmean(abs(a - b) for a, b in zip(y, y_hat)) / fmean(past) * float(Fraction(1, 1))
            """,
        ),
        _answer(
            "loops in the GRU",
            "variants",
            gru_step="""
            def gru_step(x_t, h_prev, W_x, W_h, b_x, b_h):
                H = h_prev.shape[-1]
                part = lambda k: slice(k * H, (k + 1) * H)
                def both(k):
                    return x_t @ W_x[part(k)].T + b_x[part(k)], h_prev @ W_h[part(k)].T + b_h[part(k)]
                r, z = (sigmoid(sum(both(k))) for k in (0, 1))
                x_n, u = both(2)
                n = np.tanh(x_n + r * u)
                return h_prev + (1 - z) * (n - h_prev), [r, z, n]
            """,
        ),
        _answer(
            "a class for both directions",
            "variants",
            bilstm_forward=_both_directions(),
        ),
        _answer(
            "masked arrays on the way",
            "practice",
            pad_and_mask="""
            from itertools import zip_longest

            def pad_and_mask(sequences):
                D = sequences[0].shape[1]
                rows = list(zip_longest(*sequences, fillvalue=np.zeros(D, sequences[0].dtype)))
                lengths = [len(s) for s in sequences]
                return np.array(rows), np.array([[t < n for n in lengths] for t in range(max(lengths))])

            def masked_loss(loss, mask):
                return float(np.ma.masked_array(loss, ~mask).mean())

            def last_valid(hs, mask):
                return np.array([hs[np.flatnonzero(column)[-1], b] for b, column in enumerate(mask.T)])
            """,
        ),
        _answer(
            "a generator turned into a list",
            "practice",
            tbptt_batches="""
            def tbptt_batches(tokens, B, k):
                n = (len(tokens) - 1) // B

                def pieces():
                    for t in range(0, n, k):
                        until = min(t + k, n)
                        starts = range(0, B * n, n)
                        x, y = ([tokens[s + t + ahead : s + until + ahead] for s in starts] for ahead in (0, 1))
                        yield np.array(x).T, np.array(y).T

                return list(pieces())
            """,
        ),
        _answer(
            "another random generator seeded first",
            "gates",
            prediction="""
            import random

            random.seed(1)
            np.random.seed(1)

            def prediction():
                cell = {}
                for case in ("kept", "leaked", "erased"):
                    c = mine["c0"]
                    for t in range(1, mine["T"] + 1):
                        f = 0 if case == "erased" and t == mine["s"] else mine["f"]
                        c = f * c + (0 if case == "kept" else mine["i"] * mine["g"])
                    cell[case] = c
                return cell
            """,
        ),
    ]


def _both_directions():
    given = source(cell(released("variants"), "bilstm_forward-answer")).split("def bilstm_forward")[0]
    return given + dedent(
        '''
        class Direction:
            """One direction of the pair."""

            def __init__(self, weights):
                self.weights, self.H = weights, weights[1].shape[1]

            def __call__(self, x):
                h = c = np.zeros((1, self.H))
                for row in x:
                    h, c = lstm_step(row[None], h, c, *self.weights)
                    yield h[0]


        def bilstm_forward(x, lengths, forward, backward):
            one, two = Direction(forward), Direction(backward)
            hs = np.zeros((*x.shape[:2], one.H + two.H))
            for b, n in enumerate(lengths):
                hs[:n, b, : one.H] = list(one(x[:n, b]))
                hs[:n, b, one.H :] = list(two(x[:n, b][::-1]))[::-1]
            return hs
        '''
    ).strip("\n")


def _own_cells():
    """Cells of the student's own: what they try, plot, time, break and repair."""
    guarded = """
    if __name__ == "__main__":
        print("this is my notebook")
    """
    return [
        _cell("a cell that fails", "own cells", "sigmoid", "1 / 0"),
        _cell("an assertion that fails", "own cells", "lstm_step", "assert sigmoid(0) == 1, 'I thought so'"),
        _cell("a syntax error", "own cells", "lstm_step", "for t in range(3) print(t)"),
        _cell("a name that does not exist", "own cells", None, "print(not_there_yet)"),
        _cell("a main guard", "own cells", "sigmoid", guarded),
        _cell("leaving with sys.exit", "own cells", "lean_backward", "import sys\n\nsys.exit(0)"),
        _cell("two seconds of waiting", "own cells", "sigmoid", "import time\n\ntime.sleep(2)"),
        _cell("a question to the user", "own cells", "sigmoid", "name = input('Who are you? ')\nprint(name)"),
        _cell(
            "threads",
            "own cells",
            "sigmoid",
            """
            import threading
            from concurrent.futures import ThreadPoolExecutor

            results = []
            workers = [threading.Thread(target=lambda k=k: results.append(sigmoid(np.full(3, k)))) for k in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            with ThreadPoolExecutor(2) as pool:
                print(list(pool.map(sigmoid, [0.0, 1.0])))
            """,
        ),
        _cell(
            "processes",
            "own cells",
            "sigmoid",
            """
            import multiprocessing

            try:
                with multiprocessing.get_context("fork").Pool(2) as pool:
                    print(pool.map(abs, [-1, 2]))
            except Exception as error:  # not on this machine
                print(error)
            """,
        ),
        _cell(
            "a file written and read",
            "own cells",
            "sigmoid",
            """
            import os
            import tempfile

            with tempfile.TemporaryDirectory() as folder:
                np.save(os.path.join(folder, "a.npy"), np.arange(3))
                print(np.load(os.path.join(folder, "a.npy")))
            with open("notes.txt", "w") as file:
                file.write("mine")
            print(open("notes.txt").read())
            os.remove("notes.txt")
            """,
        ),
        _cell(
            "numbers from a file beside the notebook",
            "own cells",
            "lstm-1",
            "gates = int(np.loadtxt('data/gates.csv', delimiter=',')[0])",
            files={"data/gates.csv": b"4,2\n"},
            count_parameters="def count_parameters(D, H, biases=1):\n    return gates * H * (D + H + biases)",
        ),
        _cell(
            "a plot",
            "own cells",
            "sigmoid",
            """
            try:
                import matplotlib.pyplot as plt

                a = np.linspace(-5, 5, 101)
                plt.style.use("ggplot")
                figure, axes = plt.subplots()
                axes.plot(a, sigmoid(a), label="σ")
                axes.legend()
                plt.show()
            except ImportError:
                print("no plots here")
            """,
        ),
        _cell(
            "widgets that are not there",
            "own cells",
            "sigmoid",
            "import ipywidgets as widgets_not_here_xyz\nfrom no_such_package import interact",
        ),
        _cell(
            "checks called many times",
            "own cells",
            "lstm_step",
            """
            for seed in range(3):
                report = check.lstm_step(lstm_step, seed=seed)
                print(report)
            check.hint("lstm_step")
            check.hint("lstm_step", 2)
            print(check.yours("reach"))
            """,
        ),
        _cell(
            "names deleted that are needed no more",
            "own cells",
            "lstm_backward",
            "temporary = sigmoid(np.zeros(3))\ndel temporary",
        ),
        _cell(
            "a unit test",
            "own cells",
            "lstm_forward",
            """
            import unittest

            class Shapes(unittest.TestCase):
                def test_hs(self):
                    weights = map(np.ones, [(16, 1), (16, 4), 16])
                    hs, _, _ = lstm_forward(np.ones((3, 2, 1)), *np.zeros((2, 2, 4)), *weights)
                    self.assertEqual(hs.shape, (3, 2, 4))

            unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Shapes))
            """,
        ),
        _cell(
            "asyncio in a function",
            "own cells",
            "sigmoid",
            """
            import asyncio

            async def later(a):
                await asyncio.sleep(0)
                return sigmoid(a)

            try:
                print(asyncio.run(later(0.0)))
            except RuntimeError as error:  # a loop runs already, in Jupyter
                print(error)
            """,
        ),
    ]


def _settings():
    """Things switched on for the whole notebook, most of them by a cell at the top."""
    top = "lstm-1"

    def case(name, text, **replace):
        return _cell(name, "settings", top, text, **replace)

    stars = "from numpy import *\nfrom numpy.linalg import *"
    as_jnp = solved("lstm")
    for one in as_jnp["cells"]:
        if (grade_id(one) or "").endswith("-answer"):
            one["source"] = source(one).replace("np.", "jnp.")
    insert(as_jnp, top, "import numpy as jnp  # jax later")
    code = solved("lstm")
    cell(code, top)["source"] = source(cell(code, top)).replace('check.code("")', f'check.code("{CODE}")')
    return [
        case("everything of NumPy by a star", stars, numerical_gradient=STARRED),
        _case("NumPy under another name", "settings", as_jnp),
        _case("a code of the course", "settings", code),
        case("errors for every rounding", "np.seterr(all='raise')"),
        case("warnings as errors", "import warnings\n\nwarnings.simplefilter('error')"),
        case("warnings switched off", "import warnings\n\nwarnings.filterwarnings('ignore')"),
        case("printing of arrays", "np.set_printoptions(precision=2, suppress=True, threshold=5)"),
        case("old printing of arrays", "np.set_printoptions(legacy='1.13')"),
        case("a higher limit of recursion", "import sys\n\nsys.setrecursionlimit(20_000)"),
        case("another folder", "import os\nimport tempfile\n\nos.chdir(tempfile.gettempdir())"),
        case("a log", "import logging\n\nlogging.basicConfig(level=logging.DEBUG)\nlogging.info('started')"),
        case(
            "a seed for everything",
            "import random\n\nrandom.seed(0)\nnp.random.seed(0)\nrng = np.random.default_rng(0)",
        ),
        case("the threads of NumPy", "import os\n\nos.environ['OMP_NUM_THREADS'] = '4'"),
        case("no rubbish collected", "import gc\n\ngc.disable()"),
        case(
            "a language for numbers",
            "import locale\n\ntry:\n    locale.setlocale(locale.LC_ALL, '')\nexcept locale.Error:\n    pass",
        ),
        case("decimals of its own", "import decimal\n\ndecimal.getcontext().prec = 5"),
        case("a signal for long runs", _alarm()),
    ]


def _alarm():
    return "import signal\n\nif hasattr(signal, 'SIGALRM'):\n    signal.signal(signal.SIGALRM, signal.SIG_DFL)"


def _noise():
    """Answers that print, warn and log."""
    first, rest = STEP.split("\n", 1)

    def noisy(name, line, before=""):
        return _case(name, "noise", solved("lstm", lstm_step=f"{before}{first}\n    {line}\n{rest}"))

    tqdm = "try:\n    from tqdm import tqdm\nexcept ImportError:\n    tqdm = iter\n\n\n"
    return [
        noisy("a print in each call", "print('x_t', x_t.shape, x_t)"),
        noisy("a print to standard error", "print('step', file=sys.stderr)", "import sys\n\n\n"),
        noisy("a warning in each call", "warnings.warn('slow', RuntimeWarning)", "import warnings\n\n\n"),
        noisy(
            "a log in each call",
            "log.warning('shape %s', x_t.shape)",
            "import logging\n\nlog = logging.getLogger('me')\n\n\n",
        ),
        noisy("a hundred kilobytes in each call", "print('.' * 100_000)"),
        noisy("written past Python", "os.write(1, b'a step\\n')", "import os\n\n\n"),
        noisy("a traceback that is printed", _caught(), "import traceback\n\n\n"),
        _case(
            "a progress bar",
            "noise",
            solved("lstm", lstm_forward=tqdm + FORWARD.replace("in range(len(x))", "in tqdm(range(len(x)))")),
        ),
        _cell("a million lines", "noise", "lstm_step", "for k in range(1_000_000):\n    print(k)"),
        _cell("letters of the whole world", "noise", "lstm_step", "print('σ 学习 🙂 \\x1b[31mred\\x1b[0m \\r\\x08')"),
    ]


def _caught():
    return "try:\n        x_t.nothing\n    except AttributeError:\n        traceback.print_exc()"


def _order():
    """Things in other places than the release has them."""
    names = [
        f"{name}-answer" for name in ("sigmoid", "lstm_step", "lstm_step_backward", "lstm_forward", "lstm_backward")
    ]

    above = solved("lstm")
    tops = [cell(above, name) for name in names]
    above["cells"] = [
        above["cells"][1],
        *tops,
        *(one for one in above["cells"] if one not in [above["cells"][1], *tops]),
    ]

    merged = solved("lstm")
    everything = "\n\n\n".join(source(cell(merged, name)) for name in names)
    for name in names:
        cell(merged, name)["source"] = ""
    cell(merged, names[0])["source"] = everything

    below = solved("lstm")
    for question in ("sigmoid", "lstm_step"):
        right = source(cell(below, f"{question}-answer"))
        answer(below, question, source(cell(released("lstm"), f"{question}-answer")))
        insert(below, f"{question}-answer", right)

    blank = solved("lstm", lstm_step="# see the next cell")
    insert(blank, "lstm_step-answer", STEP)

    first_wrong = solved("lstm", lstm_step=STEP.replace("f * c_prev", "c_prev"))
    insert(first_wrong, "lstm_step-answer", "# again, with the forget gate\n" + STEP)

    helpers = solved("lstm", lstm_step=STEP.replace("sigmoid(", "gate("))
    insert(helpers, "lstm_step-statement", "def gate(a):\n    return half + half * np.tanh(half * a)", "code")
    insert(helpers, "lstm_step-statement", "half = 0.5")
    insert(helpers, "lstm_step-statement", "**Plan**: first the four gates, then the cell.", "markdown")

    renamed = solved("lstm")
    insert(renamed, "lean_backward", "def sigmoid(a, temperature):  # for my own project\n    return 1 / temperature")

    loops = solved("lstm")
    insert(
        loops, "lstm_step", "a = b = c = h = x = x_t = f = g = i = o = q = 0  # used up by a loop\nlist = id = dict = 7"
    )

    again = solved("lstm")
    forward = source(cell(again, "lstm_forward-answer"))
    answer(
        again,
        "lstm_forward",
        forward.replace("lstm_step(", "steps(", 1).replace("def ", "steps = lstm_step\n\n\ndef ", 1),
    )

    nested = solved("lstm", lstm_step=_nested())
    notes = solved("lstm")
    for one in list(notes["cells"]):
        if (grade_id(one) or "").endswith("-answer"):
            insert(notes, grade_id(one), "My notes: *done*, I think. <b>2 hours</b>", "markdown")
    return [
        _case("all answers at the top", "order", above),
        _case("all answers in one cell", "order", merged),
        _case("answers in cells of their own, the stubs kept", "order", below),
        _case("an answer that points to the next cell", "order", blank),
        _case("an answer repaired in the next cell", "order", first_wrong),
        _case("helpers above the answer", "order", helpers),
        _case("a name used for something else at the end", "order", renamed),
        _case("names of Python covered on the way", "order", loops),
        _case("a name that a given cell uses for something else later", "order", again),
        _case("functions inside of functions", "order", nested),
        _case("notes everywhere", "order", notes),
    ]


def _nested():
    return dedent(
        """
        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            H = h_prev.shape[1]

            def block(k):
                rows = slice(k * H, (k + 1) * H)
                return x_t @ W_x[rows].T + h_prev @ W_h[rows].T + b[rows]

            def gate(k):
                return sigmoid(block(k))

            i, f, g, o = gate(0), gate(1), np.tanh(block(2)), gate(3)
            c = f * c_prev + i * g
            q = np.tanh(c)
            return o * q, c, (x_t, h_prev, c_prev, W_x, W_h, i, f, g, o, q)
        """
    ).strip("\n")


def _ipython():
    """What only IPython runs."""
    top = solved("lstm")
    first = cell(top, "lstm-1")
    first["source"] = "%matplotlib inline\n%load_ext autoreload\n%autoreload 2\n" + source(first)
    timed = solved("lstm", lstm_step="%%time\n" + STEP)
    captured = solved("lstm", sigmoid="%%capture kept\n" + source(cell(solved("lstm"), "sigmoid-answer")))
    return [
        _case("magics at the top", "ipython", top),
        _case("an answer that is timed", "ipython", timed),
        _case("an answer whose output is caught", "ipython", captured),
        _cell("a line that is timed", "ipython", "sigmoid", "%timeit -n 2 -r 1 sigmoid(np.zeros(3))\n%autosave 60"),
        _cell("a package installed", "ipython", "lstm-1", "!pip install numpy\n%pip install tqdm"),
        _cell("shell commands", "ipython", "sigmoid", "files = !ls\nprint(files)\n!echo $HOME"),
        _cell("a question mark", "ipython", "sigmoid", "sigmoid?"),
        _cell("things displayed", "ipython", "sigmoid", "display(sigmoid(np.zeros(3)))\nsigmoid(1.0)"),
        _cell("a page of HTML", "ipython", "sigmoid", "%%html\n<b>my own title</b>"),
        _cell(
            "await at the top level",
            "ipython",
            "sigmoid",
            "import asyncio\n\nawait asyncio.sleep(0.01)\nprint('waited')",
        ),
        _cell("the last outputs", "ipython", "sigmoid", "1 + 1\nprint(_, __, In[-1:], Out)"),
        _cell("a magic that does not exist", "ipython", "sigmoid", "%no_such_magic on"),
    ]


def _saved():
    """Files as other programs save them, with what they add."""
    ran = solved("lstm")
    count = 0
    for one in ran["cells"]:
        if one["cell_type"] == "code":
            count += 1
            one["execution_count"] = count
            one["metadata"]["execution"] = {"iopub.execute_input": "2026-01-01T10:00:00Z"}
            one["outputs"] = [
                {"name": "stderr", "output_type": "stream", "text": ["a warning\n"]},
                {"name": "stdout", "output_type": "stream", "text": "sigmoid: 0 of 6 points\n"},
                {
                    "data": {"text/plain": ["0.0"], "text/html": "<script>alert(1)</script>"},
                    "execution_count": count,
                    "metadata": {},
                    "output_type": "execute_result",
                },
                {"ename": "NameError", "evalue": "x", "output_type": "error", "traceback": ["\x1b[31mNameError"]},
            ]
    lines = solved("lstm")
    for one in lines["cells"]:
        one["source"] = source(one).splitlines(keepends=True)
    colab = solved("lstm")
    colab["nbformat_minor"] = 0
    colab["metadata"] = {
        "accelerator": "GPU",
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
    }
    for number, one in enumerate(colab["cells"]):
        del one["id"]
        one["metadata"] = {"id": f"aB3_{number}", "colab": {"base_uri": "https://example.org"}, **one["metadata"]}
    code = solved("lstm")
    code["metadata"] = {"language_info": {"name": "python", "version": "3.11.2"}, "orig_nbformat": 4}
    for one in code["cells"]:
        one["metadata"]["vscode"] = {"languageId": "python"}
    lab = solved("lstm")
    for one in lab["cells"]:
        one["metadata"] |= {"jupyter": {"source_hidden": True}, "collapsed": True, "scrolled": True, "tags": ["mine"]}
    lab["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}
    return [
        _case("saved with old outputs", "saved", ran),
        _case("saved with sources in lines", "saved", lines),
        _case("saved by Colab", "saved", colab),
        _case("saved by Visual Studio Code", "saved", code),
        _case("saved by JupyterLab with cells folded", "saved", lab),
    ]
