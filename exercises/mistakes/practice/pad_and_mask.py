"""Question 3, pad_and_mask, masked_loss and last_valid: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import mistake, right


@right()
def pad_and_mask(sequences):
    steps = [len(s) for s in sequences]
    X = np.zeros((max(steps), len(steps), sequences[0].shape[1]), sequences[0].dtype)
    mask = np.zeros(X.shape[:2], bool)
    for b, s in enumerate(sequences):
        X[: len(s), b] = s
        mask[: len(s), b] = True
    return X, mask


@right(of="masked_loss")
def masked_loss(loss, mask):
    return loss[mask].mean()


@right(of="last_valid")
def last_valid(hs, mask):
    return np.stack([hs[mask[:, b], b][-1] for b in range(hs.shape[1])])


@mistake("X batch first", loses={"X": 1})
def batch_in_front(sequences):
    X, mask = pad_and_mask(sequences)
    return X.transpose(1, 0, 2), mask


@mistake("padded in front", loses={"X": 1}, source="the default padding='pre' of Keras' pad_sequences")
def zeros_first(sequences):
    X, mask = pad_and_mask(sequences)
    X[:] = 0
    for b, s in enumerate(sequences):
        X[len(X) - len(s) :, b] = s
    return X, mask


@mistake("cut to the shortest", loses={"X": 1, "mask": 1})
def shortest(sequences):
    n = min(len(s) for s in sequences)
    return np.stack([s[:n] for s in sequences], axis=1), np.ones((n, len(sequences)), bool)


@mistake("mask from the values", loses={"mask": 1}, source="the layer Masking(mask_value=0.0) of Keras does this")
def where_not_zero(sequences):
    X, _ = pad_and_mask(sequences)
    return X, (X != 0).any(axis=-1)


@mistake("mask inverted", loses={"mask": 1}, source="key_padding_mask of torch is true on the padding")
def true_on_padding(sequences):
    X, mask = pad_and_mask(sequences)
    return X, ~mask


@mistake("mask batch first", loses={"mask": 1})
def mask_turned(sequences):
    X, mask = pad_and_mask(sequences)
    return X, mask.T


@mistake("mask one step long", loses={"mask": 1})
def one_too_many(sequences):
    X, _mask = pad_and_mask(sequences)
    return X, np.arange(len(X))[:, None] <= np.array([len(s) for s in sequences])


@mistake("mask one step short", loses={"mask": 1})
def one_too_few(sequences):
    X, mask = pad_and_mask(sequences)
    for b, s in enumerate(sequences):
        mask[len(s) - 1, b] = False
    return X, mask


@mistake("form", loses={"X": 1, "mask": 1})
def no_mask(sequences):
    return pad_and_mask(sequences)[0]


@mistake("padding in the loss", loses={"masked_loss": 1, "any padding": 1}, of="masked_loss", source="chapter practice")
def over_everything(loss, mask):
    return np.mean(loss)


@mistake("divided by all steps", loses={"masked_loss": 1, "any padding": 1}, of="masked_loss")
def mean_of_the_product(loss, mask):
    return (loss * mask).mean()


@mistake("not divided", loses={"masked_loss": 1, "any padding": 1}, of="masked_loss")
def summed(loss, mask):
    return loss[mask].sum()


@mistake("divided by the batch", loses={"masked_loss": 1, "any padding": 1}, of="masked_loss")
def by_sequences(loss, mask):
    return (loss * mask).sum() / loss.shape[1]


@mistake("divided by T", loses={"masked_loss": 1, "any padding": 1}, of="masked_loss")
def by_steps(loss, mask):
    return (loss * mask).sum() / len(loss)


@mistake("mean of means", loses={"masked_loss": 1, "any padding": 1}, of="masked_loss")
def sequence_by_sequence(loss, mask):
    return np.mean([loss[mask[:, b], b].mean() for b in range(loss.shape[1])])


@mistake("mean over the padding", loses={"masked_loss": 1, "any padding": 1}, of="masked_loss")
def mask_the_wrong_way(loss, mask):
    return np.float64(loss[~mask].sum()) / (~mask).sum()


@mistake("whatever stands on the padding", loses={"any padding": 1}, of="masked_loss")
def nan_times_zero(loss, mask):
    return (loss * mask).sum() / mask.sum()


@mistake("last row", loses={"last_valid": 1}, of="last_valid", source="keitakurita/practical-torchtext #5")
def minus_one(hs, mask):
    return hs[-1]


@mistake("first padding row", loses={"last_valid": 1}, of="last_valid")
def length_as_index(hs, mask):
    n = np.minimum(mask.sum(0), len(hs) - 1)
    return hs[n, range(hs.shape[1])]


@mistake("mean of the valid rows", loses={"last_valid": 1}, of="last_valid")
def mean_pooling(hs, mask):
    return np.stack([hs[mask[:, b], b].mean(axis=0) for b in range(hs.shape[1])])


@mistake("rows in another order", loses={"last_valid": 1}, of="last_valid")
def ends_of_the_chosen_rows(hs, mask):
    return hs[mask][np.cumsum(mask.sum(axis=0)) - 1]


@mistake("one row for all", loses={"last_valid": 1}, of="last_valid")
def longest_for_all(hs, mask):
    return hs[mask.any(axis=1)][-1]


@mistake("whatever stands on the padding", loses={"any padding": 1}, of="last_valid")
def summed_with_weights(hs, mask):
    is_last = mask & ~np.vstack([mask[1:], np.zeros_like(mask[:1])])
    return (hs * is_last[..., None]).sum(axis=0)


@right()
def with_numpy_pad(sequences):
    T = max(map(len, sequences))
    X = np.stack([np.pad(s, ((0, T - len(s)), (0, 0))) for s in sequences], axis=1)
    return X, (np.arange(T)[:, None] < [len(s) for s in sequences]).astype(float)


@right()
def lists(sequences):
    T, D = max(len(s) for s in sequences), sequences[0].shape[1]
    rows = [[list(s[t]) if t < len(s) else [0.0] * D for s in sequences] for t in range(T)]
    return rows, [[t < len(s) for s in sequences] for t in range(T)]


@right(needs="torch")
def in_torch(sequences):
    import torch

    X = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(s) for s in sequences])
    return X, torch.arange(len(X))[:, None] < torch.tensor([len(s) for s in sequences])


@right(of="masked_loss")
def with_where(loss, mask):
    return np.where(mask, loss, 0).sum() / mask.sum()


@right(of="masked_loss")
def numpy_mean_with_where(loss, mask):
    return np.mean(loss, where=mask)


@right(of="last_valid")
def by_index(hs, mask):
    return hs[mask.sum(axis=0) - 1, np.arange(mask.shape[1])]


@right(of="last_valid")
def from_behind(hs, mask):
    T, B = mask.shape
    return np.array([hs[T - 1 - np.argmax(mask[::-1, b]), b] for b in range(B)])
