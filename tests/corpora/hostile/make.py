"""Makes a hostile submission from a few lines of its code."""

import textwrap

from tests.corpora.build import Case, answer, insert, released, to_bytes

# Right answers with which an attack may come along; each earns the points of its question.
SIGMOID = "def sigmoid(a):\n    return 0.5 + 0.5 * np.tanh(0.5 * a)\n\n\ndef d_sigmoid(y):\n    return y * (1 - y)\n"
COUNT = "def count_parameters(D, H, biases=1):\n    return 4 * H * (D + H + biases)\n"


def attack(family, name, code="", earns=0.0, assignment="lstm", after=None, files=(), **answers):
    """A Case: the released notebook with a cell of the student's own, and with some answers.

    code: the cell; it stands after the cell with the id `after`, by default the one that imports the checks.
    files: more files of the submission, {path: bytes}; see table.place for what is not a plain file.
    answers: {question: source}, the others stay blank.
    """
    notebook = released(assignment)
    if code:
        insert(notebook, after or f"{assignment}-1", clean(code))
    for question, text in answers.items():
        answer(notebook, question, clean(text))
    return Case(name, family, {f"{assignment}.ipynb": to_bytes(notebook), **dict(files)}, assignment, earns)


def clean(code):
    """The lines of a text in triple quotes."""
    return textwrap.dedent(code).strip("\n")
