"""The pointwise equations of the LSTM whose gates also see the gates of the step before, and their derivatives.

    i = σ(a_i)                 input gate
    f = σ(a_f)                 forget gate
    g = tanh(a_g)              candidate
    o = σ(a_o)                 output gate
    c = f ⊙ c_prev + i ⊙ g     cell state
    h = o ⊙ tanh(c)            hidden state

The equations are the LSTM's.  What differs is the product: a = W_x x_t + W_h [h; i; f; o]_{t-1} + b, so i, f and o
belong to the state, and W_h is four times as wide.  q stands for tanh(c).  Every argument has the same shape, and any
shape will do.

Source: Greff et al. (2017), the variant FGR, there with peepholes besides and without the gates' path to the
candidate; Hochreiter & Schmidhuber (1997) had such connections.  Chapter: chapters/gates.md.
"""

from lstmkit.numpy.functions import sigmoid, tanh

SAVED = ("g", "q")  # what step returns after the state, for step_backward


def step(a_i, a_f, a_g, a_o, c_prev):
    """One time step: the new state h, i, f, o, c, then what `step_backward` needs."""
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    g = tanh(a_g)
    o = sigmoid(a_o)
    c = f * c_prev + i * g
    q = tanh(c)
    h = o * q
    return h, i, f, o, c, g, q


def step_backward(d_h, d_i, d_f, d_o, d_c, i, f, g, o, q, c_prev):
    """∂L/∂a_i, ∂L/∂a_f, ∂L/∂a_g, ∂L/∂a_o and ∂L/∂c_prev, from the gradient at each field of the state."""
    d_o = d_o + d_h * q
    d_c = d_c + d_h * o * (1 - q * q)  # c reaches the loss through h as well
    d_f = d_f + d_c * c_prev
    d_i = d_i + d_c * g
    d_g = d_c * i
    return d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o), d_c * f
