"""What a student sees of a graded submission: one page of HTML that needs nothing else and runs nothing.

Everything in an Outcome may come from a student, so all of it is text: cut to size, freed of what a terminal or a
browser would obey, and escaped.  Tests are never shown, only what they reported; so there is no hidden test, seed or
expected value to leak.  Plots are PNG only, rebuilt from the chunks that make the picture.
"""

import base64
import binascii
import functools
import html
import os
import re
import secrets
import stat
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import mistune
from mistune.plugins.math import math
from mistune.plugins.table import table
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String

from lstmkit.grader.outcome import ANSWER, GIVEN, MANUAL, OWN, TEST

STYLE = (Path(__file__).parent / "feedback.css").read_text(encoding="utf-8")
PAGE_BYTES = 1_000_000
PLOT_BYTES = 700_000  # of all plots together, in base64
PLOT_SIDE, PLOT_AREA = 8_000, 16_000_000  # pixels; a browser needs four bytes for each
TEXT_CHARACTERS = 400_000  # of all texts together, before markup
CUTS = [60_000 >> n for n in range(12)]  # the most characters that one text may have; the first that fits is taken
MOST_CELLS, MOST_OUTPUTS, MOST_REPAIRS, MOST_PLOTS = 150, 20, 40, 60
PROSE = 12_000  # characters of a written answer that are still read as Markdown
FOLDED = 30  # lines of output from which on it is folded away

