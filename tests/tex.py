r"""The TeX of the chapters' equations, read and evaluated: as much of TeX as the cells and their derivatives need.

    equation  = statements, separated by \\, \quad, \qquad or a comma
    statement = sum (relation sum)*              relations: = \le < \ge > \approx \in \sim \text{ of shape }
    sum       = [-] term ((+ | -) term)*
    term      = product ((\odot | * | /) product)*
    product   = factor ([\cdot | \times] factor)*      a matrix product, or a number times anything
    factor    = number, symbol, bracket, \frac, \sum, \prod, \mathbf{1}[...], function ..., each with its powers

A number is an array without axes, a vector a column (n, 1), an image (channels, rows, pixels).  Nothing broadcasts but
a number, so that a lost transpose cannot pass.  What a symbol means says a Scope; the last of its subscripts may count
steps.  [a, b], (a, b) and the matrices stack their parts.
"""

import re
from dataclasses import dataclass, field, replace

import numpy as np

TOKEN = re.compile(
    r"\\(?:text|operatorname|mathrm)\{[^{}]*\}|\\(?:begin|end)\{[a-z]+\*?\}|\\[A-Za-z]+|\\.|[^\s]", flags=re.DOTALL
)
EQUATION = re.compile(r"^```\{math\}\n:label: (\S+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
SIZES = {r"\left", r"\right", *(rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", *"lrm"))}
SPACES = {r"\,", r"\;", r"\:", r"\!", r"\>", r"\ ", "~", r"\displaystyle", r"\limits"} | SIZES
ALIGNED = {rf"\{side}{{{name}}}" for side in ("begin", "end") for name in ("aligned", "gathered", "split")}
SEPARATORS = {r"\\", r"\quad", r"\qquad", ",", ";"} | ALIGNED
BARS = {"|": "|", r"\lvert": r"\rvert", r"\lVert": r"\rVert"}
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}, {")", "]", "}", r"\}"}
RELATIONS = {"=": "=", r"\le": "<=", r"\leq": "<=", "<": "<", r"\ge": ">=", r"\geq": ">=", ">": ">"}
RELATIONS |= {r"\approx": "≈", r"\in": "∈", r"\sim": "~", r"\leftarrow": "←", r"\text{ of shape }": "shape"}
INDICATOR = [r"\mathbf", "{", "1", "}", "["]
NO_FACTOR = {*RELATIONS, *CLOSE, *BARS.values(), "", "+", "-", "*", "/", ",", ";", "&", "^", "_", r"\odot", r"\\"}
ACCENTS = {r"\tilde", r"\hat", r"\bar", r"\vec", r"\overrightarrow", r"\overleftarrow", r"\mathcal", r"\mathbf"}
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "epsilon": "ε", "theta": "θ", "lambda": "λ", "sigma": "σ"}
GREEK |= {"eta": "η", "mu": "μ", "tau": "τ", "phi": "φ", "rho": "ρ", "kappa": "κ", "omega": "ω", "xi": "ξ", "pi": "π"}


class TexError(ValueError):
    """What stands on the page cannot be read, or cannot be evaluated."""


def equations(page):
    """{label: TeX} of every numbered equation in the text of a page."""
    found = EQUATION.findall(page)
    if len({label for label, _ in found}) != len(found):
        raise TexError("a label stands on the page twice")
    return dict(found)


def tokens(tex):
    """The tokens of some TeX, without its spaces."""
    return [token for token in TOKEN.findall(tex) if token not in SPACES]


def pieces(tex, left_out=()):
    """The token lists of an equation's statements; a piece without a left side of its own continues the one before.

    `left_out` are pieces of TeX that are dropped beforehand, such as words; TexError if one is not there.
    """
    stream = tokens(tex)
    for words in map(tokens, left_out):
        at = [k for k in range(len(stream)) if stream[k : k + len(words)] == words]
        if len(at) != 1:
            raise TexError(f"{' '.join(words)} should stand there once, but it is there {len(at)} times")
        del stream[at[0] : at[0] + len(words)]
    found, depth = [[]], 0
    for token in stream:
        opens = token in OPEN or (token.startswith(r"\begin") and token not in ALIGNED)
        closes = token in CLOSE or (token.startswith(r"\end") and token not in ALIGNED)
        if depth or opens or token not in SEPARATORS | {"&"}:
            found[-1].append(token)
        elif token != "&":
            found.append([])
        depth += opens - closes
    joined = []
    for piece in found:
        while piece and piece[-1] == ".":
            piece = piece[:-1]
        if piece and joined and (piece[0] in {"+", "-", r"\odot"} or piece[0] in RELATIONS):
            joined[-1] += piece
        elif piece:
            joined.append(piece)
    return joined


def σ(a):
    return 1 / (1 + np.exp(-a))


FUNCTIONS = {"σ": σ, "tanh": np.tanh, "exp": np.exp, "ln": np.log, "log": np.log, "max": np.maximum, "min": np.minimum}
FUNCTIONS |= {"diag": np.diagflat, "softmax": lambda a: np.exp(a) / np.exp(a).sum()}


@dataclass
class Scope:
    """What the symbols of an equation mean at one step."""

    values: dict = field(default_factory=dict)  # "W_x": array
    series: dict = field(default_factory=dict)  # "h": {0: array, 1: array, ...}; for two indices the keys are pairs
    index: dict = field(default_factory=dict)  # "t": 3
    functions: dict = field(default_factory=dict)  # besides FUNCTIONS: name: function
    partials: dict = field(default_factory=dict)  # ("L", "h", "direct"): function of the indices of both
    ranges: dict = field(default_factory=dict)  # for a sum without bounds, or over a set: "j": range(1, 6)
    braces: dict = field(default_factory=dict)  # what an underbrace calls by a name: its value
    far: "Scope | None" = None  # where the statements with ≈ are evaluated
    after: "Scope | None" = None  # where what stands left of ← is evaluated

    def at(self, **index):
        return replace(self, index=self.index | index)


def is_number(a):
    return np.ndim(a) == 0


def misfit(a, b, operation):
    return TexError(f"shapes {np.shape(a)} and {np.shape(b)} do not fit {operation}")


def alike(operation):
    """The operation on two arrays of one shape, or of which one is a number."""

    def apply(a, b):
        if np.shape(a) != np.shape(b) and not is_number(a) and not is_number(b):
            raise misfit(a, b, operation.__name__)
        return operation(a, b)

    return apply


add, subtract, divide = alike(np.add), alike(np.subtract), alike(np.divide)


def hadamard(a, b):
    if np.shape(a) != np.shape(b):
        raise misfit(a, b, r"\odot")
    return a * b


def times(a, b):
    if is_number(a) or is_number(b):
        return a * b
    if np.ndim(a) != 2 or np.ndim(b) != 2 or a.shape[1] != b.shape[0]:
        raise misfit(a, b, "a product")
    product = a @ b
    return product[0, 0] if product.shape == (1, 1) else product


def power(a, exponent):
    if exponent is None:  # transposed
        if np.ndim(a) != 2:
            raise TexError(rf"^{{\top}} of an array of shape {np.shape(a)}")
        return a.T
    if is_number(a) or (is_number(exponent) and (np.ndim(a) != 2 or 1 in a.shape)):
        return a**exponent
    raise misfit(a, exponent, "a power")


def stack(parts, axis=0):
    """Parts one above the other (axis 0) or side by side; numbers give a column."""
    if all(is_number(part) for part in parts):
        return np.array(parts, float).reshape((-1, 1) if axis == 0 else (1, -1))
    try:
        return np.concatenate(parts, axis=axis)
    except ValueError as error:
        raise TexError(str(error)) from error


def compare(left, relation, right):
    """AssertionError unless it holds: to 1e-10, and to 1e-3 for ≈; \\in and `of shape` compare shapes."""
    if relation in ("∈", "shape"):
        assert np.shape(left) == tuple(np.ravel(right).astype(int)), f"{np.shape(left)} is not {np.ravel(right)}"
        return
    left, right = np.asarray(left), np.asarray(right)
    if relation in ("=", "≈", "~", "←"):
        assert left.shape == right.shape, f"{left.shape} is not {right.shape}"
        tolerance = 1e-3 if relation == "≈" else 1e-10
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=0 if relation == "≈" else tolerance)
        assert np.isfinite(left).all(), "not a finite number"
        return
    ufunc = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[relation]
    assert alike(ufunc)(left, right).all(), f"{left} {relation} {right} does not hold"


