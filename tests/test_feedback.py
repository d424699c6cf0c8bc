"""The feedback page: complete for an honest notebook; whatever a hostile one holds, it is text and below a megabyte."""

import base64
import html.parser
import io
import json
import os
import re
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from browser import complaints

pytest.importorskip("mistune")
pytest.importorskip("pygments")
from lstmkit.grader import feedback
from lstmkit.grader.outcome import ANSWER, GIVEN, MANUAL, OWN, TEST, Cell, Mark, Outcome

REPORT = """lstm_step: 9 of 15 points
  ✓ h                    6/6
  ✗ c                    0/5  shape (B, H) as expected, but not the right values.
  ✓ arguments unchanged  3/4  raised ValueError: no in the line `return h < c`.
  → c: this is what comes out when the gates are read in another order."""


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width=3, height=2, extra=b"", rows=None):
    """A grey picture as matplotlib would send it, made without our own code; `extra` chunks come before its pixels."""
    rows = b"".join(b"\0" + b"\x7f" * width for _ in range(height)) if rows is None else rows
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


def outcome(cells=(), marks=(), **changes):
    plain = Outcome("lstm", "ada", "key", True, (), tuple(cells), tuple(marks))
    return plain._replace(**changes)


def honest():
    """A question of each kind, a plot, an error and a cell of the student's own."""
    cells = [
        Cell(GIVEN, "markdown", "# The LSTM, by hand\n\nWrite it *yourself*."),
        Cell(GIVEN, "code", "import numpy as np"),
        Cell(GIVEN, "markdown", "## 2. One step of the LSTM (15 points)\n\nFrom $x_t$.", "lstm_step-statement"),
        Cell(
            ANSWER, "code", 'def lstm_step(x):\n    # so far\n    return "h" if x < 3 else None', "lstm_step-answer",
            changed=True, outputs=({"text": "\x1b[31mred\x1b[0m\n10%\r100%\n"}, {"png": png()}),
        ),
        Cell(OWN, "code", "1 / 0", outputs=({"error": "ZeroDivisionError: division by zero"},)),
        Cell(TEST, "code", "check.lstm_step(lstm_step, seed=8641)", "lstm_step", 15.0, outputs=({"text": "8641"},)),
        Cell(GIVEN, "markdown", "## 11. Why? (4 points)", "why-statement"),
        Cell(MANUAL, "markdown", "Because **f** is 1, see [here](https://example.org/a?b=1&c=2).", "why", 4.0, True),
        Cell(GIVEN, "markdown", "## 12. Lean (3 points)", "lean-statement"),
        Cell(ANSWER, "code", "raise NotImplementedError()", "lean-answer"),
        Cell(TEST, "code", "check.lean(lean)", "lean", 3.0),
    ]  # fmt: skip
    marks = [
        Mark("lstm_step", 9.0, 15.0, False, REPORT, ("order",), "Look at the order of the blocks."),
        Mark("lean", 2.0, 3.0, True, "lean: 2 of 3 points\n  ✓ memory  2/3"),
    ]
    return outcome(cells, marks, by_hand=(("why", 4.0),), repairs=("The test of `lean` was put back.",))


# Everything that the page may hold; a tag or an attribute that is not here could do something
ALLOWED = {
    "html": {"lang"}, "head": set(), "meta": {"charset", "http-equiv", "content", "name"}, "title": set(),
    "style": set(), "body": set(), "header": set(), "main": set(), "section": {"aria-labelledby", "class"},
    "h1": set(), "h2": {"id"}, "h3": set(), "p": {"class"}, "table": {"class"}, "thead": set(), "tbody": set(),
    "tr": set(), "th": {"scope"}, "td": {"class"}, "ul": {"class"}, "ol": {"start"}, "li": {"class"}, "b": set(),
    "strong": set(), "em": set(), "br": set(), "hr": set(), "wbr": set(), "blockquote": set(), "pre": {"class"},
    "code": {"class"}, "span": {"class", "aria-hidden"}, "div": {"class"}, "details": set(), "summary": set(),
    "a": {"href", "rel"}, "img": {"src", "alt", "width", "height"},
}  # fmt: skip
CLASSES = {
    "course", "who", "sum", "note", "questions", "question", "points", "right", "wrong", "open", "yours", "prose",
    "comment", "code", "output", "error", "c", "s", "n", "k", "b", "f", "parts", "sign", "spoken", "earned", "causes",
    "heading", "formula",
}  # fmt: skip
PLOT = re.compile(r"data:image/png;base64,iVBORw0KGgo[A-Za-z0-9+/]*={0,2}")
LINK = re.compile(r"#question-\d+|(https?|mailto):[^\s\x00-\x20]+", re.IGNORECASE)


