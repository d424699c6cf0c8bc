"""Runs of the book's experiments, recorded with all that is needed to doubt them.

    record = gather("adding", seeds=range(5), scale="recorded", file=RECORDED / "adding.json")
    values(record, "steps.LSTM chrono")

A record is a dict that stands in a JSON file: the numbers of every seed, and where they come from (`REQUIRED`).  It is
written whole or not at all, after each seed, so that a run which is stopped has lost one seed at most, and goes on
where it was when it is started again.

`code` is a fingerprint of what was measured: the experiment's own source and those of the tasks, the data and the
baselines that it imports, without comments and docstrings.  The networks and the loop that trains them are not in it:
their tests hold them to the last digits, so that a faster loop leaves old records as good as they were.
"""

import ast
import hashlib
import importlib
import importlib.metadata
import json
import math
import os
import pkgutil
import platform
import re
import subprocess
import time
import tokenize
from io import StringIO
from pathlib import Path
from statistics import median

import lstmkit

PACKAGE = Path(lstmkit.__file__).parent
# What the package reads of the book: beside the chapters, and in a wheel, which has none, in a folder of its own.
BOOK = PACKAGE / "book" if (PACKAGE / "book").is_dir() else PACKAGE.parent / "chapters"
RECORDED = BOOK / "results"  # the book's own records
FORMAT = 1
REQUIRED = {  # what a record must have, and of which type; None may stand where a machine could not say
    "format": int,
    "experiment": str,
    "question": str,
    "scale": str,
    "settings": dict,
    "device": str,
    "code": str,
    "commit": str | None,
    "changed": list,  # files it depends on that differed from the commit: none, if the numbers are to be had again
    "versions": dict,
    "processor": str,
    "threads": int,
    "runs": list,
}
REQUIRED_OF_A_RUN = {"seed": int, "started": str, "cpu_seconds": float, "wall_seconds": float, "numbers": dict}
LARGEST = 1_000  # numbers in one array; what is longer is left out of a record
MACHINERY = ("lstmkit.numpy", "lstmkit.torch", "lstmkit.cells")


class Unfit(ValueError):
    """A file that holds no record, or one of another experiment, scale or code."""


# Running


def experiments():
    """Name and question of every experiment, found by looking into the folder and without importing any."""
    import lstmkit.experiments as folder

    modules = sorted(pkgutil.iter_modules(folder.__path__), key=lambda module: module.name)
    return {module.name: question(module.name) for module in modules}


def question(experiment):
    """The first line of an experiment's docstring."""
    docstring = ast.get_docstring(ast.parse(_path(f"lstmkit.experiments.{experiment}").read_text(encoding="utf-8")))
    return (docstring or "").partition("\n")[0]


def gather(experiment, seeds, scale="live", device="cpu", file=None, anew=False, done=None):
    """Run an experiment for every seed that `file` does not hold yet, write the record after each, and return it.

    Without a file nothing is written.  `anew` forgets what the file holds, if that is a record of the same experiment.
    done(run) is called after each seed.  Raises Unfit, before anything is run, where the file holds something else.
    """
    record = begin(experiment, scale, device, file, anew)
    for seed in missing(record, seeds):
        add(record, one_run(experiment, seed, scale, device), file)
        if done is not None:
            done(record["runs"][-1])
    return record


def begin(experiment, scale, device="cpu", file=None, anew=False):
    """A record without runs; or that of `file`, if it is of the same experiment, scale, settings, device and code."""
    module = importlib.import_module(f"lstmkit.experiments.{experiment}")
    fresh = {
        "format": FORMAT,
        "experiment": experiment,
        "question": question(experiment),
        "scale": scale,
        "settings": plain(getattr(module, "SETTINGS", {}).get(scale, {})),
        "device": device,
        "code": code(experiment),
        **provenance(experiment, device),
        "runs": [],
    }
    if file is None or not Path(file).exists():
        return fresh
    old = load(file)
    if old["experiment"] != experiment:
        raise Unfit(f"{file} is a record of {old['experiment']}: name another folder, or move it away")
    if anew:
        return fresh
    for what in ("scale", "device", "settings", "code"):
        if old[what] != fresh[what]:
            raise Unfit(
                f"{file} is a record of the same experiment, but of another {what}: move it away, or run with --anew "
                "to write over it"
            )
    return old


