"""What a worker may see: a read-only system, a list of packages, and the few of our own modules that an exercise needs.

Nothing is hidden by being covered.  What is not on these lists is not there: the worker's root is empty until `mounts`
puts something into it.

    /usr /lib /bin       of the system, without /usr/local and without the system's own Python packages
    /python              the interpreter and its standard library, without site-packages
    /site                numpy, scipy and their like, with all that they require (`PACKAGES`)
    /kit                 a folder that `make` fills: lstmkit.grader.inside, the guard, the modules that were asked for
    /box /dev/shm /proc  fresh for every submission (see inside/confine.py)
"""

import ast
import importlib.metadata
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import lstmkit

PACKAGES = (  # where installed
    "numpy", "scipy", "matplotlib", "pandas", "statsmodels", "scikit-learn", "tqdm", "ipython", "matplotlib-inline",
)  # fmt: skip
NEVER = {"lstmkit", "nbgrader", "nbconvert", "nbclient", "jupyter-server", "notebook", "jupyterlab", "ipykernel", "pip"}
INSIDE = "lstmkit.grader.inside"
ALWAYS = ("lstmkit.grading.guard",)  # of the two packages that hold the checks, what a worker may see
SECRET = ("lstmkit.grading", "lstmkit.grader")  # and nothing else of them, whoever asks or imports it
SYSTEM = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec")
LINKS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32")  # into /usr on a merged system, folders on others
DEVICES = ("null", "zero", "full", "random", "urandom")
ENVIRONMENT = {
    "HOME": "/box",
    "USER": "student",
    "LOGNAME": "student",
    "PATH": "/usr/bin:/bin",
    "TMPDIR": "/box",
    "LANG": "C.UTF-8",
    "PYTHONPATH": "/kit:/site",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/box/.matplotlib",
    "IPYTHONDIR": "/box/.ipython",
}


class Mount(NamedTuple):
    """One thing in the worker's root; everything but a tmpfs is read-only, and no tmpfs is writable by a student."""

    kind: str  # "dir", "link", "bind", "device", "tmpfs" or "proc"
    target: str  # where the worker sees it
    source: str = ""  # the path on this machine; what a link says


