"""Question 6, the repaired loop `train`: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right

WHOLE = {"whole run": 1}
BOTH = {"one step": 1, "whole run": 1, "arguments unchanged": 1}


def clip_global_norm(grads, c):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return [g * min(1, c / norm) if norm > 0 else g for g in grads], norm


@mistake("not reset + clipped too late + rate too early + state carried over", loses=EVERYTHING)
def nothing_repaired(w, pieces, gradient, lr, c, decay):
    total, h = np.zeros_like(w), 0.0
    for x, _begins in pieces:
        g, h = gradient(w, x, h)
        total += g
        lr *= decay
        w -= lr * total
        (total,), _norm = clip_global_norm([total], c)
    return w


@mistake("not reset", loses=WHOLE, source="chapter practice, Common mistakes: gradients not reset")
def still_adding_up(w, pieces, gradient, lr, c, decay):
    total, h = np.zeros_like(w), 0.0
    for x, begins in pieces:
        if begins:
            h = 0.0
        g, h = gradient(w, x, h)
        total = total + g
        (total,), _norm = clip_global_norm([total], c)
        w = w - lr * total
        lr *= decay
    return w


@mistake("reset with the sequence", loses=WHOLE)
def reset_where_a_sequence_begins(w, pieces, gradient, lr, c, decay):
    for n, (x, begins) in enumerate(pieces):
        if begins:
            total, h = 0, 0.0
        g, h = gradient(w, x, h)
        total = total + g
        w = w - lr * decay**n * clip_global_norm([total], c)[0][0]
    return w


@mistake("rate begins anew", loses=WHOLE)
def counted_within_the_sequence(w, pieces, gradient, lr, c, decay):
    for x, begins in pieces:
        if begins:
            h, n = 0.0, 0
        g, h = gradient(w, x, h)
        w, n = w - lr * decay**n * clip_global_norm([g], c)[0][0], n + 1
    return w


@mistake("rate too late", loses=WHOLE)
def decay_from_the_third_step_on(w, pieces, gradient, lr, c, decay):
    for n, (x, begins) in enumerate(pieces):
        if begins:
            h = 0.0
        g, h = gradient(w, x, h)
        w = w - lr * decay ** max(n - 1, 0) * clip_global_norm([g], c)[0][0]
    return w


@mistake("clipped too late", loses=BOTH, source="chapter practice, Common mistakes: clipping after the step")
def clip_behind_the_step(w, pieces, gradient, lr, c, decay):
    h = 0.0
    for x, begins in pieces:
        if begins:
            h = 0.0
        g, h = gradient(w, x, h)
        w = w - lr * g
        (g,), _norm = clip_global_norm([g], c)
        lr *= decay
    return w


@mistake(
    "rate too early",
    loses=BOTH,
    source="torch warns: call optimizer.step() before lr_scheduler.step()",
)
def scheduler_first(w, pieces, gradient, lr, c, decay):
    h = 0.0
    for x, begins in pieces:
        h = 0.0 if begins else h
        g, h = gradient(w, x, h)
        (g,), _ = clip_global_norm([g], c)
        lr *= decay
        w = w - lr * g
    return w


@mistake("state carried over", loses=WHOLE)
def one_endless_stream(w, pieces, gradient, lr, c, decay):
    h = 0.0
    for x, _ in pieces:
        g, h = gradient(w, x, h)
        (g,), _ = clip_global_norm([g], c)
        w = w - lr * g
        lr *= decay
    return w


@mistake("not reset + state carried over", loses=WHOLE)
def the_step_alone_repaired(w, pieces, gradient, lr, c, decay):
    total, h = np.zeros_like(w), 0.0
    for x, _begins in pieces:
        g, h = gradient(w, x, h)
        total += g
        (total,), _norm = clip_global_norm([total], c)
        w = w - lr * total
        lr *= decay
    return w


@mistake("clipped too late + rate too early", loses=BOTH)
def the_memory_alone_repaired(w, pieces, gradient, lr, c, decay):
    h = 0.0
    for x, begins in pieces:
        if begins:
            h = 0.0
        g, h = gradient(w, x, h)
        lr *= decay
        w = w - lr * g
        (g,), _norm = clip_global_norm([g], c)
    return w


@mistake("state always reset", loses=WHOLE)
def zero_before_each_piece(w, pieces, gradient, lr, c, decay):
    for x, _ in pieces:
        (g,), _ = clip_global_norm([gradient(w, x, 0.0)[0]], c)
        w = w - lr * g
        lr *= decay
    return w


@mistake("rate never shrinks", loses=WHOLE)
def constant_rate(w, pieces, gradient, lr, c, decay):
    for x, begins in pieces:
        h = 0.0 if begins else h  # noqa: F821 - the first piece begins a sequence
        g, h = gradient(w, x, h)
        (g,), _ = clip_global_norm([g], c)
        w = w - lr * g
    return w


@mistake("argument modified", loses={"arguments unchanged": 1})
def weights_overwritten(w, pieces, gradient, lr, c, decay):
    h = 0.0
    for x, begins in pieces:
        if begins:
            h = 0.0
        g, h = gradient(w, x, h)
        (g,), _ = clip_global_norm([g], c)
        w -= lr * g
        lr *= decay
    return w


@right()
def repaired(w, pieces, gradient, lr, c, decay):
    for x, begins in pieces:
        if begins:
            h = 0.0
        g, h = gradient(w, x, h)
        (g,), _norm = clip_global_norm([g], c)
        w = w - lr * g
        lr = lr * decay
    return w


@right()
def repaired_line_by_line(w, pieces, gradient, lr, c, decay):
    w, h = w.copy(), 0.0
    for x, begins in pieces:
        total = np.zeros_like(w)
        h = h * (not begins)
        g, h = gradient(w, x, h)
        total += g
        (total,), _norm = clip_global_norm([total], c)
        w -= lr * total
        lr *= decay
    return w


@right()
def counted_steps(w, pieces, gradient, lr, c, decay):
    state = None
    for n, (x, begins) in enumerate(pieces):
        grad, state = gradient(w, x, 0.0 if begins else state)
        length = np.linalg.norm(grad)
        w = w - lr * decay**n * grad * min(1.0, c / length)
    return list(w)


@right()
def recursive(w, pieces, gradient, lr, c, decay, h=0.0):
    if not pieces:
        return w
    (x, begins), *rest = pieces
    g, h = gradient(w, x, 0.0 if begins else h)
    w = w - lr * clip_global_norm([g], c)[0][0]
    return recursive(w, rest, gradient, lr * decay, c, decay, h)
