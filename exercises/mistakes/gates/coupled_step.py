"""Question 2, coupled_step: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def blocks(x, h, Wx, Wh, b):
    return np.split(x @ Wx.T + h @ Wh.T + b, 3, axis=1)


@right()
def coupled_step(x, h, c, Wx, Wh, b, floor=0.0):
    f, g, o = blocks(x, h, Wx, Wh, b)
    f = floor + (1 - floor) * sigmoid(f)
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("order gfo", loses=EVERYTHING)
def candidate_first(x, h, c, Wx, Wh, b, floor=0.0):
    g, f, o = blocks(x, h, Wx, Wh, b)
    f = floor + (1 - floor) * sigmoid(f)
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("order fog", loses=EVERYTHING)
def candidate_last(x, h, c, Wx, Wh, b, floor=0.0):
    f, o, g = blocks(x, h, Wx, Wh, b)
    f = floor + (1 - floor) * sigmoid(f)
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("f and 1 - f exchanged", loses=EVERYTHING, source="the two published forms of the GRU differ in just this")
def the_other_convention(x, h, c, Wx, Wh, b, floor=0.0):
    f, g, o = blocks(x, h, Wx, Wh, b)
    f = floor + (1 - floor) * sigmoid(f)
    c = (1 - f) * c + f * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("nothing makes room", loses=EVERYTHING)
def no_input_gate(x, h, c, Wx, Wh, b, floor=0.0):
    f, g, o = blocks(x, h, Wx, Wh, b)
    f = floor + (1 - floor) * sigmoid(f)
    c = f * c + np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("f for both", loses=EVERYTHING)
def same_gate_twice(x, h, c, Wx, Wh, b, floor=0.0):
    f, g, o = blocks(x, h, Wx, Wh, b)
    f = floor + (1 - floor) * sigmoid(f)
    c = f * (c + np.tanh(g))
    return sigmoid(o) * np.tanh(c), c


@mistake(
    "no tanh on c", loses={"h": 1}, source="nicodjimenez/lstm #47; c stays within its bounds here, so it looks harmless"
)
def bounded_anyway(x, h, c, Wx, Wh, b, floor=0.0):
    _, c = coupled_step(x, h, c, Wx, Wh, b, floor)
    return sigmoid(blocks(x, h, Wx, Wh, b)[2]) * c, c


@mistake("h without o", loses={"h": 1})
def forget_gate_only(x, h, c, Wx, Wh, b, floor=0.0):
    _, c = coupled_step(x, h, c, Wx, Wh, b, floor)
    return np.tanh(c), c


@mistake("bias missing", loses=EVERYTHING)
def no_bias(x, h, c, Wx, Wh, b, floor=0.0):
    return coupled_step(x, h, c, Wx, Wh, np.zeros_like(b), floor)


@mistake("floor unused", loses={"floor": 1})
def taken_and_left(x, h, c, Wx, Wh, b, floor=0.0):
    return coupled_step(x, h, c, Wx, Wh, b)


@mistake("floor as a maximum", loses={"floor": 1})
def cut_off(x, h, c, Wx, Wh, b, floor=0.0):
    f, g, o = blocks(x, h, Wx, Wh, b)
    f = np.clip(sigmoid(f), floor, 1)
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("floor added", loses={"floor": 1})
def above_one(x, h, c, Wx, Wh, b, floor=0.0):
    f, g, o = blocks(x, h, Wx, Wh, b)
    f = sigmoid(f) + floor
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("floor in the pre-activation", loses={"floor": 1})
def like_a_forget_bias(x, h, c, Wx, Wh, b, floor=0.0):
    f, g, o = blocks(x, h, Wx, Wh, b)
    f = sigmoid(f + floor)
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("input side without floor", loses={"floor": 1})
def floor_for_the_old_alone(x, h, c, Wx, Wh, b, floor=0.0):
    a_f, g, o = blocks(x, h, Wx, Wh, b)
    f = floor + (1 - floor) * sigmoid(a_f)
    c = f * c + sigmoid(-a_f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("ceiling", loses={"floor": 1})
def squeezed_from_above(x, h, c, Wx, Wh, b, floor=0.0):
    f, g, o = blocks(x, h, Wx, Wh, b)
    f = (1 - floor) * sigmoid(f)
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("raised", loses={"floor": 1})
def without_the_argument(x, h, c, Wx, Wh, b):
    return coupled_step(x, h, c, Wx, Wh, b)


@right()
def as_a_step_towards_g(x, h, c, W_x, W_h, b, floor=0):
    a = W_x @ x.T + W_h @ h.T + b[:, None]
    f, g, o = np.split(a.T, 3, axis=1)
    c = c + (1 - floor) * sigmoid(-f) * (np.tanh(g) - c)
    return [sigmoid(o) * np.tanh(c), c]


@right()
def with_slices(x, h, c, W_x, W_h, b, floor=0.0):
    n = c.shape[-1]
    a = x.dot(W_x.T) + h.dot(W_h.T) + b
    keep = 1 - (1 - floor) * (1 - sigmoid(a[..., :n]))
    c_new = keep * c
    c_new += (1 - keep) * np.tanh(a[..., n : 2 * n])
    return {"h": sigmoid(a[..., 2 * n :]) * np.tanh(c_new), "c": c_new, "f": keep}


@right()
def one_sequence_at_a_time(x, h, c, W_x, W_h, b, floor=0.0):
    rows = []
    for x_n, h_n, c_n in zip(x, h, c, strict=True):
        f, g, o = np.split(W_x @ x_n + W_h @ h_n + b, 3)
        f = floor + (1 - floor) / (1 + np.exp(-f))
        c_n = f * c_n + (1 - f) * np.tanh(g)
        rows.append((np.tanh(c_n) / (1 + np.exp(-o)), c_n))
    return tuple(map(np.stack, zip(*rows, strict=True)))


@right(needs="torch")
def by_torch(x, h, c, W_x, W_h, b, floor=0.0):
    import torch

    x, h, c, W_x, W_h, b = map(torch.as_tensor, (x, h, c, W_x, W_h, b))
    f, g, o = torch.chunk(torch.addmm(b, x, W_x.T) + h @ W_h.T, 3, 1)
    c = torch.lerp(torch.tanh(g), c, floor + (1 - floor) * torch.sigmoid(f))
    return torch.sigmoid(o) * torch.tanh(c), c


@mistake("h from the old c", loses={"h": 1})
def shown_before_the_update(x, h, c, Wx, Wh, b, floor=0.0):
    o = blocks(x, h, Wx, Wh, b)[2]
    return sigmoid(o) * np.tanh(c), coupled_step(x, h, c, Wx, Wh, b, floor)[1]


@mistake("c squashed", loses={"c": 1, "floor": 1})
def squashed_cell_handed_on(x, h, c, Wx, Wh, b, floor=0.0):
    h, c = coupled_step(x, h, c, Wx, Wh, b, floor)
    return h, np.tanh(c)


@mistake("floor and 1 - floor exchanged", loses=EVERYTHING)
def floor_on_the_wrong_side(x, h, c, Wx, Wh, b, floor=0.0):
    return coupled_step(x, h, c, Wx, Wh, b, 1 - floor)


@right()
def floor_by_the_part_that_is_lost(x, h, c, Wx, Wh, b, floor=0.0):
    a_f, g, o = blocks(x, h, Wx, Wh, b)
    lost = (1 - floor) * sigmoid(-a_f)
    c = c + lost * (np.tanh(g) - c)
    return sigmoid(o) * np.tanh(c), c
