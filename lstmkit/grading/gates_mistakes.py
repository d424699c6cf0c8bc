"""What comes out under the known mistakes of the assignment `gates`: its named wrong outcomes.

A mistake is written as the right formulas with one of them replaced.  A text completes the sentence "this is what
comes out when ...".  Reading the list is reading the solution.

T steps, B sequences, D inputs, H units; the arguments are those of the right values in lstmkit/grading/gates.py.
"""

from itertools import permutations

import numpy as np

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.grading.question import Mistake
from lstmkit.numpy.functions import sigmoid
from lstmkit.tasks.reber import GRAPH, SYMBOLS


def _others(order):
    return [other for other in permutations(order) if other != tuple(order)]


def _spelled(order):
    return ", ".join(order)


LSTM97_FORMULAS = {
    "a": lambda v: v.x_t @ v.W_x.T + v.h_prev @ v.W_h.T + v.b,
    "order": lambda v: "igo",
    "block": lambda v: dict(zip(v.order, np.split(v.a, 3, axis=1), strict=True)),
    "i": lambda v: sigmoid(v.block["i"]),
    "g": lambda v: np.tanh(v.block["g"]),
    "o": lambda v: sigmoid(v.block["o"]),
    "c": lambda v: v.c_prev + v.i * v.g,
    "q": lambda v: np.tanh(v.c),
    "h": lambda v: v.o * v.q,
}


def step97(x_t, h_prev, c_prev, W_x, W_h, b, /, **replaced):
    """h and c (B, H) of one step of the cell of 1997."""
    given = {"x_t": x_t, "h_prev": h_prev, "c_prev": c_prev, "W_x": W_x, "W_h": W_h, "b": b}
    return evaluate(LSTM97_FORMULAS, given, ("h", "c"), replaced)


_s = slip(step97)
LSTM97_STEP = (
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are read in the order {_spelled(order)}: they are stacked i, g, o",
            order=lambda v, order=order: order,
        )
        for order in _others("igo")
    ),
    _s(
        "old cell multiplied",
        "the old cell is multiplied by 1 - i: there is no forget gate, it comes over whole",
        c=lambda v: (1 - v.i) * v.c_prev + v.i * v.g,
    ),
    _s(
        "the input gate forgets",
        "the old cell is multiplied by i: there is no forget gate, it comes over whole",
        c=lambda v: v.i * v.c_prev + v.i * v.g,
    ),
    _s("old cell dropped", "the old cell is left out: c = c_prev + i ⊙ g", c=lambda v: v.i * v.g),
    _s("input gate unused", "the input gate is unused: c = c_prev + i ⊙ g", c=lambda v: v.c_prev + v.g),
    _s("i plus g", "the input gate is added to the candidate: it multiplies", c=lambda v: v.c_prev + v.i + v.g),
    _s(
        "c squashed",
        "the tanh is kept in the cell: c itself is not squashed",
        c=lambda v: np.tanh(v.c_prev + v.i * v.g),
    ),
    _s("g with sigmoid", "the candidate has a sigmoid: it has a tanh", g=lambda v: sigmoid(v.block["g"])),
    _s("no tanh on c", "the output equation lacks its tanh: h = o ⊙ tanh(c)", h=lambda v: v.o * v.c),
    _s("h from the old c", "the output equation uses the old cell: h = o ⊙ tanh(new c)", q=lambda v: np.tanh(v.c_prev)),
    _s("h without o", "the output gate is unused: h = o ⊙ tanh(c)", h=lambda v: v.q),
    _s("bias missing", "b is not added", a=lambda v: v.x_t @ v.W_x.T + v.h_prev @ v.W_h.T),
    Mistake(
        "h and c exchanged",
        "c is returned before h: the order is h, c",
        lambda *args: dict(zip(("c", "h"), step97(*args).values(), strict=True)),
    ),
)

