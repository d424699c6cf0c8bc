"""What torch.nn wraps around a recurrence: layers, directions, dropout between layers, lengths, names.

A padded batch is a rectangle of steps by sequences.  A PackedSequence, sorted by length, is a staircase: runs of
steps with the same number of sequences still going.  Each run is a rectangle again, and the state that leaves one
enters the next, so no step is ever computed on padding.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
"""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from lstmkit.torch import recurrence


def add_parameters(module, gates, device, dtype, forget_bias=None):
    """Give `module` its W_x (G·H, D), W_h (G·H, H) and b (G·H,) for every layer and direction, initialised.

    Weights are uniform in ±1/√H and biases zero, but for the second block of b, the forget gate's, where
    forget_bias is a number.
    """
    H, bound = module.hidden_size, module.hidden_size**-0.5
    for layer, suffix in suffixes(module):
        D = module.input_size if layer == 0 else H * directions(module)
        W_x = torch.empty(gates * H, D, device=device, dtype=dtype).uniform_(-bound, bound)
        W_h = torch.empty(gates * H, H, device=device, dtype=dtype).uniform_(-bound, bound)
        module.register_parameter(f"W_x{suffix}", nn.Parameter(W_x))
        module.register_parameter(f"W_h{suffix}", nn.Parameter(W_h))
        if module.bias:
            b = torch.zeros(gates * H, device=device, dtype=dtype)
            if forget_bias is not None:
                b[H : 2 * H] = forget_bias
            module.register_parameter(f"b{suffix}", nn.Parameter(b))


