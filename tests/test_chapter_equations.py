"""Every numbered equation of the chapters, as it is printed: read from the page's TeX and evaluated.

A `run` gives what the symbols mean: a random trajectory of lstmkit, with random biases and states.  Both sides of an
equation are evaluated at every step and have to agree to 1e-10.  Gradients are taken from lstmkit's backward pass and,
a second time, from complex steps through a network that is composed here value by value; those that lstmkit does not
hand out, δf_t say, from the complex steps alone.  Nothing is computed from the equation that it is to judge.

That the comparison is not blind is tested too: a gate exchanged for another, a step moved, a term, a square or a
transpose lost, each makes the printed equation fail.
"""

import functools
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import tex
from tex import Scope, TexError, σ

from lstmkit.numpy import (
    adam,
    attention,
    bidirectional,
    convlstm,
    coupled,
    encoder_decoder,
    functions,
    gru,
    gru_reset_before,
    linear,
    lstm,
    lstm97,
    mingru,
    minlstm,
    mlstm,
    peephole,
    recurrence,
    rnn,
    scan,
    slstm,
    tdnn,
    transformer,
    zoneout,
)

CHAPTERS = Path(__file__).parent.parent / "chapters"
T, D, H = 5, 2, 3
DRAWS = 3


# Trajectories


class Composed:
    """A network composed value by value, in columns, and its exact derivatives by complex steps.

    `step(p, x_t, state, put)` returns the new state, h first, and hands every value of it to put(name, value).
    The loss looks at every h_t and at the last state.
    """

    def __init__(self, step, p, x, state, d_hs, d_last):
        self.step, self.p, self.x, self.state, self.d_hs, self.d_last = step, p, x, state, d_hs, d_last
        self.record = {}
        self.run(record=self.record)

    def run(self, nudge=(None, 0), blind=False, record=None):
        """The values after a nudge ((name, t), by); blind: no gradient by way of h_{t-1}."""
        record = {} if record is None else record

        def putting(t):
            def put(name, value):
                value = value + nudge[1] if (name, t) == nudge[0] else value
                record[name, t] = value
                return value

            return put

        fields = ("h", "c", "n", "m")[: len(self.state)]
        p = {name: putting(None)(name, value) for name, value in self.p.items()}
        state = [putting(0)(name, value) for name, value in zip(fields, self.state, strict=True)]
        for t in range(1, len(self.x) + 1):
            put = putting(t)
            seen = [state[0].real if blind else state[0], *state[1:]]
            state = self.step(p, put("x", self.x[t - 1]), seen, put)
        for field, value in zip(fields, state, strict=True):
            record[f"last {field}", None] = value
        return record

    def steps(self, name, t):
        """A nudge for each entry of a value: the entries come first, as one more axis."""
        shape = self.record[name, t].shape
        n = int(np.prod(shape))
        return (name, t), 1e-30j * np.eye(n).reshape(n, *shape)

    def gradient(self, name, t=None):
        record = self.run(self.steps(name, t))
        loss = sum((record["h", t] * d).sum((-1, -2)) for t, d in self.d_hs.items())
        for field, d in self.d_last.items():
            loss = loss + (record[f"last {field}", None] * d).sum((-1, -2))
        return (np.zeros(self.record[name, t].size) + loss.imag / 1e-30).reshape(self.record[name, t].shape)

    def jacobian(self, above, below, blind=False):
        value = self.run(self.steps(*below), blind)[above]
        return value.imag[..., 0].T / 1e-30


class Lazy(dict):
    """A series whose values are computed when somebody asks for them, for the steps 1 to T."""

    def __init__(self, compute, known=(), steps=range(1, T + 1)):
        super().__init__(known)
        self.compute, self.steps = compute, steps

    def __missing__(self, t):
        if t not in self.steps:
            raise KeyError(t)
        self[t] = self.compute(t)
        return self[t]


def column(rows):
    """The one sequence of (..., 1, n) as a column."""
    return np.asarray(rows).reshape(-1, 1)


def series(rows, first=None):
    """{t: column} of (T, 1, n), from 1 on, and at 0 the first."""
    found = {t: column(row) for t, row in enumerate(rows, 1)}
    return found if first is None else {0: column(first)} | found


def blocks(params, letters, prefix=""):
    """W_x, W_h, b of each gate: "W_xi", "W_hi", "W_i" for both over [h, x], "b_i"."""
    found = {}
    for k, letter in enumerate(letters):
        for name, array in params._asdict().items():
            if name in ("W_x", "W_h", "b"):
                found[f"{prefix}{name}{'_' * (name == 'b')}{letter}"] = np.split(array, len(letters))[k]
        if hasattr(params, "W_h"):
            both = [found[f"{prefix}W_{side}{letter}"] for side in "hx"]
            found[f"{prefix}W_{letter}"] = np.hstack(both)
    return {name: array.reshape(len(array), -1) for name, array in found.items()}


def drawn(twin, rng):
    """Random params, x, state, d_hs, d_state of one sequence, not so large that gates saturate."""
    params = twin.Params(*(0.7 * rng.normal(size=p.shape) for p in twin.init_params(rng, D, H)))
    state, d_state = (twin.State(*(rng.normal(size=(1, H)) for _ in twin.State._fields)) for _ in range(2))
    return params, rng.normal(size=(T, 1, D)), state, rng.normal(size=(T, 1, H)), d_state


def composed(step, drawing):
    """The Composed network of lstmkit's arrays; the loss looks at h_T by d_hs and by d_state."""
    params, x, state, d_hs, d_state = drawing
    last = {field: column(d) for field, d in d_state._asdict().items()}
    return Composed(step, matrices(params), list(map(column, x)), list(map(column, state)), series(d_hs), last)


def walked_back(twin, params, x, known, d_hs, d_state):
    """δh_t, all that arrives there, δa_t, and δc̃_t, what later steps send back, by lstmkit's step_backward alone."""
    d_h, d_a, d_c, arrives = {}, {}, {}, d_state
    for t in range(T, 0, -1):
        arrives = arrives._replace(h=arrives.h + d_hs[t - 1])
        d_h[t], d_c[t] = column(arrives.h), column(arrives[-1])
        before = twin.State(*(known[field][t - 1].T for field in twin.State._fields))
        _, cache = twin.step(params, x[t - 1], before)
        _, arrives, d_params = twin.step_backward(params, arrives, cache)
        d_a[t] = column(d_params.b)
    return d_h, d_a, d_c | {0: column(arrives[-1])}


def lstm_step(p, x_t, state, put):
    h, c = state
    a = put("a", p["W_x"] @ x_t + p["W_h"] @ h + p["b"])
    a_i, a_f, a_g, a_o = (put(f"a_{k}", part) for k, part in zip("ifgo", np.split(a, 4, axis=-2), strict=True))
    i, f, g, o = put("i", σ(a_i)), put("f", σ(a_f)), put("g", np.tanh(a_g)), put("o", σ(a_o))
    c = put("c", f * c + i * g)
    return put("h", o * put("q", np.tanh(c))), c


