"""Question 3, minlstm_forward: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


def run(f, added, h0):
    hs, h = [], h0
    for f_t, b_t in zip(f, added, strict=True):
        h = f_t * h + b_t
        hs.append(h)
    return np.array(hs)


def thirds(x, W, b):
    z = x @ W.T + b
    n = z.shape[-1] // 3
    return z[..., :n], z[..., n : 2 * n], z[..., 2 * n :]


def minlstm_forward(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    f = sigmoid(np.logaddexp(0, -zi) - np.logaddexp(0, -zf))
    return run(f, (1 - f) * g, h0)


@mistake("gates not normalised", loses=EVERYTHING, source="Feng et al. (2024) normalise in Section 3.2.3 only")
def like_an_lstm(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    return run(sigmoid(zf), sigmoid(zi) * g, h0)


@mistake("input gate not normalised", loses=EVERYTHING)
def one_share(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    i, f = sigmoid(zi), sigmoid(zf)
    return run(f / (f + i), i * g, h0)


@mistake("normalised one after the other", loses=EVERYTHING)
def overwritten_on_the_way(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    i, f = sigmoid(zi), sigmoid(zf)
    f = f / (f + i)
    i = i / (f + i)
    return run(f, i * g, h0)


@mistake("softmax of the scores", loses=EVERYTHING)
def softmax_of_two(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    f = np.exp(zf) / (np.exp(zf) + np.exp(zi))
    return run(f, (1 - f) * g, h0)


@mistake("i and f exchanged", loses=EVERYTHING, source="the paper writes f before i")
def forget_gate_first(x, h0, W, b):
    zf, zi, g = thirds(x, W, b)
    f, i = sigmoid(zf), sigmoid(zi)
    return run(f / (f + i), i / (f + i) * g, h0)


@mistake("i and f exchanged", loses=EVERYTHING)
def convex_the_wrong_way(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    f, i = sigmoid(zf), sigmoid(zi)
    return run(i / (f + i), f / (f + i) * g, h0)


@mistake("candidate with tanh", loses=EVERYTHING)
def squashed_candidate(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    f, i = sigmoid(zf), sigmoid(zi)
    return run(f / (f + i), i / (f + i) * np.tanh(g), h0)


@mistake("candidate made positive", loses=EVERYTHING, source="lucidrains/minGRU-pytorch keeps the log-space form")
def log_space_candidate(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    f, i = sigmoid(zf), sigmoid(zi)
    return run(f / (f + i), i / (f + i) * np.where(g >= 0, g + 0.5, sigmoid(g)), h0)


@mistake("state made positive", loses=EVERYTHING, source="lucidrains/minGRU-pytorch #9 and #17")
def log_space_state(x, h0, W, b):
    return minlstm_forward(x, np.where(h0 >= 0, h0 + 0.5, sigmoid(h0)), W, b)


@mistake("bias missing", loses=EVERYTHING)
def no_bias(x, h0, W, b):
    return minlstm_forward(x, h0, W, 0 * b)


@mistake("h0 unused", loses=EVERYTHING)
def from_zero(x, h0, W, b):
    return minlstm_forward(x, 0 * h0, W, b)


@mistake("interleaved", loses=EVERYTHING)
def every_third_column(x, h0, W, b):
    z = x @ W.T + b
    f, i = sigmoid(z[..., 1::3]), sigmoid(z[..., 0::3])
    return run(f / (f + i), i / (f + i) * z[..., 2::3], h0)


@mistake("last state", loses=EVERYTHING)
def the_end_alone(x, h0, W, b):
    return minlstm_forward(x, h0, W, b)[-1]


@mistake("large", loses={"large inputs": 1})
def zero_over_zero(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    f, i = sigmoid(zf), sigmoid(zi)
    return run(f / (f + i), i / (f + i) * g, h0)


@mistake("large", loses={"large inputs": 1})
def a_little_below(x, h0, W, b):
    """A small number in the denominator: no NaN, but where both gates are zero nothing is kept or written."""
    zi, zf, g = thirds(x, W, b)
    f, i = sigmoid(zf), sigmoid(zi)
    both = f + i + 1e-12
    return run(f / both, i / both * g, h0)


@mistake("argument modified", loses={"arguments unchanged": 1})
def state_updated_in_place(x, h0, W, b):
    zi, zf, g = thirds(x, W, b)
    f = sigmoid(np.logaddexp(0, -zi) - np.logaddexp(0, -zf))
    hs, h = np.empty_like(g), h0
    for t in range(len(x)):
        h *= f[t]
        h += (1 - f[t]) * g[t]
        hs[t] = h
    return hs


@mistake("one gate for both", loses=EVERYTHING, source="the minGRU of the same paper")
def like_a_mingru(x, h0, W, b):
    zi, _, g = thirds(x, W, b)
    return run(1 - sigmoid(zi), sigmoid(zi) * g, h0)


@mistake("state through tanh", loses=EVERYTHING)
def squashed_at_the_end(x, h0, W, b):
    return np.tanh(minlstm_forward(x, h0, W, b))


@right()
def step_by_step(x, h0, W, b):
    H, h, hs = h0.shape[1], h0, []
    for x_t in x:
        z = x_t.astype(float) @ W.T + b
        log_i, log_f = -np.logaddexp(0, -z[:, :H]), -np.logaddexp(0, -z[:, H : 2 * H])
        total = np.logaddexp(log_i, log_f)
        h = np.exp(log_f - total) * h + np.exp(log_i - total) * z[:, 2 * H :]
        hs.append(h)
    return hs


@right()
def shares_of_a_ratio(x, h0, W, b):
    """1 / (1 + i' / f'), with i' / f' = (1 + e^-zf) / (1 + e^-zi), infinite at most."""
    zi, zf, g = thirds(x, W, b)
    f = 1 / (1 + np.exp(np.minimum(np.logaddexp(0, -zf) - np.logaddexp(0, -zi), 700)))
    return {"hs": run(f, (1 - f) * g, h0)}


@right()
def by_einsum(x, h0, W, b):
    z = np.einsum("tbd,khd->ktbh", x, W.reshape(3, -1, x.shape[-1])) + b.reshape(3, 1, 1, -1)
    f = sigmoid(np.logaddexp(0, -z[0]) - np.logaddexp(0, -z[1]))
    return run(f, z[2] - f * z[2], h0), None


@right()
def one_sequence_at_a_time(x, h0, W, b):
    return np.stack([minlstm_forward(x[:, k], h0[k], W, b) for k in range(x.shape[1])], axis=1)


@right(needs="torch")
def in_torch(x, h0, W, b):
    import torch

    x, h, W, b = (torch.tensor(array) for array in (x, h0, W, b))
    zi, zf, g = (x @ W.T + b).chunk(3, dim=-1)
    log_i, log_f = torch.nn.functional.logsigmoid(zi), torch.nn.functional.logsigmoid(zf)
    f, hs = torch.sigmoid(log_f - log_i), []
    for t in range(len(x)):
        h = f[t] * h + (1 - f[t]) * g[t]
        hs.append(h)
    return torch.stack(hs)
