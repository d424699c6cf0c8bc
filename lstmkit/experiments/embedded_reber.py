"""How many words does a network need before it never predicts an illegal letter of the embedded Reber grammar?

Setting: single words (lstmkit/tasks/reber.py), the state zero at the beginning of each; 16 fresh words a step, Adam.
Every 25 steps 256 other words are read.  The grammar counts as learned when at every step of all of them the likeliest
letter is a legal one: that includes the last T or P, which the second letter of the word decides.  The number of
training words until then is the result; a run ends there, or after the number of steps that all have.

Contestants with equal parameters: the LSTM of 1997, without a forget gate, the LSTM with one (12 units, forget bias 1),
and an RNN.  On the recorded scale each tries the same learning rates and keeps the one that was right sooner, or nearer
to it; live, all use one rate.  The simple baseline knows the grammar by heart, has forgotten the second letter
and says T: `forgetful_share` of the words are right all the same.

Published: PUBLISHED below.  Not a race on equal terms: there one word was a step of plain gradient descent.

Source: Hochreiter & Schmidhuber (1997), experiment 1.

Keys: solved, sequences (training words until then, None if never), cpu_seconds until then, sequences_all and
cpu_seconds_all (of the whole run), legal_words (share of 1,000 fresh words whose likeliest letters are all legal),
outer (share of their last T or P that is right), rate, parameters: {contestant: value}; forgetful_share;
after_equal_seconds {contestant: share of the 256 words right after the CPU seconds of the shortest run, or None}.

Chapter: chapters/architecture.md.
"""

import numpy as np
import torch

from lstmkit.comparison import at_equal_cost, equal_width, reached, score
from lstmkit.tasks import reber
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import LSTM, LSTM97, RNN
from lstmkit.torch.network import Network, count_parameters, cross_entropy
from lstmkit.torch.training import fit

# Share of trials that succeeded, and the mean number of training sequences of those that did, over the settings
# tried: Hochreiter & Schmidhuber (1997), Tables 1 and 2, as reported.
PUBLISHED = {"LSTM 1997": {"solved": (0.97, 1.0), "sequences": (8_440, 39_740)}, "RNN": {"solved": 0.0}}
H, BATCH = 12, 16
NAMES = ("LSTM", "LSTM 1997", "RNN")
SETTINGS = {
    "test": dict(steps=4, every=2, words=20, rates=(1e-2, 2e-2)),
    "live": dict(steps=500, every=25, words=1000, rates=(1e-2,)),
    "recorded": dict(steps=2000, every=25, words=1000, rates=(1e-2, 2e-2)),
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


def judge(model, words, device="cpu"):
    """Share of words with a legal likeliest letter at every step, and share of the last T or P that is right."""
    with torch.no_grad():
        logits, _ = model(torch.from_numpy(words.x).to(device))
    likeliest = logits.argmax(-1).cpu().numpy()
    legal = np.take_along_axis(words.legal, likeliest[..., None], axis=-1)[..., 0] > 0
    return float((legal | (words.y < 0)).all(axis=0).mean()), float((likeliest == words.y)[words.outer].mean())


def train(build, setting, rate, seed, device):
    """(Run, network) of one contestant at one rate; the evaluation is the share of the 256 words that go wrong."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build().to(device)
    others = reber.batch(np.random.default_rng([seed, 1]), 256, np.float32)

    def draw(step, rng):
        words = reber.batch(rng, BATCH, np.float32)
        return words.x, words.y

    run = fit(
        network,
        draw,
        cross_entropy,
        steps=setting["steps"],
        lr=rate,
        seed=seed,
        evaluate=lambda model: 1 - judge(model, others, device)[0],
        every=setting["every"],
        goal=0.0,
        progress=False,
    )
    return run, network.eval()


def sooner(trained):
    """The rate of {rate: (Run, network)} that reached the goal first, or came nearest to it."""
    return min(trained, key=lambda rate: (score(trained[rate][0].evaluations[-1]), len(trained[rate][0].loss)))


def run(seed=0, scale="live", device="cpu"):
    """Train each contestant until it has learned the grammar or is out of words."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    names = ("solved", "sequences", "cpu_seconds", "sequences_all", "cpu_seconds_all", "legal_words", "outer")
    names += ("rate", "parameters")
    found, runs = {key: {} for key in names}, {}
    words = reber.batch(np.random.default_rng([seed, 2]), setting["words"], np.float32)
    for name in NAMES:
        build = builders()[name]
        trained = {rate: train(build, setting, rate, seed, device) for rate in setting["rates"]}
        rate = sooner(trained)
        runs[name], network = trained[rate]
        steps, seconds = reached(runs[name], 0.0)
        values = (steps is not None, None if steps is None else steps * BATCH, seconds)
        values += (len(runs[name].loss) * BATCH, runs[name].cpu_seconds)
        values += (*judge(network, words, device), rate, count_parameters(network))
        for key, value in zip(names, values, strict=True):
            found[key][name] = value
    equal = at_equal_cost(runs)["after_equal_seconds"]
    found["after_equal_seconds"] = {name: None if wrong is None else 1 - wrong for name, wrong in equal.items()}
    forgetful = (words.y[words.outer] == reber.SYMBOLS.index("T")).mean()
    return found | {"forgetful_share": float(forgetful)}
