"""Warped time: what is asked is the symbol before, the intervals are what they say, and nobody sees the future."""

import numpy as np
import pytest

pytest.importorskip("torch")
import torch as library

from lstmkit.experiments import warping
from lstmkit.experiments.adding import build


@pytest.fixture(scope="module")
def small():
    return warping.run(scale="test"), warping.run(scale="test")


@pytest.mark.parametrize(("least", "most"), [(1, 1), (3, 3), (1, 7), (2, 9)])
def test_every_symbol_asks_for_the_one_before(rng, least, most):
    x, y = warping.batch(rng, 60, 20, least, most)
    assert x.shape == (60, 20, warping.V + 1)
    np.testing.assert_array_equal(x.sum(axis=2), 1)
    for b in range(20):
        before, seen_at = -1, None  # walk through it as a reader would
        for t in range(60):
            symbol = int(x[t, b].argmax())
            if symbol == warping.V:
                assert y[t, b] == -1
                continue
            assert y[t, b] == before
            if seen_at is not None:
                assert least <= t - seen_at <= most
            else:
                assert t == 0
            before, seen_at = symbol, t


def test_the_mean_interval_is_the_same_in_both_trainings():
    for setting in warping.SETTINGS.values():
        found = warping.timings(setting["interval"], setting["T"])
        _, least, most = found["variable"]
        assert (least + most) / 2 == setting["interval"]
        for name, factor in (("twice as long", 2), ("four times as long", 4)):
            length, least, most = found[name]
            assert (least + most) / 2 == factor * setting["interval"]
            assert length == factor * setting["T"]


def test_keys(small):
    result, _ = small
    assert {"interval", "T", "guess", "trainings", "timings", "parameters", "regular", "variable"} == set(result)
    for training in result["trainings"]:
        part = result[training]
        assert set(part) == {"rate", "accuracy", "steps", "cpu_seconds"}
        for scores in part["accuracy"].values():
            assert list(scores) == result["timings"]


def test_the_same_seed_gives_the_same_numbers(small):
    one, two = small
    for training in one["trainings"]:
        assert one[training]["accuracy"] == two[training]["accuracy"]
        assert one[training]["rate"] == two[training]["rate"]


def test_equal_parameters():
    for scale in ("live", "recorded"):
        setting = warping.SETTINGS[scale]
        for name in setting["names"]:
            reach = min(setting["T"], 2 * setting["interval"])
            network = build(name, reach, setting["parameters"], D=warping.V + 1, outputs=warping.V, last=False)
            count = sum(p.numel() for p in network.parameters())
            assert count == pytest.approx(setting["parameters"], rel=0.03), name


@pytest.mark.parametrize("name", ["LSTM", "RNN", "windows"])
def test_no_contestant_sees_the_future(rng, name):
    x = library.from_numpy(warping.batch(rng, 20, 4, 1, 5)[0])
    other = x.clone()
    other[11:] = library.rand_like(other[11:])
    network = build(name, 10, 600, D=warping.V + 1, outputs=warping.V, last=False)
    library.testing.assert_close(network(x)[0][:11], network(other)[0][:11], rtol=1e-5, atol=1e-6)


def test_a_bad_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        warping.run(scale="huge")


@pytest.mark.slow
def test_the_lstm_trained_on_variable_timing_copes_with_what_is_longer():
    result = warping.run(0, "live")
    for timing in ("regular", "variable", "twice as long"):
        assert result["variable"]["accuracy"]["LSTM"][timing] > 0.8
    assert result["regular"]["accuracy"]["LSTM"]["variable"] > 0.6
    assert result["regular"]["accuracy"]["RNN"]["variable"] < 0.45
