"""Gradient against lag: the reading is right, and the numbers stay where the chapter says they are."""

import numpy as np
import pytest

from lstmkit.experiments import gradient_lag
from lstmkit.numpy import lstm, rnn
from lstmkit.numpy.gradients import finite_difference


@pytest.fixture(scope="module")
def result():
    return gradient_lag.run()


def test_the_orthogonal_matrix_is_a_rotation_times_the_gain(rng):
    W_h = gradient_lag.orthogonal_rnn(rng, 3, 6, gain=1.5).W_h
    np.testing.assert_allclose(W_h @ W_h.T, 1.5**2 * np.eye(6), atol=1e-12)


def test_rnn_norm_is_that_of_the_true_derivative(rng):
    T, D, H = 5, 3, 4
    params = gradient_lag.torch_like_rnn(rng, D, H)
    x, v = rng.normal(size=(T, 1, D)), rng.normal(size=(1, H))
    norms = gradient_lag.rnn_norms(params, x, v)
    for lag in range(T):
        h = rnn.zero_state(1, H) if lag == T else rnn.forward(params, x[: T - lag])[1]

        def end(h_t, lag=lag):
            return (rnn.forward(params, x[T - lag :], rnn.State(h_t))[1].h * v).sum() if lag else (h_t * v).sum()

        np.testing.assert_allclose(norms[lag], np.linalg.norm(finite_difference(end, h.h)), rtol=1e-6)


def test_lstm_norm_is_that_of_the_true_derivative(rng):
    """∂c_T/∂c_t by every path, also by way of h_t = o_t tanh(c_t)."""
    T, D, H = 5, 3, 4
    params = lstm.init_params(rng, D, H)
    x, v = rng.normal(size=(T, 1, D)), rng.normal(size=(1, H))
    norms, direct = gradient_lag.lstm_norms(params, x, v)
    gates = lstm.read_gates(lstm.forward(params, x)[2])
    for lag in range(1, T):
        t = T - 1 - lag

        def end(c_t, t=t):
            state = lstm.State(gates.o[t] * np.tanh(c_t), c_t)
            return (lstm.forward(params, x[t + 1 :], state)[1].c * v).sum()

        np.testing.assert_allclose(norms[lag], np.linalg.norm(finite_difference(end, gates.c[t])), rtol=1e-6)
        np.testing.assert_allclose(direct[lag], np.linalg.norm(v * gates.f[t + 1 :].prod(axis=0)), rtol=1e-12)


def test_the_fit_finds_a_known_factor():
    assert gradient_lag.per_step_factor(3.0 * 0.8 ** np.arange(100)) == pytest.approx(0.8)


def test_what_the_chapter_says(result):
    factor = result["per_step"]
    assert factor["RNN"] == pytest.approx(0.57, abs=0.03)
    assert factor["LSTM b_f=0"] == pytest.approx(0.63, abs=0.03)
    assert factor["LSTM b_f=1"] == pytest.approx(0.86, abs=0.03)
    assert all(1.0 < factor[f"LSTM b_f={b}"] < 1.08 for b in (3, 5, 10))
    assert factor["RNN gain 1"] == pytest.approx(0.87, abs=0.03)
    assert factor["RNN gain 3"] > 1.2
    assert factor["RNN gain 1.5"] > 1.0
    assert factor["RNN gain 0.9"] < factor["RNN gain 1"]
    assert result["norm"]["LSTM b_f=0"][-1] < 1e-18


def test_the_carousel_never_grows(result):
    for curve in result["direct"].values():
        assert (np.diff(curve) <= 0).all()


def test_scale_is_checked_and_small_is_small():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        gradient_lag.run(scale="huge")
    assert len(gradient_lag.run(scale="test")["lag"]) == 90
