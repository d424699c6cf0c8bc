"""The checks of the assignment `gates`: call one with your function, read the report, get the points.

    from lstmkit.grading import gates as check
    check.intervene(intervene)

T steps, B sequences, D inputs, H units.  Weights stack the blocks of a cell: i, g, o for the LSTM of 1997, f, g, o for
the coupled one, i, f, g, o for the standard one; so W_x is (3H, D) or (4H, D), and so on.
The right values come from lstmkit.cells and lstmkit.tasks.reber; the named mistakes from gates_mistakes.
"""

import numpy as np

from lstmkit.cells import coupled, lstm97
from lstmkit.cells import lstm as cell
from lstmkit.grading import gates_mistakes as mistakes
from lstmkit.grading.draws import sizes
from lstmkit.grading.guard import Problem, call
from lstmkit.grading.personal import code  # noqa: F401 - the notebook calls check.code
from lstmkit.grading.question import UNCHANGED, Draw, Part, Question, ask, doors, examine, show
from lstmkit.tasks import reber

STEP_ARGS = ("x_t", "h_prev", "c_prev", "W_x", "W_h", "b")


def _logit(y):
    with np.errstate(divide="ignore"):
        return np.log(y) - np.log1p(-y)


def _step_arrays(rng, B, D, H, blocks=3, dtype=np.float64):
    shapes = [(B, D), (B, H), (B, H), (blocks * H, D), (blocks * H, H), (blocks * H,)]
    return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)


def _pre_activations(x_t, h_prev, W_x, W_h, b, blocks=3):
    a = x_t.astype(np.float64) @ W_x.T.astype(np.float64) + h_prev.astype(np.float64) @ W_h.T + b
    return np.split(a, blocks, axis=1)


def _lstm97_draws(rng):
    B, D, H = sizes(rng, 3)
    return [
        *(Draw(_step_arrays(rng, *sizes(rng, 3))) for _ in range(4)),
        Draw(_step_arrays(rng, 1, D, H), "one sequence (B = 1)"),
        Draw(_step_arrays(rng, B, H, H), "D = H"),
        Draw(_step_arrays(rng, B, D, H, dtype=np.float32), "float32"),
    ]


def _lstm97_key(x_t, h_prev, c_prev, W_x, W_h, b):
    h, c, *_ = lstm97.step(*_pre_activations(x_t, h_prev, W_x, W_h, b), c_prev.astype(np.float64))
    return {"h": h, "c": c}


LSTM97_STEP = Question(
    name="lstm97_step",
    parts=(Part("h", 1, "(B, H)"), Part("c", 1, "(B, H)"), Part(UNCHANGED, 1)),
    draws=_lstm97_draws,
    key=_lstm97_key,
    attempt=lambda answers, args, own: ask(answers["lstm97_step"], args, STEP_ARGS, ("h", "c")),
    mistakes=mistakes.LSTM97_STEP,
    hints=(
        "It is the step of the standard cell with one gate taken out. What stands in its place in the cell equation?",
        "There are three blocks, so `np.split(a, 3, axis=1)`, in the order i, g, o. The old cell comes over whole.",
        "c = c_prev + i ⊙ g makes a new array, `c_prev += i * g` spoils the caller's. Then h = o ⊙ tanh(c).",
    ),
)


def _coupled_draws(rng):
    def draw(B, D, H, label="", floor=0.0, dtype=np.float64):
        return Draw((floor, *_step_arrays(rng, B, D, H, dtype=dtype)), label)

    B, D, H = sizes(rng, 3)
    return [
        *(draw(*sizes(rng, 3)) for _ in range(4)),
        *(draw(*sizes(rng, 3), floor=float(floor)) for floor in rng.uniform(0.2, 0.8, 4)),
        draw(1, D, H, "one sequence (B = 1)"),
        draw(B, H, H, "D = H"),
        draw(B, D, H, "a floor of one", floor=1.0),
        draw(B, D, H, "float32", dtype=np.float32),
    ]


def _coupled_key(floor, x_t, h_prev, c_prev, W_x, W_h, b):
    a_f, a_g, a_o = _pre_activations(x_t, h_prev, W_x, W_h, b)
    if floor:
        a_f = _logit(floor + (1 - floor) * mistakes.sigmoid(a_f))
    h, c, *_ = coupled.step(a_f, a_g, a_o, c_prev.astype(np.float64))
    return {"floor": c} if floor else {"h": h, "c": c}


def _coupled_attempt(answers, args, own):
    floor, *arrays = args
    given = (*arrays, floor) if floor else tuple(arrays)  # zero is the default
    got, modified = ask(answers["coupled_step"], given, STEP_ARGS, ("h", "c"))
    return ({"floor": got["c"]} if floor else got), modified


