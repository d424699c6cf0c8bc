"""Heartbeats with faults: a simulated electrocardiogram, and the steps at which something is wrong.

Each beat is a sum of five bumps, the waves P, Q, R, S and T, at fixed angles of a circle that is run through once a
beat.  Angles, widths and relative heights are those of the dynamical model of McSharry et al. (2003), integrated: a
wave that the model drives with strength a and width b stands a b² high.  The time between beats follows the breath and
scatters; the line wanders with the breath and carries noise.  A model learns from batches without faults, and is then
asked at which steps of a batch with faults something is wrong:

    early     the beat comes after 60 % of its time, without P and with a wide R
    missed    the line is flat for a beat
    inverted  the T wave points down
    noisy     the noise is eight times as strong for a beat

This is a simulation of what a recording looks like, not of a heart: nothing measured on it says how well a method
works on patients.

T steps, B recordings.  x: (T, B, 1).  y: (T, B), 0 where all is well, else the index into `KINDS`.

Baselines: a score that knows nothing ranks a faulty step above a sound one half the time, `CHANCE_AUROC`; `discord`
takes the distance of each window to the nearest window of a sound recording, and learns nothing.

Source: McSharry et al. (2003) for the beat; Malhotra et al. (2015) for LSTMs on such a task; Wu & Keogh (2021) for why
a simple rival belongs beside them.
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

KINDS = ("sound", "early", "missed", "inverted", "noisy")
CHANCE_AUROC = 0.5
ANGLES = np.radians([-70.0, -15.0, 0.0, 15.0, 100.0])  # of P, Q, R, S, T; R is the middle of the beat
WIDTHS = np.array([0.25, 0.1, 0.1, 0.1, 0.4])
HEIGHTS = np.array([1.2, -5.0, 30.0, -7.5, 0.75]) * WIDTHS**2
HEIGHTS = HEIGHTS / HEIGHTS[2]  # R is 1 high
P, R, T_WAVE = 0, 2, 4


def batch(rng, T, B, faults=0, beat=64, noise=0.02, dtype=np.float64):
    """Draw B recordings of T steps, some `beat` steps a beat, each with so many faulty beats of random kinds.

    Returns x (T, B, 1) and y (T, B).
    """
    faults, B = expect("faults", faults, 0, "it is the number of faulty beats"), expect_batch(B)
    beat = expect("beat", beat, 16, "fewer steps cannot show the waves of a beat")
    T = expect("T", T, 1, "a recording has at least one step")
    x, y = np.empty((T, B, 1), dtype), np.empty((T, B), np.int64)
    for b in range(B):
        x[:, b, 0], y[:, b] = _recording(rng, T, faults, beat, noise)
    return x, y


def _recording(rng, T, faults, beat, noise):
    """One recording (T,) and its labels (T,)."""
    count = int(T / (0.4 * beat)) + 3  # enough, were all of them early
    breath, phase = 4.3, rng.uniform(0, 2 * np.pi)  # beats a breath
    swing = 0.05 * np.sin(2 * np.pi * np.arange(count) / breath + phase)
    durations = beat * np.clip(1 + swing + 0.02 * rng.normal(size=count), 0.7, 1.3)
    begun = rng.uniform(0, durations[0])
    whole = np.flatnonzero(np.cumsum(durations) - begun <= T)[1:]
    if faults > len(whole):
        raise ValueError(f"faults is {faults}, but T = {T} steps hold {len(whole)} whole beats: pass a larger T")
    kinds = np.zeros(count, np.int64)
    kinds[rng.choice(whole, faults, replace=False)] = rng.integers(1, len(KINDS), faults)
    early, missed, inverted, noisy = (kinds == kind for kind in range(1, len(KINDS)))
    durations[early] *= 0.6
    heights, widths = np.tile(HEIGHTS, (count, 1)), np.tile(WIDTHS, (count, 1))
    heights[early, P] = 0
    widths[early, R] *= 2.5
    heights[missed] = 0
    heights[inverted, T_WAVE] *= -1

    t = np.arange(T)
    ends = np.cumsum(durations) - begun
    n = np.searchsorted(ends, t, side="right")  # the beat that each step belongs to
    angle = np.pi - 2 * np.pi * (ends[n] - t) / durations[n]
    waves = (heights[n] * np.exp(-((angle[:, None] - ANGLES) ** 2) / (2 * widths[n] ** 2))).sum(axis=1)
    wander = 0.05 * np.sin(2 * np.pi * t / (breath * beat) + phase)
    return waves + wander + noise * np.where(noisy[n], 8, 1) * rng.normal(size=T), kinds[n]


def discord(x, sound, k=32):
    """Distance of the window of k steps around each step of x (T,) to the nearest window of `sound` (N,): (T,).

    Windows that would leave the recording are replaced by the first and the last that do not.
    """
    for name, series in (("x", x), ("sound", sound)):
        if np.ndim(series) != 1 or len(series) < k:
            raise ValueError(
                f"{name} must be one series of at least k = {k} steps, but its shape is {np.shape(series)}"
            )
    mine, theirs = (np.lib.stride_tricks.sliding_window_view(np.asarray(s, np.float64), k) for s in (x, sound))
    squared = (mine**2).sum(axis=1)[:, None] - 2 * mine @ theirs.T + (theirs**2).sum(axis=1)
    nearest = np.sqrt(np.maximum(squared.min(axis=1), 0))  # rounding can take it below 0
    before = k // 2
    return np.pad(nearest, (before, len(x) - len(nearest) - before), mode="edge")
