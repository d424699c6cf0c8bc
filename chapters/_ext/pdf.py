"""The whole book as one PDF, from the built pages: python chapters/_ext/pdf.py [FILE].

The articles of all pages are put one after the other into one page, in the order of _toc.yml, with links between pages
made into links within it and answers and solutions unfolded; Chromium prints it, with its outline.  Scripts other than
MathJax are left out, so that interactive parts show what they show to readers without scripts.
"""

import re
import shutil
import sys
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"
PAGES = HTML / "chapters"
NAME = "long-short-term-memory-measured.pdf"
# What only a screen can use, the code behind figures, and the tables of numbers that records.html unfolds.
DROPPED = (
    "a.headerlink, button, script, style, .header-article, .toctree-wrapper, nav, .no-print, "
    "details.above-input, div.record details"
)
STYLE = """
body { font-size: 10.5pt; background: white; color: black; }
article { max-width: none; padding: 0; break-before: page; }
h1 { break-before: avoid; } h1, h2, h3, h4 { break-after: avoid; }
figure, tr, .question, .admonition > p, pre { break-inside: avoid; }
pre { white-space: pre-wrap; font-size: 8pt; }
table { font-size: 8.5pt; }
img, svg { max-width: 100%; }
.title-page { height: 85vh; display: flex; flex-direction: column; justify-content: center; }
.contents ul { list-style: none; padding-left: 1rem; } .contents .part { font-weight: 600; margin-top: .7rem; }
@page { size: A4; margin: 18mm 17mm 20mm; }
"""


def order():
    """[(part, [page, ...]), ...] as the book has them."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts = [(part["caption"], [Path(page["file"]).name for page in part["chapters"]]) for part in contents["parts"]]
    return [("", [Path(contents["root"]).name]), *parts]


def article(page, pages):
    """The text of one page, its ids and links made unique in the whole book."""
    soup = BeautifulSoup((PAGES / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    found = soup.select_one("article")
    for useless in found.select(DROPPED):
        useless.decompose()
    for hidden in found.select("details"):
        hidden["open"] = ""
    for element in found.select("[id]"):
        element["id"] = f"{page}--{element['id']}"
    for link in found.select("a[href]"):
        match = re.fullmatch(r"(?:(?:\.\./chapters/)?(\w+)\.html)?(?:#(.*))?", link["href"])
        if match and (match[1] or page) in pages:
            link["href"] = f"#{match[1] or page}--{match[2]}" if match[2] else f"#{match[1]}"
        elif not re.match(r"https?:|mailto:", link["href"]):
            link.unwrap()  # a file beside the book
    found["id"] = page
    return found, soup


def whole():
    """One page with everything in it."""
    parts = order()
    pages = [page for _, names in parts for page in names]
    articles, head = {}, None
    for page in pages:
        articles[page], soup = article(page, pages)
        if head is None or (soup.select("script[src*=mathjax]") and not head.select("script[src*=mathjax]")):
            head = soup.head  # a page without formulas does not load MathJax
    for useless in head.select("script:not([src*=mathjax]):not(:-soup-contains('MathJax'))"):
        useless.decompose()
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    head.title.string = title["title"]
    style = BeautifulSoup(f"<style>{STYLE}</style>", "html.parser")
    head.append(style)
    contents = ""
    for caption, names in parts:
        contents += f'<p class="part">{caption}</p>' if caption else ""
        links = (f'<li><a href="#{name}">{articles[name].h1.get_text(strip=True)}</a></li>' for name in names)
        contents += f"<ul>{''.join(links)}</ul>"
    body = f'<div class="title-page"><p style="font-size:30pt">{title["title"]}</p><p>{title["author"]}</p></div>'
    body += f'<article class="bd-article contents"><h1>Contents</h1>{contents}</article>'
    body += "".join(str(found) for found in articles.values())
    return f'<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light">{head}<body>{body}</body></html>'


def write(file):
    """Print it."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("a PDF needs Chromium: install the package chromium")
    if not (PAGES / "index.html").exists():
        sys.exit("a PDF is made of the built pages: run `make book` first")
    page_file = PAGES / "whole-book.html"
    text = whole()
    page_file.write_text(text, encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.set_default_timeout(300_000)
            page.emulate_media(media="print", color_scheme="light")
            page.goto(page_file.as_uri(), wait_until="load")
            page.wait_for_selector("mjx-container", state="attached")
            page.evaluate("MathJax.startup.promise.then(() => true)")
            foot = '<div style="font-size:8px;width:100%;text-align:center"><span class="pageNumber"></span></div>'
            page.pdf(
                path=file, format="A4", outline=True, tagged=True, print_background=True, prefer_css_page_size=True,
                display_header_footer=True, header_template="<span></span>", footer_template=foot,
            )  # fmt: skip
            browser.close()
    finally:
        page_file.unlink()
    name_outline(file, headings(text))


def headings(text):
    """The headings of a page, in order."""
    found = BeautifulSoup(text, "html.parser").select("body :is(h1, h2, h3, h4, h5, h6)")
    return [" ".join(heading.get_text().split()) for heading in found]


def name_outline(file, titles):
    """Give the entries of a PDF's outline their titles: Chromium says a heading twice that begins a page."""
    import pypdf

    writer = pypdf.PdfWriter(clone_from=file)

    def entries(node):
        node = node.get("/First")
        while node is not None:
            node = node.get_object()
            yield node
            yield from entries(node)
            node = node.get("/Next")

    found = list(entries(writer.root_object["/Outlines"].get_object()))
    if len(found) != len(titles):
        raise ValueError(f"the PDF has {len(found)} headings in its outline, the pages have {len(titles)}")
    for entry, title in zip(found, titles, strict=True):
        entry[pypdf.generic.NameObject("/Title")] = pypdf.generic.TextStringObject(title)
    writer.write(file)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HTML / NAME
    print(f"printing the book to {target}: about a minute", flush=True)
    write(target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
