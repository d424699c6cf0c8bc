"""The LSTM in NumPy and in torch, against torch.nn.LSTM, torch.autograd and finite differences.

What holds for every cell (halves, dtypes, errors, modules) stands in test_recurrence.py.
"""

import itertools

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.cells import lstm as cell
from lstmkit.numpy import lstm
from lstmkit.numpy.functions import sigmoid
from lstmkit.numpy.gradients import finite_difference, relative_error

SIZES = [
    (5, 3, 2, 4),
    (1, 3, 2, 5),
    (6, 1, 4, 3),
    (1, 1, 3, 2),
    (3, 4, 1, 2),
    (40, 7, 5, 9),
]  # T, B, D, H: all different


def problem(rng, T, B, D, H):
    """Random weights, biases, states and gradients: a zero or constant one would hide a swapped gate."""
    params = lstm.Params(rng.normal(size=(4 * H, D)), rng.normal(size=(4 * H, H)), rng.normal(size=4 * H))
    state = lstm.State(rng.normal(size=(B, H)), rng.normal(size=(B, H)))
    d_state = lstm.State(rng.normal(size=(B, H)), rng.normal(size=(B, H)))
    return params, rng.normal(size=(T, B, D)), state, rng.normal(size=(T, B, H)), d_state


def library(torch, params):
    """torch.nn.LSTM with our weights; our one bias is divided at random between its two."""
    (H4, D), b = params.W_x.shape, torch.tensor(params.b)
    module, part = torch.nn.LSTM(D, H4 // 4).double(), torch.randn(H4, dtype=torch.float64)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    arrays = (torch.tensor(params.W_x), torch.tensor(params.W_h), part, b - part)
    module.load_state_dict(dict(zip(names, arrays, strict=True)))
    return module


def agrees_with_the_library(torch, params, x, state, twin=lstm):
    """hs, h_T and c_T equal those of torch.nn.LSTM to 1e-12."""
    hs, last, _ = twin.forward(params, x, state)
    want_hs, (want_h, want_c) = library(torch, params)(torch.tensor(x), tuple(torch.tensor(s)[None] for s in state))
    np.testing.assert_allclose(hs, want_hs.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(last.h, want_h[0].detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(last.c, want_c[0].detach(), rtol=1e-12, atol=1e-12)


def gradients(params, x, state, d_hs, d_state, twin=lstm):
    """All six by name, by our own backward."""
    _, _, cache = twin.forward(params, x, state)
    d_x, d_first, d_params = twin.backward(params, d_hs, cache, d_state)
    return {"x": d_x, "h0": d_first.h, "c0": d_first.c, **d_params._asdict()}


def gradients_by_autograd(torch, params, x, state, d_hs, d_state):
    """The same six through torch.nn.LSTM."""
    module, x = library(torch, params), torch.tensor(x, requires_grad=True)
    h0, c0 = (torch.tensor(s[None], requires_grad=True) for s in state)
    hs, (h, c) = module(x, (h0, c0))
    incoming = [torch.tensor(d_hs), torch.tensor(d_state.h[None]), torch.tensor(d_state.c[None])]
    torch.autograd.backward([hs, h, c], incoming)
    W_x, W_h, b = module.weight_ih_l0.grad, module.weight_hh_l0.grad, module.bias_ih_l0.grad
    return {"x": x.grad, "h0": h0.grad[0], "c0": c0.grad[0], "W_x": W_x, "W_h": W_h, "b": b}


def gradients_agree_with_autograd(torch, *given, twin=lstm):
    ours, theirs = gradients(*given, twin), gradients_by_autograd(torch, *given)
    for name, gradient in ours.items():
        np.testing.assert_allclose(gradient, theirs[name], rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_against_torch_nn(rng, torch, sizes):
    params, x, state, _, _ = problem(rng, *sizes)
    agrees_with_the_library(torch, params, x, state)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradients_against_autograd(rng, torch, sizes):
    gradients_agree_with_autograd(torch, *problem(rng, *sizes))


@pytest.mark.parametrize("source", ["d_hs", "d_h", "d_c"])
def test_gradients_where_only_one_source_speaks(rng, torch, source):
    """Each by itself: a path that is lost behind a larger one shows here."""
    params, x, state, d_hs, d_state = problem(rng, 5, 3, 2, 4)
    sources = {"d_hs": d_hs, "d_h": d_state.h, "d_c": d_state.c}
    d_hs, d_h, d_c = (d if name == source else np.zeros_like(d) for name, d in sources.items())
    gradients_agree_with_autograd(torch, params, x, state, d_hs, lstm.State(d_h, d_c))


def test_no_d_state_is_a_zero_d_state(rng):
    params, x, state, d_hs, d_state = problem(rng, 5, 3, 2, 4)
    zero = lstm.State(*(np.zeros_like(d) for d in d_state))
    with_none = gradients(params, x, state, d_hs, None)
    for name, gradient in gradients(params, x, state, d_hs, zero).items():
        np.testing.assert_array_equal(gradient, with_none[name], err_msg=name)


@pytest.mark.parametrize("sizes", [(4, 3, 2, 5), (1, 1, 2, 3)], ids=str)
def test_gradients_against_finite_differences(rng, sizes):
    params, x, state, d_hs, d_state = problem(rng, *sizes)
    given = {"x": x, "h0": state.h, "c0": state.c, **params._asdict()}

    def loss(**changed):
        now = given | changed
        hs, (h, c), _ = lstm.forward(lstm.Params(now["W_x"], now["W_h"], now["b"]), now["x"], (now["h0"], now["c0"]))
        return (hs * d_hs).sum() + (h * d_state.h).sum() + (c * d_state.c).sum()

    for name, gradient in gradients(params, x, state, d_hs, d_state).items():
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_one_step_is_the_six_equations(rng):
    """Written out once more, gate by gate, with the weights of each gate cut out by hand."""
    params, x, (h_prev, c_prev), _, _ = problem(rng, 1, 3, 2, 4)

    def gate(function, k):
        rows = slice(4 * k, 4 * (k + 1))
        return function(x[0] @ params.W_x[rows].T + h_prev @ params.W_h[rows].T + params.b[rows])

    i, f, g, o = gate(sigmoid, 0), gate(sigmoid, 1), gate(np.tanh, 2), gate(sigmoid, 3)
    c = f * c_prev + i * g
    state, _ = lstm.step(params, x[0], lstm.State(h_prev, c_prev))
    np.testing.assert_allclose(state.c, c, rtol=0, atol=1e-14)
    np.testing.assert_allclose(state.h, o * np.tanh(c), rtol=0, atol=1e-14)


def test_read_gates_returns_the_gates_of_each_step(rng):
    params, x, state, _, _ = problem(rng, 5, 3, 2, 4)
    hs, last, cache = lstm.forward(params, x, state)
    gates = lstm.read_gates(cache)
    for field in gates:
        assert field.shape == (5, 3, 4)
    c_prev = np.concatenate([state.c[None], gates.c[:-1]])
    np.testing.assert_allclose(gates.c, gates.f * c_prev + gates.i * gates.g, rtol=0, atol=1e-14)
    np.testing.assert_allclose(hs, gates.o * np.tanh(gates.c), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(gates.c[-1], last.c)
    h_prev = np.concatenate([state.h[None], hs[:-1]])
    a = x @ params.W_x.T + h_prev @ params.W_h.T + params.b
    np.testing.assert_allclose(gates.i, sigmoid(a[..., :4]), rtol=0, atol=1e-13)
    np.testing.assert_allclose(gates.f, sigmoid(a[..., 4:8]), rtol=0, atol=1e-13)
    np.testing.assert_allclose(gates.g, np.tanh(a[..., 8:12]), rtol=0, atol=1e-13)
    np.testing.assert_allclose(gates.o, sigmoid(a[..., 12:]), rtol=0, atol=1e-13)


def test_init_params(rng):
    D, H = 7, 50
    params = lstm.init_params(rng, D, H)
    assert params.W_x.shape == (4 * H, D)
    assert params.W_h.shape == (4 * H, H)
    assert params.b.shape == (4 * H,)
    for W in (params.W_x, params.W_h):
        assert np.abs(W).max() <= H**-0.5
        assert W.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.2)
    np.testing.assert_array_equal(params.b.reshape(4, H), np.array([0, 1, 0, 0])[:, None] * np.ones(H))
    other = lstm.init_params(rng, D, H, forget_bias=-2.5, dtype=np.float32)
    np.testing.assert_array_equal(other.b[H : 2 * H], np.full(H, -2.5, np.float32))
    assert {p.dtype for p in other} == {np.dtype(np.float32)}


def test_init_params_repeats_from_its_seed(seed):
    first, second = (lstm.init_params(np.random.default_rng(seed), 2, 3) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("D", "H"), [(1, 1), (2, 3), (10, 20)])
def test_count_params(rng, torch, D, H):
    assert lstm.count_params(D, H) == sum(p.size for p in lstm.init_params(rng, D, H)) == 4 * H * (H + D + 1)
    assert lstm.count_params(D, H, biases=2) == sum(p.numel() for p in torch.nn.LSTM(D, H).parameters())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_saturation_is_silent(rng, dtype):
    """Pre-activations around ±1000: gates at exactly 0 or 1, finite values and gradients, no warning."""
    params, x, state, d_hs, d_state = problem(rng, 5, 3, 2, 4)
    params = lstm.Params(*(p.astype(dtype) for p in params._replace(b=1000 * np.sign(params.b))))
    x, d_hs = x.astype(dtype), d_hs.astype(dtype)
    state, d_state = (lstm.State(*(field.astype(dtype) for field in s)) for s in (state, d_state))
    with np.errstate(all="raise", under="ignore"):
        hs, last, cache = lstm.forward(params, x, state)
        d_x, d_first, d_params = lstm.backward(params, d_hs, cache, d_state)
    for array in (hs, *last, d_x, *d_first, *d_params):
        assert np.isfinite(array).all()
    for gate in lstm.read_gates(cache)[:4]:
        assert np.isin(gate, (-1, 0, 1)).all()


# The suite itself on trial: each wrong variant must be seen.

I, F, G, O, C = (
    "i = sigmoid(a_i)",
    "f = sigmoid(a_f)",
    "g = tanh(a_g)",
    "o = sigmoid(a_o)",
    "c = f * c_prev + i * g",
)
WRONG_STEPS = {
    "i and f exchanged": [(I, "i = sigmoid(a_f)"), (F, "f = sigmoid(a_i)")],
    "i and g exchanged": [(I, "i = sigmoid(a_g)"), (G, "g = tanh(a_i)")],
    "f and o exchanged": [(F, "f = sigmoid(a_o)"), (O, "o = sigmoid(a_f)")],
    "no tanh on c": [("h = o * q", "h = o * c")],
    "sigmoid for the candidate": [(G, "g = sigmoid(a_g)")],
    "tanh for a gate": [(F, "f = tanh(a_f)")],
    "no forget gate": [(C, "c = c_prev + i * g")],
    "coupled gates": [(C, "c = f * c_prev + (1 - f) * g")],
    "forget bias of 1 in the step": [(F, "f = sigmoid(a_f + 1)")],
    "h from the old c": [("q = tanh(c)", "q = tanh(c_prev)")],
}
WRONG_BACKWARD_STEPS = {
    "incoming d_c lost": [("d_c = d_c + d_h * o", "d_c = d_h * o")],
    "path through h lost": [("d_o = d_h * q", "d_o = d_h * 0"), (" + d_h * o * (1 - q * q)", "")],
    "path of c through h lost": [(" + d_h * o * (1 - q * q)", "")],
    "tanh'(c) not squared": [("(1 - q * q)", "(1 - q)")],
    "d_c_prev without f": [("(1 - o), d_c * f", "(1 - o), d_c")],
    "d_i and d_g exchanged": [("d_i = d_c * g", "d_i = d_c * i"), ("d_g = d_c * i", "d_g = d_c * g")],
    "c_prev forgotten": [("d_f = d_c * c_prev", "d_f = d_c * 0")],
    "the new c for the old one": [
        ('q, c_prev):\n    """∂', 'q, c, c_prev):\n    """∂'),
        ("d_f = d_c * c_prev", "d_f = d_c * c"),
    ],
}


@pytest.mark.parametrize("wrong", WRONG_STEPS)
def test_a_wrong_step_is_seen(rng, torch, wrong):
    params, x, state, _, _ = problem(rng, 5, 3, 2, 4)
    agrees_with_the_library(torch, params, x, state)
    with pytest.raises(AssertionError):
        agrees_with_the_library(torch, params, x, state, mutant(lstm, *WRONG_STEPS[wrong]))


@pytest.mark.parametrize("wrong", WRONG_BACKWARD_STEPS)
def test_a_wrong_backward_step_is_seen(rng, torch, wrong):
    given = problem(rng, 5, 3, 2, 4)
    gradients_agree_with_autograd(torch, *given)
    with pytest.raises(AssertionError):
        gradients_agree_with_autograd(torch, *given, twin=mutant(lstm, *WRONG_BACKWARD_STEPS[wrong]))


def test_a_mutant_of_nothing_is_right(rng, torch):
    """What sees the wrong variants is the comparison, and not the way they are made."""
    given = problem(rng, 5, 3, 2, 4)
    same = mutant(lstm, (C, "c = g * i + c_prev * f"), ("d_g = d_c * i", "d_g = i * d_c"))
    agrees_with_the_library(torch, *given[:3], same)
    gradients_agree_with_autograd(torch, *given, twin=same)


def test_the_oracle_of_the_other_tests_agrees_with_torch_nn(rng, torch):
    """Values and exact gradients: what judges the cells that torch.nn does not have is itself judged here."""
    given = problem(rng, 5, 3, 2, 4)
    theirs = gradients_by_autograd(torch, *given)
    for gradient, name in zip(
        oracles.derivatives(oracles.lstm, *given), ("x", "h0", "c0", "W_x", "W_h", "b"), strict=True
    ):
        np.testing.assert_allclose(gradient, theirs[name], rtol=1e-10, atol=1e-10, err_msg=name)


def test_each_of_the_23_wrong_gate_orders_is_seen(rng, torch):
    params, x, state, _, _ = problem(rng, 5, 3, 2, 4)
    for order in list(itertools.permutations(range(4)))[1:]:
        hs, _, _ = lstm.forward(
            lstm.Params(*(np.concatenate([np.split(p, 4)[k] for k in order]) for p in params)), x, state
        )
        with torch.no_grad():
            want = library(torch, params)(torch.tensor(x), tuple(torch.tensor(s)[None] for s in state))[0]
        assert np.abs(hs - want.numpy()).max() > 1e-3, order


@pytest.mark.parametrize(("i", "f", "name"), [(0, 1, "hold"), (1, 1, "add"), (1, 0, "overwrite"), (0, 0, "erase")])
def test_the_four_corners(rng, i, f, name):
    a_g, c_prev = rng.normal(), rng.normal()
    wide, shut = np.inf, -np.inf
    _, c, *_ = cell.step(wide if i else shut, wide if f else shut, a_g, 0.0, c_prev)
    expected = {"hold": c_prev, "add": c_prev + np.tanh(a_g), "overwrite": np.tanh(a_g), "erase": 0.0}
    assert c == pytest.approx(expected[name])
