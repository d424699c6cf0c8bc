"""Question 2, lstm_step: wrong answers, and right ones in other styles."""

import sys

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


def lstm_step(x, h, c, Wx, Wh, b):
    n = h.shape[1]
    z = x.dot(Wx.T) + h.dot(Wh.T) + b
    i, f = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n])
    g, o = np.tanh(z[:, 2 * n : 3 * n]), sigmoid(z[:, 3 * n :])
    c_new = f * c + i * g
    h_new = o * np.tanh(c_new)
    return h_new, c_new, (i, f, g, o)


def quarters(z):
    n = z.shape[1] // 4
    return z[:, :n], z[:, n : 2 * n], z[:, 2 * n : 3 * n], z[:, 3 * n :]


@mistake({"order figo", "i and f exchanged"}, loses=EVERYTHING, source="the order of older Keras ports")
def forget_gate_first(x, h, c, Wx, Wh, b):
    zf, zi, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("order ifog", loses=EVERYTHING, source="CS231n, which stacks i, f, o, g")
def output_before_candidate(x, h, c, Wx, Wh, b):
    zi, zf, zo, zg = quarters(x @ Wx.T + h @ Wh.T + b)
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("order iofg", loses=EVERYTHING, source="ONNX stacks i, o, f, c")
def onnx_order(x, h, c, Wx, Wh, b):
    zi, zo, zf, zg = quarters(x @ Wx.T + h @ Wh.T + b)
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake({"order figo", "i and f exchanged"}, loses=EVERYTHING)
def gates_swapped_in_cell(x, h, c, Wx, Wh, b):
    zi, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
    c_new = i * c + f * g
    return o * np.tanh(c_new), c_new, None


@mistake("interleaved", loses=EVERYTHING)
def every_fourth_column(x, h, c, Wx, Wh, b):
    z = x @ Wx.T + h @ Wh.T + b
    i, f, g, o = sigmoid(z[:, 0::4]), sigmoid(z[:, 1::4]), np.tanh(z[:, 2::4]), sigmoid(z[:, 3::4])
    c_new = f * c + i * g
    return o * np.tanh(c_new), c_new, None


@mistake("g with sigmoid", loses=EVERYTHING)
def sigmoid_everywhere(x, h, c, Wx, Wh, b):
    i, f, g, o = map(sigmoid, quarters(x @ Wx.T + h @ Wh.T + b))
    c_new = f * c + i * g
    return o * np.tanh(c_new), c_new, None


@mistake("gates with tanh", loses=EVERYTHING)
def tanh_everywhere(x, h, c, Wx, Wh, b):
    i, f, g, o = map(np.tanh, quarters(x @ Wx.T + h @ Wh.T + b))
    c_new = f * c + i * g
    return o * np.tanh(c_new), c_new, None


@mistake("no tanh on c", loses={"h": 6}, source="nicodjimenez/lstm #47")
def cell_not_squashed(x, h, c, Wx, Wh, b):
    zi, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * c, c, None


@mistake("h from the old c", loses={"h": 6})
def output_before_update(x, h, c, Wx, Wh, b):
    zi, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    h_new = sigmoid(zo) * np.tanh(c)
    c_new = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return h_new, c_new, None


@mistake("h tanh outside", loses={"h": 6})
def squashed_after_gate(x, h, c, Wx, Wh, b):
    zi, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return np.tanh(sigmoid(zo) * c), c, None


@mistake("i plus g", loses=EVERYTHING, source="torchrecurrent #22")
def input_gate_added(x, h, c, Wx, Wh, b):
    zi, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    c = sigmoid(zf) * c + (sigmoid(zi) + np.tanh(zg))
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("coupled gates", loses=EVERYTHING, source="Greff et al. 2017 call this variant CIFG")
def coupled(x, h, c, Wx, Wh, b):
    _, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    f = sigmoid(zf)
    c = f * c + (1 - f) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("forget gate unused", loses=EVERYTHING, source="the cell of Hochreiter & Schmidhuber 1997")
def cell_of_1997(x, h, c, Wx, Wh, b):
    zi, _, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    c = c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake(
    "forget bias in the step", loses=EVERYTHING, source="BasicLSTMCell of TensorFlow 1 adds forget_bias in the step"
)
def forget_bias_added(x, h, c, Wx, Wh, b):
    zi, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    c = sigmoid(zf + 1.0) * c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("bias missing", loses=EVERYTHING)
def no_bias(x, h, c, Wx, Wh, b):
    return lstm_step(x, h, c, Wx, Wh, np.zeros_like(b))


@mistake("bias twice", loses=EVERYTHING)
def bias_in_both_products(x, h, c, Wx, Wh, b):
    z = (x @ Wx.T + b) + (h @ Wh.T + b)
    zi, zf, zg, zo = quarters(z)
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("h_prev unused", loses=EVERYTHING)
def feed_forward(x, h, c, Wx, Wh, b):
    return lstm_step(x, np.zeros_like(h), c, Wx, Wh, b)


@mistake("h and c exchanged", loses=EVERYTHING)
def cell_returned_first(x, h, c, Wx, Wh, b):
    h, c, cache = lstm_step(x, h, c, Wx, Wh, b)
    return c, h, cache


@mistake("first sequence only", loses=EVERYTHING)
def one_sequence(x, h, c, Wx, Wh, b):
    z = Wx @ x[0] + Wh @ h[0] + b
    n = h.shape[1]
    c = sigmoid(z[n : 2 * n]) * c[0] + sigmoid(z[:n]) * np.tanh(z[2 * n : 3 * n])
    return sigmoid(z[3 * n :]) * np.tanh(c), c, None


