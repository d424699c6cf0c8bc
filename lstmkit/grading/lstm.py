"""The checks of the assignment `lstm`: call one with your function, read the report, get the points.

    from lstmkit.grading import lstm as check
    check.lstm_step(lstm_step)

T steps, B sequences, D inputs, H units.  Weights W_x (4H, D), W_h (4H, H), one bias b (4H,), gate blocks i, f, g, o.
Every check tries at least four draws of random sizes and values; another `seed` makes other draws.
The right values come from lstmkit.numpy, through the layout of the exercise; the named mistakes from lstm_mistakes.
"""

import numpy as np

from lstmkit.cells import lstm as cell
from lstmkit.grading import lstm_mistakes as mistakes
from lstmkit.grading.guard import Problem, call
from lstmkit.grading.question import OWN, PRECISION, UNCHANGED, Draw, Part, Question, ask, examine, show
from lstmkit.numpy import functions, gradients, lstm
from lstmkit.numpy.lstm import Params, State


def _step(x_t, h_prev, c_prev, W_x, W_h, b):
    a = x_t @ W_x.T + h_prev @ W_h.T + b
    h, c, *saved = cell.step(*np.split(a, 4, axis=-1), c_prev)
    return h, c, (x_t, h_prev, c_prev, W_x, W_h, *saved)


def _step_backward(d_h, d_c, cache):
    x_t, h_prev, c_prev, W_x, W_h, *saved = cache
    *d_a, d_c_prev = cell.step_backward(d_h, d_c, *saved, c_prev)
    d_a = np.concatenate(d_a, axis=-1)
    return d_a @ W_x, d_a @ W_h, d_c_prev, d_a.T @ x_t, d_a.T @ h_prev, d_a.sum(axis=0)


def _forward(x, h0, c0, W_x, W_h, b):
    h, c, hs, caches = h0, c0, [], []
    for x_t in x:
        h, c, cache = _step(x_t, h, c, W_x, W_h, b)
        hs.append(h)
        caches.append(cache)
    return np.stack(hs), (h, c), caches


def _sizes(rng, count):
    """`count` different sizes, none of them 4."""
    return tuple(int(size) for size in rng.choice([2, 3, 5, 6, 7], count, replace=False))


def _arrays(rng, T, B, D, H, scale=1.0, dtype=np.float64):
    """x, h0, c0, W_x, W_h, b; with T None x is one step (B, D)."""
    shapes = [(B, D) if T is None else (T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,)]
    x, *rest = (rng.normal(size=shape) for shape in shapes)
    return tuple(
        (array * factor).astype(dtype) for array, factor in zip((x, *rest), (scale, 1, 1, 1, 1, 1), strict=True)
    )


def _step_draws(rng):
    def arrays(B, D, H, **options):
        return _arrays(rng, None, B, D, H, **options)

    B, D, H = _sizes(rng, 3)
    zeros = tuple(np.zeros_like(array) if k < 3 else array for k, array in enumerate(arrays(*_sizes(rng, 3))))
    return [
        *(Draw(arrays(*_sizes(rng, 3))) for _ in range(4)),
        Draw(arrays(1, D, H), "one sequence (B = 1)"),
        Draw(arrays(B, H, H), "D = H"),
        Draw(zeros, "x, h and c all zero"),
        Draw(arrays(B, D, H, dtype=np.float32), "float32"),
        Draw(arrays(B, D, H, scale=2000.0), "inputs of ±1000", "large"),
        Draw(arrays(B, D, H, scale=2000.0, dtype=np.float32), "inputs of ±1000 in float32", "large"),
    ]


