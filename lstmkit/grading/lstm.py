"""The checks of the assignment `lstm`: call one with your function, read the report, get the points.

    from lstmkit.grading import lstm as check
    check.lstm_step(lstm_step)

T steps, B sequences, D inputs, H units.  Weights W_x (4H, D), W_h (4H, H), one bias b (4H,), gate blocks i, f, g, o.
Every check tries at least four draws of random sizes and values; another `seed` makes other draws.
The right values come from lstmkit.numpy, through the layout of the exercise; the named mistakes from lstm_mistakes.
"""

import weakref

import numpy as np

from lstmkit.cells import lstm as cell
from lstmkit.grading import lstm_mistakes as mistakes
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

    B, D, H = sizes(rng, 3)
    zeros = tuple(np.zeros_like(array) if k < 3 else array for k, array in enumerate(arrays(*sizes(rng, 3))))
    return [
        *(Draw(arrays(*sizes(rng, 3))) for _ in range(4)),
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

    B, D, H = sizes(rng, 3)
    return [
        *(draw(*sizes(rng, 3)) for _ in range(4)),
        draw(B, D, H, "d_c = 0", d_c=0.0),
        draw(B, D, H, "d_h = 0", d_h=0.0),
        draw(1, D, H, "one sequence (B = 1)"),
        draw(B, H, H, "D = H"),
        draw(B, D, H, "float32", dtype=np.float32),
    ]


def _forward_draws(rng):
    T, B, D, H = sizes(rng, 4)
    return [
        *(Draw(_arrays(rng, *sizes(rng, 4))) for _ in range(4)),
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

    B, H = sizes(rng, 2)
    edge = np.array([-1000.0, -100.0, 0.0, 100.0, 1000.0])
    return [
        draw(B),
        draw(B, H),
        draw(H, B, 3),
        draw(*sizes(rng, 2)),
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
    hints=(
        "Try your function on np.array([-1000.0, 0.0, 1000.0]). Where does NaN come from, if it comes?",
        "np.exp overflows for large positive arguments and quietly becomes 0 for large negative ones. Find a form that "
        "never takes the exponential of a large positive number: for instance 1 / (1 + e^(-a)) where a >= 0, and "
        "e^a / (1 + e^a) elsewhere.",
        "There is one formula for all a: σ is a tanh, shrunk and shifted, σ(a) = (1 + tanh(a / 2)) / 2, and np.tanh "
        "does not overflow. The slope takes y itself: y (1 - y), with no further σ.",
    ),
)


def _step_key(*args):
    x_t, h, c, *params = double(args)
    return lstm.step(Params(*params), x_t, State(h, c))[0]._asdict()


def _step_backward_key(*args):
    d_h, d_c, x_t, h, c, *params = double(args)
    _, cache = lstm.step(Params(*params), x_t, State(h, c))
    d_x, d_state, d_params = lstm.step_backward(Params(*params), State(d_h, d_c), cache)
    return dict(zip(STEP_GRADIENTS, (d_x, *d_state, *d_params), strict=True))


def _forward_key(*args):
    x, h0, c0, *params = double(args)
    hs, last, _ = lstm.forward(Params(*params), x, State(h0, c0))
    return {"hs": hs, "h_T": last.h, "c_T": last.c}


def _backward_key(*args):
    d_hs, d_h_T, d_c_T, x, h0, c0, *params = double(args)
    _, _, cache = lstm.forward(Params(*params), x, State(h0, c0))
    d_x, d_first, d_params = lstm.backward(Params(*params), d_hs, cache, State(d_h_T, d_c_T))
    return dict(zip(GRADIENTS, (d_x, *d_first, *d_params), strict=True))


STEP_GRADIENTS = ("d_x", "d_h_prev", "d_c_prev", "d_W_x", "d_W_h", "d_b")
GRADIENTS = ("d_x", "d_h0", "d_c0", "d_W_x", "d_W_h", "d_b")
GRADIENTS_OF = {2: STEP_GRADIENTS, 3: GRADIENTS}  # by the outputs of the forward function
STEP_ARGS = ("x_t", "h_prev", "c_prev", "W_x", "W_h", "b")

LSTM_STEP = Question(
    name="lstm_step",
    parts=(
        Part("h", 6, "(B, H)"),
        Part("c", 5, "(B, H)"),
        Part("large inputs", 2, on="large"),
        Part(PRECISION, 1),
        Part(UNCHANGED, 1),
    ),
    draws=_step_draws,
    key=_step_key,
    attempt=lambda answers, args, own: ask(answers["lstm_step"], args, STEP_ARGS, ("h", "c")),
    mistakes=mistakes.LSTM_STEP,
    batch=((0, 0, 0, None, None, None), {"h": 0, "c": 0}),
    hints=(
        "Write down the shapes first: what has four times as many columns as the state? W_x is (4H, D), so which of "
        "`x_t @ W_x` and `x_t @ W_x.T` is possible?",
        "Everything that depends on weights is in one line: a = x_t @ W_x.T + h_prev @ W_h.T + b, of shape (B, 4H). "
        "np.split(a, 4, axis=1) cuts it into the blocks i, f, g, o. Three of them are gates and get a sigmoid.",
        "Two equations are left. The cell keeps f of the old and takes in i of the candidate; the output shows o of "
        "tanh(new c). Name q = np.tanh(c): the backward step wants it.",
        "a_i, a_f, a_g, a_o = np.split(a, 4, axis=1); i, f, o are their sigmoids and g = np.tanh(a_g); then "
        "c = f * c_prev + i * g, a new array, and h = o * np.tanh(c). Return h, c and the tuple of question 2.",
    ),
    stand_ins={"sigmoid": functions.sigmoid},
)


def _step_backward_attempt(answers, args, own):
    d_h, d_c, *arrays = args

    def ask_with(cache):
        return ask(answers["lstm_step_backward"], (d_h, d_c, cache), ("d_h", "d_c", "cache"), STEP_GRADIENTS)

    if not own:
        return ask_with(_step(*arrays)[2])
    return _with_its_cache(call(answers["lstm_step"], tuple(arrays)), 2, ask_with)


def _step_is_right(answers):
    return {"h", "c"}.isdisjoint(examine(LSTM_STEP, {"lstm_step": answers["lstm_step"]}, alone=True).lost)


LSTM_STEP_BACKWARD = Question(
    name="lstm_step_backward",
    parts=(
        Part("d_x", 3, "(B, D)"),
        Part("d_h_prev", 3, "(B, H)"),
        Part("d_c_prev", 3, "(B, H)"),
        Part("d_W_x", 3, "(4H, D)"),
        Part("d_W_h", 3, "(4H, H)"),
        Part("d_b", 2, "(4H,)"),
        Part(OWN, 1),
        Part(UNCHANGED, 1),
    ),
    draws=_step_backward_draws,
    key=_step_backward_key,
    attempt=_step_backward_attempt,
    mistakes=mistakes.LSTM_STEP_BACKWARD,
    hints=(
        "Go through the forward step from its last line to its first, and for each line ask: which of its inputs "
        "change the result, and by what factor? Begin with h = o * q.",
        "The cell is used twice, in h and by the next step. Its whole gradient is a sum of two terms, and d_f, d_i, "
        "d_g and d_c_prev all start from that sum, not from d_c.",
        "A factor's gradient is the other factor: in c = f * c_prev + i * g, d_f takes c_prev, d_i takes g, d_g takes "
        "i, d_c_prev takes f. Then each goes through its own nonlinearity: y (1 - y) for a gate, 1 - g² for the "
        "candidate.",
        "Put the four pieces side by side with np.concatenate(..., axis=1) in the order i, f, g, o and call it d_a, "
        "(B, 4H). The rest are products, and the shapes decide: d_a @ W_x, d_a @ W_h, d_a.T @ x_t, d_a.T @ h_prev, "
        "and d_a.sum(axis=0), sums over the batch and not means.",
    ),
    stand_ins={"sigmoid": functions.sigmoid, "d_sigmoid": functions.d_sigmoid},
    own_is_right=_step_is_right,
)

LSTM_FORWARD = Question(
    name="lstm_forward",
    parts=(
        Part("hs", 4, "(T, B, H)"),
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
    batch=((1, 0, 0, None, None, None), {"hs": 1, "h_T": 0, "c_T": 0}),
    hints=(
        "What does step t need that only step t - 1 can give?",
        "Keep two variables h and c. They are h0 and c0 before the loop, and each turn of the loop replaces both.",
        "for x_t in x: call lstm_step with the present h and c, take the new ones from what it returns, and append h "
        "and the cache to two lists. After the loop np.stack(list of h) is (T, B, H), and h, c are the last state.",
    ),
    stand_ins={"lstm_step": _step},
)


def _backward_attempt(answers, args, own):
    *given, x, h0, c0, W_x, W_h, b = args
    arrays = (x, h0, c0, W_x, W_h, b)

    def ask_with(caches):
        return ask(answers["lstm_backward"], (*given, caches), ("d_hs", "d_h_T", "d_c_T", "caches"), GRADIENTS)

    if not own:
        return ask_with(_forward(*arrays)[2])
    return _with_its_cache(call(answers["lstm_forward"], arrays), 3, ask_with)


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
        Part("d_x", 3, "(T, B, D)"),
        Part("d_h0", 2, "(B, H)"),
        Part("d_c0", 2, "(B, H)"),
        Part("d_W_x", 3, "(4H, D)"),
        Part("d_W_h", 3, "(4H, H)"),
        Part("d_b", 2, "(4H,)"),
        Part(OWN, 1),
        Part(UNCHANGED, 1),
    ),
    draws=_backward_draws,
    key=_backward_key,
    attempt=_backward_attempt,
    mistakes=mistakes.LSTM_BACKWARD,
    hints=(
        "Which step backward can be done first? It is the one whose d_h and d_c are known.",
        "Before the step at t, h_t has two gradients: the d_h that step t + 1 handed back, and d_hs[t]. The cell has "
        "one, the d_c that step t + 1 handed back. What does the last step get in place of step t + 1?",
        "Loop over reversed(range(T)) with d_h, d_c = d_h_T, d_c_T at the start. In each turn: "
        "lstm_step_backward(d_h + d_hs[t], d_c, caches[t]), which replaces d_h and d_c.",
        "Put the d_x of each turn in place t of a list, and add its d_W_x, d_W_h and d_b to three running sums, with "
        "`total = total + new` so that no argument is changed. After the loop d_h and d_c are d_h0 and d_c0.",
    ),
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

    D, H = sizes(rng, 2)
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
        Part("numerical_gradient", 4, "the shape of a"),
        Part("relative_error", 1, "a number"),
        Part("equal arrays", 1, on="zeros", of=("relative_error",)),
        Part("float32 array", 1, on="float32", of=("numerical_gradient",)),
        Part(UNCHANGED, 1),
    ),
    draws=_gradient_draws,
    key=_gradient_key,
    attempt=_gradient_attempt,
    mistakes=mistakes.NUMERICAL_GRADIENT,
    hints=(
        "For one entry you need two values of f. How do you get from one entry to all, for an array of any number of "
        "axes? Look at np.ndindex.",
        "Copy first: np.array(a, dtype=np.float64) leaves the original alone and gives enough digits. For each index: "
        "remember the entry, set it to entry + eps, call f, set it to entry - eps, call f, put it back.",
        "The two points are 2 eps apart, so divide by 2 eps. For the relative error take three maxima of absolute "
        "values, of a - b, of a and of b; when both arrays are zero there is nothing to divide by: the answer is 0.",
    ),
)


