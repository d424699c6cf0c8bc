"""One colour, one line style and one letter per symbol, and the style of every figure in the book.

i input gate, f forget gate, g candidate, o output gate, c cell state, h hidden state.

The hues are those of Okabe and Ito, darkened until each stands out from white paper (contrast of 3 or more) and
no two share a grey: from dark to light c, h, i, f, o, g. Line styles repeat what the colours say, for a reader who sees
neither.

matplotlib is an extra: it is imported only when a style or a figure is asked for.
"""

COLOURS = {
    "i": "#004c87",  # blue
    "f": "#a84200",  # vermillion
    "g": "#c98600",  # orange
    "o": "#008f68",  # bluish green
    "c": "#000000",  # black
    "h": "#571858",  # purple
}

LINES = {
    "i": (0, (5, 1.5)),  # long dashes
    "f": "-",
    "g": (0, (1, 1.2)),  # dots
    "o": (0, (5, 1.5, 1, 1.5)),  # dash, dot
    "c": "-",
    "h": (0, (2.5, 1.2)),  # short dashes
}

# The same six, in the order in which they tell series apart best when the series are not gates.
CYCLE = [COLOURS[letter] for letter in ("i", "f", "o", "g", "h", "c")]

STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "font.size": 13,  # a 6.4 inch figure on a 375 pixel phone still shows letters of 9 pixels
    "axes.titlesize": 13,
    "axes.labelsize": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.7,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "lines.linewidth": 2.0,
    "lines.markersize": 5,
    "lines.dash_capstyle": "butt",
    "legend.frameon": False,
    "svg.hashsalt": "lstmkit",  # the same figure gives the same bytes
    "svg.fonttype": "path",
}


def use_style():
    """Give every figure drawn after this call the book's style, and draw as SVG where a notebook shows it."""
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams.update(STYLE | {"axes.prop_cycle": cycler(color=CYCLE)})
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # a plain script has no notebook to draw in
        return
    try:
        shell = get_ipython()
    except NameError:
        return
    if shell is not None:
        set_matplotlib_formats("svg")


def gate_reading(example):
    """The value, the gates and the cell state of one unit over one sequence of the adding problem, as a figure.

    `example` is the entry of that name in a result of lstmkit.experiments.gates_on_adding: value, mark, i, f and c,
    each (T,).
    """
    import matplotlib.pyplot as plt

    steps = range(1, len(example["value"]) + 1)
    marked = example["mark"] == 1
    fig, (top, middle, bottom) = plt.subplots(3, 1, figsize=(6.4, 5.4), sharex=True, height_ratios=(1, 1.4, 1.2))
    top.bar(steps, example["value"], color=["#000000" if mark else "#c4c4c4" for mark in marked])
    top.set(ylabel="value", ylim=(0, 1))
    for letter, name in (("i", "input gate"), ("f", "forget gate")):
        middle.plot(steps, example[letter], color=COLOURS[letter], ls=LINES[letter], label=f"${letter}$, {name}")
    middle.set(ylabel="gate", ylim=(-0.04, 1.08))
    middle.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0), borderaxespad=0)
    bottom.plot(steps, example["c"], color=COLOURS["c"], ls=LINES["c"])
    bottom.set(ylabel="$c$", xlabel="step")
    for ax in (middle, bottom):
        for step, mark in zip(steps, marked, strict=True):
            if mark:
                ax.axvline(step, color="#c4c4c4", lw=6, zorder=0)
    return fig
