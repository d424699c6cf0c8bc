"""Seeds and torch, for every test.

A random test draws from `rng`.  Each session takes a fresh seed, so that the suite sees new numbers every day; a
failing test prints its seed among the captured output, and `pytest --seed N` (or LSTMKIT_SEED=N) repeats it.
"""

import os
import random

# The products here are small: a second thread costs more than it brings, above all where another process wants it.
# The libraries read this when they are loaded.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

FRESH = random.SystemRandom().randrange(2**32)


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, help="seed of every random test; a failing one prints the seed it had")


@pytest.fixture
def seed(request):
    """The seed of this test, printed: pytest shows what a failing test printed."""
    value = request.config.getoption("--seed")
    if value is None:
        value = int(os.environ.get("LSTMKIT_SEED", FRESH))
    print(f"seed {value}: repeat with `pytest --seed {value}`")
    return value


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def torch(seed):
    """The torch module, seeded; a test that asks for it is skipped where torch is not installed."""
    module = pytest.importorskip("torch")
    module.manual_seed(seed)
    return module
