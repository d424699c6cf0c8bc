"""Question 2, reading: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import conclusion as check


def table():
    mine = check.yours("reading")
    return *(np.array(mine[name]) for name in ("LSTM", "line", "constant")), mine["goal"]


def paired(values):
    reach = 2.571 * values.std(ddof=1) / 6**0.5
    if values.mean() + reach <= 0:
        return "supported"
    return "refuted" if values.mean() - reach >= 0 else "undecided"


@right()
def reading():
    lstm, line, constant, goal = table()
    skill = 1 - lstm.mean() / constant.mean()
    gap = lstm - line
    means = [np.delete(gap, s).mean() for s in range(6)]
    nearest = max(means) if gap.mean() < 0 else min(means)
    return {
        "every seed": ("yes" if gap.max() < 0 else "no", gap.max()),
        "on average": (paired(gap), gap.mean()),
        "skill": ("yes" if skill >= goal else "no", skill),
        "one seed less": ("yes" if nearest * gap.mean() > 0 else "no", nearest),
    }


@mistake("best seed", loses={"every seed": 1})
def furthest_ahead():
    lstm, line, _, _ = table()
    best = min(lstm - line)
    return reading() | {"every seed": ("yes" if best < 0 else "no", best)}


@mistake("seeds counted", loses={"every seed": 1})
def how_many_wins():
    lstm, line, _, _ = table()
    wins = int((lstm < line).sum())
    return reading() | {"every seed": ("yes" if wins == 6 else "no", wins)}


@mistake("every, or most", loses={"every seed": 1})
def the_word_turned_round():
    word, worst = reading()["every seed"]
    return reading() | {"every seed": ("no" if word == "yes" else "yes", worst)}


@mistake("sign of the difference", loses={"on average": 1})
def line_minus_lstm():
    lstm, line, _, _ = table()
    word = {"supported": "refuted", "refuted": "supported"}
    told = paired(lstm - line)
    return reading() | {"on average": (word.get(told, told), (line - lstm).mean())}


@mistake("word of the interval", loses={"on average": 1})
def the_other_certainty():
    word, mean = reading()["on average"]
    sure = "supported" if mean < 0 else "refuted"
    return reading() | {"on average": (sure if word == "undecided" else "undecided", mean)}


@mistake("share left", loses={"skill": 1})
def ratio_of_errors():
    lstm, _, constant, goal = table()
    left = lstm.mean() / constant.mean()
    return reading() | {"skill": ("yes" if left >= goal else "no", left)}


@mistake("skill beside the line", loses={"skill": 1})
def beside_the_line():
    lstm, line, _, goal = table()
    skill = 1 - lstm.mean() / line.mean()
    return reading() | {"skill": ("yes" if skill >= goal else "no", skill)}


@mistake("skill in units of the line", loses={"skill": 1})
def divided_by_the_lstm():
    lstm, _, constant, goal = table()
    skill = (constant.mean() - lstm.mean()) / lstm.mean()
    return reading() | {"skill": ("yes" if skill >= goal else "no", skill)}


@mistake("wrong side of the goal", loses={"skill": 1})
def goal_turned_round():
    word, skill = reading()["skill"]
    return reading() | {"skill": ("no" if word == "yes" else "yes", skill)}


@mistake("seeds that turn it", loses={"one seed less": 1})
def turning_seeds():
    lstm, line, _, _ = table()
    gap = lstm - line
    turned = sum(np.delete(gap, s).mean() * gap.mean() < 0 for s in range(6))
    return reading() | {"one seed less": ("no" if turned else "yes", turned)}


@mistake("other end", loses={"one seed less": 1})
def furthest_from_turning():
    lstm, line, _, _ = table()
    gap = lstm - line
    means = [np.delete(gap, s).mean() for s in range(6)]
    word, _ = reading()["one seed less"]
    return reading() | {"one seed less": (word, min(means) if gap.mean() < 0 else max(means))}


@mistake("yes for no", loses={"one seed less": 1})
def word_exchanged():
    word, nearest = reading()["one seed less"]
    return reading() | {"one seed less": ("no" if word == "yes" else "yes", nearest)}


@mistake("form", loses=EVERYTHING)
def words_alone():
    return {name: word for name, (word, _) in reading().items()}


@mistake("form", loses={"one seed less": 1})
def three_of_four():
    told = reading()
    del told["one seed less"]
    return told


@mistake("form", loses={"skill": 1})
def words_in_a_list():
    word, skill = reading()["skill"]
    return reading() | {"skill": ([word], skill)}


@right()
def written_with_capitals():
    return {name: (word.capitalize(), number) for name, (word, number) in reading().items()} | {"of": "my table"}


@right()
def rounded_to_three_digits():
    return {name: (word, round(float(number), 3)) for name, (word, number) in reading().items()}


@right()
def lists_of_two():
    return {name: [word, np.float32(number)] for name, (word, number) in reversed(reading().items())}


@right()
def plain_python():
    mine = check.yours("reading")
    gaps = [a - b for a, b in zip(mine["LSTM"], mine["line"], strict=True)]
    total, side = sum(gaps), -1 if sum(gaps) < 0 else 1
    nearest = side * min(side * (total - gap) / 5 for gap in gaps)
    skill = 1 - sum(mine["LSTM"]) / sum(mine["constant"])
    return {
        "every seed": (("no", "yes")[max(gaps) < 0], max(gaps)),
        "on average": (paired(np.array(gaps)), total / 6),
        "skill": (("no", "yes")[skill >= mine["goal"]], skill),
        "one seed less": (("no", "yes")[side * nearest > 0], nearest),
    }
