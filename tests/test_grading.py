"""The checks that grade, graded: the key, the blank, the bug bank, right answers in other styles, and the messages."""

import contextlib
import gc
import inspect
import logging
import os
import re
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from exercises.mistakes import bank
from lstmkit.grading import guard, lstm_mistakes, question
from lstmkit.grading import lstm as check
from lstmkit.grading.question import OWN, examine

jupytext = pytest.importorskip("jupytext")  # reads the assignment; the checks need NumPy alone

TEXT = Path(__file__).parents[1] / "exercises" / "assignments" / "lstm.py"
ENTRIES = bank.entries("lstm")
WRONG = [entry for entry in ENTRIES if entry.hints]
RIGHT = [entry for entry in ENTRIES if not entry.hints]


def code_cells():
    return [cell for cell in jupytext.read(TEXT, fmt="py:percent").cells if cell.cell_type == "code"]


def blank(source):
    return re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "raise NotImplementedError()", source, flags=re.DOTALL)


def answers(change=lambda source: source):
    """What the assignment's answer cells define, each source changed by `change`."""
    namespace = {"np": np, "check": check}
    for cell in code_cells():
        if "question" in cell.metadata and "points" not in cell.metadata:
            exec(change(cell.source), namespace)
        elif re.search(r"check\.yours\(", cell.source):
            exec(cell.source, namespace)
    return namespace


def places(name, namespace):
    """The functions that the check of a question takes."""
    return {place: namespace[place] for place in inspect.signature(getattr(check, name)).parameters if place != "seed"}


def wanted_numbers(name, seed):
    q = check.QUESTIONS[name]
    return [value for draw in question.draws_of(q, seed) for value in q.key(*draw.args).values()]


@pytest.fixture
def short_time(monkeypatch):
    monkeypatch.setattr(guard, "SECONDS", 0.3)


@pytest.mark.parametrize(
    ("name", "formulas"),
    [
        ("sigmoid", lstm_mistakes.sigmoid_and_slope),
        ("lstm_step", lstm_mistakes.step),
        ("lstm_step_backward", lstm_mistakes.step_gradients),
        ("lstm_forward", lstm_mistakes.sequence),
        ("lstm_backward", lstm_mistakes.gradients_through_time),
        ("port_weights", lstm_mistakes._ported),
        ("reach", lstm_mistakes.reach),
        ("repair", lstm_mistakes.leaky_gradients),
        ("lean_backward", lstm_mistakes.from_checkpoints),
    ],
)
def test_the_formulas_of_the_diagnosis_are_right_when_nothing_is_replaced(name, formulas, seed):
    for draw in question.draws_of(check.QUESTIONS[name], seed):
        if draw.kind == "ordinary":
            right = check.QUESTIONS[name].key(*draw.args)
            for part, value in formulas(*draw.args).items():
                assert question._close(np.asarray(value, float), right[part], question._tolerance(draw)), part


def test_draws_have_sizes_that_differ_and_are_never_four(rng):
    for _ in range(20):
        for draw in check.LSTM_BACKWARD.draws(rng):
            if not draw.label:
                T, B, D = draw.args[3].shape
                H = draw.args[4].shape[1]
                assert len({T, B, D, H, 4}) == 5


# A mistake costs points once.


def test_a_wrong_sigmoid_does_not_cost_the_step():
    namespace = answers()
    namespace["sigmoid"] = np.tanh
    report = examine(check.LSTM_STEP, places("lstm_step", namespace))
    assert not report.lost
    assert "judged with ours in its place" in str(report)


@pytest.mark.parametrize("wrong", ["forget_gate_first", "no_bias", "cell_not_squashed"])
def test_a_wrong_step_costs_neither_its_backward_nor_the_sequence(wrong):
    namespace = answers()
    theirs = next(entry for entry in WRONG if entry.name == wrong).answers["lstm_step"]
    namespace["lstm_step"] = lambda *args: (*theirs(*args)[:2], namespace["right_step"](*args)[2])
    namespace["right_step"] = answers()["lstm_step"]
    for name in ("lstm_step_backward", "lstm_forward", "lstm_backward"):
        assert not examine(check.QUESTIONS[name], places(name, namespace)).lost, name


