"""Runs a cell over time, forward and backward: the one loop behind every cell of lstmkit.numpy.

Columns, as in the textbook: for step t the vector [h_{t-1}; x_t; 1] of every sequence is a column of one matrix, so
that all pre-activations are one product,

    a_t = W [h_{t-1}; x_t; 1]        with W = [W_h  W_x  b].

In this layout each gate's block is contiguous in memory, which makes the pointwise part cheap.  That part is the
cell's own source, translated by lstmkit/numpy/inplace.py into calls that write into memory which is already there.

T steps, B sequences, D inputs, H units, G gate blocks.  x: (T, B, D); W_x: (G·H, D); W_h: (G·H, H); b: (G·H,).
`cell` is a module of lstmkit.cells; a state is a tuple whose first field is h, each field (B, H).  `products` is a
list of (W_x, W_h, b): one for most cells.  A cell some of whose blocks see the input alone, or the past alone, as the
GRU's candidate does, has several, with None for the matrix that is not there.
"""

import math
import weakref
from typing import NamedTuple

import numpy as np

from lstmkit.numpy import inplace


class Cache(NamedTuple):
    """What the forward pass leaves for the backward pass, in columns."""

    cell: inplace.Cell  # the cell as it was run
    columns: np.ndarray  # (T + 1, 1 + R + D + 1, B): [1; h_{t-1}; x_t; 1]; the last one holds h_T
    carried: dict  # for each field of the state that no product sees: (T + 1, H, B), from its initial value on
    gates: np.ndarray | None  # (T, G, H, B): the blocks, turned into gates; None where backward makes them again
    extra: dict  # saved values beside the gates: (T, H, B)
    given: dict  # what came from outside at every step: (T, H, B)


def forward(cell, products, x, state, weights=(), given=None, keep_cache=True):
    """Run `cell` over x.  Returns hs (T, B, H), the last state as a tuple of (B, H), and a Cache (or None).

    `weights` are those that act unit by unit, each (H,); `given` maps the names of what the cell's step takes from
    outside at every step to arrays (T, B, H).  keep_cache may be True, False, or "lean": then only the states are
    kept, and `backward` makes the gates again, with the same bits.
    """
    kit, (T, B, D), H = _translated(cell, products), x.shape, _units(cell, products)
    inside = _inside(kit)
    columns = room((T + 1, 1 + len(inside) * H + D + 1, B), x.dtype)
    columns[:, 0] = columns[:, -1] = 1
    columns[:T, -1 - D : -1] = x.transpose(0, 2, 1)
    columns[T, -1 - D : -1] = 0  # no input belongs to the last column
    carried = {}
    for field, value in zip(kit.state, state, strict=True):
        if field in inside:
            columns[0, _rows(inside, field, H)] = value.T
        else:
            pair = room((T + 1 if keep_cache else 2, H, B), x.dtype)  # uncached, the new one and the one before it
            carried[field] = pair if keep_cache else [pair[t % 2] for t in range(T + 1)]
            carried[field][0][:] = value.T
    steps = T if keep_cache is True else 1
    gates = room((steps, len(kit.blocks), H, B), x.dtype)
    extra = {name: room((steps, H, B), x.dtype) for name, home in kit.homes.items() if home is None}
    given = {name: np.ascontiguousarray(array.transpose(0, 2, 1)) for name, array in (given or {}).items()}
    every_step = {name: for_all(T, array) for name, array in extra.items()}
    cache = Cache(kit, columns, carried, for_all(T, gates), every_step, given)
    _run(kit.forward, kit, _packed(kit, products, H), weights, _arrays(cache, inside, H))
    hs = columns[1:, _rows(inside, "h", H)].transpose(0, 2, 1).copy()
    ends = {field: columns[T, _rows(inside, field, H)] for field in inside} | {f: c[T] for f, c in carried.items()}
    last = tuple(ends[field].T.copy() for field in kit.state)
    if keep_cache == "lean":
        return hs, last, Cache(kit, columns, carried, None, {}, given)
    return hs, last, cache if keep_cache else None


