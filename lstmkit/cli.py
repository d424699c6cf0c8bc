"""The command `lstmkit`: look at this machine, time the kit, run the book's experiments, check the exercises.

Exit codes: 0 all went well; 1 something that was asked for failed; 2 the command line was wrong; 130 stopped by Ctrl-C.
"""

import argparse
import csv
import difflib
import importlib.util
import json
import os
import secrets
import sys
from pathlib import Path

import lstmkit
from lstmkit import bench, doctor, results, running
from lstmkit.data import download
from lstmkit.grader import isolation
from lstmkit.grading import notebook, personal


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
    sub = commands.add_parser("doctor", help=about, description=about, epilog="example: lstmkit doctor --isolation")
    sub.add_argument(
        "--isolation", nargs="?", const="auto", metavar="BACKEND",
        help="try to break out of the isolation that `lstmkit grade` would use here, or of the one named",
    )  # fmt: skip
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

    about = "Run the book's experiments and print their numbers; without a name, list them."
    example = "example: lstmkit run adding --scale live --seeds 3 --record results"
    sub = commands.add_parser("run", help=about, description=about, epilog=example)
    sub.add_argument("experiment", nargs="*", metavar="EXPERIMENT", help="names, as `lstmkit run` lists them")
    sub.add_argument("--all", action="store_true", help="every experiment, and a table at the end")
    sub.add_argument("--seeds", type=at_least_one, default=1, metavar="N", help="seeds 0 to N-1 (default: 1)")
    sub.add_argument(
        "--scale", default="live",
        help="live: what a page runs as it is built (default); build: what a chapter may take a minute for; "
        "recorded: the full comparison; test: a few steps, to see that it runs",
    )  # fmt: skip
    sub.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    sub.add_argument(
        "--record", type=folder, metavar="DIR",
        help="write DIR/EXPERIMENT.json after each seed, and go on from what it holds",
    )  # fmt: skip
    sub.add_argument("--anew", action="store_true", help="with --record: run every seed again, and write over old ones")
    sub.add_argument("--jobs", type=at_least_one, default=1, metavar="N", help="processes at once (default: 1)")
    sub.set_defaults(command=run_experiments)

    about = "Check your answers to an assignment, question by question; without a name, list the assignments."
    example = (
        "example: lstmkit check lstm   (with lstm.ipynb in this folder; lstm.progress.json keeps what you reached)"
    )
    sub = commands.add_parser("check", help=about, description=about, epilog=example)
    sub.add_argument("notebook", nargs="?", metavar="NAME", help="an assignment, or the file of its notebook")
    sub.add_argument("--question", metavar="Q", help="only this question")
    sub.add_argument("--hint", metavar="Q", help="run nothing, show the next hint for question Q")
    sub.add_argument("--seed", type=seed, default=0, metavar="N", help="other random inputs (default: 0)")
    sub.set_defaults(command=run_check)

    about = "Grade what students handed in: their code in isolation, the tests outside of it; run in a course folder."
    sub = commands.add_parser(
        "grade", help=about, description=about, epilog="example: lstmkit grade lstm --students ada boole",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    sub.add_argument("assignment", metavar="ASSIGNMENT", help="its name, as in submitted/STUDENT/ASSIGNMENT")
    sub.add_argument("--students", nargs="+", default=(), metavar="ID", help="only these")
    sub.add_argument("--force", action="store_true", help="grade also what has not changed")
    sub.add_argument("--jobs", type=at_least_one, default=cores(), metavar="N", help="at once (default: one a core)")
    sub.add_argument(
        "--backend", choices=("auto", "bubblewrap", "namespaces", "podman", "docker"), default="auto",
        help="what keeps student code apart (default: the first of these that works here)",
    )  # fmt: skip
    sub.add_argument(
        "--unsafe-local", action="store_true", help="without any isolation, where nothing else is to be had"
    )
    sub.add_argument("--torch", action="store_true", help="let student code import PyTorch")
    sub.add_argument("--cell-seconds", type=at_least_one, default=60, metavar="S", help="for one cell (default: 60)")
    sub.add_argument("--seconds", type=at_least_one, default=300, metavar="S", help="for a submission (default: 300)")
    sub.add_argument("--scheduler", metavar="tcp://…", help="judge on the workers of this Dask cluster")
    sub.add_argument("--db", metavar="URL", help="another gradebook, such as postgresql://user@host/name")
    sub.add_argument(
        "--export", choices=("canvas", "csv"), help="write a file for Canvas, or one for Moodle, and no more"
    )
    sub.add_argument("--to", type=new_file, metavar="FILE", help="of --export (default: ASSIGNMENT-canvas.csv, say)")
    sub.set_defaults(command=run_grade)

    about = "What an instructor needs beside nbgrader."
    example = "example: lstmkit course codes roster.csv --secret secret.txt > codes.csv"
    sub = commands.add_parser("course", help=about, description=about, epilog=example)
    tasks = sub.add_subparsers(title="tasks", required=True, metavar="TASK")
    about = "Print the code of each student, from which the numbers of their questions are drawn, as CSV."
    sub = tasks.add_parser("codes", help=about, description=about, epilog=example)
    sub.add_argument("roster", type=Path, metavar="ROSTER", help="a CSV file with a column `id`, one row a student")
    sub.add_argument(
        "--secret", type=Path, required=True, metavar="FILE",
        help="the course's secret, one line of text; drawn and written there if there is no such file",
    )  # fmt: skip
    sub.set_defaults(command=run_codes)
    about = "Make the private folder of a course: assignments built, secret drawn, roster and gradebook in place."
    example = "example: lstmkit course new ~/lstm-2027 --roster roster.csv"
    sub = tasks.add_parser("new", help=about, description=about, epilog=example)
    sub.add_argument("directory", type=Path, metavar="DIR", help="a new folder, or one that this command has made")
    sub.add_argument("--roster", type=Path, metavar="FILE", help="a CSV file with a column `id`, one row a student")
    sub.set_defaults(command=run_course_new)
    return top


def run_doctor(chosen):
    """0 wherever the kit can run at all, however much else is missing; with --isolation, 0 if it holds."""
    if chosen.isolation:
        rows = isolation.isolation(chosen.isolation)
        print(isolation.isolation_table(rows))
        return 0 if all(row.found for row in rows) else 1
    rows = isolation.look(doctor.look())
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


def run_experiments(chosen):
    """`lstmkit run`; without a name, the list of experiments and the questions they ask."""
    known = results.experiments()
    if chosen.all and chosen.experiment:
        raise Mistake("--all is every experiment: leave the names out, or leave --all out")
    if not chosen.all and not chosen.experiment:
        width = max(map(len, known), default=0)
        print("\n".join(f"{name:<{width}}  {question}" for name, question in known.items()))
        return 0
    for name in chosen.experiment:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            meant = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(known)}"
            raise Mistake(f"there is no experiment {name!r}; {meant}")
    check_device(chosen.device)
    one_thread_each()
    asked = list(known) if chosen.all else list(dict.fromkeys(chosen.experiment))
    try:
        return running.run(asked, chosen)
    except results.Unfit as error:
        raise Mistake(str(error)) from error


