"""The LSTM with layer normalisation in NumPy and torch, against torch.nn.LayerNorm composed by hand under autograd."""

import numpy as np
import pytest

from lstmkit.numpy import layernorm, recurrence
from lstmkit.numpy.gradients import finite_difference, relative_error

T, B, D, H = 6, 3, 2, 4
# Few columns and many, narrow inputs and wide ones: each way to work out the variance
SIZES = [(5, 3, 2, 4), (1, 3, 2, 5), (6, 1, 4, 3), (20, 12, 5, 9), (4, 3, 50, 6), (10, 9, 30, 7)]
# With two or three units some c_t are all but equal, and the derivative of their norm is all but infinite.


def problem(rng, T=T, B=B, D=D, H=H, dtype=np.float64):
    """params, x, state, d_hs, d_state: all random, of one dtype."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = layernorm.Params(*(normal(*p.shape) for p in layernorm.init_params(rng, D, H)))
    state, d_state = (layernorm.State(normal(B, H), normal(B, H)) for _ in range(2))
    return params, normal(T, B, D), state, normal(T, B, H), d_state


def run(params, x, state, d_hs, d_state):
    """Everything that forward and backward return but the cache."""
    hs, last, cache = layernorm.forward(params, x, state)
    d_x, d_first, d_params = layernorm.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def same(ours, theirs, tolerance=1e-10):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def composed(torch, W_x, W_h, b, g_x, g_h, g_c, b_c, x, h, c):
    """The loop that users write, with three torch.nn.LayerNorm: hs, h and c."""
    modules = [torch.nn.LayerNorm(len(g), dtype=x.dtype) for g in (g_x, g_h, g_c)]
    tensors = [{"weight": g_x, "bias": b}, {"weight": g_h, "bias": torch.zeros_like(b)}, {"weight": g_c, "bias": b_c}]
    hs = []
    for x_t in x:
        of_x, of_h = (
            torch.func.functional_call(module, given, (v,))
            for module, given, v in zip(modules, tensors, (x_t @ W_x.T, h @ W_h.T), strict=False)
        )
        i, f, g, o = (of_x + of_h).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(torch.func.functional_call(modules[2], tensors[2], (c,)))
        hs.append(h)
    return torch.stack(hs), h, c


def agrees_with_the_composed_loop(torch, params, x, state, d_hs, d_state):
    """Values to 1e-12, gradients to 1e-10 of the largest."""
    hs, *last = run(params, x, state, d_hs, d_state)[:3]
    given = [torch.tensor(a, requires_grad=True) for a in (x, *state, *params)]
    outputs = composed(torch, *given[3:], *given[:3])
    for ours, theirs in zip((hs, *last), outputs, strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-12, atol=1e-12)
    torch.autograd.backward(outputs, [torch.tensor(d) for d in (d_hs, *d_state)])
    names = ("x", "h_0", "c_0", *params._fields)
    for name, ours, tensor in zip(names, run(params, x, state, d_hs, d_state)[3:], given, strict=True):
        scale = max(1, float(tensor.grad.abs().max()))
        np.testing.assert_allclose(ours, tensor.grad, rtol=0, atol=1e-10 * scale, err_msg=name)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_torch_layer_norm(rng, torch, sizes):
    agrees_with_the_composed_loop(torch, *problem(rng, *sizes))


@pytest.mark.parametrize("source", ["d_hs", "d_h", "d_c"])
def test_gradients_where_only_one_source_speaks(rng, torch, source):
    params, x, state, d_hs, d_state = problem(rng)
    sources = {"d_hs": d_hs, "d_h": d_state.h, "d_c": d_state.c}
    d_hs, d_h, d_c = (d if name == source else np.zeros_like(d) for name, d in sources.items())
    agrees_with_the_composed_loop(torch, params, x, state, d_hs, layernorm.State(d_h, d_c))


def no_gain_in_the_product(d_gC, C, g, CQ):
    return layernorm._centred(d_gC - CQ / len(C)), np.einsum("gd,gd->g", d_gC, C)


def variance_held_fixed(d_gC, C, g, CQ):
    return layernorm._centred(g[:, None] * d_gC), np.einsum("gd,gd->g", d_gC, C)


def mean_held_fixed(d_gC, C, g, CQ):
    return g[:, None] * d_gC - CQ / len(C), np.einsum("gd,gd->g", d_gC, C)


WRONG = {
    "root mean square, no mean": ("_centred", lambda W: W),
    "another epsilon": ("EPS", 1e-4),
    "the variance of a sample": (
        "_gram",
        lambda C, n, made=layernorm._gram: made(C * (len(C) / (len(C) - 1)) ** 0.5, n),
    ),
    "blocks in another order": ("ORDER", (3, 0, 1, 2)),
    "no gain on the way back": ("_through_gain", no_gain_in_the_product),
    "variance held fixed on the way back": ("_through_gain", variance_held_fixed),
    "mean held fixed on the way back": ("_through_gain", mean_held_fixed),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, torch, monkeypatch, wrong):
    given = problem(rng)
    monkeypatch.setattr(layernorm, *WRONG[wrong])
    with pytest.raises(AssertionError):
        agrees_with_the_composed_loop(torch, *given)


def test_gradients_against_finite_differences(rng):
    params, x, state, d_hs, d_state = problem(rng, 4, 3, 2, 5)
    given = {"x": x, "h_0": state.h, "c_0": state.c} | params._asdict()

    def loss(**changed):
        x, h, c, *params = (given | changed).values()
        hs, last, _ = layernorm.forward(layernorm.Params(*params), x, (h, c))
        return (hs * d_hs).sum() + sum((field * d).sum() for field, d in zip(last, d_state, strict=True))

    for name, gradient in zip(given, run(params, x, state, d_hs, d_state)[3:], strict=True):
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_a_normalised_product_forgets_length_and_common_part(rng):
    """Weights of any length give the same network, but for ε; so do weights that add the same to all rows."""
    params, x, state, _, _ = problem(rng)
    hs, _, _ = layernorm.forward(params, x, state)
    longer = params._replace(W_x=1e5 * params.W_x, W_h=1e5 * params.W_h)
    longest = params._replace(W_x=1e7 * params.W_x, W_h=1e7 * params.W_h)
    same([layernorm.forward(longer, x, state)[0]], [layernorm.forward(longest, x, state)[0]], 1e-9)
    shifted = params._replace(W_x=params.W_x + rng.normal(size=D), W_h=params.W_h + rng.normal(size=H))
    same([layernorm.forward(shifted, x, state)[0]], [hs], 1e-12)


# Time


@pytest.mark.parametrize("cut", [0, 1, 4, T])
def test_two_halves_equal_the_whole(rng, cut):
    params, x, state, d_hs, d_state = problem(rng)
    hs_1, middle, cache_1 = layernorm.forward(params, x[:cut], state)
    hs_2, end, cache_2 = layernorm.forward(params, x[cut:], middle)
    d_x_2, d_middle, d_params_2 = layernorm.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_start, d_params_1 = layernorm.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    halves = [np.concatenate([hs_1, hs_2]), *end, np.concatenate([d_x_1, d_x_2]), *d_start, *both]
    same(halves, run(params, x, state, d_hs, d_state))


def test_steps_equal_the_sequence(rng):
    params, x, state, d_hs, d_state = problem(rng)
    hs, caches, now = [], [], state
    for x_t in x:
        now, cache = layernorm.step(params, x_t, now)
        hs.append(now.h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [np.zeros_like(p) for p in params]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = layernorm.step_backward(params, d_now._replace(h=d_now.h + d_h), cache)
        d_xs.append(d_x)
        total = [a + b for a, b in zip(total, d_params, strict=True)]
    by_steps = [np.stack(hs), *now, np.stack(d_xs[::-1]), *d_now, *total]
    same(by_steps, run(params, x, state, d_hs, d_state))


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 7])
def test_the_size_of_a_block_does_not_show(rng, monkeypatch, steps):
    given = problem(rng)
    expected = run(*given)
    monkeypatch.setattr(recurrence, "block_steps", lambda T, B, H: steps)
    same(run(*given), expected, 1e-11)


def test_without_a_cache_the_values_are_the_same(rng):
    params, x, state, _, _ = problem(rng)
    hs, last, _ = layernorm.forward(params, x, state)
    hs_bare, last_bare, cache = layernorm.forward(params, x, state, keep_cache=False)
    assert cache is None
    for a, b in zip((hs, *last), (hs_bare, *last_bare), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("steps", "sequences"), [(0, B), (T, 0)], ids=["no steps", "no sequences"])
def test_nothing_to_do_is_no_error(rng, dtype, steps, sequences):
    given = problem(rng, steps, sequences, dtype=dtype)
    _, x, state, _, d_state = given
    hs, h, c, d_x, d_h, d_c, *d_params = results = run(*given)
    assert (hs.shape, d_x.shape) == ((steps, sequences, H), x.shape)
    assert {a.dtype for a in results} == {np.dtype(dtype)}
    assert not any(d.any() for d in d_params)
    if steps == 0:
        same([h, c, d_h, d_c], [*state, *d_state], 0)


def test_no_state_is_a_state_of_zeros(rng):
    params, x, _, d_hs, d_state = problem(rng)
    same(run(params, x, None, d_hs, d_state), run(params, x, layernorm.zero_state(B, H), d_hs, d_state), 0)
    with_none = layernorm.backward(params, d_hs, layernorm.forward(params, x)[2])
    zero = layernorm.State(*(np.zeros((B, H)),) * 2)
    same(with_none[2], layernorm.backward(params, d_hs, layernorm.forward(params, x)[2], zero)[2], 0)


# Numbers


@pytest.mark.parametrize("sizes", [(6, 3, 2, 4), (60, 5, 30, 40)], ids=str)
def test_float32_agrees_with_float64(rng, sizes):
    given = problem(rng, *sizes)
    half = layernorm.Params(*(p.astype(np.float32) for p in given[0])), given[1].astype(np.float32)
    state, d_state = (layernorm.State(*(f.astype(np.float32) for f in s)) for s in (given[2], given[4]))
    results = run(*half, state, given[3].astype(np.float32), d_state)
    assert {a.dtype for a in results} == {np.dtype(np.float32)}
    for a, b in zip(results, run(*given), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=5e-3 * max(1, np.abs(b).max()))


@pytest.mark.parametrize(("share", "tolerance"), [(1e-1, 1e-11), (1e-3, 1e-7)])
def test_a_direction_that_the_weights_all_but_ignore(rng, torch, share, tolerance):
    """What the docstring says of vᵀS v: the digits lost are those of the ratio of the two variances."""
    params, x, state, _, _ = problem(rng, T=1, B=1)
    x[..., 1] = 0
    params.W_x[:, 0] *= share  # x lies along the column that is this much smaller than the other
    hs, _, _ = layernorm.forward(params, x, state)
    params.W_x[:, 1] = 0
    np.testing.assert_allclose(hs, layernorm.forward(params, x, state)[0], rtol=0, atol=1e-12)
    turned = np.linalg.qr(rng.normal(size=(D, D)))[0]
    params.W_x[:, 1] = rng.normal(size=4 * H)
    params, x = params._replace(W_x=params.W_x @ turned), x @ turned
    given = [torch.tensor(a) for a in (*params, x, *state)]
    np.testing.assert_allclose(
        layernorm.forward(params, x, state)[0], composed(torch, *given)[0], rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("scale", [0, 1e-20, 1e15])
def test_weights_of_any_size_stay_finite(rng, scale):
    """Also where nothing varies, and all that stands below the fraction bar is ε."""
    params, x, state, d_hs, d_state = problem(rng, T=20, B=5)
    params = params._replace(W_x=scale * params.W_x, W_h=scale * params.W_h)
    assert all(np.isfinite(a).all() for a in run(params, x, state, d_hs, d_state))


def test_a_nan_stays_in_its_sequence(rng):
    params, x, state, d_hs, d_state = problem(rng)
    clean = run(params, x, state, d_hs, d_state)
    x = x.copy()
    x[2, 1, 0] = np.nan
    hs, h, _, d_x, *_ = run(params, x, state, d_hs, d_state)
    assert np.isnan(hs[2:, 1]).all()
    assert np.isnan(h[1]).all()
    same([hs[:, [0, 2]], d_x[:, [0, 2]], hs[:2, 1]], [clean[0][:, [0, 2]], clean[3][:, [0, 2]], clean[0][:2, 1]], 1e-12)


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
    params = layernorm.init_params(rng, D, H, forget_bias=2.0, dtype=np.float32)
    assert sum(p.size for p in params) == layernorm.count_params(D, H)
    assert {p.dtype for p in params} == {np.dtype(np.float32)}
    assert all((g == 1).all() for g in (params.g_x, params.g_h, params.g_c))
    np.testing.assert_array_equal(params.b.reshape(4, H).sum(axis=1), [0, 2 * H, 0, 0])


BAD = {
    "x has three axes": (lambda a: a | {"x": a["x"][0]}, "x must have shape (T, B, D)"),
    "x has D inputs": (lambda a: a | {"x": a["x"][..., :1]}, "(6, 3, 2), but its shape is (6, 3, 1)"),
    "one dtype": (lambda a: a | {"x": a["x"].astype(np.float32)}, "all arrays of one call share one dtype"),
    "no integers": (lambda a: a | {"x": a["x"].astype(int)}, "x must be float32 or float64, but it is int64"),
    "the state": (lambda a: a | {"state": a["state"]._replace(c=a["state"].c[:2])}, "state.c must have shape (B, H)"),
    "one field": (lambda a: a | {"state": a["state"].h}, "state must be State(h, c), but it is a ndarray"),
    "a gain": (lambda a: a | {"params": a["params"]._replace(g_x=a["params"].g_x[1:])}, "params.g_x must have shape"),
    "three params": (
        lambda a: a | {"params": a["params"][:3]},
        "params must be Params(W_x, W_h, b, g_x, g_h, g_c, b_c)",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_call_says_what_is_wrong(rng, what):
    change, words = BAD[what]
    params, x, state, _, _ = problem(rng)
    with pytest.raises(ValueError, match=r"\A\w") as caught:
        layernorm.forward(**change({"params": params, "x": x, "state": state}))
    assert words in str(caught.value)


def test_a_bad_call_of_backward_says_what_is_wrong(rng):
    params, x, state, d_hs, d_state = problem(rng)
    _, _, cache = layernorm.forward(params, x, state)
    with pytest.raises(ValueError, match="keep_cache=True before backward"):
        layernorm.backward(params, d_hs, None)
    with pytest.raises(ValueError, match=r"d_hs must have shape \(T, B, H\) = \(6, 3, 4\).* \(5, 3, 4\)"):
        layernorm.backward(params, d_hs[1:], cache)
    with pytest.raises(ValueError, match=r"d_state\.h must have shape"):
        layernorm.backward(params, d_hs, cache, d_state._replace(h=d_state.h[1:]))
    with pytest.raises(ValueError, match=r"x_t must have shape \(B, D\)"):
        layernorm.step(params, x, state)


# The torch module


def module(torch, **options):
    """A LayerNormLSTM in float64 with every parameter random."""
    from lstmkit.torch.layernorm import LayerNormLSTM

    made = LayerNormLSTM(D, H, dtype=torch.float64, **options)
    for p in made.parameters():
        torch.nn.init.normal_(p)
    return made


def leaf(torch, *shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def by_hand(torch, network, x, hx=None):
    """The composed loop, layer by layer and direction by direction: hs and (h_n, c_n)."""
    ends, given = [], dict(network.named_parameters())
    for layer in range(network.num_layers):
        outputs = []
        for suffix in ["", "_reverse"][: 1 + network.bidirectional]:
            names = [f"{field}_l{layer}{suffix}" for field in layernorm.Params._fields]
            b, b_c = x.new_zeros(4 * H), x.new_zeros(H)
            params = [given.get(name, b_c if "b_c" in name else b) for name in names]
            first = [x.new_zeros(x.shape[1], H)] * 2 if hx is None else [field[len(ends)] for field in hx]
            hs, *end = composed(torch, *params, x.flip(0) if suffix else x, *first)
            outputs.append(hs.flip(0) if suffix else hs)
            ends.append(end)
        x = torch.cat(outputs, dim=-1)
    return x, tuple(torch.stack(field) for field in zip(*ends, strict=True))


def same_network(torch, network, x, hx=None, numpy=True):
    (a, a_last), (b, b_last) = network(x, hx), by_hand(torch, network, x, hx)
    incoming = [torch.randn_like(t) for t in (b, *b_last)]
    leaves = [x, *(hx or ()), *network.parameters()]
    for ours, theirs in zip((a, *a_last), (b, *b_last), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    found = (torch.autograd.grad(outputs, leaves, incoming) for outputs in ((a, *a_last), (b, *b_last)))
    for ours, theirs in zip(*found, strict=True):
        scale = max(1, float(theirs.abs().max()))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}], ids=str)
@pytest.mark.parametrize("by", ["numpy", "torch"])
def test_module_against_torch_layer_norm(torch, monkeypatch, options, by):
    """Both ways to run it: through the NumPy twin, and in torch operations, as on a GPU."""
    if by == "torch":
        from lstmkit.torch import recurrence

        monkeypatch.setattr(recurrence, "run", lambda twin, params, x, state, loop: loop(params, x, state))
    network = module(torch, **options)
    ends = network.num_layers * (1 + network.bidirectional)
    same_network(torch, network, leaf(torch, T, B, D))
    same_network(torch, network, leaf(torch, T, B, D), (leaf(torch, ends, B, H), leaf(torch, ends, B, H)))


def test_lengths_are_those_of_each_sequence_by_itself(torch):
    network, lengths = module(torch, num_layers=2, bidirectional=True, batch_first=True), [3, 6, 1]
    x = leaf(torch, B, T, D)
    hs, (h, c) = network(x, lengths=lengths)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), True, enforce_sorted=False)
    unpacked, _ = torch.nn.utils.rnn.pad_packed_sequence(network(packed)[0], True)
    torch.testing.assert_close(unpacked, hs, rtol=0, atol=0)
    for k, length in enumerate(lengths):
        alone, (h_k, c_k) = network(x[k : k + 1, :length])
        for a, b in ((hs[k, :length], alone[0]), (h[:, k], h_k[:, 0]), (c[:, k], c_k[:, 0])):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
        assert not hs[k, length:].any()


def test_gradcheck_and_gradgradcheck(torch):
    network, x, hx = module(torch), leaf(torch, 3, 2, D), (leaf(torch, 1, 2, H), leaf(torch, 1, 2, H))
    names = [name for name, _ in network.named_parameters()]

    def run(x, h, c, *weights):
        hs, last = torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (x, (h, c)))
        return hs, *last

    inputs = (x, *hx, *network.parameters())
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def test_start_names_and_state_dict(torch, tmp_path):
    from lstmkit.torch.layernorm import LayerNormLSTM

    fresh = LayerNormLSTM(D, H, num_layers=2, forget_bias=3.0)
    shapes = {name: tuple(value.shape) for name, value in fresh.state_dict().items()}
    one = {
        "W_x": (4 * H, D),
        "W_h": (4 * H, H),
        "b": (4 * H,),
        "g_x": (4 * H,),
        "g_h": (4 * H,),
        "g_c": (H,),
        "b_c": (H,),
    }
    assert shapes == {f"{k}_l0": s for k, s in one.items()} | {
        f"{k}_l1": s for k, s in (one | {"W_x": (4 * H, H)}).items()
    }
    assert bool((fresh.g_x_l1 == 1).all() and (fresh.g_c_l0 == 1).all() and (fresh.b_c_l0 == 0).all())
    assert fresh.b_l0.view(4, H).sum(dim=1).tolist() == [0, 3 * H, 0, 0]
    torch.save(fresh.state_dict(), tmp_path / "weights.pt")
    other = LayerNormLSTM(D, H, num_layers=2)
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    x = torch.randn(T, B, D)
    assert torch.equal(fresh(x)[0], other(x)[0])
    assert fresh(x)[0].dtype == torch.float32
    assert repr(fresh) == "LayerNormLSTM(2, 4, num_layers=2)"


def test_autocast_and_half_precision(torch):
    network = module(torch).float()
    x = torch.randn(T, B, D)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hs, _ = network(x)
    torch.testing.assert_close(hs.float(), network(x)[0], rtol=0, atol=0.2)
    assert network.bfloat16()(x.bfloat16())[0].dtype == torch.bfloat16


def test_a_bad_call_of_the_module_says_what_is_wrong(torch):
    network, x = module(torch), torch.randn(T, B, D, dtype=torch.float64)
    with pytest.raises(ValueError, match="input_size = 2 features, but it has 1"):
        network(x[..., :1])
    with pytest.raises(ValueError, match=r"input is torch\.float32"):
        network(x.float())
    with pytest.raises(ValueError, match=r"hx must be a tuple \(h_0, c_0\)"):
        network(x, x[0])
    with pytest.raises(ValueError, match=r"c_0 must have shape .*\(1, 3, 4\)"):
        network(x, (x.new_zeros(1, B, H), x.new_zeros(1, B, H + 1)))
