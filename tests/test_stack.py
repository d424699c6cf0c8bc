"""The torch modules against torch.nn: layers, directions, lengths, options, names, and errors.

What holds for every module, because what stands around the recurrence is written once.
"""

import copy
import functools
import importlib
import inspect
import pickle

import numpy as np
import oracles
import pytest

from lstmkit.numpy import gru, lstm, rnn

T, B, D, H = 6, 3, 2, 4
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}

MODULES = pytest.mark.parametrize("name", GATES)
VARIANTS = {  # what torch.nn does not have -> its file; judged by oracles.py
    "LSTM97": "lstm97",
    "CoupledLSTM": "coupled",
    "PeepholeLSTM": "peephole",
    "NoInputGateLSTM": "no_input_gate",
    "NoOutputGateLSTM": "no_output_gate",
    "NoInputActivationLSTM": "no_input_activation",
    "NoOutputActivationLSTM": "no_output_activation",
    "FullGateRecurrenceLSTM": "full_gate_recurrence",
}
EVERY = pytest.mark.parametrize("name", [*GATES, *VARIANTS])
LAYERS = pytest.mark.parametrize("num_layers", [1, 2, 3])
DIRECTIONS = pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
SLOW_BOTH_WAYS = pytest.mark.parametrize(
    "bidirectional", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["one way", "both ways"]
)
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


def randomised(torch, name, dtype=None, **options):
    """Any module of ours, all parameters random, its biases too."""
    network = module(torch, name)(D, H, dtype=dtype or torch.float64, **options)
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.5)
    return network


