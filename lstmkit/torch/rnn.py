"""The simple recurrent network as a torch module, with the signature and the outputs of torch.nn.RNN (tanh).

The equations stand in lstmkit/cells/rnn.py, the loop over time in lstmkit/torch/recurrence.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
W_x_l0 (H, D), W_h_l0 (H, H) and b_l0 (H,); W_x of later layers is (H, S·H).

Source: Elman (1990).  Chapter: chapters/sequence_problem.md.  Twin: lstmkit/numpy/rnn.py.
"""

from torch import nn

from lstmkit.cells import rnn as cell
from lstmkit.torch import stack


class RNN(nn.Module):
    """A simple recurrent network of one or more layers.

    The arguments are those of torch.nn.RNN, but for the nonlinearity, which is tanh.  There is one bias where
    torch.nn has two.
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        *, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        stack.check_sizes(self)
        stack.add_parameters(self, 1, device, dtype)

    def forward(self, input, hx=None):
        """hs (T, B, S·H) and h_n (L·S, B, H), from input (T, B, D) and hx = h_0 or zeros.

        With batch_first, input and hs are (B, T, ...).  An input (T, D) has no batch, nor has what comes out.  A
        PackedSequence comes out as one.  Raises ValueError for a wrong shape, or dtypes that differ.
        """
        if isinstance(hx, tuple | list):
            raise ValueError(f"hx must be the tensor h_0, but it is a {type(hx).__name__}")
        hs, (h_n,) = stack.run(self, cell, input, None if hx is None else (hx,), ("h_0",))
        return hs, h_n

    @classmethod
    def from_torch(cls, module):
        """The same network as `module`, a torch.nn.RNN with tanh, or its weights under our names from a state_dict."""
        if not isinstance(module, nn.Module):
            return stack.from_torch(module)
        if type(module) is not nn.RNN or module.nonlinearity != "tanh":
            raise ValueError(f"from_torch takes a torch.nn.RNN with tanh, but it got {module!r}")
        return stack.convert(module, cls, stack.from_torch)

    def to_torch(self):
        """The same network as a torch.nn.RNN: b as its first bias, its second zero."""
        return stack.convert(self, nn.RNN, stack.to_torch)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self)
