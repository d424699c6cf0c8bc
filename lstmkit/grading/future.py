"""The checks of the assignment `future`: call one with your function, read the report, get the points.

    from lstmkit.grading import future as check
    check.scan_linear(scan_linear)

T steps, B sequences, D inputs, H units, K numbers in a query, key or value.  a, b, hs (T, B, H), h0 (B, H); weights
W_x (3H, D) and b (3H,) of the minLSTM in the order i, f, g; of the mLSTM one head: C (B, K, K), value by key,
n (B, K), m (B,).
The right values come from lstmkit.numpy; the named mistakes from future_mistakes.  Operations are counted as lines of
Python that run, whatever the arrays are made of: a loop over the steps runs some for every step, rounds do not.
"""

import math
from functools import wraps
from itertools import pairwise

import numpy as np

from lstmkit.grading import future_mistakes as mistakes
from lstmkit.grading.draws import double, sizes
from lstmkit.grading.guard import Problem, counted
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, as_array, ask, doors, examine, show, unpack
from lstmkit.numpy import minlstm, mlstm, scan

LONGER = 16  # times as many steps; rounds then run 1.4 times as many lines, √T blocks 4 times, a loop 16 times
GROWTH = 2.5


def _few_operations(function, args, steps):
    """{"hs": ...} for `args`, or a Problem where that takes many more lines than their first `steps` steps do."""
    short = tuple(arg[:steps] if len(arg) > steps else arg for arg in args)
    first, few = counted(function, short)
    if isinstance(first.value, Problem):
        return {"hs": first.value}
    outcome, many = counted(function, args)
    if many > GROWTH * few and not isinstance(outcome.value, Problem):
        return {
            "hs": Problem(
                "long",
                f"{LONGER} times as many steps make your code run {many / few:.0f} times as many lines: "
                "it goes through the steps, or through blocks of them. Join all steps at once, and double the reach.",
            )
        }
    return unpack(outcome, ("hs",))


def _by_hand_yours(rng):
    """Four steps and a length, such that every named mistake gives other numbers."""
    while True:
        a = rng.choice([-3.0, -2.0, -0.5, 0.5, 2.0, 3.0, 5.0], 4, replace=False)
        b = rng.choice([-7.0, -5.0, -3.0, -2.0, 2.0, 3.0, 5.0, 7.0], 4, replace=False)
        mine = {"a": a.tolist(), "b": b.tolist(), "T": int(rng.integers(2100, 8100))}
        outcomes = [_by_hand_key(mine), *(mistake.wrong(mine) for mistake in mistakes.BY_HAND)]
        if abs(a[0] * a[2]) != 1 and len({str((list(map(float, v["stretch"])), v["cost"])) for v in outcomes}) == len(
            outcomes
        ):
            return mine


def _by_hand_key(mine):
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    a, b = (np.array(mine[name]).reshape(-1, 1, 1) for name in "ab")
    return {
        "stretch": [scan.linear(a, 0 * b, one)[-1, 0, 0], scan.linear(a, b, zero)[-1, 0, 0]],
        "cost": [0, 0],  # how far off, or the joins would hide the rounds, and a join more or less would not matter
    }


def _cost(T):
    """Rounds and joins of T steps."""
    rounds = math.ceil(math.log2(T))
    return [rounds, sum(T - 2**r for r in range(rounds))]


def _by_hand_attempt(answers, args, own):
    got, changed = ask(answers["by_hand"], (), (), ("factor", "addend", "rounds", "joins"))
    cost = _pair(got, "rounds", "joins")
    if not isinstance(cost, Problem):
        cost = cost - _cost(args[0]["T"])
    return {"stretch": _pair(got, "factor", "addend"), "cost": cost}, changed


def _pair(got, *names):
    values = [as_array(got[name]) for name in names]
    for name, value in zip(names, values, strict=True):
        if isinstance(value, Problem):
            return value
        if value.shape:
            return Problem("form", f"{name} has the shape {value.shape}; expected one number.")
    return np.array(values)


BY_HAND = Question(
    name="by_hand",
    parts=(Part("stretch", 1, "factor and addend"), Part("cost", 1, "rounds and joins")),
    draws=lambda rng, yours: [Draw((yours,))],
    key=_by_hand_key,
    attempt=_by_hand_attempt,
    mistakes=mistakes.BY_HAND,
    hints=(
        "Go through the four steps with a letter h in place of a number. What stands before h at the end is the "
        "factor, what stands alone is the addend.",
        "Join two at a time: (a_1, b_1), then (a_2, b_2), make the factor a_2 a_1 and the addend a_2 b_1 + b_2. "
        "The later factor multiplies the earlier addend. In the rounds the reach is 1, 2, 4, ..., as long as it is "
        "smaller than T.",
        "The rounds are log2 T rounded up. A round with the reach r makes T - r joins, because the first r steps have "
        "nothing before them that is not in yet: add up T - 1, T - 2, T - 4, ...",
    ),
    yours=_by_hand_yours,
)