def recurrent(rng, twin, step, letters, saved):
    """A cell that lstmkit runs over time: forward, backward, and all that is in between.

    `letters` are its blocks, `saved` what its cache can be asked for.
    """
    params, x, state, d_hs, d_state = drawn(twin, rng)
    drawing = params, x, state, d_hs, d_state
    hs, _, cache = twin.forward(params, x, state)
    d_x, d_first, d_params = twin.backward(params, d_hs, cache, d_state)
    other = composed(step, drawing)
    known = {name: series(recurrence.read(cache, name), getattr(state, name, None)) for name in saved}
    known |= {"x": series(x), "h": series(hs, state.h)}
    agreed(other, known)
    for name, t in other.record:  # of values that lstmkit does not keep, those that give what it does keep
        if t is not None and name not in saved and name not in ("x", "h"):
            known.setdefault(name, {})[t] = other.record[name, t]
    values = matrices(params) | blocks(params, letters) | {"D": D, "H": H, "T": T}
    numeric, d_series = differentiated(other)
    hand = {f"δ{name}": array for name, array in matrices(d_params).items()}
    d_h, d_a, d_c = walked_back(twin, params, x, known, d_hs, d_state)
    d_known = {"δx": series(d_x), "δa": d_a, "δh": d_h | {0: column(d_first.h)}}
    for k, letter in enumerate(letters):
        d_known[f"δa_{letter}"] = {t: np.split(d, len(letters))[k] for t, d in d_a.items()}
    if hasattr(d_first, "c"):
        d_known["δc"] = Lazy(d_series["δc"].compute, {0: column(d_first.c)})
        d_known["δtilde c"] = d_c
    direct = {t: column(d) + (t == T) * column(d_state.h) for t, d in enumerate(d_hs, 1)} | {0: np.zeros((H, 1))}
    partials = {
        ("L", "h", "direct"): lambda t: direct[t],
        ("c", "c", "carousel"): lambda t, s: other.jacobian(("c", t), ("c", s), blind=True),
        ("h", "h", ""): lambda t, s: other.jacobian(("h", t), ("h", s)),
    }
    by_hand = Scope(values | hand, known | d_series | d_known, {"T": T}, partials=partials)
    by_steps = Scope(values | numeric, known | d_series, {"T": T}, partials=partials)
    return by_hand, by_steps, d_state


def lstm_run(rng):
    """An LSTM."""
    by_hand, by_steps, d_state = recurrent(rng, lstm, lstm_step, "ifgo", "ifgoqc")
    # lstmkit's pre-activations are those that its gates come from
    known = by_hand.series
    gates = {f"a_{k}": {t: np.log(known[k][t] / (1 - known[k][t])) for t in range(1, T + 1)} for k in "ifo"}
    gates["a_g"] = {t: np.arctanh(g) for t, g in known["g"].items()}
    gates["a"] = {t: np.vstack([gates[f"a_{k}"][t] for k in "ifgo"]) for t in range(1, T + 1)}
    # after the end nothing arrives at a_{T+1}, and by way of c_{T+1} what the loss says about c_T
    f_after = rng.uniform(0.2, 0.8, (H, 1))
    known["f"][T + 1] = f_after
    for scope in (by_hand, by_steps):
        scope.series |= gates
        scope.series["δa"][T + 1], scope.series["δc"][T + 1] = np.zeros((4 * H, 1)), column(d_state.c) / f_after
    return over_time(by_hand) + over_time(by_steps)


def gru_step(p, x_t, state, put):
    (h,) = state
    past = p["W_h"] * np.repeat([[1.0], [1.0], [0.0]], H, axis=0)  # a_n does not see it
    a = put("a", p["W_x"] @ x_t + past @ h + p["b"])
    a_r, a_z, a_n = (put(f"a_{k}", part) for k, part in zip("rzn", np.split(a, 3, axis=-2), strict=True))
    u = put("u", p["W_h"][..., 2 * H :, :] @ h + p["b_u"])
    r, z = put("r", σ(a_r)), put("z", σ(a_z))
    n = put("n", np.tanh(a_n + r * u))
    return (put("h", (1 - z) * n + z * h),)


def gru_run(rng):
    """A GRU whose reset acts after the product."""
    by_hand, by_steps, _ = recurrent(rng, gru, gru_step, "rzn", "rznu")
    for scope in (by_hand, by_steps):
        scope.values |= blocks(gru.Params(*(scope.values[f"δ{name}"] for name in gru.Params._fields)), "rzn", "δ")
    return over_time(by_hand) + over_time(by_steps)


def gru_exchanged_run(rng):
    """A GRU whose z is what 1 - z is in lstmkit's."""
    scopes = gru_run(rng)
    z = {t: 1 - z for t, z in scopes[0].series["z"].items()}
    return [replace(scope, series=scope.series | {"z": z}) for scope in scopes]


def gru_count_run(rng):
    """Numbers of parameters of a GRU, of several sizes, by lstmkit and by counting what it makes."""
    found = []
    for d, h in (*rng.integers(1, 40, (3, 2)).tolist(), (1, 1)):
        n = gru.count_params(d, h)
        assert n == sum(a.size for a in gru.init_params(rng, d, h))
        found.append(Scope({"N": np.float64(n), "D": np.float64(d), "H": np.float64(h)}))
    return found


def gru_before_run(rng):
    """A GRU whose reset acts before the product, as in the first papers."""
    params, x, state, _, _ = drawn(gru_reset_before, rng)
    hs, _, cache = gru_reset_before.forward(params, x, state)
    known = {letter: series(cache.gates[:, k].transpose(0, 2, 1)) for k, letter in enumerate("rzn")}
    known |= {"x": series(x), "h": series(hs, state.h)}
    return over_time(Scope(matrices(params) | blocks(params, "rzn"), known, {"T": T}))


def lstm97_step(p, x_t, state, put):
    h, c = state
    a = put("a", p["W_x"] @ x_t + p["W_h"] @ h + p["b"])
    a_i, a_g, a_o = (put(f"a_{k}", part) for k, part in zip("igo", np.split(a, 3, axis=-2), strict=True))
    i, g, o = put("i", σ(a_i)), put("g", np.tanh(a_g)), put("o", σ(a_o))
    c = put("c", c + i * g)
    return put("h", o * put("q", np.tanh(c))), c


def lstm97_run(rng):
    """The LSTM of 1997, without a forget gate."""
    by_hand, by_steps, _ = recurrent(rng, lstm97, lstm97_step, "igo", "igoqc")
    return over_time(by_hand) + over_time(by_steps)


def peephole_step(p, x_t, state, put):
    h, c = state
    a = put("a", p["W_x"] @ x_t + p["W_h"] @ h + p["b"])
    a_i, a_f, a_g, a_o = (put(f"a_{k}", part) for k, part in zip("ifgo", np.split(a, 4, axis=-2), strict=True))
    i, f, g = put("i", σ(a_i + p["w_i"] * c)), put("f", σ(a_f + p["w_f"] * c)), put("g", np.tanh(a_g))
    c = put("c", f * c + i * g)
    o = put("o", σ(a_o + p["w_o"] * c))
    return put("h", o * put("q", np.tanh(c))), put("tilde c", c)  # as later steps see it


def peephole_run(rng):
    """An LSTM with peepholes."""
    by_hand, by_steps, _ = recurrent(rng, peephole, peephole_step, "ifgo", "ifgoqc")
    by_steps.series["δtilde c"][0] = by_steps.series["δc"].compute(0)
    inner = by_hand.partials["c", "c", "carousel"]
    for scope in (by_hand, by_steps):  # without W_h no unit sees another one's cell
        scope.partials["c", "c", ""] = lambda t, s: np.diag(inner(t, s))[:, None]
    return over_time(by_hand) + over_time(by_steps)


def coupled_step(p, x_t, state, put):
    h, c = state
    a = put("a", p["W_x"] @ x_t + p["W_h"] @ h + p["b"])
    a_f, a_g, a_o = (put(f"a_{k}", part) for k, part in zip("fgo", np.split(a, 3, axis=-2), strict=True))
    f, g, o = put("f", σ(a_f)), put("g", np.tanh(a_g)), put("o", σ(a_o))
    c = put("c", f * c + (1 - f) * g)
    return put("h", o * put("q", np.tanh(c))), c


def coupled_run(rng):
    """An LSTM with one gate to forget and to write."""
    by_hand, by_steps, _ = recurrent(rng, coupled, coupled_step, "fgo", "fgoqc")
    return over_time(by_hand) + over_time(by_steps)


def matrices(params):
    """The arrays by their names, vectors as columns."""
    return {name: array.reshape(len(array), -1) for name, array in params._asdict().items()}


