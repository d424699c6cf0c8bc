"""What the pages' HTML says to programs that read it aloud, where the tools that write it say something else.

* The label of folded code is a <span>: in a <summary>, no paragraph is allowed.
* Every exercise and every solution has its own id, and no second one that all of them share.
* A reference of the bibliography is an item of its list, by a role that ARIA still has.
* An empty corner of a table is an empty cell, and not a heading without words.
"""

import re

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


def setup(app):
    app.connect("html-page-context", repair_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
