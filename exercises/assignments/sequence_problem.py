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
# # A past, and what to compare with
#
# Before any network: cut a series into windows without a look ahead, scale it without a leak, and find out how
# good a forecast is that costs nothing. At the end you have the rulers that every forecaster of this course is
# held against, and you have seen how a harmless shuffle makes a forecaster look like a prophet.
#
# **Time**: 1 to 1.5 hours. **Points**: 20, and 3 extra. **You need**: NumPy, means and deviations, and the
# chapter *sequence_problem*.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `sliding_windows` | 4 |
# | 2 | `split_and_scale` | 4 |
# | 3 | `naive_forecasts` | 4 |
# | 4 | `mase` | 3 |
# | 5 | `reading`, from five pictures of your own | 3 |
# | 6 | an explanation, in words | 2 |
# | 7, extra | `window_view` | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then run the check below
# it, as often as you like. The check says, part by part, what is right, what is not, and what the cause looks
# like. When your work is graded the same checks run with other inputs. The assignment *lstm* has the long
# version of this paragraph. Question 6 is read by a person.
#
# **Hints.** `check.hint("sliding_windows")` says a little about question 1, `check.hint("sliding_windows", 2)`
# more, and so on for every question that has a check. They cost nothing.
#
# **Letters.** A series has $N$ values $x_0, \dots, x_{N-1}$, the oldest first. A window has $k$ values, and
# there are $M$ windows. $m$ is the number of steps in a season (12 for months), $h$ the number of steps that
# are forecast.

# %%
import numpy as np

from lstmkit.grading import sequence_problem as check

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="sliding_windows"
# ## 1. Windows (4 points)
#
# From the last $k$ values forecast the one `horizon` steps ahead: that is how a series becomes a table of
# questions and answers. Row $i$ of $X$ $(M, k)$ is a window, oldest value first; entry $i$ of $y$ $(M,)$ is the
# value `horizon` steps behind the *last* value of that window:
#
# $$
# X_{ij} = x_{i+j}, \qquad y_i = x_{i + k - 1 + \text{horizon}}, \qquad i = 0, \dots, M - 1, \quad j = 0, \dots, k - 1.
# $$
#
# $M$ is as large as the series allows. With horizon 1 the answer is the very next value.
#
# *Example*: $x = (10, 11, 12, 13, 14)$ with $k = 2$ and horizon 2 has two windows, $(10, 11)$ and $(11, 12)$,
# and the answers $13$ and $14$.
#
# *Where*: chapter *sequence_problem*, "Two ways to have a past".


# %% question="sliding_windows"
def sliding_windows(x, k, horizon):
    """From a series x (N,): the windows X (M, k), and for each the value `horizon` steps ahead, y (M,)."""
    ### BEGIN SOLUTION
    M = len(x) - k - horizon + 1
    X = np.array([x[i : i + k] for i in range(M)])
    return X, x[k - 1 + horizon :]
    ### END SOLUTION


# %% question="sliding_windows" points=4
check.sliding_windows(sliding_windows)
### BEGIN HIDDEN TESTS
check.sliding_windows(sliding_windows, seed=48271)
### END HIDDEN TESTS

# %% [markdown] question="split_and_scale"
# ## 2. Cut, then scale (4 points)
#
# Cut a series in three, in the order of time: a training part, a validation part and a test part. `fractions`
# are three numbers $f_1, f_2, f_3$ that add up to one. The first part has $\lfloor f_1 N \rfloor$ values, the
# second $\lfloor f_2 N \rfloor$, rounded down, and the third has all that is left. Then put all three on one scale,
#
# $$
# x \mapsto \frac{x - \bar x}{s},
# $$
#
# where $\bar x$ and $s$ are the mean and the standard deviation (`np.std` as it is) of the *training part alone*.
# At the time of the forecast nobody knows the mean of the years to come. The check changes the later parts and
# looks whether the earlier ones move. Leave the argument as it was.
#
# *Example*: $(1, 3, 4, 5, 7)$ with the fractions $(0.5, 0.25, 0.25)$ has the parts $(1, 3)$, $(4)$, $(5, 7)$. The
# training part has the mean 2 and the deviation 1, so the result is $(-1, 1)$, $(2)$, $(3, 5)$.
#
# *Where*: chapter *sequence_problem*, "A forecast, and what it has to beat"; chapter *practice*, "When tomorrow
# leaks into today".


