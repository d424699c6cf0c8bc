"""The checks of the assignment `variants`: call one with your function, read the report, get the points.

    from lstmkit.grading import variants as check
    check.gru_step(gru_step)

T steps, B sequences, D inputs, H units; R × S pixels, kernels k × k; a query of Q numbers, keys of K, A units of the
score.  Blocks of the LSTM in the order i, f, g, o; of the GRU r, z, n.
Every check of a function tries at least four draws of random sizes and values; another `seed` makes other draws.
The right values come from lstmkit.numpy and lstmkit.cells; the named mistakes from variants_mistakes.
"""

import numpy as np

from lstmkit.cells import gru
from lstmkit.grading import variants_mistakes as mistakes
from lstmkit.grading.draws import double, sizes
from lstmkit.grading.guard import Problem
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, as_array, ask, doors, examine, show
from lstmkit.numpy import attention, bidirectional, convlstm, lstm, peephole

GRU_ARGS = ("x_t", "h_prev", "W_x", "W_h", "b_x", "b_h")


def _random(rng, *shapes, dtype=np.float64):
    return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)


def _gru_draws(rng):
    def arrays(B, D, H, dtype=np.float64):
        return _random(rng, (B, D), (B, H), (3 * H, D), (3 * H, H), (3 * H,), (3 * H,), dtype=dtype)

    B, D, H = sizes(rng, 3)
    x_t, h_prev, *rest = arrays(*sizes(rng, 3))
    return [
        *(Draw(arrays(*sizes(rng, 3))) for _ in range(4)),
        Draw(arrays(1, D, H), "one sequence (B = 1)"),
        Draw(arrays(B, H, H), "D = H"),
        Draw((x_t, 0 * h_prev, *rest), "a state of zeros"),
        Draw(arrays(B, D, H, np.float32), "float32"),
    ]


def _gru_key(*args):
    x_t, h_prev, W_x, W_h, b_x, b_h = double(args)
    x_r, x_z, x_n = np.split(x_t @ W_x.T + b_x, 3, axis=1)
    h_r, h_z, u = np.split(h_prev @ W_h.T + b_h, 3, axis=1)
    h, r, z, n, _ = gru.step(u, x_r + h_r, x_z + h_z, x_n, h_prev)
    return {"h": h, "r": r, "z": z, "n": n}


def _gru_attempt(answers, args, own):
    function = answers["gru_step"]

    def opened(*args):
        """The state and its gates side by side, whether the gates are a tuple, a list or one array."""
        value = function(*args)
        if isinstance(value, tuple | list) and len(value) == 2:
            h, gates = value
            several = isinstance(gates, tuple | list) or getattr(gates, "ndim", 0) == 3
            if several and len(gates) == 3 and not isinstance(h, tuple):
                return (h, *gates)
        return value

    return ask(opened if callable(function) else function, args, GRU_ARGS, ("h", "r", "z", "n"))


GRU_STEP = Question(
    name="gru_step",
    parts=(
        Part("r", 1, "(B, H)"),
        Part("z", 1, "(B, H)"),
        Part("n", 1, "(B, H)"),
        Part("h", 2, "(B, H)"),
        Part(UNCHANGED, 1),
    ),
    draws=_gru_draws,
    key=_gru_key,
    attempt=_gru_attempt,
    mistakes=mistakes.GRU_STEP,
    batch=((0, 0, None, None, None, None), {"r": 0, "z": 0, "n": 0, "h": 0}),
    hints=(
        "Keep the two products apart until you know what the reset gate is to see: x_t @ W_x.T + b_x is one array of "
        "(B, 3H), h_prev @ W_h.T + b_h another. np.split(a, 3, axis=1) cuts each into the blocks r, z, n.",
        "r and z are sigmoids of the sum of their two blocks. In n the block of the input stands alone, and r "
        "multiplies the whole block of the past, bias and all.",
        "With x_r, x_z, x_n and h_r, h_z, u for the six blocks: n = tanh(x_n + r ⊙ u), and "
        "h = (1 - z) ⊙ n + z ⊙ h_prev. A z of one keeps the old state.",
    ),
)


