"""Do the six equations say what torch.nn computes, and do the gates do what is said of them?

Setting.  Random weights, biases and states in float64, D inputs, H units, T steps, B sequences.  Each agreement is the
largest absolute difference of two computations of the same thing: our arrays and torch.nn; the page's W·[h, x], one
gate and one sequence at a time, and our stacked product; one product for all gates and eight products; the LSTM whose
input gate is made the opposite of its forget gate and the coupled cell; two biases and their sum; a peephole typed from
the page; a convolution written as six loops.  Differences of rounding are 1e-12 or less, a wrong equation's are of the
size of the numbers.

Gates.  One cell, its pre-activations set by hand: ±1000 is a gate that is exactly open or shut in floating point.
Saturation.  From which pre-activation on σ(a) is exactly 1, to the nearest number of the format, and whether σ(a) lies
strictly between 0 and 1 in arithmetic with 600 digits.
Retention.  An LSTM without weights and with forget bias b keeps σ(b)^t of its cell state after t steps: run, and by the
formula; half_life is the t at which half is left, -ln 2 / ln σ(b).
Influence.  Derivatives by torch: of what depends on which input, and which does not at all.

Keys: agreement, name -> {values, gradients}; gates: {erase, block, hide, carry, add, crosstalk, gate_low, gate_high,
candidate_low, candidate_high, c_after_100, h_after_100}, changes that a shut or open gate leaves, ranges at random
points, and a cell that adds 1 a hundred times; sees: {from_x, from_h, from_c, from_c_peephole}, the largest
∂(gates)/∂·, h and c taken as independent; saturation, format -> {one_from, one_from_quotient, zero_below}, for this
book's (1 + tanh(a/2))/2 and for 1/(1 + e^-a); exact, "a=10" -> {distance_to_one: text, inside: bool};
strictly_inside; retention, "b=3" -> share of c after 100 steps; retention_formula and half_life likewise;
retention_curve, "b=3" -> (101,); influence: {RNN_first_on_last, LSTM_first_on_last, feed_forward_first_on_last};
neighbours, name -> largest ∂h_t[j]/∂h_{t-1}[k], j ≠ k; causal: {future, past, encoder_future}, the largest ∂y_t/∂x_s
for s > t, the smallest for s <= t, and the smallest for s > t without a mask;
gru: {old_weight_minus_z, fields, fields_of_the_LSTM, reset_before_minus_after}; T, B, D, H.

Source: Gers, Schmidhuber & Cummins (2000), the cell without peepholes; Cho et al. (2014); Shi et al. (2015).
Chapters: chapters/mathematics.md, chapters/gates.md, chapters/architecture.md.
"""

import functools
from decimal import Decimal, localcontext

import numpy as np
import torch
from torch import nn

import lstmkit.torch
from lstmkit.cells import gru as gru_cell
from lstmkit.cells import lstm as cell
from lstmkit.numpy import convlstm, coupled, gru, gru_reset_before, lstm, peephole, rnn
from lstmkit.numpy.functions import sigmoid
from lstmkit.tasks.sizes import expect_choice

SETTINGS = {
    "test": {"T": 4, "B": 2, "D": 3, "H": 5},
    "live": {"T": 20, "B": 3, "D": 4, "H": 16},
    "recorded": {"T": 100, "B": 8, "D": 16, "H": 64},
}
FORGET_BIASES = (-1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 10.0)
RETENTION_STEPS = 100
SHUT, OPEN = -1000.0, 1000.0
PRE_ACTIVATIONS = (1, 10, 17, 37, 100, 1000)


def random_like(rng, shapes, H):
    """Params with normal entries; what multiplies h is scaled by 1/√H, so that nothing saturates."""
    return type(shapes)(*(rng.normal(size=a.shape) / (H**0.5 if k == 1 else 1) for k, a in enumerate(shapes)))


def apart(ours, theirs):
    """The largest absolute difference between two lists of arrays, or None where both are empty."""
    pairs = list(zip(ours, theirs, strict=True))
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs) if pairs else None


