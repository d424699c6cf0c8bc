"""The linear read-out against torch.nn.Linear, values and gradients."""

import numpy as np
import pytest

from lstmkit.numpy import linear

H, O = 5, 3


@pytest.mark.parametrize("before", [(), (4,), (6, 2)], ids=str)
def test_values_and_gradients_equal_those_of_torch(rng, torch, before):
    params = linear.Params(rng.normal(size=(O, H)), rng.normal(size=O))
    x, d_y = rng.normal(size=(*before, H)), rng.normal(size=(*before, O))
    layer, x_t = torch.nn.Linear(H, O).double(), torch.tensor(x, requires_grad=True)
    layer.load_state_dict({"weight": torch.tensor(params.W), "bias": torch.tensor(params.b)})
    y = layer(x_t)
    y.backward(torch.tensor(d_y))

    d_x, d_params = linear.backward(params, d_y, x)
    np.testing.assert_allclose(linear.forward(params, x), y.detach(), atol=1e-12)
    np.testing.assert_allclose(d_x, x_t.grad, atol=1e-12)
    np.testing.assert_allclose(d_params.W, layer.weight.grad, atol=1e-12)
    np.testing.assert_allclose(d_params.b, layer.bias.grad, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_dtype_and_range_of_the_start(rng, dtype):
    params = linear.init_params(rng, 16, 40, dtype)
    assert params.W.shape == (40, 16)
    assert params.b.shape == (40,)
    assert params.W.dtype == params.b.dtype == dtype
    assert 0.2 < np.abs(params.W).max() <= 0.25  # ±1/√16
    assert not params.b.any()
