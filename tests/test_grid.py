"""The grid is whole: the same words in each folder, and every public name says what it takes and gives.

Whoever adds a cell adds a row; what is still missing fails here by name.
"""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import lstmkit

ROOT = Path(__file__).parents[1]
# Torch brings its own of these; everything else stands in both folders.
ONLY_NUMPY = {"functions", "gradients", "linear", "adam", "shapes", "training"}
ONLY_TORCH = {"stack"}  # layers, directions and lengths: NumPy runs one layer in one direction
NOT_CELLS = {"recurrence"}  # the loop behind every cell


def stems(folder):
    return {path.stem for path in (ROOT / folder).glob("*.py") if path.stem != "__init__"}


CELLS = sorted(stems("lstmkit/cells"))
FOLDERS = [f"lstmkit/{name}" for name in ("cells", "numpy", "torch", "tasks", "experiments")]


def test_the_same_words_in_each_folder():
    assert stems("lstmkit/numpy") - ONLY_NUMPY - NOT_CELLS == set(CELLS)
    assert stems("lstmkit/torch") - ONLY_TORCH - NOT_CELLS == set(CELLS)


@pytest.mark.parametrize("word", sorted(set().union(*map(stems, FOLDERS))))
def test_every_word_has_a_test(word):
    tested_elsewhere = {"shapes": "recurrence"}  # its messages are those of every bad call
    assert (ROOT / "tests" / f"test_{tested_elsewhere.get(word, word)}.py").exists()


@pytest.mark.parametrize("word", CELLS)
def test_a_row_has_the_same_names(word):
    """NumPy and cells: the functions that every cell has; torch: one module named after it."""
    numpy, cell = importlib.import_module(f"lstmkit.numpy.{word}"), importlib.import_module(f"lstmkit.cells.{word}")
    types, makers = ["Params", "State"], ["init_params", "zero_state", "count_params"]
    names = [*types, *makers, "step", "step_backward", "forward", "backward"]
    assert [name for name in names if not hasattr(numpy, name)] == []
    assert [name for name in ("SAVED", "step", "step_backward") if not hasattr(cell, name)] == []
    pytest.importorskip("torch")
    assert hasattr(importlib.import_module(f"lstmkit.torch.{word}"), word.upper())


@pytest.mark.parametrize("word", CELLS)
def test_a_cell_is_plain_expressions(word):
    """Only sigmoid, tanh, + - * and names: what runs on NumPy, torch and a GPU alike."""
    tree = ast.parse((ROOT / "lstmkit" / "cells" / f"{word}.py").read_text(encoding="utf-8"))
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                assert node.func.id in ("sigmoid", "tanh")
            assert not isinstance(node, ast.Div | ast.Pow | ast.MatMult | ast.Attribute | ast.If | ast.For | ast.While)


def modules():
    found = [info.name for info in pkgutil.walk_packages(lstmkit.__path__, "lstmkit.")]
    for folder in ("tasks", "data", "experiments"):  # namespace packages, which walk_packages leaves out
        found += [f"lstmkit.{folder}.{stem}" for stem in stems(f"lstmkit/{folder}")]
    return sorted(set(found) - {"lstmkit.__main__"})


@pytest.mark.parametrize("name", modules())
def test_every_public_name_is_documented(name):
    if "torch" in name:
        pytest.importorskip("torch")
    if name.endswith("grading.export"):
        pytest.importorskip("nbgrader")
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    for member, value in vars(module).items():
        mine = getattr(value, "__module__", None) == name
        if mine and not member.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value)):
            assert (inspect.getdoc(value) or "").strip(), f"{name}.{member} has no docstring"
            assert not (inspect.getdoc(value) or "").startswith(f"{member}("), f"{name}.{member} has no docstring"


SHAPED = [f"lstmkit.{folder}.{stem}" for folder in ("numpy", "tasks") for stem in sorted(stems(f"lstmkit/{folder}"))]


@pytest.mark.parametrize("name", SHAPED)
def test_functions_of_arrays_state_shapes(name):
    """A shape in letters, such as (T, B, D), or the word, in the function's docstring or the module's."""
    module = importlib.import_module(name)
    letters = ("(T,", "(B,", "(N,", "(4H", "(H", "(O,", "(...,", "shape")
    for member, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == name and not member.startswith("_"):
            said = f"{inspect.getdoc(value)} {module.__doc__}"
            assert any(letter in said for letter in letters), f"{name}.{member} says no shape"


def test_no_cell_has_a_base_class():
    pytest.importorskip("torch")
    from torch import nn

    for word in CELLS:
        kind = getattr(importlib.import_module(f"lstmkit.torch.{word}"), word.upper())
        assert kind.__bases__ == (nn.Module,)


@pytest.mark.parametrize("name", ["lstmkit", "lstmkit.numpy.lstm", "lstmkit.tasks.adding", "lstmkit.grading.lstm"])
def test_the_numpy_half_imports_neither_torch_nor_matplotlib(name):
    code = f"import sys, {name}; print([m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
