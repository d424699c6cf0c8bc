"""The LSTM whose gates also see the gates of the step before, as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/full_gate_recurrence.py, the layers in lstmkit/torch/stack.py, the loop over time
in lstmkit/torch/recurrence.py; shapes and source stand in the twin.

Twin: lstmkit/numpy/full_gate_recurrence.py.
"""

import torch

from lstmkit.numpy import full_gate_recurrence as twin
from lstmkit.torch import stack


def products(params):
    """As in the twin: one product with the columns h, i, f, o, in which the candidate's row has zeros for the gates."""
    W_g, H = params.W_g, params.W_h.shape[1]
    from_gates = torch.cat([W_g[: 2 * H], W_g.new_zeros(H, 3 * H), W_g[2 * H :]])
    return [(params.W_x, torch.cat([params.W_h, from_gates], dim=1), params.b)], ()


FullGateRecurrenceLSTM = stack.variant("FullGateRecurrenceLSTM", twin, forget_block=1, products=products)
