"""The built pages are pleasant: whole, light, valid, and open to who reads with other eyes or other hands.

The pages are read from _build/html, which `make book` writes; without it, or without Chromium, these tests are skipped.
`pytest -s -k weigh tests/test_pages.py` prints what each page weighs.
"""

import collections
import functools
import importlib.util
import itertools
import json
import re
import statistics
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import HTML, PAGES, complaints, formulas_are_set

yaml = pytest.importorskip("yaml")  # comes with Jupyter Book

ROOT = Path(__file__).parents[1]
CONTENTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
FILES = [CONTENTS["root"], *(page["file"] for part in CONTENTS["parts"] for page in part["chapters"])]
NAMES = [Path(file).name for file in FILES]
SOURCES = {name: (ROOT / f"{file}.md").read_text(encoding="utf-8") for name, file in zip(NAMES, FILES, strict=True)}
PARTS = (":::{question}", ":::{widget}", "{solution")  # what a page may have for the reader to do
BUSY = [name for name in NAMES if any(part in SOURCES[name] for part in PARTS)]
WRITTEN = [f"{file}.html" for file in FILES]
WRITTEN += sorted(f"exercises/{path.name}" for path in (HTML / "exercises").glob("*.html"))  # the released assignments


# What a page says, read without a browser


class Reading(HTMLParser):
    """What stands in a page: language, title, headings, ids, links, what it loads, pictures."""

    VOID = ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")

    def __init__(self, text):
        super().__init__()
        self.lang = self.title = None
        self.headings, self.ids, self.links, self.loads, self.pictures = [], [], [], [], []
        self.open, self.text = [], None
        self.feed(text)

    def handle_starttag(self, tag, pairs):
        attributes = dict(pairs)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "html":
            self.lang = attributes.get("lang")
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        loaded = attributes.get("src") or (tag == "object" and attributes.get("data"))
        if tag == "link" and not {"next", "prev", "search", "index", "canonical"} & set(attributes["rel"].split()):
            loaded = attributes["href"]
        if loaded:
            self.loads.append(loaded)
        if tag == "img":
            self.pictures.append(("alt" in attributes and attributes["alt"].strip(), self.get_starttag_text()))
        if tag == "svg" and attributes.get("role") == "img":
            self.pictures.append((attributes.get("aria-label"), self.get_starttag_text()))
        if tag == "title" and "svg" not in self.open:
            self.text = []
        if re.fullmatch("h[1-6]", tag) and "article" in self.open:
            self.headings.append((int(tag[1]), []))
            self.text = self.headings[-1][1]

    def handle_startendtag(self, tag, pairs):
        self.handle_starttag(tag, pairs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass
        if tag == "title" and "svg" not in self.open and self.title is None:
            self.title, self.text = "".join(self.text).strip(), None
        if re.fullmatch("h[1-6]", tag):
            self.text = None

    def handle_data(self, data):
        if self.text is not None:
            self.text.append(data)


@functools.cache
def reading(path):
    return Reading(path.read_text(encoding="utf-8"))


def is_local(address):
    return not urlsplit(address).scheme and not urlsplit(address).netloc


def at(path, address):
    """The file that an address leads to from a page."""
    return (path.parent / unquote(urlsplit(address).path)).resolve() if urlsplit(address).path else path.resolve()


@pytest.mark.parametrize("file", WRITTEN)
def test_a_page_has_one_title_and_no_gap_in_its_headings(pages, file):
    page = reading(HTML / file)
    assert page.lang == "en"
    assert page.title
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), page.headings
    assert all("".join(words).strip() for _, words in page.headings)


def test_no_two_pages_have_one_title(pages):
    titles = collections.Counter(reading(HTML / file).title for file in WRITTEN)
    assert max(titles.values()) == 1, titles.most_common(2)


@pytest.mark.parametrize("file", WRITTEN)
def test_ids_are_unique_and_pictures_described(pages, file):
    page = reading(HTML / file)
    assert [key for key, count in collections.Counter(page.ids).items() if count > 1] == []
    assert [tag for words, tag in page.pictures if not words] == []


