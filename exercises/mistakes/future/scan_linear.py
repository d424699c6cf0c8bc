"""Question 2, scan_linear: wrong answers, and right ones in other styles."""

from itertools import accumulate

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def scan_linear(a, b, h0):
    T, reach = len(a), 1
    a, b = a.copy(), b.copy()
    b[0] = a[0] * h0 + b[0]
    while reach < T:
        b[reach:] = a[reach:] * b[:-reach] + b[reach:]
        a[reach:] = a[reach:] * a[:-reach]
        reach *= 2
    return b


@mistake("long", loses={"long series, few operations": 2})
def the_loop(a, b, h0):
    hs, h = [], h0
    for a_t, b_t in zip(a, b, strict=True):
        h = a_t * h + b_t
        hs.append(h)
    return np.stack(hs)


@mistake("long", loses={"long series, few operations": 2})
def the_loop_in_one_line(a, b, h0):
    return np.array([*accumulate(zip(a, b, strict=True), lambda h, ab: ab[0] * h + ab[1], initial=h0)][1:])


@mistake("long", loses={"long series, few operations": 2})
def blocks_of_the_root(a, b, h0):
    steps = max(1, int(len(a) ** 0.5))
    hs = np.empty_like(b)
    for start in range(0, len(a), steps):
        hs[start : start + steps] = scan_linear(a[start : start + steps], b[start : start + steps], h0)
        h0 = hs[min(start + steps, len(a)) - 1]
    return hs


@mistake(
    "long", loses={"long series, few operations": 2}, source="the outright solution that Heinsen (2023) begins with"
)
def outright(a, b, h0):
    product = np.cumprod(a, axis=0)
    return product * (h0 + np.cumsum(b / product, axis=0))


@mistake("long", loses={"long series, few operations": 2})
def lists_in_halves(a, b, h0):
    def in_halves(steps):
        if len(steps) == 1:
            return steps
        middle = len(steps) // 2
        first, second = in_halves(steps[:middle]), in_halves(steps[middle:])
        A, B = first[-1]
        return first + [(x * A, x * B + y) for x, y in second]

    return np.array([x * h0 + y for x, y in in_halves(list(zip(a, b, strict=True)))])


@mistake("h0 unused", loses=EVERYTHING)
def from_nothing(a, b, h0):
    return scan_linear(a, b, np.zeros_like(h0))


@mistake("h0 not faded", loses=EVERYTHING)
def first_state_added(a, b, h0):
    b = b.copy()
    b[0] += h0
    return scan_linear(a, b, 0 * h0)


@mistake("last round missing", loses=EVERYTHING, source="textbook scans assume a power of two")
def for_powers_of_two(a, b, h0):
    a, b = a.copy(), b.copy()
    b[0] += a[0] * h0
    for r in range(int(np.log2(len(a)))):
        n = 2**r
        b[n:] = a[n:] * b[:-n] + b[n:]
        a[n:] = a[n:] * a[:-n]
    return b


@mistake("factors not joined", loses=EVERYTHING)
def factors_left_alone(a, b, h0):
    b, reach = b.copy(), 1
    b[0] += a[0] * h0
    while reach < len(b):
        b[reach:] = a[reach:] * b[:-reach] + b[reach:]
        reach *= 2
    return b


@mistake("factors joined first", loses=EVERYTHING)
def lines_exchanged(a, b, h0):
    a, b, reach = a.copy(), b.copy(), 1
    b[0] += a[0] * h0
    while reach < len(b):
        a[reach:] = a[reach:] * a[:-reach]
        b[reach:] = a[reach:] * b[:-reach] + b[reach:]
        reach *= 2
    return b


@mistake("joined the wrong way round", loses=EVERYTHING)
def early_factor_on_late_addend(a, b, h0):
    a, b, reach = a.copy(), b.copy(), 1
    b[0] += a[0] * h0
    while reach < len(b):
        b[reach:] = a[:-reach] * b[reach:] + b[:-reach]
        a[reach:] = a[reach:] * a[:-reach]
        reach *= 2
    return b


@mistake("reach grows by one", loses=EVERYTHING)
def one_more_each_round(a, b, h0):
    a, b = a.copy(), b.copy()
    b[0] += a[0] * h0
    for reach in range(1, len(a)):
        b[reach:] = a[reach:] * b[:-reach] + b[reach:]
        a[reach:] = a[reach:] * a[:-reach]
    return b


