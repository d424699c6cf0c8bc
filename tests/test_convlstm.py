"""The convolutional LSTM in NumPy and in torch, against a loop over pixels, torch's conv2d with autograd, the LSTM, and
finite differences.
"""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.cells import peephole
from lstmkit.numpy import convlstm, lstm
from lstmkit.numpy.gradients import finite_difference, relative_error

SIZES = [
    (4, 3, 2, 5, 6, 7, 3),
    (3, 2, 4, 1, 7, 5, 5),
    (1, 4, 3, 2, 5, 6, 3),
    (5, 1, 2, 3, 4, 6, 1),
    (4, 2, 1, 3, 2, 1, 5),  # the kernel is larger than the image
]  # T, B, D, H, R, S, k: as different as they can be
SMALL = (2, 3, 1, 2, 4, 3, 3)
PEEPHOLES = pytest.mark.parametrize("peepholes", [False, True], ids=["plain", "peepholes"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def problem(rng, sizes, peepholes, dtype=np.float64):
    """params, x, state, d_hs, d_state, all random; the kernels of a size at which gates neither sleep nor saturate."""
    T, B, D, H, R, S, k = sizes

    def normal(*shape, scale=1):
        return (scale * rng.normal(size=shape)).astype(dtype)

    scale = 1 / (k * math.sqrt(D + H))
    W_x, W_h = normal(4 * H, D, k, k, scale=scale), normal(4 * H, H, k, k, scale=scale)
    params = convlstm.Params(W_x, W_h, normal(4 * H), normal(3, H, R, S) if peepholes else None)
    state, d_state = (convlstm.State(normal(B, H, R, S), normal(B, H, R, S)) for _ in range(2))
    return params, normal(T, B, D, R, S), state, normal(T, B, H, R, S), d_state


def some(arrays):
    """Without the peepholes of a cell that has none."""
    return [a for a in arrays if a is not None]


def flat(params, x, state, d_hs, d_state):
    return [*some(params), x, *state, d_hs, *d_state]


def run(params, x, state, d_hs, d_state):
    """Everything that forward and backward return but the cache, as one flat list."""
    hs, last, cache = convlstm.forward(params, x, state)
    d_x, d_first, d_params = convlstm.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *some(d_params)]


def same(ours, theirs, tolerance=1e-12):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# The oracles


def by_pixels(params, x, state):
    """hs and the last h and c, one number at a time, from the equations alone."""
    (T, B, D, R, S), H, k = x.shape, params.W_h.shape[1], params.W_h.shape[-1]
    W_x, W_h, b = params.W_x.tolist(), params.W_h.tolist(), params.b.tolist()
    w = np.zeros((3, H, R, S)) if params.w is None else params.w
    h, c, hs = state.h.copy(), state.c.copy(), np.zeros((T, B, H, R, S))

    def a(gate, unit, movie, row, column, x_t, h):
        total = b[gate * H + unit]
        for i, j in itertools.product(range(k), range(k)):
            y, z = row + i - k // 2, column + j - k // 2
            if 0 <= y < R and 0 <= z < S:  # beyond the border there are zeros
                total += sum(W_x[gate * H + unit][d][i][j] * x_t[movie, d, y, z] for d in range(D))
                total += sum(W_h[gate * H + unit][n][i][j] * h[movie, n, y, z] for n in range(H))
        return total

    def sigmoid(a):
        return 1 / (1 + math.exp(-a))

    for t in range(T):
        h_prev, c_prev = h.copy(), c.copy()
        for movie, unit, row, column in np.ndindex(B, H, R, S):
            a_i, a_f, a_g, a_o = (a(gate, unit, movie, row, column, x[t], h_prev) for gate in range(4))
            w_i, w_f, w_o = w[:, unit, row, column]
            here = movie, unit, row, column
            i, f = sigmoid(a_i + w_i * c_prev[here]), sigmoid(a_f + w_f * c_prev[here])
            c[here] = f * c_prev[here] + i * math.tanh(a_g)
            h[here] = sigmoid(a_o + w_o * c[here]) * math.tanh(c[here])
        hs[t] = h
    return hs, h, c


def by_conv2d(torch, x, h, c, W_x, W_h, b, w=None):
    """The same through torch's conv2d, on an image with its border of zeros and input and state side by side."""
    W, p, hs = torch.cat([W_x, W_h], dim=1), W_x.shape[-1] // 2, []
    w_i, w_f, w_o = (0.0, 0.0, 0.0) if w is None else w
    for x_t in x:
        image = torch.nn.functional.pad(torch.cat([x_t, h], dim=1), (p, p, p, p))
        a = torch.nn.functional.conv2d(image, W) + b[:, None, None]
        a_i, a_f, a_g, a_o = a.split(a.shape[1] // 4, dim=1)
        c_prev = c
        c = (a_f + w_f * c_prev).sigmoid() * c_prev + (a_i + w_i * c_prev).sigmoid() * a_g.tanh()
        h = (a_o + w_o * c).sigmoid() * c.tanh()
        hs.append(h)
    return torch.stack(hs), h, c


def values_agree(torch, params, x, state):
    hs, last, _ = convlstm.forward(params, x, state)
    same([hs, *last], by_conv2d(torch, *(torch.tensor(a) for a in (x, *state, *some(params)))))


def gradients(params, x, state, d_hs, d_state):
    """All by name, by our own backward."""
    _, _, cache = convlstm.forward(params, x, state)
    d_x, d_first, d_params = convlstm.backward(params, d_hs, cache, d_state)
    named = {"x": d_x, "h0": d_first.h, "c0": d_first.c, **d_params._asdict()}
    return {name: gradient for name, gradient in named.items() if gradient is not None}


def gradients_agree(torch, params, x, state, d_hs, d_state):
    given = [torch.tensor(a, requires_grad=True) for a in (x, *state, *some(params))]
    torch.autograd.backward(by_conv2d(torch, *given), [torch.tensor(a) for a in (d_hs, *d_state)])
    for (name, gradient), tensor in zip(gradients(params, x, state, d_hs, d_state).items(), given, strict=True):
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-10, atol=1e-10, err_msg=name)


# Values and gradients


@PEEPHOLES
@pytest.mark.parametrize("sizes", [(2, 2, 2, 3, 3, 4, 3), (2, 1, 1, 2, 3, 2, 5), (2, 2, 3, 2, 2, 3, 1)], ids=str)
def test_values_against_a_loop_over_pixels(rng, sizes, peepholes):
    params, x, state, _, _ = problem(rng, sizes, peepholes)
    hs, last, _ = convlstm.forward(params, x, state)
    same([hs, *last], by_pixels(params, x, state))


@PEEPHOLES
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_against_conv2d(rng, torch, sizes, peepholes):
    params, x, state, _, _ = problem(rng, sizes, peepholes)
    values_agree(torch, params, x, state)


@PEEPHOLES
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradients_against_autograd(rng, torch, sizes, peepholes):
    gradients_agree(torch, *problem(rng, sizes, peepholes))


@PEEPHOLES
@pytest.mark.parametrize("source", ["d_hs", "d_h", "d_c"])
def test_gradients_where_only_one_source_speaks(rng, torch, source, peepholes):
    """Each by itself: a path that is lost behind a larger one shows here."""
    params, x, state, d_hs, d_state = problem(rng, SIZES[0], peepholes)
    sources = {"d_hs": d_hs, "d_h": d_state.h, "d_c": d_state.c}
    d_hs, d_h, d_c = (d if name == source else np.zeros_like(d) for name, d in sources.items())
    gradients_agree(torch, params, x, state, d_hs, convlstm.State(d_h, d_c))


@PEEPHOLES
def test_gradients_against_finite_differences(rng, peepholes):
    params, x, state, d_hs, d_state = problem(rng, (2, 2, 1, 2, 3, 2, 3), peepholes)
    given = {"x": x, "h0": state.h, "c0": state.c, **params._asdict()}

    def loss(**changed):
        now = given | changed
        params = convlstm.Params(*(now[name] for name in convlstm.Params._fields))
        hs, (h, c), _ = convlstm.forward(params, now["x"], (now["h0"], now["c0"]), keep_cache=False)
        return (hs * d_hs).sum() + (h * d_state.h).sum() + (c * d_state.c).sum()

    for name, gradient in gradients(params, x, state, d_hs, d_state).items():
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


# The LSTM in it


@pytest.mark.parametrize("k", [1, 3, 5])
def test_on_one_pixel_it_is_the_lstm(rng, k):
    """Of a kernel only the middle meets a 1 × 1 image: the LSTM's weight, and the only one with a gradient."""
    params, x, state, d_hs, d_state = given = problem(rng, (5, 3, 2, 4, 1, 1, k), peepholes=False)
    plain = lstm.Params(params.W_x[:, :, k // 2, k // 2], params.W_h[:, :, k // 2, k // 2], params.b)
    hs, last, cache = lstm.forward(plain, x[..., 0, 0], lstm.State(*(s[..., 0, 0] for s in state)))
    d_x, d_first, d_params = lstm.backward(plain, d_hs[..., 0, 0], cache, lstm.State(*(d[..., 0, 0] for d in d_state)))
    *ours, d_W_x, d_W_h, d_b = run(*given)
    same([a[..., 0, 0] for a in ours], [hs, *last, d_x, *d_first])
    for kernel, matrix in ((d_W_x, d_params.W_x), (d_W_h, d_params.W_h)):
        expected = np.zeros_like(kernel)
        expected[:, :, k // 2, k // 2] = matrix
        same([kernel], [expected], 1e-11)
    same([d_b], [d_params.b], 1e-11)


def test_a_kernel_of_one_pixel_is_an_lstm_at_each_pixel(rng):
    """Pixels are then movies of their own."""
    params, x, state, _, _ = problem(rng, (4, 2, 3, 5, 3, 2, 1), peepholes=False)
    hs, last, _ = convlstm.forward(params, x, state)
    plain = lstm.Params(params.W_x[:, :, 0, 0], params.W_h[:, :, 0, 0], params.b)
    for r, s in np.ndindex(3, 2):
        want, want_last, _ = lstm.forward(plain, x[..., r, s], lstm.State(*(field[..., r, s] for field in state)))
        same([hs[..., r, s], *(field[..., r, s] for field in last)], [want, *want_last])


def test_on_one_pixel_with_peepholes_it_is_the_peephole_cell(rng):
    params, x, state, _, _ = problem(rng, (5, 3, 2, 4, 1, 1, 1), peepholes=True)
    hs, last, _ = convlstm.forward(params, x, state)
    W_x, W_h, w = params.W_x[:, :, 0, 0], params.W_h[:, :, 0, 0], params.w[..., 0, 0]
    h, c = (field[..., 0, 0] for field in state)
    for t in range(5):
        a = np.split(x[t, :, :, 0, 0] @ W_x.T + h @ W_h.T + params.b, 4, axis=-1)
        h, c, *_ = peephole.step(*a, c, *w)
        same([hs[t, ..., 0, 0]], [h])
    same([last.c[..., 0, 0]], [c])


def test_peepholes_of_zero_are_none(rng):
    params, *rest = problem(rng, SIZES[0], peepholes=True)
    *without, _ = run(params._replace(w=np.zeros_like(params.w)), *rest)
    same(without, run(params._replace(w=None), *rest), 1e-11)


# The image


@PEEPHOLES
def test_a_movie_moved_is_a_state_moved(rng, peepholes):
    """Away from the borders, whose zeros come one half kernel nearer with each frame."""
    T, B, D, H, R, S, k = 2, 2, 1, 3, 11, 12, 3
    params, x, _, _, _ = problem(rng, (T, B, D, H, R, S, k), peepholes)
    if peepholes:  # the same at each pixel: otherwise the image has places
        params = params._replace(w=np.broadcast_to(params.w[:, :, :1, :1], params.w.shape))
    down, right, margin = 2, 1, T * (k // 2)
    hs, _, _ = convlstm.forward(params, x)
    moved, _, _ = convlstm.forward(params, np.roll(x, (down, right), axis=(-2, -1)))
    rows, columns = slice(margin, R - margin - down), slice(margin, S - margin - right)
    inside = moved[..., down:, right:][..., rows, columns]
    same([inside], [hs[..., rows, columns]])
    assert inside.shape[-2:] == (R - 2 * margin - down, S - 2 * margin - right)
    assert np.abs(np.roll(hs, (down, right), axis=(-2, -1)) - moved)[..., 0, :].max() > 1e-3  # the border is felt


@PEEPHOLES
@pytest.mark.parametrize("k", [1, 3, 5])
def test_nothing_moves_faster_than_half_a_kernel_a_frame(rng, k, peepholes):
    """What one bright pixel in a corner changes: nothing further away, and nothing round the border."""
    T, B, D, H, R, S = 3, 1, 2, 3, 9, 10
    params, x, state, _, _ = problem(rng, (T, B, D, H, R, S, k), peepholes)
    brighter = x.copy()
    brighter[0, :, :, 0, 0] += 1
    changed = convlstm.forward(params, brighter, state)[0] != convlstm.forward(params, x, state)[0]
    for t in range(T):
        reach = 1 + (t + 1) * (k // 2)
        near = np.zeros((R, S), bool)
        near[:reach, :reach] = True
        np.testing.assert_array_equal(changed[t].any(axis=(0, 1)), near)


def test_beyond_the_border_there_are_zeros(rng):
    """For one frame, a border of zeros drawn round image and state by hand changes nothing within."""
    params, x, state, _, _ = problem(rng, (1, 2, 2, 3, 4, 5, 5), peepholes=False)
    hs, last, _ = convlstm.forward(params, x, state)

    def framed(a):
        return np.pad(a, [(0, 0)] * (a.ndim - 2) + [(3, 3), (3, 3)])

    wide, wide_last, _ = convlstm.forward(params, framed(x), convlstm.State(*map(framed, state)))
    same([a[..., 3:-3, 3:-3] for a in (wide, *wide_last)], [hs, *last])


# Time, memory and dtype


@PEEPHOLES
@pytest.mark.parametrize("cut", range(5))
def test_two_halves_equal_the_whole(rng, cut, peepholes):
    params, x, state, d_hs, d_state = given = problem(rng, SIZES[0], peepholes)
    hs_1, middle, cache_1 = convlstm.forward(params, x[:cut], state)
    hs_2, last, cache_2 = convlstm.forward(params, x[cut:], middle)
    d_x_2, d_middle, d_params_2 = convlstm.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_first, d_params_1 = convlstm.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(some(d_params_1), some(d_params_2), strict=True)]
    joined = [np.concatenate([hs_1, hs_2]), *last, np.concatenate([d_x_1, d_x_2]), *d_first, *both]
    same(joined, run(*given), 1e-11)


@PEEPHOLES
def test_steps_equal_the_sequence(rng, peepholes):
    params, x, state, d_hs, d_state = given = problem(rng, SIZES[0], peepholes)
    hs, caches, now = [], [], state
    for x_t in x:
        now, cache = convlstm.step(params, x_t, now)
        hs.append(now.h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [np.zeros_like(p) for p in some(params)]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = convlstm.step_backward(params, d_now._replace(h=d_now.h + d_h), cache)
        d_xs.append(d_x)
        total = [a + b for a, b in zip(total, some(d_params), strict=True)]
    same([np.stack(hs), *now, np.stack(d_xs[::-1]), *d_now, *total], run(*given), 1e-11)


@PEEPHOLES
@DTYPES
def test_no_frames_give_back_the_initial_state(rng, dtype, peepholes):
    _, x, state, d_hs, d_state = given = problem(rng, (0, 3, 2, 4, 5, 6, 3), peepholes, dtype)
    hs, h, c, d_x, d_h, d_c, *d_params = run(*given)
    assert (hs.shape, d_x.shape) == (d_hs.shape, x.shape)
    same([h, c, d_h, d_c], [*state, *d_state], 0)
    assert not any(d.any() for d in d_params)


def test_no_movies_are_no_error(rng):
    params, *_ = given = problem(rng, (3, 0, 2, 4, 5, 6, 3), peepholes=True)
    results = run(*given)
    assert [a.shape for a in results] == [a.shape for a in (given[3], *given[2], given[1], *given[4], *params)]
    assert not any(d.any() for d in results[-len(params) :])


@PEEPHOLES
def test_no_state_is_a_state_of_zeros(rng, peepholes):
    params, x, state, d_hs, _ = problem(rng, SIZES[0], peepholes)
    zero = convlstm.zero_state(*state.h.shape)
    same(run(params, x, None, d_hs, None), run(params, x, zero, d_hs, zero), 0)


@PEEPHOLES
@DTYPES
def test_inference_equals_training_forward(rng, dtype, peepholes):
    params, x, state, _, _ = problem(rng, SIZES[0], peepholes, dtype)
    hs, last, _ = convlstm.forward(params, x, state)
    without, last_without, cache = convlstm.forward(params, x, state, keep_cache=False)
    assert cache is None
    for a, b in zip((hs, *last), (without, *last_without), strict=True):
        np.testing.assert_array_equal(a, b)


@PEEPHOLES
def test_a_cache_can_be_used_twice(rng, peepholes):
    params, x, state, d_hs, d_state = problem(rng, SIZES[0], peepholes)
    _, _, cache = convlstm.forward(params, x, state)
    convlstm.forward(params, x + 1, state)
    first, second = (convlstm.backward(params, d_hs, cache, d_state) for _ in range(2))
    same([first[0], *first[1], *some(first[2])], [second[0], *second[1], *some(second[2])], 0)


def test_movies_do_not_see_each_other(rng):
    params, x, state, d_hs, d_state = given = problem(rng, SIZES[0], peepholes=True)
    hs, h, c, d_x, d_h, d_c, *d_params = run(*given)
    total = [np.zeros_like(p) for p in params]
    for b in range(x.shape[1]):
        one = slice(b, b + 1)
        alone = [convlstm.State(*(field[one] for field in s)) for s in (state, d_state)]
        *results, d_W_x, d_W_h, d_b, d_w = run(params, x[:, one], alone[0], d_hs[:, one], alone[1])
        same(results, [hs[:, one], h[one], c[one], d_x[:, one], d_h[one], d_c[one]])
        total = [a + d for a, d in zip(total, (d_W_x, d_W_h, d_b, d_w), strict=True)]
    same(total, d_params, 1e-11)


@PEEPHOLES
@pytest.mark.parametrize(
    "sizes", [SIZES[0], (1, 1, 2, 3, 4, 5, 1), (0, 1, 2, 3, 4, 5, 3), (2, 1, 1, 1, 1, 1, 1)], ids=str
)
def test_outputs_share_no_memory(rng, sizes, peepholes):
    given = problem(rng, sizes, peepholes)
    for a, b in itertools.combinations(run(*given) + flat(*given), 2):
        assert not np.shares_memory(a, b)


@PEEPHOLES
@DTYPES
def test_dtype_in_is_dtype_out(rng, dtype, peepholes):
    params, x, state, d_hs, d_state = given = problem(rng, SIZES[0], peepholes, dtype)
    assert {a.dtype for a in run(*given)} == {np.dtype(dtype)}
    assert {a.dtype for a in run(params, x, None, d_hs, None)} == {np.dtype(dtype)}
    now, cache = convlstm.step(params, x[0], state)
    d_x, d_first, d_params = convlstm.step_backward(params, d_state, cache)
    assert {a.dtype for a in (*now, d_x, *d_first, *some(d_params))} == {np.dtype(dtype)}


@PEEPHOLES
def test_float32_agrees_with_float64(rng, peepholes):
    params, x, state, d_hs, d_state = given = problem(rng, SIZES[0], peepholes)

    def single(values):
        return type(values)(*(None if a is None else a.astype(np.float32) for a in values))

    ours = run(single(params), x.astype(np.float32), single(state), d_hs.astype(np.float32), single(d_state))
    for a, b in zip(ours, run(*given), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * max(1, np.abs(b).max()))


def strided(a):
    """The same values, every second entry of a larger array along each axis, running backwards along the first."""
    view = np.full([2 * n for n in a.shape], np.nan, a.dtype)[tuple(slice(None, None, 2) for _ in a.shape)][::-1]
    view[...] = a
    return view


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    sizes=st.tuples(*(st.integers(low, 4) for low in (0, 0, 1, 1, 1, 1)), st.sampled_from([1, 3, 5])),
    peepholes=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    arrange=st.sampled_from([np.asfortranarray, strided, read_only, np.ascontiguousarray]),
    numbers=st.integers(0, 2**32 - 1),
)
def test_any_size_layout_and_dtype(sizes, peepholes, dtype, arrange, numbers):
    """Whatever the sizes: the documented shapes, one dtype, the values of the plain arrays, inputs untouched."""
    params, x, state, d_hs, d_state = plain = problem(np.random.default_rng(numbers), sizes, peepholes, dtype)

    def each(values):
        return type(values)(*(None if a is None else arrange(a) for a in values))

    arranged = each(params), arrange(x), each(state), arrange(d_hs), each(d_state)
    results, eps = run(*arranged), np.finfo(dtype).eps
    assert {a.dtype for a in results} == {np.dtype(dtype)}
    assert [a.shape for a in results] == [a.shape for a in (d_hs, *state, x, *state, *some(params))]
    for a, b in zip(results, run(*plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=300 * eps * max(1, np.abs(b).max(initial=0)))
    for a, b in zip(flat(*arranged), flat(*plain), strict=True):
        np.testing.assert_array_equal(a, b)


# Parameters


def test_init_params(rng):
    D, H, k = 6, 24, 3
    params = convlstm.init_params(rng, D, H, k)
    assert (params.W_x.shape, params.W_h.shape, params.w) == ((4 * H, D, k, k), (4 * H, H, k, k), None)
    for kernel in (params.W_x, params.W_h):
        assert np.abs(kernel).max() <= 1 / (k * H**0.5)
        assert kernel.std() == pytest.approx(1 / (k * H**0.5) / 3**0.5, rel=0.1)
    np.testing.assert_array_equal(params.b.reshape(4, H), np.array([0, 1, 0, 0])[:, None] * np.ones(H))
    other = convlstm.init_params(rng, D, H, k, (5, 7), forget_bias=-2.5, dtype=np.float32)
    np.testing.assert_array_equal(other.b[H : 2 * H], np.full(H, -2.5, np.float32))
    np.testing.assert_array_equal(other.w, np.zeros((3, H, 5, 7), np.float32))
    assert {p.dtype for p in other} == {np.dtype(np.float32)}


def test_with_one_pixel_init_params_are_the_lstms(seed):
    ours = convlstm.init_params(np.random.default_rng(seed), 3, 4, 1)
    theirs = lstm.init_params(np.random.default_rng(seed), 3, 4)
    for a, b in zip(some(ours), theirs, strict=True):
        np.testing.assert_array_equal(a.reshape(b.shape), b)


@pytest.mark.parametrize("peephole_size", [None, (4, 7)])
def test_count_params(rng, torch, peephole_size):
    from lstmkit.torch.convlstm import ConvLSTM

    count = convlstm.count_params(2, 3, 5, peephole_size)
    assert count == sum(p.size for p in some(convlstm.init_params(rng, 2, 3, 5, peephole_size)))
    assert count == sum(p.numel() for p in ConvLSTM(2, 3, 5, peephole_size=peephole_size).parameters())


# Bad calls


def change(values, **fields):
    return values._replace(**fields)


BAD = {  # what is done to params, x, state -> what the message says
    "even kernel": (
        lambda p, x, s: (change(p, W_x=p.W_x[..., 1:, 1:], W_h=p.W_h[..., 1:, 1:]), x, s),
        r"kernel of params.W_h must be an odd number .* but it is 2: .* take 1 or 3",
    ),
    "oblong kernel": (
        lambda p, x, s: (change(p, W_h=p.W_h[..., 1:]), x, s),
        r"params.W_h must have shape \(4H, H, k, k\) = \(8, 2, 3, 3\), but its shape is \(8, 2, 3, 2\)",
    ),
    "two kernels": (
        lambda p, x, s: (change(p, W_x=p.W_x[..., 1:2, 1:2]), x, s),
        r"params.W_x must have shape .* = \(8, 1, 3, 3\), but its shape is \(8, 1, 1, 1\)",
    ),
    "channels": (
        lambda p, x, s: (p, np.concatenate([x, x], axis=2), s),
        r"x must have shape \(T, B, D, R, S\) = \(2, 3, 1, 4, 3\), but its shape is \(2, 3, 2, 4, 3\)",
    ),
    "no channel axis": (lambda p, x, s: (p, x[:, :, 0], s), r"x must have shape .* but its shape is \(2, 3, 4, 3\)"),
    "image": (
        lambda p, x, s: (p, x[..., 1:, :], s),
        r"x has images of 3 × 3 pixels, but the peepholes params.w have one weight for each of 4 × 3 pixels: give",
    ),
    "two peepholes": (
        lambda p, x, s: (change(p, w=p.w[:2]), x, s),
        r"params.w must have shape \(3, H, R, S\) = \(3, 2, 4, 3\), but its shape is \(2, 2, 4, 3\)",
    ),
    "state's image": (
        lambda p, x, s: (p, x, change(s, c=s.c[..., 1:])),
        r"state.c must have shape \(B, H, R, S\) = \(3, 2, 4, 3\), but its shape is \(3, 2, 4, 2\)",
    ),
    "state's batch": (lambda p, x, s: (p, x, change(s, h=s.h[:2])), r"state.h must have shape \(B, H, R, S\)"),
    "one field": (lambda p, x, s: (p, x, s[:1]), r"state must be State\(h, c\), but it is 1 values"),
    "bias": (lambda p, x, s: (change(p, b=p.b[:-1]), x, s), r"params.b must have shape \(4H\) = \(8\)"),
    "dtypes": (lambda p, x, s: (p, x.astype(np.float32), s), r"x is float32, but params.W_h is float64"),
    "whole numbers": (lambda p, x, s: (p, x.astype(int), s), r"x must be float32 or float64, but it is int64"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_call_is_told_what_is_wrong(rng, bad):
    spoil, message = BAD[bad]
    params, x, state, _, _ = problem(rng, SMALL, peepholes=True)
    with pytest.raises(ValueError, match=message):
        convlstm.forward(*spoil(params, x, state))


def test_a_bad_backward_call_is_told_what_is_wrong(rng):
    params, x, state, d_hs, d_state = problem(rng, SMALL, peepholes=False)
    _, _, cache = convlstm.forward(params, x, state)
    with pytest.raises(ValueError, match=r"cache is None: call forward with keep_cache=True"):
        convlstm.backward(params, d_hs, None)
    with pytest.raises(ValueError, match=r"d_hs must have shape \(T, B, H, R, S\) = \(2, 3, 2, 4, 3\), as the forward"):
        convlstm.backward(params, d_hs[1:], cache)
    with pytest.raises(ValueError, match=r"d_state.h must have shape"):
        convlstm.backward(params, d_hs, cache, change(d_state, h=d_state.h[1:]))
    with pytest.raises(ValueError, match=r"x_t must have shape \(B, D, R, S\)"):
        convlstm.step(params, x, state)
    with pytest.raises(ValueError, match=r"kernel_size must be an odd number .* but it is 4: .* take 3 or 5"):
        convlstm.init_params(rng, 1, 2, 4)


# The suite itself on trial: each wrong variant must be seen.


def reordered(order):
    """The gate blocks of every weight in another order, as another library might stack them."""
    return lambda p: change(
        p, **{name: np.concatenate([np.split(getattr(p, name), 4)[k] for k in order]) for name in ("W_x", "W_h", "b")}
    )


def kernels(turn):
    return lambda p: change(p, W_x=turn(p.W_x), W_h=turn(p.W_h))


WRONG_WEIGHTS = {
    "flipped kernels": kernels(lambda W: W[..., ::-1, ::-1]),
    "kernels upside down": kernels(lambda W: W[..., ::-1, :]),
    "kernels left to right": kernels(lambda W: W[..., ::-1]),
    "rows and columns exchanged": kernels(lambda W: W.swapaxes(-2, -1)),
    "only the state's kernel flipped": lambda p: change(p, W_h=p.W_h[..., ::-1, ::-1]),
    "peepholes in the order i, o, f": lambda p: change(p, w=p.w[[0, 2, 1]]),
    "peepholes in the order f, i, o": lambda p: change(p, w=p.w[[1, 0, 2]]),
    "peepholes upside down": lambda p: change(p, w=p.w[..., ::-1, :]),
    "no bias": lambda p: change(p, b=0 * p.b),
    "gates in the order i, f, o, g": reordered((0, 1, 3, 2)),  # a port that many copy has this one
}


@pytest.mark.parametrize("wrong", WRONG_WEIGHTS)
def test_a_wrong_reading_of_the_weights_is_seen(rng, torch, monkeypatch, wrong):
    params, x, state, _, _ = problem(rng, SIZES[0], peepholes=True)
    values_agree(torch, params, x, state)
    right = convlstm.forward
    monkeypatch.setattr(convlstm, "forward", lambda params, *rest: right(WRONG_WEIGHTS[wrong](params), *rest))
    with pytest.raises(AssertionError):
        values_agree(torch, params, x, state)


def test_each_of_the_23_wrong_gate_orders_is_seen(rng):
    params, x, state, _, _ = problem(rng, SIZES[0], peepholes=True)
    right = convlstm.forward(params, x, state)[0]
    for order in list(itertools.permutations(range(4)))[1:]:
        assert np.abs(convlstm.forward(reordered(order)(params), x, state)[0] - right).max() > 1e-3, order


peephole_step, gather, scatter = peephole.step, convlstm._gather, convlstm._scatter


def old_c_for_o(a_i, a_f, a_g, a_o, c_prev, w_i, w_f, w_o):
    """o looks at the cell state before the step, as i and f do."""
    _, c, i, f, g, _, q = peephole_step(a_i, a_f, a_g, a_o, c_prev, w_i, w_f, w_o)
    o = 1 / (1 + np.exp(-(a_o + w_o * c_prev)))
    return o * q, c, i, f, g, o, q


def new_c_for_f(a_i, a_f, a_g, a_o, c_prev, w_i, w_f, w_o):
    """f looks at the cell state after the step, as o does."""
    c = peephole_step(a_i, a_f, a_g, a_o, c_prev, w_i, w_f, w_o)[1]
    return peephole_step(a_i, a_f + w_f * (c - c_prev), a_g, a_o, c_prev, w_i, w_f, w_o)


def bordered(mode):
    """The plane with another border than zeros."""

    def wrong(plane, k, patches):
        R, S = plane.shape[1] - k + 1, plane.shape[2] - k + 1
        image = plane[:, k // 2 : k // 2 + R, k // 2 : k // 2 + S]
        gather(np.pad(image, [(0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)], mode=mode), k, patches)

    return wrong


WRONG_PARTS = {
    "o's peephole looks at the old c": ("peephole.step", old_c_for_o),
    "f's peephole looks at the new c": ("peephole.step", new_c_for_f),
    "the image goes round": ("_gather", bordered("wrap")),
    "the border repeats": ("_gather", bordered("edge")),
    "the border mirrors": ("_gather", bordered("reflect")),
}


@pytest.mark.parametrize("wrong", WRONG_PARTS)
def test_a_wrong_part_is_seen(rng, torch, monkeypatch, wrong):
    params, x, state, _, _ = problem(rng, SIZES[0], peepholes=True)
    name, replacement = WRONG_PARTS[wrong]
    monkeypatch.setattr(f"lstmkit.numpy.convlstm.{name}", replacement)
    with pytest.raises(AssertionError):
        values_agree(torch, params, x, state)


def not_moved_back(d_patches, shape, k):
    """Only the middle of each patch: right for k = 1 alone."""
    d_windows = d_patches.reshape(shape[0], k, k, shape[1] - k + 1, shape[2] - k + 1, shape[3])
    return d_windows[:, k // 2, k // 2]


def turned(d_patches, shape, k):
    d_windows = d_patches.reshape(shape[0], k, k, -1)
    return scatter(d_windows[:, ::-1, ::-1].reshape(d_patches.shape), shape, k)


def peephole_backward(change):
    right = peephole.step_backward
    return "peephole.step_backward", lambda *given: change(right(*given), *given)


WRONG_WAYS_BACK = {
    "the middle tap alone": ("_scatter", not_moved_back),
    "the kernel not turned round": ("_scatter", turned),
    "no ∂L/∂c_prev through i and f": peephole_backward(
        lambda d, d_h, d_c, i, f, g, o, q, c, c_prev, w_i, w_f, w_o: (
            *d[:4], d[4] - d[0] * w_i - d[1] * w_f, *d[5:],
        )
    ),
    "∂L/∂w_o from the old c": peephole_backward(
        lambda d, d_h, d_c, i, f, g, o, q, c, c_prev, *w: (*d[:7], d[3] * c_prev)
    ),
    "∂L/∂w_i and ∂L/∂w_f exchanged": peephole_backward(lambda d, *given: (*d[:5], d[6], d[5], d[7])),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_WAYS_BACK)
def test_a_wrong_way_back_is_seen(rng, torch, monkeypatch, wrong):
    given = problem(rng, SIZES[0], peepholes=True)
    gradients_agree(torch, *given)
    name, replacement = WRONG_WAYS_BACK[wrong]
    monkeypatch.setattr(f"lstmkit.numpy.convlstm.{name}", replacement)
    with pytest.raises(AssertionError):
        gradients_agree(torch, *given)


# The torch module


def module_of(torch, params, **options):
    """A ConvLSTM with our weights."""
    from lstmkit.torch.convlstm import ConvLSTM

    H4, D, k, _ = params.W_x.shape
    peephole_size = None if params.w is None else params.w.shape[2:]
    module = ConvLSTM(D, H4 // 4, k, peephole_size=peephole_size, dtype=torch.float64, **options)
    weights = {name: torch.tensor(value) for name, value in params._asdict().items() if value is not None}
    module.load_state_dict({name: value for name, value in weights.items() if name != "b" or module.bias})
    return module


@PEEPHOLES
@pytest.mark.parametrize("batch_first", [False, True], ids=["time first", "batch first"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_module_equals_numpy(rng, torch, sizes, batch_first, peepholes):
    params, x, state, d_hs, d_state = given = problem(rng, sizes, peepholes)
    module, numpy_results = module_of(torch, params, batch_first=batch_first), run(*given)
    turn = (lambda a: a.transpose(0, 1)) if batch_first else (lambda a: a)
    x, h0, c0 = (torch.tensor(a, requires_grad=True) for a in (x, *state))
    hs, (h, c) = module(turn(x), (h0, c0))
    torch.autograd.backward([turn(hs), h, c], [torch.tensor(d) for d in (d_hs, *d_state)])
    same([a.detach() for a in (turn(hs), h, c)], numpy_results[:3])
    found = [x, h0, c0, *some((module.W_x, module.W_h, module.b, module.w))]
    same([a.grad for a in found], numpy_results[3:], 1e-10)


def test_the_module_without_state_or_bias(rng, torch):
    params, x, _, _, _ = problem(rng, SIZES[0], peepholes=False)
    module = module_of(torch, params, bias=False)
    assert set(module.state_dict()) == {"W_x", "W_h"}
    hs, (h, c) = module(torch.tensor(x))
    want, last, _ = convlstm.forward(params._replace(b=np.zeros_like(params.b)), x)
    same([a.detach() for a in (hs, h, c)], [want, *last])


@PEEPHOLES
def test_the_modules_state_dict_goes_out_and_in(rng, torch, peepholes):
    params, x, _, _, _ = problem(rng, SIZES[0], peepholes)
    module = module_of(torch, params)
    weights = module.state_dict()
    assert set(weights) == {"W_x", "W_h", "b", "w"} if peepholes else {"W_x", "W_h", "b"}
    hs, _, _ = convlstm.forward(convlstm.Params(**{name: value.numpy() for name, value in weights.items()}), x)
    same([module(torch.tensor(x))[0].detach()], [hs])
    twin = copy.deepcopy(module)
    twin.load_state_dict(weights)
    assert torch.equal(twin(torch.tensor(x))[0], module(torch.tensor(x))[0])


@PEEPHOLES
def test_the_modules_halves_equal_the_whole(rng, torch, peepholes):
    params, x, state, _, _ = problem(rng, SIZES[0], peepholes)
    module, x = module_of(torch, params), torch.tensor(x)
    hs, last = module(x, tuple(map(torch.tensor, state)))
    hs_1, middle = module(x[:1], tuple(map(torch.tensor, state)))
    hs_2, end = module(x[1:], middle)
    same([torch.cat([hs_1, hs_2]).detach(), *(s.detach() for s in end)], [hs.detach(), *(s.detach() for s in last)])


def test_the_module_takes_no_frames(rng, torch):
    params, x, state, _, _ = problem(rng, (0, 3, 2, 4, 5, 6, 3), peepholes=True)
    hs, last = module_of(torch, params)(torch.tensor(x), tuple(map(torch.tensor, state)))
    assert hs.shape == (0, 3, 4, 5, 6)
    same(last, state, 0)


@PEEPHOLES
def test_the_modules_second_derivatives(rng, torch, peepholes):
    params, x, state, _, _ = problem(rng, (2, 1, 1, 1, 2, 2, 3), peepholes)
    names = [name for name, value in params._asdict().items() if value is not None]
    module = module_of(torch, params)

    def function(x, h, c, *weights):
        weights = dict(zip(names, weights, strict=True))
        hs, last = torch.func.functional_call(module, weights, (x, (h, c)))
        return hs, *last

    given = [torch.tensor(a, requires_grad=True) for a in (x, *state, *some(params))]
    assert torch.autograd.gradcheck(function, given)
    assert torch.autograd.gradgradcheck(function, given)


@PEEPHOLES
def test_the_module_under_autocast(rng, torch, peepholes):
    params, x, _, _, _ = problem(rng, SIZES[0], peepholes)
    module, x = module_of(torch, params).float(), torch.tensor(x, dtype=torch.float32)
    hs, _ = module(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded, (_, c) = module(x)
    assert (rounded - hs).abs().max() < 0.05
    assert c.dtype == torch.float32  # what is summed over time keeps its digits
    rounded.float().square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.dtype == torch.float32 for p in module.parameters())


def test_the_modules_parameters_repeat_from_their_seed(torch, seed):
    from lstmkit.torch.convlstm import ConvLSTM

    modules = []
    for _ in range(2):
        torch.manual_seed(seed)
        modules.append(ConvLSTM(6, 24, 3, peephole_size=(4, 5), forget_bias=2.0))
    first, second = (module.state_dict() for module in modules)
    assert all(torch.equal(first[name], second[name]) for name in first)
    for name in ("W_x", "W_h"):
        bound = 1 / (3 * 24**0.5)
        assert first[name].abs().max() <= bound
        assert first[name].std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
    assert torch.equal(first["b"].view(4, 24)[:, 0], torch.tensor([0.0, 2, 0, 0]))
    assert not first["w"].any()


def test_the_module_says_what_it_is(torch):
    from lstmkit.torch.convlstm import ConvLSTM

    assert ConvLSTM.__bases__ == (torch.nn.Module,)
    assert repr(ConvLSTM(1, 2, 3)) == "ConvLSTM(1, 2, kernel_size=3)"
    module = ConvLSTM(1, 2, 5, bias=False, batch_first=True, peephole_size=(8, 9))
    assert repr(module) == "ConvLSTM(1, 2, kernel_size=5, bias=False, batch_first=True, peephole_size=(8, 9))"


BAD_SIZES = [
    (dict(kernel_size=4), r"kernel_size must be an odd number of pixels, but it is 4: .* take 3 or 5"),
    (dict(kernel_size=(3, 3)), r"kernel_size must be a whole number of at least 1, but it is \(3, 3\)"),
    (dict(hidden_size=0), r"hidden_size must be a whole number of at least 1, but it is 0"),
    (dict(peephole_size=7), r"peephole_size must be \(rows, columns\) or None, but it is 7"),
    (dict(peephole_size=(7, 0)), r"the columns of peephole_size must be a whole number of at least 1, but it is 0"),
    (dict(bias=1), r"bias must be True or False, but it is 1"),
]


@pytest.mark.parametrize(("options", "message"), BAD_SIZES, ids=str)
def test_bad_sizes_are_told_what_is_wrong(torch, options, message):
    from lstmkit.torch.convlstm import ConvLSTM

    with pytest.raises(ValueError, match=message):
        ConvLSTM(**{"input_size": 1, "hidden_size": 2, "kernel_size": 3, **options})


BAD_INPUTS = {
    "frames without channels": (lambda x, h, c: (x[:, :, 0], (h, c)), r"input must be 5-D, \(T, B, D, R, S\), but its"),
    "channels": (lambda x, h, c: (x[:, :, :0], (h, c)), r"input must have input_size = 1 channels, but it has 0"),
    "image": (lambda x, h, c: (x[..., 1:], (h, c)), r"input has images of 4 × 2 pixels, but .* each of 4 × 3 pixels"),
    "dtype": (lambda x, h, c: (x.float(), (h, c)), r"input is torch.float32, but the parameters are torch.float64"),
    "state's dtype": (lambda x, h, c: (x, (h, c.float())), r"c_0 is torch.float32, but the input is torch.float64"),
    "state's shape": (lambda x, h, c: (x, (h[:1], c)), r"h_0 must have shape \(B, H, R, S\) = \(3, 2, 4, 3\), but its"),
    "h alone": (lambda x, h, c: (x, h), r"hx must be a tuple \(h_0, c_0\), but it is a Tensor"),
    "three fields": (lambda x, h, c: (x, (h, c, c)), r"hx must be a tuple \(h_0, c_0\), but it has 3 entries"),
}


@pytest.mark.parametrize("bad", BAD_INPUTS)
def test_a_bad_input_is_told_what_is_wrong(rng, torch, bad):
    spoil, message = BAD_INPUTS[bad]
    params, x, state, _, _ = problem(rng, SMALL, peepholes=True)
    with pytest.raises(ValueError, match=message):
        module_of(torch, params)(*spoil(torch.tensor(x), *map(torch.tensor, state)))


@pytest.mark.parametrize("peephole_size", [None, (4, 3)])
def test_lengths(torch, peephole_size):
    """Each movie comes out as if it were alone; what stands behind its end, NaN here, does not matter."""
    from lstmkit.torch.convlstm import ConvLSTM

    module = ConvLSTM(2, 3, 3, peephole_size=peephole_size, dtype=torch.float64)
    for p in module.parameters():
        torch.nn.init.normal_(p, std=0.5)
    ends, x = [4, 1, 3], torch.randn(4, 3, 2, 4, 3, dtype=torch.float64)
    hx = tuple(torch.randn(3, 3, 4, 3, dtype=torch.float64) for _ in range(2))
    for b, end in enumerate(ends):
        x[end:, b] = torch.nan
    hs, last = module(x, hx, lengths=ends)
    (hs.sum() + sum(field.sum() for field in last)).backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())
    for b, end in enumerate(ends):
        alone, state = module(x[:end, b : b + 1], tuple(field[b : b + 1] for field in hx))
        torch.testing.assert_close(hs[:end, b], alone[:, 0], rtol=0, atol=1e-13)
        assert not hs[end:, b].any()
        for whole, field in zip(last, state, strict=True):
            torch.testing.assert_close(whole[b], field[0], rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="lengths must be 3 numbers from 1 to T = 4"):
        module(x, lengths=[1, 0, 4])
