"""Fair comparisons: equal parameters, equal tuning, and equal cost counted twice, in steps and in CPU seconds.

    H = equal_width(lambda H: Network(GRU(2, H), 1), parameters)
    run, rate = tuned(lambda rate: fit(..., lr=rate), rates=(3e-3, 1e-2))
    at_equal_cost({"LSTM": run_lstm, "GRU": run_gru})

A run is a `Run` of lstmkit/torch/training.py, whose evaluations say after how many steps and CPU seconds the first of
their numbers, where lower is better, was what.
"""

import math

from lstmkit.torch.network import count_parameters


def equal_width(build, parameters, step=1):
    """The width H, a multiple of `step`, whose module build(H) comes nearest to that many parameters."""
    if parameters < count_parameters(build(step)):
        return step
    low, high = 1, 2
    while count_parameters(build(high * step)) < parameters:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count_parameters(build(middle * step)) < parameters else (low, middle)
    return step * min(low, high, key=lambda width: abs(count_parameters(build(width * step)) - parameters))


def tuned(train, rates):
    """The run with the best evaluation of those that train(rate) returns for each rate, and its rate.

    The evaluations must be on validation data; every contestant gets the same number of rates.
    """
    runs = {rate: train(rate) for rate in rates}
    rate = min(runs, key=lambda rate: best(runs[rate]))
    return runs[rate], rate


def best(run):
    """The best score among the evaluations of a run."""
    return min((score(evaluation) for evaluation in run.evaluations), default=math.inf)


def reached(run, goal):
    """(steps, CPU seconds) until the first evaluation at or below the goal; (None, None) if there is none."""
    for evaluation in run.evaluations:
        if score(evaluation) <= goal:
            return evaluation["steps"], evaluation["cpu_seconds"]
    return None, None


def at_equal_cost(runs):
    """The last score of each named run at or before the steps, and again the CPU seconds, that the shortest run took.

    Returns steps and cpu_seconds, what is common to all, and after_equal_steps and after_equal_seconds, name to score;
    None for a run that had not been evaluated by then.
    """
    steps = min(run.evaluations[-1]["steps"] for run in runs.values())
    seconds = min(run.evaluations[-1]["cpu_seconds"] for run in runs.values())
    return {
        "steps": steps,
        "cpu_seconds": seconds,
        "after_equal_steps": {name: last_before(run, "steps", steps) for name, run in runs.items()},
        "after_equal_seconds": {name: last_before(run, "cpu_seconds", seconds) for name, run in runs.items()},
    }


def last_before(run, cost, limit):
    """The score of the last evaluation of a run whose `cost`, "steps" or "cpu_seconds", is at most the limit."""
    scores = [score(evaluation) for evaluation in run.evaluations if evaluation[cost] <= limit]
    return scores[-1] if scores else None


def score(evaluation):
    """The number that counts: the first that `evaluate` gave, infinity where it is NaN."""
    value = next(iter(evaluation.values()))
    return math.inf if math.isnan(value) else value