def backward(products, d_hs, cache, d_state, weights=()):
    """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at the last state, (B, H)
    each.

    Returns d_x (T, B, D), the gradient at the initial state, those of the products, and those of the unit weights.
    What no recurrence touches is worked out for a block of steps at a time, and each block costs one product for each
    matrix.
    """
    kit, (T, B, H) = cache.cell, d_hs.shape
    inside = _inside(kit)
    W_h, past = _stacked(kit, products, 1, H)
    W_x, now = _stacked(kit, products, 0, H)
    matrices, spans = packed = _packed(kit, products, H)
    d_matrices, d_weights = [np.zeros_like(W) for W in matrices], [np.zeros(H, d_hs.dtype) for _ in weights]
    d_x = np.empty((T, B, W_x.shape[1]), d_hs.dtype)
    d_inside = np.zeros((len(inside), H, B), d_hs.dtype)
    d_fields = {f"d_{f}": d_inside[inside.index(f)] if f in inside else np.empty((H, B), d_hs.dtype) for f in kit.state}
    for d_field, value in zip(d_fields.values(), d_state, strict=True):
        d_field[:] = value.T
    constants = {"W_back": np.ascontiguousarray(W_h.T), "d_product": d_inside.reshape(len(inside) * H, B), **d_fields}
    W_xT = np.ascontiguousarray(W_x.T)
    most = block_steps(T, B, H)
    d_gates = np.empty((most, len(kit.blocks), H, B), d_hs.dtype)
    ends = np.cumsum([0, *(len(W) for W in matrices)])
    for stop in range(T, 0, -most):
        start = max(0, stop - most)
        n, d_block = stop - start, d_gates[: stop - start]
        d_rows = d_block.reshape(n, len(kit.blocks) * H, B)
        arrays = _block(cache, inside, packed, weights, start, stop, H)
        names = {what[1] for what in kit.coefficients.views.values() if what[0] == "coefficient"}
        arrays |= {name: np.empty((n, H, B), d_hs.dtype) for name in names}
        arrays |= {"gates": d_block, "past": d_rows[:, past], "d_out": d_hs[start:stop].transpose(0, 2, 1).copy()}
        _run(kit.coefficients, kit, packed, weights, arrays, at_once=n)
        _run(kit.backward, kit, packed, weights, arrays, constants, backwards=True)
        for d_W, span, rows in zip(d_matrices, spans, map(slice, ends, ends[1:]), strict=True):
            d_W += np.tensordot(d_rows[:, rows], cache.columns[start:stop, span], axes=((0, 2), (0, 2)))
        d_x[start:stop] = np.matmul(W_xT, d_rows[:, now]).transpose(0, 2, 1)
        for d_w, pairs in zip(d_weights, kit.d_weights, strict=True):
            for factor, gate in pairs:
                d_a = d_block[:, kit.blocks.index(gate)]
                if factor in arrays:
                    d_w += np.einsum("thb,thb->h", arrays[factor], d_a)
                else:  # a number, or another unit weight
                    once = weights[kit.weights.index(factor)] if factor in kit.weights else float(factor)
                    d_w += once * d_a.sum(axis=(0, 2))
    d_first = tuple(d_field.T.copy() for d_field in d_fields.values())
    return d_x, d_first, _unpacked(kit, products, d_matrices, H), tuple(d_weights)


def read(cache, name):
    """A saved value, or a field of the state after each step, (T, B, H), by the letter that the cell gives it."""
    if cache.gates is None:
        raise ValueError("cache is lean and holds no gates: call forward with keep_cache=True to read them")
    return _arrays(cache, _inside(cache.cell), cache.gates.shape[2])[name].transpose(0, 2, 1)


def expect_cache(cache, d_hs):
    """ValueError unless `cache` was left by a forward pass over the steps and sequences of d_hs (T, B, H)."""
    if cache is None:
        raise ValueError("cache is None: call forward with keep_cache=True before backward")
    T, B = len(cache.columns) - 1, cache.columns.shape[2]
    if d_hs.shape[:2] != (T, B):
        wanted = (T, B, d_hs.shape[2])
        raise ValueError(
            f"d_hs must have shape (T, B, H) = {wanted}, as the forward pass had, but its shape is {d_hs.shape}"
        )