def _counters_of(rng):
    """What the three counters of a student are made of, such that no count of theirs hangs on the last digit."""
    while True:
        keep, step = rng.integers(86, 96) / 100, rng.integers(20, 90) / 1000
        apart, drift = rng.integers(8, 36) / 10000, rng.integers(61, 190) / 10000
        up = rng.integers(60, 160) / 100
        down = round(up * (1 + drift), 4)
        mine = {"keep": keep, "step": step, "apart": apart, "up": up, "down": down}
        n = np.arange(1000)
        gaps = np.diff([1 - keep**n, np.tanh(step * n)])
        # Above half, and half an `up` would be as good as half a `down`.
        clear = np.min(np.abs(gaps / apart - 1)) > 0.002 and 0.05 < up / 2 / (down - up) % 1 < 0.45
        if clear and all(20 <= count <= 90 for count in mistakes.counters(mine).values()):
            return {name: float(value) for name, value in mine.items()}


def _counters_attempt(answers, args, own):
    got, changed = ask(answers["counters"], (), (), ("gru", "shown", "uneven"))
    for name, value in got.items():
        number = as_array(value)
        if not isinstance(number, Problem) and number.ndim == 0 and np.isfinite(number) and number % 1:
            got[name] = Problem("not whole", "is not a whole number: asked is a number of letters.")
    return got, changed


COUNTERS = Question(
    name="counters",
    parts=(
        Part("gru", 1, "a whole number"),
        Part("shown", 1, "a whole number"),
        Part("uneven", 1, "a whole number"),
    ),
    draws=lambda rng, mine: [Draw((mine,))],
    key=mistakes.counters,
    attempt=_counters_attempt,
    mistakes=mistakes.COUNTERS,
    yours=_counters_of,
    hints=(
        "Three loops of three lines each will do; a formula is shorter and no better. Mind which two states are "
        "compared: the ones after n - 1 and after n a's, where the state after no a is 0.",
        "gru: with a candidate of 1, h after n a's is 1 - keepⁿ, so the two states are keepⁿ⁻¹ (1 - keep) apart. "
        "shown: tanh(n step) - tanh((n - 1) step). Both distances shrink, so stop at the first that is too small.",
        "uneven: a string is right if the cell is below half an `up` after its n-th b and not yet after the b before "
        "it: n up - n down < up / 2 ≤ n up - (n - 1) down. Try n = 1, 2, 3, … and stop before the first that fails.",
    ),
)

PEEPHOLE_ARGS = ("x_t", "h_prev", "c_prev", "W_x", "W_h", "b", "w_i", "w_f", "w_o")


def _cell_arrays(rng, B, D, H, blocks, peepholes, dtype=np.float64):
    """x, h, c, W_x, W_h, b of a cell of so many blocks, and so many vectors of peepholes."""
    weights = ((blocks * H, D), (blocks * H, H), (blocks * H,))
    return _random(rng, (B, D), (B, H), (B, H), *weights, *[(H,)] * peepholes, dtype=dtype)


def _cell_draws(rng, blocks, peepholes):
    def arrays(B, D, H, **options):
        return _cell_arrays(rng, B, D, H, blocks, peepholes, **options)

    B, D, H = sizes(rng, 3)
    plain = arrays(*sizes(rng, 3))
    closed = (*plain[:6], *(0 * w for w in plain[6:]))
    return [
        *(Draw(arrays(*sizes(rng, 3))) for _ in range(4)),
        Draw(arrays(1, D, H), "one sequence (B = 1)"),
        Draw(arrays(B, H, H), "D = H"),
        Draw(closed, "peepholes of zero"),
        Draw(arrays(B, D, H, dtype=np.float32), "float32"),
    ]


def _peephole_key(*args):
    x_t, h, c, *params = double(args)
    return peephole.step(peephole.Params(*params), x_t, peephole.State(h, c))[0]._asdict()


PEEPHOLE_STEP = Question(
    name="peephole_step",
    parts=(
        Part("c", 2, "(B, H)"),
        Part("h", 2, "(B, H)"),
        Part(UNCHANGED, 1),
    ),
    draws=lambda rng: _cell_draws(rng, 4, 3),
    key=_peephole_key,
    attempt=lambda answers, args, own: ask(answers["peephole_step"], args, PEEPHOLE_ARGS, ("h", "c")),
    mistakes=mistakes.PEEPHOLE_STEP,
    batch=((0, 0, 0) + (None,) * 6, {"h": 0, "c": 0}),
    hints=(
        "It is the step of the LSTM, with a term more in three pre-activations. A vector w of H entries times the "
        "cell, entry by entry, is w * c: no matrix product.",
        "The output gate cannot be computed together with the others, for it looks at the cell after the step.",
        "In this order: i = σ(a_i + w_i ⊙ c_prev), f = σ(a_f + w_f ⊙ c_prev), g = tanh(a_g), c = f ⊙ c_prev + i ⊙ g, "
        "then o = σ(a_o + w_o ⊙ c), and h = o ⊙ tanh(c).",
    ),
)


