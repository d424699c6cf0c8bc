"""Question 3, auroc: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


@mistake("never below one half", loses={"area": 2, "many steps": 1})
def whichever_side_is_larger(scores, labels):
    sound = np.sort(scores[~labels])
    below, not_above = (np.searchsorted(sound, scores[labels], side) for side in ("left", "right"))
    area = (below + not_above).mean() / 2 / len(sound)
    return max(area, 1 - area)


@mistake("ties lost", loses=EVERYTHING)
def strictly_above(scores, labels):
    return np.mean(scores[labels][:, None] > scores[~labels])


@mistake("ties won", loses=EVERYTHING)
def at_least(scores, labels):
    return np.mean(scores[labels][:, None] >= scores[~labels])


@mistake("turned round", loses=EVERYTHING)
def sound_above_faulty(scores, labels):
    a, b = scores[labels][:, None], scores[~labels]
    return np.mean((a < b) + 0.5 * (a == b))


@mistake("ties by their place", loses=EVERYTHING)
def curve_step_by_step(scores, labels):
    y = labels[np.argsort(-scores, kind="stable")]
    hits = np.cumsum(y) / y.sum()
    return hits[~y].mean()


@mistake("sum of the pairs", loses=EVERYTHING)
def not_divided(scores, labels):
    a, b = scores[labels][:, None], scores[~labels]
    return np.sum((a > b) + 0.5 * (a == b))


@mistake("gini", loses=EVERYTHING)
def twice_minus_one(scores, labels):
    a, b = scores[labels][:, None], scores[~labels]
    return np.mean(np.sign(a - b))


@mistake("hits at a limit", loses=EVERYTHING)
def accuracy(scores, labels):
    return ((scores > np.median(scores)) == labels).mean()


@mistake("means compared", loses=EVERYTHING)
def difference_of_means(scores, labels):
    return scores[labels].mean() - scores[~labels].mean()


@mistake("many steps", loses={"many steps": 1})
def two_loops(scores, labels):
    total = count = 0
    for a in scores[labels]:
        for b in scores[~labels]:
            total += (a > b) + 0.5 * (a == b)
            count += 1
    return total / count


@right()
def all_pairs(scores, labels):
    a, b = scores[labels][:, None], scores[~labels]
    return ((a > b) + 0.5 * (a == b)).mean()


@right()
def sorted_once(scores, labels):
    sound = np.sort(scores[~labels])
    faulty = scores[labels]
    below, upto = np.searchsorted(sound, faulty, "left"), np.searchsorted(sound, faulty, "right")
    return (below + upto).mean() / 2 / len(sound)


@right()
def by_ranks(scores, labels):
    _values, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    n, m = labels.sum(), (~labels).sum()
    return (rank[labels].sum() - n * (n + 1) / 2) / (n * m)


@right()
def trapezia(scores, labels):
    limits = np.unique(scores)[::-1]
    faulty, sound = np.sort(scores[labels]), np.sort(scores[~labels])
    hits = np.r_[0, 1 - np.searchsorted(faulty, limits, "left") / len(faulty)]
    false = np.r_[0, 1 - np.searchsorted(sound, limits, "left") / len(sound)]
    return float(np.sum(np.diff(false) * (hits[1:] + hits[:-1]) / 2))


@right(needs="sklearn")
def by_sklearn(scores, labels):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(labels, scores)