def agreed(other, known):
    """What is composed here is what lstmkit computes."""
    for (name, t), value in other.record.items():
        if t and name in known:
            np.testing.assert_allclose(value, known[name][t], rtol=1e-11, atol=1e-11, err_msg=f"{name}_{t}")


def differentiated(other):
    """δ of every parameter, and of every value at every step, by complex steps."""
    steps = defaultdict(set)
    for name, t in other.record:
        steps[name].add(t)
    numeric = {f"δ{name}": other.gradient(name) for name in other.p}
    found = {
        f"δ{name}": Lazy(functools.partial(other.gradient, name), steps=seen)
        for name, seen in steps.items()
        if None not in seen
    }
    return numeric, found


def over_time(scope):
    """The scope at every step."""
    return [scope.at(t=t) for t in range(1, T + 1)]


def rnn_step(p, x_t, state, put):
    a = put("a", p["W_x"] @ x_t + p["W_h"] @ state[0] + p["b"])
    return (put("h", np.tanh(a)),)


def rnn_run(rng):
    """A simple recurrent network."""
    by_hand, by_steps, _ = recurrent(rng, rnn, rnn_step, "", "")
    return over_time(by_hand) + over_time(by_steps)


def attention_run(score, rng):
    """Attention of a writer's states h_1 ... h_T over a reader's s_1 ... s_N, T = N, whose sizes differ but for dot."""
    Q, K, A = (4, 4, 0) if score == "dot" else (4, 3, 2)
    shapes = {"additive": {"W_q": (A, Q), "W_k": (A, K), "v": (A,)}, "general": {"W": (Q, K)}, "dot": {}}[score]
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    kind = {"additive": attention.Additive, "general": attention.Multiplicative}.get(score)
    params, h, s = kind and kind(**arrays), rng.normal(size=(T + 1, 1, Q)), rng.normal(size=(T, 1, K))
    queries = h[:-1] if score == "additive" else h[1:]  # the state before the step, or after it
    contexts, weights, _ = attention.forward(params, queries, s, s)
    scores, _ = attention._scores(params, *(array.swapaxes(0, 1) for array in (queries, s)))
    steps = range(1, T + 1)
    known = {"h": series(h[1:], h[0]), "s": series(s), "m": series(contexts)}
    known["e"] = {(t, j): scores[0, t - 1, j - 1] for t in steps for j in steps}
    known["α"] = {(t, j): weights[t - 1, 0, j - 1] for t in steps for j in steps}
    values = {name: array.reshape(len(array), -1) for name, array in arrays.items()}
    return [Scope(values, known, {"t": t, "j": j, "T": T}) for t in steps for j in steps]


additive_run, general_run, dot_run = (
    functools.partial(attention_run, score) for score in ("additive", "general", "dot")
)


def bottleneck_run(rng):
    """An encoder-decoder without attention: what the decoder gets at each step."""
    V, E = 4, 2
    params = encoder_decoder.init_params(rng, V, E, H)
    source, previous = rng.integers(0, V, (T, 1)), rng.integers(0, V, (T, 1))
    _, _, (_, _, _, encoded, _, _, joined) = encoder_decoder.forward(params, source, np.array([T]), previous)
    return over_time(Scope({}, {"s": series(encoded), "m": series(joined[..., H:])}, {"T": T}))


