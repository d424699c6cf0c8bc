"""The experiment that reads and forces the gates: the forced pass is the ordinary one where nothing is forced."""

import numpy as np
import pytest

from lstmkit.experiments import gates_on_adding
from lstmkit.numpy import linear, lstm, training
from lstmkit.tasks import adding


@pytest.fixture(scope="module")
def small():
    return gates_on_adding.run(0, "test")


def untrained(rng, H=3):
    return training.Network(lstm.init_params(rng, 2, H), linear.init_params(rng, H, 1))


def test_forcing_nowhere_changes_nothing(rng):
    network = untrained(rng)
    x, _ = adding.batch(rng, 9, 5)
    nowhere = np.zeros((9, 5), bool)
    for gate in "ifo":
        forced = gates_on_adding.predict_forced(network, x, {gate: "closed"}, nowhere, 1)
        np.testing.assert_allclose(forced, training.predict(lstm, network, x), rtol=1e-12)


@pytest.mark.parametrize(("gate", "setting"), [(g, s) for g in "ifo" for s in ("closed", "open")])
def test_forcing_everywhere_is_a_bias_of_infinity(rng, gate, setting):
    network = untrained(rng)
    x, _ = adding.batch(rng, 9, 5)
    unit = 2
    b = network.cell.b.copy()
    b[3 * "ifgo".index(gate) + unit] = dict(closed=-1e6, open=1e6)[setting]
    everywhere = np.ones((9, 5), bool)
    forced = gates_on_adding.predict_forced(network, x, {gate: setting}, everywhere, unit)
    biased = network._replace(cell=network.cell._replace(b=b))
    np.testing.assert_allclose(forced, training.predict(lstm, biased, x), rtol=1e-12)


def test_shift_and_spread_add_up_to_the_mean_square(rng):
    error = rng.normal(0.3, 2.0, (50, 1))
    assert sum(gates_on_adding.shift_and_spread(error)) == pytest.approx(np.mean(error**2))


def test_the_carrying_unit_is_found(rng):
    c, y = rng.normal(size=(4, 30, 5)), rng.uniform(size=(30, 1))
    c[-1, :, 3] = -7 * y[:, 0] + 2  # downwards counts as well
    unit, correlation = gates_on_adding.carrying_unit(lstm.Gates(c, c, c, c, c), y)
    assert unit == 3
    assert correlation == pytest.approx(1)


def test_keys_and_shapes(small):
    T, H = small["T"], small["H"]
    assert small["half_life"].shape == (H,)
    assert len(small["forced"]) == 3 * 2 * len(gates_on_adding.PLACES)
    for (gate, setting, place), (_, spread) in small["forced"].items():
        assert small["spread"][gate][setting][place] == spread
    assert sum(small["untouched"]) == pytest.approx(small["mse"])
    for letter in ("value", "mark", *"ifgoch"):
        assert small["example"][letter].shape == (T,)
    for letter in "ifo":
        assert 0 < small["unmarked"][letter] < 1
    example = small["example"]
    np.testing.assert_allclose(example["h"], example["o"] * np.tanh(example["c"]), rtol=1e-6)


def test_the_same_seed_gives_the_same_numbers(small):
    again = gates_on_adding.run(0, "test")
    assert again["forced"] == small["forced"]


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        gates_on_adding.run(0, "huge")


@pytest.mark.slow
def test_noise_is_ignored_with_the_input_gate_and_kept_out_of_the_forget_gate():
    """What chapters/architecture.md and chapters/gates.md say in words about this network (claim 3.14)."""
    r = gates_on_adding.run(0)
    assert r["mse"] < 3e-3
    assert r["unmarked"]["i"] < 0.05
    assert r["unmarked"]["f"] > 0.95
    assert r["marked"]["i"] > 0.5
    spread = {key: value[1] for key, value in r["forced"].items()}
    assert spread["i", "closed", "unmarked"] < 0.01  # ignoring by the input gate costs a shift, and nothing else
    assert spread["f", "closed", "unmarked"] > 0.12  # closing the forget gate loses the sum
    assert spread["i", "closed", "marked"] > 0.12  # nothing is stored
    assert 0.05 < spread["f", "closed", "marked"] < 0.11  # the first number is lost: 1/12
    assert spread["o", "closed", "before the last"] < 0.05
    first, second = r["erased_by_mark"]
    assert first < -0.9  # the answer misses the first number
    assert abs(second) < 0.3
