"""Grades submissions safely: student code runs in a process that holds nothing secret, and is judged from outside."""
