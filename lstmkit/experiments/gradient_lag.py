"""How much of a gradient is left after k steps backward, in an untrained RNN and an untrained LSTM?

Setting: H = 64 units, D = 8 standard-normal inputs, T = 100 steps, three draws of the weights.  A random unit gradient
arrives at the last step and travels back through `step_backward`, the hand-written derivative of the chapter; at each
lag we read its norm: of ∂L/∂h_t in the RNN, of the total ∂L/∂c_t in the LSTM.  Norms are root mean squares over 16
sequences (64 recorded) with a read-out each, then geometric means over the draws.  The factor a step is the slope of a
straight line through the logarithm of the norm between lag 20 and lag 80.

RNN: torch.nn's initialisation (everything uniform in ±1/√H), or a recurrent matrix that is orthogonal times a gain.
LSTM: lstm.init_params with the forget bias as named.  `direct` is the norm along the carousel alone, of v ⊙ ∏ f_t.

Source: Hochreiter (1991); Bengio, Simard & Frasconi (1994); Pascanu, Mikolov & Bengio (2013).

Keys: lag (T,); norm, name -> (T,); per_step, name -> float; per_step_draws, name -> (3,); direct and direct_per_step
likewise, for the LSTMs; forget_biases, gains, H, T.

Chapter: chapters/mathematics.md.
"""

import numpy as np

from lstmkit.numpy import lstm, rnn
from lstmkit.numpy.functions import d_tanh

GAINS = (0.9, 1.0, 1.5, 3.0)
FORGET_BIASES = (0.0, 1.0, 3.0, 5.0, 10.0)
DRAWS = 3
SETTINGS = {
    "test": {"H": 8, "D": 3, "T": 90, "B": 4},
    "live": {"H": 64, "D": 8, "T": 100, "B": 16},
    "recorded": {"H": 64, "D": 8, "T": 100, "B": 64},
}


def torch_like_rnn(rng, D, H):
    """The initialisation of torch.nn.RNN: both matrices and both biases uniform in ±1/√H; our one bias is their sum."""
    bound = 1 / np.sqrt(H)
    W_x, W_h = rng.uniform(-bound, bound, (H, D)), rng.uniform(-bound, bound, (H, H))
    return rnn.Params(W_x, W_h, rng.uniform(-bound, bound, (2, H)).sum(axis=0))


def orthogonal_rnn(rng, D, H, gain):
    """As `torch_like_rnn`, with W_h a random rotation times the gain: every singular value is the gain."""
    q, r = np.linalg.qr(rng.normal(size=(H, H)))
    return torch_like_rnn(rng, D, H)._replace(W_h=gain * q * np.sign(np.diag(r)))


def rnn_norms(params, x, v):
    """RMS over sequences of ‖∂L/∂h_t‖ for L = v · h_T.  Returns (T,), entry k for lag k."""
    T, B, _ = x.shape
    state, caches = rnn.zero_state(B, v.shape[1]), []
    for x_t in x:
        state, cache = rnn.step(params, x_t, state)
        caches.append(cache)
    d_state, norms = rnn.State(v), np.empty(T)
    for lag, cache in enumerate(reversed(caches)):
        norms[lag] = np.sqrt((d_state.h**2).sum(axis=1).mean())
        _, d_state, _ = rnn.step_backward(params, d_state, cache)
    return norms


def lstm_norms(params, x, v):
    """RMS over sequences of ‖∂L/∂c_t‖ for L = v · c_T, by every path and along the carousel alone: two of (T,)."""
    T, B, _ = x.shape
    H = v.shape[1]
    state, caches = lstm.zero_state(B, H), []
    for x_t in x:
        state, cache = lstm.step(params, x_t, state)
        caches.append(cache)
    gates = lstm.read_gates(lstm.forward(params, x)[2])
    d_state, carousel = lstm.State(np.zeros_like(v), v), v
    norms, direct = np.empty(T), np.empty(T)
    for lag, t in enumerate(reversed(range(T))):
        d_c = d_state.c + d_state.h * gates.o[t] * d_tanh(np.tanh(gates.c[t]))  # both paths into c_t
        norms[lag] = np.sqrt((d_c**2).sum(axis=1).mean())
        direct[lag] = np.sqrt((carousel**2).sum(axis=1).mean())
        _, d_state, _ = lstm.step_backward(params, d_state, caches[t])
        carousel = carousel * gates.f[t]
    return norms, direct


def per_step_factor(norms):
    """The factor by which the norm changes a step: 10 to the slope of log10 norm between lag 20 and lag 80."""
    lags = np.arange(20, 81)
    return 10 ** np.polyfit(lags, np.log10(norms[lags]), 1)[0]


def run(seed=0, scale="live", device="cpu"):
    """Send a gradient back through every network.  `device` is unused: this is the NumPy kit."""
    if scale not in SETTINGS:
        raise ValueError(f"scale is {scale!r}; this experiment knows {', '.join(SETTINGS)}")
    H, D, T, B = SETTINGS[scale].values()
    norms, direct = {}, {}
    for draw in range(DRAWS * seed, DRAWS * (seed + 1)):
        rng = np.random.default_rng(draw)
        x, v = rng.normal(size=(T, B, D)), rng.normal(size=(B, H))
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        norms.setdefault("RNN", []).append(rnn_norms(torch_like_rnn(rng, D, H), x, v))
        for gain in GAINS:
            norms.setdefault(f"RNN gain {gain:g}", []).append(rnn_norms(orthogonal_rnn(rng, D, H, gain), x, v))
        for bias in FORGET_BIASES:
            name = f"LSTM b_f={bias:g}"
            every_path, carousel = lstm_norms(lstm.init_params(rng, D, H, forget_bias=bias), x, v)
            norms.setdefault(name, []).append(every_path)
            direct.setdefault(name, []).append(carousel)

    def mean(curves):
        return np.exp(np.log(curves).mean(axis=0))

    return {
        "lag": np.arange(T),
        "norm": {name: mean(curves) for name, curves in norms.items()},
        "per_step": {name: per_step_factor(mean(curves)) for name, curves in norms.items()},
        "per_step_draws": {name: np.array([per_step_factor(c) for c in curves]) for name, curves in norms.items()},
        "direct": {name: mean(curves) for name, curves in direct.items()},
        "direct_per_step": {name: per_step_factor(mean(curves)) for name, curves in direct.items()},
        "forget_biases": FORGET_BIASES,
        "gains": GAINS,
        "H": H,
        "T": T,
    }
