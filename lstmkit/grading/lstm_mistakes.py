"""What comes out under the known mistakes of the assignment `lstm`: its named wrong outcomes.

A mistake is written as the right formulas with one of them replaced, so the list below reads like a list of slips of
the pen.  A text completes the sentence "this is what comes out when ...".  Reading the list is reading the solution.

T steps, B sequences, D inputs, H units; the arguments are those of the right values in lstmkit/grading/lstm.py.
"""

from itertools import combinations, permutations

import numpy as np

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.grading.question import Mistake
from lstmkit.numpy.functions import sigmoid
from lstmkit.numpy.gradients import finite_difference

ORDERS = [order for order in permutations("ifgo") if order != tuple("ifgo")]
BLOCK = {"i": 0, "f": 1, "g": 2, "o": 3}


SIGMOID_FORMULAS = {
    "sigmoid": lambda v: sigmoid(v.a),
    "d_sigmoid": lambda v: v.y * (1 - v.y),
}

STEP_FORMULAS = {
    "a": lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h.T + v.b,
    "blocks": lambda v: np.split(v.a, 4, axis=1),
    "i": lambda v: sigmoid(v.blocks[0]),
    "f": lambda v: sigmoid(v.blocks[1]),
    "g": lambda v: np.tanh(v.blocks[2]),
    "o": lambda v: sigmoid(v.blocks[3]),
    "c": lambda v: v.f * v.c_prev + v.i * v.g,
    "q": lambda v: np.tanh(v.c),
    "h": lambda v: v.o * v.q,
}

STEP_BACKWARD_FORMULAS = STEP_FORMULAS | {
    "d_o": lambda v: v.d_h * v.q,
    "d_tanh": lambda v: 1 - v.q**2,
    "d_cell": lambda v: v.d_c + v.d_h * v.o * v.d_tanh,
    "d_f": lambda v: v.d_cell * v.c_prev,
    "d_i": lambda v: v.d_cell * v.g,
    "d_g": lambda v: v.d_cell * v.i,
    "d_c_prev": lambda v: v.d_cell * v.f,
    "d_gate": lambda v: lambda y: y * (1 - y),
    "d_a_i": lambda v: v.d_i * v.d_gate(v.i),
    "d_a_f": lambda v: v.d_f * v.d_gate(v.f),
    "d_a_g": lambda v: v.d_g * (1 - v.g**2),
    "d_a_o": lambda v: v.d_o * v.d_gate(v.o),
    "order": lambda v: "ifgo",
    "d_a": lambda v: np.concatenate([getattr(v, f"d_a_{gate}") for gate in v.order], axis=1),
    "d_x": lambda v: v.d_a @ v.W_x,
    "d_h_prev": lambda v: v.d_a @ v.W_h,
    "d_W_x": lambda v: v.d_a.T @ v.x,
    "d_W_h": lambda v: v.d_a.T @ v.h_prev,
    "d_b": lambda v: v.d_a.sum(axis=0),
}

ARRAYS = ("x", "h_prev", "c_prev", "W_x", "W_h", "b")
STEP_GRADIENTS = ("d_x", "d_h_prev", "d_c_prev", "d_W_x", "d_W_h", "d_b")


def sigmoid_and_slope(a, y, **replaced):
    """sigmoid(a) and d_sigmoid(y), any shape."""
    return evaluate(SIGMOID_FORMULAS, {"a": a, "y": y}, ("sigmoid", "d_sigmoid"), replaced)


def step(*arrays, **replaced):
    """h and c (B, H) of one step."""
    return evaluate(STEP_FORMULAS, dict(zip(ARRAYS, arrays, strict=True)), ("h", "c"), replaced)


def step_gradients(d_h, d_c, *arrays, **replaced):
    """The six gradients of one step, for d_h and d_c (B, H)."""
    given = dict(zip(ARRAYS, arrays, strict=True), d_h=d_h, d_c=d_c)
    return evaluate(STEP_BACKWARD_FORMULAS, given, STEP_GRADIENTS, replaced)


def sequence(x, h0, c0, *weights, h_in=lambda h, h0: h, c_in=lambda c, c0: c, **replaced):
    """hs (T, B, H), h_T and c_T (B, H); `h_in` and `c_in` say what a step is given."""
    h, c, all_h, all_c = h0, c0, [], []
    for x_t in x:
        out = step(x_t, h_in(h, h0), c_in(c, c0), *weights)
        h, c = out["h"], out["c"]
        all_h.append(h)
        all_c.append(c)
    given = {"h0": h0, "c0": c0, "all_h": np.stack(all_h), "all_c": np.stack(all_c), "h": h, "c": c}
    outputs = {"hs": lambda v: v.all_h, "h_T": lambda v: v.h, "c_T": lambda v: v.c}
    return evaluate(outputs, given, outputs, replaced)


def gradients_through_time(
    d_hs,
    d_h_T,
    d_c_T,
    x,
    h0,
    c0,
    *weights,
    start=lambda d_h, d_c: (d_h, d_c),
    d_h_in=lambda d_h, d_h_t, d_h_T: d_h + d_h_t,
    d_c_in=lambda d_c, d_c_T: d_c,
    times=reversed,
    **replaced,
):
    """The six gradients of the whole sequence; `start`, `d_h_in`, `d_c_in` and `times` are the parts of the loop."""
    states = [(h0, c0)]
    for x_t in x:
        out = step(x_t, *states[-1], *weights)
        states.append((out["h"], out["c"]))
    d_h, d_c = start(d_h_T, d_c_T)
    inside, steps = [], []
    for t in times(range(len(x))):
        inside.append((d_h_in(d_h, d_hs[t], d_h_T), d_c_in(d_c, d_c_T)))
        out = step_gradients(*inside[-1], x[t], *states[t], *weights)
        d_h, d_c = out["d_h_prev"], out["d_c_prev"]
        steps.append((t, out))
    given = {"d_h": d_h, "d_c": d_c, "inside": inside, "T": x.shape[0], "B": x.shape[1]}
    given["by_step"] = [out for _, out in steps]  # in the order of the loop
    given["d_x_t"] = np.stack([out["d_x"] for _, out in sorted(steps, key=lambda pair: pair[0])])
    outputs = {
        "d_x": lambda v: v.d_x_t,
        "d_h0": lambda v: v.d_h,
        "d_c0": lambda v: v.d_c,
        "over_time": lambda v: sum,
        "d_W_x": lambda v: v.over_time([out["d_W_x"] for out in v.by_step]),
        "d_W_h": lambda v: v.over_time([out["d_W_h"] for out in v.by_step]),
        "d_b": lambda v: v.over_time([out["d_b"] for out in v.by_step]),
    }
    return evaluate(outputs, given, [name for name in outputs if name != "over_time"], replaced)


