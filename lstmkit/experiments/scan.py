"""Is a recurrence faster when it is computed in parallel, on a machine that has little to compute in parallel with?

Setting.  The linear recurrence of minLSTM, h_t = a_t ⊙ h_{t-1} + b_t, forward, for B sequences of T steps and H units
in float32, one thread: by the loop; in √T blocks side by side; in log2 T rounds that double the reach; and in
logarithms, a cumulative sum and a cumulative log-sum-exp over all T at once, as Feng et al. (2024) compute it.  In
NumPy, and ("torch ...") in torch, where alone `device` matters.  `narrow` is one sequence, `wide` several: a wide step
is much to do at once already, a narrow one is over before it is worth its call.  Layers: a training step of minLSTM, as
lstmkit.torch runs it, beside torch.nn.LSTM.

Work and depth are counted and not timed: the same functions run on objects that count every multiplication and every
addition, and how many of them have to wait for each other.  That is what a machine with enough arithmetic units gains.

Times are the processor's (on cuda the wall clock's), medians of rounds in which all take turns.

Published, as reported: minLSTM and minGRU train 175 times as fast as their models at T = 512, on a GPU (Feng et al.,
2024, abstract of the first version of arXiv:2410.01201).

Keys: lengths (N,); ms: {narrow, wide} -> way -> (N,); to_loop: the same, times the loop's ms of the same library;
fastest: {narrow, wide} -> the way, at the longest T, NumPy; layer_ms: {LSTM, minLSTM} -> (N,) and layer_ratio (N,), the
LSTM's over minLSTM's; work, way -> (N,); depth, way -> (N,); work_ratio and depth_ratio, way -> float, to the loop's at
the longest T; difference, way -> float, the largest to a loop in float64, at the longest T; published_speed_up;
B_wide, D, H, rounds.

Source: Hillis & Steele (1986); Martin & Cundy (2018); Heinsen (2023); Feng et al. (2024).  Chapter: chapters/future.md.
"""

import functools
from statistics import median

import numpy as np
import torch

from lstmkit.bench import torch_loops
from lstmkit.bench.timing import Bar, Shape, interleave, problem
from lstmkit.experiments.kernel_speed import one_thread, training_step
from lstmkit.numpy import scan
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import MinLSTM
from lstmkit.torch import scan as on_torch

SETTINGS = {
    "test": {"lengths": (16, 32), "B_wide": 2, "H": 4, "rounds": 1},
    "live": {"lengths": (256, 1024), "B_wide": 16, "H": 64, "rounds": 3},
    "recorded": {"lengths": (256, 512, 1024, 2048, 4096), "B_wide": 16, "H": 64, "rounds": 7},
}
PUBLISHED_SPEED_UP = 175
WAYS = {"loop": scan.linear, "blocks": scan.blocks, "rounds": scan.doubling}


class Counted:
    """A number that knows how many operations in a row made it; `made` collects one entry for each operation."""

    def __init__(self, made, depth=0):
        self.made, self.depth = made, depth

    def __mul__(self, other):
        self.made.append(1)
        return Counted(self.made, 1 + max(self.depth, other.depth))

    __add__ = __mul__


def work_and_depth(way, T):
    """How many multiplications and additions a way takes for one unit, and how many of them in a row."""
    made = []
    a, b, h0 = (np.array([Counted(made) for _ in range(n)], object).reshape(n, 1, 1) for n in (T, T, 1))
    hs = way(a, b, h0[0])
    return len(made), max(h.depth for h in hs.ravel())


def logarithms(log_a, log_b, log_h0):
    """hs (T, B, H) in NumPy by cumulative sums of logarithms over all steps at once."""
    return np.exp(scan.log_space(log_a, log_b, log_h0, steps=len(log_a)))


def torch_loop(a, b, h0):
    """hs (T, B, H) in torch, one step after the other."""
    hs = []
    for a_t, b_t in zip(a, b, strict=True):
        h0 = torch.addcmul(b_t, a_t, h0)
        hs.append(h0)
    return torch.stack(hs)


def torch_logarithms(log_a, log_b, log_h0):
    """hs (T, B, H) in torch by cumulative sums of logarithms over all steps at once."""
    return on_torch.log_space(log_a, log_b, log_h0, steps=len(log_a)).exp()


