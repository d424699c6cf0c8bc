"""The experiment on clipping: equal networks, a real limit, and the finding."""

import numpy as np
import pytest

pytest.importorskip("torch")

from lstmkit.experiments import clipping


@pytest.fixture(scope="module")
def small():
    return clipping.run(0, "test")


def test_every_key_is_there_and_the_same_seed_gives_the_same_numbers(small):
    again = clipping.run(0, "test")
    assert set(small) == {
        "learned",
        "blew_up",
        "accuracy",
        "worst_loss",
        "worst_norm",
        "loss_curve",
        "blow_ups",
        "failures",
        "runs",
        "parameters",
        "rates",
        "starts",
        "steps",
        "T",
        "guess_loss",
    }
    for key in ("accuracy", "worst_loss", "worst_norm", "loss_curve"):
        for name, values in small[key].items():
            np.testing.assert_array_equal(values, again[key][name])
    names = {"RNN", "RNN clipped", "LSTM b_f=3", "LSTM b_f=3 clipped"}
    assert set(small["learned"]) == set(small["worst_norm"]) == set(small["parameters"]) == names
    assert small["accuracy"]["RNN"].shape == (1, 1)
    assert small["failures"]["without"] <= small["runs"]


def test_the_networks_are_equal_in_size_and_start_alike(small):
    at_scale = {name: sum(p.numel() for p in make().parameters()) for name, make in clipping.networks(50).items()}
    assert at_scale["RNN"] == 50 * 50 + 50 + 50 + 2 * 50 + 2
    assert at_scale["LSTM b_f=3"] == pytest.approx(at_scale["RNN"], rel=0.03)
    # the first loss is met before any step: with and without the limit it is the same number
    assert small["loss_curve"]["RNN"][0] == small["loss_curve"]["RNN clipped"][0]


def test_the_rotation_has_its_gain(torch):
    W = clipping.networks(8)["RNN"]().core.W_h_l0.detach().numpy()
    np.testing.assert_allclose(W @ W.T, 1.3**2 * np.eye(8), atol=1e-5)


def test_a_step_is_as_long_as_the_limit_allows(torch):
    """One step of gradient descent moves the parameters by rate times min(norm, limit)."""
    for max_norm in (None, 0.01):
        network = clipping.networks(5)["RNN"]()
        before = torch.nn.utils.parameters_to_vector(network.parameters()).detach().clone()
        done = clipping.train(network, 0, 6, 1, 0.5, max_norm)
        moved = (torch.nn.utils.parameters_to_vector(network.parameters()) - before).norm().item()
        assert moved == pytest.approx(0.5 * min(done.norm[0], max_norm or np.inf), rel=1e-3)
        assert done.norm[0] > 0.01


def test_what_is_not_finite_is_capped():
    assert clipping.capped([1.0, np.nan]) == clipping.capped([np.inf]) == clipping.capped([]) == clipping.CAP
    assert clipping.capped([1.0, 3.5]) == 3.5


def test_a_bad_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        clipping.run(0, "huge")


@pytest.mark.slow
def test_without_the_limit_the_loss_blows_up_and_with_it_the_bit_is_learnt():
    results = [clipping.run(seed, "live") for seed in range(2)]
    assert sum(result["blow_ups"]["without"] for result in results) >= 1
    assert sum(result["failures"]["with"] for result in results) < sum(r["failures"]["without"] for r in results)
    assert all((result["learned"]["RNN clipped"] == 1).all() for result in results)
