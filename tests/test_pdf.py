"""The book as one PDF: every page in its order, links within it, answers unfolded."""

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("bs4")  # comes with Jupyter Book

ROOT = Path(__file__).parents[1]
specification = importlib.util.spec_from_file_location("pdf", ROOT / "chapters" / "_ext" / "pdf.py")
pdf = importlib.util.module_from_spec(specification)
specification.loader.exec_module(pdf)

HEAD = '<html><head><title>x</title><script src="a.js"></script><script src="mathjax/t.js"></script></head><body>'
PAGES = {
    "index": '<article><h1 id="a">First</h1><a href="gates.html#open">there</a> <a href="gates.html">all</a></article>',
    "gates": (
        '<article><h1>Second<a class="headerlink" href="#x">#</a></h1><p id="open">x</p>'
        '<details class="hide above-input">code</details>'
        '<details class="answer"><summary>a</summary><p>b</p></details>'
        '<a href="#open">here</a> <a href="https://example.org/">out</a> <a href="../x.ipynb">file</a></article>'
    ),
}


@pytest.fixture
def book(tmp_path, monkeypatch):
    for name, text in PAGES.items():
        head = HEAD if name == "gates" else HEAD.replace('<script src="mathjax/t.js"></script>', "")
        (tmp_path / f"{name}.html").write_text(head + text + "</body></html>")
    monkeypatch.setattr(pdf, "PAGES", tmp_path)
    monkeypatch.setattr(pdf, "order", lambda: [("", ["index"]), ("Part", ["gates"])])


def test_links_between_pages_become_links_within(book):
    whole = pdf.whole()
    ids = set(re.findall(r'id="([^"]+)"', whole))
    assert {"index", "gates", "gates--open"} <= ids
    links = re.findall(r'href="([^"]+)"', whole)
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert [link for link in links if not link.startswith("#")] == ["https://example.org/"]


def test_answers_are_unfolded_and_the_code_behind_figures_is_left_out(book):
    whole = pdf.whole()
    assert '<details class="answer" open="">' in whole
    assert "above-input" not in whole
    assert "headerlink" not in whole
    assert 'src="a.js"' not in whole
    assert "mathjax/t.js" in whole


def test_the_outline_gets_the_headings_of_the_pages(book, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    titles = pdf.headings(pdf.whole())
    assert titles == ["Contents", "First", "Second"]
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    first = writer.add_outline_item(title="ContentsContents", page_number=0)
    writer.add_outline_item(title="FirstFirst", page_number=0, parent=first)
    writer.add_outline_item(title="Second", page_number=0)
    writer.write(tmp_path / "x.pdf")
    pdf.name_outline(tmp_path / "x.pdf", titles)
    found = pypdf.PdfReader(tmp_path / "x.pdf").outline
    assert [found[0].title, found[1][0].title, found[2].title] == titles
    with pytest.raises(ValueError, match="has 3 headings in its outline, the pages have 2"):
        pdf.name_outline(tmp_path / "x.pdf", titles[:2])


@pytest.mark.slow
def test_the_printed_book_opens_with_its_outline():
    file = pdf.HTML / pdf.NAME
    if not file.exists():
        pytest.skip("the book is not printed: run `make pdf` first")
    pypdf = pytest.importorskip("pypdf")
    reader = pypdf.PdfReader(file)
    assert len(reader.pages) > 100

    def titles(entries):
        for entry in entries:
            yield from titles(entry) if isinstance(entry, list) else [entry.title]

    outline = " ".join(titles(reader.outline))
    for name in (name for _, names in pdf.order() for name in names):
        heading = re.search(r"^# (.+)$", (ROOT / "chapters" / f"{name}.md").read_text(encoding="utf-8"), flags=re.M)
        assert heading[1] in outline
    text = "".join(reader.pages[number].extract_text() for number in range(0, len(reader.pages), 20))
    assert len(text) > 1_000
