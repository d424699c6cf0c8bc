"""Submissions in which something is broken, by an editor, a converter, a transfer or a hand.

All are the solved notebook of the LSTM assignment.  What can be mended has to come to full points, what cannot is named
as unreadable; where an answer is really gone, its question is lost and no other.
"""

import json
import random
from itertools import cycle

from .build import Case, answer, cell, grade_id, insert, released, solved, source, to_bytes

NAME = "lstm.ipynb"


def cases():
    """All broken submissions."""
    return [*_encodings(), *_texts(), *_formats(), *_marks(), *_cells(), *_sources(), *_beside()]


def _case(name, family, content, expect="full", **files):
    content = content if isinstance(content, bytes) else to_bytes(content)
    return Case(name, family, {NAME: content} | files, "lstm", expect)


def _notebook(change, *arguments):
    """The solved notebook after change(notebook, *arguments)."""
    notebook = solved("lstm")
    change(notebook, *arguments)
    return notebook


def _encodings():
    good = to_bytes(solved("lstm"))
    text = good.decode("utf-8")
    western = _ascii_only(solved("lstm"))
    cell(western, "lstm-0")["source"] = "# Le réseau, à la main"
    damaged = bytearray(good)
    damaged[good.index("σ(a)".encode())] = 0xFF
    windows = text.replace("\n", "\r\n")
    return [
        _case("UTF-8 with a byte order mark", "encoding", b"\xef\xbb\xbf" + good),
        _case("UTF-16 with a byte order mark", "encoding", text.encode("utf-16")),
        _case("UTF-16, big end first, without a mark", "encoding", text.encode("utf-16-be")),
        _case("UTF-32", "encoding", text.encode("utf-32")),
        _case("Latin-1", "encoding", json.dumps(western, ensure_ascii=False).encode("latin-1")),
        _case("one damaged letter in UTF-8", "encoding", bytes(damaged)),
        _case("line ends of Windows in the file", "encoding", windows.encode()),
        _case("escapes for all letters", "encoding", json.dumps(solved("lstm")).encode("ascii")),
        _case("zeros after the end", "encoding", good + b"\0" * 4096),
        _case("nothing but zeros", "encoding", b"\0" * len(good), "unreadable"),
        _case("compressed", "encoding", b"\x1f\x8b\x08\0" + bytes(random.Random(0).randbytes(500)), "unreadable"),
    ]


def _ascii_only(notebook):
    """The notebook with every letter outside of ASCII replaced: what an editor without Unicode leaves."""
    for one in notebook["cells"]:
        one["source"] = source(one).encode("ascii", "replace").decode()
    return notebook


def _texts():
    good = to_bytes(solved("lstm"))
    text = good.decode("utf-8")
    half = len(good) // 2
    program = "import numpy as np\n\n\ndef sigmoid(a):\n    return 1 / (1 + np.exp(-a))\n"
    conflict = text.replace(' "cells": [', '<<<<<<< HEAD\n "cells": [\n=======\n "cells": [\n>>>>>>> mine', 1)
    once = '"source": "def sigmoid(a):'
    twice = text.replace(once, f'"source": "raise ValueError", {once}', 1)
    return [
        _case("empty", "text", b"", "unreadable"),
        _case("white space", "text", b" \n\n", "unreadable"),
        _case("cut off in the middle", "text", good[:half], "unreadable"),
        _case("cut off at the last bracket", "text", good.rstrip()[:-1], "unreadable"),
        _case("a comma too many", "text", text.replace('\n "nbformat"', ',\n "nbformat"', 1).encode(), "unreadable"),
        _case("marks of a merge conflict around the cells", "text", conflict.encode(), "unreadable"),
        _case("a program with a notebook's name", "text", program.encode(), "unreadable"),
        _case(
            "a saved web page", "text", b"<!DOCTYPE html>\n<html><body>The LSTM, by hand</body></html>", "unreadable"
        ),
        _case("a PDF file", "text", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "unreadable"),
        _case("a zip archive", "text", b"PK\x03\x04" + b"\0" * 60, "unreadable"),
        _case("the notebook as a text in JSON", "text", json.dumps(text).encode(), "unreadable"),
        _case("a list instead of a notebook", "text", json.dumps(solved("lstm")["cells"]).encode(), "unreadable"),
        _case("nested a hundred thousand times", "text", b'{"cells": ' + b"[" * 100_000, "unreadable"),
        _case("millions of values", "text", b'{"cells": [' + b"0," * 4_500_000 + b"0]}", "unreadable"),
        _case("larger than any notebook", "text", good + b" " * 21 * 2**20, "unreadable"),
        _case("the tail of an older, longer file", "text", good + b'  "nbformat": 4\n}\n'),
        _case("a name twice in a cell", "text", twice.encode()),
        _case(
            "numbers that are none, and one of 5000 digits",
            "text",
            text.replace('"execution_count": null', '"execution_count": NaN', 1)
            .replace('"execution_count": null', '"execution_count": ' + "7" * 5000, 1)
            .encode(),
        ),
    ]


