"""The convolutional LSTM, for movies: forward pass and backpropagation through time.

    i_t = σ(W_xi * x_t + W_hi * h_{t-1} + b_i)       input gate
    f_t = σ(W_xf * x_t + W_hf * h_{t-1} + b_f)       forget gate
    g_t = tanh(W_xg * x_t + W_hg * h_{t-1} + b_g)    candidate
    o_t = σ(W_xo * x_t + W_ho * h_{t-1} + b_o)       output gate
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t                  cell state
    h_t = o_t ⊙ tanh(c_t)                            hidden state

and with peepholes, one weight w for each unit at each pixel, i_t and f_t get + w_i ⊙ c_{t-1} and + w_f ⊙ c_{t-1} inside
their σ, and o_t gets + w_o ⊙ c_t.

T frames, B movies, D input channels, H hidden channels, R rows, S pixels in a row, kernels k pixels wide, k odd.
x: (T, B, D, R, S); h_t, c_t: (B, H, R, S).  W_x: (4H, D, k, k); W_h: (4H, H, k, k); b: (4H,); w: (3, H, R, S) or None.
The blocks stand in the order i, f, g, o, the peepholes in the order i, f, o.  * slides the kernel over the image as it
stands, not flipped, as torch.nn.Conv2d does, and finds zeros beyond the border, so that an image keeps its size.

The only thing new is *.  At one pixel of one movie it is the LSTM's matrix product, taken with that pixel's
neighbourhood, so the pointwise part is the LSTM's own: lstmkit/cells/lstm.py, or with peepholes
lstmkit/cells/peephole.py.

Source: Shi et al. (2015), equation (3), whose W_ci, W_cf, W_co are w_i, w_f, w_o here.
Chapter: chapters/convlstm.md.  Twin: lstmkit/torch/convlstm.py.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lstmkit.cells import lstm, peephole
from lstmkit.numpy.shapes import expect, expect_fields


class Params(NamedTuple):
    """The weights, or their gradients."""

    W_x: np.ndarray  # (4H, D, k, k)
    W_h: np.ndarray  # (4H, H, k, k)
    b: np.ndarray  # (4H,)
    w: np.ndarray | None = None  # (3, H, R, S): the peepholes w_i, w_f, w_o; None for a cell without


class State(NamedTuple):
    """What one frame hands to the next, or its gradient."""

    h: np.ndarray  # (B, H, R, S)
    c: np.ndarray  # (B, H, R, S)


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass.  The movies come last, as columns do in the LSTM."""

    planes: np.ndarray  # (T, H + D, R + k - 1, S + k - 1, B): [h_{t-1}; x_t] in its border of zeros
    c: np.ndarray  # (T + 1, H, R, S, B), from its initial value on
    saved: np.ndarray  # (T, 5, H, R, S, B): what the cell's step hands to its step_backward


def init_params(rng, D, H, kernel_size, peephole_size=None, forget_bias=1.0, dtype=np.float64):
    """W_x (4H, D, k, k) and W_h (4H, H, k, k) uniform in ±1/(k√H), b (4H,) zero but for the forget gate's forget_bias.

    k²·H is how many numbers of the state one unit reads, as H is in the LSTM.  With peephole_size = (R, S) there are
    peepholes w (3, H, R, S), zero at the start, and the cell takes images of that size alone.
    Raises ValueError for an even kernel_size.
    """
    _expect_odd("kernel_size", kernel_size)
    bound = 1 / (kernel_size * np.sqrt(H))
    W_x = rng.uniform(-bound, bound, (4 * H, D, kernel_size, kernel_size)).astype(dtype)
    W_h = rng.uniform(-bound, bound, (4 * H, H, kernel_size, kernel_size)).astype(dtype)
    b = np.zeros(4 * H, dtype)
    b[H : 2 * H] = forget_bias
    return Params(W_x, W_h, b, None if peephole_size is None else np.zeros((3, H, *peephole_size), dtype))


def zero_state(B, H, R, S, dtype=np.float64):
    """h and c of (B, H, R, S), both zero: nothing remembered."""
    return State(np.zeros((B, H, R, S), dtype), np.zeros((B, H, R, S), dtype))


def count_params(D, H, kernel_size, peephole_size=None, biases=1):
    """4H(k²(D + H) + biases), whatever the size of the image, and 3·H·R·S peepholes where peephole_size = (R, S)."""
    R, S = peephole_size or (0, 0)
    return 4 * H * (kernel_size**2 * (D + H) + biases) + 3 * H * R * S