def against_torch(rng, twin, kind, T, B, D, H):
    """Values and gradients of a module of lstmkit.numpy, beside torch.nn's layer with the same weights."""
    library = getattr(nn, kind)(D, H, dtype=torch.float64)
    with torch.no_grad():
        for p in library.parameters():
            p.copy_(torch.from_numpy(rng.normal(size=tuple(p.shape)) / H**0.5))
    ours = getattr(lstmkit.torch, kind).from_torch(library).state_dict()
    params = twin.Params(**{name: ours[f"{name}_l0"].numpy() for name in twin.Params._fields})
    x, v = rng.normal(size=(T, B, D)), rng.normal(size=(T, B, H))
    state = twin.State(*(rng.normal(size=(B, H)) for _ in twin.State._fields))
    hs, last, cache = twin.forward(params, x, state)
    d_x, d_first, d_params = twin.backward(params, v, cache)
    leaf, hx = torch.from_numpy(x).requires_grad_(), [torch.from_numpy(s[None]).requires_grad_() for s in state]
    theirs, end = library(leaf, hx[0] if len(hx) == 1 else tuple(hx))
    end = end if isinstance(end, tuple) else (end,)
    theirs.backward(torch.from_numpy(v))
    grads = {name: p.grad.numpy() for name, p in library.named_parameters()}
    wanted = [leaf.grad, *(s.grad[0] for s in hx), grads["weight_ih_l0"], grads["weight_hh_l0"], grads["bias_ih_l0"]]
    return {
        "values": apart([hs, *last], [theirs.detach(), *(field[0].detach() for field in end)]),
        "gradients": apart([d_x, *d_first, *d_params[:3]], wanted),
    }


def page(params, x, state, peepholes=None):
    """The six equations as the page has them, one sequence and one gate at a time, on [h, x]: hs (T, B, H)."""
    H = params.W_h.shape[1]
    W = {k: np.hstack([params.W_h, params.W_x])[n * H : (n + 1) * H] for n, k in enumerate("ifgo")}
    b = {k: params.b[n * H : (n + 1) * H] for n, k in enumerate("ifgo")}
    w_i, w_f, w_o = (0, 0, 0) if peepholes is None else peepholes
    hs = np.empty((*x.shape[:2], H))
    for n in range(x.shape[1]):
        h, c = state.h[n], state.c[n]
        for t in range(len(x)):
            hx = np.concatenate([h, x[t, n]])
            i = 1 / (1 + np.exp(-(W["i"] @ hx + b["i"] + w_i * c)))
            f = 1 / (1 + np.exp(-(W["f"] @ hx + b["f"] + w_f * c)))
            g = np.tanh(W["g"] @ hx + b["g"])
            c = f * c + i * g
            o = 1 / (1 + np.exp(-(W["o"] @ hx + b["o"] + w_o * c)))
            h = o * np.tanh(c)
            hs[t, n] = h
    return hs


def eight_products(params, x, state):
    """Every gate with its own product of the input and of the state, nothing joined: hs (T, B, H)."""
    parts = [np.split(p, 4) for p in params]
    (h, c), hs = state, []
    for x_t in x:
        a = [x_t @ W.T + h @ R.T + b for W, R, b in zip(*parts, strict=True)]
        h, c, *_ = cell.step(*a, c)
        hs.append(h)
    return np.stack(hs)


def convolution_in_loops(params, x):
    """The convolutional LSTM by six loops and no library call: hs (T, B, H, R, S) from x (T, B, D, R, S)."""
    (T, B, _, R, S), (_, H, k, _) = x.shape, params.W_h.shape
    h, c, reach = np.zeros((B, H, R, S)), np.zeros((B, H, R, S)), k // 2
    hs = np.empty((T, B, H, R, S))
    for t in range(T):
        a = np.empty((B, 4 * H, R, S))
        for n, row, column in np.ndindex(B, R, S):
            total = params.b.copy()
            for up, across in np.ndindex(k, k):
                r, s = row + up - reach, column + across - reach
                if 0 <= r < R and 0 <= s < S:
                    total += (
                        params.W_x[:, :, up, across] @ x[t, n, :, r, s] + params.W_h[:, :, up, across] @ h[n, :, r, s]
                    )
            a[n, :, row, column] = total
        h, c, *_ = cell.step(*np.split(a, 4, axis=1), c)
        hs[t] = h
    return hs


