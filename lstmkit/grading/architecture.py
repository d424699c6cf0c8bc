"""The checks of the assignment `architecture`: call one with your function, read the report, get the points.

    from lstmkit.grading import architecture as check
    check.pack(pack, unpack)

B sequences, D inputs, H units.  Packed weights W_x (4H, D), W_h (4H, H), b (4H,), gate blocks i, f, g, o; the guide's
form has W_i, W_f, W_g, W_o (H, H + D), which act on [h, x], and b_i, b_f, b_g, b_o (H,).
The right values come from lstmkit.numpy; the named mistakes from architecture_mistakes.
"""

import numpy as np

from lstmkit.cells import lstm as cell
from lstmkit.grading import architecture_mistakes as mistakes
from lstmkit.grading.draws import sizes
from lstmkit.grading.guard import Problem, call
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, as_array, ask, doors, examine, show, unpack
from lstmkit.numpy import functions, lstm
from lstmkit.numpy.lstm import Params, State

GATES = "ifgo"
SAME_CANDIDATE = np.arcsinh(1.0)  # here tanh and the sigmoid have the same value, 1/√2
SURE = 0.01  # how far a unit that was set by hand may be off


def _half_life_draws(rng):
    def draw(*shape, label="", t=None, dtype=np.float64):
        return Draw((rng.uniform(-2, 5, shape).astype(dtype), int(rng.integers(2, 13)) if t is None else t), label)

    def extreme(bias, t):
        return Draw((np.array([bias]), t), f"a forget bias of {bias:g}", "extremes")

    B, H = sizes(rng, 2)
    return [
        draw(H),
        draw(B, H),
        draw(H, B, 3),
        draw(),
        draw(B, t=1, label="one step (t = 1)"),
        draw(H, t=0, label="no step (t = 0)"),
        draw(H, dtype=np.float32, label="float32"),
        extreme(40.0, 1e17),
        extreme(600.0, 1e260),
        extreme(-800.0, 1),
    ]


def _half_life_key(forget_bias, t):
    log_f = functions.log_sigmoid(forget_bias.astype(np.float64))
    return {"retention": np.exp(t * log_f), "half_life": np.log(2) / -log_f}


def _half_life_attempt(answers, args, own):
    left, _ = ask(answers["retention"], args, (), ("retention",))
    half, _ = ask(answers["half_life"], args[:1], (), ("half_life",))
    return {**left, **half}, ()


HALF_LIFE = Question(
    name="half_life",
    parts=(
        Part("retention", 1, "the shape of forget_bias"),
        Part("half_life", 1, "the shape of forget_bias"),
        Part("extremes", 1, on="extremes"),
    ),
    draws=_half_life_draws,
    key=_half_life_key,
    attempt=_half_life_attempt,
    mistakes=mistakes.HALF_LIFE,
    hints=(
        "Each step multiplies by the same number f = σ(b). What has happened after t steps?",
        "For the half-life, solve f^n = ½ for n: take the logarithm of both sides.",
        "For a bias of 40, σ(b) is 1 to the last bit and its logarithm is 0. Never form σ(b): find -ln σ(b) in terms "
        "of e^{-b} with pencil and paper, then look for a NumPy function that computes ln(1 + something small).",
        "-ln σ(b) = ln(1 + e^{-b}) is np.logaddexp(0, -b), for every b. The retention is the exponential of -t times "
        "it, and the half-life is ln 2 divided by it.",
    ),
)


def _stack_draws(rng):
    def draw(layers, biases, label=""):
        D, *units = (int(size) for size in rng.choice(np.arange(5, 200), layers + 1, replace=False))
        return Draw((D, units, biases), label)

    return [draw(2, 1), draw(3, 2), draw(4, 1), draw(2, 2), draw(1, 1, "one layer"), draw(1, 2, "one layer")]


def _stack_key(D, units, biases):
    def count(directions):
        reads = [D, *(directions * H for H in units)]
        return sum(directions * lstm.count_params(read, H, biases) for read, H in zip(reads, units, strict=False))

    return {"one way": count(1), "both ways": count(2)}


def _stack_attempt(answers, args, own):
    D, units, biases = args
    one_way = (D, units) if biases == 1 else (D, units, False, biases)  # those are the defaults
    both_ways = (D, units, True) if biases == 1 else (D, units, True, biases)
    one, _ = ask(answers["stack_count"], one_way, (), ("one way",))
    both, _ = ask(answers["stack_count"], both_ways, (), ("both ways",))
    return {**one, **both}, ()


