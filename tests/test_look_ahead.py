"""Looking ahead: the rule, step by step, and what the past alone allows."""

import numpy as np
import pytest

from lstmkit.tasks import look_ahead

RULES = {
    "future": (look_ahead.future, lambda past, later: later, 0.5),
    "and": (np.bitwise_and, lambda past, later: int(past == later == 1), 0.75),
    "xor": (np.bitwise_xor, lambda past, later: int(past != later), 0.5),
}


@pytest.mark.parametrize(("T", "B", "ahead"), [(3, 1, 1), (30, 5, 3), (9, 4, 7)])
@pytest.mark.parametrize("name", RULES)
def test_the_rule(rng, name, T, B, ahead):
    ours, by_hand, _ = RULES[name]
    x, y = look_ahead.batch(rng, T, B, ours, ahead)
    assert x.shape == (T, B, 1)
    assert y.shape == (T, B)
    for b in range(B):
        for t in range(T):
            if 1 <= t < T - ahead:
                assert y[t, b] == by_hand(int(x[t - 1, b, 0]), int(x[t + ahead, b, 0]))
            else:
                assert y[t, b] == -1


@pytest.mark.parametrize("name", RULES)
def test_what_the_past_allows_is_reached_by_a_table_of_the_bits_seen(rng, name):
    """The best table from the bits of steps t - 1 and t to the answer does no better, up to chance."""
    ours, _, accuracy = RULES[name]
    assert look_ahead.causal_accuracy(ours) == accuracy
    x, y = look_ahead.batch(rng, 5, 8000, ours)
    seen = 2 * x[0, :, 0] + x[1, :, 0]
    hits = sum(max(np.sum(y[1, seen == s] == answer) for answer in (0, 1)) for s in range(4))
    assert hits / 8000 == pytest.approx(accuracy, abs=0.04)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (look_ahead.batch(np.random.default_rng(3), 9, 5, dtype=dtype) for _ in range(2))
    assert one[0].dtype == dtype
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("sizes", "name"), [({"T": 4}, "T"), ({"B": 0}, "B"), ({"ahead": 0}, "ahead")])
def test_bad_sizes_are_named(rng, sizes, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        look_ahead.batch(rng, **{"T": 9, "B": 2, **sizes})