def _ragged(rng, T, B):
    """Lengths (B,) from 1 to T: the first sequence is short, another one has all T steps if there is another."""
    lengths = rng.integers(1, T + 1, B)
    lengths[0] = rng.integers(1, T) if T > 1 else 1
    if B > 1:
        lengths[rng.integers(1, B)] = T
    return lengths


def _bilstm_draws(rng):
    def draw(T, B, D, H, label="", kind="ordinary", full=False, padding=None, dtype=np.float64):
        lengths = np.full(B, T) if full else _ragged(rng, T, B)
        (x,) = _random(rng, (T, B, D), dtype=dtype)
        if padding is not None:
            x[np.arange(T)[:, None] >= lengths] = padding
        forward, backward = (_random(rng, (4 * H, D), (4 * H, H), (4 * H,), dtype=dtype) for _ in range(2))
        return Draw((x, lengths, forward, backward), label, kind)

    T, B, D, H = sizes(rng, 4)
    return [
        *(draw(*sizes(rng, 4)) for _ in range(4)),
        draw(1, B, D, H, "one step (T = 1)"),
        draw(T, 1, D, H, "one sequence (B = 1)"),
        draw(T, B, H, H, "D = H"),
        draw(T, B, D, H, "sequences of full length", full=True),
        draw(T, B, D, H, "float32", dtype=np.float32),
        draw(7, 3, D, H, "NaN behind the ends", "padding", padding=np.nan),
    ]


def _bilstm_key(x, lengths, forward, backward):
    x, *params = double([x, *forward, *backward])
    params = bidirectional.Params(lstm.Params(*params[:3]), lstm.Params(*params[3:]))
    return _halves(bidirectional.forward(lstm, params, x, lengths=lengths)[0], lengths)


def _halves(hs, lengths):
    """The parts of hs (T, B, 2H): either half where there is a step, and what stands behind the ends."""
    real = np.arange(len(hs))[:, None] < lengths
    there, back = (np.where(real[:, :, None], half, 0) for half in np.split(hs, 2, axis=2))
    return {"forward half": there, "backward half": back, "behind the ends": hs[~real]}


def _bilstm_attempt(answers, args, own):
    x, lengths, forward, _ = args
    got, changed = ask(answers["bilstm_forward"], args, ("x", "lengths", "forward", "backward"), ("hs",))
    hs = as_array(got["hs"])
    (T, B, _), H = x.shape, forward[1].shape[1]
    if not isinstance(hs, Problem) and hs.shape != (T, B, 2 * H):
        hs = _misshapen(hs.shape, T, B, H)
    if isinstance(hs, Problem):
        return dict.fromkeys(("forward half", "backward half", "behind the ends"), hs), changed
    parts = _halves(hs, lengths)
    if np.isnan(x).any():
        why = (
            "NaN has come from the padding into the states: zero times NaN is NaN, so choose the states with np.where, "
            "or do not read the padding at all."
        )
        for name in ("forward half", "backward half"):
            if np.isnan(parts[name]).any():
                parts[name] = Problem("padding", why)
    if np.isnan(parts["behind the ends"]).any():
        why = "NaN stands behind an end: zero times NaN is NaN, so choose (np.where) or leave those steps out."
        parts["behind the ends"] = Problem("NaN behind the ends", why)
    elif parts["behind the ends"].any():
        why = "numbers stand behind the end of a sequence: there both halves are zero."
        parts["behind the ends"] = Problem("not zero behind the ends", why)
    return parts, changed


def _misshapen(shape, T, B, H):
    if shape == (T, B, H):
        return Problem("halves not side by side", "H numbers a step: the halves stand side by side, so there are 2H.")
    if shape == (B, T, 2 * H) and B != T:
        return Problem("batch first", "the batch comes first, (B, T, 2H): time comes first here, (T, B, 2H).")
    return Problem("shape", f"given shape {shape}, expected (T, B, 2H) = {(T, B, 2 * H)}.")


