"""The functions that the cells' equations name, inside a GPU kernel: the names of lstmkit/numpy/functions.py."""

import triton
import triton.language as tl


@triton.jit
def sigmoid(a):
    """σ(a); in Triton's own form, which does not overflow."""
    return tl.sigmoid(a)


@triton.jit
def tanh(a):
    """tanh(a) as 2σ(2a) - 1: one exponential, and no jump where a is large."""
    return 2 * tl.sigmoid(2 * a) - 1


@triton.jit
def relu(a):
    """max(0, a); a NaN stays a NaN."""
    return tl.maximum(a, 0.0, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def d_relu(y):
    """1 where y > 0, else 0."""
    return (y > 0).to(tl.float32)


@triton.jit
def exp(a):
    """e^a."""
    return tl.exp(a)


@triton.jit
def maximum(a, b):
    """The larger of a and b; a NaN in either stays a NaN."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def log_sigmoid(a):
    """log σ(a) = min(a, 0) - log(1 + e^{-|a|})."""
    return tl.minimum(a, 0.0, propagate_nan=tl.PropagateNan.ALL) - tl.log(1 + tl.exp(-tl.abs(a)))


@triton.jit
def meet(arrived, target):
    """Wait until all programs that share the counter `arrived` are here: what they stored before can then be read."""
    tl.debug_barrier()
    tl.atomic_add(arrived, 1, sem="release", scope="gpu")
    while tl.atomic_add(arrived, 0, sem="acquire", scope="gpu") < target:
        pass
    tl.debug_barrier()
