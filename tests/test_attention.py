"""Attention in NumPy and in torch, against a loop, torch's scaled_dot_product_attention and finite differences."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.numpy import attention
from lstmkit.numpy.attention import Additive, Multiplicative
from lstmkit.numpy.gradients import finite_difference, relative_error

S, T, B, Q, K, V, A = 3, 6, 5, 4, 2, 7, 8
LENGTHS = np.array([6, 1, 0, 4, 3])
KINDS = pytest.mark.parametrize("kind", ["additive", "multiplicative", "dot"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def problem(rng, kind, S=S, T=T, B=B, Q=Q, K=K, V=V, A=A, dtype=np.float64):
    """params, queries, keys, values, and gradients at the contexts and at the weights; S is None for one query."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = None
    if kind == "additive":
        params = Additive(normal(A, Q), normal(A, K), normal(A))
    elif kind == "multiplicative":
        params = Multiplicative(normal(Q, K))
    else:
        K = Q
    asked = () if S is None else (S,)
    arrays = normal(*asked, B, Q), normal(T, B, K), normal(T, B, V), normal(*asked, B, V), normal(*asked, B, T)
    return params, *arrays


def by_loop(params, queries, keys, values, lengths, scale=1.0):
    """One query, one sequence, one key at a time, over the valid positions alone."""
    contexts, weights = np.zeros((*queries.shape[:2], values.shape[2])), np.zeros((*queries.shape[:2], len(keys)))
    for s, b in np.ndindex(queries.shape[:2]):
        q, scores = queries[s, b], []
        for k in keys[: lengths[b], b]:
            if isinstance(params, Additive):
                e = sum(params.v[a] * math.tanh(params.W_q[a] @ q + params.W_k[a] @ k) for a in range(len(params.v)))
            else:
                e = q @ (k if params is None else params.W @ k)
            scores.append(scale * e)
        total = sum(math.exp(e) for e in scores)
        for j, e in enumerate(scores):
            weights[s, b, j] = math.exp(e) / total
            contexts[s, b] += weights[s, b, j] * values[j, b]
    return contexts, weights


def agrees_with_the_loop(params, queries, keys, values, lengths=LENGTHS, scale=0.7):
    contexts, weights, _ = attention.forward(params, queries, keys, values, lengths, scale)
    want_contexts, want_weights = by_loop(params, queries, keys, values, lengths, scale)
    np.testing.assert_allclose(contexts, want_contexts, rtol=0, atol=1e-12)
    np.testing.assert_allclose(weights, want_weights, rtol=0, atol=1e-12)


def gradients(params, queries, keys, values, d_contexts, d_weights=None, valid=LENGTHS, scale=0.7):
    """All by name, by our own backward."""
    _, _, cache = attention.forward(params, queries, keys, values, valid, scale)
    d_queries, d_keys, d_values, d_params = attention.backward(params, d_contexts, cache, d_weights)
    return {"queries": d_queries, "keys": d_keys, "values": d_values} | (d_params._asdict() if d_params else {})


