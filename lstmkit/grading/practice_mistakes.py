"""What comes out under the known mistakes of the assignment `practice`: its named wrong outcomes.

A mistake is written as the right formulas with one of them replaced.  A text completes the sentence "this is what comes
out when ...".  Reading the list is reading the solution.

T steps, B sequences, D inputs, H units, N tokens; the arguments are those of the right values in
lstmkit/grading/practice.py.
"""

from itertools import combinations

import numpy as np

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.grading.question import Mistake
from lstmkit.numpy import adam, lengths

CLIP_FORMULAS = {
    "norms": lambda v: np.array([np.sqrt(np.sum(g**2)) for g in v.grads]),
    "length": lambda v: np.sqrt(np.sum(v.norms**2)),
    "scale": lambda v: min(1.0, v.c / v.length),
    "arrays": lambda v: [v.scale * g for g in v.grads],
    "clipped": lambda v: np.concatenate([g.ravel() for g in v.arrays]),
    "norm": lambda v: v.length,
}


def clipped_gradients(c, *grads, **replaced):
    """The clipped gradients (n,), end to end, and the norm."""
    return evaluate(CLIP_FORMULAS, {"grads": grads, "c": c}, ("clipped", "norm"), replaced)


_s = slip(clipped_gradients)
CLIP_GLOBAL_NORM = (
    _s(
        "clipped one by one",
        "each array is clipped at c by itself, which turns the direction: one factor is for all arrays",
        arrays=lambda v: [min(1.0, v.c / norm) * g for norm, g in zip(v.norms, v.grads, strict=True)],
    ),
    _s(
        "clipped by value",
        "each entry is cut at ±c, which turns the direction: the whole gradient is scaled",
        arrays=lambda v: [np.clip(g, -v.c, v.c) for g in v.grads],
    ),
    _s(
        "always scaled",
        "a gradient shorter than c is made longer: below c it stays as it is",
        scale=lambda v: v.c / v.length,
    ),
    _s("never scaled", "the gradients come back as they were: above c they are scaled", scale=lambda v: 1.0),
    _s("always divided", "the gradients are divided by the norm, whatever c is", scale=lambda v: 1 / v.length),
    _s(
        "scaled to length one",
        "the factor is 1 / norm: the length should become c, not one",
        scale=lambda v: min(1.0, 1 / v.length) if v.length > v.c else 1.0,
    ),
    _s(
        "norm after clipping",
        "the norm is that of the clipped gradients: it is the norm before that tells whether training is sound",
        norm=lambda v: min(v.length, v.c),
    ),
    _s("factor returned", "the factor is returned in place of the norm", norm=lambda v: v.scale),
    _s(
        "no root",
        "the sum of the squares is taken for the norm: the root is missing",
        length=lambda v: np.sum(v.norms**2),
    ),
    _s("norms added", "the norms of the arrays are added: add their squares", length=lambda v: np.sum(v.norms)),
    _s("largest norm", "the largest norm of an array is taken for that of all", length=lambda v: np.max(v.norms)),
    _s(
        "largest entry",
        "the largest entry is taken for the norm",
        length=lambda v: max(np.max(np.abs(g)) for g in v.grads),
    ),
    _s(
        "sum of sizes",
        "absolute values are added: the norm is the root of a sum of squares",
        length=lambda v: sum(np.sum(np.abs(g)) for g in v.grads),
    ),
    _s(
        "mean square",
        "the squares are averaged: the norm is the root of their sum",
        length=lambda v: np.sqrt(np.sum(v.norms**2) / sum(g.size for g in v.grads)),
    ),
    _s("last array only", "the norm is that of the last array: add up over all arrays", length=lambda v: v.norms[-1]),
    _s("first array only", "the norm is that of the first array: add up over all arrays", length=lambda v: v.norms[0]),
    _s(
        "largest norm decides",
        "an array that is by itself above c decides whether all are scaled: the norm of all together has to",
        scale=lambda v: min(1.0, v.c / v.length) if np.max(v.norms) > v.c else 1.0,
    ),
    _s(
        "clipped to the inverse",
        "the factor is norm / c: it makes a long gradient longer",
        scale=lambda v: v.length / v.c if v.length > v.c else 1.0,
    ),
)

