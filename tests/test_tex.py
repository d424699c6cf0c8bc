"""The reader of TeX itself: what it takes for the same, what it refuses, and where it says the fault is."""

import numpy as np
import pytest
import tex
from tex import Scope, TexError

PAGE = r"""
```{math}
:label: eq-one
h_t = o_t \odot q_t
```

```{math}
h = \text{not numbered}
```

    :label: eq-none

```{math}
:label: eq-two
\begin{aligned}
a &= b \\
c &= d
\end{aligned}
```
"""


@pytest.fixture
def scope(rng):
    shapes = {"W": (3, 2), "U": (3, 3), "W_a": (3, 3), "x": (2, 1), "b": (3, 1)}
    values = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    values |= {"n": np.float64(3), "y": np.float64(2), "e": np.e}
    steps = {t: rng.normal(size=(3, 1)) for t in range(6)}
    known = {"h": steps, "δh": {t: 2 * h for t, h in steps.items()}, "a_f": steps}
    known["α"] = {(t, j): np.float64(t + 10 * j) for t in range(1, 5) for j in range(1, 5)}
    partials = {("L", "h", "direct"): lambda t: 7 * steps[t], ("h", "h", ""): lambda t, s: np.float64(10 * t + s)}
    return Scope(values, known, {"t": 3, "s": 2, "T": 5}, partials=partials, ranges={"j": range(1, 4), "+": (1, 4)})


def value(text, scope, **others):
    """What the right side of `y = ...` evaluates to."""
    (piece,) = tex.pieces(text)
    parser = tex.Parser(piece, "eq", **others)
    found = parser.sum()
    assert not parser.next, f"{parser.next} is left"
    return found(scope)


def test_a_page_has_its_numbered_equations():
    assert list(tex.equations(PAGE)) == ["eq-one", "eq-two"]
    with pytest.raises(TexError, match="twice"):
        tex.equations(PAGE + PAGE)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        (r"a = b \\ c = d", 2),
        (r"a = b, \qquad c = d.", 2),
        (r"a = f(b, c) \quad d = [e, f]", 2),
        (r"a &= b \\ &\quad + c", 1),
        (r"a &= b \\ &= c", 1),
        (r"\begin{aligned} a &= b & c &= d \end{aligned}", 1),  # no sign between them: refused when it is read
        (r"\begin{bmatrix} a & b \\ c & d \end{bmatrix} = e", 1),
    ],
)
def test_statements(text, n):
    assert len(tex.pieces(text)) == n


