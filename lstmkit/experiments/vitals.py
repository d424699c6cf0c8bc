"""Who warns of a collapse earlier: a score on paper, a regression on summaries, or an LSTM?

Setting.  The simulated bedside of lstmkit/tasks/vitals.py: five signs an hour for T = 36 hours, and the question
whether the patient collapses within the next 12.  The rivals: "last score", how far the last readings are from
normal, without any learning; "logistic regression" on six summaries of each sign (last value, mean of the last six
hours, mean of the first half, least, greatest, standard deviation); an LSTM and a GRU that read the hours one by one.

Fair: the same patients for everybody, and the same validation patients, which choose the penalty of the regression
among seven values, and the learning rate and the moment to stop of the networks.  On the live scale the rate was
chosen before.  The networks have as many parameters as each other.

Judged on fresh patients, in three ways.  `auroc` asks for the order.  `precision` asks what an alarm is worth when the
ward answers alarms for one patient in ten.  `caught` asks how early: at most one sound patient in twenty may raise an
alarm, and of those who will collapse, what share does, 1 hour before, 2 hours before, and so on?  The signs begin to
drift 18 hours before, by construction.

Source: Tomasev et al. (2019) and Rajkomar et al. (2018) for such tasks on real records, neither of which shows by how
much a patient is better off.  Chapter: chapters/healthcare.md.

Keys: auroc, contestant -> float; loss, contestant -> float, cross-entropy in nats ("guess" and those with
probabilities); precision, contestant -> float, "guess" among them; caught, contestant -> (24,), at 1 to 24 hours
before; lead_hours, contestant -> int: the longest time before at which at least half are caught, 0 if never;
gap_to_regression, float, auroc of the LSTM less that of the regression; gap_to_last_score, likewise; rate, parameters
and cpu_seconds, contestant -> number; train, judged, T, H, share (of collapses).
"""

import time

import numpy as np
import torch

from lstmkit.comparison import equal_width, tuned
from lstmkit.data.split import Scaler
from lstmkit.experiments.heartbeat import auroc
from lstmkit.tasks import vitals
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.gru import GRU
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.network import Network, count_parameters, cross_entropy
from lstmkit.torch.training import fit

T, D, B = 36, len(vitals.SIGNS), 64
ALARMS, FALSE_ALARMS, HOURS = 0.1, 0.05, 24
PENALTIES = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4)
SETTINGS = {
    "test": {"H": 4, "steps": 4, "train": 80, "validation": 40, "judged": 120, "rates": (1e-2,)},
    "live": {"H": 16, "steps": 400, "train": 2000, "validation": 500, "judged": 4000, "rates": (1e-2,)},
    "recorded": {"H": 16, "steps": 800, "train": 8000, "validation": 2000, "judged": 16_000, "rates": (3e-3, 1e-2)},
}


def summaries(x):
    """Six summaries of each sign of x (T, B, 5): (B, 30)."""
    half = len(x) // 2
    parts = [x[-1], x[-6:].mean(axis=0), x[:half].mean(axis=0), x.min(axis=0), x.max(axis=0), x.std(axis=0)]
    return np.concatenate(parts, axis=1)


def regression(z, y, penalty, rounds=25):
    """Newton's method for logistic regression: (F + 1,), minimising the sum of the losses + penalty |weights|² / 2."""
    Z = np.column_stack([z, np.ones(len(z))])
    shrink = penalty * np.append(np.ones(z.shape[1]), 0)  # the constant goes free
    w = np.zeros(Z.shape[1])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(Z @ w, -30, 30)))
        hessian = (Z * (p * (1 - p))[:, None]).T @ Z + np.diag(shrink + 1e-9)
        w = w - np.linalg.solve(hessian, Z.T @ (p - y) + shrink * w)
    return w


def logits_of(w, z):
    """The answers (B,) of a regression (F + 1,) to z (B, F)."""
    return z @ w[:-1] + w[-1]


def loss_of(logits, y):
    """Mean cross-entropy in nats of answers (B,) to y (B,)."""
    return float(np.mean(np.logaddexp(0, logits) - y * logits))


def precision_at(score, y, share=ALARMS):
    """The share of true alarms, if the highest `share` of the scores (B,) raise one."""
    first = np.argsort(-score, kind="stable")[: max(1, round(share * len(score)))]
    return float(y[first].mean())


def draw_streams(rng, n):
    """x (T + 23, N, 5) of about n patients, all of whom collapse in the hour behind the last: `until` cuts earlier."""
    x, y = vitals.batch(rng, T + HOURS - 1, 2 * n, horizon=1, p=0.5)
    return x[:, y == 1]


