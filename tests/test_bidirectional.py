"""Both directions against torch.nn with PackedSequence, each sequence alone, and finite differences."""

import numpy as np
import pytest

from lstmkit.numpy import bidirectional, gru, lstm, peephole, rnn, slstm
from lstmkit.numpy import lengths as padded
from lstmkit.numpy.bidirectional import Params, State
from lstmkit.numpy.gradients import finite_difference, relative_error

T, B, D, H = 6, 5, 2, 4
LIBRARY = pytest.mark.parametrize("cell", [rnn, lstm, gru], ids=["rnn", "lstm", "gru"])
ALL = {"rnn": rnn, "lstm": lstm, "gru": gru, "peephole": peephole, "slstm": slstm}
CELLS = pytest.mark.parametrize("cell", ALL.values(), ids=ALL)
LENGTHS = {"any order": [3, 6, 1, 4, 3], "all T": [6] * 5, "all less": [4] * 5, "all 1": [1] * 5, "none": None}
ANY = pytest.mark.parametrize("ends", LENGTHS.values(), ids=LENGTHS)


def problem(cell, rng, T=T, B=B, D=D, H=H, dtype=np.float64):
    """params, x, state, d_hs, d_state of both directions: all random, of one dtype."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = Params(*(cell.Params(*(normal(*p.shape) for p in cell.init_params(rng, D, H))) for _ in range(2)))
    state, d_state = (State(*(cell.State(*(normal(B, H) for _ in cell.State._fields)) for _ in range(2))) for _ in "ab")
    if "n" in cell.State._fields:  # the sLSTM's normaliser is a sum of what is positive
        state = State(*(one._replace(n=1 + abs(one.n)) for one in state))
    return params, normal(T, B, D), state, normal(T, B, 2 * H), d_state


def flat(hs, last, d_x, d_first, d_params):
    return [hs, *last.forward, *last.backward, d_x, *(a for pair in (d_first, d_params) for one in pair for a in one)]


def run(cell, params, x, ends, state, d_hs, d_state, keep_cache=True):
    """Everything that forward and backward return but the cache, as one flat list."""
    hs, last, cache = bidirectional.forward(cell, params, x, state, ends, keep_cache)
    return flat(hs, last, *bidirectional.backward(cell, params, d_hs, cache, d_state))


def same(cell, ours, theirs):
    """Values to 1e-12, gradients to 1e-10."""
    values = 1 + 2 * len(cell.State._fields)
    for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        tolerance = 1e-12 if k < values else 1e-10
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def by_torch(torch, cell, params, x, ends, state, d_hs, d_state):
    """The same list from torch.nn(bidirectional=True); it is handed the batch as a PackedSequence."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    kind = {rnn: torch.nn.RNN, lstm: torch.nn.LSTM, gru: torch.nn.GRU}[cell]
    module, weights = kind(D, H, bidirectional=True).double(), {}
    for one, end in zip(params, ("", "_reverse"), strict=True):
        W_x, W_h, b = map(torch.tensor, one[:3])
        second = torch.zeros_like(b)
        if cell is gru:
            second[2 * H :] = torch.tensor(one.b_u)
        weights |= {f"weight_ih_l0{end}": W_x, f"weight_hh_l0{end}": W_h}
        weights |= {f"bias_ih_l0{end}": b, f"bias_hh_l0{end}": second}
    module.load_state_dict(weights)
    first, arriving = ([np.stack(pair) for pair in zip(*s, strict=True)] for s in (state, d_state))
    leaf, *first = (torch.tensor(a, requires_grad=True) for a in (x, *first))
    packed = pack_padded_sequence(leaf, [T] * B if ends is None else ends, enforce_sorted=False)
    hs, last = module(packed, tuple(first) if len(first) > 1 else first[0])
    hs, last = pad_packed_sequence(hs, total_length=T)[0], last if isinstance(last, tuple) else (last,)
    torch.autograd.backward([hs, *last], [torch.tensor(a) for a in (d_hs, *arriving)])
    grads = {name: p.grad for name, p in module.named_parameters()}
    d_params = []
    for end in ("", "_reverse"):
        d_params += [grads[f"{name}_l0{end}"] for name in ("weight_ih", "weight_hh", "bias_ih")]
        d_params += [grads[f"bias_hh_l0{end}"][2 * H :]] if cell is gru else []
    ends_of = [field[k] for k in range(2) for field in last]
    starts = [field.grad[k] for k in range(2) for field in first]
    return [tensor.detach().numpy() for tensor in (hs, *ends_of, leaf.grad, *starts, *d_params)]


