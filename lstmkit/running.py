"""`lstmkit run`: experiments one after the other or side by side, with a bar, a table, and what they say of the claims.

Each seed of each experiment is one piece of work.  What is finished is in its record at once, so that Ctrl-C, or a
power cut, costs only the pieces under way.
"""

import importlib
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager

from lstmkit import claims, results


def run(experiments, chosen):
    """Run what the command line chose, and return the exit code: 1 if an experiment failed or a claim does not hold."""
    if chosen.all:
        experiments = [name for name in experiments if has_scale(name, chosen.scale)]
    records, files, failed = {}, {}, {}
    for name in experiments:  # every record that does not fit is told before anything is run
        files[name] = chosen.record / f"{name}.json" if chosen.record else None
        try:
            records[name] = results.begin(name, chosen.scale, chosen.device, files[name], chosen.anew)
        except ModuleNotFoundError as error:
            failed[name] = f"needs {error.name}, which is not installed"
            continue
        if not has_scale(name, chosen.scale):
            module = importlib.import_module(f"lstmkit.experiments.{name}")
            raise results.Unfit(f"--scale is {chosen.scale!r}; {name} knows {', '.join(module.SETTINGS)}")
    pieces = [(name, seed) for name in records for seed in results.missing(records[name], range(chosen.seeds))]
    try:
        with bar(len(pieces)) as advance:
            for name, piece in done(pieces, chosen):
                if isinstance(piece, Exception):
                    failed[name] = f"{type(piece).__name__}: {piece}"
                else:
                    results.add(records[name], piece, files[name])
                advance(name)
    finally:
        report(records, failed, chosen)
    broken = [outcome for record in records.values() for outcome in claims.outcomes(record) if not outcome.holds]
    return 1 if failed or broken else 0


def has_scale(experiment, scale):
    """Whether an experiment can be run at that scale; one without a table of settings has only one size."""
    try:
        settings = getattr(importlib.import_module(f"lstmkit.experiments.{experiment}"), "SETTINGS", None)
    except ModuleNotFoundError:
        return True  # what it lacks is said where it is run
    return scale in settings if settings else scale in ("test", "live", "recorded")


def done(pieces, chosen):
    """(experiment, its run or the exception that ended it) of each piece of work, as they end."""
    if chosen.jobs == 1:
        for name, seed in pieces:
            yield name, attempt(name, seed, chosen.scale, chosen.device)
        return
    fresh = multiprocessing.get_context("spawn")  # a fork would share torch's threads and random numbers
    with ProcessPoolExecutor(chosen.jobs, mp_context=fresh) as workers:
        given = {workers.submit(attempt, *piece, chosen.scale, chosen.device): piece[0] for piece in pieces}
        try:
            for finished in as_completed(given):
                yield given[finished], finished.result()
        except BaseException:  # Ctrl-C above all
            workers.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def attempt(experiment, seed, scale, device):
    """The run of one seed, or the exception that ended it: one experiment that fails must not end the others."""
    try:
        return results.one_run(experiment, seed, scale, device)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError):
            return ModuleNotFoundError(f"needs {error.name}, which is not installed")
        return error


@contextmanager
def bar(pieces):
    """advance(name), to be called after each piece; a bar where stderr is a terminal and tqdm is installed."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        yield lambda name: print(f"{name}: one seed more", file=sys.stderr)
        return
    with tqdm(total=pieces, unit="seed", disable=not sys.stderr.isatty() or not pieces) as shown:

        def advance(name):
            shown.set_postfix_str(name, refresh=False)
            shown.update()

        yield advance


# What is printed


def report(records, failed, chosen):
    """One experiment in full; several as a table, and under it the claims that do not hold."""
    records = {name: record for name, record in records.items() if record["runs"]}
    if len(records) == 1 and not chosen.all:
        (record,) = records.values()
        for run in record["runs"]:
            show(run)
        if len(record["runs"]) > 1:
            show_spread(record["runs"])
    elif records:
        print(table(records))
    for record in records.values():
        for outcome in claims.outcomes(record):
            if not outcome.holds or len(records) == 1:
                print(f"claim {outcome.claim} {'holds' if outcome.holds else 'DOES NOT HOLD'}: {outcome.text}")
    for name, what in failed.items():
        print(f"lstmkit run: {name} {what}", file=sys.stderr)
    if chosen.record and records:
        print(f"recorded in {chosen.record}")


def table(records):
    """Experiment, seeds, CPU and wall seconds, and how many of the claims' checks hold, a line each."""
    width = max(map(len, records))
    lines = [f"{'experiment':<{width}}  seeds  CPU seconds  wall seconds  checks that hold"]
    seconds = {name: [sum(run[f"{kind}_seconds"] for run in record["runs"]) for kind in ("cpu", "wall")]
               for name, record in records.items()}  # fmt: skip
    for name, record in records.items():
        cpu, wall = seconds[name]
        outcomes = claims.outcomes(record)
        verdict = f"{sum(o.holds for o in outcomes)} of {len(outcomes)}" if outcomes else "none on this scale"
        lines.append(f"{name:<{width}}  {len(record['runs']):>5}  {cpu:>11.1f}  {wall:>12.1f}  {verdict}")
    cpu, wall = (sum(pair) for pair in zip(*seconds.values(), strict=True))
    lines.append(f"{'together':<{width}}  {'':>5}  {cpu:>11.1f}  {wall:>12.1f}")
    return "\n".join(lines)


def show(run):
    """Print the numbers of one run."""
    print(f"seed {run['seed']}: {run['cpu_seconds']:.2f} CPU seconds, {run['wall_seconds']:.2f} seconds")
    flat = dict(results.leaves(run["numbers"]))
    width = min(40, max(map(len, flat), default=0))
    for name, value in flat.items():
        if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
            print(f"  {name}")
            for item in value:
                print(f"    {written(item)}")
        else:
            print(f"  {name:<{width}}  {written(value)}")


def show_spread(runs):
    """Median and range over the seeds, of every number that is one number."""
    flat = [dict(results.leaves(run["numbers"])) for run in runs]
    print(f"{len(runs)} seeds: median (least to most)")
    for name in flat[0]:
        found = [run.get(name) for run in flat]
        if all(map(results.is_number, found)):
            print(f"  {name}  {results.summary(found)}")


def written(value):
    """One line for a number, a text, a dict or a list; a long list by its length and range."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {written(item)}" for name, item in value.items())
    if isinstance(value, list) and len(value) > 8:
        flat = [item for item in flattened(value) if results.is_number(item)]
        return f"{len(value)} values" + (f" from {min(flat):.6g} to {max(flat):.6g}" if flat else "")
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return str(value)


def flattened(value):
    """The numbers of nested lists, one after the other."""
    for item in value:
        yield from flattened(item) if isinstance(item, list) else [item]