def agrees_with_finite_differences(params, queries, keys, values, d_contexts, d_weights):
    arrays = {"queries": queries, "keys": keys, "values": values} | (params._asdict() if params else {})

    def loss(**changed):
        now = arrays | changed
        weights_now = params and type(params)(*(now[name] for name in params._fields))
        found = attention.forward(weights_now, now["queries"], now["keys"], now["values"], LENGTHS, 0.7)
        return (found[0] * d_contexts).sum() + (found[1] * d_weights).sum()

    for name, gradient in gradients(params, queries, keys, values, d_contexts, d_weights).items():
        by_difference = finite_difference(lambda a, name=name: loss(**{name: a}), arrays[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def twin(torch, params, scale=1.0):
    """The torch module with our weights."""
    from lstmkit.torch.attention import AdditiveAttention, DotAttention, MultiplicativeAttention

    if params is None:
        return DotAttention(scale)
    if isinstance(params, Additive):
        module = AdditiveAttention(params.W_q.shape[1], params.W_k.shape[1], len(params.v), dtype=torch.float64)
    else:
        module = MultiplicativeAttention(*params.W.shape, dtype=torch.float64)
    module.load_state_dict({name: torch.tensor(array) for name, array in params._asdict().items()})
    return module


@KINDS
def test_values_against_a_loop(rng, kind):
    agrees_with_the_loop(*problem(rng, kind)[:4])


@KINDS
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_values_against_a_loop_at_any_size(kind, data):
    sizes = data.draw(st.fixed_dictionaries({name: st.integers(1, 4) for name in "STBQKVA"}))
    lengths = np.array(data.draw(st.lists(st.integers(0, sizes["T"]), min_size=sizes["B"], max_size=sizes["B"])))
    given_rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    agrees_with_the_loop(*problem(given_rng, kind, **sizes)[:4], lengths)


@KINDS
def test_gradients_against_finite_differences(rng, kind):
    agrees_with_finite_differences(*problem(rng, kind))


def test_scaled_dot_against_torch(rng, torch):
    """Values and gradients of scaled_dot_product_attention, with a mask; the row without a key is left out there."""
    _, *arrays = problem(rng, "dot")
    lengths, scale = np.array([6, 1, 2, 4, 3]), Q**-0.5
    contexts, _, _ = attention.forward(None, *arrays[:3], lengths, scale)
    ours = gradients(None, *arrays[:4], valid=lengths, scale=scale)
    q, k, v = tensors = [torch.tensor(a.swapaxes(0, 1).copy(), requires_grad=True) for a in arrays[:3]]
    mask = torch.tensor(np.arange(T) < lengths[:, None])[:, None]
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask)
    theirs.backward(torch.tensor(arrays[3].swapaxes(0, 1).copy()))
    np.testing.assert_allclose(contexts, theirs.detach().transpose(0, 1), rtol=0, atol=1e-12)
    for name, tensor in zip(("queries", "keys", "values"), tensors, strict=True):
        np.testing.assert_allclose(ours[name], tensor.grad.transpose(0, 1), rtol=1e-10, atol=1e-10, err_msg=name)


@KINDS
@pytest.mark.parametrize("many", [S, None])
def test_the_torch_twin(rng, torch, kind, many):
    """Values to 1e-12, gradients to 1e-10, with lengths of every kind, none included."""
    params, *arrays, d_contexts, d_weights = problem(rng, kind, S=many)
    scale = 0.7 if params is None else 1.0
    contexts, weights, _ = attention.forward(params, *arrays, LENGTHS, scale)
    module, tensors = twin(torch, params, scale), [torch.tensor(a, requires_grad=True) for a in arrays]
    theirs = module(*tensors, torch.tensor(LENGTHS))
    for a, b in zip((contexts, weights), theirs, strict=True):
        np.testing.assert_allclose(a, b.detach(), rtol=0, atol=1e-12)
    torch.autograd.backward(theirs, [torch.tensor(d_contexts), torch.tensor(d_weights)])
    found = dict(zip(("queries", "keys", "values"), tensors, strict=True)) | dict(module.named_parameters())
    for name, gradient in gradients(params, *arrays, d_contexts, d_weights, scale=scale).items():
        np.testing.assert_allclose(gradient, found[name].grad, rtol=1e-10, atol=1e-10, err_msg=name)


@KINDS
def test_one_query_is_one_of_many(rng, kind):
    """And so two halves of the queries equal the whole."""
    params, queries, keys, values, d_contexts, d_weights = problem(rng, kind)
    contexts, weights, _ = attention.forward(params, queries, keys, values, LENGTHS)
    whole, total = gradients(params, queries, keys, values, d_contexts, d_weights), {}
    for s in range(S):
        context, weight, _ = attention.forward(params, queries[s], keys, values, LENGTHS)
        np.testing.assert_allclose(context, contexts[s], rtol=0, atol=1e-14)
        np.testing.assert_allclose(weight, weights[s], rtol=0, atol=1e-14)
        one = gradients(params, queries[s], keys, values, d_contexts[s], d_weights[s])
        np.testing.assert_allclose(one.pop("queries"), whole["queries"][s], rtol=1e-11, atol=1e-11)
        total = {name: total.get(name, 0) + gradient for name, gradient in one.items()}
    for name, gradient in total.items():
        np.testing.assert_allclose(gradient, whole[name], rtol=1e-11, atol=1e-11, err_msg=name)


# Padding


@KINDS
@DTYPES
@pytest.mark.parametrize("content", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.filterwarnings("error")
def test_padding_never_matters(rng, kind, dtype, content):
    """Weights and gradients are 0 to the last bit there, and everything else is what it was."""
    params, queries, keys, values, d_contexts, d_weights = problem(rng, kind, dtype=dtype)
    padded = np.arange(T)[:, None] >= LENGTHS
    dirty = [np.where(padded[..., None], dtype(content), array) for array in (keys, values)]
    clean = attention.forward(params, queries, keys, values, LENGTHS)
    found = attention.forward(params, queries, *dirty, LENGTHS)
    for a, b in zip(clean[:2], found[:2], strict=True):
        np.testing.assert_array_equal(a, b)
    contexts, weights, _ = found
    assert not weights[:, padded.T].any()
    assert not contexts[:, LENGTHS == 0].any()
    np.testing.assert_allclose(weights.sum(-1), np.broadcast_to(LENGTHS > 0, (S, B)), rtol=0, atol=1e-6)
    ours = gradients(params, queries, keys, values, d_contexts, d_weights)
    for name, gradient in gradients(params, queries, *dirty, d_contexts, d_weights).items():
        np.testing.assert_array_equal(gradient, ours[name], err_msg=name)
    assert not ours["keys"][padded].any()
    assert not ours["values"][padded].any()
    assert not ours["queries"][:, LENGTHS == 0].any()


@KINDS
@pytest.mark.parametrize("content", [np.nan, np.inf])
def test_padding_never_matters_in_torch(rng, torch, kind, content):
    params, *arrays, d_contexts, d_weights = problem(rng, kind)
    padded = torch.arange(T)[:, None] >= torch.tensor(LENGTHS)
    q, k, v = (torch.tensor(array) for array in arrays)
    k, v = k.masked_fill(padded[..., None], content), v.masked_fill(padded[..., None], content)
    tensors = [tensor.requires_grad_() for tensor in (q, k, v)]
    module = twin(torch, params)
    contexts, weights = module(*tensors, torch.tensor(LENGTHS))
    assert not weights[:, padded.T].any()
    assert not contexts[:, LENGTHS == 0].any()
    torch.autograd.backward([contexts, weights], [torch.tensor(d_contexts), torch.tensor(d_weights)])
    for tensor in [*tensors, *module.parameters()]:
        assert tensor.grad.isfinite().all()
    assert not k.grad[padded].any()
    assert not v.grad[padded].any()
    assert not q.grad[:, LENGTHS == 0].any()


@KINDS
def test_lengths_and_masks_say_the_same(rng, torch, kind):
    params, *arrays = problem(rng, kind)[:4]
    by_lengths = attention.forward(params, *arrays, LENGTHS)
    np.testing.assert_allclose(by_lengths[0], by_loop(params, *arrays, LENGTHS)[0], rtol=0, atol=1e-12)  # scale 1
    mask = np.arange(T) < LENGTHS[:, None]
    for valid in (LENGTHS.tolist(), LENGTHS.astype(np.uint8), mask, np.stack([mask] * S)):
        for a, b in zip(by_lengths[:2], attention.forward(params, *arrays, valid)[:2], strict=True):
            np.testing.assert_array_equal(a, b)
    tensors, module = [torch.tensor(array) for array in arrays], twin(torch, params)
    for a, b in zip(module(*tensors, torch.tensor(LENGTHS)), module(*tensors, torch.tensor(mask)), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(
        attention.forward(params, *arrays)[:2], attention.forward(params, *arrays, np.full(B, T))[:2], strict=True
    ):
        np.testing.assert_array_equal(a, b)


@KINDS
def test_a_mask_with_holes_is_a_shorter_sequence(rng, kind):
    params, queries, keys, values, *_ = problem(rng, kind)
    kept = rng.permutation(T) < T // 2
    contexts, weights, _ = attention.forward(params, queries, keys, values, np.tile(kept, (B, 1)))
    want, want_weights, _ = attention.forward(params, queries, keys[kept], values[kept])
    np.testing.assert_allclose(contexts, want, rtol=0, atol=1e-13)
    np.testing.assert_allclose(weights[..., kept], want_weights, rtol=0, atol=1e-13)


def test_each_query_may_have_its_own_mask(rng):
    params, queries, keys, values, d_contexts, d_weights = problem(rng, "multiplicative")
    masks = rng.random((S, B, T)) < 0.5
    whole = gradients(params, queries, keys, values, d_contexts, d_weights, masks)
    contexts, _, _ = attention.forward(params, queries, keys, values, masks)
    for s in range(S):
        one, _, _ = attention.forward(params, queries[s], keys, values, masks[s])
        np.testing.assert_allclose(contexts[s], one, rtol=0, atol=1e-13)
        d_one = gradients(params, queries[s], keys, values, d_contexts[s], d_weights[s], masks[s])
        np.testing.assert_allclose(whole["queries"][s], d_one["queries"], rtol=1e-11, atol=1e-11)


# Numbers


@DTYPES
@pytest.mark.filterwarnings("error")
def test_scores_of_ten_thousand_are_silent(rng, torch, dtype):
    """Softmax of ±10⁴ picks the best position, without overflow, forward and back, in both."""
    queries = np.full((1, 1, 1), 100, dtype)
    keys = np.array([-100, 100, 99, -100, 100], dtype).reshape(5, 1, 1)
    values = rng.normal(size=(5, 1, 2)).astype(dtype)
    for valid, want in ((np.array([5]), [0, 0.5, 0, 0, 0.5]), (np.array([1]), [1, 0, 0, 0, 0])):
        with np.errstate(all="raise", under="ignore"):
            _, weights, cache = attention.forward(None, queries, keys, values, valid)
            found = attention.backward(None, np.ones((1, 1, 2), dtype), cache)[:3]
        np.testing.assert_allclose(weights[0, 0], want, atol=1e-30)
        assert all(np.isfinite(gradient).all() for gradient in found)
        tensors = [torch.tensor(array, requires_grad=True) for array in (queries, keys, values)]
        contexts, weights = twin(torch, None)(*tensors, torch.tensor(valid))
        np.testing.assert_allclose(weights[0, 0].detach(), want, atol=1e-30)
        contexts.sum().backward()
        assert all(tensor.grad.isfinite().all() for tensor in tensors)


@KINDS
@DTYPES
def test_dtypes_are_kept_and_arguments_left_alone(rng, kind, dtype):
    params, *arrays, d_contexts, d_weights = problem(rng, kind, dtype=dtype)
    everything = [*arrays, d_contexts, d_weights, *(params or ())]
    before = [a.tobytes() for a in everything]
    contexts, weights, _ = attention.forward(params, *arrays, LENGTHS, 0.7)
    found = [contexts, weights, *gradients(params, *arrays, d_contexts, d_weights).values()]
    assert {a.dtype for a in found} == {np.dtype(dtype)}
    assert [a.tobytes() for a in everything] == before
    for a in (contexts, weights):
        assert not any(np.shares_memory(a, b) for b in everything)


def test_what_is_returned_may_be_written_into(rng):
    params, *arrays, d_contexts, d_weights = problem(rng, "additive")
    contexts, weights, cache = attention.forward(params, *arrays, LENGTHS)
    first = attention.backward(params, d_contexts, cache, d_weights)
    contexts[:], weights[:] = np.nan, np.nan
    for a, b in zip(first[:3], attention.backward(params, d_contexts, cache, d_weights)[:3], strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_d_weights_are_d_weights_of_zero(rng):
    *given, d_weights = problem(rng, "additive")
    with_none = gradients(*given)
    for name, gradient in gradients(*given, np.zeros_like(d_weights)).items():
        np.testing.assert_array_equal(gradient, with_none[name], err_msg=name)


@DTYPES
def test_init(rng, dtype):
    additive, multiplicative = (
        attention.init_additive(rng, 30, 40, 400, dtype),
        attention.init_multiplicative(rng, 60, 70, dtype),
    )
    assert [a.shape for a in (*additive, *multiplicative)] == [(400, 30), (400, 40), (400,), (60, 70)]
    for array, n in zip((*additive, *multiplicative), (30, 40, 400, 70), strict=True):
        assert array.dtype == dtype
        bounds = array.min() * n**0.5, array.max() * n**0.5
        np.testing.assert_allclose(bounds, (-1, 1), rtol=0, atol=0.2)
        assert np.abs(bounds).max() <= 1 + 1e-6


# Messages


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": np.ones((S, B, Q + 1))}, r"params.W_q must have shape \(A, Q\)"),
        ({"queries": np.ones(3)}, r"queries must have shape \(S, B, Q\)"),
        ({"keys": np.ones((T, B + 1, K))}, r"keys must have shape \(T, B, K\)"),
        ({"values": np.ones((T + 1, B, V))}, r"values must have shape \(T, B, V\)"),
        ({"values": np.ones((T, B, V), np.float32)}, "values is float32, but queries is float64"),
        ({"keys": np.ones((T, B, K), int)}, "keys must be float32 or float64"),
        ({"valid": np.array([1, 2])}, r"lengths must be whole numbers of shape \(B,\) = \(5,\)"),
        ({"valid": np.ones(B)}, "lengths must be whole numbers .* they are float64"),
        ({"valid": np.ones((T, B), bool)}, r"booleans of shape \(B, T\) = \(5, 6\)"),
        ({"valid": np.ones((1, S, B, T), bool)}, r"booleans of shape \(B, T\) = \(5, 6\) or \(S, B, T\)"),
        ({"valid": np.ones((S + 1, B, T), bool)}, "one row for each of the S = 3 queries, but it has 4"),
        (
            {"valid": np.array([1, 2, 3, 4, T + 1])},
            r"lengths must lie between 0 and T = 6, but they are \[1, 2, 3, 4, 7\]",
        ),
        ({"valid": np.array([1, 2, 3, 4, -1])}, "lengths must lie between 0 and T = 6"),
    ],
)
def test_bad_input_is_named(rng, change, message):
    params, queries, keys, values, *_ = problem(rng, "additive")
    with pytest.raises(ValueError, match=message):
        attention.forward(params, **({"queries": queries, "keys": keys, "values": values} | change))


def test_bad_gradients_and_params_are_named(rng):
    params, *arrays = problem(rng, "additive")[:4]
    _, _, cache = attention.forward(params, *arrays)
    with pytest.raises(ValueError, match=r"d_contexts must have shape \(S, B, V\) = \(3, 5, 7\)"):
        attention.backward(params, np.ones((S, B, V + 1)), cache)
    with pytest.raises(ValueError, match="d_contexts is float32, but values is float64"):
        attention.backward(params, np.ones((S, B, V), np.float32), cache)
    with pytest.raises(ValueError, match=r"d_weights must have shape \(S, B, T\) = \(3, 5, 6\)"):
        attention.backward(params, np.ones((S, B, V)), cache, np.ones((S, B, 1)))
    with pytest.raises(ValueError, match=r"params must be Multiplicative\(W\), but it is a ndarray"):
        attention.forward(np.ones((Q, K)), *arrays)


@pytest.mark.parametrize(
    ("shapes", "valid", "message"),
    [
        (((S, B, Q), (T, B + 1, Q), (T, B, V)), None, r"but they are \(5, 3, 4\), \(6, 6, 4\), \(5, 6, 7\)"),
        (((S, B + 1, Q), (T, B, Q), (T, B, V)), None, "queries, keys and values must be"),
        (((S, B, Q), (T, B, Q), (T, B, V)), [1, 2], r"whole numbers of shape \(B,\) = \(5,\)"),
        (((S, B, Q), (T, B, Q), (T, B, V)), [1.0] * B, "float32"),
        (((S, B, Q), (T, B, Q), (T, B, V)), [[True] * B] * T, r"booleans of shape \(B, T\) = \(5, 6\)"),
        (((S, B, Q), (T, B, Q), (T, B, V)), [7] * B, "lengths must lie between 0 and T = 6"),
    ],
)
def test_bad_input_is_named_in_torch(torch, shapes, valid, message):
    with pytest.raises(ValueError, match=message):
        twin(torch, None)(*map(torch.ones, shapes), valid)


# Torch


@KINDS
def test_batch_first(rng, torch, kind):
    params, *arrays = problem(rng, kind)[:4]
    module, tensors, lengths = twin(torch, params), [torch.tensor(a) for a in arrays], torch.tensor(LENGTHS)
    expected = module(*tensors, lengths)
    one = module(tensors[0][0], *tensors[1:], lengths)
    module.batch_first = True
    for a, b in zip(module(*(t.transpose(0, 1) for t in tensors), lengths), expected, strict=True):
        assert torch.equal(a.transpose(0, 1), b)
    for a, b in zip(module(tensors[0][0], *(t.transpose(0, 1) for t in tensors[1:]), lengths), one, strict=True):
        assert torch.equal(a, b)


@KINDS
def test_second_derivatives(rng, torch, kind):
    params, *arrays = problem(rng, kind, 2, 3, 2, 2, 2, 2, 2)[:4]
    module, lengths = twin(torch, params), torch.tensor([3, 1])
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    assert torch.autograd.gradgradcheck(lambda *t: module(*t, lengths)[0], tensors)


@KINDS
def test_autocast(rng, torch, kind):
    """bfloat16 keeps about three digits, padding its zeros."""
    params, *arrays = problem(rng, kind)[:4]
    module, tensors = twin(torch, params).float(), [torch.tensor(a).float().requires_grad_() for a in arrays]
    expected, lengths = module(*tensors, torch.tensor(LENGTHS)), torch.tensor(LENGTHS)
    with torch.autocast("cpu", torch.bfloat16):
        contexts, weights = module(*tensors, lengths)
    assert (contexts - expected[0]).abs().max() < 0.2
    assert not weights[:, (torch.arange(T) >= lengths[:, None])].any()
    contexts.float().sum().backward()
    assert all(tensor.grad.isfinite().all() for tensor in tensors)


def test_a_seed_repeats_the_start(torch, seed):
    from lstmkit.torch.attention import AdditiveAttention, MultiplicativeAttention

    for kind, sizes in ((AdditiveAttention, (Q, K, A)), (MultiplicativeAttention, (Q, K))):
        starts = []
        for _ in range(2):
            torch.manual_seed(seed)
            starts.append(list(kind(*sizes).parameters()))
        assert all(torch.equal(a, b) for a, b in zip(*starts, strict=True))
        assert kind.__bases__ == (torch.nn.Module,)


# The suite itself on trial: each wrong variant must be seen.

softmax, scores, scores_backward = attention.masked_softmax, attention._scores, attention._scores_backward
WRONG = {
    "padding not masked": ("masked_softmax", lambda e, valid: softmax(e, np.ones_like(valid))),
    "softmax over the queries": (
        "masked_softmax",
        lambda e, valid: valid * softmax(e.swapaxes(1, 2), True).swapaxes(1, 2),
    ),
    "scores doubled": ("_scores", lambda p, q, k: (2 * scores(p, q, k)[0], scores(p, q, k)[1])),
    "no tanh": ("tanh", lambda a: a),
}
WRONG_BACKWARD = {
    "tanh' not squared": ("d_tanh", lambda y: 1 - y),
    "mean of the softmax forgotten": ("d_softmax", lambda y, d_y: y * d_y),
    "query gradient halved": (
        "_scores_backward",
        lambda p, d, q, k, h: (scores_backward(p, d, q, k, h)[0] / 2, *scores_backward(p, d, q, k, h)[1:]),
    ),
    "key gradient of zero": (
        "_scores_backward",
        lambda p, d, q, k, h: (scores_backward(p, d, q, k, h)[0], 0 * k, scores_backward(p, d, q, k, h)[2]),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_seen(rng, monkeypatch, wrong):
    given = problem(rng, "additive")[:4]
    agrees_with_the_loop(*given)
    monkeypatch.setattr(attention, *WRONG[wrong])
    with pytest.raises(AssertionError):
        agrees_with_the_loop(*given)


@pytest.mark.parametrize("wrong", WRONG_BACKWARD)
def test_a_wrong_gradient_is_seen(rng, monkeypatch, wrong):
    given = problem(rng, "additive")
    monkeypatch.setattr(attention, *WRONG_BACKWARD[wrong])
    with pytest.raises(AssertionError):
        agrees_with_finite_differences(*given)
