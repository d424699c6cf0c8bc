"""Question 1, positions and shift: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def positions(T, D):
    angles = np.outer(np.arange(T), 10000.0 ** (-np.arange(0, D, 2) / D))
    out = np.zeros((T, D))
    out[:, ::2], out[:, 1::2] = np.sin(angles), np.cos(angles)
    return out


def shift(k, D):
    M = np.zeros((D, D))
    for i in range(0, D, 2):
        a = k / 10000 ** (i / D)
        M[i : i + 2, i : i + 2] = [[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]
    return M


@mistake("from one", loses={"positions": 2})
def first_is_one(T, D):
    return positions(T + 1, D)[1:]


@mistake("sine and cosine exchanged", loses={"positions": 2})
def cosines_first(T, D):
    return positions(T, D).reshape(T, -1, 2)[:, :, ::-1].reshape(T, D)


@mistake("halves", loses={"positions": 2}, source="tensor2tensor puts the sines first and the cosines after them")
def sines_then_cosines(T, D):
    p = positions(T, D)
    return np.hstack([p[:, ::2], p[:, 1::2]])


@mistake("exponent of half", loses={"positions": 2})
def pairs_over_features(T, D):
    angles = np.outer(np.arange(T), 10000.0 ** (-np.arange(D // 2) / D))
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(T, D)


@mistake("frequency for every feature", loses={"positions": 2})
def no_pairs(T, D):
    angles = np.outer(np.arange(T), 10000.0 ** (-np.arange(D) / D))
    angles[:, ::2], angles[:, 1::2] = np.sin(angles[:, ::2]), np.cos(angles[:, 1::2])
    return angles


@mistake("times the power", loses={"positions": 2})
def multiplied(T, D):
    angles = np.outer(np.arange(T), 10000.0 ** (np.arange(0, D, 2) / D))
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(T, D)


@mistake("base 1000", loses={"positions": 2})
def a_zero_too_few(T, D):
    angles = np.outer(np.arange(T), 1000.0 ** (-np.arange(0, D, 2) / D))
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(T, D)


@mistake("degrees", loses={"positions": 2})
def not_in_radians(T, D):
    angles = np.radians(np.outer(np.arange(T), 10000.0 ** (-np.arange(0, D, 2) / D)))
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(T, D)


@mistake("shape", loses={"positions": 2})
def features_first(T, D):
    return positions(T, D).T


@mistake("turned back", loses={"shift": 2}, of="shift")
def the_other_way(k, D):
    return shift(-k, D)


@mistake("turned back", loses={"shift": 2}, of="shift")
def for_rows(k, D):
    return shift(k, D).T


@mistake("reflected", loses={"shift": 2}, of="shift")
def no_minus(k, D):
    M = shift(k, D)
    return np.triu(M) - np.tril(M, -1)


@mistake("not shifted", loses={"shift": 2}, of="shift")
def identity(k, D):
    return np.eye(D)


@mistake("shape", loses={"shift": 2}, of="shift")
def angles_alone(k, D):
    return np.exp(1j * k / 10000 ** (np.arange(0, D, 2) / D)).real


@mistake("none", loses=EVERYTHING, shift=lambda k, D: None)
def nothing(T, D):
    print(positions(T, D))


@mistake("exponent doubled", loses={"positions": 2}, source="the loop goes over 0, 2, 4, ... and has 2 * i in it")
def twice_two(T, D):
    out = np.zeros((T, D))
    for i in range(0, D, 2):
        a = np.arange(T) / 10000 ** (2 * i / D)
        out[:, i], out[:, i + 1] = np.sin(a), np.cos(a)
    return out


@mistake("one step for k", loses={"shift": 2}, of="shift")
def always_one(k, D):
    return shift(1, D)


@right()
def entry_by_entry(T, D):
    return [[(np.cos if j % 2 else np.sin)(t / 10000 ** ((j - j % 2) / D)) for j in range(D)] for t in range(T)]


@right()
def by_complex_numbers(T, D):
    turned = np.exp(1j * np.arange(T)[:, None] * np.exp(-np.log(10000) * np.arange(0, D, 2) / D))
    return np.stack([turned.imag, turned.real], axis=2).reshape(T, D)


@right(of="shift")
def by_kronecker(k, D):
    a = k * 10000.0 ** (-np.arange(0, D, 2) / D)
    return np.kron(np.diag(np.cos(a)), np.eye(2)) + np.kron(np.diag(np.sin(a)), [[0, 1], [-1, 0]])


@right(of="shift")
def one_step_k_times(k, D):
    return np.linalg.matrix_power(shift(1, D), k).tolist()


@right(of="shift")
def solved_for(k, D):
    """Two positions tell each pair's turn."""
    M, p = np.zeros((D, D)), positions(2, D)
    q = positions(abs(k) + 2, D)[abs(k) :]
    for i in range(0, D, 2):
        block = slice(i, i + 2)
        M[block, block] = np.linalg.solve(p[:, block], q[:, block]).T
    return np.linalg.inv(M) if k < 0 else M


@right(needs="torch")
def in_torch(T, D):
    import torch

    t, w = torch.arange(T).double(), 10000 ** (-torch.arange(0, D, 2).double() / D)
    out = torch.zeros(T, D, dtype=torch.float64)
    out[:, 0::2], out[:, 1::2] = torch.sin(t[:, None] * w), torch.cos(t[:, None] * w)
    return out