STACK_COUNT = Question(
    name="stack_count",
    parts=(Part("one way", 1, "a number"), Part("both ways", 1, "a number")),
    draws=_stack_draws,
    key=_stack_key,
    attempt=_stack_attempt,
    mistakes=mistakes.STACK_COUNT,
    hints=(
        "What does the second layer read? Write the number of its inputs beside each layer before you count.",
        "A layer that reads in both directions has two sets of weights, each for H units, and hands on 2H numbers.",
        "Go through the sizes with a loop. Add S · 4H(inputs + H + biases), where S is 1 or 2, and then let S · H be "
        "the inputs of the next layer.",
    ),
)


def _packed(rng, D, H):
    return rng.normal(size=(4 * H, D)), rng.normal(size=(4 * H, H)), rng.normal(size=4 * H)


def _pack_draws(rng):
    def draw(D, H, label=""):
        return Draw(_packed(rng, D, H), label)

    D, H = sizes(rng, 2)
    return [*(draw(*sizes(rng, 2)) for _ in range(4)), draw(H, H, "D = H"), draw(1, H, "D = 1"), draw(D, 1, "H = 1")]


def _pack_key(W_x, W_h, b):
    matrices, biases = mistakes.guides_form(W_x, W_h, b)
    return {"W_x": W_x, "W_h": W_h, "b": b, "matrices back": np.stack(matrices), "biases back": np.stack(biases)}


def _pack_attempt(answers, args, own):
    matrices, biases = mistakes.guides_form(*args)
    got, _ = ask(answers["pack"], (*matrices, *biases), (), ("W_x", "W_h", "b"))
    names = [f"{kind}_{gate}" for kind in "Wb" for gate in GATES]
    back, _ = ask(_side_by_side(answers["unpack"]), args, (), names)
    arrays = [as_array(back[name]) for name in names]
    got["matrices back"], got["biases back"] = _alike(arrays[:4], "W_i"), _alike(arrays[4:], "b_i")
    return got, ()


def _side_by_side(unpack):
    """The function, but two groups of four that it returns, say two lists from np.split, come out as eight arrays."""

    def eight(*args):
        value = unpack(*args)
        pair = isinstance(value, tuple | list) and len(value) == 2
        if pair and all(isinstance(four, tuple | list | np.ndarray) and len(four) == 4 for four in value):
            return (*value[0], *value[1])
        return value

    return eight if callable(unpack) else unpack


def _alike(arrays, first):
    """Four arrays on top of each other, or the Problem that keeps them apart."""
    for array in arrays:
        if isinstance(array, Problem):
            return array
    shapes = [array.shape for array in arrays]
    if len(set(shapes)) > 1:
        listed = ", ".join(map(str, shapes))
        return Problem("shape", f"{first} and the three after it have the shapes {listed}: four of the same are due.")
    return np.stack(arrays)


PACK = Question(
    name="pack",
    parts=(
        Part("W_x", 1, "(4H, D)"),
        Part("W_h", 1, "(4H, H)"),
        Part("b", 1, "(4H,)"),
        Part("matrices back", 1, "four of (H, H + D), stacked as (4, H, H + D)"),
        Part("biases back", 1, "four of (H,), stacked as (4, H)"),
    ),
    draws=_pack_draws,
    key=_pack_key,
    attempt=_pack_attempt,
    mistakes=mistakes.PACK,
    hints=(
        "Write W·[h, x] for one gate with H = 2 and D = 1 on paper. Which columns of W meet h, and which meet x?",
        "The first H columns of each W belong to W_h, the other D to W_x. H is the number of rows of W.",
        "Set the four matrices one below the other first, in the order i, f, g, o; that is (4H, H + D). Then cut once, "
        "between column H - 1 and column H. For b, put the four vectors end to end.",
        "To go back, put W_h and W_x side by side, W_h on the left, and cut the rows into four equal blocks.",
    ),
)

REPAIRED = ("the past", "the candidate", "the squashing", "the holding")