def until(x, hours):
    """The T hours of x (T + 23, N, 5) that end so many hours before the collapse: (T, N, 5)."""
    return x[len(x) - hours + 1 - T : len(x) - hours + 1]


def network_logits(network, x, device):
    """log odds of a collapse (B,) that the network gives for scaled x (T, B, 5)."""
    with torch.no_grad():
        said = network(torch.from_numpy(x.astype(np.float32)).to(device))[0].cpu().numpy().astype(np.float64)
    return said[:, 1] - said[:, 0]


def train_networks(train, validation, seed, setting, device):
    """Name -> (score function of x, rate, parameters, CPU seconds) for the LSTM and the GRU."""
    makers = {"LSTM": lambda H: Network(LSTM(D, H), 2, last=True), "GRU": lambda H: Network(GRU(D, H), 2, last=True)}
    wanted, scale = count_parameters(makers["LSTM"](setting["H"])), Scaler.fit(train[0].reshape(-1, D))
    x, held, steps = scale.apply(train[0]).astype(np.float32), scale.apply(validation[0]), setting["steps"]
    found = {}
    for name, make in makers.items():
        networks, began, width = {}, time.process_time(), equal_width(make, wanted)

        def attempt(rate, make=make, width=width, networks=networks):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                networks[rate] = make(width).to(device)

            def draw(step, rng):
                chosen = rng.integers(0, x.shape[1], B)
                return x[:, chosen], train[1][chosen]

            return fit(
                networks[rate], draw, cross_entropy, steps=steps, lr=rate, seed=seed, every=max(1, steps // 10),
                evaluate=lambda network: loss_of(network_logits(network, held, device), validation[1]),
                patience=10, schedule=lambda step: 1 - step / steps,
            )  # fmt: skip

        _, rate = tuned(attempt, setting["rates"])

        def score(x, network=networks[rate]):
            return network_logits(network, scale.apply(x), device)

        found[name] = score, rate, count_parameters(networks[rate]), time.process_time() - began
    return found


def run(seed=0, scale="live", device="cpu"):
    """Fit the regression and the networks, and judge all on fresh patients."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    train, validation, (x, y) = (
        vitals.batch(np.random.default_rng([seed, part]), T, setting[name])
        for part, name in enumerate(("train", "validation", "judged"))
    )
    scale_z = Scaler.fit(summaries(train[0]))
    z, z_validation = (scale_z.apply(summaries(part[0])) for part in (train, validation))
    fits = [regression(z, train[1], penalty) for penalty in PENALTIES]
    w = min(fits, key=lambda w: loss_of(logits_of(w, z_validation), validation[1]))
    networks = train_networks(train, validation, seed, setting, device)
    scorers = {
        "last score": vitals.last_score,
        "logistic regression": lambda x: logits_of(w, scale_z.apply(summaries(x))),
        **{name: parts[0] for name, parts in networks.items()},
    }
    streams = draw_streams(np.random.default_rng([seed, 3]), max(20, setting["judged"] // 8))
    scores = {name: score(x) for name, score in scorers.items()}
    limits = {name: np.quantile(score[y == 0], 1 - FALSE_ALARMS) for name, score in scores.items()}
    caught = {
        name: np.array([(score(until(streams, hours)) > limits[name]).mean() for hours in range(1, HOURS + 1)])
        for name, score in scorers.items()
    }
    areas = {name: auroc(score, y == 1) for name, score in scores.items()}
    share = train[1].mean()
    return {
        "auroc": areas,
        "loss": {"guess": loss_of(np.full(len(y), np.log(share / (1 - share))), y)}
        | {name: loss_of(scores[name], y) for name in scores if name != "last score"},
        "precision": {"guess": float(y.mean())} | {name: precision_at(score, y) for name, score in scores.items()},
        "caught": caught,
        "lead_hours": {name: int(max(np.flatnonzero(c >= 0.5) + 1, default=0)) for name, c in caught.items()},
        "gap_to_regression": areas["LSTM"] - areas["logistic regression"],
        "gap_to_last_score": areas["LSTM"] - areas["last score"],
        "rate": {name: parts[1] for name, parts in networks.items()},
        "parameters": {name: parts[2] for name, parts in networks.items()} | {"logistic regression": len(w)},
        "cpu_seconds": {name: parts[3] for name, parts in networks.items()},
        "train": setting["train"],
        "judged": len(y),
        "T": T,
        "H": setting["H"],
        "share": float(y.mean()),
    }
