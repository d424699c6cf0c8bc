"""What torch.nn wraps around a recurrence: layers, directions, dropout between layers, lengths, names.

A padded batch is a rectangle of steps by sequences.  A PackedSequence, sorted by length, is a staircase: runs of
steps with the same number of sequences still going.  Each run is a rectangle again, and the state that leaves one
enters the next, so no step is ever computed on padding.

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units.
"""

import functools

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lstmkit.numpy.shapes import sized
from lstmkit.torch import kernels, recurrence


def add_parameters(module, twin, device, dtype, forget_bias=None, forget_block=1):
    """Give `module` the parameters of `twin`, a module of lstmkit.numpy, for every layer and direction, initialised.

    Weights are uniform in ±1/√H, gains, which are called g, are 1, and biases zero, but for the forget gate's block of
    b, where forget_bias is a number.
    """
    H, P, bound = module.hidden_size, output_size(module), module.hidden_size**-0.5
    for layer, suffix in suffixes(module):
        D = module.input_size if layer == 0 else P * directions(module)
        for field, shape in twin.SHAPES._asdict().items():
            value = torch.empty(sized(shape, D=D, H=H, P=P), device=device, dtype=dtype)
            if field[0] == "b":
                if not module.bias:
                    continue
                value.zero_()
                if field == "b" and forget_bias is not None:
                    value[forget_block * H : (forget_block + 1) * H] = forget_bias
            elif field[0] == "g":
                value.fill_(1)
            else:
                value.uniform_(-bound, bound)
            module.register_parameter(f"{field}{suffix}", nn.Parameter(value))


def params(module, twin, suffix):
    """The Params of one layer and direction, with zeros for the biases of a module that has none."""
    H, P, D = module.hidden_size, output_size(module), getattr(module, f"W_x{suffix}").shape[1]
    values = {}
    for field, shape in twin.SHAPES._asdict().items():
        value = getattr(module, f"{field}{suffix}", None)
        values[field] = module.W_x_l0.new_zeros(sized(shape, D=D, H=H, P=P)) if value is None else value
    return twin.Params(**values)


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


def output_size(module):
    """Features of h in one direction: H, or P where the module projects, as torch.nn's proj_size does."""
    return getattr(module, "proj_size", 0) or module.hidden_size


def directions(module):
    """1, or 2 for a bidirectional module."""
    return 2 if module.bidirectional else 1


def suffixes(module):
    """(layer, suffix) of every layer and direction, in torch.nn's order: _l0, _l0_reverse, _l1, ..."""
    reverse = ["", "_reverse"][: directions(module)]
    return [(layer, f"_l{layer}{end}") for layer in range(module.num_layers) for end in reverse]


def run(module, twin, run_layer, x, state, lengths=None, whole=False):
    """All layers of a module over x: (T, B, D), (B, T, D) with batch_first, (T, D), or a PackedSequence.

    `run_layer(params, x, state) -> hs, last` runs one layer in one direction, with the Params and State of `twin`.
    `lengths` (B,) says how many steps of each sequence of a batch are real: on the others nothing is computed, and
    the hidden states are zero.  With `whole`, run_layer takes `lengths` and `reverse` itself, as recurrence.run does,
    and where a kernel serves it gets a batch as a whole.

    `state` is None for zeros, or a tuple of initial values, each (L·S, B, H), or (L·S, H) where x has no batch.
    Returns the last layer's hidden states, S·H features in the form that x came in, and the last state as a tuple.
    """
    names = tuple(f"{field}_0" for field in twin.State._fields)
    if lengths is not None:
        return _padded(module, twin, run_layer, x, state, lengths, whole)
    if isinstance(x, PackedSequence):
        data, order, back = x.data, x.sorted_indices, x.unsorted_indices
        counts, lengths = torch.unique_consecutive(x.batch_sizes, return_counts=True)
        treads = list(zip(lengths.tolist(), counts.tolist(), strict=True))
        data, first = _checked(module, data), _state(module, twin, data, state, treads, order)
        data, last = _layers(module, twin, run_layer, data, treads, first, whole)
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
    data, last = _layers(module, twin, run_layer, data, treads, _state(module, twin, data, state, treads, None), whole)
    hs = data.view(T, B, data.shape[-1])
    if not batched:
        return hs.squeeze(1), tuple(field.squeeze(1) for field in last)
    return hs.transpose(0, 1) if module.batch_first else hs, last