def _spelled(order):
    return ", ".join(order)


_s = slip(sigmoid_and_slope)
SIGMOID = (
    _s("minus missing", "the minus of e^{-a} is missing", sigmoid=lambda v: sigmoid(-v.a)),
    _s("tanh for sigmoid", "tanh is used; σ has values between 0 and 1", sigmoid=lambda v: np.tanh(v.a)),
    _s("plain exponential", "the 1 + in the denominator is missing", sigmoid=lambda v: np.exp(v.a)),
    _s(
        "slope of the slope",
        "σ is applied to y once more: y is σ(a) already",
        d_sigmoid=lambda v: sigmoid(v.y) * (1 - sigmoid(v.y)),
    ),
    _s(
        "slope of tanh",
        "the derivative of tanh is used, 1 - y²: that of σ is y (1 - y)",
        d_sigmoid=lambda v: 1 - v.y**2,
    ),
    _s("slope has plus", "y (1 + y) is computed: the sign is a minus", d_sigmoid=lambda v: v.y * (1 + v.y)),
    _s(
        "slope negative",
        "the sign is turned round, y (y - 1): σ rises everywhere, so its slope is positive",
        d_sigmoid=lambda v: v.y * (v.y - 1),
    ),
    _s("slope is 1 - y", "the factor y of y (1 - y) is missing", d_sigmoid=lambda v: 1 - v.y),
    _s("slope is y", "the factor 1 - y of y (1 - y) is missing", d_sigmoid=lambda v: v.y),
)


def _reordered(order):
    """The step that takes the blocks, stacked i, f, g, o, for blocks in another order."""
    blocks = {gate: place for place, gate in enumerate(order)}
    return {
        "i": lambda v: sigmoid(v.blocks[blocks["i"]]),
        "f": lambda v: sigmoid(v.blocks[blocks["f"]]),
        "g": lambda v: np.tanh(v.blocks[blocks["g"]]),
        "o": lambda v: sigmoid(v.blocks[blocks["o"]]),
    }


_s = slip(step)
LSTM_STEP = (
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are read in the order {_spelled(order)}: they are stacked i, f, g, o",
            **_reordered(order),
        )
        for order in ORDERS
    ),
    _s(
        "i and f exchanged",
        "i and f are exchanged in the cell equation: f multiplies the old cell, i the candidate",
        c=lambda v: v.i * v.c_prev + v.f * v.g,
    ),
    _s(
        "interleaved",
        "every fourth column is taken for a gate (a[:, 0::4]): the gates are blocks of H neighbours",
        blocks=lambda v: [v.a[:, k::4] for k in range(4)],
    ),
    _s("g with sigmoid", "the candidate g has a sigmoid: it has a tanh", g=lambda v: sigmoid(v.blocks[2])),
    _s("g linear", "the tanh of the candidate g is missing", g=lambda v: v.blocks[2]),
    _s(
        "gates with tanh",
        "the gates i, f, o have a tanh: they have a sigmoid, to be between 0 and 1",
        i=lambda v: np.tanh(v.blocks[0]),
        f=lambda v: np.tanh(v.blocks[1]),
        o=lambda v: np.tanh(v.blocks[3]),
    ),
    _s(
        "no sigmoid",
        "the gates i, f, o have no sigmoid: a gate is a number between 0 and 1",
        i=lambda v: v.blocks[0],
        f=lambda v: v.blocks[1],
        o=lambda v: v.blocks[3],
    ),
    _s("no tanh on c", "the output equation lacks its tanh: h = o ⊙ tanh(c), not o ⊙ c", h=lambda v: v.o * v.c),
    _s("sigmoid on c", "the output equation has a sigmoid on c: h = o ⊙ tanh(c)", h=lambda v: v.o * sigmoid(v.c)),
    _s(
        "h from the old c",
        "the output equation uses the old cell: h = o ⊙ tanh(new c)",
        h=lambda v: v.o * np.tanh(v.c_prev),
    ),
    _s("h without o", "the output gate is unused: h = o ⊙ tanh(c)", h=lambda v: v.q),
    _s(
        "h tanh outside",
        "the tanh is around the product: h = o ⊙ tanh(c), not tanh(o ⊙ c)",
        h=lambda v: np.tanh(v.o * v.c),
    ),
    _s(
        "i plus g",
        "the input gate is added to the candidate: it multiplies, i ⊙ g",
        c=lambda v: v.f * v.c_prev + v.i + v.g,
    ),
    _s(
        "coupled gates",
        "1 - f takes the place of i: the two gates are not coupled here",
        c=lambda v: v.f * v.c_prev + (1 - v.f) * v.g,
    ),
    _s("forget gate unused", "the forget gate is unused: c = f ⊙ c_prev + i ⊙ g", c=lambda v: v.c_prev + v.i * v.g),
    _s("input gate unused", "the input gate is unused: c = f ⊙ c_prev + i ⊙ g", c=lambda v: v.f * v.c_prev + v.g),
    _s("old cell unused", "the old cell is unused: c = f ⊙ c_prev + i ⊙ g", c=lambda v: v.i * v.g),
    _s(
        "forget bias in the step",
        "1 is added to the forget gate: that belongs in the initial b",
        f=lambda v: sigmoid(v.blocks[1] + 1),
    ),
    _s("bias missing", "b is not added: a = W_x x + W_h h_prev + b", a=lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h.T),
    _s(
        "bias twice",
        "b is added twice: there is one bias here",
        a=lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h.T + 2 * v.b,
    ),
    _s("h_prev unused", "h_prev is not used: a = W_x x + W_h h_prev + b", a=lambda v: v.x @ v.W_x.T + v.b),
    _s("x unused", "x_t is not used: a = W_x x + W_h h_prev + b", a=lambda v: v.h_prev @ v.W_h.T + v.b),
    _s(
        "c for h",
        "the old cell takes the place of h_prev in the gates",
        a=lambda v: v.x @ v.W_x.T + v.c_prev @ v.W_h.T + v.b,
    ),
    Mistake(
        "h and c exchanged",
        "c is returned before h: the order is h, c, cache",
        lambda *args: dict(zip(("c", "h"), step(*args).values(), strict=True)),
    ),
    _s(
        "first sequence only",
        "only the first sequence is computed: keep the whole batch",
        c=lambda v: (v.f * v.c_prev + v.i * v.g)[0],
        h=lambda v: v.o[0] * v.q,
    ),
)

