"""Question 7, scan_with_resets: wrong answers, and right ones in other styles."""

from itertools import pairwise

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def scan_linear(a, b, h0):
    a, b, n = a.copy(), b.copy(), 1
    b[0] += a[0] * h0
    while n < len(a):
        b[n:] = a[n:] * b[:-n] + b[n:]
        a[n:] = a[n:] * a[:-n]
        n *= 2
    return b


def scan_with_resets(a, b, h0, starts):
    new = starts[..., None]
    return scan_linear(a * ~new, b + a * h0 * new, h0)


@mistake("resets unused", loses=EVERYTHING)
def one_long_series(a, b, h0, starts):
    return scan_linear(a, b, h0)


@mistake("begun from zero", loses=EVERYTHING)
def factor_set_to_zero(a, b, h0, starts):
    return scan_linear(np.where(starts[..., None], 0, a), b, h0)


@mistake("begun from zero", loses=EVERYTHING)
def overwritten_before_use(a, b, h0, starts):
    a, b = a.copy(), b.copy()
    a[starts] = 0
    b += np.where(starts[..., None], a * h0, 0)
    return scan_linear(a, b, h0)


@mistake("reset after the step", loses=EVERYTHING)
def step_replaced(a, b, h0, starts):
    new = starts[..., None]
    return scan_linear(np.where(new, 0, a), np.where(new, h0, b), h0)


@mistake("h0 not faded", loses=EVERYTHING)
def first_state_added(a, b, h0, starts):
    new = starts[..., None]
    a = np.where(new, 0, a)
    return scan_linear(a, b + new * h0, h0)


@mistake("h0 on top", loses=EVERYTHING)
def old_state_kept(a, b, h0, starts):
    b = b + np.where(starts[..., None], a * h0, 0)
    b[0] -= np.where(starts[0][:, None], a[0] * h0, 0)
    b[0] += np.where(starts[0][:, None], a[0] * h0, 0)
    return scan_linear(a, b, h0)


@mistake("starts turned round", loses=EVERYTHING)
def mask_the_other_way(a, b, h0, starts):
    return scan_with_resets(a, b, h0, ~starts)


@mistake("all sequences at once", loses=EVERYTHING)
def whole_batch(a, b, h0, starts):
    any_of_them = np.broadcast_to(starts.any(axis=1, keepdims=True), starts.shape)
    return scan_with_resets(a, b, h0, any_of_them)


@mistake("one step late", loses=EVERYTHING)
def ends_taken_for_starts(a, b, h0, starts):
    late = np.concatenate([np.zeros_like(starts[:1]), starts[:-1]])
    return scan_with_resets(a, b, h0, late)


@mistake("long", loses={"few operations": 1})
def a_loop(a, b, h0, starts):
    h, hs = h0, []
    for t in range(len(a)):
        h = a[t] * np.where(starts[t][:, None], h0, h) + b[t]
        hs.append(h)
    return np.array(hs)


@mistake("long", loses={"few operations": 1})
def stretch_by_stretch(a, b, h0, starts):
    hs = np.empty_like(b)
    for s in range(b.shape[1]):
        cuts = [0, *np.flatnonzero(starts[:, s]), len(b)]
        for p, q in pairwise(cuts):
            if q > p:
                hs[p:q, s] = scan_linear(a[p:q, s], b[p:q, s], h0[s])
    return hs


@mistake("raised", loses=EVERYTHING)
def axis_missing(a, b, h0, starts):
    return scan_linear(a * ~starts[:, :, None, None], b, h0)


@right()
def by_where(a, b, h0, starts):
    new = starts[:, :, None]
    return scan_linear(np.where(new, 0, a), np.where(new, a * h0 + b, b), h0)


@right()
def by_index(a, b, h0, starts):
    t, s = np.nonzero(starts)
    a, b = a.copy(), b.copy()
    b[t, s] += a[t, s] * h0[s]
    a[t, s] = 0
    return scan_linear(a, b, h0).tolist()


@right()
def its_own_rounds(a, b, h0, starts):
    """Each stretch carries a flag: whether a series begins in it; then what is before it does not matter."""
    new = starts[:, :, None] | np.zeros(a.shape, bool)
    b = np.where(new, a * h0 + b, b)
    b[0] = a[0] * h0 + np.where(new[0], b[0] - a[0] * h0, b[0])
    a, n = a.copy(), 1
    while n < len(a):
        b[n:] = np.where(new[n:], b[n:], a[n:] * b[:-n] + b[n:])
        a[n:] = np.where(new[n:], a[n:], a[n:] * a[:-n])
        new[n:] = new[n:] | new[:-n].copy()
        n *= 2
    return {"hs": b}


@right()
def difference_from_h0(a, b, h0, starts):
    """h - h0 begins from zero, and a zero factor is then enough."""
    return scan_linear(a * ~starts[..., None], b + (a - 1) * h0, 0 * h0) + h0


@right(needs="torch")
def in_torch(a, b, h0, starts):
    import torch

    a, b, h0, starts = (torch.tensor(x) for x in (a, b, h0, starts))
    b = torch.where(starts[..., None], b + a * h0, b)
    a = torch.where(starts[..., None], torch.zeros_like(a), a)
    b[0] += a[0] * h0
    n = 1
    while n < len(a):
        b = torch.cat([b[:n], a[n:] * b[:-n] + b[n:]])
        a = torch.cat([a[:n], a[n:] * a[:-n]])
        n *= 2
    return b
