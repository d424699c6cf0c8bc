"""The mLSTM in NumPy and torch: the loop, the sum over the past, and the paper's equations without stabiliser."""

import inspect
from copy import deepcopy
from types import ModuleType

import numpy as np
import pytest

from lstmkit.numpy import bidirectional, mlstm, stacked
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
    # h is large where its denominator is small, and then the denominator's rounding counts as much again
    np.testing.assert_allclose(at_once, hs, rtol=0, atol=3e5 * np.finfo(dtype).eps * largest**2)
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


def test_steps_equal_the_sequence(rng):
    params, x, state, d_hs, d_state = given = problem(rng, 6, 3, 2, 4, 2)
    hs, caches, now = [], [], state
    for x_t in x:
        h, now, cache = mlstm.step(params, x_t, now)
        hs.append(h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [0, 0, 0, 0]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = mlstm.step_backward(params, d_h, d_now, cache)
        d_xs.append(d_x)
        total = [a + b for a, b in zip(total, d_params, strict=True)]
    for ours, whole in zip([np.stack(hs), *now, np.stack(d_xs[::-1]), *d_now, *total], run(*given), strict=True):
        assert relative_error(ours, whole) < 1e-11


def test_the_cache_is_as_large_as_it_says(rng):
    T, B, H, N = 6, 3, 4, 2
    params, x, state, _, _ = problem(rng, T, B, 2, H, N)
    assert mlstm.forward(params, x, state)[2].C.size == (T + 1) * B * H * (H // N)


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
        r"x_t must have shape \(B, D\)": lambda: mlstm.step(params, x, state),
        r"state must be State\(C, n, m\), but it is a NoneType": lambda: mlstm.step(params, x[0], None),
        "keep_cache=True": lambda: mlstm.backward(params, d_hs, None),
        r"d_hs must have shape \(T, B, H\) = \(6, 3, 4\)": lambda: mlstm.backward(params, d_hs[1:], cache),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message):
            call()


# Torch


def module(torch, params, **options):
    """One layer with these Params."""
    from lstmkit.torch.mlstm import MLSTM

    H, N = len(params.b) // 4, len(params.b_g) // 2
    network = MLSTM(params.W_x.shape[1], H, num_heads=N, dtype=torch.float64, **options)
    network.load_state_dict({f"{name}_l0": torch.tensor(value) for name, value in params._asdict().items()})
    return network


def randomised(torch, *sizes, kind=None, dtype=None, **options):
    """A module of D inputs and H units, all parameters random."""
    from lstmkit.torch.mlstm import MLSTM

    network = (kind or MLSTM)(*sizes, dtype=dtype or torch.float64, **options)
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.7)
    return network


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"block_size": 1}, {"block_size": 4}], ids=str)
def test_the_module_is_the_numpy_cell(rng, torch, options):
    """Values and gradients, whatever the blocks, for a loss that reads the last state as well."""
    params, x, state, d_hs, d_state = problem(rng, 10, 3, 2, 6, 2)
    network, turned = module(torch, params, **options), "batch_first" in options
    x_t = torch.tensor(x.swapaxes(0, 1) if turned else x, requires_grad=True)
    hx = [torch.tensor(field[None], requires_grad=True) for field in state]
    hs, last = network(x_t, hx)
    d_last = [torch.tensor(d[None]) for d in d_state]
    torch.autograd.backward([hs.transpose(0, 1) if turned else hs, *last], [torch.tensor(d_hs), *d_last])
    weights = dict(network.named_parameters())
    d_x = x_t.grad.transpose(0, 1) if turned else x_t.grad
    theirs = [hs.transpose(0, 1) if turned else hs, *(field[0] for field in last), d_x, *(a.grad[0] for a in hx)]
    theirs += [weights[f"{name}_l0"].grad for name in params._fields]
    for a, b in zip(run(params, x, state, d_hs, d_state), theirs, strict=True):
        assert relative_error(a, b.detach()) < 1e-10