def step(params, x_t, state):
    """One frame, x_t (B, D, R, S).

    Returns the new State, fields (B, H, R, S), and what `step_backward` needs.
    """
    params, x_t, state = _check(params, "x_t", x_t, "B D R S", state)
    _, state, cache = forward(params, x_t[None], state)
    return state, cache


def step_backward(params, d_state, cache):
    """The way back through one frame, from the gradient at the new State.

    Returns ∂L/∂x_t (B, D, R, S), the gradient at the previous State, and that of the Params.
    """
    d_hs = np.zeros_like(cache.saved[:, 0].transpose(0, 4, 1, 2, 3))  # all that speaks is the State
    d_x, d_first, d_params = backward(params, d_hs, cache, d_state)
    return d_x[0], d_first, d_params


def forward(params, x, state=None, keep_cache=True):
    """Run over x (T, B, D, R, S), from zeros or from `state`.

    Returns hs (T, B, H, R, S), the last State, and the Cache for `backward` (None without keep_cache).
    float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
    shape, an even kernel, frames of another size than the peepholes', or dtypes that are neither or differ.
    """
    params, x, state = _check(params, "x", x, "T B D R S", state)
    (T, B, D, R, S), (_, H, k, _), w = x.shape, params.W_h.shape, params.w
    W, patches = _matrix(params), _patches(H + D, R, S, B, k, x.dtype)
    planes = np.zeros((T if keep_cache else 1, H + D, R + k - 1, S + k - 1, B), x.dtype)
    images = planes[:, :, k // 2 : k // 2 + R, k // 2 : k // 2 + S]
    h, c = (np.ascontiguousarray(field.transpose(1, 2, 3, 0)) for field in state)
    if keep_cache:
        saved = np.empty((T, 5, H, R, S, B), x.dtype)
        kept = np.empty((T + 1, H, R, S, B), x.dtype)
        kept[0] = c
    a, hs = np.empty((4 * H, R * S * B), x.dtype), np.empty((T, B, H, R, S), x.dtype)
    gates = a.reshape(4, H, R, S, B)
    for t in range(T):
        now = t if keep_cache else 0  # without a cache one plane serves every frame
        images[now, :H], images[now, H:] = h, x[t].transpose(1, 2, 3, 0)
        _gather(planes[now], k, patches)
        np.matmul(W, patches, out=a)
        if w is None:
            h, c, *values = lstm.step(*gates, c)
        else:
            h, c, *values = peephole.step(*gates, c, *w[..., None])
        hs[t] = h.transpose(3, 0, 1, 2)
        if keep_cache:
            kept[t + 1] = c
            for row, value in zip(saved[t], values, strict=True):
                row[:] = value
    last = State(*(field.transpose(3, 0, 1, 2).copy() for field in (h, c)))
    return hs, last, Cache(planes, kept, saved) if keep_cache else None


def backward(params, d_hs, cache, d_state=None):
    """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, H, R, S), and d_state at (h_T, c_T), if any.

    Returns ∂L/∂x (T, B, D, R, S), the gradient at the initial State, and the gradients of the Params.
    """
    params, d_hs, d_state = _check(params, "d_hs", d_hs, "T B H R S", d_state, "d_state")
    _expect_cache(cache, d_hs)
    (T, B, H, R, S), (_, D, k, _), w = d_hs.shape, params.W_x.shape, params.w
    W = _matrix(params)
    W_T, d_W = np.ascontiguousarray(W[:, :-1].T), np.zeros_like(W)
    d_w = None if w is None else np.zeros_like(w)
    patches = _patches(H + D, R, S, B, k, d_hs.dtype)
    d_patches, d_a = np.empty_like(patches[:-1]), np.empty((4 * H, R * S * B), d_hs.dtype)
    d_x = np.empty((T, B, D, R, S), d_hs.dtype)
    d_h, d_c = (field.transpose(1, 2, 3, 0) for field in d_state)
    for t in reversed(range(T)):
        d_h = d_h + d_hs[t].transpose(1, 2, 3, 0)  # h_t reaches the loss directly and through h_{t+1}
        if w is None:
            *d_gates, d_c = lstm.step_backward(d_h, d_c, *cache.saved[t], cache.c[t])
        else:
            gradients = peephole.step_backward(d_h, d_c, *cache.saved[t], cache.c[t + 1], cache.c[t], *w[..., None])
            *d_gates, d_c = gradients[:5]
            for row, value in zip(d_w, gradients[5:], strict=True):
                row += value.sum(axis=-1)
        for row, value in zip(d_a.reshape(4, H, R, S, B), d_gates, strict=True):
            row[:] = value
        # One frame has B·R·S columns, enough for an efficient product; its patches are cheaper made again than kept.
        _gather(cache.planes[t], k, patches)
        d_W += d_a @ patches.T
        d_image = _scatter(np.matmul(W_T, d_a, out=d_patches), cache.planes[t].shape, k)
        d_h, d_x[t] = d_image[:H], d_image[H:].transpose(3, 0, 1, 2)
    d_first = State(*(field.transpose(3, 0, 1, 2).copy() for field in (d_h, d_c)))
    kernels = d_W[:, :-1].reshape(4 * H, H + D, k, k)
    return d_x, d_first, Params(kernels[:, H:].copy(), kernels[:, :H].copy(), d_W[:, -1].copy(), d_w)


def _matrix(params):
    """[W_h W_x b] as one matrix (4H, k²(H + D) + 1), which multiplies the patches."""
    W_h, W_x = (kernel.reshape(len(params.b), -1) for kernel in (params.W_h, params.W_x))
    return np.concatenate([W_h, W_x, params.b[:, None]], axis=1)


def _patches(channels, R, S, B, k, dtype):
    """Room for the patches, (k²·channels + 1, R·S·B), its last row the ones that the bias multiplies."""
    patches = np.empty((channels * k * k + 1, R * S * B), dtype)
    patches[-1] = 1
    return patches


def _gather(plane, k, patches):
    """Write the k × k neighbourhood of every pixel into its column of `patches`.

    With the movies last, a whole row of an image lies in one piece, so this costs little beside the product.
    """
    windows = sliding_window_view(plane, (k, k), axis=(1, 2)).transpose(0, 4, 5, 1, 2, 3)
    patches[:-1].reshape(windows.shape)[:] = windows


def _scatter(d_patches, shape, k):
    """The way back through `_gather`: each pixel's gradient is the sum over the patches that it stood in.

    `shape` is the plane's; the gradient has no border, for the zeros there depend on nothing.
    """
    channels, rows, pixels, B = shape
    R, S = rows - k + 1, pixels - k + 1
    d_windows = d_patches.reshape(channels, k, k, R, S, B)
    d_plane = np.zeros(shape, d_patches.dtype)
    for i in range(k):
        for j in range(k):
            d_plane[:, i : i + R, j : j + S] += d_windows[:, i, j]
    return d_plane[:, k // 2 : k // 2 + R, k // 2 : k // 2 + S]


def _check(params, name, array, shape, state, state_name="state"):
    sizes = {"3": 3}  # the size of an axis that has no letter
    params = expect_fields("params", params, Params)
    W_h = expect("params.W_h", params.W_h, "4H H k k", sizes)
    _expect_odd("the kernel of params.W_h", sizes["k"])
    W_x, b, w = expect("params.W_x", params.W_x, "4H D k k", sizes), expect("params.b", params.b, "4H", sizes), params.w
    if w is not None:
        w = expect("params.w", w, "3 H R S", sizes)
        if np.ndim(array) == len(shape.split()) and np.shape(array)[-2:] != w.shape[-2:]:
            given, made = (" × ".join(map(str, np.shape(a)[-2:])) for a in (array, w))
            raise ValueError(
                f"{name} has images of {given} pixels, but the peepholes params.w have one weight for each of {made} "
                "pixels: give images of that size, or peepholes of this one"
            )
    array = expect(name, array, shape, sizes)
    if state is None:
        state = zero_state(*(sizes[letter] for letter in "BHRS"), array.dtype)
    state = expect_fields(state_name, state, State)
    h, c = (expect(f"{state_name}.{field}", getattr(state, field), "B H R S", sizes) for field in State._fields)
    return Params(W_x, W_h, b, w), array, State(h, c)


def _expect_odd(name, k):
    if k % 2 == 0:
        raise ValueError(
            f"{name} must be an odd number of pixels wide, but it is {k}: an even kernel has no middle pixel, so the "
            f"image would move or shrink; take {max(1, k - 1)} or {k + 1}"
        )


def _expect_cache(cache, d_hs):
    if cache is None:
        raise ValueError("cache is None: call forward with keep_cache=True before backward")
    T, _, H, R, S, B = cache.saved.shape
    if d_hs.shape != (T, B, H, R, S):
        raise ValueError(
            f"d_hs must have shape (T, B, H, R, S) = {(T, B, H, R, S)}, as the forward pass had, but its shape is "
            f"{d_hs.shape}"
        )
