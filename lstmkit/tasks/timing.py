"""Timing: tell two intervals apart that differ by one step, and keep a beat.

`measure`: spikes on an otherwise silent line.  From one spike to the next it is F steps or F + 1, a fair coin decides,
and at each spike but the first the model must say which it was.  Whoever guesses is right half the time, `GUESS`.
`generate`: the input never changes, and every F steps the model must give one spike.  Whoever stays silent is right at
all steps but one in F, `silent_accuracy`, and wrong at every beat; hence `stable_periods` counts beats.

T steps, B sequences.  measure: x (T, B, 1), y (T, B) with 0 for F, 1 for F + 1 and -1 where nothing is asked.
generate: x (T, B, 1), all ones; y (T, B) with 1 at a spike, else 0.

Source: Gers, Schraudolph & Schmidhuber (2002), who show that peepholes let a cell time such intervals.
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

GUESS = 0.5


def measure(rng, F, B, spikes=2, start=10, dtype=np.float64):
    """Draw B lines with the first spike at one of the `start` first steps; T = start + (spikes - 1)(F + 1).

    Returns x (T, B, 1) and y (T, B).
    """
    F = expect("F", F, 1, "two spikes are at least one step apart")
    B = expect_batch(B)
    spikes = expect("spikes", spikes, 2, "an interval has two ends")
    start = expect("start", start, 1, "the first spike falls on one of the first steps")
    longer = rng.integers(0, 2, (spikes - 1, B))
    first = rng.integers(0, start, (1, B))
    at = np.concatenate([first, first + np.cumsum(F + longer, axis=0)])
    T, column = start + (spikes - 1) * (F + 1), np.arange(B)
    x = np.zeros((T, B, 1), dtype)
    y = np.full((T, B), -1)
    x[at, column, 0] = 1.0
    y[at[1:], column] = longer
    return x, y


def generate(F, periods, B=1, dtype=np.float64):
    """A constant input and the spikes to be given, one at the end of each period; T = F periods.  Nothing is random.

    Returns x (T, B, 1) and y (T, B).
    """
    F = expect("F", F, 2, "a spike at every step is no rhythm")
    periods = expect("periods", periods, 1, "there is a beat to keep")
    B = expect_batch(B)
    y = np.zeros((F * periods, B), np.int64)
    y[F - 1 :: F] = 1
    return np.ones((F * periods, B, 1), dtype), y


def silent_accuracy(F):
    """Share of the steps (T, B) at which whoever never gives a spike is right."""
    return 1 - 1 / F


def stable_periods(spikes, F):
    """Whole periods before the first wrong step, (B,) integers, of spikes (T, B), True or 1 where one was given."""
    spikes = np.asarray(spikes) > 0
    due = np.arange(len(spikes)) % F == F - 1
    right = spikes == due[:, None]
    return np.where(right.all(axis=0), len(spikes), right.argmin(axis=0)) // F
