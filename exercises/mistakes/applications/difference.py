"""Question 1, difference and undifference: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def difference(x, m):
    return np.array([x[t] - x[t - m] for t in range(m, len(x))])


def undifference(d, first):
    x = list(first)
    for step in d:
        x.append(x[-len(first)] + step)
    return np.array(x)


@mistake("diff m times", loses={"difference": 1}, source="numpy.diff's n is not a lag")
def n_for_lag(x, m):
    return np.diff(x, m)


@mistake("m ignored", loses={"difference": 1})
def one_step(x, m):
    return x[1:] - x[:-1]


@mistake("sign", loses={"difference": 1})
def turned_round(x, m):
    return x[:-m] - x[m:]


@mistake("wrapped round", loses={"difference": 1})
def rolled(x, m):
    return x - np.roll(x, m)


@mistake("wrapped round", loses={"difference": 1}, source="a negative index counts from the end")
def index_below_zero(x, m):
    return [x[t] - x[t - m] for t in range(len(x))]


@mistake("zeros in front", loses={"difference": 1})
def same_length(x, m):
    d = np.zeros(len(x))
    d[m:] = x[m:] - x[:-m]
    return d


@mistake("first kept", loses={"difference": 1})
def head_kept(x, m):
    d = x.copy()
    d[m:] -= x[:-m]
    return d


@mistake("argument modified", loses={"arguments unchanged": 1})
def in_place(x, m):
    for t in range(len(x) - 1, m - 1, -1):
        x[t] -= x[t - m]
    return x[m:]


@mistake("cumulative sum", loses={"undifference": 2}, of="undifference", source="right for m = 1, the usual example")
def cumsum(d, first):
    return np.append(first, first[-1] + np.cumsum(d))


@mistake("one season back", loses={"undifference": 2}, of="undifference")
def added_to_first(d, first):
    x = list(first)
    for t, step in enumerate(d):
        x.append(first[t % len(first)] + step)
    return np.array(x)


@mistake("first left out", loses={"undifference": 2}, of="undifference")
def tail_only(d, first):
    return undifference(d, first)[len(first) :]


@mistake("first not added", loses={"undifference": 2}, of="undifference")
def from_zero(d, first):
    m = len(first)
    return np.array([*first, *undifference(d, np.zeros(m))[m:]])


@mistake("sign on the way back", loses={"undifference": 2}, of="undifference")
def minus(d, first):
    x = list(first)
    for step in d:
        x.append(x[-len(first)] - step)
    return x


@mistake({"diff m times", "cumulative sum"}, loses=EVERYTHING, undifference=cumsum)
def both_wrong(x, m):
    return np.diff(x, n=m)


@right()
def by_slices(x, m):
    return np.subtract(x[m:], x[: len(x) - m])


@right()
def by_convolution(x, m):
    x = np.asarray(x, np.float64)
    return np.convolve(x, [1.0] + [0.0] * (m - 1) + [-1.0], mode="valid")


@right(of="undifference")
def season_by_season(d, first):
    m = len(first)
    rows = -(-len(d) // m)
    padded = np.zeros(rows * m)
    padded[: len(d)] = d
    sums = np.cumsum(np.vstack([first, padded.reshape(rows, m)]), axis=0)
    return sums.ravel()[: m + len(d)]


@right(of="undifference")
def by_strided_sums(d, first):
    x = np.concatenate([first, d]).astype(np.float64)
    for start in range(len(first)):
        x[start :: len(first)] = np.cumsum(x[start :: len(first)])
    return x


@right(needs="torch")
def by_torch(x, m):
    import torch

    x = torch.as_tensor(x)
    return x[m:] - x[:-m]
