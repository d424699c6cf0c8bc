"""The cells that torch.nn does not have beside the loops that users write for them; GRU and RNN beside torch.nn's."""

from importlib.util import find_spec

import numpy as np

from lstmkit.bench import lstm as plain
from lstmkit.bench import peers
from lstmkit.bench.timing import LOOP, NUMPY, PASSES, TORCH, Bar, Contender, both_passes, problem

SHAPES, DTYPES, ROUNDS = plain.SHAPES, ("float32", "float64"), 5
LIBRARY = "torch.nn"


def name(cell, whose):
    """A contender's name."""
    return f"{cell}, {whose}"


def against_peer(contender):
    """By what a cell is divided: torch.nn's where it has the cell, else the loop."""
    cell = contender.partition(",")[0]
    return name(cell, LIBRARY), name(cell, LOOP)


# Our plain LSTM is the one in NumPy: the torch module may hand its work to torch.nn.
AGAINST = {"x peer": against_peer, "x our LSTM": lambda _: (name("LSTM", NUMPY),)}


def measure(shapes, dtypes, threads, rounds, progress):
    """All results, and what took no part."""
    if find_spec("torch") is None:
        return [], peers.left_out()[:1]
    bar = Bar(len(shapes) * len(dtypes) * len(PASSES) * (rounds + 1), progress)
    results = []
    for dtype in dtypes:
        for shape in shapes:
            field = contenders(problem(shape, dtype))
            results.append(both_passes(field, shape, dtype, threads, rounds, bar, AGAINST, "variants"))
    bar.close()
    return results, []


def contenders(task):
    """All that takes part, on the same data: cells that torch.nn has, then those that it has not."""
    import torch

    from lstmkit.bench import torch_loops
    from lstmkit.numpy import gru, lstm, rnn
    from lstmkit.torch import GRU, LSTM, RNN, CoupledLSTM, PeepholeLSTM
    from lstmkit.torch.layernorm import LayerNormLSTM

    D, H, dtype = task.x.shape[2], task.d_hs.shape[2], torch.from_numpy(task.x).dtype
    field = []
    for cell, kind, twin in (("LSTM", LSTM, lstm), ("GRU", GRU, gru), ("RNN", RNN, rnn)):
        torch.manual_seed(0)
        library = getattr(torch.nn, cell)(D, H, dtype=dtype)
        ours = kind.from_torch(library)
        field.append(torch_loops.contender(name(cell, TORCH), ours, task, cell))
        field.append(in_numpy(cell, twin, ours, task))
        field.append(torch_loops.contender(name(cell, LIBRARY), library, task, cell))
    loops = {
        "peephole": (PeepholeLSTM, torch_loops.PeepholeLoop),
        "coupled": (CoupledLSTM, torch_loops.CoupledLoop),
        "layernorm": (LayerNormLSTM, torch_loops.LayerNormLoop),
    }
    for cell, (kind, loop) in loops.items():
        torch.manual_seed(0)
        ours = kind(D, H, dtype=dtype)
        field.append(torch_loops.contender(name(cell, TORCH), ours, task, cell))
        field.append(torch_loops.contender(name(cell, LOOP), loop(ours), task, cell))
    return field


def in_numpy(cell, twin, module, task):
    """The same network without torch."""
    weights = {field: getattr(module, f"{field}_l0").detach().numpy() for field in twin.Params._fields}
    params = twin.Params(**{field: np.array(value) for field, value in weights.items()})

    def both():
        hs, _, cache = twin.forward(params, task.x)
        return hs, twin.backward(params, task.d_hs, cache)[0]

    return Contender(name(cell, NUMPY), lambda: twin.forward(params, task.x, keep_cache=False)[0], both, cell)
