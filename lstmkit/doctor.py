"""What this machine has, what it lacks, and what each missing thing costs.

`lstmkit doctor` prints the table.  Every row is one small function below: it looks for one thing and
says what it found.  Nothing is installed, changed or sent anywhere.
"""

import ctypes
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table: what was looked for, what was found, and what a missing one costs."""

    name: str
    found: bool
    detail: str
    cost: str = ""  # what its absence costs; empty where there is nothing to say
    needed: bool = False  # without it nothing works


def look():
    """Every row of the table, in the order in which it is printed."""
    return [
        python(),
        numpy(),
        torch(),
        gpu(),
        package("matplotlib", "no figures: the experiments still print their numbers"),
        package("jupyter-book", "no book: `make book` installs it, in .venv"),
        package("jupytext", "chapters and exercises cannot be opened as notebooks in JupyterLab"),
        package("nbgrader", "the exercises can be read and solved, but not built, collected or graded"),
        chromium(),
        bubblewrap(),
        memory(),
        disk(),
    ]


def table(rows):
    """The rows as text: one line each, and under a missing thing what that costs."""
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        lines.append(f"{row.name:<{width}}  {'found  ' if row.found else 'missing'}  {row.detail}".rstrip())
        if row.cost:
            lines.append(f"{'':<{width}}           {'note' if row.found else 'cost'}: {row.cost}")
    missing = [row.name for row in rows if not row.found]
    lines.append("")
    lines.append(f"missing: {', '.join(missing)}" if missing else "nothing is missing")
    return "\n".join(lines)


def usable(rows):
    """False only where Python or NumPy cannot be used: then no part of the kit runs."""
    return all(row.found for row in rows if row.needed)


def python():
    """The Python that runs this."""
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    new_enough = sys.version_info >= (3, 11)
    return Row("Python", new_enough, detail, "" if new_enough else "lstmkit needs Python 3.11 or newer", needed=True)


def numpy():
    """NumPy, the library behind its products, and the kind of core that library takes this one for."""
    try:
        import numpy as np
    except Exception as error:
        return Row("NumPy", False, brief(error), "nothing runs: pip install numpy", needed=True)
    library, core = blas()
    detail = f"{np.__version__}, products by {library}" + (f", running as {core}" if core else "")
    note = ""
    if core in ("Haswell", "Zen") and "avx512f" in cpu_flags():
        note = "this processor has AVX-512 and OpenBLAS does not use it; OPENBLAS_CORETYPE=SKYLAKEX makes it do so"
    return Row("NumPy", True, detail, note, needed=True)


def torch():
    """PyTorch."""
    without = "no lstmkit.torch, no comparison with torch.nn: the NumPy half and its exercises run all the same"
    try:
        import torch
    except Exception as error:
        return Row("PyTorch", False, brief(error), without)
    return Row("PyTorch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")


def gpu():
    """A CUDA device that PyTorch can use."""
    without = "everything runs on the processor; only the GPU timings and the tests marked `gpu` are left out"
    try:
        import torch

        if not torch.cuda.is_available():
            return Row("GPU (CUDA)", False, "PyTorch sees none", without)
        name, (major, minor) = torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0)
        gib = torch.cuda.get_device_properties(0).total_memory / 2**30
    except Exception as error:
        return Row("GPU (CUDA)", False, brief(error), without)
    count, cuda = torch.cuda.device_count(), torch.version.cuda
    detail = f"{count} x {name}, {gib:.0f} GiB, capability {major}.{minor}, CUDA {cuda}"
    return Row("GPU (CUDA)", True, detail)


def package(name, without):
    """An installed distribution, by its metadata: importing some of these takes seconds."""
    try:
        return Row(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Row(name, False, f"pip install {name}", without)


def chromium():
    """A Chromium for the tests that open the book."""
    program = first_program("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    program = program or playwright_browser()
    without = "the built book is not looked at in a browser by the tests, and no PDF can be printed from it"
    if program is None:
        return Row("Chromium", False, "none on PATH, none downloaded by Playwright", without)
    return Row("Chromium", True, str(program))


def bubblewrap():
    """Installed is not enough: a kernel or a container may forbid the user namespaces that it needs."""
    without = "nothing yet: grading is not isolated with it or without it; grade only code that you trust"
    program = shutil.which("bwrap")
    if program is None:
        return Row("bubblewrap", False, "no bwrap on PATH", without)
    trial = [program, "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-all", "--die-with-parent", "true"]
    rc, said = ask(trial)
    if rc != 0:
        return Row("bubblewrap", False, f"{program} does not run here: {said}", without)
    return Row("bubblewrap", True, f"{ask([program, '--version'])[1]}, a trial run works")


def memory():
    """The processor and the memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    detail = f"{processor()}, {cores} cores"
    try:
        gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return Row("processor", True, detail)
    little = "less than 4 GiB: build the book and run the tests one after the other" if gib < 4 else ""
    return Row("processor", True, f"{detail}, {gib:.0f} GiB of memory", little)


def disk():
    """Free space where the command was called."""
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    little = "the book's environment with PyTorch takes about 3 GiB" if free < 4 else ""
    return Row("disk", free >= 4, f"{free:.0f} GiB free here", little)


def blas():
    """The name of the library behind NumPy's products, and the core for which OpenBLAS chose its kernels."""
    import numpy as np

    try:
        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        library = f"{built.get('name', 'unknown')} {built.get('version', '')}".strip()
    except (KeyError, TypeError):
        library = "an unnamed library"
    return library, openblas_core(Path(np.__file__).parent)


def openblas_core(numpy_folder):
    """Ask the OpenBLAS that NumPy has loaded; '' where it is another library or cannot be asked."""
    folders = [numpy_folder.parent / "numpy.libs", numpy_folder / ".libs", numpy_folder / ".dylibs"]
    candidates = [path for folder in folders if folder.is_dir() for path in folder.glob("*openblas*")]
    maps = Path("/proc/self/maps")
    if not candidates and maps.exists():  # a system's own OpenBLAS, already mapped into this process
        candidates = sorted({Path(line.split()[-1]) for line in maps.read_text().splitlines() if "openblas" in line})
    for path in candidates:
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for prefix in ("scipy_", ""):
            for suffix in ("64_", "_64", ""):
                question = getattr(library, f"{prefix}openblas_get_corename{suffix}", None)
                if question is not None:
                    question.restype = ctypes.c_char_p
                    return question().decode()
    return ""


def processor():
    """The processor's name as the system gives it."""
    return cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_flags():
    """What the processor can do, by the names of Linux; none elsewhere."""
    return cpuinfo("flags").split()


def cpuinfo(field):
    """A field of /proc/cpuinfo, or nothing."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return ""
    for line in path.read_text().splitlines():
        if line.startswith(field):
            return line.partition(":")[2].strip()
    return ""


def playwright_browser():
    """Playwright keeps its own Chromium away from PATH."""
    places = [
        os.environ.get("PLAYWRIGHT_BROWSERS_PATH"),
        "~/.cache/ms-playwright",
        "~/Library/Caches/ms-playwright",
        "~/AppData/Local/ms-playwright",
    ]
    for place in places:
        found = sorted(Path(place).expanduser().glob("chromium*")) if place else []
        if found:
            return found[-1]
    return None


def first_program(*names):
    """The path of the first of these programs that is there, or None."""
    return next((found for name in names if (found := shutil.which(name))), None)


def ask(command):
    """Run a short command; return its exit code and its first line."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, brief(error)
    return done.returncode, ((done.stdout.strip() or done.stderr.strip()).splitlines() or [""])[0]


def brief(error):
    """An exception in one line."""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
