"""The mLSTM as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/numpy/mlstm.py.  `recurrent` is the loop over steps, `parallel` the sum over the past for
all steps at once.  The module cuts the steps into blocks, runs each in parallel and hands the memory on, so that the
cost grows with T and not with T².

In a padded batch every sequence runs to the end of the longest: where it has ended, log f = 0 and a_i = -∞, so that it
forgets nothing and writes nothing, and its memory stays as its own last step left it.  The way back of a bidirectional
layer reads each sequence turned around within its length.  lstmkit/torch/stack.py, which does this for the other
modules, cuts a padded batch into rectangles instead: here a few large products are faster than many small ones, and the
state is not (L·S, B, H).

L layers, S = 1 or 2 directions.  T steps, B sequences, D inputs, H units, N heads of K = H / N units.
q, k, v: (B, N, T, K); a_i, log_f: (B, N, T); C: (B, N, K, K); n: (B, N, K); m: (B, N).
W_x_l0 (4H, D) and b_l0 (4H,) stack the blocks q, k, v, o; W_g_l0 (2N, D) and b_g_l0 (2N,) the gates' rows i, f; W_x and
W_g of later layers have S·H columns.

Source: Beck et al. (2024), equations 19 to 27.  Twin: lstmkit/numpy/mlstm.py.
"""

import math

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lstmkit.numpy import mlstm as twin
from lstmkit.numpy.shapes import sized
from lstmkit.torch import stack


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


def run_layer(params, x, state, padding=None, block_size=64):
    """One layer in one direction: hs (B, T, H) and the last State, from x (B, T, D) and a State.

    `padding` (B, T) is True where a sequence has ended: there hs is 0, and the memory stays as it is.  All but the
    products with W_x and W_g is done in the state's dtype, also under autocast: what a memory sums up over hundreds of
    steps does not fit into the 8 bits of a bfloat16.
    """
    W_x, b, W_g, b_g = params
    (N, K), dtype = state.n.shape[-2:], state.n.dtype
    scale = W_x.new_ones(4, 1, 1)
    scale[1] = K**-0.5  # of the key
    W_x = (W_x.view(4, N * K, -1) * scale).flatten(0, 1)
    a, g = nn.functional.linear(x, W_x, b).to(dtype), nn.functional.linear(x, W_g, b_g).to(dtype)
    with torch.autocast(x.device.type, enabled=False):
        q, k, v, a_o = a.unflatten(-1, (4, N, K)).permute(2, 0, 3, 1, 4)
        a_i, a_f = g.unflatten(-1, (2, N)).permute(2, 0, 3, 1)
        log_f = nn.functional.logsigmoid(a_f)
        if padding is not None:
            a_i, log_f = a_i.masked_fill(padding[:, None], -torch.inf), log_f.masked_fill(padding[:, None], 0)
        hs = [v[:, :, :0]]
        for block in zip(*(part.split(block_size, dim=2) for part in (q, k, v, a_i, log_f)), strict=True):
            h, state = (recurrent if block[0].shape[2] == 1 else parallel)(*block, state)
            hs.append(h)
        hs = (torch.sigmoid(a_o) * torch.cat(hs, dim=2)).permute(0, 2, 1, 3).flatten(2)
    return hs if padding is None else hs.masked_fill(padding[..., None], 0), twin.State(*state)


def reverse(x, lengths=None):
    """x (B, T, D) with the first lengths[b] steps of each sequence turned around, or all of them; padding stays."""
    if lengths is None:
        return x.flip(1)
    t, ends = torch.arange(x.shape[1], device=x.device), lengths[:, None]
    return x.take_along_dim(torch.where(t < ends, ends - 1 - t, t)[..., None], dim=1)


