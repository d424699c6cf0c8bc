"""What a reader answers, and what others have reported.

    :::{question} Which reader can know at *bank* which bank is meant?
    ( ) A forward LSTM with enough units.
    No. What decides it has not been said yet.

    (x) A bidirectional LSTM.
    Yes: its second half has read the sentence from the end.
    :::

A question for the reader's own check.  Each answer is a native <details> element: it opens with a click or a key,
needs no script, and says whether it is right and why.  `(x)` marks the right answers; at least one of each is needed.

    {reported}`31,390`  a number from a cited source, typed because no run of ours gives it
"""

import re

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective, SphinxRole

MARK = re.compile(r"^\((x| )\) ", flags=re.MULTILINE)


class Answer(nodes.General, nodes.Element):
    """One answer; its first child is what is offered, the rest what is said of it."""


class Question(SphinxDirective):
    """A question with answers that say whether they are right."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self):
        text = "\n".join(self.content)
        before, *found = MARK.split(text)
        answers = list(zip(found[0::2], found[1::2], strict=True))
        kinds = {kind for kind, _ in answers}
        if before.strip() or kinds != {"x", " "}:
            raise self.error("a question needs answers that start with (x) or ( ), and at least one of each")
        whole = nodes.container(classes=["question"])
        self.parse(self.arguments[0], whole)
        whole.children[0]["classes"].append("question-asked")
        for kind, words in answers:
            offered, _, said = words.partition("\n")
            if not said.strip():
                raise self.error(f"the answer {offered.strip()!r} must be followed by what is said of it")
            answer = Answer(right=kind == "x")
            self.parse(offered.strip(), answer)
            self.parse(said.strip(), answer)
            whole += answer
        return [whole]

    def parse(self, text, into):
        self.state.nested_parse(StringList(text.splitlines(), self.env.docname), self.content_offset, into)


def open_answer(self, node):
    right = node["right"]
    offered = node.children[0]
    self.body.append(f'<details class="answer {"is-right" if right else "is-wrong"}"><summary>')
    for child in offered.children:
        child.walkabout(self)
    self.body.append("</summary>\n")
    node.remove(offered)
    verdict = nodes.strong("", "Right. " if right else "Not so. ")
    node.children[0].insert(0, verdict)


def close_answer(self, node):
    self.body.append("</details>\n")


def plain_open(self, node):
    """Text builders show everything."""


class Reported(SphinxRole):
    """{reported}`31,390`: plain text to the reader; to the tests a number with a source beside it."""

    def run(self):
        return [nodes.inline("", self.text, classes=["reported"])], []


def setup(app):
    app.add_node(Answer, html=(open_answer, close_answer), text=(plain_open, plain_open))
    app.add_directive("question", Question)
    app.add_role("reported", Reported())
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
