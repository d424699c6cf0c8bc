"""Question 5, predict_limits: wrong answers, and right ones in other styles."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import limitations as check


def mine():
    return check.yours("predict_limits")


def top(m):
    return m["bias"] + sum(abs(w) for w in m["w"])


def step(m, bound):
    return math.ceil((bound - m["level"]) / m["slope"])


def answer(**other):
    m = mine()
    V = m["V"]
    equal, two = 1 / V**2, 3 * (V - 1) / V**2
    return {
        "bits": math.log2(math.comb(m["M"], m["K"])) + m["K"] * math.log2(V),
        "bag": equal + two * 2 / 3 + (1 - equal - two) / 3,
        "stuck": step(m, top(m)),
        **other,
    }


@mistake("keys not counted", loses={"bits": 1})
def values_alone():
    return answer(bits=mine()["K"] * np.log2(mine()["V"]))


@mistake("values not counted", loses={"bits": 1})
def keys_alone():
    return answer(bits=np.log2(math.comb(mine()["M"], mine()["K"])))


@mistake("keys in order", loses={"bits": 1})
def order_counted():
    m = mine()
    return answer(bits=sum(math.log2(m["M"] - k) for k in range(m["K"])) + m["K"] * math.log2(m["V"]))


@mistake("keys with repetition", loses={"bits": 1})
def any_pair_each_time():
    m = mine()
    return answer(bits=m["K"] * math.log2(m["M"] * m["V"]))


@mistake("pairs from all pairs", loses={"bits": 1})
def any_k_of_all_pairs():
    m = mine()
    return answer(bits=math.log2(math.comb(m["M"] * m["V"], m["K"])))


@mistake("one value for all", loses={"bits": 1})
def k_forgotten():
    m = mine()
    return answer(bits=math.log2(math.comb(m["M"], m["K"]) * m["V"]))


@mistake("nats for bits", loses={"bits": 1})
def natural_logarithm():
    m = mine()
    return answer(bits=math.log(math.comb(m["M"], m["K"])) + m["K"] * math.log(m["V"]))


@mistake("bag is a guess", loses={"bag": 1})
def one_in_v():
    return answer(bag=1 / mine()["V"])


@mistake("bag is one in three", loses={"bag": 1})
def all_different():
    return answer(bag=1 / 3)


@mistake("bag of two", loses={"bag": 1}, source="the exercise of the chapter, which has two pairs")
def exercise_copied():
    return answer(bag=1 / 2 + 1 / (2 * mine()["V"]))


@mistake("no pair of equals", loses={"bag": 1})
def all_or_nothing():
    same = 1 / mine()["V"] ** 2
    return answer(bag=same + (1 - same) / 3)


@mistake("one way for two", loses={"bag": 1})
def two_alike_then_another():
    V = mine()["V"]
    equal, two = (1 / V) ** 2, 1 / V * (1 - 1 / V)
    return answer(bag=equal + two * 2 / 3 + (1 - equal - two) / 3)


@mistake("any of the bag", loses={"bag": 1})
def not_the_commonest():
    V = mine()["V"]
    lists = itertools.product(range(V), repeat=3)
    return answer(bag=sum(1 / len(set(values)) for values in lists) / V**3)


@mistake("stuck one step early", loses={"stuck": 1})
def last_possible_step():
    return answer(stuck=answer()["stuck"] - 1)


@mistake("stuck one step late", loses={"stuck": 1})
def counted_from_one():
    m = mine()
    return answer(stuck=math.ceil((top(m) - m["level"]) / m["slope"]) + 1)


@mistake("stuck not whole", loses={"stuck": 1})
def not_rounded():
    m = mine()
    return answer(stuck=(top(m) - m["level"]) / m["slope"])


@mistake("signs of w kept", loses={"stuck": 1})
def all_units_at_one():
    m = mine()
    return answer(stuck=step(m, m["bias"] + np.ones(5) @ m["w"]))


@mistake("size of the bias", loses={"stuck": 1}, source="the bound of the chapter, taken for the upper end")
def bound_of_both_sides():
    m = mine()
    return answer(stuck=step(m, np.abs(m["w"]).sum() + abs(m["bias"])))


@mistake("bias forgotten", loses={"stuck": 1})
def weights_alone():
    m = mine()
    return answer(stuck=step(m, np.abs(m["w"]).sum()))


@mistake("series from zero", loses={"stuck": 1})
def level_forgotten():
    m = mine()
    return answer(stuck=math.ceil(top(m) / m["slope"]))


@mistake("precision", loses={"bits": 1})
def rounded_bits():
    return answer(bits=answer()["bits"] * 1.0007)


@mistake("form", loses=EVERYTHING)
def one_dict_with_other_names():
    return {"number of bits": answer()["bits"]}


@right()
def by_formulas():
    m = mine()
    V = m["V"]
    bag = (3 + 6 * (V - 1) + (V - 1) * (V - 2)) / (3 * V**2)
    bits = math.log2(math.comb(m["M"], m["K"]) * V ** m["K"])
    return {"bits": bits, "bag": bag, "stuck": math.floor((top(m) - m["level"]) / m["slope"]) + 1}


@right()
def by_counting():
    m = mine()
    V = m["V"]
    right = sum(max(Counter(values).values()) for values in itertools.product(range(V), repeat=3))
    sets = sum(math.log2((m["M"] - k) / (k + 1)) for k in range(m["K"]))
    stuck = next(t for t in itertools.count() if m["level"] + t * m["slope"] >= top(m))
    return sets + m["K"] * math.log2(V), right / (3 * V**3), stuck


@right()
def best_state():
    m = mine()
    h = [1 if w > 0 else -1 for w in m["w"]]
    steps = np.arange(10_000)
    stuck = np.argmax(m["level"] + m["slope"] * steps >= np.dot(h, m["w"]) + m["bias"])
    return [answer()["bits"], answer()["bag"], stuck]


@right()
def exact_fractions():
    V = mine()["V"]
    three, none = Fraction(1, V * V), Fraction((V - 1) * (V - 2), V * V)
    return answer(bag=float(three + none / 3 + (1 - three - none) * Fraction(2, 3)))


@right()
def by_logarithms_of_factorials():
    m = mine()
    ln = math.lgamma(m["M"] + 1) - math.lgamma(m["K"] + 1) - math.lgamma(m["M"] - m["K"] + 1)
    return answer(bits=ln / math.log(2) + math.log(m["V"] ** m["K"], 2))
