"""Layers on top of each other, against torch.nn with num_layers, and finite differences."""

import numpy as np
import pytest

from lstmkit.numpy import bidirectional, gru, lstm, peephole, projection, rnn, slstm, stacked
from lstmkit.numpy import lengths as padded
from lstmkit.numpy.gradients import finite_difference, relative_error

T, B, D, H = 6, 5, 2, 4
LIBRARY = pytest.mark.parametrize("cell", [rnn, lstm, gru], ids=["rnn", "lstm", "gru"])
CELLS = pytest.mark.parametrize("cell", [lstm, peephole, slstm], ids=["lstm", "peephole", "slstm"])
WAYS = pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
LENGTHS = pytest.mark.parametrize("ends", [None, [3, 6, 1, 4, 3], [4] * 5], ids=["none", "any order", "all less"])


def problem(cell, rng, L, both, T=T, B=B, D=D, H=H, dtype=np.float64):
    """layers, x, state, d_hs, d_state: all random, of one dtype."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype) / 2

    def noise(params):
        kind = type(params)
        return kind(*(normal(*p.shape) if isinstance(p, np.ndarray) else noise(p) for p in params))

    S = 1 + both
    layers = [noise(params) for params in stacked.init_params(cell, rng, D, H, L, both)]
    state, d_state = (cell.State(*(normal(L * S, B, H) for _ in cell.State._fields)) for _ in range(2))
    if "n" in cell.State._fields:  # the sLSTM's normaliser is a sum of what is positive
        state = state._replace(n=1 + abs(state.n))
    return layers, normal(T, B, D), state, normal(T, B, S * H), d_state


def single(layers):
    """The cell's Params of each layer and direction, in torch's order."""
    return [one for params in layers for one in (params if isinstance(params, bidirectional.Params) else [params])]


def run(cell, layers, x, ends, state, d_hs, d_state, masks=None, keep_cache=True):
    """Everything that forward and backward return but the cache, as one flat list."""
    hs, last, cache = stacked.forward(cell, layers, x, state, ends, masks, keep_cache)
    d_x, d_first, d_layers = stacked.backward(cell, layers, d_hs, cache, d_state)
    return [hs, *last, d_x, *d_first, *(d for one in single(d_layers) for d in one)]


def same(cell, ours, theirs):
    """Values to 1e-12, gradients to 1e-10."""
    values = 1 + len(cell.State._fields)
    for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        tolerance = 1e-12 if k < values else 1e-10
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def library(torch, cell, layers, D, H, L, both):
    """torch.nn's module with our weights, and (name, where) of the gradient of each of our fields."""
    kind = {rnn: torch.nn.RNN, lstm: torch.nn.LSTM, gru: torch.nn.GRU}[cell]
    module, weights, places = kind(D, H, num_layers=L, bidirectional=both).double(), {}, []
    suffixes = [f"_l{layer}{end}" for layer in range(L) for end in ["", "_reverse"][: 1 + both]]
    for one, suffix in zip(single(layers), suffixes, strict=True):
        W_x, W_h, b = map(torch.tensor, one[:3])
        second = torch.zeros_like(b)
        names = [f"{name}{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        places += [(name, slice(None)) for name in names[:3]]
        if cell is gru:
            second[2 * H :] = torch.tensor(one.b_u)
            places.append((names[3], slice(2 * H, None)))
        weights |= dict(zip(names, (W_x, W_h, b, second), strict=True))
    module.load_state_dict(weights)
    return module, places


def by_torch(torch, cell, layers, x, ends, state, d_hs, d_state, both):
    """The same list from torch.nn."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    module, places = library(torch, cell, layers, D, H, len(layers), both)
    leaf, *first = (torch.tensor(a, requires_grad=True) for a in (x, *state))
    packed = leaf if ends is None else pack_padded_sequence(leaf, ends, enforce_sorted=False)
    hs, last = module(packed, tuple(first) if len(first) > 1 else first[0])
    hs = hs if ends is None else pad_packed_sequence(hs, total_length=T)[0]
    last = last if isinstance(last, tuple) else (last,)
    torch.autograd.backward([hs, *last], [torch.tensor(a) for a in (d_hs, *d_state)])
    grads = {name: p.grad for name, p in module.named_parameters()}
    d_params = [grads[name][where] for name, where in places]
    return [tensor.detach().numpy() for tensor in (hs, *last, leaf.grad, *(f.grad for f in first), *d_params)]


@LIBRARY
@pytest.mark.parametrize("L", [1, 3])
@WAYS
@LENGTHS
def test_against_torch_nn(rng, torch, cell, L, both, ends):
    layers, x, *rest = problem(cell, rng, L, both)
    same(cell, run(cell, layers, x, ends, *rest), by_torch(torch, cell, layers, x, ends, *rest, both))


@CELLS
@WAYS
@pytest.mark.parametrize("ends", [None, [1, 3]], ids=["none", "lengths"])
def test_gradients_against_finite_differences(rng, cell, both, ends):
    """With masks between the layers, one for each step in the first gap and one for all steps in the second."""
    S = 1 + both
    layers, x, state, d_hs, d_state = problem(cell, rng, 3, both, T=3, B=2, D=1, H=2)
    masks = [rng.normal(size=(3, 2, 2 * S)), rng.normal(size=(2, 2 * S))]
    _, _, cache = stacked.forward(cell, layers, x, state, ends, masks)
    d_x, d_first, d_layers = stacked.backward(cell, layers, d_hs, cache, d_state)

    def loss(layers, x, state):
        hs, last, _ = stacked.forward(cell, layers, x, state, ends, masks)
        return (hs * d_hs).sum() + sum((a * d).sum() for a, d in zip(last, d_state, strict=True))

    assert relative_error(d_x, finite_difference(lambda a: loss(layers, a, state), x)) < 1e-6
    for field, value in state._asdict().items():
        by_difference = finite_difference(lambda a, field=field: loss(layers, x, state._replace(**{field: a})), value)
        assert relative_error(getattr(d_first, field), by_difference) < 1e-5, field
    for k, (params, d_params) in enumerate(zip(layers, d_layers, strict=True)):
        one, d_one = (p.backward if both else p for p in (params, d_params))

        def changed(a, k=k, params=params, one=one):
            new = one._replace(W_h=a)
            return [*layers[:k], params._replace(backward=new) if both else new, *layers[k + 1 :]]

        by_difference = finite_difference(lambda a, changed=changed: loss(changed(a), x, state), one.W_h)
        assert relative_error(d_one.W_h, by_difference) < 1e-5, k


@WAYS
@LENGTHS
def test_projected_layers_against_torch_nn(rng, torch, both, ends):
    """h has P features a direction there and c has H; the layer above reads P of each direction."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    P, S = 3, 1 + both
    module = torch.nn.LSTM(D, H, 2, bidirectional=both, proj_size=P).double()
    layers = stacked.init_params(projection, rng, D, H, 2, both, P=P)
    named = {name: p.detach().numpy() for name, p in module.named_parameters()}

    def weights(suffix):
        W_x, W_h, W_r = (named[f"{name}{suffix}"] for name in ("weight_ih", "weight_hh", "weight_hr"))
        return projection.Params(W_x, W_h, named[f"bias_ih{suffix}"] + named[f"bias_hh{suffix}"], W_r)

    for k, layer in enumerate(layers):
        one = weights(f"_l{k}")
        new = bidirectional.Params(one, weights(f"_l{k}_reverse")) if both else one
        assert [p.shape for p in single([layer])[0]] == [p.shape for p in one]
        layers[k] = new
    x, d_hs = rng.normal(size=(T, B, D)), rng.normal(size=(T, B, S * P))
    state, d_state = (projection.State(*(rng.normal(size=(2 * S, B, n)) for n in (P, H))) for _ in range(2))
    leaf, *first = (torch.tensor(a, requires_grad=True) for a in (x, *state))
    hs, last = module(leaf if ends is None else pack_padded_sequence(leaf, ends, enforce_sorted=False), tuple(first))
    hs = hs if ends is None else pad_packed_sequence(hs, total_length=T)[0]
    torch.autograd.backward([hs, *last], [torch.tensor(a) for a in (d_hs, *d_state)])
    theirs = [tensor.detach().numpy() for tensor in (hs, *last, leaf.grad, *(field.grad for field in first))]
    same(projection, run(projection, layers, x, ends, state, d_hs, d_state)[: len(theirs)], theirs)


def test_masks_are_dropout_between_layers(rng, torch):
    """torch.nn layer by layer, with the masks in between, differentiated by autograd."""
    layers, x, state, d_hs, _ = problem(lstm, rng, 3, False)
    keep = [(rng.random((T, B, H)) < 0.5) / 0.5, (rng.random((B, H)) < 0.7) / 0.7]
    hs, _, cache = stacked.forward(lstm, layers, x, state, masks=keep)
    d_x, _, d_layers = stacked.backward(lstm, layers, d_hs, cache)
    leaf = now = torch.tensor(x, requires_grad=True)
    modules = []
    for k, (params, mask) in enumerate(zip(layers, [None, *keep], strict=True)):
        module, _ = library(torch, lstm, [params], now.shape[2], H, 1, False)
        now = now if mask is None else now * torch.tensor(mask)
        now, _ = module(now, tuple(torch.tensor(field[[k]]) for field in state))
        modules.append(module)
    now.backward(torch.tensor(d_hs))
    np.testing.assert_allclose(hs, now.detach(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(d_x, leaf.grad, rtol=1e-10, atol=1e-10)
    for module, d_params in zip(modules, d_layers, strict=True):
        np.testing.assert_allclose(d_params.W_h, module.weight_hh_l0.grad, rtol=1e-10, atol=1e-10)


def test_a_mask_may_be_of_bools(rng):
    layers, x, state, d_hs, d_state = problem(lstm, rng, 2, False)
    mask = rng.random((T, B, H)) < 0.5
    of_bools, of_numbers = (run(lstm, layers, x, None, state, d_hs, d_state, [m]) for m in (mask, 1.0 * mask))
    same(lstm, of_bools, of_numbers)


def test_a_stack_may_read_both_ways_in_its_first_layer_only(rng, torch):
    (first,), *_ = problem(lstm, rng, 1, True)
    second = lstm.Params(*(rng.normal(size=p.shape) for p in lstm.init_params(rng, 2 * H, H)))
    x, state = rng.normal(size=(T, B, D)), lstm.State(*(rng.normal(size=(3, B, H)) for _ in "hc"))
    d_hs = rng.normal(size=(T, B, H))
    below, _ = library(torch, lstm, [first], D, H, 1, True)
    above, _ = library(torch, lstm, [second], 2 * H, H, 1, False)
    leaf, h, c = (torch.tensor(a, requires_grad=True) for a in (x, *state))
    middle, (h_1, c_1) = below(leaf, (h[:2], c[:2]))
    hs, (h_2, c_2) = above(middle, (h[2:], c[2:]))
    d_state = lstm.State(*(rng.normal(size=(3, B, H)) for _ in "hc"))
    last = torch.cat([h_1, h_2]), torch.cat([c_1, c_2])
    torch.autograd.backward([hs, *last], [torch.tensor(a) for a in (d_hs, *d_state)])
    ours = run(lstm, [first, second], x, None, state, d_hs, d_state)
    theirs = [tensor.detach().numpy() for tensor in (hs, *last, leaf.grad, h.grad, c.grad)]
    same(lstm, ours[: len(theirs)], theirs)


@CELLS
@WAYS
def test_no_state_is_the_cells_own(rng, cell, both):
    layers, x, _, d_hs, _ = problem(cell, rng, 2, both)
    one = cell.zero_state(B, H)
    zero = cell.State(*(np.stack([field] * (2 + 2 * both)) for field in one))
    none = cell.State(*(np.zeros_like(field) for field in zero))
    ends = [3, 6, 1, 4, 3]
    same(cell, run(cell, layers, x, ends, None, d_hs, None), run(cell, layers, x, ends, zero, d_hs, none))


@CELLS
@pytest.mark.parametrize("cut", range(1, T))
def test_two_halves_equal_the_whole(rng, cell, cut):
    layers, x, state, d_hs, d_state = problem(cell, rng, 3, False)
    whole = run(cell, layers, x, None, state, d_hs, d_state)
    hs_1, middle, cache_1 = stacked.forward(cell, layers, x[:cut], state)
    hs_2, end, cache_2 = stacked.forward(cell, layers, x[cut:], middle)
    d_x_2, d_middle, d_2 = stacked.backward(cell, layers, d_hs[cut:], cache_2, d_state)
    d_x_1, d_first, d_1 = stacked.backward(cell, layers, d_hs[:cut], cache_1, d_middle)
    both = [p + q for a, b in zip(single(d_1), single(d_2), strict=True) for p, q in zip(a, b, strict=True)]
    same(cell, [np.concatenate([hs_1, hs_2]), *end, np.concatenate([d_x_1, d_x_2]), *d_first, *both], whole)


@CELLS
@WAYS
def test_what_stands_on_padding_never_matters(rng, cell, both):
    layers, x, state, d_hs, d_state = problem(cell, rng, 2, both)
    ends = [3, 6, 1, 4, 3]
    clean = run(cell, layers, x, ends, state, d_hs, d_state, keep_cache="lean")
    padding = ~padded.mask(ends, T)
    x[padding] = d_hs[padding] = np.nan
    for a, b in zip(run(cell, layers, x, ends, state, d_hs, d_state, keep_cache="lean"), clean, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not clean[0][padding].any()


@WAYS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_inputs_stay(rng, both, dtype):
    layers, x, state, d_hs, d_state = problem(lstm, rng, 2, both, dtype=dtype)
    given = [x, d_hs, *state, *d_state, *(p for one in single(layers) for p in one)]
    before = [a.tobytes() for a in given]
    masks = [rng.random((T, B, H * (1 + both))) < 0.5]
    results = run(lstm, layers, x, [3, 6, 1, 4, 3], state, d_hs, d_state, masks)
    assert {a.dtype for a in results} == {np.dtype(dtype)}
    assert [a.tobytes() for a in given] == before
    for k, a in enumerate(results):
        assert not any(np.shares_memory(a, b) for b in (*results[:k], *given))


def test_bad_input_says_what_is_wrong(rng):
    layers, x, state, d_hs, d_state = problem(lstm, rng, 3, False)
    with pytest.raises(ValueError, match=r"masks must be one fewer than the 3 layers, but there are 3"):
        stacked.forward(lstm, layers, x, masks=[None] * 3)
    with pytest.raises(ValueError, match=r"state\.h must have shape \(L·S, B, H\) with L·S = 3.*\(2, 5, 4\)"):
        stacked.forward(lstm, layers, x, state._replace(h=state.h[:2]))
    with pytest.raises(ValueError, match=r"state must be State\(h, c\), but it is a ndarray"):
        stacked.forward(lstm, layers, x, state.h)
    with pytest.raises(ValueError, match=r"lengths must be"):
        stacked.forward(lstm, layers, x, state, [7] * 5)
    with pytest.raises(ValueError, match="layers must hold"):
        stacked.forward(lstm, [], x)
    _, _, cache = stacked.forward(lstm, layers, x, state)
    with pytest.raises(ValueError, match="d_hs must have shape"):
        stacked.backward(lstm, layers, d_hs[..., 1:], cache, d_state)
    with pytest.raises(ValueError, match=r"d_state\.c must have shape"):
        stacked.backward(lstm, layers, d_hs, cache, d_state._replace(c=d_state.c[:1]))
    with pytest.raises(ValueError, match="cache is None"):
        stacked.backward(lstm, layers, d_hs, None)


# The suite itself on trial: each wrong variant must be seen.


def test_states_in_another_order_are_seen(rng, torch):
    """Directions before layers, instead of layers before directions."""
    layers, x, state, d_hs, d_state = problem(lstm, rng, 2, True)
    expected = by_torch(torch, lstm, layers, x, None, state, d_hs, d_state, True)
    other = lstm.State(*(field[[0, 2, 1, 3]] for field in state))
    with pytest.raises(AssertionError):
        same(lstm, run(lstm, layers, x, None, other, d_hs, d_state), expected)