LAYERS = {
    "one way": {},
    "two layers": {"num_layers": 2},
    "both ways": {"bidirectional": True, "block_size": 2},
    "all of it": {"num_layers": 2, "bidirectional": True, "batch_first": True, "block_size": 3},
    "step by step": {"bidirectional": True, "block_size": 1},
}
ENDS = [3, 7, 1, 4, 4]  # lengths, unsorted, all of a batch


def in_numpy(network, x, state, lengths, d_hs, d_state):
    """hs, the last state, d_x, the gradient at the first state, and a dict of the parameters', from lstmkit.numpy."""

    def one(suffix):
        return mlstm.Params(*(getattr(network, f"{field}{suffix}").detach().numpy() for field in mlstm.Params._fields))

    ends = ["", "_reverse"] if network.bidirectional else [""]
    layers = [[one(f"_l{layer}{end}") for end in ends] for layer in range(network.num_layers)]
    layers = [bidirectional.Params(*both) if len(both) == 2 else both[0] for both in layers]
    hs, last, cache = stacked.forward(mlstm, layers, x, mlstm.State(*state), lengths)
    d_x, d_first, d_layers = stacked.backward(mlstm, layers, d_hs, cache, mlstm.State(*d_state))
    gradients = {}
    for layer, d in enumerate(d_layers):
        for end, params in zip(ends, d if network.bidirectional else [d], strict=True):
            gradients |= {f"{field}_l{layer}{end}": value for field, value in params._asdict().items()}
    return [hs, *last, d_x, *d_first], gradients


