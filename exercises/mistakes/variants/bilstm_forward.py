"""Question 4, bilstm_forward: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def lstm_step(x_t, h, c, W_x, W_h, b):
    i, f, g, o = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
    c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    return np.tanh(c) / (1 + np.exp(-o)), c


def run(x, params, state=None):
    H = params[1].shape[1]
    h, c = state or (np.zeros((x.shape[1], H)), np.zeros((x.shape[1], H)))
    out = []
    for x_t in x:
        h, c = lstm_step(x_t, h, c, *params)
        out.append(h)
    return np.array(out)


def last_state(x, params):
    h = c = np.zeros((x.shape[1], params[1].shape[1]))
    for x_t in x:
        h, c = lstm_step(x_t, h, c, *params)
    return h, c


@right()
def bilstm_forward(x, lengths, fw, bw):
    T, B, _ = x.shape
    H = fw[1].shape[1]
    out = np.zeros((T, B, 2 * H), x.dtype)
    for b in range(B):
        n = lengths[b]
        out[:n, b, :H] = run(x[:n, b : b + 1], fw)[:, 0]
        out[:n, b, H:] = run(x[:n, b : b + 1][::-1], bw)[::-1, 0]
    return out


def mask_of(x, lengths):
    return (np.arange(len(x))[:, None] < np.asarray(lengths)[None])[..., None]


def turn(a, lengths):
    a = np.array(a)
    for b, n in enumerate(lengths):
        a[:n, b] = a[:n, b][::-1]
    return a


@mistake(
    "array turned as a whole",
    loses={"backward half": 3},
    source="asked of PyTorch in #1811 and of haste in #12",
)
def whole_array(x, lengths, fw, bw):
    there, back = run(x, fw), run(x[::-1], bw)[::-1]
    hs = np.concatenate([there, back], axis=2)
    hs[~mask_of(x, lengths)[..., 0]] = 0
    return hs


@mistake(
    {"array turned as a whole", "not zero behind the ends"},
    loses={"backward half": 3, "behind the ends": 1},
)
def lengths_unused(x, lengths, fw, bw):
    return np.concatenate([run(x, fw), run(x[::-1], bw)[::-1]], axis=-1)


@mistake("not turned back", loses={"backward half": 3})
def left_in_the_order_of_reading(x, lengths, fw, bw):
    there, back = run(x, fw), run(turn(x, lengths), bw)
    return np.where(mask_of(x, lengths), np.concatenate([there, back], 2), 0)


@mistake("turned back as a whole", loses={"backward half": 3})
def turned_back_with_padding(x, lengths, fw, bw):
    real = mask_of(x, lengths)
    there = np.where(real, run(x, fw), 0)
    back = np.where(real, run(turn(x, lengths), bw), 0)[::-1]
    return np.where(real, np.concatenate([there, back], 2), 0)


@mistake({"turned back as a whole", "not zero behind the ends"}, loses={"backward half": 3, "behind the ends": 1})
def turned_back_with_padding_and_left(x, lengths, fw, bw):
    real = mask_of(x, lengths)
    there = np.where(real, run(x, fw), 0)
    back = np.where(real, run(turn(x, lengths), bw), 0)[::-1]
    return np.concatenate([there, back], 2)


@mistake("halves exchanged", loses={"forward half": 1, "backward half": 3})
def backward_first(x, lengths, fw, bw):
    hs, H = bilstm_forward(x, lengths, fw, bw), fw[1].shape[1]
    return np.concatenate([hs[..., H:], hs[..., :H]], axis=-1)


@mistake("not zero behind the ends", loses={"behind the ends": 1})
def runs_on(x, lengths, fw, bw):
    return np.concatenate([run(x, fw), turn(run(turn(x, lengths), bw), lengths)], 2)


@mistake("padding", loses={"padding not read": 1})
def masked_by_a_product(x, lengths, fw, bw):
    hs = np.concatenate([run(x, fw), turn(run(turn(x, lengths), bw), lengths)], 2)
    return hs * mask_of(x, lengths)


@mistake("one set of weights", loses={"backward half": 3})
def same_reader_twice(x, lengths, fw, bw):
    return bilstm_forward(x, lengths, fw, fw)


@mistake("weights exchanged", loses={"forward half": 1, "backward half": 3})
def readers_swapped(x, lengths, fw, bw):
    return bilstm_forward(x, lengths, bw, fw)


@mistake("state handed over", loses={"backward half": 3})
def never_reset(x, lengths, fw, bw):
    hs, H = bilstm_forward(x, lengths, fw, bw), fw[1].shape[1]
    for b, n in enumerate(lengths):
        one = x[:n, b : b + 1]
        hs[:n, b, H:] = run(one[::-1], bw, last_state(one, fw))[::-1, 0]
    return hs


@mistake("backward reader reads forwards", loses={"backward half": 3})
def two_forward_readers(x, lengths, fw, bw):
    return np.where(mask_of(x, lengths), np.concatenate([run(x, fw), run(x, bw)], 2), 0)


@mistake("last step left out", loses={"backward half": 3})
def slice_with_a_negative_step(x, lengths, fw, bw):
    hs, H = bilstm_forward(x, lengths, fw, bw), fw[1].shape[1]
    hs[..., H:] = 0
    for b, n in enumerate(lengths):
        h, c = np.zeros((1, H)), np.zeros((1, H))
        for t in range(n - 2, -1, -1):  # should begin at n - 1
            h, c = lstm_step(x[t, b : b + 1], h, c, *bw)
            hs[t, b, H:] = h[0]
    return hs


@mistake("halves not side by side", loses=EVERYTHING, source="merge_mode='sum' of Keras adds them")
def halves_added(x, lengths, fw, bw):
    hs, H = bilstm_forward(x, lengths, fw, bw), fw[1].shape[1]
    return hs[..., :H] + hs[..., H:]


@mistake("batch first", loses=EVERYTHING)
def transposed(x, lengths, fw, bw):
    return bilstm_forward(x, lengths, fw, bw).swapaxes(0, 1)


@mistake("argument modified", loses={"arguments unchanged": 1})
def turned_in_place(x, lengths, fw, bw):
    hs = bilstm_forward(x, lengths, fw, bw)
    for b, n in enumerate(lengths):
        x[:n, b] = x[:n, b][::-1].copy()
    return hs


@mistake("precision", loses={"forward half": 1, "backward half": 3})
def tables_of_halves(x, lengths, fw, bw):
    return np.float16(bilstm_forward(x, lengths, fw, bw))


@mistake("blank", loses=EVERYTHING)
def blank(x, lengths, fw, bw):
    raise NotImplementedError()


@right()
def gather_indices(x, lengths, fw, bw):
    T, B, _ = x.shape
    t = np.arange(T)[:, None]
    index = np.where(t < lengths, lengths - 1 - t, t)
    there, back = run(x, fw), run(x[index, np.arange(B)], bw)[index, np.arange(B)]
    return np.where(mask_of(x, lengths), np.concatenate([there, back], 2), 0)


@right()
def state_held_on_padding(x, lengths, fw, bw):
    T, B, _ = x.shape
    H, real = fw[1].shape[1], mask_of(x, lengths)
    hs = np.zeros((T, B, 2 * H))
    for params, times, half in ((fw, range(T), slice(0, H)), (bw, range(T - 1, -1, -1), slice(H, 2 * H))):
        h, c = np.zeros((B, H)), np.zeros((B, H))
        for t in times:
            new_h, new_c = lstm_step(x[t], h, c, *params)
            h, c = np.where(real[t], new_h, h), np.where(real[t], new_c, c)
            hs[t, :, half] = np.where(real[t], h, 0)
    return hs


@right()
def with_the_last_states(x, lengths, fw, bw):
    hs = bilstm_forward(x, lengths, fw, bw)
    return hs, (hs[-1], hs[0])


@right()
def by_the_kit(x, lengths, fw, bw):
    from lstmkit.numpy import bidirectional, lstm

    params = bidirectional.Params(lstm.Params(*fw), lstm.Params(*bw))
    return bidirectional.forward(lstm, params, x, lengths=lengths)[0].tolist()


@right(needs="torch")
def packed(x, lengths, fw, bw):
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    x = torch.as_tensor(x)
    module = torch.nn.LSTM(x.shape[2], fw[1].shape[1], bidirectional=True, dtype=x.dtype)
    with torch.no_grad():
        for tail, params in (("", fw), ("_reverse", bw)):
            for name, array in zip(("weight_ih", "weight_hh", "bias_ih"), params, strict=True):
                getattr(module, f"{name}_l0{tail}").copy_(torch.as_tensor(array))
            getattr(module, f"bias_hh_l0{tail}").zero_()
        packed, _ = module(pack_padded_sequence(x, torch.as_tensor(lengths), enforce_sorted=False))
    return pad_packed_sequence(packed, total_length=len(x))[0]


@mistake("padding", loses={"padding not read": 1}, source="the usual h = m * new + (1 - m) * old of a masked loop")
def masked_loop_by_products(x, lengths, fw, bw):
    real, H, T = mask_of(x, lengths), fw[1].shape[1], len(x)
    hs = np.zeros((*x.shape[:2], 2 * H))
    for times, params, half in ((range(T), fw, slice(H)), (range(T - 1, -1, -1), bw, slice(H, None))):
        h = c = np.zeros((x.shape[1], H))
        for t in times:
            new_h, new_c = lstm_step(x[t], h, c, *params)
            h, c = real[t] * new_h + (1 - real[t]) * h, real[t] * new_c + (1 - real[t]) * c
            hs[t, :, half] = np.where(real[t], h, 0)
    return hs


@mistake("padding read as zeros", loses={"backward half": 3})
def padding_set_to_zero(x, lengths, fw, bw):
    real = mask_of(x, lengths)
    x = np.where(real, x, 0)
    return np.where(real, np.concatenate([run(x, fw), run(x[::-1], bw)[::-1]], axis=2), 0)


@mistake("state handed to the next sequence", loses={"forward half": 1, "backward half": 3})
def zeros_outside_the_loop(x, lengths, fw, bw):
    H = fw[1].shape[1]
    hs = np.zeros((*x.shape[:2], 2 * H))
    for params, half, step in ((fw, slice(H), 1), (bw, slice(H, None), -1)):
        h = c = np.zeros((1, H))
        for b, n in enumerate(lengths):
            for t in range(n)[::step]:
                h, c = lstm_step(x[t, b : b + 1], h, c, *params)
                hs[t, b, half] = h[0]
    return hs


@right()
def masked_loop(x, lengths, fw, bw):
    real, H, T = mask_of(x, lengths), fw[1].shape[1], len(x)
    hs = np.zeros((*x.shape[:2], 2 * H))
    for times, params, half in ((range(T), fw, slice(H)), (range(T - 1, -1, -1), bw, slice(H, None))):
        h = c = np.zeros((x.shape[1], H))
        for t in times:
            new_h, new_c = lstm_step(x[t], h, c, *params)
            h, c = np.where(real[t], new_h, h), np.where(real[t], new_c, c)
            hs[t, :, half] = np.where(real[t], h, 0)
    return hs.tolist()
