"""The LSTM without an input gate: forward pass and backpropagation through time.

    f_t = σ(W_xf x_t + W_hf h_{t-1} + b_f)       forget gate
    g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)    candidate
    o_t = σ(W_xo x_t + W_ho h_{t-1} + b_o)       output gate
    c_t = f_t ⊙ c_{t-1} + g_t                    cell state
    h_t = o_t ⊙ tanh(c_t)                        hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t, c_t: (B, H).
W_x, W_h and b stack the blocks f, g, o.
The pointwise part stands in lstmkit/cells/no_input_gate.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Greff et al. (2017), the ablation NIG, there with peepholes besides.
Chapter: chapters/gates.md.  Twin: lstmkit/torch/no_input_gate.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import no_input_gate as cell
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
init_params, zero_state, count_params, step, step_backward, forward, backward = functions(
    cell, SHAPES, State, forget_block=0
)
