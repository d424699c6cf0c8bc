"""The GRU in NumPy: against torch.nn.GRU and torch.autograd, and against its equations once more.

What holds for every cell (halves, dtypes, errors, finite differences) stands in test_recurrence.py; layers,
directions, packed sequences and conversion of the torch module stand in test_stack.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import gru

SIZES = [(5, 3, 2, 4), (1, 3, 2, 5), (6, 1, 4, 3), (1, 1, 3, 2), (3, 4, 1, 2), (40, 7, 5, 9)]  # T, B, D, H


def by_the_library(torch, params, x, state, d_hs, d_state):
    """`oracles.run`'s list by torch.nn.GRU and autograd; of its six biases, four are halves of ours, at random."""
    (H3, D), H = params.W_x.shape, params.W_h.shape[1]
    module, part = torch.nn.GRU(D, H).double(), torch.randn(H3, dtype=torch.float64)
    b, b_u = torch.tensor(params.b), torch.tensor(params.b_u)
    part[2 * H :] = b_u
    first = b - part
    first[2 * H :] = b[2 * H :]
    arrays = torch.tensor(params.W_x), torch.tensor(params.W_h), first, part
    module.load_state_dict(dict(zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), arrays, strict=True)))
    x, h0 = torch.tensor(x, requires_grad=True), torch.tensor(state.h[None], requires_grad=True)
    hs, last = module(x, h0)
    torch.autograd.backward([hs, last], [torch.tensor(d_hs), torch.tensor(d_state.h[None])])
    W_x, W_h, b, other = (p.grad for p in module.parameters())
    return [a.detach().numpy() for a in (hs, last[0], x.grad, h0.grad[0], W_x, W_h, b, other[2 * H :])]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_torch_nn(rng, torch, sizes):
    given = oracles.problem(gru, rng, *sizes)
    oracles.judged(gru, oracles.run(gru, *given), by_the_library(torch, *given))


def test_values_and_gradients_against_another_hand(rng):
    """The documented equations once more, gate by gate, and their exact derivatives."""
    oracles.agrees(gru, oracles.gru, *oracles.problem(gru, rng))


def test_z_at_one_keeps_the_state_and_at_zero_takes_the_candidate(rng):
    params, x, state, _, _ = oracles.problem(gru, rng)
    for bias, keeps in ((1000, True), (-1000, False)):
        for p in params[:2]:
            p[4:8] = 0
        params.b[4:8] = bias
        last = gru.forward(params, x, state)[1]
        assert np.array_equal(last.h, state.h) is keeps


def test_the_second_bias_stands_inside_the_reset(rng):
    """With r = 0 the candidate sees neither the past nor b_u; with r = 1, b and b_u are one sum."""
    params, x, state, _, _ = oracles.problem(gru, rng, T=1)
    for p in params[:2]:
        p[:4] = 0

    def h(b_r, b_n, b_u):
        b = params.b.copy()
        b[:4], b[8:] = b_r, b_n
        return gru.forward(params._replace(b=b, b_u=np.full(4, b_u)), x, state)[0]

    np.testing.assert_array_equal(h(-1000, 0.5, 1.0), h(-1000, 0.5, 2.0))
    np.testing.assert_allclose(h(1000, 0.5, 1.0), h(1000, 0.75, 0.75), rtol=0, atol=1e-14)


def test_init_params_and_their_count(rng, torch):
    D, H = 7, 50
    params = gru.init_params(rng, D, H)
    for W in (params.W_x, params.W_h):
        assert np.abs(W).max() <= H**-0.5
        assert W.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.2)
    assert not params.b.any()
    assert not params.b_u.any()
    assert {p.dtype for p in gru.init_params(rng, D, H, dtype=np.float32)} == {np.dtype(np.float32)}
    theirs = sum(p.numel() for p in torch.nn.GRU(D, H).parameters())
    assert gru.count_params(D, H) == sum(p.size for p in params) == theirs - 2 * H  # r and z need one bias each


