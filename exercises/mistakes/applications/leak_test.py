"""Question 5, leak_test: tests that overlook leaks or accuse the honest, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right

SCALE, ANSWER, CENTRED, FIT, HARD = (
    "a scale of the whole series",
    "the answer among the features",
    "smoothing from both sides",
    "fitted on what is forecast",
    "hard to see",
)


@right()
def leak_test(pipeline, series, n_past):
    base = pipeline(series.copy(), n_past)
    rng = np.random.default_rng(0)
    for t in range(n_past, len(series)):
        for _ in range(3):
            other = series.copy()
            other[t:] += rng.normal(size=len(series) - t) * 100
            if not np.array_equal(pipeline(other, n_past)[: t - n_past + 1], base[: t - n_past + 1]):
                return True
    return False


@mistake("missed", loses=EVERYTHING)
def never(pipeline, series, n_past):
    return False


@mistake("accused", loses=EVERYTHING)
def always(pipeline, series, n_past):
    return True


@mistake("accused", loses=EVERYTHING)
def later_forecasts_too(pipeline, series, n_past):
    other = series.copy()
    other[n_past + 5 :] += 10
    return not np.allclose(pipeline(series.copy(), n_past), pipeline(other, n_past))


@mistake("missed", loses={ANSWER: 1, HARD: 1}, source="chapter practice, whose pipelines forecast at t, not for t")
def behind_the_day(pipeline, series, n_past):
    base = pipeline(series.copy(), n_past)
    rng = np.random.default_rng(1)
    for t in range(n_past, len(series) - 1):
        other = series.copy()
        other[t + 1 :] += 50 * rng.normal(size=len(series) - t - 1)
        if np.abs(pipeline(other, n_past) - base)[: t - n_past + 1].max() > 1e-9:
            return True
    return False


@mistake("missed", loses={HARD: 1})
def the_middle_alone(pipeline, series, n_past):
    rng, t = np.random.default_rng(2), (n_past + len(series)) // 2 - 1
    base = pipeline(series.copy(), n_past)
    for _ in range(20):
        for cut in range(max(t - 8, n_past), t):
            other = series.copy()
            other[cut:] += 50 * rng.normal(size=len(series) - cut)
            if np.abs(pipeline(other, n_past) - base)[: cut - n_past + 1].max() > 1e-9:
                return True
    return False


@mistake("missed", loses=EVERYTHING)
def too_good_to_be_true(pipeline, series, n_past):
    said, actual = pipeline(series.copy(), n_past), series[n_past:]
    return bool(np.mean((said - actual) ** 2) < 0.02 * np.mean(np.diff(series[n_past - 1 :]) ** 2))


@mistake("missed", loses={SCALE: 1})
def upwards_alone(pipeline, series, n_past):
    base = pipeline(series.copy(), n_past)
    for t in range(n_past, len(series)):
        other = np.append(series[:t], series[t:] + 1000)
        if not np.allclose(pipeline(other, n_past)[: t + 1 - n_past], base[: t + 1 - n_past]):
            return True
    return False


@mistake("accused", loses={HARD: 1})
def no_copy(pipeline, series, n_past):
    base = pipeline(series, n_past)
    rng = np.random.default_rng(0)
    for t in range(n_past, len(series)):
        for _ in range(3):
            other = series.copy()
            other[t:] += rng.normal(size=len(series) - t) * 100
            if not np.allclose(pipeline(other, n_past)[: t - n_past + 1], base[: t - n_past + 1]):
                return True
    return False


@mistake("accused", loses=EVERYTHING)
def off_by_one(pipeline, series, n_past):
    base = pipeline(series.copy(), n_past)
    for t in range(n_past, len(series) - 1):
        other = series.copy()
        other[t:] += 20 * np.cos(np.arange(len(series) - t))
        if np.abs(pipeline(other, n_past) - base)[: t - n_past + 2].max() > 1e-9:
            return True
    return False


@mistake("form", loses=EVERYTHING)
def how_much(pipeline, series, n_past):
    other = series.copy()
    other[n_past:] += 1
    return float(np.abs(pipeline(series.copy(), n_past) - pipeline(other, n_past)).max())


@right()
def by_nan(pipeline, series, n_past):
    base = np.array(pipeline(series.copy(), n_past))
    for t in range(n_past, len(series)):
        poisoned = series.copy()
        poisoned[t:] = np.nan
        try:
            said = pipeline(poisoned, n_past)
        except Exception:
            return True
        if not np.array_equal(said[: t - n_past + 1], base[: t - n_past + 1]):
            return True
    return False


@right()
def by_other_futures(pipeline, series, n_past):
    """The past alone decides: whatever the future, the forecast of its first day is the same."""
    for t in range(len(series) - 1, n_past - 1, -1):
        said = set()
        for sign in (1, -1):
            for size in (1, 1000):
                future = sign * size * (2 + np.sin(np.arange(len(series) - t)))
                said.add(round(float(pipeline(np.concatenate([series[:t], future]), n_past)[t - n_past]), 6))
        if len(said) > 1:
            return True
    return False


@right()
def day_by_day(pipeline, series, n_past):
    """Each day changed by itself, far up and far down."""
    base = np.asarray(pipeline(series.copy(), n_past))
    moved = False
    for t in range(n_past, len(series)):
        for jump in (1e3, -1e3):
            other = np.array(series)
            other[t] += jump
            moved |= bool(np.any(np.abs(np.asarray(pipeline(other, n_past)) - base)[: t - n_past + 1] > 1e-6))
    return np.bool_(moved)


@right()
def from_zero_and_from_far(pipeline, series, n_past):
    honest = True
    for t in range(n_past, len(series)):
        low, high = series.copy(), series.copy()
        low[t:] = series[:t].min() - 1e4 * np.arange(1, len(series) - t + 1)
        high[t:] = series[:t].max() + 1e4 * np.arange(1, len(series) - t + 1) ** 2
        a, b = pipeline(low, n_past), pipeline(high, n_past)
        honest = honest and np.allclose(a[: t - n_past + 1], b[: t - n_past + 1])
    return not honest