BILSTM_FORWARD = Question(
    name="bilstm_forward",
    parts=(
        Part("forward half", 1, "(T, B, H)"),
        Part("backward half", 3, "(T, B, H)"),
        Part("behind the ends", 1, "zeros"),
        Part("padding not read", 1, on="padding"),
        Part(UNCHANGED, 1),
    ),
    draws=_bilstm_draws,
    key=_bilstm_key,
    attempt=_bilstm_attempt,
    mistakes=mistakes.BILSTM_FORWARD,
    hints=(
        "Take two sequences, of lengths 3 and 2, and write down on paper which x the backward reader gets at its "
        "first, second and third step, and beside which step each of its states belongs.",
        "Plainest is a loop over the sequences: x[:n, b] is one without padding, x[:n, b][::-1] is the same from its "
        "own end. What the backward reader returns is turned round once more, within the same n steps.",
        "For each b with n = lengths[b]: run over x[:n, b], write into hs[:n, b, :H]; run over x[:n, b][::-1], write "
        "the result, turned round, into hs[:n, b, H:]. hs starts as zeros, and each run starts from h = c = 0.",
    ),
)

CONV_ARGS = ("x_t", "h_prev", "c_prev", "W_x", "W_h", "b")


def _conv_draws(rng):
    def draw(B, D, H, R, S, k=3, label="", kind="ordinary", dtype=np.float64):
        shapes = ((B, D, R, S), (B, H, R, S), (B, H, R, S), (4 * H, D, k, k), (4 * H, H, k, k), (4 * H,))
        return Draw(_random(rng, *shapes, dtype=dtype), label, kind)

    B, D, H, R, S = sizes(rng, 5)
    return [
        *(draw(*sizes(rng, 5)) for _ in range(4)),
        draw(1, D, H, R, S, label="one movie (B = 1)"),
        draw(B, H, H, R, S, label="D = H"),
        draw(B, D, H, 1, 1, label="pictures of one pixel"),
        draw(B, D, H, R, S, label="float32", dtype=np.float32),
        draw(2, D, 3, 7, 6, 5, "other kernels than 3 × 3", "wide"),
        draw(1, D, 2, 7, 6, 7, "other kernels than 3 × 3", "wide"),
        draw(2, D, 3, R, S, 1, "other kernels than 3 × 3", "wide"),
    ]


def _conv_key(*args):
    x_t, h, c, *params = double(args)
    return convlstm.step(convlstm.Params(*params), x_t, convlstm.State(h, c))[0]._asdict()


CONVLSTM_STEP = Question(
    name="convlstm_step",
    parts=(
        Part("c", 3, "(B, H, R, S)"),
        Part("h", 2, "(B, H, R, S)"),
        Part("kernels of any size", 1, on="wide"),
        Part(UNCHANGED, 1),
    ),
    draws=_conv_draws,
    key=_conv_key,
    attempt=lambda answers, args, own: ask(answers["convlstm_step"], args, CONV_ARGS, ("h", "c")),
    mistakes=mistakes.CONVLSTM_STEP,
    batch=((0, 0, 0, None, None, None), {"h": 0, "c": 0}),
    hints=(
        "First write a function that slides kernels W (N, M, k, k) over pictures (B, M, R, S) and gives (B, N, R, S). "
        "After that the step is the LSTM's, with the blocks along axis 1 and a bias for each map, b[:, None, None].",
        "Pad each picture with k // 2 rows and columns of zeros on every side (np.pad). For the weight at row p and "
        "column q of the kernel, the padded picture from row p on and column q on, R × S pixels of it, is what that "
        "weight multiplies.",
        "So: sum over p and q of np.einsum('nm,bmrs->bnrs', W[:, :, p, q], padded[:, :, p:p+R, q:q+S]). The kernel is "
        "not flipped. Then a = slide(x_t, W_x) + slide(h_prev, W_h) + b[:, None, None] and np.split(a, 4, axis=1).",
    ),
)

ATTENTION_ARGS = ("query", "keys", "mask", "W_q", "W_k", "v")