PAD_FORMULAS = {
    "steps": lambda v: np.array([len(sequence) for sequence in v.sequences]),
    "pad": lambda v: 0.0,
    "longest": lambda v: v.steps.max(),
    "rows": lambda v: [
        np.concatenate([s[: v.longest], np.full((max(v.longest - len(s), 0), s.shape[1]), v.pad)]) for s in v.sequences
    ],
    "X": lambda v: np.stack(v.rows, axis=1),
    "mask": lambda v: lengths.mask(np.minimum(v.steps, v.longest), v.longest).astype(float),
    "masked_loss": lambda v: v.loss[v.valid].sum() / v.valid.sum(),
    "last": lambda v: v.valid.sum(axis=0) - 1,
    "last_valid": lambda v: v.hs[v.last, np.arange(v.hs.shape[1])],
}


def padded(loss, valid, hs, *sequences, **replaced):
    """X (T, B, D), mask (T, B), the mean loss and the last valid steps (B, H)."""
    given = {"loss": loss, "valid": valid, "hs": hs, "sequences": sequences}
    return evaluate(PAD_FORMULAS, given, ("X", "mask", "masked_loss", "last_valid"), replaced)


_s = slip(padded)
PAD_AND_MASK = (
    _s("X batch first", "X is (B, T, D): time comes first", X=lambda v: np.stack(v.rows)),
    _s(
        "padded in front",
        "the padding stands in front: the sequences begin at step 0",
        X=lambda v: np.stack([np.roll(r, len(r) - n, axis=0) for r, n in zip(v.rows, v.steps, strict=True)], axis=1),
    ),
    _s(
        "cut to the shortest",
        "all sequences are cut to the shortest: pad to the longest",
        longest=lambda v: v.steps.min(),
    ),
    _s("last step repeated", "the padding repeats the last step: it is zero", X=lambda v: _edge_padded(v)),
    _s("padded with ones", "the padding is one: it is zero", pad=lambda v: 1.0),
    _s("padded with minus one", "the padding is -1: it is zero", pad=lambda v: -1.0),
    _s("padded with NaN", "the padding is NaN: it is zero", pad=lambda v: np.nan),
    _s("mask batch first", "the mask is (B, T): time comes first", mask=lambda v: lengths.mask(v.steps, v.longest).T),
    _s(
        "mask inverted",
        "the mask is true on the padding: it is true where a step is real",
        mask=lambda v: ~lengths.mask(v.steps, v.longest),
    ),
    _s(
        "mask from the values",
        "the mask is where X is not zero: a reading of zero is real too, so go by the lengths",
        mask=lambda v: np.any(v.X != 0, axis=2),
    ),
    _s(
        "mask one step long",
        "the mask reaches one step too far: t < length, not t <= length",
        mask=lambda v: np.arange(v.longest)[:, None] <= v.steps,
    ),
    _s(
        "mask one step short",
        "the mask ends one step early: the last real step is step length - 1, and it counts",
        mask=lambda v: np.arange(v.longest)[:, None] < v.steps - 1,
    ),
    _s("mask all true", "the mask is true everywhere", mask=lambda v: np.ones(v.X.shape[:2])),
    _s(
        "padding in the loss",
        "the mean is taken over everything, padding included: the mask is not used",
        masked_loss=lambda v: v.loss.mean(),
    ),
    _s(
        "divided by all steps",
        "the padding is left out of the sum but counted in the number, so more padding makes the loss smaller: divide "
        "by the number of valid steps",
        masked_loss=lambda v: v.loss[v.valid].sum() / v.loss.size,
    ),
    _s(
        "not divided",
        "the sum is returned: divide by the number of valid steps",
        masked_loss=lambda v: v.loss[v.valid].sum(),
    ),
    _s(
        "divided by the batch",
        "the sum is divided by B: divide by the number of valid steps",
        masked_loss=lambda v: v.loss[v.valid].sum() / v.loss.shape[1],
    ),
    _s(
        "divided by T",
        "the sum is divided by T: divide by the number of valid steps",
        masked_loss=lambda v: v.loss[v.valid].sum() / v.loss.shape[0],
    ),
    _s(
        "mean of means",
        "each sequence is averaged by itself, so that a step of a short one weighs more: one mean over all valid steps",
        masked_loss=lambda v: (np.where(v.valid, v.loss, 0).sum(axis=0) / v.valid.sum(axis=0)).mean(),
    ),
    _s(
        "mean of the steps",
        "each step is averaged over the batch by itself: one mean over all valid steps",
        masked_loss=lambda v: np.nanmean(
            np.where(v.valid.any(axis=1), np.where(v.valid, v.loss, 0).sum(axis=1), np.nan)
            / np.maximum(v.valid.sum(axis=1), 1)
        ),
    ),
    _s(
        "mean over the padding",
        "the loss is averaged where the mask is false",
        masked_loss=lambda v: v.loss[~v.valid].sum() / np.sum(~v.valid),
    ),
    _s(
        "last row",
        "the last row is taken: behind a short sequence that is padding",
        last_valid=lambda v: v.hs[-1],
    ),
    _s(
        "first padding row",
        "the row behind the last valid one is taken: the last valid step is step length - 1",
        last=lambda v: np.minimum(v.valid.sum(axis=0), len(v.hs) - 1),
    ),
    _s("one step early", "the row before the last valid one is taken", last=lambda v: v.valid.sum(axis=0) - 2),
    _s(
        "mean of the valid rows",
        "the valid rows are averaged: take the last one of each sequence",
        last_valid=lambda v: np.where(v.valid[..., None], v.hs, 0).sum(axis=0) / v.valid.sum(axis=0)[:, None],
    ),
    _s(
        "rows in another order",
        "the rows that a mask chooses are taken to lie sequence by sequence: hs[mask] goes step by step",
        last_valid=lambda v: v.hs[v.valid][np.cumsum(v.valid.sum(axis=0)) - 1],
    ),
    _s(
        "one row for all",
        "the last valid row of the longest sequence is taken for all: each has an end of its own",
        last_valid=lambda v: v.hs[v.valid.sum(axis=0).max() - 1],
    ),
)


