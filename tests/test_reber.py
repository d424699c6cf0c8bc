"""The embedded Reber grammar, parsed once more by a table typed the other way round: each edge by its end."""

import math

import numpy as np
import pytest

from lstmkit.tasks import reber

# Where an edge ends: the letters on it and the places it can come from.  Places are named by the letters before them.
INTO = {
    "after B": [("B", "outside")],
    "upper loop": [("T", "after B"), ("S", "upper loop")],
    "lower loop": [("P", "after B"), ("T", "lower loop"), ("X", "upper fork")],
    "upper fork": [("X", "upper loop"), ("P", "lower fork")],
    "lower fork": [("V", "lower loop")],
    "before E": [("S", "upper fork"), ("V", "lower fork")],
    "done": [("E", "before E")],
}


def is_reber(word):
    """Backwards, from the last letter to the first: which places can the word have come from?"""
    places = {"done"}
    for letter in reversed(word):
        places = {start for place in places for edge, start in INTO.get(place, []) if edge == letter}
    return places == {"outside"}


def is_embedded(word):
    """B, T or P, a Reber word, the same T or P, E."""
    return word[0] + word[-1] == "BE" and word[1] in "TP" and word[1] == word[-2] and is_reber(word[2:-2])


def spelled(x, b, y=None):
    """The letters of a column of x up to its end, and the last of y."""
    letters = [reber.SYMBOLS[row.argmax()] for row in x[:, b] if row.any()]
    return "".join(letters) + ("" if y is None else reber.SYMBOLS[y[len(letters) - 1, b]])


def test_words_are_in_the_language(rng):
    words = reber.batch(rng, 300)
    seen = {spelled(words.x, b, words.y) for b in range(300)}
    assert all(map(is_embedded, seen))
    assert len(seen) > 20
    assert not any(is_embedded(word[:k] + "S" + word[k:]) for word in ["BTBTXSETE"] for k in (0, 1, 2, 7, 8, 9))


def test_the_language_of_the_parser_is_the_printed_graph():
    """All inner words of up to 8 letters, listed by hand from the graph in the module's docstring."""
    by_hand = {"BTXSE", "BTSXSE", "BPVVE", "BPTVVE", "BPVPSE", "BTXXVVE", "BTXXVPSE", "BPVPXVVE", "BTSSXSE", "BPTTVVE"}
    by_hand |= {"BTSXXVVE", "BTXXTVVE", "BPTVPSE", "BPTTVPSE", "BTSSSXSE", "BPTTTVVE"}
    found = {"".join(w) for n in range(9) for w in _strings(n) if is_reber("".join(w))}
    assert found == by_hand


def _strings(n):
    """Strings of n letters that the parser could accept, grown from the front by the letters of the edges."""
    out = {}
    for place, edges in INTO.items():
        for letter, start in edges:
            out.setdefault(start, []).append((letter, place))
    paths = [((), "outside")]
    for _ in range(n):
        paths = [((*word, letter), place) for word, at in paths for letter, place in out.get(at, [])]
    return [word for word, _ in paths]


def test_inner_words_are_as_likely_as_the_coins_say(rng):
    """BTXSE needs three coins to fall right, so it is every eighth inner word; BPVVE likewise; long words come too."""
    words = reber.batch(rng, 4000)
    inner = [spelled(words.x, b, words.y)[2:-2] for b in range(4000)]
    for word in ("BTXSE", "BPVVE"):
        assert inner.count(word) / 4000 == pytest.approx(1 / 8, abs=0.025)
    assert max(map(len, inner)) > 20


