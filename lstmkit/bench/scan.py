"""minLSTM's recurrence, h_t = a_t ⊙ h_{t-1} + b_t: by the loop, by scans, and inside the whole layer.

The pass back is the same recurrence with the time reversed, so that each way of running it is timed both ways.
"""

import numpy as np

from lstmkit import doctor
from lstmkit.bench import peers
from lstmkit.bench.lstm import in_numpy
from lstmkit.bench.timing import PASSES, Bar, Contender, Shape, both_passes, problem
from lstmkit.numpy import minlstm, scan

SHAPES = (Shape(4096, 1, 64, 128), Shape(4096, 16, 64, 128))
DTYPES, ROUNDS = ("float32", "float64"), 9
LOOP, WHOLE_LSTM, WHOLE = "loop", "whole layer: LSTM", "whole layer: minLSTM"


def against_loop(name):
    """A recurrence by the loop; a layer by nothing."""
    return () if name.startswith("whole") else (LOOP,)


def against_lstm(name):
    """A layer by the LSTM; a bare recurrence by nothing."""
    return (WHOLE_LSTM,) if name.startswith("whole") else ()


AGAINST = {"x LSTM": against_lstm, "x loop": against_loop}


def measure(shapes, dtypes, threads, rounds, progress):
    """All results, and what took no part."""
    bar = Bar(len(shapes) * len(dtypes) * len(PASSES) * (rounds + 1), progress)
    results = []
    for dtype in dtypes:
        for shape in shapes:
            field = contenders(problem(shape, dtype))
            results.append(both_passes(field, shape, dtype, threads, rounds, bar, AGAINST, "scan"))
    bar.close()
    return results, [] if doctor.torch().found else peers.left_out()[:1]


def contenders(task):
    """The recurrence by each of the ways of lstmkit.numpy.scan and of its twin, then whole layers."""
    T, B, H = task.d_hs.shape
    rng, dtype = np.random.default_rng(0), task.x.dtype
    a = rng.uniform(0.5, 1, (T, B, H)).astype(dtype)
    b, h0 = rng.uniform(0, 1, (T, B, H)).astype(dtype), rng.uniform(0, 1, (B, H)).astype(dtype)
    later = np.concatenate([a[1:], np.ones_like(a[:1])])
    d_last = np.zeros_like(h0)
    ways = {LOOP: scan.linear, "as lstmkit picks": scan.run}
    ways |= {"blocks of √T": scan.blocks, "log2 T rounds": scan.doubling}
    field = [by(name, way, (a, b, h0), (later, task.d_hs, d_last)) for name, way in ways.items()]
    logs = [np.log(values) for values in (a, b, h0)]
    field.append(Contender("in logarithms", lambda: np.exp(scan.log_space(*logs)), None, "recurrence"))
    if doctor.torch().found:
        field += in_torch((a, b, h0), (later, task.d_hs, d_last), logs)
    return [*field, whole_minlstm(task), in_numpy(task)._replace(name=WHOLE_LSTM)]


def by(name, way, forward, backward):
    """One way to run the recurrence, and its reverse."""
    later, d_hs, d_last = backward

    def both():
        return way(*forward), way(later[::-1], d_hs[::-1], d_last)[::-1]

    return Contender(name, lambda: way(*forward), both, "recurrence")


def in_torch(forward, backward, logs):
    """The scans of lstmkit.torch.scan that a GPU would run."""
    import torch

    from lstmkit.torch import scan as twin

    a, b, h0 = map(torch.from_numpy, forward)
    later, d_hs, d_last = map(torch.from_numpy, backward)
    logs = [torch.from_numpy(values) for values in logs]

    def both():
        return twin.doubling(a, b, h0), twin.doubling(later.flip(0), d_hs.flip(0), d_last).flip(0)

    return [
        Contender("log2 T rounds, torch", lambda: twin.doubling(a, b, h0), both, "recurrence"),
        Contender("in logarithms, torch", lambda: twin.log_space(*logs).exp(), None, "recurrence"),
    ]


def whole_minlstm(task):
    """lstmkit.numpy.minlstm."""
    D, H = task.x.shape[2], task.d_hs.shape[2]
    params = minlstm.init_params(np.random.default_rng(0), D, H, dtype=task.x.dtype)

    def both():
        hs, _, cache = minlstm.forward(params, task.x)
        return hs, minlstm.backward(params, task.d_hs, cache)[0]

    return Contender(WHOLE, lambda: minlstm.forward(params, task.x, keep_cache=False)[0], both, "minLSTM")