class Reader(html.parser.HTMLParser):
    """What a page consists of: its texts, and complaints about anything not on the list."""

    def __init__(self):
        super().__init__()
        self.found, self.seen, self.ids, self.text, self.inside = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.inside.append(tag)
        if tag not in ALLOWED:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            fine = name in ALLOWED.get(tag, ())
            fine &= name != "class" or set(value.split()) <= CLASSES
            fine &= name != "src" or bool(PLOT.fullmatch(value))
            fine &= name != "href" or bool(LINK.fullmatch(value))
            fine &= name != "href" or value[0] == "#" or ("rel", "nofollow noopener noreferrer") in attrs
            if name == "id":
                self.ids.append(value)
            if not fine:
                self.found.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data):
        if self.inside and self.inside[-1] == "style":
            return
        self.text.append(data)

    def handle_endtag(self, tag):
        self.inside.append("/" + tag)

    def handle_decl(self, decl):
        if decl != "DOCTYPE html":
            self.found.append(decl)

    def handle_comment(self, data):
        self.found.append(f"<!--{data}")

    def handle_pi(self, data):
        self.found.append(f"<?{data}")


def read(page):
    """The page's text, after every general promise about it is kept."""
    data = page.encode()  # no surrogate is left
    assert len(data) < 1_000_000
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.found == []
    assert reader.seen.count("style") == reader.seen.count("title") == reader.seen.count("main") == 1
    assert len(reader.ids) == len(set(reader.ids))
    assert not re.search(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]", page)
    return "".join(reader.text)


def test_an_honest_page_says_it_all():
    page = feedback.page(honest(), {"why": (3.5, 4, "Good, *but* short.")}, "Networks", "Ada Lovelace")
    text = read(page)
    for said in (
        "Ada Lovelace", "Networks", "12.5 of 19 points, and 2 extra", "3.5 of them were given by hand",
        "One step of the LSTM",
        "9 of 15", "6 of 6", "shape (B, H) as expected, but not the right values.", "raised ValueError: no in the line",
        "c: this is what comes out", "Look at the order of the blocks.", "ZeroDivisionError: division by zero",
        "red\n100%\n",
        "The test of lean was put back.", "You left this as it was handed out.", "Good, but short.", "x_t",
    ):  # fmt: skip
        assert said in text, said
    assert re.search(r'<span class="k">def\s*</span>\s*<span class="f">lstm_step</span>', page)
    assert '<a href="https://example.org/a?b=1&amp;c=2" rel="nofollow noopener noreferrer">here</a>' in page
    assert page.count("<img ") == 1
    assert "<title>lstm: feedback for ada</title>" in page
    assert "10%\r" not in page


def test_no_test_and_no_seed_is_shown():
    page = feedback.page(honest())
    for secret in ("check.lstm_step", "8641", "seed"):
        assert secret not in page


def test_what_is_still_to_come_is_said():
    text = read(feedback.page(honest()))
    assert "9 of 19 points, and 2 extra" in text
    assert "Up to 4 are still to come" in text
    assert "to come, of 4" in text
    text = read(feedback.page(honest(), {"why": (None, 4, "")}))
    assert "Up to 4 are still to come" in text


def test_a_persons_points_count_before_a_checks():
    text = read(feedback.page(honest(), {"lstm_step": (15, 15, "Nearly."), "why": (0, 4, "")}))
    assert "15 of 19 points" in text
    assert "A person changed these points: 15 of 15 count." in text
    assert "Nearly." in text


def test_a_penalty_is_taken_off():
    assert "5 points are taken off, which leaves 6." in read(feedback.page(honest(), penalty=5.0))


