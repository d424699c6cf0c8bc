"""Translates a cell's equations into NumPy calls that write into memory which is already there.

Run as it stands, an equation such as c = f * c_prev + i * g makes a new array for every operation.  Here the source
of a cell's `step` and `step_backward` (lstmkit/cells) is read once and written anew, operation by operation:

    multiply(f, c_prev, c)
    multiply(i, g, s0)
    add(c, s0, c)

The values of `step` stay the same to the last bit.  Four things make the translation fast.

Pre-activations turn into gates where the product has put them.

σ(a) = (1 + tanh(a/2)) / 2, and halving a weight is exact.  So the rows of sigmoid gates are halved once, in the
weights, and one tanh does for all blocks.

`step_backward` is linear in the incoming gradients: each of its results is a sum of coefficients times gradients.  No
recurrence touches the coefficients, so they are computed for many steps at once.

The blocks lie in memory in the order that lets most calls cover several of them.

To see what comes out:  print(inplace.translate(cell, products).forward.source)

Shapes: one step of one block is (H, B), H units and B sequences; nothing here depends on them.
"""

import ast
import functools
import inspect
import itertools
import textwrap
from typing import NamedTuple

import numpy as np

OPERATORS = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
# Each known function as calls on its argument x and its result y; whatever else a cell calls is called as it is.
FUNCTIONS = {
    "sigmoid": ("multiply(x, 0.5, y)", "tanh(y, y)", "multiply(y, 0.5, y)", "add(y, 0.5, y)"),
    "tanh": ("tanh(x, y)",),
    "relu": ("maximum(x, 0, out=y)",),  # numpy takes the place of this one's result by name alone
    "d_relu": ("greater(x, 0, y)",),
    "exp": ("exp(x, y)",),
}
CALLS = ("add", "subtract", "multiply", "divide", "negative", "tanh", "maximum", "greater", "exp", "matmul", "copyto")


class Loop(NamedTuple):
    """Generated code: a loop over steps, waiting for its constants."""

    source: str
    constants: tuple  # what it waits for: weights, gradients that it updates, and room for passing values
    views: dict  # name in the loop -> what it is, for the recurrence to lay out; the order is that of the arguments
    scratch: int  # how many passing values it needs room for: constants s0, s1, ... of (H, B) each
    bind: object  # bind(**constants) -> loop(*arrays), each array with the steps along its first axis


class Cell(NamedTuple):
    """A translated cell."""

    inputs: tuple  # the names of the pre-activations, in the order of the parameters
    blocks: tuple  # the same in their order in memory
    halved: frozenset  # those whose rows of the weights are to be halved for `forward`, and unit weights likewise
    state: tuple  # the names of the state's fields
    before: tuple  # those of them that the step takes as they were before it
    weights: tuple  # the names of the unit-by-unit weights, such as a peephole's
    homes: dict  # saved name -> the block whose memory it takes over, or None where it needs its own
    forward: Loop  # one pass over the steps
    again: Loop  # makes the saved values anew from the states, which must be known, for many steps at once
    coefficients: Loop  # what step_backward needs besides the gradients, for many steps at once
    backward: Loop  # one pass over the steps, from the last to the first
    d_weights: tuple  # for each unit weight, pairs (factor, block): the gradient is the sum of factor times d_block


def fields(cell):
    """The names of the state's fields: what `step` returns before the values of SAVED."""
    returned = _function(cell.step).returned
    return tuple(node.id for node in returned[: len(returned) - len(cell.SAVED)])


def blocks(cell):
    """The names of the pre-activations that `step` takes."""
    arguments = _function(cell.step).arguments
    return [name for name in arguments if not (name.startswith(("w_", "m_")) or name.endswith("_prev"))]


def before(cell):
    """The fields that `step` takes as they were before it: h where it takes h_prev."""
    return [name[:-5] for name in _function(cell.step).arguments if name.endswith("_prev")]


def _given(argument):
    """Whether an argument of `step` comes from outside at every step, as a mask does: m_h, but not m_prev."""
    return argument.startswith("m_") and not argument.endswith("_prev")


