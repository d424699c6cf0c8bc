"""Seeds, torch and a browser, for every test.

A random test draws from `rng`.  Each session takes a fresh seed, so that the suite sees new numbers every day; a
failing test prints its seed among the captured output, and `pytest --seed N` (or LSTMKIT_SEED=N) repeats it.
"""

import os
import random
import shutil

# The products here are small: a second thread costs more than it brings, above all where another process wants it.
# The libraries read this when they are loaded.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from browser import FLAGS, PAGES  # noqa: E402

FRESH = random.SystemRandom().randrange(2**32)


def pytest_configure(config):
    """The GPU's kernels run on Triton's interpreter, which it reads when it is loaded, except for `pytest -m gpu`."""
    if config.option.markexpr != "gpu":
        os.environ.setdefault("TRITON_INTERPRET", "1")


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


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium, the system's own."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages():
    """The folder of the built pages."""
    if not (PAGES / "index.html").exists():
        pytest.skip("the book is not built: run `make book` first")
    return PAGES
