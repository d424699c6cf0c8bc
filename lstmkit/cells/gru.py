"""The pointwise equations of the gated recurrent unit in the form of torch.nn and cuDNN, and their derivatives.

    r = σ(a_r)                       reset gate
    z = σ(a_z)                       update gate: 1 keeps the old state
    n = tanh(a_n + r ⊙ u)            candidate
    h = (1 - z) ⊙ n + z ⊙ h_prev     hidden state

a_r and a_z are pre-activations, W_x x_t + W_h h_{t-1} + b.  The candidate's stays in two parts, for the reset gate
acts on one of them alone: a_n = W_x x_t + b sees the input, u = W_h h_{t-1} + b' sees the past.  The reset so comes
after the recurrent product; gru_reset_before.py has the form of the first papers.
Every argument has the same shape, and any shape will do.

Source: the first version of Cho et al. (2014); later versions, and Chung et al. (2014), reset before the product.
Chapter: chapters/gru.md.
"""

from lstmkit.numpy.functions import sigmoid, tanh

SAVED = ("r", "z", "n", "u")  # what step returns after the state, for step_backward


def step(u, a_r, a_z, a_n, h_prev):
    """One time step: the new state h, then what `step_backward` needs."""
    r = sigmoid(a_r)
    z = sigmoid(a_z)
    n = tanh(a_n + r * u)
    h = (1 - z) * n + z * h_prev
    return h, r, z, n, u


def step_backward(d_h, r, z, n, u, h_prev):
    """∂L/∂u, ∂L/∂a_r, ∂L/∂a_z, ∂L/∂a_n and ∂L/∂h_prev (past the products), from ∂L/∂h."""
    d_z = d_h * (h_prev - n)
    d_a_n = d_h * (1 - z) * (1 - n * n)
    d_r = d_a_n * u
    return d_a_n * r, d_r * r * (1 - r), d_z * z * (1 - z), d_a_n, d_h * z
