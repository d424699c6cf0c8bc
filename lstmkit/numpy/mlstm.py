"""The mLSTM, whose memory is a matrix: forward pass step by step or all steps at once, and gradients.

    q_t, v_t = W_q x_t + b_q,  W_v x_t + b_v            query and value
    k_t = W_k x_t / √K + b_k                            key
    o_t = σ(W_o x_t + b_o)                              output gate
    a_i, a_f = w_i · x_t + b_i,  w_f · x_t + b_f        one number a head
    m_t = max(log σ(a_f) + m_{t-1}, a_i)                stabiliser
    i_t = exp(a_i - m_t)                                input gate, exponential
    f_t = exp(log σ(a_f) + m_{t-1} - m_t)               forget gate, a sigmoid
    C_t = f_t C_{t-1} + i_t v_t k_tᵀ                    memory
    n_t = f_t n_{t-1} + i_t k_t                         normaliser
    h_t = o_t ⊙ C_t q_t / max(|n_tᵀ q_t|, exp(-m_t))    hidden state

T steps, B sequences, D inputs, H units, N heads of K = H / N units.  x: (T, B, D); h_t: (B, H).
C_t: (B, N, K, K), value by key; n_t: (B, N, K); m_t: (B, N).
W_x and b stack the blocks q, k, v, o; W_g and b_g the gates' rows i, f.
C_t and n_t are the paper's times exp(-m_t), hence exp(-m_t) where it has max(|nᵀq|, 1), and h_t does not depend on m_t.
Nothing looks at h_{t-1}, so that the same h_t is a sum over the past, with F_t = Σ_{s≤t} log σ(a_f_s),

    C_t q_t = Σ_{s≤t} exp(F_t - F_s + a_i_s - m_t) (k_sᵀ q_t) v_s + exp(F_t + m_0 - m_t) C_0 q_t

for all t at once, at a cost that grows with T²: `parallel`.

Source: Beck et al. (2024), equations 19 to 27; of its two forget gates the sigmoid.  Twin: lstmkit/torch/mlstm.py.
"""

import math
from typing import NamedTuple

import numpy as np

