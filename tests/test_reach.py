"""The coins: targets are the coins asked for, no reader is told more than it should be, the gradients are right."""

import numpy as np
import pytest

from lstmkit.experiments import reach
from lstmkit.numpy import linear, lstm
from lstmkit.numpy.functions import sigmoid
from lstmkit.numpy.gradients import finite_difference, relative_error


def test_targets_are_the_coins_k_steps_away(rng):
    x, y = reach.batch(rng)
    steps = np.arange(reach.T)[reach.SCORED]
    for n, t in enumerate(steps):
        for j, k in enumerate(reach.OFFSETS):
            np.testing.assert_array_equal(y[n, :, j], x[t + k, :, 0] > 0)


def test_the_window_holds_the_last_inputs(rng):
    x, _ = reach.batch(rng)
    features = reach.window_features(x)
    for j in range(reach.WINDOW):  # the newest input first
        np.testing.assert_array_equal(features[5, :, j], x[5 - j, :, 0])
    assert (features[0, :, 1:] == 0).all()


@pytest.mark.parametrize(("n_cells", "sees_future"), [(0, False), (1, False), (2, True)])
def test_only_the_bidirectional_reader_sees_the_future(rng, n_cells, sees_future):
    x, _ = reach.batch(rng)
    cells = [lstm.init_params(rng, 1, 3, dtype=np.float32) for _ in range(n_cells)]
    changed = x.copy()
    changed[8:] *= -1
    before, after = (reach.read(cells, a)[0][:8] for a in (x, changed))
    assert np.array_equal(before, after) != sees_future


@pytest.mark.parametrize("n_cells", [0, 1, 2])
def test_gradients(rng, monkeypatch, n_cells):
    monkeypatch.setattr(reach, "B", 3)
    x, y = reach.batch(rng)
    x = x.astype(np.float64)
    cells = [lstm.init_params(rng, 1, 2) for _ in range(n_cells)]
    readout = linear.init_params(rng, n_cells * 2 or reach.WINDOW, len(reach.OFFSETS))
    grads = reach.gradients(cells, readout, x, y)
    params = (*sum(cells, ()), *readout)

    for n, (array, grad) in enumerate(zip(params, grads, strict=True)):

        def loss(a, n=n):
            changed = (*params[:n], a, *params[n + 1 :])
            features, _ = reach.read([lstm.Params(*changed[3 * c : 3 * c + 3]) for c in range(n_cells)], x)
            p = sigmoid(linear.forward(linear.Params(*changed[-2:]), features[reach.SCORED]))
            return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / y[..., 0].size)

        assert relative_error(finite_difference(loss, array), grad) < 1e-5


def test_keys_and_shapes():
    r = reach.run(scale="test")
    assert set(r["accuracy"]) == {"window of 4", "forward LSTM", "bidirectional LSTM"}
    for rows in r["accuracy"].values():
        assert rows.shape == (1, len(r["offsets"]))
        assert ((rows >= 0) & (rows <= 1)).all()


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        reach.run(scale="huge")


@pytest.mark.slow
def test_what_the_chapter_says():
    r = reach.run()
    mean = {name: rows.mean(axis=0) for name, rows in r["accuracy"].items()}
    past = r["offsets"] <= 0
    inside = past & (r["offsets"] > -r["window"])
    assert (mean["window of 4"][inside] == 1).all()
    assert np.abs(mean["window of 4"][~inside] - 0.5).max() < 0.03
    assert mean["forward LSTM"][past].min() > 0.95
    assert np.abs(mean["forward LSTM"][~past] - 0.5).max() < 0.03
    assert mean["bidirectional LSTM"].min() > 0.95
