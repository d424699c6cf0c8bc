"""Question 4, log_space_scan: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def log_space_scan(log_a, log_b, log_h0):
    pieces = []
    for k in range(0, len(log_a), 50):
        A = np.cumsum(log_a[k : k + 50], axis=0)
        inside = np.logaddexp.accumulate(log_b[k : k + 50] - A, axis=0)
        pieces.append(A + np.logaddexp(log_h0, inside))
        log_h0 = pieces[-1][-1]
    return np.concatenate(pieces)


def in_one_sum(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=0)
    return A + np.logaddexp(log_h0, np.logaddexp.accumulate(log_b - A, axis=0))


@mistake("long", loses={"ten thousand steps": 2})
def step_by_step(log_a, log_b, log_h0):
    out, h = [], log_h0
    for x, y in zip(log_a, log_b, strict=True):
        h = np.logaddexp(x + h, y)
        out.append(h)
    return np.array(out)


@mistake(
    {"long", "float32"},
    loses={"ten thousand steps": 2, "the same in float32": 1},
    source="the outright solution that Heinsen (2023) begins with",
)
def exponentials_first(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=0)
    return A + np.log(np.exp(log_h0) + np.cumsum(np.exp(log_b - A), axis=0))


@mistake(
    {"long", "float32", "zeros"},
    loses={"ten thousand steps": 2, "the same in float32": 1, "zeros": 1},
)
def largest_of_all_subtracted(log_a, log_b, log_h0):
    """One largest exponent for all steps: the early sums come out as zero."""
    A = np.cumsum(log_a, axis=0)
    x = np.concatenate([log_h0[None], log_b - A])
    top = x.max(axis=0)
    return A + (top + np.log(np.cumsum(np.exp(x - top), axis=0)))[1:]


@mistake("float32", loses={"the same in float32": 1}, source="heinsen_sequence, and the scans of minGRU made from it")
def one_sum(log_a, log_b, log_h0):
    return in_one_sum(log_a, log_b, log_h0)


@mistake("zeros", loses={"zeros": 1})
def logaddexp_by_hand(log_a, log_b, log_h0):
    def add(x, y):
        top = np.maximum(x, y)
        return top + np.log(np.exp(x - top) + np.exp(y - top))

    A = np.cumsum(log_a.astype(float), axis=0)
    inside, n = np.concatenate([log_h0[None], log_b - A]), 1
    while n < len(inside):
        inside = np.concatenate([inside[:n], add(inside[n:], inside[:-n])])
        n *= 2
    return A + inside[1:]


@mistake("h0 unused", loses=EVERYTHING)
def no_first_state(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=0)
    return A + np.logaddexp.accumulate(log_b - A, axis=0)


@mistake("h0 not faded", loses=EVERYTHING)
def first_state_outside(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=0)
    return np.logaddexp(log_h0, A + np.logaddexp.accumulate(log_b - A, axis=0))


@mistake("own factor left out", loses=EVERYTHING)
def sum_begins_with_zero(log_a, log_b, log_h0):
    A = np.concatenate([np.zeros_like(log_a[:1]), np.cumsum(log_a[:-1], axis=0)])
    return A + np.logaddexp(log_h0, np.logaddexp.accumulate(log_b - A, axis=0))


@mistake("A not subtracted", loses=EVERYTHING)
def addends_as_they_are(log_a, log_b, log_h0):
    return np.cumsum(log_a, axis=0) + np.logaddexp(log_h0, np.logaddexp.accumulate(log_b, axis=0))


@mistake("A added to log_b", loses=EVERYTHING)
def sign_of_A(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=0)
    return A + np.logaddexp(log_h0, np.logaddexp.accumulate(log_b + A, axis=0))


@mistake("A not added back", loses=EVERYTHING)
def without_the_end(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=0)
    return np.logaddexp(log_h0, np.logaddexp.accumulate(log_b - A, axis=0))


@mistake("logarithms summed", loses=EVERYTHING)
def log_of_a_sum(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=0)
    return A + np.logaddexp(log_h0, np.cumsum(log_b - A, axis=0))


@mistake("maximum for a sum", loses=EVERYTHING)
def largest_term(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=0)
    return A + np.maximum(log_h0, np.maximum.accumulate(log_b - A, axis=0))


@mistake("not in logarithms", loses=EVERYTHING)
def exponential_at_the_end(log_a, log_b, log_h0):
    return np.exp(log_space_scan(log_a, log_b, log_h0))


@mistake("factors over units", loses=EVERYTHING)
def sum_over_the_last_axis(log_a, log_b, log_h0):
    A = np.cumsum(log_a, axis=-1)
    return A + np.logaddexp(log_h0, np.logaddexp.accumulate(log_b - A, axis=0))


@mistake("raised", loses=EVERYTHING)
def an_axis_for_T(log_a, log_b, log_h0):
    return np.logaddexp.accumulate(log_b, axis=3)


@right()
def float64_inside(log_a, log_b, log_h0):
    return in_one_sum(*(array.astype(np.float64) for array in (log_a, log_b, log_h0)))


@right()
def rounds(log_a, log_b, log_h0):
    A, L = log_a.copy(), log_b.copy()
    L[0] = np.logaddexp(A[0] + log_h0, L[0])
    reach = 1
    while reach < len(A):
        L[reach:] = np.logaddexp(A[reach:] + L[:-reach], L[reach:])
        A[reach:] = A[reach:] + A[:-reach].copy()
        reach *= 2
    return L


@right()
def first_state_as_a_term(log_a, log_b, log_h0):
    log_a, log_b, log_h0 = (np.asarray(x, np.longdouble) for x in (log_a, log_b, log_h0))
    A = np.concatenate([np.zeros_like(log_h0)[None], np.cumsum(log_a, axis=0)])
    terms = np.concatenate([log_h0[None], log_b]) - A
    return (A + np.logaddexp.accumulate(terms, axis=0))[1:].tolist()


@right()
def back_in_numbers(log_a, log_b, log_h0):
    """Factors below one cannot overflow, in rounds."""
    a, h = np.exp(log_a.astype(float)), np.exp(log_b.astype(float))
    h[0] += a[0] * np.exp(log_h0)
    n = 1
    while n < len(a):
        h[n:] = a[n:] * h[:-n] + h[n:]
        a[n:] = a[n:] * a[:-n]
        n *= 2
    return {"log_hs": np.log(h)}


@right(needs="torch")
def in_torch(log_a, log_b, log_h0):
    import torch

    log_a, log_b, log_h0 = (torch.tensor(x).double() for x in (log_a, log_b, log_h0))
    A = torch.cat([torch.zeros_like(log_h0)[None], torch.cumsum(log_a, dim=0)])
    return (A + torch.logcumsumexp(torch.cat([log_h0[None], log_b]) - A, dim=0))[1:]
