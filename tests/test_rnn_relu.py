"""The simple recurrent network with ReLU in NumPy: against torch.nn.RNN and torch.autograd.

What holds for every cell (halves, dtypes, errors, finite differences) stands in test_recurrence.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import rnn_relu

SIZES = [(5, 3, 2, 4), (1, 3, 2, 5), (6, 1, 4, 3), (1, 1, 3, 2), (3, 4, 1, 2), (20, 7, 5, 9)]  # T, B, D, H


def by_the_library(torch, params, x, state, d_hs, d_state):
    """`oracles.run`'s list by torch.nn.RNN and autograd; our one bias is divided at random between its two."""
    (H, D), b = params.W_x.shape, torch.tensor(params.b)
    module, part = torch.nn.RNN(D, H, nonlinearity="relu").double(), torch.randn(H, dtype=torch.float64)
    arrays = torch.tensor(params.W_x), torch.tensor(params.W_h), part, b - part
    module.load_state_dict(dict(zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), arrays, strict=True)))
    x, h0 = torch.tensor(x, requires_grad=True), torch.tensor(state.h[None], requires_grad=True)
    hs, last = module(x, h0)
    torch.autograd.backward([hs, last], [torch.tensor(d_hs), torch.tensor(d_state.h[None])])
    W_x, W_h, b, _ = (p.grad for p in module.parameters())
    return [a.detach().numpy() for a in (hs, last[0], x.grad, h0.grad[0], W_x, W_h, b)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_torch_nn(rng, torch, sizes):
    given = oracles.problem(rnn_relu, rng, *sizes)
    oracles.judged(rnn_relu, oracles.run(rnn_relu, *given), by_the_library(torch, *given))


def test_values_and_gradients_against_another_hand(rng):
    """The equation once more, and its exact derivatives."""
    oracles.agrees(rnn_relu, oracles.rnn_relu, *oracles.problem(rnn_relu, rng))


def test_at_the_kink_nothing_is_learnt(rng):
    """A pre-activation of exactly 0 gives 0, and its gradient is 0, as torch has it."""
    params, x, state, d_hs, d_state = oracles.problem(rnn_relu, rng)
    still = rnn_relu.Params(*(0 * p for p in params))
    hs, *_, d_W_x, d_W_h, d_b = oracles.run(rnn_relu, still, x, state, d_hs, d_state)
    for array in (hs, d_W_x, d_W_h, d_b):
        assert not array.any()


def test_with_the_identity_it_adds_up(rng):
    """The start of Le, Jaitly & Hinton (2015): W_h = 1 and b = 0 sum a positive input, and the gradient stays 1."""
    adds = rnn_relu.Params(np.eye(4), np.eye(4), np.zeros(4))
    x = np.abs(rng.normal(size=(300, 3, 4)))
    hs, _, cache = rnn_relu.forward(adds, x)
    np.testing.assert_allclose(hs, np.cumsum(x, axis=0), rtol=1e-12, atol=0)
    d_hs = np.zeros_like(hs)
    d_hs[-1] = 1
    np.testing.assert_array_equal(rnn_relu.backward(adds, d_hs, cache)[0], np.ones_like(x))


def test_init_params_and_their_count(rng):
    D, H = 7, 50
    params = rnn_relu.init_params(rng, D, H)
    for W in params[:2]:
        assert np.abs(W).max() <= H**-0.5
        assert W.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.3)
    assert not params.b.any()
    assert {p.dtype for p in rnn_relu.init_params(rng, D, H, dtype=np.float32)} == {np.dtype(np.float32)}
    assert rnn_relu.count_params(D, H) == sum(p.size for p in params) == H * (D + H + 1)


# The suite itself on trial: each wrong variant must be seen.

WRONG = {
    "no relu": [("h = relu(a)", "h = a")],
    "tanh for relu": [("h = relu(a)", "h = tanh(a)")],
    "the negative part": [("h = relu(a)", "h = relu(-a)")],
    "leaky": [("h = relu(a)", "h = maximum(a, a / 100)")],
    "no derivative": [("d_h * d_relu(h),", "d_h,")],
    "relu for its derivative": [("d_relu(h)", "relu(h)")],
    "that of tanh": [("d_relu(h)", "(1 - h * h)")],
    "the other half": [("d_relu(h)", "(1 - d_relu(h))")],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, torch, wrong):
    given = oracles.problem(rnn_relu, rng, H=20)  # so many that some units are above zero
    with pytest.raises(AssertionError):
        oracles.judged(rnn_relu, oracles.run(mutant(rnn_relu, *WRONG[wrong]), *given), by_the_library(torch, *given))