@LIBRARY
@ANY
def test_against_torch_nn(rng, torch, cell, ends):
    params, x, *rest = problem(cell, rng)
    same(cell, run(cell, params, x, ends, *rest), by_torch(torch, cell, params, x, ends, *rest))


@CELLS
@pytest.mark.parametrize("ends", [None, [3, 6, 1, 4, 3]], ids=["none", "any order"])
def test_each_direction_of_each_sequence_by_itself(rng, cell, ends):
    params, x, state, _, _ = problem(cell, rng)
    hs, last, _ = bidirectional.forward(cell, params, x, state, ends)
    for b, end in enumerate(ends or [T] * B):
        there, back = (cell.State(*(field[[b]] for field in one)) for one in state)
        alone, after, _ = cell.forward(params.forward, x[:end, [b]], there)
        turned, before, _ = cell.forward(params.backward, x[:end, [b]][::-1], back)
        np.testing.assert_allclose(hs[:end, [b]], np.concatenate([alone, turned[::-1]], axis=2), rtol=0, atol=1e-12)
        assert not hs[end:, b].any()
        for ours, theirs in zip((*last.forward, *last.backward), (*after, *before), strict=True):
            np.testing.assert_allclose(ours[[b]], theirs, rtol=1e-12, atol=1e-12)


@CELLS
@pytest.mark.parametrize("ends", [None, [2, 3, 1]], ids=["none", "any order"])
def test_gradients_against_finite_differences(rng, cell, ends):
    params, x, state, d_hs, d_state = problem(cell, rng, T=3, B=3, D=2, H=2)
    given = [x, *(a for pair in (state, params) for one in pair for a in one)]

    def loss(arrays):
        x, *rest = arrays
        fields, rest = len(cell.State._fields), iter(rest)
        state = State(*(cell.State(*(next(rest) for _ in range(fields))) for _ in range(2)))
        params = Params(*(cell.Params(*(next(rest) for _ in cell.Params._fields)) for _ in range(2)))
        hs, last, _ = bidirectional.forward(cell, params, x, state, ends)
        d_last = (*d_state.forward, *d_state.backward)
        pairs = zip((hs, *last.forward, *last.backward), (d_hs, *d_last), strict=True)
        return sum((a * d).sum() for a, d in pairs)

    gradients = run(cell, params, x, ends, state, d_hs, d_state)[1 + 2 * len(cell.State._fields) :]
    for k, gradient in enumerate(gradients):
        by_difference = finite_difference(lambda a, k=k: loss([*given[:k], a, *given[k + 1 :]]), given[k])
        assert relative_error(gradient, by_difference) < 1e-5, k


@CELLS
def test_no_state_is_the_cells_own(rng, cell):
    params, x, _, d_hs, _ = problem(cell, rng)
    zero = bidirectional.zero_state(cell, B, H)
    none = State(*(cell.State(*(np.zeros((B, H)) for _ in cell.State._fields)) for _ in range(2)))
    ours = run(cell, params, x, LENGTHS["any order"], None, d_hs, None)
    same(cell, ours, run(cell, params, x, LENGTHS["any order"], zero, d_hs, none))