def check_sizes(module):
    """ValueError for a size below 1, a switch that is no bool, or a dropout that is no probability."""
    for name in ("input_size", "hidden_size", "num_layers"):
        value = getattr(module, name)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
    for name in ("bias", "batch_first", "bidirectional"):
        value = getattr(module, name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, but it is {value!r}")
    if not 0 <= module.dropout <= 1:
        raise ValueError(f"dropout must be a probability from 0 to 1, but it is {module.dropout!r}")


def directions(module):
    """1, or 2 for a bidirectional module."""
    return 2 if module.bidirectional else 1


def suffixes(module):
    """(layer, suffix) of every layer and direction, in torch.nn's order: _l0, _l0_reverse, _l1, ..."""
    reverse = ["", "_reverse"][: directions(module)]
    return [(layer, f"_l{layer}{end}") for layer in range(module.num_layers) for end in reverse]


def run(module, cell, x, state, names):
    """All layers of `cell` over x: (T, B, D), (B, T, D) with batch_first, (T, D), or a PackedSequence.

    `state` is None for zeros, or a tuple of initial values, each (L·S, B, H), or (L·S, H) where x has no batch;
    `names` are what its fields are called.  Returns the last layer's hidden states, S·H features in the form that x
    came in, and the last state as a tuple.
    """
    if isinstance(x, PackedSequence):
        data, order, back = x.data, x.sorted_indices, x.unsorted_indices
        counts, lengths = torch.unique_consecutive(x.batch_sizes, return_counts=True)
        treads = list(zip(lengths.tolist(), counts.tolist(), strict=True))
        data, last = _layers(
            module, cell, _checked(module, data), treads, _state(module, data, state, names, treads, order)
        )
        last = tuple(field if back is None else field.index_select(1, back) for field in last)
        return PackedSequence(data, x.batch_sizes, order, back), last
    if x.dim() not in (2, 3):
        raise ValueError(f"input must be 2-D (T, D) or 3-D, a batch, but its shape is {tuple(x.shape)}")
    batched = x.dim() == 3
    if not batched:
        x, state = x.unsqueeze(1), None if state is None else _batch_of_one(module, state, names)
    time_first = x.transpose(0, 1) if batched and module.batch_first else x
    T, B, _ = time_first.shape
    data, treads = _checked(module, time_first.flatten(0, 1)), [(T, B)]
    data, last = _layers(module, cell, data, treads, _state(module, data, state, names, treads, None))
    hs = data.view(T, B, data.shape[-1])
    if not batched:
        return hs.squeeze(1), tuple(field.squeeze(1) for field in last)
    return hs.transpose(0, 1) if module.batch_first else hs, last


def _batch_of_one(module, state, names):
    """The state of an input without a batch, (L·S, H), as one of a batch of one, (L·S, 1, H)."""
    shape = (len(suffixes(module)), module.hidden_size)
    for name, field in zip(names, state, strict=False):  # how many there are is checked with their batch
        if tuple(field.shape) != shape:
            given = f"as the input has no batch, but its shape is {tuple(field.shape)}"
            raise ValueError(f"{name} must have shape (L·S, H) = {shape}, {given}")
    return tuple(field.unsqueeze(1) for field in state)


def _layers(module, cell, data, treads, state):
    """Every layer and direction over data, rows of D features; treads are (steps, sequences) of each rectangle."""
    last, ends = [], suffixes(module)
    for layer in range(module.num_layers):
        if layer > 0:
            data = nn.functional.dropout(data, module.dropout, module.training)
        outputs = []
        for index, (of, suffix) in enumerate(ends):
            if of == layer:
                W_x, W_h = getattr(module, f"W_x{suffix}"), getattr(module, f"W_h{suffix}")
                b = getattr(module, f"b{suffix}") if module.bias else W_x.new_zeros(len(W_x))
                first = tuple(field[index] for field in state)
                hs, end = _direction(cell, data, treads, (W_x, W_h, b), first, suffix.endswith("_reverse"))
                outputs.append(hs)
                last.append(end)
        data = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
    return data, tuple(torch.stack(fields) for fields in zip(*last, strict=True))


def _direction(cell, data, treads, weights, state, reverse):
    """One pass over the staircase.  Read backwards, each sequence joins with its initial state at its own end."""
    pieces = list(zip(data.split([steps * n for steps, n in treads]), treads, strict=True))
    going = tuple(field[:0] for field in state) if reverse else state
    outputs, ended = [], []
    for piece, (steps, n) in reversed(pieces) if reverse else pieces:
        x = piece.view(steps, n, data.shape[-1])
        if reverse:
            going = tuple(torch.cat([field, first[len(field) : n]]) for field, first in zip(going, state, strict=True))
            hs, going = recurrence.run(cell, x.flip(0), *weights, going)
            hs = hs.flip(0)
        else:
            ended.append(tuple(field[n:] for field in going))
            hs, going = recurrence.run(cell, x, *weights, tuple(field[:n] for field in going))
        outputs.append(hs.flatten(0, 1))
    if reverse:
        return torch.cat(outputs[::-1]), going
    return torch.cat(outputs), tuple(torch.cat(parts) for parts in zip(going, *reversed(ended), strict=True))


def _checked(module, data):
    if data.shape[-1] != module.input_size:
        raise ValueError(f"input must have input_size = {module.input_size} features, but it has {data.shape[-1]}")
    dtype = module.W_x_l0.dtype
    if data.dtype != dtype and not torch.is_autocast_enabled(data.device.type):
        raise ValueError(f"input is {data.dtype}, but the parameters are {dtype}: convert one, with .to({dtype}) say")
    return data


def _state(module, data, state, names, treads, order):
    """The initial state as a tuple of (L·S, B, H), in the order of the packed sequences."""
    B = max((n for _, n in treads), default=0)
    shape = (len(suffixes(module)), B, module.hidden_size)
    if state is None:
        return tuple(data.new_zeros(shape) for _ in names)
    if len(state) != len(names):
        raise ValueError(f"the state must be ({', '.join(names)}), but it has {len(state)} entries")
    for name, field in zip(names, state, strict=True):
        if tuple(field.shape) != shape:
            raise ValueError(f"{name} must have shape (L·S, B, H) = {shape}, but its shape is {tuple(field.shape)}")
        if field.dtype != data.dtype and not torch.is_autocast_enabled(data.device.type):
            raise ValueError(f"{name} is {field.dtype}, but the input is {data.dtype}: convert one")
    return tuple(field if order is None else field.index_select(1, order) for field in state)


SIGNATURE = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional")


def convert(source, kind, translate):
    """`source` as a module of class `kind`: sizes, options, device, dtype and mode, and its weights renamed."""
    weight = next(source.parameters())
    options = {name: getattr(source, name) for name in SIGNATURE}
    target = kind(**options, device=weight.device, dtype=weight.dtype).train(source.training)
    target.load_state_dict(translate(source.state_dict()))
    return target


def from_torch(state_dict):
    """torch.nn's names to ours: weight_ih is W_x, weight_hh is W_h, and the two biases add up to b."""
    ours = {}
    for name, value in state_dict.items():
        kind, _, suffix = name.partition("_l")
        if kind in ("weight_ih", "weight_hh"):
            ours[f"W_{'x' if kind == 'weight_ih' else 'h'}_l{suffix}"] = value.detach().clone()
        elif kind == "bias_ih":
            ours[f"b_l{suffix}"] = (value + state_dict[f"bias_hh_l{suffix}"]).detach()
        elif kind != "bias_hh":
            raise ValueError(f"{name} has no counterpart here (a projection, proj_size, is not supported)")
    return ours


def to_torch(state_dict):
    """Our names to torch.nn's: b becomes bias_ih, and bias_hh is zero, so that coming back is exact."""
    theirs = {}
    for name, value in state_dict.items():
        kind, _, suffix = name.rpartition("_l")
        value = value.detach().clone()
        if kind == "b":
            theirs[f"bias_ih_l{suffix}"], theirs[f"bias_hh_l{suffix}"] = value, torch.zeros_like(value)
        elif kind in ("W_x", "W_h"):
            theirs[f"weight_{'ih' if kind == 'W_x' else 'hh'}_l{suffix}"] = value
        else:
            raise ValueError(f"{name} is no parameter of a recurrent module of lstmkit")
    return theirs


def describe(module):
    """The options that differ from their defaults, as torch.nn prints them."""
    defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
    options = [
        f"{name}={getattr(module, name)}" for name, default in defaults.items() if getattr(module, name) != default
    ]
    return ", ".join([str(module.input_size), str(module.hidden_size), *options])
