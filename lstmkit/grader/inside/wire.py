"""What travels between the trusted side and the worker: frames of a bounded JSON header and raw buffers; no pickle.

A frame is two lengths (two little-endian uint32), a JSON object, and the bytes of its arrays one after the other.
Values become a tree of plain nodes: None, booleans, numbers and text stand for themselves, everything else is an object
with one key that says what it is.  What is not plain data (a function, an instance, a cache of the student's own class)
stays where it is and is sent as a number, its handle; the two sides give handles and take them in `Objects`.

Both sides use this file, and neither believes the other: unpacking raises Broken for whatever does not fit.
"""

import json
import math
import os
import re
import select
import struct
import time
from typing import NamedTuple

import numpy as np

HEADER, BODY = 8 << 20, 64 << 20  # bytes, at most
DEPTH, NODES, AXES, TEXT = 60, 400_000, 32, 4 << 20
DTYPES = re.compile(r"[<|=]?(b1|[iu][1248]|f[248]|c(8|16)|[US]\d{1,5}|[mM]8(\[\d{0,3}[a-zA-Zμ]{1,2}\])?)")
LENGTHS = struct.Struct("<II")


class Broken(Exception):
    """A frame that does not follow the rules above."""


class TooLarge(Exception):
    """A value that does not fit into a frame; the text says how large it is."""


class Late(Exception):
    """The other side did not answer in time."""


class Gone(Exception):
    """The other side has closed its end."""


class Handle(NamedTuple):
    """The number of an object of the other side, and what is known of it."""

    number: int
    kind: str  # the name of its type
    callable: bool
    base: object = None  # for a subclass of tuple, list or dict: what it holds, as plain data


class Window(NamedTuple):
    """An array that is a window into an argument of the call: only where it lies, counted in entries."""

    argument: int
    offset: int
    shape: tuple
    strides: tuple


def frame(header, values, objects):
    """The bytes of a frame: the header, a dict of plain values, and the values, as objects.give packs them."""
    packing = _Packing(objects)
    tree = [packing.node(value, 0) for value in values]
    head = {**header, "tree": tree, "arrays": [[array.dtype.str, array.shape] for array in packing.arrays]}
    text = json.dumps(head).encode()
    if len(text) > HEADER:
        raise TooLarge(f"is too large to be handed over: {len(text) / 2**20:.0f} MiB of numbers and text")
    sizes = LENGTHS.pack(len(text), sum(array.nbytes for array in packing.arrays))
    return b"".join([sizes, text, *(array.tobytes() for array in packing.arrays)])


def opened(head, body, objects):
    """The header and the values of a frame; Broken if anything in it is not as it should be."""
    try:
        header = json.loads(head)
        arrays, offset = [], 0
        for dtype, shape in header.pop("arrays"):
            array, offset = _array(dtype, shape, body, offset)
            arrays.append(array)
        if offset != len(body):
            raise Broken("bytes that belong to no array")
        unpacking = _Unpacking(arrays, objects)
        values = [unpacking.value(node, 0) for node in header.pop("tree")]
    except Broken:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Broken(f"{type(error).__name__}: {error}"[:200]) from None
    except MemoryError:
        raise Broken("more than fits into memory") from None
    return header, values