@functools.cache
def translate(cell, products):
    """The Cell of a module of lstmkit.cells.

    `products` says which blocks each matrix product makes, as tuples of indices of `step`'s first arguments, in order.
    ValueError where the module does not follow the protocol of lstmkit/cells/__init__.py.
    """
    step, back, state = _function(cell.step), _function(cell.step_backward), fields(cell)
    _expect_protocol(cell, step, back, state, products)
    inputs = step.arguments[: sum(map(len, products))]
    weights = tuple(name for name in step.arguments if name.startswith("w_"))
    homes, activations = _homes(cell, step, inputs)
    halved = frozenset(name for home, gate in activations.items() for name in gate.halved(home))
    outputs, atoms, of_weights = _linear_forms(step, back, state, inputs)
    group = {name: form[0][1] for name, form in zip(inputs, outputs, strict=False) if len(form) == 1 and form[0][0]}
    named = [tuple(inputs[k] for k in product) for product in products]
    early = {home: gate.function for home, gate in activations.items() if gate.early}
    blocks = _arranged(named, [lambda name: name in early, early.get, group.get])
    forward = _forward(cell, step, state, blocks, named, homes, activations, again=False)
    again = _forward(cell, step, state, blocks, named, homes, activations, again=True)
    coefficients, backward, d_weights = _backward(step, state, blocks, inputs, outputs, atoms, of_weights, cell)
    names = tuple(inputs), blocks, halved, state, tuple(before(cell)), weights, homes
    return Cell(*names, forward, again, coefficients, backward, d_weights)


def _expect_protocol(cell, step, back, state, products):
    name = cell.__name__
    gradients = [argument for argument in step.arguments if not _given(argument)]
    if tuple(back.arguments[: len(state)]) != tuple(f"d_{field}" for field in state):
        wanted, found = ", ".join(f"d_{field}" for field in state), ", ".join(back.arguments[: len(state)])
        raise ValueError(f"{name}.step_backward must begin with {wanted}, but it begins with {found}")
    if len(back.returned) != len(gradients):
        raise ValueError(
            f"{name}.step_backward must return the gradients of {', '.join(gradients)}, but it returns "
            f"{len(back.returned)} values"
        )
    if not all(isinstance(node, ast.Name) for node in step.returned):
        raise ValueError(f"{name}.step must return names, the state first and then those of SAVED: name each value")
    returned = tuple(node.id for node in step.returned[len(state) :])
    if returned != tuple(cell.SAVED):
        raise ValueError(f"{name}.step returns {returned} after the state, but SAVED is {tuple(cell.SAVED)}")
    given = {f"{field}{when}" for field in state for when in ("", "_prev")} | set(cell.SAVED) | set(step.arguments)
    unknown = [argument for argument in back.arguments[len(state) :] if argument not in given]
    if unknown:
        raise ValueError(
            f"{name}.step_backward takes {', '.join(unknown)}, which is neither in SAVED, nor a field of the state, "
            "before or after the step, nor a weight"
        )
    for function, (arguments, lines, returned) in (("step", step), ("step_backward", back)):
        known = set(arguments)
        for target, value in [*lines, *((None, value) for value in returned)]:
            if not known.issuperset(_names(value)):
                raise ValueError(f"{name}.{function}: a name in {ast.unparse(value)!r} has no value yet")
            known.add(target)
    if sorted(itertools.chain.from_iterable(products)) != list(range(len(blocks(cell)))):
        raise ValueError(f"products must name each block of {name}.step once, but they are {products}")


# Reading


class _Function(NamedTuple):
    arguments: list
    lines: list  # pairs (name, expression)
    returned: list  # expressions


