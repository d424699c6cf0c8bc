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
# # A forecaster that is worth its electricity
#
# Take a trend away and put it back, make a text model out of counting, catch forecasters that peek at the answer,
# and build one that does not. At the end you have a forecaster of your own for series with a trend and a season, a
# report that says honestly what it is worth, and a test for the forecasters of others.
#
# **Time**: 3 to 4 hours, about half of them for the project. **Points**: 38, and 3 extra. **You need**: NumPy, least
# squares, the assignment *sequence_problem*, and the chapters *finance* and *language*.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `difference`, `undifference` | 4 |
# | 2 | `sample` | 4 |
# | 3 | `witten_bell` | 6 |
# | 4 | `days_late`, from a picture of your own | 3 |
# | 5 | `leak_test` | 5 |
# | 6, project | `Forecaster`, `report` | 12 |
# | 7 | a judgement, in words | 4 |
# | 8, extra | `direction` | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then run the check below it, as
# often as you like. The check says, part by part, what is right, what is not, and what the cause looks like. When
# your work is graded the same checks run with other inputs. The assignment *lstm* has the long version of this
# paragraph. Question 7 is read by a person.
#
# **Hints.** `check.hint("difference")` says a little about question 1, `check.hint("difference", 2)` more, and so on
# for every question that has a check. They cost nothing.
#
# **Letters.** A series has $N$ values $y_0, \dots, y_{N-1}$, the oldest first; the first $n$ are the past, which may
# be fitted, and $K = N - n$ are forecast. $m$ is the number of steps in a season (12 for months). Every forecast is
# *one step ahead*: that of $y_t$ is made when $y_0, \dots, y_{t-1}$ are known.

# %%
import numpy as np

from lstmkit.grading import applications as check

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="difference"
# ## 1. Take the season away, and put it back (4 points)
#
# A network fed with a rising series is soon asked about values that it has never seen. Differences stay where they
# were. Take from each value the one a season before,
#
# $$
# d_t = x_t - x_{t-m}, \qquad t = m, \dots, N - 1,
# $$
#
# which leaves an array of $N - m$ differences. With $m = 1$ these are the steps of the series. `undifference` goes
# the way back: from the differences, `d`, and the first $m$ values of the series, `first`, it gives the whole series
# $(N,)$, where $m$ is the length of `first`. $N$ need not be a multiple of $m$. Leave the arguments as they were.
#
# *Example*: $x = (1, 5, 2, 7, 4)$ with $m = 2$ has $d = (1, 2, 2)$. From $(1, 2, 2)$ and $(1, 5)$ the series comes
# back.
#
# *Where*: chapter *finance*, "What can be forecast, and with what".


# %% question="difference"
def difference(x, m):
    """From x (N,): each value less the one m steps before, (N - m,)."""
    ### BEGIN SOLUTION
    return x[m:] - x[:-m]
    ### END SOLUTION


def undifference(d, first):
    """The series (N,) whose first m values are `first` (m,) and whose differences are d (N - m,)."""
    ### BEGIN SOLUTION
    x = list(first)
    for step in d:
        x.append(x[-len(first)] + step)
    return np.array(x)
    ### END SOLUTION


# %% question="difference" points=4
check.difference(difference, undifference)
### BEGIN HIDDEN TESTS
check.difference(difference, undifference, seed=83407)
### END HIDDEN TESTS

# %% [markdown] question="sample"
# ## 2. One character, please (4 points)
#
# A text model ends in a score for every character of its alphabet, the logits $z$ $(A,)$. To write, it draws. The
# temperature $\tau$ says how boldly:
#
# $$
# p_i = \frac{e^{z_i / \tau}}{\sum_j e^{z_j / \tau}} .
# $$
#
# Lay the probabilities end to end on the line from 0 to 1, in their order, throw a dart, and see whose stretch it
# hit: take $u$ from `rng.random()`, *one number a call*, and return
#
# $$
# \text{the smallest } i \text{ with } \; p_0 + p_1 + \dots + p_i > u .
# $$
#
# As $\tau$ falls to 0, all the probability goes to the largest logit. So for $\tau = 0$ return its place; nothing is
# thrown. Logits of $1000$ or $-1000$ must be no trouble, nor a temperature of $0.0001$.
#
# *Example*: $z = (0, \ln 3)$ with $\tau = 1$ has $p = (\tfrac14, \tfrac34)$. $u = 0.2$ gives 0, and $u = 0.25$ gives
# 1. With $\tau = \tfrac12$ the probabilities are $\tfrac1{10}$ and $\tfrac9{10}$.
#
# *Where*: chapter *language*, "What it writes".


