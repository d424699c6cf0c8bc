"""The checks of the assignment `evolution`: call one with your function, read the report, get the points.

    from lstmkit.grading import evolution as check
    check.rnn_step(rnn_step)

T steps, B sequences, D inputs, H units.  Weights W_x (H, D), W_h (H, H), one bias b (H,): the simple recurrent network.
The right values come from lstmkit.numpy.rnn and lstmkit.cells; the named mistakes from evolution_mistakes.
"""

import math

import numpy as np

from lstmkit.cells import lstm, lstm97
from lstmkit.cells import rnn as cell
from lstmkit.grading import evolution_mistakes as mistakes
from lstmkit.grading.draws import double, sizes
from lstmkit.grading.guard import Problem, call
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import (
    OWN,
    PRECISION,
    UNCHANGED,
    Draw,
    Part,
    Question,
    as_array,
    ask,
    doors,
    examine,
    show,
)
from lstmkit.numpy import rnn
from lstmkit.numpy.rnn import Params, State

STEP_ARGS = ("x_t", "h_prev", "W_x", "W_h", "b")
ARGS = ("x", "h0", "W_x", "W_h", "b")
GRADIENTS = mistakes.GRADIENTS


def _arrays(rng, T, B, D, H, scale=1.0, dtype=np.float64):
    """x, h0, W_x, W_h, b; with T None x is one step (B, D)."""
    x = scale * rng.normal(size=(B, D) if T is None else (T, B, D))
    shapes = [(B, H), (H, D), (H, H), (H,)]
    return tuple(array.astype(dtype) for array in (x, *(0.7 * rng.normal(size=shape) for shape in shapes)))


def _step_draws(rng):
    def arrays(B, D, H, **options):
        return _arrays(rng, None, B, D, H, **options)

    B, D, H = sizes(rng, 3)
    x_t, h_prev, *weights = arrays(*sizes(rng, 3))
    return [
        *(Draw(arrays(*sizes(rng, 3))) for _ in range(4)),
        Draw(arrays(1, D, H), "one sequence (B = 1)"),
        Draw(arrays(B, H, H), "D = H"),
        Draw((0 * x_t, 0 * h_prev, *weights), "x and h all zero"),
        Draw(arrays(B, D, H, dtype=np.float32), "float32"),
        Draw(arrays(B, D, H, scale=2000.0), "inputs of ±1000", "large"),
        Draw(arrays(B, D, H, scale=2000.0, dtype=np.float32), "inputs of ±1000 in float32", "large"),
    ]


def _step(x_t, h_prev, W_x, W_h, b):
    (h,) = cell.step(x_t @ W_x.T + h_prev @ W_h.T + b)
    return h


def _step_key(*args):
    x_t, h_prev, *params = double(args)
    return {"h": rnn.step(Params(*params), x_t, State(h_prev))[0].h}


RNN_STEP = Question(
    name="rnn_step",
    parts=(Part("h", 2, "(B, H)"), Part("large inputs", 1, on="large"), Part(UNCHANGED, 1)),
    draws=_step_draws,
    key=_step_key,
    attempt=lambda answers, args, own: ask(answers["rnn_step"], args, STEP_ARGS, ("h",)),
    mistakes=mistakes.RNN_STEP,
    hints=(
        "Two products meet in one sum: what the input says, and what the state of the step before says.",
        "Sequences are rows, so W x becomes `x_t @ W_x.T`, and in the same way for h; write down the shapes: "
        "(B, D) times (D, H) is (B, H).",
        "h = tanh(x_t @ W_x.T + h_prev @ W_h.T + b); `np.tanh` knows what to do with large numbers.",
    ),
)


def _forward(x, h0, W_x, W_h, b):
    """hs, and the cache that the question describes."""
    hs, _, _ = rnn.forward(Params(W_x, W_h, b), x, State(h0))
    return hs, (x, h0, hs, W_x, W_h)


def _forward_attempt(answers, args, own):
    """hs is the first thing returned, also in a list [hs, cache]; a list of T states by itself is hs."""
    found, changed = ask(answers["rnn_forward"], args, ARGS, ("hs",))
    hs = found["hs"]
    if isinstance(hs, Problem):
        return found, changed
    if isinstance(hs, list) and len(hs) == 2 and getattr(as_array(hs[0]), "ndim", 0) == 3:
        found["hs"] = hs[0]
    elif isinstance(hs, tuple | dict) and isinstance(as_array(hs), Problem):
        found["hs"] = Problem("form", "the first thing returned looks like the cache; expected hs, cache.")
    return found, changed