def _attention_draws(rng):
    def draw(B, T, Q, K, A, label="", kind="ordinary", ends=False, padding=None, dtype=np.float64):
        query, keys, W_q, W_k, v = _random(rng, (B, Q), (B, T, K), (A, Q), (A, K), (A,), dtype=dtype)
        mask = np.arange(T) < rng.integers(1, T, B)[:, None]
        if not ends:  # real keys anywhere
            mask = rng.permuted(mask, axis=1)
        if padding is not None:
            keys[~mask] = padding
        return Draw((query, keys, mask, W_q, W_k, v), label, kind)

    def large(scale, label, dtype=np.float64):
        """One sequence has a score far above zero, another has none that is not far below.

        In some sequence the padding scores far higher than the real keys, also where its keys have been set to zero.
        """
        while True:
            query, keys, mask, W_q, W_k, v = draw(3, 7, Q, K, 6, dtype=dtype).args
            e = np.tanh((query @ W_q.T)[:, None] + keys @ W_k.T) @ v
            highest, of_padding = (np.max(np.where(shown, e, -np.inf), axis=1) for shown in (mask, ~mask))
            above = np.minimum(of_padding, np.tanh(query @ W_q.T) @ v) - highest
            if highest.min() < -0.5 and highest.max() > 0.5 and above.max() > 0.5:
                return Draw((query, keys, mask, W_q, W_k, (scale * v).astype(dtype)), label, "large")

    B, T, Q, K, A = sizes(rng, 5)
    query, keys, mask, *weights = draw(B, T, Q, K, A).args
    mask[0], mask[1] = False, True
    return [
        *(draw(*sizes(rng, 5), ends=ends) for ends in (True, False, True, False)),
        draw(1, T, Q, K, A, "one sequence (B = 1)"),
        draw(B, T, Q, Q, Q, "Q = K = A"),
        draw(B, T, Q, K, A, "float32", dtype=np.float32),
        large(40000, "scores of ±100000"),
        large(400, "scores of ±1000 in float32", np.float32),
        Draw((query, keys, mask, *weights), "a sequence without a real key", "empty"),
        draw(3, 7, Q, K, A, "NaN in the keys of the padding", "padding", ends=True, padding=np.nan),
    ]


def _attention_key(query, keys, mask, *weights):
    query, keys, *weights = double((query, keys, *weights))
    keys = keys.swapaxes(0, 1)
    context, shares, _ = attention.forward(attention.Additive(*weights), query, keys, keys, mask)
    return {"weights": shares, "context": context}


def _attention_attempt(answers, args, own):
    got, changed = ask(answers["additive_attention"], args, ATTENTION_ARGS, ("context", "weights"))
    keys, mask, weights = args[1], args[2], as_array(got["weights"])
    if isinstance(weights, np.ndarray) and weights.shape == mask.shape and np.isnan(keys).any():
        on_padding = weights[~mask]
        if np.isfinite(on_padding).all() and on_padding.any():
            why = "padding keeps a weight that is tiny and not zero: give it the score -inf, before the softmax."
            got["weights"] = Problem("padding", why)
    for name, value in got.items():
        array = as_array(value)
        if isinstance(array, Problem) or not np.isnan(array).any():
            continue
        if np.isnan(keys).any():
            why = "NaN has come in from the keys of the padding: a product with zero does not stop it, np.where does."
            got[name] = Problem("padding", f"{name}: {why}")
        elif not mask.any(axis=1).all():
            why = (
                "is NaN where a sequence has no real key. Which largest score is taken off there, and what is "
                "the sum that you divide by?"
            )
            got[name] = Problem("empty", f"{name} {why}")
        elif np.abs(args[-1]).max() > 100:  # v: the scores are large
            why = (
                "is NaN for large scores: an exponential has overflowed, or all real keys of a row have come out as 0. "
                "Which largest score is to be taken off?"
            )
            got[name] = Problem("large", f"{name} {why}")
    return got, changed


