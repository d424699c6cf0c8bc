"""Does an LSTM that reads payments one by one find more stolen cards than trees do, and what is its alarm worth?

Setting.  Simulated accounts of T = 24 payments, lstmkit/tasks/fraud.py, in which a thief's three payments differ from
an honest evening out by their order.  The rivals: "largest amount", a rule; "logistic regression" and "trees" on
summaries of each account (mean, deviation, least, greatest and last of each column, and the greatest rise and fall
between neighbours); "trees, all payments", which get the 24 payments side by side; and an LSTM that reads them in
order.  The trees are scikit-learn's HistGradientBoostingClassifier, 100 of them (25 live), classes weighted.

Fair: the same accounts for everybody, and the same validation accounts, by whose ranking the penalty of the regression
(seven values), the rate of the trees and the rate and the stop of the LSTM are chosen (equally many rates; on the live
scale those chosen before).  The whole is done for each number of known frauds, since these are what is rare.

In the world one card in a thousand is stolen.  A test set with so few would say nothing, so the judged accounts hold
more, and the share of honest ones that raise an alarm is carried over to any base rate by Bayes' theorem.

Source: Dal Pozzolo et al. (2014) for learning where the event is rare; Saito and Rehmsmeier (2015) for what the curve
of hits against false alarms hides there.
Chapter: chapters/finance.md.

Needs scikit-learn:  pip install "lstmkit[data]"

Keys: auroc, contestant -> (S,), one for each number of known frauds; precision, contestant -> (S,), the share of true
alarms at one theft in a thousand if half of the thefts are to be caught; false_alarms, contestant -> (S,), honest
accounts that then raise an alarm for each true one; base_rates (3,), and precision_by_base_rate, contestant -> (3,), at
the largest S; gap_to_trees (S,), auroc of the LSTM less that of the better trees; frauds (S,), honest; rate, name ->
(S,); cpu_seconds, name -> (S,); parameters, LSTM; judged_frauds, judged_honest, T, H.
"""

import time

import numpy as np
import torch

from lstmkit.comparison import tuned
from lstmkit.data.split import Scaler
from lstmkit.experiments.heartbeat import auroc
from lstmkit.experiments.vitals import PENALTIES, logits_of, network_logits, regression
from lstmkit.tasks import fraud
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.network import Network, count_parameters, cross_entropy
from lstmkit.torch.training import fit

T, D, B, RECALL = 24, len(fraud.COLUMNS), 64, 0.5
BASE_RATES = (0.5, 0.01, fraud.PREVALENCE)
SETTINGS = {
    "test": {
        "H": 4, "steps": 4, "frauds": (20,), "honest": 100, "judged": (30, 200), "rates": (1e-2,), "trees": 5,
        "tree_rates": (0.1,),
    },
    "live": {
        "H": 16, "steps": 200, "frauds": (500,), "honest": 3_000, "judged": (1_000, 10_000), "rates": (1e-2,),
        "trees": 25, "tree_rates": (0.3,),
    },
    "recorded": {
        "H": 16, "steps": 600, "frauds": (100, 2_000), "honest": 10_000, "judged": (2_000, 50_000),
        "rates": (3e-3, 1e-2), "trees": 100, "tree_rates": (0.1, 0.3),
    },
}  # fmt: skip


def summaries(x):
    """Five summaries of each column of x (T, B, 4), and the greatest rise and fall of each: (B, 28)."""
    change = np.diff(x, axis=0)
    parts = [x.mean(axis=0), x.std(axis=0), x.min(axis=0), x.max(axis=0), x[-1], change.max(axis=0), change.min(axis=0)]
    return np.concatenate(parts, axis=1)


def side_by_side(x):
    """All payments of x (T, B, 4) as one row for each account: (B, 4 T)."""
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)


def accounts(rng, frauds, honest):
    """x (T, B, 4) and y (B,) of so many stolen and honest accounts."""
    return fraud.batch(rng, T, frauds + honest, share=frauds / (frauds + honest))


def at_recall(score, y, recall=RECALL):
    """(hits, false alarms): the shares of stolen and of honest accounts at the highest limit that catches `recall`."""
    stolen = np.sort(score[y == 1])[::-1]
    limit = stolen[int(np.ceil(recall * len(stolen))) - 1]
    return float((score[y == 1] >= limit).mean()), float((score[y == 0] >= limit).mean())