def leaf(torch, *shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def fields(name):
    """The names of the state's fields."""
    stem = VARIANTS.get(name, name.lower())
    return importlib.import_module(f"lstmkit.numpy.{stem}").State._fields


def initial(torch, name, *shape):
    """h_0, or (h_0, c_0), as torch.nn takes it; (h_0, c_0, ...) for a variant."""
    values = tuple(leaf(torch, *shape) for _ in fields(name))
    return values[0] if len(values) == 1 else values


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
        ours_gradient = gradients[0][ours_name]
        if type(theirs) is torch.nn.GRU and "bias_hh" in theirs_name:  # the candidate's second bias is one of its own
            u = gradients[0][ours_name.replace("b_", "b_u_")]
            ours_gradient = torch.cat([ours_gradient[: -len(u)], u])
        torch.testing.assert_close(
            ours_gradient, gradient, rtol=1e-10, atol=1e-10, msg=lambda m, name=theirs_name: f"{name}: {m}"
        )


SIGNATURE = {
    "input_size": inspect.Parameter.empty,
    "hidden_size": inspect.Parameter.empty,
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0.0,
    "bidirectional": False,
}


@EVERY
def test_signature_is_that_of_torch_nn(torch, name):
    """As torch.nn documents it: for the RNN, whose class takes anything, with `nonlinearity` in the fourth place."""
    ours = list(inspect.signature(module(torch, name)).parameters.values())
    documented = dict(SIGNATURE)
    if name == "RNN":
        first = list(documented.items())
        documented = dict([*first[:3], ("nonlinearity", "tanh"), *first[3:]])
    theirs = list(inspect.signature(torch.nn.RNNBase).parameters.values())[1:8]  # after the mode, before proj_size
    assert {p.name: p.default for p in theirs} == SIGNATURE  # torch has not changed
    assert [(p.name, p.default) for p in ours[: len(documented)]] == list(documented.items())
    assert all(p.kind is p.KEYWORD_ONLY for p in ours[len(documented) :])


@MODULES
def test_arguments_in_torch_nn_s_places_mean_what_they_mean_there(torch, name):
    """All of them by position, each with a value that is not its default."""
    arguments = [D, H, 2, *(["relu"] if name == "RNN" else []), False, True, 0.5, True]
    ours, theirs = module(torch, name)(*arguments), getattr(torch.nn, name)(*arguments)
    for option in (*SIGNATURE, *(["nonlinearity"] if name == "RNN" else [])):
        assert getattr(ours, option) == getattr(theirs, option)


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


def loop_only(torch, monkeypatch):
    """Run torch operations where the NumPy twin would run."""

    def run(twin, params, x, state, loop=None, products=None, **outside):
        return (loop or module_recurrence(torch).equations(twin, products))(params, x, state, **outside)

    monkeypatch.setattr(module_recurrence(torch), "run", run)


@MODULES
@DIRECTIONS
def test_the_loop_for_other_devices_equals_torch_nn(torch, name, bidirectional, monkeypatch):
    """What runs on a GPU runs on the processor too: its values are judged without one."""
    loop_only(torch, monkeypatch)
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


@pytest.mark.parametrize(("name", "cell"), [("RNN", rnn), ("LSTM", lstm), ("GRU", gru)])
def test_module_equals_its_numpy_twin(torch, rng, name, cell):
    params = cell.Params(*(rng.normal(size=p.shape) for p in cell.init_params(rng, D, H)))
    x, state = rng.normal(size=(T, B, D)), cell.State(*(rng.normal(size=(B, H)) for _ in cell.State._fields))
    network = module(torch, name)(D, H, dtype=torch.float64)
    network.load_state_dict({f"{field}_l0": torch.tensor(p) for field, p in params._asdict().items()})
    hx = [torch.tensor(field[None]) for field in state]
    hs, last = network(torch.tensor(x), hx[0] if len(hx) == 1 else tuple(hx))
    want, want_last, _ = cell.forward(params, x, state)
    np.testing.assert_array_equal(hs.detach().numpy(), want)
    for a, b in zip(leaves(last), want_last, strict=True):
        np.testing.assert_array_equal(a.detach().numpy()[0], b)


@MODULES
@SLOW_BOTH_WAYS
def test_gradcheck_and_gradgradcheck(torch, name, bidirectional):
    """First and second derivatives against finite differences, for the input, the state and every parameter."""
    inputs, run = for_gradcheck(torch, module(torch, name)(2, 2, bidirectional=bidirectional), name, 3, 2, 2)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@EVERY
@SLOW_BOTH_WAYS
def test_gradcheck_and_gradgradcheck_along_random_directions(torch, name, bidirectional):
    """The same for every module: it costs less."""
    inputs, run = for_gradcheck(torch, module(torch, name)(1, 2, bidirectional=bidirectional), name, 2, 2, 1)
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def for_gradcheck(torch, network, name, *sizes):
    """Random inputs, (x, states, parameters), and the function of all of them that gives every output."""
    names = [n for n, _ in network.named_parameters()]
    weights = [leaf(torch, *p.shape) for p in network.parameters()]
    states = list(leaves(initial(torch, name, 1 + network.bidirectional, sizes[1], network.hidden_size)))

    def run(x, *rest):
        state, weights = rest[: len(states)], rest[len(states) :]
        state = state[0] if len(states) == 1 else state
        outputs = torch.func.functional_call(network.double(), dict(zip(names, weights, strict=True)), (x, state))
        return tuple(leaves(outputs))

    return (leaf(torch, *sizes), *states, *weights), run


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


@EVERY
@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_inference_keeps_no_cache(torch, name, mode, monkeypatch):
    """Memory at inference does not hold the gates of every step, although the weights could have gradients."""
    network = module(torch, name)(D, H, dtype=torch.float64)
    twin = importlib.import_module(f"lstmkit.numpy.{VARIANTS.get(name, name.lower())}")
    kept, forward = [], twin.forward

    def spy(params, x, state=None, keep_cache=True):
        kept.append(keep_cache)
        return forward(params, x, state, keep_cache)

    monkeypatch.setattr(twin, "forward", spy)
    x = torch.randn(T, B, D, dtype=torch.float64)
    network(x)
    with getattr(torch, mode)():
        network(x)
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

    def spy(twin, params, x, *rest, **options):
        seen.append(x.detach().clone())
        return run(twin, params, x, *rest, **options)

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
    G, S = GATES[name], 1 + bidirectional
    network = module(torch, name)(D, H, num_layers=2, bidirectional=bidirectional)
    expected = {}
    for layer, width in ((0, D), (1, S * H)):
        for end in ["", "_reverse"][:S]:
            suffix = f"_l{layer}{end}"
            expected |= {f"W_x{suffix}": (G * H, width), f"W_h{suffix}": (G * H, H), f"b{suffix}": (G * H,)}
            expected |= {f"b_u{suffix}": (H,)} if name == "GRU" else {}
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
        one, other = getattr(theirs, f"bias_ih_l{layer}"), getattr(theirs, f"bias_hh_l{layer}")
        if name == "GRU":  # but for the candidate's, of which one stands inside the reset
            assert torch.equal(getattr(ours, f"b_u_l{layer}"), other[2 * H :])
            other = torch.cat([other[: 2 * H], torch.zeros(H)])
        assert torch.equal(getattr(ours, f"b_l{layer}"), one + other)
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
    LSTM, RNN, GRU = (module(torch, name) for name in ("LSTM", "RNN", "GRU"))
    for kind, other in (
        (LSTM, torch.nn.GRU(D, H)),
        (LSTM, torch.nn.RNN(D, H)),
        (LSTM, torch.nn.LSTM(D, H, proj_size=2)),
        (LSTM, torch.nn.Linear(D, H)),
        (RNN, torch.nn.LSTM(D, H)),
        (GRU, torch.nn.LSTM(D, H)),
        (GRU, torch.nn.RNN(D, H)),
        (GRU, torch.nn.GRUCell(D, H)),
    ):
        with pytest.raises(ValueError, match=f"from_torch takes a torch.nn.{kind.__name__}"):
            kind.from_torch(other)
    with pytest.raises(ValueError, match="weight_hr_l0"):
        LSTM.from_torch(torch.nn.LSTM(D, H, proj_size=2).state_dict())


@EVERY
def test_state_dict_saved_and_loaded(torch, name, tmp_path):
    ours = randomised(torch, name, num_layers=2)
    torch.save(ours.state_dict(), tmp_path / "weights.pt")
    fresh = module(torch, name)(D, H, num_layers=2, dtype=torch.float64)
    assert "missing" not in str(fresh.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True)))
    x = torch.randn(T, B, D, dtype=torch.float64)
    assert torch.equal(ours(x)[0], fresh(x)[0])