def test_a_wrong_step_backward_does_not_cost_the_loop():
    namespace = answers()
    right = namespace["lstm_step_backward"]
    namespace["lstm_step_backward"] = lambda d_h, d_c, cache: right(d_h, 0 * d_c, cache)
    assert not examine(check.LSTM_BACKWARD, places("lstm_backward", namespace)).lost
    assert namespace["lstm_step_backward"] is not right  # the student's own is put back


def test_two_mistakes_in_one_answer_are_both_named():
    entry = next(entry for entry in WRONG if entry.name == "two_slips")
    said = str(examine(check.LSTM_STEP_BACKWARD, entry.answers))
    assert "the factor f is missing" in said
    assert "the mean over the batch" in said


def test_mistakes_that_cannot_be_told_apart_are_named_together():
    entry = next(entry for entry in WRONG if entry.name == "gates_swapped_in_cell")
    said = str(examine(check.LSTM_STEP, entry.answers))
    assert "f, i, g, o" in said
    assert "i and f are exchanged" in said
    assert "it may be either" in said


def test_numbers_that_no_mistake_explains_get_no_cause(rng):
    report = examine(check.LSTM_STEP, {"lstm_step": lambda x, h, c, *_: (rng.normal(size=h.shape), c, None)})
    assert report.hints <= {"only x, h and c all zero"}
    assert not any("this is what comes out" in cause for cause in report.causes)


def test_a_failing_part_hides_no_other():
    def half(d_h, d_c, cache):
        d_x, _, d_c_prev, *_ = answers()["lstm_step_backward"](d_h, d_c, cache)
        return d_x, "text", d_c_prev, None, [[1, 2], [3]], 1j

    report = examine(check.LSTM_STEP_BACKWARD, {"lstm_step_backward": half, "lstm_step": answers()["lstm_step"]})
    assert set(report.lost) == {"d_h_prev", "d_W_x", "d_W_h", "d_b"}


def test_own_cache_matters_only_where_the_step_is_right():
    namespace = answers()
    right = namespace["lstm_step"]
    report = examine(
        check.LSTM_STEP_BACKWARD,
        places("lstm_step_backward", namespace | {"lstm_step": lambda *args: (*right(*args)[:2], "nothing")}),
    )
    assert report.lost == {OWN: 1}
    assert report.hints == {"cache"}


def test_sequences_that_are_mixed_are_said_to_be(rng):
    right = answers()["lstm_step"]
    found = {
        "sorted": lambda x, h, *rest: right(np.sort(x, axis=0), h, *rest),
        "centred": lambda x, h, *rest: right(x - x.mean(axis=0), h, *rest),
        "first for all": lambda x, h, *rest: right(np.repeat(x[:1], len(x), axis=0), h, *rest),
        "apart": lambda x, h, *rest: right(x * np.arange(x.shape[1]), h, *rest),
    }
    for name, wrong in found.items():
        report = examine(check.LSTM_STEP, {"lstm_step": wrong})
        assert ("batch order" in report.hints) == (name != "apart"), report
        assert ("h, c: the sequences of the batch are not kept apart" in str(report)) == (name != "apart")


# What a student's function may do without harm.


def test_noise_costs_nothing(capfd):
    def noisy(a):
        print("working")
        print("still working", file=sys.stderr)
        warnings.warn("a warning", stacklevel=1)
        logging.getLogger().error("a log record")
        os.write(1, b"as compiled code does")
        os.write(2, b"as compiled code does")
        np.seterr(all="raise")
        warnings.simplefilter("error")
        return 1 / (1 + np.exp(-np.clip(np.asarray(a, float), -700, 700)))

    before = np.geterr()
    assert check.sigmoid(noisy, lambda y: y * (1 - y)) == 6.0
    out, err = capfd.readouterr()
    assert "working" not in out
    assert "compiled" not in out
    assert not err
    assert np.geterr() == before


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), RecursionError(), MemoryError(), GeneratorExit()])
def test_an_exception_is_part_of_the_result(error):
    def fails(a):
        raise error

    report = examine(check.SIGMOID, {"sigmoid": fails, "d_sigmoid": lambda y: y * (1 - y)})
    assert report.lost == {"sigmoid": 2, "large inputs": 1}
    assert f"raised {type(error).__name__}" in str(report)