# %% question="split_and_scale"
def split_and_scale(series, fractions):
    """The training, validation and test part of series (N,), on the scale of the training part."""
    ### BEGIN SOLUTION
    first = int(fractions[0] * len(series))
    second = first + int(fractions[1] * len(series))
    train = series[:first]
    scaled = (series - train.mean()) / train.std()
    return scaled[:first], scaled[first:second], scaled[second:]
    ### END SOLUTION


# %% question="split_and_scale" points=4
check.split_and_scale(split_and_scale)
### BEGIN HIDDEN TESTS
check.split_and_scale(split_and_scale, seed=90533)
### END HIDDEN TESTS

# %% [markdown] question="naive_forecasts"
# ## 3. Three forecasts for nothing (4 points)
#
# You stand at the end of a series $y_0, \dots, y_{N-1}$, and forecast the next $h$ values, with no training at
# all. For $j = 1, \dots, h$:
#
# $$
# \begin{aligned}
# \text{naive:} \quad & \hat y_{N-1+j} = y_{N-1} && \text{as today} \\
# \text{seasonal:} \quad & \hat y_{N-1+j} = y_{N-m+((j-1) \bmod m)} && \text{the last season, again and again} \\
# \text{drift:} \quad & \hat y_{N-1+j} = y_{N-1} + j\, \frac{y_{N-1} - y_0}{N - 1} && \text{on from first to last}
# \end{aligned}
# $$
#
# Return a dict with the three arrays, each $(h,)$, under the names `naive`, `seasonal` and `drift`. $h$ may be
# longer than a season, and the past may be just one season long.
#
# *Example*: $y = (1, 5, 3, 7)$ with $m = 2$ and $h = 3$. Naive: $(7, 7, 7)$. Seasonal: $(3, 7, 3)$. The line rises
# by $(7 - 1) / 3 = 2$ a step, so drift is $(9, 11, 13)$.
#
# *Where*: chapter *sequence_problem*, "A forecast, and what it has to beat".


# %% question="naive_forecasts"
def naive_forecasts(y, m, h):
    """From the past y (N,) with m steps in a season, {"naive": (h,), "seasonal": (h,), "drift": (h,)}."""
    ### BEGIN SOLUTION
    steps = np.arange(1, h + 1)
    return {
        "naive": np.full(h, y[-1]),
        "seasonal": y[len(y) - m + (steps - 1) % m],
        "drift": y[-1] + steps * (y[-1] - y[0]) / (len(y) - 1),
    }
    ### END SOLUTION


# %% question="naive_forecasts" points=4
check.naive_forecasts(naive_forecasts)
### BEGIN HIDDEN TESTS
check.naive_forecasts(naive_forecasts, seed=17389)
### END HIDDEN TESTS

# %% [markdown] question="mase"
# ## 4. An error without a unit (3 points)
#
# Is an error of 3 large? Of 3 sunspots it is small, of 3 degrees it is not. Hyndman and Koehler (2006) divide by what
# the seasonal naive forecast misses on the *past*. For $K$ values $y$, their forecasts $\hat y$, and a past $p_0,
# \dots, p_{n-1}$ (`y_train`):
#
# $$
# \text{MASE} = \frac{\frac{1}{K} \sum_{t} |y_t - \hat y_t|}{\frac{1}{n - m} \sum_{t=m}^{n-1} |p_t - p_{t-m}|}
# $$
#
# For a series without seasons take $m = 1$. If the past repeats itself exactly every $m$ steps, there is nothing
# to scale by: raise a `ValueError` that says so. A number would mislead whoever reads it.
#
# *Example*: the past $(1, 2, 4, 4)$ with $m = 2$ has the differences 3 and 2, so the scale is $2.5$. Forecasts that
# miss by $1$ and $4$ have a mean error of $2.5$, and the MASE is 1: as good as seasonal naive was.
#
# *Where*: chapter *finance*, "What can be forecast, and with what".


# %% question="mase"
def mase(y, y_hat, y_train, m):
    """The mean absolute scaled error of forecasts y_hat (K,) of y (K,), scaled on the past y_train (n,)."""
    ### BEGIN SOLUTION
    scale = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    if scale == 0:
        raise ValueError(f"the past repeats itself every {m} steps: there is no error to scale by")
    return np.mean(np.abs(y - y_hat)) / scale
    ### END SOLUTION


# %% question="mase" points=3
check.mase(mase)
### BEGIN HIDDEN TESTS
check.mase(mase, seed=62207)
### END HIDDEN TESTS

