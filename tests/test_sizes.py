"""The messages about sizes: the name, what it was, and why."""

import numpy as np
import pytest

from lstmkit.tasks import sizes


@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(3)])
def test_an_integer_that_is_large_enough_comes_back(value):
    assert sizes.expect("T", value, 2, "why") == value
    assert type(sizes.expect("T", value, 2, "why")) is int


@pytest.mark.parametrize("value", [1, -3, 2.0, "2", None, True, np.int8(0), np.array([2])])
def test_anything_else_is_named_with_the_reason(value):
    with pytest.raises(ValueError, match=r"^T is .*; one mark falls in each half: pass an integer of at least 2$"):
        sizes.expect("T", value, 2, "one mark falls in each half")


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match=r"^B is 0; a batch holds at least one sequence"):
        sizes.expect_batch(0)
    assert sizes.expect_batch(1) == 1


def test_choices_are_listed():
    assert sizes.expect_choice("n", 3, (3, 5)) == 3
    with pytest.raises(ValueError, match=r"^n is 4; it must be one of 3, 5$"):
        sizes.expect_choice("n", 4, (3, 5))
