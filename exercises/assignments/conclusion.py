# ---
# jupyter:
#   jupytext:
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What holds, and what an alarm is worth
#
# You decide claims from a handful of runs, as the ledger of this book does; you read a table of results without
# reading too much into it; and in the third project you build a detector that watches a heart and a machine. A
# search that learns nothing is the rival. In the chapter *manufacturing* it beat the LSTM. Can you beat it?
#
# **Time**: 2 to 3 hours, one of them for the project. **Points**: 24, and 3 extra. **You need**: NumPy, means and
# deviations, and the chapters *conclusion*, *manufacturing* and *healthcare*.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `interval`, `verdict` | 4 |
# | 2 | `reading`, from a table of your own | 4 |
# | 3 | `auroc` | 3 |
# | 4 | `nearest_neighbour_discord`, the rival | 3 |
# | 5 | `Detector`, the project | 6 |
# | 6 | a report on it, in words | 4 |
# | 7, extra | `precision`, `alarm_limit` | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then run the check below
# it, as often as you like. The check says, part by part, what is right, what is not, and what the cause looks
# like. When your work is graded the same checks run with other inputs. The assignment *lstm* has the long
# version of this paragraph. Question 6 is read by a person.
#
# **Hints.** `check.hint("verdict")` says a little about question 1, `check.hint("verdict", 2)` more, and so on for
# every question that has a check. They cost nothing.
#
# **Letters.** A series has $N$ steps, $x_0$ to $x_{N-1}$. A window has $k$ steps, a claim is measured on $n$
# seeds. Scores and labels have an entry for each step; a label is true where the step is *faulty*.

# %%
import numpy as np

from lstmkit.grading import conclusion as check

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="verdict"
# ## 1. Supported, refuted, undecided (4 points)
#
# A number was measured on $n$ seeds, $v_1, \dots, v_n$. With the mean $\bar v$ and the deviation $s$, whose square
# is $\frac{1}{n-1} \sum (v_j - \bar v)^2$, the interval of the mean is
#
# $$
# \Big[\; \bar v - t\, \frac{s}{\sqrt n}, \;\; \bar v + t\, \frac{s}{\sqrt n} \;\Big] .
# $$
#
# `t` is given; for 95 % and five seeds it is 2.776. One value alone says nothing of the spread: then the interval is
# $(-\infty, \infty)$.
#
# A claim says that the true mean lies between `low` and `high`, both included, and either may be infinite. The
# verdict is `"supported"` if the whole interval lies within the claim, `"refuted"` if the whole interval lies
# outside it, and `"undecided"` else. Values are an array $(n,)$; leave it as it is.
#
# *Example*: the values 1, 2, 3 and $t = 4.303$. Then $\bar v = 2$ and $s = 1$, and the interval is $2 \pm 2.484$.
# "At least 1", that is $[1, \infty)$, is undecided; "below 5", $(-\infty, 5]$, is supported.
#
# *Where*: chapter *conclusion*, "The count" and "What the book cannot say".


# %% question="verdict"
def interval(values, t):
    """lower and upper of the interval of the mean of values (n,)."""
    ### BEGIN SOLUTION
    n = len(values)
    if n == 1:
        return -np.inf, np.inf
    reach = t * np.std(values, ddof=1) / np.sqrt(n)
    return np.mean(values) - reach, np.mean(values) + reach
    ### END SOLUTION


def verdict(values, low, high, t):
    """ "supported", "refuted" or "undecided": does the mean of values (n,) lie between low and high?"""
    ### BEGIN SOLUTION
    lower, upper = interval(values, t)
    if low <= lower and upper <= high:
        return "supported"
    if upper < low or lower > high:
        return "refuted"
    return "undecided"
    ### END SOLUTION


# %% question="verdict" points=4
check.verdict(interval, verdict)
### BEGIN HIDDEN TESTS
check.verdict(interval, verdict, seed=57139)
### END HIDDEN TESTS

