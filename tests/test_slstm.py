"""The sLSTM in NumPy and torch, against its equations without stabiliser under autograd, and finite differences."""

import numpy as np
import pytest
from mutants import mutant

from lstmkit.numpy import functions, slstm
from lstmkit.numpy.gradients import finite_difference, relative_error

SIZES = [(5, 3, 2, 4), (1, 3, 2, 5), (6, 1, 4, 3), (1, 1, 3, 2), (30, 7, 5, 9)]  # T, B, D, H


def problem(rng, T, B, D, H, dtype=np.float64):
    """Everything random; the normaliser is at least 1, as it is after any step."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = slstm.Params(normal(4 * H, D), normal(4 * H, H) / dtype(np.sqrt(H)), normal(4 * H))
    state = slstm.State(normal(B, H), normal(B, H), 1 + np.abs(normal(B, H)), normal(B, H))
    return params, normal(T, B, D), state, normal(T, B, H), slstm.State(*(normal(B, H) for _ in range(4)))


def run(params, x, state, d_hs, d_state):
    """Everything that forward and backward return but the cache."""
    hs, last, cache = slstm.forward(params, x, state)
    d_x, d_first, d_params = slstm.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def same(ours, theirs, tolerance=1e-11):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def unstabilised(torch, W_x, W_h, b, x, h, c, n, m):
    """The paper's equations before the stabiliser: exp(a_i) as it is, and c, n in true size."""
    c, n, hs = c * torch.exp(m), n * torch.exp(m), []
    for x_t in x:
        a_i, a_f, a_z, a_o = (x_t @ W_x.T + h @ W_h.T + b).chunk(4, dim=-1)
        c = torch.sigmoid(a_f) * c + torch.exp(a_i) * torch.tanh(a_z)
        n = torch.sigmoid(a_f) * n + torch.exp(a_i)
        h = torch.sigmoid(a_o) * c / n
        hs.append(h)
    return torch.stack(hs), c, n


