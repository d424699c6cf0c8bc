"""The encoder-decoder: one LSTM reads a sequence, another writes one, and attention looks back at what was read.

    s_1 ... s_T = LSTM(source)                                   the encoder's hidden states
    context_t = Σ_j α_tj s_j                                     attention, asked with the state before the step
    h_t, c_t = LSTM([y_{t-1}, context_t], h_{t-1}, c_{t-1})      the decoder, from the encoder's last state
    p(y_t) = softmax(W [h_t, context_t] + b)                     the read-out of the next word

Without attention, context_t is the encoder's last hidden state at every step, so that all of the source has to fit into
one vector, as in Cho et al. (2014).  While training, y_{t-1} is the word that should have been written before (teacher
forcing); `decode` feeds back the likeliest word instead.

T source steps, S target steps, B sequences; V words, each a vector of E; H units in either LSTM, A in the attention.
source: (T, B) and previous: (S, B), whole numbers below V; lengths: (B,); logits: (S, B, V); weights α: (S, B, T).

Source: Sutskever, Vinyals & Le (2014); the context and where it enters are those of Bahdanau, Cho & Bengio (2015).
Chapter: chapters/attention.md.  Twin: lstmkit/torch/encoder_decoder.py.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy import attention, linear, lstm
from lstmkit.numpy.shapes import expect, expect_fields


class Params(NamedTuple):
    """The weights, or their gradients."""

    embedding: np.ndarray  # (V, E), of the words of both sides
    encoder: lstm.Params  # D = E
    decoder: lstm.Params  # D = E + H
    attention: tuple | None  # attention.Additive or attention.Multiplicative, Q = K = H; None: no attention
    readout: linear.Params  # (V, 2H)


def init_params(rng, V, E, H, A=None, dtype=np.float64):
    """embedding (V, E) standard normal, the rest as in its own file; additive attention of A units if A is given."""
    return Params(
        rng.normal(size=(V, E)).astype(dtype),
        lstm.init_params(rng, E, H, dtype=dtype),
        lstm.init_params(rng, E + H, H, dtype=dtype),
        None if A is None else attention.init_additive(rng, H, H, A, dtype),
        linear.init_params(rng, 2 * H, V, dtype),
    )


def forward(params, source, lengths, previous):
    """logits (S, B, V), weights (S, B, T) and the cache for `backward`, with teacher forcing.

    previous (S, B) holds the word before each target word: a start word, then the target without its last.  What stands
    in source (T, B) beyond its length is not looked at.  Without attention the weights are None.
    Raises ValueError for a wrong shape, or for a word that is not a whole number below V.
    """
    params, source, valid = _check(params, source, lengths)
    previous = _words("previous", previous, "S B", len(params.embedding), source.shape[1])
    encoded, first, read = _encode(params, source, valid)
    (S, B), H = previous.shape, encoded.shape[2]
    joined, weights = np.empty((S, B, 2 * H), encoded.dtype), np.zeros((S, *valid.shape), encoded.dtype)
    state, steps = first, []
    for t in range(S):
        joined[t], state, weights[t], step = _decoder_step(params, previous[t], state, first, encoded, valid)
        steps.append(step)
    logits, shown = linear.forward(params.readout, joined), None if params.attention is None else weights
    return logits, shown, (source, valid, previous, encoded, read, steps, joined)


def backward(params, d_logits, cache):
    """The gradients of the Params, from ∂L/∂logits (S, B, V)."""
    source, valid, previous, encoded, read, steps, joined = cache
    (V, E), (B, H) = params.embedding.shape, encoded.shape[1:]
    sizes = {"S": len(previous), "B": B, "V": V, "dtype": (joined.dtype, "params")}
    d_logits = expect("d_logits", d_logits, "S B V", sizes)
    d_joined, d_readout = linear.backward(params.readout, d_logits, joined)
    d_embedding, d_encoded = np.zeros_like(params.embedding), np.zeros_like(encoded)
    d_decoder, d_attention = _zeros(params.decoder), _zeros(params.attention)
    d_state, d_summary = lstm.zero_state(B, H, encoded.dtype), np.zeros((B, H), encoded.dtype)
    for t in reversed(range(len(previous))):
        asked, stepped = steps[t]
        d_state = lstm.State(d_state.h + d_joined[t, :, :H], d_state.c)
        d_input, d_state, d_params = lstm.step_backward(params.decoder, d_state, stepped)
        d_decoder = _add(d_decoder, d_params)
        np.add.at(d_embedding, previous[t], d_input[:, :E])
        d_context = d_input[:, E:] + d_joined[t, :, H:]  # the context is read twice
        if params.attention is None:
            d_summary += d_context
        else:
            d_query, d_keys, d_values, d_params = attention.backward(params.attention, d_context, asked)
            d_attention = _add(d_attention, d_params)
            d_encoded += d_keys + d_values
            d_state = lstm.State(d_state.h + d_query, d_state.c)
    d_state = lstm.State(d_state.h + d_summary, d_state.c)
    d_words, d_encoder = _encode_backward(params, d_encoded, d_state, valid, read)
    np.add.at(d_embedding, source, d_words)
    return Params(d_embedding, d_encoder, d_decoder, d_attention, d_readout)


def decode(params, source, lengths, S, start=1):
    """The likeliest word at each of S steps, each fed back as the next input: words (S, B), and weights (S, B, T).

    The first input is the word `start`.  Without attention the weights are None.
    """
    params, source, valid = _check(params, source, lengths)
    encoded, first, _ = _encode(params, source, valid)
    words = _words("start", np.full((S + 1, len(valid)), start), "S B", len(params.embedding))
    state, weights = first, np.empty((S, *valid.shape), encoded.dtype)
    for t in range(S):
        joined, state, weights[t], _ = _decoder_step(params, words[t], state, first, encoded, valid)
        words[t + 1] = linear.forward(params.readout, joined).argmax(axis=-1)
    return words[1:], None if params.attention is None else weights


def _encode(params, source, valid):
    """Hidden states (T, B, H), each sequence's State at its own end, and the caches."""
    state, encoded, read = lstm.zero_state(len(valid), params.encoder.W_h.shape[1], params.embedding.dtype), [], []
    for words, going in zip(source, valid.T[..., None], strict=True):
        new, cache = lstm.step(params.encoder, params.embedding[words], state)
        state = lstm.State(*(np.where(going, *fields) for fields in zip(new, state, strict=True)))
        encoded.append(state.h)
        read.append(cache)
    return np.reshape(encoded, (len(source), *state.h.shape)).astype(state.h.dtype), state, read


