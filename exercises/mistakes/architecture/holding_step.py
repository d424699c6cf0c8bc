"""Question 4, holding_step: the broken cell with some of its faults left, and right answers in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def gates(x, h, Wx, Wh, b):
    a_i, a_f, a_g, a_o = np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)
    return sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)


@right()
def holding_step(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return o * np.tanh(c) + (1 - o) * h, c


@mistake({"i and f exchanged", "candidate with sigmoid", "no tanh on c", "o and 1 - o exchanged"}, loses=EVERYTHING)
def nothing_repaired_but_the_copy(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(sigmoid(x @ Wx.T + h @ Wh.T + b), 4, axis=1)
    c = i * c + f * g
    return (1 - o) * c + o * h, c, "UNCHANGED needs one right value"


@mistake("i and f exchanged", loses={"the past": 1})
def wrong_name_left(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = i * c + f * g
    return o * np.tanh(c) + (1 - o) * h, c


@mistake("candidate with sigmoid", loses={"the candidate": 1})
def one_sigmoid_for_all(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(sigmoid(x @ Wx.T + h @ Wh.T + b), 4, axis=1)
    c = f * c + i * g
    return o * np.tanh(c) + (1 - o) * h, c


@mistake("no tanh on c", loses={"the squashing": 1}, source="nicodjimenez/lstm #47")
def cell_shown_as_it_is(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return o * c + (1 - o) * h, c


@mistake("o and 1 - o exchanged", loses={"the holding": 1})
def held_where_open(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return (1 - o) * np.tanh(c) + o * h, c


@mistake("argument modified", loses={"arguments unchanged": 1}, source="c *= f, as in many first drafts")
def in_place_left(x, h, c_prev, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = c_prev
    c *= f
    c += i * g
    return o * np.tanh(c) + (1 - o) * h, c


@mistake({"i and f exchanged", "argument modified"}, loses={"the past": 1, "arguments unchanged": 1})
def in_place_and_exchanged(x, h, c_prev, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = c_prev
    c *= i
    c += f * g
    return o * np.tanh(c) + (1 - o) * h, c


@mistake({"candidate with sigmoid", "no tanh on c"}, loses={"the candidate": 1, "the squashing": 1})
def both_tanh_left_out(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(sigmoid(x @ Wx.T + h @ Wh.T + b), 4, axis=1)
    c_new = f * c + i * g
    return o * c_new + (1 - o) * h, c_new


@mistake({"i and f exchanged", "o and 1 - o exchanged"}, loses={"the past": 1, "the holding": 1})
def both_exchanges_left(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c_new = i * c + f * g
    return o * h + (1 - o) * np.tanh(c_new), c_new


@mistake("one minus missing", loses={"the holding": 1})
def half_an_exchange_repaired(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return o * np.tanh(c) + o * h, c


@mistake("one minus twice", loses={"the holding": 1})
def the_other_half_repaired(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return (1 - o) * np.tanh(c) + (1 - o) * h, c


@mistake("old h dropped", loses={"the squashing": 1, "the holding": 1})
def the_standard_cell(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return o * np.tanh(c), c


@mistake("tanh around it all", loses={"the squashing": 1, "the holding": 1})
def squashed_at_the_end(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return np.tanh(o * c + (1 - o) * h), c


@mistake("candidate linear", loses={"the candidate": 1, "the squashing": 1, "the holding": 1})
def no_function_at_all(x, h, c, Wx, Wh, b):
    a_i, a_f, g, a_o = np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)
    o = sigmoid(a_o)
    c = sigmoid(a_f) * c + sigmoid(a_i) * g
    return o * np.tanh(c) + (1 - o) * h, c


@mistake("shape", loses=EVERYTHING)
def cut_along_the_batch(x, h, c, Wx, Wh, b):
    a = x @ Wx.T + h @ Wh.T + b
    i, f, g, o = sigmoid(a[:1]), sigmoid(a[-1:]), np.tanh(a[:1]), sigmoid(a[-1:])
    c = f + i * g
    return o * np.tanh(c), c


@right()
def copied_first(x, h_prev, c_prev, W_x, W_h, b):
    a = x @ W_x.T + h_prev @ W_h.T + b
    i, f, g, o = np.split(1 / (1 + np.exp(-a)), 4, axis=1)
    g = 2 / (1 + np.exp(-2 * np.split(a, 4, axis=1)[2])) - 1
    c = c_prev.copy()
    c *= f
    c += i * g
    h = o * np.tanh(c)
    h += (1 - o) * h_prev
    return h, c


@right()
def as_a_step_towards(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return {"h": h + o * (np.tanh(c) - h), "c": c, "o": o}


@right()
def unit_by_unit(x, h, c, Wx, Wh, b):
    B, H = h.shape
    h_new, c_new = np.zeros((B, H)), np.zeros((B, H))
    for n in range(B):
        for k in range(H):
            i, f, g, o = (x[n] @ Wx[k + j * H] + h[n] @ Wh[k + j * H] + b[k + j * H] for j in range(4))
            i, f, o = sigmoid(np.array([i, f, o]))
            c_new[n, k] = f * c[n, k] + i * np.tanh(g)
            h_new[n, k] = o * np.tanh(c_new[n, k]) + (1 - o) * h[n, k]
    return h_new.tolist(), c_new.tolist()


@right(needs="torch")
def by_torch(*arrays):
    import torch

    x, h, c, Wx, Wh, b = map(torch.as_tensor, arrays)
    a_i, a_f, a_g, a_o = (x @ Wx.T + h @ Wh.T + b).chunk(4, dim=1)
    c = torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g)
    return torch.lerp(h, torch.tanh(c), torch.sigmoid(a_o)), c


@right()
def by_einsum(x, h, c, Wx, Wh, b):
    B, H = h.shape
    a = np.einsum("bd,kd->bk", x, Wx) + np.einsum("bh,kh->bk", h, Wh) + b
    a = a.reshape(B, 4, H)
    s = sigmoid(a)
    c = s[:, 1] * c + s[:, 0] * np.tanh(a[:, 2])
    return np.where(True, s[:, 3] * np.tanh(c) + (1 - s[:, 3]) * h, 0), c


@mistake("h and c exchanged", loses=EVERYTHING)
def cell_first(x, h, c, Wx, Wh, b):
    h, c = holding_step(x, h, c, Wx, Wh, b)
    return c, h


@mistake("order ifog", loses={"the candidate": 1, "the squashing": 1, "the holding": 1})
def candidate_last(x, h, c, Wx, Wh, b):
    i, f, o, g = np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c) + (1 - sigmoid(o)) * h, c


@mistake("c squashed", loses={"the past": 1, "the candidate": 1})
def squashed_for_good(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = np.tanh(f * c + i * g)
    return o * c + (1 - o) * h, c


@mistake("old h squashed", loses={"the squashing": 1, "the holding": 1})
def both_halves_squashed(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    c = f * c + i * g
    return o * np.tanh(c) + (1 - o) * np.tanh(h), c


@mistake("old cell held", loses={"the squashing": 1, "the holding": 1})
def holds_the_cell(x, h, c, Wx, Wh, b):
    i, f, g, o = gates(x, h, Wx, Wh, b)
    new = f * c + i * g
    return o * np.tanh(new) + (1 - o) * np.tanh(c), new
