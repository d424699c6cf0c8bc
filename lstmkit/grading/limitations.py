"""The checks of the assignment `limitations`: call one with your function, read the report, get the points.

    from lstmkit.grading import limitations as check
    check.copy_batch(copy_batch, guess_loss)

T steps, B sequences, D inputs, H units; S symbols of V kinds to copy; K pairs of a key, of M kinds, and a value, of V.
The right values come from lstmkit.tasks, lstmkit.numpy.gradients and lstmkit.numpy.scan where these have them; the
named mistakes from limitations_mistakes.  A batch that is drawn at random is judged by what has to hold for it.
"""

import math

import numpy as np

from lstmkit.grading import limitations_mistakes as mistakes
from lstmkit.grading.draws import sizes
from lstmkit.grading.guard import Problem
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, as_array, ask, doors, examine, show
from lstmkit.numpy import gradients, scan
from lstmkit.tasks import copying


class _Given:
    """Takes the place of a random generator, and draws what it was given."""

    def __init__(self, symbols):
        self.symbols = symbols

    def integers(self, *_):
        return self.symbols


def _copy_draws(rng):
    def draw(S, B, T, V, label=""):
        return Draw((rng.integers(1, V + 1, (S, B)), T, V), label)

    S, B = sizes(rng, 2)
    return [
        *(draw(*sizes(rng, 4)) for _ in range(4)),
        draw(S, B, 20, 8),
        draw(S, B, 1, 8, "no silence (T = 1)"),
        draw(1, B, 5, 8, "one symbol (S = 1)"),
        draw(S, 1, 5, 8, "one sequence (B = 1)"),
    ]


def _copy_key(symbols, T, V):
    S, B = symbols.shape
    x, y = copying.batch(_Given(symbols), T, B, S, V)
    return {"x": x, "y": y, "guess_loss": copying.guess_loss(T, S, V)}


def _copy_attempt(answers, args, own):
    symbols, T, V = args
    batch, changed = ask(answers["copy_batch"], args, ("symbols", "T", "V"), ("x", "y"))
    loss, _ = ask(answers["guess_loss"], (T, len(symbols), V), (), ("guess_loss",))
    return {**batch, **loss}, changed


COPY_BATCH = Question(
    name="copy_batch",
    parts=(
        Part("x", 2, "(T + 2S, B, V + 2)"),
        Part("y", 1, "(T + 2S, B)"),
        Part("guess_loss", 1, "a number"),
        Part(UNCHANGED, 1),
    ),
    draws=_copy_draws,
    key=_copy_key,
    attempt=_copy_attempt,
    mistakes=mistakes.COPY_BATCH,
    hints=(
        "Begin with the numbers, not with one-hot rows: zeros (T + 2S, B), into which symbols and mark are put. "
        "With S = 2 and T = 3 write down all seven steps on paper.",
        "The symbols are at steps 0 to S - 1 of x and at the last S steps of y; the mark is at step S + T - 1, the "
        "last one before the answer. `np.eye(V + 2)[numbers]` makes one-hot rows of an array of numbers of any shape.",
        "A guess is right with probability 1/V, and costs ln V nats, at S of the T + 2S steps. At the others, whoever "
        "knows that the answer is blank loses nothing.",
    ),
)


def _recall_draws(rng):
    def draw(K, Q, M, V, B=500):
        return Draw((int(rng.integers(2**31)), K, B, Q, M, V))

    return [
        draw(3, 5, 7, 6),
        draw(5, 3, 9, 3),
        draw(2, 6, 5, 7),
        draw(6, 2, 6, 5),
        draw(3, 2, 40, 12),
        draw(2, 3, 5, 3, 1),
    ]


RECALLED = ("x", "y", "keys", "draws")


