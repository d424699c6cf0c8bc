"""Who can add two marked numbers across a hundred steps, after how many sequences, and in how many CPU seconds?

Setting.  The adding problem (lstmkit/tasks/adding.py), one recurrent layer or its rival, a linear read-out of the last
step, Adam, the gradient clipped to norm 1, mini-batches of fresh sequences.  Every contestant has about as many
parameters as the others of its scale (17,000 in the recorded run: 64 LSTM units) and sees the same sequences.  Every 50
steps the mean squared error on the same 400 held-out sequences is taken; a run ends at the `goal` or when its steps are
spent, and 1,000 further sequences give the error that is reported.  Whoever always answers 1 has an error of 1/6.

Contestants: "LSTM" (forget bias 1), "LSTM b_f=0", "LSTM chrono" (biases for memories up to T), "GRU", "RNN" (tanh),
"Transformer" (two causal blocks of width 32), "windows" (layers of dilated windows that reach over the whole sequence)
and "windows of 8" (three layers whose last output depends on 8 inputs).  "LSTM chrono, quarter" has a quarter of the
parameters: whether it is the parameters that make an LSTM able.

Recorded: T = 100 for all but the windows, T = 200 for the two quickest, and T = 50 for the windows, which are slow to
learn.  Two learning rates were tried for each contestant, `RATES`, at these lengths and with these steps but on a seed
of its own, and the one that reached the goal sooner, or came nearer to it, was kept: `choose_rate` does it again.  A
step of a Transformer or of windows costs several times one of the LSTM, so they get fewer of them: `max_steps` says how
many, and `equal_cost` compares all at equal steps and at equal CPU seconds.  Live: T = 50, a goal of 0.01, three
contestants of 4,500 parameters.

The problem of 1997: values in [-1, 1], the mark of the first and of the last pair set to -1, one mark among the first
ten pairs and one in the first half, length T to 1.1 T, the target 0.5 + (x1 + x2) / 4; a mark that falls on the first
pair is covered by its -1, and that pair counts nothing.  The criterion is that of the paper: mean error below 0.01, and
below 0.04 on every one of 2,000 sequences.  Ours are held out, theirs were the last ones of training.
Published: 74,000 training sequences at T = 100, the mean of ten trials with 93 weights, gradient descent one sequence
at a time (Hochreiter & Schmidhuber, 1997, Table 7, checked in a transcript of the paper).  One length for each
mini-batch, Adam and 32 units make ours another training of the same task, and not a race.

Source: Hochreiter & Schmidhuber (1997), experiment 4; Bai, Kolter & Koltun (2018) for rivals of equal size.
Chapter: chapters/architecture.md.

Keys: T; goal; batch; constant_mse (1/6); constant_test_mse (that of the same answer on the test sequences); and, for
each contestant: parameters, rate, max_steps, solved, steps, sequences, cpu_seconds (the last three None where the goal
was not reached), seconds_per_step, mse (test), history_steps and history_mse, {name: ...}; equal_cost, as
`at_equal_cost` gives it.  longer and windows: T, goal and the same for the contestants of the further problems, None
where the scale has none.  original: T, solved, sequences, cpu_seconds, wrong (of
2,560 test sequences), published_sequences; None on the live scale.
"""

import math

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import at_equal_cost, best, equal_width, reached
from lstmkit.tasks import adding
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import GRU, LSTM, RNN, initialise
from lstmkit.torch.network import Network, Transformer, Windows, count_parameters, squared_error
from lstmkit.torch.training import fit

