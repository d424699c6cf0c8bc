"""The checks of the assignment `practice`: call one with your function, read the report, get the points.

    from lstmkit.grading import practice as check
    check.clip_global_norm(clip_global_norm)

T steps, B sequences, D inputs, H units, N tokens.  Weights W_x (4H, D), W_h (4H, H), bias b (4H,), blocks i, f, g, o.
Where the answer is random, what it has to be is judged by its properties: the right draw is any that has them.
"""

from itertools import pairwise

import numpy as np

from lstmkit.grading import practice_mistakes as mistakes
from lstmkit.grading.draws import double, sizes
from lstmkit.grading.guard import Problem, call
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, as_array, ask, doors, examine, show, unpack
from lstmkit.numpy import adam, lengths

# 1. clip_global_norm: arguments c, *grads, so that the check sees their dtype.

NO_NUMBER = "zero or NaN"


def _clip_draws(rng):
    def draw(*shapes, norm, c, dtype=np.float64, label=""):
        arrays = [rng.normal(size=shape) for shape in shapes]
        factor = norm / adam.clip_by_norm(arrays, 1.0)[1]
        return Draw((c, *((factor * array).astype(dtype) for array in arrays)), label)

    def above(**options):
        D, H, K = sizes(rng, 3)
        c = rng.uniform(0.4, 1.5)
        return draw((4 * H, D), (4 * H, H), (4 * H,), (K, H), norm=rng.uniform(3, 30), c=c, **options)

    D, H, K = sizes(rng, 3)
    broken = [rng.normal(size=(D, H)), rng.normal(size=H)]
    with_nan, with_inf = (np.array([value, *broken[1]]) for value in (np.nan, np.inf))
    return [
        *(above() for _ in range(4)),
        draw((H, D), (H,), norm=rng.uniform(1, 2), c=rng.uniform(3, 4), label="a norm below c"),
        draw((K, H), norm=rng.uniform(5, 9), c=2.0, label="a single array"),
        draw(*[(H, H)] * 5, norm=1.25, c=1.0, label="no array above c by itself"),
        above(dtype=np.float32, label="float32"),
        Draw((1.0, np.zeros((D, H)), np.zeros(H)), "a gradient of zero", NO_NUMBER),
        Draw((1.0, broken[0], with_nan), "a NaN among the gradients", NO_NUMBER),
        Draw((1.0, broken[0], with_inf), "an infinite gradient", NO_NUMBER),
    ]


def _clip_key(c, *grads):
    with np.errstate(invalid="ignore"):  # infinity times zero
        clipped, norm = adam.clip_by_norm(double(grads), c)
    if not np.isfinite(norm):
        return {"norm": np.nan}  # which of NaN and infinity, and what becomes of the arrays, is the student's choice
    return {"clipped": np.concatenate([g.ravel() for g in clipped]), "norm": norm}


def _clip_attempt(answers, args, own):
    c, *grads = args
    outcome = call(answers["clip_global_norm"], (grads, c), ("grads", "c"))
    value = outcome.value
    if value is None or isinstance(value, Problem):
        return unpack(outcome, ("clipped", "norm")), outcome.modified
    if isinstance(value, dict) and {"clipped", "norm"} <= set(value):
        value = value["clipped"], value["norm"]
    if not isinstance(value, tuple | list) or len(value) != 2:
        return dict.fromkeys(("clipped", "norm"), _form("clip_global_norm", value, "clipped, norm")), outcome.modified
    clipped, norm = _joined(value[0], grads), as_array(value[1])
    if not isinstance(norm, Problem) and norm.size == 1:
        norm = norm.reshape(())
        if not all(np.isfinite(g).all() for g in grads):
            norm = (
                Problem(NO_NUMBER, "a gradient is NaN or infinite, and the norm does not show it: let it through.")
                if np.isfinite(norm)
                else np.float64(np.nan)
            )
    if not any(np.any(g) for g in grads) and not isinstance(clipped, Problem) and np.isnan(clipped).any():
        clipped = Problem(NO_NUMBER, "a gradient of zero becomes NaN: zero is divided by zero. It needs no clipping.")
    return {"clipped": clipped, "norm": norm}, outcome.modified


def _joined(arrays, like):
    """The entries of a list of arrays end to end, or the Problem that their shapes are not those of `like`."""
    if not isinstance(arrays, tuple | list) or len(arrays) != len(like):
        count = f"{len(arrays)} arrays" if isinstance(arrays, tuple | list) else f"one {type(arrays).__name__}"
        return Problem("form", f"clipped is {count}; expected a list of as many arrays as grads has, {len(like)}.")
    read = [as_array(array) for array in arrays]
    for array, model in zip(read, like, strict=True):
        if isinstance(array, Problem):
            return array
        if array.shape != model.shape:
            return Problem("shape", f"an array of clipped has shape {array.shape}, its gradient {model.shape}.")
    return np.concatenate([array.ravel() for array in read])


