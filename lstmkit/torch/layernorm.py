"""The LSTM with layer normalisation as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/numpy/layernorm.py, the layers in lstmkit/torch/stack.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
W_x_l0 (4H, D), W_h_l0 (4H, H), b_l0, g_x_l0 and g_h_l0 (4H,) stack the blocks i, f, g, o; g_c_l0 and b_c_l0 are (H,);
W_x of later layers is (4H, S·H).

Source: Ba, Kiros & Hinton (2016).  Chapter: chapters/practice.md.  Twin: lstmkit/numpy/layernorm.py.
"""

import torch
from torch import nn

from lstmkit.numpy import layernorm as twin
from lstmkit.torch import recurrence, stack


def loop(params, x, state):
    """The recurrence in torch operations, normalisation as torch has it: hs (T, B, H) and the last state."""
    W_x, W_h, b, g_x, g_h, g_c, b_c = params
    (h, c), hs, W_hT = state, [], W_h.T
    layer_norm = nn.functional.layer_norm
    a_x = layer_norm(nn.functional.linear(x, W_x), g_x.shape, g_x, b, twin.EPS)
    for a_t in a_x.unbind(0):
        a_i, a_f, a_g, a_o = (a_t + layer_norm(h @ W_hT, g_h.shape, g_h, None, twin.EPS)).chunk(4, dim=-1)
        c = torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g)
        h = torch.sigmoid(a_o) * torch.tanh(layer_norm(c, g_c.shape, g_c, b_c, twin.EPS))
        hs.append(h)
    return torch.stack(hs) if hs else x.new_empty(0, *h.shape), (h, c)


def run_layer(params, x, state):
    """One layer in one direction: hs (T, B, H) and the last State, from x (T, B, D)."""
    return recurrence.run(twin, params, x, state, loop)


class LayerNormLSTM(nn.Module):
    """An LSTM of one or more layers whose pre-activations and cell state are normalised at every step.

    The arguments are those of torch.nn.LSTM.  Gains start at 1 and biases at 0, but for the forget gate's, which starts
    at `forget_bias`.  Without bias there is neither b nor b_c.
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        *, forget_bias=1.0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        stack.check_sizes(self)
        stack.add_parameters(self, twin, device, dtype, forget_bias)

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, S·H) and (h_n, c_n), each (L·S, B, H), from input (T, B, D) and hx = (h_0, c_0) or zeros.

        With batch_first, input and hs are (B, T, ...).  An input (T, D) has no batch, nor has what comes out.  A
        PackedSequence comes out as one; `lengths` (B,) says how many steps of each padded sequence are real.  Raises
        ValueError for a wrong shape, or dtypes that differ.
        """
        return stack.run(self, twin, run_layer, input, stack.as_state(hx, twin), lengths)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self)
