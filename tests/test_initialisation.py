"""Where the weights start: every contestant starts as its name says, with equal parameters, and the keys are there."""

import numpy as np
import pytest

pytest.importorskip("torch")

from lstmkit.experiments import initialisation
from lstmkit.experiments.adding import build


@pytest.fixture(scope="module")
def small():
    return initialisation.run(scale="test"), initialisation.run(scale="test")


def test_keys(small):
    result, _ = small
    assert {"parameters", "rate", "guess", "max_steps", "batch", "T50", "T200"} - set(result) == {"T50", "T200"}
    for T in initialisation.SETTINGS["test"]["lengths"]:
        part = result[f"T{T}"]
        assert part["T"] == T
        for key in ("solved", "steps", "sequences", "cpu_seconds", "accuracy", "history_steps", "history_error"):
            assert set(part[key]) == set(initialisation.ALL)
    assert initialisation.SETTINGS["recorded"]["lengths"] == (50, 200)
    assert initialisation.SETTINGS["live"]["lengths"] == (50,)


def test_the_same_seed_gives_the_same_numbers(small):
    one, two = small
    assert one["rate"] == two["rate"]
    assert one["T8"]["history_error"] == two["T8"]["history_error"]
    assert one["T6"]["accuracy"] == two["T6"]["accuracy"]


def test_equal_parameters():
    setting = initialisation.SETTINGS["recorded"]
    for name in setting["names"]:
        network = build(name, 50, setting["parameters"], D=1, outputs=2)
        assert sum(p.numel() for p in network.parameters()) == pytest.approx(setting["parameters"], rel=0.05), name


@pytest.mark.parametrize(
    ("name", "forget"), [("LSTM b_f=-2", -2), ("LSTM b_f=0", 0), ("LSTM", 1), ("LSTM b_f=3", 3), ("LSTM b_f=5", 5)]
)
def test_the_forget_bias_is_the_one_that_the_name_says(name, forget):
    core = build(name, 50, 1_200, D=1, outputs=2).core
    H = core.hidden_size
    np.testing.assert_array_equal(core.b_l0.detach().numpy()[H : 2 * H], forget)


def test_chrono_starts_between_one_step_and_T():
    T = 200
    core = build("LSTM chrono", T, 20_000, D=1, outputs=2).core
    H = core.hidden_size
    b = core.b_l0.detach().numpy()
    memory = 1 + np.exp(b[H : 2 * H])  # steps
    assert memory.min() >= 1
    assert memory.max() <= T
    assert memory.max() - memory.min() > T / 2
    np.testing.assert_allclose(b[:H], -b[H : 2 * H], rtol=1e-6)


def test_orthogonal_is_orthogonal_and_the_default_is_not():
    def distance(name):
        W = build(name, 50, 1_200, D=1, outputs=2).core.W_h_l0.detach().numpy()
        return np.abs(W @ W.T - np.eye(len(W))).max()

    assert distance("RNN orthogonal") < 1e-5
    assert distance("RNN") > 0.1


def test_a_bad_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        initialisation.run(scale="huge")


@pytest.mark.slow
def test_the_start_decides():
    """The fixed seed is that of the record: of a fresh one a start in between may go either way."""
    found = initialisation.run(0, "live")["T50"]
    assert found["solved"]["LSTM chrono"]
    assert found["solved"]["LSTM b_f=5"]
    assert found["solved"]["RNN orthogonal"]
    assert not found["solved"]["LSTM b_f=0"]
    assert not found["solved"]["LSTM"]