def _form(name, value, expected):
    got = f"{len(value)} values" if isinstance(value, tuple | list) else f"one {type(value).__name__}"
    return Problem("form", f"{name} returned {got}; expected {expected}.")


CLIP_GLOBAL_NORM = Question(
    name="clip_global_norm",
    parts=(
        Part("clipped", 1, "arrays of the shapes of grads"),
        Part("norm", 1, "a number"),
        Part("zero and NaN", 1, on=NO_NUMBER),
        Part(UNCHANGED, 1),
    ),
    draws=_clip_draws,
    key=_clip_key,
    attempt=_clip_attempt,
    mistakes=mistakes.CLIP_GLOBAL_NORM,
    hints=(
        "How long would the gradient be if all its arrays were laid end to end in one vector?",
        "Add up the squares of all entries of all arrays, and take one root. One factor for all arrays then keeps the "
        "direction.",
        "The factor is c / norm where the norm is above c, and 1 everywhere else: below c, for a gradient of zero, and "
        "for a NaN, which no comparison calls larger. Return [factor * g for g in grads] and the norm before clipping.",
    ),
)

# 2. init_lstm: random, so judged by properties.

INIT_PARTS = ("W_x", "W_h", "forget bias", "chrono", "drawn from rng")


def _init_draws(rng):
    """D below H, so that 1/√D is wider than 1/√H; H large enough for shares of the units to mean something."""
    draws = []
    for _ in range(4):
        D, H = int(rng.integers(15, 30)), int(rng.integers(60, 90))
        value, T_max = rng.uniform(1.5, 3), int(rng.integers(500, 2000))
        seed, other = rng.choice(10**6, 2, replace=False)
        draws.append(Draw((D, H, value, T_max, int(seed), int(other))))
    return draws


def _init_attempt(answers, args, own):
    D, H, value, T_max, seed, other = args

    def drawn(seed, *rest):
        if not callable(answers["init_lstm"]):
            return ask(answers["init_lstm"], (), (), ("W_x", "W_h", "b"))[0]
        arrays = unpack(call(answers["init_lstm"], (D, H, np.random.default_rng(seed), *rest)), ("W_x", "W_h", "b"))
        shapes = {"W_x": (4 * H, D), "W_h": (4 * H, H), "b": (4 * H,)}
        return {name: _of_shape(name, arrays[name], shape) for name, shape in shapes.items()}

    plain, default, chrono = drawn(seed, value), drawn(seed), drawn(seed, 1.0, T_max)
    again, another = drawn(seed, 1.0, T_max), drawn(other, 1.0, T_max)
    memories = _judged(_judge_chrono, chrono["b"], T_max)
    if not isinstance(memories, Problem):  # the ends of the range show where it is short
        memories = _judged(_judge_chrono, drawn(seed, 1.0, 4)["b"], 4)
    return {
        "W_x": _judged(_judge_input_weights, plain["W_x"], H),
        "W_h": _judged(_judge_recurrent_weights, plain["W_h"], H),
        "forget bias": _judged(_judge_forget_bias, plain["b"], value, default["b"]),
        "chrono": memories,
        "drawn from rng": _judge_generator(chrono, again, another),
    }, ()


def _of_shape(name, value, shape):
    array = as_array(value)
    if isinstance(array, Problem):
        return array
    if array.shape != shape:
        return Problem("shape", f"{name}: given shape {array.shape}, expected {shape} here.")
    if not np.isfinite(array).all():
        return Problem("nan", f"{name} holds values that are not finite.")
    return array


def _judged(judge, array, *rest):
    return array if isinstance(array, Problem) else judge(array, *rest)


def _alike(blocks):
    return any(np.allclose(blocks[0], block) for block in blocks[1:])


def _judge_input_weights(W_x, H):
    bound = 1 / np.sqrt(H)
    if np.ptp(W_x) < 1e-9:
        return Problem("constant W_x", "all entries are equal, so all units would learn the same: draw each by itself.")
    if _alike(np.split(W_x, 4)):
        return Problem("blocks of W_x alike", "two of the four blocks are equal: draw all 4H rows.")
    if abs(W_x.mean()) > 0.2 * np.abs(W_x).max():
        return Problem("W_x not centred", "the entries are not as often negative as positive.")
    if np.abs(W_x).max() > bound * (1 + 1e-9):
        return Problem(
            "W_x too wide", "there are entries beyond ±1/√H: is it normal where it should be uniform, or another size?"
        )
    if np.abs(W_x).max() < 0.9 * bound or not 0.5 < W_x.std() / bound < 0.66:
        return Problem("W_x too narrow", "the entries do not fill ±1/√H evenly: another size under the root?")
    return 1.0


