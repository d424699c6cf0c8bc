"""Runs a cell over time on torch tensors: the same equations, on CPU and GPU.

On the CPU, float32 and float64 go through the NumPy recurrence, forward and backward, with the memory shared and
nothing copied on the way in.  Everywhere else, and for second derivatives, a loop of torch operations does the same
in rows, and autograd differentiates it.

T steps, B sequences, D inputs, H units, G gate blocks.  x: (T, B, D); W_x: (G·H, D); W_h: (G·H, H); b: (G·H,).
`cell` is a module of lstmkit.cells; a state is a tuple of (B, H), h first.
"""

from types import FunctionType

import torch

from lstmkit.numpy import recurrence as columns

ON_TORCH = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}


def run(cell, x, W_x, W_h, b, state):
    """hs (T, B, H) and the last state, differentiable in every argument."""
    if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
        keep_cache = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, W_x, W_h, b, *state))
        hs, *last = NumpyRecurrence.apply(cell, keep_cache, x, W_x, W_h, b, *state)
        return hs, tuple(last)
    return rows(cell, x, W_x, W_h, b, state)


def rows(cell, x, W_x, W_h, b, state):
    """The recurrence in torch operations: one product for all inputs, one more each step."""
    step = on_torch(cell.step)
    a_x = torch.nn.functional.linear(x, W_x, b)
    W_hT, gates = W_h.T, W_h.shape[0] // W_h.shape[1]
    (h, *carried), hs = state, []
    for a_t in a_x.unbind(0):
        h, *rest = step(*(a_t + h @ W_hT).chunk(gates, dim=-1), *carried)
        carried = rest[: len(carried)]
        hs.append(h)
    return torch.stack(hs) if hs else a_x.new_empty(0, *h.shape), (h, *carried)


def on_torch(function):
    """The same function of a cell, with torch's sigmoid and tanh where it names them."""
    return FunctionType(function.__code__, {**function.__globals__, **ON_TORCH})


class NumpyRecurrence(torch.autograd.Function):
    """The NumPy recurrence as one differentiable operation."""

    @staticmethod
    def forward(ctx, cell, keep_cache, x, W_x, W_h, b, *state):
        arrays = [tensor.detach().numpy() for tensor in (x, W_x, W_h, b, *state)]
        hs, last, ctx.cache = columns.forward(cell, arrays[1:4], arrays[0], arrays[4:], keep_cache)
        ctx.cell = cell
        ctx.save_for_backward(x, W_x, W_h, b, *state)
        return torch.from_numpy(hs), *(torch.from_numpy(field) for field in last)

    @staticmethod
    def backward(ctx, d_hs, *d_last):
        inputs = ctx.saved_tensors
        if torch.is_grad_enabled():  # asked for with create_graph: this gradient will itself be differentiated
            x, W_x, W_h, b, *state = inputs
            hs, last = rows(ctx.cell, x, W_x, W_h, b, state)
            wanted = [tensor for tensor in inputs if tensor.requires_grad]
            found = iter(
                torch.autograd.grad((hs, *last), wanted, (d_hs, *d_last), create_graph=True, allow_unused=True)
            )
            return None, None, *(next(found) if tensor.requires_grad else None for tensor in inputs)
        params = [tensor.detach().numpy() for tensor in inputs[1:4]]
        d_last = [tensor.numpy() for tensor in d_last]
        d_x, d_first, d_params = columns.backward(ctx.cell, params, d_hs.numpy(), ctx.cache, d_last)
        return None, None, *(torch.from_numpy(gradient) for gradient in (d_x, *d_params, *d_first))