# %% [markdown]
# With these four you can ask what a forecast of the sunspots has to beat. Which of the three is best a year
# ahead, and which five years ahead? The cell is not graded.

# %%
try:
    from lstmkit.data import sunspots

    activity = sunspots.load().activity
    for ahead in (1, 5, 16):
        errors = {"naive": [], "seasonal": [], "drift": []}
        for now in range(200, len(activity) - ahead):
            for name, forecast in naive_forecasts(activity[:now], 11, ahead).items():
                errors[name].append(abs(activity[now + ahead - 1] - forecast[-1]))
        print(f"{ahead:2} years ahead:", {name: f"{np.mean(error):.0f} sunspots" for name, error in errors.items()})
except NotImplementedError:
    print("Answer question 3 first, then run this cell again.")
except ImportError:
    print("The sunspots come with statsmodels, which is not installed here. Nothing below needs them.")

# %% [markdown] question="reading"
# ## 5. Which is which? (3 points)
#
# The next cells draw the autocorrelations of five series, A to E, for lags 1 to 20; the first bar is lag 1. The
# grey band is where independent values would lie, 95 times in 100. One series each is
#
# | name | what it is |
# | --- | --- |
# | `white noise` | independent values |
# | `persistent` | $x_t = 0.7\, x_{t-1} + \text{noise}$ |
# | `alternating` | $x_t = -0.7\, x_{t-1} + \text{noise}$ |
# | `seasonal` | a wave with a fixed period, and noise |
# | `random walk` | $x_t = x_{t-1} + \text{noise}$, never pulled back |
#
# Look, and let `reading` return which is which and the period of the seasonal one, a whole number of steps. The
# series and their order are yours: without a course's code everybody has the same ones.
#
# *Example* of the form: `{"A": "seasonal", "B": "white noise", "C": "persistent", "D": "alternating",
# "E": "random walk", "period": 30}`.
#
# *Where*: chapter *sequence_problem*, "Is there anything to remember?".

# %%
mine = check.yours("reading")  # five series, (400,) each, under the letters A to E


# %%
def draw_my_series():
    """The autocorrelations of the five series, one picture each."""
    import matplotlib.pyplot as plt

    from lstmkit.experiments.autocorrelation import autocorrelation

    lags = np.arange(1, 21)
    _, axes = plt.subplots(5, 1, figsize=(7, 9), sharex=True, layout="constrained")
    for ax, (letter, series) in zip(axes, mine.items(), strict=True):
        ax.axhspan(-1.96 / np.sqrt(len(series)), 1.96 / np.sqrt(len(series)), color="#d9d9d9")
        ax.vlines(lags, 0, autocorrelation(series, lags), lw=4)
        ax.axhline(0, color="#555555", lw=0.8)
        ax.set(ylabel=letter, ylim=(-1.05, 1.05), xticks=lags)
    axes[-1].set_xlabel("lag")
    plt.show()


try:
    draw_my_series()
except ImportError:
    print("Install matplotlib to see the pictures, or print the numbers of lstmkit.experiments.autocorrelation.")


# %% question="reading"
def reading():
    """{"A": name, "B": name, "C": name, "D": name, "E": name, "period": whole number}."""
    ### BEGIN SOLUTION
    from lstmkit.experiments.autocorrelation import autocorrelation

    # The key has to be right for every student's series, so it finds by a rule what is read by eye.
    r = {letter: autocorrelation(series, np.arange(1, 21)) for letter, series in mine.items()}
    said = {max(r, key=lambda letter: r[letter][0]): "random walk"}
    said[min(r, key=lambda letter: r[letter][0])] = "alternating"
    said[min(r, key=lambda letter: np.max(np.abs(r[letter])))] = "white noise"
    wave, other = sorted(r.keys() - said.keys(), key=lambda letter: np.min(r[letter]))
    return said | {wave: "seasonal", other: "persistent", "period": np.argmax(r[wave]) + 1}
    ### END SOLUTION


# %% question="reading" points=3
check.reading(reading)
### BEGIN HIDDEN TESTS
check.reading(reading, seed=35869)
### END HIDDEN TESTS

# %% [markdown]
# **Before question 6**, a measurement. Ten random walks, in which nothing can be known but the last value, are cut
# into windows of 16 values that forecast 20 steps ahead, by your `sliding_windows`. The forecaster looks for the
# training window that is most like the one in hand and says that the same change will follow. It is tested
# twice: once on windows drawn at random from all of them, once on the last fifth, with a gap before it so that no
# training window, nor its answer, overlaps a test window. What is printed is its root mean squared error divided
# by that of the naive forecast.


