"""Training a torch module: the one loop behind every torch experiment of the book.

    L = loss(model, *batch(k, rng))        rng seeded by (seed, k)
    g = ∂L/∂θ · min(1, max_norm / ‖∂L/∂θ‖)
    θ ← optimizer(θ, g, lr · schedule(k))

for k = 0, 1, ..., steps - 1: `step` is always such an index, `steps` a count.  All that is random in step k, the batch
and the dropout, follows from (seed, k).  So a run that was killed goes on from its checkpoint as if nothing had
happened, to the last bit, and no state of a generator has to be kept.

On several processes each takes its part of every batch, and DistributedDataParallel averages their gradients: the
parameters are those of one process on the whole batch, to rounding.  All that a script needs for it is the argument
`axes`, and on GPUs a model on the device f"cuda:{os.environ['LOCAL_RANK']}":

    torchrun --nproc-per-node 2 script.py

Source: clipping is Pascanu, Mikolov & Bengio (2013).  The steps of the NumPy networks: lstmkit/numpy/training.py.
"""

import atexit
import math
import os
import pickle
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from tqdm import tqdm


@dataclass
class Run:
    """What a run did, as plain numbers, strings, lists and dicts: dataclasses.asdict(run) is ready for JSON."""

    loss: list = field(default_factory=list)  # of each step, before its update
    norm: list = field(default_factory=list)  # of the gradient of each step, before clipping
    lr: list = field(default_factory=list)  # of each step, for the optimizer's first group
    evaluations: list = field(default_factory=list)  # dicts: steps, cpu_seconds until then, and what evaluate gave
    stopped: str = ""  # "steps", "goal", "patience", "cpu_seconds", "interrupted" or "diverged"
    cpu_seconds: float = 0.0  # of all processes, and of all sessions of a run that was resumed
    wall_seconds: float = 0.0


class Diverged(ArithmeticError):
    """A loss or a gradient is not finite: in which `step` and `layer`, and the `run` until then."""

    def __init__(self, message, step=None, layer=None, run=None):
        super().__init__(message)
        self.step, self.layer, self.run = step, layer, run


