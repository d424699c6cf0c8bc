"""The mLSTM in NumPy and torch: the loop, the sum over the past, and the paper's equations without stabiliser."""

import numpy as np
import pytest

from lstmkit.numpy import mlstm
from lstmkit.numpy.gradients import finite_difference, relative_error

SIZES = [(5, 3, 2, 4, 1), (1, 3, 2, 6, 2), (6, 1, 4, 3, 3), (1, 1, 3, 2, 1), (40, 5, 3, 6, 2)]  # T, B, D, H, N


def problem(rng, T, B, D, H, N, dtype=np.float64):
    """Everything random."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = mlstm.Params(normal(4 * H, D), normal(4 * H), normal(2 * N, D), normal(2 * N))
    state, d_state = (mlstm.State(normal(B, N, H // N, H // N), normal(B, N, H // N), normal(B, N)) for _ in range(2))
    return params, normal(T, B, D), state, normal(T, B, H), d_state


def run(params, x, state, d_hs, d_state):
    """Everything that forward and backward return but the cache."""
    hs, last, cache = mlstm.forward(params, x, state)
    d_x, d_first, d_params = mlstm.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def same(ours, theirs, tolerance=1e-11):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def unstabilised(torch, W_x, b, W_g, b_g, x, C, n, m):
    """The paper's equations before the stabiliser, one sequence and one head at a time."""
    B, N, H = x.shape[1], len(b_g) // 2, len(b) // 4
    K, sequences = H // N, []
    (W_q, W_k, W_v, W_o), (b_q, b_k, b_v, b_o) = W_x.chunk(4), b.chunk(4)
    for s in range(B):
        heads, ends = [], []
        for j in range(N):
            units, hs = slice(j * K, (j + 1) * K), []
            memory, norm = C[s, j] * torch.exp(m[s, j]), n[s, j] * torch.exp(m[s, j])
            for x_t in x[:, s]:
                q, v = W_q[units] @ x_t + b_q[units], W_v[units] @ x_t + b_v[units]
                k = W_k[units] @ x_t / K**0.5 + b_k[units]
                o = torch.sigmoid(W_o[units] @ x_t + b_o[units])
                i, f = torch.exp(W_g[j] @ x_t + b_g[j]), torch.sigmoid(W_g[N + j] @ x_t + b_g[N + j])
                memory = f * memory + i * torch.outer(v, k)
                norm = f * norm + i * k
                hs.append(o * (memory @ q) / torch.maximum((norm @ q).abs(), torch.ones(()).double()))
            heads.append(torch.stack(hs))
            ends.append(memory)
        sequences.append(torch.cat(heads, dim=-1))
    return torch.stack(sequences, dim=1)


def agrees_with_the_unstabilised_form(torch, params, x, state, d_hs, _):
    """Values to 1e-12 and gradients to 1e-10, for a loss that reads h."""
    hs, _, cache = mlstm.forward(params, x, state)
    given = [torch.tensor(a, requires_grad=True) for a in (*params, x, *state)]
    want = unstabilised(torch, *given)
    np.testing.assert_allclose(hs, want.detach(), rtol=1e-11, atol=1e-12)
    want.backward(torch.tensor(d_hs))
    d_x, d_first, d_params = mlstm.backward(params, d_hs, cache)
    for ours, tensor in zip((*d_params, d_x, *d_first), given, strict=True):
        assert relative_error(ours, tensor.grad) < 1e-10


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_the_unstabilised_form(rng, torch, sizes):
    agrees_with_the_unstabilised_form(torch, *problem(rng, *sizes))


