"""Sunspots: one number a year, 1700 to 2008, the series that autoregression was invented for (Yule, 1927).

The yearly mean of the international sunspot number, also called Wolf or Zürich number, in its first
version.  The Sun's cycle takes about eleven years, now ten, now twelve, and its height varies threefold.
The number was recalibrated in 2015, so a table downloaded today shows larger values.

Source: U.S. National Geophysical Data Center, as shipped in `statsmodels.datasets.sunspots`.
Licence: public domain, says the data set's own notice.
Needs statsmodels, which is optional:  pip install "lstmkit[data]"
"""

import hashlib
from typing import NamedTuple

import numpy as np

SHA256 = "8079d305fa3cb6b7bb916342bf69900a2cd9df93634e3db3153f8e4a9d72964a"


class Sunspots(NamedTuple):
    """The series, oldest year first."""

    years: np.ndarray  # (309,) int64, 1700 to 2008
    activity: np.ndarray  # (309,) float64, the yearly mean sunspot number


def sha256(years, activity):
    """Digest of the two columns, side by side as little-endian float64."""
    return hashlib.sha256(np.column_stack([years, activity]).astype("<f8").tobytes()).hexdigest()


def load():
    """The whole series, oldest year first.  No network: the table ships with statsmodels."""
    try:
        from statsmodels.datasets import sunspots
    except ImportError as error:
        raise ImportError(
            'the sunspot series ships with statsmodels, which is not installed: pip install "lstmkit[data]"'
        ) from error
    table = sunspots.load_pandas().data
    years = table["YEAR"].to_numpy(np.int64)
    activity = table["SUNACTIVITY"].to_numpy(np.float64)
    found = sha256(years, activity)
    if found != SHA256:
        raise ValueError(
            f"statsmodels' sunspot table has SHA-256 {found}, expected {SHA256}: "
            "this version of statsmodels ships other values, so the book's numbers would not be comparable; "
            "install the version named in constraints.txt"
        )
    return Sunspots(years, activity)
