"""The blues: the round of the chords, the line that comes again, the local rule; and the experiment that plays it."""

import numpy as np
import pytest

from lstmkit.tasks import blues


def test_the_form_is_that_of_a_twelve_bar_blues(rng):
    chords, notes = blues.pieces(rng, 3, 4)
    assert chords.shape == notes.shape == (3 * blues.CHORUS, 4)
    assert "".join("I" if c == 0 else "4" if c == 1 else "5" for c in chords[: blues.CHORUS : blues.STEPS, 0]) == (
        "IIII44II54II"
    )
    for b in range(4):
        for t in range(len(chords)):
            assert chords[t, b] == blues.FORM[t // blues.STEPS % 12]
    assert blues.changes() == 5  # I IV I V IV I, and round to I without a change


def test_the_second_line_is_the_first_and_the_answer_is_not(rng):
    _, notes = blues.pieces(rng, 2, 200)
    line = blues.LINE
    assert line == 4 * blues.STEPS
    for chorus in notes.reshape(2, blues.CHORUS, 200):
        np.testing.assert_array_equal(chorus[:line], chorus[line : 2 * line])
        assert np.mean(chorus[:line] == chorus[2 * line :]) < 0.5
    assert np.mean(notes[: blues.CHORUS] == notes[blues.CHORUS :]) < 0.5  # a new line in each chorus
    np.testing.assert_array_equal(blues.repeat_rate(notes), [1, 1])
    assert (blues.chance_of_a_repeat(notes) < 0.4).all()


def test_notes_follow_the_local_rule():
    """Counted from many pieces: what follows a note over a chord, in answers, where nothing is repeated."""
    chords, notes = blues.pieces(np.random.default_rng(0), 1, 20_000)
    at = slice(2 * blues.LINE + 1, blues.CHORUS)
    before, now, chord = notes[2 * blues.LINE : blues.CHORUS - 1], notes[at], chords[at]
    for c in range(3):
        for note in (0, 3, 5):
            chosen = (chord == c) & (before == note)
            shares = np.bincount(now[chosen], minlength=6) / chosen.sum()
            np.testing.assert_allclose(shares, blues.note_probabilities([note], [c])[0], atol=0.03)
    p = blues.note_probabilities([0, 0], [0, 0])[0]
    by_hand = np.array([2 * 1, np.exp(-0.8), 0.5 * np.exp(-1.6), 2 * np.exp(-2.4), np.exp(-3.2), np.exp(-1.6)])
    np.testing.assert_allclose(p, by_hand / by_hand.sum())


def test_batch_encodes_what_comes_next(rng):
    x, y = blues.batch(rng, 2, 3, np.float32)
    assert x.dtype == np.float32
    assert x.shape == (2 * blues.CHORUS - 1, 3, 9)
    np.testing.assert_array_equal(x[..., :3].argmax(-1)[1:], y[:-1, :, 0])
    np.testing.assert_array_equal(x[..., 3:].argmax(-1)[1:], y[:-1, :, 1])
    np.testing.assert_array_equal(x.sum(-1), 2)


def test_same_seed_same_pieces():
    one, two = (blues.batch(np.random.default_rng(3), 1, 2) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("choruses", "B", "name"), [(0, 2, "choruses"), (1, 0, "B"), (1.0, 2, "choruses")])
def test_bad_sizes_are_named(rng, choruses, B, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        blues.batch(rng, choruses, B)


# The experiment


@pytest.fixture(scope="module")
def small():
    pytest.importorskip("torch")
    from lstmkit.experiments import blues as experiment

    return experiment, experiment.run(0, "test")


def test_the_experiment_has_every_key_and_repeats_itself(small):
    experiment, result = small
    again = experiment.run(0, "test")
    assert set(result) == {
        "choruses_kept",
        "kept_all",
        "chords_right",
        "pair_distance",
        "repeated",
        "repeat_gain",
        "chorus_repeats",
        "loss_by_line",
        "forget",
        "forget_at_chorus",
        "forget_elsewhere",
        "boundary_rank",
        "largest_unit_drop",
        "usual_unit_drop",
        "rate",
        "parameters",
        "choruses",
        "pieces",
        "H",
    }
    for key in ("choruses_kept", "chords_right", "pair_distance", "repeated", "boundary_rank"):
        assert result[key] == again[key]
    assert set(result["kept_all"]) == {"LSTM", "LSTM chrono", "4-gram"}
    assert len(set(result["parameters"].values())) == 1
    assert result["repeated"]["real"] == 1
    assert result["repeated"]["chance"] < 0.5
    for name, forget in result["forget"].items():
        assert forget.shape == (blues.CHORUS,)
        assert result["forget_at_chorus"][name] == forget[0]
        assert result["boundary_rank"][name] == sorted(forget).index(forget[0])


def test_choruses_kept_by_walking(small):
    experiment, _ = small
    chords, _ = blues.pieces(np.random.default_rng(0), 3, 4)
    chords = chords.copy()
    chords[2 * blues.CHORUS + 5, 1] = 2
    chords[0, 2] = 1
    chords[blues.CHORUS - 1, 3] = 2
    np.testing.assert_array_equal(experiment.choruses_kept(chords), [3, 2, 0, 0])


def test_counts_by_hand(small):
    experiment, _ = small
    chords, notes = np.zeros((5, 1), int), np.array([[1], [2], [1], [2], [3]])
    counts = experiment.count_followers(chords, notes, order=1)
    np.testing.assert_array_equal(counts[()][:6], [0, 2, 2, 1, 0, 0])
    np.testing.assert_array_equal(counts[(1,)][:6], [0, 0, 2, 0, 0, 0])
    np.testing.assert_array_equal(counts[(2,)][:6], [0, 1, 0, 1, 0, 0])
    assert (3,) not in counts
    played = experiment.play_counts(counts, np.random.default_rng(0), chords[:1], notes[:1], 3, order=1)
    assert played.shape == (2, 3, 1)
    assert played[1, 0, 0] == 2  # the only one that followed


def test_pair_shares_by_hand(small):
    shares = small[0].pair_shares(np.array([[0], [1], [1], [0], [1]]))
    assert shares[0 * 6 + 1] == 0.5
    assert shares[1 * 6 + 1] == shares[1 * 6 + 0] == 0.25
    assert shares.sum() == 1


def test_the_gates_are_those_of_the_network(small, torch):
    """The mean of the gate, from the equation, one step after the other."""
    experiment, _ = small
    network = experiment.Network(experiment.LSTM(9, 3), 9)
    chords, notes = blues.pieces(np.random.default_rng(2), 2, 2)
    ours = experiment.forget_by_step(network, chords, notes)
    W_x, W_h, b = (getattr(network.core, f"{name}_l0").detach().double() for name in ("W_x", "W_h", "b"))
    x, h, c, gates = torch.from_numpy(blues.encode(chords, notes)), torch.zeros(2, 3).double(), 0, []
    for x_t in x:
        i, f, g, o = (x_t @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        gates.append(f.sigmoid().mean(0))
    np.testing.assert_allclose(ours, torch.stack(gates)[blues.CHORUS :].numpy(), atol=1e-9)


def test_drops_by_hand(small):
    forget = np.array([[0.9, 0.2], [0.5, 0.4], [0.1, 0.9]])
    np.testing.assert_allclose(small[0].drops(forget), [0.5 - 0.2, 0.1, 0.4])


def test_the_loss_of_a_line_by_hand(small, torch):
    experiment, _ = small
    network = experiment.Network(experiment.LSTM(9, 3), 9)
    chords, notes = blues.pieces(np.random.default_rng(2), 2, 2)
    with torch.no_grad():
        said = network(torch.from_numpy(blues.encode(chords, notes, np.float32)))[0][..., 3:].log_softmax(-1)
    wanted = []
    for line in range(3):
        first = blues.CHORUS + line * blues.LINE
        wanted.append(-np.mean([said[t - 1, b, notes[t, b]] for t in range(first, first + blues.LINE) for b in (0, 1)]))
    np.testing.assert_allclose(experiment.loss_by_line(network, chords, notes, "cpu"), wanted, rtol=1e-5)


def test_the_experiment_names_a_bad_scale(small):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        small[0].run(0, "huge")


@pytest.mark.slow
def test_the_round_is_kept_and_the_tune_is_lost(small):
    result = small[0].run(0, "live")
    assert result["chords_right"]["LSTM chrono"] > 0.9 > 0.7 > result["chords_right"]["4-gram"]
    assert result["choruses_kept"]["LSTM chrono"] > 3 > 1 > result["choruses_kept"]["4-gram"]
    assert result["repeat_gain"]["LSTM chrono"] < 0.6