def _judge_recurrent_weights(W_h, H):
    blocks, eye = np.split(W_h, 4), np.eye(H)
    products = [Q @ Q.T for Q in blocks]
    if not all(np.allclose(product, eye, atol=1e-5) for product in products):
        if all(np.allclose(product, product[0, 0] * eye, atol=1e-4) for product in products):
            return Problem("W_h scaled", "the blocks are rotations times a number: the number should be 1.")
        if np.allclose(W_h.T @ W_h, eye, atol=1e-5):
            return Problem(
                "orthogonal as a whole",
                "the whole (4H, H) is orthonormal, so each gate's own block shrinks what it is given: turn block by "
                "block.",
            )
        return Problem("W_h not orthogonal", "a block of W_h times its transpose is not the identity.")
    if _alike(blocks):
        return Problem("one block four times", "the blocks are equal: draw a rotation for each gate.")
    return 1.0


def _judge_forget_bias(b, value, default):
    i, f, g, o = np.split(b, 4)
    rest = np.concatenate([i, g, o])
    if np.allclose(b, value):
        return Problem("bias in every block", "all of b has the forget bias: it is for the block of f alone.")
    if not np.any(f) and np.any(rest):
        which = " and ".join(name for name, block in (("i", i), ("g", g), ("o", o)) if np.any(block))
        return Problem("bias in another block", f"b is not zero in the block of {which}, and zero in that of f.")
    if np.allclose(b.reshape(-1, 4)[:, 1], value) and not np.allclose(f, value):
        return Problem("bias interleaved", "every fourth entry is set: a block is H neighbouring entries.")
    if np.allclose(f, -value):
        return Problem("sign of the bias", "the forget bias has the wrong sign: the gate would start closed.")
    if np.allclose(f, value / 2):
        return Problem("half the bias", "half of it is there: in torch two biases are added, here there is one.")
    if np.allclose(f, 1.0):
        return Problem("forget_bias not used", "the block of f is one, whatever `forget_bias` is.")
    if np.any(rest):
        return Problem("other biases", "the biases of i, g and o should be zero.")
    if not np.allclose(f, value):
        return Problem("bias", "the block of f does not hold the forget bias in each of its H entries.")
    if isinstance(default, Problem):
        return default
    if not np.allclose(default, np.where(b == 0, 0, 1.0)):
        return Problem("default bias", "without the argument, `forget_bias` should be one.")
    return 1.0


def _judge_chrono(b, T_max):
    i, f, g, o = np.split(b, 4)
    if np.any(g) or np.any(o):
        return Problem("other biases", "the biases of g and o should be zero.")
    if np.ptp(f) < 1e-9:
        return Problem(
            "one memory for all", "all units have the same forget bias: draw u once for each of the H units."
        )
    if np.all(f <= 0) and np.all(i >= 0):
        return Problem("i and f exchanged", "the block of i remembers and that of f is closed: exchange the two.")
    if f.max() > 30:
        return Problem("no logarithm", "b_f is u itself: take its logarithm.")
    u = np.exp(f)
    if u.min() < 1 - 1e-9 or u.max() > T_max - 1 + 1e-6:
        return Problem("chrono range", "exp(b_f) should lie between 1 and T_max - 1; the logarithm is the natural one.")
    if not 0.27 < ((u - 1) / (T_max - 2)).mean() < 0.73:
        return Problem(
            "chrono spread", "exp(b_f) is not spread evenly: u is uniform between 1 and T_max - 1, b_f its logarithm."
        )
    if not np.any(i):
        return Problem("b_i left at zero", "the input gate's biases are zero: they are the opposites of those of f.")
    if np.allclose(i, f):
        return Problem("sign of b_i", "b_i equals b_f: it is its opposite, the input gate opens as far as f lets go.")
    if not np.allclose(i, -f):
        return Problem("b_i drawn anew", "b_i is not the opposite of b_f, unit by unit: draw once.")
    return 1.0


def _judge_generator(first, again, another):
    names = [name for name in first if not any(isinstance(run[name], Problem) for run in (first, again, another))]
    if "W_x" not in names and "W_h" not in names:
        return next(run[name] for run in (first, again, another) for name in run if isinstance(run[name], Problem))
    for name in names:
        if not np.array_equal(first[name], again[name]):
            return Problem(
                "not repeatable",
                f"{name} differs though the generator starts anew: draw with the `rng` that you are given.",
            )
    for name in names:
        drawn = len(np.unique(first[name])) > 2
        if drawn and np.array_equal(first[name], another[name]):
            return Problem("same for every rng", f"{name} is the same for two generators: is one made inside?")
    return 1.0