def _edge_padded(v):
    return np.stack([np.concatenate([s, np.repeat(s[-1:], v.longest - len(s), axis=0)]) for s in v.sequences], axis=1)


TBPTT_FORMULAS = {
    "n": lambda v: (len(v.tokens) - 1) // v.B,
    "table": lambda v: lambda tokens: tokens[: v.B * v.n].reshape(v.B, v.n).T,
    "X": lambda v: v.table(v.tokens),
    "Y": lambda v: v.table(v.tokens[1:]),
    "starts": lambda v: range(0, v.n, v.k),
    "stops": lambda v: [min(t + v.k, v.n) for t in v.starts],
    "cut": lambda v: lambda table: [table[a:b] for a, b in zip(v.starts, v.stops, strict=True)],
    "xs": lambda v: v.cut(v.X),
    "ys": lambda v: v.cut(v.Y),
    "inputs": lambda v: np.concatenate(v.xs),
    "targets": lambda v: np.concatenate(v.ys),
    "pieces": lambda v: np.array([len(x) for x in v.xs]),
}


def cut_text(tokens, B, k, **replaced):
    """inputs and targets (n, B), put end to end, and the length of each piece."""
    return evaluate(TBPTT_FORMULAS, {"tokens": tokens, "B": B, "k": k}, ("inputs", "targets", "pieces"), replaced)


