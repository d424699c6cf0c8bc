"""The LSTM with zoneout: forward pass and backpropagation through time.

    i_t = σ(W_xi x_t + W_hi h_{t-1} + b_i)                             input gate
    f_t = σ(W_xf x_t + W_hf h_{t-1} + b_f)                             forget gate
    g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)                          candidate
    o_t = σ(W_xo x_t + W_ho h_{t-1} + b_o)                             output gate
    c̃_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t                                    cell state of the LSTM
    c_t = m_c,t ⊙ c_{t-1} + (1 - m_c,t) ⊙ c̃_t                          cell state
    h_t = m_h,t ⊙ h_{t-1} + (1 - m_h,t) ⊙ o_t ⊙ tanh(c̃_t)              hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t, c_t, m_h,t, m_c,t: (B, H).
W_x, W_h and b stack the blocks i, f, g, o.  In training the masks m are 1 with a chosen probability, for each unit,
sequence and step by itself, and a unit whose mask is 1 keeps its old value; afterwards each m is that probability.
The pointwise part stands in lstmkit/cells/zoneout.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Krueger et al. (2017).  Chapter: chapters/practice.md.  Twin: lstmkit/torch/zoneout.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import zoneout as cell
from lstmkit.numpy import recurrence
from lstmkit.numpy.layer import functions
from lstmkit.numpy.shapes import expect, expect_fields, expect_params, expect_state


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D)
    W_h: np.ndarray  # (4H, H)
    b: np.ndarray  # (4H,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)
    c: np.ndarray  # (B, H)


SHAPES = Params("4H D", "4H H", "4H")
# The masks come in beside the state, which the functions made for every cell do not know: those three stand below.
init_params, zero_state, count_params, _, _, _, backward = functions(cell, SHAPES, State, forget_block=1)


def draw_mask(rng, zoneout, T, B, H, dtype=np.float64):
    """A mask (T, B, H) for training: 1, the old value stays, with probability `zoneout`; else 0."""
    return (rng.random((T, B, H)) < zoneout).astype(dtype)


def step(params, x_t, state, m_h=0.0, m_c=0.0):
    """One time step of x_t (B, D), with masks (B, H) or numbers.

    Returns the new State, fields (B, H), and what `step_backward` needs.
    """
    sizes, state = {}, expect_fields("state", state, State)
    params, x_t = expect_params(params, SHAPES, sizes), expect("x_t", x_t, "B D", sizes)
    state = expect_state("state", state, State, sizes)
    masks = [_mask(name, m, "B H", sizes)[None] for name, m in (("m_h", m_h), ("m_c", m_c))]
    _, new, cache = forward(params, x_t[None], state, True, *masks)
    return new, cache


def step_backward(params, d_state, cache):
    """The way back through one step, from the gradient at the new State.

    Returns ∂L/∂x_t (B, D), the gradient at the previous State, and that of the Params.
    """
    d_state = expect_fields("d_state", d_state, State)
    d_x, d_first, d_params = backward(params, np.zeros_like(d_state.h)[None], cache, d_state)
    return d_x[0], d_first, d_params


def forward(params, x, state=None, keep_cache=True, m_h=0.0, m_c=0.0):
    """Run over x (T, B, D), from zeros or from `state`.

    m_h and m_c are masks (T, B, H) from `draw_mask`, or, after training, the probabilities themselves; with 0 this is
    the LSTM, to the last bit.
    Returns hs (T, B, H), the last State, and the cache for `backward`: None without keep_cache; with
    keep_cache="lean" a small one, for which `backward` makes the gates again, with the same bits.
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, a dtype that is neither, dtypes that differ, or a number that is no probability.
    """
    sizes = {}
    params, x = expect_params(params, SHAPES, sizes), expect("x", x, "T B D", sizes)
    state = expect_state("state", state, State, sizes)
    given = {"m_h": _mask("m_h", m_h, "T B H", sizes), "m_c": _mask("m_c", m_c, "T B H", sizes)}
    hs, last, cache = recurrence.forward(cell, [params], x, state, given=given, keep_cache=keep_cache)
    return hs, State(*last), cache


def _mask(name, m, letters, sizes):
    """The mask as an array; a number stands for an array full of it."""
    if np.ndim(m) > 0:
        return expect(name, m, letters, sizes)
    if not 0 <= m <= 1:
        raise ValueError(f"{name} must be a mask ({', '.join(letters.split())}) or a probability, but it is {m!r}")
    return np.full([sizes[letter] for letter in letters.split()], m, sizes["dtype"][0])
