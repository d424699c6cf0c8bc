"""Records: what they hold, how they are written, gone on with and refused, and what counts as the same code."""

import json
import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from lstmkit import results


@pytest.fixture
def experiment(monkeypatch):
    """An experiment of two lines, which counts its runs; its source is that of `latch`."""
    made = types.ModuleType("lstmkit.experiments.latch")
    made.SETTINGS, made.ran = {"live": {"T": 3}, "recorded": {"T": 30}}, []

    def run(seed=0, scale="live", device="cpu"):
        made.ran.append(seed)
        return {"value": seed * 1.5, "curve": np.arange(3.0), "solved": {"LSTM": seed > 0}, "steps": None}

    made.run = run
    monkeypatch.setitem(sys.modules, "lstmkit.experiments.latch", made)
    return made


def test_a_record_says_where_its_numbers_come_from(experiment, tmp_path):
    record = results.gather("latch", range(2), file=tmp_path / "latch.json")
    assert results.problems(record) == []
    assert record["settings"] == {"T": 3}
    assert record["question"].endswith("?")
    assert record["versions"]["numpy"] == np.__version__
    assert len(record["code"]) == 12
    assert [run["seed"] for run in record["runs"]] == [0, 1]
    assert results.load(tmp_path / "latch.json") == record


def test_it_goes_on_where_it_was(experiment, tmp_path):
    file = tmp_path / "latch.json"
    results.gather("latch", range(2), file=file)
    seen = []
    record = results.gather("latch", range(4), file=file, done=seen.append)
    assert experiment.ran == [0, 1, 2, 3]
    assert [run["seed"] for run in seen] == [2, 3]
    assert results.values(record, "value") == [0.0, 1.5, 3.0, 4.5]
    results.gather("latch", range(1), file=file, anew=True)
    assert experiment.ran[-1] == 0
    assert len(results.load(file)["runs"]) == 1


def test_stopped_halfway_the_record_is_whole(experiment, tmp_path):
    file, run = tmp_path / "latch.json", experiment.run

    def interrupted(seed, **given):
        if seed == 2:
            raise KeyboardInterrupt
        return run(seed, **given)

    experiment.run = interrupted
    with pytest.raises(KeyboardInterrupt):
        results.gather("latch", range(5), file=file)
    assert [run["seed"] for run in results.load(file)["runs"]] == [0, 1]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("what", ["scale", "settings", "code"])
def test_a_record_of_something_else_is_not_written_over(experiment, tmp_path, what):
    file = tmp_path / "latch.json"
    results.gather("latch", range(1), file=file)
    before = file.read_text()
    record = json.loads(before)
    record[what] = {"T": 4} if what == "settings" else "other"
    file.write_text(json.dumps(record))
    kept = file.read_text()
    with pytest.raises(results.Unfit, match=f"another {what}.*--anew"):
        results.gather("latch", range(2), file=file)
    assert file.read_text() == kept
    assert experiment.ran == [0]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[]", "list"),
        ("{", "no record"),
        ('{"format": 1}', "lacks"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path, text, word):
    file = tmp_path / "latch.json"
    file.write_text(text)
    with pytest.raises(results.Unfit, match=word):
        results.load(file)


def test_a_missing_record_says_how_to_make_it(tmp_path):
    with pytest.raises(results.Unfit, match="lstmkit run adding --record"):
        results.load(tmp_path / "adding.json")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": 2}, "format is 2"),
        ({"threads": True}, "threads"),
        ({"versions": []}, "versions"),
        ({"runs": [{"seed": 0}]}, "a run lacks"),
        ({"commit": 5}, "commit"),
    ],
)
def test_problems_are_named(experiment, change, word):
    record = results.gather("latch", range(1)) | change
    assert word in results.problems(record)[0]


def test_seeds_must_rise(experiment):
    record = results.gather("latch", range(2))
    record["runs"].reverse()
    assert "should rise" in results.problems(record)[0]