_s = slip(step_gradients)
LSTM_STEP_BACKWARD = (
    _s(
        "d_c ignored",
        "the incoming d_c is ignored: it is what step t + 1 hands back, and is added to what comes through h",
        d_cell=lambda v: v.d_h * v.o * v.d_tanh,
    ),
    _s(
        "path through h missing",
        "the path from c through h is left out: d_c + d_h ⊙ o ⊙ (1 - q²)",
        d_cell=lambda v: v.d_c,
    ),
    _s(
        "o missing in the cell",
        "the factor o is missing in d_c + d_h ⊙ o ⊙ (1 - q²)",
        d_cell=lambda v: v.d_c + v.d_h * v.d_tanh,
    ),
    _s("tanh' missing", "the factor 1 - q² is missing in d_c + d_h ⊙ o ⊙ (1 - q²)", d_tanh=lambda v: 1.0),
    _s("tanh twice", "tanh is applied to q once more: q is tanh(c) already", d_tanh=lambda v: 1 - np.tanh(v.q) ** 2),
    _s("q not squared", "1 - q takes the place of 1 - q²", d_tanh=lambda v: 1 - v.q),
    _s("c for q", "1 - c² takes the place of 1 - q², with q = tanh(c)", d_tanh=lambda v: 1 - v.c**2),
    _s(
        "sigmoid' missing",
        "the derivative of the gates is missing: i (1 - i), f (1 - f), o (1 - o)",
        d_gate=lambda v: lambda y: 1.0,
    ),
    _s(
        "sigmoid twice",
        "σ is applied to the gates once more: i, f, o are σ of something already",
        d_gate=lambda v: lambda y: sigmoid(y) * (1 - sigmoid(y)),
    ),
    _s(
        "tanh' for the gates",
        "1 - y² is used for the gates i, f, o: theirs is y (1 - y)",
        d_gate=lambda v: lambda y: 1 - y**2,
    ),
    _s(
        "sigmoid' for g",
        "g (1 - g) is used for the candidate: g is a tanh, 1 - g²",
        d_a_g=lambda v: v.d_g * v.g * (1 - v.g),
    ),
    _s("g not squared", "1 - g takes the place of 1 - g²", d_a_g=lambda v: v.d_g * (1 - v.g)),
    _s("tanh' of g missing", "the derivative of the candidate is missing: 1 - g²", d_a_g=lambda v: v.d_g),
    _s(
        "d_c_prev without f",
        "the factor f is missing: d_c_prev = (all that reaches c) ⊙ f",
        d_c_prev=lambda v: v.d_cell,
    ),
    _s(
        "d_c_prev from d_c alone",
        "d_c_prev takes only the incoming d_c: the path through h belongs to it",
        d_c_prev=lambda v: v.d_c * v.f,
    ),
    _s("d_c_prev with i", "d_c_prev has the factor i: its factor is f", d_c_prev=lambda v: v.d_cell * v.i),
    _s(
        "d_f with the new c",
        "d_f takes the new cell: f multiplied the old one, d_f = d_c ⊙ c_prev",
        d_f=lambda v: v.d_cell * v.c,
    ),
    _s(
        "d_i and d_g exchanged",
        "d_i and d_g are exchanged: d_i has the factor g, d_g the factor i",
        d_i=lambda v: v.d_cell * v.i,
        d_g=lambda v: v.d_cell * v.g,
    ),
    _s("d_o without tanh(c)", "the factor tanh(c) is missing: d_o = d_h ⊙ tanh(c)", d_o=lambda v: v.d_h),
    _s("d_o with c", "d_o takes c for tanh(c)", d_o=lambda v: v.d_h * v.c),
    *(
        _s(
            f"order {''.join(order)}",
            f"the four blocks of d_a are put together in the order {_spelled(order)}: W_x, W_h, b have i, f, g, o",
            order=lambda v, order=order: order,
        )
        for order in ORDERS
    ),
    _s(
        "forget gradient copied",
        "the bias gradient of f is copied to i and o: each gate has its own",
        d_b=lambda v: np.concatenate([v.d_a_f, v.d_a_f, v.d_a_g, v.d_a_f], axis=1).sum(axis=0),
    ),
    _s("d_b mean", "d_b is the mean over the batch: it is the sum", d_b=lambda v: v.d_a.mean(axis=0)),
    _s("d_b one sequence", "d_b is that of the first sequence: sum over the batch", d_b=lambda v: v.d_a[0]),
    _s("d_b not summed", "d_b still has a row for every sequence: sum over the batch", d_b=lambda v: v.d_a),
    _s("d_b wrong axis", "d_b is summed over the gates: sum over the batch, axis 0", d_b=lambda v: v.d_a.sum(axis=1)),
    _s(
        "weights mean",
        "the gradients of W_x, W_h and b are divided by B: they are sums over the batch",
        d_W_x=lambda v: v.d_a.T @ v.x / len(v.x),
        d_W_h=lambda v: v.d_a.T @ v.h_prev / len(v.x),
        d_b=lambda v: v.d_a.mean(axis=0),
    ),
    _s(
        "d_x and d_h_prev exchanged",
        "d_x and d_h_prev are exchanged: d_x needs W_x, d_h_prev needs W_h",
        d_x=lambda v: v.d_a @ v.W_h,
        d_h_prev=lambda v: v.d_a @ v.W_x,
    ),
    _s(
        "d_W_x and d_W_h exchanged",
        "d_W_x and d_W_h are exchanged: d_W_x needs x_t, d_W_h needs h_prev",
        d_W_x=lambda v: v.d_a.T @ v.h_prev,
        d_W_h=lambda v: v.d_a.T @ v.x,
    ),
    _s(
        "d_W transposed",
        "d_W_x and d_W_h are transposed: a gradient has the shape of its weight",
        d_W_x=lambda v: v.x.T @ v.d_a,
        d_W_h=lambda v: v.h_prev.T @ v.d_a,
    ),
    _s(
        "d_W_h with the new h",
        "d_W_h takes the new h: the product in the forward pass was with h_prev",
        d_W_h=lambda v: v.d_a.T @ v.h,
    ),
)