def _series(rng, T, B, H, dtype=np.float64):
    """a, b (T, B, H) and h0 (B, H); factors of both signs."""
    a = rng.uniform(0.3, 1.2, (T, B, H)) * rng.choice([-1, 1], (T, B, H))
    return tuple(array.astype(dtype) for array in (a, rng.normal(size=(T, B, H)), rng.normal(size=(B, H))))


def _long_series(rng):
    """Some thousand steps whose factors fade, are negative here and there, and now and then zero."""
    T = LONGER * int(rng.integers(1001, 1021))
    a = rng.uniform(0.2, 1, (T, 1, 2)) * rng.choice([-1, 1], (T, 1, 2), p=(0.1, 0.9))
    a[rng.integers(0, T, 20)] = 0
    return a, rng.normal(size=(T, 1, 2)), rng.normal(size=(1, 2))


def _scan_draws(rng):
    T, B, H = sizes(rng, 3)
    return [
        *(Draw(_series(rng, *sizes(rng, 3))) for _ in range(4)),
        Draw(_series(rng, 13, B, H), "13 steps"),
        Draw(_series(rng, 8, B, H), "8 steps, a power of two"),
        Draw(_series(rng, 1, B, H), "one step (T = 1)"),
        Draw(_series(rng, T, 1, H), "one sequence (B = 1)"),
        Draw(_series(rng, T, B, H, np.float32), "float32"),
        Draw(_long_series(rng), "a long series with factors near zero", "long"),
    ]