def _formats():
    def version(notebook, major, minor=0):
        notebook["nbformat"], notebook["nbformat_minor"] = major, minor

    def without(notebook, *keys):
        for key in keys:
            del notebook[key]

    def strange_metadata(notebook):
        notebook["metadata"] = "none"
        for one in notebook["cells"]:
            one["outputs"] = {"text": [1, None]}
            one["execution_count"] = "two"

    def bad_kernel(notebook):
        notebook["metadata"]["kernelspec"] = {"name": "../../bin/sh", "language": 7}

    return [
        _case("format 3", "format", _third(solved("lstm"))),
        _case("format 5", "format", _notebook(version, 5)),
        _case("format 4.99", "format", _notebook(version, 4, 99)),
        _case("format 'four'", "format", _notebook(version, "four", None)),
        _case("no format and no metadata", "format", _notebook(without, "nbformat", "nbformat_minor", "metadata")),
        _case("no cells", "format", _notebook(without, "cells"), "unreadable"),
        _case("cells in an object", "format", {"nbformat": 4, "cells": {"0": {}}}, "unreadable"),
        _case("metadata and outputs of other types", "format", _notebook(strange_metadata)),
        _case("a kernel that nobody has", "format", _notebook(bad_kernel)),
        _case("format 4.4, without ids of cells", "format", _notebook(_without_ids)),
    ]


def _third(notebook):
    """The notebook as IPython 3 saved it."""
    cells = []
    for one in notebook["cells"]:
        if one["cell_type"] == "code":
            cells.append(
                {"cell_type": "code", "input": source(one), "language": "python", "outputs": [], "prompt_number": 1}
            )
            cells[-1]["metadata"] = one["metadata"]
        else:
            cells.append({"cell_type": "markdown", "metadata": one["metadata"], "source": [source(one)]})
    cells.insert(1, {"cell_type": "heading", "level": 2, "metadata": {}, "source": "My work"})
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


def _without_ids(notebook):
    notebook["nbformat_minor"] = 4
    for one in notebook["cells"]:
        del one["id"]


def _marks():
    def mark(notebook, which, **changed):
        cell(notebook, which)["metadata"]["nbgrader"].update(changed)

    def all_gone(notebook):
        for one in notebook["cells"]:
            one["metadata"] = {}

    def everything_gone(notebook):
        _without_ids(notebook)
        all_gone(notebook)

    def wrong_types(notebook):
        strange = cycle([7, None, [], "x", {"grade_id": 7}, {"grade_id": ["sigmoid"]}])
        for one, mark in zip(notebook["cells"], strange, strict=False):
            one["metadata"]["nbgrader"] = mark

    def no_metadata(notebook):
        for one in notebook["cells"]:
            one["metadata"] = None

    def new_id(notebook):
        mark(notebook, "sigmoid-answer", grade_id="sigmoid_answer_2")

    def unknown(notebook):
        new = insert(notebook, "sigmoid", "'from another assignment'")
        new["metadata"]["nbgrader"] = {"grade_id": "gru_step-answer", "solution": True, "schema_version": 1}

    def answer_as_test(notebook):
        mark(notebook, "lstm_step-answer", grade=True, solution=False, locked=True, points=370)

    def tagged(notebook):
        for one in notebook["cells"]:
            one["metadata"]["tags"] = ["raises-exception", "skip-execution", "remove_cell", "hide-cell"]

    def swapped(notebook):
        one, two = cell(notebook, "lstm_forward-answer"), cell(notebook, "lstm_forward")
        one["id"], two["id"] = two["id"], one["id"]

    return [
        _case("other points", "marks", _notebook(lambda n: mark(n, "sigmoid", points=600))),
        _case("another schema version", "marks", _notebook(lambda n: mark(n, "lstm_step", schema_version=99))),
        _case("another checksum", "marks", _notebook(lambda n: mark(n, "lstm_step", checksum="0" * 32))),
        _case("an answer marked as a test", "marks", _notebook(answer_as_test)),
        _case("all metadata of cells gone, ids kept", "marks", _notebook(all_gone)),
        _case("all metadata and ids gone", "marks", _notebook(everything_gone)),
        _case("metadata that are nothing", "marks", _notebook(no_metadata)),
        _case("nbgrader's metadata of other types", "marks", _notebook(wrong_types)),
        _case("the id of an answer changed", "marks", _notebook(new_id)),
        _case("a cell of another assignment", "marks", _notebook(unknown)),
        _case("tags that leave cells out", "marks", _notebook(tagged)),
        _case("the ids of an answer and its test swapped", "marks", _notebook(swapped)),
    ]


