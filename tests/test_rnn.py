"""The simple recurrent network in NumPy and in torch, against torch.nn.RNN, torch.autograd and finite differences.

What holds for every cell (halves, dtypes, errors, modules) stands in test_recurrence.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import rnn
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
    """Random weights, biases, states and gradients; W_h of a size at which gradients neither vanish nor explode."""
    params = rnn.Params(rng.normal(size=(H, D)), rng.normal(size=(H, H)) / np.sqrt(H), rng.normal(size=H))
    state, d_state = rnn.State(rng.normal(size=(B, H))), rnn.State(rng.normal(size=(B, H)))
    return params, rng.normal(size=(T, B, D)), state, rng.normal(size=(T, B, H)), d_state


def library(torch, params):
    """torch.nn.RNN with our weights; our one bias is divided at random between its two."""
    (H, D), b = params.W_x.shape, torch.tensor(params.b)
    module, part = torch.nn.RNN(D, H).double(), torch.randn(H, dtype=torch.float64)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    arrays = (torch.tensor(params.W_x), torch.tensor(params.W_h), part, b - part)
    module.load_state_dict(dict(zip(names, arrays, strict=True)))
    return module


def agrees_with_the_library(torch, params, x, state, twin=rnn):
    """hs and h_T equal those of torch.nn.RNN to 1e-12."""
    hs, last, _ = twin.forward(params, x, state)
    want_hs, want_h = library(torch, params)(torch.tensor(x), torch.tensor(state.h[None]))
    np.testing.assert_allclose(hs, want_hs.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(last.h, want_h[0].detach(), rtol=0, atol=1e-12)


def gradients(params, x, state, d_hs, d_state, twin=rnn):
    """All five by name, by our own backward."""
    _, _, cache = twin.forward(params, x, state)
    d_x, d_first, d_params = twin.backward(params, d_hs, cache, d_state)
    return {"x": d_x, "h0": d_first.h, **d_params._asdict()}


def gradients_agree_with_autograd(torch, params, x, state, d_hs, d_state, twin=rnn):
    ours, module = gradients(params, x, state, d_hs, d_state, twin), library(torch, params)
    x, h0 = torch.tensor(x, requires_grad=True), torch.tensor(state.h[None], requires_grad=True)
    torch.autograd.backward(module(x, h0), [torch.tensor(d_hs), torch.tensor(d_state.h[None])])
    W_x, W_h, b = module.weight_ih_l0.grad, module.weight_hh_l0.grad, module.bias_ih_l0.grad
    theirs = {"x": x.grad, "h0": h0.grad[0], "W_x": W_x, "W_h": W_h, "b": b}
    for name, gradient in ours.items():
        np.testing.assert_allclose(gradient, theirs[name], rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_against_torch_nn(rng, torch, sizes):
    params, x, state, _, _ = problem(rng, *sizes)
    agrees_with_the_library(torch, params, x, state)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradients_against_autograd(rng, torch, sizes):
    gradients_agree_with_autograd(torch, *problem(rng, *sizes))


@pytest.mark.parametrize("source", ["d_hs", "d_h"])
def test_gradients_where_only_one_source_speaks(rng, torch, source):
    params, x, state, d_hs, d_state = problem(rng, 5, 3, 2, 4)
    sources = {"d_hs": d_hs, "d_h": d_state.h}
    d_hs, d_h = (d if name == source else np.zeros_like(d) for name, d in sources.items())
    gradients_agree_with_autograd(torch, params, x, state, d_hs, rnn.State(d_h))


@pytest.mark.parametrize("sizes", [(4, 3, 2, 5), (1, 1, 2, 3)], ids=str)
def test_gradients_against_finite_differences(rng, sizes):
    params, x, state, d_hs, d_state = problem(rng, *sizes)
    given = {"x": x, "h0": state.h, **params._asdict()}

    def loss(**changed):
        now = given | changed
        hs, (h,), _ = rnn.forward(rnn.Params(now["W_x"], now["W_h"], now["b"]), now["x"], (now["h0"],))
        return (hs * d_hs).sum() + (h * d_state.h).sum()

    for name, gradient in gradients(params, x, state, d_hs, d_state).items():
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_init_params(rng):
    D, H = 7, 50
    params = rnn.init_params(rng, D, H)
    assert [p.shape for p in params] == [(H, D), (H, H), (H,)]
    for W in (params.W_x, params.W_h):
        assert np.abs(W).max() <= H**-0.5
        assert W.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.2)
    assert not params.b.any()
    assert {p.dtype for p in rnn.init_params(rng, D, H, dtype=np.float32)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("D", "H"), [(1, 1), (2, 3), (10, 20)])
def test_count_params(rng, torch, D, H):
    assert rnn.count_params(D, H) == sum(p.size for p in rnn.init_params(rng, D, H))
    assert rnn.count_params(D, H, biases=2) == sum(p.numel() for p in torch.nn.RNN(D, H).parameters())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_saturation_is_silent(rng, dtype):
    params, x, state, d_hs, d_state = problem(rng, 5, 3, 2, 4)
    params = rnn.Params(*(p.astype(dtype) for p in params._replace(b=1000 * np.sign(params.b))))
    state, d_state = rnn.State(state.h.astype(dtype)), rnn.State(d_state.h.astype(dtype))
    with np.errstate(all="raise", under="ignore"):
        hs, _, cache = rnn.forward(params, x.astype(dtype), state)
        d_x, d_first, d_params = rnn.backward(params, d_hs.astype(dtype), cache, d_state)
    assert np.isin(hs, (-1, 1)).all()
    for gradient in (d_x, *d_first, *d_params):
        assert not gradient.any()


# The suite itself on trial: each wrong variant must be seen.

WRONG_STEPS = {
    "no tanh": "h = a",
    "sigmoid for tanh": "h = sigmoid(a)",
    "relu for tanh": "h = relu(a)",
    "tanh twice": "h = tanh(tanh(a))",
    "tanh of half": "h = tanh(a / 2)",
}
WRONG_BACKWARD_STEPS = {
    "no derivative": "d_h,",
    "not squared": "d_h * (1 - h),",
    "that of sigmoid": "d_h * h * (1 - h),",
    "tanh taken again": "d_h * (1 - tanh(h) * tanh(h)),",
    "wrong sign": "d_h * (h * h - 1),",
}


@pytest.mark.parametrize("wrong", WRONG_STEPS)
def test_a_wrong_step_is_seen(rng, torch, wrong):
    params, x, state, _, _ = problem(rng, 5, 3, 2, 4)
    with pytest.raises(AssertionError):
        agrees_with_the_library(torch, params, x, state, mutant(rnn, ("h = tanh(a)", WRONG_STEPS[wrong])))


@pytest.mark.parametrize("wrong", WRONG_BACKWARD_STEPS)
def test_a_wrong_backward_step_is_seen(rng, torch, wrong):
    given = problem(rng, 5, 3, 2, 4)
    with pytest.raises(AssertionError):
        gradients_agree_with_autograd(torch, *given, mutant(rnn, ("d_h * (1 - h * h),", WRONG_BACKWARD_STEPS[wrong])))


def test_a_mutant_of_nothing_is_right(rng, torch):
    """What sees the wrong variants is the comparison, and not the way they are made."""
    given = problem(rng, 5, 3, 2, 4)
    same = mutant(rnn, ("h = tanh(a)", "h = tanh(1 * a)"), ("(1 - h * h)", "(1 - h) * (1 + h)"))
    agrees_with_the_library(torch, *given[:3], same)
    gradients_agree_with_autograd(torch, *given, same)


def test_the_oracle_of_the_other_tests_agrees_with_torch_nn(rng, torch):
    params, x, state, _, _ = problem(rng, 5, 3, 2, 4)
    want, _ = library(torch, params)(torch.tensor(x), torch.tensor(state.h[None]))
    np.testing.assert_allclose(oracles.rnn(params, x, state)[0], want.detach(), rtol=0, atol=1e-12)