@pytest.mark.parametrize("sizes", [*SIZES, (200, 2, 3, 4, 2), (0, 2, 3, 4, 2), (3, 0, 2, 4, 1)], ids=str)
@pytest.mark.parametrize("start", ["zeros", "a state"])
def test_the_sum_over_the_past_is_the_loop(rng, sizes, start):
    params, x, state, _, _ = problem(rng, *sizes)
    state = None if start == "zeros" else state
    hs, last, _ = mlstm.forward(params, x, state)
    at_once, end = mlstm.parallel(params, x, state)
    for ours, theirs in zip((at_once, *end), (hs, *last), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_gradients_against_finite_differences(rng):
    """Of a loss that reads h, the last memory, its normaliser and its stabiliser."""
    params, x, state, d_hs, d_state = problem(rng, 4, 2, 3, 4, 2)
    given = params._asdict() | {"x": x} | {f"{name}0": field for name, field in state._asdict().items()}

    def loss(**changed):
        W_x, b, W_g, b_g, x, *state = (given | changed).values()
        hs, last, _ = mlstm.forward(mlstm.Params(W_x, b, W_g, b_g), x, state)
        return (hs * d_hs).sum() + sum((field * d).sum() for field, d in zip(last, d_state, strict=True))

    _, _, cache = mlstm.forward(params, x, state)
    d_x, d_first, d_params = mlstm.backward(params, d_hs, cache, d_state)
    for name, gradient in zip(given, (*d_params, d_x, *d_first), strict=True):
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_the_stabiliser_does_not_show_in_h(rng):
    """The same memory written relative to another exponent gives the same h; the gradient along that change is 0."""
    params, x, state, d_hs, _ = problem(rng, 8, 3, 2, 6, 2)
    by = rng.normal(size=state.m.shape) * 3
    larger = np.exp(by)[..., None]
    hs, _, cache = mlstm.forward(params, x, state)
    shifted = mlstm.State(state.C * larger[..., None], state.n * larger, state.m - by)
    np.testing.assert_allclose(mlstm.forward(params, x, shifted)[0], hs, rtol=1e-12, atol=1e-12)
    _, d, _ = mlstm.backward(params, d_hs, cache)
    along = (d.C * state.C).sum((-1, -2)) + (d.n * state.n).sum(-1) - d.m
    np.testing.assert_allclose(along, 0, atol=1e-10 * max(1, np.abs(d.m).max()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [(-5000, 3), (5000, 3), (200, -200), (-200, -200), (0, 5000)], ids=str)
def test_gates_far_from_zero_stay_finite(rng, dtype, bias):
    params, x, _, d_hs, _ = problem(rng, 12, 3, 2, 6, 2, dtype)
    params.b_g[:2], params.b_g[2:] = bias
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        hs, last, cache = mlstm.forward(params, x)
        at_once, _ = mlstm.parallel(params, x)
        d_x, d_first, d_params = mlstm.backward(params, d_hs, cache)
    assert all(np.isfinite(a).all() for a in (hs, *last, at_once, d_x, *d_first, *d_params))
    largest = max(1, np.abs(hs).max())
    np.testing.assert_allclose(at_once, hs, rtol=0, atol=3e5 * np.finfo(dtype).eps * largest)
    if bias[0] == -5000:
        assert not hs.any()  # nothing was written


@pytest.mark.parametrize("cut", range(7))
def test_two_halves_equal_the_whole(rng, cut):
    """In both forms; the gradient flows the other way."""
    params, x, state, d_hs, d_state = given = problem(rng, 6, 3, 2, 4, 2)
    hs_1, middle, cache_1 = mlstm.forward(params, x[:cut], state)
    hs_2, last, cache_2 = mlstm.forward(params, x[cut:], middle)
    d_x_2, d_middle, d_params_2 = mlstm.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_first, d_params_1 = mlstm.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    halves = [np.concatenate([hs_1, hs_2]), *last, np.concatenate([d_x_1, d_x_2]), *d_first, *both]
    for ours, whole in zip(halves, run(*given), strict=True):
        assert relative_error(ours, whole) < 1e-11
    at_once, end = mlstm.parallel(params, x[cut:], mlstm.parallel(params, x[:cut], state)[1])
    same([at_once, *end], [hs_2, *last], 1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(6, 3), (0, 3), (6, 0)], ids=str)
def test_dtype_arguments_and_inference(rng, dtype, sizes):
    params, x, state, d_hs, d_state = given = problem(rng, *sizes, 2, 4, 2, dtype)
    flat = [*params, x, *state, d_hs, *d_state]
    before, results = [a.tobytes() for a in flat], run(*given)
    assert {a.dtype for a in (*results, mlstm.parallel(params, x)[0])} == {np.dtype(dtype)}
    assert [a.tobytes() for a in flat] == before
    assert not any(np.shares_memory(a, b) for a in results for b in flat)
    hs, last, cache = mlstm.forward(params, x, state, keep_cache=False)
    assert cache is None
    for ours, theirs in zip((hs, *last), results, strict=False):
        np.testing.assert_array_equal(ours, theirs)
    zeros = mlstm.zero_state(sizes[1], 4, 2, dtype)
    same(mlstm.forward(params, x)[1], mlstm.forward(params, x, zeros)[1], 0)


def test_init_and_count(rng):
    params = mlstm.init_params(rng, 3, 8, 2, dtype=np.float32)
    assert mlstm.count_params(3, 8, 2) == sum(p.size for p in params)
    assert {p.dtype for p in params} == {np.dtype(np.float32)}
    assert params.b_g.tolist() == [0, 0, 3, 3]
    assert not params.b.any()


def test_bad_calls_say_what_is_wrong(rng):
    params, x, state, d_hs, _ = problem(rng, 6, 3, 2, 4, 2)
    _, _, cache = mlstm.forward(params, x, state)
    odd = problem(rng, 6, 3, 2, 3, 1)[0]._replace(W_g=params.W_g, b_g=params.b_g)
    calls = {
        r"x must have shape \(T, B, D\)": lambda: mlstm.forward(params, x[0], state),
        r"state\.C must have shape \(B, N, K, K\) = \(3, 2, 2, 2\)": lambda: mlstm.forward(
            params, x, state._replace(C=state.n)
        ),
        r"state must be State\(C, n, m\)": lambda: mlstm.forward(params, x, state[:2]),
        r"params\.W_g must have shape": lambda: mlstm.forward(params._replace(W_g=params.W_g[1:]), x),
        "heads must share the units evenly.* H = 3 .* N = 2": lambda: mlstm.forward(odd, x),
        "keep_cache=True": lambda: mlstm.backward(params, d_hs, None),
        r"d_hs must have shape \(T, B, H\) = \(6, 3, 4\)": lambda: mlstm.backward(params, d_hs[1:], cache),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message):
            call()


# Torch


def module(torch, params, **options):
    from lstmkit.torch.mlstm import MLSTM

    H, N = len(params.b) // 4, len(params.b_g) // 2
    network = MLSTM(params.W_x.shape[1], H, N, dtype=torch.float64, **options)
    network.load_state_dict({name: torch.tensor(value) for name, value in params._asdict().items()})
    return network


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"block_size": 1}, {"block_size": 4}], ids=str)
def test_the_module_is_the_numpy_cell(rng, torch, options):
    """Values and gradients, whatever the blocks, for a loss that reads the last state as well."""
    params, x, state, d_hs, d_state = problem(rng, 10, 3, 2, 6, 2)
    network, turned = module(torch, params, **options), "batch_first" in options
    x_t = torch.tensor(x.swapaxes(0, 1) if turned else x, requires_grad=True)
    hx = [torch.tensor(field, requires_grad=True) for field in state]
    hs, last = network(x_t, hx)
    torch.autograd.backward([hs.transpose(0, 1) if turned else hs, *last], [torch.tensor(d) for d in (d_hs, *d_state)])
    weights = dict(network.named_parameters())
    d_x = x_t.grad.transpose(0, 1) if turned else x_t.grad
    theirs = [hs.transpose(0, 1) if turned else hs, *last, d_x, *(field.grad for field in hx)]
    theirs += [weights[name].grad for name in params._fields]
    for a, b in zip(run(params, x, state, d_hs, d_state), theirs, strict=True):
        assert relative_error(a, b.detach()) < 1e-10


