"""Question 4, intervene: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right

FORCED = {"hs": 2, "cs": 2}


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def run(x, h, c, Wx, Wh, b, force):
    """The plain loop; force(t, gates) sets what is to be set."""
    hs, cs = [], []
    for t in range(len(x)):
        a = np.split(x[t] @ Wx.T + h @ Wh.T + b, 4, axis=1)
        gates = {"i": sigmoid(a[0]), "f": sigmoid(a[1]), "g": np.tanh(a[2]), "o": sigmoid(a[3])}
        force(t, gates)
        c = gates["f"] * c + gates["i"] * gates["g"]
        h = gates["o"] * np.tanh(c)
        hs.append(h)
        cs.append(c)
    return np.array(hs), np.array(cs)


@right()
def intervene(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        gates[gate][mask[t], unit] = value

    return run(x, h0, c0, Wx, Wh, b, force)


@mistake("before the sigmoid", loses=FORCED)
def as_a_pre_activation(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    return intervene(x, h0, c0, Wx, Wh, b, gate, unit, mask, sigmoid(value))


@mistake("multiplied", loses=FORCED)
def scaled(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        gates[gate][mask[t], unit] *= value

    return run(x, h0, c0, Wx, Wh, b, force)


@mistake("every unit", loses=FORCED)
def whole_layer(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        gates[gate] = np.where(mask[t][:, None], value, gates[gate])

    return run(x, h0, c0, Wx, Wh, b, force)


@mistake("every step", loses=EVERYTHING)
def mask_not_used(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        gates[gate][:, unit] = value

    return run(x, h0, c0, Wx, Wh, b, force)


@mistake("the other steps", loses=EVERYTHING)
def mask_turned_round(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    return intervene(x, h0, c0, Wx, Wh, b, gate, unit, np.logical_not(mask), value)


@mistake("every sequence", loses=FORCED)
def step_of_the_batch(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        if mask[t].any():
            gates[gate][:, unit] = value

    return run(x, h0, c0, Wx, Wh, b, force)


@mistake("the mask of the first sequence", loses=FORCED)
def one_mask_for_all(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        if mask[t, 0]:
            gates[gate][:, unit] = value

    return run(x, h0, c0, Wx, Wh, b, force)


@mistake("one step late", loses=FORCED)
def next_step(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    late = np.vstack([np.zeros_like(mask[:1]), mask[:-1]])
    return intervene(x, h0, c0, Wx, Wh, b, gate, unit, late, value)


@mistake("always the input gate", loses=FORCED)
def column_of_the_first_block(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    return intervene(x, h0, c0, Wx, Wh, b, "i", unit, mask, value)


@mistake("i and f exchanged", loses=FORCED, source="the order f, i, o of the gates in many texts")
def forget_gate_is_first(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    return intervene(x, h0, c0, Wx, Wh, b, {"f": "i", "i": "f", "o": "o"}[gate], unit, mask, value)


@mistake("g for o", loses=FORCED, source="blocks looked up as 'ifo', without the candidate")
def three_gates_in_a_row(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    return intervene(x, h0, c0, Wx, Wh, b, "ifg"["ifo".index(gate)], unit, mask, value)


@mistake("order ifog", loses=EVERYTHING, source="CS231n stacks i, f, o, g")
def other_blocks(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def swap(W):
        i, f, o, g = np.split(W, 4)
        return np.concatenate([i, f, g, o])

    return intervene(x, h0, c0, swap(Wx), swap(Wh), swap(b), gate, unit, mask, value)


@mistake("the unforced state goes on", loses=FORCED)
def from_the_cache_of_the_plain_run(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    hs, cs = run(x, h0, c0, Wx, Wh, b, lambda t, gates: None)
    forced = []
    for t in range(len(x)):
        h, c = (hs[t - 1], cs[t - 1]) if t else (h0, c0)
        forced.append(intervene(x[t : t + 1], h, c, Wx, Wh, b, gate, unit, mask[t : t + 1], value))
    return np.concatenate([h for h, _ in forced]), np.concatenate([c for _, c in forced])


@mistake("hs and cs exchanged", loses=EVERYTHING)
def cells_first(*args):
    hs, cs = intervene(*args)
    return cs, hs


@mistake("argument modified", loses={"arguments unchanged": 1})
def mask_inverted_in_place(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    out = intervene(x, h0, c0, Wx, Wh, b, gate, unit, mask, value)
    np.logical_not(mask, out=mask)
    return out


@mistake("argument modified", loses={"arguments unchanged": 1}, source="c *= f, as in many first drafts")
def state_in_place(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    out = intervene(x, h0, c0, Wx, Wh, b, gate, unit, mask, value)
    c0[:] = out[1][-1]
    return out


@mistake("raised", loses={"nothing forced": 1, **FORCED, "arguments unchanged": 1})
def mask_with_the_batch_first(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        gates[gate][mask[:, t], unit] = value

    return run(x, h0, c0, Wx, Wh, b, force)


@right()
def by_infinite_pre_activations(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    h, c, H = h0, c0, h0.shape[1]
    hs, cs = np.empty((*x.shape[:2], H)), np.empty((*x.shape[:2], H))
    column = {"i": 0, "f": 1, "o": 3}[gate] * H + unit
    logit = np.log(value) - np.log(1 - value) if 0 < value < 1 else (np.inf if value else -np.inf)
    for t, x_t in enumerate(x):
        a = x_t @ Wx.T + h @ Wh.T + b
        a[mask[t], column] = logit
        c = sigmoid(a[:, H : 2 * H]) * c + sigmoid(a[:, :H]) * np.tanh(a[:, 2 * H : 3 * H])
        h = sigmoid(a[:, 3 * H :]) * np.tanh(c)
        hs[t], cs[t] = h, c
    return hs, cs


@right()
def by_where(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    chosen = np.arange(h0.shape[1]) == unit

    def force(t, gates):
        gates[gate] = np.where(mask[t][:, None] & chosen, value, gates[gate])

    hs, cs = run(x, h0, c0, Wx, Wh, b, force)
    return {"hs": hs, "cs": cs}


@right()
def sequence_by_sequence(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    outs = []
    for n in range(len(h0)):
        one = slice(n, n + 1)

        def force(t, gates, n=n):
            if mask[t, n]:
                gates[gate][0, unit] = value

        outs.append(run(x[:, one], h0[one], c0[one], Wx, Wh, b, force))
    return [np.concatenate(arrays, axis=1) for arrays in zip(*outs, strict=True)]


@right(needs="torch")
def by_torch(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    import torch

    x, h, c, Wx, Wh, b, mask = map(torch.as_tensor, (x, h0, c0, Wx, Wh, b, mask))
    hs, cs = [], []
    for x_t, m in zip(x, mask, strict=True):
        i, f, g, o = (x_t @ Wx.T + h @ Wh.T + b).chunk(4, 1)
        gates = {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}
        gates[gate][:, unit] = torch.where(m, torch.full_like(h[:, 0], value), gates[gate][:, unit])
        c = gates["f"] * c + gates["i"] * gates["g"]
        h = gates["o"] * torch.tanh(c)
        hs.append(h)
        cs.append(c)
    return torch.stack(hs), torch.stack(cs)


@mistake("not forced", loses=FORCED, source="numpy: an array indexed by a mask is a copy, and the copy is written to")
def chained_brackets(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        gates[gate][mask[t]][:, unit] = value

    return run(x, h0, c0, Wx, Wh, b, force)


@mistake("forced too late", loses=FORCED)
def cell_first_then_the_gate(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    h, c, hs, cs = h0, c0, [], []
    for t in range(len(x)):
        i, f, g, o = np.split(x[t] @ Wx.T + h @ Wh.T + b, 4, axis=1)
        gates = {"i": sigmoid(i), "f": sigmoid(f), "o": sigmoid(o)}
        c = gates["f"] * c + gates["i"] * np.tanh(g)
        gates[gate][mask[t], unit] = value
        h = gates["o"] * np.tanh(c)
        hs.append(h)
        cs.append(c)
    return np.array(hs), np.array(cs)


@mistake("one step behind", loses=EVERYTHING)
def appended_before_the_step(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    hs, cs = intervene(x, h0, c0, Wx, Wh, b, gate, unit, mask, value)
    return np.concatenate([h0[None], hs[:-1]]), np.concatenate([c0[None], cs[:-1]])


@mistake("one minus value", loses=FORCED)
def how_far_it_is_shut(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    return intervene(x, h0, c0, Wx, Wh, b, gate, unit, mask, 1 - value)


@right()
def by_a_product_with_the_mask(x, h0, c0, Wx, Wh, b, gate, unit, mask, value):
    def force(t, gates):
        gates[gate][:, unit] = mask[t] * value + (1 - mask[t]) * gates[gate][:, unit]

    hs, cs = run(x, h0, c0, Wx, Wh, b, force)
    return (hs, cs), (hs[-1], cs[-1])
