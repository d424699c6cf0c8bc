"""The table of the corpora: what hostile, broken and odd notebooks do to our grader, and to stock nbgrader.

    python -m tests.corpora.table                  ours, measured; stock, as recorded in stock.json
    python -m tests.corpora.table --stock --jobs 2 both in the same run (stock takes an hour or two)
    python -m tests.corpora.table --stock --only stock --json tests/corpora/stock.json
    python -m tests.corpora.table --family wire    one family, or one case by its name

Everything happens on this machine, in temporary course folders; stock nbgrader runs in bubbles (bubblewrap) of which
nothing gets out.  A gain is more points than the honest part of a submission earns.
"""

import argparse
import importlib.metadata
import json
import sys
from pathlib import Path

from tests.corpora import broken, honest, hostile, run

RECORDED = Path(__file__).parent / "stock.json"
NOT_STOCK = {"wire"}  # stock nbgrader has no second process to which anything could be forged


def corpora():
    """[(corpus, case)] of all three."""
    return [
        *(("hostile", case) for case in hostile.CASES),
        *(("broken", case) for case in broken.cases()),
        *(("honest", case) for case in honest.cases()),
    ]


def goals(results):
    """{what is counted: the results that miss the goal}, the rows of the table."""
    bad, odd = ([one for one in results if one.corpus == corpus] for corpus in ("hostile", "honest"))
    file = [one for one in results if one.corpus == "broken"]
    return {
        "hostile: gain a point": [one for one in bad if one.gained > 0],
        "hostile: touch a file, a process, a socket, another's work or a secret": [one for one in bad if one.touched],
        "all: the batch is aborted": [one for one in results if one.aborted],
        "all: an honest neighbour gets other points": [one for one in results if one.neighbour],
        "honest but odd: lose a point": [one for one in odd if one.lost],
        "broken: no entry, or none that says so": [one for one in file if not one.named],
        "broken: lose a point that could be saved": [one for one in file if one.lost],
        "broken or honest: gain a point": [one for one in file + odd if one.gained > 0],
        "all: a hidden test in the feedback": [one for one in results if one.shown],
        "all: a student's script runs in the feedback": [one for one in results if one.active],
        "all: feedback of a megabyte or more": [one for one in results if one.size >= 1 << 20],
    }


def of(row, results):
    """How many cases a row is about."""
    wanted = {"hostile": ("hostile",), "honest but odd": ("honest",), "broken": ("broken",)}
    about = wanted.get(row.partition(":")[0], ("hostile", "broken", "honest"))
    if row.startswith("broken or"):
        about = ("broken", "honest")
    return sum(one.corpus in about for one in results)


def markdown(columns):
    """The table; columns: {title: [Result]}."""
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for row in goals([]):
        counts = [f"{len(goals(results)[row])} of {of(row, results)}" for results in columns.values()]
        lines.append(f"| {row} | " + " | ".join(counts) + " |")
    return "\n".join(lines)


def families(columns):
    """The same by family of the hostile corpus: gained, touched, aborted."""
    lines = ["| family | " + " | ".join(f"{title}: cases, gain, touch, abort" for title in columns) + " |"]
    lines.append("| --- |" + " --- |" * len(columns))
    for family in hostile.FAMILIES:
        counts = []
        for results in columns.values():
            here = [one for one in results if one.family == family.FAMILY]
            numbers = [len(here), sum(one.gained > 0 for one in here), sum(bool(one.touched) for one in here)]
            counts.append(", ".join(map(str, [*numbers, sum(one.aborted for one in here)])) if here else "–")
        lines.append(f"| {family.FAMILY} | " + " | ".join(counts) + " |")
    return "\n".join(lines)


def offenders(results):
    """A line for each case that misses a goal."""
    lines = []
    for row, missing in goals(results).items():
        for one in missing:
            said = {"gained": one.gained, "lost": one.lost, "touched": one.touched, "shown": one.shown}
            said |= {"neighbour": one.neighbour, "size": one.size if one.size >= 1 << 20 else 0}
            what = ", ".join(f"{name} {value!r}" for name, value in said.items() if value)
            lines.append(f"- {row}: {one.family} / {one.name}" + (f" ({what})" if what else ""))
    return "\n".join(lines)


def provenance(results):
    """What a record says of itself."""
    return {
        "nbgrader": importlib.metadata.version("nbgrader"),
        "python": ".".join(map(str, sys.version_info[:2])),
        "seconds for a cell": run.SECONDS,
        "seconds for a batch": run.CAP,
        "cases": ", ".join(_counted(name, results) for name in ("hostile", "broken", "honest")),
        "left out": f"{', '.join(NOT_STOCK)}: stock nbgrader has one process",
    }


def _counted(corpus, results):
    everything = sum(name == corpus and case.family not in NOT_STOCK for name, case in corpora())
    return f"{sum(one.corpus == corpus for one in results)} of {everything} {corpus}"


def to_json(results):
    """Plain data of the results, with where they come from; without the students' ids and the points one by one."""
    rows = [one._replace(student="", points=None)._asdict() for one in sorted(results, key=lambda one: one[:3])]
    missed = {row: [len(missing), of(row, results)] for row, missing in goals(results).items()}
    return {"made by": provenance(results), "goals": missed, "results": rows}


def recorded(path=RECORDED):
    """The results of a record."""
    rows = json.loads(Path(path).read_text(encoding="utf-8"))["results"]
    return [run.Result(**row) for row in rows]


def main(arguments=None):
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpora.table", description=__doc__.partition("\n")[0])
    parser.add_argument("--stock", action="store_true", help="measure stock nbgrader as well")
    parser.add_argument("--only", choices=("ours", "stock"), help="leave the other column out")
    parser.add_argument("--family", help="the cases of one family or corpus, or the case of this name")
    parser.add_argument("--jobs", type=int, default=2, help="bubbles of stock nbgrader at a time (2)")
    parser.add_argument("--json", type=Path, help="write the results into this file")
    given = parser.parse_args(arguments)
    cases = [pair for pair in corpora() if given.family in (None, pair[0], pair[1].family, pair[1].name)]
    if not cases:
        parser.error(f"there is no family, corpus or case {given.family!r}")
    columns, measured, legend = {}, [], []
    if given.only != "ours" and given.stock:
        fair = [pair for pair in cases if pair[1].family not in NOT_STOCK]
        measured = columns["stock"] = run.stock(fair, given.jobs, lambda text: print(text, file=sys.stderr, flush=True))
        legend.append(f"stock: nbgrader {provenance([])['nbgrader']}, {run.SECONDS} s for a cell, without the wire")
    elif given.only != "ours" and RECORDED.is_file():
        names = {(corpus, case.name) for corpus, case in cases}
        columns["stock, recorded"] = [one for one in recorded() if (one.corpus, one.name) in names]
        said = json.loads(RECORDED.read_text(encoding="utf-8"))["made by"]
        legend.append(f"stock, recorded: {', '.join(f'{name} {value}' for name, value in said.items())}")
    if given.only != "stock":
        measured, seconds = run.ours(cases, progress=lambda text: print(text, file=sys.stderr))
        columns["ours"] = measured
        legend.append(f"ours: {len(cases)} cases and their neighbours in one batch, {seconds:.0f} s")
    print(markdown(columns), families(columns), "\n".join(legend), sep="\n\n")
    for title, results in columns.items():
        if (lines := offenders(results)) and title != "stock, recorded":
            print(f"\n{title}:\n{lines}")
    if given.json and measured:
        text = json.dumps(to_json(measured), ensure_ascii=False, indent=0) + "\n"
        given.json.write_text(text.encode("utf-8", "replace").decode("utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
