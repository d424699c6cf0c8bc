"""Do peepholes help a network to measure an interval, and do they help it to keep a beat?

Setting.  lstmkit/tasks/timing.py.  `measure`: were two spikes F or F + 1 steps apart?  Solved when at most one of 200
fixed validation lines is wrong.  `generate`: from a constant input, a spike every F steps; trained on the first five
periods, solved when 50 periods run without a mistake.  Contestants: "LSTM" and "peephole", as many units, forget bias
1, a linear read-out; at this size the peepholes are less than 3 % of the parameters.  Adam, the gradient clipped to
norm 1.  In the recorded run every network tries two learning rates and keeps the one that solves it in fewer steps; in
the live run there is one, and the intervals are shorter.

A run trains `pairs` pairs of networks, each pair on the same data, and says how sure that makes us: `p` is exact, from
flipping the sign of each pair's difference in log steps (`sign_flip`).  An unsolved network counts with the limit.  No
p is below 2 to the power of 1 - pairs; for more, pool the `steps` of several seeds.

`slope` needs no training: random cells with the output gate forced shut (h = 0) or open (h = tanh c), and the largest
change of the next step's input and forget gates for a small change of the cell state c.

Keys: steps, task -> name -> (pairs,) until solved, the limit where unsolved; solved, task -> name -> how many;
cpu_seconds, task -> name -> of all its training; mean_steps, task -> name -> geometric mean of steps; p, task -> float;
pairs; limit and F, task -> steps; guess, accuracy of a guess at `measure`; silent, accuracy of no spike at `generate`;
silent_periods, how long that keeps the beat; parameters, task -> name -> int; slope, name -> "closed" or "open" ->
float.

Source: Gers, Schraudolph & Schmidhuber (2002); on other tasks Greff et al. (2017), who found no significant effect.
Chapter: chapters/peephole.md.
"""

import itertools

import numpy as np
import torch

from lstmkit.comparison import reached
from lstmkit.numpy import lstm, peephole, recurrence
from lstmkit.tasks import timing
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import LSTM, PeepholeLSTM
from lstmkit.torch.network import Network, accuracy, count_parameters, cross_entropy
from lstmkit.torch.training import fit

KINDS = {"LSTM": LSTM, "peephole": PeepholeLSTM}
CELLS = {"LSTM": lstm, "peephole": peephole}
OUTPUTS = {"measure": 2, "generate": 1}
GOALS = {"measure": 0.005, "generate": 0}  # share of wrong answers; periods short of STABLE
UNITS, BATCH, LINES, STABLE, EVERY = 24, 32, 200, 50, 25  # EVERY: steps between evaluations
SETTINGS = {
    "test": {"pairs": 2, "periods": 2, "F": {"measure": 3, "generate": 2}, "limit": {"measure": 2, "generate": 2},
             "rates": {"measure": (3e-3, 1e-2), "generate": (1e-2,)}},
    "live": {"pairs": 2, "periods": 5, "F": {"measure": 12, "generate": 4}, "limit": {"measure": 250, "generate": 250},
             "rates": {"measure": (5e-3,), "generate": (1e-2,)}},
    "recorded": {"pairs": 6, "periods": 5, "F": {"measure": 25, "generate": 10},
                 "limit": {"measure": 700, "generate": 400},
                 "rates": {"measure": (1.5e-3, 3e-3), "generate": (3e-3, 1e-2)}},
}  # fmt: skip


def build(name, task):
    """The network of a contestant: x (T, B, 1), logits (T, B, 2) of the interval or (T, B, 1) of a spike."""
    return Network(KINDS[name](1, UNITS), OUTPUTS[task])


def beat_loss(network, x, y):
    """Cross-entropy of the spikes y (T, B), each as heavy as the F - 1 steps of silence before it."""
    logits, _ = network(x)
    weight = torch.where(y == 1, (y == 0).sum() / (y == 1).sum(), 1.0)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits[..., 0], y.to(logits.dtype), weight)


def beats(network, F, device="cpu"):
    """How many whole periods of STABLE the network keeps the beat, starting from zeros."""
    x, _ = timing.generate(F, STABLE, dtype=np.float32)
    logits, _ = network(torch.from_numpy(x).to(device))
    return int(timing.stable_periods(logits[..., 0].cpu().numpy() > 0, F)[0])


