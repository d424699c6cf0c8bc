"""Question 4, fit_exponent: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading.transformers import t_quantile

VALUES = {"slope": 2, "interval": 2}


def line(x, y):
    """Slope, sum of squared residuals, sum of squares of x."""
    S = np.sum((x - x.mean()) ** 2)
    slope = np.sum((x - x.mean()) * (y - y.mean())) / S
    return slope, np.sum((y - y.mean() - slope * (x - x.mean())) ** 2), S


def interval(slope, error, n, quantile=None):
    half = (t_quantile(0.95, n - 2) if quantile is None else quantile) * error
    return slope, (slope - half, slope + half)


def fit_exponent(Ts, ms):
    n = len(Ts)
    slope, squares, S = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (n - 2) / S), n)


@mistake("no logarithms", loses=EVERYTHING)
def on_plain_axes(Ts, ms):
    slope, squares, S = line(Ts, ms)
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts))


@mistake("logarithm of T alone", loses=EVERYTHING)
def one_logarithm(Ts, ms):
    slope, squares, S = line(np.log(Ts), ms)
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts))


@mistake("two logarithms", loses=EVERYTHING)
def ln_and_log10(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log10(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts))


@mistake("through the origin", loses=EVERYTHING, source="np.linalg.lstsq without a column of ones")
def no_intercept(Ts, ms):
    x, y = np.log(Ts), np.log(ms)
    slope = (x @ y) / (x @ x)
    return interval(slope, np.sqrt(np.sum((y - slope * x) ** 2) / (len(x) - 2) / (x @ x)), len(x))


@mistake("axes exchanged", loses=EVERYTHING)
def t_over_ms(Ts, ms):
    return fit_exponent(ms, Ts)


@mistake("n for n - 2", loses={"interval": 2})
def divided_by_n(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / len(Ts) / S), len(Ts))


@mistake("n - 1 for n - 2", loses={"interval": 2})
def ddof_one(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 1) / S), len(Ts))


@mistake("normal quantile", loses={"interval": 2})
def one_point_nine_six(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts), 1.96)


@mistake("freedom of n - 1", loses={"interval": 2})
def one_degree_too_many(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts), t_quantile(0.95, len(Ts) - 1))


@mistake("one-sided quantile", loses={"interval": 2})
def one_tail(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts), t_quantile(0.9, len(Ts) - 2))


@mistake("one standard error", loses={"interval": 2})
def no_quantile(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts), 1)


@mistake("error of the residuals", loses={"interval": 2})
def spread_of_the_points(Ts, ms):
    slope, squares, _ = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 2)), len(Ts))


@mistake("half widths", loses={"interval": 2})
def plus_minus(Ts, ms):
    slope, (low, high) = fit_exponent(Ts, ms)
    return slope, (low - slope, high - slope)


@mistake("freedom of n", loses={"interval": 2})
def nothing_taken_by_the_line(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts), t_quantile(0.95, len(Ts)))


@mistake("two logarithms, base 2", loses=EVERYTHING)
def log2_and_ln(Ts, ms):
    slope, squares, S = line(np.log2(Ts), np.log(ms))
    return interval(slope, np.sqrt(squares / (len(Ts) - 2) / S), len(Ts))


@mistake("lengths sorted alone", loses=EVERYTHING)
def sorted_lengths(Ts, ms):
    return fit_exponent(np.sort(Ts), ms)


@mistake("argument modified", loses={"arguments unchanged": 1})
def in_seconds(Ts, ms):
    ms /= 1000
    return fit_exponent(Ts, ms)


@mistake("form", loses=EVERYTHING)
def slope_alone(Ts, ms):
    return fit_exponent(Ts, ms)[0]


@mistake("quantile of 97.5 %", loses={"interval": 2}, source="scipy.stats.t.ppf takes 0.975 for 95 %")
def as_for_ppf(Ts, ms):
    slope, squares, S = line(np.log(Ts), np.log(ms))
    n = len(Ts)
    return interval(slope, np.sqrt(squares / (n - 2) / S), n, t_quantile(0.975, n - 2))


@right()
def by_polyfit(Ts, ms):
    (slope, _), cov = np.polyfit(np.log2(Ts.astype(float)), np.log2(ms.astype(float)), 1, cov=True)
    half = t_quantile(0.95, len(Ts) - 2) * cov[0, 0] ** 0.5
    return {"slope": slope, "low": slope - half, "high": slope + half}


@right()
def by_correlation(Ts, ms):
    x, y = np.log(Ts), np.log(ms)
    r = np.corrcoef(x, y)[0, 1]
    slope = r * y.std() / x.std()
    error = abs(slope) * np.sqrt((1 / r**2 - 1) / (len(x) - 2))
    return interval(slope, error, len(x))


@right()
def normal_equations(Ts, ms):
    X = np.column_stack([np.ones(len(Ts)), np.log10(Ts)])
    y = np.log10(ms)
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ y
    variance = np.sum((y - X @ beta) ** 2) / (len(y) - X.shape[1])
    half = t_quantile(0.95, len(y) - 2) * np.sqrt(variance * inverse[1, 1])
    return beta[1], (beta[1] - half, beta[1] + half)


@right()
def ends_in_a_list(Ts, ms):
    slope, ends = fit_exponent(Ts, ms)
    return slope, list(ends)


@right()
def ends_in_an_array(Ts, ms):
    slope, ends = fit_exponent(Ts, ms)
    return [slope, np.array(ends)]


@right()
def named(Ts, ms):
    slope, ends = fit_exponent(Ts, ms)
    return {"slope": slope, "interval": ends}


@right()
def one_array(Ts, ms):
    slope, ends = fit_exponent(Ts, ms)
    return np.array([slope, *ends])


@right()
def three_values(Ts, ms):
    slope, ends = fit_exponent(Ts.astype(float), ms.astype(float))
    return [slope, *ends]


@right(needs="scipy")
def with_scipy(Ts, ms):
    from scipy import stats

    found = stats.linregress(np.log(Ts.astype(float)), np.log(ms.astype(float)))
    half = stats.t.ppf(0.975, len(Ts) - 2) * found.stderr
    return found.slope, (found.slope - half, found.slope + half)