def _recall_attempt(answers, args, own):
    """Each part is 1.0, or the Problem that it has."""
    seed, *sizes_ = args

    def drawn(seed):
        return ask(answers["recall_batch"], (np.random.default_rng(seed), *sizes_), (), ("x", "y"))[0]

    batch, again, other = ({name: as_array(value) for name, value in drawn(s).items()} for s in (seed, seed, seed + 1))
    if isinstance(batch["x"], Problem):
        return dict.fromkeys(RECALLED, batch["x"]), ()
    shape = (2 * sizes_[0] + sizes_[2], sizes_[1])
    if batch["x"].shape != shape:
        text = f"x has the shape {batch['x'].shape}, expected (2K + Q, B) = {shape}."
        return dict.fromkeys(RECALLED, Problem("shape", text)), ()
    problem, readable = _counted_from_one(batch, *sizes_)
    if readable is None:
        problem, readable = _layout(batch["x"], *sizes_)
    if readable is None:
        rest = Problem(problem.kind, "cannot be judged before x is as described.")
        return dict.fromkeys(RECALLED, rest) | {"x": problem}, ()
    found = {
        "x": problem,
        "y": _answers_of(readable, batch["y"], *sizes_),
        "keys": _keys(readable, *sizes_),
        "draws": _randomness(readable, batch["x"], again["x"], other["x"], *sizes_),
    }
    return {name: problem or 1.0 for name, problem in found.items()}, ()


def _counted_from_one(batch, K, B, Q, M, V):
    """If keys or values are counted from 1 in x, and all else is in its place: the Problem, and x put right."""
    x, y = batch["x"].copy(), batch["y"]
    if x[: 2 * K : 2].max() == M and x[: 2 * K : 2].min() > 0 and x[2 * K :].min() > 0:
        x[: 2 * K : 2] -= 1
        x[2 * K :] -= 1
        text = "the keys in x are counted from 1 to M: they go from 0 to M - 1, and M is a value."
        found = Problem("keys from one", text)
    else:
        x[1 : 2 * K : 2] -= 1
        text = "value v has the number M + v in x, and v begins with 0: here all numbers of values are one too large."
        found = Problem("values from one", text)
        if isinstance(y, Problem) or _layout(x, K, B, Q, M, V)[0] or _answers_of(x, y, K, B, Q, M, V):
            return None, None  # only the answers in y can tell how the values were counted
        if B == 1:
            return None, x  # it may be chance: the larger batches say
    return (None, None) if _layout(x, K, B, Q, M, V)[0] else (found, x)


def _layout(x, K, B, Q, M, V):
    """What is wrong with where the numbers of x (2K + Q, B) stand, or None; and x put right, None if nobody can."""
    keys, values, asked = x[: 2 * K : 2], x[1 : 2 * K : 2], x[2 * K :]

    def are_keys(part):
        return part.min() >= 0 and part.max() < M

    def pairs(keys, values):
        return np.concatenate([np.stack([keys, values], axis=1).reshape(2 * K, B), asked])

    if (x != np.round(x)).any() or x.min() < 0 or x.max() >= M + V:
        text = "x holds numbers that are neither a key, 0 to M - 1, nor a value, M to M + V - 1."
        return Problem("out of range", text), None
    if not are_keys(asked):
        return Problem("asks for no key", "the last Q steps hold something that is no key: each asks for a key."), None
    if are_keys(keys) and values.max() < V and values.min() < M:
        text = "where a value is due x holds the number of a key: value v has the number M + v, to tell the two apart."
        problem, x = Problem("values not shifted", text), pairs(keys, values + M)
    elif are_keys(values) and keys.min() >= M:
        text = "the value of each pair comes before its key: the key comes first."
        problem, x = Problem("value before key", text), pairs(values, keys)
    elif are_keys(x[:K]) and x[K : 2 * K].min() >= M:
        text = "all keys come first and then all values: a pair is two steps, a key and then its value."
        problem, x = Problem("keys, then values", text), pairs(x[:K], x[K : 2 * K])
    elif are_keys(keys) and values.min() >= M:
        problem = None
    else:
        return Problem("no pairs", "steps 0, 2, 4, ... hold keys and steps 1, 3, 5, ... values: some do not."), None
    if not (asked[:, None] == x[: 2 * K : 2]).any(axis=1).all():
        text = "a question asks for a key that its own sequence has not shown."
        return Problem("asks for a strange key", text), None
    return problem, x


