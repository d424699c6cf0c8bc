"""Frames: what goes in comes out, and whatever else comes in is refused, with no more memory than it may take."""

import contextlib
import itertools
import json
import math
import os
import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lstmkit.grader.inside import wire


class Nothing:
    """Both sides' Objects, for values that are plain."""

    keeps_gaps = True

    def give(self, value, pack=None):
        raise TypeError(type(value).__name__)

    def refuse(self, *what):
        raise wire.Broken("there are no objects here")

    take = own = named = through = refuse

    def window(self, value):
        return None

    def kept(self, value, node):
        return node

    def keep(self, array, number):
        return array


def there_and_back(*values, objects=None):
    data = wire.frame({"do": "test"}, values, objects or Nothing())
    head, body = wire.LENGTHS.unpack(data[:8])
    assert len(data) == 8 + head + body
    header, found = wire.opened(data[8 : 8 + head], data[8 + head :], objects or Nothing())
    assert header == {"do": "test"}
    return found


def same(one, other):
    if isinstance(one, np.ndarray):
        assert type(other) is np.ndarray
        assert one.dtype == other.dtype or one.dtype.newbyteorder("<") == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.astype(one.dtype).tobytes()
    elif isinstance(one, tuple | list):
        assert type(one) is type(other)
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            same(*pair)
    elif isinstance(one, dict):
        assert type(other) is dict
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, float) and math.isnan(one):
        assert type(other) is float
        assert math.isnan(other)
    else:
        assert type(one) is type(other)
        assert one == other


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3))
    | arrays.arrays(
        st.one_of(arrays.floating_dtypes(endianness="="), arrays.integer_dtypes(), arrays.boolean_dtypes()),
        arrays.array_shapes(min_dims=0, min_side=0),
    ),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(max_size=5).filter(str.isascii) | st.integers(), inner)
        | st.frozensets(st.integers())
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(plain)
def test_plain_values_come_back_as_they_went(value):
    same(value, there_and_back(value)[0])


def test_scalars_keep_their_types():
    values = [np.float32(0.1), np.int8(-3), np.True_, np.datetime64("2026-01-02"), 2**200, -0.0, 1e308]
    for value, back in zip(values, there_and_back(*values), strict=True):
        assert type(value) is type(back)
        assert repr(value) == repr(back)


def test_a_random_generator_goes_on_where_it_was():
    rng = np.random.default_rng(5)
    rng.normal(size=3)
    (back,) = there_and_back(rng)
    np.testing.assert_array_equal(rng.normal(size=8), back.normal(size=8))


@pytest.mark.parametrize("cut", [np.s_[::2], np.s_[:, 1:], np.s_[1::2, ::3]])
def test_gaps_in_memory_stay(cut):
    array = np.arange(60.0).reshape(6, 10)[cut]
    (back,) = there_and_back(array)
    np.testing.assert_array_equal(array, back)
    assert back.strides == array.strides
    assert there_and_back(np.asfortranarray(np.ones((3, 4))))[0].flags.f_contiguous


def test_half_characters_are_replaced():
    assert there_and_back("a\ud800b") == ["a?b"]


@pytest.mark.parametrize(
    "value",
    [
        np.broadcast_to(np.float64(1), (1 << 17, 1 << 17)),
        "x" * (wire.TEXT + 1),
        [[0] * 1000] * 1000,
        np.zeros(3, dtype=[("a", "f8")]),
        list(itertools.accumulate(range(200), lambda inner, _: [inner])),
    ],
    ids=["array", "text", "list", "structured", "deep"],
)
def test_what_is_too_large_is_not_sent(value):
    with pytest.raises(wire.TooLarge):
        wire.frame({}, [value], Nothing())


def frame_of(tree, listed=(), body=b"", **header):
    return json.dumps({"tree": tree, "arrays": list(listed), **header}).encode(), body


