"""Padded batches: each sequence alone is the oracle, and torch.nn with a PackedSequence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.numpy import (
    full_gate_recurrence,
    gru,
    layernorm,
    lengths,
    lstm,
    mingru,
    peephole,
    projection,
    rnn,
    slstm,
)

ALL = [rnn, lstm, gru, peephole, layernorm, projection, full_gate_recurrence, mingru, slstm]
CELLS = pytest.mark.parametrize("cell", ALL, ids=lambda cell: cell.__name__.rpartition(".")[2])
T, B, D, H = 6, 5, 2, 4
LENGTHS = {
    "any order": [3, 6, 1, 4, 3],
    "ascending": [1, 2, 4, 5, 6],
    "descending": [6, 5, 4, 2, 1],
    "all T": [6] * 5,
    "all less than T": [4] * 5,
    "all 1": [1] * 5,
    "none": None,
}
ANY = pytest.mark.parametrize("ends", LENGTHS.values(), ids=LENGTHS)


def problem(cell, rng, T=T, B=B, D=D, H=H, dtype=np.float64):
    """params, x, state, d_hs, d_state: all random, of one dtype."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    sizes = (H, 3) if cell is projection else (H,)
    params = cell.Params(*(normal(*p.shape) for p in cell.init_params(rng, D, *sizes)))
    state, d_state = (cell.State(*(normal(*field.shape) for field in cell.zero_state(B, *sizes))) for _ in range(2))
    if "n" in cell.State._fields:  # the sLSTM's normaliser is a sum of what is positive
        state = state._replace(n=1 + abs(state.n))
    return params, normal(T, B, D), state, normal(T, *state.h.shape), d_state


def run(cell, params, x, ends, state, d_hs, d_state, keep_cache=True):
    """Everything that forward and backward return but the cache, as one flat list."""
    hs, last, cache = lengths.forward(cell, params, x, ends, state, keep_cache)
    d_x, d_first, d_params = lengths.backward(cell, params, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *d_params]


def one_by_one(cell, params, x, ends, state, d_hs, d_state):
    """The same list, from each sequence by itself, cut to its length."""
    ends = [len(x)] * x.shape[1] if ends is None else ends
    hs, d_x, last, d_first, total = np.zeros_like(d_hs), np.zeros_like(x), [], [], None
    for b, end in enumerate(ends):
        start = None if state is None else cell.State(*(field[[b]] for field in state))
        arriving = None if d_state is None else cell.State(*(field[[b]] for field in d_state))
        hs[:end, [b]], now, cache = cell.forward(params, x[:end, [b]], start)
        d_x[:end, [b]], d_start, d_params = cell.backward(params, d_hs[:end, [b]], cache, arriving)
        last.append(now)
        d_first.append(d_start)
        total = d_params if total is None else [p + q for p, q in zip(total, d_params, strict=True)]
    joined = [[np.concatenate(fields) for fields in zip(*states, strict=True)] for states in (last, d_first)]
    return [hs, *joined[0], d_x, *joined[1], *total]


def same(cell, ours, theirs):
    """Values to 1e-12, gradients to 1e-10."""
    values = 1 + len(cell.State._fields)
    for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        tolerance = 1e-12 if k < values else 1e-10
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@CELLS
@ANY
def test_a_padded_batch_is_its_sequences_one_by_one(cell, rng, ends):
    params, *rest = problem(cell, rng)
    x, *others = rest
    same(cell, run(cell, params, x, ends, *others), one_by_one(cell, params, x, ends, *others))


@CELLS
def test_no_state_is_the_cells_own(cell, rng):
    params, x, _, d_hs, _ = problem(cell, rng)
    ends = LENGTHS["any order"]
    same(cell, run(cell, params, x, ends, None, d_hs, None), one_by_one(cell, params, x, ends, None, d_hs, None))