def train(seed, setting, task, name, rate, limit, device):
    """(steps until solved or None, CPU seconds) of one network."""
    F = setting["F"][task]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(name, task).to(device)
    held = timing.measure(np.random.default_rng([seed, 1]), F, LINES, dtype=np.float32)
    held = [torch.from_numpy(array).to(device) for array in held]
    lesson = timing.generate(F, setting["periods"], dtype=np.float32)
    batch, loss, judge = {
        "measure": (lambda step, rng: timing.measure(rng, F, BATCH, dtype=np.float32), cross_entropy,
                    lambda network: 1 - accuracy(network, *held)),
        "generate": (lambda step, rng: lesson, beat_loss, lambda network: STABLE - beats(network, F, device)),
    }[task]  # fmt: skip
    goal = GOALS[task]
    done = fit(network, batch, loss, steps=limit, lr=rate, seed=seed, evaluate=judge, every=EVERY, goal=goal)
    return reached(done, goal)[0], done.cpu_seconds


def fewest_steps(seed, setting, task, name, device):
    """(steps, solved, CPU seconds) at the rate that needs fewest; a later rate gets no more steps than the best one."""
    best, seconds = None, 0.0
    for rate in setting["rates"][task]:
        steps, used = train(seed, setting, task, name, rate, best or setting["limit"][task], device)
        best, seconds = steps or best, seconds + used
    return best or setting["limit"][task], best is not None, seconds


def sign_flip(differences):
    """The two-sided p of paired differences (N,): how many of the 2^N ways to flip their signs have as large a sum."""
    differences = np.asarray(differences, float)
    signs = np.array(list(itertools.product((-1, 1), repeat=len(differences))))
    return float((np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9).mean())


def slope(seed, name, gate, H=8, eps=1e-6):
    """The largest change of i and f at the next step for a change of c, per unit, with o forced "closed" or "open".

    A random cell of H units: all its weights, the peepholes too, its input and c are standard normal.
    """
    cell, rng = CELLS[name], np.random.default_rng([seed, 3])
    params = cell.init_params(rng, 1, H)
    params = params._replace(**{field: rng.normal(size=a.shape) for field, a in params._asdict().items()})
    x, c, o = rng.normal(size=(1, 1, 1)), rng.normal(size=(1, H)), {"closed": 0.0, "open": 1.0}[gate]

    def gates(c):
        _, _, cache = cell.forward(params, x, cell.State(o * np.tanh(c), c))
        return np.stack([recurrence.read(cache, letter) for letter in "if"])

    changes = [(gates(c + eps * unit) - gates(c - eps * unit)) / (2 * eps) for unit in np.eye(H)]
    return float(np.abs(changes).max())


def run(seed=0, scale="live", device="cpu"):
    """Train the pairs on both tasks, and ask the random cells."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    result = {key: {task: {} for task in OUTPUTS} for key in ("steps", "solved", "cpu_seconds", "mean_steps")}
    for task in OUTPUTS:
        for name in KINDS:
            seeds = [100 * seed + pair for pair in range(setting["pairs"])]
            steps, solved, seconds = zip(*(fewest_steps(s, setting, task, name, device) for s in seeds), strict=True)
            result["steps"][task][name] = np.array(steps)
            result["solved"][task][name] = sum(solved)
            result["cpu_seconds"][task][name] = sum(seconds)
            result["mean_steps"][task][name] = float(np.exp(np.log(steps).mean()))
    logs = {task: {name: np.log(steps) for name, steps in of.items()} for task, of in result["steps"].items()}
    return result | {
        "p": {task: sign_flip(of["LSTM"] - of["peephole"]) for task, of in logs.items()},
        "pairs": setting["pairs"],
        "limit": setting["limit"],
        "F": setting["F"],
        "guess": timing.GUESS,
        "silent": timing.silent_accuracy(setting["F"]["generate"]),
        "silent_periods": int(timing.stable_periods(np.zeros((STABLE, 1)), setting["F"]["generate"])[0]),
        "parameters": {task: {name: count_parameters(build(name, task)) for name in KINDS} for task in OUTPUTS},
        "slope": {name: {gate: slope(seed, name, gate) for gate in ("closed", "open")} for name in CELLS},
    }
