"""The LSTM whose cell state is not squashed on its way out: forward pass and backpropagation through time.

    i_t = σ(W_xi x_t + W_hi h_{t-1} + b_i)       input gate
    f_t = σ(W_xf x_t + W_hf h_{t-1} + b_f)       forget gate
    g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)    candidate
    o_t = σ(W_xo x_t + W_ho h_{t-1} + b_o)       output gate
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t              cell state
    h_t = o_t ⊙ c_t                              hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t, c_t: (B, H).
W_x, W_h and b stack the blocks i, f, g, o.
The pointwise part stands in lstmkit/cells/no_output_activation.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Greff et al. (2017), the ablation NOAF, there with peepholes besides.
Chapter: chapters/gates.md.  Twin: lstmkit/torch/no_output_activation.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import no_output_activation as cell
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


SHAPES = Params("4H D", "4H H", "4H")
init_params, zero_state, count_params, step, step_backward, forward, backward = functions(
    cell, SHAPES, State, forget_block=1
)
