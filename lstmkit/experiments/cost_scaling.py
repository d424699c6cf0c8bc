"""How do the time and the memory of one training step grow with the length of the sequence?

Setting.  One layer on one sequence of T steps in float32, D = H = 64, forward and backward, one thread.  The
contestants: "LSTM" is torch.nn's; "naive attention" writes the (T, T) scores of 2 heads down, masked, takes their
softmax and multiplies; "attention" is the same function by torch's scaled_dot_product_attention, which never writes
them down; "Transformer" is this book's block around it.  Both attentions are asked the same question, and must agree.

Time is the processor's (on cuda the wall clock's), in rounds in which everybody takes turns.  Bytes are counted, not
measured: all that autograd keeps from the forward pass for the backward pass, each piece of memory once, without the
parameters.  An exponent is the slope of log(cost) over log(T), by least squares on all lengths and rounds, its interval
Student's of 95 %; last_doubling is log2 of the cost at the longest T over that at half of it, nearer to the limit.

Keys: lengths (N,); ms, name -> (N,), medians; bytes, name -> (N,); exponent: {ms, bytes} -> name -> float;
exponent_interval: the same -> [low, high]; last_doubling: the same -> float; to_LSTM, name -> (N,), times its ms;
bytes_to_LSTM, name -> float, at the longest T; difference, the largest between the two attentions; scores: {self,
encoder_decoder}, each {counted, formula}, the weights that T positions give themselves, and S another T; D, heads,
rounds.

Source: Vaswani et al. (2017), Table 1; Rabe & Staats (2021) and Dao et al. (2022) for the memory.
Chapter: chapters/transformers.md.
"""

from statistics import median

import numpy as np
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from lstmkit.bench.timing import Bar, interleave
from lstmkit.experiments.kernel_speed import one_thread
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import DotAttention
from lstmkit.torch.network import Transformer

SETTINGS = {
    "test": {"lengths": (8, 16, 32), "rounds": 1},
    "live": {"lengths": (256, 512, 1024), "rounds": 3},
    "recorded": {"lengths": (256, 512, 1024, 2048, 4096), "rounds": 5},
}
D, HEADS = 64, 2
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 5: 2.571, 7: 2.365, 12: 2.179, 23: 2.069}  # of 95 %, by degrees of freedom


def naive(q, k, v):
    """Causal attention that writes its (T, T) weights down; q, k, v and the result (1, N, T, D/N)."""
    T = q.shape[2]
    later = torch.ones(T, T, dtype=torch.bool, device=q.device).triu(1)
    scores = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(later, -torch.inf)
    return scores.softmax(-1) @ v


def fused(q, k, v):
    """The same by torch's kernel."""
    return scaled_dot_product_attention(q, k, v, is_causal=True)


def contestants(device):
    """name -> (function of leaves, what it is called with for T steps); each returns one tensor."""
    lstm, transformer = nn.LSTM(D, D).to(device), Transformer(D, HEADS, 1).to(device)

    def sequence(T):
        return (torch.randn(T, 1, D, device=device, requires_grad=True),)

    def heads(T):
        return tuple(torch.randn(1, HEADS, T, D // HEADS, device=device, requires_grad=True) for _ in range(3))

    return {
        "LSTM": (lambda x: lstm(x)[0], sequence, tuple(lstm.parameters())),
        "naive attention": (naive, heads, ()),
        "attention": (fused, heads, ()),
        "Transformer": (lambda x: transformer(x)[0], sequence, tuple(transformer.parameters())),
    }


def training_step(function, leaves, parameters, device):
    """A function without arguments: forward, then the gradient of the sum by all leaves and parameters."""

    def run():
        found = torch.autograd.grad(function(*leaves).sum(), (*leaves, *parameters))
        if device != "cpu":
            torch.cuda.synchronize()
        return found

    return run


def kept_bytes(function, leaves, parameters):
    """Bytes that autograd keeps for the backward pass, each piece of memory once, parameters not counted."""
    kept, known = {}, {p.untyped_storage().data_ptr() for p in parameters}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor  # held until the end, so that no address is given out twice

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = function(*leaves)
    total = sum(kept.values())
    del result
    return total


def exponent(lengths, costs):
    """The slope of log cost over log T and its interval of 95 %, from costs (N,) or, in M rounds, (M, N)."""
    y = np.log(np.atleast_2d(costs))
    x = np.broadcast_to(np.log(lengths), y.shape)
    slope, intercept = np.polyfit(x.ravel(), y.ravel(), 1)
    freedom = x.size - 2
    error = np.sqrt(((y - slope * x - intercept) ** 2).sum() / freedom / ((x - x.mean()) ** 2).sum())
    reach = STUDENT[max(known for known in STUDENT if known <= freedom)] * error  # rather too wide than too narrow
    return float(slope), [float(slope - reach), float(slope + reach)]


def scores(S, T):
    """How many weights S queries to T keys make, counted on what this book's attention returns."""
    queries, keys = torch.zeros(S, 1, 2), torch.zeros(T, 1, 2)
    return {"counted": DotAttention()(queries, keys, keys)[1].numel(), "formula": S * T}


def run(seed=0, scale="live", device="cpu"):
    """Measure every length."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    lengths, rounds = setting["lengths"], setting["rounds"]
    functions, kept = {}, {}
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = contestants(device)
        for name, (function, inputs, parameters) in made.items():
            for T in lengths:
                leaves = inputs(T)
                functions[name, T] = training_step(function, leaves, parameters, device)
                kept.setdefault(name, []).append(kept_bytes(function, leaves, parameters))
        q, k, v = made["attention"][1](lengths[0])
        difference = float((naive(q, k, v) - fused(q, k, v)).detach().abs().max())
        seconds = interleave(functions, rounds, 1 if device == "cpu" else None, Bar(1, wanted=False))
    ms = {name: [1000 * median(seconds[name, T]) for T in lengths] for name in made}
    every_round = {name: np.transpose([seconds[name, T] for T in lengths]) for name in made}
    slopes = {
        what: {name: exponent(lengths, values) for name, values in costs.items()}
        for what, costs in (("ms", every_round), ("bytes", kept))
    }
    return {
        "lengths": list(lengths),
        "ms": ms,
        "bytes": kept,
        "exponent": {what: {name: found[0] for name, found in table.items()} for what, table in slopes.items()},
        "exponent_interval": {what: {n: found[1] for n, found in table.items()} for what, table in slopes.items()},
        "last_doubling": {
            what: {name: float(np.log2(values[-1] / values[-2])) for name, values in costs.items()}
            for what, costs in (("ms", ms), ("bytes", kept))
        },
        "to_LSTM": {name: [a / b for a, b in zip(values, ms["LSTM"], strict=True)] for name, values in ms.items()},
        "bytes_to_LSTM": {name: values[-1] / kept["LSTM"][-1] for name, values in kept.items()},
        "difference": difference,
        "scores": {"self": scores(48, 48), "encoder_decoder": scores(12, 48)},
        "D": D,
        "heads": HEADS,
        "rounds": rounds,
    }
