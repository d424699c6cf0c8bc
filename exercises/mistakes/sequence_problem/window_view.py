"""Question 7, window_view: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right

GAPS = "a series with gaps in memory"


@right()
def window_view(x, k, stride, dilation):
    span = (k - 1) * dilation + 1
    return np.lib.stride_tricks.sliding_window_view(x, span)[::stride, ::dilation]


@mistake("copy", loses={"no copy": 1})
def by_index(x, k, stride, dilation):
    starts = np.arange(0, len(x) - (k - 1) * dilation, stride)
    return x[starts[:, None] + np.arange(k) * dilation]


@mistake("copy", loses={"no copy": 1})
def by_lists(x, k, stride, dilation):
    last = len(x) - 1 - (k - 1) * dilation
    return [[x[i + j * dilation] for j in range(k)] for i in range(0, last + 1, stride)]


@mistake("copy", loses={"no copy": 1})
def made_contiguous(x, k, stride, dilation):
    return np.ascontiguousarray(window_view(x, k, stride, dilation)) + 0


@mistake("gaps", loses={GAPS: 1}, source="as_strided's own documentation warns to take the strides from the array")
def bytes_of_an_item(x, k, stride, dilation):
    M = (len(x) - 1 - (k - 1) * dilation) // stride + 1
    s = x.itemsize
    return np.lib.stride_tricks.as_strided(x, (M, k), (s * stride, s * dilation))


@mistake({"dilation ignored", "copy"}, loses=EVERYTHING)
def neighbours_copied(x, k, stride, dilation):
    return np.stack([x[i : i + k] for i in range(0, len(x) - k + 1, stride)])


@mistake("dilation ignored", loses={"X": 1, GAPS: 1})
def neighbours(x, k, stride, dilation):
    return np.lib.stride_tricks.sliding_window_view(x, k)[::stride]


@mistake("stride ignored", loses={"X": 1, GAPS: 1})
def every_window(x, k, stride, dilation):
    return np.lib.stride_tricks.sliding_window_view(x, (k - 1) * dilation + 1)[:, ::dilation]


@mistake("stride for dilation", loses={"X": 1, GAPS: 1})
def exchanged(x, k, stride, dilation):
    return window_view(x, k, dilation, stride)


@mistake("last window lost", loses={"X": 1, GAPS: 1})
def one_value_short(x, k, stride, dilation):
    return window_view(x[:-1], k, stride, dilation)


@mistake("k values, then thinned", loses={"X": 1, GAPS: 1})
def thinned(x, k, stride, dilation):
    return np.lib.stride_tricks.sliding_window_view(x, k)[::stride, ::dilation]


@right()
def by_strides(x, k, stride, dilation):
    M = (len(x) - 1 - (k - 1) * dilation) // stride + 1
    (s,) = x.strides
    return np.lib.stride_tricks.as_strided(x, (M, k), (s * stride, s * dilation), writeable=False)


@right()
def by_the_constructor(x, k, stride, dilation):
    M = 1 + (len(x) - 1 - (k - 1) * dilation) // stride
    owner = x if x.base is None else x.base
    offset = x.ctypes.data - owner.ctypes.data
    return np.ndarray((M, k), x.dtype, owner, offset, (x.strides[0] * stride, x.strides[0] * dilation))


@right()
def stepwise(x, k, stride, dilation):
    rows = np.lib.stride_tricks.sliding_window_view(x, 1 + (k - 1) * dilation)
    return rows[range(0, len(rows), stride).start :: stride][..., slice(None, None, dilation)]


@right(needs="torch")
def by_unfold(x, k, stride, dilation):
    import torch

    return torch.from_numpy(x).unfold(0, (k - 1) * dilation + 1, stride)[:, ::dilation].numpy()
