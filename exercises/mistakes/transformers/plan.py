"""Question 5, plan: careless plans, and good ones in other words."""

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import transformers as check


def plan():
    mine = check.yours("plan")
    direction = "lower" if mine["lower_is_better"] else "higher"
    return mine | {
        "threshold": 0.05,
        "seeds": [0, 1, 2, 3, 4],
        "question": f"After equal CPU seconds on {mine['task']}, is the {mine['measure']} of the Transformer "
        f"{direction} than that of the LSTM, or the other way round, by at least 0.05?",
    }


def but(**other):
    return plan() | other


def reworded(old, new):
    return but(question=plan()["question"].replace(old, new))


@mistake("not your task", loses={"plan": 1})
def another_task():
    return but(task="mnist")


@mistake("not your task", loses={"plan": 1})
def the_usual_level():
    return but(level=0.945)


@mistake({"not your task", "measure not named"}, loses=EVERYTHING)
def a_better_measure():
    return but(measure="perplexity", question=plan()["question"].replace(plan()["measure"], "perplexity"))


@mistake("no threshold", loses={"plan": 1}, source="any difference is taken for one")
def nothing_is_too_small():
    return but(threshold=0, question=plan()["question"].replace("0.05", "0"))


@mistake("threshold out of reach", loses={"plan": 1}, source="a bar so high that nothing has to be decided")
def nothing_is_large_enough():
    return but(threshold=1000, question=plan()["question"].replace("0.05", "1000"))


@mistake("threshold out of reach", loses={"plan": 1})
def per_cent_for_a_share():
    return but(threshold=5, question=plan()["question"].replace("0.05", "5"))


@mistake("too few seeds", loses={"plan": 1})
def one_seed():
    return but(seeds=[0])


@mistake("seed twice", loses={"plan": 1})
def the_same_run_again():
    return but(seeds=[0, 1, 1, 2])


@mistake("measure not named", loses={"question": 1})
def performance():
    return reworded(check.yours("plan")["measure"], "performance")


@mistake("direction not named", loses={"question": 1})
def different():
    return but(question=f"Does the {check.yours('plan')['measure']} of LSTM and Transformer differ by 0.05?")


@mistake("direction not named", loses={"question": 1})
def wrong_direction():
    mine = check.yours("plan")
    other = "higher" if mine["lower_is_better"] else "lower"
    return but(question=f"Is the {mine['measure']} of the LSTM {other} than the Transformer's by 0.05?")


@mistake("threshold not named", loses={"question": 1})
def clearly():
    return reworded("by at least 0.05", "by a clear margin")


@mistake("threshold not named", loses={"question": 1})
def another_threshold():
    return but(threshold=0.1)


@mistake("contestant not named", loses={"question": 1})
def against_whom():
    return reworded("the LSTM", "the other")


@mistake("no question", loses={"question": 1})
def a_hope():
    return reworded("?", ".")


@mistake("form", loses=EVERYTHING)
def a_text():
    return plan()["question"]


@mistake("form", loses=EVERYTHING)
def threshold_left_out():
    return {name: value for name, value in plan().items() if name != "threshold"}


@mistake("none", loses=EVERYTHING)
def nothing():
    print(plan())


@right()
def in_per_cent():
    return reworded("0.05", "5 %")


@right()
def percent_in_letters():
    return reworded("0.05", "5 percent")


@right()
def other_words():
    mine = check.yours("plan")
    direction = "Lower" if mine["lower_is_better"] else "Higher"
    text = f"{direction} is better. Has LSTM or Transformer the better {mine['measure'].title()}, by 0.15 or more?"
    return but(question=text, threshold=0.15, seeds=(3, 1, 4))


@right()
def small_threshold():
    return but(threshold=1e-3, question=plan()["question"].replace("0.05", "1e-3"), why="a thousandth is what one sees")


@right()
def many_seeds():
    return but(seeds=range(20))
