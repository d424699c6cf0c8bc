"""Question 12, lean_backward: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def segment_back(step, step_backward, d_hs, d, x, state, weights, steps):
    """d_x of the steps, the gradient at their first state, and at the weights."""
    caches, d_x, total = [], [], None
    for t in steps:
        *state, cache = step(x[t], *state, *weights)
        caches.append(cache)
    for t in reversed(steps):
        d_x_t, *d, d_W_x, d_W_h, d_b = step_backward(d[0] + d_hs[t], d[1], caches.pop())
        d_x.insert(0, d_x_t)
        new = d_W_x, d_W_h, d_b
        total = new if total is None else [a + b for a, b in zip(total, new, strict=True)]
    return d_x, d, total


def states_of(step, x, first, weights, every):
    states, state = {}, first
    for t in range(len(x)):
        if t % every == 0:
            states[t] = state
        state = step(x[t], *state, *weights)[:2]
    return states


@right()
def lean_backward(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, d, total = [], d_last, [0, 0, 0]
    for start, state in reversed(states_of(step, x, first, weights, every).items()):
        steps = range(start, min(start + every, len(x)))
        new_x, d, new = segment_back(step, step_backward, d_hs, d, x, state, weights, steps)
        d_x = new_x + d_x
        total = [a + b for a, b in zip(total, new, strict=True)]
    return np.array(d_x), *d, *total


@mistake("segments cut off", loses=EVERYTHING)
def truncated(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, d, total = [], d_last, [0, 0, 0]
    for start, state in reversed(states_of(step, x, first, weights, every).items()):
        steps = range(start, min(start + every, len(x)))
        nothing = [np.zeros_like(array) for array in d]
        new_x, d, new = segment_back(step, step_backward, d_hs, nothing, x, state, weights, steps)
        d_x = new_x + d_x
        total = [a + b for a, b in zip(total, new, strict=True)]
    return np.array(d_x), *d, *total


@mistake("last gradient for every segment", loses=EVERYTHING)
def every_segment_is_the_last(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, total = [], [0, 0, 0]
    for start, state in reversed(states_of(step, x, first, weights, every).items()):
        steps = range(start, min(start + every, len(x)))
        new_x, d, new = segment_back(step, step_backward, d_hs, d_last, x, state, weights, steps)
        d_x = new_x + d_x
        total = [a + b for a, b in zip(total, new, strict=True)]
    return np.array(d_x), *d, *total


@mistake("restart from the first state", loses=EVERYTHING)
def no_states_kept(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, d, total = [], d_last, [0, 0, 0]
    for start in reversed(range(0, len(x), every)):
        steps = range(start, min(start + every, len(x)))
        new_x, d, new = segment_back(step, step_backward, d_hs, d, x, first, weights, steps)
        d_x = new_x + d_x
        total = [a + b for a, b in zip(total, new, strict=True)]
    return np.array(d_x), *d, *total


@mistake("state after the step", loses=EVERYTHING)
def kept_one_line_too_late(step, step_backward, d_hs, d_last, x, first, weights, every):
    states, state = {}, first
    for t in range(len(x)):
        state = step(x[t], *state, *weights)[:2]
        if t % every == 0:
            states[t] = state
    d_x, d, total = [], d_last, [0, 0, 0]
    for start in sorted(states, reverse=True):
        steps = range(start, min(start + every, len(x)))
        new_x, d, new = segment_back(step, step_backward, d_hs, d, x, states[start], weights, steps)
        d_x = new_x + d_x
        total = [a + b for a, b in zip(total, new, strict=True)]
    return np.array(d_x), *d, *total


@mistake("d_hs by place in the segment", loses=EVERYTHING)
def counts_from_zero(step, step_backward, d_hs, d_last, x, first, weights, every):
    T = len(x)
    again = np.array([d_hs[t % every] for t in range(T)])
    return lean_backward(step, step_backward, again, d_last, x, first, weights, every)


@mistake("rest left out", loses={"gradients": 1, "few caches alive": 1, "each step twice": 1})
def whole_segments_only(step, step_backward, d_hs, d_last, x, first, weights, every):
    n = len(x) // every * every
    d_x = np.zeros_like(x)
    if n == 0:
        return d_x, *d_last, *(np.zeros_like(weight) for weight in weights)
    d_x[:n], *rest = lean_backward(step, step_backward, d_hs[:n], d_last, x[:n], first, weights, every)
    return d_x, *rest


@mistake("weights of one segment", loses=EVERYTHING)
def overwritten(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, d = [], d_last
    for start, state in reversed(states_of(step, x, first, weights, every).items()):
        steps = range(start, min(start + every, len(x)))
        new_x, d, total = segment_back(step, step_backward, d_hs, d, x, state, weights, steps)
        d_x = new_x + d_x
    return np.array(d_x), *d, *total


@mistake("segments of d_x in the order of the loop", loses=EVERYTHING)
def segments_joined_as_they_come(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, *rest = lean_backward(step, step_backward, d_hs, d_last, x, first, weights, every)
    pieces = [d_x[n : n + every] for n in range(0, len(x), every)]
    return np.concatenate(pieces[::-1]), *rest


@mistake("d_x reversed", loses=EVERYTHING)
def steps_appended_as_they_come(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, *rest = lean_backward(step, step_backward, d_hs, d_last, x, first, weights, every)
    return d_x[::-1], *rest


@mistake("d_hs left out", loses=EVERYTHING)
def last_loss_only(step, step_backward, d_hs, d_last, x, first, weights, every):
    return lean_backward(step, step_backward, 0 * d_hs, d_last, x, first, weights, every)


@mistake("last gradient left out", loses=EVERYTHING)
def starts_with_nothing(step, step_backward, d_hs, d_last, x, first, weights, every):
    return lean_backward(step, step_backward, d_hs, (0 * d_last[0], 0 * d_last[1]), x, first, weights, every)


@mistake("memory", loses={"few caches alive": 1})
def question_5_again(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, d, total = segment_back(step, step_backward, d_hs, d_last, x, first, weights, range(len(x)))
    return np.array(d_x), *d, *total


@mistake("memory", loses={"few caches alive": 1})
def all_states_kept(step, step_backward, d_hs, d_last, x, first, weights, every):
    return lean_backward(step, step_backward, d_hs, d_last, x, first, weights, 1)


@mistake("work", loses={"each step twice": 1})
def always_from_the_start(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, d, total = [], d_last, [0, 0, 0]
    for start in reversed(range(0, len(x), every)):
        state = first
        for t in range(start):
            state = step(x[t], *state, *weights)[:2]
        steps = range(start, min(start + every, len(x)))
        new_x, d, new = segment_back(step, step_backward, d_hs, d, x, state, weights, steps)
        d_x = new_x + d_x
        total = [a + b for a, b in zip(total, new, strict=True)]
    return np.array(d_x), *d, *total


@mistake("shape", loses=EVERYTHING)
def batch_and_time_exchanged(step, step_backward, d_hs, d_last, x, first, weights, every):
    d_x, *rest = lean_backward(step, step_backward, d_hs, d_last, x, first, weights, every)
    return d_x.transpose(1, 0, 2), *rest


@right()
def recursive(step, step_backward, d_hs, d_last, x, first, weights, every):
    """The later segments first, by calling itself with the state after this one."""
    if len(x) <= every:
        d_x, d, total = segment_back(step, step_backward, d_hs, d_last, x, first, weights, range(len(x)))
        return np.array(d_x), *d, *total
    state = first
    for t in range(every):
        state = step(x[t], *state, *weights)[:2]
    later, *d, W_x, W_h, b = recursive(step, step_backward, d_hs[every:], d_last, x[every:], state, weights, every)
    d_x, d, new = segment_back(step, step_backward, d_hs, d, x, first, weights, range(every))
    return np.concatenate([d_x, later]), *d, *(a + n for a, n in zip((W_x, W_h, b), new, strict=True))


@right()
def in_arrays(step, step_backward, d_hs, d_last, x, first, weights, every):
    T = len(x)
    kept_h, kept_c = (np.zeros((-(-T // every), *array.shape), array.dtype) for array in first)
    h, c = first
    for t in range(T):
        if t % every == 0:
            kept_h[t // every], kept_c[t // every] = h, c
        h, c, _ = step(x[t], h, c, *weights)
    d_x = np.empty_like(x)
    d_W_x, d_W_h, d_b = (np.zeros_like(weight) for weight in weights)
    d_h, d_c = d_last
    caches = [None] * every
    for t in reversed(range(T)):
        if t == T - 1 or t % every == every - 1:
            s = t // every
            h, c = kept_h[s], kept_c[s]
            for u in range(s * every, t + 1):
                h, c, caches[u % every] = step(x[u], h, c, *weights)
        d_x[t], d_h, d_c, new_x, new_h, new_b = step_backward(d_h + d_hs[t], d_c, caches[t % every])
        d_W_x += new_x
        d_W_h += new_h
        d_b += new_b
    return {"d_x": d_x, "d_h0": d_h, "d_c0": d_c, "d_W_x": d_W_x, "d_W_h": d_W_h, "d_b": d_b}


@right()
def with_a_generator(step, step_backward, d_hs, d_last, x, first, weights, every):
    def caches_from_the_last():
        for start, state in reversed(states_of(step, x, first, weights, every).items()):
            caches = []
            for x_t in x[start : start + every]:
                *state, cache = step(x_t, *state, *weights)
                caches.append(cache)
            while caches:
                yield caches.pop()

    d_x, d, sums = [], d_last, [np.zeros_like(weight) for weight in weights]
    for cache, d_h_t in zip(caches_from_the_last(), d_hs[::-1], strict=True):
        d_x_t, *d, d_W_x, d_W_h, d_b = step_backward(d[0] + d_h_t, d[1], cache)
        d_x.append(d_x_t)
        sums = [total + new for total, new in zip(sums, (d_W_x, d_W_h, d_b), strict=True)]
    return np.array(d_x[::-1]).tolist(), tuple(d), *sums


@right(needs="torch")
def by_torch_checkpoints(step, step_backward, d_hs, d_last, x, first, weights, every):
    import torch
    from torch.utils.checkpoint import checkpoint

    def segment(x, h, c, W_x, W_h, b):
        hs = []
        for x_t in x:
            h, c = torch.lstm_cell(x_t, (h, c), W_x, W_h, b, torch.zeros_like(b))
            hs.append(h)
        return torch.stack(hs), h, c

    arrays = [torch.tensor(array, requires_grad=True) for array in (x, *first, *weights)]
    inputs, h, c, *params = arrays
    all_hs = []
    for part in inputs.split(every):
        hs, h, c = checkpoint(segment, part, h, c, *params, use_reentrant=False)
        all_hs.append(hs)
    given = [torch.as_tensor(array) for array in (d_hs, *d_last)]
    return torch.autograd.grad([torch.cat(all_hs), h, c], arrays, given)
