"""Question 2, rnn_forward: wrong answers, and right ones in other styles."""

from functools import reduce

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def rnn_step(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx.T + h @ Wh.T + b)


@mistake("h0 at every step", loses=EVERYTHING)
def never_handed_on(x, h0, Wx, Wh, b):
    hs = np.array([rnn_step(x_t, h0, Wx, Wh, b) for x_t in x])
    return hs, (x, h0, hs, Wx, Wh)


@mistake("h0 at every step", loses=EVERYTHING)
def another_name_for_the_new_state(x, h, Wx, Wh, b):
    hs = []
    for x_t in x:
        h_new = rnn_step(x_t, h, Wx, Wh, b)
        hs.append(h_new)
    return np.array(hs), None


@mistake("h0 ignored", loses=EVERYTHING)
def from_zeros(x, h0, Wx, Wh, b):
    h, hs = np.zeros(h0.shape), []
    for x_t in x:
        h = rnn_step(x_t, h, Wx, Wh, b)
        hs.append(h)
    return np.stack(hs), None


@mistake("backwards in time", loses=EVERYTHING)
def reversed_loop(x, h, Wx, Wh, b):
    hs = []
    for t in range(len(x) - 1, -1, -1):
        h = rnn_step(x[t], h, Wx, Wh, b)
        hs.append(h)
    return np.stack(hs), None


@mistake("x_1 at every step", loses=EVERYTHING)
def index_forgotten(x, h, Wx, Wh, b):
    hs = []
    for _ in range(len(x)):
        h = rnn_step(x[0], h, Wx, Wh, b)
        hs.append(h)
    return np.stack(hs), None


@mistake("hs with h0", loses=EVERYTHING)
def first_state_stored_too(x, h0, Wx, Wh, b):
    hs = [h0]
    for x_t in x:
        hs.append(rnn_step(x_t, hs[-1], Wx, Wh, b))
    return np.stack(hs), None


@mistake("hs one step late", loses=EVERYTHING)
def stored_too_early(x, h, Wx, Wh, b):
    hs = np.empty((len(x), *h.shape))
    for t in range(len(x)):
        hs[t] = h
        h = rnn_step(x[t], h, Wx, Wh, b)
    return hs, None


@mistake("hs without the last", loses=EVERYTHING)
def loop_too_short(x, h, Wx, Wh, b):
    hs = np.empty((len(x) - 1, *h.shape))
    for t in range(len(x) - 1):
        h = hs[t] = rnn_step(x[t], h, Wx, Wh, b)
    return hs, None


@mistake("hs is the last h", loses=EVERYTHING)
def list_forgotten(x, h, Wx, Wh, b):
    for x_t in x:
        h = rnn_step(x_t, h, Wx, Wh, b)
    return h, None


@mistake("hs repeats the last h", loses=EVERYTHING)
def one_buffer(x, h0, Wx, Wh, b):
    h, hs = h0.copy(), []
    for x_t in x:
        h[:] = rnn_step(x_t, h, Wx, Wh, b)
        hs.append(h)
    return np.stack(hs), None


@mistake("hs batch first", loses=EVERYTHING)
def joined_along_axis_one(x, h, Wx, Wh, b):
    hs, cache = collected(x, h, Wx, Wh, b)
    return np.stack(list(hs), axis=1), cache


@mistake("form", loses=EVERYTHING)
def cache_first(x, h, Wx, Wh, b):
    hs, cache = collected(x, h, Wx, Wh, b)
    return cache, hs


@mistake("precision", loses={"float64 precision": 1})
def stored_in_float32(x, h, Wx, Wh, b):
    hs = np.zeros((len(x), *h.shape), np.float32)
    for t, x_t in enumerate(x):
        h = hs[t] = rnn_step(x_t, h, Wx, Wh, b).astype(np.float32)
    return hs, None


@mistake("argument modified", loses={"arguments unchanged": 1})
def state_kept_in_h0(x, h0, Wx, Wh, b):
    hs = []
    for x_t in x:
        h0[...] = rnn_step(x_t, h0, Wx, Wh, b)
        hs.append(h0.copy())
    return hs, None


@right()
def collected(x, h, Wx, Wh, b):
    h0, hs = h, []
    for x_t in x:
        h = rnn_step(x_t, h, Wx, Wh, b)
        hs.append(h)
    return np.array(hs), (x, h0, hs, Wx, Wh)


@right()
def preallocated(x, h0, Wx, Wh, b):
    hs = np.concatenate([h0[None], np.empty((len(x), *h0.shape))])
    for t, x_t in enumerate(x, start=1):
        hs[t] = np.tanh(x_t @ Wx.T + hs[t - 1] @ Wh.T + b)
    return hs[1:], {"hs": hs, "x": x}


@right()
def all_inputs_at_once(x, h, Wx, Wh, b):
    a, hs = np.einsum("tbd,hd->tbh", x, Wx) + b, []
    for a_t in a:
        h = np.tanh(a_t + h @ Wh.T)
        hs.append(h.tolist())
    return hs, None


@right()
def folded(x, h0, Wx, Wh, b):
    hs = reduce(lambda hs, x_t: [*hs, rnn_step(x_t, hs[-1], Wx, Wh, b)], x, [h0])[1:]
    return {"hs": np.stack(hs), "cache": (x, h0, hs)}


@right()
def lists_all_the_way(x, h0, Wx, Wh, b):
    hs = [h0]
    for x_t in x:
        hs.append(rnn_step(x_t, hs[-1], Wx, Wh, b))
    return [hs[1:], [x, h0, hs[1:], Wx, Wh]]


@right()
def list_of_two(x, h, Wx, Wh, b):
    return list(collected(x, h, Wx, Wh, b))


@right()
def list_of_states_alone(x, h, Wx, Wh, b):
    return list(collected(x, h, Wx, Wh, b)[0])


@right()
def recursive(x, h, Wx, Wh, b):
    h = rnn_step(x[0], h, Wx, Wh, b)
    if len(x) == 1:
        return h[None], None
    return np.vstack([h[None], recursive(x[1:], h, Wx, Wh, b)[0]]), None


@right(needs="torch")
def the_layer_of_torch(x, h0, Wx, Wh, b):
    import torch

    layer = torch.nn.RNN(x.shape[2], h0.shape[1], dtype=torch.as_tensor(x).dtype)
    zero = torch.zeros(len(b))
    weights = zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), (Wx, Wh, b, zero), strict=True)
    layer.load_state_dict({name: torch.as_tensor(array) for name, array in weights})
    return layer(torch.as_tensor(x), torch.as_tensor(h0)[None])