# %% question="sample"
def sample(logits, temperature, rng):
    """A place 0, ..., A - 1 drawn from softmax(logits / temperature), logits (A,), with one rng.random()."""
    ### BEGIN SOLUTION
    if temperature == 0:
        return np.argmax(logits)
    z = logits / temperature
    e = np.exp(z - np.max(z))
    return np.searchsorted(np.cumsum(e) / np.sum(e), rng.random(), side="right")
    ### END SOLUTION


# %% question="sample" points=4
check.sample(sample)
### BEGIN HIDDEN TESTS
check.sample(sample, seed=29663)
### END HIDDEN TESTS

# %% [markdown] question="witten_bell"
# ## 3. A text model made of counting (6 points)
#
# What a network knows of a text should be measured against a table of what followed what. An n-gram of the order $o$
# looks at the last $o - 1$ characters, the context. Count in the training text, for every context $c$ of $0$ to $o -
# 1$ characters:
#
# - $n(c\,s)$, how often the character $s$ came directly behind $c$,
# - $n(c) = \sum_s n(c\,s)$, how often anything did,
# - $k(c)$, how many *different* characters did.
#
# Witten and Bell (1991) mix each context with the next shorter one, $c'$, which is $c$ without its first character:
#
# $$
# p(s \mid c) = \frac{n(c\,s) + k(c)\, p(s \mid c')}{n(c) + k(c)},
# \qquad \text{and } p(s \mid c) = p(s \mid c') \text{ if } n(c) = 0 .
# $$
#
# A context behind which much that is different came is trusted less. Below the empty context stands the base
# $p_0 = 1 / (A + 1)$, where $A$ is the number of different characters in the *training* text: one place is kept for a
# character that was never met. All such characters share it.
#
# The test text starts anew: its first character has the empty context, its second a context of one character, and so
# on until there are $o - 1$. Return the bits per character, the mean of $-\log_2 p$ over *all* characters of the test
# text. The check also adds up the probabilities that your bits stand for, over all characters and a new one. They
# must give one.
#
# *Example*: training text `aab`, order 1. The empty context has $n = 3$ and $k = 2$, and $p_0 = \tfrac13$. So
# $p(\text{a}) = (2 + \tfrac23) / 5 = \tfrac8{15}$, $p(\text{b}) = (1 + \tfrac23) / 5 = \tfrac5{15}$, and
# $\tfrac2{15}$ is left for anything new. With order 2, behind `a` came `a` and `b` once each, so $p(\text{b} \mid
# \text{a}) = (1 + 2 \cdot \tfrac5{15}) / 4 = \tfrac5{12}$. The test text `ab` costs $(-\log_2 \tfrac8{15} - \log_2
# \tfrac5{12}) / 2 \approx 1.09$ bits per character.
#
# *Where*: chapter *language*, "The idea" and "The next character".


# %% question="witten_bell"
def witten_bell(text_train, text_test, order):
    """Bits per character of text_test under an n-gram of that order, counted on text_train; both are strings."""
    ### BEGIN SOLUTION
    follow = {}
    for t, s in enumerate(text_train):
        for length in range(min(t, order - 1) + 1):
            counts = follow.setdefault(text_train[t - length : t], {})
            counts[s] = counts.get(s, 0) + 1
    bits = 0.0
    for t, s in enumerate(text_test):
        p = 1 / (len(set(text_train)) + 1)
        for length in range(min(t, order - 1) + 1):
            counts = follow.get(text_test[t - length : t])
            if counts:
                n, k = sum(counts.values()), len(counts)
                p = (counts.get(s, 0) + k * p) / (n + k)
        bits -= np.log2(p)
    return bits / len(text_test)
    ### END SOLUTION


