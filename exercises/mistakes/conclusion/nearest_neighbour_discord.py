"""Question 4, nearest_neighbour_discord: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def cut(series, k):
    return np.lib.stride_tricks.sliding_window_view(series, k)


def nearest(x, normal, k):
    return np.array([np.sqrt(((cut(normal, k) - w) ** 2).sum(axis=1)).min() for w in cut(x, k)])


@mistake("window ahead", loses=EVERYTHING)
def zeros_behind(x, normal, k):
    return np.r_[nearest(x, normal, k), np.zeros(k - 1)]


@mistake("window around t", loses=EVERYTHING, source="the task heartbeat centres its windows; online that looks ahead")
def centred(x, normal, k):
    return np.pad(nearest(x, normal, k), (k // 2, k - 1 - k // 2), mode="edge")


@mistake("first steps left out", loses=EVERYTHING)
def shorter_than_x(x, normal, k):
    return nearest(x, normal, k)


@mistake("first steps repeated", loses=EVERYTHING)
def first_score_for_all(x, normal, k):
    d = nearest(x, normal, k)
    return np.r_[np.full(k - 1, d[0]), d]


@mistake("not rooted", loses=EVERYTHING)
def squared_distance(x, normal, k):
    return np.r_[np.zeros(k - 1), nearest(x, normal, k) ** 2]


@mistake("mean distance", loses=EVERYTHING)
def mean_of_all(x, normal, k):
    far = [np.sqrt(((cut(normal, k) - w) ** 2).sum(axis=1)).mean() for w in cut(x, k)]
    return np.r_[np.zeros(k - 1), far]


@mistake("mean square", loses=EVERYTHING)
def per_step(x, normal, k):
    return np.r_[np.zeros(k - 1), nearest(x, normal, k) / np.sqrt(k)]


@mistake("sum of sizes", loses=EVERYTHING)
def city_blocks(x, normal, k):
    return np.r_[np.zeros(k - 1), [np.abs(cut(normal, k) - w).sum(axis=1).min() for w in cut(x, k)]]


@mistake("standardised windows", loses=EVERYTHING, source="the matrix profile standardises its windows")
def shapes_alone(x, normal, k):
    def shape(w):
        s = w.std(axis=-1, keepdims=True)
        return (w - w.mean(axis=-1, keepdims=True)) / np.where(s == 0, 1, s)

    sound = shape(cut(normal, k))
    return np.r_[np.zeros(k - 1), [np.sqrt(((sound - w) ** 2).sum(axis=1)).min() for w in shape(cut(x, k))]]


@mistake("window before t", loses=EVERYTHING)
def slice_without_the_last(x, normal, k):
    out = np.zeros(len(x))
    for t in range(k, len(x)):
        out[t] = nearest(x[t - k : t], normal, k)[0]
    return out


@mistake("only windows of one step", loses=EVERYTHING)
def nan_where_no_window_ends(x, normal, k):
    return np.r_[np.full(k - 1, np.nan), nearest(x, normal, k)]


@mistake("windows that do not overlap", loses={"score": 1, "known windows": 1, "arguments unchanged": 1})
def blocks_of_normal(x, normal, k):
    blocks = normal[: len(normal) // k * k].reshape(-1, k)
    return np.r_[np.zeros(k - 1), [np.sqrt(((blocks - w) ** 2).sum(axis=1)).min() for w in cut(x, k)]]


@mistake("last window left out", loses=EVERYTHING)
def range_too_short(x, normal, k):
    out = np.zeros(len(x))
    for t in range(k - 1, len(x)):
        gaps = [normal[s : s + k] - x[t - k + 1 : t + 1] for s in range(len(normal) - k)]
        out[t] = min(np.linalg.norm(gap) for gap in gaps)
    return out


@mistake("known windows", loses={"known windows": 1})
def root_of_less_than_zero(x, normal, k):
    a, b = cut(x, k), cut(normal, k)
    squared = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.r_[np.zeros(k - 1), np.sqrt(squared.min(axis=1))]


@mistake("argument modified", loses={"arguments unchanged": 1})
def shifted_in_place(x, normal, k):
    m = normal.mean()
    x -= m
    normal -= m
    return np.r_[np.zeros(k - 1), nearest(x, normal, k)]


@right()
def window_by_window(x, normal, k):
    return np.r_[np.zeros(k - 1), nearest(x, normal, k)]


@right()
def two_loops(x, normal, k):
    out = [0.0] * len(x)
    for t in range(k - 1, len(x)):
        window = x[t - k + 1 : t + 1]
        out[t] = min(float(np.linalg.norm(window - normal[s : s + k])) for s in range(len(normal) - k + 1))
    return out


@right()
def multiplied_out(x, normal, k):
    a, b = cut(np.asarray(x, float), k), cut(np.asarray(normal, float), k)
    squared = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.pad(np.sqrt(np.maximum(squared, 0).min(axis=1)), (k - 1, 0))


@right()
def all_at_once(x, normal, k):
    gaps = cut(x, k)[:, None, :] - cut(normal, k)[None]
    return np.concatenate([np.zeros(k - 1), np.sqrt(np.einsum("abk,abk->ab", gaps, gaps)).min(axis=1)])


@right(needs="scipy")
def by_a_tree(x, normal, k):
    from scipy.spatial import cKDTree

    return np.r_[np.zeros(k - 1), cKDTree(cut(normal, k)).query(cut(x, k))[0]]
