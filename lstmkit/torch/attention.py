"""Attention as torch modules: additive, multiplicative and (scaled) dot product.

The equations stand in lstmkit/numpy/attention.py; torch differentiates what is composed here.

T keys, each with a value, and S queries; B sequences; Q, K, V features of a query, a key, a value; A units.
queries: (S, B, Q), or one step of them (B, Q); keys: (T, B, K); values: (T, B, V); weights: (S, B, T), or (B, T).

Each module scores in two halves.  `project` does what concerns the keys alone, so that a decoder, which asks once a
step, does it once for all steps; `score` does the rest.

Source: Bahdanau, Cho & Bengio (2015); Luong, Pham & Manning (2015); Vaswani et al. (2017).
Chapter: chapters/attention.md.  Twin: lstmkit/numpy/attention.py.
"""

import torch
from torch import nn


class AdditiveAttention(nn.Module):
    """e_j = vᵀ tanh(W_q q + W_k k_j), with W_q (A, Q), W_k (A, K) and v (A,) (Bahdanau, Cho & Bengio, 2015)."""

    def __init__(self, query_size, key_size, hidden_size, batch_first=False, *, device=None, dtype=None):
        super().__init__()
        self.batch_first = batch_first
        self.W_q = _uniform(hidden_size, query_size, device=device, dtype=dtype)
        self.W_k = _uniform(hidden_size, key_size, device=device, dtype=dtype)
        self.v = _uniform(hidden_size, device=device, dtype=dtype)

    def forward(self, queries, keys, values, valid=None):
        """contexts (S, B, V) and weights (S, B, T); see `attend`."""
        return attend(self, queries, keys, values, valid)

    def project(self, keys):
        """W_k k_j: (..., A) from keys (..., K)."""
        return keys @ self.W_k.T

    def score(self, queries, projected):
        """Scores (B, S, T) from queries (B, S, Q) and projected keys (B, T, A)."""
        return torch.tanh((queries @ self.W_q.T).unsqueeze(2) + projected.unsqueeze(1)) @ self.v


class MultiplicativeAttention(nn.Module):
    """e_j = qᵀ W k_j, with W (Q, K): the "general" score of Luong, Pham & Manning (2015)."""

    def __init__(self, query_size, key_size, batch_first=False, *, device=None, dtype=None):
        super().__init__()
        self.batch_first = batch_first
        self.W = _uniform(query_size, key_size, device=device, dtype=dtype)

    def forward(self, queries, keys, values, valid=None):
        """contexts (S, B, V) and weights (S, B, T); see `attend`."""
        return attend(self, queries, keys, values, valid)

    def project(self, keys):
        """W k_j: (..., Q) from keys (..., K)."""
        return keys @ self.W.T

    def score(self, queries, projected):
        """Scores (B, S, T) from queries (B, S, Q) and projected keys (B, T, Q)."""
        return queries @ projected.transpose(1, 2)


class DotAttention(nn.Module):
    """e_j = scale · qᵀ k_j: no parameters.  A scale of 1/√Q is that of Vaswani et al. (2017)."""

    def __init__(self, scale=1.0, batch_first=False):
        super().__init__()
        self.scale, self.batch_first = scale, batch_first

    def forward(self, queries, keys, values, valid=None):
        """contexts (S, B, V) and weights (S, B, T); see `attend`."""
        return attend(self, queries, keys, values, valid)

    def project(self, keys):
        """The keys (..., Q) as they are."""
        return keys

    def score(self, queries, projected):
        """Scores (B, S, T) from queries (B, S, Q) and keys (B, T, Q)."""
        return self.scale * queries @ projected.transpose(1, 2)


def attend(module, queries, keys, values, valid=None):
    """contexts (S, B, V) and weights (S, B, T) by the scores of `module`; (B, V) and (B, T) for queries (B, Q).

    `valid` says which keys are real: lengths (B,), or booleans (B, T).  A position that is not has weight 0 and
    gradient 0, whatever it holds; a sequence without any gets a context of zeros.  With batch_first, queries, keys,
    values, contexts and weights have B as their first axis.  Raises ValueError for a shape that does not fit.
    """
    one = queries.dim() == 2
    if not module.batch_first:
        keys, values = keys.transpose(0, 1), values.transpose(0, 1)
        queries = queries if one else queries.transpose(0, 1)
    queries = queries.unsqueeze(1) if one else queries
    if keys.dim() != 3 or values.shape[:2] != keys.shape[:2] or queries.dim() != 3 or len(queries) != len(keys):
        given = ", ".join(str(tuple(t.shape)) for t in (queries, keys, values))
        raise ValueError(f"queries, keys and values must be (B, S, Q), (B, T, K) and (B, T, V), but they are {given}")
    valid = valid_positions(valid, keys.shape[1], keys.shape[0], keys.device)
    keys, values = (tensor.masked_fill(~valid.unsqueeze(-1), 0) for tensor in (keys, values))
    contexts, weights = weigh(module.score(queries, module.project(keys)), values, valid)
    if one:
        return contexts.squeeze(1), weights.squeeze(1)
    return (contexts, weights) if module.batch_first else (contexts.transpose(0, 1), weights.transpose(0, 1))


def weigh(scores, values, valid):
    """contexts (B, S, V) and weights (B, S, T) from scores (B, S, T), values (B, T, V) and booleans (B, T)."""
    padded = ~valid.unsqueeze(1)
    # The lowest finite number, not -∞: a row of nothing else then has a softmax, which the second line wipes out.
    weights = scores.masked_fill(padded, torch.finfo(scores.dtype).min).softmax(-1)
    weights = weights.masked_fill(padded, 0)
    return weights @ values, weights


def valid_positions(valid, T, B, device=None):
    """Booleans (B, T) from lengths (B,), from such booleans, or from None: all."""
    if valid is None:
        return torch.ones(B, T, dtype=torch.bool, device=device)
    valid = torch.as_tensor(valid, device=device)
    if valid.dim() == 1:
        return within(valid, T, B, device)
    if valid.dtype != torch.bool or valid.shape != (B, T):
        raise ValueError(
            f"valid must be lengths of shape (B,) or booleans of shape (B, T) = ({B}, {T}), "
            f"but it is {valid.dtype} of shape {tuple(valid.shape)}"
        )
    return valid


def within(lengths, T, B, device=None):
    """Booleans (B, T): which of T positions lie within the lengths (B,), whole numbers from 0 to T; else ValueError."""
    lengths = torch.as_tensor(lengths, device=device)
    if lengths.shape != (B,) or lengths.dtype == torch.bool or lengths.dtype.is_floating_point:
        given = f"{lengths.dtype} of shape {tuple(lengths.shape)}"
        raise ValueError(f"lengths must be whole numbers of shape (B,) = ({B},), but they are {given}")
    if B and (lengths.min() < 0 or lengths.max() > T):
        raise ValueError(f"lengths must lie between 0 and T = {T}, but they are {lengths.tolist()}")
    return torch.arange(T, device=device) < lengths.unsqueeze(1)


def _uniform(*size, device, dtype):
    return nn.Parameter(torch.empty(size, device=device, dtype=dtype).uniform_(-1, 1) * size[-1] ** -0.5)
