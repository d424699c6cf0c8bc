"""Question 4, mase: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


@right()
def mase(y, y_hat, y_train, m):
    scale = np.mean([abs(y_train[t] - y_train[t - m]) for t in range(m, len(y_train))])
    if scale == 0:
        raise ValueError("the past repeats itself")
    return np.mean([abs(a - b) for a, b in zip(y, y_hat, strict=True)]) / scale


def refused(y_train, m):
    if np.all(y_train[m:] == y_train[:-m]):
        raise ValueError("nothing to scale by")


@mistake("scaled by the test part", loses=EVERYTHING)
def naive_on_the_test_part(y, y_hat, y_train, m):
    refused(y_train, m)
    return np.abs(y - y_hat).mean() / np.abs(y[m:] - y[:-m]).mean()


@mistake("season ignored", loses=EVERYTHING)
def always_one_step(y, y_hat, y_train, m):
    refused(y_train, m)
    return np.abs(y - y_hat).mean() / np.abs(np.diff(y_train)).mean()


@mistake("lag m for diff m", loses=EVERYTHING, source="numpy.diff's n is not a lag")
def diff_m_times(y, y_hat, y_train, m):
    refused(y_train, m)
    return np.abs(y - y_hat).mean() / np.abs(np.diff(y_train, m)).mean()


@mistake("not scaled", loses=EVERYTHING)
def plain_error(y, y_hat, y_train, m):
    return np.abs(y - y_hat).mean()


@mistake("scaled by the deviation", loses=EVERYTHING)
def by_the_deviation(y, y_hat, y_train, m):
    return np.abs(y - y_hat).mean() / np.std(y_train)


@mistake("n for n - m", loses=EVERYTHING)
def wrong_count(y, y_hat, y_train, m):
    refused(y_train, m)
    return np.abs(y - y_hat).mean() / (np.abs(y_train[m:] - y_train[:-m]).sum() / len(y_train))


@mistake("sum for mean", loses=EVERYTHING)
def summed(y, y_hat, y_train, m):
    refused(y_train, m)
    return np.abs(y - y_hat).sum() / np.abs(y_train[m:] - y_train[:-m]).mean()


@mistake("root mean square", loses=EVERYTHING, source="RMSSE, the measure of the M5 competition")
def squared(y, y_hat, y_train, m):
    refused(y_train, m)
    return np.sqrt(np.mean((y - y_hat) ** 2) / np.mean((y_train[m:] - y_train[:-m]) ** 2))


@mistake("no absolute value", loses=EVERYTHING)
def signed(y, y_hat, y_train, m):
    refused(y_train, m)
    return np.mean(y - y_hat) / np.abs(y_train[m:] - y_train[:-m]).mean()


@mistake("upside down", loses=EVERYTHING)
def turned_over(y, y_hat, y_train, m):
    refused(y_train, m)
    return np.abs(y_train[m:] - y_train[:-m]).mean() / np.abs(y - y_hat).mean()


@mistake("zero scale", loses={"nothing to scale by": 1})
def divides_by_zero(y, y_hat, y_train, m):
    return np.abs(y - y_hat).mean() / np.abs(y_train[m:] - y_train[:-m]).mean()


@mistake("zero scale", loses={"nothing to scale by": 1})
def hides_the_zero(y, y_hat, y_train, m):
    return np.abs(y - y_hat).mean() / max(np.abs(y_train[m:] - y_train[:-m]).mean(), 1e-12)


@mistake("zero scale", loses={"nothing to scale by": 1})
def another_exception(y, y_hat, y_train, m):
    scale = float(np.abs(y_train[m:] - y_train[:-m]).mean())
    assert scale > 0
    return np.abs(y - y_hat).mean() / scale


@right()
def by_slices(y, y_hat, y_train, m):
    scale = np.abs(y_train[m:] - y_train[:-m]).mean()
    if not scale:
        raise ValueError("m: the past has a period of m")
    return np.abs(np.subtract(y, y_hat)).mean() / scale


@right()
def by_norms(y, y_hat, y_train, m):
    above = np.linalg.norm(y - y_hat, 1) / len(y)
    below = np.linalg.norm(y_train[m:] - y_train[: len(y_train) - m], 1) / (len(y_train) - m)
    if below == 0:
        raise ValueError
    return float(above / below)


@right()
def by_lists(y, y_hat, y_train, m):
    errors = [abs(float(a) - float(b)) for a, b in zip(y, y_hat, strict=True)]
    moves = [abs(float(b) - float(a)) for a, b in zip(y_train, y_train[m:], strict=False)]
    if not any(moves):
        raise ValueError("the scale is zero")
    return [sum(errors) / len(errors) * len(moves) / sum(moves)][0]


@right()
def scaled_first(y, y_hat, y_train, m):
    scale = np.mean(np.abs(np.roll(y_train, -m) - y_train)[:-m])
    if np.isclose(scale, 0):
        raise ValueError("scale")
    return np.array(np.mean(np.abs(y / scale - y_hat / scale)))


@right(needs="torch")
def by_torch(y, y_hat, y_train, m):
    import torch

    y, y_hat, past = (torch.as_tensor(a) for a in (y, y_hat, y_train))
    scale = (past[m:] - past[:-m]).abs().mean()
    if scale == 0:
        raise ValueError("scale")
    return (y - y_hat).abs().mean() / scale