def block_steps(T, B, H):
    """Steps per block: enough rows for an efficient product, few enough for the block to stay in cache."""
    return max(1, min(T, max(65536 // max(1, B * H), -(-512 // max(1, B)))))


# Memory

SPARE = {}  # bytes -> buffers of that size that nobody uses any more
MOST_SPARE = 2**29  # bytes


def room(shape, dtype):
    """An array like np.empty's, from a buffer that an earlier call has left, where one fits.

    The system clears each page of fresh memory when it is first touched, which for hundreds of MB costs as much time as
    the arithmetic.  A training loop asks for the same sizes again and again.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < 2**20:
        return np.empty(shape, dtype)
    try:
        buffer = SPARE[size].pop()  # one operation: two threads never get the same
    except (KeyError, IndexError):
        buffer = np.empty(size, np.uint8)
    # Every view of this array keeps it alive, and not the buffer behind it: when it is dead, the buffer is free.
    array = np.frombuffer(buffer.data, dtype)
    weakref.finalize(array, _spare, buffer).atexit = False
    return array.reshape(shape)


def _spare(buffer):
    SPARE.setdefault(buffer.nbytes, []).append(buffer)
    for size in list(SPARE):  # the sizes that came first are the least likely to be asked for again
        if sum(size * len(buffers) for size, buffers in list(SPARE.items())) <= MOST_SPARE:
            break
        SPARE.pop(size, None)


# The layout


def _units(cell, products):
    return sum(len(b) for _, _, b in products) // len(inplace.blocks(cell))


def _inside(kit):
    """The fields of the state that the products see: h, and whatever the step does not take as it was before."""
    return [field for field in kit.state if field == "h" or field not in kit.before]


def _rows(inside, field, H):
    """Where a field stands in a column; the row before all of them holds 1."""
    start = 1 + inside.index(field) * H
    return slice(start, start + H)


def _translated(cell, products):
    H, numbers = _units(cell, products), iter(range(len(inplace.blocks(cell))))
    return inplace.translate(cell, tuple(tuple(next(numbers) for _ in range(len(b) // H)) for _, _, b in products))


def _order(kit, start, count):
    """For each block of a product, in memory's order, its number in the parameters' order."""
    return [kit.inputs.index(name) - start for name in kit.blocks[start : start + count]]


def _packed(kit, products, H):
    """Each product as one matrix, its blocks in memory's order, and the rows of a column that it acts on."""
    matrices, spans, start = [], [], 0
    for W_x, W_h, b in products:
        if W_h is None:
            parts, span = [W_x, b[:, None]], slice(-1 - W_x.shape[1], None)
        elif W_x is None:
            parts, span = [b[:, None], W_h], slice(0, 1 + W_h.shape[1])
        else:
            parts, span = [W_h, W_x, b[:, None]], slice(1, None)
        count = len(b) // H
        W = np.concatenate(parts, axis=1).reshape(count, H, -1)[_order(kit, start, count)]
        for name, block in zip(kit.blocks[start : start + count], W, strict=True):
            if name in kit.halved:
                block *= 0.5
        matrices.append(W.reshape(count * H, -1))
        spans.append(span)
        start += count
    return matrices, spans


def _unpacked(kit, products, d_matrices, H):
    """The gradients of `products`, from those of the matrices of `_packed`."""
    gradients, start = [], 0
    for (W_x, W_h, b), d_W in zip(products, d_matrices, strict=True):
        count = len(b) // H
        d = np.empty((count, H, d_W.shape[1]), d_W.dtype)
        d[_order(kit, start, count)] = d_W.reshape(d.shape)
        d, start = d.reshape(d_W.shape), start + count
        if W_h is None:
            parts = d[:, :-1], None, d[:, -1]
        elif W_x is None:
            parts = None, d[:, 1:], d[:, 0]
        else:
            R = W_h.shape[1]
            parts = d[:, R:-1], d[:, :R], d[:, -1]
        gradients.append(tuple(None if part is None else part.copy() for part in parts))
    return gradients


def _stacked(kit, products, which, H):
    """W_x (0) or W_h (1) of all products that have it, in memory's order, and the pre-activations that they make."""
    parts, places, start = [], [], 0
    for product in products:
        W, count = product[which], len(product[2]) // H
        if W is not None:
            parts.append(W.reshape(count, H, -1)[_order(kit, start, count)].reshape(W.shape))
            places += range(start, start + count)
        start += count
    return np.concatenate(parts), slice(places[0] * H, (places[-1] + 1) * H)


# Running what inplace.py has written


def for_all(T, array):
    """The same memory at each of T steps, unless there is one for each."""
    return (
        array
        if len(array) == T
        else np.lib.stride_tricks.as_strided(array, (T, *array.shape[1:]), (0, *array.strides[1:]))
    )


def _arrays(cache, inside, H, start=0, stop=None):
    """Every array of `cache` by the name that the cell gives it, from step `start` to before `stop`."""
    kit, stop = cache.cell, len(cache.columns) - 1 if stop is None else stop
    found = {"columns": cache.columns[start:stop], "gates": cache.gates[start:stop]}
    found |= {name: cache.gates[start:stop, kit.blocks.index(home)] for name, home in kit.homes.items() if home}
    found |= {name: array[start:stop] for name, array in (*cache.extra.items(), *cache.given.items())}
    for field in kit.state:
        history = cache.columns[:, _rows(inside, field, H)] if field in inside else cache.carried[field]
        found |= {field: history[start + 1 : stop + 1], f"{field}_prev": history[start:stop]}
    return found


def _block(cache, inside, packed, weights, start, stop, H):
    """The arrays of some steps; what the cache does not hold is made again."""
    kit = cache.cell
    if cache.gates is not None:
        return _arrays(cache, inside, H, start, stop)
    n, B, dtype = stop - start, cache.columns.shape[2], cache.columns.dtype
    gates = room((n, len(kit.blocks), H, B), dtype)
    extra = {name: room((n, H, B), dtype) for name, home in kit.homes.items() if home is None}
    part = Cache(
        kit,
        cache.columns[start : stop + 1],
        {field: history[start : stop + 1] for field, history in cache.carried.items()},
        gates,
        extra,
        {name: array[start:stop] for name, array in cache.given.items()},
    )
    arrays = _arrays(part, inside, H)
    _run(kit.again, kit, packed, weights, arrays, at_once=n)
    return arrays


def _run(loop, kit, packed, weights, arrays, constants=None, at_once=None, backwards=False):
    """Give a loop its constants and its views, and run it: step by step, or over `at_once` steps in one go."""
    gates = arrays["gates"]
    n, G, H, B = gates.shape
    matrices, spans = packed
    scratch_shape = (H, B) if at_once is None else (at_once, H, B)
    known = dict(constants or {}) | {f"W_{k}": W for k, W in enumerate(matrices)}
    known |= {f"s{k}": np.empty(scratch_shape, gates.dtype) for k in range(loop.scratch)}
    for name, w in zip(kit.weights, weights, strict=True):
        half = 0.5 if name in kit.halved and loop in (kit.forward, kit.again) else 1
        known[name] = np.ascontiguousarray(np.broadcast_to(half * w[:, None], (H, B)))

    def view(kind, *which):
        if kind == "x":
            return arrays["columns"][:, spans[which[0]]]
        if kind == "block":
            return gates[:, which[0]]
        if kind == "blocks":
            return gates[:, which[0] : which[1]]
        if kind == "rows":
            return gates.reshape(n, G * H, B)[:, which[0] * H : which[1] * H]
        return arrays[which[0]]

    views = [view(*what) for what in loop.views.values()]
    if at_once is not None:
        views = [[array] for array in views]
    elif backwards:
        views = [array[::-1] for array in views]
    loop.bind(**{name: known[name] for name in loop.constants})(*views)
