"""The pointwise equations of the LSTM without an output gate, and their derivatives.

    i = σ(a_i)                 input gate
    f = σ(a_f)                 forget gate
    g = tanh(a_g)              candidate
    c = f ⊙ c_prev + i ⊙ g     cell state
    h = tanh(c)                hidden state, which always shows the cell

a_i, a_f, a_g are the pre-activations, W_x x_t + W_h h_{t-1} + b, cut into three blocks.
It is the LSTM whose output gate is 1.  Every argument has the same shape, and any shape will do.

Source: Greff et al. (2017), the ablation NOG; theirs has peepholes besides.  Chapter: chapters/gates.md.
"""

from lstmkit.numpy.functions import sigmoid, tanh

SAVED = ("i", "f", "g")  # what step returns after the state, for step_backward


def step(a_i, a_f, a_g, c_prev):
    """One time step: the new state h, c, then what `step_backward` needs."""
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    g = tanh(a_g)
    c = f * c_prev + i * g
    h = tanh(c)
    return h, c, i, f, g


def step_backward(d_h, d_c, i, f, g, h, c_prev):
    """∂L/∂a_i, ∂L/∂a_f, ∂L/∂a_g and ∂L/∂c_prev, from ∂L/∂h and ∂L/∂c."""
    d_c = d_c + d_h * (1 - h * h)  # c reaches the loss through h as well
    d_f = d_c * c_prev
    d_i = d_c * g
    d_g = d_c * i
    return d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_c * f
