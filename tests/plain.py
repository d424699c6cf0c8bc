"""A cell run as it is written: its own `step` and `step_backward`, called step by step, an array for each operation.

What lstmkit.numpy's recurrence runs in place must be this; whether this is right is for oracles.py to say.
"""

import inspect

import numpy as np

from lstmkit.numpy import inplace, layer


def pieces(twin, params):
    """The products, the unit-by-unit weights, the fields, those that a step takes, and the names of the blocks."""
    products, weights = getattr(twin, "products", layer.products)(params)
    return products, weights, inplace.fields(twin.cell), inplace.before(twin.cell), inplace.blocks(twin.cell)


def in_columns(twin, params, x, state):
    """hs and the last state, with the same matrix products as the recurrence's: to the last bit what it should give."""
    products, weights, names, before, blocks = pieces(twin, params)
    H, sizes, numbers = state[0].shape[1], [], iter(range(len(blocks)))
    sizes = [len(b) // H for _, _, b in products]
    order = inplace.translate(twin.cell, tuple(tuple(next(numbers) for _ in range(n)) for n in sizes)).blocks
    weights, one = [w[:, None] for w in weights], np.ones((1, x.shape[1]), x.dtype)
    now, hs = {name: np.ascontiguousarray(field.T) for name, field in zip(names, state, strict=True)}, []
    for x_t in x:
        past = np.concatenate([now[name] for name in names if name == "h" or name not in before])
        a, start = {}, 0
        for (W_x, W_h, b), count in zip(products, sizes, strict=True):
            matrices = [m for m in (W_h, W_x, b[:, None]) if m is not None]
            column = [v for v, m in ((past, W_h), (x_t.T, W_x)) if m is not None] + [one]
            if W_x is None:  # the 1 stands on the other side of h
                matrices, column = matrices[::-1], column[::-1]
            there = order[start : start + count]  # in memory: a product's last bit may depend on where a row stands
            W = np.concatenate(matrices, axis=1).reshape(count, H, -1)
            W = W[[blocks.index(name) - start for name in there]].reshape(count * H, -1)
            a |= dict(zip(there, np.split(W @ np.concatenate(column), count), strict=True))
            start += count
        new = twin.cell.step(*(a[name] for name in blocks), *(now[name] for name in before), *weights)
        now = dict(zip(names, new, strict=False))
        hs.append(now["h"].T)
    return np.stack(hs), tuple(now[name].T for name in names)


def run(twin, params, x, state, d_hs, d_state, **outside):
    """The list of `oracles.run`, in rows; `outside` is what the step takes besides, (T, B, H) each."""
    products, weights, names, before, blocks = pieces(twin, params)
    inside = [name for name in names if name == "h" or name not in before]
    H, now, tape = state[0].shape[1], dict(zip(names, state, strict=True)), []
    for t, x_t in enumerate(x):
        past, given = np.concatenate([now[name] for name in inside], axis=1), {m: a[t] for m, a in outside.items()}
        a = np.concatenate(
            [
                b + (0 if W_x is None else x_t @ W_x.T) + (0 if W_h is None else past @ W_h.T)
                for W_x, W_h, b in products
            ],
            axis=1,
        )
        values = twin.cell.step(*np.split(a, len(blocks), axis=1), *(now[name] for name in before), *weights, **given)
        known = given | {f"{name}_prev": now[name] for name in names}
        known |= dict(zip((*names, *twin.cell.SAVED), values, strict=True))
        now = {name: known[name] for name in names}
        tape.append((past, known))
    taken = list(inspect.signature(twin.cell.step_backward).parameters)
    unit = [name for name in inspect.signature(twin.cell.step).parameters if name.startswith("w_")]
    results = [*blocks, *(f"{name}_prev" for name in before), *unit]
    d_now, d_xs = dict(zip(names, d_state, strict=True)), []
    totals = [tuple(None if a is None else np.zeros_like(a) for a in product) for product in products]
    d_weights = [np.zeros_like(w) for w in weights]
    for x_t, d_h, (past, known) in zip(x[::-1], d_hs[::-1], tape[::-1], strict=True):
        d_now["h"] = d_now["h"] + d_h
        known = known | {f"d_{name}": d for name, d in d_now.items()} | dict(zip(unit, weights, strict=True))
        found = twin.cell.step_backward(*(known[name] for name in taken))
        d = dict(zip(results, (np.broadcast_to(value, d_h.shape) for value in found), strict=True))
        d_past, d_x, start = np.zeros_like(past), np.zeros_like(x_t), 0
        for k, (W_x, W_h, b) in enumerate(products):
            there = blocks[start : start + len(b) // H]
            d_a, start = np.concatenate([d[name] for name in there], axis=1), start + len(there)
            parts = [None if W is None else d_a.T @ v for W, v in ((W_x, x_t), (W_h, past))] + [d_a.sum(axis=0)]
            totals[k] = tuple(None if p is None else t + p for t, p in zip(totals[k], parts, strict=True))
            d_x = d_x + (0 if W_x is None else d_a @ W_x)
            d_past = d_past + (0 if W_h is None else d_a @ W_h)
        d_xs.append(d_x)
        d_weights = [total + d[name].sum(axis=0) for total, name in zip(d_weights, unit, strict=True)]
        direct = {name: d[f"{name}_prev"] for name in before}
        through = dict(zip(inside, np.split(d_past, len(inside), axis=1), strict=True))
        d_now = {name: direct.get(name, 0) + through.get(name, 0) for name in names}
    back = getattr(twin, "gradients", lambda d_products, d_weights: (*d_products[0], *d_weights))
    hs = np.stack([known["h"] for _, known in tape])
    return [hs, *now.values(), np.stack(d_xs[::-1]), *d_now.values(), *back(totals, d_weights)]
