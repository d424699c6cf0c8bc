"""The LSTM with zoneout as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/zoneout.py, the layers in lstmkit/torch/stack.py, the loop over time in
lstmkit/torch/recurrence.py.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
W_x_l0 (4H, D), W_h_l0 (4H, H) and b_l0 (4H,) stack the blocks i, f, g, o; W_x of later layers is (4H, S·H).

Source: Krueger et al. (2017).  Chapter: chapters/practice.md.  Twin: lstmkit/numpy/zoneout.py.
"""

import functools

from torch import nn

from lstmkit.numpy import zoneout as twin
from lstmkit.torch import lstm, recurrence, stack


def run_layer(module, params, x, state, **way):
    """One layer in one direction: hs (T, B, H) and the last State, from x (T, B, D); `way` is for recurrence.run.

    In training the masks come from torch's random generator, on the device of x; in evaluation they are their means.
    """
    if module.zoneout_h == module.zoneout_c == 0:
        return lstm.run_layer(params, x, state, **way)
    shape = (*x.shape[:2], module.hidden_size)
    m_h, m_c = (
        x.new_empty(shape).bernoulli_(p) if module.training else x.new_full(shape, p)
        for p in (module.zoneout_h, module.zoneout_c)
    )
    return recurrence.run(twin, params, x, state, m_h=m_h, m_c=m_c, **way)


class ZoneoutLSTM(nn.Module):
    """An LSTM of one or more layers whose units, in training, now and then keep their old value for a step.

    The arguments are those of torch.nn.LSTM.  A unit of h keeps its value with probability zoneout_h, one of c with
    zoneout_c; in evaluation old and new values are mixed in these proportions.  The defaults are the paper's for
    modelling characters.  With both 0 this is LSTM, to the last bit.
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        *, zoneout_h=0.05, zoneout_c=0.5, forget_bias=1.0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.zoneout_h, self.zoneout_c = zoneout_h, zoneout_c
        stack.check_sizes(self)
        for name in ("zoneout_h", "zoneout_c"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a probability from 0 to 1, but it is {getattr(self, name)!r}")
        stack.add_parameters(self, twin, device, dtype, forget_bias)

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, S·H) and (h_n, c_n), each (L·S, B, H), from input (T, B, D) and hx = (h_0, c_0) or zeros.

        With batch_first, input and hs are (B, T, ...).  An input (T, D) has no batch, nor has what comes out.  A
        PackedSequence comes out as one; `lengths` (B,) says how many steps of each padded sequence are real.  Raises
        ValueError for a wrong shape, or dtypes that differ.
        """
        run_one = functools.partial(run_layer, self)
        return stack.run(self, twin, run_one, input, stack.as_state(hx, twin), lengths, whole=True)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return f"{stack.describe(self)}, zoneout_h={self.zoneout_h}, zoneout_c={self.zoneout_c}"
