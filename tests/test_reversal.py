"""Reversal: Python's own reversed() agrees, and the decoder is fed the answer one step late."""

import numpy as np
import pytest

from lstmkit.tasks import reversal


@pytest.mark.parametrize(("S", "B", "shortest", "V"), [(1, 1, 1, 2), (12, 8, 4, 10), (6, 5, 6, 3)])
def test_backwards(rng, S, B, shortest, V):
    pairs = reversal.batch(rng, S, B, shortest, V)
    assert pairs.x.shape == (S, B, V)
    assert pairs.y.shape == (S, B)
    assert pairs.y_before.shape == (S, B, V + 1)
    for b, n in enumerate(pairs.lengths):
        assert shortest <= n <= S
        digits = [int(np.flatnonzero(row).item()) for row in pairs.x[:n, b]]
        answer = list(reversed(digits))
        assert pairs.y[:, b].tolist() == answer + [-1] * (S - n)
        fed = [int(np.flatnonzero(row).item()) for row in pairs.y_before[:n, b]]
        assert fed == [V, *answer[:-1]]
        assert not pairs.x[n:, b].any()
        assert not pairs.y_before[n:, b].any()


def test_alignment_points_at_the_digit_that_is_due(rng):
    pairs = reversal.batch(rng, 9, 6)
    at = reversal.alignment(pairs.lengths, 9)
    assert at.shape == (9, 6)
    for b, n in enumerate(pairs.lengths):
        for t in range(9):
            if t < n:
                assert pairs.x[at[t, b], b].argmax() == pairs.y[t, b]
            else:
                assert at[t, b] == -1


