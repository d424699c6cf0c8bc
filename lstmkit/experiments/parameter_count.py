"""Are the formulas for the number of parameters exact, in this book's arrays and in torch.nn?

Setting: layers of several sizes, D inputs and H units.  The formulas are 4H(H + D + 1) for an LSTM with one bias a
gate, 4H(H + D + 2) for torch.nn's two, and the same without the 4 for a plain RNN.  The counts are counts: the sizes of
our arrays, and sum(p.numel()) over the parameters of torch.nn.LSTM and torch.nn.RNN.

Keys: rows, a list of dicts with D, H, the four formulas (lstm_formula, lstm_formula_two_biases, rnn_formula,
rnn_formula_two_biases), the counts lstm_ours and rnn_ours, and lstm_torch and rnn_torch (None where torch is not
installed); exact, whether every count equals its formula; ratio, the LSTM's parameters over the RNN's.

Source: arithmetic.  Chapter: chapters/mathematics.md.
"""

import numpy as np

from lstmkit.numpy import lstm, rnn

SIZES = ((1, 1), (2, 64), (3, 5), (10, 20), (28, 128), (300, 256))


def count(arrays):
    """How many numbers a tuple of arrays of any shape holds."""
    return sum(a.size for a in arrays)


def count_torch(kind, D, H):
    """sum(p.numel()) of torch.nn.LSTM or torch.nn.RNN; None where torch is not installed."""
    try:
        import torch  # here and not above: this experiment runs on NumPy alone
    except ImportError:
        return None
    return sum(p.numel() for p in getattr(torch.nn, kind)(D, H).parameters())


def run(seed=0, scale="live", device="cpu"):
    """Count every layer of the table.  `scale` and `device` are unused."""
    rng = np.random.default_rng(seed)
    rows = []
    for D, H in SIZES:
        row = {"D": D, "H": H}
        row["lstm_formula"], row["lstm_formula_two_biases"] = 4 * H * (H + D + 1), 4 * H * (H + D + 2)
        row["rnn_formula"], row["rnn_formula_two_biases"] = H * (H + D + 1), H * (H + D + 2)
        row["lstm_ours"], row["rnn_ours"] = count(lstm.init_params(rng, D, H)), count(rnn.init_params(rng, D, H))
        row["lstm_torch"], row["rnn_torch"] = count_torch("LSTM", D, H), count_torch("RNN", D, H)
        rows.append(row)
    exact = all(
        row[f"{kind}_ours"] == row[f"{kind}_formula"]
        and row[f"{kind}_torch"] in (None, row[f"{kind}_formula_two_biases"])
        for row in rows
        for kind in ("lstm", "rnn")
    )
    ratio = {row["lstm_formula"] / row["rnn_formula"] for row in rows}
    return {"rows": rows, "exact": exact, "ratio": ratio.pop() if len(ratio) == 1 else None}
