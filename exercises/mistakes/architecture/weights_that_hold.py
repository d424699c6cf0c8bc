"""Question 5, weights_that_hold: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import architecture as check


def mine():
    yours = check.yours("weights_that_hold")
    return yours["T"], yours["left"], yours["k"]


def unit(b_f, deep=20.0, w_f=None, w_i=(0, 40.0), b_i=-20.0, g=None, b_g=0.0, o=(0, 0), b_o=20.0):
    row_f, row_g = w_f or (0, -deep - b_f), g or (mine()[2], 0)
    W_x = np.array([w_i, row_f, row_g, o], dtype=float)
    return W_x, np.zeros((4, 1)), np.array([b_i, b_f, b_g, b_o])


def bias():
    T, left, _ = mine()
    f = left ** (1 / T)
    return np.log(f / (1 - f))


@right()
def weights_that_hold():
    return unit(bias())


@mistake("fades too slowly", loses={"keeps": 1})
def holds_for_ever():
    return unit(20.0)


@mistake("fades too fast", loses={"keeps": 1})
def share_of_one_step():
    _, left, _ = mine()
    return unit(np.log(left / (1 - left)))


@mistake("fades too fast", loses={"keeps": 1})
def gate_for_bias():
    T, left, _ = mine()
    return unit(left ** (1 / T))


@mistake("fades too fast", loses={"keeps": 1}, source="the usual start, a forget bias of 1")
def usual_forget_bias():
    return unit(1.0)


@mistake("noise gets in", loses={"keeps": 1})
def input_gate_half_open():
    return unit(bias(), b_i=0.0, w_i=(0, 20.0))


@mistake("noise gets in", loses={"keeps": 1})
def input_gate_listens_to_v():
    return unit(bias(), w_i=(30.0, 60.0))


@mistake({"drifts", "written otherwise"}, loses={"keeps": 1, "overwrites": 1})
def candidate_with_bias():
    return unit(bias(), b_i=-3.0, w_i=(0, 23.0), b_g=1.0)


@mistake("the past stays", loses={"overwrites": 1})
def adds_at_the_mark():
    return unit(bias(), w_f=(0, 0))


@mistake("not written", loses={"overwrites": 1})
def erases_at_the_mark():
    return unit(bias(), w_i=(0, 0))


@mistake("written otherwise", loses={"overwrites": 1})
def the_mark_is_written():
    return unit(bias(), g=(mine()[2], 1.0))


@mistake("written otherwise", loses={"overwrites": 1})
def v_as_it_is():
    return unit(bias(), g=(0.25, 0.0))


@mistake("written otherwise", loses={"overwrites": 1})
def input_gate_opens_halfway():
    return unit(bias(), w_i=(0, 20.0))


@mistake("not shown", loses={"shows": 1})
def output_gate_half_open():
    return unit(bias(), b_o=0.0)


@mistake("not shown", loses={"shows": 1})
def shown_at_the_mark_alone():
    return unit(bias(), b_o=-20.0, o=(0, 40.0))


@mistake({"noise gets in", "the past stays"}, loses={"keeps": 1, "overwrites": 1})
def forget_gate_and_input_gate_exchanged():
    W_x, W_h, b = unit(bias())
    order = [1, 0, 2, 3]
    return W_x[order], W_h, b[order]


@mistake("shape", loses=EVERYTHING)
def as_row_vectors():
    W_x, W_h, b = unit(bias())
    return W_x.T, W_h, b


@mistake("nan", loses=EVERYTHING)
def infinite_weights():
    return unit(bias(), b_i=-np.inf, w_i=(0, np.inf))


@right()
def lists():
    T, left, k = mine()
    b_f = -float(np.log(left ** (-1 / T) - 1))
    return [[0, 30], [0, -30 - b_f], [k, 0], [0, 0]], [[0]] * 4, [-15, b_f, 0, 12]


@right()
def as_dict():
    T, left, k = mine()
    odds = 1 / np.expm1(-np.log(left) / T)
    W_x = np.zeros((4, 2))
    W_x[0, 1], W_x[1, 1], W_x[2, 0] = 200, -200, k
    return {"W_x": W_x, "W_h": np.zeros((4, 1)), "b": np.array([-100, np.log(odds), 0, 100]), "note": "deep"}


@right()
def found_by_bisection():
    T, left, _ = mine()
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-middle))) ** T < left:
            low = middle
        else:
            high = middle
    return unit(low, deep=12.0)


@right(needs="torch")
def as_tensors():
    import torch

    return tuple(torch.as_tensor(array) for array in unit(bias()))
