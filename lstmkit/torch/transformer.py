"""A causal self-attention block as a torch module, with the signature of torch.nn.TransformerEncoderLayer.

The equations stand in lstmkit/numpy/transformer.py.

T positions, B sequences, D features, N heads of D/N features each, F units of the feed-forward part.
x, y: (T, B, D), or (B, T, D) with batch_first.  The state of P positions is their keys and values, (B, N, P, D/N).

Source: Vaswani et al. (2017); norm_first is that of Xiong et al. (2020).
Chapter: chapters/transformers.md.  Twin: lstmkit/numpy/transformer.py.
"""

import torch
from torch import nn
from torch.nn.functional import dropout, relu, scaled_dot_product_attention

from lstmkit.numpy import transformer as on_numpy
from lstmkit.torch.attention import within

# Our names of the two products that torch.nn keeps inside its MultiheadAttention.
NAMES = {"qkv.weight": "self_attn.in_proj_weight", "qkv.bias": "self_attn.in_proj_bias"}
NAMES |= {"out.weight": "self_attn.out_proj.weight", "out.bias": "self_attn.out_proj.bias"}


class TransformerBlock(nn.Module):
    """Causal self-attention and a feed-forward part, each with its residual and its norm.

    The arguments are those of torch.nn.TransformerEncoderLayer; `activation` is a function.
    """

    def __init__(
        self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=relu, layer_norm_eps=1e-5,
        batch_first=False, norm_first=False, bias=True, *, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        if d_model % nhead:
            raise ValueError(f"nhead must divide d_model = {d_model}, but it is {nhead}")
        if not callable(activation):
            raise ValueError(f"activation must be a function, say torch.nn.functional.gelu, but it is {activation!r}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout must be a probability from 0 to 1, but it is {dropout!r}")
        self.d_model, self.nhead, self.dropout, self.activation = d_model, nhead, dropout, activation
        self.batch_first, self.norm_first = batch_first, norm_first
        made = {"bias": bias, "device": device, "dtype": dtype}
        self.qkv = nn.Linear(d_model, 3 * d_model, **made)
        self.out = nn.Linear(d_model, d_model, **made)
        self.linear1 = nn.Linear(d_model, dim_feedforward, **made)
        self.linear2 = nn.Linear(dim_feedforward, d_model, **made)
        self.norm1, self.norm2 = (nn.LayerNorm(d_model, eps=layer_norm_eps, **made) for _ in range(2))
        nn.init.xavier_uniform_(self.qkv.weight)  # as torch.nn.MultiheadAttention starts
        if bias:
            nn.init.zeros_(self.qkv.bias)
            nn.init.zeros_(self.out.bias)

    def forward(self, x, state=None, lengths=None):
        """y, and the state after it, from x and the state of what was read before it, or None.

        With lengths (B,), positions beyond a sequence's end come out as 0, and have gradient 0, whatever they hold; the
        state is then None, because the sequences do not end together.  The fused kernel of torch on CPU has no second
        derivative: inside `with sdpa_kernel(SDPBackend.MATH)`, of torch.nn.attention, there is one.
        """
        if x.dim() != 3 or x.shape[-1] != self.d_model:
            raise ValueError(f"x must be 3-D with d_model = {self.d_model} features, but its shape is {tuple(x.shape)}")
        x = x.transpose(0, 1) if self.batch_first else x
        valid = None if lengths is None else within(lengths, *x.shape[:2], x.device).T.unsqueeze(-1)
        x = x if valid is None else x.masked_fill(~valid, 0)
        if self.norm_first:
            mixed, state = self._attend(self.norm1(x), state)
            z = x + mixed
            y = z + self._feed(self.norm2(z))
        else:
            mixed, state = self._attend(x, state)
            z = self.norm1(x + mixed)
            y = self.norm2(z + self._feed(z))
        # No mask on the keys: looking back only, a real position never meets the padding behind it.
        y, state = (y, state) if valid is None else (y.masked_fill(~valid, 0), None)
        return y.transpose(0, 1) if self.batch_first else y, state

    def step(self, x_t, state=None):
        """y_t (B, D) and the state after it, from one position x_t (B, D) and the state before: `forward` over one."""
        axis = 1 if self.batch_first else 0
        y, state = self(x_t.unsqueeze(axis), state)
        return y.squeeze(axis), state

    def _attend(self, x, state):
        # (T, B, D) becomes (B, N, T, D/N).
        q, k, v = (part.unflatten(-1, (self.nhead, -1)).permute(1, 2, 0, 3) for part in self.qkv(x).chunk(3, -1))
        T, P, causal = q.shape[2], 0, None
        if state is not None:
            P = state[0].shape[2]
            k, v = torch.cat([state[0], k], 2), torch.cat([state[1], v], 2)
            causal = torch.ones(T, P + T, dtype=torch.bool, device=x.device).tril(P) if T > 1 else None
        p = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(q, k, v, causal, p, is_causal=state is None)
        return self._dropped(self.out(mixed.permute(2, 0, 1, 3).flatten(2))), (k, v)

    def _feed(self, x):
        return self._dropped(self.linear2(self._dropped(self.activation(self.linear1(x)))))

    def _dropped(self, x):
        return dropout(x, self.dropout, self.training)

    @classmethod
    def from_torch(cls, layer):
        """The same block as `layer`, a torch.nn.TransformerEncoderLayer (which is causal only if its mask says so)."""
        if type(layer) is not nn.TransformerEncoderLayer:
            raise ValueError(f"from_torch takes a torch.nn.TransformerEncoderLayer, but it got {layer!r}")
        back = {theirs: ours for ours, theirs in NAMES.items()}
        made = _same(cls, layer, layer.self_attn.num_heads, layer.dropout.p, layer.self_attn.batch_first)
        made.load_state_dict({back.get(name, name): value for name, value in layer.state_dict().items()})
        return made

    def to_torch(self):
        """The same block as a torch.nn.TransformerEncoderLayer, to be called with a causal mask."""
        made = _same(nn.TransformerEncoderLayer, self, self.nhead, self.dropout, self.batch_first)
        made.load_state_dict({NAMES.get(name, name): value for name, value in self.state_dict().items()})
        return made

    def extra_repr(self):
        """Sizes and options, for printing."""
        return f"{self.d_model}, {self.nhead}, dropout={self.dropout}, norm_first={self.norm_first}"


def sinusoidal_positions(T, D, device=None, dtype=None):
    """(T, D): feature 2i of position t is sin(t / 10000^{2i/D}), feature 2i + 1 the cosine (Vaswani et al., 2017)."""
    return torch.from_numpy(on_numpy.sinusoidal_positions(T, D)).to(device, dtype or torch.get_default_dtype())


def _same(kind, source, heads, dropout, batch_first):
    """A `kind` with the sizes, options, device, dtype and mode of `source`, ours or torch.nn's."""
    weight, norm = source.linear1.weight, source.norm1
    return kind(
        weight.shape[1], heads, weight.shape[0], dropout, source.activation, norm.eps, batch_first, source.norm_first,
        source.linear1.bias is not None, device=weight.device, dtype=weight.dtype,
    ).train(source.training)  # fmt: skip
