"""The gated recurrent unit in the form of torch.nn and cuDNN: forward pass and backpropagation through time.

    r_t = σ(W_xr x_t + W_hr h_{t-1} + b_r)                         reset gate
    z_t = σ(W_xz x_t + W_hz h_{t-1} + b_z)                         update gate: 1 keeps the old state
    n_t = tanh(W_xn x_t + b_n + r_t ⊙ (W_hn h_{t-1} + b_u))        candidate
    h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}                          hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); h_t: (B, H).
W_x, W_h and b stack the blocks r, z, n, as torch.nn.GRU does.  The candidate needs a second bias, b_u, inside the
reset: it is the last block of torch's bias_hh.  The other blocks of that bias do nothing that b does not.
The pointwise part stands in lstmkit/cells/gru.py, the loop over time in lstmkit/numpy/recurrence.py.

The first papers reset the state before the recurrent product, n_t = tanh(W_xn x_t + W_hn (r_t ⊙ h_{t-1}) + b_n), as
Keras does with reset_after=False: lstmkit/numpy/gru_reset_before.py.  Some papers exchange z and 1 - z.

Source: Cho et al. (2014), first version.  Chapter: chapters/gru.md.  Twin: lstmkit/torch/gru.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import gru as cell
from lstmkit.numpy.layer import functions


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (3H, D)
    W_h: np.ndarray  # (3H, H)
    b: np.ndarray  # (3H,)
    b_u: np.ndarray  # (H,)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)


def products(params):
    """Three: u sees the past alone, r and z see both, a_n sees the input alone."""
    (W_x, W_h, b, b_u), H = params, params.W_h.shape[1]
    return [(None, W_h[2 * H :], b_u), (W_x[: 2 * H], W_h[: 2 * H], b[: 2 * H]), (W_x[2 * H :], None, b[2 * H :])], ()


def gradients(d_products, d_weights):
    """The Params from the gradients of the three products."""
    (_, d_W_hn, d_b_u), (d_W_xrz, d_W_hrz, d_b_rz), (d_W_xn, _, d_b_n) = d_products
    d_W_x, d_W_h = np.concatenate([d_W_xrz, d_W_xn]), np.concatenate([d_W_hrz, d_W_hn])
    return Params(d_W_x, d_W_h, np.concatenate([d_b_rz, d_b_n]), d_b_u)


SHAPES = Params("3H D", "3H H", "3H", "H")
init_params, zero_state, count_params, step, step_backward, forward, backward = functions(
    cell, SHAPES, State, products=products, gradients=gradients
)
