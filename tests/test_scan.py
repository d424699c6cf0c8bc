"""The scan in NumPy and torch against the loop, and what holds for every cell that runs on it."""

import importlib
import inspect
from copy import deepcopy

import numpy as np
import pytest

from lstmkit.numpy import bidirectional, mingru, minlstm, scan, stacked
from lstmkit.numpy.gradients import finite_difference, relative_error

METHODS = pytest.mark.parametrize("method", [scan.linear, scan.blocks, scan.doubling, scan.run])
LENGTHS = pytest.mark.parametrize("T", [0, 1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 64, 65, 130])
CELLS = pytest.mark.parametrize("cell", [minlstm, mingru], ids=["minlstm", "mingru"])
FORMS = pytest.mark.parametrize("positive", [False, True], ids=["plain", "positive"])
B, D, H = 3, 2, 4


def problem(rng, T, B=B, H=H, dtype=np.float64):
    """Factors in (0, 1), addends and initial values of either sign."""
    a, b, h0 = rng.uniform(size=(T, B, H)), rng.normal(size=(T, B, H)), rng.normal(size=(B, H))
    return tuple(array.astype(dtype) for array in (a, b, h0))


def loop(a, b, h0):
    """The definition, one number at a time, in float64."""
    hs = np.empty(b.shape)
    for index in np.ndindex(h0.shape):
        h = float(h0[index])
        for t in range(len(b)):
            h = float(a[t][index]) * h + float(b[t][index])
            hs[t][index] = h
    return hs


@METHODS
@LENGTHS
def test_every_method_is_the_loop(rng, method, T):
    given = problem(rng, T)
    np.testing.assert_allclose(method(*given), loop(*given), rtol=0, atol=1e-12)


@LENGTHS
@pytest.mark.parametrize("steps", [1, 7, 64])
def test_log_space_is_the_loop(rng, T, steps):
    a, b, h0 = problem(rng, T)
    b, h0 = np.abs(b), np.abs(h0)
    log_hs = scan.log_space(np.log(a), np.log(b), np.log(h0), steps)
    np.testing.assert_allclose(np.exp(log_hs), loop(a, b, h0), rtol=1e-12)


def test_log_space_knows_zero(rng):
    a, b, h0 = problem(rng, 20)
    b, h0 = np.abs(b), np.zeros_like(h0)
    b[:5], b[7, 1] = 0, 0
    with np.errstate(divide="ignore"):
        log_hs = scan.log_space(np.log(a), np.log(b), np.log(h0))
    np.testing.assert_allclose(np.exp(log_hs), loop(a, b, h0), rtol=1e-12)


@METHODS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 3), (64, 65), (0, 4)], ids=str)
def test_dtype_shape_and_arguments_stay(rng, method, dtype, shape):
    given = problem(rng, 9, *shape, dtype)
    before = [array.copy() for array in given]
    hs = method(*(array[::-1] if array.ndim == 3 else array for array in given))
    assert hs.dtype == dtype
    assert hs.shape == (9, *shape)
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@METHODS
def test_two_halves_equal_the_whole(rng, method):
    a, b, h0 = problem(rng, 40)
    whole = method(a, b, h0)
    for cut in (1, 17, 39):
        first = method(a[:cut], b[:cut], h0)
        second = method(a[cut:], b[cut:], first[-1])
        np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("T", [1, 5, 20])
def test_the_gradient_is_the_scan_reversed(rng, T):
    a, b, h0 = given = problem(rng, T, 2, 3)
    d_hs, d_last = rng.normal(size=(T, 2, 3)), rng.normal(size=(2, 3))
    d = scan.reverse(a, d_hs, d_last)
    h_prev = np.concatenate([h0[None], scan.linear(a, b, h0)[:-1]])
    for k, gradient in enumerate((d * h_prev, d, a[0] * d[0])):

        def loss(changed, k=k):
            hs = scan.linear(*(changed if j == k else array for j, array in enumerate(given)))
            return (hs * d_hs).sum() + (hs[-1] * d_last).sum()

        assert relative_error(gradient, finite_difference(loss, given[k])) < 1e-7


