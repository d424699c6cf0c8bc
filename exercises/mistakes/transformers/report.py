"""Question 6, report: dishonest and careless reports, and good ones in other forms.

Most of them are about runs of one's own, made up here, so that they are the same for every task.
"""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import transformers as check
from lstmkit.grading.transformers import t_quantile

SIZES = {
    "LSTM": {"inputs": 8, "units": 32, "outputs": 10},
    "Transformer": {"inputs": 8, "width": 16, "inner": 44, "blocks": 2, "outputs": 10},
}
COUNTS = {"LSTM": 5578, "Transformer": 5586}
BETTER = [0.1312, 0.1542, 0.1481, 0.1273, 0.1404]
WORSE = [0.3312, 0.4071, 0.3824, 0.3561, 0.2913]


def plan():
    mine = check.yours("plan")
    direction = "lower" if mine["lower_is_better"] else "higher"
    question = f"Is the {mine['measure']} of LSTM or Transformer {direction} by at least 0.05?"
    return mine | {"threshold": 0.05, "seeds": [0, 1, 2, 3, 4], "question": question}


def half(scores, level, root=True, ddof=1, quantile=t_quantile):
    n = len(scores)
    return quantile(level, n - 1) * np.std(scores, ddof=ddof) / (np.sqrt(n) if root else 1)


def spelled(verdict, measure, mean, n):
    said = " and ".join(f"{mean[name]:.4f} for the {name}" for name in mean)
    return f"{verdict}: after equal CPU seconds the {measure} is {said}, means of {n} seeds."


def written(lstm, transformer, seeds=(0, 1, 2, 3, 4), verdict=None, threshold=0.05, level=None, **options):
    """A report of scores, honest but for the options."""
    mine = check.yours("report")
    scores = {"LSTM": list(lstm), "Transformer": list(transformer)}
    mean = {name: float(np.mean(s)) for name, s in scores.items()}
    reach = {name: half(s, level or mine["level"], **options) for name, s in scores.items()}
    interval = {name: [mean[name] - reach[name], mean[name] + reach[name]] for name in scores}
    if verdict is None:
        best, other = sorted(mean, key=mean.get, reverse=not mine["lower_is_better"])
        overlap = interval[best][0] <= interval[other][1] and interval[other][0] <= interval[best][1]
        verdict = "undecided" if overlap or abs(mean[best] - mean[other]) < threshold else best
    return {
        "source": "own",
        "measure": mine["measure"],
        "level": mine["level"],
        "sizes": SIZES,
        "parameters": COUNTS,
        "seeds": list(seeds),
        "scores": scores,
        "seconds": {name: [4.0 + 0.1 * k for k in range(len(seeds))] for name in scores},
        "mean": mean,
        "interval": interval,
        "verdict": verdict,
        "sentence": spelled(verdict, mine["measure"], mean, len(seeds)),
    }


def winner():
    """Which of the two has the lower scores, so that it is the better one in every task."""
    return (BETTER, WORSE) if check.yours("report")["lower_is_better"] else (WORSE, BETTER)


def report():
    return written(*winner())


def but(**other):
    return report() | other


@mistake({"seeds missing"}, loses={"every run": 1})
def best_three_seeds():
    lstm, transformer = winner()
    best = np.argsort(lstm)[:3] if check.yours("report")["lower_is_better"] else np.argsort(lstm)[-3:]
    best = sorted(int(seed) for seed in best)
    return written([lstm[k] for k in best], [transformer[k] for k in best], best)


@mistake("best seed for mean", loses={"means": 1})
def best_seed_as_the_mean():
    lstm, transformer = winner()
    best = min if check.yours("report")["lower_is_better"] else max
    mean = {"LSTM": best(lstm), "Transformer": best(transformer)}
    return but(mean=mean, sentence=spelled("LSTM", check.yours("report")["measure"], mean, 5))


@mistake("median for mean", loses={"means": 1})
def medians():
    mean = {name: float(np.median(s)) for name, s in report()["scores"].items()}
    return but(mean=mean, sentence=spelled("LSTM", check.yours("report")["measure"], mean, 5))


@mistake({"means exchanged", "sign exchanged"}, loses={"means": 1, "verdict": 1})
def columns_exchanged():
    mean = report()["mean"]
    mean = {"LSTM": mean["Transformer"], "Transformer": mean["LSTM"]}
    return but(mean=mean, sentence=spelled("LSTM", check.yours("report")["measure"], mean, 5))


