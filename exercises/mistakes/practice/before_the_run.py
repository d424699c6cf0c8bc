"""Question 6, before_the_run: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import practice as check

LOSS, BIAS, UPDATES, ALIVE = ({name: 1} for name in ("loss", "bias", "updates", "alive"))


def mine():
    return check.yours("before_the_run")


@right()
def before_the_run():
    m = mine()
    n = (m["N"] - 1) // m["B"]
    return {
        "loss": math.log(m["V"]),
        "bias": math.log(m["memory"] - 1),
        "updates": math.ceil(n / m["k"]),
        "alive": (1 - m["p"]) ** m["T"],
    }


@mistake("loss in bits", loses=LOSS)
def base_two():
    return before_the_run() | {"loss": math.log2(mine()["V"])}


@mistake("probability for loss", loses=LOSS)
def evenly_shared():
    return before_the_run() | {"loss": 1 / mine()["V"]}


@mistake("perplexity for loss", loses=LOSS)
def size_of_the_vocabulary():
    return before_the_run() | {"loss": mine()["V"]}


@mistake("bias of a half-life", loses=BIAS, source="chapter practice, the exercise A bias for a half-life")
def half_is_left():
    f = 2 ** (-1 / mine()["memory"])
    return before_the_run() | {"bias": math.log(f / (1 - f))}


@mistake("gate for bias", loses=BIAS)
def sigma_forgotten():
    return before_the_run() | {"bias": 1 - 1 / mine()["memory"]}


@mistake("rounded down", loses=UPDATES)
def whole_pieces():
    m = mine()
    return before_the_run() | {"updates": (m["N"] - 1) // (m["B"] * m["k"])}


@mistake("updates of one stream", loses=UPDATES)
def one_stream():
    m = mine()
    return before_the_run() | {"updates": math.ceil((m["N"] - 1) / m["k"])}


@mistake("updates are steps", loses=UPDATES)
def every_step():
    m = mine()
    return before_the_run() | {"updates": (m["N"] - 1) // m["B"]}


@mistake("share dropped", loses=ALIVE)
def what_is_gone():
    return before_the_run() | {"alive": 1 - before_the_run()["alive"]}


@mistake("one draw", loses=ALIVE)
def one_step():
    return before_the_run() | {"alive": 1 - mine()["p"]}


@mistake("straight line", loses=ALIVE)
def subtracted():
    return before_the_run() | {"alive": 1 - mine()["p"] * mine()["T"]}


@mistake({"loss in bits", "sign of the bias", "updates for each stream", "dropped at each"}, loses=EVERYTHING)
def one_slip_in_each():
    m, right = mine(), before_the_run()
    return {
        "loss": math.log2(m["V"]),
        "bias": -right["bias"],
        "updates": right["updates"] * m["B"],
        "alive": m["p"] ** m["T"],
    }


@mistake("form", loses=UPDATES | ALIVE)
def half_of_the_plan():
    right = before_the_run()
    return {"loss": right["loss"], "bias": right["bias"]}


@mistake("form", loses=EVERYTHING)
def a_tuple():
    return tuple(before_the_run().values())


@right()
def rounded():
    return {name: float(f"{value:.4g}") if value < 100 else value for name, value in before_the_run().items()}


@right()
def with_steps_on_the_way():
    m = mine()
    return before_the_run() | {"n": (m["N"] - 1) // m["B"], "perplexity": m["V"]}


@right()
def in_numpy():
    m = mine()
    f = 1 - 1 / m["memory"]
    return {
        "alive": np.prod(np.full(m["T"], 1 - m["p"])),
        "loss": -np.log(np.float64(1) / m["V"]),
        "bias": np.log(f / (1 - f)),
        "updates": len(range(0, (m["N"] - 1) // m["B"], m["k"])),
    }


@right()
def with_integers():
    m = mine()
    n = (m["N"] - 1) // m["B"]
    survived = 1.0
    for _ in range(m["T"]):
        survived *= 1 - m["p"]
    updates = n // m["k"] + (n % m["k"] > 0)
    return dict(loss=math.log(m["V"]), bias=-math.log(1 / (m["memory"] - 1)), updates=updates, alive=[survived])
