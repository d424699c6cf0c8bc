"""The continual Reber grammar: places against the letters, the NumPy reading against torch, equal parameters."""

import itertools

import numpy as np
import pytest

pytest.importorskip("torch")
from lstmkit.experiments import continual_reber as experiment
from lstmkit.tasks import reber


def test_keys_repetition_and_parameters():
    one, two = (experiment.run(scale="test") for _ in range(2))
    for result in (one, two):
        assert all(seconds > 0 for seconds in result.pop("cpu_seconds").values())
    np.testing.assert_equal(one, two)
    for key in (*one, "cpu_seconds"):
        assert key in experiment.__doc__.partition("Keys:")[2], key
    assert all(abs(count / one["parameters"]["LSTM"] - 1) < 0.03 for count in one["parameters"].values())
    assert set(one["accuracy"]) == {"LSTM", "LSTM 1997", "RNN", "LSTM held open", "LSTM held open inside"}
    for name, state in one["state"].items():
        assert len(state) == len(one["state_times"])
        assert one["largest_state"][name]["t100"] == state[one["state_times"] == 100].item()


def test_places_are_those_of_the_words(rng):
    x = reber.stream(rng, 300, 3).x
    found = experiment.places(x)
    assert (np.sum(list(found.values()), axis=0) == 1).all()  # every letter is in one place
    for b in range(3):
        text = "".join(reber.SYMBOLS[symbol] for symbol in x[:, b].argmax(axis=-1))
        begins = np.flatnonzero(found["B"][:, b])
        for begin, end in itertools.pairwise(begins):
            word = text[begin:end]
            assert reber.legal_next(word) == {"B"}
            assert word[1] == word[-2]
            at = {place: np.flatnonzero(where[begin:end, b]).tolist() for place, where in found.items()}
            n = len(word)
            assert at == {"B": [0], "second": [1], "inside": [*range(2, n - 2)], "outer": [n - 2], "E": [n - 1]}


@pytest.mark.parametrize("name", ["LSTM", "LSTM 1997"])
def test_following_the_state_agrees_with_torch(rng, torch, name):
    network = experiment.builders()[name]().eval()
    x = reber.stream(rng, 25, 4).x
    hs, cs, fs = experiment.follow(network.core, x)
    with torch.no_grad():
        logits, (_, c) = network(torch.from_numpy(x.astype(np.float32)))
    np.testing.assert_allclose(experiment.answers(network, hs), logits, atol=1e-5)
    np.testing.assert_allclose(cs[-1], c[0], atol=1e-5)
    assert (fs == 1).all() == (name == "LSTM 1997")


def test_a_gate_held_open_keeps_everything(rng, torch):
    core = experiment.builders()["LSTM"]().core
    x = reber.stream(rng, 12, 2).x
    hold = np.zeros((12, 2), bool)
    hold[5, 1] = True
    free, forced = experiment.follow(core, x), experiment.follow(core, x, hold)
    assert (forced[2][5, 1] == 1).all()
    for a, b in zip(free, forced, strict=True):
        np.testing.assert_array_equal(a[:5], b[:5])
        np.testing.assert_array_equal(a[:, 0], b[:, 0])
    gain = (1 - free[2][5, 1]) * free[1][4, 1]
    np.testing.assert_allclose(forced[1][5, 1], free[1][5, 1] + gain, atol=1e-12)


def test_without_a_forget_gate_and_without_feedback_the_past_stays(rng, torch):
    core = experiment.builders()["LSTM 1997"]().core
    with torch.no_grad():
        core.W_h_l0.zero_()  # then what is added depends on the letters alone, and the distance cannot change
    x, words = reber.stream(rng, 200, 3).x, reber.stream(rng, 10, 1).x
    apart = experiment.past(core, x, experiment.places(x)["B"], words)
    np.testing.assert_allclose(apart, np.ones(10), atol=1e-9)


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(scale="huge")


@pytest.mark.slow
def test_the_forget_gate_is_what_the_stream_needs():
    results = [experiment.run(seed) for seed in range(3)]
    middle = {name: np.median([r["accuracy"][name] for r in results]) for name in results[0]["accuracy"]}
    assert middle["LSTM"] > 0.95 > 0.75 > middle["LSTM 1997"]
    assert middle["LSTM held open"] < 0.8
    assert all(r["growth"]["LSTM 1997"] > 10 > 3 > r["growth"]["LSTM"] for r in results)
    assert np.median([r["past_after_ten"]["LSTM"] for r in results]) < 0.5