_s = slip(sequence)
LSTM_FORWARD = (
    _s("h0 at every step", "every step is given h0: hand the new h on", h_in=lambda h, h0: h0),
    _s("c0 at every step", "every step is given c0: hand the new c on", c_in=lambda c, c0: c0),
    _s(
        "state not carried",
        "every step is given h0 and c0: hand the new h and c on",
        h_in=lambda h, h0: h0,
        c_in=lambda c, c0: c0,
    ),
    Mistake(
        "initial state ignored",
        "the loop starts from zeros: it starts from h0 and c0",
        lambda x, h0, c0, *weights: sequence(x, 0 * h0, 0 * c0, *weights),
    ),
    Mistake(
        "initial c ignored",
        "the cell starts from zeros: it starts from c0",
        lambda x, h0, c0, *weights: sequence(x, h0, 0 * c0, *weights),
    ),
    Mistake(
        "initial h ignored",
        "h starts from zeros: it starts from h0",
        lambda x, h0, c0, *weights: sequence(x, 0 * h0, c0, *weights),
    ),
    Mistake(
        "h0 and c0 exchanged",
        "h0 and c0 are exchanged on the way in: a step takes h first",
        lambda x, h0, c0, *weights: sequence(x, c0, h0, *weights),
    ),
    Mistake(
        "backwards in time",
        "the loop runs from the last step to the first: the state at t comes from t - 1",
        lambda x, *rest: sequence(x[::-1], *rest),
    ),
    Mistake(
        "backwards, put in order",
        "the loop runs from the last step to the first: the state at t comes from t - 1",
        lambda x, *rest: sequence(x[::-1], *rest, hs=lambda v: v.all_h[::-1]),
    ),
    Mistake(
        "first input only",
        "every step reads x[0]: step t reads x[t]",
        lambda x, *rest: sequence(np.repeat(x[:1], len(x), axis=0), *rest),
    ),
    _s(
        "hs one step late",
        "hs[t] holds the h before step t: store h after the step",
        hs=lambda v: np.stack([v.h0, *v.all_h[:-1]]),
    ),
    _s(
        "hs with h0", "h0 is stored as well: hs has T entries, from h_1 to h_T", hs=lambda v: np.stack([v.h0, *v.all_h])
    ),
    _s("hs without the last", "the last step is missing in hs", hs=lambda v: v.all_h[:-1]),
    _s("hs is c", "hs holds the cells: it holds the hidden states", hs=lambda v: v.all_c),
    _s("hs is the last h", "hs is h_T alone: it holds h_t for every t", hs=lambda v: v.h),
    _s(
        "hs repeats the last h",
        "every hs[t] is the same array, filled anew at each step: store a copy",
        hs=lambda v: np.stack([v.h] * len(v.all_h)),
    ),
    _s(
        "hs batch first", "hs has the batch first: time comes first, (T, B, H)", hs=lambda v: v.all_h.transpose(1, 0, 2)
    ),
    _s(
        "h_T and c_T exchanged",
        "h_T and c_T are exchanged: h comes before c, as in what a step returns",
        h_T=lambda v: v.c,
        c_T=lambda v: v.h,
    ),
    _s(
        "state of the first step",
        "(h_T, c_T) is the state after the first step",
        h_T=lambda v: v.all_h[0],
        c_T=lambda v: v.all_c[0],
    ),
    _s(
        "initial state returned",
        "h0 and c0 are returned: return the state after the last step",
        h_T=lambda v: v.h0,
        c_T=lambda v: v.c0,
    ),
    _s("all cells returned", "c_T holds the cell of every step: return that of the last", c_T=lambda v: v.all_c),
)

_s = slip(gradients_through_time)
LSTM_BACKWARD = (
    _s(
        "d_hs ignored",
        "d_hs[t] is not added: h_t reaches the loss directly and through step t + 1",
        d_h_in=lambda d_h, d_h_t, d_h_T: d_h,
    ),
    _s(
        "d_hs in place of d_h",
        "d_hs[t] takes the place of the d_h that comes back from step t + 1: add the two",
        d_h_in=lambda d_h, d_h_t, d_h_T: d_h_t,
    ),
    _s(
        "d_h not carried",
        "every step is given d_h_T: hand d_h_prev on to the step before",
        d_h_in=lambda d_h, d_h_t, d_h_T: d_h_T + d_h_t,
    ),
    _s(
        "d_c not carried",
        "every step is given d_c_T: hand d_c_prev on to the step before",
        d_c_in=lambda d_c, d_c_T: d_c_T,
    ),
    _s(
        "d_c zero at every step",
        "every step is given d_c = 0: hand d_c_prev on to the step before",
        d_c_in=lambda d_c, d_c_T: 0 * d_c,
    ),
    _s(
        "no gradient carried",
        "no gradient is handed on from step to step: that is backpropagation through one step",
        d_h_in=lambda d_h, d_h_t, d_h_T: d_h_t,
        d_c_in=lambda d_c, d_c_T: 0 * d_c,
    ),
    _s(
        "final gradients at every step",
        "every step is given d_h_T and d_c_T: hand d_h_prev and d_c_prev on",
        d_h_in=lambda d_h, d_h_t, d_h_T: d_h_T + d_h_t,
        d_c_in=lambda d_c, d_c_T: d_c_T,
    ),
    _s("d_h_T ignored", "d_h_T is not used: the loop starts from it", start=lambda d_h, d_c: (0 * d_h, d_c)),
    _s("d_c_T ignored", "d_c_T is not used: the loop starts from it", start=lambda d_h, d_c: (d_h, 0 * d_c)),
    _s(
        "final gradients ignored",
        "the loop starts from zeros: it starts from d_h_T and d_c_T",
        start=lambda d_h, d_c: (0 * d_h, 0 * d_c),
    ),
    _s(
        "forwards in time",
        "the loop runs from the first step to the last: it runs from T - 1 down to 0",
        times=lambda steps: steps,
    ),
    _s(
        "weights of the first step",
        "d_W_x, d_W_h, d_b are overwritten, so step 0 alone remains: add up over time",
        over_time=lambda v: lambda steps: steps[-1],
    ),
    _s(
        "weights of the last step",
        "d_W_x, d_W_h, d_b are those of the last step alone: add up over time",
        over_time=lambda v: lambda steps: steps[0],
    ),
    _s(
        "weights averaged over time",
        "d_W_x, d_W_h, d_b are averaged over time: they are sums",
        over_time=lambda v: lambda steps: sum(steps) / v.T,
    ),
    _s(
        "weights averaged over the batch",
        "d_W_x, d_W_h, d_b are averaged over the batch: they are sums",
        over_time=lambda v: lambda steps: sum(steps) / v.B,
    ),
    _s(
        "weights averaged over both",
        "d_W_x, d_W_h, d_b are averaged over time and batch: they are sums",
        over_time=lambda v: lambda steps: sum(steps) / (v.T * v.B),
    ),
    _s(
        "d_b of the first step",
        "d_b is overwritten, so step 0 alone remains: add up over time",
        d_b=lambda v: v.by_step[-1]["d_b"],
    ),
    _s(
        "d_x reversed",
        "d_x is in the order of the loop, last step first: d_x[t] belongs to x[t]",
        d_x=lambda v: v.d_x_t[::-1],
    ),
    _s("d_x of one step", "d_x is that of one step: it has an entry for every t", d_x=lambda v: v.d_x_t[0]),
    _s(
        "d_x summed over time",
        "d_x is summed over time: it has an entry for every t",
        d_x=lambda v: v.d_x_t.sum(axis=0),
    ),
    _s(
        "d_h0 one step early",
        "d_h0 and d_c0 are what step 0 was given: they are the d_h_prev and d_c_prev that it returns",
        d_h0=lambda v: v.inside[-1][0],
        d_c0=lambda v: v.inside[-1][1],
    ),
    _s(
        "d_h0 zero",
        "d_h0 and d_c0 are zero: they are the d_h_prev and d_c_prev of step 0",
        d_h0=lambda v: 0 * v.d_h,
        d_c0=lambda v: 0 * v.d_c,
    ),
    _s(
        "d_h0 and d_c0 exchanged",
        "d_h0 and d_c0 are exchanged: h comes before c",
        d_h0=lambda v: v.d_c,
        d_c0=lambda v: v.d_h,
    ),
    Mistake(
        "d_hs reversed",
        "d_hs is read from its first step while the caches are read from the last",
        lambda d_hs, *rest: gradients_through_time(d_hs[::-1], *rest),
    ),
    Mistake(
        "d_hs one step late",
        "d_hs[t] is added after step t instead of before it",
        lambda d_hs, *rest: gradients_through_time(
            np.concatenate([d_hs[1:], 0 * d_hs[:1]]), *rest, d_h0=lambda v: v.d_h + d_hs[0]
        ),
    ),
    Mistake(
        "last d_hs twice",
        "d_hs of the last step is added twice",
        lambda d_hs, d_h_T, *rest: gradients_through_time(d_hs, d_h_T + d_hs[-1], *rest),
    ),
)