@functools.cache
def _function(function):
    """The arguments, assignments and results of a function of plain expressions."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    body = [node for node in tree.body if not _is_docstring(node)]
    *lines, last = body
    for node in lines:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            raise ValueError(f"{function.__name__}: a cell's lines are name = expression, not {ast.unparse(node)!r}")
    if not (isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple)):
        raise ValueError(f"{function.__name__}: a cell's function ends with return of a tuple")
    pairs = [(node.targets[0].id, node.value) for node in lines]
    return _Function([argument.arg for argument in tree.args.args], pairs, list(last.value.elts))


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _names(node):
    """Every name read in an expression, functions apart, as often as it is read."""
    called = {id(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in called]


class _Activation(NamedTuple):
    """A gate that is a function of its block, or of its block and what is added to it: o = σ(a_o + w_o * c)."""

    function: str  # "sigmoid" or "tanh"
    added: list  # expressions
    early: bool  # whether all that is added is known before the step

    def halved(self, home):
        """The names whose values, halved, save halving the sum."""
        return [home, *(n for term in self.added for n in _names(term) if n[:2] == "w_")] * (self.function == "sigmoid")


def _homes(cell, step, inputs):
    """Which block's memory each saved value takes over, and, by block, the gates that are activations of it."""
    uses = [name for _, value in step.lines for name in _names(value)]
    homes = {name: name if name in inputs else None for name in cell.SAVED}
    activations = {}
    for target, value in step.lines:
        if target in homes:
            dying = [name for name in _names(value) if name in inputs and uses.count(name) == 1]
            home = homes[target] = next((name for name in dying if name not in homes.values()), None)
            if home and isinstance(value, ast.Call) and value.func.id in ("sigmoid", "tanh"):
                terms = _terms(value.args[0])
                added = [term for term in terms if not (isinstance(term, ast.Name) and term.id == home)]
                weighed = all(
                    isinstance(term, ast.BinOp)
                    and isinstance(term.op, ast.Mult)
                    and [uses.count(n) for n in _names(term) if n[:2] == "w_"] == [1]
                    for term in added
                )
                if len(added) == len(terms) - 1 and (weighed or value.func.id == "tanh"):
                    early = all(name in step.arguments for term in added for name in _names(term))
                    activations[home] = _Activation(value.func.id, added, early)
    return homes, activations


def _terms(node):
    """The terms of a sum."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _terms(node.left) + _terms(node.right)
    return [node]


def _arranged(products, labels):
    """The blocks of each product in the order with the fewest runs of equal labels."""

    def runs(order):
        return sum(len(list(itertools.groupby(map(label, order)))) for label in labels)

    return tuple(itertools.chain.from_iterable(min(itertools.permutations(p), key=runs) for p in products))


def _runs(blocks, label):
    """(label, neighbours) for all neighbours in memory with the same label, where it is not None or False."""
    for value, run in itertools.groupby(blocks, label):
        if value:
            yield value, list(run)


# Writing


class _Writer:
    """Three-address code for expressions: every operation writes into a place that has a name."""

    def __init__(self, places, blocks=(), prefix=""):
        self.places = places  # name in the cell -> name in the loop
        self.blocks, self.prefix = blocks, prefix  # prefix: "d_" where the blocks are those of the gradient
        self.lines, self.views, self.free, self.count = [], {}, [], 0
        self.made = {}  # what has been worked out and stays: the dump of its expression -> its place

    def see(self, name, *what):
        """Take `name` as one of the loop's views."""
        self.views.setdefault(name, what)
        return name

    def run(self, run, rows=False):
        """The view of neighbouring blocks: (n, H, B), or their rows (n·H, B) for a product."""
        start, stop = self.blocks.index(run[0]), self.blocks.index(run[-1]) + 1
        name = f"{self.prefix}{'_'.join(run)}"
        if rows:
            return self.see(f"{name}_rows", "rows", start, stop)
        return self.see(name, "blocks", start, stop) if len(run) > 1 else self.see(name, "block", start)

    def new(self):
        """A passing value's place."""
        if not self.free:
            self.free.append(f"s{self.count}")
            self.count += 1
        return self.free.pop()

    def call(self, function, *places):
        self.lines.append(f"{function}({', '.join(places)})")

    def release(self, *places):
        self.free += [p for p in dict.fromkeys(places) if p[0] == "s" and p[1:].isdigit() and p not in self.kept()]

    def kept(self):
        return set(self.places.values()) | set(self.free)

    def place(self, name):
        return self.places[name]

    def into(self, node, target):
        """Write the calls that leave the value of an expression in `target`."""
        if isinstance(node, ast.Name | ast.Constant):
            self.call("copyto", target, self.operand(node))
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            safe = target not in map(self.place, _names(node.right))
            left = self.operand(node.left, target if safe else None)
            right = self.operand(node.right)
            self.call(OPERATORS[type(node.op)], left, right, target)
            self.release(*(p for p in (left, right) if p != target))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            value = self.operand(node.operand, target)
            self.call("negative", value, target)
            self.release(*({value} - {target}))
        elif isinstance(node, ast.Call):
            values = [self.operand(argument) for argument in node.args]
            if node.func.id in FUNCTIONS:
                for line in FUNCTIONS[node.func.id]:
                    name, _, rest = line.partition("(")
                    known = {"x": values[0], "y": target, "out=y": f"out={target}"}
                    self.call(name, *(known.get(p, p) for p in rest[:-1].split(", ")))
            else:
                self.call("copyto", target, f"{node.func.id}({', '.join(values)})")
            self.release(*(p for p in values if p != target))
        else:
            raise ValueError(f"a cell is written with names, numbers, + - * / and functions, not {ast.unparse(node)!r}")

    def operand(self, node, place=None):
        """The place of an expression's value, which is worked out first if it is neither a name nor a number."""
        if isinstance(node, ast.Constant):
            return repr(node.value)
        if isinstance(node, ast.Name):
            return self.place(node.id)
        if ast.dump(node) in self.made:
            return self.made[ast.dump(node)]
        place = place or self.new()
        self.into(node, place)
        return place

    def loop(self, constants, functions):
        """Compile what has been written."""
        constants = [*constants, *(f"s{number}" for number in range(self.count))]
        views = ", ".join(self.views)
        body = [f"        for ({views},) in zip({views}):", *(f"            {line}" for line in self.lines)]
        source = "\n".join(
            [
                f"def bind({', '.join(constants)}):",
                f"    def loop({views}):",
                *(body if self.lines else ["        pass"]),
                "    return loop",
            ]
        )
        names = dict(functions) | {name: getattr(np, name) for name in CALLS}
        exec(compile(source, "<a cell, in place>", "exec"), names)
        return Loop(source, tuple(constants), self.views, self.count, names["bind"])


