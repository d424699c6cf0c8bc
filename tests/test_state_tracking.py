"""State tracking: who sees what, what an error is, and that the same seed gives the same numbers."""

import numpy as np
import pytest

pytest.importorskip("torch")
from lstmkit.experiments import state_tracking as experiment


def test_keys_repetition_and_parameters():
    one, two = (experiment.run(scale="test") for _ in range(2))
    for result in (one, two):
        assert all(seconds > 0 for row in result.pop("cpu_seconds_all").values() for seconds in row.values())
        for key in ("cpu_seconds", "after_equal_seconds"):  # they depend on the clock
            assert {*result.pop(key)["cups"]} == {*experiment.ALL}
    np.testing.assert_equal(one, two)
    for key in (*one, "cpu_seconds", "cpu_seconds_all", "after_equal_seconds"):
        assert key in experiment.__doc__.partition("Keys")[2], key
    for row in one["parameters"].values():
        assert all(abs(count / row["LSTM"] - 1) < 0.03 for count in row.values())
    assert one["guess"] == {"parity": 1 / 2, "cups": 1 / 6}


@pytest.mark.parametrize("task", ["parity", "cups"])
def test_guess_is_what_a_constant_answer_gets(rng, task):
    _, y = experiment.draw(task, rng, 40, 3000)
    assert np.mean(y[-1] == y[-1, 0]) == pytest.approx(experiment.guess(task), abs=0.04)


def test_no_contestant_sees_the_symbols_to_come(rng, torch):
    x, _ = experiment.draw("parity", rng, 12, 5)
    changed = x.copy()
    changed[7:] = 1 - changed[7:]
    for name, build in experiment.builders(2).items():
        network = build().eval()
        with torch.no_grad():
            before, after = (network(torch.from_numpy(a))[0][:7] for a in (x, changed))
        np.testing.assert_allclose(before, after, atol=1e-6, err_msg=name)


def test_the_error_is_that_of_the_last_answer(torch):
    y = torch.tensor([[0, 1, 1, 0], [1, 1, 0, 0]])
    answers = torch.nn.functional.one_hot(torch.tensor([[1, 0, 0, 1], [1, 1, 1, 0]]), 2).float()
    assert experiment.error(lambda x: (answers, None), None, y) == 1 / 4


def test_an_unknown_scale_is_named():
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(scale="huge")


@pytest.mark.slow
def test_the_lstm_follows_parity_and_the_two_without_a_real_state_guess():
    for seed in range(3):
        result = experiment.run(seed)
        assert result["longest"]["parity"]["LSTM"] > 0.9
        for name in ("MinLSTM", "Transformer"):
            assert result["trained"]["parity"][name] < 0.75
            assert result["longest"]["parity"][name] < 0.75
