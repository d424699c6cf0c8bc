"""The experiment on other lengths: holding by force leaves nothing but the marked steps."""

import numpy as np
import pytest

from lstmkit.experiments import gates_on_adding, length_generalisation
from lstmkit.numpy import linear, lstm, training
from lstmkit.tasks import adding


def test_a_held_unit_does_not_see_the_unmarked_values(rng):
    """With one unit, cut off from its own past output, unmarked values cannot reach the answer."""
    params = lstm.init_params(rng, 2, 1)._replace(W_h=np.zeros((4, 1)))
    network = training.Network(params, linear.init_params(rng, 1, 1))
    x, _ = adding.batch(rng, 12, 6)
    x[-1, :, 1] = 1  # the output gate of the last step looks at the last value: let it be a marked one
    other = x.copy()
    unmarked = x[..., 1] == 0
    other[unmarked, 0] = rng.uniform(size=unmarked.sum())
    hold = {"i": "closed", "f": "open"}
    answers = [gates_on_adding.predict_forced(network, z, hold, unmarked, 0) for z in (x, other)]
    np.testing.assert_array_equal(*answers)


def test_keys_and_shapes():
    trained = gates_on_adding.run(1, "test")
    r = length_generalisation.run(1, "test", trained=trained)
    assert list(r["lengths"]) == [4, 8, 16]
    np.testing.assert_allclose(r["mse"], r["shift"] + r["spread"])
    np.testing.assert_allclose(r["held_mse"], r["held_shift"] + r["held_spread"])


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        length_generalisation.run(0, "huge")


@pytest.mark.slow
def test_the_error_grows_with_the_length_and_stops_growing_when_the_unit_is_held():
    """What chapters/architecture.md says in words (claim 3.16)."""
    r = length_generalisation.run(0)
    mse = dict(zip(r["lengths"], r["mse"], strict=True))
    assert mse[200] > 5 * mse[50]
    assert mse[800] > r["constant_mse"]
    assert r["held_mse"][-1] < 2 * r["held_mse"][1]
    assert r["held_spread"][-1] < 0.02
