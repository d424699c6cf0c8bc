"""Carbon dioxide: right data, honest gaps, and no line drawn from a value that a forecaster may not know."""

import importlib.util
import sys

import numpy as np
import pytest

from lstmkit.data import co2
from lstmkit.data.split import split

needs_data = pytest.mark.skipif(
    importlib.util.find_spec("statsmodels") is None, reason="the series ships with statsmodels"
)


@needs_data
def test_the_series():
    months, ppm, weeks = co2.load()
    assert months.shape == ppm.shape == weeks.shape == (526,)
    assert months[0] == np.datetime64("1958-03")
    assert months[-1] == np.datetime64("2001-12")
    assert (np.diff(months) == np.timedelta64(1, "M")).all()
    assert np.nanmin(ppm) > 310
    assert np.nanmax(ppm) < 375
    np.testing.assert_array_equal(np.isnan(ppm), weeks == 0)
    assert weeks.max() <= 5


@needs_data
def test_gaps_lie_in_1958_and_1964_and_so_in_any_sensible_training_part():
    months, ppm, _ = co2.load()
    gaps = months[np.isnan(ppm)].astype("datetime64[Y]")
    assert set(gaps.astype(str)) == {"1958", "1964"}
    train, validation, test = split(ppm)
    assert np.isnan(train).any()
    assert np.isfinite(np.concatenate([validation, test])).all()


@needs_data
def test_the_monthly_means_agree_with_pandas():
    from statsmodels.datasets import co2 as source

    by_pandas = source.load_pandas().data["co2"].resample("MS").mean()
    np.testing.assert_allclose(co2.load().ppm, by_pandas.to_numpy(), rtol=1e-13)
    np.testing.assert_allclose(co2.fill(co2.load().ppm), by_pandas.interpolate().to_numpy(), rtol=1e-13)


def test_a_month_is_the_mean_of_its_measured_weeks():
    days = np.array(["2000-01-01", "2000-01-29", "2000-02-05", "2000-04-01", "2000-04-08"], "datetime64[D]")
    months, ppm, weeks = co2.monthly(days, np.array([1.0, 4.0, np.nan, 7.0, np.nan]))
    assert months.astype(str).tolist() == ["2000-01", "2000-02", "2000-03", "2000-04"]
    np.testing.assert_array_equal(ppm, [2.5, np.nan, np.nan, 7.0])
    assert weeks.tolist() == [2, 0, 0, 1]


def test_filling_is_a_straight_line_and_leaves_the_argument_alone():
    ppm = np.array([1.0, np.nan, np.nan, 4.0, 5.0, np.nan, 3.0])
    kept = ppm.copy()
    np.testing.assert_allclose(co2.fill(ppm), [1, 2, 3, 4, 5, 4, 3])
    np.testing.assert_array_equal(ppm, kept)


def test_a_filled_training_part_does_not_see_what_follows(rng):
    """Filled after the split, as the docstring says; before it, a gap at the cut would take the next value in."""
    ppm = rng.normal(size=30)
    ppm[[4, 5, 12]] = np.nan
    changed = ppm.copy()
    changed[21:] += 100
    np.testing.assert_array_equal(co2.fill(split(ppm).train), co2.fill(split(changed).train))


@pytest.mark.parametrize("ppm", [[np.nan, 1.0], [1.0, np.nan], [np.nan], [[1.0, 2.0]]])
def test_a_gap_at_an_end_is_refused(ppm):
    with pytest.raises(ValueError, match=r"^ppm must be one series that begins and ends with a value"):
        co2.fill(ppm)


@needs_data
def test_other_values_are_refused(monkeypatch):
    monkeypatch.setattr(co2, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="SHA-256"):
        co2.load()


def test_without_statsmodels_the_message_names_the_cure(monkeypatch):
    for name in ("statsmodels", "statsmodels.datasets", "statsmodels.datasets.co2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"lstmkit\[data\]"):
        co2.load()