# Ten thousand steps in float32: gates from wide open to shut, and neither overflow nor drift

LONG = 10_000


def long_problem(rng, spread):
    """Logarithms of gates σ(a) and of positive candidates, exact in float32, and the float64 loop over them."""
    from lstmkit.numpy.functions import log_positive, log_sigmoid

    pre = rng.normal(size=(LONG, 2, 8)) * spread
    log_a, log_b = log_sigmoid(-pre), log_sigmoid(pre) + log_positive(rng.normal(size=pre.shape))
    logs = [array.astype(np.float32) for array in (log_a, log_b, np.log(rng.uniform(size=pre.shape[1:])))]
    return logs, scan.linear(*(np.exp(array.astype(np.float64)) for array in logs))


@pytest.mark.parametrize("spread", [0.1, 1, 5, 30])
def test_ten_thousand_steps_in_float32(rng, spread):
    """Relative errors of every h_t: a few roundings in linear space, the rounding of a sum of 64 in log space."""
    (log_a, log_b, log_h0), exact = long_problem(rng, spread)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        errors = {"log_space": np.exp(scan.log_space(log_a, log_b, log_h0)) / exact - 1}
        for method in (scan.linear, scan.blocks, scan.doubling):
            errors[method.__name__] = method(*np.exp([log_a, log_b]), np.exp(log_h0)) / exact - 1
    worst = {name: np.abs(error).max() for name, error in errors.items()}
    print(worst)
    eps = np.finfo(np.float32).eps
    assert max(worst[name] for name in ("linear", "blocks", "doubling")) < 50 * eps
    assert worst["log_space"] < 64 * max(1, np.abs(log_a).mean()) * 10 * eps


def test_one_sum_over_all_steps_would_drift(rng):
    """Why log_space starts afresh: in one sum over all steps the error is that of a number as large as the sum."""
    (log_a, log_b, log_h0), exact = long_problem(rng, 5)
    errors = [np.abs(np.exp(scan.log_space(log_a, log_b, log_h0, steps)) / exact - 1).max() for steps in (64, LONG)]
    assert errors[1] > 5 * errors[0]


# The cells


def cell_problem(cell, rng, T=6, B=B, D=D, H=H, dtype=np.float64):
    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = cell.Params(*(normal(*p.shape) for p in cell.init_params(rng, D, H)))
    return params, normal(T, B, D), cell.State(normal(B, H)), normal(T, B, H), cell.State(normal(B, H))


def everything(cell, params, x, state, d_hs, d_state, positive=False):
    hs, last, cache = cell.forward(params, x, state, positive=positive)
    d_x, d_first, d_params = cell.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def same(ours, theirs, tolerance=1e-11):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@CELLS
@FORMS
@pytest.mark.parametrize("cut", range(7))
def test_a_sequence_may_be_cut_anywhere(cell, rng, positive, cut):
    """Both forms: the state that enters the second half is the state that left the first, unchanged."""
    params, x, state, d_hs, d_state = given = cell_problem(cell, rng)
    hs_1, middle, cache_1 = cell.forward(params, x[:cut], state, positive=positive)
    hs_2, last, cache_2 = cell.forward(params, x[cut:], middle, positive=positive)
    d_x_2, d_middle, d_params_2 = cell.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_first, d_params_1 = cell.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    cut_up = [np.concatenate([hs_1, hs_2]), *last, np.concatenate([d_x_1, d_x_2]), *d_first, *both]
    same(cut_up, everything(cell, *given, positive=positive))


