"""The gated recurrent unit as a torch module, with the signature and the outputs of torch.nn.GRU.

The equations stand in lstmkit/cells/gru.py, the loop over time in lstmkit/torch/recurrence.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
W_x_l0 (3H, D), W_h_l0 (3H, H) and b_l0 (3H,) stack the blocks r, z, n; b_u_l0 is (H,); W_x of later layers is (3H,
S·H).

Source: Cho et al. (2014); Chung et al. (2014).
Chapter: chapters/gru.md.  Twin: lstmkit/numpy/gru.py.
"""

import torch
from torch import nn

from lstmkit.numpy import gru as twin
from lstmkit.torch import recurrence, stack


def run_layer(params, x, state, **way):
    """One layer, one direction, by torch where that is faster: hs (T, B, H) and the last State, from x (T, B, D).

    `way` is for recurrence.run.
    """
    W_x, W_h, b, b_u = params
    if len(x) and recurrence.torch_is_faster(x, (*params, *state), has_fast_kernel=False):
        inside = torch.cat([b_u.new_zeros(2 * len(b_u)), b_u])
        hs, h = torch.gru(x, state.h.unsqueeze(0), [W_x, W_h, b, inside], True, 1, 0.0, False, False, False)
        return hs, twin.State(h.squeeze(0))
    return recurrence.run(twin, params, x, state, **way)


class GRU(nn.Module):
    """A GRU of one or more layers, in torch's form: the reset acts after the recurrent product.

    The arguments are those of torch.nn.GRU.  There is one bias where torch.nn has two, but for the candidate,
    whose second bias, b_u, stands inside the reset.
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
        hs, (h_n,) = stack.run(self, twin, run_layer, input, stack.as_state(hx, twin), lengths, whole=True)
        return hs, h_n

    @classmethod
    def from_torch(cls, module):
        """The same network as `module`, a torch.nn.GRU, or its weights under our names from a state_dict."""
        if not isinstance(module, nn.Module):
            return stack.from_torch(module, 3)
        if type(module) is not nn.GRU:
            raise ValueError(f"from_torch takes a torch.nn.GRU, but it got {module!r}")
        return stack.convert(module, cls, lambda weights: stack.from_torch(weights, 3))

    def to_torch(self):
        """The same network as a torch.nn.GRU: b as its first bias, b_u in its second."""
        return stack.convert(self, nn.GRU, stack.to_torch)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self)
