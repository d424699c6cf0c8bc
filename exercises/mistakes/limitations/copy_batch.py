"""Question 1, copy_batch and guess_loss: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import mistake, right


def copy_batch(symbols, T, V=8):
    shown, y = numbers(symbols, T, V)
    return one_hot(shown, V + 2), y


def guess_loss(T, S, V=8):
    return S / (T + 2 * S) * np.log(V)


def numbers(symbols, T, V):
    S, B = symbols.shape
    shown, y = np.zeros((T + 2 * S, B), int), np.zeros((T + 2 * S, B), int)
    shown[:S] = y[-S:] = symbols
    shown[-S - 1] = V + 1
    return shown, y


def one_hot(a, n):
    return (a[..., None] == np.arange(n)).astype(float)


@mistake("mark missing", loses={"x": 2})
def nobody_says_now(symbols, T, V=8):
    shown, y = numbers(symbols, T, V)
    shown[shown == V + 1] = 0
    return one_hot(shown, V + 2), y


@mistake("mark one step late", loses={"x": 2})
def mark_where_the_answer_begins(symbols, T, V=8):
    S, _B = symbols.shape
    shown, y = numbers(symbols, T, V)
    shown[S:] = 0
    shown[S + T] = V + 1
    return one_hot(shown, V + 2), y


@mistake("mark right after the list", loses={"x": 2})
def mark_before_the_silence(symbols, T, V=8):
    shown, y = numbers(symbols, T, V)
    shown[len(symbols) :] = 0
    shown[len(symbols)] = V + 1
    return one_hot(shown, V + 2), y


@mistake("mark to the end", loses={"x": 2})
def mark_held(symbols, T, V=8):
    shown, y = numbers(symbols, T, V)
    shown[len(symbols) + T - 1 :] = V + 1
    return one_hot(shown, V + 2), y


@mistake("T blanks and the mark", loses={"x": 2, "y": 1})
def one_blank_too_many(symbols, T, V=8):
    return copy_batch(symbols, T + 1, V)


@mistake("no room for the answer", loses={"x": 2, "y": 1})
def ends_at_the_mark(symbols, T, V=8):
    _S, B = symbols.shape
    blank = np.zeros((T - 1, B), int)
    shown = np.concatenate([symbols, blank, np.full((1, B), V + 1)])
    y = np.concatenate([np.zeros((T, B), int), symbols])
    return np.eye(V + 2)[shown], y


@mistake("numbers for one-hot", loses={"x": 2})
def not_one_hot(symbols, T, V=8):
    return numbers(symbols, T, V)


@mistake("blank without a column", loses={"x": 2})
def blanks_are_nothing(symbols, T, V=8):
    x, y = copy_batch(symbols, T, V)
    x[:, :, 0] = 0
    return x, y


@mistake("blank after the symbols", loses={"x": 2})
def blank_and_mark_last(symbols, T, V=8):
    S, B = symbols.shape
    shown = np.full((T + 2 * S, B), V)
    shown[:S] = symbols - 1
    shown[S + T - 1] = V + 1
    return one_hot(shown, V + 2), numbers(symbols, T, V)[1]


@mistake("answer shown", loses={"x": 2})
def answer_in_the_question(symbols, T, V=8):
    shown, y = numbers(symbols, T, V)
    return one_hot(shown + y, V + 2), y


@mistake({"x batch first", "y batch first"}, loses={"x": 2, "y": 1}, source="batch_first=True of torch.nn")
def batch_in_front(symbols, T, V=8):
    x, y = copy_batch(symbols, T, V)
    return x.transpose(1, 0, 2), y.T


@mistake("answer one step early", loses={"y": 1})
def answers_at_the_mark(symbols, T, V=8):
    x, y = copy_batch(symbols, T, V)
    return x, np.concatenate([y[1:], y[:1]])


@mistake("answer in place", loses={"y": 1})
def echo_at_once(symbols, T, V=8):
    shown, _y = numbers(symbols, T, V)
    return one_hot(shown, V + 2), shown * (shown <= V)


@mistake("answer turned round", loses={"y": 1})
def as_a_stack(symbols, T, V=8):
    x, y = copy_batch(symbols, T, V)
    y[-len(symbols) :] = symbols[::-1]
    return x, y


@mistake("answer counted from 0", loses={"y": 1})
def zero_based(symbols, T, V=8):
    x, y = copy_batch(symbols, T, V)
    return x, np.maximum(y - 1, 0)


@mistake("y without blanks", loses={"y": 1})
def short_targets(symbols, T, V=8):
    return copy_batch(symbols, T, V)[0], symbols


@mistake("argument modified", loses={"arguments unchanged": 1})
def counted_anew_in_place(symbols, T, V=8):
    x, y = copy_batch(symbols, T, V)
    symbols -= 1
    return x, y


@mistake("raised", loses={"x": 2, "y": 1})
def list_of_one_sequence(symbols, T, V=8):
    shown = [*symbols, *[0] * (T - 1), V + 1, *[0] * len(symbols)]
    return np.eye(V + 2)[shown], [0] * (T + len(symbols)) + [*symbols]


@mistake("loss of a whole guess", loses={"guess_loss": 1}, of="guess_loss")
def all_steps(T, S, V=8):
    return math.log(V)


@mistake("loss not averaged", loses={"guess_loss": 1}, of="guess_loss")
def sum_of_a_sequence(T, S, V=8):
    return S * math.log(V)


@mistake("loss in bits", loses={"guess_loss": 1}, of="guess_loss")
def base_two(T, S, V=8):
    return S * math.log2(V) / (T + 2 * S)


@mistake("loss over V + 1", loses={"guess_loss": 1}, of="guess_loss")
def blank_among_the_guesses(T, S, V=8):
    return -S * math.log(1 / (V + 1)) / (T + 2 * S)


@mistake("loss over the delay", loses={"guess_loss": 1}, of="guess_loss")
def only_the_delay(T, S, V=8):
    return S * math.log(V) / T


@mistake("one symbol guessed", loses={"guess_loss": 1}, of="guess_loss")
def s_forgotten(T, S, V=8):
    return np.log(V) / (T + 2 * S)


@mistake("loss negative", loses={"guess_loss": 1}, of="guess_loss")
def logarithm_of_the_probability(T, S, V=8):
    return S * np.log(1 / V) / (T + 2 * S)


@right()
def from_pieces(symbols, T, V=8):
    S, B = symbols.shape
    mark, blanks = np.full((1, B), V + 1), np.zeros((T + S - 1, B), int)
    shown = np.concatenate([symbols, blanks[: T - 1], mark, blanks[T - 1 :]])
    y = np.concatenate([np.zeros((T + S, B), int), symbols])
    return np.eye(V + 2, dtype=np.float32)[shown], y


@right()
def entry_by_entry(symbols, T, V=8):
    S, B = symbols.shape
    x, y = np.zeros((T + 2 * S, B, V + 2)), np.zeros((T + 2 * S, B))
    for n in range(B):
        for t in range(T + 2 * S):
            place = symbols[t, n] if t < S else V + 1 if t == S + T - 1 else 0
            x[t, n, place] = 1
            y[t, n] = symbols[t - S - T, n] if t >= S + T else 0
    return x, y


@right()
def as_lists(symbols, T, V=8):
    x, y = from_pieces(symbols, T, V)
    return [x.tolist(), y.tolist()]


@right()
def as_a_dict_of_booleans(symbols, T, V=8):
    shown, y = numbers(symbols, T, V)
    return {"x": shown[:, :, None] == np.arange(V + 2), "y": y}


@right(needs="torch")
def in_torch(symbols, T, V=8):
    import torch

    shown, y = map(torch.as_tensor, numbers(symbols, T, V))
    return torch.nn.functional.one_hot(shown, V + 2), y


@right(of="guess_loss")
def mean_over_steps(T, S, V=8):
    return np.mean([0.0] * (T + S) + [-math.log(1 / V)] * S)
