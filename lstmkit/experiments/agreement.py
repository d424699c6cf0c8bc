"""Does a network still know the number of the subject after several other nouns, more than it was trained with?

Setting.  Sentences of lstmkit/tasks/agreement.py.  All contestants train on the same sentences, with at most two nouns
between subject and verb, three quarters of which have the subject's own number, so that the nearest noun is a
good guess.  The test asks for 0 to 8 of them, all of the other number.  Networks of one layer, equal parameters, Adam,
gradient clipped to norm 1; the read-out sees the last step.  LSTM has a forget bias of 1.

Baselines: the nearest noun, which is all that a bigram sees; the first noun, which is wrong when a phrase comes
before the subject.  Chance is 1/2.

Recorded: two rates a network, chosen on fresh sentences like those of the training.  live: the first of them.

Source: Linzen, Dupoux & Goldberg (2016), whose networks read text, not a toy grammar, and whose errors grew with the
number of such nouns; here no noun phrase holds a verb of its own, and nothing is said of grammar at large.
Keys: attractors (K,); accuracy {contestant: (K,)}; as_trained {contestant: accuracy on fresh sentences like those of
the training}; trained_up_to (most attractors in training); sentences; rate, parameters, steps, cpu_seconds {network:
number}.
Chapter: chapters/language.md.
"""

import numpy as np
import torch

from lstmkit.comparison import equal_width, tuned
from lstmkit.tasks import agreement
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import GRU, LSTM, RNN
from lstmkit.torch.network import Network, accuracy, count_parameters, cross_entropy
from lstmkit.torch.training import fit

CORES = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN}
BASELINES = {"nearest noun": agreement.nearest_noun, "first noun": agreement.first_noun}
ATTRACTORS = (0, 1, 2, 3, 4, 8)
BATCH = 32
SETTINGS = {
    "test": dict(H=4, sentences=64, steps=4, tested=50, rates=(1e-2, 3e-3)),
    "live": dict(H=16, sentences=2_000, steps=400, tested=1_000, rates=(1e-2,)),
    "recorded": dict(H=16, sentences=2_000, steps=1_500, tested=2_000, rates=(1e-2, 3e-3)),
}


def network(core, H):
    """A network of H units that reads a sentence and names the subject's number, two logits."""
    return Network(core(len(agreement.SYMBOLS), H), 2, last=True)


def run(seed=0, scale="live", device="cpu"):
    """Train each network on the same sentences, and ask for longer ones."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    rng = np.random.default_rng([seed, 0])
    x, y = agreement.batch(rng, setting["sentences"])
    validation = agreement.batch(rng, setting["tested"])
    usual = agreement.batch(rng, setting["tested"])
    tests = [agreement.batch(rng, setting["tested"], k, opposed=1) for k in ATTRACTORS]
    budget = count_parameters(network(LSTM, setting["H"]))
    score = {name: [float((guess(x) == y).mean()) for x, y in tests] for name, guess in BASELINES.items()}
    as_trained = {name: float((guess(usual[0]) == usual[1]).mean()) for name, guess in BASELINES.items()}
    rate, parameters, steps, seconds = {}, {}, {}, {}

    def batch(step, rng):
        chosen = rng.integers(0, len(y), BATCH)
        return x[:, chosen], y[chosen]

    def right(model, of):
        return accuracy(model, *(torch.from_numpy(part).to(device) for part in of))

    for name, core in CORES.items():
        H = equal_width(lambda H, core=core: network(core, H), budget)
        models = {}

        def at_rate(rate, core=core, H=H, models=models):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                models[rate] = network(core, H).to(device)
            return fit(
                models[rate], batch, cross_entropy, steps=setting["steps"], lr=rate, seed=seed, every=setting["steps"],
                evaluate=lambda trained: 1 - right(trained, validation),
            )  # fmt: skip

        history, rate[name] = tuned(at_rate, setting["rates"])
        model = models[rate[name]].eval()
        with torch.no_grad():
            score[name] = [right(model, test) for test in tests]
            as_trained[name] = right(model, usual)
        parameters[name], steps[name], seconds[name] = count_parameters(model), len(history.loss), history.cpu_seconds
    return {
        "attractors": np.array(ATTRACTORS),
        "accuracy": {name: np.array(row) for name, row in score.items()},
        "as_trained": as_trained,
        "trained_up_to": len(agreement.USUAL) - 1,
        "sentences": setting["sentences"],
        "rate": rate,
        "parameters": parameters,
        "steps": steps,
        "cpu_seconds": seconds,
    }
