"""The GPU kernels without a GPU: on Triton's interpreter against the NumPy core in float64, and compiled for a GPU."""

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("triton", reason="the kernels are written in Triton")

import crowd as crowds
import triton.language as tl
from one_layer import CELLS, H200, Case, agree
from torch.autograd import grad
from triton.runtime import interpreter

from lstmkit import torch as modules
from lstmkit.torch import kernels, recurrence
from lstmkit.torch.kernels import template

# All cells in CI, and in the fast tests those that differ most.
FEW = [n if n in {"gru", "lstm", "slstm", "zoneout"} else pytest.param(n, marks=pytest.mark.slow) for n in CELLS]
LENGTHS = [4, 1, 6, 3, 1]

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("TRITON_INTERPRET") != "1", reason="these run on Triton's interpreter: TRITON_INTERPRET=1 pytest"
    ),
    # Places of a block that stand for no unit hold 0, and the sLSTM divides by what stands there; it is never stored.
    pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered:RuntimeWarning"),
]


@pytest.fixture(autouse=True)
def poison(torch, monkeypatch):
    """Memory that nobody has written to holds NaN."""
    new_empty, empty_like = torch.Tensor.new_empty, torch.empty_like

    def spoilt(tensor):
        return tensor.fill_(torch.nan if tensor.is_floating_point() else -(2**30))

    monkeypatch.setattr(torch.Tensor, "new_empty", lambda *a, **k: spoilt(new_empty(*a, **k)))
    monkeypatch.setattr(torch, "empty_like", lambda *a, **k: spoilt(empty_like(*a, **k)))


@pytest.fixture(autouse=True)
def products_of_bfloat16(monkeypatch):
    """The interpreter multiplies the bits of a bfloat16 as whole numbers (triton-lang/triton#11584): widened."""
    builder = interpreter.InterpreterBuilder
    create_dot = builder.create_dot

    def widened(handle):
        if handle.dtype.scalar != tl.bfloat16:
            return handle
        return interpreter.TensorHandle((handle.data.astype(np.uint32) << 16).view(np.float32), tl.float32)

    monkeypatch.setattr(
        builder, "create_dot", lambda self, a, b, *rest: create_dot(self, widened(a), widened(b), *rest)
    )


@pytest.fixture
def crowd(monkeypatch, seed):
    crowds.install(monkeypatch, seed)


# Values


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("way", ["forward", "backward", "lengths", "lengths backward"])
def test_a_kernel_equals_the_core(torch, rng, name, way):
    case = Case(torch, rng, name)
    about = {"lengths": LENGTHS if "lengths" in way else None, "reverse": "backward" in way}
    agree(case.kernel(**about), case.core(**about))


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("way", ["forward", "lengths backward"])
def test_programs_that_share_the_units_equal_the_core(torch, rng, crowd, monkeypatch, name, way):
    shared = kernels.Plan(rows=16, units=16, many=True, pieces=(32, 16), warps=4)
    monkeypatch.setattr(kernels, "plan", lambda *about: shared)
    case = Case(torch, rng, name, B=19, D=2, H=45, T=4)
    about = {"lengths": [1 + b % 4 for b in range(19)] if "lengths" in way else None, "reverse": "backward" in way}
    agree(case.kernel(**about), case.core(**about))


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("way", ["forward", "lengths backward"])
def test_gates_made_again_give_the_same_gradients(torch, rng, monkeypatch, name, way):
    monkeypatch.setattr(kernels, "CHUNK", 4)  # of 6 steps: a whole one and a rest
    case = Case(torch, rng, name)
    about = {"lengths": LENGTHS if "lengths" in way else None, "reverse": "backward" in way}
    agree(case.kernel(kept=0, **about), case.core(**about))


@pytest.mark.parametrize("name", ["lstm", "zoneout"])
@pytest.mark.parametrize("way", ["forward", "lengths backward"])
def test_a_batch_too_large_for_one_launch_is_cut(torch, rng, crowd, name, way):
    case = Case(torch, rng, name, B=37, D=2, H=18, T=3)
    about = {"lengths": [1 + b % 3 for b in range(37)] if "lengths" in way else None, "reverse": "backward" in way}
    agree(case.kernel(on=kernels.Chip(processors=2, on_chip=13 << 10), **about), case.core(**about))


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 33, 2, 16), (40, 2, 5, 17), (3, 16, 1, 33)], ids=str)
@pytest.mark.parametrize("name", ["lstm", "gru", "peephole"])
def test_sizes(torch, rng, name, sizes):
    case = Case(torch, rng, name, *sizes)
    agree(case.kernel(), case.core(), 1e-5 * max(1, sizes[0] / 8))  # roundings add up along the steps


