"""Question 3, reber_string and legal_next: wrong answers, and right ones in other styles."""

import re

import numpy as np

from exercises.mistakes.bank import mistake, right

EDGES = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
    7: {},
}
PREFIXES = {"plain words": 1, "embedded words": 1, "last but one": 1}
WORDS = {"strings": 1, "fair coins": 1}


def plain(prefix, edges=EDGES):
    place = 0
    for letter in prefix:
        if letter not in edges.get(place, {}):
            return set()
        place = edges[place][letter]
    return set(edges.get(place, {}))


def embedded_word(prefix, edges=EDGES):
    if len(prefix) < 2:
        return {"": {"B"}, "B": {"T", "P"}}.get(prefix, set())
    if prefix[0] != "B" or prefix[1] not in "TP":
        return set()
    outer, inner = prefix[1], prefix[2:]
    for end in range(len(inner) + 1):
        if inner[:end].endswith("E") and plain(inner[: end - 1], edges) == {"E"}:
            return {"": {outer}, outer: {"E"}}.get(inner[end:], set())
    return plain(inner, edges)


def legal_next(prefix, embedded=True):
    return embedded_word(prefix) if embedded else plain(prefix)


def reber_string(rng, embedded=True):
    word = ""
    while letters := sorted(legal_next(word, embedded)):
        word += letters[rng.integers(len(letters))]
    return word


def with_edges(prefix, embedded, **changed):
    edges = EDGES | {int(place[1:]): row for place, row in changed.items()}
    return embedded_word(prefix, edges) if embedded else plain(prefix, edges)


def inside_is_over(prefix):
    return len(prefix) > 4 and legal_next(prefix) in ({"T"}, {"P"}) and legal_next(prefix + prefix[1]) == {"E"}


@mistake(
    "either letter said",
    loses={"last but one": 1},
    of="legal_next",
    source="what a network does that has forgotten the second letter",
)
def has_forgotten(prefix, embedded=True):
    return {"T", "P"} if embedded and inside_is_over(prefix) else legal_next(prefix, embedded)


@mistake("either letter", loses={"last but one": 1, "nothing follows": 1}, of="legal_next")
def two_graphs_without_a_memory(prefix, embedded=True):
    if not embedded or len(prefix) < 2:
        return legal_next(prefix, embedded)
    same = [prefix[0] + outer + prefix[2:] for outer in "TP" if prefix[1] in "TP"]
    return set().union(*(legal_next(other) for other in same)) if same else set()


@mistake("the other letter", loses={"last but one": 1}, of="legal_next")
def mixed_up(prefix, embedded=True):
    letters = legal_next(prefix, embedded)
    return {"T", "P"} - letters if embedded and inside_is_over(prefix) else letters


@mistake("straight to the end", loses={"embedded words": 1, "last but one": 1}, of="legal_next")
def outer_letter_left_out(prefix, embedded=True):
    if not embedded or len(prefix) < 2:
        return legal_next(prefix, embedded)
    inner = prefix[2:]
    if not inner:
        return legal_next(prefix)
    for end in range(1, len(inner) + 1):
        if inner[end - 1] == "E" and plain(inner[: end - 1]) == {"E"}:
            return {"E"} if end == len(inner) else set()
    return legal_next(prefix)


@mistake("never embedded", loses={"embedded words": 1, "last but one": 1, "nothing follows": 1}, of="legal_next")
def plain_only(prefix, embedded=True):
    return plain(prefix)


@mistake("always embedded", loses={"plain words": 1, "nothing follows": 1}, of="legal_next")
def embedded_only(prefix, embedded=True):
    return embedded_word(prefix)


@mistake(
    "words follow words",
    loses={"nothing follows": 1},
    of="legal_next",
    source="Gers, Schmidhuber & Cummins 2000, the continual form",
)
def continual(prefix, embedded=True):
    letters = legal_next(prefix, embedded)
    whole = not letters and prefix and legal_next(prefix[:-1], embedded) == {"E"} and prefix[-1] == "E"
    return {"B"} if whole else letters


