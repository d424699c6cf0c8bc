"""The bridge: a check says of the student's function in a worker what it says of the same function here.

The oracle is the check itself, in one process.  The slow test tries the bug bank; the quick ones what a bank does
not meet: workers that lie, hang and die, and objects that are no data.
"""

import contextlib
import importlib
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from worker import Worker, session

from exercises.mistakes import bank
from lstmkit.grader.inside import wire
from lstmkit.grader.remote import NotBegun
from lstmkit.grading import guard, notebook, question


def outside(session_, name="f"):
    return session_.names([name])[name]


def named_in(module, function):
    """The name under which a module of the bank has a function; None for one that was made on the way."""
    return next((name for name, value in vars(module).items() if value is function), None)


def compare(assignment, chosen):
    """The entries, examined here and through a worker: all for whom the reports differ."""
    checks, differing, tried = notebook.checks(assignment), [], 0
    with session(checks=checks, name=f"not_{assignment}", seconds=3600.0) as there:
        for number, entry in enumerate(chosen):
            path = f"exercises.mistakes.{assignment}.{entry.question}"
            module = importlib.import_module(path)
            names = {place: named_in(module, function) for place, function in entry.answers.items()}
            if entry.needs or None in names.values():
                continue
            tried += 1
            lines = [f"from {path} import {name} as answer_{place}" for place, name in names.items()]
            outputs = there.cell(number, "\n".join(lines), 60.0)
            assert not [output for output in outputs if "error" in output], (entry, outputs)
            there._ran.clear()
            found = there.names([f"answer_{place}" for place in names])
            asked = checks.QUESTIONS[entry.question]
            here = question.examine(asked, entry.answers, 5)
            with guard.from_outside():
                report = question.examine(asked, {place: found[f"answer_{place}"] for place in names}, 5)
            # How many lines ran differs by the few that call a function; what is said of them does not.
            if (here.lost, here.hints, len(here.causes)) != (report.lost, report.hints, len(report.causes)):
                differing.append((entry.question, entry.name, str(here), str(report)))
    return differing, tried


@pytest.mark.slow
@pytest.mark.parametrize("assignment", notebook.assignments())
def test_the_bank_is_told_the_same_through_a_worker(assignment, rng):
    """A fifth of it, another one every day; with LSTMKIT_WHOLE_BANK set, all."""
    entries = bank.entries(assignment)
    chosen = [e for e in entries if os.environ.get("LSTMKIT_WHOLE_BANK") or rng.random() < 0.2]
    differing, tried = compare(assignment, chosen)
    assert not differing
    assert tried > len(chosen) // 2


QUICK = {"lstm": ("numerical_gradient",), "sequence_problem": ("window_view",)}


@pytest.mark.parametrize("assignment", QUICK)
def test_some_of_the_bank_is_told_the_same(assignment):
    chosen = [entry for entry in bank.entries(assignment) if entry.question in QUICK[assignment]]
    differing, tried = compare(assignment, chosen)
    assert not differing
    assert tried > 10


def test_values_arguments_and_changes_travel():
    cell = """
import numpy as np
def f(x, listed, table, rng, times=1):
    x *= 2
    listed.append(3)
    table["new"] = x.sum()
    return {"x": x + 1, "view": x[::-1], "drawn": rng.normal(), "times": times}
"""
    x, listed, table, rng = np.arange(4.0), [1, 2], {}, np.random.default_rng(7)
    with session(cell) as there:
        got = outside(there)(x, listed, table, rng, times=5)
    np.testing.assert_array_equal(x, [0, 2, 4, 6])
    assert listed == [1, 2, 3]
    assert table == {"new": 12.0}
    drawn = np.random.default_rng(7)
    assert got["drawn"] == drawn.normal()
    assert rng.normal() == drawn.normal()  # ours went on as theirs did
    assert got["times"] == 5
    np.testing.assert_array_equal(got["x"], [1, 3, 5, 7])
    np.testing.assert_array_equal(got["view"], [6, 4, 2, 0])


