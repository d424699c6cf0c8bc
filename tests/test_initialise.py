"""Where recurrences start from: what each rule promises, cell by cell, in NumPy and in torch."""

import numpy as np
import pytest

from lstmkit.numpy import (
    convlstm,
    coupled,
    full_gate_recurrence,
    gru,
    gru_reset_before,
    initialise,
    layernorm,
    lstm,
    lstm97,
    mingru,
    minlstm,
    no_input_activation,
    no_input_gate,
    no_output_activation,
    no_output_gate,
    peephole,
    rnn,
    rnn_relu,
    slstm,
)
from lstmkit.numpy.functions import sigmoid

D, H = 3, 5
# The number of the block that keeps the old state, and of the input gate that must follow it.
GATES = {
    lstm: (1, 0),
    peephole: (1, 0),
    layernorm: (1, 0),
    full_gate_recurrence: (1, 0),
    no_input_activation: (1, 0),
    no_output_activation: (1, 0),
    no_output_gate: (1, 0),
    slstm: (1, 0),
    minlstm: (1, 0),
    coupled: (0, None),
    no_input_gate: (0, None),
    gru: (1, None),
    gru_reset_before: (1, None),
}


def stem(cell):
    return cell.__name__.rpartition(".")[2]


GATED = pytest.mark.parametrize("cell", GATES, ids=stem)
WITHOUT = pytest.mark.parametrize("cell", [lstm97, rnn, rnn_relu, mingru], ids=stem)
RECURRENT = pytest.mark.parametrize("cell", [rnn, rnn_relu, lstm97, *(c for c in GATES if c is not minlstm)], ids=stem)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def random_params(cell, rng, D=D, H=H, dtype=np.float64):
    return cell.Params(*(rng.normal(size=p.shape).astype(dtype) for p in cell.init_params(rng, D, H)))


def only_changed(before, after, *fields):
    """The other fields are as they were, no argument was touched, and shapes and dtypes stay."""
    assert type(after) is type(before)
    for name, old, new in zip(before._fields, before, after, strict=True):
        assert new.shape == old.shape
        assert new.dtype == old.dtype
        assert np.array_equal(old, new) == (name not in fields)


@RECURRENT
@DTYPES
def test_orthogonal(rng, cell, dtype):
    params = random_params(cell, rng, dtype=dtype)
    made = initialise.orthogonal(rng, params)
    only_changed(params, made, "W_h")
    for block in made.W_h.reshape(-1, H, H):
        np.testing.assert_allclose(block @ block.T, np.eye(H), rtol=0, atol=1e-5 if dtype == np.float32 else 1e-13)
    if len(made.W_h) > H:
        assert not np.allclose(made.W_h[:H], made.W_h[H : 2 * H])


def test_orthogonal_is_uniform():
    """The mean of each entry of Q is 0, and that of its square 1/H: QR alone would leave signs that are not random."""
    rng, n = np.random.default_rng(0), 4000
    params = rnn.init_params(rng, D, 3)
    draws = np.array([initialise.orthogonal(rng, params).W_h for _ in range(n)])
    assert np.abs(draws.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / n)
    assert np.abs((draws**2).mean(axis=0) - 1 / 3).max() < 5 * np.sqrt(1 / n)
    assert 0.45 < (np.linalg.det(draws) > 0).mean() < 0.55


@RECURRENT
@DTYPES
def test_uniform(rng, cell, dtype):
    params = random_params(cell, rng, D=20, H=50, dtype=dtype)
    made = initialise.uniform(rng, params)
    weights = [name for name in params._fields if not name.startswith("g_")]  # gains are no weights
    only_changed(params, made, *weights)
    for array in (getattr(made, name) for name in weights):
        assert np.abs(array).max() <= np.float32(50**-0.5)
        assert array.std() == pytest.approx(50**-0.5 / 3**0.5, rel=0.35)