COUPLED_FORMULAS = {
    "a": lambda v: v.x_t @ v.W_x.T + v.h_prev @ v.W_h.T + v.b,
    "order": lambda v: "fgo",
    "block": lambda v: dict(zip(v.order, np.split(v.a, 3, axis=1), strict=True)),
    "y": lambda v: sigmoid(v.block["f"]),
    "f": lambda v: v.floor + (1 - v.floor) * v.y,
    "i": lambda v: 1 - v.f,
    "g": lambda v: np.tanh(v.block["g"]),
    "o": lambda v: sigmoid(v.block["o"]),
    "c": lambda v: v.f * v.c_prev + v.i * v.g,
    "h": lambda v: v.o * np.tanh(v.c),
}


def coupled_step(floor, x_t, h_prev, c_prev, W_x, W_h, b, /, **replaced):
    """h and c (B, H) of one step of the coupled cell, or c alone, as `floor`, where there is a floor."""
    given = {"floor": floor, "x_t": x_t, "h_prev": h_prev, "c_prev": c_prev, "W_x": W_x, "W_h": W_h, "b": b}
    out = evaluate(COUPLED_FORMULAS, given, ("h", "c"), replaced)
    return {"floor": out["c"]} if floor else out


_s = slip(coupled_step)
COUPLED_STEP = (
    *(
        _s(
            f"order {''.join(order)}",
            f"the blocks are read in the order {_spelled(order)}: they are stacked f, g, o",
            order=lambda v, order=order: order,
        )
        for order in _others("fgo")
    ),
    _s(
        "f and 1 - f exchanged",
        "f writes and 1 - f keeps: f keeps, and what it does not keep is written",
        c=lambda v: v.i * v.c_prev + v.f * v.g,
    ),
    _s("nothing makes room", "the candidate is added whole: it has the factor 1 - f", c=lambda v: v.f * v.c_prev + v.g),
    _s("f for both", "f multiplies the candidate as well: its factor is 1 - f", i=lambda v: v.f),
    _s("old cell whole", "the old cell comes over whole: its factor is f", c=lambda v: v.c_prev + v.i * v.g),
    _s("g with sigmoid", "the candidate has a sigmoid: it has a tanh", g=lambda v: sigmoid(v.block["g"])),
    _s("no tanh on c", "the output equation lacks its tanh: h = o ⊙ tanh(c)", h=lambda v: v.o * v.c),
    _s("h without o", "the output gate is unused: h = o ⊙ tanh(c)", h=lambda v: np.tanh(v.c)),
    Mistake(
        "h from the old c",
        "the output equation uses the old cell: h = o ⊙ tanh(new c)",
        lambda *args: {} if args[0] else coupled_step(*args, h=lambda v: v.o * np.tanh(v.c_prev)),
    ),
    _s(
        "c squashed",
        "the cell itself goes through tanh: only what is shown does",
        c=lambda v: np.tanh(v.f * v.c_prev + v.i * v.g),
        h=lambda v: v.o * v.c,
    ),
    _s(
        "floor and 1 - floor exchanged",
        "floor and 1 - floor are exchanged: without a floor the gate is σ(a_f)",
        f=lambda v: 1 - v.floor + v.floor * v.y,
    ),
    _s("bias missing", "b is not added", a=lambda v: v.x_t @ v.W_x.T + v.h_prev @ v.W_h.T),
    _s("floor unused", "the floor is not used", f=lambda v: v.y),
    _s(
        "floor as a maximum",
        "the gate is cut off at the floor: it is squeezed into the room above it, so that it still moves there",
        f=lambda v: np.maximum(v.y, v.floor),
    ),
    _s(
        "floor added",
        "the floor is added, and the gate can exceed one: it has to share the rest",
        f=lambda v: v.floor + v.y,
    ),
    _s(
        "floor multiplied",
        "the gate is multiplied by the floor: that makes a ceiling of it",
        f=lambda v: v.floor * v.y if v.floor else v.y,
    ),
    _s(
        "ceiling", "the gate is squeezed below 1 - floor: it has to be above the floor", f=lambda v: (1 - v.floor) * v.y
    ),
    _s(
        "floor in the pre-activation",
        "the floor is added before the sigmoid: it is a floor of the gate itself",
        f=lambda v: sigmoid(v.block["f"] + v.floor),
    ),
    _s(
        "input side without floor",
        "the candidate keeps the factor 1 - σ(a_f): its factor is 1 - f, with the floor in f",
        i=lambda v: 1 - v.y,
    ),
    _s(
        "old side without floor",
        "the old cell keeps the factor σ(a_f): its factor is f, with the floor in it",
        c=lambda v: v.y * v.c_prev + v.i * v.g,
    ),
)


