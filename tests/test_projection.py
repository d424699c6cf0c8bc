"""The LSTM with projection in NumPy and torch, against torch.nn.LSTM with proj_size and finite differences."""

import inspect

import numpy as np
import pytest

from lstmkit.cells import lstm as cell
from lstmkit.numpy import projection, recurrence
from lstmkit.numpy.gradients import finite_difference, relative_error

T, B, D, H, P = 6, 4, 2, 5, 3
SIZES = [(5, 3, 2, 4, 1), (1, 3, 2, 7, 5), (6, 1, 4, 3, 2), (20, 7, 5, 9, 4), (1, 1, 3, 2, 1)]


def problem(rng, T=T, B=B, D=D, H=H, P=P, dtype=np.float64):
    """params, x, state, d_hs, d_state: all random, of one dtype."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = projection.Params(*(normal(*p.shape) for p in projection.init_params(rng, D, H, P)))
    params = params._replace(W_h=params.W_h / dtype(np.sqrt(H)))  # tame, or rounding grows from step to step
    state, d_state = (projection.State(normal(B, P), normal(B, H)) for _ in range(2))
    return params, normal(T, B, D), state, normal(T, B, P), d_state


def run(params, x, state, d_hs, d_state):
    """Everything that forward and backward return but the cache."""
    hs, last, cache = projection.forward(params, x, state)
    d_x, d_first, d_params = projection.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def same(ours, theirs, tolerance=1e-12):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def agrees_with_the_library(torch, params, x, state, d_hs, d_state):
    """Values to 1e-12, gradients to 1e-10."""
    results = run(params, x, state, d_hs, d_state)
    P, H = params.W_r.shape
    theirs = torch.nn.LSTM(x.shape[2], H, proj_size=P, dtype=torch.float64)
    half = [p.copy() for p in params]
    half[2:3] = [params.b - 1, np.ones_like(params.b)]  # their two biases
    with torch.no_grad():
        for p, value in zip(theirs.parameters(), half, strict=True):
            p.copy_(torch.tensor(value))
    x, *state = (torch.tensor(a, requires_grad=True) for a in (x, state.h[None], state.c[None]))
    hs, (h, c) = theirs(x, tuple(state))
    same(results[:3], [hs.detach(), h[0].detach(), c[0].detach()])
    torch.autograd.backward([hs, h[0], c[0]], [torch.tensor(d) for d in (d_hs, *d_state)])
    W_x, W_h, b, _, W_r = (p.grad for p in theirs.parameters())
    same(results[3:], [x.grad, state[0].grad[0], state[1].grad[0], W_x, W_h, b, W_r], 1e-10)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_torch_nn(rng, torch, sizes):
    agrees_with_the_library(torch, *problem(rng, *sizes))


@pytest.mark.parametrize("source", ["d_hs", "d_h", "d_c"])
def test_gradients_where_only_one_source_speaks(rng, torch, source):
    params, x, state, d_hs, d_state = problem(rng)
    sources = {"d_hs": d_hs, "d_h": d_state.h, "d_c": d_state.c}
    d_hs, d_h, d_c = (d if name == source else np.zeros_like(d) for name, d in sources.items())
    agrees_with_the_library(torch, params, x, state, d_hs, projection.State(d_h, d_c))


WRONG = {
    "gates in another order": ("step", lambda a_i, a_f, a_g, a_o, c: cell_step(a_i, a_g, a_f, a_o, c)),
    "no tanh on the way out": ("step", lambda *a: (cell_step(*a)[1] * cell_step(*a)[5], *cell_step(*a)[1:])),
    "no way back from h to c": (
        "step_backward",
        lambda d_h, d_c, *a: (*cell_back(0 * d_h, d_c, *a)[:3], *cell_back(d_h, d_c, *a)[3:]),
    ),
    "no way back along c": ("step_backward", lambda *a: (*cell_back(*a)[:4], 0 * a[1])),
}
cell_step, cell_back = cell.step, cell.step_backward


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, torch, monkeypatch, wrong):
    given = problem(rng)
    monkeypatch.setattr(cell, *WRONG[wrong])
    with pytest.raises(AssertionError):
        agrees_with_the_library(torch, *given)


def test_gradients_against_finite_differences(rng):
    params, x, state, d_hs, d_state = problem(rng, 4, 3, 2, 5, 6)  # here P may be larger than H
    given = {"x": x, "h_0": state.h, "c_0": state.c} | params._asdict()

    def loss(**changed):
        x, h, c, *params = (given | changed).values()
        hs, last, _ = projection.forward(projection.Params(*params), x, (h, c))
        return (hs * d_hs).sum() + sum((field * d).sum() for field, d in zip(last, d_state, strict=True))

    for name, gradient in zip(given, run(params, x, state, d_hs, d_state)[3:], strict=True):
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_with_the_identity_it_is_the_lstm(rng):
    from lstmkit.numpy import lstm

    params, x, state, d_hs, d_state = problem(rng, P=H)
    params = params._replace(W_r=np.eye(H))
    hs, last, cache = lstm.forward(params[:3], x, state)
    d_x, d_first, d_params = lstm.backward(params[:3], d_hs, cache, d_state)
    same(run(params, x, state, d_hs, d_state)[:-1], [hs, *last, d_x, *d_first, *d_params], 1e-11)


# Time


@pytest.mark.parametrize("cut", [0, 1, 4, T])
def test_two_halves_equal_the_whole(rng, cut):
    params, x, state, d_hs, d_state = problem(rng)
    hs_1, middle, cache_1 = projection.forward(params, x[:cut], state)
    hs_2, end, cache_2 = projection.forward(params, x[cut:], middle)
    d_x_2, d_middle, d_params_2 = projection.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_start, d_params_1 = projection.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    halves = [np.concatenate([hs_1, hs_2]), *end, np.concatenate([d_x_1, d_x_2]), *d_start, *both]
    same(halves, run(params, x, state, d_hs, d_state), 1e-11)


def test_steps_equal_the_sequence(rng):
    params, x, state, d_hs, d_state = given = problem(rng)
    hs, caches, now = [], [], state
    for x_t in x:
        now, cache = projection.step(params, x_t, now)
        hs.append(now.h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [np.zeros_like(p) for p in params]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = projection.step_backward(params, d_now._replace(h=d_now.h + d_h), cache)
        d_xs.append(d_x)
        total = [a + b for a, b in zip(total, d_params, strict=True)]
    same([np.stack(hs), *now, np.stack(d_xs[::-1]), *d_now, *total], run(*given), 1e-11)


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 7])
def test_the_size_of_a_block_does_not_show(rng, monkeypatch, steps):
    given = problem(rng)
    expected = run(*given)
    monkeypatch.setattr(recurrence, "block_steps", lambda T, B, H: steps)
    same(run(*given), expected, 1e-11)


def test_without_a_cache_or_a_state(rng):
    params, x, state, d_hs, d_state = problem(rng)
    hs, last, cache = projection.forward(params, x, state, keep_cache=False)
    assert cache is None
    same([hs, *last], run(params, x, state, d_hs, d_state)[:3], 0)
    same(run(params, x, None, d_hs, None), run(params, x, projection.zero_state(B, H, P), d_hs, None), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("steps", "sequences"), [(0, B), (T, 0), (T, B)], ids=["no steps", "no sequences", "some"])
def test_shapes_and_dtypes(rng, dtype, steps, sequences):
    given = problem(rng, steps, sequences, dtype=dtype)
    results = run(*given)
    params, x, state, d_hs, _ = given
    assert [a.shape for a in results] == [a.shape for a in (d_hs, *state, x, *state, *params)]
    assert {a.dtype for a in results} == {np.dtype(dtype)}


def test_arguments_stay_as_they_are(rng):
    params, x, state, d_hs, d_state = given = problem(rng)
    arrays = [*params, x, *state, d_hs, *d_state]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    results = run(*given)
    same(before, arrays, 0)
    assert not any(np.shares_memory(a, b) for a in results for b in arrays)


def test_counts_and_start(rng):
    params = projection.init_params(rng, D, H, P, forget_bias=2.0, dtype=np.float32)
    assert sum(p.size for p in params) == projection.count_params(D, H, P)
    assert {p.dtype for p in params} == {np.dtype(np.float32)}
    assert all(np.abs(W).max() <= H**-0.5 for W in (params.W_x, params.W_h, params.W_r))
    np.testing.assert_array_equal(params.b.reshape(4, H).sum(axis=1), [0, 2 * H, 0, 0])


BAD = {
    "x": (lambda a: a | {"x": a["x"][0]}, "x must have shape (T, B, D)"),
    "h has P": (
        lambda a: a | {"state": a["state"]._replace(h=a["state"].c)},
        "state.h must have shape (B, P) = (4, 3)",
    ),
    "c has H": (
        lambda a: a | {"state": a["state"]._replace(c=a["state"].h)},
        "state.c must have shape (B, H) = (4, 5)",
    ),
    "one field": (lambda a: a | {"state": a["state"].h}, "state must be State(h, c), but it is a ndarray"),
    "W_r": (lambda a: a | {"params": a["params"]._replace(W_r=a["params"].W_r.T)}, "params.W_r must have shape (P, H)"),
    "one dtype": (lambda a: a | {"x": a["x"].astype(np.float32)}, "all arrays of one call share one dtype"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_call_says_what_is_wrong(rng, what):
    change, words = BAD[what]
    params, x, state, _, _ = problem(rng)
    with pytest.raises(ValueError, match=r"\A\w") as caught:
        projection.forward(**change({"params": params, "x": x, "state": state}))
    assert words in str(caught.value)


def test_a_bad_call_of_backward_says_what_is_wrong(rng):
    params, x, state, d_hs, d_state = problem(rng)
    _, _, cache = projection.forward(params, x, state)
    with pytest.raises(ValueError, match="keep_cache=True before backward"):
        projection.backward(params, d_hs, None)
    with pytest.raises(ValueError, match=r"d_hs must have shape .* \(6, 4, 3\).* \(5, 4, 3\)"):
        projection.backward(params, d_hs[1:], cache)
    with pytest.raises(ValueError, match=r"d_state\.h must have shape \(B, P\)"):
        projection.backward(params, d_hs, cache, d_state._replace(h=d_state.c))


# The torch module


def twins(torch, **options):
    """Ours and the library's, the same network with every parameter random."""
    from lstmkit.torch.projection import ProjectionLSTM

    theirs = torch.nn.LSTM(D, H, proj_size=P, dtype=torch.float64, **options)
    for p in theirs.parameters():
        torch.nn.init.normal_(p)
    return ProjectionLSTM.from_torch(theirs), theirs


