"""Question 5, reading: wrong answers, and right ones found in other ways."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import sequence_problem as check


def bars(series):
    centred = series - series.mean()
    return np.array([(centred[k:] * centred[:-k]).sum() for k in range(1, 21)]) / (centred**2).sum()


@right()
def reading():
    said = {}
    for letter, series in check.yours("reading").items():
        r = bars(series)
        if np.abs(r).max() < 0.2:
            said[letter] = "white noise"
        elif r[0] < 0 and r[1] > 0.3:
            said[letter] = "alternating"
        elif r.min() < -0.35:
            said[letter] = "seasonal"
            said["period"] = 3 + int(np.argmax(r[2:]))
        elif r[4] > 0.6:
            said[letter] = "random walk"
        else:
            said[letter] = "persistent"
    return said


def exchanged(one, other):
    swap = {one: other, other: one}
    return {key: swap.get(value, value) for key, value in reading().items()}


@mistake("walk for persistent", loses={"noise and walk": 1, "persistent and alternating": 1})
def a_long_memory_is_a_memory():
    return exchanged("random walk", "persistent")


@mistake("signs exchanged", loses={"persistent and alternating": 1})
def sign_not_looked_at():
    return exchanged("persistent", "alternating")


@mistake("noise for alternating", loses={"noise and walk": 1, "persistent and alternating": 1})
def noise_is_what_jumps():
    return exchanged("white noise", "alternating")


@mistake("walk for noise", loses={"noise and walk": 1})
def a_walk_is_random():
    return exchanged("random walk", "white noise")


@mistake("walk for season", loses={"noise and walk": 1, "season and period": 1})
def slow_wave():
    return exchanged("random walk", "seasonal")


@mistake("alternating for season", loses={"persistent and alternating": 1, "season and period": 1})
def a_season_of_two():
    return exchanged("alternating", "seasonal")


@mistake("first bar is lag 0", loses={"season and period": 1})
def counted_from_zero():
    said = reading()
    return said | {"period": said["period"] - 1}


@mistake("half a period", loses={"season and period": 1})
def to_the_lowest():
    said = reading()
    return said | {"period": said["period"] // 2}


@mistake("two periods", loses={"season and period": 1})
def the_second_top():
    said = reading()
    return said | {"period": 2 * said["period"]}


@mistake("twice", loses=EVERYTHING)
def one_twice():
    said = reading()
    return said | {"A": "white noise", "B": "white noise"}


@mistake("form", loses=EVERYTHING)
def another_word():
    return {key: "noise" if value == "white noise" else value for key, value in reading().items()}


@right()
def with_underscores():
    return {key: value.replace(" ", "_") if isinstance(value, str) else value for key, value in reading().items()}


@right()
def in_capitals_with_a_float():
    return {key: value.title() if isinstance(value, str) else float(value) for key, value in reading().items()}


@right()
def by_the_spectrum():
    said = {}
    for letter, series in check.yours("reading").items():
        power = np.abs(np.fft.rfft(series - series.mean())[1:]) ** 2
        share = power / power.sum()
        n, first, top = len(share), share[: len(share) // 20].sum(), int(share.argmax())
        if first > 0.85:
            said[letter] = "random walk"
        elif share[max(top - 1, 0) : top + 2].sum() > 0.4:
            said[letter], said["period"] = "seasonal", round(len(series) / (top + 1))
        elif share[: n // 3].sum() > 0.6:
            said[letter] = "persistent"
        elif share[-n // 3 :].sum() > 0.6:
            said[letter] = "alternating"
        else:
            said[letter] = "white noise"
    return said


@right()
def by_elimination():
    left = {letter: bars(series) for letter, series in check.yours("reading").items()}
    said = {}
    for name, score in (
        ("random walk", lambda r: r[0]),
        ("white noise", lambda r: -np.abs(r).max()),
        ("alternating", lambda r: -r[0]),
        ("seasonal", lambda r: -r.min()),
        ("persistent", lambda r: 0),
    ):
        letter = max(left, key=lambda key: score(left[key]))
        r = left.pop(letter)
        said[letter] = name
        if name == "seasonal":
            said["period"] = next(k + 1 for k in range(1, 20) if r[k] > 0.5 and r[k] > r[k - 1] and r[k] > r[k + 1])
    return said


@right()
def with_extra_keys():
    return reading() | {"why": "the first bar, and how fast the others die away"}