def legal(prefix, embedded, /, graph=GRAPH, due=lambda outer: {outer}, said=None, after=frozenset(), strict=True):
    """The letters that may follow a prefix of one word; none where it is no beginning, or a whole word.

    `due` are the letters that lead on from the inner word, `said` those that are returned there, `after` those after
    the end; without `strict` a letter that no edge has is passed over.
    """
    steps = {("plain", place): {x: ("plain", y) for x, y in row.items()} for place, row in graph.items()}
    state, outer = ("plain", 0), ""
    if embedded:
        steps |= {"start": {"B": "choice"}, "choice": {"T": ("plain", 0), "P": ("plain", 0)}, "last": {"E": "over"}}
        state = "start"
    for letter in prefix:
        row = steps.get(state, {})
        if state == ("plain", "end") and embedded:
            row = dict.fromkeys(due(outer), "last")
        if letter not in row:
            if strict:
                return set()
            continue
        outer = letter if state == "choice" else outer
        state = row[letter]
    if state == ("plain", "end") and embedded:
        return set((said or due)(outer))
    return set(steps.get(state, after))


def is_word(string, embedded):
    """True for a whole word."""
    return bool(string) and not legal(string, embedded) and string[-1] in legal(string[:-1], embedded)


def word(rng, embedded):
    """A random word, a fair coin at each fork."""
    made = ""
    while letters := sorted(legal(made, embedded)):
        made += letters[rng.integers(len(letters))]
    return made


def over_every_edge():
    """For each edge of the grammar but the last a shortest beginning of a plain word that ends with it."""
    shortest, waiting, found = {0: ""}, [0], []
    for place in waiting:  # grows as new places are met
        for letter, following in GRAPH[place].items():
            if following == "end":
                continue
            found.append(shortest[place] + letter)
            if following not in shortest:
                shortest[following] = found[-1]
                waiting.append(following)
    return found


def as_rows(sets):
    """Sets of letters as rows of zeros and ones."""
    return np.array([[float(letter in letters) for letter in SYMBOLS] for letters in sets])


def coins(words, embedded):
    """How often each fork of the walk took the first of its two letters: what it is about -> share."""
    taken = {}
    for made in words:
        inner, place = (made[2:-2], 0) if embedded else (made, 0)
        if embedded:
            taken.setdefault("at the second letter", []).append(made[1] == "T")
        for letter in inner:
            if len(GRAPH[place]) == 2:
                taken.setdefault(f"at place {place}", []).append(letter == min(GRAPH[place]))
            place = GRAPH[place][letter]
    return {name: float(np.mean(sides)) for name, sides in taken.items()}


def _changed(place, **edges):
    """The graph with other edges at one place."""
    return GRAPH | {place: edges}


def _letters(hint, text, flag=lambda embedded: embedded, **options):
    """A mistake of legal_next."""

    def wrong(part, embedded, prefixes, seed):
        if part == "strings":
            return {}
        return {part: as_rows(legal(prefix, flag(embedded), **options) for prefix in prefixes)}

    return Mistake(hint, text, wrong)


