"""Question 8, attend_one: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def asked(q, keys, values, heads, scale=None):
    B, D = q.shape
    q, keys, values = (a.reshape(*a.shape[:-1], heads, D // heads) for a in (q, keys, values))
    e = (q * keys).sum(-1) / (np.sqrt(D // heads) if scale is None else scale)  # (P + 1, B, N)
    w = np.exp(e - e.max(0))
    w = w / w.sum(0)
    return (w[..., None] * values).sum(0).reshape(B, D)


def grown(x, keys, values, W):
    q, k, v = np.split(x @ W.T, 3, axis=-1)
    return q, np.concatenate([keys, k[None]]), np.concatenate([values, v[None]])


def attend_one(x, keys, values, W, W_o, heads):
    q, keys, values = grown(x, keys, values, W)
    return asked(q, keys, values, heads) @ W_o.T, keys, values


@mistake("does not see itself", loses={"out": 1, "large scores": 1})
def only_the_past_with_care(x, keys, values, W, W_o, heads):
    q, new_keys, new_values = grown(x, keys, values, W)
    out = asked(q, keys, values, heads) @ W_o.T if len(keys) else np.zeros(x.shape)
    return out, new_keys, new_values


@mistake("put in front", loses={"keys and values": 1})
def newest_first(x, keys, values, W, W_o, heads):
    out, keys, values = attend_one(x, keys, values, W, W_o, heads)
    return out, np.roll(keys, 1, axis=0), np.roll(values, 1, axis=0)


@mistake("no scale", loses={"out": 1, "large scores": 1})
def unscaled(x, keys, values, W, W_o, heads):
    q, keys, values = grown(x, keys, values, W)
    return asked(q, keys, values, heads, 1) @ W_o.T, keys, values


@mistake("scale of the whole width", loses={"out": 1, "large scores": 1})
def root_of_D(x, keys, values, W, W_o, heads):
    q, keys, values = grown(x, keys, values, W)
    return asked(q, keys, values, heads, np.sqrt(x.shape[1])) @ W_o.T, keys, values


@mistake("large", loses={"large scores": 1})
def no_maximum_subtracted(x, keys, values, W, W_o, heads):
    B, D = x.shape
    q, keys, values = grown(x, keys, values, W)
    split_q, split_k = (a.reshape(*a.shape[:-1], heads, D // heads) for a in (q, keys))
    w = np.exp(np.einsum("bnp,sbnp->sbn", split_q, split_k) / (D / heads) ** 0.5)
    mixed = ((w / w.sum(0))[..., None] * values.reshape(-1, B, heads, D // heads)).sum(0)
    return mixed.reshape(B, D) @ W_o.T, keys, values


@mistake("softmax over heads", loses={"out": 1, "large scores": 1})
def wrong_axis(x, keys, values, W, W_o, heads):
    B, D = x.shape
    q, keys, values = grown(x, keys, values, W)
    e = np.einsum("bnp,sbnp->bns", q.reshape(B, heads, -1), keys.reshape(-1, B, heads, D // heads))
    w = np.exp(e / np.sqrt(D // heads))
    w /= w.sum(1, keepdims=True)
    out = np.einsum("bns,sbnp->bnp", w, values.reshape(-1, B, heads, D // heads))
    return out.reshape(B, D) @ W_o.T, keys, values


@mistake("keys for values", loses={"out": 1, "large scores": 1})
def keys_mixed(x, keys, values, W, W_o, heads):
    q, keys, values = grown(x, keys, values, W)
    return asked(q, keys, keys, heads) @ W_o.T, keys, values


@mistake("keys and values exchanged", loses={"keys and values": 1})
def values_first(x, keys, values, W, W_o, heads):
    out, keys, values = attend_one(x, keys, values, W, W_o, heads)
    return out, values, keys


@mistake("query kept", loses=EVERYTHING)
def query_appended(x, keys, values, W, W_o, heads):
    q, _, new_values = grown(x, keys, values, W)
    keys = np.concatenate([keys, q[None]])
    return asked(q, keys, new_values, heads) @ W_o.T, keys, new_values


@mistake("shape", loses={"keys and values": 1})
def not_appended(x, keys, values, W, W_o, heads):
    return attend_one(x, keys, values, W, W_o, heads)[0], keys, values


@mistake("W_o unused", loses={"out": 1, "large scores": 1})
def not_mixed_again(x, keys, values, W, W_o, heads):
    q, keys, values = grown(x, keys, values, W)
    return asked(q, keys, values, heads), keys, values


@mistake("form", loses=EVERYTHING)
def out_alone(x, keys, values, W, W_o, heads):
    return attend_one(x, keys, values, W, W_o, heads)[0]


@right()
def as_a_dict(x, keys, values, W, W_o, heads):
    return dict(zip(("out", "keys", "values"), attend_one(x, keys, values, W, W_o, heads), strict=True))


@right()
def head_by_head(x, keys, values, W, W_o, heads):
    q, keys, values = grown(x, keys, values, W)
    out = np.zeros(x.shape)
    for b in range(len(x)):
        for part in np.split(np.arange(x.shape[1]), heads):
            e = keys[:, b, part] @ q[b, part] * len(part) ** -0.5
            e = np.exp(e - e.max())
            out[b, part] = e @ values[:, b, part] / e.sum()
    return out @ W_o.T, (keys, values)


@right()
def by_einsum(x, keys, values, W, W_o, heads):
    B, D = x.shape
    q, k, v = np.einsum("bd,cod->cbo", x, W.reshape(3, D, D))
    keys, values = np.append(keys, k[None], axis=0), np.append(values, v[None], axis=0)
    e = np.einsum("bnp,sbnp->bns", q.reshape(B, heads, -1), keys.reshape(-1, B, heads, D // heads))
    e = np.exp((e - e.max(2, keepdims=True)) / np.sqrt(D / heads))
    w = e / e.sum(2, keepdims=True)
    return np.einsum("bns,sbnp->bnp", w, values.reshape(-1, B, heads, D // heads)).reshape(B, D) @ W_o.T, keys, values


@right()
def as_lists(x, keys, values, W, W_o, heads):
    return [a.tolist() for a in attend_one(x, keys, values, W, W_o, heads)]


@right(needs="torch")
def in_torch(x, keys, values, W, W_o, heads):
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    x, keys, values, W, W_o = (torch.tensor(a) for a in (x, keys, values, W, W_o))
    B, D = x.shape
    q, k, v = (x @ W.T).chunk(3, dim=-1)
    keys, values = torch.cat([keys, k[None]]), torch.cat([values, v[None]])
    q, k, v = (a.reshape(-1, B, heads, D // heads).permute(1, 2, 0, 3) for a in (q[None], keys, values))
    mixed = scaled_dot_product_attention(q, k, v)
    return mixed[:, :, 0].reshape(B, D) @ W_o.T, keys, values
