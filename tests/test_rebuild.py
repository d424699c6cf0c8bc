"""From a submitted file, however broken, to the cells that are graded."""

import copy
import json
import os
import socket
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmkit.grader import rebuild as module
from lstmkit.grader.outcome import ANSWER, GIVEN, MANUAL, OWN, TEST
from lstmkit.grader.rebuild import read_submission, rebuild
from lstmkit.grading import notebook
from tests.corpora import broken, build, honest

RELEASE = build.released("lstm")
SOLVED = build.to_bytes(build.solved("lstm"))
CORPORA = broken.cases(), honest.cases()
BROKEN, HONEST = ({case.name: case for case in cases} for cases in CORPORA)
POINTS = {}  # of the code of a notebook, as the judge of `lstmkit check` gives them


def rebuilt(content, assignment="lstm"):
    """The Rebuilt notebook of bytes, or of parsed JSON."""
    raw = content if isinstance(content, bytes) or content is None else build.to_bytes(content)
    return rebuild(raw, build.released(assignment))


def handed_in(case, folder):
    """The Rebuilt notebook of a case that lies in a folder, and the notes about its files."""
    build.write(case, folder)
    raw, files, notes = read_submission(folder, case.assignment)
    return rebuild(raw, build.released(case.assignment), files), notes


def code(cells):
    return tuple(cell.source.strip() for cell in cells if cell.kind == "code")


def lost(cells, folder):
    """{question: points} of the questions that are not all right, as `lstmkit check` sees the rebuilt notebook.

    Without the given cells that only show something, and take most of the time.
    """
    cells = [cell for cell in cells if cell.role != GIVEN or "try:" not in cell.source]
    key = code(cells)
    if key not in POINTS:
        plain = [{"cell_type": cell.kind, "source": cell.source, "metadata": {}} for cell in cells]
        file = folder / "lstm.ipynb"
        file.write_text(json.dumps({"nbformat": 4, "cells": plain}), encoding="utf-8")
        result = notebook.check("lstm", file)
        POINTS[key] = {name: report.points for name, report in result.reports.items() if report.lost}
    return POINTS[key]


def is_sound(outcome, release=RELEASE):
    """What holds for every rebuilt notebook: the release's cells, in order, its tests and statements word for word."""
    known = [cell for cell in outcome.cells if cell.role != OWN]
    assert len(known) == len(release["cells"])
    for cell, given_cell in zip(known, release["cells"], strict=True):
        mark = given_cell["metadata"].get("nbgrader", {})
        assert cell.grade_id == mark.get("grade_id", "")
        assert cell.kind == given_cell["cell_type"]
        assert cell.points == (mark.get("points", 0) if mark.get("grade") else 0)
        assert (cell.role in (ANSWER, MANUAL)) == mark.get("solution", False)
        if mark.get("locked"):
            assert cell.source == build.source(given_cell)
            assert not cell.changed
        if not outcome.readable:
            assert cell.source == build.source(given_cell)
    assert all(
        cell.points == 0 and not cell.grade_id and not cell.changed for cell in outcome.cells if cell.role == OWN
    )
    assert outcome.readable or outcome.repairs
    text = json.dumps([cell._asdict() for cell in outcome.cells], ensure_ascii=False)
    assert "\0" not in "".join(cell.source for cell in outcome.cells)
    text.encode()  # no half letters
    for sentence in outcome.repairs:
        assert "\n" not in sentence
        sentence.encode()


def answer(outcome, question):
    return next(
        cell for cell in outcome.cells if cell.grade_id in (f"{question}-answer", question) and cell.role != TEST
    )


def own(outcome):
    return [cell.source for cell in outcome.cells if cell.role == OWN]


# The corpora


