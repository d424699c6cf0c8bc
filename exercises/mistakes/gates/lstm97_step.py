"""Question 1, lstm97_step: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def thirds(x, h, Wx, Wh, b):
    return np.array_split(x @ Wx.T + h @ Wh.T + b, 3, axis=1)


@right()
def lstm97_step(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    c = c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake(
    "argument modified", loses={"arguments unchanged": 1}, source="the cell is a running sum, so += comes naturally"
)
def running_sum(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    c += sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("order iog", loses=EVERYTHING)
def candidate_last(x, h, c, Wx, Wh, b):
    i, o, g = thirds(x, h, Wx, Wh, b)
    c = c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("order gio", loses=EVERYTHING)
def candidate_first(x, h, c, Wx, Wh, b):
    g, i, o = thirds(x, h, Wx, Wh, b)
    c = c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("old cell multiplied", loses=EVERYTHING, source="a mixture of the cells of 1997 and of Greff et al. 2017")
def coupled_after_all(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    i = sigmoid(i)
    c = (1 - i) * c + i * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("the input gate forgets", loses=EVERYTHING)
def one_gate_for_both(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    c = sigmoid(i) * (c + np.tanh(g))
    return sigmoid(o) * np.tanh(c), c


@mistake("old cell dropped", loses=EVERYTHING)
def no_memory(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    c = sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("i plus g", loses=EVERYTHING, source="torchrecurrent #22")
def gate_added(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    c = c + sigmoid(i) + np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("c squashed", loses=EVERYTHING)
def cell_kept_small(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    c = np.tanh(c + sigmoid(i) * np.tanh(g))
    return sigmoid(o) * np.tanh(c), c


@mistake("no tanh on c", loses={"h": 1}, source="nicodjimenez/lstm #47")
def shown_as_it_is(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    c = c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * c, c


@mistake("h from the old c", loses={"h": 1})
def shown_too_early(x, h, c, Wx, Wh, b):
    i, g, o = thirds(x, h, Wx, Wh, b)
    return sigmoid(o) * np.tanh(c), c + sigmoid(i) * np.tanh(g)


@mistake("h and c exchanged", loses=EVERYTHING)
def cell_first(x, h, c, Wx, Wh, b):
    return lstm97_step(x, h, c, Wx, Wh, b)[::-1]


@mistake("bias missing", loses=EVERYTHING)
def no_bias(x, h, c, Wx, Wh, b):
    return lstm97_step(x, h, c, Wx, Wh, 0 * b)


@mistake("raised", loses=EVERYTHING)
def four_blocks(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    a = x @ Wx.T + h @ Wh.T + b
    i, g, o = a[:, :H], a[:, 2 * H : 3 * H], a[:, 3 * H :]
    c = c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@right()
def unit_by_unit(x, h, c, Wx, Wh, b):
    B, H = h.shape
    h_new, c_new = np.zeros((B, H)), np.zeros((B, H))
    for n in range(B):
        for k in range(H):
            i, g, o = (x[n] @ Wx[k + j * H] + h[n] @ Wh[k + j * H] + b[k + j * H] for j in range(3))
            c_new[n, k] = c[n, k] + np.tanh(g) / (1 + np.exp(-i))
            h_new[n, k] = np.tanh(c_new[n, k]) / (1 + np.exp(-o))
    return h_new.tolist(), c_new.tolist()


@right()
def by_einsum(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    a = np.einsum("bd,khd->kbh", x, Wx.reshape(3, H, -1)) + np.einsum("bj,khj->kbh", h, Wh.reshape(3, H, H))
    a = a + b.reshape(3, 1, H)
    c = c + sigmoid(a[0]) * np.tanh(a[1])
    return {"c": c, "h": sigmoid(a[2]) * np.tanh(c)}


@right()
def as_the_standard_cell_with_f_one(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    wide = [np.vstack([W[:H], np.zeros((H, W.shape[1])), W[H:]]) for W in (Wx, Wh)]
    a = x @ wide[0].T + h @ wide[1].T + np.concatenate([b[:H], np.full(H, np.inf), b[H:]])
    i, f, g, o = np.split(a, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c, "with a gate that is one"


@right(needs="torch")
def by_torch(*arrays):
    import torch

    x, h, c, Wx, Wh, b = map(torch.as_tensor, arrays)
    i, g, o = (x @ Wx.T + h @ Wh.T + b).chunk(3, dim=1)
    c = c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
