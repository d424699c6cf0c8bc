"""The pointwise equations of the sLSTM, with exponential gating and its stabiliser, and their derivatives.

    m = max(log σ(a_f) + m_prev, a_i)        stabiliser: the exponent that the memory is written relative to
    i = exp(a_i - m)                         input gate, exponential
    f = exp(log σ(a_f) + m_prev - m)         forget gate, a sigmoid
    z = tanh(a_z)                            candidate
    o = σ(a_o)                               output gate
    c = f ⊙ c_prev + i ⊙ z                   cell state
    n = f ⊙ n_prev + i                       normaliser: the weights that c has collected
    h = o ⊙ c / n                            hidden state: c / n is a weighted mean of the candidates

a_i, a_f, a_z, a_o are the pre-activations, W_x x_t + W_h h_{t-1} + b, cut into four blocks.  Of the two forget gates in
the paper, sigmoid and exponential, this is the sigmoid.  Without the stabiliser exp(a_i) overflows; with it i and f are
at most 1 and one of them is 1, so that n never falls below 1 once m has started from -∞.
c and n both carry the factor exp(-m), so that h does not depend on m: a loss that reads h alone sends no gradient into
it.  What does arrive at m comes from a loss that reads c, n or m themselves.
Every argument has the same shape, and any shape will do.

Source: Beck et al. (2024), equations 8 to 17.
"""

from lstmkit.numpy.functions import d_relu, exp, log_sigmoid, maximum, sigmoid, tanh

SAVED = ("i", "f", "z", "o", "log_f")  # what step returns after the state, for step_backward


def step(a_i, a_f, a_z, a_o, c_prev, n_prev, m_prev):
    """One time step: the new state h, c, n, m, then what `step_backward` needs."""
    log_f = log_sigmoid(a_f)
    m = maximum(log_f + m_prev, a_i)
    i = exp(a_i - m)
    f = exp(log_f + m_prev - m)
    z = tanh(a_z)
    o = sigmoid(a_o)
    c = f * c_prev + i * z
    n = f * n_prev + i
    h = o * c / n
    return h, c, n, m, i, f, z, o, log_f


def step_backward(d_h, d_c, d_n, d_m, i, f, z, o, log_f, c, n, c_prev, n_prev):
    """∂L/∂a_i, ∂L/∂a_f, ∂L/∂a_z, ∂L/∂a_o and ∂L/∂c_prev, ∂L/∂n_prev, ∂L/∂m_prev, from ∂L/∂h, ∂L/∂c, ∂L/∂n, ∂L/∂m."""
    d_m = d_m - d_c * c - d_n * n  # c and n shrink as m grows, by the same factor; h does not notice
    d_o = d_h * c / n
    d_c = d_c + d_h * o / n  # c and n reach the loss through h as well
    d_n = d_n - d_h * o * c / n / n
    fresh = d_relu(i - f)  # 1 where m was set by a_i, 0 where by the past
    d_a_i = (d_c * z + d_n) * i + d_m * fresh
    d_m_prev = (d_c * c_prev + d_n * n_prev) * f + d_m * (1 - fresh)
    d_a_f = d_m_prev * (1 - exp(log_f))
    return d_a_i, d_a_f, d_c * i * (1 - z * z), d_o * o * (1 - o), d_c * f, d_n * f, d_m_prev
