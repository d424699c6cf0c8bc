"""What comes out under the known mistakes of the assignment `evolution`: its named wrong outcomes.

A mistake is the right formulas with one of them replaced; a text completes "this is what comes out when ...".
Reading the list is reading the solution.

T steps, B sequences, D inputs, H units, pieces of k steps; the arguments are those of the right values in
lstmkit/grading/evolution.py.
"""

import math

import numpy as np

from lstmkit.grading.formulas import evaluate, slip
from lstmkit.grading.question import Mistake
from lstmkit.numpy.functions import sigmoid

STEP_FORMULAS = {
    "a": lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h.T + v.b,
    "h": lambda v: np.tanh(v.a),
}
ARRAYS = ("x", "h_prev", "W_x", "W_h", "b")


def step(*arrays, **replaced):
    """h (B, H) of one step."""
    return evaluate(STEP_FORMULAS, dict(zip(ARRAYS, arrays, strict=True)), ("h",), replaced)


_s = slip(step)
RNN_STEP = (
    _s("sigmoid for tanh", "a sigmoid takes the place of tanh: all values lie in (0, 1)", h=lambda v: sigmoid(v.a)),
    _s("no tanh", "the tanh is missing: h is the pre-activation", h=lambda v: v.a),
    _s("relu for tanh", "max(a, 0) takes the place of tanh", h=lambda v: np.maximum(v.a, 0)),
    _s("bias missing", "b is not added: with b = 0 it would be right", a=lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h.T),
    _s("bias twice", "b is added twice: there is one bias here", a=lambda v: STEP_FORMULAS["a"](v) + v.b),
    _s(
        "bias after tanh",
        "b is added after the tanh, so that values leave (-1, 1): it belongs inside",
        h=lambda v: np.tanh(v.a - v.b) + v.b,
    ),
    _s(
        "W_h transposed",
        "h_prev @ W_h is computed: with one sequence a row, the product is h_prev @ W_h.T",
        a=lambda v: v.x @ v.W_x.T + v.h_prev @ v.W_h + v.b,
    ),
    _s(
        "diagonal of W_h",
        "each unit hears itself alone: W_h is a whole matrix, so each unit hears all of h_prev",
        a=lambda v: v.x @ v.W_x.T + v.h_prev * np.diag(v.W_h) + v.b,
    ),
    _s("h_prev unused", "h_prev is not used: a network without a loop", a=lambda v: v.x @ v.W_x.T + v.b),
    _s("x unused", "x_t is not used", a=lambda v: v.h_prev @ v.W_h.T + v.b),
    _s(
        "stacked in two orders",
        "[h, x] meets the matrix [W_x, W_h]: stack both in the same order",
        a=lambda v: np.hstack([v.h_prev, v.x]) @ np.hstack([v.W_x, v.W_h]).T + v.b,
    ),
    _s(
        "two tanhs",
        "the two products go through a tanh of their own: they are added first",
        h=lambda v: np.tanh(v.x @ v.W_x.T) + np.tanh(v.h_prev @ v.W_h.T + v.b),
    ),
    _s(
        "old h added",
        "h_prev is added to the result: it comes in through W_h alone",
        h=lambda v: v.h_prev + np.tanh(v.a),
    ),
    _s(
        "h_prev outside the tanh",
        "the product with W_h is added after the tanh: the tanh goes around the whole sum",
        h=lambda v: np.tanh(v.x @ v.W_x.T + v.b) + v.h_prev @ v.W_h.T,
    ),
    _s("first sequence only", "only the first sequence is computed: keep the whole batch", h=lambda v: np.tanh(v.a[0])),
)


def states(x, h0, *weights, h_in=lambda h, h0: h):
    """h_0 to h_T, (T + 1, B, H); `h_in` says what a step is given."""
    all_h = [h0]
    for x_t in x:
        all_h.append(step(x_t, h_in(all_h[-1], h0), *weights)["h"])
    return np.stack(all_h)


def sequence(x, h0, *weights, h_in=lambda h, h0: h, **replaced):
    """hs (T, B, H)."""
    given = {"all_h": states(x, h0, *weights, h_in=h_in)}
    return evaluate({"hs": lambda v: v.all_h[1:]}, given, ("hs",), replaced)


