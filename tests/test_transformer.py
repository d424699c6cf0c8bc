"""The causal block in NumPy and in torch, against torch.nn.TransformerEncoderLayer and finite differences."""

import math

import numpy as np
import pytest

from lstmkit.numpy import attention, transformer
from lstmkit.numpy.gradients import finite_difference, relative_error
from lstmkit.numpy.transformer import GELU, RELU, SHAPES, Params, State

T, B, D, F, P = 5, 3, 6, 8, 4
VARIANTS = pytest.mark.parametrize(
    ("norm_first", "activation", "heads"), [(False, RELU, 2), (True, RELU, 3), (False, GELU, 1), (True, GELU, 6)]
)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def problem(rng, dtype=np.float64):
    """params with random biases and gains, x, state, and gradients at y and at the last state."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    sizes = {"3D": 3 * D, "D": D, "F": F}
    params = Params(*(normal(*(sizes[n] for n in shape.split())) for shape in SHAPES))
    # Sums of the size of their terms: what cancels costs digits, and the oracle has no more than we.
    params = Params(*(array / dtype(array.shape[-1] ** 0.5 if array.ndim == 2 else 1) for array in params))
    state, d_state = State(normal(P, B, D), normal(P, B, D)), State(normal(P + T, B, D), normal(P + T, B, D))
    return params, normal(T, B, D), state, normal(T, B, D), d_state


NAMES = {
    "W_qkv": "self_attn.in_proj_weight",
    "b_qkv": "self_attn.in_proj_bias",
    "W_out": "self_attn.out_proj.weight",
    "b_out": "self_attn.out_proj.bias",
    "W_1": "linear1.weight",
    "b_1": "linear1.bias",
    "W_2": "linear2.weight",
    "b_2": "linear2.bias",
    "gain_1": "norm1.weight",
    "shift_1": "norm1.bias",
    "gain_2": "norm2.weight",
    "shift_2": "norm2.bias",
}


def library(torch, params, heads, norm_first=False, activation=RELU, eps=1e-5, dropout=0.0, batch_first=False):
    """torch.nn.TransformerEncoderLayer with our weights."""
    function = torch.nn.functional.relu if activation is RELU else torch.nn.functional.gelu
    layer = torch.nn.TransformerEncoderLayer(D, heads, F, dropout, function, eps, batch_first, norm_first).double()
    layer.load_state_dict({NAMES[name]: torch.tensor(array) for name, array in params._asdict().items()})
    return layer


def causally(torch, layer, x, axis=0):
    """`layer` over x, each position seeing none after it."""
    mask = torch.nn.Transformer.generate_square_subsequent_mask(x.shape[axis], dtype=x.dtype)
    return layer(x, mask, is_causal=True)


def agrees_with_the_library(torch, params, x, d_y, heads, **options):
    """Values to 1e-12, gradients to 1e-10."""
    y, _, cache = transformer.forward(params, x, heads, **options)
    d_x, _, d_params = transformer.backward(params, d_y, cache)
    layer, x = library(torch, params, heads, **options), torch.tensor(x, requires_grad=True)
    theirs = causally(torch, layer, x)
    np.testing.assert_allclose(y, theirs.detach(), rtol=1e-12, atol=1e-12)
    theirs.backward(torch.tensor(d_y))
    np.testing.assert_allclose(d_x, x.grad, rtol=1e-10, atol=1e-10)
    found = dict(layer.named_parameters())
    for name, gradient in d_params._asdict().items():
        np.testing.assert_allclose(gradient, found[NAMES[name]].grad, rtol=1e-10, atol=1e-10, err_msg=name)


def run(params, x, state, d_y, d_state, heads=2, **options):
    """Everything that forward and backward return but the cache, as one flat list."""
    y, last, cache = transformer.forward(params, x, heads, state, **options)
    d_x, d_first, d_params = transformer.backward(params, d_y, cache, d_state)
    return [y, *last, d_x, *d_first, *d_params]


def blocks(torch, params, heads, **options):
    """Our torch module and torch.nn's, of the same weights."""
    from lstmkit.torch.transformer import TransformerBlock

    layer = library(torch, params, heads, **options)
    return TransformerBlock.from_torch(layer), layer


@VARIANTS
def test_against_torch_nn(rng, torch, norm_first, activation, heads):
    params, x, _, d_y, _ = problem(rng)
    for eps in (1e-5, 0.3):
        agrees_with_the_library(torch, params, x, d_y, heads, norm_first=norm_first, activation=activation, eps=eps)


