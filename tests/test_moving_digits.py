"""Moving digits: found again in each frame, stepping and bouncing one step at a time."""

import numpy as np
import pytest

from lstmkit.tasks import moving_digits


def corner(frame, picture):
    """The places (row, column) at which a frame (S, S) is this picture and black elsewhere."""
    h, w = picture.shape
    found = []
    for r in range(frame.shape[0] - h + 1):
        for c in range(frame.shape[1] - w + 1):
            rest = frame.copy()
            rest[r : r + h, c : c + w] -= picture
            if not rest.any():
                found.append((r, c))
    return found


def test_a_digit_walks_straight_and_bounces(rng):
    T, B, S = 25, 6, 9
    picture = rng.uniform(0.1, 1.0, (1, 4, 3))  # taller than wide: rows and columns are not the same
    x = moving_digits.batch(rng, T, B, S, pictures=picture)
    assert x.shape == (T, B, 1, S, S)
    for b in range(B):
        path = []
        for t in range(T):
            (place,) = corner(x[t, b, 0], picture[0])
            path.append(place)
        for axis, room in ((0, S - 4), (1, S - 3)):
            walk = [place[axis] for place in path]
            assert any(_walk(walk[0], v, room, T) == walk for v in (-2, -1, 1, 2))


def _walk(p, v, room, T):
    """Step by step, turning round at a wall and going on by what is left of the step."""
    walk = [p]
    for _ in range(T - 1):
        p += v
        if p < 0 or p > room:
            p, v = (-p if p < 0 else 2 * room - p), -v
        walk.append(p)
    return walk


def test_every_velocity_is_drawn(rng):
    x = moving_digits.batch(rng, 2, 600, 30, pictures=np.ones((1, 1, 1)))[:, :, 0]
    rows, columns = (x.sum(axis=axis).argmax(axis=-1) for axis in (3, 2))
    for path in (rows, columns):
        inside = (path[0] >= 2) & (path[0] < 28)
        assert set(np.diff(path, axis=0)[0, inside].tolist()) == {-2, -1, 1, 2}


def test_no_place_and_no_picture_is_left_out(rng):
    pictures = np.arange(1.0, 4.0)[:, None, None] * np.ones((3, 2, 2))
    x = moving_digits.batch(rng, 1, 600, 4, pictures=pictures)[0, :, 0]
    assert np.unique(x.max(axis=(1, 2))).tolist() == [1, 2, 3]
    corners = {tuple(np.argwhere(frame)[0].tolist()) for frame in x}
    assert corners == {(r, c) for r in range(3) for c in range(3)}


def test_where_two_overlap_the_brighter_wins(rng):
    pictures = np.ones((1, 3, 3)) * 0.5
    x = moving_digits.batch(rng, 6, 40, 5, digits=2, pictures=pictures)
    assert set(np.unique(x)) == {0.0, 0.5}
    lit = (x > 0).sum(axis=(2, 3, 4))
    assert lit.min() < 18  # some overlap,
    assert lit.max() <= 18  # and none is larger than two


def test_a_picture_that_fills_the_frame_stands_still(rng):
    x = moving_digits.batch(rng, 4, 3, 8)
    np.testing.assert_array_equal(x[1:], x[:-1])
    assert moving_digits.copy_last_error(x) == 0


def test_the_error_of_repeating_the_last_frame(rng):
    x = moving_digits.batch(rng, 5, 4)
    errors = [np.sum((x[t + 1, b] - x[t, b]) ** 2) for t in range(4) for b in range(4)]
    assert moving_digits.copy_last_error(x) == pytest.approx(np.mean(errors), rel=1e-12)
    assert moving_digits.copy_last_error(x) > 0