@CELLS
@FORMS
def test_steps_equal_the_sequence(cell, rng, positive):
    params, x, state, d_hs, d_state = given = cell_problem(cell, rng)
    hs, caches, now = [], [], state
    for x_t in x:
        now, cache = cell.step(params, x_t, now, positive=positive)
        hs.append(now.h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [0, 0]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = cell.step_backward(params, cell.State(d_now.h + d_h), cache)
        d_xs.append(d_x)
        total = [a + b for a, b in zip(total, d_params, strict=True)]
    same([np.stack(hs), *now, np.stack(d_xs[::-1]), *d_now, *total], everything(cell, *given, positive=positive))


@CELLS
@FORMS
def test_many_steps_equal_the_loop(cell, rng, positive):
    """Long enough for several blocks, and wide enough for the loop: the same numbers as one step after the other."""
    for T, B in ((300, 1), (30, 80)):
        params, x, state, _, _ = cell_problem(cell, rng, T, B)
        hs, now = cell.forward(params, x, state, positive=positive)[0], state
        for x_t, h in zip(x, hs, strict=True):
            now, _ = cell.step(params, x_t, now, positive=positive)
            np.testing.assert_allclose(h, now.h, rtol=0, atol=1e-12)


@CELLS
@FORMS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_arguments_and_inference(cell, rng, positive, dtype):
    given = cell_problem(cell, rng, dtype=dtype)
    params, x, state, d_hs, d_state = given
    flat = [*params, x, *state, d_hs, *d_state]
    before, results = [a.tobytes() for a in flat], everything(cell, *given, positive=positive)
    assert {a.dtype for a in results} == {np.dtype(dtype)}
    assert [a.tobytes() for a in flat] == before
    assert not any(np.shares_memory(a, b) for a in results for b in flat)
    hs, last, cache = cell.forward(params, x, state, keep_cache=False, positive=positive)
    assert cache is None
    np.testing.assert_array_equal(hs, results[0])
    np.testing.assert_array_equal(last.h, results[1])


@CELLS
@pytest.mark.parametrize("sizes", [(0, 3), (5, 0), (0, 0)], ids=str)
def test_nothing_in_is_no_error(cell, rng, sizes):
    T, B = sizes
    _, _, state, _, d_state = given = cell_problem(cell, rng, T, B)
    hs, h, d_x, d_h, *d_params = everything(cell, *given)
    assert (hs.shape, d_x.shape) == ((T, B, H), (T, B, D))
    if T == 0:
        same([h, d_h], [*state, *d_state], 0)
    assert not any(d.any() for d in d_params)


@CELLS
@FORMS
def test_ten_thousand_steps_of_a_cell_in_float32(cell, rng, positive):
    """Gates often shut or wide open; every value and gradient stays within a few roundings of the float64 ones.

    Where all units start with a gate wide open, the gradient of the first state has the factor 1 - z, all below the
    rounding of 1: what is left is nothing, and right.
    """
    params, *rest = cell_problem(cell, rng, 10_000, 1, dtype=np.float32)
    single = [params._replace(W_x=params.W_x * 10), *rest]
    exact = [type(v)(*(a.astype(float) for a in v)) if isinstance(v, tuple) else v.astype(float) for v in single]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        results = everything(cell, *single, positive=positive)
    for ours, theirs in zip(results, everything(cell, *exact, positive=positive), strict=True):
        assert np.abs(ours - theirs).max() < 2e-4 * max(np.abs(theirs).max(), 1e-2)


@CELLS
def test_bad_calls_say_what_is_wrong(cell, rng):
    params, x, state, d_hs, _ = cell_problem(cell, rng)
    _, _, cache = cell.forward(params, x, state)
    calls = {
        r"x must have shape \(T, B, D\) = \(6, 3, 2\), but its shape is \(6, 3, 3\)": lambda: cell.forward(
            params, np.zeros((6, 3, 3))
        ),
        r"state\.h must have shape \(B, H\) = \(3, 4\)": lambda: cell.forward(params, x, (np.zeros((3, 5)),)),
        "state must be State": lambda: cell.forward(params, x, state.h),
        "params must be Params": lambda: cell.forward((params.b,), x),
        r"params\.W_x must have shape": lambda: cell.forward(params._replace(W_x=params.W_x[1:]), x),
        "x is float32, but params.b is float64": lambda: cell.forward(params, x.astype(np.float32)),
        "keep_cache=True": lambda: cell.backward(params, d_hs, None),
        r"d_hs must have shape \(T, B, H\) = \(6, 3, 4\)": lambda: cell.backward(params, d_hs[1:], cache),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message):
            call()


# Torch


@LENGTHS
def test_torch_methods_are_the_loop(rng, torch, T):
    from lstmkit.torch import scan as twin

    a, b, h0 = problem(rng, T)
    on_torch = [torch.tensor(array) for array in (a, b, h0)]
    for method in (twin.run, twin.doubling):
        np.testing.assert_allclose(method(*on_torch), loop(a, b, h0), rtol=0, atol=1e-12)
    a, b, h0 = (tensor.abs() for tensor in on_torch)
    log_hs = twin.log_space(a.log(), b.log(), h0.log(), steps=50)
    np.testing.assert_allclose(log_hs.exp(), loop(a, b, h0), rtol=1e-12)


@pytest.mark.parametrize("T", [1, 2, 9])
def test_torch_gradients(rng, torch, T):
    from lstmkit.torch import scan as twin

    given = [torch.tensor(array, requires_grad=True) for array in problem(rng, T, 2, 3)]
    assert torch.autograd.gradcheck(twin.run, given)
    assert torch.autograd.gradgradcheck(twin.run, given)
    d_hs = torch.randn(T, 2, 3, dtype=torch.float64)
    through_scan = torch.autograd.grad(twin.run(*given), given, d_hs)
    through_rounds = torch.autograd.grad(twin.doubling(*given), given, d_hs)
    for ours, theirs in zip(through_scan, through_rounds, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_torch_without_numpys_dtype(rng, torch):
    """What NumPy does not know goes through the rounds of torch operations, backward as well."""
    from lstmkit.torch import scan as twin

    a, b, h0 = (torch.tensor(array, dtype=torch.bfloat16, requires_grad=True) for array in problem(rng, 12))
    hs = twin.run(a, b, h0)
    hs.sum().backward()
    assert {t.dtype for t in (hs, a.grad, b.grad, h0.grad)} == {torch.bfloat16}
    exact = loop(*(t.detach().double().numpy() for t in (a, b, h0)))
    np.testing.assert_allclose(hs.detach().double(), exact, rtol=0, atol=0.1)


# The torch modules: layers, directions, lengths


NAMES = {minlstm: "MinLSTM", mingru: "MinGRU"}
LAYERS = pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 3}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True, "batch_first": True}],
    ids=["plain", "three layers", "both ways", "two layers both ways, batch first"],
)
ENDS = [3, 6, 1, 4]  # lengths, unsorted, all of a batch