@VARIANTS
def test_gradients_against_finite_differences(rng, norm_first, activation, heads):
    """From a state that is not empty, and with a loss that looks at the last state too."""
    params, x, state, d_y, d_state = problem(rng)
    options = dict(heads=heads, norm_first=norm_first, activation=activation)
    given = {"x": x, "keys": state.keys, "values": state.values, **params._asdict()}

    def loss(**changed):
        now = given | changed
        y, last, _ = transformer.forward(
            Params(*(now[name] for name in Params._fields)), now["x"], state=(now["keys"], now["values"]), **options
        )
        return (y * d_y).sum() + (last.keys * d_state.keys).sum() + (last.values * d_state.values).sum()

    found = run(params, x, state, d_y, d_state, **options)[3:]
    for name, gradient in zip(given, found, strict=True):
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), given[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


@VARIANTS
@pytest.mark.parametrize("cut", [0, 1, 3, T])
def test_two_halves_equal_the_whole(rng, norm_first, activation, heads, cut):
    """Forward, the second half starts from the state of the first; backward, the gradient flows the other way."""
    params, x, state, d_y, d_state = problem(rng)
    options = dict(heads=heads, norm_first=norm_first, activation=activation)
    whole = run(params, x, state, d_y, d_state, **options)
    y_1, middle, cache_1 = transformer.forward(params, x[:cut], state=state, **options)
    y_2, last, cache_2 = transformer.forward(params, x[cut:], state=middle, **options)
    d_x_2, d_middle, d_params_2 = transformer.backward(params, d_y[cut:], cache_2, d_state)
    d_x_1, d_first, d_params_1 = transformer.backward(params, d_y[:cut], cache_1, d_middle)
    both = [a + b for a, b in zip(d_params_1, d_params_2, strict=True)]
    halves = [np.concatenate([y_1, y_2]), *last, np.concatenate([d_x_1, d_x_2]), *d_first, *both]
    for a, b in zip(halves, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@VARIANTS
def test_steps_equal_the_sequence(rng, torch, norm_first, activation, heads):
    """With the keys and values kept, one position at a time, in NumPy and in torch."""
    params, x, *_ = problem(rng)
    options = dict(norm_first=norm_first, activation=activation)
    whole, last, _ = transformer.forward(params, x, heads, **options)
    state, (block, _), theirs, carried = None, blocks(torch, params, heads, **options), [], None
    for x_t, want in zip(x, whole, strict=True):
        y_t, state = transformer.step(params, x_t, heads, state, **options)
        np.testing.assert_allclose(y_t, want, rtol=1e-11, atol=1e-11)
        with torch.no_grad():
            y_t, carried = block.step(torch.tensor(x_t), carried)
        theirs.append(y_t)
    for a, b in zip(state, last, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    np.testing.assert_allclose(torch.stack(theirs), whole, rtol=1e-11, atol=1e-11)
    for ours, field in zip(last, carried, strict=True):  # (B, N, T, D/N) beside (T, B, D)
        np.testing.assert_allclose(field.permute(2, 0, 1, 3).flatten(2), ours, rtol=0, atol=1e-12)


@VARIANTS
@pytest.mark.parametrize("batch_first", [False, True])
def test_the_torch_block(rng, torch, norm_first, activation, heads, batch_first):
    """Against torch.nn, in value and gradient; in chunks; and there and back again."""
    params, x, _, d_y, _ = problem(rng)
    block, layer = blocks(torch, params, heads, norm_first=norm_first, activation=activation, batch_first=batch_first)
    axis = int(batch_first)
    x, d_y = (torch.tensor(a.swapaxes(0, axis).copy()) for a in (x, d_y))
    ours, want = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, _ = block(ours)
    y_want = causally(torch, layer, want, axis)
    torch.testing.assert_close(y, y_want, rtol=1e-12, atol=1e-12)
    y.backward(d_y)
    y_want.backward(d_y)
    torch.testing.assert_close(ours.grad, want.grad, rtol=1e-10, atol=1e-10)
    back = block.to_torch()
    assert back.state_dict().keys() == layer.state_dict().keys()
    found, theirs = dict(block.named_parameters()), dict(layer.named_parameters())
    from lstmkit.torch.transformer import NAMES as renamed

    for name, parameter in found.items():
        other = renamed.get(name, name)
        torch.testing.assert_close(parameter.grad, theirs[other].grad, rtol=1e-10, atol=1e-10)
        assert torch.equal(back.state_dict()[other], layer.state_dict()[other])
    torch.testing.assert_close(causally(torch, back, x, axis), y, rtol=1e-12, atol=1e-12)
    first, state = block(x.narrow(axis, 0, 2))
    second, _ = block(x.narrow(axis, 2, T - 2), state)
    torch.testing.assert_close(torch.cat([first, second], axis), y, rtol=1e-11, atol=1e-11)
    one, _ = block.step(x.select(axis, 2), state)
    torch.testing.assert_close(one, y.select(axis, 2), rtol=1e-11, atol=1e-11)


def test_no_bias_and_options_travel(torch):
    from lstmkit.torch.transformer import TransformerBlock

    layer = torch.nn.TransformerEncoderLayer(
        D, 2, F, 0.25, torch.nn.functional.gelu, 1e-3, True, True, False, dtype=torch.float64
    ).eval()
    block = TransformerBlock.from_torch(layer)
    back, x = block.to_torch(), torch.randn(B, T, D, dtype=torch.float64)
    torch.testing.assert_close(block(x)[0], causally(torch, layer, x, 1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(causally(torch, back, x, 1), causally(torch, layer, x, 1), rtol=0, atol=0)
    assert not back.training
    assert back.dropout1.p == block.dropout == 0.25
    assert block.qkv.bias is None


@pytest.mark.parametrize("norm_first", [False, True])
def test_the_same_seed_drops_the_same_as_torch_nn(rng, torch, seed, norm_first):
    params, x, *_ = problem(rng)
    block, layer = blocks(torch, params, 2, norm_first=norm_first, dropout=0.4)
    outcomes = []
    for run_it in (lambda x: block(x)[0], lambda x: causally(torch, layer, x), lambda x: block(x)[0]):
        torch.manual_seed(seed)
        outcomes.append(run_it(torch.tensor(x)))
    assert torch.equal(outcomes[0], outcomes[2])
    torch.testing.assert_close(outcomes[0], outcomes[1], rtol=1e-12, atol=1e-12)
    assert not torch.allclose(outcomes[0], block(torch.tensor(x))[0])
    block.eval()
    torch.testing.assert_close(block(torch.tensor(x))[0], block(torch.tensor(x))[0], rtol=0, atol=0)


def test_no_position_sees_a_later_one(rng, torch):
    params, x, state, *_ = problem(rng)
    y, _, _ = transformer.forward(params, x, 2, state)
    later = x.copy()
    later[3:] += rng.normal(size=later[3:].shape)
    np.testing.assert_array_equal(transformer.forward(params, later, 2, state)[0][:3], y[:3])
    block, _ = blocks(torch, params, 2)
    torch.testing.assert_close(block(torch.tensor(later))[0][:3], block(torch.tensor(x))[0][:3], rtol=0, atol=1e-14)


@pytest.mark.parametrize("content", [0.5, np.nan, np.inf])
@pytest.mark.parametrize("norm_first", [False, True])
def test_padding_never_matters(rng, torch, content, norm_first):
    """Zeros come out there and zero gradients go in, a sequence of nothing but padding included."""
    params, x, _, d_y, _ = problem(rng)
    block, layer = blocks(torch, params, 2, norm_first=norm_first)
    lengths = torch.tensor([3, 0, T])
    padded = torch.arange(T)[:, None] >= lengths
    x = torch.tensor(x).masked_fill(padded[..., None], content).requires_grad_()
    y, state = block(x, lengths=lengths)
    assert state is None
    y.backward(torch.tensor(d_y))
    assert not y[padded].any()
    assert not x.grad[padded].any()
    assert all(parameter.grad.isfinite().all() for parameter in block.parameters())
    for b, length in enumerate(lengths.tolist()):
        if length:
            want = causally(torch, layer, x[:length, b : b + 1].detach())
            torch.testing.assert_close(y[:length, b : b + 1], want, rtol=1e-11, atol=1e-11)


# Pieces


def test_gelu_against_torch(rng, torch):
    a = np.concatenate([rng.normal(size=(4, 5)) * 3, [[0, 40, -40, 1e-9, -9]]])
    tensor = torch.tensor(a, requires_grad=True)
    torch.nn.functional.gelu(tensor).sum().backward()
    np.testing.assert_allclose(transformer.gelu(a), torch.nn.functional.gelu(tensor).detach(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(transformer.d_gelu(a), tensor.grad, rtol=1e-12, atol=1e-15)
    assert transformer.gelu(a.astype(np.float32)).dtype == transformer.d_gelu(a.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("features", [1, 4, 7])
def test_positions_against_the_formula(torch, features):
    from lstmkit.torch.transformer import sinusoidal_positions

    found = transformer.sinusoidal_positions(6, features)
    for t, k in np.ndindex(6, features):
        angle = t / 10000 ** (k // 2 * 2 / features)
        assert found[t, k] == pytest.approx(math.cos(angle) if k % 2 else math.sin(angle), abs=1e-14)
    assert found.shape == (6, features)
    assert transformer.sinusoidal_positions(6, features, np.float32).dtype == np.float32
    np.testing.assert_array_equal(sinusoidal_positions(6, features, dtype=torch.float64), found)
    assert sinusoidal_positions(6, features).dtype == torch.get_default_dtype()


@DTYPES
def test_dtypes_are_kept_and_arguments_left_alone(rng, dtype):
    given = problem(rng, dtype)
    everything = [*given[0], given[1], *given[2], given[3], *given[4]]
    before = [a.tobytes() for a in everything]
    found = run(*given, activation=GELU) + run(*given, norm_first=True)
    assert {a.dtype for a in found} == {np.dtype(dtype)}
    assert [a.tobytes() for a in everything] == before
    for k, a in enumerate(found):
        assert not any(np.shares_memory(a, b) for b in [*everything, *found[:k]])


def test_no_state_is_an_empty_state(rng):
    params, x, _, d_y, _ = problem(rng)
    zero, d_last = transformer.zero_state(B, D), State(*np.zeros((2, T, B, D)))
    for a, b in zip(run(params, x, None, d_y, None), run(params, x, zero, d_y, d_last), strict=True):
        np.testing.assert_array_equal(a, b)


@DTYPES
def test_init_params_and_their_count(rng, torch, dtype):
    params = transformer.init_params(rng, D, F, dtype)
    assert [a.shape for a in params] == [a.shape for a in problem(rng)[0]]
    assert {a.dtype for a in params} == {np.dtype(dtype)}
    for name, array in transformer.init_params(rng, 30, 40, dtype)._asdict().items():
        if name.startswith("W"):
            spread = array / math.sqrt(6 / sum(array.shape))
            assert -1 - 1e-6 <= spread.min() < -0.6
            assert 0.6 < spread.max() <= 1 + 1e-6
        else:
            assert (array == name.startswith("gain")).all()
    layer = torch.nn.TransformerEncoderLayer(D, 2, F)
    assert transformer.count_params(D, F) == sum(a.size for a in params) == sum(p.numel() for p in layer.parameters())


def test_the_torch_block_starts_as_torch_nn_does(torch, seed):
    from lstmkit.torch.transformer import TransformerBlock

    starts = []
    for _ in range(2):
        torch.manual_seed(seed)
        starts.append(TransformerBlock(60, 4, 90))
    for a, b in zip(starts[0].parameters(), starts[1].parameters(), strict=True):
        assert torch.equal(a, b)
    layer = torch.nn.TransformerEncoderLayer(60, 4, 90)
    for name, value in starts[0].to_torch().state_dict().items():
        ours, theirs = value.abs().max().item(), layer.state_dict()[name].abs().max().item()
        assert ours == pytest.approx(theirs, rel=0.2), name
    assert TransformerBlock.__bases__ == (torch.nn.Module,)


# Torch


def test_second_derivatives(rng, torch):
    """With the composed attention; the fused kernel of the CPU says that it has none."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    params, x, *_ = problem(rng)
    block, _ = blocks(torch, params, 2, activation=GELU)
    x = torch.tensor(x[:3, :1], requires_grad=True)
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradgradcheck(lambda x: block(x)[0], [x])
    (d_x,) = torch.autograd.grad(block(x)[0].square().sum(), [x], create_graph=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        d_x.square().sum().backward()


def test_autocast(rng, torch):
    params, x, *_ = problem(rng)
    block, x = blocks(torch, params, 2)[0].float(), torch.tensor(x).float()
    expected, lengths = block(x, lengths=[T, 2, 0])[0], [T, 2, 0]
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = block(x, lengths=lengths)
    assert (y - expected).abs().max() < 0.5
    assert not y[:, 2].any()
    y.float().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in block.parameters())


# Messages


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((T, D))}, r"x must have shape \(T, B, D\)"),
        ({"x": np.ones((T, B, D + 1))}, r"x must have shape \(T, B, D\) = \(5, 3, 6\), but its shape is \(5, 3, 7\)"),
        ({"x": np.ones((T, B, D), np.float32)}, "x is float32, but params.b_2 is float64"),
        ({"heads": 4}, "heads must be a whole number that divides D = 6, but it is 4"),
        ({"heads": 0}, "heads must be a whole number"),
        ({"state": State(np.ones((P, B, D)), np.ones((P + 1, B, D)))}, r"state.values must have shape \(P, B, D\)"),
        ({"state": np.ones(3)}, "state must be State"),
        ({"params": (1, 2)}, "params must be Params"),
    ],
)
def test_bad_input_is_named(rng, change, message):
    params, x, *_ = problem(rng)
    with pytest.raises(ValueError, match=message):
        transformer.forward(**({"params": params, "x": x, "heads": 2} | change))


def test_bad_weights_and_gradients_are_named(rng):
    params, x, *_ = problem(rng)
    with pytest.raises(ValueError, match=r"params.W_1 must have shape \(F, D\)"):
        transformer.forward(params._replace(W_1=np.ones((F, D + 1))), x, 2)
    _, _, cache = transformer.forward(params, x, 2)
    with pytest.raises(ValueError, match=r"d_y must have shape \(T, B, D\) = \(5, 3, 6\)"):
        transformer.backward(params, x[1:], cache)
    with pytest.raises(ValueError, match=r"d_state.values must have shape \(P, B, D\) = \(5, 3, 6\)"):
        transformer.backward(params, x, cache, State(x, x[1:]))


def test_bad_input_is_named_in_torch(torch):
    from lstmkit.torch.transformer import TransformerBlock

    for arguments, message in [
        (dict(d_model=6, nhead=4), "nhead must divide d_model = 6, but it is 4"),
        (dict(d_model=6, nhead=2, activation="relu"), "activation must be a function, .* but it is 'relu'"),
        (dict(d_model=6, nhead=2, dropout=1.5), "dropout must be a probability"),
    ]:
        with pytest.raises(ValueError, match=message):
            TransformerBlock(**arguments)
    block = TransformerBlock(6, 2, 8)
    with pytest.raises(ValueError, match=r"x must be 3-D with d_model = 6 features, but its shape is \(5, 3, 7\)"):
        block(torch.ones(5, 3, 7))
    with pytest.raises(ValueError, match="lengths must lie between 0 and T = 5"):
        block(torch.ones(5, 3, 6), lengths=[6, 1, 2])
    with pytest.raises(ValueError, match=r"from_torch takes a torch\.nn\.TransformerEncoderLayer"):
        TransformerBlock.from_torch(torch.nn.Linear(2, 3))


# The suite itself on trial: each wrong variant must be seen.

norm, norm_backward, feed = transformer._norm, transformer._norm_backward, transformer._feed
attend = attention.forward
WRONG = {
    "the future is seen": (attention, "forward", lambda p, q, k, v, valid, scale: attend(p, q, k, v, None, scale)),
    "the position itself is not seen": (
        attention,
        "forward",
        lambda p, q, k, v, valid, scale: attend(p, q, k, v, valid & ~np.eye(T, dtype=bool)[:, None], scale),
    ),
    "scores not scaled": (attention, "forward", lambda p, q, k, v, valid, scale: attend(p, q, k, v, valid)),
    "keys and values exchanged": (attention, "forward", lambda p, q, k, v, *rest, **s: attend(p, q, v, k, *rest, **s)),
    "variance over D - 1": (transformer, "_norm", lambda x, g, s, eps: norm(x * (5 / 6) ** 0.5, g, s, eps)),
    "no shift": (transformer, "_norm", lambda x, g, s, eps: norm(x, g, 0 * s, eps)),
    "no activation": (transformer, "_feed", lambda p, x, phi: feed(p, x, (lambda a: a, lambda a: a / a))),
}
WRONG_BACKWARD = {
    "mean of the norm forgotten": (
        "_norm_backward",
        lambda d, g, cache: (d * g / cache[1], *norm_backward(d, g, cache)[1:]),
    ),
    "gain forgotten": ("_norm_backward", lambda d, g, cache: norm_backward(d, 1 + 0 * g, cache)),
    "weights summed over one axis too few": ("_outer", lambda d, x: np.tensordot(d[0], x[0], (0, 0))),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_seen(rng, torch, monkeypatch, wrong):
    params, x, _, d_y, _ = problem(rng)
    agrees_with_the_library(torch, params, x, d_y, 2, eps=0.1)
    monkeypatch.setattr(*WRONG[wrong])
    with pytest.raises(AssertionError):
        agrees_with_the_library(torch, params, x, d_y, 2, eps=0.1)


@pytest.mark.parametrize("wrong", WRONG_BACKWARD)
def test_a_wrong_gradient_is_seen(rng, torch, monkeypatch, wrong):
    params, x, _, d_y, _ = problem(rng)
    monkeypatch.setattr(transformer, *WRONG_BACKWARD[wrong])
    with pytest.raises(AssertionError):
        agrees_with_the_library(torch, params, x, d_y, 2)
