"""Following permutations: cups moved by hand, and multiplied as matrices."""

import math

import numpy as np
import pytest

from lstmkit.tasks import permutations


@pytest.mark.parametrize(("n", "T", "B"), [(3, 40, 5), (5, 20, 3)])
def test_the_answer_is_the_order_of_the_cups(rng, n, T, B):
    x, y = permutations.batch(rng, T, B, n)
    assert x.shape == (T, B, 2)
    assert y.shape == (T, B)
    orders = permutations.orders(n)
    assert len(set(orders)) == math.factorial(n)
    for b in range(B):
        cups = list(range(n))
        for t in range(T):
            if x[t, b, 0]:
                cups[0], cups[1] = cups[1], cups[0]
            else:
                cups.append(cups.pop(0))
            assert orders[y[t, b]] == tuple(cups)


@pytest.mark.parametrize("n", [3, 5])
def test_the_answers_multiply_like_matrices(rng, n):
    """Two halves of a shuffle, composed as permutation matrices, give the whole."""
    T = 12
    x, y = permutations.batch(rng, T, 1, n)
    eye = np.eye(n, dtype=int)
    swap, cycle = eye[[1, 0, *range(2, n)]], np.roll(eye, -1, axis=0)
    product = eye
    for t in range(T):
        product = (swap if x[t, 0, 0] else cycle) @ product
    assert (product @ np.arange(n)).tolist() == list(permutations.orders(n)[y[-1, 0]])


def test_guessing_is_no_better_late_than_the_share_says(rng):
    _, y = permutations.batch(rng, 60, 6000)
    share = np.bincount(y[-1], minlength=6) / 6000
    np.testing.assert_allclose(share, permutations.guess(3), atol=0.03)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (permutations.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("T", "B", "n", "name"), [(0, 3, 3, "T"), (5, 0, 3, "B"), (5, 3, 2, "n"), (5, 3, 4, "n")])
def test_bad_sizes_are_named(rng, T, B, n, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        permutations.batch(rng, T, B, n)
