"""The ledger in the pages: claims, their verdicts, the records that decide them, and the links between all three.

    {claim}`3.14`       the number of a claim in a chapter: a place to link to, and a link to its entry in the ledger
    {claimed}`3.14`     its wording
    {verdict}`3.14`     its verdict
    {entry}`3.14`       a link to its entry alone
    ```{ledger} 3       every claim of section 3 of the guide, with its checks, sources and places
    ```{record} adding  the recorded run of an experiment: where it comes from, what it found, what it decides
    ```{anchors}        published results beside ours
    ```{tally}          how many claims there are of each verdict, and how many are decided by a check

Everything is read from chapters/claims.yml, chapters/anchors.yml and chapters/results; nothing is typed twice.
"""

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective, SphinxRole

from lstmkit import claims, results

LEDGER, RECORDS = "chapters/claims", "chapters/records"  # the pages
ANCHORS = claims.FILE.with_name("anchors.yml")


class Places(nodes.General, nodes.Element):
    """Stands for the list of places that speak of a claim, until every page has been read."""


def anchor(claim):
    """The id of a claim, in its chapter and in the ledger."""
    return f"claim-{claim.replace('.', '-')}"


def ledger(env):
    """The claims by id, read once a build."""
    if not hasattr(env, "ledger_claims"):
        env.ledger_claims = {claim.id: claim for claim in claims.load()}
    return env.ledger_claims


def page_of(chapter, env):
    """The document of a chapter, None where the book does not have it yet."""
    name = f"chapters/{chapter}"
    return name if name in env.found_docs else None


class ClaimRole(SphinxRole):
    """{claim}`3.14`: a place in the chapter, and a link to the entry in the ledger."""

    def run(self):
        if self.text not in ledger(self.env):
            message = self.inliner.reporter.warning(f"there is no claim {self.text!r} in claims.yml", line=self.lineno)
            return [nodes.literal(text=self.text)], [message]
        self.env.note_dependency(str(claims.FILE))
        places = self.env.ledger_places.setdefault(self.text, [])
        place = nodes.inline(classes=["claim-number"])
        if not any(docname == self.env.docname for docname, _ in places):
            places.append((self.env.docname, anchor(self.text)))
            place["ids"] = [anchor(self.text)]
        place += link(self.text, self.env)
        return [place], []


class EntryRole(SphinxRole):
    """{entry}`3.14`: a link to the entry of the ledger, and no place that speaks of the claim."""

    def run(self):
        return [link(self.text, self.env)], []


def link(claim, env):
    """A link from the page under way to a claim's entry in the ledger."""
    uri = f"{env.app.builder.get_relative_uri(env.docname, LEDGER)}#{anchor(claim)}"
    return nodes.reference("", claim, refuri=uri, internal=True)


class ClaimedRole(SphinxRole):
    """{claimed}`3.14`: the claim in our words."""

    def run(self):
        claim = ledger(self.env).get(self.text)
        return self.inliner.parse(claim.claim if claim else "", self.lineno, None, nodes.Element())


class VerdictRole(SphinxRole):
    """{verdict}`3.14`: one word."""

    def run(self):
        claim = ledger(self.env).get(self.text)
        if claim is None:
            message = self.inliner.reporter.warning(f"there is no claim {self.text!r} in claims.yml", line=self.lineno)
            return [nodes.literal(text=self.text)], [message]
        return [badge(claim.verdict)], []


def badge(verdict):
    """The word of a verdict, with its class for the colour; the word says it all."""
    return nodes.inline("", verdict, classes=["verdict", f"verdict-{verdict}"])


class FromFiles(SphinxDirective):
    """What the directives share: MyST text parsed in place, and the files that a page depends on."""

    optional_arguments = 1

    def parse(self, text, into):
        self.state.nested_parse(StringList(text.splitlines(), self.env.docname), self.content_offset, into)
        return into

    def depends_on(self, *files):
        for file in files:
            self.env.note_dependency(str(file))

    def record(self, experiment):
        """The recorded run of an experiment, None where there is none."""
        self.depends_on(results.RECORDED / f"{experiment}.json")
        try:
            return results.load(experiment)
        except results.Unfit:
            return None