F8 = ["<f8", [2]]
SIXTEEN = b"\0" * 16
BAD = {
    "no JSON": (b"{", b""),
    "not an object": (b"[]", b""),
    "no tree": (b'{"arrays": []}', b""),
    "no arrays": (b'{"tree": []}', b""),
    "pickle": (pickle.dumps({"tree": []}), b""),
    "deep": (b'{"arrays": [], "tree": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b""),
    "deep nodes": frame_of([json.loads('{"list": [' * 90 + "1" + "]}" * 90)]),
    "many nodes": frame_of([{"list": [0] * (wire.NODES + 1)}]),
    "a number of a million digits": (b'{"arrays": [], "tree": [' + b"9" * 1_000_000 + b"]}", b""),
    "unknown node": frame_of([{"pickle": "x"}]),
    "empty node": frame_of([{}]),
    "bare list": frame_of([[1]]),
    "object array": frame_of([{"a": 0}], [["|O", [2]]], SIXTEEN),
    "structured": frame_of([{"a": 0}], [[[["x", "<f8"]], [2]]], SIXTEEN),
    "void": frame_of([{"a": 0}], [["|V8", [2]]], SIXTEEN),
    "too few bytes": frame_of([{"a": 0}], [["<f8", [3]]], SIXTEEN),
    "too many bytes": frame_of([{"a": 0}], [F8], SIXTEEN + b"x"),
    "negative size": frame_of([{"a": 0}], [["<f8", [-1]]], b""),
    "two negative sizes": frame_of([{"a": 0}], [["<f8", [-1, -2]]], SIXTEEN),
    "fractional size": frame_of([{"a": 0}], [["<f8", [2.0]]], SIXTEEN),
    "size true": frame_of([{"a": 0}], [["<f8", [True, 2]]], SIXTEEN),
    "NaN size": (b'{"tree": [{"a": 0}], "arrays": [["<f8", [NaN]]]}', b""),
    "many axes": frame_of([{"a": 0}], [["<f8", [1] * 40]], b"\0" * 8),
    "huge size of nothing": frame_of([{"a": 0}], [["<f8", [0, 2**62, 2**62]]], b""),
    "array not sent": frame_of([{"a": 1}], [F8], SIXTEEN),
    "negative array": frame_of([{"a": -1}], [F8], SIXTEEN),
    "array by name": frame_of([{"a": "0"}], [F8], SIXTEEN),
    "gaps out of bounds": frame_of([{"a": 0, "gaps": [[2, 2], [1, 1]]}], [F8], SIXTEEN),
    "gaps backwards": frame_of([{"a": 0, "gaps": [[2], [-1]]}], [F8], SIXTEEN),
    "gaps without strides": frame_of([{"a": 0, "gaps": [[2], []]}], [F8], SIXTEEN),
    "objects of another count": frame_of([{"o": [[3], [1]]}]),
    "unhashable key": frame_of([{"d": [[{"list": []}, 1]]}]),
    "half a pair": frame_of([{"d": [[1]]}]),
    "long range": frame_of([{"range": [0, 10**15, 1]}]),
    "range of text": frame_of([{"range": ["a", "b", "c"]}]),
    "float": frame_of([{"f": "1e5"}]),
    "generator": frame_of([{"rng": {"bit_generator": "MT19937", "state": {}}}]),
    "generator of text": frame_of([{"rng": "PCG64"}]),
    "set of lists": frame_of([{"set": [{"list": []}]}]),
    "handle of nobody": frame_of([{"h": None, "kind": "x"}]),
    "type": frame_of([{"n": {"a": 0}}], [["<f16", [1]]], SIXTEEN),
}


@pytest.mark.parametrize("name", BAD)
def test_a_frame_that_breaks_the_rules_is_refused(name):
    with pytest.raises(wire.Broken):
        wire.opened(*BAD[name], Nothing())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_to_a_frame_gets_further_than_refused(data):
    good = wire.frame({"do": "x"}, [{"a": np.arange(6.0).reshape(2, 3), "b": [1, (2.5, None)]}, "text"], Nothing())
    head = wire.LENGTHS.unpack(good[:8])[0]
    header, body = bytearray(good[8 : 8 + head]), bytearray(good[8 + head :])
    for _ in range(data.draw(st.integers(1, 4))):
        part = data.draw(st.sampled_from([header, body]))
        part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(wire.Broken):
        wire.opened(bytes(header), bytes(body), Nothing())


@pytest.fixture
def channel():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield wire.Channel(reader, writer), writer
    for descriptor in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_a_frame_in_drops_is_put_together(channel):
    receiver, writer = channel
    data = wire.frame({"do": "x"}, [np.arange(5.0)], Nothing())
    for k in range(len(data)):
        os.write(writer, data[k : k + 1])
        if k == 5:
            with pytest.raises(wire.Late):
                receiver.receive(time.monotonic() + 0.01)
    _, (array,) = wire.opened(*receiver.receive(time.monotonic() + 1), Nothing())
    np.testing.assert_array_equal(array, np.arange(5.0))


@pytest.mark.parametrize("sizes", [(wire.HEADER + 1, 0), (2, wire.BODY + 1), (2**32 - 1, 2**32 - 1)])
def test_a_frame_that_says_it_is_too_large_is_not_waited_for(channel, sizes):
    receiver, writer = channel
    os.write(writer, wire.LENGTHS.pack(*sizes))
    with pytest.raises(wire.Broken, match="larger than allowed"):
        receiver.receive(time.monotonic() + 5)


def test_an_end_that_is_closed_is_noticed(channel):
    receiver, writer = channel
    os.write(writer, b"\0\0\0")
    os.close(writer)
    with pytest.raises(wire.Gone):
        receiver.receive(time.monotonic() + 5)
