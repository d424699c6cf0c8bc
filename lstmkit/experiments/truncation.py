"""If gradients are sent back k steps and no further, what can still be learnt from a stream?

Setting.  Endless streams of fair coin flips; at every step the network must name the flip of `delay` steps before.
An LSTM (H = 32, forget bias 1, Adam) reads 16 streams in pieces of k steps, one update a piece.  What it remembers is
carried from piece to piece, its gradient is not: truncated backpropagation through time.  Every k sees the same flips,
the same number of them, and so a small k makes more updates, with shorter gradients.

At the largest k a second network starts every piece from zeros ("reset"), which is what happens if one forgets to hand
the state on.  Then the first `delay` answers of each piece cannot be known.

Everybody is judged in the same way, on fresh streams read in one piece, after a run-in of 100 steps: who guesses is
right half the time.

Source: Werbos (1990) for backpropagation through time; Williams and Peng (1990) for its truncated form.
Chapter: chapters/practice.md.

Keys: ks (K,); accuracy, carried (K,) and reset (1,); loss, carried (K,) and reset (1,), of the last tenth of the
training, in nats; updates (K,) and cpu_seconds (K,) of the carried ones; reset_ks (1,); best_possible_reset (1,): the
share of right answers, within pieces of that k, of whoever knows all that a piece shows and guesses the rest; delay,
flips: number read in training over all streams; streams, H, parameters.
"""

import numpy as np
import torch

from lstmkit.tasks.sizes import expect, expect_choice
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.network import Network, count_parameters
from lstmkit.torch.training import fit

H, STREAMS, RATE, RUN_IN = 32, 16, 1e-2, 100
SETTINGS = {
    "test": {"delay": 2, "ks": (1, 4), "length": 40, "judged": 120},
    "live": {"delay": 6, "ks": (4, 16), "length": 5_000, "judged": 300},
    "recorded": {"delay": 15, "ks": (5, 10, 20, 40), "length": 40_000, "judged": 400},
}


def stream(rng, delay, length, B):
    """Flips x (length, B, 1) of -1 and +1, and the flip of `delay` steps before as 0 or 1, y (length, B); -1: none."""
    flips = rng.integers(0, 2, (length, B))
    y = np.full((length, B), -1)
    y[delay:] = flips[: length - delay]
    return (2 * flips - 1).astype(np.float32)[..., None], y


def best_within_pieces(delay, k):
    """Share of right answers of whoever sees one piece of k steps at a time and guesses what is asked from outside."""
    known = max(0, expect("k", k, 1, "a piece has at least one step") - delay)
    return (known + 0.5 * (k - known)) / k


def train(network, seed, x, y, k, carry):
    """The Run over the streams x (N, B, 1), y (N, B) cut into pieces of k steps, with the state carried or reset."""

    def piece(step, rng):
        return x[k * step : k * (step + 1)], y[k * step : k * (step + 1)]

    def loss(network, state, x, y):
        logits, state = network(x, state if carry else None)
        # where nothing is asked, before the delay is over, the sum of no losses counts as zero
        total = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=-1, reduction="sum")
        return total / max(1, int((y >= 0).sum())), state

    return fit(network, piece, loss, steps=len(x) // k, lr=RATE, seed=seed, carry=True)


def judge(network, x, y):
    """Share of right answers on x (N, B, 1), y (N, B) read in one piece, after the run-in."""
    with torch.no_grad():
        said = network(x)[0].argmax(-1)
    return (said == y)[RUN_IN:].double().mean().item()


def run(seed=0, scale="live", device="cpu"):
    """Train one LSTM for each k with the state carried, and two with it reset."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    delay, ks, length = setting["delay"], setting["ks"], setting["length"]
    x, y = stream(np.random.default_rng([seed, 0]), delay, length, STREAMS)
    fresh = stream(np.random.default_rng([seed, 1]), delay, setting["judged"], 50)
    fresh = [torch.from_numpy(a).to(device) for a in fresh]
    found = {"carried": [], "reset": []}
    for name, these in (("carried", ks), ("reset", ks[-1:])):
        for k in these:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)  # all start from the same weights
                network = Network(LSTM(1, H), 2).to(device)
            done = train(network, seed, x, y, k, carry=name == "carried")
            last = float(np.mean(done.loss[-max(1, len(done.loss) // 10) :]))
            found[name].append((judge(network, *fresh), last, len(done.loss), done.cpu_seconds))
    columns = {name: np.array(rows).T for name, rows in found.items()}
    return {
        "ks": np.array(ks),
        "reset_ks": np.array(ks[-1:]),
        "accuracy": {name: column[0] for name, column in columns.items()},
        "loss": {name: column[1] for name, column in columns.items()},
        "updates": columns["carried"][2].astype(int),
        "cpu_seconds": columns["carried"][3],
        "best_possible_reset": np.array([best_within_pieces(delay, k) for k in ks[-1:]]),
        "delay": delay,
        "flips": length * STREAMS,
        "streams": STREAMS,
        "H": H,
        "parameters": count_parameters(network),
    }
