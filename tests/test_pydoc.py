"""The text of help(): no paragraph in two parts, the test text unknown, and a digest that tells versions apart."""

import sys
from types import ModuleType

import numpy as np
import pytest

from lstmkit.data import pydoc


def paragraphs(text):
    """The long paragraphs of a text, white space evened out."""
    return {" ".join(p.split()) for p in text.split("\n\n") if len(" ".join(p.split())) > pydoc.SHORT}


def test_no_long_paragraph_is_in_two_parts():
    text = pydoc.load()
    parts = [paragraphs(part) for part in (text.train, text.validation, text.test)]
    assert min(map(len, parts)) > 20
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def seen_before(train, test, n=50):
    """The share of the strings of n characters in `test` that occur in `train` as well."""
    known = {train[i : i + n] for i in range(len(train) - n + 1)}
    return np.mean([test[i : i + n] in known for i in range(len(test) - n + 1)])


def test_little_of_the_test_text_has_been_seen_unlike_that_of_the_raw_topics():
    from pydoc_data.topics import topics

    raw = [topics[name].split("\n\n") for name in sorted(topics)]
    distinct = pydoc.distinct(topics)
    share, share_raw = (
        np.mean([seen_before(train, test) for train, _, test in (pydoc.split(documents, seed) for seed in (0, 1))])
        for documents in (distinct, raw)
    )
    assert share < 0.05
    assert share_raw > 3 * share


def test_the_parts_have_the_proportions_asked_for():
    text = pydoc.load(fractions=(0.6, 0.2, 0.2))
    sizes = np.array([len(part) for part in (text.train, text.validation, text.test)])
    np.testing.assert_allclose(sizes / sizes.sum(), [0.6, 0.2, 0.2], atol=0.02)
    assert sizes.sum() > 200_000


def test_the_same_seed_gives_the_same_text_and_another_seed_another():
    assert pydoc.load(seed=3) == pydoc.load(seed=3)
    assert pydoc.load(seed=3).test != pydoc.load(seed=4).test


def test_the_digest_of_this_version_is_recorded_or_handed_on():
    text = pydoc.load()
    assert text.python == ".".join(map(str, sys.version_info[:3]))
    assert pydoc.SHA256.get(text.python, text.sha256) == text.sha256
    assert len(text.sha256) == 64


def test_a_changed_python_is_refused_and_an_unknown_one_is_not(monkeypatch):
    version = pydoc.load().python
    monkeypatch.setattr(pydoc, "SHA256", {version: "0" * 64})
    with pytest.raises(ValueError, match="SHA-256"):
        pydoc.load()
    monkeypatch.setattr(pydoc, "SHA256", {})
    assert pydoc.load().python == version


def test_a_python_without_the_text_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ImportError, match="came without pydoc_data"):
        pydoc.load()


LONG = "A paragraph that is long enough to be told from others."


def test_paragraphs_met_before_are_dropped():
    topics = {"B": f"two\n\n{LONG}\n\nitem", "A": f"\n{LONG.replace(' ', '  ', 1)}\n\nitem\n\n\n\n{LONG}\n", "C": ""}
    assert pydoc.distinct(topics) == [[LONG.replace(" ", "  ", 1), "item"], ["two", "item"], []]


def test_cuts_fall_between_paragraphs_and_nothing_is_lost():
    documents = [["aa" * 20, "bb" * 30], ["cc" * 25], ["dd" * 10, "ee" * 40, "ff" * 15], []]
    parts = pydoc.split(documents, seed=1, fractions=(0.5, 0.25, 0.25))
    pieces = [piece for part in parts for piece in part.split("\n\n") if piece]
    assert sorted(pieces) == sorted(paragraph for document in documents for paragraph in document)
    for document in documents:  # in one piece, in the order of the document
        assert "".join(document) in "".join(pieces)
    assert all(part.endswith("\n\n") for part in parts)


def test_the_digest_does_not_depend_on_the_order_of_the_dict():
    one = {"a": "1", "b": "2"}
    assert pydoc.sha256(one) == pydoc.sha256(dict(reversed(one.items())))
    assert pydoc.sha256(one) != pydoc.sha256({"a": "1", "b": "3"})


def test_the_alphabet_knows_the_training_text_only():
    letters = pydoc.alphabet("banana\n")
    assert letters == "\nabn"
    assert pydoc.encode("nab!", letters).tolist() == [3, 1, 2, 4]
    assert pydoc.encode("", letters).shape == (0,)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.9, 0.2, -0.1), (0.5, 0.2, 0.2)])
def test_bad_fractions_are_named(fractions):
    with pytest.raises(ValueError, match=r"^fractions is"):
        pydoc.load(fractions=fractions)


def test_it_reads_the_module_of_the_standard_library(monkeypatch):
    fake = ModuleType("pydoc_data.topics")
    fake.topics = {str(i): f"{LONG} {i}" for i in range(40)}
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", fake)
    monkeypatch.setattr(pydoc, "SHA256", {})
    text = pydoc.load()
    assert text.sha256 == pydoc.sha256(fake.topics)
    assert paragraphs(text.train) | paragraphs(text.validation) | paragraphs(text.test) == set(fake.topics.values())