def test_the_corpora_are_as_large_as_they_claim():
    assert len(BROKEN) == len(CORPORA[0]) >= 35
    assert len(HONEST) == len(CORPORA[1]) >= 45
    assert {case.assignment for case in HONEST.values()} >= {
        "lstm",
        "gates",
        "practice",
        "sequence_problem",
        "variants",
    }


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_mended_or_named(name, tmp_path):
    case = BROKEN[name]
    outcome, notes = handed_in(case, tmp_path / "lstm")
    is_sound(outcome)
    assert outcome.readable == (case.expect != "unreadable")
    if not outcome.readable:
        assert len(outcome.repairs) == 1
        assert "could not be read: " in outcome.repairs[0]
        assert "hand it in again" in outcome.repairs[0]
    elif code(outcome.cells) != code(rebuilt(SOLVED).cells):
        assert lost(outcome.cells, tmp_path) == ({} if case.expect == "full" else case.expect)
    else:
        assert case.expect == "full"
    unseen = {
        "UTF-8 with a byte order mark",
        "line ends of Windows in the file",
        "escapes for all letters",
        "numbers that are none, and one of 5000 digits",
        "format 4.99",
        "metadata and outputs of other types",
        "a kernel that nobody has",
        "format 4.4, without ids of cells",
        "tags that leave cells out",
        "the ids of an answer and its test swapped",
        "a test copied to the end",
        "sources as lists",
        "line ends of Windows in the cells",
        "line ends of old Macs in a cell",
        "tabs for spaces",
        "marks of a merge conflict in an answer",
    }
    assert (name in unseen) == (not outcome.repairs and not notes)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_notebook_needs_no_repair(name, tmp_path):
    case = HONEST[name]
    outcome, notes = handed_in(case, tmp_path / case.assignment)
    is_sound(outcome, build.released(case.assignment))
    moved = ("The cells stood in another order; they are back in the release's.",)
    assert outcome.repairs == (moved if name == "all answers at the top" else ())
    assert notes == ()
    given_cells = json.loads(case.files[f"{case.assignment}.ipynb"])["cells"]
    for cell in given_cells:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            grade_id = build.grade_id(cell)
            theirs = next(one for one in outcome.cells if one.grade_id == grade_id)
            assert theirs.source.strip() == build.source(cell).strip()
            assert theirs.changed or "stubs kept" in name
    assert len(outcome.cells) == len(given_cells)
    assert outcome.files == {n: content for n, content in case.files.items() if not n.endswith(".ipynb")}


# What editors and converters do


@pytest.mark.parametrize("assignment", notebook.assignments())
@pytest.mark.parametrize("notebook_of", [build.released, build.solved])
def test_every_assignment_comes_back_as_it_went(assignment, notebook_of):
    plain = notebook_of(assignment)
    outcome = rebuilt(plain, assignment)
    is_sound(outcome, build.released(assignment))
    assert outcome.repairs == ()
    assert [cell.source for cell in outcome.cells] == [build.source(cell) for cell in plain["cells"]]
    assert all(cell.changed == (notebook_of is build.solved) for cell in outcome.cells if cell.role in (ANSWER, MANUAL))


def test_nbformat_reads_and_writes_without_a_trace():
    nbformat = pytest.importorskip("nbformat")
    again = nbformat.writes(nbformat.reads(SOLVED.decode(), 4), 4).encode()
    assert rebuilt(again) == rebuilt(SOLVED)


