"""Temporal order: what a batch is, the biases, and that the hand-written LSTM learns it."""

import numpy as np
import pytest

from lstmkit.experiments import temporal_order as experiment
from lstmkit.tasks import temporal_order


@pytest.mark.parametrize(("T", "B"), [(10, 3), (20, 7), (100, 5), (107, 2)])
def test_two_signals_in_their_tenths_and_the_class_is_their_order(rng, T, B):
    x, y = temporal_order.batch(rng, T, B)
    assert x.shape == (T, B, 6)
    assert y.shape == (B,)
    np.testing.assert_array_equal(x.sum(axis=2), 1)  # one-hot
    symbols = x.argmax(axis=2)
    for column in range(B):
        t1, t2 = np.flatnonzero(symbols[:, column] >= temporal_order.X)
        assert T // 10 <= t1 < 2 * T // 10
        assert 5 * T // 10 <= t2 < 6 * T // 10
        pair = ", ".join(temporal_order.SYMBOLS[symbols[t, column]] for t in (t1, t2))
        assert temporal_order.CLASSES[y[column]] == pair


def test_every_class_and_every_place_occurs(rng):
    x, y = temporal_order.batch(rng, 20, 2_000)
    assert set(y) == {0, 1, 2, 3}
    signal = x[..., temporal_order.X :].sum(axis=2).mean(axis=1)
    assert (signal[[2, 3, 10, 11]] > 0.4).all()  # two places each
    assert signal[[0, 1, 4, 9, 12, 19]].max() == 0


def test_the_same_seed_gives_the_same_batch_and_the_dtype_is_kept():
    (x, y), (again, y_again) = (temporal_order.batch(np.random.default_rng(5), 30, 4, np.float32) for _ in range(2))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, y_again)


@pytest.mark.parametrize(("T", "B", "name"), [(9, 3, "T"), (20, 0, "B"), (20.0, 3, "T"), (20, "3", "B")])
def test_bad_sizes_are_named(rng, T, B, name):
    with pytest.raises(ValueError, match=f"^{name} is"):
        temporal_order.batch(rng, T, B)


def test_chrono_biases_spread_the_time_constants(rng):
    H, T_max = 4_000, 100
    b_i, b_f, b_g, b_o = np.split(experiment.chrono_bias(rng, H, T_max), 4)
    np.testing.assert_array_equal(b_i, -b_f)
    assert not b_g.any()
    assert not b_o.any()
    u = np.exp(b_f)  # uniform in [1, T_max - 1]
    assert u.min() > 1 - 1e-9
    assert u.max() < T_max - 1 + 1e-9
    quartiles = np.quantile(u, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, 1 + (T_max - 2) * np.array([0.25, 0.5, 0.75]), rtol=0.15)
    with pytest.raises(ValueError, match=r"^T_max is 2"):
        experiment.chrono_bias(rng, H, 2)


def test_right_is_within_three_tenths(rng, monkeypatch):
    answers = np.array([[0.75, 0.25, 0, 0], [0.65, 0.35, 0, 0], [0.1, 0.9, 0, 0]])
    monkeypatch.setattr(experiment, "probabilities", lambda *_: answers)
    accuracy, right = experiment.score(None, None, None, np.array([0, 0, 0]))
    assert accuracy == 2 / 3
    assert right == 1 / 3


def test_the_controls_are_fair(rng):
    """The RNN has at least as many parameters as the LSTM, to one in fifty."""
    _, chrono = experiment.start("chrono", rng, 6, 32, 100)
    _, plain = experiment.start("forget bias 1", rng, 6, 32, 100)
    _, wide = experiment.start("RNN", rng, 6, 32, 100)
    sizes = [sum(a.size for a in params) for params in (chrono, plain, wide)]
    assert sizes[0] == sizes[1]
    assert abs(sizes[2] - sizes[0]) < sizes[0] / 50
    with pytest.raises(ValueError, match="model is 'GRU'"):
        experiment.start("GRU", rng, 6, 32, 100)
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(scale="huge")


def test_the_weights_of_1997_are_counted_right():
    """8 inputs, 2 blocks of 2 cells with 2 gates each, every non-input unit biased, 4 outputs that see the cells."""
    cells, gates, inputs, outputs = 4, 4, 8, 4
    weights = (cells + gates) * (inputs + cells + gates + 1) + outputs * (cells + 1)
    assert weights == experiment.PUBLISHED_WEIGHTS


def test_a_short_version_is_learned():
    run = experiment.run(seed=0, scale="test")
    assert run["solved"]
    assert run["test_right"] > 0.98
    assert run["network"].cell.W_x.dtype == np.float32
    assert run["history_sequences"][-1] == run["sequences"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_task_of_1997_is_learned(seed):
    run = experiment.run(seed=seed)
    assert run["solved"]
    assert run["test_right"] > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("model", ["forget bias 1", "RNN"])
def test_the_controls_stay_at_chance(model):
    run = experiment.run(seed=0, model=model, max_sequences=9_600)
    assert not run["solved"]
    assert run["test_accuracy"] < 0.4
