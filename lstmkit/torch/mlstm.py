"""The mLSTM as a torch module: the useful part of torch.nn.LSTM's signature, one layer in one direction.

The equations stand in lstmkit/numpy/mlstm.py.  `recurrent` is the loop over steps, `parallel` the sum over the past for
all steps at once.  The module cuts the steps into blocks, runs each in parallel and hands the memory on, so that the
cost grows with T and not with T².

T steps, B sequences, D inputs, H units, N heads of K = H / N units.  q, k, v: (B, N, T, K); a_i, log_f: (B, N, T).
W_x (4H, D) and b (4H,) stack the blocks q, k, v, o; W_g (2N, D) and b_g (2N,) the gates' rows i, f.

Source: Beck et al. (2024), equations 19 to 27.  Twin: lstmkit/numpy/mlstm.py.
"""

import math

import torch
from torch import nn


def recurrent(q, k, v, a_i, log_f, state):
    """C_t q_t over its denominator, (B, N, T, K), and the last state (C, n, m), one step after the other."""
    (C, n, m), hs = state, [v[:, :, :0]]
    for q_t, k_t, v_t, a, log in zip(*(part.unbind(2) for part in (q, k, v, a_i, log_f)), strict=True):
        m_prev, m = m, torch.maximum(log + m, a)
        i, f = torch.exp(a - m)[..., None], torch.exp(log + m_prev - m)[..., None]
        C = f[..., None] * C + (i * v_t)[..., None] * k_t[..., None, :]
        n = f * n + i * k_t
        Cq, nq = (C @ q_t[..., None])[..., 0], (n * q_t).sum(-1)
        hs.append((Cq / _below(nq, m)[..., None]).unsqueeze(2))
    return torch.cat(hs, dim=2), (C, n, m)


def parallel(q, k, v, a_i, log_f, state):
    """The same as `recurrent`, every pair of steps at once: a masked product of queries and keys, as in attention."""
    C, n, m = state
    F = nn.functional.pad(log_f.cumsum(-1), (1, 0))  # F_0 = 0
    pairs = F[..., None] - F[..., None, 1:] + a_i[..., None, :]  # log of what step s still weighs after step t
    future = torch.ones_like(pairs, dtype=torch.bool).triu()
    pairs, first = pairs.masked_fill(future, -torch.inf), F + m[..., None]
    ms = torch.cat([pairs, first[..., None]], dim=-1).amax(-1)
    weights, first = torch.exp(pairs - ms[..., None]), torch.exp(first - ms)
    C_last = first[..., -1, None, None] * C + (weights[..., -1, :, None] * v).mT @ k
    n_last = first[..., -1, None] * n + (weights[..., -1:, :] @ k)[..., 0, :]
    seen, first = q @ k.mT * weights[..., 1:, :], first[..., 1:, None]
    Cq, nq = seen @ v + first * (q @ C.mT), seen.sum(-1) + first[..., 0] * (q @ n[..., None])[..., 0]
    return Cq / _below(nq, ms[..., 1:])[..., None], (C_last, n_last, ms[..., -1])


def _below(nq, m):
    """max(|nᵀ q|, exp(-m)), the latter held between the smallest and the largest number there is."""
    limits = torch.finfo(m.dtype)
    return torch.maximum(nq.abs(), (-m).clamp(0.99 * math.log(limits.tiny), 0.99 * math.log(limits.max)).exp())


