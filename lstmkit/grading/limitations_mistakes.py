"""What comes out under the known mistakes of the assignment `limitations`: its named wrong outcomes.

A mistake is the right formulas with one of them replaced; a text completes "this is what comes out when ...".
Reading the list is reading the solution.  What is wrong with a batch of random pairs is said by the check itself.

T steps, B sequences, S symbols, V kinds of them; the arguments are those of the right values in
lstmkit/grading/limitations.py.
"""

import math

import numpy as np

from lstmkit.grading.formulas import evaluate, slip

COPY_FORMULAS = {
    "delay": lambda v: v.T,  # steps from the end of the list to the end of the silence, its last one the mark
    "length": lambda v: v.delay + 2 * v.S,
    "mark_at": lambda v: v.S + v.delay - 1,
    "marks": lambda v: [v.mark_at],
    "symbol": lambda v: v.symbols,
    "numbers": lambda v: _filled(v.length, v.symbol, 0, v.marks, v.V + 1),
    "answer_at": lambda v: v.length - v.S,
    "answer": lambda v: v.symbols,
    "y": lambda v: _filled(v.length, v.answer, v.answer_at),
    "shown": lambda v: v.numbers,
    "column": lambda v: np.arange(v.V + 2),  # of the blank, of each symbol, of the mark
    "x": lambda v: np.eye(v.V + 2)[v.column[v.shown]],
    "guess_loss": lambda v: v.S * math.log(v.V) / (v.T + 2 * v.S),
}
COPIED = ("x", "y", "guess_loss")


def _filled(length, symbols, at, marks=(), mark=0):
    """Numbers (length, B): the symbols from a step on, marks at others, and zero everywhere else."""
    numbers = np.zeros((length, symbols.shape[1]), int)
    numbers[at : at + len(symbols)] = symbols
    for step in marks:
        numbers[step] = mark
    return numbers


def copied(symbols, T, V, /, **replaced):
    """x (T + 2S, B, V + 2), y (T + 2S, B) and the loss of a guess."""
    given = {"symbols": symbols, "T": T, "V": V, "S": len(symbols)}
    return evaluate(COPY_FORMULAS, given, COPIED, replaced)