def _differences(above, below, divisor):
    """∂f/∂a with f tried at a + above·eps and a + below·eps."""

    def wrong(f, a, eps, p, q):
        gradient = np.zeros(a.shape)
        for index in np.ndindex(a.shape):
            unit = np.zeros(a.shape)
            unit[index] = eps
            gradient[index] = (f(a + above * unit) - f(a + below * unit)) / (divisor * eps)
        return {"numerical_gradient": gradient}

    return wrong


def _not_restored(last):
    """Each entry is left where its last evaluation put it, `last` · eps away."""

    def wrong(f, a, eps, p, q):
        a, gradient = a.astype(np.float64), np.zeros(a.shape)
        for index in np.ndindex(a.shape):
            kept = a[index]
            a[index] = kept + eps
            above = f(a.copy())
            a[index] = kept - eps
            gradient[index] = (above - f(a.copy())) / (2 * eps)
            a[index] = kept + last * eps
        return {"numerical_gradient": gradient}

    return wrong


def _all_at_once(f, a, eps, p, q):
    return {"numerical_gradient": np.full(a.shape, (f(a + eps) - f(a - eps)) / (2 * eps))}


def _error(formula):
    """A relative error of p and q by another formula of d = |p - q|, p and q."""
    return lambda f, a, eps, p, q: {"relative_error": formula(np.abs(p - q), p, q)}


def _largest(a):
    return np.max(np.abs(a))


NUMERICAL_GRADIENT = (
    Mistake("forward difference", "f(a) takes the place of f(a - eps): step to both sides", _differences(1, 0, 1)),
    Mistake("backward difference", "f(a) takes the place of f(a + eps): step to both sides", _differences(0, -1, 1)),
    Mistake(
        "divided by eps", "the difference is divided by eps: the two points are 2 eps apart", _differences(1, -1, 1)
    ),
    Mistake("half a difference", "a step to one side is divided by 2 eps", _differences(1, 0, 2)),
    Mistake("sign", "the two points are exchanged: f(a + eps) - f(a - eps)", _differences(-1, 1, 2)),
    Mistake(
        "not divided",
        "the difference is not divided by 2 eps, the distance of the two points",
        lambda f, a, eps, p, q: {"numerical_gradient": 2 * eps * finite_difference(f, a, eps)},
    ),
    Mistake("not restored", "an entry stays at a - eps while the next one is tried: put it back", _not_restored(-1)),
    Mistake(
        "same array twice",
        "both points are the same array (b = a does not copy): the difference is zero",
        lambda f, a, eps, p, q: {"numerical_gradient": np.zeros(a.shape)},
    ),
    Mistake("all entries at once", "all entries are moved at once: move one, keep the others", _all_at_once),
    Mistake(
        "flat gradient",
        "the gradient is flat: give it the shape of a",
        lambda f, a, eps, p, q: {"numerical_gradient": finite_difference(f, a, eps).ravel()},
    ),
    Mistake(
        "absolute error",
        "the difference is not divided by the size of the arrays: the same difference is much for a "
        "small gradient and nothing for a large one",
        _error(lambda d, p, q: d.max()),
    ),
    Mistake(
        "mean error",
        "the mean takes the place of the maximum: one wrong entry would hide among many right ones",
        _error(lambda d, p, q: d.mean() / max(_largest(p), _largest(q))),
    ),
    Mistake(
        "no absolute value",
        "the absolute value of a - b is missing: an entry that is far too small would not be seen",
        _error(lambda d, p, q: (p - q).max() / max(_largest(p), _largest(q))),
    ),
    Mistake(
        "entry by entry",
        "each entry is divided by its own size: divide by the largest entry of either array",
        _error(lambda d, p, q: (d / np.maximum(np.abs(p), np.abs(q))).max()),
    ),
    Mistake(
        "entry by entry, sum",
        "each entry is divided by |a| + |b| of its own: divide by the largest entry of either array",
        _error(lambda d, p, q: (d / (np.abs(p) + np.abs(q))).max()),
    ),
    Mistake(
        "sum of the largest",
        "the largest entries of a and b are added up: take the larger one",
        _error(lambda d, p, q: d.max() / (_largest(p) + _largest(q))),
    ),
    Mistake(
        "scaled by a",
        "the size of a alone is taken: take the larger one of a and b",
        _error(lambda d, p, q: d.max() / _largest(p)),
    ),
    Mistake(
        "scaled by b",
        "the size of b alone is taken: take the larger one of a and b",
        _error(lambda d, p, q: d.max() / _largest(q)),
    ),
    Mistake(
        "ratio of norms",
        "norms are taken: the formula takes the largest entries",
        _error(lambda d, p, q: np.linalg.norm(d) / (np.linalg.norm(p) + np.linalg.norm(q))),
    ),
    Mistake(
        "error of every entry",
        "an array is returned: take the maximum",
        _error(lambda d, p, q: d / max(_largest(p), _largest(q))),
    ),
)