def run_check(chosen):
    """`lstmkit check`: 0 if every regular point is there, 1 if some are missing; without a name, the list."""
    if chosen.notebook is None:
        for name in notebook.assignments():
            regular, extra = notebook.points(name)
            here = notebook.load_progress(Path(f"{name}.progress.json"))
            reached = f"  best so far here: {sum(row['best'] for row in here.values()):g}" if here else ""
            print(f"{name:<17} {regular:>3} points and {extra} extra{reached}")
        return 0
    one_thread_each()
    try:
        assignment, path = notebook.find(chosen.notebook)
        file = notebook.progress_file(assignment, path)
        kept = notebook.load_progress(file)
        if chosen.hint:
            text, kept = notebook.next_hint(assignment, chosen.hint, kept)
            print(text)
        else:
            tell = (lambda name: print(f"\r\033[K{name} ...", end="", file=sys.stderr, flush=True)) if tty() else None
            result = notebook.check(assignment, path, chosen.seed, chosen.question, tell)
            if tell:
                print("\r\033[K", end="", file=sys.stderr, flush=True)
            kept = notebook.add_to_progress(kept, result)
        notebook.save_progress(file, kept)
    except (notebook.Unreadable, OSError) as error:
        raise Mistake(str(error)) from error
    if chosen.hint:
        return 0
    for report in result.reports.values():
        if report.hints != {"blank"}:  # the table says that
            print(f"{report}\n")
    for trouble in result.troubles:
        print(f"cell {trouble.cell} did not run to its end: {trouble.text}\n")
    print(notebook.summary(result, kept))
    return 0 if notebook.all_right(result) else 1