def _forward_draws(rng):
    T, B, D, H = sizes(rng, 4)
    return [
        *(Draw(_arrays(rng, *sizes(rng, 4))) for _ in range(4)),
        Draw(_arrays(rng, 1, B, D, H), "one step (T = 1)"),
        Draw(_arrays(rng, T, 1, D, H), "one sequence (B = 1)"),
        Draw(_arrays(rng, T, B, H, H), "D = H"),
        Draw(_arrays(rng, T, B, D, H, dtype=np.float32), "float32"),
    ]


RNN_FORWARD = Question(
    name="rnn_forward",
    parts=(Part("hs", 2, "(T, B, H)"), Part(PRECISION, 1), Part(UNCHANGED, 1)),
    draws=_forward_draws,
    key=lambda *args: {"hs": _forward(*double(args))[0]},
    attempt=_forward_attempt,
    mistakes=mistakes.RNN_FORWARD,
    stand_ins={"rnn_step": _step},
    hints=(
        "A loop over the first axis of x. What does the second step need that the first one made?",
        "Keep one name, h, for the state: it starts as h0, and each step replaces it. Store it after the step.",
        "h = h0; for each x_t in x: h = rnn_step(x_t, h, W_x, W_h, b), then append h to a list. Stack the list; the "
        "cache is (x, h0, hs, W_x, W_h).",
    ),
)


def _backward(d_hs, cache):
    """The five gradients, from the cache that the question describes."""
    x, h0, hs, W_x, W_h = cache
    d_h, d_x = np.zeros_like(h0), []
    d_W_x, d_W_h, d_b = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_h), W_h.dtype)
    for t in reversed(range(len(x))):
        (d_a,) = cell.step_backward(d_h + d_hs[t], hs[t])
        d_x.append(d_a @ W_x)
        d_h = d_a @ W_h
        d_W_x = d_W_x + d_a.T @ x[t]
        d_W_h = d_W_h + d_a.T @ (hs[t - 1] if t else h0)
        d_b = d_b + d_a.sum(axis=0)
    return np.stack(d_x[::-1]), d_h, d_W_x, d_W_h, d_b


def _gradients(d_hs, x, h0, *params):
    _, _, cache = rnn.forward(Params(*params), x, State(h0))
    d_x, d_first, d_params = rnn.backward(Params(*params), d_hs, cache)
    return dict(zip(GRADIENTS, (d_x, d_first.h, *d_params), strict=True))


def _backward_draws(rng):
    def with_losses(arrays, label, last_only=False):
        (T, B, _), H = arrays[0].shape, arrays[1].shape[1]
        d_hs = rng.normal(size=(T, B, H)).astype(arrays[0].dtype)
        if last_only:
            d_hs[:-1] = 0
        return Draw((d_hs, *arrays), label)

    return [
        *(with_losses(draw.args, draw.label) for draw in _forward_draws(rng)),
        with_losses(_arrays(rng, *sizes(rng, 4)), "a loss at the last step only", last_only=True),
    ]


def _cache(answers, arrays, own):
    """What rnn_backward is given: the student's own cache, the last thing that rnn_forward returns, or ours."""
    if not own:
        return _forward(*arrays)[1]
    value = call(answers["rnn_forward"], arrays).value
    if isinstance(value, Problem):
        return Problem(value.kind, f"the forward pass that it builds on: {value.text}")
    if isinstance(value, dict):
        value = [value[name] for name in ("cache", "caches") if name in value]
    if not isinstance(value, tuple | list) or not value:
        return Problem("form", "the forward pass that it builds on returns no cache.")
    return value[-1]


def _backward_attempt(answers, args, own):
    d_hs, *arrays = args
    cache = _cache(answers, tuple(arrays), own)
    if isinstance(cache, Problem):
        return dict.fromkeys(GRADIENTS, cache), ()
    return ask(answers["rnn_backward"], (d_hs, cache), ("d_hs", "cache"), GRADIENTS)


