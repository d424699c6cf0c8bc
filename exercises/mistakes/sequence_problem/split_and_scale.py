"""Question 2, split_and_scale: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right

CUT, SCALE, CLEAN = "cut in time", "on the scale of the training part", "nothing leaked"


def cut(series, fractions):
    a = int(fractions[0] * len(series))
    b = a + int(fractions[1] * len(series))
    return series[:a], series[a:b], series[b:]


@right()
def split_and_scale(series, fractions):
    train, validation, test = cut(series, fractions)
    mean, deviation = train.mean(), train.std()
    return (train - mean) / deviation, (validation - mean) / deviation, (test - mean) / deviation


@mistake(
    {"scaled by everything", "leak"},
    loses={SCALE: 1, CLEAN: 1},
    source="hunkim/DeepLearningZeroToAll #214, huseinzol05/Stock-Prediction-Models #126, mlpack/examples #43",
)
def scale_first(series, fractions):
    return cut((series - series.mean()) / series.std(), fractions)


@mistake({"scaled by train and validation", "leak"}, loses={SCALE: 1, CLEAN: 1})
def all_but_test(series, fractions):
    train, validation, test = cut(series, fractions)
    past = np.concatenate([train, validation])
    return [(part - past.mean()) / past.std() for part in (train, validation, test)]


@mistake("each by its own", loses={SCALE: 1})
def fit_transform_thrice(series, fractions):
    return [(part - part.mean()) / part.std() for part in cut(series, fractions)]


@mistake("sample deviation", loses={SCALE: 1}, source="pandas' std, which has ddof=1")
def as_pandas_does(series, fractions):
    train, validation, test = cut(series, fractions)
    return [(part - train.mean()) / train.std(ddof=1) for part in (train, validation, test)]


@mistake("minimum and maximum", loses={SCALE: 1}, source="MinMaxScaler, in most tutorials")
def between_zero_and_one(series, fractions):
    parts = cut(series, fractions)
    low, high = parts[0].min(), parts[0].max()
    return [(part - low) / (high - low) for part in parts]


@mistake("only train scaled", loses={SCALE: 1})
def test_untouched(series, fractions):
    train, validation, test = cut(series, fractions)
    return (train - train.mean()) / train.std(), validation, test


@mistake({"rounded up", "sizes"}, loses={CUT: 1, SCALE: 1})
def rounded(series, fractions):
    a = round(fractions[0] * len(series))
    b = a + round(fractions[1] * len(series))
    train = series[:a]
    return [(part - train.mean()) / train.std() for part in (train, series[a:b], series[b:])]


@mistake({"test cut short", "lost"}, loses={CUT: 1, SCALE: 1})
def three_sizes(series, fractions):
    a, b, c = (int(f * len(series)) for f in fractions)
    mean, deviation = series[:a].mean(), series[:a].std()
    scaled = (series - mean) / deviation
    return scaled[:a], scaled[a : a + b], scaled[a + b : a + b + c]


@mistake({"order", "leak"}, loses=EVERYTHING, source="train_test_split shuffles unless told otherwise")
def shuffled(series, fractions):
    train, validation, test = cut(np.random.default_rng(0).permutation(series), fractions)
    return [(part - train.mean()) / train.std() for part in (train, validation, test)]


@mistake({"test first", "order", "leak"}, loses=EVERYTHING)
def from_the_end(series, fractions):
    n = len(series)
    a, b = int(fractions[0] * n), int(fractions[1] * n)
    train, validation, test = series[n - a :], series[n - a - b : n - a], series[: n - a - b]
    return [(part - train.mean()) / train.std() for part in (train, validation, test)]


@mistake({"lost", "shape", "leak"}, loses=EVERYTHING)
def test_from_the_border(series, fractions):
    """The validation part is thrown away: what is called validation is the test part again."""
    train, _, test = cut(series, fractions)
    parts = (train, test, test)
    return [(part - train.mean()) / train.std() for part in parts]


@mistake({"sizes", "leak"}, loses=EVERYTHING)
def rounded_and_scaled_first(series, fractions):
    z = (series - series.mean()) / series.std()
    a = round(fractions[0] * len(z))
    b = a + round(fractions[1] * len(z))
    return z[:a], z[a:b], z[b:]


@mistake("argument modified", loses={"arguments unchanged": 1})
def in_place(series, fractions):
    train, validation, test = cut(series, fractions)
    mean, deviation = train.mean(), train.std()
    for part in (train, validation, test):
        part -= mean
        part /= deviation
    return train, validation, test


@right()
def scaled_then_cut(series, fractions):
    n = int(fractions[0] * len(series))
    scaled = (series - np.mean(series[:n])) / np.std(series[:n])
    return cut(scaled, fractions)


@right()
def as_a_dict(series, fractions):
    parts = dict(zip(("train", "validation", "test"), cut(np.asarray(series, float), fractions), strict=True))
    mean, deviation = parts["train"].mean(), parts["train"].std()
    return {name: (part - mean) / deviation for name, part in parts.items()}


@right()
def by_np_split(series, fractions):
    sizes = [int(f * len(series)) for f in fractions[:2]]
    parts = np.split(series, np.cumsum(sizes))
    return [(part - parts[0].mean()) / parts[0].std() for part in parts]


@right()
def by_lists(series, fractions):
    train, validation, test = (list(map(float, part)) for part in cut(series, fractions))
    mean = sum(train) / len(train)
    deviation = (sum((value - mean) ** 2 for value in train) / len(train)) ** 0.5
    return tuple([(value - mean) / deviation for value in part] for part in (train, validation, test))


class Scaler:
    def fit(self, values):
        self.mean, self.deviation = values.mean(), np.sqrt(values.var())
        return self

    def transform(self, values):
        return (values - self.mean) / self.deviation


@right()
def by_a_class(series, fractions):
    parts = cut(series, fractions)
    scaler = Scaler().fit(parts[0])
    return [scaler.transform(part) for part in parts]
