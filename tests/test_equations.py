"""Every numbered equation of the mathematics chapter, evaluated at random points.

The equations are typed here once more from the page, one sequence at a time and one gate at a time, in the form that
acts on [h, x], with nothing from lstmkit but the arrays to compare with.  An equation on the page without a test here,
and a test here without an equation on the page, fail `test_every_equation_is_tested`.
"""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lstmkit.cells import lstm as cell
from lstmkit.experiments.temporal_order import chrono_bias
from lstmkit.numpy import lstm, rnn
from lstmkit.numpy.gradients import finite_difference

PAGE = Path(__file__).parent.parent / "chapters" / "mathematics.md"
T, B, D, H = 6, 1, 3, 5
EQUATIONS = {}


def equation(label):
    """Files a test under the label that its equation has on the page."""

    def file(test):
        EQUATIONS[f"eq-math-{label}"] = test
        return test

    return file


def equal(ours, page):
    np.testing.assert_allclose(ours, page, rtol=1e-10, atol=1e-12)


def σ(a):
    return 1 / (1 + np.exp(-a))


def packed(params):
    """W and b of each gate from the stacked arrays: rows i, f, g, o; columns [h, x]."""
    W = {k: np.hstack([params.W_h, params.W_x])[n * H : (n + 1) * H] for n, k in enumerate("ifgo")}
    return W, {k: params.b[n * H : (n + 1) * H] for n, k in enumerate("ifgo")}


@pytest.fixture
def p(rng):
    """A random point: parameters, a sequence, a loss that looks at everything, and all that lstmkit makes of them."""
    params = lstm.Params(*(rng.normal(size=shape) for shape in ((4 * H, D), (4 * H, H), (4 * H,))))
    x, first = rng.normal(size=(T, B, D)), lstm.State(rng.normal(size=(B, H)), rng.normal(size=(B, H)))
    v, last = rng.normal(size=(T, B, H)), lstm.State(rng.normal(size=(B, H)), rng.normal(size=(B, H)))
    hs, state, cache = lstm.forward(params, x, first)
    d_x, d_first, d_params = lstm.backward(params, v, cache, d_state=last)
    gates = lstm.read_gates(cache)
    W, b = packed(params)
    h, c = np.vstack([first.h, hs[:, 0]]), np.vstack([first.c, gates.c[:, 0]])  # index t, from 0 to T
    hx = np.hstack([h[:-1], x[:, 0]])  # [h_{t-1}, x_t], t from 1 to T
    one = {k: getattr(gates, k)[:, 0] for k in "ifgo"}
    # the way back once more, step by step, through lstm.step_backward: what arrives at h_t and at c_t, and δa_t
    d_h, d_c, d_a = np.zeros((T + 1, H)), np.zeros((T + 1, H)), np.zeros((T + 1, 4 * H))
    d_state = last
    for t in reversed(range(T)):
        d_state = lstm.State(d_state.h + v[t], d_state.c)
        d_h[t], d_c[t] = d_state.h[0], d_state.c[0]  # d_c: the carousel term alone
        _, step_cache = lstm.step(params, x[t], lstm.State(h[t][None], c[t][None]))
        _, d_state, d_step = lstm.step_backward(params, d_state, step_cache)
        d_a[t] = d_step.b
    return SimpleNamespace(**locals())


def numeric(p, t, name):
    """δ of one of i, f, g, o, c, h at step t, by finite differences of the rest of the network: total derivatives."""
    a = {k: p.one[k][t] for k in "ifgo"}

    def rest(value):
        values = a | ({name: value} if name in a else {})
        c = values["f"] * p.c[t] + values["i"] * values["g"]
        c = value if name == "c" else c
        h = values["o"] * np.tanh(c)
        h = value if name == "h" else h
        state = lstm.State(h[None], c[None])
        loss = (p.v[t] * state.h).sum()
        hs, state, _ = lstm.forward(p.params, p.x[t + 1 :], state)
        return loss + (p.v[t + 1 :] * hs).sum() + (p.last.h * state.h).sum() + (p.last.c * state.c).sum()

    point = {"c": p.c[t + 1], "h": p.h[t + 1]} | a
    return finite_difference(rest, point[name])


