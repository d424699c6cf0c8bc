"""Adam against torch.optim.Adam, and clipping against torch's."""

import numpy as np
import pytest

from lstmkit.numpy import adam

SHAPES = [(3, 5), (7,), (), (2, 1, 4)]


def random_arrays(rng, dtype=np.float64):
    return tuple(np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES)


def test_ten_steps_equal_those_of_torch(rng, torch):
    arrays, grads = random_arrays(rng), [random_arrays(rng) for _ in range(10)]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    optimiser = torch.optim.Adam(theirs, lr=0.03, betas=(0.8, 0.95), eps=1e-4)
    moments = adam.init(arrays)
    for step in grads:
        for tensor, grad in zip(theirs, step, strict=True):
            tensor.grad = torch.tensor(grad)
        optimiser.step()
        arrays, moments = adam.step(arrays, step, moments, lr=0.03, beta1=0.8, beta2=0.95, eps=1e-4)
        for ours, tensor in zip(arrays, theirs, strict=True):
            np.testing.assert_allclose(ours, tensor.detach(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_keeps_the_dtype_and_modifies_nothing(rng, dtype):
    arrays, grads = random_arrays(rng, dtype), random_arrays(rng, dtype)
    kept = [a.copy() for a in (*arrays, *grads)]
    moments = adam.init(arrays)
    for _ in range(3):
        new, moments = adam.step(arrays, grads, moments)
        clipped, _ = adam.clip_by_norm(grads, 0.1)
        for result in (new, moments.m, moments.v, clipped):
            assert {np.asarray(a).dtype for a in result} == {np.dtype(dtype)}
    for before, after in zip(kept, (*arrays, *grads), strict=True):
        np.testing.assert_array_equal(before, after)


def test_gradients_that_do_not_fit_are_refused(rng):
    arrays = random_arrays(rng)
    with pytest.raises(ValueError, match="zip"):
        adam.step(arrays, arrays[:2], adam.init(arrays))


def test_clipping_equals_that_of_torch(rng, torch):
    grads = random_arrays(rng)
    theirs = [torch.zeros(a.shape, dtype=torch.float64, requires_grad=True) for a in grads]
    for tensor, grad in zip(theirs, grads, strict=True):
        tensor.grad = torch.tensor(grad)
    want = torch.nn.utils.clip_grad_norm_(theirs, 0.5).item()
    clipped, norm = adam.clip_by_norm(grads, 0.5)
    assert norm == pytest.approx(want)
    for ours, tensor in zip(clipped, theirs, strict=True):
        np.testing.assert_allclose(ours, tensor.grad, rtol=1e-5)  # torch adds 1e-6 to the norm


def test_a_small_gradient_and_a_zero_one_are_left_alone(rng):
    grads = random_arrays(rng)
    for factor in (1.0, 0.0):
        scaled = tuple(factor * g for g in grads)
        clipped, norm = adam.clip_by_norm(scaled, 1e6)
        assert norm == pytest.approx(factor * np.sqrt(sum((g**2).sum() for g in grads)))
        for before, after in zip(scaled, clipped, strict=True):
            np.testing.assert_array_equal(before, after)