class MLSTM(nn.Module):
    """An LSTM with a matrix for its memory in each of `num_heads` heads, of one or more layers.

    The arguments are those of torch.nn.LSTM, then by name `num_heads`, where the forget gates' biases start, and how
    many steps, `block_size`, are computed at once.  Weights start uniform in ±1/√D, D being the inputs of their layer.
    """

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        *, num_heads=1, forget_bias=3.0, block_size=64, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.num_heads, self.block_size = num_heads, block_size
        stack.check_sizes(self)
        for name in ("num_heads", "block_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
        if hidden_size % num_heads:
            raise ValueError(f"the heads must share the units evenly, but num_heads is {num_heads} of {hidden_size}")
        for layer, suffix in stack.suffixes(self):
            D = input_size if layer == 0 else hidden_size * stack.directions(self)
            for field, shape in zip(twin.Params._fields, ("4H D", "4H", "2N D", "2N"), strict=True):
                value = torch.zeros(sized(shape, D=D, H=hidden_size, N=num_heads), device=device, dtype=dtype)
                if field.startswith("W"):
                    value.uniform_(-(D**-0.5), D**-0.5)
                elif field == "b_g":
                    value[num_heads:] = forget_bias
                value = nn.Parameter(value) if bias or field.startswith("W") else None
                self.register_parameter(f"{field}{suffix}", value)

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, S·H) and (C_n, n_n, m_n), (L·S, B, N, K, K), (L·S, B, N, K) and (L·S, B, N), from input (T, B, D).

        hx is (C_0, n_0, m_0), or None for zeros.  With batch_first, input and hs are (B, T, ...).  An input (T, D) has
        no batch, nor has what comes out.  A PackedSequence comes out as one; `lengths` (B,) says how many steps of each
        padded sequence are real.  Raises ValueError for a wrong shape, or dtypes that differ.
        """
        x, lengths = self._batch_first(input, lengths)
        batched, padding = isinstance(input, PackedSequence) or input.dim() == 3, None
        state, last, hs = self._state(x, hx, batched), [], x
        if lengths is not None:
            padding = torch.arange(x.shape[1], device=x.device) >= lengths[:, None]
            hs = x.masked_fill(padding[..., None], 0)  # whatever stood there, NaN included
        for layer in range(self.num_layers):
            if layer > 0:
                hs = nn.functional.dropout(hs, self.dropout, self.training)
            outputs = []
            for index, (of, suffix) in enumerate(stack.suffixes(self)):
                if of == layer:
                    back, first = suffix.endswith("_reverse"), twin.State(*(field[index] for field in state))
                    params = twin.Params(*(getattr(self, f"{field}{suffix}") for field in twin.Params._fields))
                    out, end = run_layer(params, reverse(hs, lengths) if back else hs, first, padding, self.block_size)
                    outputs.append(reverse(out, lengths) if back else out)
                    last.append(end)
            hs = torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0]
        last = tuple(torch.stack(fields) for fields in zip(*last, strict=True))
        if isinstance(input, PackedSequence):
            longest_first, order = lengths.sort(descending=True).values.cpu(), input.sorted_indices
            hs = hs if order is None else hs.index_select(0, order)
            return input._replace(data=pack_padded_sequence(hs, longest_first, batch_first=True).data), last
        if not batched:
            return hs.squeeze(0), tuple(field.squeeze(1) for field in last)
        return hs if self.batch_first else hs.transpose(0, 1), last

    def _batch_first(self, input, lengths):
        """x (B, T, D), and the lengths (B,) of its sequences, or None where none of them has padding."""
        x, packed = input, isinstance(input, PackedSequence)
        if lengths is not None and (packed or x.dim() != 3):
            raise ValueError("lengths belong to a padded batch of three axes: a PackedSequence has its own")
        if packed:
            x, lengths = pad_packed_sequence(input, batch_first=True)
        elif x.dim() not in (2, 3):
            raise ValueError(f"input must be 2-D (T, D) or 3-D, a batch, but its shape is {tuple(x.shape)}")
        elif x.dim() == 2:
            x = x.unsqueeze(0)
        elif not self.batch_first:
            x = x.transpose(0, 1)
        dtype = self.W_x_l0.dtype
        if x.shape[-1] != self.input_size:
            raise ValueError(f"input must have input_size = {self.input_size} features, but it has {x.shape[-1]}")
        if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
            raise ValueError(f"input is {x.dtype}, but the parameters are {dtype}: convert one, with .to({dtype}) say")
        if lengths is None:
            return x, None
        B, T = x.shape[:2]
        return x, stack.expect_lengths(lengths, T, B).to(x.device)

    def _state(self, x, hx, batched):
        """The initial State, each field (L·S, B, ...), in the parameters' dtype."""
        N, K, dtype = self.num_heads, self.hidden_size // self.num_heads, self.W_x_l0.dtype
        count, autocast = len(stack.suffixes(self)), torch.is_autocast_enabled(x.device.type)
        sizes = (count, len(x)) if batched else (count,)
        shapes, letters = ((*sizes, N, K, K), (*sizes, N, K), (*sizes, N)), "L·S, B, " if batched else "L·S, "
        if hx is None:
            state = [x.new_zeros(shape, dtype=dtype) for shape in shapes]
        else:
            state = stack.as_state(hx, twin)
            if len(state) != len(shapes):
                raise ValueError(f"hx must be a tuple (C_0, n_0, m_0), but it has {len(state)} entries")
            for name, axes, field, shape in zip("Cnm", ("N, K, K", "N, K", "N"), state, shapes, strict=True):
                if tuple(field.shape) != shape:
                    wanted = f"({letters}{axes}) = {shape}"
                    raise ValueError(f"{name}_0 must have shape {wanted}, but its shape is {tuple(field.shape)}")
                if field.dtype != dtype and not autocast:
                    raise ValueError(f"{name}_0 is {field.dtype}, but the parameters are {dtype}: convert one")
        return twin.State(*(field.to(dtype) if batched else field.to(dtype).unsqueeze(1) for field in state))

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        return stack.describe(self) + (f", num_heads={self.num_heads}" if self.num_heads > 1 else "")
