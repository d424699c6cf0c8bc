"""Wear: it only grows, ends a life where it reaches 1, and shows in the readings it should show in."""

import numpy as np
import pytest

from lstmkit.tasks import machine


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


def test_wear_grows_to_one_and_ends_the_life(rng):
    drawn = machine.lives(rng, 40)
    L = drawn.lengths.max()
    assert drawn.x.shape == (L, 40, 5)
    assert drawn.wear.shape == (L, 40)
    for b, n in enumerate(drawn.lengths):
        wear = drawn.wear[:n, b]
        assert (np.diff(wear) >= 0).all()
        assert wear[-1] >= 1
        assert n == 1 or wear[-2] < 1
        assert not drawn.x[n:, b].any()
        assert not drawn.wear[n:, b].any()
    load = drawn.x[..., 0]
    assert load.min() >= 0
    assert load.max() <= 1


def test_lives_differ_and_last_some_two_hundred_steps():
    lengths = machine.lives(np.random.default_rng(0), 2000).lengths
    assert 150 < np.median(lengths) < 250
    assert np.quantile(lengths, 0.95) > 2 * np.quantile(lengths, 0.05)


def test_readings_follow_load_and_wear():
    drawn = machine.lives(np.random.default_rng(1), 200)
    alive = np.arange(len(drawn.x))[:, None] < drawn.lengths
    wear, load = drawn.wear[alive], drawn.x[alive][:, 0]
    _, temperature, vibration, pressure, nothing = drawn.x[alive].T
    design = np.column_stack([np.ones_like(wear), load, wear, wear**2, wear**4])
    for reading, new, at_load, new_to_worn in (
        (temperature, 60, 20, 15),
        (vibration, 1, 0.5, 3),
        (pressure, 30, 0, -4),
        (nothing, 0, 0, 0),
    ):
        fitted, *_ = np.linalg.lstsq(design, reading, rcond=None)
        assert fitted[0] == pytest.approx(new, abs=0.2)
        assert fitted[1] == pytest.approx(at_load, abs=0.2)
        assert fitted[2:].sum() == pytest.approx(new_to_worn, abs=0.5)
    assert correlation(vibration[wear < 0.4], wear[wear < 0.4]) < 0.1  # it rises late
    assert correlation(pressure[wear < 0.4], wear[wear < 0.4]) < -0.2


def test_load_wears():
    """Machines that ran under more load died sooner: the first hundred steps already tell."""
    drawn = machine.lives(np.random.default_rng(2), 1500)
    long = drawn.lengths > 100
    assert correlation(drawn.x[:100, long, 0].mean(axis=0), drawn.lengths[long]) < -0.2


def test_a_window_is_cut_from_a_life(rng):
    """Same seed: the lives are the first thing drawn, so each window is found in one of them, at its remaining time."""
    seed, T, B = int(rng.integers(1000)), 60, 12
    x, y = machine.batch(np.random.default_rng(seed), T, B)
    drawn = machine.lives(np.random.default_rng(seed), B)
    assert x.shape == (T, B, 5)
    assert y.shape == (B, 1)
    assert (y >= 0).all()
    found = 0
    for b in range(B):
        for life, n in zip(drawn.x.transpose(1, 0, 2), drawn.lengths, strict=True):
            end = int(n - y[b, 0])
            found += end >= T and np.array_equal(life[end - T : end], x[:, b])
    assert found == np.sum(drawn.lengths >= T)


def test_the_constant_answer(rng):
    _, y = machine.batch(rng, 30, 50)
    assert machine.constant_rmse(y) == pytest.approx(np.sqrt(np.mean((y - y.mean()) ** 2)))


