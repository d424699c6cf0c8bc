"""Does an LSTM that has learnt how a heart beats find the faults that simpler scores miss?

Setting.  Simulated recordings, lstmkit/tasks/heartbeat.py.  Nobody sees a fault in training: the LSTM learns to
forecast the next value of sound recordings, and what it later gets wrong is its score (Malhotra et al., 2015).  The
rivals get the same recordings.  Two are rules without any learning: "z-score", how far a value is from the mean, and
"difference", how far it is from the value before.  "AR" is an autoregression over one beat, 64 values and a constant,
by least squares, scored as the LSTM is.  "nearest neighbour" looks for the most similar stretch of 32 steps among the
sound recordings, and learns nothing either: `discord` of the task.

Fair: errors are squared, and every score but that of the nearest neighbour, whose window is one already, is averaged
over the same 15 steps.  Scores are judged step by step, in fresh recordings with faulty beats, by the area under the
curve of hits against false alarms: the chance that a faulty step is ranked above a sound one.  For one kind of fault,
the steps of the other kinds are left out.  The LSTM's learning rate is chosen by its forecasts of two sound recordings;
on the live scale it was chosen before.

The first 80 steps of each recording are not judged: the forecasters need a beat to find their feet.

Source: Malhotra et al. (2015) for forecasts that find faults; Wu and Keogh (2021) for the simple rivals.
Chapter: chapters/manufacturing.md.

Keys: auroc, contestant -> kind -> float, the kinds being those of the task and "mean", their mean; best_rule_mean, the
better mean of the two rules; rank_of_lstm, 1 for the best mean of the five; forecast_rmse, "LSTM", "AR" and "naive" on
sound recordings; faulty_share, the share of steps that are faulty; parameters, LSTM and AR; rate; cpu_seconds,
LSTM and nearest neighbour, training and scoring; example, x, faulty and a score each for LSTM and nearest neighbour,
(600,), from one recording; train_steps, smooth, H.
"""

import time

import numpy as np
import torch

from lstmkit.comparison import tuned
from lstmkit.tasks import heartbeat
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.network import Network, count_parameters, squared_error
from lstmkit.torch.training import fit

ORDER, SMOOTH, SKIP = 64, 15, 80  # ORDER: one beat of the task
PIECE, B = 128, 32
SETTINGS = {
    "test": {"H": 4, "steps": 3, "train": (600, 2), "judged": (700, 2), "faults": 3, "rates": (1e-2,)},
    "live": {"H": 32, "steps": 400, "train": (1_500, 4), "judged": (1_500, 6), "faults": 5, "rates": (1e-2,)},
    "recorded": {
        "H": 32,
        "steps": 1_000,
        "train": (1_500, 6),
        "judged": (1_500, 16),
        "faults": 5,
        "rates": (3e-3, 1e-2),
    },
}