def test_both_torch_forms_are_one(rng, torch):
    from lstmkit.torch.mlstm import parallel, recurrent

    B, N, T, K = 2, 3, 50, 4
    q, k, v = torch.randn(3, B, N, T, K, dtype=torch.float64)
    a_i, log_f = torch.randn(2, B, N, T, dtype=torch.float64)
    log_f = torch.nn.functional.logsigmoid(log_f)
    state = [torch.tensor(rng.normal(size=shape)) for shape in ((B, N, K, K), (B, N, K), (B, N))]
    (h_1, end_1), (h_2, end_2) = (form(q, k, v, a_i, log_f, state) for form in (recurrent, parallel))
    same([h_1, *end_1], [h_2, *end_2], 1e-10)


def test_one_step_at_a_time_is_the_sequence(rng, torch):
    params, x, _, _, _ = problem(rng, 7, 3, 2, 4, 2)
    network, x, state = module(torch, params), torch.tensor(x), None
    whole, last = network(x)
    for x_t, want in zip(x, whole, strict=True):
        h_t, state = network(x_t[None], state)
        np.testing.assert_allclose(h_t[0].detach(), want.detach(), rtol=1e-11, atol=1e-12)
    same([field.detach() for field in state], [field.detach() for field in last])


def test_ten_thousand_steps_in_float32(rng, torch):
    """Blocks of 64 in float32 stay within a few roundings of the float64 values."""
    params, x, _, _, _ = problem(rng, 10_000, 1, 2, 8, 2)
    params = params._replace(b_g=params.b_g + np.repeat([0, 4], 2))  # a memory of some hundred steps
    network, x = module(torch, params), torch.tensor(x)
    with torch.no_grad():
        exact, _ = network(x)
        hs, last = network.float()(x.float())
    assert all(field.isfinite().all() for field in last)
    error = (hs.double() - exact).abs() / exact.abs().mean()
    print(error.max())
    assert error.median() < 1e-5


