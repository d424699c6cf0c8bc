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
# # Gates: take one out, tie two together, force one
#
# You write two cells with fewer gates, build the grammar on which the forget gate earned its place, and then do what
# a reader of gates has to do: take one gate of one unit in hand, and see what changes.
#
# **Time**: 1.5 to 2 hours. **Points**: 24, and 3 extra. **You need**: NumPy, and the chapters *architecture* and
# *gates*.
#
# | question | what you write | points |
# | --- | --- | --- |
# | 1 | `lstm97_step` | 3 |
# | 2 | `coupled_step`, with a floor | 3 |
# | 3 | `legal_next`, `reber_string` | 6 |
# | 4 | `intervene` | 6 |
# | 5 | `prediction`, before you run it | 3 |
# | 6 | which gate matters, in words | 3 |
# | 7, extra | `saturation` | 3 |
#
# **How it works.** Replace `raise NotImplementedError()` by your code, run the cell, then the check below it, as
# often as you like. The check says part by part what is right, and what the cause of the rest looks like; your work
# is graded by the same check on other inputs. Each part has its own points. (The assignment *lstm* says more.) If you
# are stuck, `check.hint("intervene")` gives you a nudge and `check.hint("intervene", 2)` the next one.
#
# **Letters.** $T$ steps, $B$ sequences, $D$ inputs, $H$ units. Time comes first: `x` has the shape $(T, B, D)$. Gates
# $i$, $f$, $o$, candidate $g$, cell state $c$, hidden state $h$; $a$ is what goes into a gate's sigmoid $\sigma$.
# $\odot$ multiplies entry by entry. `sigmoid` is imported for you.

# %%
import numpy as np

from lstmkit.grading import gates as check
from lstmkit.numpy import lstm
from lstmkit.numpy.functions import sigmoid

check.code("")  # the code that your course gave you, if it gave you one

# %% [markdown] question="lstm97_step"
# ## 1. The cell of 1997 (3 points)
#
# The first LSTM had no forget gate: what is in the cell stays in. Three blocks are left, stacked in the order
# **i, g, o**, so `W_x` is $(3H, D)$, `W_h` $(3H, H)$ and `b` $(3H,)$.
#
# $$
# \begin{aligned}
# \big[a_i,\, a_g,\, a_o\big] &= x_t W_x^\top + h_{t-1} W_h^\top + b \\
# i = \sigma(a_i), \quad g &= \tanh(a_g), \quad o = \sigma(a_o) \\
# c_t &= c_{t-1} + i \odot g \\
# h_t &= o \odot \tanh(c_t)
# \end{aligned}
# $$
#
# Return `h` and `c`, each $(B, H)$, and leave the arguments as they were.
#
# *Example*: $B = D = H = 1$, all weights and $b$ zero, $c_{t-1} = 2$. Then $g = 0$, so $c_t = 2$: nothing is lost. And
# $h_t = \tfrac12 \tanh(2)$.
#
# *Where*: chapter *gates*, "The forget gate"; chapter *architecture*, "What \"unchanged\" would need".


# %% question="lstm97_step"
def lstm97_step(x_t, h_prev, c_prev, W_x, W_h, b):
    """One step: x_t (B, D); h_prev, c_prev (B, H); W_x (3H, D); W_h (3H, H); b (3H,).  Returns h, c."""
    ### BEGIN SOLUTION
    a_i, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    c = c_prev + sigmoid(a_i) * np.tanh(a_g)
    h = sigmoid(a_o) * np.tanh(c)
    return h, c
    ### END SOLUTION


# %% question="lstm97_step" points=3
check.lstm97_step(lstm97_step)
### BEGIN HIDDEN TESTS
check.lstm97_step(lstm97_step, seed=62219)
### END HIDDEN TESTS