def _weight_draws(rng):
    def draw(label="", kind="ordinary", biases=True, dtype=np.float64):
        D, H = sizes(rng, 2)
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
        Part("b", 1, "(4H,)"),
        Part("no bias", 1, on="no bias", of=("b", "W_x", "W_h")),
        Part("weights back", 1, "(4H, D) and (4H, H)"),
        Part("biases back", 1, "(4H,), as the sum of the two"),
        Part(UNCHANGED, 1),
    ),
    draws=_weight_draws,
    key=_weight_key,
    attempt=_weight_attempt,
    mistakes=mistakes.PORT_WEIGHTS,
    hints=(
        "Compare the shapes and the order of the blocks in the table with ours. What really has to be computed?",
        "Only the bias. torch adds both of its biases to the same pre-activation, so one bias that is their sum does "
        'the same. `"bias_ih_l0" in state_dict` tells whether there are any.',
        "On the way back one bias is to become two whose sum is b: b itself and zeros will do. Without biases on the "
        "way in, give np.zeros(4H), where 4H is len(W_x).",
    ),
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
    hints=(
        "How many numbers does one gate have for one unit? It looks at all inputs and at all units.",
        "One gate of one unit: D numbers of W_x, H of W_h, and one for each bias. There are H units and four blocks, "
        "since the candidate has weights too.",
    ),
)