def _cells():
    def remove(notebook, *which):
        for name in which:
            notebook["cells"].remove(cell(notebook, name))

    def copy(notebook, which, text=None, at_the_end=False):
        """A second cell with the same marks, as copy and paste makes it."""
        first = cell(notebook, which)
        text = source(first) if text is None else text
        second = {**first, "id": "c0ffee00", "metadata": dict(first["metadata"]), "source": text}
        cells = notebook["cells"]
        cells.insert(len(cells) if at_the_end else cells.index(first) + 1, second)

    def kind(notebook, which, name):
        one = cell(notebook, which)
        one["cell_type"] = name
        for key in ("outputs", "execution_count"):
            one.pop(key, None)

    def split(notebook):
        """As JupyterLab splits a cell: both parts keep the marks."""
        first, second = source(cell(notebook, "sigmoid-answer")).split("\n\n\n")
        answer(notebook, "sigmoid", first)
        copy(notebook, "sigmoid-answer", second)

    def edited_test(notebook):
        cell(notebook, "lstm_step")["source"] = "15.0"

    def code_in_the_test(notebook):
        """The answer written below its check, in a copy of that cell, and the place for it left as it was."""
        right = source(cell(notebook, "sigmoid-answer"))
        answer(notebook, "sigmoid", source(cell(released("lstm"), "sigmoid-answer")))
        copy(notebook, "sigmoid", right)

    def above_the_stub(notebook):
        right = source(cell(notebook, "lstm_step-answer"))
        answer(notebook, "lstm_step", source(cell(released("lstm"), "lstm_step-answer")))
        insert(notebook, "lstm_step-statement", right)

    def stub_left_behind(notebook):
        copy(notebook, "lstm_step-answer", source(cell(released("lstm"), "lstm_step-answer")), at_the_end=True)

    def first_try(notebook):
        right = source(cell(notebook, "lstm_step-answer"))
        answer(notebook, "lstm_step", "def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):\n    return h_prev, c_prev, ()")
        copy(notebook, "lstm_step-answer", right)

    def not_cells(notebook):
        notebook["cells"][3:3] = [None, 7, "a cell", [], {}, {"cell_type": None}]

    def many(notebook):
        one = {"cell_type": "code", "id": "same", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}
        notebook["cells"] += [one] * 100_000

    def shuffled(notebook):
        random.Random(1).shuffle(notebook["cells"])

    def long_cell(notebook):
        insert(notebook, "sigmoid", "data = '" + "x" * 19_000_000 + "'")

    def given_gone(notebook):
        for one in list(notebook["cells"]):
            if not grade_id(one):
                notebook["cells"].remove(one)

    def only_answers(notebook):
        notebook["cells"] = [one for one in notebook["cells"] if (grade_id(one) or "").endswith("-answer")]

    lost = {"lean_backward": 0.0}
    return [
        _case("a statement deleted", "cells", _notebook(remove, "lstm_step-statement")),
        _case("a test deleted", "cells", _notebook(remove, "lstm_step")),
        _case("an answer deleted", "cells", _notebook(remove, "lean_backward-answer"), lost),
        _case("the cells without questions deleted", "cells", _notebook(given_gone)),
        _case("nothing but the answers", "cells", _notebook(only_answers)),
        _case("an answer as text", "cells", _notebook(kind, "lstm_step-answer", "markdown")),
        _case("an answer as raw text", "cells", _notebook(kind, "lstm_step-answer", "raw")),
        _case("a test as text", "cells", _notebook(kind, "lstm_step", "markdown")),
        _case("the answer in words as code", "cells", _notebook(kind, "why", "code")),
        _case("a kind that does not exist", "cells", _notebook(kind, "sigmoid-answer", "sql")),
        _case("an answer copied", "cells", _notebook(copy, "sigmoid-answer")),
        _case("a test copied to the end", "cells", _notebook(copy, "sigmoid", None, True)),
        _case("an answer split by JupyterLab", "cells", _notebook(split)),
        _case("an empty copy of an answer", "cells", _notebook(copy, "sigmoid-answer", "")),
        _case("the stub copied to the end", "cells", _notebook(stub_left_behind)),
        _case("a first try kept above the answer", "cells", _notebook(first_try)),
        _case("a test replaced by its points", "cells", _notebook(edited_test)),
        _case("the answer in a copy of the test", "cells", _notebook(code_in_the_test)),
        _case("the answer above its place", "cells", _notebook(above_the_stub)),
        _case("entries that are not cells", "cells", _notebook(not_cells)),
        _case("100,000 cells", "cells", _notebook(many)),
        _case("all cells shuffled", "cells", _notebook(shuffled)),
        _case("a cell of 19 MB", "cells", _notebook(long_cell)),
    ]


