"""Our LSTM beside its peers and beside the floor, the bare matrix products."""

import numpy as np

from lstmkit import doctor
from lstmkit.bench import peers
from lstmkit.bench.timing import (
    BARE,
    EQUATIONS,
    FLOOR,
    LEAN,
    LOOP,
    NUMPY,
    PASSES,
    PEER,
    TORCH,
    Bar,
    Contender,
    Shape,
    both_passes,
    problem,
)
from lstmkit.cells import lstm as cell
from lstmkit.numpy import lstm
from lstmkit.numpy.functions import d_sigmoid, d_tanh, sigmoid
from lstmkit.numpy.recurrence import block_steps

SHAPES = (
    Shape(100, 32, 64, 128),
    Shape(100, 64, 128, 256),
    Shape(256, 1, 64, 128),
    Shape(784, 64, 1, 128),
    Shape(50, 32, 28, 512),
)
DTYPES, ROUNDS = ("float32", "float64"), 9
AGAINST = {"x torch.nn": lambda name: (PEER,), "x floor": lambda name: FLOOR}


def measure(shapes, dtypes, threads, rounds, progress):
    """All results, and what took no part."""
    bar = Bar(len(shapes) * len(dtypes) * len(PASSES) * (rounds + 1), progress)
    results = []
    for dtype in dtypes:
        for shape in shapes:
            field = contenders(problem(shape, dtype), threads)
            results.append(both_passes(field, shape, dtype, threads, rounds, bar, AGAINST, "lstm"))
    bar.close()
    return results, peers.left_out()


def contenders(task, threads=1):
    """All that takes part, on the same weights and data."""
    field = [in_numpy(task), lean(task), equations(task), tutorial(task), bare_columns(task)]
    if doctor.torch().found:
        field += peers_in_torch(task)
        field += [peers.keras(task)] if peers.has_keras() else []
    return field + ([peers.flax(task)] if peers.has_flax() else [])


def in_numpy(task):
    """lstmkit.numpy.lstm as it comes."""

    def both():
        hs, _, cache = lstm.forward(task.params, task.x)
        d_x, _, _ = lstm.backward(task.params, task.d_hs, cache)
        return hs, d_x

    return Contender(NUMPY, lambda: lstm.forward(task.params, task.x, keep_cache=False)[0], both)


def lean(task):
    """lstmkit.numpy.lstm keeping the states only; its gates are made a second time."""

    def forward():
        return lstm.forward(task.params, task.x, keep_cache="lean")

    def both():
        hs, _, cache = forward()
        d_x, _, _ = lstm.backward(task.params, task.d_hs, cache)
        return hs, d_x

    return Contender(LEAN, lambda: forward()[0], both)


def equations(task):
    """lstmkit/cells/lstm.py called step by step: the same products, and a fresh array for every operation."""
    (W_x, W_h, b), x, d_hs = task
    (T, B, D), H = x.shape, W_h.shape[1]
    W, W_hT, W_xT = np.concatenate([W_h, W_x, b[:, None]], axis=1), W_h.T.copy(), W_x.T.copy()

    def run():
        columns = np.empty((T + 1, H + D + 1, B), x.dtype)  # [h_{t-1}; x_t; 1]
        columns[0, :H], columns[:T, H:-1], columns[:, -1] = 0, x.transpose(0, 2, 1), 1
        c, saved = np.zeros((H, B), x.dtype), []
        for t in range(T):
            c_prev = c
            h, c, *gates = cell.step(*(W @ columns[t]).reshape(4, H, B), c_prev)
            columns[t + 1, :H] = h
            saved.append((*gates, c_prev))
        return columns, saved

    def forward():
        return run()[0][1:, :H].transpose(0, 2, 1).copy()

    def both():
        columns, saved = run()
        d_h, d_c, d_W, d_x = np.zeros((H, B), x.dtype), np.zeros((H, B), x.dtype), np.zeros_like(W), np.empty_like(x)
        most = block_steps(T, B, H)
        for stop in range(T, 0, -most):
            start = max(0, stop - most)
            d_out, d_a = d_hs[start:stop].transpose(0, 2, 1).copy(), np.empty((stop - start, 4, H, B), x.dtype)
            d_rows = d_a.reshape(stop - start, 4 * H, B)
            for t in reversed(range(stop - start)):
                *d_blocks, d_c = cell.step_backward(d_h + d_out[t], d_c, *saved[start + t])
                for block, d_block in zip(d_a[t], d_blocks, strict=True):
                    block[:] = d_block
                d_h = W_hT @ d_rows[t]
            d_W += np.tensordot(d_rows, columns[start:stop], axes=((0, 2), (0, 2)))
            d_x[start:stop] = (W_xT @ d_rows).transpose(0, 2, 1)
        return columns[1:, :H].transpose(0, 2, 1).copy(), d_x

    return Contender(EQUATIONS, forward, both)


