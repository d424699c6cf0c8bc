"""What comes out under the known mistakes of the assignment `architecture`: its named wrong outcomes.

A mistake is written as the right formulas with one of them replaced.  A text completes the sentence "this is what
comes out when ...".  Reading the list is reading the solution.

B sequences, D inputs, H units; the arguments are those of the right values in lstmkit/grading/architecture.py.
"""

import numpy as np

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.grading.lstm_mistakes import ORDERS
from lstmkit.grading.question import Mistake
from lstmkit.numpy.functions import sigmoid

HALF_LIFE_FORMULAS = {
    "f": lambda v: sigmoid(v.b),
    "retention": lambda v: v.f**v.t,
    "half_life": lambda v: np.log(2) / -np.log(v.f),
}


def fading(forget_bias, t, /, **replaced):
    """retention and half_life, of the shape of forget_bias."""
    given = {"b": forget_bias.astype(np.float64), "t": t}
    return evaluate(HALF_LIFE_FORMULAS, given, ("retention", "half_life"), replaced)


_s = slip(fading)
HALF_LIFE = (
    _s("bias for gate", "the bias is taken for the gate: the gate is σ(b)", retention=lambda v: v.b**v.t),
    _s(
        "bias for gate in the half-life",
        "the bias is taken for the gate: the gate is σ(b)",
        half_life=lambda v: np.log(2) / -np.log(v.b),
    ),
    _s(
        "gate reversed",
        "σ(-b) is taken, the share that is lost: the share that a step keeps is σ(b)",
        retention=lambda v: sigmoid(-v.b) ** v.t,
    ),
    _s(
        "gate reversed in the half-life",
        "σ(-b) is taken, the share that is lost: the share that a step keeps is σ(b)",
        half_life=lambda v: np.log(2) / -np.log(sigmoid(-v.b)),
    ),
    _s(
        "times t",
        "the gate is multiplied by t: each step multiplies again, f to the power of t",
        retention=lambda v: v.f * v.t,
    ),
    _s(
        "t inside the gate",
        "t is put inside the sigmoid: the gate acts t times",
        retention=lambda v: sigmoid(v.b * v.t),
    ),
    _s(
        "e to the minus lost share",
        "exp(-t (1 - f)) is used, which is f^t for gates near one only",
        retention=lambda v: np.exp(-v.t * (1 - v.f)),
    ),
    _s(
        "times the half-life",
        "t is multiplied by the half-life: the share halves once in each half-life, so divide",
        retention=lambda v: 0.5 ** (v.t * np.log(2) / -np.log(v.f)),
    ),
    _s("what is lost", "the share that is lost is returned: asked is what is left", retention=lambda v: 1 - v.f**v.t),
    _s("one step alone", "t is not used: one step's share is returned", retention=lambda v: v.f + 0 * v.b),
    _s(
        "lost in a straight line",
        "each step is made to lose the same amount: it loses the same share",
        retention=lambda v: 1 - v.t * (1 - v.f),
    ),
    _s("retention one step more", "t + 1 steps are made", retention=lambda v: v.f ** (v.t + 1)),
    _s("retention one step less", "t - 1 steps are made", retention=lambda v: v.f ** (v.t - 1.0)),
    _s("logarithm of what is left", "the logarithm of what is left is returned", retention=lambda v: v.t * np.log(v.f)),
    _s(
        "half-life negative",
        "the sign is lost: ln f is negative, so divide by -ln f",
        half_life=lambda v: np.log(2) / np.log(v.f),
    ),
    _s(
        "large b only",
        "the approximation e^b ln 2 is used, which is for large b",
        half_life=lambda v: np.exp(v.b) * np.log(2),
    ),
    _s(
        "down to 1/e",
        "the time until 1/e is left is returned, -1 / ln f: asked is one half",
        half_life=lambda v: -1 / np.log(v.f),
    ),
    _s(
        "time constant",
        "1 / (1 - f) is returned, the time constant: asked is the time until one half is left",
        half_life=lambda v: 1 / (1 - v.f),
    ),
    _s(
        "half in a straight line",
        "each step is made to lose the same amount: it loses the same share, f^n = ½",
        half_life=lambda v: 0.5 / (1 - v.f),
    ),
    _s(
        "whole steps, rounded down",
        "the half-life is rounded down to whole steps: leave it as it is",
        half_life=lambda v: np.floor(np.log(2) / -np.log(v.f)),
    ),
    _s(
        "whole steps",
        "the half-life is rounded up to whole steps: leave it as it is",
        half_life=lambda v: np.ceil(np.log(2) / -np.log(v.f)),
    ),
    _s(
        "other logarithms",
        "two kinds of logarithm are mixed: both must have the same base",
        half_life=lambda v: np.log(2) / -np.log10(v.f),
    ),
    _s(
        "base two",
        "ln 2 is divided by a logarithm to the base 2: both must have the same base",
        half_life=lambda v: np.log(2) / -np.log2(v.f),
    ),
    _s(
        "ln 2 missing",
        "the fraction is upside down: ln 2 / -ln f, not -ln f / ln 2",
        half_life=lambda v: -np.log(v.f) / np.log(2),
    ),
)


