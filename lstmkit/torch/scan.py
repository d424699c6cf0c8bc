"""The linear recurrence over all steps in torch: the scan behind minLSTM and minGRU.

    h_t = a_t ⊙ h_{t-1} + b_t

On the CPU, float32 and float64 go through the NumPy scan, with the memory shared and nothing copied on the way in.
Elsewhere it is log2 T rounds of torch operations over all steps.  Either way the gradient is the same scan with the
time reversed, and so can be differentiated again.

T steps, B sequences, D inputs, H units, G gate blocks.  a, b, hs: (T, B, H); h0: (B, H); x: (T, B, D).

Source: Hillis & Steele (1986), Blelloch (1990), Heinsen (2023).  Twin: lstmkit/numpy/scan.py.
"""

from types import FunctionType

import torch
from torch import nn

from lstmkit.numpy import scan as on_cpu


def run(a, b, h0):
    """hs (T, B, H), differentiable in all three, any number of times."""
    return Scan.apply(a, b, h0)


class Scan(torch.autograd.Function):
    """The scan as one differentiable operation."""

    @staticmethod
    def forward(ctx, a, b, h0):
        if b.device.type == "cpu" and b.dtype in (torch.float32, torch.float64):
            hs = torch.from_numpy(on_cpu.run(*(tensor.detach().numpy() for tensor in (a, b, h0))))
        else:
            hs = doubling(a, b, h0)
        ctx.save_for_backward(a, h0, hs)
        return hs

    @staticmethod
    def backward(ctx, d_hs):
        a, h0, hs = ctx.saved_tensors
        later = torch.cat([a[1:], torch.zeros_like(a[:1])])  # nothing comes after the last step
        d = run(later.flip(0), d_hs.flip(0), torch.zeros_like(h0)).flip(0)
        h_prev = torch.cat([h0[None], hs])[: len(a)]
        return d * h_prev, d, (a[:1] * d[:1]).sum(0)


def doubling(a, b, h0):
    """hs (T, B, H) in log2 T rounds, each joining every step with the one so far before it."""
    hs, reach = torch.cat([b[:1] + a[:1] * h0, b[1:]]), 1
    while reach < len(hs):
        hs = torch.cat([hs[:reach], torch.addcmul(hs[reach:], a[reach:], hs[:-reach])])
        a = torch.cat([a[:reach], a[reach:] * a[:-reach]])
        reach *= 2
    return hs


def log_space(log_a, log_b, log_h0, steps=64):
    """log hs (T, B, H) from logarithms, by cumulative sum and cumulative log-sum-exp over `steps` steps at a time.

    Only for positive h, though h0 and b may be 0, their logarithm -∞; log_a is finite.
    """
    log_hs = [log_b[:0]]
    for start in range(0, len(log_b), steps):
        A = log_a[start : start + steps].cumsum(0)
        log_hs.append(A + torch.logaddexp(log_h0, torch.logcumsumexp(log_b[start : start + steps] - A, 0)))
        log_h0 = log_hs[-1][-1]
    return torch.cat(log_hs)


def positive(a):
    """g(a) = a + 1/2 where a >= 0, else σ(a), of any shape: a line made positive (Feng et al., 2024)."""
    return torch.where(a >= 0, a + 0.5, torch.sigmoid(a))


ON_TORCH = {"sigmoid": torch.sigmoid, "exp": torch.exp, "log_sigmoid": nn.functional.logsigmoid}


def add_parameters(module, gates, bias, device, dtype):
    """Give `module` its W_x (G·H, D), uniform in ±1/√D, and b (G·H,), zero, or None; ValueError for a size below 1."""
    for name in ("input_size", "hidden_size"):
        value = getattr(module, name)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
    rows, D, bound = gates * module.hidden_size, module.input_size, module.input_size**-0.5
    module.W_x = nn.Parameter(torch.empty(rows, D, device=device, dtype=dtype).uniform_(-bound, bound))
    b = nn.Parameter(torch.zeros(rows, device=device, dtype=dtype)) if bias else None
    module.register_parameter("b", b)


def run_cell(module, cell, input, hx):
    """hs and h_n of a `module` with W_x, b, positive and batch_first, whose `cell` is linear in h_prev.

    input (T, B, D), or (B, T, D) with batch_first; hx (1, B, H) or None for zeros.
    """
    W_x, H = module.W_x, module.hidden_size
    if input.dim() != 3 or input.shape[-1] != module.input_size:
        wanted = "(B, T, D)" if module.batch_first else "(T, B, D)"
        raise ValueError(f"input must be {wanted} with D = {module.input_size}, but its shape is {tuple(input.shape)}")
    x = input.transpose(0, 1) if module.batch_first else input
    shape = (1, x.shape[1], H)
    hx = x.new_zeros(shape) if hx is None else hx
    if not isinstance(hx, torch.Tensor) or tuple(hx.shape) != shape:
        what = f"its shape is {tuple(hx.shape)}" if isinstance(hx, torch.Tensor) else f"it is a {type(hx).__name__}"
        raise ValueError(f"hx must be one tensor of shape (1, B, H) = {shape}, but {what}")
    for name, tensor in (("input", x), ("hx", hx)):
        if tensor.dtype != W_x.dtype and not torch.is_autocast_enabled(tensor.device.type):
            raise ValueError(f"{name} is {tensor.dtype}, but the parameters are {W_x.dtype}: convert one, with .to()")
    b = W_x.new_zeros(len(W_x)) if module.b is None else module.b
    *a, g = (nn.functional.linear(x, W, part) for W, part in zip(W_x.split(H), b.split(H), strict=True))
    step = FunctionType(cell.step.__code__, {**cell.step.__globals__, **ON_TORCH})
    g, h0 = positive(g) if module.positive else g, hx[0].to(g.dtype)
    if len(x) == 1:  # one step at a time, as in inference, needs no scan
        h = step(*a, g, h0)[0]
        return h.transpose(0, 1) if module.batch_first else h, h.clone()
    written, f, *_ = step(*a, g, torch.zeros_like(h0))
    hs = run(f, written, h0)
    h_n = (hs[-1:] if len(x) else hx).clone()
    return hs.transpose(0, 1) if module.batch_first else hs, h_n


def describe(module):
    """Sizes and the options that differ from their defaults, as torch.nn prints them."""
    options = {"bias": (module.b is not None, True)}
    options |= {name: (getattr(module, name), False) for name in ("batch_first", "positive")}
    changed = [f"{name}={value}" for name, (value, usual) in options.items() if value != usual]
    return ", ".join([str(module.input_size), str(module.hidden_size), *changed])