def _padded(module, twin, run_layer, x, state, lengths, whole):
    """A padded batch with the lengths of its sequences, by way of a PackedSequence."""
    if isinstance(x, PackedSequence) or x.dim() != 3:
        raise ValueError("lengths belong to a padded batch of three axes: a PackedSequence has its own")
    T, B = (x.shape[1], x.shape[0]) if module.batch_first else x.shape[:2]
    packed = pack_padded_sequence(x, expect_lengths(lengths, T, B), module.batch_first, enforce_sorted=False)
    hs, last = run(module, twin, run_layer, packed, state, whole=whole)
    return pad_packed_sequence(hs, module.batch_first, total_length=T)[0], last


def expect_lengths(lengths, T, B):
    """`lengths` as a tensor of B whole numbers from 1 to T, on the CPU, else ValueError."""
    lengths = torch.as_tensor(lengths, dtype=torch.int64, device="cpu")
    if lengths.shape != (B,) or (B and not (lengths.min() >= 1 and lengths.max() <= T)):
        raise ValueError(f"lengths must be {B} numbers from 1 to T = {T}, but they are {lengths.tolist()}")
    return lengths


def _batch_of_one(module, state, names):
    """The state of an input without a batch, (L·S, H), as one of a batch of one, (L·S, 1, H)."""
    for name, field in zip(names, state, strict=False):  # how many there are is checked with their batch
        shape = (len(suffixes(module)), _width(module, name))
        if tuple(field.shape) != shape:
            given = f"as the input has no batch, but its shape is {tuple(field.shape)}"
            raise ValueError(f"{name} must have shape (L·S, H) = {shape}, {given}")
    return tuple(field.unsqueeze(1) for field in state)


def _layers(module, twin, run_layer, data, treads, state, whole):
    """Every layer and direction over data, rows of D features; treads are (steps, sequences) of each rectangle."""
    last, ends = [], suffixes(module)
    for layer in range(module.num_layers):
        if layer > 0:
            data = nn.functional.dropout(data, module.dropout, module.training)
        outputs = []
        for index, (of, suffix) in enumerate(ends):
            if of == layer:
                first = twin.State(*(field[index] for field in state))
                run_one = functools.partial(run_layer, params(module, twin, suffix))
                go = _whole if whole and kernels.serves(data.device) else _direction
                hs, end = go(run_one, data, treads, first, suffix.endswith("_reverse"))
                outputs.append(hs)
                last.append(end)
        data = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
    return data, tuple(torch.stack(fields) for fields in zip(*last, strict=True))


def _direction(run_one, data, treads, state, reverse):
    """One pass over the staircase.  Read backwards, each sequence joins with its initial state at its own end."""
    if len(treads) == 1:  # one rectangle, the usual case, need not be taken apart and put together again
        x = data.view(*treads[0], data.shape[-1])
        hs, end = run_one(x.flip(0) if reverse else x, state)
        return (hs.flip(0) if reverse else hs).flatten(0, 1), end
    pieces = list(zip(data.split([steps * n for steps, n in treads]), treads, strict=True))
    kind = type(state)
    going = kind(*(field[:0] for field in state)) if reverse else state
    outputs, ended = [], []
    for piece, (steps, n) in reversed(pieces) if reverse else pieces:
        x = piece.view(steps, n, data.shape[-1])
        if reverse:
            going = (torch.cat([field, first[len(field) : n]]) for field, first in zip(going, state, strict=True))
            hs, going = run_one(x.flip(0), kind(*going))
            hs = hs.flip(0)
        else:
            ended.append(tuple(field[n:] for field in going))
            hs, going = run_one(x, kind(*(field[:n] for field in going)))
        outputs.append(hs.flatten(0, 1))
    if reverse:
        return torch.cat(outputs[::-1]), going
    return torch.cat(outputs), tuple(torch.cat(parts) for parts in zip(going, *reversed(ended), strict=True))


