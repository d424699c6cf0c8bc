"""The pointwise equations of the LSTM of 1997, which has no forget gate, and their derivatives.

    i = σ(a_i)                 input gate
    g = tanh(a_g)              candidate
    o = σ(a_o)                 output gate
    c = c_prev + i ⊙ g         cell state: what is in stays in
    h = o ⊙ tanh(c)            hidden state

a_i, a_g, a_o are the pre-activations, W_x x_t + W_h h_{t-1} + b, cut into three blocks; q stands for tanh(c).
It is the LSTM whose forget gate is 1, and the ablation NFG of Greff et al. (2017).  The paper of 1997 squashes the
candidate into (-2, 2) and c into (-1, 1) by scaled logistic functions; tanh is what everybody has used since.
Every argument has the same shape, and any shape will do.

Source: Hochreiter & Schmidhuber (1997).  Chapter: chapters/evolution.md.
"""

from lstmkit.numpy.functions import sigmoid, tanh

SAVED = ("i", "g", "o", "q")  # what step returns after the state, for step_backward


def step(a_i, a_g, a_o, c_prev):
    """One time step: the new state h, c, then what `step_backward` needs."""
    i = sigmoid(a_i)
    g = tanh(a_g)
    o = sigmoid(a_o)
    c = c_prev + i * g
    q = tanh(c)
    h = o * q
    return h, c, i, g, o, q


def step_backward(d_h, d_c, i, g, o, q):
    """∂L/∂a_i, ∂L/∂a_g, ∂L/∂a_o and ∂L/∂c_prev, from ∂L/∂h and ∂L/∂c."""
    d_o = d_h * q
    d_c = d_c + d_h * o * (1 - q * q)  # c reaches the loss through h as well
    d_i = d_c * g
    d_g = d_c * i
    return d_i * i * (1 - i), d_g * (1 - g * g), d_o * o * (1 - o), d_c
