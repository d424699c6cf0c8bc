"""The book as notebooks: executed chapters and the assignments beside the HTML, and the ways to open them.

    _build/html/notebooks/gates.ipynb           a chapter, with the outputs of the build: nothing runs a second time
    _build/html/notebooks/exercises/lstm.ipynb  an assignment as `make exercises` released it, without solutions
    _build/html/exercises/lstm.html             the same as a page to read

    {assignment}`lstm`  in a chapter: its title, and links to its page, its notebook and, where that works, Colab

Text stands in a notebook as the page shows it, see plain_markdown.py; a first cell installs the package where it is
missing.  Buttons to Colab, Binder and a JupyterHub need the address of the repository.  It stands in one place, in
_config.yml, with the branch that holds the published notebooks; without it nothing that needs it is shown.
"""

import base64
import html
import mimetypes
import posixpath
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import jupyter_cache
import nbformat
import plain_markdown
from bs4 import BeautifulSoup
from docutils import nodes
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

import lstmkit

LOGGER = logging.getLogger(__name__)
FOLDER, EXERCISES = "notebooks", "exercises"
EXTRAS = "torch,plot,data,ledger"  # what the chapters import
COLLAPSED = {
    "hide-input": "source_hidden",
    "remove-input": "source_hidden",
    "remove-cell": "source_hidden",
    "hide-output": "outputs_hidden",
}


# Where things are


class Address:
    """The repository and what else the configuration says of the published book; empty words for what it does not."""

    def __init__(self, config):
        options = config.html_theme_options
        self.repository = (options.get("repository_url") or "").rstrip("/")
        self.branch = options.get("repository_branch") or "notebooks"
        self.hub = config.notebooks_hub.rstrip("/")
        self.book = config.html_baseurl.rstrip("/")

    def launchers(self, file):
        """(name, icon, address) of everything that can open a published notebook, such as notebooks/gates.ipynb."""
        on_github = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?", self.repository)
        if on_github:
            where = f"{on_github[1]}/blob/{self.branch}/{file}"
            yield "Colab", "fas fa-infinity", f"https://colab.research.google.com/github/{where}"
            where = f"{on_github[1]}/{self.branch}?urlpath={quote(f'lab/tree/{file}', safe='')}"
            yield "Binder", "fas fa-flask", f"https://mybinder.org/v2/gh/{where}"
        if self.repository and self.hub:
            into = f"lab/tree/{posixpath.basename(self.repository).removesuffix('.git')}/{file}"
            where = f"repo={quote(self.repository, safe='')}&branch={self.branch}&urlpath={quote(into, safe='')}"
            yield "JupyterHub", "fas fa-server", f"{self.hub}/hub/user-redirect/git-pull?{where}"

    def page(self, target, depth):
        """A link out of a notebook, `depth` folders below the pages, to one of them."""
        return f"{self.book or '/'.join(['..'] * depth)}/{target}"

    def first_cell(self, extras, glue=False):
        """Installs the package where it is missing."""
        package = f"lstmkit[{extras}]" if extras else "lstmkit"
        if self.repository:
            note = "where it is missing."
            wanted = f"{package} @ git+{self.repository}@v{lstmkit.__version__}"
        else:
            note = "where it is missing.\n# No address of the book's repository is known here: "
            note += "where the package index has no lstmkit, run\n"
            note += f"# pip install '.{package.removeprefix('lstmkit')}' in the folder of the book."
            wanted = f"{package}=={lstmkit.__version__}"
        lines = [f"# Installs the book's package {note}", "try:", "    import lstmkit", "except ModuleNotFoundError:"]
        lines.append(f'    %pip install --quiet "{wanted}"')
        if glue:
            lines += [
                "",
                "try:  # puts numbers into the text of the book; here the text has them already",
                "    import myst_nb",
                "except ModuleNotFoundError:",
                "    import sys, types",
                "",
                '    sys.modules["myst_nb"] = types.SimpleNamespace(glue=lambda name, value, display=True: None)',
            ]
        return "\n".join(lines)


# A page as a notebook


def name_of(docname):
    """chapters/gates -> gates."""
    return docname.removeprefix("chapters/")