REBER_STRING = (
    _letters(
        "either letter",
        "the second letter is forgotten: T and P both lead on after the inner word, and only the second letter should",
        due=lambda outer: {"T", "P"},
    ),
    _letters(
        "either letter said",
        "T and P are both allowed after the inner word: only the second letter of the whole is",
        said=lambda outer: {"T", "P"},
    ),
    _letters(
        "the other letter",
        "the letter that was not second is asked for after the inner word: it is the same one again",
        said=lambda outer: {"T", "P"} - {outer},
    ),
    _letters(
        "straight to the end",
        "E is asked for after the inner word: the second letter comes once more first",
        due=lambda outer: set(),
        said=lambda outer: {"E"},
    ),
    _letters(
        "never embedded", "`embedded` is not used, every word is taken for a plain one", flag=lambda embedded: False
    ),
    _letters(
        "always embedded", "`embedded` is not used, every word is taken for an embedded one", flag=lambda embedded: True
    ),
    _letters(
        "words follow words",
        "a new word may begin after the end: here one word is all, so nothing follows",
        after={"B": 1},
    ),
    _letters(
        "wrong letters passed over",
        "a letter that no edge has is passed over: such a string is no beginning, so nothing follows",
        strict=False,
    ),
    _letters("loop at 2 missing", "the S that leads from place 2 back to it is missing", graph=_changed(2, X=4)),
    _letters("loop at 3 missing", "the T that leads from place 3 back to it is missing", graph=_changed(3, V=5)),
    _letters("S at 2 leads on", "the S at place 2 leads away: it leads back to place 2", graph=_changed(2, S=4, X=4)),
    _letters("X at 4 missing", "the X that leads from place 4 back to place 3 is missing", graph=_changed(4, S=6)),
    _letters(
        "X at 4 leads to 2", "the X at place 4 leads to place 2: it leads to place 3", graph=_changed(4, X=2, S=6)
    ),
    _letters("P at 5 missing", "the P that leads from place 5 to place 4 is missing", graph=_changed(5, V=6)),
    _letters(
        "P at 5 leads to 3", "the P at place 5 leads to place 3: it leads to place 4", graph=_changed(5, P=3, V=6)
    ),
    _letters(
        "places 2 and 3 exchanged", "T and P lead to each other's places from place 1", graph=_changed(1, T=3, P=2)
    ),
)


def forced(
    x,
    h0,
    c0,
    W_x,
    W_h,
    b,
    gate,
    unit,
    mask,
    value,
    /,
    blocks=lambda a: np.split(a, 4, axis=1),
    order="ifgo",
    which=lambda gate: gate,
    rows=lambda mask, t: mask[t],
    unit_of=lambda unit: unit,
    put=lambda y, a, value: value,
    late=False,
    carry=True,
    shown=lambda hs, cs: (hs, cs),
):
    """hs and cs (T, B, H) with a gate forced by other rules; hs alone where the mask is false throughout."""
    h, c, hs, cs = h0, c0, [], []
    squash = {"i": sigmoid, "f": sigmoid, "g": np.tanh, "o": sigmoid}
    for t, x_t in enumerate(x):
        a = dict(zip(order, blocks(x_t @ W_x.T + h @ W_h.T + b), strict=True))
        y = {name: squash[name](a[name]) for name in "ifgo"}
        plain = y["f"] * c + y["i"] * y["g"]
        unforced = y["o"] * np.tanh(plain), plain
        at, column, name = rows(mask, t), unit_of(unit), which(gate)
        y[name] = y[name].copy()
        y[name][at, column] = put(y[name][at, column], a[name][at, column], value)
        c_new = plain if late else y["f"] * c + y["i"] * y["g"]
        hs.append(y["o"] * np.tanh(c_new))
        cs.append(c_new)
        h, c = (hs[-1], cs[-1]) if carry else unforced
    hs, cs = shown(np.stack(hs), np.stack(cs))
    return {"hs": hs, "cs": cs} if mask.any() else {"nothing forced": hs}