def missing(record, seeds):
    """The seeds that a record does not hold."""
    held = {run["seed"] for run in record["runs"]}
    return [seed for seed in seeds if seed not in held]


def one_run(experiment, seed, scale, device="cpu"):
    """The numbers of one seed, plain, with the time they took."""
    module = importlib.import_module(f"lstmkit.experiments.{experiment}")
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    wall, cpu = time.perf_counter(), time.process_time()
    numbers = module.run(seed=seed, scale=scale, device=device)
    return {
        "seed": seed,
        "started": started,
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "wall_seconds": round(time.perf_counter() - wall, 3),
        "numbers": plain(numbers),
    }


def add(record, run, file=None):
    """Put the run of one more seed into a record, in the order of the seeds, and write it if there is a file."""
    record["runs"] = sorted([*record["runs"], run], key=lambda run: run["seed"])
    if file is not None:
        save(record, file)


def provenance(experiment, device="cpu"):
    """What must be known of the code, the versions and the machine to get the numbers again."""
    from lstmkit import doctor

    processor = doctor.processor()
    if device != "cpu":
        import torch

        processor = torch.cuda.get_device_name(device)
    return {
        "commit": _git("rev-parse", "HEAD"),
        "changed": _changed(experiment),
        "versions": {"python": platform.python_version(), "lstmkit": lstmkit.__version__, **_versions()},
        "processor": processor,
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
    }


