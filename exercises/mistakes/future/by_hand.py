"""Question 1, by_hand: wrong answers, and right ones in other styles."""

import math
from fractions import Fraction
from functools import reduce

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import future as check


def steps_of(mine):
    return list(zip(mine["a"], mine["b"], strict=True))


def joined(steps):
    return reduce(lambda early, late: (late[0] * early[0], late[0] * early[1] + late[1]), steps)


def counted(T):
    rounds, joins, reach = 0, 0, 1
    while reach < T:
        rounds, joins, reach = rounds + 1, joins + T - reach, 2 * reach
    return rounds, joins


def by_hand():
    mine = check.yours("by_hand")
    (factor, addend), (rounds, joins) = joined(steps_of(mine)), counted(mine["T"])
    return {"factor": factor, "addend": addend, "rounds": rounds, "joins": joins}


def but(**other):
    return by_hand() | other


@mistake("joined backwards", loses={"stretch": 1})
def from_the_end():
    factor, addend = joined(steps_of(check.yours("by_hand"))[::-1])
    return but(factor=factor, addend=addend)


@mistake("addends added up", loses={"stretch": 1})
def sums():
    return but(addend=sum(check.yours("by_hand")["b"]))


@mistake("state in the addend", loses={"stretch": 1})
def started_at_one():
    h = 1
    for a, b in steps_of(check.yours("by_hand")):
        h = a * h + b
    return but(addend=h)


@mistake("factors added", loses={"stretch": 1})
def sum_of_factors():
    return but(factor=sum(check.yours("by_hand")["a"]))


@mistake("rounds rounded down", loses={"cost": 1}, source="Hillis & Steele (1986) count log2 T for a power of two")
def floor_of_the_logarithm():
    T = check.yours("by_hand")["T"]
    rounds = int(math.log2(T))
    return but(rounds=rounds, joins=sum(T - 2**r for r in range(rounds)))


@mistake("every step in every round", loses={"cost": 1})
def all_steps_each_round():
    return but(joins=by_hand()["rounds"] * check.yours("by_hand")["T"])


@mistake("joins of the loop", loses={"cost": 1})
def as_few_as_the_loop():
    return but(joins=check.yours("by_hand")["T"] - 1)


@mistake("halved in every round", loses={"cost": 1}, source="the tree of Blelloch (1990), which is another scan")
def like_a_tournament():
    T = check.yours("by_hand")["T"]
    return but(joins=sum(T // 2**r for r in range(1, by_hand()["rounds"] + 1)))


@mistake({"natural logarithm", "joined backwards"}, loses=EVERYTHING)
def two_slips():
    mine = check.yours("by_hand")
    T, (factor, addend) = mine["T"], joined(steps_of(mine)[::-1])
    rounds = math.ceil(math.log(T))
    return {"factor": factor, "addend": addend, "rounds": rounds, "joins": sum(T - 2**r for r in range(rounds))}


@mistake("form", loses=EVERYTHING)
def three_numbers():
    return 1, 2, 3


@mistake("form", loses={"stretch": 1})
def factor_of_every_step():
    return but(factor=np.cumprod(check.yours("by_hand")["a"]))


@mistake("addend faded too", loses={"stretch": 1})
def added_before_multiplied():
    factor, addend = joined([(a, a * b) for a, b in steps_of(check.yours("by_hand"))])
    return but(factor=factor, addend=addend)


@mistake("a round too many", loses={"cost": 1})
def rounded_up_once_more():
    return but(rounds=by_hand()["rounds"] + 1)


@mistake("reaches miscounted", loses={"cost": 1})
def powers_of_two_summed():
    T, rounds = check.yours("by_hand")["T"], by_hand()["rounds"]
    return but(joins=rounds * T - 2**rounds)


@mistake("logarithm not rounded", loses={"cost": 1})
def logarithm_not_rounded():
    return but(rounds=math.log2(check.yours("by_hand")["T"]))


@right()
def as_a_tuple():
    got = by_hand()
    return got["factor"], got["addend"], got["rounds"], got["joins"]


@right()
def two_states_tell_the_line():
    mine = check.yours("by_hand")
    ends = []
    for h in (0.0, 1.0):
        for a, b in steps_of(mine):
            h = a * h + b
        ends.append(h)
    T, R = mine["T"], math.ceil(math.log2(mine["T"]))
    return {"factor": ends[1] - ends[0], "addend": ends[0], "rounds": R, "joins": R * T - 2**R + 1}


@right()
def by_matrices():
    mine = check.yours("by_hand")
    whole = np.eye(2)
    for a, b in steps_of(mine):
        whole = np.array([[a, b], [0, 1]]) @ whole
    return but(factor=whole[0, 0], addend=whole[0, 1])


@right()
def with_numpy_numbers():
    mine = check.yours("by_hand")
    a, b, T = np.array(mine["a"]), np.array(mine["b"]), mine["T"]
    after = np.append(np.cumprod(a[::-1])[::-1][1:], 1)
    reaches = 2 ** np.arange(len(bin(T - 1)) - 2)
    return {"factor": a.prod(), "addend": (after * b).sum(), "rounds": len(reaches), "joins": (T - reaches).sum()}


@right()
def by_fractions():
    mine = check.yours("by_hand")
    factor, addend = joined([(Fraction(a), Fraction(b)) for a, b in steps_of(mine)])
    return but(factor=factor, addend=addend)
