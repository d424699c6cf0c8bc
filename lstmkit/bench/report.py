"""A report as text, and as a figure."""

from lstmkit.bench.goal import goals, where

OURS, OTHERS, BARE = "#004c87", "#c98600", "#8a8a8a"
UNITS = {"ms": 1e3, "us a step": 1e6}


def table(report):
    """The machine, a table for each result, what was left out, and the goals."""
    machine = report["machine"]
    running_as = f" as {machine['blas_core']}" if machine["blas_core"] else ""
    blas = f"{machine['blas']}{running_as}"
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, load {machine['load_average']}",
        f"Python {machine['python']}, NumPy {machine['numpy']} on {blas}, PyTorch {machine['torch']}",
    ]
    for result in report["results"]:
        lines += ["", *one_table(result)]
    if report.get("left_out"):
        lines += ["", *(f"took no part, as it is not here: {line}" for line in report["left_out"])]
    return "\n".join([*lines, "", *summary(goals(report))])


def one_table(result):
    """Two lines of heading, then a line for each contender."""
    columns, labels = headings(result)
    unit, width = result["unit"], 2 + max(map(len, result["contenders"]))
    widths = [max(9, len(unit) + 2), *(max(7, len(label) + 2) for label in labels)]
    heads = "".join(f"{head:>{wide}}" for head, wide in zip([unit, *labels], widths, strict=True))
    lines = [
        title(result),
        (f"{'':<{width}}" + "".join(f"{column:>{sum(widths)}}" for column in columns)).rstrip(),
        f"{'':<{width}}" + heads * len(columns),
    ]
    for name, row in result["contenders"].items():
        line = f"{name:<{width}}"
        for column in columns:
            cell = row["columns"].get(column)
            values = ["-"] * len(widths)
            if cell:
                ratios = [cell["ratios"].get(label) for label in labels]
                values = [f"{UNITS[unit] * cell['median']:.2f}", *("-" if r is None else f"{r:.2f}" for r in ratios)]
            line += "".join(f"{value:>{wide}}" for value, wide in zip(values, widths, strict=True))
        once = any(len(cell["seconds"]) < result["rounds"] for cell in row["columns"].values())
        lines.append(f"{line}  {row['note']}{'  one round alone: slow' if once else ''}".rstrip())
    return lines


def headings(result):
    """The columns and the labels of the ratios, of all contenders, in their order."""
    columns, labels = {}, {}
    for row in result["contenders"].values():
        for column, cell in row["columns"].items():
            columns[column] = None
            labels |= dict.fromkeys(cell["ratios"])
    return list(columns), list(labels)


def title(result):
    """What was timed, and how."""
    how = f"median of {result['rounds']} rounds, {result['clock']} clock"
    if "shape" not in result:
        return how
    sizes = " ".join(f"{letter}={size}" for letter, size in result["shape"].items())
    threads = f"{result['threads']} thread" + "s" * (result["threads"] > 1)
    kernels = f"  {result['blas_core']} kernels" if result["blas_core"] else ""
    return f"{sizes}  {result['dtype']}  {threads}{kernels}  {how}"


def summary(judged):
    """The goals as text: bound, the worst and the best that was measured, met or missed."""
    if not judged:
        return []
    width = 2 + max(len(entry["goal"]) for entry in judged)
    lines = [f"{'goals':<{width}}{'at most':>8}{'worst':>8}{'best':>8}"]
    for entry in judged:
        measured, bound = entry["measured"], entry["at_most"]
        worst = max(measured, key=lambda m: m["value"], default=None)
        best = min((m["value"] for m in measured), default=None)
        numbers = "".join(f"{'-' if n is None else f'{n:.2f}':>8}" for n in (bound, worst and worst["value"], best))
        if not measured:
            verdict = "not measured"
        elif bound is None:
            verdict = f"for the record; worst at {worst['where']}"
        elif entry["met"]:
            verdict = "met" if len(measured) == 1 else f"met in all {len(measured)}"
        else:
            kept = sum(m["value"] <= bound for m in measured)
            verdict = f"missed; met in {kept} of {len(measured)}; worst at {worst['where']}"
        lines.append(f"{entry['goal']:<{width}}{numbers}  {verdict}")
    return lines


def plot(report, path):
    """Write a figure: for each result the last ratio of its table, by contender, on a logarithmic axis.

    Results that differ in the shape alone stand side by side.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from lstmkit import plotting

    plotting.use_style()
    shown = [(result, bars(result)) for result in report["results"]]
    shown = [(result, values) for result, values in shown if values]
    shelves = {}
    for result, values in shown:
        kind = tuple(result.get(name) for name in ("what", "dtype", "threads", "blas_core"))
        shelves.setdefault(kind, []).append((result, values))
    across = max(map(len, shelves.values()), default=1)
    heights = [1.3 + 0.34 * len(shelf[0][1]) for shelf in shelves.values()] or [1]
    with matplotlib.rc_context({"axes.grid.axis": "x", "font.size": 11}):
        figure = Figure(figsize=(3.4 + 2.8 * across, sum(heights)))
        axes = figure.subplots(max(1, len(shelves)), across, squeeze=False, height_ratios=heights)
        for ax in axes.flat:
            ax.set_visible(False)
        for shelf, line in zip(shelves.values(), axes, strict=False):
            for k, ((result, values), ax) in enumerate(zip(shelf, line, strict=False)):
                draw(ax, result, values, with_names=k == 0)
        machine = report["machine"]
        figure.suptitle(f"{machine['processor']}, {machine['cores']} cores", fontsize=11)
        figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)


def bars(result):
    """By contender, the last ratio in its last column."""
    columns, labels = headings(result)
    if not columns or not labels:
        return {}
    last = {name: row["columns"].get(columns[-1]) for name, row in result["contenders"].items()}
    values = {name: cell["ratios"].get(labels[-1]) for name, cell in last.items() if cell}
    return {name: value for name, value in values.items() if value is not None}


def colour(name):
    """Ours, the bare products, and all others."""
    if "bare" in name:
        return BARE
    return OURS if "lstmkit" in name or "equations" in name else OTHERS


def draw(ax, result, values, with_names):
    """One panel; a bar begins at 1, where what it is compared with stands."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    columns, labels = headings(result)
    ax.set_visible(True)
    names, numbers = list(values), list(values.values())
    places = range(len(names))
    ax.barh(places, [number - 1 for number in numbers], left=1, color=[colour(name) for name in names], height=0.7)
    for place, number in zip(places, numbers, strict=True):
        ax.text(max(number, 1) * 1.06, place, f"{number:.2f}", va="center", fontsize=9)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.minorticks_off()
    ax.set_xlim(min(0.8, *numbers) / 1.2, max(2, *numbers) * 2.2)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(list(places), names if with_names else [""] * len(names), fontsize=10)
    ax.axvline(1, color="#555555", lw=0.8)
    ax.set_xlabel(f"{labels[-1]}, {columns[-1]}", fontsize=10)
    ax.set_title(where(result).replace(" ", "\n", 1), fontsize=10)