def agrees_with_numpy(kind, rng, torch, options, form):
    """All values and gradients, with a state, and with nothing but NaN where a sequence has ended."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    network, T, B = randomised(torch, 2, 6, kind=kind, num_heads=2, **LAYERS[options]), max(ENDS), len(ENDS)
    S, lengths = 1 + network.bidirectional, None if form == "whole" else ENDS
    x, d_hs = rng.normal(size=(T, B, 2)), rng.normal(size=(T, B, S * 6))
    shapes = [(S * network.num_layers, B, 2, *axes) for axes in ((3, 3), (3,), ())]
    state, d_state = ([rng.normal(size=shape) for shape in shapes] for _ in range(2))
    for b, end in enumerate(lengths or []):
        x[end:, b] = np.nan
    turn = (lambda a: a.transpose(0, 1)) if network.batch_first else (lambda a: a)
    x_t, hx = torch.tensor(x, requires_grad=True), tuple(torch.tensor(a, requires_grad=True) for a in state)
    if form == "packed":
        packed, last = network(pack_padded_sequence(x_t, torch.tensor(ENDS), enforce_sorted=False), hx)
        hs = pad_packed_sequence(packed)[0]
    else:
        hs, last = network(turn(x_t), hx, lengths)
        hs = turn(hs)
    torch.autograd.backward([hs, *last], [torch.tensor(d) for d in (d_hs, *d_state)])
    want, d_params = in_numpy(network, x, state, lengths, d_hs, d_state)
    for ours, theirs in zip([hs, *last, x_t.grad, *(a.grad for a in hx)], want, strict=True):
        assert relative_error(ours.detach().numpy(), theirs) < 1e-10
    assert list(d_params) == [name for name, _ in network.named_parameters()]
    for name, p in network.named_parameters():
        assert relative_error(p.grad.numpy(), d_params[name]) < 1e-10, name
    if lengths:
        assert not any(hs[end:, b].any() for b, end in enumerate(ENDS))


@pytest.mark.parametrize("options", LAYERS)
@pytest.mark.parametrize("form", ["whole", "lengths", "packed"])
def test_layers_directions_and_lengths_are_those_of_numpy(rng, torch, options, form):
    from lstmkit.torch.mlstm import MLSTM

    agrees_with_numpy(MLSTM, rng, torch, options, form)


@pytest.mark.parametrize("options", LAYERS)
def test_each_sequence_of_a_padded_batch_as_if_it_were_alone(rng, torch, options):
    """And an input without a batch is a batch of one, its state as well."""
    network = randomised(torch, 2, 6, num_heads=2, **LAYERS[options])
    count = network.num_layers * (1 + network.bidirectional)
    x = torch.tensor(rng.normal(size=(max(ENDS), len(ENDS), 2)))
    hx = [torch.tensor(rng.normal(size=(count, len(ENDS), 2, *axes))) for axes in ((3, 3), (3,), ())]
    hs, last = network(x.transpose(0, 1) if network.batch_first else x, hx, torch.tensor(ENDS))
    hs = hs.transpose(0, 1) if network.batch_first else hs
    for b, end in enumerate(ENDS):
        alone, end_alone = network(x[:end, b], tuple(field[:, b] for field in hx))
        for ours, theirs in zip([hs[:end, b], *(a[:, b] for a in last)], [alone, *end_alone], strict=True):
            assert ours.shape == theirs.shape
            assert relative_error(ours.detach().numpy(), theirs.detach().numpy()) < 1e-12


def test_a_memory_is_kept_to_the_last_bit_where_a_sequence_has_ended(rng, torch):
    """Through whole blocks of padding: what is weighed there is 1 times the memory and 0 times the rest."""
    network = randomised(torch, 2, 6, num_heads=2, block_size=4)
    x = torch.tensor(rng.normal(size=(24, 3, 2)))
    short, long = network(x[:8], lengths=[4, 8, 8])[1], network(x, lengths=[4, 8, 8])[1]
    assert all(torch.equal(a, b) for a, b in zip(short, long, strict=True))


def test_a_packed_sequence_comes_back_in_its_own_order(rng, torch):
    """Sorted or not, with its own permutation among sequences of one length."""
    from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

    network, x = randomised(torch, 2, 4, num_heads=2), torch.tensor(rng.normal(size=(5, 4, 2)))
    plain = pack_padded_sequence(x, torch.tensor([5, 3, 3, 1]))
    order = torch.tensor([2, 0, 3, 1])  # sequences 0 and 3 are both as long as each other, and exchanged
    turned = PackedSequence(plain.data, plain.batch_sizes, order, torch.argsort(order))
    (a, last), (b, last_turned) = network(plain), network(turned)
    assert a.sorted_indices is None
    assert torch.equal(b.sorted_indices, order)
    torch.testing.assert_close(a.data, b.data, rtol=1e-12, atol=1e-12)
    for one, other in zip(last, last_turned, strict=True):
        torch.testing.assert_close(one[:, torch.argsort(order)], other, rtol=1e-12, atol=1e-12)


def test_the_signature_is_torch_nn_lstm_s(torch):
    from lstmkit.torch.mlstm import MLSTM

    ours = list(inspect.signature(MLSTM).parameters.values())
    theirs = list(inspect.signature(torch.nn.RNNBase).parameters.values())[1:8]  # after the mode, before proj_size
    assert [(p.name, p.default) for p in ours[:7]] == [(p.name, p.default) for p in theirs]
    assert all(p.kind is p.KEYWORD_ONLY for p in ours[7:])


def test_the_start_and_the_state_dict(torch):
    """Weights within ±1/√ inputs, biases zero but the forget gates'; all of it goes out and in."""
    from lstmkit.torch.mlstm import MLSTM

    network = MLSTM(50, 30, 2, bidirectional=True, num_heads=2)
    names = [f"{f}_l{layer}{end}" for layer in (0, 1) for end in ("", "_reverse") for f in ("W_x", "b", "W_g", "b_g")]
    assert list(network.state_dict()) == names
    for suffix, inputs in (("_l0", 50), ("_l0_reverse", 50), ("_l1", 60), ("_l1_reverse", 60)):
        assert 0.99 < getattr(network, f"W_x{suffix}").abs().max().item() * inputs**0.5 <= 1 + 1e-6
        assert not getattr(network, f"b{suffix}").any()
        assert getattr(network, f"b_g{suffix}").tolist() == [0, 0, 3, 3]
    one, other = (randomised(torch, 2, 4, num_layers=2, num_heads=2) for _ in range(2))
    other.load_state_dict(one.state_dict())
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    for twin in (other, deepcopy(one)):
        assert torch.equal(twin(x)[0], one(x)[0])