def make(folder, modules=()):
    """Fill `folder` with the package `lstmkit` as a worker sees it; returns the names of the modules in it.

    modules: names such as "lstmkit.data.co2", whose imports within lstmkit come along.  Raises ValueError where a name
    is no module, or one that no worker may see.
    """
    names = closure(modules)
    for name in names:
        source = _file(name)
        target = Path(folder, *source.relative_to(_root().parent).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    if "lstmkit.results" in names:  # it looks for the book's records here when the package has no book beside it
        from lstmkit import results

        shutil.copytree(results.RECORDED, Path(folder, "lstmkit", "book", "results"), copy_function=shutil.copyfile)
    for path in (Path(folder), *Path(folder).rglob("*")):  # readable for another user, under any umask
        path.chmod(0o755 if path.is_dir() else 0o644)
    return names


def closure(modules=()):
    """The names of all modules of lstmkit in a kit for `modules`, in alphabetical order."""
    inside = [f"{INSIDE}.{path.stem}" for path in sorted(_file(INSIDE).parent.glob("*.py")) if path.stem != "__init__"]
    for name in modules:
        if not _allowed(name):
            raise ValueError(f"{name} must not be in a worker's kit: it is part of the checks or of the grader")
        if _file(name) is None:
            raise ValueError(f"{name} was asked for in a worker's kit, but lstmkit has no such module")
    found, waiting = set(), [*modules, *inside, *ALWAYS]
    while waiting:
        name = waiting.pop()
        if name in found or not _allowed(name) or _file(name) is None:  # lstmkit.data is a folder, no module
            continue
        found.add(name)
        waiting.append(name.rpartition(".")[0])
        waiting += _imports(_file(name).read_text(encoding="utf-8"), name)
    return sorted(found)


def modules_of(notebook):
    """The modules of lstmkit, without the checks, that the code cells of a notebook (its JSON as a dict) import."""
    found = set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            lines = ["pass" if line.lstrip()[:1] in ("%", "!") else line for line in source.splitlines()]
            found |= {name for name in _imports("\n".join(lines)) if _file(name) and _allowed(name)}
    return tuple(sorted(found - {"lstmkit", *SECRET}))


def packages(extra=()):
    """[(path on this machine, name in /site)] of PACKAGES and `extra`, where installed, with all that they require.

    Raises importlib.metadata.PackageNotFoundError for a missing one of `extra`.
    """
    found = {}
    for name in distributions(extra):
        files = importlib.metadata.distribution(name).files or ()
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            path = Path(importlib.metadata.distribution(name).locate_file(top))
            if path.exists():
                found[top] = str(path)
    return sorted((path, top) for top, path in found.items() if not _is_never(top))


def distributions(extra=()):
    """The names of the distributions behind `packages`."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    for name in extra:
        importlib.metadata.distribution(name)
    found, waiting = set(), [(name, ()) for name in (*PACKAGES, *extra)]
    while waiting:
        name, extras = waiting.pop()
        if ((name := canonicalize_name(name)), *extras) in found or name in NEVER:
            continue
        try:
            requires = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add((name, *extras))
        for text in requires:
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": chosen}) for chosen in ("", *extras)):
                waiting.append((need.name, tuple(sorted(need.extras))))
    return sorted({name for name, *_ in found})


def mounts(kit, extra=()):
    """The worker's root as a list of Mounts, in the order in which they are made; `kit` is the folder of `make`."""
    plan = [Mount("bind", path, path) for path in SYSTEM if Path(path).is_dir() and not Path(path).is_symlink()]
    plan += [Mount("tmpfs", path) for path in _system_packages()]
    for path in LINKS:
        if Path(path).is_symlink():
            plan.append(Mount("link", path, os.readlink(path)))
        elif Path(path).is_dir():
            plan.append(Mount("bind", path, path))
    if Path("/etc/ld.so.cache").is_file():
        plan.append(Mount("bind", "/etc/ld.so.cache", "/etc/ld.so.cache"))
    if not _of_the_system():
        real = os.path.realpath(sys.executable)
        plan.append(Mount("bind", python(), real))
        for name in dict.fromkeys((Path(sysconfig.get_path("stdlib")).parent.name, "lib")):
            if (folder := Path(sys.base_prefix, name)).is_dir():
                plan.append(Mount("bind", f"/python/{name}", str(folder)))
                plan += [
                    Mount("tmpfs", f"/python/{name}/{path.relative_to(folder)}")
                    for kind in ("site-packages", "dist-packages")
                    for path in sorted(folder.glob(f"python*/{kind}"))
                ]
    plan += [Mount("bind", f"/site/{name}", path) for path, name in packages(extra)]
    plan += [Mount("bind", "/kit", str(kit)), Mount("tmpfs", "/dev"), Mount("dir", "/dev/shm")]
    plan += [Mount("device", f"/dev/{name}", f"/dev/{name}") for name in DEVICES]
    plan += [Mount("tmpfs", "/box"), Mount("link", "/tmp", "box"), Mount("proc", "/proc")]
    folders = {}  # every folder above a target, from the root down, made by us so that it is open to another user
    for mount in plan:
        for parent in reversed(Path(mount.target).parents[:-1]):
            folders.setdefault(str(parent), Mount("dir", str(parent)))
    over = {str(Path(mount.target)) for mount in plan if mount.kind != "dir"}
    inner = [f for f in folders if not any(Path(f).is_relative_to(target) for target in over)]
    return [folders[name] for name in sorted(inner)] + plan


def python():
    """The interpreter's path as a worker sees it."""
    real = os.path.realpath(sys.executable)
    return real if _of_the_system() else f"/python/bin/{Path(real).name}"


def environment():
    """The whole environment of a worker."""
    return dict(ENVIRONMENT) if _of_the_system() else ENVIRONMENT | {"LD_LIBRARY_PATH": "/python/lib"}


def _of_the_system():
    return Path(sys.base_prefix) == Path("/usr")


def _system_packages():
    """The folders below /usr/lib in which a system keeps its own Python packages, and perhaps an nbgrader."""
    return sorted(
        str(path)
        for base in ("/usr/lib", "/usr/lib64")
        if not Path(base).is_symlink()
        for kind in ("dist-packages", "site-packages")
        for path in Path(base).glob(f"python*/{kind}")
        if path.is_dir() and not path.is_symlink()
    )


def _is_never(top):
    """True for a folder that belongs to a package of NEVER, should a distribution claim to have it."""
    return top.partition("-")[0].lower().replace("_", "-") in NEVER


def _root():
    return Path(lstmkit.__file__).resolve().parent


def _file(module):
    """The file of a module of lstmkit, None for what is no module."""
    first, *rest = module.split(".")
    if first != "lstmkit" or not all(part.isidentifier() for part in rest):
        return None
    path = _root().joinpath(*rest)
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _allowed(name):
    """False for whatever is part of the checks or of the trusted half of the grader."""
    if name in (*SECRET, *ALWAYS, INSIDE) or name.startswith(INSIDE + "."):
        return True
    return not name.startswith(tuple(f"{secret}." for secret in SECRET))


def _imports(source, module=""):
    """The names that a source imports from lstmkit; of `from a import b` both a and a.b, modules or not."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module if (_file(module) or Path()).name == "__init__.py" else module.rpartition(".")[0]
                base = ".".join(filter(None, [*package.split(".")[: len(package.split(".")) - node.level + 1], base]))
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in found if name == "lstmkit" or name.startswith("lstmkit.")]
