"""What is published beside the pages: notebooks, the buttons that open them, the package, and what builds them.

The notebooks are read from _build/html/notebooks, which `make book` writes; without it those tests are skipped.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

import lstmkit

nbformat = pytest.importorskip("nbformat")
yaml = pytest.importorskip("yaml")
bs4 = pytest.importorskip("bs4")
pytest.importorskip("markdownify")
pytest.importorskip("sphinx")

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
CHAPTERS = ROOT / "chapters"
ASSIGNMENTS = sorted((ROOT / "exercises" / "assignments").glob("*.py"))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
PAGES = sorted(path.stem for path in CHAPTERS.glob("*.md") if "```{code-cell}" in path.read_text(encoding="utf-8"))
SOMEWHERE = {"repository_url": "https://github.com/owner/book", "repository_branch": "notebooks"}

sys.path.insert(0, str(CHAPTERS / "_ext"))
import notebooks  # noqa: E402
import plain_markdown  # noqa: E402

sys.path.remove(str(CHAPTERS / "_ext"))


# Pages as Markdown


def markdown(page):
    soup = bs4.BeautifulSoup(page, "html.parser")
    return plain_markdown.write(soup, lambda href: f"../{href}", lambda src: f"data:{src}")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (r'<p>So <span class="math">\(a_1 &lt; b\)</span> holds.</p>', "So $a_1 < b$ holds."),
        (
            '<div class="math"><span class="eqno">(3.1)<a class="headerlink">#</a></span>\\[x\n= y\\]</div>',
            r"$$x = y\tag{3.1}$$",
        ),
        ("<p>5 $ and a_b * c \\ &lt;b&gt;</p>", r"5 \$ and a\_b \* c \\ &lt;b&gt;"),
        ('<p>See <a class="reference" href="gates.html#x">Fig. 1</a>.</p>', "See [Fig. 1](../gates.html#x)."),
        ('<h2>Title<a class="headerlink" href="#title">#</a></h2>', "## Title"),
        ('<p><img alt="What it shows" src="x.svg"></p>', "![What it shows](data:x.svg)"),
        (
            '<div class="admonition warning"><p class="admonition-title">Mind</p><ul><li><p>one</p></li></ul></div>',
            "> **Mind**\n>\n> - one",
        ),
        (
            '<div class="solution dropdown admonition"><p class="admonition-title">Solution 1</p><p>Yes.</p></div>',
            "<details>\n<summary>Solution 1</summary>\n\nYes.\n\n</details>",
        ),
        (
            '<div class="highlight-ipython3"><div class="highlight"><pre>if a_b:\n    pass\n</pre></div></div>',
            "```python\nif a_b:\n    pass\n```",
        ),
        (
            '<table><thead><tr><th class="text-right"><p><span class="math">\\(|a|\\)</span></p></th><th>b|c</th>'
            "</tr></thead><tbody><tr><td><p>1</p></td><td><code>d|e</code></td></tr></tbody></table>",
            "| $\\vert a\\vert$ | b\\|c |\n| --: | --- |\n| 1 | `d\\|e` |",
        ),
        ("<p>on a line\n1. that goes on</p>", "on a line 1. that goes on"),
        ("<script>no()</script><button>no</button><p>yes</p>", "yes"),
    ],
)
def test_a_page_becomes_markdown(page, expected):
    assert markdown(page) == expected


def test_a_formula_in_a_box_stays_one_formula():
    """A quotation's mark in a second line would be part of the formula."""
    text = markdown(
        '<div class="admonition"><div class="math">\\[a\n+ b\\]</div>'
        '<div class="highlight-python"><pre>x\ny</pre></div></div>'
    )
    assert text == "> $$a + b$$\n>\n> ```python\n> x\n> y\n> ```"


def test_a_table_that_markdown_cannot_hold_stays_html():
    text = markdown(
        "<table class='x'><thead><tr><th>a</th></tr></thead>"
        "<tbody><tr><td><ul><li>b</li></ul></td></tr></tbody></table>"
    )
    assert text.startswith("<table>")
    assert "<li>b</li>" in text
    assert "\n\n" not in text


# Addresses: they stand in _config.yml, and what needs one is there when they are


def address(options, hub="", book=""):
    return notebooks.Address(SimpleNamespace(html_theme_options=options, notebooks_hub=hub, html_baseurl=book))


