"""The command line: what it prints, how it ends, and what it says to a wrong word.  No timing is asserted."""

import json
import subprocess
import sys

import pytest

from lstmkit import claims, cli, doctor, results
from lstmkit.data import download


def test_doctor_prints_one_table_and_ends_well(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for name in ("Python", "NumPy", "PyTorch", "Chromium", "bubblewrap", "nbgrader", "disk"):
        assert name in out


def test_doctor_says_what_a_missing_thing_costs():
    rows = [
        doctor.Row("Python", True, "3.12", needed=True),
        doctor.Row("PyTorch", False, "not here", "no lstmkit.torch"),
    ]
    text = doctor.table(rows)
    assert "cost: no lstmkit.torch" in text
    assert "missing: PyTorch" in text
    assert doctor.usable(rows)
    assert not doctor.usable([doctor.Row("NumPy", False, "", "nothing runs", needed=True)])


def test_run_without_a_name_lists_the_experiments_and_their_questions(capsys):
    assert cli.main(["run"]) == 0
    out = capsys.readouterr().out
    for name in ("gates_on_adding", "gradient_lag", "latch", "sunspots", "temporal_order"):
        assert name in out
    assert "?" in out


def test_run_prints_numbers_and_records_them(capsys, tmp_path):
    command = ["run", "parameter_count", "--seeds", "2", "--record", str(tmp_path)]
    assert cli.main(command) == 0
    assert "exact" in capsys.readouterr().out
    record = results.load(tmp_path / "parameter_count.json")
    assert [run["seed"] for run in record["runs"]] == [0, 1]
    assert cli.main(command) == 0  # safe to run twice
    assert results.load(tmp_path / "parameter_count.json") == record


def test_several_experiments_give_a_table(capsys, tmp_path):
    command = ["run", "parameter_count", "autocorrelation", "--scale", "test", "--seeds", "2", "--jobs", "2"]
    assert cli.main([*command, "--record", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "CPU seconds" in out
    assert "together" in out
    for name in ("parameter_count", "autocorrelation"):
        assert len(results.load(tmp_path / f"{name}.json")["runs"]) == 2


def test_an_experiment_that_fails_does_not_end_the_others(capsys, monkeypatch, tmp_path):
    def broken(seed, scale, device):
        raise RuntimeError("no such luck")

    from lstmkit.experiments import autocorrelation

    monkeypatch.setattr(autocorrelation, "run", broken)
    command = ["run", "autocorrelation", "parameter_count", "--scale", "test", "--record", str(tmp_path)]
    assert cli.main(command) == 1
    assert "RuntimeError: no such luck" in capsys.readouterr().err
    assert (tmp_path / "parameter_count.json").exists()
    assert not (tmp_path / "autocorrelation.json").exists()


def test_ctrl_c_keeps_the_seeds_that_are_done(capsys, monkeypatch, tmp_path):
    from lstmkit.experiments import parameter_count

    run = parameter_count.run

    def stopped(seed, scale, device):
        if seed == 2:
            raise KeyboardInterrupt
        return run(seed, scale, device)

    monkeypatch.setattr(parameter_count, "run", stopped)
    assert cli.main(["run", "parameter_count", "--seeds", "5", "--record", str(tmp_path)]) == 130
    assert "median" in capsys.readouterr().out
    assert [run["seed"] for run in results.load(tmp_path / "parameter_count.json")["runs"]] == [0, 1]


def test_a_claim_that_does_not_hold_ends_with_1(capsys, monkeypatch):
    check = claims.read_check({"experiment": "parameter_count", "key": "ratio", "is": [5, 6], "shows": "x"}, "claim 1")
    wrong = claims.Claim("1", "mathematics", "x", "right", "", [], [check._replace(live=True)], "")
    monkeypatch.setattr(claims, "load", lambda: [wrong])
    assert cli.main(["run", "parameter_count"]) == 1
    assert "claim 1 DOES NOT HOLD: ratio: 4; asked: from 5 to 6" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "gates_on_addin"], "gates_on_adding"),
        (["run", "parameter_count", "--device", "tpu"], "cpu or cuda"),
        (["run", "gradient_lag", "--scale", "huge"], "live"),
        (["run", "gradient_lag", "--all"], "leave"),
    ],
)
def test_a_wrong_word_gets_a_cure(capsys, arguments, words):
    assert cli.main(arguments) != 0
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bench", "lstm", "--shapes", "100,32"], "T,B,D,H"),
        (["bench", "lstm", "--rounds", "0"], "at least 1"),
        (["bench", "lstm", "--dtype", "float16"], "float32"),
        (["bench", "lstm", "--plot", "bench.txt"], ".svg"),
        (["bench", "dance"], "variants"),
        (["run", "parameter_count", "--seeds", "none"], "at least 1"),
        (["run", "parameter_count", "--record", "no/such/folder"], "must exist"),
        (["dance"], "doctor"),
    ],
)
def test_a_malformed_line_ends_with_2(capsys, arguments, words):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["doctor"], ["bench"], ["run"]])
def test_help_has_an_example(capsys, command):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0
    assert "example: lstmkit" in capsys.readouterr().out


def test_ctrl_c_ends_cleanly(capsys, monkeypatch):
    def interrupted(chosen):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run_doctor", interrupted)
    assert cli.main(["doctor"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_python_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "lstmkit", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("lstmkit ")


@pytest.mark.slow
def test_bench_names_the_machine_and_every_contender(tmp_path):
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "lstmkit", "bench", "lstm", "--shapes", "7,3,2,5", "--dtype", "float64"]
    done = subprocess.run([*command, "--rounds", "2", "--json", str(file)], capture_output=True, text=True, check=True)
    for word in ("lstmkit.numpy", "lstmkit.torch", "torch.nn.LSTM", "bare products", "x floor", "median of 2 rounds"):
        assert word in done.stdout
    assert len(json.loads(file.read_text())["results"]) == 1


def test_data_lists_what_there_is(capsys):
    assert cli.main(["data"]) == 0
    printed = capsys.readouterr().out
    for name, dataset in download.DATASETS.items():
        assert f"{name}  (" in printed
        assert dataset.licence in printed


def test_data_with_a_name_close_to_one_suggests_it(capsys):
    assert cli.main(["data", "mnis"]) == 2
    assert "did you mean mnist?" in capsys.readouterr().err


def test_data_fetches_into_the_folder(capsys, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(download, "fetch", lambda *given: asked.append(given) or [tmp_path / "chorales" / "x.mat"])
    assert cli.main(["data", "chorales", "--folder", str(tmp_path)]) == 0
    assert asked[0][:2] == ("chorales", tmp_path)
    assert capsys.readouterr().out.strip() == str(tmp_path / "chorales" / "x.mat")


def test_data_says_when_the_server_cannot_be_reached(capsys, tmp_path, monkeypatch):
    def offline(*given):
        raise ConnectionError("cannot fetch it: check the connection and try again")

    monkeypatch.setattr(download, "fetch", offline)
    assert cli.main(["data", "chorales", "--folder", str(tmp_path)]) == 1
    assert "check the connection" in capsys.readouterr().err