# %% [markdown] question="coupled_step"
# ## 2. Two gates tied together, above a floor (3 points)
#
# In the coupled cell one gate does the work of two: what is not kept is written, $i = 1 - f$. The blocks are stacked in
# the order **f, g, o**. Yours gets one more argument, a `floor` $\phi$ between 0 and 1: however hard the network tries
# to forget, the share $\phi$ stays.
#
# $$
# \begin{aligned}
# \big[a_f,\, a_g,\, a_o\big] &= x_t W_x^\top + h_{t-1} W_h^\top + b \\
# f &= \phi + (1 - \phi)\, \sigma(a_f), \quad g = \tanh(a_g), \quad o = \sigma(a_o) \\
# c_t &= f \odot c_{t-1} + (1 - f) \odot g \\
# h_t &= o \odot \tanh(c_t)
# \end{aligned}
# $$
#
# With $\phi = 0$, the default, it is the coupled cell of the chapter.
#
# *Example*: $B = D = H = 1$, all weights and $b$ zero, $c_{t-1} = 2$, $\phi = \tfrac12$. Then
# $f = \tfrac12 + \tfrac12 \cdot \tfrac12 = \tfrac34$, $g = 0$ and $c_t = 1.5$.
#
# *Where*: chapter *gates*, "Do we need all three?" and the exercise "Between the corners".


# %% question="coupled_step"
def coupled_step(x_t, h_prev, c_prev, W_x, W_h, b, floor=0.0):
    """One step: x_t (B, D); h_prev, c_prev (B, H); W_x (3H, D); W_h (3H, H); b (3H,).  Returns h, c."""
    ### BEGIN SOLUTION
    a_f, a_g, a_o = np.split(x_t @ W_x.T + h_prev @ W_h.T + b, 3, axis=1)
    f = floor + (1 - floor) * sigmoid(a_f)
    c = f * c_prev + (1 - f) * np.tanh(a_g)
    h = sigmoid(a_o) * np.tanh(c)
    return h, c
    ### END SOLUTION


# %% question="coupled_step" points=3
check.coupled_step(coupled_step)
### BEGIN HIDDEN TESTS
check.coupled_step(coupled_step, seed=17359)
### END HIDDEN TESTS

# %% [markdown] question="reber_string"
# ## 3. The embedded Reber grammar (6 points)
#
# A *plain* word is a walk through this graph, from place 0 to the end, one letter an edge. At a fork a fair coin
# decides.
#
# | place | letter, and the place that it leads to |
# | --- | --- |
# | 0 | B → 1 |
# | 1 | T → 2, or P → 3 |
# | 2 | S → 2, or X → 4 |
# | 3 | T → 3, or V → 5 |
# | 4 | X → 3, or S → 6 |
# | 5 | P → 4, or V → 6 |
# | 6 | E → end |
#
# An *embedded* word is B, then T or P (a fair coin again), then a whole plain word, then *the same* T or P, then E. To
# predict the last letter but one, a network must remember the second letter across a word of any length.
#
# Write `legal_next(prefix, embedded)`: the set of letters that may follow. It is empty where nothing may follow,
# because `prefix` is a whole word or is no beginning of a word. A string or a list of letters will do as well as a
# set. And write `reber_string(rng, embedded)`, which draws one word, a string, with the generator `rng` and nothing
# else.
#
# *Example*: `BTXSE` is a plain word, and `BPBTXSEPE` an embedded one. `legal_next("BT", False)` is `{"S", "X"}`, while
# `legal_next("BT", True)` is `{"B"}`. `legal_next("BPBTXSE", True)` is `{"P"}`, and `legal_next("BX", True)` is empty.
#
# *Where*: chapter *gates*, "Do we need all three?" and "The forget gate"; the grammar is that of
# `lstmkit.tasks.reber`, which has embedded words only, and whose words follow each other without end.


# %% question="reber_string"
def legal_next(prefix, embedded=True):
    """The set of letters that may follow a string."""
    ### BEGIN SOLUTION
    graph = {
        0: {"B": 1},
        1: {"T": 2, "P": 3},
        2: {"S": 2, "X": 4},
        3: {"T": 3, "V": 5},
        4: {"X": 3, "S": 6},
        5: {"P": 4, "V": 6},
        6: {"E": "end"},
        "start": {"B": "choice"},
        "choice": {"T": 0, "P": 0},
        "last": {"E": "over"},
    }
    place = 0
    if embedded:
        graph["end"] = {prefix[1:2]: "last"}
        place = "start"
    for letter in prefix:
        place = graph.get(place, {}).get(letter)
    return set(graph.get(place, {}))
    ### END SOLUTION


def reber_string(rng, embedded=True):
    """A random word."""
    ### BEGIN SOLUTION
    word = ""
    while letters := sorted(legal_next(word, embedded)):
        word += letters[rng.integers(len(letters))]
    return word
    ### END SOLUTION


# %% question="reber_string" points=6
check.reber_string(reber_string, legal_next)
### BEGIN HIDDEN TESTS
check.reber_string(reber_string, legal_next, seed=90481)
### END HIDDEN TESTS

