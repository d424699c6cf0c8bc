"""Question 6, predict_memory: wrong answers, and right ones in other styles."""

import math
from fractions import Fraction

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import evolution as check


def mine():
    return check.yours("predict_memory")


def answer(**other):
    m = mine()
    lag, full = math.log(m["below"]) / math.log(m["gain"]), (m["limit"] - m["c0"]) / (m["i"] * m["g"])
    c = m["c0"]
    for _ in range(m["n"]):
        c = m["f"] * c + m["i"] * m["g"]
    return {"lag": math.ceil(lag), "full": math.ceil(full), "c_2000": c, **other}


def by_itself(m, steps):
    """The two parts of the state after so many steps: what is left of c0, and what was written."""
    return m["f"] ** steps * m["c0"], sum(m["i"] * m["g"] * m["f"] ** age for age in range(steps))


@mistake("lag one short", loses={"lag": 1})
def rounded_down():
    m = mine()
    return answer(lag=int(np.log(m["below"]) / np.log(m["gain"])))


@mistake("lag not whole", loses={"lag": 1})
def not_rounded():
    m = mine()
    return answer(lag=math.log(m["below"], m["gain"]))


@mistake("lag from the squared norm", loses={"lag": 1})
def energy():
    m = mine()
    return answer(lag=math.ceil(math.log(m["below"]) / math.log(m["gain"] ** 2)))


@mistake("lag with the forget gate", loses={"lag": 1})
def the_other_factor():
    m = mine()
    return answer(lag=math.ceil(math.log(m["below"]) / math.log(m["f"])))


@mistake("lag as for a line", loses={"lag": 1})
def same_amount_each_step():
    m = mine()
    return answer(lag=math.ceil((1 - m["below"]) / (1 - m["gain"])))


@mistake("full one step short", loses={"full": 1})
def still_below():
    m = mine()
    return answer(full=(m["limit"] - m["c0"]) // (m["i"] * m["g"]))


@mistake("full from zero", loses={"full": 1})
def start_forgotten():
    m = mine()
    return answer(full=math.ceil(m["limit"] / (m["i"] * m["g"])))


@mistake("full with the candidate", loses={"full": 1})
def gate_taken_as_open():
    m = mine()
    return answer(full=math.ceil((m["limit"] - m["c0"]) / m["g"]))


@mistake("full with c0 of the wrong sign", loses={"full": 1})
def sign_lost():
    m = mine()
    return answer(full=math.ceil((m["limit"] + m["c0"]) / (m["i"] * m["g"])))


@mistake("c of 1997", loses={"c_2000": 1})
def no_gate():
    m = mine()
    return answer(c_2000=m["c0"] + m["n"] * m["i"] * m["g"])


@mistake("c0 forgotten", loses={"c_2000": 1})
def from_an_empty_cell():
    return answer(c_2000=by_itself(mine(), mine()["n"])[1])


@mistake("level", loses={"c_2000": 1})
def after_for_ever():
    m = mine()
    return answer(c_2000=m["i"] * m["g"] / (1 - m["f"]))


@mistake("level reached", loses={"c_2000": 1})
def series_without_an_end():
    m = mine()
    return answer(c_2000=by_itself(m, m["n"])[0] + m["i"] * m["g"] / (1 - m["f"]))


@mistake("writing not forgotten", loses={"c_2000": 1})
def only_the_start_fades():
    m = mine()
    return answer(c_2000=by_itself(m, m["n"])[0] + m["n"] * m["i"] * m["g"])


@mistake("forgets what it writes", loses={"c_2000": 1})
def gate_around_the_sum():
    m = mine()
    c = m["c0"]
    for _ in range(m["n"]):
        c = m["f"] * (c + m["i"] * m["g"])
    return answer(c_2000=c)


@mistake("n one too small", loses={"c_2000": 1})
def counted_from_one():
    m = mine()
    c = m["c0"]
    for _ in range(1, m["n"]):
        c = m["f"] * c + m["i"] * m["g"]
    return answer(c_2000=c)


@mistake("coupled gates", loses={"c_2000": 1})
def as_in_a_gru():
    m = mine()
    c = m["c0"]
    for _ in range(m["n"]):
        c = m["f"] * c + (1 - m["f"]) * m["g"]
    return answer(c_2000=c)


@mistake({"lag one short", "full one step short"}, loses={"lag": 1, "full": 1})
def both_rounded_down():
    right = answer()
    return {**right, "lag": right["lag"] - 1, "full": right["full"] - 1}


@mistake("precision", loses={"c_2000": 1})
def read_off_a_picture():
    return answer(c_2000=answer()["c_2000"] * 1.001)


@mistake("form", loses=EVERYTHING)
def one_number():
    return answer()["lag"]


@right()
def by_formulas():
    m = mine()
    kept = m["f"] ** m["n"]
    return {
        "lag": math.floor(math.log(m["below"]) / math.log(m["gain"])) + 1,
        "full": math.floor((m["limit"] - m["c0"]) / m["i"] / m["g"]) + 1,
        "c_2000": kept * m["c0"] + m["i"] * m["g"] * (1 - kept) / (1 - m["f"]),
    }


@right()
def by_running_it():
    m = mine()
    left, lag = 1.0, 0
    while left >= m["below"]:
        left *= m["gain"]
        lag += 1
    c, full = m["c0"], 0
    while c <= m["limit"]:
        c += m["i"] * m["g"]
        full += 1
    return lag, full, sum(by_itself(m, m["n"]))


@right()
def array_of_all_lags():
    m = mine()
    lag = np.argmax(m["gain"] ** np.arange(2000) < m["below"])
    full = np.argmax(m["c0"] + m["i"] * m["g"] * np.arange(2000) > m["limit"])
    return [lag, float(full), np.array(sum(by_itself(m, m["n"])))]


@right()
def in_exact_fractions():
    m = {name: Fraction(str(value)) for name, value in mine().items()}
    c = m["c0"]
    for _ in range(int(m["n"])):
        c = m["f"] * c + m["i"] * m["g"]
    return answer(c_2000=float(c))


@right()
def around_its_level():
    m = mine()
    level = m["i"] * m["g"] / (1 - m["f"])
    return answer(c_2000=level + (m["c0"] - level) * math.exp(m["n"] * math.log(m["f"])))