def stack(D, units, biases, /, **replaced):
    """The numbers of a stack, one way and both ways; the formulas are those of a layer with S directions."""
    formulas = {
        "reads": lambda v: v.D if v.layer == 0 else v.S * v.below,
        "biases": lambda v: biases,
        "blocks": lambda v: 4,
        "one": lambda v: v.blocks * v.H * (v.reads + v.H + v.biases),
        "both": lambda v: v.S * v.one,
    }

    def count(S):
        total = 0
        for layer, (below, H) in enumerate(zip([D, *units], units, strict=False)):
            given = {"layer": layer, "last": len(units) - 1, "D": D, "below": below, "H": H, "S": S}
            total += evaluate(formulas, given, ("both",), replaced)["both"]
        return total

    return {"one way": count(1), "both ways": count(2)}


_s = slip(stack)
STACK_COUNT = (
    _s(
        "every layer reads x",
        "every layer is given D inputs: the ones above read what the one below hands on",
        reads=lambda v: v.D,
    ),
    _s(
        "reads one direction",
        "the layers above read H numbers: a layer with two directions hands on 2H",
        reads=lambda v: v.below,
    ),
    _s(
        "reads its own size",
        "the layers above are given as many inputs as they have units",
        reads=lambda v: v.D if v.layer == 0 else v.S * v.H,
    ),
    _s(
        "x counted in both directions",
        "the first layer is given 2D inputs: both directions read the same x",
        reads=lambda v: v.S * v.below,
    ),
    _s(
        "one direction counted",
        "the weights of one direction are counted: each direction has its own",
        both=lambda v: v.one,
    ),
    _s("biases not counted", "the biases are left out", biases=lambda v: 0),
    _s("always one bias", "`biases` is not used, one is counted", biases=lambda v: 1),
    _s("always two biases", "`biases` is not used, two are counted", biases=lambda v: 2),
    _s(
        "one number a bias",
        "a bias is counted as one number: it has H for each block",
        one=lambda v: 4 * v.H * (v.reads + v.H) + v.biases,
    ),
    _s(
        "biases of one block",
        "a layer is given H numbers a bias: it has H for each of the four blocks",
        one=lambda v: 4 * v.H * (v.reads + v.H) + v.H * v.biases,
    ),
    _s(
        "biases of one direction",
        "the biases of one direction are counted: each direction has its own",
        both=lambda v: v.S * v.one - (v.S - 1) * v.blocks * v.H * v.biases,
    ),
    _s(
        "first layer alone in both directions",
        "the first layer alone has two directions: every layer has",
        both=lambda v: v.S * v.one if v.layer == 0 else v.one,
    ),
    _s("one block", "one block is counted: i, f, g and o make four", blocks=lambda v: 1),
    _s("three blocks", "three blocks are counted: the candidate has weights too", blocks=lambda v: 3),
    _s("no recurrent weights", "W_h is not counted", one=lambda v: 4 * v.H * (v.reads + v.biases)),
    _s(
        "recurrent in both directions",
        "W_h is given 2H columns: a direction feeds back its own H alone",
        one=lambda v: 4 * v.H * (v.reads + v.S * v.H + v.biases),
    ),
    _s(
        "the last layer alone",
        "the last layer alone is counted: add them all up",
        both=lambda v: v.S * v.one if v.layer == v.last else 0,
    ),
    _s(
        "the first layer alone",
        "the first layer alone is counted: add them all up",
        both=lambda v: v.S * v.one if v.layer == 0 else 0,
    ),
)