def fit(
    model, batch, loss, *, steps, lr=None, optimizer=None, schedule=None, max_norm=1.0, seed=0, carry=False,
    evaluate=None, every=100, goal=None, patience=None, cpu_seconds=None, checkpoint=None, axes=None, progress=None,
):  # fmt: skip
    """Train `model` in place, and return the Run.

    batch(step, rng) gives the tensors or arrays of one step as a tuple, drawn with rng, a NumPy generator, or cut from
    a stream at the place that `step` names.  loss(model, *batch) gives a scalar tensor.  With carry=True it is called
    as loss(model, state, *batch), returns (scalar, state), and meets that state, detached, in the next step: truncated
    backpropagation through time.  The first state is None; later ones are tensors in tuples, lists or dicts.

    The optimizer is Adam at `lr`, 1e-3 if not given, or one of torch.optim made beforehand.  schedule(step) is a factor
    on its learning rates.  max_norm=None leaves the gradient as it is.

    evaluate(model), called in eval mode without gradients after each `every` steps and at the end, gives a number, or a
    dict of them whose first is the one that counts.  Lower is better.  The run ends when it reaches `goal`, or when
    `patience` evaluations in a row bring no new best; with patience, the model leaves with its best parameters.
    cpu_seconds ends the run by the time it has used.

    checkpoint is a file, written whole or not at all, after each `every` steps, at the end, and on Ctrl-C, which then
    passes on as a KeyboardInterrupt with the attribute `run`.  Where the file exists, the run goes on from it.  Then
    steps, every, goal, patience and cpu_seconds may be new; model, optimizer, max_norm, seed, carry and the number of
    processes must be as they were, and so should the functions, which cannot be compared.  It holds tensors and plain
    data only.  progress=None shows a bar where stderr is a terminal.

    axes is for several processes: the axis of the sequences in each tensor of a batch, such as (1, 0) for x (T, B, D)
    and y (B, O); None for a tensor that each process takes whole.  The loss must then be a mean over the sequences.

    Raises Diverged where a loss or gradient is not finite; ValueError for a wrong argument, or a checkpoint of another
    model or other settings.
    """
    _check(steps, lr, optimizer, max_norm, seed, evaluate, every, goal, patience, cpu_seconds)
    device = next(model.parameters()).device
    rank, processes = _join_processes(device)
    if optimizer is None:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3 if lr is None else lr)
    rates = [group["lr"] for group in optimizer.param_groups]
    settings = _settings(model, optimizer, seed=seed, max_norm=max_norm, carry=carry, processes=processes)
    run, state, best = Run(), None, None
    if checkpoint is not None and Path(checkpoint).exists():
        run, state, best = _load(Path(checkpoint), settings, model, optimizer, rank)
        state = _each(lambda tensor: tensor.to(device), state)
    objective = whole = _Objective(model, loss, carry)
    if processes > 1:
        objective = DistributedDataParallel(whole)
    cpu_start = run.cpu_seconds - _sum(processes, device, time.process_time())[0]
    wall_start, mode, interrupted = run.wall_seconds - time.perf_counter(), model.training, False

    def save():
        if checkpoint is not None:
            states = _gather(processes, _each(torch.Tensor.cpu, state))  # each process carries that of its sequences
            if rank == 0:
                content = {"settings": settings, "run": asdict(run), "states": states, "best": best}
                _write(Path(checkpoint), content | {"model": model.state_dict(), "optimizer": optimizer.state_dict()})

    hidden = rank > 0 or not (sys.stderr.isatty() if progress is None else progress)
    bar = tqdm(total=steps, initial=len(run.loss), disable=hidden, unit="step", leave=None)
    with bar, _ctrl_c_waits() as asked, torch.random.fork_rng([device] if device.type == "cuda" else []):
        model.train()
        while True:
            run.stopped = "interrupted" if interrupted else _reason(run, steps, goal, patience, cpu_seconds)
            if run.stopped:
                break
            step = len(run.loss)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate if schedule is None else rate * schedule(step)
            _seed_torch(device, seed, step)
            values = _part(_tensors(batch(step, np.random.default_rng([seed, step])), device), axes, rank, processes)
            inputs = (state, *values)
            _seed_torch(device, seed, step, 1 + rank)
            optimizer.zero_grad()
            value, norm, state = _gradient(objective, inputs)
            total, cpu, stops = _sum(processes, device, value.item(), time.process_time(), len(asked))
            if not (math.isfinite(total) and math.isfinite(norm)):
                _seed_torch(device, seed, step, 1 + rank)
                raise _diverged(*_first_not_finite(whole, inputs), step, run, optimizer, max_norm)
            clip_grads_with_norm_(whole.parameters(), math.inf if max_norm is None else max_norm, norm)
            optimizer.step()
            run.loss.append(total / processes)
            run.norm.append(float(norm))
            run.lr.append(float(optimizer.param_groups[0]["lr"]))
            run.cpu_seconds, run.wall_seconds = cpu_start + cpu, wall_start + time.perf_counter()
            interrupted = stops > 0
            bar.update()
            bar.set_postfix(loss=f"{run.loss[-1]:.4g}", refresh=False)
            ends = step + 1 == steps or (cpu_seconds is not None and run.cpu_seconds >= cpu_seconds)
            if (step + 1) % every == 0 or ends:
                if broken := _not_finite_parameter(model):  # neither judged nor written
                    raise _diverged(*broken, step, run, optimizer, max_norm)
                if evaluate is not None:
                    _seed_torch(device, seed, step + 1)
                    measured = _measure(model, evaluate, processes, device)
                    run.evaluations.append({**measured, "steps": step + 1, "cpu_seconds": run.cpu_seconds})
                    if patience is not None and _best(run) == len(run.evaluations) - 1:
                        best = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
                save()
        save()
    if best is not None:
        model.load_state_dict(best)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    model.train(mode)
    if asked or interrupted:
        interrupt = KeyboardInterrupt(f"after {len(run.loss)} of {steps} steps")
        interrupt.run = run
        raise interrupt
    return run


class _Objective(nn.Module):
    """Model and loss as one module, so that DistributedDataParallel sees whatever the loss does with the model."""

    def __init__(self, model, loss, carry):
        super().__init__()
        self.model, self.loss, self.carry = model, loss, carry

    def forward(self, state, *values):
        value = self.loss(self.model, state, *values) if self.carry else self.loss(self.model, *values)
        if self.carry:
            if not isinstance(value, tuple) or len(value) != 2:
                raise ValueError("with carry=True, loss must return (scalar tensor, state), but it did not")
            value, state = value
        if not isinstance(value, torch.Tensor) or value.dim() > 0 or not value.requires_grad:
            kind = f"{type(value).__name__} of shape {tuple(np.shape(value))}"
            raise ValueError(f"loss must return a scalar tensor that depends on the parameters, but it returned {kind}")
        return value, _each(lambda tensor: tensor.detach().clone(), state)  # a clone keeps no longer sequence alive


@np.errstate(all="ignore")  # what the NumPy recurrence would warn of, a NaN or an overflow, fit reports with its place
def _gradient(objective, inputs):
    """The loss, the norm of its gradient, which is left with the parameters, and the state to carry."""
    value, state = objective(*inputs)
    value.backward()
    return value, get_total_norm([p.grad for p in objective.parameters() if p.grad is not None]), state


# Data