class _Packing:
    def __init__(self, objects):
        self.objects, self.arrays, self.bytes, self.nodes = objects, [], 0, 0

    def node(self, value, depth):
        self.nodes += 1
        if self.nodes > NODES or depth > DEPTH:
            raise TooLarge("is too large to be handed over: too many things, one in the other")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if value.bit_length() < 4096 else self.objects.give(value)
        if kind is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        if kind is str:
            if len(value) > TEXT:
                raise TooLarge(f"is too large to be handed over: a text of {len(value):,} characters")
            return value
        if kind is tuple or kind is list or kind is set or kind is frozenset:
            return {kind.__name__: [self.node(item, depth + 1) for item in value]}
        if kind is dict:
            return {"d": [[self.node(key, depth + 1), self.node(item, depth + 1)] for key, item in value.items()]}
        if kind is np.ndarray:
            window = self.objects.window(value)
            return {"window": window} if window else self.objects.kept(value, self._array(value, depth))
        if isinstance(value, np.generic) and DTYPES.fullmatch(value.dtype.str):
            return {"n": self._array(np.asarray(value), depth)}
        if kind is complex:
            return {"n": self._array(np.asarray(value), depth), "py": True}
        if kind is bytes:
            return {"b": self._array(np.frombuffer(value, np.uint8), depth)}
        if kind is slice or (kind is range and len(value) <= NODES):
            return {kind.__name__: [self.node(item, depth + 1) for item in (value.start, value.stop, value.step)]}
        if kind is np.random.Generator and type(value.bit_generator) is np.random.PCG64:
            return {"rng": _plain(value.bit_generator.state)}
        return self.objects.give(value, lambda base: self.node(base, depth + 1))

    def _array(self, value, depth):
        if value.dtype.hasobject:
            items = [self.node(item, depth + 1) for item in value.ravel().tolist()] if value.dtype == object else None
            return {"o": [list(value.shape), items]}
        if value.dtype.str[0] == ">":
            value = value.astype(value.dtype.newbyteorder("<"))
        if value.dtype == np.longdouble and value.dtype.itemsize > 8:
            value = value.astype(np.float64)
        if not DTYPES.fullmatch(value.dtype.str):
            raise TooLarge(f"is an array of the type {value.dtype}, which cannot be handed over")
        self.bytes += value.nbytes
        if self.bytes > BODY:
            raise TooLarge(f"is too large to be handed over: arrays of {self.bytes / 2**20:,.0f} MiB, at most 64")
        flat, strides = memory(value) if self.objects.keeps_gaps else (None, None)
        self.arrays.append(np.ascontiguousarray(value).reshape(value.shape) if flat is None else flat.copy())
        node = {"a": len(self.arrays) - 1}
        return node if flat is None else node | {"gaps": [value.shape, strides]}


class _Unpacking:
    def __init__(self, arrays, objects):
        self.arrays, self.objects, self.nodes = arrays, objects, 0

    def value(self, node, depth):
        self.nodes += 1
        if self.nodes > NODES or depth > DEPTH:
            raise Broken("too many nodes, or too deep")
        if node is None or isinstance(node, bool | int | float):
            return node
        if isinstance(node, str):
            return node.encode("utf-8", "replace").decode("utf-8")  # half characters would break whoever writes them
        if not isinstance(node, dict) or not node:
            raise Broken("a node that is no node")
        kind, content = next(iter(node.items()))
        if kind in _KINDS:
            return _KINDS[kind]([self.value(item, depth + 1) for item in content])
        if kind == "d":
            return {self.value(key, depth + 1): self.value(item, depth + 1) for key, item in content}
        if kind in ("a", "o"):
            return self.objects.keep(self._array(node, depth), node.get("keep"))
        if kind == "n":
            scalar = self._array(content, depth)[()]
            return scalar.item() if node.get("py") else scalar
        if kind == "b":
            return self._array(content, depth).tobytes()
        if kind == "f":
            return float({"inf": "inf", "-inf": "-inf", "nan": "nan"}[content])
        if kind == "window":
            number, offset, shape, strides = content
            return self.objects.through(Window(int(number), int(offset), _sizes(shape), tuple(map(int, strides))))
        if kind == "rng":
            return _generator(content)
        if kind == "named":
            name, fields, items = content
            return self.objects.named(name, tuple(fields))(*(self.value(item, depth + 1) for item in items))
        if kind == "h":
            base = self.value(node["base"], depth + 1) if "base" in node else None
            return self.objects.take(Handle(int(content), _word(node["kind"]), node.get("callable") is True, base))
        if kind == "back":
            return self.objects.own(int(content))
        raise Broken("a node of no known kind")

    def _array(self, node, depth):
        if "a" in node:
            array = self.arrays[_index(node["a"], len(self.arrays))]
            if "gaps" in node:
                shape, strides = node["gaps"]
                return window(array, 0, _sizes(shape), tuple(map(int, strides)))
            return array
        shape, items = node["o"]
        array = np.empty(_sizes(shape), object)
        if array.size != len(items):
            raise Broken("an object array of another size")
        array[...] = np.fromiter((self.value(item, depth + 1) for item in items), object, len(items)).reshape(
            array.shape
        )
        return array


def arguments(values, names):
    """The positional arguments and the named ones of a call, of which the last values have these names."""
    count = len(values) - len(names)
    if count < 0:
        raise Broken("more names than arguments")
    return values[:count], dict(zip(names, values[count:], strict=True))


