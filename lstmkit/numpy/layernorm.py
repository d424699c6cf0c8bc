"""The LSTM with layer normalisation: forward pass and backpropagation through time.

    a_t = LN(W_h h_{t-1}; g_h) + LN(W_x x_t; g_x) + b        pre-activations of i, f, g, o, in four blocks
    c_t = σ(a_f) ⊙ c_{t-1} + σ(a_i) ⊙ tanh(a_g)              cell state
    h_t = σ(a_o) ⊙ tanh(LN(c_t; g_c) + b_c)                  hidden state
    LN(v; g) = g ⊙ (v - mean v) / √(var v + ε)               mean and variance over the entries of v; ε = 1e-5

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t, c_t: (B, H).
W_x, W_h, b, g_x and g_h stack the blocks i, f, g, o; the two products are normalised over all 4H entries, together.

What keeps it near the LSTM's own cost is that a normalised product is a product with a normalised vector.  Let C be W
less the mean of its rows, and S = CᵀC / 4H.  Then C v is W v less its mean, vᵀS v is the variance of W v, and

    LN(W v; g) = (g ⊙ C) ṽ        with ṽ = v / √(vᵀS v + ε),

so that, as in the LSTM, one matrix times the column [h̃; x̃; 1] makes all pre-activations, and nothing but h̃ and x̃, H
and D numbers, is ever normalised where 4H would be.  The way back is as short: with p = (g ⊙ C)ᵀ ∂L/∂a,

    ∂L/∂v = (p - (ṽ·p) S ṽ) / √(vᵀS v + ε).

The price: vᵀS v is rounded in proportion to the largest variance that a vector as long as v could have.  Where W all
but ignores the direction of v, so that the variance is a millionth of that, six digits are lost, all that float32 has.

Source: Ba, Kiros & Hinton (2016), the equations for the LSTM in the supplement; α is g here, and the two biases
beside b that add to it are left out.  Chapter: chapters/practice.md.  Twin: lstmkit/torch/layernorm.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy import recurrence
from lstmkit.numpy.shapes import expect, expect_fields, expect_params, expect_state

EPS = 1e-5  # ε, as torch.nn.LayerNorm has it
ORDER = (3, 1, 0, 2)  # the blocks in memory: o, f, i side by side for the sigmoid, f, i, g for the gradient of c


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D)
    W_h: np.ndarray  # (4H, H)
    b: np.ndarray  # (4H,)
    g_x: np.ndarray  # (4H,)
    g_h: np.ndarray  # (4H,)
    g_c: np.ndarray  # (H,)
    b_c: np.ndarray  # (H,)


SHAPES = Params("4H D", "4H H", "4H", "4H", "4H", "H", "H")


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)
    c: np.ndarray  # (B, H)


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass, in columns."""

    columns: np.ndarray  # (T + 1, H + D + 1, B): [h̃_{t-1}; x̃_t; 1]; the last one is never used
    Sh: np.ndarray  # (T, H, B): S h_{t-1}, the S of W_h
    c: np.ndarray  # (T + 1, H, B), from its initial value on
    gates: np.ndarray  # (T, 4, H, B): o, f, i, g
    y: np.ndarray  # (T, H, B): c_t, normalised, without gain and bias
    q: np.ndarray  # (T, H, B): tanh(g_c ⊙ y + b_c)
    r_h: np.ndarray  # (T, 1, B): one over the standard deviation of W_h h_{t-1}
    r_x: np.ndarray  # (T, 1, B): the same of W_x x_t
    r_c: np.ndarray  # (T, 1, B): the same of c_t


def init_params(rng, D, H, forget_bias=1.0, dtype=np.float64):
    """W_x (4H, D) and W_h (4H, H) uniform in ±1/√H, gains 1, b (4H,) and b_c zero but for the forget gate, which
    starts open."""
    bound = 1 / np.sqrt(H)
    W_x = rng.uniform(-bound, bound, (4 * H, D)).astype(dtype)
    W_h = rng.uniform(-bound, bound, (4 * H, H)).astype(dtype)
    b = np.zeros(4 * H, dtype)
    b[H : 2 * H] = forget_bias
    g_x, g_h, g_c = np.ones(4 * H, dtype), np.ones(4 * H, dtype), np.ones(H, dtype)
    return Params(W_x, W_h, b, g_x, g_h, g_c, np.zeros(H, dtype))


def zero_state(B, H, dtype=np.float64):
    """h and c of (B, H), both zero: nothing remembered."""
    return State(np.zeros((B, H), dtype), np.zeros((B, H), dtype))