def test_a_view_of_an_argument_is_a_view_of_ours():
    with session("def f(x): return x[1:].reshape(2, 2).T\ndef g(x): return x[[0, 1]]") as there:
        x = np.arange(5.0)
        view = outside(there)(x)
        np.testing.assert_array_equal(view, [[1, 3], [2, 4]])
        assert np.shares_memory(view, x)
        assert not np.shares_memory(outside(there, "g")(x), x)


def test_objects_that_are_no_data_are_handed_back_as_they_were():
    cell = """
from typing import NamedTuple
import dataclasses
class Cache(NamedTuple):
    a: object
    b: object
@dataclasses.dataclass
class Other:
    a: object
def forward(x): return x, Cache(x, 2), Other(x)
def backward(cache, other): return cache.a.sum() * cache.b + other.a.sum()
def counted(n):
    for k in range(n):
        yield k, k * k
"""
    with session(cell) as there:
        x, cache, other = outside(there, "forward")(np.arange(3.0))
        assert isinstance(cache, tuple)
        assert type(cache).__name__ == "Cache"
        assert type(other).__name__ == "Other"
        np.testing.assert_array_equal(cache[0], x)
        assert outside(there, "backward")(cache, other) == 9.0
        assert list(outside(there, "counted")(3)) == [(0, 0), (1, 1), (2, 4)]
        np.testing.assert_array_equal(other.a, x)
        with pytest.raises(AttributeError):
            _ = other._private
        with pytest.raises(guard.Raised, match="AttributeError"):
            _ = other.missing


def test_what_is_lent_answers_here_and_only_what_is_meant():
    class Model:
        def __init__(self, slope):
            self.slope, self._key = slope, "the answer"

        def predict(self, x):
            return self.slope * x

    cell = """
def f(made, function):
    model = made(2.0)
    try:
        model._key
    except AttributeError as error:
        refused = str(error)
    try:
        function.__globals__
    except AttributeError:
        refused += " twice"
    try:
        function(1, 2, 3)
    except TypeError as error:
        refused += " " + type(error).__name__
    return model.predict(21.0), function(4.0), refused
"""
    with session(cell) as there:
        assert outside(there)(Model, lambda x: x * x) == (42.0, 16.0, "_key twice TypeError")


def test_what_was_lent_for_a_question_is_taken_back_after_it():
    cell = """
kept = []
def early(right):
    kept.append(right)
    return right(3)
def late():
    return kept[0](4) + tool(1)
from tools import tool
"""
    about = {"name": "tools", "lent": {"tool": lambda x: x}}
    with session(cell, **about) as there, guard.from_outside():
        right = lambda x: x * x  # noqa: E731
        assert guard.call(outside(there, "early"), (right,)).value == 9
        assert guard.call(outside(there, "late"), ()).value == 17
        there.take_back()
        value = guard.call(outside(there, "late"), ()).value
        assert isinstance(value, guard.Problem)
        assert "not lent" in value.text
        assert there.names(["tool"])["tool"](5) == 5  # the assignment's own tools stay


