"""What does one more token cost after t tokens: an LSTM's step, and a Transformer's with its cache of keys and values?

Setting.  Networks that have read t tokens and are asked for the next one, a sequence at a time, in float32, without
gradients, one thread: an LSTM of H units, and a causal Transformer block as wide as makes its parameters as many.
"Transformer" carries the keys and values of all t tokens, and joins the new token's to them; "Transformer without
cache" reads all tokens again, and is timed up to `again_up_to`.  The state of the LSTM is h and c, whatever t is.

Time is the processor's (on cuda the wall clock's) for one token: medians of rounds in which all contestants and all t
take turns, each with `tokens` tokens from the same state.  Bytes of the state are counted on the tensors.

Keys: tokens_before (N,); ms, name -> (N,), None where it was not timed; state_bytes, name -> (N,); bytes_per_token,
name -> float, what a token adds to the state; ms_growth, name -> float, the longest time over the shortest t's;
state_growth likewise for bytes; equal_state_at, the t at which both states are equally large; to_LSTM, name -> float,
times the LSTM's ms at the longest t that was timed; difference, name -> float, the largest between token by token and
the whole sequence at once; parameters, name -> int; H, width of the Transformer, heads, rounds.

Source: Vaswani et al. (2017); Shazeer (2019) for what the cache costs.  Chapter: chapters/transformers.md.
"""

from statistics import median

import torch

from lstmkit.bench.timing import Bar, interleave
from lstmkit.comparison import equal_width
from lstmkit.experiments.kernel_speed import one_thread
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch import LSTM, TransformerBlock
from lstmkit.torch.network import count_parameters

SETTINGS = {
    "test": {"before": (4, 8), "again_up_to": 8, "H": 16, "tokens": 1, "rounds": 1},
    "live": {"before": (16, 256, 4096, 16384), "again_up_to": 256, "H": 128, "tokens": 10, "rounds": 5},
    "recorded": {
        "before": (16, 64, 256, 1024, 4096, 16384, 65536),
        "again_up_to": 4096,
        "H": 128,
        "tokens": 10,
        "rounds": 7,
    },
}
HEADS = 4
AGAIN = "Transformer without cache"


def block(width):
    """A causal block of that width, with a feed-forward part four times as wide."""
    return TransformerBlock(width, HEADS, 4 * width, 0.0, norm_first=True)


def state_of(name, t, module):
    """What the network carries after t tokens: random numbers of the right shape, as a tuple."""
    if name == "LSTM":
        return tuple(torch.randn(1, 1, module.hidden_size) for _ in range(2))
    return tuple(torch.randn(1, HEADS, t, module.d_model // HEADS) for _ in range(2))


def size(state):
    """Bytes of a tuple of tensors of any shape."""
    return sum(tensor.numel() * tensor.element_size() for tensor in state)


def one_more(name, module, t, tokens, device):
    """A function that makes `tokens` tokens, each the next after t."""
    width = module.hidden_size if name == "LSTM" else module.d_model
    x = torch.randn(t + 1 if name == AGAIN else 1, 1, width, device=device)
    state = None if name == AGAIN else tuple(field.to(device) for field in state_of(name, t, module))

    def run():
        with torch.no_grad():
            for _ in range(tokens):
                module(x, state)
        if device != "cpu":
            torch.cuda.synchronize()

    return run


def token_by_token(module, x):
    """The outputs (T, B, D) of a network that gets one token at a time and carries its state."""
    state, ys = None, []
    for x_t in x:
        y, state = module(x_t[None], state)
        ys.append(y)
    return torch.cat(ys)


def run(seed=0, scale="live", device="cpu"):
    """Time one token after every t, and count what is carried."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    H, before, tokens, rounds = setting["H"], setting["before"], setting["tokens"], setting["rounds"]
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lstm = LSTM(H, H)
        width = equal_width(block, count_parameters(lstm), step=HEADS)
        transformer = block(width)
        modules = {"LSTM": lstm, "Transformer": transformer}
        difference = {}
        for name, module in modules.items():
            x = torch.randn(20, 1, H if name == "LSTM" else width)
            with torch.no_grad():
                difference[name] = float((module(x)[0] - token_by_token(module, x)).abs().max())
        state_bytes = {name: [size(state_of(name, t, module)) for t in before] for name, module in modules.items()}
        modules = {name: module.to(device) for name, module in modules.items()} | {AGAIN: transformer.to(device)}
        functions = {
            (name, t): one_more(name, module, t, tokens, device)
            for name, module in modules.items()
            for t in before
            if name != AGAIN or t <= setting["again_up_to"]
        }
        seconds = interleave(functions, rounds, 1 if device == "cpu" else None, Bar(1, wanted=False))
    ms = {
        name: [1000 * median(seconds[name, t]) / tokens if (name, t) in seconds else None for t in before]
        for name in modules
    }
    timed = {name: [value for value in values if value is not None] for name, values in ms.items()}
    per_token = {name: (b[-1] - b[0]) / (before[-1] - before[0]) for name, b in state_bytes.items()}
    return {
        "tokens_before": list(before),
        "ms": ms,
        "state_bytes": state_bytes,
        "bytes_per_token": per_token,
        "ms_growth": {name: values[-1] / values[0] for name, values in timed.items()},
        "state_growth": {name: values[-1] / values[0] for name, values in state_bytes.items()},
        "equal_state_at": state_bytes["LSTM"][0] / per_token["Transformer"],
        "to_LSTM": {name: values[-1] / ms["LSTM"][len(values) - 1] for name, values in timed.items()},
        "difference": difference,
        "parameters": {"LSTM": count_parameters(lstm), "Transformer": count_parameters(transformer)},
        "H": H,
        "width": width,
        "heads": HEADS,
        "rounds": rounds,
    }