PUBLISHED_SEQUENCES = 74_000  # Hochreiter & Schmidhuber (1997), Table 7, T = 100
EVERY, VALIDATION, TEST = 50, 400, 1_000
RATES = (1e-2, 3e-3)  # tried for every contestant; the first, unless `rates` of a scale says otherwise
PILOT = 1_000  # the seed on which they were tried, which no record uses
HELD_OUT, TESTED, ORIGINAL = 10**6, 10**6 + 1, 10**6 + 2  # streams that no training step draws from
SETTINGS = {
    "test": dict(
        T=10, parameters=950, batch=8, goal=1e-3, rates={"windows": 3e-3, "windows of 8": 3e-3},
        max_steps={"LSTM": 2, "LSTM b_f=0": 2, "LSTM chrono": 2, "GRU": 2, "RNN": 2, "Transformer": 1,
                   "LSTM chrono, quarter": 2},
        longer=(12, {"GRU": 1}), windows=(8, {"windows": 1, "windows of 8": 1}), original=(20, 2),
    ),
    "live": dict(
        T=50, parameters=4_513, batch=32, goal=1e-2, rates={},
        max_steps={"LSTM chrono": 500, "GRU": 500, "RNN": 500}, longer=None, windows=None, original=None,
    ),
    "recorded": dict(
        T=100, parameters=17_217, batch=32, goal=1e-3, rates={"windows": 3e-3, "windows of 8": 3e-3},
        max_steps={"LSTM": 1_600, "LSTM b_f=0": 1_600, "LSTM chrono": 1_600, "GRU": 1_600, "RNN": 1_600,
                   "Transformer": 400, "LSTM chrono, quarter": 1_600},
        longer=(200, {"LSTM chrono": 900, "GRU": 900}), windows=(50, {"windows": 800, "windows of 8": 300}),
        original=(100, 2_400),
    ),
}  # fmt: skip


