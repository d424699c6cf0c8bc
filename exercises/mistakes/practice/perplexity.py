"""The extra question, perplexity: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def masked_loss(loss, mask):
    return loss[mask].mean()


def both(nats):
    return np.exp(nats), nats / np.log(2)


@mistake("mean of batch means", loses=EVERYTHING)
def batch_by_batch(batches):
    return both(np.mean([masked_loss(loss, mask) for loss, mask in batches]))


@mistake("mean of perplexities", loses={"perplexity": 1})
def perplexities_averaged(batches):
    nats = np.concatenate([loss[mask] for loss, mask in batches]).mean()
    return np.mean([np.exp(loss[mask].mean()) for loss, mask in batches]), nats / np.log(2)


@mistake("mean of exponentials", loses={"perplexity": 1})
def exponential_too_early(batches):
    losses = np.concatenate([loss[mask] for loss, mask in batches])
    return np.exp(losses).mean(), losses.mean() / np.log(2)


@mistake("exp of the sum", loses=EVERYTHING, source="chapter practice, Common mistakes: e to the summed loss")
def summed(batches):
    return both(sum(loss[mask].sum() for loss, mask in batches))


@mistake("padding counted", loses=EVERYTHING)
def masks_ignored(batches):
    return both(np.concatenate([loss.ravel() for loss, mask in batches]).mean())


@mistake("divided by all steps", loses=EVERYTHING)
def counted_too_many(batches):
    return both(sum(loss[mask].sum() for loss, mask in batches) / sum(mask.size for _, mask in batches))


@mistake("two to the nats", loses={"perplexity": 1})
def wrong_base(batches):
    nats = np.concatenate([loss[mask] for loss, mask in batches]).mean()
    return 2**nats, nats / np.log(2)


@mistake("bits are nats", loses={"bits": 1})
def nats_twice(batches):
    nats = np.concatenate([loss[mask] for loss, mask in batches]).mean()
    return np.exp(nats), nats


@mistake("bits multiplied", loses={"bits": 1})
def turned_round(batches):
    nats = np.concatenate([loss[mask] for loss, mask in batches]).mean()
    return np.exp(nats), nats * np.log(2)


@mistake("whatever stands on the padding", loses={"any padding": 1})
def multiplied_by_the_mask(batches):
    return both(sum((loss * mask).sum() for loss, mask in batches) / sum(mask.sum() for _, mask in batches))


@mistake("last batch only", loses=EVERYTHING)
def overwritten(batches):
    for loss, mask in batches:
        nats = loss[mask].mean()
    return both(nats)


@right()
def all_tokens_in_one(batches):
    return both(np.concatenate([loss[mask] for loss, mask in batches]).mean())


@right()
def running_sums(batches):
    total, count = 0.0, 0
    for loss, mask in batches:
        total += np.where(mask, loss, 0).sum(dtype=float)
        count += int(mask.sum())
    return np.exp(total / count), np.log2(np.e) * total / count


@right()
def weighted_means(batches):
    means = [masked_loss(loss, mask) for loss, mask in batches]
    nats = np.average(means, weights=[mask.sum() for _, mask in batches])
    return {"perplexity": float(np.exp(nats)), "bits": float(np.log2(np.exp(nats)))}


@right()
def plain_python(batches):
    import math

    losses = [float(loss[t, b]) for loss, mask in batches for t, b in np.ndindex(mask.shape) if mask[t, b]]
    nats = math.fsum(losses) / len(losses)
    return [math.exp(nats), nats / math.log(2)]


@right(needs="torch")
def in_torch(batches):
    import torch

    losses = torch.cat([torch.from_numpy(loss)[torch.from_numpy(mask)] for loss, mask in batches])
    return losses.mean().exp(), losses.mean() / np.log(2)