class Ledger(FromFiles):
    """The claims of one section of the guide."""

    required_arguments = 1

    def run(self):
        self.depends_on(claims.FILE)
        section = self.arguments[0]
        mine = [claim for claim in ledger(self.env).values() if claim.id.split(".")[0] == section]
        if not mine:
            raise self.error(f"claims.yml has no claim of section {section}")
        return [self.entry(claim) for claim in mine]

    def entry(self, claim):
        classes = ["claim", f"is-{claim.verdict}", f"in-{claim.chapter}", *self.decided(claim)]
        whole = nodes.container(ids=[anchor(claim.id)], classes=classes)
        whole += nodes.paragraph("", "", nodes.strong("", claim.id), nodes.Text(" "), badge(claim.verdict))
        sources = ", ".join(f"{{cite:t}}`{key}`" for key in claim.sources)
        parts = {
            "claim-words": claim.claim,
            "claim-instead": claim.instead,
            "claim-reason": claim.reason and f"Why no experiment decides it: {claim.reason}",
            "claim-checks": "\n".join(map(self.check, claim.checks)),
            "claim-sources": sources and f"Sources: {sources}.",
        }
        for name, text in parts.items():
            if text:
                whole += self.parse(text, nodes.container(classes=[name]))
        whole += Places(claim=claim.id)
        return whole

    def decided(self, claim):
        return ["by-check"] if claim.checks else ["by-source"] if claim.sources else []

    def check(self, check):
        """One line of Markdown: what is shown, the numbers, the condition, the link to the run."""
        record = self.record(check.experiment)
        where = f"[{check.experiment}](#record-{check.experiment})"
        if record is None:
            return f"- {check.shows} ({where}, not recorded)"
        holds, text = claims.decide(check, record)
        return f"- {check.shows} ({'it holds' if holds else '**it does not hold**'}, {where}; `{text}`)"


class Record(FromFiles):
    """The recorded run of an experiment."""

    required_arguments = 1

    def run(self):
        experiment = self.arguments[0]
        whole = nodes.container(classes=["record"])
        record = self.record(experiment)
        if record is None:
            self.parse(f"{results.question(experiment)}\n\nNot recorded.", whole)
            return [whole]
        self.depends_on(claims.FILE)
        runs, versions = record["runs"], record["versions"]
        seconds = sum(run["cpu_seconds"] for run in runs)
        text = [
            f"{record['question']}  {{py:mod}}`lstmkit.experiments.{experiment}`",
            "",
            f"Recorded on {runs[0]['started'][:10]}, {len(runs)} seeds, {seconds:,.0f} CPU seconds on one "
            f"{record['processor']} core; " + ", ".join(f"{name} {version}" for name, version in versions.items())
            + f"; commit `{(record['commit'] or 'unknown')[:10]}`, code `{record['code']}`.",
        ]  # fmt: skip
        decides = sorted(
            {c.id for c in ledger(self.env).values() if any(k.experiment == experiment for k in c.checks)},
            key=by_number,
        )
        if decides:
            text += ["", "It decides " + ", ".join(f"{{entry}}`{i}`" for i in decides) + "."]
        self.parse("\n".join(text), whole)
        rows = list(self.rows(record))
        if rows:
            table = ["| number | median | least | most |", "| --- | ---: | ---: | ---: |", *rows]
            self.parse("::::{dropdown} Its numbers\n" + "\n".join(table) + "\n::::", whole)
        return [whole]

    def rows(self, record):
        """A row for each number that every seed has; a condition that holds or not is counted."""
        first = dict(results.leaves(record["runs"][0]["numbers"]))
        for key in first:
            found = results.values(record, key)
            if all(isinstance(value, bool) for value in found):
                yield f"| `{key}` | {sum(found)} of {len(found)} | | |"
            elif all(value is None or results.is_number(value) for value in found):
                middle, least, most = map(results.written, results.spread(found))
                yield f"| `{key}` | {middle} | {least} | {most} |"