def _forward_is_right(answers):
    return "hs" not in examine(RNN_FORWARD, {"rnn_forward": answers["rnn_forward"]}, alone=True).lost


RNN_BACKWARD = Question(
    name="rnn_backward",
    parts=(
        Part("d_x", 2, "(T, B, D)"),
        Part("d_h0", 1, "(B, H)"),
        Part("d_W_x", 2, "(H, D)"),
        Part("d_W_h", 2, "(H, H)"),
        Part("d_b", 1, "(H,)"),
        Part(OWN, 1),
        Part(UNCHANGED, 1),
    ),
    draws=_backward_draws,
    key=lambda *args: _gradients(*double(args)),
    attempt=_backward_attempt,
    mistakes=mistakes.RNN_BACKWARD,
    stand_ins={"rnn_step": _step},
    own_is_right=_forward_is_right,
    hints=(
        "Walk back from the last step with one array d_h, what has come back so far; it starts as zeros. Two paths "
        "reach h_t: which is in d_hs, and which in d_h?",
        "In step t: d_a = (d_h + d_hs[t]) (1 - h_t²). Whatever a was made of gets its share of d_a: x_t through W_x, "
        "h_{t-1} through W_h, b directly.",
        "d_x[t] = d_a @ W_x, the next d_h = d_a @ W_h, and d_W_x += d_a.T @ x[t], d_W_h += d_a.T @ h_{t-1}, "
        "d_b += d_a.sum(axis=0), where h_{t-1} is h0 at the first step.",
        "Wrong by a factor? The gradients of the weights are sums over time and batch, not means. Only d_h0 wrong? It "
        "is the d_h that is left when the loop has ended.",
    ),
)


def _norm_draws(rng):
    def draw(T, H, label="", gain=1.8, largest=0.9, dtype=np.float64, **options):
        W_h = gain * rng.normal(size=(H, H)) / np.sqrt(H)
        return Draw((W_h.astype(dtype), rng.uniform(-largest, largest, (T, H)).astype(dtype)), label, **options)

    T, H = sizes(rng, 2)
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    long = (rotation, rng.uniform(-0.02, 0.02, (8000, 6)))  # half a second; a minute if each lag starts anew
    return [
        *(draw(*sizes(rng, 2)) for _ in range(4)),
        draw(9, 5),
        draw(1, H, "one step (T = 1)"),
        draw(T, 1, "one unit (H = 1)"),
        draw(T, H, "h all zero", largest=0.0),
        draw(T, H, "float32", dtype=np.float32),
        Draw(long, "8000 steps", "long", seconds=8.0),
    ]


def _norms_key(W_h, hs):
    W_h, hs = double((W_h, hs))
    d_h, products = np.eye(len(W_h)), []  # row j holds the gradient of unit j of h_T
    for h in hs[::-1]:
        products.append(d_h)
        (d_a,) = cell.step_backward(d_h, h)
        d_h = d_a @ W_h
    return {"norms": np.linalg.norm(products, 2, axis=(1, 2))}


JACOBIAN_NORMS = Question(
    name="jacobian_norms",
    parts=(Part("norms", 2, "(T,)"), Part("long sequences", 1, on="long"), Part(UNCHANGED, 1)),
    draws=_norm_draws,
    key=_norms_key,
    attempt=lambda answers, args, own: ask(answers["jacobian_norms"], args, ("W_h", "hs"), ("norms",)),
    mistakes=mistakes.JACOBIAN_NORMS,
    hints=(
        "Lag 0 is easy: dh_T/dh_T is the identity, and the norm of the identity is one. Which matrix turns lag k into "
        "lag k + 1, and on which side does it come?",
        "The tanh comes after W_h, so entry j of 1 - h_t² multiplies row j of W_h: `(1 - h**2)[:, None] * W_h`.",
        "Keep the product P, at first `np.eye(H)`. From the last h to the first: store `np.linalg.norm(P, 2)`, then "
        "P = P @ ((1 - h**2)[:, None] * W_h).",
    ),
)


