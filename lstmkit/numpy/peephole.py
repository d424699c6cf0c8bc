"""The LSTM with peepholes: forward pass and backpropagation through time.

    i_t = σ(W_xi x_t + W_hi h_{t-1} + w_i ⊙ c_{t-1} + b_i)    input gate, which sees the cell state before the step
    f_t = σ(W_xf x_t + W_hf h_{t-1} + w_f ⊙ c_{t-1} + b_f)    forget gate, likewise
    g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)                 candidate
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t                           cell state
    o_t = σ(W_xo x_t + W_ho h_{t-1} + w_o ⊙ c_t + b_o)        output gate, which sees the cell state after it
    h_t = o_t ⊙ tanh(c_t)                                     hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t, c_t: (B, H).
W_x, W_h and b stack the blocks i, f, g, o.
The pointwise part stands in lstmkit/cells/peephole.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Gers, Schraudolph & Schmidhuber (2002); the operator LSTM of ONNX has the same form.
Chapter: chapters/peephole.md.  Twin: lstmkit/torch/peephole.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import peephole as cell
from lstmkit.numpy.layer import functions


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D)
    W_h: np.ndarray  # (4H, H)
    b: np.ndarray  # (4H,)
    w_i: np.ndarray  # (H,)
    w_f: np.ndarray  # (H,)
    w_o: np.ndarray  # (H,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)
    c: np.ndarray  # (B, H)


SHAPES = Params("4H D", "4H H", "4H", "H", "H", "H")
init_params, zero_state, count_params, step, step_backward, forward, backward = functions(
    cell, SHAPES, State, forget_block=1
)
