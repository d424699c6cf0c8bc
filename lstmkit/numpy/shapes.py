"""Says what is wrong with an array: its name, what it was, what it should have been, and the cure."""

import numpy as np


def expect(name, array, shape, sizes):
    """Return `array` as it is, after checking its dtype and its shape, or raise ValueError.

    `shape` is written in letters, as in "T B D" or "4H D".  `sizes` is a dict that maps each letter to its size, and
    "dtype" to the dtype that all arrays share.  A letter not met before is learnt from this array.
    """
    array = np.asarray(array)
    if array.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"{name} must be float32 or float64, but it is {array.dtype}: convert it, for example with "
            f"np.asarray({name}, dtype=np.float64)"
        )
    dtype, owner = sizes.setdefault("dtype", (array.dtype, name))
    if array.dtype != dtype:
        raise ValueError(
            f"{name} is {array.dtype}, but {owner} is {dtype}: "
            "all arrays of one call share one dtype, so convert one of them"
        )
    letters = shape.split()
    if array.ndim == len(letters):
        for letter, size in zip(letters, array.shape, strict=True):
            factor, letter = int(letter[:-1] or 1), letter[-1]
            if size % factor == 0:
                sizes.setdefault(letter, size // factor)
    wanted = tuple(int(letter[:-1] or 1) * sizes[letter[-1]] if letter[-1] in sizes else letter for letter in letters)
    if array.shape != wanted:
        named = f"({', '.join(letters)}) = ({', '.join(map(str, wanted))})"
        raise ValueError(f"{name} must have shape {named}, but its shape is {array.shape}")
    return array


def expect_params(params, shapes, sizes):
    """Return `params` as the NamedTuple that `shapes` is, one of strings such as "4H D"; else ValueError."""
    kind = type(shapes)
    params = expect_fields("params", params, kind)
    checked = {}
    # W_h first: it alone says how many units there are, and so who is wrong where two disagree.
    for field in sorted(kind._fields, key=lambda field: field != "W_h"):
        checked[field] = expect(f"params.{field}", getattr(params, field), getattr(shapes, field), sizes)
    return kind(**checked)


def sized(shape, **sizes):
    """The numbers of a shape in letters: "4H D" with H=5 and D=3 is (20, 3)."""
    return tuple(int(letter[:-1] or 1) * sizes[letter[-1]] for letter in shape.split())


def expect_state(name, state, kind, sizes):
    """Return the NamedTuple `kind` of arrays (B, H), all zero where `state` is None; else ValueError."""
    if state is None:
        return kind(*(np.zeros((sizes["B"], sizes["H"]), sizes["dtype"][0]) for _ in kind._fields))
    state = expect_fields(name, state, kind)
    return kind(
        *(expect(f"{name}.{field}", value, "B H", sizes) for field, value in zip(kind._fields, state, strict=True))
    )


def expect_fields(name, values, kind):
    """Return `values` as the NamedTuple `kind`, whatever the shapes; ValueError unless it has that many fields."""
    if not isinstance(values, tuple | list) or len(values) != len(kind._fields):
        what = f"{len(values)} values" if isinstance(values, tuple | list) else f"a {type(values).__name__}"
        raise ValueError(f"{name} must be {kind.__name__}({', '.join(kind._fields)}), but it is {what}")
    return kind(*values)
