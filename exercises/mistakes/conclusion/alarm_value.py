"""The extra question, precision and alarm_limit: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import mistake, right


def precision(hit, false, base):
    rings = hit * base + false * (1 - base)
    return hit * base / rings if rings else 0.0


def alarm_limit(scores, a_day, steps):
    return np.sort(scores)[::-1][int(len(scores) * a_day / steps)]


WORTH, LIMIT = {"precision": 1, "no alarm at all": 1}, {"limit": 1}


@mistake("base rate ignored", loses=WORTH, of="precision", source="Bar-Hillel (1980) on the neglect of base rates")
def no_base_rate(hit, false, base):
    return hit / (hit + false) if hit + false else 0.0


@mistake("base rate on one side", loses=WORTH, of="precision")
def sound_share_forgotten(hit, false, base):
    return hit * base / (hit * base + false) if hit else 0.0


@mistake("hits for precision", loses=WORTH, of="precision")
def recall(hit, false, base):
    return hit


@mistake("false discoveries", loses=WORTH, of="precision")
def share_of_false_ones(hit, false, base):
    return 1 - precision(hit, false, base) if hit else 0.0


@mistake("ratio of the rates", loses=WORTH, of="precision")
def odds(hit, false, base):
    return hit * base / (false * (1 - base)) if false else 0.0


@mistake("no alarm at all", loses={"no alarm at all": 1}, of="precision")
def zero_by_zero(hit, false, base):
    return hit * base / (hit * base + false * (1 - base))


@mistake("one alarm too many", loses=LIMIT, of="alarm_limit")
def one_further(scores, a_day, steps):
    return np.sort(scores)[::-1][int(len(scores) * a_day / steps) + 1]


@mistake("one alarm too few", loses=LIMIT, of="alarm_limit")
def one_before(scores, a_day, steps):
    return np.sort(scores)[::-1][max(int(len(scores) * a_day / steps) - 1, 0)]


@mistake("interpolated", loses=LIMIT, of="alarm_limit")
def quantile(scores, a_day, steps):
    return np.quantile(scores, 1 - a_day / steps)


@mistake("from the lowest", loses=LIMIT, of="alarm_limit")
def not_turned_round(scores, a_day, steps):
    return np.sort(scores)[int(len(scores) * a_day / steps)]


@mistake("largest score", loses=LIMIT, of="alarm_limit")
def silent(scores, a_day, steps):
    return max(scores)


@right(of="precision")
def out_of_a_million(hit, false, base):
    faulty = 1e6 * base
    true, wrong = hit * faulty, false * (1e6 - faulty)
    return np.float64(true / (true + wrong)) if true + wrong > 0 else 0


@right(of="precision")
def by_odds(hit, false, base):
    if hit == 0:
        return 0.0
    return 1 / (1 + false / hit * (1 - base) / base)


@right(of="alarm_limit")
def lowest_that_is_quiet_enough(scores, a_day, steps):
    return min(s for s in scores.tolist() if np.mean(scores > s) <= a_day / steps)


@right(of="alarm_limit")
def partitioned(scores, a_day, steps):
    at = len(scores) - 1 - int(np.floor(a_day / steps * len(scores)))
    return np.partition(scores, at)[at]