# %% [markdown]
# How far apart are the second letter and the last but one? The next cell is not graded.

# %%
try:
    rng = np.random.default_rng(0)
    words = [reber_string(rng) for _ in range(1000)]
    apart = np.array([len(word) - 3 for word in words])
    print(*words[:4], sep="\n")
    print(f"steps to remember: {apart.min()} at least, {apart.mean():.1f} on average, {apart.max()} at most")
except NotImplementedError:
    print("Answer question 3 first, then run this cell again.")

# %% [markdown] question="intervene"
# ## 4. Take a gate in hand (6 points)
#
# Run a standard LSTM over `x` $(T, B, D)$ from `h0` and `c0` $(B, H)$, with `W_x` $(4H, D)$, `W_h` $(4H, H)$ and `b`
# $(4H,)$, blocks i, f, g, o, and *force* one gate of one unit:
#
# - `gate` is `"i"`, `"f"` or `"o"`, and `unit` the number of the unit, from 0;
# - where `mask[t, n]` is true, the gate of that unit in sequence `n` at step `t` *is* `value`, a number from 0 to 1,
#   whatever its pre-activation says. Where the mask is false, and in all other units and gates, nothing is touched.
#
# The forced step is a real step: its $c$ and $h$ go on to the next one. Return `hs` and `cs`, each $(T, B, H)$, which
# hold $h_1$ to $h_T$ and $c_1$ to $c_T$. Where nothing is forced, this is the ordinary forward pass, which is
# the first thing that an experimenter checks.
#
# *Example*: $T = B = D = H = 1$, all weights and $b$ zero, $c_0 = 2$. Untouched, $c_1 = 1$. With the forget gate forced
# to 1, $c_1 = 2$ and $h_1 = \tfrac12 \tanh(2)$; with the input gate forced, $c_1 = 1$, since the candidate is zero.
#
# *Where*: chapter *gates*, "Every gate, forced"; chapter *architecture*, "Reading the gates of a trained cell".


# %% question="intervene"
def intervene(x, h0, c0, W_x, W_h, b, gate, unit, mask, value):
    """hs and cs, each (T, B, H), of an LSTM with one gate of one unit set to `value` where mask (T, B) is true."""
    ### BEGIN SOLUTION
    h, c, hs, cs = h0, c0, [], []
    for x_t, forced in zip(x, mask, strict=True):
        a_i, a_f, a_g, a_o = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
        gates = {"i": sigmoid(a_i), "f": sigmoid(a_f), "o": sigmoid(a_o)}
        gates[gate][forced, unit] = value
        c = gates["f"] * c + gates["i"] * np.tanh(a_g)
        h = gates["o"] * np.tanh(c)
        hs.append(h)
        cs.append(c)
    return np.stack(hs), np.stack(cs)
    ### END SOLUTION


# %% question="intervene" points=6
check.intervene(intervene)
### BEGIN HIDDEN TESTS
check.intervene(intervene, seed=29573)
### END HIDDEN TESTS

# %% [markdown] question="prediction"
# ## 5. Say it first, then run it (3 points)
#
# One unit stands still: at every step its forget gate is $f$, its input gate is $i$ and its candidate is $g$. It starts
# from $c_0$ and runs for $T$ steps, numbered 1 to $T$. Say what its cell $c_T$ will be in three cases:
#
# | name | what is forced |
# | --- | --- |
# | `"kept"` | the input gate is forced to 0 at every step |
# | `"leaked"` | nothing |
# | `"erased"` | the forget gate is forced to 0 at step $s$, and at no other |
#
# The numbers $c_0$, $f$, $i$, $g$, $T$, $s$ are yours; the next cell shows them as `mine`. Find a formula for each case
# and let Python compute the numbers, with all their digits. Below you can run the unit and compare.
#
# *Example*: with $c_0 = 1$, $f = \tfrac12$, $i = 1$, $g = \tfrac14$, $T = 2$, $s = 2$, `"kept"` is $\tfrac14$. For
# `"leaked"`, $c_1 = \tfrac12 + \tfrac14$ and $c_2 = \tfrac38 + \tfrac14 = \tfrac58$. For `"erased"`, $c_2 = \tfrac14$:
# step 2 drops what was there, and writes.
#
# *Where*: chapter *architecture*, "What \"unchanged\" would need" and the exercise "A leak"; chapter *gates*, "Four
# corners".