def test_an_unreadable_file_has_its_page():
    marks = [Mark("sigmoid", 0.0, 6.0, False, "")]
    text = read(feedback.page(outcome((), marks, readable=False, repairs=("The file is no notebook: it is empty.",))))
    assert "could not be read as a notebook" in text
    assert "The file is no notebook: it is empty." in text
    assert "0 of 6" in text


def test_the_order_is_the_notebooks():
    text = read(feedback.page(honest()))
    places = [text.index(words) for words in ("One step of the LSTM", "Why?", "Lean")]
    assert places == sorted(places)


# Whatever a student writes is text

CANARY = "document.title='CANARY'"
HOSTILE = {
    "script": f"<script>{CANARY}</script>",
    "closing tags": f"</pre></code></div></section></main></details></style></title><script>{CANARY}</script>",
    "image": f"<img src=x onerror=\"{CANARY}\">",
    "svg": f'<svg onload="{CANARY}"><animate onbegin="{CANARY}" attributeName=x dur=1s></svg>',
    "math": f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror={CANARY}&gt;">',
    "attribute": f'" onmouseover="{CANARY}" x="\' onfocus=\'{CANARY}\' autofocus',
    "javascript": f"[x](javascript:{CANARY}) <javascript:{CANARY}> [y]( jAvAsCrIpT&colon;{CANARY} )"
    f" [z](java\tscript:{CANARY})",
    "data link": "[x](data:text/html;base64,PHNjcmlwdD4=) [y](vbscript:x) [z](file:///etc/passwd) [w](//e.example/x)",
    "entities": f"&lt;script&gt; &#60;script&#62;{CANARY} [x](&#106;avascript:{CANARY}) &#0; &#x202e;",
    "picture": "![a](http://evil.example/pixel.png) ![b](data:image/svg+xml;base64,AA==) "
    "[![c](http://e.example/)](http://f.example/)",
    "reference": "[a][1] ![b][1]\n\n[1]: javascript:alert(1) 'title'\n[2]: https://e.example \"' onclick='x\"",
    "link attribute": f'[x](https://e.example/"onmouseover="{CANARY}) <https://e.example/"onclick={CANARY}>',
    "base": '<base href="http://evil.example/"><meta http-equiv="refresh" content="0;url=http://evil.example/">',
    "form": '<form action="http://evil.example"><input name=password><button formaction=javascript:x></form>',
    "frame": f'<iframe srcdoc="<script>{CANARY}</script>"></iframe><object data=x></object><embed src=x>',
    "style": "<style>body{display:none}</style><link rel=stylesheet href=http://evil.example/x.css>",
    "comment": f"<!-- --!><script>{CANARY}</script> <![CDATA[ ]]> <?php x ?> <!DOCTYPE x>",
    "terminal": "\x1b[2J\x1b]0;title\x07\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x9b31mred\x1bPq#0\x1b\\ \x1b",
    "control": "a\0b\x01\x08\x7f\x80\x9d\x0b\x0c\ufdd0\ufffe\U0001ffff\ufeff\u2028",
    "bidi": "access = '\u202e\u2066// admin\u2069 \u2066' \u202a\u202b\u202d\u202c\u2067\u2068",
    "surrogates": "\ud800 \udfff\ud83d \udc00",
    "tags": "".join(chr(0xE0000 + ord(c)) for c in "hidden") + "\U000e0001",
    "marks": "e" + "\u0301" * 500,
    "heading": f"# \n\n### three\n# one\n\n</h1><h2 id=question-0>{CANARY}</h2>",
    "table": "| | b |\n| :-- | --: |\n| <td onclick=x> | `<b>` |",
    "code fence": f"```html onclick={CANARY}\n<script>{CANARY}</script>\n```\n\n~~~\"><script>\nx\n~~~",
    "formula": f"$</code><script>{CANARY}</script>$ and $$\n<img src=x onerror={CANARY}>\n$$",
    "nesting": "> " * 300 + "x\n" + "- " * 300 + "y" + "*a **b " * 300 + "[" * 500,
    "report": f"  ✓ <b onclick={CANARY}>  5/5  <script>{CANARY}</script>\n  → `<script>{CANARY}</script>`",
    "blank": " \n\t\n",
    "nothing": "",
}  # fmt: skip


