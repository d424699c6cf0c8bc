"""Question 3, rnn_backward: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def rnn_forward(x, h0, Wx, Wh, b):
    h, hs = h0, []
    for x_t in x:
        h = np.tanh(x_t @ Wx.T + h @ Wh.T + b)
        hs.append(h)
    hs = np.array(hs)
    return hs, (x, h0, hs, Wx, Wh)


def rnn_backward(dhs, cache):
    return back(dhs, cache)


def before(cache):
    """h_0 to h_{T-1}."""
    _, h0, hs, _, _ = cache
    return np.concatenate([h0[None], hs[:-1]])


def back(dhs, cache, slope=lambda h, p: 1 - h * h, hand=lambda da, Wh: da @ Wh, meet=lambda d, dh: d + dh):
    """A right loop with three places to be wrong at."""
    x, h0, hs, _, Wh = cache
    previous = before(cache)
    dh, da = np.zeros_like(h0), np.zeros_like(hs)
    for t in range(len(x) - 1, -1, -1):
        da[t] = meet(dhs[t], dh) * slope(hs[t], previous[t])
        dh = hand(da[t], Wh)
    return summed(da, dh, cache)


def summed(da, dh, cache):
    x, _, _, Wx, _ = cache
    dWx = sum(a.T @ x_t for a, x_t in zip(da, x, strict=True))
    dWh = sum(a.T @ h for a, h in zip(da, before(cache), strict=True))
    return da @ Wx, dh, dWx, dWh, da.sum(axis=0).sum(axis=0)


WEIGHTS = {"d_W_x": 2, "d_W_h": 2, "d_b": 1}


@mistake("d_hs of the last step only", loses=EVERYTHING)
def upstream_forgotten(dhs, cache):
    x, _, hs, _, Wh = cache
    dh, da = dhs[-1], np.zeros_like(hs)
    for t in reversed(range(len(x))):
        da[t] = dh * (1 - hs[t] ** 2)
        dh = da[t] @ Wh
    return summed(da, dh, cache)


@mistake("no gradient carried", loses=EVERYTHING)
def upstream_alone(dhs, cache):
    return back(dhs, cache, meet=lambda d, dh: d)


@mistake("last d_hs twice", loses=EVERYTHING)
def started_from_the_last(dhs, cache):
    x, _, hs, _, Wh = cache
    dh, da = dhs[-1], np.zeros_like(hs)
    for t in reversed(range(len(x))):
        da[t] = (dh + dhs[t]) * (1 - hs[t] ** 2)
        dh = da[t] @ Wh
    return summed(da, dh, cache)


@mistake("d_hs reversed", loses=EVERYTHING)
def gradients_from_the_front(dhs, cache):
    return back(dhs[::-1], cache)


@mistake("forwards in time", loses=EVERYTHING)
def wrong_way_round(dhs, cache):
    x, h0, hs, _, Wh = cache
    dh, da = np.zeros_like(h0), np.zeros_like(hs)
    for t in range(len(x)):
        da[t] = (dhs[t] + dh) * (1 - hs[t] ** 2)
        dh = da[t] @ Wh
    return summed(da, dh, cache)


@mistake("tanh' missing", loses=EVERYTHING)
def as_if_linear(dhs, cache):
    return back(dhs, cache, slope=lambda h, p: 1)


@mistake("loss past the slope", loses=EVERYTHING)
def loss_added_after_the_slope(dhs, cache):
    x, _, hs, _, Wh = cache
    dh, da = 0, np.zeros_like(hs)
    for t in reversed(range(len(x))):
        da[t] = dhs[t] + dh * (1 - hs[t] ** 2)
        dh = da[t] @ Wh
    return summed(da, dh, cache)


@mistake("carried past the slope", loses=EVERYTHING)
def parenthesis_forgotten(dhs, cache):
    x, _, hs, _, Wh = cache
    dh, da = 0, np.zeros_like(hs)
    for t in reversed(range(len(x))):
        da[t] = dh + dhs[t] * (1 - hs[t] ** 2)
        dh = da[t] @ Wh
    return summed(da, dh, cache)


@mistake("slope from a", loses=EVERYTHING)
def slope_at_the_preactivation(dhs, cache):
    return back(dhs, cache, slope=lambda h, p: 1 - np.arctanh(h) ** 2)


@mistake("tanh twice", loses=EVERYTHING)
def tanh_of_h(dhs, cache):
    return back(dhs, cache, slope=lambda h, p: 1 / np.cosh(h) ** 2)


@mistake("h not squared", loses=EVERYTHING)
def square_forgotten(dhs, cache):
    return back(dhs, cache, slope=lambda h, p: 1 - h)


@mistake("sigmoid' for tanh", loses=EVERYTHING)
def slope_of_a_gate(dhs, cache):
    return back(dhs, cache, slope=lambda h, p: h * (1 - h))


@mistake("slope of the step before", loses=EVERYTHING)
def slope_at_the_old_state(dhs, cache):
    return back(dhs, cache, slope=lambda h, p: 1 - p * p)


@mistake("W_h transposed on the way back", loses=EVERYTHING)
def same_product_as_forwards(dhs, cache):
    return back(dhs, cache, hand=lambda da, Wh: da @ Wh.T)


@mistake("d_W_h with the new h", loses={"d_W_h": 2})
def off_by_one(dhs, cache):
    _, _, hs, _, _ = cache
    dx, dh, dWx, _, db = back(dhs, cache)
    da = pre_activations(dhs, cache)
    return dx, dh, dWx, np.einsum("tbh,tbk->hk", da, hs), db


@mistake("h wraps around", loses={"d_W_h": 2}, source="C[t-1] at t = 0 is C[-1] in Python")
def minus_one_is_the_last(dhs, cache):
    x, _, hs, _, _ = cache
    dx, dh, dWx, _, db = back(dhs, cache)
    da = pre_activations(dhs, cache)
    return dx, dh, dWx, sum(da[t].T @ hs[t - 1] for t in range(len(x))), db


@mistake("zeros for h0", loses={"d_W_h": 2})
def first_step_left_out(dhs, cache):
    x, _, hs, _, Wh = cache
    dx, dh, dWx, _, db = back(dhs, cache)
    da = pre_activations(dhs, cache)
    dWh = np.zeros_like(Wh)
    for t in range(1, len(x)):
        dWh += da[t].T @ hs[t - 1]
    return dx, dh, dWx, dWh, db


def pre_activations(dhs, cache):
    _, _, hs, _, Wh = cache
    dh, da = 0, []
    for d, h in zip(dhs[::-1], hs[::-1], strict=True):
        da.append((d + dh) * (1 - h * h))
        dh = da[-1] @ Wh
    return np.array(da[::-1])


@mistake("d_W_h transposed", loses={"d_W_h": 2})
def factors_exchanged(dhs, cache):
    dx, dh, dWx, dWh, db = back(dhs, cache)
    return dx, dh, dWx, dWh.T, db


@mistake("shape", loses={"d_W_x": 2})
def shape_gives_it_away(dhs, cache):
    dx, dh, dWx, dWh, db = back(dhs, cache)
    return dx, dh, dWx.T, dWh, db


@mistake("weights of the first step", loses=WEIGHTS)
def assigned_not_added(dhs, cache):
    x, _, _, Wx, Wh = cache
    da = pre_activations(dhs, cache)
    for t in range(len(x) - 1, -1, -1):
        dWx, dWh, db = da[t].T @ x[t], da[t].T @ before(cache)[t], da[t].sum(0)
    return da @ Wx, da[0] @ Wh, dWx, dWh, db


@mistake("weights averaged over time", loses=WEIGHTS)
def mean_over_time(dhs, cache):
    dx, dh, *weights = back(dhs, cache)
    return dx, dh, *(w / len(dhs) for w in weights)


@mistake("weights averaged over both", loses=WEIGHTS)
def mean_over_all(dhs, cache):
    dx, dh, *weights = back(dhs, cache)
    return dx, dh, *(w / (dhs.shape[0] * dhs.shape[1]) for w in weights)


@mistake("d_b of every sequence", loses={"d_b": 1})
def batch_kept(dhs, cache):
    return *back(dhs, cache)[:4], pre_activations(dhs, cache).sum(axis=0)


@mistake("d_b of every step", loses={"d_b": 1})
def time_kept(dhs, cache):
    return *back(dhs, cache)[:4], [da.sum(axis=0) for da in pre_activations(dhs, cache)]


@mistake("d_b averaged", loses={"d_b": 1})
def mean_of_the_batch(dhs, cache):
    return *back(dhs, cache)[:4], pre_activations(dhs, cache).mean(axis=1).sum(axis=0)


@mistake("d_x reversed", loses={"d_x": 2})
def appended_and_left_so(dhs, cache):
    dx, *rest = back(dhs, cache)
    return dx[::-1], *rest


@mistake("d_x of one step", loses={"d_x": 2})
def last_one_kept(dhs, cache):
    dx, *rest = back(dhs, cache)
    return dx[0], *rest


@mistake("d_h0 one step early", loses={"d_h0": 1})
def stopped_at_h1(dhs, cache):
    _, _, hs, _, _ = cache
    da = pre_activations(dhs, cache)
    dx, _, *weights = back(dhs, cache)
    return dx, da[0] / (1 - hs[0] ** 2), *weights


@mistake("d_h0 zero", loses={"d_h0": 1})
def never_filled_in(dhs, cache):
    dx, _, *weights = back(dhs, cache)
    return dx, np.zeros_like(cache[1]), *weights


@mistake("argument modified", loses={"arguments unchanged": 1}, source="CS231n, assignment of 2017, issue 7")
def added_in_place(dhs, cache):
    x, _, hs, _, Wh = cache
    da = np.zeros_like(hs)
    for t in reversed(range(len(x))):
        da[t] = dhs[t] * (1 - hs[t] ** 2)
        if t:
            dhs[t - 1] += da[t] @ Wh
    return summed(da, da[0] @ Wh, cache)


def cache_without_h0(x, h0, Wx, Wh, b):
    hs, _ = rnn_forward(x, h0, Wx, Wh, b)
    return hs, (x, np.zeros_like(h0), hs, Wx, Wh)


@mistake("cache", loses={"your own forward pass": 1}, rnn_forward=cache_without_h0)
def right_on_a_right_cache(dhs, cache):
    return back(dhs, cache)


def forward_without_bias(x, h0, Wx, Wh, b):
    hs, _ = rnn_forward(x, h0, Wx, Wh, 0 * b)
    return hs, {"x": x, "all_h": [h0, *hs], "weights": (Wx, Wh)}


@mistake("forward first", loses=EVERYTHING, rnn_forward=forward_without_bias)
def a_cache_of_its_own_after_a_wrong_forward(dhs, cache):
    Wx, Wh = cache["weights"]
    return back(dhs, (cache["x"], cache["all_h"][0], np.array(cache["all_h"][1:]), Wx, Wh))


@mistake("form", loses=EVERYTHING)
def no_gradient_of_the_bias(dhs, cache):
    return back(dhs, cache)[:4]


def forward_wrong_by_itself(x, h0, Wx, Wh, b):
    return rnn_forward(x, h0, Wx, Wh, 2 * b)


@right(rnn_forward=forward_wrong_by_itself)
def no_cost_for_a_wrong_forward(dhs, cache):
    return back(dhs, cache)


@right()
def step_by_step(dhs, cache):
    x, h0, hs, Wx, Wh = cache
    dx, dWx, dWh, db = [], np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(len(Wh))
    dh = np.zeros_like(h0)
    for t in range(len(x))[::-1]:
        dz = (dh + dhs[t]) * (1 - hs[t] ** 2)
        dx.insert(0, dz @ Wx)
        dWx += dz.T @ x[t]
        dWh += dz.T @ (h0 if t == 0 else hs[t - 1])
        db += dz.sum(axis=0)
        dh = dz @ Wh
    return {"d_x": dx, "d_h0": dh, "d_W_x": dWx, "d_W_h": dWh, "d_b": db}


@right()
def summed_at_the_end(dhs, cache):
    x, h0, hs, Wx, Wh = cache
    da = pre_activations(dhs, cache)
    flat = da.reshape(-1, len(Wh))
    dWh = flat.T @ np.concatenate([h0[None], hs])[:-1].reshape(flat.shape)
    return [da @ Wx, da[0] @ Wh, flat.T @ x.reshape(len(flat), -1), dWh, flat.sum(0)]


def forward_with_its_own_cache(x, h0, Wx, Wh, b):
    hs, _ = rnn_forward(x, h0, Wx, Wh, b)
    return hs, {"x": x, "all_h": [h0, *hs], "weights": (Wx, Wh)}


@right(rnn_forward=forward_with_its_own_cache)
def a_cache_of_its_own(dhs, cache):
    Wx, Wh = cache["weights"]
    return back(dhs, (cache["x"], cache["all_h"][0], np.array(cache["all_h"][1:]), Wx, Wh))


def forward_for_torch(x, h0, Wx, Wh, b):
    import torch

    leaves = [torch.tensor(array, requires_grad=True) for array in (x, h0, Wx, Wh, b)]
    x, h, Wx, Wh, b = leaves
    hs = []
    for x_t in x:
        h = torch.tanh(x_t @ Wx.T + h @ Wh.T + b)
        hs.append(h)
    hs = torch.stack(hs)
    return hs.detach().numpy(), (leaves, hs)


@right(needs="torch", rnn_forward=forward_for_torch)
def by_autograd(dhs, cache):
    import torch

    leaves, hs = cache
    return torch.autograd.grad(hs, leaves, torch.as_tensor(dhs))
