"""Associative recall: a dictionary gives every answer, and a network that is one is the experiment's oracle."""

import numpy as np
import pytest

from lstmkit.tasks import recall


@pytest.mark.parametrize(("K", "B", "Q", "M", "V"), [(1, 1, 1, 1, 2), (4, 6, 4, 64, 16), (5, 3, 9, 5, 3)])
def test_a_dictionary_answers(rng, K, B, Q, M, V):
    x, y = recall.batch(rng, K, B, Q, M, V)
    assert x.shape == (K + Q, B, M + V + 1)
    assert y.shape == (K + Q, B)
    assert (x.sum(axis=-1) == 2).all()  # a key, and a value or the blank
    for b in range(B):
        memory = {}
        for t in range(K + Q):
            key = int(np.flatnonzero(x[t, b, :M]).item())
            if t < K:
                assert key not in memory
                memory[key] = int(np.flatnonzero(x[t, b, M:]).item())
                assert memory[key] < V
                assert y[t, b] == -1
            else:
                assert x[t, b, -1] == 1
                assert y[t, b] == memory[key]


def test_every_key_is_drawn_and_asked(rng):
    x, _ = recall.batch(rng, 2, 3000, M=5, V=2)
    assert (x[:2, :, :5].mean(axis=(0, 1)) > 0.1).all()
    assert (x[2:, :, :5].mean(axis=(0, 1)) > 0.1).all()


def test_guessing(rng):
    _, y = recall.batch(rng, 3, 4000, V=4)
    assert np.mean(y[3:] == 0) == pytest.approx(recall.guess(4), abs=0.03)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (recall.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("sizes", "name"), [({"K": 0}, "K"), ({"B": 0}, "B"), ({"Q": 0}, "Q"), ({"M": 3}, "M"), ({"V": 1}, "V")]
)
def test_bad_sizes_are_named(rng, sizes, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        recall.batch(rng, **{"K": 4, "B": 2, **sizes})


@pytest.fixture
def experiment():
    """The experiment, skipped where torch is not installed."""
    pytest.importorskip("torch")
    from lstmkit.experiments import recall as experiment

    return experiment


def test_the_experiment_repeats_itself(experiment):
    one, two = (experiment.run(scale="test") for _ in range(2))
    for result in (one, two):
        assert all(seconds > 0 for row in result.pop("cpu_seconds_all").values() for seconds in row.values())
        for key in ("cpu_seconds", "after_equal_seconds"):  # they depend on the clock
            assert {*result.pop(key)["K3"]} == {*experiment.ALL}
    assert one == two
    for key in (*one, "cpu_seconds", "cpu_seconds_all", "after_equal_seconds"):
        assert key in experiment.__doc__.partition("Keys:")[2], key
    counts = one["parameters"]["K2"]
    assert all(abs(counts[name] / counts["Transformer"] - 1) < 0.03 for name in ("LSTM", "MLSTM"))
    assert counts["LSTM half"] < counts["LSTM"] < counts["LSTM double"]
    assert one["guess"] == 1 / 16


def test_state_numbers_are_what_is_carried(experiment):
    networks = {name: build() for name, build in experiment.builders().items()}
    sizes = {name: experiment.state_numbers(network.core, 5) for name, network in networks.items()}
    assert sizes["LSTM"] == 2 * networks["LSTM"].core.hidden_size
    assert sizes["Transformer"] == 5 * 2 * 2 * 32  # steps, blocks, key and value, width
    heads, width = 4, networks["MLSTM"].core.hidden_size // 4
    assert sizes["MLSTM"] == heads * (width * width + width + 1)


def test_no_contestant_sees_the_questions_to_come(experiment, torch, rng):
    x, _ = recall.batch(rng, 4, 3, dtype=np.float32)
    changed = x.copy()
    changed[6:] = changed[6:, ::-1]
    for name, build in experiment.builders().items():
        network = build().eval()
        with torch.no_grad():
            before, after = (network(torch.from_numpy(a))[0][:6] for a in (x, changed))
        np.testing.assert_allclose(before, after, atol=1e-5, err_msg=name)


def test_an_unknown_scale_is_named(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(scale="huge")


@pytest.mark.slow
def test_attention_looks_up_what_the_lstm_cannot(experiment):
    for seed in range(3):
        accuracy = experiment.run(seed)["accuracy"]["K4"]
        assert accuracy["Transformer"] > 0.9
        assert accuracy["LSTM"] < 0.6
