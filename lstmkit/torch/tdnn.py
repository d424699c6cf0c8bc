"""The feed-forward window, or time-delay network, as a torch module: a causal convolution over time.

T steps, B sequences, D inputs, H units, k inputs in the window.  W (k, H, D) and b (H,).

Source: Waibel et al. (1989).  Chapter: chapters/sequence_problem.md.  Twin: lstmkit/numpy/tdnn.py.
"""

import torch
from torch import nn

from lstmkit.torch.stack import expect_lengths


class TDNN(nn.Module):
    """h_t = tanh(W_0 x_t + ... + W_{k-1} x_{t-k+1} + b), with k = window; zeros stand before the first step."""

    def __init__(self, input_size, hidden_size, window, bias=True, batch_first=False, *, device=None, dtype=None):
        super().__init__()
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("window", window)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
        self.input_size, self.hidden_size, self.window = input_size, hidden_size, window
        self.bias, self.batch_first = bias, batch_first
        bound, shape = (window * input_size) ** -0.5, (window, hidden_size, input_size)
        self.W = nn.Parameter(torch.empty(shape, device=device, dtype=dtype).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.zeros(hidden_size, device=device, dtype=dtype)) if bias else None

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, H) and the last k - 1 inputs (k - 1, B, D), from input (T, B, D) and hx, such inputs or zeros.

        With batch_first, input and hs are (B, T, ...).  `lengths` (B,) says how many steps of each sequence are real:
        behind them hs is zero, and the last inputs are those before the sequence's own end.  Raises ValueError for a
        wrong shape.
        """
        if input.dim() != 3 or input.shape[-1] != self.input_size:
            order = "(B, T, D)" if self.batch_first else "(T, B, D)"
            wanted = f"input must have shape {order} with D = {self.input_size}"
            raise ValueError(f"{wanted}, but its shape is {tuple(input.shape)}")
        x = input.transpose(0, 1) if self.batch_first else input
        before = (self.window - 1, x.shape[1], self.input_size)
        if hx is None:
            hx = x.new_zeros(before)
        elif tuple(hx.shape) != before:
            raise ValueError(f"hx must have shape (k - 1, B, D) = {before}, but its shape is {tuple(hx.shape)}")
        ends = torch.full((x.shape[1],), len(x))
        if lengths is not None:
            ends = expect_lengths(lengths, *x.shape[:2])
        going = (torch.arange(len(x))[:, None] < ends)[..., None].to(x.device)
        inputs = torch.cat([hx, x.where(going, 0)])
        kernel = self.W.flip(0).permute(1, 2, 0)  # torch slides the oldest input's weight first
        a = (
            nn.functional.conv1d(inputs.permute(1, 2, 0), kernel, self.b)
            if len(x)
            else x.new_zeros(x.shape[1], self.hidden_size, 0)
        )
        hs = torch.tanh(a).permute(2, 0, 1).where(going, 0)
        own = ends.to(x.device) + torch.arange(self.window - 1, device=x.device)[:, None]
        last = inputs.gather(0, own[..., None].expand(-1, -1, self.input_size))
        return hs.transpose(0, 1) if self.batch_first else hs, last

    def extra_repr(self):
        """Sizes and options."""
        options = f"{self.input_size}, {self.hidden_size}, window={self.window}"
        return options + ", bias=False" * (not self.bias) + ", batch_first=True" * self.batch_first