def guides_form(W_x, W_h, b):
    """The four W (H, H + D) that act on [h, x], and the four b (H,), from the packed weights."""
    return np.split(np.hstack([W_h, W_x]), 4), np.split(b, 4)


PACK_FORMULAS = {
    "order": lambda v: "ifgo",
    "W": lambda v: np.concatenate([v.matrices[gate] for gate in v.order]),
    "W_x": lambda v: v.W[:, v.H :],
    "W_h": lambda v: v.W[:, : v.H],
    "b_flat": lambda v: np.concatenate([v.biases[gate] for gate in v.order]),
    "b": lambda v: v.b_flat,
    "order_back": lambda v: "ifgo",
    "joined": lambda v: np.hstack([v.packed_h, v.packed_x]),
    "blocks": lambda v: np.split(v.joined, 4),
    "matrices back": lambda v: np.stack([v.blocks["ifgo".index(gate)] for gate in v.order_back]),
    "biases back": lambda v: np.stack([np.split(v.packed_b, 4)["ifgo".index(gate)] for gate in v.order_back]),
}
PACKED = ("W_x", "W_h", "b", "matrices back", "biases back")


def packed(W_x, W_h, b, /, **replaced):
    """The packed weights from the guide's form, and the guide's form from them."""
    matrices, biases = (dict(zip("ifgo", arrays, strict=True)) for arrays in guides_form(W_x, W_h, b))
    given = {"matrices": matrices, "biases": biases, "packed_x": W_x, "packed_h": W_h, "packed_b": b, "H": W_h.shape[1]}
    return evaluate(PACK_FORMULAS, given, PACKED, replaced)


def _one_after_the_other(arrays):
    """Entry 0 of each, then entry 1 of each, and so on: what a stack along axis 1 and a reshape come to."""
    return np.stack(list(arrays.values()), axis=1).reshape(-1, *arrays["i"].shape[1:])


def _spelled(order):
    return ", ".join(order)


_s = slip(packed)
PACK = (
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are stacked in the order {_spelled(order)}: W_x, W_h and b have i, f, g, o",
            order=lambda v, order=order: order,
        )
        for order in ORDERS
    ),
    *(
        _s(
            f"order {''.join(order)} back",
            f"unpack hands back the blocks {_spelled(order)}: i, f, g, o is how they are stacked and how they are due",
            order_back=lambda v, order=order: order,
        )
        for order in ORDERS
    ),
    _s(
        "x before h",
        "the first D columns of each W are taken for x: W acts on [h, x], so the first H columns meet h",
        W_x=lambda v: v.W[:, : v.W.shape[1] - v.H],
        W_h=lambda v: v.W[:, v.W.shape[1] - v.H :],
    ),
    _s(
        "W_h returned first",
        "W_h is returned before W_x: the order is W_x, W_h, b",
        W_x=lambda v: v.W[:, : v.H],
        W_h=lambda v: v.W[:, v.H :],
    ),
    _s(
        "transposed",
        "W_x and W_h are transposed: they have a row for each unit of each gate",
        W_x=lambda v: v.W[:, v.H :].T,
        W_h=lambda v: v.W[:, : v.H].T,
    ),
    _s(
        "interleaved",
        "the rows of the four gates alternate: the gates are blocks of H neighbouring rows",
        W=lambda v: _one_after_the_other(v.matrices),
        b=lambda v: _one_after_the_other(v.biases),
    ),
    _s(
        "biases interleaved",
        "the entries of the four biases alternate: the gates are blocks of H neighbours",
        b=lambda v: _one_after_the_other(v.biases),
    ),
    _s(
        "biases in four rows",
        "b has a row for each gate: put the four end to end",
        b=lambda v: np.stack(list(v.biases.values())),
    ),
    _s("bias as a column", "b is a column, (4H, 1): it is a vector", b=lambda v: v.b_flat[:, None]),
    _s("biases added", "the four biases are added up: put them end to end", b=lambda v: sum(v.biases.values())),
    _s(
        "biases doubled",
        "the four biases are put end to end twice: there is one bias here",
        b=lambda v: np.tile(v.packed_b, 2),
    ),
    _s(
        "gates side by side",
        "the four gates are side by side, in columns: they are stacked in rows",
        W_x=lambda v: np.hstack([W[:, v.H :] for W in v.matrices.values()]),
        W_h=lambda v: np.hstack([W[:, : v.H] for W in v.matrices.values()]),
    ),
    _s(
        "x before h back",
        "unpack puts W_x to the left of W_h: W acts on [h, x], so W_h comes first",
        joined=lambda v: np.hstack([v.packed_x, v.packed_h]),
    ),
    _s(
        "interleaved back",
        "unpack takes every fourth row for a gate: the gates are blocks of H neighbouring rows",
        blocks=lambda v: [v.joined[k::4] for k in range(4)],
        **{"biases back": lambda v: np.stack([v.packed_b[k::4] for k in range(4)])},
    ),
    _s(
        "biases interleaved back",
        "unpack takes every fourth entry of b for a gate: the gates are blocks of H neighbours",
        **{"biases back": lambda v: np.stack([v.packed_b[k::4] for k in range(4)])},
    ),
    _s(
        "transposed back",
        "the matrices of unpack are transposed: each has H rows",
        **{"matrices back": lambda v: np.stack([block.T for block in v.blocks])},
    ),
)

