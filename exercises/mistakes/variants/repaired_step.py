"""Extra credit, repaired_step: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(a):
    return 0.5 + 0.5 * np.tanh(0.5 * a)


@right()
def repaired_step(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f + w_f * c_prev)
    c = f * c_prev + (1 - f) * np.tanh(a_g)
    return sigmoid(a_o + w_o * c) * np.tanh(c), c


@mistake("not repaired", loses=EVERYTHING)
def as_it_was(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f) + w_f * c_prev
    g = np.tanh(a_g)
    o = sigmoid(a_o + w_o * c_prev)
    c_prev *= f
    c = c_prev + (1 - f) * g
    return o * np.tanh(c), c


@mistake("peephole outside the sigmoid", loses=EVERYTHING, source="Lasagne #448")
def order_repaired_alone(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f) + w_f * c_prev
    c = f * c_prev + (1 - f) * np.tanh(a_g)
    return sigmoid(a_o + w_o * c) * np.tanh(c), c


@mistake("o sees the old cell", loses={"h": 1}, source="KimUyen/ConvLSTM-Pytorch #1")
def o_still_early(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f + w_f * c_prev)
    o = sigmoid(a_o + w_o * c_prev)
    c = f * c_prev + (1 - f) * np.tanh(a_g)
    return o * np.tanh(c), c


@mistake({"o sees the old cell", "argument modified"}, loses={"h": 1, "arguments unchanged": 1})
def one_repair_of_three(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f + w_f * c_prev)
    o = sigmoid(a_o + w_o * c_prev)
    c_prev *= f
    c = c_prev + (1 - f) * np.tanh(a_g)
    return o * np.tanh(c), c


@mistake({"o sees the forgotten cell", "argument modified"}, loses={"h": 1, "arguments unchanged": 1})
def o_moved_not_far_enough(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f + w_f * c_prev)
    c_prev *= f
    o = sigmoid(a_o + w_o * c_prev)
    c = c_prev + (1 - f) * np.tanh(a_g)
    return o * np.tanh(c), c


@mistake("argument modified", loses={"arguments unchanged": 1})
def still_in_place(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f + w_f * c_prev)
    c = c_prev  # not a copy
    c *= f
    c += (1 - f) * np.tanh(a_g)
    return sigmoid(a_o + w_o * c) * np.tanh(c), c


@mistake("i without the peephole", loses=EVERYTHING)
def coupled_too_early(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    c = sigmoid(a_f + w_f * c_prev) * c_prev + (1 - sigmoid(a_f)) * np.tanh(a_g)
    return sigmoid(a_o + w_o * c) * np.tanh(c), c


@mistake("f sees no cell", loses=EVERYTHING)
def peephole_removed(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f)
    c = f * c_prev + (1 - f) * np.tanh(a_g)
    return sigmoid(a_o + w_o * c) * np.tanh(c), c


@mistake("o sees no cell", loses={"h": 1})
def output_without_a_look(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f + w_f * c_prev)
    c = f * c_prev + (1 - f) * np.tanh(a_g)
    return sigmoid(a_o) * np.tanh(c), c


@mistake("f and 1 - f exchanged", loses=EVERYTHING)
def as_in_a_gru_paper(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    i = sigmoid(a_f + w_f * c_prev)
    c = (1 - i) * c_prev + i * np.tanh(a_g)
    return sigmoid(a_o + w_o * c) * np.tanh(c), c


@mistake("blank", loses=EVERYTHING)
def blank(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    raise NotImplementedError()


@right()
def unit_by_unit(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    B, H = c_prev.shape
    h, c = [[0.0] * H for _ in range(B)], [[0.0] * H for _ in range(B)]
    for n in range(B):
        for j in range(H):
            a_f, a_g, a_o = (W_x[k] @ x_t[n] + W_h[k] @ h_prev[n] + b[k] for k in (j, H + j, 2 * H + j))
            f = sigmoid(a_f + w_f[j] * c_prev[n, j])
            c[n][j] = f * c_prev[n, j] + (1 - f) * np.tanh(a_g)
            h[n][j] = sigmoid(a_o + w_o[j] * c[n][j]) * np.tanh(c[n][j])
    return h, c


@right()
def repaired_in_place_on_a_copy(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = sigmoid(a_f + w_f * c_prev)
    c = c_prev.copy()
    c *= f
    c += (1 - f) * np.tanh(a_g)
    return {"c": c, "h": sigmoid(a_o + w_o * c) * np.tanh(c)}


@right()
def as_a_mean(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    H = c_prev.shape[1]
    a = np.hstack([x_t, h_prev]) @ np.hstack([W_x, W_h]).T + b
    g = np.tanh(a[:, H : 2 * H])
    c = g + sigmoid(a[:, :H] + w_f * c_prev) * (c_prev - g)
    return np.tanh(c) / (1 + np.exp(-a[:, 2 * H :] - w_o * c)), c


@right(needs="torch")
def in_torch(x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o):
    import torch

    x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o = map(torch.tensor, (x_t, h_prev, c_prev, W_x, W_h, b, w_f, w_o))
    a_f, a_g, a_o = (x_t @ W_x.T + h_prev @ W_h.T + b).chunk(3, 1)
    c = torch.lerp(torch.tanh(a_g), c_prev, torch.sigmoid(a_f + w_f * c_prev))
    return torch.sigmoid(a_o + w_o * c) * torch.tanh(c), c


@mistake("peephole of o outside the sigmoid", loses={"h": 1})
def fault_moved_to_the_other_gate(x, h, c, Wx, Wh, b, wf, wo):
    f, g, o = np.split(x @ Wx.T + h @ Wh.T + b, 3, axis=1)
    f = sigmoid(f + wf * c)
    c = f * c + (1 - f) * np.tanh(g)
    return (sigmoid(o) + wo * c) * np.tanh(c), c


@mistake("no tanh on c", loses={"h": 1})
def cell_shown_as_it_is(x, h, c, Wx, Wh, b, wf, wo):
    f, g, o = np.split(x @ Wx.T + h @ Wh.T + b, 3, axis=1)
    f = sigmoid(f + wf * c)
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o + wo * c) * c, c
