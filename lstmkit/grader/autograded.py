"""The autograded notebook of a submission, from its Outcome: what formgrader shows and what feedback is made from.

It has the release's cells with nbgrader's marks, whatever the submission had, and shows plain text, errors and PNG
pictures only: no output of a student is HTML or script.
"""

import base64
import binascii
import json
import os
import re

CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what the notebook format allows
PNG = b"\x89PNG\r\n\x1a\n"


def notebook(outcome, release):
    """The notebook's file, as bytes; the same for the same Outcome.

    release: the notebook that students got, read by nbformat.  Its text stands in every locked cell, and a marked cell
    that the Outcome lacks is put at the end, for a person can only mark what is there.
    """
    marked = {cell.metadata.nbgrader.grade_id: cell for cell in release.cells if "nbgrader" in cell.metadata}
    plain = {}
    for cell in release.cells:
        if "nbgrader" not in cell.metadata:
            plain.setdefault((cell.cell_type, cell.source), []).append(cell.get("id", ""))
    marks = {mark.question: mark for mark in outcome.marks}
    cells, used, count = [], set(), 0
    for number, cell in enumerate(outcome.cells):
        given = marked.pop(cell.grade_id, None)
        count += (given.cell_type if given else cell.kind) == "code"
        known = plain.get((cell.kind, cell.source)) or [""]
        cell_id = cell.grade_id if given else known.pop(0)
        if not CELL_ID.fullmatch(cell_id) or cell_id in used:
            cell_id = f"cell-{number}"
        used.add(cell_id)
        cells.append(_cell(cell_id, count, given, cell.source, cell.kind, cell.outputs, marks.get(cell.grade_id)))
    for grade_id, given in marked.items():
        count += given.cell_type == "code"
        cells.append(_cell(f"added-{len(cells)}", count, given, given.source, "", (), marks.get(grade_id)))
    whole = {"cells": cells, "metadata": release.metadata, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(whole, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _cell(cell_id, count, given, source, kind, outputs, mark):
    """One cell as the notebook format has it."""
    kind = given.cell_type if given else kind
    if given and given.metadata.nbgrader.locked:
        source = given.source
    elif kind == "markdown":
        source = harmless(source)
    cell = {"cell_type": kind, "id": cell_id, "metadata": given.metadata if given else {}, "source": source}
    if kind == "code":
        cell["execution_count"] = count
        cell["outputs"] = _report(mark, count) if mark else [_output(output) for output in outputs]
    return cell


def harmless(markdown):
    """A student's Markdown with its HTML as text: formgrader shows it as a page, in the session of who marks."""
    return re.sub(r"<(?=[A-Za-z/!?])", r"\\<", markdown)


def _report(mark, count):
    """What a test shows: the report and, as nbgrader wants it, the points as the cell's value."""
    points = {"text/plain": repr(float(mark.points))}
    value = {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": points}
    return [{"output_type": "stream", "name": "stdout", "text": mark.text + "\n"}, value] if mark.text else [value]


def _output(output):
    if "png" in output and _is_png(output["png"]):
        return {"output_type": "display_data", "metadata": {}, "data": {"image/png": output["png"]}}
    if "error" in output:
        name, _, text = output["error"].partition(": ")
        return {"output_type": "error", "ename": name, "evalue": text, "traceback": [output["error"]]}
    text = output.get("text", "[a picture that is not a PNG]\n")
    return {"output_type": "stream", "name": "stdout", "text": text}


def _is_png(text):
    """Whether it is a PNG in base64 and nothing else: it will stand inside an attribute of a page."""
    try:
        return isinstance(text, str) and base64.b64decode(text, validate=True).startswith(PNG)
    except (binascii.Error, ValueError):
        return False


def replace(path, data, shared, own=""):
    """Put a file in its place whole or not at all, as readable as nbgrader makes it; OSError if it cannot be written.

    shared: CourseDirectory.groupshared.  The file is written under another name first.  That is always the same, so
    that nothing piles up where processes are killed; two that may meet at one file need each an `own` part in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if shared:
        for folder in (path.parent, path.parent.parent):
            mode = os.stat(folder).st_mode
            if mode & 0o2770 != 0o2770:
                os.chmod(folder, (mode | 0o2770) & 0o2777)
    new = path.with_name(f".{path.name}{own}.new")
    new.unlink(missing_ok=True)
    with open(new, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(new, 0o664 if shared else 0o444)
    if os.name == "nt" and path.exists():
        os.chmod(path, 0o666)  # Windows replaces no read-only file
    os.replace(new, path)