INIT_LSTM = Question(
    name="init_lstm",
    parts=(
        Part("W_x", 1, "(4H, D)"),
        Part("W_h", 1, "(4H, H)"),
        Part("forget bias", 1, "(4H,)"),
        Part("chrono", 1, "(4H,)"),
        Part("drawn from rng", 1, "arrays"),
    ),
    draws=_init_draws,
    key=lambda *args: dict.fromkeys(INIT_PARTS, 1.0),
    attempt=_init_attempt,
    hints=(
        "Four things, one after the other: W_x, W_h in four blocks, b with one block set, and b with two blocks drawn.",
        "A random rotation: np.linalg.qr of a normal (H, H) gives Q and R; Q is orthogonal. Make four, stack them.",
        "b[H:2H] is the block of f and b[:H] that of i. For chrono draw rng.uniform(1, T_max - 1, H), "
        "once, and take its logarithm.",
        "W_x = rng.uniform(-k, k, (4H, D)) with k = 1/√H; W_h = the four Q stacked; b = zeros; without T_max "
        "b[H:2H] = forget_bias; with it b[H:2H] = np.log(u) and b[:H] = -b[H:2H].",
    ),
)

# 3. pad_and_mask, masked_loss, last_valid: arguments loss, mask, hs, *sequences.

ON_PADDING = "whatever stands on the padding"


def _pad_draws(rng):
    def draw(D, B, H, longest=None, more=2, dtype=np.float64, label="", kind="ordinary", filled=None):
        steps = rng.choice(np.arange(2, B + 5), B, replace=False) if longest is None else np.full(B, longest)
        sequences = [rng.normal(size=(n, D)).astype(dtype) for n in steps]
        for sequence in sequences:
            sequence[0] = 0  # a reading of zero is a reading
        mask = lengths.mask(rng.permutation(steps), int(steps.max()) + more)
        loss, hs = rng.uniform(0.5, 3, mask.shape).astype(dtype), rng.normal(size=(*mask.shape, H)).astype(dtype)
        if filled is not None:
            loss[~mask], hs[~mask] = filled, filled
        return Draw((loss, mask, hs, *sequences), label, kind)

    B, D, H = sizes(rng, 3)
    return [
        *(draw(D, B, H) for B, D, H in (sizes(rng, 3) for _ in range(4))),
        draw(D, 1, H, label="one sequence (B = 1)"),
        draw(D, B, H, longest=3, more=0, label="equal lengths"),
        draw(D, B, H, dtype=np.float32, label="float32"),
        *(
            draw(D, B, H, more=more, filled=value, kind=ON_PADDING, label="NaN or infinity on the padding")
            for more, value in ((1, np.nan), (5, np.inf))
        ),
    ]


def _pad_key(loss, mask, hs, *sequences):
    steps = np.array([len(sequence) for sequence in sequences])
    X = np.zeros((steps.max(), len(sequences), sequences[0].shape[1]))
    for b, sequence in enumerate(sequences):
        X[: len(sequence), b] = sequence
    return {
        "X": X,
        "mask": lengths.mask(steps, steps.max()).astype(float),
        "masked_loss": loss[mask].astype(float).mean(),
        "last_valid": hs[mask.sum(axis=0) - 1, np.arange(mask.shape[1])],
    }


def _pad_attempt(answers, args, own):
    loss, mask, hs, *sequences = args
    padded, changed = ask(answers["pad_and_mask"], (sequences,), ("sequences",), ("X", "mask"))
    mean, touched = ask(answers["masked_loss"], (loss, mask), ("loss", "mask"), ("masked_loss",))
    last, touched_too = ask(answers["last_valid"], (hs, mask), ("hs", "mask"), ("last_valid",))
    if not np.isfinite(loss).all():
        mean, last = _let_in(mean), _let_in(last)
    return {**padded, **mean, **last}, changed + touched + touched_too


def _let_in(values):
    """The values, but a Problem where NaN or infinity has come in from the padding."""
    problem = Problem(
        ON_PADDING, "what stands on the padding comes through: NaN times zero is NaN, so choose, do not multiply."
    )

    def touched(value):
        read = as_array(value)
        return not isinstance(read, Problem) and not np.isfinite(read).all()

    return {name: problem if touched(value) else value for name, value in values.items()}


PAD_AND_MASK = Question(
    name="pad_and_mask",
    parts=(
        Part("X", 1, "(T, B, D)"),
        Part("mask", 1, "(T, B)"),
        Part("masked_loss", 1, "a number"),
        Part("last_valid", 1, "(B, H)"),
        Part("any padding", 1, on=ON_PADDING, of=("masked_loss", "last_valid")),
    ),
    draws=_pad_draws,
    key=_pad_key,
    attempt=_pad_attempt,
    mistakes=mistakes.PAD_AND_MASK,
    hints=(
        "Which of your four results may change when somebody pads the same batch to twice the length? None of the last "
        "two.",
        "The lengths say everything: T is the largest, mask[t, b] is t < length of b. Never read them off the values: "
        "a reading may be zero.",
        "NaN times zero is NaN, so do not multiply the padding away: choose the valid entries, loss[mask] or np.where. "
        "Their sum is divided by their number, mask.sum().",
        "X = zeros (T, B, D), X[:n, b] = sequence b; mask = np.arange(T)[:, None] < lengths; loss[mask].mean(); "
        "hs[mask.sum(axis=0) - 1, np.arange(B)].",
    ),
)

