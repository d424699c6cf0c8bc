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
