"""Widgets: what a reader can move, in a page that is opened from disk and asks nobody.

    :::{widget} gate_explorer
    :data: gate_explorer

    What a reader sees where scripts are off: a sentence, or a figure.
    :::

The first word names chapters/_static/widgets/NAME.js; only pages with that widget load it, after numbers.js and
plot.js, which all widgets share.  `data` names chapters/_static/widgets/NAME.json, and stands in the page itself: a
page opened from disk may not fetch it.  The script puts the widget in the place of the body, which must not be empty.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

WIDGETS = Path(__file__).parents[1] / "_static" / "widgets"
SHARED = ("numbers", "plot")  # what every widget is made with, in the order in which it is loaded


class Widget(nodes.General, nodes.Element):
    """A place for a widget; its children are what is shown without scripts."""


class WidgetDirective(SphinxDirective):
    """A widget, its numbers, and what stands in its place where scripts are off."""

    required_arguments = 1
    option_spec = {"data": str}  # noqa: RUF012
    has_content = True

    def run(self):
        self.assert_has_content()
        name, data = self.arguments[0], self.options.get("data")
        widget = Widget(name=name, data="")
        self.file(f"{name}.js")
        if data:
            widget["data"] = inlined(self.file(f"{data}.json").read_text(encoding="utf-8"))
        self.state.nested_parse(self.content, self.content_offset, widget)
        return [widget]

    def file(self, name):
        """A file of the widgets' folder, on which the page then depends."""
        path = WIDGETS / name
        if not path.is_file():
            raise self.error(f"there is no {name} in {WIDGETS.relative_to(WIDGETS.parents[2])}")
        self.env.note_dependency(str(path))
        return path


def inlined(text):
    """JSON on one line, in which no word can end the <script> element around it."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def open_widget(self, node):
    self.body.append(f'<div class="widget" data-widget="{node["name"]}">\n')
    if node["data"]:
        self.body.append(f'<script type="application/json">{node["data"]}</script>\n')
    self.body.append('<div class="widget-fallback">\n')


def close_widget(self, node):
    self.body.append("</div>\n</div>\n")


def plain(self, node):
    """Every other builder shows the body."""


def load_scripts(app, pagename, templatename, context, doctree):
    """A page loads the scripts of its own widgets, and a page without any loads none."""
    names = [] if doctree is None else [widget["name"] for widget in doctree.findall(Widget)]
    if names:
        for name in dict.fromkeys((*SHARED, *names)):
            app.add_js_file(f"widgets/{name}.js", loading_method="defer")


def setup(app):
    app.add_node(Widget, html=(open_widget, close_widget), text=(plain, plain), latex=(plain, plain))
    app.add_directive("widget", WidgetDirective)
    app.connect("html-page-context", load_scripts)  # from the page's own tree: nothing is kept between pages
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
