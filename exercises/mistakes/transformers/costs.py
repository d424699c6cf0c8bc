"""Question 3, costs: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import transformers as check


def block(d, F):
    return 4 * (d * d + d) + F * d + F + d * F + d + 2 * 2 * d


def widest(d, numbers, layer=lambda d, H: 4 * (H * d + H * H + H)):
    H = 1
    while layer(d, H + 1) <= numbers:
        H += 1
    return H


def costs():
    m = check.yours("costs")
    return {
        "block": block(m["d"], m["F"]),
        "units": widest(m["d"], block(m["d"], m["F"])),
        "crossing": 2 * m["d"] + m["F"],
        "cache": 2 * m["d"] * m["bytes"] * m["tokens"] * m["blocks"],
    }


def but(**other):
    return costs() | other


@mistake("units too many", loses={"equal parameters": 1})
def first_above():
    return but(units=costs()["units"] + 1)


@mistake("biases left out", loses={"equal parameters": 1})
def matrices_alone():
    m = check.yours("costs")
    numbers = 4 * m["d"] ** 2 + 2 * m["d"] * m["F"]
    return but(block=numbers, units=widest(m["d"], numbers))


@mistake("two biases", loses={"equal parameters": 1}, source="torch.nn.LSTM has two biases")
def as_torch_counts():
    m = check.yours("costs")
    return but(units=widest(m["d"], block(m["d"], m["F"]), lambda d, H: 4 * H * (d + H + 2)))


@mistake("one gate", loses={"equal parameters": 1})
def like_a_plain_rnn():
    m = check.yours("costs")
    return but(units=widest(m["d"], block(m["d"], m["F"]), lambda d, H: H * (d + H + 1)))


@mistake("scores alone", loses={"crossing": 1})
def half_of_attention():
    return but(crossing=2 * costs()["crossing"])


@mistake("inner layer left out", loses={"crossing": 1})
def attention_against_itself():
    return but(crossing=2 * check.yours("costs")["d"])


@mistake("keys alone", loses={"cache": 1})
def no_values():
    return but(cache=costs()["cache"] // 2)


@mistake("numbers for bytes", loses={"cache": 1})
def numbers():
    return but(cache=costs()["cache"] // check.yours("costs")["bytes"])


@mistake("one block", loses={"cache": 1})
def first_block():
    return but(cache=costs()["cache"] // check.yours("costs")["blocks"])


@mistake("queries kept too", loses={"cache": 1})
def three_of_them():
    return but(cache=3 * costs()["cache"] // 2)


@mistake({"three matrices", "keys alone", "attention matrices alone"}, loses=EVERYTHING)
def three_slips():
    m = check.yours("costs")
    d, F = m["d"], m["F"]
    return {
        "block": 4 * (d * d + d),
        "units": widest(d, 4 * (d * d + d)),
        "crossing": (3 * d * d + 2 * d * F) / (2 * d),
        "cache": costs()["cache"] / 2,
    }


@mistake("form", loses=EVERYTHING)
def a_number():
    return 3


@mistake("norms left out", loses={"equal parameters": 1})
def gains_and_shifts():
    m = check.yours("costs")
    numbers = block(m["d"], m["F"]) - 4 * m["d"]
    return but(block=numbers, units=widest(m["d"], numbers))


@mistake("all blocks", loses={"equal parameters": 1})
def the_whole_transformer():
    m = check.yours("costs")
    numbers = m["blocks"] * block(m["d"], m["F"])
    return but(block=numbers, units=widest(m["d"], numbers))


@mistake("six times the width", loses={"crossing": 1}, source="the chapter's own number, for F = 4d")
def as_in_the_chapter():
    return but(crossing=6 * check.yours("costs")["d"])


@mistake("biases and norms counted", loses={"crossing": 1})
def parameters_for_products():
    return but(crossing=costs()["block"] / (2 * check.yours("costs")["d"]))


@mistake("form", loses={"cache": 1})
def block_by_block():
    m = check.yours("costs")
    return but(cache=[costs()["cache"] // m["blocks"]] * m["blocks"])


@right()
def by_the_root_formula():
    m = check.yours("costs")
    d, n = m["d"], block(m["d"], m["F"])
    H = math.floor((-(d + 1) + math.sqrt((d + 1) ** 2 + n)) / 2)
    return n, H, (4 * d**2 + 2 * d * m["F"]) / (2 * d), m["blocks"] * m["tokens"] * 2 * d * m["bytes"]


@right()
def by_arrays():
    m = check.yours("costs")
    H = np.arange(1, 5 * m["d"])
    fits = 4 * H * (m["d"] + H + 1) <= block(m["d"], m["F"])
    t = np.arange(10 * m["F"])
    first = np.flatnonzero(2 * t * m["d"] >= 4 * m["d"] ** 2 + 2 * m["d"] * m["F"])[0]
    kept = np.zeros((2, m["blocks"], m["tokens"], m["d"]), f"f{m['bytes']}")
    return {"block": block(m["d"], m["F"]), "units": H[fits][-1], "crossing": first, "cache": kept.nbytes}


@right()
def with_the_kit():
    from lstmkit.numpy import lstm, transformer

    m = check.yours("costs")
    numbers = transformer.count_params(m["d"], m["F"])
    return but(block=numbers, units=max(H for H in range(1, 999) if lstm.count_params(m["d"], H, 1) <= numbers))


@right()
def as_a_list():
    return list(costs().values())


@right()
def as_numpy_numbers():
    return {name: np.float64(value) for name, value in costs().items()} | {"note": "from the shapes"}