def _answers_of(x, y, K, B, Q, M, V):
    """What is wrong with y (2K + Q, B), given x, or None."""
    if isinstance(y, Problem):
        return y
    if y.shape != x.shape:
        return Problem("shape", f"y has the shape {y.shape}, expected that of x, (2K + Q, B) = {x.shape}.")
    keys, values, asked = x[: 2 * K : 2], x[1 : 2 * K : 2], x[2 * K :]
    values = values - M
    place = (asked[:, None] == keys).argmax(axis=1)  # (Q, B)
    column = np.arange(B)
    wanted, said = values[place, column], y[2 * K :]
    if not np.array_equal(said, wanted):
        for other, problem in (
            (
                wanted + M,
                Problem("number of the value", "y holds M + v: in y count the values from 0, though not in x."),
            ),
            (asked, Problem("key for value", "y repeats the key that is asked for: the answer is its value.")),
            (place, Problem("place for value", "y holds the place of the pair in the list: the answer is its value.")),
            (
                values[np.arange(Q) % K],
                Problem("values in order", "the answers go through the values in order: look up the key."),
            ),
            (
                values[place, 0],
                Problem(
                    "values of the first sequence", "each answer is a value of the first sequence: keep to its own."
                ),
            ),
            (
                np.roll(wanted, 1, axis=0),
                Problem("one question late", "the answers are one step off: they stand at the step of the question."),
            ),
        ):
            if np.array_equal(said, other):
                return problem
        return Problem("wrong value", "a question is not answered by the value that stands behind its key in x.")
    if (y[: 2 * K] == -1).all():
        return None
    if (y[: 2 * K] == 0).all():
        return Problem("zero for nothing", "y is 0 where nothing is asked; 0 is a value, so it has to be -1 there.")
    return Problem("answers too early", "y is not -1 everywhere in the list, where nothing is asked.")


def _keys(x, K, B, Q, M, V):
    """What is wrong with the keys that were drawn, or None."""
    keys = x[: 2 * K : 2]
    if (np.diff(np.sort(keys, axis=0), axis=0) == 0).any():
        return Problem(
            "a key twice", "a sequence shows the same key twice: then it has two values; draw without repetition."
        )
    if B == 1:
        return None
    if (keys == keys[:, :1]).all():
        return Problem("one list of keys", "all sequences have the same keys in the same order: draw for each of them.")
    if set(keys.ravel()) != set(range(M)):
        return Problem(
            "kinds of key left out", f"of B = {B} sequences none shows some of the M keys: draw from all of them."
        )
    if (np.diff(keys, axis=0) > 0).all():
        return Problem(
            "keys in rising order", "in every sequence the keys rise: their order is drawn at random as well."
        )
    return None