def _step_backward_draws(rng):
    def draw(B, D, H, label="", d_h=1.0, d_c=1.0, **options):
        arrays = _arrays(rng, None, B, D, H, **options)
        given = (rng.normal(size=(B, H)) * d_h, rng.normal(size=(B, H)) * d_c)
        return Draw((*(array.astype(arrays[0].dtype) for array in given), *arrays), label)

    B, D, H = _sizes(rng, 3)
    return [
        *(draw(*_sizes(rng, 3)) for _ in range(4)),
        draw(B, D, H, "d_c = 0", d_c=0.0),
        draw(B, D, H, "d_h = 0", d_h=0.0),
        draw(1, D, H, "one sequence (B = 1)"),
        draw(B, H, H, "D = H"),
        draw(B, D, H, "float32", dtype=np.float32),
    ]


def _forward_draws(rng):
    T, B, D, H = _sizes(rng, 4)
    return [
        *(Draw(_arrays(rng, *_sizes(rng, 4))) for _ in range(4)),
        Draw(_arrays(rng, 1, B, D, H), "one step (T = 1)"),
        Draw(_arrays(rng, T, 1, D, H), "one sequence (B = 1)"),
        Draw(_arrays(rng, T, B, H, H), "D = H"),
        Draw(_arrays(rng, T, B, D, H, dtype=np.float32), "float32"),
    ]


def _backward_draws(rng):
    def gradients_and(arrays, label):
        (T, B, _), H = arrays[0].shape, arrays[1].shape[1]
        given = (rng.normal(size=shape).astype(arrays[0].dtype) for shape in [(T, B, H), (B, H), (B, H)])
        return Draw((*given, *arrays), label)

    return [gradients_and(draw.args, draw.label) for draw in _forward_draws(rng)]


def _sigmoid_draws(rng):
    def draw(*shape, dtype=np.float64, label=""):
        return Draw((rng.normal(size=shape).astype(dtype) * 3, rng.uniform(0.05, 0.95, shape).astype(dtype)), label)

    B, H = _sizes(rng, 2)
    edge = np.array([-1000.0, -100.0, 0.0, 100.0, 1000.0])
    return [
        draw(B),
        draw(B, H),
        draw(H, B, 3),
        draw(*_sizes(rng, 2)),
        draw(H, dtype=np.float32, label="float32"),
        Draw((edge, np.array([0.0, 0.5, 1.0])), "inputs of ±1000", "large"),
        Draw((edge.astype(np.float32), np.array([0.0, 0.5, 1.0], np.float32)), "inputs of ±1000 in float32", "large"),
    ]


def _sigmoid_attempt(answers, args, own):
    value, changed = ask(answers["sigmoid"], args[:1], ("a",), ("sigmoid",))
    slope, changed_too = ask(answers["d_sigmoid"], args[1:], ("y",), ("d_sigmoid",))
    return {**value, **slope}, changed + changed_too


SIGMOID = Question(
    name="sigmoid",
    parts=(
        Part("sigmoid", 2, "the shape of a"),
        Part("d_sigmoid", 2, "the shape of y"),
        Part("large inputs", 1, on="large", of=("sigmoid",)),
        Part(UNCHANGED, 1),
    ),
    draws=_sigmoid_draws,
    key=lambda a, y: {"sigmoid": functions.sigmoid(a.astype(np.float64)), "d_sigmoid": functions.d_sigmoid(y)},
    attempt=_sigmoid_attempt,
    mistakes=mistakes.SIGMOID,
)


def _double(args):
    return tuple(arg.astype(np.float64) for arg in args)


def _step_key(*args):
    x_t, h, c, *params = _double(args)
    return lstm.step(Params(*params), x_t, State(h, c))[0]._asdict()


def _step_backward_key(*args):
    d_h, d_c, x_t, h, c, *params = _double(args)
    _, cache = lstm.step(Params(*params), x_t, State(h, c))
    d_x, d_state, d_params = lstm.step_backward(Params(*params), State(d_h, d_c), cache)
    return dict(zip(STEP_GRADIENTS, (d_x, *d_state, *d_params), strict=True))


