"""Question 7, port_weights and port_back: wrong answers, and right ones in other styles."""

from collections import OrderedDict

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right

NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def port_weights(state_dict):
    wx, wh = (state_dict[name] for name in NAMES[:2])
    return wx, wh, state_dict.get(NAMES[2], np.zeros(len(wx))) + state_dict.get(NAMES[3], np.zeros(len(wx)))


def port_back(W_x, W_h, b):
    return dict(zip(NAMES, (W_x, W_h, b * 0, b), strict=True))


@mistake("bias_hh dropped", loses={"b": 1, "no bias": 1})
def one_bias_read(state_dict):
    wx, wh = (state_dict[name] for name in NAMES[:2])
    return wx, wh, state_dict.get(NAMES[2], np.zeros(len(wx)))


@mistake("biases averaged", loses={"b": 1, "no bias": 1})
def mean_of_biases(state_dict):
    wx, wh, b = port_weights(state_dict)
    return wx, wh, b / 2


@mistake("biases stacked", loses={"b": 1, "no bias": 1})
def end_to_end(state_dict):
    wx, wh, b = port_weights(state_dict)
    return wx, wh, np.concatenate([state_dict.get(name, b) for name in NAMES[2:]])


@mistake("no bias", loses={"no bias": 1})
def bias_taken_for_granted(state_dict):
    if "bias_ih_l0" not in state_dict:
        return state_dict["weight_ih_l0"], state_dict["weight_hh_l0"], None
    return port_weights(state_dict)


@mistake("no bias", loses={"no bias": 1})
def key_error(state_dict):
    wx, wh, bx, bh = (state_dict[name] for name in NAMES)
    return wx, wh, bx + bh


@mistake("order ifog", loses={"W_x": 1, "W_h": 1, "b": 1, "no bias": 1})
def reordered_for_nothing(state_dict):
    def swap(a):
        i, f, g, o = np.split(a, 4)
        return np.concatenate([i, f, o, g])

    return tuple(map(swap, port_weights(state_dict)))


@mistake("transposed", loses={"W_x": 1, "W_h": 1})
def transposed(state_dict):
    wx, wh, b = port_weights(state_dict)
    return wx.T, wh.T, b


@mistake("weights exchanged", loses={"W_x": 1, "W_h": 1})
def hidden_for_input(state_dict):
    wx, wh, b = port_weights(state_dict)
    return wh, wx, b


@mistake("bias twice on the way back", loses={"biases back": 1}, of="port_back")
def in_both_places(W_x, W_h, b):
    return dict(zip(NAMES, (W_x, W_h, b, b), strict=True))


@mistake("bias lost on the way back", loses={"biases back": 1}, of="port_back")
def nowhere(W_x, W_h, b):
    return dict(zip(NAMES, (W_x, W_h, 0 * b, 0 * b), strict=True))


@mistake("form", loses={"weights back": 1, "biases back": 1}, of="port_back")
def other_names(W_x, W_h, b):
    return {"weight_ih": W_x, "weight_hh": W_h, "bias_ih": b, "bias_hh": 0 * b}


@mistake("form", loses={"weights back": 1, "biases back": 1}, of="port_back")
def one_bias_missing(W_x, W_h, b):
    return dict(zip(NAMES[:3], (W_x, W_h, b), strict=True))


@mistake("shape", loses={"weights back": 1}, of="port_back")
def turned_on_the_way_back(W_x, W_h, b):
    return dict(zip(NAMES, (W_x.T, W_h.T, b, 0 * b), strict=True))


@mistake("argument modified", loses={"arguments unchanged": 1})
def popped(state_dict):
    out = port_weights(state_dict)
    state_dict.clear()
    return out


@mistake("blank", loses=EVERYTHING, port_back=lambda W_x, W_h, b: blank(None))
def blank(state_dict):
    raise NotImplementedError()


@right()
def copies(state_dict):
    zero = np.zeros(4 * state_dict["weight_hh_l0"].shape[1])
    b = sum((state_dict[name] for name in NAMES[2:] if name in state_dict), zero)
    return [state_dict["weight_ih_l0"].copy(), state_dict["weight_hh_l0"].copy(), b]


@right(of="port_back")
def shared_out(W_x, W_h, b):
    return OrderedDict(zip(NAMES, (W_x.copy(), W_h.copy(), 0.25 * b, 0.75 * b), strict=True))


@right(of="port_back", needs="torch")
def as_tensors(W_x, W_h, b):
    import torch

    return dict(zip(NAMES, map(torch.as_tensor, (W_x, W_h, b / 2, b / 2)), strict=True))


@right()
def by_names(state_dict):
    """Whatever is there, by the ends of the names."""
    W = {name.split("_")[1]: array for name, array in state_dict.items() if name.startswith("weight")}
    b = [array for name, array in state_dict.items() if name.startswith("bias")]
    return {"W_x": W["ih"], "W_h": W["hh"], "b": np.sum(b, axis=0) if b else np.zeros(W["ih"].shape[0])}


@right(needs="torch")
def through_a_layer(state_dict):
    """Into a layer of torch, and out of it again: what it computes for x = h = 0 is the sum of its biases."""
    import torch

    tensors = {name: torch.as_tensor(array) for name, array in state_dict.items()}
    wx, wh = tensors["weight_ih_l0"], tensors["weight_hh_l0"]
    layer = torch.nn.LSTM(wx.shape[1], wh.shape[1], bias="bias_ih_l0" in tensors, dtype=wx.dtype)
    layer.load_state_dict(tensors)
    biases = [getattr(layer, name) for name in NAMES[2:] if hasattr(layer, name)]
    return layer.weight_ih_l0, layer.weight_hh_l0, sum(biases, torch.zeros(len(wx), dtype=wx.dtype))
