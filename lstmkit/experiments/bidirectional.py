"""What does a second LSTM, one that reads from the end, know that the first cannot, and what can the two not add?

Setting.  lstmkit/tasks/look_ahead.py, T = 30 random bits.  At each step the network answers from the bit before,
x_{t-1}, and the bit three steps later, x_{t+3}: the later bit alone (`future`), both (`and`), either but not both
(`xor`).  Contestants with equal parameters: "LSTM" reads forward; "LSTM delayed" is the same network, but each answer
is asked three steps later, when the bit has come; "bidirectional" is two LSTMs with a linear read-out of both;
"bidirectional MLP" has a hidden layer of rectified units in its read-out; "bidirectional 2 layers" stacks a second pair
on the first.  Adam, B = 32, the gradient clipped to norm 1, a mistake in a thousand as the goal.  Every contestant of
the recorded run tries the same two learning rates, judged by 200 validation sequences; the live run takes the larger.

Two baselines need no training.  `causal`: the best that the past bit allows.  `sum`: the best accuracy of any rule that
adds a number for the past bit and a number for the later one and asks whether the sum is positive.  A linear read-out
of two readers, of which one has met only the past and the other only the future, is such a sum.

Keys: accuracy, rule -> name -> share of right answers on fresh sequences; solved, rule -> name -> bool; steps and
cpu_seconds, rule -> name -> until the goal, None if never; rate, rule -> name -> float; parameters and units, name ->
int; causal and sum, rule -> accuracy; sum_loss, rule -> the least mean cross-entropy of such a sum, in nats; T; ahead.

Source: Schuster & Paliwal (1997); with LSTM, Graves & Schmidhuber (2005).
Chapter: chapters/bidirectional.md.
"""

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import equal_width, reached, tuned
from lstmkit.tasks import look_ahead
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import LSTM
from lstmkit.torch.network import Network, accuracy, count_parameters, cross_entropy
from lstmkit.torch.training import fit

RULES = {"future": look_ahead.future, "and": np.bitwise_and, "xor": np.bitwise_xor}
NAMES = ("LSTM", "LSTM delayed", "bidirectional", "bidirectional MLP", "bidirectional 2 layers")
ALL = dict.fromkeys(RULES, NAMES)
FEW = {"future": NAMES[:3], "xor": NAMES[1:4]}  # what the finding needs
SETTINGS = {
    "test": {"T": 8, "ahead": 2, "units": 24, "steps": 2, "every": 1, "rates": (1e-2,), "sequences": 8,
             "runs": {"and": NAMES[:1], "xor": NAMES}},
    "live": {"T": 30, "ahead": 3, "units": 24, "steps": 300, "every": 25, "rates": (2e-2,), "sequences": 200,
             "runs": FEW},
    "recorded": {"T": 30, "ahead": 3, "units": 24, "steps": 400, "every": 25, "rates": (5e-3, 2e-2),
                 "sequences": 200, "runs": ALL},
}  # fmt: skip
BATCH, GOAL, HIDDEN = 32, 1e-3, 24  # sequences, share of wrong answers, units of the hidden layer in the MLP


def build(name, units):
    """The network of a contestant with so many units in a direction and layer; x (T, B, 1), logits (T, B, 2)."""
    both = name.startswith("bidirectional")
    core = LSTM(1, units, num_layers=2 if name.endswith("2 layers") else 1, bidirectional=both)
    network = Network(core, 2)
    if name.endswith("MLP"):
        network.readout = nn.Sequential(nn.Linear(2 * units, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2))
    return network


def questions(rng, setting, rule, delayed, B):
    """x (T, B, 1) and y (T, B); delayed, every answer is asked `ahead` steps later, when its bit has been read."""
    x, y = look_ahead.batch(rng, setting["T"], B, RULES[rule], setting["ahead"], np.float32)
    if delayed:
        ahead = setting["ahead"]
        y = np.concatenate([np.full_like(y[:ahead], -1), y[:-ahead]])
    return x, y


def best_sum(rule):
    """Accuracy and mean cross-entropy (nats) at the best u(past) + v(later): no network, the four cases of the table.

    The accuracy is found among the signs of all sums of small numbers, which hold every split a line can make; the
    cross-entropy by Newton's method, for it is convex.  It falls towards 0 where a line can split the cases.
    """
    past, later = np.meshgrid([0, 1], [0, 1], indexing="ij")
    wanted = RULES[rule](past, later).ravel()
    features = np.stack([np.ones(4), past.ravel(), later.ravel()], axis=1)
    weights = np.stack(np.meshgrid(*3 * [np.arange(-2, 2.5, 0.5)]), axis=-1).reshape(-1, 3)
    right = ((weights @ features.T > 0) == wanted).mean(axis=1)
    w = np.zeros(3)
    for _ in range(20):
        p = 1 / (1 + np.exp(-features @ w))
        hessian = features.T @ (features * (p * (1 - p))[:, None]) + 1e-9 * np.eye(3)
        w -= np.linalg.solve(hessian, features.T @ (p - wanted))
    p = 1 / (1 + np.exp(-features @ w))
    return float(right.max()), float(-np.log(np.where(wanted == 1, p, 1 - p)).mean())


def train(seed, setting, rule, name, units, rate, device):
    """The trained network and its Run, judged by the share of wrong answers to validation questions."""
    delayed = name == "LSTM delayed"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(name, units).to(device)
    validation = questions(np.random.default_rng([seed, 1]), setting, rule, delayed, setting["sequences"])
    validation = [torch.from_numpy(array).to(device) for array in validation]
    run = fit(
        network, lambda step, rng: questions(rng, setting, rule, delayed, BATCH), cross_entropy, lr=rate, seed=seed,
        steps=setting["steps"], every=setting["every"], goal=GOAL,
        evaluate=lambda network: 1 - accuracy(network, *validation),
    )  # fmt: skip
    return network, run


def run(seed=0, scale="live", device="cpu"):
    """Train every contestant on every rule of the scale."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    parameters = count_parameters(build("bidirectional", setting["units"]))
    units = {name: equal_width(lambda H, name=name: build(name, H), parameters) for name in NAMES}
    keys = ("accuracy", "solved", "steps", "cpu_seconds", "rate")
    result = {key: {rule: {} for rule in setting["runs"]} for key in keys}
    for rule, names in setting["runs"].items():
        for name in names:
            networks = {}

            def attempt(rate, rule=rule, name=name, networks=networks):
                networks[rate], done = train(seed, setting, rule, name, units[name], rate, device)
                return done

            done, rate = tuned(attempt, setting["rates"])
            fresh = questions(np.random.default_rng([seed, 2]), setting, rule, name == "LSTM delayed", 500)
            with torch.no_grad():
                right = accuracy(networks[rate], *(torch.from_numpy(array).to(device) for array in fresh))
            steps, seconds = reached(done, GOAL)
            found = (right, steps is not None, steps, seconds, rate)
            for key, value in zip(keys, found, strict=True):
                result[key][rule][name] = value
    sums = {rule: best_sum(rule) for rule in RULES}
    return result | {
        "parameters": {name: count_parameters(build(name, units[name])) for name in NAMES},
        "units": units,
        "causal": {rule: look_ahead.causal_accuracy(RULES[rule]) for rule in RULES},
        "sum": {rule: best for rule, (best, _) in sums.items()},
        "sum_loss": {rule: loss for rule, (_, loss) in sums.items()},
        "T": setting["T"],
        "ahead": setting["ahead"],
    }
