"""Settings of nbgrader for this course; read by every `nbgrader` command that runs in this folder."""

import os

c = get_config()  # noqa: F821 - nbgrader puts it here

c.CourseDirectory.course_id = "lstm-measured"
# A key in text form must never be copied into a release; notebooks are the only product.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "__pycache__", "*.pyc", "*.py", "*.md", "*.yml"]

# Where release, fetch, submit and collect meet; nbgrader's own default if the variable is not set.
if "LSTM_EXCHANGE" in os.environ:
    c.Exchange.root = os.environ["LSTM_EXCHANGE"]

c.ClearSolutions.code_stub = {"python": "raise NotImplementedError()"}
# nbgrader's own steps, but for the one that runs the students' code: that is done in isolation, with the tests outside.
# With secret.txt in this folder (see README.md), each student's questions have numbers of their own.
c.Autograde.autograde_preprocessors = [
    "lstmkit.grading.autograde.Isolated",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# nbgrader shows hidden tests in the feedback; this takes them out again.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
