"""Are the formulas for the number of parameters exact, in this book's arrays and in torch.nn?

Setting: layers of several sizes, D inputs and H units.  The formulas are 4H(H + D + 1) for an LSTM with one bias a
gate, 4H(H + D + 2) for torch.nn's two, and the same without the 4 for a plain RNN.  The counts are counts: the sizes of
our arrays, and sum(p.numel()) over the parameters of torch.nn.LSTM and torch.nn.RNN.  The variants of the LSTM are
counted in the same way, each beside its own formula: P projected units, L = 2 layers, kernels of k × k.

Shi et al. (2015) give the parameters of their networks for moving digits, not how they add up.  `shi` adds them up: an
encoder and a forecaster of the same layers, the forecaster's first layer without an input, peepholes of one weight a
channel (a unit, where nothing is convolved), and a last layer that makes the frame of all hidden channels of the
forecaster (of its last layer's units, where nothing is convolved).  A frame of 64 × 64 is read as 16 × 16 × 16.
That this is how they add up is our reading; that all four sums come out to the last digit is the evidence for it.

Published, as reported: 142,667,776 (FC-LSTM 2048-2048), 13,524,496 (ConvLSTM 256), 10,042,896 (128-128) and
7,585,296 (128-64-64) parameters: Shi et al. (2015), Table 1.

Keys: rows, a list of dicts with D, H, the four formulas (lstm_formula, lstm_formula_two_biases, rnn_formula,
rnn_formula_two_biases), the counts lstm_ours and rnn_ours, and lstm_torch and rnn_torch (None where torch is not
installed); exact, whether every count equals its formula; ratio, the LSTM's parameters over the RNN's.
variants, name -> {counted, formula: (N,), exact: bool}; variants_exact, whether all are; sizes (N, 2): their D and H;
ratios, name -> float, the same at every size, or None; second_bias, what torch.nn's second bias adds to D = 2, H = 64:
{one, two, more, more_over_H}; layer_of_64, the same layer by the unit: {layer, one_unit, lone_cell};
shi, name -> {derived, published, equal}; shi_ratio, the FC-LSTM's parameters over each ConvLSTM's;
shi_larger_image, name -> how many times its own parameters a network has for images with twice the rows and columns.

Source: arithmetic; Shi et al. (2015).  Chapters: chapters/mathematics.md, chapters/convlstm.md.
"""

import numpy as np

from lstmkit.numpy import (
    bidirectional,
    convlstm,
    coupled,
    gru,
    gru_reset_before,
    lstm,
    peephole,
    projection,
    rnn,
    stacked,
)

SIZES = ((1, 1), (2, 64), (3, 5), (10, 20), (28, 128), (300, 256))
P, K, LAYERS = 3, 3, 2  # projected units; the side of a kernel; layers of a stack
SHI_K, SHI_CHANNELS = 5, 16  # a frame of 64 × 64 pixels is cut into 4 × 4, whose pixels are the channels
PUBLISHED_BY_SHI = {
    "FC-LSTM 2048-2048": 142_667_776,
    "ConvLSTM 256": 13_524_496,
    "ConvLSTM 128-128": 10_042_896,
    "ConvLSTM 128-64-64": 7_585_296,
}


def count(arrays):
    """How many numbers a tuple of arrays of any shape holds; tuples within it count too, None does not."""
    if isinstance(arrays, tuple | list):
        return sum(count(a) for a in arrays)
    return 0 if arrays is None else arrays.size


def count_torch(kind, D, H, **options):
    """sum(p.numel()) of torch.nn.LSTM, torch.nn.RNN or torch.nn.GRU; None where torch is not installed."""
    try:
        import torch  # here and not above: this experiment runs on NumPy alone
    except ImportError:
        return None
    return sum(p.numel() for p in getattr(torch.nn, kind)(D, H, **options).parameters())


def variants(rng, D, H):
    """name -> (counted, formula) of every variant at one size; counted is None where torch is not installed."""
    peephole_size = (4, 6)  # rows and columns of an image
    return {
        "GRU": (count(gru.init_params(rng, D, H)), 3 * H * (H + D + 1) + H),  # a second bias inside its reset
        "GRU one bias": (count(gru_reset_before.init_params(rng, D, H)), 3 * H * (H + D + 1)),
        "GRU torch": (count_torch("GRU", D, H), 3 * H * (H + D + 2)),
        "peephole": (count(peephole.init_params(rng, D, H)), 4 * H * (H + D + 1) + 3 * H),
        "coupled": (count(coupled.init_params(rng, D, H)), 3 * H * (H + D + 1)),
        "bidirectional": (count(bidirectional.init_params(lstm, rng, D, H)), 8 * H * (H + D + 1)),
        "bidirectional torch": (count_torch("LSTM", D, H, bidirectional=True), 8 * H * (H + D + 2)),
        "layers": (
            count(stacked.init_params(lstm, rng, D, H, LAYERS)),
            4 * H * (H + D + 1) + (LAYERS - 1) * 4 * H * (2 * H + 1),
        ),
        "layers torch": (
            count_torch("LSTM", D, H, num_layers=LAYERS),
            4 * H * (H + D + 2) + (LAYERS - 1) * 4 * H * (2 * H + 2),
        ),
        "projection": (count(projection.init_params(rng, D, H, P)), 4 * H * (P + D + 1) + P * H),
        "projection torch": (
            count_torch("LSTM", D, H, proj_size=P) if P < H else None,
            4 * H * (P + D + 2) + P * H,
        ),
        "ConvLSTM": (count(convlstm.init_params(rng, D, H, K)), 4 * H * (K**2 * (H + D) + 1)),
        "ConvLSTM peephole": (
            count(convlstm.init_params(rng, D, H, K, peephole_size)),
            4 * H * (K**2 * (H + D) + 1) + 3 * H * 4 * 6,
        ),
    }