def count_params(D, H):
    """4H(D + H + 1), as the LSTM, and 10H for the gains and the bias of the normalisations."""
    return 4 * H * (D + H + 1) + 10 * H


def step(params, x_t, state):
    """One time step of x_t (B, D).  Returns the new State, fields (B, H), and what `step_backward` needs."""
    params, x_t, state = _check(params, "x_t", x_t, "B D", expect_fields("state", state, State))
    _, new, cache = forward(params, x_t[None], state)
    return new, cache


def step_backward(params, d_state, cache):
    """The way back through one step, from the gradient at the new State.

    Returns ∂L/∂x_t (B, D), the gradient at the previous State, and that of the Params.
    """
    d_state = expect_fields("d_state", d_state, State)
    d_x, d_first, d_params = backward(params, np.zeros_like(d_state.h)[None], cache, d_state)
    return d_x[0], d_first, d_params


def forward(params, x, state=None, keep_cache=True):
    """Run over x (T, B, D), from zeros or from `state`.

    Returns hs (T, B, H), the last State, and the cache for `backward` (None without keep_cache).
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, a dtype that is neither, or dtypes that differ.
    """
    params, x, state = _check(params, "x", x, "T B D", state)
    (T, B, D), H, dtype = x.shape, state.h.shape[1], x.dtype
    C_x, C_h = _centred(params.W_x), _centred(params.W_h)
    times_S = _gram(C_h, T * B)
    W = np.concatenate([params.g_h[:, None] * C_h, params.g_x[:, None] * C_x, params.b[:, None]], axis=1)
    W = _in_memory(W, H)
    W[: 3 * H] *= 0.5  # σ(a) = (1 + tanh(a/2)) / 2: so one tanh does for all gates

    columns = recurrence.room((T + 1, H + D + 1, B), dtype)
    columns[:T, H:-1], columns[:, -1] = x.transpose(0, 2, 1), 1
    x_tilde, Sx = columns[:T, H:-1], _gram(C_x, T * B)(x.transpose(0, 2, 1))
    r_x = 1 / np.sqrt(np.abs(np.einsum("tdb,tdb->tb", x_tilde, Sx)) + EPS)[:, None]
    x_tilde *= r_x
    h = recurrence.room((T + 1, H, B), dtype)
    h[0] = state.h.T
    kept = T if keep_cache else 1
    gates, Sh, y, q = (recurrence.room((kept, *shape, H, B), dtype) for shape in ((4,), (), (), ()))
    r_h, r_c = np.empty((kept, 1, B), dtype), np.empty((kept, 1, B), dtype)
    c = recurrence.room((T + 1 if keep_cache else 1, H, B), dtype)
    c[0] = state.c.T
    cache = Cache(columns, Sh, c, gates, y, q, r_h, r_x, r_c)

    rows = gates.reshape(kept, 4 * H, B)
    total, mean = np.ones((1, H), dtype), np.full((1, H), 1 / H, dtype)
    u, s = np.empty((H, B), dtype), np.empty((1, B), dtype)  # room for passing values
    g_c, b_c = _spread(params.g_c, B), _spread(params.b_c, B)
    absolute, add, divide, matmul = np.absolute, np.add, np.divide, np.matmul
    multiply, sqrt, subtract, tanh = np.multiply, np.sqrt, np.subtract, np.tanh
    before, after = (c[:-1], c[1:]) if keep_cache else (c, c)
    kept_or_not = [rows, gates[:, :3], *gates.transpose(1, 0, 2, 3), before, after, Sh, y, q, r_h, r_c]
    arrays = [columns[:T], columns[:T, :H], h[:T], h[1:], *(recurrence.for_all(T, array) for array in kept_or_not)]
    views = zip(*arrays, strict=True)
    for column, h_tilde, h_prev, h_t, a, ofi, o, f, i, g, c_prev, c_t, Sh_t, y_t, q_t, r, r_c_t in views:
        # h̃ = h / √(hᵀS h + ε); rounding may turn the sign of a square that is nearly 0
        times_S(h_prev, Sh_t)
        multiply(h_prev, Sh_t, u)
        matmul(total, u, s)
        absolute(s, s)
        add(s, EPS, s)
        sqrt(s, s)
        divide(1, s, r)
        multiply(h_prev, r, h_tilde)
        # gates
        matmul(W, column, a)
        tanh(a, a)
        multiply(ofi, 0.5, ofi)
        add(ofi, 0.5, ofi)
        # c = f ⊙ c_prev + i ⊙ g
        multiply(f, c_prev, c_t)
        multiply(i, g, u)
        add(c_t, u, c_t)
        # y = (c - mean c) / √(var c + ε)
        matmul(mean, c_t, s)
        subtract(c_t, s, y_t)
        multiply(y_t, y_t, u)
        matmul(mean, u, s)
        add(s, EPS, s)
        sqrt(s, s)
        divide(1, s, r_c_t)
        multiply(y_t, r_c_t, y_t)
        # h = o ⊙ tanh(g_c ⊙ y + b_c)
        multiply(y_t, g_c, q_t)
        add(q_t, b_c, q_t)
        tanh(q_t, q_t)
        multiply(o, q_t, h_t)
    last = State(h[T].T.copy(), c[-1].T.copy())
    return h[1:].transpose(0, 2, 1).copy(), last, cache if keep_cache else None