def everywhere(text):
    """The text in every field that can hold one."""
    outputs = (
        {"text": text},
        {"error": text},
        {"png": text},
        {"png": base64.b64encode(text.encode("utf-8", "replace")).decode()},
    )
    cells = [
        Cell(role, kind, text, name, 5.0, True, outputs)
        for role in (GIVEN, ANSWER, TEST, MANUAL, OWN)
        for kind in ("code", "markdown")
        for name in ("", "q", "q-statement", text, f"{text}-answer")
    ]
    marks = [Mark("q", 1.0, 5.0, False, text, (text,), text), Mark(text, 1.0, 5.0, True, REPORT, (), text)]
    everything = Outcome(text, text, text, True, (text,) * 3, tuple(cells), tuple(marks), ((f"{text}?", 3.0),))
    return feedback.page(everything, {"q": (4, 5, text), f"{text}?": (1, 3, text)}, text, text)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_text_everywhere(name):
    read(everywhere(HOSTILE[name]))


@pytest.mark.parametrize("name", ["script", "svg", "terminal", "bidi"])
def test_it_is_shown_as_it_was_written(name):
    """Escaped, not swallowed: whoever marks an answer has to see it."""
    cell = Cell(ANSWER, "code", HOSTILE[name], "q-answer", changed=True)
    text = read(feedback.page(outcome([cell], [Mark("q", 0.0, 5.0, False, "")])))
    if name == "bidi":
        assert "⟦U+202E⟧⟦U+2066⟧// admin⟦U+2069⟧" in text
    elif name == "terminal":
        assert "linkred" in text
        assert "evil" not in text
    else:
        assert HOSTILE[name] in text


def test_links_go_to_the_web_or_nowhere():
    answer = (
        "[a](HTTPS://e.example/x) [b](mailto:a@e.example) [c](javascript:x) [d](/etc) [e](#points) <http://f.example>"
    )
    page = feedback.page(outcome([Cell(MANUAL, "markdown", answer, "why", 4.0, True)], by_hand=(("why", 4.0),)))
    links = re.findall(r'<a href="([^"#]+)"', page)
    assert links == ["HTTPS://e.example/x", "mailto:a@e.example", "http://f.example"]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_html_is_valid(name):
    parser = pytest.importorskip("tinyhtml5.parser").HTMLParser()
    parser.parse(everywhere(HOSTILE[name]))
    assert parser.errors == []


def test_random_texts(rng):
    """Pieces of hostile texts in random order."""
    pieces = [piece for text in HOSTILE.values() for piece in re.findall(r"\w+|[^\w\s]|\s", text[:300])]
    parser = pytest.importorskip("tinyhtml5.parser").HTMLParser
    for _ in range(10):
        page = everywhere("".join(pieces[n] for n in rng.integers(0, len(pieces), 200)))
        read(page)
        checked = parser()
        checked.parse(page)
        assert checked.errors == []


# Below a megabyte, and fairly so