COUPLED_STEP = Question(
    name="coupled_step",
    parts=(Part("h", 1, "(B, H)"), Part("c", 1, "(B, H)"), Part("floor", 1, "(B, H)")),
    draws=_coupled_draws,
    key=_coupled_key,
    attempt=_coupled_attempt,
    mistakes=mistakes.COUPLED_STEP,
    hints=(
        "One gate does two jobs: what it does not keep it writes. Write the cell equation with f alone.",
        "c = f ⊙ c_prev + (1 - f) ⊙ g. The three blocks are f, g, o, in this order.",
        "The floor changes f, and with it both of its jobs. Compute f once, with the floor, and use it twice.",
        "f = floor + (1 - floor) σ(a_f): it is the floor where the sigmoid is 0, and 1 where the sigmoid is 1.",
    ),
)

# What is asked about prefixes, part by part.
ABOUT_PREFIXES = ("plain words", "embedded words", "last but one", "nothing follows")


def _reber_draws(rng):
    def draw(part, embedded):
        prefixes = []
        while len(prefixes) < 30:
            prefixes.extend(_prefixes(rng, part, embedded))
        if part != "last but one":
            prefixes += _around_every_edge(part, str(rng.choice(["BT", "BP"])) if embedded else "")
        return Draw((part, embedded, tuple(prefixes), 0))

    return [
        *(draw("plain words", False) for _ in range(2)),
        *(draw("embedded words", True) for _ in range(2)),
        *(draw("last but one", True) for _ in range(2)),
        *(draw("nothing follows", embedded) for embedded in (True, False)),
        *(Draw(("strings", embedded, (), int(rng.integers(1e6)))) for embedded in (True, False)),
    ]


def _around_every_edge(part, outer):
    """Every edge of the grammar at the end of a prefix; where nothing may follow, with every wrong letter behind it."""
    prefixes = [outer + prefix for prefix in mistakes.over_every_edge()]
    if part != "nothing follows":
        return prefixes
    wrong = [prefix + x for prefix in prefixes for x in reber.SYMBOLS if x not in mistakes.legal(prefix, bool(outer))]
    return ["", "B", *(prefix for prefix in wrong if not mistakes.legal(prefix, bool(outer)))]


def _prefixes(rng, part, embedded):
    """A few beginnings of one random word, of the kind that the part is about."""
    word = mistakes.word(rng, embedded)
    if part == "nothing follows":
        at = int(rng.integers(1, len(word)))
        slipped = word[:at] + str(rng.choice(list(reber.SYMBOLS)))
        more = str(rng.choice(list(reber.SYMBOLS)))
        found = [word, word + more, slipped, slipped + more]
        if embedded:
            found += ["BTX", "BPV", *(word[:-2] + other + end for other in "TP" for end in ("", "E"))]
        return [prefix for prefix in found if not mistakes.legal(prefix, embedded)]
    if part == "last but one":
        return [word[:-2]]
    if embedded:
        return [word[: int(rng.integers(len(word) - 2))], word[:-1]]
    return [word[: int(rng.integers(len(word)))]]


def _reber_key(part, embedded, prefixes, seed):
    if part == "strings":
        return {"strings": 1.0, "fair coins": 1.0}
    return {part: mistakes.as_rows(mistakes.legal(prefix, embedded) for prefix in prefixes)}


def _reber_attempt(answers, args, own):
    part, embedded, prefixes, seed = args
    if part == "strings":
        words, coins = _judge_strings(answers["reber_string"], embedded, seed)
        return {"strings": words, "fair coins": coins}, ()
    rows = []
    for prefix in prefixes:
        outcome = call(answers["legal_next"], (prefix, embedded))
        letters = _letters(outcome.value)
        if isinstance(letters, Problem):
            return {part: letters}, ()
        rows.append(letters)
    return {part: _rows_or_where(args, mistakes.as_rows(rows))}, ()


def _rows_or_where(args, rows):
    """The rows; or, where no known mistake explains them, the Problem with the first prefix that is wrong."""
    part, embedded, prefixes, _ = args
    explained = [_reber_key(*args), *(mistake.wrong(*args) for mistake in mistakes.REBER_STRING)]
    if any(np.array_equal(rows, known[part]) for known in explained):
        return rows
    at = int(np.argmax((rows != explained[0][part]).any(axis=1)))
    said = f"legal_next({prefixes[at]!r}, {embedded}) is not right: which place does that walk lead to?"
    return Problem("wrong letters", said)