def test_the_ten_digits_differ_and_are_drawn_as_on_a_pocket_calculator():
    strokes = moving_digits.STROKES
    assert strokes.shape == (10, 8, 8)
    assert len({digit.tobytes() for digit in strokes}) == 10
    assert (strokes <= strokes[8]).all()  # the eight has every stroke
    bar, sides = " ###### ", " #    # "
    eight = [bar, sides, sides, bar, sides, sides, sides, bar]
    assert ["".join(" #"[int(pixel)] for pixel in row) for row in strokes[8]] == eight
    assert np.argwhere(strokes[1]).tolist() == [[row, 6] for row in range(8)]
    np.testing.assert_array_equal(strokes[0][::-1], strokes[0])
    np.testing.assert_array_equal(strokes[5].sum(axis=1), [5, 1, 1, 6, 1, 1, 1, 5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_seed(dtype):
    one, two = (moving_digits.batch(np.random.default_rng(3), 5, 2, digits=2, dtype=dtype) for _ in range(2))
    assert one.dtype == dtype
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("name", "value"), [("T", 0), ("B", 0), ("S", 7), ("digits", 0)])
def test_bad_sizes_are_named(rng, name, value):
    with pytest.raises(ValueError, match=f"^{name} is "):
        moving_digits.batch(rng, **{"T": 5, "B": 2, name: value})


@pytest.mark.parametrize("shape", [(8, 8), (0, 8, 8), (3, 8, 0)])
def test_bad_pictures_are_named(rng, shape):
    with pytest.raises(ValueError, match=r"^pictures must have shape"):
        moving_digits.batch(rng, 5, 2, pictures=np.zeros(shape))


# The experiment: convolutions against a list of pixels.


@pytest.fixture
def experiment(torch):
    pytest.importorskip("tqdm")
    from lstmkit.experiments import moving_digits as experiment

    return experiment


def test_the_experiment_repeats_and_says_what_it_promises(experiment):
    result, again = (experiment.run(3, "test") for _ in range(2))
    keys = {"error", "best", "by_frame", "rate", "steps", "cpu_seconds", "equal", "copy_last", "one_frame_floor"}
    assert set(result) == keys | {"parameters", "movies", "T", "S"}
    for key in ("error", "best", "rate", "steps", "copy_last", "one_frame_floor", "parameters"):
        assert result[key] == again[key]
    for data, names in experiment.SETTINGS["test"]["runs"].items():
        assert tuple(result["error"][data]) == names
        for name in names:
            by_frame = result["by_frame"][data][name]
            assert by_frame.shape == (result["T"] - 1,)
            np.testing.assert_array_equal(by_frame, again["by_frame"][data][name])
            assert result["error"][data][name] == pytest.approx(by_frame[1:].mean())
    assert result["one_frame_floor"] > 0


def test_the_recorded_rivals_have_equal_parameters(experiment):
    from lstmkit.torch.network import count_parameters

    setting = experiment.SETTINGS["recorded"]
    counts = [count_parameters(experiment.build(name, setting)) for name in ("ConvLSTM", "LSTM equal parameters")]
    assert max(counts) <= 1.03 * min(counts)


@pytest.mark.parametrize("name", ["ConvLSTM", "ConvLSTM one frame", "LSTM", "LSTM equal parameters"])
def test_no_forecast_sees_its_own_frame_and_one_frame_sees_one(experiment, torch, name):
    network = experiment.build(name, experiment.SETTINGS["test"]).double()  # what a frame adds can be below 1e-6
    x = torch.rand(5, 2, 1, 10, 10, dtype=torch.float64)
    later, earlier = x.clone(), x.clone()
    later[3:] += 1
    earlier[:3] += 1
    with torch.no_grad():
        y, after_later, after_earlier = network(x), network(later), network(earlier)
    assert y.shape == x.shape
    torch.testing.assert_close(after_later[:3], y[:3])
    assert torch.allclose(after_earlier[3:], y[3:], rtol=0, atol=1e-12) == (name == "ConvLSTM one frame")


def test_the_floor_of_one_frame_is_what_the_mean_of_many_continuations_leaves(experiment):
    """A single pixel can be counted by hand; a digit is held against the movies that are drawn."""
    one_pixel = np.ones((1, 1, 1))
    assert [experiment.bounced(p, 8) for p in range(-1, 11)] == [1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 6]
    # Sixteen continuations on sixteen pixels: 16 (1/16) (15/16).  At the walls some coincide, and less is uncertain.
    assert 0.8 * 15 / 16 < experiment.one_frame_floor(9, one_pixel) < 15 / 16
    pictures, S = moving_digits.STROKES[:1], 10
    x = moving_digits.batch(np.random.default_rng(0), 2, 6000, S, pictures=pictures)[:, :, 0]
    by_place = {}
    for before, after in x.swapaxes(0, 1):
        by_place.setdefault(before.tobytes(), []).append(after)
    left = sum(len(group) * np.var(group, axis=0).sum() for group in by_place.values()) / x.shape[1]
    assert experiment.one_frame_floor(S, pictures) == pytest.approx(left, rel=0.03)


def test_errors_against_sums_written_out(experiment, torch):
    network, x = experiment.build("ConvLSTM", experiment.SETTINGS["test"]), torch.rand(4, 3, 1, 10, 10)
    with torch.no_grad():
        p = network(x[:-1]).sigmoid().numpy()
    expected = [np.mean([((p[t, b] - x[t + 1, b].numpy()) ** 2).sum() for b in range(3)]) for t in range(3)]
    np.testing.assert_allclose(experiment.errors(network, x).numpy(), expected, rtol=1e-4)
    assert experiment.score(network, x) == pytest.approx(np.mean(expected[1:]), rel=1e-4)
    x = (x > 0.5).float()
    with torch.no_grad():
        p = network(x[:-1]).sigmoid().numpy()
        right = np.where(x[1:].numpy() == 1, p, 1 - p)
        assert experiment.next_frame(network, x).item() == pytest.approx(-np.log(right).sum() / 9, rel=1e-4)


def test_the_experiment_names_a_bad_scale(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(0, "huge")


@pytest.mark.slow
def test_two_frames_show_what_one_cannot(experiment):
    result = experiment.run(0, "live")
    several, one = (result["error"]["many"][name] for name in ("ConvLSTM", "ConvLSTM one frame"))
    assert several < 0.8 * result["one_frame_floor"]
    assert one > 0.95 * result["one_frame_floor"]
    assert several < 0.5 * result["copy_last"]
