"""Small changes to the keys, one at a time: a check that does not notice one must have a reason.

    python -m exercises.mutants                        every assignment
    python -m exercises.mutants gates --question repair
    python -m exercises.mutants --sample 40 --seed 7   a few of each question, drawn at random

A mutant is the key of one question with one operator, number, name, argument, comparison or statement changed.  It is
killed if it loses a point, in its own question or in one that builds on it.  A survivor must stand in
mistakes/<assignment>/survivors.yml with the reason why it is as right as the key:

    lstm_forward:
      "lstm_forward: np.stack(hs) -> hs, in `return (np.stack(hs), (h, c), caches)`": a list is accepted for an array.

Exit codes: 0 every survivor has its reason, 1 some have none, 2 the command line was wrong.
"""

import argparse
import ast
import contextlib
import copy
import importlib
import inspect
import io
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import jupytext
import numpy as np
import yaml

from lstmkit.grading import guard, personal
from lstmkit.grading.question import examine

HERE = Path(__file__).parent
SECONDS = 2.0  # for one call of a mutant: many of them never end
MEMORY = 2**31  # bytes that a mutant may take beside what is there already
STUDENTS = ("ada", "boole", "cantor", "dirac", "euler", "frege")  # a question with numbers of one's own is asked to all

SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or,
    ast.Or: ast.And,
}  # fmt: skip


class Mutant(NamedTuple):
    """A changed key: what was changed, in words, and the source of the whole answer cell."""

    what: str
    source: str


def mutants(source) -> Iterator[Mutant]:
    """Every Mutant of an answer cell; only what stands in its solution is changed."""
    inside = solution_lines(source)
    tree, seen, told = ast.parse(source), {ast.unparse(ast.parse(source))}, Counter()
    for top in tree.body:
        names = names_of(top)
        for statement, parent, field, place, node in children(top, top):
            if getattr(node, "lineno", None) not in inside or is_docstring(parent, node):
                continue
            for new in instead(node, names):
                put(parent, field, place, new)
                changed = ast.unparse(ast.fix_missing_locations(tree))
                put(parent, field, place, node)
                if changed not in seen:
                    seen.add(changed)
                    what = f"{getattr(top, 'name', '')}: {shown(node)} -> {shown(new)}"
                    what += f", in `{shown(statement)}`" if statement is not node else ""
                    told[what] += 1
                    yield Mutant(what + (f" ({told[what]})" if told[what] > 1 else ""), changed)


def solution_lines(source):
    """The numbers of the lines between the marks of a solution."""
    lines, inside = set(), False
    for number, line in enumerate(source.splitlines(), start=1):
        if "### BEGIN SOLUTION" in line or "### END SOLUTION" in line:
            inside = "BEGIN" in line
        elif inside:
            lines.add(number)
    return lines


def children(parent, statement):
    """Every node below `parent` as (its statement, its parent, the field, the place in the field's list, the node)."""
    for field, value in ast.iter_fields(parent):
        for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.AST):
                inside = node if isinstance(node, ast.stmt) else statement
                if isinstance(node, ast.expr | ast.stmt):
                    yield inside, parent, field, place, node
                yield from children(node, inside)


def put(parent, field, place, node):
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node


def instead(node, names):
    """What may stand in the place of an expression or a statement."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in SWAPS:
            yield ast.BinOp(node.left, SWAPS[type(node.op)](), node.right)
        yield node.left
        yield node.right
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPS:
        yield ast.Compare(node.left, [SWAPS[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(SWAPS[type(node.op)](), node.values)
        yield from node.values
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield ast.Constant(node.value + 1)
        yield ast.UnaryOp(ast.USub(), ast.Constant(1)) if node.value == 0 else ast.Constant(node.value - 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        others = [name for name in names if name != node.id]
        start = names.index(node.id)
        yield from (ast.Name(others[(start + step) % len(others)], ast.Load()) for step in range(min(2, len(others))))
    elif isinstance(node, ast.Call):
        if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred | ast.GeneratorExp):
            yield node.args[0]
        if len(node.args) >= 2 and not any(isinstance(arg, ast.Starred) for arg in node.args):
            yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
        for k in range(len(node.keywords)):
            yield ast.Call(node.func, node.args, node.keywords[:k] + node.keywords[k + 1 :])
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load):
        for k in range(1, len(node.elts)):
            elements = list(node.elts)
            elements[k - 1], elements[k] = elements[k], elements[k - 1]
            yield ast.Tuple(elements, ast.Load())
    elif isinstance(node, ast.Slice):
        if node.lower:
            yield ast.Slice(None, node.upper, node.step)
        if node.upper:
            yield ast.Slice(node.lower, None, node.step)
        if node.step:
            yield ast.Slice(node.lower, node.upper, None)
    elif isinstance(node, ast.AugAssign):
        target = copy.deepcopy(node.target)
        yield ast.Assign([target], node.value, lineno=node.lineno)
        if type(node.op) in SWAPS:
            yield ast.AugAssign(node.target, SWAPS[type(node.op)](), node.value)
        yield ast.Pass()
    elif isinstance(node, ast.Assign | ast.Expr | ast.Raise):
        yield ast.Pass()
    elif isinstance(node, ast.If):
        yield ast.If(ast.Constant(True), node.body, node.orelse)
        yield ast.If(ast.Constant(False), node.body, node.orelse)
    elif isinstance(node, ast.ListComp | ast.GeneratorExp):
        for k, generator in enumerate(node.generators):
            for j in range(len(generator.ifs)):
                changed = copy.deepcopy(node)
                del changed.generators[k].ifs[j]
                yield changed


def names_of(top):
    """The arguments and local names of a function or a class, in order of appearance."""
    found = []
    for node in ast.walk(top):
        if isinstance(node, ast.arg):
            found.append(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id)
    return list(dict.fromkeys(name for name in found if name != "self"))


def is_docstring(parent, node):
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or (
        isinstance(parent, ast.Expr) and isinstance(node, ast.Constant)
    )  # fmt: skip


def shown(node):
    text = ast.unparse(ast.fix_missing_locations(node)).split("\n")[0]  # of a loop or an if, its head
    return text if len(text) <= 100 else f"{text[:97]}..."


class Key:
    """The right answers of an assignment for a student's code, and its checks."""

    def __init__(self, assignment, code=""):
        os.environ[personal.VARIABLE] = self.code = code
        self.check = importlib.import_module(f"lstmkit.grading.{assignment}")
        self.cells, self.names = {}, {"np": np}
        for cell in jupytext.read(HERE / "assignments" / f"{assignment}.py", fmt="py:percent").cells:
            if cell.cell_type != "code" or "points" in cell.metadata:
                continue
            if question := cell.metadata.get("question"):
                self.cells[question] = cell.source
            if question or cell.source.startswith(("import ", "from ")) or "check.yours(" in cell.source:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(cell.source, self.names)

    def loses(self, question, source):
        """Whether a point is lost with that source in the place of the question's own answers."""
        os.environ[personal.VARIABLE] = self.code
        names = dict(self.names)
        for name, value in self.names.items():  # every function looks its helpers up among the changed ones
            if inspect.isfunction(value) and value.__globals__ is self.names:
                names[name] = type(value)(value.__code__, names, name, value.__defaults__, value.__closure__)
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what was changed
                exec(source, names)
        except Exception:
            return True
        defined = set(names_defined(source))
        for name, q in self.check.QUESTIONS.items():
            taken = [place for place in inspect.signature(getattr(self.check, name)).parameters if place != "seed"]
            if (name == question or defined & set(taken)) and examine(q, {place: names[place] for place in taken}).lost:
                return True
        return False