def test_the_readings_tell_something():
    """Ridge regression on the means of the last ten steps beats the constant on machines it has not seen."""
    rng = np.random.default_rng(3)
    (x, y), (x_test, y_test) = machine.batch(rng, 50, 800), machine.batch(rng, 50, 400)
    design, design_test = (np.column_stack([np.ones(z.shape[1]), z[-10:].mean(axis=0)]) for z in (x, x_test))
    w = np.linalg.solve(design.T @ design + 1e-6 * np.eye(6), design.T @ y)
    assert np.sqrt(np.mean((design_test @ w - y_test) ** 2)) < 0.85 * machine.constant_rmse(y_test)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (machine.batch(np.random.default_rng(3), 30, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == one[1].dtype == machine.lives(np.random.default_rng(3), 2, dtype).x.dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("T", "B", "name"), [(0, 3, "T"), (5000, 2, "T"), (5.0, 3, "T"), (5, 0, "B")])
def test_bad_sizes_are_named(rng, T, B, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        machine.batch(rng, T, B)


def test_the_smallest(rng):
    x, y = machine.batch(rng, 1, 1)
    assert x.shape == (1, 1, 5)
    assert y.shape == (1, 1)


# The experiment


@pytest.fixture(scope="module")
def small():
    pytest.importorskip("torch")
    from lstmkit.experiments import machine as experiment

    return experiment, experiment.run(0, "test")


def test_the_experiment_has_every_key_and_repeats_itself(small):
    experiment, result = small
    again = experiment.run(0, "test")
    assert set(result) == {
        "rmse",
        "rmse_near",
        "gain_over_ridge",
        "sizes",
        "rate",
        "parameters",
        "cpu_seconds",
        "example",
        "published",
        "T",
        "H",
        "judged",
    }
    assert set(result["rmse"]) == {"constant", "ridge", "ridge squares", "LSTM", "GRU"}
    for key in ("rmse", "rmse_near"):
        for name, values in result[key].items():
            assert values.shape == (2,)
            np.testing.assert_array_equal(values, again[key][name])


def test_the_networks_of_the_experiment_are_equal_in_size(small):
    experiment, _ = small
    H = experiment.SETTINGS["recorded"]["H"]
    wanted = 4 * H * (5 + H + 1) + H + 1
    width = experiment.equal_width(lambda H: experiment.Network(experiment.GRU(5, H), 1), wanted)
    assert 3 * width * (5 + width + 1) + width + width + 1 == pytest.approx(wanted, rel=0.03)


def test_features_by_hand(small, rng):
    experiment, _ = small
    x = rng.normal(size=(30, 4, 5))
    ours = experiment.features(x)
    assert ours.shape == (4, 20)
    for b in range(4):
        for d in range(5):
            line = x[:, b, d]
            wanted = [line[-1], line[20:].mean(), line.mean(), np.polyfit(np.arange(30), line, 1)[0]]
            np.testing.assert_allclose(ours[b, [d, 5 + d, 10 + d, 15 + d]], wanted, atol=1e-12)
    squared = experiment.with_squares(np.array([[2.0, 3.0]]))
    np.testing.assert_array_equal(squared, [[2, 3, 4, 6, 9]])


def test_the_ridge_is_where_its_objective_is_flat(small, rng):
    """Its gradient by differences is zero; without a penalty it is least squares."""
    experiment, _ = small
    z, y, penalty = rng.normal(size=(40, 3)), rng.normal(size=(40, 1)), 5.0
    w = experiment.ridge(z, y, penalty)

    def objective(w):
        return ((y - z @ w[:-1] - w[-1]) ** 2).sum() + penalty * (w[:-1] ** 2).sum()

    for n in range(4):
        shift = np.zeros((4, 1))
        shift[n] = 1e-4
        assert objective(w + shift) - objective(w - shift) == pytest.approx(0, abs=1e-7)
    free = np.linalg.lstsq(np.column_stack([z, np.ones(40)]), y, rcond=None)[0]
    np.testing.assert_allclose(experiment.ridge(z, y, 0.0), free, atol=1e-9)


def test_the_constant_of_the_experiment_is_the_training_mean(small):
    experiment, result = small
    pool = machine.batch(np.random.default_rng([0, 0]), experiment.T, 60)[1]
    test = machine.batch(np.random.default_rng([0, 2]), experiment.T, 60)[1]
    for size, ours in zip(result["sizes"], result["rmse"]["constant"], strict=True):
        assert ours == pytest.approx(np.sqrt(np.mean((test - pool[:size].mean()) ** 2)))


def test_the_experiment_names_a_bad_scale(small):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        small[0].run(0, "huge")


@pytest.mark.slow
def test_the_readings_tell_and_the_lstm_hardly_beats_the_ridge(small):
    result = small[0].run(0, "live")
    assert result["rmse"]["LSTM"][0] < 0.75 * result["rmse"]["constant"][0]
    assert abs(result["gain_over_ridge"]["LSTM"][0]) < 0.1
