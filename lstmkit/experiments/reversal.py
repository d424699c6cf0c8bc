"""What does attention bring to a network that writes a string backwards, and do its weights say what it looks at?

Setting.  lstmkit/tasks/reversal.py, strings of ten digits, lengths uniform from `shortest` to S.  Contestants with
equal parameters: a bidirectional LSTM reads, an LSTM writes, and "attention" looks back at every step with additive
attention, "no attention" at the encoder's last state alone.  Adam with a rate that falls linearly to zero, B = 64, the
gradient clipped to norm 1.  In the recorded run both try the same two learning rates, judged by 100 validation strings
of length S written without help; in the live run, with shorter strings and a smaller network, there is one.

Then, on fresh strings: whole-string accuracy by length, lengths never seen in training too.  `alignment`: how often the
largest weight lies on the digit that is due.  `perturbed`: whole-string accuracy with the trained weights replaced by
equal ones ("uniform") or handed to the wrong places at random ("permuted").  `moved`: change one digit of the source;
how often does an answer change, where the largest weight of that answer was on the digit ("attended"), and where not
("elsewhere")?

`gradient` needs no training, for it asks for the paths that there are: the norm of d logit of the first answer / d
vector of a source digit, in fresh networks whose encoder reads forward only, against the lag, the steps of the encoder
between the two; geometric means.

Keys: accuracy, name -> (K,) for lengths (K,); at_longest, name -> float, that at S; unseen, name -> at the largest
length; guess (K,); alignment; alignment_within_one, on the digit that is due or a neighbour, whose states in the
encoder have met it too; random_alignment, of a random place; perturbed, "untouched", "uniform" or "permuted" -> float;
moved, "attended" or "elsewhere" -> float; lag (L,); gradient, name -> (L,); per_step, name -> the factor by which the
gradient changes for each step of lag, over the farther half; solved, steps, cpu_seconds, rate, parameters and units,
name -> value, steps None if never solved; equal, at_equal_cost of lstmkit/comparison.py, shares of wrong strings; S;
shortest.

Published, as reported (Bahdanau, Cho & Bengio, 2015, Table 1): BLEU with and without attention, PUBLISHED_BLEU.

Source: Sutskever, Vinyals & Le (2014); Bahdanau, Cho & Bengio (2015); Jain & Wallace (2019) and Wiegreffe & Pinter
(2019) for the tests of the weights.  Chapter: chapters/attention.md.
"""

import numpy as np
import torch
from torch import nn

from lstmkit.comparison import at_equal_cost, equal_width, reached, tuned
from lstmkit.tasks import reversal
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import AdditiveAttention, EncoderDecoder
from lstmkit.torch.network import count_parameters
from lstmkit.torch.training import fit

V, EMBEDDING, BATCH, GOAL = 10, 32, 64, 0.01  # digits; size of their vectors; strings a step; share of wrong strings
NAMES = ("attention", "no attention")
PUBLISHED_BLEU = {"attention": 26.75, "no attention": 17.82}  # RNNsearch-50 and RNNencdec-50, all test sentences
SETTINGS = {
    "test": {"S": 4, "shortest": 2, "units": 32, "steps": 2, "every": 1, "rates": (1e-2,), "strings": 10, "lags": 6,
             "lengths": (2, 4, 6)},
    "live": {"S": 7, "shortest": 3, "units": 64, "steps": 110, "every": 55, "rates": (1e-2,), "strings": 100,
             "lags": 24, "lengths": (4, 7, 10)},
    "recorded": {"S": 16, "shortest": 4, "units": 64, "steps": 500, "every": 50, "rates": (5e-3, 1e-2),
                 "strings": 200, "lags": 24, "lengths": (4, 8, 12, 16, 20, 24)},
}  # fmt: skip


def build(name, units, bidirectional=True):
    """The network of a contestant, over V digits and the start sign."""
    attention = AdditiveAttention(units, units, units) if name == "attention" else None
    return EncoderDecoder(V + 1, EMBEDDING, units, attention, bidirectional=bidirectional)


def strings(rng, S, B, shortest):
    """source (S, B), lengths (B,), previous (S, B) and y (S, B), -1 behind the end: the task in whole numbers."""
    pairs = reversal.batch(rng, S, B, shortest, V)
    return pairs.x.argmax(-1), pairs.lengths, pairs.y_before.argmax(-1), pairs.y


def loss(network, source, lengths, previous, y):
    """Mean cross-entropy of the digits, fed the right ones before."""
    logits, _ = network(source, lengths, previous)
    return nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=-1)


def right(network, source, lengths, previous, y):
    """Whether each digit is right, (S, B) booleans, where the network is fed its own answers; true behind the end."""
    words, _ = network.decode(source, lengths, len(y), start=V)
    return (words == y) | (y < 0)


class Perturbed(nn.Module):
    """An attention whose scores are all equal ("uniform"), or handed to other places at random ("permuted")."""

    def __init__(self, attention, how, generator):
        super().__init__()
        self.attention, self.how, self.generator = attention, how, generator

    def project(self, keys):
        """As the attention does, (..., A)."""
        return self.attention.project(keys)

    def score(self, queries, projected):
        """Scores (B, S, T)."""
        scores = self.attention.score(queries, projected)
        if self.how == "uniform":
            return torch.zeros_like(scores)
        order = torch.rand(scores.shape, generator=self.generator).argsort(-1).to(scores.device)
        return scores.gather(-1, order)


def whole(network, data):
    """The share of strings without a mistake."""
    return right(network, *data).all(0).double().mean().item()


