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
# # LSTM against Transformer, measured
#
# You build the heart of a Transformer, count what it costs, and fit exponents to measured times. Then comes the
# second project of the book: a comparison of the two networks that somebody else can trust, from the question to the
# verdict.
#
# **Time**: 3 hours, half of them for the project. **Points**: 34, and 3 extra. **You need**: NumPy and the chapters
# *attention* and *transformers*; nothing has to be trained, and no PyTorch is needed.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `positions`, `shift` | 4 |
# | 2 | `causal_self_attention` | 8 |
# | 3 | `costs` | 3 |
# | 4 | `fit_exponent` | 5 |
# | 5, project | `plan` | 2 |
# | 6, project | `report` | 7 |
# | 7, project | a judgement | 5 |
# | 8, extra | `attend_one` | 3 |
#
# **How it works.** Write your code in place of `raise NotImplementedError()`, run the cell, then the check below it.
# It says part by part what is right and what the cause of a mistake looks like. When your work is graded the same
# check runs with other inputs. The assignment *lstm* has the long version of this paragraph. If you are stuck,
# `check.hint("positions")` gives a nudge, and `check.hint("positions", 2)` the next one.
#
# **Letters.** $T$ positions, $B$ sequences, $D$ features (the chapter's $d$), $N$ heads of $D/N$ features each, $F$
# units of a block's inner layer, $H$ units of an LSTM. Time comes first: `x` has the shape $(T, B, D)$.

# %%
import numpy as np

from lstmkit import results
from lstmkit.grading import transformers as check

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="positions"
# ## 1. Where am I? (4 points)
#
# A weighted mean does not care for order, so the position must be written into the input. For position $t = 0, \dots,
# T - 1$ and an even number $D$ of features, feature $2i$ is a sine and feature $2i + 1$ a cosine:
#
# $$p_{t,2i} = \sin(\omega_i t), \qquad p_{t,2i+1} = \cos(\omega_i t), \qquad \omega_i = 10000^{-2i/D}.$$
#
# Write `positions(T, D)`, which returns this table, $(T, D)$. Then show why one takes sines *and* cosines: write
# `shift(k, D)`, which returns a matrix $M$ of shape $(D, D)$ with
#
# $$p_{t+k} = M p_t \qquad \text{for every } t .$$
#
# The same matrix for all positions, so that a product of query and key can say "$k$ steps ago" wherever it stands.
# $k$ is a whole number and may be negative. The kit has no such function.
#
# *Example*: $D = 2$ has one frequency, $\omega_0 = 1$, and $p_0 = (0, 1)$. $M$ then turns by $k$ radians: for any
# $k$, $M p_0 = (\sin k, \cos k)$.
#
# *Where*: chapter *transformers*, "Self-attention".


# %% question="positions"
def positions(T, D):
    """The table (T, D) of sines and cosines."""
    ### BEGIN SOLUTION
    angles = np.arange(T)[:, None] * 10000.0 ** (-np.arange(0, D, 2) / D)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(T, D)
    ### END SOLUTION


def shift(k, D):
    """The matrix (D, D) that takes the features of any position to those of the position k later."""
    ### BEGIN SOLUTION
    M = np.zeros((D, D))
    for i in range(0, D, 2):
        angle = k * 10000.0 ** (-i / D)
        M[i, i] = M[i + 1, i + 1] = np.cos(angle)
        M[i, i + 1], M[i + 1, i] = np.sin(angle), -np.sin(angle)
    return M
    ### END SOLUTION


# %% question="positions" points=4
check.positions(positions, shift)
### BEGIN HIDDEN TESTS
check.positions(positions, shift, seed=17713)
### END HIDDEN TESTS