# 4. tbptt_batches


def _tbptt_draws(rng):
    def draw(B, k, n, left, label=""):
        """n steps for each of B streams, the last piece of `n mod k`, and `left` tokens too few for another step."""
        return Draw((rng.permutation(1000)[: B * n + 1 + left], B, k), label)

    def ragged():
        B, k = sizes(rng, 2)
        n = int(rng.integers(2, 5)) * k + int(rng.integers(1, k))
        return draw(B, k, n, int(rng.integers(0, B)))

    B, k = sizes(rng, 2)
    return [
        *(ragged() for _ in range(4)),
        draw(B, k, 3 * k, B - 1, "pieces that come out even"),
        draw(1, k, 2 * k + 1, 0, "one stream (B = 1)"),
        draw(B, k + 1, k, 0, "a text shorter than k"),
    ]


def _tbptt_key(tokens, B, k):
    n = (len(tokens) - 1) // B
    return {
        "inputs": tokens[: B * n].reshape(B, n).T,
        "targets": tokens[1 : B * n + 1].reshape(B, n).T,
        "pieces": np.array([min(k, n - begin) for begin in range(0, n, k)]),
    }


def _tbptt_attempt(answers, args, own):
    function = answers["tbptt_batches"]
    if not callable(function):
        return ask(function, args, (), ("inputs", "targets", "pieces"))

    def listed(*given):
        value = function(*given)
        return value if value is None else list(value)  # a generator runs here, where its errors are caught

    outcome = call(listed, args, ("tokens", "B", "k"))
    value = outcome.value
    if value is None or isinstance(value, Problem):
        return unpack(outcome, ("inputs", "targets", "pieces")), outcome.modified
    return _end_to_end(value), outcome.modified


def _end_to_end(batches):
    """inputs and targets of all pieces in one array each, and the length of each piece."""
    names = ("inputs", "targets", "pieces")
    if not batches or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in batches):
        return dict.fromkeys(names, Problem("form", "expected a list (or a generator) of pairs x, y."))
    found = {"pieces": np.array([len(np.atleast_1d(as_array(x))) for x, _ in batches])}
    for name, which in (("inputs", 0), ("targets", 1)):
        arrays = [as_array(pair[which]) for pair in batches]
        if any(isinstance(array, Problem) or array.ndim != 2 for array in arrays):
            found[name] = Problem("form", "each x and each y should be an array of two axes, (k, B).")
        elif len({array.shape[1] for array in arrays}) > 1:
            found[name] = Problem("batch first", "the second axis of the pieces is not B throughout: time comes first.")
        else:
            found[name] = np.concatenate(arrays)
    return found


TBPTT_BATCHES = Question(
    name="tbptt_batches",
    parts=(
        Part("inputs", 2, "(n, B)"),
        Part("targets", 1, "(n, B)"),
        Part("pieces", 1, "the lengths of the pieces"),
    ),
    draws=_tbptt_draws,
    key=_tbptt_key,
    attempt=_tbptt_attempt,
    mistakes=mistakes.TBPTT_BATCHES,
    hints=(
        "Cut the text into B long streams first. Only then cut all streams, at the same places, into pieces of k.",
        "Every input needs a target, the token behind it. So of N tokens N - 1 can be inputs, and each stream has "
        "n = (N - 1) // B of them.",
        "x and y are two tables (n, B) made alike, y one token later in the text; cut both at 0, k, 2k, ... The last "
        "piece may be short: it is used too.",
        "X = tokens[:B n].reshape(B, n).T and Y = tokens[1:B n + 1].reshape(B, n).T; the pieces are X[t:t + k], "
        "Y[t:t + k] for t in range(0, n, k).",
    ),
)

# 5. locked_dropout: random, so judged by properties.


def _dropout_draws(rng):
    draws = []
    for _ in range(4):
        T, B, H = int(rng.integers(5, 9)), int(rng.integers(18, 24)), int(rng.integers(28, 36))
        h = rng.uniform(0.5, 1.5, (T, B, H)) * rng.choice([-1, 1], (T, B, H))  # no zeros of its own
        seed, other = rng.choice(10**6, 2, replace=False)
        draws.append(Draw((h, rng.uniform(0.15, 0.33), int(seed), int(other))))
    return draws