_s = slip(copied)
COPY_BATCH = (
    _s("mark missing", "x has no mark: nobody is told when to answer", marks=lambda v: []),
    _s(
        "mark one step late",
        "the mark stands on the first step of the answer: it is the last of the T steps of delay",
        mark_at=lambda v: v.S + v.T,
    ),
    _s(
        "mark right after the list",
        "the mark follows the list at once: it is the last of the T steps of delay",
        mark_at=lambda v: v.S,
    ),
    _s(
        "mark to the end",
        "the mark stays on during the answer: it is one step",
        marks=lambda v: range(v.mark_at, v.length),
    ),
    _s(
        "T blanks and the mark",
        "the mark comes after T blanks: it is the last of the T steps, so there are T - 1 blanks",
        delay=lambda v: v.T + 1,
    ),
    _s("delay one step short", "the delay has T - 1 steps, the mark among them", delay=lambda v: v.T - 1),
    _s(
        "no room for the answer",
        "x and y end with the mark: the answer takes S steps more",
        length=lambda v: v.T + v.S,
        answer_at=lambda v: v.T,
    ),
    _s("numbers for one-hot", "x holds the numbers: give each its own column, one-hot", x=lambda v: v.numbers),
    _s(
        "blank without a column",
        "the blank is a row of zeros: it has the column 0, and a one in it",
        x=lambda v: COPY_FORMULAS["x"](v) * (v.numbers > 0)[..., None],
    ),
    _s(
        "blank after the symbols",
        "the columns begin with the symbols: column 0 is the blank, 1 to V the symbols, V + 1 the mark",
        column=lambda v: np.array([v.V, *range(v.V), v.V + 1]),
    ),
    _s(
        "blank and mark exchanged",
        "blank and mark have exchanged their columns: the blank is column 0, the mark the last",
        column=lambda v: np.array([v.V + 1, *range(1, v.V + 1), 0]),
    ),
    _s(
        "answer shown",
        "x holds the answer as well: while the network answers it reads blanks",
        shown=lambda v: np.maximum(v.numbers, v.y),
    ),
    _s("x batch first", "x has the batch first: time comes first", x=lambda v: COPY_FORMULAS["x"](v).swapaxes(0, 1)),
    _s("y batch first", "y has the batch first: time comes first", y=lambda v: COPY_FORMULAS["y"](v).T),
    _s(
        "answer one step early",
        "the answer in y begins at the mark: it begins one step after",
        answer_at=lambda v: v.length - v.S - 1,
    ),
    _s("answer in place", "y has the symbols where they are shown: the answer is at the end", answer_at=lambda v: 0),
    _s("answer turned round", "the answer in y is in reverse order", answer=lambda v: v.symbols[::-1]),
    _s("answer counted from 0", "y numbers the symbols from 0: there 0 is the blank", answer=lambda v: v.symbols - 1),
    _s("y without blanks", "y is the answer alone: it has a target for every step", y=lambda v: v.symbols),
    _s(
        "y with the mark",
        "y asks for the mark as well: while the mark is read the answer is blank",
        y=lambda v: _filled(v.length, v.answer, v.answer_at, v.marks, v.V + 1),
    ),
    _s(
        "loss of a whole guess",
        "all T + 2S steps are guessed: whoever says blank where it is blank loses nothing there",
        guess_loss=lambda v: math.log(v.V),
    ),
    _s(
        "loss not averaged",
        "the loss is that of a whole sequence: divide by its steps",
        guess_loss=lambda v: v.S * math.log(v.V),
    ),
    _s(
        "loss in bits",
        "the logarithm is that to the base 2: nats have the natural one",
        guess_loss=lambda v: COPY_FORMULAS["guess_loss"](v) / math.log(2),
    ),
    _s(
        "loss over V + 1",
        "the guess is among V + 1: after the mark nobody need guess that it is no blank",
        guess_loss=lambda v: v.S * math.log(v.V + 1) / (v.T + 2 * v.S),
    ),
    _s(
        "loss over V + 2",
        "the guess is among all V + 2 columns: after the mark it is one of V symbols",
        guess_loss=lambda v: v.S * math.log(v.V + 2) / (v.T + 2 * v.S),
    ),
    _s(
        "loss over the delay",
        "the sum is divided by T: a sequence has T + 2S steps",
        guess_loss=lambda v: v.S * math.log(v.V) / v.T,
    ),
    _s(
        "loss over T + S",
        "the sum is divided by T + S: a sequence has T + 2S steps",
        guess_loss=lambda v: v.S * math.log(v.V) / (v.T + v.S),
    ),
    _s(
        "loss negative",
        "the minus sign is missing: ln (1/V) is negative, and a loss is minus it",
        guess_loss=lambda v: -COPY_FORMULAS["guess_loss"](v),
    ),
    _s(
        "one symbol guessed",
        "one symbol is guessed: there are S of them",
        guess_loss=lambda v: math.log(v.V) / (v.T + 2 * v.S),
    ),
)


def influences(f, x, delta, r, eps, /, **replaced):
    """influence (T,), and the effective memory of r (T,); `jacobian` is (H, T, D)."""

    def differences(above, below, divisor):
        slopes = []
        for index in np.ndindex(x.shape):
            step = np.zeros(x.shape)
            step[index] = delta
            slopes.append((f(x + above * step) - f(x + below * step)) / (divisor * delta))
        return np.moveaxis(np.reshape(slopes, (*x.shape, -1)), -1, 0)

    given = {
        "f": f,
        "x": x,
        "delta": delta,
        "r": np.asarray(r),
        "eps": eps,
        "differences": differences,
        "T": len(x),
    }
    formulas = {
        "jacobian": lambda v: v.differences(1, -1, 2),
        "size": lambda v: np.sqrt((v.jacobian**2).sum(axis=(0, 2))),
        "influence": lambda v: v.size[::-1],
        "bound": lambda v: v.eps * np.max(v.r),
        "above": lambda v: np.append(-1, np.flatnonzero(v.r > v.bound)),  # -1 for the case that there is none
        "effective_memory": lambda v: v.above[-1],
    }
    return evaluate(formulas, given, ("influence", "effective_memory"), replaced)


