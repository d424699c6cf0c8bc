"""What does an LSTM without a forget gate do in a stream that never ends, and what does the gate do there?

Setting: embedded Reber words, one after the other without a sign between them (lstmkit/tasks/reber.py), predict the
next letter.  16 streams are read 40 letters at a time, the state is carried on and never reset (truncated
backpropagation through time), Adam.  Two cells with equal parameters: the LSTM of 1997, and the LSTM with a forget
gate, 16 units, forget bias 1.  The recorded scale adds an RNN, and every contestant tries the same learning rates,
chosen by the cross-entropy on another stream; live, all use one rate.  The cell of 1997 starts as the other does: with
neither the negative gate biases, nor the squashing functions, nor the truncated gradient of its paper.

Then come fresh streams of 4,000 letters.  What counts is the last T or P of a word, which the second letter decides.
Who knows the grammar and forgot that letter is right half the time, at the cross-entropy `forgetful_entropy`; nobody
gets below `entropy`.  We follow |c| along the stream, and ask three things of the forget gate.  Where is it low?  Is
the past gone after a word: when streams with different pasts read the same words, how far apart do their states
remain?  And does it matter: what if it is held open (f = 1) at the three letters where one word ends and the next
begins, or, for comparison, at three letters within the word?

Source: Gers, Schmidhuber & Cummins (2000).  Published: PUBLISHED_PERFECT below.

Keys: accuracy {contestant: share of right last T or P, in the last quarter of the streams}; accuracy_early (the same,
in the first eighth); cross_entropy (nats a letter); largest_state {contestant: {"t100", "t1000", "t4000": the largest
|c| after that many letters}}; growth {contestant: the last of these over the first}; state_times (N,) and state
{contestant: (N,)}, the largest |c| along the streams; past {contestant: (30,)}, the distance between the c's of streams
with different pasts while they read the same 30 letters, over that before, and past_after_ten {contestant: float};
forget {place: mean over units} and forget_by_unit {place: (H,)}, at the places "outer" (the last T or P is read), "E",
"B" (the first letter of a word), "second" (the letter to remember) and "inside" (all others); resetting_units, how many
units have a mean gate below 1/2 at one of "outer", "E", "B" that is 0.2 lower than inside; parameters, rate,
cpu_seconds {contestant: number}; entropy, forgetful_entropy, forgetful_accuracy.  Contestants: "LSTM", "LSTM 1997",
"RNN", and where gates are held open "LSTM held open" and "LSTM held open inside".

Chapter: chapters/evolution.md.
"""

from functools import partial

import numpy as np
import torch
from torch import nn

from lstmkit.cells import lstm as cell
from lstmkit.cells import lstm97 as cell97
from lstmkit.comparison import equal_width, tuned
from lstmkit.numpy import lstm as twin
from lstmkit.numpy import lstm97 as twin97
from lstmkit.tasks import reber
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import LSTM, LSTM97, RNN, stack
from lstmkit.torch.network import Network, count_parameters
from lstmkit.torch.training import fit

# Share of networks that predict a stream without an error: Gers et al. (2000), Table 2, as reported; the forget gate's
# depends on the schedule of the learning rate.
PUBLISHED_PERFECT = {"LSTM 1997": 0.0, "LSTM": (0.18, 0.62)}
H, B, L = 16, 16, 40
PLACES = ("outer", "E", "B", "second", "inside")
SETTINGS = {
    "test": dict(names=("LSTM", "LSTM 1997", "RNN"), steps=4, T=200, rates=(5e-3, 1e-2)),
    "live": dict(names=("LSTM", "LSTM 1997"), steps=600, T=4000, rates=(1e-2,)),
    "recorded": dict(names=("LSTM", "LSTM 1997", "RNN"), steps=1500, T=4000, rates=(5e-3, 1e-2)),
}


