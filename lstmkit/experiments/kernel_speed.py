"""Is an LSTM slower to train than a simple recurrent network, and a GRU faster?

Setting.  One training step, forward and backward, of one layer in float32: D = 64 inputs, H = 64 units, and a
Transformer block of the same width with 4 heads.  `batch` is B = 32 sequences of T = 100; `stream` is one long
sequence; `equal` is the batch again with every layer widened until it has as many parameters as the LSTM.  Three
implementations: torch.nn as it comes ("torch"), the same with oneDNN's kernels switched off ("torch without oneDNN"),
and lstmkit.torch ("lstmkit").  What torch.nn does not have is timed in lstmkit alone; the Transformer block is this
book's, and stands beside torch.nn because torch computes it.

Fused or not: the forward pass of one LSTM in NumPy, which differs only in how the pre-activations are made: one product
with the joined (4H, D + H) matrix a step, four products with (H, D + H), or eight.

Times are the processor's (on cuda the wall clock's), one thread in torch, every contestant once in every round, the
order turned from round to round, medians of the rounds.  They are ms, and hold for one machine; multiply_adds, how many
multiplications a step of one sequence takes in its matrix products, holds for all.

Keys: ms, shape -> implementation -> network -> float; ratio, shape -> implementation -> "LSTM to RNN", "GRU to LSTM",
"Transformer to LSTM", ... -> float; without_oneDNN, shape -> network -> how many times slower torch.nn gets without
oneDNN; fused, shape -> {one, four, eight: ms, four_to_one, eight_to_one}; multiply_adds, network -> int, and
multiply_adds_ratio, likewise to the RNN's; parameters, network -> int, at equal width; parameters_equal, at equal
parameters; widths, network -> units at equal parameters; has_oneDNN; T_batch, B_batch, T_stream, H, rounds.

Chapters: chapters/mathematics.md, chapters/practice.md.
"""

import contextlib
import functools
import warnings
from statistics import median

import numpy as np
import torch

from lstmkit.bench import torch_loops
from lstmkit.bench.timing import Bar, Shape, interleave, problem
from lstmkit.cells import lstm as cell
from lstmkit.comparison import equal_width
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import GRU, LSTM, RNN, CoupledLSTM, PeepholeLSTM
from lstmkit.torch.network import Transformer, count_parameters

SETTINGS = {
    "test": {"batch": (5, 2), "stream": (12, 1), "H": 8, "rounds": 1},
    "live": {"batch": (100, 32), "stream": (512, 1), "H": 64, "rounds": 3},
    "recorded": {"batch": (100, 32), "stream": (4096, 1), "H": 64, "rounds": 7},
}
OURS = {
    "RNN": RNN,
    "LSTM": LSTM,
    "GRU": GRU,
    "coupled LSTM": CoupledLSTM,
    "peephole LSTM": PeepholeLSTM,
}
BLOCKS = {"RNN": 1, "LSTM": 4, "GRU": 3, "coupled LSTM": 3, "peephole LSTM": 4}  # of H rows in W_x and W_h
PAIRS = (
    ("LSTM", "RNN"), ("GRU", "LSTM"), ("GRU", "RNN"), ("coupled LSTM", "LSTM"), ("peephole LSTM", "LSTM"),
    ("Transformer", "LSTM"),
)  # fmt: skip


@contextlib.contextmanager
def one_thread():
    """torch computes with one thread inside, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def networks(D, widths, device):
    """implementation -> name -> module, every network with its width; torch.nn's weights are its own."""
    ours = {name: make(D, widths[name]).to(device) for name, make in OURS.items()}
    theirs = {name: getattr(torch.nn, name)(D, widths[name]).to(device) for name in ("RNN", "LSTM", "GRU")}
    transformer = Transformer(widths["Transformer"], 4, 1).to(device)
    return {"torch": theirs | {"Transformer": transformer}, "lstmkit": ours}


def training_step(module, task, device):
    """A function that runs the module forward and backward once on the task, (T, B, D) to (T, B, H)."""
    if device == "cpu":
        return torch_loops.contender("", module, task).both
    x, d_hs = (torch.from_numpy(array).to(device) for array in (task.x, task.d_hs))
    x.requires_grad_()

    def both():
        torch.autograd.grad(module(x)[0], [x, *module.parameters()], d_hs)
        torch.cuda.synchronize()

    return both


def without_onednn(function):
    """The same function while oneDNN is switched off."""

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # switching says that this torch knows no Intel GPU, which nobody asked
            with torch.backends.mkldnn.flags(enabled=False):
                return function()

    return run


def timed(functions, rounds, device):
    """name -> median ms of functions that take turns."""
    seconds = interleave(functions, rounds, 1 if device == "cpu" else None, Bar(1, wanted=False))
    return {name: 1000 * median(values) for name, values in seconds.items()}