def backward(params, d_hs, cache, d_state=None):
    """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at the last State, if any.

    Returns ∂L/∂x (T, B, D), the gradient at the initial State, and the gradients of the Params.
    """
    params, d_hs, d_state = _check(params, "d_hs", d_hs, "T B H", d_state, "d_state")
    recurrence.expect_cache(cache, d_hs)
    (T, B, H), D, dtype = d_hs.shape, params.W_x.shape[1], d_hs.dtype
    C_x, C_h = _centred(params.W_x), _centred(params.W_h)
    W = np.concatenate([params.g_h[:, None] * C_h, params.g_x[:, None] * C_x], axis=1)
    W_T = _in_memory(W, H).T.copy()
    times_S = _gram(C_x, T * B)
    d_W = np.zeros((4 * H, H + D + 1), dtype)  # of the matrix that multiplies [h̃; x̃; 1]
    add_h, CQ_h = _sum_of_squares(C_h, T * B)
    add_x, CQ_x = _sum_of_squares(C_x, T * B)
    d_g_c, d_b_c = np.zeros(H, dtype), np.zeros(H, dtype)
    d_x = np.empty((T, B, D), dtype)
    d_h, d_c = d_state.h.T.copy(), d_state.c.T.copy()

    total, mean = np.ones((1, H), dtype), np.full((1, H), 1 / H, dtype)
    g_c = _spread(params.g_c, B)
    u, v, s = np.empty((H, B), dtype), np.empty((H, B), dtype), np.empty((1, B), dtype)
    add, matmul, multiply, subtract = np.add, np.matmul, np.multiply, np.subtract
    most = recurrence.block_steps(T, B, H)
    d_gates, d_ys = np.empty((most, 4, H, B), dtype), np.empty((most, H, B), dtype)
    ps, inner = np.empty((most, H + D, B), dtype), np.empty((most, 1, B), dtype)  # p for h and x; ṽ·p for h
    for stop in range(T, 0, -most):
        start = max(0, stop - most)
        n, block = stop - start, slice(start, stop)
        columns, Sh, _, gates, y, q, r_h, r_x, r_c = (array[block] for array in cache)
        (o, f, i, g), (d_o, d_f, d_i, d_g) = gates.transpose(1, 0, 2, 3), d_gates[:n].transpose(1, 0, 2, 3)
        # What no recurrence touches, for all steps of the block at once: the factors of d_h and d_c
        subtract(1, gates[:, :3], d_gates[:n, :3])
        multiply(gates[:, :3], d_gates[:n, :3], d_gates[:n, :3])
        multiply(d_o, q, d_o)
        multiply(d_f, cache.c[:-1][block], d_f)
        multiply(d_i, g, d_i)
        multiply(g, g, d_g)
        subtract(1, d_g, d_g)
        multiply(d_g, i, d_g)
        multiply(q, q, d_ys[:n])
        subtract(1, d_ys[:n], d_ys[:n])
        multiply(d_ys[:n], o, d_ys[:n])
        d_out = d_hs[block].transpose(0, 2, 1).copy()
        d_rows = d_gates[:n].reshape(n, 4 * H, B)
        arrays = [d_out, d_ys, y, r_c, d_gates[:, 1:], d_o, d_rows, f]
        arrays += [ps, ps[:, :H], columns[:, :H], Sh, r_h, inner]
        views = zip(*(array[:n][::-1] for array in arrays), strict=True)
        for d_out_t, d_y, y_t, r_c_t, d_fig, d_o_t, d_a, f_t, p, p_h, h_tilde, Sh_t, r, s_h in views:
            add(d_h, d_out_t, d_h)
            multiply(d_y, d_h, d_y)
            # through the normalisation of c: d_c += r_c (u - mean u - y mean(u ⊙ y)) with u = d_y ⊙ g_c
            multiply(d_y, g_c, u)
            multiply(u, y_t, v)
            matmul(mean, v, s)
            multiply(y_t, s, v)
            matmul(mean, u, s)
            subtract(u, s, u)
            subtract(u, v, u)
            multiply(u, r_c_t, u)
            add(d_c, u, d_c)
            multiply(d_o_t, d_h, d_o_t)
            multiply(d_fig, d_c, d_fig)
            multiply(d_c, f_t, d_c)
            # through the normalisation of W_h h: d_h = r (p - (h̃·p) S h̃)
            matmul(W_T, d_a, p)
            multiply(h_tilde, p_h, u)
            matmul(total, u, s_h)
            multiply(s_h, r, s)
            multiply(Sh_t, s, u)
            subtract(p_h, u, d_h)
            multiply(d_h, r, d_h)
        d_g_c += (d_ys[:n] * y).sum(axis=0).sum(axis=1)
        d_b_c += d_ys[:n].sum(axis=0).sum(axis=1)
        x_tilde, p = columns[:, H:-1], ps[:n, H:]
        s_x = np.einsum("tdb,tdb->tb", x_tilde, p)[:, None]
        # One row for each step and sequence: what is summed over them is a product.
        rows = columns.transpose(0, 2, 1).reshape(n * B, H + D + 1)
        h_rows, x_rows = rows[:, :H], rows[:, H:-1]
        d_W += d_rows.transpose(1, 0, 2).reshape(4 * H, n * B) @ rows
        add_h(h_rows, inner[:n].reshape(n * B, 1))
        add_x(x_rows, s_x.reshape(n * B, 1))
        d_x[block] = ((p - times_S(x_tilde) * s_x) * r_x).transpose(0, 2, 1)
    d_W = d_W.reshape(4, H, -1)[np.argsort(ORDER)].reshape(4 * H, -1)
    d_W_h, d_g_h = _through_gain(d_W[:, :H], C_h, params.g_h, CQ_h())
    d_W_x, d_g_x = _through_gain(d_W[:, H:-1], C_x, params.g_x, CQ_x())
    d_params = Params(d_W_x, d_W_h, d_W[:, -1].copy(), d_g_x, d_g_h, d_g_c, d_b_c)
    return d_x, State(d_h.T.copy(), d_c.T.copy()), d_params


