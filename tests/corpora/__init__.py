"""Notebooks that a grader must survive: honest but odd ones, broken files, hostile ones."""