@MODULES
def test_a_network_trained_in_torch_goes_on_here(torch, name):
    """from_torch of a module with options keeps them all, and its outputs."""
    options = {"num_layers": 2, "batch_first": True, "dropout": 0.25, "bidirectional": True}
    if name == "RNN":
        options["nonlinearity"] = "relu"
    ours, theirs = twins(torch, name, **options)
    for option, value in options.items():
        assert getattr(ours, option) == value
    x = torch.randn(B, T, D, dtype=torch.float64)
    torch.testing.assert_close(ours.eval()(x)[0], theirs.eval()(x)[0], rtol=0, atol=1e-12)
    back = ours.to_torch()
    assert type(back) is type(theirs)
    torch.testing.assert_close(back.eval()(x)[0], theirs(x)[0], rtol=0, atol=1e-12)
    if name == "RNN":
        assert back.nonlinearity == "relu"


@LAYERS
@DIRECTIONS
def test_relu_equals_torch_nn(torch, num_layers, bidirectional):
    ours, theirs = twins(torch, "RNN", nonlinearity="relu", num_layers=num_layers, bidirectional=bidirectional)
    assert ours.nonlinearity == "relu"
    hx = initial(torch, "RNN", num_layers * (1 + bidirectional), B, H)
    same_outputs_and_gradients(torch, ours, theirs, leaf(torch, T, B, D), hx)
    assert "nonlinearity=relu" in repr(ours)


def test_another_nonlinearity_is_refused(torch):
    with pytest.raises(ValueError, match="nonlinearity must be 'tanh' or 'relu', but it is 'sigmoid'"):
        module(torch, "RNN")(D, H, nonlinearity="sigmoid")


@EVERY
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies(torch, name, duplicate):
    """A class made by stack.variant pickles like any other: it is found in its module by its name."""
    ours = randomised(torch, name, num_layers=2, bidirectional=True, batch_first=True)
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
        hx = (hx, h)  # the others take h_0 alone
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


# Padded batches with the lengths of their sequences


def padded(torch, batch_first, lengths=LENGTHS, padding=float("nan")):
    """A random batch with `padding` after the end of each sequence, and a mask of what is real."""
    x = torch.randn(max(lengths) + 2, len(lengths), D, dtype=torch.float64)  # longer than its longest sequence
    real = torch.arange(len(x))[:, None] < torch.tensor(lengths)
    x[~real] = padding
    return (x.transpose(0, 1), real.T) if batch_first else (x, real)


@EVERY
@DIRECTIONS
@pytest.mark.parametrize("batch_first", [False, True], ids=["time first", "batch first"])
def test_lengths_equal_a_packed_sequence(torch, name, bidirectional, batch_first):
    """The values, the last states, and zeros on the padding, whatever stands there in the input."""
    network = randomised(torch, name, num_layers=2, bidirectional=bidirectional, batch_first=batch_first)
    x, real = padded(torch, batch_first)
    hx = initial(torch, name, 2 * (1 + bidirectional), len(LENGTHS), H)
    hs, last = network(x, hx, lengths=LENGTHS)
    pack = functools.partial(torch.nn.utils.rnn.pack_padded_sequence, batch_first=batch_first, enforce_sorted=False)
    packed, want_last = network(pack(x, torch.tensor(LENGTHS)), hx)
    want, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first, total_length=real.shape[batch_first])
    assert torch.equal(hs, want)
    assert hs.shape == (*x.shape[:2], H * (1 + bidirectional))
    assert not hs[~real].any()
    assert (hs[real] != 0).all()
    for a, b in zip(leaves(last), leaves(want_last), strict=True):
        assert torch.equal(a, b)
    again = network(padded_like(x, real, 1e6), hx, torch.tensor(LENGTHS))[0]
    assert torch.equal(again, hs)


