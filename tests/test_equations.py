"""The experiment that prints how far apart two ways to compute the same thing are."""

import numpy as np
import pytest

from lstmkit.numpy import lstm

T, D, H = 6, 3, 5


def σ(a):
    return 1 / (1 + np.exp(-a))


@pytest.fixture(scope="module")
def seen():
    pytest.importorskip("torch")
    from lstmkit.experiments import equations

    return equations.run(scale="test")


def test_the_experiment_repeats_itself(seen, torch):
    from lstmkit.experiments import equations

    before = torch.get_rng_state()
    again = equations.run(scale="test")
    assert torch.equal(before, torch.get_rng_state())
    for name in ("agreement", "gates", "sees", "saturation", "exact", "retention", "neighbours", "causal", "gru"):
        assert again[name] == seen[name]
    assert set(seen) == {
        "agreement", "gates", "sees", "saturation", "exact", "strictly_inside", "retention", "retention_formula",
        "half_life", "retention_curve", "influence", "neighbours", "causal", "gru", "T", "B", "D", "H",
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"^scale is 'huge'"):
        equations.run(scale="huge")


def test_all_that_should_agree_does(seen):
    for name, found in seen["agreement"].items():
        assert found["values"] < 1e-12, name
        assert found["gradients"] is None or found["gradients"] < 1e-11, name
    assert {name for name, found in seen["agreement"].items() if found["gradients"] is not None} == {
        "LSTM", "GRU", "RNN",
    }  # fmt: skip


def test_a_wrong_equation_would_be_seen(rng):
    """The comparison is not blind: forget and input gate exchanged differ by more than any rounding."""
    pytest.importorskip("torch")
    from lstmkit.experiments import equations

    params = equations.random_like(rng, lstm.init_params(rng, D, H), H)
    x, state = rng.normal(size=(T, 2, D)), lstm.State(rng.normal(size=(2, H)), rng.normal(size=(2, H)))
    exchanged = lstm.Params(*(np.concatenate([np.split(p, 4)[k] for k in (1, 0, 2, 3)]) for p in params))
    hs = lstm.forward(params, x, state)[0]
    assert equations.apart([hs], [equations.page(exchanged, x, state)]) > 1e-3
    assert equations.apart([hs], [equations.page(params, x, state)]) < 1e-12
    assert equations.apart([hs], [equations.page(params, x, state, np.ones((3, H)))]) > 1e-3


def test_gates_that_are_shut_are_shut(seen):
    gates = seen["gates"]
    assert all(gates[name] == 0 for name in ("erase", "block", "hide", "carry", "crosstalk"))
    assert 0 < gates["gate_low"] < gates["gate_high"] < 1
    assert -1 < gates["candidate_low"] < 0 < gates["candidate_high"] < 1
    assert gates["c_after_100"] == 100
    assert gates["h_after_100"] <= 1
    assert seen["sees"]["from_c"] == 0 < seen["sees"]["from_c_peephole"]


def test_saturation_and_retention_against_their_formulas(seen):
    import math

    # σ(a) rounds to 1 once 1 - σ(a), about e^-a, is below half a unit in the last place of numbers just below 1
    for name, bits in (("float32", 24), ("float64", 53)):
        assert abs(seen["saturation"][name]["one_from_quotient"] - bits * math.log(2)) < 0.01
        assert bits * math.log(2) - 0.01 < seen["saturation"][name]["one_from"] < (bits + 1.1) * math.log(2)
    assert seen["strictly_inside"]
    for name, share in seen["retention"].items():
        b = float(name[2:])
        assert share == pytest.approx((1 + math.exp(-b)) ** -100, rel=1e-9)
        assert (1 / (1 + math.exp(-b))) ** seen["half_life"][name] == pytest.approx(0.5)
        assert len(seen["retention_curve"][name]) == 101


def test_what_reaches_what(seen):
    assert seen["influence"]["feed_forward_first_on_last"] == 0
    assert min(seen["influence"]["RNN_first_on_last"], seen["influence"]["LSTM_first_on_last"]) > 0
    assert min(seen["neighbours"].values()) > 0
    assert seen["causal"]["future"] == 0
    assert min(seen["causal"]["past"], seen["causal"]["encoder_future"]) > 0
    assert seen["gru"]["old_weight_minus_z"] < 1e-12
    assert seen["gru"]["fields"] == 1
    assert seen["gru"]["reset_before_minus_after"] > 1e-3
