"""Time the LSTM against its peers: one process per thread count, contenders interleaved, medians.

What makes the figures mean something:

* every contender runs once in every round, and the order turns by one place from round to round, so that a
  busy moment of the machine hits all of them alike;
* before anything is timed, all contenders must return the same hidden states and the same gradient of x;
* the floor is the fastest set of bare matrix products of the same run: no LSTM of these sizes does without them.

T steps, B sequences, D inputs, H units.  One thread is timed by the processor's clock, more by the wall's.
"""

import gc
import json
import os
import platform
import subprocess
import sys
import time
from statistics import median
from typing import NamedTuple

from lstmkit import doctor

PEER = "torch.nn.LSTM"
PASSES = ("forward", "forward + backward")


class Shape(NamedTuple):
    """T steps, B sequences, D inputs, H units."""

    T: int
    B: int
    D: int
    H: int


SHAPES = (Shape(100, 32, 64, 128), Shape(256, 1, 64, 128), Shape(100, 64, 128, 256))


class Contender(NamedTuple):
    """A name, its forward pass, and its forward and backward pass; bare: nothing but the matrix products."""

    name: str
    forward: object  # () -> hs (T, B, H), or None for bare products
    both: object  # () -> hs (T, B, H), d_x (T, B, D), or None for bare products
    bare: bool = False


def bench(shapes=SHAPES, dtypes=("float32", "float64"), threads=(1,), rounds=9, progress=False):
    """Measure every combination; return a dict of plain numbers, `machine` and `results`.

    A BLAS library reads its number of threads when it is loaded, so each number gets a process of its own.
    """
    results = []
    for count in threads:
        settings = {"shapes": shapes, "dtypes": dtypes, "threads": count, "rounds": rounds, "progress": progress}
        one_count = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(count))
        child = subprocess.run(
            [sys.executable, "-m", "lstmkit.bench", json.dumps(settings)],
            env=os.environ | one_count,
            stdout=subprocess.PIPE,
            text=True,
        )
        if child.returncode == 130:
            raise KeyboardInterrupt
        if child.returncode != 0:
            raise RuntimeError(f"the measuring process with {count} threads ended with exit code {child.returncode}")
        results += json.loads(child.stdout)
    return {"machine": machine(), "results": results}