# The suite itself on trial: each wrong variant must be seen.

H_LINE = "h = (1 - z) * n + z * h_prev"
WRONG = {
    "z and 1 - z exchanged": [(H_LINE, "h = z * n + (1 - z) * h_prev")],
    "r and z exchanged": [("r = sigmoid(a_r)", "r = sigmoid(a_z)"), ("z = sigmoid(a_z)", "z = sigmoid(a_r)")],
    "no reset": [("n = tanh(a_n + r * u)", "n = tanh(a_n + u)")],
    "reset of everything": [("n = tanh(a_n + r * u)", "n = tanh(r * (a_n + u))")],
    "reset of the input": [("n = tanh(a_n + r * u)", "n = tanh(r * a_n + u)")],
    "tanh missing": [("n = tanh(a_n + r * u)", "n = a_n + r * u")],
    "sigmoid for the candidate": [("n = tanh(a_n + r * u)", "n = sigmoid(a_n + r * u)")],
    "the old state always added": [(H_LINE, "h = (1 - z) * n + h_prev")],
    "d_z without the candidate": [("(h_prev - n)", "h_prev")],
    "d_z with the other sign": [("(h_prev - n)", "(n - h_prev)")],
    "1 - z missing": [("d_a_n = d_h * (1 - z) * (1 - n * n)", "d_a_n = d_h * (1 - n * n)")],
    "slope of tanh not squared": [("(1 - n * n)", "(1 - n)")],
    "d_r from the old state": [("d_r = d_a_n * u", "d_r = d_a_n * h_prev")],
    "d_u without r": [("return d_a_n * r,", "return d_a_n,")],
    "direct path to the old state lost": [("d_a_n, d_h * z\n", "d_a_n, d_h * 0\n")],
    "direct path without z": [("d_a_n, d_h * z\n", "d_a_n, d_h\n")],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, torch, wrong):
    given = oracles.problem(gru, rng)
    with pytest.raises(AssertionError):
        oracles.judged(gru, oracles.run(mutant(gru, *WRONG[wrong]), *given), by_the_library(torch, *given))


def reset_before_the_product(params, x, state):
    """n = tanh(W_xn x + W_hn (r ⊙ h) + b_n + b_u): the form of the first papers, with both biases."""
    (h,), hs = state, []
    for x_t in x:
        a = oracles.parts(params, x_t, h)
        r, z = oracles.sigma(a(0)), oracles.sigma(a(1))
        h = (1 - z) * np.tanh(oracles.parts(params, x_t, r * h)(2) + params.b_u) + z * h
        hs.append(h)
    return np.stack(hs), (h,)


def both_biases_merged(params, x, state):
    """b_u added to b and not reset: what one bias would give."""
    b = params.b.copy()
    b[-len(params.b_u) :] += params.b_u
    return oracles.gru(params._replace(b=b, b_u=0 * params.b_u), x, state)


def blocks_in_the_order_of_onnx(params, x, state):
    """z before r, as ONNX and Keras stack them."""
    H = len(params.b_u)
    z, r, n = (slice(k * H, (k + 1) * H) for k in range(3))
    changed = [np.concatenate([p[r], p[z], p[n]]) for p in params[:3]]
    return oracles.gru(gru.Params(*changed, params.b_u), x, state)


@pytest.mark.parametrize("wrong", [reset_before_the_product, both_biases_merged, blocks_in_the_order_of_onnx])
def test_another_form_of_the_gru_is_seen(rng, wrong):
    """Nothing in the pointwise equations: what differs is which product, bias or block is which."""
    params, x, state, _, _ = oracles.problem(gru, rng)
    hs = gru.forward(params, x, state)[0]
    np.testing.assert_allclose(hs, oracles.gru(params, x, state)[0], rtol=0, atol=1e-12)
    assert np.abs(hs - wrong(params, x, state)[0]).max() > 1e-3
