"""Question 1, interval and verdict: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import mistake, right


def interval(values, t):
    if len(values) < 2:
        return -np.inf, np.inf
    reach = t * np.std(values, ddof=1) / len(values) ** 0.5
    return np.mean(values) - reach, np.mean(values) + reach


def verdict(values, low, high, t):
    lower, upper = interval(values, t)
    if low <= lower and upper <= high:
        return "supported"
    return "refuted" if upper < low or lower > high else "undecided"


INTERVAL, WORD = {"interval": 1}, {"verdict": 2}


@mistake("divided by n", loses=INTERVAL, of="interval", source="np.std has ddof=0 unless told otherwise")
def numpy_default(values, t):
    if len(values) < 2:
        return -np.inf, np.inf
    reach = t * values.std() / np.sqrt(len(values))
    return values.mean() - reach, values.mean() + reach


@mistake("deviation of a value", loses=INTERVAL, of="interval")
def root_forgotten(values, t):
    if len(values) < 2:
        return -np.inf, np.inf
    s = values.std(ddof=1)
    return values.mean() - t * s, values.mean() + t * s


@mistake("quantile of the normal", loses=INTERVAL, of="interval")
def two_sigma(values, t):
    if len(values) < 2:
        return -np.inf, np.inf
    reach = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - reach, values.mean() + reach


@mistake("least and most", loses=INTERVAL, of="interval")
def range_of_the_seeds(values, t):
    return (values.min(), values.max()) if len(values) > 1 else (-np.inf, np.inf)


@mistake("root of n - 1", loses=INTERVAL, of="interval")
def one_less_twice(values, t):
    if len(values) < 2:
        return -np.inf, np.inf
    reach = t * values.std(ddof=1) / np.sqrt(len(values) - 1)
    return values.mean() - reach, values.mean() + reach


@mistake("one value is certain", loses=INTERVAL, of="interval")
def no_width(values, t):
    return interval(values, t) if len(values) > 1 else (values[0], values[0])


@mistake("NaN for one value", loses=INTERVAL, of="interval")
def nan_for_one_seed(values, t):
    s = np.sqrt(np.sum((values - values.mean()) ** 2) / np.float64(len(values) - 1))
    return values.mean() - t * s / len(values) ** 0.5, values.mean() + t * s / len(values) ** 0.5


@mistake("form", loses=INTERVAL, of="interval")
def only_the_reach(values, t):
    return t * np.std(values, ddof=1) / len(values) ** 0.5


@mistake("argument modified", loses={"arguments unchanged": 1}, of="interval")
def centred_in_place(values, t):
    ends = interval(values, t)
    values -= values.mean()
    return ends


@mistake("judged by the mean", loses=WORD, source="chapter conclusion, Check yourself")
def mean_only(values, low, high, t):
    return "supported" if low <= np.mean(values) <= high else "refuted"


@mistake("mean inside is enough", loses=WORD)
def mean_inside(values, low, high, t):
    lower, upper = interval(values, t)
    if low <= np.mean(values) <= high:
        return "supported"
    return "refuted" if upper < low or lower > high else "undecided"


@mistake("overlap is enough", loses=WORD)
def touching(values, low, high, t):
    lower, upper = interval(values, t)
    return "refuted" if upper < low or lower > high else "supported"


@mistake("never undecided", loses=WORD, source="chapter conclusion, Common mistakes: a failed claim")
def two_words(values, low, high, t):
    lower, upper = interval(values, t)
    return "supported" if low <= lower and upper <= high else "refuted"


@mistake("never refuted", loses=WORD)
def too_kind(values, low, high, t):
    lower, upper = interval(values, t)
    return "supported" if low <= lower and upper <= high else "undecided"


@mistake("refuted on one side", loses=WORD)
def above_forgotten(values, low, high, t):
    lower, upper = interval(values, t)
    if low <= lower and upper <= high:
        return "supported"
    return "refuted" if upper < low else "undecided"


@mistake("an end on the border", loses=WORD)
def open_interval(values, low, high, t):
    lower, upper = interval(values, t)
    if low < lower and upper < high:
        return "supported"
    return "undecided" if lower < high and upper > low else "refuted"


@mistake("form", loses=WORD)
def in_capitals(values, low, high, t):
    return verdict(values, low, high, t).upper()


@mistake("form", loses=WORD)
def true_or_false(values, low, high, t):
    lower, upper = interval(values, t)
    return bool(low <= lower and upper <= high)


@mistake("divided by n", loses=INTERVAL, of="interval", verdict=verdict)
def right_verdict_of_a_wrong_interval(values, t):
    if len(values) == 1:
        return [-np.inf, np.inf]
    centre = np.sum(values) / len(values)
    spread = np.sqrt(np.sum((values - centre) ** 2) / len(values))
    return [centre - t * spread / np.sqrt(len(values)), centre + t * spread / np.sqrt(len(values))]


@right(of="interval")
def by_the_variance(values, t):
    n = len(values)
    if n == 1:
        return np.array([-np.inf, np.inf])
    return np.mean(values) + np.array([-1, 1]) * t * np.sqrt(np.var(values, ddof=1) / n)


@right(of="interval")
def with_statistics(values, t):
    import statistics

    if len(values) == 1:
        return {"lower": float("-inf"), "upper": float("inf")}
    values = [float(value) for value in values]
    reach = t * statistics.stdev(values) / len(values) ** 0.5
    return {"lower": statistics.fmean(values) - reach, "upper": statistics.fmean(values) + reach}


@right()
def in_one_expression(values, low, high, t):
    lower, upper = interval(values, t)
    inside, outside = low <= lower <= upper <= high, lower > high or upper < low
    return {(True, False): "supported", (False, True): "refuted"}.get((inside, outside), "undecided")


@right()
def clipped_ends(values, low, high, t):
    ends = np.array(interval(values, t))
    if np.all((ends >= low) & (ends <= high)):
        return "supported"
    if np.all(ends < low) or np.all(ends > high):
        return "refuted"
    return "undecided"
