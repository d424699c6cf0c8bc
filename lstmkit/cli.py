"""The command `lstmkit`: look at this machine, time the kit, run the book's experiments.

Exit codes: 0 all went well; 1 something that was asked for failed; 2 the command line was wrong; 130 stopped by Ctrl-C.
"""

import argparse
import ast
import difflib
import importlib
import importlib.util
import json
import math
import os
import pkgutil
import platform
import sys
import time
from pathlib import Path
from statistics import median

import lstmkit
from lstmkit import bench, doctor
from lstmkit.data import download


def main(arguments=None):
    """Run one command and return its exit code."""
    try:
        chosen = parser().parse_args(arguments)
        return chosen.command(chosen)
    except Mistake as error:
        print(f"lstmkit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nlstmkit: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


class Mistake(Exception):
    """Something on the command line that cannot be done; its text is what the person sees."""


def parser():
    """The whole command line, one example to each command."""
    top = argparse.ArgumentParser(
        prog="lstmkit",
        description="LSTM networks as the book writes them, in NumPy and in PyTorch.",
        epilog="example: lstmkit doctor",
    )
    top.add_argument("--version", action="version", version=f"lstmkit {lstmkit.__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    about = "Say in one table what this machine has and what each missing thing costs."
    sub = commands.add_parser("doctor", help=about, description=about, epilog="example: lstmkit doctor")
    sub.set_defaults(command=run_doctor)

    about = "Time our networks beside their peers and beside the bare matrix products, in one interleaved run."
    example = "example: lstmkit bench lstm --shapes 100,32,64,128 256,1,64,128 --dtype float32 --threads 1 all"
    questions = "".join(f"\n  {name:<9} {question}" for name, question in bench.QUESTIONS.items())
    sub = commands.add_parser(
        "bench", help=about, description=f"{about}\n{questions}", epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    sub.add_argument("what", choices=bench.QUESTIONS, metavar="WHAT", help="one of the above")
    sub.add_argument(
        "--shapes", nargs="+", type=shape, metavar="T,B,D,H", help="steps, sequences, inputs, units (default: by WHAT)"
    )
    sub.add_argument("--dtype", nargs="+", choices=["float32", "float64"], help="(default: both)")
    sub.add_argument("--threads", nargs="+", type=threads, metavar="N", help="how many, or `all` (default: 1)")
    sub.add_argument(
        "--blas", nargs="+", metavar="CORE",
        help="whose kernels OpenBLAS is to use: Haswell for AVX2, SkylakeX for AVX-512 (default: its choice)",
    )  # fmt: skip
    sub.add_argument("--rounds", type=at_least_one, metavar="N", help="timings of each (default: by WHAT)")
    sub.add_argument("--json", type=new_file, metavar="FILE", help="write every single timing there as well")
    sub.add_argument("--plot", type=figure_file, metavar="FILE", help="draw the ratios there, as .svg, .png or .pdf")
    sub.set_defaults(command=run_bench)

    about = "Fetch a larger public data set, whole and checked; without a name, list them."
    example = "example: lstmkit data mnist --folder data"
    sub = commands.add_parser("data", help=about, description=about, epilog=example)
    sub.add_argument("dataset", nargs="?", metavar="NAME", help="its name, as `lstmkit data` lists it")
    sub.add_argument(
        "--folder", type=Path, default=Path("data"), metavar="DIR", help="it goes into DIR/NAME (default: data)"
    )
    sub.set_defaults(command=run_data)

    about = "Run one of the book's experiments and print its numbers; without a name, list them."
    example = "example: lstmkit run parameter_count --seeds 3 --json counts.json"
    sub = commands.add_parser("run", help=about, description=about, epilog=example)
    sub.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="its name, as `lstmkit run` lists it")
    sub.add_argument("--seeds", type=at_least_one, default=1, metavar="N", help="seeds 0 to N-1 (default: 1)")
    sub.add_argument("--scale", default="live", help="how large: `live` is what the book runs as it is built (default)")
    sub.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    sub.add_argument("--json", type=new_file, metavar="FILE", help="write the numbers of every seed there as well")
    sub.set_defaults(command=run_experiment)
    return top


def run_doctor(chosen):
    """0 wherever the kit can run at all, however much else is missing."""
    rows = doctor.look()
    print(doctor.table(rows))
    return 0 if doctor.usable(rows) else 1


def run_data(chosen):
    """`lstmkit data`; without a name, the list of data sets with their sizes, sources and terms."""
    if chosen.dataset is None:
        for name, dataset in download.DATASETS.items():
            size = sum(file.bytes for file in dataset.files) / 1e6
            print(f"{name}  ({size:.1f} MB)\n  {dataset.about}\n  from {dataset.source}\n  terms: {dataset.licence}")
        return 0
    if chosen.dataset not in download.DATASETS:
        close = difflib.get_close_matches(chosen.dataset, download.DATASETS, n=3, cutoff=0.4)
        meant = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(download.DATASETS)}"
        raise Mistake(f"there is no data set {chosen.dataset!r}; {meant}")
    try:
        paths = download.fetch(chosen.dataset, chosen.folder, arrived if sys.stderr.isatty() else None)
    except (ValueError, OSError) as error:  # a wrong file, no network, no room
        print(f"lstmkit data: {error}", file=sys.stderr)
        return 1
    print("\n".join(map(str, paths)))
    return 0


def arrived(file, done, total):
    """One line a file, which rewrites itself as the bytes come in."""
    end = "" if done < total else "\n"
    print(f"\r{file.name}: {done / total:.0%} of {total:,} bytes", end=end, file=sys.stderr, flush=True)


def run_bench(chosen):
    """`lstmkit bench`; goals that are missed are printed, and end it no differently."""
    given = {"shapes": chosen.shapes, "dtypes": chosen.dtype, "threads": chosen.threads, "blas": chosen.blas}
    given = {name: list(dict.fromkeys(values)) for name, values in given.items() if values}
    if chosen.what == "import" and given:
        raise Mistake("an import has no shapes, dtype, threads or blas: `lstmkit bench import` takes --rounds alone")
    if chosen.plot and importlib.util.find_spec("matplotlib") is None:
        raise Mistake("--plot needs matplotlib: pip install 'lstmkit[plot]'")
    try:
        report = bench.bench(chosen.what, **given, rounds=chosen.rounds, progress=True)
    except RuntimeError as error:
        print(f"lstmkit bench: {error}", file=sys.stderr)
        return 1
    print(bench.table(report))
    if chosen.json:
        chosen.json.write_text(json.dumps(report | {"goals": bench.goals(report)}, indent=1) + "\n")
    if chosen.plot:
        bench.plot(report, chosen.plot)
    return 0


def run_experiment(chosen):
    """`lstmkit run`; without a name, the list of experiments and the questions they ask."""
    names = experiments()
    if chosen.experiment is None:
        width = max(map(len, names), default=0)
        print("\n".join(f"{name:<{width}}  {question}" for name, question in names.items()))
        return 0
    if chosen.experiment not in names:
        close = difflib.get_close_matches(chosen.experiment, names, n=3, cutoff=0.4)
        meant = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(names)}"
        raise Mistake(f"there is no experiment {chosen.experiment!r}; {meant}")
    check_device(chosen.device)
    seen = []
    try:
        experiment = importlib.import_module(f"lstmkit.experiments.{chosen.experiment}")
        for seed in range(chosen.seeds):
            seen.append(one_run(experiment, seed, chosen.scale, chosen.device))
            show(seen[-1])
        if len(seen) > 1:
            show_spread(seen)
    except ModuleNotFoundError as error:
        print(f"lstmkit run: {chosen.experiment} needs {error.name}, which is not installed", file=sys.stderr)
        return 1
    finally:  # stopped halfway, the seeds that are done are kept
        if chosen.json and seen:
            chosen.json.write_text(json.dumps(record(chosen, seen), indent=1) + "\n")
    return 0


