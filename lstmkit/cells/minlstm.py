"""The pointwise equations of minLSTM, and their derivatives.

    i' = σ(a_i),  f' = σ(a_f)        input and forget gate
    i = i' / (f' + i')               their shares, which sum to 1
    f = f' / (f' + i')
    h = f ⊙ h_prev + i ⊙ g           hidden state, which is the cell as well

a_i and a_f are pre-activations W x_t + b, which see the input and not the past; g is the candidate, another one as it
comes, or the positive function of it.  f is computed as σ(log f' - log i'), the same number, because far below zero
both gates round to 0 and 0 / 0 is no share.  As f, i and g do not know h_prev, h is linear in it, with f as its factor.
Every argument has the same shape, and any shape will do: one step, or all steps at once.

Source: Feng et al. (2024), who write h̃ for g, and f, i for our f', i'.
"""

from lstmkit.numpy.functions import exp, log_sigmoid, sigmoid

SAVED = ("f", "g", "log_i", "log_f")  # what step returns after the state; f, the factor of h_prev, first


def step(a_i, a_f, g, h_prev):
    """One time step: the new state h, then what `step_backward` needs."""
    log_i = log_sigmoid(a_i)
    log_f = log_sigmoid(a_f)
    f = sigmoid(log_f - log_i)
    h = f * h_prev + (1 - f) * g
    return h, f, g, log_i, log_f


def step_backward(d_h, f, g, log_i, log_f, h_prev):
    """∂L/∂a_i, ∂L/∂a_f, ∂L/∂g and ∂L/∂h_prev, from ∂L/∂h."""
    d_log_f = d_h * (h_prev - g) * f * (1 - f)  # and that of log_i is its opposite
    return -d_log_f * (1 - exp(log_i)), d_log_f * (1 - exp(log_f)), d_h * (1 - f), d_h * f