def _dropout_attempt(answers, args, own):
    h, p, seed, other = args

    def dropped(seed, p, *rest):
        value = ask(answers["locked_dropout"], (h, p, np.random.default_rng(seed), *rest), (), ("out",))[0]["out"]
        return _of_shape("the result", value, h.shape)

    first, again, another = dropped(seed, p), dropped(seed, p), dropped(other, p)
    return {
        "mask": next((run for run in (first, again, another) if isinstance(run, Problem)), None)
        or _judge_mask(first != 0, again != 0, another != 0, p),
        "scale": _judged(_judge_scale, first, h, p),
        "off": _judge_off(h, p, dropped(seed, 0.0), dropped(seed, p, False)),
    }, ()


def _judge_mask(kept, again, another, p):
    if kept.all():
        return Problem("nothing dropped", "no entry is zero.")
    if not (kept == kept[0]).all():
        return Problem("a mask for each step", "the steps have different masks: draw one (B, H), for all steps.")
    if (kept == kept[:, :1]).all():
        return Problem("one mask for all sequences", "the sequences share a mask: each has one of its own.")
    if (kept == kept[:, :, :1]).all():
        return Problem("whole sequences dropped", "all units of a sequence are dropped together: draw for each unit.")
    if abs(kept.mean() - p) < 0.12:
        return Problem("p is kept", "a share p is kept: it is the share that is dropped.")
    if abs(kept.mean() - (1 - p)) > 0.12:
        return Problem("share dropped", "the share of zeros is not p.")
    if not (kept == again).all():
        return Problem(
            "not repeatable",
            "the mask differs though the generator starts anew: draw with the `rng` that you are given.",
        )
    if (kept == another).all():
        return Problem("same for every rng", "the mask is the same for two generators: is one made inside?")
    return 1.0


def _judge_scale(out, h, p):
    kept = out != 0
    if not kept.any():
        return Problem("scale", "everything is zero.")
    ratio = (out / h)[kept]
    if np.allclose(ratio, 1 / (1 - p), rtol=1e-4):
        return 1.0
    if np.allclose(ratio, 1, rtol=1e-4):
        return Problem("not scaled", "what is kept is as large as before, so the mean shrinks: divide by 1 - p.")
    if np.allclose(ratio, 1 / p, rtol=1e-4):
        return Problem("divided by p", "what is kept is divided by p: p is the share that is dropped.")
    if np.allclose(ratio, 1 - p, rtol=1e-4):
        return Problem("multiplied by 1 - p", "what is kept is made smaller: it has to make up for what is dropped.")
    return Problem("scale", "what is kept is not h / (1 - p) throughout.")


def _judge_off(h, p, none, evaluation):
    if isinstance(none, Problem) or isinstance(evaluation, Problem):
        return none if isinstance(none, Problem) else evaluation
    if not np.allclose(none, h, rtol=1e-4):
        return Problem("p = 0", "with p = 0 the result should be h itself.")
    if (evaluation == 0).any():
        return Problem("dropped in evaluation", "with training=False units are dropped all the same.")
    if not np.allclose(evaluation, h, rtol=1e-4):
        return Problem(
            "scaled in evaluation", "with training=False the result should be h itself: training has scaled already."
        )
    return 1.0


LOCKED_DROPOUT = Question(
    name="locked_dropout",
    parts=(Part("mask", 1, "(T, B, H)"), Part("scale", 1, "(T, B, H)"), Part("off", 1, "(T, B, H)")),
    draws=_dropout_draws,
    key=lambda *args: {"mask": 1.0, "scale": 1.0, "off": 1.0},
    attempt=_dropout_attempt,
    hints=(
        "Which shape has the mask, if it is the same at every step? Broadcasting does the rest.",
        "rng.uniform(size=(B, H)) is below p with probability p. What is dropped is multiplied by 0, what is kept by "
        "1 / (1 - p).",
        "If not training: return h. Else mask = rng.uniform(size=h.shape[1:]) >= p, and h * mask / (1 - p).",
    ),
)

# 6. before_the_run: numbers that are known before any training, each student's own.

NUMBERS = ("loss", "bias", "updates", "alive")


def _plan_yours(rng):
    """A vocabulary V, a text of N tokens in B streams and pieces of k, a longest memory, and dropout p over T steps."""
    B, k = int(rng.integers(5, 30)), int(rng.integers(20, 60))
    n = int(rng.integers(40, 150)) * k + int(rng.integers(2, k - 2))  # the last piece is short
    return {
        "V": int(rng.integers(30, 400)),
        "N": B * n + int(rng.integers(2, B)),
        "B": B,
        "k": k,
        "memory": int(rng.integers(10, 60)),
        "p": int(rng.integers(5, 12)) / 100,
        "T": int(rng.integers(15, 30)),  # less than half is alive, so that what is dropped is another number
    }


