"""Question 6, cascade: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def leak(u, f, write=None):
    c, out = 0.0, []
    for u_t in u:
        c = f * c + (1 - f if write is None else write) * u_t
        out.append(c)
    return out


def impulse(T):
    return [1.0] + [0.0] * (T - 1)


@mistake("one cell", loses=EVERYTHING)
def n_unused(f, n, T):
    return leak(impulse(T), f)


@mistake("one cell too many", loses=EVERYTHING)
def counted_from_zero(f, n, T):
    u = impulse(T)
    for _ in range(n + 1):
        u = leak(u, f)
    return u


@mistake("shares exchanged", loses=EVERYTHING)
def keeps_what_it_should_write(f, n, T):
    u = impulse(T)
    for _ in range(n):
        u = leak(u, 1 - f)
    return u


@mistake("writes without 1 - f", loses=EVERYTHING)
def writes_all(f, n, T):
    u = np.array(impulse(T))
    for _ in range(n):
        u = np.array(leak(u, f, write=1.0))
    return u


@mistake("1 - f once", loses=EVERYTHING)
def share_taken_once(f, n, T):
    return np.array(writes_all(f, n, T)) * (1 - f)


@mistake("a step late in each cell", loses=EVERYTHING)
def all_cells_at_the_same_time(f, n, T):
    c, out = np.zeros(n), []
    for u in impulse(T):
        c = f * c + (1 - f) * np.array([u, *c[:-1]])
        out.append(c[-1])
    return out


@mistake("n leaks at once", loses=EVERYTHING)
def gate_to_the_nth(f, n, T):
    return leak(impulse(T), f**n, write=1 - f)


@mistake("one way only", loses=EVERYTHING)
def factor_without_the_ways(f, n, T):
    return [(1 - f) ** n * f**k for k in range(T)]


@mistake("side by side", loses=EVERYTHING)
def added_up(f, n, T):
    return n * np.array(leak(impulse(T), f))


@mistake("impulse one step late", loses=EVERYTHING)
def stored_before_the_step(f, n, T):
    return [0.0, *closed_form(f, n, T)][:T]


@mistake("held on", loses=EVERYTHING)
def step_for_impulse(f, n, T):
    u = [1.0] * T
    for _ in range(n):
        u = leak(u, f)
    return u


@mistake("long", loses={"long chains": 1})
def by_factorials(f, n, T):
    ways = [math.factorial(k + n - 1) / (math.factorial(k) * math.factorial(n - 1)) for k in range(T)]
    return [ways[k] * (1 - f) ** n * f**k for k in range(T)]


@mistake("long", loses={"long chains": 1})
def closed_form(f, n, T):
    return [math.comb(k + n - 1, k) * (1 - f) ** n * f**k for k in range(T)]


@mistake("shape", loses=EVERYTHING)
def every_cell(f, n, T):
    u, out = impulse(T), []
    for _ in range(n + 1):
        u = leak(u, f)
        out.append(u)
    return np.array(out)


@right()
def cell_after_cell(f, n, T):
    u = impulse(T)
    for _ in range(n):
        u = leak(u, f)
    return u


@right()
def step_after_step(f, n, T):
    c, out = [0.0] * n, []
    for t in range(T):
        heard = 1.0 if t == 0 else 0.0
        for j in range(n):
            c[j] = heard = f * c[j] + (1 - f) * heard
        out.append(heard)
    return np.array(out)


@right()
def convolved(f, n, T):
    kernel = (1 - f) * f ** np.arange(T)
    size = 2 ** math.ceil(math.log2(2 * T))
    out = kernel
    for _ in range(n - 1):
        out = np.fft.irfft(np.fft.rfft(out, size) * np.fft.rfft(kernel, size), size)[:T]
    return out


@right()
def in_logarithms(f, n, T):
    k = np.arange(T)
    ways = [math.lgamma(j + n) - math.lgamma(j + 1) - math.lgamma(n) for j in k]
    return np.exp(np.array(ways) + n * math.log(1 - f) + k * math.log(f))


@right()
def ratio_of_neighbours(f, n, T):
    out = [(1 - f) ** n]
    for k in range(1, T):
        out.append(out[-1] * f * (k + n - 1) / k)
    return out, "each entry from the one before"