def test_numbers_become_plain():
    given = {
        1: np.float32(0.1234567),
        "nan": math.nan,
        "big": np.zeros((40, 40)),
        "few": np.arange(4).reshape(2, 2),
        "flag": np.bool_(True),
        "text": "a",
    }
    found = results.plain(given)
    assert found == {
        "1": 0.123457, "nan": None, "big": {"omitted": [40, 40]}, "few": [[0, 1], [2, 3]], "flag": True, "text": "a",
    }  # fmt: skip
    json.dumps(found, allow_nan=False)


def test_a_list_of_numbers_is_one_line():
    text = results.as_text({"curve": [1.5, 2, None], "table": [[1, 2], [3, 4]], "names": ["a", "b"]})
    assert "[ 1.5, 2, null ]" in text
    assert json.loads(text) == {"curve": [1.5, 2, None], "table": [[1, 2], [3, 4]], "names": ["a", "b"]}


def test_keys_with_dots_are_found():
    numbers = {"per_step": {"RNN gain 0.9": 0.8, "RNN": {"a": [1, [2, 3]]}}, "per": 1}
    assert results.pick(numbers, "per_step.RNN gain 0.9") == 0.8
    assert results.pick(numbers, "per_step.RNN.a.1.0") == 2
    assert results.pick(numbers, "per_step.RNN.a.-1") == [2, 3]
    for wrong in ("per_step.GRU", "per_step.RNN.a.2", "per_step.RNN.a.x", "per.x"):
        with pytest.raises(KeyError):
            results.pick(numbers, wrong)


def test_a_time_that_never_came_is_the_largest():
    assert results.spread([5, None, 3]) == (5, 3, math.inf)
    assert results.written(None) == results.written(math.inf) == "never"


@pytest.mark.parametrize(
    ("value", "text"),
    [(12_345, "12,345"), (0.012345, "0.0123"), (1234.5, "1,234"), (True, "yes"), (3, "3"), (100.0, "100")],
)
def test_numbers_are_written_for_readers(value, text):
    assert results.written(value) == text


SOURCE = '''"""A docstring."""

# a comment
def run(seed):
    """Another."""
    return "# no comment" + str(seed)  # a comment
'''


def test_comments_and_docstrings_measure_nothing():
    other = (
        SOURCE.replace("A docstring", "Other words")
        .replace("# a comment", "# more")
        .replace("Another", "Longer\n\n    so")
    )
    assert results._bare(SOURCE) == results._bare(other)
    assert "# no comment" in results._bare(SOURCE)
    assert results._bare(SOURCE) != results._bare(SOURCE.replace("str(seed)", "str(seed + 1)"))


def test_code_is_the_experiment_and_what_it_is_made_of():
    names = results.sources("length_generalisation")
    assert "lstmkit.tasks.adding" in names
    assert "lstmkit.experiments.gates_on_adding" in names
    assert not [name for name in names if name.startswith(results.MACHINERY)]


def test_code_follows_a_change_of_the_task(monkeypatch):
    before, read = results.code("length_generalisation"), Path.read_text

    def changed(path, *given, **named):
        text = read(path, *given, **named)
        return text.replace("1.0 / 6.0", "1.0 / 7.0") if path.parts[-2:] == ("tasks", "adding.py") else text

    monkeypatch.setattr(Path, "read_text", changed)
    assert results.code("length_generalisation") != before


def test_live_stands_beside_recorded(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RECORDED", tmp_path)
    results.gather("latch", range(3), scale="recorded", file=tmp_path / "latch.json")
    shown = results.beside("latch", [experiment.run(7)], {"the value": "value", "solved": "solved.LSTM"})
    assert "| the value | 10.5 | 1.5 (0 to 3) |" in shown
    assert "live: 1 seed, as this page was built | recorded: 3 seeds |" in shown
    assert results.beside("latch", [experiment.run(2), experiment.run(4)], {"x": "value"}).count("4.5 (3 to 6)") == 1
