"""The kill matrix: every mistake of the bug bank against every part of its question, and what each was told.

    python -m exercises.matrix            runs all checks, prints the totals, writes mistakes/matrix.json
    python -m exercises.matrix --mutants  the mutants of the keys as well (minutes)

The book's page "The checks, checked" shows the file; tests/test_matrix.py holds it to the bank.
Exit codes: 0 all is as the bank says, 1 something is not.
"""

import argparse
import importlib
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from exercises import mutants
from exercises.mistakes import bank
from lstmkit.grading import guard
from lstmkit.grading.question import examine

FILE = Path(__file__).parent / "mistakes" / "matrix.json"
ASSIGNMENTS = [path.stem for path in sorted((Path(__file__).parent / "assignments").glob("*.py"))]
# What these say is true and no diagnosis: the form of the answer is not the one that is asked for.
OF_FORM = {"blank", "none", "raised", "form", "shape", "nan", "missing"}
SECONDS = 1.0  # for a call of an answer that never ends


def how_named(entry, question):
    """How a mistake is told: by its numbers, by a property, by the form of what it gives, or not."""
    if entry.hints & {mistake.hint for mistake in question.mistakes}:
        return "numbers"
    if entry.hints <= OF_FORM:
        return "form"
    return "unnamed" if all(hint.startswith("only ") for hint in entry.hints) else "property"


def rows(assignment):
    """What the checks of an assignment say to every entry of its bank, in the form of the file."""
    check, questions = importlib.import_module(f"lstmkit.grading.{assignment}"), {}
    for name, question in check.QUESTIONS.items():
        parts = {part.name: part.points for part in question.parts}
        questions[name] = {"extra": question.extra, "parts": parts, "mistakes": {}, "right": {}}
    for entry in bank.entries(assignment):
        if entry.needs and not find_spec(entry.needs):
            raise SystemExit(f"{entry.question}, {entry.name}: needs {entry.needs}, which is not installed")
        question, kept = check.QUESTIONS[entry.question], guard.SECONDS
        guard.SECONDS = SECONDS if entry.hints == {"time"} else kept
        report = examine(question, entry.answers)
        guard.SECONDS = kept
        if not entry.hints:
            questions[entry.question]["right"][entry.name] = {"loses": list(report.lost)}
            continue
        questions[entry.question]["mistakes"][entry.name] = {
            "loses": list(report.lost),
            "should lose": [part.name for part in question.parts if part.name in entry.loses],
            "hints": sorted(report.hints),
            "should get": sorted(entry.hints),
            "named by": how_named(entry, question),
            "source": entry.source,
        }
    return questions


def problems(table):
    """Sentences on whatever in a table of rows is not as the bank says."""
    for assignment, questions in table.items():
        for name, question in questions.items():
            for answer, row in question["mistakes"].items():
                if row["loses"] != row["should lose"] or row["hints"] != row["should get"]:
                    yield f"{assignment}, {name}, {answer}: {row}"
            for answer, row in question["right"].items():
                if row["loses"]:
                    yield f"{assignment}, {name}, {answer}, a right answer, loses {row['loses']}"


def totals(table):
    """For each assignment: its questions, points, mistakes and right answers, and how many mistakes are told how."""
    found = {}
    for assignment, questions in table.items():
        told = [row["named by"] for question in questions.values() for row in question["mistakes"].values()]
        found[assignment] = {
            "questions": len(questions),
            "points": sum(sum(q["parts"].values()) for q in questions.values() if not q["extra"]),
            "extra": sum(sum(q["parts"].values()) for q in questions.values() if q["extra"]),
            "mistakes": len(told),
            "right": sum(len(q["right"]) for q in questions.values()),
        } | {how: told.count(how) for how in ("numbers", "property", "form", "unnamed")}
    return found


def main(arguments=None):
    """Run everything, write the file, print the totals; return the exit code."""
    parser = argparse.ArgumentParser(description="Run every mistake of the bug bank against the checks.")
    parser.add_argument("--mutants", action="store_true", help="count the mutants of the keys as well")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes at once (default: 1)")
    chosen = parser.parse_args(arguments)
    kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    with ProcessPoolExecutor(chosen.jobs) as pool:
        table = dict(zip(ASSIGNMENTS, pool.map(rows, ASSIGNMENTS), strict=True))
        changed = kept.get("mutants", {})
        if chosen.mutants:
            tasks = [(assignment, name) for assignment in ASSIGNMENTS for name in table[assignment]]
            counted = list(pool.map(mutants.survivors, *zip(*tasks, strict=True)))
            changed = {assignment: {} for assignment in ASSIGNMENTS}
            for (assignment, name), (count, alive) in zip(tasks, counted, strict=True):
                changed[assignment][name] = {"mutants": count, "survive": len(alive)}
    counts = totals(table)
    FILE.write_text(
        json.dumps({"totals": counts, "answers": table, "mutants": changed}, indent=1) + "\n", encoding="utf-8"
    )
    for assignment, row in counts.items():
        print(f"{assignment:<17}", "  ".join(f"{name} {number}" for name, number in row.items()))
    wrong = list(problems(table))
    print(
        "\n".join(wrong)
        or "every mistake loses what it should and is told what it should be; every right answer keeps all"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
