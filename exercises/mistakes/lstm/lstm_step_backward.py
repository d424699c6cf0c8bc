"""Question 3, lstm_step_backward: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


def lstm_step(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(x @ Wx.T + h @ Wh.T + b, 4, axis=1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c_new = f * c + i * g
    return o * np.tanh(c_new), c_new, (x, h, c, Wx, Wh, i, f, g, o, np.tanh(c_new))


PRODUCTS = {"d_x": 3, "d_h_prev": 3, "d_W_x": 3, "d_W_h": 3, "d_b": 2}  # all that goes through d_a


def finish(da, x, h, Wx, Wh):
    return da @ Wx, da @ Wh, da.T @ x, da.T @ h, da.sum(0)


def lstm_step_backward(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc * tc)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("d_c ignored", loses=EVERYTHING, source="deeplearning4j #8838")
def incoming_cell_gradient_lost(dh, dc, cache):
    return lstm_step_backward(dh, 0 * dc, cache)


@mistake("path through h missing", loses=EVERYTHING, source="mxnet #4057, turned round")
def second_path_lost(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("d_c ignored", loses=EVERYTHING, source="mxnet #4057")
def overwritten_not_added(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dh * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * tc * o * (1 - o)])
    return (*finish(da, x, h, Wx, Wh)[:2], dc * f, *finish(da, x, h, Wx, Wh)[2:])


@mistake("tanh twice", loses=EVERYTHING)
def squashed_again(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - np.tanh(tc) ** 2)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("q not squared", loses=EVERYTHING)
def square_forgotten(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("o missing in the cell", loses=EVERYTHING)
def output_gate_forgotten(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("sigmoid' missing", loses=PRODUCTS, source="CaptainE/RNN-LSTM-in-numpy #1")
def gates_not_differentiated(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    da = np.hstack([dc * g, dc * c, dc * i * (1 - g**2), dh * tc])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("sigmoid twice", loses=PRODUCTS)
def gates_squashed_again(dh, dc, cache):
    def slope(z):
        return sigmoid(z) * (1 - sigmoid(z))

    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    da = np.hstack([dc * g * slope(i), dc * c * slope(f), dc * i * (1 - g**2), dh * tc * slope(o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("sigmoid' for g", loses=PRODUCTS)
def candidate_taken_for_gate(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * g * (1 - g), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("g not squared", loses=PRODUCTS)
def candidate_square_forgotten(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("d_c_prev without f", loses={"d_c_prev": 3})
def cell_passed_whole(dh, dc, cache):
    o, tc = cache[-2:]
    dx, dh_prev, _, dWx, dWh, db = lstm_step_backward(dh, dc, cache)
    return dx, dh_prev, dc + dh * o * (1 - tc**2), dWx, dWh, db


@mistake("d_c_prev from d_c alone", loses={"d_c_prev": 3})
def cell_from_incoming(dh, dc, cache):
    dx, dh_prev, _, dWx, dWh, db = lstm_step_backward(dh, dc, cache)
    return dx, dh_prev, dc * cache[6], dWx, dWh, db


@mistake("d_f with the new c", loses=PRODUCTS)
def forget_gate_sees_new_cell(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    new = f * c + i * g
    da = np.hstack([dc * g * i * (1 - i), dc * new * f * (1 - f), dc * i * (1 - g**2), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("d_i and d_g exchanged", loses=PRODUCTS)
def factors_swapped(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    da = np.hstack([dc * i * i * (1 - i), dc * c * f * (1 - f), dc * g * (1 - g**2), dh * tc * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("d_o without tanh(c)", loses=PRODUCTS)
def output_gate_alone(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * o * (1 - o)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("order ifog", loses=PRODUCTS, source="CS231n's order, carried over")
def blocks_in_other_order(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dc = dc + dh * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g**2)])
    dx, dh_prev, dWx, dWh, db = finish(da, x, h, Wx, Wh)
    return dx, dh_prev, dc * f, dWx, dWh, db


@mistake("d_b mean", loses={"d_b": 2})
def bias_averaged(dh, dc, cache):
    *rest, db = lstm_step_backward(dh, dc, cache)
    return *rest, db / len(dh)


@mistake("d_b not summed", loses={"d_b": 2})
def bias_per_sequence(dh, dc, cache):
    rows = [lstm_step_backward(dh[k : k + 1], dc[k : k + 1], one(cache, k))[-1] for k in range(len(dh))]
    return *lstm_step_backward(dh, dc, cache)[:-1], np.array(rows)


def one(cache, k):
    return tuple(a if n in (3, 4) else a[k : k + 1] for n, a in enumerate(cache))


@mistake("d_b one sequence", loses={"d_b": 2})
def bias_of_first_row(dh, dc, cache):
    db = lstm_step_backward(dh[:1], dc[:1], one(cache, 0))[-1]
    return *lstm_step_backward(dh, dc, cache)[:-1], db


@mistake("forget gradient copied", loses={"d_b": 2}, source="hanbt #53")
def bias_gradient_copied(dh, dc, cache):
    *rest, db = lstm_step_backward(dh, dc, cache)
    n = dh.shape[1]
    return *rest, np.concatenate([db[n : 2 * n], db[n : 2 * n], db[2 * n : 3 * n], db[n : 2 * n]])


@mistake("weights mean", loses={"d_W_x": 3, "d_W_h": 3, "d_b": 2})
def weights_averaged(dh, dc, cache):
    dx, dh_prev, dc_prev, *weights = lstm_step_backward(dh, dc, cache)
    return (dx, dh_prev, dc_prev, *(w / dh.shape[0] for w in weights))


@mistake("d_x and d_h_prev exchanged", loses={"d_x": 3, "d_h_prev": 3})
def inputs_exchanged(dh, dc, cache):
    dx, dh_prev, *rest = lstm_step_backward(dh, dc, cache)
    return (dh_prev, dx, *rest)


@mistake("d_W_x and d_W_h exchanged", loses={"d_W_x": 3, "d_W_h": 3})
def weights_exchanged(dh, dc, cache):
    dx, dh_prev, dc_prev, dWx, dWh, db = lstm_step_backward(dh, dc, cache)
    return dx, dh_prev, dc_prev, dWh, dWx, db


@mistake("d_W transposed", loses={"d_W_x": 3, "d_W_h": 3})
def weights_transposed(dh, dc, cache):
    dx, dh_prev, dc_prev, dWx, dWh, db = lstm_step_backward(dh, dc, cache)
    return dx, dh_prev, dc_prev, dWx.T, dWh.T, db


@mistake("argument modified", loses={"arguments unchanged": 1})
def added_in_place(dh, dc, cache):
    o, tc = cache[-2:]
    dc_before = dc.copy()
    dc += dh * o * (1 - tc**2)
    return lstm_step_backward(dh, dc_before, cache)


@mistake({"d_c_prev without f", "d_b mean"}, loses={"d_c_prev": 3, "d_b": 2})
def two_slips(dh, dc, cache):
    o, tc = cache[-2:]
    dx, dh_prev, _, dWx, dWh, db = lstm_step_backward(dh, dc, cache)
    return dx, dh_prev, dc + dh * o * (1 - tc**2), dWx, dWh, db / len(dh)


@mistake("none", loses=EVERYTHING)
def forgot_to_return(dh, dc, cache):
    lstm_step_backward(dh, dc, cache)


@mistake("cache", of="lstm_step", loses={"your own forward pass": 1})
def new_cell_in_cache(x, h, c, Wx, Wh, b):
    h_new, c_new, cache = lstm_step(x, h, c, Wx, Wh, b)
    return h_new, c_new, (*cache[:2], c_new, *cache[3:])


@mistake("cache", of="lstm_step", loses={"your own forward pass": 1})
def candidate_cached_before_tanh(x, h, c, Wx, Wh, b):
    h_new, c_new, cache = lstm_step(x, h, c, Wx, Wh, b)
    return h_new, c_new, (*cache[:7], np.arctanh(cache[7]), *cache[8:])


@right()
def in_another_order_of_work(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    n = h.shape[1]
    total = dc + o * dh - o * tc**2 * dh
    da = np.empty((len(x), 4 * n), x.dtype)
    da[:, 3 * n :] = o * (1 - o) * tc * dh
    da[:, 2 * n : 3 * n] = total * i * (1 + g) * (1 - g)
    da[:, :n] = total * g * (i - i * i)
    da[:, n : 2 * n] = total * c * (f - f * f)
    return (
        da @ Wx,
        da @ Wh,
        total * f,
        np.einsum("bk,bd->kd", da, x),
        np.einsum("bk,bj->kj", da, h),
        np.ones(len(x)) @ da,
    )


@right()
def sequence_by_sequence(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    dx, dh_prev, dc_prev = np.zeros_like(x), np.zeros_like(h), np.zeros_like(c)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(len(Wx), x.dtype)
    for k in range(len(x)):
        d = dc[k] + dh[k] * o[k] * (1 - tc[k] ** 2)
        a = np.concatenate(
            [
                d * g[k] * i[k] * (1 - i[k]),
                d * c[k] * f[k] * (1 - f[k]),
                d * i[k] * (1 - g[k] ** 2),
                dh[k] * tc[k] * o[k] * (1 - o[k]),
            ]
        )
        dx[k], dh_prev[k], dc_prev[k] = Wx.T @ a, Wh.T @ a, d * f[k]
        dWx += np.outer(a, x[k])
        dWh += np.outer(a, h[k])
        db += a
    return dx, dh_prev, dc_prev, dWx, dWh, db


def step_with_dict(x, h, c, Wx, Wh, b):
    h_new, c_new, cache = lstm_step(x, h, c, Wx, Wh, b)
    names = ("x", "h", "c", "Wx", "Wh", "i", "f", "g", "o", "tc")
    return h_new, c_new, dict(zip(names, cache, strict=True))


def step_with_dict_and_no_bias(x, h, c, Wx, Wh, b):
    return step_with_dict(x, h, c, Wx, Wh, 0 * b)


@mistake("forward first", loses=EVERYTHING, lstm_step=step_with_dict_and_no_bias)
@right(lstm_step=step_with_dict)
def dict_cache(dh, dc, cache):
    dx, dh_prev, dc_prev, dWx, dWh, db = lstm_step_backward(dh, dc, tuple(cache[name] for name in cache))
    return {"d_x": dx, "d_h_prev": dh_prev, "d_c_prev": dc_prev, "d_W_x": dWx, "d_W_h": dWh, "d_b": db}


class Saved:
    def __init__(self, *arrays):
        self.arrays = arrays


def step_with_class(x, h, c, Wx, Wh, b):
    h_new, c_new, cache = lstm_step(x, h, c, Wx, Wh, b)
    return (h_new, c_new), Saved(*cache)


@right(lstm_step=step_with_class)
def class_cache(dh, dc, cache):
    return lstm_step_backward(dh, dc, cache.arrays)


@right()
def nested_lists(dh, dc, cache):
    dx, dh_prev, dc_prev, *weights = lstm_step_backward(dh, dc, cache)
    return [dx.tolist(), dh_prev.tolist(), dc_prev.tolist(), *(w.tolist() for w in weights)]


def step_in_torch(x, h, c, Wx, Wh, b):
    import torch

    arrays = [torch.tensor(a, requires_grad=True) for a in (x, h, c, Wx, Wh, b)]
    h_new, c_new = torch.lstm_cell(arrays[0], arrays[1:3], *arrays[3:], torch.zeros(len(b), dtype=arrays[0].dtype))
    return h_new, c_new, (arrays, h_new, c_new)


@right(needs="torch", lstm_step=step_in_torch)
def by_autograd(dh, dc, cache):
    import torch

    arrays, h_new, c_new = cache
    given = [torch.as_tensor(dh), torch.as_tensor(dc)]
    return torch.autograd.grad([h_new, c_new], arrays, given, retain_graph=True)