def _reach_yours(rng):
    """β, T and a share, such that the share is not crossed too close to a step to say when."""
    while True:
        beta, T = float(rng.integers(11, 35)) / 10, int(rng.integers(20, 61))
        share = float(rng.choice([0.2, 0.1, 0.05, 0.02, 0.01]))
        if 0.05 < np.log(share) / np.log(functions.sigmoid(beta)) % 1 < 0.95:
            return {"beta": beta, "T": T, "share": share}


def _reach_key(beta, T, share):
    """Measured with the LSTM itself: no weights, and a bias of β for the forget gate."""

    def left(bias, T):
        b, state = np.array([0.0, bias, 0.0, 0.0]), np.zeros((1, 1))
        params = Params(np.zeros((4, 1)), np.zeros((4, 1)), b)
        _, _, cache = lstm.forward(params, np.zeros((T, 1, 1)), State(state, state))
        d_last = State(state, np.ones((1, 1)))
        return float(lstm.backward(params, np.zeros((T, 1, 1)), cache, d_last)[1].c[0, 0])

    lag, what_is_left = 0, 1.0
    while what_is_left >= share:
        lag, what_is_left = lag + 1, what_is_left * left(beta, 1)
    half = 0.5 ** (1 / T)
    return {"arrives": left(beta, T), "lag": lag, "bias": np.log(half / (1 - half))}


