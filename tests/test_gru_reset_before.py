"""The GRU with reset before the product, against a loop under autograd, Keras, finite differences, the other GRU."""

import numpy as np
import pytest

from lstmkit.numpy import gru, gru_reset_before, recurrence
from lstmkit.numpy.gradients import finite_difference, relative_error

T, B, D, H = 6, 3, 2, 4
SIZES = [(5, 3, 2, 4), (1, 3, 2, 5), (6, 1, 4, 3), (1, 1, 3, 2), (20, 7, 5, 9)]


def problem(rng, T=T, B=B, D=D, H=H, dtype=np.float64):
    """params, x, state, d_hs, d_state: all random, of one dtype."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = gru_reset_before.Params(*(normal(*p.shape) for p in gru_reset_before.init_params(rng, D, H)))
    params = params._replace(W_h=params.W_h / dtype(np.sqrt(H)))  # tame, or rounding grows from step to step
    state, d_state = (gru_reset_before.State(normal(B, H)) for _ in range(2))
    return params, normal(T, B, D), state, normal(T, B, H), d_state


def run(params, x, state, d_hs, d_state):
    """Everything that forward and backward return but the cache."""
    hs, last, cache = gru_reset_before.forward(params, x, state)
    d_x, d_first, d_params = gru_reset_before.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def same(ours, theirs, tolerance=1e-12):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def reset_before(torch, h, U, r):
    return (r * h) @ U.T


def gate_by_gate(torch, W_x, W_h, b, x, h, recurrent=reset_before):
    """Cut by hand, one product for each gate: hs and the last h."""
    (W_r, W_z, W_n), (U_r, U_z, U_n), (b_r, b_z, b_n) = (torch.chunk(p, 3) for p in (W_x, W_h, b))
    hs = []
    for x_t in x:
        r = 1 / (1 + torch.exp(-(x_t @ W_r.T + h @ U_r.T + b_r)))
        z = 1 / (1 + torch.exp(-(x_t @ W_z.T + h @ U_z.T + b_z)))
        n = torch.tanh(x_t @ W_n.T + recurrent(torch, h, U_n, r) + b_n)
        h = z * h + (1 - z) * n
        hs.append(h)
    return torch.stack(hs), h


def agrees_with_the_loop(torch, params, x, state, d_hs, d_state, **variant):
    results = run(params, x, state, d_hs, d_state)
    given = [torch.tensor(a, requires_grad=True) for a in (x, *state, *params)]
    outputs = gate_by_gate(torch, *given[2:], *given[:2], **variant)
    same(results[:2], [output.detach() for output in outputs])
    torch.autograd.backward(outputs, [torch.tensor(d) for d in (d_hs, *d_state)])
    same(results[2:], [tensor.grad for tensor in given], 1e-10)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_the_loop(rng, torch, sizes):
    agrees_with_the_loop(torch, *problem(rng, *sizes))


WRONG = {
    "reset after the product": lambda torch, h, U, r: r * (h @ U.T),
    "no reset": lambda torch, h, U, r: h @ U.T,
    "reset passes no gradient": lambda torch, h, U, r: (r.detach() * h) @ U.T,
    "the state passes no gradient through the reset": lambda torch, h, U, r: (r * h.detach()) @ U.T,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_another_form_is_seen(rng, torch, wrong):
    with pytest.raises(AssertionError):
        agrees_with_the_loop(torch, *problem(rng), recurrent=WRONG[wrong])


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1)], ids=["z, r, n", "r, n, z"])
def test_another_order_of_the_blocks_is_seen(rng, torch, order):
    params, x, state, _, _ = problem(rng)
    moved = gru_reset_before.Params(*(p.reshape(3, H, -1)[list(order)].reshape(p.shape) for p in params))
    hs, _ = gate_by_gate(torch, *map(torch.tensor, (*moved, x, state.h)))
    assert np.abs(gru_reset_before.forward(params, x, state)[0] - hs.numpy()).max() > 1e-3


def keras_gru(keras, params):
    """keras.layers.GRU with our weights: its kernels are ours transposed, with the blocks z, r, n."""
    H = params.W_h.shape[1]
    layer = keras.layers.GRU(H, reset_after=False, return_sequences=True, return_state=True, dtype="float64")
    layer.build((None, None, params.W_x.shape[1]))
    layer.set_weights([p.reshape(3, H, -1)[[1, 0, 2]].reshape(p.shape).T for p in params])
    return layer


def test_values_and_gradients_against_keras(rng, torch, monkeypatch):
    """Keras's z keeps the old state, as ours does.  On torch its products may be in float32, whatever the layer is."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    assert keras.backend.backend() == "torch"
    params, x, state, d_hs, d_state = problem(rng)
    results, layer = run(params, x, state, d_hs, d_state), keras_gru(keras, params)
    given = [torch.tensor(a, requires_grad=True) for a in (x.swapaxes(0, 1), state.h)]
    hs, h = layer(given[0], initial_state=given[1])
    same(results[:2], [hs.detach().transpose(0, 1), h.detach()], 1e-5)
    weights = [w.value for w in layer.weights]
    incoming = [torch.tensor(d_hs.swapaxes(0, 1)), torch.tensor(d_state.h)]
    d_x, d_h, *d_weights = torch.autograd.grad([hs, h], [*given, *weights], incoming)
    ours = [d.reshape(3, H, -1)[[1, 0, 2]].reshape(d.shape).T for d in results[4:]]
    same([results[2].swapaxes(0, 1), results[3], *ours], [d_x, d_h, *d_weights], 1e-4)


