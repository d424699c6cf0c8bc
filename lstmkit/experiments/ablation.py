"""Which parts of the LSTM can be taken away?

Setting.  The LSTM (forget bias 1) and the same without one part: without input gate, output gate, input activation or
output activation; with input and forget gate coupled, i = 1 - f; with peepholes; with full gate recurrence; with the
forget gate only (coupled, and the output gate held open); and the LSTM of 1997, which has no forget gate.  The GRU
stands beside them.  All have equal parameters, as near as whole units allow, the same batches, the same number of
steps and the same learning rates, of which validation data choose one for each variant and task; the live run takes a
rate chosen before.  Adam, a rate that falls to zero, the gradient clipped to norm 1.

Three tasks.  "adding": mean squared error on the adding problem, where the answer 1 has an error of 1/6.  "digits":
share of the test digits read wrongly, row by row.  "reber": on words of the embedded Reber grammar, the share of words
whose last letter but one is not the one foretold, which only the second letter tells; a coin errs at half.

Source: Greff et al. (2017), who removed one part at a time on speech, handwriting and music with 200 random searches
each; van der Westhuizen & Lasenby (2018) for the forget gate alone.
Published, in the abstract and the conclusion of Greff et al. (2017): none of the eight variants improves on the LSTM
significantly; forget gate and output activation are the critical parts, the second wherever the state is unbounded.

Keys: error {task: {variant: float}} on test data; gap, the same nesting, error minus that of the LSTM; rate, the same
nesting; parameters, the same nesting, int, those that are trained; baseline {task: float}, of who knows nothing;
largest_output and largest_state, the same nesting, max |h| and max |c| over the test sequences (GRU: h is both);
sequences {task: int}, seen in training by each variant; T, steps of the adding problem.

What a scale leaves out is missing from the dicts.

Chapter: chapters/gates.md.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from lstmkit.comparison import equal_width, tuned
from lstmkit.experiments.digits import as_sequence, parts
from lstmkit.tasks import adding, reber
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import (
    GRU,
    LSTM,
    LSTM97,
    CoupledLSTM,
    FullGateRecurrenceLSTM,
    NoInputActivationLSTM,
    NoInputGateLSTM,
    NoOutputActivationLSTM,
    NoOutputGateLSTM,
    PeepholeLSTM,
)
from lstmkit.torch.network import Network, count_parameters, cross_entropy, squared_error
from lstmkit.torch.training import fit


class Held(nn.Module):
    """The last of three blocks of rows, (3H, ...), is held at one value; the first two, (2H, ...), are trained."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, trained):
        """All three blocks, (3H, ...)."""
        rows = len(trained) // 2
        return torch.cat([trained, trained.new_full((rows, *trained.shape[1:]), self.value)])

    def right_inverse(self, whole):
        """The two blocks that stay free, (2H, ...)."""
        return whole[: len(whole) // 3 * 2].clone()


def forget_gate_only(D, H):
    """c = f c + (1 - f) g, h = tanh(c): the coupled LSTM, its output gate's pre-activation held at 20, where σ is 1."""
    core = CoupledLSTM(D, H)  # its blocks are f, g, o
    for name, value in (("W_x_l0", 0.0), ("W_h_l0", 0.0), ("b_l0", 20.0)):
        parametrize.register_parametrization(core, name, Held(value))
    return core


VARIANTS = {
    "LSTM": LSTM,
    "no input gate": NoInputGateLSTM,
    "no output gate": NoOutputGateLSTM,
    "no input activation": NoInputActivationLSTM,
    "no output activation": NoOutputActivationLSTM,
    "coupled": CoupledLSTM,
    "peephole": PeepholeLSTM,
    "full gate recurrence": FullGateRecurrenceLSTM,
    "forget gate only": forget_gate_only,
    "LSTM 1997": LSTM97,
    "GRU": GRU,
}
FEW = ("LSTM", "no output activation", "coupled", "forget gate only")
SETTINGS = {
    "test": {"variants": tuple(VARIANTS), "H": 3, "T": 6, "rates": (1e-2,),
             "steps": dict.fromkeys(("adding", "digits", "reber"), 2), "checks": 1, "sequences": 40},
    "live": {"variants": FEW, "H": 24, "T": 20, "rates": (1e-2,),
             "steps": {"adding": 500}, "checks": 4, "sequences": 500},
    "recorded": {"variants": tuple(VARIANTS), "H": 24, "T": 40, "rates": (1e-2, 3e-2),
                 "steps": {"adding": 600, "digits": 300, "reber": 200}, "checks": 6, "sequences": 1000},
}  # fmt: skip
BATCH = 32


class Task(NamedTuple):
    """What is learned: inputs D and outputs a step, how to draw a batch, and how to judge; x (T, B, D) is float32."""

    D: int
    outputs: int
    last: bool  # only the last step is read out
    batch: Callable  # (step, rng) -> x, y
    loss: Callable
    validation: tuple  # x, y
    test: tuple  # x, y
    error: Callable  # (answers, y) -> float
    baseline: float  # the error of who knows nothing


def adding_task(seed, setting):
    """The adding problem, x (T, B, 2) and y (B, 1); the error is the mean square."""
    draw = partial(adding.batch, T=setting["T"], dtype=np.float32)
    held, asked = (draw(np.random.default_rng([seed, k]), B=setting["sequences"]) for k in (1, 2))

    def error(answers, y):
        return nn.functional.mse_loss(answers, y).item()

    return Task(
        2, 1, True, lambda step, rng: draw(rng, B=BATCH), squared_error, held, asked, error, adding.CONSTANT_MSE
    )


def digits_task(seed, setting):
    """Digits read by rows, x (8, B, 8) and y (B,); the error is the share of wrong answers."""
    (x, y), held, asked = ((as_sequence(part.images, "rows"), part.labels) for part in parts(seed))

    def batch(step, rng):
        chosen = rng.choice(len(y), BATCH, replace=False)
        return x[:, chosen], y[chosen]

    baseline = float(np.mean(asked[1] != np.bincount(y).argmax()))
    return Task(8, 10, True, batch, cross_entropy, held, asked, wrong, baseline)


def reber_task(seed, setting):
    """Words of the embedded Reber grammar, x (T, B, 7) and y (T, B); the error counts the last letter but one alone."""

    def draw(rng, B, outer_only=False):
        words = reber.batch(rng, B, dtype=np.float32)
        return words.x, np.where(words.outer, words.y, -1) if outer_only else words.y

    held = draw(np.random.default_rng([seed, 1]), setting["sequences"])
    asked = draw(np.random.default_rng([seed, 2]), setting["sequences"], outer_only=True)
    return Task(7, 7, False, lambda step, rng: draw(rng, BATCH), cross_entropy, held, asked, wrong, 0.5)


def wrong(answers, y):
    """The share of wrong answers (..., O) among those asked, y (...), -1 where nothing is."""
    return (answers.argmax(-1) != y)[y >= 0].double().mean().item()


MAKE = {"adding": adding_task, "digits": digits_task, "reber": reber_task}


def build(variant, task, H):
    """The variant in a network as large as that of an LSTM with H units; random by torch's generator."""

    def network(width, kind=VARIANTS[variant]):
        return Network(kind(task.D, width), task.outputs, last=task.last)

    return network(equal_width(network, count_parameters(network(H, LSTM))))


def learn(seed, variant, task, steps, setting, device):
    """The variant after `steps`, at its best moment and its best rate by the validation loss: model, rate."""
    models, held = {}, [torch.from_numpy(part).to(device) for part in task.validation]

    def at(rate):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # the rates share a start
            models[rate] = build(variant, task, setting["H"]).to(device)
        return fit(
            models[rate], task.batch, task.loss, steps=steps, lr=rate, seed=seed,
            schedule=lambda step: 1 - step / steps, every=-(-steps // setting["checks"]),
            evaluate=lambda model: task.loss(model, *held).item(),
            patience=steps,  # never reached: it is what brings back the best moment
        )  # fmt: skip

    _, rate = tuned(at, setting["rates"])
    return models[rate].eval(), rate


def largest(model, x):
    """The largest |h| and the largest |c|, or |h| again where there is no c, on x (T, B, D)."""
    state, h, c = None, 0.0, 0.0
    for x_t in x:
        _, state = model(x_t[None], state)
        fields = state if isinstance(state, tuple) else (state,)
        h, c = max(h, fields[0].abs().max().item()), max(c, fields[-1].abs().max().item())
    return h, c


def run(seed=0, scale="live", device="cpu"):
    """Train every variant on every task, and test it."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    keys = ("error", "gap", "rate", "parameters", "largest_output", "largest_state")
    result = {key: {name: {} for name in setting["steps"]} for key in keys}
    tasks = {name: MAKE[name](seed, setting) for name in setting["steps"]}
    for name, task in tasks.items():
        x, y = (torch.from_numpy(part).to(device) for part in task.test)
        for variant in setting["variants"]:
            model, rate = learn(seed, variant, task, setting["steps"][name], setting, device)
            with torch.no_grad():
                error, (h, c) = task.error(model(x)[0], y), largest(model, x[:, :200])
            values = error, error - result["error"][name].get("LSTM", error), rate, count_parameters(model), h, c
            for key, value in zip(keys, values, strict=True):
                result[key][name][variant] = value
    return result | {
        "baseline": {name: task.baseline for name, task in tasks.items()},
        "sequences": {name: steps * BATCH for name, steps in setting["steps"].items()},
        "T": setting["T"],
    }
