"""Says what is wrong with a size: its name, what it was, and why it must be larger.

T steps, B sequences, and whatever else a task counts: the letters of its shapes, such as (T, B, D).
"""

import numpy as np


def expect(name, value, least, why):
    """Return `value` as an int, after checking that it is an integer of at least `least`, or raise ValueError.

    `why` says in half a sentence what the bound means in this task, since sizes (T, B, D) differ from task to task.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {value!r}; {why}: pass an integer of at least {least}")
    return int(value)


def expect_batch(B):
    """Return the number of sequences B of any shape (T, B, D), an int of at least 1, or raise ValueError."""
    return expect("B", B, 1, "a batch holds at least one sequence")


def expect_choice(name, value, choices):
    """Return `value`, one of `choices` of any shape or kind, or raise ValueError that lists them."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, choices))}")
    return value
