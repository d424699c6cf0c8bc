"""Question 8, direction: wrong answers, and right ones in other styles."""

import itertools

import numpy as np

from exercises.mistakes.bank import mistake, right

Z = 1.959963984540054


@right()
def direction(y_train, y_test, y_hat):
    right, total, last = 0, len(y_test), y_train[-1]
    for now, said in zip(y_test, y_hat, strict=True):
        right += (now > last) == (said > last)
        last = now
    middle, width = right + Z * Z / 2, Z * np.sqrt(right * (total - right) / total + Z * Z / 4)
    up = sum(b > a for a, b in itertools.pairwise(y_train)) >= (len(y_train) - 1) / 2
    moves = np.diff(np.append(y_train[-1], y_test))
    return {
        "share": right / total,
        "low": (middle - width) / (total + Z * Z),
        "high": (middle + width) / (total + Z * Z),
        "always": np.mean((moves > 0) == up),
    }


def interval(right, n):
    p = right / n
    middle = p + Z**2 / (2 * n)
    half = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return {"low": (middle - half) / (1 + Z**2 / n), "high": (middle + half) / (1 + Z**2 / n)}


@mistake("change of the forecast", loses={"share": 1, "low and high": 1})
def slope_of_the_curve(y_train, y_test, y_hat):
    right = np.sign(np.diff(y_hat)) == np.sign(np.diff(y_test))
    return direction(y_train, y_test, y_hat) | {"share": right.mean()} | interval(right.sum(), len(right))


@mistake("seen from the forecast before", loses={"share": 1, "low and high": 1})
def curve_from_the_last_price(y_train, y_test, y_hat):
    curve, truth = (np.diff(np.append(y_train[-1], y)) for y in (y_hat, y_test))
    right = (curve > 0) == (truth > 0)
    return direction(y_train, y_test, y_hat) | {"share": right.mean()} | interval(right.sum(), len(right))


@mistake("ends exchanged", loses={"low and high": 1})
def high_and_low(y_train, y_test, y_hat):
    said = direction(y_train, y_test, y_hat)
    return said | {"low": said["high"], "high": said["low"]}


@mistake("first step dropped", loses={"share": 1, "low and high": 1})
def without_the_first(y_train, y_test, y_hat):
    right = (y_hat[1:] > y_test[:-1]) == (y_test[1:] > y_test[:-1])
    return direction(y_train, y_test, y_hat) | {"share": right.mean()} | interval(right.sum(), len(right))


@mistake("per cent", loses={"share": 1})
def in_per_cent(y_train, y_test, y_hat):
    said = direction(y_train, y_test, y_hat)
    return said | {"share": 100 * said["share"]}


@mistake("plain interval", loses={"low and high": 1})
def wald(y_train, y_test, y_hat):
    said = direction(y_train, y_test, y_hat)
    half = Z * np.sqrt(said["share"] * (1 - said["share"]) / len(y_test))
    return said | {"low": said["share"] - half, "high": said["share"] + half}


@mistake("a coin", loses={"always": 1}, source="chapter finance: a direction compared with one half")
def heads_or_tails(y_train, y_test, y_hat):
    return direction(y_train, y_test, y_hat) | {"always": 0.5}


@mistake("always up", loses={"always": 1})
def optimist(y_train, y_test, y_hat):
    return direction(y_train, y_test, y_hat) | {"always": np.mean(np.diff(np.append(y_train[-1], y_test)) > 0)}


@mistake("side of the test part", loses={"always": 1})
def hindsight(y_train, y_test, y_hat):
    up = np.mean(np.diff(np.append(y_train[-1], y_test)) > 0)
    return direction(y_train, y_test, y_hat) | {"always": max(up, 1 - up)}


@mistake("share of training", loses={"always": 1})
def counted_in_training(y_train, y_test, y_hat):
    up = np.mean(np.diff(y_train) > 0)
    return direction(y_train, y_test, y_hat) | {"always": max(up, 1 - up)}


@mistake("wrong ones counted", loses={"share": 1, "low and high": 1})
def errors_counted(y_train, y_test, y_hat):
    last = np.append(y_train[-1], y_test[:-1])
    wrong = (y_hat > last) != (y_test > last)
    return direction(y_train, y_test, y_hat) | {"share": wrong.mean()} | interval(wrong.sum(), len(wrong))


@right()
def by_signs(y_train, y_test, y_hat):
    y = np.concatenate([y_train[-1:], y_test])
    right = (y[1:] - y[:-1]) * (y_hat - y[:-1]) > 0
    side = 1 if np.median(np.sign(np.diff(y_train))) >= 0 else -1
    always = np.mean(np.sign(np.diff(y)) == side)
    return {"share": right.mean(), "always": always} | interval(right.sum(), len(right))


@right()
def as_a_tuple(y_train, y_test, y_hat):
    said = direction(y_train, y_test, y_hat)
    return said["share"], said["low"], said["high"], said["always"]


@right()
def by_the_kit(y_train, y_test, y_hat):
    from lstmkit.forecasting import share_interval

    last = np.r_[y_train[-1], y_test[:-1]]
    right = np.count_nonzero((y_hat > last) == (y_test > last))
    low, high = share_interval(right, len(y_test))
    ups = np.count_nonzero(np.diff(y_train) > 0)
    side = y_test > last if 2 * ups >= len(y_train) - 1 else y_test <= last
    return dict(share=right / len(y_test), low=low, high=high, always=side.mean())


@right(needs="torch")
def by_torch(y_train, y_test, y_hat):
    import torch

    past, now, said = (torch.as_tensor(a) for a in (y_train, y_test, y_hat))
    last = torch.cat([past[-1:], now[:-1]])
    right = (said > last) == (now > last)
    up = (past[1:] > past[:-1]).double().mean() >= 0.5
    ends = interval(int(right.sum()), len(right))
    return {"share": right.double().mean(), "always": ((now > last) == up).double().mean(), **ends}
