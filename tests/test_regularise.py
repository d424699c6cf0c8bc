"""Dropout that respects time, penalties on activations, and states cut from their history."""

from typing import NamedTuple

import pytest

T, B, D, H = 6, 3, 5, 4


@pytest.fixture
def regularise(torch):
    from lstmkit.torch import regularise

    return regularise


def recurrent(torch, name, **options):
    """One of ours, or of torch.nn's with "nn." before its name."""
    import lstmkit.torch

    home, name = (torch.nn, name[3:]) if name.startswith("nn.") else (lstmkit.torch, name)
    return getattr(home, name)(D, H, **options)


RECURRENT = ["LSTM", "GRU", "RNN", "PeepholeLSTM", "nn.LSTM", "nn.GRU", "nn.RNN"]


# Locked dropout


def is_locked(torch, y, p, time):
    """y, made from ones: 0 or 1/(1 - p), the same at every step, not the same everywhere."""
    assert torch.isin(y, torch.tensor([0, 1 / (1 - p)])).all()
    assert torch.equal(y, y.narrow(time, 0, 1).expand_as(y))
    assert 0 < (y == 0).float().mean() < 1


@pytest.mark.parametrize("batch_first", [False, True])
def test_locked_dropout_has_one_mask_for_all_steps(torch, regularise, batch_first):
    torch.manual_seed(0)  # a mask of 0s or of 1s alone is possible, if unlikely
    drop = regularise.LockedDropout(0.4, batch_first)
    y = drop(torch.ones(T, B, D).transpose(0, 1) if batch_first else torch.ones(T, B, D))
    is_locked(torch, y, 0.4, int(batch_first))
    masks = y[:, 0] if batch_first else y[0]
    assert len({tuple(mask.tolist()) for mask in masks}) == B  # each sequence has its own
    assert not torch.equal(y, drop(torch.ones_like(y)))  # and each pass
    is_locked(torch, drop(torch.ones(T, 40)), 0.4, 0)  # (T, D), no batch


def test_locked_dropout_keeps_the_mean():
    torch = pytest.importorskip("torch")
    from lstmkit.torch.regularise import LockedDropout

    torch.manual_seed(0)
    y = LockedDropout(0.3)(torch.ones(1, 200, 500))
    assert (y == 0).float().mean() == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / 1e5) ** 0.5)
    assert y.mean() == pytest.approx(1, abs=5 * (0.3 / 0.7 / 1e5) ** 0.5)


