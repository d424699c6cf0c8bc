"""The ledger: what is claimed of LSTMs, the verdict, and the checks on measured numbers that decide it.

    for claim in load():
        for check in claim.checks:
            decide(check, results.load(check.experiment))

`chapters/claims.yml` holds the claims, a list of entries such as

    - id: "2.5"
      chapter: evolution
      claim: The LSTM of 1997 had three gates.
      verdict: wrong
      instead: It had two; the forget gate came in 2000.
      sources: [hochreiter1997lstm, gers2000forget]
      checks:
        - {experiment: continual_reber, key: accuracy.LSTM, of: median, is: [0.95, 1], live: true, shows: it recalls}
        - {experiment: continual_reber, key: largest.LSTM 1997, above: largest.LSTM, times: 10, shows: it grows}

A check takes one number from each seed's run, by its dotted key, and asks whether the median (`of: median`, which may
be left out), the least, the most or every one of them lies in an interval, or above or below another number of the same
run, `times` a factor.  `every` compares seed by seed, the others median with median, and so on.  null leaves an end of
the interval open; true, false and words must be met as they are.  A time that never came, null in a record, is larger
than any number.  Checks are decided on recorded runs; with `live: true`, live ones decide too.
"""

import math
from pathlib import Path
from typing import NamedTuple

from lstmkit import results

FILE = results.BOOK / "claims.yml"
VERDICTS = ("right", "imprecise", "wrong", "untestable")
OF = ("median", "every", "least", "most")


class Check(NamedTuple):
    """One condition on the numbers of an experiment."""

    experiment: str
    key: str
    of: str
    interval: tuple | None  # (least, most), either of them None; or None
    equal: object  # a bool or a word that every run must give; or None
    relation: str  # "above", "below" or ""
    other: str  # the key on the other side of the relation
    times: float
    live: bool
    shows: str


class Claim(NamedTuple):
    """One entry of the ledger."""

    id: str
    chapter: str
    claim: str
    verdict: str
    instead: str
    sources: list
    checks: list
    reason: str  # why an untestable claim is one


class Outcome(NamedTuple):
    """What a record says to a check."""

    claim: str
    check: Check
    holds: bool
    text: str


class Mistake(ValueError):
    """An entry of the ledger that cannot be read; the message names it and says how to mend it."""


def load(file=FILE):
    """Every Claim of the ledger, in its order.  Raises Mistake for a wrong entry."""
    import yaml

    entries = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    found = [read(entry) for entry in entries]
    twice = {claim.id for claim in found if [other.id for other in found].count(claim.id) > 1}
    if twice:
        raise Mistake(f"claims {', '.join(sorted(twice))} stand in the ledger more than once")
    return found


def read(entry):
    """The Claim of one entry, a dict."""
    named = f"claim {entry.get('id')!r}"
    known = {"id", "chapter", "claim", "verdict", "instead", "sources", "checks", "reason"}
    if unknown := sorted(set(entry) - known):
        raise Mistake(f"{named} has {', '.join(unknown)}; an entry may have {', '.join(sorted(known))}")
    for field in ("id", "chapter", "claim", "verdict"):
        if not isinstance(entry.get(field), str) or not entry[field].strip():
            raise Mistake(f"{named} needs {field}, a text (in quotes, if it is a number)")
    if entry["verdict"] not in VERDICTS:
        raise Mistake(f"{named} has the verdict {entry['verdict']!r}; it must be one of {', '.join(VERDICTS)}")
    if entry["verdict"] in ("imprecise", "wrong") and not entry.get("instead"):
        raise Mistake(f"{named} is {entry['verdict']}: `instead` must say what is right")
    checks = [read_check(given, named) for given in entry.get("checks") or []]
    if entry["verdict"] == "untestable" and (checks or not entry.get("reason")):
        raise Mistake(f"{named} is untestable: it needs a reason, and has no checks")
    sources = entry.get("sources") or []
    if not checks and not sources and entry["verdict"] != "untestable":
        raise Mistake(f"{named} has neither checks nor sources: nothing decides it")
    texts = {field: " ".join((entry.get(field) or "").split()) for field in ("claim", "instead", "reason")}
    return Claim(
        entry["id"], entry["chapter"], texts["claim"], entry["verdict"], texts["instead"], sources, checks,
        texts["reason"],
    )  # fmt: skip


