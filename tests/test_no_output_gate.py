"""The LSTM without an output gate in NumPy: against its equations, and against the LSTM with o = 1.

What holds for every cell (halves, dtypes, errors, finite differences) stands in test_recurrence.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import lstm, no_output_gate

SIZES = [(5, 3, 2, 4), (1, 1, 3, 2), (6, 1, 2, 3)]  # T, B, D, H


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_another_hand(rng, sizes):
    """The published equations once more, gate by gate, and their exact derivatives."""
    oracles.agrees(no_output_gate, oracles.no_output_gate, *oracles.problem(no_output_gate, rng, *sizes))


def test_it_is_the_lstm_whose_output_gate_is_one(rng):
    """Output weights 0 and bias 1000: σ(1000) is 1 to the last bit.  Values and gradients."""
    params, x, state, d_hs, d_state = given = oracles.problem(no_output_gate, rng)

    def with_output(stacked, value):
        return np.concatenate([stacked, np.full_like(stacked[:4], value)])

    whole = lstm.Params(with_output(params.W_x, 0), with_output(params.W_h, 0), with_output(params.b, 1000))
    theirs = oracles.run(lstm, whole, x, state, d_hs, d_state)
    theirs[-3:] = [d[:12] for d in theirs[-3:]]
    oracles.judged(no_output_gate, oracles.run(no_output_gate, *given), theirs)


def test_init_params_and_their_count(rng):
    D, H = 7, 50
    params = no_output_gate.init_params(rng, D, H)
    for name, array in params._asdict().items():
        if not name.startswith("b"):
            assert np.abs(array).max() <= H**-0.5
            assert array.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.3)
    np.testing.assert_array_equal(params.b.reshape(3, H), np.eye(3)[1][:, None] * np.ones(H))
    other = no_output_gate.init_params(rng, D, H, forget_bias=-2.5, dtype=np.float32)
    np.testing.assert_array_equal(other.b[H : 2 * H], np.full(H, -2.5, np.float32))
    assert {p.dtype for p in other} == {np.dtype(np.float32)}
    assert no_output_gate.count_params(D, H) == sum(p.size for p in params) == 3 * H * (D + H + 1)


# The suite itself on trial: each wrong variant must be seen.

WRONG = {
    "i and f exchanged": [("i = sigmoid(a_i)", "i = sigmoid(a_f)"), ("f = sigmoid(a_f)", "f = sigmoid(a_i)")],
    "tanh for a gate": [("f = sigmoid(a_f)", "f = tanh(a_f)")],
    "no forget gate": [("c = f * c_prev + i * g", "c = c_prev + i * g")],
    "candidate not squashed": [("g = tanh(a_g)", "g = a_g")],
    "d_c_prev without f": [(", d_c * f\n", ", d_c\n")],
    "tanh missing": [("h = tanh(c)", "h = c")],
    "h from the old c": [("h = tanh(c)", "h = tanh(c_prev)")],
    "an output gate from i": [("h = tanh(c)", "h = i * tanh(c)")],
    "slope of tanh not squared": [("(1 - h * h)", "(1 - h)")],
    "path of c through h lost": [(" + d_h * (1 - h * h)", "")],
    "incoming d_c lost": [("d_c = d_c + d_h", "d_c = d_h")],
    "d_i and d_g exchanged": [("d_i = d_c * g", "d_i = d_c * i"), ("d_g = d_c * i", "d_g = d_c * g")],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, wrong):
    given = oracles.problem(no_output_gate, rng, 3, 2, 1, 3)
    with pytest.raises(AssertionError):
        oracles.agrees(mutant(no_output_gate, *WRONG[wrong]), oracles.no_output_gate, *given)