def slide(kernels, image):
    """Kernels (H, D, k, k), not flipped, over an image (D, R, S) in a border of zeros, pixel by pixel."""
    (n, _, k, _), (_, R, S) = kernels.shape, image.shape
    padded = np.pad(image, ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    found = np.empty((n, R, S))
    for unit in range(n):
        for row in range(R):
            for pixel in range(S):
                found[unit, row, pixel] = (kernels[unit] * padded[:, row : row + k, pixel : pixel + k]).sum()
    return found


def convlstm_run(rng, peepholes=False):
    """A convolutional LSTM, on images (channels, rows, pixels)."""
    R, S, k = 4, 5, 3
    params = convlstm.init_params(rng, D, H, k, (R, S) if peepholes else None)
    params = convlstm.Params(*(None if p is None else 0.4 * rng.normal(size=p.shape) for p in params))
    x, state = rng.normal(size=(T, 1, D, R, S)), convlstm.State(*rng.normal(size=(2, 1, H, R, S)))
    hs, _, cache = convlstm.forward(params, x, state)
    known = {letter: dict(enumerate(cache.saved[:, n, ..., 0], 1)) for n, letter in enumerate("ifgoq")}
    known |= {"x": dict(enumerate(x[:, 0], 1)), "c": dict(enumerate(cache.c[..., 0]))}
    known["h"] = {0: state.h[0]} | dict(enumerate(hs[:, 0], 1))
    values = {}
    for n, letter in enumerate("ifgo"):
        rows = slice(n * H, (n + 1) * H)
        values |= {f"W_x{letter}": params.W_x[rows], f"W_h{letter}": params.W_h[rows]}
        values[f"b_{letter}"] = np.broadcast_to(params.b[rows, None, None], (H, R, S))
    if peepholes:
        values |= {f"w_{letter}": w for letter, w in zip("ifo", params.w, strict=True)}
    return over_time(Scope(values, known, {"T": T}, {"*": slide}))


def bidirectional_run(rng):
    """An LSTM in both directions: one from h_0 on, the other from h_{T+1} back."""
    (there, x, first_there, *_), (back, _, first_back, *_) = drawn(lstm, rng), drawn(lstm, rng)
    params, first = bidirectional.Params(there, back), bidirectional.State(first_there, first_back)
    hs, _, cache = bidirectional.forward(lstm, params, x, first)
    known, values = {"x": series(x), "h": series(hs)}, {}
    shown = zip(params, first, (cache.forward, cache.backward), np.split(hs, 2, axis=2), strict=True)
    for arrow, (weights, state, kept, h) in zip(("overrightarrow", "overleftarrow"), shown, strict=True):
        onward = arrow == "overrightarrow"
        steps, before = (range(1, T + 1), 0) if onward else (range(T, 0, -1), T + 1)
        (cell_cache,) = kept.caches
        for letter in "ifgoc":
            rows = recurrence.read(cell_cache, letter)
            known[f"{arrow} {letter}"] = {t: column(row) for t, row in zip(steps, rows, strict=True)}
        known[f"{arrow} h"] = series(h) | {before: column(state.h)}
        known[f"{arrow} c"][before] = column(state.c)
        values |= {f"{arrow} {name}": array for name, array in blocks(weights, "ifgo").items()}
    return over_time(Scope(values, known, {"T": T}))


def slstm_run(rng, forgets=True):
    """An sLSTM, or one whose forget gates stay at 1, from its own first state on; a_t from the weights."""
    params, x, state, _, _ = drawn(slstm, rng)
    state = state._replace(n=np.abs(state.n) + 1) if forgets else slstm.zero_state(1, H)
    params = params._replace(b=params.b + (not forgets) * np.repeat([0, 1000, 0, 0], H))
    hs, _, cache = slstm.forward(params, x, state)
    known = {name: series(recurrence.read(cache, name), getattr(state, name, None)) for name in "ifzocnm"}
    known |= {"x": series(x), "h": series(hs, state.h)}
    h_prev = np.concatenate([state.h[None], hs[:-1]])
    a = x @ params.W_x.T + h_prev @ params.W_h.T + params.b
    known |= {f"a_{letter}": series(part) for letter, part in zip("ifzo", np.split(a, 4, axis=-1), strict=True)}
    return over_time(Scope({}, known, {"T": T}))


def mlstm_run(rng):
    """An mLSTM of one head, and one whose stabiliser is so low that it sets the denominator."""
    return mlstm_lowered(rng, 0) + mlstm_lowered(rng, 4)


def mlstm_lowered(rng, by):
    """An mLSTM of one head, its stabiliser lowered."""
    params = mlstm.Params(*(0.7 * rng.normal(size=p.shape) for p in mlstm.init_params(rng, D, H)))
    x = rng.normal(size=(T, 1, D))
    state = mlstm.State(*(rng.normal(size=field.shape) for field in mlstm.zero_state(1, H)))
    params, state = params._replace(b_g=params.b_g - [by, 0]), state._replace(m=state.m - by)
    hs, _, cache = mlstm.forward(params, x, state)
    q, k, v, o, a_i, log_f = cache.inputs
    known = {name: series(rows) for name, rows in zip("qkvoxh", (q, k, v, o, x, hs), strict=True)}
    known["C"] = dict(enumerate(cache.C[:, 0, 0]))
    known["n"] = {t: column(row) for t, row in enumerate(cache.n)}
    for name, rows in {
        "i": cache.gates[0],
        "f": cache.gates[1],
        "a_i": a_i,
        "a_f": log_f - np.log1p(-np.exp(log_f)),
    }.items():
        known[name] = {t: row[0, 0] for t, row in enumerate(rows, 1)}
    known["m"] = {0: state.m[0, 0]} | {t: a - np.log(known["i"][t]) for t, a in known["a_i"].items()}
    values = {"K": np.float64(H), "w_i": params.W_g[:1].T, "w_f": params.W_g[1:].T}
    values |= dict(zip(("b_i", "b_f"), params.b_g, strict=True))
    for n, letter in enumerate("qkvo"):
        rows = slice(n * H, (n + 1) * H)
        values |= {f"W_{letter}": params.W_x[rows], f"b_{letter}": params.b[rows, None]}
    return over_time(Scope(values, known, {"T": T}))


def min_run(twin, letters, rng):
    """minLSTM or minGRU, with the plain candidate."""
    params, x, state, _, _ = drawn(twin, rng)
    hs, _, cache = twin.forward(params, x, state)
    known = {"x": series(x), "h": series(hs, state.h), "g": series(cache.saved[1])}
    factor = series(cache.saved[0])  # of h_{t-1}
    if letters == "ifg":
        known |= {"f": factor, "i": {t: 1 - f for t, f in factor.items()}}
        known |= {f"{letter}'": series(np.exp(rows)) for letter, rows in zip("if", cache.saved[2:], strict=True)}
    else:
        known["z"] = {t: 1 - f for t, f in factor.items()}
    return over_time(Scope(blocks(params, letters) | stacked(params, letters), known, {"T": T}))


minlstm_run, mingru_run = functools.partial(min_run, minlstm, "ifg"), functools.partial(min_run, mingru, "zg")


def stacked(params, letters):
    """W_i, W_f, ... of a cell that sees the input alone."""
    return {f"W_{k}": W for k, W in zip(letters, np.split(params.W_x, len(letters)), strict=True)}


def counts_run(rng):
    """The shares of a table of counts, as either page calls them; far off, one in which hardly any is ill."""

    def at(caught, missed, false, quiet, far=None):
        sick, well = caught + missed, false + quiet
        hit, alarm, right = caught / sick, false / well, caught / (caught + false)
        shares = {"β": hit, "h": hit, "α": alarm, "a": alarm, "precision": right, "p": right, "π": sick / (sick + well)}
        return Scope(shares | {"n": sick + well, "false alarms a day": false}, far=far)

    near, rare = rng.integers(1, 100, (4, 4)).astype(float), rng.integers(1, 100, (4, 4)) * [1.0, 1, 1e6, 1e6]
    return [at(*counts, far=at(*others)) for counts, others in zip(near, rare, strict=True)]


def linear_run(rng, least=-1):
    """A linear recurrence, by lstmkit's scan; A, of positive factors, is the logarithm of what is left of h_0."""
    a, b, h = rng.uniform(least, 1, (T, 1, H)), rng.normal(size=(T, 1, H)), rng.normal(size=(1, H))
    known = {"a": series(a), "b": series(b), "h": series(scan.blocks(a, b, h), h)}
    if least > 0:
        known["A"] = series(np.log(scan.linear(a, np.zeros_like(b), np.ones_like(h))))
    return over_time(Scope({}, known, {"T": T}))


def joined_run(rng):
    """The same, and of the steps from s to t together what is left of a one, and what comes of a zero."""
    scope, *_ = linear_run(rng)
    a, b = (np.stack([scope.series[name][t].T for t in range(1, T + 1)]) for name in "ab")
    for s in range(T):
        for t in range(s + 1, T + 1):
            one, none = np.ones((1, H)), np.zeros((1, H))
            scope.series["a"][s, t] = column(scan.linear(a[s:t], np.zeros_like(b[s:t]), one)[-1])
            scope.series["b"][s, t] = column(scan.linear(a[s:t], b[s:t], none)[-1])
    return [scope.at(s=s, r=r, t=t) for t in range(2, T + 1) for r in range(1, t) for s in range(r)]


def parity_run(rng):
    """The bits of lstmkit's parity, and the parity after each, from an even one on."""
    from lstmkit.tasks import parity

    x, y = parity.batch(rng, 20, 1)
    known = {"x": dict(enumerate(x[:, 0, 1], 1)), "h": dict(enumerate([0.0, *y[:, 0].astype(float)]))}
    return [Scope({}, known, {"t": t}) for t in range(1, 21)]


def delta_run(rng):
    """A memory that goes down the slope of half the squared error of what a key gives, β_t far: by complex steps."""
    k, v, rate = rng.normal(size=(T, H, 1)), rng.normal(size=(T, H + 1, 1)), rng.uniform(0.1, 2, T)
    C = [rng.normal(size=(H + 1, H))]
    nudges = 1e-30j * np.eye(C[0].size).reshape(-1, *C[0].shape)
    for t in range(T):
        error = (((C[t] + nudges) @ k[t] - v[t]) ** 2).sum((1, 2)) / 2
        C.append(C[t] - rate[t] * (error.imag / 1e-30).reshape(C[t].shape))
    known = {"k": series(k), "v": series(v), "β": dict(enumerate(rate, 1)), "C": dict(enumerate(C))}
    return over_time(Scope({}, known, {"T": T}))


def walk_run(rng):
    """lstmkit's naive forecast of a series."""
    from lstmkit.forecasting import naive

    x, n = rng.normal(size=12), 4
    known = {"x": dict(enumerate(x)), "hat x": dict(enumerate(naive(x, n), n))}
    return [Scope({}, known, {"t": t}) for t in range(n - 1, 11)]


def mase_run(rng):
    """lstmkit's scaled error of forecasts that are drawn, of three periods."""
    from lstmkit.forecasting import mase

    n, x, forecast = 12, rng.normal(size=20), rng.normal(size=8)
    known = {"x": dict(enumerate(x, 1)), "hat x": dict(enumerate(forecast, n + 1))}
    errors = {m: np.float64(mase(x[n:], forecast, x[:n], m)) for m in (1, 2, 4)}
    return [Scope({"MASE": error}, known, {"n": n, "K": 8, "m": m}) for m, error in errors.items()]


def auroc_run(rng):
    """lstmkit's area for scores with ties, of four that are faulty and five that are not."""
    from lstmkit.experiments.heartbeat import auroc

    faulty = rng.permutation(9) < 4
    score = rng.integers(0, 4, 9) + faulty
    sets = {"+": np.flatnonzero(faulty).tolist(), "-": np.flatnonzero(~faulty).tolist()}
    values = {"area": np.float64(auroc(score, faulty)), "n_+": np.float64(4), "n_-": np.float64(5)}
    return [Scope(values, {"s": dict(enumerate(score.astype(float)))}, ranges=sets)]


def step_run(rng):
    """A state that is carried on, and a read-out of it."""
    params, x, state, _, _ = drawn(rnn, rng)
    readout = linear.Params(rng.normal(size=(4, H)), rng.normal(size=4))
    hs, _, _ = rnn.forward(params, x, state)
    known = {"x": series(x), "h": series(hs, state.h), "y": series(linear.forward(readout, hs))}
    called = {
        "step": lambda h, x: column(rnn.step(params, x.T, rnn.State(h.T))[0].h),
        "read": lambda h: column(linear.forward(readout, h.T)),
    }
    return over_time(Scope({}, known, {"T": T}, called))


def window_run(rng):
    """A window of three inputs."""
    params = tdnn.Params(rng.normal(size=(3, H, D)), rng.normal(size=H))
    x = rng.normal(size=(T, 1, D))
    known = {"x": series(x), "y": series(tdnn.forward(params, x)[0])}
    called = {"F": lambda *seen: column(tdnn.forward(params, np.stack([x_t.T for x_t in seen]))[0][-1])}
    return [Scope({}, known, {"t": t, "k": 3}, called) for t in range(3, T + 1)]


def autocorrelation_run(rng):
    """lstmkit's autocorrelation of a random walk."""
    from lstmkit.experiments.autocorrelation import autocorrelation

    x = np.cumsum(rng.normal(size=20))
    known = {"x": dict(enumerate(x, 1)), "r": dict(enumerate(autocorrelation(x, range(1, 6)), 1))}
    return [Scope({"bar x": x.mean()}, known, {"k": k, "n": 20}) for k in range(1, 6)]


def offset_run(rng):
    """The coins that the three readers are asked for, 32 sequences at once."""
    from lstmkit.experiments import reach

    x, y = reach.batch(rng)
    known = {"x": {t: (x_t + 1) / 2 for t, x_t in enumerate(x)}}
    found = []
    for n, k in enumerate(reach.OFFSETS.tolist()):
        asked = {t: y_t[:, n, None] for t, y_t in enumerate(y, reach.SCORED.start)}
        found += [Scope({}, known | {"y": asked}, {"t": t, "k": k}) for t in asked]
    return found


def autoregression_run(rng):
    """lstmkit's autoregression of order 3, of a series that has one: its weights are then those of the series."""
    from lstmkit.forecasting import autoregression

    p, w, x = 3, rng.uniform(-0.4, 0.4, 4), list(rng.normal(size=3))
    for _ in range(17):
        x.append(w[0] + w[1:] @ x[:-4:-1])
    forecasts = autoregression(np.array(x), p, 20, p)
    known = {"x": dict(enumerate(x)), "w": dict(enumerate(w)), "hat x": dict(enumerate(forecasts, p))}
    return [Scope({}, known, {"t": t, "p": p}) for t in range(p - 1, 19)]


def latch_run(rng):
    """The hand-set unit of the latch, all numbers."""
    from lstmkit.experiments.latch import HAND_SET

    x, state = rng.normal(size=(T, 1, 1)), rnn.State(rng.normal(size=(1, 1)))
    hs, _, _ = rnn.forward(HAND_SET, x, state)
    known = {"x": dict(enumerate(x[:, 0, 0], 1)), "h": {0: state.h[0, 0]} | dict(enumerate(hs[:, 0, 0], 1))}
    other = Composed(rnn_step, matrices(HAND_SET), list(map(column, x)), [column(state.h)], {}, {})
    partials = {("h", "h", ""): lambda t, s: other.jacobian(("h", t), ("h", s))[0, 0]}
    return [Scope({}, known, {"t": t}, partials=partials) for t in range(2, T + 1)]


def time_constant_run(rng):
    """lstmkit's sigmoid at some bias."""
    return [Scope({"b_f": b, "e": np.e}, functions={"σ": functions.sigmoid}) for b in rng.normal(1, 2, 4)]


def clip_run(rng):
    """Gradients before and after lstmkit has clipped them, once too long and once not."""
    found = []
    grads = [rng.normal(size=shape) for shape in ((4, 3), (2, 5), (3, 1))]
    long = np.sqrt(sum((g**2).sum() for g in grads))
    for m in (0.3 * long, 1.7 * long):
        clipped, norm = adam.clip_by_norm(grads, m)
        whole = np.concatenate([g.reshape(-1, 1) for g in grads])
        np.testing.assert_allclose(norm, np.linalg.norm(whole))
        for k in (1, 2, 3):
            after = Scope({}, {"g": dict(enumerate(clipped, 1))}, {"k": k})
            values = {"g": whole, "m": np.float64(m)}
            found.append(Scope(values, {"g": dict(enumerate(grads, 1))}, {"k": k, "n": 3}, after=after))
    return found


def locked_run(rng):
    """Dropout by one mask for all steps, by lstmkit's module; the mask is what it makes of ones."""
    torch = pytest.importorskip("torch")
    from lstmkit.torch.regularise import LockedDropout

    p, seed, found = float(rng.uniform(0.2, 0.7)), int(rng.integers(2**32)), []
    x = torch.tensor(rng.normal(size=(T, 1, 40)))
    for given in (torch.ones_like(x), x):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            found.append(LockedDropout(p).train()(given).numpy())
    m = column(found[0][0] != 0).astype(float)
    assert 0 < m.sum() < m.size
    return over_time(Scope({"m": m, "p": np.float64(p)}, {"x": series(x.numpy()), "tilde x": series(found[1])}))


def zoneout_run(rng):
    """An LSTM with zoneout, by masks that are no whole numbers, as the probabilities are in use."""
    params, x, state, _, _ = drawn(zoneout, rng)
    m_h, m_c = rng.uniform(0.2, 0.8, (2, T, 1, H))
    _, _, cache = zoneout.forward(params, x, state, m_h=m_h, m_c=m_c)
    known = {name: series(recurrence.read(cache, name), getattr(state, name, None)) for name in "ifgoqc"}
    known |= {"m": series(m_c), "tilde c": {t: np.arctanh(q) for t, q in known["q"].items()}}
    return over_time(Scope({}, known, {"T": T}))


def transformer_run(rng):
    """A causal block of one head, with norms that change nothing: each is given back what it takes away.

    The first norm sees inputs of one mean and spread; the second is set anew for each position, and read there.
    """
    d, F = 4, 6
    params = transformer.Params(*(rng.normal(size=p.shape) for p in transformer.init_params(rng, d, F)))
    x = rng.normal(size=(T, 1, d))
    x = (x - x.mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)
    params = params._replace(gain_1=np.full(d, np.sqrt(1 + 1e-5)), shift_1=np.zeros(d))
    silent = params._replace(W_2=np.zeros((d, F)), b_2=np.zeros(d))
    z, _, (_, _, _, (_, mixed, asked), _, _) = transformer.forward(silent, x, 1, norm_first=True)
    q, k, v, _, weights, scale, _ = asked
    y = {}
    for t, z_t in enumerate(z, 1):
        root = np.sqrt(z_t.var() + 1e-5)
        own = params._replace(gain_2=np.full(d, root), shift_2=np.full(d, z_t.mean()))
        y[t] = column(transformer.forward(own, x, 1, norm_first=True)[0][t - 1])
    known = {"x": series(x), "m": series(mixed), "z": series(z), "y": y}
    known |= {name: series(rows[0]) for name, rows in zip("qkv", (q, k, v), strict=True)}
    pairs = [(t, s) for t in range(1, T + 1) for s in range(1, t + 1)]
    scores = scale * attention._scores(None, q, k)[0]
    known["e"] = {(t, s): scores[0, t - 1, s - 1] for t, s in pairs}
    known["α"] = {(t, s): weights[0, t - 1, s - 1] for t, s in pairs}
    values = {f"W_{name}": W for name, W in zip("qkv", np.split(params.W_qkv, 3), strict=True)}
    values |= {f"b_{name}": column(b) for name, b in zip("qkv", np.split(params.b_qkv, 3), strict=True)}
    values |= {"W_o": params.W_out, "b_o": column(params.b_out), "d": np.float64(d)}
    values |= {name: array for name, array in matrices(params).items() if name in ("W_1", "b_1", "W_2", "b_2")}
    return [Scope(values, known, {"t": t, "s": s}, {"relu": functions.relu}) for t, s in pairs]


def bound_run(rng):
    """A read-out of an LSTM whose hidden state is nearly 1, or -1, so that the bound is nearly reached."""
    params, x, state, _, _ = drawn(lstm, rng)
    params = params._replace(b=params.b + np.repeat([-50, 50, 0, 50], H))  # shut, open, -, open
    state = lstm.State(3 * np.sign(state.c), 8 * np.sign(state.c))  # the first h is no output of a cell, and not bound
    hs, _, _ = lstm.forward(params, x, state)
    w, b = rng.uniform(0.5, 2, (H, 1)) * np.sign(state.c.T), np.float64(rng.uniform(0.5, 2))
    known = {"h": series(hs, state.h), "w": dict(enumerate(w[:, 0], 1))}
    return over_time(Scope({"w": w, "b": b}, known, {"H": H}))


# Which run gives an equation its symbols


@dataclass
class Case:
    """How an equation is executed."""

    run: callable  # rng -> Scopes
    bare: tuple = ()  # series that the page writes without a subscript
    left_out: tuple = ()  # TeX of it that is not executed, as it stands on the page
    functions: tuple = ()  # names that are called

    def scopes(self, seed):
        """The Scopes of every draw."""
        found = [scope for draw in range(DRAWS) for scope in drawing(self.run, seed, draw)]
        now = [{name: scope.series[name][scope.index["t"]] for name in self.bare} for scope in found]
        return [replace(scope, values=scope.values | bare) for scope, bare in zip(found, now, strict=True)]


@functools.cache
def drawing(run, seed, draw):
    return run(np.random.default_rng([seed, draw]))


def chrono_run(rng):
    """Chrono initialisation, and the numbers that it draws."""
    from lstmkit.experiments.temporal_order import chrono_bias

    seed, longest = int(rng.integers(2**32)), int(rng.integers(20, 200))
    again = np.random.default_rng(seed)
    b_i, b_f, _, _ = chrono_bias(np.random.default_rng(seed), H, longest).reshape(4, H, 1)
    u = again.uniform(1, longest - 1, (H, 1))
    uniform = {"mathcal U": lambda low, high: np.random.default_rng(seed).uniform(low, high, (H, 1))}
    return [Scope({"b_i": b_i, "b_f": b_f, "u": u, "T_max": np.float64(longest)}, functions=uniform)]


def count_run(rng):
    """Numbers of parameters, of several sizes, by lstmkit and by counting what it makes."""
    found = []
    for d, h in (*rng.integers(1, 40, (3, 2)).tolist(), (1, 1)):
        counted = {n: (lstm.count_params(d, h, n), rnn.count_params(d, h, n)) for n in (1, 2)}
        assert counted[1] == tuple(sum(a.size for a in twin.init_params(rng, d, h)) for twin in (lstm, rnn))
        for n, (of_lstm, of_rnn) in counted.items():
            sizes = {"D": d, "H": h, "n": n, "N_LSTM": of_lstm, "N_RNN": of_rnn}
            found.append(Scope({name: np.float64(size) for name, size in sizes.items()}))
    return found


def retention_run(rng):
    """An LSTM into which nothing is written, and whose forget gate stands still."""
    b = rng.normal(1, 1, H)
    params = lstm.Params(np.zeros((4 * H, D)), np.zeros((4 * H, H)), np.r_[np.full(H, -1e6), b, rng.normal(size=2 * H)])
    state = lstm.State(*rng.normal(size=(2, 1, H)))
    _, _, cache = lstm.forward(params, rng.normal(size=(T, 1, D)), state)
    gates = lstm.read_gates(cache)
    known = {"c": series(gates.c, state.c), "f": series(gates.f)}
    values = {"b": column(b), "f": column(gates.f[0])}
    return [Scope(values, known, {"s": s, "t": t}) for s in range(T) for t in range(1, T - s + 1)]


def halflife_run(rng):
    """How often lstmkit's gate has to act until one half is left, found by bisection."""

    def at(b):
        gate, low, high = functions.sigmoid(np.float64(b)), 0.0, 1e6
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if gate**middle > 0.5 else (low, middle)
        return Scope({"b": np.float64(b), "e": np.e, "t_1/2": np.float64(low)})

    near = at(rng.uniform(-2, 4))
    near.far = at(rng.uniform(9, 10))
    return [near, near.far]


def split_run(rng):
    """Errors, and their two parts as the experiment has them."""
    from lstmkit.experiments.gates_on_adding import shift_and_spread

    e = rng.normal(0.5, 2, (100, 1))
    shift, spread = shift_and_spread(e)
    braces = {"shift": np.float64(shift), "spread": np.float64(spread)}
    return [Scope({"e": e, "bar e": e.mean()}, functions={"mean": np.mean}, braces=braces)]


def gate_run(rng):
    """Each gate of an LSTM as a function of what it multiplies."""
    found = []
    for scope in lstm_run(rng)[:T]:
        for letter in "ifo":
            parts = {"W_x": f"W_x{letter}", "W_h": f"W_h{letter}", "b": f"b_{letter}"}
            values = {name: scope.values[part] for name, part in parts.items()} | {"v": rng.normal(size=(H, 1))}
            opened = scope.series[letter][scope.index["t"]]
            found.append(Scope(values, scope.series, scope.index, {"gate": lambda v, opened=opened: opened * v}))
    return found


def sigmoid_run(rng):
    """The derivative of lstmkit's sigmoid, by complex steps."""

    def at(a, far=None):
        slope = {"σ'": lambda a: functions.sigmoid(a + 1e-30j).imag / 1e-30}
        return Scope({"a": np.float64(a), "e": np.e}, functions=slope, far=far)

    near = (rng.normal(0, 2), rng.normal(0, 2), 0)  # at 0 it is steepest
    return [at(a, far=at(sign * rng.uniform(9, 10))) for a, sign in zip(near, (-1, 1, 1), strict=True)]


EXECUTED = {
    "eq-math-f": Case(lstm_run),
    "eq-math-i": Case(lstm_run),
    "eq-math-g": Case(lstm_run),
    "eq-math-c": Case(lstm_run),
    "eq-math-o": Case(lstm_run),
    "eq-math-h": Case(lstm_run),
    "eq-math-blocks": Case(lstm_run),
    "eq-math-packed": Case(lstm_run),
    "eq-math-d-h": Case(lstm_run),
    "eq-math-d-o": Case(lstm_run),
    "eq-math-d-c": Case(lstm_run),
    "eq-math-d-f": Case(lstm_run),
    "eq-math-d-i": Case(lstm_run),
    "eq-math-d-g": Case(lstm_run),
    "eq-math-d-a": Case(lstm_run),
    "eq-math-d-x": Case(lstm_run),
    "eq-math-d-w": Case(lstm_run),
    "eq-math-ends": Case(lstm_run),
    "eq-math-cec": Case(lstm_run),
    "eq-math-rnn": Case(rnn_run),
    "eq-math-chrono": Case(chrono_run, functions=("mathcal U",)),
    "eq-math-count": Case(count_run, left_out=(r"n = 1 \text{ or } 2",)),
    "eq-arch-gates": Case(lstm_run, bare=("a_i", "a_f", "a_g", "a_o")),
    "eq-arch-c": Case(lstm_run),
    "eq-arch-h": Case(lstm_run),
    "eq-arch-retention": Case(retention_run, left_out=(r"\text{for a gate that stands still at }",)),
    "eq-arch-halflife": Case(halflife_run, left_out=(r"\text{for large } b",)),
    "eq-arch-split": Case(split_run),
    "eq-gates-gate": Case(gate_run, functions=("gate",)),
    "eq-gates-saturation": Case(sigmoid_run, left_out=(r"\text{ far from } 0",), functions=("σ'",)),
    "eq-notation-cell": Case(lstm_run, bare=("a_i", "a_f", "a_g", "a_o")),
    "eq-notation-concatenated": Case(lstm_run),
    "eq-notation-packed": Case(lstm_run),
    "eq-window": Case(window_run, left_out=(r"\dots ,",), functions=("F",)),
    "eq-state": Case(step_run, functions=("step", "read")),
    "eq-rnn": Case(rnn_run),
    "eq-autocorrelation": Case(autocorrelation_run),
    "eq-offset": Case(offset_run),
    "eq-ar": Case(autoregression_run, left_out=(r"+ \dots",)),
    "eq-latch": Case(latch_run),
    "eq-latch-gradient": Case(latch_run),
    "eq-attention-bottleneck": Case(bottleneck_run),
    "eq-attention-additive": Case(additive_run),
    "eq-attention-softmax": Case(additive_run),
    "eq-attention-context": Case(additive_run),
    "eq-attention-general": Case(general_run),
    "eq-attention-dot": Case(dot_run),
    **{
        f"eq-gru-{name}": Case(gru_run)
        for name in ("r", "z", "u", "n", "h", "bound", "d-z", "d-n", "d-r", "d-u", "d-a")
    },
    "eq-gru-d-a-n": Case(gru_run),
    "eq-gru-d-h": Case(gru_run),
    "eq-gru-d-w": Case(gru_run),
    "eq-gru-before": Case(gru_before_run),
    "eq-gru-exchanged": Case(gru_exchanged_run),
    "eq-gru-coupled": Case(coupled_run),
    "eq-gru-count": Case(gru_count_run),
    "eq-practice-time": Case(time_constant_run),
    "eq-practice-clip": Case(clip_run),
    "eq-practice-locked": Case(locked_run),
    "eq-practice-zoneout": Case(zoneout_run),
    "eq-transformers-qkv": Case(transformer_run),
    "eq-transformers-score": Case(transformer_run),
    "eq-transformers-softmax": Case(transformer_run),
    "eq-transformers-context": Case(transformer_run),
    "eq-transformers-block": Case(transformer_run, functions=("relu",)),
    **{
        f"eq-peephole-{name}": Case(peephole_run) for name in ("i", "f", "g", "c", "o", "h", "d-o", "d-c", "d-a", "d-w")
    },
    "eq-peephole-d-c-prev": Case(peephole_run),
    "eq-peephole-factor": Case(peephole_run),
    "eq-bidirectional-forward": Case(bidirectional_run),
    "eq-bidirectional-backward": Case(bidirectional_run),
    "eq-bidirectional-h": Case(bidirectional_run),
    "eq-healthcare-precision": Case(counts_run),
    **{f"eq-convlstm-{name}": Case(convlstm_run) for name in ("i", "f", "g", "o", "state")},
    "eq-convlstm-peephole": Case(functools.partial(convlstm_run, peepholes=True)),
    "eq-limitations-bound": Case(bound_run),
    "eq-evolution-1997": Case(lstm97_run),
    "eq-evolution-2000": Case(lstm_run),
    "eq-future-minlstm": Case(minlstm_run),
    "eq-future-mingru": Case(mingru_run),
    "eq-future-linear": Case(linear_run),
    "eq-future-joined": Case(joined_run),
    "eq-future-outright": Case(functools.partial(linear_run, least=0.1)),
    "eq-future-parity": Case(parity_run),
    "eq-future-delta": Case(delta_run),
    "eq-future-slstm": Case(slstm_run),
    "eq-future-stabiliser": Case(slstm_run),
    "eq-future-softmax": Case(functools.partial(slstm_run, forgets=False)),
    "eq-future-mlstm": Case(mlstm_run),
    "eq-finance-walk": Case(walk_run),
    "eq-finance-mase": Case(mase_run),
    "eq-finance-bayes": Case(counts_run),
    "eq-manufacturing-auroc": Case(auroc_run),
    "eq-manufacturing-alarms": Case(counts_run),
}

# Equations of which nothing can be computed, and why
LISTED = {
    "eq-healthcare-lead": "defines a probability and a maximum of hours in words",
    "eq-limitations-bits": "a number of bits, which the page sets equal to nothing",
}

TEXTS = {page.stem: page.read_text(encoding="utf-8") for page in sorted(CHAPTERS.glob("*.md"))}
PRINTED = {label: name for name, text in TEXTS.items() for label in tex.equations(text)}
VARIANTS = ("gru", "bidirectional", "peephole", "convlstm", "attention")


def pieces(label, page):
    """The statements of an equation in the text of a page, as token lists."""
    return tex.pieces(tex.equations(page)[label], EXECUTED[label].left_out)


def holds(piece, label, seed):
    """TexError or AssertionError unless a statement can be read and holds."""
    statement = tex.Statement(piece, label, EXECUTED[label].functions)
    for scope in EXECUTED[label].scopes(seed):
        statement.check(scope)


def equation_holds(label, page, seed):
    for piece in pieces(label, page):
        holds(piece, label, seed)


@pytest.mark.parametrize("label", EXECUTED)
def test_the_printed_equation_holds(seed, label):
    equation_holds(label, TEXTS[PRINTED[label]], seed)


def test_every_numbered_equation_is_executed_or_listed():
    assert not set(EXECUTED) & set(LISTED)
    assert set(EXECUTED) | set(LISTED) == set(PRINTED)
    labels = [re.findall(r"^:label: (eq-\S+)|^\$\$ \((eq-\S+)\)", text, re.MULTILINE) for text in TEXTS.values()]
    assert sum(map(len, labels)) == len(PRINTED), "an equation is written in a form that is not read"
    assert all(len(reason.split()) > 3 for reason in LISTED.values())


@pytest.mark.parametrize("pages", [("mathematics",), VARIANTS], ids=["mathematics", "variants"])
def test_nearly_all_are_executed(pages):
    here = {label for label, page in PRINTED.items() if page in pages}
    assert len(here & set(EXECUTED)) >= 0.9 * len(here)


@pytest.mark.parametrize("run", [lstm_run, gru_run, peephole_run, coupled_run, lstm97_run, rnn_run])
def test_two_ways_to_the_gradients_agree(rng, run):
    """By lstmkit's backward pass and by complex steps."""
    scopes = run(rng)
    by_hand, by_steps = scopes[0], scopes[T]
    seen = 0
    for name in by_hand.values:
        if name.startswith("δ") and name in by_steps.values:
            np.testing.assert_allclose(
                by_hand.values[name], by_steps.values[name], rtol=1e-10, atol=1e-11, err_msg=name
            )
            seen += 1
    for name in by_hand.series:
        for t in range(1, T + 1) if name.startswith("δ") and name in by_steps.series else ():
            ours, theirs = by_hand.series[name][t], by_steps.series[name][t]
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-11, err_msg=f"{name}_{t}")
            seen += 1
    assert seen > 15


