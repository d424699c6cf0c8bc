"""When the gaps between the events vary and nobody says how long they are, who still remembers what came before?

Setting.  One of four symbols appears, then a gap of blanks, then the next symbol, and so on.  At every symbol but the
first the network must name the one before it: the memory has to last exactly from event to event, however long that is.
The symbols are drawn independently, so a guess is right one time in four.  One recurrent layer, or dilated windows, and
a linear read-out of every step; equal parameters; Adam, the gradient clipped to norm 1, fresh sequences.

Two trainings.  "regular": every interval has the same length.  "variable": each interval is drawn anew, uniformly
between 1 and twice that length less one, so that the mean is the same.  Both are then asked on regular timing, on
variable timing, and on variable timing warped to two and four times the length, which no training has shown.

Recorded: an interval of 12 on average, two learning rates each, the one with the better held-out accuracy kept.  Live:
an interval of 8, LSTM and RNN, one rate chosen before.  Both with 4,500 parameters (32 LSTM units).

Source: Tallec & Ollivier (2018): a network that is to be indifferent to a change of the time scale needs gates.
Chapter: chapters/architecture.md.

Keys: interval, T, guess (0.25), trainings, timings (the names of the tests), parameters {name: int}; and under each of
the trainings, "regular" and "variable": rate {name: float}, accuracy {name: {timing: float}}, steps (the same for all),
cpu_seconds {name: float}.
"""

import math

import numpy as np
import torch

from lstmkit.comparison import tuned
from lstmkit.experiments.adding import build, tensors
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.network import accuracy, count_parameters, cross_entropy
from lstmkit.torch.training import fit

V = 4  # kinds of symbol; input column V is the blank
GUESS = 1 / V
HELD_OUT, TESTED = 10**6, 10**6 + 1  # streams that no training step draws from
SETTINGS = {
    "test": dict(interval=3, T=12, parameters=600, steps=2, batch=4, rates=(1e-2, 3e-3),
                 names=("LSTM", "LSTM chrono", "GRU", "RNN", "RNN orthogonal", "windows")),
    "live": dict(interval=8, T=40, parameters=4_500, steps=220, batch=32, rates=(5e-3,), names=("LSTM", "RNN")),
    "recorded": dict(interval=12, T=72, parameters=4_500, steps=300, batch=32, rates=(1e-2, 3e-3),
                     names=("LSTM", "GRU", "RNN", "windows")),
}  # fmt: skip


def batch(rng, T, B, least, most, dtype=np.float32):
    """x (T, B, V + 1) one-hot, and y (T, B): at each symbol the one before it, -1 where nothing is asked.

    The intervals from symbol to symbol are uniform whole numbers from least to most; the first comes at step 0.
    """
    intervals = rng.integers(least, most + 1, (T, B))
    when = np.cumsum(intervals, axis=0) - intervals
    symbols = rng.integers(0, V, (T, B))
    shown, y = np.full((T, B), V), np.full((T, B), -1)
    for b in range(B):
        inside = when[:, b][when[:, b] < T]
        shown[inside, b] = symbols[: len(inside), b]
        y[inside[1:], b] = symbols[: len(inside) - 1, b]
    return np.eye(V + 1, dtype=dtype)[shown], y


def timings(interval, T):
    """{name: (T, least, most)} of the tests; longer intervals come with longer sequences, as many symbols in each."""
    return {
        "regular": (T, interval, interval),
        "variable": (T, 1, 2 * interval - 1),
        "twice as long": (2 * T, 2, 4 * interval - 2),
        "four times as long": (4 * T, 4, 8 * interval - 4),
    }


def train(name, timing, setting, rate, seed, device):
    """The trained network of one contestant and its Run, evaluated by its share of wrong answers."""
    T, least, most = timing
    reach = min(T, 2 * setting["interval"])  # of the windows: the longest interval of the training
    network = build(name, reach, setting["parameters"], D=V + 1, outputs=V, last=False, seed=seed).to(device)
    x, y = tensors(batch(np.random.default_rng([seed, HELD_OUT]), T, 200, least, most), device)
    run = fit(
        network, lambda step, rng: batch(rng, T, setting["batch"], least, most), cross_entropy, steps=setting["steps"],
        lr=rate, seed=seed, evaluate=lambda network: 1 - accuracy(network, x, y), every=math.ceil(setting["steps"] / 4),
    )  # fmt: skip
    return network, run


def run(seed=0, scale="live", device="cpu"):
    """Train every contestant on both timings, and ask it on all."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    interval, T = setting["interval"], setting["T"]
    tests, parameters, result = timings(interval, T), {}, {}
    for training in ("regular", "variable"):
        found = result[training] = {"rate": {}, "accuracy": {}, "cpu_seconds": {}, "steps": setting["steps"]}
        for name in setting["names"]:
            trained = {}

            def attempt(rate, name=name, training=training, trained=trained):
                trained[rate], run = train(name, tests[training], setting, rate, seed, device)
                return run

            run, rate = tuned(attempt, setting["rates"])
            parameters[name] = count_parameters(trained[rate])
            found["rate"][name], found["cpu_seconds"][name] = rate, run.cpu_seconds
            found["accuracy"][name] = {}
            for number, (timing, (length, least, most)) in enumerate(tests.items()):
                drawn = batch(np.random.default_rng([seed, TESTED, number]), length, 200, least, most)
                with torch.no_grad():
                    found["accuracy"][name][timing] = accuracy(trained[rate], *tensors(drawn, device))
    return {
        "interval": interval, "T": T, "guess": GUESS, "trainings": ["regular", "variable"], "timings": list(tests),
        "parameters": parameters, **result,
    }  # fmt: skip
