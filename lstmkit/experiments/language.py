"""How well do recurrent networks foretell the next character of a text, beside n-grams and a file compressor?

Setting.  The help texts of Python (lstmkit/data/pydoc.py), paragraphs that occur twice dropped, cut into training,
validation and test text; each run draws another order of the topics.  What is measured is the bits per character
(bpc) on the test text: -log2 of the probability that a model gave to the character which came.

Frequencies: the unigram, and the 5-gram, which sees four characters, with the interpolation of Witten & Bell (1991).
Compressors: gzip and xz get the training text as a prefix, and pay only for what the test text adds:
8 (bytes of train + test - bytes of train) / characters.  They are not the same kind of contestant.  They go on learning
from the test text while they read it; gzip looks back 32 kB, xz over the whole of it, so that any passage that occurs
twice, at any distance, costs xz next to nothing.

Networks at equal parameters: one layer of LSTM (forget bias 1), GRU or RNN, or a Transformer of two blocks.  32 lanes
of text, 100 characters a step, Adam at a constant rate, gradient clipped to norm 1.  The state is carried on from
step to step and detached (truncated backpropagation through time), and after each pass a lane reads on where the next
one began, so that a state always belongs to the text before it.  The Transformer carries nothing: in the test it reads
windows of 200 characters that overlap by half, and is judged on the second half.

Recorded: two rates for each network, chosen on the validation text, 9 CPU seconds each.  build: smaller networks, one
rate, 7 CPU seconds.  live and test: steps are counted instead, so that a run can be repeated to the last digit.

Source: Witten & Bell (1991).  The text changes with the version of Python: its digest is part of the result.
Keys: bits {contestant: bpc at the end}; equal_seconds and equal_steps {network: bpc at the CPU seconds, the steps, of
the shortest run, on the line between two evaluations}; at {seconds, steps} of these two; rate, parameters, steps
{network: number}; cpu_seconds {contestant: number}; curve {network: (E, 3)}, steps, CPU seconds, bpc; beats_5gram
{network: {steps, cpu_seconds}, None when it never did}; uniform, log2 of the alphabet; text {python, sha256, train,
validation, test, alphabet}, lengths in characters.
Chapter: chapters/language.md.
"""

import gzip
import lzma
import math
import time

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import equal_width, tuned
from lstmkit.data import pydoc
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import GRU, LSTM, RNN
from lstmkit.torch.network import Network, Transformer, count_parameters
from lstmkit.torch.training import fit

LANES, T, EMBEDDED, ORDER = 32, 100, 32, 5
CORES = {
    "LSTM": lambda H: LSTM(EMBEDDED, H),
    "GRU": lambda H: GRU(EMBEDDED, H),
    "RNN": lambda H: RNN(EMBEDDED, H),
    "Transformer": lambda H: Transformer(H, nhead=4, num_layers=2),
}
RATES = {"LSTM": (1e-2, 4e-3), "GRU": (1e-2, 4e-3), "RNN": (4e-3, 2e-3), "Transformer": (4e-3, 2e-3)}
# `rates`: how many of those above are tried, the first being the one chosen before.
SETTINGS = {
    "test": {"H": 8, "rates": 2, "every": 1, "steps": 2, "cpu_seconds": None, "cut": 8_000},
    "live": {"H": 96, "rates": 1, "every": 100, "steps": 200, "cpu_seconds": None, "cut": None, "networks": ("LSTM",)},
    "build": {"H": 128, "rates": 1, "every": 50, "steps": 10**6, "cpu_seconds": 7.0, "cut": None},
    "recorded": {"H": 256, "rates": 2, "every": 100, "steps": 10**6, "cpu_seconds": 9.0, "cut": None},
}


