"""From whatever was handed in to the notebook that is graded: the release's cells, with the student's answers in them.

Nothing in a submitted file is believed but the ids that say which cell is which, and the text of the cells that are the
student's to write.  Locked statements and tests are the release's, word for word.  What had to be mended is said, a
sentence each, to the student and to the instructor.  A file that is no notebook gives the release's cells, and the
reason.

    raw, files, notes = read_submission(course.folder("submitted", "lstm", "ada"), "lstm")
    rebuilt = rebuild(raw, json.loads(course.notebook("release", "lstm").read_text(encoding="utf-8")), files)
"""

import json
import os
import re
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from lstmkit.grader.outcome import ANSWER, GIVEN, MANUAL, OWN, TEST, Cell

MIB = 2**20
NOTEBOOK = 20 * MIB  # bytes of a notebook
DATA, FILES = 5 * MIB, 50  # bytes of all other files together, and their number
DEPTH, LISTED = 6, 2000  # folders inside each other; names that are looked at
VALUES = 4_000_000  # of the JSON: more would fill the memory, and no notebook has them
LONGEST, TOGETHER, OWN_CELLS = MIB, 4 * MIB, 1000  # characters of a cell and of all own cells; the number of these
SENTENCES, NAMED = 40, 6  # repairs that are said one by one; names in one of them

# Data, which nothing imports.  What is not named here stays outside: code, settings, archives, links.
ENDINGS = (
    *(".csv", ".tsv", ".txt", ".dat", ".json", ".jsonl", ".yaml", ".yml", ".xml", ".md"),
    *(".npy", ".npz", ".pkl", ".pickle", ".h5", ".parquet", ".mat", ".wav", ".mid", ".abc"),
    *(".png", ".jpg", ".jpeg", ".gif", ".svg"),
)
# An empty folder of such a name would already be imported where the module is missing.
MODULES = sys.stdlib_module_names | {"lstmkit", "numpy", "scipy", "torch", "matplotlib", "pandas", "IPython", "tqdm"}

UNREADABLE = (
    "The notebook could not be read: {}. It counts 0 until a person has looked. Open it in JupyterLab, save it and "
    "hand it in again; if it does not open there either, put your answers into a fresh copy of the assignment."
)
LOOKS_LIKE = (
    (b"PK\x03\x04", "it is a zip archive"),
    (b"%PDF", "it is a PDF file"),
    (b"\x1f\x8b", "it is a gzip archive"),
    (b"\x89PNG", "it is a picture"),
    (b"<", "it is a web page or another kind of XML, not a notebook"),
)
DEFINED = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
# Strings and comments of Python, which stay as they are, or a character that Python does not take for white space.
# Each alternative takes what it begins with, even where the end is missing, so one pass is enough for any text.
ODD = "\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
ODD_SPACE = re.compile(
    r'"""(?:[^"\\]++|\\(?:.|\Z)|"(?!""))*+(?:"""|\Z)'
    r"|'''(?:[^'\\]++|\\(?:.|\Z)|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]++|\\(?:.|\Z))*+"?'
    r"|'(?:[^'\\\n]++|\\(?:.|\Z))*+'?"
    rf"|\#[^\n]*+|(?P<odd>[{ODD}])",
    re.DOTALL,
)
HAS_ODD = re.compile(f"[{ODD}]")
NO_SPACE, NEW_LINE = "\u200b\u2060\ufeff", "\u2028\u2029"


class Rebuilt(NamedTuple):
    """What is graded of a submission."""

    readable: bool  # False: the file is no notebook, and the cells are the release's
    cells: tuple[Cell, ...]  # the release's, in its order, with the student's own between them
    repairs: tuple[str, ...]  # what was mended, a sentence each; the first one of an unreadable file says why
    files: dict[str, bytes]  # the data beside the notebook, by their relative names