def _scan_attempt(answers, args, own):
    if len(args[0]) > 100:
        return _few_operations(answers["scan_linear"], args, len(args[0]) // LONGER), ()
    return ask(answers["scan_linear"], args, ("a", "b", "h0"), ("hs",))


SCAN_LINEAR = Question(
    name="scan_linear",
    parts=(Part("hs", 2, "(T, B, H)"), Part("long series, few operations", 2, on="long"), Part(UNCHANGED, 1)),
    draws=_scan_draws,
    key=lambda *args: {"hs": scan.run(*double(args))},
    attempt=_scan_attempt,
    mistakes=mistakes.SCAN_LINEAR,
    hints=(
        "Begin with reach = 1: every step knows what it does by itself. Join each step t with the stretch that ends at "
        "t - reach, all steps in one line with slices, and then double the reach. Where does h0 go in?",
        "Work on copies of a and b. Put h0 in before the rounds: add a[0] * h0 to the first addend. After that the "
        "addend of the stretch from the beginning to t is h_t itself.",
        "In a round: b[reach:] becomes a[reach:] * b[:-reach] + b[reach:], and then a[reach:] becomes "
        "a[reach:] * a[:-reach], in this order, because the first line needs the factors as they were. Go on while "
        "reach < T; T need not be a power of two.",
    ),
)


def _weighted(rng, T, B, D, H, scale=1.0, dtype=np.float64):
    shapes = [(T, B, D), (B, H), (3 * H, D), (3 * H,)]
    x, *rest = (rng.normal(size=shape) for shape in shapes)
    return tuple(array.astype(dtype) for array in (x * scale, *rest))


def _minlstm_draws(rng):
    T, B, D, H = sizes(rng, 4)
    return [
        *(Draw(_weighted(rng, *sizes(rng, 4))) for _ in range(4)),
        Draw(_weighted(rng, 1, B, D, H), "one step (T = 1)"),
        Draw(_weighted(rng, T, 1, D, H), "one sequence (B = 1)"),
        Draw(_weighted(rng, T, B, H, H), "D = H"),
        Draw(_weighted(rng, T, B, D, H, dtype=np.float32), "float32"),
        Draw(_weighted(rng, 20, B, D, H, scale=2000.0), "inputs of ±1000, where both gates can be zero", "large"),
    ]


def _is_nan(value):
    array = as_array(value)
    return not isinstance(array, Problem) and bool(np.isnan(array).any())


def _minlstm_attempt(answers, args, own):
    got, changed = ask(answers["minlstm_forward"], args, ("x", "h0", "W_x", "b"), ("hs",))
    if np.abs(args[0]).max() > 100 and _is_nan(got["hs"]):
        text = "NaN comes out for inputs of ±1000: both gates can be zero there, and 0 / 0 is not a number."
        got = {"hs": Problem("large", text)}
    return got, changed


def _minlstm_key(*args):
    x, h0, *params = double(args)
    return {"hs": minlstm.forward(minlstm.Params(*params), x, minlstm.State(h0))[0]}


MINLSTM_FORWARD = Question(
    name="minlstm_forward",
    parts=(Part("hs", 3, "(T, B, H)"), Part("large inputs", 1, on="large"), Part(UNCHANGED, 1)),
    draws=_minlstm_draws,
    key=_minlstm_key,
    attempt=_minlstm_attempt,
    mistakes=mistakes.MINLSTM_FORWARD,
    stand_ins={"scan_linear": scan.linear},
    hints=(
        "Nothing here waits for h: x @ W_x.T + b gives the pre-activations of all T steps at once, shape (T, B, 3H). "
        "Cut the last axis into i, f, g.",
        "The shares f = f' / (f' + i') and i = 1 - f are the factor and what multiplies g. Then "
        "h_t = f_t h_{t-1} + i_t g_t is question 2, with a = f and b = i * g.",
        "For large inputs both gates can be zero in the computer, and 0 / 0 is not a number. Divide above and below by "
        "f': the share is 1 / (1 + i' / f') = σ(log f' - log i'), and log σ(a) = -np.logaddexp(0, -a) never overflows.",
    ),
)


def _positive(rng, T, B, H, dtype=np.float64):
    """The logarithms of factors in (0.2, 1), of addends and of a first state."""
    logs = np.log(rng.uniform(0.2, 1, (T, B, H))), rng.normal(size=(T, B, H)), rng.normal(size=(B, H))
    return tuple(array.astype(dtype) for array in logs)


def _log_draws(rng):
    T, B, H = sizes(rng, 3)
    log_a, log_b, log_h0 = _positive(rng, T, B, H)
    log_b = np.where(rng.random((T, B, H)) < 0.5, -np.inf, log_b)
    log_b[0, 0], log_b[:, 0, 0], log_h0[0] = -np.inf, -np.inf, -np.inf  # one unit is zero throughout
    return [
        *(Draw(_positive(rng, *sizes(rng, 3))) for _ in range(4)),
        Draw(_positive(rng, 1, B, H), "one step (T = 1)"),
        Draw(_positive(rng, T, 1, H), "one sequence (B = 1)"),
        Draw((log_a, log_b, log_h0), "addends and a first state of zero", "zeros"),
        Draw(_positive(rng, 10_000, 1, 3), "ten thousand steps, after which A is far below the range of exp", "long"),
        Draw(
            _positive(rng, 10_000, 1, 3, np.float32),
            "ten thousand steps in float32, where a large A has no digits left",
            "float32",
        ),
    ]


def _log_attempt(answers, args, own):
    function, T = answers["log_space_scan"], len(args[0])
    if T < 100 or args[0].dtype == np.float32:
        got, changed = ask(function, args, ("log_a", "log_b", "log_h0"), ("log_hs",))
        if np.isneginf(args[1]).any() and _is_nan(got["log_hs"]):
            text = "NaN comes out where something is zero: -∞ minus -∞ is not a number. np.logaddexp never takes it."
            got = {"log_hs": Problem("zeros", text)}
        return got, changed
    outcome, lines = counted(function, args)
    if lines >= T and not isinstance(outcome.value, Problem):
        text = (
            f"your code runs {lines} lines for {T} steps: that is a loop over them, or over very short pieces. "
            "Here the cumulative sums do that: np.cumsum and np.logaddexp.accumulate along the first axis."
        )
        return {"log_hs": Problem("long", text)}, ()
    return unpack(outcome, ("log_hs",)), ()


LOG_SPACE_SCAN = Question(
    name="log_space_scan",
    parts=(
        Part("log_hs", 2, "(T, B, H)"),
        Part("ten thousand steps", 2, on="long"),
        Part("the same in float32", 1, on="float32"),
        Part("zeros", 1, on="zeros"),
    ),
    draws=_log_draws,
    key=lambda *args: {"log_hs": scan.log_space(*double(args))},
    attempt=_log_attempt,
    mistakes=mistakes.LOG_SPACE_SCAN,
    hints=(
        "Take the logarithm of h_t = exp(A_t) (h_0 + Σ exp(log b_s - A_s)) by hand. The product becomes a sum, and the "
        "logarithm of a sum of exponentials is a log-sum-exp, here a cumulative one.",
        "A = np.cumsum(log_a, axis=0). np.logaddexp(x, y) is log(e^x + e^y) without overflow, and like every ufunc of "
        "two arguments it has .accumulate(..., axis=0). Give it log_b - A, join log_h0, add A.",
        "For float32: A grows into the thousands, and its digits are lost. Cut the series into pieces of some dozen "
        "steps, and begin each piece with A = 0 and with the last log_h of the piece before as its log_h0. A loop over "
        "the pieces is fine. Computing in float64 inside does it too.",
    ),
)


def _memory(rng, B, K, dtype=np.float64, fresh=False):
    """q, k, v (B, K), a_i, a_f (B,), and the state C (B, K, K), n (B, K), m (B,)."""
    q, k, v = rng.normal(size=(3, B, K))
    a_i, a_f, m = rng.normal(size=(3, B)) * np.array([[1.5], [1.5], [1.0]])
    state = rng.normal(size=(B, K, K)), rng.normal(size=(B, K)), m
    state = tuple(np.zeros_like(array) for array in state) if fresh else state
    return tuple(array.astype(dtype) for array in (q, k, v, a_i, a_f, *state))


def _mlstm_draws(rng):
    B, K = sizes(rng, 2)
    q, k, v, a_i, a_f, C, n, m = _memory(rng, 5, K)
    # Written with force; forgotten with force, before a large score and after one; kept.
    a_i, a_f = np.array([900.0, 800.0, 0.0, -900.0, 300.0]), np.array([3.0, -900.0, -900.0, 900.0, 1.0])
    m = np.array([0.0, 0.0, 900.0, 700.0, 800.0])
    return [
        *(Draw(_memory(rng, *sizes(rng, 2))) for _ in range(4)),
        Draw(_memory(rng, 1, K), "one sequence (B = 1)"),
        Draw(_memory(rng, B, K, fresh=True), "an empty memory"),
        Draw(_memory(rng, B, K, np.float32), "float32"),
        Draw((q, k, v, a_i, a_f, C, n, m), "scores of ±900", "large"),
    ]


def _mlstm_key(*args):
    """The kit's step makes q, k, v and the scores from x by its weights: here x holds them, and the weights pick."""
    q, k, v, a_i, a_f, C, n, m = double(args)
    K = q.shape[1]
    pick = np.eye(3 * K + 2)
    W_x = np.concatenate([pick[: 3 * K], np.zeros((K, 3 * K + 2))])
    W_x[K : 2 * K] *= np.sqrt(K)  # the kit divides keys by it
    open_gate = np.repeat([0.0, 100.0], (3 * K, K))
    params = mlstm.Params(W_x, open_gate, pick[3 * K :], np.zeros(2))
    x_t = np.concatenate([q, k, v, a_i[:, None], a_f[:, None]], axis=1)
    h, new, _ = mlstm.step(params, x_t, mlstm.State(C[:, None], n[:, None], m[:, None]))
    return {"h": h, "C": new.C[:, 0], "n": new.n[:, 0], "m": new.m[:, 0]}


def _mlstm_attempt(answers, args, own):
    *given, C, n, m = args
    names = ("q", "k", "v", "a_i", "a_f", "state")
    return ask(_state_in_a_tuple(answers["mlstm_step"]), (*given, (C, n, m)), names, ("h", "C", "n", "m"))


def _state_in_a_tuple(function):
    """The same function, with the new state in a tuple where it stands in a list."""

    @wraps(function)
    def opened(*args):
        value = function(*args)
        if isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[1], list) and len(value[1]) == 3:
            return value[0], tuple(value[1])
        return value

    return opened if callable(function) else function