@CELLS
def test_lengths_of_t_are_the_cells_forward(cell, rng):
    params, x, state, d_hs, d_state = problem(cell, rng)
    hs, last, cache = cell.forward(params, x, state)
    d_x, d_first, d_params = cell.backward(params, d_hs, cache, d_state)
    for ends in (None, [T] * B):
        ours = run(cell, params, x, ends, state, d_hs, d_state)
        for a, b in zip(ours, [hs, *last, d_x, *d_first, *d_params], strict=True):
            np.testing.assert_array_equal(a, b)


@CELLS
@pytest.mark.parametrize("cut", range(1, T))
def test_two_halves_equal_the_whole(cell, rng, cut):
    """Sequences that end before the cut are left out of the second half; their State is done."""
    params, x, state, d_hs, d_state = problem(cell, rng)
    ends = np.array([3, 6, 1, 4, 2])
    whole = run(cell, params, x, ends, state, d_hs, d_state)
    hs_1, middle, cache_1 = lengths.forward(cell, params, x[:cut], np.minimum(ends, cut), state)
    on = np.flatnonzero(ends > cut)
    going = cell.State(*(field[on] for field in middle))
    hs_2, end, cache_2 = lengths.forward(cell, params, x[cut:, on], ends[on] - cut, going)
    hs, last = np.zeros_like(hs_1, shape=d_hs.shape), [field.copy() for field in middle]
    hs[:cut] = hs_1
    hs[cut:, on] = hs_2
    for field, value in zip(last, end, strict=True):
        field[on] = value
    arriving = cell.State(*(field[on] for field in d_state))
    d_x_2, d_going, d_params_2 = lengths.backward(cell, params, d_hs[cut:, on], cache_2, arriving)
    d_middle = [field.copy() for field in d_state]
    for field, value in zip(d_middle, d_going, strict=True):
        field[on] = value
    d_x_1, d_first, d_params_1 = lengths.backward(cell, params, d_hs[:cut], cache_1, d_middle)
    d_x = np.zeros_like(x)
    d_x[:cut] = d_x_1
    d_x[cut:, on] = d_x_2
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    same(cell, [hs, *last, d_x, *d_first, *both], whole)


@CELLS
@pytest.mark.parametrize("keep_cache", [True, "lean"])
def test_what_stands_on_padding_never_matters(cell, rng, keep_cache):
    """NaN, infinity and large numbers, in x and in d_hs: the same bits come out, and zeros at padding."""
    params, x, state, d_hs, d_state = problem(cell, rng)
    ends = LENGTHS["any order"]
    padding = ~lengths.mask(ends, T)
    clean = run(cell, params, x, ends, state, d_hs, d_state, keep_cache)
    for junk in (np.nan, np.inf, 1e300):
        x[padding] = junk
        d_hs[padding] = junk
        with np.errstate(all="raise", under="ignore"):
            for a, b in zip(run(cell, params, x, ends, state, d_hs, d_state, keep_cache), clean, strict=True):
                np.testing.assert_array_equal(a, b)
    hs, d_x = clean[0], clean[1 + len(cell.State._fields)]
    assert not hs[padding].any()
    assert not d_x[padding].any()
    assert hs[~padding].all()
    assert d_x[~padding].all()


def test_nothing_is_computed_on_padding(rng, monkeypatch):
    """Steps times sequences, as the cell is asked for them, is the number of real steps."""
    params, x, state, _, _ = problem(lstm, rng)
    asked, forward = [], lstm.forward
    monkeypatch.setattr(
        lstm, "forward", lambda params, x, *args, **kw: asked.append(x.shape) or forward(params, x, *args, **kw)
    )
    lengths.forward(lstm, params, x, [3, 6, 1, 4, 3], state)
    assert asked == [(1, 5, D), (2, 4, D), (1, 2, D), (2, 1, D)]


