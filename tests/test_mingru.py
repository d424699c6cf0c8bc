"""minGRU in NumPy and torch, against the paper's equations in a loop under autograd, and finite differences.

What holds for every cell that runs on the scan (halves, dtypes, layers, lengths, errors, ten thousand steps) stands
in test_scan.py.
"""

import numpy as np
import pytest

import lstmkit.cells.mingru as cell
from lstmkit.numpy import mingru, scan
from lstmkit.numpy.functions import log_positive, log_sigmoid
from lstmkit.numpy.gradients import finite_difference, relative_error

SIZES = [(5, 3, 2, 4), (1, 3, 2, 5), (6, 1, 4, 3), (1, 1, 3, 2), (40, 7, 5, 9), (90, 1, 2, 3)]  # T, B, D, H
FORMS = pytest.mark.parametrize("positive", [False, True], ids=["plain", "positive"])


def problem(rng, T, B, D, H):
    params = mingru.Params(rng.normal(size=(2 * H, D)), rng.normal(size=2 * H))
    state, d_state = mingru.State(rng.normal(size=(B, H))), mingru.State(rng.normal(size=(B, H)))
    return params, rng.normal(size=(T, B, D)), state, rng.normal(size=(T, B, H)), d_state


def paper(torch, W_x, b, x, h, positive):
    """The sequential mode of the paper, equation by equation."""
    (W_z, W_g), (b_z, b_g), hs = W_x.chunk(2), b.chunk(2), []
    for x_t in x:
        z, g = torch.sigmoid(x_t @ W_z.T + b_z), x_t @ W_g.T + b_g
        if positive:
            g = torch.where(g >= 0, g + 0.5, torch.sigmoid(g))
        h = (1 - z) * h + z * g
        hs.append(h)
    return torch.stack(hs)


