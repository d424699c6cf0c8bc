"""What the pages' HTML says to programs that read it aloud, where the tools that write it say something else.

* The label of folded code is a <span>: in a <summary>, no paragraph is allowed.
* Every exercise and every solution has its own id, and no second one that all of them share.
* A reference of the bibliography is an item of its list, by a role that ARIA still has.
* An empty corner of a table is an empty cell, and not a heading without words.
* The page at the root, which leads to the first one, is a page: with a language, a title and a link.
"""

import html
import re
from pathlib import Path

REPAIRS = [
    (re.compile(r'<p (class="(?:collapsed|expanded) admonition-title")>([^<]*)</p>'), r"<span \1>\2</span>"),
    (re.compile(r'<section id="(exercise-content|solution-content)">'), r'<section class="\1">'),
    (re.compile(r'role="doc-biblioentry"'), 'role="listitem"'),
    (re.compile(r'<th class="head([^"]*)">(?:<p></p>)?</th>'), r'<td class="head\1"></td>'),
]


def repair(body):
    """A page's text with its HTML put right."""
    for wrong, right in REPAIRS:
        body = wrong.sub(right, body)
    return body


def repair_page(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = repair(context["body"])


ROOT_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={first}"><title>{title}: the first page</title>
</head>
<body><p><a href="{first}">{title}</a></p></body>
</html>
"""


def write_root_page(app, exception):
    if exception is None and app.builder.name == "html" and app.config.root_doc != "index":
        text = ROOT_PAGE.format(first=f"{app.config.root_doc}.html", title=html.escape(app.config.html_title))
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def setup(app):
    app.add_js_file("frame.js", loading_method="defer")  # the frame's buttons do what they say
    app.connect("html-page-context", repair_page)
    app.connect("build-finished", write_root_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