def agrees_with_the_unstabilised_form(torch, params, x, state, d_hs, d_state):
    """Values to 1e-12 and gradients to 1e-10, for a loss that reads h, and the last c and n through their quotient."""
    hs, last, cache = slstm.forward(params, x, state)
    given = [torch.tensor(a, requires_grad=True) for a in (*params, x, *state)]
    want, c, n = unstabilised(torch, *given)
    np.testing.assert_allclose(hs, want.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(last.h, want[-1].detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(last.c * np.exp(last.m), c.detach(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(last.n * np.exp(last.m), n.detach(), rtol=1e-11)
    torch.autograd.backward([want, want[-1], c / n], [torch.tensor(d) for d in (d_hs, d_state.h, d_state.c)])
    d_n = -d_state.c * last.c / last.n**2
    d_last = slstm.State(d_state.h, d_state.c / last.n, d_n, np.zeros_like(d_n))
    d_x, d_first, d_params = slstm.backward(params, d_hs, cache, d_last)
    for ours, tensor in zip((*d_params, d_x, *d_first), given, strict=True):
        np.testing.assert_allclose(ours, tensor.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_the_unstabilised_form(rng, torch, sizes):
    agrees_with_the_unstabilised_form(torch, *problem(rng, *sizes))


@pytest.mark.parametrize("reads", ["h", "everything"])
def test_gradients_against_finite_differences(rng, reads):
    """Whether the loss reads h alone or c, n and the stabiliser themselves."""
    params, x, state, d_hs, d_state = problem(rng, 4, 3, 2, 5)
    if reads == "h":
        d_state = slstm.State(d_state.h, *(np.zeros_like(d) for d in d_state[1:]))
    given = params._asdict() | {"x": x} | {f"{name}0": field for name, field in state._asdict().items()}

    def loss(**changed):
        W_x, W_h, b, x, *state = (given | changed).values()
        hs, last, _ = slstm.forward(slstm.Params(W_x, W_h, b), x, state)
        return (hs * d_hs).sum() + sum((field * d).sum() for field, d in zip(last, d_state, strict=True))

    _, _, cache = slstm.forward(params, x, state)
    d_x, d_first, d_params = slstm.backward(params, d_hs, cache, d_state)
    for name, gradient in zip(given, (*d_params, d_x, *d_first), strict=True):
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_the_stabiliser_does_not_show_in_h(rng):
    """The same memory written relative to another exponent gives the same h; the gradient along that change is 0."""
    params, x, state, d_hs, _ = problem(rng, 8, 3, 2, 4)
    by = rng.normal(size=state.m.shape) * 3
    hs, _, cache = slstm.forward(params, x, state)
    shifted = slstm.State(state.h, state.c * np.exp(by), state.n * np.exp(by), state.m - by)
    np.testing.assert_allclose(slstm.forward(params, x, shifted)[0], hs, rtol=0, atol=1e-12)
    _, d, _ = slstm.backward(params, d_hs, cache)
    np.testing.assert_allclose(d.c * state.c + d.n * state.n - d.m, 0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [-5000, -200, 200, 5000])
def test_gates_far_from_zero_stay_finite(rng, dtype, bias):
    """exp(a_i) alone would overflow or vanish; from a state of zeros the first h is o tanh(a_z) whatever a_i is."""
    params, x, _, d_hs, _ = problem(rng, 6, 3, 2, 4, dtype)
    params.b[:4] = bias
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        hs, last, cache = slstm.forward(params, x)
        gradients = slstm.backward(params, d_hs, cache)
    a = x[0] @ params.W_x.T + params.b
    want = functions.sigmoid(a[:, 12:]) * np.tanh(a[:, 8:12])
    np.testing.assert_allclose(hs[0], want, rtol=0, atol=20 * np.finfo(dtype).eps)
    assert (last.n >= 1).all()
    assert all(np.isfinite(d).all() for d in (gradients[0], *gradients[1], *gradients[2]))


def test_ten_thousand_steps_in_float32(rng):
    params, x, _, _, _ = problem(rng, 10_000, 1, 2, 3)
    params = params._replace(W_h=params.W_h * 0.3)
    single = [slstm.Params(*(p.astype(np.float32) for p in params)), x.astype(np.float32)]
    exact = [slstm.Params(*(p.astype(np.float64) for p in single[0])), single[1].astype(np.float64)]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        hs, last, _ = slstm.forward(*single, keep_cache=False)
    assert np.isfinite(last).all()
    assert np.abs(hs).max() <= 1  # h is a gate times a weighted mean of what tanh gave
    want, _, _ = slstm.forward(exact[0], exact[1][:2000], keep_cache=False)
    np.testing.assert_allclose(hs[:2000], want, rtol=0, atol=1e-3)


@pytest.mark.parametrize("cut", range(7))
def test_two_halves_equal_the_whole(rng, cut):
    params, x, state, d_hs, d_state = given = problem(rng, 6, 3, 2, 4)
    hs_1, middle, cache_1 = slstm.forward(params, x[:cut], state)
    hs_2, last, cache_2 = slstm.forward(params, x[cut:], middle)
    d_x_2, d_middle, d_params_2 = slstm.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_first, d_params_1 = slstm.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    same([np.concatenate([hs_1, hs_2]), *last, np.concatenate([d_x_1, d_x_2]), *d_first, *both], run(*given))


def test_steps_equal_the_sequence(rng):
    params, x, state, d_hs, d_state = given = problem(rng, 6, 3, 2, 4)
    hs, caches, now = [], [], state
    for x_t in x:
        now, cache = slstm.step(params, x_t, now)
        hs.append(now.h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [0, 0, 0]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = slstm.step_backward(params, d_now._replace(h=d_now.h + d_h), cache)
        d_xs.append(d_x)
        total = [a + b for a, b in zip(total, d_params, strict=True)]
    same([np.stack(hs), *now, np.stack(d_xs[::-1]), *d_now, *total], run(*given))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(6, 3), (0, 3), (6, 0)], ids=str)
def test_dtype_arguments_and_inference(rng, dtype, sizes):
    params, x, state, d_hs, d_state = given = problem(rng, *sizes, 2, 4, dtype)
    flat = [*params, x, *state, d_hs, *d_state]
    before, results = [a.tobytes() for a in flat], run(*given)
    assert {a.dtype for a in results} == {np.dtype(dtype)}
    assert [a.tobytes() for a in flat] == before
    assert not any(np.shares_memory(a, b) for a in results for b in flat)
    hs, last, cache = slstm.forward(params, x, state, keep_cache=False)
    assert cache is None
    np.testing.assert_array_equal(hs, results[0])
    same(last, results[1:5], 0)
    assert {a.dtype for a in (slstm.forward(params, x)[0], *slstm.zero_state(2, 3, dtype))} == {np.dtype(dtype)}
    same(slstm.forward(params, x)[1], slstm.forward(params, x, slstm.zero_state(sizes[1], 4, dtype))[1], 0)


def test_bad_calls_say_what_is_wrong(rng):
    params, x, state, d_hs, _ = problem(rng, 6, 3, 2, 4)
    _, _, cache = slstm.forward(params, x, state)
    calls = {
        r"x must have shape \(T, B, D\)": lambda: slstm.forward(params, x[0], state),
        r"state\.m must have shape \(B, H\) = \(3, 4\)": lambda: slstm.forward(params, x, state._replace(m=x[0])),
        r"state must be State\(h, c, n, m\)": lambda: slstm.forward(params, x, state[:2]),
        r"params\.b must have shape": lambda: slstm.forward(params._replace(b=params.b[1:]), x),
        "keep_cache=True": lambda: slstm.backward(params, d_hs, None),
        r"d_hs must have shape \(T, B, H\) = \(6, 3, 4\)": lambda: slstm.backward(params, d_hs[1:], cache),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message):
            call()


def test_init_count_and_zero_state(rng):
    params = slstm.init_params(rng, 3, 5, dtype=np.float32)
    assert slstm.count_params(3, 5) == sum(p.size for p in params)
    assert {p.dtype for p in params} == {np.dtype(np.float32)}
    assert (params.b[5:10] == 1).all()
    assert params.b.sum() == 5
    state = slstm.zero_state(2, 5)
    assert not np.any(state[:3])
    assert (state.m == -np.inf).all()


# Torch


def module(torch, params, **options):
    from lstmkit.torch.slstm import SLSTM

    network = SLSTM(params.W_x.shape[1], params.W_h.shape[1], dtype=torch.float64, **options)
    values = (torch.tensor(p) for p in params)
    network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))
    return network


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("start", ["zeros", "a state"])
def test_the_module_is_the_numpy_cell(rng, torch, batch_first, start):
    params, x, state, d_hs, d_state = problem(rng, 6, 3, 2, 4)
    network = module(torch, params, batch_first=batch_first)
    x_t = torch.tensor(x.swapaxes(0, 1) if batch_first else x, requires_grad=True)
    hx = [torch.tensor(field[None], requires_grad=True) for field in state]
    hs, last = network(x_t) if start == "zeros" else network(x_t, hx)
    state = None if start == "zeros" else state
    results = run(params, x, state, d_hs, d_state)
    hs = hs.transpose(0, 1) if batch_first else hs
    torch.autograd.backward([hs, *last], [torch.tensor(d_hs), *(torch.tensor(d[None]) for d in d_state)])
    d_x = x_t.grad.transpose(0, 1) if batch_first else x_t.grad
    same(results[:6], [hs.detach(), *(field[0].detach() for field in last), d_x], 1e-11)
    same(results[-3:], [p.grad for p in network.parameters()], 1e-10)
    if start == "a state":
        same(results[6:10], [field.grad[0] for field in hx], 1e-10)


def test_one_step_at_a_time_is_the_sequence(rng, torch):
    params, x, _, _, _ = problem(rng, 6, 3, 2, 4)
    network, x, state = module(torch, params), torch.tensor(x), None
    whole, last = network(x)
    for x_t, want in zip(x, whole, strict=True):
        h_t, state = network(x_t[None], state)
        np.testing.assert_allclose(h_t[0].detach(), want.detach(), rtol=0, atol=1e-12)
    same([field.detach() for field in state], [field.detach() for field in last])


def test_second_derivatives(rng, torch):
    params, x, _, _, _ = problem(rng, 3, 2, 2, 2)
    network = module(torch, params)
    assert torch.autograd.gradgradcheck(lambda x: network(x)[0], torch.tensor(x, requires_grad=True))


def test_module_calls_that_say_what_is_wrong(torch):
    from lstmkit.torch.slstm import SLSTM

    network, x = SLSTM(2, 4), torch.randn(5, 3, 2)
    assert network(torch.randn(0, 3, 2))[0].shape == (0, 3, 4)
    for wrong in (torch.randn(5, 3, 3), x.double()):
        with pytest.raises(ValueError, match="input"):
            network(wrong)
    with pytest.raises(ValueError, match="m_0"):
        network(x, [*[torch.zeros(1, 3, 4)] * 3, torch.zeros(3, 4)])
    with pytest.raises(ValueError, match="hidden_size must be"):
        SLSTM(2, 0)


# The functions that this cell and the scans brought along


def test_functions(rng):
    a = rng.normal(size=(3, 40)) * np.array([[0.1], [3], [100]])
    np.testing.assert_array_equal(functions.exp(-np.abs(a)), np.exp(-np.abs(a)))
    np.testing.assert_array_equal(functions.maximum(a, a[::-1]), np.where(a > a[::-1], a, a[::-1]))
    assert np.isnan(functions.maximum(np.nan, 1.0))
    np.testing.assert_allclose(functions.log_sigmoid(a[:2]), np.log(1 / (1 + np.exp(-a[:2]))), rtol=1e-9)
    np.testing.assert_allclose(functions.log_sigmoid(np.array([-800.0, 0, 800])), [-800, -np.log(2), 0], rtol=1e-15)
    np.testing.assert_allclose(functions.log_sigmoid(np.array([40.0])), [-np.exp(-40)], rtol=1e-12)
    g = functions.positive(a)
    assert (g > 0).all()
    np.testing.assert_allclose(g, [[u + 0.5 if u >= 0 else np.exp(u) / (1 + np.exp(u)) for u in row] for row in a])
    np.testing.assert_allclose(np.exp(functions.log_positive(a)), g, rtol=1e-12)
    a = a[:2][np.abs(a[:2]) > 1e-3]
    by_difference = finite_difference(lambda a: functions.positive(a).sum(), a)
    assert relative_error(functions.d_positive(functions.positive(a)), by_difference) < 1e-5
    for function in (functions.exp, functions.log_sigmoid, functions.positive, functions.log_positive):
        assert function(np.ones(2, np.float32)).dtype == np.float32
        assert np.isnan(function(np.array([np.nan]))).all()
    assert functions.d_positive(np.ones(2, np.float32)).dtype == np.float32


# The suite itself on trial

WRONG_STEPS = {
    "no normaliser": ("h = o * c / n", "h = o * c"),
    "input gate a sigmoid": ("i = exp(a_i - m)", "i = sigmoid(a_i)"),
    "forget gate not stabilised": ("f = exp(log_f + m_prev - m)", "f = exp(log_f)"),
    "exponential forget gate": ("log_f = log_sigmoid(a_f)", "log_f = 1 * a_f"),
    "no tanh": ("z = tanh(a_z)", "z = 1 * a_z"),
    "normaliser counts the candidate": ("n_prev + i", "n_prev + i * z"),
}
WRONG_BACKWARD_STEPS = {
    "normaliser taken as constant": ("d_n = d_n - d_h * o * c / n / n", "d_n = d_n - 0 * d_h"),
    "c reaches the loss through h only once": ("d_c = d_c + d_h * o / n", "d_c = d_c + 0 * d_h"),
    "forget gate plainly exponential": ("d_m_prev * (1 - exp(log_f))", "d_m_prev * 1"),
    "input gate a sigmoid": ("(d_c * z + d_n) * i", "(d_c * z + d_n) * i * (1 - i)"),
    "n carried without f": ("d_n * f, d_m_prev", "d_n * 1, d_m_prev"),
}
WRONG_STABILISER = {
    "m taken as constant though c is read": ("d_m = d_m - d_c * c - d_n * n", "d_m = d_m - 0 * d_c"),
    "m given to the wrong branch": ("fresh = d_relu(i - f)", "fresh = 1 - d_relu(i - f)"),
    "m not handed on": ("+ d_m * (1 - fresh)", "+ 0 * d_m"),
}


@pytest.mark.parametrize("wrong", WRONG_STEPS)
def test_a_wrong_step_is_seen(rng, torch, monkeypatch, wrong):
    given = problem(rng, 5, 3, 2, 4)
    monkeypatch.setitem(globals(), "slstm", mutant(slstm, WRONG_STEPS[wrong]))
    with pytest.raises(AssertionError):
        agrees_with_the_unstabilised_form(torch, *given)


@pytest.mark.parametrize("wrong", WRONG_BACKWARD_STEPS)
def test_a_wrong_backward_step_is_seen(rng, torch, monkeypatch, wrong):
    given = problem(rng, 5, 3, 2, 4)
    monkeypatch.setitem(globals(), "slstm", mutant(slstm, WRONG_BACKWARD_STEPS[wrong]))
    with pytest.raises(AssertionError):
        agrees_with_the_unstabilised_form(torch, *given)


@pytest.mark.parametrize("wrong", WRONG_STABILISER)
def test_a_wrong_gradient_of_the_stabiliser_is_seen(rng, monkeypatch, wrong):
    monkeypatch.setitem(globals(), "slstm", mutant(slstm, WRONG_STABILISER[wrong]))
    with pytest.raises(AssertionError):
        test_gradients_against_finite_differences(rng, "everything")