def close(hand, numbers):
    np.testing.assert_allclose(hand, numbers, rtol=1e-5, atol=1e-6)


# ------ forward


@equation("f")
def forget_gate(p):
    equal(p.one["f"], σ(p.hx @ p.W["f"].T + p.b["f"]))


@equation("i")
def input_gate(p):
    equal(p.one["i"], σ(p.hx @ p.W["i"].T + p.b["i"]))


@equation("g")
def candidate(p):
    equal(p.one["g"], np.tanh(p.hx @ p.W["g"].T + p.b["g"]))


@equation("o")
def output_gate(p):
    equal(p.one["o"], σ(p.hx @ p.W["o"].T + p.b["o"]))


@equation("c")
def cell_state(p):
    equal(p.c[1:], p.one["f"] * p.c[:-1] + p.one["i"] * p.one["g"])


@equation("h")
def hidden_state(p):
    equal(p.h[1:], p.one["o"] * np.tanh(p.c[1:]))


@equation("blocks")
def stacked_blocks(p):
    equal(np.hstack([p.params.W_h, p.params.W_x]), np.vstack([p.W[k] for k in "ifgo"]))
    assert p.params.W_h.shape == (4 * H, H)
    assert p.params.W_x.shape == (4 * H, D)


@equation("packed")
def all_pre_activations_at_once(p):
    for t in range(T):
        a = p.params.W_x @ p.x[t, 0] + p.params.W_h @ p.h[t] + p.params.b
        a_i, a_f, a_g, a_o = a.reshape(4, H)
        equal(p.h[t + 1], cell.step(a_i, a_f, a_g, a_o, p.c[t])[0])
        equal(a_f, p.hx[t] @ p.W["f"].T + p.b["f"])


# ------ backward


def total_d_c(p, t):
    """The page's δc_t; the carousel term is what arrives from step t + 1."""
    q = np.tanh(p.c[t + 1])
    return p.d_c[t] + p.d_h[t] * p.one["o"][t] * (1 - q**2)


@equation("d-h")
def two_paths_leave_h(p):
    for t in range(T):
        future = p.params.W_h.T @ p.d_a[t + 1] if t + 1 < T else p.last.h[0]
        equal(p.d_h[t], p.v[t, 0] + future)
    # by finite differences, with c_t held fixed
    close(p.d_h[2], numeric(p, 2, "h"))


@equation("d-o")
def gradient_of_o(p):
    for t in range(T):
        close(p.d_h[t] * np.tanh(p.c[t + 1]), numeric(p, t, "o"))


@equation("d-c")
def two_paths_leave_c(p):
    for t in range(T):
        f_next = p.one["f"][t + 1] if t + 1 < T else 1
        d_next = total_d_c(p, t + 1) if t + 1 < T else p.last.c[0]
        q = np.tanh(p.c[t + 1])
        d_c = d_next * f_next + p.d_h[t] * p.one["o"][t] * (1 - q**2)
        equal(total_d_c(p, t), d_c)
        close(d_c, numeric(p, t, "c"))


@equation("d-f")
def gradient_of_f(p):
    for t in range(T):
        close(total_d_c(p, t) * p.c[t], numeric(p, t, "f"))


@equation("d-i")
def gradient_of_i(p):
    for t in range(T):
        close(total_d_c(p, t) * p.one["g"][t], numeric(p, t, "i"))


@equation("d-g")
def gradient_of_g(p):
    for t in range(T):
        close(total_d_c(p, t) * p.one["i"][t], numeric(p, t, "g"))


