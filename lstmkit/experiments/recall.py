"""Can a recurrent network look things up, and how large must its state be?

Setting: K pairs of key and value, then four of the keys, each asking for its value (lstmkit/tasks/recall.py, 64 kinds
of key, 16 of value); batches of 32 fresh sequences, Adam.  Every network reads the one-hot pairs through a linear layer
of 32 numbers.  A run ends once 99 % of the answers to 200 fresh sequences are right, or after the number of steps that
all have.  The simple baseline guesses: `guess`.

Contestants: a causal Transformer of two blocks (32 wide) and an LSTM of as many parameters; recorded, LSTMs of half
that width and of twice, and an mLSTM, whose state is a matrix, of as many parameters as the Transformer.  On the
recorded scale the Transformer and the LSTM try the same learning rates, chosen by the error on those 200 sequences; the
other widths take the LSTM's, the mLSTM the last of them.  Live, there is one rate.  The test is on 500 sequences that
nothing has seen.

Source: Arora et al. (2023), who ask more of the keys at once and give key and value a step each.

Keys: accuracy {"K4", ...: {contestant: float}}, on the test; solved, steps and cpu_seconds until then (None if never),
steps_all and cpu_seconds_all (of the whole run), rate, parameters, state_numbers (how many numbers are carried from the
last pair to the first question; of the Transformer, the keys and values it keeps), all of the same shape;
after_equal_seconds {"K4", ...: {contestant: accuracy after the CPU seconds of the shortest run, or None}}; guess, Q.

Chapter: chapters/limitations.md.
"""

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import at_equal_cost, equal_width, reached, tuned
from lstmkit.tasks import recall
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import LSTM, MLSTM
from lstmkit.torch.network import Network, Transformer, accuracy, count_parameters, cross_entropy
from lstmkit.torch.training import fit

Q, M, V = 4, 64, 16  # questions, kinds of key, kinds of value
D, BATCH, GOAL = 32, 32, 0.01  # width of every first layer; the error at which a task counts as solved
ALL = ("Transformer", "LSTM", "LSTM half", "LSTM double", "MLSTM")
SETTINGS = {
    "test": dict(K=(2, 3), names=ALL, steps=2, every=1, rates=(3e-3, 5e-3), test=20),
    "live": dict(K=(4,), names=("Transformer", "LSTM"), steps=400, every=50, rates=(5e-3,), test=500),
    "recorded": dict(K=(4, 16), names=ALL, steps=500, every=50, rates=(3e-3, 5e-3), test=500),
}


def builders():
    """{name: a function that builds the network}; the LSTM and the mLSTM have the parameters of the Transformer."""

    def network(core):
        return Network(core, V, first=nn.Linear(M + V + 1, D))

    def transformer():
        return network(Transformer(D, nhead=2, num_layers=2))

    wanted = count_parameters(transformer())
    width = equal_width(lambda width: network(LSTM(D, width)), wanted)
    matrix_width = equal_width(lambda width: network(MLSTM(D, width, num_heads=4)), wanted, step=4)
    return {
        "Transformer": transformer,
        "LSTM": lambda: network(LSTM(D, width)),
        "LSTM half": lambda: network(LSTM(D, width // 2)),
        "LSTM double": lambda: network(LSTM(D, 2 * width)),
        "MLSTM": lambda: network(MLSTM(D, matrix_width, num_heads=4)),
    }


def state_numbers(core, K):
    """How many numbers the core carries from K pairs to the questions about them."""
    if isinstance(core, Transformer):
        return 2 * len(core.blocks) * K * core.hidden_size  # a key and a value a step in each block
    _, state = core(torch.zeros(1, 1, D, device=next(core.parameters()).device))
    return sum(part.numel() for part in (state if isinstance(state, tuple) else (state,)))


def train(build, K, setting, rate, seed, device):
    """(Run, network) of one contestant at one rate; the evaluation is its error on 200 fresh sequences."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build().to(device)
    validation = on(device, recall.batch(np.random.default_rng([seed, 1, K]), K, 200, Q, M, V, np.float32))
    run = fit(
        network,
        lambda step, rng: recall.batch(rng, K, BATCH, Q, M, V, np.float32),
        cross_entropy,
        steps=setting["steps"],
        lr=rate,
        seed=seed,
        evaluate=lambda model: 1 - accuracy(model, *validation),
        every=setting["every"],
        goal=GOAL,
        progress=False,
    )
    return run, network.eval()


def on(device, arrays):
    """The arrays as tensors on the device."""
    return tuple(torch.from_numpy(array).to(device) for array in arrays)


def run(seed=0, scale="live", device="cpu"):
    """Train every contestant for every K, and ask it about sequences that nothing has seen."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    names = ("accuracy", "solved", "steps", "cpu_seconds", "steps_all", "cpu_seconds_all", "rate")
    names += ("parameters", "state_numbers")
    found = {key: {f"K{K}": {} for K in setting["K"]} for key in (*names, "after_equal_seconds")}
    for K in setting["K"]:
        rng, runs = np.random.default_rng([seed, 2, K]), {}
        test = on(device, recall.batch(rng, K, setting["test"], Q, M, V, np.float32))
        for name in setting["names"]:
            networks, build = {}, builders()[name]

            def train_at(rate, build=build, K=K, networks=networks):
                run, networks[rate] = train(build, K, setting, rate, seed, device)
                return run

            rates = setting["rates"][-1:]
            if name in ("Transformer", "LSTM"):
                rates = setting["rates"]
            elif name != "MLSTM":
                rates = (runs["LSTM"][1],)
            runs[name] = run, rate = tuned(train_at, rates)
            network = networks[rate]
            with torch.no_grad():
                right, numbers = accuracy(network, *test), state_numbers(network.core, K)
            steps, seconds = reached(run, GOAL)
            values = (right, steps is not None, steps, seconds, len(run.loss), run.cpu_seconds, rate)
            for key, value in zip(names, (*values, count_parameters(network), numbers), strict=True):
                found[key][f"K{K}"][name] = value
        equal = at_equal_cost({name: run for name, (run, _) in runs.items()})["after_equal_seconds"]
        found["after_equal_seconds"][f"K{K}"] = {n: None if e is None else 1 - e for n, e in equal.items()}
    return found | {"guess": recall.guess(V), "Q": Q}
