"""Question 7, saturation: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def valid_steps(gates, lengths):
    return np.arange(len(gates))[:, None] < lengths[None]


@right()
def saturation(gates, lengths, low=0.1, high=0.9):
    y = gates[valid_steps(gates, lengths)]
    return (y < low).mean(axis=0), (y > high).mean(axis=0)


@mistake("padding counted", loses=EVERYTHING, source="padding counted as data, the classic of batched sequences")
def all_steps(gates, lengths, low=0.1, high=0.9):
    return (gates < low).mean((0, 1)), (gates > high).mean((0, 1))


@mistake("divided by all steps", loses=EVERYTHING)
def masked_then_mean(gates, lengths, low=0.1, high=0.9):
    valid = valid_steps(gates, lengths)[..., None]
    return ((gates < low) & valid).mean((0, 1)), ((gates > high) & valid).mean((0, 1))


@mistake("not divided", loses=EVERYTHING)
def counts(gates, lengths, low=0.1, high=0.9):
    y = gates[valid_steps(gates, lengths)]
    return (y < low).sum(axis=0), (y > high).sum(axis=0)


@mistake("mean of means", loses=EVERYTHING)
def sequence_by_sequence(gates, lengths, low=0.1, high=0.9):
    left = [(gates[:n, b] < low).mean(0) for b, n in enumerate(lengths)]
    right = [(gates[:n, b] > high).mean(0) for b, n in enumerate(lengths)]
    return np.mean(left, axis=0), np.mean(right, axis=0)


@mistake("ends exchanged", loses=EVERYTHING)
def right_first(gates, lengths, low=0.1, high=0.9):
    return saturation(gates, lengths, low, high)[::-1]


@mistake("one end for both", loses={"right": 1})
def symmetric(gates, lengths, low=0.1, high=0.9):
    return saturation(gates, lengths, low, 1 - low)


@mistake("always a tenth", loses=EVERYTHING)
def fixed_ends(gates, lengths, low=0.1, high=0.9):
    return saturation(gates, lengths)


@mistake("edges", loses={"edges": 1})
def edges_counted(gates, lengths, low=0.1, high=0.9):
    y = gates[valid_steps(gates, lengths)]
    return (y <= low).mean(axis=0), (y >= high).mean(axis=0)


@mistake("edges", loses={"edges": 1})
def rounded_first(gates, lengths, low=0.1, high=0.9):
    y = gates[valid_steps(gates, lengths)]
    return (y - low < 1e-9).mean(axis=0), (high - y < 1e-9).mean(axis=0)


@mistake("all units together", loses=EVERYTHING)
def one_number_for_all(gates, lengths, low=0.1, high=0.9):
    y = gates[valid_steps(gates, lengths)]
    return (y < low).mean(), (y > high).mean()


@mistake("one step more", loses=EVERYTHING)
def counted_from_one(gates, lengths, low=0.1, high=0.9):
    return saturation(gates, np.minimum(np.asarray(lengths) + 1, len(gates)), low, high)


@mistake("in percent", loses=EVERYTHING)
def percent(gates, lengths, low=0.1, high=0.9):
    return tuple(100 * share for share in saturation(gates, lengths, low, high))


@mistake("the unsaturated", loses=EVERYTHING)
def comparisons_turned_round(gates, lengths, low=0.1, high=0.9):
    y = gates[valid_steps(gates, lengths)]
    return (y > low).mean(axis=0), (y < high).mean(axis=0)


@right()
def in_loops(gates, lengths, low=0.1, high=0.9):
    _, B, H = gates.shape
    left, right, steps = [0] * H, [0] * H, 0
    for b in range(B):
        for t in range(lengths[b]):
            steps += 1
            for k in range(H):
                left[k] += gates[t, b, k] < low
                right[k] += gates[t, b, k] > high
    return [count / steps for count in left], [count / steps for count in right]


@right()
def put_end_to_end(gates, lengths, low=0.1, high=0.9):
    y = np.concatenate([gates[:n, b] for b, n in enumerate(lengths)])
    return {"left": np.mean(y < low, axis=0), "right": np.mean(y > high, axis=0), "steps": len(y)}


@right()
def by_einsum(gates, lengths, low=0.1, high=0.9):
    valid = valid_steps(gates, lengths) / np.sum(lengths)
    return np.einsum("tb,tbh->h", valid, gates < low), np.einsum("tb,tbh->h", valid, gates > high)


@right()
def padding_as_nan(gates, lengths, low=0.1, high=0.9):
    y = np.where(valid_steps(gates, lengths)[..., None], gates, np.nan)
    n = (~np.isnan(y)).sum((0, 1))
    return [(y < low).sum((0, 1)) / n, (y > high).sum((0, 1)) / n]


@right(needs="torch")
def by_torch(gates, lengths, low=0.1, high=0.9):
    import torch

    y = torch.as_tensor(gates)[torch.arange(len(gates))[:, None] < torch.as_tensor(lengths)]
    return (y < low).double().mean(0), (y > high).double().mean(0)


@mistake("padding set to zero", loses={"left": 1})
def masked_by_a_product(gates, lengths, low=0.1, high=0.9):
    y = gates * valid_steps(gates, lengths)[..., None]
    return (y < low).sum((0, 1)) / np.sum(lengths), (y > high).sum((0, 1)) / np.sum(lengths)
