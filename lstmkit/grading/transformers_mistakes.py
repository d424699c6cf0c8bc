"""What comes out under the known mistakes of the assignment `transformers`: its named wrong outcomes.

T positions, B sequences, D features, N heads; the arguments are those of the right values in
lstmkit/grading/transformers.py.  A text completes the sentence "this is what comes out when ...".  Reading the list is
reading the solution.  The mistakes of plans and reports stand with their checks, as what is said of them is computed.
"""

import math
from functools import cache

import numpy as np

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.numpy import lstm, transformer


def table(T, D, k, /, **replaced):
    """The positions (T, D), and what a shift by k makes of them."""
    formulas = {
        "base": lambda v: 10000,
        "exponent": lambda v: np.arange(0, v.D, 2) / v.D,
        "t": lambda v: np.arange(v.T),
        "rate": lambda v: v.base**-v.exponent,
        "angle": lambda v: v.t[:, None] * v.rate,
        "even": lambda v: np.sin(v.angle),
        "odd": lambda v: np.cos(v.angle),
        "positions": lambda v: np.stack([v.even, v.odd], axis=-1).reshape(v.T, -1),
        "c": lambda v: np.cos(v.k * 10000 ** -(np.arange(0, v.D, 2) / v.D)),
        "s": lambda v: np.sin(v.k * 10000 ** -(np.arange(0, v.D, 2) / v.D)),
        "blocks": lambda v: [[v.c, v.s], [-v.s, v.c]],
        "shift": lambda v: _moved(v.blocks, v.T, v.D, v.k),
    }
    return evaluate(formulas, {"T": T, "D": D, "k": k}, ("positions", "shift"), replaced)


def _moved(blocks, T, D, k):
    start = max(-k, 0)
    sin, cos = np.split(transformer.sinusoidal_positions(T + abs(k), D)[start : start + T].reshape(T, -1, 2), 2, axis=2)
    (a, b), (c, d) = blocks
    return np.concatenate([a[:, None] * sin + b[:, None] * cos, c[:, None] * sin + d[:, None] * cos], axis=2).reshape(
        T, D
    )