def _tensors(values, device):
    """What batch returned, arrays as tensors, on the device."""
    if not isinstance(values, tuple | list):
        kind = type(values).__name__
        raise ValueError(f"batch(step, rng) must return a tuple such as (x, y), but it returned a {kind}")
    tensors = (torch.from_numpy(np.array(v)) if isinstance(v, np.ndarray) else v for v in values)
    return tuple(tensor.to(device) if hasattr(tensor, "to") else tensor for tensor in tensors)


def _part(values, axes, rank, processes):
    """The part of each tensor that this process takes: sequences rank·B/processes and so on, along axes."""
    if axes is None and processes == 1:
        return values
    if axes is None or len(axes) != len(values):
        raise ValueError(
            f"axes must name an axis for each of the {len(values)} tensors of a batch, such as (1, 0) for x (T, B, D) "
            f"and y (B, O), as {processes} processes divide it, but it is {axes!r}"
        )
    sizes = {value.shape[axis] for value, axis in zip(values, axes, strict=True) if axis is not None}
    if len(sizes) != 1 or next(iter(sizes)) % processes:
        raise ValueError(
            f"the tensors of a batch must hold one number of sequences, divisible by {processes} processes, but along "
            f"axes {axes} they hold {sorted(sizes)}"
        )
    pairs = zip(values, axes, strict=True)
    return tuple(value if axis is None else value.chunk(processes, axis)[rank] for value, axis in pairs)


def _each(function, state):
    """The same tuples, lists and dicts, with function applied to each tensor in them."""
    if isinstance(state, torch.Tensor):
        return function(state)
    if type(state) in (tuple, list):
        return type(state)(_each(function, part) for part in state)
    if type(state) is dict:
        return {name: _each(function, part) for name, part in state.items()}
    if state is None or type(state) in (bool, int, float, str):
        return state
    kind = type(state).__name__
    raise ValueError(
        f"the carried state must be tensors in tuples, lists or dicts, which a checkpoint can hold, but it has a {kind}"
    )


def _seed_torch(device, *numbers):
    """Seed torch's generators by the numbers."""
    seed = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    (torch.default_generator if device.type == "cpu" else torch).manual_seed(seed)  # torch's takes ten times as long


# Judging


def _measure(model, evaluate, processes, device):
    """What evaluate says, as a dict of floats; on several processes, what it says on the first."""
    model.eval()
    with torch.no_grad():
        found = evaluate(model)
    model.train()
    found = found if isinstance(found, dict) else {"score": found}
    numbers = torch.tensor([float(number) for number in found.values()], dtype=torch.float64, device=device)
    if processes > 1:
        dist.broadcast(numbers, 0)
    return dict(zip(found, numbers.tolist(), strict=True))


def _best(run):
    """The index of the best evaluation, the first where several are; one that is NaN is never better."""
    scores = [next(iter(evaluation.values())) for evaluation in run.evaluations]
    return min(range(len(scores)), key=lambda index: math.inf if math.isnan(scores[index]) else scores[index])


def _reason(run, steps, goal, patience, cpu_seconds):
    """Why the run ends here, or an empty string."""
    if run.evaluations and run.evaluations[-1]["steps"] == len(run.loss):
        if goal is not None and next(iter(run.evaluations[-1].values())) <= goal:
            return "goal"
        if patience is not None and len(run.evaluations) - 1 - _best(run) >= patience:
            return "patience"
    if len(run.loss) >= steps:
        return "steps"
    return "cpu_seconds" if cpu_seconds is not None and run.cpu_seconds >= cpu_seconds else ""


@np.errstate(all="ignore")
def _first_not_finite(objective, inputs):
    """(layer, a clause): the first value of a step that is NaN or infinite, on its way through the network and back."""
    model, found = objective.model, []
    for index, value in enumerate(inputs[1:]):
        if not _finite(value):
            return "batch", f"tensor {index} of the batch is not finite"
    if broken := _not_finite_parameter(model):
        return broken

    def note(name):
        return lambda module, args, output: None if _finite(output) else found.append(name)

    hooks = [module.register_forward_hook(note(name)) for name, module in model.named_modules()]
    value, _ = objective(*inputs)
    for hook in hooks:
        hook.remove()
    if found:
        layer = found[0] or type(model).__name__
        return layer, f"the output of {layer} is not finite"
    if not _finite(value):
        return "loss", "the loss is not finite, though the output of every layer is"
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    # The way back meets the last layer first.
    for name in reversed(gradients):
        if not _finite(gradients[name]):
            return _layer(model, name), f"the gradient of {name} is not finite"
    name = max(gradients, key=lambda name: gradients[name].abs().max().item())
    return _layer(model, name), f"the norm of the gradient overflows, its largest part being that of {name}"


