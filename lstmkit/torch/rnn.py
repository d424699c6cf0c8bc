"""The simple recurrent network as a torch module, with the signature and the outputs of torch.nn.RNN.

The equations stand in lstmkit/cells/rnn.py and rnn_relu.py, the loop over time in lstmkit/torch/recurrence.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
W_x_l0 (H, D), W_h_l0 (H, H) and b_l0 (H,); W_x of later layers is (H, S·H).

Source: Elman (1990).  Chapter: chapters/sequence_problem.md.  Twins: lstmkit/numpy/rnn.py and rnn_relu.py.
"""

import functools

from torch import nn

from lstmkit.numpy import rnn, rnn_relu
from lstmkit.torch import recurrence, stack

TWINS = {"tanh": rnn, "relu": rnn_relu}


class RNN(nn.Module):
    """A simple recurrent network of one or more layers.

    The arguments are those of torch.nn.RNN.  There is one bias where torch.nn has two.
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, *, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        stack.check_sizes(self)
        if nonlinearity not in TWINS:
            raise ValueError(f"nonlinearity must be 'tanh' or 'relu', but it is {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        stack.add_parameters(self, TWINS[nonlinearity], device, dtype)

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, S·H) and h_n (L·S, B, H), from input (T, B, D) and hx = h_0 or zeros.

        With batch_first, input and hs are (B, T, ...).  An input (T, D) has no batch, nor has what comes out.  A
        PackedSequence comes out as one; `lengths` (B,) says how many steps of each padded sequence are real.  Raises
        ValueError for a wrong shape, or dtypes that differ.
        """
        twin = TWINS[self.nonlinearity]
        run_layer = functools.partial(recurrence.run, twin)
        hs, (h_n,) = stack.run(self, twin, run_layer, input, stack.as_state(hx, twin), lengths, whole=True)
        return hs, h_n

    @classmethod
    def from_torch(cls, module):
        """The same network as `module`, a torch.nn.RNN, or its weights under our names from a state_dict."""
        if not isinstance(module, nn.Module):
            return stack.from_torch(module, 1)
        if type(module) is not nn.RNN:
            raise ValueError(f"from_torch takes a torch.nn.RNN, but it got {module!r}")
        return stack.convert(module, cls, lambda weights: stack.from_torch(weights, 1))

    def to_torch(self):
        """The same network as a torch.nn.RNN: b as its first bias, its second zero."""
        return stack.convert(self, nn.RNN, stack.to_torch)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self) + (", nonlinearity=relu" if self.nonlinearity == "relu" else "")
