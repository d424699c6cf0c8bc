"""One layer of any cell with random weights, run by the NumPy core, by torch operations and by the GPU's kernels."""

import importlib

import numpy as np
from torch.autograd import grad

from lstmkit.numpy.shapes import sized
from lstmkit.torch import full_gate_recurrence, kernels, recurrence
from lstmkit.torch.kernels import template

CELLS = [
    "coupled", "full_gate_recurrence", "gru", "lstm", "lstm97", "no_input_activation", "no_input_gate",
    "no_output_activation", "no_output_gate", "peephole", "rnn", "rnn_relu", "slstm", "zoneout",
]  # fmt: skip
H200 = kernels.Chip(processors=132, on_chip=227 << 10)


class Case:
    """A layer of random weights over random inputs from a random state, and a random loss of all that comes out."""

    def __init__(self, torch, rng, name, T=6, B=5, D=3, H=7, device="cpu"):
        self.torch, self.device, self.name = torch, device, name
        self.twin = importlib.import_module(f"lstmkit.numpy.{name}")
        self.params = [rng.normal(size=sized(shape, D=D, H=H)) / 2 for shape in self.twin.SHAPES]
        self.x, fields = rng.normal(size=(T, B, D)), self.twin.State._fields
        self.state = [rng.normal(size=(B, H)) for _ in fields]
        if name == "slstm":
            self.state[2] = 1 + rng.random((B, H))  # a normaliser is a sum of weights
        self.given = {m: rng.integers(0, 2, (T, B, H)).astype(float) for m in template.shape(self.twin.cell).given}
        self.incoming = [rng.normal(size=(T, B, H)), *(rng.normal(size=(B, H)) for _ in fields)]

    def results(self, run, dtype, device="cpu"):
        """Outputs and gradients of run(params, x, state, given) in a dtype, as float64 arrays, by name."""
        fields = self.twin.State._fields

        def make(array, dtype=dtype):
            return self.torch.tensor(array, dtype=dtype, device=device)

        x, params, state = make(self.x), [make(a) for a in self.params], [make(a) for a in self.state]
        leaves = [tensor.requires_grad_() for tensor in (x, *params, *state)]
        given = {name: make(array) for name, array in self.given.items()}
        hs, last = run(self.twin.Params(*params), x, self.twin.State(*state), given)
        out = [hs, *last]
        loss = sum((a.double() * make(d, self.torch.float64)).sum() for a, d in zip(out, self.incoming, strict=True))
        names = ["hs", *fields, "d_x", *(f"d_{n}" for n in self.twin.Params._fields), *(f"d_{f}_0" for f in fields)]
        found = [*out, *grad(loss, leaves, allow_unused=True, materialize_grads=True)]
        return {name: tensor.detach().double().cpu().numpy() for name, tensor in zip(names, found, strict=True)}

    def products(self):
        """The function that makes a list of products, and the unit weights, from Params."""
        special = {"full_gate_recurrence": full_gate_recurrence.products}
        return special.get(self.name) or recurrence.own_products(self.twin)

    def core(self, lengths=None, reverse=False):
        """From the NumPy core in float64: by sequences, each cut to its length and turned around if `reverse`."""

        def run(params, x, state, given):
            parts = []
            for b in range(x.shape[1]):
                some = slice(None, None if lengths is None else lengths[b])
                pick = [field[some, b : b + 1] for field in (x, *given.values())]
                one, *masks = (field.flip(0) for field in pick) if reverse else pick
                first = self.twin.State(*(field[b : b + 1] for field in state))
                hs, last = recurrence.run(
                    self.twin, params, one, first, products=self.products(), **dict(zip(given, masks, strict=True))
                )
                hs = hs.flip(0) if reverse else hs
                padding = hs.new_zeros(len(x) - len(hs), 1, hs.shape[2])
                parts.append((self.torch.cat([hs, padding]), last))
            hs = self.torch.cat([hs for hs, _ in parts], dim=1)
            return hs, [self.torch.cat(fields) for fields in zip(*(last for _, last in parts), strict=True)]

        return self.results(run, self.torch.float64)

    def composed(self, dtype, lengths=None, reverse=False):
        """From what second derivatives, and shapes without a kernel, are left to."""

        def run(params, x, state, given):
            products, weights = self.products()(params)
            ends = None if lengths is None else self.torch.tensor(lengths)
            return recurrence.either_way(self.twin.cell, x, state, weights, products, given, ends, reverse)

        return self.results(run, getattr(self.torch, dtype))

    def kernel(self, dtype="float32", lengths=None, on=H200, **options):
        """From the kernels, for the chip `on`; None is that of the GPU which the tensors are on."""

        def run(params, x, state, given):
            products, weights = self.products()(params)
            ends = None if lengths is None else self.torch.tensor(lengths, dtype=self.torch.int32, device=self.device)
            return kernels.run(self.twin.cell, None, products, x, state, weights, given, ends, on=on, **options)

        return self.results(run, getattr(self.torch, dtype), self.device)


def agree(got, want, tolerance=1e-5):
    """AssertionError where ‖got - want‖ / ‖want‖ of one of the arrays of `want` is above the tolerance."""
    for name, array in want.items():
        assert np.isfinite(got[name]).all(), name
        error = np.linalg.norm(got[name] - array) / (np.linalg.norm(array) + 0.1)  # some all but vanish
        assert error < tolerance, f"{name}: relative error {error:.1e}"
