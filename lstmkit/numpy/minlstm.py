"""minLSTM, an LSTM whose gates do not look at the past: forward pass by a scan, and gradients by the reversed scan.

    i'_t = σ(W_i x_t + b_i),  f'_t = σ(W_f x_t + b_f)        input and forget gate
    i_t = i'_t / (f'_t + i'_t),  f_t = f'_t / (f'_t + i'_t)  their shares, which sum to 1
    g_t = W_g x_t + b_g                                      candidate, plain
    g_t = a + 1/2 if a >= 0 else σ(a),  a = W_g x_t + b_g    candidate, positive
    h_t = f_t ⊙ h_{t-1} + i_t ⊙ g_t                          hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t: (B, H).  W_x and b stack the blocks in the order i, f, g.
The plain candidate is the paper's first form.  The positive one is its log-space form: with a positive state too, every
number has a logarithm, and `scan.log_space` gives the same h_t.  `forward` needs no logarithms: f_t is at most 1.
The state that enters is h itself in both forms, of either sign; the candidate's g is not applied to it.
The pointwise part stands in lstmkit/cells/minlstm.py, the scan in lstmkit/numpy/scan.py.

Source: Feng et al. (2024); the log-space form is in their Appendix B.  Twin: lstmkit/torch/minlstm.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import minlstm as cell
from lstmkit.numpy import scan


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (3H, D)
    b: np.ndarray  # (3H,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)


SHAPES = Params("3H D", "3H")
init_params, zero_state, count_params, step, step_backward, forward, backward = scan.functions(cell, SHAPES, State)
