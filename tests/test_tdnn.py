"""The feed-forward window in NumPy and in torch, against a loop over steps, autograd and finite differences."""

import numpy as np
import pytest

from lstmkit.numpy import tdnn
from lstmkit.numpy.gradients import finite_difference, relative_error

SIZES = [(7, 3, 2, 5, 3), (1, 2, 3, 4, 5), (4, 1, 2, 3, 1), (3, 5, 1, 2, 4)]  # T, B, D, H, k


def problem(rng, T, B, D, H, k):
    params = tdnn.Params(rng.normal(size=(k, H, D)), rng.normal(size=H))
    state, d_state = (tdnn.State(rng.normal(size=(k - 1, B, D))) for _ in range(2))
    return params, rng.normal(size=(T, B, D)), state, rng.normal(size=(T, B, H)), d_state


def by_loop(params, x, state):
    """One number at a time."""
    k, H, D = params.W.shape
    T, B, _ = x.shape
    hs = np.zeros((T, B, H))
    for t in range(T):
        for n in range(B):
            for unit in range(H):
                a = params.b[unit]
                for j in range(k):
                    seen = x[t - j, n] if t - j >= 0 else state.window[k - 1 + t - j, n]
                    a += sum(params.W[j, unit, d] * seen[d] for d in range(D))
                hs[t, n, unit] = np.tanh(a)
    return hs


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_against_a_loop(rng, sizes):
    params, x, state, _, _ = problem(rng, *sizes)
    hs, last, _ = tdnn.forward(params, x, state)
    np.testing.assert_allclose(hs, by_loop(params, x, state), rtol=0, atol=1e-12)
    k = sizes[-1]
    np.testing.assert_array_equal(last.window, np.concatenate([state.window, x])[len(x) :][: k - 1])


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradients_against_finite_differences(rng, sizes):
    params, x, state, d_hs, d_state = problem(rng, *sizes)
    _, _, cache = tdnn.forward(params, x, state)
    d_x, d_first, d_params = tdnn.backward(params, d_hs, cache, d_state)

    def loss(W=params.W, b=params.b, x=x, window=state.window):
        hs, last, _ = tdnn.forward(tdnn.Params(W, b), x, tdnn.State(window))
        return (hs * d_hs).sum() + (last.window * d_state.window).sum()

    found = {"W": d_params.W, "b": d_params.b, "x": d_x, "window": d_first.window}
    given = {"W": params.W, "b": params.b, "x": x, "window": state.window}
    for name, gradient in found.items():
        if gradient.size:
            wanted = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
            assert relative_error(gradient, wanted) < 1e-6, name


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("batch_first", [False, True])
def test_the_module_equals_numpy(rng, torch, sizes, batch_first):
    from lstmkit.torch.tdnn import TDNN

    params, x, state, d_hs, d_state = problem(rng, *sizes)
    _, _, D, H, k = sizes
    module = TDNN(D, H, k, batch_first=batch_first, dtype=torch.float64)
    module.load_state_dict({"W": torch.tensor(params.W), "b": torch.tensor(params.b)})
    leaf, window = torch.tensor(x, requires_grad=True), torch.tensor(state.window, requires_grad=True)
    hs, last = module(leaf.transpose(0, 1) if batch_first else leaf, window)
    hs = hs.transpose(0, 1) if batch_first else hs
    torch.autograd.backward([hs, last], [torch.tensor(d_hs), torch.tensor(d_state.window)])
    ours, end, cache = tdnn.forward(params, x, state)
    d_x, d_first, d_params = tdnn.backward(params, d_hs, cache, d_state)
    np.testing.assert_allclose(hs.detach(), ours, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(last.detach(), end.window)
    for a, b in (
        (leaf.grad, d_x),
        (window.grad, d_first.window),
        (module.W.grad, d_params.W),
        (module.b.grad, d_params.b),
    ):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cut", range(8))
def test_two_halves_equal_the_whole(rng, cut):
    params, x, state, d_hs, d_state = problem(rng, *SIZES[0])
    hs, last, cache = tdnn.forward(params, x, state)
    d_x, d_first, d_params = tdnn.backward(params, d_hs, cache, d_state)
    hs_1, middle, cache_1 = tdnn.forward(params, x[:cut], state)
    hs_2, end, cache_2 = tdnn.forward(params, x[cut:], middle)
    np.testing.assert_allclose(np.concatenate([hs_1, hs_2]), hs, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(end.window, last.window)
    d_x_2, d_middle, d_params_2 = tdnn.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_start, d_params_1 = tdnn.backward(params, d_hs[:cut], cache_1, d_middle)
    np.testing.assert_allclose(np.concatenate([d_x_1, d_x_2]), d_x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(d_start.window, d_first.window, rtol=0, atol=1e-12)
    for one, two, both in zip(d_params_1, d_params_2, d_params, strict=True):
        np.testing.assert_allclose(one + two, both, rtol=0, atol=1e-12)


def test_it_sees_its_window_and_nothing_before(rng):
    params, x, _, _, _ = problem(rng, 9, 2, 3, 4, 3)
    changed = x.copy()
    changed[4] += 1
    differs = [
        bool(np.abs(a - b).max())
        for a, b in zip(tdnn.forward(params, x)[0], tdnn.forward(params, changed)[0], strict=True)
    ]
    assert differs == [False] * 4 + [True] * 3 + [False] * 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_in_is_dtype_out_and_nothing_is_modified(rng, dtype):
    params = tdnn.init_params(rng, 2, 5, 3, dtype)
    x, d_hs = rng.normal(size=(4, 3, 2)).astype(dtype), rng.normal(size=(4, 3, 5)).astype(dtype)
    given = [a.copy() for a in (*params, x, d_hs)]
    hs, last, cache = tdnn.forward(params, x)
    d_x, d_first, d_params = tdnn.backward(params, d_hs, cache)
    assert {a.dtype for a in (hs, *last, d_x, *d_first, *d_params)} == {np.dtype(dtype)}
    for before, after in zip(given, (*params, x, d_hs), strict=True):
        np.testing.assert_array_equal(before, after)
    assert tdnn.forward(params, x, keep_cache=False)[2] is None
    assert tdnn.count_params(2, 5, 3) == sum(p.size for p in params)


def test_bad_calls_say_what_is_wrong(rng, torch):
    from lstmkit.torch.tdnn import TDNN

    params, x, state, d_hs, _ = problem(rng, *SIZES[0])
    with pytest.raises(ValueError, match=r"^x .*\(T, B, D\)"):
        tdnn.forward(params, x[..., :1])
    with pytest.raises(ValueError, match=r"^state\.window .*\(K, B, D\) = \(2, 3, 2\)"):
        tdnn.forward(params, x, tdnn.State(state.window[1:]))
    with pytest.raises(ValueError, match=r"^d_hs .*as the forward pass had"):
        tdnn.backward(params, d_hs[1:], tdnn.forward(params, x)[2])
    with pytest.raises(ValueError, match="keep_cache"):
        tdnn.backward(params, d_hs, None)
    with pytest.raises(ValueError, match=r"^k must be"):
        tdnn.init_params(rng, 2, 3, 0)
    with pytest.raises(ValueError, match=r"^window must be"):
        TDNN(2, 3, 0)
    with pytest.raises(ValueError, match=r"^input must have shape \(T, B, D\)"):
        TDNN(2, 3, 4)(torch.zeros(5, 2, 3))
    with pytest.raises(ValueError, match=r"^hx must have shape \(k - 1, B, D\) = \(3, 2, 2\)"):
        TDNN(2, 3, 4)(torch.zeros(5, 2, 2), torch.zeros(4, 2, 2))


def test_lengths(rng, torch):
    """Each sequence comes out as if it were alone; what stands behind its end does not matter."""
    from lstmkit.torch.tdnn import TDNN

    module, ends = TDNN(2, 4, 3, dtype=torch.float64), [5, 2, 4]
    x, window = torch.tensor(rng.normal(size=(5, 3, 2))), torch.tensor(rng.normal(size=(2, 3, 2)))
    for b, end in enumerate(ends):
        x[end:, b] = torch.nan
    hs, last = module(x, window, lengths=ends)
    hs.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())
    for b, end in enumerate(ends):
        alone, end_window = module(x[:end, b : b + 1], window[:, b : b + 1])
        torch.testing.assert_close(hs[:end, b], alone[:, 0], rtol=0, atol=1e-13)
        assert not hs[end:, b].any()
        torch.testing.assert_close(last[:, b], end_window[:, 0], rtol=0, atol=0)
    with pytest.raises(ValueError, match="lengths must be 3 numbers from 1 to T = 5"):
        module(x, lengths=[1, 2, 6])