def _plan_attempt(answers, args, own):
    outcome = call(answers["before_the_run"], ())
    value = outcome.value
    if value is None or isinstance(value, Problem):
        return unpack(outcome, NUMBERS), ()
    if not isinstance(value, dict):
        return dict.fromkeys(NUMBERS, Problem("form", f"expected a dict with the keys {', '.join(NUMBERS)}.")), ()
    right = mistakes.planned(*args)
    return {name: _told(name, value, right[name]) for name in NUMBERS}, ()


def _told(name, value, right):
    """A number of the dict; what is no count is right if three digits are."""
    if name not in value:
        return Problem("form", "the dict has no such key.")
    number = as_array(value[name])
    if isinstance(number, Problem) or number.size != 1:
        return Problem("form", "expected a single number.")
    number = number.reshape(())
    return right if name != "updates" and abs(number - right) <= 2e-3 * abs(right) else number


BEFORE_THE_RUN = Question(
    name="before_the_run",
    parts=tuple(Part(name, 1, "a number") for name in NUMBERS),
    draws=lambda rng, yours: [Draw(tuple(yours.values()))],
    key=mistakes.planned,
    attempt=_plan_attempt,
    mistakes=mistakes.BEFORE_THE_RUN,
    yours=_plan_yours,
    hints=(
        "Each of the four is one line, and each stands in a question above or in the section that it names.",
        "Whoever knows nothing gives each token the probability 1 / V. A gate keeps for 1 / (1 - f) steps. Question 4 "
        "has n and says what becomes of the last piece. A unit has to survive T draws, one after the other.",
        "loss = ln V; bias = ln(memory - 1); updates = ceil(n / k) with n = (N - 1) // B; alive = (1 - p)^T.",
    ),
)

# 7. train, a broken loop to repair: arguments w, lr, c, decay, *pieces, each an array and whether a sequence begins.


def _gradient(w, x, h):
    """A network of one unit that foretells x: ∂loss/∂w (3,) on a piece x (k + 1,) from the state h, and the last state.

    h ← tanh(w₀ h + w₁ x_t), loss = mean of (w₂ h - x_{t+1})².  The slopes of h are carried forwards.
    """
    d_h, total = np.zeros(3), np.zeros(3)
    for now, then in pairwise(x):
        before, h = h, np.tanh(w[0] * h + w[1] * now)
        d_h = (1 - h**2) * (w[0] * d_h + np.array([before, now, 0.0]))
        total += 2 * (w[2] * h - then) * (w[2] * d_h + np.array([0.0, 0.0, h]))
    return total / (len(x) - 1), h


def _train_draws(rng):
    def draw(counts, label=""):
        """One count of pieces for each sequence."""
        w = rng.uniform(0.4, 1.0, 3) * rng.choice([-1, 1], 3)
        pieces = []
        for count in counts:
            for j in range(count):
                pieces += [2 * rng.normal(size=int(rng.integers(4, 8))), j == 0]
        c = 0.5 * np.linalg.norm(_gradient(w, pieces[0], 0.0)[0])  # the first step is clipped, others may not be
        return Draw((w, rng.uniform(0.05, 0.2), c, rng.uniform(0.6, 0.9), *pieces), label)

    return [
        *(draw(rng.permutation([1, 2, 3])) for _ in range(3)),
        draw([2, 2]),
        draw([3], "a single sequence"),
        draw([1], "a single piece"),
    ]


def _train_key(*args):
    return mistakes.trained(*args, gradient=_gradient)


def _train_attempt(answers, args, own):
    w, lr, c, decay, *rest = args
    pieces = list(zip(rest[::2], rest[1::2], strict=True))
    found, changed = {}, ()
    for part, some in (("one step", pieces[:1]), ("whole run", pieces)):
        given = (w, some, _gradient, lr, c, decay)
        value, touched = ask(answers["train"], given, ("w", "pieces"), (part,))
        found |= value
        changed += touched
    return found, tuple(dict.fromkeys(changed))


def _our_clip(grads, c):
    clipped, norm = adam.clip_by_norm(grads, c)
    return list(clipped), norm


TRAIN = Question(
    name="train",
    parts=(Part("one step", 1, "(3,)"), Part("whole run", 1, "(3,)"), Part(UNCHANGED, 1)),
    draws=_train_draws,
    key=_train_key,
    attempt=_train_attempt,
    mistakes=mistakes.train_mistakes(_gradient),
    stand_ins={"clip_global_norm": _our_clip},
    hints=(
        "Play one piece through by hand, with a pencil: which gradient, how long, and which learning rate reach w?",
        "Within a step: gradient, clip, update, and only then the next learning rate. From step to step: what is still "
        "there from the step before, and should it be?",
        "Five places: total adds up and is never reset; the clipped gradient comes too late; lr shrinks before the "
        "first step; h is not set to zero where `begins` is true; and w -= changes the caller's array.",
    ),
)

