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


def test_every_variant_equals_its_formula(torch):
    result = parameter_count.run()
    assert result["variants_exact"]
    for name, entry in result["variants"].items():
        assert entry["exact"], name
        assert len(entry["counted"]) == len(result["sizes"])
        missing = [counted for counted in entry["counted"] if counted is None]
        assert len(missing) == (1 if name == "projection torch" else 0)  # torch's P is smaller than its H


def test_the_modules_of_torch_have_as_many(torch):
    """Built by name and counted apart from the experiment's arrays."""
    from lstmkit.torch import GRU, LSTM, ConvLSTM, CoupledLSTM, PeepholeLSTM, ProjectionLSTM, ResetBeforeGRU

    made = {
        "GRU": lambda D, H: GRU(D, H),
        "GRU one bias": lambda D, H: ResetBeforeGRU(D, H),
        "peephole": lambda D, H: PeepholeLSTM(D, H),
        "coupled": lambda D, H: CoupledLSTM(D, H),
        "bidirectional": lambda D, H: LSTM(D, H, bidirectional=True),
        "layers": lambda D, H: LSTM(D, H, num_layers=2),
        "projection": lambda D, H: ProjectionLSTM(D, H, proj_size=3),
        "ConvLSTM": lambda D, H: ConvLSTM(D, H, 3),
        "ConvLSTM peephole": lambda D, H: ConvLSTM(D, H, 3, peephole_size=(4, 6)),
    }
    result = parameter_count.run()
    for name, build in made.items():
        for (D, H), counted in zip(result["sizes"], result["variants"][name]["counted"], strict=True):
            if name != "projection" or H > 3:
                assert sum(p.numel() for p in build(D, H).parameters()) == counted, name


def test_ratios_and_biases():
    result = parameter_count.run()
    assert result["ratios"] == {
        "LSTM to RNN": 4, "GRU one bias to LSTM": 0.75, "GRU one bias to RNN": 3, "coupled to LSTM": 0.75,
        "bidirectional to LSTM": 2,
    }  # fmt: skip
    assert result["second_bias"] == {"one": 17_152, "two": 17_408, "more": 256, "more_over_H": 4}
    assert result["layer_of_64"] == {"layer": 17_152, "one_unit": 268, "lone_cell": 16}
    assert parameter_count.one([2, 2]) == 2
    assert parameter_count.one([2, 3]) is None


def test_the_networks_of_shi_add_up_to_what_was_published(torch):
    """Term by term and by hand, with torch's own layers where it has them."""
    result = parameter_count.run()
    assert all(entry["equal"] for entry in result["shi"].values())

    def conv(
        n_in, H
    ):  # four gates see input and state through 5 × 5 kernels; one bias, one peephole of three a channel
        return sum(p.numel() for p in torch.nn.Conv2d(n_in + H, 4 * H, 5).parameters()) + 3 * H

    last = sum(p.numel() for p in torch.nn.Conv2d(256, 16, 1).parameters())
    two_layers = conv(16, 128) + conv(128, 128) + conv(0, 128) + conv(128, 128) + last
    assert result["shi"]["ConvLSTM 128-128"]["derived"] == two_layers
    three = conv(16, 128) + conv(128, 64) + conv(64, 64) + conv(0, 64) + conv(64, 64) + conv(64, 128) + last
    assert result["shi"]["ConvLSTM 128-64-64"]["derived"] == three

    def full(n_in, H):
        return 4 * H * (n_in + H + 1) + 3 * H

    dense = full(4096, 2048) + 2 * full(2048, 2048) + full(0, 2048) + 2049 * 4096
    assert result["shi"]["FC-LSTM 2048-2048"]["derived"] == dense
    assert result["shi_larger_image"]["ConvLSTM 256"] == 1  # kernels do not know how large an image is
    assert result["shi_larger_image"]["FC-LSTM 2048-2048"] > 1.5
