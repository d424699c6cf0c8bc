"""The LSTM of 1997 in NumPy: against its equations, and against the LSTM whose forget gate is 1.

What holds for every cell (halves, dtypes, errors, finite differences) stands in test_recurrence.py.
"""

import numpy as np
import oracles
import pytest
from mutants import mutant

from lstmkit.numpy import lstm, lstm97

SIZES = [(5, 3, 2, 4), (1, 1, 3, 2), (6, 1, 2, 3)]  # T, B, D, H


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_values_and_gradients_against_another_hand(rng, sizes):
    """The published equations once more, gate by gate, and their exact derivatives."""
    oracles.agrees(lstm97, oracles.lstm97, *oracles.problem(lstm97, rng, *sizes))


def test_it_is_the_lstm_whose_forget_gate_is_one(rng):
    """Forget weights 0 and bias 1000: σ(1000) is 1 to the last bit.  Values and gradients."""
    params, x, state, d_hs, d_state = given = oracles.problem(lstm97, rng)

    def with_forget(stacked, value):
        i, g, o = np.split(stacked, 3)
        return np.concatenate([i, np.full_like(i, value), g, o])

    whole = lstm.Params(with_forget(params.W_x, 0), with_forget(params.W_h, 0), with_forget(params.b, 1000))
    theirs = oracles.run(lstm, whole, x, state, d_hs, d_state)
    theirs[-3:] = [np.delete(d, slice(4, 8), axis=0) for d in theirs[-3:]]
    oracles.judged(lstm97, oracles.run(lstm97, *given), theirs)


def test_what_is_in_stays_in(rng):
    """With the input gate shut, the cell state is the same number after any number of steps."""
    params, x, state, _, _ = oracles.problem(lstm97, rng, T=50)
    shut = lstm97.Params(*(np.concatenate([np.zeros_like(p[:4]), p[4:]]) for p in params))
    shut.b[:4] = -1000
    np.testing.assert_array_equal(lstm97.forward(shut, x, state)[1].c, state.c)


def test_init_params_and_their_count(rng):
    D, H = 7, 50
    params = lstm97.init_params(rng, D, H)
    for name, array in params._asdict().items():
        if not name.startswith("b"):
            assert np.abs(array).max() <= H**-0.5
            assert array.std() == pytest.approx(H**-0.5 / 3**0.5, rel=0.3)
    assert not params.b.any()
    other = lstm97.init_params(rng, D, H, dtype=np.float32)
    assert {p.dtype for p in other} == {np.dtype(np.float32)}
    assert lstm97.count_params(D, H) == sum(p.size for p in params) == 3 * H * (D + H + 1)


# The suite itself on trial: each wrong variant must be seen.

WRONG = {
    "candidate not squashed": [("g = tanh(a_g)", "g = a_g")],
    "tanh of c missing": [("h = o * q", "h = o * c")],
    "h from the old c": [("q = tanh(c)", "q = tanh(c_prev)")],
    "path of c through h lost": [(" + d_h * o * (1 - q * q)", "")],
    "slope of tanh not squared": [("(1 - q * q)", "(1 - q)")],
    "incoming d_c lost": [("d_c = d_c + d_h", "d_c = d_h")],
    "d_c_prev without f": [("(1 - o), d_c", "(1 - o), d_c * 0")],
    "a forget gate of one half": [("c = c_prev + i * g", "c = c_prev / 2 + i * g")],
    "i and g exchanged": [("i = sigmoid(a_i)", "i = sigmoid(a_g)"), ("g = tanh(a_g)", "g = tanh(a_i)")],
    "d_i and d_g exchanged": [("d_i = d_c * g", "d_i = d_c * i"), ("d_g = d_c * i", "d_g = d_c * g")],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_variant_is_seen(rng, wrong):
    given = oracles.problem(lstm97, rng, 3, 2, 1, 3)
    with pytest.raises(AssertionError):
        oracles.agrees(mutant(lstm97, *WRONG[wrong]), oracles.lstm97, *given)
