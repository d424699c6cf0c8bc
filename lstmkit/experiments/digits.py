"""Does a picture need a reader with memory?

Setting.  The 1,797 digits of lstmkit/data/digits.py, 8 x 8 pixels, cut anew with each seed: 1,000 to train, 297 to
choose the learning rate and the best moment of training, 500 to test.  Logistic regression sees the 64 pixels at
once.  The networks meet the same picture as a sequence, of 8 rows or of 64 single pixels, and name the digit after the
last step.  They have equal parameters within a reading, the same batches of 64 pictures, the same number of steps,
Adam with a rate that falls to zero, and the gradient clipped to norm 1.  The recorded run tries two learning rates
for each; the live one takes a rate chosen before, and reads rows, with the LSTM on pixels beside them.

In "shuffled pixels" and "shuffled at once" one fixed permutation, drawn once, is applied to every picture: no pixel is
lost, only the order.
The small training sets are the first n pictures of the 1,000, which logistic regression sees at once and the networks
read by rows, under the same rules; the validation pictures stay 297.

Source: Le, Jaitly & Hinton (2015) for reading pictures pixel by pixel, and shuffled, with MNIST's 784 pixels.
Published, as reported: MNIST by pixels, test accuracy in per cent: LSTM 87.2, GRU 96.2, RNN 21.5, temporal convolution
99.0 (Bai, Kolter & Koltun, 2018, Table 1).

Keys: accuracy {reading: {reader: float}} on the test pictures, the readings as above; rate, the same nesting, the
learning rate taken; parameters, the same nesting, int; gru_minus_lstm {reading: float}, accuracies; by_size {"n 100":
{reader: float}, ...}, accuracy after small training sets, by_size_train, on those sets themselves, and
gru_minus_lstm_by_size {"n 100": float, ...}; majority float, the test accuracy of the commonest training digit;
equal_cost, dict of at_equal_cost over the readers of rows, whose scores are validation cross-entropy; n_train,
n_validation, n_test, steps.  What a scale leaves out is missing from the dicts.

Chapters: chapters/sequence_problem.md, chapters/gru.md.
"""

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import at_equal_cost, equal_width, tuned
from lstmkit.data import digits
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import GRU, LSTM, RNN
from lstmkit.torch.network import Network, Transformer, accuracy, count_parameters, cross_entropy
from lstmkit.torch.training import fit

PUBLISHED_MNIST_BY_PIXELS = {"LSTM": 0.872, "GRU": 0.962, "RNN": 0.215, "TCN": 0.990}
BATCH = 64
READERS = ("LSTM", "GRU", "RNN", "Transformer")
RATES = dict.fromkeys(READERS, (1e-2, 3e-2)) | {
    "Transformer": (2e-3, 5e-3),
    "logistic regression": (3e-2, 1e-1),
}
CHOSEN = {"LSTM": (3e-2,), "GRU": (2e-2,), "RNN": (1e-2,), "Transformer": (5e-3,), "logistic regression": (1e-1,)}
SETTINGS = {
    "test": {"H": 4, "steps": 4, "every": 2, "rates": CHOSEN, "sizes": (30,),
             "readings": {"at once": ("logistic regression",), "rows": READERS, "pixels": ("LSTM",)}},
    "live": {"H": 32, "steps": 160, "every": 40, "rates": CHOSEN, "sizes": (),
             "readings": {"at once": ("logistic regression",), "rows": READERS, "pixels": ("LSTM",)}},
    "recorded": {"H": 32, "steps": 400, "every": 50, "rates": RATES, "sizes": (100, 300),
                 "readings": {"at once": ("logistic regression",), "shuffled at once": ("logistic regression",),
                              "rows": READERS, "pixels": READERS, "shuffled pixels": ("LSTM", "GRU")}},
}  # fmt: skip


def parts(seed):
    """Digits to train on (1,000), to choose by (297) and to test on (500), in an order that the seed draws."""
    past, test = digits.split(digits.load(), 1297, seed)
    cut = [digits.Digits(past.images[part], past.labels[part]) for part in (slice(1000), slice(1000, None))]
    return *cut, test


