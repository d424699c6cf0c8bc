"""Question 3, influence and effective_memory: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def slopes(f, x, delta):
    """∂f/∂x, (T, D, H)."""
    out = []
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += delta
        down[index] -= delta
        out.append((f(up) - f(down)) / 2 / delta)
    return np.reshape(out, (*x.shape, -1))


def influence(f, x, delta=1e-4):
    return np.sqrt((slopes(f, x, delta) ** 2).sum(axis=(1, 2)))[::-1]


def effective_memory(r, eps):
    lag = -1
    for k in range(len(r)):
        if r[k] > eps * max(r):
            lag = k
    return lag


INFLUENCE = {"influence": 2}
MEMORY = {"effective_memory": 1, "no influence": 1}


@mistake("in order of time", loses=INFLUENCE, of="influence")
def first_step_first(f, x, delta=1e-4):
    return influence(f, x, delta)[::-1]


@mistake("forward difference", loses=INFLUENCE, of="influence")
def one_sided(f, x, delta=1e-4):
    out = np.zeros(len(x))
    for t, d in np.ndindex(x.shape):
        moved = x.copy()
        moved[t, d] += delta
        out[len(x) - 1 - t] += np.sum((f(moved) - f(x)) ** 2) / delta**2
    return np.sqrt(out)


@mistake("divided by delta", loses=INFLUENCE, of="influence")
def two_forgotten(f, x, delta=1e-4):
    return 2 * influence(f, x, delta)


@mistake("not divided", loses=INFLUENCE, of="influence")
def raw_differences(f, x, delta=1e-4):
    return influence(f, x, delta) * (2 * delta)


@mistake("all inputs at once", loses=INFLUENCE, of="influence")
def whole_step_moved(f, x, delta=1e-4):
    out = []
    for t in reversed(range(len(x))):
        up, down = x.copy(), x.copy()
        up[t] += delta
        down[t] -= delta
        out.append(np.linalg.norm(f(up) - f(down)) / (2 * delta))
    return np.array(out)


@mistake("not put back", loses=INFLUENCE, of="influence")
def stays_moved(f, x, delta=1e-4):
    x, out = x.copy(), np.zeros(len(x))
    for t in range(len(x)):
        for d in range(x.shape[1]):
            x[t, d] += delta
            above = f(x)
            x[t, d] -= 2 * delta
            out[t] += np.sum((above - f(x)) ** 2) / (2 * delta) ** 2
    return np.sqrt(out)[::-1]


@mistake("root missing", loses=INFLUENCE, of="influence")
def sum_of_squares(f, x, delta=1e-4):
    return (slopes(f, x, delta) ** 2).sum(axis=2).sum(axis=1)[::-1]


@mistake("largest slope", loses=INFLUENCE, of="influence")
def the_maximum(f, x, delta=1e-4):
    return abs(slopes(f, x, delta)).max(axis=2).max(axis=1)[::-1]


@mistake("sum of slopes", loses=INFLUENCE, of="influence")
def absolute_values_added(f, x, delta=1e-4):
    return abs(slopes(f, x, delta)).sum(axis=(1, 2))[::-1]


@mistake("lengths added up", loses=INFLUENCE, of="influence")
def norm_of_each_input(f, x, delta=1e-4):
    return np.linalg.norm(slopes(f, x, delta), axis=2).sum(axis=1)[::-1]


@mistake("spectral norm", loses=INFLUENCE, of="influence")
def norm_of_the_jacobian(f, x, delta=1e-4):
    return [np.linalg.norm(J, 2) for J in slopes(f, x, delta)[::-1]]


@mistake("results added up", loses=INFLUENCE, of="influence", source="y.sum().backward() where a Jacobian is meant")
def slope_of_the_sum(f, x, delta=1e-4):
    return np.linalg.norm(slopes(lambda x: np.sum(f(x)), x, delta), axis=(1, 2))[::-1]


@mistake("first unit only", loses=INFLUENCE, of="influence")
def one_result(f, x, delta=1e-4):
    return np.linalg.norm(slopes(f, x, delta)[:, :, 0], axis=1)[::-1]


@mistake("share of the largest", loses=INFLUENCE, of="influence")
def scaled_already(f, x, delta=1e-4):
    r = influence(f, x, delta)
    return r / max(r) if max(r) else r


@mistake("argument modified", loses={"arguments unchanged": 1}, of="influence")
def moved_in_place(f, x, delta=1e-4):
    r = influence(f, x, delta)
    x[0] += delta
    return r


@mistake("stops at the first gap", loses={"effective_memory": 1, "no influence": 1})
def while_it_is_above(r, eps):
    k = 0
    while k < len(r) and r[k] > eps * np.max(r):
        k += 1
    return k - 1


@mistake("counted", loses=MEMORY)
def how_many(r, eps):
    return np.sum(r > eps * r.max())


@mistake("steps for a lag", loses=MEMORY)
def number_of_steps(r, eps):
    above = [k for k in range(len(r)) if r[k] > eps * r.max()]
    return above[-1] + 1 if above else -1


@mistake("smallest lag", loses=MEMORY)
def nearest(r, eps):
    return next((k for k, value in enumerate(r) if value > eps * max(r)), -1)


@mistake("absolute bound", loses=MEMORY)
def bound_taken_as_it_is(r, eps):
    return max((k for k, value in enumerate(r) if value > eps), default=-1)


@mistake("bound by lag 0", loses=MEMORY)
def share_of_the_last_step(r, eps):
    return max((k for k, value in enumerate(r) if value > eps * r[0]), default=-1)


@mistake("bound by the sum", loses=MEMORY)
def share_of_all(r, eps):
    return max((k for k, value in enumerate(r) if value > eps * sum(r)), default=-1)


@mistake("from the start", loses=MEMORY)
def counted_from_the_first_step(r, eps):
    steps = np.flatnonzero(r > eps * r.max())
    return len(r) - 1 - steps[0] if len(steps) else -1


@mistake("at the bound counts", loses=MEMORY)
def not_below(r, eps):
    return max(k for k in range(len(r)) if r[k] >= eps * max(r))


@mistake("silent", loses={"no influence": 1})
def empty_list(r, eps):
    return np.flatnonzero(r > eps * r.max())[-1]


@mistake("silent", loses={"no influence": 1})
def nothing_is_nought(r, eps):
    above = np.flatnonzero(r > eps * r.max())
    return above.max() if above.size else 0


def unwritten(f, x, delta=1e-4):
    raise NotImplementedError()


@mistake("blank", loses=EVERYTHING, influence=unwritten)
def blank(r, eps):
    raise NotImplementedError()


@right()
def from_the_back(r, eps):
    for k in range(len(r) - 1, -1, -1):
        if r[k] > eps * max(r):
            return k
    return -1


@right()
def vectorised(r, eps):
    return np.max(np.where(np.asarray(r) > eps * np.max(r), np.arange(len(r)), -1))


@right()
def by_sets(r, eps):
    return max({-1} | {k for k, share in enumerate(r) if share > eps * max(r)})


@right()
def turned_round(r, eps):
    above = np.asarray(r)[::-1] > eps * np.max(r)
    return float(len(r) - 1 - above.argmax()) if above.any() else -1.0


@right(of="influence")
def in_place_and_put_back(f, x, delta=1e-4):
    x, out = x.astype(float), []
    for x_t in x[::-1]:
        total = 0
        for d in range(len(x_t)):
            kept = x_t[d]
            x_t[d] = kept + delta
            above = f(x)
            x_t[d] = kept - delta
            total += np.sum((above - f(x)) ** 2)
            x_t[d] = kept
        out.append(np.sqrt(total) / (2 * delta))
    return out


@right(of="influence")
def frobenius_norms(f, x, delta=1e-4):
    T, D = x.shape
    unit = delta * np.eye(T * D).reshape(T, D, T, D)
    J = [[(f(x + unit[t, d]) - f(x - unit[t, d])) / (2 * delta) for d in range(D)] for t in range(T)]
    return np.linalg.norm(J, axis=(1, 2))[::-1]


@right(of="influence", needs="torch")
def as_a_tensor(f, x, delta=1e-4):
    import torch

    return torch.linalg.matrix_norm(torch.tensor(slopes(f, x, delta))).flip(0)
