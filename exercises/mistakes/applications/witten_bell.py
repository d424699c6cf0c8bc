"""Question 3, witten_bell: wrong answers, and right ones in other styles."""

import math
from collections import Counter, defaultdict
from functools import cache

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def counted(text, longest):
    follow = defaultdict(Counter)
    for t, s in enumerate(text):
        for length in range(min(t, longest) + 1):
            follow[text[t - length : t]][s] += 1
    return follow


def probability(follow, context, s, base, mix=lambda c, n, k, q: (c + k * q) / (n + k)):
    q = base
    for start in range(len(context), -1, -1):
        found = follow.get(context[start:])
        if found:
            q = mix(found[s], found.total(), len(found), q)
    return q


@right()
def witten_bell(text_train, text_test, order):
    follow, base = counted(text_train, order - 1), 1 / (len(set(text_train)) + 1)
    bits = 0.0
    for t, s in enumerate(text_test):
        bits -= math.log2(probability(follow, text_test[max(0, t - order + 1) : t], s, base))
    return bits / len(text_test)


def with_mix(text_train, text_test, order, mix, base=None):
    follow, base = counted(text_train, order - 1), base or 1 / (len(set(text_train)) + 1)
    ps = [probability(follow, text_test[max(0, t - order + 1) : t], s, base, mix) for t, s in enumerate(text_test)]
    return -np.mean(np.log2(ps))


@mistake({"nats", "sum"}, loses=EVERYTHING, source="cross-entropy of a network comes in nats")
def natural(text_train, text_test, order):
    return witten_bell(text_train, text_test, order) * math.log(2)


@mistake({"sum of bits", "sum"}, loses=EVERYTHING)
def not_averaged(text_train, text_test, order):
    return witten_bell(text_train, text_test, order) * len(text_test)


@mistake({"perplexity", "sum"}, loses=EVERYTHING)
def two_to_the(text_train, text_test, order):
    return 2 ** witten_bell(text_train, text_test, order)


@mistake("context too long", loses={"bits": 4, "new characters": 1})
def order_characters(text_train, text_test, order):
    return witten_bell(text_train, text_test, order + 1)


@mistake({"no place for a new character", "sum"}, loses=EVERYTHING)
def alphabet_only(text_train, text_test, order):
    return with_mix(text_train, text_test, order, lambda c, n, k, q: (c + k * q) / (n + k), 1 / len(set(text_train)))


@mistake({"sum", "new"}, loses={"sum to one": 1, "new characters": 1})
def alphabet_of_both(text_train, text_test, order):
    """Looks at the test text for the size of the alphabet."""
    base = 1 / (len(set(text_train + text_test)) + 1)
    return with_mix(text_train, text_test, order, lambda c, n, k, q: (c + k * q) / (n + k), base)


@mistake("add one", loses={"bits": 4, "new characters": 1})
def one_for_k(text_train, text_test, order):
    return with_mix(text_train, text_test, order, lambda c, n, k, q: (c + q) / (n + 1))


@mistake("weights exchanged", loses={"bits": 4, "new characters": 1})
def the_other_weight(text_train, text_test, order):
    def mix(c, n, k, q):
        weight = k / (n + k)
        return weight * c / n + (1 - weight) * q

    return with_mix(text_train, text_test, order, mix)


@mistake({"k not in the sum", "sum"}, loses=EVERYTHING)
def more_than_one(text_train, text_test, order):
    return with_mix(text_train, text_test, order, lambda c, n, k, q: c / n + k / n * q)


@mistake({"backed off", "sum"}, loses=EVERYTHING, source="Katz backs off; Witten and Bell interpolate")
def only_if_unseen(text_train, text_test, order):
    return with_mix(text_train, text_test, order, lambda c, n, k, q: c / (n + k) if c else k * q / (n + k))


@mistake("only the longest", loses={"bits": 4, "new characters": 1})
def no_ladder(text_train, text_test, order):
    base = 1 / (len(set(text_train)) + 1)
    return with_mix(text_train, text_test, order, lambda c, n, k, q: (c + k * base) / (n + k))


@mistake({"the end counted", "sum"}, loses=EVERYTHING)
def end_of_the_text(text_train, text_test, order):
    symbols, longest = len(set(text_train)), order - 1
    seen, follow = Counter(), counted(text_train, longest)
    for length in range(longest + 1):
        for t in range(len(text_train) - length + (1 if length else 0)):
            seen[text_train[t : t + length]] += 1
    bits = []
    for t, s in enumerate(text_test):
        p = 1 / (symbols + 1)
        for length in range(min(t, longest) + 1):
            c = text_test[t - length : t]
            if follow[c]:
                p = (follow[c][s] + len(follow[c]) * p) / (seen[c] + len(follow[c]))
        bits.append(-math.log2(p))
    return sum(bits) / len(bits)