# %% [markdown] question="reading"
# ## 2. What the table says (4 points)
#
# Three contestants have forecast the same six series, one for each seed. The next cell prints your table of their
# errors; *lower is better*. Which of these sentences hold, and which number decides?
#
# - `"every seed"`: the LSTM has a lower error than the line on every seed. The number: the largest of the six
#   differences *LSTM − line*.
# - `"on average"`: the mean of the difference *LSTM − line*, seed by seed, is not above zero. Not yes or no, but your
#   verdict of question 1 on that claim, $(-\infty, 0]$, with $t = 2.571$. The number: the mean difference.
# - `"skill"`: of the constant's mean error the LSTM takes away at least the share `goal`. The number: the share that
#   it takes away, $1 - \bar e_{\text{LSTM}} / \bar e_{\text{constant}}$.
# - `"one seed less"`: whichever one seed is left out, the order of the mean errors of LSTM and line stays what it
#   is with all six. The number: of the six mean differences, each of five seeds, the one that comes nearest to
#   turning the order, or goes furthest beyond it.
#
# Return a dict with these four keys. Each value is a pair of a word and a number, such as `("no", 0.012)`; the words
# are `"yes"` and `"no"`, and for `"on average"` those of question 1. Compute the numbers, or type them with three
# digits behind the point. A pair counts if both are right.
#
# *Example*: with the errors 1, 2 (LSTM) and 2, 1.5 (line) on two seeds, `"every seed"` would be `("no", 0.5)`: the
# differences are $-1$ and $0.5$, and the largest decides.
#
# *Where*: chapter *conclusion*, "What surprised us" and "What the book cannot say".

# %%
mine = check.yours("reading")  # three lists of six errors, and the goal
print("seed        " + "".join(f"{seed:>8}" for seed in range(1, 7)))
for contestant in ("constant", "line", "LSTM"):
    print(f"{contestant:<12}" + "".join(f"{error:8.3f}" for error in mine[contestant]))
print(f"goal        {mine['goal']:8.0%}")


# %% question="reading"
def reading():
    """For each of the four sentences a pair of a word and a number, in a dict."""
    ### BEGIN SOLUTION
    lstm, line, constant = (np.array(mine[name]) for name in ("LSTM", "line", "constant"))
    difference = lstm - line
    skill = 1 - lstm.mean() / constant.mean()
    ahead = difference.mean() < 0
    without = [np.delete(difference, seed).mean() for seed in range(6)]
    nearest = max(without) if ahead else min(without)
    return {
        "every seed": ("yes" if difference.max() < 0 else "no", difference.max()),
        "on average": (verdict(difference, -np.inf, 0, 2.571), difference.mean()),
        "skill": ("yes" if skill >= mine["goal"] else "no", skill),
        "one seed less": ("yes" if (nearest < 0) == ahead else "no", nearest),
    }
    ### END SOLUTION


# %% question="reading" points=4
check.reading(reading)
### BEGIN HIDDEN TESTS
check.reading(reading, seed=20663)
### END HIDDEN TESTS

# %% [markdown] question="auroc"
# ## 3. The area under the curve (3 points)
#
# A detector gives every step a score. How good are the scores, whatever limit one may set later? Take one of the
# $n_+$ faulty steps and one of the $n_-$ sound steps at random: how likely has the faulty one the higher score?
#
# $$
# \text{area} = \frac{1}{n_+ n_-} \sum_{p \in +} \sum_{q \in -}
# \Big( \mathbf 1[s_p > s_q] + \tfrac12\, \mathbf 1[s_p = s_q] \Big) .
# $$
#
# Equal scores count one half. `labels` is an array of true and false with at least one of each. A long series of
# 12,000 steps must not take longer than two seconds: two nested loops of Python do.
#
# *Example*: the scores 3, 1, 2, 2 with faults at the first and the third step. Of the four pairs three are won and
# one is a tie, so the area is $3.5 / 4$.
#
# *Where*: chapter *manufacturing*, "Is this still normal?".


# %% question="auroc"
def auroc(scores, labels):
    """The chance that a faulty step has a higher score than a sound one; scores and labels (N,)."""
    ### BEGIN SOLUTION
    sound = np.sort(scores[~labels])
    below = np.searchsorted(sound, scores[labels], side="left")
    not_above = np.searchsorted(sound, scores[labels], side="right")
    return (below + not_above).mean() / (2 * len(sound))
    ### END SOLUTION


# %% question="auroc" points=3
check.auroc(auroc)
### BEGIN HIDDEN TESTS
check.auroc(auroc, seed=83471)
### END HIDDEN TESTS

