"""Training the networks of the book's NumPy experiments: a cell that reads a sequence, and a linear read-out of h_T.

T steps, B sequences, D inputs, H units, O outputs.  x: (T, B, D); prediction: (B, O).
`cell` is a module of lstmkit.numpy, rnn or lstm; the loss enters as its derivative, a function of the prediction.
"""

from typing import NamedTuple

import numpy as np

from lstmkit.numpy import adam, linear


class Network(NamedTuple):
    """The parameters of both layers, or their gradients."""

    cell: tuple  # Params of the cell
    readout: linear.Params


def predict(cell, network, x):
    """The prediction (B, O) after the last step of x (T, B, D)."""
    hs, _, _ = cell.forward(network.cell, x, keep_cache=False)
    return linear.forward(network.readout, hs[-1])


def gradients(cell, network, x, d_loss):
    """Forward, the read-out of the last hidden state, and the way back.

    d_loss maps the prediction (B, O) to ∂L/∂prediction.  Returns the prediction,
    ∂L/∂x (T, B, D), and a Network of gradients.
    """
    hs, _, cache = cell.forward(network.cell, x)
    prediction = linear.forward(network.readout, hs[-1])
    d_hs = np.zeros_like(hs)  # the loss speaks to the last hidden state alone
    d_prediction = d_loss(prediction)
    d_hs[-1], d_readout = linear.backward(network.readout, d_prediction, hs[-1])
    d_x, _, d_cell = cell.backward(network.cell, d_hs, cache)
    return prediction, d_x, Network(d_cell, d_readout)


def start(network):
    """Adam's moments for a network that has taken no step."""
    return adam.init((*network.cell, *network.readout))


def step(network, grads, moments, lr, max_norm=1.0):
    """The network after one step of Adam on the gradients, clipped to max_norm, and the new moments."""
    clipped, _ = adam.clip_by_norm((*grads.cell, *grads.readout), max_norm)
    arrays, moments = adam.step((*network.cell, *network.readout), clipped, moments, lr)
    n = len(network.cell)
    return Network(type(network.cell)(*arrays[:n]), linear.Params(*arrays[n:])), moments
