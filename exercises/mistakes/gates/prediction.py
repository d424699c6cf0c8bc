"""Question 5, prediction: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import gates as check


def mine():
    yours = check.yours("prediction")
    return [yours[name] for name in ("c0", "f", "i", "g", "T", "s")]


@right()
def prediction():
    c0, f, i, g, T, s = mine()
    return {
        "kept": c0 * f**T,
        "leaked": c0 * f**T + i * g * (1 - f**T) / (1 - f),
        "erased": i * g * (1 - f ** (T - s + 1)) / (1 - f),
    }


@mistake("one step of fading", loses={"kept": 1})
def faded_once():
    c0, f, *_ = mine()
    return prediction() | {"kept": c0 * f}


@mistake("fading in a straight line", loses={"kept": 1})
def linear_fading():
    c0, f, _, _, T, _ = mine()
    return prediction() | {"kept": c0 - T * (1 - f) * c0}


@mistake("nothing lost", loses={"kept": 1}, source="a gate at 0.9 taken for open")
def held():
    return prediction() | {"kept": mine()[0]}


@mistake("kept one step less", loses={"kept": 1})
def range_from_one():
    c0, f, _, _, T, _ = mine()
    c = c0
    for _ in range(1, T):
        c = f * c
    return prediction() | {"kept": c}


@mistake("start forgotten", loses={"leaked": 1})
def from_zero():
    c0, f, _, _, T, _ = mine()
    return prediction() | {"leaked": prediction()["leaked"] - c0 * f**T}


@mistake("written and never lost", loses={"leaked": 1})
def added_up():
    _, _, i, g, T, _ = mine()
    return prediction() | {"leaked": prediction()["kept"] + T * i * g}


@mistake("where it would end", loses={"leaked": 1})
def the_limit():
    _, f, i, g, _, _ = mine()
    return prediction() | {"leaked": i * g / (1 - f)}


@mistake("faded before it is added", loses={"leaked": 1})
def order_of_the_two():
    c, f, i, g, T, _ = mine()
    for _ in range(T):
        c = f * (c + i * g)
    return prediction() | {"leaked": c}


@mistake("input gate left out", loses={"leaked": 1})
def candidate_whole():
    c, f, _, g, T, _ = mine()
    for _ in range(T):
        c = f * c + g
    return prediction() | {"leaked": c}


@mistake("the writing of step s lost", loses={"erased": 1})
def starts_after_s():
    _, f, i, g, T, s = mine()
    c = 0.0
    for _ in range(s + 1, T + 1):
        c = f * c + i * g
    return prediction() | {"erased": c}


@mistake("one step before s counted", loses={"erased": 1})
def counted_from_zero():
    c, f, i, g, T, s = mine()
    for t in range(T):
        c = (0 if t == s - 2 else f) * c + i * g
    return prediction() | {"erased": c}


@mistake("erased at the end", loses={"erased": 1})
def all_gone():
    return prediction() | {"erased": 0.0}


@mistake("nothing erased", loses={"erased": 1})
def gate_not_shut():
    return prediction() | {"erased": prediction()["leaked"]}


@mistake("steps up to s", loses={"erased": 1})
def the_first_steps():
    _, f, i, g, _, s = mine()
    return prediction() | {"erased": i * g * sum(f**k for k in range(s))}


@mistake("start kept", loses={"erased": 1})
def value_survives():
    return prediction() | {"erased": prediction()["erased"] + prediction()["kept"]}


@mistake("form", loses=EVERYTHING)
def other_names():
    return {"a": 1.0, "b": 2.0}


@right()
def by_a_loop():
    c0, f, i, g, T, s = mine()
    ends = []
    for writes, shut in ((False, None), (True, None), (True, s)):
        c = c0
        for t in range(1, T + 1):
            c = (0.0 if t == shut else f) * c + writes * i * g
        ends.append(c)
    return dict(zip(("kept", "leaked", "erased"), ends, strict=True))


@right()
def as_a_tuple_of_sums():
    c0, f, i, g, T, s = mine()
    powers = f ** np.arange(T)
    return c0 * f**T, c0 * f**T + i * g * powers.sum(), i * g * powers[: T - s + 1].sum()


@right()
def towards_the_limit():
    c0, f, i, g, T, s = mine()
    end = i * g / (1 - f)
    return [np.float32(c0 * f**T), end + (c0 - end) * f**T, end - end * f ** (T + 1 - s)]


@right()
def to_eight_digits():
    return {name: round(float(value), 8) for name, value in prediction().items()} | {"note": "rounded"}


@mistake("share lost", loses={"kept": 1})
def forgets_the_share_f():
    c0, f, _, _, T, _ = mine()
    return prediction() | {"kept": c0 * (1 - f) ** T}
