"""What keeps a recurrent network from learning its training data by heart, and its graph from growing without end.

    LockedDropout          one mask m for all steps:             x_t ← m ⊙ x_t / (1 - p)
    WeightDropout          a mask M on the recurrent weights:    W_h ← M ⊙ W_h / (1 - p)
    activation             mean of h²                            activation regularisation, AR
    temporal_activation    mean of (h_{t+1} - h_t)²              the same for its changes, TAR
    detach                 the state without its history         truncated backpropagation through time

Masks are 1 with probability 1 - p, else 0, drawn anew at each forward pass in training; in eval mode there are none.
T steps, B sequences, D features, H units.  Clipping the gradient's norm is torch.nn.utils.clip_grad_norm_, and in NumPy
lstmkit.numpy.adam.clip_by_norm.

Source: Gal & Ghahramani (2016) for one mask for all steps; Merity, Keskar & Socher (2018) for the recurrent weights and
the two penalties, after the DropConnect of Wan et al. (2013); Williams & Peng (1990) for the truncation.
Chapter: chapters/practice.md.
"""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence


class LockedDropout(nn.Module):
    """Dropout whose mask is one for all steps of a sequence: a feature is there throughout, or not at all.

    `batch_first` as in the module whose input or output it drops.  ValueError unless p is a probability.
    """

    def __init__(self, p=0.5, batch_first=False):
        super().__init__()
        self.p, self.batch_first = _expect_probability(p), batch_first

    def forward(self, input):
        """`input` (T, B, D), (B, T, D) with batch_first, (T, D), or a PackedSequence, dropped, in the same form."""
        if not self.training or self.p == 0:
            return input
        if isinstance(input, PackedSequence):
            data, sizes, order, back = input
            # Row by row of the data, the number of its sequence: each step has the first of them.
            sequence = torch.cat([torch.arange(n) for n in sizes]).to(data.device)
            mask = self._mask(data, (int(sizes[0]), data.shape[1]))
            return PackedSequence(data * mask[sequence], sizes, order, back)
        shape = list(input.shape)
        shape[1 if self.batch_first and input.dim() == 3 else 0] = 1
        return input * self._mask(input, shape)

    def _mask(self, like, shape):
        return nn.functional.dropout(like.new_ones(shape), self.p)

    def extra_repr(self):
        """The probability, and the option if it is set."""
        return f"p={self.p}" + (", batch_first=True" if self.batch_first else "")


class WeightDropout(nn.Module):
    """A recurrent module whose recurrent weights are dropped: DropConnect on W_h.

    `module` is one of lstmkit.torch, or a torch.nn.RNN, LSTM or GRU; it is called as ever, each forward pass with
    weights of its own, the same for all steps.  Its parameters, in state_dict under "module.", are never dropped
    themselves.
    ValueError unless p is a probability and `module` has recurrent weights.
    """

    def __init__(self, module, p=0.5):
        super().__init__()
        self.module, self.p = module, _expect_probability(p)
        if not self._recurrent():
            raise ValueError(f"module must have weights W_h or weight_hh, but this {type(module).__name__} has none")

    def forward(self, *args, **kwargs):
        """What `module` returns: hs (T, B, S·H) and the last state."""
        if not self.training or self.p == 0:
            return self.module(*args, **kwargs)
        dropped = {name: nn.functional.dropout(weight, self.p) for name, weight in self._recurrent()}
        return torch.func.functional_call(self.module, dropped, args, kwargs)

    def _recurrent(self):
        names = ("W_h", "weight_hh")
        return [(name, weight) for name, weight in self.module.named_parameters() if name.startswith(names)]

    def extra_repr(self):
        """The probability."""
        return f"p={self.p}"


def activation(hs):
    """The mean of h², over hs of any shape: times a small α, added to the loss, it keeps activations small."""
    return hs.square().mean()


def temporal_activation(hs):
    """The mean of (h_{t+1} - h_t)², hs (T, B, H): times a small β it keeps changes small.  0 for a single step."""
    changes = hs.diff(dim=0)
    return changes.square().sum() / max(1, changes.numel())


def detach(state):
    """The same values without their history: `state` is a tensor (B, H), None, or tuples of them, nested as they come.

    A state carried from one stretch of a long sequence to the next lets values through; detached, it stops gradients
    there, and the graph of the stretch before can be freed.
    """
    if state is None:
        return None
    if isinstance(state, torch.Tensor):
        return state.detach()
    parts = [detach(part) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)


def _expect_probability(p):
    if not 0 <= p <= 1:
        raise ValueError(f"p must be a probability from 0 to 1, but it is {p!r}")
    return p