def test_older_formats_of_nbformat_give_the_same_cells():
    nbformat = pytest.importorskip("nbformat")
    content = nbformat.reads(SOLVED.decode(), 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        third = nbformat.convert(copy.deepcopy(content), 3)
    outcome = rebuilt(json.dumps(third).encode())
    assert outcome.cells == rebuilt(SOLVED).cells
    assert len(outcome.repairs) == 1
    for cell in content.cells:
        del cell["id"]
    content.nbformat_minor = 4
    assert rebuilt(json.dumps(content).encode()) == rebuilt(SOLVED)


@pytest.mark.parametrize("form", ["py:percent", "md", "py:light"])
def test_jupytext_and_back(form):
    """Its text forms keep nbgrader's marks and lose the ids of cells; magics come back as they were."""
    jupytext, nbformat = pytest.importorskip("jupytext"), pytest.importorskip("nbformat")
    plain = build.solved("lstm")
    build.insert(plain, "sigmoid", "%timeit -n 1 sigmoid(0.0)")
    text = jupytext.writes(nbformat.reads(build.to_bytes(plain).decode(), 4), fmt=form)
    outcome = rebuilt(jupytext.writes(jupytext.reads(text, fmt=form), fmt="ipynb").encode())
    assert outcome.repairs == ()
    assert [cell.source.strip() for cell in outcome.cells] == [cell.source.strip() for cell in rebuilt(plain).cells]


def test_a_given_cell_that_was_edited_stays_edited_even_without_ids():
    plain = build.solved("lstm")
    text = build.source(build.cell(plain, "lstm-1")).replace('check.code("")', 'check.code("K7QF2-M3XZA")\nimport math')
    build.cell(plain, "lstm-1")["source"] = text
    for strip in (False, True):
        if strip:
            for cell in plain["cells"]:
                del cell["id"]
        outcome = rebuilt(plain)
        assert outcome.repairs == ()
        assert [cell.source for cell in outcome.cells if "check.code" in cell.source and cell.kind == "code"] == [text]


def test_a_given_cell_that_was_emptied_is_back():
    plain = build.solved("lstm")
    build.cell(plain, "lstm-35")["source"] = ""
    assert rebuilt(plain).cells == rebuilt(SOLVED).cells


# Which cell is which


def test_an_empty_notebook_is_readable_and_says_what_is_missing():
    outcome = rebuilt({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []})
    is_sound(outcome)
    assert outcome.readable
    assert "no cell of this assignment" in outcome.repairs[0]
    assert not any(cell.changed for cell in outcome.cells)


def test_the_notebook_of_another_assignment_is_told_apart():
    outcome = rebuilt(build.solved("gates"))
    is_sound(outcome)
    assert not any(cell.changed for cell in outcome.cells if cell.role == ANSWER)
    assert any("an id that this assignment does not have" in sentence for sentence in outcome.repairs)


def test_of_copies_the_last_changed_one_counts_and_the_others_run_before_it():
    plain = build.solved("lstm", sigmoid="one = 1")
    first = build.cell(plain, "sigmoid-answer")
    for text in ("two = 2", build.source(build.cell(RELEASE, "sigmoid-answer")), "three = 3", "", "two = 2"):
        plain["cells"].append({**first, "id": f"copy-{text[:3]}", "source": text})
    outcome = rebuilt(plain)
    is_sound(outcome)
    assert answer(outcome, "sigmoid").source == "two = 2"
    assert own(outcome) == ["one = 1", "three = 3"]
    assert outcome.cells.index(answer(outcome, "sigmoid")) - 1 == [c.source for c in outcome.cells].index("three = 3")
    assert outcome.repairs == (
        "The answer to `sigmoid` stands in the notebook several times; the last version that was changed counts.",
    )


def test_a_copy_that_holds_something_else_is_an_own_cell_where_it_stands():
    """Who makes new cells by copy and paste carries nbgrader's marks along."""
    plain = build.solved("lstm")
    copied = {**build.cell(plain, "sigmoid-answer"), "id": "new", "source": "print(lstm_step)"}
    plain["cells"].insert(1 + plain["cells"].index(build.cell(plain, "lstm_step")), copied)
    outcome = rebuilt(plain)
    assert outcome.repairs == ()
    assert answer(outcome, "sigmoid") == answer(rebuilt(SOLVED), "sigmoid")
    places = {cell.grade_id or cell.source: n for n, cell in enumerate(outcome.cells)}
    assert places["print(lstm_step)"] == places["lstm_step"] + 1


def test_own_cells_follow_the_known_cell_before_them():
    plain = build.solved("lstm")
    build.insert(plain, None, "first = 1")
    build.insert(plain, "lstm_step-statement", "Plan", "markdown")
    build.insert(plain, "lstm_step-answer", "after = 'answer'")
    build.insert(plain, "lstm-45", "last = 1")
    cells = rebuilt(plain).cells
    assert (cells[0].source, cells[-1].source) == ("first = 1", "last = 1")
    places = {cell.grade_id or cell.source: n for n, cell in enumerate(cells)}
    assert places["Plan"] == places["lstm_step-statement"] + 1 == places["lstm_step-answer"] - 1
    assert places["after = 'answer'"] == places["lstm_step"] - 1


def test_nbgraders_id_comes_before_the_cells_own():
    """A cell that only has the id of an answer does not replace the cell that nbgrader marked."""
    plain = build.solved("lstm")
    build.cell(plain, "sigmoid-answer")["id"] = "something"
    build.insert(plain, "sigmoid", "imposter = 1")["id"] = "sigmoid-answer"
    outcome = rebuilt(plain)
    assert answer(outcome, "sigmoid").source == build.source(build.cell(plain, "sigmoid-answer"))
    assert own(outcome) == ["imposter = 1"]


def test_an_answer_that_lost_its_marks_in_two_parts_is_whole():
    plain = build.solved("lstm")
    target = build.cell(plain, "sigmoid-answer")
    one, two = build.source(target).split("\n\n\n")
    place = plain["cells"].index(target)
    plain["cells"][place : place + 1] = [
        {"cell_type": "code", "metadata": {}, "source": text, "outputs": []} for text in (one, two)
    ]
    outcome = rebuilt(plain)
    assert (own(outcome), answer(outcome, "sigmoid").source) == ([one], two)
    assert any("recognised by the names" in sentence for sentence in outcome.repairs)


def test_an_own_cell_is_not_taken_for_an_answer_that_is_there():
    plain = build.solved("lstm")
    build.insert(plain, "lstm_forward", "def sigmoid(a):\n    return 'for my own project'")
    outcome = rebuilt(plain)
    assert outcome.repairs == ()
    assert answer(outcome, "sigmoid") == answer(rebuilt(SOLVED), "sigmoid")


def test_the_text_of_a_test_is_never_the_students():
    plain = build.solved("lstm")
    for cell in plain["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = "99.0"
    outcome = rebuilt(plain)
    is_sound(outcome)
    assert "99.0" not in [cell.source for cell in outcome.cells if cell.role != MANUAL]
    assert answer(outcome, "why").source == "99.0"
    assert "were changed; the release's text was used." in outcome.repairs[0]


def test_an_answer_in_words_is_always_text():
    plain = build.solved("lstm", why="import os")
    build.cell(plain, "why")["cell_type"] = "code"
    assert (
        answer(rebuilt(plain), "why")._asdict() | {"role": MANUAL, "kind": "markdown"}
        == answer(rebuilt(plain), "why")._asdict()
    )
    assert answer(rebuilt(plain), "why").source == "import os"


# Text


def test_strange_spaces_go_from_code_and_stay_in_strings_and_comments():
    text = 'a\u00a0= "x\u00a0y"\u2028b = """p\u2028\u00a0q"""  # r\u00a0\u2028s\nc\u3000= f\'\u200b\'\u200b\n'
    plain = build.solved("lstm", sigmoid=text)
    build.insert(plain, "sigmoid", "words\u00a0here", "markdown")
    outcome = rebuilt(plain)
    kept = 'a = "x\u00a0y"\nb = """p\u2028\u00a0q"""  # r\u00a0\u2028s\nc = f\'\u200b\'\n'
    assert answer(outcome, "sigmoid").source == kept
    assert own(outcome) == ["words\u00a0here"]
    names = {}
    exec(kept, names)
    assert (names["a"], names["c"]) == ("x\u00a0y", "\u200b")
    assert outcome.repairs == ("Spaces that Python does not know were replaced by ordinary ones in 1 cell.",)


@given(st.text(alphabet="\"'\\#\n a\u00a0\u2028\u200bf", max_size=40))
@settings(deadline=None)
def test_code_that_python_reads_is_not_changed_by_it(text):
    """Where Python takes the code as it stands, no strange space stands outside of a string or a comment."""
    try:
        compile(text, "cell", "exec")
    except (SyntaxError, ValueError, Warning):
        return
    assert module.ODD_SPACE.sub(module._space, text) == text


def test_smart_quotes_are_left_alone():
    assert answer(rebuilt(build.solved("lstm", sigmoid="“a”")), "sigmoid").source == "“a”"


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", "# σ \ud83d\ude42"])
def test_whole_letters_stay_whole(line):
    plain = build.solved("lstm", sigmoid=line)
    outcome = rebuilt(json.dumps(plain).encode())
    assert answer(outcome, "sigmoid").source == line.encode("utf-16", "surrogatepass").decode("utf-16")
    assert outcome.repairs == ()


# Anything at all

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["sigmoid-answer", "sigmoid", "lstm_step", "code", "\ud800", "\0", "def sigmoid(a): pass"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["nbgrader", "id", "text", "x"]), inner)
    ),
    max_leaves=6,
)
KEYS = ["cell_type", "source", "metadata", "id", "outputs", "execution_count", "input", "attachments"]
MARKS = ["grade_id", "points", "solution", "grade", "locked", "task", "schema_version", "checksum", "cell_type"]
WAYS = st.tuples(
    st.sampled_from(["cell", "key", "nbgrader", "mark", "copy", "remove", "top"]),
    st.integers(0, 45),
    st.sampled_from(KEYS),
    st.sampled_from(MARKS),
    JUNK,
)


