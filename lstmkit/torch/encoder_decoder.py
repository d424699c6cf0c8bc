"""The encoder-decoder as a torch module: an LSTM that reads, an LSTM that writes, and attention between them.

The equations stand in lstmkit/numpy/encoder_decoder.py.

T source steps, S target steps, B sequences; V words, each a vector of E; H units in either LSTM.
source: (T, B) and previous: (S, B), whole numbers below V; lengths: (B,); logits: (S, B, V); weights: (S, B, T).

Source: Sutskever, Vinyals & Le (2014); Bahdanau, Cho & Bengio (2015); without attention, Cho et al. (2014).
Chapter: chapters/attention.md.  Twin: lstmkit/numpy/encoder_decoder.py.
"""

import torch
from torch import nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstmkit.cells import lstm as cell
from lstmkit.torch import attention as attending
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.recurrence import on_torch

lstm_step = on_torch(cell.step)


class EncoderDecoder(nn.Module):
    """An encoder-decoder over one vocabulary.

    `attention` is a module of lstmkit.torch.attention with Q = K = H, or None: then the encoder's last hidden state is
    the context of every step.  With `bidirectional` the encoder has H/2 units in either direction, side by side, and
    the decoder starts from the last state of both.
    """

    def __init__(
        self, vocabulary_size, embedding_size, hidden_size, attention=None, batch_first=False, bidirectional=False,
        *, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        if bidirectional and hidden_size % 2:
            raise ValueError(f"hidden_size must be even for a bidirectional encoder, but it is {hidden_size}")
        self.batch_first, made = batch_first, {"device": device, "dtype": dtype}
        V, E, H = vocabulary_size, embedding_size, hidden_size
        self.embedding = nn.Embedding(V, E, **made)
        self.encoder = LSTM(E, H // 2 if bidirectional else H, bidirectional=bidirectional, **made)
        self.decoder = LSTM(E + H, H, **made)
        self.attention = attention
        self.readout = nn.Linear(2 * H, V, **made)

    def forward(self, source, lengths, previous):
        """logits (S, B, V) and weights (S, B, T) with teacher forcing; the weights are None without attention.

        previous (S, B) holds the word before each target word: a start word, then the target without its last.  What
        stands in source (T, B) beyond its length is not looked at.  With batch_first, B is the first axis of all.
        """
        memory, state = self._encode(source, lengths)
        previous = previous.transpose(0, 1) if self.batch_first else previous
        if previous.dim() != 2 or previous.shape[1] != len(state[0]):
            given = f"but its shape is {tuple(previous.shape)}, time first"
            raise ValueError(f"previous must be 2-D, of the B = {len(state[0])} sequences of source, {given}")
        joined, weights = [], []
        for embedded in self.embedding(previous).unbind(0):
            out, state, weight = self._step(embedded, state, memory)
            joined.append(out)
            weights.append(weight)
        return self.readout(self._stack(joined)), self._stack(weights)

    @torch.no_grad()
    def decode(self, source, lengths, S, start=1):
        """words (S, B), the likeliest at each of S steps and fed back, the first after `start`; weights (S, B, T)."""
        memory, state = self._encode(source, lengths)
        word, words, weights = state[0].new_full(state[0].shape[:1], start, dtype=torch.long), [], []
        for _ in range(S):
            out, state, weight = self._step(self.embedding(word), state, memory)
            word = self.readout(out).argmax(-1)
            words.append(word)
            weights.append(weight)
        return self._stack(words), self._stack(weights)

    def _encode(self, source, lengths):
        """What a step looks back at, and the first state of the decoder, (B, H) each."""
        if source.dim() != 2:
            raise ValueError(f"source must be 2-D, words of a batch, but its shape is {tuple(source.shape)}")
        source = source.transpose(0, 1) if self.batch_first else source
        lengths = torch.as_tensor(lengths)
        valid = attending.within(lengths, *source.shape, source.device)
        x = self.embedding(source.masked_fill(~valid.T, 0))
        # A PackedSequence holds no empty sequence: those read one step, and its outcome is wiped out.
        packed, some = pack_padded_sequence(x, lengths.cpu().clamp(min=1), enforce_sorted=False), valid.any(1)
        packed, state = self.encoder(packed)
        encoded, _ = pad_packed_sequence(packed, batch_first=True, total_length=len(source))
        state = tuple(field.transpose(0, 1).flatten(1).masked_fill(~some.unsqueeze(1), 0) for field in state)
        encoded = encoded.masked_fill(~valid.unsqueeze(-1), 0)
        projected = None if self.attention is None else self.attention.project(encoded)
        return (encoded, projected, valid, state[0]), state

    def _step(self, embedded, state, memory):
        """[h_t, context_t] (B, 2H), the next state, and the weights (B, T)."""
        (encoded, projected, valid, summary), (h, c), lstm = memory, state, self.decoder
        if self.attention is None:
            context, weights = summary, None
        else:
            scores = self.attention.score(h.unsqueeze(1), projected)
            context, weights = (tensor.squeeze(1) for tensor in attending.weigh(scores, encoded, valid))
        # One step at a time, because the next context waits for h_t: the cell itself, not the loop of `self.decoder`.
        a = linear(torch.cat([embedded, context], -1), lstm.W_x_l0, lstm.b_l0) + linear(h, lstm.W_h_l0)
        h, c, *_ = lstm_step(*a.chunk(4, -1), c)
        return torch.cat([h, context], -1), (h, c), weights

    def _stack(self, steps):
        """One tensor of all steps, with the axis of time where the user wants it; None where the steps are None."""
        return None if steps[0] is None else torch.stack(steps, 1 if self.batch_first else 0)
