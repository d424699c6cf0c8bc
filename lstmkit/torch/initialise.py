"""Where a recurrent module starts from: the rules of lstmkit/numpy/initialise.py, in place.

    initialise.orthogonal(module)
    initialise.chrono(module, T_max=100, generator=torch.Generator().manual_seed(1))

Each takes a module of lstmkit.torch or a torch.nn.RNN, LSTM or GRU, changes every layer and direction, and returns the
module.  H units; W_h_l0 and weight_hh_l0 are (4H, H) in an LSTM.  Where a rule changes the bias b, torch.nn's first one
becomes b and its second zero, for their sum is what acts; in the GRU's candidate, where it is not, the second stays.
`generator` makes a call repeatable; None takes torch's global one.

Sources, and what each rule is for: the twin, lstmkit/numpy/initialise.py.  Chapter: chapters/practice.md.
"""

import functools
import importlib

import numpy as np
import torch
from torch import nn

from lstmkit.numpy import gru, lstm, projection, rnn, rnn_relu
from lstmkit.numpy import initialise as rules
from lstmkit.numpy.shapes import sized

OURS_TO_TORCH = {"W_x": "weight_ih", "W_h": "weight_hh", "b": "bias_ih"}


def uniform(module, generator=None):
    """Every weight and bias uniform in ±1/√H, as torch.nn's reset_parameters; gains of a normalisation stay."""
    _twin(module)
    bound = module.hidden_size**-0.5
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name == "b" or name.startswith(("W_", "w_", "b_", "weight_", "bias_")):
                parameter.uniform_(-bound, bound, generator=generator)
    return module


def orthogonal(module, generator=None):
    """An orthogonal matrix (H, H) in each gate's block of the recurrent weights."""
    return _apply(module, functools.partial(rules.orthogonal, _rng(generator)))


def forget_bias(module, value=1.0):
    """`value` for the bias (H,) of the gate that keeps the old state, f or the GRU's z; ValueError if there is none."""
    return _apply(module, functools.partial(rules.forget_bias, value=value))


def chrono(module, T_max, generator=None):
    """Biases (H,) for memories of 1 to T_max steps; ValueError for no gate that keeps the old state, or T_max < 3."""
    return _apply(module, functools.partial(rules.chrono, _rng(generator), T_max=T_max))


def identity(module, scale=1.0, deviation=0.001, generator=None):
    """`scale` times the identity for W_h (H, H), zero biases, W_x normal: the IRNN; ValueError if there are gates."""
    return _apply(module, functools.partial(rules.identity, _rng(generator), scale=scale, deviation=deviation))


def _rng(generator):
    """A NumPy generator whose seed is drawn from torch's."""
    device = "cpu" if generator is None else generator.device
    return np.random.default_rng(torch.randint(2**63 - 1, (), generator=generator, device=device).item())


def _twin(module):
    """The module of lstmkit.numpy whose Params those of `module` are."""
    if isinstance(module, nn.LSTM):
        return projection if module.proj_size else lstm
    if isinstance(module, nn.GRU):
        return gru
    if hasattr(module, "nonlinearity") and hasattr(module, "hidden_size"):
        return {"tanh": rnn, "relu": rnn_relu}[module.nonlinearity]
    home = type(module).__module__
    if home.startswith("lstmkit.torch."):  # one concept, one word: the same in both folders
        twin = importlib.import_module(home.replace(".torch.", ".numpy."))
        if hasattr(twin, "SHAPES"):
            return twin
    raise ValueError(
        "module must be a recurrent one of lstmkit.torch, or a torch.nn.RNN, LSTM or GRU, but it is a "
        f"{type(module).__name__}"
    )


def _apply(module, rule):
    """Give the Params of each layer and direction to `rule`, and write what it changes."""
    twin, changes = _twin(module), []
    library = isinstance(module, nn.RNNBase)
    first = "weight_ih_l" if library else "W_x"
    for suffix in [name.removeprefix(first) for name, _ in module.named_parameters() if name.startswith(first)]:
        suffix = f"_l{suffix}" if library else suffix
        old = _params(module, twin, suffix, library)
        for field, value in rule(old)._asdict().items():
            if value is not getattr(old, field):
                name = f"{OURS_TO_TORCH[field] if library else field}{suffix}"
                if getattr(module, name, None) is None:
                    if not value.any():
                        continue
                    raise ValueError(f"this rule sets biases, but the {type(module).__name__} has bias=False")
                changes.append((getattr(module, name), value))
                if library and field == "b":
                    second = getattr(module, f"bias_hh{suffix}").detach().cpu().double().numpy().copy()
                    second[: 2 * module.hidden_size if twin is gru else None] = 0
                    changes.append((getattr(module, f"bias_hh{suffix}"), second))
    with torch.no_grad():  # only now, so that an error leaves the module as it was
        for parameter, value in changes:
            parameter.copy_(torch.from_numpy(value))
    return module


def _params(module, twin, suffix, library):
    """The Params of one layer and direction in float64, with zeros for the biases of a module that has none."""

    def array(name, shape=None):
        value = getattr(module, f"{name}{suffix}", None)
        if value is None:
            return np.zeros(sized(shape, H=module.hidden_size))
        return value.detach().cpu().double().numpy()

    if not library:
        return twin.Params(*(array(name, shape) for name, shape in twin.SHAPES._asdict().items()))
    W_x, W_h, shape = array("weight_ih"), array("weight_hh"), twin.SHAPES.b
    b, other = array("bias_ih", shape), array("bias_hh", shape)
    if twin is gru:  # the last block of the second bias stands inside the reset
        kept = slice(2 * module.hidden_size, None)
        both = b + other
        both[kept] = b[kept]
        return gru.Params(W_x, W_h, both, other[kept])
    return twin.Params(W_x, W_h, b + other, *([array("weight_hr")] if twin is projection else []))