EVERY = [*WRITTEN, "index.html", "search.html", "genindex.html", "py-modindex.html"]


@pytest.mark.parametrize("file", EVERY)
def test_every_link_leads_somewhere(pages, file):
    path, wrong = HTML / file, []
    for address in dict.fromkeys(reading(path).links):
        parts = urlsplit(address)
        if not is_local(address):
            if parts.scheme not in ("https", "mailto"):
                wrong.append(address)
            continue
        target, anchor = at(path, address), unquote(parts.fragment)
        there = target.is_file()  # a folder is none
        if not there or (anchor and target.suffix == ".html" and anchor not in reading(target).ids):
            wrong.append(address)
    assert wrong == []


@pytest.mark.parametrize("file", EVERY)
def test_a_page_loads_only_what_is_in_the_book(pages, file):
    path = HTML / file
    loads = [address for address in reading(path).loads if not address.startswith("data:")]
    assert [address for address in loads if not is_local(address)] == []
    assert [address for address in loads if not at(path, address).is_file()] == []


REPAIRED = [
    ('<p class="collapsed admonition-title">Show</p>', '<span class="collapsed admonition-title">Show</span>'),
    ('<p class="admonition-title">Solution</p>', '<p class="admonition-title">Solution</p>'),
    ('<section id="exercise-content"><p>x</p></section>', '<section class="exercise-content"><p>x</p></section>'),
    ('<div class="citation" role="doc-biblioentry">', '<div class="citation" role="listitem">'),
    ('<tr><th class="head text-left"><p></p></th><th class="head"><p>a</p></th>',
     '<tr><td class="head text-left"></td><th class="head"><p>a</p></th>'),
]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), REPAIRED)
def test_html_that_says_something_else_is_repaired(written, meant):
    path = ROOT / "chapters" / "_ext" / "accessible.py"
    specification = importlib.util.spec_from_file_location("accessible", path)
    accessible = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(accessible)
    assert accessible.repair(written) == meant


def weights():
    """{name: (HTML, what it loads beyond what is shared)} in bytes, and the bytes of what most pages share."""
    loaded = {}
    for name in NAMES:
        path = PAGES / f"{name}.html"
        loaded[name] = {at(path, address) for address in reading(path).loads if not address.startswith("data:")}
    times = collections.Counter(file for files in loaded.values() for file in files)
    shared = {file for file, count in times.items() if count > len(NAMES) / 2}
    size = lambda files: sum(file.stat().st_size for file in files)  # noqa: E731
    own = {name: (size([PAGES / f"{name}.html"]), size(files - shared)) for name, files in loaded.items()}
    return own, size(shared)


def test_what_pages_weigh(pages):
    own, shared = weights()
    together = {name: sum(parts) for name, parts in own.items()}
    median = statistics.median(together.values())
    print(f"\n{'page':20} {'HTML':>8} {'assets':>8} {'kB together':>12}")
    for name in sorted(together, key=together.get, reverse=True):
        print(f"{name:20} {own[name][0] / 1e3:8.0f} {own[name][1] / 1e3:8.0f} {together[name] / 1e3:12.0f}")
    print(f"median {median / 1e3:.0f} kB; shared, loaded once, {shared / 1e3:.0f} kB")
    assert median < 1.5e6
    assert max(together.values()) < 3e6


@pytest.mark.slow
@pytest.mark.parametrize("file", EVERY)
def test_the_html_is_valid(pages, file):
    parser = pytest.importorskip("tinyhtml5.parser").HTMLParser()
    parser.parse((HTML / file).read_text(encoding="utf-8"))
    assert parser.errors == []


# A page in the reader's hands