def _holding_draws(rng):
    """Cells in which one fault shows and the others cannot be seen, so that each repair is judged by itself.

    Where the blocks of i and f are equal it does not matter which is which, and where a_g is arsinh(1) the candidate is
    the same with a sigmoid.
    """

    def draw(part, B, D, H, label=""):
        x_t, h_prev, c_prev = rng.normal(size=(B, D)), rng.normal(size=(B, H)), rng.normal(size=(B, H)) * 2
        W_x, W_h, b = _packed(rng, D, H)
        i, f, g, o = (slice(k * H, (k + 1) * H) for k in range(4))
        if part == "the past":  # nothing is written: i is shut
            W_x[i], W_h[i], b[i] = 0, 0, -800.0
        else:
            W_x[i], W_h[i], b[i] = W_x[f], W_h[f], b[f]
        if part != "the candidate":
            W_x[g], W_h[g], b[g] = 0, 0, SAME_CANDIDATE
        if part == "the squashing":  # o is one half, and so is 1 - o
            W_x[o], W_h[o], b[o] = 0, 0, 0
        if part == "the holding":  # c is zero, or so small that tanh(c) is c
            c_prev = -np.tanh(SAME_CANDIDATE) + (1e-5 * c_prev if label == "h_prev = 0" else 0 * c_prev)
            h_prev = 0 * h_prev if label == "h_prev = 0" else h_prev
        return Draw((part, x_t, h_prev, c_prev, W_x, W_h, b), label)

    B, D, H = sizes(rng, 3)
    return [
        *(draw(part, *sizes(rng, 3)) for part in REPAIRED for _ in range(3)),
        *(draw(part, 1, D, H, "one sequence (B = 1)") for part in REPAIRED),
        *(draw(part, B, H, H, "D = H") for part in REPAIRED),
        *(draw("the holding", *sizes(rng, 3), label="h_prev = 0") for _ in range(2)),
    ]


def _holding_key(part, x_t, h_prev, c_prev, W_x, W_h, b):
    a = x_t @ W_x.T + h_prev @ W_h.T + b
    shown, c, _, _, _, o, _ = cell.step(*np.split(a, 4, axis=1), c_prev)
    return {part: c if part in REPAIRED[:2] else shown + (1 - o) * h_prev}


def _holding_attempt(answers, args, own):
    part, *arrays = args
    names = ("x_t", "h_prev", "c_prev", "W_x", "W_h", "b")
    got, modified = ask(answers["holding_step"], tuple(arrays), names, ("h", "c"))
    return {part: got["c" if part in REPAIRED[:2] else "h"]}, modified


HOLDING_STEP = Question(
    name="holding_step",
    parts=(
        Part("the past", 1, "(B, H)"),
        Part("the candidate", 1, "(B, H)"),
        Part("the squashing", 1, "(B, H)"),
        Part("the holding", 1, "(B, H)"),
        Part(UNCHANGED, 1),
    ),
    draws=_holding_draws,
    key=_holding_key,
    attempt=_holding_attempt,
    mistakes=mistakes.HOLDING_STEP,
    hints=(
        "Put each line of the broken code beside its equation and say both aloud. A gate called by the wrong name does "
        "not raise an error.",
        "There are five faults: two in what c is made of, two in what h is made of, and one that shows only after the "
        "call, in an array that was not returned.",
        "Try corners. With i shut and f open c must stay what it was; with o shut h must; with c at 50 and o open h "
        "must not be above 1; and c must be able to fall below zero. `c = c_prev` makes no copy.",
        "Split a first, then give i, f, o their σ and g its tanh. c = f ⊙ c_prev + i ⊙ g in one line makes a new "
        "array. h = o ⊙ tanh(c) + (1 - o) ⊙ h_prev.",
    ),
)


def _unit_draws(rng, mine):
    """Noise that the unit has to ignore, what it held before, and values that it has to take over."""

    def draw(held):
        B = len(held)
        noise, fresh = rng.uniform(-1, 1, (mine["T"], B)), rng.uniform(-1, 1, B)
        return Draw((mine["left"], mine["k"], noise, held, fresh))

    return [draw(rng.uniform(0.4, 1, 3) * rng.choice([-1, 1], 3)) for _ in range(3)] + [
        draw(np.array([1.0, 0.0, -1.0]))
    ]