def test_gradients_against_finite_differences(rng):
    params, x, state, d_hs, d_state = problem(rng, 4, 3, 2, 5)
    given = {"x": x, "h_0": state.h} | params._asdict()

    def loss(**changed):
        x, h, *params = (given | changed).values()
        hs, last, _ = gru_reset_before.forward(gru_reset_before.Params(*params), x, (h,))
        return (hs * d_hs).sum() + (last.h * d_state.h).sum()

    for name, gradient in zip(given, run(params, x, state, d_hs, d_state)[2:], strict=True):
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_where_the_candidate_looks_at_its_own_unit_alone_both_forms_agree(rng):
    """A diagonal W_hn commutes with the reset gate; a full one does not."""
    params, x, state, d_hs, d_state = problem(rng)
    full = gru_reset_before.forward(params, x, state)[0]
    other = gru.Params(*params, np.zeros(H))
    assert np.abs(gru.forward(other, x, state)[0] - full).max() > 1e-3
    params.W_h[2 * H :] = np.diag(rng.normal(size=H))
    hs, last, cache = gru.forward(other, x, state)
    d_x, d_first, _ = gru.backward(other, d_hs, cache, d_state)
    same(run(params, x, state, d_hs, d_state)[:4], [hs, *last, d_x, *d_first], 1e-11)


# Time


@pytest.mark.parametrize("cut", [0, 1, 4, T])
def test_two_halves_equal_the_whole(rng, cut):
    params, x, state, d_hs, d_state = problem(rng)
    hs_1, middle, cache_1 = gru_reset_before.forward(params, x[:cut], state)
    hs_2, end, cache_2 = gru_reset_before.forward(params, x[cut:], middle)
    d_x_2, d_middle, d_params_2 = gru_reset_before.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_start, d_params_1 = gru_reset_before.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    halves = [np.concatenate([hs_1, hs_2]), *end, np.concatenate([d_x_1, d_x_2]), *d_start, *both]
    same(halves, run(params, x, state, d_hs, d_state), 1e-11)