def leaf(torch, *shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def same_network(torch, ours, theirs, x, hx=None, pack=lambda x: x):
    found = []
    for network in (ours, theirs):
        hs, last = network(pack(x), hx)
        found.append([hs.data if hasattr(hs, "batch_sizes") else hs, *last])
    incoming = [torch.randn_like(a) for a in found[0]]
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    gradients = []
    for network, outputs in zip((ours, theirs), found, strict=True):
        named = {"x": x} | dict(zip(("h_0", "c_0"), hx or (), strict=False)) | dict(network.named_parameters())
        gradients.append(dict(zip(named, torch.autograd.grad(outputs, [*named.values()], incoming), strict=True)))
    for name, gradient in gradients[1].items():
        for old, new in {
            "weight_ih": "W_x",
            "weight_hh": "W_h",
            "weight_hr": "W_r",
            "bias_ih": "b",
            "bias_hh": "b",
        }.items():
            name = name.replace(old, new)
        torch.testing.assert_close(gradients[0][name], gradient, rtol=1e-10, atol=1e-10)


OPTIONS = [{}, {"num_layers": 3, "bidirectional": True}, {"bias": False, "num_layers": 2}, {"batch_first": True}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("by", ["numpy", "torch"])
def test_module_equals_torch_nn(torch, monkeypatch, options, by):
    """Both ways to run it: through the NumPy twin, and in torch operations, as on a GPU."""
    if by == "torch":
        from lstmkit.torch import recurrence

        monkeypatch.setattr(recurrence, "run", lambda twin, params, x, state, loop: loop(params, x, state))
    ours, theirs = twins(torch, **options)
    ends = ours.num_layers * (1 + ours.bidirectional)
    x = leaf(torch, B, T, D) if ours.batch_first else leaf(torch, T, B, D)
    same_network(torch, ours, theirs, x)
    same_network(torch, ours, theirs, x, (leaf(torch, ends, B, P), leaf(torch, ends, B, H)))
    one = leaf(torch, T, D)
    same_network(torch, ours, theirs, one, (leaf(torch, ends, P), leaf(torch, ends, H)))


def test_packed_sequences_and_lengths_equal_torch_nn(torch):
    ours, theirs = twins(torch, num_layers=2, bidirectional=True)
    x, hx, lengths = leaf(torch, T, B, D), (leaf(torch, 4, B, P), leaf(torch, 4, B, H)), torch.tensor([3, 6, 1, 4])

    def pack(x):
        return torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)

    same_network(torch, ours, theirs, x, hx, pack)
    hs, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(pack(x), hx)[0])
    torch.testing.assert_close(ours(x, hx, lengths)[0], hs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_to_torch_and_back_is_exact(torch, options):
    ours, _ = twins(torch, **options)
    theirs = ours.to_torch()
    back = type(ours).from_torch(theirs)
    assert (theirs.proj_size, back.proj_size) == (P, P)
    assert ours.state_dict().keys() == back.state_dict().keys() == type(ours).from_torch(theirs.state_dict()).keys()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), back.parameters(), strict=True))
    shape = (B, T, D) if ours.batch_first else (T, B, D)
    same_network(torch, ours, theirs, leaf(torch, *shape))