def test_second_derivatives(rng, torch):
    params, x, state, _, _ = problem(rng, 3, 2, 2, 2, 1)
    network, hx = module(torch, params), [torch.tensor(field) for field in state]
    assert torch.autograd.gradgradcheck(lambda x: network(x, hx)[0], torch.tensor(x, requires_grad=True))


def test_module_calls_that_say_what_is_wrong(torch):
    from lstmkit.torch.mlstm import MLSTM

    network, x = MLSTM(2, 4, 2), torch.randn(5, 3, 2)
    assert repr(network) == "MLSTM(2, 4, num_heads=2)"
    assert network(torch.randn(0, 3, 2))[0].shape == (0, 3, 4)
    assert MLSTM(2, 4, bias=False)(x)[0].shape == (5, 3, 4)
    for wrong in (torch.randn(5, 3, 3), x.double()):
        with pytest.raises(ValueError, match="input"):
            network(wrong)
    with pytest.raises(ValueError, match="n_0 must be"):
        network(x, (torch.zeros(3, 2, 2, 2), torch.zeros(3, 2), torch.zeros(3, 2)))
    with pytest.raises(ValueError, match="heads must share"):
        MLSTM(2, 4, 3)


# The suite itself on trial

WRONG = {
    "no forget gate": ("log_sigmoid", lambda a: 0 * a),
    "exponential forget gate": ("log_sigmoid", lambda a: a),
    "key not divided by √K": ("_scaled", lambda W_x, K: W_x),
    "denominator of at least 1 in stabilised terms": ("_floor", np.ones_like),
    "no output gate": ("sigmoid", np.ones_like),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_equation_is_seen(rng, torch, monkeypatch, wrong):
    given = problem(rng, 12, 6, 2, 6, 3)
    monkeypatch.setattr(mlstm, *WRONG[wrong])
    with pytest.raises(AssertionError):
        agrees_with_the_unstabilised_form(torch, *given)
