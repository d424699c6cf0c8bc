"""The LSTM whose gates also see the gates of the step before: forward pass and backpropagation through time.

    p_t = [i_t; f_t; o_t]                                        the three gates, side by side
    i_t = σ(W_xi x_t + W_hi h_{t-1} + W_gi p_{t-1} + b_i)        input gate
    f_t = σ(W_xf x_t + W_hf h_{t-1} + W_gf p_{t-1} + b_f)        forget gate
    g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)                    candidate, which sees no gate
    o_t = σ(W_xo x_t + W_ho h_{t-1} + W_go p_{t-1} + b_o)        output gate
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t                              cell state
    h_t = o_t ⊙ tanh(c_t)                                        hidden state

T steps, B sequences, D inputs, H units.  x: (T, B, D); each field of the state: (B, H).
W_x, W_h and b stack the blocks i, f, g, o; W_g, from gates to gates, stacks i, f, o, and so do its columns.
The pointwise part stands in lstmkit/cells/full_gate_recurrence.py, the loop over time in lstmkit/numpy/recurrence.py.

Source: Greff et al. (2017), the variant FGR, there with peepholes besides.
Chapter: chapters/gates.md.  Twin: lstmkit/torch/full_gate_recurrence.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.cells import full_gate_recurrence as cell
from lstmkit.numpy.layer import functions


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D)
    W_h: np.ndarray  # (4H, H)
    b: np.ndarray  # (4H,)
    W_g: np.ndarray  # (3H, 3H)


class State(NamedTuple):
    """What one step hands to the next, or its gradient."""

    h: np.ndarray  # (B, H)
    i: np.ndarray  # (B, H)
    f: np.ndarray  # (B, H)
    o: np.ndarray  # (B, H)
    c: np.ndarray  # (B, H)


def products(params):
    """One product with the columns h, i, f, o, in which the candidate's row has zeros for the gates."""
    H = params.W_h.shape[1]
    W = np.zeros((4 * H, 4 * H), params.W_h.dtype)
    W[:, :H] = params.W_h
    W[: 2 * H, H:], W[3 * H :, H:] = params.W_g[: 2 * H], params.W_g[2 * H :]
    return [(params.W_x, W, params.b)], ()


def gradients(d_products, d_weights):
    """The Params from the gradient of that product: what stands where the zeros were is no one's."""
    ((d_W_x, d_W, d_b),) = d_products
    H = d_W.shape[1] // 4
    return Params(d_W_x, d_W[:, :H].copy(), d_b, np.delete(d_W[:, H:], slice(2 * H, 3 * H), axis=0))


SHAPES = Params("4H D", "4H H", "4H", "3H 3H")
init_params, zero_state, count_params, step, step_backward, forward, backward = functions(
    cell, SHAPES, State, forget_block=1, products=products, gradients=gradients
)
