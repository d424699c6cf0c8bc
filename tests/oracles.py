"""Every cell once more, by another hand: gate by gate, in rows, from the published equations; and exact derivatives.

Nothing of lstmkit's cells or of its recurrence is used here, so that no mistake is shared.  T steps, B sequences, D
inputs, H units; x (T, B, D); each field of a state (B, H).  Gate k of a stacked array is its k-th block of H rows.
"""

import numpy as np


def sigma(a):
    return 1 / (1 + np.exp(-a))


def parts(params, x_t, h):
    """A function that gives the pre-activation of gate k, with the weights of that gate cut out by hand."""
    H = h.shape[1]

    def a(k):
        rows = slice(k * H, (k + 1) * H)
        return x_t @ params.W_x[rows].T + h @ params.W_h[rows].T + params.b[rows]

    return a


def over_time(step):
    """A loop over time from one step (params, x_t, *state) -> new state, h first."""

    def loop(params, x, state):
        state, hs = tuple(state), []
        for x_t in x:
            state = step(params, x_t, *state)
            hs.append(state[0])
        return np.stack(hs), state

    return loop


@over_time
def rnn(params, x_t, h):
    return (np.tanh(parts(params, x_t, h)(0)),)


@over_time
def rnn_relu(params, x_t, h):
    a = parts(params, x_t, h)(0)
    return (a * (a.real > 0),)


@over_time
def lstm(params, x_t, h, c):
    a = parts(params, x_t, h)
    c = sigma(a(1)) * c + sigma(a(0)) * np.tanh(a(2))
    return sigma(a(3)) * np.tanh(c), c


@over_time
def lstm97(params, x_t, h, c):
    """Hochreiter & Schmidhuber (1997), with tanh for their scaled logistic functions; blocks i, g, o."""
    a = parts(params, x_t, h)
    c = c + sigma(a(0)) * np.tanh(a(1))
    return sigma(a(2)) * np.tanh(c), c


@over_time
def coupled(params, x_t, h, c):
    """Greff et al. (2017), CIFG: the input gate is 1 - f; blocks f, g, o."""
    a = parts(params, x_t, h)
    f = sigma(a(0))
    i = 1 - f
    c = i * np.tanh(a(1)) + f * c
    return sigma(a(2)) * np.tanh(c), c


@over_time
def peephole(params, x_t, h, c):
    """Gers, Schraudolph & Schmidhuber (2002): i and f see the cell before the step, o the cell after it."""
    a = parts(params, x_t, h)
    i, f = sigma(a(0) + c * params.w_i), sigma(a(1) + c * params.w_f)
    new = f * c + i * np.tanh(a(2))
    o = sigma(a(3) + new * params.w_o)
    return o * np.tanh(new), new


@over_time
def gru(params, x_t, h):
    """The equations that torch.nn.GRU's documentation states."""
    H = h.shape[1]
    a, rows = parts(params, x_t, h), slice(2 * H, 3 * H)
    r, z = sigma(a(0)), sigma(a(1))
    n = np.tanh(x_t @ params.W_x[rows].T + params.b[rows] + r * (h @ params.W_h[rows].T + params.b_u))
    return ((1 - z) * n + z * h,)


@over_time
def no_input_gate(params, x_t, h, c):
    a = parts(params, x_t, h)
    c = sigma(a(0)) * c + np.tanh(a(1))
    return sigma(a(2)) * np.tanh(c), c


@over_time
def no_output_gate(params, x_t, h, c):
    a = parts(params, x_t, h)
    c = sigma(a(1)) * c + sigma(a(0)) * np.tanh(a(2))
    return np.tanh(c), c


@over_time
def no_input_activation(params, x_t, h, c):
    a = parts(params, x_t, h)
    c = sigma(a(1)) * c + sigma(a(0)) * a(2)
    return sigma(a(3)) * np.tanh(c), c


@over_time
def no_output_activation(params, x_t, h, c):
    a = parts(params, x_t, h)
    c = sigma(a(1)) * c + sigma(a(0)) * np.tanh(a(2))
    return sigma(a(3)) * c, c


@over_time
def full_gate_recurrence(params, x_t, h, i, f, o, c):
    """Greff et al. (2017), FGR without peepholes: nine square matrices, from each gate to each gate."""
    H, a = h.shape[1], parts(params, x_t, h)

    def from_gates(to):
        return sum(gate @ params.W_g[to * H : (to + 1) * H, k * H : (k + 1) * H].T for k, gate in enumerate((i, f, o)))

    new_i, new_f, new_o = sigma(a(0) + from_gates(0)), sigma(a(1) + from_gates(1)), sigma(a(3) + from_gates(2))
    c = new_f * c + new_i * np.tanh(a(2))
    return new_o * np.tanh(c), new_i, new_f, new_o, c


