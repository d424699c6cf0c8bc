"""A page's HTML as Markdown that JupyterLab, Colab and GitHub read: no role, no directive, no script of the book.

    write(soup, link, picture)  -> text

By then Sphinx has resolved every reference, number, citation and measured value, and every extension has said how it
looks; what is left to do is the same for all of them.  Formulas come out as $...$ and $$...$$, boxes as quotations,
and what opens on a click as <details>, which all three readers show.
"""

import html
import re

from bs4 import BeautifulSoup, NavigableString
from markdownify import ATX, MarkdownConverter

DROPPED = "a.headerlink, script, style, svg, button, input, select, form, canvas, .sd-summary-state-marker, .d-none"
OPENS = ("dropdown", "toggle")  # classes of a box that is closed until it is clicked
BLOCKS = "ul, ol, dl, table, blockquote, div.highlight, div.math, p + p"  # what no cell of a Markdown table can hold
TOKEN = re.compile("\ue000(\\d+)\ue001")  # stands for a piece of text that is finished, until all the rest is


def write(soup, link, picture):
    """Markdown of a soup, which is used up.  link(href) and picture(src) say where a link and a picture lead to."""
    return _Writer(link, picture).write(soup)


class _Writer(MarkdownConverter):
    def __init__(self, link, picture):
        super().__init__(heading_style=ATX, bullets="-", wrap=True, wrap_width=None)
        self.link, self.picture, self.finished = link, picture, []

    def write(self, soup):
        for element in soup.select(DROPPED):
            element.decompose()
        for element in soup.select("a[href]"):
            element.attrs = {"href": self.link(element["href"])}
        for element in soup.select("img[src]"):
            self.put(element, f"![{element.get('alt', '')}]({self.picture(element['src'])})")
        for element in soup.select("div[class*=highlight-]"):
            self.code(element)
        for element in soup.select(".math"):
            self.formula(element)
        for element in soup.select("div.admonition"):
            self.box(element)
        for element in soup.select("table"):
            self.table(element)
        for element in soup.select(".caption-number, .question-asked"):
            element.contents = [_wrapped("strong", element)]
        text = self.restore(self.convert_soup(soup))
        return re.sub(r"\n(\s*\n){2,}", "\n\n", text).strip()

    # Pieces that are finished

    def put(self, element, text, block=False):
        """Put finished text in the place of an element."""
        self.finished.append(text)
        token = NavigableString(f"\ue000{len(self.finished) - 1}\ue001")
        if block:
            paragraph = BeautifulSoup("<p></p>", "html.parser").p
            paragraph.append(token)
            token = paragraph
        element.replace_with(token)

    def restore(self, text):
        """Lines of a finished piece stand where its token stood, as deep in quotations and lists."""
        while TOKEN.search(text):
            lines = []
            for line in text.split("\n"):
                prefix = re.match(r"[>\s]*(?:(?:[-*]|\d+\.)\s+)?", line)[0]
                further = "\n" + re.sub(r"[^>\s]", " ", prefix)
                lines.append(TOKEN.sub(lambda m: self.finished[int(m[1])].replace("\n", further), line))  # noqa: B023
            text = "\n".join(lines)
        return text

    def code(self, element):
        if element.find_parent("td"):
            lines = [f"<code>{html.escape(line)}</code>" for line in element.get_text().strip("\n").split("\n")]
            return self.put(element, "<br>".join(lines).replace("|", "&#124;"))
        language = next((c[10:] for c in element["class"] if c.startswith("highlight-")), "")
        language = {"ipython3": "python", "default": "", "none": ""}.get(language, language)
        return self.put(element, f"```{language}\n{element.get_text().strip(chr(10))}\n```", block=True)

    def formula(self, element):
        number = element.select_one(".eqno")
        tag = rf"\tag{{{number.extract().get_text().strip('()')}}}" if number else ""
        tex = " ".join(element.get_text().split())  # on one line: a quotation's mark in a second one would be TeX
        tex = re.sub(r"^\\[(\[]|\\[)\]]$", "", tex).strip()
        tex = tex.replace(r"\begin{align}\begin{aligned}", r"\begin{aligned}")
        tex = tex.replace(r"\end{aligned}\end{align}", r"\end{aligned}")
        if element.find_parent("table"):
            tex = tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ").strip()
        if element.name == "div" and not element.find_parent("td"):
            self.put(element, f"$${tex}{tag}$$", block=True)
        else:
            self.put(element, f"${tex}$")

    # Boxes and tables

    def box(self, element):
        title = element.select_one("p.admonition-title")
        if not any(name in element["class"] for name in OPENS):
            element.name = "blockquote"
            if title is not None:
                title.name, title.attrs = "p", {}
                title.contents = [_wrapped("strong", title)]
            return
        element.name = "details"
        if title is not None:
            title.name, title.attrs = "summary", {}

    def table(self, element):
        caption = element.select_one("caption")
        if caption is not None:
            caption.name = "p"
            element.insert_before(caption.extract())
        row = element.select_one("thead tr")
        plain = row is not None and not element.select("[colspan], [rowspan]")
        if not plain or any(cell.select_one(BLOCKS) for cell in element.select("td, th")):
            for inner in [element, *element.find_all(True)]:
                inner.attrs = {name: inner[name] for name in ("href", "colspan", "rowspan") if name in inner.attrs}
            self.put(element, re.sub(r"\s*\n\s*", "\n", str(element)), block=True)

    def convert_table(self, el, text, parent_tags):
        rows = super().convert_table(el, text, parent_tags).strip().split("\n")
        cells = el.select_one("thead tr").find_all(["th", "td"])
        rows[1] = "| " + " | ".join(map(_alignment, cells)) + " |"
        return "\n\n" + "\n".join(rows) + "\n\n"

    def convert_td(self, el, text, parent_tags):
        return super().convert_td(el, text.replace("|", r"\|"), parent_tags)

    def convert_th(self, el, text, parent_tags):
        return super().convert_th(el, text.replace("|", r"\|"), parent_tags)

    def convert_details(self, el, text, parent_tags):
        return f"\n\n<details>\n{text.strip()}\n\n</details>\n\n"

    def convert_summary(self, el, text, parent_tags):
        for inner in el.find_all(True):
            inner.attrs = {name: inner[name] for name in ("href",) if name in inner.attrs}
            if inner.name in ("p", "span", "div"):
                inner.unwrap()
        return f"<summary>{' '.join(el.decode_contents().split())}</summary>\n\n"

    def convert_dt(self, el, text, parent_tags):
        return f"\n\n**{text.strip()}**\n\n"

    def convert_dd(self, el, text, parent_tags):
        return f"\n\n{text.strip()}\n\n"

    def escape(self, text, parent_tags):
        text = super().escape(text.replace("\\", "\\\\"), parent_tags)
        return html.escape(text, quote=False).replace("$", r"\$")


def _wrapped(name, element):
    inner = BeautifulSoup(f"<{name}></{name}>", "html.parser").find(name)
    inner.extend(list(element.contents))
    return inner


def _alignment(cell):
    side = next((c[5:] for c in cell.get("class", []) if c.startswith("text-")), "")
    return {"right": "--:", "center": ":-:", "left": ":--"}.get(side, "---")