@pytest.mark.parametrize("name", [name for name in CELLS if name != "rnn_relu"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits_lose_no_more_than_in_torch(torch, rng, name, dtype):
    """All outputs and gradients as one vector: single gradients may vanish, and with them every digit.

    Without the ReLU, where one rounding decides whether a unit learns at all.
    """
    case = Case(torch, rng, name)
    want, ours, theirs = case.core(), case.kernel(dtype), case.composed(dtype)

    def error(found):
        return np.sqrt(sum(np.square(found[key] - want[key]).sum() for key in want))

    assert error(ours) < 4 * error(theirs) + 1e-3


def test_a_state_of_32_bits_adds_up_what_16_bits_would_lose(torch, rng):
    case = Case(torch, rng, "lstm97", T=60)
    case.params = [np.zeros_like(a) for a in case.params]
    case.params[2][7:14] = 0.02  # tanh of it is written sixty times, half of it each time
    case.state[1][:] = 4.0
    want = 4 + 60 * np.tanh(0.02) / 2
    assert abs(case.kernel("bfloat16")["c"] - want).max() < 0.02  # one digit of bfloat16 near 4; added up there: 0.6


def test_not_a_number_stays_where_it_is(torch, rng):
    for name in ("lstm", "rnn_relu", "slstm"):
        case = Case(torch, rng, name)
        case.x[2, 1] = np.nan
        found = case.kernel()["hs"]
        assert np.isnan(found[2:, 1]).all()
        assert np.isfinite(np.delete(found, 1, axis=1)).all()


# The gradient of a gradient, and what is not asked for


def test_second_derivatives(torch, rng, monkeypatch):
    case = Case(torch, rng, "gru", T=2, B=2, D=2, H=2)

    def penalty(run, dtype):
        x = torch.tensor(case.x, dtype=dtype).requires_grad_()
        params = case.twin.Params(*(torch.tensor(a, dtype=dtype) for a in case.params))
        hs, _ = run(params, x, case.twin.State(*(torch.tensor(a, dtype=dtype) for a in case.state)))
        (d_x,) = grad(hs.square().sum(), x, create_graph=True)
        return grad(d_x.square().sum(), x)[0].double()

    def in_a_kernel(params, x, state):
        products, weights = case.products()(params)
        return recurrence.in_a_kernel(case.twin.cell, products, weights, x, state, {}, None, False)

    want = penalty(lambda params, x, state: recurrence.equations(case.twin)(params, x, state), torch.float64)
    monkeypatch.setattr(kernels, "chip", lambda device: H200)
    torch.testing.assert_close(penalty(in_a_kernel, torch.float32), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "zoneout"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_the_composed_path_equals_the_core(torch, rng, name, reverse, lengths):
    case = Case(torch, rng, name)
    agree(case.composed("float64", lengths, reverse), case.core(lengths, reverse), 1e-12)


def test_nothing_is_kept_without_a_gradient(torch, rng, monkeypatch):
    seen, launch = [], kernels._launch
    monkeypatch.setattr(kernels, "_launch", lambda *a, **k: seen.append(k) or launch(*a, **k))
    case = Case(torch, rng, "lstm")
    products, weights = case.products()(case.twin.Params(*(torch.tensor(a).float() for a in case.params)))
    x, state = torch.tensor(case.x).float(), [torch.tensor(a).float() for a in case.state]
    hs, _ = kernels.run(case.twin.cell, None, products, x, state, weights, on=H200)
    x.requires_grad_()
    kernels.run(case.twin.cell, None, products, x, state, weights, on=H200, kept=0)
    kernels.run(case.twin.cell, None, products, x, state, weights, on=H200)
    with torch.no_grad():
        kernels.run(case.twin.cell, None, products, x, state, weights, on=H200)
    assert not hs.requires_grad
    assert [(k["CARRY"], k["KEEP"]) for k in seen] == [(False, False), (True, False), (True, True), (False, False)]


def test_autocast(torch, rng):
    case = Case(torch, rng, "lstm")
    plain = case.kernel("bfloat16")
    with torch.autocast("cpu", torch.bfloat16):
        found = case.kernel()
    agree(found, plain, 0.1)


# Modules


SLOW = [pytest.param(n, marks=pytest.mark.slow) for n in ("RNN", "PeepholeLSTM", "FullGateRecurrenceLSTM", "SLSTM")]
MODULES = ["LSTM", "GRU", "ZoneoutLSTM", *SLOW]


@pytest.fixture
def served(monkeypatch):
    """The processor counts as a GPU."""
    monkeypatch.setattr(kernels, "serves", lambda device: True)
    monkeypatch.setattr(kernels, "chip", lambda device: H200)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["padded", "lengths"])
def test_modules_use_the_kernels(torch, rng, served, monkeypatch, name, bidirectional, lengths):
    x = torch.tensor(rng.normal(size=(6, 5, 3)))
    network = getattr(modules, name)(3, 7, 2, bidirectional=bidirectional, dtype=torch.float64).eval()
    launched, launch = [], kernels._launch
    monkeypatch.setattr(kernels, "_launch", lambda *a, **k: launched.append(a[1]) or launch(*a, **k))
    results = []
    for dtype in (torch.float64, torch.float32):
        served = dtype == torch.float32
        monkeypatch.setattr(kernels, "serves", lambda device, served=served: served)
        network, inputs = network.to(dtype), x.to(dtype).requires_grad_()
        hs, last = network(inputs, lengths=lengths)
        last = last if isinstance(last, tuple) else (last,)
        loss = sum(torch.linspace(-1, 1, a.numel(), dtype=a.dtype) @ a.flatten() for a in (hs, *last))
        results.append([hs, *last, *grad(loss, [inputs, *network.parameters()])])
    assert launched == ["forward"] * (2 + 2 * bidirectional) + ["backward"] * (2 + 2 * bidirectional)
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(b.double(), a, rtol=1e-4, atol=2e-5)


def test_a_shape_without_a_kernel_is_named_and_still_works(torch, rng, served):
    network = modules.LSTM(3, 4, dtype=torch.float64)
    with pytest.warns(RuntimeWarning, match="float64.*float32, bfloat16 or float16"):
        hs, _ = network(torch.tensor(rng.normal(size=(6, 5, 3))))
    assert hs.shape == (6, 5, 4)


def test_no_steps_and_no_sequences(torch, served):
    network = modules.LSTM(3, 4)
    for T, B in ((0, 2), (2, 0)):
        hs, (h, c) = network(torch.zeros(T, B, 3))
        assert hs.shape == (T, B, 4)
        assert h.shape == c.shape == (1, B, 4)


# Plans


@pytest.mark.parametrize("H", [1, 16, 100, 128, 129, 200, 256, 512, 768, 1000, 1024])
@pytest.mark.parametrize("itemsize", [2, 4])
@pytest.mark.parametrize("B", [1, 16])
def test_a_plan_covers_all_units_and_fits(H, itemsize, B):
    made = kernels.plan(B, H, 4, itemsize, H200)
    assert sum(made.pieces) >= H
    assert all(size & (size - 1) == 0 and size >= 16 for size in made.pieces)
    assert (4 * made.units + made.rows) * sum(made.pieces) * itemsize <= H200.on_chip
    if made.many:
        assert -(-B // made.rows) * -(-H // made.units) <= H200.processors
    else:
        assert made.units >= H
        assert made.pieces == (made.units,)


def test_what_does_not_fit_is_said():
    with pytest.raises(kernels.Unsupported, match=r"H = 4096 and B = 16.*132 multiprocessors"):
        kernels.plan(16, 4096, 4, 2, H200)


# The text


@pytest.mark.parametrize("name", CELLS)
def test_a_kernel_holds_the_cells_own_lines(name):
    cell = importlib.import_module(f"lstmkit.cells.{name}")
    text = template.source(cell, ("xh",) * len(template.shape(cell).gates), (16,))
    assert inspect.getsource(cell.step) in text
    assert inspect.getsource(cell.step_backward) in text
    compile(text, name, "exec")
    assert "<" not in text.replace(" < ", "")


# Compiled for a GPU that need not be there


def ahead(capability, *cases):
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_DEFAULT_FP_FUSION": "1"}
    command = [sys.executable, Path(__file__).with_name("ahead.py"), str(capability), *" ".join(cases).split()]
    said = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert not said.returncode, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Triton's assembler is Linux's")
@pytest.mark.parametrize("capability", [80, 90])
def test_compiled_kernels_fit_on_the_chip(capability):
    """Weights on the chip and nothing spilled into memory, at the sizes of the benchmark."""
    sizes = [128, 256, 768] if capability == 80 else [128, 256, 512, 768, 1024]
    cases = [f"lstm {H} 16 bf16" for H in sizes] + ["lstm 64 16 fp32", "lstm 768 16 fp32"] * (capability == 90)
    found = ahead(capability, *cases, *(f"{name} 128 16 bf16" for name in ("coupled", "gru", "peephole", "slstm")))
    assert len(found) == 2 * (len(cases) + 4)
    for kernel in found:
        assert kernel["shared"] <= kernel["on chip"], kernel
        assert kernel["spilled"] == 0, kernel
        assert kernel["tensor cores"], kernel


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Triton's assembler is Linux's")
def test_every_cell_compiles():
    found = ahead(90, *(f"{name} {H} 16 {dtype}" for name in CELLS for H, dtype in ((32, "bf16"), (144, "fp16"))))
    assert {kernel["cell"] for kernel in found} == set(CELLS)
    assert all(kernel["shared"] <= kernel["on chip"] for kernel in found)


@pytest.mark.parametrize(("device", "asked", "serves"), [("cuda", "1", True), ("cuda", "", False), ("cpu", "1", False)])
def test_kernels_run_where_they_are_asked_for(torch, monkeypatch, device, asked, serves):
    monkeypatch.setenv("LSTMKIT_KERNELS", asked)
    assert kernels.serves(torch.device(device)) == serves
