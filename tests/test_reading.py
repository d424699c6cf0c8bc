"""Reading a character LSTM: its gates, the events, the permutation test, changed states, context, samples."""

import collections
import math

import numpy as np
import pytest

pytest.importorskip("torch")

from lstmkit.experiments import language, reading

ALPHABET = "\n .abcd"


@pytest.fixture(scope="module")
def small():
    return reading.run(scale="test")


@pytest.fixture
def model(torch):
    return language.network("LSTM", 6, len(ALPHABET) + 1).eval()


def by_hand(model, x):
    """Gates and states of the LSTM from its weights, one step at a time in float64: lists of (B, H)."""
    W_x, W_h, b = (getattr(model.core, f"{name}_l0").detach().double().numpy() for name in ("W_x", "W_h", "b"))
    embedding = model.first.weight.detach().double().numpy()
    h = c = np.zeros((x.shape[1], W_h.shape[1]))
    fs, cs, hs = [], [], []
    for x_t in x:
        i, f, g, o = np.split(embedding[x_t] @ W_x.T + h @ W_h.T + b, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        fs.append(f)
        cs.append(c)
        hs.append(h)
    return fs, cs, hs


def test_the_gates_are_those_of_the_equations_across_the_pieces(rng, model):
    x = rng.integers(0, len(ALPHABET), (503, 2))
    gates = reading.read(model, x)
    fs, cs, _ = by_hand(model, x)
    np.testing.assert_allclose(gates.f, fs, atol=1e-5)
    np.testing.assert_allclose(gates.c, cs, atol=1e-5)


def test_events():
    text = "ab. cd.\n\nab c\ncd. ab."
    paragraph, line = (mask[:, 0] for mask in reading.events(np.array(list(text))[:, None])["paragraph"])
    assert np.flatnonzero(paragraph).tolist() == [8]
    assert np.flatnonzero(line).tolist() == [13]
    sentence, space = (mask[:, 0] for mask in reading.events(np.array(list(text))[:, None])["sentence"])
    assert np.flatnonzero(sentence).tolist() == [3, 17]
    assert np.flatnonzero(space).tolist() == [11, 13]


def test_the_permutation_test_keeps_its_promise(rng):
    """Where nothing is there, all units together give one false alarm in twenty runs or so; a planted unit is found."""
    N, H, alarms = 400, 20, 0
    for _ in range(100):
        f = rng.random((N, H))
        at = np.zeros(N, bool)
        at[rng.choice(N, 40, replace=False)] = True
        result = reading.compare(rng, f, at, ~at, 99)
        alarms += result["significant_lower"] + result["significant_higher"] > 0
    assert alarms <= 16  # 5 expected; beyond 16 once in 10,000 times
    f[at, 3] *= 0.05
    result = reading.compare(rng, f, at, ~at, 99)
    assert result["significant_lower"] >= 1 / H
    assert result["resets"] in (0, 1)
    assert result["lowest_at"] == pytest.approx(f[at, 3].mean())
    assert result["events"] == 40
    assert result["others"] == 360
    np.testing.assert_allclose(result["other"], f[~at].mean(0))


def test_a_reset_is_counted(rng):
    f, at = np.full((100, 3), 0.9) + 0.01 * rng.random((100, 3)), np.arange(100) % 10 == 0
    f[at, 1] = 0.05
    assert reading.compare(rng, f, at, ~at, 20)["resets"] == 1


def test_changed_states_are_those_of_the_forced_equations(rng, model):
    x = rng.integers(0, len(ALPHABET), (30, 3))
    gates = reading.read(model, x)
    fs, cs, hs = by_hand(model, x)
    t, b = np.array([5, 29, 12]), np.array([0, 2, 1])
    states = reading.changed_states(gates, t, b)
    for n in range(3):
        f, c, h, before = fs[t[n]][b[n]], cs[t[n]][b[n]], hs[t[n]][b[n]], cs[t[n] - 1][b[n]]
        written = c - f * before  # i · g
        o = h / np.tanh(c)
        np.testing.assert_allclose(states["nothing"][0][n], h, atol=1e-5)
        np.testing.assert_allclose(states["f open"][1][n], written + before, atol=1e-5)
        np.testing.assert_allclose(states["f closed"][0][n], o * np.tanh(written), atol=1e-4)
    assert not states["no state"][0].any()
    assert not states["no c"][1].any()
    np.testing.assert_array_equal(states["no h"][1], states["nothing"][1])


def test_an_unchanged_state_gives_the_bits_of_the_long_reading(rng, model):
    data = rng.integers(0, len(ALPHABET), (80, 2))
    gates = reading.read(model, data)
    full = reading.bits_after(model, data, (np.zeros(2, int), np.arange(2)), 79)
    t, b = np.array([20, 41]), np.array([1, 0])
    state = reading.changed_states(gates, t, b)["nothing"]
    found = reading.bits_after(model, data, (t + 1, b), 10, state)
    for n in range(2):
        np.testing.assert_allclose(found[:, n], full[t[n] + 1 : t[n] + 11, b[n]], atol=1e-4)
    changes = reading.after_changes(model, gates, data, (t, b), 10)
    assert set(changes) == {"no h", "no c", "no state", "f open", "f closed"}
    empty = reading.bits_after(model, data, (t + 1, b), 10).mean(1) - found.mean(1)
    np.testing.assert_allclose(changes["no state"], empty, atol=1e-4)


def test_context_is_zero_where_nothing_is_missing(rng, model):
    """A network that forgets at once is missing nothing; one whose forget gates stand open misses something."""
    data = rng.integers(0, len(ALPHABET), (600, 2))
    missing = {}
    for bias in (-30.0, 30.0):
        model.core.b_l0.data[6:12] = bias
        model.core.W_h_l0.data[:] = 0
        full = reading.bits_after(model, data, (np.zeros(2, int), np.arange(2)), 599)
        lengths, missing[bias] = reading.context(model, full, data, 64)
    assert lengths.tolist() == [1, 2, 4, 8, 16, 32, 64]
    np.testing.assert_allclose(missing[-30.0], 0, atol=1e-5)
    assert np.abs(missing[30.0]).max() > 1e-3


def test_a_sample_is_drawn_from_the_networks_probabilities(rng, model):
    """With a read-out that sees its bias only, frequencies are known."""
    p = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625 / 2, 0.0625 / 4, 0.0625 / 4])
    model.readout.weight.data[:] = 0
    for n, value in enumerate([*np.log(p), 9.0]):  # the last, likeliest one, is the unknown character
        model.readout.bias.data[n] = float(value)
    lanes = reading.sample(model, rng, ALPHABET, 500, count=8)
    assert [len(lane) for lane in lanes] == [500] * 8
    seen = collections.Counter("".join(lanes))
    for character, share in zip(ALPHABET, p, strict=True):
        assert seen[character] / 4_000 == pytest.approx(share, abs=5 * math.sqrt(share / 4_000))


