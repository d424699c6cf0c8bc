"""Question 3, pack and unpack: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import mistake, right

PACKED = {"W_x": 1, "W_h": 1, "b": 1}
BACK = {"matrices back": 1, "biases back": 1}


def pack(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    n = len(bi)
    return (
        np.vstack([W[:, n:] for W in (Wi, Wf, Wg, Wo)]),
        np.vstack([W[:, :n] for W in (Wi, Wf, Wg, Wo)]),
        np.hstack([bi, bf, bg, bo]),
    )


def unpack(Wx, Wh, b):
    n = Wh.shape[1]
    rows = [slice(k, k + n) for k in range(0, 4 * n, n)]
    return (*(np.hstack([Wh[r], Wx[r]]) for r in rows), *(b[r] for r in rows))


@mistake("x before h", loses={"W_x": 1, "W_h": 1}, source="assignments and papers that write W·[x, h]")
def columns_of_x_first(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    D = Wi.shape[1] - len(Wi)
    W = np.concatenate([Wi, Wf, Wg, Wo])
    return W[:, :D], W[:, D:], np.concatenate([bi, bf, bg, bo])


@mistake("order figo", loses=PACKED, source="the order in which many tutorials list the gates")
def forget_gate_first(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    return pack(Wf, Wi, Wg, Wo, bf, bi, bg, bo)


@mistake("order ifog", loses=PACKED, source="CS231n stacks i, f, o, g")
def candidate_last(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    return pack(Wi, Wf, Wo, Wg, bi, bf, bo, bg)


@mistake("W_h returned first", loses={"W_x": 1, "W_h": 1})
def in_the_order_of_the_columns(*arrays):
    W_x, W_h, b = pack(*arrays)
    return W_h, W_x, b


@mistake("transposed", loses={"W_x": 1, "W_h": 1}, source="Keras keeps kernels as (D, 4H)")
def kernels_as_in_keras(*arrays):
    W_x, W_h, b = pack(*arrays)
    return W_x.transpose(), W_h.transpose(), b


@mistake("interleaved", loses=PACKED)
def stacked_on_the_wrong_axis(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    n, m = Wi.shape
    W = np.stack([Wi, Wf, Wg, Wo], axis=1).reshape(4 * n, m)
    return W[:, n:], W[:, :n], np.stack([bi, bf, bg, bo], axis=1).ravel()


@mistake("biases interleaved", loses={"b": 1})
def column_stack_of_biases(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    W_x, W_h, _ = pack(Wi, Wf, Wg, Wo, bi, bf, bg, bo)
    return W_x, W_h, np.column_stack([bi, bf, bg, bo]).reshape(-1)


@mistake("biases in four rows", loses={"b": 1})
def bias_matrix(*arrays):
    W_x, W_h, _ = pack(*arrays)
    return W_x, W_h, np.array(arrays[4:])


@mistake("biases added", loses={"b": 1})
def one_bias_of_four(*arrays):
    W_x, W_h, _ = pack(*arrays)
    return W_x, W_h, sum(arrays[4:])


@mistake("gates side by side", loses={"W_x": 1, "W_h": 1})
def in_columns(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    n = len(bi)
    gates = [Wi, Wf, Wg, Wo]
    b = np.concatenate([bi, bf, bg, bo])
    return np.concatenate([W[:, n:] for W in gates], 1), np.concatenate([W[:, :n] for W in gates], 1), b


@mistake("only D = H", loses={"W_x": 1, "W_h": 1})
def cut_in_half(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    W = np.concatenate([Wi, Wf, Wg, Wo])
    middle = W.shape[1] // 2 if W.shape[1] % 2 == 0 else W.shape[1] - 1
    W_h, W_x = np.split(W, [middle], axis=1) if W.shape[1] == 2 * len(Wi) else (W, W)
    return W_x, W_h, np.concatenate([bi, bf, bg, bo])


@mistake("x before h back", loses={"matrices back": 1}, of="unpack")
def input_on_the_left(W_x, W_h, b):
    return [*np.split(np.concatenate([W_x, W_h], axis=1), 4), *np.split(b, 4)]


@mistake("order figo back", loses=BACK, of="unpack")
def named_in_another_order(W_x, W_h, b):
    W_f, W_i, W_g, W_o = np.split(np.hstack([W_h, W_x]), 4)
    b_f, b_i, b_g, b_o = np.split(b, 4)
    return W_i, W_f, W_g, W_o, b_i, b_f, b_g, b_o


@mistake("order ifog back", loses=BACK, of="unpack")
def returned_in_another_order(W_x, W_h, b):
    W_i, W_f, W_g, W_o, b_i, b_f, b_g, b_o = unpack(W_x, W_h, b)
    return W_i, W_f, W_o, W_g, b_i, b_f, b_o, b_g


@mistake("interleaved back", loses=BACK, of="unpack")
def every_fourth_row(W_x, W_h, b):
    W = np.hstack([W_h, W_x])
    return (*(W[k::4] for k in range(4)), *(b[k::4] for k in range(4)))


@mistake("biases interleaved back", loses={"biases back": 1}, of="unpack")
def reshaped_to_columns(W_x, W_h, b):
    return (*unpack(W_x, W_h, b)[:4], *b.reshape(-1, 4).T)


@mistake("transposed back", loses={"matrices back": 1}, of="unpack")
def acting_from_the_right(W_x, W_h, b):
    return (*(W.T for W in np.split(np.hstack([W_h, W_x]), 4)), *np.split(b, 4))


@mistake({"x before h", "x before h back"}, loses={"W_x": 1, "W_h": 1, "matrices back": 1}, unpack=input_on_the_left)
def the_other_convention_throughout(*arrays):
    """Its unpack undoes its pack, so a round trip would not notice."""
    return columns_of_x_first(*arrays)


@mistake("shape", loses={"matrices back": 1}, of="unpack")
def input_columns_alone(W_x, W_h, b):
    return (*np.split(W_x, 4), *np.split(b, 4))


@right()
def filled_in_a_loop(*arrays):
    H, columns = arrays[0].shape
    W_x, W_h, b = np.empty((4 * H, columns - H)), np.empty((4 * H, H)), np.empty(4 * H)
    for k in range(4):
        for n in range(H):
            W_h[k * H + n] = arrays[k][n, :H]
            W_x[k * H + n] = arrays[k][n, H:]
            b[k * H + n] = arrays[4 + k][n]
    return W_x, W_h, b


@right()
def stacked_and_reshaped(*arrays):
    W, b = np.stack(arrays[:4]), np.stack(arrays[4:])
    W_h, W_x = np.split(W.reshape(-1, W.shape[2]), [W.shape[1]], axis=1)
    return {"W_x": W_x, "W_h": W_h, "b": b.ravel()}


@right(of="unpack")
def nested_pairs(W_x, W_h, b):
    return tuple(np.split(np.block([W_h, W_x]), 4)), tuple(np.split(b, 4))


@right(of="unpack")
def as_lists(W_x, W_h, b):
    H = len(b) // 4
    W = [[*h, *x] for h, x in zip(W_h.tolist(), W_x.tolist(), strict=True)]
    return [W[k * H : (k + 1) * H] for k in range(4)] + [b[k * H : (k + 1) * H].tolist() for k in range(4)]


@right(needs="torch")
def by_torch(*arrays):
    import torch

    tensors = [torch.as_tensor(array) for array in arrays]
    W = torch.cat(tensors[:4])
    H = len(tensors[4])
    return W[:, H:], W[:, :H], torch.cat(tensors[4:])


@mistake("bias as a column", loses={"b": 1})
def bias_stands_up(Wi, Wf, Wg, Wo, bi, bf, bg, bo):
    W_x, W_h, b = pack(Wi, Wf, Wg, Wo, bi, bf, bg, bo)
    return W_x, W_h, b[:, None]


@right(of="unpack")
def two_lists(Wx, Wh, b):
    return np.split(np.hstack([Wh, Wx]), 4), np.split(b, 4)


@right(of="unpack")
def two_arrays(Wx, Wh, b):
    return np.hstack([Wh, Wx]).reshape(4, Wh.shape[1], -1), b.reshape(4, -1)
