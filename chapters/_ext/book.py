"""What this book needs from Sphinx and Jupyter Book beyond their settings.

* The execution cache has one place in the build; execution.py says which chapters must run again.
* A few names of Python, NumPy and torch resolve to their manuals without fetching anything.
* Pages load no script that is not in the book.
* The front page links the PDF where there is one.
* Docstrings are plain text, as a person reads them in the source: an indented block stays as it is, `a` becomes code,
  and nothing else is markup.  Field numbers of NamedTuples ("Alias for field number 0") stay out of the API page.
"""

import re
import zlib
from pathlib import Path

import pdf  # beside this file
from docutils import nodes
from sphinx.util.docutils import SphinxRole

MANUALS = {
    "python": (
        "https://docs.python.org/3/",
        {
            "py:class": {
                "int": "library/functions.html#int",
                "float": "library/functions.html#float",
                "bool": "library/functions.html#bool",
                "str": "library/stdtypes.html#str",
                "tuple": "library/stdtypes.html#tuple",
                "dict": "library/stdtypes.html#dict",
                "list": "library/stdtypes.html#list",
            },
            "py:exception": {"ValueError": "library/exceptions.html#ValueError"},
        },
    ),
    "numpy": (
        "https://numpy.org/doc/stable/",
        {
            "py:class": {
                "numpy.ndarray": "reference/generated/numpy.ndarray.html",
                "numpy.random.Generator": "reference/random/generator.html",
            },
            "py:function": {"numpy.random.default_rng": "reference/random/generator.html#numpy.random.default_rng"},
        },
    ),
    "torch": (
        "https://docs.pytorch.org/docs/stable/",
        {
            "py:class": {
                "torch.Tensor": "tensors.html",
                "torch.nn.Module": "generated/torch.nn.Module.html",
                "torch.nn.modules.module.Module": "generated/torch.nn.Module.html",
                "torch.nn.LSTM": "generated/torch.nn.LSTM.html",
                "torch.nn.RNN": "generated/torch.nn.RNN.html",
            }
        },
    ),
}


def one_cache(app, config):
    """Executed pages stay where a later build finds them; execution.py says when they are out of date."""
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".executed")


def write_inventories(app, config):
    """Sphinx inventories of the few outside names that the API page meets, so that `-n` needs no network."""
    folder = Path(app.outdir).parent / ".inventories"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (url, objects) in MANUALS.items():
        lines = [f"{word} {role} 1 {page} -\n" for role, pages in objects.items() for word, page in pages.items()]
        head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        (folder / f"{name}.inv").write_bytes(head.encode() + zlib.compress("".join(lines).encode()))
        config.intersphinx_mapping[name] = (url, str(folder / f"{name}.inv"))


def only_our_scripts(app, pagename, templatename, context, doctree):
    """Drop sphinx-thebe's scripts: they name a content network, and declare one constant twice, an error everywhere."""

    def wanted(script):
        attributes = getattr(script, "attributes", {}) or {}
        text = f"{getattr(script, 'filename', script) or ''} {attributes.get('body') or ''}"
        return "thebe" not in text.lower()

    if "script_files" in context:
        context["script_files"] = [script for script in context["script_files"] if wanted(script)]


def skip_field_numbers(app, what, name, obj, skip, options):
    if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number"):
        return True
    return None


def plain_text(app, what, name, obj, options, lines):
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    out = []
    for paragraph in paragraphs:
        if paragraph and all(line.startswith("  ") for line in paragraph.splitlines()):
            out.append("::\n\n" + paragraph)
            continue
        parts = re.split(r"(`+)(.+?)\1", paragraph, flags=re.DOTALL)  # text, ticks, code, text, ticks, code, ... text
        text = [re.sub(r"([\\*|_])", r"\\\1", part) for part in parts[0::3]]
        code = [f"``{' '.join(part.split())}``" for part in parts[2::3]]
        out.append("".join(a + b for a, b in zip(text, [*code, ""], strict=True)))
    lines[:] = [*"\n\n".join(out).splitlines(), ""]


class Pdf(SphinxRole):
    """{pdf}`as one PDF`: a link to the printed book where `make pdf` has made it, plain text where not."""

    def run(self):
        if not printed(self.env.app):
            return [nodes.inline("", self.text)], []
        depth = self.env.docname.count("/")
        return [nodes.reference("", self.text, refuri="../" * depth + pdf.NAME, internal=True)], []


def printed(app):
    return (Path(app.outdir) / pdf.NAME).is_file()


def pages_with_pdf(app, env, added, changed, removed):
    """The front page is read again when the PDF has come or gone."""
    before, env.pdf_printed = getattr(env, "pdf_printed", None), printed(app)
    return [app.config.root_doc] if before not in (None, env.pdf_printed) else []


def setup(app):
    app.connect("config-inited", one_cache)
    app.connect("config-inited", write_inventories, priority=100)
    app.add_role("pdf", Pdf())
    app.connect("env-get-outdated", pages_with_pdf)
    app.connect("html-page-context", only_our_scripts, priority=900)
    app.connect("autodoc-skip-member", skip_field_numbers)
    app.connect("autodoc-process-docstring", plain_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
