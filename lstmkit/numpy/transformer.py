"""A causal self-attention block: every position asks all positions up to itself, then each is worked on by itself.

    attend(x) = W_out [head_1, ..., head_N] + b_out      head_n: scaled dot attention among positions 1 ... t,
                                                         of the n-th part of q, k, v = W_qkv x + b_qkv
    feed(x)   = W_2 φ(W_1 x + b_1) + b_2                 φ is ReLU or GELU
    norm(x)   = gain ⊙ (x - mean) / √(variance + ε) + shift      over the features of one position

    z = norm_1(x + attend(x)),   y = norm_2(z + feed(z))         post-norm (Vaswani et al., 2017)
    z = x + attend(norm_1(x)),   y = z + feed(norm_2(z))         pre-norm (Xiong et al., 2020)

T positions, B sequences, D features, N heads of D/N features each, F units of the feed-forward part.
x, y: (T, B, D).  The state of what has been read so far, P positions, is their keys and values, (P, B, D): it grows
with every step, where an LSTM's does not.

Padding at the end of a sequence needs no mask here: no real position looks at a later one.

Chapter: chapters/transformers.md.  Twin: lstmkit/torch/transformer.py.
"""

import math
from typing import NamedTuple

import numpy as np

from lstmkit.numpy import attention
from lstmkit.numpy.functions import d_relu, relu
from lstmkit.numpy.shapes import expect, expect_fields

_erf = np.vectorize(math.erf, otypes=[np.float64])  # NumPy has none


def gelu(a):
    """a Φ(a), Φ the normal distribution function, of any shape (Hendrycks & Gimpel, 2016)."""
    return (a * 0.5 * (1 + _erf(a / math.sqrt(2)))).astype(a.dtype)


def d_gelu(a):
    """d gelu/da in terms of the argument a, of any shape: Φ(a) + a Φ'(a)."""
    return (0.5 * (1 + _erf(a / math.sqrt(2))) + a * np.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)).astype(a.dtype)


# φ and its derivative, of the pre-activation; ReLU's is the same for a and for relu(a).
RELU, GELU = (relu, d_relu), (gelu, d_gelu)


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_qkv: np.ndarray  # (3D, D), stacked q, k, v
    b_qkv: np.ndarray  # (3D,)
    W_out: np.ndarray  # (D, D)
    b_out: np.ndarray  # (D,)
    W_1: np.ndarray  # (F, D)
    b_1: np.ndarray  # (F,)
    W_2: np.ndarray  # (D, F)
    b_2: np.ndarray  # (D,)
    gain_1: np.ndarray  # (D,)
    shift_1: np.ndarray  # (D,)
    gain_2: np.ndarray  # (D,)
    shift_2: np.ndarray  # (D,)


SHAPES = ("3D D", "3D", "D D", "D", "F D", "F", "D F", "D", "D", "D", "D", "D")


class State(NamedTuple):
    """Keys and values of the P positions read so far, or their gradients."""

    keys: np.ndarray  # (P, B, D)
    values: np.ndarray  # (P, B, D)


def init_params(rng, D, F, dtype=np.float64):
    """Weights uniform in ±√(6 / (rows + columns)) (Glorot & Bengio, 2010), gains one, biases and shifts zero."""
    weights = {"W_qkv": (3 * D, D), "W_out": (D, D), "W_1": (F, D), "W_2": (D, F)}
    zeros = {"b_qkv": 3 * D, "b_out": D, "b_1": F, "b_2": D, "shift_1": D, "shift_2": D}
    arrays = {name: rng.uniform(-1, 1, shape) * math.sqrt(6 / sum(shape)) for name, shape in weights.items()}
    arrays |= {name: np.zeros(size) for name, size in zeros.items()} | {"gain_1": np.ones(D), "gain_2": np.ones(D)}
    return Params(**{name: array.astype(dtype) for name, array in arrays.items()})


def zero_state(B, D, dtype=np.float64):
    """Keys and values of (0, B, D): nothing read."""
    return State(np.zeros((0, B, D), dtype), np.zeros((0, B, D), dtype))


def count_params(D, F):
    """4D(D + 1) in attention, 2DF + F + D in the feed-forward part, 4D in the two norms, all of shape (D,)."""
    return 4 * D * (D + 1) + 2 * D * F + F + D + 4 * D


def forward(params, x, heads, state=None, norm_first=False, activation=RELU, eps=1e-5):
    """y (T, B, D), the State after it, and the cache for `backward`, from x (T, B, D) and what was read before it.

    Raises ValueError for a wrong shape, dtypes that differ, or heads that do not divide D.
    """
    params, x, state = _check(params, x, heads, state)
    if norm_first:
        n, norm_1 = _norm(x, params.gain_1, params.shift_1, eps)
        mixed, after, attended = _attend(params, n, heads, state)
        z = x + mixed
        n, norm_2 = _norm(z, params.gain_2, params.shift_2, eps)
        fed, feeding = _feed(params, n, activation)
        y = z + fed
    else:
        mixed, after, attended = _attend(params, x, heads, state)
        z, norm_1 = _norm(x + mixed, params.gain_1, params.shift_1, eps)
        fed, feeding = _feed(params, z, activation)
        y, norm_2 = _norm(z + fed, params.gain_2, params.shift_2, eps)
    return y, after, (norm_first, len(after.keys), norm_1, attended, norm_2, feeding)