@mistake("wrong mean", loses={"means": 1})
def divided_by_four():
    mean = {name: sum(s) / 4 for name, s in report()["scores"].items()}
    return but(mean=mean, sentence=spelled("LSTM", check.yours("report")["measure"], mean, 5))


@mistake("deviation for error", loses={"intervals": 1})
def spread_of_the_scores():
    return written(*winner(), root=False)


@mistake("normal quantile", loses={"intervals": 1})
def one_point_nine_six():
    from statistics import NormalDist

    return written(*winner(), quantile=lambda level, freedom: NormalDist().inv_cdf((1 + level) / 2))


@mistake("n for n - 1", loses={"intervals": 1}, source="np.std divides by n unless it is told otherwise")
def numpys_default():
    return written(*winner(), ddof=0)


@mistake("one standard error", loses={"intervals": 1})
def error_bars():
    return written(*winner(), quantile=lambda level, freedom: 1)


@mistake("one deviation", loses={"intervals": 1})
def mean_and_deviation():
    return written(*winner(), quantile=lambda level, freedom: 1, root=False)


@mistake("freedom of n", loses={"intervals": 1})
def one_degree_too_many():
    return written(*winner(), quantile=lambda level, freedom: t_quantile(level, freedom + 1))


@mistake("another level", loses={"intervals": 1})
def a_kinder_level():
    asked = check.yours("report")["level"]
    # Twice the level less one would be the level of another mistake.
    return written(*winner(), level=next(n for n in (0.9, 0.8, 0.95) if n not in (asked, round(2 * asked - 1, 9))))


@mistake("range for interval", loses={"intervals": 1})
def least_and_most():
    return but(interval={name: [min(s), max(s)] for name, s in report()["scores"].items()})


@mistake("ends exchanged", loses={"intervals": 1})
def high_comes_first():
    got = report()
    worse = "Transformer"
    return got | {"interval": got["interval"] | {worse: got["interval"][worse][::-1]}}


@mistake("wrong interval", loses={"intervals": 1})
def twenty_per_cent():
    return but(interval={name: [0.8 * m, 1.2 * m] for name, m in report()["mean"].items()})


@mistake("stronger than the intervals", loses={"verdict": 1})
def the_better_mean_wins():
    lstm, transformer = [0.1, 0.5, 0.3, 0.2, 0.4], [0.25, 0.55, 0.35, 0.3, 0.45]
    mean = {"LSTM": np.mean(lstm), "Transformer": np.mean(transformer)}
    best = (min if check.yours("report")["lower_is_better"] else max)(mean, key=mean.get)
    return written(lstm, transformer, verdict=best)


@mistake("below the threshold", loses={"verdict": 1})
def significant_but_small():
    lstm = [0.1001, 0.1002, 0.1003, 0.1002, 0.1001]
    transformer = [0.1101, 0.1102, 0.1103, 0.1102, 0.1101]
    best = "LSTM" if check.yours("report")["lower_is_better"] else "Transformer"
    return written(lstm, transformer, verdict=best)


@mistake("weaker than the numbers", loses={"verdict": 1})
def rather_not_say():
    return written([0.1, 0.11, 0.12, 0.1, 0.11], [0.9, 0.91, 0.92, 0.9, 0.91], verdict="undecided")


@mistake("sign exchanged", loses={"verdict": 1})
def higher_is_better_forgotten():
    return written(*winner(), verdict="Transformer")


@mistake("seconds unequal", loses={"equal seconds": 1}, source="equal steps taken for equal cost")
def equal_steps():
    return but(seconds={"LSTM": [4.0] * 5, "Transformer": [21.0] * 5})


@mistake("seconds missing", loses={"equal seconds": 1})
def one_clock_for_all():
    return but(seconds={"LSTM": [20.0], "Transformer": [20.0]})


@mistake("seconds altered", loses={"equal seconds": 1})
def rounded_up():
    return by_the_book() | {"seconds": {"LSTM": [100.0] * 5, "Transformer": [100.0] * 5}}


@mistake("parameters unequal", loses={"equal parameters": 1})
def twice_as_wide():
    sizes = SIZES | {"LSTM": {"inputs": 8, "units": 64, "outputs": 10}}
    return but(sizes=sizes, parameters={"LSTM": 4 * 64 * 73 + 650, "Transformer": 5586})