@mistake("wrong letters passed over", loses={"nothing follows": 1}, of="legal_next")
def lenient(prefix, embedded=True):
    good = ""
    for letter in prefix:
        if letter in legal_next(good, embedded):
            good += letter
    return legal_next(good, embedded)


@mistake("loop at 2 missing", loses=PREFIXES, of="legal_next")
def no_loop_at_two(prefix, embedded=True):
    return with_edges(prefix, embedded, _2={"X": 4})


@mistake("loop at 3 missing", loses=PREFIXES, of="legal_next")
def no_loop_at_three(prefix, embedded=True):
    return with_edges(prefix, embedded, _3={"V": 5})


@mistake("P at 5 leads to 3", loses=PREFIXES | {"nothing follows": 1}, of="legal_next")
def wrong_way_back(prefix, embedded=True):
    return with_edges(prefix, embedded, _5={"P": 3, "V": 6})


@mistake("places 2 and 3 exchanged", loses=PREFIXES | {"nothing follows": 1}, of="legal_next")
def upper_for_lower(prefix, embedded=True):
    return with_edges(prefix, embedded, _1={"T": 3, "P": 2})


@mistake("raised", loses={"nothing follows": 1}, of="legal_next")
def key_error(prefix, embedded=True):
    place = "start" if embedded else 0
    outer = None
    for letter in prefix:
        if place == "start":
            place = {"B": "choice"}[letter]
        elif place == "choice":
            place, outer = {"T": 0, "P": 0}[letter], letter
        elif place == 7 and embedded:
            place = {outer: "last"}[letter]
        elif place == "last":
            place = {"E": "over"}[letter]
        else:
            place = EDGES[place][letter]
    return set(
        {"start": "B", "choice": "TP", "last": "E", "over": ""}.get(place)
        or (outer if place == 7 and embedded else EDGES.get(place, ""))
    )


@mistake("wrong letters", loses={"plain words": 1, "embedded words": 1}, of="legal_next")
def one_letter_too_many(prefix, embedded=True):
    letters = legal_next(prefix, embedded)
    return letters | {"T"} if letters == {"S", "X"} else letters


@mistake("none", loses={"nothing follows": 1}, of="legal_next")
def none_for_nothing(prefix, embedded=True):
    return legal_next(prefix, embedded) or None


@mistake("outer letter", loses=WORDS)
def end_drawn_anew(rng, embedded=True):
    word = reber_string(rng, embedded)
    return word[:-2] + "TP"[rng.integers(2)] + "E" if embedded else word


@mistake("stops early", loses=WORDS)
def without_the_last_letter(rng, embedded=True):
    return reber_string(rng, embedded)[:-1]


@mistake("goes on", loses=WORDS, source="the continual form of Gers, Schmidhuber & Cummins 2000")
def two_words(rng, embedded=True):
    return reber_string(rng, embedded) + reber_string(rng, embedded)


@mistake("flag unused", loses=WORDS)
def always_an_embedded_word(rng, embedded=True):
    return reber_string(rng, True)


@mistake("no word", loses=WORDS)
def any_letters(rng, embedded=True):
    return "B" + "".join(rng.choice(list("TSXPV"), 8)) + "E"


@mistake("one way only", loses={"fair coins": 1})
def never_a_p(rng, embedded=True):
    while True:
        word = reber_string(rng, embedded)
        if word[1] == "T":
            return word


@mistake("one way only", loses={"fair coins": 1})
def loops_are_never_taken(rng, embedded=True):
    while True:
        word = reber_string(rng, embedded)
        if "SS" not in word and "TS" not in word[2 * embedded :]:
            return word