def perturbed(network, seed, data):
    """Whole-string accuracy of strings of one length with the weights as they are, equal, and permuted."""
    attention, found = network.attention, {"untouched": whole(network, data)}
    for how in ("uniform", "permuted"):
        network.attention = Perturbed(attention, how, torch.Generator().manual_seed(seed))
        found[how] = whole(network, data)
    network.attention = attention
    return found


@torch.no_grad()
def moved(network, source, lengths, previous, y):
    """How often an answer changes with a digit of the source, by whether its largest weight is there: two shares."""
    logits, weights = network(source, lengths, previous)
    answer, at, changes = logits.argmax(-1), weights.argmax(-1), []
    for place in range(len(source)):
        other = source.clone()
        other[place] = (other[place] + 1) % V
        changes.append(network(other, lengths, previous)[0].argmax(-1) != answer)
    changes = torch.stack(changes)  # (place, answer, string)
    attended = at == torch.arange(len(source), device=at.device)[:, None, None]
    return {
        "attended": changes[attended].double().mean().item(),
        "elsewhere": changes[~attended].double().mean().item(),
    }


def gradients(network, source, lengths, previous, y):
    """|d logit of the first right answer / d vector of the source digit|, from the last digit back: (S,)."""
    vectors = []
    hook = network.embedding.register_forward_hook(lambda module, given, out: vectors.append(out))
    logits, _ = network(source, lengths, previous[:1])
    hook.remove()
    wanted = logits[0].gather(1, y[:1].T).sum()
    (d_vectors,) = torch.autograd.grad(wanted, vectors[0])  # [0]: those of the source
    return d_vectors.norm(dim=-1).double().log().mean(dim=1).exp().flip(0).cpu().numpy()


def train(seed, setting, name, units, rate, device):
    """The trained network and its Run, judged by the share of wrong strings among validation strings of length S."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(name, units).to(device)
    S, steps = setting["S"], setting["steps"]
    held = tensors(np.random.default_rng([seed, 1]), S, 100, device)
    done = fit(
        network, lambda step, rng: strings(rng, S, BATCH, setting["shortest"]), loss, steps=steps, lr=rate, seed=seed,
        schedule=lambda step: 1 - step / steps, every=setting["every"], goal=GOAL,
        evaluate=lambda network: 1 - whole(network, held),
    )  # fmt: skip
    return network, done


def tensors(rng, S, B, device):
    """B strings of length S each, as `strings` gives them."""
    return [torch.from_numpy(array).to(device) for array in strings(rng, S, B, S)]


def run(seed=0, scale="live", device="cpu"):
    """Train both, then ask what they can do and where the one looks."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    S, lengths = setting["S"], setting["lengths"]
    parameters = count_parameters(build("attention", setting["units"]))
    units = {name: equal_width(lambda H, name=name: build(name, H), parameters, step=2) for name in NAMES}
    probe = tensors(np.random.default_rng([seed, 2]), S, setting["strings"], device)
    far = tensors(np.random.default_rng([seed, 4]), setting["lags"], setting["strings"], device)
    networks, runs, rates, gradient = {}, {}, {}, {}
    for name in NAMES:
        trained = {}

        def attempt(rate, name=name, trained=trained):
            trained[rate], done = train(seed, setting, name, units[name], rate, device)
            return done

        runs[name], rates[name] = tuned(attempt, setting["rates"])
        networks[name] = trained[rates[name]]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = build(name, units[name], bidirectional=False).to(device)
        gradient[name] = gradients(fresh, *far)

    data = {n: tensors(np.random.default_rng([seed, 3, n]), n, setting["strings"], device) for n in lengths}
    accuracy = {name: np.array([whole(networks[name], data[n]) for n in lengths]) for name in NAMES}
    with torch.no_grad():
        _, weights = networks["attention"](*probe[:3])
    due = torch.from_numpy(reversal.alignment(probe[1].cpu(), S)).to(weights.device)
    lag = np.arange(1, setting["lags"] + 1)
    far_lags = slice(setting["lags"] // 2, None)  # where the nearness of the last steps no longer tells
    per_step = {n: float(np.exp(np.polyfit(lag[far_lags], np.log(of[far_lags]), 1)[0])) for n, of in gradient.items()}
    reach = {name: reached(runs[name], GOAL) for name in NAMES}
    return {
        "lengths": np.array(lengths),
        "accuracy": accuracy,
        "at_longest": {name: float(accuracy[name][lengths.index(S)]) for name in NAMES},
        "unseen": {name: float(accuracy[name][-1]) for name in NAMES},
        "guess": np.array([reversal.guess(n, V) for n in lengths]),
        "alignment": (weights.argmax(-1) == due).double().mean().item(),
        "alignment_within_one": ((weights.argmax(-1) - due).abs() <= 1).double().mean().item(),
        "random_alignment": 1 / S,
        "perturbed": perturbed(networks["attention"], seed, probe),
        "moved": moved(networks["attention"], *probe),
        "lag": lag,
        "gradient": gradient,
        "per_step": per_step,
        "solved": {name: steps is not None for name, (steps, _) in reach.items()},
        "steps": {name: steps for name, (steps, _) in reach.items()},
        "cpu_seconds": {name: done.cpu_seconds for name, done in runs.items()},
        "rate": rates,
        "parameters": {name: count_parameters(network) for name, network in networks.items()},
        "units": units,
        "equal": at_equal_cost(runs),
        "S": S,
        "shortest": setting["shortest"],
    }