def spoil(plain, way, place, key, mark, junk):
    """One piece of a parsed notebook replaced by anything."""
    cells = plain.get("cells")
    if way == "top":
        plain[["cells", "nbformat", "metadata", "worksheets"][place % 4]] = junk
    elif isinstance(cells, list) and cells:
        place %= len(cells)
        cell = cells[place] = copy.deepcopy(cells[place])
        metadata = cell.get("metadata") if isinstance(cell, dict) else None
        if way == "cell":
            cells[place] = junk
        elif way == "copy":
            cells.insert(place // 2, cell)
        elif way == "remove":
            del cells[place]
        elif way == "key" and isinstance(cell, dict):
            cell[key] = junk
        elif isinstance(metadata, dict) and way == "nbgrader":
            metadata["nbgrader"] = junk
        elif isinstance(metadata, dict) and isinstance(metadata.get("nbgrader"), dict):
            metadata["nbgrader"][mark] = junk


@given(st.lists(WAYS, min_size=1, max_size=12))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_spoiled_tree_never_raises(ways):
    plain = build.solved("lstm")
    for way in ways:
        spoil(plain, *way)
    outcome = rebuilt(json.dumps(plain).encode())
    is_sound(outcome)


@given(st.lists(WAYS.filter(lambda way: way[0] == "mark" and way[3] != "grade_id"), min_size=1, max_size=12))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_metadata_change_no_cell(ways):
    plain = build.solved("lstm")
    for way in ways:
        spoil(plain, *way)
    assert rebuilt(json.dumps(plain).encode()).cells == rebuilt(SOLVED).cells


@given(st.lists(st.tuples(st.integers(0, len(SOLVED)), st.integers(0, 3), st.binary(max_size=6)), max_size=5))
@settings(deadline=None, max_examples=150)
def test_spoiled_bytes_never_raise(changes):
    raw = SOLVED
    for start, width, new in changes:
        raw = raw[:start] + new + raw[start + width :]
    is_sound(rebuilt(raw))


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-16", "surrogatepass")))
@settings(deadline=None, max_examples=200)
def test_any_bytes_never_raise(raw):
    is_sound(rebuilt(raw))


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"\xff\xfe",
        b"\xfe\xff\x00",
        b"\xff\xfe\x00\x00",
        b"\xef\xbb\xbf",
        b"null",
        b"NaN",
        b"7" * 5000,
        b"-",
        b'"' + b"\\ud800" * 9 + b'"',
        b'{"cells": {"cells": []}}',
        b'{"worksheets": [[], null, {"cells": 7}, {"cells": [[], {"input": 7}]}]}',
        b'{"cells": [{"cell_type": "code", "source": "' + b"\\u0000" * 99 + b'"}]}',
        b'{"nbformat": ' + b"9" * 5000 + b', "cells": []}',
    ],
)
def test_odd_beginnings(raw):
    is_sound(rebuilt(raw))


