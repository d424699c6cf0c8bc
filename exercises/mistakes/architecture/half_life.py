"""Question 1, half_life and retention: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right

LEFT, HALF = {"retention": 1}, {"half_life": 1}


def half_life(forget_bias):
    return np.log(2) / (np.log1p(np.exp(-np.abs(forget_bias))) + np.maximum(-forget_bias, 0))


def retention(forget_bias, t):
    return np.exp(-t * np.logaddexp(0, -np.asarray(forget_bias, float)))


def gate(b):
    return 1 / (1 + np.exp(-b))


@mistake(
    "extremes", loses={"extremes": 1}, of="retention", source="every textbook formula for a sigmoid, taken at its word"
)
def power_of_a_rounded_gate(forget_bias, t):
    return gate(forget_bias) ** t


@mistake("extremes", loses={"extremes": 1})
def logarithm_of_a_rounded_gate(forget_bias):
    return np.log(0.5) / np.log(gate(forget_bias))


@mistake("extremes", loses={"extremes": 1})
def biases_clipped(forget_bias):
    return half_life(np.clip(forget_bias, -30, 30))


@mistake("bias for gate", loses=LEFT, of="retention")
def bias_to_the_power(forget_bias, t):
    return forget_bias**t


@mistake("gate reversed", loses=LEFT, of="retention", source="the name: a large forget gate keeps")
def forget_means_lose(forget_bias, t):
    return (1 - gate(forget_bias)) ** t


@mistake("times t", loses=LEFT, of="retention")
def share_times_steps(forget_bias, t):
    return t * gate(forget_bias)


@mistake("t inside the gate", loses=LEFT, of="retention")
def gate_of_all_steps(forget_bias, t):
    return gate(t * forget_bias)


@mistake("what is lost", loses=LEFT, of="retention")
def share_lost(forget_bias, t):
    return 1 - retention(forget_bias, t)


@mistake("one step alone", loses=LEFT, of="retention")
def forgot_the_steps(forget_bias, t):
    return gate(forget_bias)


@mistake("lost in a straight line", loses=LEFT, of="retention")
def linear_loss(forget_bias, t):
    lost = 1 - gate(forget_bias)
    return 1 - lost * t


@mistake("retention one step more", loses=LEFT, of="retention")
def loop_with_one_too_many(forget_bias, t):
    left = gate(forget_bias)
    return left * gate(forget_bias) ** t


@mistake("gate reversed in the half-life", loses=HALF)
def half_of_what_is_lost(forget_bias):
    return np.log(2) / -np.log(1 - gate(forget_bias))


@mistake("half-life negative", loses=HALF)
def sign_lost(forget_bias):
    return np.log(2) / np.log(gate(forget_bias))


@mistake("large b only", loses=HALF)
def the_approximation(forget_bias):
    return np.log(2) * np.exp(forget_bias)


@mistake("down to 1/e", loses=HALF)
def one_over_e(forget_bias):
    return 1 / np.logaddexp(0, -forget_bias)


@mistake("time constant", loses=HALF, source="Tallec & Ollivier 2018 use 1 / (1 - f)")
def as_for_chrono(forget_bias):
    return 1 + np.exp(forget_bias)


@mistake("half in a straight line", loses=HALF)
def half_of_it_linear(forget_bias):
    return 0.5 / (1 - gate(forget_bias))


@mistake("whole steps", loses=HALF)
def counted_in_steps(forget_bias):
    return np.ceil(half_life(forget_bias))


@mistake("other logarithms", loses=HALF)
def decadic(forget_bias):
    return np.log(2) / -np.log10(gate(forget_bias))


@mistake("ln 2 missing", loses=HALF)
def upside_down(forget_bias):
    return np.log(gate(forget_bias)) / np.log(0.5)


@mistake("raised", loses=HALF)
def for_one_bias(forget_bias):
    return math.log(2) / math.log1p(math.exp(-forget_bias))


@mistake(
    {"bias for gate", "bias for gate in the half-life"},
    loses=EVERYTHING,
    retention=lambda forget_bias, t: np.power(forget_bias, t),
)
def sigmoid_left_out(forget_bias):
    return np.log(0.5) / np.log(forget_bias)


@right()
def by_logaddexp(forget_bias):
    return np.log(2) / np.logaddexp(0.0, np.negative(forget_bias))


@right()
def in_one_loop(forget_bias):
    out = np.empty(np.shape(forget_bias))
    for k, b in np.ndenumerate(np.asarray(forget_bias, dtype=float)):
        out[k] = math.log(2) / (math.log1p(math.exp(-b)) if b > 0 else math.log1p(math.exp(b)) - b)
    return out


@right()
def as_lists(forget_bias):
    return (np.log(2) / np.logaddexp(0, -forget_bias)).tolist()


@right(needs="torch")
def by_torch(forget_bias):
    import torch

    return -math.log(2) / torch.nn.functional.logsigmoid(torch.as_tensor(forget_bias, dtype=torch.float64))


@right(of="retention")
def by_halving(forget_bias, t):
    return 0.5 ** (t / half_life(forget_bias))


@right(of="retention")
def by_log1p(forget_bias, t):
    forget_bias = np.asarray(forget_bias, dtype=np.float64)
    small = np.exp(-np.abs(forget_bias))
    return np.exp(-t * (np.maximum(-forget_bias, 0) + np.log1p(small)))


@right(of="retention", needs="torch")
def left_by_torch(forget_bias, t):
    import torch

    return torch.exp(t * torch.nn.functional.logsigmoid(torch.as_tensor(forget_bias).double()))


@mistake("e to the minus lost share", loses=LEFT, of="retention")
def as_if_time_were_smooth(b, t):
    return np.exp(-t * (1 - gate(b)))


@mistake("times the half-life", loses=LEFT, of="retention")
def halved_too_often(b, t):
    return 0.5 ** (t * half_life(b))


@mistake("whole steps, rounded down", loses=HALF)
def steps_that_are_complete(b):
    return np.floor(half_life(b))


@right(of="retention")
def by_the_half_life(b, t):
    return np.exp2(-t / half_life(b))