def test_without_an_address_nothing_is_offered():
    here = address({"repository_url": "", "repository_branch": "notebooks"})
    assert list(here.launchers("notebooks/gates.ipynb")) == []
    assert here.page("chapters/gates.html", 1) == "../chapters/gates.html"
    assert "No address" in here.first_cell("torch")
    assert f"lstmkit[torch]=={lstmkit.__version__}" in here.first_cell("torch")


def test_with_an_address_there_are_links_to_notebooks():
    there = address(SOMEWHERE, hub="https://hub.example.org/", book="https://owner.github.io/book/")
    links = {name: uri for name, _, uri in there.launchers("notebooks/gates.ipynb")}
    assert links == {
        "Colab": "https://colab.research.google.com/github/owner/book/blob/notebooks/notebooks/gates.ipynb",
        "Binder": "https://mybinder.org/v2/gh/owner/book/notebooks?urlpath=lab%2Ftree%2Fnotebooks%2Fgates.ipynb",
        "JupyterHub": "https://hub.example.org/hub/user-redirect/git-pull?repo=https%3A%2F%2Fgithub.com%2Fowner%2Fbook"
        "&branch=notebooks&urlpath=lab%2Ftree%2Fbook%2Fnotebooks%2Fgates.ipynb",
    }
    assert there.page("chapters/gates.html", 1) == "https://owner.github.io/book/chapters/gates.html"
    assert f"git+https://github.com/owner/book@v{lstmkit.__version__}" in there.first_cell("torch")


def test_only_github_has_colab():
    assert list(address({"repository_url": "https://example.org/owner/book"}).launchers("x.ipynb")) == []


@pytest.mark.parametrize("options", [{}, SOMEWHERE])
def test_the_first_cell_does_nothing_where_the_package_is(options):
    source = address(options).first_cell("torch", glue=True)
    plain = re.sub(r"^    %pip .*$", "    raise AssertionError", source, flags=re.MULTILINE)
    assert plain != source
    exec(compile(ast.parse(plain), "first cell", "exec"), {})


def test_what_else_names_the_address_agrees():
    repository = CONFIG["repository"]["url"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation.get("repository-code", "") == repository
    urls = re.findall(r"^Repository = \"(.*)\"$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.M)
    assert urls == ([repository] if repository else [])


TINY = {
    "conf.py": """
import sys
sys.path.insert(0, {extensions!r})
extensions = ["myst_nb", "notebooks"]
html_theme = "sphinx_book_theme"
html_theme_options = {options!r}
myst_enable_extensions = ["colon_fence", "dollarmath"]
exclude_patterns = ["exercises", "_build", "cache"]
nb_execution_mode = "cache"
nb_execution_cache_path = {cache!r}
""",
    "index.md": "# Tiny\n\n```{toctree}\nchapters/page\nchapters/plain\n```\n",
    "chapters/plain.md": "# Plain\n\nNo code, and {assignment}`tiny`.\n",
    "chapters/page.md": """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---

(sec-page)=
# Page

See {doc}`plain` and $a_1$.

```{code-cell} ipython3
:tags: [remove-cell]
hidden = 6
```

```{code-cell} ipython3
print(hidden * 7)
```

:::{admonition} Mind
:class: warning
That is {ref}`sec-page`.
:::
""",
    "exercises/assignments/tiny.py": "# %% [markdown]\n# # A tiny task\n",
}


def tiny_book(folder, options):
    """Builds a project of two pages and an assignment; returns the folder of its pages and what Sphinx said."""
    for name, text in TINY.items():
        if name == "conf.py":
            text = text.format(extensions=str(CHAPTERS / "_ext"), options=options, cache=str(folder / "cache"))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    cells = [
        nbformat.v4.new_markdown_cell("# A tiny task\n\n$x_1$"),
        nbformat.v4.new_code_cell("raise NotImplementedError()"),
    ]
    release = folder / "exercises" / "release" / "tiny" / "tiny.ipynb"
    release.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), release)
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(folder), str(folder / "_build" / "html")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    assert done.returncode == 0, done.stderr
    return folder / "_build" / "html", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, SOMEWHERE], ids=["no address", "an address"])