def test_steps_equal_the_sequence(rng):
    params, x, state, d_hs, d_state = given = problem(rng)
    hs, caches, now = [], [], state
    for x_t in x:
        now, cache = gru_reset_before.step(params, x_t, now)
        hs.append(now.h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [np.zeros_like(p) for p in params]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = gru_reset_before.step_backward(params, d_now._replace(h=d_now.h + d_h), cache)
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
    hs, last, cache = gru_reset_before.forward(params, x, state, keep_cache=False)
    assert cache is None
    same([hs, *last], run(params, x, state, d_hs, d_state)[:2], 0)
    same(run(params, x, None, d_hs, None), run(params, x, gru_reset_before.zero_state(B, H), d_hs, None), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("steps", "sequences"), [(0, B), (T, 0), (T, B)], ids=["no steps", "no sequences", "some"])
def test_shapes_and_dtypes(rng, dtype, steps, sequences):
    params, x, state, d_hs, d_state = problem(rng, steps, sequences, dtype=dtype)
    results = run(params, x, state, d_hs, d_state)
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
    params = gru_reset_before.init_params(rng, D, H, dtype=np.float32)
    assert sum(p.size for p in params) == gru_reset_before.count_params(D, H)
    assert {p.dtype for p in params} == {np.dtype(np.float32)}
    assert not params.b.any()


BAD = {
    "x": (lambda a: a | {"x": a["x"][0]}, "x must have shape (T, B, D)"),
    "the state": (lambda a: a | {"state": a["state"]._replace(h=a["state"].h[1:])}, "state.h must have shape (B, H)"),
    "a bare state": (lambda a: a | {"state": a["state"].h}, "state must be State(h), but it is a ndarray"),
    "W_h": (
        lambda a: a | {"params": a["params"]._replace(W_h=a["params"].W_h[:-1])},
        "params.W_h must have shape (3H, H)",
    ),
    "one dtype": (lambda a: a | {"x": a["x"].astype(np.float32)}, "all arrays of one call share one dtype"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_call_says_what_is_wrong(rng, what):
    change, words = BAD[what]
    params, x, state, _, _ = problem(rng)
    with pytest.raises(ValueError, match=r"\A\w") as caught:
        gru_reset_before.forward(**change({"params": params, "x": x, "state": state}))
    assert words in str(caught.value)


def test_a_bad_call_of_backward_says_what_is_wrong(rng):
    params, x, state, d_hs, d_state = problem(rng)
    _, _, cache = gru_reset_before.forward(params, x, state)
    with pytest.raises(ValueError, match="keep_cache=True before backward"):
        gru_reset_before.backward(params, d_hs, None)
    with pytest.raises(ValueError, match=r"d_hs must have shape .* \(6, 3, 4\).* \(5, 3, 4\)"):
        gru_reset_before.backward(params, d_hs[1:], cache)
    with pytest.raises(ValueError, match=r"d_state\.h must have shape \(B, H\)"):
        gru_reset_before.backward(params, d_hs, cache, (d_state.h[1:],))


# The torch module


def module(torch, **options):
    """A ResetBeforeGRU in float64 with every parameter random."""
    from lstmkit.torch.gru_reset_before import ResetBeforeGRU

    made = ResetBeforeGRU(D, H, dtype=torch.float64, **options)
    for p in made.parameters():
        torch.nn.init.normal_(p)
    return made


def leaf(torch, *shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def by_hand(torch, network, x, h_0):
    """The loop, layer by layer and direction by direction: hs and h_n."""
    ends, given = [], dict(network.named_parameters())
    for layer in range(network.num_layers):
        outputs = []
        for suffix in ["", "_reverse"][: 1 + network.bidirectional]:
            params = [given.get(f"{field}_l{layer}{suffix}", x.new_zeros(3 * H)) for field in ("W_x", "W_h", "b")]
            hs, end = gate_by_gate(torch, *params, x.flip(0) if suffix else x, h_0[len(ends)])
            outputs.append(hs.flip(0) if suffix else hs)
            ends.append(end)
        x = torch.cat(outputs, dim=-1)
    return x, torch.stack(ends)


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}], ids=str)
@pytest.mark.parametrize("by", ["numpy", "torch"])
def test_module_against_the_loop(torch, monkeypatch, options, by):
    """Both ways to run it: through the NumPy twin, and in torch operations, as on a GPU."""
    if by == "torch":
        from lstmkit.torch import recurrence

        monkeypatch.setattr(recurrence, "run", lambda twin, params, x, state, loop: loop(params, x, state))
    network = module(torch, **options)
    x, h_0 = leaf(torch, T, B, D), leaf(torch, network.num_layers * (1 + network.bidirectional), B, H)
    ours, theirs = network(x, h_0), by_hand(torch, network, x, h_0)
    incoming = [torch.randn_like(t) for t in theirs]
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    found = (torch.autograd.grad(outputs, [x, h_0, *network.parameters()], incoming) for outputs in (ours, theirs))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_lengths_are_those_of_each_sequence_by_itself(torch):
    network, lengths = module(torch, num_layers=2, bidirectional=True, batch_first=True), [3, 6, 1]
    x = leaf(torch, B, T, D)
    hs, h = network(x, lengths=lengths)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), True, enforce_sorted=False)
    unpacked, _ = torch.nn.utils.rnn.pad_packed_sequence(network(packed)[0], True)
    torch.testing.assert_close(unpacked, hs, rtol=0, atol=0)
    for k, length in enumerate(lengths):
        alone, h_k = network(x[k, :length])
        torch.testing.assert_close(hs[k, :length], network(x[k : k + 1, :length])[0][0], rtol=0, atol=1e-12)
        torch.testing.assert_close(h[:, k], h_k, rtol=0, atol=1e-12)
        torch.testing.assert_close(hs[k, :length], alone, rtol=0, atol=1e-12)


def test_gradcheck_and_gradgradcheck(torch):
    network, x, h_0 = module(torch), leaf(torch, 3, 2, D), leaf(torch, 1, 2, H)
    names = [name for name, _ in network.named_parameters()]

    def run(x, h, *weights):
        return torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (x, h))

    assert torch.autograd.gradcheck(run, (x, h_0, *network.parameters()), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, h_0, *network.parameters()), fast_mode=True)


def test_start_names_and_messages(torch, tmp_path):
    from lstmkit.torch.gru_reset_before import ResetBeforeGRU

    fresh = ResetBeforeGRU(D, H, num_layers=2)
    shapes = {name: tuple(value.shape) for name, value in fresh.state_dict().items()}
    one = {"W_x_l0": (3 * H, D), "W_h_l0": (3 * H, H), "b_l0": (3 * H,)}
    assert shapes == one | {name.replace("l0", "l1"): shape for name, shape in one.items()} | {"W_x_l1": (3 * H, H)}
    assert repr(fresh) == "ResetBeforeGRU(2, 4, num_layers=2)"
    torch.save(fresh.state_dict(), tmp_path / "weights.pt")
    other = ResetBeforeGRU(D, H, num_layers=2)
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    x = torch.randn(T, B, D)
    assert torch.equal(other(x)[0], fresh(x)[0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = fresh(x)[0]
    torch.testing.assert_close(rough.float(), other(x)[0], rtol=0, atol=0.1)
    with pytest.raises(ValueError, match="input_size = 2 features, but it has 1"):
        fresh(x[..., :1])
    with pytest.raises(ValueError, match="hx must be the tensor h_0"):
        fresh(x, (x[:1], x[:1]))
