"""Question 1, rnn_step: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


@mistake("sigmoid for tanh", loses=EVERYTHING)
def as_a_gate(x, h, Wx, Wh, b):
    return sigmoid(x @ Wx.T + h @ Wh.T + b)


@mistake("no tanh", loses=EVERYTHING)
def linear(x, h, Wx, Wh, b):
    return x @ Wx.T + h @ Wh.T + b


@mistake("relu for tanh", loses=EVERYTHING, source="the nonlinearity='relu' of torch.nn.RNN")
def rectified(x, h, Wx, Wh, b):
    a = x @ Wx.T + h @ Wh.T + b
    return a * (a > 0)


@mistake("bias missing", loses=EVERYTHING)
def without_bias(x, h, Wx, Wh, b):
    return np.tanh(np.dot(x, Wx.T) + np.dot(h, Wh.T))


@mistake("bias twice", loses=EVERYTHING, source="two biases, as in torch.nn.RNN, both ours")
def bias_for_each_product(x, h, Wx, Wh, b):
    return np.tanh((x @ Wx.T + b) + (h @ Wh.T + b))


@mistake("bias after tanh", loses=EVERYTHING)
def parenthesis_in_the_wrong_place(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx.T + h @ Wh.T) + b


@mistake("W_h transposed", loses=EVERYTHING)
def one_transpose_forgotten(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx.T + h @ Wh + b)


@mistake("raised", loses=EVERYTHING)
def both_transposes_forgotten(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx + h @ Wh + b)


@mistake("diagonal of W_h", loses=EVERYTHING)
def each_unit_alone(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx.T + h * Wh.diagonal() + b)


@mistake("h_prev unused", loses=EVERYTHING)
def feed_forward(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx.T + b)


@mistake("stacked in two orders", loses=EVERYTHING)
def concatenated_crosswise(x, h, Wx, Wh, b):
    W = np.concatenate([Wx, Wh], axis=1)
    return np.tanh(np.concatenate([h, x], axis=1) @ W.T + b)


@mistake("two tanhs", loses=EVERYTHING)
def squashed_one_by_one(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx.T) + np.tanh(h @ Wh.T + b)


@mistake("old h added", loses=EVERYTHING)
def residual(x, h, Wx, Wh, b):
    return h + np.tanh(x @ Wx.T + h @ Wh.T + b)


@mistake("h_prev outside the tanh", loses=EVERYTHING)
def squashed_too_early(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx.T + b) + h @ Wh.T


@mistake("first sequence only", loses=EVERYTHING)
def one_sequence(x, h, Wx, Wh, b):
    return np.tanh(Wx @ x[0] + Wh @ h[0] + b)


@mistake("none", loses=EVERYTHING)
def printed(x, h, Wx, Wh, b):
    print(np.tanh(x @ Wx.T + h @ Wh.T + b))


@mistake("raised", loses=EVERYTHING)
def sizes_hard_coded(x, h, Wx, Wh, b):
    a = np.zeros((4, 3))
    a += x @ Wx.T + h @ Wh.T + b
    return np.tanh(a)


@mistake("precision", loses=EVERYTHING)
def in_half_precision(x, h, Wx, Wh, b):
    return np.tanh((x @ Wx.T + h @ Wh.T + b).astype(np.float16))


@mistake("large", loses={"large inputs": 1})
def tanh_by_its_definition(x, h, Wx, Wh, b):
    a = x @ Wx.T + h @ Wh.T + b
    return (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))


@mistake("argument modified", loses={"arguments unchanged": 1})
def into_the_old_state(x, h, Wx, Wh, b):
    h[:] = np.tanh(x @ Wx.T + h @ Wh.T + b)
    return h


@mistake("blank", loses=EVERYTHING)
def blank(x, h, Wx, Wh, b):
    raise NotImplementedError()


@right()
def stacked(x, h, Wx, Wh, b):
    return np.tanh(np.c_[x, h] @ np.c_[Wx, Wh].T + b)


@right()
def columns_instead_of_rows(x, h, Wx, Wh, b):
    return np.tanh(Wx @ x.T + Wh @ h.T + b[:, None]).T


@right()
def with_sums(x, h, Wx, Wh, b):
    return np.tanh(np.einsum("bd,hd->bh", x, Wx) + np.einsum("bk,hk->bh", h, Wh) + b), "a cache"


@right()
def unit_by_unit(x, h, Wx, Wh, b):
    def unit(n, j):
        return sum(Wx[j] * x[n]) + sum(Wh[j] * h[n]) + b[j]

    return [[math.tanh(unit(n, j)) for j in range(len(b))] for n in range(len(x))]


@right()
def by_a_sigmoid(x, h, Wx, Wh, b):
    return 2 * sigmoid(2 * (x @ Wx.T + h @ Wh.T + b)) - 1


@right(needs="torch")
def in_torch(x, h, Wx, Wh, b):
    import torch

    x, h, Wx, Wh, b = map(torch.as_tensor, (x, h, Wx, Wh, b))
    return torch.tanh(torch.nn.functional.linear(x, Wx, b) + h @ Wh.mT)