def builders():
    """{name: a function that builds the network}, all with the parameters of the LSTM."""
    size = len(reber.SYMBOLS)

    def lstm():
        return Network(LSTM(size, H), size)

    def equal(core):
        width = equal_width(lambda width: Network(core(size, width), size), count_parameters(lstm()))
        return lambda: Network(core(size, width), size)

    return {"LSTM": lstm, "LSTM 1997": equal(LSTM97), "RNN": equal(RNN)}


def loss(model, state, x, y):
    """Mean cross-entropy in nats a letter, and the state to carry on; x (L, B, 7), y (L, B)."""
    logits, state = model(x, state)
    return nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()), state


def train(build, streams, validation, setting, rate, seed, device):
    """(Run, network): trained on `streams` from beginning to end, judged on the stream `validation`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build().to(device)

    def piece(step, rng):
        here = slice(L * step, L * (step + 1))
        return streams.x[here], streams.y[here]

    x, y = (torch.from_numpy(array).to(device) for array in (validation.x, validation.y))
    run = fit(
        network,
        piece,
        loss,
        steps=setting["steps"],
        lr=rate,
        seed=seed,
        carry=True,
        evaluate=lambda model: loss(model, None, x, y)[0],
        every=setting["steps"],
        progress=False,
    )
    return run, network.eval()


def places(x):
    """{place: (T, B) of bool}: what is read at each step of streams x (T, B, 7) that begin with a word."""
    names = {"start": "B", "choice": "second", "end": "outer", "last": "E"}
    found = {place: np.zeros(x.shape[:2], bool) for place in PLACES}
    for b in range(x.shape[1]):
        state = reber.START
        for t, symbol in enumerate(x[:, b].argmax(axis=-1)):
            found[names.get(state[1], "inside")][t, b] = True
            state = reber.edges(state)[reber.SYMBOLS[symbol]]
    return found


def follow(core, x, hold=None):
    """hs, c and forget gates of an LSTM core over x, each (T, B, H); the gates are 1 in the LSTM of 1997.

    hold (T, B) of bool: the steps at which the forget gate is held open, f = 1.
    """
    module, equations = (twin97, cell97) if isinstance(core, LSTM97) else (twin, cell)
    params = module.Params(*(value.detach().cpu().double().numpy() for value in stack.params(core, module, "_l0")))
    h, c = module.zero_state(x.shape[1], core.hidden_size)
    from_x = x @ params.W_x.T + params.b
    hs, cs, fs = [], [], []
    for t, a_x in enumerate(from_x):
        a = np.split(a_x + h @ params.W_h.T, len(params.b) // core.hidden_size, axis=-1)
        if hold is not None:
            a[1] = np.where(hold[t][:, None], np.inf, a[1])
        h, c, _, f, *_ = equations.step(*a, c)
        hs.append(h)
        cs.append(c)
        fs.append(np.ones_like(c) if module is twin97 else f)
    return np.stack(hs), np.stack(cs), np.stack(fs)


def answers(network, hs):
    """Logits (T, B, 7) from hidden states (T, B, H) in NumPy."""
    W, b = (value.detach().cpu().double().numpy() for value in (network.readout.weight, network.readout.bias))
    return hs @ W.T + b


def past(core, x, starts, words):
    """How far apart the c's of streams stay that read the same `words` (K, 1, 7) after different pasts: (K,).

    The pasts are the streams x (T, B, 7), each up to the first word that begins after 100 letters, or the last word.
    The distance is the mean over pairs of streams, as a multiple of the one at the end of the pasts.
    """
    cs = []
    for b in range(x.shape[1]):
        begins = np.flatnonzero(starts[:, b])
        until = begins[min(np.searchsorted(begins, 100), len(begins) - 1)]
        cs.append(follow(core, np.concatenate([x[:until, b : b + 1], words]))[1][until - 1 :, 0])
    pairs = [(i, j) for i in range(len(cs)) for j in range(i)]
    apart = np.mean([np.linalg.norm(cs[i] - cs[j], axis=-1) for i, j in pairs], axis=0)
    return apart[1:] / apart[0]


def run(seed=0, scale="live", device="cpu"):
    """Train each contestant on the same streams, then read fresh ones."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    T = setting["T"]
    streams = reber.stream(np.random.default_rng([seed, 0]), L * setting["steps"], B, np.float32)
    validation = reber.stream(np.random.default_rng([seed, 1]), 1000, 4, np.float32)
    test = reber.stream(np.random.default_rng([seed, 2]), T, 8)
    words = reber.stream(np.random.default_rng([seed, 3]), 30, 1)
    read, times = places(test.x), np.arange(0, T, max(1, T // 200))
    after = [np.roll(read["second"], steps, axis=0) for steps in (1, 2, 3)]
    held = {
        "LSTM held open": read["outer"] | read["E"] | read["B"],
        "LSTM held open inside": np.any(after, axis=0) & read["inside"],
    }
    early, late = slice(T // 8), slice(3 * T // 4, None)
    found = {key: {} for key in ("accuracy", "accuracy_early", "cross_entropy", "largest_state", "growth", "state")}
    found |= {key: {} for key in ("past", "past_after_ten", "forget", "forget_by_unit")}
    found |= {key: {} for key in ("parameters", "rate", "cpu_seconds")}

    def judge(name, logits, c=None):
        right = logits.argmax(axis=-1) == test.y
        found["accuracy"][name] = float(right[late][test.outer[late]].mean())
        found["accuracy_early"][name] = float(right[early][test.outer[early]].mean())
        top = logits.max(axis=-1, keepdims=True)
        chosen = np.take_along_axis(logits, test.y[..., None], axis=-1)
        surprise = top + np.log(np.exp(logits - top).sum(axis=-1, keepdims=True)) - chosen
        found["cross_entropy"][name] = float(surprise.mean())
        if c is not None:
            largest = np.abs(c).max(axis=(1, 2))
            moments = {f"t{t}": float(largest[min(t, T) - 1]) for t in (100, 1000, 4000)}
            found["largest_state"][name], found["state"][name] = moments, largest[times]
            found["growth"][name] = moments["t4000"] / moments["t100"]

    for name in setting["names"]:
        networks = {}
        train_one = partial(train, builders()[name], streams, validation, setting)

        def train_at(rate, train_one=train_one, networks=networks):
            run, networks[rate] = train_one(rate, seed, device)
            return run

        chosen, found["rate"][name] = tuned(train_at, setting["rates"])
        network = networks[found["rate"][name]]
        found["parameters"][name] = count_parameters(network)
        found["cpu_seconds"][name] = chosen.cpu_seconds
        if name == "RNN":
            with torch.no_grad():
                logits, _ = network(torch.from_numpy(test.x.astype(np.float32)).to(device))
            judge(name, logits.cpu().double().numpy())
            continue
        hs, c, f = follow(network.core, test.x)
        judge(name, answers(network, hs), c)
        found["past"][name] = past(network.core, test.x, read["B"], words.x)
        found["past_after_ten"][name] = float(found["past"][name][9])
        if name == "LSTM":
            found["forget_by_unit"] = {place: f[where].mean(axis=0) for place, where in read.items()}
            found["forget"] = {place: float(gates.mean()) for place, gates in found["forget_by_unit"].items()}
            for where, hold in held.items():
                hs, c, _ = follow(network.core, test.x, hold)
                judge(where, answers(network, hs), c)
    units = found["forget_by_unit"]
    lowest = np.min([units[place] for place in ("outer", "E", "B")], axis=0)
    found["resetting_units"] = int(((lowest < 0.5) & (lowest < units["inside"] - 0.2)).sum())
    return found | {
        "state_times": times + 1,
        "entropy": reber.entropy_rate(),
        "forgetful_entropy": reber.entropy_rate(remember=False),
        "forgetful_accuracy": 0.5,
    }