def _randomness(x, first, again, other, K, B, Q, M, V):
    """What is wrong with the values and questions of x, and with how three calls used their generators, or None."""
    if isinstance(again, Problem) or isinstance(other, Problem):
        return again if isinstance(again, Problem) else other
    if not np.array_equal(first, again):
        return Problem(
            "not from rng",
            "two generators in the same state give different batches: draw everything from `rng`, so that a run can "
            "be repeated.",
        )
    if np.array_equal(first, other):
        return Problem(
            "the same batch", "another generator gives the same batch: draw from `rng`, make none of your own."
        )
    if B == 1:
        return None
    keys, values, asked = x[: 2 * K : 2], x[1 : 2 * K : 2], x[2 * K :]
    place = (asked[:, None] == keys).argmax(axis=1)
    values = values - M
    if (values == values[:, :1]).all():
        return Problem(
            "one list of values", "all sequences have the same values in the same order: draw for each of them."
        )
    if all(len(set(values[keys == key])) == 1 for key in set(keys.ravel())):
        return Problem(
            "a value goes with its key", "a key has the same value in every sequence: that could be learned by heart."
        )
    if not np.isin(np.arange(V), values).all():
        return Problem(
            "kinds of value left out", f"of B = {B} sequences none shows some of the V values: draw from all of them."
        )
    if V >= K and (np.diff(np.sort(values, axis=0), axis=0) > 0).all():
        return Problem(
            "no value twice", "no sequence shows a value twice: values are drawn independently of each other."
        )
    if (place == place[:, :1]).all():
        return Problem("the same questions", "all sequences are asked for the same places of the list: draw for each.")
    if (place == place[:1]).all():
        return Problem("one question", "a sequence asks for the same key Q times: draw each question anew.")
    if len(set(place.ravel())) < K:
        return Problem("pairs never asked for", "some places of the list are never asked for: draw among all K pairs.")
    differ = (np.diff(np.sort(keys, axis=0), axis=0) > 0).all()  # else nobody can say which of them was asked for
    if differ and _uneven(place, K):
        return Problem("some pairs more often", "some places of the list are asked for far more often than others.")
    if _uneven(values, V):
        return Problem("some values more often", "some values come far more often than others: draw all V alike.")
    if Q <= K and (np.diff(np.sort(place, axis=0), axis=0) > 0).all():
        return Problem("no question twice", "no question comes twice: questions are drawn independently of each other.")
    return None


def _uneven(numbers, kinds):
    """Does any of the numbers 0 to kinds - 1 come with a frequency that chance gives once in a hundred million?"""
    expected = numbers.size / kinds
    counts = np.bincount(numbers.astype(int).ravel(), minlength=kinds)
    return np.abs(counts - expected).max() > 6 * np.sqrt(expected)


RECALL_BATCH = Question(
    name="recall_batch",
    parts=(
        Part("x", 1, "keys and values in their places"),
        Part("y", 1, "the values that are asked for"),
        Part("keys", 1, "keys that differ"),
        Part("draws", 1, "values and questions drawn from rng"),
    ),
    draws=_recall_draws,
    key=lambda *args: dict.fromkeys(RECALLED, 1.0),
    attempt=_recall_attempt,
    hints=(
        "Three things are drawn: the keys, in an order that is random too; the values; and the questions, as places in "
        "the list of pairs.",
        "K different keys for each of B sequences: draw M random numbers a sequence and sort them, `rng.random((M, "
        "B)).argsort(axis=0)[:K]`. Or loop over the sequences with `rng.permutation(M)[:K]`.",
        "place = rng.integers(0, K, (Q, B)) says which pair is asked for. With column = np.arange(B), `keys[place, "
        "column]` are the keys to put into x and `values[place, column]` the answers to put into y.",
    ),
)


def _memory_draws(rng):
    def model(D, H):
        """A small recurrent network; it is asked hundreds of times, so it has to be quick."""
        W_x, W_h = rng.normal(size=(D, H)), rng.normal(size=(H, H)) / np.sqrt(H)

        def f(x):
            h = np.zeros(H)
            for a_t in np.asarray(x, dtype=np.float64) @ W_x:
                h = np.tanh(a_t + h @ W_h)
            return h

        return f

    def draw(T, D, H, r, eps, label=""):
        return Draw((model(D, H), rng.normal(size=(T, D)), 0.05, np.array(r, dtype=np.float64), eps), label)

    def humps(T):
        """Influences that come back after a gap: the largest, then little, then some again, then little."""
        parts = (
            rng.uniform(2, 3, 1),
            rng.uniform(5, 6, T),
            rng.uniform(0.1, 0.5, 2),
            rng.uniform(1, 3, 2),
            rng.uniform(0.01, 0.5, T),
        )
        return np.concatenate(parts)

    silent = (lambda x: np.ones(3), rng.normal(size=(5, 2)), 0.05, np.zeros(5), 0.1)
    return [
        *(draw(*sizes(rng, 3), humps(int(rng.integers(2, 6))), 0.1) for _ in range(4)),
        draw(*sizes(rng, 3), 0.02 * rng.uniform(0.5, 1, 7) * 0.6 ** np.arange(7), 0.2),
        draw(*sizes(rng, 3), [8.0, 4.0, 3.0, 2.0, 1.0], 0.25, "an influence just at the bound"),
        draw(1, 3, 5, [2.0], 0.5, "one step (T = 1)"),
        Draw(silent, "a result that hears nothing", "silent"),
    ]