def run_grade(chosen):
    """`lstmkit grade`: 0 if every submission was judged, 1 if a person has to look at some, 2 if it cannot begin."""
    if importlib.util.find_spec("nbgrader") is None:
        raise Mistake("grading needs nbgrader: pip install nbgrader, or use the environment that `make` makes")
    from lstmkit.grader import course, grade, lms, sandbox

    one_thread_each()
    if chosen.unsafe_local and chosen.backend != "auto":
        raise Mistake("--unsafe-local is no isolation at all: leave --backend out, or leave it out")
    try:
        here = course.Course(".", chosen.db)
        if chosen.export:
            path = chosen.to or Path(f"{chosen.assignment}-{'canvas' if chosen.export == 'canvas' else 'moodle'}.csv")
            with open(path, "w", encoding="utf-8", newline="") as stream:
                (lms.canvas if chosen.export == "canvas" else lms.moodle)(here, chosen.assignment, stream)
            print(path)
            return 0
        if chosen.unsafe_local:
            print(sandbox.UNSAFE, file=sys.stderr)
        backend = "unsafe-local" if chosen.unsafe_local else chosen.backend
        settings = grade.Settings(backend, chosen.torch, float(chosen.cell_seconds), float(chosen.seconds))
        graded = grade.grade(
            here, chosen.assignment, chosen.students, chosen.force, settings, chosen.jobs, chosen.scheduler, graded_line
        )
        if tty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        print(grade.summary(here, chosen.assignment, graded))
    except (course.Wrong, sandbox.Unavailable) as error:
        raise Mistake(str(error)) from error
    return 1 if any(row.state in ("unreadable", "failed") for row in graded) else 0


def graded_line(done, total, row):
    """Progress: a line that rewrites itself, or one for each submission where nobody watches."""
    line = f"{done:>{len(str(total))}}/{total}  {row.student}: {row.state}"
    if tty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    elif row.state != "unchanged":
        print(line, file=sys.stderr, flush=True)


def run_course_new(chosen):
    """`lstmkit course new`."""
    if importlib.util.find_spec("nbgrader") is None:
        raise Mistake("a course needs nbgrader: pip install nbgrader, or use the environment that `make` makes")
    from lstmkit.grader import course, new

    try:
        print(new.new(chosen.directory, chosen.roster, progress=lambda line: print(line, file=sys.stderr)))
    except course.Wrong as error:
        raise Mistake(str(error)) from error
    return 0


def cores():
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tty():
    """Whether somebody watches standard error."""
    return sys.stderr.isatty()


def run_codes(chosen):
    """`lstmkit course codes`: id,code for each row of the roster."""
    try:
        with open(chosen.roster, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        if not chosen.secret.exists():
            chosen.secret.touch(mode=0o600)
            chosen.secret.write_text(secrets.token_urlsafe(32) + "\n", encoding="utf-8")
            print(
                f"lstmkit: drew a secret and wrote it to {chosen.secret}; keep it, and keep it to yourself",
                file=sys.stderr,
            )
        secret = chosen.secret.read_text(encoding="utf-8").strip()
        if not rows or "id" not in rows[0]:
            raise Mistake(f"{chosen.roster} needs a first line with a column `id`, and a row for each student")
        codes = [(row["id"].strip(), personal.code_of(secret, row["id"])) for row in rows]
    except (OSError, ValueError) as error:
        raise Mistake(str(error)) from error
    print("id,code")
    print("\n".join(f"{student},{code}" for student, code in codes))
    return 0


def one_thread_each():
    """The products here are small: a second thread costs more than it brings.  Read when NumPy and torch are loaded."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


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


def seed(text):
    """A whole number from 0 up."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def at_least_one(text):
    """A whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def folder(text):
    """A folder to write into, made if its own folder exists."""
    path = Path(text)
    if not path.is_dir() and (path.exists() or not path.absolute().parent.is_dir()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no folder, and cannot be made: {path.absolute().parent} must exist"
        )
    path.mkdir(exist_ok=True)
    if not os.access(path, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write into the folder {text!r}")
    return path


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