def _behind(out, h0, c0):
    """The states before each step in place of those after it."""
    start = {"hs": h0, "nothing forced": h0, "cs": c0}
    return {name: np.concatenate([start[name][None], states[:-1]]) for name, states in out.items()}


_s = slip(forced)
INTERVENE = (
    _s(
        "before the sigmoid",
        "`value` goes through the sigmoid: it is what the gate itself shall be",
        put=lambda y, a, value: sigmoid(value),
    ),
    _s(
        "not forced",
        "no gate is forced at all; gates[rows][:, unit] = value, with two brackets, writes into a copy",
        put=lambda y, a, value: y,
    ),
    _s("one minus value", "the gate is set to 1 - value: it is set to `value`", put=lambda y, a, value: 1 - value),
    _s("forced too late", "c is computed before i or f is forced: force first, and then compute c", late=True),
    Mistake(
        "one step behind",
        "hs and cs begin with h_0 and c_0, and the last step is missing: they hold h_1 to h_T and c_1 to c_T",
        lambda *args: _behind(forced(*args), *args[1:3]),
    ),
    _s("multiplied", "the gate is multiplied by `value`: it is set to it", put=lambda y, a, value: y * value),
    _s("added to the gate", "`value` is added to the gate: the gate is set to it", put=lambda y, a, value: y + value),
    _s("every unit", "the gate is forced in every unit: it is forced in one", unit_of=lambda unit: slice(None)),
    _s(
        "the unit before",
        "the unit before the one that is asked for is forced: counting starts at 0",
        unit_of=lambda unit: unit - 1,
    ),
    _s(
        "every step",
        "the mask is not used, the gate is forced at every step",
        rows=lambda mask, t: np.ones_like(mask[t]),
    ),
    _s("the other steps", "the gate is forced where the mask is false", rows=lambda mask, t: ~mask[t]),
    _s(
        "every sequence",
        "a step is forced in all sequences as soon as the mask has it in one: each sequence has its own steps",
        rows=lambda mask, t: np.full(mask.shape[1], mask[t].any()),
    ),
    _s(
        "the mask of the first sequence",
        "the mask of the first sequence is used for all: each sequence has its own steps",
        rows=lambda mask, t: np.full(mask.shape[1], mask[t, 0]),
    ),
    _s(
        "one step late",
        "the mask is read one step late: mask[t] belongs to x[t]",
        rows=lambda mask, t: mask[t - 1] & (t > 0),
    ),
    _s(
        "always the input gate",
        "the input gate is forced, whichever gate is asked for: find the block of the gate first",
        which=lambda gate: "i",
    ),
    _s(
        "i and f exchanged",
        "f is forced when i is asked for, and the other way round: the blocks are i, f, g, o",
        which=lambda gate: {"i": "f", "f": "i"}.get(gate, gate),
    ),
    _s(
        "g for o",
        "the candidate is forced when o is asked for: the blocks are i, f, g, o",
        which=lambda gate: {"o": "g"}.get(gate, gate),
    ),
    _s("order figo", "the blocks are read in the order f, i, g, o: they are stacked i, f, g, o", order="figo"),
    _s("order ifog", "the blocks are read in the order i, f, o, g: they are stacked i, f, g, o", order="ifog"),
    _s(
        "interleaved",
        "every fourth column is taken for a gate: the gates are blocks of H neighbours",
        blocks=lambda a: [a[:, k::4] for k in range(4)],
    ),
    _s(
        "the unforced state goes on",
        "each step is forced by itself, and the unforced state goes on to the next: hand the forced one on",
        carry=False,
    ),
    _s("hs and cs exchanged", "cs is returned before hs", shown=lambda hs, cs: (cs, hs)),
    _s(
        "batch first",
        "hs and cs have the batch first: time comes first",
        shown=lambda hs, cs: (hs.swapaxes(0, 1), cs.swapaxes(0, 1)),
    ),
)


