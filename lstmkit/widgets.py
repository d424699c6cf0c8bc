"""The trained networks and the curves that the book's widgets show, as JSON beside their scripts.

    python -m lstmkit.widgets                 train all of them, about a minute, and write their files
    python -m lstmkit.widgets gate_explorer   one of them

gate_explorer: an LSTM of 4 units that has learned the adding problem, with the training of
lstmkit/experiments/gates_on_adding.py.  Of the seeds 0, 1 and 2 we took the one whose carrying unit follows the answer
most closely: in the others several units share the work, and one unit alone shows less.

counting: an LSTM of 2 units that reads a^n b^n, trained on ever longer strings, and written down after each of
its stages, so that a reader sees how far each goes beyond its training.  Of the seeds 0 to 5 three (2, 3 and 4) counted
after the first stage; of these 2 had gone furthest.

attention_map: an encoder-decoder with attention that writes digits backwards, with the training of
lstmkit/experiments/reversal.py, but smaller: of the sizes tried, with 16, 20, 24 and 32 units, the smallest was enough.

gradient_microscope, which_curve: the live runs of lstmkit/experiments/gradient_lag.py and goog.py, which the pages show
as well: norms of gradients by lag; and a share price with what an LSTM foretold of it.

A file holds the weights as the shortest decimals of their float32, in the order i, f, g, o of lstmkit/numpy/lstm.py,
and its provenance: the seed, the settings, the versions, and the fingerprint of the sources that trained it, as in the
records of lstmkit/results.py.  What it says of a network (mse, reach) was computed in float64 from these very decimals,
as a page computes it.  Another processor may train other weights: those in the files are the book's.
"""

import json
import sys
from pathlib import Path

import numpy as np

import lstmkit
from lstmkit import results
from lstmkit.numpy import linear, lstm, training
from lstmkit.tasks import adding, counting

FOLDER = Path(lstmkit.__file__).parents[1] / "chapters" / "_static" / "widgets"
SETTINGS = {
    "gate_explorer": dict(seed=2, T=50, H=4, max_steps=3_000, stop_below=1e-3),
    "counting": dict(
        seed=2,
        H=2,
        batch=16,
        stages=[dict(N=30, steps=4_000, lr=0.1), dict(N=200, steps=800, lr=0.05), dict(N=500, steps=1_500, lr=0.05)],
        limit=1_000,
    ),
    "attention_map": dict(seed=0, longest=8, E=8, H=16, batch=64, steps=1_500, lr=0.01, strings=200),
    "gradient_microscope": dict(seed=0, scale="live"),
    "which_curve": dict(seed=0, scale="live"),
}
# The experiment that each is trained like.
FROM = {
    "gate_explorer": "gates_on_adding",
    "counting": "counting",
    "attention_map": "reversal",
    "gradient_microscope": "gradient_lag",
    "which_curve": "goog",
}


def shortest(array):
    """The numbers of an array as nested lists, each the shortest decimal that gives its float32 back."""
    array = np.asarray(array, np.float32)
    return float(str(array)) if array.ndim == 0 else [shortest(part) for part in array]


def as_json(network):
    """What a page needs of a training.Network: {cell: {W_x, W_h, b}, readout: {W, b}}, in shortest decimals."""
    return {name: {k: shortest(v) for k, v in layer._asdict().items()} for name, layer in network._asdict().items()}


def from_json(data):
    """The training.Network, in float64, of what `as_json` gave."""
    cell = lstm.Params(*(np.array(data["cell"][field]) for field in lstm.Params._fields))
    return training.Network(cell, linear.Params(*(np.array(data["readout"][k]) for k in linear.Params._fields)))


def adding_network(seed, T, H, max_steps, stop_below):
    """A trained network and what the gate explorer says of it: T, unit (the one that carries the sum), mse."""
    from lstmkit.experiments import gates_on_adding

    network, _ = gates_on_adding.train(seed, T, H, max_steps, stop_below)
    data = as_json(network)
    network = from_json(data)
    x, y = adding.batch(np.random.default_rng([seed, 1]), T, 2_000)
    hs, _, cache = lstm.forward(network.cell, x)
    unit, _ = gates_on_adding.carrying_unit(lstm.read_gates(cache), y)
    mse = float(np.mean((linear.forward(network.readout, hs[-1]) - y) ** 2))
    return {"T": T, "unit": unit, "mse": mse, **data}


def counting_networks(seed, H, batch, stages, limit):
    """One network after each stage of its training: trained_up_to, reach (the largest n accepted, up to `limit`)."""
    import torch

    from lstmkit.experiments.counting import loss
    from lstmkit.torch import LSTM, stack
    from lstmkit.torch.network import Network
    from lstmkit.torch.training import fit

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Network(LSTM(3, H), 3)
    found = []
    for n, stage in enumerate(stages):
        N, steps = stage["N"], stage["steps"]
        fit(
            model,
            lambda step, rng, N=N: counting.batch(rng, N, batch, dtype=np.float32),
            loss,
            steps=steps,
            lr=stage["lr"],
            schedule=lambda step, steps=steps: 1 - step / steps,
            seed=seed + 1_000 * n,
            progress=False,
        )
        layers = stack.params(model.core, lstm, "_l0"), linear.Params(model.readout.weight, model.readout.bias)
        data = as_json(training.Network(*(type(p)(*(a.detach().numpy() for a in p)) for p in layers)))
        found.append({"trained_up_to": N, "reach": reach(from_json(data), limit), **data})
    return {"limit": limit, "networks": found}