def read_submission(folder, assignment):
    """What lies in a submission's folder: the notebook's bytes, the data beside it, and sentences about the rest.

    Returns (bytes or None, {relative name: bytes}, notes).  Links are not followed, nothing but regular files is
    opened, and sizes are bounded.  What Python could import or read as its settings stays outside.
    """
    folder, name = Path(folder), f"{assignment}.ipynb"
    if folder.is_symlink() or not folder.is_dir():
        return None, {}, (f"There is no folder {folder.name} among what was handed in, or it is a link.",)
    notes = []
    listed = _listed_files(folder, notes)
    notebooks = [parts for parts in listed if len(parts) == 1 and parts[0].endswith(".ipynb")]
    chosen = (name,)
    there = os.path.lexists(folder / name)
    if not there and len(notebooks) == 1:
        chosen = notebooks[0]
        notes.append(f"There is no {name}; `{_shown(chosen[0])}`, the only notebook handed in, was taken for it.")
    elif not there:
        others = f"; there are {_listed(f'`{_shown(parts[0])}`' for parts in notebooks)}" if notebooks else ""
        notes.append(f"There is no file {name} among those handed in{others}.")
    raw, why = _read(folder / chosen[0], NOTEBOOK) if there or len(notebooks) == 1 else (None, "")
    if why:
        notes.append(f"{name} was not read: {why}.")
    files, left_out, size = {}, {}, 0
    for parts in listed:
        if parts == chosen or parts == ("timestamp.txt",):  # nbgrader's own
            continue
        content, why = None, _unwanted(parts)
        if not why and len(files) == FILES:
            why = f"more than {FILES} files"
        if not why:
            content, why = _read(folder.joinpath(*parts), DATA - size)
        if content is None:
            left_out.setdefault(why, []).append("/".join(parts))
        else:
            files["/".join(parts)] = content
            size += len(content)
    for why, names in left_out.items():
        notes.append(f"Left out of the files beside the notebook ({why}): {_listed(f'`{_shown(n)}`' for n in names)}.")
    return raw, files, tuple(notes)


def _listed_files(folder, notes):
    """The places of the files below a folder, as tuples of names; links to folders are files here, not entered."""
    files, waiting, seen = [], [()], 0
    while waiting:
        above = waiting.pop()
        try:
            with os.scandir(folder.joinpath(*above)) as entries:
                for entry in entries:
                    seen += 1
                    if seen > LISTED:
                        notes.append(f"More than {LISTED} files and folders were handed in; some were not looked at.")
                        return sorted(files)
                    if entry.name in (".ipynb_checkpoints", "__pycache__"):
                        continue
                    place = (*above, entry.name)
                    if not entry.is_dir(follow_symlinks=False):
                        files.append(place)
                    elif len(place) <= DEPTH:
                        waiting.append(place)
        except OSError as error:
            notes.append(f"The folder `{_shown('/'.join(above) or '.')}` could not be read ({error.strerror}).")
    return sorted(files)


def _unwanted(parts):
    """Why a file is not given to the student's program, as a few words; "" if it is."""
    *folders, name = parts
    if any(part.startswith(".") for part in parts):
        return "hidden, or settings"
    if any(not part.isprintable() or set(part) & set('\\:*?"<>|') or len(part.encode()) > 150 for part in parts):
        return "a name that not every system can have"
    if folders and folders[0].split(".")[0] in MODULES:
        return "a folder named as a module of Python"
    if name.endswith(".ipynb"):
        return "not the assignment's notebook"
    if os.path.splitext(name)[1].lower() not in ENDINGS:
        return "not data such as .csv, .txt, .json, .npy or a picture; code belongs into the notebook"
    return ""