HOLDING_FORMULAS = {
    "a": lambda v: v.x_t @ v.W_x.T + v.h_prev @ v.W_h.T + v.b,
    "blocks": lambda v: np.split(v.a, 4, axis=1),
    "i": lambda v: sigmoid(v.blocks[0]),
    "f": lambda v: sigmoid(v.blocks[1]),
    "g": lambda v: np.tanh(v.blocks[2]),
    "o": lambda v: sigmoid(v.blocks[3]),
    "c": lambda v: v.f * v.c_prev + v.i * v.g,
    "q": lambda v: np.tanh(v.c),
    "h": lambda v: v.o * v.q + (1 - v.o) * v.h_prev,
}


def holding(part, x_t, h_prev, c_prev, W_x, W_h, b, /, **replaced):
    """c or h (B, H) of one step of the cell that holds its h, whichever the part is about."""
    given = {"x_t": x_t, "h_prev": h_prev, "c_prev": c_prev, "W_x": W_x, "W_h": W_h, "b": b}
    out = evaluate(HOLDING_FORMULAS, given, ("c", "h"), replaced)
    return {part: out[_asked(part)]}


def _asked(part):
    """Whether a part is about c or about h."""
    return "c" if part in ("the past", "the candidate") else "h"


def _the_other(part, *arrays):
    """h where the part is about c, and c where it is about h."""
    other = {"c": "the holding", "h": "the past"}[_asked(part)]
    return {part: holding(other, *arrays)[other]}


