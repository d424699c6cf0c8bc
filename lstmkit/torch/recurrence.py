"""Runs a cell over time on torch tensors: the same equations, on CPU and GPU.

On the CPU, float32 and float64 go through the NumPy twin, forward and backward, with the memory shared and nothing
copied on the way in.  On a GPU, where it is asked for, one kernel runs all steps (lstmkit/torch/kernels).  Everywhere
else, and for second derivatives, a loop of torch operations does the same in rows, and autograd differentiates it.

T steps, B sequences, D inputs, H units.  x: (T, B, D); a state is a tuple of (B, H), h first.
`twin` is a module of lstmkit.numpy; `params` and `state` are its Params and State, of tensors.
"""

import functools
import warnings
from types import FunctionType

import torch

from lstmkit.numpy import functions, inplace, layer
from lstmkit.torch import kernels

ON_TORCH = {
    functions.sigmoid: torch.sigmoid,
    functions.tanh: torch.tanh,
    functions.relu: torch.relu,
    functions.d_relu: lambda y: (y > 0).to(y.dtype),
    functions.exp: torch.exp,
    functions.maximum: torch.maximum,
    functions.log_sigmoid: torch.nn.functional.logsigmoid,
}


def run(twin, params, x, state, loop=None, products=None, lengths=None, reverse=False, **outside):
    """hs (T, B, H) and the last state, differentiable in every tensor of params, x and state.

    `products` makes the list of products, and the unit weights, from params, in torch; the twin's own if None.  A layer
    that is more than a cell and its products has a `loop` instead: itself in torch operations, (params, x, state,
    **outside) -> hs, last.  `outside` is what an equation takes besides, without a gradient, (T, B, H) each.
    `lengths` and `reverse`, as in lstmkit.torch.kernels.run, are for the device that it serves alone.
    """
    if loop is None and kernels.serves(x.device):
        matrices, weights = (products or own_products(twin))(params)
        return in_a_kernel(twin.cell, matrices, weights, x, state, outside, lengths, reverse)
    loop = loop or equations(twin, products)
    autocast = torch.is_autocast_enabled(x.device.type)
    if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and not autocast:
        tensors = [x, *params, *state]
        needed = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        hs, *last = NumpyTwin.apply(twin, loop, outside, needed, *tensors)
        return hs, tuple(last)
    return loop(params, x, state, **outside)


def torch_is_faster(x, tensors, has_fast_kernel):
    """Whether torch's own layer beats the twin for x (T, B, D) and the weights and state in `tensors`.

    The thresholds are what `lstmkit bench` measured on a processor with AVX-512.  torch has a fast kernel, oneDNN's,
    for the LSTM in float32: it wins but where its memory, which it asks for anew at every call, costs more than the
    products.  In float64 torch wins at large products that keep nothing for a gradient.
    """
    if x.device.type != "cpu" or kernels.serves(x.device) or torch.is_autocast_enabled("cpu"):
        return False
    B, H = tensors[-1].shape
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *tensors))
    if x.dtype == torch.float32:
        return has_fast_kernel and torch.backends.mkldnn.is_available() and (not learning or len(x) * B * H < 2**21)
    return not learning and B * H >= 2**14 if x.dtype == torch.float64 else True


def in_a_kernel(cell, products, weights, x, state, given, lengths, reverse):
    """The recurrence in a GPU kernel or, where there is none for a shape, said in a warning, in torch operations."""
    composed = functools.partial(either_way, cell)
    try:
        return kernels.run(cell, composed, products, x, state, weights, given, lengths, reverse)
    except kernels.Unsupported as reason:
        warnings.warn(f"{reason}; until then torch operations do it, one step at a time", RuntimeWarning, stacklevel=2)
        return composed(x, state, weights, products, given, lengths, reverse)


def either_way(cell, x, state, weights, products, given=None, lengths=None, reverse=False):
    """`rows`, from the last step to the first if `reverse`, each sequence up to its own length if there are `lengths`.

    Beyond it hs is 0 and the state stays as it was.
    """
    given = given or {}
    if lengths is None and reverse:
        given = {name: values.flip(0) for name, values in given.items()}
        hs, last = rows(cell, products, x.flip(0), state, weights, given)
        return hs.flip(0), last
    if lengths is None:
        return rows(cell, products, x, state, weights, given)
    hs = {}
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        now = {name: values[t : t + 1] for name, values in given.items()}
        _, new = rows(cell, products, x[t : t + 1], state, weights, now)
        going = (t < lengths)[:, None]
        state = tuple(torch.where(going, field, old) for field, old in zip(new, state, strict=True))
        hs[t] = state[0].masked_fill(~going, 0)
    return torch.stack([hs[t] for t in range(len(x))]), state