def _forward(cell, step, state, blocks, products, homes, activations, again):
    code = _Writer({}, blocks)
    places = {name: name for name in step.arguments if name.startswith("w_")}
    code.places = _Places(code, places, state, homes, blocks)
    for number, product in enumerate(products):
        rows = code.run([name for name in blocks if name in product], rows=True)
        code.call("matmul", f"W_{number}", code.see(f"x_{number}", "x", number), rows)

    def add_up(home):
        for term in activations[home].added:
            value = code.operand(term)
            code.call("add", code.run([home]), value, code.run([home]))
            code.release(value)

    def activate(run, functions):
        code.call("tanh", code.run(run), code.run(run))
        for function, sigmoids in _runs(run, functions.get):
            if function == "sigmoid":
                code.call("multiply", code.run(sigmoids), "0.5", code.run(sigmoids))
                code.call("add", code.run(sigmoids), "0.5", code.run(sigmoids))

    functions = {home: gate.function for home, gate in activations.items()}
    for home in blocks:
        if home in activations and activations[home].early:
            add_up(home)
    for _, run in _runs(blocks, lambda name: name in activations and activations[name].early):
        activate(run, functions)
    for target, value in step.lines:
        home = homes.get(target)
        if (home in activations and activations[home].early) or (again and target in state):
            continue
        if home in activations:
            add_up(home)
            activate([home], functions)
            continue
        if target not in state and target not in homes:
            places[target] = code.new()
        code.into(value, code.place(target))
    constants = [*(f"W_{number}" for number in range(len(products))), *(n for n in places if n.startswith("w_"))]
    return code.loop(constants, cell.step.__globals__)


class _Places(dict):
    """Where a name of the cell lives; looking one up makes it one of the loop's views."""

    def __init__(self, code, places, state, homes, blocks):
        self.code, self.known, self.state, self.homes, self.blocks = code, places, state, homes, blocks

    def __getitem__(self, name):
        if name in self.known:
            return self.known[name]
        if self.homes.get(name):
            return self.code.run([self.homes[name]])
        if name in self.blocks:
            return self.code.run([name])
        return self.code.see(name, "array", name)

    def values(self):
        return self.known.values()