@pytest.mark.parametrize("kind", ["marked", "with an id", "with names", "given", "odd"])
def test_many_copies_take_no_longer_than_many_cells(kind):
    """Work that grew with the square of the number of cells would show here as a test that does not end."""
    plain = build.solved("lstm")
    target = build.cell(plain, "sigmoid-answer")
    if kind in ("with an id", "with names"):
        for cell in plain["cells"]:
            cell["metadata"] = {}
    if kind == "with names":
        plain["cells"].remove(target)
        target = {key: value for key, value in target.items() if key != "id"}
    texts = {"odd": "\u00a0" + "\"\\'" * 300}
    made = [
        {**target, "source": texts.get(kind, f"def sigmoid(a):\n    return {n}")}
        for n in range(20_000 // (1 + 9 * (kind == "odd")))
    ]
    if kind == "given":
        for cell in made:
            cell["id"], cell["metadata"] = "lstm-1", {}
    outcome = rebuilt(json.dumps({**plain, "cells": plain["cells"] + made}).encode())
    is_sound(outcome)
    assert len(own(outcome)) <= module.OWN_CELLS
    if kind in ("marked", "with an id", "with names"):
        assert answer(outcome, "sigmoid").source.endswith("return 19999")


# The folder


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "lstm"
    made.mkdir()
    (made / "lstm.ipynb").write_bytes(SOLVED)
    return made


def test_data_beside_the_notebook_are_handed_on(folder):
    (folder / "data" / "more").mkdir(parents=True)
    (folder / "data" / "more" / "a b.csv").write_bytes(b"1,2")
    (folder / "Σ.txt").write_bytes(b"x")
    (folder / "timestamp.txt").write_text("2026-01-01 10:00:00 UTC")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "lstm-checkpoint.ipynb").write_text("{}")
    raw, files, notes = read_submission(folder, "lstm")
    assert raw == SOLVED
    assert files == {"data/more/a b.csv": b"1,2", "Σ.txt": b"x"}
    assert notes == ()
    assert rebuild(raw, RELEASE, files).files == files