def _whole(run_one, data, treads, state, reverse):
    """The same as `_direction` in one run: a kernel keeps the state of a sequence that is not going."""
    if len(treads) == 1:
        hs, end = run_one(data.view(*treads[0], data.shape[-1]), state, reverse=reverse)
        return hs.flatten(0, 1), end
    counts = torch.tensor([n for steps, n in treads for _ in range(steps)])
    x, lengths = pad_packed_sequence(PackedSequence(data, counts))
    hs, end = run_one(x, state, lengths=lengths.to(data.device, torch.int32), reverse=reverse)
    return pack_padded_sequence(hs, lengths).data, end


def _checked(module, data):
    if data.shape[-1] != module.input_size:
        raise ValueError(f"input must have input_size = {module.input_size} features, but it has {data.shape[-1]}")
    dtype = module.W_x_l0.dtype
    if data.dtype != dtype and not torch.is_autocast_enabled(data.device.type):
        raise ValueError(f"input is {data.dtype}, but the parameters are {dtype}: convert one, with .to({dtype}) say")
    return data


def _state(module, twin, data, state, treads, order):
    """The initial state as a tuple of (L·S, B, H), in the order of the packed sequences."""
    names = tuple(f"{field}_0" for field in twin.State._fields)
    B = max((n for _, n in treads), default=0)
    shapes = [(len(suffixes(module)), B, _width(module, name)) for name in names]
    if state is None:
        first = getattr(twin, "FIRST", [0] * len(names))
        return tuple(data.new_full(shape, value) for shape, value in zip(shapes, first, strict=True))
    if len(state) != len(names):
        raise ValueError(f"the state must be ({', '.join(names)}), but it has {len(state)} entries")
    for name, field, shape in zip(names, state, shapes, strict=True):
        if tuple(field.shape) != shape:
            raise ValueError(f"{name} must have shape (L·S, B, H) = {shape}, but its shape is {tuple(field.shape)}")
        if field.dtype != data.dtype and not torch.is_autocast_enabled(data.device.type):
            raise ValueError(f"{name} is {field.dtype}, but the input is {data.dtype}: convert one")
    return tuple(field if order is None else field.index_select(1, order) for field in state)


def _width(module, name):
    return output_size(module) if name == "h_0" else module.hidden_size


SIGNATURE = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional")


def convert(source, kind, translate):
    """`source` as a module of class `kind`: sizes, options, device, dtype and mode, and its weights renamed."""
    weight = next(source.parameters())
    options = {name: getattr(source, name) for name in SIGNATURE}
    if hasattr(source, "nonlinearity"):
        options["nonlinearity"] = source.nonlinearity
    if getattr(source, "proj_size", 0):
        options["proj_size"] = source.proj_size
    target = kind(**options, device=weight.device, dtype=weight.dtype).train(source.training)
    target.load_state_dict(translate(source.state_dict()))
    return target


def from_torch(state_dict, gates):
    """torch.nn's names to ours: weight_ih is W_x, weight_hh is W_h, and the two biases add up to b.

    With three gates, the GRU's, the last block of bias_hh stands inside the reset and stays apart, as b_u.
    """
    ours = {}
    for name, value in state_dict.items():
        kind, _, suffix = name.partition("_l")
        if kind in ("weight_ih", "weight_hh"):
            ours[f"W_{'x' if kind == 'weight_ih' else 'h'}_l{suffix}"] = value.detach().clone()
        elif kind == "bias_ih":
            other, H = state_dict[f"bias_hh_l{suffix}"], len(value) // gates
            ours[f"b_l{suffix}"] = (value + other).detach()
            if gates == 3:
                ours[f"b_l{suffix}"][2 * H :] = value[2 * H :].detach()
                ours[f"b_u_l{suffix}"] = other[2 * H :].detach().clone()
        elif kind != "bias_hh":
            raise ValueError(f"{name} has no counterpart here (for a projection, take ProjectionLSTM.from_torch)")
    return ours


