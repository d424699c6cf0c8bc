"""Question 2, sample: wrong answers, and right ones in other styles."""

import itertools
import math

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def softmax(z):
    e = np.exp(z - np.max(z))
    return e / e.sum()


@right()
def sample(logits, temperature, rng):
    if temperature == 0:
        return int(np.argmax(logits))
    u, total = rng.random(), 0.0
    for place, p in enumerate(softmax(logits / temperature)):
        total += p
        if total > u:
            return place
    return len(logits) - 1


@mistake({"temperature ignored", "temperature on probabilities"}, loses=EVERYTHING)
def no_temperature(logits, temperature, rng):
    return rng.choice(len(logits), p=softmax(logits))


@mistake({"temperature ignored", "temperature on probabilities"}, loses=EVERYTHING)
def after_the_softmax(logits, temperature, rng):
    p = softmax(logits) / max(temperature, 1e-9)
    return rng.choice(len(p), p=p / p.sum())


@mistake("times temperature", loses=EVERYTHING)
def multiplied(logits, temperature, rng):
    return rng.choice(len(logits), p=softmax(logits * temperature))


@mistake("softmax twice", loses=EVERYTHING)
def two_softmaxes(logits, temperature, rng):
    if temperature == 0:
        return np.argmax(logits)
    return rng.choice(len(logits), p=softmax(softmax(logits) / temperature))


@mistake("argmax", loses=EVERYTHING, source="chapter entertainment: argmax everywhere")
def the_likeliest(logits, temperature, rng):
    return np.argmax(logits)


@mistake("gumbel", loses=EVERYTHING)
def gumbel_max(logits, temperature, rng):
    if temperature == 0:
        return np.argmax(logits)
    return np.argmax(logits / temperature + rng.gumbel(size=len(logits)))


@mistake("multinomial", loses=EVERYTHING)
def one_of_one(logits, temperature, rng):
    if temperature == 0:
        return np.argmax(logits)
    return np.flatnonzero(rng.multinomial(1, softmax(logits / temperature)))[0]


@mistake("all equally likely", loses=EVERYTHING)
def a_die(logits, temperature, rng):
    return int(rng.random() * len(logits))


@mistake("a generator of its own", loses=EVERYTHING)
def seeded_inside(logits, temperature, rng):
    rng = np.random.default_rng(0)
    return sample(logits, temperature, rng)


@mistake("sorted first", loses=EVERYTHING)
def from_the_likeliest(logits, temperature, rng):
    if temperature == 0:
        return np.argmax(logits)
    p = softmax(logits / temperature)
    order = np.argsort(p)[::-1]
    return order[np.searchsorted(np.cumsum(p[order]), rng.random())]


@mistake("one too far", loses=EVERYTHING)
def one_place_on(logits, temperature, rng):
    place = sample(logits, temperature, rng)
    return min(place + 1, len(logits) - 1) if temperature else place


@mistake("large", loses={"large logits": 1})
def overflows(logits, temperature, rng):
    if temperature == 0:
        return int(logits.argmax())
    e = np.exp(logits / temperature)
    return int(np.searchsorted(np.cumsum(e / e.sum()), rng.random()))


@mistake("zero", loses={"temperature 0": 1})
def divides_by_zero(logits, temperature, rng):
    return rng.choice(len(logits), p=softmax(logits / temperature))


@mistake("shape", loses=EVERYTHING)
def one_hot(logits, temperature, rng):
    return np.eye(len(logits))[sample(logits, temperature, rng)]


@right()
def by_choice(logits, temperature, rng):
    if not temperature:
        return np.argmax(logits)
    return rng.choice(np.arange(len(logits)), p=softmax(logits / temperature))


@right()
def by_counting(logits, temperature, rng):
    if temperature == 0:
        return max(range(len(logits)), key=lambda k: logits[k])
    return np.sum(np.cumsum(softmax(logits / temperature))[:-1] <= rng.random())


@right()
def by_accumulate(logits, temperature, rng):
    if temperature < 1e-12:
        return [int(np.argmax(logits))]
    top = max(logits)
    weights = [math.exp((value - top) / temperature) for value in logits]
    u = rng.random() * sum(weights)
    return next(k for k, total in enumerate(itertools.accumulate(weights)) if total > u)


@right(needs="torch")
def by_torch(logits, temperature, rng):
    import torch

    logits = torch.as_tensor(logits)
    if temperature == 0:
        return logits.argmax()
    p = torch.softmax(logits / temperature, -1)
    return torch.searchsorted(p.cumsum(-1), torch.tensor(rng.random(), dtype=p.dtype), right=True)
