"""The embedded Reber words: the judge against the grammar itself, equal parameters, repetition."""

import numpy as np
import pytest

pytest.importorskip("torch")
from lstmkit.experiments import embedded_reber as experiment
from lstmkit.tasks import reber
from lstmkit.torch.training import Run


def test_keys_repetition_and_parameters():
    one, two = (experiment.run(scale="test") for _ in range(2))
    for result in (one, two):
        assert all(seconds > 0 for seconds in result.pop("cpu_seconds_all").values())
        for key in ("cpu_seconds", "after_equal_seconds"):  # they depend on the clock
            assert {*result.pop(key)} == {*experiment.NAMES}
    assert one == two
    for key in (*one, "cpu_seconds", "cpu_seconds_all", "after_equal_seconds"):
        assert key in experiment.__doc__.partition("Keys:")[2], key
    assert all(abs(count / one["parameters"]["LSTM"] - 1) < 0.03 for count in one["parameters"].values())


def test_the_judge_agrees_with_the_grammar(rng, torch):
    words = reber.batch(rng, 200, np.float32)
    logits = 2 * torch.from_numpy(words.legal) + torch.rand(words.x.shape)  # mostly legal letters,
    logits[torch.from_numpy(rng.random(words.y.shape) < 0.05)] *= -1  # and here and there an illegal one
    share, outer = experiment.judge(lambda x: (logits, None), words)
    right, last = [], []
    for b in range(200):
        n = (words.y[:, b] >= 0).sum()
        word = "".join(reber.SYMBOLS[symbol] for symbol in words.x[:n, b].argmax(axis=-1))
        said = [reber.SYMBOLS[symbol] for symbol in logits[:n, b].argmax(-1)]
        right.append(all(letter in reber.legal_next(word[: t + 1]) for t, letter in enumerate(said)))
        last.append(said[n - 2] == word[1])
    assert 0.1 < share < 0.95
    assert (share, outer) == pytest.approx((np.mean(right), np.mean(last)))


def test_who_forgot_the_second_letter_is_right_by_luck(rng, torch):
    words = reber.batch(rng, 1000, np.float32)
    says_t = torch.from_numpy(words.legal.copy())
    says_t[torch.from_numpy(words.outer)] = torch.eye(7)[reber.SYMBOLS.index("T")]
    share, outer = experiment.judge(lambda x: (says_t, None), words)
    assert share == outer == pytest.approx(0.5, abs=0.08)


def test_the_sooner_rate_wins():
    def trained(steps, error):
        return Run(loss=[0.0] * steps, evaluations=[{"score": error}]), None

    assert experiment.sooner({1: trained(8, 0.0), 2: trained(5, 0.0), 3: trained(3, 0.1)}) == 2
    assert experiment.sooner({1: trained(8, 0.2), 2: trained(8, 0.1)}) == 2


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(scale="huge")


@pytest.mark.slow
def test_all_three_learn_single_words():
    results = [experiment.run(seed) for seed in range(3)]
    for name in experiment.NAMES:
        assert np.median([r["outer"][name] for r in results]) > 0.9