def module(torch, cell, dtype=None, **options):
    """The cell's torch module, all parameters random."""
    stem = cell.__name__.rpartition(".")[2]
    kind = getattr(importlib.import_module(f"lstmkit.torch.{stem}"), NAMES[cell])
    network = kind(D, H, dtype=dtype or torch.float64, **options)
    for p in network.parameters():
        torch.nn.init.normal_(p)
    return network


def leaf(torch, *shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


class Through:
    """A cell for lstmkit.numpy.stacked, with the plain candidate or the positive one."""

    def __init__(self, cell, positive):
        self.Params, self.State, self.backward = cell.Params, cell.State, cell.backward
        self.forward = lambda *args, **options: cell.forward(*args, **options, positive=positive)


def in_numpy(cell, network, x, h, lengths, d_hs, d_h):
    """hs, last, d_x, d_first and a dict of the parameters' gradients, through the layers of lstmkit.numpy.stacked."""

    def one(suffix):
        return cell.Params(*(getattr(network, f"{field}{suffix}").detach().numpy() for field in cell.Params._fields))

    ends = ["", "_reverse"] if network.bidirectional else [""]
    layers = [[one(f"_l{layer}{end}") for end in ends] for layer in range(network.num_layers)]
    layers = [bidirectional.Params(*both) if len(both) == 2 else both[0] for both in layers]
    cell = Through(cell, getattr(network, "positive", False))
    hs, (last,), cache = stacked.forward(cell, layers, x, cell.State(h), lengths)
    d_x, (d_first,), d_layers = stacked.backward(cell, layers, d_hs, cache, cell.State(d_h))
    gradients = {}
    for layer, d in enumerate(d_layers):
        for end, params in zip(ends, d if network.bidirectional else [d], strict=True):
            gradients |= {f"{field}_l{layer}{end}": value for field, value in params._asdict().items()}
    return hs, last, d_x, d_first, gradients


@CELLS
@FORMS
@LAYERS
@pytest.mark.parametrize("form", ["whole", "lengths", "packed"])
def test_modules_are_the_layers_of_numpy(cell, rng, torch, positive, options, form):
    """Values to 1e-12 and gradients to 1e-10, with a state, and with nothing but NaN where a sequence has ended."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    network, count = module(torch, cell, positive=positive, **options), len(ENDS)
    S, lengths = 1 + network.bidirectional, None if form == "whole" else ENDS
    x, d_hs = rng.normal(size=(max(ENDS), count, D)), rng.normal(size=(max(ENDS), count, S * H))
    h, d_h = rng.normal(size=(2, S * network.num_layers, count, H))
    for b, end in enumerate(lengths or []):
        x[end:, b] = np.nan
    turn = (lambda a: a.transpose(0, 1)) if network.batch_first else (lambda a: a)
    x_t, h_t = torch.tensor(x, requires_grad=True), torch.tensor(h, requires_grad=True)
    if form == "packed":
        packed, last = network(pack_padded_sequence(x_t, torch.tensor(ENDS), enforce_sorted=False), h_t)
        hs = pad_packed_sequence(packed)[0]
    else:
        hs, last = network(turn(x_t), h_t, lengths)
        hs = turn(hs)
    torch.autograd.backward([hs, last], [torch.tensor(d_hs), torch.tensor(d_h)])
    want, want_last, d_x, d_first, d_params = in_numpy(cell, network, x, h, lengths, d_hs, d_h)
    for ours, theirs in ((hs, want), (last, want_last)):
        np.testing.assert_allclose(ours.detach(), theirs, rtol=0, atol=1e-12)
    same([x_t.grad, h_t.grad], [d_x, d_first], 1e-10)
    assert set(d_params) == {name for name, _ in network.named_parameters()}
    for name, p in network.named_parameters():
        np.testing.assert_allclose(p.grad, d_params[name], rtol=1e-10, atol=1e-10, err_msg=name)


@CELLS
@LAYERS
def test_each_sequence_of_a_padded_batch_as_if_it_were_alone(cell, torch, options):
    """And a sequence without a batch, with a state of its own, is a batch of one."""
    network = module(torch, cell, **options)
    S = 1 + network.bidirectional
    x, h = leaf(torch, max(ENDS), len(ENDS), D), leaf(torch, S * network.num_layers, len(ENDS), H)
    hs, h_n = network(x.transpose(0, 1) if network.batch_first else x, h, ENDS)
    hs = hs.transpose(0, 1) if network.batch_first else hs
    for b, end in enumerate(ENDS):
        alone, last = network(x[:end, b], h[:, b])
        assert alone.shape == (end, S * H)
        torch.testing.assert_close(hs[:end, b], alone, rtol=0, atol=1e-13)
        torch.testing.assert_close(h_n[:, b], last, rtol=0, atol=1e-13)
        assert not hs[end:, b].any()


@CELLS
def test_the_signature_is_torch_nn_gru_s(cell, torch):
    ours = list(inspect.signature(type(module(torch, cell))).parameters.values())
    theirs = list(inspect.signature(torch.nn.RNNBase).parameters.values())[1:8]  # after the mode, before proj_size
    assert [(p.name, p.default) for p in ours[:7]] == [(p.name, p.default) for p in theirs]
    assert {p.name for p in ours[7:]} == {"positive", "device", "dtype"}
    assert all(p.kind is p.KEYWORD_ONLY for p in ours[7:])


@CELLS
def test_weights_start_as_those_of_a_linear_layer(cell, torch):
    """Within ±1/√ inputs, and close to it, in every layer; biases zero."""
    network = type(module(torch, cell))(50, 30, 2, bidirectional=True)
    for suffix, inputs in (("_l0", 50), ("_l0_reverse", 50), ("_l1", 60), ("_l1_reverse", 60)):
        largest = getattr(network, f"W_x{suffix}").abs().max().item()
        assert 0.99 < largest * inputs**0.5 <= 1 + 1e-6
        assert not getattr(network, f"b{suffix}").any()


@CELLS
def test_the_state_dict_goes_out_and_in(cell, torch):
    network = module(torch, cell, num_layers=2, bidirectional=True, positive=True)
    other = module(torch, cell, num_layers=2, bidirectional=True, positive=True)
    names = [f"{field}_l{layer}{end}" for layer in (0, 1) for end in ("", "_reverse") for field in ("W_x", "b")]
    assert list(network.state_dict()) == names
    x = torch.randn(5, B, D, dtype=torch.float64)
    other.load_state_dict(network.state_dict())
    for twin in (other, deepcopy(network)):
        assert torch.equal(twin(x)[0], network(x)[0])
    bare = module(torch, cell, bias=False)
    assert list(bare.state_dict()) == ["W_x_l0"]
    bare(x)[0].sum().backward()
    assert bare.W_x_l0.grad.abs().sum() > 0


@CELLS
@FORMS
def test_autocast_is_close(cell, torch, positive):
    """bfloat16 products round to 8 bits; the memory keeps the parameters' float32, and so does what comes out."""
    network = type(module(torch, cell))(D, H, 2, bidirectional=True, positive=positive)
    x, results = torch.randn(40, B, D), []
    for given, autocast in ((x, False), (x, True), (x.bfloat16(), True)):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            hs, h_n = network(given)
            one, _ = network(given[:1])
        assert {hs.dtype, h_n.dtype, one.dtype} == {torch.float32}
        hs.pow(2).mean().backward()
        results.append((hs, torch.cat([p.grad.flatten() for p in network.parameters()])))
    exact, *others = results
    for other in others:
        for a, b in zip(other, exact, strict=True):
            assert 0 < (a - b).norm() < 0.1 * b.norm()


@CELLS
def test_autocast_forgets_at_the_rate_of_a_gate_close_to_one(cell, torch):
    """A factor of 0.999 is 1 in bfloat16: a memory of a thousand steps would be one without end."""
    network = module(torch, cell, torch.float32)
    with torch.no_grad():
        network.W_x_l0.zero_()
        network.b_l0.zero_()
        network.b_l0[:H] = -7 if cell is mingru else -7.6  # the gate that writes, beside 1/2 or 0.0005
    x, h = torch.zeros(2000, B, D), torch.rand(1, B, H) + 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, h_n = network(x, h)
    assert (h_n / h).max() < 0.5
    torch.testing.assert_close(h_n, network(x, h)[1], rtol=0.02, atol=0)


@CELLS
def test_second_derivatives_through_layers_and_lengths(cell, torch):
    network = module(torch, cell, num_layers=2, bidirectional=True, positive=True)
    names, weights = zip(*network.named_parameters(), strict=True)
    given = leaf(torch, 2, 2, D), leaf(torch, 4, 2, H), *(leaf(torch, *p.shape) for p in weights)

    def run(x, h, *weights):
        return torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (x, h, [2, 1]))

    assert torch.autograd.gradgradcheck(run, given, fast_mode=True)


