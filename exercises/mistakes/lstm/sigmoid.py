"""Question 1, sigmoid and d_sigmoid: wrong answers, and right ones in other styles."""

import math
import warnings

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(a):
    return np.where(a >= 0, 1 / (1 + np.exp(-np.abs(a))), np.exp(-np.abs(a)) / (1 + np.exp(-np.abs(a))))


def d_sigmoid(y):
    return y - y * y


@mistake("minus missing", loses={"sigmoid": 2, "large inputs": 1})
def without_the_minus(a):
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, e / (1 + e), 1 / (1 + e))


@mistake("tanh for sigmoid", loses={"sigmoid": 2, "large inputs": 1})
def tanh_instead(a):
    return np.tanh(a)


@mistake("large", loses={"large inputs": 1}, source="CS231n, and most first attempts")
def exponentials_overflow(a):
    z = np.exp(a)
    return z / (1 + z)


@mistake("precision", loses={"sigmoid": 2, "large inputs": 1})
def in_half_precision(a):
    return sigmoid(np.asarray(a).astype(np.float16))


@mistake("plain exponential", loses={"sigmoid": 2, "large inputs": 1})
def one_forgotten(a):
    return 1 / np.exp(-a)


@mistake("raised", loses={"sigmoid": 2, "large inputs": 1})
def for_numbers_only(a):
    return 1 / (1 + math.exp(-a))


@mistake("argument modified", loses={"arguments unchanged": 1})
def in_place(a):
    a *= 0.5
    np.tanh(a, out=a)
    a += 1
    a *= 0.5
    return a


@mistake(
    "slope of the slope", loses={"d_sigmoid": 2}, of="d_sigmoid", source="CaptainE/RNN-LSTM-in-numpy #1, its neighbour"
)
def slope_of_input(y):
    s = 1 / (1 + np.exp(-y))
    return s * (1 - s)


@mistake("slope of tanh", loses={"d_sigmoid": 2}, of="d_sigmoid")
def slope_of_tanh(y):
    return 1 - y**2


@mistake("slope negative", loses={"d_sigmoid": 2}, of="d_sigmoid")
def slope_falls(y):
    return y * y - y


@mistake("slope has plus", loses={"d_sigmoid": 2}, of="d_sigmoid")
def slope_with_plus(y):
    return y * (1 + y)


@mistake("none", loses={"d_sigmoid": 2}, of="d_sigmoid")
def slope_printed(y):
    print(y * (1 - y))


@mistake("time", loses={"sigmoid": 2, "large inputs": 1})
def never_ends(a):
    while True:
        a = a + 1


@mistake({"minus missing", "slope is 1 - y"}, loses=EVERYTHING, d_sigmoid=lambda y: 1 - y)
def both_wrong(a):
    return 1 / (1 + np.exp(a))


@right()
def textbook(a):
    return 1 / (1 + np.exp(-a))


@right()
def by_tanh(a):
    return (np.tanh(np.asarray(a) / 2) + 1) / 2


@right()
def by_masks(a):
    out = np.empty_like(a)
    positive = a > 0
    out[positive] = 1 / (1 + np.exp(-a[positive]))
    z = np.exp(a[~positive])
    out[~positive] = z / (1 + z)
    return out


@right()
def clipped(a):
    print("clipping")
    warnings.warn("clipped to 500", stacklevel=2)
    return 1 / (1 + np.exp(-np.clip(a.astype(np.float64), -500, 500)))


@right()
def list_of_numbers(a):
    return np.vectorize(lambda z: 1 / (1 + math.exp(-z)) if z > -700 else 0.0, otypes=[float])(a).tolist()


@right(needs="torch")
def by_torch(a):
    import torch

    return torch.sigmoid(torch.as_tensor(a))


@right(of="d_sigmoid")
def slope_by_parts(y):
    return [*map(np.asarray, np.asarray(y) * (1 - np.asarray(y)))]
