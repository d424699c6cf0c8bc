"""Question 7, truncated_backward: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from exercises.mistakes.evolution.rnn_backward import back as rnn_backward
from exercises.mistakes.evolution.rnn_backward import forward_for_torch, summed
from exercises.mistakes.evolution.rnn_backward import rnn_forward as whole_forward

rnn_forward = whole_forward


def with_borders(dhs, cache, border):
    x, h0, hs, _, Wh = cache
    dh, da = np.zeros_like(h0), np.zeros_like(hs)
    for t in reversed(range(len(x))):
        if border(t):
            dh = np.zeros_like(dh)
        da[t] = (dhs[t] + dh) * (1 - hs[t] ** 2)
        dh = da[t] @ Wh
    return summed(da, dh, cache)


def pieces(dhs, cache, k):
    """Each piece by itself: a list of the five gradients of every piece."""
    x, h0, hs, Wx, Wh = cache
    found = []
    for first in range(0, len(x), k):
        p = slice(first, first + k)
        found.append(rnn_backward(dhs[p], (x[p], h0 if first == 0 else hs[first - 1], hs[p], Wx, Wh)))
    return found


@mistake("not truncated", loses=EVERYTHING)
def whole_gradient(dhs, cache, k):
    return rnn_backward(dhs, cache)


@mistake("border one step off", loses=EVERYTHING)
def cut_before_the_step(dhs, cache, k):
    return with_borders(dhs, cache, lambda t: t % k == 0)


@mistake("border one step off", loses=EVERYTHING)
def cleared_after_the_first_step(dhs, cache, k):
    x, h0, hs, _, Wh = cache
    dh, da = 0 * h0, 0 * hs
    for t in range(len(x) - 1, -1, -1):
        if t % k != 0:
            da[t] = (dhs[t] + dh) * (1 - hs[t] ** 2)
        else:
            da[t] = dhs[t] * (1 - hs[t] ** 2)
        dh = da[t] @ Wh
    return summed(da, dh, cache)


@mistake("pieces from the end", loses=EVERYTHING)
def counted_backwards(dhs, cache, k):
    n = 0
    x, h0, hs, _, Wh = cache
    dh, da = 0 * h0, 0 * hs
    for t in range(len(x) - 1, -1, -1):
        if n == k:
            dh, n = 0 * dh, 0
        da[t] = (dhs[t] + dh) * (1 - hs[t] ** 2)
        dh, n = da[t] @ Wh, n + 1
    return summed(da, dh, cache)


@mistake("no gradient carried", loses=EVERYTHING)
def cut_everywhere(dhs, cache, k):
    return with_borders(dhs, cache, lambda t: True)


@mistake("a window for each loss", loses=EVERYTHING, source="the other truncation of Williams and Peng 1990")
def sliding(dhs, cache, k):
    x, h0, hs, _, Wh = cache
    da, dh0 = 0 * hs, 0 * h0
    for t in range(len(x)):
        dh = dhs[t]
        for s in range(t, max(t - k, -1), -1):
            back = dh * (1 - hs[s] ** 2)
            da[s] += back
            dh = back @ Wh
        if t < k:
            dh0 = dh0 + dh
    return summed(da, dh0, cache)


@mistake("last piece dropped", loses=EVERYTHING)
def whole_pieces_only(dhs, cache, k):
    x, h0, hs, Wx, Wh = cache
    n = max(len(x) // k, 1) * k
    found = pieces(dhs[:n], (x[:n], h0, hs[:n], Wx, Wh), k)
    dx = np.concatenate([f[0] for f in found] + [0 * x[n:]])
    return dx, found[0][1], *(sum(f[i] for f in found) for i in (2, 3, 4))


@mistake("loss at the border lost", loses=EVERYTHING)
def too_much_cleared(dhs, cache, k):
    dhs = dhs.copy()
    for t in range(k - 1, len(dhs) - 1, k):
        dhs[t] = 0
    return with_borders(dhs, cache, lambda t: (t + 1) % k == 0)


def with_starts(dhs, cache, k, start):
    x, h0, hs, Wx, Wh = cache
    found = []
    for first in range(0, len(x), k):
        p = slice(first, first + k)
        found.append(rnn_backward(dhs[p], (x[p], start(h0, hs, first), hs[p], Wx, Wh)))
    return np.concatenate([f[0] for f in found]), found[0][1], *(sum(f[i] for f in found) for i in (2, 3, 4))


@mistake("h0 for every piece", loses={"d_W_x, d_W_h, d_b": 1})
def cache_not_cut_to_the_piece(dhs, cache, k):
    return with_starts(dhs, cache, k, lambda h0, hs, first: h0)


@mistake("h wraps around", loses={"d_W_x, d_W_h, d_b": 1})
def minus_one_is_the_last(dhs, cache, k):
    return with_starts(dhs, cache, k, lambda h0, hs, first: hs[first - 1])


@mistake("state after the first step", loses={"d_W_x, d_W_h, d_b": 1})
def one_state_too_late(dhs, cache, k):
    return with_starts(dhs, cache, k, lambda h0, hs, first: hs[first] if first else h0)


@mistake("weights of the last piece", loses={"d_W_x, d_W_h, d_b": 1})
def overwritten(dhs, cache, k):
    found = pieces(dhs, cache, k)
    return np.concatenate([f[0] for f in found]), found[0][1], *found[-1][2:]


@mistake("weights averaged over the pieces", loses={"d_W_x, d_W_h, d_b": 1})
def mean_of_the_pieces(dhs, cache, k):
    found = pieces(dhs, cache, k)
    weights = [sum(f[i] for f in found) / len(found) for i in (2, 3, 4)]
    return np.concatenate([f[0] for f in found]), found[0][1], *weights


@mistake("d_h0 of the last piece", loses={"d_x, d_h0": 1})
def h0_overwritten(dhs, cache, k):
    found = pieces(dhs, cache, k)
    return np.concatenate([f[0] for f in found]), found[-1][1], *(sum(f[i] for f in found) for i in (2, 3, 4))


@mistake("raised", loses=EVERYTHING)
def cut_into_equal_pieces(dhs, cache, k):
    x, h0, hs, Wx, Wh = cache
    n = len(x) // k
    starts = np.concatenate([h0[None], hs[k - 1 : -1 : k]])
    all_pieces = [np.split(array, n) for array in (dhs, x, hs)]
    found = [rnn_backward(d, (x, h, hs, Wx, Wh)) for d, x, hs, h in zip(*all_pieces, starts, strict=True)]
    return np.concatenate([f[0] for f in found]), found[0][1], *(sum(f[i] for f in found) for i in (2, 3, 4))


@mistake("one piece", loses={"k of T or more": 1})
def border_taken_for_granted(dhs, cache, k):
    first_border = range(k, len(dhs))[0]
    assert first_border == k
    return with_borders(dhs, cache, lambda t: (t + 1) % k == 0)


@mistake("shape", loses={"d_x, d_h0": 1})
def list_of_pieces_flattened(dhs, cache, k):
    dx, *rest = with_borders(dhs, cache, lambda t: (t + 1) % k == 0)
    return dx.reshape(-1, dx.shape[-1]), *rest


@right()
def one_loop(dhs, cache, k):
    return with_borders(dhs, cache, lambda t: (t + 1) % k == 0)


@right()
def piece_by_piece(dhs, cache, k):
    found = pieces(dhs, cache, k)
    return np.concatenate([f[0] for f in found]), found[0][1], *(sum(f[i] for f in found) for i in (2, 3, 4))


@right()
def padded_to_whole_pieces(dhs, cache, k):
    x, h0, hs, Wx, Wh = cache
    more = -len(x) % k
    starts = np.concatenate([h0[None], hs[k - 1 : -1 : k]])  # all pieces at once, as one larger batch

    def side_by_side(a):
        a = np.concatenate([a, np.zeros((more, *a.shape[1:]), a.dtype)])
        return np.concatenate(a.reshape(-1, k, *a.shape[1:]), axis=1)

    wide = (side_by_side(x), np.concatenate(starts), side_by_side(hs), Wx, Wh)
    dx, dh, *weights = rnn_backward(side_by_side(dhs), wide)
    dx = np.concatenate(np.split(dx, len(starts), axis=1))
    return dx[: len(x)], dh[: len(h0)], *weights


@right()
def as_a_dict(dhs, cache, k):
    dx, dh, dWx, dWh, db = with_borders(dhs, cache, lambda t: t % k == k - 1)
    return {"d_x": list(dx), "d_h0": dh, "d_W_x": dWx, "d_W_h": dWh, "d_b": db}


@right()
def recursive(dhs, cache, k):
    x, h0, hs, Wx, Wh = cache
    dx, dh, *weights = rnn_backward(dhs[:k], (x[:k], h0, hs[:k], Wx, Wh))
    if len(x) > k:
        later, _, *more = recursive(dhs[k:], (x[k:], hs[k - 1], hs[k:], Wx, Wh), k)
        dx, weights = np.concatenate([dx, later]), [a + b for a, b in zip(weights, more, strict=True)]
    return dx, dh, *weights


@right(needs="torch", rnn_forward=forward_for_torch)
def detached(dhs, cache, k):
    import torch

    (x, h0, Wx, Wh, b), _ = cache
    h, loss, d = h0, 0, torch.as_tensor(dhs)
    for t, x_t in enumerate(x):
        h = torch.tanh(x_t @ Wx.T + (h.detach() if t and t % k == 0 else h) @ Wh.T + b)
        loss = loss + (h * d[t]).sum()
    return torch.autograd.grad(loss, (x, h0, Wx, Wh, b))
