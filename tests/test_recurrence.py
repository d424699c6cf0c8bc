"""What holds for every cell of lstmkit.numpy, because its recurrence is written once.

The values and gradients themselves are judged in the test of each cell, the torch modules in test_stack.py, and the
translation of the cells in test_inplace.py.
"""

import importlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracles
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.numpy import lstm, recurrence
from lstmkit.numpy.gradients import finite_difference, relative_error

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
ALL = [importlib.import_module(f"lstmkit.numpy.{stem}") for stem in STEMS]
CELLS = pytest.mark.parametrize("cell", ALL, ids=STEMS)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
T, B, D, H = 6, 3, 2, 4


def problem(cell, rng, T=T, B=B, D=D, H=H, dtype=np.float64):
    """params, x, state, d_hs, d_state: all random, of one dtype."""
    return oracles.problem(cell, rng, T, B, D, H, dtype)


run = oracles.run  # everything that forward and backward return but the cache, as one flat list


def flat(params, x, state, d_hs, d_state):
    return [*params, x, *state, d_hs, *d_state]


def same(ours, theirs, **tolerance):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, **tolerance or {"rtol": 1e-12, "atol": 1e-12})


# Time


@CELLS
@pytest.mark.parametrize("cut", range(T + 1))
def test_two_halves_equal_the_whole(cell, rng, cut):
    """Forward: the second half starts from where the first ended.  Backward: the gradient flows the other way."""
    params, x, state, d_hs, d_state = problem(cell, rng)
    hs, last, cache = cell.forward(params, x, state)
    d_x, d_first, d_params = cell.backward(params, d_hs, cache, d_state)
    hs_1, middle, cache_1 = cell.forward(params, x[:cut], state)
    hs_2, end, cache_2 = cell.forward(params, x[cut:], middle)
    same([np.concatenate([hs_1, hs_2]), *end], [hs, *last])
    d_x_2, d_middle, d_params_2 = cell.backward(params, d_hs[cut:], cache_2, d_state)
    d_x_1, d_start, d_params_1 = cell.backward(params, d_hs[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    same([np.concatenate([d_x_1, d_x_2]), *d_start, *both], [d_x, *d_first, *d_params], rtol=1e-11, atol=1e-11)


@CELLS
def test_steps_equal_the_sequence(cell, rng):
    """step and step_backward, one time step after the other, are forward and backward."""
    params, x, state, d_hs, d_state = problem(cell, rng)
    hs, caches, now = [], [], state
    for x_t in x:
        now, cache = cell.step(params, x_t, now)
        hs.append(now.h)
        caches.append(cache)
    d_now, d_xs, total = d_state, [], [np.zeros_like(p) for p in params]
    for d_h, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_now, d_params = cell.step_backward(params, d_now._replace(h=d_now.h + d_h), cache)
        d_xs.append(d_x)
        total = [a + b for a, b in zip(total, d_params, strict=True)]
    by_steps = [np.stack(hs), *now, np.stack(d_xs[::-1]), *d_now, *total]
    same(by_steps, run(cell, params, x, state, d_hs, d_state), rtol=1e-11, atol=1e-11)


@CELLS
@pytest.mark.parametrize("steps", [1, 2, 4, 5, 6, 7])
def test_the_size_of_a_block_does_not_show(cell, rng, monkeypatch, steps):
    given = problem(cell, rng)
    expected = run(cell, *given)
    monkeypatch.setattr(recurrence, "block_steps", lambda T, B, H: steps)
    same(run(cell, *given), expected, rtol=1e-11, atol=1e-11)


@CELLS
@DTYPES
def test_no_steps_give_back_the_initial_state(cell, rng, dtype):
    params, x, state, d_hs, d_state = problem(cell, rng, T=0, dtype=dtype)
    hs, last, cache = cell.forward(params, x, state)
    assert hs.shape == (0, B, H)
    same(last, state, rtol=0)
    d_x, d_first, d_params = cell.backward(params, d_hs, cache, d_state)
    assert d_x.shape == (0, B, D)
    same(d_first, d_state, rtol=0)
    assert not any(d.any() for d in d_params)
    assert {a.dtype for a in (hs, *last, d_x, *d_first, *d_params)} == {np.dtype(dtype)}


@CELLS
def test_no_state_is_a_state_of_zeros(cell, rng):
    params, x, _, d_hs, d_state = problem(cell, rng)
    same(run(cell, params, x, None, d_hs, d_state), run(cell, params, x, cell.zero_state(B, H), d_hs, d_state), rtol=0)


@CELLS
def test_no_d_state_is_a_d_state_of_zeros(cell, rng):
    params, x, state, d_hs, _ = problem(cell, rng)
    same(run(cell, params, x, state, d_hs, None), run(cell, params, x, state, d_hs, cell.zero_state(B, H)), rtol=0)


@CELLS
@DTYPES
def test_inference_equals_training_forward(cell, rng, dtype):
    params, x, state, _, _ = problem(cell, rng, dtype=dtype)
    hs, last, _ = cell.forward(params, x, state)
    without, last_without, cache = cell.forward(params, x, state, keep_cache=False)
    assert cache is None
    for a, b in zip((hs, *last), (without, *last_without), strict=True):
        np.testing.assert_array_equal(a, b)


@CELLS
def test_a_cache_can_be_used_twice(cell, rng):
    params, x, state, d_hs, d_state = problem(cell, rng)
    _, _, cache = cell.forward(params, x, state)
    cell.forward(params, x + 1, state)  # another pass in between must not disturb the first
    first, second = (cell.backward(params, d_hs, cache, d_state) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    same([*first[1], *first[2]], [*second[1], *second[2]], rtol=0)


@CELLS
def test_sequences_do_not_see_each_other(cell, rng):
    """A batch is its sequences one by one, and the gradients of the weights are their sum."""
    params, x, state, d_hs, d_state = problem(cell, rng)
    whole, parts = run(cell, params, x, state, d_hs, d_state), []
    for b in range(B):
        one = slice(b, b + 1)
        alone = [cell.State(*(field[one] for field in s)) for s in (state, d_state)]
        parts.append(run(cell, params, x[:, one], alone[0], d_hs[:, one], alone[1]))
    of_state = len(cell.State._fields)
    axes = [1, *[0] * of_state, 1, *[0] * of_state]
    for k, axis in enumerate(axes):
        same([np.concatenate([part[k] for part in parts], axis)], [whole[k]])
    for k in range(len(axes), len(whole)):
        same([sum(part[k] for part in parts)], [whole[k]], rtol=1e-11, atol=1e-11)


# Memory, layout and dtype


@CELLS
@DTYPES
def test_inputs_stay_bit_for_bit(cell, rng, dtype):
    given = problem(cell, rng, dtype=dtype)
    before = [a.tobytes() for a in flat(*given)]
    run(cell, *given)
    assert [a.tobytes() for a in flat(*given)] == before


def strided(a):
    """The same values, every second entry of a larger array along each axis, running backwards along the first."""
    larger = np.full([2 * n for n in a.shape], np.nan, a.dtype)
    view = larger[tuple(slice(None, None, 2) for _ in a.shape)][::-1]
    view[...] = a
    return view


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {"Fortran": np.asfortranarray, "strided": strided, "read-only": read_only, "list": np.ndarray.tolist}


@CELLS
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_does_not_matter(cell, rng, layout):
    arrange = LAYOUTS[layout]
    params, x, state, d_hs, d_state = given = problem(cell, rng)
    changed = [cell.Params(*map(arrange, params)), arrange(x), cell.State(*map(arrange, state)), arrange(d_hs)]
    same(run(cell, *changed, cell.State(*map(arrange, d_state))), run(cell, *given), rtol=1e-13, atol=1e-13)


@CELLS
@pytest.mark.parametrize("sizes", [(T, B, D, H), (1, 1, 2, 3), (1, 3, 2, 4), (4, 1, 1, 1), (0, 2, 3, 4)], ids=str)
def test_outputs_share_no_memory(cell, rng, sizes):
    """Writing into one result changes no other, and no argument."""
    given = problem(cell, rng, *sizes)
    everything = run(cell, *given) + flat(*given)
    for k, a in enumerate(everything):
        for b in everything[:k]:
            assert not np.shares_memory(a, b)


@CELLS
@DTYPES
def test_dtype_in_is_dtype_out(cell, rng, dtype):
    given = problem(cell, rng, dtype=dtype)
    assert {a.dtype for a in run(cell, *given)} == {np.dtype(dtype)}
    params, x, _, d_hs, _ = given
    assert {a.dtype for a in run(cell, params, x, None, d_hs, None)} == {np.dtype(dtype)}
    state, cache = cell.step(params, x[0], cell.zero_state(B, H, dtype))
    d_x, d_state, d_params = cell.step_backward(params, state, cache)
    assert {a.dtype for a in (*state, d_x, *d_state, *d_params)} == {np.dtype(dtype)}


@CELLS
def test_float32_agrees_with_float64(cell, rng):
    given = problem(cell, rng)
    half = [a.astype(np.float32) for a in flat(*given)]
    p, s = len(cell.Params._fields), len(cell.State._fields)
    single = (
        cell.Params(*half[:p]),
        half[p],
        cell.State(*half[p + 1 : p + 1 + s]),
        half[p + 1 + s],
        cell.State(*half[-s:]),
    )
    for a, b in zip(run(cell, *single), run(cell, *given), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-3 * max(1, np.abs(b).max()))


@CELLS
def test_shapes_are_the_documented_ones(cell, rng):
    params, *_ = given = problem(cell, rng)
    fields = len(cell.State._fields)
    expected = [(T, B, H), *[(B, H)] * fields, (T, B, D), *[(B, H)] * fields, *(p.shape for p in params)]
    assert [a.shape for a in run(cell, *given)] == expected


@CELLS
def test_an_empty_batch_is_no_error(cell, rng):
    params, *_ = given = problem(cell, rng, B=0)
    fields = len(cell.State._fields)
    expected = [(T, 0, H), *[(0, H)] * fields, (T, 0, D), *[(0, H)] * fields, *(p.shape for p in params)]
    results = run(cell, *given)
    assert [a.shape for a in results] == expected
    assert not any(d.any() for d in results[-len(params) :])


@CELLS
@pytest.mark.parametrize("where", ["x", "state"])
def test_a_nan_stays_in_its_sequence(cell, rng, where):
    """NaN in, NaN out from that step on, in every unit of that sequence; the others' numbers do not change."""
    params, x, state, d_hs, d_state = problem(cell, rng)
    clean = run(cell, params, x, state, d_hs, d_state)
    x, state, start = x.copy(), cell.State(*(field.copy() for field in state)), 0
    if where == "x":
        start = 2
        x[start, 1, 0] = np.nan
    else:
        state.h[1, 0] = np.nan
    hs, last, cache = cell.forward(params, x, state)
    d_x, d_first, d_params = cell.backward(params, d_hs, cache, d_state)
    assert np.isnan(hs[start:, 1]).all()
    assert np.isnan(last.h[1]).all()
    if cell.cell.__name__.endswith("rnn_relu"):  # its slope at NaN is 0, so what comes before a product may be 0
        assert np.isnan(d_params.W_x).any() or np.isnan(d_params.W_h).any()
    else:
        assert np.isnan(d_x[:, 1]).all()
        assert all(np.isnan(d[1]).all() for d in d_first)
        # The weights are shared: their gradient cannot be trusted, and says so.
        assert all(np.isnan(d).any() for d in d_params)
    np.testing.assert_array_equal(hs[:start, 1], clean[0][:start, 1])
    others, fields = [0, 2], len(cell.State._fields)
    same([hs[:, others], d_x[:, others]], [clean[0][:, others], clean[1 + fields][:, others]])
    same([d[others] for d in d_first], [d[others] for d in clean[2 + fields : 2 + 2 * fields]])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    sizes=st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(1, 5), st.integers(1, 5)),
    dtype=st.sampled_from([np.float32, np.float64]),
    arrange=st.sampled_from([np.asfortranarray, strided, read_only, np.ascontiguousarray]),
    numbers=st.integers(0, 2**32 - 1),
    cell=st.sampled_from(ALL),
)
def test_any_size_layout_and_dtype(sizes, dtype, arrange, numbers, cell):
    """Whatever the sizes: the documented shapes, one dtype, the values of the plain arrays, inputs untouched."""
    T, B, D, H = sizes
    plain = problem(cell, np.random.default_rng(numbers), T, B, D, H, dtype)
    params, x, state, d_hs, d_state = plain
    arranged = cell.Params(*map(arrange, params)), arrange(x), cell.State(*map(arrange, state)), arrange(d_hs)
    arranged = *arranged, cell.State(*map(arrange, d_state))
    results = run(cell, *arranged)
    assert {a.dtype for a in results} == {np.dtype(dtype)}
    assert results[0].shape == (T, B, H)
    eps = np.finfo(dtype).eps
    for a, b in zip(results, run(cell, *plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=100 * eps * max(1, np.abs(b).max(initial=0)))
    for a, b in zip(flat(*arranged), flat(*plain), strict=True):
        np.testing.assert_array_equal(a, b)


# The translation, and the modes that must not show


@CELLS
@DTYPES
@pytest.mark.parametrize("sizes", [(T, B, D, H), (3, 1, 2, 5), (2, 40, 3, 33)], ids=str)
def test_in_place_equals_the_plain_equations_bit_for_bit(cell, rng, dtype, sizes):
    params, x, state, _, _ = problem(cell, rng, *sizes, dtype)
    hs, last, _ = cell.forward(params, x, state)
    want_hs, want_last = plain.in_columns(cell, params, x, state)
    for a, b in zip([hs, *last], [want_hs, *want_last], strict=True):
        np.testing.assert_array_equal(a, b)


@CELLS
def test_in_place_backward_equals_the_plain_equations(cell, rng):
    """To rounding: the coefficients of the gradients are multiplied in another order."""
    given = problem(cell, rng)
    oracles.judged(cell, run(cell, *given), plain.run(cell, *given))


@CELLS
@DTYPES
@pytest.mark.parametrize("sizes", [(T, B, D, H), (3, 1, 2, 5), (37, 40, 3, 70)], ids=str)
def test_lean_gives_the_same_bits(cell, rng, dtype, sizes):
    """The gates made again in backward are those of forward, whatever the blocks of steps."""
    given = problem(cell, rng, *sizes, dtype)
    for a, b in zip(run(cell, *given, keep_cache="lean"), run(cell, *given), strict=True):
        np.testing.assert_array_equal(a, b)


@CELLS
def test_lean_is_small(cell, rng):
    """What is kept is the states and the input, and neither gates nor squashed values."""
    given = problem(cell, rng)
    cache = cell.forward(*given[:3], keep_cache="lean")[2]
    kept = cache.columns.nbytes + sum(history.nbytes for history in cache.carried.values())
    fields = len(cell.State._fields)
    assert cache.gates is None
    assert not cache.extra
    assert kept == (T + 1) * B * (fields * H + D + 2) * 8
    with pytest.raises(ValueError, match="lean"):
        recurrence.read(cache, "h")


@CELLS
def test_read_gives_the_states_of_every_step(cell, rng):
    params, x, state, _, _ = problem(cell, rng)
    hs, last, cache = cell.forward(params, x, state)
    np.testing.assert_array_equal(recurrence.read(cache, "h"), hs)
    for name, field, first in zip(cell.State._fields, last, state, strict=True):
        np.testing.assert_array_equal(recurrence.read(cache, name)[-1], field)
        np.testing.assert_array_equal(recurrence.read(cache, f"{name}_prev")[0], first)
    for name in cell.cell.SAVED:
        assert recurrence.read(cache, name).shape == hs.shape


# The gradients


@CELLS
@DTYPES
def test_saturated_gates_are_silent(cell, rng, dtype):
    """Pre-activations around ±1000: finite values and gradients, and no floating-point error on the way."""
    params, x, state, d_hs, d_state = problem(cell, rng, dtype=dtype)
    given = params._replace(b=1000 * np.sign(params.b)), x, state, d_hs, d_state
    with np.errstate(all="raise", under="ignore"):
        results = run(cell, *given)
    assert all(np.isfinite(a).all() for a in results)


@CELLS
def test_gradients_against_finite_differences(cell, rng):
    """Of every parameter, of the input and of every field of the state, when a gradient arrives at every output."""
    params, x, state, d_hs, d_state = problem(cell, rng, 3, 2, 1, 3)
    fields, arrays = cell.State._fields, [x, *state, *params]
    found = run(cell, params, x, state, d_hs, d_state)[1 + len(fields) :]
    for k, gradient in enumerate(found):

        def loss(changed, k=k):
            now = [*arrays[:k], changed, *arrays[k + 1 :]]
            hs, last, _ = cell.forward(now[1 + len(fields) :], now[0], now[1 : 1 + len(fields)], keep_cache=False)
            return (hs * d_hs).sum() + sum((a * d).sum() for a, d in zip(last, d_state, strict=True))

        name = ["x", *fields, *cell.Params._fields][k]
        assert relative_error(gradient, finite_difference(loss, arrays[k])) < 1e-6, name


@CELLS
def test_gradients_against_autograd_of_the_same_equations(cell, rng, torch):
    """The loop of torch operations runs the cell's `step`, and autograd knows nothing of its `step_backward`."""
    import lstmkit.torch.recurrence

    params, x, state, d_hs, d_state = given = problem(cell, rng)
    stem = cell.__name__.rpartition(".")[2]
    products = None
    if stem == "full_gate_recurrence":  # its product is put together from two parameters
        products = importlib.import_module(f"lstmkit.torch.{stem}").products
    loop = lstmkit.torch.recurrence.equations(cell, products)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, *state, *params)]
    s = 1 + len(state)
    hs, last = loop(cell.Params(*tensors[s:]), tensors[0], cell.State(*tensors[1:s]))
    incoming = [torch.tensor(d) for d in (d_hs, *d_state)]
    theirs = torch.autograd.grad([hs, *last], tensors, incoming)
    theirs = [a.detach().numpy() for a in (hs, *last, *theirs)]
    oracles.judged(cell, run(cell, *given), theirs)