@equation("d-a")
def gradients_of_the_pre_activations(p):
    for t in range(T):
        i, f, g, o = (p.one[k][t] for k in "ifgo")
        d_c, q = total_d_c(p, t), np.tanh(p.c[t + 1])
        d_i, d_f, d_g, d_o = d_c * g, d_c * p.c[t], d_c * i, p.d_h[t] * q
        page = [d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g**2), d_o * o * (1 - o)]
        equal(p.d_a[t], np.concatenate(page))
        equal(np.concatenate(cell.step_backward(p.d_h[t], p.d_c[t], i, f, g, o, q, p.c[t])[:4]), np.concatenate(page))


@equation("d-x")
def gradient_of_the_input(p):
    for t in range(T):
        equal(p.d_x[t, 0], p.params.W_x.T @ p.d_a[t])


@equation("d-w")
def sums_over_time(p):
    equal(p.d_params.W_x, sum(np.outer(p.d_a[t], p.x[t, 0]) for t in range(T)))
    equal(p.d_params.W_h, sum(np.outer(p.d_a[t], p.h[t]) for t in range(T)))
    equal(p.d_params.b, sum(p.d_a[t] for t in range(T)))


@equation("ends")
def gradients_of_the_initial_state(p):
    equal(p.d_first.h[0], p.params.W_h.T @ p.d_a[0])
    equal(p.d_first.c[0], total_d_c(p, 0) * p.one["f"][0])


# ------ what follows from them


@equation("cec")
def constant_error_carousel(p):
    """Without recurrent weights the carousel is the only road from c_0 to c_T."""
    blind = p.params._replace(W_h=np.zeros((4 * H, H)))
    f = lstm.read_gates(lstm.forward(blind, p.x, p.first)[2]).f[:, 0]
    for unit in range(H):

        def end(c_0, unit=unit):
            return lstm.forward(blind, p.x, lstm.State(p.first.h, c_0))[1].c[0, unit]

        close(finite_difference(end, p.first.c)[0], np.prod(f, axis=0) * np.eye(H)[unit])


@equation("rnn")
def product_of_jacobians(p):
    params = rnn.Params(p.params.W_x[:H], p.params.W_h[:H], p.params.b[:H])
    hs, _, _ = rnn.forward(params, p.x, rnn.State(p.first.h))
    product = np.eye(H)
    for t in reversed(range(T)):  # from T on the left to 1 on the right
        product = product @ np.diag(1 - hs[t, 0] ** 2) @ params.W_h
    for unit in range(H):

        def end(h_0, unit=unit):
            return rnn.forward(params, p.x, rnn.State(h_0))[1].h[0, unit]

        close(product[unit], finite_difference(end, p.first.h)[0])


@equation("chrono")
def chrono_biases(p):
    b_i, b_f, _, _ = chrono_bias(np.random.default_rng(3), H, 50).reshape(4, H)
    u = np.random.default_rng(3).uniform(1, 50 - 1, H)
    equal(b_f, np.log(u))
    equal(b_i, -b_f)
    equal(1 / (1 - σ(b_f)), 1 + u)  # the time constant that the text promises


@equation("count")
def parameters(p):
    rng = np.random.default_rng(0)
    for n_in, units in ((D, H), (1, 1), (7, 4)):
        assert sum(a.size for a in lstm.init_params(rng, n_in, units)) == 4 * units * (units + n_in + 1)
        assert sum(a.size for a in rnn.init_params(rng, n_in, units)) == units * (units + n_in + 1)
        assert lstm.count_params(n_in, units, biases=2) == 4 * units * (units + n_in + 2)
        assert rnn.count_params(n_in, units, biases=2) == units * (units + n_in + 2)


@pytest.mark.parametrize("label", EQUATIONS)
def test_equation(p, label):
    EQUATIONS[label](p)


