"""Question 9, reach: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right
from lstmkit.grading import lstm as check


def given():
    return check.yours("reach").values()


@right()
def reach():
    beta, T, share = given()
    f = 1 / (1 + math.exp(-beta))
    n = 0
    while f**n >= share:
        n += 1
    root = 2 ** (-1 / T)
    return {"arrives": math.prod([f] * T), "lag": n, "bias": math.log(root) - math.log1p(-root)}


def others(**wrong):
    return reach() | wrong


def gate():
    return 1 / (1 + math.exp(-check.yours("reach")["beta"]))


@mistake("slope for gate", loses={"arrives": 1, "lag": 1})
def slope_of_the_sigmoid():
    _, T, share = given()
    slope = gate() * (1 - gate())
    return others(arrives=slope**T, lag=math.ceil(math.log(share, slope)))


@mistake("tanh for gate", loses={"arrives": 1, "lag": 1})
def gate_by_tanh():
    beta, T, share = given()
    return others(arrives=np.tanh(beta) ** T, lag=int(np.log(share) / np.log(np.tanh(beta))) + 1)


@mistake("what is forgotten", loses={"arrives": 1, "lag": 1})
def closed_for_open():
    _, T, share = given()
    return others(arrives=(1 - gate()) ** T, lag=math.ceil(math.log(share) / math.log(1 - gate())))


@mistake("bias ignored", loses={"arrives": 1, "lag": 1})
def all_zero_so_one_half():
    _, T, share = given()
    return others(arrives=2.0**-T, lag=math.ceil(-math.log2(share)))


@mistake("one step too few", loses={"arrives": 1})
def fence_posts():
    return others(arrives=gate() ** (check.yours("reach")["T"] - 1))


@mistake("one step too many", loses={"arrives": 1})
def fence_posts_the_other_way():
    return others(arrives=gate() ** (check.yours("reach")["T"] + 1))


@mistake("share lost", loses={"arrives": 1})
def what_went():
    return others(arrives=1 - reach()["arrives"])


@mistake("gate times T", loses={"arrives": 1})
def times_not_power():
    return others(arrives=check.yours("reach")["T"] * gate())


@mistake("lag rounded down", loses={"lag": 1})
def by_int():
    return others(lag=int(math.log(check.yours("reach")["share"], gate())))


@mistake("lag one too many", loses={"lag": 1})
def counts_after_the_check():
    left, n = 1.0, 0
    while left >= check.yours("reach")["share"]:
        left, n = left * gate(), n + 1
    return others(lag=n + 1)


@mistake("lag not whole", loses={"lag": 1})
def not_rounded():
    return others(lag=math.log(check.yours("reach")["share"]) / math.log(gate()))


@mistake("half-life for lag", loses={"lag": 1})
def half_life():
    return others(lag=math.ceil(math.log(2) / -math.log(gate())))


@mistake("lag of the share lost", loses={"lag": 1})
def share_gone():
    return others(lag=math.ceil(math.log(1 - check.yours("reach")["share"]) / math.log(gate())))


@mistake("gate for bias", loses={"bias": 1})
def gate_named_bias():
    return others(bias=0.5 ** (1 / check.yours("reach")["T"]))


@mistake("bias of the wrong sign", loses={"bias": 1})
def logit_upside_down():
    return others(bias=-reach()["bias"])


@mistake("chrono bias", loses={"bias": 1}, source="Tallec & Ollivier 2018, used for another question")
def chrono():
    return others(bias=np.log(check.yours("reach")["T"] - 1))


@mistake("bias from the linear rule", loses={"bias": 1})
def half_shared_out():
    f = 1 - 0.5 / check.yours("reach")["T"]
    return others(bias=math.log(f / (1 - f)))


@mistake("bias for the share", loses={"bias": 1})
def bias_that_leaves_the_share():
    _, T, share = given()
    root = share ** (1 / T)
    return others(bias=math.log(root / (1 - root)))


@mistake("logarithm for bias", loses={"bias": 1})
def sigmoid_undone_as_if_it_were_exp():
    return others(bias=math.log(0.5) / check.yours("reach")["T"])


@mistake({"one gate only", "lag from the linear rule", "half a step"}, loses=EVERYTHING)
def one_step_times_n():
    return {"arrives": gate(), "lag": math.ceil((1 - check.yours("reach")["share"]) / (1 - gate())), "bias": 0.0}


@mistake("precision", loses=EVERYTHING)
def rounded_by_hand():
    out = reach()
    return {"arrives": float(f"{out['arrives']:.3g}"), "lag": out["lag"] * 1.0004, "bias": round(out["bias"], 2)}


@mistake("form", loses=EVERYTHING)
def first_number_only():
    return reach()["arrives"]


@mistake({"slope for gate", "gate for bias"}, loses=EVERYTHING)
def two_wrong_ideas():
    _, T, share = given()
    slope = gate() * (1 - gate())
    return {"arrives": slope**T, "lag": math.ceil(math.log(share) / math.log(slope)), "bias": 0.5 ** (1 / T)}


@right()
def in_logarithms():
    beta, T, share = given()
    log_f = -np.logaddexp(0, -beta)
    log_half = np.log(0.5) / T
    return np.exp(T * log_f), int(np.log(share) // log_f) + 1, log_half - np.log(-np.expm1(log_half))


@right()
def simulated():
    """A unit gradient walks back, and the bias is found by halving an interval."""
    beta, T, share = given()

    def left(bias, steps):
        d_c = np.ones(1)
        for _ in range(steps):
            d_c = d_c / (1 + np.exp(-bias))
        return d_c[0]

    low, high = -5.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if left(middle, T) < 0.5 else (low, middle)
    lag = next(n for n in range(100000) if left(beta, n) < share)
    return dict(bias=low, lag=np.int64(lag), arrives=left(beta, T), comment="by experiment")


@right()
def table_of_shares():
    beta, T, share = given()
    shares = np.cumprod(np.full(5000, 1 / (1 + np.exp(-beta))))
    root = 0.5 ** (1 / T)
    return [shares[T - 1], 1 + np.argmax(shares < share), -np.log(1 / root - 1)]


@right(needs="torch")
def by_autograd():
    import torch

    beta, T, share = given()
    c = first = torch.ones(1, dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(beta, dtype=torch.float64)
    for _ in range(T):
        c = torch.sigmoid(bias) * c
    (arrives,) = torch.autograd.grad(c, first)
    lag = torch.ceil(torch.log(torch.tensor(share, dtype=torch.float64)) / torch.nn.functional.logsigmoid(bias))
    return {"arrives": arrives[0], "lag": lag, "bias": torch.logit(torch.tensor(0.5, dtype=torch.float64) ** (1 / T))}