def agrees_with_the_paper(torch, positive, params, x, state, d_hs, d_state):
    """Values to 1e-12, all gradients to 1e-10."""
    hs, last, cache = mingru.forward(params, x, state, positive=positive)
    d_x, d_first, d_params = mingru.backward(params, d_hs, cache, d_state)
    given = [torch.tensor(a, requires_grad=True) for a in (*params, x, state.h)]
    want = paper(torch, *given, positive)
    np.testing.assert_allclose(hs, want.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(last.h, want[-1].detach(), rtol=0, atol=1e-12)
    torch.autograd.backward([want, want[-1]], [torch.tensor(d_hs), torch.tensor(d_state.h)])
    for ours, tensor in zip((*d_params, d_x, d_first.h), given, strict=True):
        np.testing.assert_allclose(ours, tensor.grad, rtol=1e-10, atol=1e-10)


@FORMS
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_the_paper(rng, torch, sizes, positive):
    agrees_with_the_paper(torch, positive, *problem(rng, *sizes))


@FORMS
def test_gradients_against_finite_differences(rng, positive):
    params, x, state, d_hs, d_state = problem(rng, 4, 3, 2, 5)
    _, _, cache = mingru.forward(params, x, state, positive=positive)
    d_x, d_first, d_params = mingru.backward(params, d_hs, cache, d_state)
    given = {"x": x, "h": state.h, **params._asdict()}

    def loss(**changed):
        now = given | changed
        hs, last, _ = mingru.forward(mingru.Params(now["W_x"], now["b"]), now["x"], (now["h"],), positive=positive)
        return (hs * d_hs).sum() + (last.h * d_state.h).sum()

    for name, gradient in {"x": d_x, "h": d_first.h, **d_params._asdict()}.items():
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_the_positive_form_in_log_space(rng):
    """The paper's parallel mode, with the logarithm of the state itself where it enters."""
    params, x, state, _, _ = problem(rng, 200, 3, 2, 4)
    state = mingru.State(np.abs(state.h))
    a_z, a_g = np.split(x @ params.W_x.T + params.b, 2, axis=-1)
    log_hs = scan.log_space(log_sigmoid(-a_z), log_sigmoid(a_z) + log_positive(a_g), np.log(state.h))
    hs, _, _ = mingru.forward(params, x, state, positive=True)
    np.testing.assert_allclose(np.exp(log_hs), hs, rtol=1e-12)


@pytest.mark.parametrize("bias", [-500, 500])
def test_a_gate_at_its_end_is_silent(rng, bias):
    """z = 0 keeps the state, bit for bit, for as long as one likes; z = 1 takes the candidate."""
    params, x, state, d_hs, _ = problem(rng, 6, 3, 2, 4)
    params.W_x[:4], params.b[:4] = 0, bias
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        hs, _, cache = mingru.forward(params, x, state)
        mingru.backward(params, d_hs, cache)
    want = x @ params.W_x[4:].T + params.b[4:] if bias > 0 else np.broadcast_to(state.h, hs.shape)
    np.testing.assert_allclose(hs, want, rtol=0, atol=1e-15)


def test_init_count_and_zero_state(rng):
    params = mingru.init_params(rng, 25, 6, dtype=np.float32)
    assert [p.shape for p in params] == [(12, 25), (12,)]
    assert {p.dtype for p in params} == {np.dtype(np.float32)}
    assert np.abs(params.W_x).max() <= 0.2
    assert not params.b.any()
    assert mingru.count_params(25, 6) == sum(p.size for p in params)
    assert mingru.zero_state(2, 3, np.float32).h.dtype == np.float32


# Torch


def module(torch, params, **options):
    from lstmkit.torch.mingru import MinGRU

    network = MinGRU(params.W_x.shape[1], len(params.b) // 2, dtype=torch.float64, **options)
    network.load_state_dict({f"{name}_l0": torch.tensor(value) for name, value in params._asdict().items()})
    return network


@FORMS
@pytest.mark.parametrize("batch_first", [False, True])
def test_the_module_is_the_numpy_cell(rng, torch, positive, batch_first):
    params, x, state, _, _ = problem(rng, 7, 3, 2, 4)
    network = module(torch, params, positive=positive, batch_first=batch_first)
    hs, last, _ = mingru.forward(params, x, state, positive=positive)
    ours, h_n = network(torch.tensor(x.swapaxes(0, 1) if batch_first else x), torch.tensor(state.h[None]))
    ours = ours.detach().numpy()
    np.testing.assert_allclose(ours.swapaxes(0, 1) if batch_first else ours, hs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(h_n[0].detach(), last.h, rtol=0, atol=1e-12)


@FORMS
def test_one_step_at_a_time_is_the_sequence(rng, torch, positive):
    params, x, state, _, _ = problem(rng, 7, 3, 2, 4)
    network, x, h = module(torch, params, positive=positive), torch.tensor(x), torch.tensor(state.h[None])
    whole, h_n = network(x, h)
    for x_t, want in zip(x, whole, strict=True):
        h_t, h = network(x_t[None], h)
        np.testing.assert_allclose(h_t[0].detach(), want.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(h.detach(), h_n.detach(), rtol=0, atol=1e-12)


@FORMS
@pytest.mark.parametrize("T", [1, 4])
def test_first_and_second_derivatives(rng, torch, positive, T):
    params, x, state, _, _ = problem(rng, T, 2, 2, 3)
    network = module(torch, params, positive=positive)
    given = [torch.tensor(a, requires_grad=True) for a in (x, state.h[None], *params)]

    def run(x, h, *weights):
        return torch.func.functional_call(network, dict(zip(("W_x_l0", "b_l0"), weights, strict=True)), (x, h))

    assert torch.autograd.gradcheck(run, given)
    assert torch.autograd.gradgradcheck(run, given)


# The suite itself on trial

WRONG = {
    "z keeps, as in torch's GRU": lambda a_z, g, h: RIGHT_STEP(-a_z, g, h),
    "gates that do not sum to 1": lambda a_z, g, h: RIGHT_STEP(a_z, 0.9 * g, h),
    "tanh on the candidate": lambda a_z, g, h: RIGHT_STEP(a_z, np.tanh(g), h),
}
WRONG_BACKWARD = {
    "no gradient to g": lambda a_z, g, h: (a_z, 0 * g, h),
    "wrong sign": lambda a_z, g, h: (-a_z, g, h),
}
RIGHT_STEP, RIGHT_BACKWARD = cell.step, cell.step_backward


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_step_is_seen(rng, torch, monkeypatch, wrong):
    monkeypatch.setattr(cell, "step", WRONG[wrong])
    with pytest.raises(AssertionError):
        agrees_with_the_paper(torch, False, *problem(rng, 5, 3, 2, 4))


@pytest.mark.parametrize("wrong", WRONG_BACKWARD)
def test_a_wrong_backward_step_is_seen(rng, torch, monkeypatch, wrong):
    monkeypatch.setattr(cell, "step_backward", lambda *given: WRONG_BACKWARD[wrong](*RIGHT_BACKWARD(*given)))
    with pytest.raises(AssertionError):
        agrees_with_the_paper(torch, False, *problem(rng, 5, 3, 2, 4))


def test_a_derivative_of_the_positive_function_left_out_is_seen(rng, torch, monkeypatch):
    monkeypatch.setattr(scan, "d_positive", np.ones_like)
    with pytest.raises(AssertionError):
        agrees_with_the_paper(torch, True, *problem(rng, 5, 3, 2, 4))