@CELLS
def test_two_runs_with_one_seed_are_the_same_bits(cell, torch, seed):
    def all_of_it():
        torch.manual_seed(seed)
        network = type(module(torch, cell))(D, H, 3, dropout=0.3, bidirectional=True)
        hs, h_n = network(torch.randn(30, B, D), lengths=[30, 17, 4])
        hs.pow(2).sum().backward()
        return [hs, h_n, *(p.grad for p in network.parameters())]

    assert all(torch.equal(a, b) for a, b in zip(all_of_it(), all_of_it(), strict=True))


@CELLS
def test_inference_no_steps_and_no_memory_shared(cell, torch):
    network, x, h = module(torch, cell, num_layers=2), torch.randn(5, B, D).double(), torch.randn(2, B, H).double()
    for steps in (0, 1, 5):
        want, want_last = network(x[:steps], h)
        with torch.inference_mode():
            hs, h_n = network(x[:steps], h)
        assert torch.equal(hs, want)
        assert torch.equal(h_n, want_last)
        assert not any(np.shares_memory(a.detach().numpy(), b.numpy()) for a in (want_last, want) for b in (x, h))
        assert not np.shares_memory(want.detach().numpy(), want_last.detach().numpy())
    assert torch.equal(network(x[:0], h)[1], h)


