"""When does it pay to read the words of a review in order, instead of counting them?

Setting.  The three rules of lstmkit/tasks/word_order.py.  "words": the label is which of five opinions are in the
majority, in any order.  "negation": one praise, one blame, and a "not" directly before one of them.  "distance": words
between the "not" and what it turns round.  Contestants see the same training reviews and the same 500 validation
reviews, on which each picks its rate and the step at which it was best (it stops early where no answer is wrong):

    logistic regression          on the counts of words
    logistic regression, pairs   on these and on the counts of neighbours
    LSTM                         one layer, words embedded, forget bias 1, read-out after the last word

What is equal is the data, not the parameters: a regression has as many as it has counts, and so the LSTM stands
between the two.  Baseline: `score`, more praise than blame.

Recorded: two rates each.  live: the first of them, and one size of the training set.

Source: Wang & Manning (2012), on real reviews, where counts of words and pairs were hard to beat.
Keys: sizes (K,), training reviews; accuracy {rule: {contestant: {size, such as "3000": float}}}; rate likewise;
score {rule: accuracy of counting praise and blame}; parameters {contestant: number}; cpu_seconds {contestant: of all
trainings whose rate was chosen}.
Chapter: chapters/language.md.
"""

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import tuned
from lstmkit.tasks import word_order
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import LSTM
from lstmkit.torch.network import Network, count_parameters
from lstmkit.torch.training import fit

EMBEDDED, BATCH, CHECKED, EVERY = 8, 32, 500, 25
SYMBOLS = len(word_order.SYMBOLS)
FEATURES = {"logistic regression": word_order.counts, "logistic regression, pairs": word_order.pairs}
SETTINGS = {
    "test": dict(H=4, sizes=(40,), steps=4, rates=2, tested=50),
    "live": dict(H=24, sizes=(3_000,), steps=500, rates=1, tested=1_000),
    "recorded": dict(H=24, sizes=(100, 300, 1_000, 3_000), steps=800, rates=2, tested=2_000),
}
RATES = {"LSTM": (1e-2, 3e-3), "logistic regression": (3e-2, 1e-2), "logistic regression, pairs": (3e-2, 1e-2)}


class Counted(nn.Module):
    """A logistic regression: two logits (B, 2) from counts (F, B), which start as even odds."""

    def __init__(self, features):
        super().__init__()
        self.linear = nn.Linear(features, 2)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        """The logits, and None where a network has its state."""
        return self.linear(x.T), None


def contestants(H):
    """Contestant -> (a function that makes the untrained model, a function that turns words (T, B) into its input)."""
    readers = {
        name: (lambda name=name: Counted(FEATURES[name](np.zeros((2, 1), int)).shape[1]),
               lambda words, name=name: FEATURES[name](words).T.astype(np.float32))
        for name in FEATURES
    }  # fmt: skip
    readers["LSTM"] = (
        lambda: Network(LSTM(EMBEDDED, H), 2, first=nn.Embedding(SYMBOLS, EMBEDDED), last=True),
        lambda words: words,
    )
    return readers


def learn(build, parts, rates, steps, seed, device):
    """Accuracy on the test part, rate, CPU seconds and parameters; `parts` are (x, y) for training, validation, test.

    The reviews are the last axis of x, of words (T, B) as of counts (F, B); y (B,).
    """
    (x, y), checked, tested = parts
    models = {}

    def batch(step, rng):
        chosen = rng.integers(0, len(y), BATCH)
        return x[:, chosen], y[chosen]

    def loss(model, x, y):
        return nn.functional.cross_entropy(model(x)[0], y)

    def wrong(model, of):
        with torch.no_grad():
            logits, _ = model(torch.from_numpy(of[0]).to(device))
        return (logits.argmax(-1).cpu().numpy() != of[1]).mean()

    def at_rate(rate):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            models[rate] = build().to(device)
        return fit(
            models[rate], batch, loss, steps=steps, lr=rate, seed=seed, evaluate=lambda model: wrong(model, checked),
            every=EVERY, goal=0.0, patience=steps,
        )  # fmt: skip

    run, rate = tuned(at_rate, rates)
    model = models[rate].eval()  # with the parameters of its best evaluation
    return float(1 - wrong(model, tested)), rate, run.cpu_seconds, count_parameters(model)


def run(seed=0, scale="live", device="cpu"):
    """Three rules, three readers, one or more sizes of the training set."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    rng = np.random.default_rng([seed, 0])
    accuracy, rates, score, parameters, seconds = {}, {}, {}, {}, {}
    for rule in word_order.RULES:
        words, y = word_order.batch(rng, rule, max(setting["sizes"]))
        others = [word_order.batch(rng, rule, B) for B in (CHECKED, setting["tested"])]
        score[rule] = float((word_order.score(others[1][0]) == others[1][1]).mean())
        accuracy[rule], rates[rule] = {}, {}
        for name, (build, seen) in contestants(setting["H"]).items():
            results = []
            for size in setting["sizes"]:
                parts = [(seen(words[:, :size]), y[:size]), *((seen(w), labels) for w, labels in others)]
                results.append(learn(build, parts, RATES[name][: setting["rates"]], setting["steps"], seed, device))
            right, chosen, spent, counted = zip(*results, strict=True)
            sizes = [str(size) for size in setting["sizes"]]
            accuracy[rule][name] = dict(zip(sizes, right, strict=True))
            rates[rule][name] = dict(zip(sizes, chosen, strict=True))
            seconds[name] = seconds.get(name, 0.0) + sum(spent)
            parameters[name] = counted[0]
    return {
        "sizes": np.array(setting["sizes"]),
        "accuracy": accuracy,
        "score": score,
        "parameters": parameters,
        "rate": rates,
        "cpu_seconds": seconds,
    }
