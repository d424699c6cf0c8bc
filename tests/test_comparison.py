"""Fair comparisons: equal widths, equal tuning, equal cost."""

import math

import pytest

torch = pytest.importorskip("torch")

from lstmkit import comparison  # noqa: E402
from lstmkit.torch import GRU, LSTM, RNN  # noqa: E402
from lstmkit.torch.network import Network, Transformer, count_parameters  # noqa: E402
from lstmkit.torch.training import Run  # noqa: E402

BUILDS = {
    "GRU": lambda H: Network(GRU(2, H), 1),
    "RNN": lambda H: Network(RNN(2, H), 1),
    "Transformer": lambda H: Network(Transformer(H, nhead=2), 1, first=torch.nn.Linear(2, H)),
}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("parameters", [700, 3_000, 17_217])
def test_no_other_width_is_nearer(name, parameters):
    step = 2 if name == "Transformer" else 1
    H = comparison.equal_width(BUILDS[name], parameters, step)
    counts = [count_parameters(BUILDS[name](width)) for width in range(step, 200, step)]
    nearest = min(counts, key=lambda count: abs(count - parameters))
    assert H % step == 0
    assert abs(count_parameters(BUILDS[name](H)) - parameters) == abs(nearest - parameters)


def test_the_same_module_comes_back_to_its_own_width():
    parameters = count_parameters(Network(LSTM(2, 37), 1))
    assert comparison.equal_width(lambda H: Network(LSTM(2, H), 1), parameters) == 37
    assert comparison.equal_width(lambda H: Network(LSTM(2, H), 1), 3) == 1  # fewer than any has


def run(*scores, steps=10, seconds=1.0):
    """A run evaluated after each `steps` steps and `seconds` CPU seconds."""
    return Run(
        evaluations=[
            {"mse": score, "steps": steps * (n + 1), "cpu_seconds": seconds * (n + 1)} for n, score in enumerate(scores)
        ]
    )


def test_tuning_takes_the_best_of_every_rate():
    runs = {0.1: run(3.0, 2.0), 0.01: run(3.0, 0.5, 0.7), 0.001: run(1.0, math.nan)}
    chosen, rate = comparison.tuned(runs.__getitem__, list(runs))
    assert rate == 0.01
    assert chosen is runs[0.01]


def test_reached_says_when_first():
    assert comparison.reached(run(3.0, 1.0, 0.2, 0.9), 1.0) == (20, 2.0)
    assert comparison.reached(run(3.0, math.nan), 1.0) == (None, None)


def test_equal_cost_is_counted_twice():
    """The fast one makes 40 steps in 2 seconds, the slow one 20 in 8: 20 steps, and 2 seconds, are common."""
    fast, slow = run(9.0, 7.0, 5.0, 3.0, seconds=0.5), run(4.0, 1.0, seconds=4.0)
    equal = comparison.at_equal_cost({"fast": fast, "slow": slow})
    assert (equal["steps"], equal["cpu_seconds"]) == (20, 2.0)
    assert equal["after_equal_steps"] == {"fast": 7.0, "slow": 1.0}
    assert equal["after_equal_seconds"] == {"fast": 3.0, "slow": None}
