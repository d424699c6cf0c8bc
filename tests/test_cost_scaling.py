"""Cost against length: bytes against what the shapes say, exponents against costs whose exponent is known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lstmkit.experiments import cost_scaling  # noqa: E402


@pytest.fixture(scope="module")
def result():
    return cost_scaling.run(scale="test")


def test_every_key_is_there(result):
    assert set(result) == {
        "lengths", "ms", "bytes", "exponent", "exponent_interval", "last_doubling", "to_LSTM", "bytes_to_LSTM",
        "difference", "scores", "D", "heads", "rounds",
    }  # fmt: skip
    names = {"LSTM", "naive attention", "attention", "Transformer"}
    for key in ("ms", "bytes", "to_LSTM", "bytes_to_LSTM"):
        assert set(result[key]) == names
    for key in ("exponent", "exponent_interval", "last_doubling"):
        assert set(result[key]) == {"ms", "bytes"}
        assert all(set(table) == names for table in result[key].values())
    assert all(len(values) == len(result["lengths"]) for values in result["ms"].values())
    assert result["to_LSTM"]["LSTM"] == [1, 1, 1]


def test_what_is_counted_repeats(result):
    again = cost_scaling.run(scale="test")
    assert again["bytes"] == result["bytes"]
    assert again["exponent"]["bytes"] == result["exponent"]["bytes"]
    assert again["difference"] == result["difference"] < 1e-5
    assert result["scores"]["self"]["counted"] == 48 * 48
    assert all(entry["counted"] == entry["formula"] for entry in result["scores"].values())


@pytest.mark.parametrize("T", [8, 33])
def test_bytes_against_the_shapes(T):
    """What must be kept: naive attention its (T, T) weights at least, the fused one nothing of that size."""
    function, inputs, parameters = cost_scaling.contestants("cpu")["naive attention"]
    n, d = cost_scaling.HEADS, cost_scaling.D
    naive = cost_scaling.kept_bytes(function, inputs(T), parameters)
    assert 4 * n * T * T <= naive <= 4 * (2 * n * T * T + 5 * T * d) + n * T * T + T * T
    function, inputs, parameters = cost_scaling.contestants("cpu")["attention"]
    kept = cost_scaling.kept_bytes(function, inputs(T), parameters)
    assert kept == 4 * (4 * T * d + n * T)  # q, k, v, the result, and for each row of scores one logarithm of a sum


def test_memory_is_counted_once_and_parameters_not_at_all():
    x, W = torch.randn(7, 5, requires_grad=True), torch.randn(5, 5, requires_grad=True)
    assert cost_scaling.kept_bytes(lambda x: x * x, (x,), ()) == 4 * 35
    assert cost_scaling.kept_bytes(lambda x: x @ W, (x,), (W,)) == 4 * 35
    assert cost_scaling.kept_bytes(lambda x: x @ W, (x,), ()) == 4 * (35 + 25)


def test_exponents_of_known_costs(rng):
    T = np.array([256, 512, 1024, 2048])
    slope, (low, high) = cost_scaling.exponent(T, 3.0 * T**2.0)
    assert slope == pytest.approx(2)
    assert high - low < 1e-6
    noisy = 5 * T**1.5 * np.exp(0.05 * rng.normal(size=(5, 4)))
    slope, (low, high) = cost_scaling.exponent(T, noisy)
    assert abs(slope - 1.5) < 0.2
    assert low < slope < high
    statistics = pytest.importorskip("scipy.stats")
    fit = statistics.linregress(np.tile(np.log(T), 5), np.log(noisy).ravel())
    assert slope == pytest.approx(fit.slope)
    assert slope - low >= 0.99 * fit.stderr * statistics.t.ppf(0.975, noisy.size - 2)
    for freedom, quantile in cost_scaling.STUDENT.items():
        assert quantile == pytest.approx(statistics.t.ppf(0.975, freedom), abs=1e-3)


def test_both_attentions_see_the_past_alone():
    q, k, v = (torch.randn(1, 2, 6, 4) for _ in range(3))
    for attention in (cost_scaling.naive, cost_scaling.fused):
        before = attention(q, k, v)
        later = v.clone()
        later[:, :, 4:] += 1
        torch.testing.assert_close(attention(q, k, later)[:, :, :4], before[:, :, :4])
        assert (attention(q, k, later)[:, :, 4:] != before[:, :, 4:]).all()


def test_a_scale_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"^scale is 'huge'"):
        cost_scaling.run(scale="huge")


@pytest.mark.slow
def test_the_square_is_in_the_time_and_not_in_the_memory():
    result = cost_scaling.run()
    assert result["exponent"]["bytes"]["attention"] == pytest.approx(1, abs=0.05)
    assert result["exponent"]["bytes"]["naive attention"] > 1.5
    assert result["exponent"]["ms"]["naive attention"] > result["exponent"]["ms"]["LSTM"] + 0.5
