"""What comes out under the known mistakes of the assignment `variants`: its named wrong outcomes.

A mistake is written as the right formulas with one of them replaced, so the list below reads like a list of slips of
the pen.  A text completes the sentence "this is what comes out when ...".  Reading the list is reading the solution.

T steps, B sequences, D inputs, H units; R × S pixels, kernels k × k; a query of Q numbers, keys of K, A units of the
score.  The arguments are those of the right values in lstmkit/grading/variants.py.
"""

from itertools import permutations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.grading.question import Mistake
from lstmkit.numpy.functions import sigmoid

GRU_FORMULAS = {
    "a_x": lambda v: v.x @ v.W_x.T + v.b_x,
    "a_h": lambda v: v.h_prev @ v.W_h.T + v.b_h,
    "order": lambda v: "rzn",
    "of_x": lambda v: dict(zip(v.order, np.split(v.a_x, 3, axis=1), strict=True)),
    "of_h": lambda v: dict(zip(v.order, np.split(v.a_h, 3, axis=1), strict=True)),
    "r": lambda v: sigmoid(v.of_x["r"] + v.of_h["r"]),
    "z": lambda v: sigmoid(v.of_x["z"] + v.of_h["z"]),
    "n": lambda v: np.tanh(v.of_x["n"] + v.r * v.of_h["n"]),
    "h": lambda v: (1 - v.z) * v.n + v.z * v.h_prev,
}

COUNTER_FORMULAS = {
    "after_gru": lambda v: lambda n: 1 - v.keep**n,
    "after_shown": lambda v: lambda n: np.tanh(n * v.step),
    "gru": lambda v: _told_apart(v.after_gru, v.apart),
    "shown": lambda v: _told_apart(v.after_shown, v.apart),
    "threshold": lambda v: v.up / 2,
    "uneven": lambda v: _accepted(v.up, v.down, v.threshold),
}

LSTM_BLOCKS = {
    "a": lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h.T + v.b,
    "order": lambda v: "ifgo",
    "of": lambda v: dict(zip(v.order, np.split(v.a, 4, axis=1), strict=True)),
}

PEEPHOLE_FORMULAS = LSTM_BLOCKS | {
    "i": lambda v: sigmoid(v.of["i"] + v.w_i * v.c_prev),
    "f": lambda v: sigmoid(v.of["f"] + v.w_f * v.c_prev),
    "g": lambda v: np.tanh(v.of["g"]),
    "c": lambda v: v.f * v.c_prev + v.i * v.g,
    "o": lambda v: sigmoid(v.of["o"] + v.w_o * v.c),
    "h": lambda v: v.o * np.tanh(v.c),
}

BILSTM_FORMULAS = {
    "turned": lambda v: _reverse(v.x, v.lengths),
    "there": lambda v: _run(v.x, v.forward),
    "as_read": lambda v: _run(v.turned, v.backward),
    "back": lambda v: _reverse(v.as_read, v.lengths),
    "left": lambda v: v.there,
    "right": lambda v: v.back,
    "forward half": lambda v: np.where(v.real, v.left, 0),
    "backward half": lambda v: np.where(v.real, v.right, 0),
}