def _together(v):
    """All D inputs of a step moved by the same amount."""
    moved = np.zeros(v.T)
    for t in range(v.T):
        step = np.zeros(v.x.shape)
        step[t] = v.delta
        moved[t] = np.linalg.norm(v.f(v.x + step) - v.f(v.x - step)) / (2 * v.delta)
    return moved[::-1]


def _not_put_back(v):
    """Each entry stays at x - delta while the next ones are tried."""
    x, size = v.x.astype(float), np.zeros(v.T)
    for t, d in np.ndindex(x.shape):
        x[t, d] += v.delta
        above = v.f(x)
        x[t, d] -= 2 * v.delta
        size[t] += np.sum(((above - v.f(x)) / (2 * v.delta)) ** 2)
    return np.sqrt(size)[::-1]


def _first_gap(v):
    """The lag before the first at which the influence is not above the bound."""
    below = np.flatnonzero(v.r <= v.bound)
    return below[0] - 1 if len(below) else len(v.r) - 1


_s = slip(influences)
EFFECTIVE_MEMORY = (
    _s(
        "in order of time",
        "influence is in the order of time: entry k belongs to the step k before the last",
        influence=lambda v: v.size,
    ),
    _s(
        "forward difference",
        "f(x) takes the place of f(x - delta): step to both sides",
        jacobian=lambda v: v.differences(1, 0, 1),
    ),
    _s(
        "divided by delta",
        "the difference is divided by delta: the two points are 2 delta apart",
        jacobian=lambda v: v.differences(1, -1, 1),
    ),
    _s("half a difference", "a step to one side is divided by 2 delta", jacobian=lambda v: v.differences(1, 0, 2)),
    _s("not divided", "the differences are not divided by 2 delta", influence=lambda v: 2 * v.delta * v.size[::-1]),
    _s(
        "all inputs at once",
        "the D inputs of a step are moved together, so that they can cancel: move one at a time",
        influence=_together,
    ),
    _s("not put back", "an entry of x stays moved while the next ones are tried: put it back", influence=_not_put_back),
    _s("root missing", "the root of the sum of squares is missing", influence=lambda v: v.size[::-1] ** 2),
    _s(
        "largest slope",
        "the largest slope is taken: take the root of the sum of all squares",
        influence=lambda v: np.abs(v.jacobian).max(axis=(0, 2))[::-1],
    ),
    _s(
        "sum of slopes",
        "the absolute slopes are added up: take the root of the sum of their squares",
        influence=lambda v: np.abs(v.jacobian).sum(axis=(0, 2))[::-1],
    ),
    _s(
        "lengths added up",
        "the lengths of the D slopes are added up: add their squares, and take the root at the end",
        influence=lambda v: np.sqrt((v.jacobian**2).sum(axis=0)).sum(axis=1)[::-1],
    ),
    _s(
        "spectral norm",
        "the largest singular value is taken: take the root of the sum of all squares",
        influence=lambda v: np.linalg.norm(v.jacobian, 2, axis=(0, 2))[::-1],
    ),
    _s(
        "results added up",
        "the H results are added up first, so that they can cancel: square the slope of each",
        influence=lambda v: np.sqrt((v.jacobian.sum(axis=0) ** 2).sum(axis=1))[::-1],
    ),
    _s(
        "mean of squares",
        "the mean of the squares is taken: take their sum",
        influence=lambda v: v.size[::-1] / np.sqrt(v.jacobian[:, 0].size),
    ),
    _s(
        "first unit only",
        "only the first of the H results is looked at",
        influence=lambda v: np.sqrt((v.jacobian[0] ** 2).sum(axis=1))[::-1],
    ),
    _s(
        "share of the largest",
        "the influence is divided by its largest entry: it is wanted as it is",
        influence=lambda v: v.size[::-1] / v.size.max(),
    ),
    _s(
        "stops at the first gap",
        "the search stops at the first lag that is not above the bound: a later one may be",
        effective_memory=_first_gap,
    ),
    _s(
        "counted",
        "the lags above the bound are counted: the largest of them is asked for",
        effective_memory=lambda v: len(v.above) - 1,
    ),
    _s(
        "steps for a lag",
        "one is added to the lag: lag 0 is the last step itself",
        effective_memory=lambda v: v.above[-1] + 1,
    ),
    _s("smallest lag", "the smallest lag above the bound is taken", effective_memory=lambda v: v.above[:2][-1]),
    _s(
        "absolute bound",
        "eps is taken as the bound itself: it is a share of the largest influence",
        bound=lambda v: v.eps,
    ),
    _s(
        "bound by lag 0",
        "the bound is a share of the influence at lag 0: it is a share of the largest",
        bound=lambda v: v.eps * v.r[0],
    ),
    _s(
        "bound by the sum",
        "the bound is a share of the sum: it is a share of the largest influence",
        bound=lambda v: v.eps * v.r.sum(),
    ),
    _s(
        "from the start",
        "the lag is counted from the first step: entry k of r is lag k already",
        effective_memory=lambda v: len(v.r) - 1 - v.above[:2][-1],
    ),
    _s(
        "at the bound counts",
        "an influence just at the bound counts: it has to be above",
        above=lambda v: np.append(-1, np.flatnonzero(v.r >= v.bound)),
    ),
    _s(
        "largest influence",
        "the lag of the largest influence is taken: the bound is a share of it",
        effective_memory=lambda v: np.argmax(v.r),
    ),
)

