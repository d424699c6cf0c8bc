"""Vital signs: hourly readings at a simulated bedside; will the patient collapse within the next hours?

Each patient has levels of their own, around which five signs swing from hour to hour with some memory.  In a patient
who will collapse, all five drift away during the `LEAD` hours before.  Half of all patients, whatever becomes of them,
have a harmless hour somewhere (pain, a walk to the window), when pulse and breath jump up and fall back.  So a reading
that is far from normal may be the patient's own level or a harmless hour, and a drift is neither.

This is a simulation with the outcome built in.  It shows what a method does with a slow drift under noise; it says
nothing about patients.

T hours, B patients.  x: (T, B, 5), in the order of `SIGNS` and in their units.
y: (B,), 1 if the collapse comes within `horizon` hours behind the window, else 0.

Baselines: the share p of collapses, known and nothing else, gives the cross-entropy `guess_loss(p)`; `last_score(x)`
adds up how far the last readings are from normal, in the bad direction, as the warning scores on paper do.

Source: Royal College of Physicians (2017) for scores of this kind; Tomasev et al. (2019) for the task on real records.
"""

import math

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

SIGNS = ("pulse / min", "breaths / min", "systolic pressure / mmHg", "temperature / °C", "oxygen saturation / %")
NORMAL = np.array([80.0, 16.0, 125.0, 36.8, 97.0])
BETWEEN = np.array([10.0, 2.0, 12.0, 0.3, 1.0])  # standard deviation from patient to patient
WITHIN = np.array([5.0, 1.5, 7.0, 0.2, 0.7])  # and from hour to hour
COLLAPSE = np.array([14.0, 4.0, -12.0, 0.4, -2.5])  # how far the signs have drifted when it comes
HARMLESS = np.array([25.0, 7.0, 5.0, 0.0, 0.0])
MEMORY = 0.8  # of the swings, from one hour to the next
LEAD = 18  # hours of drift


def guess_loss(p=0.2):
    """Cross-entropy in nats of whoever knows that a share p of the patients (B,) collapse, and nothing else."""
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def last_score(x):
    """How far the last readings of x (T, B, 5) are from normal, in the bad direction, in standard deviations: (B,)."""
    return ((x[-1] - NORMAL) * np.sign(COLLAPSE) / np.hypot(BETWEEN, WITHIN)).sum(axis=-1)


def batch(rng, T, B, horizon=12, p=0.2, dtype=np.float64):
    """Draw B patients, a share p of whom collapse 1 to `horizon` hours behind the window.

    Returns x (T, B, 5) and y (B,).
    """
    T, B = expect("T", T, 1, "a window holds at least one hour"), expect_batch(B)
    horizon = expect("horizon", horizon, 1, "the collapse lies behind the window")
    if not 0 < p < 1:
        raise ValueError(f"p is {p!r}; it is the share of patients who collapse: pass a number between 0 and 1")
    y = (rng.uniform(size=B) < p).astype(np.int64)
    hour = np.arange(T)[:, None, None]
    collapse = T - 1 + rng.integers(1, horizon + 1, (B, 1))
    drift = np.clip(1 - (collapse - hour) / LEAD, 0, 1) * y[:, None]
    harmless = (hour == rng.integers(0, T, (B, 1))) & (rng.uniform(size=(B, 1)) < 0.5)
    swing = np.empty((T, B, 5))
    swing[0] = rng.normal(size=(B, 5))
    for t in range(1, T):
        swing[t] = MEMORY * swing[t - 1] + math.sqrt(1 - MEMORY**2) * rng.normal(size=(B, 5))
    level = NORMAL + BETWEEN * rng.normal(size=(B, 5))
    x = level + WITHIN * swing + COLLAPSE * drift + HARMLESS * harmless
    x[..., -1] = np.minimum(x[..., -1], 100.0)  # saturation
    return x.astype(dtype), y