CONV_FORMULAS = {
    "border": lambda v: {"mode": "constant"},
    "kernel": lambda v: lambda W: W,
    "pads": lambda v: lambda k: (k // 2, k // 2),
    "slide": lambda v: lambda image, W: _slide(image, v.kernel(W), v.pads(W.shape[-1]), v.border),
    "a_x": lambda v: v.slide(v.x, v.W_x),
    "a_h": lambda v: v.slide(v.h_prev, v.W_h),
    "a": lambda v: v.a_x + v.a_h + v.b[:, None, None],
    "order": lambda v: "ifgo",
    "blocks": lambda v: np.split(v.a, 4, axis=1),
    "of": lambda v: dict(zip(v.order, v.blocks, strict=True)),
    "c": lambda v: sigmoid(v.of["f"]) * v.c_prev + sigmoid(v.of["i"]) * np.tanh(v.of["g"]),
    "h": lambda v: sigmoid(v.of["o"]) * np.tanh(v.c),
}

ATTENTION_FORMULAS = {
    "of_query": lambda v: (v.query @ v.W_q.T)[:, None],
    "of_keys": lambda v: v.keys @ v.W_k.T,
    "hidden": lambda v: np.tanh(v.of_query + v.of_keys),
    "e": lambda v: v.hidden @ v.v,
    "shown": lambda v: v.mask,
    "weights": lambda v: _softmax(np.where(v.shown, v.e, -np.inf)),
    "values": lambda v: v.keys,
    "context": lambda v: np.einsum("bt,btk->bk", v.weights, v.values),
}

REPAIRED_FORMULAS = {
    "a": lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h.T + v.b,
    "order": lambda v: "fgo",
    "of": lambda v: dict(zip(v.order, np.split(v.a, 3, axis=1), strict=True)),
    "f": lambda v: sigmoid(v.of["f"] + v.w_f * v.c_prev),
    "i": lambda v: 1 - v.f,
    "g": lambda v: np.tanh(v.of["g"]),
    "c": lambda v: v.f * v.c_prev + v.i * v.g,
    "seen": lambda v: v.c,
    "o": lambda v: sigmoid(v.of["o"] + v.w_o * v.seen),
    "h": lambda v: v.o * np.tanh(v.c),
}


def gru_step(*arrays, **replaced):
    """r, z, n and h (B, H) of one step."""
    given = dict(zip(("x", "h_prev", "W_x", "W_h", "b_x", "b_h"), arrays, strict=True))
    return evaluate(GRU_FORMULAS, given, ("h", "r", "z", "n"), replaced)


def counters(mine, **replaced):
    """How far the three counters with these parameters count, whole numbers."""
    return evaluate(COUNTER_FORMULAS, mine, ("gru", "shown", "uneven"), replaced)


def peephole_step(*arrays, **replaced):
    """h and c (B, H) of one step with peepholes."""
    names = ("x", "h_prev", "c_prev", "W_x", "W_h", "b", "w_i", "w_f", "w_o")
    return evaluate(PEEPHOLE_FORMULAS, dict(zip(names, arrays, strict=True)), ("h", "c"), replaced)


def bilstm(x, lengths, forward, backward, **replaced):
    """Both halves (T, B, H), zero behind the ends."""
    given = {"x": x, "lengths": lengths, "forward": forward, "backward": backward}
    given["real"] = (np.arange(len(x))[:, None] < lengths)[:, :, None]
    return evaluate(BILSTM_FORMULAS, given, ("forward half", "backward half"), replaced)


def convlstm_step(*arrays, **replaced):
    """h and c (B, H, R, S) of one frame."""
    given = dict(zip(("x", "h_prev", "c_prev", "W_x", "W_h", "b"), arrays, strict=True))
    return evaluate(CONV_FORMULAS, given, ("h", "c"), replaced)


def additive_attention(*arrays, **replaced):
    """The context (B, K) and the weights (B, T)."""
    given = dict(zip(("query", "keys", "mask", "W_q", "W_k", "v"), arrays, strict=True))
    return evaluate(ATTENTION_FORMULAS, given, ("context", "weights"), replaced)


def repaired_step(*arrays, **replaced):
    """h and c (B, H) of one step with coupled gates and peepholes."""
    names = ("x", "h_prev", "c_prev", "W_x", "W_h", "b", "w_f", "w_o")
    return evaluate(REPAIRED_FORMULAS, dict(zip(names, arrays, strict=True)), ("h", "c"), replaced)


def _spelled(order):
    return ", ".join(order)


_s = slip(gru_step)
GRU_STEP = (
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are read in the order {_spelled(order)}: they are stacked r, z, n",
            order=lambda v, order=order: order,
        )
        for order in permutations("rzn")
        if order != tuple("rzn")
    ),
    _s(
        "z and 1 - z exchanged",
        "z and 1 - z are exchanged, as some papers have it: here a z of one keeps the old state",
        h=lambda v: v.z * v.n + (1 - v.z) * v.h_prev,
    ),
    _s(
        "reset before the product",
        "the reset gate acts on h_prev, before the product with W_hn: here it acts on the product, u = W_hn h + b_u",
        n=lambda v: np.tanh(v.of_x["n"] + (v.r * v.h_prev) @ np.split(v.W_h, 3)[2].T + np.split(v.b_h, 3)[2]),
    ),
    _s(
        "reset before the product, bias with it",
        "the reset gate acts on h_prev and on the bias b_u, but before the product: here it acts on W_hn h + b_u",
        n=lambda v: np.tanh(v.of_x["n"] + (v.r * v.h_prev) @ np.split(v.W_h, 3)[2].T + v.r * np.split(v.b_h, 3)[2]),
    ),
    _s(
        "b_u outside the reset",
        "the bias b_u, the last block of b_h, stands outside the reset: it is inside, r ⊙ (W_hn h + b_u)",
        n=lambda v: np.tanh(v.of_x["n"] + v.r * (v.of_h["n"] - np.split(v.b_h, 3)[2]) + np.split(v.b_h, 3)[2]),
    ),
    _s(
        "b_n inside the reset",
        "the bias b_n, the last block of b_x, stands inside the reset: it is outside, with the input",
        n=lambda v: np.tanh(v.of_x["n"] - np.split(v.b_x, 3)[2] + v.r * (v.of_h["n"] + np.split(v.b_x, 3)[2])),
    ),
    _s(
        "reset of the input too",
        "the reset gate multiplies the input's part of the candidate too: it acts on the past alone",
        n=lambda v: np.tanh(v.r * (v.of_x["n"] + v.of_h["n"])),
    ),
    _s(
        "no reset",
        "the reset gate is unused: in the candidate it multiplies the product with h_prev",
        n=lambda v: np.tanh(v.of_x["n"] + v.of_h["n"]),
    ),
    _s("n without the past", "the candidate sees the input alone", n=lambda v: np.tanh(v.of_x["n"])),
    _s(
        "z in the candidate",
        "z stands in the candidate where r belongs",
        n=lambda v: np.tanh(v.of_x["n"] + v.z * v.of_h["n"]),
    ),
    _s(
        "n with sigmoid",
        "the candidate n has a sigmoid: it has a tanh",
        n=lambda v: sigmoid(v.of_x["n"] + v.r * v.of_h["n"]),
    ),
    _s("n linear", "the tanh of the candidate n is missing", n=lambda v: v.of_x["n"] + v.r * v.of_h["n"]),
    _s(
        "gates with tanh",
        "the gates r and z have a tanh: they have a sigmoid, to be between 0 and 1",
        r=lambda v: np.tanh(v.of_x["r"] + v.of_h["r"]),
        z=lambda v: np.tanh(v.of_x["z"] + v.of_h["z"]),
    ),
    _s(
        "r in the mean",
        "r stands in the last equation where z belongs",
        h=lambda v: (1 - v.r) * v.n + v.r * v.h_prev,
    ),
    _s(
        "old state reset",
        "the old state is reset in the last equation too: the reset gate acts in the candidate alone",
        h=lambda v: (1 - v.z) * v.n + v.z * v.r * v.h_prev,
    ),
    _s("n added whole", "the factor 1 - z is missing: h is a mean of n and h_prev", h=lambda v: v.n + v.z * v.h_prev),
    _s(
        "z for both",
        "z multiplies both: n has the share 1 - z",
        h=lambda v: v.z * (v.n + v.h_prev),
    ),
    Mistake(
        "r and z exchanged",
        "z is returned before r: the order is r, z, n",
        lambda *args: (lambda out: {"r": out["z"], "z": out["r"]})(gru_step(*args)),
    ),
    Mistake(
        "gates first",
        "r, z and n are returned before h: h comes first",
        lambda *args: (lambda out: dict(zip(("h", "r", "z", "n"), (out[k] for k in "rznh"), strict=True)))(
            gru_step(*args)
        ),
    ),
    _s("h is n", "the old state is given up: h = (1 - z) ⊙ n + z ⊙ h_prev", h=lambda v: v.n),
    _s("b_h missing", "b_h is not added: the GRU here has two biases", a_h=lambda v: v.h_prev @ v.W_h.T),
    _s("b_x missing", "b_x is not added: the GRU here has two biases", a_x=lambda v: v.x @ v.W_x.T),
    _s(
        "both biases missing",
        "neither b_x nor b_h is added",
        a_x=lambda v: v.x @ v.W_x.T,
        a_h=lambda v: v.h_prev @ v.W_h.T,
    ),
    _s("h_prev unused in the products", "W_h h_prev is not computed", a_h=lambda v: 0 * (v.h_prev @ v.W_h.T) + v.b_h),
    _s(
        "interleaved",
        "every third column is taken for a gate (a[:, 0::3]): the gates are blocks of H neighbours",
        of_x=lambda v: dict(zip("rzn", (v.a_x[:, k::3] for k in range(3)), strict=True)),
        of_h=lambda v: dict(zip("rzn", (v.a_h[:, k::3] for k in range(3)), strict=True)),
    ),
)