@GATED
@DTYPES
def test_forget_bias(rng, cell, dtype):
    params = random_params(cell, rng, dtype=dtype)
    made, keep = initialise.forget_bias(params), GATES[cell][0]
    only_changed(params, made, "b")
    wanted = params.b.reshape(-1, H).copy()
    wanted[keep] = 1
    np.testing.assert_array_equal(made.b.reshape(-1, H), wanted)
    assert (initialise.forget_bias(params, -2.5).b.reshape(-1, H)[keep] == -2.5).all()


@GATED
@DTYPES
def test_chrono(rng, cell, dtype):
    params = random_params(cell, rng, dtype=dtype)
    made, (keep, written) = initialise.chrono(rng, params, 100), GATES[cell]
    only_changed(params, made, "b")
    b, old = made.b.reshape(-1, H), params.b.reshape(-1, H)
    assert (b[keep] >= 0).all()
    assert (b[keep] <= np.log(np.float32(99))).all()
    for k in range(len(b)):
        if k == written:
            np.testing.assert_array_equal(b[k], -b[keep])
        elif k != keep:
            np.testing.assert_array_equal(b[k], old[k])


def test_chrono_spreads_the_time_constants_evenly():
    """1 / (1 - f) - 1 = exp(b_f) is uniform in (1, T_max - 1)."""
    rng = np.random.default_rng(0)
    params = lstm.init_params(rng, 1, 20)
    f = sigmoid(np.concatenate([initialise.chrono(rng, params, 50).b[20:40] for _ in range(200)]))
    constants = np.sort(1 / (1 - f) - 1)
    assert constants[0] >= 1
    assert constants[-1] <= 49
    even = 1 + 48 * (np.arange(4000) + 0.5) / 4000
    assert np.abs(constants - even).max() / 48 < 1.95 / np.sqrt(4000)  # Kolmogorov and Smirnov, 1 in 1000


@pytest.mark.parametrize("cell", [c for c in GATES if c is not slstm], ids=stem)
def test_the_block_that_chrono_opens_is_the_one_that_keeps(rng, cell):
    """Asked of the cell itself: with that bias huge, an input gate closed and all else zero, the state stays."""
    params = initialise.forget_bias(cell.Params(*(np.zeros_like(p) for p in cell.init_params(rng, D, H))), 1e3)
    if GATES[cell][1] is not None:
        params.b[:H] = -1e3
    state = cell.State(*(rng.normal(size=(2, H)) for _ in cell.State._fields))
    new, _ = cell.step(params, rng.normal(size=(2, D)), state)
    np.testing.assert_allclose(new[-1], state[-1], rtol=1e-12)


@WITHOUT
def test_a_cell_without_such_a_gate_says_so(rng, cell):
    params = random_params(cell, rng)
    with pytest.raises(ValueError, match="chrono needs a gate that keeps the old state"):
        initialise.chrono(rng, params, 100)
    with pytest.raises(ValueError, match="forget_bias needs a gate that keeps the old state"):
        initialise.forget_bias(params)


@pytest.mark.parametrize("cell", [rnn, rnn_relu], ids=stem)
@DTYPES
def test_identity(rng, cell, dtype):
    params = random_params(cell, rng, D=400, dtype=dtype)
    made = initialise.identity(rng, params)
    only_changed(params, made, *params._fields)
    np.testing.assert_array_equal(made.W_h, np.eye(H))
    assert not made.b.any()
    assert made.W_x.std() == pytest.approx(0.001, rel=0.2)
    np.testing.assert_array_equal(initialise.identity(rng, params, scale=0.5).W_h, np.eye(H) / 2)


def test_the_irnn_remembers(rng):
    """What has been added to a positive state is there 50 steps of silence later."""
    params = initialise.identity(rng, rnn_relu.init_params(rng, D, H))
    state = rnn_relu.State(np.abs(rng.normal(size=(2, H))))
    hs, _, _ = rnn_relu.forward(params, np.zeros((50, 2, D)), state)
    np.testing.assert_array_equal(hs[-1], state.h)