def library(torch, cell, params):
    """torch.nn's module with our weights."""
    kind = {rnn: torch.nn.RNN, lstm: torch.nn.LSTM, gru: torch.nn.GRU}[cell]
    module, (W_x, W_h, b) = kind(D, H).double(), map(torch.tensor, params[:3])
    second = torch.zeros_like(b)
    if cell is gru:
        second[2 * H :] = torch.tensor(params.b_u)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    module.load_state_dict(dict(zip(names, (W_x, W_h, b, second), strict=True)))
    return module


@pytest.mark.parametrize("cell", [rnn, lstm, gru])
@ANY
def test_against_torch_nn_with_a_packed_sequence(rng, torch, cell, ends):
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    params, x, state, d_hs, d_state = problem(cell, rng)
    ours = run(cell, params, x, ends, state, d_hs, d_state)
    module = library(torch, cell, params)
    leaf, *first = (torch.tensor(a, requires_grad=True) for a in (x, *(field[None] for field in state)))
    packed = pack_padded_sequence(leaf, [T] * B if ends is None else ends, enforce_sorted=False)
    hs, last = module(packed, tuple(first) if len(first) > 1 else first[0])
    hs, last = pad_packed_sequence(hs, total_length=T)[0], last if isinstance(last, tuple) else (last,)
    torch.autograd.backward([hs, *last], [torch.tensor(a) for a in (d_hs, *(field[None] for field in d_state))])
    grads = [module.weight_ih_l0.grad, module.weight_hh_l0.grad, module.bias_ih_l0.grad]
    grads += [module.bias_hh_l0.grad[2 * H :]] if cell is gru else []
    theirs = [hs, *(field[0] for field in last), leaf.grad, *(field.grad[0] for field in first), *grads]
    same(cell, ours, [tensor.detach().numpy() for tensor in theirs])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    ends=st.lists(st.integers(1, 7), max_size=6),
    dtype=st.sampled_from([np.float32, np.float64]),
    numbers=st.integers(0, 2**32 - 1),
    cell=st.sampled_from([rnn, lstm, gru]),
)
def test_any_lengths_and_dtype(ends, dtype, numbers, cell):
    """Whatever the lengths: the sequences one by one, the documented shapes, one dtype, inputs untouched."""
    given = problem(cell, np.random.default_rng(numbers), 7, len(ends), D, H, dtype)
    params, x, *rest = given
    flat = [*params, x, *rest[0], rest[1], *rest[2]]
    before = [a.tobytes() for a in flat]
    ours = run(cell, params, x, ends, *rest)
    assert [a.tobytes() for a in flat] == before
    assert {a.dtype for a in ours} == {np.dtype(dtype)}
    for k, a in enumerate(ours):
        assert not any(np.shares_memory(a, b) for b in (*ours[:k], *flat))
    if ends:
        for a, b in zip(ours, one_by_one(cell, params, x, ends, *rest), strict=True):
            tolerance = 1e4 * np.finfo(dtype).eps
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, np.abs(b).max()))
    assert ours[0].shape == (7, len(ends), H)


def test_without_a_cache(rng):
    params, x, state, d_hs, _ = problem(lstm, rng)
    kept, without = (lengths.forward(lstm, params, x, [3, 6, 1, 4, 3], state, keep) for keep in (True, False))
    np.testing.assert_array_equal(kept[0], without[0])
    assert without[2] is None
    with pytest.raises(ValueError, match=r"cache is None: .*keep_cache=True"):
        lengths.backward(lstm, params, d_hs, without[2])