REACH = Question(
    name="reach",
    parts=(
        Part("arrives", 1, "a number between 0 and 1"),
        Part("lag", 1, "a whole number of steps"),
        Part("bias", 1, "a number"),
    ),
    draws=lambda rng, yours: [Draw(tuple(yours.values()))],
    yours=_reach_yours,
    key=_reach_key,
    attempt=lambda answers, args, own: ask(answers["reach"], (), (), ("arrives", "lag", "bias")),
    mistakes=mistakes.REACH,
    hints=(
        "With all weights zero, what are i, f, g and o, and do they ever change? Then look at the cell equation: what "
        "is the derivative of c_t with respect to c_{t-1}?",
        "Every step multiplies the gradient by the same number, f = σ(β). After n steps this has happened n times.",
        "`arrives` is f to the power T. For `lag` solve f to the power n = share with logarithms, and take the next "
        "whole number. For `bias` ask first which f has f to the power T = 1/2, then which β has σ(β) = f: that is "
        "log(f / (1 - f)).",
    ),
)


def leaky_step(x_part, h_prev, c_prev, W_h, b, k, r):
    """The forward step of question 10: h, c (B, H) and the cache, from x_part = x_t W_xᵀ (B, 4H)."""
    a_i, a_f, a_g, a_o = np.split(x_part + h_prev @ W_h.T + b, 4, axis=1)
    h, c, i, f, g, o, q = cell.step(a_i, a_f, k * a_g, a_o, c_prev)
    return h + r * c, c, (c_prev, W_h, i, f, g, o, c, q)


