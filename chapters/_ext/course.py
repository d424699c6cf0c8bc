"""The course in the pages: its assignments and points, and what the bug bank did to the checks.

    ```{course} assignments   a row for each assignment: questions, points, time
    ```{course} bank          a row for each assignment: mistakes, how they were told, right answers, mutants
    ```{course} corpora       what hostile, broken and odd submissions do to stock nbgrader and to `lstmkit grade`
    ```{course} speed         the seconds of a class, ours and stock
    ```{course} lstm          the kill matrix of one assignment: its mistakes against the parts of its questions

Points and times are read from the texts in exercises/assignments, the rest from exercises/mistakes/matrix.json, which
`python -m exercises.matrix` writes, and from tests/corpora/*.json, which `python -m tests.corpora.table` and
`python -m tests.corpora.speed` write.
"""

import json
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

TOLD = {"numbers": "numbers", "property": "property", "form": "form", "unnamed": "place"}
TITLE = re.compile(r"^# # (.+)$", re.MULTILINE)
TIME = re.compile(r"\*\*Time\*\*: (.+?)\.", re.DOTALL)
NEEDED = re.compile(r"\*\*You need\*\*:(.+?)\n#\n", re.DOTALL)
POINTS = re.compile(r"^# %%(.*) points=(\d+)(.*)$", re.MULTILINE)


class Course(SphinxDirective):
    """One of the tables above."""

    required_arguments = 1

    def run(self):
        root = Path(self.env.app.confdir, "exercises")
        texts = in_order(root)
        what = self.arguments[0]
        if what == "assignments":
            lines = self.assignments(texts)
        elif what in ("corpora", "speed"):
            measured = {}
            for name in ("stock", "ours") if what == "corpora" else ("speed",):
                file = root.parent / "tests" / "corpora" / f"{name}.json"
                self.env.note_dependency(str(file))
                measured[name] = json.loads(file.read_text(encoding="utf-8"))
            lines = corpora(measured) if what == "corpora" else speed(measured["speed"])
        else:
            file = root / "mistakes" / "matrix.json"
            self.env.note_dependency(str(file))
            matrix = json.loads(file.read_text(encoding="utf-8"))
            if what != "bank" and what not in matrix["answers"]:
                known = ", ".join(matrix["answers"])
                raise self.error(f"there is no kill matrix of {what!r}; there are: assignments, bank, {known}")
            matrix["totals"] = {name: matrix["totals"][name] for name in texts}
            lines = bank(matrix) if what == "bank" else answers(matrix["answers"][what])
        whole = nodes.container(classes=["course"])
        self.state.nested_parse(StringList(list(lines), self.env.docname), self.content_offset, whole)
        return [whole]

    def assignments(self, texts):
        yield "| assignment | questions | points | extra | time |"
        yield "| :-- | --: | --: | --: | :-- |"
        sums = [0, 0, 0]
        for name, path in texts.items():
            self.env.note_dependency(str(path))
            text = path.read_text(encoding="utf-8")
            graded = [(int(points), "extra=true" in after) for _, points, after in POINTS.findall(text)]
            row = [
                len(graded),
                sum(points for points, extra in graded if not extra),
                sum(points for points, extra in graded if extra),
            ]
            sums = [a + b for a, b in zip(sums, row, strict=True)]
            time = " ".join(TIME.search(text)[1].replace("\n#", " ").split())
            yield f"| {{assignment}}`{name}` | " + " | ".join(map(str, row)) + f" | {time} |"
        yield "| together | " + " | ".join(map(str, sums)) + " | |"


def in_order(root):
    """The texts of the assignments by name, each where the last chapter that it needs stands in the contents."""
    pages = re.findall(r"file: chapters/(\w+)", (root.parent / "_toc.yml").read_text(encoding="utf-8"))
    places = {}
    for path in sorted((root / "assignments").glob("*.py")):
        needed = NEEDED.search(path.read_text(encoding="utf-8"))
        chapters = re.findall(r"\*(\w+)\*", needed[1]) if needed else []
        places[path] = max((pages.index(chapter) for chapter in chapters if chapter in pages), default=len(pages))
    return {path.stem: path for path in sorted(places, key=places.get)}


def corpora(measured):
    """A row for each goal: how many cases miss it, of how many."""
    yield "| | stock nbgrader | `lstmkit grade` |"
    yield "| :-- | --: | --: |"
    for row in measured["ours"]["goals"]:
        counts = ["{} of {}".format(*measured[name]["goals"][row]) for name in ("stock", "ours")]
        yield f"| {row} | " + " | ".join(counts) + " |"


def speed(measured):
    """A row for each assignment that was timed."""
    yield "| {submissions} submissions | stock nbgrader | `lstmkit grade` | ratio | nothing changed | ratio |".format(
        **measured["made by"]
    )
    yield "| :-- | --: | --: | --: | --: | --: |"
    for name, row in measured["seconds"].items():
        ratios = [f"{row['stock'] / row[ours]:.1f} ×" for ours in ("ours", "unchanged")]
        times = [f"{row[which]:.1f} s" for which in ("stock", "ours", "unchanged")]
        yield f"| {{assignment}}`{name}` | {times[0]} | {times[1]} | {ratios[0]} | {times[2]} | {ratios[1]} |"


def bank(matrix):
    """A row for each assignment, and their sum."""
    heads = ["mistakes", *TOLD.values(), "right", "mutants", "survive"]
    yield "| assignment | " + " | ".join(heads) + " |"
    yield "| :-- |" + " --: |" * len(heads)
    rows = {}
    for name, total in matrix["totals"].items():
        changed = matrix["mutants"].get(name, {}).values()
        mutants = [sum(question[key] for question in changed) for key in ("mutants", "survive")]
        rows[f"[{name.replace('_', ' ')}](#kills-{name})"] = [
            *(total[key] for key in ("mistakes", *TOLD, "right")),
            *mutants,
        ]
    rows["together"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    for name, row in rows.items():
        yield f"| {name} | " + " | ".join(map(str, row)) + " |"


def answers(questions):
    """The matrix of each question, folded."""
    for name, question in questions.items():
        count = f"{len(question['mistakes'])} mistakes, {len(question['right'])} right answers"
        yield f"::::{{dropdown}} {name}: {count}"
        heads = [f"{part} ({points})" for part, points in question["parts"].items()]
        yield "| mistake | " + " | ".join(heads) + " | what it is told |"
        yield "| :-- |" + " :-: |" * len(heads) + " :-- |"
        for answer, row in question["mistakes"].items():
            cells = ["✗" if part in row["loses"] else "" for part in question["parts"]]
            source = f" ({row['source']})" if row["source"] else ""
            said = " or ".join(row["hints"]).replace("|", "&#124;")
            yield f"| {answer.replace('_', ' ')}{source} | " + " | ".join(cells) + f" | {said} |"
        yield ""
        right = ", ".join(answer.replace("_", " ") for answer in question["right"])
        yield f"Right answers, which keep everything: {right}."
        yield "::::"
        yield ""


def setup(app):
    app.add_directive("course", Course)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
