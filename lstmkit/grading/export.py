"""Points by question, as a plug-in of `nbgrader export`:

    nbgrader export --exporter=lstmkit.grading.export.QuestionCsv --to=questions.csv

nbgrader's own exporter has one row for each student and assignment; this one has one for each question as well, and
says which points are extra and which a person has still to give.
"""

import csv

from nbgrader.plugins import ExportPlugin

from lstmkit.grading import notebook

COLUMNS = ["assignment", "student_id", "question", "score", "max_score", "extra", "to mark"]


class QuestionCsv(ExportPlugin):
    """One row for each student, assignment and question of a collected submission."""

    def export(self, gradebook):
        with open(self.to or "questions.csv", "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            for submission in self._submissions(gradebook):
                extra = extra_questions(submission.assignment.name)
                for submitted in submission.notebooks:
                    for grade in sorted(submitted.grades, key=lambda grade: grade.cell.name):
                        rows.writerow(
                            [
                                submission.assignment.name,
                                submission.student.id,
                                grade.cell.name,
                                grade.score,
                                grade.max_score,
                                grade.cell.name in extra,
                                grade.needs_manual_grade,
                            ]
                        )

    def _submissions(self, gradebook):
        for assignment in gradebook.assignments:
            if not self.assignment or assignment.name in self.assignment:
                for submission in gradebook.assignment_submissions(assignment.name):
                    if not self.student or submission.student.id in map(str, self.student):
                        yield submission


def extra_questions(assignment):
    """The names of the questions whose points come on top; none for an assignment that is not the book's."""
    if assignment not in notebook.assignments():
        return set()
    return {name for name, question in notebook.checks(assignment).QUESTIONS.items() if question.extra}