def _versions():
    """The installed versions of what computes."""
    found = {}
    for name in ("numpy", "torch", "scikit-learn", "statsmodels"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _changed(experiment):
    """The files of the experiment's sources and of the machinery that git holds otherwise, or not at all."""
    root = Path(lstmkit.__file__).parent
    own = [str(_path(name)) for name in sources(experiment)]
    folders = [str(root / name.partition(".")[2]) for name in MACHINERY]
    said = _git("status", "--porcelain", "--untracked-files=all", "--", *own, *folders) or ""
    return sorted(line[3:] for line in said.splitlines())


def _git(*words):
    """What git says about the folder that lstmkit stands in, None where there is no git or no repository."""
    folder = Path(lstmkit.__file__).parent.parent
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.rstrip("\n")


# What was measured


def code(experiment):
    """12 hexadecimal digits for the sources that decide what an experiment measures."""
    digest = hashlib.sha256()
    for name in sources(experiment):
        digest.update(f"{name}\n{_bare(_path(name).read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()[:12]


def sources(experiment):
    """The modules of lstmkit that an experiment is made of: its own, and all it imports but for the machinery."""
    found, waiting = set(), [f"lstmkit.experiments.{experiment}"]
    while waiting:
        name = waiting.pop()
        if name in found or name.startswith(MACHINERY):
            continue
        found.add(name)
        for node in ast.walk(ast.parse(_path(name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lstmkit"):
                waiting += [full for alias in node.names if _path(full := f"{node.module}.{alias.name}")]
                waiting += [node.module] if _path(node.module) else []
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names if alias.name.startswith("lstmkit.")]
    return sorted(found - {"lstmkit"})


def _path(module):
    """The file of a module of lstmkit, None for what is no module."""
    path = Path(lstmkit.__file__).parent.joinpath(*module.split(".")[1:])
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _bare(source):
    """A source without docstrings, comments and blank lines, which measure nothing."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            text = node.body[0]
            lines[text.lineno - 1 : text.end_lineno] = [""] * (text.end_lineno - text.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


# Files


def load(file):
    """The record in a file, or, by the name of an experiment, the book's own.  Raises Unfit for anything else."""
    path = Path(file) if Path(file).suffix == ".json" else RECORDED / f"{file}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unfit(f"there is no record {path}: `lstmkit run {path.stem} --record {path.parent}` makes it") from None
    except ValueError as error:
        raise Unfit(f"{path} is no record of an experiment: {error}") from None
    if wrong := problems(record):
        raise Unfit(f"{path} is no record of an experiment: {wrong[0]}")
    return record


def save(record, file):
    """Write a record: the file holds all of it, or what it held before."""
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".partial")
    partial.write_text(as_text(record), encoding="utf-8")
    os.replace(partial, file)


def as_text(record):
    """JSON with one line for a key, a list of numbers too, so that a change can be read."""
    text = json.dumps(record, indent=1, allow_nan=False)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


def problems(record):
    """What is wrong with a record's form, as sentences; none for a good one."""
    if not isinstance(record, dict):
        return [f"it holds a {type(record).__name__}, not a dict"]
    found = _wrong_types(record, REQUIRED, "the record")
    if not found and record["format"] != FORMAT:
        found.append(f"its format is {record['format']}, and this lstmkit reads {FORMAT}")
    for run in record["runs"] if not found else []:
        found += _wrong_types(run, REQUIRED_OF_A_RUN, "a run")
    seeds = [run["seed"] for run in record["runs"]] if not found else []
    if seeds != sorted(set(seeds)):
        found.append(f"its seeds are {seeds}, and should rise")
    return found


def _wrong_types(given, required, what):
    lacks = [f"{what} lacks {name}" for name in required if name not in given]
    return lacks or [
        f"{name} of {what} is {given[name]!r}, which is no {kind}"
        for name, kind in required.items()
        if not isinstance(given[name], kind) or (kind is int and isinstance(given[name], bool))
    ]


def plain(value):
    """What JSON can hold: lists for arrays and tuples, text for keys, six digits for a number, None for a NaN.

    Of an array with more than `LARGEST` numbers only the shape is kept, of a network that it has been there.
    """
    if hasattr(value, "_asdict"):
        return {"omitted": type(value).__name__}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist()) if math.prod(value.shape) <= LARGEST else {"omitted": list(value.shape)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


# Reading


def values(record, key):
    """What stands under a dotted key in each run, such as "steps.LSTM chrono" or "curve.3".  KeyError names the key."""
    return [pick(run["numbers"], key) for run in record["runs"]]


def pick(numbers, key):
    """What stands under a dotted key; a part of it may itself have dots, as "RNN gain 0.9" has."""
    if isinstance(numbers, list):
        index, _, rest = key.partition(".")
        if not index.removeprefix("-").isdecimal() or not -len(numbers) <= int(index) < len(numbers):
            raise KeyError(f"{key}: here stands a list of {len(numbers)}")
        return pick(numbers[int(index)], rest) if rest else numbers[int(index)]
    if isinstance(numbers, dict):
        for name in sorted(numbers, key=len, reverse=True):
            if key == name:
                return numbers[name]
            if key.startswith(f"{name}."):
                return pick(numbers[name], key.removeprefix(f"{name}."))
        raise KeyError(f"{key}: there are {', '.join(numbers)}")
    raise KeyError(f"{key}: here stands {numbers!r}")


def spread(found):
    """Median, least and most of numbers, None being larger than any: it says of a time that it never came."""
    ordered = sorted(math.inf if value is None else value for value in found)
    return median(ordered), ordered[0], ordered[-1]


def summary(found):
    """The median, and in brackets the least and the most where they differ."""
    middle, least, most = map(written, spread(found))
    return middle + (f" ({least} to {most})" if least != most else "")


def is_number(value):
    """Whether a value of a result can be averaged over seeds."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def leaves(numbers, prefix=""):
    """(dotted name, value) of everything in nested dicts."""
    for name, value in numbers.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def written(value):
    """A number as a reader wants it: whole ones with their thousands apart, others with three digits that count."""
    if value is None or value == math.inf:
        return "never"
    if not is_number(value):
        return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 100):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def beside(experiment, live, keys):
    """A Markdown table that sets live numbers beside the recorded ones of the same keys, and labels both.

    `live` is a list of results of the experiment's `run`, `keys` a dict from what a row is called to its dotted key.
    """
    record = load(experiment)
    seeds, seconds = len(record["runs"]), sum(run["cpu_seconds"] for run in record["runs"])
    rows = [
        f"| | live: {len(live)} seed{'s' * (len(live) > 1)}, as this page was built | recorded: {seeds} seeds |",
        "| :-- | :-- | :-- |",
    ]
    for name, key in keys.items():
        now = summary([pick(plain(result), key) for result in live])
        rows.append(f"| {name} | {now} | {summary(values(record, key))} |")
    where = f"{record['processor']}, {seconds:,.0f} CPU seconds, commit {(record['commit'] or 'unknown')[:7]}"
    rows += ["", f"Medians, with the least and the most. Recorded on {record['runs'][0]['started'][:10]}: {where}."]
    return "\n".join(rows) + "\n"
