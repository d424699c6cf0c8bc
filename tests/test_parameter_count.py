"""Parameters are counted, and every count equals its formula."""

from lstmkit.experiments import parameter_count
from lstmkit.numpy import lstm, rnn


def test_every_count_equals_its_formula(torch):
    result = parameter_count.run()
    assert result["exact"]
    assert result["ratio"] == 4
    assert all(row["lstm_torch"] is not None for row in result["rows"])


def test_the_functions_of_the_package_agree():
    for row in parameter_count.run()["rows"]:
        D, H = row["D"], row["H"]
        assert lstm.count_params(D, H) == row["lstm_ours"]
        assert lstm.count_params(D, H, biases=2) == row["lstm_formula_two_biases"]
        assert rnn.count_params(D, H) == row["rnn_ours"]


def test_a_layer_known_from_elsewhere():
    row = next(row for row in parameter_count.run()["rows"] if (row["D"], row["H"]) == (2, 64))
    assert row["lstm_ours"] == 17_152
    assert row["lstm_formula_two_biases"] == 17_408


def test_without_torch_the_counts_of_torch_are_none(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    assert parameter_count.count_torch("LSTM", 2, 3) is None