# Extra: perplexity, arguments loss, mask, loss, mask, ...


def _perplexity_draws(rng):
    def draw(count, label="", kind="ordinary", filled=None, dtype=np.float64):
        args = []
        for _ in range(count):
            T, B = sizes(rng, 2)
            T += 2
            # One long sequence, the others shorter, and padding behind all: batches differ in how many steps count.
            mask = lengths.mask(np.array([T - 1, *rng.integers(1, T - 1, B - 1)]), T)
            loss = rng.uniform(0.2, 3, mask.shape) * rng.uniform(0.5, 1.2)
            loss[~mask] = rng.uniform(0, 2, (~mask).sum()) if filled is None else filled
            args += [loss.astype(dtype), mask]
        return Draw(tuple(args), label, kind)

    return [
        *(draw(int(rng.integers(2, 5))) for _ in range(4)),
        draw(1, "one batch"),
        draw(3, "float32", dtype=np.float32),
        draw(2, "NaN on the padding", ON_PADDING, filled=np.nan),
        draw(2, "infinity on the padding", ON_PADDING, filled=np.inf),
    ]


def _perplexity_key(*args):
    nats = np.concatenate([loss[mask] for loss, mask in _pairs(args)]).astype(float).mean()
    return {"perplexity": np.exp(nats), "bits": nats / np.log(2)}


def _perplexity_attempt(answers, args, own):
    values, changed = ask(answers["perplexity"], (_pairs(args),), ("batches",), ("perplexity", "bits"))
    return (values if np.isfinite(args[0]).all() else _let_in(values)), changed


def _pairs(args):
    return list(zip(args[::2], args[1::2], strict=True))


PERPLEXITY = Question(
    name="perplexity",
    parts=(
        Part("perplexity", 1, "a number"),
        Part("bits", 1, "a number"),
        Part("any padding", 1, on=ON_PADDING),
    ),
    draws=_perplexity_draws,
    key=_perplexity_key,
    attempt=_perplexity_attempt,
    mistakes=mistakes.PERPLEXITY,
    stand_ins={"masked_loss": lambda loss, mask: float(np.mean(loss[mask]))},
    hints=(
        "Batches differ in their number of valid steps. A mean of means gives a token of a small batch more weight.",
        "Add up the losses of all valid steps of all batches, add up their numbers, and divide once, at the end.",
        "With that mean in nats: the perplexity is its exponential, and the bits are the mean divided by ln 2.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question
    for question in (
        CLIP_GLOBAL_NORM,
        INIT_LSTM,
        PAD_AND_MASK,
        TBPTT_BATCHES,
        LOCKED_DROPOUT,
        BEFORE_THE_RUN,
        TRAIN,
        PERPLEXITY,
    )
}
hint, yours = doors(QUESTIONS)


def clip_global_norm(clip_global_norm, seed=0):
    """Points for clip_global_norm(grads, c), grads a list of arrays; prints the report."""
    return show(examine(CLIP_GLOBAL_NORM, {"clip_global_norm": clip_global_norm}, seed))


def init_lstm(init_lstm, seed=0):
    """Points for init_lstm(D, H, rng, forget_bias=1.0, T_max=None), by its properties; prints the report."""
    return show(examine(INIT_LSTM, {"init_lstm": init_lstm}, seed))


def pad_and_mask(pad_and_mask, masked_loss, last_valid, seed=0):
    """Points for a padded batch (T, B, D), its mask, its mean loss and its last valid steps; prints the report."""
    answers = {"pad_and_mask": pad_and_mask, "masked_loss": masked_loss, "last_valid": last_valid}
    return show(examine(PAD_AND_MASK, answers, seed))


def tbptt_batches(tbptt_batches, seed=0):
    """Points for the pieces of truncated backpropagation, each x (k, B) and y (k, B); prints the report."""
    return show(examine(TBPTT_BATCHES, {"tbptt_batches": tbptt_batches}, seed))


def locked_dropout(locked_dropout, seed=0):
    """Points for locked_dropout(h, p, rng, training=True), h (T, B, H), by its properties; prints the report."""
    return show(examine(LOCKED_DROPOUT, {"locked_dropout": locked_dropout}, seed))


def before_the_run(before_the_run, seed=0):
    """Points for before_the_run(), four numbers about your plan, a dict; prints the report."""
    return show(examine(BEFORE_THE_RUN, {"before_the_run": before_the_run}, seed))


def train(train, seed=0):
    """Points for the repaired training loop, w (3,); a wrong clip_global_norm costs nothing here; prints the report."""
    return show(examine(TRAIN, {"train": train}, seed))


def perplexity(perplexity, seed=0):
    """Points for the perplexity and the bits a token of a list of batches; prints the report."""
    return show(examine(PERPLEXITY, {"perplexity": perplexity}, seed))
