"""Truncated backpropagation: the stream, the pieces, where the gradient ends, and what cannot be learnt."""

import numpy as np
import pytest

pytest.importorskip("torch")

from lstmkit.experiments import truncation


@pytest.fixture(scope="module")
def small():
    return truncation.run(0, "test")


def test_every_key_is_there_and_the_same_seed_gives_the_same_numbers(small):
    again = truncation.run(0, "test")
    assert set(small) == {
        "ks",
        "reset_ks",
        "accuracy",
        "loss",
        "updates",
        "cpu_seconds",
        "best_possible_reset",
        "delay",
        "flips",
        "streams",
        "H",
        "parameters",
    }
    for key in ("accuracy", "loss"):
        for name, values in small[key].items():
            np.testing.assert_array_equal(values, again[key][name])
    np.testing.assert_array_equal(small["updates"], [40, 10])  # equal flips, so more updates where k is small
    assert small["parameters"] == 4 * 32 * (1 + 32 + 1) + 2 * 33


def test_the_answer_is_the_flip_of_some_steps_before(rng):
    x, y = truncation.stream(rng, 3, 50, 4)
    assert (y[:3] == -1).all()
    for t in range(3, 50):
        np.testing.assert_array_equal(y[t], (x[t - 3, :, 0] + 1) / 2)


def test_the_best_within_pieces_by_counting(rng):
    """Go through a piece and count: what was asked after its flip was shown is known, the rest is a coin."""
    for delay, k in ((15, 20), (15, 40), (15, 10), (2, 4)):
        right = np.mean([1.0 if t - delay >= 0 else 0.5 for t in range(k)])
        assert truncation.best_within_pieces(delay, k) == pytest.approx(right)
    with pytest.raises(ValueError, match="k is 0"):
        truncation.best_within_pieces(3, 0)


def test_the_state_is_carried_or_starts_from_zeros(torch, monkeypatch):
    """Weights that hardly move: the loss of the second piece depends on the first piece's flips through the state."""
    monkeypatch.setattr(truncation, "RATE", 1e-12)
    x, y = truncation.stream(np.random.default_rng(0), 2, 4, 3)
    other = x.copy()
    other[:2] *= -1
    y[:] = 1
    second = {}
    for carry in (True, False):
        for name, flips in (("one", x), ("other", other)):
            torch.manual_seed(0)
            network = truncation.Network(truncation.LSTM(1, 5), 2)
            second[carry, name] = truncation.train(network, 0, flips, y, 2, carry).loss[1]
    assert abs(second[True, "one"] - second[True, "other"]) > 1e-4
    assert second[False, "one"] == pytest.approx(second[False, "other"], abs=1e-6)


def test_no_answer_leaks_from_the_future(torch):
    network = truncation.Network(truncation.LSTM(1, 4), 2)
    x, _ = truncation.stream(np.random.default_rng(1), 2, 20, 2)
    later = x.copy()
    later[10:] *= -1
    with torch.no_grad():
        one, two = (network(torch.from_numpy(a))[0][:10] for a in (x, later))
    torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_a_bad_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        truncation.run(0, "huge")


@pytest.mark.slow
def test_a_gradient_shorter_than_the_delay_learns_nothing():
    result = truncation.run(0, "live")
    assert result["accuracy"]["carried"][0] < 0.7  # above one half: a carried state holds a little without being taught
    assert result["accuracy"]["carried"][-1] > 0.9
