"""Timings: the kit beside its peers and beside the bare matrix products, as `lstmkit bench` prints them.

What makes the figures mean something:

* every contender runs once in every round, and the order turns by one place from round to round, so that a
  busy moment of the machine hits all of them alike;
* before anything is timed, all that compute the same must return the same hidden states and the same gradient of x;
* the floor is the fastest set of bare matrix products of the same run: no LSTM of these sizes does without them;
* what stands beside the goals is printed, met or missed; nothing ever fails for being slow.

lstm.py, variants.py, length.py, memory.py, scan.py and imports.py each answer one question.  T steps, B sequences, D
inputs, H units.  One thread is timed by the processor's clock, more by the wall's.
"""

from lstmkit.bench.goal import goals
from lstmkit.bench.report import plot, table
from lstmkit.bench.run import QUESTIONS, all_cores, bench, machine
from lstmkit.bench.timing import Shape

__all__ = ["QUESTIONS", "Shape", "all_cores", "bench", "goals", "machine", "plot", "table"]