PREDICTION_FORMULAS = {
    "keys": lambda v: math.log2(math.comb(v.M, v.K)),
    "values": lambda v: v.K * math.log2(v.V),
    "bits": lambda v: v.keys + v.values,
    "three": lambda v: 1 / v.V**2,  # all three values equal
    "two": lambda v: 3 * (v.V - 1) / v.V**2,  # two of them
    "bag": lambda v: v.three + v.two * 2 / 3 + (1 - v.three - v.two) / 3,
    "top": lambda v: v.bias + sum(map(abs, v.w)),
    "stuck": lambda v: math.floor((v.top - v.level) / v.slope) + 1,
}


def prediction(mine, /, **replaced):
    """bits, bag and stuck for a student's own numbers."""
    return evaluate(PREDICTION_FORMULAS, mine, ("bits", "bag", "stuck"), replaced)


_s = slip(prediction)
PREDICT_LIMITS = (
    _s(
        "keys not counted",
        "bits counts the values alone: which keys were shown is to be told apart as well",
        keys=lambda v: 0.0,
    ),
    _s("values not counted", "bits counts the keys alone: each has one of V values", values=lambda v: 0.0),
    _s(
        "keys in order",
        "bits tells lists apart by their order: the same pairs in another order give the same answers",
        keys=lambda v: math.log2(math.perm(v.M, v.K)),
    ),
    _s(
        "keys with repetition",
        "bits lets a key occur twice: the K keys differ, and their order does not count",
        keys=lambda v: v.K * math.log2(v.M),
    ),
    _s(
        "pairs from all pairs",
        "bits chooses K of all M V pairs, so a key may come with two values: choose the keys, then a value for each",
        bits=lambda v: math.log2(math.comb(v.M * v.V, v.K)),
    ),
    _s("one value for all", "bits counts one value: each of the K keys has its own", values=lambda v: math.log2(v.V)),
    _s(
        "nats for bits",
        "bits has the natural logarithm: bits have that to the base 2",
        bits=lambda v: (v.keys + v.values) * math.log(2),
    ),
    _s("bag is a guess", "bag is a guess among V values: the bag tells which values were shown", bag=lambda v: 1 / v.V),
    _s(
        "bag is one in three",
        "bag takes the three values as different: two or three of them may be equal",
        bag=lambda v: 1 / 3,
    ),
    _s("bag of two", "bag is that of two pairs: there are three", bag=lambda v: 0.5 + 0.5 / v.V),
    _s(
        "no pair of equals",
        "bag leaves out that two of the three may be equal",
        bag=lambda v: v.three + (1 - v.three) / 3,
    ),
    _s(
        "one way for two",
        "bag counts one way in which two of three are equal: any of the three may be the other one",
        two=lambda v: (v.V - 1) / v.V**2,
    ),
    _s(
        "any of the bag",
        "bag names any of the shown kinds: it names the commonest one",
        bag=lambda v: v.three + v.two / 2 + (1 - v.three - v.two) / 3,
    ),
    _s(
        "stuck one step early",
        "stuck is the last step that can still be answered",
        stuck=lambda v: math.floor((v.top - v.level) / v.slope),
    ),
    _s(
        "stuck one step late",
        "stuck is one step too late: steps are counted from 0",
        stuck=lambda v: math.floor((v.top - v.level) / v.slope) + 2,
    ),
    _s(
        "stuck not whole",
        "stuck is not rounded up: it is a number of steps",
        stuck=lambda v: (v.top - v.level) / v.slope,
    ),
    _s(
        "signs of w kept",
        "the weights are added with their signs: h may be -1 where a weight is negative",
        top=lambda v: v.bias + sum(v.w),
    ),
    _s(
        "size of the bias",
        "the size of the bias is taken: upwards a negative bias counts against it",
        top=lambda v: abs(v.bias) + sum(map(abs, v.w)),
    ),
    _s("bias forgotten", "the bias of the read-out is left out", top=lambda v: sum(map(abs, v.w))),
    _s(
        "largest weight",
        "one unit is let up to one: all of them can be there at once",
        top=lambda v: v.bias + max(map(abs, v.w)),
    ),
    _s(
        "series from zero",
        "the series starts from zero: it starts at `level`",
        stuck=lambda v: math.floor(v.top / v.slope) + 1,
    ),
)


