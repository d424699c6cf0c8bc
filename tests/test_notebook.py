"""The lone learner's command: `lstmkit check` says to a notebook what a course would, and keeps what was reached."""

import json
import re
from pathlib import Path

import pytest

from lstmkit import cli
from lstmkit.grading import lstm, notebook, personal

jupytext = pytest.importorskip("jupytext")
nbformat = pytest.importorskip("nbformat")

TEXT = Path(__file__).parents[1] / "exercises" / "assignments" / "lstm.py"
REGULAR, EXTRA = notebook.points("lstm")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(personal.VARIABLE, raising=False)
    yield
    personal.code("")


def write(path, change=lambda source, question: source):
    """The assignment as a learner's notebook: the key, changed by `change`, and tests without their hidden part."""
    made = jupytext.read(TEXT, fmt="py:percent")
    for cell in made.cells:
        if "points" in cell.metadata or cell.cell_type == "markdown":
            cell.source = re.sub(r"### BEGIN HIDDEN.*", "", cell.source, flags=re.DOTALL)
        else:
            cell.source = change(cell.source, cell.metadata.get("question"))
        cell.metadata = {}
    nbformat.write(made, path)


def blank(source, question):
    return re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "raise NotImplementedError()", source, flags=re.DOTALL)


def progress():
    return json.loads(Path("lstm.progress.json").read_text())["questions"]


def test_the_key_gets_everything_and_ends_well(capsys):
    write("lstm.ipynb")
    assert cli.main(["check", "lstm"]) == 0
    out = capsys.readouterr().out
    assert f"lstm: {REGULAR} of {REGULAR} points" in out
    assert "✗" not in out
    assert {name: row["best"] for name, row in progress().items()} == {
        name: question.points for name, question in lstm.QUESTIONS.items()
    }


def test_the_blank_is_told_in_one_table(capsys):
    write("lstm.ipynb", blank)
    assert cli.main(["check", "lstm"]) == 1
    out = capsys.readouterr().out
    assert f"lstm: 0 of {REGULAR} points" in out
    assert out.count("not written yet") == len(lstm.QUESTIONS)
    assert len(out.splitlines()) < 20


def test_messages_and_points_are_those_of_the_course(capsys):
    write("lstm.ipynb", lambda source, question: source.replace("h = o * q", "h = o * c"))
    assert cli.main(["check", "lstm", "--question", "lstm_step"]) == 1
    out = capsys.readouterr().out
    names = {}
    for cell in notebook.read(Path("lstm.ipynb")):
        if cell[0] == "code" and "check.lstm" not in cell[1]:
            exec(cell[1].partition("try:")[0], names)
    capsys.readouterr()
    lstm.lstm_step(names["lstm_step"])
    assert capsys.readouterr().out in out
    assert "the output equation lacks its tanh" in out
    assert set(progress()) == {"lstm_step"}


def test_the_best_of_a_question_never_falls(capsys):
    write("lstm.ipynb")
    cli.main(["check", "lstm", "--question", "sigmoid"])
    write("lstm.ipynb", blank)
    cli.main(["check", "lstm", "--question", "sigmoid"])
    row = progress()["sigmoid"]
    assert (row["points"], row["best"]) == (0, lstm.SIGMOID.points)
    assert f"best so far {lstm.SIGMOID.points}" in capsys.readouterr().out


def test_a_cell_that_fails_costs_only_what_it_defines(capsys):
    def change(source, question):
        if question == "count_parameters":
            return source + "\nraise RuntimeError('afterwards')"
        return "%matplotlib inline\n!pip list\ndef broken(" if question is None else source

    write("lstm.ipynb", lambda s, q: change(s, q) if q or "check_my" in s else s)
    assert cli.main(["check", "lstm"]) == 0
    out = capsys.readouterr().out
    assert "RuntimeError: afterwards" in out
    assert "SyntaxError" in out


