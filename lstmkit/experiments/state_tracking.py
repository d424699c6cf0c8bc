"""Who can follow a state that every input changes: parity, and cups that are shuffled?

Setting: after every bit name the parity so far, after every move name the order of three cups (lstmkit/tasks/parity.py
and permutations.py).  Trained on strings of 2 to T = 20 symbols, the length drawn anew for each batch of 64; asked for
the last answer of 200 fresh strings (live 100), at lengths up to 500.  Adam; a run ends early once it makes no mistake
at the longest training length.  Contestants with equal parameters: the RNN with tanh, the LSTM (32 units, forget bias
1), the GRU, two layers of minLSTM, whose gates see the input alone, and a causal Transformer of two blocks.  On the
recorded scale each tries the same learning rates, chosen on other strings of the longest training length; live, all use
one rate, fewer compete, and parity is the only task.  The simple baseline always names the same state: `guess`.

What the result can say: these sizes, this budget, no scratchpad.  A Transformer that may write down intermediate steps
is another machine.

Source: Hahn (2020) for parity and self-attention; Merrill, Petty & Sabharwal (2024) for permutations and for networks
whose recurrence is linear; Feng et al. (2024) for the minLSTM.

Keys, with tasks "parity" and "cups": accuracy {task: {contestant: (N,)}} at the lengths (N,), the first of them the
longest of training; trained and longest {task: {contestant: float}}, the accuracy at the first and the last length;
guess {task: float}; solved (at least 99 % of the validation strings), steps and cpu_seconds until then (None if
never), cpu_seconds_all (of the whole run), rate, parameters {task: {contestant: value}}; after_equal_seconds, the
validation accuracy after the CPU seconds of the shortest run, None where nothing had been judged by then; T.

Chapter: chapters/transformers.md.
"""

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import at_equal_cost, equal_width, reached, tuned
from lstmkit.tasks import parity, permutations
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import GRU, LSTM, RNN, MinLSTM
from lstmkit.torch.network import Network, Transformer, count_parameters, cross_entropy
from lstmkit.torch.training import fit

ALL = ("RNN", "LSTM", "GRU", "MinLSTM", "Transformer")
BATCH, GOAL = 64, 0.01  # the error at which a task counts as solved; at 0 the training ends
H = 32
CUPS = 3
SETTINGS = {
    "test": dict(steps=dict(parity=2, cups=2), T=5, lengths=(8,), names=ALL, every=1, rates=(3e-3, 1e-2), strings=20),
    "live": dict(
        steps={"parity": 250}, T=20, lengths=(40, 100, 500), names=("LSTM", "MinLSTM", "Transformer"), every=25,
        rates=(1e-2,), strings=100,
    ),
    "recorded": dict(
        steps=dict(parity=700, cups=600), T=20, lengths=(40, 100, 500), names=ALL, every=25, rates=(3e-3, 1e-2),
        strings=200,
    ),
}  # fmt: skip


def draw(task, rng, T, B):
    """x (T, B, 2) and y (T, B), the state after every symbol."""
    if task == "parity":
        return parity.batch(rng, T, B, np.float32)
    return permutations.batch(rng, T, B, CUPS, np.float32)


def guess(task):
    """How often a constant answer is right."""
    return parity.GUESS if task == "parity" else permutations.guess(CUPS)


def builders(outputs):
    """{name: a function that builds the network}, with the parameters of the LSTM; 2 inputs."""

    def lstm():
        return Network(LSTM(2, H), outputs)

    def transformer(d_model, feedforward):
        return Network(Transformer(d_model, 4, 2, feedforward), outputs, first=nn.Linear(2, d_model))

    wanted = count_parameters(lstm())

    def equal(build):
        width = equal_width(build, wanted)
        return lambda: build(width)

    return {
        "RNN": equal(lambda width: Network(RNN(2, width), outputs)),
        "LSTM": lstm,
        "GRU": equal(lambda width: Network(GRU(2, width), outputs)),
        "MinLSTM": equal(lambda width: Network(MinLSTM(2, width, num_layers=2), outputs)),
        "Transformer": equal(lambda width: transformer(16, width)),
    }


def error(model, x, y):
    """The share of wrong answers after the last symbol of the strings x (T, B, 2), y (T, B)."""
    answers, _ = model(x)
    return (answers[-1].argmax(-1) != y[-1]).double().mean().item()


def train(build, task, setting, rate, seed, device):
    """(Run, network) of one contestant at one rate; the evaluation is its error at the longest training length."""
    T = setting["T"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build().to(device)
    validation = draw(task, np.random.default_rng([seed, 1]), T, setting["strings"])
    validation = tuple(torch.from_numpy(array).to(device) for array in validation)
    run = fit(
        network,
        lambda step, rng: draw(task, rng, int(rng.integers(2, T + 1)), BATCH),
        cross_entropy,
        steps=setting["steps"][task],
        lr=rate,
        seed=seed,
        evaluate=lambda model: error(model, *validation),
        every=setting["every"],
        goal=0.0,
        progress=False,
    )
    return run, network.eval()


def run(seed=0, scale="live", device="cpu"):
    """Train every contestant on every task of the scale, and ask it at lengths it has never seen."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    names = ("accuracy", "trained", "longest", "solved", "steps", "cpu_seconds", "cpu_seconds_all", "rate")
    found = {key: {task: {} for task in setting["steps"]} for key in (*names, "parameters")}
    found |= {"guess": {}, "T": setting["T"], "after_equal_seconds": {}}
    found["lengths"] = np.array([setting["T"], *setting["lengths"]])
    for task in setting["steps"]:
        found["guess"][task], runs = guess(task), {}
        outputs = 2 if task == "parity" else len(permutations.orders(CUPS))
        for name in setting["names"]:
            networks, build = {}, builders(outputs)[name]

            def train_at(rate, build=build, task=task, networks=networks):
                run, networks[rate] = train(build, task, setting, rate, seed, device)
                return run

            runs[name], rate = tuned(train_at, setting["rates"])
            accuracies = []
            for length in found["lengths"]:
                strings = draw(task, np.random.default_rng([seed, 2, length]), int(length), setting["strings"])
                with torch.no_grad():
                    wrong = error(networks[rate], *(torch.from_numpy(array).to(device) for array in strings))
                accuracies.append(1 - wrong)
            steps, seconds = reached(runs[name], GOAL)
            values = (np.array(accuracies), accuracies[0], accuracies[-1], steps is not None, steps, seconds)
            values += (runs[name].cpu_seconds, rate, count_parameters(networks[rate]))
            for key, value in zip((*names, "parameters"), values, strict=True):
                found[key][task][name] = value
        equal = at_equal_cost(runs)["after_equal_seconds"]
        found["after_equal_seconds"][task] = {n: None if e is None else 1 - e for n, e in equal.items()}
    return found
