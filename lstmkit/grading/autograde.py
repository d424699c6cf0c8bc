"""Plug-ins of `nbgrader autograde`, the command and formgrader's button.

Isolated takes the place of nbgrader's Execute, as exercises/nbgrader_config.py has it: the submission is judged as
`lstmkit grade` does it, student code in isolation and the tests outside of it, and nbgrader finds the outputs.

GiveCode, for a course that executes in nbgrader's own way, gives each submission its student's code before that:

    c.Autograde.autograde_preprocessors.prepend(["lstmkit.grading.autograde.GiveCode"])
    c.GiveCode.secret = "/path/to/the/course/secret.txt"

The code comes from the course's secret and the student's id, so a notebook that carries somebody else's code is asked
its own questions.  A course without a secret changes nothing.
"""

import os
from pathlib import Path

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Unicode

from lstmkit.grading import personal


class GiveCode(NbGraderPreprocessor):
    """Sets the variable that the checks read, for the kernel that is started next."""

    secret = Unicode("", help="the file with the course's secret").tag(config=True)

    def preprocess(self, notebook, resources):
        """Changes the environment of this process, which the kernel inherits; the notebook stays as it is."""
        os.environ.pop(personal.VARIABLE, None)
        if self.secret and Path(self.secret).is_file():
            secret = Path(self.secret).read_text(encoding="utf-8").strip()
            os.environ[personal.VARIABLE] = personal.code_of(secret, resources["nbgrader"]["student"])
        return notebook, resources


class Isolated(NbGraderPreprocessor):
    """Judges a submission in isolation, and gives nbgrader the notebook with the outputs that came of it.

    What nbgrader cannot read it refuses before this is asked; `lstmkit grade` takes everything.
    """

    def preprocess(self, notebook, resources):
        """The rebuilt notebook, with the report and the points in each test; the one given is not looked at."""
        from lstmkit.grader import autograded, grade
        from lstmkit.grader.course import Course

        about = resources["nbgrader"]
        course = Course(self.config.CourseDirectory.get("root") or ".")
        made = grade.judged(course, about["assignment"], about["student"])
        release = nbformat.read(course.notebook("release", about["assignment"]), 4)
        return nbformat.reads(autograded.notebook(made, release).decode(), 4), resources