# What no page spells out of a cell: the equations of its docstring
DOCSTRINGS = {
    "mlstm": (
        mlstm_run,
        r"""q_t = W_q x_t + b_q, \quad v_t = W_v x_t + b_v, \quad k_t = \frac{1}{\sqrt{K}} W_k x_t + b_k \\
        m_t = \max(\ln\sigma(a_{f,t}) + m_{t-1}, a_{i,t}) \\ a_{i,t} = w_i^{\top} x_t + b_i \\
        i_t = \exp(a_{i,t} - m_t), \quad f_t = \exp(\ln\sigma(a_{f,t}) + m_{t-1} - m_t)""",
    ),
}


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_the_equations_of_a_docstring_hold(rng, name):
    run, text = DOCSTRINGS[name]
    scopes = run(rng)
    for piece in tex.pieces(text):
        for scope in scopes:
            tex.Statement(piece, name).check(scope)


# What other books have printed, at one time or another: the page with that mistake in it has to fail
BLUNDERS = {
    "an index lost": ("eq-math-f", "h_{t-1}", "h_{t_1}"),
    "the state of now": ("eq-math-f", "h_{t-1}", "h_t"),
    "the input of before": ("eq-rnn", "x_t", "x_{t-1}"),
    "a step too late": ("eq-math-c", "f_t", "f_{t-1}"),
    "gates exchanged": ("eq-math-c", "f_t \\odot c_{t-1} + i_t", "i_t \\odot c_{t-1} + f_t"),
    "no squashing": ("eq-math-h", "\\tanh(c_t)", "c_t"),
    "the new cell state": ("eq-math-d-f", "c_{t-1}", "c_t"),
    "one path forgotten": ("eq-math-d-c", "\\underbrace{\\delta c_{t+1} \\odot f_{t+1}}_{\\text{the carousel}} +", ""),
    "the gate of now": ("eq-math-d-c", "f_{t+1}", "f_t"),
    "a transpose lost": ("eq-math-d-x", "W_x^{\\top}", "W_x"),
    "a square lost": ("eq-math-d-a", "g_t^2", "g_t"),
    "a sum lost": ("eq-math-d-w", "\\sum_{t=1}^{T} \\delta a_t\\, x_t", "\\delta a_t\\, x_t"),
    "the other order": ("eq-math-blocks", "W_i \\\\ W_f", "W_f \\\\ W_i"),
}


