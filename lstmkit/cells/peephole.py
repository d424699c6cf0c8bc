"""The pointwise equations of the LSTM with peepholes, and their derivatives.

    i = σ(a_i + w_i ⊙ c_prev)      input gate, which sees the cell state before the step
    f = σ(a_f + w_f ⊙ c_prev)      forget gate, likewise
    g = tanh(a_g)                  candidate
    c = f ⊙ c_prev + i ⊙ g         cell state
    o = σ(a_o + w_o ⊙ c)           output gate, which sees the cell state after it
    h = o ⊙ tanh(c)                hidden state

a_i, a_f, a_g, a_o are the pre-activations, W_x x_t + W_h h_{t-1} + b, cut into four blocks; q stands for tanh(c).
Each peephole w looks at its own unit's cell state and no other.  Arguments share one shape, or broadcast to it.

Source: Gers, Schraudolph & Schmidhuber (2002).  Chapter: chapters/peephole.md.
"""

from lstmkit.numpy.functions import sigmoid, tanh

SAVED = ("i", "f", "g", "o", "q")  # what step returns after the state, for step_backward


def step(a_i, a_f, a_g, a_o, c_prev, w_i, w_f, w_o):
    """One time step: the new state h, c, then what `step_backward` needs."""
    i = sigmoid(a_i + w_i * c_prev)
    f = sigmoid(a_f + w_f * c_prev)
    g = tanh(a_g)
    c = f * c_prev + i * g
    o = sigmoid(a_o + w_o * c)
    q = tanh(c)
    h = o * q
    return h, c, i, f, g, o, q


def step_backward(d_h, d_c, i, f, g, o, q, c, c_prev, w_i, w_f, w_o):
    """∂L/∂a_i, ∂L/∂a_f, ∂L/∂a_g, ∂L/∂a_o, ∂L/∂c_prev and ∂L/∂w_i, ∂L/∂w_f, ∂L/∂w_o, from ∂L/∂h and ∂L/∂c."""
    d_a_o = d_h * q * o * (1 - o)
    d_c = d_c + d_h * o * (1 - q * q) + d_a_o * w_o  # c reaches the loss through h, twice
    d_a_i = d_c * g * i * (1 - i)
    d_a_f = d_c * c_prev * f * (1 - f)
    d_a_g = d_c * i * (1 - g * g)
    d_c_prev = d_c * f + d_a_i * w_i + d_a_f * w_f
    return d_a_i, d_a_f, d_a_g, d_a_o, d_c_prev, d_a_i * c_prev, d_a_f * c_prev, d_a_o * c
