"""The LSTM whose gates see the gates of the step before, in NumPy: against its equations, and the LSTM.

What holds for every cell (halves, dtypes, errors, finite differences) stands in test_recurrence.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import full_gate_recurrence, lstm, recurrence

SIZES = [(5, 3, 2, 4), (1, 1, 3, 2), (6, 1, 2, 3)]  # T, B, D, H


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_another_hand(rng, sizes):
    """The published equations once more, gate by gate, and their exact derivatives."""
    oracles.agrees(
        full_gate_recurrence, oracles.full_gate_recurrence, *oracles.problem(full_gate_recurrence, rng, *sizes)
    )


def test_without_its_new_matrix_it_is_the_lstm(rng):
    """W_g = 0: values and gradients are the LSTM's, and the first gates do not matter."""
    params, x, state, d_hs, d_state = oracles.problem(full_gate_recurrence, rng)
    silent = full_gate_recurrence.State(d_state.h, *(0 * d for d in (d_state.i, d_state.f, d_state.o)), d_state.c)
    given = params._replace(W_g=0 * params.W_g), x, state, d_hs, silent
    ours = dict(zip(oracles.names(full_gate_recurrence), oracles.run(full_gate_recurrence, *given), strict=True))
    small = params[:3], x, (state.h, state.c), d_hs, (d_state.h, d_state.c)
    names = oracles.names(lstm)
    oracles.judged(lstm, [ours[name] for name in names], oracles.run(lstm, *small))
    assert not any(ours[name].any() for name in ("d_i0", "d_f0", "d_o0"))
    assert ours["d_W_g"].any()


def test_the_candidate_sees_no_gate(rng):
    """One step from two states that differ in their gates alone: i, f and o differ, g does not."""
    params, x, state, _, _ = oracles.problem(full_gate_recurrence, rng, T=1)
    other = state._replace(i=state.i + 1, f=state.f - 1, o=-state.o)
    first, second = (full_gate_recurrence.forward(params, x, s)[2] for s in (state, other))
    np.testing.assert_array_equal(recurrence.read(first, "g"), recurrence.read(second, "g"))
    for gate in "ifo":
        assert (recurrence.read(first, gate) != recurrence.read(second, gate)).all()


def test_init_params_and_their_count(rng):
    D, H = 7, 50
    params = full_gate_recurrence.init_params(rng, D, H)
    for name, array in params._asdict().items():
        if not name.startswith("b"):
            assert np.abs(array).max() <= H**-0.5
            assert array.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.3)
    np.testing.assert_array_equal(params.b.reshape(4, H), np.eye(4)[1][:, None] * np.ones(H))
    other = full_gate_recurrence.init_params(rng, D, H, forget_bias=-2.5, dtype=np.float32)
    np.testing.assert_array_equal(other.b[H : 2 * H], np.full(H, -2.5, np.float32))
    assert {p.dtype for p in other} == {np.dtype(np.float32)}
    assert full_gate_recurrence.count_params(D, H) == sum(p.size for p in params) == 4 * H * (D + H + 1) + 9 * H * H


# The suite itself on trial: each wrong variant must be seen.

WRONG = {
    "i and f exchanged": [("i = sigmoid(a_i)", "i = sigmoid(a_f)"), ("f = sigmoid(a_f)", "f = sigmoid(a_i)")],
    "tanh for a gate": [("f = sigmoid(a_f)", "f = tanh(a_f)")],
    "no forget gate": [("c = f * c_prev + i * g", "c = c_prev + i * g")],
    "candidate not squashed": [("g = tanh(a_g)", "g = a_g")],
    "tanh of c missing": [("h = o * q", "h = o * c")],
    "h from the old c": [("q = tanh(c)", "q = tanh(c_prev)")],
    "path of c through h lost": [(" + d_h * o * (1 - q * q)", "")],
    "slope of tanh not squared": [("(1 - q * q)", "(1 - q)")],
    "incoming d_c lost": [("d_c = d_c + d_h", "d_c = d_h")],
    "d_c_prev without f": [(", d_c * f\n", ", d_c\n")],
    "path of i to the next gates lost": [("d_i = d_i + d_c * g", "d_i = d_c * g")],
    "path of f to the next gates lost": [("d_f = d_f + d_c * c_prev", "d_f = d_c * c_prev")],
    "path of o to the next gates lost": [("d_o = d_o + d_h * q", "d_o = d_h * q")],
    "path of i to the cell lost": [("d_i = d_i + d_c * g", "d_i = d_i + d_c * 0")],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, wrong):
    given = oracles.problem(full_gate_recurrence, rng, 3, 2, 1, 3)
    with pytest.raises(AssertionError):
        oracles.agrees(mutant(full_gate_recurrence, *WRONG[wrong]), oracles.full_gate_recurrence, *given)
