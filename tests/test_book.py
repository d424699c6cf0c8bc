"""The book as a reader meets it: complete, described for those who cannot see a figure, and silent on the network.

The pages are read from _build/html, which `make book` writes; without it, or without Chromium, those tests are skipped.
"""

import itertools
import re
from pathlib import Path

import pytest
from browser import complaints, formulas_are_set

from lstmkit import plotting

yaml = pytest.importorskip("yaml")  # comes with Jupyter Book

ROOT = Path(__file__).parents[1]
CHAPTERS = ROOT / "chapters"


def in_contents():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    return sorted(Path(file).name for file in [contents["root"], *chapters])


def text_of(name, kind=".md"):
    return (CHAPTERS / f"{name}{kind}").read_text(encoding="utf-8")


NAMES = sorted(path.stem for path in CHAPTERS.glob("*.md"))


def test_every_page_is_in_the_contents_once():
    assert in_contents() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_alt_text_that_says_something(name):
    text = text_of(name)
    cells = re.findall(r"```\{code-cell\}.*?\n```", text, flags=re.DOTALL)
    for cell in cells:
        if re.search(r"^\s+figure:", cell, flags=re.MULTILINE):
            assert re.search(r"^\s+alt:", cell, flags=re.MULTILINE), cell.split("---")[1]
            alt = re.search(r"^\s+alt: ?\|?\s*(.*?)\n---", cell, flags=re.MULTILINE | re.DOTALL)[1]
            assert len(alt.split()) >= 12, f"too short to state a finding: {alt}"
    for figure in re.findall(r"```\{(?:figure|image)\}.*?\n```", text, flags=re.DOTALL):
        assert ":alt:" in figure, figure


@pytest.mark.parametrize("name", NAMES)
def test_every_citation_is_in_the_references(name):
    keys = set(re.findall(r"^@\w+\{([^,\s]+),", (CHAPTERS / "references.bib").read_text(encoding="utf-8"), flags=re.M))
    cited = {key for keys in re.findall(r"\{cite:\w+\}`([^`]+)`", text_of(name)) for key in re.split(r"\s*,\s*", keys)}
    assert cited <= keys, cited - keys


def test_every_module_is_in_the_api():
    folders = ("cells", "numpy", "torch", "tasks", "data", "experiments")
    paths = [path for folder in folders for path in (ROOT / "lstmkit" / folder).glob("*.py") if path.stem != "__init__"]
    paths.append(ROOT / "lstmkit" / "torch" / "kernels")  # a folder; what is in it belongs to it alone
    listed = re.findall(r"^\.\. automodule:: lstmkit\.(\w+)\.(\w+)$", text_of("api"), flags=re.MULTILINE)
    assert sorted((path.parent.name, path.stem) for path in paths) == sorted(listed)


def test_references_are_unique():
    keys = re.findall(r"^@\w+\{([^,\s]+),", (CHAPTERS / "references.bib").read_text(encoding="utf-8"), flags=re.M)
    assert len(keys) == len(set(keys))


CHAPTERS_OF_THE_GUIDE = sorted({entry["chapter"] for entry in yaml.safe_load(text_of("claims", ".yml"))})


@pytest.mark.parametrize("name", CHAPTERS_OF_THE_GUIDE)
def test_a_chapter_is_whole(name):
    text = text_of(name)
    assert 3 <= len(re.findall(r"^:::\{question\}", text, flags=re.MULTILINE)) <= 6
    assert len(re.findall(r"^[`:]{3,}\{exercise\}", text, flags=re.MULTILINE)) >= 2
    for heading in ("Common mistakes", "What the guide claims, and what we find", "What to read next"):
        assert re.search(rf"^## {heading}|\{{admonition\}} {heading}", text, flags=re.MULTILINE), heading
    assert re.search(r"^\s+name: fig-", text, flags=re.MULTILINE)