_s = slip(sequence)
RNN_FORWARD = (
    _s("h0 at every step", "every step is given h0: hand the new h on", h_in=lambda h, h0: h0),
    _s("h0 ignored", "the loop starts from zeros: it starts from h0", h_in=lambda h, h0: 0 * h if h is h0 else h),
    Mistake(
        "backwards in time",
        "the loop runs from the last step to the first",
        lambda x, *rest: sequence(x[::-1], *rest),
    ),
    Mistake(
        "x_1 at every step",
        "every step reads the first x: step t reads x[t]",
        lambda x, *rest: sequence(np.repeat(x[:1], len(x), axis=0), *rest),
    ),
    _s("hs with h0", "h0 is stored as well: hs has T entries, from h_1 to h_T", hs=lambda v: v.all_h),
    _s("hs one step late", "hs[t] holds the h before step t: store h after the step", hs=lambda v: v.all_h[:-1]),
    _s("hs without the last", "the last step is missing in hs", hs=lambda v: v.all_h[1:-1]),
    _s("hs is the last h", "hs is h_T alone: it holds h_t for every t", hs=lambda v: v.all_h[-1]),
    _s(
        "hs repeats the last h",
        "every hs[t] is the same array, filled anew at each step: store a copy",
        hs=lambda v: np.stack([v.all_h[-1]] * (len(v.all_h) - 1)),
    ),
    _s("hs batch first", "hs has the batch first: time comes first", hs=lambda v: v.all_h[1:].swapaxes(0, 1)),
)

GRADIENTS = ("d_x", "d_h0", "d_W_x", "d_W_h", "d_b")


def gradients(
    d_hs,
    x,
    h0,
    W_x,
    W_h,
    b,
    /,
    d_h_in=lambda d_h, d_h_t: d_h + d_h_t,
    through=lambda d_h, d_h_t, both, slope: both * slope,
    carry=lambda t, d_h: d_h,
    times=reversed,
    slope=lambda h, h_prev, a: 1 - h**2,
    back=lambda W_h: W_h,
    **replaced,
):
    """The five gradients of the sequence; d_h_in, through, carry, times, slope and back are the parts of the loop.

    `carry` says what step t is handed of the gradient that comes back from step t + 1.
    """
    T, B, _ = x.shape
    all_h = states(x, h0, W_x, W_h, b)
    d_h = np.zeros_like(h0)
    d_a, inside, d_x = np.zeros_like(d_hs), [], []
    for t in times(range(T)):
        came_back = carry(t, d_h)
        inside.append(d_h_in(came_back, d_hs[t]))
        a = x[t] @ W_x.T + all_h[t] @ W_h.T + b
        d_a[t] = through(came_back, d_hs[t], inside[-1], slope(all_h[t + 1], all_h[t], a))
        d_x.append(d_a[t] @ W_x)
        d_h = d_a[t] @ back(W_h)
    given = {"T": T, "B": B, "x": x, "h": all_h, "d_a": d_a, "d_h": d_h, "inside": inside, "in_order": d_x, "W_x": W_x}
    formulas = {
        "d_x": lambda v: v.d_a @ v.W_x,
        "d_h0": lambda v: v.d_h,
        "of": lambda v: slice(None),  # the steps that the gradients of the weights are summed over
        "n": lambda v: 1,
        "d_W_x": lambda v: np.einsum("tbh,tbd->hd", v.d_a[v.of], v.x[v.of]) / v.n,
        "d_W_h": lambda v: np.einsum("tbh,tbk->hk", v.d_a[v.of], v.h[:-1][v.of]) / v.n,
        "d_b": lambda v: v.d_a[v.of].sum(axis=(0, 1)) / v.n,
    }
    return evaluate(formulas, given, GRADIENTS, replaced)


def _last_loss_only(d_hs, *rest, **replaced):
    return gradients(np.concatenate([0 * d_hs[:-1], d_hs[-1:]]), *rest, **replaced)