def _forward_key(*args):
    x, h0, c0, *params = _double(args)
    hs, last, _ = lstm.forward(Params(*params), x, State(h0, c0))
    return {"hs": hs, "h_T": last.h, "c_T": last.c}


def _backward_key(*args):
    d_hs, d_h_T, d_c_T, x, h0, c0, *params = _double(args)
    _, _, cache = lstm.forward(Params(*params), x, State(h0, c0))
    d_x, d_first, d_params = lstm.backward(Params(*params), d_hs, cache, State(d_h_T, d_c_T))
    return dict(zip(GRADIENTS, (d_x, *d_first, *d_params), strict=True))


STEP_GRADIENTS = ("d_x", "d_h_prev", "d_c_prev", "d_W_x", "d_W_h", "d_b")
GRADIENTS = ("d_x", "d_h0", "d_c0", "d_W_x", "d_W_h", "d_b")
STEP_ARGS = ("x_t", "h_prev", "c_prev", "W_x", "W_h", "b")

LSTM_STEP = Question(
    name="lstm_step",
    parts=(
        Part("h", 7, "(B, H)"),
        Part("c", 7, "(B, H)"),
        Part("large inputs", 2, on="large"),
        Part(PRECISION, 1),
        Part(UNCHANGED, 1),
    ),
    draws=_step_draws,
    key=_step_key,
    attempt=lambda answers, args, own: ask(answers["lstm_step"], args, STEP_ARGS, ("h", "c")),
    mistakes=mistakes.LSTM_STEP,
    stand_ins={"sigmoid": functions.sigmoid},
)


def _step_backward_attempt(answers, args, own):
    d_h, d_c, *arrays = args
    cache = _last(call(answers["lstm_step"], tuple(arrays))) if own else _step(*arrays)[2]
    if isinstance(cache, Problem):
        return dict.fromkeys(STEP_GRADIENTS, cache), ()
    return ask(answers["lstm_step_backward"], (d_h, d_c, cache), ("d_h", "d_c", "cache"), STEP_GRADIENTS)


def _step_is_right(answers):
    return {"h", "c"}.isdisjoint(examine(LSTM_STEP, {"lstm_step": answers["lstm_step"]}, alone=True).lost)


LSTM_STEP_BACKWARD = Question(
    name="lstm_step_backward",
    parts=(
        Part("d_x", 4, "(B, D)"),
        Part("d_h_prev", 4, "(B, H)"),
        Part("d_c_prev", 3, "(B, H)"),
        Part("d_W_x", 3, "(4H, D)"),
        Part("d_W_h", 3, "(4H, H)"),
        Part("d_b", 2, "(4H,)"),
        Part(OWN, 2),
        Part(UNCHANGED, 1),
    ),
    draws=_step_backward_draws,
    key=_step_backward_key,
    attempt=_step_backward_attempt,
    mistakes=mistakes.LSTM_STEP_BACKWARD,
    stand_ins={"sigmoid": functions.sigmoid, "d_sigmoid": functions.d_sigmoid},
    own_is_right=_step_is_right,
)

LSTM_FORWARD = Question(
    name="lstm_forward",
    parts=(
        Part("hs", 6, "(T, B, H)"),
        Part("h_T", 2, "(B, H)"),
        Part("c_T", 2, "(B, H)"),
        Part(PRECISION, 1),
        Part(UNCHANGED, 1),
    ),
    draws=_forward_draws,
    key=_forward_key,
    attempt=lambda answers, args, own: ask(
        answers["lstm_forward"], args, ("x", "h0", "c0", "W_x", "W_h", "b"), ("hs", "h_T", "c_T")
    ),
    mistakes=mistakes.LSTM_FORWARD,
    stand_ins={"lstm_step": _step},
)


def _backward_attempt(answers, args, own):
    *given, x, h0, c0, W_x, W_h, b = args
    arrays = (x, h0, c0, W_x, W_h, b)
    caches = _last(call(answers["lstm_forward"], arrays)) if own else _forward(*arrays)[2]
    if isinstance(caches, Problem):
        return dict.fromkeys(GRADIENTS, caches), ()
    return ask(answers["lstm_backward"], (*given, caches), ("d_hs", "d_h_T", "d_c_T", "caches"), GRADIENTS)


