"""The linear recurrence over all steps in torch: the scan behind minLSTM and minGRU.

    h_t = a_t ⊙ h_{t-1} + b_t

On the CPU, float32 and float64 go through the NumPy scan, with the memory shared and nothing copied on the way in.
Elsewhere it is log2 T rounds of torch operations over all steps.  Either way the gradient is the same scan with the
time reversed, and so can be differentiated again.

T steps, B sequences, D inputs, H units, G gate blocks.  a, b, hs: (T, B, H); h0: (B, H); x: (T, B, D).
Layers and directions stand in lstmkit/torch/stack.py.

Source: Hillis & Steele (1986), Blelloch (1990), Heinsen (2023).  Twin: lstmkit/numpy/scan.py.
"""

import torch
from torch import nn

from lstmkit.numpy import scan as on_cpu
from lstmkit.torch import recurrence


def run(a, b, h0):
    """hs (T, B, H), differentiable in all three, any number of times."""
    return Scan.apply(a, b, h0)


class Scan(torch.autograd.Function):
    """The scan as one differentiable operation."""

    @staticmethod
    def forward(ctx, a, b, h0):
        """hs (T, B, H)."""
        if b.device.type == "cpu" and b.dtype in (torch.float32, torch.float64):
            hs = torch.from_numpy(on_cpu.run(*(tensor.detach().numpy() for tensor in (a, b, h0))))
        else:
            hs = doubling(a, b, h0)
        ctx.save_for_backward(a, h0, hs)
        return hs

    @staticmethod
    def backward(ctx, d_hs):
        """The gradients of a, b and h0, by the reversed scan."""
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


def positive_function(a):
    """g(a) = a + 1/2 where a >= 0, else σ(a), of any shape: a line made positive (Feng et al., 2024)."""
    return torch.where(a >= 0, a + 0.5, torch.sigmoid(a))


def scale_to_inputs(module):
    """Bring the weights W_x (G·H, D), which stack.add_parameters drew in ±1/√H, to ±1/√D, as torch.nn.Linear's.

    These cells have no W_h: what adds up to a pre-activation is D inputs, and never H units.
    """
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.startswith("W_x"):
                weight.mul_((module.hidden_size / weight.shape[1]) ** 0.5)


def run_layer(cell, params, x, state, positive=False):
    """One layer in one direction: hs (T, B, H) and the last State, from x (T, B, D) and a State whose one field is h.

    `cell` is a module of lstmkit.cells that is linear in h_prev and puts its factor f first in SAVED; `params` are
    W_x (G·H, D) and b (G·H,), the candidate's block last.  Gates and memory have the parameters' dtype, also where
    autocast takes the products in bfloat16: there a gate close to 1 would round to 1, and never forget.
    """
    (W_x, b), h0 = params, state.h.to(params.W_x.dtype)
    *a, g = nn.functional.linear(x, W_x, b).to(W_x.dtype).split(h0.shape[-1], dim=-1)
    step, g = recurrence.on_torch(cell.step), positive_function(g) if positive else g
    if len(x) == 1:  # one step at a time, as in inference, needs no scan
        hs = step(*a, g, h0)[0]
    else:
        written, f, *_ = step(*a, g, torch.zeros_like(h0))
        hs = run(f, written, h0)
    return hs, type(state)(hs[-1] if len(x) else h0)