def test_an_interrupt_is_not_swallowed():
    def interrupted(a):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check.sigmoid(interrupted, interrupted)


def test_an_endless_loop_is_ended_once(short_time):
    def endless(*args):
        while True:
            with contextlib.suppress(Exception):
                time.sleep(0.01)

    started = time.monotonic()
    report = examine(check.LSTM_STEP, {"lstm_step": endless})
    assert report.points == 0
    assert time.monotonic() - started < 5 * guard.SECONDS
    assert "an endless loop?" in str(report)


def test_a_cache_that_contains_itself_is_no_harm():
    namespace = answers()
    right = namespace["lstm_forward"]

    def knotted(*args):
        hs, last, caches = right(*args)
        caches.append(caches)
        return hs, last, caches

    report = examine(check.LSTM_BACKWARD, places("lstm_backward", namespace | {"lstm_forward": knotted}))
    assert report.lost == {OWN: 1}


@pytest.mark.parametrize("answer", [None, 3, "sigmoid", np.zeros(3)])
def test_what_is_not_a_function_is_said_to_be_none(answer):
    report = examine(check.SIGMOID, {"sigmoid": answer, "d_sigmoid": lambda y: y * (1 - y)})
    assert report.points == 3
    assert "not a function" in str(report)


def test_each_mistake_gets_one_call_to_print_and_a_float(capsys):
    points = check.lstm_step(partial(answers()["lstm_step"]))
    assert isinstance(points, float)
    assert "lstm_step: 15 of 15 points" in capsys.readouterr().out


def test_a_name_is_put_back_after_an_exception():
    names = {}
    exec("def helper(): return 1\ndef f(): return helper()", names)
    with contextlib.suppress(ZeroDivisionError), guard.stand_in(names["f"], {"helper": lambda: 2, "absent": None}):
        assert names["f"]() == 2
        raise ZeroDivisionError
    assert names["f"]() == 1
    assert "absent" not in names


def test_a_check_that_falls_over_an_answer_says_so():
    def attempt(answers, args, own):
        raise IndexError("too few")

    broken = check.SIGMOID._replace(attempt=attempt)
    report = examine(broken, {"sigmoid": np.tanh, "d_sigmoid": np.tanh})
    assert report.points == 0
    assert "cannot be read as an answer (IndexError: too few)" in str(report)


def test_hints_are_a_ladder(capsys):
    ladder = check.LSTM_STEP.hints
    for step, text in enumerate(ladder, start=1):
        check.hint("lstm_step", step)
        said = capsys.readouterr().out
        assert f"hint {step} of {len(ladder)}: {text}" in said
        assert (f'check.hint("lstm_step", {step + 1})' in said) == (step < len(ladder))
    for step in (0, len(ladder) + 1, "2", True, 1.0):
        with pytest.raises(ValueError, match="has the hints 1 to"):
            check.hint("lstm_step", step)
    with pytest.raises(ValueError, match="there is no question 'gru_step' here; there are: sigmoid, lstm_step"):
        check.hint("gru_step")


def test_what_the_garbage_collector_calls_is_not_counted():
    """Other libraries have the collector call them, in a student's process too."""

    def busy(phase, info):
        for _ in range(1000):
            pass

    lists = lambda: [[k] for k in range(10_000)]  # noqa: E731 - one line that runs, and several collections
    gc.callbacks.append(busy)
    try:
        _, lines = guard.counted(lists, ())
    finally:
        gc.callbacks.remove(busy)
    assert gc.isenabled()
    assert lines < 20_100
