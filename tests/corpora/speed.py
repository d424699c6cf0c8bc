"""How fast submissions are graded, ours beside stock nbgrader in the same run.

    python -m tests.corpora.speed --json tests/corpora/speed.json

Everybody hands in the key.  Ours grades the whole class with as many jobs as there are cores, then again with nothing
changed; stock, which has one process and for which every submission costs the same, grades two smaller classes, and its
time for the whole class follows from the difference.  Times are wall clock, from the command to its end, with feedback.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tests.corpora import build, run

ASSIGNMENTS = ("architecture", "variants", "lstm")
CLASS, FEW, SOME = 100, 2, 10


def seconds(root, *command):
    """What a command takes in the course folder; it has to end well."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=root, env=run.environment(), capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - began


def class_of(folder, assignment, students, settings):
    """A course folder in which so many students have handed in the key."""
    root = Path(tempfile.mkdtemp(dir=folder))
    (root / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "exercises.build", assignment, "--root", root],
        cwd=run.ROOT, env=run.environment(), check=True, capture_output=True,
    )  # fmt: skip
    data = build.to_bytes(build.solved(assignment))
    for number in range(students):
        place = root / "submitted" / f"s{number:03}" / assignment
        place.mkdir(parents=True)
        (place / f"{assignment}.ipynb").write_bytes(data)
    return root


def measure(assignment, folder):
    """The seconds of ours for a class, anew and unchanged, and of stock for one."""
    ours = (run.ROOT / "exercises" / "nbgrader_config.py").read_text(encoding="utf-8")
    root = class_of(folder, assignment, CLASS, ours)
    anew, unchanged = (seconds(root, "lstmkit", "grade", assignment) for _ in range(2))
    stock = []
    for students in (FEW, SOME):
        root = class_of(folder, assignment, students, run.stock_settings())
        stock.append(sum(seconds(root, "nbgrader", step, assignment) for step in ("autograde", "generate_feedback")))
    each = (stock[1] - stock[0]) / (SOME - FEW)
    return {"ours": anew, "unchanged": unchanged, "stock": stock[0] + (CLASS - FEW) * each, "stock each": each}


def main(arguments=None):
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpora.speed", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the times into this file")
    given = parser.parse_args(arguments)
    times = {}
    with tempfile.TemporaryDirectory(prefix="speed-", ignore_cleanup_errors=True) as folder:
        for assignment in ASSIGNMENTS:
            times[assignment] = row = measure(assignment, folder)
            ratios = f"{row['stock'] / row['ours']:.1f} ×, unchanged {row['stock'] / row['unchanged']:.0f} ×"
            print(f"{assignment}: ours {row['ours']:.1f} s, stock {row['stock']:.0f} s: {ratios}", flush=True)
    about = {"submissions": CLASS, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
    about |= {"nbgrader": version("nbgrader")}
    if given.json:
        given.json.write_text(json.dumps({"made by": about, "seconds": times}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