def agreements(rng, T, B, D, H):
    """name -> {values, gradients} of all that should be the same."""
    params = random_like(rng, lstm.init_params(rng, D, H), H)
    x, state = rng.normal(size=(T, B, D)), lstm.State(rng.normal(size=(B, H)), rng.normal(size=(B, H)))
    hs = lstm.forward(params, x, state)[0]
    found = {k: against_torch(rng, twin, k, T, B, D, H) for k, twin in (("LSTM", lstm), ("GRU", gru), ("RNN", rnn))}
    values = {"packed": (hs, page(params, x, state)), "eight products": (hs, eight_products(params, x, state))}

    opposite = coupled.Params(*(np.concatenate(np.split(p, 4)[1:]) for p in params))  # without the input gate's block
    tied = lstm.Params(*(np.concatenate([-np.split(p, 4)[1], *np.split(p, 4)[1:]]) for p in params))  # 1 - σ(a) = σ(-a)
    values["coupled"] = (lstm.forward(tied, x, state)[0], coupled.forward(opposite, x, coupled.State(*state))[0])

    second = rng.normal(size=params.b.shape)
    two = nn.LSTM(D, H, dtype=torch.float64)
    weights = (params.W_x, params.W_h, params.b, second)
    two.load_state_dict({name: torch.from_numpy(a) for name, a in zip(two.state_dict(), weights, strict=True)})
    with torch.no_grad():
        theirs = two(torch.from_numpy(x), tuple(torch.from_numpy(field[None]) for field in state))[0]
    values["one bias"] = (lstm.forward(params._replace(b=params.b + second), x, state)[0], theirs)

    peeping = peephole.Params(*params, *rng.normal(size=(3, H)))
    values["peephole"] = (peephole.forward(peeping, x, peephole.State(*state))[0], page(params, x, state, peeping[3:]))
    blind = peephole.Params(*params, *np.zeros((3, H)))
    values["peephole zero"] = (peephole.forward(blind, x, peephole.State(*state))[0], hs)

    movie = rng.normal(size=(min(T, 4), 1, 2, 5, 6))
    kernels = convlstm.Params(*(rng.normal(size=a.shape) / 3 for a in convlstm.init_params(rng, 2, 3, 3)[:3]))
    values["ConvLSTM"] = (convlstm.forward(kernels, movie)[0], convolution_in_loops(kernels, movie))
    pixel = convlstm.Params(params.W_x[..., None, None], params.W_h[..., None, None], params.b)
    one_pixel = convlstm.forward(pixel, x[..., None, None], convlstm.State(*(f[..., None, None] for f in state)))[0]
    values["ConvLSTM of one pixel"] = (one_pixel[..., 0, 0], hs)
    return found | {name: {"values": apart([a], [b]), "gradients": None} for name, (a, b) in values.items()}


def gate_facts(rng, H):
    """What a gate that is shut or open by hand does to a cell, exactly, and the ranges of gates and candidate."""
    c_prev, a = rng.normal(size=H), rng.normal(size=(4, H))
    shut, wide = np.full(H, SHUT), np.full(H, OPEN)
    i, f, g, o = a

    def c_of(*given):
        return cell.step(*given)[1]

    other = c_prev.copy()
    other[0] += 1  # one unit's memory; whatever acts element by element leaves the other units alone
    c, carried = 0.0, c_prev
    for _ in range(RETENTION_STEPS):
        h, c, *_ = cell.step(np.array([OPEN]), np.array([OPEN]), np.array([OPEN]), np.array([OPEN]), c)
        carried = c_of(shut, wide, g, o, carried)
    _, _, gate_i, gate_f, candidate, gate_o, _ = cell.step(*rng.normal(size=(4, 1000)), np.zeros(1000))
    gates = np.concatenate([gate_i, gate_f, gate_o])
    return {
        "erase": apart([c_of(i, shut, g, o, c_prev)], [c_of(i, shut, g, o, c_prev + 1e6)]),
        "block": apart([c_of(shut, f, g, o, c_prev)], [c_of(shut, f, g + 10, o, c_prev)]),
        "hide": float(np.abs(cell.step(i, f, g, shut, c_prev)[0]).max()),
        "carry": apart([carried], [c_prev]),
        "add": apart([c_of(i, f, g, o, c_prev)], [sigmoid(f) * c_prev + sigmoid(i) * np.tanh(g)]),
        "crosstalk": apart([c_of(i, f, g, o, c_prev)[1:]], [c_of(i, f, g, o, other)[1:]]),
        "gate_low": float(gates.min()),
        "gate_high": float(gates.max()),
        "candidate_low": float(candidate.min()),
        "candidate_high": float(candidate.max()),
        "c_after_100": float(c[0]),
        "h_after_100": float(h[0]),
    }