def _forward_is_right(answers):
    """Is everything right that the backward pass builds on: lstm_forward, and the step backward that it calls?"""
    if not {"hs", "h_T", "c_T"}.isdisjoint(
        examine(LSTM_FORWARD, {"lstm_forward": answers["lstm_forward"]}, alone=True).lost
    ):
        return False
    around = getattr(answers["lstm_backward"], "__globals__", {})
    if "lstm_step" not in around or "lstm_step_backward" not in around:
        return True
    pair = {"lstm_step_backward": around["lstm_step_backward"], "lstm_step": around["lstm_step"]}
    return not examine(LSTM_STEP_BACKWARD, pair, alone=True).lost


LSTM_BACKWARD = Question(
    name="lstm_backward",
    parts=(
        Part("d_x", 4, "(T, B, D)"),
        Part("d_h0", 2, "(B, H)"),
        Part("d_c0", 2, "(B, H)"),
        Part("d_W_x", 3, "(4H, D)"),
        Part("d_W_h", 3, "(4H, H)"),
        Part("d_b", 3, "(4H,)"),
        Part(OWN, 2),
        Part(UNCHANGED, 1),
    ),
    draws=_backward_draws,
    key=_backward_key,
    attempt=_backward_attempt,
    mistakes=mistakes.LSTM_BACKWARD,
    stand_ins={"lstm_step_backward": _step_backward, "sigmoid": functions.sigmoid, "d_sigmoid": functions.d_sigmoid},
    own_is_right=_forward_is_right,
)


def _gradient_draws(rng):
    """Smooth functions of arrays of one, two and three axes; eps is coarse, so that the kind of difference shows."""

    def draw(*shape, dtype=np.float64, eps=1e-3, label="", kind="ordinary", first_larger=True, first_above=True):
        weights, offset = rng.normal(size=shape), rng.normal()

        def f(a):
            a = np.asarray(a, dtype=np.float64)
            return float(np.sum(weights * a**3) + np.sum(np.cos(a)) ** 2 + offset * np.sin(np.sum(a)))

        p, q = 2 * eps * rng.normal(size=shape), 2 * eps * rng.normal(size=shape)  # small, as late gradients are
        if (np.max(np.abs(p)) > np.max(np.abs(q))) != first_larger:
            p, q = q, p
        if (np.max(p - q) == np.max(np.abs(p - q))) != first_above:
            p, q = -p, -q
        return Draw((f, rng.uniform(-1, 1, shape).astype(dtype), eps, p, q), label, kind)

    D, H = _sizes(rng, 2)
    zeros = (np.zeros((2, 3)), np.zeros((2, 3)))
    return [
        draw(D),
        draw(H, D, first_larger=False),
        draw(2, D, 3, first_above=False),
        draw(D, H, eps=2e-3, first_larger=False, first_above=False),
        Draw((*draw(H, 2).args[:3], *zeros), "equal arrays of zeros", "zeros"),
        draw(H, D, dtype=np.float32, eps=1e-6, kind="float32", label="a float32 array"),
    ]


def _gradient_key(f, a, eps, p, q):
    return {
        "numerical_gradient": gradients.finite_difference(f, a, eps),
        "relative_error": gradients.relative_error(p, q),
    }


def _gradient_attempt(answers, args, own):
    f, a, eps, p, q = args
    given = (f, a) if eps == 1e-6 else (f, a, eps)  # that is the default
    gradient, changed = ask(answers["numerical_gradient"], given, ("f", "a", "eps"), ("numerical_gradient",))
    error, changed_too = ask(answers["relative_error"], (p, q), ("a", "b"), ("relative_error",))
    return {**gradient, **error}, changed + changed_too


