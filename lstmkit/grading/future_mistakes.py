"""What comes out under the known mistakes of the assignment `future`: its named wrong outcomes.

T steps, B sequences, D inputs, H units; the arguments are those of the right values in lstmkit/grading/future.py.
A text completes the sentence "this is what comes out when ...".  Reading the list is reading the solution.
"""

import math

import numpy as np

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.numpy.functions import log_sigmoid, sigmoid


def _join(early, late):
    return late[0] * early[0], late[0] * early[1] + late[1]


def hand(mine, **replaced):
    """Factor and addend of four steps, and the cost of T steps in rounds."""
    formulas = {
        "join": lambda v: _join,
        "order": lambda v: v.steps,
        "stretch": lambda v: _all(v.join, v.order),
        "R": lambda v: math.ceil(math.log2(v.T)),
        "joins": lambda v: v.R * v.T - (2**v.R - 1),
        "cost": lambda v: [v.R - math.ceil(math.log2(v.T)), v.joins - _joins(v.T)],
    }
    given = {"steps": list(zip(mine["a"], mine["b"], strict=True)), "T": mine["T"]}
    return evaluate(formulas, given, ("stretch", "cost"), replaced)


def _joins(T):
    rounds = math.ceil(math.log2(T))
    return rounds * T - (2**rounds - 1)


def _all(join, steps):
    whole = steps[0]
    for step in steps[1:]:
        whole = join(whole, step)
    return list(whole)


