"""What does an LSTM do at the end of a paragraph, how long do its cells remember, and how far back does it read?

Setting.  One character LSTM, trained as in lstmkit/experiments/language.py for a fixed number of steps, then left as
it is while it reads the validation and the test text, neither of which it was trained on.

Time constants: a cell whose forget gate stood at its mean f would shrink by 1/e in -1/ln(f) characters.

Events: the end of a paragraph, the second line feed of two; the end of a sentence, the first white space after a full
stop.  A unit's mean forget gate at the event is compared with that at every other character ("elsewhere"), and, since
a gate answers to the character itself too, with that at the same character in another role ("same character"): a line
feed that only ends a line, white space after a word.  The statistic is the difference of the means over the standard
deviation.  For the test all events are moved round the text together by a random number of places, which keeps
whatever order there is; a unit is significant if its |statistic| is above the largest of all units in 95 % of the
moves.  So 5 % is the chance of one false alarm or more among all units, not for each.

Interventions, at up to `places` places of three kinds: ends of paragraphs, line feeds that only end a line, anywhere.
The state after the step is changed, and the network reads on.  "no h", "no c" and "no state" are zeros; "f open" and
"f closed" repeat the step with the forget gates of all units at 1 and at 0.  What counts is the bits per character
above those of the untouched network; the character right after the step, which h alone foretells, is left out.

Context: the network starts from an empty state in the middle of a text, and its bits after n characters are compared
with those of the network that has read everything.  It was not trained to start so: this counts rather too much.

Coherence: a sample, each character drawn from the network's own probabilities, is cut into windows, and so is the
unseen text.  Two windows are compared by the cosine of their words' weights: how often the word occurs times
log(windows of the training text / those that hold it).  The overlap is the mean cosine of windows d apart in one lane,
less that of windows of different lanes.

Source: Karpathy, Johnson & Fei-Fei (2015) for reading units; Khandelwal et al. (2018) for context.
Keys: bits, of the network on the unseen text; five_gram, of the 5-gram there; parameters, H, steps, cpu_seconds
(of training); time_constant {sorted (H,), quantiles (3,) 10 50 90 %, above_10, above_100 (shares), largest}; events
{"paragraph", "sentence": {"elsewhere", "same character": {events, others (counts), mean_at, mean_other (over the
units), lowest_at (lowest mean of a unit), units, significant_lower, significant_higher (shares of the units), resets
(units whose mean is below 0.1 at the event and above 0.5 at the others), p (the smallest), at (H,), other (H,)}}};
changed {place: {change: (3,)}}, excess bits 1-10, 11-30 and 31-100 characters on; changed_all {place: {change: the mean
over all 100}}; context {lengths (L,), excess (L,) up to each length, needed: the first length with less than 0.02
bits missing, None if there is none}; coherence {distances (D,), text (D,), sample (D,), window}; sample, the
first 300 characters of it.
Chapter: chapters/language.md.
"""

import math
import re
from collections import Counter

import numpy as np
import torch

from lstmkit.experiments import language
from lstmkit.numpy import lstm
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.network import count_parameters

SETTINGS = {
    "test": dict(H=8, steps=2, cut=8_000, context=64, after=40, window=40, sample=200, shifts=50, places=20),
    "live": dict(H=96, steps=200, cut=None, context=512, after=100, window=500, sample=2_000, shifts=200, places=150),
    "recorded": dict(
        H=256, steps=450, cut=None, context=512, after=100, window=500, sample=3_500, shifts=1_000, places=400
    ),
}
RATE = 1e-2  # the LSTM's in language.py
LANES, WARM_UP = 8, 50  # of the reading; the first characters of a lane are read from a state that is still empty
SAMPLES = 16  # lanes of the sample
BINS = ((0, 10), (10, 30), (30, 100))
DISTANCES = (1, 2, 3)
NEEDED = 0.02  # bits


