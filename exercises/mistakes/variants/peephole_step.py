"""Question 3, peephole_step: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@right()
def peephole_step(x, h, c, Wx, Wh, b, wi, wf, wo):
    H = h.shape[1]
    a = x @ Wx.T + h @ Wh.T + b
    i = sigmoid(a[:, :H] + wi * c)
    f = sigmoid(a[:, H : 2 * H] + wf * c)
    new = f * c + i * np.tanh(a[:, 2 * H : 3 * H])
    o = sigmoid(a[:, 3 * H :] + wo * new)
    return o * np.tanh(new), new


def quarters(x, h, Wx, Wh, b):
    return np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)


@mistake("o sees the old cell", loses={"h": 2}, source="KimUyen/ConvLSTM-Pytorch #1")
def three_gates_at_once(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    i, f, o = sigmoid(ai + wi * c), sigmoid(af + wf * c), sigmoid(ao + wo * c)
    c = f * c + i * np.tanh(ag)
    return o * np.tanh(c), c


@mistake("peephole outside the sigmoid of o", loses={"h": 2}, source="Lasagne #448: gates above one")
def added_to_the_gate(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    c = sigmoid(af + wf * c) * c + sigmoid(ai + wi * c) * np.tanh(ag)
    return (sigmoid(ao) + wo * c) * np.tanh(c), c


@mistake("peephole sees tanh(c)", loses={"h": 2})
def looks_at_what_is_shown(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    c = sigmoid(af + wf * c) * c + sigmoid(ai + wi * c) * np.tanh(ag)
    q = np.tanh(c)
    return sigmoid(ao + wo * q) * q, c


@mistake("no peepholes", loses=EVERYTHING)
def plain_lstm_in_place(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    c *= sigmoid(af)
    c += sigmoid(ai) * np.tanh(ag)
    return sigmoid(ao) * np.tanh(c), c


@mistake("g sees the cell", loses=EVERYTHING)
def peephole_for_all_four(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    new = sigmoid(af + wf * c) * c + sigmoid(ai + wi * c) * np.tanh(ag + wo * c)
    return sigmoid(ao + wo * new) * np.tanh(new), new


@mistake("w_i and w_f exchanged", loses=EVERYTHING)
def peepholes_swapped(x, h, c, Wx, Wh, b, wi, wf, wo):
    return peephole_step(x, h, c, Wx, Wh, b, wf, wi, wo)


@mistake(
    "peepholes in the order i, o, f", loses=EVERYTHING, source="ONNX stacks i, o, f: webnn-baseline #81, opencv #29931"
)
def order_of_onnx(x, h, c, Wx, Wh, b, wi, wo, wf):
    return peephole_step(x, h, c, Wx, Wh, b, wi, wf, wo)


@mistake("scalar product", loses=EVERYTHING, source="blocks #975 asks: a matrix, or a vector?")
def one_number_for_all_units(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    new = sigmoid(af + np.dot(c, wf)[:, None]) * c + sigmoid(ai + np.dot(c, wi)[:, None]) * np.tanh(ag)
    return sigmoid(ao + np.dot(new, wo)[:, None]) * np.tanh(new), new


@mistake("order ifog", loses=EVERYTHING, source="CS231n stacks i, f, o, g")
def output_before_candidate(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ao, ag = quarters(x, h, Wx, Wh, b)
    new = sigmoid(af + wf * c) * c + sigmoid(ai + wi * c) * np.tanh(ag)
    return sigmoid(ao + wo * new) * np.tanh(new), new


@mistake("gates see h_prev", loses=EVERYTHING)
def looks_at_the_hidden_state(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    new = sigmoid(af + wf * h) * c + sigmoid(ai + wi * h) * np.tanh(ag)
    return sigmoid(ao + wo * new) * np.tanh(new), new


@mistake("h and c exchanged", loses=EVERYTHING)
def cell_first(x, h, c, Wx, Wh, b, wi, wf, wo):
    h, c = peephole_step(x, h, c, Wx, Wh, b, wi, wf, wo)
    return c, h


@mistake("no tanh on c", loses={"h": 2})
def cell_not_squashed(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    c = sigmoid(af + wf * c) * c + sigmoid(ai + wi * c) * np.tanh(ag)
    return sigmoid(ao + wo * c) * c, c


@mistake("i and f exchanged", loses=EVERYTHING)
def wrong_gate_on_the_cell(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    i, f = sigmoid(ai + wi * c), sigmoid(af + wf * c)
    c = i * c + f * np.tanh(ag)
    return sigmoid(ao + wo * c) * np.tanh(c), c


@mistake("argument modified", loses={"arguments unchanged": 1})
def cell_in_place(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    i, f = sigmoid(ai + wi * c), sigmoid(af + wf * c)
    c *= f
    c += i * np.tanh(ag)
    return sigmoid(ao + wo * c) * np.tanh(c), c


@mistake("raised", loses=EVERYTHING)
def full_matrices(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    H = h.shape[1]
    wi, wf, wo = (w.reshape(H, H) for w in (wi, wf, wo))
    new = sigmoid(af + c @ wf) * c + sigmoid(ai + c @ wi) * np.tanh(ag)
    return sigmoid(ao + new @ wo) * np.tanh(new), new


@right()
def diagonal_matrices(x, h, c, Wx, Wh, b, wi, wf, wo):
    ai, af, ag, ao = quarters(x, h, Wx, Wh, b)
    new = sigmoid(af + c @ np.diag(wf)) * c + sigmoid(ai + c @ np.diag(wi)) * np.tanh(ag)
    return {"h": sigmoid(ao + new @ np.diag(wo)) * np.tanh(new), "c": new}


@right()
def unit_by_unit(x, h, c, Wx, Wh, b, wi, wf, wo):
    H = h.shape[1]
    new_h, new_c = np.zeros(h.shape), np.zeros(c.shape)
    for n in range(len(x)):
        for j in range(H):
            a = [Wx[k * H + j] @ x[n] + Wh[k * H + j] @ h[n] + b[k * H + j] for k in range(4)]
            i, f = sigmoid(a[0] + wi[j] * c[n, j]), sigmoid(a[1] + wf[j] * c[n, j])
            new_c[n, j] = f * c[n, j] + i * np.tanh(a[2])
            new_h[n, j] = sigmoid(a[3] + wo[j] * new_c[n, j]) * np.tanh(new_c[n, j])
    return new_h, new_c


@right()
def as_lists(x, h, c, Wx, Wh, b, wi, wf, wo):
    return [part.tolist() for part in peephole_step(x, h, c, Wx, Wh, b, wi, wf, wo)]


@right(needs="torch")
def in_torch(x, h, c, Wx, Wh, b, wi, wf, wo):
    import torch

    x, h, c, Wx, Wh, b, wi, wf, wo = map(torch.as_tensor, (x, h, c, Wx, Wh, b, wi, wf, wo))
    ai, af, ag, ao = torch.nn.functional.linear(torch.cat([x, h], 1), torch.cat([Wx, Wh], 1), b).chunk(4, 1)
    c = torch.sigmoid(torch.addcmul(af, wf, c)) * c + torch.sigmoid(torch.addcmul(ai, wi, c)) * ag.tanh()
    return torch.sigmoid(ao + wo * c) * c.tanh(), c


@right()
def by_the_kit(x, h, c, *params):
    from lstmkit.numpy import peephole

    state, cache = peephole.step(peephole.Params(*params), x, peephole.State(h, c))
    return state, cache


@mistake("no peephole of f", loses=EVERYTHING)
def forgets_blindly(x, h, c, Wx, Wh, b, wi, wf, wo):
    return peephole_step(x, h, c, Wx, Wh, b, wi, 0 * wf, wo)


@mistake("no peephole of i", loses=EVERYTHING)
def writes_blindly(x, h, c, Wx, Wh, b, wi, wf, wo):
    return peephole_step(x, h, c, Wx, Wh, b, 0 * wi, wf, wo)


@mistake("g sees the cell through w_i", loses=EVERYTHING)
def all_that_is_written_sees_the_cell(x, h, c, Wx, Wh, b, wi, wf, wo):
    i, f, g, o = np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)
    new = sigmoid(f + wf * c) * c + sigmoid(i + wi * c) * np.tanh(g + wi * c)
    return sigmoid(o + wo * new) * np.tanh(new), new


@mistake("peepholes see tanh(c)", loses=EVERYTHING)
def squashed_for_every_gate(x, h, c, Wx, Wh, b, wi, wf, wo):
    i, f, g, o = np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)
    seen = np.tanh(c)
    new = sigmoid(f + wf * seen) * c + sigmoid(i + wi * seen) * np.tanh(g)
    return sigmoid(o + wo * np.tanh(new)) * np.tanh(new), new