@pytest.mark.parametrize(
    "piece", ["x", "<", "&", "\0", "\u202e", "\U0001f600", "\n", "\r", "\x1b[", "a.b(", '"', "\x1b]", "1 "]
)
def test_fifty_million_characters(piece):
    long = piece * (50_000_000 // len(piece))
    cells = [
        Cell(ANSWER, "code", long, "q-answer", changed=True, outputs=({"text": long}, {"error": long}, {"png": long}))
    ]
    cells += [Cell(OWN, "code", "print('the neighbour')", outputs=({"text": "and what it printed"},))]
    cells += [Cell(MANUAL, "markdown", long, "why", 4.0, True)]
    marks = [Mark("q", 0.0, 5.0, False, long, (long,), long)]
    page = feedback.page(outcome(cells, marks, repairs=(long,), student=long), {"why": (1, 4, long)}, long, long)
    text = read(page)
    assert "and what it printed" in text
    assert re.search(r"… [\d,]{8,} characters left out …", text)


@pytest.mark.parametrize("many", [100, 20_000])
def test_many_cells(many):
    cells = [Cell(OWN, "code", f"print({n})" + "<" * 900, outputs=({"text": "&" * 900},) * 30) for n in range(many)]
    cells.append(Cell(ANSWER, "code", "the_answer = 3", "q-answer", changed=True))
    text = read(feedback.page(outcome(cells, [Mark("q", 5.0, 5.0, False, "")], repairs=("mended",) * many)))
    assert "the_answer = 3" in text
    if many > 150:
        assert f"{many - 150} more cells of yours" in text


def test_many_given_cells_still_give_a_page():
    cells = [Cell(GIVEN, "code", "x = 1" * 90, outputs=({"text": "<" * 99},) * 9) for _ in range(3_000)]
    assert "too many parts" in read(feedback.page(outcome(cells, [Mark("q", 5.0, 5.0, False, "")])))


def test_a_long_text_keeps_its_beginning_and_end():
    source = "first = 1\n" + "x = 0\n" * 200_000 + "last = 1"
    text = read(feedback.page(outcome([Cell(OWN, "code", source)])))
    assert "first = 1" in text
    assert "last = 1" in text


def test_plots_share_the_room(rng):
    """Small ones first, the first of each cell before the second of any; the rest is named with its size."""
    big = png(600, 600, rows=b"".join(b"\0" + rng.bytes(600) for _ in range(600)))  # 480 kB in base64
    cells = [
        Cell(OWN, "code", "a", outputs=({"png": big}, {"png": big})),
        Cell(OWN, "code", "b", outputs=({"png": png()},)),
    ]
    page = feedback.page(outcome(cells))
    read(page)
    assert page.count("<img ") == 2
    assert page.count(png()) == 1
    assert "A plot of 360 kB is left out" in page


def test_a_plot_is_made_again_from_what_makes_the_picture():
    marked = png(extra=chunk(b"tEXt", b"Comment\0<script>") + chunk(b"eXIf", b"x" * 99) + chunk(b"acTL", b"\0" * 8))
    tail = base64.b64encode(base64.b64decode(png()) + b"<html><script>").decode()
    for sent in (marked, tail, png()):
        page = feedback.page(outcome([Cell(OWN, "code", "a", outputs=({"png": sent},))]))
        assert re.findall(r'src="data:image/png;base64,([^"]*)"', page) == [png()]
        assert 'width="3" height="2"' in page


def bent(change):
    return base64.b64encode(change(base64.b64decode(png()))).decode()


@pytest.mark.parametrize(
    "data",
    [
        "", "not base64 !", png()[:-8], base64.b64encode(b"GIF89a" + b"x" * 99).decode(),
        base64.b64encode(b"\x89PNG\r\n\x1a\n").decode(), base64.b64encode(b"<svg/>").decode(),
        bent(lambda raw: raw[:20] + b"\xff" + raw[21:]), bent(lambda raw: raw[:8] + raw[33:]),
        bent(lambda raw: raw[:33] + raw[8:]), bent(lambda raw: raw.replace(b"IEND", b"IENX")),
        png(20_000, 1, rows=b""), png(8_000, 8_000, rows=b""), png(0, 5, rows=b""), "\ud800", "é",
    ],
)  # fmt: skip
def test_what_is_no_png_is_left_out(data):
    page = feedback.page(outcome([Cell(OWN, "code", "a", outputs=({"png": data},))]))
    read(page)
    assert "<img " not in page
    assert "left out" in page


def test_a_real_figure_is_kept():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3])
    file = io.BytesIO()
    figure.savefig(file, format="png")
    pyplot.close(figure)
    page = feedback.page(
        outcome([Cell(OWN, "code", "a", outputs=({"png": base64.b64encode(file.getvalue()).decode()},))])
    )
    read(page)
    assert page.count("<img ") == 1


# Into the course's folder


def course(root):
    """As much of a Course as `write` asks for."""

    def folder(step, assignment, student):
        return root / step / student / assignment

    def notebook(step, assignment, student):
        return folder(step, assignment, student) / f"{assignment}.html"

    return SimpleNamespace(folder=folder, notebook=notebook)


def submitted(root, **files):
    folder = root / "submitted" / "ada" / "lstm"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_write_puts_what_release_feedback_needs(tmp_path):
    submitted(tmp_path, timestamp="2026-01-02 03:04:05 UTC", submission_secret="s3cret")
    path = feedback.write(course(tmp_path), honest(), student_name="Ada")
    assert path == tmp_path / "feedback" / "ada" / "lstm" / "lstm.html"
    assert path.read_text(encoding="utf-8") == feedback.page(honest(), student_name="Ada")
    assert (path.parent / "timestamp.txt").read_text() == "2026-01-02 03:04:05 UTC"
    assert (path.parent / "submission_secret.txt").read_text() == "s3cret"
    assert len(list(path.parent.iterdir())) == 3


