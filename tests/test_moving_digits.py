"""Moving digits: found again in each frame, stepping and bouncing one step at a time."""

import numpy as np
import pytest

from lstmkit.tasks import moving_digits


def corner(frame, picture):
    """The places (row, column) at which a frame (S, S) is this picture and black elsewhere."""
    h, w = picture.shape
    found = []
    for r in range(frame.shape[0] - h + 1):
        for c in range(frame.shape[1] - w + 1):
            rest = frame.copy()
            rest[r : r + h, c : c + w] -= picture
            if not rest.any():
                found.append((r, c))
    return found


def test_a_digit_walks_straight_and_bounces(rng):
    T, B, S = 25, 6, 9
    picture = rng.uniform(0.1, 1.0, (1, 4, 3))  # taller than wide: rows and columns are not the same
    x = moving_digits.batch(rng, T, B, S, pictures=picture)
    assert x.shape == (T, B, 1, S, S)
    for b in range(B):
        path = []
        for t in range(T):
            (place,) = corner(x[t, b, 0], picture[0])
            path.append(place)
        for axis, room in ((0, S - 4), (1, S - 3)):
            walk = [place[axis] for place in path]
            assert any(_walk(walk[0], v, room, T) == walk for v in (-2, -1, 1, 2))


def _walk(p, v, room, T):
    """Step by step, turning round at a wall and going on by what is left of the step."""
    walk = [p]
    for _ in range(T - 1):
        p += v
        if p < 0 or p > room:
            p, v = (-p if p < 0 else 2 * room - p), -v
        walk.append(p)
    return walk


def test_every_velocity_is_drawn(rng):
    x = moving_digits.batch(rng, 2, 600, 30, pictures=np.ones((1, 1, 1)))[:, :, 0]
    rows, columns = (x.sum(axis=axis).argmax(axis=-1) for axis in (3, 2))
    for path in (rows, columns):
        inside = (path[0] >= 2) & (path[0] < 28)
        assert set(np.diff(path, axis=0)[0, inside].tolist()) == {-2, -1, 1, 2}


def test_no_place_and_no_picture_is_left_out(rng):
    pictures = np.arange(1.0, 4.0)[:, None, None] * np.ones((3, 2, 2))
    x = moving_digits.batch(rng, 1, 600, 4, pictures=pictures)[0, :, 0]
    assert np.unique(x.max(axis=(1, 2))).tolist() == [1, 2, 3]
    corners = {tuple(np.argwhere(frame)[0].tolist()) for frame in x}
    assert corners == {(r, c) for r in range(3) for c in range(3)}


def test_where_two_overlap_the_brighter_wins(rng):
    pictures = np.ones((1, 3, 3)) * 0.5
    x = moving_digits.batch(rng, 6, 40, 5, digits=2, pictures=pictures)
    assert set(np.unique(x)) == {0.0, 0.5}
    lit = (x > 0).sum(axis=(2, 3, 4))
    assert lit.min() < 18  # some overlap,
    assert lit.max() <= 18  # and none is larger than two


def test_a_picture_that_fills_the_frame_stands_still(rng):
    x = moving_digits.batch(rng, 4, 3, 8)
    np.testing.assert_array_equal(x[1:], x[:-1])
    assert moving_digits.copy_last_error(x) == 0


def test_the_error_of_repeating_the_last_frame(rng):
    x = moving_digits.batch(rng, 5, 4)
    errors = [np.sum((x[t + 1, b] - x[t, b]) ** 2) for t in range(4) for b in range(4)]
    assert moving_digits.copy_last_error(x) == pytest.approx(np.mean(errors), rel=1e-12)
    assert moving_digits.copy_last_error(x) > 0


def test_the_ten_digits_differ_and_are_drawn_as_on_a_pocket_calculator():
    strokes = moving_digits.STROKES
    assert strokes.shape == (10, 8, 8)
    assert len({digit.tobytes() for digit in strokes}) == 10
    assert (strokes <= strokes[8]).all()  # the eight has every stroke
    bar, sides = " ###### ", " #    # "
    eight = [bar, sides, sides, bar, sides, sides, sides, bar]
    assert ["".join(" #"[int(pixel)] for pixel in row) for row in strokes[8]] == eight
    assert np.argwhere(strokes[1]).tolist() == [[row, 6] for row in range(8)]
    np.testing.assert_array_equal(strokes[0][::-1], strokes[0])
    np.testing.assert_array_equal(strokes[5].sum(axis=1), [5, 1, 1, 6, 1, 1, 1, 5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (moving_digits.batch(np.random.default_rng(3), 5, 2, digits=2, dtype=dtype) for _ in range(2))
    assert one.dtype == dtype
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("name", "value"), [("T", 0), ("B", 0), ("S", 7), ("digits", 0)])
def test_bad_sizes_are_named(rng, name, value):
    with pytest.raises(ValueError, match=f"^{name} is "):
        moving_digits.batch(rng, **{"T": 5, "B": 2, name: value})


@pytest.mark.parametrize("shape", [(8, 8), (0, 8, 8), (3, 8, 0)])
def test_bad_pictures_are_named(rng, shape):
    with pytest.raises(ValueError, match=r"^pictures must have shape"):
        moving_digits.batch(rng, 5, 2, pictures=np.zeros(shape))