def own_products(twin):
    """The function of a twin that makes products and unit weights of its Params."""
    return getattr(twin, "products", layer.products)


def equations(twin, products=None):
    """The loop in torch operations for a twin whose cell follows the protocol of lstmkit/cells/__init__.py."""
    products = products or own_products(twin)

    def loop(params, x, state, **given):
        matrices, weights = products(params)
        return rows(twin.cell, matrices, x, state, weights, given)

    return loop


def rows(cell, products, x, state, weights=(), given=None):
    """The recurrence in torch operations: one product for all inputs, one more each step."""
    step, names, before = on_torch(cell.step), inplace.fields(cell), inplace.before(cell)
    H, given = state[0].shape[-1], given or {}
    # unbind, not x[t]: the gradient of an index is as large as what it was taken from
    from_x = [
        [b] * len(x) if W_x is None else torch.nn.functional.linear(x, W_x, b).unbind(0) for W_x, _, b in products
    ]
    back = [None if W_h is None else W_h.T for _, W_h, _ in products]
    now, hs = dict(zip(names, state, strict=True)), []
    for *a_x, outside in zip(*from_x, zip(*given.values(), strict=True) if given else [()] * len(x), strict=True):
        past = [now[name] for name in names if name == "h" or name not in before]
        past = past[0] if len(past) == 1 else torch.cat(past, dim=-1)
        a = []
        for a_t, W_hT in zip(a_x, back, strict=True):
            a += (a_t if W_hT is None else a_t + past @ W_hT).split(H, dim=-1)
        new = step(*a, *(now[name] for name in before), *weights, *outside)
        now = dict(zip(names, new, strict=False))
        hs.append(now["h"])
    return torch.stack(hs) if hs else x.new_empty(0, *state[0].shape), tuple(now[name] for name in names)


def on_torch(function):
    """The same function of a cell, with torch's sigmoid and tanh and their like where it names NumPy's."""
    names = function.__globals__
    known = {name: ON_TORCH[value] for name, value in names.items() if callable(value) and value in ON_TORCH}
    return FunctionType(function.__code__, {**names, **known})


class NumpyTwin(torch.autograd.Function):
    """The NumPy twin as one differentiable operation."""

    @staticmethod
    def forward(ctx, twin, loop, outside, keep_cache, *tensors):
        """hs and the fields of the last state, from x and the tensors of params and state."""
        ctx.twin, ctx.loop, ctx.outside = twin, loop, outside
        x, params, state = _sorted(twin, [tensor.detach().numpy() for tensor in tensors])
        hs, last, ctx.cache = twin.forward(params, x, state, keep_cache=keep_cache, **outside)
        ctx.save_for_backward(*tensors)
        return torch.from_numpy(hs), *(torch.from_numpy(field) for field in last)

    @staticmethod
    def backward(ctx, d_hs, *d_last):
        """The gradients of x and of the tensors of params and state."""
        inputs = ctx.saved_tensors
        if torch.is_grad_enabled():  # asked for with create_graph: this gradient will itself be differentiated
            x, params, state = _sorted(ctx.twin, inputs)
            hs, last = ctx.loop(params, x, state, **ctx.outside)
            wanted = [tensor for tensor in inputs if tensor.requires_grad]
            found = iter(
                torch.autograd.grad((hs, *last), wanted, (d_hs, *d_last), create_graph=True, allow_unused=True)
            )
            return None, None, None, None, *(next(found) if tensor.requires_grad else None for tensor in inputs)
        _, params, _ = _sorted(ctx.twin, [tensor.detach().numpy() for tensor in inputs])
        d_state = ctx.twin.State(*(tensor.numpy() for tensor in d_last))
        d_x, d_first, d_params = ctx.twin.backward(params, d_hs.numpy(), ctx.cache, d_state)
        return None, None, None, None, *(torch.from_numpy(gradient) for gradient in (d_x, *d_params, *d_first))


def _sorted(twin, values):
    """x, Params and State, from one flat list."""
    (x, *rest), count = values, len(twin.Params._fields)
    return x, twin.Params(*rest[:count]), twin.State(*rest[count:])
