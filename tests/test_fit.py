"""The training loop of the torch experiments: judged by a loop written out, by killed runs, and by two processes.

Run as a script, this file is the program that those tests kill or start twice: see the last lines.
"""

import copy
import dataclasses
import json
import math
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("tqdm")
import torch
from torch import nn

import lstmkit.torch
from lstmkit.torch import training
from lstmkit.torch.training import Diverged, fit

T, B, D, H, O = 5, 4, 2, 3, 1  # all different but where torchrun halves B
STEPS = 12


class Network(nn.Module):
    """Two layers of our LSTM with dropout between them, and a read-out of the last hidden state."""

    def __init__(self, dropout=0.3, H=H):
        super().__init__()
        self.lstm = lstmkit.torch.LSTM(D, H, 2, dropout=dropout, dtype=torch.float64)
        self.readout = nn.Linear(H, O, dtype=torch.float64)

    def forward(self, x):
        hs, _ = self.lstm(x)
        return self.readout(hs[-1])


def network(dropout=0.3, seed=1):
    torch.manual_seed(seed)
    return Network(dropout)


def batch(step, rng):
    return rng.normal(size=(T, B, D)), rng.normal(size=(B, O))


def loss(model, x, y):
    return nn.functional.mse_loss(model(x), y)


def evaluate(model):
    """On data of its own, the same each time."""
    assert not model.training
    assert not torch.is_grad_enabled()
    return {"mse": loss(model, *map(torch.from_numpy, batch(0, np.random.default_rng(99)))), "constant": 3}


def settings(steps=STEPS, **changes):
    """Everything at once: Adam, a schedule, clipping, evaluations."""
    found = {"steps": steps, "lr": 1e-2, "schedule": lambda step: 1 / (1 + step), "max_norm": 0.1, "seed": 5}
    return {**found, "evaluate": evaluate, "every": 3, **changes}


def parameters(model):
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def without_seconds(run):
    found = dataclasses.asdict(run)
    del found["cpu_seconds"], found["wall_seconds"]
    found["evaluations"] = [{k: v for k, v in e.items() if k != "cpu_seconds"} for e in found["evaluations"]]
    return found


def same_bits(model, run, other_model, other_run):
    for (name, ours), theirs in zip(parameters(model).items(), parameters(other_model).values(), strict=True):
        assert torch.equal(ours, theirs), name
    assert without_seconds(run) == without_seconds(other_run)


def whole_run(**changes):
    model = network()
    return model, fit(model, batch, loss, **settings(**changes))


# The loop itself