def _memory_key(f, x, delta, r, eps):
    H = len(f(x))
    by_unit = [gradients.finite_difference(lambda a, j=j: f(a)[j], x, delta) for j in range(H)]
    above = [lag for lag, influence in enumerate(r) if influence > eps * max(r)]
    return {
        "influence": np.linalg.norm(by_unit, axis=(0, 2))[::-1],
        "effective_memory": max(above, default=-1),
    }


def _memory_attempt(answers, args, own):
    f, x, delta, r, eps = args
    influence, changed = ask(answers["influence"], (f, x, delta), ("f", "x", "delta"), ("influence",))
    memory, changed_too = ask(answers["effective_memory"], (r, eps), ("r", "eps"), ("effective_memory",))
    return {**influence, **memory}, changed + changed_too


EFFECTIVE_MEMORY = Question(
    name="effective_memory",
    parts=(
        Part("influence", 2, "(T,)"),
        Part("effective_memory", 1, "a number"),
        Part("no influence", 1, on="silent", of=("effective_memory",)),
        Part(UNCHANGED, 1),
    ),
    draws=_memory_draws,
    key=_memory_key,
    attempt=_memory_attempt,
    mistakes=mistakes.EFFECTIVE_MEMORY,
    hints=(
        "influence: two loops, over the steps and over the D inputs of a step. In each, f is called twice. The two "
        "results are arrays of H numbers, and their difference is one column of the Jacobian.",
        "For a step t add up the squares of (f(x + e) - f(x - e)) / (2 delta) over all H results and all D inputs, and "
        "take the root. Step t has the lag T - 1 - t, so the last step comes first.",
        "effective_memory: `lags = np.flatnonzero(r > eps * np.max(r))` has every lag that counts, in rising order. "
        "The last of them is asked for, and if there is none, -1.",
    ),
)


def _numbers(rng):
    """A student's own numbers; no bound of the read-out is met within a rounding error."""
    while True:
        mine = {
            "M": int(rng.integers(40, 121)),
            "K": int(rng.integers(5, 13)),
            "V": int(rng.integers(6, 33)),
            "w": [round(float(weight), 2) for weight in rng.uniform(0.3, 1.5, 5) * rng.permutation([1, 1, 1, -1, -1])],
            "bias": round(float(rng.uniform(-0.9, -0.3)), 2),
            "level": round(float(rng.uniform(0.2, 0.9)), 2),
            "slope": round(float(rng.uniform(0.01, 0.03)), 3),
        }
        steps = (mine["bias"] + np.abs(mine["w"]).sum() - mine["level"]) / mine["slope"]
        if mine["V"] != 16 and steps > 40 and 0.05 < steps % 1 < 0.95:
            return mine


def _prediction_key(mine):
    """The bag by going through all lists of three, the read-out by its best state, step by step."""
    V = mine["V"]
    lists = np.stack(np.meshgrid(*[np.arange(V)] * 3)).reshape(3, -1)
    commonest = np.max([(lists == value).sum(axis=0) for value in range(V)], axis=0)
    best = np.sign(mine["w"]) @ mine["w"] + mine["bias"]
    step = 0
    while mine["level"] + step * mine["slope"] < best:
        step += 1
    M, K = mine["M"], mine["K"]
    return {
        "bits": math.log2(math.comb(M, K)) + K * math.log2(V),
        "bag": commonest.mean() / 3,
        "stuck": step,
    }