def names_defined(source):
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def survivors(assignment, question, sample=None, seed=0):
    """How many mutants of a key there were, and what was changed in those that keep all points, whoever is asked."""
    key = Key(assignment)
    found = list(mutants(key.cells[question]))
    if sample is not None and sample < len(found):
        found = [found[k] for k in np.random.default_rng(seed).permutation(len(found))[:sample]]
    kept, guard.SECONDS = guard.SECONDS, SECONDS
    outside = os.environ.get(personal.VARIABLE)
    try:
        with memory_limit():
            alive = [mutant for mutant in found if not key.loses(question, mutant.source)]
            for student in STUDENTS if key.check.QUESTIONS[question].yours else ():
                theirs = Key(assignment, personal.code_of("a secret of the mutants", student))
                alive = [mutant for mutant in alive if not theirs.loses(question, mutant.source)]
    finally:
        guard.SECONDS = kept
        os.environ.pop(personal.VARIABLE)
        if outside is not None:
            os.environ[personal.VARIABLE] = outside
    return len(found), [mutant.what for mutant in alive]


@contextlib.contextmanager
def memory_limit():
    """A MemoryError for a mutant that wants more than MEMORY, on Linux: one that never ends may take all there is."""
    if sys.platform != "linux":
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + MEMORY
    wanted = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def reasons(assignment):
    """{question: {what was changed: why it survives}} from survivors.yml; empty where there is none."""
    path = HERE / "mistakes" / assignment / "survivors.yml"
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def main(arguments=None):
    """Print a line for each question and each survivor without a reason; return the exit code."""
    known = [path.stem for path in sorted((HERE / "assignments").glob("*.py"))]
    parser = argparse.ArgumentParser(description="Change the keys, one place at a time, and see which checks notice.")
    parser.add_argument("names", nargs="*", metavar="ASSIGNMENT", help=f"of {', '.join(known)}; all if none is named")
    parser.add_argument("--question", metavar="NAME", help="this one only")
    parser.add_argument("--sample", type=int, metavar="N", help="at most N mutants of each question, drawn at random")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the sample (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes at once (default: 1)")
    chosen = parser.parse_args(arguments)
    if missing := [name for name in chosen.names if name not in known]:
        parser.error(f"no assignment {missing[0]!r}; there are {', '.join(known)}")
    tasks = [
        (assignment, question)
        for assignment in chosen.names or known
        for question in importlib.import_module(f"lstmkit.grading.{assignment}").QUESTIONS
        if chosen.question in (None, question)
    ]
    if not tasks:
        parser.error(f"no question {chosen.question!r} there")
    total, unexplained, stale = 0, 0, 0
    with ProcessPoolExecutor(chosen.jobs) as pool:
        futures = [pool.submit(survivors, *task, chosen.sample, chosen.seed) for task in tasks]
        for (assignment, question), future in zip(tasks, futures, strict=True):
            count, alive = future.result()
            why = reasons(assignment).get(question, {})
            total += count
            print(f"{assignment} {question}: {count} mutants, {len(alive)} survive", flush=True)
            for what in alive:
                if what not in why:
                    unexplained += 1
                    print(f"    without a reason: {what}")
            if chosen.sample is None:
                for what in sorted(set(why) - set(alive)):
                    stale += 1
                    print(f"    has a reason but does not survive: {what}")
    print(f"{total} mutants; {unexplained} survive without a reason, {stale} reasons are stale")
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    sys.exit(main())