@CELLS
def test_module_calls_that_say_what_is_wrong(cell, torch):
    network, x = module(torch, cell, torch.float32), torch.randn(5, 3, D)
    kind = type(network)
    assert repr(kind(2, 4, bias=False, positive=True)) == f"{NAMES[cell]}(2, 4, bias=False, positive=True)"
    calls = {
        "input must have input_size = 2 features, but it has 3": lambda: network(torch.randn(5, 3, 3)),
        "input must be 2-D": lambda: network(x[0, 0]),
        r"h_0 must have shape \(L·S, B, H\) = \(1, 3, 4\)": lambda: network(x, torch.randn(3, 4)),
        "hx must be the tensor h_0, but it is a tuple": lambda: network(x, (torch.randn(1, 3, 4),)),
        "input is torch.float64, but the parameters are torch.float32": lambda: network(x.double()),
        "lengths must be 3 numbers from 1 to T = 5": lambda: network(x, lengths=[6, 1, 1]),
        "hidden_size must be": lambda: kind(2, 0),
        "dropout must be": lambda: kind(2, 4, dropout=2),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message):
            call()


# The suite itself on trial


@pytest.mark.parametrize("wrong", ["no initial state", "factor one step late", "initial state through g"])
def test_a_wrong_scan_is_seen(rng, monkeypatch, wrong):
    """The last is the mistake of a well-known implementation: the state that enters is taken for a pre-activation."""
    from lstmkit.numpy.functions import positive

    right = scan.linear
    monkeypatch.setattr(
        scan,
        "run",
        {
            "no initial state": lambda a, b, h0: right(a, b, 0 * h0),
            "factor one step late": lambda a, b, h0: right(np.roll(a, 1, axis=0), b, h0),
            "initial state through g": lambda a, b, h0: right(a, b, positive(h0)),
        }[wrong],
    )
    with pytest.raises(AssertionError):
        test_a_sequence_may_be_cut_anywhere(minlstm, rng, True, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        "return hs, type(state)(hs[-1] if len(x) else h0) -> return hs, type(state)(hs[0] if len(x) else h0)",
        "g = recurrence.on_torch(cell.step), positive_function(g) if positive else g -> "
        "_ = recurrence.on_torch(cell.step), g",
        "state.h.to(params.W_x.dtype) -> 0 * state.h",
    ],
)
def test_a_wrong_layer_is_seen(rng, torch, monkeypatch, wrong):
    from lstmkit.torch import scan as twin

    (old, new), source = wrong.split(" -> "), inspect.getsource(twin.run_layer)
    assert source.count(old) == 1
    made = dict(vars(twin))
    exec(source.replace(old, new), made)
    monkeypatch.setattr(twin, "run_layer", made["run_layer"])
    with pytest.raises(AssertionError):
        test_modules_are_the_layers_of_numpy(minlstm, rng, torch, True, {"num_layers": 3}, "lengths")