@pytest.mark.parametrize("max_norm", [0.1, None, 1e6])
def test_equals_the_loop_written_out(max_norm, seed):
    """Adam, schedule and clipping as torch has them; the norm is that before clipping."""
    model, schedule = network(dropout=0.0, seed=seed), lambda step: 1 / (1 + step)
    theirs = copy.deepcopy(model)
    run = fit(model, batch, loss, steps=STEPS, lr=1e-2, schedule=schedule, max_norm=max_norm, seed=seed)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    for step in range(STEPS):
        optimizer.zero_grad()
        value = loss(theirs, *map(torch.from_numpy, batch(step, np.random.default_rng([seed, step]))))
        value.backward()
        norm = nn.utils.clip_grad_norm_(theirs.parameters(), math.inf if max_norm is None else max_norm)
        assert (run.loss[step], run.norm[step]) == (value.item(), norm.item())
        assert run.lr[step] == scheduler.get_last_lr()[0]
        optimizer.step()
        scheduler.step()
    for ours, other in zip(model.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(ours, other)
    assert run.stopped == "steps"
    assert max_norm != 0.1 or max(run.norm) > 0.1, "nothing was clipped: the test tests nothing"


def test_an_optimizer_made_beforehand_and_groups_with_their_own_rate():
    model = network(dropout=0.0)
    groups = [{"params": model.lstm.parameters()}, {"params": model.readout.parameters(), "lr": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=0.25)
    before, seen = parameters(model), []

    def watched(model, x, y):
        seen.append([group["lr"] for group in optimizer.param_groups])
        return loss(model, x, y)

    run = fit(model, batch, watched, steps=2, optimizer=optimizer, schedule=lambda step: 0.5**step, max_norm=None)
    assert seen == [[0.25, 0.5], [0.125, 0.25]]
    assert run.lr == [0.25, 0.125]
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5]  # for the next run
    assert not torch.equal(before["readout.weight"], model.readout.weight)


def test_the_seed_decides_everything_and_the_callers_generator_is_left_alone():
    torch.manual_seed(3)
    first = torch.rand(2)
    torch.manual_seed(3)
    model, run = network(), None
    torch.manual_seed(3)
    run = fit(model, batch, loss, **settings())
    assert torch.equal(torch.rand(2), first)
    torch.rand(7)  # another place in the caller's generator
    same_bits(model, run, *whole_run())
    assert whole_run(seed=6)[1].loss[0] != run.loss[0]


def test_dropout_differs_from_step_to_step():
    x, y = batch(0, np.random.default_rng(0))
    optimizer = torch.optim.SGD(network().parameters(), lr=0.1)  # of another network: ours stands still
    run = fit(network(dropout=0.5), lambda step, rng: (x, y), loss, steps=8, optimizer=optimizer)
    assert len(set(run.loss)) > 1


def test_metrics_are_data():
    model, run = whole_run()
    data = json.loads(json.dumps(dataclasses.asdict(run)))
    assert data == dataclasses.asdict(run)
    assert len(run.loss) == len(run.norm) == len(run.lr) == STEPS
    assert [e["steps"] for e in run.evaluations] == [3, 6, 9, 12]
    assert list(run.evaluations[-1]) == ["mse", "constant", "steps", "cpu_seconds"]
    model.eval()
    with torch.no_grad():
        assert run.evaluations[-1]["mse"] == evaluate(model)["mse"]
    assert 0 < run.evaluations[0]["cpu_seconds"] <= run.cpu_seconds
    assert run.wall_seconds > 0


def test_the_last_step_is_evaluated_too_and_the_mode_comes_back():
    model = network().eval()
    run = fit(model, batch, loss, **settings(steps=4, evaluate=lambda model: 2.5))
    assert [(e["score"], e["steps"]) for e in run.evaluations] == [(2.5, 3), (2.5, 4)]
    assert not model.training


def test_arrays_of_any_strides_are_taken_and_other_things_pass():
    def odd(step, rng):
        x, y = batch(step, rng)
        x = np.ascontiguousarray(x[::-1])[::-1]
        y.flags.writeable = False
        return x, y, "a word"

    def with_word(model, x, y, word):
        assert word == "a word"
        return loss(model, x, y)

    assert fit(network(), odd, with_word, **settings()).loss == whole_run()[1].loss


# When it ends


def test_goal():
    run = fit(network(), batch, loss, **settings(evaluate=scripted(5, 4, 3, 2), goal=3))
    assert (run.stopped, len(run.loss)) == ("goal", 9)


def scripted(*scores):
    """An evaluation that says these numbers, one after another."""
    numbers = iter(scores)
    return lambda model: next(numbers)


def test_patience_and_the_best_parameters():
    """The best came after 6 steps; 9, 12 and 15 brought nothing better (a tie is nothing better, nor is NaN)."""
    model, states = network(), []
    numbers = iter([5, 4, math.nan, 4, 7])

    def watched(model):
        states.append(parameters(model))
        return next(numbers)

    run = fit(model, batch, loss, **settings(steps=99, evaluate=watched, patience=3))
    assert (run.stopped, len(run.loss)) == ("patience", 15)
    for name, tensor in parameters(model).items():
        assert torch.equal(tensor, states[1][name])
    assert not torch.equal(states[1]["readout.weight"], states[-1]["readout.weight"])


def test_a_budget_of_cpu_seconds():
    run = fit(network(), batch, loss, **settings(steps=10**6, every=10**6, cpu_seconds=0.1))
    assert run.stopped == "cpu_seconds"
    assert 0.1 <= run.cpu_seconds < 2
    assert run.evaluations[-1]["steps"] == len(run.loss)  # what was bought is measured


def test_the_bar_is_shown_where_asked(capsys):
    fit(network(), batch, loss, **settings())
    assert capsys.readouterr().err == ""  # no terminal here
    fit(network(), batch, loss, **settings(progress=True))
    assert "12/12" in capsys.readouterr().err


# The state carried


def stream(step, rng):
    """T steps of a stream of B sequences, one piece after another."""
    xs = np.random.default_rng(8).normal(size=(STEPS * T, B, D))
    return xs[step * T : (step + 1) * T], xs[step * T : (step + 1) * T, :, :1] ** 2


def carried_loss(model, state, x, y):
    if state is not None:
        assert not any(tensor.requires_grad for tensor in state["h, c"])
    hs, last = model.lstm(x, None if state is None else state["h, c"])
    return nn.functional.mse_loss(model.readout(hs), y), {"h, c": last, "steps": 0 if state is None else 1}


def test_truncated_backpropagation_equals_the_loop_written_out(seed):
    model = network(dropout=0.0, seed=seed)
    theirs, state = copy.deepcopy(model), None
    run = fit(model, stream, carried_loss, steps=STEPS, lr=1e-2, carry=True)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-2)
    for step in range(STEPS):
        x, y = map(torch.from_numpy, stream(step, None))
        hs, (h, c) = theirs.lstm(x, state)
        state = h.detach(), c.detach()
        value = nn.functional.mse_loss(theirs.readout(hs), y)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        optimizer.step()
        assert run.loss[step] == value.item()
    for ours, other in zip(model.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(ours, other)


def test_the_carried_state_is_in_the_checkpoint(tmp_path):
    models = [network(), network()]
    whole = fit(models[0], stream, carried_loss, **settings(carry=True, evaluate=None))
    path = tmp_path / "run.pt"
    fit(models[1], stream, carried_loss, **settings(steps=5, carry=True, evaluate=None, checkpoint=path))
    fresh = network(seed=2)
    run = fit(fresh, stream, carried_loss, **settings(carry=True, evaluate=None, checkpoint=path))
    same_bits(fresh, run, models[0], whole)


def test_a_state_that_a_checkpoint_cannot_hold():
    def bad(model, state, x, y):
        return loss(model, x, y), np.zeros(3)

    with pytest.raises(ValueError, match=r"carried state must be tensors in tuples, lists or dicts.* ndarray"):
        fit(network(), batch, bad, steps=2, carry=True)


# The checkpoint


def die(path, moment, step=7):
    """Train with a checkpoint each 3 steps until kill -9 in the middle of step 7, or in the middle of a write."""

    def deadly_batch(at, rng):
        if moment == "in a step" and at == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return batch(at, rng)

    save = torch.save

    def deadly_save(content, file):
        if moment == "in a write" and len(content["run"]["loss"]) == 9:
            file.write(b"half of what sh")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        save(content, file)

    training.torch.save = deadly_save
    fit(network(), deadly_batch, loss, **settings(checkpoint=path))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("moment", ["in a step", pytest.param("in a write", marks=pytest.mark.slow)])
def test_resumes_to_the_bit_after_kill_9(tmp_path, moment):
    path = tmp_path / "run.pt"
    done = start(__file__, "die", str(path), moment)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = torch.load(path, weights_only=True)["run"]
    assert len(before["loss"]) == 6
    model = network(seed=2)  # its own parameters give way to those of the checkpoint
    run = fit(model, batch, loss, **settings(checkpoint=path))
    same_bits(model, run, *whole_run())
    assert run.cpu_seconds > before["cpu_seconds"]
    assert run.evaluations[:2] == before["evaluations"]
    assert run.evaluations[2]["cpu_seconds"] > before["cpu_seconds"]  # the clock goes on too
    assert run.wall_seconds > before["wall_seconds"]


def start(*command):
    """Python with the command, one thread, the package of this checkout, and its output."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120, env=environment)


@pytest.mark.parametrize("optimizer", ["AdamW", "SGD", "RMSprop"])
def test_any_optimizer_resumes_to_the_bit(tmp_path, optimizer):
    def run(path, steps, seed=1):
        model = network(seed=seed)
        made = getattr(torch.optim, optimizer)(model.parameters(), lr=1e-2, weight_decay=0.1)
        return model, fit(model, batch, loss, **settings(steps, lr=None, optimizer=made, checkpoint=path))

    path = tmp_path / "deep" / "er" / "run.pt"
    run(path, 6)
    same_bits(*run(path, STEPS, seed=2), *run(None, STEPS))


def test_a_finished_run_is_not_run_again(tmp_path):
    path = tmp_path / "run.pt"
    model, run = whole_run(checkpoint=path, patience=1, evaluate=scripted(2, 1, 3))
    assert run.stopped == "patience"

    def never(step, rng):
        raise AssertionError("a finished run drew a batch")

    again = network(seed=2)
    found = fit(again, never, loss, **settings(checkpoint=path, patience=1))
    same_bits(again, found, model, run)


def test_a_write_that_fails_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    path, save = tmp_path / "run.pt", torch.save

    def full_disk(content, file):
        if len(content["run"]["loss"]) > 6:
            file.write(b"half of what sh")
            raise OSError("no space left on device")
        save(content, file)

    monkeypatch.setattr(training.torch, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        whole_run(checkpoint=path)
    monkeypatch.undo()
    model = network(seed=2)
    run = fit(model, batch, loss, **settings(checkpoint=path))
    same_bits(model, run, *whole_run())
    assert os.listdir(tmp_path) == ["run.pt"]  # the broken half was written over


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 6}, "seed is 5 there and 6 here"),
        ({"lr": 2e-2}, "Adam group 0 lr is 0.01 there and 0.02 here"),
        ({"max_norm": None}, "max_norm is 0.1 there and None here"),
        ({"lr": None, "optimizer": "SGD"}, "Adam group 0 .* absent here"),
        ({"model": "wider"}, r"shape of lstm.W_x_l0 is \(12, 2\) torch.float64 there and \(20, 2\) torch.float64 here"),
        ({"model": "without dropout"}, r"model lstm is LSTM\(.*there and LSTM\("),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, changes, said):
    path = tmp_path / "run.pt"
    whole_run(checkpoint=path)
    models = {"wider": lambda: Network(H=5), "without dropout": lambda: Network(dropout=0.0), "same": network}
    model = models[changes.pop("model", "same")]()
    if "optimizer" in changes:
        changes["optimizer"] = torch.optim.SGD(model.parameters(), lr=1e-2)
    before, file = parameters(model), path.read_bytes()
    with pytest.raises(ValueError, match=f"(?s){said}.*name another file"):
        fit(model, batch, loss, **settings(checkpoint=path, **changes))
    assert path.read_bytes() == file
    for name, tensor in parameters(model).items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04 half a zip file"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "run.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no checkpoint of a run: name another file"):
        whole_run(checkpoint=path)
    assert path.read_bytes() == content


class Harmful:
    """Unpickled, it makes a folder: what anyone could put into a file that is loaded without care."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_checkpoint_runs_no_code(tmp_path):
    path, folder = tmp_path / "run.pt", tmp_path / "made by the file"
    torch.save({"settings": {}, "run": Harmful(str(folder))}, path)
    with pytest.raises(ValueError, match="is no checkpoint of a run"):
        whole_run(checkpoint=path)
    assert not folder.exists()


def test_ctrl_c_finishes_the_step_writes_and_leaves_a_record(tmp_path):
    path = tmp_path / "run.pt"

    def interrupted(step, rng):
        if step == 4:
            signal.raise_signal(signal.SIGINT)
        return batch(step, rng)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="after 5 of 12 steps") as caught:
        fit(network(), interrupted, loss, **settings(checkpoint=path))
    assert signal.getsignal(signal.SIGINT) is handler
    run = caught.value.run
    assert (run.stopped, len(run.loss)) == ("interrupted", 5)
    assert torch.load(path, weights_only=True)["run"] == dataclasses.asdict(run)
    model = network(seed=2)
    same_bits(model, fit(model, batch, loss, **settings(checkpoint=path)), *whole_run())