def test_the_overlap_of_texts_with_and_without_a_topic(rng):
    """Each lane has words of its own, or all draw from the same."""
    vocabulary = ["".join(chr(97 + n) for n in rng.integers(0, 26, 6)) for _ in range(200)]

    def lane(words):
        return " ".join(words[n] for n in rng.integers(0, len(words), 150))[:1_000]

    train = " ".join(vocabulary[n] for n in rng.integers(0, 200, 3_000))
    topics = reading.overlap(train, [lane(vocabulary[20 * n : 20 * n + 20]) for n in range(10)], 200)
    none = reading.overlap(train, [lane(vocabulary) for _ in range(10)], 200)
    assert topics.shape == (3,)
    assert (topics > 0.4).all()
    assert np.abs(none).max() < 0.1


def test_keys(small):
    assert set(small) == {
        "bits", "five_gram", "parameters", "H", "steps", "cpu_seconds", "time_constant", "events", "changed",
        "changed_all", "context", "coherence", "sample",
    }  # fmt: skip
    assert set(small["time_constant"]) == {"sorted", "quantiles", "above_10", "above_100", "largest"}
    assert small["time_constant"]["sorted"].shape == (small["H"],)
    for event in ("paragraph", "sentence"):
        for against in ("elsewhere", "same character"):
            row = small["events"][event][against]
            assert row["events"] > 0
            assert row["at"].shape == row["other"].shape == (small["H"],)
            assert set(row) == {
                "events", "others", "mean_at", "mean_other", "lowest_at", "units", "significant_lower",
                "significant_higher", "resets", "p", "at", "other",
            }  # fmt: skip
    assert set(small["changed"]) == {"paragraph", "line feed", "anywhere"} == set(small["changed_all"])
    assert set(small["context"]) == {"lengths", "excess", "needed"}
    assert np.isfinite(small["context"]["excess"]).all()
    assert np.isfinite(small["coherence"]["text"]).all()
    assert np.isfinite(small["coherence"]["sample"]).all()
    assert all(np.isfinite(row).all() for of in small["changed"].values() for row in of.values())
    assert len(small["sample"]) == 200


def test_the_same_seed_gives_the_same_numbers(small):
    again = reading.run(scale="test")
    assert again["sample"] == small["sample"]
    assert again["changed_all"] == small["changed_all"]
    np.testing.assert_array_equal(again["coherence"]["sample"], small["coherence"]["sample"])


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        reading.run(scale="huge")


@pytest.mark.slow
def test_what_a_small_network_shows():
    result = reading.run()
    row = result["events"]["paragraph"]["same character"]
    assert row["significant_lower"] + row["significant_higher"] > 0.2
    assert result["context"]["needed"] <= 128
    assert result["coherence"]["text"][0] > 0.05
    assert result["coherence"]["sample"][0] < result["coherence"]["text"][0] / 2
    quantiles = result["time_constant"]["quantiles"]
    assert quantiles[2] > 5 * quantiles[0]
