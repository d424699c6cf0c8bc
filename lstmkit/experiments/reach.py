"""How far can each reader see?  Recall the input k steps back, or foretell the input k steps ahead.

Setting.  Fair coin flips x_t, so nothing can be guessed from anything else.  At every step the reader must
name x_{t+k} for every offset k from -5 to +4 at once, one yes-or-no output for each.  Three readers:
a window of the last 4 inputs with a linear read-out, an LSTM that reads forward, and a bidirectional one,
made of one LSTM that reads forward, one that reads the reversed sequence, and a linear read-out of both.

A window of w inputs holds x_{t+k} only for -w < k <= 0.  A forward reader has never met x_{t+k} for k > 0.
That much is arithmetic; whether an LSTM learns the offsets that it could know is the experiment.
Only the middle steps are scored, where x_{t+k} exists for every k.

Source: Schuster and Paliwal (1997) for the bidirectional network.
Chapter: chapters/sequence_problem.md.

Keys: offsets (K,), accuracy {reader: (S, K)}, one row for each seed; window, T, H, steps, n_scored.
"""

import numpy as np

from lstmkit.numpy import adam, linear, lstm
from lstmkit.numpy.functions import sigmoid

OFFSETS = np.arange(-5, 5)
WINDOW = 4  # inputs that the window reader sees, the present one included
T, B = 16, 32
SETTINGS = {
    "live": {"seeds": 2, "H": 32, "steps": 250},
    "test": {"seeds": 1, "H": 4, "steps": 3},
    "recorded": {"seeds": 2, "H": 32, "steps": 600},
}
SCORED = slice(-OFFSETS[0], T - OFFSETS[-1])  # the steps t with every t + k inside the sequence


def batch(rng):
    """x (T, B, 1) of ±1 and, for the scored steps, y (T', B, K) of 0 and 1."""
    bits = rng.integers(0, 2, (T, B))
    y = np.stack([bits[SCORED.start + k : SCORED.stop + k] for k in OFFSETS], axis=-1)
    return (2 * bits[:, :, None] - 1).astype(np.float32), y


def window_features(x):
    """The last WINDOW inputs at every step, zeros before the first: (T, B, WINDOW)."""
    padded = np.concatenate([np.zeros((WINDOW - 1, *x.shape[1:]), x.dtype), x])
    return np.concatenate([padded[WINDOW - 1 - j : len(padded) - j] for j in range(WINDOW)], axis=-1)


def read(cells, x):
    """Features (T, B, F) of the readers in `cells`: none, forward, or forward and backward."""
    if not cells:
        return window_features(x), []
    forward, _, cache = lstm.forward(cells[0], x)
    if len(cells) == 1:
        return forward, [cache]
    backward, _, cache_backward = lstm.forward(cells[1], x[::-1])
    return np.concatenate([forward, backward[::-1]], axis=-1), [cache, cache_backward]


def gradients(cells, readout, x, y):
    """∂/∂params of the mean cross-entropy of the yes-or-no answers, cells first and read-out last."""
    features, caches = read(cells, x)
    d_logits = np.zeros((*features.shape[:2], len(OFFSETS)), x.dtype)
    d_logits[SCORED] = (sigmoid(linear.forward(readout, features[SCORED])) - y) / y[..., 0].size
    d_features, d_readout = linear.backward(readout, d_logits, features)
    grads = []
    for n, (cell, cache) in enumerate(zip(cells, caches, strict=True)):
        H = cell.W_h.shape[1]
        d_hs = d_features[:, :, n * H : (n + 1) * H]
        _, _, d_cell = lstm.backward(cell, d_hs if n == 0 else d_hs[::-1], cache)
        grads += d_cell
    return (*grads, *d_readout)


def train(rng, n_cells, H, steps, lr=2e-2):
    """Adam with a rate that falls to zero.  Returns the cells of the reader, n_cells of H units, and its read-out."""
    cells = [lstm.init_params(rng, 1, H, dtype=np.float32) for _ in range(n_cells)]
    readout = linear.init_params(rng, n_cells * H or WINDOW, len(OFFSETS), dtype=np.float32)
    moments = adam.init((*sum(cells, ()), *readout))
    for n in range(steps):
        grads, _ = adam.clip_by_norm(gradients(cells, readout, *batch(rng)), 1.0)
        rate = lr * (1 - n / steps)
        params, moments = adam.step((*sum(cells, ()), *readout), grads, moments, lr=rate)
        cells = [lstm.Params(*params[3 * c : 3 * c + 3]) for c in range(n_cells)]
        readout = linear.Params(*params[-2:])
    return cells, readout


def accuracy(rng, cells, readout, batches=20):
    """Share of right answers at each offset, on fresh sequences: (K,)."""
    right = []
    for _ in range(batches):
        x, y = batch(rng)
        features, _ = read(cells, x)
        right.append(((linear.forward(readout, features[SCORED]) > 0) == y).mean(axis=(0, 1)))
    return np.mean(right, axis=0)


def run(seed=0, scale="live", device="cpu"):
    """Train the three readers on the same task.  device is unused: this is the NumPy kit."""
    if scale not in SETTINGS:
        raise ValueError(f"scale is {scale!r}; this experiment knows {', '.join(SETTINGS)}")
    setting = SETTINGS[scale]
    readers = {"window of 4": 0, "forward LSTM": 1, "bidirectional LSTM": 2}
    scores = {name: [] for name in readers}
    for s in range(setting["seeds"]):
        for name, n_cells in readers.items():
            rng = np.random.default_rng([seed, s, n_cells])
            scores[name].append(accuracy(rng, *train(rng, n_cells, setting["H"], setting["steps"])))
    return {
        "offsets": OFFSETS,
        "accuracy": {name: np.stack(rows) for name, rows in scores.items()},
        "window": WINDOW,
        "T": T,
        "H": setting["H"],
        "steps": setting["steps"],
        "n_scored": int(20 * B * (SCORED.stop - SCORED.start)),
    }