def _sources():
    def change(notebook, which, function):
        one = cell(notebook, which)
        one["source"] = function(source(one))

    def every(notebook, function):
        for one in notebook["cells"]:
            one["source"] = function(source(one))

    def mixed(lines):
        return [*lines.splitlines(keepends=True), None, 7, {"text": "x"}]

    def gone(notebook):
        del cell(notebook, "lean_backward-answer")["source"]

    def half_letter(text):
        return text + "\n# a smile that was cut: \ud83d"

    lost = {"lean_backward": 0.0}
    return [
        _case("sources as lists", "source", _notebook(every, lambda text: text.splitlines(keepends=True))),
        _case("sources as lists without line ends", "source", _notebook(every, str.splitlines)),
        _case("a source as a list with other things in it", "source", _notebook(change, "sigmoid-answer", mixed)),
        _case("a source that is a number", "source", _notebook(change, "lean_backward-answer", lambda text: 7), lost),
        _case("a source that is nothing", "source", _notebook(change, "lean_backward-answer", lambda text: None), lost),
        _case("a cell without a source", "source", _notebook(gone), lost),
        _case("line ends of Windows in the cells", "source", _notebook(every, lambda t: t.replace("\n", "\r\n"))),
        _case("line ends of old Macs in a cell", "source", _notebook(change, "sigmoid-answer", _mac)),
        _case(
            "spaces that do not break",
            "source",
            _notebook(change, "lstm_step-answer", lambda t: t.replace("  ", "\u00a0 ")),
        ),
        _case("an invisible space", "source", _notebook(change, "lstm_step-answer", lambda t: "\u200b" + t)),
        _case("a line separator from a web page", "source", _notebook(change, "sigmoid-answer", _separated)),
        _case("zeros in an answer", "source", _notebook(change, "sigmoid-answer", lambda t: t + "\n\0")),
        _case("half a letter", "source", json.dumps(_notebook(change, "sigmoid-answer", half_letter)).encode()),
        _case("tabs for spaces", "source", _notebook(change, "lstm_step-answer", lambda t: t.replace("    ", "\t"))),
        _case(
            "an answer that grew beyond all measure",
            "source",
            _notebook(change, "lean_backward-answer", lambda t: t + "\n" + "#" * 2**20),
            lost,
        ),
        _case(
            "marks of a merge conflict in an answer",
            "source",
            _notebook(change, "lean_backward-answer", _conflict),
            lost,
        ),
    ]


def _mac(text):
    return text.replace("\n", "\r")


def _separated(text):
    return text.replace("\n\n\n", "\u2028\u2028\u2028")


def _conflict(text):
    return f"<<<<<<< HEAD\n{text}\n=======\n{text}\n>>>>>>> theirs"


def _beside():
    good = to_bytes(solved("lstm"))
    shadow = {"numpy/__init__.py": b"raise SystemExit", "numpy.py": b"raise SystemExit", "np.so": b"\x7fELF"}
    start = {"sitecustomize.py": b"raise SystemExit", "usercustomize.py": b"", "x.pth": b"import os; os._exit(1)"}
    hidden = {".ipython/profile_default/startup/0.py": b"raise SystemExit", ".config/matplotlib/matplotlibrc": b"!"}
    settings = {"matplotlibrc": b"backend: none", "pyvenv.cfg": b"home = /nowhere", "lstmkit/grading/lstm.py": b""}
    many = {f"data/{n:03}.csv": b"1,2,3\n" for n in range(60)}
    return [
        Case("folders and files that shadow modules", "beside", {NAME: good, **shadow}, "lstm", "full"),
        Case("code that Python runs at its start", "beside", {NAME: good, **start}, "lstm", "full"),
        Case("hidden settings", "beside", {NAME: good, **hidden}, "lstm", "full"),
        Case("settings and a package of ours", "beside", {NAME: good, **settings}, "lstm", "full"),
        Case("sixty data files", "beside", {NAME: good, **many}, "lstm", "full"),
        Case(
            "a second notebook", "beside", {NAME: good, "lstm-Copy1.ipynb": to_bytes(released("lstm"))}, "lstm", "full"
        ),
        Case("a notebook with another name", "beside", {"lstm (1).ipynb": good}, "lstm", "full"),
        Case("no notebook", "beside", {"lstm.py": b"import numpy"}, "lstm", "unreadable"),
        Case(
            "two notebooks, none with the right name",
            "beside",
            {"a.ipynb": good, "b.ipynb": good},
            "lstm",
            "unreadable",
        ),
    ]
