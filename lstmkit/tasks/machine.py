"""Wear: a simulated machine runs until it fails; from the last T readings, how many steps are left?

Every step wears the machine a little, by a random amount that grows with the load and with the wear itself; at wear 1
it fails.  Machines differ in how fast they wear.  Nobody sees the wear.  Five readings are seen: the load, a
temperature that follows load and wear, a vibration that rises late, a pressure that falls slowly, and a fifth that
means nothing.

This is a simulation, and a kind one: one way to fail, no repairs, no missing readings, the same sensors on each
machine.  What is measured on it shows what a method does with such a signal, never what it saves in a factory.

T steps, B machines.  x: (T, B, 5), readings in the order of `READINGS`, in their own units.
y: (B, 1), the steps from the end of the window to the failure; the window ends at a random moment of a life.
Whoever always says the mean has the root mean squared error `constant_rmse(y)`.

Source: van Noortwijk (2009) for wear as a gamma process; Saxena et al. (2008) for the task in its best-known form.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

READINGS = ("load", "temperature", "vibration", "pressure", "nothing")
SPEED = 0.0022  # mean wear in the first step at half load: some 200 steps to failure
ACCELERATION = 2.0  # a worn machine wears e^2 times as fast as a new one
SPREAD = 0.3  # of the logarithm of the speed, from machine to machine


class Lives(NamedTuple):
    """Whole lives, padded with zeros behind the failure."""

    x: np.ndarray  # (L, B, 5)
    wear: np.ndarray  # (L, B), hidden from whoever forecasts
    lengths: np.ndarray  # (B,), the step of the failure, counted from 1


def constant_rmse(y):
    """Root mean squared error of whoever always says the mean of y (B, 1)."""
    return float(np.std(y))


def lives(rng, B, dtype=np.float64):
    """Run B machines to failure.  Returns Lives, L being the longest."""
    B = expect_batch(B)
    speed = SPEED * np.exp(SPREAD * rng.normal(size=B))
    wear, load = np.zeros(B), rng.uniform(0, 1, B)
    rows, wears = [], []
    while (wear < 1).any():
        load = np.clip(load + 0.1 * rng.normal(size=B), 0, 1)
        mean = speed * (0.5 + load) * np.exp(ACCELERATION * np.minimum(wear, 1))
        wear = wear + rng.gamma(1.0, mean)  # exponential steps: always forward, and far from even
        noise = rng.normal(size=(4, B))
        rows.append(
            [
                load,
                60 + 20 * load + 15 * wear**2 + 2 * noise[0],
                1 + 0.5 * load + 3 * wear**4 + 0.3 * noise[1],
                30 - 4 * wear + noise[2],
                noise[3],
            ]
        )
        wears.append(wear)
    wear = np.array(wears)
    lengths = (wear < 1).sum(axis=0) + 1
    alive = np.arange(len(wear))[:, None] < lengths
    x = np.array(rows).transpose(0, 2, 1) * alive[..., None]
    return Lives(x.astype(dtype), (wear * alive).astype(dtype), lengths)


def batch(rng, T, B, dtype=np.float64):
    """Draw B windows of T steps, each from a machine of its own that lives at least T steps.

    Returns x (T, B, 5) and y (B, 1).
    """
    T, B = expect("T", T, 1, "a window holds at least one step"), expect_batch(B)
    windows, left = [], []
    for _ in range(20):
        drawn = lives(rng, B, dtype)
        for b in np.flatnonzero(drawn.lengths >= T)[: B - len(windows)]:
            end = rng.integers(T, drawn.lengths[b] + 1)
            windows.append(drawn.x[end - T : end, b])
            left.append(drawn.lengths[b] - end)
        if len(windows) == B:
            return np.stack(windows, axis=1), np.array(left, dtype)[:, None]
    raise ValueError(f"T is {T}, but hardly a machine lives so long: of the last {B} the median lived "
                     f"{int(np.median(drawn.lengths))} steps; pass a smaller T")  # fmt: skip