_s = slip(gradients)
RNN_BACKWARD = (
    Mistake(
        "d_hs of the last step only",
        "d_hs[t] is added at the last step alone: h_t reaches the loss directly and through step t + 1, so add both",
        _last_loss_only,
    ),
    _s(
        "no gradient carried",
        "no gradient is handed on from step t + 1 to step t: h_t reaches the loss directly and through step t + 1",
        d_h_in=lambda d_h, d_h_t: d_h_t,
    ),
    Mistake(
        "last d_hs twice",
        "d_hs of the last step is added twice: nothing comes back into it, so start from zeros",
        lambda d_hs, *rest: gradients(np.concatenate([d_hs[:-1], 2 * d_hs[-1:]]), *rest),
    ),
    Mistake(
        "d_hs reversed",
        "d_hs is read from its first step while the states are read from the last",
        lambda d_hs, *rest: gradients(d_hs[::-1], *rest),
    ),
    _s("forwards in time", "the loop runs from the first step to the last: it runs from T - 1 down to 0", times=iter),
    _s("tanh' missing", "the factor 1 - h² of the tanh is missing", slope=lambda h, h_prev, a: 1.0),
    _s(
        "loss past the slope",
        "d_hs[t] skips the tanh: add both paths first, then multiply by 1 - h²",
        through=lambda d_h, d_h_t, both, slope: d_h * slope + d_h_t,
    ),
    _s(
        "carried past the slope",
        "what came back from step t + 1 skips the tanh: add both paths first, then multiply by 1 - h²",
        through=lambda d_h, d_h_t, both, slope: d_h + d_h_t * slope,
    ),
    _s("slope from a", "1 - a² is taken: the slope is 1 - h², with the output h", slope=lambda h, h_prev, a: 1 - a**2),
    _s(
        "tanh twice",
        "tanh is applied to h once more: h is a tanh already",
        slope=lambda h, h_prev, a: 1 - np.tanh(h) ** 2,
    ),
    _s("h not squared", "1 - h takes the place of 1 - h²", slope=lambda h, h_prev, a: 1 - h),
    _s(
        "sigmoid' for tanh",
        "h (1 - h) is taken, the slope of a sigmoid: here it is 1 - h²",
        slope=lambda h, h_prev, a: h * (1 - h),
    ),
    _s(
        "slope of the step before",
        "the slope is taken at h_{t-1}: it is 1 - h_t², of the state that the step made",
        slope=lambda h, h_prev, a: 1 - h_prev**2,
    ),
    _s(
        "W_h transposed on the way back",
        "d_a @ W_h.T is handed on: forwards it was h_prev @ W_h.T, so backwards it is d_a @ W_h",
        back=lambda W_h: W_h.T,
    ),
    _s(
        "d_W_h with the new h",
        "d_W_h takes h_t: W_h multiplied h_{t-1}",
        d_W_h=lambda v: np.einsum("tbh,tbk->hk", v.d_a, v.h[1:]),
    ),
    _s(
        "h wraps around",
        "the first step takes hs[-1], the last state, for the state before it: that is h0",
        d_W_h=lambda v: np.einsum("tbh,tbk->hk", v.d_a, np.concatenate([v.h[-1:], v.h[1:-1]])),
    ),
    _s(
        "zeros for h0",
        "the first step leaves h0 out of d_W_h, as if it were zero",
        d_W_h=lambda v: np.einsum("tbh,tbk->hk", v.d_a[1:], v.h[1:-1]),
    ),
    _s(
        "d_W_h transposed",
        "d_W_h is transposed: d_a.T @ h_prev",
        d_W_h=lambda v: np.einsum("tbh,tbk->kh", v.d_a, v.h[:-1]),
    ),
    _s(
        "weights of the first step",
        "d_W_x, d_W_h, d_b are overwritten, so step 1 alone remains: add up over time",
        of=lambda v: slice(1),
    ),
    _s(
        "weights of the last step",
        "d_W_x, d_W_h, d_b are those of the last step alone: add up over time",
        of=lambda v: slice(-1, None),
    ),
    _s("weights averaged over time", "d_W_x, d_W_h, d_b are averaged over time: they are sums", n=lambda v: v.T),
    _s(
        "weights averaged over the batch",
        "d_W_x, d_W_h, d_b are averaged over the batch: they are sums",
        n=lambda v: v.B,
    ),
    _s(
        "weights averaged over both",
        "d_W_x, d_W_h, d_b are averaged over time and batch: they are sums",
        n=lambda v: v.T * v.B,
    ),
    _s(
        "d_b of every step",
        "d_b is summed over the batch alone: sum over batch and time",
        d_b=lambda v: v.d_a.sum(axis=1),
    ),
    _s(
        "d_b of every sequence",
        "d_b is summed over time alone: sum over batch and time",
        d_b=lambda v: v.d_a.sum(axis=0),
    ),
    _s("d_b averaged", "d_b is a mean over the batch: it is a sum", d_b=lambda v: v.d_a.sum(axis=0).mean(axis=0)),
    _s("d_x reversed", "d_x is in the order of the loop, last step first", d_x=lambda v: np.stack(v.in_order)),
    _s(
        "d_x of one step",
        "d_x is that of the first step alone: it has an entry for every t",
        d_x=lambda v: v.in_order[-1],
    ),
    _s(
        "d_h0 one step early",
        "d_h0 is what arrives at h_1: it has yet to go back through the first step",
        d_h0=lambda v: v.inside[-1],
    ),
    _s("d_h0 zero", "d_h0 is zero: it is what the first step hands back", d_h0=lambda v: 0 * v.d_h),
)