def test_without_a_secret_nobody_can_guess_the_page(tmp_path):
    submitted(tmp_path)
    path = feedback.write(course(tmp_path), honest()).with_name("submission_secret.txt")
    drawn = path.read_text()
    assert len(drawn) >= 64
    feedback.write(course(tmp_path), honest())
    assert path.read_text() == drawn
    assert path.with_name("timestamp.txt").read_text() == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files on Windows")
def test_a_link_a_pipe_and_a_large_file_are_not_followed(tmp_path):
    folder = submitted(tmp_path)
    (tmp_path / "secret.txt").write_text("the course's own")
    (folder / "submission_secret.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(folder / "timestamp.txt")
    path = feedback.write(course(tmp_path), honest())
    assert "the course's own" not in path.with_name("submission_secret.txt").read_text()
    assert path.with_name("timestamp.txt").read_text() == ""
    (folder / "timestamp.txt").unlink()
    os.link(tmp_path / "secret.txt", folder / "timestamp.txt")
    assert feedback.write(course(tmp_path), honest()).with_name("timestamp.txt").read_text() == ""
    (folder / "timestamp.txt").unlink()
    (folder / "timestamp.txt").write_bytes(b"\xff\xfe")
    assert feedback.write(course(tmp_path), honest()).with_name("timestamp.txt").read_text() == ""


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    submitted(tmp_path)
    path = feedback.write(course(tmp_path), honest())
    old = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        feedback.write(course(tmp_path), outcome())
    assert path.read_bytes() == old
    assert not [file for file in path.parent.iterdir() if file.suffix == ".new"]


# In a browser

AXE = """() => axe.run({resultTypes: ["violations"]}).then((found) => found.violations.map(({id, nodes}) => [
  id, nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`).slice(0, 3)
]))"""


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_runs_in_a_browser(chromium, tmp_path, name):
    file = tmp_path / "page.html"
    file.write_text(everywhere(HOSTILE[name]), encoding="utf-8")
    with chromium.new_context() as context:
        page = context.new_page()
        found, asked = complaints(page), []
        page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
        page.goto(file.as_uri())
        page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        for element in page.locator("a, b, td, summary").all()[:40]:
            element.dispatch_event("mouseover")
            element.dispatch_event("focus")
        page.wait_for_timeout(100)
        assert found == []
        assert asked == []
        assert (
            page.title()
            == file.read_text(encoding="utf-8")
            .partition("<title>")[2]
            .partition("</title>")[0]
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
            .strip()
        )
        assert "CANARY" not in page.title() or CANARY in page.title()  # named in it, not set by it


@pytest.mark.slow
def test_a_script_that_got_in_would_not_run(chromium, tmp_path):
    """The policy is a second wall; this takes the first one down."""
    file = tmp_path / "page.html"
    page_text = feedback.page(honest()).replace(
        "</main>", f"<script>{CANARY}</script><img src=x onerror={CANARY}></main>"
    )
    file.write_text(page_text, encoding="utf-8")
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(file.as_uri())
        page.wait_for_timeout(200)
        assert page.title() == "lstm: feedback for ada"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["honest", "hostile"])
def test_axe_finds_nothing(chromium, tmp_path, which, scheme):
    file = tmp_path / "page.html"
    text = (
        everywhere(" ".join(HOSTILE.values()))
        if which == "hostile"
        else feedback.page(honest(), {"why": (3, 4, "Yes.")})
    )
    file.write_text(text, encoding="utf-8")
    for width in (1280, 375):
        with chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}) as context:
            page = context.new_page()
            page.goto(file.as_uri())
            page.evaluate(pytest.importorskip("axe_playwright_python.base").AXE_SCRIPT)
            page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
            found = page.evaluate(AXE)
            assert found == [], json.dumps(found, indent=1)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_style_loads_nothing():
    style = (Path(feedback.__file__).parent / "feedback.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style
    assert "<" not in style