def _range(parts):
    numbers = range(*parts)
    if len(numbers) > NODES:
        raise Broken("a range longer than any list that may be sent")
    return numbers


_KINDS = {
    "tuple": tuple,
    "list": list,
    "set": set,
    "frozenset": frozenset,
    "slice": lambda parts: slice(*parts),
    "range": _range,
}


def memory(array):
    """All entries from the first to the last of an array with gaps, in one line, and its strides in entries.

    (None, None) for an array without gaps, one that runs backwards, or one whose gaps are larger than itself.
    """
    size, strides = array.itemsize, array.strides
    if array.flags.c_contiguous or not array.size or any(stride < 0 or stride % size for stride in strides):
        return None, None
    entries = tuple(stride // size for stride in strides)
    span = 1 + sum((length - 1) * stride for length, stride in zip(array.shape, entries, strict=True))
    if span > 4 * array.size + 1000:
        return None, None
    return np.lib.stride_tricks.as_strided(array, (span,), (size,)), entries


def window(flat, offset, shape, strides):
    """The array of that shape and those strides, in entries, whose first entry is flat[offset]; Broken if it leaves."""
    if len(strides) != len(shape):
        raise Broken("a window with too many strides")
    reach = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    low, high = offset + sum(min(0, r) for r in reach), offset + sum(max(0, r) for r in reach)
    if 0 in shape:
        return np.empty(shape, flat.dtype)
    if low < 0 or high >= flat.size:
        raise Broken("a window that leaves its argument")
    return np.ndarray(
        shape, flat.dtype, flat, offset * flat.itemsize, tuple(stride * flat.itemsize for stride in strides)
    )


def _array(dtype, shape, body, offset):
    """An array of its own out of the body, and where the next one begins."""
    if not isinstance(dtype, str) or not DTYPES.fullmatch(dtype):
        raise Broken("an array of a type that is not allowed")
    shape, dtype = _sizes(shape), np.dtype(dtype)
    size = math.prod(shape)
    end = offset + size * dtype.itemsize
    if end > len(body):
        raise Broken("an array larger than the bytes sent")
    return np.frombuffer(body, dtype, size, offset).reshape(shape).copy(), end


def _sizes(shape):
    sizes = tuple(shape)
    if len(sizes) > AXES or any(type(size) is not int or not 0 <= size <= BODY for size in sizes):
        raise Broken("a shape that is none")
    return sizes


def _index(number, length):
    if type(number) is not int or not 0 <= number < length:
        raise Broken("an array that was not sent")
    return number


def _word(text):
    """A name that is safe to print."""
    return re.sub(r"[^\w.]", "", text)[:60] or "object"


def _plain(state):
    return json.loads(json.dumps(state, default=int))


def _generator(state):
    generator = np.random.default_rng(0)
    generator.bit_generator.state = state
    return generator


class Channel:
    """The two descriptors between a worker and its judge; frames go out and come in whole.

    A deadline is a time as time.monotonic says; None waits for ever.
    """

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self._data = bytearray()  # what has come in and is not asked for yet

    def receive(self, deadline):
        """The header and the body of the next frame, as bytes; Late, Gone or Broken."""
        head, body = LENGTHS.unpack(self._exactly(LENGTHS.size, deadline))
        if head > HEADER or body > BODY:
            raise Broken("a frame larger than allowed")
        return self._exactly(head, deadline), self._exactly(body, deadline)

    def send(self, data, deadline):
        """Write a frame; Late or Gone."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self.writer, rest[:65536]) :]
            except BlockingIOError:
                _wait(self.writer, select.POLLOUT, deadline)
            except (BrokenPipeError, ConnectionError):
                raise Gone from None

    def _exactly(self, count, deadline):
        while len(self._data) < count:
            try:
                piece = os.read(self.reader, max(count - len(self._data), 65536))
            except BlockingIOError:
                _wait(self.reader, select.POLLIN, deadline)
                continue
            except ConnectionError:
                raise Gone from None
            if not piece:
                raise Gone
            self._data += piece
            if deadline is not None and time.monotonic() > deadline:
                raise Late
        data = bytes(self._data[:count])
        del self._data[:count]
        return data


def _wait(descriptor, event, deadline):
    """Until something can be done with a descriptor that does not block."""
    waiting = select.poll()
    waiting.register(descriptor, event)
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and (left <= 0 or not waiting.poll(left * 1000)):
        raise Late
    if left is None:
        waiting.poll()