def _leaky_draws(rng, yours):
    k, r = yours["k"], yours["r"]

    def draw(B, H, label="", d_c=1.0, d_h=1.0, dtype=np.float64):
        a, h_prev, c_prev, W_h = (rng.normal(size=shape) for shape in [(B, 4 * H), (B, H), (B, H), (4 * H, H)])
        *_, cache = leaky_step(a, h_prev, c_prev, W_h, 0.0, k, r)
        cache = tuple(array.astype(dtype) for array in cache)
        given = (scale * rng.normal(size=(B, H)) for scale in (d_h, d_c))
        return Draw((*(array.astype(dtype) for array in given), cache, k, r), label)

    B, H = sizes(rng, 2)
    return [
        *(draw(*sizes(rng, 2)) for _ in range(4)),
        draw(B, H, "d_c = 0", d_c=0.0),
        draw(B, H, "d_h = 0", d_h=0.0),
        draw(1, H, "one sequence (B = 1)"),
        draw(B, H, "float32", dtype=np.float32),
    ]


def _leaky_key(d_h, d_c, cache, k, r):
    d_h, d_c = double((d_h, d_c))
    c_prev, W_h, i, f, g, o, _, q = double(cache)
    # The leak is one more road from c to h; the steeper candidate is a tanh of k a_g.
    d_a_i, d_a_f, d_a_g, d_a_o, d_c_prev = cell.step_backward(d_h, d_c + r * d_h, i, f, g, o, q, c_prev)
    d_a = np.concatenate([d_a_i, d_a_f, k * d_a_g, d_a_o], axis=1)
    return _blocks(d_a) | {"d_h_prev": d_a @ W_h, "d_c_prev": d_c_prev, "d_b": d_a.sum(axis=0)}


def _blocks(d_a):
    i, f, g, o = np.split(d_a, 4, axis=1)
    return {"d_a of i and o": np.concatenate([i, o], axis=1), "d_a of f": f, "d_a of g": g}


def _repair_attempt(answers, args, own):
    names = ("d_h", "d_c", "cache")  # k and r are the student's own
    got, changed = ask(answers["repaired"], args[:3], names, ("d_a", "d_h_prev", "d_c_prev", "d_b"))
    d_a, (B, H) = as_array(got.pop("d_a")), args[0].shape
    if not isinstance(d_a, Problem) and d_a.shape != (B, 4 * H):
        d_a = Problem("shape", f"d_a has shape {d_a.shape}, expected (B, 4H) = {(B, 4 * H)}.")
    if isinstance(d_a, Problem):
        return dict.fromkeys(("d_a of i and o", "d_a of f", "d_a of g"), d_a) | got, changed
    return _blocks(d_a) | got, changed


REPAIR = Question(
    name="repair",
    parts=(
        Part("d_a of i and o", 1, "the shape of the blocks"),
        Part("d_a of f", 1, "(B, H)"),
        Part("d_a of g", 2, "(B, H)"),
        Part("d_h_prev", 1, "(B, H)"),
        Part("d_c_prev", 1, "(B, H)"),
        Part("d_b", 1, "(4H,)"),
    ),
    draws=_leaky_draws,
    yours=lambda rng: {"k": float(rng.integers(14, 30)) / 10, "r": float(rng.integers(2, 9)) / 10},
    key=_leaky_key,
    attempt=_repair_attempt,
    mistakes=mistakes.REPAIR,
    hints=(
        "Do not stare at the code: measure. `table(broken)` says which gradients are wrong, and in which settings they "
        "become right; repair one line, and look at `table(repaired)`.",
        "Derive the step yourself on paper, line by line from h backwards, and only then compare. Four lines differ, "
        "and each differs for another reason: one forgets a road, one takes a wrong value, one forgets a factor, one "
        "treats the batch wrongly.",
        "Take the lines in turn. How many roads lead from c to the loss? Which cell did f multiply? What is the "
        "derivative of tanh(k a) with respect to a, in terms of the tanh itself? Is b used once, or once for each "
        "sequence, and so are its gradients averaged or added?",
        "d_cell begins with d_c and adds d_h times the slope of h in c, with both its terms. d_f takes c_prev. The "
        "candidate's slope is k (1 - g²). d_b is a sum over axis 0.",
    ),
)


