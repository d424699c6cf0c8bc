"""Can a recurrent network hold one bit for a thousand steps?  And can it learn to?

Setting.  The first input is the bit, +1 or -1; every later input is noise, uniform in ±0.5.  At the end, name the bit.

Storing.  One unit, three weights, set by hand: h_t = tanh(2 h_{t-1} + x_t).  It has two resting points, near
±0.96, and noise below 0.53 cannot carry it from one to the other, so it holds the bit for ever.  The gradient of
h_t to h_1 is the product of 2 (1 - h²) over the steps between: far below 1 at a resting point, and exactly 2 a step
where the unit is undecided, at h = 0.

Learning.  Networks of 16 units from a random start, trained by Adam on the same task for several lengths: the simple
recurrent network, and the LSTM with a forget gate that starts ajar (bias 1) or open (bias 5).

Source: Bengio, Simard and Frasconi (1994): holding a bit safely and sending a gradient far exclude each other.
Chapter: chapters/sequence_problem.md.

Keys: hidden (T, 2): the one-unit network for bit +1 and -1; held float: share of `trials` sequences right after T
steps; T, trials; rest float: the resting point; noise_limit float; latched_factor, undecided_factor float: change of
the gradient a step; gradient (L + 1, 2): |dh_{1+lag}/dh_1| for lag 0..L, latched (geometric mean over the
trials) and undecided; lengths (K,), learned {network: (S, K)}: accuracy after training; training_sequences int, H int.
"""

from functools import partial

import numpy as np

from lstmkit.numpy import linear, lstm, rnn, training
from lstmkit.numpy.functions import cross_entropy, d_cross_entropy
from lstmkit.numpy.training import Network

NOISE = 0.5
LAGS = 40  # how far the gradient of the hand-set unit is followed
H = 16  # units of the networks that learn
HAND_SET = rnn.Params(W_x=np.array([[1.0]]), W_h=np.array([[2.0]]), b=np.zeros(1))
SETTINGS = {
    "live": {"seeds": 4, "steps": 150, "lengths": (15, 30, 60), "trials": 200, "T": 1000},
    "test": {"seeds": 1, "steps": 3, "lengths": (3,), "trials": 8, "T": 50},
    "recorded": {"seeds": 4, "steps": 600, "lengths": (15, 30, 60, 120), "trials": 2000, "T": 1000},
}


def batch(rng, T, B, dtype=np.float64):
    """x (T, B, 1) and the bit, labels (B,) of 0 and 1."""
    x = rng.uniform(-NOISE, NOISE, (T, B, 1)).astype(dtype)
    labels = rng.integers(0, 2, B)
    x[0, :, 0] = 2 * labels - 1
    return x, labels


def resting_point(w):
    """The positive h with h = tanh(w h), by iteration; w > 1."""
    h = 1.0
    for _ in range(200):
        h = np.tanh(w * h)
    return float(h)


def noise_limit(w):
    """The largest constant push against the bit that leaves it its resting point: where w (1 - h²) = 1."""
    h = np.sqrt(1 - 1 / w)
    return float(w * h - np.arctanh(h))


def learn(rng, cell, params, T, steps, B=32, lr=1e-2):
    """Train on at most `steps` fresh batches, until the loss is below 0.01; accuracy on 500 fresh sequences."""
    network = Network(params, linear.init_params(rng, params.W_h.shape[1], 2, dtype=np.float32))
    moments = training.start(network)
    for _ in range(steps):
        x, labels = batch(rng, T, B, np.float32)
        logits, _, grads = training.gradients(cell, network, x, partial(d_cross_entropy, labels=labels))
        if cross_entropy(logits, labels) < 0.01:
            break
        network, moments = training.step(network, grads, moments, lr)
    x, labels = batch(rng, T, 500, np.float32)
    return float((training.predict(cell, network, x).argmax(axis=1) == labels).mean())


def gradient_sizes(hs, w, lags):
    """|dh_{1+lag} / dh_1| of the one-unit network along hs (T, B, 1), for lag 0 to lags: (lags + 1, B)."""
    factors = w * (1 - hs[1 : lags + 1, :, 0] ** 2)
    return np.concatenate([np.ones((1, hs.shape[1])), np.cumprod(factors, axis=0)])


def run(seed=0, scale="live", device="cpu"):
    """Store the bit by hand, measure its gradient, then try to learn it.  device is unused: this is the NumPy kit."""
    if scale not in SETTINGS:
        raise ValueError(f"scale is {scale!r}; this experiment knows {', '.join(SETTINGS)}")
    setting = SETTINGS[scale]
    T, w = setting["T"], float(HAND_SET.W_h[0, 0])
    rng = np.random.default_rng([seed, 0])
    x, labels = batch(rng, T, setting["trials"])
    hs, last, _ = rnn.forward(HAND_SET, x, keep_cache=False)
    first = [int(np.argmax(labels == 1)), int(np.argmax(labels == 0))]  # one sequence of each bit, to look at
    typical = np.exp(np.log(gradient_sizes(hs, w, LAGS)).mean(axis=1))  # the geometric mean: products vary by powers
    undecided = gradient_sizes(np.zeros((LAGS + 1, 1, 1)), w, LAGS)

    networks = {
        "simple recurrent network": (rnn, lambda rng: rnn.init_params(rng, 1, H, dtype=np.float32)),
        "LSTM, forget bias 1": (lstm, lambda rng: lstm.init_params(rng, 1, H, 1.0, np.float32)),
        "LSTM, forget bias 5": (lstm, lambda rng: lstm.init_params(rng, 1, H, 5.0, np.float32)),
    }
    learned = {name: np.empty((setting["seeds"], len(setting["lengths"]))) for name in networks}
    for name, (cell, init) in networks.items():
        for s in range(setting["seeds"]):
            for k, length in enumerate(setting["lengths"]):
                rng = np.random.default_rng([seed, s, length])
                learned[name][s, k] = learn(rng, cell, init(rng), length, setting["steps"])
    return {
        "hidden": hs[:, first, 0],
        "held": float(((last.h[:, 0] > 0) == labels).mean()),
        "T": T,
        "trials": setting["trials"],
        "rest": resting_point(w),
        "noise_limit": noise_limit(w),
        "latched_factor": float(typical[-1] ** (1 / LAGS)),
        "undecided_factor": float(undecided[-1, 0] ** (1 / LAGS)),
        "gradient": np.column_stack([typical, undecided[:, 0]]),
        "lengths": np.array(setting["lengths"]),
        "learned": learned,
        "training_sequences": 32 * setting["steps"],
        "H": H,
    }
