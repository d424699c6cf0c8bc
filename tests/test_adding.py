"""The adding problem: what a batch is, and that its constant answer has the error the book prints."""

import numpy as np
import pytest

from lstmkit.tasks import adding


@pytest.mark.parametrize(("T", "B"), [(2, 1), (3, 4), (10, 7), (51, 3)])
def test_two_marks_one_in_each_half_and_the_target_is_their_sum(rng, T, B):
    x, y = adding.batch(rng, T, B)
    value, mark = x[..., 0], x[..., 1]
    assert x.shape == (T, B, 2)
    assert y.shape == (B, 1)
    assert set(np.unique(mark)) <= {0.0, 1.0}
    np.testing.assert_array_equal(mark[: T // 2].sum(axis=0), 1)
    np.testing.assert_array_equal(mark[T // 2 :].sum(axis=0), 1)
    np.testing.assert_allclose(y[:, 0], (value * mark).sum(axis=0), rtol=1e-12)
    assert (value >= 0).all()
    assert (value < 1).all()


def test_every_step_can_be_marked(rng):
    x, _ = adding.batch(rng, 6, 2_000)
    assert (x[..., 1].mean(axis=1) > 0.2).all()  # each of the three steps of a half has one mark in three


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(rng, dtype):
    x, y = adding.batch(rng, 5, 2, dtype=dtype)
    assert x.dtype == y.dtype == dtype


def test_the_same_seed_gives_the_same_batch():
    one, two = (adding.batch(np.random.default_rng(3), 20, 5) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_whoever_always_answers_one_has_the_constant_error(rng):
    _, y = adding.batch(rng, 4, 100_000)
    assert np.mean((1 - y) ** 2) == pytest.approx(adding.CONSTANT_MSE, rel=0.05)


@pytest.mark.parametrize(("T", "B", "name"), [(1, 3, "T"), (0, 3, "T"), (5.0, 3, "T"), (5, 0, "B"), (5, "3", "B")])
def test_bad_sizes_are_named(rng, T, B, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        adding.batch(rng, T, B)


@pytest.fixture(scope="module")
def small():
    pytest.importorskip("torch")
    from lstmkit.experiments import adding as experiment

    return experiment.run(scale="test"), experiment.run(scale="test")


PER_CONTESTANT = (
    "parameters", "rate", "max_steps", "solved", "steps", "sequences", "cpu_seconds", "seconds_per_step", "mse",
    "history_steps", "history_mse",
)  # fmt: skip


def test_the_experiment_has_its_keys_for_every_contestant(small):
    result, _ = small
    assert {"T", "goal", "batch", "constant_mse", "constant_test_mse", "equal_cost", "longer", "windows"} <= set(result)
    for part in (result, result["longer"], result["windows"]):
        for key in PER_CONTESTANT:
            assert set(part[key]) == set(part["mse"]), key
    assert set(result["original"]) >= {"solved", "sequences", "cpu_seconds", "wrong", "published_sequences"}
    assert result["constant_test_mse"] == pytest.approx(result["constant_mse"], rel=0.2)


def test_the_same_seed_gives_the_same_numbers(small):
    one, two = small
    for part in (lambda r: r, lambda r: r["longer"], lambda r: r["windows"]):
        for key in ("mse", "rate", "history_mse", "steps"):
            assert part(one)[key] == part(two)[key]
    assert one["original"]["wrong"] == two["original"]["wrong"]


def test_the_contestants_have_equal_parameters(torch):
    from lstmkit.experiments import adding as experiment

    for scale in ("live", "recorded"):
        setting = experiment.SETTINGS[scale]
        for name in {**setting["max_steps"], **(setting["windows"] or (0, {}))[1]}:
            network = experiment.build(name, setting["T"], setting["parameters"])
            count = sum(p.numel() for p in network.parameters())
            share = 0.25 if name.endswith("quarter") else 1
            assert count == pytest.approx(share * setting["parameters"], rel=0.03), name


def test_the_windows_see_what_their_names_say(torch, rng):
    """Change one input, and look whether the last answer changes: an oracle that knows no formula of the reach."""
    from lstmkit.experiments import adding as experiment

    T = 30
    x = torch.from_numpy(adding.batch(rng, T, 1, np.float32)[0])
    for name, reach in (("windows of 8", 8), ("windows", T)):
        network = experiment.build(name, T, 900)
        for back in (reach - 1, reach):
            if back < T:
                other = x.clone()
                other[T - 1 - back, 0, 0] += 1
                assert torch.equal(network(x)[0], network(other)[0]) == (back == reach), (name, back)


def test_the_task_of_1997_read_back_from_its_marks(rng):
    from lstmkit.experiments import adding as experiment

    T, lengths = 40, set()
    for _ in range(30):
        x, y = experiment.original_batch(rng, T, 50, np.float64)
        lengths.add(len(x))
        assert np.abs(x[..., 0]).max() <= 1
        assert (x[[0, -1], :, 1] == -1).all()
        for b in range(50):
            marked = np.flatnonzero(x[:, b, 1] == 1)
            assert set(np.unique(x[:, b, 1])) <= {-1.0, 0.0, 1.0}
            assert len(marked) in (1, 2)  # the first pair is sometimes chosen, and then neither marked nor counted
            assert marked.min() < 10 or len(marked) == 1
            assert marked.max() < T // 2
            total = sum(x[t, b, 0] for t in marked)
            assert y[b, 0] == pytest.approx(0.5 + total / 4)
    assert min(lengths) >= T
    assert max(lengths) <= T + T // 10
    assert len(lengths) > 1


def test_the_rate_that_reaches_the_goal_sooner_is_chosen_or_else_the_one_that_comes_nearer(torch, monkeypatch):
    from types import SimpleNamespace

    from lstmkit.experiments import adding as experiment

    def evaluations(*errors):
        return [{"mse": mse, "steps": 50 * (k + 1), "cpu_seconds": 1.0} for k, mse in enumerate(errors)]

    soon, late, near, far = (0.2, 0.009), (0.2, 0.1, 0.001), (0.2, 0.02, 0.03), (0.2, 0.1)
    for better, worse in ((soon, late), (soon, near), (late, near), (near, far)):
        for good in experiment.RATES:

            def train(name, T, setting, steps, rate, seed, device, good=good, curves=(better, worse)):
                assert seed == experiment.PILOT
                return None, SimpleNamespace(evaluations=evaluations(*curves[rate != good]))

            monkeypatch.setattr(experiment, "train", train)
            assert experiment.choose_rate("GRU", 10, 1, {"goal": 0.01}) == good


def test_a_bad_scale_of_the_experiment_is_named(torch):
    from lstmkit.experiments import adding as experiment

    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(scale="huge")


@pytest.mark.slow
def test_the_gated_networks_add_over_50_steps_and_the_plain_one_does_not(torch, seed):
    from lstmkit.experiments import adding as experiment

    result = experiment.run(seed % 1000, "live")
    assert result["mse"]["GRU"] < 0.05
    assert result["mse"]["LSTM chrono"] < 0.05
    assert result["mse"]["RNN"] > 0.1
