"""The loop over time as a GPU kernel, forward and backward, written around any cell of lstmkit/cells.

A kernel is text: the two templates below, and the source of the cell's `step` and `step_backward` as it stands.  In a
template the words in angle brackets stand for the names of the cell, and a line that holds such a word is repeated for
each of them: of the line

    <field> = tl.load(first + <field#> * B * H + own, mask=there, other=0)

the LSTM has two, for h and for c.  Where its word stands for nothing, it is left out.

    <a>       every gate block          <ax>, <ab>, <ah>  those that see the input, a bias alone, the past
    <field>   every field of the state  <past>            those that the recurrent product sees
    <before>  those that `step` takes as they were        <fresh>  the others
    <carried> all but h                 <now>, <prev>     those that `step_backward` asks for, after and before the step
    <kept>    what `step` saves         <w>, <m>          weights unit by unit, and what is given at every step
    <k>       the pieces that the H units of a product are cut into, each a power of two as Triton's blocks must be

<field#> is the number of the name in its list, <ah#a> that in the list of <a>; <a.count> how many there are; <k.start>
and <k.size> say where a piece is; <places> stands for the lines of PLACES.

T steps, B sequences, H units; each program has ROWS sequences and UNITS units.  Either one program has all units of its
sequences, and h never leaves it, or MANY share them.  Then each step's h goes through memory, into one of the two
halves of `exchange` in turn, and the programs of a row of the grid meet once a step.  The recurrent weights are read
once, before the loop, and stay on the chip.  States and sums are float32, whatever the weights are.
"""

import functools
import inspect
import itertools
import linecache
import re
import types
from typing import NamedTuple

from lstmkit.numpy import inplace

PLACES = """\
    dtype: tl.constexpr = recurrent.dtype.element_ty
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    units = tl.program_id(1) * UNITS + tl.arange(0, UNITS)
    there = (rows < B)[:, None] & (units < H)[None, :]
    own = rows[:, None] * H + units[None, :]
    <k> = <k.start> + tl.arange(0, <k.size>)
"""

FORWARD = """
@triton.jit(do_not_specialize=["T", "B"])
def forward(
    inputs, biases, recurrent, weights, given, first, lengths, hs, last, carried, kept, exchange, arrived, T, B,
    H: tl.constexpr, ROWS: tl.constexpr, UNITS: tl.constexpr, MANY: tl.constexpr, KEEP: tl.constexpr,
    CARRY: tl.constexpr, RAGGED: tl.constexpr, REVERSE: tl.constexpr, PRECISION: tl.constexpr,
):
    <places>
    W_<ah>_<past>_<k> = tl.load(recurrent + ((<ah#> * H + units[None, :]) * <past.count> + <past#>) * H + <k>[:, None],\
 mask=(<k> < H)[:, None] & (units < H)[None, :], other=0)
    b_<ab> = tl.load(biases + <ab#> * H + units, mask=units < H, other=0).to(tl.float32)[None, :]
    <w> = tl.load(weights + <w#> * H + units, mask=units < H, other=0).to(tl.float32)[None, :]
    <field> = tl.load(first + <field#> * B * H + own, mask=there, other=0)
    if RAGGED:
        ends = tl.load(lengths + rows, mask=rows < B, other=0)[:, None]
    for s in range(T):
        t = tl.cast(T - 1 - s if REVERSE else s, tl.int64)
        if MANY:
            half = exchange + (s % 2) * <past.count> * B * H + rows[:, None] * H
            past_<past>_<k> = tl.load(half + <past#> * B * H + <k>[None, :],\
 mask=(rows < B)[:, None] & (<k> < H)[None, :], other=0, cache_modifier=".cg")
        else:
            past_<past>_<k> = <past>.to(dtype)
        row = inputs + (t * B + rows[:, None]) * (<ax.count> * H) + units[None, :]
        <ax> = tl.load(row + <ax#> * H, mask=there, other=0).to(tl.float32)
        <ab> = tl.zeros((ROWS, UNITS), tl.float32) + b_<ab>
        <ah> = tl.dot(past_<past>_<k>, W_<ah>_<past>_<k>, <ah>, input_precision=PRECISION)
        <m> = tl.load(given + (<m#> * T + t) * B * H + own, mask=there, other=0).to(tl.float32)
        <what step returns> = step(<what step takes>)
        if RAGGED:
            going = t < ends
            new_<field> = tl.where(going, new_<field>, <field>)
            tl.store(hs + t * B * H + own, tl.where(going, new_h, 0).to(hs.dtype.element_ty), mask=there)
        else:
            tl.store(hs + t * B * H + own, new_h.to(hs.dtype.element_ty), mask=there)
        <field> = new_<field>
        if MANY:
            half = exchange + ((s + 1) % 2) * <past.count> * B * H
            tl.store(half + <past#> * B * H + own, <past>.to(dtype), mask=there)
            meet(arrived + tl.program_id(0), (s + 1) * tl.num_programs(1))
        if CARRY:
            tl.store(carried + (t * <carried.count> + <carried#>) * B * H + own, <carried>, mask=there)
        if KEEP:
            tl.store(kept + (t * <kept.count> + <kept#>) * B * H + own, kept_<kept>.to(dtype), mask=there)
    tl.store(last + <field#> * B * H + own, <field>, mask=there)
"""

