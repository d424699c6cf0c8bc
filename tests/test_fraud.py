"""Card payments: habits, the thief's three payments and the honest ones; and the experiment about them."""

import sys

import numpy as np
import pytest

from lstmkit.tasks import fraud


def test_shapes_and_the_share_of_stolen_cards(rng):
    x, y = fraud.batch(rng, 24, 500, share=0.1)
    assert x.shape == (24, 500, 4)
    assert y.sum() == 50
    assert set(np.unique(x[..., 2:])) <= {0, 1}
    assert not fraud.batch(rng, 24, 50, share=0.0)[1].any()
    assert fraud.batch(rng, 24, 50, share=1.0)[1].all()


def quick_three(x):
    """The first of the three quickest neighbours among the last payments of x (T, B, 4): (B,)."""
    hours = x[-fraud.RECENT :, :, 1]
    sums = hours[:-2] + hours[1:-1] + hours[2:]
    return len(x) - fraud.RECENT + sums.argmin(axis=0)


def test_the_thief_pays_little_first():
    """Find the three quick payments by their times alone; what they cost tells the order on average."""
    x, y = fraud.batch(np.random.default_rng(0), 24, 4000)
    at, column = quick_three(x), np.arange(4000)
    usual = np.median(x[: -fraud.RECENT, :, 0], axis=0)
    three = np.stack([x[at + n, column, 0] - usual for n in range(3)])
    np.testing.assert_allclose(three[:, y == 1].mean(axis=1), [fraud.SMALL, fraud.LARGE, fraud.LARGE], atol=0.35)
    assert x[at + 1, column, 2][y == 1].mean() > 0.9  # online


def test_honest_accounts_do_the_same_in_another_order():
    """What a summary without order sees of a look-alike is what it sees of a theft."""
    x, y = fraud.batch(np.random.default_rng(1), 24, 6000)
    at, column = quick_three(x), np.arange(6000)
    quick = np.stack([x[at + n, column, 1] for n in range(3)]).sum(axis=0)
    like = (y == 0) & (quick < np.quantile(quick[y == 1], 0.9))
    assert np.mean(like[y == 0]) == pytest.approx(fraud.LOOK_ALIKES, abs=0.06)
    amounts = [np.sort(x[:, group, 0], axis=0).mean(axis=1) for group in (like, y == 1)]
    np.testing.assert_allclose(*amounts, atol=0.15)


def test_what_an_alarm_is_worth():
    """Against counting in a city of a million cards."""
    for hits, false_alarms, share in ((0.5, 0.01, 0.001), (0.9, 0.2, 0.3), (1.0, 0.0, 0.001)):
        stolen = 1_000_000 * share
        true, wrong = hits * stolen, false_alarms * (1_000_000 - stolen)
        assert fraud.precision_at_base_rate(hits, false_alarms, share) == pytest.approx(true / (true + wrong))
    assert fraud.precision_at_base_rate(0.3, 0.3, 0.001) == pytest.approx(0.001)  # knows nothing
    assert fraud.precision_at_base_rate(0.0, 0.0, 0.5) == 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (fraud.batch(np.random.default_rng(3), 10, 6, dtype=dtype) for _ in range(2))
    assert one[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "value"), [("T", 7), ("T", 9.0), ("B", 0), ("share", -0.1), ("share", 2)])
def test_bad_sizes_are_named(rng, name, value):
    with pytest.raises(ValueError, match=f"^{name} is "):
        fraud.batch(rng, **{"T": 24, "B": 2, name: value})


# The experiment


@pytest.fixture(scope="module")
def experiment():
    pytest.importorskip("torch")
    from lstmkit.experiments import fraud as experiment

    return experiment


@pytest.fixture(scope="module")
def small(experiment):
    pytest.importorskip("sklearn")
    return experiment.run(0, "test")


def test_the_experiment_has_every_key_and_repeats_itself(experiment, small):
    again = experiment.run(0, "test")
    assert set(small) == {
        "auroc",
        "precision",
        "false_alarms",
        "base_rates",
        "precision_by_base_rate",
        "gap_to_trees",
        "frauds",
        "honest",
        "rate",
        "cpu_seconds",
        "parameters",
        "judged_frauds",
        "judged_honest",
        "T",
        "H",
    }
    for key in ("auroc", "precision", "false_alarms", "precision_by_base_rate"):
        assert set(small[key]) == {"largest amount", "logistic regression", "trees", "trees, all payments", "LSTM"}
        for name, values in small[key].items():
            np.testing.assert_array_equal(values, again[key][name])
    assert small["parameters"]["LSTM"] == 4 * 4 * (4 + 4 + 1) + 2 * 5


def test_the_worth_of_an_alarm_falls_with_the_base_rate(small):
    for name, by_rate in small["precision_by_base_rate"].items():
        assert (np.diff(by_rate) <= 0).all()
        assert by_rate[-1] == small["precision"][name][-1]
        assert small["false_alarms"][name][-1] == pytest.approx(1 / by_rate[-1] - 1)


def test_summaries_by_hand(experiment, rng):
    x = rng.normal(size=(10, 3, 4))
    ours = experiment.summaries(x)
    assert ours.shape == (3, 28)
    line = x[:, 1, 2]
    steps = [b - a for a, b in zip(line[:-1], line[1:], strict=True)]  # noqa: RUF007
    wanted = [line.mean(), line.std(), min(line), max(line), line[-1], max(steps), min(steps)]
    np.testing.assert_allclose(ours[1, 2::4], wanted)
    np.testing.assert_array_equal(experiment.side_by_side(x)[1], [value for row in x[:, 1] for value in row])


def test_the_limit_catches_as_many_as_asked(experiment, rng):
    score, y = rng.normal(size=300), (np.arange(300) < 60).astype(int)
    hits, false_alarms = experiment.at_recall(score, y)
    assert hits == 0.5
    limit = np.sort(score[:60])[30]  # of 60 stolen cards, 30 are at or above it
    assert false_alarms == np.mean(score[60:] >= limit)


def test_without_scikit_learn_the_message_names_the_cure(experiment, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r"pip install \"lstmkit\[data\]\""):
        experiment.best_trees(None, None, None, None, 0, experiment.SETTINGS["test"])


def test_the_experiment_names_a_bad_scale(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(0, "huge")


@pytest.mark.slow
def test_a_good_ranking_is_still_a_poor_alarm_where_theft_is_rare(experiment):
    pytest.importorskip("sklearn")
    result = experiment.run(0, "live")
    for name in ("trees, all payments", "LSTM"):
        assert result["auroc"][name][0] > 0.85
        assert result["precision_by_base_rate"][name][0] > 0.9 > 0.5 > result["precision"][name][0]