PREDICT_LIMITS = Question(
    name="predict_limits",
    parts=(Part("bits", 1, "a number"), Part("bag", 1, "a number"), Part("stuck", 1, "a number")),
    draws=lambda rng, yours: [Draw((yours,))],
    key=_prediction_key,
    attempt=lambda answers, args, own: ask(answers["predict_limits"], (), (), ("bits", "bag", "stuck")),
    mistakes=mistakes.PREDICT_LIMITS,
    yours=_numbers,
    hints=(
        "bits: how many different answers to all possible questions are there? bag: how many different values can "
        "three draws show? stuck: which h would you choose, if you could choose any, to say the largest number?",
        "bits: a set of K keys out of M, then a value for each; the logarithm to the base 2 of their number. "
        "`math.comb` counts sets. stuck: h_j is 1 where w_j is positive and -1 where it is negative.",
        "bag: the three values are all equal with probability 1/V², all different with (1 - 1/V)(1 - 2/V), else two "
        "are equal. The share of right answers is then 1, 1/3 and 2/3. stuck: the first t with level + t slope >= "
        "bias + Σ |w_j|.",
    ),
)


def _cascade_draws(rng):
    def draw(n, T, label="", kind="ordinary"):
        return Draw((round(float(rng.uniform(0.3, 0.8)), 3), n, T), label, kind)

    return [
        draw(2, 9),
        draw(3, 12),
        draw(5, 14),
        draw(6, 11),
        draw(1, 7, "one cell (n = 1)"),
        draw(3, 1, "one step (T = 1)"),
        Draw((0.9, 250, 3000), "250 cells and 3000 steps", "long"),
    ]


def _cascade_key(f, n, T):
    response = np.zeros((T, 1, 1))
    response[0] = 1
    for _ in range(n):
        response = scan.blocks(np.full((T, 1, 1), f), (1 - f) * response, np.zeros((1, 1)))
    return {"response": response[:, 0, 0]}


CASCADE = Question(
    name="cascade",
    parts=(Part("response", 2, "(T,)"), Part("long chains", 1, on="long")),
    draws=_cascade_draws,
    key=_cascade_key,
    attempt=lambda answers, args, own: ask(answers["cascade"], args, ("f", "n", "T"), ("response",)),
    mistakes=mistakes.CASCADE,
    hints=(
        "One cell first: what does it hold after an impulse, step by step? That series is what the second cell hears.",
        "A loop over the cells around a loop over the steps: c = f c + (1 - f) u[t], with u the series of the cell "
        "before, at the same step t.",
        "There is a closed form, (1 - f)^n f^k times the number of ways to share out k waits to n cells, but its "
        "factors are too large and too small for long chains. The two loops never leave the numbers from 0 to 1.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question for question in (COPY_BATCH, RECALL_BATCH, EFFECTIVE_MEMORY, PREDICT_LIMITS, CASCADE)
}
hint, yours = doors(QUESTIONS)


def copy_batch(copy_batch, guess_loss, seed=0):
    """Points for copy_batch(symbols, T, V), symbols (S, B), and guess_loss(T, S, V); prints the report."""
    return show(examine(COPY_BATCH, {"copy_batch": copy_batch, "guess_loss": guess_loss}, seed))


def recall_batch(recall_batch, seed=0):
    """Points for recall_batch(rng, K, B, Q, M, V), x and y (2K + Q, B); prints the report."""
    return show(examine(RECALL_BATCH, {"recall_batch": recall_batch}, seed))


def effective_memory(influence, effective_memory, seed=0):
    """Points for influence(f, x, delta), x (T, D), and effective_memory(r, eps), r (T,); prints the report."""
    answers = {"effective_memory": effective_memory, "influence": influence}
    return show(examine(EFFECTIVE_MEMORY, answers, seed))


def predict_limits(predict_limits, seed=0):
    """Points for the three predictions about your own numbers, a dict; prints the report."""
    return show(examine(PREDICT_LIMITS, {"predict_limits": predict_limits}, seed))


def cascade(cascade, seed=0):
    """Points for the response (T,) of n leaky cells in a row; prints the report."""
    return show(examine(CASCADE, {"cascade": cascade}, seed))