_s = slip(hand)
BY_HAND = (
    _s("joined backwards", "the stretch is joined from its end to its beginning", order=lambda v: v.steps[::-1]),
    _s(
        "addends added up",
        "the addends are added up as they are: what came earlier is multiplied by the later factors",
        stretch=lambda v: [math.prod(a for a, _ in v.steps), sum(b for _, b in v.steps)],
    ),
    _s(
        "addend faded too",
        "each addend is multiplied by the factor of its own step: only what was before is",
        order=lambda v: [(a, a * b) for a, b in v.steps],
    ),
    _s(
        "first state zero, last step alone",
        "the last step stands for the whole stretch",
        stretch=lambda v: list(v.steps[-1]),
    ),
    _s(
        "state in the addend",
        "the addend holds a first state of one: it is what is left when the state before is zero",
        stretch=lambda v: [_all(_join, v.steps)[0], sum(_all(_join, v.steps))],
    ),
    _s(
        "factors added",
        "the factors are added: two factors one after the other multiply",
        stretch=lambda v: [sum(a for a, _ in v.steps), _all(_join, v.steps)[1]],
    ),
    _s(
        "rounds rounded down",
        "log2 T is rounded down: a part of the steps is then not reached",
        R=lambda v: int(math.log2(v.T)),
    ),
    _s(
        "a round too many",
        "there is a round too many: the reach of the last one is still smaller than T",
        R=lambda v: math.ceil(math.log2(v.T)) + 1,
        joins=lambda v: _joins(v.T),
    ),
    _s(
        "logarithm not rounded",
        "log2 T is not rounded: there are whole rounds, so round up",
        R=lambda v: math.log2(v.T),
        joins=lambda v: _joins(v.T),
    ),
    _s(
        "reaches miscounted",
        "1 + 2 + 4 + ... is taken for 2^rounds: the sum is one less",
        joins=lambda v: v.R * v.T - 2**v.R,
    ),
    _s(
        "natural logarithm",
        "the natural logarithm is taken: the reach doubles",
        R=lambda v: math.ceil(math.log(v.T)),
    ),
    _s(
        "every step in every round",
        "all T steps are counted in each round: the first ones, as many as the reach, have nothing to be joined with",
        joins=lambda v: v.R * v.T,
    ),
    _s("joins of the loop", "the joins of the loop are counted: the rounds make more", joins=lambda v: v.T - 1),
    _s(
        "halved in every round",
        "half of the steps drop out in each round: here every step that has something before it is joined",
        joins=lambda v: sum(v.T // 2 ** (r + 1) for r in range(v.R)),
    ),
)


def series(a, b, h0, before=lambda v: v.h, factor=lambda v: v.a_t, step=None):
    """hs (T, B, H) by the loop; `before`, `factor` and `step` are its parts."""
    h, hs = h0, []
    for t in range(len(a)):
        v = _Values(h=h, h0=h0, a=a, b=b, t=t, a_t=a[t], b_t=b[t])
        h = step(v) if step else factor(v) * before(v) + b[t]
        hs.append(h)
    return {"hs": np.stack(hs)}


class _Values:
    def __init__(self, **values):
        vars(self).update(values)


def rounds(
    a, b, h0, reaches=None, join=lambda a, b, a_0, b_0: (a * a_0, a * b_0 + b), enter=lambda a, b, h0: a * h0 + b
):
    """hs (T, B, H) by doubling; `reaches`, `join` and `enter` are its parts."""
    a, b = a.copy(), b.copy()
    b[0] = enter(a[0], b[0], h0)
    for reach in reaches(len(a)) if reaches else [2**r for r in range(math.ceil(math.log2(len(a))))]:
        a[reach:], b[reach:] = join(a[reach:], b[reach:], a[:-reach].copy(), b[:-reach].copy())
    return {"hs": b}


_loop, _rounds = slip(series), slip(rounds)
SCAN_LINEAR = (
    _loop("h0 unused", "h0 is not used", before=lambda v: v.h if v.t else 0 * v.h0),
    _loop(
        "h0 on every state",
        "the scan begins from zero and h0 is added to every state: the factors fade it",
        step=lambda v: v.a_t * (v.h - v.h0) + v.b_t + v.h0,
    ),
    _loop("h0 not faded", "h0 is added without the first factor", factor=lambda v: v.a_t if v.t else 1),
    _loop(
        "factor one step late",
        "a_t multiplies h_t and not h_{t-1}: the factors are one step late",
        factor=lambda v: v.a[v.t - 1] if v.t else 1,
    ),
    _loop("addend faded too", "a_t multiplies b_t as well", step=lambda v: v.a_t * (v.h + v.b_t)),
    _loop("a and b exchanged", "a and b are exchanged", step=lambda v: v.b_t * v.h + v.a_t),
    _loop("factors unused", "the b_t are summed up, without factors", factor=lambda v: 1),
    _loop("every step from h0", "every step begins from h0: it begins from the state before it", before=lambda v: v.h0),
    _rounds(
        "last round missing",
        "the last round is missing: go on while reach < T, since T need not be a power of two",
        reaches=lambda T: [2**r for r in range(int(math.log2(T)))],
    ),
    _rounds(
        "one round", "only neighbours are joined: the rounds go on with a double reach", reaches=lambda T: [1] * (T > 1)
    ),
    _rounds(
        "factors not joined",
        "the factors stay as they were: a stretch's factor is the product of both",
        join=lambda a, b, a_0, b_0: (a, a * b_0 + b),
    ),
    _rounds(
        "factors joined first",
        "the factors are joined before the addends, which need them as they were",
        join=lambda a, b, a_0, b_0: (a * a_0, a * a_0 * b_0 + b),
    ),
    _rounds(
        "joined the wrong way round",
        "the earlier factor multiplies the later addend: it is the other way round",
        join=lambda a, b, a_0, b_0: (a * a_0, a_0 * b + b_0),
    ),
    _rounds(
        "reach grows by one",
        "the reach grows by one in each round: it doubles",
        reaches=lambda T: range(1, T),
    ),
)


def gated(x, h0, W_x, b, **replaced):
    """hs (T, B, H) of a minLSTM."""
    formulas = {
        "a": lambda v: v.x @ v.W_x.T + v.b,
        "blocks": lambda v: np.split(v.a, 3, axis=-1),
        "raw_i": lambda v: sigmoid(v.blocks[0]),
        "raw_f": lambda v: sigmoid(v.blocks[1]),
        "g": lambda v: v.blocks[2],
        "f": lambda v: v.raw_f / (v.raw_f + v.raw_i),
        "i": lambda v: v.raw_i / (v.raw_f + v.raw_i),
        "start": lambda v: v.h0,
        "hs": lambda v: series(v.f, v.i * v.g, v.start)["hs"],
    }
    return evaluate(formulas, {"x": x, "h0": h0, "W_x": W_x, "b": b}, ("hs",), replaced)


def _ordered(order):
    return lambda v: [np.split(v.a, 3, axis=-1)[order.index(gate)] for gate in "ifg"]


def _positive(a):
    return np.where(a >= 0, a + 0.5, sigmoid(a))


_s = slip(gated)
MINLSTM_FORWARD = (
    _s(
        "gates not normalised",
        "the gates are not divided by their sum, as in an LSTM",
        f=lambda v: v.raw_f,
        i=lambda v: v.raw_i,
    ),
    _s(
        "one gate for both",
        "f is 1 - i', as in the minGRU: here both gates are made, and divided by their sum",
        f=lambda v: 1 - v.raw_i,
        i=lambda v: v.raw_i,
    ),
    _s("input gate not normalised", "i is not divided by f + i, while f is", i=lambda v: v.raw_i),
    _s("forget gate not normalised", "f is not divided by f + i, while i is", f=lambda v: v.raw_f),
    _s(
        "normalised one after the other",
        "i is divided by a sum in which f has been divided already: take the sum once",
        i=lambda v: v.raw_i / (v.f + v.raw_i),
    ),
    _s(
        "softmax of the scores",
        "the shares are a softmax of the pre-activations: the sigmoids come first",
        raw_i=lambda v: np.exp(v.blocks[0]),
        raw_f=lambda v: np.exp(v.blocks[1]),
    ),
    _s(
        "i and f exchanged",
        "i and f are exchanged: the blocks are i, f, g, and f multiplies the state",
        blocks=_ordered("fig"),
    ),
    _s("order g first", "the blocks are read as g, i, f: they are i, f, g", blocks=_ordered("gif")),
    _s(
        "interleaved",
        "every third column is taken: a block is H neighbouring columns",
        blocks=lambda v: [v.a[..., k::3] for k in range(3)],
    ),
    _s("candidate with tanh", "the candidate goes through tanh: here it is plain", g=lambda v: np.tanh(v.blocks[2])),
    _s(
        "candidate with sigmoid",
        "the candidate goes through a sigmoid: here it is plain",
        g=lambda v: sigmoid(v.blocks[2]),
    ),
    _s(
        "candidate made positive",
        "the candidate is made positive, as in the log-space form: here it is plain",
        g=lambda v: _positive(v.blocks[2]),
    ),
    _s(
        "state made positive",
        "h0 goes through the function that makes a candidate positive: here it is plain",
        start=lambda v: _positive(v.h0),
    ),
    _s(
        "state through tanh",
        "h goes through tanh at the end, as in an LSTM: here it is plain",
        hs=lambda v: np.tanh(series(v.f, v.i * v.g, v.start)["hs"]),
    ),
    _s("bias missing", "b is not added", a=lambda v: v.x @ v.W_x.T),
    _s("h0 unused", "h0 is not used", start=lambda v: 0 * v.h0),
    _s(
        "last state",
        "h_T alone is returned: all T states are asked for",
        hs=lambda v: series(v.f, v.i * v.g, v.start)["hs"][-1],
    ),
)


def in_logs(log_a, log_b, log_h0, **replaced):
    """log hs (T, B, H) from the outright solution."""
    formulas = {
        "A": lambda v: np.cumsum(v.log_a, axis=0),
        "x": lambda v: v.log_b - v.A,
        "sums": lambda v: np.logaddexp.accumulate(v.x, axis=0),
        "inside": lambda v: np.logaddexp(v.log_h0, v.sums),
        "log_hs": lambda v: v.A + v.inside,
    }
    return evaluate(formulas, {"log_a": log_a, "log_b": log_b, "log_h0": log_h0}, ("log_hs",), replaced)


_s = slip(in_logs)
LOG_SPACE_SCAN = (
    _s("h0 unused", "log_h0 is not used", inside=lambda v: v.sums),
    _s(
        "h0 not faded",
        "log_h0 is joined after A was added: h0 is faded by all factors too",
        log_hs=lambda v: np.logaddexp(v.log_h0, v.A + v.sums),
    ),
    _s(
        "own factor left out",
        "A_t ends with a_{t-1}: it takes the factor of its own step as well",
        A=lambda v: np.cumsum(v.log_a, axis=0) - v.log_a,
    ),
    _s("A not subtracted", "A is not subtracted from log_b", x=lambda v: v.log_b),
    _s(
        "A added to log_b",
        "A is added to log_b: an addend is faded by what comes after it alone",
        x=lambda v: v.log_b + v.A,
    ),
    _s("A not added back", "A is not added at the end", log_hs=lambda v: v.inside),
    _s(
        "logarithms summed",
        "the logarithms are summed: that is a product, and the h are sums",
        sums=lambda v: np.cumsum(v.x, axis=0),
    ),
    _s(
        "maximum for a sum",
        "the largest term stands for the sum",
        sums=lambda v: np.maximum.accumulate(v.x, axis=0),
        inside=lambda v: np.maximum(v.log_h0, v.sums),
    ),
    _s("not in logarithms", "h is returned and not its logarithm", log_hs=lambda v: np.exp(v.A + v.inside)),
    _s(
        "factors over sequences",
        "log_a is summed over the sequences: time is the first axis",
        A=lambda v: np.cumsum(v.log_a, axis=1),
    ),
    _s(
        "factors over units",
        "log_a is summed over the units: time is the first axis",
        A=lambda v: np.cumsum(v.log_a, axis=-1),
    ),
    _s("factors not summed", "log_a is used as it is: A is its cumulative sum", A=lambda v: v.log_a),
)


def memory(q, k, v, a_i, a_f, C, n, m, /, **replaced):
    """h (B, K), C (B, K, K), n (B, K) and m (B,) of one step of an mLSTM."""
    formulas = {
        "log_f": lambda s: log_sigmoid(s.a_f),
        "m": lambda s: np.maximum(s.log_f + s.m_prev, s.a_i),
        "i": lambda s: np.exp(s.a_i - s.m),
        "f": lambda s: np.exp(s.log_f + s.m_prev - s.m),
        "write": lambda s: s.v[:, :, None] * s.k[:, None, :],
        "C": lambda s: s.f[:, None, None] * s.C_prev + s.i[:, None, None] * s.write,
        "n": lambda s: s.f[:, None] * s.n_prev + s.i[:, None] * s.k,
        "read": lambda s: np.einsum("bvk,bk->bv", s.C, s.q),
        "nq": lambda s: np.abs((s.n * s.q).sum(axis=1)),
        "floor": lambda s: np.exp(-s.m),
        "below": lambda s: np.maximum(s.nq, s.floor),
        "h": lambda s: s.read / s.below[:, None],
    }
    given = {"q": q, "k": k, "v": v, "a_i": a_i, "a_f": a_f, "C_prev": C, "n_prev": n, "m_prev": m}
    return evaluate(formulas, given, ("h", "C", "n", "m"), replaced)


_s = slip(memory)
MLSTM_STEP = (
    _s(
        "key by value",
        "the outer product is k vᵀ: C has the value first, v kᵀ",
        write=lambda s: s.k[:, :, None] * s.v[:, None, :],
    ),
    _s(
        "key divided again",
        "the key is divided by √K once more: that has been done before the step",
        write=lambda s: s.v[:, :, None] * s.k[:, None, :] / np.sqrt(s.k.shape[1]),
        n=lambda s: s.f[:, None] * s.n_prev + s.i[:, None] * s.k / np.sqrt(s.k.shape[1]),
    ),
    _s(
        "floor of one",
        "the least denominator is 1: C and n are kept relative to m, so it is exp(-m)",
        floor=lambda s: 1,
    ),
    _s("floor with the sign exchanged", "the least denominator is exp(m): it is exp(-m)", floor=lambda s: np.exp(s.m)),
    _s("no floor", "the denominator is |n q| alone, without its least value exp(-m)", below=lambda s: s.nq),
    _s("no absolute value", "n q is taken without its absolute value", nq=lambda s: (s.n * s.q).sum(axis=1)),
    _s("floor added", "exp(-m) is added to |n q|: take the larger one", below=lambda s: s.nq + s.floor),
    _s("no normaliser", "C q is not divided", h=lambda s: s.read),
    _s(
        "memory read by its columns",
        "the query meets the values' axis of C: C q sums over the keys, the last axis",
        read=lambda s: np.einsum("bvk,bv->bk", s.C, s.q),
    ),
    _s(
        "read before writing",
        "h is read from the old C and n: write first",
        read=lambda s: np.einsum("bvk,bk->bv", s.C_prev, s.q),
        nq=lambda s: np.abs((s.n_prev * s.q).sum(axis=1)),
    ),
    _s(
        "exponential forget gate",
        "the forget gate is an exponential: here it is a sigmoid, log f = log σ(a_f)",
        log_f=lambda s: s.a_f,
    ),
    _s(
        "sigmoid not in logarithms",
        "σ(a_f) stands where its logarithm belongs",
        log_f=lambda s: np.exp(log_sigmoid(s.a_f)),
    ),
    _s(
        "old stabiliser left out of the forget gate",
        "f is exp(log f - m): the old m belongs in it, since C is kept relative to the old m",
        f=lambda s: np.exp(s.log_f - s.m),
    ),
    _s(
        "old stabiliser left out",
        "the old m is not used at all: begin from log f + m",
        m=lambda s: np.maximum(s.log_f, s.a_i),
        f=lambda s: np.exp(s.log_f - s.m),
    ),
    _s(
        "old stabiliser outside the maximum",
        "m is max(log f, a_i) plus the old m: the old m belongs to log f alone",
        m=lambda s: np.maximum(s.log_f, s.a_i) + s.m_prev,
    ),
    _s(
        "not stabilised",
        "i and f are taken without the stabiliser, i = exp(a_i) and f = σ(a_f)",
        i=lambda s: np.exp(s.a_i),
        f=lambda s: np.exp(s.log_f),
    ),
    _s(
        "sigmoid input gate",
        "the input gate is a sigmoid: here it is exp(a_i - m)",
        i=lambda s: sigmoid(s.a_i),
    ),
    _s(
        "i and f exchanged",
        "i and f are exchanged: f multiplies what is there",
        C=lambda s: s.i[:, None, None] * s.C_prev + s.f[:, None, None] * s.write,
        n=lambda s: s.i[:, None] * s.n_prev + s.f[:, None] * s.k,
    ),
    _s(
        "normaliser without input gate",
        "n adds k without the input gate",
        n=lambda s: s.f[:, None] * s.n_prev + s.k,
    ),
    _s(
        "normaliser of values",
        "n adds up values: it adds up the keys",
        n=lambda s: s.f[:, None] * s.n_prev + s.i[:, None] * s.v,
    ),
    _s(
        "normaliser not kept up",
        "n stays as it was",
        n=lambda s: s.n_prev,
    ),
    _s(
        "stabiliser not kept up",
        "the old m is returned: the next step needs the new one",
        m=lambda s: s.m_prev,
        i=lambda s: np.exp(s.a_i - np.maximum(s.log_f + s.m_prev, s.a_i)),
        f=lambda s: np.exp(s.log_f + s.m_prev - np.maximum(s.log_f + s.m_prev, s.a_i)),
        floor=lambda s: np.exp(-np.maximum(s.log_f + s.m_prev, s.a_i)),
    ),
)


def _restarted(a, b, h0, starts, step=None, first=lambda v: v.h0):
    """hs (T, B, H) of the loop that begins anew; `step` and `first` are its parts."""
    h, hs = h0, []
    for t in range(len(a)):
        v = _Values(h=h, h0=h0, a_t=a[t], b_t=b[t], new=starts[t][:, None], t=t, starts=starts)
        h = step(v) if step else v.a_t * np.where(v.new, first(v), v.h) + v.b_t
        hs.append(h)
    return {"hs": np.stack(hs)}


_s = slip(_restarted)
SCAN_WITH_RESETS = (
    _s("resets unused", "starts is not used", step=lambda v: v.a_t * v.h + v.b_t),
    _s(
        "begun from zero",
        "a new series begins from zero: it begins from h0, so a h0 must be added before a is set to zero",
        first=lambda v: 0 * v.h0,
    ),
    _s(
        "reset after the step",
        "the step that begins a series is itself replaced by h0: h0 comes before it",
        step=lambda v: np.where(v.new, v.h0, v.a_t * v.h + v.b_t),
    ),
    _s("h0 not faded", "h0 is added without the factor", step=lambda v: np.where(v.new, v.h0, v.a_t * v.h) + v.b_t),
    _s(
        "h0 on top",
        "h0 is added but the old state is not dropped: the factor must become zero",
        step=lambda v: v.a_t * v.h + v.b_t + v.new * v.a_t * v.h0,
    ),
    _s(
        "starts turned round",
        "true and false are exchanged: starts is true where a series begins",
        step=lambda v: v.a_t * np.where(v.new, v.h, v.h0) + v.b_t,
    ),
    _s(
        "all sequences at once",
        "a reset of one sequence resets all of them",
        step=lambda v: v.a_t * (v.h0 if v.new.any() else v.h) + v.b_t,
    ),
    _s(
        "one step late",
        "the reset comes one step late",
        step=lambda v: v.a_t * np.where(v.starts[v.t - 1][:, None] & (v.t > 0), v.h0, v.h) + v.b_t,
    ),
)
