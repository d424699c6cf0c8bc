"""Word order: the rules against a person's reading, what counts can know, and what the experiment returns."""

import numpy as np
import pytest

from lstmkit.tasks import word_order as task


def verdict(words):
    """A review read from left to right, as a person would: 1 friendly, 0 not."""
    total, turn = 0, 1
    for word in (task.SYMBOLS[n] for n in words):
        if word == "not":
            turn = -1
        elif word == ",":
            turn = 1
        elif word.startswith(("good", "bad")):
            total += turn * (1 if word.startswith("good") else -1)
            turn = 1
    assert total != 0
    return int(total > 0)


@pytest.mark.parametrize("rule", task.RULES)
@pytest.mark.parametrize("T", [11, 12, 15, 20])
def test_the_label_is_what_a_reader_says(rng, rule, T):
    words, y = task.batch(rng, rule, 200, T)
    assert words.shape == (T, 200)
    assert words.min() >= 0
    assert words.max() < len(task.SYMBOLS)
    assert [verdict(words[:, b]) for b in range(200)] == y.tolist()
    assert 0.35 < y.mean() < 0.65


def test_what_each_rule_promises(rng):
    for rule in ("negation", "distance"):
        words, _ = task.batch(rng, rule, 300)
        assert ((words == task.NOT).sum(0) == 1).all()
        assert ((words < task.KINDS).sum(0) == 1).all()
        assert ((words >= task.KINDS) & (words < 2 * task.KINDS)).sum() == 300
        at = (words == task.NOT).argmax(0)
        turned = np.array([np.flatnonzero(words[t:, b] < 2 * task.KINDS)[0] for b, t in enumerate(at)])
        assert (turned == 1).all() if rule == "negation" else (turned >= 3).all()
        assert ((words == task.COMMA).sum(0) == (rule == "distance")).all()
    words, _ = task.batch(rng, "words", 300)
    assert ((words < 2 * task.KINDS).sum(0) == task.OPINIONS).all()
    assert words.max() < task.NOT


def best_line(rng, features, rule):
    """Accuracy on fresh reviews of least squares on 4,000: a linear reader fitted without the experiment's code."""
    (train, y), (test, y_test) = (task.batch(rng, rule, 4_000) for _ in range(2))
    X, X_test = features(train).astype(float), features(test).astype(float)
    w = np.linalg.solve(X.T @ X + 10 * np.eye(X.shape[1]), X.T @ (2 * y - 1))
    return ((X_test @ w > 0) == y_test).mean()


def test_what_counts_can_know(rng):
    assert best_line(rng, task.counts, "words") > 0.95
    assert best_line(rng, task.counts, "negation") == pytest.approx(0.5, abs=0.05)
    assert best_line(rng, task.counts, "distance") == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_what_pairs_can_know(rng):
    assert best_line(rng, task.pairs, "negation") > 0.95
    assert best_line(rng, task.pairs, "distance") == pytest.approx(0.5, abs=0.05)


def test_counts_and_pairs(rng):
    words = np.array([[0, 33], [33, 0], [0, 5]])
    counts, pairs = task.counts(words), task.pairs(words)
    S = len(task.SYMBOLS)
    assert S == 34
    assert counts[0, 0] == 2
    assert counts[0, 33] == counts[1, 33] == counts[1, 5] == 1
    np.testing.assert_array_equal(pairs[:, :S], counts)
    assert pairs[0, S + 33] == 1  # 0 before 33
    assert pairs[0, S + 33 * S] == pairs[1, S + 33 * S] == 1
    assert pairs[1, S + 5] == 1
    assert (pairs[:, S:].sum(1) == 2).all()
    np.testing.assert_array_equal(task.score(words), [1, 1])


@pytest.mark.parametrize(("arguments", "name"), [(("sarcasm", 3), "rule"), (("words", 0), "B"), (("words", 3, 9), "T")])
def test_bad_arguments_are_named(rng, arguments, name):
    with pytest.raises(ValueError, match=f"^{name} is"):
        task.batch(rng, *arguments)


@pytest.fixture(scope="module")
def small():
    pytest.importorskip("torch")
    from lstmkit.experiments import word_order

    return word_order.run(scale="test"), word_order.run(scale="test"), word_order


def test_keys_and_the_same_numbers_again(small):
    result, again, experiment = small
    assert set(result) == {"sizes", "accuracy", "score", "parameters", "rate", "cpu_seconds"}
    names = {"logistic regression", "logistic regression, pairs", "LSTM"}
    assert set(result["parameters"]) == names == set(result["cpu_seconds"])
    assert {len(rates) for rates in experiment.RATES.values()} == {2}
    for rule in task.RULES:
        assert set(result["accuracy"][rule]) == names == set(result["rate"][rule])
        for name in names:
            assert result["accuracy"][rule][name] == again["accuracy"][rule][name]
            assert list(result["accuracy"][rule][name]) == [str(size) for size in result["sizes"]]
    assert result["parameters"]["logistic regression"] == 2 * (len(task.SYMBOLS) + 1)


def test_an_unknown_scale_is_named(small):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        small[2].run(scale="huge")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_order_pays_where_it_decides_and_only_there(small, seed):
    accuracy = {
        rule: {k: v["3000"] for k, v in row.items()} for rule, row in small[2].run(seed=seed)["accuracy"].items()
    }
    assert accuracy["words"]["logistic regression"] > 0.97
    assert accuracy["negation"]["logistic regression"] < 0.6
    assert accuracy["negation"]["logistic regression, pairs"] > 0.95
    assert accuracy["distance"]["logistic regression, pairs"] < 0.6
    assert accuracy["distance"]["LSTM"] > 0.9