def one_run(experiment, seed, scale, device):
    """The numbers of one seed, plain, with the time they took."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        numbers = experiment.run(seed=seed, scale=scale, device=device)
    except ValueError as error:
        if "scale" in str(error) or "device" in str(error):
            raise Mistake(str(error)) from error
        raise
    return {
        "seed": seed,
        "cpu_seconds": time.process_time() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "numbers": plain(numbers),
    }


def show(done):
    """Print the numbers of one run."""
    print(f"seed {done['seed']}: {done['cpu_seconds']:.2f} CPU seconds, {done['wall_seconds']:.2f} seconds")
    flat = dict(leaves(done["numbers"]))
    width = min(40, max(map(len, flat), default=0))
    for name, value in flat.items():
        if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
            print(f"  {name}")
            for item in value:
                print(f"    {written(item)}")
        else:
            print(f"  {name:<{width}}  {written(value)}")


def show_spread(seen):
    """Median and range over the seeds, of every number that is one number."""
    runs = [dict(leaves(done["numbers"])) for done in seen]
    print(f"{len(seen)} seeds: median (least to most)")
    for name in runs[0]:
        values = sorted(run[name] for run in runs if is_number(run.get(name)))
        if len(values) == len(runs):
            print(f"  {name}  {median(values):.6g} ({values[0]:.6g} to {values[-1]:.6g})")


def record(chosen, seen):
    """What goes into the file: the numbers, and what must be known to get them again."""
    import numpy as np

    return {
        "experiment": chosen.experiment,
        "scale": chosen.scale,
        "device": chosen.device,
        "lstmkit": lstmkit.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processor": doctor.processor(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "runs": seen,
    }


def experiments():
    """Name and first line of every experiment, found by looking into the folder and without importing any."""
    import lstmkit.experiments as folder

    found = {}
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda module: module.name):
        spec = importlib.util.find_spec(f"lstmkit.experiments.{module.name}")
        docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
        found[module.name] = docstring.partition("\n")[0]
    return found


def plain(value):
    """Arrays, tuples and NumPy numbers as lists and Python numbers, keys as text; a NaN or infinity as None."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def leaves(numbers, prefix=""):
    """(dotted name, value) of everything in nested dicts."""
    for name, value in numbers.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def written(value):
    """One line for a number, a text, a dict or a list; a long list by its length and range."""
    if is_number(value):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {written(item)}" for name, item in value.items())
    if isinstance(value, list) and len(value) > 8:
        flat = [item for item in flattened(value) if is_number(item)]
        return f"{len(value)} values" + (f" from {min(flat):.6g} to {max(flat):.6g}" if flat else "")
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return str(value)