# %% question="witten_bell" points=6
check.witten_bell(witten_bell)
### BEGIN HIDDEN TESTS
check.witten_bell(witten_bell, seed=57119)
### END HIDDEN TESTS

# %% [markdown]
# Which order is best? It depends on how much was counted. The cell is not graded; its text is the help that comes
# with Python.

# %%
try:
    from lstmkit.data import pydoc

    help_text = pydoc.load()
    for length in (1_000, 20_000):
        bits = [witten_bell(help_text.train[:length], help_text.test[:500], order) for order in range(1, 7)]
        print(f"{length:6} characters, orders 1 to 6:", *(f"{b:.2f}" for b in bits))
except NotImplementedError:
    print("Answer question 3 first, then run this cell again.")
except ImportError:
    print("This Python has no help texts. Take any two texts of your own.")

# %% [markdown] question="days_late"
# ## 4. How late? (3 points)
#
# The next cells draw a series and five forecasts of it, A to E, each for the value of the same day. They all look
# good. One is *on time*: it knows something. One is the value of the day before in disguise, so it is one day late.
# The others are two, three and four days late. Every forecast has a little noise of its own.
#
# Return how many days late each of them is: 0, 1, 2, 3 or 4, each once. Look at a large step, or slide a forecast to
# the left, or compute; the arrays are in `mine`. The series are yours: without a course's code everybody has the same
# ones.
#
# *Example* of the form: `{"A": 4, "B": 3, "C": 2, "D": 1, "E": 0}`.
#
# *Where*: chapter *finance*, "The plot that deceives".

# %%
mine = check.yours("days_late")  # "actual" and the forecasts "A" to "E", (120,) each


