"""Question 1, gru_step: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


@right()
def gru_step(x, h, Wx, Wh, bx, bh):
    H = h.shape[1]
    gx, gh = x.dot(Wx.T) + bx, h.dot(Wh.T) + bh
    r = sigmoid(gx[:, :H] + gh[:, :H])
    z = sigmoid(gx[:, H : 2 * H] + gh[:, H : 2 * H])
    n = np.tanh(gx[:, 2 * H :] + r * gh[:, 2 * H :])
    return n + z * (h - n), (r, z, n)


def thirds(a):
    return np.split(a, 3, axis=1)


@mistake(
    "z and 1 - z exchanged",
    loses={"h": 2},
    source="PaddlePaddle #5493: two operators of one framework with the two forms",
)
def as_in_chung(x, h, Wx, Wh, bx, bh):
    _, (r, z, n) = gru_step(x, h, Wx, Wh, bx, bh)
    return (1 - z) * h + z * n, (r, z, n)


@mistake("reset before the product", loses={"n": 1, "h": 2}, source="keras #9112: GPU weights in the other form")
def reset_of_the_state(x, h, Wx, Wh, bx, bh):
    (xr, xz, xn), (Wr, Wz, Wn) = thirds(x @ Wx.T + bx), np.split(Wh, 3)
    br, bz, bn = np.split(bh, 3)
    r, z = sigmoid(xr + h @ Wr.T + br), sigmoid(xz + h @ Wz.T + bz)
    n = np.tanh(xn + (r * h) @ Wn.T + bn)
    return (1 - z) * n + z * h, (r, z, n)


@mistake("b_u outside the reset", loses={"n": 1, "h": 2})
def biases_added_up(x, h, Wx, Wh, bx, bh):
    (xr, xz, xn), (hr, hz, hn) = thirds(x @ Wx.T + bx + bh), thirds(h @ Wh.T)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h, (r, z, n)


@mistake("b_n inside the reset", loses={"n": 1, "h": 2})
def biases_added_to_the_past(x, h, Wx, Wh, bx, bh):
    (xr, xz, xn), (hr, hz, hn) = thirds(x @ Wx.T), thirds(h @ Wh.T + bx + bh)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h, (r, z, n)


@mistake("order zrn", loses=EVERYTHING, source="Keras and ONNX stack z, r, n")
def order_of_keras(x, h, Wx, Wh, bx, bh):
    (xz, xr, xn), (hz, hr, hn) = thirds(x @ Wx.T + bx), thirds(h @ Wh.T + bh)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h, (r, z, n)


@mistake("no reset", loses={"n": 1, "h": 2})
def reset_forgotten(x, h, Wx, Wh, bx, bh):
    ar, az, an = thirds(x @ Wx.T + bx + h @ Wh.T + bh)
    r, z, n = sigmoid(ar), sigmoid(az), np.tanh(an)
    return (1 - z) * n + z * h, (r, z, n)


@mistake("reset of the input too", loses={"n": 1, "h": 2})
def reset_around_everything(x, h, Wx, Wh, bx, bh):
    ar, az, an = thirds(x @ Wx.T + bx + h @ Wh.T + bh)
    r, z = sigmoid(ar), sigmoid(az)
    n = np.tanh(r * an)
    return (1 - z) * n + z * h, (r, z, n)


@mistake("old state reset", loses={"h": 2})
def reset_where_the_name_suggests(x, h, Wx, Wh, bx, bh):
    _, (r, z, n) = gru_step(x, h, Wx, Wh, bx, bh)
    return (1 - z) * n + z * (r * h), (r, z, n)


@mistake("n with sigmoid", loses={"n": 1, "h": 2})
def a_third_gate(x, h, Wx, Wh, bx, bh):
    (xr, xz, xn), (hr, hz, hn) = thirds(x @ Wx.T + bx), thirds(h @ Wh.T + bh)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = sigmoid(xn + r * hn)
    return (1 - z) * n + z * h, (r, z, n)


@mistake("gates with tanh", loses=EVERYTHING)
def tanh_for_the_gates(x, h, Wx, Wh, bx, bh):
    (xr, xz, xn), (hr, hz, hn) = thirds(x @ Wx.T + bx), thirds(h @ Wh.T + bh)
    r, z = np.tanh(xr + hr), np.tanh(xz + hz)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h, (r, z, n)


@mistake("b_h missing", loses=EVERYTHING)
def one_bias(x, h, Wx, Wh, bx, bh):
    return gru_step(x, h, Wx, Wh, bx, np.zeros_like(bh))


@mistake("n added whole", loses={"h": 2})
def as_in_an_lstm(x, h, Wx, Wh, bx, bh):
    _, (r, z, n) = gru_step(x, h, Wx, Wh, bx, bh)
    return n + z * h, (r, z, n)


@mistake("interleaved", loses=EVERYTHING)
def every_third_column(x, h, Wx, Wh, bx, bh):
    gx, gh = x @ Wx.T + bx, h @ Wh.T + bh
    r, z = sigmoid(gx[:, 0::3] + gh[:, 0::3]), sigmoid(gx[:, 1::3] + gh[:, 1::3])
    n = np.tanh(gx[:, 2::3] + r * gh[:, 2::3])
    return (1 - z) * n + z * h, (r, z, n)


@mistake("argument modified", loses={"arguments unchanged": 1})
def mixed_in_place(x, h, Wx, Wh, bx, bh):
    _, (r, z, n) = gru_step(x, h, Wx, Wh, bx, bh)
    h *= z
    h += (1 - z) * n
    return h, (r, z, n)


@mistake("form", loses=EVERYTHING)
def state_alone(x, h, Wx, Wh, bx, bh):
    return gru_step(x, h, Wx, Wh, bx, bh)[0]


@mistake("blank", loses=EVERYTHING)
def blank(x, h, Wx, Wh, bx, bh):
    raise NotImplementedError()


@right()
def by_einsum(x, h, Wx, Wh, bx, bh):
    H = h.shape[1]
    gx = np.einsum("bd,gkd->gbk", x, Wx.reshape(3, H, -1)) + bx.reshape(3, 1, H)
    gh = np.einsum("bj,gkj->gbk", h, Wh.reshape(3, H, H)) + bh.reshape(3, 1, H)
    r, z = sigmoid(gx[:2] + gh[:2])
    n = np.tanh(gx[2] + r * gh[2])
    return {"h": (1 - z) * n + z * h, "r": r, "z": z, "n": n}


@right()
def one_sequence_at_a_time(x, h, Wx, Wh, bx, bh):
    out = []
    for x_b, h_b in zip(x, h, strict=True):
        (xr, xz, xn), (hr, hz, hn) = np.split(Wx @ x_b + bx, 3), np.split(Wh @ h_b + bh, 3)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = np.tanh(xn + r * hn)
        out.append([(1 - z) * n + z * h_b, r, z, n])
    h, r, z, n = np.array(out).swapaxes(0, 1)
    return h, r, z, n


@right()
def as_lists(x, h, Wx, Wh, bx, bh):
    h, gates = gru_step(x, h, Wx, Wh, bx, bh)
    return [h.tolist(), *(gate.tolist() for gate in gates)]


@right(needs="torch")
def cell_of_torch(x, h, Wx, Wh, bx, bh):
    import torch

    x, h, Wx, Wh, bx, bh = map(torch.as_tensor, (x, h, Wx, Wh, bx, bh))
    (xr, xz, xn), (hr, hz, hn) = (x @ Wx.T + bx).chunk(3, 1), (h @ Wh.T + bh).chunk(3, 1)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    return torch.gru_cell(x, h, Wx, Wh, bx, bh), (r, z, torch.tanh(xn + r * hn))


@mistake("gates first", loses=EVERYTHING)
def triple_in_front(x, h, Wx, Wh, bx, bh):
    h, gates = gru_step(x, h, Wx, Wh, bx, bh)
    return gates, h


@mistake("r and z exchanged", loses={"r": 1, "z": 1})
def update_gate_first(x, h, Wx, Wh, bx, bh):
    h, (r, z, n) = gru_step(x, h, Wx, Wh, bx, bh)
    return h, (z, r, n)


@mistake("z for both", loses={"h": 2})
def one_minus_forgotten(x, h, Wx, Wh, bx, bh):
    _, (r, z, n) = gru_step(x, h, Wx, Wh, bx, bh)
    return z * n + z * h, (r, z, n)


@right()
def gates_as_a_list(x, h, Wx, Wh, bx, bh):
    h, (r, z, n) = gru_step(x, h, Wx, Wh, bx, bh)
    return h, [r, z, n]


@right()
def gates_as_one_array(x, h, Wx, Wh, bx, bh):
    h, gates = gru_step(x, h, Wx, Wh, bx, bh)
    return h, np.stack(gates)


@right()
def all_of_it_lists(x, h, Wx, Wh, bx, bh):
    h, gates = gru_step(x, h, Wx, Wh, bx, bh)
    return [h.tolist(), [gate.tolist() for gate in gates]]