PREDICTION_FORMULAS = {
    "sum": lambda v: lambda n: (1 - v.f**n) / (1 - v.f),
    "kept": lambda v: v.c0 * v.f**v.T,
    "leaked": lambda v: v.c0 * v.f**v.T + v.i * v.g * v.sum(v.T),
    "erased": lambda v: v.i * v.g * v.sum(v.T - v.s + 1),
}


def predicted(mine, /, **replaced):
    """The three numbers."""
    return evaluate(PREDICTION_FORMULAS, mine, ("kept", "leaked", "erased"), replaced)


_s = slip(predicted)
PREDICTION = (
    _s("one step of fading", "the forget gate acts once: it acts at every step", kept=lambda v: v.c0 * v.f),
    _s(
        "fading in a straight line",
        "each step takes the same amount away: it takes the same share",
        kept=lambda v: v.c0 * (1 - v.T * (1 - v.f)),
    ),
    _s(
        "share lost",
        "f is taken for the share that is lost: it is the share that stays",
        kept=lambda v: v.c0 * (1 - v.f) ** v.T,
    ),
    _s("kept one step less", "T - 1 steps are made", kept=lambda v: v.c0 * v.f ** (v.T - 1)),
    _s("kept one step more", "T + 1 steps are made", kept=lambda v: v.c0 * v.f ** (v.T + 1)),
    _s(
        "nothing lost", "the cell is left as it was: i = 0 keeps new things out, f < 1 still loses", kept=lambda v: v.c0
    ),
    _s(
        "all written once more",
        "what is written is in `kept`: with the input gate shut nothing is",
        kept=lambda v: v.c0 * v.f**v.T + v.i * v.g * v.sum(v.T),
    ),
    _s("start forgotten", "what the cell held at first is left out", leaked=lambda v: v.i * v.g * v.sum(v.T)),
    _s(
        "written and never lost",
        "T times i g is added: what is written fades as well",
        leaked=lambda v: v.c0 * v.f**v.T + v.i * v.g * v.T,
    ),
    _s("written once", "i g is added once: it is written at every step", leaked=lambda v: v.c0 * v.f**v.T + v.i * v.g),
    _s("where it would end", "the limit for an endless sequence is given", leaked=lambda v: v.i * v.g / (1 - v.f)),
    _s(
        "written one step more",
        "T + 1 writings are added up",
        leaked=lambda v: v.c0 * v.f**v.T + v.i * v.g * v.sum(v.T + 1),
    ),
    _s(
        "written one step less",
        "T - 1 writings are added up: what the last step writes has not faded",
        leaked=lambda v: v.c0 * v.f**v.T + v.i * v.g * v.sum(v.T - 1),
    ),
    _s(
        "faded before it is added",
        "what is written fades at its own step: f multiplies the old cell, not i g",
        leaked=lambda v: v.c0 * v.f**v.T + v.f * v.i * v.g * v.sum(v.T),
    ),
    _s(
        "input gate left out",
        "g is written whole: the input gate multiplies it",
        leaked=lambda v: v.c0 * v.f**v.T + v.g * v.sum(v.T),
    ),
    _s(
        "the writing of step s lost",
        "what step s itself writes is left out: f = 0 drops the old cell, i g is still added",
        erased=lambda v: v.i * v.g * v.sum(v.T - v.s),
    ),
    _s(
        "one step before s counted",
        "what step s - 1 wrote is counted: it is dropped at step s",
        erased=lambda v: v.i * v.g * v.sum(v.T - v.s + 2),
    ),
    _s("erased at the end", "nothing is left: after step s the unit goes on writing", erased=lambda v: 0.0),
    _s(
        "steps up to s",
        "the steps before s are added up: they are what is dropped",
        erased=lambda v: v.i * v.g * v.sum(v.s),
    ),
    _s("nothing erased", "nothing is dropped at step s", erased=lambda v: v.c0 * v.f**v.T + v.i * v.g * v.sum(v.T)),
    _s(
        "start kept",
        "what was held at first is still there after step s",
        erased=lambda v: v.c0 * v.f**v.T + v.i * v.g * v.sum(v.T - v.s + 1),
    ),
    _s(
        "start alone erased",
        "only what was held at first is dropped at step s: what was written before it goes too",
        erased=lambda v: v.i * v.g * v.sum(v.T),
    ),
)


