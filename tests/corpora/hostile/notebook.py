"""Attacks through IPython, the kernel, the notebook's metadata and its test cells."""

from tests.corpora.build import Case, cell, released, to_bytes
from tests.corpora.hostile.make import COUNT, SIGMOID, attack, clean

FAMILY = "IPython, kernel, metadata"


def _attack(name, code="", **more):
    return attack(FAMILY, name, code, **more)


def _edited(name, change, earns=0.0):
    """A case whose notebook is the released one after `change(notebook)`."""
    notebook = released("lstm")
    change(notebook)
    return Case(name, FAMILY, {"lstm.ipynb": to_bytes(notebook)}, "lstm", earns)


def _tests(notebook):
    """The test cells."""
    return [one for one in notebook["cells"] if one["metadata"].get("nbgrader", {}).get("points")]


def _tags(notebook):
    for one in _tests(notebook):
        one["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove-cell"]


def _retyped(kind):
    def change(notebook):
        for one in _tests(notebook):
            one["cell_type"] = kind
            one.pop("outputs", None)
            one.pop("execution_count", None)

    return change


def _outputs(notebook):
    for one in _tests(notebook):
        if one["cell_type"] == "code":
            data = {"text/plain": "50.0"}
            one["outputs"] = [{"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}]


def _sources(notebook):
    for one in _tests(notebook):
        one["source"] = "50.0"


def _unlocked(notebook):
    for one in _tests(notebook):
        one["metadata"]["nbgrader"] |= {"locked": False, "solution": True}
        one["source"] = "50.0"


def _points(notebook):
    for one in _tests(notebook):
        one["metadata"]["nbgrader"] |= {"points": 370, "checksum": "0" * 32}


def _swapped(notebook):
    ids = [one["metadata"]["nbgrader"]["grade_id"] for one in _tests(notebook)]
    for one, other in zip(_tests(notebook), [*ids[1:], ids[0]], strict=True):
        one["metadata"]["nbgrader"]["grade_id"] = other


def _all_one(notebook):
    """Every test cell is the one question that is answered."""
    cell(notebook, "count_parameters-answer")["source"] = COUNT
    for one in _tests(notebook):
        one["metadata"]["nbgrader"]["grade_id"] = "count_parameters"


def _copies(notebook):
    cell(notebook, "count_parameters-answer")["source"] = COUNT
    place = notebook["cells"].index(cell(notebook, "count_parameters"))
    notebook["cells"][place:place] = [dict(notebook["cells"][place]) for _ in range(20)]


def _new_question(notebook):
    mark = {"grade": True, "solution": False, "locked": True, "schema_version": 3, "task": False, "cell_type": "code"}
    notebook["cells"].append(
        {
            "cell_type": "code", "id": "bonus", "execution_count": None, "outputs": [], "source": "100.0",
            "metadata": {"nbgrader": mark | {"grade_id": "bonus", "points": 100, "checksum": ""}},
        }
    )  # fmt: skip


def _schema(notebook):
    for one in notebook["cells"]:
        if "nbgrader" in one["metadata"]:
            one["metadata"]["nbgrader"]["schema_version"] = 1
            one["metadata"]["nbgrader"].pop("cell_type", None)


def _autotest(notebook):
    """The answer cell of a question in the place of its test, with a number as its last line."""
    for one in notebook["cells"]:
        mark = one["metadata"].get("nbgrader", {})
        if mark.get("grade_id", "").endswith("-answer"):
            one["source"] += "\n19.0"
            mark |= {"grade": True, "points": 19}


def _kernel(name):
    def change(notebook):
        notebook["metadata"]["kernelspec"] = {"name": name, "display_name": name, "language": "python"}
        notebook["metadata"]["language_info"] = {"name": name}

    return change


def _widgets(notebook):
    notebook["metadata"] |= {
        "celltoolbar": "Create Assignment",
        "widgets": {"state": {"x": "<script>alert(1)</script>"}},
    }
    notebook["metadata"]["papermill"] = {"parameters": {"points": 100}}


CASES = [
    _attack(
        "a syntax tree transformer",
        """
        import ast

        class Full(ast.NodeTransformer):
            def visit_Call(self, node):
                if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "check":
                    return ast.Constant(19.0)
                return self.generic_visit(node)

        get_ipython().ast_transformers.append(Full())
        """,
    ),
    _attack(
        "an input transformer",
        """
        get_ipython().input_transformers_post.append(
            lambda lines: ["19.0\\n"] if any(line.startswith("check.") for line in lines) else lines
        )
        """,
    ),
    _attack(
        "a cleanup transformer that shows the tests",
        """
        def show(lines):
            print("".join(lines))
            return lines

        get_ipython().input_transformers_cleanup.insert(0, show)
        """,
    ),
    _attack(
        "the display hook",
        """
        import sys
        kept = sys.displayhook
        sys.displayhook = lambda value: kept(19.0)
        type(get_ipython().displayhook).__call__ = lambda self, result=None: None
        """,
    ),
    _attack(
        "the first displayed result",
        """
        from IPython.display import display

        class Score:
            def __repr__(self): return "19.0"

        def before(info=None):
            get_ipython().displayhook(Score())

        get_ipython().events.register("pre_run_cell", before)
        """,
    ),
    _attack(
        "an execute_result published",
        """
        from IPython.display import publish_display_data

        def before(*args):
            try:
                shell = get_ipython()
                shell.displayhook.session.send(shell.displayhook.pub_socket, "execute_result",
                    {"data": {"text/plain": "19.0"}, "metadata": {}, "execution_count": 1},
                    parent=shell.displayhook.parent_header, ident=shell.displayhook.topic)
            except AttributeError:
                publish_display_data({"text/plain": "19.0"})

        get_ipython().events.register("pre_execute", before)
        """,
    ),
    _attack(
        "tracebacks unshown",
        """
        shell = get_ipython()
        shell.showtraceback = shell._showtraceback = shell.showsyntaxerror = lambda *args, **options: None
        shell.CustomTB = lambda *args, **options: []
        shell.set_custom_exc((BaseException,), lambda *args, **options: None)
        del check
        """,
    ),
    _attack(
        "run_cell does nothing",
        """
        from IPython.core import interactiveshell

        async def nothing(self, *args, **options):
            return interactiveshell.ExecutionResult(None)

        interactiveshell.InteractiveShell.run_cell_async = nothing
        interactiveshell.InteractiveShell.run_code = nothing
        """,
    ),
    _attack(
        "the kernel executes something else",
        """
        kernel = getattr(get_ipython(), "kernel", None)
        if kernel is not None:
            kept = kernel.do_execute

            async def do_execute(code, *args, **options):
                return await kept("19.0" if "check." in code else code, *args, **options)

            kernel.do_execute = do_execute
        """,
    ),
    _attack(
        "a magic called check",
        """
        from IPython.core.magic import register_line_magic

        @register_line_magic
        def check(line):
            return 19.0

        get_ipython().automagic = True
        del check
        """,
    ),
    _attack(
        "%reset and %run",
        """
        get_ipython().run_line_magic("reset", "-f")
        def nine(*args, **options):
            return 9.0

        get_ipython().user_ns["check"] = type("check", (), {"__getattr__": lambda self, name: nine})()
        """,
    ),
    _attack(
        "a namespace that answers",
        """
        class Names(dict):
            def __missing__(self, name):
                return lambda *args, **options: 19.0

        shell = get_ipython()
        shell.user_ns = Names(shell.user_ns)
        shell.user_ns["check"] = type("check", (), {"__getattr__": lambda self, name: lambda *args, **options: 9.0})()
        """,
    ),
    _attack(
        "autocalls and hidden names",
        """
        shell = get_ipython()
        shell.autocall = 2
        shell.user_ns_hidden = shell.user_ns
        __builtins__.check = lambda *args: 19.0
        """,
    ),
    _attack(
        "earlier inputs printed",
        """
        import atexit
        atexit.register(lambda: print(In))

        def after(result=None):
            text = str(getattr(getattr(result, "info", None), "raw_cell", ""))
            if "seed" in text:
                print(text)

        get_ipython().events.register("post_run_cell", after)
        """,
    ),
    _attack(
        "the displayed repr of a report",
        """
        import builtins

        class Loud(float):
            def __repr__(self): return "19.0"

        check.show = lambda report: Loud(19)
        import lstmkit.grading.question as question
        question.show = check.show
        """,
    ),
    _attack(
        "a formatter for numbers",
        """
        formatter = get_ipython().display_formatter.formatters["text/plain"]
        formatter.for_type(float, lambda value, printer, cycle: printer.text("19.0"))
        formatter.for_type(type(None), lambda value, printer, cycle: printer.text("19.0"))
        """,
    ),
    _edited("tags that skip the tests", _tags),
    _edited("raw test cells", _retyped("raw")),
    _edited("tests turned into text", _retyped("markdown")),
    _edited("results that are there already", _outputs),
    _edited("tests that say 50", _sources),
    _edited("unlocked tests", _unlocked),
    _edited("370 points each", _points),
    _edited("grade_ids exchanged", _swapped),
    _edited("every test is the one that was answered", _all_one, 4.0),
    _edited("twenty copies of an answered question", _copies, 4.0),
    _edited("a question of one's own", _new_question),
    _edited("an old schema", _schema),
    _edited("answers that are tests", _autotest),
    _edited("a shell for a kernel", _kernel("bash")),
    _edited("a kernel with a path for a name", _kernel("../../../../tmp/evil")),
    _edited("parameters and widgets", _widgets),
    _attack("questions answered in another question's cell", "", count_parameters=COUNT + "\n\n" + SIGMOID, earns=10),
    _attack("a cell magic around an answer", "", count_parameters="%%capture\n" + COUNT, earns=4),
    _attack("a bash cell", "%%bash\ntouch @CANARY@/bash\ncat @COURSE@/secret.txt\n"),
    _attack(
        "an exclamation mark",
        clean("""
        !touch @CANARY@/bang
        !cat @COURSE@/secret.txt
        %cd /
        %writefile @CANARY@/written
        """),
    ),
    _attack("a file of its own written by magic", "%%writefile @CANARY@/written\nanything\n"),
]