def read(model, x):
    """Gates, each (T, B, H), float32, of the network on characters x (T, B), from an empty state."""
    params = lstm.Params(*(getattr(model.core, f"{name}_l0").detach().cpu().numpy() for name in lstm.Params._fields))
    embedding = model.first.weight.detach().cpu().numpy()
    state, parts = None, []
    for at in range(0, len(x), 500):  # in pieces, since a cache is several times as large as what is kept
        _, state, cache = lstm.forward(params, embedding[x[at : at + 500]], state)
        parts.append(lstm.read_gates(cache))
    return lstm.Gates(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def events(characters):
    """Masks like characters, strings (T, B): event -> (where it is, where the same character has another role)."""
    before, after = np.roll(characters, 1, 0), np.roll(characters, -1, 0)
    feed, space = characters == "\n", np.isin(characters, (" ", "\n"))
    letter = np.char.isalpha(before)
    return {
        "paragraph": (feed & (before == "\n"), feed & (before != "\n") & (after != "\n")),
        "sentence": (space & (before == ".") & (after != "\n"), space & letter & (after != "\n")),
    }


def compare(rng, f, at, other, shifts):
    """How the gates f (N, H) differ between the places `at` and `other`, masks (N,): a dict, see the module's Keys."""
    asked = at | other
    f, labels = f[asked].astype(np.float64), at[asked]
    mean_at, mean_other = f[labels].mean(0), f[~labels].mean(0)
    deviation = f.std(0) + 1e-12
    where = np.flatnonzero(labels)
    turns = rng.integers(1, len(labels), shifts)
    turned = np.stack([f[(where + turn) % len(f)].mean(0) for turn in turns])
    # The mean of the others follows from that of all, so that the difference is this multiple of the distance to it.
    factor = len(f) / (len(f) - len(where))
    observed = factor * (mean_at - f.mean(0)) / deviation
    largest = np.abs(factor * (turned - f.mean(0)) / deviation).max(1)
    p = (1 + (largest[:, None] >= np.abs(observed)).sum(0)) / (1 + shifts)
    return {
        "events": int(labels.sum()),
        "others": int((~labels).sum()),
        "mean_at": float(mean_at.mean()),
        "mean_other": float(mean_other.mean()),
        "lowest_at": float(mean_at.min()),
        "units": len(observed),
        "significant_lower": float(((p <= 0.05) & (observed < 0)).mean()),
        "significant_higher": float(((p <= 0.05) & (observed > 0)).mean()),
        "resets": int(((mean_at < 0.1) & (mean_other > 0.5)).sum()),
        "p": float(p.min()),
        "at": mean_at,
        "other": mean_other,
    }


def changed_states(gates, t, b):
    """The states (N, H) after steps t (N,) > 0 of lanes b (N,): what is done to them -> (h, c)."""
    c, f, o, before = gates.c[t, b], gates.f[t, b], gates.o[t, b], gates.c[t - 1, b]
    h = o * np.tanh(c)
    opened, closed = c + (1 - f) * before, c - f * before
    return {
        "nothing": (h, c),
        "no h": (0 * h, c),
        "no c": (h, 0 * c),
        "no state": (0 * h, 0 * c),
        "f open": (o * np.tanh(opened), opened),
        "f closed": (o * np.tanh(closed), closed),
    }


def bits_after(model, data, starts, length, state=None):
    """Bits (length, N) of the characters that follow those at starts (N,) of data (T, B), from `state`, h and c (N, H).

    starts are pairs (t, b); the character at t is not read any more where a state is given: the state has read it.
    """
    t, b = starts
    x = torch.from_numpy(data[t + np.arange(length + 1)[:, None], b])
    if state is not None:
        state = tuple(torch.from_numpy(part)[None].to(model.readout.weight.device) for part in state)
    x = x.to(model.readout.weight.device)
    with torch.no_grad():
        logits, _ = model(x[:-1], state)
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), x[1:], reduction="none")
    return losses.cpu().numpy() / math.log(2)


def after_changes(model, gates, data, places, length):
    """Bits above the untouched network's after each change of the state at places (N,): change -> (length,)."""
    t, b = places
    found = {}
    for change, (h, c) in changed_states(gates, t, b).items():
        # The state has read the character at t; the next one to read stands at t + 1, and has been foretold already.
        found[change] = bits_after(model, data, (t + 1, b), length, (h, c)).mean(1)
    return {change: bits - found["nothing"] for change, bits in found.items() if change != "nothing"}


