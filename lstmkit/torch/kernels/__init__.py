"""The recurrence of any cell as two GPU kernels, forward and backward: torch for everything but the loop over time.

The input's product and the gradients of all weights are single large products, outside the loop.  Inside it one kernel
runs all steps, with the cell's own equations between the products (lstmkit/torch/kernels/template.py).  A step then
costs what its dependent parts cost, one after the other, and no launch.

T steps, B sequences, D inputs, H units, G gate blocks.  x: (T, B, D); a state is a tuple of (B, H), h first.
`products` is a list of (W_x, W_h, b), as lstmkit/numpy/recurrence.py has it.

Persistent kernels with the weights on the chip: Diamos et al. (2016).  These have run on Triton's interpreter, and on
no GPU yet: until `pytest -m gpu` has passed on one, they run where LSTMKIT_KERNELS=1 asks for them.
"""

import math
import os
from importlib.util import find_spec
from typing import NamedTuple

import torch

from lstmkit.torch.kernels import template

KEPT = 2**31  # bytes: gates that need more than this are made again on the way back
CHUNK = 256  # steps whose gates are made again at once
DTYPES = torch.float32, torch.bfloat16, torch.float16


class Unsupported(ValueError):
    """No kernel for this shape or dtype on this device; the message says what would do."""


class Chip(NamedTuple):
    """What a kernel has to fit into."""

    processors: int  # streaming multiprocessors: programs that run at the same time
    on_chip: int  # bytes of shared memory that one program may have


class Plan(NamedTuple):
    """How the units and sequences of a layer are shared out."""

    rows: int  # sequences of one program
    units: int  # units of one program
    many: bool  # whether programs share the units of a sequence
    pieces: tuple  # sizes of the pieces that a product's H units are cut into
    warps: int


def serves(device):
    """Whether the kernels run on a torch device: a GPU, with Triton there, and LSTMKIT_KERNELS=1 in the environment."""
    return device.type == "cuda" and os.environ.get("LSTMKIT_KERNELS") == "1" and bool(find_spec("triton"))


def chip(device):
    """The Chip of a torch device."""
    about = torch.cuda.get_device_properties(device)
    return Chip(about.multi_processor_count, about.shared_memory_per_block_optin)


def plan(B, H, matrices, itemsize, on):
    """The Plan for B sequences and `matrices` recurrent matrices of H by H numbers of `itemsize` bytes, on a Chip.

    One program for all units of its sequences if the weights fit into it, else as few programs as hold them all.  A
    program holds its part of the weights, and h of its sequences.  Raises Unsupported where the weights are too large
    for the whole chip, or the sequences too many.
    """
    most = on.on_chip - 2048  # beside these there are some small things
    side = max(16, 2 ** math.ceil(math.log2(H)))
    if (matrices * side + 2 * 16) * side * itemsize <= most:
        return Plan(16, side, False, (side,), 8 if side >= 64 else 4)
    width = 16 * math.ceil(H / 16)
    pieces = tuple(2**bit for bit in reversed(range(4, 16)) if width & 2**bit)
    for rows in (16, 32, 64, 128):
        for units in (16, 8):
            programs = math.ceil(B / rows) * math.ceil(H / units)
            if programs <= on.processors and (matrices * units + rows) * width * itemsize <= most:
                return Plan(rows, units, True, pieces, 8)
    raise Unsupported(
        f"no kernel for H = {H} and B = {B}: {matrices} recurrent matrices of {itemsize}-byte numbers do not fit on a "
        f"chip of {on.processors} multiprocessors with {on.on_chip} bytes each.  16-bit numbers, fewer units or a "
        "smaller batch would do"
    )


