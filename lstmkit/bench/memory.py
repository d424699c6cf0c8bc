"""The peak memory of one long sequence, forward and backward, each contender in a process of its own.

Counted is what the process's peak rises above what it holds when the libraries are loaded and warm and the input lies
ready.  It is given in words, 4 bytes in float32 and 8 in float64, for each of the T·B·H hidden values.  hs, one word,
is dropped before the backward pass, as by a loop that has gone on to the loss; ∂L/∂x, D/H words, is kept.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np

from lstmkit import doctor
from lstmkit.bench import peers
from lstmkit.bench.length import contenders
from lstmkit.bench.run import child
from lstmkit.bench.timing import LEAN, NUMPY, PEER, Bar, Shape, must_agree, problem, result, rows
from lstmkit.numpy import lstm

SHAPES = (Shape(10000, 16, 64, 128),)
DTYPES, ROUNDS = ("float32", "float64"), 3
FIRST, AGAIN = "the first run", "the same again"
WORDS = "words"


def measure(shapes, dtypes, threads, rounds, progress):
    """All results: in each round one process for each contender, which runs twice."""
    names = [NUMPY, LEAN] + ([PEER] if doctor.torch().found else [])
    bar = Bar(len(shapes) * len(dtypes) * rounds * len(names), progress)
    results = []
    for dtype in dtypes:
        for shape in map(Shape._make, shapes):
            must_agree(contenders(problem(shape._replace(T=min(50, shape.T)), dtype)), dtype)
            seen = {name: [] for name in names}
            for number in range(rounds):
                turn = number % len(names)
                for name in names[turn:] + names[:turn]:
                    bar.say(f"{dtype} {name}")
                    task = {"name": name, "shape": shape, "dtype": dtype, "threads": threads}
                    seen[name].append(child("lstmkit.bench.memory", task))
                    bar.tick()
            results.append(result("memory", shape, dtype, threads, rounds) | {"contenders": table(seen, shape, dtype)})
    bar.close()
    return results, [] if PEER in names else peers.left_out()[:1]


def table(seen, shape, dtype):
    """The rows of one result, with the words beside the times, and whether lean gave the bits of storing."""
    timings = {
        column: {name: [run["seconds"][k] for run in runs] for name, runs in seen.items()}
        for k, column in enumerate((FIRST, AGAIN))
    }
    bits = {name: {run["bits"] for run in runs} for name, runs in seen.items()}
    same = "the bits of the storing mode" if len(bits[LEAN] | bits[NUMPY]) == 1 else "OTHER BITS than the storing mode"
    found = rows(timings, {"x torch.nn": lambda name: (PEER,)}, {LEAN: same})
    word = shape.T * shape.B * shape.H * np.dtype(dtype).itemsize
    for name, row in found.items():
        for k, cell in enumerate(row["columns"].values()):
            cell["ratios"][WORDS] = float(np.median([run["peak"][k] for run in seen[name]])) / word
    return found


def one(name, shape, dtype, threads):
    """In a process of its own: seconds and peak bytes of a first and of a second run, and a hash of what came out."""
    shape = Shape(*shape)
    make = whole_gradients()[name]
    if name == PEER:
        import torch

        torch.set_num_threads(threads)
    make(problem(shape._replace(T=min(10, shape.T)), dtype))()  # loads, compiles and chooses what will be used
    run = make(problem(shape, dtype))
    clock = time.process_time if threads == 1 else time.perf_counter
    held, _ = resident()
    seconds, peak = [], []
    for _ in range(2):
        out = None  # what a training loop holds while it runs: its last step's results are gone
        start = clock()
        out = run()
        seconds.append(clock() - start)
        peak.append(resident()[1] - held)
    bits = hashlib.sha256()
    for array in out:
        bits.update(np.ascontiguousarray(array).data)
    return {"seconds": seconds, "peak": peak, "bits": bits.hexdigest()}


def whole_gradients():
    """By name, what makes of a problem a function that returns ∂L/∂x and the gradients of all parameters."""

    def ours(keep_cache):
        def run(task):
            cache = lstm.forward(task.params, task.x, keep_cache=keep_cache)[2]
            d_x, _, d_params = lstm.backward(task.params, task.d_hs, cache)
            return d_x, *d_params

        return lambda task: lambda: run(task)

    def library(task):
        import torch

        from lstmkit.bench import torch_loops

        module = torch_loops.library(torch.nn.LSTM, task.params)
        x, d_hs = torch.from_numpy(task.x).requires_grad_(), torch.from_numpy(task.d_hs)

        def run():
            return [d.numpy() for d in torch.autograd.grad(module(x)[0], [x, *module.parameters()], d_hs)]

        return run

    return {NUMPY: ours(True), LEAN: ours("lean"), PEER: library}


def resident():
    """Bytes of memory that this process holds, and its peak; the peak for both where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # not getrusage: on Linux its peak may be the parent's, from before the program was loaded
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        now, most = (1024 * int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM"))
        return now, most
    try:
        import resource
    except ImportError:
        raise RuntimeError("this system does not say how much memory a process has used") from None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return most, most


if __name__ == "__main__":
    try:
        print(json.dumps(one(**json.loads(sys.argv[1]))))
    except KeyboardInterrupt:
        sys.exit(130)
    except (RuntimeError, MemoryError) as error:
        sys.exit(f"lstmkit bench: {type(error).__name__}: {error}")