def padded_like(x, real, padding):
    x = x.clone()
    x[~real] = padding
    return x


@EVERY
def test_each_sequence_with_its_length_is_as_if_alone(torch, name):
    """Both ways: the backward direction starts at each sequence's own end, from its own initial state."""
    network = randomised(torch, name, num_layers=2, bidirectional=True)
    x, _ = padded(torch, False)
    hx = initial(torch, name, 4, len(LENGTHS), H)
    hs, last = network(x, hx, LENGTHS)
    for b, length in enumerate(LENGTHS):
        own = tuple(field[:, b] for field in leaves(hx))
        alone, end = network(x[:length, b], own[0] if len(own) == 1 else own)
        torch.testing.assert_close(hs[:length, b], alone, rtol=0, atol=1e-13)
        for field, other in zip(leaves(last), leaves(end), strict=True):
            torch.testing.assert_close(field[:, b], other, rtol=0, atol=1e-13)


@MODULES
def test_lengths_give_torch_nn_s_gradients(torch, name):
    """And nothing at all arrives at the padding."""
    ours, theirs = twins(torch, name, num_layers=2, bidirectional=True)
    x, real = padded(torch, False, padding=0.0)
    found = []
    incoming = torch.randn(*x.shape[:2], 2 * H, dtype=torch.float64)
    for network in (ours, theirs):
        given = x.clone().requires_grad_()
        if network is ours:
            hs = network(given, lengths=LENGTHS)[0]
        else:
            packed = torch.nn.utils.rnn.pack_padded_sequence(given, torch.tensor(LENGTHS), enforce_sorted=False)
            hs, _ = torch.nn.utils.rnn.pad_packed_sequence(network(packed)[0], total_length=len(x))
        found.append(torch.autograd.grad(hs, given, incoming)[0])
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)
    assert not found[0][~real].any()


@pytest.mark.parametrize("kind", ["list", "tensor", "array"])
def test_lengths_of_any_kind(torch, kind):
    network, (x, _) = randomised(torch, "LSTM"), padded(torch, False)
    lengths = {"list": LENGTHS, "tensor": torch.tensor(LENGTHS, dtype=torch.int32), "array": np.array(LENGTHS)}[kind]
    assert torch.equal(network(x, lengths=lengths)[0], network(x, lengths=LENGTHS)[0])


@EVERY
@pytest.mark.parametrize("lengths", [[3, 6, 1], [3, 6, 1, 4, 2], [3, 6, 0, 4], [3, 9, 1, 4], [3, 6, -1, 4]], ids=str)
def test_bad_lengths_are_named(torch, name, lengths):
    network, (x, _) = randomised(torch, name), padded(torch, False)
    with pytest.raises(ValueError, match=r"lengths must be 4 numbers from 1 to T = 8, but they are"):
        network(x, lengths=lengths)


def test_lengths_belong_to_a_padded_batch(torch):
    network, (x, _) = randomised(torch, "GRU"), padded(torch, False, padding=0.0)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    for given in (packed, x[:, 0]):
        with pytest.raises(ValueError, match="lengths belong to a padded batch"):
            network(given, lengths=LENGTHS)


# The variants that torch.nn does not have


def composed(network, stem, x, hx, bidirectional):
    """The layers of a module put together by hand from oracles.py: hs and the last state, in arrays."""
    twin, loop = importlib.import_module(f"lstmkit.numpy.{stem}"), getattr(oracles, stem)
    weights = {name: p.detach().numpy() for name, p in network.named_parameters()}
    data, ends, count = x.detach().numpy(), [], 0
    for layer in range(network.num_layers):
        outputs = []
        for end in ["", "_reverse"][: 1 + bidirectional]:
            params = twin.Params(*(weights[f"{field}_l{layer}{end}"] for field in twin.Params._fields))
            hs, last = loop(params, data[::-1] if end else data, [field[count].detach().numpy() for field in hx])
            outputs.append(hs[::-1] if end else hs)
            ends.append(last)
            count += 1
        data = np.concatenate(outputs, axis=-1)
    return data, [np.stack(values) for values in zip(*ends, strict=True)]


