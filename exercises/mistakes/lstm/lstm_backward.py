"""Question 5, lstm_backward: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def lstm_step(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)
    i, f, g, o = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), np.tanh(g), 1 / (1 + np.exp(-o))
    c_new = f * c + i * g
    return o * np.tanh(c_new), c_new, (x, h, c, Wx, Wh, i, f, g, o, np.tanh(c_new))


def lstm_step_backward(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc * tc)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * tc * o * (1 - o)])
    return da @ Wx, da @ Wh, dc * f, da.T @ x, da.T @ h, da.sum(0)


def lstm_forward(x, h0, c0, Wx, Wh, b):
    h, c, hs, caches = h0, c0, [], []
    for x_t in x:
        h, c, cache = lstm_step(x_t, h, c, Wx, Wh, b)
        hs.append(h)
        caches.append(cache)
    return np.array(hs), (h, c), caches


def add(total, new):
    return [a + b for a, b in zip(total, new, strict=True)] if total else list(new)


WEIGHTS = {"d_W_x": 3, "d_W_h": 3, "d_b": 2}


@mistake("d_hs ignored", loses=EVERYTHING)
def last_loss_only(d_hs, dh, dc, caches):
    dx, dw = [], []
    for cache in caches[::-1]:
        dx_t, dh, dc, *new = lstm_step_backward(dh, dc, cache)
        dx.append(dx_t)
        dw = add(dw, new)
    return np.array(dx[::-1]), dh, dc, *dw


@mistake("d_hs in place of d_h", loses=EVERYTHING)
def carried_h_overwritten(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches))[::-1]:
        dh = d_hs[t]
        dx_t, dh, dc, *new = lstm_step_backward(dh, dc, caches[t])
        dx.append(dx_t)
        dw = add(dw, new)
    return np.array(dx[::-1]), dh, dc, *dw


@mistake("d_h not carried", loses=EVERYTHING, source="CaptainE/RNN-LSTM-in-numpy #1")
def h_gradient_dropped(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches))[::-1]:
        dx_t, dh_prev, dc, *new = lstm_step_backward(dh + d_hs[t], dc, caches[t])
        dx.append(dx_t)
        dw = add(dw, new)
    return np.array(dx[::-1]), dh_prev, dc, *dw


@mistake("d_c not carried", loses=EVERYTHING, source="CaptainE/RNN-LSTM-in-numpy #1")
def c_gradient_dropped(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches))[::-1]:
        dx_t, dh, dc_prev, *new = lstm_step_backward(dh + d_hs[t], dc, caches[t])
        dx.append(dx_t)
        dw = add(dw, new)
    return np.array(dx[::-1]), dh, dc_prev, *dw


@mistake("d_c zero at every step", loses=EVERYTHING)
def constant_error_carousel_cut(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches))[::-1]:
        dx_t, dh, dc, *new = lstm_step_backward(dh + d_hs[t], np.zeros_like(dc), caches[t])
        dx.append(dx_t)
        dw = add(dw, new)
    return np.array(dx[::-1]), dh, dc, *dw


@mistake("no gradient carried", loses=EVERYTHING)
def truncated_to_one_step(d_hs, dh, dc, caches):
    out = [lstm_step_backward(d_hs[t], 0 * dc, cache) for t, cache in enumerate(caches)]
    dw = [sum(part) for part in list(zip(*out, strict=True))[3:]]
    return np.array([o[0] for o in out]), out[0][1], out[0][2], *dw


@mistake("d_h_T ignored", loses=EVERYTHING)
def final_h_ignored(d_hs, dh, dc, caches):
    return in_order(d_hs, np.zeros_like(dh), dc, caches)


@mistake("d_c_T ignored", loses=EVERYTHING, source="deeplearning4j #8838")
def final_c_ignored(d_hs, dh, dc, caches):
    return in_order(d_hs, dh, np.zeros_like(dc), caches)


@mistake("final gradients ignored", loses=EVERYTHING)
def final_state_ignored(d_hs, dh, dc, caches):
    return in_order(d_hs, np.zeros_like(dh), np.zeros_like(dc), caches)


@mistake("forwards in time", loses=EVERYTHING)
def wrong_way_round(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches)):
        dx_t, dh, dc, *new = lstm_step_backward(dh + d_hs[t], dc, caches[t])
        dx.append(dx_t)
        dw = add(dw, new)
    return np.array(dx), dh, dc, *dw


@mistake("weights of the first step", loses=WEIGHTS)
def assigned_not_added(d_hs, dh, dc, caches):
    dx = []
    for t in range(len(caches))[::-1]:
        dx_t, dh, dc, dWx, dWh, db = lstm_step_backward(dh + d_hs[t], dc, caches[t])
        dx.insert(0, dx_t)
    return np.array(dx), dh, dc, dWx, dWh, db


@mistake("weights averaged over time", loses=WEIGHTS)
def mean_over_time(d_hs, dh, dc, caches):
    dx, dh, dc, *dw = in_order(d_hs, dh, dc, caches)
    return dx, dh, dc, *(w / len(d_hs) for w in dw)


@mistake("weights averaged over both", loses=WEIGHTS)
def mean_over_all(d_hs, dh, dc, caches):
    dx, dh, dc, *dw = in_order(d_hs, dh, dc, caches)
    return dx, dh, dc, *(w / d_hs[..., 0].size for w in dw)


@mistake("d_b of the first step", loses={"d_b": 2})
def bias_assigned(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches))[::-1]:
        dx_t, dh, dc, *new, db = lstm_step_backward(dh + d_hs[t], dc, caches[t])
        dx.insert(0, dx_t)
        dw = add(dw, new)
    return np.array(dx), dh, dc, *dw, db


@mistake("d_x reversed", loses={"d_x": 3})
def appended_in_loop_order(d_hs, dh, dc, caches):
    dx, *rest = in_order(d_hs, dh, dc, caches)
    return (dx[::-1], *rest)


@mistake("d_x of one step", loses={"d_x": 3})
def only_first_input(d_hs, dh, dc, caches):
    dx, *rest = in_order(d_hs, dh, dc, caches)
    return (dx[0], *rest)


@mistake("d_h0 one step early", loses={"d_h0": 2, "d_c0": 2})
def stopped_before_the_start(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches))[::-1]:
        d_h0, d_c0 = dh + d_hs[t], dc
        dx_t, dh, dc, *new = lstm_step_backward(d_h0, d_c0, caches[t])
        dx.insert(0, dx_t)
        dw = add(dw, new)
    return np.array(dx), d_h0, d_c0, *dw


@mistake("d_h0 and d_c0 exchanged", loses={"d_h0": 2, "d_c0": 2})
def start_exchanged(d_hs, dh, dc, caches):
    dx, dh, dc, *dw = in_order(d_hs, dh, dc, caches)
    return dx, dc, dh, *dw


@mistake("d_hs reversed", loses=EVERYTHING)
def losses_from_the_front(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t, cache in enumerate(reversed(caches)):
        dx_t, dh, dc, *new = lstm_step_backward(dh + d_hs[t], dc, cache)
        dx.insert(0, dx_t)
        dw = add(dw, new)
    return np.array(dx), dh, dc, *dw


@mistake("d_hs one step late", loses=EVERYTHING)
def added_after_the_step(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches))[::-1]:
        dx_t, dh, dc, *new = lstm_step_backward(dh, dc, caches[t])
        dh = dh + d_hs[t]
        dx.insert(0, dx_t)
        dw = add(dw, new)
    return np.array(dx), dh, dc, *dw


@mistake("argument modified", loses={"arguments unchanged": 1}, source="CS231n-2017 solutions #7")
def upstream_changed(d_hs, dh, dc, caches):
    dx, dw = [], []
    for t in range(len(caches))[::-1]:
        d_hs[t] += dh
        dx_t, dh, dc, *new = lstm_step_backward(d_hs[t], dc, caches[t])
        dx.insert(0, dx_t)
        dw = add(dw, new)
    return np.array(dx), dh, dc, *dw


def forward_with_one_cache(x, h0, c0, Wx, Wh, b):
    hs, last, caches = lstm_forward(x, h0, c0, Wx, Wh, b)
    return hs, last, [caches[-1]] * len(caches)


def forward_with_caches_turned(x, h0, c0, Wx, Wh, b):
    hs, last, caches = lstm_forward(x, h0, c0, Wx, Wh, b)
    return hs, last, caches[::-1]


@mistake("cache", loses={"your own forward pass": 1}, lstm_forward=forward_with_one_cache)
@mistake("cache", loses={"your own forward pass": 1}, lstm_forward=forward_with_caches_turned)
@right()
def in_order(d_hs, dh, dc, caches):
    dx, dw = np.zeros((len(caches), *caches[0][0].shape)), []
    for t in reversed(range(len(caches))):
        dx[t], dh, dc, *new = lstm_step_backward(d_hs[t] + dh, dc, caches[t])
        dw = add(dw, new)
    return dx, dh, dc, *dw


@right()
def recursive(d_hs, dh, dc, caches):
    dx_t, dh, dc, *dw = lstm_step_backward(dh + d_hs[-1], dc, caches[-1])
    if len(caches) == 1:
        return dx_t[None], dh, dc, *dw
    dx, dh, dc, *earlier = recursive(d_hs[:-1], dh, dc, caches[:-1])
    return np.concatenate([dx, dx_t[None]]), dh, dc, *add(earlier, dw)


@right()
def pair_of_states(d_hs, dh, dc, caches):
    dx, dh, dc, *dw = in_order(d_hs, dh, dc, caches)
    return dx, (dh, dc), tuple(dw)


def forward_with_stacks(x, h0, c0, Wx, Wh, b):
    hs, last, caches = lstm_forward(x, h0, c0, Wx, Wh, b)
    return (
        hs,
        last,
        {"weights": (Wx, Wh), "stacks": [np.array([c[k] for c in caches]) for k in (0, 1, 2, 5, 6, 7, 8, 9)]},
    )


@right(lstm_forward=forward_with_stacks)
def weights_in_one_product(d_hs, dh, dc, caches):
    (Wx, Wh), (x, h, c, i, f, g, o, tc) = caches["weights"], caches["stacks"]
    da = np.zeros((*h.shape[:2], 4 * h.shape[2]), h.dtype)
    for t in range(len(x))[::-1]:
        dh = dh + d_hs[t]
        dc = dc + dh * o[t] * (1 - tc[t] ** 2)
        da[t] = np.hstack(
            [
                dc * g[t] * i[t] * (1 - i[t]),
                dc * c[t] * f[t] * (1 - f[t]),
                dc * i[t] * (1 - g[t] ** 2),
                dh * tc[t] * o[t] * (1 - o[t]),
            ]
        )
        dh, dc = da[t] @ Wh, dc * f[t]
    dWx, dWh = np.tensordot(da, x, ((0, 1), (0, 1))), np.tensordot(da, h, ((0, 1), (0, 1)))
    return da @ Wx, dh, dc, dWx, dWh, da.sum(axis=(0, 1))


def forward_in_torch(x, h0, c0, Wx, Wh, b):
    import torch

    arrays = [torch.tensor(array, requires_grad=True) for array in (x, h0, c0, Wx, Wh, b)]
    inputs, h, c, *weights = arrays
    hs = []
    for x_t in inputs:
        h, c = torch.lstm_cell(x_t, (h, c), *weights, torch.zeros_like(weights[2]))
        hs.append(h)
    return torch.stack(hs), (h, c), [(arrays, torch.stack(hs), h, c)]


@right(needs="torch", lstm_forward=forward_in_torch)
def by_autograd(d_hs, dh, dc, caches):
    import torch

    ((arrays, *results),) = caches
    return torch.autograd.grad(results, arrays, [torch.as_tensor(d) for d in (d_hs, dh, dc)], retain_graph=True)