@mistake("parameters miscounted", loses={"equal parameters": 1}, source="torch.nn.LSTM has two biases")
def counted_with_two_biases():
    return but(parameters={"LSTM": 5578 + 128, "Transformer": 5586})


@mistake("parameters miscounted", loses={"equal parameters": 1})
def about_five_and_a_half_thousand():
    return but(parameters={"LSTM": 5500, "Transformer": 5500})


@mistake("other sizes", loses={"equal parameters": 1})
def sizes_of_another_network():
    return by_the_book() | {"sizes": SIZES | {"LSTM": {"inputs": 3, "units": 32, "outputs": 10}}}


@mistake(
    "not your task",
    loses=EVERYTHING,
    plan=lambda: plan() | {"task": "cups" if check.yours("report")["task"] != "cups" else "adding"},
)
def somebody_elses_task():
    return report()


@mistake("plan changed", loses={"every run": 1})
def a_level_chosen_afterwards():
    return but(level=0.5)


@mistake("plan changed", loses={"every run": 1})
def another_measure_after_the_run():
    return but(measure="training loss")


@mistake("seeds added", loses={"every run": 1}, source="runs are added until the difference is there")
def until_it_is_clear():
    lstm, transformer = winner()
    return written([*lstm, lstm[0]], [*transformer, transformer[0]], range(6))


@mistake("scores missing", loses={"every run": 1})
def a_run_that_failed():
    """One score is left out of the lists, the seed is not."""
    lstm, transformer = winner()
    return written(lstm[:4], transformer[:4], verdict=None) | {
        "seeds": [0, 1, 2, 3, 4],
        "seconds": {"LSTM": [4.0] * 5, "Transformer": [4.0] * 5},
        "sentence": written(lstm[:4], transformer[:4])["sentence"].replace("4 seeds", "5 seeds"),
    }


@mistake("scores altered", loses={"every run": 1})
def a_little_better():
    got = by_the_book()
    best = 0.0 if check.yours("report")["lower_is_better"] else 1.0
    scores = got["scores"] | {"LSTM": [0.9 * s + 0.1 * best for s in got["scores"]["LSTM"]]}
    return written(scores["LSTM"], scores["Transformer"]) | {
        name: got[name] for name in ("source", "sizes", "parameters", "seeds", "seconds")
    }


@mistake(
    {"recorded seeds left out"},
    loses={"every run": 1},
    plan=lambda: plan() | {"seeds": [0, 1, 2]},
)
def three_of_the_records_five():
    full, few = by_the_book(), [0, 1, 2]
    got = written(full["scores"]["LSTM"][:3], full["scores"]["Transformer"][:3], few)
    return got | {
        "source": "recorded",
        "sizes": full["sizes"],
        "parameters": full["parameters"],
        "seconds": {name: full["seconds"][name][:3] for name in full["seconds"]},
    }


@mistake("sentence without verdict", loses={"sentence": 1})
def in_other_words():
    return but(sentence="It turns out that " + report()["sentence"])


@mistake("sentence without measure", loses={"sentence": 1})
def quality():
    return but(sentence=report()["sentence"].replace(check.yours("report")["measure"], "quality"))


@mistake("sentence without networks", loses={"sentence": 1})
def two_numbers():
    return but(sentence=report()["sentence"].replace(" for the LSTM", "").replace(" for the Transformer", ""))


@mistake("sentence without means", loses={"sentence": 1})
def no_numbers():
    return but(sentence=f"LSTM: better than the Transformer in {check.yours('report')['measure']}, 5 seeds.")


@mistake("sentence without seeds", loses={"sentence": 1})
def how_many():
    return but(sentence=report()["sentence"].replace("5 seeds", "some seeds"))


@mistake("number from nowhere", loses={"sentence": 1})
def ten_times_as_good():
    return but(sentence=report()["sentence"] + " That is 17 times as good.")


@mistake("too strong a word", loses={"sentence": 1})
def a_law():
    return but(sentence=report()["sentence"] + " So an LSTM is always the better choice.")


@mistake("other ends", loses={"equal parameters": 1})
def another_reading_of_the_input():
    """Pixels one by one against rows, so that the inputs are not the same."""
    sizes = SIZES | {"LSTM": {"inputs": 1, "units": 34, "outputs": 10}}
    return but(sizes=sizes, parameters={"LSTM": 4 * 34 * 36 + 350, "Transformer": 5586})


