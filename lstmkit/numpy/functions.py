"""The functions of the chapters, each beside its derivative.

The derivatives of sigmoid, tanh and softmax are written in terms of the output y, which the forward pass has at hand.
All of them keep float32 and float64 as they come, and pass a NaN on as a NaN.
"""

import numpy as np


def sigmoid(a):
    """The logistic function σ(a) = 1 / (1 + e^{-a}), of any shape.

    Written as (1 + tanh(a/2)) / 2, which is the same function and cannot overflow.  The absolute error is one
    rounding; where σ(a) is tiny (a far below 0) the relative error is larger than that of the quotient.
    """
    return 0.5 + 0.5 * np.tanh(0.5 * a)


def d_sigmoid(y):
    """dσ/da in terms of the output y = σ(a), of any shape: y (1 - y), never above 1/4."""
    return y * (1 - y)


def tanh(a):
    """The hyperbolic tangent, of any shape: from -1 to 1, and 2σ(2a) - 1."""
    return np.tanh(a)


def d_tanh(y):
    """d tanh/da in terms of the output y = tanh(a), of any shape: 1 - y²."""
    return 1 - y * y


def relu(a):
    """The rectifier max(0, a), of any shape; a NaN stays a NaN."""
    return np.maximum(a, 0)


def d_relu(y):
    """d relu/da in terms of the output y = relu(a), of any shape: 1 where y > 0, else 0, at the kink as well."""
    return (y > 0).astype(y.dtype)


def softmax(a, axis=-1):
    """Positive numbers that sum to 1 along `axis`, in proportion to e^a; same shape as a.

    The largest entry is subtracted first, which changes nothing but keeps e^a from overflowing.
    """
    e = np.exp(a - np.max(a, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def d_softmax(y, d_y, axis=-1):
    """∂L/∂a from ∂L/∂y, with y = softmax(a) along `axis`; all of one shape.

    The Jacobian is diag(y) - y yᵀ, so the product needs one sum and no matrix.
    """
    return y * (d_y - np.sum(y * d_y, axis=axis, keepdims=True))


def cross_entropy(logits, labels):
    """Mean over the N rows of -log softmax(logits)[label]: logits (N, K), labels (N,) integers below K."""
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(shifted), axis=-1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels]))


def d_cross_entropy(logits, labels):
    """∂L/∂logits (N, K) of `cross_entropy`: softmax minus one-hot, over N."""
    d_logits = softmax(logits)
    d_logits[np.arange(len(labels)), labels] -= 1
    return d_logits / len(labels)


def exp(a):
    """The exponential e^a, of any shape."""
    return np.exp(a)


def maximum(a, b):
    """The larger of a and b, entry by entry, of any shape; a NaN in either stays a NaN."""
    return np.maximum(a, b)


def log_sigmoid(a):
    """log σ(a), of any shape: it neither overflows nor loses the small digits that the logarithm of σ(a) would.

    min(a, 0) - log(1 + e^{-|a|}), and its derivative is σ(-a).
    """
    return np.minimum(a, 0) - np.log1p(np.exp(-np.abs(a)))


def positive(a):
    """g(a) = a + 1/2 where a >= 0, else σ(a), of any shape: a line made positive (Feng et al., 2024)."""
    e = np.exp(np.minimum(a, 0))  # the quotient keeps the digits of a small σ(a), and g stays above 0
    return np.maximum(a, 0) + e / (1 + e)


def d_positive(y):
    """dg/da in terms of the output y = g(a), of any shape: 1 where y >= 1/2, else y (1 - y), a step at the kink."""
    return np.where(y >= 0.5, np.ones_like(y), y * (1 - y))


def log_positive(a):
    """log g(a), of any shape, exact where σ(a) is tiny."""
    return np.where(a >= 0, np.log(np.maximum(a, 0) + 0.5), log_sigmoid(a))
