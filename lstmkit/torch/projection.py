"""The LSTM with a projected hidden state as a torch module: torch.nn.LSTM with proj_size.

The equations stand in lstmkit/numpy/projection.py, the layers in lstmkit/torch/stack.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units, P projected units.
W_x_l0 (4H, D), W_h_l0 (4H, P) and b_l0 (4H,) stack the blocks i, f, g, o; W_r_l0 is (P, H); W_x of later layers is
(4H, S·P).

Source: Sak, Senior & Beaufays (2014).  Chapter: chapters/variants.md.  Twin: lstmkit/numpy/projection.py.
"""

import torch
from torch import nn

from lstmkit.cells import lstm as cell
from lstmkit.numpy import projection as twin
from lstmkit.torch import recurrence, stack


def loop(params, x, state):
    """The recurrence in torch operations: hs (T, B, P) and the last state."""
    W_x, W_h, b, W_r = params
    (h, c), hs, step = state, [], recurrence.on_torch(cell.step)
    for a_t in nn.functional.linear(x, W_x, b).unbind(0):
        m, c, *_ = step(*(a_t + h @ W_h.T).chunk(4, dim=-1), c)
        h = m @ W_r.T
        hs.append(h)
    return torch.stack(hs) if hs else x.new_empty(0, *h.shape), (h, c)


def run_layer(params, x, state):
    """One layer in one direction: hs (T, B, P) and the last State, from x (T, B, D)."""
    return recurrence.run(twin, params, x, state, loop)


class ProjectionLSTM(nn.Module):
    """An LSTM of one or more layers, each of which hands on P = proj_size projections of its H = hidden_size units.

    The arguments are those of torch.nn.LSTM, proj_size by name; as there it is smaller than hidden_size.  There is one
    bias where torch.nn has two, and `forget_bias` is where the forget gate's starts.
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        *, proj_size, forget_bias=1.0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.proj_size = proj_size
        stack.check_sizes(self)
        if not isinstance(proj_size, int) or not 1 <= proj_size < hidden_size:
            wanted = f"a whole number from 1 to hidden_size - 1 = {hidden_size - 1}"
            raise ValueError(f"proj_size must be {wanted}, but it is {proj_size!r}: without projection, use LSTM")
        stack.add_parameters(self, twin, device, dtype, forget_bias)

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, S·P), h_n (L·S, B, P) and c_n (L·S, B, H), from input (T, B, D) and hx = (h_0, c_0) or zeros.

        Returned as hs, (h_n, c_n).  With batch_first, input and hs are (B, T, ...).  An input (T, D) has no batch, nor
        has what comes out.  A PackedSequence comes out as one; `lengths` (B,) says how many steps of each padded
        sequence are real.  Raises ValueError for a wrong shape, or dtypes that differ.
        """
        return stack.run(self, twin, run_layer, input, stack.as_state(hx, twin), lengths)

    @classmethod
    def from_torch(cls, module):
        """The same network as `module`, a torch.nn.LSTM with proj_size, or its weights under our names from a
        state_dict."""
        if not isinstance(module, nn.Module):
            return _from_torch(module)
        if type(module) is not nn.LSTM or not module.proj_size:
            raise ValueError(f"from_torch takes a torch.nn.LSTM with proj_size, but it got {module!r}")
        return stack.convert(module, cls, _from_torch)

    def to_torch(self):
        """The same network as a torch.nn.LSTM: W_r is weight_hr, b its first bias, its second zero."""
        return stack.convert(self, nn.LSTM, _to_torch)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self)


def _from_torch(state_dict):
    rest = {name: value for name, value in state_dict.items() if not name.startswith("weight_hr")}
    projections = {name: value for name, value in state_dict.items() if name not in rest}
    return stack.from_torch(rest, 4) | {
        name.replace("weight_hr", "W_r"): value.detach().clone() for name, value in projections.items()
    }


def _to_torch(state_dict):
    rest = {name: value for name, value in state_dict.items() if not name.startswith("W_r")}
    projections = {name: value for name, value in state_dict.items() if name not in rest}
    return stack.to_torch(rest) | {
        name.replace("W_r", "weight_hr"): value.detach().clone() for name, value in projections.items()
    }