# %%
mine = check.yours("prediction")
print(mine)


# %% question="prediction"
def prediction():
    """{"kept": ..., "leaked": ..., "erased": ...}, the cell after T steps in the three cases."""
    ### BEGIN SOLUTION
    c0, f, i, g, T, s = (mine[name] for name in ("c0", "f", "i", "g", "T", "s"))
    kept = c0 * f**T
    return {
        "kept": kept,
        "leaked": kept + i * g * (1 - f**T) / (1 - f),
        "erased": i * g * (1 - f ** (T - s + 1)) / (1 - f),
    }
    ### END SOLUTION


# %% question="prediction" points=3
check.prediction(prediction)
### BEGIN HIDDEN TESTS
check.prediction(prediction, seed=53147)
### END HIDDEN TESTS

# %% [markdown]
# And now run it, with your own `intervene`. The next cell is not graded. It builds the unit out of biases alone and
# prints your prediction beside the outcome.


# %%
def outcome(gate, value, mask):
    """c_T of a unit whose gates stand still, with one of them forced."""
    T, H = mine["T"], 1
    logit = {name: np.log(mine[name] / (1 - mine[name])) for name in "if"}
    b = np.array([logit["i"], logit["f"], np.arctanh(mine["g"]), 0.0])
    nothing = np.zeros((4 * H, 1))
    _, cs = intervene(
        np.zeros((T, 1, 1)), np.zeros((1, H)), np.full((1, H), mine["c0"]), nothing, nothing, b, gate, 0, mask, value
    )
    return np.asarray(cs)[-1, 0, 0]


try:
    steps = np.arange(1, mine["T"] + 1)[:, None]
    cases = {"kept": ("i", 0.0, steps > 0), "leaked": ("i", 0.0, steps < 0), "erased": ("f", 0.0, steps == mine["s"])}
    for name, predicted in prediction().items():
        print(f"{name:7} predicted {predicted:9.5f}   measured {outcome(*cases[name]):9.5f}")
except NotImplementedError:
    print("Answer questions 4 and 5 first, then run this cell again.")

# %% [markdown]
# The last experiment is on a network that adds: it gets a value and a mark at each of 30 steps, two steps are marked,
# and it has to say the sum of the two marked values. Its three units were set by hand. The next cell is not graded. For
# each gate of each unit it prints how its value goes along with the mark (their correlation), and the spread of the
# error, its variance, when you force the gate shut at the marked steps and at the unmarked ones. A spread of
# $\tfrac16$ is that of a network which knows nothing.


