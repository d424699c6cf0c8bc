"""Carbon dioxide in the air above Mauna Loa, Hawaii: the monthly mean of weekly samples, 1958 to 2001, in ppm.

A trend and a yearly swing, both large beside the noise: a series that a network fed with its levels gets wrong, since
the levels of the future lie outside all that it has seen.

The table holds one sample a week, and some weeks are missing.  A month's value is the mean of the weeks that were
measured in it, and `weeks` says how many those were; where it is 0, `ppm` is NaN.  `fill` draws a straight line across
such gaps, which needs the value behind them: fill the parts of a split, never the whole series before it is split.

Source: Keeling & Whorf (2004), flask samples of the Scripps Institution of Oceanography, as shipped in
`statsmodels.datasets.co2`.
Licence: public domain, says the data set's own notice.
Needs statsmodels, which is optional:  pip install "lstmkit[data]"
"""

import hashlib
from typing import NamedTuple

import numpy as np

SHA256 = "e15447813f660c732bb52539e35e7748ac0a46b1ec197f32efb8fcebfc0e2114"


class Co2(NamedTuple):
    """The series, oldest month first."""

    months: np.ndarray  # (526,) datetime64[M], March 1958 to December 2001, none left out
    ppm: np.ndarray  # (526,) float64, parts per million by volume; NaN in a month without a measurement
    weeks: np.ndarray  # (526,) int64, the weeks that were measured in it


def sha256(days, ppm):
    """Digest of the weekly table, days since 1970 and ppm (NaN where missing) side by side as little-endian float64."""
    return hashlib.sha256(np.column_stack([days.astype(np.int64), ppm]).astype("<f8").tobytes()).hexdigest()


def load():
    """The whole series, oldest month first.  No network: the table ships with statsmodels."""
    try:
        from statsmodels.datasets import co2
    except ImportError as error:
        raise ImportError(
            'the CO2 series ships with statsmodels, which is not installed: pip install "lstmkit[data]"'
        ) from error
    table = co2.load_pandas().data
    days = table.index.to_numpy().astype("datetime64[D]")
    ppm = table["co2"].to_numpy(np.float64)
    found = sha256(days, ppm)
    if found != SHA256:
        raise ValueError(
            f"statsmodels' CO2 table has SHA-256 {found}, expected {SHA256}: "
            "this version of statsmodels ships other values, so the book's numbers would not be comparable; "
            "install the version named in constraints.txt"
        )
    return monthly(days, ppm)


def monthly(days, ppm):
    """The mean of each month from weekly values: days (N,) datetime64[D] in order, ppm (N,) with NaN where missing."""
    month = days.astype("datetime64[M]")
    place = (month - month[0]).astype(np.int64)
    measured = np.isfinite(ppm)
    weeks = np.bincount(place[measured], minlength=place[-1] + 1)
    total = np.bincount(place[measured], ppm[measured], minlength=place[-1] + 1)
    mean = np.where(weeks > 0, total / np.maximum(weeks, 1), np.nan)
    return Co2(month[0] + np.arange(len(weeks)), mean, weeks)


def fill(ppm):
    """A copy of ppm (N,) with a straight line across each run of NaN, from the value before to the value behind."""
    ppm = np.array(ppm, np.float64)
    known = np.isfinite(ppm)
    if ppm.ndim != 1 or not known.any() or not known[0] or not known[-1]:
        raise ValueError(
            "ppm must be one series that begins and ends with a value: cut a gap at an end off, it has no second side"
        )
    step = np.arange(len(ppm))
    ppm[~known] = np.interp(step[~known], step[known], ppm[known])
    return ppm