# %% [markdown] question="nearest_neighbour_discord"
# ## 4. The rival that learns nothing (3 points)
#
# Keep a long sound series, `normal` $(M,)$. The score of a step $t$ is the distance of the *last* $k$ values,
# $x_{t-k+1}$ to $x_t$, to the most similar stretch of $k$ values anywhere in `normal`:
#
# $$
# s_t = \min_{j} \sqrt{\sum_{i=0}^{k-1} \big(x_{t-k+1+i} - \text{normal}_{j+i}\big)^2},
# \qquad j = 0, \dots, M - k .
# $$
#
# The first $k - 1$ steps have no such window; their score is 0. The chapter's windows lie *around* $t$ and know what
# comes next. Yours end at $t$, so that the score could ring while the machine runs. A stretch that `normal` holds
# has the distance 0, also where rounding would make the sum of squares a little less than that.
#
# *Example*: `normal` $= (0, 1, 0, 1)$, $x = (0, 1, 1)$, $k = 2$. The window $(0, 1)$ is known, $(1, 1)$ is one away
# from each of the others: the scores are $0, 0, 1$.
#
# *Where*: chapter *manufacturing*, "Is this still normal?".


# %% question="nearest_neighbour_discord"
def nearest_neighbour_discord(x, normal, k):
    """For each step of x (N,) the distance of the window that ends there to the nearest one of normal (M,): (N,)."""
    ### BEGIN SOLUTION
    mine, theirs = (np.lib.stride_tricks.sliding_window_view(np.asarray(s, float), k) for s in (x, normal))
    squared = (mine**2).sum(axis=1)[:, None] - 2 * mine @ theirs.T + (theirs**2).sum(axis=1)
    nearest = np.sqrt(np.maximum(squared.min(axis=1), 0))
    return np.concatenate([np.zeros(k - 1), nearest])
    ### END SOLUTION


# %% question="nearest_neighbour_discord" points=3
check.nearest_neighbour_discord(nearest_neighbour_discord)
### BEGIN HIDDEN TESTS
check.nearest_neighbour_discord(nearest_neighbour_discord, seed=44257)
### END HIDDEN TESTS

# %% [markdown] question="detector"
# ## 5. Project: a detector (6 points)
#
# Write a class with two methods. `fit(normal)` is given a sound series $(M,)$ and keeps whatever it wants of it.
# `score(x)` is given a series $(N,)$ and returns a score for each step, $(N,)$, higher where a fault is more
# likely. Nobody tells it what kind of series it is, and it sees no labels.
#
# It will be tried on fresh series of two tasks, which you can draw yourself:
#
# - `check.heart(rng, beat)`: a simulated heart. Some beats come early, are missed, have their last wave turned
#   over, or are noisy. One `beat` has some 50 to 70 steps, another number for each series.
# - `check.machine(rng)`: the vibration of a simulated machine that runs until it fails, then the next one. Faulty is
#   a machine in its last days, behind a wear of 0.8.
#
# Both return `normal`, `x` and `faulty`. Use the labels to see how good your detector is; in the check `fit` and
# `score` have none. What counts, with the rival of question 4 at $k = 32$ and the first 80 steps left out:
#
# | | points |
# | --- | --- |
# | near: on both tasks the area is at most 0.05 below the rival's | 1 |
# | ahead: near and causal, and on at least one task larger than the rival's by 0.02 | 2 |
# | well ahead: the same by 0.04 | 1 |
# | causal: the score at $t$ does not depend on what comes after $t$ | 1 |
# | repeatable: the same series gets the same scores, from a new detector and in a second call | 1 |
#
# Areas are means over four series of each task. They move by some 0.01 from one set of series to the next, so leave
# yourself a margin. A detector has ten seconds for a series; the machine that grades has NumPy and one core. An
# autoregression, a small LSTM of your own, running means, distances: all is allowed that the rule of causality
# allows. A mean over the *whole* of $x$ is not.
#
# *Example*: `score` could return `np.abs(x - self.mean)`, with the mean kept by `fit`. That is causal and repeatable,
# and on the machines it is ahead. On the hearts it is far behind, so it earns 2 of the 6 points.
#
# *Where*: chapter *manufacturing*, "Is this still normal?" and "How many alarms a day?".


# %%
def picture(scores=None, seed=1):
    """Both tasks, the faulty steps in grey, and below each the scores of a function of (normal, x), if one is given."""
    import matplotlib.pyplot as plt

    series = {
        "heart": check.heart(np.random.default_rng(seed), 64),
        "machine": check.machine(np.random.default_rng(seed)),
    }
    _figure, axes = plt.subplots(4 if scores else 2, 1, figsize=(8, 8 if scores else 4), layout="constrained")
    for n, (name, (normal, x, faulty)) in enumerate(series.items()):
        rows = axes[2 * n : 2 * n + 2] if scores else axes[n : n + 1]
        for row, line, label in zip(rows, (x, scores(normal, x) if scores else None), (name, "score"), strict=False):
            row.plot(np.arange(1000), np.asarray(line)[:1000], lw=1)
            row.fill_between(
                np.arange(1000), 0, 1, where=faulty[:1000], transform=row.get_xaxis_transform(), color="#dddddd", lw=0
            )
            row.set(ylabel=label, xlim=(0, 1000))
    axes[-1].set_xlabel("step")
    plt.show()


