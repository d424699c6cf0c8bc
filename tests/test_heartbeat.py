"""Heartbeats: beats where they should be, faults where the labels say, and a rival that finds them."""

import numpy as np
import pytest

from lstmkit.tasks import heartbeat


def auroc(score, faulty):
    """How often a faulty step is ranked above a sound one, pair by pair."""
    gap = score[faulty][:, None] - score[~faulty]
    return np.mean((gap > 0) + 0.5 * (gap == 0))


def peaks(line, height=0.6):
    """The steps that stand above the height and above both neighbours."""
    return np.flatnonzero((line[1:-1] > height) & (line[1:-1] > line[:-2]) & (line[1:-1] >= line[2:])) + 1


def runs(labels):
    """(kind, first step, behind the last step) of each stretch of equal labels."""
    cuts = [0, *(np.flatnonzero(np.diff(labels)) + 1), len(labels)]
    return [(labels[a], a, b) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]  # noqa: RUF007


def test_a_sound_recording_beats_evenly(rng):
    x, y = heartbeat.batch(rng, 2000, 3, noise=0.0)
    assert x.shape == (2000, 3, 1)
    assert y.shape == (2000, 3)
    assert not y.any()
    for b in range(3):
        between = np.diff(peaks(x[:, b, 0]))
        assert len(between) in range(26, 35)  # 2000 / 64 = 31
        assert between.mean() == pytest.approx(64, rel=0.03)
        assert between.std() > 1  # the breath
        assert between.min() > 50
        assert between.max() < 80


def test_a_recording_begins_anywhere_in_a_beat():
    x, _ = heartbeat.batch(np.random.default_rng(0), 200, 300, noise=0.0)
    first = np.array([peaks(x[:, b, 0])[0] for b in range(300)])
    assert first.max() < 80
    share, _ = np.histogram(first, bins=4, range=(0, 64))
    assert share.min() > 40