# %% [markdown] question="causal_self_attention"
# ## 2. Causal self-attention (8 points)
#
# Every position makes a query, a key and a value, and asks itself and all positions before it. From `x` $(T, B, D)$,
# `W_qkv` $(3D, D)$ with the blocks q, k, v, and `W_o` $(D, D)$, without biases:
#
# $$
# \begin{aligned}
# (q_t, k_t, v_t) &= W_{qkv} x_t \\
# e_{t,s} &= \frac{q_t^\top k_s}{\sqrt{D/N}}, \qquad
# \alpha_{t,s} = \frac{\exp(e_{t,s})}{\sum_{r \le t} \exp(e_{t,r})} \;\text{ for } s \le t, \text{ else } 0 \\
# m_t &= \sum_{s \le t} \alpha_{t,s} v_s, \qquad \text{out}_t = W_o m_t
# \end{aligned}
# $$
#
# With $N$ `heads` the $D$ features of queries, keys and values are cut into $N$ parts of $D/N$ neighbours. Each part
# has scores and weights of its own, and $m_t$ is the $N$ results side by side. Return `out` $(T, B, D)$.
#
# Begin with one head: it has points of its own. Scores of thousands must not overflow, and no argument is modified.
#
# *Example*: $B = D = N = 1$, $T = 2$, `W_qkv` $= (0, 0, 1)^\top$, `W_o` $= (1)$ and $x = (4, 2)$. All scores are
# zero, so the first position gets its own value, $4$, and the second the mean of both, $3$.
#
# *Where*: chapter *transformers*, "Self-attention"; chapter *attention*, "Scores, weights, context".


