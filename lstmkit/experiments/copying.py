"""Who can keep ten symbols at once over a delay of thirty steps, and what does an LSTM need for it?

Setting.  Copy memory (lstmkit/tasks/copying.py): S symbols out of V, a delay of T steps, and then the S symbols are
asked for, in order.  One recurrent layer, or a Transformer of two causal blocks, and a linear read-out of every step;
Adam, the gradient clipped to norm 1.  Every contestant has about as many parameters as the others and sees the same
sequences; the run ends when the held-out cross-entropy is below a tenth of the guesser's, or when its steps are spent.
A step of the Transformer costs several times one of the LSTM, so it gets fewer: `max_steps` says how many, and
`equal_cost` compares all at equal steps and at equal CPU seconds.

Whoever says "blank" until the mark and then guesses has the cross-entropy `guess_loss`, S ln V / (T + 2S) a step, and
recalls one symbol in V.  Recall is the share of the S symbols that are right on 500 sequences that nobody has seen.

Recorded: T = 30, S = 10, V = 8, 41,000 parameters (96 LSTM units), two learning rates each, the better one chosen by
the held-out cross-entropy of a shorter problem (T = 5, S = 5).  Live: T = 10, S = 2 and 17,000 parameters, at rates
chosen before.

Published, as reported: with T = 1000, the LSTM stays where the guesser is, at 0.0204 (Bai, Kolter & Koltun, 2018; over
some hundreds of steps, Arjovsky, Shah & Bengio, 2016), and the LSTM with chrono biases solves delays of 500 to 2,000
(Tallec & Ollivier, 2018).
Chapter: chapters/limitations.md.

Keys: T, S, V, batch, guess_loss, guess_recall (1/V), goal; and, for each contestant: parameters, rate, max_steps,
solved, steps, sequences, cpu_seconds (the last three None where the goal was not reached), seconds_per_step,
cross_entropy and recall (test), recall_by_place (S,), history_steps and history_loss, {name: ...}; equal_cost, as
`at_equal_cost` gives it.
"""

import numpy as np
import torch

from lstmkit.comparison import at_equal_cost, reached, tuned
from lstmkit.experiments.adding import build, tensors
from lstmkit.tasks import copying
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.network import count_parameters, cross_entropy
from lstmkit.torch.training import fit

EVERY, VALIDATION, TEST = 50, 200, 500
HELD_OUT, TESTED = 10**6, 10**6 + 1  # streams that no training step draws from
SETTINGS = {
    "test": dict(
        T=4, S=2, V=3, batch=8, parameters=1_200, rates=(1e-2,), tune=None,
        max_steps={"LSTM": 2, "LSTM chrono": 2, "GRU": 2, "RNN": 2, "Transformer": 1},
    ),
    "live": dict(
        T=10, S=2, V=8, batch=32, parameters=17_000, rates=(1e-2,), tune=None,
        max_steps={"LSTM chrono": 450, "RNN": 400, "Transformer": 200},
    ),
    "recorded": dict(
        T=30, S=10, V=8, batch=32, parameters=41_100, rates=(5e-3, 1e-2), tune=(5, 5, 200),
        max_steps={"LSTM": 1_500, "LSTM chrono": 1_500, "GRU": 1_500, "RNN": 1_500, "Transformer": 750},
    ),
}  # fmt: skip


def train(name, T, S, setting, steps, rate, seed, device):
    """The trained network of one contestant and its Run."""
    V = setting["V"]
    network = build(name, T + S, setting["parameters"], D=V + 2, outputs=V + 1, last=False, seed=seed).to(device)
    held_out = copying.batch(np.random.default_rng([seed, HELD_OUT, T, S]), T, VALIDATION, S, V, np.float32)
    x, y = tensors(held_out, device)
    run = fit(
        network, lambda step, rng: copying.batch(rng, T, setting["batch"], S, V, np.float32), cross_entropy,
        steps=steps, lr=rate, seed=seed, evaluate=lambda network: cross_entropy(network, x, y).item(),
        every=min(EVERY, steps), goal=copying.guess_loss(T, S, V) / 10,
    )  # fmt: skip
    return network, run


def recall(network, x, y, S):
    """The share of right symbols at each of the last S steps: (S,)."""
    with torch.no_grad():
        logits, _ = network(x)
    return (logits[-S:].argmax(-1) == y[-S:]).double().mean(dim=1).cpu().numpy()


def run(seed=0, scale="live", device="cpu"):
    """Choose the rates, train every contestant, and ask for the symbols of fresh sequences."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    T, S, V = setting["T"], setting["S"], setting["V"]
    goal = copying.guess_loss(T, S, V) / 10
    x, y = tensors(copying.batch(np.random.default_rng([seed, TESTED]), T, TEST, S, V, np.float32), device)
    result, runs = {}, {}
    for name, steps in setting["max_steps"].items():
        rate = setting["rates"][0]
        if setting["tune"]:
            short_T, short_S, short_steps = setting["tune"]
            few = min(short_steps, steps)

            def attempt(rate, name=name, sizes=(short_T, short_S), steps=few):
                return train(name, *sizes, setting, steps, rate, seed, device)[1]

            _, rate = tuned(attempt, setting["rates"])
        network, runs[name] = train(name, T, S, setting, steps, rate, seed, device)
        met, seconds = reached(runs[name], goal)
        places = recall(network, x, y, S)
        with torch.no_grad():
            loss = cross_entropy(network, x, y).item()
        for key, value in {
            "parameters": count_parameters(network), "rate": rate, "max_steps": steps, "solved": met is not None,
            "steps": met, "sequences": met and met * setting["batch"], "cpu_seconds": seconds,
            "seconds_per_step": runs[name].cpu_seconds / len(runs[name].loss), "cross_entropy": loss,
            "recall": float(places.mean()), "recall_by_place": places,
            "history_steps": [e["steps"] for e in runs[name].evaluations],
            "history_loss": [e["score"] for e in runs[name].evaluations],
        }.items():  # fmt: skip
            result.setdefault(key, {})[name] = value
    return {
        "T": T, "S": S, "V": V, "batch": setting["batch"], "guess_loss": copying.guess_loss(T, S, V),
        "guess_recall": 1 / V, "goal": goal, **result, "equal_cost": at_equal_cost(runs),
    }  # fmt: skip