def test_the_waves_come_in_order():
    """Between two R peaks lies the T wave, later the P wave, and S and Q dip beside R."""
    x, _ = heartbeat.batch(np.random.default_rng(1), 3000, 1, beat=500, noise=0.0)
    line = x[:, 0, 0]
    first, second = peaks(line)[1:3]
    gap = second - first
    beat = line[first:second]
    t_wave = beat[gap // 8 : gap // 2].argmax() + gap // 8
    p_wave = beat[gap // 2 : int(0.9 * gap)].argmax() + gap // 2
    assert t_wave / gap == pytest.approx(100 / 360, abs=0.03)
    assert p_wave / gap == pytest.approx(290 / 360, abs=0.03)
    assert beat[t_wave] > beat[p_wave] > np.median(beat)
    assert beat[: gap // 8].argmin() < gap // 12  # S
    assert beat[int(0.9 * gap) :].min() < np.median(beat) - 0.05  # Q


def test_each_kind_is_what_it_says():
    """Fixed seeds: what is asserted of a kind must hold for every beat of that kind, whatever the neighbours."""
    seen = set()
    for seed in range(12):
        x, y = heartbeat.batch(np.random.default_rng(seed), 1500, 1, faults=2, noise=0.01)
        line, labels = x[:, 0, 0], y[:, 0]
        stretches = [run for run in runs(labels) if run[0]]
        assert 1 <= len(stretches) <= 2
        for kind, a, b in stretches:
            if b - a > 90:  # two neighbours of one kind
                continue
            name = heartbeat.KINDS[kind]
            seen.add(name)
            part = line[a:b]
            r = part[len(part) // 3 : -len(part) // 3].max()
            if name == "early":
                assert b - a < 0.85 * 64
                assert np.mean(part > 0.5) > 1.3 * 2 * 1.18 * 0.1 / (2 * np.pi)  # wider than R at half its height
            elif name == "missed":
                assert np.ptp(part) < 0.2
            elif name == "inverted":
                assert r > 0.7
                assert part[int(0.7 * len(part)) :].min() < -0.15
            else:
                assert np.diff(part[: len(part) // 4]).std() > 3 * 0.01
    assert seen == set(heartbeat.KINDS[1:])


def test_labels_are_whole_beats_and_as_many_as_asked(rng):
    _, y = heartbeat.batch(rng, 3000, 5, faults=4)
    for b in range(5):
        assert 1 <= sum(run[0] > 0 for run in runs(y[:, b])) <= 4
        assert 4 * 0.6 * 0.7 * 64 - 4 <= np.sum(y[:, b] > 0) <= 4 * 1.3 * 64 + 4


def test_the_rival_finds_faults_and_knows_nothing_of_their_labels():
    rng = np.random.default_rng(5)
    sound = heartbeat.batch(rng, 1500, 1)[0][:, 0, 0]
    x, y = heartbeat.batch(rng, 1500, 3, faults=4)
    scores = np.stack([heartbeat.discord(x[:, b, 0], sound) for b in range(3)], axis=1)
    assert auroc(scores.ravel(), y.ravel() > 0) > 0.8
    assert auroc(np.zeros(y.size), y.ravel() > 0) == heartbeat.CHANCE_AUROC


def test_discord_is_the_distance_to_the_nearest_window(rng):
    x, sound, k = rng.normal(size=40), rng.normal(size=25), 7
    ours = heartbeat.discord(x, sound, k)
    assert ours.shape == x.shape
    for t in range(40):
        first = min(max(t - k // 2, 0), 40 - k)
        window = x[first : first + k]
        nearest = min(np.linalg.norm(window - sound[s : s + k]) for s in range(25 - k + 1))
        assert ours[t] == pytest.approx(nearest, abs=1e-7)
    np.testing.assert_allclose(heartbeat.discord(sound, sound, k), 0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (heartbeat.batch(np.random.default_rng(3), 300, 2, faults=1, dtype=dtype) for _ in range(2))
    assert one[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "value"), [("T", 0), ("B", 0), ("faults", -1), ("faults", 40), ("beat", 3)])
def test_bad_sizes_are_named(rng, name, value):
    with pytest.raises(ValueError, match=f"^{name} is "):
        heartbeat.batch(rng, **{"T": 500, "B": 2, name: value})


def test_bad_series_are_named(rng):
    with pytest.raises(ValueError, match=r"^sound must be one series of at least k = 32 steps"):
        heartbeat.discord(rng.normal(size=50), rng.normal(size=31))
    with pytest.raises(ValueError, match=r"^x must be one series"):
        heartbeat.discord(rng.normal(size=(50, 1)), rng.normal(size=50))


def test_the_smallest(rng):
    x, y = heartbeat.batch(rng, 1, 1, beat=16)
    assert x.shape == (1, 1, 1)
    assert y.shape == (1, 1)
    assert heartbeat.discord(np.zeros(5), np.ones(5), k=5) == pytest.approx(np.full(5, 5**0.5))


# The experiment


@pytest.fixture(scope="module")
def small():
    pytest.importorskip("torch")
    from lstmkit.experiments import heartbeat as experiment

    return experiment, experiment.run(0, "test")


def test_the_experiment_has_every_key_and_repeats_itself(small):
    experiment, result = small
    again = experiment.run(0, "test")
    assert set(result) == {
        "auroc",
        "best_rule_mean",
        "rank_of_lstm",
        "forecast_rmse",
        "faulty_share",
        "parameters",
        "rate",
        "cpu_seconds",
        "example",
        "train_steps",
        "smooth",
        "H",
    }
    assert result["auroc"] == again["auroc"]
    assert result["forecast_rmse"] == again["forecast_rmse"]
    assert set(result["auroc"]) == {"LSTM", "nearest neighbour", "AR", "z-score", "difference"}
    for found in result["auroc"].values():
        assert set(found) == {*heartbeat.KINDS[1:], "mean"}
        assert all(0 <= value <= 1 for value in found.values())
        assert found["mean"] == pytest.approx(np.mean([found[kind] for kind in heartbeat.KINDS[1:]]))
    assert result["parameters"] == {"LSTM": 4 * 4 * (1 + 4 + 1) + 5, "AR": 65}
    assert 0 < result["faulty_share"] < 0.5
    assert len(result["example"]["x"]) == len(result["example"]["faulty"]) == 600


def test_the_area_counts_pairs(small, rng):
    """Against counting pair by pair, with ties, and against an even older definition where there are none."""
    experiment, _ = small
    for n in (5, 60):
        score, faulty = rng.integers(0, 6, n).astype(float), rng.random(n) < 0.4
        faulty[:2] = True, False
        assert experiment.auroc(score, faulty) == pytest.approx(auroc(score, faulty))
    score, faulty = rng.normal(size=80), np.arange(80) < 30
    order = faulty[np.argsort(-score)]
    hits, false_alarms = (np.concatenate([[0], np.cumsum(kind) / kind.sum()]) for kind in (order, ~order))
    assert experiment.auroc(score, faulty) == pytest.approx(np.trapezoid(hits, false_alarms))
    assert experiment.auroc(np.zeros(7), np.arange(7) < 3) == heartbeat.CHANCE_AUROC
    with pytest.raises(ValueError, match="positive must hold both kinds"):
        experiment.auroc(score, np.ones(80, bool))


def test_the_mean_over_steps(small, rng):
    experiment, _ = small
    errors = rng.random((30, 2))
    ours = experiment.smoothed(errors, 7)
    for t in range(30):
        np.testing.assert_allclose(ours[t], errors[max(0, t - 3) : t + 4].mean(axis=0))


def test_the_autoregression_finds_the_rule_of_a_series(small, rng):
    experiment, _ = small
    x = rng.normal(size=(400, 3))
    for t in range(2, 400):
        x[t] = 0.5 * x[t - 1] - 0.3 * x[t - 2] + 0.1
    w = experiment.fit_ar(x, order=2)
    np.testing.assert_allclose(w, [-0.3, 0.5, 0.1], atol=1e-9)  # the older value first
    assert experiment.ar_errors(x, w)[2:].max() < 1e-18


def test_no_score_sees_what_comes_after(small, torch):
    """Errors up to a step are the same, whatever follows it."""
    experiment, _ = small
    x = heartbeat.batch(np.random.default_rng(1), 300, 2)[0][..., 0]
    later = x.copy()
    later[200:] += 1
    network = experiment.Network(experiment.LSTM(1, 3), 1)
    w = np.random.default_rng(0).normal(size=experiment.ORDER + 1)
    for errors in (lambda x: experiment.lstm_errors(network, x, "cpu"), lambda x: experiment.ar_errors(x, w)):
        np.testing.assert_allclose(errors(x)[:200], errors(later)[:200], atol=1e-7)
        assert np.abs(errors(x)[200:] - errors(later)[200:]).max() > 1e-3


def test_the_experiment_names_a_bad_scale(small):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        small[0].run(0, "huge")


@pytest.mark.slow
def test_the_lstm_beats_the_rules_and_the_nearest_neighbour_beats_the_lstm(small):
    result = small[0].run(0, "live")
    mean = {name: found["mean"] for name, found in result["auroc"].items()}
    assert mean["LSTM"] > result["best_rule_mean"] + 0.1
    assert mean["nearest neighbour"] > mean["LSTM"] + 0.03
