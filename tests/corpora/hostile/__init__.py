"""Hostile submissions, a file for each family: `CASES` has them all.

`expect` of a case is the number of points that the honest part of it earns; whatever it gets beyond is a gain.  In
its files these words stand for what the runner puts there: @CANARY@ a folder of its own that everybody may write to
(whatever appears in it is damage), @COURSE@ the course folder, @NEIGHBOUR@ an honest student, @PORT@ a port on which
the runner listens, @NAME@ the case.
"""

from tests.corpora.hostile import (
    checks,
    exhaustion,
    feedback,
    memory,
    notebook,
    processes,
    reach,
    submission,
    values,
    wire,
)

FAMILIES = (checks, memory, values, notebook, wire, reach, processes, exhaustion, feedback, submission)
CASES = tuple(case for family in FAMILIES for case in family.CASES)