_s = slip(holding)
HOLDING_STEP = (
    _s(
        "i and f exchanged",
        "the input gate decides what is kept, and the forget gate what is written",
        c=lambda v: v.i * v.c_prev + v.f * v.g,
    ),
    _s(
        "candidate with sigmoid",
        "the candidate can only be positive, so that c can only be pushed up",
        g=lambda v: sigmoid(v.blocks[2]),
    ),
    _s("candidate linear", "the candidate is not squashed at all: it lies between -1 and 1", g=lambda v: v.blocks[2]),
    _s(
        "no tanh on c",
        "c is shown as it is: before the output gate it goes through a tanh",
        h=lambda v: v.o * v.c + (1 - v.o) * v.h_prev,
    ),
    _s(
        "sigmoid on c",
        "c goes through a sigmoid before it is shown: it goes through a tanh",
        h=lambda v: v.o * sigmoid(v.c) + (1 - v.o) * v.h_prev,
    ),
    _s(
        "tanh around it all",
        "the tanh is around the whole sum: it is around c alone",
        h=lambda v: np.tanh(v.o * v.c + (1 - v.o) * v.h_prev),
    ),
    _s(
        "o and 1 - o exchanged",
        "the output gate shows the old h where it is open, and the cell where it is shut",
        h=lambda v: (1 - v.o) * v.q + v.o * v.h_prev,
    ),
    _s(
        "one minus missing",
        "o multiplies both the new and the old: what o leaves out is held, 1 - o",
        h=lambda v: v.o * v.q + v.o * v.h_prev,
    ),
    _s(
        "one minus twice",
        "1 - o multiplies both the new and the old: what is shown has the factor o",
        h=lambda v: (1 - v.o) * (v.q + v.h_prev),
    ),
    _s("old h dropped", "the old h is left out: what the output gate does not show is held", h=lambda v: v.o * v.q),
    _s(
        "old h added whole", "the whole old h is added: the share 1 - o of it is held", h=lambda v: v.o * v.q + v.h_prev
    ),
    _s(
        "old h squashed",
        "the old h goes through a tanh once more: it is held as it was",
        h=lambda v: v.o * v.q + (1 - v.o) * np.tanh(v.h_prev),
    ),
    _s(
        "old cell held",
        "the old cell takes the place of the old h: what is held is h",
        h=lambda v: v.o * v.q + (1 - v.o) * np.tanh(v.c_prev),
    ),
    _s(
        "c squashed",
        "the cell itself goes through a tanh: only what is shown of it does",
        c=lambda v: np.tanh(v.f * v.c_prev + v.i * v.g),
        q=lambda v: v.c,
    ),
    _s(
        "order ifog",
        "the blocks are read in the order i, f, o, g: they are stacked i, f, g, o",
        g=lambda v: np.tanh(v.blocks[3]),
        o=lambda v: sigmoid(v.blocks[2]),
    ),
    Mistake(
        "h and c exchanged",
        "c is returned before h: the order is h, c",
        _the_other,
    ),
    _s("h from the old c", "h shows the old cell: it shows the new one", q=lambda v: np.tanh(v.c_prev)),
    _s(
        "coupled gates",
        "1 - f takes the place of i: the two gates are not coupled here",
        c=lambda v: v.f * v.c_prev + (1 - v.f) * v.g,
    ),
    _s("input gate unused", "the input gate is unused", c=lambda v: v.f * v.c_prev + v.g),
    _s("forget gate unused", "the forget gate is unused", c=lambda v: v.c_prev + v.i * v.g),
    _s("bias missing", "b is not added", a=lambda v: v.x_t @ v.W_x.T + v.h_prev @ v.W_h.T),
)


def bias_for(half_life):
    """The forget bias with this half-life, of any shape; exact for the shortest and the longest."""
    L = np.log(2) / np.asarray(half_life, dtype=np.float64)
    return -L - np.log(-np.expm1(-L))


MEMORY_FORMULAS = {
    "bias": lambda v: bias_for,
    "bias_for": lambda v: v.bias(v.half_lives),
    "row": lambda v: np.geomspace(v.shortest, v.longest, v.H),
    "b_f": lambda v: v.bias(v.row),
    "b_i": lambda v: -v.b_f,
    "b": lambda v: np.concatenate([v.b_i, v.b_f, 0 * v.b_f, 0 * v.b_f]),
}


def memory(half_lives, H, shortest, longest, /, **replaced):
    """bias_for of many half-lives, and b (4H,) of H units whose half-lives are spread out."""
    given = {"half_lives": half_lives, "H": H, "shortest": shortest, "longest": longest}
    return evaluate(MEMORY_FORMULAS, given, ("bias_for", "b"), replaced)


def memory_biases(H, shortest, longest):
    """b (4H,) of H units whose half-lives go from the shortest to the longest, each a fixed multiple of the last."""
    return memory(1.0, H, shortest, longest)["b"]


