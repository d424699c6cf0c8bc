"""Synthetic users: each world keeps its law and hides it from those who look elsewhere; and nobody sees the future."""

import numpy as np
import pytest

from lstmkit.tasks import next_item as task

KINDS = task.KINDS


def clicks(rng, kind, T=9, B=2000, **sizes):
    world = task.make(rng, kind, **sizes)
    x, y = task.batch(rng, world, T, B)
    return world, x, y


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_item_is_the_next_input(rng, kind):
    _, x, y = clicks(rng, kind, B=20)
    assert x.shape == (9, 20, 8)
    assert (x.sum(axis=-1) == 1).all()
    np.testing.assert_array_equal(x[1:].argmax(axis=-1), y[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_all_items_are_equally_popular(rng, kind):
    _, _, y = clicks(rng, kind, B=6000)
    shares = np.bincount(y.ravel(), minlength=8) / y.size
    np.testing.assert_allclose(shares, 1 / 8, atol=0.02)


@pytest.mark.parametrize(("kind", "back"), [("last item", 1), ("last two", 2)])
def test_where_the_law_always_holds_it_is_a_table(rng, kind, back):
    """With follow=1, the same items are always followed by the same one, from the third click on."""
    _, x, y = clicks(rng, kind, T=40, B=50, follow=1)
    seen, items = {}, x.argmax(axis=-1)
    for b in range(items.shape[1]):
        for t in range(1, len(items)):
            context = tuple(items[t + 1 - back : t + 1, b])
            assert seen.setdefault(context, y[t, b]) == y[t, b]
    assert len(set(seen.values())) == 8


def test_one_of_two_items_says_nothing(rng):
    """A Latin square: each item once in each row and each column."""
    world = task.make(rng, "last two")
    for lines in (world.successor, world.successor.T):
        assert all(sorted(line) == list(range(8)) for line in lines)


def test_a_taste_never_changes(rng):
    world, x, y = clicks(rng, "taste", follow=1)
    groups = world.group[np.concatenate([x.argmax(axis=-1), y[-1:]])]
    assert (groups == groups[0]).all()
    assert np.bincount(world.group).tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_foreteller_is_calibrated(rng, kind):
    """What it gives a probability of p comes with frequency p: here from counts, not from its formula."""
    world, x, y = clicks(rng, kind, B=4000)
    p = task.best(world, x)
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    came = np.eye(8)[y]
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 1)):
        here = (p >= low) & (p < high)
        if here.sum() > 2000:
            assert came[here].mean() == pytest.approx(p[here].mean(), abs=0.03)


