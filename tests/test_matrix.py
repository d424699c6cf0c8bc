"""The kill matrix that the book prints is that of this bank, and mutants of the keys are noticed."""

import json
import re
import sys

import pytest

pytest.importorskip("jupytext")

from exercises import matrix, mutants
from exercises.mistakes import bank

TABLE = json.loads(matrix.FILE.read_text(encoding="utf-8"))
AGAIN = "run `python -m exercises.matrix --mutants`"


@pytest.mark.parametrize("assignment", matrix.ASSIGNMENTS)
def test_the_matrix_has_every_entry_as_the_bank_has_it(assignment):
    """The file is what a run printed; tests/test_bank.py finds the same in every entry."""
    questions = TABLE["answers"][assignment]
    found, right = {}, set()
    for name, question in questions.items():
        right |= {(name, answer) for answer in question["right"]}
        for answer, row in question["mistakes"].items():
            found[name, answer] = ({p: question["parts"][p] for p in row["loses"]}, set(row["hints"]), row["source"])
    wanted = {(e.question, e.name): (e.loses, set(e.hints), e.source) for e in bank.entries(assignment) if e.hints}
    assert found == wanted, AGAIN
    assert right == {(e.question, e.name) for e in bank.entries(assignment) if not e.hints}, AGAIN


def test_nothing_is_lost_wrongly_and_nothing_named_wrongly():
    assert not list(matrix.problems(TABLE["answers"]))


def test_nine_mistakes_in_ten_are_named():
    assert TABLE["totals"] == matrix.totals(TABLE["answers"])
    for assignment, total in TABLE["totals"].items():
        assert total["unnamed"] <= 0.1 * total["mistakes"], assignment
    together = {key: sum(total[key] for total in TABLE["totals"].values()) for key in total}
    assert together["mistakes"] >= 200
    assert together["numbers"] + together["property"] >= 0.9 * together["mistakes"]
    assert together["unnamed"] <= 0.02 * together["mistakes"]


@pytest.mark.parametrize("assignment", matrix.ASSIGNMENTS)
def test_every_survivor_has_its_reason(assignment):
    reasons = mutants.reasons(assignment)
    counted = TABLE["mutants"][assignment]
    assert set(reasons) <= set(counted)
    for question, row in counted.items():
        assert row["mutants"] > 5
        assert row["survive"] == len(reasons.get(question, {})), f"{question}: {AGAIN}"
    for why in (why for question in reasons.values() for why in question.values()):
        assert len(why.split()) >= 4, why


@pytest.mark.slow
@pytest.mark.parametrize("assignment", matrix.ASSIGNMENTS)
def test_mutants_of_a_key_lose_points_or_have_a_reason(assignment, seed):
    """A dozen of each question, drawn at random; `python -m exercises.mutants` makes all of them."""
    for question in TABLE["answers"][assignment]:
        _, alive = mutants.survivors(assignment, question, sample=12, seed=seed)
        assert set(alive) <= set(mutants.reasons(assignment).get(question, {})), question


SOURCE = """
def f(a, b):
    ### BEGIN SOLUTION
    c = a - b * 2
    if c < 0:
        c += 1
    return max(c, 0)
    ### END SOLUTION
"""


def test_mutants_change_one_place_of_the_solution_each():
    made = list(mutants.mutants(SOURCE))
    assert len({mutant.source for mutant in made}) == len(made)
    assert len({mutant.what for mutant in made}) == len(made)
    said = "\n".join(mutant.what for mutant in made)
    for change in ("a - b * 2 -> a + b * 2", "2 -> 3", "c < 0 -> c <= 0", "c += 1 -> c -= 1", "max(c, 0) -> max(0, c)"):
        assert change in said
    for mutant in made:
        compile(mutant.source, "mutant", "exec")


def test_what_stands_outside_of_the_solution_is_left_alone():
    given = SOURCE.replace("    ### BEGIN", "    a = a * 7\n    ### BEGIN")
    assert not any(re.search(r"a \* 7|: 7 ->", mutant.what) for mutant in mutants.mutants(given))
    assert all("a = a * 7" in mutant.source for mutant in mutants.mutants(given))


def test_the_command_says_what_it_does_not_know(capsys):
    for words, message in [(["gru97"], "no assignment 'gru97'"), (["lstm", "--question", "no"], "no question 'no'")]:
        with pytest.raises(SystemExit):
            mutants.main(words)
        assert message in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_mutant_that_takes_all_memory_is_stopped():
    with mutants.memory_limit(), pytest.raises(MemoryError):
        bytearray(2 * mutants.MEMORY)
    bytearray(2 * mutants.MEMORY)  # never touched: costs nothing
