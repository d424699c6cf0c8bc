"""The translation of cells into calls in place: what it makes, what it refuses, and that no small mistake gets past.

That it computes what the plain equations do, to the last bit, is shown in test_recurrence.py.
"""

import functools
import importlib
import inspect
import types

import numpy as np
import oracles
import plain
import pytest
from mutants import mutant, mutants, with_source

from lstmkit.cells import gru as gru_cell
from lstmkit.cells import lstm as lstm_cell
from lstmkit.cells import peephole as peephole_cell
from lstmkit.cells import rnn as rnn_cell
from lstmkit.numpy import inplace, layer, lstm, recurrence

STEMS = [
    "rnn",
    "rnn_relu",
    "lstm",
    "lstm97",
    "coupled",
    "peephole",
    "gru",
    "no_input_gate",
    "no_output_gate",
    "no_input_activation",
    "no_output_activation",
    "full_gate_recurrence",
]


def module(stem):
    return importlib.import_module(f"lstmkit.numpy.{stem}")


def calls(loop):
    """The names of the functions that generated code calls at each step, in order."""
    lines = [line.strip() for line in loop.source.splitlines()]
    return [line.partition("(")[0] for line in lines if "(" in line and not line.startswith(("def", "for"))]


# What comes out


def test_the_lstm_costs_eight_calls_and_one_product_a_step():
    """Its speed rests on this: one tanh for four blocks, two calls for the three gates, five for c and h."""
    kit = inplace.translate(lstm_cell, ((0, 1, 2, 3),))
    forward, backward = calls(kit.forward), calls(kit.backward)
    assert forward == ["matmul", "tanh", "multiply", "add", "multiply", "multiply", "add", "tanh", "multiply"]
    assert sorted(backward) == ["add", "add", "matmul", "multiply", "multiply", "multiply", "multiply"]
    assert backward[-1] == "matmul"
    assert "matmul" not in calls(kit.coefficients)


@pytest.mark.parametrize(
    ("stem", "products", "most_forward", "most_backward"),
    [
        ("rnn", ((0,),), 2, 3),
        ("lstm97", ((0, 1, 2),), 9, 7),
        ("coupled", ((0, 1, 2),), 11, 8),
        ("gru", ((0,), (1, 2), (3,)), 13, 8),
        ("peephole", ((0, 1, 2, 3),), 19, 12),
    ],
)
def test_the_other_cells_cost_little_more(stem, products, most_forward, most_backward):
    kit = inplace.translate(module(stem).cell, products)
    assert len(calls(kit.forward)) <= most_forward
    assert len(calls(kit.backward)) <= most_backward


def test_no_step_makes_an_array(rng):
    """Every call writes where it is told: no operator and no call without a place for its result."""
    for stem in STEMS:
        params = oracles.problem(module(stem), rng)[0]
        kit = translated(module(stem), params)
        for loop in (kit.forward, kit.backward):
            body = [line.strip() for line in loop.source.splitlines()[3:-1]]
            for line in body:
                name, _, rest = line.partition("(")
                assert name in inplace.CALLS, line
                arguments = rest.rstrip(")").split(", ")
                assert len(arguments) == (2 if name in ("tanh", "negative", "copyto") else 3), line


def translated(twin, params):
    products = getattr(twin, "products", layer.products)(params)[0]
    return recurrence._translated(twin.cell, products)


def test_blocks_lie_so_that_calls_cover_several():
    """The halved rows are neighbours, and so are the blocks whose gradient is a multiple of the same one."""
    kit = inplace.translate(lstm_cell, ((0, 1, 2, 3),))
    assert sorted(kit.blocks) == sorted(kit.inputs) == ["a_f", "a_g", "a_i", "a_o"]
    places = [kit.blocks.index(name) for name in ("a_i", "a_f", "a_o")]
    assert max(places) - min(places) == 2
    places = [kit.blocks.index(name) for name in ("a_i", "a_f", "a_g")]
    assert max(places) - min(places) == 2


def test_blocks_stay_within_their_product():
    kit = inplace.translate(gru_cell, ((0,), (1, 2), (3,)))
    assert kit.blocks[0] == "u"
    assert set(kit.blocks[1:3]) == {"a_r", "a_z"}
    assert kit.blocks[3] == "a_n"