def _told_apart(after, apart):
    """The largest n for which the states after n - 1 and n a's are at least so far apart; the distances shrink."""
    n = 0
    while after(n + 1) - after(n) >= apart:
        n += 1
    return n


def _accepted(up, down, threshold):
    """The largest n up to which every n-th b, and no earlier one, brings the cell below the threshold."""
    n = 1
    while n * up - n * down < threshold <= n * up - (n - 1) * down:
        n += 1
    return n - 1


def _while(holds):
    """The largest n from which on `holds` has held since n = 1."""
    n = 0
    while holds(n + 1):
        n += 1
    return n


def _fed_back(step, apart):
    """As many a's as can be told apart where each is added to what is shown."""
    shown, n = 0.0, 0
    while np.tanh(shown + step) - shown >= apart:
        shown, n = np.tanh(shown + step), n + 1
    return n


_s = slip(counters)
COUNTERS = (
    *(
        _s(
            f"{name}, {how}",
            text,
            **{name: lambda v, name=name, more=more: COUNTER_FORMULAS[name](v) + more},
        )
        for name, how, text, more in (
            ("gru", "one too few", "the last pair of states of `gru` that is still far enough apart is left out", -1),
            (
                "gru",
                "one too many",
                "`gru` is the first n that is too near to the one before: take the last that is not",
                1,
            ),
            (
                "shown",
                "one too few",
                "the last pair of states of `shown` that is still far enough apart is left out",
                -1,
            ),
            (
                "shown",
                "one too many",
                "`shown` is the first n that is too near to the one before: take the last that is not",
                1,
            ),
            (
                "uneven",
                "one too few",
                "`uneven` is held against the cell after the last b, or the cell against half a `down`: it is the b "
                "before the last one that decides, and half an `up`",
                -1,
            ),
            ("uneven", "one too many", "`uneven` is the first n that fails: take the last that does not", 1),
        )
    ),
    _s(
        "z and 1 - z exchanged",
        "`keep` is taken for the share of the candidate: it is the share of the old state",
        after_gru=lambda v: lambda n: 1 - (1 - v.keep) ** n,
    ),
    _s(
        "candidate added whole",
        "the candidate is added whole, h = keep h + 1: it comes with the share 1 - keep",
        after_gru=lambda v: lambda n: (1 - v.keep**n) / (1 - v.keep),
    ),
    _s(
        "distance to the limit",
        "the state is compared with the 1 that it tends to: compare it with the state one a earlier",
        gru=lambda v: _while(lambda n: v.keep**n >= v.apart),
    ),
    _s(
        "distance to one",
        "tanh of the cell is compared with 1: compare it with the one an a earlier",
        shown=lambda v: _while(lambda n: 1 - np.tanh(n * v.step) >= v.apart),
    ),
    _s("cell for its tanh", "the cell itself is looked at, and that counts for ever", shown=lambda v: np.inf),
    _s(
        "tanh fed back",
        "the tanh of the cell is what the next a is added to: the cell itself goes on, only what is shown is a tanh",
        shown=lambda v: _fed_back(v.step, v.apart),
    ),
    _s("a whole up", "the end is put at one whole `up`: it is at half of it", threshold=lambda v: v.up),
    _s(
        "letters counted",
        "all letters are counted, a's and b's: n is the number of a's",
        uneven=lambda v: 2 * COUNTER_FORMULAS["uneven"](v),
    ),
)

