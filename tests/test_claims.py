"""The ledger: every claim is in it, every check holds on its recorded run and, where it says so, on a live one.

And the other way round: a number that leaves its interval fails here, and a measured number has no other way into a
chapter than through a cell.
"""

import copy
import functools
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lstmkit import claims, results

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
CHAPTERS = ROOT / "chapters"
SECTIONS = {0: 4, 1: 13, 2: 23, 3: 17, 4: 17, 5: 15, 6: 23, 7: 23, 8: 9, 12: 4}  # claims in each section of the guide
PROMISED = ["9.0", "10.0", "11.0"]  # sections that the guide announces and does not have
LEDGER = claims.load()
CHECKS = [(claim, check) for claim in LEDGER for check in claim.checks]
NAMES = [f"{claim.id}: {check.experiment} {check.key}" for claim, check in CHECKS]
LIVE_SEEDS, RECORDED_SEEDS = 3, 5


@functools.cache
def recorded(experiment):
    return results.load(experiment)


@functools.cache
def live(experiment):
    return results.gather(experiment, range(LIVE_SEEDS), scale="live")


# The ledger as a whole


def test_every_claim_of_the_guide_is_in_it_once():
    expected = [f"{section}.{n + 1}" for section, count in SECTIONS.items() for n in range(count)] + PROMISED
    assert sorted(claim.id for claim in LEDGER) == sorted(expected)


def test_most_are_decided_by_a_check():
    assert sum(bool(claim.checks) for claim in LEDGER) >= 110


def test_what_cannot_be_tested_says_why():
    for claim in LEDGER:
        if not claim.checks:
            assert claim.reason or claim.sources, f"nothing decides claim {claim.id}"


def test_sources_are_in_the_bibliography():
    text = (CHAPTERS / "references.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"^@\w+\{([^,\s]+),", text, flags=re.M))
    missing = {key: claim.id for claim in LEDGER for key in claim.sources if key not in keys}
    assert missing == {}


def test_a_chapter_speaks_of_each_of_its_claims():
    for claim in LEDGER:
        page = CHAPTERS / f"{claim.chapter}.md"
        assert f"{{claim}}`{claim.id}`" in page.read_text(encoding="utf-8"), f"{page.name} lacks {claim.id}"


def test_every_experiment_has_its_record_and_its_place():
    page = (CHAPTERS / "records.md").read_text(encoding="utf-8")
    shown = re.findall(r"```\{record\} (\w+)", page)
    assert sorted(shown) == sorted(results.experiments())
    assert sorted(path.stem for path in results.RECORDED.glob("*.json")) == sorted(results.experiments())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": 2.5}, "needs id"),
        ({"verdict": "maybe"}, "must be one of right, imprecise"),
        ({"instead": None}, "`instead` must say"),
        ({"verdict": "untestable"}, "needs a reason"),
        ({"checks": [], "sources": []}, "nothing decides it"),
        ({"colour": "red"}, "has colour"),
        ({"checks": [{"experiment": "latch", "key": "held", "shows": "x"}]}, "needs one of"),
        ({"checks": [{"experiment": "latch", "key": "held", "shows": "x", "is": [1]}]}, r"\[least, most\]"),
        ({"checks": [{"experiment": "latch", "key": "held", "shows": "x", "is": 3}]}, "takes"),
        ({"checks": [{"experiment": "latch", "key": "held", "shows": "x", "is": True, "of": "mean"}]}, "of: mean"),
        ({"checks": [{"experiment": "latch", "is": True, "shows": "x"}]}, "needs key"),
        ({"checks": [{"experiment": "latch", "key": "held", "shows": "x", "is": True, "if": 1}]}, "has if"),
    ],
)
def test_a_wrong_entry_is_named(change, words):
    check = {"experiment": "latch", "key": "held", "is": [0.9, 1], "shows": "it holds"}
    entry = {"id": "2.5", "chapter": "latch", "claim": "x", "verdict": "wrong", "instead": "y", "checks": [check]}
    claims.read(entry)
    with pytest.raises(claims.Mistake, match=words):
        claims.read(entry | change)


def test_a_claim_cannot_stand_there_twice(tmp_path):
    entry = {"id": "1.1", "chapter": "x", "claim": "x", "verdict": "right", "sources": ["a"]}
    file = tmp_path / "claims.yml"
    file.write_text(yaml.safe_dump([entry, entry]))
    with pytest.raises(claims.Mistake, match=r"1\.1 stand"):
        claims.load(file)