def test_what_a_cell_prints_or_closes_does_no_harm(capsys):
    write("lstm.ipynb", lambda s, q: "import sys\nprint('hello')\nsys.exit(3)" if "check_my" in s and not q else s)
    assert cli.main(["check", "lstm"]) == 0
    out = capsys.readouterr().out
    assert "hello" not in out
    assert "SystemExit: 3" in out


def test_a_notebook_of_another_name_and_place(tmp_path, capsys, monkeypatch):
    (tmp_path / "work").mkdir()
    write("work/my answers.ipynb")
    assert cli.main(["check", "work/my answers.ipynb", "--question", "sigmoid"]) == 0
    assert (tmp_path / "work" / "lstm.progress.json").exists()


def test_a_renamed_helper_module_beside_the_notebook_is_found(tmp_path):
    Path("mine.py").write_text("def helper(a):\n    return 1\n")
    write("lstm.ipynb", lambda s, q: "import mine\n" + s if q == "sigmoid" else s)
    assert cli.main(["check", "lstm", "--question", "sigmoid"]) == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("lstm", None, "there is no notebook 'lstm.ipynb' here. Download it"),
        ("gru97", None, "there is no assignment 'gru97'; there are:"),
        ("lstm", "not json", "is not a notebook that can be read"),
        ("lstm", '{"cells": [{"source": 3}], "nbformat": 4}', "is not a notebook that can be read"),
        ("lstm", '{"worksheets": [], "nbformat": 3, "cells": []}', "has format 3, expected 4"),
    ],
)
def test_what_cannot_be_read_is_said(name, content, message, capsys):
    if content is not None:
        Path("lstm.ipynb").write_text(content)
    assert cli.main(["check", name]) == 2
    assert message in capsys.readouterr().err
    assert not Path("lstm.progress.json").exists()


def test_an_unknown_question_is_said(capsys):
    write("lstm.ipynb")
    assert cli.main(["check", "lstm", "--question", "gru"]) == 2
    assert "there is no question 'gru' in lstm; there are: sigmoid" in capsys.readouterr().err


def test_hints_come_one_after_the_other_and_are_remembered(capsys):
    write("lstm.ipynb", blank)
    told = []
    for _ in range(len(lstm.LSTM_STEP.hints) + 1):
        assert cli.main(["check", "lstm", "--hint", "lstm_step"]) == 0
        told.append(capsys.readouterr().out.strip())
    assert [text.partition(": ")[2] for text in told[:-1]] == list(lstm.LSTM_STEP.hints)
    assert told[-1] == told[-2]
    assert progress()["lstm_step"]["hints"] == len(lstm.LSTM_STEP.hints)


def test_a_broken_progress_file_is_kept(capsys):
    write("lstm.ipynb")
    Path("lstm.progress.json").write_text("{")
    assert cli.main(["check", "lstm", "--question", "sigmoid"]) == 0
    assert "is kept as" in capsys.readouterr().err
    assert Path("lstm.progress.broken.json").read_text() == "{"
    assert progress()["sigmoid"]["best"] == lstm.SIGMOID.points


def test_the_list_says_points_and_progress(capsys):
    write("lstm.ipynb")
    cli.main(["check", "lstm", "--question", "sigmoid"])
    capsys.readouterr()
    assert cli.main(["check"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("lstm ")]
    assert f"{REGULAR} points" in row
    assert f"best so far here: {lstm.SIGMOID.points}" in row


def test_the_code_of_the_notebook_counts(capsys, monkeypatch):
    code = personal.code_of("a secret of the tests", "ada")
    write("lstm.ipynb", lambda s, q: f'{s}\ncheck.code("{code}")' if s.startswith("import numpy") else s)
    seen = []
    monkeypatch.setattr(notebook.question, "examine", lambda *args: seen.append(personal.current()) or REPORT)
    notebook.check("lstm", Path("lstm.ipynb"), only="sigmoid")
    assert seen == [code]


REPORT = None
