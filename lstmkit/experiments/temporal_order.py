"""How many sequences does the hand-written LSTM need before it can tell the order of two far-apart signals?

Setting: task 6a of Hochreiter & Schmidhuber (1997) at T = 100, lstmkit/tasks/temporal_order.py.  One layer of NumPy
LSTM with H = 32, the derivative by hand, this book's Adam (learning rate 5e-3), mini-batches of B = 32, the gradient
clipped to norm 1, the biases of Tallec & Ollivier (2018).  Every 50 steps we draw 500 fresh sequences and stop when all
are right.  Right is what it was in 1997: every one of the four outputs within 0.3 of its target.  After that, 2,560
fresh sequences are the test.

Recorded, the two controls of equal size run as well, for `controls` sequences at most.

`model` names the contestant: "chrono" (the LSTM above), "forget bias 1" (the same LSTM with b_f = 1 and the other
biases 0) and "RNN" (a tanh RNN, widened until it has as many parameters as the LSTM).  `max_sequences` ends a run that
does not succeed.

Published, as reported: 31,390 training sequences (Hochreiter & Schmidhuber, 1997, Table 9).  Not a race on equal terms:
the original had 156 weights, plain gradient descent one sequence at a time, a truncated gradient, and no forget gate.

Keys: sequences (seen in training); solved; test_accuracy (likeliest class) and test_right (the criterion of 1997);
history_sequences, history_accuracy and history_right (an entry for each check); parameters; seconds (CPU); T; H;
network (both layers, trained) and network_before (the same before training); controls, {name: the same keys without
histories and networks}, empty but for the recorded scale.

Chapter: chapters/mathematics.md.
"""

import time
from functools import partial

import numpy as np

from lstmkit.numpy import linear, lstm, rnn, training
from lstmkit.numpy.functions import d_cross_entropy, softmax
from lstmkit.numpy.training import Network
from lstmkit.tasks import temporal_order

PUBLISHED_SEQUENCES = 31_390
PUBLISHED_WEIGHTS = 156
SETTINGS = {
    "live": {"T": 100, "H": 32, "max_sequences": 48_000, "test_sequences": 2_560},
    "test": {"T": 20, "H": 16, "max_sequences": 9_600, "test_sequences": 500},
    "recorded": {"T": 100, "H": 32, "max_sequences": 48_000, "test_sequences": 2_560, "controls": 24_000},
}
CONTROLS = ("forget bias 1", "RNN")
SCALARS = ("sequences", "solved", "test_accuracy", "test_right", "parameters", "seconds")
DTYPE = np.float32  # twice as fast as float64 here, and exact enough to learn by
BATCH, LEARNING_RATE, MAX_NORM, CHECK_EVERY, CHECK_SEQUENCES = 32, 5e-3, 1.0, 50, 500


def chrono_bias(rng, H, T_max):
    """Biases for memories of 1 to T_max steps (Tallec & Ollivier, 2018): (4H,).

    A forget gate that stands at f forgets with a time constant near 1/(1 - f),
    which is 1 + exp(b_f).  So b_f = ln u, u uniform between 1 and T_max - 1, spreads
    the time constants evenly, and b_i = -b_f opens each input gate as far as its
    forget gate lets go.
    """
    if T_max < 3:
        raise ValueError(f"T_max is {T_max}; it must be 3 steps or more")
    b_f = np.log(rng.uniform(1, T_max - 1, H))
    return np.concatenate([-b_f, b_f, np.zeros(2 * H)])


def start(model, rng, D, H, T):
    """The module and the untrained parameters of a contestant."""
    if model == "chrono":
        params = lstm.init_params(rng, D, H, dtype=DTYPE)
        return lstm, params._replace(b=chrono_bias(rng, H, T).astype(DTYPE))
    if model == "forget bias 1":
        return lstm, lstm.init_params(rng, D, H, forget_bias=1.0, dtype=DTYPE)
    if model == "RNN":
        widths = np.arange(H, 4 * H)
        width = widths[np.argmin(np.abs(widths * (widths + D + 1) - lstm.count_params(D, H)))]  # as many parameters
        return rnn, rnn.init_params(rng, D, int(width), dtype=DTYPE)
    raise ValueError(f"model is {model!r}; this experiment knows 'chrono', 'forget bias 1' and 'RNN'")


def probabilities(cell, network, x):
    """Class probabilities after the last step, (B, 4)."""
    return softmax(training.predict(cell, network, x))


def score(cell, network, x, y):
    """Two shares of the sequences: the likeliest class is the right one; every output is within 0.3 of its target."""
    p = probabilities(cell, network, x)
    within = (np.abs(p - np.eye(4)[y]) < 0.3).all(axis=1)  # the criterion of 1997
    return float((p.argmax(axis=1) == y).mean()), float(within.mean())


def run(seed=0, scale="live", device="cpu", model="chrono", max_sequences=None):
    """Train one contestant until it is right or out of sequences.  `device` is unused: this is the NumPy kit."""
    if scale not in SETTINGS:
        raise ValueError(f"scale is {scale!r}; this experiment knows {', '.join(SETTINGS)}")
    T, H = SETTINGS[scale]["T"], SETTINGS[scale]["H"]
    budget = max_sequences or SETTINGS[scale]["max_sequences"]
    rng = np.random.default_rng(seed)
    draw = partial(temporal_order.batch, rng, T, dtype=DTYPE)
    cell, params = start(model, rng, len(temporal_order.SYMBOLS), H, T)
    readout = linear.init_params(rng, params.W_h.shape[1], len(temporal_order.CLASSES), dtype=DTYPE)
    before = network = Network(params, readout)
    moments = training.start(network)
    sequences, history = 0, []
    began = time.process_time()
    while sequences < budget and not (history and history[-1][2] == 1):
        x, y = draw(BATCH)
        _, _, grads = training.gradients(cell, network, x, partial(d_cross_entropy, labels=y))
        network, moments = training.step(network, grads, moments, LEARNING_RATE, MAX_NORM)
        sequences += BATCH
        if sequences % (CHECK_EVERY * BATCH) == 0:
            history.append((sequences, *score(cell, network, *draw(CHECK_SEQUENCES))))
    seconds = time.process_time() - began
    accuracy, right = score(cell, network, *draw(SETTINGS[scale]["test_sequences"]))
    seen, accuracies, rights = (np.array(column) for column in zip(*history, strict=True))
    controls = {}
    for name in CONTROLS if "controls" in SETTINGS[scale] and model == "chrono" else ():
        control = run(seed, scale, model=name, max_sequences=SETTINGS[scale]["controls"])
        controls[name] = {key: control[key] for key in SCALARS}
    return {
        "sequences": sequences,
        "solved": bool(rights[-1] == 1),
        "test_accuracy": accuracy,
        "test_right": right,
        "history_sequences": seen,
        "history_accuracy": accuracies,
        "history_right": rights,
        "parameters": sum(a.size for layer in network for a in layer),
        "seconds": seconds,
        "T": T,
        "H": params.W_h.shape[1],
        "network": network,
        "network_before": before,
        "controls": controls,
    }