def flattened(value):
    """The numbers of nested lists, one after the other."""
    for item in value:
        yield from flattened(item) if isinstance(item, list) else [item]


def is_number(value):
    """Whether a value of a result can be averaged over seeds."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_device(device):
    """Mistake unless the device can be had here."""
    if device == "cpu":
        return
    if device.partition(":")[0] != "cuda":
        raise Mistake(f"--device must be cpu or cuda, but it is {device!r}")
    row = doctor.gpu()
    if not row.found:
        raise Mistake(f"--device is {device!r}, but there is no GPU here: {row.detail}; leave --device out")


# What may stand on the command line


def shape(text):
    """T,B,D,H as a Shape."""
    try:
        sizes = bench.Shape(*map(int, text.split(",")))
    except (ValueError, TypeError):
        sizes = (0,)
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not T,B,D,H: four whole numbers from 1 up, such as 100,32,64,128"
        )
    return sizes


def threads(text):
    """A number of threads, or `all` of them."""
    cores = bench.all_cores()
    if text == "all":
        return cores
    if not text.isdecimal() or not 1 <= int(text) <= cores:
        raise argparse.ArgumentTypeError(f"{text!r} is neither `all` nor a number of threads from 1 to {cores}")
    return int(text)


def at_least_one(text):
    """A whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def new_file(text):
    """Checked before anything is measured, so that nothing is measured in vain."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write a file {text!r}: its folder must exist and be writable")
    return path


def figure_file(text):
    """A new file in a form that a figure can be written in."""
    path = new_file(text)
    if path.suffix not in (".svg", ".png", ".pdf"):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .svg, .png or .pdf")
    return path