def _ported(state_dict, W_x, W_h, b, /, **replaced):
    """W_x (4H, D), W_h (4H, H), b (4H,) from a state_dict, and what goes back."""
    formulas = {
        "W_x": lambda v: v.x,
        "W_h": lambda v: v.h,
        "b": lambda v: v.b_x + v.b_h,
        "biases back": lambda v: v.back,
    }
    given = {
        "x": state_dict["weight_ih_l0"],
        "h": state_dict["weight_hh_l0"],
        "b_x": state_dict.get("bias_ih_l0", 0 * b),
        "b_h": state_dict.get("bias_hh_l0", 0 * b),
        "back": b,
    }
    return evaluate(formulas, given, formulas, replaced)


def _ported_in_order(order):
    def reordered(array):
        blocks = np.split(array, 4)
        return np.concatenate([blocks[BLOCK[gate]] for gate in order])

    return {
        "W_x": lambda v: reordered(v.x),
        "W_h": lambda v: reordered(v.h),
        "b": lambda v: reordered(v.b_x + v.b_h),
    }


_s = slip(_ported)
PORT_WEIGHTS = (
    _s("bias_hh dropped", "bias_hh_l0 is dropped: torch adds both biases", b=lambda v: v.b_x),
    _s("bias_ih dropped", "bias_ih_l0 is dropped: torch adds both biases", b=lambda v: v.b_h),
    _s("biases averaged", "the two biases are averaged: torch adds them", b=lambda v: (v.b_x + v.b_h) / 2),
    _s(
        "biases stacked",
        "the two biases are put end to end: torch adds them",
        b=lambda v: np.concatenate([v.b_x, v.b_h]),
    ),
    _s(
        "biases both kept",
        "both biases are returned: torch adds them, so their sum does the same",
        b=lambda v: np.stack([v.b_x, v.b_h]),
    ),
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are put in the order {_spelled(order)}: torch has i, f, g, o already",
            **_ported_in_order(order),
        )
        for order in ORDERS
    ),
    _s(
        "transposed",
        "the weights are transposed: torch has (4H, D) and (4H, H), as we do",
        W_x=lambda v: v.x.T,
        W_h=lambda v: v.h.T,
    ),
    _s(
        "weights exchanged",
        "weight_ih and weight_hh are exchanged: ih is for the input",
        W_x=lambda v: v.h,
        W_h=lambda v: v.x,
    ),
    Mistake(
        "bias twice on the way back",
        "b goes into both biases: torch adds them, so the sum is twice b",
        lambda state_dict, W_x, W_h, b: {"biases back": 2 * b},
    ),
    Mistake(
        "bias lost on the way back",
        "both biases are zero on the way back: their sum is to be b",
        lambda state_dict, W_x, W_h, b: {"biases back": 0 * b},
    ),
)


def _count(formula):
    """Counts of one and of two biases by another formula of D, H and biases."""
    return lambda D, H: {"one bias": formula(D, H, 1), "two biases": formula(D, H, 2)}


COUNT_PARAMETERS = (
    Mistake("one gate", "one block is counted: i, f, g and o make four", _count(lambda D, H, n: H * (D + H + n))),
    Mistake(
        "three gates",
        "three blocks are counted: the candidate g has weights too",
        _count(lambda D, H, n: 3 * H * (D + H + n)),
    ),
    Mistake(
        "no bias",
        "the biases are not counted: every unit of every block has `biases` of them",
        _count(lambda D, H, n: 4 * H * (D + H)),
    ),
    Mistake("always one bias", "`biases` is not used, one is counted", _count(lambda D, H, n: 4 * H * (D + H + 1))),
    Mistake("always two biases", "`biases` is not used, two are counted", _count(lambda D, H, n: 4 * H * (D + H + 2))),
    Mistake(
        "bias of one gate",
        "the biases of one block are counted: each of the four has H",
        _count(lambda D, H, n: 4 * H * (D + H) + n * H),
    ),
    Mistake(
        "one number a bias",
        "a bias is counted as one number: it has H entries for each gate",
        _count(lambda D, H, n: 4 * H * (D + H) + n),
    ),
    Mistake(
        "four numbers a bias",
        "a bias is counted as one number a gate: it has H",
        _count(lambda D, H, n: 4 * (H * (D + H) + n)),
    ),
    Mistake(
        "no recurrent weights",
        "W_h is not counted: every unit looks at all H units of the step before as well",
        _count(lambda D, H, n: 4 * H * (D + n)),
    ),
    Mistake(
        "D for H",
        "D and H are exchanged: there are H units, and each looks at D inputs",
        _count(lambda D, H, n: 4 * D * (D + H + n)),
    ),
    Mistake(
        "peepholes",
        "three peephole vectors are counted: there are none here",
        _count(lambda D, H, n: 4 * H * (D + H + n) + 3 * H),
    ),
)


REACH_FORMULAS = {
    "f": lambda v: sigmoid(v.beta),
    "steps": lambda v: v.T,
    "arrives": lambda v: v.f**v.steps,
    "crossing": lambda v: np.log(v.share) / np.log(v.f),
    "lag": lambda v: np.ceil(v.crossing),
    "half": lambda v: 0.5 ** (1 / v.T),
    "bias": lambda v: np.log(v.half / (1 - v.half)),
}


def reach(beta, T, share, **replaced):
    """What is left of a gradient after T steps, when less than `share` is, and the bias that lets half of it arrive."""
    given = {"beta": float(beta), "T": T, "share": share}
    return evaluate(REACH_FORMULAS, given, ("arrives", "lag", "bias"), replaced)