def test_ctrl_c_in_the_last_evaluation_is_not_lost():
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(network(), batch, loss, **settings(steps=3, evaluate=lambda model: signal.raise_signal(signal.SIGINT) or 1))
    assert (caught.value.run.stopped, len(caught.value.run.evaluations)) == ("steps", 1)


def test_a_second_ctrl_c_interrupts_at_once():
    def twice(step, rng):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(network(), twice, loss, steps=3)
    assert not hasattr(caught.value, "run")


# What is not finite


def fails(model, batch=batch, loss=loss, **changes):
    with pytest.raises(Diverged) as caught:
        fit(model, batch, loss, **settings(**changes))
    error = caught.value
    assert str(error).startswith(f"step {error.step}: ")
    assert error.run.stopped == "diverged"
    assert all(map(math.isfinite, error.run.loss))
    return error


@pytest.mark.parametrize("every", [3, 100])
def test_a_rate_far_too_high_names_step_and_layer(tmp_path, every):
    """The update of step 2 breaks the parameters: seen at once where they would be judged, or in the next step."""
    path = tmp_path / "run.pt"
    error = fails(network(), lr=1e-2, schedule=lambda step: 1.0 if step < 2 else 1e320, every=every, checkpoint=path)
    assert (error.step, error.layer) == (2 if every == 3 else 3, "lstm")
    assert not path.exists()  # what is broken is not written
    for words in (
        "the parameter lstm.W_x_l0 is not finite",
        f"{error.run.loss[2]:.4g}",
        "lower lr",
        "max_norm, here 0.1",
    ):
        assert words in str(error)