def machine():
    """What must be known beside a timing."""
    import numpy as np

    library, core = doctor.blas()
    return {
        "processor": doctor.processor(),
        "cores": all_cores(),
        "load_average": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": library,
        "blas_core": core,
        "torch": doctor.torch().detail,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def all_cores():
    """The cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def measure(shapes, dtypes, threads, rounds, progress):
    """In this process: time all contenders for every shape and dtype."""
    bar = Bar(len(shapes) * len(dtypes) * len(PASSES) * (rounds + 1), progress)
    results = []
    for dtype in dtypes:
        for shape in shapes:
            field = contenders(Shape(*shape), dtype, threads)
            must_agree(field, dtype)
            timings = {}
            for one_pass, run in zip(PASSES, ("forward", "both"), strict=True):
                bar.say(f"{dtype} {one_pass}")
                timings[one_pass] = interleave({c.name: getattr(c, run) for c in field}, rounds, threads, bar)
            results.append(
                {
                    "shape": Shape(*shape)._asdict(),
                    "dtype": dtype,
                    "threads": threads,
                    "clock": "processor" if threads == 1 else "wall",
                    "rounds": rounds,
                    "contenders": ratios(field, timings),
                }
            )
    bar.close()
    return results


def interleave(functions, rounds, threads, bar):
    """Seconds of each function in each round, (rounds,) lists by name; the order turns from round to round."""
    clock = time.process_time if threads == 1 else time.perf_counter
    names = list(functions)
    for name in names:
        functions[name]()  # the first call allocates and chooses kernels: not counted
    bar.tick()
    seconds = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        gc.collect()
        gc.disable()
        for name in names[turn:] + names[:turn]:
            start = clock()
            functions[name]()
            seconds[name].append(clock() - start)
        gc.enable()
        bar.tick()
    return seconds


def ratios(field, timings):
    """For each contender and pass: all seconds, their median, and the median over the peer's and over the floor's."""
    table = {c.name: {} for c in field}
    for one_pass, seconds in timings.items():
        medians = {name: median(values) for name, values in seconds.items()}
        floor = min(medians[c.name] for c in field if c.bare)
        for name, value in medians.items():
            table[name][one_pass] = {
                "seconds": seconds[name],
                "median": value,
                "x_peer": value / medians[PEER] if PEER in medians else None,
                "x_floor": value / floor,
            }
    return table


def must_agree(field, dtype):
    """A contender that computes something else is not a contender."""
    import numpy as np

    tolerance = {"float32": 1e-3, "float64": 1e-9}[dtype]
    runners = [c for c in field if not c.bare]
    expected = [np.array(a) for a in runners[0].both()]
    for c in runners:
        for what, wanted, got in zip(("hidden states", "gradient of x"), expected, c.both(), strict=True):
            error = float(abs(wanted - np.asarray(got)).max() / abs(wanted).max())
            if not error < tolerance:
                raise RuntimeError(f"{c.name} and {runners[0].name} differ in the {what}: relative error {error:.1e}")


def contenders(shape, dtype, threads):
    """All that takes part, on the same weights and data."""
    import numpy as np

    from lstmkit.numpy import lstm

    T, B, D, H = shape
    rng = np.random.default_rng(0)
    params = lstm.Params(*(p.astype(dtype) for p in lstm.init_params(rng, D, H)))
    x = rng.standard_normal((T, B, D)).astype(dtype)
    d_hs = rng.standard_normal((T, B, H)).astype(dtype)
    field = [ours_in_numpy(params, x, d_hs), tutorial(params, x, d_hs), bare_columns(params, x, d_hs)]
    if not doctor.torch().found:
        return field
    import torch

    torch.set_num_threads(threads)
    return field + peers_in_torch(params, x, d_hs)


def ours_in_numpy(params, x, d_hs):
    """lstmkit.numpy.lstm."""
    from lstmkit.numpy import lstm

    def both():
        hs, _, cache = lstm.forward(params, x)
        d_x, _, _ = lstm.backward(params, d_hs, cache)
        return hs, d_x

    return Contender("lstmkit.numpy", lambda: lstm.forward(params, x, keep_cache=False)[0], both)


def peers_in_torch(params, x, d_hs):
    """Our module, the library's module, the library's cell in a loop, and bare products in rows."""
    import torch

    import lstmkit.torch

    H, D = params.W_h.shape[1], params.W_x.shape[1]
    dtype = torch.from_numpy(x).dtype
    library = torch.nn.LSTM(D, H).to(dtype)
    cell = torch.nn.LSTMCell(D, H).to(dtype)
    with torch.no_grad():
        for module, suffix in ((library, "_l0"), (cell, "")):
            getattr(module, f"weight_ih{suffix}").copy_(torch.from_numpy(params.W_x))
            getattr(module, f"weight_hh{suffix}").copy_(torch.from_numpy(params.W_h))
            getattr(module, f"bias_ih{suffix}").copy_(torch.from_numpy(params.b))
            getattr(module, f"bias_hh{suffix}").zero_()
    ours = lstmkit.torch.LSTM.from_torch(library)

    def cell_in_a_loop(x):
        state, hs = None, []
        for x_t in x.unbind(0):
            state = cell(x_t, state)
            hs.append(state[0])
        return torch.stack(hs)

    def contender(name, module, run):
        leaf, incoming = torch.from_numpy(x).requires_grad_(), torch.from_numpy(d_hs)
        leaves = [leaf, *module.parameters()]

        def forward():
            with torch.no_grad():
                return run(leaf)

        def both():
            hs = run(leaf)
            return hs.detach(), torch.autograd.grad(hs, leaves, incoming)[0]

        return Contender(name, forward, both)

    return [
        contender("lstmkit.torch", ours, lambda x: ours(x)[0]),
        contender(PEER, library, lambda x: library(x)[0]),
        contender("torch.nn.LSTMCell in a loop", cell, cell_in_a_loop),
        bare_rows(params, x, d_hs),
    ]


def tutorial(params, x, d_hs):
    """The LSTM of most tutorials: every gate by itself, eight products a step, lists of arrays."""
    import numpy as np

    from lstmkit.numpy.functions import d_sigmoid, d_tanh, sigmoid

    H = params.W_h.shape[1]
    W, R, b = ([p[k * H : (k + 1) * H] for k in range(4)] for p in params)

    def run(x):
        h = c = np.zeros((x.shape[1], H), x.dtype)
        hs, saved = [], []
        for x_t in x:
            i = sigmoid(x_t @ W[0].T + h @ R[0].T + b[0])
            f = sigmoid(x_t @ W[1].T + h @ R[1].T + b[1])
            g = np.tanh(x_t @ W[2].T + h @ R[2].T + b[2])
            o = sigmoid(x_t @ W[3].T + h @ R[3].T + b[3])
            before, c = (x_t, h, c), f * c + i * g
            h = o * np.tanh(c)
            hs.append(h)
            saved.append((*before, i, f, g, o, np.tanh(c)))
        return hs, saved

    def forward():
        return np.stack(run(x)[0])

    def both():
        hs, saved = run(x)
        d_W, d_R, d_b = ([np.zeros_like(block) for block in blocks] for blocks in (W, R, b))
        d_h = d_c = np.zeros_like(hs[0])
        d_xs = []
        for d_h_t, (x_t, h_prev, c_prev, i, f, g, o, q) in zip(d_hs[::-1], saved[::-1], strict=True):
            d_h = d_h + d_h_t
            d_c = d_c + d_h * o * d_tanh(q)
            d_a = (
                d_c * g * d_sigmoid(i),
                d_c * c_prev * d_sigmoid(f),
                d_c * i * d_tanh(g),
                d_h * q * d_sigmoid(o),
            )
            for k in range(4):
                d_W[k] += d_a[k].T @ x_t
                d_R[k] += d_a[k].T @ h_prev
                d_b[k] += d_a[k].sum(axis=0)
            d_xs.append(d_a[0] @ W[0] + d_a[1] @ W[1] + d_a[2] @ W[2] + d_a[3] @ W[3])
            d_h = d_a[0] @ R[0] + d_a[1] @ R[1] + d_a[2] @ R[2] + d_a[3] @ R[3]
            d_c = d_c * f
        return np.stack(hs), np.stack(d_xs[::-1])

    return Contender("NumPy tutorial, eight products", forward, both)


def bare_columns(params, x, d_hs):
    """Only the matrix products, in NumPy and in columns: z = W [h; x; 1] at each step, into memory that is there."""
    import numpy as np

    (T, B, D), H = x.shape, params.W_h.shape[1]
    W = np.concatenate([params.W_h, params.W_x, params.b[:, None]], axis=1)  # (4H, H + D + 1)
    columns = np.zeros((T, H + D + 1, B), x.dtype)
    columns[:, :H], columns[:, H:-1], columns[:, -1] = d_hs.transpose(0, 2, 1), x.transpose(0, 2, 1), 1
    a = np.zeros((T, 4 * H, B), x.dtype)
    a_of_all_steps, rows = np.zeros((4 * H, T * B), x.dtype), np.zeros((T * B, H + D + 1), x.dtype)
    W_h_T, W_x_T = np.ascontiguousarray(params.W_h.T), np.ascontiguousarray(params.W_x.T)
    d_h, d_W, d_x = np.zeros((H, B), x.dtype), np.zeros_like(W), np.zeros((D, T * B), x.dtype)

    def forward():
        for t in range(T):
            np.matmul(W, columns[t], out=a[t])

    def both():
        forward()
        for t in reversed(range(T)):
            np.matmul(W_h_T, a[t], out=d_h)
        np.matmul(a_of_all_steps, rows, out=d_W)
        np.matmul(W_x_T, a_of_all_steps, out=d_x)

    return Contender("bare products, NumPy columns", forward, both, bare=True)


def bare_rows(params, x, d_hs):
    """Only the matrix products, in torch and in rows: x W_xᵀ for all steps at once, then h W_hᵀ at each."""
    import torch

    (T, B, D), H = x.shape, params.W_h.shape[1]
    W_x, W_h = torch.from_numpy(params.W_x), torch.from_numpy(params.W_h)
    rows, hs = torch.from_numpy(x).reshape(T * B, D), torch.from_numpy(d_hs).reshape(T * B, H)
    a, a_t = torch.zeros(T * B, 4 * H, dtype=rows.dtype), torch.zeros(B, 4 * H, dtype=rows.dtype)
    d_h, d_x = torch.zeros(B, H, dtype=rows.dtype), torch.zeros_like(rows)
    d_W_x, d_W_h = torch.zeros_like(W_x), torch.zeros_like(W_h)
    W_x_T, W_h_T, a_T = W_x.T, W_h.T, a.T

    def forward():
        torch.mm(rows, W_x_T, out=a)
        for h in hs.split(B):
            torch.mm(h, W_h_T, out=a_t)

    def both():
        forward()
        for _ in range(T):
            torch.mm(a_t, W_h, out=d_h)
        torch.mm(a_T, rows, out=d_W_x)
        torch.mm(a_T, hs, out=d_W_h)
        torch.mm(a, W_x, out=d_x)

    return Contender("bare products, torch rows", forward, both, bare=True)


def table(report):
    """The report as text."""
    machine = report["machine"]
    running_as = f" as {machine['blas_core']}" if machine["blas_core"] else ""
    blas = f"{machine['blas']}{running_as}"
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, load {machine['load_average']}",
        f"Python {machine['python']}, NumPy {machine['numpy']} on {blas}, PyTorch {machine['torch']}",
    ]
    for result in report["results"]:
        shape = " ".join(f"{letter}={size}" for letter, size in result["shape"].items())
        threads = f"{result['threads']} thread" + "s" * (result["threads"] > 1)
        lines += [
            "",
            f"{shape}  {result['dtype']}  {threads}  median of {result['rounds']} rounds, {result['clock']} clock",
            f"{'':<31}" + "".join(f"{one_pass:^29}" for one_pass in PASSES).rstrip(),
            f"{'':<31}" + f"{'ms':>9}{'x torch.nn':>11}{'x floor':>9}" * len(PASSES),
        ]
        for name, passes in result["contenders"].items():
            cells = ""
            for one_pass in PASSES:
                seen = passes[one_pass]
                x_peer = "-" if seen["x_peer"] is None else f"{seen['x_peer']:.2f}"
                cells += f"{1e3 * seen['median']:9.2f}{x_peer:>11}{seen['x_floor']:9.2f}"
            lines.append(f"{name:<31}{cells}")
    return "\n".join(lines)


class Bar:
    """A progress bar on the terminal; silent where there is none."""

    def __init__(self, total, wanted):
        self.done, self.total, self.label = 0, total, ""
        self.on = wanted and sys.stderr.isatty()

    def say(self, label):
        self.label = label
        self.draw()

    def tick(self):
        self.done += 1
        self.draw()

    def draw(self):
        if self.on:
            filled = 30 * self.done // self.total
            bar = f"[{'#' * filled:<30}] {self.done}/{self.total} {self.label:<28}"
            print(f"\r{bar}", end="", file=sys.stderr, flush=True)

    def close(self):
        if self.on:
            print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":  # the measuring process that `bench` starts
    try:
        print(json.dumps(measure(**json.loads(sys.argv[1]))))
    except KeyboardInterrupt:
        sys.exit(130)
    except (RuntimeError, MemoryError) as error:
        sys.exit(f"lstmkit bench: {type(error).__name__}: {error}")