def numbers(rng, T, B, H):
    """a in (1/2, 1), b and h0 in (0, 1): (T, B, H), (T, B, H) and (B, H), and the logarithms of the three."""
    given = rng.uniform(0.5, 1, (T, B, H)), rng.uniform(0, 1, (T, B, H)), rng.uniform(0, 1, (B, H))
    given = tuple(array.astype(np.float32) for array in given)
    return given, tuple(np.log(array) for array in given)


def ways(given, logs, device):
    """way -> function without arguments that returns hs (T, B, H)."""
    tensors, log_tensors = (tuple(torch.from_numpy(array).to(device) for array in arrays) for arrays in (given, logs))
    found = {name: functools.partial(way, *given) for name, way in WAYS.items()}
    found["logarithms"] = functools.partial(logarithms, *logs)

    def in_torch(function, arguments):
        def run():
            with torch.no_grad():
                hs = function(*arguments)
            if device != "cpu":
                torch.cuda.synchronize()
            return hs

        return run

    found["torch loop"] = in_torch(torch_loop, tensors)
    found["torch rounds"] = in_torch(on_torch.doubling, tensors)
    found["torch logarithms"] = in_torch(torch_logarithms, log_tensors)
    return found


def layers(T, B, H, device):
    """name -> a training step of the LSTM and of minLSTM on T steps."""
    task = problem(Shape(T, B, H, H), "float32")
    modules = {"LSTM": torch_loops.library(torch.nn.LSTM, task.params), "minLSTM": MinLSTM(H, H)}
    return {name: training_step(module.to(device), task, device) for name, module in modules.items()}


def run(seed=0, scale="live", device="cpu"):
    """Time every way on every length, and count what each would take anywhere."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    lengths, H, rounds = setting["lengths"], setting["H"], setting["rounds"]
    rng = np.random.default_rng([seed, 11])
    clock = 1 if device == "cpu" else None
    ms, difference = {}, {}
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for width, B in (("narrow", 1), ("wide", setting["B_wide"])):
            functions = {}
            for T in lengths:
                given, logs = numbers(rng, T, B, H)
                made = ways(given, logs, device)
                functions |= {(way, T): function for way, function in made.items()}
                if len(given[0]) == lengths[-1]:
                    exact = scan.linear(*(array.astype(np.float64) for array in given))
                    for way, function in made.items():
                        hs = function()
                        hs = hs.cpu().numpy() if isinstance(hs, torch.Tensor) else hs
                        difference[way] = max(difference.get(way, 0.0), float(np.abs(hs - exact).max()))
            seconds = interleave(functions, rounds, clock, Bar(1, wanted=False))
            ms[width] = {way: [1000 * median(seconds[way, T]) for T in lengths] for way in made}
        functions = {(name, T): step for T in lengths for name, step in layers(T, setting["B_wide"], H, device).items()}
        seconds = interleave(functions, rounds, clock, Bar(1, wanted=False))
    layer_ms = {name: [1000 * median(seconds[name, T]) for T in lengths] for name in ("LSTM", "minLSTM")}
    counted = {name: [work_and_depth(way, T) for T in lengths] for name, way in WAYS.items()}
    return {
        "lengths": list(lengths),
        "ms": ms,
        "to_loop": {
            width: {
                way: [a / b for a, b in zip(values, table["torch loop" if "torch" in way else "loop"], strict=True)]
                for way, values in table.items()
            }
            for width, table in ms.items()
        },
        "fastest": {
            width: min((way for way in table if "torch" not in way), key=lambda way, table=table: table[way][-1])
            for width, table in ms.items()
        },
        "layer_ms": layer_ms,
        "layer_ratio": [a / b for a, b in zip(layer_ms["LSTM"], layer_ms["minLSTM"], strict=True)],
        "work": {name: [work for work, _ in pairs] for name, pairs in counted.items()},
        "depth": {name: [depth for _, depth in pairs] for name, pairs in counted.items()},
        "work_ratio": {name: pairs[-1][0] / counted["loop"][-1][0] for name, pairs in counted.items()},
        "depth_ratio": {name: pairs[-1][1] / counted["loop"][-1][1] for name, pairs in counted.items()},
        "difference": difference,
        "published_speed_up": PUBLISHED_SPEED_UP,
        "B_wide": setting["B_wide"],
        "D": H,
        "H": H,
        "rounds": rounds,
    }
