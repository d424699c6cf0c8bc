"""The benchmark: what it compares is the same thing, and what it prints is what it measured.  No timing is asserted."""

import json
import mmap
import sys

import numpy as np
import pytest

from lstmkit import bench, cli
from lstmkit.bench import goal, imports, length, lstm, memory, peers, report, run, scan, timing, variants
from lstmkit.bench.timing import Bar, Contender, Shape

TINY = Shape(7, 3, 2, 5)
QUIET = {"threads": 1, "rounds": 2, "progress": False}


@pytest.fixture(autouse=True)
def no_collection(monkeypatch):
    """What a collection before each round costs is of no use where no time is looked at."""
    monkeypatch.setattr(timing.gc, "collect", lambda: 0)


@pytest.fixture
def task(rng):
    """Another problem than the benchmark's own: fresh numbers, random biases."""
    given = timing.problem(TINY, "float64")
    params = type(given.params)(*(rng.standard_normal(p.shape) for p in given.params))
    return timing.Problem(params, *(rng.standard_normal(a.shape) for a in given[1:]))


# Contenders


@pytest.mark.parametrize("make", [lstm.lean, lstm.equations, lstm.tutorial])
def test_a_numpy_contender_is_the_lstm(make, task, monkeypatch):
    monkeypatch.setattr(lstm, "block_steps", lambda T, B, H: 3)  # two whole blocks and a rest
    ours, other = lstm.in_numpy(task), make(task)
    for wanted, got in zip(ours.both(), other.both(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(other.forward(), other.both()[0])


def test_all_contenders_of_the_lstm_agree(task, torch):
    field = lstm.contenders(task)
    timing.must_agree(field, "float64")
    names = [c.name for c in field]
    assert {"lstmkit.numpy", "lstmkit.torch", "torch.nn.LSTM", *timing.FLOOR} <= set(names)
    assert len(names) == len(set(names))


def test_the_loops_that_users_write_compute_our_variants(task, torch):
    field = variants.contenders(task)
    timing.must_agree(field, "float64")
    cells = [c.computes for c in field]
    assert min(map(cells.count, cells)) >= 2, "a cell without a peer"


def test_every_parameter_of_a_loop_takes_part(task, torch):
    """Else the loop would have less to do than ours."""
    from lstmkit.bench import torch_loops
    from lstmkit.torch import CoupledLSTM, PeepholeLSTM
    from lstmkit.torch.layernorm import LayerNormLSTM

    for kind, loop in (
        (PeepholeLSTM, torch_loops.PeepholeLoop),
        (CoupledLSTM, torch_loops.CoupledLoop),
        (LayerNormLSTM, torch_loops.LayerNormLoop),
    ):
        ours = kind(TINY.D, TINY.H, dtype=torch.float64)
        written = loop(ours)
        written(torch.from_numpy(task.x)).sum().backward()
        assert all(p.grad is not None for p in written.parameters())
        assert sum(p.numel() for p in written.parameters()) == sum(p.numel() for p in ours.parameters())


def test_the_ways_to_scan_agree(task):
    timing.must_agree(scan.contenders(task), "float64")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("peer", ["keras", "flax"])
def test_an_optional_peer_is_the_lstm(peer, task):
    if not getattr(peers, f"has_{peer}")():
        pytest.skip(f"{peer} is not installed")
    other = getattr(peers, peer)(task)
    timing.must_agree([lstm.in_numpy(task), other], "float64")
    assert (peer == "flax") == ("compiled in" in other.note)


def test_a_peer_that_is_not_here_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    assert not peers.has_keras()
    assert not peers.has_flax()
    said = " ".join(peers.left_out())
    for words in ("lstmkit[torch]", "pip install keras", "pip install flax"):
        assert words in said


@pytest.mark.parametrize("what", ["hidden states", "gradient of x", "shape"])
def test_whoever_computes_something_else_is_no_contender(what, task):
    honest = lstm.in_numpy(task)
    hs, d_x = honest.both()
    changed = {"hidden states": (hs + 1e-6, d_x), "gradient of x": (hs, 1.001 * d_x), "shape": (hs[:, :, :-1], d_x)}
    cheat = Contender("cheat", lambda: hs, lambda: changed[what])
    with pytest.raises(RuntimeError, match=r"cheat and lstmkit\.numpy differ in the") as said:
        timing.must_agree([honest, cheat], "float64")
    assert what == "shape" or what in str(said.value)
    timing.must_agree([honest, cheat._replace(computes="something else")], "float64")


# Timing


def test_each_runs_once_in_every_round_and_the_order_turns():
    order = []
    functions = {name: lambda name=name: order.append(name) for name in "abc"}
    seconds = timing.interleave(functions, 4, 1, Bar(5, False))
    assert "".join(order) == "abc" + "abc" + "bca" + "cab" + "abc"  # the first three are not counted
    assert {name: len(values) for name, values in seconds.items()} == dict.fromkeys("abc", 4)


def test_what_takes_long_runs_in_the_first_round_alone(task, monkeypatch):
    order = []
    functions = {name: lambda name=name: order.append(name) for name in "ab"}
    seconds = timing.interleave(functions, 3, 1, Bar(4, False), slow={"b"})
    assert "".join(order) == "a" + "ab" + "a" + "a"
    assert [len(values) for values in seconds.values()] == [3, 1]
    assert timing.must_agree([lstm.in_numpy(task)], "float64") == set()
    monkeypatch.setattr(timing, "PATIENCE", 0)
    assert timing.must_agree([lstm.in_numpy(task), lstm.bare_columns(task)], "float64") == {"lstmkit.numpy"}
    about = result_of(LSTM) | {"rounds": 2}
    assert "one round alone" in "\n".join(report.one_table(about))
    assert "one round alone" not in "\n".join(report.one_table(result_of(LSTM)))


def test_ratios_are_those_of_medians_to_the_fastest():
    timings = {"forward": {"ours": [1.0, 9.0, 2.0], "slow": [8.0, 8.0, 8.0], "fast": [4.0, 4.0, 5.0]}}
    against = {"x both": lambda name: ("slow", "fast"), "x none": lambda name: ("absent",)}
    rows = timing.rows(timings, against, {"fast": "note"})
    cell = rows["ours"]["columns"]["forward"]
    assert cell["median"] == 2.0
    assert cell["ratios"] == {"x both": 0.5, "x none": None}
    assert cell["seconds"] == [1.0, 9.0, 2.0]
    assert rows["fast"]["note"] == "note"


def test_the_memory_of_this_process_rises_with_what_it_holds():
    before, _ = memory.resident()
    size = 2**25
    with mmap.mmap(-1, size) as held:  # not an array: after other tests that may lie in memory freed before
        held.write(bytes([1]) * size)
        now, most = memory.resident()
    assert most >= now >= before
    if now != most or sys.platform == "linux":  # where the system says both
        assert 0.9 * size < now - before


def test_the_modes_whose_memory_is_measured_give_the_same_bits(task, torch):
    out = {name: make(task)() for name, make in memory.whole_gradients().items()}
    for stored, lean in zip(out["lstmkit.numpy"], out["lstmkit.numpy, lean"], strict=True):
        np.testing.assert_array_equal(stored, lean)
    for stored, theirs in zip(out["lstmkit.numpy"], out["torch.nn.LSTM"], strict=False):
        np.testing.assert_allclose(theirs, stored, rtol=0, atol=1e-10)


def test_what_an_import_brings_is_noted():
    (result,), left_out = imports.measure((), (), 1, 1, False)
    assert left_out == []
    assert result["contenders"]["import lstmkit.numpy.lstm"]["note"] == "torch not imported"
    assert result["contenders"]["import numpy"]["columns"]["import"]["ratios"] == {"x import numpy": 1.0}


def test_lengths_are_compared_at_equal_sizes():
    shapes = [Shape(8, 3, 2, 5), Shape(4, 3, 2, 5)]
    (result,), _ = length.measure(shapes, ["float64"], **QUIET)
    columns = result["contenders"]["lstmkit.numpy"]["columns"]
    assert list(columns) == ["T=4", "T=8"]
    assert columns["T=4"]["ratios"] == {"x T=4": 1.0}
    with pytest.raises(RuntimeError, match="must be the same"):
        length.measure([Shape(8, 3, 2, 5), Shape(4, 2, 2, 5)], ["float64"], **QUIET)


# The whole of a question


@pytest.fixture
def threads(torch):
    """As many as torch has now, so that measuring here changes nothing for the tests after this one."""
    return torch.get_num_threads()


@pytest.mark.parametrize("what", ["lstm", "variants", "scan"])
def test_a_question_is_answered_in_numbers(what, threads):
    results, _ = run.measure(what, [TINY], ["float64"], threads, 2, None, False)
    (result,) = json.loads(json.dumps(results))
    assert result["shape"] == {"T": 7, "B": 3, "D": 2, "H": 5}
    for row in result["contenders"].values():
        for cell in row["columns"].values():
            assert len(cell["seconds"]) == 2
            assert cell["median"] >= 0
    said = bench.table({"machine": run.machine(), "results": results, "left_out": ["Keras 3: pip install keras"]})
    for words in ("T=7 B=3 D=2 H=5", "float64", "forward + backward", "goals", "pip install keras"):
        assert words in said
    for name in result["contenders"]:
        assert name in said


@pytest.mark.slow
def test_memory_is_measured_in_processes_of_their_own():
    (result,), _ = memory.measure([TINY], ["float64"], **(QUIET | {"rounds": 1}))
    lean = result["contenders"]["lstmkit.numpy, lean"]
    assert lean["note"] == "the bits of the storing mode"
    assert all(cell["ratios"]["words"] >= 0 for cell in lean["columns"].values())


def test_every_question_has_an_answer():
    import importlib

    for what in bench.QUESTIONS:
        module = importlib.import_module(run.module(what))
        assert module.ROUNDS >= 1
        assert callable(module.measure)
    assert {each.what for each in goal.GOALS} == set(bench.QUESTIONS)


def test_a_core_that_openblas_does_not_run_as_is_refused():
    with pytest.raises(RuntimeError, match="though Abacus was asked for"):
        run.measure("lstm", [TINY], ["float64"], 1, 1, "Abacus", False)


def test_each_process_is_told_its_threads_and_kernels():
    told = run.environment(2, "Haswell")
    assert (told["OPENBLAS_NUM_THREADS"], told["OMP_NUM_THREADS"]) == ("2", "2")
    assert told["OPENBLAS_CORETYPE"] == "Haswell"
    assert "OPENBLAS_CORETYPE" not in run.environment(1, None)


@pytest.mark.parametrize(("code", "error"), [(130, KeyboardInterrupt), (3, RuntimeError), (-9, RuntimeError)])
def test_how_a_measuring_process_ends_is_told(code, error, monkeypatch):
    done = type("Done", (), {"returncode": code, "stdout": ""})
    monkeypatch.setattr(run.subprocess, "run", lambda *args, **kwargs: done)
    with pytest.raises(error, match={3: "exit code 3", -9: "signal 9"}.get(code)):
        run.child("lstmkit.bench", {})


# Goals, table, figure


def result_of(medians, what="lstm", shape=(100, 32, 64, 128), dtype="float64", core="Haswell", column=timing.BOTH):
    """A result with these medians, as if measured."""
    rows = timing.rows({column: {name: [value] for name, value in medians.items()}}, lstm.AGAINST, {})
    about = {"what": what, "shape": Shape(*shape)._asdict(), "dtype": dtype, "threads": 1, "blas_core": core}
    return about | {"clock": "processor", "rounds": 1, "unit": "ms", "contenders": rows}


def report_of(*results):
    machine = {
        "processor": "an abacus",
        "cores": 1,
        "system": "wood",
        "load_average": None,
        "python": "3",
        "numpy": "2",
    }
    machine |= {"blas": "beads", "blas_core": "", "torch": "none", "time": ""}
    return {"machine": machine, "results": list(results), "left_out": []}


LSTM = {"lstmkit.numpy": 1.2e-3, "torch.nn.LSTM": 1.6e-3, **dict(zip(timing.FLOOR, (1.5e-3, 1e-3), strict=True))}


def judged(name, *results):
    return next(entry for entry in bench.goals(report_of(*results)) if entry["goal"].startswith(name))


def test_a_goal_is_met_where_all_values_keep_to_it():
    good, bad = result_of(LSTM), result_of(LSTM | {"lstmkit.numpy": 1.4e-3}, shape=(100, 64, 128, 256))
    name = "NumPy LSTM over the floor, B >= 32"
    assert judged(name, good)["met"] is True
    assert judged(name, good)["measured"][0]["value"] == pytest.approx(1.2)  # over the faster of both floors
    entry = judged(name, good, bad)
    assert entry["met"] is False
    assert [m["where"] for m in entry["measured"]][1] == "100,64,128,256 float64 1 thread Haswell"
    text = "\n".join(report.summary([entry]))
    for words in ("1.30", "1.40", "1.20", "missed; met in 1 of 2", "100,64,128,256"):
        assert words in text


def test_a_goal_looks_only_where_it_applies():
    single = result_of(LSTM, shape=(256, 1, 64, 128))
    many = judged("NumPy LSTM over the floor, B >= 32", single)
    assert (many["met"], many["measured"]) == (None, [])
    assert "not measured" in "\n".join(report.summary([many]))
    assert judged("NumPy LSTM over the floor, B = 1", single)["met"] is True
    for core, wanted in (("Haswell", 0), ("SkylakeX", 1)):
        timed = result_of(LSTM, dtype="float32", core=core)
        with_avx512 = judged("NumPy LSTM over torch.nn.LSTM, float32, BLAS with AVX", timed)
        assert len(with_avx512["measured"]) == wanted
    other = bench.goals(report_of(result_of(LSTM, what="scan")))
    assert {entry["goal"] for entry in other} == {each.text for each in goal.GOALS if each.what == "scan"}


def test_a_goal_without_a_bound_is_for_the_record():
    entry = judged("torch LSTM over Flax", result_of(LSTM | {"lstmkit.torch": 3.0, "Flax under jit": 2.0}))
    assert (entry["met"], entry["measured"][0]["value"]) == (None, 1.5)
    assert "for the record" in "\n".join(report.summary([entry]))


def test_memory_length_and_bits_have_their_goals():
    def cells(**words):
        return {k: {"seconds": [v], "median": v, "ratios": {"words": v, "x torch.nn": 0.5}} for k, v in words.items()}

    lean = {"note": "the bits of the storing mode", "columns": cells(first=3.5, again=3.7)}
    about = result_of({}) | {"contenders": {"lstmkit.numpy, lean": lean}}
    assert judged("lean: words", about | {"what": "memory"})["measured"][0]["value"] == 3.7
    assert judged("lean: results", about | {"what": "memory"})["met"] is True
    lean["note"] = "OTHER BITS than the storing mode"
    assert judged("lean: results", about | {"what": "memory"})["met"] is False
    grown = judged("the same, lean", about | {"what": "length"})["measured"][0]["value"]
    assert grown == pytest.approx(3.7 / 3.5)


def test_the_table_has_a_line_for_each_contender():
    lines = bench.table(report_of(result_of(LSTM))).splitlines()
    assert lines[0] == "an abacus, 1 cores, wood, load None"
    row = next(line.split() for line in lines if line.startswith("lstmkit.numpy "))
    assert row == ["lstmkit.numpy", "1.20", "0.75", "1.20"]  # ms, x torch.nn, x floor
    assert any("Haswell kernels" in line for line in lines)


def test_the_figure_is_the_same_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    whole = report_of(result_of(LSTM), result_of(LSTM, shape=(50, 32, 28, 512)), result_of(LSTM, dtype="float32"))
    for name in ("one.svg", "two.svg"):
        bench.plot(whole, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    shown = report.bars(result_of(LSTM))
    assert shown["lstmkit.numpy"] == pytest.approx(1.2)
    bench.plot(report_of(), tmp_path / "empty.png")  # where nothing could be measured


# The command


def test_a_missed_goal_ends_well(capsys, monkeypatch, tmp_path):
    slow = report_of(result_of(LSTM | {"lstmkit.numpy": 1.0}))
    asked = {}
    monkeypatch.setattr(cli.bench, "bench", lambda what, **given: asked.update(given, what=what) or slow)
    file = tmp_path / "bench.json"
    assert cli.main(["bench", "lstm", "--shapes", "7,3,2,5", "7,3,2,5", "--json", str(file)]) == 0
    assert "missed" in capsys.readouterr().out
    assert json.loads(file.read_text())["goals"][0]["met"] is False
    assert (asked["what"], asked["shapes"]) == ("lstm", [Shape(7, 3, 2, 5)])
    assert not {"dtypes", "threads", "blas"} & set(asked)


def test_measuring_that_fails_ends_with_1(capsys, monkeypatch):
    def failing(*args, **kwargs):
        raise RuntimeError("a and b differ")

    monkeypatch.setattr(cli.bench, "bench", failing)
    assert cli.main(["bench", "lstm"]) == 1
    assert "a and b differ" in capsys.readouterr().err


def test_an_import_has_no_shapes(capsys):
    assert cli.main(["bench", "import", "--shapes", "7,3,2,5"]) == 2
    assert "--rounds alone" in capsys.readouterr().err


def test_a_plot_without_matplotlib_is_refused_before_measuring(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    assert cli.main(["bench", "lstm", "--plot", str(tmp_path / "a.svg")]) == 2
    assert "lstmkit[plot]" in capsys.readouterr().err