_s = slip(reach)
REACH = (
    _s(
        "slope for gate",
        "each step multiplies by σ'(β): the gradient meets f itself there, as the cell does; the slope of the gate "
        "comes in only on the way to the weights",
        f=lambda v: sigmoid(v.beta) * (1 - sigmoid(v.beta)),
    ),
    _s("bias for gate", "β itself is taken for the gate: the gate is σ(β)", f=lambda v: v.beta),
    _s("tanh for gate", "the gate is tanh(β): a gate is a sigmoid", f=lambda v: np.tanh(v.beta)),
    _s(
        "what is forgotten",
        "each step multiplies by 1 - f, the share that is forgotten: what stays is f",
        f=lambda v: 1 - sigmoid(v.beta),
    ),
    _s(
        "bias ignored",
        "each step halves the gradient, as at β = 0: your forget gate is wider open",
        f=lambda v: 0.5,
    ),
    _s(
        "one step too few",
        "the gate is met T - 1 times: from c_T back to c_0 there are T cell equations",
        arrives=lambda v: v.f ** (v.T - 1),
    ),
    _s(
        "one step too many",
        "the gate is met T + 1 times: from c_T back to c_0 there are T cell equations",
        arrives=lambda v: v.f ** (v.T + 1),
    ),
    _s(
        "share lost",
        "the share that is lost on the way is given: what arrives is the rest",
        arrives=lambda v: 1 - v.f**v.T,
    ),
    _s(
        "gate times T",
        "the gate is multiplied by T: T factors f make a power",
        arrives=lambda v: v.f * v.T,
    ),
    _s(
        "one gate only",
        "one step is taken: there are T of them",
        arrives=lambda v: v.f,
    ),
    _s(
        "lag rounded down",
        "the crossing is rounded down: one step earlier there is still more left than the share",
        lag=lambda v: np.floor(v.crossing),
    ),
    _s(
        "lag one too many",
        "the lag is one too large: the gradient is below the share a step earlier",
        lag=lambda v: np.ceil(v.crossing) + 1,
    ),
    _s(
        "lag not whole",
        "the crossing is not rounded: steps are whole, and the first one below it is asked for",
        lag=lambda v: v.crossing,
    ),
    _s(
        "half-life for lag",
        "the half-life is given: here the gradient is to fall below the share of yours",
        lag=lambda v: np.ceil(np.log(0.5) / np.log(v.f)),
    ),
    _s(
        "lag of the share lost",
        "the lag is the one at which the share is lost: it is to be all that is left",
        lag=lambda v: np.ceil(np.log(1 - v.share) / np.log(v.f)),
    ),
    _s(
        "lag from the linear rule",
        "the loss of a single step is added up, n (1 - f): the losses multiply, as f · f · f",
        lag=lambda v: np.ceil((1 - v.share) / (1 - v.f)),
    ),
    _s("gate for bias", "the gate is given: the bias is the number whose σ it is", bias=lambda v: v.half),
    _s(
        "bias of the wrong sign",
        "the bias has the wrong sign: it would shut the gate",
        bias=lambda v: np.log((1 - v.half) / v.half),
    ),
    _s(
        "chrono bias",
        "log(T - 1) is given, the chrono rule: it lets about 1/e arrive after T steps, not a half",
        bias=lambda v: np.log(v.T - 1),
    ),
    _s(
        "bias from the linear rule",
        "the gate is 1 - 1/(2T), as if each step took away the same amount: each takes the same share of what is left",
        bias=lambda v: np.log(2 * v.T - 1),
    ),
    _s(
        "bias for the share",
        "the bias lets `share` of the gradient arrive: here it is to be one half",
        bias=lambda v: np.log(v.share ** (1 / v.T) / (1 - v.share ** (1 / v.T))),
    ),
    _s(
        "logarithm for bias",
        "the logarithm of the gate is given: to undo σ takes log(f / (1 - f))",
        bias=lambda v: np.log(v.half),
    ),
    _s(
        "half a step",
        "the gate is one half: the half is to be left after T steps, not after one",
        bias=lambda v: 0.0,
    ),
)


LEAKY_FORMULAS = {
    "d_cell": lambda v: v.d_c + v.d_h * (v.o * (1 - v.q**2) + v.r),
    "d_f": lambda v: v.d_cell * v.c_prev,
    "d_a_i": lambda v: v.d_cell * v.g * v.i * (1 - v.i),
    "d_a_f": lambda v: v.d_f * v.f * (1 - v.f),
    "d_a_g": lambda v: v.d_cell * v.i * v.k * (1 - v.g**2),
    "d_a_o": lambda v: v.d_h * v.q * v.o * (1 - v.o),
    "d_a of i and o": lambda v: np.concatenate([v.d_a_i, v.d_a_o], axis=1),
    "d_a of f": lambda v: v.d_a_f,
    "d_a of g": lambda v: v.d_a_g,
    "d_a": lambda v: np.concatenate([v.d_a_i, v.d_a_f, v.d_a_g, v.d_a_o], axis=1),
    "d_h_prev": lambda v: v.d_a @ v.W_h,
    "d_c_prev": lambda v: v.d_cell * v.f,
    "d_b": lambda v: v.d_a.sum(axis=0),
}
LEAKY_GRADIENTS = ("d_a of i and o", "d_a of f", "d_a of g", "d_h_prev", "d_c_prev", "d_b")
LEAKY_CACHE = ("c_prev", "W_h", "i", "f", "g", "o", "c", "q")


def leaky_gradients(d_h, d_c, cache, k, r, **replaced):
    """The gradients of the leaky step, the blocks of d_a apart."""
    given = dict(zip(LEAKY_CACHE, cache, strict=True), d_h=d_h, d_c=d_c, k=k, r=r)
    return evaluate(LEAKY_FORMULAS, given, LEAKY_GRADIENTS, replaced)


# The bugs that are planted in `broken`: what replaces the right formula, and a symptom that does not give it away.
BUGS = {
    "d_c lost": (
        {"d_cell": lambda v: v.d_h * (v.o * (1 - v.q**2) + v.r)},
        "the result is the same whatever d_c is",
    ),
    "new cell in d_f": (
        {"d_f": lambda v: v.d_cell * v.c},
        "the slope of f is taken at a cell that f never multiplied",
    ),
    "slope k lost": (
        {"d_a_g": lambda v: v.d_cell * v.i * (1 - v.g**2)},
        "the candidate is differentiated as if k were one",
    ),
    "d_b averaged": (
        {"d_b": lambda v: v.d_a.mean(axis=0)},
        "a batch that is repeated leaves d_b as it is, where it should double",
    ),
}


def _bugs_left(names):
    """The mistake of a repair that leaves these bugs in; of several, the first is hinted at."""
    first = BUGS[names[0]][1]
    begin = {1: "one of the four bugs is left. Its trace: ", 4: "all four bugs are left. The trace of the first: "}
    count = {2: "two", 3: "three"}.get(len(names))
    begin = begin.get(len(names), f"{count} of the four bugs are left. The trace of the first: ")
    replaced = {name: formula for bug in names for name, formula in BUGS[bug][0].items()}
    return slip(leaky_gradients)(f"left: {', '.join(names)}", begin + first, **replaced)


