"""Google's share price on every trading day from 19 August 2004 to 14 October 2008, adjusted for splits.

Source: `goog.npz`, one of the sample files that ship with Matplotlib for its examples.
Licence: Matplotlib's own, a BSD-style one.
Needs Matplotlib, which is optional:  pip install "lstmkit[plot]"
"""

import hashlib
from typing import NamedTuple

import numpy as np

SHA256 = "9bdaba56639528e0d96b350361ce14ba93eaa3475fb1377fd78c93df95d45a7b"


class Prices(NamedTuple):
    """The series, oldest day first."""

    dates: np.ndarray  # (1047,) datetime64[D]
    close: np.ndarray  # (1047,) float64, adjusted closing price in dollars


def sha256(dates, close):
    """Digest of the two columns, days since 1970 and price, side by side as little-endian float64."""
    return hashlib.sha256(np.column_stack([dates.astype(np.int64), close]).astype("<f8").tobytes()).hexdigest()


def load():
    """All trading days, oldest first.  No network: the file ships with Matplotlib."""
    try:
        from matplotlib import cbook
    except ImportError as error:
        raise ImportError(
            'the price series ships with matplotlib, which is not installed: pip install "lstmkit[plot]"'
        ) from error
    with cbook.get_sample_data("goog.npz") as archive:
        table = archive["price_data"]
    dates = table["date"].astype("datetime64[D]")
    close = table["adj_close"].astype(np.float64)
    found = sha256(dates, close)
    if found != SHA256:
        raise ValueError(
            f"matplotlib's goog.npz has SHA-256 {found}, expected {SHA256}: this version of matplotlib ships "
            "other values, so the book's numbers would not be comparable; install the version named in constraints.txt"
        )
    return Prices(dates, close)