# How a check decides


def made(*values):
    """A record whose runs have `x` as given and `y` = 2."""
    return {"runs": [{"numbers": {"x": value, "y": 2}} for value in values]}


@pytest.mark.parametrize(
    ("given", "found", "holds"),
    [
        ({"is": [1, 3]}, (0, 2, 9), True),
        ({"is": [1, 3], "of": "every"}, (0, 2, 9), False),
        ({"is": [1, 3], "of": "every"}, (1, 2, 3), True),
        ({"is": [1, 3], "of": "least"}, (0, 2, 3), False),
        ({"is": [1, 3], "of": "most"}, (0, 2, 3), True),
        ({"is": [1, None]}, (5, None, 7), True),
        ({"is": [None, 8], "of": "every"}, (5, None, 7), False),
        ({"is": True}, (True, True), True),
        ({"is": True}, (True, False), False),
        ({"is": "goal"}, ("goal",), True),
        ({"above": "y"}, (1, 3, 4), True),
        ({"above": "y", "of": "every"}, (1, 3, 4), False),
        ({"above": "y", "times": 2}, (3, 3.9, 5), False),
        ({"below": "y"}, (1, 1, 9), True),
        ({"below": "y"}, (None,), False),
        ({"above": "y"}, (None,), True),
    ],
)
def test_deciding(given, found, holds):
    check = claims.read_check({"experiment": "latch", "key": "x", "shows": "x", **given}, "claim 1")
    decided, text = claims.decide(check, made(*found))
    assert decided is holds
    assert text.startswith("x: ")


def test_a_key_that_is_not_there_is_an_error():
    check = claims.read_check({"experiment": "latch", "key": "z", "shows": "x", "is": [0, 1]}, "claim 1")
    with pytest.raises(KeyError, match="there are x, y"):
        claims.decide(check, made(1))


# The recorded runs


@pytest.mark.parametrize("experiment", sorted(results.experiments()))
def test_a_record_is_whole_and_of_this_code(experiment):
    """Where this fails for `code`, the experiment has changed since: `lstmkit run NAME --scale recorded ... --anew`."""
    record = recorded(experiment)
    assert record["experiment"] == experiment
    assert record["scale"] == "recorded"
    assert [run["seed"] for run in record["runs"]][:RECORDED_SEEDS] == list(range(RECORDED_SEEDS))
    assert re.fullmatch(r"[0-9a-f]{40}", record["commit"] or "")
    assert record["changed"] == []
    assert record["code"] == results.code(experiment)


@pytest.mark.parametrize(("claim", "check"), CHECKS, ids=NAMES)
def test_a_check_holds_on_the_recorded_run(claim, check):
    holds, text = claims.decide(check, recorded(check.experiment))
    assert holds, f"claim {claim.id} ({check.shows}): {text}"


# On fresh runs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("claim", "check"),
    [(claim, check) for claim, check in CHECKS if check.live],
    ids=[name for name, (_, check) in zip(NAMES, CHECKS, strict=True) if check.live],
)
def test_a_check_holds_on_live_runs(claim, check):
    holds, text = claims.decide(check, live(check.experiment))
    assert holds, f"claim {claim.id} ({check.shows}), live: {text}"


# Published results beside ours

ANCHORS = yaml.safe_load((CHAPTERS / "anchors.yml").read_text(encoding="utf-8"))


def test_a_dozen_published_results_stand_beside_ours():
    assert len(ANCHORS) >= 12


@pytest.mark.parametrize("row", ANCHORS, ids=[row["task"] for row in ANCHORS])
def test_an_anchor_is_whole(row):
    assert set(row) == {"task", "source", "published", "checked", "experiment", "ours", "difference"}
    assert row["checked"] is False or isinstance(row["checked"], str)
    assert f"{{{row['source']}," in (CHAPTERS / "references.bib").read_text(encoding="utf-8")
    for key in row["ours"].values():
        for value in results.values(recorded(row["experiment"]), key):
            assert value is None or isinstance(value, int | float), key


# A number that moves