def texts(seed, cut=None):
    """The Text of pydoc for one order of the topics, the alphabet, and its parts as integers; `cut` shortens them."""
    text = pydoc.load(seed)
    if cut:
        text = text._replace(train=text.train[:cut], validation=text.validation[:2000], test=text.test[:2000])
    alphabet = pydoc.alphabet(text.train)
    return text, alphabet, [pydoc.encode(part, alphabet) for part in (text.train, text.validation, text.test)]


def ngram_bits(train, test, order, symbols):
    """Bits (N,) that each symbol of test costs an n-gram of that order, counted on train; both are integers.

        p_o(s | context) = (count(context s) + distinct(context) p_{o-1}(s)) / (count(context) + distinct(context))

    A context of o - 1 symbols; p_0 = 1/symbols.  distinct counts the symbols that followed the context: the more of
    them, the more is left for what never did (Witten & Bell, 1991).
    """
    p = np.full(len(test), 1 / symbols)
    for o in range(1, order + 1):
        if len(test) < o:
            break
        grams, counts = np.unique(codes(train, o, symbols), return_counts=True)
        contexts, first = np.unique(grams // symbols, return_index=True)
        totals, distinct = np.add.reduceat(counts, first), np.diff(np.append(first, len(grams)))
        asked = codes(test, o, symbols)
        count = looked_up(grams, counts, asked)
        total, kinds = (looked_up(contexts, values, asked // symbols) for values in (totals, distinct))
        met = total > 0
        p[o - 1 :][met] = (count + kinds * p[o - 1 :])[met] / (total + kinds)[met]
    return -np.log2(p)


def codes(text, o, symbols):
    """Each o consecutive integers of text (N,) as one integer, its digits to the base `symbols`: (N - o + 1,)."""
    windows = np.lib.stride_tricks.sliding_window_view(text, o)
    return windows @ (symbols ** np.arange(o - 1, -1, -1))


def looked_up(keys, values, asked):
    """The value of each key that is asked for, 0 for one that is not among the sorted `keys`."""
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)


def compressed_bits(compress, train, test):
    """Bits per character that the test string adds to the compressed training string."""
    added = len(compress((train + test).encode())) - len(compress(train.encode()))
    return 8 * added / len(test)


def lanes(data, count=LANES, T=T):
    """A text (N,) cut into `count` lanes of as many characters, a multiple of T: inputs and targets (length, count)."""
    length = (len(data) - 1) // (count * T) * T
    return tuple(part[: count * length].reshape(count, length).T for part in (data[:-1], data[1:]))


def stream(data, count=LANES, T=T):
    """batch(step, rng) for `fit`: the next T characters of each lane, x and y (T, count).

    At the end of a pass each lane reads on where the next one began, so that what was carried over still fits.
    """
    x, y = lanes(data, count, T)
    steps = len(x) // T

    def batch(step, rng):
        here, passes = slice(step % steps * T, (step % steps + 1) * T), step // steps
        return np.roll(x[here], -passes, 1), np.roll(y[here], -passes, 1)

    return batch


def network(kind, H, symbols):
    """A character model of width H: embedding, core, read-out."""
    core = CORES[kind](H)
    return Network(core, symbols, first=nn.Embedding(symbols, core.input_size))


def train(kind, H, data, symbols, rate, *, seed, device="cpu", evaluate=None, **limits):
    """A trained character model and its Run; data (N,) integers, `limits` as `fit` takes them."""

    def loss(model, state, x, y):
        logits, state = model(x, state)
        return nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()), state

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network(kind, H, symbols).to(device)
    return model, fit(model, stream(data), loss, lr=rate, seed=seed, carry=True, evaluate=evaluate, **limits)


def network_bits(model, data, count=LANES):
    """Bits (length, count) that the characters of a text (N,) cost a network, read in lanes from an empty state.

    A Transformer reads windows of 2T characters that overlap by half and is judged on their second half, so that it
    always sees at least T; of the first window in a lane both halves count.
    """
    device = next(model.parameters()).device
    x, y = (torch.from_numpy(part.copy()).to(device) for part in lanes(data, count))
    if isinstance(model.core, Transformer):
        pieces = [(max(0, at - T), at) for at in range(0, len(x), T)]
        logits = torch.cat([model(x[start : at + T])[0][at - start :] for start, at in pieces])
    else:
        logits, _ = model(x)
    return nn.functional.cross_entropy(logits.transpose(1, 2), y, reduction="none") / math.log(2)


def run(seed=0, scale="live", device="cpu"):
    """Frequencies, compressors and networks on one order of the topics."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    text, alphabet, (data, validation, test) = texts(seed, setting["cut"])
    symbols = len(alphabet) + 1  # one for whatever training never met
    bits, cpu, runs, rate, parameters = {}, {}, {}, {}, {}
    for name, measure in {
        "unigram": lambda: ngram_bits(data, test, 1, symbols).mean(),
        "5-gram": lambda: ngram_bits(data, test, ORDER, symbols).mean(),
        "gzip": lambda: compressed_bits(lambda b: gzip.compress(b, 9, mtime=0), text.train, text.test),
        "xz": lambda: compressed_bits(lambda b: lzma.compress(b, preset=9), text.train, text.test),
    }.items():
        began = time.process_time()
        bits[name] = float(measure())
        cpu[name] = time.process_time() - began

    count = min(LANES, (len(test) - 1) // (2 * T))
    budget = count_parameters(network("LSTM", setting["H"], symbols))
    for name in setting.get("networks", CORES):
        H = equal_width(lambda H, name=name: network(name, H, symbols), budget, step=4)

        def at_rate(rate, name=name, H=H):
            model, history = train(
                name, H, data, symbols, rate, seed=seed, device=device, every=setting["every"], steps=setting["steps"],
                cpu_seconds=setting["cpu_seconds"],
                evaluate=lambda model: {part: network_bits(model, of, count).mean().item()
                                        for part, of in (("validation", validation), ("test", test))},
            )  # fmt: skip
            parameters[name] = count_parameters(model)
            return history

        runs[name], rate[name] = tuned(at_rate, RATES[name][: setting["rates"]])
        bits[name], cpu[name] = runs[name].evaluations[-1]["test"], runs[name].cpu_seconds

    steps, seconds = (min(run.evaluations[-1][cost] for run in runs.values()) for cost in ("steps", "cpu_seconds"))
    curve = {
        name: np.array([[entry[key] for key in ("steps", "cpu_seconds", "test")] for entry in run.evaluations])
        for name, run in runs.items()
    }
    return {
        "bits": bits,
        "equal_seconds": {name: bits_at(curve[name], 1, seconds) for name in runs},
        "equal_steps": {name: bits_at(curve[name], 0, steps) for name in runs},
        "at": {"seconds": seconds, "steps": int(steps)},
        "beats_5gram": {name: first_below(curve[name], bits["5-gram"]) for name in runs},
        "rate": rate,
        "parameters": parameters,
        "steps": {name: len(run.loss) for name, run in runs.items()},
        "cpu_seconds": cpu,
        "curve": curve,
        "uniform": math.log2(symbols),
        "text": {
            "python": text.python,
            "sha256": text.sha256,
            "train": len(text.train),
            "validation": len(text.validation),
            "test": len(text.test),
            "alphabet": len(alphabet),
        },
    }


def bits_at(curve, cost, at):
    """The bpc of a curve (E, 3) where its column `cost` is `at`, between two rows on a line; None before the first."""
    return float(np.interp(at, curve[:, cost], curve[:, 2])) if at >= curve[0, cost] else None


def first_below(curve, goal):
    """Steps and CPU seconds of the first row of a curve (E, 3) whose bpc is below the goal, None for both otherwise."""
    rows = curve[curve[:, 2] < goal]
    return {"steps": int(rows[0, 0]) if len(rows) else None, "cpu_seconds": float(rows[0, 1]) if len(rows) else None}
