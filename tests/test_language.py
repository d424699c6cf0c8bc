"""The character models: n-grams and lanes against plain loops, no look ahead, equal parameters, repeatable numbers."""

import collections
import gzip
import itertools
import math

import numpy as np
import pytest

pytest.importorskip("torch")

from lstmkit.experiments import language


@pytest.fixture(scope="module")
def small():
    return language.run(scale="test")


def witten_bell(train, test, order, symbols):
    """The same 5-gram with dictionaries and one character at a time."""
    seen = [collections.defaultdict(collections.Counter) for _ in range(order)]
    for o in range(order):
        for n in range(o, len(train)):
            seen[o][tuple(train[n - o : n])][train[n]] += 1
    bits = []
    for n, s in enumerate(test):
        p = 1 / symbols
        for o in range(min(order, n + 1)):
            after = seen[o].get(tuple(test[n - o : n]))
            if after:
                p = (after[s] + len(after) * p) / (sum(after.values()) + len(after))
        bits.append(-math.log2(p))
    return bits


@pytest.mark.parametrize("order", [1, 2, 5])
def test_the_ngram_is_the_one_with_dictionaries(rng, order):
    train, test = rng.integers(0, 3, 400), rng.integers(0, 4, 60)  # 3 is never met in training
    expected = witten_bell(train.tolist(), test.tolist(), order, 4)
    np.testing.assert_allclose(language.ngram_bits(train, test, order, 4), expected, rtol=1e-12)


def test_the_probabilities_of_all_symbols_add_up_to_one(rng):
    train, before = rng.integers(0, 5, 200), rng.integers(0, 5, 4)
    p = [2 ** -language.ngram_bits(train, np.append(before, s), 5, 6)[-1] for s in range(6)]
    assert sum(p) == pytest.approx(1)


def test_a_repeated_text_costs_the_compressor_next_to_nothing(rng):
    text = "".join(chr(c) for c in rng.integers(97, 123, 4000))
    other = "".join(chr(c) for c in rng.integers(97, 123, 4000))
    compress = lambda b: gzip.compress(b, mtime=0)  # noqa: E731
    assert language.compressed_bits(compress, text, text) < 0.5
    assert language.compressed_bits(compress, text, other) == pytest.approx(math.log2(26), abs=0.5)


def test_what_a_lane_reads_next_follows_what_it_read_before(rng):
    """Over three passes: targets are the inputs one later, and the text goes on across steps, lanes and passes."""
    data = np.arange(100)
    batch = language.stream(data, count=3, T=4)  # lanes of 32 characters, 8 steps a pass
    xs, ys = zip(*(batch(step, rng) for step in range(24)), strict=True)
    for x, y in zip(xs, ys, strict=True):
        assert x.shape == (4, 3)
        np.testing.assert_array_equal(y, x + 1)
    for before, after in itertools.pairwise(xs):
        np.testing.assert_array_equal(after[0], (before[-1] + 1) % 96)
    np.testing.assert_array_equal(np.sort(np.concatenate([x.ravel() for x in xs[:8]])), np.arange(96))


@pytest.mark.parametrize("kind", language.CORES)
def test_nobody_sees_the_character_that_it_foretells(torch, rng, kind):
    """Change one character: what was foretold before it stays, what comes after it does not."""
    model = language.network(kind, 8, 7).eval()
    data = rng.integers(0, 7, 401)
    changed = data.copy()
    changed[250] = (changed[250] + 1) % 7
    with torch.no_grad():
        before, after = (language.network_bits(model, part, 1)[:, 0].numpy() for part in (data, changed))
    assert before.shape == (400,)
    np.testing.assert_allclose(after[:249], before[:249], atol=1e-5)  # the 249th target is the changed character
    assert (np.abs(after[249:251] - before[249:251]) > 1e-6).all()


def test_lanes_with_a_carried_state_are_one_long_text(torch, rng):
    """The bits of one long reading are those of a plain loop, a character at a time."""
    model = language.network("LSTM", 6, 5).eval()
    data = rng.integers(0, 5, 201)
    state, expected = None, []
    with torch.no_grad():
        for now, following in itertools.pairwise(data):
            logits, state = model(torch.tensor([[now]]), state)
            expected.append(-torch.log_softmax(logits, -1)[0, 0, following].item() / math.log(2))
        found = language.network_bits(model, data, 1)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_keys_and_fairness(small):
    networks = set(language.CORES)
    assert set(small) == {
        "bits", "equal_seconds", "equal_steps", "at", "beats_5gram", "rate", "parameters", "steps", "cpu_seconds",
        "curve", "uniform", "text",
    }  # fmt: skip
    assert set(small["bits"]) == networks | {"unigram", "5-gram", "gzip", "xz"} == set(small["cpu_seconds"])
    for key in ("equal_seconds", "equal_steps", "beats_5gram", "rate", "parameters", "steps", "curve"):
        assert set(small[key]) == networks
    assert {len(rates) for rates in language.RATES.values()} == {2}  # as many tried for each
    assert small["equal_steps"]["LSTM"] == pytest.approx(small["bits"]["LSTM"])
    assert small["bits"]["unigram"] < small["uniform"]
    assert small["text"]["train"] == 8_000


def test_parameters_are_equal_where_it_counts(torch):
    budget = language.count_parameters(language.network("LSTM", 256, 103))
    for kind in language.CORES:
        H = language.equal_width(lambda H, kind=kind: language.network(kind, H, 103), budget, step=4)
        assert language.count_parameters(language.network(kind, H, 103)) == pytest.approx(budget, rel=0.03)


def test_the_same_seed_gives_the_same_numbers(small):
    assert language.run(scale="test")["bits"] == small["bits"]


def test_a_line_between_two_evaluations():
    curve = np.array([[10, 1.0, 4.0], [20, 3.0, 3.0]])
    assert language.bits_at(curve, 0, 15) == 3.5
    assert language.bits_at(curve, 1, 2.0) == 3.5
    assert language.bits_at(curve, 1, 0.5) is None
    assert language.first_below(curve, 3.5) == {"steps": 20, "cpu_seconds": 3.0}
    assert language.first_below(curve, 2.0) == {"steps": None, "cpu_seconds": None}


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        language.run(scale="huge")


@pytest.mark.slow
def test_long_repeats_beat_four_characters_of_context():
    """Even without the paragraphs that occur twice, what xz finds again far back is worth more than the 5-gram."""
    bits = language.run()["bits"]
    assert bits["xz"] < bits["5-gram"] - 0.2
    assert bits["5-gram"] < bits["unigram"] - 1.5
    assert bits["LSTM"] < bits["unigram"] - 1.5