def build(name, T, parameters, D=2, outputs=1, last=True, seed=0):
    """The network of a contestant, of about that many parameters: (T, B, D) in, (B, O) or (T, B, O) out."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name.startswith("LSTM"):
            parameters = parameters // 4 if name.endswith("quarter") else parameters
            return recurrent(name, LSTM, T, parameters, D, outputs, last)
        if name.startswith(("GRU", "RNN")):
            return recurrent(name, GRU if name.startswith("GRU") else RNN, T, parameters, D, outputs, last)
        if name == "Transformer":
            width = 8 * max(1, round(math.sqrt(parameters / 17_000) * 4))  # 32 for 17,000 parameters

            def make(F):
                core = Transformer(width, dim_feedforward=F)
                return Network(core, outputs, first=nn.Linear(D, width), last=last)

            return make(equal_width(make, parameters))
        layers = 3 if name == "windows of 8" else math.ceil(math.log2((T - 1) / 2 + 1))
        window = 2 if name == "windows of 8" else 3

        def make_windows(H):
            network = Network(Windows(D, H, window, layers), outputs, last=last)
            with torch.no_grad():
                for layer in network.core.layers:
                    layer.W *= math.sqrt(3)  # variance 1 / (k D) in the weights: signals pass many layers undamped
            return network

        return make_windows(equal_width(make_windows, parameters))


def recurrent(name, core, T, parameters, D, outputs, last):
    """A recurrent contestant with the start that its name says: "chrono", "b_f=...", "orthogonal", or the default."""

    def make(H):
        return Network(core(D, H), outputs, last=last)

    network = make(equal_width(make, parameters))
    if "chrono" in name:
        initialise.chrono(network.core, T)
    if "b_f=" in name:
        initialise.forget_bias(network.core, float(name.split("b_f=")[1]))
    if "orthogonal" in name:
        initialise.orthogonal(network.core)
    return network


def train(name, T, setting, steps, rate, seed, device):
    """The trained network of one contestant and its Run."""
    network = build(name, T, setting["parameters"], seed=seed).to(device)
    x, y = tensors(adding.batch(np.random.default_rng([seed, HELD_OUT, T]), T, VALIDATION, np.float32), device)
    run = fit(
        network, lambda step, rng: adding.batch(rng, T, setting["batch"], np.float32), squared_error, steps=steps,
        lr=rate, seed=seed, evaluate=lambda network: squared_error(network, x, y).item(), every=min(EVERY, steps),
        goal=setting["goal"],
    )  # fmt: skip
    return network, run


def tensors(arrays, device):
    """Arrays of any shape as tensors on the device."""
    return tuple(torch.from_numpy(array).to(device) for array in arrays)


def original_batch(rng, T, B, dtype=np.float32):
    """The task as it was in 1997, T <= T' <= 1.1 T steps for the whole batch.  Returns x (T', B, 2) and y (B, 1)."""
    length, column = int(rng.integers(T, T + T // 10 + 1)), np.arange(B)
    x = np.zeros((length, B, 2), dtype)
    x[..., 0] = rng.uniform(-1, 1, (length, B))
    first = rng.integers(0, 10, B)
    second = rng.integers(0, T // 2 - 1, B)
    second += second >= first  # one of the pairs that are still unmarked
    x[first, column, 1] = x[second, column, 1] = 1
    x[[0, -1], :, 1] = -1  # so a mark on the first pair cannot be seen, and that pair counts nothing
    picked = np.stack([x[first, column, 0], x[second, column, 0]])
    picked[np.stack([first, second]) == 0] = 0
    return x, (0.5 + picked.sum(axis=0) / 4)[:, None].astype(dtype)


def original(seed, setting, device):
    """Train the quarter-size "LSTM chrono" on the task of 1997 until it meets the criterion of 1997."""
    T, steps = setting["original"]
    network = build("LSTM chrono, quarter", T, setting["parameters"], seed=seed).to(device)

    def errors(rng, batches):
        """Absolute errors of sequences of various lengths: (B · batches,)."""
        drawn = (tensors(original_batch(rng, T, 160), device) for _ in range(batches))
        return torch.cat([(network(x)[0] - y).abs().flatten() for x, y in drawn])

    def evaluate(_):
        """How far the criterion is from being met: 1 or less when it is."""
        e = errors(np.random.default_rng([seed, ORIGINAL]), 13)[:2_000]
        return max(e.max().item() / 0.04, e.square().mean().item() / 0.01)

    run = fit(
        network, lambda step, rng: original_batch(rng, T, setting["batch"]), squared_error, steps=steps,
        lr=1e-2, schedule=lambda step: max(0.02, 1 - step / steps), seed=seed, evaluate=evaluate,
        every=min(2 * EVERY, steps), goal=1,
    )  # fmt: skip
    met, seconds = reached(run, 1)
    with torch.no_grad():
        wrong = int((errors(np.random.default_rng([seed, ORIGINAL, 1]), 16) > 0.04).sum())
    return {
        "T": T,
        "solved": met is not None,
        "sequences": met and met * setting["batch"],
        "cpu_seconds": seconds,
        "wrong": wrong,
        "published_sequences": PUBLISHED_SEQUENCES,
    }


def choose_rate(name, T, steps, setting, device="cpu"):
    """The rate that reaches the goal in fewer steps or, if none does, comes nearer; on a seed that no record uses."""

    def cost(rate):
        run = train(name, T, setting, steps, rate, PILOT, device)[1]
        return reached(run, setting["goal"])[0] or math.inf, best(run)

    return min(RATES, key=cost)


def compare(T, max_steps, setting, seed, device):
    """Train every contestant at one length; its numbers, and the runs {name: Run}."""
    x, y = tensors(adding.batch(np.random.default_rng([seed, TESTED, T]), T, TEST, np.float32), device)
    result, runs = {"T": T, "goal": setting["goal"]}, {}
    for name, steps in max_steps.items():
        rate = setting["rates"].get(name, RATES[0])
        network, run = train(name, T, setting, steps, rate, seed, device)
        runs[name] = run
        met, seconds = reached(run, setting["goal"])
        with torch.no_grad():
            mse = squared_error(network, x, y).item()
        for key, value in {
            "parameters": count_parameters(network), "rate": rate, "max_steps": steps, "solved": met is not None,
            "steps": met, "sequences": met and met * setting["batch"], "cpu_seconds": seconds,
            "seconds_per_step": run.cpu_seconds / len(run.loss), "mse": mse,
            "history_steps": [e["steps"] for e in run.evaluations],
            "history_mse": [e["score"] for e in run.evaluations],
        }.items():  # fmt: skip
            result.setdefault(key, {})[name] = value
    return result, runs


def run(seed=0, scale="live", device="cpu"):
    """Train every contestant at every length, and the LSTM on the task of 1997."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    T = setting["T"]
    result, runs = compare(T, setting["max_steps"], setting, seed, device)
    _, y = adding.batch(np.random.default_rng([seed, TESTED, T]), T, TEST)
    others = {
        name: setting[name] and compare(*setting[name], setting, seed, device)[0] for name in ("longer", "windows")
    }
    return {
        **result,
        "batch": setting["batch"],
        "constant_mse": adding.CONSTANT_MSE,
        "constant_test_mse": float(np.mean((1 - y) ** 2)),
        "equal_cost": at_equal_cost(runs),
        **others,
        "original": setting["original"] and original(seed, setting, device),
    }
