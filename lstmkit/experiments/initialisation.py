"""How does the start of the weights decide whether a network learns to keep one bit for 50 or 200 steps?

Setting.  The latch (lstmkit/experiments/latch.py): the first input is a bit, all later ones are noise, and the bit is
asked for at the end.  One recurrent layer of about 1,200 parameters (16 LSTM units), Adam, the gradient clipped to norm
1, 32 fresh sequences a step.  Every 25 steps the share of wrong answers on the same 500 held-out sequences is taken;
the task is solved at half a percent, and given up after `max_steps`.  Whoever guesses is right half the time.

The contestants are one LSTM with six starts, the forget bias at -2, 0, 1 ("LSTM"), 3 or 5, or the biases spread for
memories of up to T steps ("LSTM chrono"); the tanh RNN from torch.nn's start and from an orthogonal matrix; the GRU
from torch.nn's start and with chrono biases.  Nothing but the start differs within a kind.

Recorded: T = 50 with two learning rates for each contestant, the one with the better held-out score kept, and T = 200
at that rate.  Live: T = 50 alone, six contestants, one rate chosen before.

Source: Jozefowicz, Zaremba & Sutskever (2015) for the forget bias; Tallec & Ollivier (2018) for chrono; Le, Jaitly &
Hinton (2015) and Arjovsky, Shah & Bengio (2016) for what the recurrent matrix of a plain RNN can do.
Chapter: chapters/practice.md.

Keys: parameters, rate {name: ...}; guess (0.5); max_steps, batch; and for each length, under "T50" and "T200" ("T50"
alone on the live scale): T, solved, steps, sequences, cpu_seconds (the last three None where it was not solved),
accuracy (test), history_steps, history_error, {name: ...}.
"""

import numpy as np
import torch

from lstmkit.comparison import reached, tuned
from lstmkit.experiments import latch
from lstmkit.experiments.adding import build, tensors
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.network import accuracy, count_parameters, cross_entropy
from lstmkit.torch.training import fit

GUESS = 0.5
GOAL = 0.005  # the share of wrong answers that counts as solved
HELD_OUT, TESTED = 10**6, 10**6 + 1  # streams that no training step draws from
ALL = (
    "LSTM b_f=-2", "LSTM b_f=0", "LSTM", "LSTM b_f=3", "LSTM b_f=5", "LSTM chrono",
    "RNN", "RNN orthogonal", "GRU", "GRU chrono",
)  # fmt: skip
SETTINGS = {
    "test": dict(lengths=(6, 8), parameters=300, max_steps=2, batch=4, names=ALL, rates=(1e-2, 3e-3)),
    "live": dict(
        lengths=(50,), parameters=1_200, max_steps=400, batch=32, rates=(1e-2,),
        names=("LSTM b_f=0", "LSTM", "LSTM b_f=5", "LSTM chrono", "RNN", "RNN orthogonal"),
    ),
    "recorded": dict(
        lengths=(50, 200), parameters=1_200, max_steps=400, batch=32, names=ALL, rates=(1e-2, 3e-3)
    ),
}  # fmt: skip


def train(name, T, setting, rate, seed, device):
    """The trained network of one contestant and its Run, which ends when the latch is solved."""
    network = build(name, T, setting["parameters"], D=1, outputs=2, seed=seed).to(device)
    x, labels = tensors(latch.batch(np.random.default_rng([seed, HELD_OUT, T]), T, 500, np.float32), device)
    run = fit(
        network, lambda step, rng: latch.batch(rng, T, setting["batch"], np.float32), cross_entropy,
        steps=setting["max_steps"], lr=rate, seed=seed, goal=GOAL, every=25,
        evaluate=lambda network: 1 - accuracy(network, x, labels),
    )  # fmt: skip
    return network, run


def run(seed=0, scale="live", device="cpu"):
    """Train every contestant at every length; its rate is chosen at the first."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    rates, parameters, result = {}, {}, {}
    for T in setting["lengths"]:
        x, labels = tensors(latch.batch(np.random.default_rng([seed, TESTED, T]), T, 1_000, np.float32), device)
        found = result[f"T{T}"] = {"T": T}
        for name in setting["names"]:
            trained = {}

            def attempt(rate, name=name, T=T, trained=trained):
                trained[rate], run = train(name, T, setting, rate, seed, device)
                return run

            if name in rates:
                run = attempt(rates[name])
            else:
                run, rates[name] = tuned(attempt, setting["rates"])
            network = trained[rates[name]]
            parameters[name] = count_parameters(network)
            steps, seconds = reached(run, GOAL)
            with torch.no_grad():
                right = accuracy(network, x, labels)
            for key, value in {
                "solved": steps is not None, "steps": steps, "sequences": steps and steps * setting["batch"],
                "cpu_seconds": seconds, "accuracy": right,
                "history_steps": [e["steps"] for e in run.evaluations],
                "history_error": [e["score"] for e in run.evaluations],
            }.items():  # fmt: skip
                found.setdefault(key, {})[name] = value
    return {
        "parameters": parameters, "rate": rates, "guess": GUESS, "max_steps": setting["max_steps"],
        "batch": setting["batch"], **result,
    }  # fmt: skip
