"""How many steps has a machine left: does an LSTM say it better than a line through means and trends?

Setting.  The simulated wear of lstmkit/tasks/machine.py: five readings over the last T = 50 steps, each window from a
machine of its own.  The rivals: "constant", the mean of the training windows; "ridge", linear in the last value, the
mean of the last ten, the mean of all and the slope of each reading; "ridge squares", linear in these, their squares and
their products; an LSTM and a GRU that read the window step by step and are read out at its end.

Fair: the same windows for everybody, and the same validation windows, which choose the penalty of the ridge among seven
values, and the learning rate and the moment to stop of the networks.  On the live scale the rate was chosen before.
The networks have as many parameters as each other.  The whole is done for each number of training windows, since a
factory has few failures to learn from.

Source: Saxena et al. (2008) for the task; Zheng et al. (2017) for an LSTM on it.
Published, as reported in later papers' tables: PUBLISHED_RMSE, root mean squared errors in flight cycles on the first
of the C-MAPSS engine sets.  Those are other data, and nothing here is to be compared with them but the order.

Chapter: chapters/manufacturing.md.

Keys: rmse, contestant -> (S,), one for each number of training windows, in steps, on fresh windows; rmse_near, the
same over the windows with at most 50 steps to go; gain_over_ridge, LSTM -> (S,): the share of the RMSE of the better
ridge that it saves, below 0 if it loses; sizes (S,), numbers of training windows; rate, contestant -> (S,);
parameters, contestant -> int; cpu_seconds, contestant -> (S,), training at all rates; example, said and actual (200,),
the LSTM's answers at the largest size; published (as above), T, H, judged.
"""

import time

import numpy as np
import torch

from lstmkit.comparison import equal_width, tuned
from lstmkit.data.split import Scaler
from lstmkit.tasks import machine
from lstmkit.tasks.sizes import expect_choice
from lstmkit.torch.gru import GRU
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.network import Network, count_parameters, squared_error
from lstmkit.torch.training import fit

# C-MAPSS FD001: Zheng, Ristovski, Farahat & Gupta (2017), as later papers quote them
PUBLISHED_RMSE = {"MLP": 37.56, "SVR": 20.96, "RVR": 23.80, "CNN": 18.45, "LSTM": 16.14}
T, D, B, NEAR = 50, len(machine.READINGS), 64, 50
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)
SETTINGS = {
    "test": {"H": 4, "steps": 4, "sizes": (30, 60), "validation": 20, "judged": 60, "rates": (1e-2,)},
    "live": {"H": 16, "steps": 200, "sizes": (1000,), "validation": 200, "judged": 1000, "rates": (1e-2,)},
    "recorded": {
        "H": 16, "steps": 400, "sizes": (200, 2000), "validation": 400, "judged": 4000, "rates": (3e-3, 1e-2),
    },
}  # fmt: skip


def features(x):
    """Last value, mean of the last ten, mean and slope of each reading of x (T, B, 5): (B, 20)."""
    t = np.arange(len(x)) - (len(x) - 1) / 2
    slope = np.tensordot(t, x, axes=(0, 0)) / (t**2).sum()
    return np.concatenate([x[-1], x[-10:].mean(axis=0), x.mean(axis=0), slope], axis=1)


def with_squares(z):
    """z (B, F), and all squares and products of its columns: (B, F + F (F + 1) / 2)."""
    first, second = np.triu_indices(z.shape[1])
    return np.concatenate([z, z[:, first] * z[:, second]], axis=1)


def ridge(z, y, penalty):
    """Weights and constant (F + 1, 1) that minimise |y - ẑ|² + penalty |weights|²; the constant goes free."""
    mean, y_mean = z.mean(axis=0), y.mean(axis=0)
    centred = z - mean
    w = np.linalg.solve(centred.T @ centred + penalty * np.eye(z.shape[1]), centred.T @ (y - y_mean))
    return np.concatenate([w, (y_mean - mean @ w)[None]])


def rmse(said, y):
    """Root mean squared error of answers (B, 1), in steps."""
    return float(np.sqrt(np.mean((said - y) ** 2)))


def best_ridge(train, validation, test):
    """Answers (B, 1) to test of the ridge whose penalty was best on validation; each is (features, y)."""
    scale = Scaler.fit(train[0])
    z, z_validation, z_test = (np.column_stack([scale.apply(part[0])]) for part in (train, validation, test))
    fits = [ridge(z, train[1], penalty) for penalty in PENALTIES]
    w = min(fits, key=lambda w: rmse(z_validation @ w[:-1] + w[-1], validation[1]))
    return z_test @ w[:-1] + w[-1]


