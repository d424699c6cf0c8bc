"""Associative recall: a dictionary gives every answer."""

import numpy as np
import pytest

from lstmkit.tasks import recall


@pytest.mark.parametrize(("K", "B", "Q", "M", "V"), [(1, 1, 1, 1, 2), (4, 6, 4, 64, 16), (5, 3, 9, 5, 3)])
def test_a_dictionary_answers(rng, K, B, Q, M, V):
    x, y = recall.batch(rng, K, B, Q, M, V)
    assert x.shape == (K + Q, B, M + V + 1)
    assert y.shape == (K + Q, B)
    assert (x.sum(axis=-1) == 2).all()  # a key, and a value or the blank
    for b in range(B):
        memory = {}
        for t in range(K + Q):
            key = int(np.flatnonzero(x[t, b, :M]).item())
            if t < K:
                assert key not in memory
                memory[key] = int(np.flatnonzero(x[t, b, M:]).item())
                assert memory[key] < V
                assert y[t, b] == -1
            else:
                assert x[t, b, -1] == 1
                assert y[t, b] == memory[key]


def test_every_key_is_drawn_and_asked(rng):
    x, _ = recall.batch(rng, 2, 3000, M=5, V=2)
    assert (x[:2, :, :5].mean(axis=(0, 1)) > 0.1).all()
    assert (x[2:, :, :5].mean(axis=(0, 1)) > 0.1).all()


def test_guessing(rng):
    _, y = recall.batch(rng, 3, 4000, V=4)
    assert np.mean(y[3:] == 0) == pytest.approx(recall.guess(4), abs=0.03)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (recall.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("sizes", "name"), [({"K": 0}, "K"), ({"B": 0}, "B"), ({"Q": 0}, "Q"), ({"M": 3}, "M"), ({"V": 1}, "V")]
)
def test_bad_sizes_are_named(rng, sizes, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        recall.batch(rng, **{"K": 4, "B": 2, **sizes})