def executed(app, docname):
    """The notebook that Sphinx read for a page, with its outputs; None for a page without code."""
    source = Path(app.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"
    if docname not in app.env.found_docs or not source.is_file():
        return None
    notebook = nbformat.read(source, as_version=4)
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        return None
    if app.config.nb_execution_mode == "cache":  # the notebook's own outputs are missing where nothing had to run
        try:
            _, notebook = jupyter_cache.get_cache(app.config.nb_execution_cache_path).merge_match_into_notebook(
                notebook
            )
        except KeyError:
            if any(cell.get("outputs") for cell in notebook.cells):
                return notebook
            LOGGER.warning("its executed notebook is not in the cache", location=docname)
    return notebook


def as_notebook(app, docname):
    """The notebook of a page with code, its text as the built page shows it; None for a page without code."""
    source = executed(app, docname)
    if source is None:
        return None
    address, name = Address(app.config), name_of(docname)
    page = Path(app.outdir, f"{docname}.html")

    def link(href):
        parts = urlsplit(href)
        if parts.scheme or parts.netloc:
            return href
        path = posixpath.normpath(posixpath.join(posixpath.dirname(docname), parts.path or page.name))
        return address.page(path + (f"#{parts.fragment}" if parts.fragment else ""), name.count("/") + 1)

    def picture(src):
        """Pictures travel in the notebook, which may be opened far from the book."""
        file = page.parent / unquote(src)
        if not file.is_file():
            return link(src)
        kind = mimetypes.guess_type(file.name)[0] or "image/png"
        return data_uri(kind, file.read_bytes())

    article = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select_one("article")
    for widget in article.select("div.widget"):
        where = link(f"#{widget['id']}" if "id" in widget.attrs else "")
        widget.append(
            BeautifulSoup(f'<p><em>On <a href="{where}">the page</a> this can be moved.</em></p>', "html.parser")
        )
    waiting, shown = [cell for cell in source.cells if cell.cell_type == "code"], []
    for element in article.select("div.cell"):
        cells = until(waiting, element)
        caption, figure = element.select_one("figcaption"), element.select_one("img[alt]")
        alt = figure["alt"] if figure is not None else ""
        shown.append([published(cell, alt) for cell in cells])
        below = BeautifulSoup(f"<div><p>CELL-{len(shown) - 1}-HERE</p></div>", "html.parser").div
        below.extend(caption.contents if caption is not None else [])
        element.replace_with(below)

    cells = [nbformat.v4.new_code_cell(address.first_cell(EXTRAS, glue=True))]
    for n, part in enumerate(
        re.split(r"^CELL-(\d+)-HERE$", plain_markdown.write(article, link, picture), flags=re.MULTILINE)
    ):
        if n % 2:
            cells += shown[int(part)]
        elif part.strip():
            cells.append(nbformat.v4.new_markdown_cell(part.strip()))
    cells += map(published, waiting)
    if sum(cell.cell_type == "code" for cell in cells) != 1 + sum(cell.cell_type == "code" for cell in source.cells):
        raise ValueError("a code cell stands where a notebook can have none, in a box or a table")
    return finished(cells, name)


def until(waiting, element):
    """Takes off the waiting cells the one that an element shows, and those before it, which show nothing."""
    source = element.select_one("div.cell_input pre")
    for n, cell in enumerate(waiting):
        hidden = source is None and "remove-input" in cell.metadata.get("tags", ())
        if hidden or (source is not None and cell.source.strip() == source.get_text().strip()):
            taken = waiting[: n + 1]
            del waiting[: n + 1]
            return taken
    raise ValueError("the page shows a code cell that its notebook does not have")


def published(cell, alt=""):
    """A code cell as it is published: no times, no record of glue; what the page hides is collapsed."""
    new = nbformat.v4.new_code_cell(cell.source, execution_count=cell.execution_count)
    tags = cell.metadata.get("tags", [])
    if tags:
        new.metadata.tags = list(tags)
        new.metadata.jupyter = {COLLAPSED[tag]: True for tag in tags if tag in COLLAPSED}
    for output in cell.outputs:
        data = output.get("data", {})
        if data and all(kind.startswith("application/papermill.record/") for kind in data):
            continue
        if "image/svg+xml" in data:  # JupyterLab shows an SVG of a notebook from elsewhere only as a picture in HTML
            drawing = re.sub(r"\s*<metadata>.*?</metadata>", "", data.pop("image/svg+xml"), flags=re.DOTALL)
            data["text/html"] = f'<img alt="{html.escape(alt)}" src="{data_uri("image/svg+xml", drawing.encode())}">'
        output.get("metadata", {}).clear()
        new.outputs.append(output)
    return new


def data_uri(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def finished(cells, name):
    """A notebook of cells, with ids that are the same in the next build."""
    stem = re.sub(r"[^\w-]", "-", name)[:50]
    for n, cell in enumerate(cells):
        cell.id = f"{stem}-{n}"
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata.language_info = {"name": "python"}
    nbformat.validate(notebook)
    return notebook


def write_chapters(app):
    """Every page that was written since its notebook was; all of them, when the package or this file has changed."""
    ours = max(Path(file).stat().st_mtime for file in (lstmkit.__file__, __file__, plain_markdown.__file__))
    for docname in sorted(app.env.found_docs):
        file = Path(app.outdir, FOLDER, f"{name_of(docname)}.ipynb")
        page = Path(app.outdir, f"{docname}.html")
        if not page.is_file() or (file.is_file() and file.stat().st_mtime >= max(page.stat().st_mtime, ours)):
            continue
        try:
            notebook = as_notebook(app, docname)
        except ValueError as problem:
            LOGGER.warning("it cannot be a notebook: %s", problem, location=docname)
            continue
        if notebook is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, file)


# Assignments


def assignments(app):
    """The assignments by name: the texts from which `make exercises` releases them."""
    return {path.stem: path for path in sorted(Path(app.confdir, EXERCISES, "assignments").glob("*.py"))}


def released(app, name):
    """An assignment as students get it, None where `make exercises` has not been run."""
    file = Path(app.confdir, EXERCISES, "release", name, f"{name}.ipynb")
    return nbformat.read(file, as_version=4) if file.is_file() else None


def title_of(path):
    """The first heading of an assignment's text."""
    heading = re.search(r"^# # (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return heading[1] if heading else path.stem


def write_assignments(app):
    for name in assignments(app):
        notebook = released(app, name)
        if notebook is None:
            LOGGER.warning("the assignment %s is not released: run `make exercises` before the book", name)
            continue
        first = nbformat.v4.new_code_cell(Address(app.config).first_cell(""), id="install")
        notebook.cells.insert(0, first)
        file = Path(app.outdir, FOLDER, EXERCISES, f"{name}.ipynb")
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, file)


def assignment_pages(app):
    """The same to read: a page for each assignment."""
    markdown = MarkdownIt("commonmark").enable("table")
    markdown.use(
        dollarmath_plugin,
        renderer=lambda tex, how: html.escape(f"\\[{tex}\\]" if how["display_mode"] else f"\\({tex}\\)"),
    )
    for name, path in assignments(app).items():
        notebook = released(app, name)
        if notebook is None:
            continue
        parts = []
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                text = markdown.render(cell.source)
                text = text.replace("<table>", '<div class="pst-scrollable-table-container"><table class="table">')
                parts.append(text.replace("</table>", "</table></div>"))
            elif cell.source.strip():
                parts.append(app.builder.highlighter.highlight_block(cell.source, "ipython3"))
        pagename = f"{EXERCISES}/{name}"
        app.env.get_domain("math").data["has_equations"][pagename] = True  # so that it loads MathJax
        yield pagename, {"title": title_of(path), "body": f"<section>{''.join(parts)}</section>"}, "page.html"


class AssignmentRole(SphinxRole):
    """{assignment}`lstm`: links to all forms of an assignment."""

    def run(self):
        path = assignments(self.env.app).get(self.text)
        if path is None:
            known = ", ".join(assignments(self.env.app))
            message = self.inliner.reporter.warning(
                f"there is no assignment {self.text!r}; there are {known}", line=self.lineno
            )
            return [nodes.literal(text=self.text)], [message]
        self.env.note_dependency(str(path))
        up = "/".join([".."] * self.env.docname.count("/"))
        file = f"{FOLDER}/{EXERCISES}/{self.text}.ipynb"
        places = [
            (title_of(path), posixpath.join(up, EXERCISES, f"{self.text}.html")),
            ("notebook", posixpath.join(up, file)),
        ]
        places += [(place, uri) for place, _, uri in Address(self.config).launchers(file) if place == "Colab"]
        whole = nodes.inline(classes=["assignment"])
        for n, (words, uri) in enumerate(places):
            whole += nodes.Text(["", " (", ", "][min(n, 2)])
            whole += nodes.reference("", words, refuri=uri, internal=not uri.startswith("https:"))
        whole += nodes.Text(")")
        return [whole], []


# Buttons


def buttons(app, pagename, templatename, context, doctree):
    """Download and launch buttons of a page that is a notebook too."""
    if pagename.startswith(f"{EXERCISES}/"):
        file = f"{FOLDER}/{pagename}.ipynb"
    elif executed_name(app, pagename):
        file = f"{FOLDER}/{name_of(pagename)}.ipynb"
    else:
        return
    bar = context.setdefault("header_buttons", [])
    download = link_button(
        f"{context['pathto'](file, 1)}", ".ipynb", "fas fa-code", "Download as a notebook, with its outputs"
    )
    group = next((group for group in bar if group.get("label") == "download-buttons"), None)
    if group is None:
        group = button_group("download-buttons", "Download this page", "fas fa-download")
        bar.insert(0, group)
    group["buttons"].insert(0, download)
    launch = [
        link_button(uri, name, icon, f"Open this notebook in {name}")
        for name, icon, uri in Address(app.config).launchers(file)
    ]
    if launch:
        bar.insert(0, button_group("launch-buttons", "Open as a notebook", "fas fa-rocket") | {"buttons": launch})


def executed_name(app, docname):
    """Whether a page has code, and so a notebook."""
    source = Path(app.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"
    return (
        docname in app.env.found_docs
        and source.is_file()
        and '"cell_type": "code"' in source.read_text(encoding="utf-8")
    )


def link_button(uri, text, icon, tooltip):
    label = f"notebook-{text.strip('.').lower()}-button"
    return {"type": "link", "url": uri, "text": text, "icon": icon, "tooltip": tooltip, "label": label}


def button_group(label, tooltip, icon):
    return {"type": "group", "label": label, "tooltip": tooltip, "icon": icon, "buttons": []}


def write_notebooks(app, problem):
    if problem is None and app.builder.name == "html":
        write_chapters(app)
        write_assignments(app)


def setup(app):
    app.add_config_value("notebooks_hub", "", "env")  # the address of a JupyterHub with nbgitpuller
    app.add_role("assignment", AssignmentRole())
    app.connect("html-collect-pages", assignment_pages)
    app.connect("html-page-context", buttons, priority=800)  # after the theme's own
    app.connect("build-finished", write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
