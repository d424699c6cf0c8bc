"""Question 2, counters: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import variants as check


@right()
def counters():
    mine = check.yours("counters")
    keep, step, apart, up, down = (mine[name] for name in ("keep", "step", "apart", "up", "down"))
    gru = 1
    while keep**gru * (1 - keep) >= apart:
        gru += 1
    n = np.arange(2000)
    shown = int(np.sum(np.diff(np.tanh(n * step)) >= apart))
    return {"gru": gru, "shown": shown, "uneven": math.floor(0.5 * up / (down - up)) + 1}


def run(h, update, apart):
    """How many a's change the state by `apart` at least, one after the other."""
    n = 0
    while abs(update(h) - h) >= apart:
        h, n = update(h), n + 1
    return n


@mistake("gru, one too few", loses={"gru": 1})
def distance_to_the_next(mine=None):
    mine = check.yours("counters")
    n = 0
    while (1 - mine["keep"] ** (n + 2)) - (1 - mine["keep"] ** (n + 1)) >= mine["apart"]:
        n += 1
    return counters() | {"gru": n}


@mistake("gru, one too many", loses={"gru": 1})
def first_that_fails():
    mine = check.yours("counters")
    n, h = 0, 0.0
    while True:
        n, old, h = n + 1, h, mine["keep"] * h + 1 - mine["keep"]
        if h - old < mine["apart"]:
            return counters() | {"gru": n}


@mistake("z and 1 - z exchanged", loses={"gru": 1}, source="the convention of Chung et al. 2014")
def keeps_the_new():
    mine = check.yours("counters")
    z = mine["keep"]
    return counters() | {"gru": run(0, lambda h: (1 - z) * h + z, mine["apart"])}


@mistake("candidate added whole", loses={"gru": 1})
def a_leaky_lstm():
    mine = check.yours("counters")
    return counters() | {"gru": run(0, lambda h: mine["keep"] * h + 1, mine["apart"])}


@mistake("distance to the limit", loses={"gru": 1})
def until_it_is_nearly_one():
    mine = check.yours("counters")
    return counters() | {"gru": int(math.log(mine["apart"]) / math.log(mine["keep"]))}


@mistake("cell for its tanh", loses={"shown": 1})
def an_lstm_counts_for_ever():
    return counters() | {"shown": float("inf")}


@mistake("distance to one", loses={"shown": 1})
def until_tanh_is_one():
    mine = check.yours("counters")
    return counters() | {"shown": math.floor(math.atanh(1 - mine["apart"]) / mine["step"])}


@mistake("tanh fed back", loses={"shown": 1})
def an_rnn():
    mine = check.yours("counters")
    return counters() | {"shown": run(0, lambda h: math.tanh(h + mine["step"]), mine["apart"])}


@mistake("shown, one too many", loses={"shown": 1})
def counted_from_one():
    return counters() | {"shown": counters()["shown"] + 1}


@mistake("shown, one too few", loses={"shown": 1})
def pairs_from_one_on():
    mine = check.yours("counters")
    n = np.arange(1, 2000)
    return counters() | {"shown": int(np.sum(np.diff(np.tanh(n * mine["step"])) >= mine["apart"]))}


@mistake("uneven, one too few", loses={"uneven": 1})
def after_the_last_b():
    mine = check.yours("counters")
    n = 1
    while abs(n * mine["up"] - n * mine["down"]) < mine["up"] / 2:
        n += 1
    return counters() | {"uneven": n - 1}


@mistake("uneven, one too many", loses={"uneven": 1})
def the_first_wrong_string():
    return counters() | {"uneven": counters()["uneven"] + 1}


@mistake("a whole up", loses={"uneven": 1})
def until_less_than_an_a():
    mine = check.yours("counters")
    n = 1
    while n * (mine["up"] - mine["down"]) < mine["up"] <= n * mine["up"] - (n - 1) * mine["down"]:
        n += 1
    return counters() | {"uneven": n - 1}


@mistake("letters counted", loses={"uneven": 1})
def length_of_the_string():
    return counters() | {"uneven": 2 * counters()["uneven"]}


@mistake("time", loses=EVERYTHING)
def for_ever():
    mine = check.yours("counters")
    n = 1
    while n * mine["up"] - n * mine["down"] < mine["up"] / 2:  # it falls and falls
        n += 1
    return counters() | {"uneven": n}


@mistake("form", loses=EVERYTHING)
def one_number():
    return counters()["gru"]


@mistake("blank", loses=EVERYTHING)
def blank():
    raise NotImplementedError()


@right()
def by_formulas():
    mine = check.yours("counters")
    z, s, apart, d = mine["keep"], mine["step"], mine["apart"], mine["down"] - mine["up"]
    gru = math.floor(math.log(apart / (1 - z)) / math.log(z)) + 1
    shown = max(n for n in range(1, 1000) if math.tanh(s * n) - math.tanh(s * n - s) >= apart)
    return gru, shown, math.ceil(mine["up"] / 2 / d)


@right()
def by_running_it():
    mine = check.yours("counters")
    gru = run(0.0, lambda h: (1 - mine["keep"]) * 1 + mine["keep"] * h, mine["apart"])
    c, shown = 0.0, 0
    while np.tanh(c + mine["step"]) - np.tanh(c) >= mine["apart"]:
        c, shown = c + mine["step"], shown + 1
    n = 0
    while True:
        c, below = (n + 1) * mine["up"], []
        for _ in range(n + 1):
            c -= mine["down"]
            below.append(c < mine["up"] / 2)
        if below != [False] * n + [True]:
            return [gru, shown, n]
        n += 1


@right()
def as_arrays():
    return {name: np.array(value) for name, value in counters().items()} | {"note": "by numpy"}


@mistake("not whole", loses={"gru": 1, "uneven": 1})
def formulas_not_rounded():
    mine = check.yours("counters")
    gru = math.log(mine["apart"] / (1 - mine["keep"])) / math.log(mine["keep"]) + 1
    return counters() | {"gru": gru, "uneven": mine["up"] / 2 / (mine["down"] - mine["up"])}


@right()
def as_floats():
    return {name: float(value) for name, value in counters().items()}