def tutorial(task):
    """The LSTM of most tutorials: every gate by itself, eight products a step, lists of arrays."""
    params, x, d_hs = task
    H = params.W_h.shape[1]
    W, R, b = ([p[k * H : (k + 1) * H] for k in range(4)] for p in params)

    def run():
        h = c = np.zeros((x.shape[1], H), x.dtype)
        hs, saved = [], []
        for x_t in x:
            i = sigmoid(x_t @ W[0].T + h @ R[0].T + b[0])
            f = sigmoid(x_t @ W[1].T + h @ R[1].T + b[1])
            g = np.tanh(x_t @ W[2].T + h @ R[2].T + b[2])
            o = sigmoid(x_t @ W[3].T + h @ R[3].T + b[3])
            before, c = (x_t, h, c), f * c + i * g
            h = o * np.tanh(c)
            hs.append(h)
            saved.append((*before, i, f, g, o, np.tanh(c)))
        return hs, saved

    def forward():
        return np.stack(run()[0])

    def both():
        hs, saved = run()
        d_W, d_R, d_b = ([np.zeros_like(block) for block in blocks] for blocks in (W, R, b))
        d_h = d_c = np.zeros_like(hs[0])
        d_xs = []
        for d_h_t, (x_t, h_prev, c_prev, i, f, g, o, q) in zip(d_hs[::-1], saved[::-1], strict=True):
            d_h = d_h + d_h_t
            d_c = d_c + d_h * o * d_tanh(q)
            d_a = (
                d_c * g * d_sigmoid(i),
                d_c * c_prev * d_sigmoid(f),
                d_c * i * d_tanh(g),
                d_h * q * d_sigmoid(o),
            )
            for k in range(4):
                d_W[k] += d_a[k].T @ x_t
                d_R[k] += d_a[k].T @ h_prev
                d_b[k] += d_a[k].sum(axis=0)
            d_xs.append(d_a[0] @ W[0] + d_a[1] @ W[1] + d_a[2] @ W[2] + d_a[3] @ W[3])
            d_h = d_a[0] @ R[0] + d_a[1] @ R[1] + d_a[2] @ R[2] + d_a[3] @ R[3]
            d_c = d_c * f
        return np.stack(hs), np.stack(d_xs[::-1])

    return Contender("NumPy tutorial, eight products", forward, both)


def peers_in_torch(task):
    """Our module, the library's module, its cell in a loop, the loop that users write, and bare products in rows."""
    import torch

    import lstmkit.torch
    from lstmkit.bench import torch_loops

    library = torch_loops.library(torch.nn.LSTM, task.params)
    ours = lstmkit.torch.LSTM.from_torch(library)
    cell_loop, peephole_loop = torch_loops.CellLoop(library), torch_loops.PeepholeLoop(ours)
    modules = {TORCH: ours, PEER: library, "torch.nn.LSTMCell in a loop": cell_loop, f"peephole {LOOP}": peephole_loop}
    return [torch_loops.contender(name, module, task) for name, module in modules.items()] + [bare_rows(task)]


def bare_columns(task):
    """Only the matrix products, in NumPy and in columns: z = W [h; x; 1] at each step, into memory that is there."""
    params, x, d_hs = task
    (T, B, D), H = x.shape, params.W_h.shape[1]
    W = np.concatenate([params.W_h, params.W_x, params.b[:, None]], axis=1)  # (4H, H + D + 1)
    columns = np.zeros((T, H + D + 1, B), x.dtype)
    columns[:, :H], columns[:, H:-1], columns[:, -1] = d_hs.transpose(0, 2, 1), x.transpose(0, 2, 1), 1
    a = np.zeros((T, 4 * H, B), x.dtype)
    a_of_all_steps, rows = np.zeros((4 * H, T * B), x.dtype), np.zeros((T * B, H + D + 1), x.dtype)
    W_h_T, W_x_T = np.ascontiguousarray(params.W_h.T), np.ascontiguousarray(params.W_x.T)
    d_h, d_W, d_x = np.zeros((H, B), x.dtype), np.zeros_like(W), np.zeros((D, T * B), x.dtype)

    def forward():
        for t in range(T):
            np.matmul(W, columns[t], out=a[t])

    def both():
        forward()
        for t in reversed(range(T)):
            np.matmul(W_h_T, a[t], out=d_h)
        np.matmul(a_of_all_steps, rows, out=d_W)
        np.matmul(W_x_T, a_of_all_steps, out=d_x)

    return Contender(FLOOR[0], forward, both, BARE)


def bare_rows(task):
    """Only the matrix products, in torch and in rows: x W_xᵀ for all steps at once, then h W_hᵀ at each."""
    import torch

    params, x, d_hs = task
    (T, B, D), H = x.shape, params.W_h.shape[1]
    W_x, W_h = torch.from_numpy(params.W_x), torch.from_numpy(params.W_h)
    rows, hs = torch.from_numpy(x).reshape(T * B, D), torch.from_numpy(d_hs).reshape(T * B, H)
    a, a_t = torch.zeros(T * B, 4 * H, dtype=rows.dtype), torch.zeros(B, 4 * H, dtype=rows.dtype)
    d_h, d_x = torch.zeros(B, H, dtype=rows.dtype), torch.zeros_like(rows)
    d_W_x, d_W_h = torch.zeros_like(W_x), torch.zeros_like(W_h)
    W_x_T, W_h_T, a_T = W_x.T, W_h.T, a.T

    def forward():
        torch.mm(rows, W_x_T, out=a)
        for h in hs.split(B):
            torch.mm(h, W_h_T, out=a_t)

    def both():
        forward()
        for _ in range(T):
            torch.mm(a_t, W_h, out=d_h)
        torch.mm(a_T, rows, out=d_W_x)
        torch.mm(a_T, hs, out=d_W_h)
        torch.mm(a, W_x, out=d_x)

    return Contender(FLOOR[1], forward, both, BARE)