def test_what_is_read_from_a_cell():
    assert inplace.fields(lstm_cell) == ("h", "c")
    assert inplace.before(lstm_cell) == ["c"]
    assert inplace.blocks(lstm_cell) == ["a_i", "a_f", "a_g", "a_o"]
    assert inplace.blocks(peephole_cell) == ["a_i", "a_f", "a_g", "a_o"]
    assert inplace.fields(rnn_cell) == ("h",)
    assert inplace.before(rnn_cell) == []
    kit = inplace.translate(peephole_cell, ((0, 1, 2, 3),))
    assert kit.weights == ("w_i", "w_f", "w_o")


def test_what_a_sigmoid_takes_is_halved_and_nothing_else():
    assert inplace.translate(lstm_cell, ((0, 1, 2, 3),)).halved == {"a_i", "a_f", "a_o"}
    assert inplace.translate(gru_cell, ((0,), (1, 2), (3,))).halved == {"a_r", "a_z"}
    halved = inplace.translate(peephole_cell, ((0, 1, 2, 3),)).halved
    assert "a_g" not in halved
    assert len(halved & {"a_i", "w_i"}) != 1  # half of a sum is the sum of halves: both terms, or neither
    assert len(halved & {"a_f", "w_f"}) != 1
    assert len(halved & {"a_o", "w_o"}) != 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_halving_changes_no_bit(rng, dtype):
    """σ(a) by way of tanh((W/2) v): half of a sum of products is the sum of halves, whatever the rounding."""
    W, v = rng.normal(size=(70, 90)).astype(dtype), rng.normal(size=(90, 11)).astype(dtype)
    np.testing.assert_array_equal((W * dtype(0.5)) @ v, dtype(0.5) * (W @ v))


def test_the_same_cell_is_translated_once():
    assert inplace.translate(lstm_cell, ((0, 1, 2, 3),)) is inplace.translate(lstm_cell, ((0, 1, 2, 3),))


# What is refused


REFUSED = [
    (
        "a value that is not named",
        [("return h, c, i, f, g, o, q", "return h, c, i, f, g, o, 1 * q")],
        "name each value",
    ),
    ("SAVED in another order", [("return h, c, i, f, g, o, q", "return h, c, f, i, g, o, q")], "SAVED"),
    ("a field that gets no gradient", [("d_h, d_c, i, f", "d_h, d_e, i, f")], "must begin with d_h, d_c"),
    ("a gradient too few", [(", d_c * f\n", "\n")], "must return the gradients of a_i, a_f, a_g, a_o, c_prev"),
    ("a square of a gradient", [("d_i = d_c * g", "d_i = d_c * d_c")], "linear"),
    ("a function of a gradient", [("d_i = d_c * g", "d_i = tanh(d_c)")], "linear"),
    ("a gradient below", [("d_i = d_c * g", "d_i = g / d_c")], "linear"),
    ("a number added to a gradient", [("d_i = d_c * g", "d_i = d_c + 1")], "linear"),
    ("a value added to a gradient", [("d_i = d_c * g", "d_i = d_c + g")], "linear"),
    ("two names at once", [("i = sigmoid(a_i)", "i, j = sigmoid(a_i), a_i")], "name = expression"),
    ("a line that is none", [("i = sigmoid(a_i)", "i = sigmoid(a_i)\n    print(i)")], "name = expression"),
    ("an addition in place", [("q = tanh(c)", "q = tanh(c)\n    q += 1")], "name = expression"),
    ("a condition", [("q = tanh(c)", "q = c if True else g")], "names, numbers"),
    ("a power", [("c = f * c_prev", "c = f ** c_prev")], "names, numbers"),
    ("an index", [("q = tanh(c)", "q = c[0]")], "names, numbers"),
    ("no tuple at the end", [("return h, c, i, f, g, o, q", "return h")], "return of a tuple"),
    ("a name before its value", [("i = sigmoid(a_i)", "i = sigmoid(c)")], "no value yet"),
    ("a name from nowhere", [("i = sigmoid(a_i)", "i = sigmoid(b_i)")], "no value yet"),
    ("a gradient before its value", [("d_o = d_h * q", "d_o = d_h * q + d_i")], "no value yet"),
    ("an argument that nobody has", [('o, q, c_prev):\n    """∂', 'o, q, r, c_prev):\n    """∂')], "takes r"),
]