@pytest.mark.parametrize("name", BLUNDERS)
def test_a_page_with_a_known_mistake_fails(seed, name):
    label, right, wrong = BLUNDERS[name]
    before, at, after = TEXTS[PRINTED[label]].partition(f":label: {label}\n")
    assert right in after[: after.index("```")]
    wrong_page = before + at + after.replace(right, wrong, 1)
    with pytest.raises((TexError, AssertionError), match=label):
        equation_holds(label, wrong_page, seed)


# Mistakes

FAMILIES = ("ifgo", "rzn", "xhc", "qkvu", "xyz", "sm", [r"\overrightarrow", r"\overleftarrow"])
INDICES, PAIRS = "tsjT", ("rs", "pq")  # pairs: letters that count where both are there, for r and q may be gates
OTHER = {"+": ["-"], "-": ["+"], r"\sigma": [r"\tanh"], r"\tanh": [r"\sigma"], r"\exp": [r"\tanh"], r"\ln": [r"\tanh"]}
OTHER |= {r"\log": [r"\tanh"], r"\alpha": [r"\beta"], r"\beta": [r"\alpha"], r"\pi": [r"\alpha"]}
OTHER |= {r"\odot": ["+", r"\cdot"], r"\prod": [r"\sum"], r"\sum": [r"\prod"], r"\max": [r"\min"], r"\delta": [""]}
OTHER |= {"0": ["1"], "1": ["2"], "2": ["3"], "3": ["2"], "4": ["3"], r"\le": [r"\ge"], ">": ["<", r"\ge"]}
ENDS = {"", "+", "-", ",", ";", "&", r"\\", *tex.RELATIONS, *tex.CLOSE}