@mistake("only D = H", loses=EVERYTHING)
def cut_by_inputs(x, h, c, Wx, Wh, b):
    n = x.shape[1]
    z = x @ Wx.T + h @ Wh.T + b
    i, f, g, o = (z[:, k * n : (k + 1) * n] for k in range(4))
    c_new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c_new), c_new, None


@mistake("raised", loses=EVERYTHING)
def weights_not_transposed(x, h, c, Wx, Wh, b):
    z = x @ Wx + h @ Wh + b
    zi, zf, zg, zo = quarters(z)
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("argument modified", loses={"arguments unchanged": 1})
def cell_updated_in_place(x, h, c, Wx, Wh, b):
    zi, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    c *= sigmoid(zf)
    c += sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("large", loses={"large inputs": 2})
def unstable_inside(x, h, c, Wx, Wh, b):
    zi, zf, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    i, f, o = (np.exp(z) / (np.exp(z) + 1) for z in (zi, zf, zo))
    c = f * c + i * np.tanh(zg)
    return o * np.tanh(c), c, None


@mistake("precision", loses={"float64 precision": 1})
def single_precision(x, h, c, Wx, Wh, b):
    return lstm_step(*(a.astype(np.float32) for a in (x, h, c, Wx, Wh, b)))


@mistake("none", loses=EVERYTHING)
def printed(x, h, c, Wx, Wh, b):
    print(lstm_step(x, h, c, Wx, Wh, b))


@mistake("blank", loses=EVERYTHING)
def blank(x, h, c, Wx, Wh, b):
    raise NotImplementedError()


@mistake("form", loses=EVERYTHING)
def h_alone(x, h, c, Wx, Wh, b):
    return lstm_step(x, h, c, Wx, Wh, b)[0]


@mistake("old cell unused", loses=EVERYTHING)
def no_memory(x, h, c, Wx, Wh, b):
    zi, _, zg, zo = quarters(x @ Wx.T + h @ Wh.T + b)
    c = sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("batch order", loses=EVERYTHING, source="batch normalisation, as in Cooijmans et al. 2017")
def normalised_over_the_batch(x, h, c, Wx, Wh, b):
    z = x @ Wx.T + h @ Wh.T
    z = (z - z.mean(axis=0)) / (z.std(axis=0) + 1e-5) + b
    zi, zf, zg, zo = quarters(z)
    c = sigmoid(zf) * c + sigmoid(zi) * np.tanh(zg)
    return sigmoid(zo) * np.tanh(c), c, None


@mistake("batch order", loses=EVERYTHING)
def bias_numbered(x, h, c, Wx, Wh, b):
    return lstm_step(x + 0.1 * np.arange(len(x))[:, None], h, c, Wx, Wh, b)


@mistake("raised", loses=EVERYTHING)
def gives_up(x, h, c, Wx, Wh, b):
    sys.exit("no idea")


@right()
def one_sequence_at_a_time(x, h, c, Wx, Wh, b):
    n, hs, cs = h.shape[1], [], []
    for k in range(len(x)):
        z = Wx @ x[k] + Wh @ h[k] + b
        i, f, g, o = z[:n], z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :]
        cs.append(sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g))
        hs.append(sigmoid(o) * np.tanh(cs[-1]))
    return np.array(hs), np.array(cs), None


@right()
def concatenated(x, h, c, Wx, Wh, b):
    W = np.hstack([Wh, Wx])
    i, f, g, o = np.split(np.hstack([h, x]) @ W.T + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c, {"i": i}


@right()
def by_einsum(x, h, c, Wx, Wh, b):
    z = np.einsum("bd,kd->bk", x, Wx) + np.einsum("bj,kj->bk", h, Wh) + b
    z = z.reshape(len(x), 4, -1)
    c = sigmoid(z[:, 1]) * c + sigmoid(z[:, 0]) * np.tanh(z[:, 2])
    return {"h": sigmoid(z[:, 3]) * np.tanh(c), "c": c, "cache": z}


@right()
def as_lists(x, h, c, Wx, Wh, b):
    h, c, cache = lstm_step(x, h, c, Wx, Wh, b)
    return [h.tolist(), c.tolist(), cache]


@right()
def nested_state(x, h, c, Wx, Wh, b):
    h, c, cache = lstm_step(x, h, c, Wx, Wh, b)
    return (h, c), cache


@right()
def upcast_and_back(x, h, c, Wx, Wh, b):
    kind = x.dtype
    h, c, cache = lstm_step(*(a.astype(np.float64) for a in (x, h, c, Wx, Wh, b)))
    print("step done", file=sys.stderr)
    return h.astype(kind), c.astype(kind), cache


@right(needs="torch")
def in_torch(x, h, c, Wx, Wh, b):
    import torch

    x, h, c, Wx, Wh, b = (torch.as_tensor(a) for a in (x, h, c, Wx, Wh, b))
    i, f, g, o = (x @ Wx.T + h @ Wh.T + b).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c, None


@right(needs="torch")
def with_gradients_on(x, h, c, Wx, Wh, b):
    import torch

    x, h, c, Wx, Wh, b = (torch.tensor(a, requires_grad=True) for a in (x, h, c, Wx, Wh, b))
    h, c = torch.lstm_cell(x, (h, c), Wx, Wh, b, torch.zeros_like(b))
    return h, c