_s = slip(memory)
MEMORY_BIASES = (
    _s(
        "large half-lives only",
        "the approximation ln(n / ln 2) is used, which is for large n",
        bias_for=lambda v: np.log(v.half_lives / np.log(2)),
    ),
    _s(
        "logarithm alone",
        "ln n is returned: that belongs to neither a half-life nor a time constant",
        bias_for=lambda v: np.log(v.half_lives),
    ),
    _s(
        "time constant",
        "n is taken for a time constant, 1 / (1 - f) = n: it is a half-life, f^n = ½",
        bias_for=lambda v: np.log(v.half_lives - 1),
    ),
    _s(
        "down to 1/e",
        "n is taken for the time until 1/e is left: it is a half-life, f^n = ½",
        bias_for=lambda v: -np.log(np.expm1(1 / v.half_lives)),
    ),
    _s(
        "sign of the bias",
        "the sign is turned round: a long half-life needs a large bias",
        bias_for=lambda v: -bias_for(v.half_lives),
    ),
    _s(
        "gate for bias",
        "the gate f is returned: the bias is ln(f / (1 - f))",
        bias_for=lambda v: 0.5 ** (1 / v.half_lives),
    ),
    _s(
        "half-life of the bias",
        "the half-life that belongs to a bias of n is returned: asked is the bias of a half-life",
        bias_for=lambda v: np.log(2) / np.logaddexp(0, -v.half_lives),
    ),
    _s(
        "evenly spaced",
        "the half-lives are evenly spaced: each is a fixed multiple of the one before",
        row=lambda v: np.linspace(v.shortest, v.longest, v.H),
    ),
    _s(
        "biases evenly spaced",
        "the biases are evenly spaced: it is the half-lives that are, by a fixed factor",
        b_f=lambda v: np.linspace(*v.bias(np.array([v.shortest, v.longest])), v.H),
    ),
    _s(
        "base 2",
        "the logarithm is to the base 2: b = -ln(2^{1/n} - 1) has the natural one",
        bias_for=lambda v: v.bias(v.half_lives) / np.log(2),
    ),
    _s(
        "n for 1/n",
        "n stands in the exponent: there it is 1/n",
        bias_for=lambda v: -np.log(2**v.half_lives - 1),
    ),
    _s(
        "first left out",
        "the shortest half-life is left out: the first unit has it",
        row=lambda v: v.shortest * (v.longest / v.shortest) ** (np.arange(1, v.H + 1) / v.H),
    ),
    _s(
        "units interleaved",
        "the four biases of a unit stand together: b has a block of H for each of i, f, g, o",
        b=lambda v: np.stack([v.b_i, v.b_f, 0 * v.b_f, 0 * v.b_f], axis=1).ravel(),
    ),
    _s(
        "other blocks not zero",
        "the forget biases stand in the blocks of g and o too: those are zero",
        b=lambda v: np.concatenate([v.b_i, v.b_f, v.b_f, v.b_f]),
    ),
    _s(
        "four rows",
        "b has a row for each block: put the four end to end",
        b=lambda v: np.stack([v.b_i, v.b_f, 0 * v.b_f, 0 * v.b_f]),
    ),
    _s(
        "longest first",
        "the longest half-life comes first: the first unit has the shortest",
        row=lambda v: np.geomspace(v.longest, v.shortest, v.H),
    ),
    _s(
        "end left out",
        "the longest half-life is left out: the last unit has it",
        row=lambda v: np.geomspace(v.shortest, v.longest, v.H, endpoint=False),
    ),
    _s(
        "input gate left at zero",
        "the input block is zero: it is the opposite of the forget block",
        b_i=lambda v: 0 * v.b_f,
    ),
    _s("input gate not opposite", "the input block equals the forget block: it is its opposite", b_i=lambda v: v.b_f),
    _s(
        "blocks exchanged",
        "the biases stand in the first block, their opposites in the second: i comes first, then f",
        b=lambda v: np.concatenate([v.b_f, v.b_i, 0 * v.b_f, 0 * v.b_f]),
    ),
    _s("forget block alone", "b holds H numbers: it has a block for each of i, f, g, o", b=lambda v: v.b_f),
    _s(
        "half-lives for biases",
        "the half-lives themselves stand in b: turn them into biases first",
        b_f=lambda v: v.row,
    ),
)
