"""Starts one measuring process for each number of threads and each BLAS kernel, and gathers what they print."""

import importlib
import json
import os
import platform
import subprocess
import sys
import time

from lstmkit import doctor

QUESTIONS = {
    "lstm": "our LSTM beside its peers and beside the bare matrix products",
    "variants": "peepholes, coupled gates, layer normalisation, GRU and RNN beside the loops that users write",
    "length": "the time of a step, in short sequences and in long ones",
    "memory": "the peak memory of a long sequence, each contender in a process of its own",
    "scan": "minLSTM's recurrence by scans and by the loop",
    "import": "import lstmkit.numpy beside import numpy",
}


def bench(what="lstm", shapes=None, dtypes=None, threads=(1,), blas=(None,), rounds=None, progress=False):
    """Measure every combination; return a dict of plain numbers: `machine`, `results`, and what was `left_out`.

    None for shapes, dtypes and rounds are the question's own.  `blas` are names of OpenBLAS's cores, Haswell or
    SkylakeX say, whose kernels it is to use; None is its own choice.  A BLAS library reads that and its number of
    threads when it is loaded, so each pair gets a process of its own.  Raises RuntimeError where measuring fails.
    """
    asked = importlib.import_module(module(what))
    before, results, left_out = machine(), [], []
    for core in blas:
        for count in threads:
            settings = {
                "what": what,
                "shapes": shapes or asked.SHAPES,
                "dtypes": dtypes or asked.DTYPES,
                "threads": count,
                "rounds": rounds or asked.ROUNDS,
                "blas": core,
                "progress": progress,
            }
            said = child("lstmkit.bench", settings, environment(count, core))
            results += said["results"]
            left_out += said["left_out"]
    return {"machine": before, "results": results, "left_out": list(dict.fromkeys(left_out))}


def module(what):
    """The module that answers a question."""
    return f"lstmkit.bench.{'imports' if what == 'import' else what}"  # `import` itself is no name in Python


def child(name, settings, changes=None):
    """Run `python -m name` on the settings, and read what it prints as JSON."""
    command = [sys.executable, "-m", name, json.dumps(settings)]
    done = subprocess.run(command, env=os.environ | (changes or {}), stdout=subprocess.PIPE, text=True)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode != 0:
        how = f"exit code {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        raise RuntimeError(f"the measuring process, python -m {name}, ended with {how}")
    return json.loads(done.stdout)


def environment(threads, core):
    """The variables that the libraries read when they are loaded."""
    count = str(threads)
    changes = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"), count)
    changes |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"}
    return changes | ({"OPENBLAS_CORETYPE": core} if core else {})


def measure(what, shapes, dtypes, threads, rounds, blas, progress):
    """In the measuring process: all results of one question, and what took no part."""
    running_as = doctor.blas()[1]
    if blas and running_as.lower() != blas.lower():
        raise RuntimeError(
            f"NumPy's products run as {running_as or 'no core that OpenBLAS knows'}, though {blas} was asked for: "
            "leave --blas out, or name a core that this OpenBLAS was built for"
        )
    if doctor.torch().found:
        import torch

        torch.set_num_threads(threads)
    return importlib.import_module(module(what)).measure(shapes, dtypes, threads, rounds, progress)


def machine():
    """What must be known beside a timing."""
    import numpy as np

    library, core = doctor.blas()
    return {
        "processor": doctor.processor(),
        "cores": all_cores(),
        "load_average": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": library,
        "blas_core": core,
        "torch": doctor.torch().detail,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def all_cores():
    """The cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
