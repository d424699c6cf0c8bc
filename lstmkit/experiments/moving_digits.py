"""Does a convolutional LSTM forecast the next frame of a movie better than one that reads a list of pixels?

Setting.  lstmkit/tasks/moving_digits.py: one digit of seven strokes drifts across 16 x 16 pixels and bounces; from the
frames so far, forecast the next, seven times a movie.  Contestants: "ConvLSTM", kernels of 5 x 5; "LSTM equal
parameters", which reads the frame as 256 numbers and has as many parameters as that; "LSTM", the same with 256 units
and many times the parameters, as in the published comparison; "ConvLSTM one frame", the first network trained on single
frames, with nothing carried from one to the next.  Data: `many`, eight new movies at every step, or `few`, drawn from
64.  Adam, the gradient clipped to norm 1, the loss the cross-entropy of the pixels.  The recorded run tries two
learning rates for every contestant, judged by 64 validation movies, and gives the cheaper networks more steps; the live
run trains a small ConvLSTM at a rate chosen before.

Scores are squared errors a frame, summed over its pixels, over the frames before which at least two have been seen.
`copy_last` repeats the last frame.  `one_frame_floor` is what a perfect forecaster has left who sees the first frame
alone: the spread of the next frame over all velocities, counted out.

Keys: error and best, data -> name -> on test movies after the last step, and the least of the evaluations on validation
movies; by_frame, data -> name -> (T - 1,) test error of frame 1, 2, ...; rate, steps and cpu_seconds, data -> name ->
number; equal, data -> at_equal_cost of lstmkit/comparison.py for ConvLSTM and LSTM, validation errors; copy_last;
one_frame_floor; parameters, name -> int; movies, how many make `few`; T; S.

Published, as reported (Shi et al., 2015, Table 1; 64 x 64 pixels, two digits, ten frames ahead), cross-entropy a
sequence: PUBLISHED.

Source: Shi et al. (2015); the task, Srivastava, Mansimov & Salakhutdinov (2015).
Chapter: chapters/convlstm.md.
"""

import itertools

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import at_equal_cost, best, equal_width, tuned
from lstmkit.tasks import moving_digits
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import LSTM, ConvLSTM
from lstmkit.torch.network import count_parameters
from lstmkit.torch.training import fit

PUBLISHED = {"LSTM": 4832.49, "ConvLSTM": 3670.85}  # nats a sequence, with 142.7 and 7.6 million parameters
NAMES = ("ConvLSTM", "ConvLSTM one frame", "LSTM", "LSTM equal parameters")
RIVALS = ("ConvLSTM", "LSTM", "LSTM equal parameters")
STEPS = {"ConvLSTM": 300, "ConvLSTM one frame": 100, "LSTM": 1200, "LSTM equal parameters": 1200}
RATES = {"ConvLSTM": (1e-2, 2e-2), "ConvLSTM one frame": (1e-2, 2e-2), "LSTM": (1e-3, 3e-3),
         "LSTM equal parameters": (3e-3, 1e-2)}  # fmt: skip
SETTINGS = {
    "test": {"T": 4, "S": 10, "channels": 2, "units": 8, "movies": 6, "held": 4, "every": 1,
             "steps": dict.fromkeys(NAMES, 2), "rates": dict.fromkeys(NAMES, (1e-2,)),
             "runs": {"many": NAMES, "few": RIVALS}},
    "live": {"T": 8, "S": 16, "channels": 8, "units": 256, "movies": 64, "held": 64, "every": 25,
             "steps": {"ConvLSTM": 100, "ConvLSTM one frame": 50}, "rates": dict.fromkeys(NAMES, (2e-2,)),
             "runs": {"many": NAMES[:2]}},
    "recorded": {"T": 8, "S": 16, "channels": 16, "units": 256, "movies": 64, "held": 64, "every": 50,
                 "steps": STEPS, "rates": RATES, "runs": {"many": NAMES, "few": RIVALS}},
}  # fmt: skip
BATCH, SEEN = 8, 2  # movies a step; frames that must have been seen before a forecast is scored
KERNEL = 5  # a digit moves by up to two pixels a step, and so far must the convolution see


class Convolutional(nn.Module):
    """A ConvLSTM and a read-out of one pixel's channels: logits of the next frames, shaped like x (T, B, 1, S, S)."""

    def __init__(self, hidden, one_frame=False):
        super().__init__()
        self.core, self.readout, self.one_frame = ConvLSTM(1, hidden, KERNEL), nn.Conv2d(hidden, 1, 1), one_frame
        nn.init.constant_(self.readout.bias, -2.0)  # most pixels are dark

    def forward(self, x):
        """With one_frame, every frame is a movie of its own: nothing is carried on."""
        hs, _ = self.core(x.flatten(0, 1).unsqueeze(0) if self.one_frame else x)
        return self.readout(hs.flatten(0, 1)).reshape(x.shape)


