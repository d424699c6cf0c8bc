"""How a time is taken: contenders that agree, interleaved rounds, medians and their ratios."""

import gc
import sys
import time
from statistics import median
from typing import NamedTuple

FORWARD, BOTH = PASSES = ("forward", "forward + backward")
# The names of contenders that goal.py compares.
NUMPY, LEAN, EQUATIONS, TORCH = "lstmkit.numpy", "lstmkit.numpy, lean", "the equations as they stand", "lstmkit.torch"
PEER, KERAS, FLAX = "torch.nn.LSTM", "Keras 3 on torch", "Flax under jit"
LOOP = "loop as users write it"
FLOOR = "bare products, NumPy columns", "bare products, torch rows"
BARE = "nothing but the matrix products"
PATIENCE = 10  # seconds: what takes longer is timed once
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}


class Shape(NamedTuple):
    """T steps, B sequences, D inputs, H units."""

    T: int
    B: int
    D: int
    H: int


class Problem(NamedTuple):
    """What all contenders get: an LSTM's weights, the input, and the gradient that arrives from above."""

    params: tuple  # lstmkit.numpy.lstm.Params: W_x (4H, D), W_h (4H, H), b (4H,)
    x: object  # (T, B, D)
    d_hs: object  # (T, B, H)


class Contender(NamedTuple):
    """Something to time.  Those that compute the same must agree."""

    name: str
    forward: object  # () -> hs (T, B, H)
    both: object  # () -> hs (T, B, H), d_x (T, B, D); None where there is no way back
    computes: str = "LSTM"  # or BARE, and then neither returns anything
    note: str = ""  # printed behind its line


def problem(shape, dtype):
    """The same numbers for the same shape and dtype, whoever asks."""
    import numpy as np

    from lstmkit.numpy import lstm

    T, B, D, H = shape
    rng = np.random.default_rng(0)
    params = lstm.init_params(rng, D, H, dtype=dtype)
    # drawn in their own dtype: a float64 copy would stand in the process's peak memory
    return Problem(params, rng.standard_normal((T, B, D), dtype), rng.standard_normal((T, B, H), dtype))


def must_agree(field, dtype):
    """RuntimeError for a contender that computes something else: it is not a contender.  Returns who takes long."""
    import numpy as np

    first, slow = {}, set()
    for c in field:
        if c.computes == BARE:
            continue
        start = time.perf_counter()
        got = [np.asarray(a) for a in (c.both() if c.both else [c.forward()])]
        if time.perf_counter() - start > PATIENCE:
            slow.add(c.name)
        name, expected = first.setdefault(c.computes, (c.name, got))
        for what, wanted, found in zip(("hidden states", "gradient of x"), expected, got, strict=False):
            if wanted.shape != found.shape:
                raise RuntimeError(f"{c.name} and {name} differ in the {what}: {found.shape} is not {wanted.shape}")
            error = float(abs(wanted - found).max() / abs(wanted).max())
            if not error < TOLERANCE[dtype]:
                raise RuntimeError(f"{c.name} and {name} differ in the {what}: relative error {error:.1e}")
    return slow


def interleave(functions, rounds, threads, bar, slow=()):
    """Seconds of each function in each round, (rounds,) lists by name; the order turns from round to round.

    Those that are `slow`, who have run before, run in the first round alone.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    names = list(functions)
    for name in names:
        if name not in slow:
            functions[name]()  # the first call allocates and chooses kernels: not counted
    bar.tick()
    seconds = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        gc.collect()
        gc.disable()
        for name in names[turn:] + names[:turn]:
            if number and name in slow:
                continue
            start = clock()
            functions[name]()
            seconds[name].append(clock() - start)
        gc.enable()
        bar.tick()
    return seconds


def both_passes(field, shape, dtype, threads, rounds, bar, against, what):
    """The result of one field of contenders: forward, then forward and backward."""
    slow = must_agree(field, dtype)
    timings = {}
    for one_pass, which in zip(PASSES, ("forward", "both"), strict=True):
        bar.say(f"{dtype} {one_pass}")
        able = {c.name: getattr(c, which) for c in field if getattr(c, which)}
        timings[one_pass] = interleave(able, rounds, threads, bar, slow)
    return result(what, shape, dtype, threads, rounds) | {"contenders": rows(timings, against, notes(field))}


def result(what, shape, dtype, threads, rounds, unit="ms"):
    """What must be known beside the timings of one table."""
    from lstmkit import doctor

    return {
        "what": what,
        "shape": Shape(*shape)._asdict(),
        "dtype": dtype,
        "threads": threads,
        "blas_core": doctor.blas()[1],
        "clock": "processor" if threads == 1 else "wall",
        "rounds": rounds,
        "unit": unit,
    }


def rows(timings, against, notes):
    """For each contender and column: all seconds, their median, and its ratios to other medians of that column.

    `timings` are {column: {name: seconds}}; `against` is {label: function}, which says for a name and the names of
    the column by which of them it is divided: the fastest, where there are several.
    """
    table = {}
    for column, seconds in timings.items():
        medians = {name: median(values) for name, values in seconds.items()}
        for name, value in medians.items():
            ratios = {}
            for label, others in against.items():
                below = [medians[other] for other in others(name) if other in medians]
                ratios[label] = value / min(below) if below else None
            row = table.setdefault(name, {"note": notes.get(name, ""), "columns": {}})
            row["columns"][column] = {"seconds": seconds[name], "median": value, "ratios": ratios}
    return table


def notes(field):
    """Each contender's note, by its name."""
    return {c.name: c.note for c in field}


class Bar:
    """A progress bar on the terminal; silent where there is none."""

    def __init__(self, total, wanted):
        self.done, self.total, self.label = 0, total, ""
        self.on = wanted and sys.stderr.isatty()

    def say(self, label):
        """What is being done now."""
        self.label = label
        self.draw()

    def tick(self):
        """One part of the whole is done."""
        self.done += 1
        self.draw()

    def draw(self):
        """The bar over the one that stands there."""
        if self.on:
            filled = 30 * self.done // self.total
            bar = f"[{'#' * filled:<30}] {self.done}/{self.total} {self.label:<28}"
            print(f"\r{bar}", end="", file=sys.stderr, flush=True)

    def close(self):
        """Clear the line."""
        if self.on:
            print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)
