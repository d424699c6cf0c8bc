"""Where a recurrence starts from, before it has learnt anything.

    uniform       every weight and bias uniform in ±1/√H                       as torch.nn does
    orthogonal    W_h Wᵀ_h = I for each gate's block                           what is fed back neither grows nor fades
    forget_bias   b_f = 1                                                      the forget gate starts open
    chrono        b_f = ln u, u uniform in (1, T_max - 1), and b_i = -b_f      memories of every length up to T_max
    identity      W_h = I, b = 0, W_x normal with a deviation of 0.001         a ReLU network that remembers

Each takes the Params of a cell, (4H, D), (4H, H), (4H,) for the LSTM, and returns new ones, with the fields that it
does not speak of as they were.  Start from the cell's own init_params, then change what should differ.

The gate that keeps the old state is f where a cell has one, and z in the GRU, in torch's form, where z near 1 keeps.  A
gate that stands at f forgets with a time constant of some 1/(1 - f) steps, which is 1 + exp(b_f): hence chrono.

Source: Saxe, McClelland & Ganguli (2014) for orthogonal; Gers, Schmidhuber & Cummins (2000) and Jozefowicz, Zaremba &
Sutskever (2015) for the forget bias; Tallec & Ollivier (2018) for chrono; Le, Jaitly & Hinton (2015) for the identity.
Chapter: chapters/practice.md.  Twin: lstmkit/torch/initialise.py.
"""

import sys

import numpy as np

from lstmkit.numpy import inplace
from lstmkit.numpy.shapes import expect

# What b stacks in the modules that do not run a cell of lstmkit.cells, which would say it.
BLOCKS = {"lstmkit.numpy.layernorm": ["i", "f", "g", "o"], "lstmkit.numpy.gru_reset_before": ["r", "z", "n"]}


def uniform(rng, params):
    """Every weight and bias uniform in ±1/√H, shapes as they are.

    It is torch.nn's rule for each of its arrays.  Where torch.nn has two biases their sum, which is what acts, reaches
    as far as ±2/√H.  Fields that are neither, such as the gains of a normalisation, stay as they are.
    """
    _, H, _ = _anatomy(params)
    bound = 1 / np.sqrt(H)
    fresh = {
        name: rng.uniform(-bound, bound, value.shape).astype(value.dtype)
        for name, value in params._asdict().items()
        if name == "b" or name.startswith(("W_", "w_", "b_"))
    }
    return params._replace(**fresh)


def orthogonal(rng, params):
    """W_h with an orthogonal matrix in each gate's block (H, H), drawn evenly from all of them.

    Where a block is no square, its shorter side is orthonormal.  ValueError for a cell without recurrent weights.
    """
    _, H, _ = _anatomy(params)
    if "W_h" not in params._fields:
        raise ValueError("orthogonal needs recurrent weights, W_h, and this cell has none")
    blocks = []
    for block in np.split(params.W_h, len(params.W_h) // H):
        Q, R = np.linalg.qr(rng.normal(size=sorted(block.shape, reverse=True)))
        # QR leaves the signs of R's diagonal open; only with these is Q uniform over all orthogonal matrices.
        Q *= np.sign(np.diag(R))
        blocks.append(Q if Q.shape == block.shape else Q.T)
    return params._replace(W_h=np.concatenate(blocks).astype(params.W_h.dtype))


def forget_bias(params, value=1.0):
    """b (4H,) with `value` for the gate that keeps the old state.  ValueError for a cell without such a gate."""
    letters, H, keep = _anatomy(params)
    return _with_bias(params, H, {letters.index(_expect_gate(keep, "forget_bias")): value})


def chrono(rng, params, T_max):
    """b (4H,) for memories of 1 to T_max steps; other gates' biases stay as they are.

    ln u, u uniform between 1 and T_max - 1, for the gate that keeps the old state, and its opposite for the input gate,
    where the cell has one of its own, which so opens as far as the other lets go.  ValueError for a cell without
    such a gate, and for a T_max below 3.
    """
    letters, H, keep = _anatomy(params)
    _expect_gate(keep, "chrono")
    if not T_max >= 3:
        raise ValueError(f"T_max must be 3 steps or more, but it is {T_max}")
    b = np.log(rng.uniform(1, T_max - 1, H))
    blocks = {letters.index(keep): b}
    if "i" in letters:
        blocks[letters.index("i")] = -b
    return _with_bias(params, H, blocks)


def identity(rng, params, scale=1.0, deviation=0.001):
    """W_h (H, H) as `scale` times the identity, b zero, and W_x normal with a standard deviation of `deviation`.

    For lstmkit.numpy.rnn_relu, the IRNN; ValueError for a cell with gates.
    """
    letters, H, _ = _anatomy(params)
    if len(letters) != 1:
        raise ValueError(f"identity is for a cell without gates, but this one has the blocks {', '.join(letters)}")
    W_x, dtype = rng.normal(0, deviation, params.W_x.shape), params.W_h.dtype
    return params._replace(W_x=W_x.astype(dtype), W_h=scale * np.eye(H, dtype=dtype), b=np.zeros_like(params.b))


def _anatomy(params):
    """The letters of the blocks that b stacks, H, and the letter of the gate that keeps the old state, or None."""
    # Each cell's Params is a class of its own, so that it says whose it is; the names of its blocks are those of the
    # pre-activations that the cell's step takes.
    home = sys.modules[type(params).__module__]
    known = hasattr(home, "SHAPES") and (hasattr(home, "cell") or home.__name__ in BLOCKS)
    if not (hasattr(params, "_fields") and known):
        raise ValueError(f"params must be the Params of a cell of lstmkit.numpy, but it is a {type(params).__name__}")
    if hasattr(home, "cell"):
        letters = [name.removeprefix("a_") for name in inplace.blocks(home.cell)]
    else:
        letters = BLOCKS[home.__name__]
    letters = [letter for letter in letters if f"b_{letter}" not in params._fields]  # a bias of its own: not in b
    sizes = {}
    for name, shape in sorted(home.SHAPES._asdict().items(), key=lambda item: item[0] != "b"):
        expect(f"params.{name}", getattr(params, name), shape, sizes)
    keep = "f" if "f" in letters else "z" if {"r", "z"} <= set(letters) else None
    return letters, sizes["H"], keep


def _expect_gate(keep, rule):
    if keep is None:
        raise ValueError(f"{rule} needs a gate that keeps the old state, f or the GRU's z, and this cell has none")
    return keep


def _with_bias(params, H, blocks):
    b = params.b.copy()
    for k, value in blocks.items():
        b[k * H : (k + 1) * H] = value
    return params._replace(b=b)
