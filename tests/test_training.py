"""The NumPy training steps: gradients against finite differences, one update against Adam by hand, and learning."""

from functools import partial

import numpy as np
import pytest

from lstmkit.numpy import linear, lstm, rnn, training
from lstmkit.numpy.functions import cross_entropy, d_cross_entropy
from lstmkit.numpy.gradients import finite_difference, relative_error

T, B, D, H, O = 6, 3, 2, 5, 7  # all different, so that a swapped axis cannot pass
CELLS = pytest.mark.parametrize("cell", [rnn, lstm], ids=["rnn", "lstm"])


def random_network(rng, cell):
    """Random weights and biases: zero ones would hide a gradient that is missing."""
    layers = cell.init_params(rng, D, H), linear.init_params(rng, H, O)
    return training.Network(*(type(layer)(*(rng.normal(size=a.shape) for a in layer)) for layer in layers))


@CELLS
def test_gradients_agree_with_finite_differences(cell, rng):
    network, x, labels = random_network(rng, cell), rng.normal(size=(T, B, D)), rng.integers(0, O, B)
    prediction, d_x, grads = training.gradients(cell, network, x, partial(d_cross_entropy, labels=labels))

    def loss(x=x, **changed):
        layers = {name: layer._replace(**changed.get(name, {})) for name, layer in network._asdict().items()}
        return cross_entropy(training.predict(cell, training.Network(**layers), x), labels)

    np.testing.assert_array_equal(prediction, training.predict(cell, network, x))
    assert relative_error(finite_difference(loss, x), d_x) < 1e-6
    for layer in network._fields:
        for name, array in getattr(network, layer)._asdict().items():
            numeric = finite_difference(lambda a, at=layer, name=name: loss(**{at: {name: a}}), array)
            assert relative_error(numeric, getattr(getattr(grads, layer), name)) < 1e-6, f"{layer}.{name}"


@CELLS
def test_first_step_moves_each_weight_by_the_learning_rate_against_its_gradient(cell, rng):
    network, x = random_network(rng, cell), rng.normal(size=(T, B, D))
    _, _, grads = training.gradients(cell, network, x, lambda prediction: prediction)
    after, moments = training.step(network, grads, training.start(network), lr=0.125, max_norm=np.inf)
    assert moments.t == 1
    for old, new, grad in zip(
        (*network.cell, *network.readout), (*after.cell, *after.readout), (*grads.cell, *grads.readout), strict=True
    ):
        np.testing.assert_allclose(new - old, -0.125 * grad / (np.abs(grad) + 1e-8), rtol=1e-7)  # m̂ = g and √v̂ = |g|


@CELLS
def test_a_few_steps_lower_the_loss(cell, rng):
    network = training.Network(cell.init_params(rng, D, H), linear.init_params(rng, H, O))
    x, labels = rng.normal(size=(T, B, D)), rng.integers(0, O, B)
    moments, losses = training.start(network), []
    for _ in range(60):
        prediction, _, grads = training.gradients(cell, network, x, partial(d_cross_entropy, labels=labels))
        network, moments = training.step(network, grads, moments, lr=3e-2)
        losses.append(cross_entropy(prediction, labels))
    assert losses[-1] < 0.5 * losses[0]