class Chain(nn.Sequential):
    """Three layers; `broken` spoils the middle one from the fourth call on."""

    def __init__(self, broken):
        super().__init__(nn.Linear(D, H), nn.Sequential(nn.Tanh(), broken), nn.Linear(H, O))
        self.double()


class Breaking(nn.Module):
    """The identity that turns one value, or one gradient, into NaN or infinity in the fourth step."""

    def __init__(self, where, value):
        super().__init__()
        self.where, self.value, self.calls = where, value, 0

    def forward(self, x):
        self.calls += 1
        if self.calls >= 4 and self.where == "output":
            return torch.where(torch.arange(H) == 1, self.value, x)
        if self.calls >= 4 and self.where == "gradient":
            x.register_hook(lambda gradient: gradient * self.value)
        return x * 1


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("where", "layer", "said"),
    [
        ("output", "1.1", "the output of 1.1 is not finite"),
        ("gradient", "0", "the gradient of 0.bias is not finite"),  # the read-out's, met before it, is sound
    ],
)
def test_the_first_layer_that_is_not_finite(where, layer, said, value):
    model = Chain(Breaking(where, value))
    error = fails(model, loss=lambda model, x, y: loss(model, x[-1], y), evaluate=None)
    assert (error.step, error.layer) == (3, layer)
    assert said in str(error)