@pytest.mark.parametrize("name", [
    "numpy.py", "x.so", "x.pyd", "x.pth", "x.pyc", "x.zip", "x.egg", "conftest.py", "matplotlibrc", "setup.cfg", "x",
    ".pythonrc", ".env", "torch/a.csv", "json/a.csv", ".config/a.csv", "a\nb.csv", "a\\b.csv", "x.html", "x.ipynb",
    "d/lstm.ipynb", "n" * 200 + ".csv",
])  # fmt: skip
def test_what_python_could_read_stays_outside(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"raise SystemExit")
    raw, files, notes = read_submission(folder, "lstm")
    assert (raw, files, len(notes)) == (SOLVED, {}, 1)
    assert notes[0].isprintable()


def test_links_pipes_and_sockets_are_not_read(folder, tmp_path, monkeypatch):
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "key.csv").write_text("a secret")
    (folder / "link.txt").symlink_to(secret)
    (folder / "folder").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere.txt").symlink_to(tmp_path / "nothing")
    os.link(secret, folder / "hard.txt")
    os.mkfifo(folder / "pipe.csv")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.csv")
        raw, files, notes = read_submission(folder, "lstm")
    assert (raw, files) == (SOLVED, {})
    assert all(
        f"`{name}`" in " ".join(notes) for name in ("link.txt", "folder", "loop", "hard.txt", "pipe.csv", "socket.csv")
    )
    assert "a secret" not in repr((files, notes))


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "hard link", "nothing"])
def test_a_notebook_that_is_no_file(folder, tmp_path, kind):
    (folder / "lstm.ipynb").unlink()
    other = tmp_path / "other.ipynb"
    other.write_bytes(SOLVED)
    if kind == "link":
        (folder / "lstm.ipynb").symlink_to(other)
    elif kind == "pipe":
        os.mkfifo(folder / "lstm.ipynb")
    elif kind == "folder":
        (folder / "lstm.ipynb").mkdir()
        (folder / "lstm.ipynb" / "lstm.ipynb").write_bytes(SOLVED)
    elif kind == "hard link":
        os.link(other, folder / "lstm.ipynb")
    raw, files, notes = read_submission(folder, "lstm")
    assert (raw, files) == (None, {})
    assert "lstm.ipynb" in notes[0]
    assert not rebuild(raw, RELEASE, files).readable


def test_a_submission_that_is_a_link_or_missing(folder, tmp_path):
    (tmp_path / "linked").symlink_to(folder)
    for place in (tmp_path / "linked", tmp_path / "missing", folder / "lstm.ipynb"):
        raw, files, notes = read_submission(place, "lstm")
        assert (raw, files, len(notes)) == (None, {}, 1)


def test_sizes_are_bounded(folder):
    for n in range(4):
        (folder / f"{n}.csv").write_bytes(b"x" * (2 * module.MIB))
    with open(folder / "sparse.npy", "wb") as file:
        file.truncate(2**40)
    _, files, notes = read_submission(folder, "lstm")
    assert sorted(files) == ["0.csv", "1.csv"]
    assert "sparse.npy" in notes[0]
    assert "over the limit" in notes[0]


def test_thousands_of_files_and_deep_folders_are_cut_short(folder):
    deep = folder
    for _ in range(12):
        deep = deep / "deeper"
    deep.mkdir(parents=True)
    (deep / "a.csv").write_text("1")
    for n in range(module.LISTED + 50):
        (folder / f"{n}.csv").touch()
    raw, files, notes = read_submission(folder, "lstm")
    assert raw == SOLVED
    assert len(files) <= module.FILES
    assert any("More than" in note for note in notes)


def test_one_notebook_of_another_name_is_taken(folder):
    (folder / "lstm.ipynb").rename(folder / "LSTM final.ipynb")
    raw, _, notes = read_submission(folder, "lstm")
    assert raw == SOLVED
    assert notes == ("There is no lstm.ipynb; `LSTM final.ipynb`, the only notebook handed in, was taken for it.",)


def test_roles_are_those_of_the_release():
    roles = [cell.role for cell in rebuilt(SOLVED).cells]
    count = {role: roles.count(role) for role in (ANSWER, TEST, MANUAL, OWN, GIVEN)}
    assert count == {ANSWER: 11, TEST: 11, MANUAL: 1, OWN: 0, GIVEN: 23}