def mistakes(piece):
    """The piece with one mistake, for many mistakes: token lists."""
    lowered, indices = subscripts(piece), INDICES + "".join(pair for pair in PAIRS if {*pair} <= {*piece})
    for k, token in enumerate(piece):
        after, left = piece[k + 1 :], piece[:k][::-1]

        def put(*new, drop=1, k=k):
            return [*piece[:k], *new, *piece[k + drop :]]

        if lowered[k] is None:
            continue
        if token in indices and after[:1] not in (["_"], ["="]) and (lowered[k] or token == "T"):  # another step
            yield from (put(other) for other in indices if other in piece and other != token)
            if after[:1] and after[0] in "+-":
                yield put(token, drop=3)
                yield put(token, "+-"[after[0] == "+"], drop=2)
            else:
                for sign in "+-":
                    yield put("{", token, sign, "1", "}") if left[0] == "_" else put(token, sign, "1")
        elif not (lowered[k] and token in "+-" and after[:1] != ["}"]):  # another letter, sign, number or function
            letters = [other for family in FAMILIES if token in family for other in family if other != token]
            yield from (put(*[other] * (other != "")) for other in OTHER.get(token, letters))
        if token == "(" and {"+", "-"} & set(after[: until(after, {")"})]):  # brackets lost
            inside = until(after, {")"})
            yield put(*after[:inside], drop=inside + 2)
        if token == "^":  # a square or a transpose lost
            yield put(drop=1 + group(after))
        if token in ("+", "-", r"\odot") and not lowered[k]:  # a term or a factor lost, on either side
            ends = ENDS | ({r"\odot"} & {token})
            yield put(drop=1 + until(after, ends))
            before = until(left, (ends | {*tex.OPEN}) - tex.CLOSE, opens=tex.CLOSE, closes={*tex.OPEN})
            if token != "-":
                yield [*piece[: k - before], *after]