def sequence_to_sequence(widths, D, layer, first_layer, last_layer):
    """An encoder of the widths over D inputs, a forecaster of the same from the top down, peepholes, the last layer."""
    encoder = sum(layer(n_in, H) for n_in, H in zip((D, *widths), widths, strict=False))
    top, *rest = down = widths[::-1]
    forecaster = first_layer(top) + sum(layer(above, H) for above, H in zip(down, rest, strict=False))
    return encoder + forecaster + 2 * 3 * sum(widths) + last_layer


def shi(rows=64):
    """name -> parameters of the networks of Shi et al. (2015), for square images of so many rows."""
    made = {
        "FC-LSTM 2048-2048": sequence_to_sequence(
            (2048, 2048), rows**2, lstm.count_params, lambda H: lstm.count_params(0, H), rows**2 * (2048 + 1)
        )
    }
    for widths in ((256,), (128, 128), (128, 64, 64)):
        made["ConvLSTM " + "-".join(map(str, widths))] = sequence_to_sequence(
            widths, SHI_CHANNELS, lambda D, H: convlstm.count_params(D, H, SHI_K),
            lambda H: convlstm.count_params(0, H, SHI_K), SHI_CHANNELS * (sum(widths) + 1),
        )  # fmt: skip
    return made


def one(values):
    """The value that all share, or None."""
    values = set(values)
    return values.pop() if len(values) == 1 else None


def run(seed=0, scale="live", device="cpu"):
    """Count every layer of the table.  `scale` and `device` are unused."""
    rng = np.random.default_rng(seed)
    rows, found = [], {}
    for D, H in SIZES:
        row = {"D": D, "H": H}
        row["lstm_formula"], row["lstm_formula_two_biases"] = 4 * H * (H + D + 1), 4 * H * (H + D + 2)
        row["rnn_formula"], row["rnn_formula_two_biases"] = H * (H + D + 1), H * (H + D + 2)
        row["lstm_ours"], row["rnn_ours"] = count(lstm.init_params(rng, D, H)), count(rnn.init_params(rng, D, H))
        row["lstm_torch"], row["rnn_torch"] = count_torch("LSTM", D, H), count_torch("RNN", D, H)
        rows.append(row)
        for name, (counted, formula) in variants(rng, D, H).items():
            entry = found.setdefault(name, {"counted": [], "formula": []})
            entry["counted"].append(counted)
            entry["formula"].append(formula)
    for entry in found.values():
        pairs = zip(entry["counted"], entry["formula"], strict=True)
        entry["exact"] = all(counted in (None, formula) for counted, formula in pairs)
    exact = all(
        row[f"{kind}_ours"] == row[f"{kind}_formula"]
        and row[f"{kind}_torch"] in (None, row[f"{kind}_formula_two_biases"])
        for row in rows
        for kind in ("lstm", "rnn")
    )
    ours = {"LSTM": [row["lstm_ours"] for row in rows], "RNN": [row["rnn_ours"] for row in rows]}
    ours |= {name: entry["counted"] for name, entry in found.items()}
    of_64 = next(row for row in rows if (row["D"], row["H"]) == (2, 64))
    derived, larger = shi(), shi(rows=128)
    return {
        "rows": rows,
        "exact": exact,
        "ratio": one(row["lstm_formula"] / row["rnn_formula"] for row in rows),
        "variants": found,
        "variants_exact": all(entry["exact"] for entry in found.values()),
        "sizes": SIZES,
        "ratios": {
            f"{above} to {below}": one(a / b for a, b in zip(ours[above], ours[below], strict=True))
            for above, below in (
                ("LSTM", "RNN"),
                ("GRU one bias", "LSTM"),
                ("GRU one bias", "RNN"),
                ("coupled", "LSTM"),
                ("bidirectional", "LSTM"),
            )
        },
        "second_bias": {
            "one": of_64["lstm_formula"],
            "two": of_64["lstm_formula_two_biases"],
            "more": of_64["lstm_formula_two_biases"] - of_64["lstm_formula"],
            "more_over_H": one((row["lstm_formula_two_biases"] - row["lstm_formula"]) / row["H"] for row in rows),
        },
        "layer_of_64": {
            "layer": of_64["lstm_ours"],
            "one_unit": of_64["lstm_ours"] / 64,  # of a layer: its four rows read all 64 units
            "lone_cell": count(lstm.init_params(rng, 2, 1)),  # a layer of a single unit
        },
        "shi": {
            name: {"derived": derived[name], "published": published, "equal": derived[name] == published}
            for name, published in PUBLISHED_BY_SHI.items()
        },
        "shi_ratio": {name: derived["FC-LSTM 2048-2048"] / value for name, value in derived.items()},
        "shi_larger_image": {name: larger[name] / value for name, value in derived.items()},
    }