def _encode_backward(params, d_encoded, d_state, valid, read):
    """∂L/∂embedded source (T, B, E) and the gradients of the encoder's weights."""
    d_words, d_encoder = [], _zeros(params.encoder)
    for d_h, going, cache in reversed(list(zip(d_encoded, valid.T[..., None], read, strict=True))):
        d_new = lstm.State(np.where(going, d_state.h + d_h, 0), np.where(going, d_state.c, 0))
        d_x, d_before, d_params = lstm.step_backward(params.encoder, d_new, cache)
        d_state = lstm.State(*(np.where(going, *fields) for fields in zip(d_before, d_state, strict=True)))
        d_words.append(d_x)
        d_encoder = _add(d_encoder, d_params)
    return np.reshape(d_words[::-1], (*d_encoded.shape[:2], params.embedding.shape[1])), d_encoder


def _decoder_step(params, words, state, summary, encoded, valid):
    """[h_t, context_t] (B, 2H), the State, the weights (B, T), and what the way back needs."""
    if params.attention is None:
        context, weights, asked = summary.h, 0, None
    else:
        context, weights, asked = attention.forward(params.attention, state.h, encoded, encoded, valid)
    joined = np.concatenate([params.embedding[words], context], axis=-1)
    state, stepped = lstm.step(params.decoder, joined, state)
    return np.concatenate([state.h, context], axis=-1), state, weights, (asked, stepped)


def _zeros(params):
    return None if params is None else type(params)(*(np.zeros_like(array) for array in params))


def _add(total, more):
    return type(total)(*(a + b for a, b in zip(total, more, strict=True)))


def _words(name, words, axes, V, B=None):
    words = np.asarray(words)
    if words.ndim != 2 or B not in (None, words.shape[1]) or not np.issubdtype(words.dtype, np.integer):
        wanted = f"({axes.replace(' ', ', ')})" + ("" if B is None else f" with B = {B}")
        raise ValueError(f"{name} must be whole numbers {wanted}, but it is {words.dtype} of shape {words.shape}")
    if words.size and (words.min() < 0 or words.max() >= V):
        raise ValueError(f"{name} must be words from 0 to V - 1 = {V - 1}, but it has {words.min()} to {words.max()}")
    return words


def _check(params, source, lengths):
    params, sizes, source = expect_fields("params", params, Params), {}, np.asarray(source)
    embedding = expect("params.embedding", params.embedding, "V E", sizes)
    W, b = expect_fields("params.readout", params.readout, linear.Params)
    readout = linear.Params(expect("params.readout.W", W, "V 2H", sizes), expect("params.readout.b", b, "V", sizes))
    if source.ndim != 2:
        raise ValueError(f"source must have shape (T, B), but its shape is {source.shape}")
    valid = attention.within(lengths, *source.shape)
    # Beyond its end a source may hold anything: word 0 stands there now, and is never looked at.
    source = _words("source", np.where(valid.T, source, 0), "T B", sizes["V"])
    return params._replace(embedding=embedding, readout=readout), source, valid