MLSTM_STEP = Question(
    name="mlstm_step",
    parts=(
        Part("h", 1, "(B, K)"),
        Part("C", 1, "(B, K, K)"),
        Part("n", 1, "(B, K)"),
        Part("m", 1, "(B,)"),
        Part("large scores", 1, on="large", of=("h", "C", "n", "m")),
    ),
    draws=_mlstm_draws,
    key=_mlstm_key,
    attempt=_mlstm_attempt,
    mistakes=mistakes.MLSTM_STEP,
    hints=(
        "Go line by line: first log f, then the new m, which needs the old one; then i and f relative to the new m; "
        "then C and n; h comes last and reads the new ones.",
        "i and f have the shape (B,), C has (B, K, K): write f[:, None, None] * C. The outer products v k^T of all "
        "sequences are v[:, :, None] * k[:, None, :], value first.",
        "C q for every sequence is np.einsum('bvk,bk->bv', C, q), and n q is (n * q).sum(axis=1). The denominator is "
        "np.maximum(np.abs(nq), np.exp(-m))[:, None]. With log f = -np.logaddexp(0, -a_f) nothing overflows.",
    ),
)


def _reset_draws(rng):
    def draw(T, B, H, label="", share=0.4, dtype=np.float64):
        starts = rng.random((T, B)) < share
        if T > 2:  # so that the first step, a later one and the last differ between the sequences
            starts[0, 0], starts[1, 0], starts[-1, -1] = False, True, True
        return Draw((*_series(rng, T, B, H, dtype), starts), label)

    T, B, H = sizes(rng, 3)
    a, b, h0 = _long_series(rng)
    return [
        *(draw(*sizes(rng, 3)) for _ in range(4)),
        draw(1, B, H, "one step (T = 1)", share=1.0),
        draw(T, B, H, "no reset", share=0.0)._replace(args=(*_series(rng, T, B, H), np.zeros((T, B), bool))),
        draw(T, B, H, "float32", dtype=np.float32),
        Draw((a, b, h0, rng.random((len(a), 1)) < 0.002), "a long series", "long"),
    ]