def subscripts(piece):
    """For each token whether it stands in a subscript; None for words below a brace."""
    found = [False] * len(piece)
    for k, token in enumerate(piece):
        if token == "_":
            inside = range(k + 1, k + 1 + group(piece[k + 1 :]))
            words = any(piece[n].startswith(r"\text") for n in inside)
            for n in inside:
                found[n] = None if words or found[n] is None else True
    return found


def group(tokens):
    """How many tokens the first group, or the first token by itself, has."""
    return 1 if tokens[:1] != ["{"] else 2 + until(tokens[1:], {"}"})


def until(tokens, ends, opens=frozenset(tex.OPEN), closes=tex.CLOSE):
    """How many tokens there are until one of `ends` outside of brackets."""
    depth = 0
    for k, token in enumerate(tokens):
        if depth == 0 and token in ends:
            return k
        depth += (token in opens) - (token in closes)
    return len(tokens)


# Mistakes that are none: what they say is true as well
EQUIVALENT = {
    # the shape is that of each gate's matrix
    "eq-notation-concatenated": [rf"W _ {k} \text{{ of shape }} ( H , H + D )" for k in "igo"],
    # a higher bound holds as well
    "eq-gates-saturation": [
        rf"\sigma ' ( a ) = \sigma ( a ) ( 1 - \sigma ( a ) ) \le \tfrac {quarter}" for quarter in ("2 4", "1 3")
    ],
    # nothing arrives at a_{T+1}
    "eq-math-d-w": [
        r"\delta W _ h = \sum _ { t = 1 } ^ { T + 1 } \delta a _ t h _ { t - 1 } ^ { \top }",
        r"\delta b = \sum _ { t = 1 } ^ { T + 1 } \delta a _ t",
    ],
    # it is the same at every step
    "eq-attention-bottleneck": ["m _ t = m _ T"],
    # true as well
    "eq-limitations-bound": [
        r"| w ^ { \top } h _ t | \le \sum _ { j = 1 } ^ { H } | w _ j | + | b |",
        r"| w ^ { \top } h _ t - b | \le \sum _ { j = 1 } ^ { H } | w _ j | + | b |",
    ],
    # what is below itself, or below more than the bound
    "eq-gru-bound": [
        r"| h _ { t - 1 } | \le \max ( | h _ { t - 1 } | , 1 )",
        r"| h _ t | \le \max ( | h _ { t } | , 1 )",
        r"| h _ t | \le \max ( | h _ { t - 1 } | , 2 )",
    ],
}


def survivors(label, seed):
    """The mistakes in a printed equation that nobody would notice, and how many there are in all."""
    found, tried = [], set()
    for piece in pieces(label, TEXTS[PRINTED[label]]):
        for wrong in mistakes(piece):
            text = " ".join(wrong)
            if wrong == piece or text in tried:
                continue
            tried.add(text)
            try:
                holds(wrong, label, seed)
            except (TexError, AssertionError):
                continue
            found.append(text)
    return found, len(tried)


@pytest.mark.parametrize("label", EXECUTED)
def test_a_mistake_is_noticed(seed, label):
    found, tried = survivors(label, seed)
    assert tried >= 3
    assert sorted(found) == sorted(EQUIVALENT.get(label, ())), f"of {tried} mistakes in {label}"
