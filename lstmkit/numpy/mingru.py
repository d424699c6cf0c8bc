"""minGRU, a GRU whose gate does not look at the past: forward pass by a scan, and gradients by the reversed scan.

    z_t = σ(W_z x_t + b_z)                                   update gate: 1 takes the candidate
    g_t = W_g x_t + b_g                                      candidate, plain
    g_t = a + 1/2 if a >= 0 else σ(a),  a = W_g x_t + b_g    candidate, positive
    h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ g_t                    hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t: (B, H).  W_x and b stack the blocks in the order z, g.
z_t here takes the candidate where torch.nn.GRU's keeps the old state.
The plain candidate is the paper's first form.  The positive one is its log-space form: with a positive state too, every
number has a logarithm, and `scan.log_space` gives the same h_t.  `forward` needs no logarithms: 1 - z_t is at most 1.
The state that enters is h itself in both forms, of either sign; the candidate's g is not applied to it.
The pointwise part stands in lstmkit/cells/mingru.py, the scan in lstmkit/numpy/scan.py.

Source: Feng et al. (2024); the log-space form is in their Appendix B.  Twin: lstmkit/torch/mingru.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import mingru as cell
from lstmkit.numpy import scan


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (2H, D)
    b: np.ndarray  # (2H,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)


SHAPES = Params("2H D", "2H")
init_params, zero_state, count_params, step, step_backward, forward, backward = scan.functions(cell, SHAPES, State)