class How(NamedTuple):
    """What a kernel must know beside its tensors."""

    cell: object  # a module of lstmkit.cells
    composed: object  # the same in torch operations, for second derivatives: see `run`
    sees: tuple  # for each gate block, what it sees: a string of "x" and "h"
    given: tuple  # what a step takes from outside, (T, B, H) each
    lengths: object  # (B,) int32 on the device: steps of each sequence; or None
    reverse: bool  # whether the last step comes first
    plan: Plan
    precision: str  # of float32 products: "ieee" or "tf32"
    learning: bool  # whether a gradient may be asked for
    keep: bool  # whether the gates are kept for it, and not made again


def run(cell, composed, products, x, state, weights=(), given=None, lengths=None, reverse=False, on=None, kept=KEPT):
    """hs (T, B, H) and the last state, differentiable in x, the state, the weights and the products, twice.

    `composed(x, state, weights, products, given, lengths, reverse)` is the same in torch operations.  With lengths
    (B,), int32 on the device, a sequence's state stays as it is beyond its length, and hs is 0 there.  With `reverse`
    the last step comes first.
    float32 products are tf32 where torch.backends.cuda.matmul.allow_tf32 says so.  Under autocast x and the products
    are of its dtype.  A batch that is too large for one launch is cut into two.  `on` is the Chip, that of x's device
    unless told; `kept` how many bytes of gates may wait for the way back.  Raises Unsupported for a dtype, or a shape
    for which `plan` finds nothing.
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, products = x.to(dtype), [tuple(W if W is None else W.to(dtype) for W in product) for product in products]
    if x.dtype not in DTYPES:
        raise Unsupported(f"no kernel for {x.dtype}: x must be float32, bfloat16 or float16")
    (T, B, _), H, has = x.shape, state[0].shape[1], template.shape(cell)
    sees = tuple(
        "x" * (W_x is not None) + "h" * (W_h is not None) for W_x, W_h, b in products for _ in range(len(b) // H)
    )
    matrices = len(has.past) * sum("h" in seen for seen in sees)
    flat = [W for product in products for W in product if W is not None]
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *state, *weights, *flat))
    if not T * B:
        return composed(x, state, weights, products, given, lengths, reverse)
    try:
        made = plan(B, H, matrices, x.element_size(), on := on or chip(x.device))
    except Unsupported:
        if B <= 16:
            raise
        return _halves(cell, composed, products, x, state, weights, given or {}, lengths, reverse, on, kept)
    how = How(
        cell, composed, sees, tuple((given or {}).values()), lengths, reverse, made,
        "tf32" if torch.backends.cuda.matmul.allow_tf32 else "ieee",
        learning, keep=learning and T * B * H * len(has.kept) * x.element_size() <= kept,
    )  # fmt: skip
    shapes = [tuple(W is not None for W in product) for product in products]
    hs, *last = Recurrence.apply(how, shapes, len(state), len(weights), x, *state, *weights, *flat)
    return hs, tuple(last)


def _halves(cell, composed, products, x, state, weights, given, lengths, reverse, on, kept):
    middle = 16 * math.ceil(x.shape[1] / 32)
    results = []
    for some in (slice(None, middle), slice(middle, None)):
        first, masks = [field[some] for field in state], {name: values[:, some] for name, values in given.items()}
        ends = None if lengths is None else lengths[some].contiguous()
        inputs = x[:, some].contiguous()
        results.append(run(cell, composed, products, inputs, first, weights, masks, ends, reverse, on, kept))
    (left, ends_left), (right, ends_right) = results
    return torch.cat([left, right], dim=1), tuple(map(torch.cat, zip(ends_left, ends_right, strict=True)))


class Recurrence(torch.autograd.Function):
    """The two kernels as one differentiable operation."""

    @staticmethod
    def forward(ctx, how, shapes, fields, unit_weights, x, *tensors):
        """hs and the fields of the last state; `shapes` says which matrices each product has."""
        ctx.how, ctx.sizes = how, (shapes, fields, unit_weights)
        state, weights, products = _sorted(tensors, *ctx.sizes)
        (T, B, _), H, has = x.shape, state[0].shape[1], template.shape(how.cell)
        first = torch.stack([field.float() for field in state])
        hs, last = x.new_empty(T, B, H), torch.empty_like(first)
        carried = first.new_empty((T, len(has.fields) - 1, B, H) if how.learning else 0)
        kept = x.new_empty((T, len(has.kept), B, H) if how.keep else 0)
        exchange = x.new_empty((2, len(has.past), B, H) if how.plan.many else 0)
        if how.plan.many:
            exchange[0] = torch.stack([first[has.fields.index(name)] for name in has.past])
        _launch(
            how, "forward", (B, H),
            _inputs(x, products), _joined(x, [b for W_x, _, b in products if W_x is None]), _recurrent(x, products),
            _joined(x, weights), _joined(x, how.given), first, _lengths(how, x), hs, last, carried, kept, exchange,
            _arrived(how, x), T, B, KEEP=how.keep, CARRY=how.learning,
        )  # fmt: skip
        ctx.save_for_backward(x, hs, carried, kept, *tensors)
        return hs, *(field.to(like.dtype) for field, like in zip(last, state, strict=True))

    @staticmethod
    def backward(ctx, d_hs, *d_last):
        """The gradients of x, the state, the unit weights and the matrices."""
        x, hs, carried, kept, *tensors = ctx.saved_tensors
        how, (state, weights, products) = ctx.how, _sorted(tensors, *ctx.sizes)
        if torch.is_grad_enabled():  # asked for with create_graph: this gradient will itself be differentiated
            found = _composed(how, x, tensors, (state, weights, products), (d_hs, *d_last))
            return None, None, None, None, *found
        (T, B, _), H, has = x.shape, state[0].shape[1], template.shape(how.cell)
        first = torch.stack([field.float() for field in state])
        past = {name: _past(how, first, hs, carried, number) for number, name in enumerate(has.fields)}
        recurrent, unit, lengths = _recurrent(x, products), _joined(x, weights), _lengths(how, x)
        d_hs, d_gates = d_hs.contiguous(), x.new_empty(T, B, len(how.sees), H)
        d_state = torch.stack([field.float() for field in d_last])
        d_weights = first.new_zeros(len(weights), H)
        steps = T if how.keep else CHUNK
        for start in range(0, T, steps) if how.reverse else reversed(range(0, T, steps)):
            some = slice(start, start + steps)
            given = [field[some] for field in how.given]
            if not how.keep:
                found = {name: values[some] for name, values in past.items()}
                kept = _again(how, x[some], found, weights, given, products)
            before = torch.stack([values[some][-1 if how.reverse else 0] for values in past.values()])
            d_first = torch.empty_like(d_state)
            partial = first.new_empty(math.ceil(B / how.plan.rows), *d_weights.shape)
            _launch(
                how, "backward", (B, H),
                d_hs[some], d_state, hs[some], carried[some], kept, recurrent, unit, _joined(x, given), before, lengths,
                d_gates[some], d_first, partial, _arrived(how, x), len(x[some]), B, start,
            )  # fmt: skip
            d_state, d_weights = d_first, d_weights + partial.sum(0)
        seen = torch.cat([past[name].to(x.dtype) for name in has.past], dim=-1)
        d_x, d_products = _products_backward(x, seen, d_gates.flatten(2), products)
        d_own = (d.to(like.dtype) for d, like in zip((*d_state, *d_weights), (*state, *weights), strict=True))
        return None, None, None, None, d_x, *d_own, *d_products


def _launch(how, name, sizes, *arguments, **switches):
    (B, H), made = sizes, how.plan
    kernel = getattr(template.written(how.cell, how.sees, made.pieces), name)
    kernel[math.ceil(B / made.rows), math.ceil(H / made.units)](
        *arguments, H=H, ROWS=made.rows, UNITS=made.units, MANY=made.many, RAGGED=how.lengths is not None,
        REVERSE=how.reverse, PRECISION=how.precision, num_warps=made.warps, num_stages=1,
        launch_cooperative_grid=made.many, **switches,
    )  # fmt: skip


def _sorted(tensors, shapes, fields, unit_weights):
    """The state, the unit weights and the products, from one flat list."""
    tensors = iter(tensors)
    state, weights = ([next(tensors) for _ in range(count)] for count in (fields, unit_weights))
    return state, weights, [tuple(next(tensors) if there else None for there in shape) for shape in shapes]


def _joined(x, tensors):
    return torch.cat([tensor.flatten() for tensor in tensors]) if tensors else x.new_empty(0)


def _recurrent(x, products):
    return _joined(x, [W_h for _, W_h, _ in products if W_h is not None])


def _inputs(x, products):
    """The input's part of all pre-activations that have one, (T, B, X·H), in one product."""
    matrices, biases = zip(*((W_x, b) for W_x, _, b in products if W_x is not None), strict=True)
    return torch.nn.functional.linear(x, torch.cat(matrices), torch.cat(biases))