def norms(
    W_h,
    hs,
    /,
    slope=lambda h: 1 - h**2,
    one=lambda slope, W_h: slope[:, None] * W_h,
    after=lambda product, factor: product @ factor,
    size=lambda matrix: np.linalg.norm(matrix, 2),
    **replaced,
):
    """norms (T,): the size of dh_T/dh_{T-k}, from k = 0 on; `one` is the factor of a step, `after` multiplies."""
    products = [np.eye(len(W_h))]
    factors = [one(slope(h), W_h) for h in hs]
    for factor in factors[::-1]:
        products.append(after(products[-1], factor))
    forwards = [np.eye(len(W_h))]
    for factor in factors:
        forwards.append(factor @ forwards[-1])
    given = {"products": products, "forwards": forwards, "factors": factors, "size": size}
    formulas = {"norms": lambda v: np.array([v.size(product) for product in v.products[:-1]])}
    return evaluate(formulas, given, ("norms",), replaced)


def _radius(matrix):
    return np.abs(np.linalg.eigvals(matrix)).max()


_s = slip(norms)
JACOBIAN_NORMS = (
    _s(
        "tanh' missing",
        "the slopes of the tanh are left out: the factor of a step is diag(1 - h²) W_h",
        slope=np.ones_like,
    ),
    _s(
        "tanh twice",
        "tanh is applied to h once more: h is a tanh already, its slope 1 - h²",
        slope=lambda h: 1 - np.tanh(h) ** 2,
    ),
    _s("h not squared", "1 - h takes the place of 1 - h²", slope=lambda h: 1 - h),
    _s(
        "slope on the other side",
        "the slopes scale the columns of W_h: the tanh comes after W_h, so they scale its rows",
        one=lambda slope, W_h: W_h * slope,
    ),
    _s(
        "diagonal of W_h",
        "np.diag(1 - h²) * W_h is taken, entry by entry, which keeps the diagonal alone: the matrices are multiplied",
        one=lambda slope, W_h: np.diag(slope) * W_h,
    ),
    _s(
        "W_h transposed",
        "W_h is transposed: row j of the factor belongs to unit j of h_t",
        one=lambda slope, W_h: slope[:, None] * W_h.T,
    ),
    _s(
        "product turned round",
        "the factors are multiplied in the wrong order: the latest step stands on the left",
        after=lambda product, factor: factor @ product,
    ),
    _s(
        "slope of the step before",
        "the factor of step t has the slope at h_{t-1}: it is that of h_t",
        norms=lambda v: np.array(_late(v.factors, v.size)),
    ),
    _s(
        "Frobenius norm",
        "the Frobenius norm is taken, the default of np.linalg.norm: ask for the spectral one",
        size=np.linalg.norm,
    ),
    _s(
        "spectral radius",
        "the largest eigenvalue is taken: the spectral norm is the largest singular value",
        size=_radius,
    ),
    _s(
        "row sums",
        "the largest sum of a row is taken (ord=inf): the spectral norm is the largest singular value",
        size=lambda m: np.linalg.norm(m, np.inf),
    ),
    _s(
        "column sums",
        "the largest sum of a column is taken (ord=1): the spectral norm is the largest singular value",
        size=lambda m: np.linalg.norm(m, 1),
    ),
    _s(
        "largest entry",
        "the largest entry is taken: the spectral norm is the largest singular value",
        size=lambda m: np.abs(m).max(),
    ),
    _s("smallest singular value", "the smallest singular value is taken", size=lambda m: np.linalg.norm(m, -2)),
    _s(
        "norm squared",
        "the square of the norm is taken: an eigenvalue of JᵀJ still wants its root",
        size=lambda m: np.linalg.norm(m, 2) ** 2,
    ),
    _s(
        "product of the norms",
        "the norms of the steps are multiplied: that is a bound; multiply the matrices first",
        norms=lambda v: np.cumprod([1.0, *(v.size(factor) for factor in v.factors[:0:-1])]),
    ),
    _s(
        "one factor at a time",
        "each entry is the norm of one step's factor: multiply them up",
        norms=lambda v: np.array([1.0, *(v.size(factor) for factor in v.factors[:0:-1])]),
    ),
    _s(
        "in order of time",
        "the entries are in the order of time: entry k belongs to the lag k, so it begins with 1",
        norms=lambda v: np.array([v.size(p) for p in v.products[-2::-1]]),
    ),
    _s(
        "lag one first",
        "it begins with lag 1 and ends at h_0: entry 0 belongs to lag 0",
        norms=lambda v: np.array([v.size(p) for p in v.products[1:]]),
    ),
    _s(
        "one lag too many",
        "it has the lags 0 to T: they end at T - 1, with h_1",
        norms=lambda v: np.array([v.size(p) for p in v.products]),
    ),
    _s(
        "from the start",
        "dh_{k+1}/dh_1 is followed forwards from the first state: all lags end at h_T",
        norms=lambda v: np.array(_from_first(v.factors, v.size)),
    ),
)