def test_the_best_foreteller_of_tastes_by_enumeration(rng):
    """Bayes' rule, written out for one user."""
    world = task.make(rng, "taste", V=4, G=2, follow=0.6)
    x, _ = task.batch(rng, world, 5, 1)
    within = [[0.6 * (world.group[v] == g) / 2 + 0.4 / 4 for v in range(4)] for g in range(2)]
    for t in range(5):
        belief = [np.prod([within[g][v] for v in x[: t + 1, 0].argmax(axis=-1)]) for g in range(2)]
        expected = [sum(belief[g] * within[g][v] for g in range(2)) / sum(belief) for v in range(4)]
        np.testing.assert_allclose(task.best(world, x)[t, 0], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_dtype_and_seed(kind):
    pairs = []
    for _ in range(2):
        rng = np.random.default_rng(3)
        pairs.append(task.batch(rng, task.make(rng, kind), 6, 5, np.float32))
    assert pairs[0][0].dtype == np.float32
    for one, two in zip(*pairs, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("wrong", "name"), [({"kind": "mood"}, "kind"), ({"V": 1}, "V"), ({"G": 3}, "G"), ({"follow": 2}, "follow")]
)
def test_bad_worlds_are_named(rng, wrong, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        task.make(rng, **{"kind": "taste", **wrong})


@pytest.mark.parametrize(("T", "B", "name"), [(1, 2, "T"), (4, 0, "B")])
def test_bad_sizes_are_named(rng, T, B, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        task.batch(rng, task.make(rng, "taste"), T, B)


# The experiment


@pytest.fixture(scope="module")
def experiment():
    pytest.importorskip("torch")
    from lstmkit.experiments import next_item

    return next_item


@pytest.fixture(scope="module")
def small(experiment):
    return experiment.run(0, "test")


def test_a_table_counts(experiment, rng):
    """Against a dictionary of lists."""
    train, (x, _) = (clicks(rng, "last two", B=B)[1:] for B in (30, 4))
    items, y = train[0].argmax(axis=-1), train[1]
    for order in (1, 2):
        after = {}
        for b in range(30):
            for t in range(order - 1, 9):
                after.setdefault(tuple(items[t + 1 - order : t + 1, b]), []).append(y[t, b])
        scores, asked = experiment.table(train, x, order), x.argmax(axis=-1)
        for b in range(4):
            for t in range(order - 1, 9):
                followed = after.get(tuple(asked[t + 1 - order : t + 1, b]), [])
                assert scores[t, b].tolist() == [followed.count(v) for v in range(8)]


def test_hits_are_counted(experiment, rng):
    scores, y = rng.normal(size=(5, 7, 8)), rng.integers(0, 8, (5, 7))
    hits = [y[t, b] in sorted(range(8), key=lambda v: -scores[t, b, v])[:2] for t in range(1, 5) for b in range(7)]
    assert experiment.hit_rate(scores, y) == pytest.approx(np.mean(hits))


def test_neighbours_share_the_taste(experiment, rng):
    _, x, y = clicks(rng, "taste", B=400, follow=1.0)
    scores = experiment.neighbours((x[:, :300], y[:, :300]), x[:, 300:])
    assert experiment.hit_rate(scores, y[:, 300:]) > 0.95


def test_no_foreteller_sees_the_future(experiment, rng):
    train = clicks(rng, "taste", B=60)[1:]
    _, x, _ = clicks(rng, "taste", B=5)
    changed = x.copy()
    changed[5:] = np.roll(x[5:], 1, axis=-1)
    world = task.make(rng, "taste")
    for foretell in (
        lambda x: experiment.popularity(train, x),
        lambda x: experiment.table(train, x, 1),
        lambda x: experiment.table(train, x, 2),
        lambda x: experiment.neighbours(train, x),
        lambda x: task.best(world, x),
    ):
        np.testing.assert_allclose(foretell(x)[:5], foretell(changed)[:5])


def test_keys(experiment, small):
    assert set(small["hit_rate"]) == set(KINDS)
    names = {"popularity", "last-item table", "last-two table", "nearest neighbours", "best", "GRU", "LSTM"}
    for found in small["hit_rate"].values():
        assert set(found) == names
        assert all(0 <= value <= 1 for value in found.values())
    assert small["chance"] == 0.25
    assert set(small["rate"]["taste"]) == set(small["parameters"]) == {"GRU", "LSTM"}
    keys = {"hit_rate", "rate", "parameters", "chance", "n_train", "n_validation", "n_test", "T", "V", "steps"}
    assert set(small) == keys


def test_the_same_seed_gives_the_same_numbers(experiment, small):
    assert experiment.run(0, "test") == small


def test_an_unknown_scale_is_named(experiment):
    with pytest.raises(ValueError, match="scale is 'huge'"):
        experiment.run(0, "huge")


@pytest.mark.slow
def test_what_has_to_be_remembered_differs_from_world_to_world(experiment):
    """Claim 1.7: where the last item decides, a table is as good; elsewhere it is not, and the networks are."""
    r = experiment.run(0, "live")["hit_rate"]
    assert abs(r["last item"]["LSTM"] - r["last item"]["last-item table"]) < 0.05
    assert r["last two"]["last-item table"] < 0.35
    assert r["last two"]["GRU"] > 0.5
    assert r["taste"]["LSTM"] > r["taste"]["last-item table"] + 0.05
    assert r["taste"]["nearest neighbours"] > r["taste"]["last-item table"] + 0.05
