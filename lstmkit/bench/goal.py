"""What the kit is to reach, and whether a report says that it does.  Printed, and nothing more."""

from typing import NamedTuple

from lstmkit.bench.timing import BOTH, EQUATIONS, FLAX, FLOOR, KERAS, LEAN, LOOP, NUMPY, PEER, TORCH

AVX512 = ("skylakex", "cooperlake", "sapphirerapids")  # cores of OpenBLAS whose kernels use it


class Goal(NamedTuple):
    """A number of one result that should be at most so large; a goal without a bound is only for the record."""

    what: str  # the question of `lstmkit bench` that measures it
    text: str
    at_most: float | None
    value: object  # result -> number, or None where the goal says nothing of this result


def medians(result, column):
    """Seconds by contender."""
    rows = result["contenders"].items()
    return {name: row["columns"][column]["median"] for name, row in rows if column in row["columns"]}


def over(ours, *theirs, given=None, column=BOTH):
    """The time of `ours` over the fastest of `theirs`, in results for which `given` holds."""

    def value(result):
        seconds = medians(result, column)
        below = [seconds[name] for name in theirs if name in seconds]
        if ours not in seconds or not below or (given and not given(result)):
            return None
        return seconds[ours] / min(below)

    return value


def largest(name, label):
    """The largest ratio of that label in a contender's columns."""

    def value(result):
        row = result["contenders"].get(name)
        ratios = [cell["ratios"].get(label) for cell in row["columns"].values()] if row else []
        return max((ratio for ratio in ratios if ratio is not None), default=None)

    return value


def growth(name):
    """The largest time of a step over that of the shortest sequence."""

    def value(result):
        row = result["contenders"].get(name)
        steps = [cell["median"] for cell in row["columns"].values()] if row else []
        return max(steps) / steps[0] if len(steps) > 1 else None

    return value


def noted(name, wrong):
    """1 where the contender's note says what it must not, else 0."""
    return lambda result: float(wrong in result["contenders"][name]["note"])


def many(result):
    """A batch, with which the products are matrices."""
    return result["shape"]["B"] >= 32


def single(result):
    """One sequence, with which they are vectors."""
    return result["shape"]["B"] == 1


def double(result):
    """Whether it is float64."""
    return result["dtype"] == "float64"


def avx512(result):
    """Whether NumPy's products use AVX-512."""
    return result["blas_core"].lower() in AVX512


