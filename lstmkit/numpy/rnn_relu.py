"""The simple recurrent network with ReLU: forward pass and backpropagation through time.

    h_t = max(0, W_x x_t + W_h h_{t-1} + b)    hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t: (B, H).
The pointwise part stands in lstmkit/cells/rnn_relu.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Le, Jaitly & Hinton (2015).
Chapter: chapters/sequence_problem.md.  Twin: lstmkit/torch/rnn.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import rnn_relu as cell
from lstmkit.numpy.layer import functions


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (H, D)
    W_h: np.ndarray  # (H, H)
    b: np.ndarray  # (H,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)


SHAPES = Params("H D", "H H", "H")
init_params, zero_state, count_params, step, step_backward, forward, backward = functions(cell, SHAPES, State)
