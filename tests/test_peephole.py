"""The LSTM with peepholes in NumPy: against the equations of Gers et al., and against the LSTM.

What holds for every cell (halves, dtypes, errors, finite differences) stands in test_recurrence.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import lstm, peephole

SIZES = [(5, 3, 2, 4), (1, 1, 3, 2), (6, 1, 2, 3)]  # T, B, D, H


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_another_hand(rng, sizes):
    """The published equations once more, gate by gate, and their exact derivatives."""
    oracles.agrees(peephole, oracles.peephole, *oracles.problem(peephole, rng, *sizes))


def test_with_zero_peepholes_it_is_the_lstm(rng):
    """Values and gradients; those of the peepholes are not zero all the same."""
    params, x, state, d_hs, d_state = oracles.problem(peephole, rng)
    blind = params._replace(w_i=0 * params.w_i, w_f=0 * params.w_f, w_o=0 * params.w_o)
    ours = oracles.run(peephole, blind, x, state, d_hs, d_state)
    oracles.judged(lstm, ours[:-3], oracles.run(lstm, params[:3], x, state, d_hs, d_state))
    assert all(d.any() for d in ours[-3:])


def test_each_unit_sees_its_own_cell_and_no_other(rng):
    """Without W_h nothing else joins the units: a changed cell of unit 1 leaves the others as they are."""
    params, x, state, _, _ = oracles.problem(peephole, rng)
    alone = params._replace(W_h=0 * params.W_h)
    changed = state._replace(c=state.c + np.eye(4)[1])
    hs, other = peephole.forward(alone, x, state)[0], peephole.forward(alone, x, changed)[0]
    np.testing.assert_array_equal(np.delete(hs, 1, axis=2), np.delete(other, 1, axis=2))
    assert (hs[..., 1] != other[..., 1]).all()


def test_init_params_and_their_count(rng):
    D, H = 7, 50
    params = peephole.init_params(rng, D, H)
    for name, array in params._asdict().items():
        if not name.startswith("b"):
            assert np.abs(array).max() <= H**-0.5
            assert array.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.3)
    np.testing.assert_array_equal(params.b.reshape(4, H), np.eye(4)[1][:, None] * np.ones(H))
    other = peephole.init_params(rng, D, H, forget_bias=-2.5, dtype=np.float32)
    np.testing.assert_array_equal(other.b[H : 2 * H], np.full(H, -2.5, np.float32))
    assert {p.dtype for p in other} == {np.dtype(np.float32)}
    assert peephole.count_params(D, H) == sum(p.size for p in params) == 4 * H * (D + H + 1) + 3 * H


# The suite itself on trial: each wrong variant must be seen.

WRONG = {
    "i and f exchanged": [
        ("i = sigmoid(a_i + w_i * c_prev)", "i = sigmoid(a_f + w_f * c_prev)"),
        ("f = sigmoid(a_f + w_f * c_prev)", "f = sigmoid(a_i + w_i * c_prev)"),
    ],
    "peepholes of i and f exchanged": [
        ("a_i + w_i * c_prev", "a_i + w_f * c_prev"),
        ("a_f + w_f * c_prev", "a_f + w_i * c_prev"),
    ],
    "o sees the old c": [("o = sigmoid(a_o + w_o * c)", "o = sigmoid(a_o + w_o * c_prev)")],
    "o sees the squashed c": [
        ("    o = sigmoid(a_o + w_o * c)\n    q = tanh(c)\n", "    q = tanh(c)\n    o = sigmoid(a_o + w_o * q)\n")
    ],
    "no peephole on o": [("a_o + w_o * c", "a_o")],
    "no peephole on i": [("a_i + w_i * c_prev", "a_i")],
    "no peephole on f": [("a_f + w_f * c_prev", "a_f")],
    "tanh of c missing": [("h = o * q", "h = o * c")],
    "candidate not squashed": [("g = tanh(a_g)", "g = a_g")],
    "c_prev for c in d_w_o": [("d_a_f * c_prev, d_a_o * c\n", "d_a_f * c_prev, d_a_o * c_prev\n")],
    "q for c in d_w_o": [("d_a_o * c\n", "d_a_o * q\n")],
    "c for c_prev in d_w_i": [("d_c_prev, d_a_i * c_prev", "d_c_prev, d_a_i * c")],
    "c hidden from o in the gradient": [(" + d_a_o * w_o", "")],
    "c_prev hidden from i in the gradient": [(" + d_a_i * w_i", "")],
    "c_prev hidden from f in the gradient": [(" + d_a_f * w_f", "")],
    "d_w_i and d_w_f exchanged": [
        ("d_c_prev, d_a_i * c_prev, d_a_f * c_prev", "d_c_prev, d_a_f * c_prev, d_a_i * c_prev")
    ],
    "path of c through h lost": [(" + d_h * o * (1 - q * q)", "")],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, wrong):
    given = oracles.problem(peephole, rng, 3, 2, 1, 3)
    with pytest.raises(AssertionError):
        oracles.agrees(mutant(peephole, *WRONG[wrong]), oracles.peephole, *given)
