"""The convolutional LSTM as a torch module, for movies.

The equations stand in lstmkit/numpy/convlstm.py, the pointwise part in lstmkit/cells/lstm.py, or with peepholes in
lstmkit/cells/peephole.py.  The input does not wait for the state, so its convolution is one call for all frames, and
what is left for the loop is the state's.

T frames, B movies, D input channels, H hidden channels, R rows, S pixels in a row, kernels k pixels wide, k odd.
W_x (4H, D, k, k), W_h (4H, H, k, k) and b (4H,) stack the blocks i, f, g, o; w (3, H, R, S) the peepholes i, f, o.

Source: Shi et al. (2015).  Chapter: chapters/convlstm.md.  Twin: lstmkit/numpy/convlstm.py.
"""

import torch
from torch import nn
from torch.nn.functional import conv2d

from lstmkit.cells import lstm, peephole
from lstmkit.torch.recurrence import on_torch
from lstmkit.torch.stack import expect_lengths


class ConvLSTM(nn.Module):
    """A convolutional LSTM of one layer.

    kernel_size is k, for the input and the state alike.  Zeros stand beyond the border, so an image keeps its size.
    With peephole_size = (R, S) there are Shi's peepholes, one weight for each unit at each pixel, and the images must
    be of that size.  `forget_bias` is where the forget gate's bias starts.  Raises ValueError for an even kernel_size.
    """

    def __init__(
        self, input_size, hidden_size, kernel_size, bias=True, batch_first=False,
        *, peephole_size=None, forget_bias=1.0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.kernel_size = input_size, hidden_size, kernel_size
        self.bias, self.batch_first, self.peephole_size = bias, batch_first, peephole_size
        _check_sizes(self)
        D, H, k = input_size, hidden_size, kernel_size
        bound = H**-0.5 / k
        self.W_x = nn.Parameter(torch.empty(4 * H, D, k, k, device=device, dtype=dtype).uniform_(-bound, bound))
        self.W_h = nn.Parameter(torch.empty(4 * H, H, k, k, device=device, dtype=dtype).uniform_(-bound, bound))
        b = torch.zeros(4 * H, device=device, dtype=dtype)
        b[H : 2 * H] = forget_bias
        self.b = nn.Parameter(b) if bias else None
        self.w = None
        if peephole_size is not None:
            self.w = nn.Parameter(torch.zeros(3, H, *peephole_size, device=device, dtype=dtype))

    def forward(self, input, hx=None, lengths=None):
        """hs (T, B, H, R, S) and (h_T, c_T), each (B, H, R, S), from input (T, B, D, R, S) and hx = (h_0, c_0) or None.

        None stands for zeros.  With batch_first, input and hs are (B, T, ...).  `lengths` (B,) says how many frames of
        each movie are real: behind them hs is zero, and the state is that of the movie's own end.  Raises ValueError
        for a wrong shape, images of another size than the peepholes', or dtypes that differ.
        """
        h, c = self._checked(input, hx)
        x = input.transpose(0, 1) if self.batch_first else input
        going = [None] * len(x)
        if lengths is not None:
            lengths = expect_lengths(lengths, *x.shape[:2]).to(x.device)
            going = (torch.arange(len(x), device=x.device)[:, None] < lengths)[..., None, None, None]
            x = x.where(going, 0)  # whatever stands there, a NaN too
        padding = self.kernel_size // 2
        a_x = conv2d(x.flatten(0, 1), self.W_x, self.b, padding=padding).unflatten(0, x.shape[:2])
        cell, peepholes = (lstm, ()) if self.w is None else (peephole, self.w)
        step, hs = on_torch(cell.step), []
        for a_t, on in zip(a_x.unbind(0), going, strict=True):
            a, before = a_t + conv2d(h, self.W_h, padding=padding), (h, c)
            h, c, *_ = step(*a.chunk(4, dim=1), c, *peepholes)
            hs.append(h if on is None else h.where(on, 0))
            if on is not None:
                h, c = (new.where(on, old) for new, old in zip((h, c), before, strict=True))
        hs = torch.stack(hs) if hs else a_x.new_empty(0, *h.shape)
        return hs.transpose(0, 1) if self.batch_first else hs, (h, c)

    def _checked(self, input, hx):
        """The initial state as two tensors (B, H, R, S), once everything fits."""
        if input.dim() != 5:
            order = "(B, T, D, R, S)" if self.batch_first else "(T, B, D, R, S)"
            raise ValueError(f"input must be 5-D, {order}, but its shape is {tuple(input.shape)}")
        B, (D, R, S) = input.shape[0 if self.batch_first else 1], input.shape[2:]
        if self.input_size != D:
            raise ValueError(f"input must have input_size = {self.input_size} channels, but it has {D}")
        if self.w is not None and tuple(self.w.shape[2:]) != (R, S):
            made = " × ".join(map(str, self.w.shape[2:]))
            raise ValueError(
                f"input has images of {R} × {S} pixels, but the peepholes have one weight for each of {made} pixels: "
                "give images of that size, or set peephole_size to this one"
            )
        _check_dtype("input", input, self.W_x.dtype, "the parameters are")
        shape = (B, self.hidden_size, R, S)
        if hx is None:
            return input.new_zeros(shape), input.new_zeros(shape)
        if not isinstance(hx, tuple | list) or len(hx) != 2:
            what = f"has {len(hx)} entries" if isinstance(hx, tuple | list) else f"is a {type(hx).__name__}"
            raise ValueError(f"hx must be a tuple (h_0, c_0), but it {what}")
        for name, field in zip(("h_0", "c_0"), hx, strict=True):
            if tuple(field.shape) != shape:
                given = tuple(field.shape)
                raise ValueError(f"{name} must have shape (B, H, R, S) = {shape}, but its shape is {given}")
            _check_dtype(name, field, input.dtype, "the input is")
        return hx

    def extra_repr(self):
        """Sizes and options, as torch.nn prints them."""
        defaults = {"bias": True, "batch_first": False, "peephole_size": None}
        options = [
            f"{name}={getattr(self, name)}" for name, default in defaults.items() if getattr(self, name) != default
        ]
        return ", ".join([str(self.input_size), str(self.hidden_size), f"kernel_size={self.kernel_size}", *options])


def _check_sizes(module):
    sizes = {name: getattr(module, name) for name in ("input_size", "hidden_size", "kernel_size")}
    if module.peephole_size is not None:
        if not isinstance(module.peephole_size, tuple | list) or len(module.peephole_size) != 2:
            raise ValueError(f"peephole_size must be (rows, columns) or None, but it is {module.peephole_size!r}")
        sizes |= zip(("the rows of peephole_size", "the columns of peephole_size"), module.peephole_size, strict=True)
    for name, value in sizes.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
    for name in ("bias", "batch_first"):
        value = getattr(module, name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, but it is {value!r}")
    k = module.kernel_size
    if k % 2 == 0:
        raise ValueError(
            f"kernel_size must be an odd number of pixels, but it is {k}: an even kernel has no middle pixel, so the "
            f"image would move or shrink; take {k - 1} or {k + 1}"
        )


def _check_dtype(name, tensor, dtype, owner):
    if tensor.dtype != dtype and not torch.is_autocast_enabled(tensor.device.type):
        raise ValueError(f"{name} is {tensor.dtype}, but {owner} {dtype}: convert one, with .to({dtype}) say")
