"""Question 2, recall_batch: wrong answers, and right ones in other styles."""

import random

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def draw(rng, K, B, Q, M, V):
    """Keys and values (K, B), and the places that are asked for (Q, B)."""
    keys = np.stack([rng.permutation(M)[:K] for _ in range(B)], axis=1)
    return keys, rng.integers(0, V, (K, B)), rng.integers(0, K, (Q, B))


def put(keys, values, place, M):
    K, B = keys.shape
    Q, column = len(place), np.arange(B)
    x, y = np.zeros((2 * K + Q, B), int), np.full((2 * K + Q, B), -1)
    x[0 : 2 * K : 2], x[1 : 2 * K : 2], x[2 * K :] = keys, values + M, keys[place, column]
    y[2 * K :] = values[place, column]
    return x, y


def recall_batch(rng, K, B, Q, M, V):
    return put(*draw(rng, K, B, Q, M, V), M)


@mistake("values not shifted", loses={"x": 1})
def same_numbers_for_both(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    x[1 : 2 * K : 2] -= M
    return x, y


@mistake("value before key", loses={"x": 1})
def pairs_turned_round(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    x[0 : 2 * K : 2], x[1 : 2 * K : 2] = x[1 : 2 * K : 2].copy(), x[0 : 2 * K : 2].copy()
    return x, y


@mistake("keys, then values", loses={"x": 1})
def two_blocks(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    x, y = put(keys, values, place, M)
    x[: 2 * K] = np.concatenate([keys, values + M])
    return x, y


@mistake("out of range", loses=EVERYTHING)
def values_shifted_twice(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    x[1 : 2 * K : 2] += M
    return x, y


@mistake("keys from one", loses={"x": 1})
def keys_counted_from_one(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    return np.where(x < M, x + 1, x), y


@mistake("values from one", loses={"x": 1})
def values_counted_from_one(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    return put(keys, values + 1, place, M)[0], put(keys, values, place, M)[1]


@mistake("asks for a strange key", loses=EVERYTHING)
def any_key_asked(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    x[2 * K :] = rng.integers(0, M, (Q, B))
    return x, y


@mistake("asks for no key", loses=EVERYTHING)
def question_left_blank(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    x[2 * K :] = y[2 * K :] + M
    return x, y


@mistake("shape", loses=EVERYTHING)
def pair_in_one_step(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    return np.concatenate([x[0 : 2 * K : 2], x[2 * K :]]), y[K:]


@mistake("shape", loses=EVERYTHING)
def batch_in_front(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    return x.T, y.T


@mistake("number of the value", loses={"y": 1})
def token_for_value(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    return x, np.where(y < 0, y, y + M)


@mistake("key for value", loses={"y": 1})
def key_repeated(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    return x, np.where(y < 0, y, x)


@mistake("place for value", loses={"y": 1})
def index_kept(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    x, y = put(keys, values, place, M)
    y[2 * K :] = place
    return x, y


@mistake("values of the first sequence", loses={"y": 1})
def column_forgotten(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    x, y = put(keys, values, place, M)
    y[2 * K :] = values[place, 0]
    return x, y


@mistake("zero for nothing", loses={"y": 1})
def zeros_in_the_list(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    return x, y.clip(0)


@mistake("one question late", loses={"y": 1})
def shifted_by_one(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    y[2 * K :] = np.roll(y[2 * K :], 1, axis=0)
    return x, y


@mistake("answers too early", loses={"y": 1})
def values_as_targets_too(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    return x, np.where(x >= M, x - M, y)


@mistake("values in order", loses={"y": 1})
def never_looked_up(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    y[2 * K :] = x[1 : 2 * K : 2][np.arange(Q) % K] - M
    return x, y


@mistake("wrong value", loses={"y": 1})
def value_of_the_next_pair(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    x, y = put(keys, values, place, M)
    y[2 * K :] = values[(place + 1) % K, np.arange(B)]
    return x, y


@mistake("a key twice", loses={"keys": 1})
def with_repetition(rng, K, B, Q, M, V):
    keys = rng.integers(0, M, (K, B))
    values, place = draw(rng, K, B, Q, M, V)[1:]
    x, y = put(keys, values, place, M)
    first = (x[2 * K :, None] == keys).argmax(axis=1)
    y[2 * K :] = values[first, np.arange(B)]
    return x, y


@mistake("one list of keys", loses={"keys": 1})
def same_keys_for_all(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    return put(np.repeat(keys[:, :1], B, axis=1), values, place, M)


@mistake("kinds of key left out", loses={"keys": 1})
def only_the_first_k(rng, K, B, Q, M, V):
    fewer = max(K, M - 1)
    if fewer == M:
        return with_repetition(rng, K, B, Q, M, V)
    return put(*draw(rng, K, B, Q, fewer, V), M)


@mistake("keys in rising order", loses={"keys": 1})
def sorted_keys(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    return put(np.sort(keys, axis=0), values, place, M)


@mistake("not from rng", loses={"draws": 1}, source="np.random.* in place of the generator that was handed in")
def global_generator(rng, K, B, Q, M, V):
    np.random.seed(None)
    keys = np.array([np.random.permutation(M)[:K] for _ in range(B)]).T
    return put(keys, np.random.randint(0, V, (K, B)), np.random.randint(0, K, (Q, B)), M)


@mistake("the same batch", loses={"draws": 1})
def own_seed(rng, K, B, Q, M, V):
    return recall_batch(np.random.default_rng(0), K, B, Q, M, V)


@mistake("one list of values", loses={"draws": 1})
def same_values_for_all(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    return put(keys, np.repeat(values[:, :1], B, axis=1), place, M)


@mistake("a value goes with its key", loses={"draws": 1})
def value_from_the_key(rng, K, B, Q, M, V):
    keys, _values, place = draw(rng, K, B, Q, M, V)
    return put(keys, keys % V, place, M)


@mistake("kinds of value left out", loses={"draws": 1})
def last_value_excluded(rng, K, B, Q, M, V):
    keys, _, place = draw(rng, K, B, Q, M, V)
    return put(keys, rng.integers(0, V - 1, (K, B)), place, M)


@mistake("no value twice", loses={"draws": 1})
def values_without_repetition(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    if V >= K:
        values = rng.random((V, B)).argsort(axis=0)[:K]
    return put(keys, values, place, M)


@mistake("pairs never asked for", loses={"draws": 1})
def last_pair_excluded(rng, K, B, Q, M, V):
    keys, values, _ = draw(rng, K, B, Q, M, V)
    return put(keys, values, rng.integers(0, K - 1, (Q, B)), M)


@mistake("one question", loses={"draws": 1})
def same_question_again(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    return put(keys, values, np.repeat(place[:1], Q, axis=0), M)


@mistake("no question twice", loses={"draws": 1})
def asked_without_repetition(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    if Q <= K:
        place = rng.random((K, B)).argsort(axis=0)[:Q]
    return put(keys, values, place, M)


@mistake("the same questions", loses={"draws": 1})
def in_the_order_of_the_list(rng, K, B, Q, M, V):
    keys, values, _ = draw(rng, K, B, Q, M, V)
    return put(keys, values, np.repeat(np.arange(Q)[:, None] % K, B, axis=1), M)


@mistake("blank", loses=EVERYTHING)
def blank(rng, K, B, Q, M, V):
    raise NotImplementedError()


@right()
def by_sorting_random_numbers(rng, K, B, Q, M, V):
    keys = rng.random((M, B)).argsort(axis=0)[:K]
    return put(keys, rng.integers(V, size=(K, B)), rng.integers(K, size=(Q, B)), M)


@right()
def one_sequence_after_the_other(rng, K, B, Q, M, V):
    x, y = [], []
    for _ in range(B):
        keys = rng.choice(M, K, replace=False)
        value = {int(key): int(rng.integers(V)) for key in keys}
        asked = [int(rng.choice(keys)) for _ in range(Q)]
        x.append([number for key, v in value.items() for number in (key, M + v)] + asked)
        y.append([-1] * (2 * K) + [value[key] for key in asked])
    return np.transpose(x), np.transpose(y)


@right()
def with_a_generator_of_its_own(rng, K, B, Q, M, V):
    own = random.Random(int(rng.integers(2**31)))
    keys = np.array([own.sample(range(M), K) for _ in range(B)]).T
    values = np.array([own.choices(range(V), k=B) for _ in range(K)])
    place = np.array([own.choices(range(K), k=B) for _ in range(Q)])
    return put(keys, values, place, M)


@right()
def by_flat_lookup(rng, K, B, Q, M, V):
    keys, values, place = draw(rng, K, B, Q, M, V)
    pairs = np.stack([keys, values + M], axis=1).reshape(2 * K, B)
    x = np.concatenate([pairs, np.take_along_axis(keys, place, axis=0)])
    y = np.concatenate([np.full((2 * K, B), -1), np.take_along_axis(values, place, axis=0)])
    return {"x": x.astype(float), "y": y.tolist()}


@right(needs="torch")
def in_torch(rng, K, B, Q, M, V):
    import torch

    own = torch.Generator().manual_seed(int(rng.integers(2**31)))
    keys = torch.rand(M, B, generator=own).argsort(0)[:K]
    values = torch.randint(V, (K, B), generator=own)
    place = torch.randint(K, (Q, B), generator=own)
    x = torch.cat([torch.stack([keys, values + M], 1).flatten(0, 1), keys.gather(0, place)])
    return x, torch.cat([torch.full((2 * K, B), -1), values.gather(0, place)])


@mistake("no pairs", loses=EVERYTHING)
def a_key_too_few(rng, K, B, Q, M, V):
    x, y = recall_batch(rng, K, B, Q, M, V)
    x[2 * K - 2] = M
    return x, y


@mistake("some pairs more often", loses={"draws": 1})
def minus_one_is_the_last_pair(rng, K, B, Q, M, V):
    keys, values, _ = draw(rng, K, B, Q, M, V)
    return put(keys, values, rng.integers(-1, K, (Q, B)), M)


@mistake("some values more often", loses={"draws": 1})
def clipped_normals(rng, K, B, Q, M, V):
    keys, _, place = draw(rng, K, B, Q, M, V)
    values = np.clip(np.round(rng.normal(V / 2, V / 3, (K, B))), 0, V - 1).astype(int)
    return put(keys, values, place, M)
