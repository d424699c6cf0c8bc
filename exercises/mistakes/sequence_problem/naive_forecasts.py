"""Question 3, naive_forecasts: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


@right()
def naive_forecasts(y, m, h):
    n = len(y)
    return {
        "naive": np.array([y[-1] for _ in range(h)]),
        "seasonal": np.array([y[n - m + j % m] for j in range(h)]),
        "drift": np.array([y[-1] + (j + 1) * (y[-1] - y[0]) / (n - 1) for j in range(h)]),
    }


@mistake("mean for naive", loses={"naive": 1})
def the_mean(y, m, h):
    return naive_forecasts(y, m, h) | {"naive": np.full(h, np.mean(y))}


@mistake("naive looks back", loses={"naive": 1})
def last_h_values(y, m, h):
    return naive_forecasts(y, m, h) | {"naive": y[-h:]}


@mistake("first season", loses={"seasonal": 2})
def season_of_the_start(y, m, h):
    return naive_forecasts(y, m, h) | {"seasonal": [y[j % m] for j in range(h)]}


@mistake("season flat", loses={"seasonal": 2})
def one_value_for_all(y, m, h):
    return naive_forecasts(y, m, h) | {"seasonal": np.ones(h) * y[-m]}


@mistake("season turned round", loses={"seasonal": 2})
def counted_backwards(y, m, h):
    return naive_forecasts(y, m, h) | {"seasonal": np.array([y[-1 - j % m] for j in range(h)])}


@mistake("season one late", loses={"seasonal": 2})
def off_by_one(y, m, h):
    last = y[-m:]
    return naive_forecasts(y, m, h) | {"seasonal": np.array([last[j % m] for j in range(1, h + 1)])}


@mistake("season one early", loses={"seasonal": 2})
def one_early(y, m, h):
    last = np.roll(y[-m:], 1)
    return naive_forecasts(y, m, h) | {"seasonal": np.resize(last, h)}


@mistake("phase of the index", loses={"seasonal": 2})
def calendar_phase(y, m, h):
    last = y[len(y) - m :]
    return naive_forecasts(y, m, h) | {"seasonal": np.array([last[t % m] for t in range(len(y), len(y) + h)])}


@mistake("season once", loses={"seasonal": 2})
def no_second_season(y, m, h):
    return naive_forecasts(y, m, h) | {"seasonal": y[-m:][:h]}


@mistake("drift by N", loses={"drift": 1})
def wrong_count(y, m, h):
    slope = (y[-1] - y[0]) / len(y)
    return naive_forecasts(y, m, h) | {"drift": y[-1] + slope * np.arange(1, h + 1)}


@mistake("drift flat", loses={"drift": 1})
def one_step_for_all(y, m, h):
    return naive_forecasts(y, m, h) | {"drift": np.repeat(y[-1] + (y[-1] - y[0]) / (len(y) - 1), h)}


@mistake("drift from zero", loses={"drift": 1})
def steps_from_zero(y, m, h):
    return naive_forecasts(y, m, h) | {"drift": y[-1] + (y[-1] - y[0]) / (len(y) - 1) * np.arange(h)}


@mistake("last step for the mean step", loses={"drift": 1})
def last_step(y, m, h):
    return naive_forecasts(y, m, h) | {"drift": y[-1] + (y[-1] - y[-2]) * np.arange(1, h + 1)}


@mistake("fitted line", loses={"drift": 1})
def a_regression(y, m, h):
    slope, start = np.polyfit(np.arange(len(y)), y, 1)
    return naive_forecasts(y, m, h) | {"drift": start + slope * np.arange(len(y), len(y) + h)}


@mistake({"mean for naive", "first season", "drift by N"}, loses=EVERYTHING)
def all_three(y, m, h):
    slope = (y[-1] - y[0]) / len(y)
    return np.full(h, y.mean()), np.resize(y[:m], h), y[-1] + slope * np.arange(1, h + 1)


@right()
def by_resize(y, m, h):
    steps = np.arange(1, h + 1)
    slope = np.diff(y).mean()
    return {"seasonal": np.resize(y[-m:], h), "naive": np.full(h, y[-1]), "drift": y[-1] + steps * slope}


@right()
def by_tiles(y, m, h):
    seasons = np.tile(y[-m:], -(-h // m))[:h]
    return [y[-1]] * h, seasons, np.linspace(y[-1], y[-1] + h * (y[-1] - y[0]) / (len(y) - 1), h + 1)[1:]


@right()
def step_by_step(y, m, h):
    y = [float(value) for value in y]
    slope, series, drift = (y[-1] - y[0]) / (len(y) - 1), list(y), [y[-1]]
    for _ in range(h):
        series.append(series[-m])
        drift.append(drift[-1] + slope)
    return {"naive": [y[-1]] * h, "seasonal": series[len(y) :], "drift": drift[1:]}


@right(needs="torch")
def by_torch(y, m, h):
    import torch

    y = torch.as_tensor(y)
    steps = torch.arange(1, h + 1)
    slope = (y[-1] - y[0]) / (len(y) - 1)
    return {"naive": y[-1].expand(h), "seasonal": y[-m:][(steps - 1) % m], "drift": y[-1] + steps * slope}
