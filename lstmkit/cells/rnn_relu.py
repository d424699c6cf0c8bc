"""The pointwise equation of the simple recurrent network with ReLU, and its derivative.

    h_t = max(0, a_t)                            hidden state

a_t is the pre-activation, W_x x_t + W_h h_{t-1} + b.  Every argument has the same shape, and any shape will do.

Source: Le, Jaitly & Hinton (2015).  Chapter: chapters/sequence_problem.md.
"""

from lstmkit.numpy.functions import d_relu, relu

SAVED = ()  # h itself is all that `step_backward` needs


def step(a):
    """One time step: the new state h."""
    h = relu(a)
    return (h,)


def step_backward(d_h, h):
    """∂L/∂a from ∂L/∂h: what was cut off learns nothing."""
    return (d_h * d_relu(h),)
