"""Timing: the intervals are what the answers say, and the beat is where it should be."""

import itertools

import numpy as np
import pytest

from lstmkit.tasks import timing


@pytest.mark.parametrize(("F", "B", "spikes", "start"), [(1, 2, 2, 1), (15, 6, 2, 10), (7, 5, 6, 3)])
def test_each_answer_is_the_distance_to_the_spike_before(rng, F, B, spikes, start):
    x, y = timing.measure(rng, F, B, spikes, start)
    assert x.shape == (start + (spikes - 1) * (F + 1), B, 1)
    assert y.shape == x.shape[:2]
    for b in range(B):
        at = np.flatnonzero(x[:, b, 0])
        assert len(at) == spikes
        assert at[0] < start
        expected = np.full(len(y), -1)
        for before, after in itertools.pairwise(at):
            expected[after] = {F: 0, F + 1: 1}[after - before]
        np.testing.assert_array_equal(y[:, b], expected)
    assert set(np.unique(x)) == {0.0, 1.0}


def test_guessing_is_right_half_the_time(rng):
    x, y = timing.measure(rng, 5, 4000)
    assert x.shape == (16, 4000, 1)  # left to itself: one interval, which begins in the first ten steps
    assert np.mean(y[y >= 0] == 0) == pytest.approx(timing.GUESS, abs=0.04)


@pytest.mark.parametrize(("F", "periods", "B"), [(2, 1, 1), (10, 6, 3)])
def test_the_beat(F, periods, B):
    x, y = timing.generate(F, periods, B)
    assert (x == 1).all()
    assert x.shape == (F * periods, B, 1)
    assert [t for t in range(F * periods) if y[t, 0]] == [F * (p + 1) - 1 for p in range(periods)]
    assert np.mean(y == 0) == pytest.approx(timing.silent_accuracy(F))
    assert timing.stable_periods(y, F).tolist() == [periods] * B


def test_stable_periods_end_at_the_first_mistake():
    _, y = timing.generate(5, 4, B=5)
    y[19, 1] = 0  # the last beat is missing
    y[0, 2] = 1  # a spike at once
    y[7, 3] = 1  # a spike in the second period
    y[4, 4], y[5, 4] = 0, 1  # late by a step
    assert timing.stable_periods(y, 5).tolist() == [4, 3, 0, 1, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (timing.measure(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == timing.generate(3, 2, dtype=dtype)[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_bad_sizes_are_named(rng):
    for sizes, name in (((0, 1), "F"), ((5, 0), "B"), ((5, 1, 1), "spikes"), ((5, 1, 2, 0), "start")):
        with pytest.raises(ValueError, match=f"^{name} is "):
            timing.measure(rng, *sizes)
    for sizes, name in (((1, 3), "F"), ((5, 0), "periods"), ((5, 1, 0), "B")):
        with pytest.raises(ValueError, match=f"^{name} is "):
            timing.generate(*sizes)


# The experiment: the LSTM against the LSTM with peepholes.


@pytest.fixture
def experiment(torch):
    pytest.importorskip("tqdm")
    from lstmkit.experiments import timing as experiment

    return experiment


def test_the_experiment_repeats_and_says_what_it_promises(experiment):
    result, again = (experiment.run(3, "test") for _ in range(2))
    keys = {"steps", "solved", "cpu_seconds", "mean_steps", "p", "pairs", "limit", "F", "guess", "silent"}
    assert set(result) == set(again) == keys | {"silent_periods", "parameters", "slope"}
    for key in keys - {"cpu_seconds", "steps"}:
        assert result[key] == again[key]
    for task, of_task in result["steps"].items():
        assert set(of_task) == {"LSTM", "peephole"}
        for name, steps in of_task.items():
            np.testing.assert_array_equal(steps, again["steps"][task][name])
            assert steps.shape == (result["pairs"],)
            assert result["mean_steps"][task][name] == pytest.approx(np.prod(steps) ** (1 / len(steps)))
        counts = result["parameters"][task].values()
        assert max(counts) <= 1.03 * min(counts)
    assert result["silent_periods"] == 0


def test_the_sign_flip_against_every_case_by_hand(experiment, rng):
    assert experiment.sign_flip([1, 1, 1]) == pytest.approx(2 / 8)  # only all plus and all minus are as large
    assert experiment.sign_flip([3, -1]) == pytest.approx(1)  # 4, 2, 2, 4 in size, and 2 was seen
    assert experiment.sign_flip([0, 0]) == 1
    differences = rng.normal(size=7)
    sums = [0.0]
    for d in differences:
        sums = [s + sign * d for s in sums for sign in (1, -1)]
    expected = np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-9)
    assert experiment.sign_flip(differences) == pytest.approx(expected)


def test_only_peepholes_see_the_cell_state_behind_a_shut_gate(experiment):
    for seed in range(3):
        assert experiment.slope(seed, "LSTM", "closed") == 0
        assert min(experiment.slope(seed, name, "open") for name in ("LSTM", "peephole")) > 0.05
        assert experiment.slope(seed, "peephole", "closed") > 0.05


def test_the_slope_against_the_derivative_on_paper(experiment):
    """With h = 0, ∂i/∂c is i (1 - i) w_i for the unit itself and 0 for the others; the same for f."""
    from lstmkit.numpy import peephole
    from lstmkit.numpy.functions import sigmoid

    rng, H = np.random.default_rng([4, 3]), 8
    params = peephole.init_params(rng, 1, H)
    params = params._replace(**{field: rng.normal(size=a.shape) for field, a in params._asdict().items()})
    x, c = rng.normal(size=(1, 1, 1)), rng.normal(size=(1, H))
    a = x[0] @ params.W_x.T + params.b
    i, f = (sigmoid(a[0, n * H : (n + 1) * H] + w * c[0]) for n, w in enumerate((params.w_i, params.w_f)))
    expected = np.abs([i * (1 - i) * params.w_i, f * (1 - f) * params.w_f]).max()
    assert experiment.slope(4, "peephole", "closed") == pytest.approx(expected, rel=1e-6)


def test_the_loss_of_the_beat_weighs_a_spike_like_its_silence(experiment, torch):
    network = experiment.build("LSTM", "generate")
    x, y = timing.generate(5, 3, dtype=np.float32)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    with torch.no_grad():
        p = network(x)[0][..., 0].sigmoid()
        expected = (4 * -torch.log(p[y == 1]).sum() - torch.log(1 - p[y == 0]).sum()) / y.numel()
        torch.testing.assert_close(experiment.beat_loss(network, x, y), expected)


def test_the_experiment_names_a_bad_scale(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(0, "huge")


@pytest.mark.slow
def test_both_learn_to_measure_a_short_interval(experiment):
    result = experiment.run(0, "live")
    assert result["solved"]["measure"] == {"LSTM": 2, "peephole": 2}
