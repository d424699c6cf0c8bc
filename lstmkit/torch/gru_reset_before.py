"""The gated recurrent unit of the first papers, reset before the product, as a torch module like torch.nn.GRU.

The equations stand in lstmkit/numpy/gru_reset_before.py, the layers in lstmkit/torch/stack.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
W_x_l0 (3H, D), W_h_l0 (3H, H) and b_l0 (3H,) stack the blocks r, z, n; W_x of later layers is (3H, S·H).

Source: Cho et al. (2014).  Chapter: chapters/gru.md.  Twin: lstmkit/numpy/gru_reset_before.py.
"""

import torch
from torch import nn

from lstmkit.numpy import gru_reset_before as twin
from lstmkit.torch import recurrence, stack


def loop(params, x, state):
    """The recurrence in torch operations: hs (T, B, H) and the last state."""
    W_x, W_h, b = params
    (h,), hs, H = state, [], W_h.shape[1]
    W_hrzT, W_hnT = W_h[: 2 * H].T, W_h[2 * H :].T
    for a_t in nn.functional.linear(x, W_x, b).unbind(0):
        a_rz, a_n = a_t.split((2 * H, H), dim=-1)
        r, z = torch.sigmoid(a_rz + h @ W_hrzT).chunk(2, dim=-1)
        n = torch.tanh(a_n + (r * h) @ W_hnT)
        h = (1 - z) * n + z * h
        hs.append(h)
    return torch.stack(hs) if hs else x.new_empty(0, *h.shape), (h,)


def run_layer(params, x, state):
    """One layer in one direction: hs (T, B, H) and the last State, from x (T, B, D)."""
    return recurrence.run(twin, params, x, state, loop)


class ResetBeforeGRU(nn.Module):
    """A GRU of one or more layers whose reset gate acts before the recurrent product, as in Keras with
    reset_after=False.

    The arguments are those of torch.nn.GRU.  Torch has no such cell: its own, and GRU here, reset after the product.
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        *, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        stack.check_sizes(self)
        stack.add_parameters(self, twin, device, dtype)

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, S·H) and h_n (L·S, B, H), from input (T, B, D) and hx = h_0 or zeros.

        With batch_first, input and hs are (B, T, ...).  An input (T, D) has no batch, nor has what comes out.  A
        PackedSequence comes out as one; `lengths` (B,) says how many steps of each padded sequence are real.  Raises
        ValueError for a wrong shape, or dtypes that differ.
        """
        hs, (h_n,) = stack.run(self, twin, run_layer, input, stack.as_state(hx, twin), lengths)
        return hs, h_n

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self)
