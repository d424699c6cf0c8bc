"""Agreement: what a sentence is, who is fooled by which noun, and what the networks of the experiment do."""

import numpy as np
import pytest

from lstmkit.tasks import agreement as task


def told(x, column):
    """The words of a sentence, blanks left out, read by a person's rule: the first noun that is in no phrase."""
    words = [task.SYMBOLS[n] for n in x[:, column].argmax(axis=1)]
    words = [word for word in words if word != "-"]
    inside = False
    for word in words:
        if word.startswith("in"):
            inside = True
        elif word.startswith("key"):
            if not inside:
                return words, int(word.startswith("keys"))
            inside = False
    raise AssertionError(f"no subject in {words}")


@pytest.mark.parametrize("attractors", [0, 1, 4, task.USUAL])
def test_the_subject_is_the_first_noun_outside_a_phrase(rng, attractors):
    x, y = task.batch(rng, 60, attractors)
    most = attractors if isinstance(attractors, int) else len(attractors) - 1
    assert x.shape == (5 + 3 * most, 60, len(task.SYMBOLS))
    np.testing.assert_array_equal(x.sum(axis=2), 1)
    for column in range(60):
        words, number = told(x, column)
        assert number == y[column]
        nouns = [word for word in words if word.startswith("key")]
        if isinstance(attractors, int):
            assert len(nouns) == 1 + attractors + ("," in words)


def test_blanks_stand_before_the_first_word_only(rng):
    x, _ = task.batch(rng, 100)
    blank = x[..., task.BLANK] == 1
    assert (np.diff(blank.astype(int), axis=0) <= 0).all()
    assert blank.any()
    assert not blank[-1].any()


def test_as_many_attractors_as_asked_and_as_often_against(rng):
    x, y = task.batch(rng, 4_000, task.USUAL, opposed=0.25)
    words = x.argmax(axis=2)
    nouns = (words >= task.SINGULAR).sum(axis=0) - (words == task.COMMA).any(axis=0)
    for k, share in enumerate(task.USUAL):
        assert (nouns == 1 + k).mean() == pytest.approx(share, abs=0.04)
    plural = (words >= task.PLURAL).astype(int)
    for opposed in (0, 1):
        x, y = task.batch(rng, 200, 1, opposed)
        plural = x[-1].argmax(axis=1) >= task.PLURAL  # a phrase ends with its noun
        np.testing.assert_array_equal(plural != (y == 1), bool(opposed))


def test_the_baselines_answer_with_their_noun(rng):
    x, y = task.batch(rng, 500, 3, opposed=1)
    assert (task.nearest_noun(x) != y).all()
    fronted = (x[..., task.COMMA] == 1).any(axis=0)
    first = task.first_noun(x)
    np.testing.assert_array_equal(first[~fronted], y[~fronted])
    assert 0.3 < (first[fronted] == y[fronted]).mean() < 0.7  # that noun knows nothing of the subject
    x, y = task.batch(rng, 500, 0)
    np.testing.assert_array_equal(task.nearest_noun(x), y)


def test_the_same_seed_gives_the_same_batch():
    (x, y), (again, y_again) = (task.batch(np.random.default_rng(3), 20) for _ in range(2))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, y_again)


@pytest.mark.parametrize(
    ("arguments", "name"), [((0,), "B"), ((3, -1), "attractors"), ((3, 1.5), "attractors"), ((3, 1, 2), "opposed")]
)
def test_bad_arguments_are_named(rng, arguments, name):
    with pytest.raises(ValueError, match=f"^{name} is"):
        task.batch(rng, *arguments)


@pytest.fixture(scope="module")
def small():
    pytest.importorskip("torch")
    from lstmkit.experiments import agreement

    return agreement.run(scale="test"), agreement.run(scale="test"), agreement


def test_keys_fairness_and_the_same_numbers_again(small):
    result, again, experiment = small
    assert set(result) == {
        "attractors", "accuracy", "as_trained", "trained_up_to", "sentences", "rate", "parameters", "steps",
        "cpu_seconds",
    }  # fmt: skip
    assert set(result["accuracy"]) == {"LSTM", "GRU", "RNN", "nearest noun", "first noun"} == set(result["as_trained"])
    for name, row in result["accuracy"].items():
        np.testing.assert_array_equal(row, again["accuracy"][name])
        assert row.shape == result["attractors"].shape
    np.testing.assert_array_equal(result["accuracy"]["nearest noun"], result["attractors"] == 0)
    budget = experiment.count_parameters(experiment.network(experiment.LSTM, 16))
    for core in experiment.CORES.values():
        H = experiment.equal_width(lambda H, core=core: experiment.network(core, H), budget)
        assert experiment.count_parameters(experiment.network(core, H)) == pytest.approx(budget, rel=0.04)


def test_an_unknown_scale_is_named(small):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        small[2].run(scale="huge")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_the_gated_networks_know_the_subject_and_the_simple_one_the_last_noun(small, seed):
    result = small[2].run(seed=seed)
    k = list(result["attractors"])
    for name in ("LSTM", "GRU"):
        assert result["accuracy"][name][k.index(2)] > 0.9
    assert result["accuracy"]["RNN"][k.index(4)] < 0.5
    assert result["accuracy"]["LSTM"][k.index(8)] < result["accuracy"]["LSTM"][k.index(2)]