def backward(params, d_y, cache, d_state=None):
    """∂L/∂x (T, B, D), the gradient at the State before x, and those of the Params.

    From ∂L/∂y (T, B, D), and the gradient at the State after x, (P + T, B, D) each, if any.
    """
    norm_first, P, norm_1, attended, norm_2, feeding = cache
    sizes = dict(zip("TBD", norm_1[0].shape, strict=True)) | {"P": P, "dtype": (norm_1[0].dtype, "x")}
    d_y = expect("d_y", d_y, "T B D", sizes)
    d_state = None if d_state is None else _state("d_state", d_state, sizes)
    if norm_first:
        d_n, *d_feed = _feed_backward(params, d_y, feeding)
        d_z, *d_norm_2 = _norm_backward(d_n, params.gain_2, norm_2)
        d_z = d_z + d_y
        d_n, d_before, *d_attend = _attend_backward(params, d_z, attended, d_state)
        d_x, *d_norm_1 = _norm_backward(d_n, params.gain_1, norm_1)
        d_x = d_x + d_z
    else:
        d_sum, *d_norm_2 = _norm_backward(d_y, params.gain_2, norm_2)
        d_z, *d_feed = _feed_backward(params, d_sum, feeding)
        d_sum, *d_norm_1 = _norm_backward(d_z + d_sum, params.gain_1, norm_1)
        d_x, d_before, *d_attend = _attend_backward(params, d_sum, attended, d_state)
        d_x = d_x + d_sum
    return d_x, d_before, Params(*d_attend, *d_feed, *d_norm_1, *d_norm_2)


def step(params, x_t, heads, state=None, norm_first=False, activation=RELU, eps=1e-5):
    """y_t (B, D) and the State after it, from one position x_t (B, D) and the State before: `forward` over one."""
    y, state, _ = forward(params, np.asarray(x_t)[None], heads, state, norm_first, activation, eps)
    return y[0], state


def sinusoidal_positions(T, D, dtype=np.float64):
    """(T, D): feature 2i of position t is sin(t / 10000^{2i/D}), feature 2i + 1 the cosine (Vaswani et al., 2017)."""
    angles = np.arange(T)[:, None] / 10000 ** (np.arange(0, D, 2) / D)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(T, -1)[:, :D].astype(dtype)


def _attend(params, x, heads, state):
    (T, B, D), P = x.shape, len(state.keys)
    q, k, v = np.split(x @ params.W_qkv.T + params.b_qkv, 3, axis=-1)
    after = State(np.concatenate([state.keys, k]), np.concatenate([state.values, v]))
    # A head is one more sequence: (T, B, D) becomes (T, B·N, D/N).
    parts = [array.reshape(len(array), B * heads, D // heads) for array in (q, *after)]
    causal = np.broadcast_to(np.tri(T, P + T, P, dtype=bool)[:, None], (T, B * heads, P + T))
    mixed, _, asked = attention.forward(None, *parts, causal, scale=(D // heads) ** -0.5)
    mixed = mixed.reshape(T, B, D)
    return mixed @ params.W_out.T + params.b_out, after, (x, mixed, asked)


def _attend_backward(params, d_out, cache, d_state):
    x, mixed, asked = cache
    (T, B, D), d_mixed = x.shape, d_out @ params.W_out
    BN, _, part = asked[0].shape
    *d_qkv, _ = attention.backward(None, d_mixed.reshape(T, BN, part), asked)
    d_q, d_k, d_v = (array.reshape(len(array), B, D) for array in d_qkv)
    if d_state is not None:
        d_k, d_v = d_k + d_state.keys, d_v + d_state.values
    P = len(d_k) - T
    d_a = np.concatenate([d_q, d_k[P:], d_v[P:]], axis=-1)
    d_before = State(d_k[:P].copy(), d_v[:P].copy())
    return d_a @ params.W_qkv, d_before, _outer(d_a, x), d_a.sum((0, 1)), _outer(d_out, mixed), d_out.sum((0, 1))


def _feed(params, x, activation):
    a = x @ params.W_1.T + params.b_1
    return activation[0](a) @ params.W_2.T + params.b_2, (x, a, activation)


def _feed_backward(params, d_out, cache):
    x, a, (phi, d_phi) = cache
    d_a = d_out @ params.W_2 * d_phi(a)
    return d_a @ params.W_1, _outer(d_a, x), d_a.sum((0, 1)), _outer(d_out, phi(a)), d_out.sum((0, 1))


def _norm(x, gain, shift, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    root = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + x.dtype.type(eps))
    return gain * centred / root + shift, (centred / root, root)


def _norm_backward(d_y, gain, cache):
    n, root = cache
    d_n = d_y * gain
    d_x = (d_n - d_n.mean(axis=-1, keepdims=True) - n * (d_n * n).mean(axis=-1, keepdims=True)) / root
    return d_x, (d_y * n).sum((0, 1)), d_y.sum((0, 1))


def _outer(d_rows, rows):
    """The gradient of a weight matrix: the sum over positions and sequences of d_row rowᵀ."""
    return np.tensordot(d_rows, rows, ((0, 1), (0, 1)))


def _check(params, x, heads, state):
    params, sizes = expect_fields("params", params, Params), {}
    # b_2 (D,) first: a letter is learnt where it first stands alone.
    expect("params.b_2", params.b_2, "D", sizes)
    params = Params(
        *(expect(f"params.{n}", a, s, sizes) for n, a, s in zip(Params._fields, params, SHAPES, strict=True))
    )
    x = expect("x", x, "T B D", sizes)
    if not isinstance(heads, int) or heads < 1 or sizes["D"] % heads:
        raise ValueError(f"heads must be a whole number that divides D = {sizes['D']}, but it is {heads!r}")
    if state is None:
        return params, x, zero_state(sizes["B"], sizes["D"], x.dtype)
    return params, x, _state("state", state, sizes)


def _state(name, state, sizes):
    keys, values = expect_fields(name, state, State)
    keys = expect(f"{name}.keys", keys, "P B D", sizes)
    return State(keys, expect(f"{name}.values", values, "P B D", sizes))