def answers(network, x, device):
    """What the network says of x (T, B, 5), float32: (B, 1) in its own units."""
    with torch.no_grad():
        return network(torch.from_numpy(x).to(device))[0].cpu().numpy().astype(np.float64)


def run(seed=0, scale="live", device="cpu"):
    """Fit every contestant on each number of windows, and judge all on the same fresh ones."""
    setting = SETTINGS[expect_choice("scale", scale, SETTINGS)]
    sizes, steps = setting["sizes"], setting["steps"]
    wanted = count_parameters(Network(LSTM(D, setting["H"]), 1))
    makers = {"LSTM": lambda H: Network(LSTM(D, H), 1, last=True), "GRU": lambda H: Network(GRU(D, H), 1, last=True)}
    widths = {name: equal_width(make, wanted) for name, make in makers.items()}
    pool, validation, test = (
        machine.batch(np.random.default_rng([seed, part]), T, n)
        for part, n in enumerate((max(sizes), setting["validation"], setting["judged"]))
    )
    near = test[1][:, 0] <= NEAR
    names = ["constant", "ridge", "ridge squares", *makers]
    found, found_near = ({name: [] for name in names} for _ in range(2))
    rates, seconds = {name: [] for name in makers}, {name: [] for name in makers}
    for n in sizes:
        train = pool[0][:, :n], pool[1][:n]
        said = {"constant": np.full_like(test[1], train[1].mean())}
        parts = [(features(x), y) for x, y in (train, validation, test)]
        said["ridge"] = best_ridge(*parts)
        said["ridge squares"] = best_ridge(*squares(parts))
        scale_x, scale_y = Scaler.fit(train[0].reshape(-1, D)), Scaler.fit(train[1])
        x, x_validation, x_test = (scale_x.apply(part[0]).astype(np.float32) for part in (train, validation, test))
        y = scale_y.apply(train[1]).astype(np.float32)
        for name, make in makers.items():
            networks, began = {}, time.process_time()

            def attempt(rate, make=make, name=name, networks=networks, x=x, y=y, scale_y=scale_y, held=x_validation):
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    networks[rate] = make(widths[name]).to(device)

                def draw(step, rng):
                    chosen = rng.integers(0, len(y), min(B, len(y)))
                    return x[:, chosen], y[chosen]

                return fit(
                    networks[rate], draw, squared_error, steps=steps, lr=rate, seed=seed,
                    evaluate=lambda network: rmse(scale_y.undo(answers(network, held, device)), validation[1]),
                    every=max(1, steps // 10), patience=10, schedule=lambda step: 1 - step / steps,
                )  # fmt: skip

            _, rate = tuned(attempt, setting["rates"])
            rates[name].append(rate)
            seconds[name].append(time.process_time() - began)
            said[name] = scale_y.undo(answers(networks[rate], x_test, device))
        for name in names:
            found[name].append(rmse(said[name], test[1]))
            found_near[name].append(rmse(said[name][near], test[1][near]))
    found, found_near = ({name: np.array(v) for name, v in d.items()} for d in (found, found_near))
    better = np.minimum(found["ridge"], found["ridge squares"])
    return {
        "rmse": found,
        "rmse_near": found_near,
        "gain_over_ridge": {"LSTM": 1 - found["LSTM"] / better},
        "sizes": np.array(sizes),
        "rate": {name: np.array(values) for name, values in rates.items()},
        "parameters": {name: count_parameters(make(widths[name])) for name, make in makers.items()}
        | {"ridge": 4 * D + 1, "ridge squares": 4 * D + 4 * D * (4 * D + 1) // 2 + 1},
        "cpu_seconds": {name: np.array(values) for name, values in seconds.items()},
        "example": {"said": said["LSTM"][:200, 0], "actual": test[1][:200, 0]},
        "published": PUBLISHED_RMSE,
        "T": T,
        "H": widths["LSTM"],
        "judged": len(test[1]),
    }


def squares(parts):
    """The parts, each (features, y), with squares and products, of features on the scale of the first part."""
    scale = Scaler.fit(parts[0][0])
    return [(with_squares(scale.apply(z)), y) for z, y in parts]
