"""Question 5, convlstm_step: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def conv(image, W, mode="constant"):
    k, (R, S) = W.shape[-1], image.shape[2:]
    p = k // 2
    padded = np.pad(image, ((0, 0), (0, 0), (p, p), (p, p)), mode=mode)
    out = 0
    for i in range(k):
        for j in range(k):
            out = out + np.einsum("nm,bmrs->bnrs", W[:, :, i, j], padded[:, :, i : i + R, j : j + S])
    return out


def cell(a, c, order="ifgo"):
    gates = dict(zip(order, np.split(a, 4, axis=1), strict=True))
    c = sigmoid(gates["f"]) * c + sigmoid(gates["i"]) * np.tanh(gates["g"])
    return sigmoid(gates["o"]) * np.tanh(c), c


@right()
def convlstm_step(x, h, c, Wx, Wh, b):
    return cell(conv(x, Wx) + conv(h, Wh) + b.reshape(1, -1, 1, 1), c)


@mistake("kernels flipped", loses=EVERYTHING, source="scipy.signal.convolve flips, torch.nn.Conv2d does not")
def true_convolution(x, h, c, Wx, Wh, b):
    return convlstm_step(x, h, c, Wx[:, :, ::-1, ::-1], Wh[:, :, ::-1, ::-1], b)


@mistake("rows and columns exchanged", loses=EVERYTHING)
def kernel_transposed(x, h, c, Wx, Wh, b):
    def slide(image, W):
        k, (R, S) = W.shape[-1], image.shape[2:]
        padded = np.pad(image, ((0, 0), (0, 0), (k // 2, k // 2), (k // 2, k // 2)))
        parts = [
            np.einsum("nm,bmrs->bnrs", W[:, :, i, j], padded[:, :, j : j + R, i : i + S])
            for i in range(k)
            for j in range(k)
        ]
        return sum(parts)

    return cell(slide(x, Wx) + slide(h, Wh) + b[:, None, None], c)


@mistake("order igfo", loses=EVERYTHING, source="tensorflow #23870: i, g, f, o in TensorFlow's ConvLSTM cell")
def order_of_tensorflow(x, h, c, Wx, Wh, b):
    return cell(conv(x, Wx) + conv(h, Wh) + b[:, None, None], c, "igfo")


@mistake("border repeated", loses=EVERYTHING)
def padded_with_the_edge(x, h, c, Wx, Wh, b):
    return cell(conv(x, Wx, "edge") + conv(h, Wh, "edge") + b[:, None, None], c)


@mistake("border wrapped", loses=EVERYTHING)
def rolled(x, h, c, Wx, Wh, b):
    def slide(image, W):
        p = W.shape[-1] // 2
        return sum(
            np.einsum("nm,bmrs->bnrs", W[:, :, p + i, p + j], np.roll(image, (-i, -j), axis=(2, 3)))
            for i in range(-p, p + 1)
            for j in range(-p, p + 1)
        )

    return cell(slide(x, Wx) + slide(h, Wh) + b[:, None, None], c)


@mistake("padded behind only", loses=EVERYTHING)
def zeros_at_the_end(x, h, c, Wx, Wh, b):
    def slide(image, W):
        k, (R, S) = W.shape[-1], image.shape[2:]
        padded = np.zeros((*image.shape[:2], R + k - 1, S + k - 1))
        padded[:, :, :R, :S] = image
        out = np.zeros((len(image), len(W), R, S))
        for r in range(R):
            for s in range(S):
                out[:, :, r, s] = np.tensordot(padded[:, :, r : r + k, s : s + k], W, ((1, 2, 3), (1, 2, 3)))
        return out

    return cell(slide(x, Wx) + slide(h, Wh) + b[:, None, None], c)


@mistake("bias missing", loses=EVERYTHING, source="automan000/Convolutional_LSTM_PyTorch #15")
def no_bias(x, h, c, Wx, Wh, b):
    return cell(conv(x, Wx) + conv(h, Wh), c)


@mistake("bias twice", loses=EVERYTHING)
def bias_in_both(x, h, c, Wx, Wh, b):
    b = b[:, None, None]
    return cell((conv(x, Wx) + b) + (conv(h, Wh) + b), c)


@mistake("h not convolved", loses=EVERYTHING)
def state_pixel_by_pixel(x, h, c, Wx, Wh, b):
    m = Wh.shape[-1] // 2
    return cell(conv(x, Wx) + np.einsum("nm,bmrs->bnrs", Wh[:, :, m, m], h) + b[:, None, None], c)


@mistake("first channel only", loses=EVERYTHING)
def grey_pictures(x, h, c, Wx, Wh, b):
    return cell(conv(x[:, :1], Wx[:, :1]) + conv(h, Wh) + b[:, None, None], c)


@mistake({"order figo", "i and f exchanged"}, loses=EVERYTHING)
def wrong_gate_on_the_cell(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(conv(x, Wx) + conv(h, Wh) + b[:, None, None], 4, axis=1)
    c = sigmoid(i) * c + sigmoid(f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("no tanh on c", loses={"h": 2})
def cell_not_squashed(x, h, c, Wx, Wh, b):
    a = conv(x, Wx) + conv(h, Wh) + b[:, None, None]
    _, c = cell(a, c)
    return sigmoid(np.split(a, 4, axis=1)[3]) * c, c


@mistake("h from the old c", loses={"h": 2})
def output_before_update(x, h, c, Wx, Wh, b):
    a = conv(x, Wx) + conv(h, Wh) + b[:, None, None]
    return sigmoid(np.split(a, 4, axis=1)[3]) * np.tanh(c), cell(a, c)[1]


@mistake("h and c exchanged", loses=EVERYTHING)
def cell_first(x, h, c, Wx, Wh, b):
    h, c = convlstm_step(x, h, c, Wx, Wh, b)
    return c, h


@mistake("wide", loses={"kernels of any size": 1})
def three_by_three(x, h, c, Wx, Wh, b):
    def slide(image, W):
        R, S = image.shape[2:]
        padded = np.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)))
        return sum(
            np.einsum("nm,bmrs->bnrs", W[:, :, i, j], padded[:, :, i : i + R, j : j + S])
            for i in range(3)
            for j in range(3)
        )

    return cell(slide(x, Wx) + slide(h, Wh) + b[:, None, None], c)


@mistake("argument modified", loses={"arguments unchanged": 1})
def cell_in_place(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(conv(x, Wx) + conv(h, Wh) + b[:, None, None], 4, axis=1)
    c *= sigmoid(f)
    c += sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@mistake("raised", loses=EVERYTHING)
def picture_shrinks(x, h, c, Wx, Wh, b):
    def slide(image, W):
        windows = np.lib.stride_tricks.sliding_window_view(image, W.shape[2:], axis=(2, 3))
        return np.einsum("bmrspq,nmpq->bnrs", windows, W)

    return cell(slide(x, Wx) + slide(h, Wh) + b[:, None, None], c)


@mistake("blank", loses=EVERYTHING)
def blank(x, h, c, Wx, Wh, b):
    raise NotImplementedError()


@right()
def pixel_by_pixel(x, h, c, Wx, Wh, b):
    image, W = np.concatenate([x, h], axis=1), np.concatenate([Wx, Wh], axis=1)
    k, (B, _, R, S) = W.shape[-1], image.shape
    p = k // 2
    framed = np.pad(image, ((0, 0), (0, 0), (p, p), (p, p)))
    new_h, new_c = np.empty(c.shape), np.empty(c.shape)
    for r in range(R):
        for s in range(S):
            patch = framed[:, :, r : r + k, s : s + k].reshape(B, -1)
            i, f, g, o = np.split(patch @ W.reshape(len(W), -1).T + b, 4, axis=1)
            new_c[:, :, r, s] = sigmoid(f) * c[:, :, r, s] + sigmoid(i) * np.tanh(g)
            new_h[:, :, r, s] = sigmoid(o) * np.tanh(new_c[:, :, r, s])
    return new_h, new_c


@right()
def windows_and_einsum(x, h, c, Wx, Wh, b):
    def slide(image, W):
        p = W.shape[-1] // 2
        framed = np.pad(image, ((0, 0), (0, 0), (p, p), (p, p)))
        windows = np.lib.stride_tricks.sliding_window_view(framed, W.shape[2:], axis=(2, 3))
        return np.einsum("bmrspq,nmpq->bnrs", windows, W)

    h, c = cell(slide(x, Wx) + slide(h, Wh) + b[None, :, None, None], c)
    return {"h": h, "c": c}


@right()
def shifted_with_borders_cleared(x, h, c, Wx, Wh, b):
    def slide(image, W):
        p, (R, S) = W.shape[-1] // 2, image.shape[2:]
        out = np.zeros((len(image), len(W), R, S))
        for i in range(-p, p + 1):
            for j in range(-p, p + 1):
                moved = np.zeros(image.shape)
                rows, columns = slice(max(0, -i), min(R, R - i)), slice(max(0, -j), min(S, S - j))
                if rows.start < rows.stop and columns.start < columns.stop:
                    moved[:, :, rows, columns] = image[
                        :, :, rows.start + i : rows.stop + i, columns.start + j : columns.stop + j
                    ]
                out += np.einsum("nm,bmrs->bnrs", W[:, :, p + i, p + j], moved)
        return out

    return cell(slide(x, Wx) + slide(h, Wh) + b[:, None, None], c)


@right()
def as_lists(x, h, c, Wx, Wh, b):
    return [part.tolist() for part in convlstm_step(x, h, c, Wx, Wh, b)]


@right(needs="torch")
def conv2d_of_torch(x, h, c, Wx, Wh, b):
    import torch
    from torch.nn.functional import conv2d

    x, h, c, Wx, Wh, b = map(torch.as_tensor, (x, h, c, Wx, Wh, b))
    i, f, g, o = (conv2d(x, Wx, b, padding="same") + conv2d(h, Wh, padding="same")).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@mistake("border reflected", loses=EVERYTHING)
def padded_with_a_mirror(x, h, c, Wx, Wh, b):
    return cell(conv(x, Wx, "reflect") + conv(h, Wh, "reflect") + b[:, None, None], c)


@mistake("x not convolved", loses=EVERYTHING)
def input_pixel_by_pixel(x, h, c, Wx, Wh, b):
    m = Wx.shape[-1] // 2
    return cell(np.einsum("nm,bmrs->bnrs", Wx[:, :, m, m], x) + conv(h, Wh) + b[:, None, None], c)


@mistake("kernels turned by their columns", loses=EVERYTHING)
def mirrored(x, h, c, Wx, Wh, b):
    return convlstm_step(x, h, c, Wx[..., ::-1], Wh[..., ::-1], b)


@mistake("kernels of x flipped", loses=EVERYTHING)
def half_of_it_flipped(x, h, c, Wx, Wh, b):
    return convlstm_step(x, h, c, Wx[..., ::-1, ::-1], Wh, b)


@right()
def weight_by_weight_with_ifs(x, h, c, Wx, Wh, b):
    (B, _, R, S), k = x.shape, Wx.shape[-1]
    a = np.zeros((B, len(b), R, S)) + b[:, None, None]
    for image, W in ((x, Wx), (h, Wh)):
        for r, s, p, q in np.ndindex(R, S, k, k):
            i, j = r + p - k // 2, s + q - k // 2
            if 0 <= i < R and 0 <= j < S:
                a[:, :, r, s] += image[:, :, i, j] @ W[:, :, p, q].T
    return cell(a, c)