def test_a_tiny_book(tmp_path, options):
    pages, said = tiny_book(tmp_path, options)
    assert "WARNING: " not in said

    notebook = nbformat.read(pages / "notebooks" / "page.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["code", "markdown", "code", "code", "markdown"]
    first, text, hidden, shown, box = notebook.cells
    assert "import lstmkit" in first.source
    assert text.source == "# Page\n\nSee [Plain](../chapters/plain.html) and $a_1$."
    assert hidden.source == "hidden = 6"
    assert hidden.metadata.jupyter.source_hidden
    assert shown.outputs[0].text == "42\n"
    assert box.source == "> **Mind**\n>\n> That is [Page](../chapters/page.html#sec-page)."
    assert not (pages / "notebooks" / "plain.ipynb").exists()

    task = nbformat.read(pages / "notebooks" / "exercises" / "tiny.ipynb", as_version=4)
    assert "import lstmkit" in task.cells[0].source
    assert "x_1" in (pages / "exercises" / "tiny.html").read_text(encoding="utf-8")

    links = {}
    for name in ("chapters/page", "chapters/plain", "exercises/tiny"):
        soup = bs4.BeautifulSoup((pages / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        links[name] = [a["href"] for a in soup.select("main a[href]")]
        for link in links[name]:  # nothing dead
            assert link.startswith(("https:", "#")) or (pages / name).parent.joinpath(link.split("#")[0]).is_file(), (
                link
            )
    assert "../notebooks/page.ipynb" in links["chapters/page"]
    assert "../notebooks/exercises/tiny.ipynb" in links["exercises/tiny"]
    assert {"../exercises/tiny.html", "../notebooks/exercises/tiny.ipynb"} <= set(links["chapters/plain"])
    launched = [link for name in links for link in links[name] if "colab" in link or "mybinder" in link]
    github = "owner/book/blob/notebooks/notebooks"
    assert (
        launched == []
        if not options
        else {
            f"https://colab.research.google.com/github/{github}/page.ipynb",
            f"https://colab.research.google.com/github/{github}/exercises/tiny.ipynb",
            "https://mybinder.org/v2/gh/owner/book/notebooks?urlpath=lab%2Ftree%2Fnotebooks%2Fpage.ipynb",
        }
        <= set(launched)
    )


@pytest.mark.slow
def test_an_unknown_assignment_and_one_not_released_are_warnings(tmp_path, monkeypatch):
    monkeypatch.setitem(TINY, "chapters/plain.md", "# Plain\n\n{assignment}`missing`\n")
    monkeypatch.setitem(TINY, "exercises/assignments/other.py", "# %% [markdown]\n# # Another\n")
    _, said = tiny_book(tmp_path, {})
    assert "there is no assignment 'missing'; there are other, tiny" in said
    assert "the assignment other is not released: run `make exercises`" in said


# The notebooks of the built book


def published(name):
    file = HTML / "notebooks" / f"{name}.ipynb"
    if not HTML.is_dir():
        pytest.skip("the book is not built: run `make book` first")
    return nbformat.read(file, as_version=4)


EVERY = [*PAGES, *(f"exercises/{path.stem}" for path in ASSIGNMENTS)]


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_a_published_notebook_is_clean(name):
    notebook = published(name)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert notebook.cells[0].source == notebooks.Address(
        SimpleNamespace(
            html_theme_options={f"repository_{key}": value for key, value in CONFIG["repository"].items()},
            notebooks_hub="",
            html_baseurl="",
        )
    ).first_cell("" if name.startswith("exercises/") else notebooks.EXTRAS, glue=not name.startswith("exercises/"))
    for cell in notebook.cells:
        assert "execution" not in cell.metadata
        assert not re.search(r"/(?:work|home|root|tmp|Users)/", json.dumps(cell)), cell.id
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.search(r"\{[a-z:-]+\}`|^:::|^```\{|^\(\w[\w-]*\)=|CELL-\d|[\ue000\ue001]", text, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_chapters_notebook_has_its_cells_and_figures(name):
    notebook = published(name)
    text = (CHAPTERS / f"{name}.md").read_text(encoding="utf-8")
    jupytext = pytest.importorskip("jupytext")
    cells = [cell.source for cell in jupytext.reads(text, fmt="md:myst").cells if cell.cell_type == "code"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"][1:]
    assert [cell.source.strip() for cell in code] == [cell.strip() for cell in cells]
    outputs = json.dumps([cell.outputs for cell in code])
    assert outputs.count("data:image/svg+xml") == len(re.findall(r"^\s+figure:", text, flags=re.MULTILINE))
    assert '<img alt=\\"\\"' not in outputs
    assert "papermill.record" not in outputs


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_the_links_of_a_notebook_lead_somewhere(name):
    text = "\n".join(cell.source for cell in published(name).cells if cell.cell_type == "markdown")
    folder = (HTML / "notebooks" / f"{name}.ipynb").parent
    for link in set(re.findall(r"\]\(([^)\s]+)\)|href=\"([^\"]+)\"", text)):
        target, _, anchor = max(link).partition("#")
        if not target.startswith(("http", "mailto:", "data:")):
            assert (folder / target).is_file(), target
            assert not anchor or f'id="{anchor}"' in (folder / target).read_text(encoding="utf-8"), max(link)


@pytest.mark.slow
@pytest.mark.parametrize("path", ASSIGNMENTS, ids=lambda path: path.stem)
def test_a_published_assignment_holds_no_solution(path):
    kept = "\n".join(cell.source for cell in published(f"exercises/{path.stem}").cells)
    page = bs4.BeautifulSoup((HTML / "exercises" / f"{path.stem}.html").read_text(encoding="utf-8"), "html.parser")
    secrets = re.findall(
        r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", path.read_text(encoding="utf-8"), flags=re.S
    )
    assert secrets
    for text in (kept, page.get_text()):
        assert "### BEGIN" not in text
        for secret in secrets:
            assert secret.strip() not in text


# Machinery


def test_binder_takes_this_checkout_at_the_pinned_versions():
    script = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    assert script.startswith("#!")
    assert os.access(ROOT / "binder" / "postBuild", os.X_OK)
    assert "--constraint constraints.txt" in script
    assert f".[{notebooks.EXTRAS}]" in script
    subprocess.run(["bash", "-n", str(ROOT / "binder" / "postBuild")], check=True)
    assert re.fullmatch(r"python-3\.\d+\n", (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8"))


def test_the_dev_container_makes_the_environment():
    settings = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert settings["postCreateCommand"] == "make .venv/.ready"
    assert settings["forwardPorts"] == [8888]
    assert "python" in settings["image"]


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_there_are_three_workflows():
    assert [path.stem for path in WORKFLOWS] == ["ci", "publish", "rot"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_uses_what_is_there(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}  # a job that needs more says so itself
    for job in workflow["jobs"].values():
        assert "runs-on" in job
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", step["uses"]), step["uses"]
            for target in re.findall(r"\bmake ([\w./]+)", step.get("run", "")):
                assert target in TARGETS or target == ".venv/.ready", target
            for file in re.findall(r"(?:tests|chapters|\.ci)/[\w./]+", step.get("run", "")):
                assert (ROOT / file).exists(), file


def test_ci_is_what_a_person_runs():
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]["test"][
        "steps"
    ]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


# The package

FROM_THE_WHEEL = ["lstm", "gru", "peephole", "rnn", "functions", "adam", "results", "download"]


@pytest.mark.slow
def test_the_tests_pass_from_the_wheel_alone(tmp_path):
    """From the sources of the sdist, without its lstmkit, so that `import lstmkit` can only mean the wheel."""
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.run([*build, "-t", "sdist"], check=True, cwd=ROOT, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path, filter="data")
    assert {"tests/test_lstm.py", "chapters/gates.md", "chapters/claims.yml", "exercises/build.py", "LICENSE"} <= names
    assert not [
        name for name in names if name.endswith(".ipynb") or re.match(r"_build|\.venv|\.git/|exercises/source", name)
    ]
    assert sdist.stat().st_size < 5e6

    sources = tmp_path / sdist.name.removesuffix(".tar.gz")
    subprocess.run([*build, "-t", "wheel"], check=True, cwd=sources, capture_output=True)  # the sdist is complete
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "lstmkit/book/claims.yml" in names
    assert "lstmkit/book/results/adding.json" in names
    assert all(name.startswith(("lstmkit/", "lstmkit-")) for name in names)

    shutil.rmtree(sources / "lstmkit")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    (ours, theirs) = (
        subprocess.run([program, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
        for program in (python, sys.executable)
    )
    (Path(ours) / "theirs.pth").write_text(theirs, encoding="utf-8")  # everything but lstmkit, which is editable there
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--ignore-installed", str(wheel)], check=True, capture_output=True)
    there = "import lstmkit, lstmkit.claims as c; print(lstmkit.__file__); print(len(c.load()))"
    done = subprocess.run([python, "-c", there], check=True, capture_output=True, text=True, cwd=sources)
    file, claims = done.stdout.split()
    assert file.startswith(ours)
    assert int(claims) > 100

    tests = [f"tests/test_{name}.py" for name in FROM_THE_WHEEL]
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, capture_output=True, text=True, cwd=sources)
    assert done.returncode == 0, done.stdout[-4000:]
