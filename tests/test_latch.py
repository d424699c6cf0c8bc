"""The latch: it holds its bit against noise, its gradient is the chapter's product, and learning it is hard."""

import numpy as np
import pytest

from lstmkit.experiments import latch
from lstmkit.numpy import rnn


@pytest.fixture(scope="module")
def small():
    return latch.run(scale="test")


def test_the_first_input_is_the_bit(rng):
    x, labels = latch.batch(rng, 9, 50)
    np.testing.assert_array_equal(x[0, :, 0] > 0, labels == 1)
    assert np.abs(x[1:]).max() <= latch.NOISE


@pytest.mark.parametrize("w", [1.2, 2.0, 5.0])
def test_resting_point(w):
    h = latch.resting_point(w)
    assert h > 0
    assert h == pytest.approx(np.tanh(w * h), abs=1e-10)


@pytest.mark.parametrize("w", [1.2, 2.0, 5.0])
def test_a_push_below_the_limit_is_survived_and_one_above_is_not(w):
    for share, survives in ((0.99, True), (1.01, False)):
        h = latch.resting_point(w)
        for _ in range(5000):
            h = np.tanh(w * h - share * latch.noise_limit(w))
        assert (h > 0) == survives


def test_gradient_sizes_are_the_derivative(rng):
    x, _ = latch.batch(rng, 7, 3)

    def h_at_5(h_1):
        state = rnn.State(h_1)
        for x_t in x[1:6]:
            state, _ = rnn.step(latch.HAND_SET, x_t, state)
        return state.h

    hs, _, _ = rnn.forward(latch.HAND_SET, x)
    eps = 1e-6
    measured = (h_at_5(hs[0] + eps) - h_at_5(hs[0] - eps))[:, 0] / (2 * eps)
    ours = latch.gradient_sizes(hs, 2.0, 5)[5]
    np.testing.assert_allclose(ours, np.abs(measured), rtol=1e-6, atol=1e-9)  # the quotient's rounding is 1e-10


def test_keys_and_shapes(small):
    assert small["hidden"].shape == (small["T"], 2)
    assert (small["hidden"][:, 0] > 0).all()
    assert (small["hidden"][:, 1] < 0).all()
    assert small["gradient"].shape == (latch.LAGS + 1, 2)
    for rows in small["learned"].values():
        assert rows.shape == (1, len(small["lengths"]))


def test_a_thousand_steps_are_held_and_the_gradient_is_gone():
    x, labels = latch.batch(np.random.default_rng(0), 1000, 200)
    hs, last, _ = rnn.forward(latch.HAND_SET, x)
    np.testing.assert_array_equal(last.h[:, 0] > 0, labels == 1)
    assert latch.gradient_sizes(hs, 2.0, latch.LAGS)[-1].max() < 1e-20


def test_undecided_doubles(small):
    assert small["undecided_factor"] == pytest.approx(2)
    assert small["latched_factor"] < 0.3


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        latch.run(scale="huge")


@pytest.mark.slow
def test_what_the_chapter_says():
    r = latch.run()
    simple, ajar, opened = ((rows > 0.95).sum(axis=0) for rows in r["learned"].values())
    assert r["held"] == 1
    assert opened.sum() >= 11  # of 12
    assert opened[-1] >= 3
    assert simple[-1] <= 2
    assert ajar[-1] <= 2
    assert simple.sum() < opened.sum() > ajar.sum()