def _late(factors, size):
    """The products whose factor at lag k is that of one step earlier."""
    product, found = np.eye(len(factors[0])), [1.0]
    for factor in factors[-2::-1]:
        product = product @ factor
        found.append(size(product))
    return found


def _from_first(factors, size):
    product, found = np.eye(len(factors[0])), [1.0]
    for factor in factors[1:]:
        product = factor @ product
        found.append(size(product))
    return found


PREDICTION_FORMULAS = {
    "share": lambda v: v.gain,
    "ratio": lambda v: math.log(v.below) / math.log(v.share),
    "lag": lambda v: math.floor(v.ratio) + 1,
    "write": lambda v: v.i * v.g,
    "full": lambda v: math.floor((v.limit - v.c0) / v.write) + 1,
    "kept": lambda v: v.f**v.n,
    "c_2000": lambda v: v.kept * v.c0 + v.write * (1 - v.kept) / (1 - v.f),
}


def prediction(mine, /, **replaced):
    """lag, full and c_2000 for a student's own numbers."""
    return evaluate(PREDICTION_FORMULAS, mine, ("lag", "full", "c_2000"), replaced)


_s = slip(prediction)
PREDICT_MEMORY = (
    _s(
        "lag one short",
        "the lag is the last one at which the gradient is not yet below the bound",
        lag=lambda v: math.floor(v.ratio),
    ),
    _s("lag not whole", "the lag is not rounded up: it is a number of steps", lag=lambda v: v.ratio),
    _s(
        "lag from the squared norm",
        "the square of the norm is held against the bound",
        lag=lambda v: math.floor(v.ratio / 2) + 1,
    ),
    _s(
        "lag with the forget gate",
        "the forget gate f takes the place of the gain: the lag is about the plain network",
        share=lambda v: v.f,
    ),
    _s(
        "lag as for a line",
        "each step is taken to cost the same amount: it costs the same share",
        lag=lambda v: math.floor((1 - v.below) / (1 - v.gain)) + 1,
    ),
    _s(
        "full one step short",
        "full is the last step at which c is not yet above the limit",
        full=lambda v: math.floor((v.limit - v.c0) / v.write),
    ),
    _s("full not whole", "full is not rounded up: it is a number of steps", full=lambda v: (v.limit - v.c0) / v.write),
    _s(
        "full from zero",
        "the cell of 1997 starts from zero: it starts from c0",
        full=lambda v: math.floor(v.limit / v.write) + 1,
    ),
    _s(
        "full with the candidate",
        "the input gate is left out: a step writes i g",
        full=lambda v: math.floor((v.limit - v.c0) / v.g) + 1,
    ),
    _s(
        "full with c0 of the wrong sign",
        "the sign of c0 is lost on the way to the limit",
        full=lambda v: math.floor((v.limit + v.c0) / v.write) + 1,
    ),
    _s(
        "c of 1997",
        "c_2000 has no forget gate: that is the cell of 1997 after n steps",
        c_2000=lambda v: v.c0 + v.n * v.write,
    ),
    _s(
        "c0 forgotten",
        "c_2000 starts from zero: f^n of c0 is still there",
        c_2000=lambda v: v.write * (1 - v.kept) / (1 - v.f),
    ),
    _s(
        "level",
        "c_2000 is the level that the cell tends to: n steps are fewer than all",
        c_2000=lambda v: v.write / (1 - v.f),
    ),
    _s(
        "level reached",
        "what is left of c0 is added to the whole level i g / (1 - f): n steps write a part of it",
        c_2000=lambda v: v.kept * v.c0 + v.write / (1 - v.f),
    ),
    _s(
        "writing not forgotten",
        "only c0 is multiplied by f: what was written is forgotten as well",
        c_2000=lambda v: v.kept * v.c0 + v.n * v.write,
    ),
    _s(
        "forgets what it writes",
        "the gate is applied to the sum f (c + i g): what is written now is not multiplied by f yet",
        c_2000=lambda v: v.kept * v.c0 + v.f * v.write * (1 - v.kept) / (1 - v.f),
    ),
    _s("n one too small", "c_2000 is the state after n - 1 steps", kept=lambda v: v.f ** (v.n - 1)),
    _s("n one too large", "c_2000 is the state after n + 1 steps", kept=lambda v: v.f ** (v.n + 1)),
    _s(
        "coupled gates",
        "1 - f takes the place of i in c_2000: the gates are not coupled",
        c_2000=lambda v: v.kept * v.c0 + v.g * (1 - v.kept),
    ),
)

