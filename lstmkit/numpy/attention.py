"""Attention: a query is compared with every key, and gets a mean of the values in proportion to how well each fits.

    e_j = vᵀ tanh(W_q q + W_k k_j)       additive score (Bahdanau, Cho & Bengio, 2015)
    e_j = qᵀ W k_j                       multiplicative score, "general" (Luong, Pham & Manning, 2015)
    e_j = qᵀ k_j                         the same with W = I, "dot"; times 1/√Q "scaled dot" (Vaswani et al., 2017)
    α_j = exp(e_j) / Σ_k exp(e_k)        weights, over the valid positions alone
    context = Σ_j α_j u_j                a mean of the values u_j

T keys, each with a value, and S queries; B sequences; Q, K, V features of a query, a key, a value; A units.
queries: (S, B, Q), or one step of them (B, Q); keys: (T, B, K); values: (T, B, V); weights: (S, B, T), or (B, T).

A position that is not valid has weight 0 and gradient 0, to the last bit, whatever it holds, NaN included.  A query
without a valid position gets a context of zeros.

Chapter: chapters/attention.md.  Twin: lstmkit/torch/attention.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy.functions import d_softmax, d_tanh, tanh
from lstmkit.numpy.shapes import expect, expect_fields


class Additive(NamedTuple):
    """The weights of the additive score, or their gradients."""

    W_q: np.ndarray  # (A, Q)
    W_k: np.ndarray  # (A, K)
    v: np.ndarray  # (A,)


class Multiplicative(NamedTuple):
    """The weights of the multiplicative score, or their gradients; the dot product has none, and None for params."""

    W: np.ndarray  # (Q, K)


def init_additive(rng, Q, K, A, dtype=np.float64):
    """W_q (A, Q), W_k (A, K) and v (A,), each uniform in ±1/√n where n is what it sums over."""
    sizes = ((A, Q), (A, K), (A,))
    return Additive(*((rng.uniform(-1, 1, size) * size[-1] ** -0.5).astype(dtype) for size in sizes))


def init_multiplicative(rng, Q, K, dtype=np.float64):
    """W (Q, K), uniform in ±1/√K."""
    return Multiplicative((rng.uniform(-1, 1, (Q, K)) * K**-0.5).astype(dtype))


def forward(params, queries, keys, values, valid=None, scale=1.0):
    """contexts (S, B, V), weights (S, B, T) and the cache for `backward`; (B, V) and (B, T) for queries (B, Q).

    params is Additive, Multiplicative or None, for the dot product.  `valid` says which keys are real: lengths (B,),
    or booleans (B, T), or (S, B, T) where it is another matter for each query.  `scale` multiplies the scores.
    float32 in gives float32 out, float64 gives float64.  Raises ValueError for a wrong shape, dtype or length.
    """
    params, queries, keys, values, many = _check(params, queries, keys, values)
    scale = keys.dtype.type(scale)
    # Inside, sequences come first: then each sequence is one matrix product.
    q, k, u = (array.swapaxes(0, 1) for array in (queries, keys, values))
    valid = valid_positions(valid, *keys.shape[:2])
    if valid.ndim == 2:
        valid = valid[None]
    elif len(valid) != len(queries):
        raise ValueError(f"valid must have one row for each of the S = {len(queries)} queries, but it has {len(valid)}")
    valid = valid.swapaxes(0, 1)  # (B, S or 1, T)
    # Weight 0 times NaN is NaN: what no query may see is wiped out first.
    seen = valid.any(axis=1)[..., None]
    k, u = np.where(seen, k, 0), np.where(seen, u, 0)
    scores, hidden = _scores(params, q, k)
    weights = masked_softmax(scale * scores, valid)
    contexts, shown = (array.swapaxes(0, 1).copy() for array in (weights @ u, weights))
    return contexts if many else contexts[0], shown if many else shown[0], (q, k, u, hidden, weights, scale, many)


def backward(params, d_contexts, cache, d_weights=None):
    """∂L/∂queries, ∂L/∂keys, ∂L/∂values, and that of the params in their own type, or None.

    From ∂L/∂contexts, of the contexts' shape (S, B, V) or (B, V), and ∂L/∂weights, if the loss looks at the weights.
    """
    q, k, u, hidden, weights, scale, many = cache
    (B, S, T), V, asked = weights.shape, u.shape[2], "S B" if many else "B"
    sizes = {"S": S, "B": B, "T": T, "V": V, "dtype": (u.dtype, "values")}
    d_contexts = expect("d_contexts", d_contexts, f"{asked} V", sizes).reshape(S, B, V).swapaxes(0, 1)
    d_values = weights.swapaxes(1, 2) @ d_contexts
    d_w = d_contexts @ u.swapaxes(1, 2)
    if d_weights is not None:
        d_w = d_w + expect("d_weights", d_weights, f"{asked} T", sizes).reshape(S, B, T).swapaxes(0, 1)
    d_scores = scale * d_softmax(weights, d_w)  # 0 wherever the weight is 0
    d_queries, d_keys, d_params = _scores_backward(params, d_scores, q, k, hidden)
    d_queries, d_keys, d_values = (array.swapaxes(0, 1).copy() for array in (d_queries, d_keys, d_values))
    return d_queries if many else d_queries[0], d_keys, d_values, d_params


def _scores(params, q, k):
    """Scores (B, S, T) of q (B, S, Q) and k (B, T, K), and what the way back needs."""
    if isinstance(params, Additive):
        hidden = tanh((q @ params.W_q.T)[:, :, None] + (k @ params.W_k.T)[:, None])  # (B, S, T, A)
        return hidden @ params.v, hidden
    projected = q if params is None else q @ params.W
    return projected @ k.swapaxes(1, 2), projected


def _scores_backward(params, d_scores, q, k, hidden):
    """∂L/∂q (B, S, Q), ∂L/∂k (B, T, K) and the gradients of the params, from ∂L/∂scores (B, S, T)."""
    if isinstance(params, Additive):
        d_a = d_scores[..., None] * params.v * d_tanh(hidden)
        d_a_q, d_a_k = d_a.sum(axis=2), d_a.sum(axis=1)
        d_v = np.tensordot(d_scores, hidden, 3)
        d_params = Additive(np.tensordot(d_a_q, q, ((0, 1), (0, 1))), np.tensordot(d_a_k, k, ((0, 1), (0, 1))), d_v)
        return d_a_q @ params.W_q, d_a_k @ params.W_k, d_params
    d_projected, d_k = d_scores @ k, d_scores.swapaxes(1, 2) @ hidden
    if params is None:
        return d_projected, d_k, None
    return d_projected @ params.W.T, d_k, Multiplicative(np.tensordot(q, d_projected, ((0, 1), (0, 1))))


def masked_softmax(scores, valid):
    """Softmax over the valid entries of the last axis, any shape; exactly 0 elsewhere, and where none is valid."""
    scores = np.where(valid, scores, -np.inf)
    largest = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(scores - np.where(np.isneginf(largest), 0, largest))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def valid_positions(valid, T, B):
    """Booleans (B, T), or (S, B, T) where they were given so, from lengths (B,), from booleans, or from None: all."""
    if valid is None:
        return np.ones((B, T), bool)
    valid = np.asarray(valid)
    if valid.ndim == 1:
        return within(valid, T, B)
    if valid.dtype != bool or valid.shape[-2:] != (B, T) or valid.ndim > 3:
        raise ValueError(
            f"valid must be lengths of shape (B,), or booleans of shape (B, T) = ({B}, {T}) or (S, B, T), "
            f"but it is {valid.dtype} of shape {valid.shape}"
        )
    return valid


def within(lengths, T, B):
    """Booleans (B, T): which of T positions lie within the lengths (B,), whole numbers from 0 to T; else ValueError."""
    lengths = np.asarray(lengths)
    if lengths.shape != (B,) or not np.issubdtype(lengths.dtype, np.integer):
        given = f"{lengths.dtype} of shape {lengths.shape}"
        raise ValueError(f"lengths must be whole numbers of shape (B,) = ({B},), but they are {given}")
    if B and (lengths.min() < 0 or lengths.max() > T):
        raise ValueError(f"lengths must lie between 0 and T = {T}, but they are {lengths.tolist()}")
    return np.arange(T) < lengths[:, None]


def _check(params, queries, keys, values):
    sizes, queries = {}, np.asarray(queries)
    many = queries.ndim != 2
    queries = expect("queries", queries, "S B Q" if many else "B Q", sizes)
    if isinstance(params, Additive):
        pairs = zip(Additive._fields, params, ("A Q", "A K", "A"), strict=True)
        params = Additive(*(expect(f"params.{name}", array, shape, sizes) for name, array, shape in pairs))
    elif params is not None:
        params = expect_fields("params", params, Multiplicative)
        params = Multiplicative(expect("params.W", params.W, "Q K", sizes))
    keys = expect("keys", keys, "T B Q" if params is None else "T B K", sizes)
    return params, queries if many else queries[None], keys, expect("values", values, "T B V", sizes), many