# %%
def draw_my_forecasts(days=30):
    """The days around the largest step, with one forecast in each panel."""
    import matplotlib.pyplot as plt

    step = np.argmax(np.abs(np.diff(mine["actual"][15:-20]))) + 16
    window = slice(max(step - days // 2, 0), step + days // 2)
    _, axes = plt.subplots(5, 1, figsize=(8, 11), sharex=True, layout="constrained")
    for ax, name in zip(axes, "ABCDE", strict=True):
        ax.plot(range(120)[window], mine["actual"][window], "k.-", label="true")
        ax.plot(range(120)[window], mine[name][window], "o--", fillstyle="none", label=name)
        ax.grid(axis="x")
        ax.set_xticks(range(120)[window], minor=True)
        ax.legend(loc="upper left")
    axes[-1].set_xlabel("day")
    plt.show()


try:
    draw_my_forecasts()
except ImportError:
    print("Install matplotlib to see the picture, or print the numbers in `mine`.")


# %% question="days_late"
def days_late():
    """{"A": days, "B": days, "C": days, "D": days, "E": days}, each of 0 to 4 once."""
    ### BEGIN SOLUTION
    actual, said = mine["actual"], {}
    for name in "ABCDE":
        errors = [np.mean((mine[name][4:] - actual[4 - j : len(actual) - j]) ** 2) for j in range(5)]
        said[name] = np.argmin(errors)
    return said
    ### END SOLUTION


# %% question="days_late" points=3
check.days_late(days_late)
### BEGIN HIDDEN TESTS
check.days_late(days_late, seed=10937)
### END HIDDEN TESTS

# %% [markdown] question="leak_test"
# ## 5. Who has seen the answer? (5 points)
#
# A *pipeline* is a function `pipeline(series, n_past)` that returns forecasts of `series[n_past:]`, an array $(N -
# n_{\text{past}},)$ whose entry $t - n_{\text{past}}$ is the forecast of $y_t$. It is handed the whole series, as
# such functions are, so nothing but care keeps it from looking. It *leaks* if a forecast of $y_t$ depends on $y_t$
# itself or on anything after it. A pipeline that is fitted anew at every step, on all that is known by then, does not
# leak.
#
# Write `leak_test(pipeline, series, n_past)`, which returns `True` if the pipeline leaks on this series and `False`
# if it does not. You may call the pipeline as often as you like, on series of your own making, of the same length. It
# answers the same question in the same way every time, but it may work in the array that you hand it, so hand it a
# copy.
#
# Your test is tried on pipelines that you do not see, eleven with a leak and eleven without. A point is for a kind of
# leak: every leaking pipeline of that kind must be found, and the honest ones beside them let pass. So a test that
# always says the same gets nothing.
#
# | kind | what is planted |
# | --- | --- |
# | a scale of the whole series | a mean, a deviation, a minimum or a range that knows the days to come |
# | the answer among the features | the value that is to be forecast |
# | smoothing from both sides | means that reach beyond the day |
# | fitted on what is forecast | a training part with test days in it |
# | hard to see | leaks that show once or tell very little, beside honest pipelines that look odd |
#
# *Example*: `lambda series, n_past: series[n_past - 1 : -1]`, the value before, is honest. `lambda series, n_past:
# series[n_past:]` is not: if $y_t$ is changed, the forecast of $y_t$ moves.
#
# *Where*: chapter *finance*, "How to test a forecast honestly"; chapter *practice*, "When tomorrow leaks into today".


# %% question="leak_test"
def leak_test(pipeline, series, n_past):
    """True if a forecast of the pipeline depends on its own day or a later one, series (N,)."""
    ### BEGIN SOLUTION
    said = pipeline(series.copy(), n_past)
    for t in range(n_past, len(series)):
        for jump in (100, -100):  # down as well: a maximum does not notice it, but a minimum does
            other = series.copy()
            other[t:] += jump
            known = slice(t - n_past + 1)
            if not np.allclose(pipeline(other, n_past)[known], said[known]):
                return True
    return False
    ### END SOLUTION


# %% question="leak_test" points=5
check.leak_test(leak_test)
### BEGIN HIDDEN TESTS
check.leak_test(leak_test, seed=66571)
### END HIDDEN TESTS

# %% [markdown] question="project"
# ## 6. Project: a forecaster, and what it is worth (12 points)
#
# Write a class for series with a trend and a season, one step ahead:
#
# - `Forecaster(m)`, with $m$ steps in a season;
# - `fit(y_train)`, with the past $(n,)$;
# - `predict(history)`, one number: the forecast of the value that follows the history $(t,)$, $t \ge n$. The history
#   begins where the past began and ends with the last true value. Fitting is over by then: what is newer than the
#   past may be read, not learned.
#
# How you forecast is up to you. A straight line through seasonal differences is enough for all points. A small LSTM
# in NumPy can earn them too; the cell below the check has one to begin with, which is not yet good enough for all
# six made series. A fit may take 5 seconds, and so may the 120 forecasts of a series. The check makes ten fits.
#
# It is judged on two kinds of series: the carbon dioxide of the air at Mauna Loa, month by month (`lstmkit.data.co2`,
# $m = 12$; the past is the first 420 months), and six made on the spot with 360 past values, a trend up or down, a
# season of 5 to 10 steps, and noise that remembers a little. The measure is the mean absolute error on the steps to
# be forecast.
#
# | part | what is asked | points |
# | --- | --- | --- |
# | CO2: below the three baselines | at most 0.9 of the error of the best of naive, seasonal naive and drift | 2 |
# | CO2: near season and rise | at most 1.15 of the error of $y_{t-m} + (y_{t-1} - y_{t-m-1})$ | 2 |
# | made series: below the three baselines | the same 0.9, as a mean over the six series | 2 |
# | made series: near an autoregression | at most 1.17 of the error of a line through $2m$ values, as a mean | 1 |
# | the same question, the same answer | the forecasts do not depend on what was asked before, or on chance | 1 |
# | a second fit forgets the first | fitted again on the same past, after another one, it forecasts the same | 1 |
# | report: three baselines | see below | 1 |
# | report: own | see below | 1 |
# | arguments unchanged | neither `fit` nor `predict` nor `report` modifies what it is given | 1 |
#
# (Without statsmodels, which brings the carbon dioxide, a made series of the same shape takes its place, and the
# check says so.)
#
# **The report.** `report(Forecaster, y_train, y_test, m)` takes a class, which need not be yours, makes one with $m$,
# fits it on `y_train`, and returns a dict with four errors on `y_test`: `naive`, `seasonal`, `drift` and `own`. All
# forecasts are one step ahead and from true values, those of the test part included:
#
# $$
# \hat y_t = y_{t-1}, \qquad \hat y_t = y_{t-m}, \qquad \hat y_t = y_{t-1} + \frac{y_{n-1} - y_0}{n - 1},
# $$
#
# and `own` is what the class says when it is handed $y_0, \dots, y_{t-1}$. Each error is a MASE: the mean of $|y_t -
# \hat y_t|$ over the test part, divided by the mean of $|y_t - y_{t-m}|$ over the past, $t = m, \dots, n - 1$.
#
# *Example* of the report: past $(1, 2, 3, 5)$, test part $(7, 8)$, $m = 2$. The scale is $(2 + 3) / 2 = 2.5$. Naive
# says $5$ and $7$ and misses by $2$ and $1$: $1.5 / 2.5 = 0.6$. Seasonal says $3$ and $5$: $3.5 / 2.5 = 1.4$. The
# drift is $4/3$ a step.
#
# *Where*: chapter *finance*, "What can be forecast, and with what" and "How to test a forecast honestly".


# %% question="project"
class Forecaster:
    """Forecasts series with a trend and a season of m steps, one step ahead."""

    def __init__(self, m):
        self.m = m

    def fit(self, y_train):
        """Learn from the past, y_train (n,)."""
        ### BEGIN SOLUTION
        z, p = y_train[self.m :] - y_train[: -self.m], 2 * self.m
        X = np.array([[1.0, *z[t - p : t]] for t in range(p, len(z))])
        self.weights, *_ = np.linalg.lstsq(X, z[p:], rcond=None)
        ### END SOLUTION

    def predict(self, history):
        """The forecast of the value that follows the history (t,), a number."""
        ### BEGIN SOLUTION
        z = history[self.m :] - history[: -self.m]
        return history[-self.m] + self.weights[0] + self.weights[1:] @ z[-2 * self.m :]
        ### END SOLUTION


def report(Forecaster, y_train, y_test, m):
    """{"naive": number, "seasonal": number, "drift": number, "own": number}: the MASE of each on y_test (K,)."""
    ### BEGIN SOLUTION
    y, n = np.concatenate([y_train, y_test]), len(y_train)
    forecaster = Forecaster(m)
    forecaster.fit(y_train)
    said = {
        "naive": y[n - 1 : -1],
        "seasonal": y[n - m : -m],
        "drift": y[n - 1 : -1] + (y[n - 1] - y[0]) / (n - 1),
        "own": np.array([forecaster.predict(y[:t]) for t in range(n, len(y))]),
    }
    scale = np.mean(np.abs(y_train[m:] - y_train[:-m]))
    return {name: np.mean(np.abs(y_test - forecast)) / scale for name, forecast in said.items()}
    ### END SOLUTION


# %% question="project" points=12
check.project(Forecaster, report)
### BEGIN HIDDEN TESTS
check.project(Forecaster, report, seed=45281)
### END HIDDEN TESTS

# %% [markdown]
# **An LSTM in the same frame.** Nothing of this is graded. The class below fits an LSTM of the kit, with eight units,
# on the steps of the series: scaled by the past alone, cut into windows of two seasons, stopped by the last 60
# windows of the past. Its generator has a fixed seed, so that a second fit gives the same network. Hand it to your
# own `report` beside your own class, and then change one thing at a time: more units, seasonal differences in place
# of steps, the mean of three seeds. Does it earn its electricity?


# %%
class LstmForecaster:
    """An LSTM of a few units on the scaled steps of the series."""

    def __init__(self, m, H=8, epochs=30):
        self.window, self.H, self.epochs = 2 * m, H, epochs

    def fit(self, y_train):
        from lstmkit import forecasting
        from lstmkit.data.split import Scaler, windows

        steps = np.diff(y_train)
        self.scaler = Scaler.fit(steps)
        X, y = windows(self.scaler.apply(steps).astype(np.float32), self.window)
        rng, n = np.random.default_rng(0), len(y) - 60
        self.network = forecasting.train_lstm(
            rng, X[:n], y[:n], X[n:], y[n:], self.H, self.epochs, self.epochs, B=32, lr=1e-2
        )

    def predict(self, history):
        from lstmkit import forecasting

        window = self.scaler.apply(np.diff(history[-self.window - 1 :])).astype(np.float32)
        return history[-1] + self.scaler.undo(forecasting.predict_lstm(self.network, window[None])[0])


def air():
    """The carbon dioxide of the air (526,), its gaps filled; None without statsmodels."""
    from lstmkit.data import co2
    from lstmkit.data.split import split

    try:
        parts = split(co2.load().ppm)
    except ImportError:
        return None
    return np.concatenate([co2.fill(parts.train), parts.validation, parts.test])


try:
    ppm = air()
    if ppm is None:
        print('No carbon dioxide here: pip install "lstmkit[data]" brings it.')
    else:
        for contestant in (Forecaster, LstmForecaster):
            table = report(contestant, ppm[:420], ppm[420:], 12)
            print(f"{contestant.__name__:<15}", {name: f"{error:.2f}" for name, error in table.items()})
except NotImplementedError:
    print("Answer question 6 first, then run this cell again.")

# %% [markdown]
# **Before question 7**, a measurement. A share price is made up: a random walk, in which nothing foretells the next
# step. A straight line through the last ten *prices* is fitted on the first 400 days and forecasts the next 100. What
# a proud article would print is the first number.


# %%
def price_experiment(seed=5, n=400, K=100, k=10):
    """What is measured of a model of prices, beside the price of the day before."""
    price = 100 + np.cumsum(np.random.default_rng(seed).normal(size=n + K))
    X = np.lib.stride_tricks.sliding_window_view(price, k)[:-1]
    X = np.column_stack([np.ones(len(X)), X])
    weights, *_ = np.linalg.lstsq(X[: n - k], price[k:n], rcond=None)
    said, actual, before = X[n - k :] @ weights, price[n:], price[n - 1 : -1]
    return {
        "correlation of the forecast with the price": np.corrcoef(said, actual)[0, 1],
        "correlation of the forecast with the price of the day before": np.corrcoef(said, before)[0, 1],
        "correlation of the price of the day before with the price": np.corrcoef(before, actual)[0, 1],
        "mean absolute error of the forecast": np.mean(np.abs(said - actual)),
        "mean absolute error of the price of the day before": np.mean(np.abs(before - actual)),
        "share of right directions": np.mean(np.sign(said - before) == np.sign(actual - before)),
    }


for what, number in price_experiment().items():
    print(f"{number:6.3f}  {what}")

# %% [markdown] question="judge"
# ## 7. Judge it (4 points)
#
# An article shows a plot of these 100 days. Price and forecast lie on each other, and the caption reads: "Our model
# predicts the price with a correlation of" the first number above, "which shows that it has learned the dynamics of
# the market." You are asked for a review. In some ten sentences: what do the numbers say about the forecast, why did
# the fit come out like this, and what would the authors have to show? Use your numbers.
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | what the forecast really repeats, shown by two of the correlations | 1 |
# | the baseline that is missing, and how it compares in correlation, error and direction | 1 |
# | why least squares ends there on such a series, and whether that is a fault of the fit | 1 |
# | one demand that would show skill, with the reason why it would | 1 |

# %% [markdown] question="judge" points=4
# The first number is high, but the second one is higher: the forecast resembles the price of the day before more than
# the price that it is for. Drawn, it is the true curve one day late. The third number shows that repeating yesterday,
# with no model at all, has a correlation just as high with the price, because levels of neighbouring days differ
# little beside the range of a hundred days. In error the model is no better than that but worse, as the two errors
# above show; and it names the right direction about as often as a coin.
#
# The fit is not bad. In a random walk the steps do not depend on the past, so the forecast with the least squared
# error is the last price, and least squares have found it: a weight near one on the last day, and small weights
# beside it that fit the noise of the 400 days, for which the model pays on the next 100. It has learned to copy,
# which is the right answer to the question, and no knowledge of any market.
#
# The authors would have to print the error of the day before beside theirs, on days that were not used for any
# choice, and for steps instead of levels, where copying gives nothing. The gap needs an interval, since a few days
# decide it, and should hold at more than one cut. And as a gap that is too good comes from a leak more often than
# from insight, they should change the future and show that no earlier forecast moves.

# %% [markdown] question="direction"
# ## 8. Up or down? (3 extra points)
#
# For trading the direction seems to be enough. From `y_train` $(n,)$, `y_test` $(K,)$ and one-step forecasts `y_hat`
# $(K,)$ of the latter, return a dict with four numbers:
#
# - `share`: the share $r / K$ of test steps whose direction was right. Both directions are seen from the last *true*
#   value: that of $\hat y_t$ is the sign of $\hat y_t - y_{t-1}$, and the first test step starts from the last value
#   of `y_train`.
# - `low`, `high`: Wilson's interval for a share, with $z = 1.959963984540054$, inside which the true share lies in 95
#   of 100 cases if the steps are independent:
#
# $$
# \frac{r + z^2/2}{K + z^2} \;\pm\; \frac{z}{K + z^2} \sqrt{\frac{r (K - r)}{K} + \frac{z^2}{4}} .
# $$
#
# - `always`: the share of a forecaster that always names the same side, the one that was more frequent *in training*
#   (up, if at least half of the steps of `y_train` are rises). This, not one half, is what a direction has to beat.
#
# No two neighbouring values are equal here.
#
# *Example*: past $(1, 2, 3)$, test part $(4, 3)$, forecasts $(3.5, 4.5)$. The price rises to $4$, and $3.5$ is above
# $3$: right. It then falls, and $4.5$ is above $4$: wrong. The share is $\tfrac12$, and "always up" has $\tfrac12$ as
# well.
#
# *Where*: chapter *finance*, "The plot that deceives".


# %% question="direction"
def direction(y_train, y_test, y_hat):
    """{"share": number, "low": number, "high": number, "always": number}."""
    ### BEGIN SOLUTION
    last = np.concatenate([y_train[-1:], y_test[:-1]])
    rises = y_test > last
    right, K, z = np.sum((y_hat > last) == rises), len(y_test), 1.959963984540054
    middle, half = right + z**2 / 2, z * np.sqrt(right * (K - right) / K + z**2 / 4)
    side = np.mean(np.diff(y_train) > 0) >= 0.5
    return {
        "share": right / K,
        "low": (middle - half) / (K + z**2),
        "high": (middle + half) / (K + z**2),
        "always": np.mean(rises == side),
    }
    ### END SOLUTION


# %% question="direction" points=3 extra=true
check.direction(direction)
### BEGIN HIDDEN TESTS
check.direction(direction, seed=31153)
### END HIDDEN TESTS

# %% [markdown]
# One last try, not graded: the directions of the made-up price of question 7, or of your own forecaster. Is one half
# inside the interval?

# %%
try:
    walk = 100 + np.cumsum(np.random.default_rng(5).normal(size=500))
    guess = walk[399:-1] + np.random.default_rng(6).normal(size=100)
    print({name: f"{value:.2f}" for name, value in direction(walk[:400], walk[400:], guess).items()})
except NotImplementedError:
    print("Answer question 8 first, then run this cell again.")
