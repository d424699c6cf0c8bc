"""The sLSTM, an LSTM with exponential gating and a normaliser: forward pass and backpropagation through time.

    a_i, a_f, a_z, a_o = W_x x_t + W_h h_{t-1} + b, in four blocks
    m_t = max(log σ(a_f) + m_{t-1}, a_i)         stabiliser
    i_t = exp(a_i - m_t)                         input gate, exponential
    f_t = exp(log σ(a_f) + m_{t-1} - m_t)        forget gate, a sigmoid
    z_t = tanh(a_z)                              candidate
    o_t = σ(a_o)                                 output gate
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ z_t              cell state
    n_t = f_t ⊙ n_{t-1} + i_t                    normaliser
    h_t = o_t ⊙ c_t / n_t                        hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t, c_t, n_t, m_t: (B, H).
W_x, W_h and b stack the four blocks in the order i, f, z, o.  W_h is dense; with the paper's heads each gate's block of
it would be zero outside the heads' own squares.  c_t and n_t are the unstabilised ones times exp(-m_t).
The pointwise part, and how the gradient treats m, stand in lstmkit/cells/slstm.py.

Source: Beck et al. (2024), equations 8 to 17.  Twin: lstmkit/torch/slstm.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import slstm as cell
from lstmkit.numpy.layer import functions


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D)
    W_h: np.ndarray  # (4H, H)
    b: np.ndarray  # (4H,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)
    c: np.ndarray  # (B, H)
    n: np.ndarray  # (B, H)
    m: np.ndarray  # (B, H)


SHAPES = Params("4H D", "4H H", "4H")
FIRST = State(0, 0, 0, -np.inf)  # before the first step: m is -∞, so that the first input sets the scale, and n ≥ 1
init_params, zero_state, count_params, step, step_backward, forward, backward = functions(
    cell, SHAPES, State, forget_block=1, first=FIRST
)