BACKWARD = """
@triton.jit(do_not_specialize=["T", "B", "begin"])
def backward(
    d_hs, d_last, hs, carried, kept, recurrent, weights, given, first, lengths, d_gates, d_first, d_weights, arrived,
    T, B, begin, H: tl.constexpr, ROWS: tl.constexpr, UNITS: tl.constexpr, MANY: tl.constexpr, RAGGED: tl.constexpr,
    REVERSE: tl.constexpr, PRECISION: tl.constexpr,
):
    <places>
    W_<ah>_<past>_<k> = tl.load(recurrent + ((<ah#> * H + <k>[:, None]) * <past.count> + <past#>) * H + units[None, :],\
 mask=(<k> < H)[:, None] & (units < H)[None, :], other=0)
    <w> = tl.load(weights + <w#> * H + units, mask=units < H, other=0).to(tl.float32)[None, :]
    sum_d_<w> = tl.zeros((UNITS,), tl.float32)
    first_<prev> = tl.load(first + <prev#field> * B * H + own, mask=there, other=0)
    d_<field> = tl.load(d_last + <field#> * B * H + own, mask=there, other=0)
    if RAGGED:
        ends = tl.load(lengths + rows, mask=rows < B, other=0)[:, None] - begin
    for s in range(T):
        t = tl.cast(s if REVERSE else T - 1 - s, tl.int64)
        before = t + 1 if REVERSE else t - 1
        going = there
        earlier = tl.where(s < T - 1, there, False)  # the step before this one is among the T as well
        if RAGGED:
            going = there & (t < ends)
            earlier = earlier & (before < ends)
        d_h += tl.load(d_hs + t * B * H + own, mask=going, other=0).to(tl.float32)
        kept_<kept> = tl.load(kept + (t * <kept.count> + <kept#>) * B * H + own, mask=there, other=0).to(tl.float32)
        now_<now h> = tl.load(hs + t * B * H + own, mask=there, other=0).to(tl.float32)
        now_<now carried> = tl.load(carried + (t * <carried.count> + <now carried#carried>) * B * H + own,\
 mask=there, other=0)
        prev_<prev h> = tl.load(hs + before * B * H + own, mask=earlier, other=0).to(tl.float32)
        prev_<prev carried> = tl.load(carried + (before * <carried.count> + <prev carried#carried>) * B * H + own,\
 mask=earlier, other=0)
        prev_<prev> = tl.where(earlier, prev_<prev>, first_<prev>)
        <m> = tl.load(given + (<m#> * T + t) * B * H + own, mask=there, other=0).to(tl.float32)
        <what step_backward returns> = step_backward(<what step_backward takes>)
        d_<a> = tl.where(going, d_<a>, 0)
        sum_d_<w> += tl.sum(tl.where(going, d_<w>, 0), axis=0)
        row = d_gates + (t * B + rows[:, None]) * (<a.count> * H)
        tl.store(row + <a#> * H + units[None, :], d_<a>.to(dtype), mask=there)
        back_<before> = d_<before>_prev
        back_<fresh> = tl.zeros((ROWS, UNITS), tl.float32)
        if MANY:
            meet(arrived + tl.program_id(0), (s + 1) * tl.num_programs(1))
            back_<past> = tl.dot(tl.load(row + <ah#a> * H + <k>[None, :],\
 mask=(rows < B)[:, None] & (<k> < H)[None, :], other=0, cache_modifier=".cg"),\
 W_<ah>_<past>_<k>, back_<past>, input_precision=PRECISION)
        else:
            back_<past> = tl.dot(d_<ah>.to(dtype), W_<ah>_<past>_<k>, back_<past>, input_precision=PRECISION)
        d_<field> = tl.where(going, back_<field>, d_<field>)
    tl.store(d_first + <field#> * B * H + own, d_<field>, mask=there)
    tl.store(d_weights + (tl.program_id(0) * <w.count> + <w#>) * H + units, sum_d_<w>, mask=units < H)
"""


class Shape(NamedTuple):
    """The names of what a cell has, each kind in the order in which a kernel has it in memory."""

    gates: tuple  # blocks of pre-activations
    past: tuple  # fields of the state that the recurrent product sees
    fields: tuple
    weights: tuple  # of unit weights
    given: tuple
    kept: tuple


