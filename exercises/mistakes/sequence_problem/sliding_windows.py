"""Question 1, sliding_windows: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


@right()
def sliding_windows(x, k, horizon):
    last = len(x) - k - horizon
    return np.array([x[i : i + k] for i in range(last + 1)]), np.array(
        [x[i + k + horizon - 1] for i in range(last + 1)]
    )


@mistake("horizon ignored", loses=EVERYTHING)
def always_the_next(x, k, horizon):
    X, y = [], []
    for i in range(len(x) - k):
        X.append(x[i : i + k])
        y.append(x[i + k])
    return np.array(X), np.array(y)


@mistake("y one too late", loses=EVERYTHING)
def one_behind(x, k, horizon):
    X, y = [], []
    for i in range(len(x) - k - horizon):
        X.append(x[i : i + k])
        y.append(x[i + k + horizon])
    return np.array(X), np.array(y)


@mistake("y inside", loses=EVERYTHING, source="chapter sequence_problem: an off-by-one in the windows looks ahead")
def answer_in_the_window(x, k, horizon):
    M = len(x) - (k + horizon) + 2
    X = np.stack([x[i : i + k] for i in range(M)])
    return X, x[k + horizon - 2 :]


@mistake("counted from the start", loses={"y": 2})
def from_the_first_value(x, k, horizon):
    X, _ = sliding_windows(x, k, horizon)
    return X, np.array([x[i + horizon] for i in range(len(X))])


@mistake("last window lost", loses=EVERYTHING, source="the create_dataset of many tutorials: range(len(x) - k - 1)")
def one_short(x, k, horizon):
    X, y = sliding_windows(x, k, horizon)
    return X[:-1], y[:-1]


@mistake("windows without answer", loses={"X": 2})
def all_windows(x, k, horizon):
    return np.lib.stride_tricks.sliding_window_view(x, k), x[k + horizon - 1 :]


@mistake("newest first", loses={"X": 2})
def turned_round(x, k, horizon):
    X, y = sliding_windows(x, k, horizon)
    return X[:, ::-1], y


@mistake("no overlap", loses=EVERYTHING)
def blocks(x, k, horizon):
    X, y = [], []
    for i in range(0, len(x) - k - horizon + 1, k):
        X.append(x[i : i + k])
        y.append(x[i + k - 1 + horizon])
    return np.array(X), np.array(y)


@mistake("all up to the horizon", loses={"y": 2})
def many_answers(x, k, horizon):
    X, _ = sliding_windows(x, k, horizon)
    return X, np.array([x[i + k : i + k + horizon] for i in range(len(X))])


@mistake("transposed", loses={"X": 2})
def time_first(x, k, horizon):
    X, y = sliding_windows(x, k, horizon)
    return X.T, y


@mistake("form", loses=EVERYTHING)
def windows_only(x, k, horizon):
    return np.array([x[i : i + k] for i in range(len(x) - k - horizon + 1)])


@right()
def by_index(x, k, horizon):
    i = np.arange(len(x) - k - horizon + 1)
    return x[i[:, None] + np.arange(k)], x[i + k + horizon - 1]


@right()
def by_view(x, k, horizon):
    whole = np.lib.stride_tricks.sliding_window_view(x, k + horizon)
    return whole[:, :k], whole[:, -1]


@right()
def by_lists(x, k, horizon):
    x = list(map(float, x))
    pairs = [(x[i : i + k], x[i + k + horizon - 1]) for i in range(len(x)) if i + k + horizon <= len(x)]
    return [list(column) for column in zip(*pairs, strict=True)]


@right()
def column_by_column(x, k, horizon):
    M = len(x) - k - horizon + 1
    return {"y": x[-M:], "X": np.column_stack([x[j : j + M] for j in range(k)])}


@right(needs="torch")
def by_unfold(x, k, horizon):
    import torch

    whole = torch.as_tensor(x).unfold(0, k + horizon, 1)
    return whole[:, :k], whole[:, -1]
