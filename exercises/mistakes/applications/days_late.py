"""Question 4, days_late: wrong answers, and right ones found in other ways."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import applications as check


@right()
def days_late():
    mine = dict(check.yours("days_late"))
    actual, said = mine.pop("actual"), {}
    for name, forecast in mine.items():
        errors = [np.mean((forecast[j:] - actual[: len(actual) - j]) ** 2) for j in range(6)]
        said[name] = int(np.argmin(errors))
    return said


@mistake("counted from one", loses=EVERYTHING)
def one_too_many():
    return {name: lag + 1 for name, lag in days_late().items()}


@mistake("wrong way", loses={"one day late": 1, "two days late or more": 1})
def as_if_early():
    return {name: -lag for name, lag in days_late().items()}


@mistake("order turned round", loses=EVERYTHING)
def the_first_is_the_latest():
    return {name: 4 - lag for name, lag in days_late().items()}


@mistake("copy taken for a forecast", loses={"on time": 1, "one day late": 1})
def the_lovely_plot():
    return {name: {0: 1, 1: 0}.get(lag, lag) for name, lag in days_late().items()}


@mistake("two and three exchanged", loses={"two days late or more": 1})
def hard_to_tell():
    return {name: {2: 3, 3: 2}.get(lag, lag) for name, lag in days_late().items()}


@mistake("twice", loses=EVERYTHING)
def all_on_time():
    return dict.fromkeys("ABCDE", 0)


@mistake("form", loses=EVERYTHING)
def in_hours():
    return {name: 24 * days for name, days in days_late().items()}


@mistake("form", loses=EVERYTHING)
def letters_only():
    return sorted(days_late(), key=days_late().get)


@right()
def by_steps():
    mine = check.yours("days_late")
    steps = np.diff(mine["actual"])
    return {name: max(range(6), key=lambda j: np.diff(mine[name])[j:] @ steps[: len(steps) - j]) for name in "ABCDE"}


@right()
def by_correlation():
    mine = check.yours("days_late")
    actual, said = mine["actual"], {}
    for name in "ABCDE":
        r = [np.corrcoef(mine[name][5:], actual[5 - j : len(actual) - j])[0, 1] for j in range(6)]
        said[name] = float(np.argmax(r))
    return said


@right()
def by_the_largest_step():
    mine = check.yours("days_late")
    K = len(mine["actual"])
    return {
        name: int(np.argmin([np.abs(mine[name][4:] - mine["actual"][4 - j : K - j]).max() for j in range(5)]))
        for name in "ABCDE"
    }
