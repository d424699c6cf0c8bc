"""The autocorrelation, the share price it is measured on, and what the chapter says of the three series."""

import sys

import numpy as np
import pytest

from lstmkit.data import goog
from lstmkit.experiments import autocorrelation


def test_a_sine_comes_back_after_its_period():
    acf = autocorrelation.autocorrelation(np.sin(2 * np.pi * np.arange(1000) / 10), [5, 10])
    np.testing.assert_allclose(acf, [-1, 1], atol=0.02)


def test_it_is_the_textbook_sum(rng):
    x = rng.normal(size=30)
    d = x - x.mean()
    by_hand = sum(d[t] * d[t - 3] for t in range(3, 30)) / sum(d**2)
    assert autocorrelation.autocorrelation(x, [3])[0] == pytest.approx(by_hand)


def test_independent_values_stay_inside_the_band(rng):
    x = rng.normal(size=100_000)
    assert np.abs(autocorrelation.autocorrelation(x, autocorrelation.LAGS)).max() < 5 / np.sqrt(100_000)


def test_the_prices():
    pytest.importorskip("matplotlib")
    dates, close = goog.load()
    assert str(dates[0]) == "2004-08-19"
    assert str(dates[-1]) == "2008-10-14"
    assert (np.diff(dates).astype(int) > 0).all()
    assert (close > 0).all()


def test_other_prices_are_refused(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(goog, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="SHA-256"):
        goog.load()


def test_without_matplotlib_the_message_names_the_cure(monkeypatch):
    for name in ("matplotlib", "matplotlib.cbook"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"lstmkit\[plot\]"):
        goog.load()


def test_what_the_chapter_says():
    pytest.importorskip("matplotlib")
    pytest.importorskip("statsmodels")
    r = autocorrelation.run()
    assert r["sunspots"]["outside"] == 18
    assert r["returns"]["outside"] == 2
    assert r["absolute returns"]["outside"] == 18
    assert r["returns"]["n"] == 1046