def test_a_stream_is_words_one_after_the_other(rng):
    T, B = 500, 4
    stream = reber.stream(rng, T, B)
    assert stream.x.shape == stream.legal.shape == (T, B, 7)
    np.testing.assert_array_equal(stream.x[1:].argmax(axis=-1), stream.y[:-1])
    for b in range(B):
        rest = spelled(stream.x, b, stream.y)
        t, count = 0, 0
        while (end := _end_of_word(rest)) is not None:
            assert is_embedded(rest[:end])
            outer = [t + end - 3]  # the step whose next letter is the last T or P
            assert np.flatnonzero(stream.outer[t : t + end - 1, b]).tolist() == [end - 3]
            assert stream.y[outer[0], b] == reber.SYMBOLS.index(rest[1])
            rest, t, count = rest[end:], t + end, count + 1
        assert count > 20


def _end_of_word(text):
    """Length of the first embedded word of a text, or None: its inner word ends at the first E."""
    inner = text.find("E")
    return inner + 3 if inner >= 0 and inner + 3 <= len(text) else None


def test_what_may_follow_agrees_with_the_walk_and_with_the_other_table(rng):
    stream = reber.stream(rng, 60, 5)
    for b in range(5):
        text = spelled(stream.x, b)
        for t in range(60):
            legal = {s for s, may in zip(reber.SYMBOLS, stream.legal[t, b], strict=True) if may}
            assert legal == reber.legal_next(text[: t + 1])
            assert reber.SYMBOLS[stream.y[t, b]] in legal
            assert len(legal) == 1 or not stream.outer[t, b]


def test_legal_next_from_the_other_table():
    """Inside an embedded word: the edges that leave the place which the inverted table gives to the prefix."""
    for word in ("BTSSXXTVPSE", "BPTTVPXVVE"):
        for outer in "TP":
            assert reber.legal_next(f"B{outer}") == {"B"}
            for k in range(1, len(word)):
                places = {"outside"}
                for letter in word[:k]:
                    places = {p for p, edges in INTO.items() if any((letter, start) in edges for start in places)}
                leaving = {edge for edges in INTO.values() for edge, start in edges if start in places}
                assert reber.legal_next(f"B{outer}{word[:k]}") == leaving
            assert reber.legal_next(f"B{outer}{word}") == {outer}
            assert reber.legal_next(f"B{outer}{word}{outer}") == {"E"}
            assert reber.legal_next(f"B{outer}{word}{outer}E") == {"B"}
    assert reber.legal_next("") == {"B"}
    with pytest.raises(ValueError, match="at 10 stands 'P', not T"):
        reber.legal_next("BTBTSXXVVEP")
    with pytest.raises(ValueError, match="at 3 stands 'S', not T or P"):
        reber.legal_next("BTBS")


def test_the_padding_says_nothing(rng):
    words = reber.batch(rng, 50)
    behind = ~words.x.any(axis=-1)
    assert behind.any()
    assert (words.y[behind] == -1).all()
    assert not words.legal[behind].any()
    assert not words.outer[behind].any()
    assert (words.outer.sum(axis=0) == 1).all()


def test_nobody_beats_the_entropy_rate(rng):
    """The loss of whoever knows the grammar, on a long stream: with the second letter in mind, and without."""
    stream = reber.stream(rng, 4000, 30)
    loss = np.log(stream.legal.sum(axis=-1))
    assert loss.mean() == pytest.approx(reber.entropy_rate(), rel=0.02)
    forgotten = loss + math.log(2) * stream.outer
    assert forgotten.mean() == pytest.approx(reber.entropy_rate(remember=False), rel=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    for draw in (lambda rng: reber.batch(rng, 5, dtype=dtype), lambda rng: reber.stream(rng, 50, 5, dtype=dtype)):
        one, two = (draw(np.random.default_rng(3)) for _ in range(2))
        assert one.x.dtype == one.legal.dtype == dtype
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)


def test_bad_sizes_are_named(rng):
    with pytest.raises(ValueError, match=r"^B is 0"):
        reber.batch(rng, 0)
    with pytest.raises(ValueError, match=r"^T is 0"):
        reber.stream(rng, 0, 3)


def test_the_smallest(rng):
    assert reber.stream(rng, 1, 1).y.shape == (1, 1)
    assert reber.batch(rng, 1).x.shape[1:] == (1, 7)
