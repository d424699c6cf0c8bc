"""The LSTM with zoneout in NumPy and torch, against a loop under autograd, finite differences, and the LSTM."""

import numpy as np
import pytest

from lstmkit.cells import zoneout as cell
from lstmkit.numpy import lstm, zoneout
from lstmkit.numpy.functions import sigmoid, tanh
from lstmkit.numpy.gradients import finite_difference, relative_error

T, B, D, H = 6, 3, 2, 4
SIZES = [(5, 3, 2, 4), (1, 3, 2, 5), (6, 1, 4, 3), (1, 1, 3, 2), (20, 7, 5, 9)]


def problem(rng, T=T, B=B, D=D, H=H, dtype=np.float64):
    """params, x, state, d_hs, d_state, masks: all random, of one dtype."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = zoneout.Params(*(normal(*p.shape) for p in zoneout.init_params(rng, D, H)))
    params = params._replace(W_h=params.W_h / dtype(np.sqrt(H)))  # tame, or rounding grows from step to step
    state, d_state = (zoneout.State(normal(B, H), normal(B, H)) for _ in range(2))
    masks = {name: zoneout.draw_mask(rng, p, T, B, H, dtype) for name, p in (("m_h", 0.3), ("m_c", 0.6))}
    return params, normal(T, B, D), state, normal(T, B, H), d_state, masks


def run(params, x, state, d_hs, d_state, masks, keep_cache=True):
    """Everything that forward and backward return but the cache."""
    hs, last, cache = zoneout.forward(params, x, state, keep_cache, **masks)
    d_x, d_first, d_params = zoneout.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def same(ours, theirs, tolerance=1e-12):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def by_choice(torch, W_x, W_h, b, x, h, c, m_h, m_c):
    """The LSTM, and then for each unit either the old value or the new: hs, h and c."""
    hs = []
    for x_t, keep_h, keep_c in zip(x, m_h, m_c, strict=True):
        i, f, g, o = (x_t @ W_x.T + h @ W_h.T + b).chunk(4, dim=-1)
        new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.where(keep_h == 1, h, torch.sigmoid(o) * torch.tanh(new))
        c = torch.where(keep_c == 1, c, new)
        hs.append(h)
    return torch.stack(hs), h, c


def agrees_with_the_choice(torch, params, x, state, d_hs, d_state, masks):
    results = run(params, x, state, d_hs, d_state, masks)
    given = [torch.tensor(a, requires_grad=True) for a in (x, *state, *params)]
    outputs = by_choice(torch, *given[3:], *given[:3], *map(torch.tensor, masks.values()))
    same(results[:3], [output.detach() for output in outputs])
    torch.autograd.backward(outputs, [torch.tensor(d) for d in (d_hs, *d_state)])
    same(results[3:], [tensor.grad for tensor in given], 1e-10)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_the_choice(rng, torch, sizes):
    agrees_with_the_choice(torch, *problem(rng, *sizes))


def tanh_of_the_mixture(a_i, a_f, a_g, a_o, h_prev, c_prev, m_h, m_c):
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    g = tanh(a_g)
    o = sigmoid(a_o)
    c = m_c * c_prev + (1 - m_c) * (f * c_prev + i * g)
    q = tanh(c)
    h = m_h * h_prev + (1 - m_h) * (o * q)
    return h, c, i, f, g, o, q


def masks_exchanged(a_i, a_f, a_g, a_o, h_prev, c_prev, m_h, m_c):
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    g = tanh(a_g)
    o = sigmoid(a_o)
    c_tilde = f * c_prev + i * g
    q = tanh(c_tilde)
    c = m_h * c_prev + (1 - m_h) * c_tilde
    h = m_c * h_prev + (1 - m_c) * (o * q)
    return h, c, i, f, g, o, q


def zero_instead_of_old(a_i, a_f, a_g, a_o, h_prev, c_prev, m_h, m_c):
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    g = tanh(a_g)
    o = sigmoid(a_o)
    c_tilde = f * c_prev + i * g
    q = tanh(c_tilde)
    c = (1 - m_c) * c_tilde
    h = (1 - m_h) * (o * q) + 0 * h_prev
    return h, c, i, f, g, o, q


def no_gradient_along_the_kept_state(d_h, d_c, i, f, g, o, q, c_prev, m_h, m_c):
    d_new = d_h * (1 - m_h)
    d_c_tilde = d_c * (1 - m_c) + d_new * (o * (1 - q * q))
    d_o = d_new * q
    d_f = d_c_tilde * c_prev
    d_i = d_c_tilde * g
    d_g = d_c_tilde * i
    d_c_prev = d_c_tilde * f
    return d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o), d_h * m_h, d_c_prev


WRONG = {
    "tanh of the mixture": ("step", tanh_of_the_mixture),
    "masks exchanged": ("step", masks_exchanged),
    "zero instead of the old value": ("step", zero_instead_of_old),
    "no gradient along the kept state": ("step_backward", no_gradient_along_the_kept_state),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, torch, monkeypatch, wrong):
    from lstmkit.numpy import inplace

    given = problem(rng)
    name, function = WRONG[wrong]
    monkeypatch.setattr(cell, name, function)
    inplace.translate.cache_clear()
    try:
        with pytest.raises(AssertionError):
            agrees_with_the_choice(torch, *given)
    finally:
        inplace.translate.cache_clear()


@pytest.mark.parametrize("kind", ["masks", "probabilities"])
def test_gradients_against_finite_differences(rng, kind):
    params, x, state, d_hs, d_state, masks = problem(rng, 4, 3, 2, 5)
    masks = masks if kind == "masks" else {"m_h": 0.25, "m_c": 0.6}
    given = {"x": x, "h_0": state.h, "c_0": state.c} | params._asdict()

    def loss(**changed):
        x, h, c, *params = (given | changed).values()
        hs, last, _ = zoneout.forward(zoneout.Params(*params), x, (h, c), **masks)
        return (hs * d_hs).sum() + sum((field * d).sum() for field, d in zip(last, d_state, strict=True))

    for name, gradient in zip(given, run(params, x, state, d_hs, d_state, masks)[3:], strict=True):
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("masks", [{}, {"m_h": np.zeros((T, B, H)), "m_c": np.zeros((T, B, H))}], ids=["none", "zeros"])
def test_without_zoneout_it_is_the_lstm_to_the_last_bit(rng, dtype, masks):
    params, x, state, d_hs, d_state, _ = problem(rng, dtype=dtype)
    results = run(params, x, state, d_hs, d_state, {name: m.astype(dtype) for name, m in masks.items()})
    hs, last, cache = lstm.forward(params, x, state)
    d_x, d_first, d_params = lstm.backward(params, d_hs, cache, d_state)
    for a, b in zip(results, [hs, *last, d_x, *d_first, *d_params], strict=True):
        np.testing.assert_array_equal(a, b)


def test_with_all_zoned_out_nothing_ever_changes(rng):
    params, x, state, d_hs, d_state, _ = problem(rng)
    hs, h, c, d_x, d_h, d_c, *d_params = run(params, x, state, d_hs, d_state, {"m_h": 1, "m_c": 1})
    same([*hs, h, c], [state.h] * (T + 1) + [state.c], 0)
    same([d_h, d_c], [d_hs.sum(axis=0) + d_state.h, d_state.c])
    assert not any(d.any() for d in (d_x, *d_params))


# Time


@pytest.mark.parametrize("cut", [0, 1, 4, T])
def test_two_halves_equal_the_whole(rng, cut):
    params, x, state, d_hs, d_state, masks = problem(rng)
    early, late = ({name: m[part] for name, m in masks.items()} for part in (slice(cut), slice(cut, None)))
    hs_1, middle, cache_1 = zoneout.forward(params, x[:cut], state, **early)
    hs_2, end, cache_2 = zoneout.forward(params, x[cut:], middle, **late)
    d_x_2, d_middle, d_params_2 = zoneout.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_start, d_params_1 = zoneout.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    halves = [np.concatenate([hs_1, hs_2]), *end, np.concatenate([d_x_1, d_x_2]), *d_start, *both]
    same(halves, run(params, x, state, d_hs, d_state, masks), 1e-11)


def test_steps_equal_the_sequence(rng):
    params, x, state, d_hs, d_state, masks = given = problem(rng)
    hs, caches, now = [], [], state
    for x_t, m_h, m_c in zip(x, *masks.values(), strict=True):
        now, cache = zoneout.step(params, x_t, now, m_h, m_c)
        hs.append(now.h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [np.zeros_like(p) for p in params]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = zoneout.step_backward(params, d_now._replace(h=d_now.h + d_h), cache)
        d_xs.append(d_x)
        total = [a + b for a, b in zip(total, d_params, strict=True)]
    same([np.stack(hs), *now, np.stack(d_xs[::-1]), *d_now, *total], run(*given), 1e-11)


def test_the_lean_cache_gives_the_same_bits(rng):
    given = problem(rng)
    for a, b in zip(run(*given), run(*given, keep_cache="lean"), strict=True):
        np.testing.assert_array_equal(a, b)
    params, x, state, _, _, masks = given
    hs, last, cache = zoneout.forward(params, x, state, keep_cache=False, **masks)
    assert cache is None
    same([hs, *last], run(*given)[:3], 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("steps", "sequences"), [(0, B), (T, 0)], ids=["no steps", "no sequences"])
def test_nothing_to_do_is_no_error(rng, dtype, steps, sequences):
    results = run(*problem(rng, steps, sequences, dtype=dtype))
    assert (results[0].shape, results[3].shape) == ((steps, sequences, H), (steps, sequences, D))
    assert {a.dtype for a in results} == {np.dtype(dtype)}


def test_arguments_stay_as_they_are(rng):
    params, x, state, d_hs, d_state, masks = given = problem(rng)
    arrays = [*params, x, *state, d_hs, *d_state, *masks.values()]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    run(*given)
    same(before, arrays, 0)


def test_masks_are_drawn_in_proportion(rng):
    mask = zoneout.draw_mask(rng, 0.3, 100, 20, 50, np.float32)
    assert (mask.shape, mask.dtype) == ((100, 20, 50), np.float32)
    assert set(np.unique(mask)) == {0, 1}
    assert abs(mask.mean() - 0.3) < 0.01  # some seven standard deviations


BAD = {
    "x": (lambda a: a | {"x": a["x"][0]}, "x must have shape (T, B, D)"),
    "the state": (lambda a: a | {"state": a["state"].h}, "state must be State(h, c), but it is a ndarray"),
    "a mask's shape": (lambda a: a | {"m_h": a["m_h"][1:]}, "m_h must have shape (T, B, H) = (6, 3, 4)"),
    "a mask of truth values": (lambda a: a | {"m_c": a["m_c"] > 0}, "m_c must be float32 or float64, but it is bool"),
    "no probability": (lambda a: a | {"m_c": 1.5}, "m_c must be a mask (T, B, H) or a probability, but it is 1.5"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_call_says_what_is_wrong(rng, what):
    change, words = BAD[what]
    params, x, state, _, _, masks = problem(rng)
    with pytest.raises(ValueError, match=r"\A\w") as caught:
        zoneout.forward(**change({"params": params, "x": x, "state": state} | masks))
    assert words in str(caught.value)


def test_a_bad_call_of_step_says_what_is_wrong(rng):
    params, x, state, _, _, masks = problem(rng)
    with pytest.raises(ValueError, match=r"x_t must have shape \(B, D\)"):
        zoneout.step(params, x, state)
    with pytest.raises(ValueError, match=r"m_c must have shape \(B, H\) = \(3, 4\)"):
        zoneout.step(params, x[0], state, m_c=masks["m_c"])


# The torch module


def module(torch, **options):
    """A ZoneoutLSTM in float64 with every parameter random."""
    from lstmkit.torch.zoneout import ZoneoutLSTM

    made = ZoneoutLSTM(D, H, dtype=torch.float64, **{"zoneout_h": 0.3, "zoneout_c": 0.6} | options)
    for p in made.parameters():
        torch.nn.init.normal_(p)
    return made


def leaf(torch, *shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("by", ["numpy", "torch"])
def test_module_equals_its_numpy_twin(torch, seed, monkeypatch, training, by):
    """In training with the masks that the module draws, which the same seed draws again here."""
    if by == "torch":
        from lstmkit.torch import recurrence

        monkeypatch.setattr(
            recurrence, "run", lambda twin, *given, **outside: recurrence.equations(twin)(*given, **outside)
        )
    network, x, hx = module(torch).train(training), leaf(torch, T, B, D), (leaf(torch, 1, B, H), leaf(torch, 1, B, H))
    torch.manual_seed(seed)
    hs, last = network(x, hx)
    incoming = [torch.randn_like(t) for t in (hs, *last)]
    found = torch.autograd.grad((hs, *last), [x, *hx, *network.parameters()], incoming)
    masks = {"m_h": 0.3, "m_c": 0.6}
    if training:
        torch.manual_seed(seed)
        masks = {name: torch.empty(T, B, H, dtype=torch.float64).bernoulli_(p).numpy() for name, p in masks.items()}
    params = zoneout.Params(*(p.detach().numpy() for p in network.parameters()))
    state, d_state = (zoneout.State(*(f[0].detach().numpy() for f in s)) for s in (hx, incoming[1:]))
    results = run(params, x.detach().numpy(), state, incoming[0].numpy(), d_state, masks)
    same([t.detach() for t in (hs, *(field[0] for field in last))], results[:3])
    same([found[0], found[1][0], found[2][0], *found[3:]], results[3:], 1e-10)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_module_without_zoneout_is_the_lstm_to_the_last_bit(torch, training):
    from lstmkit.torch import LSTM

    options = {"num_layers": 2, "bidirectional": True, "dtype": torch.float64}
    ours = module(torch, num_layers=2, bidirectional=True, zoneout_h=0, zoneout_c=0).train(training)
    theirs = LSTM(D, H, **options).train(training)
    theirs.load_state_dict(ours.state_dict())
    x = leaf(torch, T, B, D)
    results = []
    for network in (ours, theirs):
        hs, last = network(x)
        results.append((hs, *last, *torch.autograd.grad(hs.sum() + last[1].sum(), [x, *network.parameters()])))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_seed_decides_and_evaluation_is_not_random(torch):
    network, x = module(torch, num_layers=2), leaf(torch, T, B, D)

    def once(seed):
        torch.manual_seed(seed)
        return network(x)[0]

    assert torch.equal(once(1), once(1))
    assert not torch.equal(once(1), once(2))
    network.eval()
    assert torch.equal(once(1), once(2))


def test_each_unit_step_and_sequence_draws_by_itself(torch):
    """With candidates that never stand still, a kept value shows as no change."""
    network = module(torch, zoneout_h=0.5, zoneout_c=0.0)
    steps, batch = 200, 30
    hs, _ = network(torch.randn(steps, batch, D, dtype=torch.float64))
    kept = (hs[1:] == hs[:-1]).double()
    assert abs(kept.mean() - 0.5) < 0.03  # some nine standard deviations
    for axes in ((1, 2), (0, 2), (0, 1)):
        assert kept.mean(axes).std() < 0.15
        assert not (kept == kept.narrow(axes[0], 0, 1)).all()


def test_lengths_in_evaluation_are_those_of_each_sequence_by_itself(torch):
    network, lengths = module(torch, num_layers=2, bidirectional=True, batch_first=True), [3, 6, 1]
    x = leaf(torch, B, T, D)
    assert network(x, lengths=lengths)[0].shape == (B, T, 2 * H)  # and in training it runs
    network.eval()
    hs, (h, c) = network(x, lengths=lengths)
    for k, length in enumerate(lengths):
        alone, (h_k, c_k) = network(x[k : k + 1, :length])
        same(
            [t.detach() for t in (hs[k, :length], h[:, k], c[:, k])],
            [t.detach() for t in (alone[0], h_k[:, 0], c_k[:, 0])],
        )


def test_gradcheck_and_gradgradcheck(torch):
    network, x, hx = module(torch), leaf(torch, 3, 2, D), (leaf(torch, 1, 2, H), leaf(torch, 1, 2, H))
    names = [name for name, _ in network.named_parameters()]

    def run(x, h, c, *weights):
        torch.manual_seed(0)  # the same masks for every difference
        hs, last = torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (x, (h, c)))
        return hs, *last

    inputs = (x, *hx, *network.parameters())
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def test_start_names_and_messages(torch, tmp_path):
    from lstmkit.torch.zoneout import ZoneoutLSTM

    fresh = ZoneoutLSTM(D, H, num_layers=2, forget_bias=3.0)
    assert [*fresh.state_dict()] == ["W_x_l0", "W_h_l0", "b_l0", "W_x_l1", "W_h_l1", "b_l1"]
    assert fresh.b_l0.view(4, H).sum(dim=1).tolist() == [0, 3 * H, 0, 0]
    assert repr(fresh) == "ZoneoutLSTM(2, 4, num_layers=2, zoneout_h=0.05, zoneout_c=0.5)"
    torch.save(fresh.state_dict(), tmp_path / "weights.pt")
    other = ZoneoutLSTM(D, H, num_layers=2).eval()
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    x = torch.randn(T, B, D)
    assert torch.equal(other(x)[0], fresh.eval()(x)[0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = fresh(x)[0]
    torch.testing.assert_close(rough.float(), other(x)[0], rtol=0, atol=0.1)
    with pytest.raises(ValueError, match=r"zoneout_h must be a probability from 0 to 1, but it is 1\.5"):
        ZoneoutLSTM(D, H, zoneout_h=1.5)
    with pytest.raises(ValueError, match="input_size = 2 features, but it has 1"):
        fresh(x[..., :1])
