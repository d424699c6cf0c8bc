"""The ablations: variants of equal size, one of which is made here and checked by its equations, on three tasks."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from lstmkit.experiments import ablation


@pytest.fixture(scope="module")
def small():
    return ablation.run(0, "test")


def test_the_forget_gate_alone(torch):
    """c = f c + (1 - f) g, h = tanh(c), computed here step by step from the trained numbers."""
    D, H = 3, 4
    core = ablation.forget_gate_only(D, H)
    x = torch.randn(6, 2, D)
    with torch.no_grad():
        hs, _ = core(x)
        W_x, W_h, b = (getattr(core, name)[: 2 * H] for name in ("W_x_l0", "W_h_l0", "b_l0"))
        h = c = torch.zeros(2, H)
        for t in range(6):
            a_f, a_g = (x[t] @ W_x.T + h @ W_h.T + b).chunk(2, dim=1)
            f = a_f.sigmoid()
            c = f * c + (1 - f) * a_g.tanh()
            h = c.tanh()
            torch.testing.assert_close(hs[t], h)
    assert ablation.count_parameters(core) == 2 * H * (D + H + 1)
    assert (core.b_l0[:H] == 1).all()  # the forget bias


def test_what_is_held_does_not_move_in_training(torch):
    setting = ablation.SETTINGS["test"]
    model, _ = ablation.learn(0, "forget gate only", ablation.adding_task(0, setting), 3, setting, "cpu")
    assert (model.core.b_l0[-3:] == 20).all()
    assert (model.core.W_x_l0[-3:] == 0).all()


@pytest.mark.parametrize("make", ablation.MAKE.values())
def test_variants_have_equal_parameters(torch, make):
    """As near as whole units allow: the LSTM with full gate recurrence adds 13 numbers a unit and unit of before."""
    setting = ablation.SETTINGS["test"]
    task, H = make(0, setting), ablation.SETTINGS["recorded"]["H"]
    counts = {name: ablation.count_parameters(ablation.build(name, task, H)) for name in ablation.VARIANTS}
    for name, count in counts.items():
        tolerance = 0.065 if name == "full gate recurrence" else 0.03
        assert abs(count / counts["LSTM"] - 1) < tolerance, name


def test_the_largest_state(torch, rng):
    """Against the module's own output, all steps at once."""
    task = ablation.adding_task(0, ablation.SETTINGS["test"])
    x = torch.from_numpy(task.test[0])
    for variant in ("LSTM", "GRU", "full gate recurrence"):
        model = ablation.build(variant, task, 5)
        with torch.no_grad():
            hs, _ = model.core(x)
            h, c = ablation.largest(model, x)
        assert h == pytest.approx(hs.abs().max().item(), rel=1e-5)
        assert c == pytest.approx(h, rel=1e-5) if variant == "GRU" else c > h


def test_only_the_outer_letter_counts_in_reber(torch):
    task = ablation.reber_task(0, ablation.SETTINGS["test"])
    x, y = task.test
    assert ((y >= 0).sum(axis=0) == 1).all()
    second = x[1].argmax(axis=-1)  # T or P
    assert (
        task.error(torch.nn.functional.one_hot(torch.from_numpy(second).expand(y.shape), 7), torch.from_numpy(y)) == 0
    )


def test_keys(small):
    tasks, variants = set(ablation.MAKE), set(ablation.VARIANTS)
    for key in ("error", "gap", "rate", "parameters", "largest_output", "largest_state"):
        assert set(small[key]) == tasks
        assert all(set(found) == variants for found in small[key].values())
    for task in tasks:
        assert small["gap"][task]["LSTM"] == 0
        assert small["gap"][task]["GRU"] == small["error"][task]["GRU"] - small["error"][task]["LSTM"]
    assert small["baseline"]["adding"] == pytest.approx(1 / 6)
    assert small["baseline"]["reber"] == 0.5
    assert 0.85 < small["baseline"]["digits"] < 0.95
    assert small["sequences"] == dict.fromkeys(("adding", "digits", "reber"), 64)
    assert small["T"] == 6


def test_the_same_seed_gives_the_same_numbers(small):
    again = ablation.run(0, "test")
    assert {**again, "x": 0} == {**small, "x": 0}


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        ablation.run(0, "huge")


@pytest.mark.slow
def test_two_gates_are_not_needed_to_add():
    """Claim 4.16: coupled, or without input gate, the network adds."""
    r = ablation.run(0, "live")
    assert r["error"]["adding"]["coupled"] < 0.05
    assert np.isfinite(list(r["gap"]["adding"].values())).all()
