"""Which gate of an LSTM that can add ignores the noise, and what happens when a gate is forced?

Setting: the adding problem (lstmkit/tasks/adding.py) at T = 50, one layer of NumPy LSTM with H = 16 units and a
forget bias of 1, a linear read-out of h_T, this book's Adam (learning rate 1e-2), mini-batches of B = 50, the
gradient clipped to norm 1.  Every 25 steps we measure the mean squared error on 200 held-out sequences, and stop
below 1e-3.  What follows uses 1,000 fresh sequences.

Read: the carrying unit is the one whose c_T correlates best with the answer.  Its gates are averaged over marked
and unmarked steps.

Intervene: run the trained network again, with one gate of that one unit forced, its pre-activation set to -inf
(closed) or +inf (open), at the unmarked steps, at the marked ones, or everywhere but at the last step.  Nothing is
trained again.  The mean squared error is cut in two, mean² + variance: a shift, the same for every sequence, and a
spread, what is really not known any more.

Whoever always answers 1, the mean, has an error of 1/6, all of it spread.

Source: Hochreiter & Schmidhuber (1997), experiment 4, for the task.  Chapters: chapters/architecture.md,
chapters/gates.md.

Keys: mse, steps, sequences (seen in training), history_steps and history_mse, seconds (CPU), unit, correlation;
marked and unmarked, each letter i, f, g, o -> mean of the carrying unit's gate; half_life (H,), from every unit's
mean f at unmarked steps; near_mse and far_mse, errors for marks fewer than T/4 steps and more than T/2 steps apart;
forced, (gate, "closed" or "open", where) -> (shift, spread); spread {gate: {"closed" or "open": {where: float}}}, the
second of each; untouched, (shift, spread); constant_spread, that of any constant answer on the same sequences;
erased_by_mark, correlations of the error with the first and with the second marked number when f is closed at marks;
example, dict of the sequence with the largest answer: value, mark, answer, said, and i, f, g, o, c, h (T,); network
(both layers, trained), T, H.
"""

import time

import numpy as np

from lstmkit.cells import lstm as cell
from lstmkit.numpy import linear, lstm, training
from lstmkit.numpy.training import Network
from lstmkit.tasks import adding

SETTINGS = {
    "live": dict(T=50, H=16, max_steps=1_500, stop_below=1e-3, sequences=1_000),
    "test": dict(T=8, H=4, max_steps=20, stop_below=1e-3, sequences=60),
    "recorded": dict(T=50, H=16, max_steps=3_000, stop_below=1e-3, sequences=4_000),
}
DTYPE = np.float32  # for training; what is read out of the trained network is computed in float64
BATCH, LEARNING_RATE, MAX_NORM, CHECK_EVERY, CHECK_SEQUENCES = 50, 1e-2, 1.0, 25, 200
BLOCK = dict(i=0, f=1, g=2, o=3)  # the place of each gate's pre-activation
PLACES = ("unmarked", "marked", "before the last")
FORCE = dict(closed=-np.inf, open=np.inf)


def train(seed, T, H, max_steps, stop_below):
    """Train until the held-out error is below stop_below.  Returns the network and the history."""
    rng = np.random.default_rng(seed)
    network = Network(lstm.init_params(rng, 2, H, forget_bias=1.0, dtype=DTYPE), linear.init_params(rng, H, 1, DTYPE))
    x_held, y_held = adding.batch(rng, T, CHECK_SEQUENCES, dtype=DTYPE)
    moments, history = training.start(network), []
    for n in range(1, max_steps + 1):
        x, y = adding.batch(rng, T, BATCH, dtype=DTYPE)
        _, _, grads = training.gradients(lstm, network, x, lambda said, y=y: 2 * (said - y) / BATCH)
        network, moments = training.step(network, grads, moments, LEARNING_RATE, MAX_NORM)
        if n % CHECK_EVERY == 0 or n == max_steps:
            history.append((n, float(np.mean((training.predict(lstm, network, x_held) - y_held) ** 2))))
            if history[-1][1] < stop_below:
                break
    return network, history


