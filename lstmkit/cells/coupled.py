"""The pointwise equations of the LSTM whose input and forget gates are coupled (CIFG), and their derivatives.

    f = σ(a_f)                           forget gate
    g = tanh(a_g)                        candidate
    o = σ(a_o)                           output gate
    c = f ⊙ c_prev + (1 - f) ⊙ g         cell state: what is forgotten makes room for what is written
    h = o ⊙ tanh(c)                      hidden state

a_f, a_g, a_o are the pre-activations, W_x x_t + W_h h_{t-1} + b, cut into three blocks; q stands for tanh(c).
c is a weighted mean of its past and the candidate, so it never leaves (-1, 1) once inside.
Every argument has the same shape, and any shape will do.

Source: Greff et al. (2017), the variant CIFG.  Chapter: chapters/gates.md.
"""

from lstmkit.numpy.functions import sigmoid, tanh

SAVED = ("f", "g", "o", "q")  # what step returns after the state, for step_backward


def step(a_f, a_g, a_o, c_prev):
    """One time step: the new state h, c, then what `step_backward` needs."""
    f = sigmoid(a_f)
    g = tanh(a_g)
    o = sigmoid(a_o)
    c = f * c_prev + (1 - f) * g
    q = tanh(c)
    h = o * q
    return h, c, f, g, o, q


def step_backward(d_h, d_c, f, g, o, q, c_prev):
    """∂L/∂a_f, ∂L/∂a_g, ∂L/∂a_o and ∂L/∂c_prev, from ∂L/∂h and ∂L/∂c."""
    d_o = d_h * q
    d_c = d_c + d_h * o * (1 - q * q)  # c reaches the loss through h as well
    d_f = d_c * (c_prev - g)  # one gate, two roles
    d_g = d_c * (1 - f)
    return d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o), d_c * f
