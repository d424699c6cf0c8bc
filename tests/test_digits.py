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


# The experiment


@pytest.fixture(scope="module")
def experiment():
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    from lstmkit.experiments import digits as experiment

    return experiment


@pytest.fixture(scope="module")
def small(experiment):
    return experiment.run(0, "test")


def test_a_picture_becomes_a_sequence(experiment, pictures):
    images = pictures.images
    rows, pixels = (experiment.as_sequence(images, reading) for reading in ("rows", "pixels"))
    assert rows.shape == (8, 30, 8)
    assert pixels.shape == (64, 30, 1)
    np.testing.assert_allclose(rows[3, 7], images[7, 3], rtol=1e-6)
    np.testing.assert_allclose(pixels[3 * 8 + 5, 7, 0], images[7, 3, 5], rtol=1e-6)
    np.testing.assert_allclose(experiment.as_sequence(images, "at once")[0, 7], images[7].ravel(), rtol=1e-6)


def test_shuffling_moves_pixels_and_loses_none(experiment, pictures):
    """One order for all pictures."""
    plain, shuffled = (experiment.as_sequence(pictures.images, name)[..., 0] for name in ("pixels", "shuffled pixels"))
    order = [int(np.flatnonzero((plain == row).all(axis=1)).item()) for row in shuffled]
    assert sorted(order) == list(range(64))
    assert order != list(range(64))


def test_the_parts_share_no_picture(experiment):
    parts = experiment.parts(3)
    assert [len(part.labels) for part in parts] == [1000, 297, 500]
    every = [image.tobytes() for part in parts for image in part.images]
    assert sorted(every) == sorted(image.tobytes() for image in digits.load().images)


@pytest.mark.parametrize("D", [1, 8])
def test_readers_have_equal_parameters(experiment, torch, D):
    counts = [experiment.count_parameters(experiment.build(name, D, 32)) for name in experiment.READERS]
    assert max(counts) / min(counts) < 1.03


def test_an_order_free_reader_is_what_it_says(experiment, torch, rng):
    """With its weights shuffled alike, logistic regression says the same of shuffled pictures."""
    images = rng.uniform(size=(5, 8, 8))
    model, other = (experiment.build("logistic regression", 64, 4) for _ in range(2))
    order = experiment.as_sequence(np.arange(64.0).reshape(1, 8, 8), "shuffled at once").ravel().astype(int)
    with torch.no_grad():
        model.scores.weight.normal_()
        other.scores.weight.copy_(model.scores.weight[:, order])
    one, two = (
        reader(torch.from_numpy(experiment.as_sequence(images, reading)))[0]
        for reader, reading in ((model, "at once"), (other, "shuffled at once"))
    )
    torch.testing.assert_close(one, two)


def test_keys(experiment, small):
    readings = experiment.SETTINGS["test"]["readings"]
    for key in ("accuracy", "rate", "parameters"):
        assert {name: tuple(found) for name, found in small[key].items()} == readings
    assert set(small["by_size"]) == set(small["by_size_train"]) == set(small["gru_minus_lstm_by_size"]) == {"n 30"}
    assert set(small["by_size"]["n 30"]) == {"logistic regression", "LSTM", "GRU"}
    rows = small["accuracy"]["rows"]
    assert small["gru_minus_lstm"] == {"rows": rows["GRU"] - rows["LSTM"]}
    assert 0.05 < small["majority"] < 0.15
    assert small["parameters"]["at once"]["logistic regression"] == 650
    assert set(small["equal_cost"]["after_equal_steps"]) == set(experiment.READERS)
    sizes = {"n_train": 1000, "n_validation": 297, "n_test": 500, "steps": 4}
    assert {key: small[key] for key in sizes} == sizes


def test_the_same_seed_gives_the_same_numbers(experiment, small):
    again = experiment.run(0, "test")
    assert {**again, "equal_cost": 0} == {**small, "equal_cost": 0}  # which has CPU seconds in it


def test_an_unknown_scale_is_named(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(0, "huge")


@pytest.mark.slow
def test_a_snapshot_needs_no_memory(experiment):
    """Claim 1.2: logistic regression on the whole picture beats the LSTM that reads it pixel by pixel."""
    accuracy = experiment.run(0, "live")["accuracy"]
    assert accuracy["at once"]["logistic regression"] > 0.9
    assert accuracy["at once"]["logistic regression"] > accuracy["pixels"]["LSTM"] + 0.03
    assert min(accuracy["rows"].values()) > 0.85