LSTM_ORDERS = [order for order in permutations("ifgo") if order != tuple("ifgo")]

_s = slip(peephole_step)
PEEPHOLE_STEP = (
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are read in the order {_spelled(order)}: they are stacked i, f, g, o",
            order=lambda v, order=order: order,
        )
        for order in LSTM_ORDERS
    ),
    _s(
        "o sees the old cell",
        "the output gate sees c_prev: i and f see the cell before the step, o the one after it",
        o=lambda v: sigmoid(v.of["o"] + v.w_o * v.c_prev),
    ),
    _s(
        "peephole outside the sigmoid of o",
        "w_o ⊙ c is added to the output gate, outside its sigmoid: it is a part of the pre-activation",
        o=lambda v: sigmoid(v.of["o"]) + v.w_o * v.c,
    ),
    _s(
        "peepholes outside the sigmoids",
        "the peepholes are added to the gates, outside their sigmoids: they are parts of the pre-activations",
        i=lambda v: sigmoid(v.of["i"]) + v.w_i * v.c_prev,
        f=lambda v: sigmoid(v.of["f"]) + v.w_f * v.c_prev,
        o=lambda v: sigmoid(v.of["o"]) + v.w_o * v.c,
    ),
    _s(
        "peephole sees tanh(c)",
        "the output gate sees tanh(c): a peephole looks at c itself",
        o=lambda v: sigmoid(v.of["o"] + v.w_o * np.tanh(v.c)),
    ),
    _s(
        "no peephole of o",
        "the output gate has no peephole",
        o=lambda v: sigmoid(v.of["o"]),
    ),
    _s(
        "peepholes see tanh(c)",
        "all peepholes look at the tanh of the cell: they look at c itself",
        i=lambda v: sigmoid(v.of["i"] + v.w_i * np.tanh(v.c_prev)),
        f=lambda v: sigmoid(v.of["f"] + v.w_f * np.tanh(v.c_prev)),
        o=lambda v: sigmoid(v.of["o"] + v.w_o * np.tanh(v.c)),
    ),
    _s("no peephole of i", "the input gate has no peephole", i=lambda v: sigmoid(v.of["i"])),
    _s("no peephole of f", "the forget gate has no peephole", f=lambda v: sigmoid(v.of["f"])),
    _s(
        "g sees the cell through w_i",
        "the candidate has a peephole too, that of the input gate: three gates have one, the candidate none",
        g=lambda v: np.tanh(v.of["g"] + v.w_i * v.c_prev),
    ),
    _s(
        "no peepholes",
        "there are no peepholes: this is the plain LSTM",
        i=lambda v: sigmoid(v.of["i"]),
        f=lambda v: sigmoid(v.of["f"]),
        o=lambda v: sigmoid(v.of["o"]),
    ),
    _s(
        "g sees the cell",
        "the candidate has a peephole too, that of the output gate: three gates have one, the candidate none",
        g=lambda v: np.tanh(v.of["g"] + v.w_o * v.c_prev),
    ),
    _s(
        "w_i and w_f exchanged",
        "w_i and w_f are exchanged",
        i=lambda v: sigmoid(v.of["i"] + v.w_f * v.c_prev),
        f=lambda v: sigmoid(v.of["f"] + v.w_i * v.c_prev),
    ),
    _s(
        "peepholes in the order i, o, f",
        "w_f and w_o are exchanged, as in the order of ONNX, i, o, f",
        f=lambda v: sigmoid(v.of["f"] + v.w_o * v.c_prev),
        o=lambda v: sigmoid(v.of["o"] + v.w_f * v.c),
    ),
    _s(
        "gates see h_prev",
        "the peepholes look at h_prev: they look at the cell",
        i=lambda v: sigmoid(v.of["i"] + v.w_i * v.h_prev),
        f=lambda v: sigmoid(v.of["f"] + v.w_f * v.h_prev),
    ),
    _s(
        "scalar product",
        "every gate gets the sum w · c over all units: a unit sees its own cell alone, w ⊙ c",
        i=lambda v: sigmoid(v.of["i"] + (v.c_prev @ v.w_i)[:, None]),
        f=lambda v: sigmoid(v.of["f"] + (v.c_prev @ v.w_f)[:, None]),
        o=lambda v: sigmoid(v.of["o"] + (v.c @ v.w_o)[:, None]),
    ),
    _s("no tanh on c", "the output equation lacks its tanh: h = o ⊙ tanh(c), not o ⊙ c", h=lambda v: v.o * v.c),
    _s("bias missing", "b is not added", a=lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h.T),
    _s(
        "i and f exchanged",
        "i and f are exchanged in the cell equation: f multiplies the old cell, i the candidate",
        c=lambda v: v.i * v.c_prev + v.f * v.g,
    ),
    Mistake(
        "h and c exchanged",
        "c is returned before h: the order is h, c",
        lambda *args: dict(zip(("c", "h"), peephole_step(*args).values(), strict=True)),
    ),
)


