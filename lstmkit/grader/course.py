"""A course folder, as nbgrader lays it out: where its parts are, and what its configuration says.

release/lstm/lstm.ipynb            what students got
source/lstm/lstm.ipynb             the same with the key and the hidden tests
submitted/ada/lstm/lstm.ipynb      what came back, with timestamp.txt
autograded/ada/lstm/lstm.ipynb     the rebuilt notebook with its outputs, for nbgrader's formgrader
feedback/ada/lstm/lstm.html        what the student sees
gradebook.db, secret.txt, nbgrader_config.py
.lstmkit/outcomes/lstm/ada.json    what `lstmkit grade` has found out already
"""

import os
from pathlib import Path

from lstmkit.grading import personal


class Wrong(Exception):
    """Something about the course is not as it should be; the text says what, where, and what to do."""


class Course:
    """The course in a folder; Wrong if there is none.

    db_url: another gradebook than nbgrader_config.py names, say postgresql://...
    """

    def __init__(self, root=".", db_url=None):
        from nbgrader.coursedir import CourseDirectory
        from traitlets.config import Config, PyFileConfigLoader

        self.root = Path(root).resolve()
        if not (self.root / "nbgrader_config.py").is_file():
            raise Wrong(
                f"{self.root} is not a course folder: it has no nbgrader_config.py. Change to the folder of your "
                "course, or make one with: lstmkit course new DIR --roster roster.csv"
            )
        self.config = PyFileConfigLoader("nbgrader_config.py", path=str(self.root)).load_config()
        self.config.CourseDirectory.root = str(self.root)
        os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
        self.directory = CourseDirectory(config=Config(self.config))
        self.db_url = db_url or self.directory.db_url
        secret = self.root / "secret.txt"
        self.secret = secret.read_text(encoding="utf-8").strip() if secret.is_file() else ""

    def folder(self, step, assignment, student="."):
        """The folder of an assignment at a step: "release", "source", "submitted", "autograded" or "feedback"."""
        name = getattr(self.directory, f"{step}_directory")
        return self.root / name / student / assignment

    def notebook(self, step, assignment, student="."):
        """The file that an assignment's notebook has at a step, whether it is there or not."""
        ending = "html" if step == "feedback" else "ipynb"
        return self.folder(step, assignment, student) / f"{assignment}.{ending}"

    def outcome(self, assignment, student):
        """The file in which the outcome of a submission is kept."""
        return self.root / ".lstmkit" / "outcomes" / assignment / f"{student}.json"

    def assignments(self):
        """The names of all assignments that were released and whose source is here."""
        sources = self.root / self.directory.source_directory
        return sorted(path.stem for path in sources.glob("*/*.ipynb") if path.stem == path.parent.name)

    def students(self, assignment):
        """The ids of all who handed in the assignment: the folders under submitted/ that have one for it."""
        submitted = self.root / self.directory.submitted_directory
        return sorted(path.parent.name for path in submitted.glob(f"*/{assignment}") if path.parent.name[0] != ".")

    def code(self, student):
        """The student's code for numbers of their own; "" in a course without a secret."""
        return personal.code_of(self.secret, student) if self.secret else ""
