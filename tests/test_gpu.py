"""The kernels on a GPU: `pytest -m gpu`.  Against the NumPy core in float64, in memory that held NaN before."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton", reason="the kernels are written in Triton")

from one_layer import CELLS, Case  # noqa: E402

from lstmkit.torch import LSTM  # noqa: E402

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

# What of a result's length may be wrong: a rounding of each dtype's products, summed up over a step's units.
TOLERANCES = {"float32": 1e-5, "float16": 0.01, "bfloat16": 0.06}


@pytest.fixture(autouse=True)
def asked_for(monkeypatch):
    monkeypatch.setenv("LSTMKIT_KERNELS", "1")


@pytest.fixture(autouse=True)
def poison():
    """Fill the memory that torch's allocator will hand out with NaN."""
    spoilt = [torch.full((2**20,), torch.nan, device="cuda") for _ in range(64)]
    del spoilt


def agree(got, want, tolerance):
    """‖got - want‖ / ‖want‖ of the outputs, and of all gradients together: a single one may all but vanish."""
    gradients = [name for name in want if name.startswith("d_")]
    for names in ([name for name in want if name not in gradients], gradients):
        off, size = (sum(np.square(f(name)).sum() for name in names) for f in (lambda n: got[n] - want[n], want.get))
        assert np.sqrt(off / size) < tolerance, names


def on_gpu(rng, name, *sizes):
    return Case(torch, rng, name, *sizes, device="cuda")


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("H", [5, 32, 100, 128, 200, 256])
@pytest.mark.parametrize("way", ["forward", "lengths backward"])
def test_every_cell(rng, name, H, way):
    case = on_gpu(rng, name, 12, 19, 9, H)
    about = {"lengths": [1 + b % 12 for b in range(19)] if "lengths" in way else None, "reverse": "backward" in way}
    agree(case.kernel(on=None, **about), case.core(**about), TOLERANCES["float32"])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["lstm", "gru", "peephole", "slstm", "coupled"])
@pytest.mark.parametrize("H", [64, 384])
def test_16_bits(rng, name, dtype, H):
    case = on_gpu(rng, name, 20, 16, 32, H)
    case.params = [array / np.sqrt(array.shape[-1]) for array in case.params]
    agree(case.kernel(dtype, on=None), case.core(), TOLERANCES[dtype])


@pytest.mark.parametrize("T", [1, 2, 63, 1024, 4096])
@pytest.mark.parametrize("B", [1, 16, 128])
@pytest.mark.parametrize("H", [48, 320])
def test_lengths_and_batches(rng, T, B, H):
    if T * B > 2**16:
        pytest.skip("the reference takes too long")
    case = on_gpu(rng, "lstm", T, B, 8, H)
    case.params = [array / np.sqrt(array.shape[-1]) for array in case.params]
    agree(case.kernel(on=None), case.core(), 10 * TOLERANCES["float32"])


def test_gates_made_again(rng):
    case = on_gpu(rng, "gru", 600, 8, 16, 96)
    agree(case.kernel(on=None, kept=0), case.core(), 10 * TOLERANCES["float32"])


@pytest.mark.parametrize("H", [100, 1000])
def test_a_run_is_repeated_to_the_bit(rng, H):
    case = on_gpu(rng, "lstm", 200, 16, 64, H)
    first = case.kernel("bfloat16", on=None)
    for _ in range(10):
        again = case.kernel("bfloat16", on=None)
        assert all(np.array_equal(first[name], again[name]) for name in first)


def test_a_module_agrees_with_cudnn():
    theirs = torch.nn.LSTM(40, 300, 2, bidirectional=True, device="cuda")
    ours = LSTM.from_torch(theirs)
    x = torch.randn(50, 7, 40, device="cuda")
    for a, b in zip(ours(x)[1], theirs(x)[1], strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-3)  # cuDNN's own float32 products are tf32


def test_a_penalty_on_a_gradient_can_be_learned():
    network = LSTM(4, 8, device="cuda")
    x = torch.randn(5, 3, 4, device="cuda", requires_grad=True)
    (d_x,) = torch.autograd.grad(network(x)[0].square().sum(), x, create_graph=True)
    d_x.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_the_sanitizer_finds_nothing():
    program = shutil.which("compute-sanitizer")
    if program is None:
        pytest.skip("no compute-sanitizer: it comes with the CUDA toolkit")
    code = "import torch; from lstmkit.torch import LSTM; x = torch.randn(4, 3, 5, device='cuda', requires_grad=True)\n"
    code += "for H in (20, 200): LSTM(5, H, device='cuda')(x)[0].sum().backward()\ntorch.cuda.synchronize()"
    for tool in ("memcheck", "racecheck"):
        command = [program, "--tool", tool, "--error-exitcode", "9", sys.executable, "-c", code]
        environment = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}  # so that every tensor has its own bounds
        said = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert said.returncode == 0, said.stdout[-3000:]