@pytest.fixture(scope="module", params=NAMES)
def page(request, chromium, pages):
    """A page, opened once for all the tests that read it; each leaves it as it was found."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as context:
        page = context.new_page()
        page.name, page.complaints = request.param, complaints(page)
        page.goto((pages / f"{page.name}.html").as_uri())
        formulas_are_set(page)
        yield page


# Of what a page repeats the first ones are looked at, and no formula: what MathJax draws has the colour of the words
# around it, and axe takes a minute for the 38,000 elements of the API, of which each needs a search for what is behind.
IN_PART = """() => {
  window.folded = [...document.querySelectorAll("details:not([open])")];
  for (const details of folded) details.open = true;
  const many = {"div.highlight": 2, "div.claim": 10, "div.record": 4, "dl.py": 8};
  const groups = Object.entries(many).map(([alike, n]) => [[...document.querySelectorAll(alike)], n]);
  for (const table of document.querySelectorAll(".bd-article tbody")) groups.push([[...table.rows], 3]);
  for (const [group, n] of groups) for (const element of group.slice(n)) element.setAttribute("data-alike", "");
  window.part = document.head.appendChild(document.createElement("style"));
  part.textContent = "[data-alike], mjx-container { display: none !important } * { animation: none !important }";
}"""
WHOLE = "part.remove(); for (const details of folded) details.open = false"
LOOK = """(rules) => axe.run({
  resultTypes: ["violations"], preload: false, ...(rules && {runOnly: {type: "rule", values: rules}})
}).then((found) => found.violations.map(({id, impact, nodes}) => [
  id, impact, nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`).slice(0, 5)
]))"""


@pytest.mark.slow
def test_axe_finds_nothing_serious(page):
    page.evaluate(pytest.importorskip("axe_playwright_python.base").AXE_SCRIPT)
    page.evaluate(IN_PART)
    found = {"light": page.evaluate(LOOK, None)}
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    found["dark"] = page.evaluate(LOOK, ["color-contrast", "link-in-text-block"])
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.evaluate(WHOLE)
    page.set_viewport_size({"width": 375, "height": 740})
    page.wait_for_timeout(600)  # the theme looks at a new width after a while
    found["phone"] = page.evaluate(LOOK, ["scrollable-region-focusable"])
    page.set_viewport_size({"width": 1280, "height": 900})
    serious = {look: [v for v in violations if v[1] in ("serious", "critical")] for look, violations in found.items()}
    assert not any(serious.values()), json.dumps(serious, indent=1)


PAPER = 718  # pixels between margins of 10 mm on A4


@pytest.mark.slow
def test_nothing_is_cut_off_on_paper(page):
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    try:
        assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
        beyond = """(paper) => [...document.querySelectorAll("article :is(pre, table, img, svg, mjx-math, figure, p)")]
          .filter((e) => e.checkVisibility() && !e.closest(".widget-spoken"))
          .filter((e) => e.getBoundingClientRect().right > paper + 1)
          .map((e) => e.outerHTML.slice(0, 120))"""
        assert page.evaluate(beyond, PAPER) == []
        assert page.locator("div.cell details.hide:not([open]):visible").count() == 0  # the code behind figures
        assert page.locator(".bd-sidebar:visible, .header-article:visible, .prev-next-footer:visible").count() == 0
    finally:
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": 1280, "height": 900})


def marked(name):
    """Which answers of a page's questions its source marks as right, in order."""
    questions = re.findall(r"^:::\{question\}.*?^:::$", SOURCES[name], flags=re.MULTILINE | re.DOTALL)
    return [[mark == "x" for mark in re.findall(r"^\((x| )\) ", text, flags=re.M)] for text in questions]


def answers_speak(page, name, each=None):
    """Open and shut the answers of a page's questions, all of them or the first few of each."""
    questions = page.locator("div.question")
    assert questions.count() == len(marked(name))
    for question, marks in zip(questions.all(), marked(name), strict=True):
        answers = question.locator("details.answer")
        assert answers.count() == len(marks)
        for answer, right in itertools.islice(zip(answers.all(), marks, strict=True), each):
            said = answer.locator("> p").first
            assert not said.is_visible()
            answer.locator("summary").click()
            assert said.is_visible()
            assert said.inner_text().startswith("Right." if right else "Not so.")
            answer.locator("summary").press("Enter")
            assert not said.is_visible()


@pytest.mark.slow
def test_answers_open_by_click_and_by_key(page):
    answers_speak(page, page.name)
    assert page.complaints == []


@pytest.mark.slow
def test_solutions_open(page):
    solutions = page.locator("div.solution.dropdown")
    assert solutions.count() == len(re.findall(r"^[`:]{3,}\{solution", SOURCES[page.name], flags=re.MULTILINE))
    for solution in solutions.all():
        button, said = (
            solution.locator("button.toggle-button"),
            solution.locator("section, p:not(.admonition-title)").first,
        )
        assert not said.is_visible()
        button.press("Enter")
        assert said.is_visible()
        button.click()
        assert not said.is_visible()


@pytest.mark.slow
def test_widgets_start_and_are_reached_by_tab(page):
    widgets = page.locator("div.widget")
    assert widgets.count() == SOURCES[page.name].count(":::{widget}")
    for widget in widgets.all():
        assert widget.locator(".widget-live").is_visible()
        assert not widget.locator(".widget-fallback").is_visible()
        widget.evaluate(
            "w => { w.insertAdjacentHTML('beforebegin', '<span id=before tabindex=0></span>'); before.focus(); }"
        )
        page.keyboard.press("Tab")
        assert widget.evaluate("w => w.contains(document.activeElement)")
        page.evaluate("before.remove()")
    assert page.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BUSY)
def test_a_page_without_scripts(chromium, pages, name):
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((pages / f"{name}.html").as_uri())
        answers_speak(page, name, each=1)
        assert all(fallback.is_visible() for fallback in page.locator(".widget-fallback").all())
        assert page.locator(".widget-fallback").count() == page.locator(".widget").count()
        for solution in page.locator("div.solution").all():
            assert solution.locator("section, p:not(.admonition-title)").first.is_visible()


@pytest.mark.slow
@pytest.mark.parametrize(("words", "name"), [("forget gate", "gates"), ("peephole", "peephole")])
def test_search_finds(chromium, pages, words, name):
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto((pages.parent / "search.html").as_uri() + "?q=" + words.replace(" ", "+"))
        page.wait_for_selector(f"#search-results li a[href*='/{name}.html']")


@pytest.mark.slow
def test_the_buttons_of_the_frame_work(chromium, pages):
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        found = complaints(page)
        page.goto((pages / "gates.html").as_uri())
        mode = "document.documentElement.dataset.mode"
        before = page.evaluate(mode)
        page.get_by_role("button", name="Color mode").click()
        assert page.evaluate(mode) != before
        page.get_by_role("button", name="Download this page").click()
        menu = page.locator(".dropdown-menu.show")
        links = [link.get_attribute("href") for link in menu.locator("a").all()]
        assert links
        assert all(at(pages / "gates.html", link).is_file() for link in links)
        page.evaluate("window.print = () => { window.printed = true }")
        menu.locator("button[onclick]").click()
        assert page.evaluate("window.printed")
        page.get_by_role("button", name="Fullscreen mode").click()
        page.wait_for_function("document.fullscreenElement !== null")
        page.evaluate("document.exitFullscreen()")
        sidebar = page.locator(".bd-sidebar-primary")
        assert sidebar.is_visible()
        page.get_by_role("button", name="Toggle primary sidebar").click()
        page.wait_for_function(
            "document.querySelector('#pst-primary-sidebar').classList.contains('pst-sidebar-hidden')"
        )
        page.keyboard.press("Control+k")
        page.locator("#pst-search-dialog").wait_for(state="visible")
        page.keyboard.type("peephole")
        assert found == []  # from disk, what comes next may not read the pages for its excerpts, and says so
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=peephole*")
    with chromium.new_context(viewport={"width": 375, "height": 740}) as context:
        page = context.new_page()
        page.goto((pages / "gates.html").as_uri())
        for side in ("primary", "secondary"):
            page.get_by_role("button", name=f"Toggle {side} sidebar").click()
            page.locator(f"#pst-{side}-sidebar-modal a:visible").first.wait_for()
            page.keyboard.press("Escape")
            page.locator(f"#pst-{side}-sidebar-modal").wait_for(state="hidden")
