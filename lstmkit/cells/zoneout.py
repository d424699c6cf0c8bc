"""The pointwise equations of the LSTM with zoneout, and their derivatives.

    i = σ(a_i)                                   input gate
    f = σ(a_f)                                   forget gate
    g = tanh(a_g)                                candidate
    o = σ(a_o)                                   output gate
    c̃ = f ⊙ c_prev + i ⊙ g                       cell state of the LSTM
    c = m_c ⊙ c_prev + (1 - m_c) ⊙ c̃             cell state: kept as it was where m_c is 1
    h = m_h ⊙ h_prev + (1 - m_h) ⊙ o ⊙ tanh(c̃)   hidden state: kept as it was where m_h is 1

a_i, a_f, a_g, a_o are the pre-activations, W_x x_t + W_h h_{t-1} + b, cut into four blocks; q stands for tanh(c̃).
m_h and m_c are given from outside at every step: 0 or 1 at random in training, afterwards how often they are 1.
Every argument has the same shape, and any shape will do.

Source: Krueger et al. (2017).  Chapter: chapters/practice.md.
"""

from lstmkit.numpy.functions import sigmoid, tanh

SAVED = ("i", "f", "g", "o", "q")  # what step returns after the state, for step_backward


def step(a_i, a_f, a_g, a_o, h_prev, c_prev, m_h, m_c):
    """One time step: the new state h, c, then what `step_backward` needs."""
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    g = tanh(a_g)
    o = sigmoid(a_o)
    c_tilde = f * c_prev + i * g
    q = tanh(c_tilde)
    c = m_c * c_prev + (1 - m_c) * c_tilde
    h = m_h * h_prev + (1 - m_h) * (o * q)
    return h, c, i, f, g, o, q


def step_backward(d_h, d_c, i, f, g, o, q, c_prev, m_h, m_c):
    """∂L/∂a_i, ∂L/∂a_f, ∂L/∂a_g, ∂L/∂a_o, ∂L/∂h_prev (past the products) and ∂L/∂c_prev, from ∂L/∂h and ∂L/∂c."""
    d_new = d_h * (1 - m_h)  # what reaches o ⊙ q, the hidden state that the LSTM would have
    d_c_tilde = d_c * (1 - m_c) + d_new * (o * (1 - q * q))
    d_o = d_new * q
    d_f = d_c_tilde * c_prev
    d_i = d_c_tilde * g
    d_g = d_c_tilde * i
    d_c_prev = d_c_tilde * f + d_c * m_c
    return d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o), d_h * m_h, d_c_prev