_s = slip(table)
POSITIONS = (
    _s("from one", "the positions begin at one: the first is position 0", t=lambda v: np.arange(1, v.T + 1)),
    _s(
        "sine and cosine exchanged",
        "sine and cosine are exchanged: the even features are sines",
        even=lambda v: np.cos(v.angle),
        odd=lambda v: np.sin(v.angle),
    ),
    _s(
        "halves",
        "the sines stand in the first half and the cosines in the second: they alternate",
        positions=lambda v: np.concatenate([v.even, v.odd], axis=1),
    ),
    _s(
        "exponent of half",
        "the exponent is i / D: it is 2i / D, where i counts the pairs",
        exponent=lambda v: np.arange(v.D // 2) / v.D,
    ),
    _s(
        "frequency for every feature",
        "every feature has a frequency of its own: two that follow each other share one",
        positions=lambda v: np.where(
            np.arange(v.D) % 2,
            np.cos(v.t[:, None] * 10000 ** -(np.arange(v.D) / v.D)),
            np.sin(v.t[:, None] * 10000 ** -(np.arange(v.D) / v.D)),
        ),
    ),
    _s(
        "times the power",
        "the position is multiplied by the power of 10000: divide by it",
        rate=lambda v: v.base**v.exponent,
    ),
    _s(
        "exponent doubled",
        "the exponent is 4i / D: a step of two over the features has the factor 2 in it already",
        exponent=lambda v: 2 * np.arange(0, v.D, 2) / v.D,
    ),
    _s("base 1000", "the base is 1000: it is 10000", base=lambda v: 1000),
    _s("degrees", "the angles are taken for degrees", angle=lambda v: np.deg2rad(v.t[:, None] * v.rate)),
    _s(
        "turned back",
        "the shift goes the other way, by -k. Or when M is made for rows, p_t M: here it stands before a column, M p_t",
        blocks=lambda v: [[v.c, -v.s], [v.s, v.c]],
    ),
    _s("reflected", "the minus sign is missing: a turn has one", blocks=lambda v: [[v.c, v.s], [v.s, v.c]]),
    _s(
        "sine and cosine of the shift exchanged",
        "sin(wk) and cos(wk) are exchanged",
        blocks=lambda v: [[v.s, v.c], [-v.c, v.s]],
    ),
    _s(
        "one step for k",
        "the shift is that of one step: k is not used",
        blocks=lambda v: (lambda w: [[np.cos(w), np.sin(w)], [-np.sin(w), np.cos(w)]])(
            10000 ** -(np.arange(0, v.D, 2) / v.D)
        ),
    ),
    _s("not shifted", "the shift changes nothing", blocks=lambda v: [[0 * v.c + 1, 0 * v.s], [0 * v.s, 0 * v.c + 1]]),
)


def _softmax(e, axis=-1):
    e = np.exp(e - np.max(np.where(np.isneginf(e), -1e300, e), axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _attended(x, W_qkv, W_o, N, replaced):
    T, B, D = x.shape
    formulas = {
        "qkv": lambda v: np.split(v.x @ v.W_qkv.T, 3, axis=-1),
        "split": lambda v: lambda a: a.reshape(T, B, N, D // N),
        "q": lambda v: v.split(v.qkv[0]),
        "k": lambda v: v.split(v.qkv[1]),
        "v": lambda v: v.split(v.qkv[2]),
        "scale": lambda v: (D // N) ** -0.5,
        "e": lambda v: np.einsum("tbnp,sbnp->bnts", v.q, v.k) * v.scale,
        "seen": lambda v: np.tri(T, dtype=bool),
        "masked": lambda v: np.where(v.seen, v.e, -np.inf),
        "weights": lambda v: _softmax(v.masked),
        "mixed": lambda v: np.einsum("bnts,sbnp->tbnp", v.weights, v.v),
        "merged": lambda v: v.mixed.reshape(T, B, D),
        "out": lambda v: v.merged @ v.W_o.T,
    }
    given = {"x": x, "W_qkv": W_qkv, "W_o": W_o, "T": T, "B": B, "D": D, "N": N, "P": D // N}
    return evaluate(formulas, given, ("out",), replaced)["out"]


def attended(x, W_qkv, W_o, heads, **replaced):
    """Causal self-attention (T, B, D) with one head and with several."""
    return {
        "one head": _attended(x, W_qkv, W_o, 1, replaced),
        "several heads": _attended(x, W_qkv, W_o, heads, replaced),
    }


def _by_head(v):
    """q, k, v as some libraries stack them: the three parts of each head together."""
    return np.moveaxis((v.x @ v.W_qkv.T).reshape(v.T, v.B, v.N, 3, v.P), 3, 0).reshape(3, v.T, v.B, v.D)


_s = slip(attended)
CAUSAL_SELF_ATTENTION = (
    _s("no scale", "the scores are not divided by the root of the head's width", scale=lambda v: 1),
    _s("scale without root", "the scores are divided by the head's width: take its root", scale=lambda v: 1 / v.P),
    _s(
        "scale of the whole width",
        "the scores are divided by √D: a head has D / heads features",
        scale=lambda v: v.D**-0.5,
    ),
    _s("scale of the keys", "the scores are divided by the root of the number of keys", scale=lambda v: v.T**-0.5),
    _s("scale times root", "the scores are multiplied by the root: divide by it", scale=lambda v: v.P**0.5),
    _s(
        "scale after softmax",
        "the weights are divided, after the softmax: then they do not sum to one",
        weights=lambda v: _softmax(np.where(v.seen, v.e / v.scale, -np.inf)) * v.scale,
    ),
    _s(
        "softmax over queries",
        "the softmax runs over the queries: the weights of one query sum to one over the keys",
        weights=lambda v: _softmax(v.masked, axis=-2),
    ),
    _s(
        "mask after softmax",
        "the mask comes after the softmax: later positions have taken their share of the weights by then",
        weights=lambda v: np.where(v.seen, _softmax(v.e), 0),
    ),
    _s("no mask", "every position sees all others, later ones too", seen=lambda v: np.ones((v.T, v.T), bool)),
    _s(
        "mask turned round",
        "each position sees itself and later ones: it is the other way round",
        seen=lambda v: ~np.tri(v.T, k=-1, dtype=bool),
    ),
    _s("mask one too far", "position t sees t + 1", seen=lambda v: np.tri(v.T, k=1, dtype=bool)),
    _s(
        "mask one too short",
        "position t does not see itself",
        masked=lambda v: np.where(np.tri(v.T, k=-1, dtype=bool), v.e, -1e30),
    ),
    _s(
        "nothing to see",
        "position t does not see itself, and the first one nothing at all",
        masked=lambda v: np.where(np.tri(v.T, k=-1, dtype=bool), v.e, -np.inf),
    ),
    _s(
        "mask multiplies the scores",
        "the scores of later positions are set to zero, and e^0 is one: put -∞",
        masked=lambda v: np.where(v.seen, v.e, 0),
    ),
    _s("keys for values", "the keys are mixed: the values are what is handed on", v=lambda v: v.k),
    _s(
        "keys and values exchanged",
        "keys and values are exchanged: the order is q, k, v",
        qkv=lambda v: [np.split(v.x @ v.W_qkv.T, 3, axis=-1)[part] for part in (0, 2, 1)],
    ),
    _s(
        "values first",
        "the blocks are read as v, k, q: the order is q, k, v",
        qkv=lambda v: [np.split(v.x @ v.W_qkv.T, 3, axis=-1)[part] for part in (2, 1, 0)],
    ),
    _s(
        "queries and keys exchanged",
        "queries and keys are exchanged: the order is q, k, v",
        e=lambda v: np.einsum("tbnp,sbnp->bnts", v.k, v.q) * v.scale,
    ),
    _s(
        "heads merged without transposition",
        "the heads are merged without swapping the axes back, so that positions and heads are mixed",
        merged=lambda v: v.mixed.transpose(1, 2, 0, 3).reshape(v.T, v.B, v.D),
    ),
    _s(
        "heads merged per sequence",
        "the heads of a sequence are merged without swapping the axes back",
        merged=lambda v: v.mixed.transpose(1, 2, 0, 3).reshape(v.B, v.T, v.D).transpose(1, 0, 2),
    ),
    _s(
        "heads interleaved",
        "a head takes every N-th feature: it is D / N neighbouring ones",
        split=lambda v: lambda a: np.moveaxis(a.reshape(v.T, v.B, v.P, v.N), 3, 2),
        merged=lambda v: np.moveaxis(v.mixed, 2, 3).reshape(v.T, v.B, v.D),
    ),
    _s("blocks head by head", "W_qkv is cut head by head: its blocks are q, k, v, each of all heads", qkv=_by_head),
    _s(
        "one head only",
        "the heads are not split: all features have the same weights",
        split=lambda v: lambda a: a.reshape(v.T, v.B, 1, v.D),
        scale=lambda v: v.D**-0.5,
    ),
    _s("W_o unused", "W_o is not used", out=lambda v: v.merged),
    _s("W_o transposed", "W_o is transposed: merged @ W_o.T", out=lambda v: v.merged @ v.W_o),
    _s("residual added", "x is added: here the attention alone is asked for", out=lambda v: v.x + v.merged @ v.W_o.T),
)


def counted(mine, /, **replaced):
    """Units of an LSTM of equal size, the length at which attention costs as much as the rest, bytes of the cache."""
    formulas = {
        "block": lambda v: transformer.count_params(v.d, v.F),
        "layer": lambda v: lambda H: lstm.count_params(v.d, H, 1),
        "units": lambda v: max(H for H in range(1, 8 * v.d) if v.layer(H) <= v.block),
        "products": lambda v: 4 * v.d * v.d + 2 * v.d * v.F,
        "crossing": lambda v: v.products / (2 * v.d),
        "each": lambda v: 2 * v.d * v.bytes,
        "cache": lambda v: v.blocks * v.tokens * v.each,
    }
    names = ("block", "units", "crossing", "cache")
    wrong, right = (evaluate(formulas, mine, names, changed) for changed in (replaced, {}))
    off = {name: wrong[name] - right[name] for name in names}
    return {"equal parameters": np.array([off.pop("block"), off.pop("units")]), **off}


_s = slip(counted)
COSTS = (
    _s(
        "units too many",
        "the first number of units that exceeds the block is taken: stay below",
        units=lambda v: 1 + max(H for H in range(1, 8 * v.d) if v.layer(H) <= v.block),
    ),
    _s(
        "biases left out",
        "the biases and norms of the block are not counted",
        block=lambda v: 4 * v.d**2 + 2 * v.d * v.F,
    ),
    _s(
        "two biases",
        "the LSTM is given two biases: here it has one. Or when one unit more would still fit",
        layer=lambda v: lambda H: lstm.count_params(v.d, H, 2),
    ),
    _s("one gate", "one gate of the LSTM is counted: it has four blocks", layer=lambda v: lambda H: H * (v.d + H + 1)),
    _s(
        "norms left out",
        "the block's two norms are not counted",
        block=lambda v: transformer.count_params(v.d, v.F) - 4 * v.d,
    ),
    _s(
        "all blocks",
        "all blocks are counted: block and units are about one",
        block=lambda v: v.blocks * transformer.count_params(v.d, v.F),
    ),
    _s("attention matrices alone", "the inner layer is not counted", block=lambda v: 4 * v.d * (v.d + 1)),
    _s(
        "scores alone",
        "the mean of the values, which costs as much as the scores, is left out. Or when the crossing is that of a "
        "whole text, while asked for is one token after t others",
        crossing=lambda v: v.products / v.d,
    ),
    _s(
        "six times the width",
        "the inner layer is taken for four times as wide as the block, as in the chapter: here it has F units",
        crossing=lambda v: 6 * v.d,
    ),
    _s(
        "biases and norms counted",
        "biases and norms count as multiplications: they do not here",
        crossing=lambda v: transformer.count_params(v.d, v.F) / (2 * v.d),
    ),
    _s("inner layer left out", "the inner layer's two matrices are not counted", crossing=lambda v: 2 * v.d),
    _s(
        "three matrices",
        "three matrices of attention are counted: query, key, value and output make four",
        crossing=lambda v: (3 * v.d * v.d + 2 * v.d * v.F) / (2 * v.d),
    ),
    _s("keys alone", "keys are kept and no values", each=lambda v: v.d * v.bytes),
    _s("numbers for bytes", "the numbers are counted and not their bytes", each=lambda v: 2 * v.d),
    _s("one block", "the cache of one block is counted: every block keeps its own", cache=lambda v: v.tokens * v.each),
    _s("queries kept too", "queries are kept too: nobody asks them again", each=lambda v: 3 * v.d * v.bytes),
)


@cache
def t_quantile(level, freedom):
    """How many standard errors to both sides hold the share `level` of Student's t with that many degrees of freedom.

    t = √freedom · tan θ turns the density into cos^(freedom - 1) θ, which a Gauss rule integrates.
    """
    if not 0 < level < 1 or freedom < 1:
        raise ValueError(f"level must lie between 0 and 1 and freedom be at least 1, but they are {level}, {freedom}")
    nodes, weights = np.polynomial.legendre.leggauss(60)

    def area(angle):
        return angle / 2 * np.sum(weights * np.cos(angle / 2 * (nodes + 1)) ** (freedom - 1))

    low, high, whole = 0.0, np.pi / 2, area(np.pi / 2)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if area(middle) < level * whole else (low, middle)
    return float(np.sqrt(freedom) * np.tan(low))


def fitted(Ts, ms, /, **replaced):
    """Slope of log ms over log Ts, and its interval of 95 %."""
    formulas = {
        "x": lambda v: np.log(v.Ts),
        "y": lambda v: np.log(v.ms),
        "n": lambda v: len(v.x),
        "x_bar": lambda v: v.x.mean(),
        "y_bar": lambda v: v.y.mean(),
        "S": lambda v: ((v.x - v.x_bar) ** 2).sum(),
        "slope": lambda v: ((v.x - v.x_bar) * (v.y - v.y_bar)).sum() / v.S,
        "residuals": lambda v: v.y - v.y_bar - v.slope * (v.x - v.x_bar),
        "freedom": lambda v: v.n - 2,
        "variance": lambda v: (v.residuals**2).sum() / v.freedom,
        "error": lambda v: math.sqrt(v.variance / v.S),
        "quantile": lambda v: t_quantile(0.95, v.n - 2),
        "interval": lambda v: np.array([v.slope - v.quantile * v.error, v.slope + v.quantile * v.error]),
    }
    return evaluate(formulas, {"Ts": Ts, "ms": ms}, ("slope", "interval"), replaced)


_s = slip(fitted)
FIT_EXPONENT = (
    _s(
        "no logarithms",
        "no logarithms are taken: an exponent is a slope in log over log",
        x=lambda v: v.Ts,
        y=lambda v: v.ms,
    ),
    _s("logarithm of T alone", "the logarithm of T alone is taken", y=lambda v: v.ms),
    _s("logarithm of ms alone", "the logarithm of ms alone is taken", x=lambda v: v.Ts),
    _s("two logarithms", "the two logarithms have different bases", y=lambda v: np.log10(v.ms)),
    _s("two logarithms, base 2", "log2 of T goes with the natural logarithm of ms", x=lambda v: np.log2(v.Ts)),
    _s(
        "through the origin",
        "the line goes through the origin: it needs an intercept",
        x_bar=lambda v: 0,
        y_bar=lambda v: 0,
    ),
    _s("axes exchanged", "the axes are exchanged: ms depends on T", x=lambda v: np.log(v.ms), y=lambda v: np.log(v.Ts)),
    _s(
        "n for n - 2",
        "the squared residuals are divided by n: a line has taken two numbers, so n - 2",
        freedom=lambda v: v.n,
    ),
    _s(
        "n - 1 for n - 2",
        "the squared residuals are divided by n - 1: a line has taken two numbers, so n - 2",
        freedom=lambda v: v.n - 1,
    ),
    _s(
        "normal quantile",
        "the quantile is that of the normal distribution: so few points need t",
        quantile=lambda v: 1.96,
    ),
    _s(
        "exact normal quantile",
        "the quantile is that of the normal distribution, with all digits: so few points need t",
        quantile=lambda v: 1.959963984540054,
    ),
    _s(
        "freedom of n",
        "the quantile has n degrees of freedom: a line has taken two",
        quantile=lambda v: t_quantile(0.95, v.n),
    ),
    _s(
        "freedom of n - 1",
        "the quantile has n - 1 degrees of freedom: a line has taken two",
        quantile=lambda v: t_quantile(0.95, v.n - 1),
    ),
    _s(
        "one-sided quantile",
        "the quantile leaves 5 % on one side: 2.5 % lie on each",
        quantile=lambda v: t_quantile(0.90, v.n - 2),
    ),
    _s(
        "quantile of 97.5 %",
        "the quantile leaves out 2.5 % in all: t_quantile counts both sides already, so give it the level itself",
        quantile=lambda v: t_quantile(0.975, v.n - 2),
    ),
    _s("one standard error", "the interval reaches one standard error to each side", quantile=lambda v: 1),
    _s(
        "error of the residuals",
        "the spread of the residuals is taken for the error of the slope: divide by the root of the sum of (x - x̄)²",
        error=lambda v: math.sqrt(v.variance),
    ),
    _s(
        "half widths",
        "the distances from the slope are returned: add them to it",
        interval=lambda v: np.array([-v.quantile * v.error, v.quantile * v.error]),
    ),
    _s(
        "ends exchanged",
        "the ends are exchanged: low comes first",
        interval=lambda v: np.array([v.slope + v.quantile * v.error, v.slope - v.quantile * v.error]),
    ),
    _s(
        "intercept",
        "the intercept is returned in place of the slope",
        slope=lambda v: v.y_bar - ((v.x - v.x_bar) * (v.y - v.y_bar)).sum() / v.S * v.x_bar,
        residuals=lambda v: v.y - v.y_bar - ((v.x - v.x_bar) * (v.y - v.y_bar)).sum() / v.S * (v.x - v.x_bar),
    ),
    _s("lengths sorted alone", "Ts is sorted and ms is not", x=lambda v: np.sort(np.log(v.Ts))),
)


def attended_once(x_t, keys, values, W_qkv, W_o, heads, /, **replaced):
    """What one more position gets (B, D), and the keys and values after it (2, P + 1, B, D)."""
    B, D = x_t.shape
    formulas = {
        "qkv": lambda v: np.split(v.x_t @ v.W_qkv.T, 3, axis=-1),
        "k_kept": lambda v: np.concatenate([v.keys, v.qkv[1][None]]),
        "v_kept": lambda v: np.concatenate([v.values, v.qkv[2][None]]),
        "k_asked": lambda v: v.k_kept,
        "v_mixed": lambda v: v.v_kept,
        "scale": lambda v: (D // heads) ** -0.5,
        "split": lambda v: lambda a: a.reshape(*a.shape[:-1], heads, D // heads),
        "e": lambda v: np.einsum("bnp,sbnp->bns", v.split(v.qkv[0]), v.split(v.k_asked)) * v.scale,
        "weights": lambda v: _softmax(v.e) if v.e.shape[-1] else v.e,
        "mixed": lambda v: np.einsum("bns,sbnp->bnp", v.weights, v.split(v.v_mixed)).reshape(B, D),
        "out": lambda v: v.mixed @ v.W_o.T,
        "keys and values": lambda v: np.stack([v.k_kept, v.v_kept]),
    }
    given = {"x_t": x_t, "keys": keys, "values": values, "W_qkv": W_qkv, "W_o": W_o, "D": D, "heads": heads}
    return evaluate(formulas, given, ("out", "keys and values"), replaced)


_s = slip(attended_once)
ATTEND_ONE = (
    _s(
        "does not see itself",
        "the new position asks the old ones alone: it sees itself too",
        k_asked=lambda v: v.keys,
        v_mixed=lambda v: v.values,
    ),
    _s(
        "put in front",
        "the new key and value are put in front: they come last",
        k_kept=lambda v: np.concatenate([v.qkv[1][None], v.keys]),
        v_kept=lambda v: np.concatenate([v.qkv[2][None], v.values]),
    ),
    _s("no scale", "the scores are not divided by the root of the head's width", scale=lambda v: 1),
    _s(
        "scale of the whole width",
        "the scores are divided by √D: a head has D / heads features",
        scale=lambda v: v.D**-0.5,
    ),
    _s(
        "softmax over heads",
        "the softmax runs over the heads: it runs over the positions",
        weights=lambda v: _softmax(v.e, axis=1),
    ),
    _s("keys for values", "the keys are mixed: the values are what is handed on", v_mixed=lambda v: v.k_kept),
    _s(
        "keys and values exchanged",
        "keys and values are exchanged in what is kept",
        **{"keys and values": lambda v: np.stack([v.v_kept, v.k_kept])},
    ),
    _s("W_o unused", "W_o is not used", out=lambda v: v.mixed),
    _s(
        "query kept",
        "the query is kept as the key",
        k_kept=lambda v: np.concatenate([v.keys, v.qkv[0][None]]),
    ),
)