# Memory that is used again


@CELLS
@pytest.mark.parametrize("keep_cache", [True, "lean"])
def test_memory_in_use_is_never_used_again(cell, rng, monkeypatch, keep_cache):
    """Whatever is still held keeps its numbers through later calls of the same sizes, which look for memory."""
    monkeypatch.setattr(recurrence, "SPARE", {})
    sizes = (90, 64, 3, 32)  # more than the megabyte from which on memory is kept
    given = problem(cell, rng, *sizes, np.float64)
    params, x, state, d_hs, d_state = given
    hs, last, cache = cell.forward(params, x, state, keep_cache=keep_cache)
    held = [hs, *last, *cell.backward(params, d_hs, cache, d_state)[1]]
    if keep_cache is True:
        held += [recurrence.read(cache, name) for name in (*cell.State._fields, *cell.cell.SAVED)]
    before = [a.copy() for a in held]
    expected = cell.backward(params, d_hs, cache, d_state)
    for _ in range(2):
        run(cell, params, x + 1, state, d_hs, d_state, keep_cache=keep_cache)  # its own cache dies with it
    assert recurrence.SPARE
    for a, b in zip(held, before, strict=True):
        np.testing.assert_array_equal(a, b)
    again = cell.backward(params, d_hs, cache, d_state)
    for a, b in zip([again[0], *again[1], *again[2]], [expected[0], *expected[1], *expected[2]], strict=True):
        np.testing.assert_array_equal(a, b)
    del cache  # what was read from it keeps its memory alive
    run(cell, params, x - 1, state, d_hs, d_state, keep_cache=keep_cache)
    for a, b in zip(held, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_memory_that_nobody_holds_is_used_again(rng, monkeypatch):
    monkeypatch.setattr(recurrence, "SPARE", {})
    given = problem(lstm, rng, 90, 64, 3, 32, np.float64)
    first = lstm.forward(*given[:3])[2].gates.ctypes.data
    assert lstm.forward(*given[:3])[2].gates.ctypes.data == first
    count = sum(map(len, recurrence.SPARE.values()))
    lstm.forward(*given[:3])
    assert sum(map(len, recurrence.SPARE.values())) == count  # and no more of it is kept for a call of the same sizes


def test_spare_memory_has_a_bound(monkeypatch):
    monkeypatch.setattr(recurrence, "SPARE", {})
    monkeypatch.setattr(recurrence, "MOST_SPARE", 5 * 2**20)
    for megabytes in (1, 2, 3, 4):
        recurrence.room((megabytes, 2**17), np.float64)
    assert {size // 2**20: len(buffers) for size, buffers in recurrence.SPARE.items()} == {4: 1}


def test_threads_share_spare_memory(rng):
    """Networks run side by side, each in a thread of its own, return what they return one after the other."""
    given = problem(lstm, rng, 90, 64, 3, 32, np.float64)
    expected = run(lstm, *given)
    with ThreadPoolExecutor(4) as pool:
        for results in pool.map(lambda _: run(lstm, *given), range(12)):
            for a, b in zip(results, expected, strict=True):
                np.testing.assert_array_equal(a, b)


# Bad input: each call, and the words that its message must hold


def bad(what, *words):
    """A change to the good arguments of forward, and the words of the message."""
    return pytest.param(what, words, id=" ".join(words))


BAD_FORWARD = [
    bad(lambda a: a | {"x": a["x"][0]}, "x ", "(T, B, D)", "(3, 2)"),
    bad(lambda a: a | {"x": a["x"][..., :1]}, "x ", "(T, B, D)", "(6, 3, 2)", "(6, 3, 1)"),
    bad(lambda a: a | {"x": a["x"].astype(int)}, "x ", "float32 or float64", "int64"),
    bad(lambda a: a | {"x": a["x"].astype(bool)}, "x ", "float32 or float64", "bool"),
    bad(lambda a: a | {"x": a["x"].astype(complex)}, "x ", "float32 or float64", "complex128"),
    bad(lambda a: a | {"x": a["x"].astype(np.float16)}, "x ", "float32 or float64", "float16"),
    bad(lambda a: a | {"x": a["x"].astype(object)}, "x ", "float32 or float64", "object"),
    bad(lambda a: a | {"x": a["x"].astype(np.float32)}, "x ", "float32", "float64", "convert"),
    bad(lambda a: a | {"x": None}, "x ", "float32 or float64", "object"),
    bad(lambda a: a | {"state": of_state(a, lambda h: h[:2])}, "state.h", "(B, H)", "(3, 4)", "(2, 4)"),
    bad(lambda a: a | {"state": of_state(a, lambda h: h[:, :3])}, "state.h", "(B, H)", "(3, 4)", "(3, 3)"),
    bad(lambda a: a | {"state": of_state(a, lambda h: h[None])}, "state.h", "(B, H)", "(3, 4)", "(1, 3, 4)"),
    bad(lambda a: a | {"state": of_state(a, lambda h: h.astype(np.float32))}, "state.h", "float32", "float64"),
    bad(lambda a: a | {"state": of_state(a, lambda h: h.astype(int))}, "state.h", "float32 or float64", "int64"),
    bad(lambda a: a | {"state": (*a["state"], a["state"][0])}, "state ", "State(h", "values"),
    bad(lambda a: a | {"state": a["state"][0]}, "state ", "State(h", "ndarray"),
    bad(lambda a: a | {"params": a["params"][:2]}, "params ", "Params(W_x, W_h, b", "2 values"),
    bad(lambda a: a | {"params": a["params"]._replace(b=a["params"].b[:-1])}, "params.b"),
    bad(lambda a: a | {"params": a["params"]._replace(b=a["params"].b[None])}, "params.b"),
    bad(lambda a: a | {"params": a["params"]._replace(W_h=a["params"].W_h[:, 1:])}, "params.W_h", "H"),
    bad(lambda a: a | {"params": a["params"]._replace(W_x=a["params"].W_x[:-1])}, "params.W_x", "D"),
    bad(lambda a: a | {"params": a["params"]._replace(W_x=a["params"].W_x.T)}, "params.W_x", "D"),
    bad(
        lambda a: a | {"params": a["params"]._replace(b=a["params"].b.astype(int))},
        "params.b",
        "float32 or float64",
        "int64",
    ),
    bad(
        lambda a: a | {"params": a["params"]._replace(b=a["params"].b.astype(np.float32))},
        "params.b",
        "float32",
        "float64",
    ),
]


def of_state(arguments, change):
    state = arguments["state"]
    return state._replace(h=change(state.h))


@CELLS
@pytest.mark.parametrize(("change", "words"), BAD_FORWARD)
def test_a_bad_call_of_forward_says_what_is_wrong(cell, rng, change, words):
    params, x, state, _, _ = problem(cell, rng)
    with pytest.raises(ValueError, match=r"\A\w") as caught:
        cell.forward(**change({"params": params, "x": x, "state": state}))
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_the_second_field_of_a_state_is_named_as_well(rng):
    params, x, state, d_hs, d_state = problem(lstm, rng)
    with pytest.raises(ValueError, match=r"state\.c .*\(B, H\) = \(3, 4\).*\(3, 5\)"):
        lstm.forward(params, x, state._replace(c=np.zeros((3, 5))))
    _, _, cache = lstm.forward(params, x, state)
    with pytest.raises(ValueError, match=r"d_state\.c .*float32.*float64"):
        lstm.backward(params, d_hs, cache, d_state._replace(c=np.zeros((3, 4), np.float32)))


BAD_BACKWARD = [
    bad(lambda a: a | {"d_hs": a["d_hs"][-1]}, "d_hs ", "(T, B, H)", "(3, 4)"),
    bad(lambda a: a | {"d_hs": a["d_hs"][1:]}, "d_hs ", "(T, B, H)", "(6, 3, 4)", "(5, 3, 4)"),
    bad(lambda a: a | {"d_hs": a["d_hs"][:, :1], "d_state": None}, "d_hs ", "(T, B, H)", "(6, 3, 4)", "(6, 1, 4)"),
    bad(lambda a: a | {"d_hs": a["d_hs"][..., :3]}, "d_hs ", "(T, B, H)", "(6, 3, 3)"),
    bad(lambda a: a | {"d_hs": a["d_hs"].astype(np.float32)}, "d_hs ", "float32", "float64"),
    bad(lambda a: a | {"d_hs": a["d_hs"].astype(int)}, "d_hs ", "float32 or float64", "int64"),
    bad(
        lambda a: a | {"d_state": a["d_state"]._replace(h=np.zeros((2, 4)))}, "d_state.h", "(B, H)", "(3, 4)", "(2, 4)"
    ),
    bad(lambda a: a | {"d_state": ()}, "d_state ", "State(h", "0 values"),
    bad(lambda a: a | {"cache": None}, "cache ", "None", "keep_cache=True"),
]


@CELLS
@pytest.mark.parametrize(("change", "words"), BAD_BACKWARD)
def test_a_bad_call_of_backward_says_what_is_wrong(cell, rng, change, words):
    params, x, state, d_hs, d_state = problem(cell, rng)
    _, _, cache = cell.forward(params, x, state)
    with pytest.raises(ValueError, match=r"\A\w") as caught:
        cell.backward(**change({"params": params, "d_hs": d_hs, "cache": cache, "d_state": d_state}))
    for word in words:
        assert word in str(caught.value), str(caught.value)


@CELLS
def test_a_bad_call_of_step_says_what_is_wrong(cell, rng):
    params, x, state, _, d_state = problem(cell, rng)
    with pytest.raises(ValueError, match=r"x_t .*\(B, D\).*\(6, 3, 2\)"):
        cell.step(params, x, state)
    with pytest.raises(ValueError, match=r"state\.h .*\(B, H\) = \(3, 4\).*\(2, 4\)"):
        cell.step(params, x[0], state._replace(h=state.h[:2]))
    _, cache = cell.step(params, x[0], state)
    with pytest.raises(ValueError, match=r"d_state\.h .*\(B, H\) = \(3, 4\).*\(2, 4\)"):
        cell.step_backward(params, d_state._replace(h=state.h[:2]), cache)
