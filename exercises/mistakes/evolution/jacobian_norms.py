"""Question 4, jacobian_norms: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def factor(W, h):
    return np.diag(1 - h**2) @ W


def sizes_of(W, hs, factor=factor, size=lambda P: np.linalg.norm(P, 2)):
    P, out = np.eye(len(W)), []
    for h in reversed(hs):
        out.append(size(P))
        P = P @ factor(W, h)
    return np.array(out)


@mistake("tanh' missing", loses=EVERYTHING)
def powers_of_the_weights(W, hs):
    return [np.linalg.norm(np.linalg.matrix_power(W, k), 2) for k in range(len(hs))]


@mistake("tanh twice", loses=EVERYTHING)
def slope_of_the_output(W, hs):
    return sizes_of(W, hs, lambda W, h: np.diag(1 - np.tanh(h) ** 2) @ W)


@mistake("h not squared", loses=EVERYTHING)
def square_forgotten(W, hs):
    return sizes_of(W, hs, lambda W, h: np.diag(1 - h) @ W)


@mistake("slope on the other side", loses=EVERYTHING)
def broadcast_over_columns(W, hs):
    return sizes_of(W, hs, lambda W, h: (1 - h**2) * W)


@mistake("diagonal of W_h", loses=EVERYTHING, source="the * of NumPy, which is not the product of matrices")
def entry_by_entry(W, hs):
    return sizes_of(W, hs, lambda W, h: np.diag(1 - h**2) * W)


@mistake("largest entry", loses=EVERYTHING)
def size_of_the_largest_entry(W, hs):
    return sizes_of(W, hs, size=lambda P: abs(P).max())


@mistake("W_h transposed", loses=EVERYTHING)
def rows_for_columns(W, hs):
    return sizes_of(W, hs, lambda W, h: (1 - h**2)[:, None] * W.T)


@mistake("product turned round", loses=EVERYTHING)
def multiplied_from_the_left(W, hs):
    P, out = np.eye(len(W)), []
    for h in hs[::-1]:
        out.append(np.linalg.svd(P, compute_uv=False)[0])
        P = factor(W, h) @ P
    return out


@mistake("slope of the step before", loses=EVERYTHING)
def one_step_behind(W, hs):
    P, out = np.eye(len(W)), [1.0]
    for t in range(len(hs) - 1, 0, -1):
        P = P @ factor(W, hs[t - 1])
        out.append(np.linalg.norm(P, 2))
    return np.array(out)


@mistake("Frobenius norm", loses=EVERYTHING, source="the default of np.linalg.norm")
def norm_without_its_order(W, hs):
    return sizes_of(W, hs, size=np.linalg.norm)


@mistake("spectral radius", loses=EVERYTHING)
def eigenvalues(W, hs):
    return sizes_of(W, hs, size=lambda P: max(abs(np.linalg.eigvals(P))))


@mistake("row sums", loses=EVERYTHING)
def infinity_norm(W, hs):
    return sizes_of(W, hs, size=lambda P: np.abs(P).sum(axis=1).max())


@mistake("norm squared", loses=EVERYTHING)
def root_forgotten(W, hs):
    return sizes_of(W, hs, size=lambda P: np.linalg.eigvalsh(P.T @ P).max())


@mistake("smallest singular value", loses=EVERYTHING)
def last_of_the_list(W, hs):
    return sizes_of(W, hs, size=lambda P: np.linalg.svd(P)[1][-1])


@mistake("product of the norms", loses=EVERYTHING)
def bound_for_the_norm(W, hs):
    out = [1.0]
    for h in hs[:0:-1]:
        out.append(out[-1] * np.linalg.norm(factor(W, h), 2))
    return out


@mistake("one factor at a time", loses=EVERYTHING)
def not_multiplied_up(W, hs):
    return [1.0] + [np.linalg.norm(factor(W, h), 2) for h in hs[:0:-1]]


@mistake("in order of time", loses=EVERYTHING)
def earliest_first(W, hs):
    return sizes_of(W, hs)[::-1]


@mistake("lag one first", loses=EVERYTHING)
def identity_left_out(W, hs):
    P, out = np.eye(len(W)), []
    for h in hs[::-1]:
        P = P @ factor(W, h)
        out.append(np.linalg.norm(P, 2))
    return out


@mistake("one lag too many", loses=EVERYTHING)
def down_to_h0(W, hs):
    return np.append(sizes_of(W, hs), sizes_of(W, [hs[0], *hs])[-1])


@mistake("from the start", loses=EVERYTHING)
def first_state_followed(W, hs):
    P, out = np.eye(len(W)), [1.0]
    for h in hs[1:]:
        P = factor(W, h) @ P
        out.append(np.linalg.norm(P, 2))
    return out


@mistake("long", loses={"long sequences": 1})
def every_product_anew(W, hs):
    out = []
    for k in range(len(hs)):
        P = np.eye(len(W))
        for h in hs[::-1][:k]:
            P = P @ factor(W, h)
        out.append(np.linalg.norm(P, 2))
    return out


@mistake("argument modified", loses={"arguments unchanged": 1})
def slopes_into_hs(W, hs):
    hs *= -hs
    hs += 1
    P, out = np.eye(len(W)), []
    for slope in hs[::-1]:
        out.append(np.linalg.norm(P, 2))
        P = P @ (slope[:, None] * W)
    return out


@right()
def largest_singular_values(W, hs):
    return sizes_of(W, hs, size=lambda P: np.linalg.svd(P, compute_uv=False)[0])


@right()
def transposed_throughout(W, hs):
    P, out = np.eye(len(W)), []
    for h in hs[::-1]:
        out.append(np.linalg.norm(P, ord=2))
        P = W.T @ ((1 - h * h)[:, None] * P)
    return tuple(out), "the transposed Jacobians have the same norms"


@right()
def gradients_sent_back(W, hs):
    d, all_d = np.identity(W.shape[0]), []
    for h in hs[::-1]:
        all_d.append(d)
        d = (d * (1 - h**2)) @ W
    return np.linalg.norm(np.array(all_d), ord=2, axis=(1, 2))


@right()
def list_of_numbers(W, hs):
    steps = [np.einsum("j,jk->jk", 1 - h * h, W) for h in hs]
    P, out = None, [1.0]
    for J in steps[:0:-1]:
        P = J if P is None else P @ J
        out.append(float(np.sqrt(np.linalg.eigvalsh(P @ P.T)[-1])))
    return out


@right(needs="torch")
def in_torch(W, hs):
    import torch

    W, hs = torch.as_tensor(W), torch.as_tensor(hs)
    P, out = torch.eye(len(W), dtype=W.dtype), []
    for h in hs.flip(0):
        out.append(P)
        P = P @ torch.diag(1 - h * h) @ W
    return torch.linalg.matrix_norm(torch.stack(out), 2)