def auroc(score, positive):
    """The chance that a positive's score is above a negative's, ties counting half; score (N,), positive (N,) bool."""
    score, positive = np.asarray(score, np.float64), np.asarray(positive, bool)
    if positive.all() or not positive.any():
        raise ValueError("positive must hold both kinds, or there is nothing to rank")
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]  # from 1; those that are equal share their mean
    n = positive.sum()
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def smoothed(errors, k=SMOOTH):
    """The mean of errors (T, B) over the k steps around each, fewer at the ends: (T, B)."""
    total = np.pad(np.cumsum(errors, axis=0), ((1, 0), (0, 0)))
    t = np.arange(len(errors))
    first, behind = np.maximum(t - k // 2, 0), np.minimum(t + (k + 1) // 2, len(errors))
    return (total[behind] - total[first]) / (behind - first)[:, None]


def lagged(line, order):
    """Rows of the `order` values before each value from number `order` on, and a one: (T - order, order + 1)."""
    rows = np.lib.stride_tricks.sliding_window_view(line[:-1], order)
    return np.column_stack([rows, np.ones(len(rows))])


def fit_ar(sound, order=ORDER):
    """Least squares over all recordings of sound (T, B): (order + 1,)."""
    X = np.concatenate([lagged(line, order) for line in sound.T])
    y = np.concatenate([line[order:] for line in sound.T])
    return np.linalg.lstsq(X, y, rcond=None)[0]


def ar_errors(x, w):
    """Squared errors of the forecasts of x (T, B), zero where there are too few values before: (T, B)."""
    order = len(w) - 1
    errors = np.zeros(x.shape)
    for b, line in enumerate(x.T):
        errors[order:, b] = (line[order:] - lagged(line, order) @ w) ** 2
    return errors


def lstm_errors(network, x, device):
    """Squared errors of the network's forecasts of x (T, B), the first zero: (T, B)."""
    with torch.no_grad():
        said, _ = network(torch.from_numpy(x[:-1, :, None].astype(np.float32)).to(device))
    return np.pad((said.cpu().numpy()[..., 0] - x[1:]) ** 2, ((1, 0), (0, 0)))


def train(sound, held, seed, H, steps, rate, device):
    """An LSTM that forecasts the next value of sound (T, B), and the Run; it is judged on held (T, B)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(LSTM(1, H), 1).to(device)

    def draw(step, rng):
        first, column = rng.integers(0, len(sound) - PIECE, B), rng.integers(0, sound.shape[1], B)
        pieces = sound[first + np.arange(PIECE + 1)[:, None], column].astype(np.float32)[..., None]
        return pieces[:-1], pieces[1:]

    done = fit(
        network, draw, squared_error, steps=steps, lr=rate, seed=seed, every=steps,
        schedule=lambda step: 1 - step / steps,
        evaluate=lambda network: lstm_errors(network, held, device)[SKIP:].mean(),
    )  # fmt: skip
    return network, done


def by_kind(score, y):
    """auroc of score (T, B) for each kind of fault in y (T, B), against sound steps, and their mean."""
    found = {}
    for index, kind in enumerate(heartbeat.KINDS[1:], start=1):
        use = (y == index) | (y == 0)
        found[kind] = auroc(score[use], y[use] > 0)
    return found | {"mean": float(np.mean(list(found.values())))}


def judged_recordings(seed, T, B, faults):
    """x and y (T, B), with every kind of fault among the judged steps: drawn again until that is so."""
    rng = np.random.default_rng([seed, 2])
    while True:
        x, y = heartbeat.batch(rng, T, B, faults)
        if len(np.unique(y[SKIP:])) == len(heartbeat.KINDS):
            return x[..., 0], y


def run(seed=0, scale="live", device="cpu"):
    """Learn from sound recordings, then score recordings with faults in five ways."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    sound = heartbeat.batch(np.random.default_rng([seed, 0]), *setting["train"])[0][..., 0]
    held = heartbeat.batch(np.random.default_rng([seed, 1]), setting["train"][0], 2)[0][..., 0]
    x, y = judged_recordings(seed, *setting["judged"], setting["faults"])
    networks = {}

    def attempt(rate):
        networks[rate], done = train(sound, held, seed, setting["H"], setting["steps"], rate, device)
        return done

    clock = [time.process_time()]
    _, rate = tuned(attempt, setting["rates"])
    network, w = networks[rate], fit_ar(sound)
    scores = {"LSTM": smoothed(lstm_errors(network, x, device))}
    clock.append(time.process_time())
    windows = [[heartbeat.discord(line, other) for other in sound.T] for line in x.T]
    scores["nearest neighbour"] = np.min(windows, axis=1).T  # the nearest of all recordings
    clock.append(time.process_time())
    scores["AR"] = smoothed(ar_errors(x, w))
    scores["z-score"] = smoothed(((x - sound.mean()) / sound.std()) ** 2)
    scores["difference"] = smoothed(np.pad(np.diff(x, axis=0) ** 2, ((1, 0), (0, 0))))
    found = {name: by_kind(score[SKIP:], y[SKIP:]) for name, score in scores.items()}
    means = {name: kinds["mean"] for name, kinds in found.items()}
    rmse = {
        "LSTM": lstm_errors(network, held, device)[SKIP:],
        "AR": ar_errors(held, w)[SKIP:],
        "naive": np.diff(held, axis=0)[SKIP - 1 :] ** 2,
    }
    return {
        "auroc": found,
        "best_rule_mean": max(means["z-score"], means["difference"]),
        "rank_of_lstm": 1 + sum(mean > means["LSTM"] for mean in means.values()),
        "forecast_rmse": {name: float(np.sqrt(errors.mean())) for name, errors in rmse.items()},
        "faulty_share": float((y[SKIP:] > 0).mean()),
        "parameters": {"LSTM": count_parameters(network), "AR": len(w)},
        "rate": rate,
        "cpu_seconds": {"LSTM": clock[1] - clock[0], "nearest neighbour": clock[2] - clock[1]},
        "example": {
            "x": x[:600, 0],
            "faulty": (y[:600, 0] > 0).astype(int),
            "LSTM": scores["LSTM"][:600, 0],
            "nearest neighbour": scores["nearest neighbour"][:600, 0],
        },
        "train_steps": int(sound.size),
        "smooth": SMOOTH,
        "H": setting["H"],
    }