def _letters(value):
    """A set of letters from a set, a string, a list or a dict of them."""
    if isinstance(value, Problem):
        return value
    if value is None:
        return Problem("none", "the function returned None: where no letter may follow, return an empty set.")
    try:
        letters = {str(letter) for letter in value}
    except TypeError:
        return Problem("form", f"a {type(value).__name__} was returned; expected a set of letters.")
    if not letters <= set(reber.SYMBOLS):
        return Problem(
            "form", f"{min(letters - set(reber.SYMBOLS))!r} was returned, which is no letter of the grammar."
        )
    return letters


def _judge_strings(function, embedded, seed, count=600):
    """1.0 or a Problem for the words themselves, and for the coins that chose them."""

    def drawn(times):
        def many(rng):
            return [function(rng, embedded) for _ in range(times)]

        return call(many, (np.random.default_rng(seed),)).value

    if not callable(function):
        return (Problem("missing", f"is {type(function).__name__}, not a function."),) * 2
    given = drawn(count)
    if isinstance(given, Problem):
        return given, given
    if any(word is None for word in given):
        return (Problem("none", "reber_string returned None: print is not return."),) * 2
    try:
        words = ["".join(word) for word in given]
    except TypeError:
        return (Problem("form", f"a {type(given[0]).__name__} was returned; expected a string of letters."),) * 2
    for word in words:
        if problem := _no_word(word, embedded):
            return problem, problem
    again = drawn(20)
    return 1.0, _judge_coins(words, embedded, isinstance(again, list) and list(map("".join, again)) == words[:20])


def _no_word(word, embedded):
    """The Problem with a string that is no word of the grammar, or None."""
    for t, letter in enumerate(word):
        allowed = mistakes.legal(word[:t], embedded)
        if letter in allowed:
            continue
        if mistakes.is_word(word, not embedded):
            which = "a plain word where an embedded one" if embedded else "an embedded word where a plain one"
            return Problem("flag unused", f"{word!r} is {which} was asked for: is `embedded` used?")
        if not allowed:
            return Problem("goes on", f"{word!r} goes on after the end of a word: one word was asked for.")
        if embedded and mistakes.is_word(word[2:t], False):
            said = f"{word!r} has the wrong letter at {t}: the plain word is over, so the second letter is due again."
            return Problem("outer letter", said)
        return Problem("no word", f"{word!r} is no word: after {word[:t]!r} no edge leads on with {letter!r}.")
    if mistakes.legal(word, embedded):
        return Problem("stops early", f"{word!r} is the beginning of a word and not a whole one.")
    return None


def _judge_coins(words, embedded, reproducible):
    if len(set(words)) == 1:
        return Problem("always the same word", "every call gives the same word: draw from the rng that is given.")
    if not reproducible:
        said = "the same rng, made anew, gives other words: draw from the rng that is given and from nothing else."
        return Problem("rng unused", said)
    shares = mistakes.coins(words, embedded)
    for name, share in shares.items():
        if share in (0.0, 1.0):
            return Problem("one way only", f"{name}, one of the two ways is never taken.")
    for name, share in shares.items():
        if abs(share - 0.5) > 0.15:
            return Problem("unfair coin", f"{name}, one way is taken far more often than the other: the coin is fair.")
    return 1.0


def _our_legal_next(prefix, embedded=True):
    return mistakes.legal(prefix, embedded)


REBER_STRING = Question(
    name="reber_string",
    parts=(
        Part("plain words", 1, "a set of letters for each prefix"),
        Part("embedded words", 1, "a set of letters for each prefix"),
        Part("last but one", 1, "a set of letters for each prefix"),
        Part("nothing follows", 1, "an empty set for each of these prefixes"),
        Part("strings", 1, "words of the grammar"),
        Part("fair coins", 1, "words drawn with fair coins"),
    ),
    draws=_reber_draws,
    key=_reber_key,
    attempt=_reber_attempt,
    mistakes=mistakes.REBER_STRING,
    stand_ins={"legal_next": _our_legal_next},
    hints=(
        "Keep the table of edges as a dict of dicts: place -> letter -> next place. A prefix is a walk from place 0.",
        "For an embedded word, deal with the first two letters, then walk through a plain word, and keep the second "
        "letter in mind: it is the one number that this walk has to remember.",
        "When the plain word inside has reached its end, the only legal letter is the second letter of the whole; "
        "after it only E; after that nothing. Wherever a letter has no edge, return the empty set.",
        "reber_string can use legal_next: begin with the empty string and, while legal_next is not empty, append "
        "one of its letters. Sort the set and draw an index with rng.integers, so that every fork is a fair coin.",
    ),
)


