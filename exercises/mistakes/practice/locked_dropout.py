"""Question 5, locked_dropout: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


@mistake("a mask for each step", loses={"mask": 1}, source="what torch.nn.Dropout does on (T, B, H)")
def ordinary_dropout(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape) >= p) / (1 - p) if training else h


@mistake("one mask for all sequences", loses={"mask": 1})
def shared_by_the_batch(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape[2]) >= p) / (1 - p) if training else h


@mistake("whole sequences dropped", loses={"mask": 1})
def sequence_or_nothing(h, p, rng, training=True):
    return h * (rng.uniform(size=(h.shape[1], 1)) >= p) / (1 - p) if training else h


@mistake({"p is kept", "p = 0"}, loses={"mask": 1, "off": 1})
def share_kept(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape[1:]) < p) / (1 - p) if training else h


@mistake({"p is kept", "divided by p", "p = 0"}, loses=EVERYTHING)
def share_kept_throughout(h, p, rng, training=True):
    if not training:
        return h
    keep = rng.uniform(size=h.shape[1:]) < p
    return np.where(keep, h / p if p else h, 0)


@mistake("not scaled", loses={"scale": 1})
def smaller_on_average(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape[1:]) >= p) if training else h


@mistake(
    {"not scaled", "scaled in evaluation"}, loses={"scale": 1, "off": 1}, source="the form of Srivastava et al. (2014)"
)
def scaled_when_in_use(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape[1:]) >= p) if training else h * (1 - p)


@mistake("divided by p", loses={"scale": 1})
def by_p(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape[1:]) >= p) / p if training and p else h


@mistake("multiplied by 1 - p", loses={"scale": 1})
def made_smaller_still(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape[1:]) >= p) * (1 - p) if training else h


@mistake("dropped in evaluation", loses={"off": 1}, source="chapter practice, Common mistakes: no eval() in use")
def always_on(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape[1:]) >= p) / (1 - p)


@mistake("not repeatable", loses={"mask": 1})
def global_generator(h, p, rng, training=True):
    return h * (np.random.uniform(size=h.shape[1:]) >= p) / (1 - p) if training else h


@mistake("same for every rng", loses={"mask": 1})
def seeded_inside(h, p, rng, training=True):
    return h * (np.random.default_rng(1).uniform(size=h.shape[1:]) >= p) / (1 - p) if training else h


@mistake({"nothing dropped", "not scaled"}, loses={"mask": 1, "scale": 1})
def never_on(h, p, rng, training=True):
    return h


@right()
def broadcast(h, p, rng, training=True):
    return h * (rng.uniform(size=h.shape[1:]) >= p) / (1 - p) if training else h


@right()
def with_an_axis_of_one(h, p, rng, training=True):
    if not training or p == 0:
        return h
    mask = rng.binomial(1, 1 - p, (1, *h.shape[1:]))
    return mask * h / (1 - p)


@right()
def step_by_step(h, p, rng, training=True):
    if not training:
        return h
    dropped = rng.random(h[0].shape) < p
    return [np.where(dropped, 0, step) / (1 - p) for step in h]


@right()
def in_place_on_a_copy(h, p, rng, training=True):
    out = h.copy()
    if training:
        out /= 1 - p
        out[:, rng.random(h.shape[1:]) < p] = 0
    return out


@right(needs="torch")
def in_torch(h, p, rng, training=True):
    import torch

    seeded = torch.Generator().manual_seed(int(rng.integers(2**31)))
    mask = (torch.rand(h.shape[1:], generator=seeded) >= p).double() / (1 - p)
    return torch.from_numpy(h) * mask if training else torch.from_numpy(h)