def best_trees(z, y, z_held, y_held, seed, setting):
    """The trees whose rate ranks the held-out accounts best, and that rate; z (B, F), y (B,)."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise ImportError(
            'the trees are those of scikit-learn, which is not installed: pip install "lstmkit[data]"'
        ) from error
    found, rates = {}, setting["tree_rates"]
    for rate in rates:
        found[rate] = HistGradientBoostingClassifier(
            learning_rate=rate,
            max_iter=setting["trees"],
            class_weight="balanced",
            early_stopping=False,
            random_state=seed,
        ).fit(z, y)
    rate = max(rates, key=lambda rate: auroc(found[rate].decision_function(z_held), y_held == 1))
    return found[rate], rate


def best_lstm(x, y, x_held, y_held, seed, setting, device):
    """The LSTM trained on batches that are half stolen and half honest, and its rate; x (T, B, 4) scaled, y (B,)."""
    networks, steps = {}, setting["steps"]
    groups = np.flatnonzero(y == 1), np.flatnonzero(y == 0)

    def attempt(rate):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks[rate] = Network(LSTM(D, setting["H"]), 2, last=True).to(device)

        def draw(step, rng):
            chosen = np.concatenate([rng.choice(group, B // 2) for group in groups])
            return x[:, chosen], y[chosen]

        return fit(
            networks[rate], draw, cross_entropy, steps=steps, lr=rate, seed=seed, every=max(1, steps // 10),
            evaluate=lambda network: 1 - auroc(network_logits(network, x_held, device), y_held == 1), patience=10,
            schedule=lambda step: 1 - step / steps,
        )  # fmt: skip

    _, rate = tuned(attempt, setting["rates"])
    return networks[rate], rate


def run(seed=0, scale="live", device="cpu"):
    """Fit every contestant for each number of known frauds, and judge all on the same fresh accounts."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    frauds, honest = setting["frauds"], setting["honest"]
    x_test, y_test = accounts(np.random.default_rng([seed, 2]), *setting["judged"])
    names = ["largest amount", "logistic regression", "trees", "trees, all payments", "LSTM"]
    areas, precision, useless = ({name: [] for name in names} for _ in range(3))
    chosen, seconds = ({name: [] for name in names[2:]} for _ in range(2))
    for size in frauds:
        x, y = accounts(np.random.default_rng([seed, 0, size]), size, honest)
        x_held, y_held = accounts(np.random.default_rng([seed, 1, size]), max(4, size // 4), honest // 4)
        views = {"trees": summaries, "trees, all payments": side_by_side}
        scale_z, scale_x = Scaler.fit(summaries(x)), Scaler.fit(x.reshape(-1, D))
        z, z_held, z_test = (scale_z.apply(summaries(part)) for part in (x, x_held, x_test))
        fits = [regression(z, y, penalty) for penalty in PENALTIES]
        w = max(fits, key=lambda w: auroc(logits_of(w, z_held), y_held == 1))
        scores = {"largest amount": x_test[..., 0].max(axis=0), "logistic regression": logits_of(w, z_test)}
        for name, view in views.items():
            began = time.process_time()
            model, rate = best_trees(view(x), y, view(x_held), y_held, seed, setting)
            scores[name] = model.decision_function(view(x_test))
            chosen[name].append(rate)
            seconds[name].append(time.process_time() - began)
        began = time.process_time()
        scaled = scale_x.apply(x).astype(np.float32)
        network, rate = best_lstm(scaled, y, scale_x.apply(x_held), y_held, seed, setting, device)
        scores["LSTM"] = network_logits(network, scale_x.apply(x_test), device)
        chosen["LSTM"].append(rate)
        seconds["LSTM"].append(time.process_time() - began)
        shares = {name: at_recall(score, y_test) for name, score in scores.items()}
        for name in names:
            areas[name].append(auroc(scores[name], y_test == 1))
            worth = fraud.precision_at_base_rate(*shares[name], fraud.PREVALENCE)
            precision[name].append(worth)
            useless[name].append((1 - worth) / worth)
    areas, precision, useless, chosen, seconds = (
        {name: np.array(values) for name, values in column.items()}
        for column in (areas, precision, useless, chosen, seconds)
    )
    return {
        "auroc": areas,
        "precision": precision,
        "false_alarms": useless,
        "base_rates": np.array(BASE_RATES),
        "precision_by_base_rate": {
            name: np.array([fraud.precision_at_base_rate(*share, base) for base in BASE_RATES])
            for name, share in shares.items()
        },
        "gap_to_trees": areas["LSTM"] - np.maximum(areas["trees"], areas["trees, all payments"]),
        "frauds": np.array(frauds),
        "honest": honest,
        "rate": chosen,
        "cpu_seconds": seconds,
        "parameters": {"LSTM": count_parameters(network)},
        "judged_frauds": setting["judged"][0],
        "judged_honest": setting["judged"][1],
        "T": T,
        "H": setting["H"],
    }