class Anchors(FromFiles):
    """Published results beside ours."""

    def run(self):
        self.depends_on(ANCHORS)
        whole = nodes.container(classes=["anchors"])
        for row in yaml.safe_load(ANCHORS.read_text(encoding="utf-8")):
            self.parse("\n".join(self.row(row)), whole)
        return [whole]

    def row(self, row):
        checked = f"checked {row['checked']}" if row["checked"] else "as reported"
        yield f"**{row['task']}**\n"
        yield f"- Published ({checked}): {row['published']} {{cite:p}}`{row['source']}`."
        record = self.record(row["experiment"])
        found = []
        for name, key in row["ours"].items() if record is not None else []:
            found.append(f"{name} {results.summary(results.values(record, key))}")
        seeds = f"median of {len(record['runs'])} seeds, least and most" if record else "not recorded"
        yield f"- Ours ({seeds}): {'; '.join(found)}. [{row['experiment']}](#record-{row['experiment']})"
        yield f"- {row['difference']}\n"


class Tally(FromFiles):
    """How many claims of each verdict, and how many are decided by a check."""

    def run(self):
        self.depends_on(claims.FILE)
        every = list(ledger(self.env).values())
        lines = ["| verdict | claims | decided by a check | by sources alone |", "| --- | ---: | ---: | ---: |"]
        for verdict in claims.VERDICTS:
            mine = [claim for claim in every if claim.verdict == verdict]
            lines.append(self.line(f"{{verdict-word}}`{verdict}`", mine))
        lines.append(self.line("together", every))
        whole = nodes.container()
        self.parse("\n".join(lines), whole)
        return [whole]

    def line(self, name, mine):
        checked = sum(bool(claim.checks) for claim in mine)
        cited = sum(not claim.checks and bool(claim.sources) and claim.verdict != "untestable" for claim in mine)
        return f"| {name} | {len(mine)} | {checked} | {cited} |"


class VerdictWord(SphinxRole):
    """{verdict-word}`right`: the word in its colour."""

    def run(self):
        return [badge(self.text)], []


def by_number(claim):
    """Sorts "3.2" before "3.14"."""
    return [int(part) for part in claim.split(".")]


def name_places(app, doctree, docname):
    """Put links to the chapters in the place of each Places."""
    for node in list(doctree.findall(Places)):
        places = app.env.ledger_places.get(node["claim"], [])
        line = nodes.paragraph(classes=["claim-places"])
        for n, (other, target) in enumerate(sorted(places)):
            line += nodes.Text(", " if n else "Discussed in: ")
            uri = f"{app.builder.get_relative_uri(docname, other)}#{target}"
            line += nodes.reference("", app.env.titles[other].astext(), refuri=uri, internal=True)
        node.replace_self(line if places else [])


def forget(app, env, docname):
    """A page that is read anew says its places anew."""
    places = getattr(env, "ledger_places", {})
    env.ledger_places = {claim: [place for place in mine if place[0] != docname] for claim, mine in places.items()}


def merge(app, env, docnames, other):
    """From another process of a parallel build."""
    for claim, places in other.ledger_places.items():
        mine = env.ledger_places.setdefault(claim, [])
        mine += [place for place in places if place[0] in docnames and place not in mine]


def begin(app, env, docnames):
    """The ledger is read anew in each build."""
    if not hasattr(env, "ledger_places"):
        env.ledger_places = {}
    env.__dict__.pop("ledger_claims", None)


def write_ledger_again(app, env):
    """Its places come from the other pages."""
    return [LEDGER] if LEDGER in env.found_docs else []


def filter_script(app, pagename, templatename, context, doctree):
    """The filter belongs to one page."""
    if pagename == LEDGER:
        app.add_js_file("ledger.js")


def setup(app):
    app.add_node(Places)
    app.add_role("claim", ClaimRole())
    app.add_role("claimed", ClaimedRole())
    app.add_role("entry", EntryRole())
    app.add_role("verdict", VerdictRole())
    app.add_role("verdict-word", VerdictWord())
    for name, directive in {"ledger": Ledger, "record": Record, "anchors": Anchors, "tally": Tally}.items():
        app.add_directive(name, directive)
    app.connect("env-before-read-docs", begin)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", write_ledger_again)
    app.connect("doctree-resolved", name_places)
    app.connect("html-page-context", filter_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
