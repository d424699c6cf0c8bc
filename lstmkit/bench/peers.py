"""The LSTMs of Keras and of Flax, which are optional: each takes part where it is installed.

Both get the input in the order of axes that suits them, and that is not timed.
"""

import os
import time
from importlib.util import find_spec

from lstmkit.bench.timing import FLAX, KERAS, Contender


def has_keras():
    """Keras, and the torch that it is to run on."""
    return find_spec("keras") is not None and find_spec("torch") is not None


def has_flax():
    """Flax, and the JAX below it."""
    return find_spec("jax") is not None and find_spec("flax") is not None


def left_out():
    """A line for each peer that is not here, with its cure."""
    lines = []
    if find_spec("torch") is None:
        lines.append("PyTorch and all that needs it: pip install 'lstmkit[torch]'")
    if not has_keras():
        lines.append(f"{KERAS}: pip install keras")
    if not has_flax():
        lines.append(f"{FLAX}: pip install flax")
    return lines


def keras(task):
    """keras.layers.LSTM on the torch backend: batch first, blocks i, f, c, o, matrices transposed."""
    os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is first imported
    import keras as library
    import torch

    if library.backend.backend() != "torch":
        raise RuntimeError(f"Keras was already running on {library.backend.backend()}")
    (W_x, W_h, b), x, d_hs = task
    layer = library.layers.LSTM(W_h.shape[1], return_sequences=True, dtype=x.dtype.name)
    leaf = torch.from_numpy(x.transpose(1, 0, 2).copy()).requires_grad_()  # (B, T, D)
    incoming = torch.from_numpy(d_hs.transpose(1, 0, 2).copy())
    layer.build(leaf.shape)
    layer.set_weights([W_x.T, W_h.T, b])
    leaves = [leaf, *(weight.value for weight in layer.trainable_weights)]

    def forward():
        with torch.no_grad():
            return layer(leaf).transpose(0, 1)

    def both():
        hs = layer(leaf)
        return hs.detach().transpose(0, 1), torch.autograd.grad(hs, leaves, incoming)[0].transpose(0, 1)

    return Contender(KERAS, forward, both)


def flax(task):
    """flax.linen.RNN of an OptimizedLSTMCell, time first, compiled for this shape before it is timed."""
    import jax
    import jax.numpy as jnp
    from flax import linen

    jax.config.update("jax_enable_x64", True)
    (W_x, W_h, b), x, d_hs = task
    H = W_h.shape[1]
    blocks = [slice(k * H, (k + 1) * H) for k in range(4)]
    weights = {f"i{gate}": {"kernel": jnp.asarray(W_x[rows].T)} for gate, rows in zip("ifgo", blocks, strict=True)}
    weights |= {
        f"h{gate}": {"kernel": jnp.asarray(W_h[rows].T), "bias": jnp.asarray(b[rows])}
        for gate, rows in zip("ifgo", blocks, strict=True)
    }
    model = linen.RNN(linen.OptimizedLSTMCell(H, dtype=x.dtype, param_dtype=x.dtype), time_major=True)
    weights, x, d_hs = {"params": {"cell": weights}}, jnp.asarray(x), jnp.asarray(d_hs)

    def run_both(weights, x, d_hs):
        hs, back = jax.vjp(model.apply, weights, x)
        return hs, back(d_hs)

    start = time.perf_counter()
    run_forward = jax.jit(model.apply).lower(weights, x).compile()
    middle = time.perf_counter()
    run_both = jax.jit(run_both).lower(weights, x, d_hs).compile()
    end = time.perf_counter()

    def forward():
        return run_forward(weights, x).block_until_ready()

    def both():
        hs, (_, d_x) = jax.block_until_ready(run_both(weights, x, d_hs))
        return hs, d_x

    return Contender(FLAX, forward, both, note=f"compiled in {middle - start:.1f} and {end - middle:.1f} s")