@mistake("unfair coin", loses={"fair coins": 1})
def loops_are_rare(rng, embedded=True):
    word = ""
    while letters := sorted(legal_next(word, embedded)):
        word += letters[0] if rng.random() < 0.2 else letters[-1]
    return word


@mistake("always the same word", loses={"fair coins": 1})
def generator_made_inside(rng, embedded=True):
    return reber_string(np.random.default_rng(0), embedded)


@mistake("rng unused", loses={"fair coins": 1}, source="np.random.choice, from before NumPy had generators")
def global_generator(rng, embedded=True):
    word = ""
    while letters := sorted(legal_next(word, embedded)):
        word += letters[np.random.default_rng().integers(len(letters))]
    return word


@mistake("none", loses=WORDS)
def printed(rng, embedded=True):
    print(reber_string(rng, embedded))


@mistake("form", loses=WORDS)
def numbers(rng, embedded=True):
    return ["BTSXPVE".index(letter) for letter in reber_string(rng, embedded)]


@mistake({"either letter said", "outer letter"}, loses={"last but one": 1, **WORDS}, legal_next=has_forgotten)
def both_have_forgotten(rng, embedded=True):
    return end_drawn_anew(rng, embedded)


@right(of="legal_next")
def as_a_string(prefix, embedded=True):
    return "".join(sorted(legal_next(prefix, embedded)))


@right(of="legal_next")
def with_states_in_a_loop(prefix, embedded=True):
    place, outer = ("start", "") if embedded else (0, "")
    for letter in [*prefix, None]:
        row = {"start": {"B": "choice"}, "choice": {"T": 0, "P": 0}, "last": {"E": "over"}, "over": {}}.get(place)
        if row is None:
            row = {outer: "last"} if place == 7 and embedded else EDGES[place]
        if letter is None:
            return row.keys()
        if letter not in row:
            return []
        outer = letter if place == "choice" else outer
        place = row[letter]


# Place 4 comes back to itself by X T* V P.
FROM_4 = r"(?:XT*VP)*(?:S|XT*VV)E"
INNER = re.compile(f"B(?:TS*X{FROM_4}|PT*V(?:VE|P{FROM_4}))")


def is_word(string, embedded):
    if embedded:
        ends = string[:2] in ("BT", "BP") and len(string) > 4 and string[-2:] == string[1] + "E"
        return ends and is_word(string[2:-2], False)
    return INNER.fullmatch(string) is not None


@right(of="legal_next")
def by_trying_all_ways_to_end(prefix, embedded=True):
    """A letter is legal if some way to end makes a word of the prefix with it."""
    inner = ("TBTXSE", "BTXSE", "TXSE", "XSE", "VVE", "SE", "VE", "E", "")
    tails = [tail + close for tail in inner for close in ("", "TE", "PE", "E")]
    return {x for x in "BTSXPVE" if any(is_word(prefix + x + tail, embedded) for tail in tails)}


@right()
def place_by_place(rng, embedded=True):
    word, place = [], 0
    while place != 7:
        letters = list(EDGES[place])
        letter = letters[int(rng.random() * len(letters))]
        word.append(letter)
        place = EDGES[place][letter]
    if not embedded:
        return "".join(word)
    outer = "T" if rng.random() < 0.5 else "P"
    return "B" + outer + "".join(word) + outer + "E"


@right()
def by_choice(rng, embedded=True):
    word = "B"
    while len(letters := sorted(legal_next(word, embedded))):
        word = word + str(rng.choice(letters))
    return word


@right()
def list_of_letters(rng, embedded=True):
    return list(place_by_place(rng, embedded))


@right()
def by_recursion(rng, embedded=True):
    def from_here(place):
        if not EDGES[place]:
            return ""
        letter = rng.permutation(sorted(EDGES[place]))[0]
        return letter + from_here(EDGES[place][letter])

    if embedded:
        outer = rng.permutation(["T", "P"])[0]
        return f"B{outer}{by_recursion(rng, False)}{outer}E"
    return str(from_here(0))