def _whole_pieces(v):
    return range(0, v.n // v.k * v.k, v.k) if v.n >= v.k else range(0, 1, v.k)


def _one_after_the_other(v):
    """Piece j holds pieces j B to j B + B - 1 of the text, side by side."""
    count = max((len(v.tokens) - 1) // (v.B * v.k), 1)
    size = min(v.k, v.n)
    return lambda tokens: tokens[: count * v.B * size].reshape(count, v.B, size).transpose(0, 2, 1).reshape(-1, v.B)


_s = slip(cut_text)
TBPTT_BATCHES = (
    _s(
        "targets are inputs",
        "the targets are the inputs: each target is the token behind its input",
        Y=lambda v: v.X,
    ),
    _s(
        "targets one token early",
        "the targets lie before their inputs: shift the other way",
        Y=lambda v: v.table(np.roll(v.tokens, 1)),
    ),
    _s(
        "targets end with the piece",
        "the last target of a piece is taken from its beginning (np.roll): it is the first input of the next piece",
        ys=lambda v: [np.roll(x, -1, axis=0) for x in v.xs],
    ),
    _s(
        "targets end with the stream",
        "the last target of a stream is taken from its beginning: it is the next token of the text",
        Y=lambda v: np.roll(v.X, -1, axis=0),
    ),
    _s(
        "last piece dropped",
        "the last, shorter piece is dropped: it can be used too",
        starts=_whole_pieces,
    ),
    _s(
        "a step too few",
        "each stream is one step short: N tokens have N - 1 targets, so n = (N - 1) // B",
        n=lambda v: (len(v.tokens) - v.B) // v.B,
    ),
    _s(
        "no target for the last",
        "each stream has N // B tokens: the last of the text has no target, so n = (N - 1) // B",
        n=lambda v: len(v.tokens) // v.B,
        Y=lambda v: v.table(np.roll(v.tokens, -1)),
    ),
    _s(
        "target token lost at each border",
        "pieces of k + 1 tokens are cut end to end, so that the last token of each is never an input: pieces share it",
        starts=lambda v: range(0, v.n, v.k + 1),
    ),
    _s(
        "streams interleaved",
        "neighbours in the text stand side by side in a batch: each column should be one long stream",
        table=lambda v: lambda tokens: tokens[: v.B * v.n].reshape(v.n, v.B),
    ),
    _s(
        "pieces handed out in turn",
        "the pieces of the text are handed out to the columns in turn, so that column b of the next batch does not "
        "go on where column b ended: cut into B streams first",
        table=_one_after_the_other,
        starts=lambda v: range(0, len(v.X), v.k),
        stops=lambda v: [min(t + v.k, len(v.X)) for t in v.starts],
    ),
    _s(
        "windows overlap",
        "a piece begins at every step: they follow each other, k apart",
        starts=lambda v: range(0, max(v.n - v.k + 1, 1)),
    ),
    _s(
        "streams from the front",
        "the streams begin one token apart instead of n apart",
        table=lambda v: lambda tokens: np.stack([np.roll(tokens, -b)[: v.n] for b in range(v.B)], axis=1),
    ),
)

PLAN_FORMULAS = {
    "loss": lambda v: np.log(v.V),
    "bias": lambda v: np.log(v.memory - 1),
    "n": lambda v: (v.N - 1) // v.B,
    "updates": lambda v: float(np.ceil(v.n / v.k)),
    "alive": lambda v: (1 - v.p) ** v.T,
}
PLAN = ("V", "N", "B", "k", "memory", "p", "T")


def planned(*args, **replaced):
    """The four numbers of a plan."""
    given = dict(zip(PLAN, args, strict=True))
    return evaluate(PLAN_FORMULAS, given, ("loss", "bias", "updates", "alive"), replaced)


_s = slip(planned)
BEFORE_THE_RUN = (
    _s("loss in bits", "the loss is in bits: nats have the natural logarithm", loss=lambda v: np.log2(v.V)),
    _s(
        "probability for loss",
        "the loss is 1 / V: that is the probability, the loss is -ln of it",
        loss=lambda v: 1 / v.V,
    ),
    _s("perplexity for loss", "the loss is V: that is the perplexity, the loss is its logarithm", loss=lambda v: v.V),
    _s("decimal logarithm", "the loss has the logarithm of base ten", loss=lambda v: np.log10(v.V)),
    _s("negative loss", "the loss is negative: it is -ln of the probability", loss=lambda v: -np.log(v.V)),
    _s(
        "bias of a half-life",
        "the bias is that of a half-life: a time constant 1 / (1 - f) is asked for",
        bias=lambda v: -np.log(np.expm1(np.log(2) / v.memory)),
    ),
    _s(
        "gate for bias",
        "the bias is the gate itself: it is the number whose σ the gate is",
        bias=lambda v: 1 - 1 / v.memory,
    ),
    _s(
        "sign of the bias",
        "the bias has the wrong sign: the gate would be closed",
        bias=lambda v: -np.log(v.memory - 1),
    ),
    _s("rounded down", "the last, shorter piece is not counted: it makes an update too", updates=lambda v: v.n // v.k),
    _s(
        "updates for each stream",
        "each stream is counted by itself: B streams make one update together",
        updates=lambda v: float(np.ceil(v.n / v.k)) * v.B,
    ),
    _s(
        "updates of one stream",
        "the text is read in one stream: it is cut into B",
        updates=lambda v: float(np.ceil((v.N - 1) / v.k)),
    ),
    _s("updates are steps", "the steps are counted: an update comes after each piece", updates=lambda v: v.n),
    _s(
        "share dropped",
        "the share that is dropped at some step is given: asked is what is left",
        alive=lambda v: 1 - (1 - v.p) ** v.T,
    ),
    _s("one draw", "one draw is made: with a mask a step a unit has to survive T of them", alive=lambda v: 1 - v.p),
    _s("dropped at each", "p to the power of T is the share that is dropped at every step", alive=lambda v: v.p**v.T),
    _s("straight line", "1 - p T is taken: each draw takes a share of what is left", alive=lambda v: 1 - v.p * v.T),
)

FAULTS = {
    "not reset": "gradients add up over the steps",
    "clipped too late": "the gradient is clipped after the update, where it does nothing, or not at all",
    "rate too early": "the learning rate shrinks before the step, so the first step is too small already",
    "state carried over": "the state of one sequence is carried into the next",
}


def trained(w, lr, c, decay, *pieces, gradient, faults=(), late=False):
    """w (3,) after the first piece and after all, with some of the FAULTS left in."""
    total, h, after = np.zeros_like(w), 0.0, []
    for x, begins in zip(pieces[::2], pieces[1::2], strict=True):
        if begins and "state carried over" not in faults:
            h = 0.0
        g, h = gradient(w, x, h)
        total = total + g if "not reset" in faults else g
        lr_now = lr * decay if "rate too early" in faults else lr
        (step,), _ = adam.clip_by_norm([total], c)
        w = w - lr_now * (total if "clipped too late" in faults else step)
        total = step  # what the broken loop goes on with, where nothing is reset
        lr = lr if late and len(after) == 0 else lr * decay
        after.append(w)
    return {"one step": after[0], "whole run": after[-1]}


def _trained_by_sequence(w, lr, c, decay, *pieces, gradient, adds):
    """As trained, but where a sequence begins the sum of its gradients is reset, or else the learning rate is."""
    h, after = 0.0, []
    for x, begins in zip(pieces[::2], pieces[1::2], strict=True):
        if begins:
            total, h, place = np.zeros_like(w), 0.0, 0
        g, h = gradient(w, x, h)
        total = total + g
        (step,), _ = adam.clip_by_norm([total if adds else g], c)
        w = w - lr * decay ** (len(after) if adds else place) * step
        place += 1
        after.append(w)
    return {"one step": after[0], "whole run": after[-1]}


def train_mistakes(gradient):
    """Every choice of faults that may be left, from one to all four."""

    def left(faults):
        return lambda *args: trained(*args, gradient=gradient, faults=faults)

    chosen = [faults for count in range(1, len(FAULTS) + 1) for faults in combinations(FAULTS, count)]
    others = (
        Mistake(
            "rate never shrinks",
            "the learning rate stays as it was: it is multiplied by decay after each step",
            lambda w, lr, c, decay, *pieces: trained(w, lr, c, 1.0, *pieces, gradient=gradient),
        ),
        Mistake(
            "state always reset",
            "the state is set to zero before every piece: only where a sequence begins",
            lambda w, lr, c, decay, *pieces: trained(
                w, lr, c, decay, *[True if k % 2 else x for k, x in enumerate(pieces)], gradient=gradient
            ),
        ),
        Mistake(
            "reset with the sequence",
            "gradients add up over the pieces of a sequence: a step uses that of its own piece alone",
            lambda *args: _trained_by_sequence(*args, gradient=gradient, adds=True),
        ),
        Mistake(
            "rate begins anew",
            "the learning rate begins anew with each sequence: the steps are counted over the whole run",
            lambda *args: _trained_by_sequence(*args, gradient=gradient, adds=False),
        ),
        Mistake(
            "rate too late",
            "the second step has the learning rate of the first: step number n has decay to the power of n",
            lambda w, lr, c, decay, *pieces: trained(w, lr, c, decay, *pieces, gradient=gradient, late=True),
        ),
        Mistake(
            "uphill",
            "the step is added: it goes against the gradient",
            lambda w, lr, *rest: trained(w, -lr, *rest, gradient=gradient),
        ),
    )
    # Of several one is named: the next run names the next.
    many = ("", *(f"{count} faults are left; of the first of them: " for count in ("two", "three", "all four")))
    return (
        *(Mistake(" + ".join(faults), many[len(faults) - 1] + FAULTS[faults[0]], left(faults)) for faults in chosen),
        *others,
    )


def _pairs(args):
    return list(zip(args[::2], args[1::2], strict=True))


PERPLEXITY_FORMULAS = {
    "sums": lambda v: np.array([loss[mask].sum() for loss, mask in v.batches]),
    "counts": lambda v: np.array([mask.sum() for _, mask in v.batches]),
    "nats": lambda v: v.sums.sum() / v.counts.sum(),
    "perplexity": lambda v: np.exp(v.nats),
    "bits": lambda v: v.nats / np.log(2),
}


def per_token(*args, **replaced):
    """The perplexity and the bits a token."""
    return evaluate(PERPLEXITY_FORMULAS, {"batches": _pairs(args)}, ("perplexity", "bits"), replaced)


_s = slip(per_token)
PERPLEXITY = (
    _s(
        "mean of batch means",
        "the means of the batches are averaged: a token of a small batch then weighs more",
        nats=lambda v: np.mean(v.sums / v.counts),
    ),
    _s(
        "mean of perplexities",
        "the perplexities of the batches are averaged: average the losses, then take the exponential",
        perplexity=lambda v: np.mean(np.exp(v.sums / v.counts)),
    ),
    _s(
        "mean of exponentials",
        "the exponential of each loss is averaged: the exponential comes after the mean",
        perplexity=lambda v: np.mean(np.concatenate([np.exp(loss[mask]) for loss, mask in v.batches])),
    ),
    _s(
        "exp of the sum",
        "the losses are summed and not divided: it is e to the mean a token",
        nats=lambda v: v.sums.sum(),
    ),
    _s(
        "padding counted",
        "the padding is counted, in the sum and in the number",
        sums=lambda v: np.array([loss.sum() for loss, _ in v.batches]),
        counts=lambda v: np.array([loss.size for loss, _ in v.batches]),
    ),
    _s(
        "divided by all steps",
        "the sum of the valid losses is divided by the number of all steps, padding included",
        counts=lambda v: np.array([loss.size for loss, _ in v.batches]),
    ),
    _s("a batch each", "the sum is divided by the number of batches", nats=lambda v: v.sums.sum() / len(v.batches)),
    _s("two to the nats", "two is raised to nats: the base is e", perplexity=lambda v: 2**v.nats),
    _s("bits are nats", "the bits are nats: divide by ln 2", bits=lambda v: v.nats),
    _s("bits multiplied", "the nats are multiplied by ln 2: divide", bits=lambda v: v.nats * np.log(2)),
    _s("log2 of nats", "the logarithm of the mean is taken: divide the nats by ln 2", bits=lambda v: np.log2(v.nats)),
    _s("last batch only", "only the last batch counts", nats=lambda v: v.sums[-1] / v.counts[-1]),
    _s("decimal digits", "the nats are divided by ln 10: bits have base 2", bits=lambda v: v.nats / np.log(10)),
)
