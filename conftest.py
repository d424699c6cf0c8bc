"""Run the book's text sources as notebooks: `pytest --nbval-lax chapters exercises/assignments`.

nbval runs .ipynb files; ours are MyST Markdown (chapters) and Python scripts with cells (assignments), so each is
converted into _build/nbval on the way.  Without --nbval or --nbval-lax, pytest collects none of them.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
CONVERTED = ROOT / "_build" / "nbval"
CELL_TIMEOUT = 300  # seconds; nbval's own default is 2000


def wants_notebooks(config):
    return getattr(config.option, "nbval", False) or getattr(config.option, "nbval_lax", False)


def is_source(path):
    """A chapter with code, or an assignment."""
    if path.suffix == ".md" and path.is_relative_to(ROOT / "chapters"):
        return "{code-cell}" in path.read_text(encoding="utf-8")
    return path.suffix == ".py" and path.parent == ROOT / "exercises" / "assignments"


def pytest_configure(config):
    if not wants_notebooks(config):
        return
    if config.option.nbval_cell_timeout == 2000:
        config.option.nbval_cell_timeout = CELL_TIMEOUT
    if not config.option.nbval_kernel_name:
        config.option.nbval_current_env = True  # the Python that runs pytest, whatever kernels the machine knows
    # These come from the machinery that talks to kernels, not from this project.
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
    config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.hookimpl(tryfirst=True)
def pytest_collect_file(file_path, parent):
    if not wants_notebooks(parent.config) or not is_source(file_path):
        return None
    import jupytext
    from nbval.plugin import IPyNbFile

    class Notebook(str):
        """The path of the converted notebook; nbval takes the kernel's working folder from `dirname`."""

        dirname = str(file_path.parent)

    class Source(IPyNbFile):
        @property
        def fspath(self):
            return Notebook((CONVERTED / self.path.relative_to(ROOT)).with_suffix(".ipynb"))

        def collect(self):
            notebook = jupytext.read(self.path)
            kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
            notebook.metadata.setdefault("kernelspec", kernel)
            Path(self.fspath).parent.mkdir(parents=True, exist_ok=True)
            new = Path(self.fspath).with_suffix(f".{os.getpid()}.ipynb")
            jupytext.write(notebook, new, version=4)
            new.replace(self.fspath)  # whole: another process of the same run may be reading the old one
            return super().collect()

    return Source.from_parent(parent, path=file_path)


class Nothing(pytest.Collector):
    """An assignment named on the command line is a notebook, and not also a module to import."""

    def collect(self):
        return []


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path, parent):
    if is_source(module_path):
        return Nothing.from_parent(parent, name=module_path.name)
    return None
