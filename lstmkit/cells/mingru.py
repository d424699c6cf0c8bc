"""The pointwise equations of minGRU, and their derivatives.

    z = σ(a_z)                       update gate: 1 takes the candidate
    h = (1 - z) ⊙ h_prev + z ⊙ g     hidden state

a_z is a pre-activation W x_t + b, which sees the input and not the past; g is the candidate, another one as it comes,
or the positive function of it.  As z and g do not know h_prev, h is linear in it, with f = 1 - z as its factor.
Every argument has the same shape, and any shape will do: one step, or all steps at once.

Source: Feng et al. (2024), who write h̃ for g.
"""

from lstmkit.numpy.functions import sigmoid

SAVED = ("f", "g")  # what step returns after the state, for step_backward; f, the factor of h_prev, first


def step(a_z, g, h_prev):
    """One time step: the new state h, then what `step_backward` needs."""
    z = sigmoid(a_z)
    f = 1 - z
    h = f * h_prev + z * g
    return h, f, g


def step_backward(d_h, f, g, h_prev):
    """∂L/∂a_z, ∂L/∂g and ∂L/∂h_prev, from ∂L/∂h."""
    d_z = d_h * (g - h_prev)
    return d_z * f * (1 - f), d_h * (1 - f), d_h * f