try:
    picture(lambda normal, x: nearest_neighbour_discord(x, normal, 32))
except NotImplementedError:
    print("Answer question 4 first, then run this cell again.")
except ImportError:
    print("The picture needs Matplotlib; the questions do not.")


# %% question="detector"
class Detector:
    """Learns what is sound from fit(normal (M,)), and says with score(x (N,)) how faulty each step looks, (N,)."""

    def fit(self, normal):
        """Keep what is needed of a sound series."""

        ### BEGIN SOLUTION
        def raw(x, sound):
            """The distance to the nearest window of sound, and how far a running mean is from the mean: (2, N)."""
            running, level = np.empty(len(x)), 0.0
            for t, value in enumerate(x - mean):
                level += (value - level) / 6
                running[t] = level
            return np.array([nearest_neighbour_discord(x, sound, 32), np.abs(running)])

        mean, half = normal.mean(), len(normal) // 2
        calm = raw(normal[half:], normal[:half])[:, 64:]  # what both do on sound steps that they do not know
        self.raw, self.normal = raw, normal
        self.middle, self.deviation = calm.mean(axis=1, keepdims=True), calm.std(axis=1, keepdims=True)
        ### END SOLUTION

    def score(self, x):
        """A score for each step of x (N,), higher where it looks faulty."""
        ### BEGIN SOLUTION
        both = (self.raw(x, self.normal) - self.middle) / self.deviation
        return np.arcsinh(both).sum(axis=0)  # arcsinh: one huge score must not drown the other
        ### END SOLUTION


# %% question="detector" points=6
check.detector(Detector)
### BEGIN HIDDEN TESTS
check.detector(Detector, seed=96149)
### END HIDDEN TESTS

# %% [markdown]
# Now measure it as you would have others measure theirs: over seeds, beside the rival, and at a limit. The next cell
# is not graded. It prints the areas for five seeds. Then it sets a limit on *another* sound series, so that one sound
# step in a thousand is above it, and prints which share of the faulty and of the sound steps of a third series ring.


# %%
def drawn(task, rng):
    """A fresh series of a task."""
    return check.machine(rng) if task == "machine" else check.heart(rng, 64)


def measured(task, rival, seeds=5):
    """The areas of the Detector, or of the rival, over seeds; the mean shares of faulty and sound steps that ring."""
    areas, rings = [], []
    for seed in range(seeds):
        rng = np.random.default_rng([7, seed])
        (normal, x, faulty), calm = drawn(task, rng), drawn(task, rng).normal
        if rival:
            scores, quiet = (nearest_neighbour_discord(series, normal, 32) for series in (x, calm))
        else:
            detector = Detector()
            detector.fit(normal)
            scores, quiet = (np.asarray(detector.score(series)) for series in (x, calm))
        scores, faulty, limit = scores[80:], faulty[80:], np.quantile(quiet[80:], 0.999)
        areas.append(auroc(scores, faulty))
        rings.append([(scores > limit)[faulty].mean(), (scores > limit)[~faulty].mean()])
    return areas, np.mean(rings, axis=0)


try:
    for task in ("heart", "machine"):
        for name, rival in (("rival", True), ("yours", False)):
            areas, (hit, false) = measured(task, rival)
            said = " ".join(f"{area:.3f}" for area in areas)
            print(f"{task:<8} {name}  areas {said}  faulty steps that ring {hit:.3f}, sound ones {false:.4f}")
except NotImplementedError:
    print("Answer questions 3 to 5 first, then run this cell again.")

# %% [markdown] question="report"
# ## 6. A report (4 points)
#
# Write a report of ten to fifteen sentences, for the person who would have to get up at night when it rings. Use the
# numbers that the cell above has printed. A detector that is *not* ahead of its rival earns the same points here, if
# the report says so and says why.
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | The areas of both on both tasks, their spread over the seeds, and who is ahead where and where it is open | 1 |
# | A reason: what yours sees that the rival does not, or what it lacks, shown by a number or a picture | 1 |
# | The share of true alarms if one step in 10,000 is faulty, computed from the printed shares, for one task | 1 |
# | What follows for whoever gets the alarms: would you switch it on, at which limit, what is not known | 1 |