from lstmkit.numpy.functions import log_sigmoid, sigmoid
from lstmkit.numpy.shapes import expect, expect_fields


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D)
    b: np.ndarray  # (4H,)
    W_g: np.ndarray  # (2N, D)
    b_g: np.ndarray  # (2N,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    C: np.ndarray  # (B, N, K, K)
    n: np.ndarray  # (B, N, K)
    m: np.ndarray  # (B, N)


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass.

    Its bulk are the memories, one for every step: (T + 1)·B·N·K·K = (T + 1)·B·H·K numbers, against the few T·B·H of a
    cell whose memory is a vector.  More heads make it smaller.
    """

    x: np.ndarray  # (T, B, D)
    inputs: tuple  # q, k, v (T, B, N, K), o (T, B, N, K), a_i and log_f (T, B, N)
    gates: np.ndarray  # (2, T, B, N): i and f
    C: np.ndarray  # (T + 1, B, N, K, K)
    n: np.ndarray  # (T + 1, B, N, K)
    parts: tuple  # C q (T, B, N, K), nᵀ q and the denominator (T, B, N)


def init_params(rng, D, H, N=1, forget_bias=3.0, dtype=np.float64):
    """Weights uniform in ±1/√D, biases zero but for b_g's second half, the forget gates', which start open."""
    bound = 1 / np.sqrt(D)
    W_x, W_g = (rng.uniform(-bound, bound, (rows, D)).astype(dtype) for rows in (4 * H, 2 * N))
    b_g = np.concatenate([np.zeros(N, dtype), np.full(N, forget_bias, dtype)])
    return Params(W_x, np.zeros(4 * H, dtype), W_g, b_g)


def zero_state(B, H, N=1, dtype=np.float64):
    """C (B, N, K, K), n (B, N, K) and m (B, N), all zero: nothing remembered."""
    K = H // N
    return State(np.zeros((B, N, K, K), dtype), np.zeros((B, N, K), dtype), np.zeros((B, N), dtype))


def count_params(D, H, N=1):
    """(4H + 2N)(D + 1): no weight looks at the past."""
    return (4 * H + 2 * N) * (D + 1)


def forward(params, x, state=None, keep_cache=True):
    """Run over x (T, B, D) step by step, from zeros or from `state`.

    Returns hs (T, B, H), the last State, and the cache for `backward` (None without keep_cache), which holds every C_t:
    (T + 1)·B·H·K numbers, more than all the rest.
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, a dtype that is neither, dtypes that differ, or units that the heads cannot share.
    """
    params, x, state = _check(params, "x", x, "T B D", state)
    q, k, v, o, a_i, log_f = inputs = _inputs(params, x)
    T, (C, n, m) = len(x), state
    gates, Cq, nq, ms = np.empty((2, *a_i.shape), x.dtype), np.empty_like(q), np.empty_like(a_i), np.empty_like(a_i)
    if keep_cache:
        Cs, ns = np.empty((T + 1, *C.shape), x.dtype), np.empty((T + 1, *n.shape), x.dtype)
        Cs[0], ns[0] = C, n
    for t in range(T):
        ms[t] = np.maximum(log_f[t] + m, a_i[t])
        i, f = gates[:, t] = np.exp(a_i[t] - ms[t]), np.exp(log_f[t] + m - ms[t])
        C = f[..., None, None] * C + (i[..., None] * v[t])[..., None] * k[t][..., None, :]
        n = f[..., None] * n + i[..., None] * k[t]
        m = ms[t]
        Cq[t], nq[t] = np.matmul(C, q[t][..., None])[..., 0], (n * q[t]).sum(-1)
        if keep_cache:
            Cs[t + 1], ns[t + 1] = C, n
    below = np.maximum(np.abs(nq), _floor(ms))
    hs = (o * Cq / below[..., None]).reshape(*x.shape[:2], len(params.b) // 4)
    last = State(C.copy(), n.copy(), m.copy())
    return hs, last, Cache(x, inputs, gates, Cs, ns, (Cq, nq, below)) if keep_cache else None


def parallel(params, x, state=None):
    """The same hs (T, B, H) and last State, by the sum over the past: every pair of steps at once, no loop over T."""
    params, x, (C, n, m) = _check(params, "x", x, "T B D", state)
    q, k, v, o, a_i, log_f = (part.swapaxes(0, 1).swapaxes(1, 2) for part in _inputs(params, x))  # (B, N, T, ...)
    F = np.concatenate([np.zeros_like(m[..., None]), np.cumsum(log_f, axis=-1)], axis=-1)  # F_0 = 0
    pairs = F[..., None] - F[..., None, 1:] + a_i[..., None, :]  # log of what step s still weighs after step t
    pairs = np.where(np.tri(len(x) + 1, len(x), -1, dtype=bool), pairs, -np.inf)
    first = F + m[..., None]
    ms = np.maximum(pairs.max(axis=-1, initial=-np.inf), first)
    weights, first = np.exp(pairs - ms[..., None]), np.exp(first - ms)
    last = State(
        first[..., -1, None, None] * C + (weights[..., -1, :, None] * v).swapaxes(-1, -2) @ k,
        first[..., -1, None] * n + (weights[..., -1:, :] @ k)[..., 0, :],
        ms[..., -1].copy(),
    )
    seen, first = q @ k.swapaxes(-1, -2) * weights[..., 1:, :], first[..., 1:, None]
    Cq = seen @ v + first * (q @ C.swapaxes(-1, -2))
    nq = seen.sum(-1) + first[..., 0] * (q @ n[..., None])[..., 0]
    hs = o * Cq / np.maximum(np.abs(nq), _floor(ms[..., 1:]))[..., None]
    return hs.swapaxes(1, 2).swapaxes(0, 1).reshape(*x.shape[:2], len(params.b) // 4), last


def backward(params, d_hs, cache, d_state=None):
    """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at the last State, if any.

    Returns ∂L/∂x (T, B, D), the gradient at the initial State, and the gradients of the Params.
    As h does not depend on m, d_m is 0 unless d_state reads the memory itself; it then stays with the step that set m.
    """
    params, d_hs, d_state = _check(params, "d_hs", d_hs, "T B H", d_state, "d_state")
    if cache is None:
        raise ValueError("cache is None: call forward with keep_cache=True before backward")
    x, (q, k, v, o, a_i, log_f), (i, f), Cs, ns, (Cq, nq, below) = cache
    if d_hs.shape != (*x.shape[:2], len(params.b) // 4):
        wanted = f"(T, B, H) = {(*x.shape[:2], len(params.b) // 4)}, as the forward pass had"
        raise ValueError(f"d_hs must have shape {wanted}, but its shape is {d_hs.shape}")
    d_h = d_hs.reshape(q.shape)
    d_a_o = d_h * Cq / below[..., None] * o * (1 - o)
    d_Cq = d_h * o / below[..., None]
    d_nq = -(d_Cq * Cq).sum(-1) / below * np.where(np.abs(nq) == below, np.sign(nq), 0)
    d_i, d_f, d_k, d_v = np.empty_like(i), np.empty_like(f), np.empty_like(k), np.empty_like(v)
    d_C, d_n, d_m = d_state
    d_m = d_m - (d_C * Cs[-1]).sum((-1, -2)) - (d_n * ns[-1]).sum(-1)  # C and n shrink as m grows
    d_ms, fresh = np.empty_like(a_i), i > f  # fresh: m was set by a_i, else by the past
    for t in reversed(range(len(x))):
        d_C = d_C + d_Cq[t][..., None] * q[t][..., None, :]
        d_n = d_n + d_nq[t][..., None] * q[t]
        written = np.matmul(d_C, k[t][..., None])[..., 0]
        d_i[t] = (written * v[t]).sum(-1) + (d_n * k[t]).sum(-1)
        d_f[t] = (d_C * Cs[t]).sum((-1, -2)) + (d_n * ns[t]).sum(-1)
        d_v[t] = i[t][..., None] * written
        d_k[t] = i[t][..., None] * (np.matmul(v[t][..., None, :], d_C)[..., 0, :] + d_n)
        d_C, d_n = f[t][..., None, None] * d_C, f[t][..., None] * d_n
        d_ms[t], d_m = d_m, np.where(fresh[t], 0, d_m)
    d_past = d_f * f + np.where(fresh, 0, d_ms)  # at log f_t + m_{t-1}
    d_a_i, d_a_f = d_i * i + np.where(fresh, d_ms, 0), d_past * (1 - np.exp(log_f))
    d_q = np.matmul(d_Cq[..., None, :], Cs[1:])[..., 0, :] + d_nq[..., None] * ns[1:]
    T, B, D = x.shape
    d_a = np.concatenate([d.reshape(T * B, math.prod(d.shape[2:])) for d in (d_q, d_k, d_v, d_a_o)], axis=1)
    d_g = np.concatenate([d.reshape(T * B, math.prod(d.shape[2:])) for d in (d_a_i, d_a_f)], axis=1)
    W_x, rows = _scaled(params.W_x, q.shape[-1]), x.reshape(T * B, D)
    d_params = Params(_scaled(d_a.T @ rows, q.shape[-1]), d_a.sum(0), d_g.T @ rows, d_g.sum(0))
    d_first = State(d_C.copy(), d_n.copy(), (d_past[0] if T else d_state.m).copy())
    return (d_a @ W_x + d_g @ params.W_g).reshape(T, B, D), d_first, d_params


def step(params, x_t, state):
    """One time step of x_t (B, D).  Returns h_t (B, H), which no State holds, the new State, and the cache."""
    params, x_t, state = _check(params, "x_t", x_t, "B D", expect_fields("state", state, State))
    hs, new, cache = forward(params, x_t[None], state)
    return hs[0], new, cache


def step_backward(params, d_h, d_state, cache):
    """The way back through one step, from ∂L/∂h_t (B, H) and the gradient at the new State.

    Returns ∂L/∂x_t (B, D), the gradient at the previous State, and that of the Params.
    """
    params, d_h, d_state = _check(params, "d_h", d_h, "B H", expect_fields("d_state", d_state, State), "d_state")
    d_x, d_first, d_params = backward(params, d_h[None], cache, d_state)
    return d_x[0], d_first, d_params


def _inputs(params, x):
    """q, k, v, o (T, B, N, K), a_i and log_f (T, B, N): all that does not wait for the past."""
    N = len(params.b_g) // 2
    K = len(params.b) // 4 // N
    a = x @ _scaled(params.W_x, K).T + params.b
    q, k, v, a_o = (part.reshape(*x.shape[:2], N, K) for part in np.split(a, 4, axis=-1))
    a_i, a_f = np.split(x @ params.W_g.T + params.b_g, 2, axis=-1)
    return q, k, v, sigmoid(a_o), a_i, log_sigmoid(a_f)


def _scaled(W_x, K):
    """W_x (4H, D) with the key's block divided by √K."""
    H = len(W_x) // 4
    return np.concatenate([W_x[:H], W_x[H : 2 * H] / np.sqrt(K).astype(W_x.dtype), W_x[2 * H :]])


def _floor(m):
    """exp(-m), the least denominator, held between the smallest and the largest number there is."""
    limits = np.finfo(m.dtype)
    return np.exp(np.clip(-m, 0.99 * np.log(limits.tiny), 0.99 * np.log(limits.max)))


def _check(params, name, array, shape, state, state_name="state"):
    sizes, params = {}, expect_fields("params", params, Params)
    b_g = expect("params.b_g", params.b_g, "2N", sizes)
    b = expect("params.b", params.b, "4H", sizes)
    params = Params(
        expect("params.W_x", params.W_x, "4H D", sizes), b, expect("params.W_g", params.W_g, "2N D", sizes), b_g
    )
    H, N = sizes["H"], sizes["N"]
    if H % N:
        raise ValueError(f"the heads must share the units evenly, but params.b has H = {H} and params.b_g N = {N}")
    array = expect(name, array, shape, sizes)
    if state is None:
        return params, array, zero_state(sizes["B"], H, N, array.dtype)
    sizes["K"], state = H // N, expect_fields(state_name, state, State)
    shapes = zip(State._fields, state, ("B N K K", "B N K", "B N"), strict=True)
    return params, array, State(*(expect(f"{state_name}.{field}", *given, sizes) for field, *given in shapes))