def test_bfloat16_gates_are_seen(torch, monkeypatch):
    from lstmkit.torch import scan as twin

    source, made = inspect.getsource(twin.run_layer), dict(vars(twin))
    assert source.count(".to(W_x.dtype)") == 1
    exec(source.replace(".to(W_x.dtype)", ""), made)
    monkeypatch.setattr(twin, "run_layer", made["run_layer"])
    monkeypatch.setattr(twin, "run", lambda a, b, h0: made["Scan"].apply(a.float(), b.float(), h0))
    made["run"] = twin.run
    with pytest.raises(AssertionError):
        test_autocast_forgets_at_the_rate_of_a_gate_close_to_one(mingru, torch)


# The experiment that times the ways and counts what each would take anywhere


@pytest.fixture(scope="module")
def timed():
    pytest.importorskip("torch")
    from lstmkit.experiments import scan as experiment

    return experiment.run(scale="test")


def test_the_experiment_has_its_keys(timed):
    assert set(timed) == {
        "lengths", "ms", "to_loop", "fastest", "layer_ms", "layer_ratio", "work", "depth", "work_ratio", "depth_ratio",
        "difference", "published_speed_up", "B_wide", "D", "H", "rounds",
    }  # fmt: skip
    ways = {"loop", "blocks", "rounds", "logarithms", "torch loop", "torch rounds", "torch logarithms"}
    for table in (timed["ms"], timed["to_loop"]):
        assert set(table) == {"narrow", "wide"}
        assert all(set(row) == ways for row in table.values())
    assert timed["to_loop"]["wide"]["torch loop"] == [1, 1]
    assert set(timed["fastest"].values()) <= ways
    assert all(ratio > 0 for ratio in timed["layer_ratio"])