ADDITIVE_ATTENTION = Question(
    name="additive_attention",
    parts=(
        Part("weights", 2, "(B, T)"),
        Part("context", 1, "(B, K)"),
        Part("large scores", 1, on="large"),
        Part("nothing to attend to", 1, on="empty"),
        Part("padding may hold anything", 1, on="padding"),
        Part(UNCHANGED, 1),
    ),
    draws=_attention_draws,
    key=_attention_key,
    attempt=_attention_attempt,
    mistakes=mistakes.ADDITIVE_ATTENTION,
    batch=((0, 0, 0, None, None, None), {"context": 0, "weights": 0}),
    hints=(
        "Write down the shapes first: the query gives (B, A), the keys (B, T, A). For a sum the query needs an axis "
        "for the places: [:, None, :]. Then tanh, and v makes (B, T) of it.",
        "Mask the scores and not the weights: np.where(mask, e, -np.inf). Take the largest score of each row off "
        "before the exponential; the weights do not change by that, and nothing overflows.",
        "Two cases are left. In a row without a real key the largest score is -inf and the sum is 0: use 0 and 1 in "
        "their places, and the weights are zeros. And 0 times NaN is NaN: put zeros into the keys of the padding, in a "
        "copy, np.where(mask[:, :, None], keys, 0), before anything is multiplied.",
    ),
)


def _repaired_key(*args):
    """The peephole cell with i = σ(-a_f - w_f ⊙ c_prev), which is 1 - f."""
    x_t, h, c, W_x, W_h, b, w_f, w_o = double(args)
    H = h.shape[1]
    W_x, W_h, b = (np.concatenate([-a[:H], a]) for a in (W_x, W_h, b))
    params = peephole.Params(W_x, W_h, b, -w_f, w_f, w_o)
    return peephole.step(params, x_t, peephole.State(h, c))[0]._asdict()


REPAIRED_STEP = Question(
    name="repaired_step",
    parts=(
        Part("c", 1, "(B, H)"),
        Part("h", 1, "(B, H)"),
        Part(UNCHANGED, 1),
    ),
    draws=lambda rng: _cell_draws(rng, 3, 2),
    key=_repaired_key,
    attempt=lambda answers, args, own: ask(
        answers["repaired_step"], args, ("x_t", "h_prev", "c_prev", "W_x", "W_h", "b", "w_f", "w_o"), ("h", "c")
    ),
    mistakes=mistakes.REPAIRED_STEP,
    extra=True,
    hints=(
        "Each of the three symptoms has its own line. Compare the code with the equations from the top to the bottom, "
        "and ask at each line: which cell is meant, the one before the step or the one after it?",
        "A gate above one: what is added to a sigmoid is not inside it. Another result the second time: an operator "
        "with = in it writes into the array that it was given.",
        "f = σ(a_f + w_f ⊙ c_prev) with everything inside; c = f ⊙ c_prev + (1 - f) ⊙ g as a new array; and o only "
        "after that, from the new c.",
    ),
)

QUESTIONS = {
    question.name: question
    for question in (
        GRU_STEP,
        COUNTERS,
        PEEPHOLE_STEP,
        BILSTM_FORWARD,
        CONVLSTM_STEP,
        ADDITIVE_ATTENTION,
        REPAIRED_STEP,
    )
}
hint, yours = doors(QUESTIONS)


def gru_step(gru_step, seed=0):
    """Points for one step of the GRU, x_t (B, D) and h_prev (B, H); prints the report."""
    return show(examine(GRU_STEP, {"gru_step": gru_step}, seed))


def counters(counters, seed=0):
    """Points for how far your three counters count, a dict with gru, shown and uneven; prints the report."""
    return show(examine(COUNTERS, {"counters": counters}, seed))


def peephole_step(peephole_step, seed=0):
    """Points for one step with peepholes, x_t (B, D) and h_prev, c_prev (B, H); prints the report."""
    return show(examine(PEEPHOLE_STEP, {"peephole_step": peephole_step}, seed))


def bilstm_forward(bilstm_forward, seed=0):
    """Points for both directions over x (T, B, D) with lengths (B,); prints the report."""
    return show(examine(BILSTM_FORWARD, {"bilstm_forward": bilstm_forward}, seed))


def convlstm_step(convlstm_step, seed=0):
    """Points for one frame, x_t (B, D, R, S) and h_prev, c_prev (B, H, R, S); prints the report."""
    return show(examine(CONVLSTM_STEP, {"convlstm_step": convlstm_step}, seed))


def additive_attention(additive_attention, seed=0):
    """Points for one query (B, Q) over keys (B, T, K) with a mask (B, T); prints the report."""
    return show(examine(ADDITIVE_ATTENTION, {"additive_attention": additive_attention}, seed))


def repaired_step(repaired_step, seed=0):
    """Extra points for the repaired step with coupled gates and peepholes, x_t (B, D); prints the report."""
    return show(examine(REPAIRED_STEP, {"repaired_step": repaired_step}, seed))
