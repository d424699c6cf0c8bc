"""Which cells learn to count, and how far beyond their training does the count go on?

Setting: the strings a^n b^n, and on the recorded scale a^n b^n c^n too (lstmkit/tasks/counting.py), n uniform from 1 to
N, 16 strings a step, Adam with a learning rate that falls to 0 in a straight line.  After every symbol the model says
which may follow; a string is accepted if it is right about every symbol at every step.  The score is the largest n such
that the model accepts all strings up to n, looked for up to a limit.

Contestants, with equal parameters: the LSTM (12 units), the GRU, the RNN with ReLU and, on the recorded scale, the RNN
with tanh and a Transformer of one block.  "Transformer wide" has several times the parameters, so that size is no
excuse.  On the recorded scale each tries the same learning rates, and the loss on all strings of the training lengths
chooses; the live scale uses one rate for all.  The simple baseline sees the last symbol alone: nearly always right
step by step, it accepts n = 1 and nothing more.

A count that goes on needs a state that grows with n.  So the experiment also reads the states: of the LSTM c, of the
others h, while the trained model reads a string of n = state_n, and one twice as long.

Source: Gers & Schmidhuber (2001) for the task; Weiss, Goldberg & Yahav (2018) for the comparison of cells.  Published:
PUBLISHED_REACH below.

Keys: reach {task: {contestant: the largest n}}, tasks "anbn" and "anbncn"; inside (share of the training lengths
accepted), loss (nats an answer, on the training lengths), rate (chosen), cpu_seconds (of the run with it), parameters,
all of the same shape; N {task: int}; baseline {task: the largest n of the last symbol alone}; last_symbol_accuracy
{task: share of its steps right at n = N}; of the task anbn and the recurrent contestants: largest_state and
largest_state_twice {contestant: float}, the largest |c| or |h| at n = state_n and n = 2 state_n, and counter
{contestant: (2 state_n + 1,)}, the unit whose state is largest; limit, state_n.

Chapter: chapters/gru.md.
"""

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import equal_width, tuned
from lstmkit.numpy import lstm as twin
from lstmkit.tasks import counting
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import GRU, LSTM, RNN, stack
from lstmkit.torch.network import Network, Transformer, count_parameters
from lstmkit.torch.training import fit

# The largest n accepted, and the n up to which it was trained (Weiss et al., 2018, section 5, as reported).
PUBLISHED_REACH = {"anbn": {"trained": 100, "LSTM": 256, "GRU": 38}, "anbncn": {"trained": 50, "LSTM": 100, "GRU": 8}}
LETTERS = {"anbn": 2, "anbncn": 3}  # kinds of letter in each task
H, BATCH = 12, 16
SHORT, ALL = ("LSTM", "GRU", "RNN ReLU"), ("LSTM", "GRU", "RNN ReLU", "RNN", "Transformer")
SETTINGS = {
    "test": dict(N={"anbn": 2, "anbncn": 2}, names=(*ALL, "Transformer wide"), steps=2, limit=5, rates=(1e-2, 4e-2)),
    "live": dict(N={"anbn": 10}, names=SHORT, steps=600, limit=300, rates=(4e-2,)),
    "recorded": dict(
        N={"anbn": 30, "anbncn": 15}, names=(*ALL, "Transformer wide"), steps=1600, limit=1000, rates=(1e-2, 3e-2)
    ),
}


def builders(k):
    """{name: a function that builds the contestant for k kinds of letter}, equal in parameters to the LSTM."""
    size = k + 1  # the letters and the mark

    def transformer(d_model, feedforward, blocks):
        return Network(Transformer(d_model, 1, blocks, feedforward), size, first=nn.Linear(size, d_model))

    def lstm():
        return Network(LSTM(size, H), size)

    wanted = count_parameters(lstm())

    def equal(build):
        width = equal_width(build, wanted)
        return lambda: build(width)

    return {
        "LSTM": lstm,
        "GRU": equal(lambda width: Network(GRU(size, width), size)),
        "RNN ReLU": equal(lambda width: Network(RNN(size, width, nonlinearity="relu"), size)),
        "RNN": equal(lambda width: Network(RNN(size, width), size)),
        "Transformer": equal(lambda width: transformer(6, width, 1)),
        "Transformer wide": lambda: transformer(16, 64, 2),
    }


