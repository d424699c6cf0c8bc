"""Counting: what may follow is checked against the language itself, the experiment against a model that counts."""

import numpy as np
import pytest

from lstmkit.tasks import counting


def language(k, longest):
    """All strings of the language up to n = longest, written out, each ended by the mark."""
    return ["".join(letter * n for letter in "abc"[:k]) + "." for n in range(1, longest + 1)]


@pytest.mark.parametrize("k", [2, 3])
def test_what_may_follow_is_what_the_language_has(k):
    """A symbol may follow a prefix exactly if some string of the language begins with prefix and symbol."""
    ns = [3, 1, 4]
    strings = counting.sequences(ns, k)
    every = language(k, 6)
    assert strings.x.shape == strings.y.shape == (4 * k + 1, 3, k + 1)
    for b, n in enumerate(ns):
        word = language(k, n)[-1]
        for t in range(strings.mask.shape[0]):
            if t > k * n:
                assert not strings.mask[t, b]
                assert not strings.x[t, b].any()
                assert not strings.y[t, b].any()
                continue
            assert strings.mask[t, b]
            prefix = word[:t]
            assert strings.x[t, b].argmax() == ".abc".index(prefix[-1:] or ".")
            assert strings.x[t, b].sum() == 1
            may = [any(other.startswith(prefix + symbol) for other in every) for symbol in ".abc"[: k + 1]]
            assert strings.y[t, b].tolist() == may, prefix


def test_n_is_uniform(rng):
    strings = counting.batch(rng, 4, 4000)
    n = (strings.mask.sum(axis=0) - 1) // 2
    assert (np.abs(np.bincount(n, minlength=5)[1:] / 4000 - 0.25) < 0.05).all()


@pytest.mark.parametrize("k", [2, 3])
def test_acceptance_is_all_or_nothing(rng, k):
    strings = counting.batch(rng, 5, 20, k)
    scores = np.where(strings.y > 0, 1.0, -1.0)
    assert counting.accepted(scores, strings).all()
    scores[~strings.mask] = 7.0  # behind the end nobody looks
    assert counting.accepted(scores, strings).all()
    b = int(rng.integers(20))
    scores[rng.integers(strings.mask[:, b].sum()), b, rng.integers(k + 1)] *= -1
    assert counting.accepted(scores, strings).tolist() == [i != b for i in range(20)]


@pytest.mark.parametrize(("k", "n"), [(2, 2), (2, 9), (3, 2), (3, 7)])
def test_the_last_symbol_is_nearly_always_enough_and_accepts_nothing(k, n):
    strings = counting.sequences([n], k)
    guess = {0: [1], 1: [1, 2], 2: [2], 3: [3]}  # behind the mark an a, behind an a either, then more of the same
    scores = -np.ones(strings.y.shape)
    for t, symbol in enumerate(strings.x[:, 0].argmax(axis=-1)):
        scores[t, 0, guess[int(symbol)]] = 1
    right = ((scores > 0) == (strings.y > 0)).all(axis=-1)
    assert right.mean() == pytest.approx(counting.last_symbol_accuracy(n, k), rel=1e-12)
    assert not counting.accepted(scores, strings).any()