@mistake("factor one step late", loses=EVERYTHING)
def off_by_one(a, b, h0):
    return scan_linear(np.concatenate([np.ones_like(a[:1]), a[:-1]]), b, h0)


@mistake("argument modified", loses={"arguments unchanged": 1})
def in_place(a, b, h0):
    b[0] += a[0] * h0
    reach = 1
    while reach < len(a):
        b[reach:] += a[reach:] * b[:-reach]
        a[reach:] *= a[:-reach].copy()
        reach *= 2
    return b


@mistake("shape", loses=EVERYTHING)
def first_state_returned_too(a, b, h0):
    return np.concatenate([h0[None], scan_linear(a, b, h0)])


@mistake("nan", loses=EVERYTHING, source="minGRU in log space, applied to numbers of both signs")
def in_logarithms(a, b, h0):
    A = np.cumsum(np.log(a), axis=0)
    return np.exp(A + np.logaddexp(np.log(h0), np.logaddexp.accumulate(np.log(b) - A, axis=0)))


@mistake("h0 on every state", loses=EVERYTHING)
def first_state_last(a, b, h0):
    return scan_linear(a, b, 0 * h0) + h0


@right()
def neighbours_first(a, b, h0):
    """Join pairs of neighbours, solve half as many steps, fill in the others (Blelloch, 1990)."""
    T = len(a)
    if T == 1:
        return a * h0 + b
    even = T - T % 2
    paired_a = a[1:even:2] * a[0:even:2]
    paired_b = a[1:even:2] * b[0:even:2] + b[1:even:2]
    odd = neighbours_first(paired_a, paired_b, h0)
    hs = np.empty_like(b)
    hs[1:even:2] = odd
    before = np.concatenate([h0[None], odd])[: (T + 1) // 2]
    hs[0::2] = a[0::2] * before + b[0::2]
    return hs


@right()
def new_arrays_each_round(a, b, h0):
    a, b = np.concatenate([np.zeros_like(h0)[None], a]), np.concatenate([h0[None], b])
    reach = 1
    while reach < len(a):
        earlier_a = np.concatenate([np.ones_like(a[:reach]), a[:-reach]])
        earlier_b = np.concatenate([np.zeros_like(b[:reach]), b[:-reach]])
        a, b = a * earlier_a, a * earlier_b + b
        reach *= 2
    return b[1:]


@right()
def padded_to_a_power_of_two(a, b, h0):
    T = len(a)
    whole = 1 << (T - 1).bit_length()
    a = np.concatenate([a, np.ones((whole - T, *a.shape[1:]), a.dtype)])
    b = np.concatenate([b, np.zeros((whole - T, *b.shape[1:]), b.dtype)])
    return scan_linear(a, b, h0)[:T].tolist()


@right()
def matrices(a, b, h0):
    M = np.zeros((*a.shape, 2, 2))
    M[..., 0, 0], M[..., 0, 1], M[..., 1, 1] = a, b, 1
    n = 1
    while n < len(M):
        M = np.concatenate([M[:n], M[n:] @ M[:-n]])
        n += n
    return M[..., 0, 0] * h0 + M[..., 0, 1]


@right()
def pairs_recursive(a, b, h0):
    def spread(a, b, reach):
        if reach >= len(a):
            return a, b
        late_b = a[reach:] * b[:-reach] + b[reach:]
        late_a = a[reach:] * a[:-reach]
        return spread(np.vstack([a[:reach], late_a]), np.vstack([b[:reach], late_b]), 2 * reach)

    A, B = spread(a, b, 1)
    print("joined")
    return {"hs": A * h0 + B}


@right(needs="torch")
def in_torch(a, b, h0):
    import torch

    a, b, h0 = (torch.as_tensor(array).clone() for array in (a, b, h0))
    b[0] += a[0] * h0
    reach = 1
    while reach < len(a):
        b = torch.cat([b[:reach], a[reach:] * b[:-reach] + b[reach:]])
        a = torch.cat([a[:reach], a[reach:] * a[:-reach]])
        reach *= 2
    return b