def moved(check, record):
    """The record with the number of one check moved to where the check must not hold."""
    record = copy.deepcopy(record)
    for run in record["runs"]:
        found = results.pick(run["numbers"], check.key)
        if check.equal is not None:
            wrong = (not found) if isinstance(check.equal, bool) else f"not {found}"
        elif check.relation:
            other = results.pick(run["numbers"], check.other)
            limit = check.times * (math.inf if other is None else other)
            wrong = limit * (0.999 if check.relation == "above" else 1.001) if math.isfinite(limit) else -math.inf
            wrong = limit - 1 if check.relation == "above" and limit <= 0 else wrong
            wrong = limit + 1 if check.relation == "below" and limit <= 0 else wrong
            if check.relation == "below" and not math.isfinite(limit):
                wrong = None
        else:
            least, most = check.interval
            wrong = most + 1e-3 * max(1, abs(most)) if most is not None else least - 1e-3 * max(1, abs(least))
        put(run["numbers"], check.key, wrong)
    return record


def put(numbers, key, value):
    """Write under a dotted key, where `results.pick` would read."""
    for name in sorted(numbers, key=len, reverse=True) if isinstance(numbers, dict) else [key.partition(".")[0]]:
        index = name if isinstance(numbers, dict) else int(name)
        if key == name:
            numbers[index] = value
            return
        if key.startswith(f"{name}."):
            put(numbers[index], key.removeprefix(f"{name}."), value)
            return


@pytest.mark.parametrize(("claim", "check"), CHECKS, ids=NAMES)
def test_no_check_holds_whatever_the_number(claim, check):
    holds, _ = claims.decide(check, moved(check, recorded(check.experiment)))
    assert not holds


def test_a_number_that_moves_fails_the_suite(tmp_path):
    """This very file, run over records of which one number was moved."""
    claim, check = next((claim, check) for claim, check in CHECKS if check.interval)
    for file in results.RECORDED.glob("*.json"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    results.save(moved(check, recorded(check.experiment)), tmp_path / f"{check.experiment}.json")
    program = (
        "import pathlib, sys, pytest\n"
        "from lstmkit import results\n"
        f"results.RECORDED = pathlib.Path({str(tmp_path)!r})\n"
        f"only = 'holds_on_the_recorded and {check.experiment}'\n"
        f"sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', {__file__!r}, '-k', only]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert f"claim {claim.id}" in done.stdout


# No number typed by hand

# Decimals, shares and thousands.  Those of others stand in {reported}`...`, settings and definitions in $...$.
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?:\s?%)?|\d+(?:\.\d+)?\s?(?:%|per cent)|\d{1,3}(?:,\d{3})+")


def prose(text):
    """What a reader reads of a page but for equations and code; captions and descriptions of figures are in it."""
    kept = []

    def words_of_a_cell(cell):
        kept.extend(re.findall(r"(?:caption|alt): ?\|?[^\n]*\n((?:      .*\n)+)", cell[0]))
        return ""

    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    text = re.sub(r"^```\{code-cell\}.*?^```", words_of_a_cell, text, flags=re.S | re.M)
    text = re.sub(r"^```(?:\{math\}|\{literalinclude\}|\w+$).*?^```", "", text, flags=re.S | re.M)
    text = "\n".join([re.sub(r"^[`:]{3,}.*$", "", text, flags=re.M), *kept])  # a fence is no word
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)
    text = re.sub(r"(?<!\\)\$[^$\n]+\$", "", text)
    return re.sub(r"(\{[\w:-]+\})?(`+)[^`]+\2", "", text)


@pytest.mark.parametrize("page", sorted(path.stem for path in CHAPTERS.glob("*.md")))
def test_no_chapter_contains_a_measured_number_outside_glue(page):
    assert NUMBER.findall(prose((CHAPTERS / f"{page}.md").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", sorted(path.stem for path in CHAPTERS.glob("*.md")))
def test_a_reported_number_stands_beside_its_source(page):
    """{reported}`31,390` lets a number of others pass; whose it is must stand in the same paragraph or row."""
    text = (CHAPTERS / f"{page}.md").read_text(encoding="utf-8")
    for paragraph in re.split(r"\n\s*\n|\n(?=\||\* - |- )", text):
        if "{reported}`" in paragraph:
            assert "{cite:" in paragraph, paragraph


@pytest.mark.parametrize("line", ["The error is 0.037.", "It wins in 83 % of cases.", "after 12,800 sequences"])
def test_the_lint_sees_a_number(line):
    assert NUMBER.findall(prose(f"# A page\n\n{line}\n"))


@pytest.mark.parametrize("line", ["{glue:text}`loss`", "$b = 0.5$", "in 1997, 64 units", "`0.5`", "{reported}`0.5`"])
def test_the_lint_lets_pass_what_is_not_measured(line):
    assert not NUMBER.findall(prose(f"# A page\n\n{line}\n"))
