"""Which chapters must run again: those that use what has changed.

The execution cache knows a notebook by its cells and its kernel's description.  Into that description goes a
fingerprint of what their numbers depend on: the modules of lstmkit that they import, and what those import; the
records and pages whose names they quote; and the version of Python.  So a line of lstmkit that changes runs exactly the
chapters that use it.
"""

import ast
import functools
import hashlib
import json
import re
import sys
from pathlib import Path

CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
HEAD_OF_CELL = re.compile(r"\A(?:---\n.*?^---\n|(?::\w+:[^\n]*\n)+)", flags=re.MULTILINE | re.DOTALL)
KERNEL = re.compile(r"^kernelspec:\n", flags=re.MULTILINE)
QUOTED = re.compile(r"[\"']([a-z][a-z0-9_]*)[\"']")


def code_of(text):
    """The Python of a page's cells, lines of magic and all."""
    return "\n".join(HEAD_OF_CELL.sub("", cell) for cell in CELL.findall(text))


def imported(code):
    """The modules that code imports, and the names that may be modules of theirs."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@functools.cache
def modules(root):
    """{name: path} of every module of lstmkit."""
    found = {}
    for path in (root / "lstmkit").rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def needs(root, module):
    """The modules of lstmkit that importing one of them imports directly, packages above it included."""
    there = modules(root)
    parents = {module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1)}
    return frozenset((imported(there[module].read_text(encoding="utf-8")) | parents) & there.keys())


def dependencies(root, text):
    """The files that the cells of a page depend on, sorted."""
    root = Path(root)
    code = re.sub(r"^\s*[%!].*$", "", code_of(text), flags=re.MULTILINE)
    there = modules(root)
    quoted = set(QUOTED.findall(code))
    runs = quoted if re.search(r"\b(gather|one_run)\(", code) else set()  # an experiment that is run by its name
    waiting = (imported(code) | {f"lstmkit.experiments.{word}" for word in runs}) & there.keys()
    used = set()
    while waiting:
        module = waiting.pop()
        used.add(module)
        waiting |= needs(root, module) - used
    files = {there[module] for module in used}
    for word in quoted | {module.rpartition(".")[2] for module in used if ".experiments." in module}:
        files |= {path for path in (root / "chapters" / "results" / f"{word}.json",) if path.is_file()}
    if ".md" in code:  # a page that reads pages
        files |= {path for path in (root / "chapters" / f"{word}.md" for word in quoted) if path.is_file()}
    if "lstmkit.claims" in used:
        files.add(root / "chapters" / "claims.yml")
    if re.search(r"\bresults\.experiments\(", code):  # all of them
        files |= {*(root / "chapters" / "results").glob("*.json")}
    return sorted(files)


def fingerprint(root, text):
    """A short hash of all that the numbers of a page depend on, but for its own cells."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for path in dependencies(root, text):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def describe(app, docname, source):
    """Put the fingerprint where the cache looks."""
    if KERNEL.search(source[0]) and CELL.search(source[0]):
        key = app.env.fingerprints[docname] = fingerprint(Path(app.confdir), source[0])
        source[0] = KERNEL.sub(f"kernelspec:\n  fingerprint: {json.dumps(key)}\n", source[0], count=1)


def outdated(app, env, added, changed, removed):
    """Pages whose text is as it was, and whose numbers may not be."""
    modules.cache_clear()
    needs.cache_clear()
    old = env.fingerprints = getattr(env, "fingerprints", {})
    return [
        name
        for name in env.found_docs & old.keys()
        if (path := Path(env.doc2path(name))).suffix == ".md"
        and fingerprint(Path(app.confdir), path.read_text(encoding="utf-8")) != old[name]
    ]


def merge(app, env, docnames, other):
    """From another process of a parallel build."""
    env.fingerprints |= {name: other.fingerprints[name] for name in docnames if name in other.fingerprints}


def setup(app):
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", describe)
    app.connect("env-merge-info", merge)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