def _numbers(rng):
    """A student's own numbers: neither count hangs on a rounding error, and no step is as large as c0."""
    while True:
        mine = {
            "gain": round(float(rng.uniform(0.82, 0.96)), 3),
            "below": float(10.0 ** -rng.integers(3, 7)),
            "c0": round(float(rng.uniform(-2.5, -1.2)), 2),
            "i": round(float(rng.uniform(0.2, 0.6)), 2),
            "g": round(float(rng.uniform(0.2, 0.6)), 2),
            "f": round(float(rng.uniform(0.85, 0.97)), 3),
            "n": int(rng.integers(9, 22)),
            "limit": 9.0,
        }
        lag, full = math.log(mine["below"]) / math.log(mine["gain"]), (9.0 - mine["c0"]) / (mine["i"] * mine["g"])
        if all(0.05 < count % 1 < 0.95 for count in (lag, full)) and abs(mine["gain"] - mine["f"]) > 0.01:
            return mine


def _prediction_key(mine):
    """The two counts by counting, the state by running the cell of lstmkit with its gates held where they are said."""

    def before_squashing(gate):
        return np.array([np.log(gate / (1 - gate))])

    a_i, a_f, a_g = before_squashing(mine["i"]), before_squashing(mine["f"]), np.arctanh([mine["g"]])
    lag, left = 0, 1.0
    while not left < mine["below"]:
        lag, left = lag + 1, left * mine["gain"]
    full, c = 0, np.array([mine["c0"]])
    while not c > mine["limit"]:
        full, c = full + 1, lstm97.step(a_i, a_g, a_i, c)[1]
    c = np.array([mine["c0"]])
    for _ in range(mine["n"]):
        c = lstm.step(a_i, a_f, a_g, a_i, c)[1]
    return {"lag": lag, "full": full, "c_2000": c[0]}


PREDICT_MEMORY = Question(
    name="predict_memory",
    parts=(Part("lag", 1, "a number"), Part("full", 1, "a number"), Part("c_2000", 1, "a number")),
    draws=lambda rng, yours: [Draw((yours,))],
    key=_prediction_key,
    attempt=lambda answers, args, own: ask(answers["predict_memory"], (), (), ("lag", "full", "c_2000")),
    mistakes=mistakes.PREDICT_MEMORY,
    yours=_numbers,
    hints=(
        "Write down what is left after one step, after two, after three. Which of the three questions is about a "
        "product, which about a sum, which about both?",
        "lag: gain^k < below, so take logarithms, and mind that both are negative. full: c0 + k i g > limit. Both "
        "are whole numbers, the first for which it holds.",
        "c_2000: c0 has been multiplied by f in n steps; what was written one step ago once, two steps ago twice. So "
        "c_n = f^n c0 + i g (1 + f + ... + f^(n-1)), a geometric sum.",
    ),
)


def _piece_draws(rng):
    def draw(T, k, label="", kind="ordinary", dtype=np.float64):
        B, D, H = sizes(rng, 3)
        arrays = _arrays(rng, T, B, D, H, dtype=dtype)
        return Draw((rng.normal(size=(T, B, H)).astype(dtype), *arrays, k), label, kind)

    return [
        draw(8, 3),
        draw(11, 3),
        draw(9, 5),
        draw(13, 5),
        draw(6, 3, "T a multiple of k"),
        draw(5, 1, "k = 1"),
        draw(7, 3, "float32", dtype=np.float32),
        draw(5, 5, "k = T", "one piece"),
        draw(5, 9, "k above T", "one piece"),
    ]


def _pieces_key(*args):
    *arrays, k = args
    d_hs, x, h0, *params = double(tuple(arrays))
    total, d_x, d_h0 = [0, 0, 0], [], None
    for first in range(0, len(x), k):
        piece = slice(first, first + k)
        found = _gradients(d_hs[piece], x[piece], h0, *params)
        h0 = rnn.forward(Params(*params), x[piece], State(h0))[1].h
        d_x.append(found["d_x"])
        d_h0 = found["d_h0"] if d_h0 is None else d_h0
        total = [a + found[name] for a, name in zip(total, GRADIENTS[2:], strict=True)]
    return mistakes.joined(dict(zip(GRADIENTS, (np.concatenate(d_x), d_h0, *total), strict=True)))