class _Counted(list):
    """A cache that can be counted while it is alive: tuples cannot be watched, lists of one's own can."""


class _Watch:
    """Our step and step backward, which count how often they are called and how much of theirs is alive at once."""

    def __init__(self):
        self.calls, self.most_caches, self.most_states = 0, 0, 0
        self._caches, self._states = weakref.WeakValueDictionary(), weakref.WeakValueDictionary()

    def step(self, x_t, h_prev, c_prev, W_x, W_h, b):
        h, c, cache = _step(x_t, h_prev, c_prev, W_x, W_h, b)
        cache = _Counted(cache)
        self.calls += 1
        self._caches[self.calls], self._states[self.calls] = cache, c
        self.most_caches = max(self.most_caches, len(self._caches))
        self.most_states = max(self.most_states, len(self._states))
        return h, c, cache

    @staticmethod
    def step_backward(d_h, d_c, cache):
        return _step_backward(d_h, d_c, cache)


def _lean_draws(rng):
    def draw(T, every, label="", kind="ordinary", measure="", dtype=np.float64, B=None):
        D, H, batch = sizes(rng, 3)
        x, h0, c0, *weights = _arrays(rng, T, B or batch, D, H, dtype=dtype)
        d_hs, d_h_T, d_c_T = (rng.normal(size=shape).astype(dtype) for shape in [(T, *h0.shape), h0.shape, h0.shape])
        given = (_step, _step_backward, d_hs, (d_h_T, d_c_T), x, (h0, c0), tuple(weights), every, measure)
        return Draw(given, label, kind)

    return [
        draw(7, 3),
        draw(6, 2),
        draw(int(rng.choice([5, 7])), 2),
        draw(int(rng.choice([5, 8])), 3),
        draw(5, 1, "every = 1"),
        draw(1, 3, "one step (T = 1)"),
        draw(3, 5, "every longer than T"),
        draw(6, 3, "one sequence (B = 1)", B=1),
        draw(7, 3, "float32", dtype=np.float32),
        draw(120, 10, "a long sequence", "memory", "memory", B=1),
        draw(120, 10, "a long sequence", "work", "work", B=1),
    ]


def _flat(arrays):
    return {"gradients": np.concatenate([np.ravel(array) for array in arrays])}


def _lean_key(step, step_backward, d_hs, d_last, x, first, weights, every, measure):
    d_hs, x = double((d_hs, x))
    d_last, first, params = State(*double(d_last)), State(*double(first)), Params(*double(weights))
    _, _, cache = lstm.forward(params, x, first)
    d_x, d_first, d_params = lstm.backward(params, d_hs, cache, d_last)
    return _flat((d_x, *d_first, *d_params))