def to_torch(state_dict):
    """Our names to torch.nn's: b becomes bias_ih, and bias_hh is zero but for b_u, so that coming back is exact."""
    theirs = {}
    for name, value in state_dict.items():
        kind, _, suffix = name.rpartition("_l")
        value = value.detach().clone()
        if kind == "b":
            theirs[f"bias_ih_l{suffix}"] = value
            theirs.setdefault(f"bias_hh_l{suffix}", torch.zeros_like(value))
        elif kind == "b_u":
            theirs.setdefault(f"bias_hh_l{suffix}", value.new_zeros(3 * len(value)))[2 * len(value) :] = value
        elif kind in ("W_x", "W_h"):
            theirs[f"weight_{'ih' if kind == 'W_x' else 'hh'}_l{suffix}"] = value
        else:
            raise ValueError(f"{name} is no parameter that torch.nn has")
    return theirs


def describe(module):
    """The options that differ from their defaults, as torch.nn prints them."""
    defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
    options = [
        f"{name}={getattr(module, name)}" for name, default in defaults.items() if getattr(module, name) != default
    ]
    if getattr(module, "proj_size", 0):
        options.append(f"proj_size={module.proj_size}")
    return ", ".join([str(module.input_size), str(module.hidden_size), *options])


def as_state(hx, twin):
    """hx as the tuple that `run` takes: None, the one field of a state that has one, or all fields; else ValueError."""
    names = [f"{field}_0" for field in twin.State._fields]
    if hx is None:
        return None
    if len(names) == 1:
        if isinstance(hx, tuple | list):
            raise ValueError(f"hx must be the tensor {names[0]}, but it is a {type(hx).__name__}")
        return (hx,)
    if not isinstance(hx, tuple | list):
        raise ValueError(f"hx must be a tuple ({', '.join(names)}), but it is a {type(hx).__name__}")
    return hx


def variant(name, twin, forget_block=None, products=None):
    """The class `name`: the cell of `twin`, a module of lstmkit.numpy, with the arguments of torch.nn.LSTM.

    For cells that torch.nn does not have.  `forget_block` is the number of the gate block whose bias starts at
    forget_bias.
    """
    fields = ", ".join(f"{field}_n" for field in twin.State._fields)

    class Variant(nn.Module):
        def __init__(
            self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
            *, forget_bias=1.0, device=None, dtype=None,
        ):  # fmt: skip
            super().__init__()
            self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
            self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
            check_sizes(self)
            add_parameters(self, twin, device, dtype, None if forget_block is None else forget_bias, forget_block)

        def forward(self, input, hx=None, lengths=None):
            run_layer = functools.partial(recurrence.run, twin, products=products)
            hs, last = run(self, twin, run_layer, input, as_state(hx, twin), lengths, whole=True)
            return hs, last if len(last) > 1 else last[0]

        def extra_repr(self):
            return describe(self)

    Variant.__name__ = Variant.__qualname__ = name
    Variant.__module__ = twin.__name__.replace(".numpy.", ".torch.")
    shapes = ", ".join(f"{name}_l ({shape.replace(' ', ', ')})" for name, shape in twin.SHAPES._asdict().items())
    Variant.__doc__ = f"""{twin.__doc__.split(":")[0]}, of one or more layers.

    The arguments are those of torch.nn.LSTM.  The parameters of layer l are {shapes},
    and the same with _reverse.
    """
    Variant.forward.__doc__ = f"""hs (T, B, S·H) and {fields}, each (L·S, B, H), from input (T, B, D) and hx or zeros.

        With batch_first, input and hs are (B, T, ...); an input (T, D) has no batch; a PackedSequence comes out as one;
        `lengths` (B,) says how many steps of each padded sequence are real.  Raises ValueError for a wrong shape or
        dtype.
        """
    Variant.extra_repr.__doc__ = "Sizes and options, as torch.nn prints them."
    return Variant