def _not_finite_parameter(model):
    """(layer, a clause) of the first parameter that is NaN or infinite, or None."""
    for name, parameter in model.named_parameters():
        if not _finite(parameter):
            return _layer(model, name), f"the parameter {name} is not finite"
    return None


def _diverged(layer, what, step, run, optimizer, max_norm):
    """The error to raise, which ends the run."""
    run.stopped = "diverged"
    before = f"the loss of step {len(run.loss) - 1} was {run.loss[-1]:.4g}" if run.loss else "it is the first step"
    lr = float(optimizer.param_groups[0]["lr"])
    cure = f"lower lr, here {lr:.3g}, or clip to a lower max_norm, here {max_norm}"
    return Diverged(f"step {step}: {what}; {before}: {'mend the data' if layer == 'batch' else cure}", step, layer, run)


def _layer(model, parameter):
    """The name of the module that has the parameter."""
    return parameter.rpartition(".")[0] or type(model).__name__


def _finite(value):
    """Whether every tensor in a tensor, tuple, list or dict is finite."""
    if isinstance(value, torch.Tensor):
        return bool(torch.isfinite(value).all())
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return all(_finite(part) for part in parts)


# The checkpoint


def _settings(model, optimizer, **settings):
    """What must be the same for a run to go on from a checkpoint, each as text."""
    found = {name: str(value) for name, value in settings.items()}
    for name, module in model.named_modules():
        found[f"model {name}".strip()] = f"{type(module).__name__}({module.extra_repr()})"
    for name, tensor in model.state_dict().items():
        found[f"shape of {name}"] = f"{tuple(tensor.shape)} {tensor.dtype}"
    for index, group in enumerate(optimizer.param_groups):
        for name, value in group.items():
            if name != "params":
                found[f"{type(optimizer).__name__} group {index} {name}"] = str(value)
    return found


def _write(path, content):
    """The file holds either all of content, or what it held before, whatever happens: the rename is one operation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    if os.name == "posix":  # the rename itself lasts through a power cut once the folder is on disk
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _load(path, settings, model, optimizer, rank):
    """The Run, the state carried and the best parameters; model and optimizer are set to what they were."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        theirs, record = content["settings"], content["run"]
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no checkpoint of a run: name another file, or delete this one") from error
    names = [name for name in {**theirs, **settings} if theirs.get(name) != settings.get(name)]
    if names:
        said = [
            f"{name} is {theirs.get(name, 'absent')} there and {settings.get(name, 'absent')} here" for name in names
        ]
        more = f"; and {len(said) - 4} more" if len(said) > 4 else ""
        raise ValueError(
            f"the checkpoint {path} is of another run: {'; '.join(said[:4])}{more}.  Pass what it was written with, or "
            "name another file"
        )
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    return Run(**record), content["states"][rank], content["best"]


@contextmanager
def _ctrl_c_waits():
    """A list that is empty until Ctrl-C: an update is never cut in two.  A second Ctrl-C interrupts at once."""
    asked = []

    def ask(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
        yield asked
        return
    previous = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, previous)


# Several processes


def _join_processes(device):
    """(rank, number of processes), after joining the group that torchrun announces in the environment."""
    if not dist.is_available():
        return 0, 1
    if not dist.is_initialized():
        if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return 0, 1
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        # The group outlives this run: a script may train several networks.
        atexit.register(lambda: dist.is_initialized() and dist.destroy_process_group())
    return dist.get_rank(), dist.get_world_size()


def _sum(processes, device, *numbers):
    """Each number summed over the processes, so that all of them decide alike."""
    if processes == 1:
        return numbers
    sums = torch.tensor(numbers, dtype=torch.float64, device=device)
    dist.all_reduce(sums)
    return sums.tolist()


def _gather(processes, state):
    """The states of all processes, by rank."""
    states = [state] * processes
    if processes > 1:
        dist.all_gather_object(states, state)
    return states


# Arguments


def _check(steps, lr, optimizer, max_norm, seed, evaluate, every, goal, patience, cpu_seconds):
    """ValueError for an argument that cannot be meant."""
    for name, value, least in (("steps", steps, 1), ("every", every, 1), ("patience", patience, 1), ("seed", seed, 0)):
        if not (value is None and name == "patience") and (not isinstance(value, (int, np.integer)) or value < least):
            raise ValueError(f"{name} must be a whole number of at least {least}, but it is {value!r}")
    for name, value in (("lr", lr), ("max_norm", max_norm), ("cpu_seconds", cpu_seconds)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be above 0, but it is {value!r}: None leaves it out")
    if lr is not None and optimizer is not None:
        raise ValueError("lr is for the default optimizer, Adam: give yours its own, and leave lr out")
    if evaluate is None and not (goal is None and patience is None):
        raise ValueError("goal and patience judge what evaluate returns, but evaluate is None: pass a function")