def loss(model, x, y, mask):
    """Mean cross-entropy of the yes-or-no answers within the strings: y (T, B, k + 1), mask (T, B)."""
    scores, _ = model(x)
    return nn.functional.binary_cross_entropy_with_logits(scores[mask], y[mask])


def accepts(model, ns, k, device="cpu"):
    """Which of the strings with the given n's the model accepts, (len(ns),) of bool."""
    strings = counting.sequences(ns, k, np.float32)
    with torch.no_grad(), np.errstate(over="ignore", invalid="ignore"):  # the state of a ReLU may run away
        scores, _ = model(torch.from_numpy(strings.x).to(device))
    return counting.accepted(scores.cpu().numpy(), strings)


def reach(model, k, limit, device="cpu", at_once=20):
    """The largest n up to `limit` such that every string up to n is accepted; 0 if not even n = 1 is."""
    for first in range(1, limit + 1, at_once):
        right = accepts(model, range(first, min(first + at_once, limit + 1)), k, device)
        if not right.all():
            return first - 1 + int(np.argmin(right))
    return limit


def states(core, n):
    """What a recurrent core carries while it reads a^n b^n: c of an LSTM, h of the others, (2n + 1, units)."""
    x = counting.sequences([n], dtype=np.float32).x
    if isinstance(core, LSTM):
        params = twin.Params(*(value.detach().cpu().numpy() for value in stack.params(core, twin, "_l0")))
        return twin.forward(params, x)[2].carried["c"][1:, :, 0]
    with torch.no_grad(), np.errstate(over="ignore", invalid="ignore"):
        hs, _ = core(torch.from_numpy(x).to(core.W_x_l0.device))
    return np.nan_to_num(hs[:, 0].cpu().numpy())


def train(build, task, setting, rate, seed, device):
    """(Run, network) of one contestant at one learning rate; the evaluation is the loss on the training lengths."""
    k, N, steps = LETTERS[task], setting["N"][task], setting["steps"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build().to(device)
    every_length = counting.sequences(range(1, N + 1), k, np.float32)
    every_length = tuple(torch.from_numpy(array).to(device) for array in every_length)
    run = fit(
        network,
        lambda step, rng: counting.batch(rng, N, BATCH, k, np.float32),
        loss,
        steps=steps,
        lr=rate,
        schedule=lambda step: 1 - step / steps,
        seed=seed,
        evaluate=lambda model: loss(model, *every_length),
        every=steps,
        progress=False,
    )
    return run, network.eval()


def run(seed=0, scale="live", device="cpu"):
    """Train every contestant on every task of the scale; then ask how far it counts."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    limit, state_n = setting["limit"], 2 * setting["N"]["anbn"]
    names = ("reach", "inside", "loss", "rate", "cpu_seconds", "parameters")
    found = {key: {task: {} for task in setting["N"]} for key in names}
    found |= {"N": dict(setting["N"]), "baseline": {}, "last_symbol_accuracy": {}, "limit": limit, "state_n": state_n}
    found |= {"largest_state": {}, "largest_state_twice": {}, "counter": {}}
    for task, N in setting["N"].items():
        k = LETTERS[task]
        accuracies = [counting.last_symbol_accuracy(n, k) for n in range(1, N + 1)]
        found["baseline"][task] = int(np.argmin(np.array([*accuracies, 0]) == 1))
        found["last_symbol_accuracy"][task] = accuracies[-1]
        for name in setting["names"]:
            networks, build = {}, builders(k)[name]

            def train_at(rate, build=build, task=task, networks=networks):
                run, networks[rate] = train(build, task, setting, rate, seed, device)
                return run

            chosen, rate = tuned(train_at, setting["rates"])
            network = networks[rate]
            found["reach"][task][name] = reach(network, k, limit, device)
            found["inside"][task][name] = float(accepts(network, range(1, N + 1), k, device).mean())
            found["loss"][task][name] = chosen.evaluations[-1]["score"]
            found["rate"][task][name] = rate
            found["cpu_seconds"][task][name] = chosen.cpu_seconds
            found["parameters"][task][name] = count_parameters(network)
            if task == "anbn" and not name.startswith("Transformer"):
                once, twice = (states(network.core, n) for n in (state_n, 2 * state_n))
                found["largest_state"][name] = float(np.abs(once).max())
                found["largest_state_twice"][name] = float(np.abs(twice).max())
                found["counter"][name] = once[:, np.abs(once).max(axis=0).argmax()]
    return found