def _intervene_draws(rng):
    def draw(T, B, D, H, gate, value, label="", mask=None, dtype=np.float64):
        shapes = [(T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,)]
        arrays = (rng.normal(size=shape).astype(dtype) for shape in shapes)
        if mask is None:
            mask = rng.uniform(size=(T, B)) < 0.5
            mask[0], mask[-1] = [True, *[False] * (B - 1)], [*[False] * (B - 1), True]  # never the same for all
        return Draw((*arrays, gate, int(rng.integers(1, H)), mask, value), label)

    def none(T, B):
        return np.zeros((T, B), bool)

    T, B, D, H = sizes(rng, 4)
    ordinary = [draw(*sizes(rng, 4), gate, float(rng.uniform(0.05, 0.95))) for gate in "ifo" for _ in range(2)]
    return [
        *ordinary,
        draw(T, B, D, H, "f", 0.0, "a gate shut (value = 0)"),
        draw(T, B, D, H, "i", 1.0, "a gate open (value = 1)"),
        draw(T, B, D, H, "f", 0.0, "every step forced", mask=~none(T, B)),
        draw(T, B, H, H, "o", 0.3, "D = H"),
        draw(T, B, D, H, "f", 0.5, "float32", dtype=np.float32),
        *(draw(*size, "f", 0.25, mask=none(*size[:2])) for size in (sizes(rng, 4), sizes(rng, 4))),
        draw(1, B, D, H, "o", 0.25, "one step (T = 1)", mask=none(1, B)),
    ]


def _intervene_key(x, h0, c0, W_x, W_h, b, gate, unit, mask, value):
    h, c, hs, cs = h0.astype(np.float64), c0.astype(np.float64), [], []
    for x_t, forced in zip(x, mask, strict=True):
        a = dict(zip("ifgo", _pre_activations(x_t, h, W_x, W_h, b, 4), strict=True))
        a[gate][forced, unit] = _logit(value)
        h, c, *_ = cell.step(*a.values(), c)
        hs.append(h)
        cs.append(c)
    return {"hs": np.stack(hs), "cs": np.stack(cs)} if mask.any() else {"nothing forced": np.stack(hs)}


def _intervene_attempt(answers, args, own):
    names = ("x", "h0", "c0", "W_x", "W_h", "b", "gate", "unit", "mask", "value")
    got, modified = ask(answers["intervene"], args, names, ("hs", "cs"))
    return (got if args[-2].any() else {"nothing forced": got["hs"]}), modified


INTERVENE = Question(
    name="intervene",
    parts=(
        Part("nothing forced", 1, "(T, B, H)"),
        Part("hs", 2, "(T, B, H)"),
        Part("cs", 2, "(T, B, H)"),
        Part(UNCHANGED, 1),
    ),
    draws=_intervene_draws,
    key=_intervene_key,
    attempt=_intervene_attempt,
    mistakes=mistakes.INTERVENE,
    hints=(
        "Write the plain forward pass first and leave the forcing out: that earns the part `nothing forced`. Then ask "
        "at which line the forcing belongs.",
        "`value` is what the gate itself shall be, so it is put in after the sigmoid and before the cell equation.",
        "The gate of one step is an array (B, H). Only the column `unit` changes, and of that only the rows where "
        "`mask[t]` is true. NumPy takes both at once: gate[rows, column].",
        "Keep the gates of a step in a dict with the keys i, f, g, o, and set `gates[gate][mask[t], unit] = value`. "
        "The state that goes on to the next step is the forced one.",
    ),
)


def _prediction_key(mine):
    def last(shut=(), erased=()):
        c = mine["c0"]
        for t in range(1, mine["T"] + 1):
            i, f = (0.0 if t in shut else mine["i"]), (0.0 if t in erased else mine["f"])
            _, c, *_ = cell.step(_logit(i), _logit(f), np.arctanh(mine["g"]), 0.0, c)
        return float(c)

    return {"kept": last(shut=range(1, mine["T"] + 1)), "leaked": last(), "erased": last(erased=[mine["s"]])}