def field(shape, widths, device):
    """(implementation, network) -> function, for one shape; `widths` are units by network."""
    functions = {}
    for whose, modules in networks(shape.D, widths, device).items():
        for name, module in modules.items():
            D = widths[name] if name == "Transformer" else shape.D  # its input and its output have one width
            task = problem(Shape(shape.T, shape.B, D, widths[name]), "float32")
            functions[whose, name] = step = training_step(module, task, device)
            if whose == "torch" and name != "Transformer" and device == "cpu":
                functions["torch without oneDNN", name] = without_onednn(step)
    return functions


def forward_in_pieces(task, pieces):
    """A forward pass of the LSTM in NumPy whose pre-activations take 1, 4 or 8 products a step; hs (T, B, H).

    In columns, where the blocks of one product lie apart in memory, so that nothing has to be copied or cut.
    """
    (W_x, W_h, b), x, _ = task
    T, B, D = x.shape
    H = W_h.shape[1]
    columns = np.empty((T + 1, H + D + 1, B), x.dtype)  # [h_{t-1}; x_t; 1]
    columns[0, :H], columns[:T, H:-1], columns[:, -1] = 0, x.transpose(0, 2, 1), 1
    joined = np.concatenate([W_h, W_x, b[:, None]], axis=1)
    whole, halves = np.split(joined, 4), list(zip(np.split(W_h, 4), np.split(joined[:, H:].copy(), 4), strict=True))
    c = np.zeros((H, B), x.dtype)
    for t in range(T):
        column = columns[t]
        if pieces == 1:
            a = (joined @ column).reshape(4, H, B)
        elif pieces == 4:
            a = [W @ column for W in whole]
        else:
            a = [R @ column[:H] + W @ column[H:] for R, W in halves]
        h, c, *_ = cell.step(*a, c)
        columns[t + 1, :H] = h
    return columns[1:, :H].transpose(0, 2, 1).copy()


def fused(shape, rounds):
    """ms of the forward pass with one, four and eight products a step, and their ratios."""
    task = problem(shape, "float32")
    names = {"one": 1, "four": 4, "eight": 8}
    ms = timed({name: functools.partial(forward_in_pieces, task, n) for name, n in names.items()}, rounds, "cpu")
    return ms | {"four_to_one": ms["four"] / ms["one"], "eight_to_one": ms["eight"] / ms["one"]}


def widths_of_equal_parameters(D, H):
    """network -> the width at which it has as many parameters as the LSTM of H units."""
    wanted = count_parameters(LSTM(D, H))
    widths = {name: equal_width(lambda n, make=make: make(D, n), wanted) for name, make in OURS.items()}
    return widths | {"Transformer": equal_width(lambda n: Transformer(n, 4, 1), wanted, step=4)}


def counts(D, widths):
    """network -> parameters of this book's modules, one bias a gate."""
    found = {name: count_parameters(make(D, widths[name])) for name, make in OURS.items()}
    return found | {"Transformer": count_parameters(Transformer(widths["Transformer"], 4, 1))}


def run(seed=0, scale="live", device="cpu"):
    """Time every network on every shape."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    H, rounds = setting["H"], setting["rounds"]
    batch, stream = (Shape(*setting[name], H, H) for name in ("batch", "stream"))
    same_width = dict.fromkeys([*OURS, "Transformer"], H)
    ms = {}
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        same_size = widths_of_equal_parameters(H, H)
        for name, shape, widths in (
            ("batch", batch, same_width),
            ("stream", stream, same_width),
            ("equal", batch, same_size),
        ):
            ms[name] = {}
            for (whose, network), value in timed(field(shape, widths, device), rounds, device).items():
                ms[name].setdefault(whose, {})[network] = value
    operations = {name: blocks * H * (H + H) for name, blocks in BLOCKS.items()}
    return {
        "ms": ms,
        "ratio": {
            shape: {
                whose: {f"{a} to {b}": row[a] / row[b] for a, b in PAIRS if a in row and b in row}
                for whose, row in table.items()
            }
            for shape, table in ms.items()
        },
        "without_oneDNN": {
            shape: {name: value / table["torch"][name] for name, value in table.get("torch without oneDNN", {}).items()}
            for shape, table in ms.items()
        },
        "fused": {"batch": fused(batch, rounds), "stream": fused(stream, rounds)},
        "multiply_adds": operations,
        "multiply_adds_ratio": {name: value / operations["RNN"] for name, value in operations.items()},
        "parameters": counts(H, same_width),
        "parameters_equal": counts(H, same_size),
        "widths": same_size,
        "has_oneDNN": bool(torch.backends.mkldnn.is_available()),
        "T_batch": batch.T,
        "B_batch": batch.B,
        "T_stream": stream.T,
        "H": H,
        "rounds": rounds,
    }