NUMERICAL_GRADIENT = Question(
    name="numerical_gradient",
    parts=(
        Part("numerical_gradient", 5, "the shape of a"),
        Part("relative_error", 2, "a number"),
        Part("equal arrays", 1, on="zeros", of=("relative_error",)),
        Part("float32 array", 1, on="float32", of=("numerical_gradient",)),
        Part(UNCHANGED, 1),
    ),
    draws=_gradient_draws,
    key=_gradient_key,
    attempt=_gradient_attempt,
    mistakes=mistakes.NUMERICAL_GRADIENT,
)


def _weight_draws(rng):
    def draw(label="", kind="ordinary", biases=True, dtype=np.float64):
        D, H = _sizes(rng, 2)
        shapes = {
            "weight_ih_l0": (4 * H, D),
            "weight_hh_l0": (4 * H, H),
            "bias_ih_l0": (4 * H,),
            "bias_hh_l0": (4 * H,),
        }
        state_dict = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
        if not biases:
            del state_dict["bias_ih_l0"], state_dict["bias_hh_l0"]
        return Draw((state_dict, *_arrays(rng, None, 1, D, H, dtype=dtype)[3:]), label, kind)

    return [
        *(draw() for _ in range(4)),
        draw("float32", dtype=np.float32),
        draw("a layer with bias=False", "no bias", False),
    ]


def _weight_key(state_dict, W_x, W_h, b):
    return {
        "W_x": state_dict["weight_ih_l0"],
        "W_h": state_dict["weight_hh_l0"],
        "b": state_dict.get("bias_ih_l0", np.zeros_like(b)) + state_dict.get("bias_hh_l0", np.zeros_like(b)),
        "weights back": np.concatenate([W_x, W_h], axis=1),
        "biases back": b,
    }


def _weight_attempt(answers, args, own):
    state_dict, *weights = args
    ported, changed = ask(answers["port_weights"], (state_dict,), ("state_dict",), ("W_x", "W_h", "b"))
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    outcome = call(answers["port_back"], tuple(weights), ("W_x", "W_h", "b"))
    back = outcome.value
    if isinstance(back, Problem):
        ported |= {"weights back": back, "biases back": back}
    elif not isinstance(back, dict) or set(back) != set(names):
        got = ", ".join(map(str, back)) if isinstance(back, dict) else type(back).__name__
        problem = Problem(
            "form", f"port_back returned {got or 'an empty dict'}; expected a dict with {', '.join(names)}."
        )
        ported |= {"weights back": problem, "biases back": problem}
    else:
        ported["weights back"] = _combine(lambda x, h: np.concatenate([x, h], axis=1), back, names[:2], weights[:2])
        ported["biases back"] = _combine(np.add, back, names[2:], [weights[2]] * 2)
    return ported, changed + outcome.modified


def _combine(join, back, names, like):
    arrays = [np.asarray(back[name].detach() if hasattr(back[name], "detach") else back[name]) for name in names]
    for name, array, model in zip(names, arrays, like, strict=True):
        if array.shape != model.shape:
            return Problem("shape", f"{name} of port_back has shape {array.shape}, expected {model.shape}.")
    return join(*arrays)


PORT_WEIGHTS = Question(
    name="port_weights",
    parts=(
        Part("W_x", 1, "(4H, D)"),
        Part("W_h", 1, "(4H, H)"),
        Part("b", 2, "(4H,)"),
        Part("no bias", 1, on="no bias", of=("b", "W_x", "W_h")),
        Part("weights back", 1, "(4H, D) and (4H, H)"),
        Part("biases back", 1, "(4H,), as the sum of the two"),
        Part(UNCHANGED, 1),
    ),
    draws=_weight_draws,
    key=_weight_key,
    attempt=_weight_attempt,
    mistakes=mistakes.PORT_WEIGHTS,
)