def _pieces_attempt(answers, args, own):
    d_hs, *arrays, k = args
    cache = _cache(answers, tuple(arrays), own)
    if isinstance(cache, Problem):
        return dict.fromkeys(mistakes.PIECES, cache), ()
    found, changed = ask(answers["truncated_backward"], (d_hs, cache, k), ("d_hs", "cache", "k"), GRADIENTS)
    found = {name: as_array(value) for name, value in found.items()}
    shapes = dict(zip(GRADIENTS, (array.shape for array in arrays), strict=True))
    for name, value in found.items():
        if isinstance(value, Problem):
            return dict.fromkeys(mistakes.PIECES, value), changed
        if value.shape != shapes[name]:
            text = f"{name} has the shape {value.shape}, expected that of {name[2:]}, {shapes[name]}."
            found[name] = Problem("shape", text)
    joined = {}
    for part in mistakes.PIECES:
        wrong = [found[name] for name in part.split(", ") if isinstance(found[name], Problem)]
        joined[part] = wrong[0] if wrong else np.concatenate([found[name].ravel() for name in part.split(", ")])
    return joined, changed


def _what_truncation_builds_on_is_right(answers):
    """rnn_forward, and the rnn_backward that it may call."""
    around = getattr(answers["truncated_backward"], "__globals__", {})
    if not _forward_is_right(answers):
        return False
    pair = {"rnn_backward": around.get("rnn_backward"), "rnn_forward": answers["rnn_forward"]}
    return pair["rnn_backward"] is None or not examine(RNN_BACKWARD, pair, alone=True).lost


TRUNCATED_BACKWARD = Question(
    name="truncated_backward",
    parts=(
        Part(mistakes.PIECES[0], 1, "(T, B, D) and (B, H)"),
        Part(mistakes.PIECES[1], 1, "(H, D), (H, H) and (H,)"),
        Part("k of T or more", 1, on="one piece"),
    ),
    draws=_piece_draws,
    key=_pieces_key,
    attempt=_pieces_attempt,
    mistakes=mistakes.TRUNCATED_BACKWARD,
    stand_ins={"rnn_step": _step, "rnn_backward": _backward},
    own_is_right=_what_truncation_builds_on_is_right,
    hints=(
        "One thing changes in the loop of question 3: at some steps nothing is handed on from step t + 1. At which?",
        "With steps counted from 0, step t is the last of its piece when (t + 1) % k == 0. There the d_h that came "
        "back is replaced by zeros, and d_hs[t] is kept.",
        "Or call rnn_backward on each piece, with the cache cut to it: x and hs from `first` to `first + k`, and for "
        "h0 the last state of the piece before. Add up the weights' gradients, and take d_h0 from the first piece.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question
    for question in (
        RNN_STEP,
        RNN_FORWARD,
        RNN_BACKWARD,
        JACOBIAN_NORMS,
        PREDICT_MEMORY,
        TRUNCATED_BACKWARD,
    )
}
hint, yours = doors(QUESTIONS)


def rnn_step(rnn_step, seed=0):
    """Points for one step, x_t (B, D) and h_prev (B, H); prints the report."""
    return show(examine(RNN_STEP, {"rnn_step": rnn_step}, seed))


def rnn_forward(rnn_forward, seed=0):
    """Points for the loop over x (T, B, D); a wrong rnn_step costs nothing here; prints the report."""
    return show(examine(RNN_FORWARD, {"rnn_forward": rnn_forward}, seed))


def rnn_backward(rnn_backward, rnn_forward, seed=0):
    """Points for the gradients, from d_hs (T, B, H), on our cache and on that of `rnn_forward`; prints the report."""
    return show(examine(RNN_BACKWARD, {"rnn_backward": rnn_backward, "rnn_forward": rnn_forward}, seed))


def jacobian_norms(jacobian_norms, seed=0):
    """Points for the norms (T,) of dh_T/dh_{T-k}, from W_h (H, H) and hs (T, H); prints the report."""
    return show(examine(JACOBIAN_NORMS, {"jacobian_norms": jacobian_norms}, seed))


def predict_memory(predict_memory, seed=0):
    """Points for the three predictions about your own numbers, a dict; prints the report."""
    return show(examine(PREDICT_MEMORY, {"predict_memory": predict_memory}, seed))


def truncated_backward(truncated_backward, rnn_forward, seed=0):
    """Points for the gradients of pieces of k steps, from d_hs (T, B, H); prints the report."""
    return show(
        examine(TRUNCATED_BACKWARD, {"truncated_backward": truncated_backward, "rnn_forward": rnn_forward}, seed)
    )