def as_sequence(images, reading):
    """Pictures (N, 8, 8) as float32 (T, N, D): (1, N, 64) at once, (8, N, 8) by rows, (64, N, 1) by pixels."""
    flat = images.reshape(len(images), 64).astype(np.float32)
    if reading.startswith("shuffled"):
        flat = flat[:, np.random.default_rng(64).permutation(64)]  # one order for every picture and every seed
    T = {"at once": 1, "shuffled at once": 1, "rows": 8}.get(reading, 64)
    return np.ascontiguousarray(flat.reshape(len(images), T, 64 // T).transpose(1, 0, 2))


class LogisticRegression(nn.Module):
    """Ten linear scores of the pixels of the only step, (1, B, 64) to (B, 10), from zeros."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Linear(64, 10)
        nn.init.zeros_(self.scores.weight)
        nn.init.zeros_(self.scores.bias)

    def forward(self, x):
        """Scores (B, 10), and None for the state."""
        return self.scores(x[0]), None


def build(reader, D, H):
    """The reader of D numbers a step, as large as an LSTM of H units; what is random comes from torch's generator."""
    if reader == "logistic regression":
        return LogisticRegression()
    kinds = {
        "LSTM": lambda width: Network(LSTM(D, width), 10, last=True),
        "GRU": lambda width: Network(GRU(D, width), 10, last=True),
        "RNN": lambda width: Network(RNN(D, width), 10, last=True),
        # Its width stays a multiple of the heads; the feed-forward part takes up what parameters are left.
        "Transformer": lambda width: Network(
            Transformer(4 * max(1, H // 8), dim_feedforward=width), 10, nn.Linear(D, 4 * max(1, H // 8)), last=True
        ),
    }
    return kinds[reader](equal_width(kinds[reader], count_parameters(kinds["LSTM"](H))))


def learn(seed, reader, reading, train, validation, setting, device):
    """The reader at its best moment, at the best of its rates by validation cross-entropy: model, run, rate."""
    x, y = as_sequence(train.images, reading), train.labels
    x_validation, y_validation = (
        torch.from_numpy(part).to(device) for part in (as_sequence(validation.images, reading), validation.labels)
    )
    models = {}

    def batch(step, rng):
        chosen = rng.choice(len(y), min(BATCH, len(y)), replace=False)
        return x[:, chosen], y[chosen]

    def at(rate):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # the rates share a start
            models[rate] = build(reader, x.shape[-1], setting["H"]).to(device)
        return fit(
            models[rate], batch, cross_entropy, steps=setting["steps"], lr=rate, seed=seed,
            schedule=lambda step: 1 - step / setting["steps"], every=setting["every"],
            evaluate=lambda model: cross_entropy(model, x_validation, y_validation).item(),
            patience=setting["steps"],  # never reached: it is what brings back the best moment
        )  # fmt: skip

    run, rate = tuned(at, setting["rates"][reader])
    return models[rate].eval(), run, rate


def run(seed=0, scale="live", device="cpu"):
    """Train every reader of every reading on the same pictures, and test it on others."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    train, validation, test = parts(seed)
    result, runs = {"accuracy": {}, "rate": {}, "parameters": {}}, {}

    def score(model, reading, part):
        x, y = (torch.from_numpy(array).to(device) for array in (as_sequence(part.images, reading), part.labels))
        with torch.no_grad():
            return accuracy(model, x, y)

    for reading, readers in setting["readings"].items():
        for key in ("accuracy", "rate", "parameters"):
            result[key][reading] = {}
        for reader in readers:
            model, training, rate = learn(seed, reader, reading, train, validation, setting, device)
            result["accuracy"][reading][reader] = score(model, reading, test)
            result["rate"][reading][reader] = rate
            result["parameters"][reading][reader] = count_parameters(model)
            if reading == "rows":
                runs[reader] = training
    by_size, by_size_train = {}, {}
    for n in setting["sizes"]:
        few = digits.Digits(train.images[:n], train.labels[:n])
        by_size[f"n {n}"], by_size_train[f"n {n}"] = {}, {}
        for reader, reading in (("logistic regression", "at once"), ("LSTM", "rows"), ("GRU", "rows")):
            model, _, _ = learn(seed, reader, reading, few, validation, setting, device)
            by_size[f"n {n}"][reader] = score(model, reading, test)
            by_size_train[f"n {n}"][reader] = score(model, reading, few)
    gaps = {name: found for name, found in result["accuracy"].items() if "GRU" in found}
    return result | {
        "gru_minus_lstm": {name: found["GRU"] - found["LSTM"] for name, found in gaps.items()},
        "by_size": by_size,
        "by_size_train": by_size_train,
        "gru_minus_lstm_by_size": {name: found["GRU"] - found["LSTM"] for name, found in by_size.items()},
        "majority": float(np.mean(test.labels == np.bincount(train.labels).argmax())),
        "equal_cost": at_equal_cost(runs),
        "n_train": len(train.labels),
        "n_validation": len(validation.labels),
        "n_test": len(test.labels),
        "steps": setting["steps"],
    }
