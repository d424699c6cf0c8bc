"""A core and its read-out: shapes, what depends on what, the losses, and that contestants are fair."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from lstmkit.torch import GRU, LSTM, RNN, MinLSTM  # noqa: E402
from lstmkit.torch.network import (  # noqa: E402
    Network,
    Transformer,
    Windows,
    accuracy,
    count_parameters,
    cross_entropy,
    squared_error,
)

CORES = {
    "LSTM": lambda: LSTM(3, 8),
    "GRU": lambda: GRU(3, 8),
    "RNN": lambda: RNN(3, 8),
    "MinLSTM": lambda: MinLSTM(3, 8),
    "Windows": lambda: Windows(3, 8, window=2, num_layers=2),
}


@pytest.mark.parametrize("make", CORES.values(), ids=CORES)
def test_every_core_reads_and_is_read_out(torch, make):
    T, B, O = 7, 4, 2
    x = torch.randn(T, B, 3)
    core = make()
    answers, _ = Network(core, O)(x)
    assert answers.shape == (T, B, O)
    whole = Network(core, O, last=True)
    hs, _ = core(x)
    np.testing.assert_allclose(whole(x)[0].detach(), whole.readout(hs[-1]).detach())


def test_words_and_other_widths_come_in_through_first(torch):
    words = torch.randint(0, 11, (6, 5))
    assert Network(LSTM(4, 8), 11, first=nn.Embedding(11, 4))(words)[0].shape == (6, 5, 11)
    assert Network(Transformer(8, nhead=2), 3, first=nn.Linear(2, 8))(torch.randn(6, 5, 2))[0].shape == (6, 5, 3)
    assert Network(LSTM(3, 8, bidirectional=True), 2)(torch.randn(6, 5, 3))[0].shape == (6, 5, 2)


def reached_inputs(core, x, t):
    """The steps on which the core's output at step t depends."""
    x = x.clone().requires_grad_()
    hs, _ = core(x)
    (hs[t] * torch.randn_like(hs[t])).sum().backward()  # after a norm, the plain sum is the same whatever came in
    return set(x.grad.abs().sum((1, 2)).nonzero().flatten().tolist())


@pytest.mark.parametrize(("window", "layers"), [(2, 1), (3, 1), (2, 3), (3, 3), (1, 4)])
def test_windows_depend_on_their_reach_and_on_nothing_else(torch, window, layers):
    core = Windows(2, 16, window, layers).double()
    assert core.reach == 1 + (window - 1) * sum(2**level for level in range(layers))
    x = torch.randn(29, 1, 2, dtype=torch.float64)
    assert reached_inputs(core, x, 20) == set(range(max(0, 21 - core.reach), 21))


def test_windows_on_top_of_each_other_are_dilated_convolutions(torch):
    """Against torch's own conv1d, which has a dilation."""
    core = Windows(2, 5, window=3, num_layers=3).double()
    x = torch.randn(23, 4, 2, dtype=torch.float64)
    a = x.permute(1, 2, 0)
    for level, layer in enumerate(core.layers):
        padded = nn.functional.pad(a, (2 * 2**level, 0))
        a = torch.tanh(nn.functional.conv1d(padded, layer.W.flip(0).permute(1, 2, 0), layer.b, dilation=2**level))
    torch.testing.assert_close(core(x)[0], a.permute(2, 0, 1), rtol=0, atol=1e-14)


def test_the_transformer_sees_all_of_the_past_and_none_of_the_future(torch):
    core = Transformer(8, nhead=2).double()
    assert reached_inputs(core, torch.randn(9, 1, 8, dtype=torch.float64), 5) == set(range(6))


def test_the_transformer_knows_the_order(torch):
    """Without positions its last answer would not change when the earlier inputs change places."""
    core = Transformer(8, nhead=2, num_layers=1).double()
    x = torch.randn(6, 2, 8, dtype=torch.float64)
    swapped = x[[1, 0, 2, 3, 4, 5]]
    assert (core(x)[0][-1] - core(swapped)[0][-1]).abs().max() > 1e-3


@pytest.mark.parametrize("core", [Transformer(8, nhead=2), Windows(8, 8)])
def test_a_core_without_state_says_so(core):
    with pytest.raises(ValueError, match="state must be None"):
        core(torch.zeros(3, 2, 8), torch.zeros(1))


def test_losses_count_only_what_is_asked(torch, rng):
    T, B, O = 6, 5, 4
    model = Network(LSTM(3, 8), O).double()
    x, y = torch.randn(T, B, 3, dtype=torch.float64), torch.from_numpy(rng.integers(-1, O, (T, B)))
    logits = model(x)[0].detach().numpy()
    asked = [(t, b) for t in range(T) for b in range(B) if y[t, b] >= 0]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    right = [np.argmax(logits[t, b]) == y[t, b].item() for t, b in asked]
    expected = -np.mean([np.log(p[t, b, y[t, b]]) for t, b in asked])
    np.testing.assert_allclose(cross_entropy(model, x, y).item(), expected)
    np.testing.assert_allclose(accuracy(model, x, y), np.mean(right))


def test_squared_error_and_whole_sequence_answers(torch):
    model = Network(GRU(3, 8), 2, last=True).double()
    x, y = torch.randn(5, 4, 3, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    np.testing.assert_allclose(squared_error(model, x, y).item(), ((model(x)[0] - y) ** 2).mean().item())
    labels = torch.tensor([0, 1, 1, 0])
    assert 0 <= accuracy(model, x, labels) <= 1
    assert cross_entropy(model, x, labels) > 0


def test_parameters_are_counted():
    D, H, O = 3, 8, 2
    assert count_parameters(Network(LSTM(D, H), O)) == 4 * H * (D + H + 1) + O * (H + 1)
