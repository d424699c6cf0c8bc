"""The encoder-decoder in NumPy and in torch, against the equations one sequence at a time, and finite differences."""

import itertools

import numpy as np
import pytest

from lstmkit.numpy import attention, encoder_decoder, linear, lstm
from lstmkit.numpy.encoder_decoder import Params
from lstmkit.numpy.functions import cross_entropy, sigmoid, softmax
from lstmkit.numpy.gradients import finite_difference, relative_error

T, S, B, V, E, H, A = 6, 3, 5, 7, 4, 2, 8
LENGTHS = np.array([6, 1, 0, 4, 3])
KINDS = pytest.mark.parametrize("kind", ["additive", "multiplicative", "none"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def problem(rng, kind="additive", dtype=np.float64):
    """params with random biases, source, lengths, previous words and the gradient at the logits."""

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    def recurrent(D):
        return lstm.Params(normal(4 * H, D), normal(4 * H, H), normal(4 * H))

    scores = {
        "additive": attention.Additive(normal(A, H), normal(A, H), normal(A)),
        "multiplicative": attention.Multiplicative(normal(H, H)),
        "none": None,
    }
    readout = linear.Params(normal(V, 2 * H), normal(V))
    params = Params(normal(V, E), recurrent(E), recurrent(E + H), scores[kind], readout)
    return params, rng.integers(V, size=(T, B)), LENGTHS, rng.integers(V, size=(S, B)), normal(S, B, V)


def flat(params):
    """Every array by name."""
    named = {}
    for field, part in zip(Params._fields, params, strict=True):
        parts = {field: part} if isinstance(part, np.ndarray) else part._asdict() if part is not None else {}
        named |= {name if name == field else f"{field}.{name}": array for name, array in parts.items()}
    return named


def rebuilt(params, named):
    """The same Params with the arrays of `named`."""
    parts = []
    for field, part in zip(Params._fields, params, strict=True):
        if part is None or isinstance(part, np.ndarray):
            parts.append(named.get(field))
        else:
            parts.append(type(part)(*(named[f"{field}.{name}"] for name in part._fields)))
    return Params(*parts)


def by_the_equations(params, source, lengths, previous):
    """One sequence at a time, cut at its own end, with the gates written out."""

    def cell(weights, x, h, c):
        i, f, g, o = np.split(weights.W_x @ x + weights.W_h @ h + weights.b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    logits, weights = np.zeros((S, B, V)), np.zeros((S, B, T))
    for b in range(B):
        h, c, read = np.zeros(H), np.zeros(H), []
        for word in source[: lengths[b], b]:
            h, c = cell(params.encoder, params.embedding[word], h, c)
            read.append(h)
        summary = h
        for t, word in enumerate(previous[:, b]):
            context = np.zeros(H)
            if params.attention is None:
                context = summary
            elif read:
                if isinstance(params.attention, attention.Additive):
                    W_q, W_k, v = params.attention
                    scores = np.array([v @ np.tanh(W_q @ h + W_k @ k) for k in read])
                else:
                    scores = np.array([h @ params.attention.W @ k for k in read])
                weights[t, b, : len(read)] = softmax(scores)
                context = softmax(scores) @ np.array(read)
            h, c = cell(params.decoder, np.concatenate([params.embedding[word], context]), h, c)
            logits[t, b] = params.readout.W @ np.concatenate([h, context]) + params.readout.b
    return logits, weights


def agrees_with_the_equations(params, source, lengths, previous):
    logits, weights, _ = encoder_decoder.forward(params, source, lengths, previous)
    want, want_weights = by_the_equations(params, source, lengths, previous)
    np.testing.assert_allclose(logits, want, rtol=1e-12, atol=1e-12)
    if params.attention is None:
        assert weights is None
    else:
        np.testing.assert_allclose(weights, want_weights, rtol=0, atol=1e-12)


def gradients(params, source, lengths, previous, d_logits):
    _, _, cache = encoder_decoder.forward(params, source, lengths, previous)
    return flat(encoder_decoder.backward(params, d_logits, cache))


def agrees_with_finite_differences(params, source, lengths, previous, d_logits):
    arrays = flat(params)

    def loss(name, array):
        changed = rebuilt(params, arrays | {name: array})
        return (encoder_decoder.forward(changed, source, lengths, previous)[0] * d_logits).sum()

    for name, gradient in gradients(params, source, lengths, previous, d_logits).items():
        by_difference = finite_difference(lambda a, name=name: loss(name, a), arrays[name])
        assert relative_error(gradient, by_difference) < 1e-6, name


def twin(torch, params):
    """The torch module with our weights."""
    from lstmkit.torch.attention import AdditiveAttention, MultiplicativeAttention
    from lstmkit.torch.encoder_decoder import EncoderDecoder

    kinds = {
        attention.Additive: (AdditiveAttention, (H, H, A)),
        attention.Multiplicative: (MultiplicativeAttention, (H, H)),
    }
    kind, sizes = kinds.get(type(params.attention), (None, ()))
    module = EncoderDecoder(V, E, H, kind and kind(*sizes)).double()
    module.load_state_dict({theirs(name): torch.tensor(array) for name, array in flat(params).items()})
    return module


def theirs(name):
    """Our name of an array in the module's state_dict."""
    part = name.partition(".")[0]
    if part in ("encoder", "decoder"):
        return f"{name}_l0"
    return {"embedding": "embedding.weight", "readout.W": "readout.weight", "readout.b": "readout.bias"}.get(name, name)


@KINDS
def test_values_against_the_equations(rng, kind):
    agrees_with_the_equations(*problem(rng, kind)[:4])


@KINDS
def test_gradients_against_finite_differences(rng, kind):
    agrees_with_finite_differences(*problem(rng, kind))


@KINDS
def test_the_torch_twin(rng, torch, kind):
    """Values to 1e-12, gradients to 1e-10."""
    params, source, lengths, previous, d_logits = problem(rng, kind)
    module = twin(torch, params)
    logits, weights = module(*(torch.tensor(a) for a in (source, lengths, previous)))
    ours, our_weights, _ = encoder_decoder.forward(params, source, lengths, previous)
    np.testing.assert_allclose(ours, logits.detach(), rtol=1e-12, atol=1e-12)
    assert (weights is None) == (our_weights is None) == (kind == "none")
    if weights is not None:
        np.testing.assert_allclose(our_weights, weights.detach(), rtol=0, atol=1e-12)
    logits.backward(torch.tensor(d_logits))
    found = dict(module.named_parameters())
    for name, gradient in gradients(params, source, lengths, previous, d_logits).items():
        np.testing.assert_allclose(gradient, found[theirs(name)].grad, rtol=1e-10, atol=1e-10, err_msg=name)


@KINDS
def test_a_bidirectional_encoder_reads_each_sequence_alone(rng, torch, kind):
    """A batch is its sequences one by one, each cut at its own end; each direction is torch.nn.LSTM's."""
    from lstmkit.torch.attention import AdditiveAttention
    from lstmkit.torch.encoder_decoder import EncoderDecoder

    scores = None if kind == "none" else AdditiveAttention(4, 4, A)
    module = EncoderDecoder(V, E, 4, scores, bidirectional=True).double()
    _, source, lengths, previous, _ = problem(rng)
    source, lengths, previous = (torch.tensor(a) for a in (source, lengths, previous))
    logits, weights = module(source, lengths, previous)
    for b, length in enumerate(lengths.tolist()):
        if length == 0:
            continue
        alone, its_weights = module(source[:length, b : b + 1], lengths[b : b + 1], previous[:, b : b + 1])
        torch.testing.assert_close(logits[:, b : b + 1], alone, rtol=0, atol=1e-12)
        if weights is not None:
            torch.testing.assert_close(weights[:, b : b + 1, :length], its_weights, rtol=0, atol=1e-12)
            assert not weights[:, b, length:].any()
        (encoded, *_), state = module._encode(source[:length, b : b + 1], lengths[b : b + 1])
        hs, last = module.encoder.to_torch()(module.embedding(source[:length, b : b + 1]))
        torch.testing.assert_close(encoded.transpose(0, 1), hs, rtol=0, atol=1e-12)
        for field, pair in zip(state, last, strict=True):
            torch.testing.assert_close(field[0], pair[:, 0].flatten(), rtol=0, atol=1e-12)


@KINDS
def test_what_stands_behind_the_end_is_not_looked_at(rng, torch, kind):
    params, source, lengths, previous, d_logits = problem(rng, kind)
    other = np.where(np.arange(T)[:, None] < lengths, source, 10**6)
    clean, dirty = (gradients(params, words, lengths, previous, d_logits) for words in (source, other))
    for name, gradient in clean.items():
        np.testing.assert_array_equal(gradient, dirty[name], err_msg=name)
        assert np.isfinite(gradient).all()
    module, given = twin(torch, params), (torch.tensor(lengths), torch.tensor(previous))
    assert torch.equal(module(torch.tensor(source), *given)[0], module(torch.tensor(other), *given)[0])


@KINDS
def test_two_halves_of_the_target_equal_the_whole(rng, kind):
    """What was written before is all that reaches a step: later words change nothing."""
    params, source, lengths, previous, _ = problem(rng, kind)
    whole = encoder_decoder.forward(params, source, lengths, previous)[0]
    half = encoder_decoder.forward(params, source, lengths, previous[: S // 2])[0]
    np.testing.assert_allclose(half, whole[: S // 2], rtol=0, atol=1e-13)


@KINDS
def test_sequences_do_not_see_each_other(rng, kind):
    params, source, lengths, previous, d_logits = problem(rng, kind)
    whole, total = gradients(params, source, lengths, previous, d_logits), {}
    logits = encoder_decoder.forward(params, source, lengths, previous)[0]
    for b in range(B):
        one = source[:, b : b + 1], lengths[b : b + 1], previous[:, b : b + 1]
        np.testing.assert_allclose(encoder_decoder.forward(params, *one)[0], logits[:, b : b + 1], rtol=0, atol=1e-12)
        alone = gradients(params, *one, d_logits[:, b : b + 1])
        total = {name: total.get(name, 0) + gradient for name, gradient in alone.items()}
    for name, gradient in total.items():
        np.testing.assert_allclose(gradient, whole[name], rtol=1e-11, atol=1e-11, err_msg=name)


@KINDS
def test_decoding_feeds_back_its_own_words(rng, torch, kind):
    """Teacher forcing with the words that came out gives the same words again, and the same weights."""
    params, source, lengths, _, _ = problem(rng, kind)
    words, weights = encoder_decoder.decode(params, source, lengths, S, start=3)
    by_default, of_one = (encoder_decoder.decode(params, source, lengths, S, **s)[0] for s in ({}, {"start": 1}))
    np.testing.assert_array_equal(by_default, of_one)
    previous = np.concatenate([np.full((1, B), 3), words[:-1]])
    logits, want, _ = encoder_decoder.forward(params, source, lengths, previous)
    np.testing.assert_array_equal(words, logits.argmax(-1))
    module = twin(torch, params)
    found, found_weights = module.decode(torch.tensor(source), torch.tensor(lengths), S, start=3)
    np.testing.assert_array_equal(words, found)
    if kind == "none":
        assert weights is want is found_weights is None
    else:
        np.testing.assert_allclose(weights, want, rtol=0, atol=1e-13)
        np.testing.assert_allclose(weights, found_weights, rtol=0, atol=1e-12)
    module.batch_first = True
    found, _ = module.decode(torch.tensor(source.T), torch.tensor(lengths), S, start=3)
    np.testing.assert_array_equal(words.T, found)


@KINDS
@DTYPES
def test_dtypes_are_kept_and_arguments_left_alone(rng, kind, dtype):
    params, source, lengths, previous, d_logits = problem(rng, kind, dtype)
    everything = [*flat(params).values(), source, lengths, previous, d_logits]
    before = [a.tobytes() for a in everything]
    logits, weights, cache = encoder_decoder.forward(params, source, lengths, previous)
    d_params = encoder_decoder.backward(params, d_logits, cache)
    again = flat(encoder_decoder.backward(params, d_logits, cache))
    found = [logits, *flat(d_params).values(), *([] if weights is None else [weights])]
    assert {a.dtype for a in found} == {np.dtype(dtype)}
    assert [a.tobytes() for a in everything] == before
    for name, gradient in flat(d_params).items():
        np.testing.assert_array_equal(gradient, again[name])
        assert gradient.shape == flat(params)[name].shape


def test_no_target_steps(rng):
    params, source, lengths, previous, d_logits = problem(rng)
    logits, weights, cache = encoder_decoder.forward(params, source, lengths, previous[:0])
    assert logits.shape == (0, B, V)
    assert weights.shape == (0, B, T)
    assert not any(gradient.any() for gradient in flat(encoder_decoder.backward(params, d_logits[:0], cache)).values())


@DTYPES
def test_init_params(rng, dtype):
    params = encoder_decoder.init_params(rng, V, E, H, A, dtype)
    want = {name: array.shape for name, array in flat(problem(rng)[0]).items()}
    assert {name: array.shape for name, array in flat(params).items()} == want
    assert {array.dtype for array in flat(params).values()} == {np.dtype(dtype)}
    assert encoder_decoder.init_params(rng, V, E, H).attention is None


def test_it_learns_to_reverse_by_heart(torch):
    """Eight short sequences written backwards, from the module's own start, and read off again by decoding."""
    from lstmkit.torch.attention import AdditiveAttention
    from lstmkit.torch.encoder_decoder import EncoderDecoder

    source = torch.tensor(list(itertools.product([2, 3], repeat=3))).T  # (3, 8); word 1 starts, word 0 is no word
    target, start = source.flip(0), torch.ones(1, 8, dtype=torch.long)
    previous, lengths = torch.cat([start, target[:-1]]), torch.full((8,), 3)
    module = EncoderDecoder(4, 6, 16, AdditiveAttention(16, 16, 16), bidirectional=True)
    optimiser = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(120):
        loss = torch.nn.functional.cross_entropy(module(source, lengths, previous)[0].flatten(0, 1), target.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1
    assert torch.equal(module.decode(source, lengths, 3)[0], target)


def test_a_step_against_the_gradient_lowers_the_loss_in_numpy(rng):
    params, source, lengths, previous, _ = problem(rng)
    target = rng.integers(V, size=(S, B))

    def loss(params):
        logits = encoder_decoder.forward(params, source, lengths, previous)[0]
        return cross_entropy(logits.reshape(-1, V), target.ravel())

    logits, _, cache = encoder_decoder.forward(params, source, lengths, previous)
    d_logits = (softmax(logits) - np.eye(V)[target]) / (S * B)
    d_params = flat(encoder_decoder.backward(params, d_logits, cache))
    stepped = rebuilt(params, {name: array - 1e-3 * d_params[name] for name, array in flat(params).items()})
    expected = sum((gradient**2).sum() for gradient in d_params.values())
    assert (loss(params) - loss(stepped)) / 1e-3 == pytest.approx(expected, rel=0.05)


# Torch


def test_second_derivatives(rng, torch):
    params, source, lengths, previous, _ = problem(rng)
    module = twin(torch, params)
    source, lengths, previous = (torch.tensor(a) for a in (source[:3, :2], lengths[:2].clip(max=3), previous[:2, :2]))
    names, tensors = zip(*module.named_parameters(), strict=True)
    direction = [torch.randn_like(tensor) for tensor in tensors]

    def slope(step):
        """The gradient of the loss along `direction`, from weights moved by `step` along it."""
        moved = {n: (t + step * d).detach().requires_grad_() for n, t, d in zip(names, tensors, direction, strict=True)}
        loss = torch.func.functional_call(module, moved, (source, lengths, previous))[0].square().sum()
        found = torch.autograd.grad(loss, list(moved.values()), create_graph=True)
        return sum((g * d).sum() for g, d in zip(found, direction, strict=True)), moved

    along, moved = slope(0.0)
    second = sum(
        (g * d).sum() for g, d in zip(torch.autograd.grad(along, list(moved.values())), direction, strict=True)
    )
    by_difference = (slope(1e-5)[0] - slope(-1e-5)[0]) / 2e-5
    torch.testing.assert_close(second, by_difference, rtol=1e-5, atol=1e-5)


def test_autocast(rng, torch):
    params, *given, _ = problem(rng)
    module, given = twin(torch, params).float(), [torch.tensor(a) for a in given]
    expected, _ = module(*given)
    with torch.autocast("cpu", torch.bfloat16):
        logits, weights = module(*given)
    assert (logits - expected).abs().max() < 0.5
    assert not weights[:, torch.arange(T) >= given[1][:, None]].any()
    logits.float().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


def test_a_seed_repeats_the_start_and_batch_first_turns_the_axes(rng, torch, seed):
    from lstmkit.torch.attention import MultiplicativeAttention
    from lstmkit.torch.encoder_decoder import EncoderDecoder

    made = []
    for batch_first in (False, True):
        torch.manual_seed(seed)
        made.append(EncoderDecoder(V, E, H, MultiplicativeAttention(H, H), batch_first))
    _, source, lengths, previous, _ = problem(rng)
    ours = made[0](torch.tensor(source), torch.tensor(lengths), torch.tensor(previous))
    turned = made[1](torch.tensor(source.T), torch.tensor(lengths), torch.tensor(previous.T))
    for a, b in zip(ours, turned, strict=True):
        assert torch.equal(a.transpose(0, 1), b)
    assert EncoderDecoder.__bases__ == (torch.nn.Module,)


# Messages


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": np.zeros(T, int)}, r"source must have shape \(T, B\)"),
        ({"source": np.zeros((T, B))}, "source must be whole numbers .* but it is float64"),
        ({"source": np.full((T, B), V)}, r"source must be words from 0 to V - 1 = 6"),
        ({"lengths": [1, 2]}, r"lengths must be whole numbers of shape \(B,\) = \(5,\)"),
        ({"lengths": [1, 2, 3, 4, T + 1]}, "lengths must lie between 0 and T = 6"),
        ({"previous": np.zeros((S, B + 1), int)}, r"previous must be whole numbers \(S, B\) with B = 5"),
        ({"previous": np.full((S, B), -1)}, "previous must be words from 0"),
    ],
)
def test_bad_input_is_named(rng, change, message):
    params, source, lengths, previous, _ = problem(rng)
    with pytest.raises(ValueError, match=message):
        encoder_decoder.forward(params, **({"source": source, "lengths": lengths, "previous": previous} | change))


def test_bad_gradients_and_sizes_are_named(rng, torch):
    from lstmkit.torch.encoder_decoder import EncoderDecoder

    params, source, lengths, previous, d_logits = problem(rng)
    _, _, cache = encoder_decoder.forward(params, source, lengths, previous)
    with pytest.raises(ValueError, match=r"d_logits must have shape \(S, B, V\) = \(3, 5, 7\)"):
        encoder_decoder.backward(params, d_logits[1:], cache)
    with pytest.raises(ValueError, match="params must be Params"):
        encoder_decoder.forward(params[:3], source, lengths, previous)
    wrong = params._replace(readout=linear.Params(np.ones((V + 1, 2 * H)), np.ones(V)))
    with pytest.raises(ValueError, match=r"params.readout.W must have shape \(V, 2H\) = \(7, 4\)"):
        encoder_decoder.forward(wrong, source, lengths, previous)
    with pytest.raises(ValueError, match="start must be words from 0 to V - 1 = 6, but it has 9 to 9"):
        encoder_decoder.decode(params, source, lengths, S, start=9)
    module, source, lengths, previous = twin(torch, params), *map(torch.tensor, (source, lengths, previous))
    with pytest.raises(ValueError, match=r"source must be 2-D, words of a batch, but its shape is \(6,\)"):
        module(source[:, 0], lengths, previous)
    with pytest.raises(ValueError, match=r"previous must be 2-D, of the B = 5 sequences .* \(3, 4\)"):
        module(source, lengths, previous[:, 1:])
    with pytest.raises(ValueError, match="lengths must lie between 0 and T = 6"):
        module(source, lengths + 1, previous)
    with pytest.raises(ValueError, match="hidden_size must be even for a bidirectional encoder, but it is 5"):
        EncoderDecoder(V, E, 5, bidirectional=True)


# The suite itself on trial: each wrong variant must be seen.

encode_backward, attend, attend_backward = encoder_decoder._encode_backward, attention.forward, attention.backward


def test_a_wrong_query_is_seen(rng, monkeypatch):
    """Attention asked with another state than the one before the step."""
    given = problem(rng)[:4]
    agrees_with_the_equations(*given)
    monkeypatch.setattr(attention, "forward", lambda params, q, *rest: attend(params, 0 * q, *rest))
    with pytest.raises(AssertionError):
        agrees_with_the_equations(*given)


def test_padding_that_is_read_is_seen(rng, monkeypatch):
    given = problem(rng)[:4]
    monkeypatch.setattr(attention, "forward", lambda params, q, k, u, valid: attend(params, q, k, u))
    with pytest.raises(AssertionError):
        agrees_with_the_equations(*given)


def lost(which):
    def backward(*given):
        found = list(attend_backward(*given))
        found[which] = 0 * found[which]
        return tuple(found)

    return backward


@pytest.mark.parametrize("which", [0, 1, 2], ids=["query", "keys", "values"])
def test_a_lost_path_through_attention_is_seen(rng, monkeypatch, which):
    given = problem(rng)
    monkeypatch.setattr(attention, "backward", lost(which))
    with pytest.raises(AssertionError):
        agrees_with_finite_differences(*given)


@pytest.mark.parametrize("field", ["h", "c"])
def test_a_lost_path_into_the_encoder_is_seen(rng, monkeypatch, field):
    def wrong(params, d_encoded, d_state, *rest):
        return encode_backward(params, d_encoded, d_state._replace(**{field: 0 * d_state.h}), *rest)

    given = problem(rng)
    monkeypatch.setattr(encoder_decoder, "_encode_backward", wrong)
    with pytest.raises(AssertionError):
        agrees_with_finite_differences(*given)