SATURATION_FORMULAS = {
    "valid": lambda v: np.arange(v.T)[:, None] < v.lengths,
    "small": lambda v: v.gates < v.low,
    "large": lambda v: v.gates > v.high,
    "count": lambda v: v.lengths.sum(),
    "share": lambda v: lambda hits: (hits & v.valid[:, :, None]).sum(axis=(0, 1)) / v.count,
    "left": lambda v: v.share(v.small),
    "right": lambda v: v.share(v.large),
}


def saturated(gates, lengths, low=0.1, high=0.9, /, **replaced):
    """left and right (H,): how often a gate is below low, and above high, at valid steps."""
    given = {"gates": gates, "lengths": lengths, "low": low, "high": high, "T": len(gates)}
    return evaluate(SATURATION_FORMULAS, given, ("left", "right"), replaced)


_s = slip(saturated)
SATURATION = (
    _s(
        "padding counted",
        "steps behind the end of a sequence are counted: only the first lengths[b] steps are valid",
        valid=lambda v: np.ones(v.gates.shape[:2], bool),
        count=lambda v: v.valid.size,
    ),
    _s(
        "padding set to zero",
        "the padding is set to zero, which is below `low`, and counted: leave it out of the count",
        small=lambda v: v.gates * v.valid[:, :, None] < v.low,
        large=lambda v: v.gates * v.valid[:, :, None] > v.high,
        share=lambda v: lambda hits: hits.sum(axis=(0, 1)) / v.count,
    ),
    _s(
        "divided by all steps",
        "the valid steps are counted and divided by all T · B: divide by the number of valid ones",
        count=lambda v: v.valid.size,
    ),
    _s("not divided", "the number of steps is returned: asked is the share of the valid ones", count=lambda v: 1),
    _s("in percent", "the shares are in percent: they lie between 0 and 1", count=lambda v: v.lengths.sum() / 100),
    _s(
        "mean of means",
        "the share is taken sequence by sequence and then averaged: every valid step counts the same",
        share=lambda v: lambda hits: ((hits & v.valid[:, :, None]).sum(axis=0) / v.lengths[:, None]).mean(axis=0),
    ),
    _s(
        "ends exchanged",
        "left and right are exchanged: left is near 0, right near 1",
        left=lambda v: v.share(v.large),
        right=lambda v: v.share(v.small),
    ),
    _s(
        "one end for both",
        "1 - low takes the place of high: they are two numbers",
        large=lambda v: v.gates > 1 - v.low,
    ),
    _s("always a tenth", "`low` and `high` are not used", small=lambda v: v.gates < 0.1, large=lambda v: v.gates > 0.9),
    _s(
        "the unsaturated",
        "the steps that are not saturated are counted",
        small=lambda v: v.gates > v.low,
        large=lambda v: v.gates < v.high,
    ),
    _s(
        "all units together",
        "the shares are taken over all units: each unit has its own",
        share=lambda v: lambda hits: (hits & v.valid[:, :, None]).sum() / v.count / v.gates.shape[2],
    ),
    _s(
        "one step more",
        "step lengths[b] is counted as well: counting starts at 0",
        valid=lambda v: np.arange(v.T)[:, None] <= v.lengths,
        count=lambda v: v.valid.sum(),
    ),
)
