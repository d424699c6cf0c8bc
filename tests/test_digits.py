"""Handwritten digits: the right ones, or a clear word; and two parts without a picture in common."""

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from lstmkit.data import digits

needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="the digits ship with scikit-learn"
)


@pytest.fixture
def pictures(rng):
    """30 pictures that are all different, and labels."""
    return digits.Digits(rng.uniform(size=(30, 8, 8)), rng.integers(0, 10, 30))


@needs_sklearn
def test_the_pictures():
    images, labels = digits.load()
    assert images.shape == (1797, 8, 8)
    assert images.min() == 0
    assert images.max() == 1
    assert np.bincount(labels).min() > 170
    assert labels[:10].tolist() == list(range(10))


def test_what_scikit_learn_hands_over_is_checked_and_scaled(monkeypatch, rng):
    """A stand-in for scikit-learn: its pictures are refused, and taken once their digest is the expected one."""
    bunch = SimpleNamespace(images=rng.integers(0, 17, (5, 8, 8)).astype(float), target=np.arange(5))
    sklearn, datasets = ModuleType("sklearn"), ModuleType("sklearn.datasets")
    datasets.load_digits = lambda: bunch
    monkeypatch.setitem(sys.modules, "sklearn", sklearn)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", datasets)
    with pytest.raises(ValueError, match="SHA-256"):
        digits.load()
    monkeypatch.setattr(digits, "SHA256", digits.sha256(bunch.images, bunch.target))
    images, labels = digits.load()
    np.testing.assert_array_equal(images * 16, bunch.images)
    assert labels.tolist() == [0, 1, 2, 3, 4]
    bunch.images[3, 2, 1] += 1
    with pytest.raises(ValueError, match="SHA-256"):
        digits.load()


def test_without_scikit_learn_the_message_names_the_cure(monkeypatch):
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install "lstmkit\[data\]"'):
        digits.load()


def test_two_parts_without_a_picture_in_common(pictures):
    train, test = digits.split(pictures, 20, seed=2)
    assert len(train.labels) == 20
    assert len(test.labels) == 10
    both = {image.tobytes(): label for part in (train, test) for image, label in zip(*part, strict=True)}
    assert both == {image.tobytes(): label for image, label in zip(*pictures, strict=True)}
    again, _ = digits.split(pictures, 20, seed=2)
    np.testing.assert_array_equal(train.images, again.images)


@pytest.mark.parametrize("n_train", [0, 30, 2.0])
def test_bad_sizes_are_named(pictures, n_train):
    with pytest.raises(ValueError, match=r"^n_train is .*from 1 to 29"):
        digits.split(pictures, n_train)
