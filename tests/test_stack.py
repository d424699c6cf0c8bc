"""The torch modules against torch.nn: layers, directions, lengths, options, names, and errors.

What holds for every module, because what stands around the recurrence is written once.
"""

import copy
import inspect
import pickle

import numpy as np
import pytest

from lstmkit.numpy import lstm, recurrence, rnn

T, B, D, H = 6, 3, 2, 4

MODULES = pytest.mark.parametrize("name", ["RNN", "LSTM"])
LAYERS = pytest.mark.parametrize("num_layers", [1, 2, 3])
DIRECTIONS = pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
LENGTHS = [3, 6, 1, 4]  # unsorted, all of a batch


def module(torch, name):
    """Our class of that name; torch is asked for first, so that the test is skipped without it."""
    import lstmkit.torch

    return getattr(lstmkit.torch, name)


def twins(torch, name, dtype=None, **options):
    """Ours and the library's, the same network: random weights and, with bias, both biases random."""
    theirs = getattr(torch.nn, name)(D, H, **options).to(dtype or torch.float64)
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.5)
    return module(torch, name).from_torch(theirs), theirs


def leaf(torch, *shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def initial(torch, name, *shape):
    """h_0, or (h_0, c_0), as torch.nn takes it."""
    return leaf(torch, *shape) if name == "RNN" else (leaf(torch, *shape), leaf(torch, *shape))


def leaves(*values):
    """The tensors in nested tuples and PackedSequences, in order."""
    for value in values:
        if isinstance(value, tuple) and not hasattr(value, "batch_sizes"):
            yield from leaves(*value)
        else:
            yield value.data if hasattr(value, "batch_sizes") else value


def same_outputs_and_gradients(torch, ours, theirs, x, hx, pack=lambda x: x):
    """Outputs to 1e-12; gradients of x, of hx and of every parameter to 1e-10, arriving at every output at once."""
    results = []
    for network in (ours, theirs):
        network.zero_grad()
        outputs = list(leaves(network(pack(x), hx)))
        results.append((network, outputs))
    incoming = [torch.randn_like(output) for output in results[0][1]]
    inputs = [x] if hx is None else [x, *leaves(hx)]
    gradients = []
    for network, outputs in results:
        found = torch.autograd.grad(outputs, inputs + list(network.parameters()), incoming)
        names = [str(k) for k in range(len(inputs))] + [name for name, _ in network.named_parameters()]
        gradients.append(dict(zip(names, found, strict=True)))
    for a, b in zip(results[0][1], results[1][1], strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    for theirs_name, gradient in gradients[1].items():
        ours_name = (
            theirs_name.replace("weight_ih", "W_x")
            .replace("weight_hh", "W_h")
            .replace("bias_ih", "b")
            .replace("bias_hh", "b")
        )
        torch.testing.assert_close(
            gradients[0][ours_name], gradient, rtol=1e-10, atol=1e-10, msg=lambda m, name=ours_name: f"{name}: {m}"
        )


@MODULES
def test_signature_is_that_of_torch_nn(torch, name):
    ours = list(inspect.signature(module(torch, name)).parameters.values())
    theirs = list(inspect.signature(torch.nn.RNNBase).parameters.values())[1:8]  # after the mode, before proj_size
    assert [(p.name, p.default) for p in ours[:7]] == [(p.name, p.default) for p in theirs]
    assert all(p.kind is p.KEYWORD_ONLY for p in ours[7:])


@MODULES
@LAYERS
@DIRECTIONS
@pytest.mark.parametrize("batch_first", [False, True], ids=["time first", "batch first"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_module_equals_torch_nn(torch, name, num_layers, bidirectional, batch_first, bias):
    ours, theirs = twins(
        torch, name, num_layers=num_layers, bidirectional=bidirectional, batch_first=batch_first, bias=bias
    )
    x = leaf(torch, B, T, D) if batch_first else leaf(torch, T, B, D)
    same_outputs_and_gradients(torch, ours, theirs, x, None)
    same_outputs_and_gradients(torch, ours, theirs, x, initial(torch, name, num_layers * (1 + bidirectional), B, H))


@MODULES
@DIRECTIONS
def test_the_loop_for_other_devices_equals_torch_nn(torch, name, bidirectional, monkeypatch):
    """What runs on a GPU runs on the processor too: its values are judged without one."""
    import lstmkit.torch.recurrence

    monkeypatch.setattr(lstmkit.torch.recurrence, "run", lstmkit.torch.recurrence.rows)
    ours, theirs = twins(torch, name, num_layers=2, bidirectional=bidirectional)
    hx = initial(torch, name, 2 * (1 + bidirectional), B, H)
    same_outputs_and_gradients(torch, ours, theirs, leaf(torch, T, B, D), hx)
    hs, last = ours(leaf(torch, 0, B, D), hx)
    assert hs.shape == (0, B, H * (1 + bidirectional))
    for a, b in zip(leaves(last), leaves(hx), strict=True):
        assert torch.equal(a, b)


@MODULES
@pytest.mark.parametrize("sizes", [(1, 1), (1, 3), (5, 1), (300, 2)], ids=str)
def test_module_of_other_sizes_equals_torch_nn(torch, name, sizes):
    ours, theirs = twins(torch, name)
    same_outputs_and_gradients(torch, ours, theirs, leaf(torch, *sizes, D), initial(torch, name, 1, sizes[1], H))


@MODULES
@LAYERS
@DIRECTIONS
@pytest.mark.parametrize("with_state", [False, True], ids=["from zeros", "from a state"])
def test_packed_sequences_equal_torch_nn(torch, name, num_layers, bidirectional, with_state):
    ours, theirs = twins(torch, name, num_layers=num_layers, bidirectional=bidirectional)
    hx = initial(torch, name, num_layers * (1 + bidirectional), len(LENGTHS), H) if with_state else None

    def pack(x):
        return torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)

    x = leaf(torch, max(LENGTHS), len(LENGTHS), D)
    same_outputs_and_gradients(torch, ours, theirs, x, hx, pack)
    (a, _), (b, _) = ours(pack(x), hx), theirs(pack(x), hx)
    for field in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        assert torch.equal(getattr(a, field), getattr(b, field))


@MODULES
@DIRECTIONS
@pytest.mark.parametrize("lengths", [[6, 4, 3, 1], [4, 4, 4, 4], [1, 1, 1, 1]], ids=str)
def test_sorted_packed_sequences_equal_torch_nn(torch, name, lengths, bidirectional):
    """Packed already in order, there are no indices to undo."""
    ours, theirs = twins(torch, name, bidirectional=bidirectional, batch_first=True)

    def pack(x):
        return torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True)

    hx = initial(torch, name, 1 + bidirectional, 4, H)
    same_outputs_and_gradients(torch, ours, theirs, leaf(torch, 4, max(lengths), D), hx, pack)


@MODULES
@DIRECTIONS
def test_padding_is_never_read(torch, name, bidirectional):
    """Each sequence of a packed batch comes out as if it were alone."""
    ours, _ = twins(torch, name, num_layers=2, bidirectional=bidirectional)
    x = torch.full((max(LENGTHS), len(LENGTHS), D), float("nan"), dtype=torch.float64)
    for b, length in enumerate(LENGTHS):
        x[:length, b] = torch.randn(length, D, dtype=torch.float64)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    hs, _ = torch.nn.utils.rnn.pad_packed_sequence(ours(packed)[0])
    for b, length in enumerate(LENGTHS):
        torch.testing.assert_close(hs[:length, b], ours(x[:length, b])[0], rtol=0, atol=1e-13)


@MODULES
@DIRECTIONS
@pytest.mark.parametrize("batch_first", [False, True], ids=["time first", "batch first"])
def test_a_single_sequence_needs_no_batch(torch, name, bidirectional, batch_first):
    ours, theirs = twins(torch, name, num_layers=2, bidirectional=bidirectional, batch_first=batch_first)
    same_outputs_and_gradients(torch, ours, theirs, leaf(torch, T, D), None)
    same_outputs_and_gradients(torch, ours, theirs, leaf(torch, T, D), initial(torch, name, 2 * (1 + bidirectional), H))


@pytest.mark.parametrize(("name", "cell"), [("RNN", rnn), ("LSTM", lstm)])
def test_module_equals_its_numpy_twin(torch, rng, name, cell):
    params = cell.Params(*(rng.normal(size=p.shape) for p in cell.init_params(rng, D, H)))
    x, state = rng.normal(size=(T, B, D)), cell.State(*(rng.normal(size=(B, H)) for _ in cell.State._fields))
    network = module(torch, name)(D, H, dtype=torch.float64)
    network.load_state_dict({f"{field}_l0": torch.tensor(p) for field, p in params._asdict().items()})
    hx = [torch.tensor(field[None]) for field in state]
    hs, last = network(torch.tensor(x), hx[0] if name == "RNN" else tuple(hx))
    want, want_last, _ = cell.forward(params, x, state)
    np.testing.assert_array_equal(hs.detach().numpy(), want)
    for a, b in zip(leaves(last), want_last, strict=True):
        np.testing.assert_array_equal(a.detach().numpy()[0], b)


@MODULES
@DIRECTIONS
def test_gradcheck_and_gradgradcheck(torch, name, bidirectional):
    """First and second derivatives against finite differences, for the input, the state and every parameter."""
    network = module(torch, name)(2, 2, bidirectional=bidirectional, dtype=torch.float64)
    names = [n for n, _ in network.named_parameters()]
    weights = [torch.randn_like(p, requires_grad=True) for p in network.parameters()]
    hx = initial(torch, name, 1 + bidirectional, 2, 2)
    states = list(leaves(hx))

    def run(x, *rest):
        state, weights = rest[: len(states)], rest[len(states) :]
        state = state[0] if name == "RNN" else state
        outputs = torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (x, state))
        return tuple(leaves(outputs))

    inputs = (leaf(torch, 3, 2, 2), *states, *weights)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@MODULES
def test_only_what_needs_a_gradient_gets_one(torch, name):
    ours, theirs = twins(torch, name)
    ours.W_x_l0.requires_grad_(False)
    x = torch.randn(T, B, D, dtype=torch.float64)
    ours(x)[0].sum().backward()
    theirs(x)[0].sum().backward()
    assert ours.W_x_l0.grad is None
    torch.testing.assert_close(ours.W_h_l0.grad, theirs.weight_hh_l0.grad, rtol=1e-10, atol=1e-10)


@MODULES
@pytest.mark.parametrize("part", [0, 1], ids=["hs", "last state"])
def test_a_loss_on_part_of_the_output(torch, name, part):
    """Where nothing arrives at the other output, its gradient is zero, not an error."""
    ours, theirs = twins(torch, name, num_layers=2)
    x = leaf(torch, T, B, D)
    found = []
    for network in (ours, theirs):
        loss = sum((output**2).sum() for output in list(leaves(network(x)[part]))[-1:])
        found.append(torch.autograd.grad(loss, x)[0])
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


@MODULES
def test_backward_twice_with_retain_graph(torch, name):
    ours, _ = twins(torch, name)
    x = leaf(torch, T, B, D)
    loss = ours(x)[0].sum()
    first, second = (torch.autograd.grad(loss, x, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


@MODULES
def test_weights_changed_before_backward_are_an_error(torch, name):
    """As everywhere in torch: better no gradient than a wrong one."""
    ours, _ = twins(torch, name)
    loss = ours(torch.randn(T, B, D, dtype=torch.float64))[0].sum()
    with torch.no_grad():
        ours.W_h_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@MODULES
@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_module_inference_equals_training_forward(torch, name, mode):
    ours, _ = twins(torch, name, num_layers=2, bidirectional=True)
    x = torch.randn(T, B, D, dtype=torch.float64)
    training = list(leaves(ours.train()(x)))
    with getattr(torch, mode)():
        inference = list(leaves(ours.eval()(x)))
    for a, b in zip(training, inference, strict=True):
        assert torch.equal(a, b)
        assert not b.requires_grad


@MODULES
@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_inference_keeps_no_cache(torch, name, mode, monkeypatch):
    """Memory at inference does not hold the gates of every step, although the weights could have gradients."""
    ours, _ = twins(torch, name)
    kept, forward = [], recurrence.forward

    def spy(cell, params, x, state, keep_cache=True):
        kept.append(keep_cache)
        return forward(cell, params, x, state, keep_cache)

    monkeypatch.setattr(recurrence, "forward", spy)
    x = torch.randn(T, B, D, dtype=torch.float64)
    ours(x)
    with getattr(torch, mode)():
        ours(x)
    assert kept == [True, False]


@MODULES
def test_module_leaves_its_arguments_alone_and_shares_no_memory(torch, name):
    ours, _ = twins(torch, name)
    x, hx = leaf(torch, 1, 1, D).detach(), initial(torch, name, 1, 1, H)
    given = [x, *leaves(hx), *ours.parameters()]
    before = [(a.detach().clone(), a._version) for a in given]
    outputs = list(leaves(ours(x, hx)))
    for a, (value, version) in zip(given, before, strict=True):
        assert torch.equal(a, value)
        assert a._version == version
    everything = [a.detach() for a in [*outputs, *given]]
    for k, a in enumerate(everything):
        for b in everything[:k]:
            assert not np.shares_memory(a.numpy(), b.numpy())


@MODULES
def test_views_of_any_stride_go_in(torch, name):
    ours, _ = twins(torch, name)
    x = torch.randn(D, B, 2 * T, dtype=torch.float64).permute(2, 1, 0)[::2]
    one = torch.randn(T, 1, D, dtype=torch.float64).expand(T, B, D)
    for view in (x, one, x.flip(0)):
        assert torch.equal(ours(view)[0], ours(view.contiguous())[0])


@MODULES
def test_no_steps_give_back_the_initial_state_of_a_module(torch, name):
    ours, _ = twins(torch, name, num_layers=2)
    hx = initial(torch, name, 2, B, H)
    hs, last = ours(torch.zeros(0, B, D, dtype=torch.float64), hx)
    assert hs.shape == (0, B, H)
    for a, b in zip(leaves(last), leaves(hx), strict=True):
        assert torch.equal(a, b)
    (gradient,) = torch.autograd.grad(sum(a.sum() for a in leaves(last)), [next(leaves(hx))])
    assert torch.equal(gradient, torch.ones_like(gradient))


@MODULES
def test_a_nan_stays_in_its_sequence_of_a_module(torch, name):
    ours, _ = twins(torch, name, num_layers=2)
    x = torch.randn(T, B, D, dtype=torch.float64)
    clean = ours(x)[0]
    x[2, 1, 0] = float("nan")
    hs = ours(x)[0]
    assert hs[2:, 1].isnan().all()
    torch.testing.assert_close(hs[:, [0, 2]], clean[:, [0, 2]], rtol=0, atol=1e-13)


# Modes, dtypes, names, copies


@MODULES
@DIRECTIONS
def test_dropout_acts_between_layers_and_only_in_training(torch, name, bidirectional):
    ours, theirs = twins(torch, name, num_layers=3, dropout=0.5, bidirectional=bidirectional)
    x = torch.randn(T, B, D, dtype=torch.float64)
    assert not torch.equal(ours.train()(x)[0], ours(x)[0])
    torch.testing.assert_close(ours.eval()(x)[0], theirs.eval()(x)[0], rtol=0, atol=1e-12)
    ours.dropout = theirs.dropout = 1.0  # everything is dropped: the last layers see zeros, in ours as in theirs
    for a, b in zip(leaves(ours.train()(x)), leaves(theirs.train()(x)), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@MODULES
def test_dropout_keeps_the_mean(torch, name):
    """A kept value is divided by the probability of keeping it: read off a second layer that passes small values on."""
    network = module(torch, name)(1, 4, num_layers=2, dropout=0.25, dtype=torch.float64)
    seen, run = [], module_recurrence(torch).run

    def spy(cell, x, *rest):
        seen.append(x.detach().clone())
        return run(cell, x, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module_recurrence(torch), "run", spy)
        network(torch.ones(50, 200, 1, dtype=torch.float64))
    dropped = (seen[1] == 0).double().mean().item()
    assert dropped == pytest.approx(0.25, abs=0.02)
    values = seen[1][-1]
    for unit in range(4):
        kept = values[:, unit][values[:, unit] != 0]
        assert kept.std() < 1e-12  # all sequences are alike, so what is kept is one number


def module_recurrence(torch):
    import lstmkit.torch.recurrence

    return lstmkit.torch.recurrence


@MODULES
def test_dtypes_of_a_module(torch, name):
    network = module(torch, name)(D, H)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert module(torch, name)(D, H, dtype=torch.float64).W_x_l0.dtype == torch.float64
    x = torch.randn(T, B, D)
    single = network(x)
    assert {a.dtype for a in leaves(single)} == {torch.float32}
    double = network.double()(x.double())
    assert {a.dtype for a in leaves(double)} == {torch.float64}
    for a, b in zip(leaves(single), leaves(double), strict=True):
        torch.testing.assert_close(a.double(), b, rtol=0, atol=1e-5)
    assert network.float()(x)[0].dtype == torch.float32
    half = network.bfloat16()(x.bfloat16())
    assert {a.dtype for a in leaves(half)} == {torch.bfloat16}
    torch.testing.assert_close(half[0].float(), single[0], rtol=0, atol=0.05)


@MODULES
def test_float32_equals_torch_nn(torch, name):
    ours, theirs = twins(torch, name, dtype=torch.float32, num_layers=2, bidirectional=True)
    x = torch.randn(T, B, D)
    for a, b in zip(leaves(ours(x)), leaves(theirs(x)), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@MODULES
@DIRECTIONS
def test_parameter_names_and_shapes(torch, name, bidirectional):
    G, S = (1 if name == "RNN" else 4), 1 + bidirectional
    network = module(torch, name)(D, H, num_layers=2, bidirectional=bidirectional)
    expected = {}
    for layer, width in ((0, D), (1, S * H)):
        for end in ["", "_reverse"][:S]:
            suffix = f"_l{layer}{end}"
            expected |= {f"W_x{suffix}": (G * H, width), f"W_h{suffix}": (G * H, H), f"b{suffix}": (G * H,)}
    assert {n: tuple(p.shape) for n, p in network.named_parameters()} == expected
    assert list(network.state_dict()) == [n for n, _ in network.named_parameters()]


def test_forget_bias_of_a_module(torch):
    for value, options in ((1.0, {}), (-3.0, {"forget_bias": -3.0})):
        network = module(torch, "LSTM")(D, H, num_layers=2, bidirectional=True, **options)
        for n, p in network.named_parameters():
            if n.startswith("b_"):
                blocks = torch.tensor([0, value, 0, 0])[:, None].expand(4, H)
                assert torch.equal(p.detach().view(4, H), blocks)


@MODULES
@DIRECTIONS
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_to_torch_and_back_is_exact(torch, name, bidirectional, bias):
    options = {"num_layers": 2, "bidirectional": bidirectional, "bias": bias, "batch_first": True, "dropout": 0.25}
    ours = module(torch, name)(D, H, **options, dtype=torch.float64).eval()
    theirs = ours.to_torch()
    assert type(theirs) is getattr(torch.nn, name)
    for option, value in options.items():
        assert getattr(theirs, option) == value
    assert not theirs.training
    x = torch.randn(B, T, D, dtype=torch.float64)
    torch.testing.assert_close(theirs(x)[0], ours(x)[0], rtol=0, atol=1e-12)
    back = module(torch, name).from_torch(theirs)
    assert not back.training
    for (n, p), (m, q) in zip(ours.named_parameters(), back.named_parameters(), strict=True):
        assert n == m
        assert torch.equal(p, q)
        assert p.data_ptr() != q.data_ptr()


@MODULES
def test_from_torch_adds_the_two_biases(torch, name):
    ours, theirs = twins(torch, name, num_layers=2)
    for layer in range(2):
        both = getattr(theirs, f"bias_ih_l{layer}") + getattr(theirs, f"bias_hh_l{layer}")
        assert torch.equal(getattr(ours, f"b_l{layer}"), both)
    kept = ours.W_x_l0.detach().clone()
    torch.nn.init.zeros_(theirs.weight_ih_l0)
    assert torch.equal(ours.W_x_l0, kept)


@MODULES
def test_state_dicts_both_ways(torch, name):
    """Without a module at hand: a file of torch.nn's weights loads here, and ours loads there."""
    ours, theirs = twins(torch, name, num_layers=2, bidirectional=True)
    fresh = module(torch, name)(D, H, num_layers=2, bidirectional=True, dtype=torch.float64)
    fresh.load_state_dict(module(torch, name).from_torch(theirs.state_dict()))
    for n, p in fresh.state_dict().items():
        assert torch.equal(p, ours.state_dict()[n])
    there = getattr(torch.nn, name)(D, H, num_layers=2, bidirectional=True).double()
    there.load_state_dict(fresh.to_torch().state_dict())
    x = torch.randn(T, B, D, dtype=torch.float64)
    torch.testing.assert_close(there(x)[0], theirs(x)[0], rtol=0, atol=1e-12)


def test_from_torch_refuses_another_network(torch):
    LSTM, RNN = module(torch, "LSTM"), module(torch, "RNN")
    for kind, other in (
        (LSTM, torch.nn.GRU(D, H)),
        (LSTM, torch.nn.RNN(D, H)),
        (LSTM, torch.nn.LSTM(D, H, proj_size=2)),
        (LSTM, torch.nn.Linear(D, H)),
        (RNN, torch.nn.RNN(D, H, nonlinearity="relu")),
        (RNN, torch.nn.LSTM(D, H)),
    ):
        with pytest.raises(ValueError, match=f"from_torch takes a torch.nn.{kind.__name__}"):
            kind.from_torch(other)
    with pytest.raises(ValueError, match="weight_hr_l0"):
        LSTM.from_torch(torch.nn.LSTM(D, H, proj_size=2).state_dict())


@MODULES
def test_state_dict_saved_and_loaded(torch, name, tmp_path):
    ours, _ = twins(torch, name, num_layers=2)
    torch.save(ours.state_dict(), tmp_path / "weights.pt")
    fresh = module(torch, name)(D, H, num_layers=2, dtype=torch.float64)
    assert "missing" not in str(fresh.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True)))
    x = torch.randn(T, B, D, dtype=torch.float64)
    assert torch.equal(ours(x)[0], fresh(x)[0])


@MODULES
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies(torch, name, duplicate):
    ours, _ = twins(torch, name, num_layers=2, bidirectional=True, batch_first=True)
    twin, x = duplicate(ours), torch.randn(B, T, D, dtype=torch.float64)
    assert torch.equal(ours(x)[0], twin(x)[0])
    with torch.no_grad():
        twin.W_x_l0.zero_()
    assert ours.W_x_l0.any()
    assert repr(twin) == repr(ours)


@MODULES
def test_repr_shows_the_options(torch, name):
    network = module(torch, name)(2, 3, num_layers=2, bidirectional=True, dropout=0.5)
    theirs = getattr(torch.nn, name)(2, 3, num_layers=2, bidirectional=True, dropout=0.5)
    assert sorted(repr(network).split("(")[1].strip(")").split(", ")) == sorted(
        repr(theirs).split("(")[1].strip(")").split(", ")
    )


@MODULES
def test_training_reduces_the_loss(torch, name):
    """With torch's own optimiser: the parameters are found and their gradients point the right way."""
    ours = module(torch, name)(D, H, dtype=torch.float64)
    optimiser = torch.optim.Adam(ours.parameters(), lr=0.05)
    x, target = torch.randn(T, B, D, dtype=torch.float64), torch.rand(T, B, H, dtype=torch.float64) - 0.5
    losses = []
    for _ in range(100):
        optimiser.zero_grad()
        loss = ((ours(x)[0] - target) ** 2).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def bad(what, *words):
    """A change to the good arguments of a call, and the words of the message."""
    return pytest.param(what, words, id=" ".join(words))


BAD_MODULE_CALLS = [
    bad(lambda t, x, h: (x[..., :1], None), "input_size", "2", "1"),
    bad(lambda t, x, h: (x[None], None), "input", "(1, 6, 3, 2)"),
    bad(lambda t, x, h: (x[0, 0], None), "input", "(2,)"),
    bad(lambda t, x, h: (x.float(), None), "input", "float32", "float64"),
    bad(lambda t, x, h: (x.long(), None), "input", "int64", "float64"),
    bad(lambda t, x, h: (x, h[:, :2]), "h_0", "(1, 3, 4)", "(1, 2, 4)"),
    bad(lambda t, x, h: (x, h[..., :3]), "h_0", "(1, 3, 4)", "(1, 3, 3)"),
    bad(lambda t, x, h: (x, h[0]), "h_0", "(1, 3, 4)", "(3, 4)"),
    bad(lambda t, x, h: (x, h.float()), "h_0", "float32", "float64"),
    bad(lambda t, x, h: (x[:, 0], h), "h_0", "(1, 3, 4)"),
]


@MODULES
@pytest.mark.parametrize(("change", "words"), BAD_MODULE_CALLS)
def test_a_bad_call_of_a_module_says_what_is_wrong(torch, name, change, words):
    network = module(torch, name)(D, H, dtype=torch.float64)
    h = torch.zeros(1, B, H, dtype=torch.float64)
    x, hx = change(torch, torch.zeros(T, B, D, dtype=torch.float64), h)
    if hx is not None and name == "LSTM":
        hx = (hx, h)
    with pytest.raises(ValueError, match=r"\A\w") as caught:
        network(x, hx)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_the_wrong_kind_of_state_is_named(torch):
    h, x = torch.zeros(1, B, H), torch.zeros(T, B, D)
    with pytest.raises(ValueError, match=r"h_0, c_0"):
        module(torch, "LSTM")(D, H)(x, h)
    with pytest.raises(ValueError, match=r"h_0, c_0"):
        module(torch, "LSTM")(D, H)(x, (h,))
    with pytest.raises(ValueError, match=r"h_0"):
        module(torch, "RNN")(D, H)(x, (h, h))
    with pytest.raises(ValueError, match=r"c_0.*\(1, 3, 4\).*\(1, 3, 5\)"):
        module(torch, "LSTM")(D, H)(x, (h, torch.zeros(1, B, 5)))


@MODULES
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("input_size", 0),
        ("hidden_size", 0),
        ("hidden_size", -3),
        ("num_layers", 0),
        ("hidden_size", 2.5),
        ("dropout", 1.5),
    ],
)
def test_a_bad_size_is_named(torch, name, argument, value):
    with pytest.raises(ValueError, match=f"{argument}.*{value}"):
        module(torch, name)(**{"input_size": D, "hidden_size": H, "num_layers": 2} | {argument: value})


# On a GPU


@pytest.fixture
def cuda(torch):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device("cuda")


@pytest.mark.gpu
@MODULES
@DIRECTIONS
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_module_on_a_gpu_equals_torch_nn_on_the_processor(torch, cuda, name, bidirectional, packed):
    ours, theirs = twins(torch, name, num_layers=2, bidirectional=bidirectional)
    x = leaf(torch, max(LENGTHS), len(LENGTHS), D)

    def pack(x):
        return torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False) if packed else x

    want = list(leaves(theirs(pack(x))))
    got = list(leaves(ours.to(cuda)(pack(x.to(cuda)))))
    incoming = [torch.randn_like(a) for a in want]
    (d_want,) = torch.autograd.grad(want, x, incoming)
    (d_got,) = torch.autograd.grad(got, x, [a.to(cuda) for a in incoming])
    for a, b in zip(got, want, strict=True):
        assert a.device.type == "cuda"
        torch.testing.assert_close(a.cpu(), b, rtol=0, atol=1e-11)
    torch.testing.assert_close(d_got, d_want, rtol=1e-9, atol=1e-9)


@pytest.mark.gpu
@MODULES
@pytest.mark.parametrize(("dtype", "atol"), [("float32", 1e-4), ("bfloat16", 0.1), ("float16", 0.02)])
def test_dtypes_on_a_gpu(torch, cuda, name, dtype, atol):
    ours, _ = twins(torch, name)
    x = torch.randn(T, B, D, dtype=torch.float64)
    want = ours(x)[0]
    dtype = getattr(torch, dtype)
    got = ours.to(cuda, dtype)(x.to(cuda, dtype))[0]
    assert got.dtype == dtype
    torch.testing.assert_close(got.double().cpu(), want, rtol=0, atol=atol)


@pytest.mark.gpu
@MODULES
def test_modules_move_between_devices(torch, cuda, name):
    network = module(torch, name)(D, H, device=cuda)
    assert {p.device.type for p in network.parameters()} == {"cuda"}
    assert next(network.to_torch().parameters()).device.type == "cuda"
    x = torch.randn(T, B, D)
    on_gpu = network(x.to(cuda))[0]
    torch.testing.assert_close(network.cpu()(x)[0], on_gpu.cpu(), rtol=0, atol=1e-4)