FORGE = """
import gc, json
from lstmkit.grader.inside import serve, wire
server = next(o for o in gc.get_objects() if type(o).__name__ == "_Server")
def say(header, tree=(), arrays=(), body=b""):
    head = json.dumps({**header, "tree": list(tree), "arrays": list(arrays)}).encode()
    server.channel.send(wire.LENGTHS.pack(len(head), len(body)) + head + body, None)
"""
LIES = {
    "a call of what was not lent": "say({'say': 'call', 'named': []}, [{'back': 99}])",
    "a call of nothing": "say({'say': 'call', 'named': []}, [])",
    "a call of a number": "say({'say': 'call', 'named': []}, [5, 6])",
    "a private attribute": "say({'say': 'call', 'attribute': '__globals__'}, [{'back': 1}])",
    "a public attribute of a function": "say({'say': 'call', 'attribute': 'mro'}, [{'back': 1}])",
    "an unknown message": "say({'say': 'points', 'points': 100})",
    "no message": "say({})",
    "changes that were none": "say({'say': 'reply', 'changed': [0, 1, 2]}, [1.0])",
    "changes of something else": "say({'say': 'reply', 'changed': [99, -1, 'x']}, [1.0, 2, 3, 4])",
    "two values": "say({'say': 'reply', 'changed': []}, [1.0, 2.0])",
    "a window out of bounds": "say({'say': 'reply', 'changed': []}, [{'window': [0, 0, [1000], [1]]}])",
    "a window into nothing": "say({'say': 'reply', 'changed': []}, [{'window': [7, 0, [1], [1]]}])",
    "a window before the start": "say({'say': 'reply', 'changed': []}, [{'window': [0, -4, [1], [1]]}])",
    "a named tuple": "say({'say': 'reply', 'changed': []}, [{'named': ['x', ['a'], [1]]}])",
    "a problem that is a list": "say({'say': 'reply', 'problem': [[1, 2]]})",
    "endless calls": "while True: say({'say': 'call', 'named': []}, [{'back': 1}, 1.0])",
    "endless releases": "say({'say': 'reply', 'released': [[1], 1, 1, 1, 'x', None], 'changed': []}, [1.0])",
    "rubbish": "import os; os.write(server.channel.writer, b'\\xff' * 100)",
    "closed descriptors": "import os; os.close(server.channel.writer); os.close(server.channel.reader)",
    "two replies": "say({'say': 'reply', 'changed': []}, [1.0]); say({'say': 'reply', 'changed': []}, [1.0])",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_worker_that_lies_gets_a_problem_and_nothing_else(lie):
    x = np.arange(3.0)
    with session(
        FORGE, f"def f(x, g):\n    {LIES[lie]}\n    return 5.0\ndef good(x): return x + 1", seconds=20.0
    ) as there:
        there.cell(2, "", 5.0)
        with guard.from_outside(), guard.time_budget(1.0):
            outcome = guard.call(outside(there), (x, lambda a: a))
            assert isinstance(outcome.value, guard.Problem | float)
            # A reply too many is taken for the next one; after that a worker is asked that has not lied yet.
            for _ in range(2):
                with contextlib.suppress(guard.Ended):
                    guard.call(outside(there, "good"), (x,))
            np.testing.assert_array_equal(guard.call(outside(there, "good"), (x,)).value, x + 1)
    np.testing.assert_array_equal(x, np.arange(3.0))


ENDS = {
    "os._exit": ("import os; os._exit(0)", "ended the Python process"),
    "a signal": ("import os; os.kill(os.getpid(), 11)", "ended the Python process"),
    "sys.exit": ("import sys; sys.exit(3)", "SystemExit"),
    "an endless loop": ("while True: pass", "ended after 0.5 seconds"),
    "a loop that catches everything": (
        "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        "ended after 0.5",
    ),
    "a huge result": ("import numpy; return numpy.broadcast_to(1.0, (10**5, 10**5))", "too large to be handed over"),
    "an endless generator": ("return (k for k in iter(int, 1))", None),
    "a result that fights": ("return type('X', (), {'__array__': lambda *a: 1 / 0})()", None),
    "a deep list": ("a = []\n    for _ in range(9999): a = [a]\n    return a", "too large to be handed over"),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDS)
def test_a_function_that_hangs_or_dies_costs_itself_only(how):
    body, said = ENDS[how]
    with session(f"x = 5\ndef f():\n    {body}\ndef good(): return x", seconds=30.0) as there:
        f, good = outside(there), outside(there, "good")
        with guard.from_outside(), guard.time_budget(0.5):
            value = guard.call(f, ()).value
            if said:
                assert isinstance(value, guard.Problem)
                assert said in value.text
            else:
                assert isinstance(question.as_array(value), guard.Problem | np.ndarray)
            assert guard.call(good, ()).value == 5


def test_a_cell_that_kills_is_left_out_when_the_cells_run_again():
    with session("x = [0]", "x.append(1)", "import os; os._exit(1)", "x.append(2)", "def f(): return x") as there:
        assert outside(there)() == [0, 1, 2]


def test_a_worker_that_dies_every_time_is_not_begun_for_ever():
    with session("def f():\n    import os\n    os._exit(0)") as there:
        f = outside(there)
        with guard.from_outside():
            texts = [guard.call(f, ()).value.text for _ in range(20)]
    assert "ended the Python process." in texts[0]
    assert "too often" in texts[-1]


def test_the_time_of_a_submission_is_used_up_once():
    with session("import time\ndef f(): time.sleep(9)", seconds=3.0) as there:
        f, begun = outside(there), time.monotonic()
        with guard.from_outside():
            assert isinstance(guard.call(f, ()).value, guard.Problem)
            assert "all the time" in guard.call(f, ()).value.text
    assert time.monotonic() - begun < 8


def test_a_worker_cannot_make_us_hold_without_end(monkeypatch):
    monkeypatch.setattr("lstmkit.grader.remote.LENT", 300)
    body = "kept = []\n    while True: kept.append(g(x))"
    with session(f"import numpy as np\ndef f(x, g):\n    {body}") as there:
        for size in (1, 1 << 20):
            with guard.from_outside():
                value = guard.call(outside(there), (np.zeros(size), lambda x: x + 1)).value
            assert isinstance(value, guard.Problem)
            assert "more was asked for" in value.text
            assert len(there._lent) <= 300


def test_cells_are_cut_and_pictures_kept():
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
    cells = ["print('x' * 10**6)\nprint('y' * 10**6)", plot, "1 / 0", "6 * 7"]
    with session() as there:
        printed, drawn, failed, shown = (there.cell(k, source, 30.0) for k, source in enumerate(cells))
    assert sum(len(output["text"]) for output in printed) < 110_000
    assert "left out" in printed[-1]["text"]
    assert [output["png"][:4] for output in drawn if "png" in output] == [b"\x89PNG"]
    assert failed == [{"error": "ZeroDivisionError: division by zero in the line `1 / 0`."}]
    assert shown == [{"text": "42\n"}]


def test_the_checks_are_not_in_the_worker_but_their_tools_are():
    checks = notebook.checks("lstm")
    tools = {"leaky_step": checks.leaky_step}
    cell = """
from lstmkit.grading import lstm as check
check.code("ABCDE-FGHIJ"); check.lstm_step(print); check.hint("lstm_step", 2)
T, found = check.yours("reach")["T"], sorted(name for name in vars(check) if not name.startswith("__"))
"""
    with session(cell, checks=checks, name="lstmkit.grading.lstm", lent=tools) as there:
        assert there.names(["T"])["T"] == question.yours(checks.QUESTIONS["reach"])["T"]
        assert set(there.names(["found"])["found"]) == {*checks.QUESTIONS, "code", "hint", "yours", "leaky_step"}


def test_a_worker_that_never_speaks_is_the_machines_fault():
    with pytest.raises(NotBegun), session("1", spawn=lambda: Worker("import sys; sys.exit(1)")):
        pass


def test_wire_and_guard_are_all_that_a_worker_imports_of_ours():
    code = (
        "import sys\nimport lstmkit.grader.inside.serve\n"
        "found = sorted(m for m in sys.modules if m.startswith('lstmkit'))\n"
        "wanted = ['lstmkit', 'lstmkit.grader', 'lstmkit.grader.inside', 'lstmkit.grader.inside.serve',"
        " 'lstmkit.grader.inside.wire', 'lstmkit.grading', 'lstmkit.grading.guard']\n"
        "sys.exit(0 if found == wanted else str(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert wire.HEADER < wire.BODY
