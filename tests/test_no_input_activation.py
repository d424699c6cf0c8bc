"""The LSTM whose candidate is not squashed, in NumPy: against its equations, and the LSTM's small signals.

What holds for every cell (halves, dtypes, errors, finite differences) stands in test_recurrence.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import lstm, no_input_activation

SIZES = [(5, 3, 2, 4), (1, 1, 3, 2), (6, 1, 2, 3)]  # T, B, D, H


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_another_hand(rng, sizes):
    """The published equations once more, gate by gate, and their exact derivatives."""
    oracles.agrees(no_input_activation, oracles.no_input_activation, *oracles.problem(no_input_activation, rng, *sizes))


def test_small_signals_do_not_notice_the_tanh(rng):
    """tanh(a) = a - a³/3 + ...: with candidates and cell of order ε, the LSTM differs in the order of ε³."""
    params, x, state, _, _ = oracles.problem(no_input_activation, rng)

    def difference(small):
        scaled = no_input_activation.Params(*(p.copy() for p in params))
        for p in scaled:
            p[8:12] *= small
        first = state._replace(c=small * state.c)
        ours, theirs = (twin.forward(scaled, x, first)[1] for twin in (no_input_activation, lstm))
        return ours.c - theirs.c

    once, twice = difference(1e-3), difference(2e-3)
    assert once.any()
    np.testing.assert_allclose(twice, 8 * once, rtol=0, atol=0.1 * np.abs(twice).max())


def test_init_params_and_their_count(rng):
    D, H = 7, 50
    params = no_input_activation.init_params(rng, D, H)
    for name, array in params._asdict().items():
        if not name.startswith("b"):
            assert np.abs(array).max() <= H**-0.5
            assert array.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.3)
    np.testing.assert_array_equal(params.b.reshape(4, H), np.eye(4)[1][:, None] * np.ones(H))
    other = no_input_activation.init_params(rng, D, H, forget_bias=-2.5, dtype=np.float32)
    np.testing.assert_array_equal(other.b[H : 2 * H], np.full(H, -2.5, np.float32))
    assert {p.dtype for p in other} == {np.dtype(np.float32)}
    assert no_input_activation.count_params(D, H) == sum(p.size for p in params) == 4 * H * (D + H + 1)


# The suite itself on trial: each wrong variant must be seen.

WRONG = {
    "i and f exchanged": [("i = sigmoid(a_i)", "i = sigmoid(a_f)"), ("f = sigmoid(a_f)", "f = sigmoid(a_i)")],
    "tanh for a gate": [("f = sigmoid(a_f)", "f = tanh(a_f)")],
    "no forget gate": [("c = f * c_prev + i * a_g", "c = c_prev + i * a_g")],
    "tanh of c missing": [("h = o * q", "h = o * c")],
    "h from the old c": [("q = tanh(c)", "q = tanh(c_prev)")],
    "path of c through h lost": [(" + d_h * o * (1 - q * q)", "")],
    "slope of tanh not squared": [("(1 - q * q)", "(1 - q)")],
    "incoming d_c lost": [("d_c = d_c + d_h", "d_c = d_h")],
    "d_c_prev without f": [(", d_c * f\n", ", d_c\n")],
    "the candidate squashed": [("i * a_g\n", "i * tanh(a_g)\n")],
    "slope of a tanh that is not there": [("d_c * i, d_o", "d_c * i * (1 - a_g * a_g), d_o")],
    "d_i without the candidate": [("d_i = d_c * a_g", "d_i = d_c")],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, wrong):
    given = oracles.problem(no_input_activation, rng, 3, 2, 1, 3)
    with pytest.raises(AssertionError):
        oracles.agrees(mutant(no_input_activation, *WRONG[wrong]), oracles.no_input_activation, *given)