def test_locked_dropout_of_a_packed_sequence(torch, regularise):
    """Each sequence its own mask, at all of its steps; what is packed stays packed."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(0)
    packed = pack_padded_sequence(torch.ones(T, B, 40), [2, 6, 3], enforce_sorted=False)
    y = regularise.LockedDropout(0.5)(packed)
    padded, lengths = pad_packed_sequence(y)
    assert lengths.tolist() == [2, 6, 3]
    for b, end in enumerate(lengths):
        is_locked(torch, padded[:end, b], 0.5, 0)
    assert len({tuple(mask.tolist()) for mask in padded[0]}) == B


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_locked_dropout_in_eval_mode_and_at_its_ends(torch, regularise, dtype):
    x = torch.randn(T, B, D, dtype=getattr(torch, dtype))
    assert regularise.LockedDropout(0.5).eval()(x) is x
    assert regularise.LockedDropout(0.0)(x) is x
    assert not regularise.LockedDropout(1.0)(x).any()
    y = regularise.LockedDropout(0.5)(x)
    assert y.dtype == x.dtype
    assert torch.equal(y[y != 0], (2 * x)[y != 0])


def test_locked_dropout_sends_gradients_through_its_mask(torch, regularise):
    x = torch.randn(T, B, D, requires_grad=True)
    y = regularise.LockedDropout(0.5)(x)
    y.sum().backward()
    assert torch.equal(x.grad, (y != 0) * 2.0)


def test_a_mask_that_is_not_locked_is_seen(torch, regularise, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(regularise.LockedDropout, "forward", lambda self, x: torch.nn.functional.dropout(x, self.p))
    with pytest.raises(AssertionError):
        is_locked(torch, regularise.LockedDropout(0.4)(torch.ones(T, B, D)), 0.4, 0)


# Weight dropout


@pytest.mark.parametrize("name", RECURRENT)
def test_weight_dropout_is_the_module_with_a_dropped_weight(torch, regularise, name):
    """The same draws, put into a copy of the module by hand."""
    import copy

    plain = recurrent(torch, name, num_layers=2, bidirectional=True).double()
    wrapped, x = regularise.WeightDropout(plain, 0.5), torch.randn(T, B, D, dtype=torch.float64)
    torch.manual_seed(3)
    hs, _ = wrapped(x)
    torch.manual_seed(3)
    dropped, zeros, count = copy.deepcopy(plain), 0, 0
    with torch.no_grad():
        for field, weight in dropped.named_parameters():
            if field.startswith(("W_h", "weight_hh")):
                weight.copy_(torch.nn.functional.dropout(weight, 0.5))
                zeros, count = zeros + (weight == 0).sum().item(), count + weight.numel()
    torch.testing.assert_close(hs, dropped(x)[0], rtol=0, atol=1e-12)
    assert 0 < zeros < count
    assert not torch.allclose(hs, plain(x)[0])


@pytest.mark.parametrize("name", RECURRENT)
def test_weight_dropout_is_fresh_in_training_and_absent_in_eval(torch, regularise, name):
    plain = recurrent(torch, name)
    wrapped, x = regularise.WeightDropout(plain, 0.5), torch.randn(T, B, D)
    before = {field: value.clone() for field, value in wrapped.state_dict().items()}
    torch.manual_seed(0)  # two equal masks are possible, if unlikely
    assert not torch.equal(wrapped(x)[0], wrapped(x)[0])
    wrapped.eval()
    assert torch.equal(wrapped(x)[0], plain(x)[0])
    for field, value in wrapped.state_dict().items():
        assert torch.equal(value, before[field])
        assert field.startswith("module.")
    assert torch.equal(regularise.WeightDropout(plain, 0.0)(x)[0], plain(x)[0])


@pytest.mark.parametrize("name", RECURRENT)
def test_weight_dropout_trains_the_weights_that_it_kept(torch, regularise, name):
    """The gradient reaches the parameters themselves, scaled, and is 0 where a weight was dropped."""
    wrapped = regularise.WeightDropout(recurrent(torch, name).double(), 0.5)
    recurrent_names = [field for field, _ in wrapped.named_parameters() if "W_h" in field or "weight_hh" in field]
    torch.manual_seed(3)
    wrapped(torch.randn(T, B, D, dtype=torch.float64))[0].square().sum().backward()
    assert all(p.grad is not None for p in wrapped.parameters())
    (weight,) = (p for field, p in wrapped.named_parameters() if field in recurrent_names)
    assert 0.2 < (weight.grad == 0).double().mean() < 0.8
    optimiser = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    before = weight.detach().clone()
    optimiser.step()
    assert torch.equal(weight != before, weight.grad != 0)


def test_weight_dropout_takes_what_the_module_takes(torch, regularise):
    """State, lengths, and a PackedSequence."""
    wrapped, x = regularise.WeightDropout(recurrent(torch, "LSTM"), 0.5), torch.randn(T, B, D)
    first = torch.randn(1, B, H), torch.randn(1, B, H)
    torch.manual_seed(1)
    hs, last = wrapped(x, first, lengths=[2, 6, 3])
    torch.manual_seed(1)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, [2, 6, 3], enforce_sorted=False)
    by_packing, last_2 = wrapped(packed, first)
    torch.testing.assert_close(hs, torch.nn.utils.rnn.pad_packed_sequence(by_packing, total_length=T)[0])
    torch.testing.assert_close(last, last_2)


def test_weight_dropout_survives_copy_and_state_dict(torch, regularise):
    import copy

    wrapped, x = regularise.WeightDropout(recurrent(torch, "nn.LSTM"), 0.5), torch.randn(T, B, D)
    wrapped(x)
    twin = copy.deepcopy(wrapped).eval()
    other = regularise.WeightDropout(recurrent(torch, "nn.LSTM"), 0.5).eval()
    other.load_state_dict(wrapped.state_dict())
    assert torch.equal(twin(x)[0], wrapped.eval()(x)[0])
    assert torch.equal(other(x)[0], wrapped(x)[0])


def test_probabilities_and_modules_are_checked(torch, regularise):
    for p in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="p must be a probability from 0 to 1"):
            regularise.LockedDropout(p)
        with pytest.raises(ValueError, match="p must be a probability from 0 to 1"):
            regularise.WeightDropout(recurrent(torch, "LSTM"), p)
    with pytest.raises(ValueError, match="this Linear has none"):
        regularise.WeightDropout(torch.nn.Linear(D, H))
    assert repr(regularise.LockedDropout(0.3, True)) == "LockedDropout(p=0.3, batch_first=True)"
    assert "p=0.3" in repr(regularise.WeightDropout(recurrent(torch, "LSTM"), 0.3))


# Penalties


def test_penalties(torch, regularise):
    hs = torch.randn(T, B, H, dtype=torch.float64)
    by_loop = sum((hs[t + 1, b, k] - hs[t, b, k]) ** 2 for t in range(T - 1) for b in range(B) for k in range(H))
    torch.testing.assert_close(regularise.temporal_activation(hs), by_loop / ((T - 1) * B * H))
    torch.testing.assert_close(regularise.activation(hs), sum(h**2 for h in hs.flatten()) / hs.numel())
    assert regularise.temporal_activation(hs[:1]) == 0
    assert regularise.temporal_activation(hs[:1].expand(T, B, H)) == 0
    assert torch.autograd.gradcheck(regularise.temporal_activation, hs[:, :1].clone().requires_grad_())


# Truncated backpropagation through time


class Memory(NamedTuple):
    h: object
    rest: object


def test_detach_keeps_values_and_structure(torch, regularise):
    h, c = (torch.randn(B, H, requires_grad=True) * 2 for _ in range(2))
    made = regularise.detach(Memory(h, [(c, None), (h,)]))
    assert type(made) is Memory
    assert type(made.rest) is list
    assert type(made.rest[0]) is tuple
    assert made.rest[0][1] is None
    for ours, theirs in ((made.h, h), (made.rest[0][0], c), (made.rest[1][0], h)):
        assert torch.equal(ours, theirs)
        assert not ours.requires_grad
        assert theirs.requires_grad
    assert regularise.detach(None) is None


@pytest.mark.parametrize("name", ["LSTM", "GRU", "nn.LSTM"])
def test_truncation_stops_gradients_and_changes_no_value(torch, regularise, name):
    module, x = recurrent(torch, name, num_layers=2).double(), torch.randn(T, B, D, dtype=torch.float64)
    whole, last = module(x)
    first, second = x[:3].clone().requires_grad_(), x[3:].clone().requires_grad_()
    hs_1, state = module(first)
    hs_2, carried = module(second, regularise.detach(state))
    torch.testing.assert_close(torch.cat([hs_1, hs_2]), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(carried, last, rtol=0, atol=1e-12)
    d_first, d_second = torch.autograd.grad(hs_2.sum(), [first, second], allow_unused=True)
    assert d_first is None
    assert d_second.abs().sum() > 0
    hs_2, _ = module(second, module(first)[1])  # not detached: the gradient goes on
    (d_first,) = torch.autograd.grad(hs_2.sum(), [first])
    assert d_first.abs().sum() > 0


def test_truncated_training_is_the_sum_of_its_stretches(torch, regularise):
    """Parameter gradients: each stretch as if its first state were a constant."""
    module, x = recurrent(torch, "LSTM").double(), torch.randn(T, B, D, dtype=torch.float64)
    state = None
    for stretch in x.split(2):
        hs, state = module(stretch, regularise.detach(state))
        hs.square().sum().backward()
    truncated = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    with torch.no_grad():
        starts = [None, *(module(x[:t])[1] for t in (2, 4))]
    sum(module(stretch, start)[0].square().sum() for stretch, start in zip(x.split(2), starts, strict=True)).backward()
    for p, gradient in zip(module.parameters(), truncated, strict=True):
        torch.testing.assert_close(p.grad, gradient, rtol=1e-10, atol=1e-10)