def test_the_experiment_counts_the_same_again(timed):
    from lstmkit.experiments import scan as experiment

    again = experiment.run(scale="test")
    for name in ("work", "depth", "work_ratio", "depth_ratio", "difference"):
        assert again[name] == timed[name]
    assert max(timed["difference"].values()) < 1e-4
    with pytest.raises(ValueError, match=r"^scale is 'huge'"):
        experiment.run(scale="huge")


@pytest.mark.parametrize("T", [1, 2, 5, 16, 64, 100])
def test_work_and_depth_against_their_formulas(T):
    pytest.importorskip("torch")
    from lstmkit.experiments import scan as experiment

    assert experiment.work_and_depth(scan.linear, T) == (2 * T, 2 * T)
    rounds = (T - 1).bit_length()
    joins = sum(T - 2**k for k in range(rounds))  # each round joins every step with the one 2^k before it
    work, depth = experiment.work_and_depth(scan.doubling, T)
    assert work == 2 + 3 * joins
    assert 2 * rounds <= depth <= 2 + 2 * rounds
    work, depth = experiment.work_and_depth(scan.blocks, T)
    assert 2 * T <= work <= 5 * T
    assert depth <= 8 * T**0.5


def test_the_ways_in_torch_are_the_loop(rng, torch):
    from lstmkit.experiments import scan as experiment

    given, logs = experiment.numbers(rng, 50, 2, 3)
    assert ((given[0] >= 0.5) & (given[0] <= 1)).all()
    exact = loop(*given)
    for way, function in experiment.ways(given, logs, "cpu").items():
        np.testing.assert_allclose(np.asarray(function()), exact, rtol=1e-4, atol=1e-5, err_msg=way)


@pytest.mark.slow
def test_on_one_core_a_wide_recurrence_is_fastest_by_the_loop():
    pytest.importorskip("torch")
    from lstmkit.experiments import scan as experiment

    result = experiment.run()
    assert result["to_loop"]["wide"]["logarithms"][-1] > 3
    assert result["work_ratio"]["rounds"] > 5
    assert result["depth_ratio"]["rounds"] < 0.05