def _lengths(how, x):
    return x.new_empty(0, dtype=torch.int32) if how.lengths is None else how.lengths


def _arrived(how, x):
    """Counters of the programs that have come to the end of a step, one for each row of the grid."""
    return x.new_zeros(math.ceil(x.shape[1] / how.plan.rows), dtype=torch.int32)


def _past(how, first, hs, carried, number):
    """A field of the state as each step found it, (T, B, H)."""
    series, start = (hs if number == 0 else carried[:, number - 1]), first[number][None]
    if not how.reverse:
        return torch.cat([start.to(series.dtype), series[:-1]])
    past = torch.cat([series[1:], start.to(series.dtype)])
    if how.lengths is not None:  # hs is 0 beyond a sequence's length, where it began
        t = torch.arange(1, len(hs) + 1, device=hs.device)
        past = torch.where((t[:, None] < how.lengths)[..., None], past, start.to(series.dtype))
    return past


def _again(how, x, past, weights, given, products):
    """What the cell saves, (n, K, B, H), made again for n steps at once."""
    from lstmkit.torch.recurrence import on_torch  # which calls `run`

    has, H = template.shape(how.cell), past["h"].shape[-1]
    if not has.kept:
        return x.new_empty(0)
    seen, a = torch.cat([past[name].to(x.dtype) for name in has.past], dim=-1), []
    for W_x, W_h, b in products:
        value = b.expand(*x.shape[:2], -1) if W_x is None else torch.nn.functional.linear(x, W_x, b)
        value = value if W_h is None else value.float() + (seen @ W_h.T).float()
        a += value.float().split(H, dim=-1)
    before = (past[name].float() for name in template.inplace.before(how.cell))
    new = on_torch(how.cell.step)(*a, *before, *(w.float() for w in weights), *(m.float() for m in given))
    return torch.stack(new[len(has.fields) :], dim=1).to(x.dtype)


def _products_backward(x, seen, d_gates, products):
    """∂L/∂x and those of the products' matrices, from ∂L/∂a (T, B, G·H) and what the matrices saw."""
    d_x, d_products, start = torch.zeros_like(x), [], 0
    for W_x, W_h, b in products:
        d_a = d_gates[..., start : start + len(b)]
        rows, start = d_a.flatten(0, 1), start + len(b)
        if W_x is not None:
            d_x += d_a @ W_x
            d_products.append(rows.T @ x.flatten(0, 1))
        if W_h is not None:
            d_products.append(rows.T @ seen.flatten(0, 1))
        d_products.append(rows.sum(0))
    return d_x, d_products


def _composed(how, x, tensors, parts, d_outputs):
    """The gradients of x and the tensors, each as a differentiable function of all that it depends on."""
    names = template.shape(how.cell).given
    hs, last = how.composed(x, *parts, dict(zip(names, how.given, strict=True)), how.lengths, how.reverse)
    wanted = [tensor for tensor in (x, *tensors) if tensor.requires_grad]
    found = iter(torch.autograd.grad((hs, *last), wanted, d_outputs, create_graph=True, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in (x, *tensors)]
