"""Long short-term memory as a torch module, with the signature and the outputs of torch.nn.LSTM.

The equations stand in lstmkit/cells/lstm.py, the loop over time in lstmkit/torch/recurrence.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
W_x_l0 (4H, D), W_h_l0 (4H, H) and b_l0 (4H,) stack the blocks i, f, g, o; W_x of later layers is (4H, S·H).

Source: Hochreiter & Schmidhuber (1997); Gers, Schmidhuber & Cummins (2000).
Chapter: chapters/mathematics.md.  Twin: lstmkit/numpy/lstm.py.
"""

import torch
from torch import nn

from lstmkit.numpy import lstm as twin
from lstmkit.torch import recurrence, stack


def run_layer(params, x, state, **way):
    """One layer, one direction, by torch where that is faster: hs (T, B, H) and the last State, from x (T, B, D).

    `way` is for recurrence.run.
    """
    W_x, W_h, b = params
    if len(x) and recurrence.torch_is_faster(x, (*params, *state), has_fast_kernel=True):
        state, weights = tuple(field.unsqueeze(0) for field in state), [W_x, W_h, b, torch.zeros_like(b)]
        hs, h, c = torch.lstm(x, state, weights, True, 1, 0.0, False, False, False)
        return hs, twin.State(h.squeeze(0), c.squeeze(0))
    return recurrence.run(twin, params, x, state, **way)


class LSTM(nn.Module):
    """An LSTM of one or more layers.

    The arguments are those of torch.nn.LSTM.  There is one bias where torch.nn has two, and `forget_bias` is where
    the forget gate's starts (Jozefowicz, Zaremba & Sutskever, 2015).
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
        return stack.run(self, twin, run_layer, input, stack.as_state(hx, twin), lengths, whole=True)

    @classmethod
    def from_torch(cls, module):
        """The same network as `module`, a torch.nn.LSTM, or its weights under our names from a state_dict."""
        if not isinstance(module, nn.Module):
            return stack.from_torch(module, 4)
        if type(module) is not nn.LSTM or module.proj_size:
            raise ValueError(f"from_torch takes a torch.nn.LSTM without projection, but it got {module!r}")
        return stack.convert(module, cls, lambda weights: stack.from_torch(weights, 4))

    def to_torch(self):
        """The same network as a torch.nn.LSTM: b as its first bias, its second zero."""
        return stack.convert(self, nn.LSTM, stack.to_torch)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self)
