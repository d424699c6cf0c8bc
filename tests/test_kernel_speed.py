"""The speed of training steps: what is timed is the same network, and the sums beside the times are right."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lstmkit.bench.timing import Shape, problem  # noqa: E402
from lstmkit.experiments import kernel_speed  # noqa: E402
from lstmkit.numpy import lstm  # noqa: E402


@pytest.fixture(scope="module")
def result():
    return kernel_speed.run(scale="test")


def test_every_key_is_there_and_every_time_is_positive(result):
    assert set(result) == {
        "ms", "ratio", "without_oneDNN", "fused", "multiply_adds", "multiply_adds_ratio", "parameters",
        "parameters_equal", "widths", "has_oneDNN", "T_batch", "B_batch", "T_stream", "H", "rounds",
    }  # fmt: skip
    assert set(result["ms"]) == {"batch", "stream", "equal"}
    for table in result["ms"].values():
        assert set(table["torch"]) == {"RNN", "LSTM", "GRU", "Transformer"}
        assert set(table["torch without oneDNN"]) == {"RNN", "LSTM", "GRU"}
        assert set(table["lstmkit"]) == set(kernel_speed.OURS)
        assert all(value > 0 for row in table.values() for value in row.values())
    for shape, table in result["ratio"].items():
        row = result["ms"][shape]["torch"]
        assert table["torch"]["GRU to LSTM"] == row["GRU"] / row["LSTM"]
        assert "coupled LSTM to LSTM" in table["lstmkit"]
    assert result["fused"]["batch"]["four_to_one"] > 0


def test_what_does_not_depend_on_the_clock_repeats(result):
    again = kernel_speed.run(seed=3, scale="test")
    for name in ("multiply_adds", "multiply_adds_ratio", "parameters", "parameters_equal", "widths"):
        assert again[name] == result[name]


def test_equal_parameters_are_equal_at_the_sizes_that_are_measured():
    H = kernel_speed.SETTINGS["live"]["H"]
    counts = kernel_speed.counts(H, kernel_speed.widths_of_equal_parameters(H, H))
    assert max(counts.values()) < 1.03 * min(counts.values())


def test_multiplications_are_those_of_the_matrices(result):
    H = result["H"]
    for name, make in kernel_speed.OURS.items():
        module = make(H, H)
        assert result["multiply_adds"][name] == sum(p.numel() for n, p in module.named_parameters() if n[:2] == "W_")
    assert result["multiply_adds_ratio"]["LSTM"] == 4
    assert result["multiply_adds_ratio"]["GRU"] == 3


@pytest.mark.parametrize("pieces", [1, 4, 8])
@pytest.mark.parametrize("shape", [(5, 3, 2, 4), (7, 1, 3, 6)])
def test_the_pieces_are_the_lstm(pieces, shape):
    task = problem(Shape(*shape), "float64")
    hs = lstm.forward(task.params, task.x)[0]
    np.testing.assert_allclose(kernel_speed.forward_in_pieces(task, pieces), hs, atol=1e-12)


def test_without_onednn_is_the_same_step_and_leaves_torch_as_it_was():
    task, threads = problem(Shape(6, 2, 8, 8), "float32"), torch.get_num_threads()
    step = kernel_speed.training_step(torch.nn.LSTM(8, 8), task, "cpu")
    enabled = torch.backends.mkldnn.enabled
    for ours, theirs in zip(kernel_speed.without_onednn(step)(), step(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert torch.backends.mkldnn.enabled == enabled
    with kernel_speed.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads
    seen = kernel_speed.without_onednn(lambda: torch.backends.mkldnn.enabled)
    assert not seen()


def test_a_scale_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"^scale is 'huge'"):
        kernel_speed.run(scale="huge")


@pytest.mark.slow
def test_one_long_sequence_is_where_the_kernel_decides():
    result = kernel_speed.run()
    if not result["has_oneDNN"]:
        pytest.skip("this torch has no oneDNN")
    assert result["ratio"]["stream"]["torch"]["GRU to LSTM"] > 3
    assert result["ratio"]["stream"]["torch without oneDNN"]["GRU to LSTM"] < 2