def _unit_attempt(answers, args, own):
    left, k, noise, held, fresh = args
    parts = ("keeps", "overwrites", "shows")
    got = unpack(call(answers["weights_that_hold"], ()), ("W_x", "W_h", "b"))
    arrays = []
    for name, shape in (("W_x", (4, 2)), ("W_h", (4, 1)), ("b", (4,))):
        array = as_array(got[name])
        if isinstance(array, Problem):
            return dict.fromkeys(parts, array), ()
        if array.shape != shape:
            said = f"{name} has shape {array.shape}; one unit with two inputs has {shape}."
            return dict.fromkeys(parts, Problem("shape", said)), ()
        if not np.isfinite(array).all():
            return dict.fromkeys(parts, Problem("nan", f"{name} has an entry that is no finite number.")), ()
        arrays.append(array)

    def run(values, mark, start):
        """h_t and c_t of every step, (T, B), for values (T, B) from c_0 (B,) with h_0 = tanh(c_0)."""
        x = np.stack([values, np.full(values.shape, float(mark))], axis=2)
        state = State(np.tanh(start)[:, None], start[:, None])
        hs, _, cache = lstm.forward(Params(*arrays), x, state)
        return hs[:, :, 0], lstm.read_gates(cache).c[:, :, 0]

    def far(a, b):
        return bool(np.max(np.abs(a - b)) > SURE)

    hs, cs = run(noise, 0, held)
    h_1, c_1 = run(fresh[None], 1, held)
    return {
        "keeps": _keeps(run, far, left, noise, held, cs[-1]),
        "overwrites": _overwrites(run, far, k, fresh, held, c_1[-1]),
        "shows": _shows(far, np.concatenate([hs, h_1]), np.concatenate([cs, c_1])),
    }, ()


def _keeps(run, far, left, noise, held, last):
    """1.0 if the share `left` of what was held is left, or the Problem with the likely cause."""
    if not far(last, left * held):
        return 1.0
    empty, silence = 0 * held, 0 * noise
    if far(run(silence, 0, empty)[1][-1], empty):
        return Problem("drifts", "an empty cell does not stay empty when nothing comes in: is a bias writing?")
    if far(run(noise, 0, empty)[1][-1], empty):
        said = (
            "unmarked values get into an empty cell: the input gate is not shut, or not far enough, or it opens to "
            "the value."
        )
        return Problem("noise gets in", said)
    kept, wanted = np.abs(run(silence, 0, held)[1][-1]).max(), left * np.abs(held).max()
    if kept < wanted:
        said = "too little is left after T steps: the forget gate acts at every step, T times in all."
        return Problem("fades too fast", said)
    said = "too much is left after T steps: this unit is asked to lose a share of what it holds, not to hold for ever."
    return Problem("fades too slowly", said)


def _overwrites(run, far, k, fresh, held, c):
    """1.0 if a marked step replaces the cell by tanh(k v), or the Problem with the likely cause."""
    if not far(c, np.tanh(k * fresh)):
        return 1.0
    from_empty = run(fresh[None], 1, 0 * held)[1][-1]
    full = run(fresh[None], 1, np.ones_like(held))[1][-1]
    if far(full, from_empty):
        said = "after a mark there is still something of the old cell: which gate drops it, and does W_h bring it back?"
        return Problem("the past stays", said)
    if not far(c, 0 * c):
        return Problem("not written", "a mark empties the cell, and v is not written: which gate lets it in?")
    said = "a mark replaces the cell, but not by tanh(k v): look at the row of the candidate, and how far i opens."
    return Problem("written otherwise", said)


def _shows(far, hs, cs):
    if not far(hs, np.tanh(cs)):
        return 1.0
    return Problem("not shown", "h is not tanh(c) at every step: the output gate has to be open, mark or no mark.")


WEIGHTS_THAT_HOLD = Question(
    name="weights_that_hold",
    parts=(
        Part("keeps", 1, "the share that is asked for"),
        Part("overwrites", 1, "tanh(k v) after a mark"),
        Part("shows", 1, "tanh(c) at every step"),
    ),
    draws=_unit_draws,
    key=lambda *args: {"keeps": 1.0, "overwrites": 1.0, "shows": 1.0},
    attempt=_unit_attempt,
    yours=lambda rng: {
        "T": int(rng.integers(20, 300)),
        "left": int(rng.integers(25, 86)) / 100,
        "k": int(rng.integers(5, 31)) / 10,
    },
    hints=(
        "Which of the four corners of the chapter *gates* does the unit need at an unmarked step, and which one at a "
        "mark?",
        "No gate has to listen to v or to h, so W_h is zero and only the candidate has a weight for v. A gate that is "
        "±20 deep is as good as open or shut.",
        "A gate that switches with the mark m has the pre-activation b + w m: b decides where it stands without a "
        "mark, and b + w where it stands with one.",
        "The forget gate of an unmarked step is f with f^T = left, so its bias is ln(f / (1 - f)), and its weight for "
        "the mark takes it far below zero. The input gate goes the other way, from -20 to 20. b_o is 20.",
    ),
)