def read_check(given, named):
    """The Check of one entry of `checks`."""
    known = {"experiment", "key", "of", "is", "above", "below", "times", "live", "shows"}
    if unknown := sorted(set(given) - known):
        raise Mistake(f"a check of {named} has {', '.join(unknown)}; it may have {', '.join(sorted(known))}")
    for field in ("experiment", "key", "shows"):
        if not isinstance(given.get(field), str):
            raise Mistake(f"a check of {named} needs {field}, a text")
    asked = [word for word in ("is", "above", "below") if word in given]
    if len(asked) != 1:
        raise Mistake(f"the check of {named} on {given['key']} needs one of `is`, `above` and `below`")
    of = given.get("of", "median")
    if of not in OF:
        raise Mistake(f"the check of {named} on {given['key']} has `of: {of}`; it must be one of {', '.join(OF)}")
    wanted = given.get("is")
    interval = tuple(wanted) if isinstance(wanted, list) else None
    if interval is not None and (len(interval) != 2 or interval == (None, None)):
        raise Mistake(f"the check of {named} on {given['key']} needs an interval [least, most], and has {wanted}")
    if "is" in given and interval is None and not isinstance(wanted, bool | str):
        raise Mistake(f"the check of {named} on {given['key']}: `is` takes [least, most], true, false or a word")
    relation = "" if asked == ["is"] else asked[0]
    return Check(
        given["experiment"], given["key"], of, interval, wanted if interval is None else None, relation,
        given.get(relation, "") if relation else "", float(given.get("times", 1)), bool(given.get("live", False)),
        given["shows"],
    )  # fmt: skip


def outcomes(record, ledger=None):
    """The Outcome of every check that this record can decide: all on the recorded scale, those marked live on that."""
    if record["scale"] not in ("live", "recorded") or not record["runs"]:
        return []
    if ledger is None:
        try:
            ledger = load()
        except (ModuleNotFoundError, FileNotFoundError):  # no YAML reader, or no book beside the kit
            return []
    return [
        Outcome(claim.id, check, *decide(check, record))
        for claim in ledger
        for check in claim.checks
        if check.experiment == record["experiment"] and (check.live or record["scale"] == "recorded")
    ]


def decide(check, record):
    """(whether a check holds on a record, what was found and asked).  KeyError for a key that no run has."""
    found = results.values(record, check.key)
    if check.equal is not None:
        said = ", ".join(dict.fromkeys(map(results.written, found)))  # what several seeds gave stands there once
        return all(
            value == check.equal for value in found
        ), f"{check.key}: {said}; asked: {results.written(check.equal)}"
    numbers = _numbers(found, check.key)
    asked = {"median": "", "every": "each ", "least": "the least ", "most": "the most "}[check.of]
    if check.relation:
        others = [check.times * value for value in _numbers(results.values(record, check.other), check.other)]
        each = check.of == "every"
        pairs = zip(numbers, others, strict=True) if each else [(_of(check, numbers), _of(check, others))]
        factor = f"{check.times:g} x " if check.times != 1 else ""
        holds = all(a > b if check.relation == "above" else a < b for a, b in pairs)
        asked += f"{check.relation} {factor}{check.other}, {results.summary(others)}"
    else:
        least, most = check.interval
        judged = numbers if check.of == "every" else [_of(check, numbers)]
        holds = all((least is None or least <= value) and (most is None or value <= most) for value in judged)
        asked += interval_text(check.interval)
    return holds, f"{check.key}: {results.summary(numbers)}; asked: {asked}"


def _numbers(found, key):
    """As floats, None being infinity.  KeyError for anything that is no number."""
    for value in found:
        if value is not None and not isinstance(value, int | float):
            raise KeyError(f"{key}: here stands {value!r}, and a check needs a number")
    return [math.inf if value is None else float(value) for value in found]


def _of(check, numbers):
    """The one of them that is judged."""
    middle, least, most = results.spread(numbers)
    return {"median": middle, "least": least, "most": most}[check.of]


def interval_text(interval):
    """An interval as a reader wants it: "from 0.9 to 1", "at least 3", "at most 0.2", "4"."""
    least, most = interval
    if least == most:
        return f"{least:g}"
    if most is None:
        return f"at least {least:g}"
    return f"at most {most:g}" if least is None else f"from {least:g} to {most:g}"