def test_gradcheck_and_gradgradcheck(torch):
    (network, _), x, hx = twins(torch), leaf(torch, 3, 2, D), (leaf(torch, 1, 2, P), leaf(torch, 1, 2, H))
    names = [name for name, _ in network.named_parameters()]

    def run(x, h, c, *weights):
        hs, last = torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (x, (h, c)))
        return hs, *last

    inputs = (x, *hx, *network.parameters())
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def test_signature_start_and_state_dict(torch, tmp_path):
    from lstmkit.torch.projection import ProjectionLSTM

    names = [*inspect.signature(ProjectionLSTM).parameters]
    theirs = [*inspect.signature(torch.nn.RNNBase).parameters]
    assert names[:8] == theirs[1:9]
    fresh = ProjectionLSTM(D, H, 2, proj_size=P, forget_bias=3.0)
    shapes = {name: tuple(value.shape) for name, value in fresh.state_dict().items()}
    one = {"W_x_l0": (4 * H, D), "W_h_l0": (4 * H, P), "b_l0": (4 * H,), "W_r_l0": (P, H)}
    assert shapes == one | {name.replace("l0", "l1"): shape for name, shape in one.items()} | {"W_x_l1": (4 * H, P)}
    assert fresh.b_l1.view(4, H).sum(dim=1).tolist() == [0, 3 * H, 0, 0]
    assert repr(fresh) == "ProjectionLSTM(2, 5, num_layers=2, proj_size=3)"
    torch.save(fresh.state_dict(), tmp_path / "weights.pt")
    other = ProjectionLSTM(D, H, 2, proj_size=P)
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    x = torch.randn(T, B, D)
    assert torch.equal(fresh(x)[0], other(x)[0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = fresh(x)[0]
    torch.testing.assert_close(rough.float(), other(x)[0], rtol=0, atol=0.1)


def test_a_bad_call_of_the_module_says_what_is_wrong(torch):
    from lstmkit.torch.projection import ProjectionLSTM

    for size in (0, H, 2.0):
        with pytest.raises(ValueError, match="proj_size must be a whole number from 1 to hidden_size - 1 = 4"):
            ProjectionLSTM(D, H, proj_size=size)
    with pytest.raises(ValueError, match=r"takes a torch\.nn\.LSTM with proj_size"):
        ProjectionLSTM.from_torch(torch.nn.LSTM(D, H))
    network, x = ProjectionLSTM(D, H, proj_size=P), torch.randn(T, B, D)
    with pytest.raises(ValueError, match=r"h_0 must have shape .*\(1, 4, 3\), but its shape is \(1, 4, 5\)"):
        network(x, (x.new_zeros(1, B, H), x.new_zeros(1, B, H)))
    with pytest.raises(ValueError, match=r"c_0 must have shape .*\(1, 4, 5\), but its shape is \(1, 4, 3\)"):
        network(x, (x.new_zeros(1, B, P), x.new_zeros(1, B, P)))
    with pytest.raises(ValueError, match=r"c_0 must have shape .*\(1, 5\)"):
        network(x[:, 0], (x.new_zeros(1, P), x.new_zeros(1, P)))
