"""`make lite`: the book's notebooks that need no PyTorch, in a JupyterLab that runs in the browser, in _build/lite.

An online extra: the page fetches Python itself (Pyodide) and NumPy from a public host when it is opened, and needs a
server, such as `python -m http.server -d _build/lite`.  Nothing in the book depends on it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import execution
import nbformat

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "_build"


def needs_torch(page):
    """Whether a cell of a page, or anything of lstmkit that it uses, imports torch."""
    text = page.read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in execution.dependencies(ROOT, text) if path.suffix == ".py"]
    return any("torch" in execution.imported(source) for source in [execution.code_of(text), *sources])


def main(program):
    published, contents = BUILD / "html" / "notebooks", BUILD / "lite-contents"
    if not published.is_dir():
        sys.exit("there are no notebooks yet: run `make book` first")
    shutil.rmtree(contents, ignore_errors=True)
    for file in sorted([*published.glob("*.ipynb"), *published.glob("exercises/*.ipynb")]):
        page = ROOT / "chapters" / f"{file.stem}.md"
        if file.parent == published and needs_torch(page):
            continue
        notebook = nbformat.read(file, as_version=4)
        first = notebook.cells[0]
        first.source = first.source.replace("lstmkit[torch,", "lstmkit[")  # there is no torch for browsers
        copy = contents / file.relative_to(published)
        copy.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, copy)
    wheel = max((BUILD / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    command = [program, "lite", "build", "--contents", contents, "--piplite-wheels", wheel]
    subprocess.run([*command, "--output-dir", BUILD / "lite"], check=True, cwd=BUILD)
    print(f"{len([*contents.rglob('*.ipynb')])} notebooks: python -m http.server -d {BUILD / 'lite'}")


if __name__ == "__main__":
    main(sys.argv[1])