def _run(x, params):
    """The LSTM over x (T, B, D) from zeros: hs (T, B, H)."""
    return _run_from(x, params)[0]


def _run_from(x, params, h=None, c=None):
    W_x, W_h, b = params
    hs = np.zeros((*x.shape[:2], W_h.shape[1]))
    h, c = (np.zeros_like(hs[0]) if state is None else state for state in (h, c))
    for t, x_t in enumerate(x):
        i, f, g, o = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = hs[t] = sigmoid(o) * np.tanh(c)
    return hs, h, c


def _reverse(a, lengths):
    """Each sequence of a (T, B, ...) turned round within its length, the padding left where it is."""
    out = a.copy()
    for b, n in enumerate(lengths):
        out[:n, b] = a[:n, b][::-1]
    return out


def _state_at_the_end(v):
    """The h and c that the forward reader has at the end of each sequence."""
    ends = [_run_from(v.x[:n, [b]], v.forward)[1:] for b, n in enumerate(v.lengths)]
    return (np.concatenate(fields) for fields in zip(*ends, strict=True))


def _one_after_the_other(x, lengths, weights):
    """The states of a reader that goes from sequence to sequence and never starts anew."""
    hs = np.zeros((*x.shape[:2], weights[1].shape[1]))
    h = c = np.zeros((1, hs.shape[2]))
    for b, n in enumerate(lengths):
        states, h, c = _run_from(x[:n, [b]], weights, h, c)
        hs[:n, b] = states[:, 0]
    return hs


_s = slip(bilstm)
BILSTM_FORWARD = (
    _s(
        "array turned as a whole",
        "the whole array is turned round, so that the backward reader begins with the padding: turn each sequence "
        "round within its own length",
        back=lambda v: _run(v.x[::-1], v.backward)[::-1],
    ),
    _s(
        "padding read as zeros",
        "the padding is set to zero, and the backward reader begins with it all the same: zeros change a state too, "
        "so turn each sequence round within its own length",
        back=lambda v: _run(np.where(v.real, v.x, 0)[::-1], v.backward)[::-1],
    ),
    _s(
        "state handed to the next sequence",
        "a sequence starts from the state that the one before it has left: each starts from zeros",
        there=lambda v: _one_after_the_other(v.x, v.lengths, v.forward),
        as_read=lambda v: _one_after_the_other(v.turned, v.lengths, v.backward),
    ),
    _s(
        "not turned back",
        "the states of the backward reader stand in the order in which it read: turn them round once more, so that "
        "step t stands beside step t",
        right=lambda v: v.as_read,
    ),
    _s(
        "turned back as a whole",
        "the states of the backward reader are turned round with the padding in front: turn each sequence within its "
        "own length",
        back=lambda v: np.where(v.real, v.as_read, 0)[::-1],
    ),
    _s(
        "array turned, not turned back",
        "the whole array is turned round, padding first, and the states are never turned back",
        right=lambda v: _run(v.x[::-1], v.backward),
    ),
    _s(
        "backward reader reads forwards",
        "the backward half is a second forward reader: nothing is turned round",
        right=lambda v: _run(v.x, v.backward),
    ),
    _s(
        "halves exchanged",
        "the backward half stands in front of the forward half: it is the other way round",
        left=lambda v: v.back,
        right=lambda v: v.there,
    ),
    _s(
        "one set of weights",
        "both readers have the forward weights: each has its own",
        as_read=lambda v: _run(v.turned, v.forward),
    ),
    _s(
        "weights exchanged",
        "the forward reader has the backward weights, and the other way round",
        there=lambda v: _run(v.x, v.backward),
        as_read=lambda v: _run(v.turned, v.forward),
    ),
    _s(
        "state handed over",
        "the backward reader starts from the forward reader's last state: it starts from zeros",
        as_read=lambda v: _run_from(v.turned, v.backward, *_state_at_the_end(v))[0],
    ),
    _s(
        "state handed over from the padding",
        "the backward reader starts from the forward reader's last state, padding read: it starts from zeros",
        as_read=lambda v: _run_from(v.turned, v.backward, *_run_from(v.x, v.forward)[1:])[0],
    ),
    _s(
        "states read backwards",
        "the backward reader reads the states of the forward one in place of x; a second layer would do that",
        as_read=lambda v: (
            _run(_reverse(v.there, v.lengths), v.backward) if _fits(v) else np.full(v.there.shape, np.nan)
        ),
    ),
    _s(
        "last step left out",
        "the backward reader begins one step before the end: it begins at step lengths[b] - 1, counted from 0",
        back=lambda v: np.where(
            np.arange(len(v.x))[:, None, None] < v.lengths[:, None] - 1,
            _reverse(_run(_reverse(v.x, v.lengths - 1), v.backward), v.lengths - 1),
            0,
        ),
    ),
    _s(
        "one step of padding read",
        "the backward reader begins one step behind the end: it begins at step lengths[b] - 1, counted from 0",
        back=lambda v: _behind_the_end(v),
    ),
    _s(
        "state after the step read next",
        "the backward half at step t holds what the reader knew before it read x[t]",
        right=lambda v: np.concatenate([v.back[1:] * v.real[1:], 0 * v.back[:1]]),
    ),
)