def test_autocast_is_close(torch):
    """bfloat16 products round to 8 bits; the memory keeps the parameters' float32, and so does what comes out."""
    from lstmkit.torch.mlstm import MLSTM

    network, x = MLSTM(2, 6, 2, num_heads=2, bidirectional=True), torch.randn(100, 3, 2)
    exact, _ = network(x)
    for given in (x, x.bfloat16()):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hs, last = network(given, lengths=[100, 100, 99])
            network(given, [field.bfloat16() for field in last])
        assert {hs.dtype, *(field.dtype for field in last)} == {torch.float32}
        assert 0 < (hs - exact)[:, :2].norm() < 0.2 * exact.norm()
        hs.sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


def sums_up_a_long_memory(kind, torch):
    """Hundreds of equal additions, nothing forgotten: in bfloat16 each would be rounded, and the sum stop growing."""
    network, value = kind(2, 4, forget_bias=50.0, block_size=2), torch.tensor(0.3).bfloat16().item()
    with torch.no_grad():
        network.b_l0.fill_(value)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            _, (C, n, m) = network(torch.zeros(1000, 3, 2))
    for ours, each in ((n * m.exp()[..., None], value), (C * m.exp()[..., None, None], value**2)):
        torch.testing.assert_close(ours, torch.full_like(ours, 1000 * each), rtol=1e-3, atol=0)


def test_autocast_sums_up_a_long_memory(torch):
    from lstmkit.torch.mlstm import MLSTM

    sums_up_a_long_memory(MLSTM, torch)


def test_two_runs_with_one_seed_are_the_same_bits(torch, seed):
    from lstmkit.torch.mlstm import MLSTM

    def all_of_it():
        torch.manual_seed(seed)
        network = MLSTM(2, 6, 3, dropout=0.3, bidirectional=True, num_heads=2, block_size=8)
        hs, last = network(torch.randn(30, 3, 2), lengths=[30, 17, 4])
        hs.pow(2).sum().backward()
        return [hs, *last, *(p.grad for p in network.parameters())]

    assert all(torch.equal(a, b) for a, b in zip(all_of_it(), all_of_it(), strict=True))


def test_inference_no_steps_and_no_memory_shared(rng, torch):
    network, x = randomised(torch, 2, 4, num_layers=2, num_heads=2), torch.randn(5, 3, 2).double()
    hx = [torch.tensor(rng.normal(size=(2, 3, 2, *axes))) for axes in ((2, 2), (2,), ())]
    for steps in (0, 1, 5):
        hs, last = network(x[:steps], hx)
        with torch.inference_mode():
            want, want_last = network(x[:steps], hx)
        for a, b in zip((hs, *last), (want, *want_last), strict=True):
            assert not b.requires_grad
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12, check_stride=False)
        made = [a.detach().numpy() for a in (hs, *last)]
        assert not any(np.shares_memory(a, b.numpy()) for a in made for b in (x, *hx))
    for a, b in zip(network(x[:0], hx)[1], hx, strict=True):
        assert torch.equal(a, b)


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


@pytest.mark.parametrize("lengths", [None, [3, 2]], ids=["whole", "lengths"])
def test_second_derivatives(rng, torch, lengths):
    params, x, state, _, _ = problem(rng, 3, 2, 2, 2, 1)
    network, hx = module(torch, params), [torch.tensor(field[None]) for field in state]
    x = torch.tensor(x, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: network(x, hx, lengths)[0], x, fast_mode=True)


