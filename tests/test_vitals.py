"""Vital signs: the levels, the memory, the drift; and that a drift tells more than the last reading."""

import numpy as np
import pytest

from lstmkit.tasks import vitals


def auroc(score, y):
    return np.mean(score[y == 1][:, None] > score[y == 0])


def test_levels_and_swings_are_as_stated():
    x, y = vitals.batch(np.random.default_rng(0), 400, 300)
    assert x.shape == (400, 300, 5)
    assert y.shape == (300,)
    steady = x[:, y == 0]
    person = np.median(steady, axis=0)
    np.testing.assert_allclose(person[:, :4].mean(axis=0), vitals.NORMAL[:4], atol=2)
    np.testing.assert_allclose(person[:, :4].std(axis=0), vitals.BETWEEN[:4], rtol=0.2)
    swing = steady - person
    np.testing.assert_allclose(swing[..., :4].std(axis=(0, 1)), vitals.WITHIN[:4], rtol=0.15)
    now, before = swing[1:, :, 3].ravel(), swing[:-1, :, 3].ravel()
    assert np.corrcoef(now, before)[0, 1] == pytest.approx(vitals.MEMORY, abs=0.05)
    assert x[..., 4].max() <= 100


def test_those_who_collapse_drift_in_the_stated_direction():
    x, y = vitals.batch(np.random.default_rng(1), 60, 6000, horizon=1)
    early, late = x[: 60 - vitals.LEAD - 1].mean(axis=0), x[-1]
    for group, share in ((1, 1 - 1 / vitals.LEAD), (0, 0)):  # one hour before the collapse, and not at all
        drift = (late - early)[y == group].mean(axis=0)
        wanted = share * vitals.COLLAPSE
        assert -2.6 * share - 0.1 < drift[4] < -1.5 * share + 0.1  # cut off at 100 %, where it starts for some
        assert (np.abs(drift - wanted)[1:4] < 0.05 * np.abs(vitals.COLLAPSE[1:4]) + 0.02).all()


def test_half_of_all_have_one_harmless_hour():
    x, _ = vitals.batch(np.random.default_rng(2), 50, 2000)
    jump = x[1:-1, :, 0] - (x[:-2, :, 0] + x[2:, :, 0]) / 2  # stands out from both neighbours
    assert np.mean((jump > 15).any(axis=0)) == pytest.approx(0.5, abs=0.06)


def test_the_score_by_hand():
    x = np.stack([np.full((2, 5), 1e3), [vitals.NORMAL, [90.2, 16, 125 - 13.9, 36.8, 97]]])  # two hours, two patients
    wanted = [0, 10.2 / np.sqrt(10**2 + 5**2) + 13.9 / np.sqrt(12**2 + 7**2)]
    np.testing.assert_allclose(vitals.last_score(x), wanted, atol=1e-12)


def test_the_drift_tells_more_than_the_last_reading():
    x, y = vitals.batch(np.random.default_rng(3), 48, 4000)
    direction = np.sign(vitals.COLLAPSE) / vitals.WITHIN
    drift = ((x[-4:].mean(axis=0) - x[: -vitals.LEAD].mean(axis=0)) * direction).sum(axis=-1)
    assert 0.8 < auroc(vitals.last_score(x), y) < auroc(drift, y) - 0.03 < 0.97


