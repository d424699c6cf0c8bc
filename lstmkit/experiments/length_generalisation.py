"""Does an LSTM that has learned to add at one length still add at others?

Setting: the networks of lstmkit/experiments/gates_on_adding.py, trained at T = 50 and at no other length, asked at
lengths from half that to 16 times that, 200 fresh sequences each.  The mean squared error is cut in two, mean² +
variance: a shift, the same for every sequence, and a spread.  A network that always answers 1 has an error of 1/6
at every length.

A second run holds by force: at every unmarked step, the input gate of the unit that carries the sum is closed
(pre-activation -inf) and its forget gate open (+inf), so that unit can neither leak nor drift.  If the error then
stops growing, the leak was the cause.

Source: the question is this book's; the task is Hochreiter & Schmidhuber (1997).  Chapter:
chapters/architecture.md.

Keys: T_trained, lengths (N,), mse, shift, spread (N,), held_mse, held_shift, held_spread (N,), constant_mse (1/6),
crossing (the first of the lengths at which the constant answer is better, or None).
"""

import numpy as np

from lstmkit.experiments import gates_on_adding
from lstmkit.numpy import lstm, training
from lstmkit.tasks import adding

SETTINGS = {
    "live": dict(factors=(0.5, 1, 2, 4, 8, 16), sequences=200),
    "test": dict(factors=(0.5, 1, 2), sequences=40),
    "recorded": dict(factors=(0.5, 1, 2, 4, 8, 16), sequences=1_000),
}


def run(seed=0, scale="live", device="cpu", trained=None):
    """`trained` is a result of gates_on_adding.run; without it the network is trained here.  `device` is unused."""
    if scale not in SETTINGS:
        raise ValueError(f"scale is {scale!r}; this experiment knows {', '.join(SETTINGS)}")
    trained = trained or gates_on_adding.run(seed, scale)
    network, unit = trained["network"], trained["unit"]
    rng = np.random.default_rng([seed, 2])
    lengths = np.array([round(factor * trained["T"]) for factor in SETTINGS[scale]["factors"]])
    free, held = [], []
    for T in lengths:
        x, y = adding.batch(rng, int(T), SETTINGS[scale]["sequences"])
        free.append(gates_on_adding.shift_and_spread(training.predict(lstm, network, x) - y))
        still = gates_on_adding.predict_forced(network, x, {"i": "closed", "f": "open"}, x[..., 1] == 0, unit)
        held.append(gates_on_adding.shift_and_spread(still - y))
    (shift, spread), (held_shift, held_spread) = np.transpose(free), np.transpose(held)
    worse = lengths[(shift + spread > adding.CONSTANT_MSE) & (lengths > trained["T"])]
    return dict(
        T_trained=trained["T"],
        lengths=lengths,
        mse=shift + spread,
        shift=shift,
        spread=spread,
        held_mse=held_shift + held_spread,
        held_shift=held_shift,
        held_spread=held_spread,
        constant_mse=adding.CONSTANT_MSE,
        crossing=int(worse[0]) if len(worse) else None,
    )