# %% question="causal_self_attention"
def causal_self_attention(x, W_qkv, W_o, heads):
    """out (T, B, D) from x (T, B, D), W_qkv (3D, D), stacked q, k, v, and W_o (D, D)."""
    ### BEGIN SOLUTION
    T, B, D = x.shape
    q, k, v = (a.reshape(T, B, heads, D // heads) for a in np.split(x @ W_qkv.T, 3, axis=-1))
    scores = np.einsum("tbnp,sbnp->bnts", q, k) / np.sqrt(D // heads)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return np.einsum("bnts,sbnp->tbnp", weights, v).reshape(T, B, D) @ W_o.T
    ### END SOLUTION


# %% question="causal_self_attention" points=8
check.causal_self_attention(causal_self_attention)
### BEGIN HIDDEN TESTS
check.causal_self_attention(causal_self_attention, seed=88327)
### END HIDDEN TESTS

# %% [markdown]
# The best test of a mask is to change a later input and to see that nothing earlier moves. Not graded: position 5 of
# 8 is changed here; which outputs change?

# %%
try:
    rng = np.random.default_rng(0)
    x, W_qkv, W_o = rng.normal(size=(8, 1, 6)), rng.normal(size=(18, 6)), rng.normal(size=(6, 6))
    other = x.copy()
    other[5] += 1
    moved = causal_self_attention(other, W_qkv, W_o, 2) - causal_self_attention(x, W_qkv, W_o, 2)
    print("changed:", np.flatnonzero(np.abs(moved).max(axis=(1, 2)) > 0))
except NotImplementedError:
    print("Answer question 2 first, then run this cell again.")

# %% [markdown] question="costs"
# ## 3. Four numbers before any run (3 points)
#
# Equal parameters and the price of length can be counted before anything is trained. `check.yours("costs")` gives you
# the sizes of a Transformer: a width $d$, an inner layer of $F$ units, a number of `blocks`, a text of so many
# `tokens`, and the `bytes` of a number. Return a dict with four whole numbers:
#
# - `block`: how many numbers are trained in *one* block, its parameters;
# - `units`: the largest $H$ for which an LSTM layer with $d$ inputs and one bias has at most as many numbers as *one*
#   block. A block has four matrices $(d, d)$, one $(F, d)$ and one $(d, F)$, each with a bias, and two norms with a
#   gain and a shift of $d$ numbers each;
# - `crossing`: the number $t$ of tokens before the present one at which the scores against $t$ keys and the mean of
#   $t$ values take as many multiplications as the six matrices of a block, for this one token. Biases and norms do
#   not count;
# - `cache`: the bytes of all keys and values that the whole Transformer keeps after the text.
#
# *Example*: $d = 10$, $F = 40$, one block, $100$ tokens of $4$ bytes. The block has $1290$ numbers, and an LSTM of
# $13$ units has $1248$, one of $14$ has $1400$: `units` is $13$. $2td = 1200$ at $t = 60$. The cache holds $2 \cdot
# 100 \cdot 10$ numbers, $8000$ bytes.
#
# *Where*: chapter *transformers*, "What it costs".

# %%
my_sizes = check.yours("costs")
print(my_sizes)


# %% question="costs"
def costs():
    """A dict with block, units, crossing and cache, all numbers."""
    ### BEGIN SOLUTION
    d, F = my_sizes["d"], my_sizes["F"]
    block = 4 * (d * d + d) + 2 * d * F + F + d + 4 * d
    units = 1
    while 4 * (units + 1) * (d + units + 2) <= block:
        units += 1
    return {
        "block": block,
        "units": units,
        "crossing": (4 * d * d + 2 * d * F) / (2 * d),
        "cache": 2 * my_sizes["blocks"] * my_sizes["tokens"] * d * my_sizes["bytes"],
    }
    ### END SOLUTION


# %% question="costs" points=3
check.costs(costs)
### BEGIN HIDDEN TESTS
check.costs(costs, seed=52361)
### END HIDDEN TESTS

# %% [markdown] question="fit_exponent"
# ## 4. A slope with its doubt (5 points)
#
# "Quadratic" is a claim about an exponent: $\text{ms} \approx c\, T^p$, so $\log \text{ms} = \log c + p \log T$, a
# line. From lengths `Ts` $(n,)$ and times `ms` $(n,)$ return the slope $p$ and its interval of 95 %: `slope, (low,
# high)`. With $x_j = \log T_j$, $y_j = \log \text{ms}_j$, and bars for means,
#
# $$
# \begin{aligned}
# p &= \frac{\sum_j (x_j - \bar x)(y_j - \bar y)}{\sum_j (x_j - \bar x)^2}, \qquad
# r_j = y_j - \bar y - p\, (x_j - \bar x) \\
# \text{error} &= \sqrt{\frac{\sum_j r_j^2}{n - 2} \Big/ \sum_j (x_j - \bar x)^2}, \qquad
# \text{low}, \text{high} = p \mp t \cdot \text{error} .
# \end{aligned}
# $$
#
# $t$ is the quantile of Student's distribution with $n - 2$ degrees of freedom, since the line has taken two numbers:
# `check.t_quantile(0.95, n - 2)` says how many errors to *both* sides hold 95 %. The lengths need not be sorted.
#
# *Example*: $T = 1, 10, 100$ with $\text{ms} = 2, 20, 200$ lie on a line: the slope is $1$ and both ends of the
# interval are $1$ too, up to rounding.
#
# *Where*: chapter *transformers*, "What it costs".


# %% question="fit_exponent"
def fit_exponent(Ts, ms):
    """The slope of log ms over log Ts and its interval of 95 %: slope, (low, high)."""
    ### BEGIN SOLUTION
    x, y = np.log(Ts), np.log(ms)
    x, y = x - x.mean(), y - y.mean()
    slope = (x * y).sum() / (x * x).sum()
    variance = ((y - slope * x) ** 2).sum() / (len(x) - 2)
    half = check.t_quantile(0.95, len(x) - 2) * np.sqrt(variance / (x * x).sum())
    return slope, (slope - half, slope + half)
    ### END SOLUTION


# %% question="fit_exponent" points=5
check.fit_exponent(fit_exponent)
### BEGIN HIDDEN TESTS
check.fit_exponent(fit_exponent, seed=30757)
### END HIDDEN TESTS

# %% [markdown]
# Not graded: the times of one training step that are recorded for the chapter, fitted with your function. Which of
# the words "linear" and "quadratic" do the intervals allow, at these lengths?

# %%
try:
    cost = results.load("cost_scaling")
    lengths = np.array(results.values(cost, "lengths")[0], float)
    for name in ("LSTM", "attention", "naive attention", "Transformer"):
        slope, (low, high) = fit_exponent(lengths, np.median(results.values(cost, f"ms.{name}"), axis=0))
        print(f"{name:<16} {slope:.2f}   from {low:.2f} to {high:.2f}")
except NotImplementedError:
    print("Answer question 4 first, then run this cell again.")

# %% [markdown] question="plan"
# ## 5. Project: the question, before the run (2 points)
#
# Which of the two is better, an LSTM or a Transformer? Not so. On *one task*, with *equal parameters* and *equal CPU
# seconds*, by *one measure*: that can be answered. The order of work protects you from yourself. First the question
# and what would answer it, then the numbers.
#
# `check.yours("plan")` gives you a task, its measure, whether lower is better, and the level of your intervals, 0.95
# say. The tasks are those of the chapter *transformers*: adding, digits by rows, copying, recall (of 4 values),
# parity and cups. Return a dict with
#
# - `task`, `measure`, `lower_is_better`, `level`: as given;
# - `threshold`: how large a difference of the two means must be to matter, a number above zero, in units of the
#   measure, and no larger than the way from a guess to a perfect score. You choose it, and defend it in question 7.
#   What would a guess score? From which difference on would you advise somebody to switch?
# - `seeds`: a list of the seeds to be run, at least three different ones. If you take the recorded runs: `[0, 1,
#   2, 3, 4]`, all of them;
# - `question`: one sentence that ends with a question mark. It holds the measure word for word, the names LSTM and
#   Transformer, the word *lower* or *higher*, whichever is better, and the threshold as a number.
#
# *Example* of a question: "After equal CPU seconds of predicting the weather, is the absolute error of the
# Transformer lower than that of the LSTM by at least 0.5?"
#
# *Where*: chapter *transformers*, "Who wins where" and "The same cost, counted twice".

# %%
my_task = check.yours("plan")
print(my_task)


# %% question="plan"
def plan():
    """A dict with task, measure, lower_is_better, level, threshold, seeds and question."""
    ### BEGIN SOLUTION
    threshold = 0.02 if my_task["lower_is_better"] else 0.1
    direction = "lower" if my_task["lower_is_better"] else "higher"
    return {
        **my_task,
        "threshold": threshold,
        "seeds": [0, 1, 2, 3, 4],
        "question": f"After equal CPU seconds of {my_task['task']}, is the {my_task['measure']} of the LSTM "
        f"{direction} than that of the Transformer, or the other way round, by at least {threshold}?",
    }
    ### END SOLUTION


# %% question="plan" points=2
check.plan(plan)
### BEGIN HIDDEN TESTS
check.plan(plan, seed=44927)
### END HIDDEN TESTS

# %% [markdown]
# Now the runs, and not before. `check.recorded(task)` returns what is recorded for the book, five seeds on one core.
# A score there is what a network had reached on held-out data when the shortest run of that seed was over, so that
# all have had the same CPU seconds. Or train your own two networks with PyTorch, on your task: the modules of
# `lstmkit.experiments` show how.

# %%
try:
    print(plan()["question"], end="\n\n")
    for name, found in check.recorded(plan()["task"]).items():
        print(f"{name}: {found}")
except NotImplementedError:
    print("Answer question 5 first, then run this cell again.")

# %% [markdown] question="report"
# ## 6. Project: the report (7 points)
#
# Return a dict from which everything can be computed again. The check does that. It also calls your `plan`: without
# one, or with one whose task, measure or level is not yours, the report is somebody else's and gets none of the seven
# points.
#
# | entry | what it is |
# | --- | --- |
# | `source` | `"recorded"` or `"own"` |
# | `measure`, `level` | as in your plan |
# | `sizes` | for `"LSTM"` and `"Transformer"` a dict of sizes, see below |
# | `parameters` | for each the number of its parameters, within 5 % of each other |
# | `seeds` | all seeds of the plan, and no others |
# | `scores` | for each a list of scores, in the order of the seeds; a share is written 0.97, not 97 |
# | `seconds` | for each a list of the CPU seconds spent, in the same order; the sums within a quarter of each other |
# | `mean` | for each the mean of its scores, not rounded |
# | `interval` | for each `[low, high]`, the interval of the mean, not rounded |
# | `verdict` | `"LSTM"`, `"Transformer"` or `"undecided"` |
# | `sentence` | what you found, in words |
#
# A network is a linear layer in front (`inputs` to `first` or `width`; an LSTM may have none, `first` is then 0 or
# left out), the core, and a linear read-out to `outputs`. The LSTM has the sizes `inputs`, `first`, `units`,
# `outputs`, and `biases` if it has two, as in PyTorch. The Transformer has `inputs`, `width`, `inner`, `blocks`,
# `outputs`, and a norm after the last block. Both networks have the same `inputs` and the same `outputs`. Every
# linear layer has a bias; a block is that of question 3.
#
# The recorded networks come with sizes, parameters, seeds, scores and seconds, and a `"recorded"` report holds all of
# them as they are. Your own runs the check cannot run again: put the code that makes them into a cell of its own below
# the report, so that whoever reads question 7 can.
#
# With $n$ scores of mean $\bar s$ the interval is
#
# $$\bar s \mp t \cdot \frac{\hat\sigma}{\sqrt n}, \qquad \hat\sigma^2 = \frac{1}{n - 1} \sum_j (s_j - \bar s)^2,$$
#
# with $t$ = `check.t_quantile(level, n - 1)`. The verdict names the network with the better mean if the two intervals
# have no number in common *and* the means differ by the plan's threshold at least. Otherwise it is `"undecided"`,
# which is a result too.
#
# The sentence begins with the verdict, names the measure word for word and both networks, and says both means and the
# number of seeds. Every number in it must stand in the report or the plan, or be the difference of the two means, half
# the width of an interval, or a sum or mean of the seconds; here you may round. Words that a few runs of one task
# cannot bear, such as *always*, *never*, *clearly* or *proves*, cost the point, unless the sentence denies them.
#
# *Example* of a sentence: "Undecided: after equal CPU seconds the absolute error is 3.1 for the LSTM and 2.9 for the
# Transformer, means of 4 seeds, and their intervals overlap."
#
# *Where*: chapter *transformers*, "The same cost, counted twice".


# %% question="report"
def report():
    """A dict with the entries of the table."""
    ### BEGIN SOLUTION
    chosen = plan()
    found = check.recorded(chosen["task"])
    mean, interval = {}, {}
    for name, scores in found["scores"].items():
        n, mean[name] = len(scores), np.mean(scores)
        half = check.t_quantile(chosen["level"], n - 1) * np.std(scores, ddof=1) / np.sqrt(n)
        interval[name] = [mean[name] - half, mean[name] + half]
    (low, high), (other_low, other_high) = interval.values()
    apart = low > other_high or other_low > high
    decided = apart and abs(mean["LSTM"] - mean["Transformer"]) >= chosen["threshold"]
    better = min(mean, key=mean.get) if chosen["lower_is_better"] else max(mean, key=mean.get)
    verdict = better if decided else "undecided"
    said = " and ".join(f"{value:.3f} for the {name}" for name, value in mean.items())
    return {
        **found,
        "source": "recorded",
        "measure": chosen["measure"],
        "level": chosen["level"],
        "mean": mean,
        "interval": interval,
        "verdict": verdict,
        "sentence": f"{verdict}: after equal CPU seconds the {chosen['measure']} is {said}, means of {n} seeds.",
    }
    ### END SOLUTION


# %% question="report" points=7
check.report(report, plan)
### BEGIN HIDDEN TESTS
check.report(report, plan, seed=69481)
### END HIDDEN TESTS

# %% [markdown]
# Look at the runs behind the two means, before you judge.


# %%
def show_report():
    """Scores as marks, means and intervals as bars."""
    import matplotlib.pyplot as plt

    found = report()
    _, ax = plt.subplots(figsize=(6, 2.2), layout="constrained")
    for row, name in enumerate(("LSTM", "Transformer")):
        ax.hlines(row, *found["interval"][name], lw=6, color="0.8")
        ax.plot(found["scores"][name], [row] * len(found["scores"][name]), "o", fillstyle="none", color="black")
        ax.plot(found["mean"][name], row, "|", ms=20, color="black")
    ax.set(yticks=[0, 1], yticklabels=["LSTM", "Transformer"], ylim=(-0.6, 1.6), xlabel=found["measure"])


try:
    show_report()
except NotImplementedError:
    print("Answer questions 5 and 6 first, then run this cell again.")

# %% [markdown] question="judgement"
# ## 7. Project: what the numbers bear (5 points)
#
# Write about a page for somebody who has to choose between the two networks for a task like yours.
#
# - Defend your threshold: why does a smaller difference not matter, and what would a guess score?
# - Say what your verdict means and what it does not: which task, which sizes, which machine, which budget. If you had
#   counted equal *steps* in place of equal seconds, could it have come out otherwise? The chapter has a table.
# - Look at the single scores. Does a mean with an interval describe them well? What do you see that the two numbers
#   hide?
# - Explain the outcome by what the two networks can do to a state, or look up.
# - Name the next run that could change your mind, and say which outcome of it would.
#
# *Where*: chapter *transformers*, "Who wins where", "The same cost, counted twice" and "Which one, then?".
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | The threshold has a reason in units of the measure, and a guess or another yardstick beside it. | 1 |
# | The limits: this task, these sizes, this budget and machine; and what equal steps would or could change. | 1 |
# | The single runs are described, with their spread, and what a mean of so few hides. | 1 |
# | A reason for the outcome from how the two networks work, told apart from what was measured. | 1 |
# | A next run, with the outcome that would change the verdict. | 1 |

# %% [markdown] question="judgement" points=5
# This model answer is about recall of one of four values, measured by the share right, higher is better. With another
# task the numbers are others, and the points are given for the same things.
#
# A guess among sixteen kinds of value is right in one of sixteen. Whoever remembers the four values that were shown
# and names any of them is right in a quarter of the cases, and a little more, since two may be equal. I took a
# threshold of 0.1: below that the two would have learned the same thing a little better or worse, and I would not
# change a program for it.
#
# The mean of the Transformer is higher, but the intervals overlap at my level of 0.95, so the verdict is *undecided*.
# It holds for networks of 28,496 and 28,624 parameters, for the CPU seconds printed above on one core, and for this
# task. It does not say that the two are equal. By the chapter's table the Transformer had nearly everything after all
# its steps and the LSTM had not, so with equal steps, or with a few seconds more, the verdict could name the
# Transformer. Its step costs more, and at this moment some of its runs had just begun to learn.
#
# The single runs say more than the means. The LSTM's lie together, near what one gets by naming any of the four. Those
# of the Transformer fall into two groups, some nearly done and the others hardly begun: it is a matter of *when* a run
# finds the trick. A mean of two groups describes neither, the t interval assumes one bell, and five seeds are few for
# a share of successes.
#
# Looking up by content is what attention does: the key is compared with all keys. The LSTM has 128 numbers for
# everything, $h$ and $c$ of 64 units, and no address. That is a reason from the construction; what was measured is only
# that the LSTM stays at what one can do without knowing which key has which value.
#
# The next run: the same with three times the seconds, and twenty seeds planned. If the intervals are then apart I
# name the Transformer. If a third of its runs are still among the beginners, I should report the share of runs that
# succeed, and advise to plan for restarts.
#
# *How to mark*: each row for itself, and for any task. Where the two networks are far apart, the row on single runs
# asks for the spread of both, one of which may be zero; with adding, both are near a guess, and that has to be said.

# %% [markdown] question="attend_one"
# ## 8. One token more (3 extra points)
#
# A Transformer that writes gets one position at a time. It need not compute anything again: it keeps the keys and
# values of all $P$ positions before, $(P, B, D)$ each, and appends its own. From the new input `x_t` $(B, D)$,
# `keys`, `values` and the weights of question 2, return `out` $(B, D)$ and the new `keys` and `values`, $(P + 1, B,
# D)$ each: `out, keys, values`. Fed with one position after the other from empty arrays $(0, B, D)$, it gives what
# your `causal_self_attention` gives for all of them at once.
#
# *Example*: the one of question 2. After the first position, $4$, `keys` is $(0)$ and `values` is $(4)$. The second
# one, $2$, gets $3$, and `values` is $(4, 2)$.
#
# *Where*: chapter *transformers*, "What it costs", its part "One token more".


# %% question="attend_one"
def attend_one(x_t, keys, values, W_qkv, W_o, heads):
    """out (B, D) of one more position x_t (B, D), and keys and values (P + 1, B, D) from those before, (P, B, D)."""
    ### BEGIN SOLUTION
    B, D = x_t.shape
    q, k, v = np.split(x_t @ W_qkv.T, 3, axis=-1)
    keys, values = np.concatenate([keys, k[None]]), np.concatenate([values, v[None]])
    q = q.reshape(B, heads, D // heads)
    k, v = (a.reshape(len(a), B, heads, D // heads) for a in (keys, values))
    scores = np.einsum("bnp,sbnp->bns", q, k) / np.sqrt(D // heads)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return np.einsum("bns,sbnp->bnp", weights, v).reshape(B, D) @ W_o.T, keys, values
    ### END SOLUTION


# %% question="attend_one" points=3 extra=true
check.attend_one(attend_one)
### BEGIN HIDDEN TESTS
check.attend_one(attend_one, seed=81611)
### END HIDDEN TESTS

# %% [markdown]
# Not graded: is one position after the other the same as all at once?

# %%
try:
    rng = np.random.default_rng(1)
    x, W_qkv, W_o = rng.normal(size=(9, 2, 6)), rng.normal(size=(18, 6)), rng.normal(size=(6, 6))
    keys = values = np.zeros((0, 2, 6))
    outs = []
    for x_t in x:
        out, keys, values = attend_one(x_t, keys, values, W_qkv, W_o, 3)
        outs.append(out)
    print("the same:", np.allclose(outs, causal_self_attention(x, W_qkv, W_o, 3)))
except NotImplementedError:
    print("Answer questions 2 and 8 first, then run this cell again.")
