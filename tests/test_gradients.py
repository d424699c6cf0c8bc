"""The check that checks the others: finite differences and the relative error."""

import numpy as np
import pytest

from lstmkit.numpy.gradients import finite_difference, relative_error


def test_finite_difference_of_a_quadratic(rng):
    A, a = rng.normal(size=(3, 3)), rng.normal(size=3)
    np.testing.assert_allclose(finite_difference(lambda a: a @ A @ a, a), (A + A.T) @ a, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 1, 3), (0, 3)])
def test_finite_difference_has_the_shape_of_its_argument(rng, shape):
    a = rng.normal(size=shape)
    gradient = finite_difference(lambda a: np.sin(a).sum(), a)
    assert gradient.shape == shape
    np.testing.assert_allclose(gradient, np.cos(a), rtol=0, atol=1e-8)


def test_finite_difference_leaves_its_argument_alone(rng):
    a = rng.normal(size=(2, 3))
    before = a.copy()
    a.flags.writeable = False
    finite_difference(lambda a: (a**2).sum(), a)
    np.testing.assert_array_equal(a, before)


def test_finite_difference_does_not_hand_out_the_array_it_changes():
    """A function that keeps its argument must not see it change afterwards."""
    seen = []
    finite_difference(lambda a: seen.append(a) or 0.0, np.zeros(2), eps=1.0)
    np.testing.assert_array_equal(seen, [[1, 0], [-1, 0], [0, 1], [0, -1]])


def test_finite_difference_of_a_float32_array_is_taken_in_float64(rng):
    a = rng.normal(size=5).astype(np.float32)
    gradient = finite_difference(lambda a: (a**3).sum(), a)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 3 * a.astype(np.float64) ** 2, rtol=1e-6, atol=1e-8)


def test_relative_error():
    assert relative_error(np.array([1.0, -2.0]), np.array([1.0, -2.0])) == 0
    assert relative_error(np.array([1.0, 4.0]), np.array([1.0, 3.0])) == pytest.approx(0.25)
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0
    assert relative_error(np.zeros(2), np.array([0.0, 1e-9])) == 1
    assert isinstance(relative_error(np.ones(2), np.ones(2)), float)


def test_relative_error_of_a_nan_is_not_small():
    assert np.isnan(relative_error(np.array([np.nan, 1.0]), np.ones(2)))
    assert np.isnan(relative_error(np.array([np.nan, 0.0]), np.zeros(2)))


def test_relative_error_refuses_different_shapes():
    with pytest.raises(ValueError, match=r"\(2,\).*\(2, 1\)"):
        relative_error(np.ones(2), np.ones((2, 1)))