# %%
def adding(T=30, B=2000, seed=0):
    """x (T, B, 2), values and marks, and the sums (B,)."""
    rng = np.random.default_rng(seed)
    x = np.zeros((T, B, 2))
    x[..., 0] = rng.uniform(0, 1, (T, B))
    x[rng.integers(0, T // 2, B), np.arange(B), 1] = 1
    x[rng.integers(T // 2, T - 1, B), np.arange(B), 1] = 1
    return x, (x[..., 0] * x[..., 1]).sum(axis=0)


def network():
    """W_x (12, 2), W_h (12, 3), b (12,) of three units, and the read-out of their hidden states."""
    W_x, b = np.zeros((4, 3, 2)), np.zeros((4, 3))
    W_x[:, :, 0] = 0.5  # every gate listens to the value a little
    W_x[0, :2, 1], b[0] = 24, [-12, -12, 0]  # the input gates of units 0 and 1 follow the mark
    b[1] = [9, -3, 1]  # the forget gates
    W_x[2, :, 0] = 0.1  # the candidates
    W_x[3, 2, 1], b[3] = 12, [9, 9, -6]  # the output gates; that of unit 2 follows the mark
    return W_x.reshape(12, 2), np.zeros((12, 3)), b.ravel(), np.array([10.0, 0.0, 0.0])


x, sums = adding()
W_x, W_h, b, read_out = network()
zeros = np.zeros((x.shape[1], 3))
marked = x[..., 1] == 1
_, _, cache = lstm.forward(lstm.Params(W_x, W_h, b), x, lstm.State(zeros, zeros))
standing = lstm.read_gates(cache)


def spread(gate, unit, mask):
    """The variance of the error with that gate of that unit forced shut where the mask is true."""
    hs, _ = intervene(x, zeros, zeros, W_x, W_h, b, gate, unit, mask, 0.0)
    return np.var(np.asarray(hs[-1]) @ read_out - sums)


try:
    print(f"untouched: spread {spread('i', 0, np.zeros_like(marked)):.4f}")
    print("unit  gate  correlation with the mark   spread, shut at marks   spread, shut elsewhere")
    for unit in range(3):
        for gate in "ifo":
            along = np.corrcoef(getattr(standing, gate)[..., unit].ravel(), marked.ravel())[0, 1]
            shut = spread(gate, unit, marked), spread(gate, unit, ~marked)
            print(f"{unit:4}  {gate:4}  {along:25.2f}   {shut[0]:21.4f}   {shut[1]:22.4f}")
except NotImplementedError:
    print("Answer question 4 first, then run this cell again.")

# %% [markdown] question="why"
# ## 6. Which gate matters? (3 points)
#
# Somebody reads the column of correlations alone and reports: "The input gates of units 0 and 1 and the output gate of
# unit 2 do the work, for they follow the mark; the forget gates have nothing to do with it." Judge this report with the
# table that you have measured, in six to ten sentences. Say where the two columns of spreads agree with it, where they
# contradict it in each direction, and one thing that forcing a gate does *not* tell.
#
# **Rubric**
#
# | what is there | points |
# | --- | --- |
# | A gate that the report names without cause: which, by which numbers of the table, and why | 1 |
# | A gate that the report leaves out without cause: which, by which numbers of the table, and why | 1 |
# | A limit of forcing: one thing that the last two columns cannot tell, with the reason | 1 |

# %% [markdown] question="why" points=3
# The report is right about one gate. The input gate of unit 0 follows the mark, and when it is forced shut at the marks
# the spread goes up to about a sixth: nothing is written, and the network knows nothing.
#
# The input gate of unit 1 follows the mark just as closely, and forcing it changes nothing at all. What that unit
# writes is forgotten at once, and the read-out does not look at it. The same is true of the output gate of unit 2. A
# correlation says that a gate goes along with the mark; it does not say that anybody downstream uses it.
#
# The other way round, the forget gate of unit 0 hardly correlates with the mark, because it stands near one at all
# steps. Yet shut at the unmarked steps it destroys the sum, and shut at the marks it loses the first of the two
# numbers, about a twelfth. It matters because it does not move: what hardly varies has nothing to correlate with. The
# output gate of unit 0 is such a gate as well, but only the last step needs it.
#
# Forcing has its limits too. It was done in one network that was set by hand, with one value, zero. A gate forced
# to zero puts the network in states that it never meets by itself, so harm shows that something depends on the gate,
# not that the gate decides anything there. And if two units carried the same number, forcing either alone might do
# little harm, though together they are needed.

# %% [markdown] question="saturation"
# ## 7. How sure are the gates? (3 extra points)
#
# Karpathy, Johnson and Fei-Fei (2015) plot for each unit how often a gate is *left-saturated*, below `low`, and how
# often *right-saturated*, above `high`. A forget gate that is often right-saturated remembers for long; an input gate
# that is never saturated on either side acts on every input a little.
#
# `gates` $(T, B, H)$ holds the values of one gate. Sequence $n$ of the batch has `lengths[n]` valid steps; what
# stands behind them is padding and does not count. Return `left` and `right`, each $(H,)$: of all valid steps of all
# sequences together, the share at which the unit's gate is below `low`, and the share at which it is above `high`. A
# gate that is exactly `low` or exactly `high` is not saturated.
#
# *Example*: one unit, two sequences of lengths 2 and 1, with the gates $0.05, 0.5$ and $0.95$ and padding behind the
# last. Then `left` and `right` are both $\tfrac13$.
#
# *Where*: chapter *gates*, "What numbers a gate can say".


# %% question="saturation"
def saturation(gates, lengths, low=0.1, high=0.9):
    """left and right, each (H,): the shares of the valid steps at which gates (T, B, H) are below low, above high."""
    ### BEGIN SOLUTION
    valid = np.arange(len(gates))[:, None] < lengths
    y = gates[valid]
    return (y < low).mean(axis=0), (y > high).mean(axis=0)
    ### END SOLUTION


# %% question="saturation" points=3 extra=true
check.saturation(saturation)
### BEGIN HIDDEN TESTS
check.saturation(saturation, seed=75611)
### END HIDDEN TESTS