def what_gates_see(rng, D, H):
    """The largest derivative of the gates i, f, o by x_t, h_{t-1} and c_{t-1}, each taken as independent."""
    params = random_like(rng, lstm.init_params(rng, D, H), H)
    W_x, W_h, b = map(torch.from_numpy, params)
    peepholes = torch.from_numpy(rng.normal(size=(3, H)))
    step, step_peephole = (lstmkit.torch.recurrence.on_torch(c.step) for c in (cell, peephole.cell))

    def gates(x, h, c, w=None):
        blocks = (W_x @ x + W_h @ h + b).chunk(4)
        values = step(*blocks, c) if w is None else step_peephole(*blocks, c, *w)
        return torch.cat([values[2], values[3], values[5]])  # i, f, o

    point = tuple(torch.from_numpy(rng.normal(size=n)) for n in (D, H, H))
    plain = torch.autograd.functional.jacobian(gates, point)
    peeping = torch.autograd.functional.jacobian(functools.partial(gates, w=peepholes), point)
    found = {f"from_{k}": float(d.abs().max()) for k, d in zip("xhc", plain, strict=True)}
    return found | {"from_c_peephole": float(peeping[2].abs().max())}


def saturation():
    """format -> from which pre-activation on σ is exactly 1, and below which 0 in this book's form, to 3 decimals."""
    found = {}
    for name, dtype in (("float32", np.float32), ("float64", np.float64)):
        grid = np.arange(0, 60, 0.001)
        ones, zeros = sigmoid(grid.astype(dtype)) == 1, sigmoid(-grid.astype(dtype)) == 0
        quotient = 1 / (1 + np.exp(-grid.astype(dtype)))
        found[name] = {
            "one_from": float(grid[ones.argmax()]),
            "one_from_quotient": float(grid[(quotient == 1).argmax()]),
            "zero_below": float(-grid[zeros.argmax()]),
        }
    return found


def exactly(a):
    """1 - σ(a) = 1/(1 + e^a) with 600 digits, as text, and whether σ(a) and σ(-a) lie strictly between 0 and 1."""
    with localcontext() as context:
        context.prec = 600
        left = 1 / (1 + Decimal(a).exp())
        return {"distance_to_one": f"{left:.3e}", "inside": bool(0 < left < 1 and 0 < 1 - left < 1)}


def retention(bias):
    """The share of the cell state of an LSTM without weights after 0 to 100 steps: (101,)."""
    params = lstm.init_params(np.random.default_rng(0), 1, 1, forget_bias=bias)
    params = lstm.Params(np.zeros_like(params.W_x), np.zeros_like(params.W_h), params.b)
    state = lstm.State(np.zeros((1, 1)), np.ones((1, 1)))
    _, _, cache = lstm.forward(params, np.zeros((RETENTION_STEPS, 1, 1)), state)
    return np.concatenate([[1.0], lstm.read_gates(cache).c[:, 0, 0]])