def _memory_draws(rng):
    def draw(H, half_lives, label="", kind="ordinary"):
        shortest = float(rng.uniform(1.5, 5))
        return Draw((half_lives, H, shortest, shortest * float(rng.uniform(20, 300))), label, kind)

    def extreme(n, label):
        return draw(3, np.array([n]), f"a half-life of {label}", "extremes")

    B, H = sizes(rng, 2)
    return [
        draw(H, rng.uniform(0.5, 20, B)),
        draw(B, rng.uniform(0.5, 20, (B, H))),
        draw(6, rng.uniform(0.5, 20, 2)),
        draw(3, rng.uniform(0.5, 20, (H, B, 3))),
        draw(2, rng.uniform(0.5, 20, H), "two units (H = 2)"),
        extreme(1e18, "10^18 steps"),
        extreme(1e15, "10^15 steps"),
        extreme(5e-4, "half a thousandth of a step"),
    ]


def _memory_key(half_lives, H, shortest, longest):
    return {"bias_for": mistakes.bias_for(half_lives), "b": mistakes.memory_biases(H, shortest, longest)}


def _memory_attempt(answers, args, own):
    half_lives, *sizes_and_ends = args
    bias, _ = ask(answers["bias_for"], (half_lives,), (), ("bias_for",))
    b, _ = ask(answers["memory_biases"], tuple(sizes_and_ends), (), ("b",))
    return {**bias, **b}, ()


MEMORY_BIASES = Question(
    name="memory_biases",
    parts=(
        Part("bias_for", 1, "the shape of half_life"),
        Part("extremes", 1, on="extremes", of=("bias_for",)),
        Part("b", 1, "(4H,)"),
    ),
    draws=_memory_draws,
    key=_memory_key,
    attempt=_memory_attempt,
    mistakes=mistakes.MEMORY_BIASES,
    stand_ins={"bias_for": mistakes.bias_for},
    hints=(
        "Solve ln(1 + e^{-b}) = L for b, with L = ln 2 / n. Each unit's half-life is the one before it times the same "
        "factor: NumPy has a function for such rows.",
        "b = -ln(e^L - 1). For a tiny L, e^L - 1 loses its digits; for a large L, e^L overflows. There is a function "
        "for each half of this problem, and one identity for both.",
        "ln(e^L - 1) = L + ln(1 - e^{-L}), and 1 - e^{-L} is -np.expm1(-L). For the row use np.geomspace. The second "
        "block of b gets the biases, the first one their opposites, the other two are zero.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question
    for question in (HALF_LIFE, STACK_COUNT, PACK, HOLDING_STEP, WEIGHTS_THAT_HOLD, MEMORY_BIASES)
}
hint, yours = doors(QUESTIONS)


def half_life(half_life, retention, seed=0):
    """Points for half_life(forget_bias) and retention(forget_bias, t), of any shape; prints the report."""
    return show(examine(HALF_LIFE, {"half_life": half_life, "retention": retention}, seed))


def stack_count(stack_count, seed=0):
    """Points for stack_count(D, sizes, bidirectional=False, biases=1); prints the report."""
    return show(examine(STACK_COUNT, {"stack_count": stack_count}, seed))


def pack(pack, unpack, seed=0):
    """Points for W_x (4H, D), W_h (4H, H), b (4H,) from the guide's form, and back; prints the report."""
    return show(examine(PACK, {"pack": pack, "unpack": unpack}, seed))


def holding_step(holding_step, seed=0):
    """Points for each fault that is gone from the step, x_t (B, D), h and c (B, H); prints the report."""
    return show(examine(HOLDING_STEP, {"holding_step": holding_step}, seed))


def weights_that_hold(weights_that_hold, seed=0):
    """Points for W_x (4, 2), W_h (4, 1), b (4,) of one unit that does what is asked; prints the report."""
    return show(examine(WEIGHTS_THAT_HOLD, {"weights_that_hold": weights_that_hold}, seed))


def memory_biases(memory_biases, bias_for, seed=0):
    """Points for memory_biases(H, shortest, longest), b (4H,), and bias_for(half_life); prints the report."""
    return show(examine(MEMORY_BIASES, {"memory_biases": memory_biases, "bias_for": bias_for}, seed))
