"""Every numbered equation of the architecture and gates chapters, evaluated at random points.

As tests/test_equations.py does for the mathematics chapter: the right-hand sides are typed once more from the page,
and an equation without a test, or a test without an equation, fails.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from lstmkit.cells import lstm as cell
from lstmkit.experiments.gates_on_adding import shift_and_spread
from lstmkit.numpy import lstm
from lstmkit.numpy.functions import d_sigmoid, sigmoid

CHAPTERS = Path(__file__).parent.parent / "chapters"
EQUATIONS = {}


def equation(label):
    """Files a test under the label that its equation has on the page."""

    def file(test):
        EQUATIONS[label] = test
        return test

    return file


def σ(a):
    return 1 / (1 + np.exp(-a))


@equation("eq-arch-gates")
def test_gates(rng):
    a, c_prev = rng.normal(size=(4, 7)), rng.normal(size=7)
    _, _, i, f, g, o, _ = cell.step(*a, c_prev)
    np.testing.assert_allclose([i, f, g, o], [σ(a[0]), σ(a[1]), np.tanh(a[2]), σ(a[3])], rtol=1e-12)


@equation("eq-arch-c")
def test_cell_state(rng):
    a, c_prev = rng.normal(size=(4, 7)), rng.normal(size=7)
    _, c, i, f, g, *_ = cell.step(*a, c_prev)
    np.testing.assert_allclose(c, f * c_prev + i * g, rtol=1e-12)


@equation("eq-arch-h")
def test_hidden_state(rng):
    a, c_prev = rng.normal(size=(4, 7)), rng.normal(size=7)
    h, c, _, _, _, o, _ = cell.step(*a, c_prev)
    np.testing.assert_allclose(h, o * np.tanh(c), rtol=1e-12)


@equation("eq-arch-retention")
@pytest.mark.parametrize("b", [0.0, 1.0, 3.0])
def test_retention(rng, b):
    T, H = 20, 3
    params = lstm.Params(np.zeros((4 * H, 1)), np.zeros((4 * H, H)), np.repeat([-1e6, b, 0.0, 0.0], H))
    c = rng.normal(size=(1, H))
    _, (_, c_T), cache = lstm.forward(params, rng.normal(size=(T, 1, 1)), lstm.State(np.zeros((1, H)), c))
    np.testing.assert_allclose(c_T / c, σ(b) ** T, rtol=1e-12)
    np.testing.assert_allclose(c_T[0] / c[0], lstm.read_gates(cache).f[:, 0].prod(axis=0), rtol=1e-12)


@equation("eq-arch-halflife")
def test_half_life(rng):
    b = rng.uniform(-2, 8)
    half_life = np.log(2) / -np.log(σ(b))
    assert σ(b) ** half_life == pytest.approx(0.5)
    assert np.log(2) / -np.log(σ(12.0)) == pytest.approx(np.exp(12.0) * np.log(2), rel=1e-4)


@equation("eq-arch-split")
def test_split(rng):
    e = rng.normal(0.5, 2, 100)
    assert (e**2).mean() == pytest.approx(e.mean() ** 2 + ((e - e.mean()) ** 2).mean())
    assert shift_and_spread(e) == pytest.approx((e.mean() ** 2, ((e - e.mean()) ** 2).mean()))


@equation("eq-gates-gate")
def test_a_gate_is_a_sigmoid_and_a_product(rng):
    B, D, H = 3, 2, 5
    params = lstm.init_params(rng, D, H)._replace(b=rng.normal(size=4 * H))
    x, h, c = rng.normal(size=(B, D)), rng.normal(size=(B, H)), rng.normal(size=(B, H))

    def gate(block, v):
        rows = slice(block * H, (block + 1) * H)
        return σ(x @ params.W_x[rows].T + h @ params.W_h[rows].T + params.b[rows]) * v

    g = np.tanh(x @ params.W_x[2 * H : 3 * H].T + h @ params.W_h[2 * H : 3 * H].T + params.b[2 * H : 3 * H])
    new, _ = lstm.step(params, x, lstm.State(h, c))
    np.testing.assert_allclose(new.c, gate(1, c) + gate(0, g), rtol=1e-10)
    np.testing.assert_allclose(new.h, gate(3, np.tanh(new.c)), rtol=1e-10)


@equation("eq-gates-saturation")
def test_saturation(rng):
    a = rng.normal(0, 3, 50)
    eps = 1e-5
    np.testing.assert_allclose((σ(a + eps) - σ(a - eps)) / (2 * eps), d_sigmoid(sigmoid(a)), atol=1e-9)
    assert (d_sigmoid(sigmoid(a)) <= 0.25).all()
    np.testing.assert_allclose(d_sigmoid(sigmoid(np.array([-12.0, 12.0]))), np.exp(-12.0), rtol=1e-4)


@pytest.mark.parametrize(("i", "f", "name"), [(0, 1, "hold"), (1, 1, "add"), (1, 0, "overwrite"), (0, 0, "erase")])
def test_the_four_corners(rng, i, f, name):
    a_g, c_prev = rng.normal(), rng.normal()
    wide, shut = np.inf, -np.inf
    _, c, *_ = cell.step(wide if i else shut, wide if f else shut, a_g, 0.0, c_prev)
    expected = {"hold": c_prev, "add": c_prev + np.tanh(a_g), "overwrite": np.tanh(a_g), "erase": 0.0}
    assert c == pytest.approx(expected[name])


def test_every_equation_is_tested():
    pages = "".join((CHAPTERS / f"{name}.md").read_text(encoding="utf-8") for name in ("architecture", "gates"))
    assert set(re.findall(r"^:label: (eq-\S+)", pages, re.MULTILINE)) == set(EQUATIONS)