# %%
def error_to_naive(X, y, train, test):
    """RMSE of the nearest neighbour's forecast of the test windows, over that of the last value."""
    change = y - X[:, -1]
    distance = ((X[test][:, None] - X[train]) ** 2).sum(axis=-1)
    said = change[train[distance.argmin(axis=1)]]
    return np.sqrt(np.mean((said - change[test]) ** 2) / np.mean(change[test] ** 2))


def shuffled_and_in_time(walks=10, k=16, horizon=20):
    """The two ratios, each a mean over random walks."""
    shuffled, in_time = [], []
    for seed in range(walks):
        rng = np.random.default_rng(seed)
        X, y = sliding_windows(np.cumsum(rng.normal(size=400)), k, horizon)
        border, order = int(0.8 * len(y)), rng.permutation(len(y))
        shuffled.append(error_to_naive(X, y, order[:border], order[border:]))
        in_time.append(error_to_naive(X, y, np.arange(border - k - horizon + 1), np.arange(border, len(y))))
    return np.mean(shuffled), np.mean(in_time)


try:
    print("shuffled: {:.2f}   in time: {:.2f}".format(*shuffled_and_in_time()))
except NotImplementedError:
    print("Answer question 1 first, then run this cell again.")

# %% [markdown] question="why"
# ## 6. The shuffle (2 points)
#
# Nothing in a random walk foretells its next step, and yet one of the two numbers above says that the forecaster
# is far better than the last value. In some five sentences: where does that number come from, and which of the two
# would you see if you used the forecaster tomorrow? Name your two numbers.
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | where the better number comes from, in terms of the windows that the two parts hold | 1 |
# | which of the two numbers to expect tomorrow, with the reason, and what that says about this forecaster | 1 |

# %% [markdown] question="why" points=2
# Shuffled, the forecaster errs far less than the last value does, as the first number printed above is well below 1;
# cut in time it errs more, as the second is above 1. Windows one step apart share 15 of their 16 values, and their
# answers are neighbours on the walk. After a shuffle four in five of these neighbours lie in the training part, some
# of them *later* than the test window. So the most similar training window is the test window moved by a step, and
# its answer nearly the one that is asked for: the forecaster copies it out. Tomorrow the windows around today's are
# not in any training part, because they hold values that nobody has yet. What is left then is the number measured in
# time order: worse than naive, because the changes after a merely similar window are noise, and noise added to
# noise.
#
# One point is for the neighbours that the shuffle puts into the training part, one for the number in time
# order, with the reason that tomorrow's neighbours are missing, and the verdict that it does not beat the last value.

# %% [markdown] question="window_view"
# ## 7. Windows that weigh nothing (3 extra points)
#
# A million values in windows of a hundred are a hundred million numbers, and nearly all of them are copies. Write
# windows that are a *view*: an array that reads from the memory of `x`. Windows begin `stride` steps apart, and the
# values inside one are `dilation` steps apart, as in the layers of a dilated convolution:
#
# $$
# X_{ij} = x_{i \cdot \text{stride} + j \cdot \text{dilation}}, \qquad i = 0, \dots, M - 1, \quad j = 0, \dots, k - 1,
# $$
#
# with $M$ as large as the series allows. There is no answer $y$ here, so a window may end with the last value. `x`
# may itself be a view with gaps, such as every second value of a longer array, so do not count on its values being
# neighbours in memory.
#
# *Example*: $x = (0, 1, 2, 3, 4, 5, 6)$ with $k = 3$, stride 2 and dilation 2: each window spans five values, and the
# windows are $(0, 2, 4)$ and $(2, 4, 6)$.
#
# *Where*: chapter *sequence_problem*, "Two ways to have a past".


# %% question="window_view"
def window_view(x, k, stride, dilation):
    """Windows X (M, k) of a series x (N,), `stride` apart, with values `dilation` apart; a view of x."""
    ### BEGIN SOLUTION
    span = (k - 1) * dilation + 1
    return np.lib.stride_tricks.sliding_window_view(x, span)[::stride, ::dilation]
    ### END SOLUTION


# %% question="window_view" points=3 extra=true
check.window_view(window_view)
### BEGIN HIDDEN TESTS
check.window_view(window_view, seed=71993)
### END HIDDEN TESTS
