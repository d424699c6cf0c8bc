"""What lstmkit.numpy.layer makes: functions of a module that belong to it, and the products that the recurrence takes.

That they compute what they should is judged in the test of each cell, and for all of them in test_recurrence.py.
"""

import inspect
from typing import NamedTuple

import numpy as np
import oracles
import pytest

from lstmkit.cells import lstm as cell
from lstmkit.numpy import coupled, gru, layer, lstm, peephole, recurrence

MADE = ("init_params", "zero_state", "count_params", "step", "step_backward", "forward", "backward")
MODULES = pytest.mark.parametrize("module", [coupled, gru, peephole], ids=lambda m: m.__name__)


@MODULES
@pytest.mark.parametrize("name", MADE)
def test_a_function_belongs_to_its_module(module, name):
    """So that help, tracebacks and the book's pages show it where it is used."""
    function = getattr(module, name)
    assert function.__module__ == module.__name__
    assert function.__name__ == name
    assert inspect.getdoc(function)


@MODULES
def test_signatures_are_those_of_the_written_out_lstm(module):
    """What is made and what is written by hand are called alike."""
    for name in set(MADE) - {"init_params", "count_params"}:
        assert inspect.signature(getattr(module, name)) == inspect.signature(getattr(lstm, name))
    with_bias, without = inspect.signature(lstm.init_params), inspect.signature(coupled.init_params)
    assert with_bias == without
    assert "forget_bias" not in inspect.signature(gru.init_params).parameters


def test_the_lstm_made_here_is_the_lstm_written_out(rng):
    """The same bits, for the same cell: lstmkit/numpy/lstm.py is written out for its readers alone."""
    made = layer.functions(cell, lstm.SHAPES, lstm.State, forget_block=1)
    init_params, zero_state, count_params, step, step_backward, forward, backward = made
    params, x, state, d_hs, d_state = oracles.problem(lstm, rng)
    hs, last, cache = forward(params, x, state)
    want_hs, want_last, want_cache = lstm.forward(params, x, state)
    ours, theirs = backward(params, d_hs, cache, d_state), lstm.backward(params, d_hs, want_cache, d_state)
    for a, b in zip([hs, *last, ours[0], *ours[1], *ours[2]], [want_hs, *want_last, theirs[0], *theirs[1], *theirs[2]],
                    strict=True):  # fmt: skip
        np.testing.assert_array_equal(a, b)
    seed = int(rng.integers(2**32))
    for a, b in zip(*(f(np.random.default_rng(seed), 2, 3) for f in (init_params, lstm.init_params)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert count_params(2, 3) == lstm.count_params(2, 3)
    assert [a.shape for a in zero_state(2, 3)] == [(2, 3)] * 2
    new, cache = step(params, x[0], state)
    want, want_cache = lstm.step(params, x[0], state)
    np.testing.assert_allclose(new, want, rtol=0, atol=1e-14)
    d_x, d_first, d_params = step_backward(params, d_state, cache)
    want_d_x, want_first, want_params = lstm.step_backward(params, d_state, want_cache)
    for a, b in zip([d_x, *d_first, *d_params], [want_d_x, *want_first, *want_params], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_products_and_gradients_are_each_others_way_back(rng):
    """The gradient through `products` of a module is `gradients`: each number of Params arrives where it came from."""
    for module in (gru, peephole):
        params = oracles.problem(module, rng)[0]
        pieces, weights = getattr(module, "products", layer.products)(params)
        back = getattr(module, "gradients", lambda p, w, m=module: m.Params(*p[0], *w))
        for a, b in zip(back(pieces, weights), params, strict=True):
            np.testing.assert_array_equal(a, b)


def test_each_product_lists_its_matrices(rng):
    """W_x (.., D), W_h (.., H) and b for as many rows, or None where a block sees only one of x and h."""
    params = oracles.problem(gru, rng)[0]
    products, weights = gru.products(params)
    assert weights == ()
    shapes = [[None if a is None else a.shape for a in product] for product in products]
    assert shapes == [[None, (4, 4), (4,)], [(8, 2), (8, 4), (8,)], [(4, 2), None, (4,)]]


def test_a_cache_of_other_sizes_is_refused(rng):
    params, x, state, d_hs, _ = oracles.problem(peephole, rng)
    cache = peephole.forward(params, x[:2], state)[2]
    with pytest.raises(ValueError, match=r"d_hs must have shape \(T, B, H\) = \(2, 3, 4\)"):
        peephole.backward(params, d_hs, cache)
    with pytest.raises(ValueError, match="keep_cache=True"):
        recurrence.expect_cache(None, d_hs)


def test_a_cell_of_ones_own(rng):
    """What a reader does who invents a cell: its equations, its shapes, and nothing else."""

    class Params(NamedTuple):
        W_x: np.ndarray
        W_h: np.ndarray
        b: np.ndarray

    class State(NamedTuple):
        h: np.ndarray
        c: np.ndarray

    *_, forward, backward = layer.functions(cell, Params("4H D", "4H H", "4H"), State)
    params, x, state, d_hs, d_state = oracles.problem(lstm, rng)
    hs, last, cache = forward(Params(*params), x, State(*state))
    assert type(last) is State
    assert type(backward(params, d_hs, cache, d_state)[2]) is Params
    np.testing.assert_array_equal(hs, lstm.forward(params, x, state)[0])