def context(model, bits, data, length, spacing=256):
    """Lengths (L,) and the bits (L,) that are missing after so many characters, the mean over the octave up to each."""
    t, b = np.meshgrid(np.arange(WARM_UP, len(data) - length - 1, spacing), np.arange(data.shape[1]))
    t, b = t.ravel(), b.ravel()
    excess = bits_after(model, data, (t, b), length) - bits[t + np.arange(length)[:, None], b]
    lengths = 2 ** np.arange(int(math.log2(length)) + 1)
    return lengths, np.array([excess[n // 2 : n].mean() for n in lengths])


def sample(model, rng, alphabet, length, count=SAMPLES):
    """`count` strings of `length` characters, drawn one by one, without the first WARM_UP, which start from nothing.

    The index that stands for unknown characters is never drawn.
    """
    params = lstm.Params(*(getattr(model.core, f"{name}_l0").detach().cpu().numpy() for name in lstm.Params._fields))
    embedding, W, b = (a.detach().cpu().numpy() for a in (model.first.weight, model.readout.weight, model.readout.bias))
    state, said = lstm.zero_state(count, params.W_h.shape[1], np.float32), []
    x = np.full(count, alphabet.index("\n"))
    for _ in range(length + WARM_UP):
        state, _ = lstm.step(params, embedding[x], state)
        logits = (state.h @ W.T + b)[:, : len(alphabet)]
        x = (logits + rng.gumbel(size=logits.shape)).argmax(1)  # a draw from the softmax
        said.append(x)
    letters = np.array(list(alphabet))
    return ["".join(lane) for lane in letters[np.array(said[WARM_UP:])].T]


def words(text):
    """The words of four letters and more, as counts."""
    return Counter(re.findall(r"[a-z_]{4,}", text.lower()))


def overlap(train, texts, window):
    """Mean cosine of the words in windows 1, 2 and 3 apart, less that of windows in different texts: (3,)."""

    def windows(text):
        return [words(text[at : at + window]) for at in range(0, len(text) - window + 1, window)]

    known = windows(train)
    holding = Counter(word for one in known for word in one)

    def vector(counts):
        weights = {word: n * math.log(len(known) / (0.5 + holding[word])) for word, n in counts.items()}
        size = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        return {word: weight / size for word, weight in weights.items()}

    lanes = [[vector(one) for one in windows(text)] for text in texts]
    vocabulary = {word: n for n, word in enumerate(sorted({word for lane in lanes for one in lane for word in one}))}
    dense = np.zeros((len(lanes), len(lanes[0]), len(vocabulary)))
    for a, lane in enumerate(lanes):
        for n, one in enumerate(lane):
            for word, weight in one.items():
                dense[a, n, vocabulary[word]] = weight
    cosine = np.einsum("anv,bmv->anbm", dense, dense, optimize=True)
    same = np.arange(len(lanes))
    unrelated = cosine.transpose(0, 2, 1, 3)[~np.eye(len(lanes), dtype=bool)].mean()
    inside = cosine[same, :, same]  # (lanes, n, n)
    return np.array([inside.diagonal(d, 1, 2).mean() - unrelated for d in DISTANCES])


def run(seed=0, scale="live", device="cpu"):
    """Train one LSTM, and look at what it does."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    text, alphabet, (train, *unseen) = language.texts(seed, setting["cut"])
    symbols, H, after = len(alphabet) + 1, setting["H"], setting["after"]
    model, history = language.train(
        "LSTM", H, train, symbols, RATE, seed=seed, device=device, steps=setting["steps"], every=setting["steps"]
    )
    model.eval()
    rng = np.random.default_rng([seed, 1])
    data, _ = language.lanes(np.concatenate(unseen), LANES, 100)
    gates = read(model, data)
    bits = bits_after(model, data, (np.zeros(LANES, int), np.arange(LANES)), len(data) - 1)

    characters = np.array([*alphabet, "\0"])[data]
    step = np.arange(len(data))[:, None] + np.zeros_like(data)  # of each character in its lane
    late = step >= WARM_UP
    found = events(characters)

    def in_order(of):  # (T, B, ...) to (N, ...), lane after lane, as the text reads
        return of.swapaxes(0, 1)[late.T]

    constants = -1 / np.log(np.clip(gates.f[WARM_UP:].mean((0, 1), dtype=np.float64), 1e-6, 1 - 1e-6))
    compared = {
        event: {
            against: compare(rng, in_order(gates.f), in_order(at), in_order(rest), setting["shifts"])
            for against, rest in (("elsewhere", ~at), ("same character", other))
        }
        for event, (at, other) in found.items()
    }
    room = late & (step < len(data) - after - 2)
    paragraph, line = found["paragraph"]
    changes = {}
    for place, where in (("paragraph", paragraph), ("line feed", line), ("anywhere", room)):
        t, b = np.nonzero(where & room)
        chosen = rng.permutation(len(t))[: setting["places"]]
        changes[place] = after_changes(model, gates, data, (t[chosen], b[chosen]), after)
    lengths, missing = context(model, bits, data, setting["context"])
    enough = np.flatnonzero(missing < NEEDED)
    drawn = sample(model, rng, alphabet, setting["sample"])
    real = "".join(characters.T.ravel())
    size = min(setting["sample"], len(real) // SAMPLES)
    real = [real[n * size : (n + 1) * size] for n in range(SAMPLES)]
    return {
        "bits": float(bits[WARM_UP:].mean()),
        "five_gram": float(language.ngram_bits(train, np.concatenate(unseen), language.ORDER, symbols).mean()),
        "parameters": count_parameters(model),
        "H": H,
        "steps": setting["steps"],
        "cpu_seconds": history.cpu_seconds,
        "time_constant": {
            "sorted": np.sort(constants),
            "quantiles": np.quantile(constants, [0.1, 0.5, 0.9]),
            "above_10": float((constants > 10).mean()),
            "above_100": float((constants > 100).mean()),
            "largest": float(constants.max()),
        },
        "events": compared,
        "changed": {
            place: {change: np.array([excess[low:high].mean() for low, high in BINS if low < len(excess)])
                    for change, excess in of.items()}
            for place, of in changes.items()
        },
        "changed_all": {
            place: {change: float(excess.mean()) for change, excess in of.items()} for place, of in changes.items()
        },
        "context": {
            "lengths": lengths,
            "excess": missing,
            "needed": int(lengths[enough[0]]) if len(enough) else None,
        },
        "coherence": {
            "distances": np.array(DISTANCES),
            "text": overlap(text.train, real, setting["window"]),
            "sample": overlap(text.train, drawn, setting["window"]),
            "window": setting["window"],
        },
        "sample": drawn[0][:300],
    }  # fmt: skip