def _centred(W):
    return W - W.mean(axis=0)


def _gram(C, count):
    """v -> S v with S = CᵀC / 4H, for columns v: (..., D, B)."""
    CT = C.T / len(C)
    if _few(C, count):
        return lambda v, out=None: np.matmul(CT, np.matmul(C, v), out=out)
    S = CT @ C
    return lambda v, out=None: np.matmul(S, v, out=out)


def _sum_of_squares(C, count):
    """Two functions: one takes rows v (N, D) with factors s (N, 1), the other gives C Q with Q = Σ s v vᵀ over all."""
    few = _few(C, count)
    total = np.zeros((len(C) if few else C.shape[1], C.shape[1]), C.dtype)

    def include(v, s):
        sv = (v * s).T
        np.add(total, (C @ sv if few else sv) @ v, out=total)

    return include, lambda: total if few else C @ total


def _few(C, count):
    """Whether `count` columns are so few, or D is so large, that a matrix (D, D) is a detour."""
    G, D = C.shape
    return count * (2 * G - D) < G * D


def _in_memory(rows, H):
    """(4H, ...) from the order i, f, g, o to that of ORDER."""
    return rows.reshape(4, H, -1)[list(ORDER)].reshape(rows.shape)


def _spread(v, B):
    """(H,) as columns (H, B): an operation on two arrays of one shape is faster than one that broadcasts."""
    return np.repeat(v[:, None], B, axis=1)


def _through_gain(d_gC, C, g, CQ):
    """The gradients of W and g, from that of g ⊙ C, C being the centred W, and C Q with Q the sum of (ṽ·p) ṽ ṽᵀ."""
    d_C = g[:, None] * d_gC - CQ / len(C)
    return _centred(d_C), np.einsum("gd,gd->g", d_gC, C)


def _check(params, name, array, letters, state, state_name="state"):
    sizes = {}
    params = expect_params(params, SHAPES, sizes)
    return params, expect(name, array, letters, sizes), expect_state(state_name, state, State, sizes)