class Flat(nn.Module):
    """An LSTM that reads each frame as a row of S S numbers: logits of the next frames, shaped like x."""

    def __init__(self, hidden, S):
        super().__init__()
        self.core, self.readout = LSTM(S * S, hidden), nn.Linear(hidden, S * S)
        nn.init.constant_(self.readout.bias, -2.0)

    def forward(self, x):
        """x (T, B, 1, S, S)."""
        hs, _ = self.core(x.flatten(2))
        return self.readout(hs).reshape(x.shape)


def next_frame(network, x):
    """Cross-entropy a frame, in nats, summed over its pixels: every frame but the first of x (T, B, 1, S, S)."""
    S = x.shape[-1]
    return S * S * nn.functional.binary_cross_entropy_with_logits(network(x[:-1]), x[1:])


def errors(network, x):
    """Squared error a frame, summed over its pixels, of the forecasts of frames 1 to T - 1 of x: (T - 1,)."""
    with torch.no_grad():
        return ((network(x[:-1]).sigmoid() - x[1:]) ** 2).sum(dim=(2, 3, 4)).mean(dim=1)


def score(network, x):
    """The mean of `errors` where at least SEEN frames had been seen."""
    return float(errors(network, x)[SEEN - 1 :].mean())


def one_frame_floor(S, pictures=moving_digits.STROKES):
    """Expected squared error of the best forecast of frame 1 from frame 0 alone, by counting: a float.

    The picture, its place and its velocity are uniform, so the best forecast is the mean over the 16 velocities, and
    what it leaves is their variance, summed over the pixels.
    """
    room, side = S - pictures.shape[1], pictures.shape[1]
    total = 0.0
    for row, column in itertools.product(range(room + 1), repeat=2):
        after = np.zeros((16, len(pictures), S, S))
        for n, (v, w) in enumerate(itertools.product((-2, -1, 1, 2), repeat=2)):
            r, c = bounced(row + v, room), bounced(column + w, room)
            after[n, :, r : r + side, c : c + side] = pictures
        total += after.var(axis=0).sum() / len(pictures)
    return float(total / (room + 1) ** 2)


def bounced(place, room):
    """Where a corner that would be at `place` is, between walls at 0 and `room` pixels."""
    return abs((place + room) % (2 * room) - room)


def build(name, setting):
    """The network of a contestant."""
    S, convolutional = setting["S"], Convolutional(setting["channels"], one_frame=name == "ConvLSTM one frame")
    if name.startswith("ConvLSTM"):
        return convolutional
    if name == "LSTM":
        return Flat(setting["units"], S)
    return Flat(equal_width(lambda hidden: Flat(hidden, S), count_parameters(convolutional)), S)


def train(seed, setting, data, name, rate, device):
    """The trained network and its Run, judged by the validation movies."""
    T, S = setting["T"], setting["S"]

    def movies(B, rng):
        return moving_digits.batch(rng, T, B, S, dtype=np.float32)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(name, setting).to(device)
    validation = torch.from_numpy(movies(setting["held"], np.random.default_rng([seed, 1]))).to(device)
    few = movies(setting["movies"], np.random.default_rng([seed, 2]))

    def batch(step, rng):
        return (movies(BATCH, rng) if data == "many" else few[:, rng.integers(0, few.shape[1], BATCH)],)

    done = fit(
        network, batch, next_frame, steps=setting["steps"][name], every=setting["every"], lr=rate, seed=seed,
        evaluate=lambda network: score(network, validation),
    )  # fmt: skip
    return network, done


def run(seed=0, scale="live", device="cpu"):
    """Train every contestant of the scale, on many movies and on few."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    T, S = setting["T"], setting["S"]
    test = moving_digits.batch(np.random.default_rng([seed, 3]), T, 200, S, dtype=np.float32)
    keys = ("error", "best", "by_frame", "rate", "steps", "cpu_seconds")
    result = {key: {data: {} for data in setting["runs"]} for key in keys}
    equal = {}
    for data, names in setting["runs"].items():
        runs = {}
        for name in names:
            networks = {}

            def attempt(rate, data=data, name=name, networks=networks):
                networks[rate], done = train(seed, setting, data, name, rate, device)
                return done

            runs[name], rate = tuned(attempt, setting["rates"][name])
            by_frame = errors(networks[rate], torch.from_numpy(test).to(device)).cpu().double().numpy()
            found = (by_frame[SEEN - 1 :].mean(), best(runs[name]), by_frame, rate, setting["steps"][name])
            for key, value in zip(keys, (*found, runs[name].cpu_seconds), strict=True):
                result[key][data][name] = value
        equal[data] = at_equal_cost({name: runs[name] for name in ("ConvLSTM", "LSTM") if name in runs})
    return result | {
        "equal": equal,
        "copy_last": moving_digits.copy_last_error(test[SEEN - 1 :]),
        "one_frame_floor": one_frame_floor(S),
        "parameters": {name: count_parameters(build(name, setting)) for name in setting["steps"]},
        "movies": setting["movies"],
        "T": T,
        "S": S,
    }