def _count_draws(rng):
    return [Draw(tuple(int(size) for size in rng.choice(np.arange(5, 300), 2, replace=False))) for _ in range(5)]


def _count_attempt(answers, args, own):
    count = answers["count_parameters"]
    one, _ = ask(count, args, (), ("one bias",))
    two, _ = ask(count, (*args, 2), (), ("two biases",))
    return {**one, **two}, ()


COUNT_PARAMETERS = Question(
    name="count_parameters",
    parts=(Part("one bias", 2, "a number"), Part("two biases", 2, "a number")),
    draws=_count_draws,
    key=lambda D, H: {"one bias": lstm.count_params(D, H, 1), "two biases": lstm.count_params(D, H, 2)},
    attempt=_count_attempt,
    mistakes=mistakes.COUNT_PARAMETERS,
)

QUESTIONS = {
    question.name: question
    for question in (
        SIGMOID,
        LSTM_STEP,
        LSTM_STEP_BACKWARD,
        LSTM_FORWARD,
        LSTM_BACKWARD,
        NUMERICAL_GRADIENT,
        PORT_WEIGHTS,
        COUNT_PARAMETERS,
    )
}


def _last(outcome):
    """What a forward function hands to its backward one: the last thing that it returns, or `cache(s)` of a dict."""
    value = outcome.value
    if isinstance(value, Problem):
        return Problem(value.kind, f"the forward pass that it builds on: {value.text}")
    if isinstance(value, dict):
        value = [value[name] for name in ("cache", "caches") if name in value]
    if not isinstance(value, tuple | list) or not value:
        return Problem("form", "the forward pass that it builds on returns no cache.")
    return value[-1]


def sigmoid(sigmoid, d_sigmoid, seed=0):
    """Points for sigmoid(a) and d_sigmoid(y), of any shape; prints the report."""
    return show(examine(SIGMOID, {"sigmoid": sigmoid, "d_sigmoid": d_sigmoid}, seed))


def lstm_step(lstm_step, seed=0):
    """Points for one step, x_t (B, D) and h, c (B, H); prints the report."""
    return show(examine(LSTM_STEP, {"lstm_step": lstm_step}, seed))


def lstm_step_backward(lstm_step_backward, lstm_step, seed=0):
    """Points for one step backward, d_h and d_c (B, H), on our cache and on that of `lstm_step`; prints the report."""
    answers = {"lstm_step_backward": lstm_step_backward, "lstm_step": lstm_step}
    return show(examine(LSTM_STEP_BACKWARD, answers, seed))


def lstm_forward(lstm_forward, seed=0):
    """Points for the loop over x (T, B, D); a wrong lstm_step costs nothing here; prints the report."""
    return show(examine(LSTM_FORWARD, {"lstm_forward": lstm_forward}, seed))


def lstm_backward(lstm_backward, lstm_forward, seed=0):
    """Points for backpropagation through time from d_hs (T, B, H), d_h_T and d_c_T (B, H); prints the report."""
    return show(examine(LSTM_BACKWARD, {"lstm_backward": lstm_backward, "lstm_forward": lstm_forward}, seed))


def numerical_gradient(numerical_gradient, relative_error, seed=0):
    """Points for numerical_gradient(f, a, eps), a of any shape, and relative_error(a, b); prints the report."""
    answers = {"numerical_gradient": numerical_gradient, "relative_error": relative_error}
    return show(examine(NUMERICAL_GRADIENT, answers, seed))


def port_weights(port_weights, port_back, seed=0):
    """Points for W_x (4H, D), W_h (4H, H), b (4H,) from a state_dict of torch.nn.LSTM, and back; prints the report."""
    return show(examine(PORT_WEIGHTS, {"port_weights": port_weights, "port_back": port_back}, seed))


def count_parameters(count_parameters, seed=0):
    """Points for count_parameters(D, H, biases=1); prints the report."""
    return show(examine(COUNT_PARAMETERS, {"count_parameters": count_parameters}, seed))