RULES = {
    "uniform": lambda rng, params: initialise.uniform(rng, params),
    "orthogonal": lambda rng, params: initialise.orthogonal(rng, params),
    "chrono": lambda rng, params: initialise.chrono(rng, params, 30),
    "forget_bias": lambda rng, params: initialise.forget_bias(params),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_repeats_from_its_seed_and_touches_no_argument(rng, seed, rule):
    params = random_params(lstm, rng)
    before = [p.tobytes() for p in params]
    first, second = (RULES[rule](np.random.default_rng(seed), params) for _ in range(2))
    assert [p.tobytes() for p in first] == [p.tobytes() for p in second]
    assert [p.tobytes() for p in params] == before


def test_bad_input_says_what_is_wrong(rng):
    params = random_params(lstm, rng)
    with pytest.raises(ValueError, match="T_max must be 3 steps or more, but it is 2"):
        initialise.chrono(rng, params, 2)
    with pytest.raises(ValueError, match="T_max must be 3 steps or more, but it is nan"):
        initialise.chrono(rng, params, float("nan"))
    with pytest.raises(ValueError, match=r"identity is for a cell without gates.*i, f, g, o"):
        initialise.identity(rng, params)
    with pytest.raises(ValueError, match="orthogonal needs recurrent weights"):
        initialise.orthogonal(rng, random_params(minlstm, rng))
    with pytest.raises(ValueError, match=r"params must be the Params of a cell.*tuple"):
        initialise.uniform(rng, tuple(params))
    with pytest.raises(ValueError, match="params must be the Params of a cell"):
        initialise.chrono(rng, convlstm.init_params(rng, 2, 3, 3), 30)
    with pytest.raises(ValueError, match=r"params\.W_h must have shape"):
        initialise.chrono(rng, params._replace(W_h=params.W_h[:, 1:]), 30)


# In torch

OURS = {
    "RNN": rnn,
    "LSTM": lstm,
    "GRU": gru,
    "PeepholeLSTM": peephole,
    "LayerNormLSTM": layernorm,
    "CoupledLSTM": coupled,
    "NoOutputGateLSTM": no_output_gate,
    "FullGateRecurrenceLSTM": full_gate_recurrence,
}
STACK = {"num_layers": 2, "bidirectional": True}


def ours(torch, name, **options):
    import lstmkit.torch
    from lstmkit.torch.layernorm import LayerNormLSTM

    kind = LayerNormLSTM if name == "LayerNormLSTM" else getattr(lstmkit.torch, name)
    return kind(D, H, **options)


def theirs(torch, name, **options):
    """torch.nn's own, as it comes: both biases random."""
    return getattr(torch.nn, name)(D, H, **options)


def arrays(module, *starts):
    """Every parameter whose name starts so, as NumPy arrays by name."""
    return {n: p.detach().numpy().copy() for n, p in module.named_parameters() if n.startswith(starts)}


def seeded(torch, number=1):
    return torch.Generator().manual_seed(number)


@pytest.fixture
def rules(torch):
    from lstmkit.torch import initialise

    return initialise


@pytest.mark.parametrize("make", [ours, theirs])
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_torch_orthogonal(torch, rules, make, name, dtype):
    module = make(torch, name, **STACK).to(getattr(torch, dtype))
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    assert rules.orthogonal(module) is module
    seen = 0
    for name, p in module.named_parameters():
        assert p.requires_grad
        if name.startswith(("W_h", "weight_hh")):
            for block in p.detach().double().reshape(-1, H, H):
                tolerance = {"float32": 1e-5, "float64": 1e-12, "bfloat16": 3e-2}[dtype]
                torch.testing.assert_close(block @ block.T, torch.eye(H).double(), rtol=0, atol=tolerance)
                seen += 1
        else:
            assert torch.equal(p, before[name])
    assert seen == 4 * {"RNN": 1, "LSTM": 4, "GRU": 3}[module.__class__.__name__]


@pytest.mark.parametrize("name", [name for name in OURS if name != "RNN"])
def test_torch_chrono_on_ours(torch, rules, name):
    module, (keep, written) = ours(torch, name, **STACK), GATES[OURS[name]]
    before = arrays(module, "")
    rules.chrono(module, 100)
    drawn = []
    for field, value in arrays(module, "").items():
        if not field.startswith("b_l"):
            np.testing.assert_array_equal(value, before[field])
            continue
        b, old = value.reshape(-1, H), before[field].reshape(-1, H)
        drawn.append(b[keep])
        assert (b[keep] >= 0).all()
        assert (b[keep] <= np.log(99)).all()
        for k in range(len(b)):
            if k != keep:
                np.testing.assert_array_equal(b[k], -b[keep] if k == written else old[k])
    assert len(drawn) == 4
    assert len({d.tobytes() for d in drawn}) == 4  # each layer and direction has its own


@pytest.mark.parametrize("rule", ["forget_bias", "chrono"])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_torch_rules_count_both_biases_of_torch_nn(torch, rules, rule, name):
    """The same network as ours: rule and conversion may be exchanged."""
    library = theirs(torch, name, **STACK).double()
    copy = type(ours(torch, name)).from_torch(library)
    for module in (library, copy):
        rules.forget_bias(module, 2.0) if rule == "forget_bias" else rules.chrono(module, 30, seeded(torch))
    converted = arrays(type(copy).from_torch(library), "")
    for field, value in arrays(copy, "").items():
        np.testing.assert_array_equal(converted[field], value, err_msg=field)
    for field, value in arrays(library, "bias_hh").items():
        assert not value[: 2 * H if name == "GRU" else None].any(), field
        assert name == "LSTM" or value[2 * H :].all()
    x = torch.randn(4, 2, D, dtype=torch.float64)
    torch.testing.assert_close(library(x)[0], copy(x)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", [ours, theirs])
def test_torch_identity(torch, rules, make):
    for bias in (True, False):
        module = rules.identity(make(torch, "RNN", nonlinearity="relu", bias=bias, **STACK), scale=0.5)
        for W in arrays(module, "W_h", "weight_hh").values():
            np.testing.assert_array_equal(W, np.eye(H) / 2)
        for W in arrays(module, "W_x", "weight_ih").values():
            assert 0 < np.abs(W).max() < 0.006
        assert not any(b.any() for b in arrays(module, "b").values())


@pytest.mark.parametrize("make", [ours, theirs])
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_torch_uniform(torch, rules, make, name):
    module = make(torch, name, **STACK)
    before = arrays(module, "")
    rules.uniform(module)
    for field, value in arrays(module, "").items():
        assert np.abs(value).max() <= H**-0.5
        assert not np.array_equal(value, before[field])


def test_torch_uniform_is_torch_nns_reset_parameters(torch, rules):
    library = theirs(torch, "LSTM", **STACK)
    rules.uniform(library, seeded(torch, 7))
    made = arrays(library, "")
    torch.manual_seed(7)
    library.reset_parameters()
    for field, value in arrays(library, "").items():
        np.testing.assert_array_equal(made[field], value)


def calls(torch, rules):
    return {
        "uniform": lambda module, g=None: rules.uniform(module, g),
        "orthogonal": lambda module, g=None: rules.orthogonal(module, generator=g),
        "chrono": lambda module, g=None: rules.chrono(module, 30, generator=g),
    }


CHANGED = {"uniform": ("W_x", "weight_ih"), "orthogonal": ("W_h", "weight_hh"), "chrono": ("b_l0", "bias_ih")}


@pytest.mark.parametrize("rule", CHANGED)
@pytest.mark.parametrize("make", [ours, theirs])
def test_torch_rules_are_seeded(torch, rules, rule, make):
    """By the generator that is given, which leaves torch's own alone; without one, by torch's own."""
    call, module = calls(torch, rules)[rule], make(torch, "LSTM")

    def drawn(generator=None):
        (array,) = arrays(call(module, generator), *CHANGED[rule]).values()
        return array[: 2 * H]

    before = torch.random.get_rng_state()
    made = [drawn(seeded(torch, number)) for number in (1, 1, 2)]
    assert torch.equal(torch.random.get_rng_state(), before)
    for number in (5, 5, 6):
        torch.manual_seed(number)
        made.append(drawn())
    for k in (0, 3):
        np.testing.assert_array_equal(made[k], made[k + 1])
        assert not np.array_equal(made[k], made[k + 2])


def test_torch_slstm_and_minlstm(torch, rules):
    """Of newer cells, one whose input gate is an exponential, and one without recurrent weights."""
    from lstmkit.torch.minlstm import MinLSTM
    from lstmkit.torch.slstm import SLSTM

    for module in (SLSTM(D, H), MinLSTM(D, H)):
        (b,) = arrays(rules.chrono(module, 30), "b").values()
        b = b.reshape(-1, H)
        np.testing.assert_array_equal(b[0], -b[1])
        assert (b[1] > 0).all()
    (W_h,) = arrays(rules.orthogonal(SLSTM(D, H)), "W_h").values()
    np.testing.assert_allclose(W_h[:H] @ W_h[:H].T, np.eye(H), rtol=0, atol=1e-5)


def test_torch_projection(torch, rules):
    """A block of W_h is (H, P) there: its columns are orthonormal."""
    from lstmkit.torch.projection import ProjectionLSTM

    P = 2
    for module in (ProjectionLSTM(D, H, proj_size=P), torch.nn.LSTM(D, H, proj_size=P)):
        (W_h,) = arrays(rules.orthogonal(module), "W_h", "weight_hh").values()
        for block in W_h.reshape(4, H, P):
            np.testing.assert_allclose(block.T @ block, np.eye(P), rtol=0, atol=1e-5)
        before = arrays(module, "W_r", "weight_hr")
        b = next(iter(arrays(rules.chrono(module, 30), "b").values())).reshape(4, H)
        np.testing.assert_array_equal(b[0], -b[1])
        assert (b[1] > 0).all()
        for name, value in arrays(module, "W_r", "weight_hr").items():
            np.testing.assert_array_equal(value, before[name])


def test_torch_bad_input_says_what_is_wrong(torch, rules):
    with pytest.raises(ValueError, match="chrono needs a gate that keeps the old state"):
        rules.chrono(ours(torch, "LSTM97"), 30)
    with pytest.raises(ValueError, match="forget_bias needs a gate"):
        rules.forget_bias(theirs(torch, "RNN"))
    with pytest.raises(ValueError, match="T_max must be 3"):
        rules.chrono(ours(torch, "LSTM"), 2)
    for make in (ours, theirs):
        module = make(torch, "LSTM", bias=False)
        with pytest.raises(ValueError, match="sets biases, but the LSTM has bias=False"):
            rules.chrono(module, 30)
    with pytest.raises(ValueError, match="identity is for a cell without gates"):
        rules.identity(theirs(torch, "GRU"))
    for rule in (rules.uniform, rules.orthogonal):
        with pytest.raises(ValueError, match=r"module must be a recurrent one of lstmkit\.torch.*it is a Linear"):
            rule(torch.nn.Linear(D, H))


# The suite itself on trial: each wrong variant must be seen.


@pytest.mark.parametrize(
    ("cell", "letters"), [(lstm, ["f", "i", "g", "o"]), (lstm, ["i", "g", "f", "o"]), (gru, ["z", "r", "n"])]
)
def test_a_wrong_block_is_seen(rng, monkeypatch, cell, letters):
    anatomy = initialise._anatomy
    test_forget_bias(rng, cell, np.float64)
    test_chrono(rng, cell, np.float64)
    monkeypatch.setattr(initialise, "_anatomy", lambda params: (letters, *anatomy(params)[1:]))
    for test in (test_forget_bias, test_chrono):
        with pytest.raises(AssertionError):
            test(rng, cell, np.float64)


def test_signs_that_qr_left_are_seen(monkeypatch):
    monkeypatch.setattr(np, "sign", np.ones_like)
    with pytest.raises(AssertionError):
        test_orthogonal_is_uniform()