# %% [markdown] question="report" points=4
# *(To mark it, take the numbers printed for the report at hand; this one leaves them out. First row: both areas, how
# far they move from seed to seed, seeds counted on both tasks. Second: any cause that a number or a picture supports.
# Third: $\beta \cdot 10^{-4} / (\beta \cdot 10^{-4} + \alpha \cdot 0.9999)$ with the printed shares of one task.
# Fourth: a decision, the limit that it needs, and something that the numbers do not show.)*
#
# On the machines my detector is ahead of the rival with all five seeds, and by more than the areas of either move
# from seed to seed. On the hearts the lead is smaller than that spread. Both areas go up and down together there, so
# I take the difference seed by seed, and call the lead real only if the interval of question 1, with $t = 2.776$, lies
# above zero.
#
# The reason is the level. A window of 32 steps of vibration is mostly noise, and noise is far from every other noise,
# so the rival's distance is large on sound steps as well. A running mean averages the noise away and keeps the rise
# that wear brings: the picture shows the score climb with the life of each machine. On the hearts the level says
# less, and the distance does the work.
#
# What is an alarm worth? The limit was set so that one sound step in a thousand of a sound series crosses it, yet far
# more of the sound steps beside faults ring, as the last column shows. On the hearts the window still holds the faulty
# beat when the next one is sound again; on the machines a wear of 0.6 is sound by the label and shakes already. With
# the printed shares $\beta$ of the faulty and $\alpha$ of the sound steps, and one faulty step in 10,000, the share
# of true alarms is $\beta \cdot 10^{-4} / (\beta \cdot 10^{-4} + \alpha \cdot 0.9999)$, for either task below one in
# a hundred. The areas, high as they are, do not show that.
#
# So I would not wake anybody with it. For the machines I would raise the limit, until a whole life up to wear 0.8
# stays below, and count a stretch of alarms as one. For the hearts I would let it write a list that somebody reads in
# the morning. What is not known: all of it is a simulation, with faults that I had seen when I chose the running mean,
# and five seeds. On a fault of another kind neither method has been tried.

# %% [markdown] question="alarm_value"
# ## 7. What an alarm is worth (3 extra points)
#
# `precision(hit, false, base)`: of all steps a share `base` is faulty. Of the faulty steps the share `hit` rings, of
# the sound ones the share `false`. Return the share of alarms that are true,
#
# $$
# \frac{\beta\, \pi}{\beta\, \pi + \alpha\, (1 - \pi)}, \qquad \beta = \text{hit},\; \alpha = \text{false},\;
# \pi = \text{base},
# $$
#
# and 0 if nothing ever rings.
#
# `alarm_limit(scores, a_day, steps)`: `scores` $(N,)$ are those of sound steps, of which there are `steps` in a day.
# Return the lowest of these scores at which a day has at most `a_day` false alarms: at most $N \cdot
# \text{a\_day} / \text{steps}$ of the $N$ scores may lie *above* it.
#
# *Example*: hit 0.9, false 0.01 and one faulty step in 10,000 give a precision of 0.0089. Of the scores
# 1, 2, ..., 10, with two alarms in a day of ten steps, the limit is 8.
#
# *Where*: chapter *healthcare*, "What an alarm is worth: the equations"; chapter *manufacturing*, "How many alarms
# a day?".


# %% question="alarm_value"
def precision(hit, false, base):
    """The share of alarms that are true, a number; 0 if nothing rings."""
    ### BEGIN SOLUTION
    true = hit * base
    alarms = true + false * (1 - base)
    return true / alarms if alarms > 0 else 0.0
    ### END SOLUTION


def alarm_limit(scores, a_day, steps):
    """The lowest of the sound scores (N,) that at most a_day of `steps` steps a day are above."""
    ### BEGIN SOLUTION
    allowed = int(len(scores) * a_day / steps)
    return np.sort(scores)[len(scores) - 1 - allowed]
    ### END SOLUTION


# %% question="alarm_value" points=3 extra=true
check.alarm_value(precision, alarm_limit)
### BEGIN HIDDEN TESTS
check.alarm_value(precision, alarm_limit, seed=31513)
### END HIDDEN TESTS