@CELLS
@pytest.mark.parametrize("cut", range(1, T))
def test_two_halves_equal_the_whole(rng, cell, cut):
    """The way there in two pieces from the left, the way back in two pieces from the right."""
    params, x, state, _, _ = problem(cell, rng)
    hs, last, _ = bidirectional.forward(cell, params, x, state)
    first, middle, _ = bidirectional.forward(cell, params, x[:cut], state)
    second, end, _ = bidirectional.forward(cell, params, x[cut:], State(middle.forward, state.backward))
    again, start, _ = bidirectional.forward(cell, params, x[:cut], State(state.forward, end.backward))
    np.testing.assert_allclose(hs[:cut, :, :H], first[..., :H], rtol=0, atol=1e-12)
    np.testing.assert_allclose(hs[cut:], second, rtol=0, atol=1e-12)
    np.testing.assert_allclose(hs[:cut], again, rtol=0, atol=1e-12)
    for a, b in zip((*last.forward, *last.backward), (*end.forward, *start.backward), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@CELLS
@pytest.mark.parametrize("keep_cache", [True, "lean"])
def test_what_stands_on_padding_never_matters(rng, cell, keep_cache):
    params, x, state, d_hs, d_state = problem(cell, rng)
    ends = LENGTHS["any order"]
    clean = run(cell, params, x, ends, state, d_hs, d_state, keep_cache)
    padding = ~padded.mask(ends, T)
    x[padding] = d_hs[padding] = np.nan
    for a, b in zip(run(cell, params, x, ends, state, d_hs, d_state, keep_cache), clean, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not clean[0][padding].any()


@LIBRARY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_inputs_stay(rng, cell, dtype):
    params, x, state, d_hs, d_state = problem(cell, rng, dtype=dtype)
    given = [x, d_hs, *(a for pair in (params, state, d_state) for one in pair for a in one)]
    before = [a.tobytes() for a in given]
    results = run(cell, params, x, LENGTHS["any order"], state, d_hs, d_state)
    assert {a.dtype for a in results} == {np.dtype(dtype)}
    assert [a.tobytes() for a in given] == before
    for k, a in enumerate(results):
        assert not any(np.shares_memory(a, b) for b in (*results[:k], *given))


def test_init_params(rng):
    params = bidirectional.init_params(lstm, rng, D, H, forget_bias=3.0, dtype=np.float32)
    assert isinstance(params, Params)
    assert [p.shape for p in params.backward] == [(4 * H, D), (4 * H, H), (4 * H,)]
    assert not np.array_equal(params.forward.W_h, params.backward.W_h)
    assert (params.backward.b[H : 2 * H] == 3).all()
    assert {p.dtype for one in params for p in one} == {np.dtype(np.float32)}


def test_bad_input_says_what_is_wrong(rng):
    params, x, state, d_hs, d_state = problem(lstm, rng)
    with pytest.raises(ValueError, match=r"lengths must be .*leave a sequence without steps"):
        bidirectional.forward(lstm, params, x, state, [3, 0, 1, 4, 3])
    with pytest.raises(ValueError, match=r"params must be Params\(forward, backward\), but it is 3 values"):
        bidirectional.forward(lstm, params.forward, x)
    with pytest.raises(ValueError, match=r"state must be State\(forward, backward\), but it is a ndarray"):
        bidirectional.forward(lstm, params, x, state.forward.h)
    with pytest.raises(ValueError, match=r"state must be State\(h, c\)"):
        bidirectional.forward(lstm, params, x, state.forward)
    _, _, cache = bidirectional.forward(lstm, params, x, state)
    with pytest.raises(ValueError, match=r"d_hs must have shape .*\(6, 5, 8\).*\(6, 5, 4\)"):
        bidirectional.backward(lstm, params, d_hs[..., :H], cache, d_state)
    with pytest.raises(ValueError, match="cache is None"):
        bidirectional.backward(lstm, params, d_hs, None)


# The suite itself on trial: each wrong variant must be seen.


def padding_first(x, lengths=None):
    return x[::-1].copy()


def only_in(x, lengths=None):
    """The inputs are turned around, the outputs, 2H and more features, are not."""
    return padded_reverse(x, lengths) if x.shape[2] == D else x


padded_reverse = padded.reverse
WRONG = {"reads padding first": padding_first, "outputs not turned back": only_in, "never turned": lambda x, lengths: x}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_way_back_is_seen(rng, torch, monkeypatch, wrong):
    params, x, *rest = problem(lstm, rng)
    ends = LENGTHS["any order"]
    expected = by_torch(torch, lstm, params, x, ends, *rest)
    same(lstm, run(lstm, params, x, ends, *rest), expected)
    monkeypatch.setattr(padded, "reverse", WRONG[wrong])
    hs, last, _ = bidirectional.forward(lstm, params, x, rest[0], ends)
    with pytest.raises(AssertionError):
        same(lstm, [hs], expected[:1])
    if wrong != "outputs not turned back":
        with pytest.raises(AssertionError):
            same(lstm, last.backward, expected[3:5])


# The experiment: what the second direction brings, and what a linear read-out of the two cannot.


@pytest.fixture
def experiment(torch):
    pytest.importorskip("tqdm")
    from lstmkit.experiments import bidirectional

    return bidirectional


def without_seconds(result):
    return {key: value for key, value in result.items() if key != "cpu_seconds"}


def test_the_experiment_repeats_and_says_what_it_promises(experiment):
    result = experiment.run(3, "test")
    assert without_seconds(result) == without_seconds(experiment.run(3, "test"))
    keys = {"accuracy", "solved", "steps", "cpu_seconds", "rate", "parameters", "units", "causal", "sum", "sum_loss"}
    assert set(result) == keys | {"T", "ahead"}
    for key in ("accuracy", "solved", "steps", "cpu_seconds", "rate"):
        assert {rule: tuple(of) for rule, of in result[key].items()} == experiment.SETTINGS["test"]["runs"]
    counts = result["parameters"].values()
    assert max(counts) <= 1.03 * min(counts)
    assert result["causal"] == {"future": 0.5, "and": 0.75, "xor": 0.5}


def test_a_sum_cannot_make_an_xor(experiment):
    """Of an XOR, three cases of four; u(1) + v(0) > 0, u(0) + v(1) > 0 and u(1) + v(1) <= 0 leave u(0) + v(0) > 0."""
    assert [experiment.best_sum(rule)[0] for rule in ("future", "and", "xor")] == [1, 1, 0.75]
    assert experiment.best_sum("xor")[1] == pytest.approx(np.log(2))
    assert experiment.best_sum("and")[1] < 1e-3


def test_a_delayed_question_is_the_same_question_when_the_bit_has_come(experiment):
    setting = {"T": 9, "ahead": 3}
    x, y = experiment.questions(np.random.default_rng(5), setting, "future", False, 4)
    x_late, late = experiment.questions(np.random.default_rng(5), setting, "future", True, 4)
    np.testing.assert_array_equal(x, x_late)
    np.testing.assert_array_equal(late[3:], y[:-3])
    asked = late >= 0
    np.testing.assert_array_equal(late[asked], x_late[..., 0][asked])  # the bit that has just been read


@pytest.mark.parametrize(("name", "sees"), [("LSTM", False), ("bidirectional", True), ("bidirectional 2 layers", True)])
def test_only_two_directions_see_the_future(experiment, torch, name, sees):
    network, x = experiment.build(name, 3), torch.rand(7, 2, 1)
    changed = x.clone()
    changed[4:] += 1
    with torch.no_grad():
        before, after = network(x)[0][:4], network(changed)[0][:4]
    assert torch.equal(before, after) != sees


def test_the_experiment_names_a_bad_scale(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(0, "huge")


@pytest.mark.slow
def test_two_directions_know_the_future_and_their_sum_no_xor(experiment):
    accuracy = experiment.run(0, "live")["accuracy"]
    assert accuracy["future"]["LSTM"] < 0.55
    assert min(accuracy["future"]["bidirectional"], accuracy["future"]["LSTM delayed"]) > 0.95
    assert accuracy["xor"]["bidirectional"] < 0.55
    assert min(accuracy["xor"]["bidirectional MLP"], accuracy["xor"]["LSTM delayed"]) > 0.95