def test_mask():
    wanted = [[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(lengths.mask([2, 1, 3], 4), np.array(wanted, bool))
    assert lengths.mask([], 4).shape == (4, 0)


def test_reverse(rng):
    x = np.arange(1, 5)[:, None] * np.array([1, 10, 100])
    wanted = [[2, 10, 300], [1, 20, 200], [3, 30, 100], [4, 40, 400]]
    turned = lengths.reverse(x, [2, 1, 3])
    np.testing.assert_array_equal(turned, wanted)
    np.testing.assert_array_equal(lengths.reverse(turned, [2, 1, 3]), x)
    x = rng.normal(size=(4, 3, 2, 5))
    np.testing.assert_array_equal(lengths.reverse(x), x[::-1])
    np.testing.assert_array_equal(lengths.reverse(x, [4, 4, 4]), x[::-1])


BAD = {
    "a sequence without steps": ([3, 0, 1, 4, 3], ["1 to T = 6", "[3, 0, 1, 4, 3]", "leave a sequence without steps"]),
    "longer than the batch": ([3, 7, 1, 4, 3], ["1 to T = 6", "[3, 7, 1, 4, 3]"]),
    "negative": ([3, -2, 1, 4, 3], ["1 to T = 6", "-2"]),
    "too few": ([3, 6], ["B = 5", "[3, 6]"]),
    "no axis": (3, ["B = 5", "they are 3"]),
    "two axes": ([[3, 6, 1, 4, 3]], ["B = 5"]),
    "no whole numbers": ([3.0, 6.0, 1.0, 4.0, 3.0], ["whole numbers", "3.0"]),
    "a mask": (np.ones(5, bool), ["whole numbers"]),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_lengths_say_what_is_wrong(rng, what):
    params, x, state, _, _ = problem(lstm, rng)
    ends, words = BAD[what]
    for call in (lambda: lengths.forward(lstm, params, x, ends, state), lambda: lengths.reverse(x, ends)):
        with pytest.raises(ValueError, match=r"\Alengths must be") as caught:
            call()
        for word in words:
            assert word in str(caught.value), str(caught.value)


def test_other_bad_input_says_what_is_wrong(rng):
    params, x, state, d_hs, d_state = problem(lstm, rng)
    ends = [3, 6, 1, 4, 3]
    with pytest.raises(ValueError, match=r"x must have shape \(T, B, D\), but its shape is \(6, 5\)"):
        lengths.forward(lstm, params, x[..., 0], ends)
    with pytest.raises(ValueError, match=r"state\.c must have a row for each of B = 5 .*\(4, 4\)"):
        lengths.forward(lstm, params, x, ends, state._replace(c=state.c[:4]))
    with pytest.raises(ValueError, match=r"state must be State\(h, c\)"):
        lengths.forward(lstm, params, x, ends, state[:1])
    with pytest.raises(ValueError, match=r"state\.h .*\(B, H\)"):
        lengths.forward(lstm, params, x, ends, state._replace(h=state.h[:, :3]))
    _, _, cache = lengths.forward(lstm, params, x, ends, state)
    with pytest.raises(ValueError, match=r"d_hs must have shape \(T, B, H\) = \(6, 5, 4\).*\(5, 5, 4\)"):
        lengths.backward(lstm, params, d_hs[1:], cache)
    with pytest.raises(ValueError, match=r"d_state\.h must have a row for each of B = 5"):
        lengths.backward(lstm, params, d_hs, cache, d_state._replace(h=d_state.h[:2]))


# The suite itself on trial: each wrong variant must be seen.


def last_step(treads):
    """All sequences to the end, as without lengths: the State is that of the last step."""
    return [(slice(0, treads[-1][0].stop), np.arange(len(treads[0][1])))]


def unsorted(treads):
    return [(steps, np.arange(len(rows))) for steps, rows in treads]


WRONG = {"state of the last step": last_step, "in the order given": unsorted}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_staircase_is_seen(rng, monkeypatch, wrong):
    given = problem(lstm, rng)
    ends, treads = [3, 6, 1, 4, 3], lengths._treads
    expected = one_by_one(lstm, *given[:2], ends, *given[2:])
    same(lstm, run(lstm, *given[:2], ends, *given[2:]), expected)
    monkeypatch.setattr(lengths, "_treads", lambda *args: WRONG[wrong](treads(*args)))
    with pytest.raises(AssertionError):
        same(lstm, run(lstm, *given[:2], ends, *given[2:]), expected)
