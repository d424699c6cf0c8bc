"""The time of one step, forward and backward, in short sequences and in long ones."""

from statistics import median

from lstmkit import doctor
from lstmkit.bench import peers
from lstmkit.bench.lstm import in_numpy, lean
from lstmkit.bench.timing import PEER, Bar, Shape, interleave, must_agree, problem, result

SHAPES = tuple(Shape(T, 16, 64, 128) for T in (100, 1000, 10000))
DTYPES, ROUNDS = ("float32", "float64"), 3


def measure(shapes, dtypes, threads, rounds, progress):
    """One result for each dtype, in which every length takes part in every round; ratios are to the shortest."""
    shapes = sorted(Shape(*shape) for shape in shapes)
    if len({shape[1:] for shape in shapes}) > 1:
        raise RuntimeError(f"to compare lengths, B, D and H must be the same in all shapes: {shapes}")
    bar = Bar(len(dtypes) * (rounds + 1), progress)
    results = []
    for dtype in dtypes:
        bar.say(dtype)
        functions = {}
        for shape in shapes:
            field = contenders(problem(shape, dtype))
            if shape == shapes[0]:
                must_agree(field, dtype)
            functions |= {(c.name, shape.T): c.both for c in field}
        seconds = interleave(functions, rounds, threads, bar)
        table = {}
        for (name, T), values in seconds.items():
            row = table.setdefault(name, {"note": "", "columns": {}})
            a_step = median(values) / T
            first = row["columns"][column(shapes[0].T)]["median"] if row["columns"] else a_step
            ratios = {f"x {column(shapes[0].T)}": a_step / first}
            per_step = [value / T for value in values]
            row["columns"][column(T)] = {"seconds": per_step, "median": a_step, "ratios": ratios}
        about = result("length", shapes[0], dtype, threads, rounds, "us a step")
        del about["shape"]["T"]  # the columns say it
        results.append(about | {"contenders": table})
    bar.close()
    return results, peers.left_out()[:1] if not doctor.torch().found else []


def column(T):
    """The heading of one length."""
    return f"T={T}"


def contenders(task):
    """Storing, lean, and torch.nn.LSTM."""
    field = [in_numpy(task), lean(task)]
    if doctor.torch().found:
        import torch

        from lstmkit.bench import torch_loops

        field.append(torch_loops.contender(PEER, torch_loops.library(torch.nn.LSTM, task.params), task))
    return field
