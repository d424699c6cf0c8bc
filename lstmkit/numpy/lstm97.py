"""The LSTM of 1997, without a forget gate: forward pass and backpropagation through time.

    i_t = σ(W_xi x_t + W_hi h_{t-1} + b_i)       input gate
    g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)    candidate
    o_t = σ(W_xo x_t + W_ho h_{t-1} + b_o)       output gate
    c_t = c_{t-1} + i_t ⊙ g_t                    cell state: what is in stays in
    h_t = o_t ⊙ tanh(c_t)                        hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t, c_t: (B, H).
W_x, W_h and b stack the blocks i, g, o.
The pointwise part stands in lstmkit/cells/lstm97.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Hochreiter & Schmidhuber (1997); as an ablation, NFG in Greff et al. (2017).
Chapter: chapters/evolution.md.  Twin: lstmkit/torch/lstm97.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import lstm97 as cell
from lstmkit.numpy.layer import functions


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (3H, D)
    W_h: np.ndarray  # (3H, H)
    b: np.ndarray  # (3H,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)
    c: np.ndarray  # (B, H)


SHAPES = Params("3H D", "3H H", "3H")
init_params, zero_state, count_params, step, step_backward, forward, backward = functions(cell, SHAPES, State)