def _reset_attempt(answers, args, own):
    if len(args[0]) > 100:
        return _few_operations(answers["scan_with_resets"], args, len(args[0]) // LONGER), ()
    return ask(answers["scan_with_resets"], args, ("a", "b", "h0", "starts"), ("hs",))


def _reset_key(a, b, h0, starts):
    """Sequence by sequence and stretch by stretch, each by the loop from its own h0."""
    a, b, h0 = double((a, b, h0))
    hs = np.empty_like(b)
    for s in range(b.shape[1]):
        cuts = sorted({0, len(b), *np.flatnonzero(starts[:, s])})
        for start, stop in pairwise(cuts):
            hs[start:stop, s] = scan.linear(a[start:stop, s], b[start:stop, s], h0[s])
    return {"hs": hs}


SCAN_WITH_RESETS = Question(
    name="scan_with_resets",
    parts=(Part("hs", 2, "(T, B, H)"), Part("few operations", 1, on="long")),
    draws=_reset_draws,
    key=_reset_key,
    attempt=_reset_attempt,
    mistakes=mistakes.SCAN_WITH_RESETS,
    stand_ins={"scan_linear": scan.doubling},
    hints=(
        "You need no other scan. Change a and b at the steps where a series begins, and give them to scan_linear.",
        "At such a step h_t = a_t h_0 + b_t, whatever was before. Which factor says 'whatever was before'?",
        "Where starts is true: b becomes b + a * h0 and a becomes 0, in this order. starts has the shape (T, B), so "
        "it needs a last axis: starts[:, :, None].",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question
    for question in (BY_HAND, SCAN_LINEAR, MINLSTM_FORWARD, LOG_SPACE_SCAN, MLSTM_STEP, SCAN_WITH_RESETS)
}
hint, yours = doors(QUESTIONS)


def by_hand(by_hand, seed=0):
    """Points for the stretch and the cost of your own numbers, a dict; prints the report."""
    return show(examine(BY_HAND, {"by_hand": by_hand}, seed))


def scan_linear(scan_linear, seed=0):
    """Points for hs (T, B, H) of h_t = a_t h_{t-1} + b_t in few operations; prints the report."""
    return show(examine(SCAN_LINEAR, {"scan_linear": scan_linear}, seed))


def minlstm_forward(minlstm_forward, seed=0):
    """Points for hs (T, B, H) of a minLSTM from x (T, B, D); a wrong scan_linear costs nothing here."""
    return show(examine(MINLSTM_FORWARD, {"minlstm_forward": minlstm_forward}, seed))


def log_space_scan(log_space_scan, seed=0):
    """Points for log hs (T, B, H) from the logarithms of a, b and h0; prints the report."""
    return show(examine(LOG_SPACE_SCAN, {"log_space_scan": log_space_scan}, seed))


def mlstm_step(mlstm_step, seed=0):
    """Points for one step of an mLSTM with one head, q, k, v (B, K); prints the report."""
    return show(examine(MLSTM_STEP, {"mlstm_step": mlstm_step}, seed))


def scan_with_resets(scan_with_resets, seed=0):
    """Points for hs (T, B, H) of a scan that begins anew where starts (T, B) is true; prints the report."""
    return show(examine(SCAN_WITH_RESETS, {"scan_with_resets": scan_with_resets}, seed))