@pytest.mark.parametrize("name", VARIANTS)
@DIRECTIONS
@pytest.mark.parametrize("device", ["processor", "loop"])
def test_a_variant_of_two_layers_equals_its_equations(torch, name, bidirectional, device, monkeypatch):
    """By the NumPy twin and by the loop of torch operations for other devices; gradients of both are the same."""
    network = randomised(torch, name, num_layers=2, bidirectional=bidirectional)
    x, hx = leaf(torch, T, B, D), initial(torch, name, 2 * (1 + bidirectional), B, H)
    inputs = [x, *hx, *network.parameters()]
    outputs = list(leaves(network(x, hx)))
    incoming = [torch.randn_like(a) for a in outputs]
    gradients = torch.autograd.grad(outputs, inputs, incoming)
    if device == "loop":
        loop_only(torch, monkeypatch)
        outputs = list(leaves(network(x, hx)))
        others = torch.autograd.grad(outputs, inputs, incoming)
        for a, b in zip(gradients, others, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    hs, last = composed(network, VARIANTS[name], x, hx, bidirectional)
    for a, b in zip(outputs, [hs, *last], strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_belongs_to_its_file(torch, name):
    """Its name, its module and its words, as if it were written out there."""
    kind = module(torch, name)
    assert kind.__name__ == kind.__qualname__ == name
    assert kind.__module__ == f"lstmkit.torch.{VARIANTS[name]}"
    assert getattr(importlib.import_module(kind.__module__), name) is kind
    assert kind.__bases__ == (torch.nn.Module,)
    twin = importlib.import_module(f"lstmkit.numpy.{VARIANTS[name]}")
    for parameter in twin.Params._fields:
        assert f"{parameter}_l" in kind.__doc__
    for field in twin.State._fields:
        assert f"{field}_n" in kind.forward.__doc__


@pytest.mark.parametrize("name", VARIANTS)
def test_forget_bias_of_a_variant(torch, name):
    """One block of b starts at 1, as in the twin; a cell without a forget gate has none."""
    twin = importlib.import_module(f"lstmkit.numpy.{VARIANTS[name]}")
    for options in ({}, {"forget_bias": -3.0}):
        network = module(torch, name)(D, H, num_layers=2, **options)
        wanted = options if "forget_bias" in inspect.signature(twin.init_params).parameters else {}
        b = twin.init_params(np.random.default_rng(0), D, H, **wanted).b
        for layer in range(2):
            np.testing.assert_array_equal(getattr(network, f"b_l{layer}").detach().numpy(), b)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_bad_call_of_a_variant_says_what_is_wrong(torch, name):
    network, x = randomised(torch, name), torch.zeros(T, B, D, dtype=torch.float64)
    fine = tuple(torch.zeros(1, B, H, dtype=torch.float64) for _ in fields(name))
    with pytest.raises(ValueError, match="input_size"):
        network(x[..., :1])
    with pytest.raises(ValueError, match=r"hx must be a tuple \(h_0, "):
        network(x, fine[0])
    with pytest.raises(ValueError, match=r"h_0.*\(1, 3, 4\).*\(1, 2, 4\)"):
        network(x, (fine[0][:, :2], *fine[1:]))
    with pytest.raises(ValueError, match="entries"):
        network(x, (*fine, fine[0]))
    with pytest.raises(ValueError, match="hidden_size"):
        module(torch, name)(D, 0)


# Precision, and seeds


@EVERY
def test_autocast_on_the_processor(torch, name):
    """bfloat16 where torch thinks it enough, for values and for gradients, and not far from float32."""
    network = randomised(torch, name, torch.float32, num_layers=2, bidirectional=True)
    x = torch.randn(T, B, D)
    found = []
    for enabled in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            hs, last = network(x)
        hs.float().square().mean().backward()
        found.append([hs.float(), *(a.float() for a in leaves(last)), *(p.grad for p in network.parameters())])
    for a, b in zip(*found, strict=True):
        assert b.isfinite().all()
        torch.testing.assert_close(b, a, rtol=0.1, atol=0.1 * a.abs().max().item())
    assert any(not torch.equal(a, b) for a, b in zip(*found, strict=True))  # it did run in another precision


@EVERY
def test_one_seed_one_network(torch, name, seed):
    """Initial weights, dropout and gradients, to the last bit."""
    found = []
    for _ in range(2):
        torch.manual_seed(seed)
        network = module(torch, name)(D, H, num_layers=3, dropout=0.5, bidirectional=True)
        hs, _ = network(torch.randn(T, B, D))
        hs.square().sum().backward()
        found.append([hs, *network.parameters(), *(p.grad for p in network.parameters())])
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


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
