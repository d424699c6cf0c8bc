"""Copy memory: what is shown is asked for, in order, and the guesser has the cross-entropy the docstring says."""

import math

import numpy as np
import pytest

from lstmkit.tasks import copying


@pytest.mark.parametrize(("T", "B", "S", "V"), [(1, 1, 1, 2), (30, 4, 10, 8), (7, 3, 2, 5)])
def test_the_end_repeats_the_beginning(rng, T, B, S, V):
    x, y = copying.batch(rng, T, B, S, V)
    assert x.shape == (T + 2 * S, B, V + 2)
    assert y.shape == (T + 2 * S, B)
    for b in range(B):  # read each sequence as a person would: up to the mark, and then from the mark on
        shown = [int(np.flatnonzero(column).item()) for column in x[:, b]]
        mark = shown.index(V + 1)
        kept = [symbol for symbol in shown[:mark] if symbol]
        assert len(kept) == S
        assert shown == kept + [0] * (T - 1) + [V + 1] + [0] * S
        assert y[:, b].tolist() == [0] * (T + S) + kept


def test_every_symbol_is_drawn(rng):
    _, y = copying.batch(rng, 1, 400, S=3, V=4)
    assert np.unique(y[-3:]).tolist() == [1, 2, 3, 4]


def test_the_loss_of_the_guesser(rng):
    T, B, S, V = 12, 50, 4, 6
    _, y = copying.batch(rng, T, B, S, V)
    p = np.zeros((T + 2 * S, B, V + 1))
    p[: T + S, :, 0] = 1.0
    p[T + S :, :, 1:] = 1 / V
    loss = -np.log(np.take_along_axis(p, y[..., None], axis=-1)).mean()
    assert loss == pytest.approx(copying.guess_loss(T, S, V), rel=1e-12)
    assert copying.guess_loss(1000) == pytest.approx(10 * math.log(8) / 1020)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(rng, dtype):
    x, y = copying.batch(rng, 5, 2, dtype=dtype)
    assert x.dtype == dtype
    assert y.dtype == np.int64


def test_the_same_seed_gives_the_same_batch():
    (x, y), (x2, y2) = (copying.batch(np.random.default_rng(3), 20, 5) for _ in range(2))
    np.testing.assert_array_equal(x, x2)
    np.testing.assert_array_equal(y, y2)


@pytest.mark.parametrize(
    ("sizes", "name"),
    [({"T": 0}, "T"), ({"T": 2.5}, "T"), ({"B": 0}, "B"), ({"S": 0}, "S"), ({"V": 1}, "V")],
)
def test_bad_sizes_are_named(rng, sizes, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        copying.batch(rng, **{"T": 5, "B": 2, **sizes})