@over_time
def slstm(params, x_t, h, c, n, m):
    """Beck et al. (2024), exponential input gate, forget gate σ: c and n are kept divided by e^m."""
    a = parts(params, x_t, h)
    log_f = -np.log(1 + np.exp(-a(1)))
    kept, fresh = log_f + m, a(0)
    m = np.where(kept.real > fresh.real, kept, fresh)
    i, f = np.exp(fresh - m), np.exp(kept - m)
    c, n = f * c + i * np.tanh(a(2)), f * n + i
    return sigma(a(3)) * (c / n), c, n, m


def from_input(params, x_t, k, H):
    """The pre-activation of gate k of a cell that does not see the past."""
    rows = slice(k * H, (k + 1) * H)
    return x_t @ params.W_x[rows].T + params.b[rows]


@over_time
def mingru(params, x_t, h):
    """Feng et al. (2024); blocks z, h̃."""
    z, new = (from_input(params, x_t, k, h.shape[1]) for k in range(2))
    return ((1 - sigma(z)) * h + sigma(z) * new,)


@over_time
def minlstm(params, x_t, h):
    """Feng et al. (2024); blocks i, f, h̃; the gates are divided by their sum."""
    i, f, new = (from_input(params, x_t, k, h.shape[1]) for k in range(3))
    i, f = sigma(i), sigma(f)
    return ((f * h + i * new) / (i + f),)


def zoneout(params, x, state, m_h, m_c):
    """Krueger et al. (2017): where the masks are 1, the old values stay."""
    (h, c), hs = state, []
    for x_t, stay_h, stay_c in zip(x, m_h, m_c, strict=True):
        (new_h,), (_, new_c) = lstm(params, x_t[None], (h, c))
        h, c = h * stay_h + new_h * (1 - stay_h), c * stay_c + new_c * (1 - stay_c)
        hs.append(h)
    return np.stack(hs), (h, c)


def derivatives(loop, params, x, state, d_hs, d_state):
    """The exact gradients of sum(hs · d_hs) + sum(last · d_state): at x, at each field of `state`, at each parameter.

    By complex steps: Im f(a + iε) / ε is f'(a) without any difference, so that ε may be 1e-30 and nothing is lost.
    """
    arrays = [x, *state, *params]
    fields = len(state)

    def loss(arrays):
        hs, last = loop(type(params)(*arrays[1 + fields :]), arrays[0], arrays[1 : 1 + fields])
        return (hs * d_hs).sum() + sum((value * d).sum() for value, d in zip(last, d_state, strict=True))

    found = []
    for k, array in enumerate(arrays):
        gradient = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[index] += 1e-30j
            gradient[index] = loss([*arrays[:k], moved, *arrays[k + 1 :]]).imag / 1e-30
        found.append(gradient)
    return found


# Problems for a module of lstmkit.numpy, and its answers


def problem(twin, rng, T=5, B=3, D=2, H=4, dtype=np.float64):
    """params, x, state, d_hs, d_state: all random, biases too, of one dtype; W_h neither fades nor explodes."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    shapes = twin.init_params(rng, D, H)._asdict()
    scale = {name: H**-0.5 if name in ("W_h", "W_g") else 1 for name in shapes}
    params = twin.Params(*(normal(*p.shape) * dtype(scale[name]) for name, p in shapes.items()))
    state, d_state = (twin.State(*(normal(B, H) for _ in twin.State._fields)) for _ in range(2))
    return params, normal(T, B, D), state, normal(T, B, H), d_state


def run(twin, params, x, state, d_hs, d_state, keep_cache=True, **outside):
    """Everything that forward and backward return but the cache, as one flat list."""
    hs, last, cache = twin.forward(params, x, state, keep_cache=keep_cache, **outside)
    d_x, d_first, d_params = twin.backward(params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def names(twin):
    """What each entry of `run` is."""
    fields = twin.State._fields
    last, first = [f"last {field}" for field in fields], [f"d_{field}0" for field in fields]
    return ["hs", *last, "d_x", *first, *(f"d_{name}" for name in twin.Params._fields)]


def agrees(twin, loop, *given):
    """Values equal those of `loop` to 1e-12 and gradients its exact ones to 1e-10, in float64; else AssertionError."""
    hs, last = loop(*given[:3])
    judged(twin, run(twin, *given), [hs, *last, *derivatives(loop, *given)])


def judged(twin, ours, theirs):
    """AssertionError, by name, unless `run`'s list equals another: values to 1e-12, gradients to 1e-10."""
    values = 1 + len(twin.State._fields)
    for k, (name, a, b) in enumerate(zip(names(twin), ours, theirs, strict=True)):
        tolerance = 1e-12 if k < values else 1e-10
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=name)