def test_the_share_of_collapses_and_its_loss(rng):
    _, y = vitals.batch(rng, 2, 20_000, p=0.3)
    assert y.mean() == pytest.approx(0.3, abs=0.02)
    loss = -np.mean(np.where(y == 1, np.log(0.3), np.log(0.7)))
    assert loss == pytest.approx(vitals.guess_loss(0.3), abs=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (vitals.batch(np.random.default_rng(3), 30, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "value"), [("T", 0), ("B", 0), ("horizon", 0), ("p", 0), ("p", 1.0)])
def test_bad_sizes_are_named(rng, name, value):
    with pytest.raises(ValueError, match=f"^{name} is "):
        vitals.batch(rng, **{"T": 24, "B": 2, name: value})


def test_the_smallest(rng):
    x, y = vitals.batch(rng, 1, 1, horizon=1, p=0.5)
    assert x.shape == (1, 1, 5)
    assert y.shape == (1,)


# The experiment


@pytest.fixture(scope="module")
def small():
    pytest.importorskip("torch")
    from lstmkit.experiments import vitals as experiment

    return experiment, experiment.run(0, "test")


def test_the_experiment_has_every_key_and_repeats_itself(small):
    experiment, result = small
    again = experiment.run(0, "test")
    assert set(result) == {
        "auroc",
        "loss",
        "precision",
        "caught",
        "lead_hours",
        "gap_to_regression",
        "gap_to_last_score",
        "rate",
        "parameters",
        "cpu_seconds",
        "train",
        "judged",
        "T",
        "H",
        "share",
    }
    for key in ("auroc", "loss", "precision", "lead_hours"):
        assert result[key] == again[key]
    for name, caught in result["caught"].items():
        assert caught.shape == (24,)
        np.testing.assert_array_equal(caught, again["caught"][name])
        half = [hours for hours in range(1, 25) if caught[hours - 1] >= 0.5]
        assert result["lead_hours"][name] == max(half, default=0)
    assert result["precision"]["guess"] == result["share"]


def test_the_networks_of_the_experiment_are_equal_in_size(small):
    experiment, _ = small
    H = experiment.SETTINGS["recorded"]["H"]
    wanted = 4 * H * (5 + H + 1) + 2 * (H + 1)
    width = experiment.equal_width(lambda H: experiment.Network(experiment.GRU(5, H), 2), wanted)
    assert 3 * width * (5 + width + 1) + width + 2 * (width + 1) == pytest.approx(wanted, rel=0.03)


def test_the_regression_is_where_its_objective_is_flat(small, rng):
    experiment, _ = small
    z, y, penalty = rng.normal(size=(60, 3)), (rng.random(60) < 0.4) * 1, 2.0
    w = experiment.regression(z, y, penalty)

    def objective(w):
        p = 1 / (1 + np.exp(-(z @ w[:3] + w[3])))
        return -np.sum(np.log(np.where(y == 1, p, 1 - p))) + penalty * np.sum(w[:3] ** 2) / 2

    for n in range(4):
        shift = 1e-4 * np.eye(4)[n]
        assert objective(w + shift) - objective(w - shift) == pytest.approx(0, abs=1e-7)
    p = 1 / (1 + np.exp(-experiment.logits_of(w, z)))
    assert experiment.loss_of(experiment.logits_of(w, z), y) == pytest.approx(
        -np.mean(np.log(np.where(y == 1, p, 1 - p)))
    )


def test_precision_counts_the_highest_scores(small):
    experiment, _ = small
    assert experiment.precision_at(np.arange(10.0), np.array([0] * 8 + [1, 0]), share=0.2) == 0.5
    assert experiment.precision_at(np.arange(10.0), np.array([1] * 9 + [0]), share=0.1) == 0.0


def test_hours_before_the_collapse(small):
    """Noise aside, the drift of a window that ends so many hours before is what the task's formula says."""
    experiment, _ = small
    x = experiment.draw_streams(np.random.default_rng(4), 3000)
    assert x.shape[0] == experiment.T + 23
    assert x.shape[1] == pytest.approx(3000, rel=0.1)
    long_before = experiment.until(x, 24)
    assert long_before.shape[0] == experiment.T
    for hours in (1, 9, 20):
        drift = (experiment.until(x, hours)[-1] - long_before[:5].mean(axis=0)).mean(axis=0)[1]
        assert drift == pytest.approx(max(0, 1 - hours / vitals.LEAD) * vitals.COLLAPSE[1], abs=0.25)


def test_the_experiment_names_a_bad_scale(small):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        small[0].run(0, "huge")


@pytest.mark.slow
def test_the_lstm_beats_the_score_on_paper_and_not_the_regression(small):
    result = small[0].run(0, "live")
    assert result["gap_to_last_score"] > 0.03
    assert result["gap_to_regression"] < 0.01