def shape(cell):
    """The Shape of a cell of lstmkit/cells."""
    arguments = tuple(inspect.signature(cell.step).parameters)
    fields, before = inplace.fields(cell), inplace.before(cell)
    return Shape(
        gates=tuple(inplace.blocks(cell)),
        past=tuple(field for field in fields if field == "h" or field not in before),
        fields=fields,
        weights=tuple(name for name in arguments if name.startswith("w_")),
        given=tuple(name for name in arguments if name.startswith("m_") and not name.endswith("_prev")),
        kept=tuple(cell.SAVED),
    )


def source(cell, sees, pieces):
    """The text of a module with `forward` and `backward` for a cell.

    `sees` holds for each gate block what it sees: a string of "x" and "h".  `pieces` are the sizes of <k>: powers of
    two, at least 16, that together reach over all units.
    """
    has = shape(cell)
    returned, taken = (tuple(inspect.signature(f).parameters) for f in (cell.step, cell.step_backward))
    before, now = inplace.before(cell), [name for name in taken if name in has.fields and name not in has.kept]
    prev = [name[:-5] for name in taken if name.endswith("_prev")]
    lists = {
        "a": has.gates,
        "ax": [a for a, seen in zip(has.gates, sees, strict=True) if "x" in seen],
        "ab": [a for a, seen in zip(has.gates, sees, strict=True) if "x" not in seen],
        "ah": [a for a, seen in zip(has.gates, sees, strict=True) if "h" in seen],
        "field": has.fields,
        "past": has.past,
        "before": before,
        "fresh": [field for field in has.fields if field not in before],
        "carried": [field for field in has.fields if field != "h"],
        "now h": [field for field in now if field == "h"],
        "now carried": [field for field in now if field != "h"],
        "prev": prev,
        "prev h": [field for field in prev if field == "h"],
        "prev carried": [field for field in prev if field != "h"],
        "kept": has.kept,
        "w": has.weights,
        "m": has.given,
        "k": [f"k{number}" for number in range(len(pieces))],
    }
    numbers = {"start": dict(zip(lists["k"], itertools.accumulate(pieces, initial=0), strict=False))}
    numbers["size"] = dict(zip(lists["k"], pieces, strict=True))
    phrases = {
        "what step returns": _several([f"new_{name}" for name in has.fields] + [f"kept_{name}" for name in has.kept]),
        "what step takes": ", ".join(name.removesuffix("_prev") for name in returned),
        "what step_backward returns": _several([f"d_{name}" for name in returned if name not in has.given]),
        "what step_backward takes": ", ".join(_variable(name, has) for name in taken),
    }
    functions = "\n\n".join("@triton.jit\n" + inspect.getsource(f) for f in (cell.step, cell.step_backward))
    imports = "import triton\nimport triton.language as tl\n\nfrom lstmkit.torch.kernels.pointwise import *\n"
    return "\n\n".join([imports, functions, *(_written(text, lists, numbers, phrases) for text in (FORWARD, BACKWARD))])


def _variable(name, has):
    """What a kernel calls the argument `name` of a cell's step_backward."""
    if name in has.kept:
        return f"kept_{name}"
    if name.endswith("_prev"):
        return f"prev_{name[:-5]}"
    return f"now_{name}" if name in has.fields else name


def _several(names):
    return f"({', '.join(names)},)"


def _written(template, lists, numbers, phrases):
    lines = []
    for line in template.replace("    <places>\n", PLACES).strip().split("\n"):
        for phrase, text in phrases.items():
            line = line.replace(f"<{phrase}>", text)
        words = dict.fromkeys(word for word, mark in WORD.findall(line) if mark != ".count")
        for names in itertools.product(*(lists[word] for word in words)):
            chosen = dict(zip(words, names, strict=True))
            lines.append(WORD.sub(lambda found, chosen=chosen: _filled(found, chosen, lists, numbers), line))
        if lines[-1:] and lines[-1].endswith(":") and not all(lists[word] for word in words):
            lines.append(line[: len(line) - len(line.lstrip())] + "pass")
    return "\n".join(lines) + "\n"


def _filled(found, chosen, lists, numbers):
    word, mark = found.groups()
    if mark == ".count":
        return str(len(lists[word]))
    if mark.startswith("#"):
        return str(list(lists[mark[1:] or word]).index(chosen[word]))
    return str(numbers[mark[1:]][chosen[word]]) if mark else chosen[word]


WORD = re.compile(r"<([a-z]+(?: [a-z]+)?)((?:[#.][a-z]*)?)>")


@functools.cache
def written(cell, sees, pieces):
    """The module of `source`, ready to be launched: its kernels are compiled at their first launch."""
    text = source(cell, sees, pieces)
    name = f"<kernels of {cell.__name__}: {' '.join(sees)}, {' '.join(map(str, pieces))}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # where Triton looks for it
    module = types.ModuleType(name)
    module.__file__ = name
    exec(compile(text, name, "exec"), module.__dict__)
    return module
