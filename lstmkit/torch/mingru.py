"""minGRU as a torch module: the useful part of torch.nn.GRU's signature, one layer in one direction.

The equations stand in lstmkit/numpy/mingru.py and lstmkit/cells/mingru.py, the scan in lstmkit/torch/scan.py.

T steps, B sequences, D inputs, H units.  W_x (2H, D) and b (2H,) stack the blocks z, g.

Source: Feng et al. (2024).  Twin: lstmkit/numpy/mingru.py.
"""

from torch import nn

from lstmkit.cells import mingru as cell
from lstmkit.torch import scan


class MinGRU(nn.Module):
    """A minGRU, whose gate sees the input alone, so that all steps are computed at once.

    `positive` passes the candidate through the positive function of the paper's log-space form.
    """

    def __init__(
        self, input_size, hidden_size, bias=True, batch_first=False, *, positive=False, device=None, dtype=None
    ):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.batch_first, self.positive = batch_first, positive
        scan.add_parameters(self, 2, bias, device, dtype)

    def forward(self, input, hx=None):
        """hs (T, B, H) and h_n (1, B, H), from input (T, B, D) and hx (1, B, H) or zeros.

        With batch_first, input and hs are (B, T, ...).  hx is the hidden state itself, of either sign.
        Raises ValueError for a wrong shape, or dtypes that differ.
        """
        return scan.run_cell(self, cell, input, hx)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return scan.describe(self)
