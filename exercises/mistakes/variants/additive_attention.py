"""Question 6, additive_attention: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def softmax(e, axis=-1):
    e = np.exp(e - e.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def scores(query, keys, W_q, W_k, v):
    return np.tanh((query @ W_q.T)[:, None, :] + keys @ W_k.T) @ v


@right()
def additive_attention(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[:, :, None], keys, 0)
    e = np.where(mask, scores(query, keys, W_q, W_k, v), -np.inf)
    top = e.max(axis=1, keepdims=True)
    w = np.exp(e - np.where(np.isfinite(top), top, 0))
    w = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
    return np.einsum("bt,btk->bk", w, keys), w


def mean_of(keys, w):
    return (w[:, :, None] * keys).sum(axis=1)


REST = {"large scores": 1, "nothing to attend to": 1, "padding may hold anything": 1, "arguments unchanged": 1}


@mistake("mask the wrong way round", loses=EVERYTHING, source="torch's key_padding_mask is True where it hides")
def true_hides(query, keys, mask, W_q, W_k, v):
    e = scores(query, keys, W_q, W_k, v)
    e[mask] = -np.inf
    w = softmax(e)
    return mean_of(keys, w), w


@mistake("mask after the softmax", loses=EVERYTHING)
def padding_wiped_out_late(query, keys, mask, W_q, W_k, v):
    w = softmax(scores(query, keys, W_q, W_k, v)) * mask
    return mean_of(keys, w), w


@mistake("mask unused", loses=EVERYTHING)
def no_mask(query, keys, mask, W_q, W_k, v):
    w = softmax(scores(query, keys, W_q, W_k, v))
    return mean_of(keys, w), w


@mistake("scores of zero", loses=EVERYTHING)
def score_zero_on_padding(query, keys, mask, W_q, W_k, v):
    w = softmax(scores(query, keys, W_q, W_k, v) * mask)
    return mean_of(keys, w), w


@mistake("softmax over the batch", loses=EVERYTHING)
def wrong_axis(query, keys, mask, W_q, W_k, v):
    e = np.where(mask, np.exp(scores(query, keys, W_q, W_k, v)), 0)
    w = e / np.maximum(e.sum(axis=0), 1e-300)
    return mean_of(keys, w), w


@mistake("softmax over everything", loses=EVERYTHING)
def no_axis(query, keys, mask, W_q, W_k, v):
    e = np.where(mask, np.exp(scores(query, keys, W_q, W_k, v)), 0)
    w = e / e.sum()
    return mean_of(keys, w), w


@mistake("no tanh", loses=EVERYTHING)
def linear_score(query, keys, mask, W_q, W_k, v):
    e = np.where(mask, ((query @ W_q.T)[:, None] + keys @ W_k.T) @ v, -np.inf)
    w = softmax(e)
    return mean_of(keys, w), w


@mistake("query without a say", loses=EVERYTHING)
def each_squashed_alone(query, keys, mask, W_q, W_k, v):
    e = np.where(mask, (np.tanh(query @ W_q.T)[:, None] + np.tanh(keys @ W_k.T)) @ v, -np.inf)
    w = softmax(e)
    return mean_of(keys, w), w


@mistake("scaled", loses=EVERYTHING, source="the scale of Vaswani et al. 2017, which belongs to the dot product")
def scaled_like_a_transformer(query, keys, mask, W_q, W_k, v):
    e = np.where(mask, scores(query, keys, W_q, W_k, v) / len(v) ** 0.5, -np.inf)
    w = softmax(e)
    return mean_of(keys, w), w


@mistake("query without a say", loses=EVERYTHING)
def the_same_for_every_question(query, keys, mask, W_q, W_k, v):
    e = np.where(mask, np.tanh(keys @ W_k.T) @ v, -np.inf)
    w = softmax(e)
    return mean_of(keys, w), w


@mistake("mean over places", loses={"context": 1})
def divided_once_more(query, keys, mask, W_q, W_k, v):
    context, w = additive_attention(query, keys, mask, W_q, W_k, v)
    return context / keys.shape[1], w


@mistake("best key alone", loses={"context": 1})
def the_winner_takes_it(query, keys, mask, W_q, W_k, v):
    _, w = additive_attention(query, keys, mask, W_q, W_k, v)
    return keys[np.arange(len(keys)), np.argmax(w, axis=1)], w


@mistake("projected keys averaged", loses={"context": 1})
def keys_through_their_weights(query, keys, mask, W_q, W_k, v):
    _, w = additive_attention(query, keys, mask, W_q, W_k, v)
    return mean_of(np.where(mask[:, :, None], keys, 0) @ W_k.T, w), w


@mistake("weights and context exchanged", loses=EVERYTHING)
def weights_first(query, keys, mask, W_q, W_k, v):
    context, w = additive_attention(query, keys, mask, W_q, W_k, v)
    return w, context


@mistake("large", loses={"large scores": 1})
def plain_exponential(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[:, :, None], keys, 0)
    w = np.exp(scores(query, keys, W_q, W_k, v)) * mask
    w = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
    return mean_of(keys, w), w


@mistake("large", loses={"large scores": 1})
def minus_thousand(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[:, :, None], keys, 0)
    w = softmax(np.where(mask, scores(query, keys, W_q, W_k, v), -1000))
    w = np.where(mask.any(axis=1, keepdims=True), w, 0)
    return mean_of(keys, w), w


@mistake("empty", loses={"nothing to attend to": 1})
def nothing_over_nothing(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[:, :, None], keys, 0)
    w = softmax(np.where(mask, scores(query, keys, W_q, W_k, v), -np.inf))
    return mean_of(keys, w), w


@mistake("empty", loses={"nothing to attend to": 1})
def minus_a_milliard(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[:, :, None], keys, 0)
    w = softmax(np.where(mask, scores(query, keys, W_q, W_k, v), -1e9))
    return mean_of(keys, w), w


@mistake("padding", loses={"padding may hold anything": 1})
def zero_times_nan(query, keys, mask, W_q, W_k, v):
    e = np.where(mask, scores(query, keys, W_q, W_k, v), -np.inf)
    top = e.max(axis=1, keepdims=True)
    w = np.exp(e - np.where(np.isfinite(top), top, 0))
    w = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
    return mean_of(keys, w), w


@mistake({"padding", "large", "empty"}, loses={k: REST[k] for k in list(REST)[:3]})
def nearly_zero(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[:, :, None], keys, 0)
    w = softmax(np.where(mask, scores(query, keys, W_q, W_k, v), -50.0))
    return mean_of(keys, w), w


@mistake("argument modified", loses={"arguments unchanged": 1})
def padding_cleared_in_place(query, keys, mask, W_q, W_k, v):
    keys[~mask] = 0
    return additive_attention(query, keys, mask, W_q, W_k, v)


@mistake("blank", loses=EVERYTHING)
def blank(query, keys, mask, W_q, W_k, v):
    raise NotImplementedError()


@right()
def one_sequence_at_a_time(query, keys, mask, W_q, W_k, v):
    B, T, K = keys.shape
    context, weights = np.zeros((B, K)), np.zeros((B, T))
    for b in range(B):
        real = np.flatnonzero(mask[b])
        if len(real):
            e = np.array([v @ np.tanh(W_q @ query[b] + W_k @ keys[b, j]) for j in real])
            weights[b, real] = softmax(e)
            context[b] = weights[b, real] @ keys[b, real]
    return context, weights


@right()
def by_logarithms(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[..., None], keys, 0)
    e = np.where(mask, np.einsum("bta,a->bt", hidden_units(query, keys, W_q, W_k), v), -np.inf)
    total = np.logaddexp.reduce(e, axis=1, keepdims=True)
    w = np.exp(e - np.where(np.isneginf(total), 0, total))
    return {"weights": w, "context": np.matmul(w[:, None], keys)[:, 0]}


def hidden_units(query, keys, W_q, W_k):
    return np.tanh(np.einsum("bq,aq->ba", query, W_q)[:, None] + np.einsum("btk,ak->bta", keys, W_k))


@right()
def as_lists(query, keys, mask, W_q, W_k, v):
    return [part.tolist() for part in additive_attention(query, keys, mask, W_q, W_k, v)]


@right()
def by_the_kit(query, keys, mask, W_q, W_k, v):
    from lstmkit.numpy import attention

    keys = keys.swapaxes(0, 1)
    return attention.forward(attention.Additive(W_q, W_k, v), query, keys, keys, mask)[:2]


@right(needs="torch")
def in_torch(query, keys, mask, W_q, W_k, v):
    import torch

    query, keys, mask, W_q, W_k, v = map(torch.as_tensor, (query, keys, mask, W_q, W_k, v))
    keys = keys.masked_fill(~mask[..., None], 0)
    e = torch.tanh((query @ W_q.T).unsqueeze(1) + keys @ W_k.T) @ v
    w = torch.softmax(e.masked_fill(~mask, -torch.inf), dim=1).nan_to_num(0)
    return torch.bmm(w.unsqueeze(1), keys).squeeze(1), w


@mistake("v inside the tanh", loses=EVERYTHING)
def weighed_too_early(query, keys, mask, W_q, W_k, v):
    units = np.tanh(((query @ W_q.T)[:, None] + keys @ W_k.T) * v)
    w = softmax(np.where(mask, units.sum(axis=-1), -np.inf))
    return mean_of(keys, w), w


@mistake("no exponential", loses=EVERYTHING)
def shares_of_the_scores(query, keys, mask, W_q, W_k, v):
    e = scores(query, keys, W_q, W_k, v) * mask
    w = e / e.sum(axis=1, keepdims=True)
    return mean_of(keys, w), w


@mistake("large", loses={"large scores": 1})
def largest_before_the_mask(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[:, :, None], keys, 0)
    e = scores(query, keys, W_q, W_k, v)
    w = np.exp(e - e.max(axis=1, keepdims=True)) * mask
    w = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
    return mean_of(keys, w), w


@mistake("padding", loses={"padding may hold anything": 1})
def mask_added_to_the_scores(query, keys, mask, W_q, W_k, v):
    e = scores(query, keys, W_q, W_k, v) + np.where(mask, 0, -np.inf)
    top = e.max(axis=1, keepdims=True)
    w = np.exp(e - np.where(np.isneginf(top), 0, top))
    w = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
    return mean_of(keys, w), w


@right()
def by_masked_arrays(query, keys, mask, W_q, W_k, v):
    keys = np.where(mask[..., None], keys, 0)
    e = np.ma.masked_array(scores(query, keys, W_q, W_k, v), ~mask)
    e = np.exp(e - e.max(axis=1, keepdims=True))
    w = (e / e.sum(axis=1, keepdims=True)).filled(0)
    return mean_of(keys, w), w