class Symbol:
    """A letter with all that belongs to it: its name, and subscripts of which the last ones may be indices."""

    def __init__(self, base, subscripts, text):
        self.base, self.subscripts, self.text = base, subscripts, text

    def name(self, n):
        """The name with its first n subscripts."""
        words = [re.sub(r"\\(?:text|mathrm|operatorname)\{(.*?)\}|\\", r"\1", "".join(s)) for s in self.subscripts]
        return "_".join([self.base, ",".join(words[:n])]) if n else self.base

    def resolve(self, scope):
        """Its name and its indices."""
        n = len(self.subscripts)
        if self.name(n) in scope.values:
            return self.name(n), ()
        for k in range(n - 1, -1, -1):
            indices = [whole(subscript, scope.index) for subscript in self.subscripts[k:]]
            if self.name(k) in scope.series and None not in indices:
                return self.name(k), tuple(i for several in indices for i in several)
        return self.name(n), ()

    def __call__(self, scope):
        name, indices = self.resolve(scope)
        if not indices:
            if name in scope.values:
                return scope.values[name]
            if name in scope.index:
                return np.float64(scope.index[name])
            raise TexError(f"{self.text} has no value (read as {name!r})")
        try:
            return scope.series[name][indices[0] if len(indices) == 1 else indices]
        except KeyError:
            raise TexError(f"{self.text} has no value at {indices}") from None