def test_the_batch_itself():
    def spoiled(step, rng):
        x, y = batch(step, rng)
        y[1, 0] = math.nan if step == 2 else 0
        return x, y

    error = fails(network(), batch=spoiled)
    assert (error.step, error.layer) == (2, "batch")
    assert "tensor 1 of the batch is not finite" in str(error)
    assert "mend the data" in str(error)


def test_the_loss_itself():
    error = fails(network(), loss=lambda model, x, y: torch.log(-(model(x) ** 2).mean()))
    assert (error.step, error.layer) == (0, "loss")
    assert "it is the first step" in str(error)


def test_a_norm_that_overflows():
    error = fails(network().float(), loss=lambda model, x, y: model(x.float()).sum() * 1e25, evaluate=None)
    assert error.step == 0
    assert "the norm of the gradient overflows" in str(error)


def test_what_diverged_says_survives_a_process_pool():
    error = pickle.loads(pickle.dumps(Diverged("step 3: words", 3, "lstm", training.Run([1.0]))))
    assert (str(error), error.step, error.layer, error.run.loss) == ("step 3: words", 3, "lstm", [1.0])


# What cannot be meant


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 0}, "steps must be a whole number of at least 1, but it is 0"),
        ({"steps": 2.0}, "steps must be a whole number"),
        ({"every": 0}, "every must be a whole number"),
        ({"patience": 0}, "patience must be a whole number"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"lr": 0.0}, "lr must be above 0"),
        ({"max_norm": 0}, "max_norm must be above 0"),
        ({"max_norm": math.nan}, "max_norm must be above 0"),
        ({"cpu_seconds": -1}, "cpu_seconds must be above 0"),
        ({"optimizer": torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)}, "lr is for the default optimizer"),
        ({"evaluate": None, "goal": 0.5}, "goal and patience judge what evaluate returns"),
        ({"evaluate": None, "patience": 2}, "goal and patience judge what evaluate returns"),
        ({"axes": (1,)}, "axes must name an axis for each of the 2 tensors"),
        ({"axes": (0, 0)}, r"one number of sequences, .* along axes \(0, 0\) they hold \[4, 5\]"),
    ],
)
def test_arguments_that_cannot_be_meant(changes, said):
    with pytest.raises(ValueError, match=said):
        whole_run(**changes)


@pytest.mark.parametrize(
    ("batch", "loss", "said"),
    [
        (lambda step, rng: np.ones(3), loss, r"batch\(step, rng\) must return a tuple such as \(x, y\).* ndarray"),
        (
            batch,
            lambda model, x, y: 1.5,
            "scalar tensor that depends on the parameters, but it returned float of shape",
        ),
        (batch, lambda model, x, y: model(x) - y, r"but it returned Tensor of shape \(4, 1\)"),
        (batch, lambda model, x, y: loss(model, x, y).detach(), r"depends on the parameters.* shape \(\)"),
    ],
)
def test_functions_that_return_something_else(batch, loss, said):
    with pytest.raises(ValueError, match=said):
        fit(network(), batch, loss, steps=2)