# The way back


def _linear_forms(step, back, state, inputs):
    """Each result of step_backward as pairs (coefficient, gradient), and the gradients in between that are needed.

    A coefficient is an expression without gradients, or None for 1.  What is a multiple of one gradient, or is used
    once, needs no place of its own: its users take over its form.  The others come as (name, the name whose place it
    may take, form), in order.  The gradients of unit weights are in terms of the d_a, which are there when they are
    summed.
    """
    forms, statics, names = {}, {}, {f"d_{field}": f"d_{field}" for field in state}
    renamed = []  # each assignment makes a new name: d_c, then d_c'
    for target, value in back.lines:
        fresh = _Renamed(names).visit(value)
        names[target] = f"{names[target]}'" if target in names else target
        renamed.append((names[target], target, fresh))
    results = [_Renamed(names).visit(value) for value in back.returned]
    used = [name for _, _, value in renamed for name in _names(value)] + [n for value in results for n in _names(value)]
    gradients = {f"d_{field}" for field in state}
    atoms, blocks = [], {node.id: k for k, node in enumerate(results[: len(inputs)]) if isinstance(node, ast.Name)}

    def linear(node, known):
        """The form of an expression; `known` maps names to forms that take their place."""
        if isinstance(node, ast.Name) and node.id in gradients:
            return known.get(node.id) or [(None, node.id)]
        if isinstance(node, ast.UnaryOp):
            return [(_times(c, ast.Constant(-1)), atom) for c, atom in linear(node.operand, known)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            right = linear(node.right, known)
            if isinstance(node.op, ast.Sub):
                right = [(_times(c, ast.Constant(-1)), atom) for c, atom in right]
            return _collected(linear(node.left, known) + right)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            left_moves = bool(set(_names(node.left)) & gradients)
            moving, factor = (node.left, node.right) if left_moves else (node.right, node.left)
            if not set(_names(factor)) & gradients and not (isinstance(node.op, ast.Div) and not left_moves):
                factor = _Substituted(statics).visit(factor)
                return [(_times(c, factor, node.op), atom) for c, atom in linear(moving, known)]
        raise ValueError(f"step_backward must be linear in the gradients d_*, which this is not: {ast.unparse(node)}")

    for name, target, value in renamed:
        if not set(_names(value)) & gradients:
            statics[name] = _Substituted(statics).visit(value)
            continue
        form = linear(value, forms)
        gradients.add(name)
        if len(form) == 1 or used.count(name) == 1:
            forms[name] = form
        else:
            atoms.append((name, target, form))
    of_weights = len(results) - sum(name.startswith("w_") for name in step.arguments)
    outputs = [linear(value, forms) for value in results[:of_weights]]
    others = {name: form for name, form in forms.items() if name not in blocks}
    d_weights = [
        [(factor or ast.Constant(1), blocks.get(name)) for factor, name in linear(value, others)]
        for value in results[of_weights:]
    ]
    for form, value in zip(d_weights, results[of_weights:], strict=True):
        if any(block is None for _, block in form):
            raise ValueError(f"the gradient of a unit weight must be a sum of multiples of d_a_*: {ast.unparse(value)}")
    return outputs, atoms, [[(factor, inputs[block]) for factor, block in form] for form in d_weights]


class _Renamed(ast.NodeTransformer):
    def __init__(self, names):
        self.names = names

    def visit_Name(self, node):
        return ast.Name(self.names.get(node.id, node.id))

    def visit_Call(self, node):
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])

    def visit(self, node):  # never changes the tree that it is given
        if isinstance(node, ast.BinOp):
            return ast.BinOp(self.visit(node.left), node.op, self.visit(node.right))
        if isinstance(node, ast.UnaryOp):
            return ast.UnaryOp(node.op, self.visit(node.operand))
        return super().visit(node)


class _Substituted(_Renamed):
    def visit_Name(self, node):
        return self.names.get(node.id, node)


def _times(coefficient, factor, operator=None):
    operator = operator or ast.Mult()
    if coefficient is None and isinstance(operator, ast.Div):
        coefficient = ast.Constant(1)
    return factor if coefficient is None else ast.BinOp(coefficient, operator, factor)