_s = slip(leaky_gradients)
REPAIR = (
    *(_bugs_left(names) for count in (4, 3, 2, 1) for names in combinations(BUGS, count)),
    _s(
        "leak left out",
        "the leak is left out of what reaches the cell: h has the term r c too",
        d_cell=lambda v: v.d_c + v.d_h * v.o * (1 - v.q**2),
    ),
    _s(
        "leak without d_h",
        "r is added by itself: it comes with the factor d_h, as h does",
        d_cell=lambda v: v.d_c + v.d_h * v.o * (1 - v.q**2) + v.r,
    ),
    _s(
        "leak of d_c",
        "the leak r is given the factor d_c: r c is a part of h, so it comes with d_h",
        d_cell=lambda v: v.d_c * (1 + v.r) + v.d_h * v.o * (1 - v.q**2),
    ),
    _s(
        "leak behind the tanh",
        "the leak r is given the slope of the tanh: r c stands beside o ⊙ tanh(c), outside of the tanh",
        d_cell=lambda v: v.d_c + v.d_h * (v.o + v.r) * (1 - v.q**2),
    ),
    _s(
        "d_c scaled by the output",
        "d_c is multiplied by the slope of the output equation: it arrives at the cell as it is",
        d_cell=lambda v: (v.d_c + v.d_h) * (v.o * (1 - v.q**2) + v.r),
    ),
    _s(
        "slope k squared",
        "the slope k comes in twice: k a_g is differentiated once",
        d_a_g=lambda v: v.d_cell * v.i * v.k**2 * (1 - v.g**2),
    ),
    _s(
        "slope k inside the square",
        "1 - (k g)² is taken: g is tanh(k a_g) already, so its slope is k (1 - g²)",
        d_a_g=lambda v: v.d_cell * v.i * (1 - (v.k * v.g) ** 2),
    ),
    _s(
        "divided by k",
        "the slope of the candidate is divided by k: the chain rule multiplies",
        d_a_g=lambda v: v.d_cell * v.i * (1 - v.g**2) / v.k,
    ),
    _s(
        "slope of g once more",
        "tanh is applied to g once more: g is tanh(k a_g) already",
        d_a_g=lambda v: v.d_cell * v.i * v.k * (1 - np.tanh(v.k * v.g) ** 2),
    ),
    _s(
        "slope k on every block",
        "all four blocks are multiplied by k: only the candidate is steeper",
        d_a_i=lambda v: v.k * v.d_cell * v.g * v.i * (1 - v.i),
        d_a_f=lambda v: v.k * v.d_f * v.f * (1 - v.f),
        d_a_o=lambda v: v.k * v.d_h * v.q * v.o * (1 - v.o),
    ),
    _s("d_b not summed", "d_b still has a row for every sequence: sum over the batch", d_b=lambda v: v.d_a),
    _s(
        "d_b over the columns",
        "d_b is summed over the gates: sum over the batch, axis 0",
        d_b=lambda v: v.d_a.sum(axis=1),
    ),
    _s(
        "d_c_prev with the old d_c",
        "d_c_prev takes only the incoming d_c: what comes through h belongs to it",
        d_c_prev=lambda v: v.d_c * v.f,
    ),
)


def from_checkpoints(
    step,
    step_backward,
    d_hs,
    d_last,
    x,
    first,
    weights,
    every,
    measure="",
    restart=lambda states, start: states[start],
    handed=lambda d, d_last: d,
    order=reversed,
    loss_at=lambda t, start: t,
    stop=lambda T, every: T,
    weights_of=sum,
    inputs=lambda d_x, every: d_x,
):
    """All gradients, one after the other in a flat array, from caches that are made again; the rest are slips."""
    T, states = len(x), [first]
    for x_t in x:
        states.append(step(x_t, *states[-1], *weights)[:2])
    d, d_x, d_weights = d_last, np.zeros(x.shape), [[0 * weight for weight in weights]]
    for start in order(range(0, stop(T, every), every)):
        state, caches = restart(states, start), []
        for t in range(start, min(start + every, T)):
            *state, cache = step(x[t], *state, *weights)
            caches.append(cache)
        d = handed(d, d_last)
        of_segment = []
        for t in reversed(range(start, start + len(caches))):
            d_x[t], *d, d_W_x, d_W_h, d_b = step_backward(d[0] + d_hs[loss_at(t, start)], d[1], caches[t - start])
            of_segment.append((d_W_x, d_W_h, d_b))
        d_weights.append([sum(arrays) for arrays in zip(*of_segment, strict=True)])
    d_weights = [weights_of(arrays) for arrays in zip(*d_weights, strict=True)]
    return {"gradients": np.concatenate([np.ravel(array) for array in (inputs(d_x, every), *d, *d_weights)])}


_s = slip(from_checkpoints)
LEAN_BACKWARD = (
    _s(
        "restart from the first state",
        "every segment is computed again from the first state: it begins with the state that was kept for it",
        restart=lambda states, start: states[0],
    ),
    _s(
        "state after the step",
        "the kept states are those after the first step of a segment: keep the state before it",
        restart=lambda states, start: states[start + 1],
    ),
    _s(
        "segments cut off",
        "each segment begins with a gradient of zero: hand d_h and d_c on to the segment before, or it is truncated "
        "backpropagation",
        handed=lambda d, d_last: tuple(0 * array for array in d),
    ),
    _s(
        "last gradient for every segment",
        "each segment begins with d_h_T and d_c_T: these belong to the last one, and what it returns to the one before",
        handed=lambda d, d_last: d_last,
    ),
    _s(
        "segments in order of time",
        "the segments are taken from the first to the last: begin with the last",
        order=iter,
    ),
    _s(
        "d_hs by place in the segment",
        "d_hs is read at the place within the segment: it has an entry for every step of the sequence",
        loss_at=lambda t, start: t - start,
    ),
    _s(
        "rest left out",
        "the last segment is left out where `every` does not divide T: it is a shorter one",
        stop=lambda T, every: T // every * every,
    ),
    _s(
        "weights of one segment",
        "the gradients of the weights are those of the first segment alone: add up over all of them",
        weights_of=lambda segments: segments[-1],
    ),
    _s(
        "segments of d_x in the order of the loop",
        "the segments of d_x stand in the order in which they were made, the last one first",
        inputs=lambda d_x, every: np.concatenate([d_x[n : n + every] for n in range(0, len(d_x), every)][::-1]),
    ),
    _s(
        "d_x reversed",
        "d_x is in the order of the loop, last step first",
        inputs=lambda d_x, every: d_x[::-1],
    ),
    Mistake(
        "d_hs left out",
        "d_hs is not used: every h_t reaches the loss directly as well",
        lambda step, back, d_hs, *rest: from_checkpoints(step, back, 0 * d_hs, *rest),
    ),
    Mistake(
        "last gradient left out",
        "d_h_T and d_c_T are not used: the last segment begins with them",
        lambda step, back, d_hs, d_last, *rest: from_checkpoints(
            step, back, d_hs, tuple(0 * array for array in d_last), *rest
        ),
    ),
)