@mistake("history from training", loses={"bits": 4, "new characters": 1})
def read_on(text_train, text_test, order):
    follow, base, both = counted(text_train, order - 1), 1 / (len(set(text_train)) + 1), text_train + text_test
    n = len(text_train)
    ps = [probability(follow, both[t - order + 1 : t], both[t], base) for t in range(n, len(both))]
    return -np.mean(np.log2(ps))


@mistake("learns while it is tested", loses={"bits": 4, "new characters": 1})
def goes_on_learning(text_train, text_test, order):
    base, bits = 1 / (len(set(text_train)) + 1), 0.0
    for t, s in enumerate(text_test):
        follow = counted(text_train + text_test[:t], order - 1)
        bits -= math.log2(probability(follow, text_test[max(0, t - order + 1) : t], s, base))
    return bits / len(text_test)


@mistake("new", loses={"new characters": 1})
def new_ones_skipped(text_train, text_test, order):
    known = set(text_train)
    follow, base, bits = counted(text_train, order - 1), 1 / (len(known) + 1), []
    for t, s in enumerate(text_test):
        p = probability(follow, text_test[max(0, t - order + 1) : t], s, base)
        bits.append(-math.log2(p) if s in known or s == "\0" else 0.0)
    return sum(bits) / len(bits)


@mistake({"no smoothing at the bottom", "sum"}, loses=EVERYTHING)
def zero_below(text_train, text_test, order):
    follow, bits = counted(text_train, order - 1), []
    for t, s in enumerate(text_test):
        p = probability(follow, text_test[max(0, t - order + 1) : t], s, 0.0)
        bits.append(-math.log2(p) if p > 0 else math.inf)
    return sum(bits) / len(bits)


@right()
def recursive(text_train, text_test, order):
    follow, symbols = counted(text_train, order - 1), len(set(text_train)) + 1

    @cache
    def p(s, context):
        shorter = p(s, context[1:]) if context else 1 / symbols
        n, k = follow[context].total(), len(follow[context])
        return (follow[context][s] + k * shorter) / (n + k) if n else shorter

    return float(-np.mean([np.log2(p(s, text_test[max(0, t - order + 1) : t])) for t, s in enumerate(text_test)]))


@right()
def by_searching(text_train, text_test, order):
    bits = []
    for t, s in enumerate(text_test):
        p = 1 / (1 + len(set(text_train)))
        for length in range(min(t, order - 1) + 1):
            context = text_test[t - length : t]
            places = [i for i in range(length, len(text_train)) if text_train[i - length : i] == context]
            if places:
                followers = [text_train[i] for i in places]
                k = len(set(followers))
                p = (followers.count(s) + k * p) / (len(followers) + k)
        bits.append(-math.log2(p))
    return np.mean(bits)


class Model:
    def __init__(self, text, order):
        self.order, self.symbols = order, sorted(set(text))
        self.tables = [{} for _ in range(order)]
        for length, table in enumerate(self.tables):
            for end in range(length, len(text)):
                row = table.setdefault(text[end - length : end], {})
                row[text[end]] = row.get(text[end], 0) + 1

    def __call__(self, s, before):
        p = 1.0 / (len(self.symbols) + 1)
        for length, table in enumerate(self.tables[: len(before) + 1]):
            row = table.get(before[len(before) - length :])
            if row:
                n, k = sum(row.values()), len(row)
                p = n / (n + k) * row.get(s, 0) / n + k / (n + k) * p
        return p


@right()
def by_a_class(text_train, text_test, order):
    model = Model(text_train, order)
    return sum(-math.log(model(s, text_test[:t]), 2) for t, s in enumerate(text_test)) / len(text_test)


@right()
def by_arrays(text_train, text_test, order):
    alphabet = {s: k for k, s in enumerate(sorted(set(text_train)))}
    A = len(alphabet)
    train, test = (np.array([alphabet.get(s, A) for s in text]) for text in (text_train, text_test))
    p = np.full(len(test), 1 / (A + 1))
    for o in range(1, order + 1):
        rows = [tuple(train[i : i + o]) for i in range(len(train) - o + 1)]
        grams, kinds, totals = Counter(rows), Counter(), Counter()
        for row, count in grams.items():
            kinds[row[:-1]] += 1
            totals[row[:-1]] += count
        for t in range(o - 1, len(test)):
            asked = tuple(test[t - o + 1 : t + 1])
            n, k = totals[asked[:-1]], kinds[asked[:-1]]
            if n:
                p[t] = (grams[asked] + k * p[t]) / (n + k)
    return {"bits": -np.log2(p).mean()}
