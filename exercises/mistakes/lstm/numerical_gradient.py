"""Question 6, numerical_gradient and relative_error: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def numerical_gradient(f, a, eps=1e-6):
    flat = np.ravel(a).astype(float)
    unit = np.eye(flat.size) * eps
    slopes = [(f((flat + e).reshape(a.shape)) - f((flat - e).reshape(a.shape))) / 2 / eps for e in unit]
    return np.reshape(slopes, a.shape)


def relative_error(a, b):
    both = np.abs([a, b]).max()
    return 0 if both == 0 else np.abs(a - b).max() / both


GRADIENT = {"numerical_gradient": 4, "float32 array": 1}
ERROR = {"relative_error": 1, "equal arrays": 1}


@mistake("forward difference", loses=GRADIENT)
def one_sided(f, a, eps=1e-6):
    a = a.astype(float)
    out = np.zeros_like(a)
    for k in np.ndindex(a.shape):
        moved = a.copy()
        moved[k] += eps
        out[k] = (f(moved) - f(a)) / eps
    return out


@mistake("divided by eps", loses=GRADIENT)
def two_forgotten(f, a, eps=1e-6):
    return 2 * numerical_gradient(f, a, eps)


@mistake("sign", loses=GRADIENT)
def turned_round(f, a, eps=1e-6):
    return numerical_gradient(f, a, -eps) * -1


@mistake("not restored", loses=GRADIENT)
def left_moved(f, a, eps=1e-6):
    a, out = a.astype(float), np.zeros(a.shape)
    for k in np.ndindex(a.shape):
        a[k] += eps
        above = f(a.copy())
        a[k] -= 2 * eps
        out[k] = (above - f(a.copy())) / (2 * eps)
    return out


@mistake("same array twice", loses=GRADIENT)
def no_copy(f, a, eps=1e-6):
    a, out = a.astype(float), np.zeros(a.shape)
    for k in np.ndindex(a.shape):
        above = below = a
        above[k] += eps
        below[k] -= eps
        out[k] = (f(above) - f(below)) / (2 * eps)
    return out


@mistake("all entries at once", loses=GRADIENT)
def whole_array_moved(f, a, eps=1e-6):
    a = a.astype(float)
    return (f(a + eps) - f(a - eps)) / (2 * eps) * np.ones(a.shape)


@mistake("flat gradient", loses=GRADIENT)
def flattened(f, a, eps=1e-6):
    return numerical_gradient(f, a, eps).reshape(-1)


@mistake("float32", loses={"float32 array": 1})
def in_the_dtype_of_a(f, a, eps=1e-6):
    out = np.zeros_like(a)
    for k in np.ndindex(a.shape):
        up, down = a.copy(), a.copy()
        up[k] += eps
        down[k] -= eps
        out[k] = (f(up) - f(down)) / (2 * eps)
    return out


@mistake("argument modified", loses={"arguments unchanged": 1})
def leaves_a_changed(f, a, eps=1e-6):
    out = numerical_gradient(f, a, eps)
    a += eps
    return out


@mistake("raised", loses=GRADIENT)
def vectors_only(f, a, eps=1e-6):
    out = np.zeros(len(a))
    for k in range(len(a)):
        up, down = a.astype(float), a.astype(float)
        up[k] += eps
        down[k] -= eps
        out[k] = (f(up) - f(down)) / (2 * eps)
    return out.reshape(a.shape)


@mistake("absolute error", loses=ERROR, of="relative_error")
def not_scaled(a, b):
    return np.abs(a - b).max()


@mistake("mean error", loses={"relative_error": 1, "equal arrays": 1}, of="relative_error")
def mean_of_all(a, b):
    scale = max(np.abs(a).max(), np.abs(b).max())
    return np.abs(a - b).mean() / scale


@mistake("no absolute value", loses=ERROR, of="relative_error")
def signed(a, b):
    return np.max(a - b) / max(np.abs(a).max(), np.abs(b).max())


@mistake("entry by entry, sum", loses=ERROR, of="relative_error", source="the form of CS231n")
def each_by_its_own(a, b):
    return np.max(np.abs(a - b) / (np.abs(a) + np.abs(b)))


@mistake("ratio of norms", loses=ERROR, of="relative_error")
def by_norms(a, b):
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


@mistake("zeros", loses={"equal arrays": 1}, of="relative_error")
def nothing_by_nothing(a, b):
    return np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max())


@mistake("error of every entry", loses=ERROR, of="relative_error")
def no_maximum(a, b):
    return np.abs(a - b) / max(np.abs(a).max(), np.abs(b).max())


@mistake({"forward difference", "absolute error"}, loses=EVERYTHING, relative_error=not_scaled)
def both_wrong(f, a, eps=1e-6):
    base = f(a.astype(float))
    return np.reshape([(f(a + e.reshape(a.shape)) - base) / eps for e in np.eye(a.size) * eps], a.shape)


@right()
def four_points(f, a, eps=1e-6):
    a = np.asarray(a, float)
    out = np.empty(a.shape)
    for k in np.ndindex(a.shape):
        e = np.zeros(a.shape)
        e[k] = eps
        out[k] = (8 * (f(a + e) - f(a - e)) - (f(a + 2 * e) - f(a - 2 * e))) / (12 * eps)
    return out


@right()
def with_nditer(f, a, eps=1e-6):
    a = a.astype(np.float64)
    out = np.zeros_like(a)
    it = np.nditer(a, flags=["multi_index"])
    while not it.finished:
        k = it.multi_index
        old = a[k]
        a[k] = old + eps
        up = f(a)
        a[k] = old - eps
        out[k] = (up - f(a)) / (2 * eps)
        a[k] = old
        it.iternext()
    return out.tolist()


@right(of="relative_error")
def guarded_by_tiny(a, b):
    return np.max(np.abs(np.subtract(a, b))) / max(1e-300, np.max(np.abs(a)), np.max(np.abs(b)))


def error_in_torch(a, b):
    import torch

    a, b = torch.as_tensor(a), torch.as_tensor(b)
    scale = torch.maximum(a.abs().max(), b.abs().max())
    return torch.where(scale > 0, (a - b).abs().max() / scale.clamp(min=1e-300), 0.0)


@right(needs="torch", relative_error=error_in_torch)
def in_torch(f, a, eps=1e-6):
    import torch

    a = torch.as_tensor(a, dtype=torch.float64)
    moves = eps * torch.eye(a.numel(), dtype=torch.float64).reshape(-1, *a.shape)
    slopes = [(f((a + move).numpy()) - f((a - move).numpy())) / (2 * eps) for move in moves]
    return torch.tensor(slopes).reshape(a.shape)


@right()
def one_row_at_a_time(f, a, eps=1e-6):
    """By recursion over the first axis, down to a number."""
    a = np.array(a, float)

    def slopes(view):
        if view.ndim > 1:
            return [slopes(row) for row in view]
        out = []
        for n in range(len(view)):
            kept, values = view[n], []
            for side in (1, -1):
                view[n] = kept + side * eps
                values.append(f(a))
            view[n] = kept
            out.append((values[0] - values[1]) / (2 * eps))
        return out

    return slopes(a)