def test_lengths_are_uniform_and_guessing_is_hopeless(rng):
    pairs = reversal.batch(rng, 5, 4000, shortest=4, V=3)
    assert np.mean(pairs.lengths == 4) == pytest.approx(0.5, abs=0.05)
    of_four = pairs.y[:4, pairs.lengths == 4]
    assert np.mean((of_four == 0).all(axis=0)) == pytest.approx(reversal.guess(4, 3), abs=0.015)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (reversal.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one.x.dtype == one.y_before.dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("sizes", "name"), [({"S": 3}, "S"), ({"B": 0}, "B"), ({"shortest": 0}, "shortest"), ({"V": 1}, "V")]
)
def test_bad_sizes_are_named(rng, sizes, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        reversal.batch(rng, **{"S": 9, "B": 2, **sizes})


# The experiment: the encoder-decoder with attention and without.


@pytest.fixture
def experiment(torch):
    pytest.importorskip("tqdm")
    from lstmkit.experiments import reversal as experiment

    return experiment


def test_the_experiment_repeats_and_says_what_it_promises(experiment):
    result, again = (experiment.run(3, "test") for _ in range(2))
    keys = {
        "lengths",
        "accuracy",
        "at_longest",
        "unseen",
        "guess",
        "alignment",
        "random_alignment",
        "perturbed",
        "moved",
    }
    keys |= {"lag", "gradient", "per_step", "solved", "steps", "cpu_seconds", "rate", "parameters", "units", "equal"}
    assert set(result) == keys | {"alignment_within_one", "S", "shortest"}
    for key in ("alignment", "alignment_within_one", "perturbed", "moved", "per_step", "at_longest", "steps"):
        assert result[key] == again[key]
    for name in ("attention", "no attention"):
        assert result["accuracy"][name].shape == result["lengths"].shape == result["guess"].shape
        assert result["gradient"][name].shape == result["lag"].shape
        np.testing.assert_array_equal(result["gradient"][name], again["gradient"][name])


@pytest.mark.parametrize("scale", ["test", "live", "recorded"])
def test_the_rivals_have_equal_parameters(experiment, scale):
    from lstmkit.comparison import equal_width
    from lstmkit.torch.network import count_parameters

    parameters = count_parameters(experiment.build("attention", experiment.SETTINGS[scale]["units"]))
    without = equal_width(lambda H: experiment.build("no attention", H), parameters, step=2)
    assert count_parameters(experiment.build("no attention", without)) == pytest.approx(parameters, rel=0.03)


def test_whole_numbers_of_the_task(experiment):
    source, lengths, previous, y = experiment.strings(np.random.default_rng(2), 6, 5, 3)
    for b, n in enumerate(lengths):
        assert y[:n, b].tolist() == source[:n, b][::-1].tolist()
        assert previous[:n, b].tolist() == [experiment.V, *y[: n - 1, b].tolist()]


def test_equal_weights_are_equal_and_permuted_ones_the_same_in_another_order(experiment, torch):
    network = experiment.build("attention", 8)
    data = experiment.tensors(np.random.default_rng(2), 5, 3, "cpu")
    with torch.no_grad():
        _, weights = network(*data[:3])
        attention, found = network.attention, {}
        for how in ("uniform", "permuted"):
            network.attention = experiment.Perturbed(attention, how, torch.Generator().manual_seed(1))
            found[how] = network(*data[:3])[1]
    torch.testing.assert_close(found["uniform"], torch.full_like(weights, 1 / 5))
    # Only the first answer has the same state, and so the same scores, as without the change.
    torch.testing.assert_close(found["permuted"][0].sort(-1).values, weights[0].sort(-1).values)
    assert not torch.allclose(found["permuted"][0], weights[0])


def test_perturbing_leaves_the_network_as_it_was(experiment, torch):
    network = experiment.build("attention", 8)
    data, attention = experiment.tensors(np.random.default_rng(2), 5, 30, "cpu"), network.attention
    found = experiment.perturbed(network, 0, data)
    assert network.attention is attention
    assert set(found) == {"untouched", "uniform", "permuted"}
    words, _ = network.decode(data[0], data[1], 5, start=experiment.V)
    wrong = [words[:, b].tolist() != data[3][:, b].tolist() for b in range(30)]
    assert found["untouched"] == pytest.approx(1 - np.mean(wrong))


def test_moved_against_one_change_at_a_time(experiment, torch):
    network = experiment.build("attention", 8)
    source, lengths, previous, y = experiment.tensors(np.random.default_rng(2), 4, 3, "cpu")
    shares = {True: [], False: []}
    with torch.no_grad():
        for b in range(3):
            one = [source[:, [b]], lengths[[b]], previous[:, [b]]]
            logits, weights = network(*one)
            for place in range(4):
                changed = one[0].clone()
                changed[place, 0] = (changed[place, 0] + 1) % 10
                answers = network(changed, *one[1:])[0].argmax(-1)
                for step in range(4):
                    attended = weights[step, 0].argmax().item() == place
                    shares[attended].append(float(answers[step, 0] != logits[step, 0].argmax()))
    found = experiment.moved(network, source, lengths, previous, y)
    assert found == pytest.approx({"attended": np.mean(shares[True]), "elsewhere": np.mean(shares[False])})


def test_the_gradient_against_a_difference(experiment, torch):
    """Nudge the vector of one digit that no other place holds, and see what the logit of the first answer does."""
    network = experiment.build("no attention", 8, bidirectional=False).double()
    source = torch.tensor([[3], [1], [4]])
    lengths, y, previous = torch.tensor([3]), source.flip(0), torch.tensor([[experiment.V], [4], [1]])
    found = experiment.gradients(network, source, lengths, previous, y)
    for lag, place in enumerate((2, 1, 0)):
        slopes = []
        for k in range(experiment.EMBEDDING):
            values = []
            for eps in (1e-6, -1e-6):
                with torch.no_grad():
                    network.embedding.weight[source[place, 0], k] += eps
                    values.append(network(source, lengths, previous[:1])[0][0, 0, 4].item())
                    network.embedding.weight[source[place, 0], k] -= eps
            slopes.append((values[0] - values[1]) / 2e-6)
        assert found[lag] == pytest.approx(np.linalg.norm(slopes), rel=1e-4)


def test_the_experiment_names_a_bad_scale(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(0, "huge")


@pytest.mark.slow
def test_attention_reverses_what_one_vector_cannot_hold(experiment):
    result = experiment.run(0, "live")
    assert result["at_longest"]["attention"] > result["at_longest"]["no attention"] + 0.25
    assert result["alignment"] > 3 * result["random_alignment"]
    assert max(result["perturbed"]["uniform"], result["perturbed"]["permuted"]) < 0.4
    assert result["per_step"]["attention"] > 0.97
    assert result["per_step"]["no attention"] < 0.9
