"""A network to train: a core that reads a sequence, and a linear read-out of what it has read.

    hs, state = core(first(x))
    y = W hs + b

The core is any recurrent module of lstmkit.torch, a `Transformer` or a `Windows`: all take (x, state) and return
(hs, state), so that one experiment can hold them side by side.  `first` turns the input into the core's: an
nn.Embedding for whole numbers, an nn.Linear for a core of another width.

T steps, B sequences, D inputs, H units, O outputs, L layers, N heads.

Sources: Vaswani et al. (2017) for the Transformer; Waibel et al. (1989) and Bai, Kolter & Koltun (2018) for windows.
Twin: `Network` of lstmkit/numpy/training.py.
"""

import torch
from torch import nn

from lstmkit.torch.tdnn import TDNN
from lstmkit.torch.transformer import TransformerBlock, sinusoidal_positions


class Network(nn.Module):
    """y (T, B, O) and the state, from x (T, B, D), or from whole numbers (T, B) where `first` embeds them.

    With last=True only the last step is read out: y (B, O).
    """

    def __init__(self, core, outputs, first=None, last=False):
        super().__init__()
        self.first = nn.Identity() if first is None else first
        self.core, self.last = core, last
        directions = 2 if getattr(core, "bidirectional", False) else 1
        self.readout = nn.Linear(directions * (getattr(core, "proj_size", 0) or core.hidden_size), outputs)

    def forward(self, x, state=None):
        """y and the state after the last step; `state` as the core takes it, None for zeros."""
        hs, state = self.core(self.first(x), state)
        return self.readout(hs[-1] if self.last else hs), state


class Transformer(nn.Module):
    """A causal Transformer as a core: sinusoidal positions, L blocks, a norm.  x and hs (T, B, D), D divisible by N.

    It reads a sequence in one piece and carries no state: what it knows of the past is the sequence itself.
    """

    def __init__(self, d_model, nhead=4, num_layers=2, dim_feedforward=None, dropout=0.0):
        super().__init__()
        self.input_size = self.hidden_size = d_model
        self.blocks = nn.ModuleList(
            TransformerBlock(d_model, nhead, dim_feedforward or 4 * d_model, dropout, norm_first=True)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x, state=None):
        """hs (T, B, D), and None for the state; ValueError for a state."""
        if state is not None:
            raise ValueError("state must be None: this core reads whole sequences and carries nothing on")
        x = x + sinusoidal_positions(len(x), x.shape[-1], x.device, x.dtype).unsqueeze(1)
        for block in self.blocks:
            x, _ = block(x)
        return self.norm(x), None


class Windows(nn.Module):
    """L layers of TDNN, one on top of the other, as a core: layer l looks k steps back, 2^l apart.

    What h_t depends on is a window of 1 + (k - 1)(2^L - 1) inputs, `reach`; before the first step stand zeros.
    x (T, B, D), hs (T, B, H).
    """

    def __init__(self, input_size, hidden_size, window=3, num_layers=1):
        super().__init__()
        self.input_size, self.hidden_size, self.window = input_size, hidden_size, window
        sizes = [input_size] + [hidden_size] * num_layers
        self.layers = nn.ModuleList(TDNN(D, hidden_size, window) for D in sizes[:-1])
        self.reach = 1 + (window - 1) * (2**num_layers - 1)

    def forward(self, x, state=None):
        """hs (T, B, H), and None for the state; ValueError for a state."""
        if state is not None:
            raise ValueError("state must be None: this core sees its window and carries nothing on")
        for level, layer in enumerate(self.layers):
            x = _apart(layer, x, 2**level)
        return x, None


def _apart(layer, x, steps):
    """`layer` over every steps-th step: the `steps` sequences that interleave to x are its batch."""
    T, B, D = x.shape
    padded = torch.cat([x, x.new_zeros(-T % steps, B, D)])
    hs, _ = layer(padded.reshape(-1, steps * B, D))
    return hs.reshape(-1, B, hs.shape[-1])[:T]


def squared_error(model, x, y):
    """The mean squared error of the network's answers to x; y as they are, (B, O) or (T, B, O)."""
    answers, _ = model(x)
    return nn.functional.mse_loss(answers, y)


def cross_entropy(model, x, y):
    """Mean cross-entropy in nats over the answers that are asked; y, whole numbers (B,) or (T, B), is -1 elsewhere."""
    logits, _ = model(x)
    return nn.functional.cross_entropy(logits.flatten(0, -2), y.flatten(), ignore_index=-1)


def accuracy(model, x, y):
    """The share of right answers among those that are asked; y (B,) or (T, B), -1 where nothing is."""
    logits, _ = model(x)
    return (logits.argmax(-1) == y)[y >= 0].double().mean().item()


def count_parameters(model):
    """How many numbers a module trains: the sum over its tensors of any shape."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