def influence(rng, T, D, H):
    """Which input reaches which output: the first the last, one unit its neighbours, the future the past."""
    x = torch.from_numpy(rng.normal(size=(T, 1, D)))
    nets = {kind: getattr(nn, kind)(D, H, dtype=torch.float64) for kind in ("RNN", "LSTM", "GRU")}
    feed_forward = nn.Sequential(nn.Linear(D, H, dtype=torch.float64), nn.Tanh())
    block = lstmkit.torch.TransformerBlock(4, 2, 8, 0.0, dtype=torch.float64)
    seen = torch.from_numpy(rng.normal(size=(T, 1, 4)))

    def by(function, at):
        """(T, T): the size of ∂y_t/∂x_s over all features."""
        d = torch.autograd.functional.jacobian(function, at).flatten(1, 2).flatten(3)
        return d.abs().amax(dim=(1, 3)).numpy()

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        masked, encoder = by(lambda s: block(s)[0], seen), by(block.to_torch().eval(), seen)
    after = np.triu(np.ones((T, T), bool), 1)  # s > t: columns to the right of the row's own
    neighbours = {}
    for kind, net in nets.items():

        def one_step(h, kind=kind, net=net):
            given = (h, torch.zeros_like(h)) if kind == "LSTM" else h
            return net(x[:1], given)[0][0, 0]

        d = torch.autograd.functional.jacobian(one_step, torch.zeros(1, 1, H, dtype=torch.float64))[:, 0, 0]
        neighbours[kind] = float((d - torch.diag(torch.diag(d))).abs().max())
    return {
        "influence": {
            "RNN_first_on_last": float(by(lambda x: nets["RNN"](x)[0], x)[-1, 0]),
            "LSTM_first_on_last": float(by(lambda x: nets["LSTM"](x)[0], x)[-1, 0]),
            "feed_forward_first_on_last": float(by(feed_forward, x)[-1, 0]),
        },
        "neighbours": neighbours,
        "causal": {
            "future": float(masked[after].max()),
            "past": float(masked[~after].min()),
            "encoder_future": float(encoder[after].min()),
        },
    }


def gru_facts(rng, T, B, D, H):
    """The two weights of a GRU's update add up to 1, its state is one vector, and the two published forms differ."""
    u, *a, h = rng.normal(size=(5, 1000))
    z = gru_cell.step(u, *a, h)[2]
    moved = gru_cell.step(u, *a, h + 1)[0] - gru_cell.step(u, *a, h)[0]  # the weight of the old state
    after = random_like(rng, gru.init_params(rng, D, H), H)._replace(b_u=np.zeros(H))
    before = gru_reset_before.Params(after.W_x, after.W_h, after.b)
    x = rng.normal(size=(T, B, D))
    return {
        "old_weight_minus_z": apart([moved], [z]),
        "fields": len(gru.State._fields),
        "fields_of_the_LSTM": len(lstm.State._fields),
        "reset_before_minus_after": apart([gru.forward(after, x)[0]], [gru_reset_before.forward(before, x)[0]]),
    }


def run(seed=0, scale="live", device="cpu"):
    """Compare, set gates by hand, and differentiate.  `device` is unused: double precision is the CPU's business."""
    T, B, D, H = SETTINGS[expect_choice("scale", scale, SETTINGS)].values()
    rng = np.random.default_rng([seed, 5])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        agreement = agreements(rng, T, B, D, H)
        sees = what_gates_see(rng, D, H)
        reach = influence(rng, min(T, 12), D, H)
    curves = {f"b={b:g}": retention(b) for b in FORGET_BIASES}
    exact = {f"a={a}": exactly(a) for a in PRE_ACTIVATIONS}
    return {
        "agreement": agreement,
        "gates": gate_facts(rng, H),
        "sees": sees,
        "saturation": saturation(),
        "exact": exact,
        "strictly_inside": all(entry["inside"] for entry in exact.values()),
        "retention": {name: float(curve[-1]) for name, curve in curves.items()},
        "retention_formula": {f"b={b:g}": float((1 / (1 + np.exp(-b))) ** RETENTION_STEPS) for b in FORGET_BIASES},
        "half_life": {f"b={b:g}": float(np.log(2) / np.log1p(np.exp(-b))) for b in FORGET_BIASES},
        "retention_curve": curves,
        **reach,
        "gru": gru_facts(rng, T, B, D, H),
        "T": T,
        "B": B,
        "D": D,
        "H": H,
    }
