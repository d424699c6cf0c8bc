"""The grid is whole: the same words in each folder, and every public name says what it takes and gives.

Whoever adds a cell adds a row; what is still missing fails here by name.
"""

import ast
import importlib
import inspect
import itertools
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lstmkit

ROOT = Path(__file__).parents[1]
FOLDERS = [f"lstmkit/{name}" for name in ("cells", "numpy", "torch", "tasks", "experiments")]


def stems(folder):
    return {path.stem for path in (ROOT / folder).glob("*.py") if path.stem != "__init__"}


CELLS = sorted(stems("lstmkit/cells"))
# A concept without a file of pointwise equations: it is built of cells, or is none.
NETWORKS = {
    "attention",
    "convlstm",
    "encoder_decoder",
    "gru_reset_before",
    "initialise",
    "layernorm",
    "mlstm",
    "projection",
    "scan",
    "tdnn",
    "transformer",
    "zoneout",
}
MACHINERY = {"recurrence"}  # the loop behind every cell
# Torch brings its own of these; everything else stands in both folders.
TORCH_HAS_THEM = {"adam", "functions", "gradients", "linear", "shapes", "training"}
IN_STACK = {"bidirectional", "layer", "lengths", "stacked"}  # what stack.py does for every torch module
ONLY_NUMPY = TORCH_HAS_THEM | IN_STACK | {"inplace"}
ONLY_TORCH = {"network", "regularise", "stack", "training"}  # cores and read-outs; dropouts; layers, directions; fit
IN_ANOTHER_FILE = {"rnn_relu": "rnn"}  # the class RNN has both, as in torch.nn
TESTED_ELSEWHERE = {"shapes": "recurrence"}  # its messages are those of every bad call

ROWS = sorted(set(CELLS) | NETWORKS)


def test_the_same_words_in_each_folder():
    """Whatever is too much or too little is named."""
    numpy, torch = set(ROWS) | ONLY_NUMPY | MACHINERY, (set(ROWS) | ONLY_TORCH | MACHINERY) - set(IN_ANOTHER_FILE)
    found = stems("lstmkit/numpy"), stems("lstmkit/torch")
    wrong = {
        "missing in lstmkit/numpy": sorted(numpy - found[0]),
        "missing in lstmkit/torch": sorted(torch - found[1]),
        "unknown in lstmkit/numpy": sorted(found[0] - numpy),
        "unknown in lstmkit/torch": sorted(found[1] - torch),
    }
    assert {what: names for what, names in wrong.items() if names} == {}


@pytest.mark.parametrize("word", sorted(set().union(*map(stems, FOLDERS))))
def test_every_word_has_a_test(word):
    assert (ROOT / "tests" / f"test_{TESTED_ELSEWHERE.get(word, word)}.py").exists()


def test_the_loop_of_fit_has_its_test():
    """lstmkit/torch/training.py and lstmkit/numpy/training.py share a word, and each has a test."""
    assert (ROOT / "tests" / "test_fit.py").exists()


@pytest.mark.parametrize("word", CELLS)
def test_a_row_has_the_same_names(word):
    """NumPy and cells: the functions that every cell has."""
    numpy, cell = importlib.import_module(f"lstmkit.numpy.{word}"), importlib.import_module(f"lstmkit.cells.{word}")
    types, makers = ["Params", "State"], ["init_params", "zero_state", "count_params"]
    names = [*types, *makers, "step", "step_backward", "forward", "backward"]
    assert [name for name in names if not hasattr(numpy, name)] == []
    assert [name for name in ("SAVED", "step", "step_backward") if not hasattr(cell, name)] == []


def public_modules_of(module):
    """The nn.Module subclasses that a file defines for others to use."""
    from torch import nn

    return [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, nn.Module)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


WITHOUT_A_MODULE = {"initialise", "regularise", "scan"}  # functions, which act on modules or on tensors


@pytest.mark.parametrize("word", sorted(set(ROWS) - WITHOUT_A_MODULE))
def test_a_row_has_a_torch_module_without_a_base_class(word):
    """At least one, and each stands by itself: whoever opens the file sees all of it."""
    pytest.importorskip("torch")
    from torch import nn

    kinds = public_modules_of(importlib.import_module(f"lstmkit.torch.{IN_ANOTHER_FILE.get(word, word)}"))
    assert kinds, f"lstmkit/torch/{word}.py defines no public nn.Module"
    assert [kind.__name__ for kind in kinds if kind.__bases__ != (nn.Module,)] == []


FUNCTIONS = {"sigmoid", "tanh", "relu", "d_relu", "exp", "log_sigmoid", "maximum"}
EXPRESSIONS = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Call, ast.Tuple)
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.USub, ast.Load, ast.Store)


@pytest.mark.parametrize("word", CELLS)
def test_a_cell_is_plain_expressions(word):
    """Names, numbers, + - * / and a few functions: what runs on NumPy, torch and a GPU alike, and in place."""
    tree = ast.parse((ROOT / "lstmkit" / "cells" / f"{word}.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [function.name for function in functions] == ["step", "step_backward"]
    for function in functions:
        _, *lines, last = function.body  # the docstring first
        assert isinstance(last, ast.Return)
        assert isinstance(last.value, ast.Tuple)
        for line in lines:
            assert isinstance(line, ast.Assign), ast.unparse(line)
            assert [type(target) for target in line.targets] == [ast.Name], ast.unparse(line)
        for node in itertools.chain.from_iterable(ast.walk(line.value) for line in [*lines, last]):
            assert isinstance(node, EXPRESSIONS + OPERATORS), ast.dump(node)
            if isinstance(node, ast.Call):
                assert isinstance(node.func, ast.Name)
                assert node.func.id in FUNCTIONS, node.func.id
                assert not node.keywords
            if isinstance(node, ast.Constant):
                assert type(node.value) in (int, float), node.value
    imported = {name.name for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert imported <= FUNCTIONS


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


@pytest.mark.parametrize("name", ["lstmkit", "lstmkit.numpy.lstm", "lstmkit.tasks.adding", "lstmkit.grading.lstm"])
def test_the_numpy_half_imports_neither_torch_nor_matplotlib(name):
    code = f"import sys, {name}; print([m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_numpy_module_runs_without_torch():
    """All in one process, so that none of them brings torch in for the others."""
    names = [
        f"lstmkit.{folder}.{stem}" for folder in ("numpy", "cells", "tasks") for stem in stems(f"lstmkit/{folder}")
    ]
    code = f"import importlib, sys\nfor name in {sorted(names)}: importlib.import_module(name)\n"
    code += "print([m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_chapter_that_the_kit_names_is_there():
    named = {
        (path.relative_to(ROOT).as_posix(), page)
        for path in (ROOT / "lstmkit").rglob("*.py")
        for page in re.findall(r"chapters/(\w+)\.md", path.read_text(encoding="utf-8"))
    }
    assert {(path, page) for path, page in named if not (ROOT / "chapters" / f"{page}.md").exists()} == set()