def test_module_calls_that_say_what_is_wrong(torch):
    from lstmkit.torch.mlstm import MLSTM

    network, x = MLSTM(2, 4, num_heads=2), torch.randn(5, 3, 2)
    assert repr(network) == "MLSTM(2, 4, num_heads=2)"
    assert MLSTM(2, 4, bias=False)(x)[0].shape == (5, 3, 4)
    packed = torch.nn.utils.rnn.pack_sequence([x[:, 0]])
    C, n, m = (torch.zeros(1, 3, 2, *axes) for axes in ((2, 2), (2,), ()))
    calls = {
        "input must have input_size = 2 features, but it has 3": lambda: network(torch.randn(5, 3, 3)),
        "input is torch.float64, but the parameters are torch.float32": lambda: network(x.double()),
        "input must be 2-D": lambda: network(x[0, 0]),
        r"n_0 must have shape \(L·S, B, N, K\) = \(1, 3, 2, 2\)": lambda: network(x, (C, m, m)),
        r"C_0 must have shape \(L·S, N, K, K\) = \(1, 2, 2, 2\)": lambda: network(x[:, 0], (C, n, m)),
        "m_0 is torch.float64": lambda: network(x, (C, n, m.double())),
        r"hx must be a tuple \(C_0, n_0, m_0\), but it is a Tensor": lambda: network(x, C),
        r"hx must be a tuple \(C_0, n_0, m_0\), but it has 2 entries": lambda: network(x, (C, n)),
        "lengths must be 3 numbers from 1 to T = 5": lambda: network(x, lengths=[5, 0, 1]),
        "a PackedSequence has its own": lambda: network(packed, lengths=[5]),
        "a padded batch of three axes": lambda: network(x[:, 0], lengths=[5]),
        "heads must share": lambda: MLSTM(2, 4, num_heads=3),
        "block_size must be": lambda: MLSTM(2, 4, block_size=0),
        "num_layers must be": lambda: MLSTM(2, 4, 0),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message):
            call()


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


WRONG_PADDING = {
    "it still forgets": ("log_f.masked_fill(padding[:, None], 0)", "log_f"),
    "it still writes": ("a_i.masked_fill(padding[:, None], -torch.inf)", "a_i"),
    "it still speaks": ("hs.masked_fill(padding[..., None], 0)", "hs"),
    "padding is read": ("x.masked_fill(padding[..., None], 0)", "x"),
    "padding comes first on the way back": (
        "torch.where(t < ends, ends - 1 - t, t)",
        "(x.shape[1] - 1 - t + 0 * ends)",
    ),
    "the way back is not turned around again": ("reverse(out, lengths) if back else out", "out"),
    "one state for all layers": ("field[index] for field in state", "field[0] for field in state"),
    "packed in another order": ("hs.index_select(0, order)", "hs.flip(0)"),
}


def changed(old, new):
    """MLSTM, with `old` replaced by `new` in its file."""
    import lstmkit.torch.mlstm as right

    source, made = inspect.getsource(right), ModuleType("changed")
    assert source.count(old) == 1
    exec(source.replace(old, new), made.__dict__)
    return made.MLSTM


@pytest.mark.parametrize("wrong", WRONG_PADDING)
def test_a_wrong_treatment_of_lengths_is_seen(rng, torch, wrong):
    kind, form = changed(*WRONG_PADDING[wrong]), "packed" if "packed" in wrong else "lengths"
    with pytest.raises(AssertionError):
        agrees_with_numpy(kind, rng, torch, "all of it", form)


WRONG_DTYPE = {
    "products of the memory": ("torch.autocast(x.device.type, enabled=False)", "torch.no_grad()"),
    "the memory between blocks": ("(*block, state)", "(*block, [field.bfloat16().float() for field in state])"),
}


@pytest.mark.parametrize("wrong", WRONG_DTYPE)
def test_a_memory_in_bfloat16_is_seen(torch, wrong):
    kind = changed(*WRONG_DTYPE[wrong])
    with pytest.raises(AssertionError):
        sums_up_a_long_memory(kind, torch)