def _fits(v):
    return v.forward[1].shape[1] == v.backward[0].shape[1]


def _behind_the_end(v):
    """The backward reader on sequences that are one step longer where there is room."""
    longer = np.minimum(v.lengths + 1, len(v.x))
    return _reverse(_run(_reverse(v.x, longer), v.backward), longer)


def _slide(image, W, pads, border):
    """Kernels W (N, M, k, k) over image (B, M, R, S), not flipped: (B, N, R, S)."""
    framed = np.pad(image, ((0, 0), (0, 0), pads, pads), **border)
    return np.einsum("bmrspq,nmpq->bnrs", sliding_window_view(framed, W.shape[2:], axis=(2, 3)), W)


_s = slip(convlstm_step)
CONVLSTM_STEP = (
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are read in the order {_spelled(order)}: they are stacked i, f, g, o",
            order=lambda v, order=order: order,
        )
        for order in LSTM_ORDERS
    ),
    _s(
        "kernels flipped",
        "the kernels are flipped, as a convolution of signal processing does: they slide as they stand",
        kernel=lambda v: lambda W: W[..., ::-1, ::-1],
    ),
    _s(
        "rows and columns exchanged",
        "rows and columns of the kernels are exchanged: W[..., p, q] belongs to row p and column q",
        kernel=lambda v: lambda W: W.swapaxes(2, 3),
    ),
    _s(
        "kernels turned by their rows",
        "the rows of the kernels are taken from the last to the first",
        kernel=lambda v: lambda W: W[..., ::-1, :],
    ),
    _s(
        "border repeated",
        "the picture is continued by its border pixels, or their mirror image: beyond the border it is zero",
        border=lambda v: {"mode": "edge"},
    ),
    _s(
        "border reflected",
        "the picture is continued by its mirror image: beyond the border it is zero",
        border=lambda v: {"mode": "reflect"},
    ),
    _s(
        "x not convolved",
        "x is multiplied by the middle of W_x alone: its neighbours count too",
        a_x=lambda v: _slide(v.x, v.W_x * _middle(v.W_x), v.pads(v.W_x.shape[-1]), v.border),
    ),
    _s(
        "kernels of x flipped",
        "the kernels in W_x are flipped, those in W_h are not: all slide as they stand",
        a_x=lambda v: v.slide(v.x, v.W_x[..., ::-1, ::-1]),
    ),
    _s(
        "kernels turned by their columns",
        "the columns of the kernels are taken from the last to the first",
        kernel=lambda v: lambda W: W[..., ::-1],
    ),
    _s(
        "border wrapped",
        "the picture is continued by its other side, as np.roll does: beyond the border it is zero",
        border=lambda v: {"mode": "wrap"},
    ),
    _s(
        "padded in front only",
        "all zeros stand in front, so the picture moves: k // 2 of them on either side",
        pads=lambda v: lambda k: (2 * (k // 2), 0),
    ),
    _s(
        "padded behind only",
        "all zeros stand behind, so the picture moves: k // 2 of them on either side",
        pads=lambda v: lambda k: (0, 2 * (k // 2)),
    ),
    _s(
        "h not convolved",
        "h_prev is multiplied by the middle of W_h alone: its neighbours count too",
        a_h=lambda v: _slide(v.h_prev, v.W_h * _middle(v.W_h), v.pads(v.W_h.shape[-1]), v.border),
    ),
    _s(
        "h_prev unused",
        "h_prev is not used: a = W_x * x + W_h * h_prev + b",
        a_h=lambda v: 0 * v.slide(v.h_prev, v.W_h),
    ),
    _s("bias missing", "b is not added", a=lambda v: v.a_x + v.a_h),
    _s("bias twice", "b is added twice: once is enough", a=lambda v: v.a_x + v.a_h + 2 * v.b[:, None, None]),
    _s(
        "first channel only",
        "only the first channel of x is read: sum over all of them",
        a_x=lambda v: v.slide(v.x[:, :1], v.W_x[:, :1]),
    ),
    _s(
        "mean of the neighbourhood",
        "the neighbourhood is averaged with equal weights",
        kernel=lambda v: lambda W: np.broadcast_to(W.mean(axis=(2, 3), keepdims=True), W.shape),
    ),
    _s(
        "interleaved",
        "every fourth map is taken for a gate (a[:, 0::4]): the gates are blocks of H neighbours",
        blocks=lambda v: [v.a[:, k::4] for k in range(4)],
    ),
    _s(
        "g with sigmoid",
        "the candidate g has a sigmoid: it has a tanh",
        c=lambda v: sigmoid(v.of["f"]) * v.c_prev + sigmoid(v.of["i"]) * sigmoid(v.of["g"]),
    ),
    _s(
        "i and f exchanged",
        "i and f are exchanged in the cell equation: f multiplies the old cell, i the candidate",
        c=lambda v: sigmoid(v.of["i"]) * v.c_prev + sigmoid(v.of["f"]) * np.tanh(v.of["g"]),
    ),
    _s(
        "no tanh on c",
        "the output equation lacks its tanh: h = o ⊙ tanh(c), not o ⊙ c",
        h=lambda v: sigmoid(v.of["o"]) * v.c,
    ),
    _s(
        "h from the old c",
        "the output equation uses the old cell: h = o ⊙ tanh(new c)",
        h=lambda v: sigmoid(v.of["o"]) * np.tanh(v.c_prev),
    ),
    Mistake(
        "h and c exchanged",
        "c is returned before h: the order is h, c",
        lambda *args: dict(zip(("c", "h"), convlstm_step(*args).values(), strict=True)),
    ),
)


def _middle(W):
    """1 at the middle of the kernels, 0 around it."""
    middle = np.zeros(W.shape[2:])
    middle[W.shape[2] // 2, W.shape[3] // 2] = 1
    return middle


def _softmax(e, axis=-1):
    e = np.exp(e - np.max(e, axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


_s = slip(additive_attention)
ADDITIVE_ATTENTION = (
    _s(
        "mask the wrong way round",
        "the mask is the wrong way round, and exactly the padding is attended to: True marks a real key",
        shown=lambda v: ~v.mask,
    ),
    _s("mask unused", "the mask is not used", shown=lambda v: np.full(v.mask.shape, True)),
    _s(
        "mask after the softmax",
        "the mask comes after the softmax: the padding has had its share by then, and a row no longer sums to one",
        weights=lambda v: _softmax(v.e) * v.mask,
    ),
    _s(
        "scores of zero",
        "padding gets the score 0 (e * mask), and e⁰ = 1 is a share: its score must be -inf",
        weights=lambda v: _softmax(v.e * v.mask),
    ),
    _s(
        "scores of zero, masked again",
        "padding gets the score 0, its share is wiped out afterwards, and a row no longer sums to one",
        weights=lambda v: _softmax(v.e * v.mask) * v.mask,
    ),
    _s(
        "softmax over the batch",
        "the softmax runs over the sequences: a row, over the places of one sequence, sums to one",
        weights=lambda v: _over_the_batch(np.where(v.mask, v.e, -np.inf)),
    ),
    _s(
        "softmax over everything",
        "the softmax runs over the whole array: each sequence has a softmax of its own",
        weights=lambda v: _softmax(np.where(v.mask, v.e, -np.inf).ravel()).reshape(v.e.shape),
    ),
    _s(
        "no softmax, shares of the exponentials of tanh",
        "tanh is applied to the scores: it stands inside, before v",
        hidden=lambda v: v.of_query + v.of_keys,
        e=lambda v: np.tanh(v.hidden @ v.v),
    ),
    _s(
        "no tanh",
        "the tanh is missing: without it the query adds the same to every score, and drops out of the weights",
        hidden=lambda v: v.of_query + v.of_keys,
    ),
    _s(
        "sigmoid for tanh",
        "a sigmoid takes the place of tanh",
        hidden=lambda v: sigmoid(v.of_query + v.of_keys),
    ),
    _s(
        "product for sum",
        "query and key are multiplied inside the tanh: additive attention adds them",
        hidden=lambda v: np.tanh(v.of_query * v.of_keys),
    ),
    _s(
        "query without a say",
        "the query has no say: it is not used, or it has a tanh of its own and so adds the same to every score",
        of_query=lambda v: 0 * (v.query @ v.W_q.T)[:, None],
    ),
    _s(
        "v inside the tanh",
        "v multiplies inside the tanh: it weighs the units after it",
        hidden=lambda v: np.tanh((v.of_query + v.of_keys) * v.v),
        e=lambda v: v.hidden.sum(axis=-1),
    ),
    _s(
        "no exponential",
        "the scores themselves are divided by their sum: a softmax takes their exponentials first",
        weights=lambda v: v.e * v.mask / np.sum(v.e * v.mask, axis=1, keepdims=True),
    ),
    _s("v unused", "the units are added up without v", e=lambda v: v.hidden.sum(axis=-1)),
    _s(
        "scaled",
        "the scores are divided by √A: that belongs to the dot product, the additive score has no scale",
        e=lambda v: v.hidden @ v.v / np.sqrt(len(v.v)),
    ),
    _s(
        "scaled by the keys",
        "the scores are divided by √K: that belongs to the dot product, the additive score has no scale",
        e=lambda v: v.hidden @ v.v / np.sqrt(v.keys.shape[-1]),
    ),
    _s(
        "mean over places",
        "the context is divided by T: the weights have made a mean of it already",
        context=lambda v: np.einsum("bt,btk->bk", v.weights, v.keys) / v.keys.shape[1],
    ),
    _s(
        "plain mean",
        "all real keys have the same weight in the context",
        context=lambda v: np.einsum("bt,btk->bk", v.mask / np.maximum(v.mask.sum(axis=1, keepdims=True), 1), v.keys),
    ),
    _s(
        "best key alone",
        "the context is the key with the largest weight: it is a mean of all of them",
        context=lambda v: v.keys[np.arange(len(v.keys)), v.weights.argmax(axis=1)],
    ),
    _s(
        "scores for weights",
        "the scores are returned in place of the weights",
        weights=lambda v: np.where(v.mask, v.e, 0),
        context=lambda v: np.einsum("bt,btk->bk", _softmax(np.where(v.mask, v.e, -np.inf)), v.keys),
    ),
    _s(
        "projected keys averaged",
        "the context is a mean of W_k k: it is a mean of the keys themselves",
        values=lambda v: v.of_keys,
    ),
    _s(
        "values kept apart",
        "the keys are weighted and not added up: sum over the places",
        context=lambda v: v.weights[:, :, None] * v.keys,
    ),
    Mistake(
        "weights and context exchanged",
        "the weights are returned before the context: the order is context, weights",
        lambda *args: dict(zip(("weights", "context"), additive_attention(*args).values(), strict=True)),
    ),
)


def _over_the_batch(e):
    """A softmax down the columns; where no sequence has a real key, zeros."""
    largest = np.max(e, axis=0, keepdims=True)
    e = np.exp(e - np.where(np.isneginf(largest), 0, largest))
    total = e.sum(axis=0, keepdims=True)
    return e / np.where(total == 0, 1, total)


_OUTSIDE = {"f": lambda v: sigmoid(v.of["f"]) + v.w_f * v.c_prev}
_OLD = {"seen": lambda v: v.c_prev}

_s = slip(repaired_step)
REPAIRED_STEP = (
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are read in the order {_spelled(order)}: they are stacked f, g, o",
            order=lambda v, order=order: order,
        )
        for order in permutations("fgo")
        if order != tuple("fgo")
    ),
    _s(
        "not repaired",
        "the broken step is left as it is: the peephole of f outside its sigmoid, and o on the old cell",
        **_OUTSIDE,
        **_OLD,
    ),
    _s(
        "peephole outside the sigmoid",
        "w_f ⊙ c_prev is still added to the forget gate, outside its sigmoid",
        **_OUTSIDE,
    ),
    _s("o sees the old cell", "the output gate still sees the cell before the step", **_OLD),
    _s(
        "o sees the forgotten cell",
        "the output gate sees f ⊙ c_prev, the cell half way through the step",
        seen=lambda v: v.f * v.c_prev,
    ),
    _s(
        "f sees no cell",
        "the forget gate has lost its peephole",
        f=lambda v: sigmoid(v.of["f"]),
    ),
    _s(
        "peephole of o outside the sigmoid",
        "w_o ⊙ c is added to the output gate, outside its sigmoid",
        o=lambda v: sigmoid(v.of["o"]) + v.w_o * v.c,
    ),
    _s("no tanh on c", "the output equation has lost its tanh: h = o ⊙ tanh(c)", h=lambda v: v.o * v.c),
    _s("o sees no cell", "the output gate has lost its peephole", o=lambda v: sigmoid(v.of["o"])),
    _s(
        "i without the peephole",
        "1 - σ(a_f) is written in, without the peephole: the gates are coupled, so it is 1 - f",
        i=lambda v: 1 - sigmoid(v.of["f"]),
    ),
    _s("coupling lost", "the candidate is added whole: it comes with the share 1 - f", i=lambda v: 1.0),
    _s(
        "f and 1 - f exchanged",
        "f and 1 - f are exchanged: f multiplies the old cell",
        c=lambda v: (1 - v.f) * v.c_prev + v.f * v.g,
    ),
    Mistake(
        "h and c exchanged",
        "c is returned before h: the order is h, c",
        lambda *args: dict(zip(("c", "h"), repaired_step(*args).values(), strict=True)),
    ),
)
