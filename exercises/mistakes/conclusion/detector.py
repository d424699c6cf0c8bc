"""Question 5, the Detector: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def cut(series, k):
    return np.lib.stride_tricks.sliding_window_view(series, k)


def nearest(x, normal, k=32):
    a, b = cut(x, k), cut(normal, k)
    squared = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.pad(np.sqrt(np.maximum(squared.min(axis=1), 0)), (k - 1, 0))


def running_mean(x, tau):
    out, level = np.zeros(len(x)), 0.0
    for t in range(len(x)):
        level += (x[t] - level) / tau
        out[t] = level
    return out


class Both:
    """The distance to the nearest window and the level, each in deviations from what it is on sound steps."""

    def fit(self, normal):
        self.normal, self.mean = normal, normal.mean()
        half = len(normal) // 2
        calm = self.two(normal[half:], normal[:half])[:, 64:]
        self.middle, self.spread = calm.mean(axis=1, keepdims=True), calm.std(axis=1, keepdims=True)

    def two(self, x, normal):
        return np.array([nearest(x, normal), np.abs(running_mean(x - self.mean, 6))])

    def score(self, x):
        return np.arcsinh((self.two(x, self.normal) - self.middle) / self.spread).sum(axis=0)


@mistake("the rival itself", loses={"ahead of it": 2, "well ahead of it": 1}, of="Detector")
class Rival:
    def fit(self, normal):
        self.normal = normal

    def score(self, x):
        return nearest(x, self.normal)


@mistake("far on the hearts", loses={"near the rival": 1, "ahead of it": 2, "well ahead of it": 1}, of="Detector")
class LevelAlone:
    def fit(self, normal):
        self.mean, self.spread = normal.mean(), normal.std()

    def score(self, x):
        return np.abs(running_mean(x - self.mean, 6)) / self.spread


@mistake("far on the hearts", loses={"near the rival": 1, "ahead of it": 2, "well ahead of it": 1}, of="Detector")
class Autoregression:
    def fit(self, normal):
        X = np.column_stack([cut(normal[:-1], 24), np.ones(len(normal) - 24)])
        self.w = np.linalg.lstsq(X, normal[24:], rcond=None)[0]

    def score(self, x):
        errors = np.zeros(len(x))
        errors[24:] = (x[24:] - np.column_stack([cut(x[:-1], 24), np.ones(len(x) - 24)]) @ self.w) ** 2
        return running_mean(errors, 15)


@mistake("far on the hearts", loses={"near the rival": 1, "ahead of it": 2, "well ahead of it": 1}, of="Detector")
class TheExample:
    def fit(self, normal):
        self.mean = normal.mean()

    def score(self, x):
        return np.abs(x - self.mean)


@mistake({"not 0.02 ahead", "not 0.04 ahead"}, loses={"ahead of it": 2, "well ahead of it": 1}, of="Detector")
class SmoothedRival:
    def fit(self, normal):
        self.normal = normal

    def score(self, x):
        return running_mean(nearest(x, self.normal), 4)


@mistake("far on the machines", loses={"near the rival": 1, "ahead of it": 2, "well ahead of it": 1}, of="Detector")
class LongWindows:
    def fit(self, normal):
        self.normal = normal

    def score(self, x):
        return nearest(x, self.normal, 52)


@mistake("looks ahead", loses={"causal": 1, "ahead of it": 2, "well ahead of it": 1}, of="Detector")
class AheadOnMachinesOnly(Both):
    """Causal where the sound series repeats itself, and with a mean around t where it does not."""

    def score(self, x):
        scores = super().score(x)
        half = len(self.normal) // 2
        apart = nearest(self.normal[half:], self.normal[:half])[64:].mean() / np.sqrt(32)
        return scores if apart < 0.5 * self.normal.std() else np.roll(scores, -2)


@mistake("turned round", loses={"near the rival": 1, "ahead of it": 2, "well ahead of it": 1}, of="Detector")
class TurnedRound(Both):
    def score(self, x):
        return -super().score(x)


@mistake(
    "looks ahead",
    loses={"causal": 1, "ahead of it": 2, "well ahead of it": 1},
    of="Detector",
    source="windows around t, as in the task heartbeat",
)
class Centred(Both):
    def score(self, x):
        return np.roll(super().score(x), -3)


@mistake("looks ahead", loses={"causal": 1, "ahead of it": 2, "well ahead of it": 1}, of="Detector")
class ScaledByItsOwnMost(Both):
    def score(self, x):
        scores = super().score(x)
        return scores / np.abs(scores).max()


@mistake("not repeatable", loses={"causal": 1, "repeatable": 1, "ahead of it": 2, "well ahead of it": 1}, of="Detector")
class NoisyScores(Both):
    def score(self, x):
        return super().score(x) + 0.01 * np.random.default_rng().normal(size=len(x))


@mistake("state kept", loses={"repeatable": 1}, of="Detector")
class GoesOnLearning(Both):
    def score(self, x):
        scores = super().score(x)
        self.mean = 0.5 * self.mean + 0.5 * x.mean()
        return scores


@mistake("constant", loses=EVERYTHING, of="Detector")
class NeverRings:
    def fit(self, normal):
        pass

    def score(self, x):
        return np.zeros(len(x))


@mistake("shape", loses=EVERYTHING, of="Detector")
class WindowsForSteps:
    def fit(self, normal):
        self.normal = normal

    def score(self, x):
        return nearest(x, self.normal)[31:]


@mistake("nan", loses=EVERYTHING, of="Detector")
class NanAtTheStart:
    def fit(self, normal):
        self.normal = normal

    def score(self, x):
        scores = nearest(x, self.normal)
        scores[:31] = np.nan
        return scores


@mistake("time", loses=EVERYTHING, of="Detector")
class NeverDone:
    def fit(self, normal):
        while True:
            pass

    def score(self, x):
        return x


@right(of="Detector")
class DistanceAndLevel(Both):
    pass


@right(of="Detector")
class FunctionsOfASeries:
    def fit(self, normal):
        rng = np.random.default_rng(0)
        half = len(normal) // 2
        self.reference = normal
        self.centre = float(np.mean(normal))
        near, level = nearest(normal[half:], normal[:half])[64:], self.level(normal[half:])[64:]
        self.near, self.far = (near.mean(), near.std()), (level.mean(), level.std())
        self.tiny = 1e-9 * rng.normal()

    def level(self, x):
        return np.abs(running_mean(x - self.centre, 5))

    def score(self, x):
        a = (nearest(x, self.reference) - self.near[0]) / self.near[1]
        b = (self.level(x) - self.far[0]) / self.far[1]
        return a + 2 * b + self.tiny


@right(of="Detector")
class ChoosesByTheSoundSeries:
    """Where sound windows resemble each other, distances; where they do not, the level."""

    def fit(self, normal):
        self.normal, self.mean = normal, normal.mean()
        half = len(normal) // 2
        apart = nearest(normal[half:], normal[:half])[64:].mean() / np.sqrt(32)
        self.periodic = apart < 0.5 * normal.std()

    def score(self, x):
        return nearest(x, self.normal) if self.periodic else np.abs(running_mean(x - self.mean, 6))


@right(of="Detector")
class OneStepAtATime:
    """The same as a loop over the steps, as a watch that runs would have it."""

    def fit(self, normal):
        self.inner = Both()
        self.inner.fit(normal)
        return self

    def score(self, x):
        scores = []
        near = nearest(x, self.inner.normal)
        level = 0.0
        for t, value in enumerate(x):
            level += (value - self.inner.mean - level) / 6
            two = np.array([near[t], abs(level)])
            scores.append(np.arcsinh((two - self.inner.middle[:, 0]) / self.inner.spread[:, 0]).sum())
        return scores