def chains(f, n, T, /, **replaced):
    """response (T,) of the last of n leaky cells."""
    formulas = {
        "write": lambda v: 1 - v.f,
        "cells": lambda v: v.n,
        "keep": lambda v: v.f,
        "ways": lambda v: lambda k: float(min(math.comb(k + v.cells - 1, k), 10**300)),
        "scale": lambda v: v.write**v.cells,
        "response": lambda v: np.array([v.scale * v.ways(k) * v.keep**k for k in range(v.T)]),
    }
    return evaluate(formulas, {"f": f, "n": n, "T": T}, ("response",), replaced)


def _late(v):
    """Each cell hears what the one before it held a step earlier."""
    return np.concatenate([np.zeros(v.n - 1), [v.scale * v.ways(k) * v.keep**k for k in range(v.T)]])[: v.T]


_s = slip(chains)
CASCADE = (
    _s("one cell", "one cell answers: the signal goes through n of them", cells=lambda v: 1),
    _s("one cell too many", "the signal goes through n + 1 cells", cells=lambda v: v.n + 1),
    _s(
        "shares exchanged",
        "f and 1 - f have changed places: a cell keeps the share f, and writes the share 1 - f",
        write=lambda v: v.f,
        keep=lambda v: 1 - v.f,
    ),
    _s("writes without 1 - f", "a cell writes its input whole: it writes a share 1 - f of it", write=lambda v: 1.0),
    _s("1 - f once", "the factor 1 - f is taken once: each of the n cells has it", scale=lambda v: v.write),
    _s(
        "a step late in each cell",
        "each cell hears what the one before held a step earlier: it hears the new value",
        response=_late,
    ),
    _s(
        "n leaks at once",
        "one cell leaks n times a step: n cells in a row spread the signal over many steps",
        cells=lambda v: 1,
        keep=lambda v: v.f**v.n,
    ),
    _s(
        "one way only",
        "each path is counted once: the k waiting steps can be shared out to the n cells in many ways",
        ways=lambda v: lambda k: 1,
    ),
    _s(
        "side by side",
        "the n cells stand side by side, and are added up: they stand in a row",
        response=lambda v: v.n * v.write * v.f ** np.arange(v.T),
    ),
    _s(
        "impulse one step late",
        "the first entry is before the impulse: entry 0 is the step at which it comes",
        response=lambda v: np.concatenate([[0.0], chains(v.f, v.n, v.T)["response"][:-1]]),
    ),
    _s(
        "held on",
        "the input stays on: it is one at the first step and zero after it",
        response=lambda v: np.cumsum(chains(v.f, v.n, v.T)["response"]),
    ),
)