def _lean_attempt(answers, args, own):
    *given, measure = args
    watch, T, every = _Watch(), len(given[4]), given[7]
    given[:2] = watch.step, watch.step_backward
    names = ("step", "step_backward", "d_hs", "d_last", "x", "first", "weights", "every")
    got, changed = ask(answers["lean_backward"], tuple(given), names, GRADIENTS)
    like = (given[4], *given[5], *given[6])
    forms = ("(T, B, D)", "(B, H)", "(B, H)", "(4H, D)", "(4H, H)", "(4H,)")
    arrays = []
    for (name, value), model, form in zip(got.items(), like, forms, strict=True):
        array = as_array(value)
        if isinstance(array, Problem):
            return {"gradients": array}, changed
        if array.shape != model.shape:
            problem = Problem("shape", f"{name} has shape {array.shape}, expected {form} = {model.shape}.")
            return {"gradients": problem}, changed
        arrays.append(array)
    # Twice as much as needed is allowed: while one segment is made, the list of the one before may still be there.
    if measure == "memory" and watch.most_caches > 2 * every:
        text = (
            f"{watch.most_caches} caches were alive at one time, with T = {T} and every = {every}. A segment needs "
            "`every` of them; let them go before the next is made."
        )
        return {"gradients": Problem("memory", text)}, changed
    if measure == "memory" and watch.most_states > 2 * (T // every + every):
        text = (
            f"{watch.most_states} states were alive at one time, with T = {T} and every = {every}. Keep one for each "
            "segment; those within a segment are made again."
        )
        return {"gradients": Problem("memory", text)}, changed
    if measure == "work" and watch.calls > 2 * T:
        text = (
            f"`step` was called {watch.calls} times for T = {T} steps. Each needs to be computed twice at most: "
            "once on the way forward, once with its segment."
        )
        return {"gradients": Problem("work", text)}, changed
    return _flat(arrays), changed


LEAN_BACKWARD = Question(
    name="lean_backward",
    parts=(
        Part("gradients", 1, "six arrays"),
        Part("few caches alive", 1, on="memory"),
        Part("each step twice", 1, on="work"),
    ),
    draws=_lean_draws,
    key=_lean_key,
    attempt=_lean_attempt,
    mistakes=mistakes.LEAN_BACKWARD,
    extra=True,
    hints=(
        "You know two extremes: keep all caches (question 5), or keep nothing and start from t = 0 for every step "
        "backward. What could you keep that is small, and lets you make any cache again without going far?",
        "First pass: run forward, throw each cache away, and keep (h, c) as it is before the steps 0, every, 2 every, "
        "... Second pass: take these states from the last to the first.",
        "For the segment that begins at `start`: run forward from its state over the steps start to "
        "min(start + every, T) - 1 and collect their caches, then do for this segment what question 5 does for the "
        "whole sequence, with d_hs[t] of the whole sequence. d_h and d_c go on into the segment before, and the "
        "gradients of the weights go on adding up.",
    ),
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
        REACH,
        REPAIR,
        LEAN_BACKWARD,
    )
}
hint, yours = doors(QUESTIONS)


def _with_its_cache(outcome, outputs, ask_with):
    """ask_with(cache) on what a forward function hands to its backward one: the last thing that it returns.

    Some return more than was asked for.  Where the last thing cannot be worked with, it is what follows the outputs.
    """
    value = outcome.value
    if isinstance(value, dict):
        value = [value[name] for name in ("cache", "caches") if name in value]
    if isinstance(value, Problem):
        problem = Problem(value.kind, f"the forward pass that it builds on: {value.text}")
        return dict.fromkeys(GRADIENTS_OF[outputs], problem), ()
    if not isinstance(value, tuple | list) or not value:
        problem = Problem("form", "the forward pass that it builds on returns no cache.")
        return dict.fromkeys(GRADIENTS_OF[outputs], problem), ()
    flat = []
    for item in value:
        flat.extend(item if isinstance(item, tuple) and len(flat) < outputs else [item])
    asked = ask_with(flat[-1])
    if len(flat) > outputs + 1 and any(isinstance(got, Problem) for got in asked[0].values()):
        other = ask_with(flat[outputs])
        return asked if any(isinstance(got, Problem) for got in other[0].values()) else other
    return asked


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


def reach(reach, seed=0):
    """Points for reach(), a dict with `arrives`, `lag` and `bias` for your own numbers; prints the report."""
    return show(examine(REACH, {"reach": reach}, seed))


def repair(repaired, seed=0):
    """Points for the repaired step backward of the leaky LSTM, d_h and d_c (B, H); prints the report."""
    return show(examine(REPAIR, {"repaired": repaired}, seed))


def lean_backward(lean_backward, seed=0):
    """Extra points for backpropagation through time with few caches alive, d_hs (T, B, H); prints the report."""
    return show(examine(LEAN_BACKWARD, {"lean_backward": lean_backward}, seed))