@pytest.mark.parametrize(("edits", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_cell_is_refused(rng, edits, words):
    """ValueError, with words that say what is wrong, and before anything is computed."""
    wrong = mutant(lstm, *edits)
    with pytest.raises(ValueError, match=words):
        wrong.forward(*oracles.problem(lstm, rng)[:3])


@pytest.mark.parametrize("products", [((0, 1, 2),), ((0, 1, 2, 3), (3,)), ((0, 1), (2, 4)), ()], ids=str)
def test_products_that_do_not_make_each_block_once_are_refused(products):
    with pytest.raises(ValueError, match="products must name each block"):
        inplace.translate(lstm_cell, products)


# Other cells than the book's: whoever writes one may use every form that the protocol allows

OTHERS = {
    "a linear one": """
        SAVED = ()

        def step(a):
            h = a
            return (h,)

        def step_backward(d_h):
            return (d_h,)
    """,
    "one gradient for two": """
        SAVED = ()

        def step(a, c_prev):
            c = tanh(a + c_prev)
            h = c
            return h, c

        def step_backward(d_h, d_c, c):
            d_a = (d_h + d_c) * (1 - c * c)
            return d_a, d_a
    """,
    "one coefficient for two": """
        SAVED = ()

        def step(a, h_prev):
            h = tanh(a + h_prev)
            return (h,)

        def step_backward(d_h, h):
            d_a = d_h * (1 - h * h)
            return d_a, d_a
    """,
    "its own past, unit by unit": """
        SAVED = ()

        def step(a, h_prev, w_u):
            h = tanh(a + w_u * h_prev)
            return (h,)

        def step_backward(d_h, h, h_prev, w_u):
            d_a = d_h * (1 - h * h)
            return d_a, d_a * w_u, d_a * h_prev
    """,
    "a bias, unit by unit": """
        SAVED = ()

        def step(a, w_b):
            h = tanh(a + w_b)
            return (h,)

        def step_backward(d_h, h):
            d_a = d_h * (1 - h * h)
            return d_a, d_a
    """,
    "states that change places": """
        SAVED = ("g",)

        def step(a_g, c_prev, d_prev):
            g = tanh(a_g)
            c = d_prev + g
            d = c_prev - g
            h = c * d
            return h, c, d, g

        def step_backward(d_h, d_c, d_d, c, d, g):
            d_c = d_c + d_h * d
            d_d = d_d + d_h * c
            return (d_c - d_d) * (1 - g * g), d_d, d_c
    """,
    "a saved value of its own, divisions and signs": """
        SAVED = ("s", "e")

        def step(a_s, a_e, c_prev):
            s = sigmoid(-a_s)
            e = 1 / (2 + a_e * a_e)
            c = c_prev / 2 - s * e
            h = -c
            return h, c, s, e

        def step_backward(d_h, d_c, s, e, a_e):
            d_c = d_c - d_h
            d_e = -d_c * s
            return d_c * e * s * (1 - s), -d_e * 2 * a_e * e * e, d_c / 2
    """,
    "a relu with its place in the middle": """
        SAVED = ("r", "o")

        def step(a_r, a_o, c_prev):
            r = relu(a_r + c_prev)
            o = sigmoid(a_o)
            c = r / (1 + r)
            h = o * c
            return h, c, r, o

        def step_backward(d_h, d_c, r, o, c):
            d_c = d_c + d_h * o
            d_r = d_c / (1 + r) / (1 + r)
            d_a = d_r * d_relu(r)
            return d_a, d_h * c * o * (1 - o), d_a
    """,
}
OTHERS["a saved value of its own, divisions and signs"] = (
    OTHERS["a saved value of its own, divisions and signs"]
    .replace('("s", "e")', '("s", "e", "a_e")')
    .replace("return h, c, s, e\n", "return h, c, s, e, a_e\n")
)


def other(name):
    """A twin for one of OTHERS: parameters of its size, and the functions that `layer` makes."""
    source = inspect.cleandoc("\n" + OTHERS[name]) + "\n"
    twin = with_source(lstm, source)
    G, fields = len(inplace.blocks(twin.cell)), inplace.fields(twin.cell)
    unit = [n for n in inspect.signature(twin.cell.step).parameters if n.startswith("w_")]
    Params = tuple_type("Params", ["W_x", "W_h", "b", *unit])
    made = types.SimpleNamespace(cell=twin.cell, Params=Params, State=tuple_type("State", fields))
    shapes = Params(*(f"{G}H{rest}" for rest in (" D", " H", "")), *["H"] * len(unit))
    made.init_params, *_, made.forward, made.backward = layer.functions(twin.cell, shapes, made.State)
    return made


def tuple_type(name, fields):
    import collections

    return collections.namedtuple(name, fields)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("keep_cache", [True, "lean"])
def test_other_cells_run_as_they_are_written(rng, name, keep_cache):
    twin = other(name)
    given = oracles.problem(twin, rng)
    oracles.judged(twin, oracles.run(twin, *given, keep_cache=keep_cache), plain.run(twin, *given))
    hs, last, _ = twin.forward(*given[:3])
    want_hs, want_last = plain.in_columns(twin, *given[:3])
    for a, b in zip([hs, *last], [want_hs, *want_last], strict=True):
        np.testing.assert_array_equal(a, b)


# Every small mistake in every cell

EVERY = [*STEMS, "zoneout", "slstm", "mingru", "minlstm"]
AS_WRITTEN = ("slstm", "mingru", "minlstm")  # their modules do not run in place: the equations themselves are judged
EQUIVALENT = {}  # (cell, what was done) -> why it changes nothing


def judge(stem, rng, sample=None):
    """Counts and survivors of the mutants of one cell: each must give another value, another gradient, or an error.

    The judge is oracles.py: the published equations by another hand, and their exact derivatives.  A mutant whose
    translation runs is also compared with its own plain equations: the translator must not care what it translates.
    """
    twin, loop, outside = module(stem), getattr(oracles, stem), {}
    # Which side of sLSTM's maximum was the larger shows in the last step alone: enough sequences for every case.
    # And enough units with ReLU that some are above zero.
    sizes = {"slstm": (2, 60, 1, 4), "rnn_relu": (3, 4, 1, 20)}.get(stem, (3, 2, 1, 3))
    given = oracles.problem(twin, rng, *sizes)
    if stem == "zoneout":
        outside = {name: rng.normal(size=given[3].shape) for name in ("m_h", "m_c")}
    if stem == "slstm":
        given[2].n[:] = 1 + np.abs(given[2].n)  # a normaliser is never zero
    values, last = loop(*given[:3], **outside)
    want = [values, *last, *oracles.derivatives(functools.partial(loop, **outside), *given)]
    counts, survivors = {"mutants": 0, "refused": 0, "killed": 0}, []
    refusals = (ValueError, LookupError, NameError) if stem in AS_WRITTEN else (ValueError,)
    for what, source in mutants(twin.cell, sample):
        counts["mutants"] += 1
        wrong = with_source(twin, source)
        if stem in AS_WRITTEN:
            wrong = types.SimpleNamespace(cell=wrong.cell)
            if stem != "slstm":  # nothing of the past goes through a product
                wrong.products = lambda params: ([(params.W_x, None, params.b)], ())
                wrong.gradients = lambda d_products, d_weights: (d_products[0][0], d_products[0][2])
        try:
            found = as_written = plain.run(wrong, *given, **outside) if stem in AS_WRITTEN else None
            found = found or oracles.run(wrong, *given, **outside)
        except refusals:
            counts["refused"] += 1  # not linear, a name without a value, not what SAVED says
            continue
        as_written = as_written or plain.run(wrong, *given, **outside)
        if all(np.abs(a).max() < 1e3 for a in as_written):
            for name, a, b in zip(oracles.names(twin), found, as_written, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8, err_msg=f"{stem}, {what}: {name} mistranslated")
        try:
            oracles.judged(twin, found, want)
        except AssertionError:
            counts["killed"] += 1
        else:
            survivors.append((stem, what))
    return counts, survivors


@pytest.mark.slow
@pytest.mark.parametrize("stem", EVERY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a mutant may divide by zero
def test_every_mutant_is_killed(rng, stem):
    counts, survivors = judge(stem, rng)
    print(stem, counts, survivors)
    assert [mutant for mutant in survivors if mutant not in EQUIVALENT] == []
    assert counts["killed"] + counts["refused"] + len(survivors) == counts["mutants"]
    assert counts["killed"] > counts["mutants"] / 3  # most mistakes are such as no protocol sees


@pytest.mark.parametrize("stem", EVERY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_some_mutants_are_killed(rng, stem):
    """A dozen, drawn anew each time: the fast part of the run over all of them."""
    counts, survivors = judge(stem, rng, sample=(rng, 12))
    assert [mutant for mutant in survivors if mutant not in EQUIVALENT] == []
    assert 0 < counts["mutants"] <= 12