PIECES = ("d_x, d_h0", "d_W_x, d_W_h, d_b")


def joined(found):
    """The five gradients as the two values that question 7 judges, flat."""
    parts = (("d_x", "d_h0"), ("d_W_x", "d_W_h", "d_b"))
    return {
        name: np.concatenate([np.ravel(found[part]) for part in names])
        for name, names in zip(PIECES, parts, strict=True)
    }


def truncated(d_hs, x, h0, W_x, W_h, b, k, /, border=lambda t, k, T: (t + 1) % k == 0, **replaced):
    """The two values, with nothing handed on to a step t that is the last of its piece."""
    T = len(x)
    return joined(
        gradients(d_hs, x, h0, W_x, W_h, b, carry=lambda t, d_h: 0 * d_h if border(t, k, T) else d_h, **replaced)
    )


def _windows(d_hs, *arrays):
    """Each loss sent back through its own last k steps."""
    *arrays, k = arrays
    total = None
    for t in range(len(d_hs)):
        alone = np.zeros_like(d_hs)
        alone[t] = d_hs[t]
        found = gradients(alone, *arrays, carry=lambda s, d_h, t=t: 0 * d_h if s == t - k else d_h)
        if t >= k:
            found["d_h0"] = 0 * found["d_h0"]
        total = found if total is None else {name: total[name] + found[name] for name in found}
    return joined(total)


