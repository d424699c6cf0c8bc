"""Question 4, lstm_forward: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def lstm_step(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)
    i, f, g, o = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), np.tanh(g), 1 / (1 + np.exp(-o))
    c_new = f * c + i * g
    return o * np.tanh(c_new), c_new, (x, h, c, Wx, Wh, i, f, g, o, np.tanh(c_new))


@mistake("h0 at every step", loses=EVERYTHING)
def same_h_for_all(x, h0, c0, Wx, Wh, b):
    hs, c = [], c0
    for t in range(len(x)):
        h, c, _ = lstm_step(x[t], h0, c, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (h, c), None


@mistake("c0 at every step", loses=EVERYTHING)
def same_c_for_all(x, h0, c0, Wx, Wh, b):
    hs, h = [], h0
    for t in range(len(x)):
        h, c, _ = lstm_step(x[t], h, c0, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (h, c), None


@mistake("state not carried", loses=EVERYTHING)
def forgetful(x, h0, c0, Wx, Wh, b):
    out = [lstm_step(x_t, h0, c0, Wx, Wh, b) for x_t in x]
    return np.array([h for h, _, _ in out]), out[-1][:2], [cache for _, _, cache in out]


@mistake("initial state ignored", loses=EVERYTHING)
def from_zeros(x, h0, c0, Wx, Wh, b):
    h, c, hs = np.zeros_like(h0), np.zeros_like(c0), []
    for x_t in x:
        h, c, _ = lstm_step(x_t, h, c, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (h, c), None


@mistake("initial c ignored", loses=EVERYTHING)
def cell_from_zeros(x, h0, c0, Wx, Wh, b):
    h, c, hs = h0, 0 * c0, []
    for x_t in x:
        h, c, _ = lstm_step(x_t, h, c, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (h, c), None


@mistake("backwards in time", loses=EVERYTHING)
def last_step_first(x, h0, c0, Wx, Wh, b):
    h, c, hs = h0, c0, []
    for t in range(len(x) - 1, -1, -1):
        h, c, _ = lstm_step(x[t], h, c, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (h, c), None


@mistake("hs one step late", loses={"hs": 4})
def stored_before_the_step(x, h0, c0, Wx, Wh, b):
    h, c, hs = h0, c0, []
    for x_t in x:
        hs.append(h)
        h, c, _ = lstm_step(x_t, h, c, Wx, Wh, b)
    return np.array(hs), (h, c), None


@mistake("hs with h0", loses={"hs": 4})
def initial_h_stored(x, h0, c0, Wx, Wh, b):
    hs, c = [h0], c0
    for x_t in x:
        h, c, _ = lstm_step(x_t, hs[-1], c, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (h, c), None


@mistake("hs is c", loses={"hs": 4})
def cells_stored(x, h0, c0, Wx, Wh, b):
    h, c, hs = h0, c0, []
    for x_t in x:
        h, c, _ = lstm_step(x_t, h, c, Wx, Wh, b)
        hs.append(c)
    return np.array(hs), (h, c), None


@mistake("hs repeats the last h", loses={"hs": 4})
def one_buffer_for_all(x, h0, c0, Wx, Wh, b):
    buffer, c, hs = h0.copy(), c0, []
    for x_t in x:
        h, c, _ = lstm_step(x_t, buffer, c, Wx, Wh, b)
        buffer[:] = h
        hs.append(buffer)
    return np.array(hs), (buffer, c), None


@mistake("hs batch first", loses={"hs": 4})
def batch_in_front(x, h0, c0, Wx, Wh, b):
    hs, last, caches = loop(x, h0, c0, Wx, Wh, b)
    return np.stack(list(hs), axis=1), last, caches


@mistake("hs is the last h", loses={"hs": 4})
def last_h_only(x, h0, c0, Wx, Wh, b):
    h, c = h0, c0
    for x_t in x:
        h, c, _ = lstm_step(x_t, h, c, Wx, Wh, b)
    return h, (h, c), None


@mistake("h_T and c_T exchanged", loses={"h_T": 2, "c_T": 2})
def cell_before_hidden(x, h0, c0, Wx, Wh, b):
    hs, (h, c), caches = loop(x, h0, c0, Wx, Wh, b)
    return hs, (c, h), caches


@mistake("initial state returned", loses={"h_T": 2, "c_T": 2})
def start_returned(x, h0, c0, Wx, Wh, b):
    hs, _, caches = loop(x, h0, c0, Wx, Wh, b)
    return hs, (h0, c0), caches


@mistake("all cells returned", loses={"c_T": 2})
def every_cell(x, h0, c0, Wx, Wh, b):
    h, c, hs, cs = h0, c0, [], []
    for x_t in x:
        h, c, _ = lstm_step(x_t, h, c, Wx, Wh, b)
        hs.append(h)
        cs.append(c)
    return np.array(hs), (h, np.array(cs)), None


@mistake("argument modified", loses={"arguments unchanged": 1})
def initial_state_overwritten(x, h0, c0, Wx, Wh, b):
    hs = []
    for x_t in x:
        h0[:], c0[:], _ = lstm_step(x_t, h0, c0, Wx, Wh, b)
        hs.append(h0.copy())
    return np.array(hs), (h0, c0), None


@mistake("precision", loses={"float64 precision": 1})
def stored_in_single(x, h0, c0, Wx, Wh, b):
    hs, last, caches = loop(x, h0, c0, Wx, Wh, b)
    return hs.astype(np.float32), last, caches


@mistake("raised", loses=EVERYTHING)
def off_the_end(x, h0, c0, Wx, Wh, b):
    h, c, hs = h0, c0, []
    for t in range(1, len(x) + 1):
        h, c, _ = lstm_step(x[t], h, c, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (h, c), None


@mistake("raised", loses=EVERYTHING)
def loops_over_the_batch(x, h0, c0, Wx, Wh, b):
    h, c, hs = h0, c0, []
    for t in range(x.shape[1]):
        h, c, _ = lstm_step(x[:, t], h, c, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (h, c), None


def loop(x, h0, c0, Wx, Wh, b):
    h, c = h0, c0
    hs = np.zeros((len(x), *h0.shape), h0.dtype)
    caches = []
    for t, x_t in enumerate(x):
        h, c, cache = lstm_step(x_t, h, c, Wx, Wh, b)
        hs[t] = h
        caches.append(cache)
    return hs, (h, c), caches


@right()
def preallocated(x, h0, c0, Wx, Wh, b):
    return loop(x, h0, c0, Wx, Wh, b)


@right()
def recursive(x, h0, c0, Wx, Wh, b):
    h, c, cache = lstm_step(x[0], h0, c0, Wx, Wh, b)
    if len(x) == 1:
        return [h], (h, c), [cache]
    hs, last, caches = recursive(x[1:], h, c, Wx, Wh, b)
    return [h, *hs], last, [cache, *caches]


@right()
def flat_result(x, h0, c0, Wx, Wh, b):
    hs, (h, c), caches = loop(x, h0, c0, Wx, Wh, b)
    return hs, h, c, caches


@right()
def inputs_projected_at_once(x, h0, c0, Wx, Wh, b):
    n, h, c, hs = h0.shape[1], h0, c0, []
    for z in x @ Wx.T + b:
        z = z + h @ Wh.T
        gates = 1 / (1 + np.exp(-np.hstack([z[:, : 2 * n], z[:, 3 * n :]])))
        c = gates[:, n : 2 * n] * c + gates[:, :n] * np.tanh(z[:, 2 * n : 3 * n])
        h = gates[:, 2 * n :] * np.tanh(c)
        hs.append(h)
    return {"hs": hs, "h_T": h, "c_T": c, "caches": None}


@right(needs="torch")
def layer_of_torch(x, h0, c0, Wx, Wh, b):
    import torch

    x, h0, c0, Wx, Wh, b = (torch.as_tensor(array) for array in (x, h0, c0, Wx, Wh, b))
    layer = torch.nn.LSTM(x.shape[2], h0.shape[1], dtype=x.dtype)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    layer.load_state_dict(dict(zip(names, (Wx, Wh, b, torch.zeros_like(b)), strict=True)))
    hs, (h, c) = layer(x, (h0[None], c0[None]))
    return hs, (h[0], c[0]), []
