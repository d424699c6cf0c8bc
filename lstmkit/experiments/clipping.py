"""Does a limit on the gradient's norm save a training run that would otherwise blow up?

Setting.  Hold one bit for T = 50 noisy steps: the task of lstmkit/experiments/latch.py.  Two networks: an RNN of 50
units whose recurrent matrix is a random rotation times 1.3, so that gradients grow on their way back, and an LSTM of as
many parameters whose forget gates start open (bias 3).  Plain gradient descent with momentum 0.9, which steps as far as
the gradient says: Adam, which divides by the gradient's size, would hide the matter.  Each network is trained with the
gradient as it is, and with its norm cut to 1 where it was larger; same starts, same batches, nothing else differs.
The learning rates are not tuned but shown one by one, because what clipping buys may be just that: a larger rate.

A run has learned if at least 99 % of 1,000 fresh bits are named at the end.  It blew up if the loss of any batch was
above 2 ln 2, twice the loss of whoever says "one half" of every bit, or not finite.

Source: Pascanu, Mikolov and Bengio (2013) for the cliff in the loss and the cure.
Chapter: chapters/practice.md.

Keys, each of which has an entry for the four names "RNN", "RNN clipped", "LSTM b_f=3" and "LSTM b_f=3 clipped":
learned (R,) and blew_up (R,), the shares of the starts at each rate; accuracy, worst_loss and worst_norm (R, S), of
each start, capped at 1e6, the norm before clipping; parameters.  loss_curve, RNN and RNN clipped -> (steps,): the first
start at the middle rate.  blow_ups, "without" and "with": all of them counted over networks, rates and starts; so
failures, runs that did not learn; runs, how many there were of each.  rates (R,), starts, steps, T, guess_loss.
"""

import math

import numpy as np
import torch

from lstmkit.comparison import equal_width
from lstmkit.experiments import latch
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.network import Network, accuracy, count_parameters, cross_entropy
from lstmkit.torch.rnn import RNN
from lstmkit.torch.training import Diverged, fit

GAIN, MOMENTUM, B = 1.3, 0.9, 32
LIMITS = {"": None, " clipped": 1.0}
CAP = 1e6  # what is larger, or not finite, is told as this
SETTINGS = {
    "test": {"T": 6, "H": 5, "steps": 4, "starts": 1, "rates": (0.05,)},
    "live": {"T": 50, "H": 50, "steps": 150, "starts": 2, "rates": (0.05,)},
    "recorded": {"T": 50, "H": 50, "steps": 300, "starts": 3, "rates": (0.01, 0.05, 0.2)},
}


def networks(H):
    """Name -> function that makes the untrained network, of as many parameters as an RNN of H units."""

    def exploding():
        core = RNN(1, H)
        torch.nn.init.orthogonal_(core.W_h_l0, GAIN)
        return Network(core, 2, last=True)

    def gated(width):
        return Network(LSTM(1, width, forget_bias=3.0), 2, last=True)

    width = equal_width(gated, count_parameters(exploding()))
    return {"RNN": exploding, "LSTM b_f=3": lambda: gated(width)}


def train(network, seed, T, steps, rate, max_norm):
    """The Run of `steps` batches, to its end or until a loss is not finite."""
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=MOMENTUM)

    def draw(step, rng):
        return latch.batch(rng, T, B, np.float32)

    try:
        return fit(network, draw, cross_entropy, steps=steps, optimizer=optimizer, max_norm=max_norm, seed=seed)
    except Diverged as stopped:
        return stopped.run


def capped(values):
    """The largest of the values, at most CAP; CAP if one is not finite."""
    return float(min(np.max(np.nan_to_num(values, nan=CAP, posinf=CAP)), CAP)) if len(values) else CAP


def run(seed=0, scale="live", device="cpu"):
    """Train both networks with and without the limit, at every rate, from every start."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    T, steps, rates, starts = (setting[name] for name in ("T", "steps", "rates", "starts"))
    guess_loss = math.log(2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        makers = networks(setting["H"])
        parameters = {name: count_parameters(make()) for name, make in makers.items()}
    names = [name + suffix for name in makers for suffix in LIMITS]
    scores, worst, norms = ({name: np.zeros((len(rates), starts)) for name in names} for _ in range(3))
    x, y = (torch.from_numpy(a).to(device) for a in latch.batch(np.random.default_rng([seed, 1]), T, 1000, np.float32))
    curves = {}
    for start in range(starts):
        for name, make in makers.items():
            for suffix, max_norm in LIMITS.items():
                for r, rate in enumerate(rates):
                    with torch.random.fork_rng(devices=[]):
                        torch.manual_seed(1000 * seed + start)  # the same start for all that share a name
                        network = make().to(device)
                    done = train(network, 1000 * seed + start, T, steps, rate, max_norm)
                    with torch.no_grad(), np.errstate(all="ignore"):
                        scores[name + suffix][r, start] = accuracy(network, x, y)
                    failed = done.stopped == "diverged"
                    worst[name + suffix][r, start] = CAP if failed else capped(done.loss)
                    norms[name + suffix][r, start] = CAP if failed else capped(done.norm)
                    if start == 0 and r == len(rates) // 2 and name == "RNN":
                        curves[name + suffix] = np.minimum(np.nan_to_num(done.loss, nan=CAP), CAP)
    learned = {name: (scores[name] >= 0.99).mean(axis=1) for name in names}
    blew_up = {name: (worst[name] > 2 * guess_loss).mean(axis=1) for name in names}
    sides = {"without": list(makers), "with": [name + " clipped" for name in makers]}
    return {
        "learned": learned,
        "blew_up": blew_up,
        "accuracy": scores,
        "worst_loss": worst,
        "worst_norm": norms,
        "loss_curve": curves,
        "blow_ups": {side: int(sum((worst[n] > 2 * guess_loss).sum() for n in group)) for side, group in sides.items()},
        "failures": {side: int(sum((scores[n] < 0.99).sum() for n in group)) for side, group in sides.items()},
        "runs": len(makers) * len(rates) * starts,
        "parameters": {name + suffix: n for name, n in parameters.items() for suffix in LIMITS},
        "rates": np.array(rates),
        "starts": starts,
        "steps": steps,
        "T": T,
        "guess_loss": guess_loss,
    }
