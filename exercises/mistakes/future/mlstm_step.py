"""Question 5, mlstm_step: wrong answers, and right ones in other styles."""

from collections import namedtuple

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def gates(a_i, a_f, m):
    log_f = -np.logaddexp(0, -a_f)
    new = np.maximum(log_f + m, a_i)
    return np.exp(a_i - new), np.exp(log_f + m - new), new


def written(C, n, i, f, k, v):
    C = f[:, None, None] * C + i[:, None, None] * v[:, :, None] * k[:, None, :]
    return C, f[:, None] * n + i[:, None] * k


def read(C, n, q, least):
    below = np.maximum(np.abs((n * q).sum(1)), least)
    return np.einsum("bvk,bk->bv", C, q) / below[:, None]


def mlstm_step(q, k, v, a_i, a_f, state):
    C, n, m = state
    i, f, m = gates(a_i, a_f, m)
    C, n = written(C, n, i, f, k, v)
    return read(C, n, q, np.exp(-m)), (C, n, m)


@mistake("key by value", loses={"h": 1, "C": 1, "large scores": 1})
def outer_product_transposed(q, k, v, a_i, a_f, state):
    C, n, m = state
    i, f, m = gates(a_i, a_f, m)
    n = written(C, n, i, f, k, v)[1]
    C = written(C, n, i, f, v, k)[0]
    return read(C, n, q, np.exp(-m)), (C, n, m)


@mistake("key divided again", loses={"h": 1, "C": 1, "n": 1, "large scores": 1})
def scaled_twice(q, k, v, a_i, a_f, state):
    return mlstm_step(q, k / np.sqrt(k.shape[1]), v, a_i, a_f, state)


@mistake(
    "floor of one",
    loses={"h": 1, "large scores": 1},
    source="Beck et al. (2024) write max(|n q|, 1), of a C and n without stabiliser",
)
def the_papers_one(q, k, v, a_i, a_f, state):
    _, (C, n, m) = mlstm_step(q, k, v, a_i, a_f, state)
    return read(C, n, q, 1.0), (C, n, m)


@mistake("floor with the sign exchanged", loses={"h": 1, "large scores": 1})
def exponent_of_m(q, k, v, a_i, a_f, state):
    _, (C, n, m) = mlstm_step(q, k, v, a_i, a_f, state)
    return read(C, n, q, np.exp(m)), (C, n, m)


@mistake("no floor", loses={"h": 1, "large scores": 1})
def division_by_what_there_is(q, k, v, a_i, a_f, state):
    _, (C, n, m) = mlstm_step(q, k, v, a_i, a_f, state)
    return read(C, n, q, 0), (C, n, m)


@mistake("no normaliser", loses={"h": 1, "large scores": 1}, source="linear attention of Schlag et al. (2021)")
def undivided(q, k, v, a_i, a_f, state):
    _, (C, n, m) = mlstm_step(q, k, v, a_i, a_f, state)
    return (C @ q[:, :, None])[:, :, 0], (C, n, m)


@mistake("memory read by its columns", loses={"h": 1, "large scores": 1})
def row_times_matrix(q, k, v, a_i, a_f, state):
    _, (C, n, m) = mlstm_step(q, k, v, a_i, a_f, state)
    return read(C.swapaxes(1, 2), n, q, np.exp(-m)), (C, n, m)


@mistake("read before writing", loses={"h": 1, "large scores": 1})
def what_was_there(q, k, v, a_i, a_f, state):
    _, (C, n, m) = mlstm_step(q, k, v, a_i, a_f, state)
    return read(state[0], state[1], q, np.exp(-m)), (C, n, m)


@mistake("exponential forget gate", loses=EVERYTHING, source="the other forget gate of Beck et al. (2024)")
def exponent_for_both(q, k, v, a_i, a_f, state):
    C, n, m = state
    new = np.maximum(a_f + m, a_i)
    i, f = np.exp(a_i - new), np.exp(a_f + m - new)
    C, n = written(C, n, i, f, k, v)
    return read(C, n, q, np.exp(-new)), (C, n, new)


@mistake("old stabiliser left out of the forget gate", loses={"h": 1, "C": 1, "n": 1, "large scores": 1})
def forget_gate_from_zero(q, k, v, a_i, a_f, state):
    C, n, m = state
    i, f, new = gates(a_i, a_f, m)
    C, n = written(C, n, i, f / np.exp(m), k, v)
    return read(C, n, q, np.exp(-new)), (C, n, new)


@mistake("old stabiliser left out", loses=EVERYTHING, source="right for one batch, wrong for two halves")
def stabiliser_not_handed_on(q, k, v, a_i, a_f, state):
    C, n, m = state
    return mlstm_step(q, k, v, a_i, a_f, (C, n, np.zeros_like(m)))


@mistake("not stabilised", loses={"h": 1, "C": 1, "n": 1, "large scores": 1})
def plain_exponentials(q, k, v, a_i, a_f, state):
    C, n, m = state
    m = gates(a_i, a_f, m)[2]
    C, n = written(C, n, np.exp(a_i), 1 / (1 + np.exp(-a_f)), k, v)
    return read(C, n, q, np.exp(-m)), (C, n, m)


@mistake("sigmoid input gate", loses={"h": 1, "C": 1, "n": 1, "large scores": 1})
def gates_of_an_lstm(q, k, v, a_i, a_f, state):
    C, n, m = state
    _, f, m = gates(a_i, a_f, m)
    C, n = written(C, n, 0.5 + 0.5 * np.tanh(a_i / 2), f, k, v)
    return read(C, n, q, np.exp(-m)), (C, n, m)


