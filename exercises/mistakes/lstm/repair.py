"""Question 10, repair: the given code with some of its bugs left in, mistakes of one's own, and right repairs."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import lstm as check


def leaky_back(d_h, d_c, cache, k, r):
    c_prev, W_h, i, f, g, o, _c, q = cache
    d_c = d_c + d_h * (o * (1 - q * q) + r)
    d_a = np.hstack(
        [d_c * g * i * (1 - i), d_c * c_prev * f * (1 - f), d_c * i * k * (1 - g * g), d_h * q * o * (1 - o)]
    )
    return d_a, d_a @ W_h, d_c * f, d_a.sum(0)


@right(of="repaired")
def repaired(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    return leaky_back(d_h, d_c, cache, k, r)


F, G = {"d_a of f": 1, "d_h_prev": 1, "d_b": 1}, {"d_a of g": 2, "d_h_prev": 1, "d_b": 1}


@mistake("left: d_c lost, new cell in d_f, slope k lost, d_b averaged", of="repaired", loses=EVERYTHING)
def as_it_was_given(d_h, d_c, cache):
    _k, r = check.yours("repair").values()
    _c_prev, W_h, i, f, g, o, c, q = cache
    d_cell = d_h * (o * (1 - q**2) + r)
    d_f = d_cell * c
    d_a = np.concatenate(
        [d_cell * g * i * (1 - i), d_f * f * (1 - f), d_cell * i * (1 - g**2), d_h * q * o * (1 - o)], axis=1
    )
    return d_a, d_a @ W_h, d_cell * f, d_a.mean(axis=0)


@mistake("left: new cell in d_f, slope k lost, d_b averaged", of="repaired", loses=F | G)
def only_the_road_added(d_h, d_c, cache):
    _k, r = check.yours("repair").values()
    _c_prev, W_h, i, f, g, o, c, q = cache
    d_cell = d_c + d_h * (o * (1 - q**2) + r)
    d_f = d_cell * c
    d_a = np.concatenate(
        [d_cell * g * i * (1 - i), d_f * f * (1 - f), d_cell * i * (1 - g**2), d_h * q * o * (1 - o)], axis=1
    )
    return d_a, d_a @ W_h, d_cell * f, d_a.mean(axis=0)


@mistake("left: new cell in d_f, slope k lost", of="repaired", loses=F | G)
def road_and_mean_repaired(d_h, d_c, cache):
    _k, r = check.yours("repair").values()
    _c_prev, W_h, i, f, g, o, c, q = cache
    d_cell = d_c + d_h * (o * (1 - q**2) + r)
    d_f = d_cell * c
    d_a = np.concatenate(
        [d_cell * g * i * (1 - i), d_f * f * (1 - f), d_cell * i * (1 - g**2), d_h * q * o * (1 - o)], axis=1
    )
    return d_a, d_a @ W_h, d_cell * f, d_a.sum(axis=0)


@mistake("left: d_c lost", of="repaired", loses=EVERYTHING, source="mxnet #4057, deeplearning4j #8838")
def road_still_missing(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    return leaky_back(d_h, 0 * d_c, cache, k, r)


@mistake("left: new cell in d_f", of="repaired", loses=F)
def new_cell_for_the_forget_gate(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    _c_prev, W_h, i, f, g, o, c, q = cache
    d_c = d_c + d_h * (o * (1 - q**2) + r)
    d_a = np.hstack([d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * k * (1 - g**2), d_h * q * o * (1 - o)])
    return d_a, d_a @ W_h, d_c * f, d_a.sum(0)


@mistake("left: slope k lost", of="repaired", loses=G)
def candidate_of_the_plain_cell(d_h, d_c, cache):
    _k, r = check.yours("repair").values()
    return leaky_back(d_h, d_c, cache, 1, r)


@mistake("left: d_b averaged", of="repaired", loses={"d_b": 1})
def still_a_mean(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    d_a, d_h_prev, d_c_prev, d_b = leaky_back(d_h, d_c, cache, k, r)
    return d_a, d_h_prev, d_c_prev, d_b / len(d_h)


@mistake("left: d_c lost, d_b averaged", of="repaired", loses=EVERYTHING)
def middle_lines_repaired(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    c_prev, W_h, i, f, g, o, _c, q = cache
    d_c = d_h * o * (1 - q**2) + d_h * r
    d_a = np.hstack(
        [d_c * g * i * (1 - i), d_c * c_prev * f * (1 - f), k * d_c * i * (1 - g**2), d_h * q * o * (1 - o)]
    )
    return d_a, d_a @ W_h, d_c * f, d_a.mean(axis=0)


@mistake("leak left out", of="repaired", loses=EVERYTHING)
def line_of_question_3(d_h, d_c, cache):
    k, _r = check.yours("repair").values()
    return leaky_back(d_h, d_c, cache, k, 0)


@mistake("leak of d_c", of="repaired", loses=EVERYTHING)
def leak_on_the_other_road(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    return leaky_back(d_h, d_c + r * d_c, cache, k, 0)


@mistake("leak behind the tanh", of="repaired", loses=EVERYTHING)
def brackets_lost(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    c_prev, W_h, i, f, g, o, _c, q = cache
    d_c = d_c + d_h * (o + r) * (1 - q**2)
    d_a = np.hstack(
        [d_c * g * i * (1 - i), d_c * c_prev * f * (1 - f), d_c * i * k * (1 - g**2), d_h * q * o * (1 - o)]
    )
    return d_a, d_a @ W_h, d_c * f, d_a.sum(0)


@mistake("slope k inside the square", of="repaired", loses=G)
def squares_with_k(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    c_prev, W_h, i, f, g, o, _c, q = cache
    d_c = d_c + d_h * (o * (1 - q**2) + r)
    d_a = np.hstack(
        [d_c * g * i * (1 - i), d_c * c_prev * f * (1 - f), d_c * i * (1 - (k * g) ** 2), d_h * q * o * (1 - o)]
    )
    return d_a, d_a @ W_h, d_c * f, d_a.sum(0)


@mistake("divided by k", of="repaired", loses=G)
def divides(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    return leaky_back(d_h, d_c, cache, 1 / k, r)


@mistake("slope k on every block", of="repaired", loses=F | {"d_a of i and o": 1})
def all_blocks_steeper(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    _, W_h, *_ = cache
    d_a, _, d_c_prev, _ = leaky_back(d_h, d_c, cache, 1, r)
    return k * d_a, k * d_a @ W_h, d_c_prev, (k * d_a).sum(axis=0)


@mistake("d_c_prev with the old d_c", of="repaired", loses={"d_c_prev": 1})
def cell_from_incoming(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    d_a, d_h_prev, _, d_b = leaky_back(d_h, d_c, cache, k, r)
    return d_a, d_h_prev, d_c * cache[3], d_b


@mistake("d_b not summed", of="repaired", loses={"d_b": 1})
def bias_for_each_sequence(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    d_a, d_h_prev, d_c_prev, _ = leaky_back(d_h, d_c, cache, k, r)
    return d_a, d_h_prev, d_c_prev, d_a


@mistake({"slope k squared", "d_c_prev with the old d_c"}, of="repaired", loses=G | {"d_c_prev": 1})
def repaired_once_too_often(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    d_a, d_h_prev, _, d_b = leaky_back(d_h, d_c, cache, k * k, r)
    return d_a, d_h_prev, d_c * cache[3], d_b


@mistake("shape", of="repaired", loses={"d_a of i and o": 1, "d_a of f": 1, "d_a of g": 2})
def blocks_not_side_by_side(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    d_a, *rest = leaky_back(d_h, d_c, cache, k, r)
    return np.array(np.split(d_a, 4, axis=1)), *rest


@right(of="repaired")
def sequence_by_sequence(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    c_prev, W_h, i, f, g, o, _c, q = cache
    d_a, d_h_prev, d_c_prev, d_b = [], [], [], 0
    for b in range(len(d_h)):
        d = d_c[b] + d_h[b] * o[b] * (1 - q[b] ** 2) + r * d_h[b]
        row = np.concatenate(
            [
                d * g[b] * i[b] * (1 - i[b]),
                d * c_prev[b] * f[b] * (1 - f[b]),
                k * d * i[b] * (1 - g[b] ** 2),
                d_h[b] * q[b] * o[b] * (1 - o[b]),
            ]
        )
        d_a.append(row)
        d_h_prev.append(W_h.T @ row)
        d_c_prev.append(d * f[b])
        d_b = d_b + row
    return np.array(d_a), np.array(d_h_prev), np.array(d_c_prev), d_b


@right(of="repaired")
def on_top_of_question_3(d_h, d_c, cache):
    """The plain step backward, given the leak's share at the cell, and the candidate's block made steeper."""
    k, r = check.yours("repair").values()
    c_prev, W_h, i, f, g, o, _c, q = cache
    d_c = d_c + r * d_h
    d_c = d_c + d_h * o * (1 - q**2)
    H = d_h.shape[1]
    d_a = np.empty((len(d_h), 4 * H), d_h.dtype)
    for n, (slope, gradient) in enumerate(
        [(i - i**2, d_c * g), (f - f**2, d_c * c_prev), (k - k * g**2, d_c * i), (o - o**2, d_h * q)]
    ):
        d_a[:, n * H : (n + 1) * H] = slope * gradient
    return {
        "d_a": d_a,
        "d_h_prev": np.einsum("bk,kj->bj", d_a, W_h),
        "d_c_prev": d_c * f,
        "d_b": np.einsum("bk->k", d_a),
    }


@right(of="repaired")
def as_lists(d_h, d_c, cache):
    k, r = check.yours("repair").values()
    return [array.tolist() for array in leaky_back(d_h, d_c, cache, k, r)]


@right(of="repaired", needs="torch")
def by_autograd(d_h, d_c, cache):
    """The forward step again, from pre-activations that the values of the gates give back."""
    k, r = check.yours("repair").values()
    import torch

    c_prev, W_h, i, f, g, o, _c, _q = (torch.as_tensor(np.asarray(array, np.float64)) for array in cache)
    a = torch.cat([torch.logit(i), torch.logit(f), torch.atanh(g) / k, torch.logit(o)], dim=1).requires_grad_()
    c_prev.requires_grad_()
    a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
    new = torch.sigmoid(a_f) * c_prev + torch.sigmoid(a_i) * torch.tanh(k * a_g)
    h = torch.sigmoid(a_o) * torch.tanh(new) + r * new
    given = [torch.as_tensor(np.asarray(array, np.float64)) for array in (d_h, d_c)]
    d_a, d_c_prev = torch.autograd.grad([h, new], [a, c_prev], given)
    return d_a, d_a @ W_h, d_c_prev, d_a.sum(dim=0)
