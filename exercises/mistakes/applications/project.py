"""Question 6, Forecaster and report: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import mistake, right
from lstmkit import forecasting

CO2_BASE, CO2_NEAR = "CO2: below the three baselines", "CO2: near season and rise"
MADE_BASE, MADE_NEAR = "made series: below the three baselines", "made series: near an autoregression"
REMEMBERS, REFIT = "the same question, the same answer", "a second fit forgets the first"
REPORT, OWN = "report: three baselines", "report: own"
ACCURACY = {CO2_BASE: 2, CO2_NEAR: 2, MADE_BASE: 2, MADE_NEAR: 1}
TABLE = {REPORT: 1, OWN: 1}
ALL = {**ACCURACY, REMEMBERS: 1, REFIT: 1, **TABLE, "arguments unchanged": 1}


class Forecaster:
    """An autoregression on seasonal differences."""

    def __init__(self, m):
        self.m, self.p = m, 2 * m

    def fit(self, y_train):
        z = y_train[self.m :] - y_train[: -self.m]
        rows = [[1.0, *z[t - self.p : t]] for t in range(self.p, len(z))]
        self.w = np.linalg.lstsq(np.array(rows), z[self.p :], rcond=None)[0]

    def predict(self, history):
        z = history[self.m :] - history[: -self.m]
        return history[-self.m] + self.w[0] + self.w[1:] @ z[-self.p :]


def report(Forecaster, y_train, y_test, m):
    y, n = np.concatenate([y_train, y_test]), len(y_train)
    scale = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    model = Forecaster(m)
    model.fit(y_train)
    slope = (y_train[-1] - y_train[0]) / (n - 1)
    errors = {"naive": [], "seasonal": [], "drift": [], "own": []}
    for t in range(n, len(y)):
        errors["naive"].append(y[t] - y[t - 1])
        errors["seasonal"].append(y[t] - y[t - m])
        errors["drift"].append(y[t] - y[t - 1] - slope)
        errors["own"].append(y[t] - model.predict(y[:t]))
    return {name: np.abs(found).mean() / scale for name, found in errors.items()}


BEHIND = {"behind", "not near"}


@mistake(BEHIND, loses=ACCURACY, of="Forecaster")
class Naive:
    def __init__(self, m):
        pass

    def fit(self, y_train):
        pass

    def predict(self, history):
        return history[-1]


@mistake(BEHIND, loses=ACCURACY, of="Forecaster")
class SeasonalNaive:
    def __init__(self, m):
        self.m = m

    def fit(self, y_train):
        return self

    def predict(self, history):
        return history[-self.m]


@mistake(BEHIND, loses=ACCURACY, of="Forecaster")
class DifferenceNotAddedBack:
    def __init__(self, m):
        self.model = Forecaster(m)
        self.m = m

    def fit(self, y_train):
        self.model.fit(y_train)

    def predict(self, history):
        return self.model.predict(history) - history[-self.m]


@mistake(BEHIND, loses=ACCURACY, of="Forecaster")
class ScaledAndLeftSo:
    def __init__(self, m):
        self.model = Forecaster(m)

    def fit(self, y_train):
        self.mean, self.deviation = y_train.mean(), y_train.std()
        self.model.fit((y_train - self.mean) / self.deviation)

    def predict(self, history):
        return self.model.predict((history - self.mean) / self.deviation)


@mistake(BEHIND, loses=ACCURACY, of="Forecaster")
class StartOfTheHistory:
    """Reads the first window of the history in place of the last."""

    def __init__(self, m):
        self.model = Forecaster(m)

    def fit(self, y_train):
        self.model.fit(y_train)

    def predict(self, history):
        return self.model.predict(history[: 4 * self.model.m])


@mistake("remembers", loses={REMEMBERS: 1}, of="Forecaster")
class KeepsTheLongest:
    """Holds on to the longest history that it has seen."""

    def __init__(self, m):
        self.model, self.seen = Forecaster(m), []

    def fit(self, y_train):
        self.model.fit(y_train)
        self.seen = []

    def predict(self, history):
        if len(history) > len(self.seen):
            self.seen = history
        return self.model.predict(self.seen)


@mistake("remembers", loses={REMEMBERS: 1}, of="Forecaster", source="a state carried from call to call, never reset")
class CarriesAState:
    def __init__(self, m):
        self.model = Forecaster(m)

    def fit(self, y_train):
        self.model.fit(y_train)
        self.state = 0.0

    def predict(self, history):
        self.state = 0.5 * self.state + 0.01 * np.sin(history[-1])
        return self.model.predict(history) + self.state


@mistake("refit", loses={REFIT: 1}, of="Forecaster")
class GoesOnFromThere:
    """The second fit sees what the first one saw, too."""

    def __init__(self, m):
        self.m, self.rows, self.targets = m, [], []

    def fit(self, y_train):
        z = y_train[self.m :] - y_train[: -self.m]
        for t in range(2 * self.m, len(z)):
            self.rows.append(np.append(1, z[t - 2 * self.m : t])[: 2 * self.m + 1])
            self.targets.append(z[t])
        width = len(self.rows[-1])
        rows = np.array([row for row in self.rows if len(row) == width])
        self.w = np.linalg.lstsq(rows, np.array(self.targets), rcond=None)[0]

    def predict(self, history):
        z = history[self.m :] - history[: -self.m]
        return history[-self.m] + self.w @ np.append(1, z[-2 * self.m :])


@mistake("refit", loses={REFIT: 1}, of="Forecaster", source="training without a seed")
class WithoutASeed:
    def __init__(self, m):
        self.model = Forecaster(m)

    def fit(self, y_train):
        self.model.fit(y_train)
        self.model.w = self.model.w + 1e-3 * np.random.default_rng().normal(size=len(self.model.w))

    def predict(self, history):
        return self.model.predict(history)


@mistake("argument modified", loses={"arguments unchanged": 1}, of="Forecaster")
class DifferencesInPlace:
    def __init__(self, m):
        self.model = Forecaster(m)

    def fit(self, y_train):
        self.model.fit(y_train)
        y_train -= y_train.mean()

    def predict(self, history):
        return self.model.predict(history)


@mistake("form", loses={**ACCURACY, REMEMBERS: 1, REFIT: 1}, of="Forecaster")
class ManyAtOnce:
    def __init__(self, m):
        self.model = Forecaster(m)

    def fit(self, y_train):
        self.model.fit(y_train)

    def predict(self, history):
        return np.repeat(self.model.predict(history), self.model.m)


@mistake("report not scaled", loses=TABLE, of="report")
def plain_errors(Forecaster, y_train, y_test, m):
    scale = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    return {name: value * scale for name, value in report(Forecaster, y_train, y_test, m).items()}


@mistake("report scaled by the test part", loses=TABLE, of="report")
def scaled_by_the_test_part(Forecaster, y_train, y_test, m):
    right = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    wrong = np.mean(np.abs(y_test[m:] - y_test[:-m]))
    return {name: value * right / wrong for name, value in report(Forecaster, y_train, y_test, m).items()}


@mistake("report scaled by one step", loses=TABLE, of="report")
def scaled_by_one_step(Forecaster, y_train, y_test, m):
    right = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    return {
        name: value * right / np.abs(np.diff(y_train)).mean()
        for name, value in report(Forecaster, y_train, y_test, m).items()
    }


@mistake("report many steps ahead", loses={REPORT: 1}, of="report")
def from_the_cut(Forecaster, y_train, y_test, m):
    steps, scale = np.arange(1, len(y_test) + 1), np.mean(np.abs(y_train[m:] - y_train[:-m]))
    slope = (y_train[-1] - y_train[0]) / (len(y_train) - 1)
    rivals = {
        "naive": y_train[-1],
        "seasonal": np.resize(y_train[-m:], len(y_test)),
        "drift": y_train[-1] + slope * steps,
    }
    errors = {name: np.abs(y_test - said).mean() / scale for name, said in rivals.items()}
    return report(Forecaster, y_train, y_test, m) | errors


@mistake("report drift alone", loses={REPORT: 1}, of="report")
def drift_again_and_again(Forecaster, y_train, y_test, m):
    y, scale = np.append(y_train, y_test), np.mean(np.abs(y_train[m:] - y_train[:-m]))
    errors = [y[t] - y[t - 1] - (y[t - 1] - y[0]) / (t - 1) for t in range(len(y_train), len(y))]
    return report(Forecaster, y_train, y_test, m) | {"drift": np.abs(errors).mean() / scale}


@mistake("report one day late", loses={OWN: 1}, of="report", source="chapter sequence_problem: an accident")
def history_with_the_answer(Forecaster, y_train, y_test, m):
    y, model = np.append(y_train, y_test), Forecaster(m)
    model.fit(y_train)
    said = [model.predict(y[: t + 1]) for t in range(len(y_train), len(y))]
    scale = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    return report(Forecaster, y_train, y_test, m) | {"own": np.abs(y_test - said).mean() / scale}


@mistake("report fitted on everything", loses={OWN: 1}, of="report")
def fitted_on_all(Forecaster, y_train, y_test, m):
    y, model = np.append(y_train, y_test), Forecaster(m)
    model.fit(y)
    said = [model.predict(y[:t]) for t in range(len(y_train), len(y))]
    scale = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    return report(Forecaster, y_train, y_test, m) | {"own": np.abs(y_test - said).mean() / scale}


@mistake("report on the training part", loses={OWN: 1}, of="report")
def error_of_the_fit(Forecaster, y_train, y_test, m):
    model = Forecaster(m)
    model.fit(y_train)
    misses = [y_train[t] - model.predict(y_train[:t]) for t in range(m, len(y_train))]
    scale = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    return report(Forecaster, y_train, y_test, m) | {"own": np.abs(misses).mean() / scale}


@mistake("form", loses=TABLE, of="report")
def own_forgotten(Forecaster, y_train, y_test, m):
    return {name: value for name, value in report(Forecaster, y_train, y_test, m).items() if name != "own"}


@right(of="Forecaster")
class OnLevels:
    """An autoregression on the levels, over two seasons and one step."""

    def __init__(self, m):
        self.k = 2 * m + 1

    def fit(self, y_train):
        X = np.lib.stride_tricks.sliding_window_view(y_train, self.k + 1)
        A = np.hstack([X[:, :-1], np.ones((len(X), 1))])
        self.weights, *_ = np.linalg.lstsq(A, X[:, -1], rcond=None)
        return self

    def predict(self, history):
        return np.array([np.append(history[-self.k :], 1.0) @ self.weights])


@mistake("not near", loses={CO2_NEAR: 2}, of="Forecaster")
class LineSeasonAndRest:
    """A line and a mean for each season by least squares on dummies, and an autoregression of order 2 on the rest."""

    def __init__(self, m):
        self.m = m

    def fit(self, y_train):
        y = np.asarray(y_train, float)
        self.n = len(y)
        X = self.columns(np.arange(self.n))
        self.b = np.linalg.lstsq(X, y, rcond=None)[0]
        rest = y - X @ self.b
        self.w = np.linalg.lstsq(np.column_stack([rest[1:-1], rest[:-2]]), rest[2:], rcond=None)[0]

    def columns(self, t):
        return np.column_stack([t, t**2 / 1e3, *(t % self.m == k for k in range(self.m))]).astype(float)

    def predict(self, history):
        t = np.arange(len(history) - 2, len(history) + 1)
        base = self.columns(t) @ self.b
        rest = np.asarray(history[-2:]) - base[:2]
        return float(base[2] + self.w @ rest[::-1])


@right(of="Forecaster")
class MeanStep:
    """The last value, and the mean step that was made at this time of the season: nothing else is fitted."""

    def __init__(self, m):
        self.m = m

    def fit(self, y_train):
        steps = np.diff(y_train)
        self.steps = [steps[(k - 1) % self.m :: self.m].mean() for k in range(self.m)]

    def predict(self, history):
        return [history[-1] + self.steps[len(history) % self.m]]


@mistake(BEHIND, loses={CO2_NEAR: 2, MADE_BASE: 2, MADE_NEAR: 1}, of="Forecaster")
class DriftOfTheSeason:
    """The value a season before and the mean rise of the past: on the CO2 the rise has grown since."""

    def __init__(self, m):
        self.m = m

    def fit(self, y_train):
        self.rise = np.mean(y_train[self.m :] - y_train[: -self.m])

    def predict(self, history):
        return history[-self.m] + self.rise


@right(of="Forecaster")
class Ridge:
    def __init__(self, m):
        self.m = m

    def fit(self, y_train):
        y_train = np.array(y_train)
        z = y_train[self.m :] - y_train[: -self.m]
        self.centre, p = z.mean(), 2 * self.m
        z = z - self.centre
        X = np.stack([z[t - p : t] for t in range(p, len(z))])
        self.w = np.linalg.solve(X.T @ X + 0.1 * np.eye(p), X.T @ z[p:])

    def predict(self, history):
        recent = np.asarray(history[-3 * self.m :])
        z = recent[self.m :] - recent[: -self.m] - self.centre
        return history[-self.m] + self.centre + float(z @ self.w)


@right(of="report")
def arrays_of_one(Forecaster, y_train, y_test, m):
    return {name: np.array([error]) for name, error in report(Forecaster, y_train, y_test, m).items()}


@right(of="report")
def by_the_kit(Forecaster, y_train, y_test, m):
    y, n = np.append(y_train, y_test), len(y_train)
    model = Forecaster(m)
    model.fit(y_train.copy())
    said = {
        "own": np.array([model.predict(y[:t].copy()) for t in range(n, len(y))]),
        "drift": forecasting.drift(y, n),
        "naive": forecasting.naive(y, n),
        "seasonal": forecasting.seasonal_naive(y, n, m),
    }
    return {name: forecasting.mase(y_test, values, y_train, m) for name, values in said.items()}