def predict_forced(network, x, force, where, unit):
    """The answers (B, 1) with gates of one unit forced at the steps where `where` (T, B) is true.

    `force` names them, as in {"f": "closed"} or {"i": "closed", "f": "open"}.
    """
    params = network.cell
    h, c = lstm.zero_state(x.shape[1], params.W_h.shape[1])
    for x_t, here in zip(x, where, strict=True):
        a = np.split(x_t @ params.W_x.T + h @ params.W_h.T + params.b, 4, axis=-1)
        for gate, setting in force.items():
            a[BLOCK[gate]][here, unit] = FORCE[setting]
        h, c, *_ = cell.step(*a, c)
    return linear.forward(network.readout, h)


def shift_and_spread(error):
    """Mean² and variance of the error: the two add up to its mean square."""
    return float(np.mean(error) ** 2), float(np.var(error))


def carrying_unit(gates, y):
    """The unit whose last cell state follows the answer, up or down, and that correlation's size."""
    correlation = np.abs([np.corrcoef(c, y[:, 0])[0, 1] for c in gates.c[-1].T])
    return int(np.argmax(correlation)), float(np.max(correlation))


def places(marked):
    """Name -> (T, B), the steps where a gate may be forced."""
    before = np.ones_like(marked)
    before[-1] = False
    return dict(zip(PLACES, (~marked, marked, before), strict=True))


def run(seed=0, scale="live", device="cpu"):
    """Train one network, read its gates, force them.  `device` is unused: this is the NumPy kit."""
    if scale not in SETTINGS:
        raise ValueError(f"scale is {scale!r}; this experiment knows {', '.join(SETTINGS)}")
    T, H, max_steps, stop_below, sequences = SETTINGS[scale].values()
    began = time.process_time()
    network, history = train(seed, T, H, max_steps, stop_below)
    seconds = time.process_time() - began
    network = Network(*(type(layer)(*(a.astype(np.float64) for a in layer)) for layer in network))

    x, y = adding.batch(np.random.default_rng([seed, 1]), T, sequences)
    hs, _, cache = lstm.forward(network.cell, x)
    gates, said, marked = lstm.read_gates(cache), linear.forward(network.readout, hs[-1]), x[..., 1] == 1
    unit, correlation = carrying_unit(gates, y)
    first, second = np.argsort(-x[..., 1], axis=0, kind="stable")[:2]
    apart, squared = second - first, (said - y)[:, 0] ** 2
    forced = {
        (gate, setting, place): shift_and_spread(predict_forced(network, x, {gate: setting}, where, unit) - y)
        for gate in "ifo"
        for setting in FORCE
        for place, where in places(marked).items()
    }
    numbers = np.take_along_axis(x[..., 0], np.stack([first, second]), axis=0)
    erased = predict_forced(network, x, {"f": "closed"}, marked, unit) - y
    n = int(np.argmax(y))
    example = dict(value=x[:, n, 0], mark=x[:, n, 1], answer=float(y[n, 0]), said=float(said[n, 0]), h=hs[:, n, unit])
    return dict(
        mse=float(squared.mean()),
        steps=history[-1][0],
        sequences=history[-1][0] * BATCH,
        history_steps=np.array([n for n, _ in history]),
        history_mse=np.array([mse for _, mse in history]),
        seconds=seconds,
        unit=unit,
        correlation=correlation,
        marked={k: float(getattr(gates, k)[marked][:, unit].mean()) for k in "ifgo"},
        unmarked={k: float(getattr(gates, k)[~marked][:, unit].mean()) for k in "ifgo"},
        half_life=np.log(2) / -np.log(gates.f[~marked].mean(axis=0)),
        near_mse=float(squared[apart < T / 4].mean()),
        far_mse=float(squared[apart > T / 2].mean()),
        forced=forced,
        spread={
            gate: {setting: {place: forced[gate, setting, place][1] for place in PLACES} for setting in FORCE}
            for gate in "ifo"
        },
        untouched=shift_and_spread(said - y),
        erased_by_mark=tuple(float(np.corrcoef(erased[:, 0], number)[0, 1]) for number in numbers),
        constant_spread=float(np.var(y)),
        example=example | {k: getattr(gates, k)[:, n, unit] for k in "ifgoc"},
        network=network,
        T=T,
        H=H,
    )
