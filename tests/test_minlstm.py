"""minLSTM in NumPy and torch, against the paper's equations in a loop under autograd, and finite differences.

What holds for every cell that runs on the scan (halves, dtypes, layers, lengths, errors, ten thousand steps) stands
in test_scan.py.
"""

import numpy as np
import pytest

import lstmkit.cells.minlstm as cell
from lstmkit.numpy import minlstm, scan
from lstmkit.numpy.functions import log_positive, log_sigmoid
from lstmkit.numpy.gradients import finite_difference, relative_error

SIZES = [(5, 3, 2, 4), (1, 3, 2, 5), (6, 1, 4, 3), (1, 1, 3, 2), (40, 7, 5, 9), (90, 1, 2, 3)]  # T, B, D, H
FORMS = pytest.mark.parametrize("positive", [False, True], ids=["plain", "positive"])


def problem(rng, T, B, D, H):
    params = minlstm.Params(rng.normal(size=(3 * H, D)), rng.normal(size=3 * H))
    state, d_state = minlstm.State(rng.normal(size=(B, H))), minlstm.State(rng.normal(size=(B, H)))
    return params, rng.normal(size=(T, B, D)), state, rng.normal(size=(T, B, H)), d_state


def paper(torch, W_x, b, x, h, positive):
    """The sequential mode of the paper, equation by equation."""
    (W_i, W_f, W_g), (b_i, b_f, b_g), hs = W_x.chunk(3), b.chunk(3), []
    for x_t in x:
        f, i = torch.sigmoid(x_t @ W_f.T + b_f), torch.sigmoid(x_t @ W_i.T + b_i)
        g = x_t @ W_g.T + b_g
        if positive:
            g = torch.where(g >= 0, g + 0.5, torch.sigmoid(g))
        h = f / (f + i) * h + i / (f + i) * g
        hs.append(h)
    return torch.stack(hs)


def agrees_with_the_paper(torch, positive, params, x, state, d_hs, d_state):
    """Values to 1e-12, all gradients to 1e-10."""
    hs, last, cache = minlstm.forward(params, x, state, positive=positive)
    d_x, d_first, d_params = minlstm.backward(params, d_hs, cache, d_state)
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
    _, _, cache = minlstm.forward(params, x, state, positive=positive)
    d_x, d_first, d_params = minlstm.backward(params, d_hs, cache, d_state)
    given = {"x": x, "h": state.h, **params._asdict()}

    def loss(**changed):
        now = given | changed
        hs, last, _ = minlstm.forward(minlstm.Params(now["W_x"], now["b"]), now["x"], (now["h"],), positive=positive)
        return (hs * d_hs).sum() + (last.h * d_state.h).sum()

    for name, gradient in {"x": d_x, "h": d_first.h, **d_params._asdict()}.items():
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def test_the_positive_form_in_log_space(rng):
    """The paper's parallel mode, with the logarithm of the state itself where it enters."""
    params, x, state, _, _ = problem(rng, 200, 3, 2, 4)
    state = minlstm.State(np.abs(state.h))
    a_i, a_f, a_g = np.split(x @ params.W_x.T + params.b, 3, axis=-1)
    difference = log_sigmoid(a_f) - log_sigmoid(a_i)
    log_b = log_sigmoid(-difference) + log_positive(a_g)
    log_hs = scan.log_space(log_sigmoid(difference), log_b, np.log(state.h))
    hs, _, _ = minlstm.forward(params, x, state, positive=True)
    np.testing.assert_allclose(np.exp(log_hs), hs, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gates_far_below_zero_still_share(rng, dtype):
    """Both sigmoids round to 0; their shares do not."""
    params, x, state, d_hs, _ = problem(rng, 6, 3, 2, 4)
    params.W_x[:8], params.b[:4], params.b[4:8] = 0, -500, -501
    params, state = minlstm.Params(*(p.astype(dtype) for p in params)), minlstm.State(state.h.astype(dtype))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        hs, _, cache = minlstm.forward(params, x.astype(dtype), state)
        minlstm.backward(params, d_hs.astype(dtype), cache)
    f = 1 / (1 + np.e)
    want = f * state.h + (1 - f) * (x[0] @ params.W_x[8:].T + params.b[8:])
    np.testing.assert_allclose(hs[0], want, rtol=0, atol=20 * np.finfo(dtype).eps)


def test_init_count_and_zero_state(rng):
    params = minlstm.init_params(rng, 25, 6, dtype=np.float32)
    assert [p.shape for p in params] == [(18, 25), (18,)]
    assert {p.dtype for p in params} == {np.dtype(np.float32)}
    assert np.abs(params.W_x).max() <= 0.2
    assert not params.b.any()
    assert minlstm.count_params(25, 6) == sum(p.size for p in params)
    assert minlstm.zero_state(2, 3, np.float32).h.dtype == np.float32


# Torch


def module(torch, params, **options):
    from lstmkit.torch.minlstm import MinLSTM

    network = MinLSTM(params.W_x.shape[1], len(params.b) // 3, dtype=torch.float64, **options)
    network.load_state_dict({f"{name}_l0": torch.tensor(value) for name, value in params._asdict().items()})
    return network


@FORMS
@pytest.mark.parametrize("batch_first", [False, True])
def test_the_module_is_the_numpy_cell(rng, torch, positive, batch_first):
    params, x, state, _, _ = problem(rng, 7, 3, 2, 4)
    network = module(torch, params, positive=positive, batch_first=batch_first)
    hs, last, _ = minlstm.forward(params, x, state, positive=positive)
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
    "shares swapped": lambda i, f, g, h: cell_with(i, f, g, h, lambda f: 1 - f, lambda f: f),
    "gates that do not sum to 1": lambda i, f, g, h: cell_with(i, f, g, h, lambda f: f, lambda f: 0.9 * (1 - f)),
    "nothing written": lambda i, f, g, h: cell_with(i, f, g, h, lambda f: f, lambda f: 0 * f),
    "i for f": lambda i, f, g, h: RIGHT_STEP(f, i, g, h),
}
WRONG_BACKWARD = {
    "no gradient to g": lambda i, f, g, h: (i, f, 0 * g, h),
    "i and f swapped": lambda i, f, g, h: (f, i, g, h),
    "wrong sign": lambda i, f, g, h: (-i, f, g, h),
}
RIGHT_STEP, RIGHT_BACKWARD = cell.step, cell.step_backward


def cell_with(a_i, a_f, g, h, kept, written):
    _, f, *rest = RIGHT_STEP(a_i, a_f, g, h)
    return kept(f) * h + written(f) * g, kept(f), *rest


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