@mistake("i and f exchanged", loses={"h": 1, "C": 1, "n": 1, "large scores": 1})
def crossed(q, k, v, a_i, a_f, state):
    C, n, m = state
    f, i, m = gates(a_i, a_f, m)
    C, n = written(C, n, i, f, k, v)
    return read(C, n, q, np.exp(-m)), (C, n, m)


@mistake("normaliser of values", loses={"h": 1, "n": 1, "large scores": 1})
def values_counted(q, k, v, a_i, a_f, state):
    C, n, m = state
    i, f, m = gates(a_i, a_f, m)
    C, n = written(C, n, i, f, k, v)[0], written(C, n, i, f, v, v)[1]
    return read(C, n, q, np.exp(-m)), (C, n, m)


@mistake("stabiliser not kept up", loses={"m": 1})
def old_stabiliser_returned(q, k, v, a_i, a_f, state):
    h, (C, n, _) = mlstm_step(q, k, v, a_i, a_f, state)
    return h, (C, n, state[2])


@mistake("normaliser not kept up", loses={"h": 1, "n": 1, "large scores": 1})
def normaliser_forgotten(q, k, v, a_i, a_f, state):
    C, n, m = state
    i, f, m = gates(a_i, a_f, m)
    C = written(C, n, i, f, k, v)[0]
    return read(C, n, q, np.exp(-m)), (C, n, m)


@mistake("large", loses={"large scores": 1})
def stabilised_too_late(q, k, v, a_i, a_f, state):
    """The exponentials are taken first and divided by exp(m) afterwards: the same, until they overflow."""
    C, n, m = state
    new = gates(a_i, a_f, m)[2]
    i, f = np.exp(a_i) / np.exp(new), np.exp(m) / (1 + np.exp(-a_f)) / np.exp(new)
    C, n = written(C, n, i, f, k, v)
    return read(C, n, q, np.exp(-new)), (C, n, new)


@mistake("form", loses=EVERYTHING)
def h_alone(q, k, v, a_i, a_f, state):
    return mlstm_step(q, k, v, a_i, a_f, state)[0]


@mistake({"old stabiliser outside the maximum", "large"}, loses={"C": 1, "n": 1, "m": 1, "large scores": 1})
def maximum_of_the_gates(q, k, v, a_i, a_f, state):
    C, n, m = state
    log_f = -np.logaddexp(0, -a_f)
    new = np.maximum(log_f, a_i) + m
    C, n = written(C, n, np.exp(a_i - new), np.exp(log_f + m - new), k, v)
    return read(C, n, q, np.exp(-new)), (C, n, new)


@right()
def one_after_the_other(q, k, v, a_i, a_f, state):
    h, C, n, m = [], [], [], []
    for s in range(len(q)):
        log_f = min(a_f[s], 0) - np.log1p(np.exp(-abs(a_f[s])))
        m.append(max(log_f + state[2][s], a_i[s]))
        i, f = np.exp(a_i[s] - m[s]), np.exp(log_f + state[2][s] - m[s])
        C.append(f * state[0][s] + i * np.outer(v[s], k[s]))
        n.append(f * state[1][s] + i * k[s])
        h.append(C[s] @ q[s] / max(abs(n[s] @ q[s]), np.exp(-m[s])))
    return h, C, n, m


@right()
def named_state(q, k, v, a_i, a_f, state):
    h, new = mlstm_step(q, k, v, a_i, a_f, state)
    return h, namedtuple("Memory", "C n m")(*new)


@right()
def as_a_dict(q, k, v, a_i, a_f, state):
    h, (C, n, m) = mlstm_step(q, k, v, a_i, a_f, state)
    return {"m": m, "n": n, "C": C, "h": h, "gates": gates(a_i, a_f, state[2])}


@right()
def state_in_a_list(q, k, v, a_i, a_f, state):
    h, state = mlstm_step(q, k, v, a_i, a_f, state)
    return h, list(state)


@right()
def normaliser_as_a_row(q, k, v, a_i, a_f, state):
    """n is one more row of C, with one for its value."""
    C, n, m = state
    i, f, m = gates(a_i, a_f, m)
    both = np.concatenate([C, n[:, None]], axis=1)
    ones = np.concatenate([v, np.ones_like(v[:, :1])], axis=1)
    both = f[:, None, None] * both + i[:, None, None] * np.einsum("bv,bk->bvk", ones, k)
    out = np.matmul(both, q[..., None])[..., 0]
    h = out[:, :-1] / np.maximum(abs(out[:, -1:]), np.exp(-m)[:, None])
    return h, (both[:, :-1], both[:, -1], m)


@right(needs="torch")
def in_torch(q, k, v, a_i, a_f, state):
    import torch

    q, k, v, a_i, a_f = (torch.tensor(x) for x in (q, k, v, a_i, a_f))
    C, n, m = (torch.tensor(x) for x in state)
    log_f = torch.nn.functional.logsigmoid(a_f)
    new = torch.maximum(log_f + m, a_i)
    i, f = torch.exp(a_i - new), torch.exp(log_f + m - new)
    C = f[:, None, None] * C + i[:, None, None] * torch.einsum("bv,bk->bvk", v, k)
    n = f[:, None] * n + i[:, None] * k
    below = torch.maximum((n * q).sum(1).abs(), torch.exp(-new))
    return torch.einsum("bvk,bk->bv", C, q) / below[:, None], (C, n, new)
