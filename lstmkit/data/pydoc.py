"""Technical English for a character model: the help texts that every Python brings along.

`help("LOOPING")` and its like read from a table of some eighty topics, excerpts of the language reference.  A good
part of it occurs twice, since topics share sections: a model tested on such a text would be tested on what it was
trained on.  So a paragraph that has been met before is dropped before anything is split (paragraphs of up to `SHORT`
characters, list items and headings, may repeat).  The topics are then shuffled with a seed, joined, and cut between
paragraphs into training, validation and test text.

The text changes with the version of Python.  `SHA256` records the digests of the versions the book has been built
with; another version is not refused, but numbers measured on it are not comparable, and the digest comes with the text
so that it can be printed beside them.

Source: `pydoc_data.topics`, part of the standard library of CPython.
Licence: Python Software Foundation License, version 2.
"""

import hashlib
import platform
from typing import NamedTuple

import numpy as np

SHA256 = {
    "3.11.2": "b0796031be1d1b35e6efa46b7944effd47a0c52a48087d470dde314fe2d66968",
    "3.11.7": "2a95af4ac93f5b719944030ce3769070ddf827d847cba42192afa8da989e5dc4",
}
SHORT = 30


class Text(NamedTuple):
    """The text in three parts, and what it was made of."""

    train: str
    validation: str
    test: str
    python: str  # the version whose text this is, such as 3.11.7
    sha256: str  # of that version's text, before anything was dropped


def sha256(topics):
    """Digest of a dict of topics: the texts in the order of their names, joined by line feeds, as UTF-8."""
    return hashlib.sha256("\n".join(topics[name] for name in sorted(topics)).encode()).hexdigest()


def load(seed=0, fractions=(0.85, 0.075, 0.075)):
    """The three parts, in proportion to their characters, for one order of the topics.  No network."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:  # some builds leave it out
        raise ImportError(
            "this Python came without pydoc_data, the text of its help(): install a complete CPython, from python.org "
            "or the system's own packages"
        ) from error
    version, found = platform.python_version(), sha256(topics)
    if SHA256.get(version, found) != found:
        raise ValueError(
            f"the help texts of this Python {version} have SHA-256 {found}, but those of {version} are known to have "
            f"{SHA256[version]}: this Python has been changed, so the book's numbers would not be comparable"
        )
    return Text(*split(distinct(topics), seed, fractions), version, found)


def distinct(topics):
    """The paragraphs of each topic, in the order of the names, without those that stood in an earlier one or above.

    Returns a list of lists.  Two paragraphs are the same if they differ in white space only.
    """
    seen, kept = set(), []
    for name in sorted(topics):
        kept.append([])
        for paragraph in topics[name].split("\n\n"):
            words = " ".join(paragraph.split())
            if words and (len(words) <= SHORT or words not in seen):
                kept[-1].append(paragraph.strip("\n"))
            seen.add(words)
    return kept


def split(documents, seed=0, fractions=(0.85, 0.075, 0.075)):
    """Shuffle documents, lists of paragraphs, and cut the joined text between two paragraphs: three strings."""
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions is {fractions}; it must be three positive numbers that add up to 1")
    order = np.random.default_rng(seed).permutation(len(documents))
    paragraphs = [paragraph + "\n\n" for d in order for paragraph in documents[d]]
    ends = np.cumsum([len(paragraph) for paragraph in paragraphs])
    first, second = np.searchsorted(ends, np.cumsum(fractions)[:2] * ends[-1], side="right")
    return tuple("".join(part) for part in (paragraphs[:first], paragraphs[first:second], paragraphs[second:]))


def alphabet(train):
    """The characters of the training text, sorted: all that a model can know of."""
    return "".join(sorted(set(train)))


def encode(text, alphabet):
    """The place of each character in the alphabet, (N,) integers; one that training never met gets len(alphabet)."""
    place = {character: i for i, character in enumerate(alphabet)}
    return np.array([place.get(character, len(alphabet)) for character in text], np.int64)
