"""The loops that users write in torch for a cell that torch.nn does not have, and how a torch module is timed.

One product a step, chunks, torch's sigmoid and tanh; autograd does the rest.  `for x_t in x` unbinds x once; the loop
with x[t], as common, is slower still where x wants a gradient.  T steps, B sequences, D inputs, H units.
"""

import torch
from torch import nn

from lstmkit.bench.timing import Contender


def contender(name, module, task, computes="LSTM"):
    """A module that gives hs (T, B, H), alone or first of several, on x (T, B, D) of the task."""
    leaf, incoming = torch.from_numpy(task.x).requires_grad_(), torch.from_numpy(task.d_hs)
    leaves = [leaf, *module.parameters()]

    def run():
        out = module(leaf)
        return out[0] if isinstance(out, tuple) else out

    def forward():
        with torch.no_grad():
            return run()

    def both():
        hs = run()
        return hs.detach(), torch.autograd.grad(hs, leaves, incoming)[0]

    return Contender(name, forward, both, computes)


def library(kind, params):
    """torch.nn.LSTM or its like with the weights W_x (4H, D), W_h (4H, H), b (4H,); its second bias is zero."""
    W_x, W_h, b = map(torch.from_numpy, params)
    module = kind(W_x.shape[1], W_h.shape[1]).to(W_x.dtype)
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), (W_x, W_h, b, torch.zeros_like(b)), strict=True):
            parameter.copy_(value)
    return module


class CellLoop(nn.Module):
    """torch.nn.LSTMCell, step by step, with the weights of a torch.nn.LSTM."""

    def __init__(self, lstm):
        super().__init__()
        self.cell = nn.LSTMCell(lstm.input_size, lstm.hidden_size, dtype=lstm.weight_hh_l0.dtype)
        self.cell.load_state_dict({name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()})

    def forward(self, x):
        """hs (T, B, H) from x (T, B, D)."""
        state, hs = None, []
        for x_t in x:
            state = self.cell(x_t, state)
            hs.append(state[0])
        return torch.stack(hs)


class PeepholeLoop(nn.Module):
    """The LSTM with peepholes, with the weights of one of our modules; peepholes that it does not have are zero."""

    def __init__(self, ours):
        super().__init__()
        self.H, self.linear = ours.hidden_size, joined(ours)
        zero = torch.zeros_like(ours.b_l0[: self.H])
        self.w_i, self.w_f, self.w_o = (
            nn.Parameter(getattr(ours, f"{name}_l0", zero).detach().clone()) for name in ("w_i", "w_f", "w_o")
        )

    def forward(self, x):
        """hs (T, B, H) from x (T, B, D)."""
        h = c = x.new_zeros(x.shape[1], self.H)
        hs = []
        for x_t in x:
            i, f, g, o = self.linear(torch.cat([x_t, h], dim=1)).chunk(4, dim=1)
            i = torch.sigmoid(i + self.w_i * c)
            f = torch.sigmoid(f + self.w_f * c)
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(o + self.w_o * c) * torch.tanh(c)
            hs.append(h)
        return torch.stack(hs)


class CoupledLoop(nn.Module):
    """The LSTM with coupled gates, with the weights of lstmkit.torch.CoupledLSTM."""

    def __init__(self, ours):
        super().__init__()
        self.H, self.linear = ours.hidden_size, joined(ours)

    def forward(self, x):
        """hs (T, B, H) from x (T, B, D)."""
        h = c = x.new_zeros(x.shape[1], self.H)
        hs = []
        for x_t in x:
            f, g, o = self.linear(torch.cat([x_t, h], dim=1)).chunk(3, dim=1)
            f = torch.sigmoid(f)
            c = f * c + (1 - f) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            hs.append(h)
        return torch.stack(hs)


class LayerNormLoop(nn.Module):
    """The LSTM with layer normalisation, with the weights of lstmkit.torch.layernorm.LayerNormLSTM."""

    def __init__(self, ours):
        super().__init__()
        self.H, dtype = ours.hidden_size, ours.W_h_l0.dtype
        weights = {name.removesuffix("_l0"): value for name, value in ours.state_dict().items()}
        self.from_x = nn.Linear(ours.input_size, 4 * self.H, bias=False, dtype=dtype)
        self.from_h = nn.Linear(self.H, 4 * self.H, bias=False, dtype=dtype)
        self.norm_x = nn.LayerNorm(4 * self.H, dtype=dtype)
        self.norm_h = nn.LayerNorm(4 * self.H, bias=False, dtype=dtype)
        self.norm_c = nn.LayerNorm(self.H, dtype=dtype)
        with torch.no_grad():
            self.from_x.weight.copy_(weights["W_x"])
            self.from_h.weight.copy_(weights["W_h"])
            self.norm_x.weight.copy_(weights["g_x"])
            self.norm_x.bias.copy_(weights["b"])
            self.norm_h.weight.copy_(weights["g_h"])
            self.norm_c.weight.copy_(weights["g_c"])
            self.norm_c.bias.copy_(weights["b_c"])

    def forward(self, x):
        """hs (T, B, H) from x (T, B, D)."""
        h = c = x.new_zeros(x.shape[1], self.H)
        hs = []
        for x_t in x:
            a = self.norm_x(self.from_x(x_t)) + self.norm_h(self.from_h(h))
            i, f, g, o = a.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(self.norm_c(c))
            hs.append(h)
        return torch.stack(hs)


def joined(ours):
    """One nn.Linear on [x; h], with W_x, W_h and b of one of our modules."""
    weight = torch.cat([ours.W_x_l0, ours.W_h_l0], dim=1).detach()
    linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.copy_(ours.b_l0)
    return linear