def test_every_equation_is_tested():
    on_the_page = re.findall(r"^:label: (eq-\S+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(on_the_page) == len(set(on_the_page))
    assert set(on_the_page) == set(EQUATIONS)


# ------ the experiment that prints how far apart two ways to compute the same thing are


@pytest.fixture(scope="module")
def seen():
    pytest.importorskip("torch")
    from lstmkit.experiments import equations

    return equations.run(scale="test")


def test_the_experiment_repeats_itself(seen, torch):
    from lstmkit.experiments import equations

    before = torch.get_rng_state()
    again = equations.run(scale="test")
    assert torch.equal(before, torch.get_rng_state())
    for name in ("agreement", "gates", "sees", "saturation", "exact", "retention", "neighbours", "causal", "gru"):
        assert again[name] == seen[name]
    assert set(seen) == {
        "agreement", "gates", "sees", "saturation", "exact", "strictly_inside", "retention", "retention_formula",
        "half_life", "retention_curve", "influence", "neighbours", "causal", "gru", "T", "B", "D", "H",
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"^scale is 'huge'"):
        equations.run(scale="huge")


def test_all_that_should_agree_does(seen):
    for name, found in seen["agreement"].items():
        assert found["values"] < 1e-12, name
        assert found["gradients"] is None or found["gradients"] < 1e-11, name
    assert {name for name, found in seen["agreement"].items() if found["gradients"] is not None} == {
        "LSTM", "GRU", "RNN",
    }  # fmt: skip


def test_a_wrong_equation_would_be_seen(rng):
    """The comparison is not blind: forget and input gate exchanged differ by more than any rounding."""
    pytest.importorskip("torch")
    from lstmkit.experiments import equations

    params = equations.random_like(rng, lstm.init_params(rng, D, H), H)
    x, state = rng.normal(size=(T, 2, D)), lstm.State(rng.normal(size=(2, H)), rng.normal(size=(2, H)))
    exchanged = lstm.Params(*(np.concatenate([np.split(p, 4)[k] for k in (1, 0, 2, 3)]) for p in params))
    hs = lstm.forward(params, x, state)[0]
    assert equations.apart([hs], [equations.page(exchanged, x, state)]) > 1e-3
    assert equations.apart([hs], [equations.page(params, x, state)]) < 1e-12
    assert equations.apart([hs], [equations.page(params, x, state, np.ones((3, H)))]) > 1e-3


def test_gates_that_are_shut_are_shut(seen):
    gates = seen["gates"]
    assert all(gates[name] == 0 for name in ("erase", "block", "hide", "carry", "crosstalk"))
    assert 0 < gates["gate_low"] < gates["gate_high"] < 1
    assert -1 < gates["candidate_low"] < 0 < gates["candidate_high"] < 1
    assert gates["c_after_100"] == 100
    assert gates["h_after_100"] <= 1
    assert seen["sees"]["from_c"] == 0 < seen["sees"]["from_c_peephole"]


def test_saturation_and_retention_against_their_formulas(seen):
    import math

    # σ(a) rounds to 1 once 1 - σ(a), about e^-a, is below half a unit in the last place of numbers just below 1
    for name, bits in (("float32", 24), ("float64", 53)):
        assert abs(seen["saturation"][name]["one_from_quotient"] - bits * math.log(2)) < 0.01
        assert bits * math.log(2) - 0.01 < seen["saturation"][name]["one_from"] < (bits + 1.1) * math.log(2)
    assert seen["strictly_inside"]
    for name, share in seen["retention"].items():
        b = float(name[2:])
        assert share == pytest.approx((1 + math.exp(-b)) ** -100, rel=1e-9)
        assert (1 / (1 + math.exp(-b))) ** seen["half_life"][name] == pytest.approx(0.5)
        assert len(seen["retention_curve"][name]) == 101


def test_what_reaches_what(seen):
    assert seen["influence"]["feed_forward_first_on_last"] == 0
    assert min(seen["influence"]["RNN_first_on_last"], seen["influence"]["LSTM_first_on_last"]) > 0
    assert min(seen["neighbours"].values()) > 0
    assert seen["causal"]["future"] == 0
    assert min(seen["causal"]["past"], seen["causal"]["encoder_future"]) > 0
    assert seen["gru"]["old_weight_minus_z"] < 1e-12
    assert seen["gru"]["fields"] == 1
    assert seen["gru"]["reset_before_minus_after"] > 1e-3