def _rest_dropped(d_hs, *arrays):
    """The last, shorter piece left out."""
    *_, k = arrays
    d_hs = d_hs.copy()
    d_hs[max(len(d_hs) // k, 1) * k :] = 0
    return truncated(d_hs, *arrays)


def _border_loss_lost(d_hs, *arrays):
    """At the end of a piece the loss of that step is set to zero together with what comes back."""
    *_, k = arrays
    d_hs = d_hs.copy()
    d_hs[k - 1 : -1 : k] = 0
    return truncated(d_hs, *arrays)


def _d_h0_of_last(d_hs, x, h0, *rest):
    *weights, k = rest
    first = (len(x) - 1) // k * k
    found = gradients(d_hs[first:], x[first:], states(x, h0, *weights)[first], *weights)
    d_x = truncated(d_hs, x, h0, *rest)[PIECES[0]][: x.size]
    return {PIECES[0]: np.concatenate([d_x, found["d_h0"].ravel()])}


def _piece_starts(put):
    """The wrong outcome when the states before the steps, as d_W_h takes them, are changed by put(before, all_h, k)."""

    def wrong(*args):
        def d_W_h(v):
            before = v.h[:-1].copy()
            put(before, v.h, args[-1])
            return np.einsum("tbh,tbk->hk", v.d_a, before)

        return truncated(*args, d_W_h=d_W_h)

    return wrong


def _h0_everywhere(before, h, k):
    before[::k] = h[0]


def _last_for_h0(before, h, k):
    before[0] = h[-1]


def _one_step_on(before, h, k):
    before[k::k] = h[k + 1 :: k]


_s = slip(truncated)
TRUNCATED_BACKWARD = (
    _s("not truncated", "k is not used: the gradient crosses every border", border=lambda t, k, T: False),
    _s(
        "border one step off",
        "the gradient is cut one step too early: the steps 1 to k make a piece",
        border=lambda t, k, T: t % k == 0,
    ),
    _s(
        "pieces from the end",
        "the pieces are counted from the last step: they are counted from the first",
        border=lambda t, k, T: (T - 1 - t) % k == 0,
    ),
    _s("no gradient carried", "no gradient is handed on at all: within a piece it is", border=lambda t, k, T: True),
    Mistake(
        "a window for each loss",
        "each loss goes back k steps of its own: here the borders stand still, and many losses go back less",
        _windows,
    ),
    Mistake(
        "last piece dropped",
        "the steps after the last whole piece are left out: the last piece may be shorter",
        _rest_dropped,
    ),
    Mistake(
        "loss at the border lost",
        "at a border d_hs[t] goes as well: cut only what comes back from the next piece",
        _border_loss_lost,
    ),
    Mistake(
        "h0 for every piece",
        "every piece takes h0 for the state before it: only the gradient is cut, the state is handed on",
        _piece_starts(_h0_everywhere),
    ),
    Mistake(
        "h wraps around",
        "the first piece takes hs[-1], the last state, for the state before it: that is h0",
        _piece_starts(_last_for_h0),
    ),
    Mistake(
        "state after the first step",
        "a piece takes hs[first] for the state before it: that is the state after its first step",
        _piece_starts(_one_step_on),
    ),
    Mistake(
        "weights of the first piece",
        "d_W_x, d_W_h, d_b are those of the first piece alone: add up over the pieces",
        lambda *args: truncated(*args, of=lambda v: slice(args[-1])),
    ),
    Mistake(
        "weights of the last piece",
        "d_W_x, d_W_h, d_b are overwritten, so the last piece alone remains: add up over the pieces",
        lambda *args: truncated(*args, of=lambda v: slice((v.T - 1) // args[-1] * args[-1], None)),
    ),
    Mistake(
        "weights averaged over the pieces",
        "d_W_x, d_W_h, d_b are averaged over the pieces: they are sums",
        lambda *args: truncated(*args, n=lambda v: math.ceil(v.T / args[-1])),
    ),
    Mistake(
        "d_h0 of the last piece", "d_h0 is what leaves the last piece: h0 is the state before the first", _d_h0_of_last
    ),
)