def whole(subscript, index):
    """The whole numbers that a subscript such as t-1 stands for, or None: one, but two for letters side by side."""
    text = "".join(subscript)
    if len(text) > 1 and all(letter in index for letter in text):
        return [index[letter] for letter in text]
    if not re.fullmatch(r"[+-]?[A-Za-z0-9]+([+-][A-Za-z0-9]+)*", text):
        return None
    total = 0
    for sign, part in re.findall(r"([+-]?)([A-Za-z0-9]+)", text):
        if not part.isdigit() and part not in index:
            return None
        total += (-1 if sign == "-" else 1) * (int(part) if part.isdigit() else index[part])
    return [total]


class Parser:
    """Recursive descent over the tokens of one statement; every method returns a function of a Scope."""

    def __init__(self, piece, label, functions=()):
        self.tokens, self.place, self.label = [*piece, ""], 0, label
        self.functions = {*FUNCTIONS, *functions}

    def fail(self, message):
        raise TexError(f"{self.label}: {message} at {self.next!r} in {' '.join(self.tokens)}")

    @property
    def next(self):
        return self.tokens[self.place]

    def take(self, *wanted):
        """The next token, if it is one of those wanted (or if none are named); else None."""
        if wanted and self.next not in wanted:
            return None
        if not self.next:
            self.fail("unexpected end")
        self.place += 1
        return self.tokens[self.place - 1]

    def expect(self, token):
        if not self.take(token):
            self.fail(f"expected {token!r}")

    def statement(self):
        sides, relations = [self.sum()], []
        while self.next in RELATIONS:
            relations.append(RELATIONS[self.take()])
            sides.append(self.space() if relations[-1] == "∈" else self.sum())
        if self.next:
            self.fail("unexpected token")
        if not relations:
            self.fail("no relation")
        return sides, relations

    def space(self):
        r"""\mathbb{R}^{4H \times H}: the shape."""
        for token in (r"\mathbb", "{", "R", "}", "^", "{"):
            self.expect(token)
        sizes = [self.factor()]
        while self.next != "}":
            if self.take(r"\times"):
                sizes.append(self.factor())
            else:
                before, after = sizes.pop(), self.factor()
                sizes.append(lambda s, a=before, b=after: times(a(s), b(s)))
        self.expect("}")
        return lambda scope: stack([size(scope) for size in sizes])

    def sum(self):
        minus, first = self.take("-", "+") == "-", self.term()
        found = (lambda scope: -first(scope)) if minus else first
        while self.next in ("+", "-"):
            operation = add if self.take() == "+" else subtract
            found = binary(operation, found, self.term())
        return found

    def term(self):
        found = self.product()
        while self.next in (r"\odot", "*", "/"):
            sign = self.take()
            if sign == "*":
                found = binary(None, found, self.product())
            else:
                found = binary(hadamard if sign == r"\odot" else divide, found, self.product())
        return found

    def product(self):
        found = self.factor()
        while self.take(r"\cdot", r"\times") or self.starts_factor():
            found = binary(times, found, self.factor())
        return found

    def starts_factor(self):
        return self.next not in NO_FACTOR and not self.next.startswith(r"\end")

    def factor(self):
        found = self.primary()
        while self.next == "^":
            found = self.powered(found)
        return found

    def powered(self, found):
        self.expect("^")
        content = self.group()
        if content == [r"\top"]:
            return lambda scope: power(found(scope), None)
        exponent = Parser([token for token in content if token != r"\odot"], self.label, self.functions)
        value = exponent.sum()
        if exponent.next:
            exponent.fail("unexpected token")
        return lambda scope: power(found(scope), value(scope))

    def group(self):
        """The tokens of {...}, or the one token that stands there instead."""
        if not self.take("{"):
            return [self.take()]
        start, depth = self.place, 1
        while depth:
            token = self.take()
            depth += (token == "{") - (token == "}")
        return self.tokens[start : self.place - 1]

    def primary(self):
        token = self.next
        if token.isdigit():
            return self.number()
        if self.tokens[self.place : self.place + 5] == INDICATOR:
            return self.indicator()
        if token in OPEN:
            return self.bracket()
        if token in BARS:
            self.take()
            inside = self.sum()
            self.expect(BARS[token])
            size = np.linalg.norm if BARS[token] == r"\rVert" else np.abs
            return lambda scope: size(inside(scope))
        named = {r"\frac": self.fraction, r"\tfrac": self.fraction, r"\dfrac": self.fraction, r"\sum": self.over}
        named |= {r"\prod": self.over, r"\underbrace": self.underbrace, r"\overline": self.overline}
        named |= {r"\sqrt": self.root}
        if token in named:
            return named[token]()
        if token.startswith(r"\begin"):
            return self.matrix()
        if token.startswith((r"\operatorname", r"\text", r"\mathrm")):
            name = self.take()[token.index("{") + 1 : -1]
            return self.call(name) if name in self.functions else Symbol(name, [], token)
        return self.symbol()

    def indicator(self):
        r"""\mathbf{1}[a > b], of two numbers: one where it holds, else zero."""
        self.place += len(INDICATOR)
        left, relation = self.sum(), RELATIONS.get(self.next)
        if relation not in ("=", "<=", "<", ">=", ">"):
            self.fail("expected a relation of numbers")
        self.take()
        right = self.sum()
        self.expect("]")

        def found(scope):
            a, b = left(scope), right(scope)
            if not is_number(a) or not is_number(b):
                raise misfit(a, b, "an indicator")
            try:
                compare(a, relation, b)
            except AssertionError:
                return np.float64(0)
            return np.float64(1)

        return found

    def number(self):
        digits = self.take()
        while self.next.isdigit() or (self.next == "." and self.tokens[self.place + 1].isdigit()):
            digits += self.take()
        return lambda scope: np.float64(digits)

    def bracket(self):
        """(a), or several parts one above the other: (a, b), [a; b]."""
        parts = self.parts()
        return parts[0] if len(parts) == 1 else lambda scope: stack([part(scope) for part in parts])

    def parts(self):
        end, parts = OPEN[self.take()], [self.sum()]
        while self.take(",", ";"):
            parts.append(self.sum())
        self.expect(end)
        return parts

    def sub(self):
        """What the next group evaluates to."""
        if self.next.isdigit():  # \tfrac14
            digit = self.take()
            return lambda scope: np.float64(digit)
        inner = Parser(self.group(), self.label, self.functions)
        found = inner.sum()
        return inner.fail("unexpected token") if inner.next else found

    def fraction(self):
        self.take()
        if self.tokens[self.place : self.place + 2] == ["{", r"\partial"]:
            return self.partial()
        above, below = self.sub(), self.sub()
        return binary(divide, above, below)

    def partial(self):
        r"""\frac{\partial a}{\partial b}, perhaps with \bigg|_{note}."""
        both = []
        for _ in range(2):
            self.expect("{")
            self.expect(r"\partial")
            both.append(self.plain_symbol())
            self.expect("}")
        note = ""
        if self.take("|"):
            self.expect("_")
            note = Symbol("", [self.group()], "").name(1)[1:]

        def found(scope):
            (a, i), (b, j) = (symbol.resolve(scope) for symbol in both)
            try:
                return scope.partials[a, b, note](*i, *j)
            except (KeyError, TypeError):
                raise TexError(f"∂{a}/∂{b} {note} has no value at {(*i, *j)}") from None

        return found

    def over(self):
        r"""\sum or \prod over an index, from its lower to its upper bound, down where the upper one is smaller."""
        sign, lower, upper = self.take(), None, None
        while self.next in ("_", "^"):
            if self.take() == "_":
                lower = self.group()
            else:
                upper = self.group()
        if not lower or (upper is None) != (lower[1:2] != ["="]):
            self.fail("a sum without its bounds")
        body = self.term()
        letter, relation, bound = lower[0], lower[1:2], lower[2:]

        def found(scope):
            each = [body(scope.at(**{letter: k})) for k in steps(scope, letter, relation, bound, upper)]
            if not each:
                raise TexError(f"a sum over {letter} is empty")
            total = each[0]
            for value in each[1:]:
                if sign == r"\sum":
                    total = add(total, value)
                else:  # of matrices the product, of columns the one element by element
                    square = np.ndim(value) == 2 and value.shape[0] == value.shape[1]
                    total = (times if square or is_number(value) else hadamard)(total, value)
            return total

        return found

    def underbrace(self):
        self.take()
        found, words = self.sub(), None
        if self.take("_"):
            words = Symbol("", [self.group()], "").name(1)[1:]

        def checked(scope):
            value = found(scope)
            if words in scope.braces:
                compare(value, "=", scope.braces[words])
            return value

        return checked

    def overline(self):
        self.take()
        inside = self.sub()
        return lambda scope: scope.functions["mean"](inside(scope))

    def root(self):
        self.take()
        inside = self.sub()
        return lambda scope: np.sqrt(inside(scope))

    def matrix(self):
        kind = self.take()[7:-1]
        if kind not in ("bmatrix", "pmatrix"):
            self.fail(f"unknown environment {kind!r} before")
        rows = [[self.sum()]]
        while sign := self.take("&", r"\\"):
            if sign == "&":
                rows[-1].append(self.sum())
            else:
                rows.append([self.sum()])
        self.expect(rf"\end{{{kind}}}")

        def found(scope):
            whole_rows = [[part(scope) for part in row] for row in rows]
            return stack([row[0] if len(row) == 1 else stack(row, axis=1) for row in whole_rows])

        return found

    def letter(self):
        """One letter, by name, with its accent."""
        token = self.take()
        if token in ACCENTS:
            inner = Parser(self.group(), self.label)
            name = inner.letter()
            accent = "" if token == r"\mathbf" else f"{token[1:]} "
            return inner.fail("an accent over more than one letter") if inner.next else accent + name
        if token.isalpha():
            return token
        if token[1:] in GREEK:
            return GREEK[token[1:]]
        if token[1:] in self.functions:
            return token[1:]
        self.place -= 1
        return self.fail("unknown token")

    def plain_symbol(self):
        """A symbol without powers."""
        start = self.place
        delta = "δ" if self.take(r"\delta") else ""
        base, subscripts = delta + self.letter(), []
        while True:
            ahead = self.tokens[self.place : self.place + 3]
            if self.take("'"):
                base += "'"
            elif self.next == "^" and ahead[1:2] == ["{"] and ahead[2] in ("(", "+", r"\rightarrow", r"\leftarrow"):
                self.take()
                base += f"^{''.join(self.group())}"
            elif self.take("_"):
                subscripts += split(self.group())
            else:
                return Symbol(base, subscripts, "".join(self.tokens[start : self.place]))

    def symbol(self):
        symbol = self.plain_symbol()
        if symbol.name(len(symbol.subscripts)) in self.functions and not symbol.base.startswith("δ"):
            return self.call(symbol.name(len(symbol.subscripts)))
        found = symbol
        while self.next == "^":
            found = self.powered(found)
            if self.take("_"):  # W^{\top}_h
                symbol.subscripts += split(self.group())
        return found

    def call(self, name):
        exponent = None
        if self.next == "^":
            start = self.place
            self.powered(lambda scope: None)
            exponent = self.tokens[start : self.place]
        parts = self.parts() if self.next in ("(", "[", r"\{") else [self.factor()]

        def found(scope):
            function = scope.functions.get(name) or FUNCTIONS[name]
            try:
                return function(*(part(scope) for part in parts))
            except (TypeError, ValueError) as error:
                raise TexError(f"{name}: {error}") from error

        return Parser(exponent, self.label, self.functions).powered(found) if exponent else found