def reach(network, limit, at_once=50):
    """The largest n up to `limit` such that every string a^n b^n up to n is accepted; 0 if not even n = 1 is."""
    for first in range(1, limit + 1, at_once):
        strings = counting.sequences(range(first, min(first + at_once, limit + 1)))
        hs, _, _ = lstm.forward(network.cell, strings.x, keep_cache=False)
        right = counting.accepted(linear.forward(network.readout, hs), strings)
        if not right.all():
            return first - 1 + int(np.argmin(right))
    return limit


def reversing_network(seed, longest, E, H, batch, steps, lr, strings):
    """A trained encoder-decoder; longest, of the strings it was trained on; and how far it goes.

    right: of so many `strings` of each length, 1 to twice the longest, how many it writes without a mistake.
    """
    import torch

    from lstmkit.experiments import reversal
    from lstmkit.torch import AdditiveAttention, EncoderDecoder
    from lstmkit.torch.training import fit

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = EncoderDecoder(reversal.V + 1, E, H, AdditiveAttention(H, H, H), bidirectional=True)
    fit(
        model,
        lambda step, rng: reversal.strings(rng, longest, batch, 1),
        reversal.loss,
        steps=steps,
        lr=lr,
        schedule=lambda step: 1 - step / steps,
        seed=seed,
        progress=False,
    )
    data = reversing_as_json(model)
    model = reversing_from_json(data)
    right = []
    for n in range(1, 2 * longest + 1):
        tried = reversal.tensors(np.random.default_rng([seed, 3, n]), n, strings, "cpu")
        right.append(round(strings * reversal.whole(model, tried)))
    return {"longest": longest, "strings": strings, "right": right, **data}


def reversing_as_json(model):
    """What a page needs of an EncoderDecoder with a bidirectional encoder and additive attention."""
    weights = {name: shortest(parameter.detach()) for name, parameter in model.named_parameters()}

    def layer(ends):
        return {name: weights[ends.format(name)] for name in lstm.Params._fields}

    return {
        "embedding": weights["embedding.weight"],
        "encoder": {"forward": layer("encoder.{}_l0"), "backward": layer("encoder.{}_l0_reverse")},
        "decoder": layer("decoder.{}_l0"),
        "attention": {name: weights[f"attention.{name}"] for name in ("W_q", "W_k", "v")},
        "readout": {"W": weights["readout.weight"], "b": weights["readout.bias"]},
    }


def reversing_from_json(data):
    """The EncoderDecoder, in float64, of what `reversing_as_json` gave."""
    import torch

    from lstmkit.torch import AdditiveAttention, EncoderDecoder

    (V, E), (A, H) = np.shape(data["embedding"]), np.shape(data["attention"]["W_q"])
    model = EncoderDecoder(V, E, H, AdditiveAttention(H, H, A), bidirectional=True, dtype=torch.float64).double()
    encoder = data["encoder"]
    state = {"embedding.weight": data["embedding"]}
    state |= {f"encoder.{name}_l0": array for name, array in encoder["forward"].items()}
    state |= {f"encoder.{name}_l0_reverse": array for name, array in encoder["backward"].items()}
    state |= {f"decoder.{name}_l0": array for name, array in data["decoder"].items()}
    state |= {f"attention.{name}": array for name, array in data["attention"].items()}
    state |= {"readout.weight": data["readout"]["W"], "readout.bias": data["readout"]["b"]}
    model.load_state_dict({name: torch.tensor(array, dtype=torch.float64) for name, array in state.items()})
    return model


def gradients_by_lag(seed, scale):
    """The norm of a gradient at every lag: norm, by every path, and direct, along the carousel of the LSTMs alone."""
    from lstmkit.experiments import gradient_lag

    found = gradient_lag.run(seed, scale)
    return {kind: {name: shortest(curve) for name, curve in found[kind].items()} for kind in ("norm", "direct")}


def share_price(seed, scale):
    """The dates of the days that were foretold, the price on the day before them and on each, and the forecasts."""
    from lstmkit.data import goog as prices
    from lstmkit.experiments import goog

    found = goog.run(seed, scale)
    n = found["n_test"]
    return {
        "dates": prices.load().dates[-n:].astype(str).tolist(),
        "price": shortest(found["close"][-n - 1 :]),
        "forecast": shortest(found["forecast"]["LSTM on levels"].round(2)),
    }


MAKERS = {
    "gate_explorer": adding_network,
    "counting": counting_networks,
    "attention_map": reversing_network,
    "gradient_microscope": gradients_by_lag,
    "which_curve": share_price,
}


def export(name, folder=FOLDER):
    """Train what a widget shows, and write its file."""
    settings = SETTINGS[name]
    provenance = {
        "made_by": f"python -m lstmkit.widgets {name}",
        "settings": settings,
        "experiment": FROM[name],
        "code": results.code(FROM[name]),
        "versions": results.provenance(FROM[name])["versions"],
    }
    data = {"provenance": provenance, **MAKERS[name](**settings)}
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(MAKERS)
    if unknown := set(wanted) - set(MAKERS):
        sys.exit(f"no such widget: {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}")
    for name in wanted:
        print(export(name))