def _read(path, most):
    """The bytes of a regular file and "", or None and why not; never waits, never follows a link."""
    try:
        before = path.lstat()
        if stat.S_ISLNK(before.st_mode):
            return None, "a link"
        if not stat.S_ISREG(before.st_mode):
            return None, "not a regular file"
        flags = ("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
        number = os.open(path, sum(getattr(os, flag, 0) for flag in flags))
        with open(number, "rb") as file:
            now = os.fstat(number)
            if now.st_nlink > 1:
                return None, "it has a second name elsewhere (a hard link)"
            if not stat.S_ISREG(now.st_mode) or (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
                return None, "changed while it was read"
            content = file.read(max(most, 0) + 1)
    except OSError as error:
        return None, f"it cannot be opened: {error.strerror}"
    if len(content) > most:
        return None, f"over the limit of {NOTEBOOK // MIB} MiB for the notebook and {DATA // MIB} for the rest"
    return content, ""


def rebuild(raw, release, files=None):
    """The Rebuilt notebook from the bytes of the submitted one (None: there is none), whatever they are.

    release: the assignment's released notebook, as parsed JSON.
    files: the data beside the submitted notebook, as read_submission gives them; they are handed on.
    """
    wanted = _released(release)
    try:
        found, said = _found(raw)
    except _Unreadable as reason:
        return Rebuilt(False, tuple(known.cell for known in wanted), (UNREADABLE.format(reason),), dict(files or {}))
    places = _places(found, wanted, said)
    cells = _assembled(found, wanted, places, said)
    if len(said) > SENTENCES:
        said[SENTENCES:] = [f"And {len(said) - SENTENCES} more things were mended."]
    return Rebuilt(True, cells, tuple(said), dict(files or {}))


class _Unreadable(Exception):
    """The file is no notebook; the text says why, as the end of a sentence."""


class _Known(NamedTuple):
    """A cell of the release."""

    cell: Cell
    id: str  # the cell's own
    mark: dict  # nbgrader's metadata, empty where there are none
    names: frozenset  # what the stub of an ANSWER defines
    called: str  # by a sentence

    @property
    def locked(self):
        return self.cell.role == TEST or bool(self.mark.get("locked"))


class _Found(NamedTuple):
    """A cell of the submitted file, with all that is looked at."""

    kind: str
    source: str
    mark: dict | None  # nbgrader's metadata
    ids: tuple[str, ...]  # the cell's own


# The release


def _released(release):
    known = []
    for cell in release["cells"]:
        mark = cell["metadata"].get("nbgrader", {})
        grade, solution = mark.get("grade", False), mark.get("solution", False)
        role = MANUAL if grade and solution else TEST if grade else ANSWER if solution else GIVEN
        grade_id, source = mark.get("grade_id", ""), "".join(cell["source"])
        kind = "code" if cell["cell_type"] == "code" else "markdown"
        made = Cell(role, kind, source, grade_id, float(mark.get("points", 0.0)) if grade else 0.0)
        names = _defined(source) if role == ANSWER else frozenset()
        known.append(_Known(made, cell.get("id", ""), mark, names, _called(made)))
    return known


def _called(cell):
    if cell.role == ANSWER or cell.role == MANUAL:
        return f"the answer to `{cell.grade_id.removesuffix('-answer')}`"
    if cell.role == TEST:
        return f"the test of `{cell.grade_id}`"
    if cell.grade_id:
        return f"the statement of `{cell.grade_id.removesuffix('-statement')}`"
    first = next(iter(cell.source.strip().split("\n")), "")
    return f"the given cell `{_shown(first)}`"


def _defined(source):
    """The names that a cell of Python defines at its left margin, found without parsing it."""
    return frozenset(name for pair in DEFINED.findall(source) for name in pair if name)


def _defines(cell, names):
    return cell.kind == "code" and not names.isdisjoint(_defined(cell.source))


# The submitted file


def _found(raw):
    """The cells of the submitted file, and the sentences about it; _Unreadable."""
    said = []
    content = _parsed(_decoded(raw, said), said)
    if not isinstance(content, dict):
        raise _Unreadable(f"its JSON holds {_a(content)}, where a notebook is an object")
    cells, major = content.get("cells"), content.get("nbformat")
    if not isinstance(cells, list) and isinstance(content.get("worksheets"), list):
        sheets = [sheet for sheet in content["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets if isinstance(sheet.get("cells"), list) for cell in sheet["cells"]]
        said.append("The notebook has the format of IPython 3 or older; its cells were read all the same.")
    elif not isinstance(cells, list):
        raise _Unreadable(f"it has no list of cells: `cells` is {_a(cells)}")
    elif isinstance(major, bool) or major != 4:
        what = f"says that its format is {major}" if type(major) is int else "does not say which format it has"
        said.append(f"The notebook {what}; its cells were read as those of format 4.")
    found, strange, odd, wrong, pictures = [], 0, 0, 0, 0
    for cell in cells:
        if not isinstance(cell, dict):
            strange += 1
            continue
        metadata = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
        mark = metadata.get("nbgrader")
        kind = _kind(cell)
        text, good = _text(cell.get("source", cell.get("input")))
        wrong += not good
        if kind != "markdown" and len(text) <= LONGEST and HAS_ODD.search(text):
            mended = ODD_SPACE.sub(_space, text)
            odd, text = odd + (mended != text), mended
        if cell.get("cell_type") == "heading":  # of format 3
            text = f"# {text}"
        pictures += bool(cell.get("attachments"))
        ids = tuple(own for own in (cell.get("id"), metadata.get("id")) if isinstance(own, str))
        found.append(_Found(kind, text, mark if isinstance(mark, dict) else None, ids))
    if strange:
        said.append(f"{_number(strange, 'entry', 'entries')} of the notebook's list of cells left out: not cells.")
    if wrong:
        said.append(f"The text of {_number(wrong, 'cell')} was damaged; what could be read of it was kept.")
    if odd:
        said.append(f"Spaces that Python does not know were replaced by ordinary ones in {_number(odd, 'cell')}.")
    if pictures:
        said.append(f"Pictures pasted into {_number(pictures, 'cell')} stand only in the notebook as handed in.")
    return found, said


def _decoded(raw, said):
    """The text of the file, in whatever encoding; _Unreadable if there is none."""
    if raw is None:
        raise _Unreadable("no file with the assignment's name was handed in, or it could not be opened")
    if len(raw) > NOTEBOOK:
        raise _Unreadable(f"it has {len(raw) / MIB:.0f} MiB, and {NOTEBOOK // MIB} are the limit (clear the outputs)")
    if not raw.strip(b"\0 \t\r\n"):
        raise _Unreadable("the file holds nothing but zeros, so saving it failed" if b"\0" in raw else "it is empty")
    start = raw.lstrip()[:8]
    for beginning, what in LOOKS_LIKE:
        if start.startswith(beginning) and not start.startswith(b"<<<<<<<"):
            raise _Unreadable(what)
    encoding = json.detect_encoding(raw)
    try:
        text = raw.decode(encoding)
        if not encoding.startswith("utf-8"):
            said.append(f"The file was saved as {encoding.upper()}, expected UTF-8; it was read as what it is.")
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
        lost = text.count("\ufffd")
        if sum(letter > "\x7f" for letter in text) - lost > lost:
            said.append(f"The file is UTF-8 with {_number(lost, 'damaged letter')}; each is now a question mark.")
        else:
            text = raw.decode("cp1252", "replace")
            said.append("The file was not saved as UTF-8; it was read as Windows-1252 (Latin-1).")
    if text.startswith("\ufeff"):
        text = text[1:]
    if text.endswith("\0"):
        text = text.rstrip("\0")
        said.append("The file ended in zeros, which were left out.")
    return text


def _parsed(text, said):
    """The JSON in a text; _Unreadable."""
    if sum(text.count(mark) for mark in "[{,") > VALUES:
        raise _Unreadable("it holds millions of values: clear the outputs")
    twice = []

    def once(pairs):
        made = dict(pairs)
        if len(made) < len(pairs):
            twice.append(True)
        return made

    def whole(digits):
        return int(digits) if len(digits) < 20 else float("inf")

    text = text.strip()
    try:
        decoder = json.JSONDecoder(object_pairs_hook=once, parse_int=whole, strict=False)
        content, end = decoder.raw_decode(text)
    except RecursionError:
        raise _Unreadable("its values are nested too deeply") from None
    except ValueError as error:
        if re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE):
            raise _Unreadable("the file holds the marks of a Git merge conflict (<<<<<<<)") from None
        if not text.startswith(("{", "[")):
            raise _Unreadable("it is not JSON: text of another kind, such as a program, was handed in") from None
        where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _Unreadable(f"its JSON is broken{where}, so it was cut off or edited by hand") from None
    if end < len(text):
        if re.search(r"^(<{7}|>{7}) ", text[end:], re.MULTILINE):
            raise _Unreadable("the file holds the marks of a Git merge conflict (<<<<<<<)")
        said.append("There was something in the file after the notebook's end; it was left out.")
    if twice:
        said.append("A name stands twice in an object of the file's JSON; the last one counts, as in Jupyter.")
    return content


def _kind(cell):
    """ "code", "markdown" or, for anything else, "raw"."""
    kind = cell.get("cell_type")
    if kind in ("code", "markdown", "raw"):
        return kind
    if kind == "heading":
        return "markdown"
    return "code" if "outputs" in cell or "input" in cell or "execution_count" in cell else "raw"


def _text(value):
    """The text of a cell, kept as a string or a list of strings, and whether it was in order."""
    good = isinstance(value, str)
    if isinstance(value, list):
        lines = [line for line in value if isinstance(line, str)]
        good = len(lines) == len(value)
        lost = len(lines) > 1 and not any("\n" in line or "\r" in line for line in lines)  # some tools lose line ends
        value, good = ("\n" if lost else "").join(lines), good and not lost
    elif not good:
        value = ""
    if not value.isascii():  # lone halves of a character cannot be written to any file
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        value, good = whole, good and whole == value
    if "\0" in value:
        value, good = value.replace("\0", ""), False
    return value.replace("\r\n", "\n").replace("\r", "\n"), good


def _space(match):
    """What stands for a literal or a white space that Python does not know."""
    if match["odd"] is None:
        return match[0]
    return "" if match[0] in NO_SPACE else "\n" if match[0] in NEW_LINE else " "


# Which cell is which


def _places(found, wanted, said):
    """For each cell of the release, the numbers of the submitted cells that are it or copies of it, in their order."""
    places = {}
    by_grade_id = {known.cell.grade_id: k for k, known in enumerate(wanted) if known.cell.grade_id}
    by_id = {known.id: k for k, known in enumerate(wanted) if known.id}
    free, unknown, unmarked = [], [], 0
    for n, cell in enumerate(found):
        grade_id = (cell.mark or {}).get("grade_id")
        known = isinstance(grade_id, str) and grade_id in by_grade_id
        if known:
            places.setdefault(by_grade_id[grade_id], []).append(n)
        else:
            free.append(n)
    marked, unmarked_ones, free = set(places), free, []
    for n in unmarked_ones:
        k = next((by_id[own] for own in found[n].ids if own in by_id), None)
        if k is not None and k not in marked:
            places.setdefault(k, []).append(n)
            unmarked += bool(wanted[k].mark)
            continue
        free.append(n)
        if found[n].mark:
            unknown.append(found[n].mark.get("grade_id"))
    if unknown:
        names = [name for name in unknown if isinstance(name, str)]
        which = f" ({_listed(f'`{_shown(name)}`' for name in names)})" if names else ""
        what = _number(len(unknown), "cell")
        said.append(f"{what} marked with an id that this assignment does not have{which}: taken as the student's own.")
    by_text = _by_text(found, wanted, places, free)
    by_name = _by_names(found, wanted, places, free)
    _by_likeness(found, wanted, places, free)
    by_place = _by_place(found, wanted, places, free)
    if unmarked or by_text:
        said.append(f"{_number(unmarked + by_text, 'cell')} without nbgrader's marks: recognised by id or by text.")
    for these, how in [(by_name, "the names defined in it"), (by_place, "its place")]:
        if these:
            said.append(f"Without a mark, recognised by {how}: {_listed(wanted[k].called for k in these)}.")
    if not any(wanted[k].cell.grade_id for k in places):
        said.insert(0, "The notebook has no cell of this assignment. Was another notebook handed in?")
    return places


def _by_text(found, wanted, places, free):
    """Takes the cells that have the text of one that is missing; returns how many of them ought to have a mark."""
    texts = {}
    for n in free:
        texts.setdefault(_bare(found[n].source), []).append(n)
    count = 0
    for k, known in enumerate(wanted):
        same = texts.get(_bare(known.cell.source))
        if k not in places and same:
            places[k] = [same.pop(0)]
            free.remove(places[k][0])
            count += bool(known.mark)
    return count


def _by_names(found, wanted, places, free):
    """Takes the code that defines what a missing answer has to define; returns which answers that gave."""
    missing = [k for k, known in enumerate(wanted) if known.names and k not in places]
    for k in missing:
        numbers = [n for n in free if _defines(found[n], wanted[k].names)]
        test = next((m for m in range(k, len(wanted)) if wanted[m].cell.role == TEST), k)
        before = [n for n in numbers if n < min(places.get(test, [len(found)]))]
        if before or numbers:
            places[k] = before or numbers
            taken = set(places[k])
            free[:] = [n for n in free if n not in taken]
    return [k for k in missing if k in places]


def _by_likeness(found, wanted, places, free):
    """Takes the cells that share at least half of their lines with a given cell that is missing: it was edited."""
    near = free[:OWN_CELLS]
    lines = {n: _lines(found[n].source) for n in near}
    for k, known in enumerate(wanted):
        if known.cell.role == GIVEN and not known.mark and k not in places and near:
            asked = _lines(known.cell.source)
            share = {n: len(asked & lines[n]) / max(len(asked), 1) for n in near if found[n].kind == known.cell.kind}
            best = max(share, key=share.get, default=None)
            if best is not None and share[best] >= 0.5:
                places[k] = [best]
                near.remove(best)
                free.remove(best)


def _by_place(found, wanted, places, free):
    """Takes the text after a statement for the missing answer in words; returns which answers that gave."""
    taken = []
    for k, known in enumerate(wanted):
        if known.cell.role == MANUAL and k not in places and k - 1 in places:
            after = places[k - 1][-1] + 1
            if after in free and found[after].kind == "markdown":
                places[k] = [after]
                free.remove(after)
                taken.append(k)
    return taken


# The notebook that is graded


class _Choice(NamedTuple):
    """What becomes of the submitted cells that are, or are copies of, one of the release."""

    cell: Cell
    main: int | None  # the submitted cell that took its place
    earlier: tuple[int, ...] = ()  # other versions of it, which run before it
    left_out: tuple[int, ...] = ()


def _assembled(found, wanted, places, said):
    choices = [_chosen(found, known, places.get(k, [])) for k, known in enumerate(wanted)]
    _say_what_changed(found, wanted, places, choices, said)
    anchors = {choice.main: k for k, choice in enumerate(choices) if choice.main is not None}
    once = [numbers[0] for _, numbers in sorted(places.items()) if len(numbers) == 1]
    if once != sorted(once):
        said.append("The cells stood in another order; they are back in the release's.")
    not_own = {n for choice in choices for n in (*choice.earlier, *choice.left_out)} | set(anchors)
    after, anchor = {k: [] for k in range(-1, len(wanted))}, -1
    for n in range(len(found)):
        anchor = anchors.get(n, anchor)
        if n not in not_own and found[n].source.strip():
            after[anchor].append(n)
    _put_after_their_stub(found, wanted, choices, after, said)
    kept = _not_too_much(found, [n for k in after for n in after[k]] + [n for c in choices for n in c.earlier], said)
    cells = [_own(found[n]) for n in after[-1] if n in kept]
    for k, choice in enumerate(choices):
        cells += [_own(found[n]) for n in choice.earlier if n in kept]
        cells.append(choice.cell)
        cells += [_own(found[n]) for n in after[k] if n in kept]
    return tuple(cells)


def _own(cell):
    return Cell(OWN, "code" if cell.kind == "code" else "markdown", cell.source)


def _chosen(found, known, numbers):
    """The _Choice among the submitted cells `numbers`, which are one cell of the release or copies of it."""
    if not numbers:
        return _Choice(known.cell, None)
    given = _bare(known.cell.source)
    if known.locked:
        same = [n for n in numbers if _bare(found[n].source) == given]
        main = (same or numbers)[0]
        return _Choice(known.cell, main, (), tuple(n for n in same if n != main))
    differing = [n for n in numbers if _bare(found[n].source) not in ("", given)]
    # A copy made to hold something else defines nothing that is asked for: it stays where it is, as an own cell.
    differing = [n for n in differing if not known.names.isdisjoint(_defined(found[n].source))] or differing
    main = (differing or numbers)[-1]
    text = found[main].source
    versions = {_bare(text): main}
    for n in differing:
        versions.setdefault(_bare(found[n].source), n)
    earlier = sorted(set(versions.values()) - {main})
    said_already = {"", given, *versions}
    left_out = sorted({n for n in numbers if _bare(found[n].source) in said_already} - {main, *earlier})
    if len(text) > LONGEST or (known.cell.role == GIVEN and not text.strip()):
        text = known.cell.source
    if _bare(text) == given:
        text = known.cell.source
    changed = known.cell.role != GIVEN and _bare(text) != given
    return _Choice(known.cell._replace(source=text, changed=changed), main, tuple(earlier), tuple(left_out))


def _say_what_changed(found, wanted, places, choices, said):
    edited, missing, unanswered, several, typed, too_long, marks = [], [], [], [], [], [], []
    for k, (known, choice) in enumerate(zip(wanted, choices, strict=True)):
        numbers = places.get(k, [])
        if not numbers:
            (unanswered if known.cell.role in (ANSWER, MANUAL) else missing).append(known.called)
            continue
        cell = found[choice.main]
        if known.locked:
            if _bare(cell.source) != _bare(known.cell.source):
                edited.append(known.called)
        elif choice.earlier or choice.left_out:
            several.append(known.called)
        if not known.locked and len(cell.source) > LONGEST:
            too_long.append(known.called)
        if cell.kind != known.cell.kind and not (known.cell.role == GIVEN and known.cell.kind == "markdown"):
            typed.append(f"{known.called} ({cell.kind})")
        changed = {key for n in numbers for key in _changed_marks(found[n].mark, known.mark)}
        if changed:
            marks.append(f"{known.called} ({', '.join(sorted(changed))})")
    for what, sentence in [
        (edited, "{} {was} changed; the release's text was used."),
        (missing, "{} {was} missing and {is} back."),
        (unanswered, "{} {is} missing, and {counts} as not written."),
        (several, "{} {stands} in the notebook several times; the last version that was changed counts."),
        (typed, "{} {was} turned into another kind of cell, and {counts} as the kind in the release."),
        (too_long, f"{{}} {{was}} longer than {LONGEST} characters; the release's text was used."),
        (marks, "nbgrader's marks were changed at {}; the release's were used."),
    ]:
        if what:
            many = len(what) > 1
            verbs = {"was": "were", "is": "are", "counts": "count", "stands": "stand"}
            verbs = {one: more if many else one for one, more in verbs.items()}
            said.append(_upper(sentence.format(_listed(what), **verbs)))


def _changed_marks(mark, given):
    """The keys of nbgrader's metadata that are not the release's; none where the metadata are gone altogether."""
    if not mark or not given:
        return set()
    keys = ("checksum", "grade", "grade_id", "locked", "points", "schema_version", "solution", "task")
    return {key for key in keys if not _same(mark.get(key), given.get(key))}


def _same(one, other):
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _put_after_their_stub(found, wanted, choices, after, said):
    """Own cells beside an answer that was left as it was, and which define what it should: the stub comes first."""
    for k, (known, choice) in enumerate(zip(wanted, choices, strict=True)):
        if not known.names or choice.cell.changed:
            continue
        beside = [k - 1, *(m for m in (k + 1,) if m < len(wanted) and wanted[m].cell.role == TEST)]
        moved = {n for m in beside for n in after[m] if _defines(found[n], known.names)}
        for m in beside:
            after[m] = [n for n in after[m] if n not in moved]
        if moved:
            after[k] = sorted([*after[k], *moved])
            said.append(f"{_upper(known.called)} stands in another cell beside its place; it was taken from there.")


def _not_too_much(found, numbers, said):
    """Those of the own cells that are kept."""
    kept, size = set(), 0
    for n in sorted(numbers):
        length = len(found[n].source)
        if length <= LONGEST and size + length <= TOGETHER and len(kept) < OWN_CELLS:
            kept.add(n)
            size += length
    if left := len(set(numbers)) - len(kept):
        limits = f"at most {OWN_CELLS} cells, {LONGEST} characters in one, {TOGETHER} in all"
        said.append(f"{_number(left, 'cell')} of the student's own left out, too many or too long ({limits}).")
    return kept


# Words


def _bare(text):
    """A text without what an editor changes by itself: the white space at the ends of lines and of the whole."""
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def _lines(text):
    return {line.strip() for line in text.split("\n")} - {""}


def _shown(name):
    """A name from outside, fit for a sentence."""
    name = "".join(letter if letter.isprintable() and letter != "`" else "?" for letter in name[:61])
    return f"{name[:60]}…" if len(name) > 60 else name


def _listed(names):
    names = list(names)
    shown = names if len(names) <= NAMED + 1 else [*names[:NAMED], f"{len(names) - NAMED} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _number(count, what, plural=None):
    return f"1 {what}" if count == 1 else f"{count} {plural or what + 's'}"


def _upper(sentence):
    return sentence[0].upper() + sentence[1:] if not sentence.startswith("nbgrader") else sentence


def _a(value):
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number")
