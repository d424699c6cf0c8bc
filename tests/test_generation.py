"""The cost of one more token: what is carried, counted by hand, and carrying it is as good as reading all again."""

import pytest

torch = pytest.importorskip("torch")

from lstmkit.experiments import generation  # noqa: E402


@pytest.fixture(scope="module")
def result():
    return generation.run(scale="test")


def test_every_key_is_there(result):
    assert set(result) == {
        "tokens_before", "ms", "state_bytes", "bytes_per_token", "ms_growth", "state_growth", "equal_state_at",
        "to_LSTM", "difference", "parameters", "H", "width", "heads", "rounds",
    }  # fmt: skip
    assert set(result["ms"]) == {"LSTM", "Transformer", "Transformer without cache"}
    assert all(value > 0 for values in result["ms"].values() for value in values)
    assert result["to_LSTM"]["LSTM"] == 1


def test_what_does_not_depend_on_the_clock_repeats(result):
    again = generation.run(scale="test")
    for name in ("state_bytes", "bytes_per_token", "equal_state_at", "difference", "parameters", "width"):
        assert again[name] == result[name]


def test_bytes_are_those_of_two_vectors_and_of_two_for_every_token(result):
    assert result["state_bytes"]["LSTM"] == [2 * 4 * result["H"]] * len(result["tokens_before"])
    width = result["width"]
    assert result["state_bytes"]["Transformer"] == [2 * 4 * width * t for t in result["tokens_before"]]
    assert result["bytes_per_token"] == {"LSTM": 0, "Transformer": 8 * width}
    assert result["equal_state_at"] == result["H"] / width


def test_the_states_are_those_that_the_networks_return():
    lstm, block = generation.LSTM(8, 8), generation.block(8)
    x = torch.randn(11, 1, 8)
    for name, module in (("LSTM", lstm), ("Transformer", block)):
        carried, made = module(x)[1], generation.state_of(name, 11, module)
        assert [tuple(field.shape) for field in carried] == [tuple(field.shape) for field in made]
        assert generation.size(carried) == generation.size(made)


def test_token_by_token_is_the_whole_sequence(result):
    assert max(result["difference"].values()) < 1e-5
    block, x = generation.block(8), torch.randn(6, 1, 8)
    with torch.no_grad():
        forgotten = torch.cat([block(x_t[None])[0] for x_t in x])  # a Transformer without its state knows no past
        assert (generation.token_by_token(block, x) - forgotten)[1:].abs().max() > 1e-3


def test_parameters_are_equal_at_the_sizes_that_are_measured():
    H = generation.SETTINGS["live"]["H"]
    lstm = generation.count_parameters(generation.LSTM(H, H))
    width = generation.equal_width(generation.block, lstm, step=generation.HEADS)
    assert generation.count_parameters(generation.block(width)) == pytest.approx(lstm, rel=0.03)


def test_a_scale_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"^scale is 'huge'"):
        generation.run(scale="huge")


@pytest.mark.slow
def test_the_step_of_the_lstm_does_not_grow():
    result = generation.run()
    assert result["ms_growth"]["Transformer"] > 5
    assert result["ms_growth"]["LSTM"] < 3