GOALS = [
    Goal("lstm", "NumPy LSTM over the floor, B >= 32", 1.3, over(NUMPY, *FLOOR, given=many)),
    Goal("lstm", "NumPy LSTM over the floor, B = 1", 1.9, over(NUMPY, *FLOOR, given=single)),
    Goal(
        "lstm", "NumPy LSTM over torch.nn.LSTM, float64, B >= 32", 0.8,
        over(NUMPY, PEER, given=lambda r: double(r) and many(r)),
    ),
    Goal(
        "lstm", "NumPy LSTM over torch.nn.LSTM, float64, B = 1", 0.3,
        over(NUMPY, PEER, given=lambda r: double(r) and single(r)),
    ),
    Goal(
        "lstm", "NumPy LSTM over torch.nn.LSTM, float32, BLAS without AVX-512", 2.0,
        over(NUMPY, PEER, given=lambda r: not double(r) and not avx512(r)),
    ),
    Goal(
        "lstm", "NumPy LSTM over torch.nn.LSTM, float32, BLAS with AVX-512, B >= 32", 1.0,
        over(NUMPY, PEER, given=lambda r: not double(r) and avx512(r) and many(r)),
    ),
    Goal("lstm", "the equations as they stand over the NumPy LSTM, B >= 32", 1.15, over(EQUATIONS, NUMPY, given=many)),
    Goal("lstm", "torch LSTM over the faster of torch.nn and NumPy", 1.03, over(TORCH, PEER, NUMPY)),
    Goal("lstm", "torch LSTM over Keras 3 on torch", 1 / 2, over(TORCH, KERAS)),
    Goal("lstm", "torch LSTM over Flax under jit (compile times: see the table)", None, over(TORCH, FLAX)),
    *(
        goal
        for cell in ("peephole", "coupled")
        for goal in (
            Goal(
                "variants", f"torch {cell} over the loop users write, B >= 32, H < 256", 1 / 2,
                over(f"{cell}, {TORCH}", f"{cell}, {LOOP}", given=lambda r: many(r) and r["shape"]["H"] < 256),
            ),
            Goal(
                "variants", f"torch {cell} over the loop users write, B >= 32, H >= 256", 1 / 1.6,
                over(f"{cell}, {TORCH}", f"{cell}, {LOOP}", given=lambda r: many(r) and r["shape"]["H"] >= 256),
            ),
            Goal(
                "variants", f"torch {cell} over the loop users write, B = 1", 1 / 6,
                over(f"{cell}, {TORCH}", f"{cell}, {LOOP}", given=single),
            ),
            Goal("variants", f"torch {cell} over our plain LSTM", 1.15, over(f"{cell}, {TORCH}", f"LSTM, {NUMPY}")),
        )
    ),
    Goal(
        "variants", "torch layer-norm LSTM over the loop users write", 1 / 2,
        over(f"layernorm, {TORCH}", f"layernorm, {LOOP}"),
    ),
    *(
        Goal(
            "variants", f"torch {cell} over the faster of torch.nn and NumPy", 1.03,
            over(f"{cell}, {TORCH}", f"{cell}, torch.nn", f"{cell}, {NUMPY}"),
        )
        for cell in ("LSTM", "GRU", "RNN")
    ),
    Goal("length", "a step in long sequences over one in short ones, NumPy LSTM", 1.15, growth(NUMPY)),
    Goal("length", "the same, lean", 1.15, growth(LEAN)),
    Goal("length", "the same, torch.nn.LSTM", None, growth(PEER)),
    Goal("memory", "lean: words for each of T·B·H", 3.6, largest(LEAN, "words")),
    Goal("memory", "lean over torch.nn.LSTM, time", 1.0, largest(LEAN, "x torch.nn")),
    Goal("memory", "lean: results that differ in a bit from the storing mode's", 0, noted(LEAN, "OTHER")),
    Goal("scan", "the scan that lstmkit picks over the loop", None, over("as lstmkit picks", "loop")),
    Goal("scan", "the scan in log2 T rounds over the loop", None, over("log2 T rounds", "loop")),
    Goal("scan", "minLSTM over the LSTM, whole layers", None, over("whole layer: minLSTM", "whole layer: LSTM")),
    *(
        goal
        for name in ("lstmkit.numpy", "lstmkit.numpy.lstm")
        for goal in (
            Goal("import", f"import {name} over import numpy", 1.2, largest(f"import {name}", "x import numpy")),
            Goal("import", f"import {name} imports torch", 0, noted(f"import {name}", "imports torch")),
        )
    ),
]  # fmt: skip


def goals(report, wanted=GOALS):
    """For each goal that the report's questions measure: all its values, each with where, and whether all keep to it.

    `met` is None where there is no bound, or nothing was measured.
    """
    asked = {result["what"] for result in report["results"]}
    judged = []
    for goal in wanted:
        if goal.what not in asked:
            continue
        measured = []
        for result in report["results"]:
            value = goal.value(result) if result["what"] == goal.what else None
            if value is not None:
                measured.append({"where": where(result), "value": value})
        met = None if goal.at_most is None or not measured else all(m["value"] <= goal.at_most for m in measured)
        judged.append({"goal": goal.text, "at_most": goal.at_most, "measured": measured, "met": met})
    return judged


def where(result):
    """Shape, dtype, threads and kernels, in few letters."""
    if "shape" not in result:
        return "this machine"
    threads = f"{result['threads']} thread" + "s" * (result["threads"] > 1)
    sizes = ",".join(map(str, result["shape"].values()))
    return f"{sizes} {result['dtype']} {threads} {result['blas_core']}".rstrip()