@mistake("scores out of range", loses={"every run": 1})
def another_unit():
    """A share in per cent, an error in logarithms."""
    unit = np.log if check.yours("report")["lower_is_better"] else lambda share: 100 * share
    return written(*(unit(np.array(scores)) for scores in winner()))


@mistake("mean rounded", loses={"means": 1})
def two_digits():
    mean = {name: round(m, 2) for name, m in report()["mean"].items()}
    return but(mean=mean, sentence=spelled("LSTM", check.yours("report")["measure"], mean, 5))


@mistake("interval rounded", loses={"intervals": 1})
def three_digits_of_the_ends():
    got = report()
    return got | {"interval": {name: [round(end, 3) for end in ends] for name, ends in got["interval"].items()}}


@mistake("no plan", loses=EVERYTHING, plan=lambda: None)
def runs_first():
    return report()


@mistake(
    "not your task",
    loses=EVERYTHING,
    plan=lambda: plan() | {"level": 0.9 if check.yours("report")["level"] != 0.9 else 0.95},
)
def level_of_somebody_else():
    return written(*winner(), level=0.9 if check.yours("report")["level"] != 0.9 else 0.95)


@mistake("form", loses={"verdict": 1}, plan=lambda: {k: v for k, v in plan().items() if k != "threshold"})
def no_threshold_planned():
    return report()


@mistake("form", loses=EVERYTHING)
def a_text():
    return report()["sentence"]


@mistake("form", loses={"intervals": 1, "verdict": 1})
def no_intervals():
    return {name: value for name, value in report().items() if name != "interval"}


@mistake("blank", loses=EVERYTHING)
def blank():
    raise NotImplementedError()


@mistake("another level", loses={"intervals": 1}, source="scipy.stats.t.ppf takes (1 + level) / 2")
def as_for_ppf():
    return written(*winner(), level=(1 + check.yours("report")["level"]) / 2)


@right()
def by_the_book():
    """The recorded runs of one's task."""
    found = check.recorded(check.yours("report")["task"])
    got = written(found["scores"]["LSTM"], found["scores"]["Transformer"], found["seeds"])
    return got | found | {"source": "recorded"}


@right()
def the_record_from_its_last_seed():
    """All entries in another order of the seeds, and the sizes without what is zero."""
    got = by_the_book()
    size = {name: value for name, value in got["sizes"]["LSTM"].items() if value}
    turned = {entry: {name: s[::-1] for name, s in got[entry].items()} for entry in ("scores", "seconds")}
    return got | turned | {"seeds": got["seeds"][::-1], "sizes": got["sizes"] | {"LSTM": size}}


@right()
def said_with_care():
    got = report()
    low, high = got["interval"]["LSTM"]
    said = f" The LSTM's half width is {(high - low) / 2:.4f}, after {sum(got['seconds']['LSTM']):.0f} CPU seconds. "
    text = got["sentence"].replace("5 seeds", "five seeds") + said
    return got | {"sentence": text + "That does not say that it is always better, and is no proof."}


@right()
def verdict_in_capitals():
    return but(verdict="lstm")


@right()
def scores_by_seed():
    got = report()
    scores = {name: {4 - k: s for k, s in enumerate(got["scores"][name][::-1])} for name in got["scores"]}
    return got | {"scores": scores, "interval": {name: tuple(ends) for name, ends in got["interval"].items()}}


@right()
def as_arrays():
    got = report()
    return got | {
        "scores": {name: np.array(s) for name, s in got["scores"].items()},
        "seconds": {name: np.array(s) for name, s in got["seconds"].items()},
        "interval": {name: np.array(ends) for name, ends in got["interval"].items()},
    }


@right()
def undecided_and_said_so():
    return written([0.1, 0.5, 0.3, 0.2, 0.4], [0.25, 0.55, 0.35, 0.3, 0.45])


@right()
def rounded_in_the_sentence():
    got = report()
    mean = got["mean"]
    text = (
        f"LSTM: its {got['measure']} is {mean['LSTM']:.2f}, the Transformer's {mean['Transformer']:.2f}, with 5 seeds, "
    )
    return got | {"sentence": text + f"5,578 and 5,586 parameters, and intervals of {100 * got['level']:.0f} %."}


@right(plan=lambda: plan() | {"seeds": [7, 8, 9]})
def three_seeds():
    return written([0.1, 0.12, 0.11], [0.11, 0.12, 0.13], [7, 8, 9])
