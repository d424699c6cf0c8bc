"""How long `import lstmkit.numpy` takes beside `import numpy`: processor time, each in fresh processes.

All of them find their modules compiled, as they are from a second import on: in a folder of this measurement's own,
which the first round fills and is not counted.
"""

import json
import os
import subprocess
import sys
import tempfile

from lstmkit.bench.timing import Bar, rows

SHAPES = DTYPES = ()
ROUNDS = 15
NUMPY = "import numpy"
STATEMENTS = (NUMPY, "import lstmkit.numpy", "import lstmkit.numpy.lstm", "import lstmkit")
ASK = "import json, sys, time; s = time.process_time(); {}; e = time.process_time(); "
ASK += "print(json.dumps([e - s, 'torch' in sys.modules]))"
TORCH = "imports torch"


def measure(shapes, dtypes, threads, rounds, progress):
    """One result: shapes, dtypes and threads mean nothing to an import."""
    bar = Bar(rounds + 1, progress)
    bar.say("import")
    seconds, brings = {statement: [] for statement in STATEMENTS}, {}
    with tempfile.TemporaryDirectory() as compiled:
        for number in range(-1, rounds):
            turn = number % len(STATEMENTS)
            for statement in STATEMENTS[turn:] + STATEMENTS[:turn]:
                taken, with_torch = ask(statement, compiled)
                brings[statement] = TORCH if with_torch else "torch not imported"
                if number >= 0:
                    seconds[statement].append(taken)
            bar.tick()
    bar.close()
    table = rows({"import": seconds}, {f"x {NUMPY}": lambda statement: (NUMPY,)}, brings)
    about = {"what": "import", "clock": "processor", "rounds": rounds, "unit": "ms"}
    return [about | {"contenders": table}], []


def ask(statement, compiled):
    """Seconds that an import takes in a process of its own, and whether it brings torch."""
    folder = {"PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", ASK.format(statement)]
    done = subprocess.run(command, env=os.environ | folder, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"`{statement}` failed")
    return json.loads(done.stdout)