class MLSTM(nn.Module):
    """An LSTM with a matrix for its memory in each of `num_heads` heads, run `block_size` steps at a time."""

    def __init__(
        self, input_size, hidden_size, num_heads=1, bias=True, batch_first=False,
        *, forget_bias=3.0, block_size=64, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_heads = input_size, hidden_size, num_heads
        self.batch_first, self.block_size = batch_first, block_size
        for name in ("input_size", "hidden_size", "num_heads", "block_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
        if hidden_size % num_heads:
            raise ValueError(f"the heads must share the units evenly, but num_heads is {num_heads} of {hidden_size}")
        D, bound = input_size, input_size**-0.5
        self.W_x = nn.Parameter(torch.empty(4 * hidden_size, D, device=device, dtype=dtype).uniform_(-bound, bound))
        self.W_g = nn.Parameter(torch.empty(2 * num_heads, D, device=device, dtype=dtype).uniform_(-bound, bound))
        b_g = torch.tensor([0.0, forget_bias], device=device, dtype=self.W_x.dtype).repeat_interleave(num_heads)
        self.register_parameter("b", nn.Parameter(torch.zeros_like(self.W_x[:, 0])) if bias else None)
        self.register_parameter("b_g", nn.Parameter(b_g) if bias else None)

    def forward(self, input, hx=None):
        """hs (T, B, H) and (C_n, n_n, m_n), (B, N, K, K), (B, N, K) and (B, N), from input (T, B, D) and hx or zeros.

        With batch_first, input and hs are (B, T, ...).  Raises ValueError for a wrong shape, or dtypes that differ.
        """
        if input.dim() != 3 or input.shape[-1] != self.input_size:
            wanted = f"{'(B, T, D)' if self.batch_first else '(T, B, D)'} with D = {self.input_size}"
            raise ValueError(f"input must be {wanted}, but its shape is {tuple(input.shape)}")
        x = input if self.batch_first else input.transpose(0, 1)
        if x.dtype != self.W_x.dtype and not torch.is_autocast_enabled(x.device.type):
            raise ValueError(f"input is {x.dtype}, but the parameters are {self.W_x.dtype}: convert one, with .to()")
        N, K = self.num_heads, self.hidden_size // self.num_heads
        state, scale = self._state(x, hx), self.W_x.new_ones(4, 1, 1)
        scale[1] = K**-0.5  # of the key
        W_x = (self.W_x.view(4, -1, self.input_size) * scale).flatten(0, 1)
        a, g = nn.functional.linear(x, W_x, self.b), nn.functional.linear(x, self.W_g, self.b_g)
        q, k, v, a_o = a.unflatten(-1, (4, N, K)).permute(2, 0, 3, 1, 4)
        a_i, a_f = g.unflatten(-1, (2, N)).permute(2, 0, 3, 1)
        inputs, hs = (q, k, v, a_i, nn.functional.logsigmoid(a_f)), [v[:, :, :0]]
        for block in zip(*(part.split(self.block_size, dim=2) for part in inputs), strict=True):
            h, state = (recurrent if x.shape[1] == 1 else parallel)(*block, state)
            hs.append(h)
        hs = (torch.sigmoid(a_o) * torch.cat(hs, dim=2)).permute(0, 2, 1, 3).flatten(2)
        return hs if self.batch_first else hs.transpose(0, 1), tuple(field.clone() for field in state)

    def _state(self, x, hx):
        N, K = self.num_heads, self.hidden_size // self.num_heads
        shapes = ((len(x), N, K, K), (len(x), N, K), (len(x), N))
        if hx is None:
            return tuple(x.new_zeros(shape) for shape in shapes)
        if not isinstance(hx, tuple | list) or len(hx) != 3:
            raise ValueError(f"hx must be a tuple (C_0, n_0, m_0), but it is a {type(hx).__name__} of {len(hx)}")
        for name, field, shape in zip(("C_0", "n_0", "m_0"), hx, shapes, strict=True):
            if tuple(field.shape) != shape or field.dtype != x.dtype:
                was = f"it is {field.dtype} of {tuple(field.shape)}"
                raise ValueError(f"{name} must be {x.dtype} of shape {shape}, but {was}")
        return tuple(hx)

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        options = {"num_heads": self.num_heads, "bias": self.b is not None, "batch_first": self.batch_first}
        usual = {"num_heads": 1, "bias": True, "batch_first": False}
        changed = [f"{name}={value}" for name, value in options.items() if value != usual[name]]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])