def test_left_to_itself_the_language_is_a_n_b_n_and_a_score_of_zero_says_no():
    strings = counting.sequences([3])
    assert strings.x.shape == (7, 1, 3)
    assert counting.last_symbol_accuracy(3) == counting.last_symbol_accuracy(3, k=2)
    assert not counting.accepted(np.zeros(strings.y.shape), strings).any()
    assert counting.accepted(strings.y, strings).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (counting.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one.x.dtype == one.y.dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_bad_sizes_are_named(rng):
    for arguments, name in (((0, 3), "N"), ((5, 0), "B"), ((5, 3, 1), "k"), ((5, 3, 4), "k")):
        with pytest.raises(ValueError, match=f"^{name} is "):
            counting.batch(rng, *arguments)
    with pytest.raises(ValueError, match=r"^n is 0"):
        counting.sequences([3, 0])
    with pytest.raises(ValueError, match=r"^B is 0"):
        counting.sequences([])


@pytest.fixture
def experiment():
    """The experiment, skipped where torch is not installed."""
    pytest.importorskip("torch")
    from lstmkit.experiments import counting as experiment

    return experiment


class Counter:
    """Right about every string up to n = `most`, and silent about the longer ones."""

    def __init__(self, torch, k, most):
        self.torch, self.k, self.most = torch, k, most

    def __call__(self, x):
        scores = -self.torch.ones(x.shape)
        for b in range(x.shape[1]):
            symbols = x[:, b].argmax(-1)[x[:, b].sum(-1) > 0].tolist()
            word = "".join(".abc"[symbol] for symbol in symbols)[1:] + "."
            if symbols.count(1) <= self.most:
                for t in range(len(symbols)):
                    scores[t, b, ".abc".index(word[t])] = 1
                    if t and word[t - 1] == "a":
                        scores[t, b, 1] = scores[t, b, 2] = 1
        return scores, None


@pytest.mark.parametrize(
    ("k", "most", "limit"), [(2, 0, 4), (2, 7, 30), (3, 20, 45), (2, 21, 45), (3, 9, 9), (2, 50, 9)]
)
def test_reach_is_where_a_counter_stops(experiment, torch, k, most, limit):
    assert experiment.reach(Counter(torch, k, most), k, limit) == min(most, limit)


def test_the_experiment_repeats_itself_and_its_baseline_is_arithmetic(experiment):
    one, two = (experiment.run(scale="test") for _ in range(2))
    for result in (one, two):
        seconds = result.pop("cpu_seconds")
        assert all(second > 0 for row in seconds.values() for second in row.values())
    np.testing.assert_equal(one, two)
    for key in (*one, "cpu_seconds"):
        assert key in experiment.__doc__.partition("Keys:")[2], key
    assert one["baseline"] == {"anbn": 1, "anbncn": 1}  # test_the_last_symbol_is_nearly_always_enough...
    assert one["last_symbol_accuracy"] == pytest.approx({"anbn": 4 / 5, "anbncn": 5 / 7})
    for row in one["parameters"].values():
        for name, count in row.items():
            assert name == "Transformer wide" or abs(count / row["LSTM"] - 1) < 0.03
    assert {len(counter) for counter in one["counter"].values()} == {2 * one["state_n"] + 1}


def test_no_contestant_sees_the_symbols_to_come(experiment, torch):
    strings = counting.sequences([4], dtype=np.float32)
    changed = strings.x.copy()
    changed[6:] = changed[6:][:, :, ::-1]
    for name, build in experiment.builders(2).items():
        network = build().eval()
        with torch.no_grad():
            before, after = (network(torch.from_numpy(x))[0][:6] for x in (strings.x, changed))
        np.testing.assert_allclose(before, after, atol=1e-6, err_msg=name)


def test_the_loss_is_a_mean_over_the_strings_alone(experiment, torch):
    strings = counting.sequences([3, 1, 2], dtype=np.float32)
    scores = torch.randn(strings.y.shape)
    found = experiment.loss(lambda x: (scores, None), *(torch.from_numpy(array) for array in strings))
    p = 1 / (1 + np.exp(-scores.double().numpy()))
    each = -np.log(np.where(strings.y > 0, p, 1 - p))
    total = sum(each[t, b].sum() for b, n in enumerate([3, 1, 2]) for t in range(2 * n + 1))
    assert found.item() == pytest.approx(total / (3 * (7 + 3 + 5)), rel=1e-5)


def test_the_state_of_the_lstm_is_c(experiment, torch):
    core = experiment.builders(2)["LSTM"]().core
    c = experiment.states(core, 3)
    x = torch.from_numpy(counting.sequences([3], dtype=np.float32).x)
    for t in range(7):
        np.testing.assert_allclose(c[t], core(x[: t + 1])[1][1][0, 0].detach(), atol=1e-6)


def test_an_unknown_scale_is_named(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(scale="huge")


@pytest.mark.slow
def test_the_lstm_counts_on_where_the_gru_stops(experiment):
    results = [experiment.run(seed) for seed in range(3)]
    lstm, gru = (np.median([r["reach"]["anbn"][name] for r in results]) for name in ("LSTM", "GRU"))
    assert lstm > 1.3 * gru
    assert all(r["largest_state"]["LSTM"] > 15 and r["largest_state"]["GRU"] <= 1.001 for r in results)
