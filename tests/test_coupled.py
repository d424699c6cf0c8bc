"""The LSTM with coupled gates in NumPy: against its equations, and against the LSTM with i = 1 - f.

What holds for every cell (halves, dtypes, errors, finite differences) stands in test_recurrence.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import coupled, lstm, recurrence

SIZES = [(5, 3, 2, 4), (1, 1, 3, 2), (6, 1, 2, 3)]  # T, B, D, H


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_another_hand(rng, sizes):
    """The published equations once more, gate by gate, and their exact derivatives."""
    oracles.agrees(coupled, oracles.coupled, *oracles.problem(coupled, rng, *sizes))


def test_it_is_the_lstm_whose_input_gate_is_one_minus_f(rng):
    """σ(-a) = 1 - σ(a): an LSTM whose input weights are the negated forget weights.  Values and gradients."""
    params, x, state, d_hs, d_state = given = oracles.problem(coupled, rng)
    whole = lstm.Params(*(np.concatenate([-p[:4], p]) for p in params))
    theirs = oracles.run(lstm, whole, x, state, d_hs, d_state)
    theirs[-3:] = [np.concatenate([d[4:8] - d[:4], d[8:]]) for d in theirs[-3:]]
    oracles.judged(coupled, oracles.run(coupled, *given), theirs)


def test_c_stays_between_minus_one_and_one(rng):
    """A weighted mean of numbers in (-1, 1), however long it runs and however large the weights."""
    params, x, state, _, _ = oracles.problem(coupled, rng, T=200)
    params = coupled.Params(*(10 * p for p in params))
    _, _, cache = coupled.forward(params, x, state._replace(c=np.tanh(state.c)))
    assert np.abs(recurrence.read(cache, "c")).max() <= 1


def test_init_params_and_their_count(rng):
    D, H = 7, 50
    params = coupled.init_params(rng, D, H)
    for name, array in params._asdict().items():
        if not name.startswith("b"):
            assert np.abs(array).max() <= H**-0.5
            assert array.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.3)
    np.testing.assert_array_equal(params.b.reshape(3, H), np.eye(3)[0][:, None] * np.ones(H))
    other = coupled.init_params(rng, D, H, forget_bias=-2.5, dtype=np.float32)
    np.testing.assert_array_equal(other.b[:H], np.full(H, -2.5, np.float32))
    assert {p.dtype for p in other} == {np.dtype(np.float32)}
    assert coupled.count_params(D, H) == sum(p.size for p in params) == 3 * H * (D + H + 1)


# The suite itself on trial: each wrong variant must be seen.

WRONG = {
    "tanh for a gate": [("f = sigmoid(a_f)", "f = tanh(a_f)")],
    "no forget gate": [("c = f * c_prev + (1 - f) * g", "c = c_prev + (1 - f) * g")],
    "candidate not squashed": [("g = tanh(a_g)", "g = a_g")],
    "tanh of c missing": [("h = o * q", "h = o * c")],
    "h from the old c": [("q = tanh(c)", "q = tanh(c_prev)")],
    "path of c through h lost": [(" + d_h * o * (1 - q * q)", "")],
    "slope of tanh not squared": [("(1 - q * q)", "(1 - q)")],
    "incoming d_c lost": [("d_c = d_c + d_h", "d_c = d_h")],
    "d_c_prev without f": [(", d_c * f\n", ", d_c\n")],
    "roles of f exchanged": [("c = f * c_prev + (1 - f) * g", "c = (1 - f) * c_prev + f * g")],
    "not coupled": [("c = f * c_prev + (1 - f) * g", "c = f * c_prev + f * g")],
    "the candidate always written": [("c = f * c_prev + (1 - f) * g", "c = f * c_prev + g")],
    "1 - f missing in the gradient of g": [("d_g = d_c * (1 - f)", "d_g = d_c")],
    "f for 1 - f in the gradient of g": [("d_g = d_c * (1 - f)", "d_g = d_c * f")],
    "one role of f missing in its gradient": [("(c_prev - g)", "c_prev")],
    "both roles with one sign": [("(c_prev - g)", "(c_prev + g)")],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, wrong):
    given = oracles.problem(coupled, rng, 3, 2, 1, 3)
    with pytest.raises(AssertionError):
        oracles.agrees(mutant(coupled, *WRONG[wrong]), oracles.coupled, *given)
