"""Moving digits: small pictures drift across a square and bounce off its walls; what will the next frame show?

One frame does not show the velocity, two do, and behind the wall it turns round.  The picture is drawn from those that
are passed in (of training and test digits apart, if the digits are to be new as well); left out, it is one of ten
digits of seven strokes, `STROKES`, so that the task needs no data.  Where two digits overlap, the brighter wins.
Whoever repeats the last frame has the squared error `copy_last_error(x)`.

T frames, B movies, S rows and columns.  x: (T, B, 1, S, S), with one channel, as convolutions want it; values as in the
pictures, 0 where there is none.  The answer to x[:-1] is x[1:].

Source: Srivastava, Mansimov & Salakhutdinov (2015), at a quarter of the size; Shi et al. (2015) for the convolutional
LSTM on it.
"""

import numpy as np

from lstmkit.tasks.sizes import expect, expect_batch

# Rows and columns of the seven strokes in a square of 8 x 8: top, middle, bottom; upper and lower, left and right.
_STROKES = {
    "t": np.s_[0, 2:6], "m": np.s_[3, 2:6], "b": np.s_[7, 2:6],
    "l": np.s_[0:4, 1], "r": np.s_[0:4, 6], "L": np.s_[3:8, 1], "R": np.s_[3:8, 6],
}  # fmt: skip
STROKES = np.zeros((10, 8, 8))  # (digit, row, column)
for _digit, _strokes in enumerate(
    ("tblrLR", "rR", "trmLb", "trmRb", "lmrR", "tlmRb", "tlmLRb", "trR", "tmblrLR", "tmblrR")
):
    for _stroke in _strokes:
        STROKES[_digit][_STROKES[_stroke]] = 1.0


def copy_last_error(x):
    """Squared error a frame, summed over its pixels, of whoever repeats the last frame of x (T, B, 1, S, S)."""
    return float(((x[1:] - x[:-1]) ** 2).sum(axis=(2, 3, 4)).mean())


def batch(rng, T, B, S=16, digits=1, pictures=STROKES, dtype=np.float64):
    """Draw B movies of T frames with so many digits in each, from pictures (N, h, w).  Returns x (T, B, 1, S, S).

    A digit moves by one or two pixels a step along each axis.
    """
    T, B = expect("T", T, 1, "a movie has at least one frame"), expect_batch(B)
    digits = expect("digits", digits, 1, "an empty movie does not move")
    pictures = np.asarray(pictures)
    if pictures.ndim != 3 or 0 in pictures.shape:
        raise ValueError(f"pictures must have shape (N, h, w) with no size 0, but its shape is {pictures.shape}")
    sides = np.array(pictures.shape[1:])
    S = expect("S", S, sides.max(), "the picture fits into the frame")
    x = np.zeros((T, B, 1, S, S), dtype)
    movie = np.arange(B)[:, None, None]
    for _ in range(digits):
        room = S - sides  # (2,): how far the upper left corner can go, down and to the right
        start = rng.integers(0, room + 1, (B, 2))
        velocity = rng.choice([-2, -1, 1, 2], (B, 2))
        picture = pictures[rng.integers(0, len(pictures), B)]
        for t in range(T):
            # Bouncing between 0 and `room` is walking straight on in a hall of mirrors, whose period is twice the room.
            distance = (start + t * velocity) % np.maximum(2 * room, 1)
            row, column = np.minimum(distance, 2 * room - distance).T
            rows = row[:, None, None] + np.arange(sides[0])[:, None]
            columns = column[:, None, None] + np.arange(sides[1])
            x[t, movie, 0, rows, columns] = np.maximum(x[t, movie, 0, rows, columns], picture)
    return x
