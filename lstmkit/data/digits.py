"""Handwritten digits, 8 x 8 pixels: 1797 of them, by 13 people.

Small enough that a network which reads them row by row or pixel by pixel trains in seconds.  `load` leaves them in the
order of their source, and `split` shuffles them with a seed.  Who wrote which digit is not recorded, so training and
test pictures share their writers: a test on new digits, not on new hands.

Source: E. Alpaydin and C. Kaynak, the test set of "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository (1998), as shipped in `sklearn.datasets.load_digits`.
Licence: Creative Commons Attribution 4.0, as the repository states for the set.
Needs scikit-learn, which is optional:  pip install "lstmkit[data]"
"""

import hashlib
from typing import NamedTuple

import numpy as np

SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"


class Digits(NamedTuple):
    """The pictures and what they show."""

    images: np.ndarray  # (N, 8, 8) float64 from 0 to 1, row by row from the top
    labels: np.ndarray  # (N,) int64, 0 to 9


def sha256(images, labels):
    """Digest of the pixels 0 to 16 (N, 8, 8) and labels (N,), one row of 65 bytes a picture."""
    table = np.column_stack([np.reshape(images, (len(images), 64)), labels])
    return hashlib.sha256(table.astype(np.uint8).tobytes()).hexdigest()


def load():
    """All 1797 pictures, as Digits.  No network: they ship with scikit-learn."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'the digits ship with scikit-learn, which is not installed: pip install "lstmkit[data]"'
        ) from error
    bunch = load_digits()
    found = sha256(bunch.images, bunch.target)
    if found != SHA256:
        raise ValueError(
            f"scikit-learn's digits have SHA-256 {found}, expected {SHA256}: this version ships other pictures, so the "
            "book's numbers would not be comparable; install another version of scikit-learn"
        )
    return Digits(bunch.images / 16.0, bunch.target.astype(np.int64))


def split(digits, n_train=1297, seed=0):
    """Shuffle and cut: Digits to train on, n_train of them, and the rest to test on, (N, 8, 8) and (N,) each."""
    if not isinstance(n_train, int | np.integer) or not 0 < n_train < len(digits.labels):
        raise ValueError(f"n_train is {n_train!r}; it must be an integer from 1 to {len(digits.labels) - 1}")
    order = np.random.default_rng(seed).permutation(len(digits.labels))
    first, rest = order[:n_train], order[n_train:]
    return Digits(digits.images[first], digits.labels[first]), Digits(digits.images[rest], digits.labels[rest])