def _prediction_yours(rng):
    """Numbers with which every wrong way to count the steps gives another result: s well before the middle."""
    T = int(rng.integers(14, 31))
    return {
        "c0": float(rng.integers(5, 31) / 10 * rng.choice([-1, 1])),
        "f": float(rng.integers(85, 98) / 100),
        "i": float(rng.integers(5, 40) / 100),
        "g": float(rng.integers(10, 90) / 100 * rng.choice([-1, 1])),
        "T": T,
        "s": int(rng.integers(3, T // 2 - 1)),
    }


PREDICTION = Question(
    name="prediction",
    parts=(Part("kept", 1, "a number"), Part("leaked", 1, "a number"), Part("erased", 1, "a number")),
    draws=lambda rng, mine: [Draw((mine,))],
    key=_prediction_key,
    attempt=lambda answers, args, own: ask(answers["prediction"], (), (), ("kept", "leaked", "erased")),
    mistakes=mistakes.PREDICTION,
    yours=_prediction_yours,
    hints=(
        "Write the cell equation for two steps with numbers as letters: c_2 = f (f c_0 + i g) + i g. What is c_T?",
        "What was written at step t has met the forget gate T - t times when the sequence ends. Add up over t.",
        "The sum 1 + f + ... + f^{n - 1} is (1 - f^n) / (1 - f).",
        "At the step where f is shut the old cell goes, and what is written at that same step stays. So count the "
        "steps from s to T, both included.",
    ),
)


def _saturation_draws(rng):
    def draw(T, B, H, label="", kind="ordinary", full=False, values=None, ends=(0.1, 0.9)):
        y = mistakes.sigmoid(3 * rng.normal(size=(T, B, H))) if values is None else rng.choice(values, (T, B, H))
        lengths = np.full(B, T) if full else rng.integers(T // 2, T + 1, B)
        if not full:
            lengths[rng.integers(B)] = max(1, T - 2)  # some padding, whatever else was drawn
        return Draw((y, lengths, *ends), label, kind)

    T, B, H = sizes(rng, 3)
    edge = [0.0, 0.1, 0.5, 0.9, 1.0]
    return [
        *(draw(*sizes(rng, 3)) for _ in range(3)),
        *(draw(20 + T, B, H, ends=(0.25, 0.6)) for T, B, H in (sizes(rng, 3), sizes(rng, 3))),
        draw(T, B, H, "no padding", full=True),
        draw(T, 1, H, "one sequence (B = 1)"),
        draw(T, B, H, "gates that are exactly `low` or `high`", "edges", values=edge),
        draw(T, B, H, "gates that are exactly `low` or `high`", "edges", full=True, values=edge),
    ]


def _saturation_attempt(answers, args, own):
    given = args[:2] if args[2:] == (0.1, 0.9) else args  # those are the defaults
    return ask(answers["saturation"], given, ("gates", "lengths"), ("left", "right"))


SATURATION = Question(
    name="saturation",
    parts=(Part("left", 1, "(H,)"), Part("right", 1, "(H,)"), Part("edges", 1, on="edges")),
    draws=_saturation_draws,
    key=lambda *args: mistakes.saturated(*args),
    attempt=_saturation_attempt,
    mistakes=mistakes.SATURATION,
    hints=(
        "A comparison gives true and false, which count as 1 and 0. What must be counted, and out of how many?",
        "Make a mask (T, B) that is true at the valid steps: step t of sequence b is valid if t < lengths[b]. Neither "
        "what you count nor what you divide by may hold anything else.",
        "With the mask, gates[mask] is (number of valid steps, H). Compare it with `low` by < and with `high` by >, "
        "and take the mean over the first axis.",
    ),
    extra=True,
)

QUESTIONS = {
    question.name: question for question in (LSTM97_STEP, COUPLED_STEP, REBER_STRING, INTERVENE, PREDICTION, SATURATION)
}
hint, yours = doors(QUESTIONS)


def lstm97_step(lstm97_step, seed=0):
    """Points for one step of the cell of 1997, x_t (B, D) and h, c (B, H); prints the report."""
    return show(examine(LSTM97_STEP, {"lstm97_step": lstm97_step}, seed))


def coupled_step(coupled_step, seed=0):
    """Points for one step of the coupled cell, with and without a floor; prints the report."""
    return show(examine(COUPLED_STEP, {"coupled_step": coupled_step}, seed))


def reber_string(reber_string, legal_next, seed=0):
    """Points for legal_next(prefix, embedded) and reber_string(rng, embedded); prints the report."""
    return show(examine(REBER_STRING, {"reber_string": reber_string, "legal_next": legal_next}, seed))


def intervene(intervene, seed=0):
    """Points for hs and cs (T, B, H) of an LSTM one of whose gates is forced; prints the report."""
    return show(examine(INTERVENE, {"intervene": intervene}, seed))


def prediction(prediction, seed=0):
    """Points for the three numbers that prediction() returns in a dict; prints the report."""
    return show(examine(PREDICTION, {"prediction": prediction}, seed))


def saturation(saturation, seed=0):
    """Points for saturation(gates, lengths, low, high), two arrays (H,); prints the report."""
    return show(examine(SATURATION, {"saturation": saturation}, seed))