def steps(scope, letter, relation, bound, upper):
    """The values of an index: k = 1 to T, T down to 1, up to k \\le t, those of a set, or all the scope has for k."""
    if not relation and letter in scope.ranges:
        return scope.ranges[letter]
    if relation == [r"\in"] and "".join(bound) in scope.ranges:
        return scope.ranges["".join(bound)]
    start, stop = (whole(part or [], scope.index) for part in (bound, upper or bound))
    if relation == [r"\le"] and letter in scope.ranges:
        start = [scope.ranges[letter][0]]
    if relation not in (["="], [r"\le"]) or not start or not stop:
        raise TexError(f"a sum over {letter} has no bounds")
    down = relation == ["="] and start > stop
    return range(start[0], stop[0] - 1, -1) if down else range(start[0], stop[0] + 1)


def binary(operation, left, right):
    """Both sides, joined; an operation of None is the scope's own *."""
    return lambda scope: (operation or scope.functions["*"])(left(scope), right(scope))


def split(subscript):
    """The parts of a subscript, at its commas; braces left out."""
    parts = [[]]
    for token in subscript:
        if token == ",":
            parts.append([])
        elif token not in ("{", "}"):
            parts[-1].append(token)
    return [part for part in parts if part]


class Statement:
    """One statement of an equation: `check(scope)` raises AssertionError where it does not hold there."""

    def __init__(self, piece, label, functions=()):
        self.piece, self.label = piece, label
        self.sides, self.relations = Parser(piece, label, functions).statement()

    def check(self, scope):
        if "≈" in self.relations and scope.far:
            scope = scope.far
        try:
            before = [scope.after if relation == "←" else scope for relation in (*self.relations, "")]
            with np.errstate(divide="raise", over="raise", invalid="raise"):
                values = [side(where) for side, where in zip(self.sides, before, strict=True)]
            for left, relation, right in zip(values, self.relations, values[1:], strict=False):
                compare(left, relation, right)
        except (TexError, AssertionError, FloatingPointError) as error:
            where = ", ".join(f"{letter} = {k}" for letter, k in scope.index.items())
            kind = AssertionError if isinstance(error, AssertionError) else TexError
            raise kind(f"{self.label}: {' '.join(self.piece)}, at {where}: {error}") from error
