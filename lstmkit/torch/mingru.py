"""minGRU as a torch module, with the arguments of torch.nn.GRU.

The equations stand in lstmkit/cells/mingru.py, the scan over time in lstmkit/torch/scan.py, the layers in
lstmkit/torch/stack.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
W_x_l0 (2H, D) and b_l0 (2H,) stack the blocks z, g; W_x of later layers is (2H, S·H).

Source: Feng et al. (2024).  Twin: lstmkit/numpy/mingru.py.
"""

import functools

from torch import nn

from lstmkit.cells import mingru as cell
from lstmkit.numpy import mingru as twin
from lstmkit.torch import scan, stack


class MinGRU(nn.Module):
    """A minGRU of one or more layers, whose gate sees the input alone, so that all steps are computed at once.

    The arguments are those of torch.nn.GRU.  `positive` passes the candidate through the positive function of the
    paper's log-space form.  Weights start uniform in ±1/√D, D being the inputs of their layer.
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        *, positive=False, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.positive = positive
        stack.check_sizes(self)
        stack.add_parameters(self, twin, device, dtype)
        scan.scale_to_inputs(self)

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, S·H) and h_n (L·S, B, H), from input (T, B, D) and hx = h_0 or zeros.

        With batch_first, input and hs are (B, T, ...).  An input (T, D) has no batch, nor has what comes out.  A
        PackedSequence comes out as one; `lengths` (B,) says how many steps of each padded sequence are real.  hx is the
        hidden state itself, of either sign.  Raises ValueError for a wrong shape, or dtypes that differ.
        """
        run_layer = functools.partial(scan.run_layer, cell, positive=self.positive)
        hs, (h_n,) = stack.run(self, twin, run_layer, input, stack.as_state(hx, twin), lengths)
        return hs, h_n

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self) + (", positive=True" if self.positive else "")
