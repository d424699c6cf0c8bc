"""Wrong variants of a cell, made by editing its source.

What the recurrence runs is translated from the source of `step` and `step_backward`, so a variant must have a source of
its own: another function put in their place would not be read.
"""

import ast
import functools
import inspect
import itertools
import linecache
from types import ModuleType

import numpy as np

from lstmkit.numpy import functions

NUMBERS = itertools.count()


def mutant(twin, *edits):
    """A copy of a module of lstmkit.numpy whose cell has `old` replaced by `new`, for each pair of `edits`.

    Each `old` must stand exactly once in the functions of the cell: an edit that changes nothing judges nothing.
    """
    head, separator, code = inspect.getsource(twin.cell).partition("\n\nSAVED")
    for old, new in edits:
        assert code.count(old) == 1, f"{old!r} stands {code.count(old)} times in {twin.cell.__name__}"
        code = code.replace(old, new)
    return with_source(twin, head + separator + code)


def with_source(twin, source):
    """A copy of a module of lstmkit.numpy that runs the cell of `source`."""
    name = f"<mutant {next(NUMBERS)} of {twin.cell.__name__}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name  # for inspect.getsource
    cell, changed = ModuleType(twin.cell.__name__), ModuleType(twin.__name__)
    for function in inspect.getmembers(functions, inspect.isfunction):
        setattr(cell, *function)  # a wrong variant may call one that the cell does not
    cell.minimum = np.minimum
    exec(compile(source, name, "exec"), cell.__dict__)
    changed.cell = cell
    exec(_without_its_cell(twin), changed.__dict__)
    return changed


@functools.cache
def _without_its_cell(twin):
    """The code of a module of lstmkit.numpy, but for the line that imports its cell."""
    stem = twin.__name__.rpartition(".")[2]
    source, line = inspect.getsource(twin), f"from lstmkit.cells import {stem} as cell\n"
    assert source.count(line) == 1
    return compile(source.replace(line, ""), twin.__file__, "exec")


# All small mistakes that one can make in a cell


OPERATORS = {ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add,), ast.Mult: (ast.Add, ast.Div), ast.Div: (ast.Mult,)}
FUNCTIONS = {
    "sigmoid": "tanh",
    "tanh": "sigmoid",
    "relu": "tanh",
    "d_relu": "relu",
    "exp": "sigmoid",
    "log_sigmoid": "sigmoid",
    "maximum": "minimum",
}


def mutants(cell, sample=None):
    """(what was done, source) of every mutant of a cell: one change each, in `step` or in `step_backward`.

    + - * / exchanged, a term or a factor dropped, a function exchanged or left out, a sign turned, 1 made 2, a name
    replaced by each other name in reach, neighbours exchanged in what is returned.  With sample=(rng, n) n of them.
    """
    source = inspect.getsource(cell)
    edits = []
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef):
            edits += [(function.name, node, new) for node, new in _edits(function)]
    if sample is not None:
        rng, n = sample
        edits = [edits[k] for k in rng.permutation(len(edits))[:n]]
    lines, seen = [line.encode() for line in source.splitlines(keepends=True)], {source}
    for name, node, new in edits:
        # Every expression of a cell stands on one line; ast counts its columns in bytes.
        line, written = lines[node.lineno - 1], new if isinstance(new, str) else f"({ast.unparse(new)})"
        changed = line[: node.col_offset] + written.encode() + line[node.end_col_offset :]
        whole = b"".join([*lines[: node.lineno - 1], changed, *lines[node.lineno :]]).decode()
        if whole not in seen:
            seen.add(whole)
            old = line[node.col_offset : node.end_col_offset].decode()
            yield f"{name}, line {node.lineno}: {old} -> {written}", whole


def _edits(function):
    """Pairs (expression of a function, what may stand in its place)."""
    known = [argument.arg for argument in function.args.args]
    lines = [line for line in function.body if not _is_docstring(line)]
    known += [line.targets[0].id for line in lines if isinstance(line, ast.Assign)]
    for line in lines:
        called = {id(node.func) for node in ast.walk(line) if isinstance(node, ast.Call)}
        for node in ast.walk(line.value):
            if isinstance(node, ast.expr) and id(node) not in called:
                for new in _instead(node, list(dict.fromkeys(known))):
                    yield node, new


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _instead(node, names):
    """What may stand in the place of an expression."""
    if isinstance(node, ast.BinOp):
        for operator in OPERATORS[type(node.op)]:
            yield ast.BinOp(node.left, operator(), node.right)
        yield node.left
        yield node.right
        if isinstance(node.op, ast.Sub):
            yield ast.BinOp(node.right, node.op, node.left)
        if isinstance(node.op, ast.Mult):
            yield ast.UnaryOp(ast.USub(), node)
    elif isinstance(node, ast.Call):
        yield ast.Call(ast.Name(FUNCTIONS[node.func.id]), node.args, [])
        yield from node.args
        yield ast.UnaryOp(ast.USub(), node)
    elif isinstance(node, ast.Constant):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Name) and node.id not in FUNCTIONS:
        for name in names:
            if name != node.id:
                yield ast.Name(name)
    elif isinstance(node, ast.Tuple):
        for k in range(1, len(node.elts)):
            elements = [ast.unparse(element) for element in node.elts]
            elements[k - 1], elements[k] = elements[k], elements[k - 1]
            yield ", ".join(elements)