def test_the_teaching_guide_and_the_checks_have_every_assignment():
    assert "```{course} assignments" in text_of("teaching")
    listed = re.findall(r"^\(kills-(\w+)\)=\n### .*\n\n```\{course\} (\w+)$", text_of("checks"), flags=re.MULTILINE)
    assert listed
    assert all(label == name for label, name in listed)
    assert sorted(name for _, name in listed) == [path.stem for path in ASSIGNMENTS]


ASSIGNMENTS = sorted((ROOT / "exercises" / "assignments").glob("*.py"))


@pytest.mark.parametrize("path", [*CHAPTERS.glob("*.md"), *ASSIGNMENTS], ids=lambda path: path.name)
def test_no_bracket_is_swallowed_by_an_environment(path):
    r"""TeX takes a [ that follows \begin{aligned} for an option, and the page loses what is in it."""
    assert not re.search(r"\\begin\{\w+\*?\}[\s#]*\[", path.read_text(encoding="utf-8"))


def grey(colour):
    """Lightness L* of a colour, 0 black to 100 white (CIE 1976)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    y = sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def test_the_palette_differs_in_grey():
    greys = sorted(map(grey, plotting.COLOURS.values()))
    assert min(b - a for a, b in itertools.pairwise(greys)) > 5
    assert max(greys) < 65  # dark enough for white paper


def test_every_symbol_has_a_colour_and_a_line():
    assert set(plotting.COLOURS) == set(plotting.LINES) == set("ifgoch")


LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 375, "height": 740}},
}


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_from_disk(chromium, pages, name, look):
    with chromium.new_context(**LOOKS[look]) as context:
        page = context.new_page()
        found = complaints(page)
        page.goto((pages / f"{name}.html").as_uri())
        formulas_are_set(page)
        assert page.locator(".math:not(:has(mjx-container))").count() == 0
        assert page.locator("mjx-merror").count() == 0
        page.wait_for_timeout(300)  # for what a page starts after it has loaded
        assert found == []
        assert page.evaluate("document.documentElement.dataset.theme") == LOOKS[look]["color_scheme"]
        assert page.evaluate("document.documentElement.scrollWidth") <= LOOKS[look]["viewport"]["width"]
        broken = page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)")
        assert broken == []
        assert page.evaluate("[...document.querySelectorAll('figure img, .cell_output img')].every(i => i.alt)")


@pytest.mark.slow
def test_search_finds_a_term_from_disk(chromium, pages):
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto((pages.parent / "search.html").as_uri() + "?q=forget+gate")
        page.wait_for_selector("#search-results li a")
        assert "gates" in " ".join(page.locator("#search-results li a").all_inner_texts()).lower()


@pytest.mark.slow
def test_the_ledger_filters_and_is_whole_without_scripts(chromium, pages):
    claims = [entry["id"] for entry in yaml.safe_load((CHAPTERS / "claims.yml").read_text(encoding="utf-8"))]
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((pages / "claims.html").as_uri())
        assert page.locator("div.claim:visible").count() == len(claims)
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto((pages / "claims.html").as_uri())
        assert page.get_by_role("status").inner_text() == f"{len(claims)} of {len(claims)} claims"
        page.get_by_label("verdict").select_option("wrong")
        shown = page.locator("div.claim:visible")
        assert 0 < shown.count() < len(claims)
        assert shown.count() == page.locator("div.claim.is-wrong").count()
        assert page.get_by_role("status").inner_text().startswith(f"{shown.count()} of")
        right = page.locator("div.claim.is-right").first
        assert not right.is_visible()
        page.evaluate(f"location.hash = '{right.get_attribute('id')}'")  # a link into the ledger shows its claim
        right.wait_for(state="visible")


@pytest.mark.slow
def test_claims_and_chapters_link_both_ways(chromium, pages):
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto((pages / "gates.html").as_uri())
        page.locator("#claim-4-4 a").click()
        page.wait_for_url("**/claims.html#claim-4-4")
        page.locator("#claim-4-4 .claim-places a").first.click()
        page.wait_for_url("**/gates.html#claim-4-4")
        page.goto((pages / "claims.html").as_uri())
        page.locator("div.claim.by-check .claim-checks a").first.click()
        page.wait_for_url("**/records.html#record-*")
