"""A change of lstmkit runs the chapters that use it, and no others."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
specification = importlib.util.spec_from_file_location("execution", ROOT / "chapters" / "_ext" / "execution.py")
execution = importlib.util.module_from_spec(specification)
specification.loader.exec_module(execution)

PAGE = """---
kernelspec:
  name: python3
---

# A page

```{code-cell} ipython3
:tags: [hide-input]

%matplotlib inline
from lstmkit.tasks import parity
```

```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig
---
from lstmkit import results

record = results.load("latch")
```
"""


@pytest.fixture
def house(tmp_path):
    """A small house: two experiments, one record, one page."""
    files = {
        "lstmkit/__init__.py": "",
        "lstmkit/results.py": "import lstmkit.numpy.lstm",
        "lstmkit/numpy/__init__.py": "",
        "lstmkit/numpy/lstm.py": "from lstmkit.cells import lstm",
        "lstmkit/cells/__init__.py": "",
        "lstmkit/cells/lstm.py": "from pathlib import Path",
        "lstmkit/cells/gru.py": "",
        "lstmkit/tasks/__init__.py": "",
        "lstmkit/tasks/parity.py": "def batch():\n    from lstmkit import late",
        "lstmkit/late.py": "",
        "lstmkit/experiments/__init__.py": "",
        "lstmkit/experiments/latch.py": "from lstmkit.cells import gru",
        "chapters/results/latch.json": "{}",
        "chapters/results/adding.json": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    execution.modules.cache_clear()
    execution.needs.cache_clear()
    yield tmp_path
    execution.modules.cache_clear()
    execution.needs.cache_clear()


def names(root, text=PAGE):
    return {path.relative_to(root).as_posix() for path in execution.dependencies(root, text)}


def test_a_page_depends_on_what_its_cells_import_and_what_that_imports(house):
    found = names(house)
    assert {"lstmkit/cells/lstm.py", "lstmkit/tasks/parity.py", "lstmkit/late.py", "lstmkit/__init__.py"} <= found
    assert "chapters/results/latch.json" in found
    assert not {"lstmkit/cells/gru.py", "chapters/results/adding.json", "lstmkit/experiments/latch.py"} & found


def test_an_experiment_run_by_its_name_is_a_dependency(house):
    found = names(house, PAGE.replace('results.load("latch")', 'results.gather("latch", [0])'))
    assert {"lstmkit/experiments/latch.py", "lstmkit/cells/gru.py"} <= found


def test_every_experiment_counts_where_all_are_listed(house):
    assert "chapters/results/adding.json" in names(house, PAGE.replace("results.load(", "results.experiments("))


@pytest.mark.parametrize(
    ("changed", "differs"),
    [("lstmkit/cells/lstm.py", True), ("chapters/results/latch.json", True), ("lstmkit/cells/gru.py", False)],
)
def test_the_fingerprint_moves_with_what_is_used(house, changed, differs):
    before = execution.fingerprint(house, PAGE)
    with (house / changed).open("a") as file:
        file.write("\n# another line")
    assert (execution.fingerprint(house, PAGE) != before) is differs


@pytest.mark.parametrize("page", sorted(path.stem for path in (ROOT / "chapters").glob("*.md")))
def test_every_page_of_the_book_can_be_read(page):
    text = (ROOT / "chapters" / f"{page}.md").read_text(encoding="utf-8")
    found = execution.dependencies(ROOT, text)
    assert bool(found) == ("lstmkit" in execution.code_of(text))
