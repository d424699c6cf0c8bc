"""What must be remembered of a user to foretell the next click?

Setting.  The three worlds of lstmkit/tasks/next_item.py, V = 8 items: the next one hangs on the last item, on the last
two, or on an unchanging taste.  A log of training users, others to choose by, others to test on, T = 20 clicks each.
The foretellers name two items, and hit if the next click is among them; at random that is 1 in 4.  "popularity" names
the commonest items; "last-item table" and "last-two table" those that came most often after the last item, or the
last two; "nearest neighbours" weighs the items of the 50 training users whose clicks, counted, are most like those of
the user so far, by cosine.  GRU and LSTM have equal parameters, the same batches and steps, and Adam with a rate that
falls to zero; the recorded run tries three learning rates for both, the live one takes a rate chosen before.  "best"
knows the world's law, though no user's taste: nobody can do better in the long run.

Source: the worlds are this book's; Hidasi et al. (2016) for the GRU, Ludewig & Jannach (2018) for the neighbours.

Keys: hit_rate {world: {name: float}}, over all clicks but the first two of each test user, the worlds "last item",
"last two", "taste"; rate {world: {GRU, LSTM: float}}; parameters {GRU, LSTM: int}; chance float, hit rate of two random
items; n_train, n_validation, n_test users; T, V, steps.

Chapters: chapters/sequence_problem.md, chapters/entertainment.md.
"""

import numpy as np
import torch

from lstmkit.comparison import equal_width, tuned
from lstmkit.tasks import next_item
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import GRU, LSTM
from lstmkit.torch.network import Network, count_parameters, cross_entropy
from lstmkit.torch.training import fit

T, V, NAMED, NEIGHBOURS, BATCH = 20, 8, 2, 50, 50
CORES = {"GRU": GRU, "LSTM": LSTM}
SETTINGS = {
    "test": {"users": (60, 20, 20), "H": 4, "steps": 4, "rates": (1e-2,)},
    "live": {"users": (500, 100, 300), "H": 32, "steps": 150, "rates": (2e-2,)},
    "recorded": {"users": (1000, 300, 1000), "H": 32, "steps": 400, "rates": (5e-3, 1e-2, 2e-2)},
}


def hit_rate(scores, y):
    """How often y (T, B) is among the NAMED items with the highest scores (T, B, V), from the third click on."""
    named = np.argsort(-scores[1:], axis=-1, kind="stable")[..., :NAMED]
    return float((named == y[1:, :, None]).any(axis=-1).mean())


def popularity(train, x):
    """Scores (T, B, V): how often each item was clicked in training."""
    return np.broadcast_to(np.bincount(train[1].ravel(), minlength=V), x.shape)


def table(train, x, order):
    """Scores (T, B, V): how often each item followed the last `order` items in training; 0 before there are as many."""
    clicks, y = train[0].argmax(axis=-1), train[1]
    counts = np.zeros((V,) * (order + 1))
    np.add.at(counts, (*(clicks[k : len(clicks) - order + 1 + k] for k in range(order)), y[order - 1 :]), 1)
    asked = x.argmax(axis=-1)
    scores = np.zeros(x.shape)
    scores[order - 1 :] = counts[tuple(asked[k : len(asked) - order + 1 + k] for k in range(order))]
    return scores


def neighbours(train, x):
    """Scores (T, B, V): the clicks of the nearest training users, weighted by how near they are."""
    habits = train[0].sum(axis=0)  # (N, V), clicks of each training user on each item
    habits = habits / np.linalg.norm(habits, axis=1, keepdims=True)
    scores = np.empty(x.shape)
    for t, so_far in enumerate(np.cumsum(x, axis=0)):
        near = so_far @ habits.T / np.linalg.norm(so_far, axis=1, keepdims=True)  # (B, N)
        k = min(NEIGHBOURS, near.shape[1])
        chosen = np.argpartition(-near, k - 1, axis=1)[:, :k]
        scores[t] = np.einsum("bk,bkv->bv", np.take_along_axis(near, chosen, axis=1), habits[chosen])
    return scores


def learn(name, seed, train, validation, setting, device):
    """The trained network at its best moment and its best rate by validation cross-entropy: model, rate."""
    parameters = count_parameters(Network(LSTM(V, setting["H"]), V))
    held = [torch.from_numpy(part).to(device) for part in validation]
    models = {}

    def build(width):
        return Network(CORES[name](V, width), V)

    def batch(step, rng):
        users = rng.choice(train[1].shape[1], min(BATCH, train[1].shape[1]), replace=False)
        return tuple(part[:, users] for part in train)

    def at(rate):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # the rates share a start
            models[rate] = build(equal_width(build, parameters)).to(device)
        return fit(
            models[rate], batch, cross_entropy, steps=setting["steps"], lr=rate, seed=seed,
            schedule=lambda step: 1 - step / setting["steps"], every=max(1, setting["steps"] // 6),
            evaluate=lambda model: cross_entropy(model, *held).item(),
            patience=setting["steps"],  # never reached: it is what brings back the best moment
        )  # fmt: skip

    _, rate = tuned(at, setting["rates"])
    return models[rate].eval(), rate


def run(seed=0, scale="live", device="cpu"):
    """Train every foreteller in every world, and count its hits on new users."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    result = {"hit_rate": {}, "rate": {}, "parameters": {}}
    for n, kind in enumerate(next_item.KINDS):
        rng = np.random.default_rng([seed, n])
        world = next_item.make(rng, kind, V)
        train, validation, (x, y) = (next_item.batch(rng, world, T, B, np.float32) for B in setting["users"])
        scores = {
            "popularity": popularity(train, x),
            "last-item table": table(train, x, 1),
            "last-two table": table(train, x, 2),
            "nearest neighbours": neighbours(train, x),
            "best": next_item.best(world, x),
        }
        result["rate"][kind] = {}
        for name in CORES:
            model, result["rate"][kind][name] = learn(name, seed, train, validation, setting, device)
            result["parameters"][name] = count_parameters(model)
            with torch.no_grad():
                scores[name] = model(torch.from_numpy(x).to(device))[0].cpu().numpy()
        result["hit_rate"][kind] = {name: hit_rate(found, y) for name, found in scores.items()}
    n_train, n_validation, n_test = setting["users"]
    return result | {
        "chance": NAMED / V,
        "n_train": n_train,
        "n_validation": n_validation,
        "n_test": n_test,
        "T": T,
        "V": V,
        "steps": setting["steps"],
    }
