"""Question 1, clip_global_norm: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


@mistake("largest norm decides", loses={"clipped": 1})
def any_array_too_long(grads, c):
    norms = [np.linalg.norm(g) for g in grads]
    norm = np.sqrt(sum(n**2 for n in norms))
    return [g * c / norm for g in grads] if max(norms) > c else list(grads), norm


@mistake(
    "clipped one by one",
    loses={"clipped": 1},
    source="chapter practice, Common mistakes: each tensor by itself",
)
def array_by_array(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    out = []
    for g in grads:
        n = np.linalg.norm(g)
        out.append(g * c / n if n > c else g)
    return out, norm


@mistake("clipped by value", loses={"clipped": 1}, source="torch has both clip_grad_norm_ and clip_grad_value_")
def entry_by_entry(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return [g.clip(-c, c) for g in grads], norm


@mistake("always scaled", loses={"clipped": 1})
def no_condition(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return [g * (c / norm) for g in grads], norm


@mistake("always scaled", loses={"clipped": 1})
def no_condition_but_safe(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return [g * (c / max(norm, 1e-12)) for g in grads], norm


@mistake("norm after clipping", loses={"norm": 1})
def norm_of_the_result(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    if norm > c:
        grads = [g * c / norm for g in grads]
    return grads, np.sqrt(sum((g**2).sum() for g in grads))


@mistake("no root", loses=EVERYTHING)
def squared(grads, c):
    total = sum((g**2).sum() for g in grads)
    return [g * min(1, c / total) if total > 0 else g for g in grads], total


@mistake("norms added", loses={"clipped": 1, "norm": 1, "zero and NaN": 1, "arguments unchanged": 1})
def sum_of_norms(grads, c):
    total = sum(np.linalg.norm(g) for g in grads)
    return [g * (c / total) if total > c else g for g in grads], total


@mistake("scaled to length one", loses={"clipped": 1})
def unit_vector(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return [g / norm if norm > c else g for g in grads], norm


@mistake("last array only", loses=EVERYTHING)
def overwritten_in_the_loop(grads, c):
    for g in grads:
        total = (g**2).sum()
    norm = np.sqrt(total)
    return [g * (c / norm) if norm > c else g for g in grads], norm


@mistake("zero or NaN", loses={"zero and NaN": 1})
def nan_swept_away(grads, c):
    norm = np.sqrt(sum(np.nansum(g**2) for g in grads))
    return [np.nan_to_num(g) * (c / norm) if norm > c else g for g in grads], norm


@mistake("zero or NaN", loses={"zero and NaN": 1})
def zero_by_zero(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return [g / norm * np.minimum(norm, c) for g in grads], norm


@mistake("argument modified", loses={"arguments unchanged": 1})
def in_place(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    if norm > c:
        for g in grads:
            g *= c / norm
    return grads, norm


@mistake("form", loses={"clipped": 1, "norm": 1, "zero and NaN": 1, "arguments unchanged": 1})
def norm_forgotten(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return [g * (c / norm) if norm > c else g for g in grads]


@right()
def by_the_book(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    factor = c / norm if norm > c else 1.0
    return [factor * g for g in grads], norm


@right()
def one_long_vector(grads, c):
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]))
    return [g * c / max(norm, c) for g in grads], float(norm)


@right()
def norms_of_norms(grads, c):
    norm = np.hypot.reduce([np.linalg.norm(g) for g in grads])
    return tuple(g if norm <= c else g / (norm / c) for g in grads), norm


@right()
def with_a_small_number_as_torch(grads, c):
    norm = np.sqrt(sum(np.vdot(g, g) for g in grads))
    factor = min(c / (norm + 1e-6), 1)
    return {"clipped": [g * factor for g in grads], "norm": norm}


@right(needs="torch")
def in_torch(grads, c):
    import torch

    tensors = [torch.from_numpy(g.copy()).requires_grad_() for g in grads]
    for tensor in tensors:
        tensor.grad = tensor.detach().clone()
    norm = torch.nn.utils.clip_grad_norm_(tensors, c)
    return [tensor.grad for tensor in tensors], norm
