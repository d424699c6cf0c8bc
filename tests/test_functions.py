"""The functions of lstmkit.numpy.functions: their values, their derivatives, and their behaviour at the edges."""

import math

import numpy as np
import pytest

from lstmkit.numpy import functions
from lstmkit.numpy.gradients import finite_difference, relative_error

DTYPES = (np.float32, np.float64)


def test_sigmoid_is_the_logistic_function(rng):
    a = rng.normal(scale=5, size=200)
    expected = [1 / (1 + math.exp(-v)) for v in a]
    np.testing.assert_allclose(functions.sigmoid(a), expected, rtol=0, atol=1e-15)


def test_tanh_is_the_hyperbolic_tangent(rng):
    a = rng.normal(scale=5, size=200)
    np.testing.assert_allclose(functions.tanh(a), [math.tanh(v) for v in a], rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("error")
def test_sigmoid_does_not_overflow(dtype):
    with np.errstate(all="raise", under="ignore"):
        y = functions.sigmoid(np.array([-np.inf, -1000, 0, 1000, np.inf], dtype))
    np.testing.assert_array_equal(y, np.array([0, 0, 0.5, 1, 1], dtype))


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_derivative_in_terms_of_the_output(rng, name):
    function, derivative = getattr(functions, name), getattr(functions, f"d_{name}")
    a = rng.normal(size=(3, 4))
    by_difference = finite_difference(lambda a: function(a).sum(), a)
    assert relative_error(derivative(function(a)), by_difference) < 1e-8


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax_is_positive_and_sums_to_one(rng, axis):
    a = rng.normal(size=(3, 4, 5))
    y = functions.softmax(a, axis=axis)
    assert y.shape == a.shape
    assert (y > 0).all()
    np.testing.assert_allclose(y.sum(axis=axis), 1, rtol=1e-14)
    np.testing.assert_allclose(y, np.exp(a) / np.exp(a).sum(axis=axis, keepdims=True), rtol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("error")
def test_softmax_does_not_overflow(dtype):
    with np.errstate(all="raise", under="ignore"):
        y = functions.softmax(np.array([[1000, -1000, 1000], [-1000, -1000, -1000]], dtype))
    np.testing.assert_allclose(y, [[0.5, 0, 0.5], [1 / 3] * 3], rtol=1e-6)


@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_derivative(rng, axis):
    a, d_y = rng.normal(size=(2, 3, 4))
    by_difference = finite_difference(lambda a: (functions.softmax(a, axis) * d_y).sum(), a)
    assert relative_error(functions.d_softmax(functions.softmax(a, axis), d_y, axis), by_difference) < 1e-8


def test_cross_entropy_and_its_derivative_against_torch(rng, torch):
    logits, labels = rng.normal(scale=3, size=(6, 4)), rng.integers(4, size=6)
    leaf = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(leaf, torch.tensor(labels))
    loss.backward()
    assert functions.cross_entropy(logits, labels) == pytest.approx(loss.item(), rel=1e-13)
    np.testing.assert_allclose(functions.d_cross_entropy(logits, labels), leaf.grad, rtol=1e-12, atol=1e-15)


def test_cross_entropy_derivative_against_finite_differences(rng):
    logits, labels = rng.normal(size=(5, 3)), rng.integers(3, size=5)
    by_difference = finite_difference(lambda a: functions.cross_entropy(a, labels), logits)
    assert relative_error(functions.d_cross_entropy(logits, labels), by_difference) < 1e-8


@pytest.mark.filterwarnings("error")
def test_cross_entropy_of_a_certain_answer():
    """log 0 is never taken: a certain and wrong answer costs its distance, a certain and right one nothing."""
    logits = np.array([[1000.0, -1000.0]])
    assert functions.cross_entropy(logits, np.array([0])) == 0
    assert functions.cross_entropy(logits, np.array([1])) == 2000


def test_uniform_logits_cost_log_k():
    assert functions.cross_entropy(np.zeros((3, 7)), np.array([0, 3, 6])) == pytest.approx(math.log(7))


CALLS = {
    "sigmoid": lambda a: functions.sigmoid(a),
    "d_sigmoid": lambda a: functions.d_sigmoid(a),
    "tanh": lambda a: functions.tanh(a),
    "d_tanh": lambda a: functions.d_tanh(a),
    "softmax": lambda a: functions.softmax(a),
    "d_softmax": lambda a: functions.d_softmax(a, a),
    "d_cross_entropy": lambda a: functions.d_cross_entropy(a, np.array([0, 1, 1])),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_dtype_is_kept_and_the_input_untouched(rng, name, dtype):
    a = rng.normal(size=(3, 2)).astype(dtype)
    before = a.copy()
    a.flags.writeable = False
    y = CALLS[name](a)
    assert y.dtype == dtype
    assert y.shape == a.shape
    assert not np.shares_memory(y, a)
    np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("name", CALLS)
def test_nan_comes_out_as_nan(name):
    a = np.array([[0.5, np.nan], [0.1, 0.2], [0.3, 0.4]])
    y = CALLS[name](a)
    assert np.isnan(y[0, 1])
    assert not np.isnan(y[1:]).any()
