"""Question 2, causal_self_attention: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right

BOTH = {"one head": 3, "several heads": 2}


def softmax(e):
    e = np.exp(e - e.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def mask(T, k=0):
    return np.where(np.tril(np.ones((T, T)), k) == 1, 0, -np.inf)


def split(a, N):
    """(T, B, D) to (B, N, T, P)."""
    T, B, D = a.shape
    return a.reshape(T, B, N, D // N).transpose(1, 2, 0, 3)


def merge(a):
    """(B, N, T, P) back to (T, B, D)."""
    B, N, T, P = a.shape
    return a.transpose(2, 0, 1, 3).reshape(T, B, N * P)


def parts(x, W, N):
    D = x.shape[2]
    a = x @ W.T
    return [split(a[..., j * D : (j + 1) * D], N) for j in range(3)]


def causal_self_attention(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    e = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])
    return merge(softmax(e + mask(len(x))) @ v) @ W_o.T


@mistake("no scale", loses=EVERYTHING)
def unscaled(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) + mask(len(x))) @ v) @ W_o.T


@mistake("scale without root", loses=EVERYTHING)
def divided_by_width(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / q.shape[3] + mask(len(x))) @ v) @ W_o.T


@mistake("scale of the whole width", loses={"several heads": 2})
def root_of_D(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(x.shape[2]) + mask(len(x))) @ v) @ W_o.T


@mistake("scale of the keys", loses=EVERYTHING)
def root_of_T(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(k.shape[2]) + mask(len(x))) @ v) @ W_o.T


@mistake("scale times root", loses=EVERYTHING)
def multiplied_by_root(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) * np.sqrt(q.shape[3]) + mask(len(x))) @ v) @ W_o.T


@mistake("scale after softmax", loses=EVERYTHING)
def weights_scaled(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) + mask(len(x))) / np.sqrt(q.shape[3]) @ v) @ W_o.T


@mistake("softmax over queries", loses=EVERYTHING)
def columns_sum_to_one(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    e = np.exp(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])) * np.tri(len(x))
    return merge(e / e.sum(2, keepdims=True) @ v) @ W_o.T


@mistake("mask after softmax", loses=EVERYTHING)
def weights_masked(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])) * np.tri(len(x)) @ v) @ W_o.T


@mistake("mask turned round", loses=EVERYTHING, source="a mask that says what to hide, given to what wants what to see")
def upper_triangle(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    hidden = np.tril(np.ones((len(x), len(x))), -1) == 1
    e = np.where(hidden, -np.inf, q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]))
    return merge(softmax(e) @ v) @ W_o.T


@mistake("mask one too far", loses=EVERYTHING)
def sees_the_next(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]) + mask(len(x), 1)) @ v) @ W_o.T


@mistake("mask one too short", loses=EVERYTHING)
def does_not_see_itself(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    e = np.where(np.tril(np.ones((len(x), len(x))), -1) == 1, q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]), -1e20)
    return merge(softmax(e) @ v) @ W_o.T


@mistake("nothing to see", loses=EVERYTHING)
def first_row_empty(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]) + mask(len(x), -1)) @ v) @ W_o.T


@mistake("mask multiplies the scores", loses=EVERYTHING)
def scores_times_mask(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]) * np.tri(len(x))) @ v) @ W_o.T


@mistake("no mask", loses=EVERYTHING)
def sees_everything(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])) @ v) @ W_o.T


@mistake("keys for values", loses=EVERYTHING)
def keys_mixed(x, W, W_o, heads):
    q, k, _ = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]) + mask(len(x))) @ k) @ W_o.T


@mistake("heads merged without transposition", loses=EVERYTHING)
def reshaped_at_once(x, W, W_o, heads):
    (T, B, D), P = x.shape, x.shape[2] // heads
    q, k, v = (a.reshape(T, B, heads, P) for a in np.split(x @ W.T, 3, axis=2))
    w = softmax(np.einsum("tbnp,sbnp->bnts", q, k) / P**0.5 + mask(T))
    mixed = np.einsum("bnts,sbnp->bntp", w, v)
    return mixed.reshape(T, B, D) @ W_o.T


@mistake(
    "heads merged per sequence",
    loses={"several heads": 2},
    source="the transposition left out in front of view(B, T, D)",
)
def view_without_transpose(x, W, W_o, heads):
    (T, B, D) = x.shape
    q, k, v = parts(x, W, heads)
    mixed = softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]) + mask(T)) @ v
    return mixed.reshape(B, T, D).transpose(1, 0, 2) @ W_o.T


@mistake("heads interleaved", loses={"several heads": 2})
def every_nth_feature(x, W, W_o, heads):
    T, B, D = x.shape
    q, k, v = (a.reshape(T, B, D // heads, heads).transpose(1, 3, 0, 2) for a in np.split(x @ W.T, 3, axis=2))
    mixed = softmax(q @ k.swapaxes(2, 3) / np.sqrt(D // heads) + mask(T)) @ v
    return mixed.transpose(2, 0, 3, 1).reshape(T, B, D) @ W_o.T


@mistake("blocks head by head", loses={"several heads": 2}, source="the fused weights of GPT-NeoX are cut head by head")
def qkv_of_each_head(x, W, W_o, heads):
    T, B, D = x.shape
    q, k, v = np.split((x @ W.T).reshape(T, B, heads, 3 * D // heads).transpose(1, 2, 0, 3), 3, axis=3)
    return merge(softmax(q @ k.swapaxes(2, 3) / np.sqrt(D // heads) + mask(T)) @ v) @ W_o.T


@mistake("one head only", loses={"several heads": 2})
def heads_unused(x, W, W_o, heads):
    return causal_self_attention(x, W, W_o, 1)


@mistake("W_o unused", loses=EVERYTHING)
def not_mixed_again(x, W, W_o, heads):
    return causal_self_attention(x, W, np.eye(x.shape[2]), heads)


@mistake("W_o transposed", loses=EVERYTHING)
def columns_for_rows(x, W, W_o, heads):
    return causal_self_attention(x, W, W_o.T, heads)


@mistake("residual added", loses=EVERYTHING)
def as_in_a_block(x, W, W_o, heads):
    return x + causal_self_attention(x, W, W_o, heads)


@mistake("large", loses={"large scores": 1})
def no_maximum_subtracted(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    w = np.exp(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])) * np.tri(len(x))
    return merge(w / w.sum(-1, keepdims=True) @ v) @ W_o.T


@mistake("shape", loses=EVERYTHING)
def weights_returned(x, W, W_o, heads):
    q, k, _ = parts(x, W, heads)
    return softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]) + mask(len(x)))


@mistake("precision", loses={"float64 precision": 1})
def never_divided_by_zero(x, W, W_o, heads):
    q, k, v = parts(x, W, heads)
    e = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]) + mask(len(x))
    w = np.exp(e - e.max(-1, keepdims=True))
    return merge(w / (w.sum(-1, keepdims=True) + 1e-8) @ v) @ W_o.T


@mistake("argument modified", loses={"arguments unchanged": 1})
def scaled_in_place(x, W, W_o, heads):
    D = x.shape[2]
    scale = (D // heads) ** -0.25
    W[: 2 * D] *= scale
    q, k, v = parts(x, W, heads)
    return merge(softmax(q @ k.swapaxes(2, 3) + mask(len(x))) @ v) @ W_o.T


@mistake("keys and values exchanged", loses=EVERYTHING)
def q_v_k(x, W, W_o, heads):
    q, k, v = np.split(W, 3)
    return causal_self_attention(x, np.concatenate([q, v, k]), W_o, heads)


@mistake("values first", loses=EVERYTHING)
def v_k_q(x, W, W_o, heads):
    return causal_self_attention(x, np.concatenate(np.split(W, 3)[::-1]), W_o, heads)


@right()
def position_by_position(x, W, W_o, heads):
    (T, B, D), out = x.shape, np.zeros(x.shape)
    q, k, v = np.split(x @ W.T, 3, axis=-1)
    for b in range(B):
        for part in np.split(np.arange(D), heads):
            for t in range(T):
                e = k[: t + 1, b, part] @ q[t, b, part] / np.sqrt(len(part))
                e = np.exp(e - e.max())
                out[t, b, part] = e / e.sum() @ v[: t + 1, b, part]
    return out @ W_o.T


@right()
def by_einsum(x, W, W_o, heads):
    T, _, D = x.shape
    q, k, v = np.einsum("tbd,cnpd->ctbnp", x, W.reshape(3, heads, -1, D))
    e = np.einsum("tbnp,sbnp->tsbn", q, k) * (D / heads) ** -0.5
    e[np.triu_indices(T, 1)] = -np.inf
    w = np.exp(e - e.max(1, keepdims=True))
    w /= w.sum(1, keepdims=True)
    return np.einsum("tsbn,sbnp,onp->tbo", w, v, W_o.reshape(D, heads, -1)), w


@right()
def heads_added_up(x, W, W_o, heads):
    """Each head through its columns of W_o; the sum of them is the merged one."""
    T, _, D = x.shape
    P, out = D // heads, 0
    for n in range(heads):
        rows = np.arange(n * P, (n + 1) * P)
        q, k, v = (np.swapaxes(x @ W[j * D + rows].T, 0, 1) for j in range(3))
        e = np.where(np.tri(T) > 0, q @ k.transpose(0, 2, 1) / P**0.5, -1e30)
        out = out + (softmax(e) @ v).swapaxes(0, 1) @ W_o[:, rows].T
    return out


@right()
def as_lists(x, W, W_o, heads):
    return causal_self_attention(x.astype(np.longdouble), W, W_o, heads).astype(float).tolist()


@right(needs="torch")
def in_torch(x, W, W_o, heads):
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    T, B, D = x.shape
    x, W, W_o = (torch.tensor(a) for a in (x, W, W_o))
    q, k, v = (a.reshape(T, B, heads, -1).permute(1, 2, 0, 3) for a in (x @ W.T).chunk(3, dim=-1))
    mixed = scaled_dot_product_attention(q, k, v, is_causal=True)
    return mixed.permute(2, 0, 1, 3).reshape(T, B, D) @ W_o.T