def test_what_is_left_out_has_to_be_there():
    assert tex.pieces(r"a = b \text{ or so}", [r"\text{ or so}"]) == [["a", "=", "b"]]
    with pytest.raises(TexError, match="0 times"):
        tex.pieces("a = b", [r"\text{ or so}"])


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (r"W x + b", "W @ x + b"),
        (r"W\,x - b", "W @ x - b"),
        (r"W \cdot x", "W @ x"),
        (r"- b + b \odot b", "-b + b * b"),
        (r"U W x", "U @ W @ x"),
        (r"b^{\top} b", "(b.T @ b)[0, 0]"),
        (r"b\, x^{\top}", "b @ x.T"),
        (r"(b + W x)^2", "(b + W @ x) ** 2"),
        (r"{b}^{\top} U b", "(b.T @ U @ b)[0, 0]"),
        (r"2\,(1 - b^2)", "2 * (1 - b * b)"),
        (r"\frac{b}{n}", "b / n"),
        (r"\tfrac14", "np.float64(0.25)"),
        (r"12.5 n.", "12.5 * n"),
        (r"b / b \odot b", "b"),
        (r"\sigma\bigl(W x\bigr)", "1 / (1 + np.exp(-W @ x))"),
        (r"\tanh^2 b", "np.tanh(b) ** 2"),
        (r"\tanh^2(b) \odot b", "np.tanh(b) ** 2 * b"),
        (r"-\ln 2", "-np.log(2)"),
        (r"\exp(n) n", "np.exp(n) * n"),
        (r"e^{-|n|}", "np.exp(-n)"),
        (r"\max(b, 0)", "np.maximum(b, 0)"),
        (r"\sqrt{n}", "np.sqrt(n)"),
        (r"\lVert b \rVert", "np.linalg.norm(b)"),
        (r"\operatorname{diag}(b) b", "b * b"),
        (r"[b, x]", "np.vstack([b, x])"),
        (r"[b; x]", "np.vstack([b, x])"),
        (r"\begin{bmatrix} W & b \end{bmatrix}", "np.hstack([W, b])"),
        (r"\begin{pmatrix} b \\ x \end{pmatrix}", "np.vstack([b, x])"),
        (r"\underbrace{b + b}_{\text{twice}}", "2 * b"),
        (r"h_{t-1} + h_t", "h[2] + h[3]"),
        (r"h_T - h_0", "h[5] - h[0]"),
        (r"\delta h_{t+1}", "2 * h[4]"),
        (r"a_{f,t}", "h[3]"),
        (r"W_a h_{s+t}", "W_a @ h[5]"),
        (r"\alpha_{t,s}", "np.float64(23)"),
        (r"\alpha_{ts}", "np.float64(23)"),
        (r"\sum_{t=1}^{T} h_t", "sum(h[t] for t in range(1, 6))"),
        (r"\sum_{k=t}^{T-1} h_k + b", "h[3] + h[4] + b"),
        (r"\sum_{j} \alpha_{t,j}", "np.float64(3 * 3 + 60)"),
        (r"\sum_{j \le t} \alpha_{t,j}", "np.float64(3 * 3 + 60)"),
        (r"\sum_{k \,\in\, +} h_k", "h[1] + h[4]"),
        (r"\mathbf{1}[n > y] + \tfrac12 \mathbf{1}[n = y]", "np.float64(1)"),
        (r"\mathbf{1}[n < y] + \tfrac12 \mathbf{1}[n = 3]", "np.float64(0.5)"),
        (r"\prod_{t=1}^{T} h_t", "np.prod([h[t] for t in range(1, 6)], axis=0)"),
        (r"\prod_{k=2}^{1} \operatorname{diag}(h_k) U", "np.diagflat(h[2]) @ U @ np.diagflat(h[1]) @ U"),
        (r"\frac{\partial L}{\partial h_t}\bigg|_{\text{direct}}", "7 * h[3]"),
        (r"\frac{\partial h_T}{\partial h_0}", "np.float64(50)"),
    ],
)
def test_values(text, same, scope):
    named = scope.values | {"h": scope.series["h"], "np": np}
    found = value(text, scope)
    expected = eval(same, named)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (r"y = W_b x", "W_b"),  # no such matrix
        (r"y = h_{t_1}", "h_"),  # no such index
        (r"y = h_{t+3}", "6"),  # no such step
        (r"y = h", "no value"),
        (r"y = x W", "a product"),
        (r"y = x x", "a product"),
        (r"y = W \odot x", "odot"),
        (r"y = b + x", "add"),
        (r"y = b + b^{\top}", "add"),
        (r"y = U^2", "a power"),
        (r"y = \frac{\partial h_T}{\partial c_0}", "∂h/∂c_0"),
        (r"y = \sum_{k=1}^{n_b} h_k", "bounds"),
        (r"y = \sum_{t=1} h_t", "bounds"),
        (r"y = \sum_{k \in -} h_k", "bounds"),
        (r"y = \mathbf{1}[b > y]", "an indicator"),
        (r"y = \mathbf{1}[b]", "relation"),
        (r"y = (b", "expected"),
        (r"y = b )", "unexpected token"),
        (r"y = b +", "unexpected end"),
        (r"y = \text{nothing}", "nothing"),
        (r"y = \frobnicate{b}", "frobnicate"),
        (r"y = \begin{cases} b \end{cases}", "cases"),
        (r"y b", "no relation"),
    ],
)
def test_what_is_refused_and_how(text, says, scope):
    (piece,) = tex.pieces(text)
    with pytest.raises(TexError) as caught:
        tex.Statement(piece, "eq-label", ()).check(scope)
    assert str(caught.value).startswith("eq-label: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (r"h_t = h_t = h_3", True),
        (r"h_t = h_t = h_2", False),
        (r"n < 4", True),
        (r"n \ge 4", False),
        (r"b \le b", True),
        (r"n \approx 3.0001", True),
        (r"n = 3.0001", False),
        (r"W \in \mathbb{R}^{n \times 2}", True),
        (r"W \in \mathbb{R}^{2 \times n}", False),
        (r"W \text{ of shape } (n, 2)", True),
        (r"b = n", False),  # a column is not a number, whatever broadcasting says
        (r"b^{\top} = b", False),
    ],
)
def test_relations(text, holds, scope):
    (piece,) = tex.pieces(text)
    statement = tex.Statement(piece, "eq-label", ())
    if holds:
        statement.check(scope)
    else:
        with pytest.raises(AssertionError, match=r"eq-label.*t = 3"):
            statement.check(scope)


def test_a_case_may_bring_functions_of_its_own(scope):
    scope.functions |= {"F": lambda a, b: a + 2 * b, "*": lambda a, b: 5 * a, "gate": lambda v: v / 2}
    b = scope.values["b"]
    np.testing.assert_allclose(value("F(b, b)", scope, functions=("F",)), 3 * b)
    np.testing.assert_allclose(value("b * b + b", scope), 6 * b)
    np.testing.assert_allclose(value(r"\text{gate}(b)", scope, functions=("gate",)), b / 2)


def test_an_assignment_looks_at_what_is_left_afterwards(scope):
    scope.after = Scope({"n": np.float64(9)})
    (piece,) = tex.pieces(r"n \leftarrow 3 n")
    tex.Statement(piece, "eq", ()).check(scope)


def test_an_underbrace_may_be_held_to_its_name(scope):
    scope.braces["twice"] = 2 * scope.values["b"]
    value(r"\underbrace{b + b}_{\text{twice}}", scope)
    with pytest.raises(AssertionError):
        value(r"\underbrace{b + b + b}_{\text{twice}}", scope)