def _collected(form):
    """The sum with each gradient once."""
    together = {}
    for coefficient, atom in form:
        if atom in together:
            one = ast.Constant(1)
            coefficient = ast.BinOp(together[atom] or one, ast.Add(), coefficient or one)
        together[atom] = coefficient
    return [(coefficient, atom) for atom, coefficient in together.items()]


def _backward(step, state, blocks, inputs, outputs, atoms, of_weights, cell):
    """The two loops of the way back, and how the gradients of the unit weights are summed."""
    arguments = [name for name in step.arguments if not _given(name)]
    form_of = dict(zip(arguments, outputs, strict=False))
    weights = [name for name in arguments if name.startswith("w_")]
    before = [name for name in arguments if name.endswith("_prev")]

    many = _Writer({}, blocks, "d_")  # the coefficients, for many steps at once
    many.places = _Places(many, {name: name for name in weights}, (), {}, ())
    loop = _Writer({}, blocks, "d_")
    gradients = loop.places = {f"d_{field}": f"d_{field}" for field in state}
    numbers = itertools.count()

    def factor(node):
        """The name of a coefficient's array: one that is there, or one that `many` works out first."""
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Constant):
            return repr(node.value)
        if not many.made.get(ast.dump(node), "").startswith("k"):  # in a block's place its gradient will stand
            name = f"k{next(numbers)}"
            many.into(node, many.see(name, "coefficient", name))
            many.made[ast.dump(node)] = name
        return many.made[ast.dump(node)]

    def seen(name):
        """The same as a view of one step."""
        return loop.see(name, "array", name) if name.isidentifier() and name not in weights else name

    def write(form, target):
        form = sorted(form, key=lambda pair: (gradients[pair[1]] != target, pair[0] is not None))
        total = None
        for node, atom in form:
            value = gradients[atom]
            if node is not None:
                place = target if total is None else loop.new()
                loop.call("multiply", seen(factor(node)), value, place)
                value = place
            if total is None:
                total = value
            else:
                loop.call("add", total, value, target)
                loop.release(*({value} - {target}))
                total = target
        if total != target:
            loop.call("copyto", target, total)

    alone = {}  # block -> the one gradient that it is a multiple of, by a coefficient that stands in its place
    for name in sorted(inputs, key=lambda name: len(ast.dump(form_of[name][0][0] or ast.Constant(1)))):
        (node, atom), *more = form_of[name]  # the short ones first, since a longer one may contain them
        if not more and not isinstance(node, ast.Name | ast.Constant | None):
            many.into(node, many.run([name]))
            many.made[ast.dump(node)] = many.run([name])
            alone[name] = atom
    loop.call("add", "d_h", loop.see("d_out", "array", "d_out"), "d_h")
    later = [atom for _, _, form in atoms for _, atom in form] + [a for form in outputs for _, a in form]
    for name, target, form in atoms:
        for _, atom in form:
            later.remove(atom)
        taken = {gradients.get(atom) for atom in later}
        free = gradients[target] if target in gradients and gradients[target] not in taken else None
        gradients[name] = free or loop.new()
        write(form, gradients[name])
    for name in inputs:
        if name not in alone:
            write(form_of[name], loop.run([name]))
    for atom, run in _runs(blocks, alone.get):
        loop.call("multiply", loop.run(run), gradients[atom], loop.run(run))

    finish = []
    for name in before:
        place = f"d_{name[:-5]}"
        others = [gradients[a] for other in before if other != name for _, a in form_of[other]]
        if place == "d_h" or place in others:
            passing = loop.new()
            write(form_of[name], passing)
            finish.append((place, passing))
        else:
            write(form_of[name], place)
    loop.call("matmul", "W_back", loop.see("d_past", "array", "past"), "d_product")
    for place, passing in finish:
        loop.call(*(("add", place, passing, place) if place == "d_h" else ("copyto", place, passing)))
    d_weights = tuple(tuple((factor(node), block) for node, block in form) for form in of_weights)
    constants = ["W_back", "d_product", *(f"d_{field}" for field in state), *weights]
    functions = cell.step_backward.__globals__
    return many.loop(weights, functions), loop.loop(constants, functions), d_weights