def test_a_loss_that_carries_must_return_its_state():
    with pytest.raises(ValueError, match="with carry=True, loss must return"):
        fit(network(), batch, lambda model, state, x, y: loss(model, x, y), steps=2, carry=True)


# Several processes


def train_in_company(folder):
    """What each process of the tests below does: three runs, the last of them resumed."""
    rank = int(os.environ["RANK"])
    # Each starts elsewhere; DistributedDataParallel gives all of them the first one's parameters.
    model = network(dropout=0.0, seed=1 + rank)
    run = fit(model, batch, loss, **settings(axes=(1, 0)))
    fit(model, batch, loss, steps=2, axes=(1, 0))  # the same model once more
    noise = []

    def noisy(model, x, y):
        noise.append(torch.rand(()))
        return loss(model, x, y)

    fit(network(), batch, noisy, steps=1, axes=(1, 0))
    streamed, path = network(dropout=0.0, seed=1 + rank), Path(folder) / "run.pt"
    carried = settings(carry=True, axes=(1, 1), evaluate=None, checkpoint=path)
    fit(streamed, stream, carried_loss, **{**carried, "steps": 5})
    streamed = network(dropout=0.0, seed=7 + rank)
    streamed_run = fit(streamed, stream, carried_loss, **carried)
    with pytest.raises(ValueError, match="divisible by 2 processes"):
        fit(network(), lambda step, rng: (torch.ones(T, 3, D),), loss, steps=1, axes=(1,))
    with pytest.raises(ValueError, match="axes must name an axis"):
        fit(network(), batch, loss, steps=1)
    with pytest.raises(Diverged) as caught:  # one process alone draws the NaN; all of them stop
        fit(
            network(), lambda step, rng: (np.ones((T, 2, D)), np.array([[math.nan], [1.0]])), loss, steps=1, axes=(1, 0)
        )
    parts = {
        "run": dataclasses.asdict(run),
        "model": model.state_dict(),
        "layer": caught.value.layer,
        "noise": noise[0],
    }
    parts |= {"streamed run": dataclasses.asdict(streamed_run), "streamed": streamed.state_dict()}
    torch.save(parts, Path(folder) / f"rank{rank}.pt")


@pytest.mark.slow
def test_two_processes_equal_one_on_the_joined_batch(tmp_path):
    where = ["--nnodes", "1", "--nproc-per-node", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    done = start(
        "-m", "torch.distributed.run", *where, "--local-addr", "127.0.0.1", __file__, "train_in_company", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr[-4000:]
    alone = network(dropout=0.0), network(dropout=0.0)
    runs = (
        fit(alone[0], batch, loss, **settings()),
        fit(alone[1], stream, carried_loss, **settings(carry=True, evaluate=None)),
    )
    fit(alone[0], batch, loss, steps=2)
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    for rank in ranks:
        for model, run, name in zip(alone, runs, ("", "streamed "), strict=True):
            for key, tensor in parameters(model).items():
                torch.testing.assert_close(rank[name.strip() or "model"][key], tensor, rtol=1e-12, atol=1e-12)
            for what in ("loss", "norm", "lr"):
                np.testing.assert_allclose(rank[f"{name}run"][what], getattr(run, what), rtol=1e-11)
    assert ranks[0]["noise"] != ranks[1]["noise"]  # dropout is not the same in each part
    assert ranks[0]["run"] == {**ranks[1]["run"], "wall_seconds": ranks[0]["run"]["wall_seconds"]}
    assert [rank["layer"] for rank in ranks] == ["batch", "readout"]
    states = torch.load(tmp_path / "run.pt", weights_only=True)["states"]
    assert [state["h, c"][0].shape for state in states] == [(2, B // 2, H)] * 2


@pytest.mark.gpu
def test_on_a_gpu(tmp_path):
    """Resumed to the bit there too, with the dropout of the GPU's own generator."""

    def run(path, steps, seed=1):
        model = network(seed=seed).to("cuda")
        return model, fit(model, batch, loss, **settings(steps, evaluate=None, checkpoint=path))

    run(tmp_path / "run.pt", 5)
    same_bits(*run(tmp_path / "run.pt", STEPS, seed=2), *run(None, STEPS))


if __name__ == "__main__":
    {"die": die, "train_in_company": train_in_company}[sys.argv[1]](*sys.argv[2:])
