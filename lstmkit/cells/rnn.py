"""The pointwise equation of the simple recurrent network, and its derivative.

    h_t = tanh(a_t)                              hidden state

a_t is the pre-activation, W_x x_t + W_h h_{t-1} + b.  Every argument has the same shape, and any shape will do.

Source: Elman (1990).  Chapter: chapters/sequence_problem.md.
"""

from lstmkit.numpy.functions import tanh

SAVED = ()  # h itself is all that `step_backward` needs


def step(a):
    """One time step: the new state h."""
    h = tanh(a)
    return (h,)


def step_backward(d_h, h):
    """∂L/∂a from ∂L/∂h: the derivative of tanh, in terms of its own output."""
    return (d_h * (1 - h * h),)
