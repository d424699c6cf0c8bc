"""Question 4, tbptt_batches: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def streams(tokens, B):
    n = (len(tokens) - 1) // B
    return tokens[: n * B].reshape(B, n).T, tokens[1 : n * B + 1].reshape(B, n).T


@mistake("no target for the last", loses=EVERYTHING)
def rolled_text(tokens, B, k):
    n = len(tokens) // B
    X, Y = (t[: n * B].reshape(B, n).T for t in (tokens, np.roll(tokens, -1)))
    return [(X[t : t + k], Y[t : t + k]) for t in range(0, n, k)]


@mistake("targets are inputs", loses={"targets": 1})
def not_shifted(tokens, B, k):
    X, _ = streams(tokens, B)
    return [(X[t : t + k], X[t : t + k]) for t in range(0, len(X), k)]


@mistake("targets end with the piece", loses={"targets": 1})
def rolled_in_the_piece(tokens, B, k):
    X, _ = streams(tokens, B)
    return [(X[t : t + k], np.roll(X[t : t + k], -1, axis=0)) for t in range(0, len(X), k)]


@mistake("targets end with the stream", loses={"targets": 1})
def rolled_in_the_stream(tokens, B, k):
    X, _ = streams(tokens, B)
    Y = np.roll(X, -1, axis=0)
    return [(X[t : t + k], Y[t : t + k]) for t in range(0, len(X), k)]


@mistake("targets one token early", loses={"targets": 1})
def shifted_the_other_way(tokens, B, k):
    X, _ = streams(tokens, B)
    Y, _ = streams(np.concatenate([tokens[-1:], tokens[:-1]]), B)
    return [(X[t : t + k], Y[t : t + k]) for t in range(0, len(X), k)]


@mistake("last piece dropped", loses=EVERYTHING)
def whole_pieces_only(tokens, B, k):
    X, Y = streams(tokens, B)
    return [(X[j * k : (j + 1) * k], Y[j * k : (j + 1) * k]) for j in range(max(len(X) // k, 1))]


@mistake("streams interleaved", loses={"inputs": 2, "targets": 1})
def reshaped_without_a_transpose(tokens, B, k):
    n = (len(tokens) - 1) // B
    X, Y = tokens[: n * B].reshape(n, B), tokens[1 : n * B + 1].reshape(n, B)
    return [(X[t : t + k], Y[t : t + k]) for t in range(0, n, k)]


@mistake(
    "pieces handed out in turn",
    loses=EVERYTHING,
    source="a DataLoader over consecutive windows does this, shuffled or not",
)
def windows_side_by_side(tokens, B, k):
    n = (len(tokens) - 1) // B
    k = min(k, n)
    out = []
    for j in range((len(tokens) - 1) // (B * k)):
        at = range(j * B * k, (j + 1) * B * k, k)
        out.append(
            (
                np.stack([tokens[a : a + k] for a in at], axis=1),
                np.stack([tokens[a + 1 : a + k + 1] for a in at], axis=1),
            )
        )
    return out


@mistake("target token lost at each border", loses=EVERYTHING)
def k_plus_one_and_on(tokens, B, k):
    X, Y = streams(tokens, B)
    return [(X[t : t + k], Y[t : t + k]) for t in range(0, len(X), k + 1)]


@mistake("windows overlap", loses=EVERYTHING)
def a_piece_at_every_step(tokens, B, k):
    X, Y = streams(tokens, B)
    return [(X[t : t + k], Y[t : t + k]) for t in range(max(len(X) - k + 1, 1))]


@mistake("form", loses=EVERYTHING)
def two_tables(tokens, B, k):
    return streams(tokens, B)


@mistake("batch first", loses={"inputs": 2, "targets": 1, "pieces": 1})
def columns_in_front(tokens, B, k):
    X, Y = streams(tokens, B)
    return [(X[t : t + k].T, Y[t : t + k].T) for t in range(0, len(X), k)]


@mistake("none", loses=EVERYTHING)
def printed(tokens, B, k):
    X, Y = streams(tokens, B)
    for t in range(0, len(X), k):
        print(X[t : t + k], Y[t : t + k])


@mistake("raised", loses=EVERYTHING)
def method_of_another_library(tokens, B, k):
    X, Y = streams(tokens, B)
    return list(zip(X.split(k), Y.split(k), strict=True))


@right()
def table_and_slices(tokens, B, k):
    X, Y = streams(tokens, B)
    return [(X[t : t + k], Y[t : t + k]) for t in range(0, len(X), k)]


@right()
def generator(tokens, B, k):
    X, Y = streams(tokens, B)
    for t in range(0, len(X), k):
        yield X[t : t + k], Y[t : t + k]


@right()
def by_index(tokens, B, k):
    n = (len(tokens) - 1) // B
    first, out, t = np.arange(B) * n, [], 0
    while t < n:
        at = first + np.arange(t, min(t + k, n))[:, None]
        out.append((tokens[at], tokens[at + 1]))
        t += k
    return tuple(out)


@right()
def lists_of_lists(tokens, B, k):
    n = (len(tokens) - 1) // B
    text = tokens.tolist()
    pieces = []
    for begin in range(0, n, k):
        steps = range(begin, min(begin + k, n))
        x = [[text[b * n + t] for b in range(B)] for t in steps]
        y = [[text[b * n + t + 1] for b in range(B)] for t in steps]
        pieces.append([x, y])
    return pieces


@right(needs="torch")
def in_torch(tokens, B, k):
    import torch

    n = (len(tokens) - 1) // B
    text = torch.from_numpy(tokens)
    X, Y = text[: n * B].view(B, n).t(), text[1 : n * B + 1].view(B, n).t()
    return list(zip(X.split(k), Y.split(k), strict=True))
