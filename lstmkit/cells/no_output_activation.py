"""The pointwise equations of the LSTM whose cell state is not squashed on its way out, and their derivatives.

    i = σ(a_i)                 input gate
    f = σ(a_f)                 forget gate
    g = tanh(a_g)              candidate
    o = σ(a_o)                 output gate
    c = f ⊙ c_prev + i ⊙ g     cell state
    h = o ⊙ c                  hidden state, as large as the cell

a_i, a_f, a_g, a_o are the pre-activations, W_x x_t + W_h h_{t-1} + b, cut into four blocks.
Every argument has the same shape, and any shape will do.

Source: Greff et al. (2017), the ablation NOAF; theirs has peepholes besides.  Chapter: chapters/gates.md.
"""

from lstmkit.numpy.functions import sigmoid, tanh

SAVED = ("i", "f", "g", "o")  # what step returns after the state, for step_backward


def step(a_i, a_f, a_g, a_o, c_prev):
    """One time step: the new state h, c, then what `step_backward` needs."""
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    g = tanh(a_g)
    o = sigmoid(a_o)
    c = f * c_prev + i * g
    h = o * c
    return h, c, i, f, g, o


def step_backward(d_h, d_c, i, f, g, o, c, c_prev):
    """∂L/∂a_i, ∂L/∂a_f, ∂L/∂a_g, ∂L/∂a_o and ∂L/∂c_prev, from ∂L/∂h and ∂L/∂c."""
    d_o = d_h * c
    d_c = d_c + d_h * o  # c reaches the loss through h as well
    d_f = d_c * c_prev
    d_i = d_c * g
    d_g = d_c * i
    return d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o), d_c * f