COLOURED = [  # the first that a token belongs to
    (Comment, "c"), (String, "s"), (Number, "n"), (Operator.Word, "k"), (Keyword, "k"), (Name.Builtin, "b"),
    (Name.Function, "f"), (Name.Class, "f"), (Name.Decorator, "f"),
]  # fmt: skip
PART = re.compile(r"  ([✓✗]) (\S.*?)\s+(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)(?:\s+(.*))?")
TERMINAL = re.compile(  # what a terminal obeys: CSI, then OSC and other strings, then two-character escapes
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\\]PX^_][^\x07\x1b\x9c]{0,2000}(?:\x07|\x1b\\\\|\x9c)?|\x1b[ -/]*[0-~]?"
)
ODD = re.compile(  # control characters, bidi embeddings, overrides and isolates, surrogates, non-characters, tags
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufeff\U000e0000-\U000e0fff"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
WEB = re.compile(r"(?i)(?:https?://[^\s/?#]|mailto:[^\s])")
IMAGE_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def write(course, outcome, manual=None, course_name="", student_name="", penalty=0.0):
    """The page of an outcome into the course's feedback folder, whole or not at all; returns its path.

    Beside it go the two files without which `nbgrader release_feedback` stops at this student.
    """
    path = course.notebook("feedback", outcome.assignment, outcome.student)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = page(outcome, manual, course_name, student_name, penalty)
    submitted = course.folder("submitted", outcome.assignment, outcome.student)
    _put(path.parent / "timestamp.txt", _small_file(submitted / "timestamp.txt"))
    # The student's copy of this secret finds the page in the exchange.  Without one nobody shall find it.
    secret = path.parent / "submission_secret.txt"
    handed_in = _small_file(submitted / "submission_secret.txt")
    if handed_in or not secret.exists():
        _put(secret, handed_in or secrets.token_hex(64))
    _put(path, text)
    return path


def page(outcome, manual=None, course_name="", student_name="", penalty=0.0):
    """The page as text, below a megabyte whatever the student handed in.

    manual: {question: (points, of, comment)} as far as a person has marked; points is None while they have not, and a
    question that a check marks may be among them: the person's points count then.  The comment is Markdown.
    penalty: the points that a late submission lost.
    """
    manual = manual or {}
    lengths = list(_lengths(outcome))
    most = next((cut for cut in CUTS if sum(min(n, cut) for n in lengths) <= TEXT_CHARACTERS), CUTS[-1])
    plots, room = _plots(outcome.cells), PLOT_BYTES
    heading = _heading(outcome, manual, course_name, student_name, penalty)
    while True:
        made = _whole(outcome, heading, _body(outcome, manual, plots, most))
        size = len(made.encode())
        if size < PAGE_BYTES:
            return made
        if most > CUTS[-1]:
            most = max(most // 4, CUTS[-1])
        elif room:  # not by its texts: so many cells that their markup and the plots do not go together
            room = 0
            plots = _plots(outcome.cells, room)
        else:
            note = "The notebook is not shown here: it has too many parts for one page."
            return _whole(outcome, heading, [_note(note)])


# The page


def _whole(outcome, heading, body):
    title = _line(f"{outcome.assignment}: feedback for {outcome.student}")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return "\n".join([
        "<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">', '<meta name="color-scheme" content="light dark">',
        f"<title>{title}</title>", f"<style>\n{STYLE}</style>", "</head>", "<body>",
        *heading, *body, "</main>", "</body>", "</html>", "",
    ])  # fmt: skip


def _heading(outcome, manual, course_name, student_name, penalty):
    """Everything above the notebook: the sums, what was repaired, and the table."""
    who = _line(student_name) if student_name else _line(outcome.student)
    of = f" · {_line(course_name)}" if course_name else ""
    lines = [
        "<header>", f'<p class="course">Feedback{of}</p>', f"<h1>{_line(outcome.assignment)}</h1>",
        f'<p class="who">{who}</p>', "</header>", "<main>",
        '<section aria-labelledby="points">', '<h2 id="points">Points</h2>',
        *_sums(outcome, manual, penalty),
    ]  # fmt: skip
    if not outcome.readable:
        lines.append(
            _note(
                "Your file could not be read as a notebook, so nothing in it could be checked. The points "
                "are 0 until somebody has looked at it. If you did hand in a notebook, write to your instructor."
            )
        )
    lines += [*_table(outcome, manual), "</section>"]
    if outcome.repairs:
        many = len(outcome.repairs)
        lines += [
            '<section aria-labelledby="repairs">', '<h2 id="repairs">What was mended before grading</h2>', "<ul>",
            *(f"<li>{_code_words(_plain(repair, 400))}</li>" for repair in outcome.repairs[:MOST_REPAIRS]),
            *([f"<li>and {many - MOST_REPAIRS} more</li>"] if many > MOST_REPAIRS else []), "</ul>", "</section>",
        ]  # fmt: skip
    return lines


class _Row(NamedTuple):
    question: str
    points: float | None  # None: still to come
    of: float
    extra: bool
    by_hand: bool
    comment: str


def _rows(outcome, manual):
    """A row for each question, in the notebook's order as far as its cells tell it."""
    rows = {}
    for mark in outcome.marks:
        points, _, comment = manual.get(mark.question, (None, 0, ""))
        changed = points is not None
        rows[mark.question] = _Row(
            mark.question, points if changed else mark.points, mark.of, mark.extra, changed, comment or ""
        )
    for question, of in outcome.by_hand:
        points, _, comment = manual.get(question, (None, of, ""))
        rows[question] = _Row(question, points, of, False, True, comment or "")
    order = {name: place for place, name in enumerate(dict.fromkeys(map(_question, outcome.cells)))}
    return sorted(rows.values(), key=lambda row: order.get(row.question, len(order)))


def _sums(outcome, manual, penalty):
    rows = _rows(outcome, manual)
    given = [row for row in rows if row.points is not None]
    of = sum(row.of for row in rows if not row.extra)
    usual = sum(row.points for row in given if not row.extra)
    extra = sum(row.points for row in given if row.extra)
    waiting = sum(row.of for row in rows if row.points is None)
    more = f", and {extra:g} extra" if extra else ""
    lines = [f'<p class="sum"><strong>{usual:g}</strong> of {of:g} points{more}</p>']
    hands = [row for row in given if row.by_hand]
    if hands:
        lines.append(f"<p>{sum(row.points for row in hands):g} of them were given by hand.</p>")
    if waiting:
        lines.append(f"<p>Up to {waiting:g} are still to come: a person marks them.</p>")
    if penalty:
        lines.append(
            f"<p>Handed in late: {penalty:g} points are taken off, which leaves {usual + extra - penalty:g}.</p>"
        )
    return lines


def _table(outcome, manual):
    lines = [
        '<table class="questions">', "<thead>",
        '<tr><th scope="col">question</th><th scope="col">points</th><th scope="col">by</th></tr>',
        "</thead>", "<tbody>",
    ]  # fmt: skip
    for n, row in enumerate(_rows(outcome, manual)):
        got = "to come," if row.points is None else f"{row.points:g}"
        sort = "hand" if row.by_hand else "check"
        sort += ", extra" if row.extra else ""
        name = _line(row.question).replace("_", "_<wbr>")  # on a phone it breaks between words
        lines.append(
            f'<tr><th scope="row"><a href="#question-{n}">{name}</a></th>'
            f'<td class="{_verdict(row)}">{got} of {row.of:g}</td><td>{sort}</td></tr>'
        )
    return [*lines, "</tbody>", "</table>"]


def _verdict(row):
    return "open" if row.points is None else "right" if row.points >= row.of else "wrong"


# The notebook


def _question(cell):
    return re.sub(r"-(statement|answer)$", "", cell.grade_id)


def _body(outcome, manual, plots, most):
    """The notebook, one section for each question, in its order."""
    rows = {row.question: (n, row) for n, row in enumerate(_rows(outcome, manual))}
    marks = {mark.question: mark for mark in outcome.marks}
    groups, own, hidden = [("", [])], 0, 0
    for place, cell in enumerate(outcome.cells):
        own += cell.role == OWN
        if cell.role == OWN and own > MOST_CELLS:
            hidden += 1
            continue
        name = _question(cell)
        if name and name != groups[-1][0]:
            groups.append((name, []))
        groups[-1][1].append((place, cell))
    lines, shown = [], set()
    for name, cells in groups:
        inside = [line for place, cell in cells for line in _cell(place, cell, plots, most)]
        if name in rows and name not in shown:
            shown.add(name)
            n, row = rows[name]
            lines += _section(n, row, _title(cells), inside, marks.get(name), most)
        elif inside:
            lines += ["<section>", *([f"<h2>{_line(name)}, once more</h2>"] if name else []), *inside, "</section>"]
    for name, (n, row) in rows.items():
        if name not in shown:
            lines += _section(n, row, "", [], marks.get(name), most)
    if hidden:
        lines.append(_note(f"{hidden} more cells of yours were run but are not shown here."))
    return lines


def _section(n, row, title, inside, mark, most):
    got = f"to come, of {row.of:g}" if row.points is None else f"{row.points:g} of {row.of:g}"
    extra = ", extra" if row.extra else ""
    lines = [
        f'<section class="question" aria-labelledby="question-{n}">',
        f'<h2 id="question-{n}">{_line(title or row.question)}</h2>',
        f'<p class="points"><code>{_line(row.question)}</code> '
        f'<span class="{_verdict(row)}">{got} points{extra}</span></p>',
        *inside,
    ]
    if mark:
        lines += _report(mark, most)
        if row.by_hand:
            lines.append(_note(f"A person changed these points: {row.points:g} of {row.of:g} count."))
    elif row.points is None:
        lines.append(_note("A person marks this answer; its points are still to come."))
    if row.comment:
        lines += ["<h3>What your instructor says</h3>", f'<div class="comment">{_prose(row.comment, most)}</div>']
    return [*lines, "</section>"]


def _title(cells):
    """The heading of the question's statement, without its number and points."""
    for _, cell in cells:
        if cell.role == GIVEN and cell.kind == "markdown":
            found = re.search(r"^#+ +(?:\d+\. *)?(.+?)(?: *\([^()]*points?[^()]*\))? *$", cell.source[:2_000], re.M)
            return re.sub(r"[*`$]", "", found[1]) if found else ""
    return ""


def _cell(place, cell, plots, most):
    if cell.role == TEST:
        return []  # its report is shown with the question
    if cell.role == GIVEN:
        if cell.kind == "markdown":
            return _folded("What was asked" if cell.grade_id else "Text of the assignment", _prose(cell.source, most))
        inside = [_code(cell.source, most), *_outputs(place, cell, plots, most)]
        return _folded("Code of the assignment", "\n".join(inside))
    what = {ANSWER: "Your answer", MANUAL: "Your answer", OWN: "A cell that you added"}[cell.role]
    lines = ['<div class="yours">', f"<h3>{what}</h3>"]
    if cell.role != OWN and not cell.changed:
        lines.append(_note("You left this as it was handed out."))
    elif cell.kind == "markdown":
        lines.append(f'<div class="prose">{_prose(cell.source, most)}</div>')
    else:
        lines.append(_code(cell.source, most))
    return [*lines, *_outputs(place, cell, plots, most), "</div>"]


def _note(text):
    return f'<p class="note">{text}</p>'


def _folded(summary, inside):
    return ["<details>", f"<summary>{summary}</summary>", inside, "</details>"]


def _outputs(place, cell, plots, most):
    """What the cell printed, drew and raised."""
    lines = []
    for n, output in enumerate(cell.outputs[:MOST_OUTPUTS]):
        if "png" in output:
            lines.append(plots.get((place, n)) or _note(f"Only the first {MOST_PLOTS} plots are looked at."))
        elif "error" in output:
            lines.append(_pre("error", _text(output["error"], most)))
        elif output.get("text"):
            text = _pre("output", _text(output["text"], most))
            many = text.count("\n")
            lines += _folded(f"What it printed, {many} lines", text) if many > FOLDED else [text]
    if len(cell.outputs) > MOST_OUTPUTS:
        lines.append(_note(f"{len(cell.outputs) - MOST_OUTPUTS} more outputs are left out."))
    return lines


def _report(mark, most):
    """What the check said: its parts as a list, the causes, the next hint."""
    lines, parts, said = ["<h3>What the check says</h3>"], [], []
    text = _plain(mark.text, most)
    first = re.compile(re.escape(mark.question[:200]) + r": [\d.]+ of [\d.]+ points")
    for line in text.split("\n"):
        if found := PART.fullmatch(line.rstrip()):
            sign, name, earned, of, message = found.groups()
            right = sign == "✓"
            parts.append(
                f'<li class="{"right" if right else "wrong"}"><span class="sign" aria-hidden="true">{sign}</span>'
                f'<span class="spoken">{"right" if right else "not right"}: </span><b>{_code_words(name)}</b> '
                f'<span class="earned">{earned} of {of}</span>'
                + (f"<br>{_code_words(message)}</li>" if message else "</li>")
            )
        elif line.strip() and not first.fullmatch(line.strip()):
            cause = line.strip().removeprefix("→").strip()
            said.append(f"<p>{_code_words(cause)}</p>")
    if parts:
        lines += ['<ul class="parts">', *parts, "</ul>"]
    lines += ['<div class="causes">', *said, "</div>"] if said else []
    if not parts and not said:
        lines.append(_note("Nothing."))
    if mark.next_hint:
        lines += _folded("The next hint", f"<p>{_code_words(_plain(mark.next_hint, most))}</p>")
    return lines


def _code_words(text):
    """Escaped, with what stands between backticks as code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text, quote=False))


# Text from outside


def _lengths(outcome):
    """The number of characters of each text that a student or a check wrote."""
    own = 0
    for cell in outcome.cells:
        own += cell.role == OWN
        if cell.role == OWN and own > MOST_CELLS:
            continue  # not shown
        yield len(cell.source)
        for output in cell.outputs[:MOST_OUTPUTS]:
            yield sum(len(output[key]) for key in ("text", "error") if key in output)
    for mark in outcome.marks:
        yield len(mark.text) + len(mark.next_hint)


def _visible(text):
    """The text as a terminal would leave it, without what a browser would obey."""
    text = TERMINAL.sub("", text).replace("\r\n", "\n")
    if "\r" in text:  # a progress bar writes over its line
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return ODD.sub(_seen, text)


def _seen(found):
    code = ord(found[0])
    if code < 0x20 or code == 0x7F:
        return chr(0x2421 if code == 0x7F else 0x2400 + code)  # the pictures of control characters
    if code in (0x2028, 0x2029):
        return "\n"
    if 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return f"⟦U+{code:04X}⟧"
    return "" if code == 0xFEFF else "\ufffd"


def _parts(text, most):
    """Its beginning, how many characters are left out, and its end; cut before anything else looks at it."""
    if len(text) <= most:
        return _visible(text), 0, ""
    tail = most // 4
    return _visible(text[: most - tail]), len(text) - most, _visible(text[len(text) - tail :])


def _plain(text, most):
    head, left_out, tail = _parts(text, most)
    return f"{head} … {left_out:,} characters left out … {tail}" if left_out else head


def _line(text, most=200):
    """A short text, on one line, escaped."""
    return html.escape(" ".join(_plain(text, most).split()), quote=False)


def _text(text, most):
    """A long text, escaped, for inside <pre>."""
    head, left_out, tail = _parts(text, most)
    made = html.escape(head, quote=False)
    if left_out:
        made += f'\n<span class="note">… {left_out:,} characters left out …</span>\n{html.escape(tail, quote=False)}'
    return made


def _pre(kind, inside):
    """Already escaped text in a box; a browser drops the first line feed after the tag, so one is there for it."""
    return f'<pre class="{kind}">\n{inside}</pre>'


def _code(source, most):
    """Python in colours; without them where it had to be cut."""
    if len(source) > most:
        return _pre("code", _text(source, most))
    made, last = [], ""
    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(_visible(source)):
        colour = next((name for kind, name in COLOURED if token in kind), "")
        if text.isspace():
            colour = last  # no span ends for a blank
        if colour != last:
            made.append("</span>" * bool(last) + f'<span class="{colour}">' * bool(colour))
            last = colour
        made.append(html.escape(text, quote=False))
    made.append("</span>" * bool(last))
    return _pre("code", "".join(made))


class _Safe(mistune.HTMLRenderer):
    """Markdown without HTML, without addresses but those of the web, and without pictures from elsewhere."""

    def link(self, text, url, title=None):
        text = re.sub(r"</?a\b[^>]*>", "", text)  # from a picture in a link
        if not WEB.match(url):
            return text
        text = text if re.sub(r"<[^>]*>|\s", "", text) else html.escape(url)
        return f'<a href="{html.escape(url)}" rel="nofollow noopener noreferrer">{text}</a>'

    def image(self, text, url, title=None):
        return self.link("picture: " + (re.sub(r"<[^>]*>", "", text) or "without a description"), url)

    def heading(self, text, level, **attrs):
        return f'<p class="heading">{text}</p>\n'  # the page's own headings stay its outline

    def text(self, text):
        return html.escape(text, quote=False)

    def codespan(self, text):
        return f"<code>{html.escape(text, quote=False)}</code>"

    def block_code(self, code, info=None):
        return _pre("code", html.escape(code, quote=False)) + "\n"

    def list(self, text, ordered, **attrs):
        start = attrs.get("start")
        start = f' start="{start:d}"' if ordered and isinstance(start, int) else ""
        return f"<ol{start}>\n{text}</ol>\n" if ordered else f"<ul>\n{text}</ul>\n"


def _formula(renderer, text):
    return f'<code class="formula">{html.escape(text.strip(), quote=False)}</code>'


def _table_cell(renderer, text, align=None, head=False):
    return f'<th scope="col">{text}</th>\n' if head and text.strip() else f"<td>{text}</td>\n"


@functools.cache
def _reader():
    made = mistune.create_markdown(renderer=_Safe(escape=True), plugins=[math, table])
    for name in ("block_math", "inline_math"):
        made.renderer.register(name, _formula)
    made.renderer.register("table_cell", _table_cell)
    return made


@functools.lru_cache(256)  # the statements are the same for everybody
def _prose(source, most):
    """Markdown as HTML; too long or too knotted, as the text that it is."""
    if len(source) <= min(most, PROSE):
        try:
            return _reader()(_visible(source)).strip()
        except (RecursionError, ValueError):
            pass
    return _pre("output", _text(source, most))


# Plots


def _plots(cells, room=PLOT_BYTES):
    """{(cell, output): its <img>, or why it is left out}.

    The first plot of each cell comes before the second of any, and small ones before large ones.
    """
    waiting = sorted(
        (n, len(output["png"]), place)
        for place, cell in enumerate(cells)
        for n, output in enumerate(cell.outputs[:MOST_OUTPUTS])
        if "png" in output and cell.role != TEST
    )
    made = {}
    for n, size, place in waiting[:MOST_PLOTS]:
        picture = _picture(cells[place].outputs[n]["png"]) if size <= room else None
        if picture:
            data, width, height = picture
            room -= len(data)
            alt = f"A plot that your code drew, {width} by {height} pixels."
            made[place, n] = f'<img src="data:image/png;base64,{data}" alt="{alt}" width="{width}" height="{height}">'
        elif size <= room:
            made[place, n] = _note("A picture is left out: it is no PNG, or a broken or very large one.")
        else:
            made[place, n] = _note(f"A plot of {size * 3 // 4_000:,} kB is left out: the page would grow too large.")
    return made


def _picture(data):
    """(base64, width, height) of a PNG made again from the chunks that it needs; None if it is none."""
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if raw[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    kept, place, size = [raw[:8]], 8, None
    while place + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, place)
        kind, end = raw[place + 4 : place + 8], place + 12 + length
        if end > len(raw) or zlib.crc32(raw[place + 4 : end - 4]) != struct.unpack_from(">I", raw, end - 4)[0]:
            return None
        if (kind == b"IHDR") != (size is None):
            return None  # the first chunk, and only the first, says how large it is
        if kind == b"IHDR":
            if length != 13:
                return None
            size = struct.unpack_from(">II", raw, place + 8)
            if not (min(size) > 0 and max(size) <= PLOT_SIDE and size[0] * size[1] <= PLOT_AREA):
                return None
        if kind in IMAGE_CHUNKS:
            kept.append(raw[place:end])
        if kind == b"IEND":
            return base64.b64encode(b"".join(kept)).decode(), *size
        place = end
    return None


# Files


def _put(path, text):
    """Written whole or not at all."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(new, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _small_file(path):
    """The text of a file that a student handed in; "" if it is missing, large, not text, or no file of its own."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > 4_096 or about.st_nlink != 1:
            return ""
        try:
            return file.read().decode("utf-8")
        except UnicodeDecodeError:
            return ""
