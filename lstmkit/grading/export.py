"""Points by question, as a plug-in of `nbgrader export`:

    nbgrader export --exporter=lstmkit.grading.export.QuestionCsv --to=questions.csv

nbgrader's own exporter has one row for each student and assignment; this one has one for each question as well.
"""

import csv

from nbgrader.plugins import ExportPlugin


class QuestionCsv(ExportPlugin):
    """One row for each student, assignment and question of a collected submission."""

    def export(self, gradebook):
        with open(self.to or "questions.csv", "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["assignment", "student_id", "question", "score", "max_score"])
            for submission in self._submissions(gradebook):
                for notebook in submission.notebooks:
                    for grade in sorted(notebook.grades, key=lambda grade: grade.cell.name):
                        rows.writerow(
                            [
                                submission.assignment.name,
                                submission.student.id,
                                grade.cell.name,
                                grade.score,
                                grade.max_score,
                            ]
                        )

    def _submissions(self, gradebook):
        for assignment in gradebook.assignments:
            if not self.assignment or assignment.name in self.assignment:
                for submission in gradebook.assignment_submissions(assignment.name):
                    if not self.student or submission.student.id in map(str, self.student):
                        yield submission
