"""Question 7, memory_biases and bias_for: wrong answers, and right ones in other styles."""

import math

import numpy as np

from exercises.mistakes.bank import mistake, right

ONE = {"bias_for": 1, "extremes": 1}


def bias_for(half_life):
    L = math.log(2) / half_life
    return -L - np.log(-np.expm1(-L))


def memory_biases(H, shortest, longest):
    b_f = bias_for(shortest * (longest / shortest) ** (np.arange(H) / (H - 1)))
    return np.concatenate([-b_f, b_f, np.zeros(H), np.zeros(H)])


@mistake("extremes", loses={"extremes": 1}, of="bias_for")
def by_the_logit(half_life):
    f = 0.5 ** (1 / half_life)
    return np.log(f / (1 - f))


@mistake("extremes", loses={"extremes": 1}, of="bias_for", source="the formula of the chapter, as it stands there")
def as_printed(half_life):
    return -np.log(2 ** (1 / half_life) - 1)


@mistake("extremes", loses={"extremes": 1}, of="bias_for")
def half_of_the_repair(half_life):
    return -np.log(np.expm1(np.log(2) / half_life))


@mistake("large half-lives only", loses=ONE, of="bias_for")
def the_approximation(half_life):
    return np.log(half_life / np.log(2))


@mistake("logarithm alone", loses=ONE, of="bias_for")
def just_the_log(half_life):
    return np.log(half_life)


@mistake("time constant", loses=ONE, of="bias_for", source="Tallec & Ollivier 2018, for which n is 1 / (1 - f)")
def as_for_chrono(half_life):
    return np.log(half_life - 1)


@mistake("down to 1/e", loses=ONE, of="bias_for")
def one_over_e(half_life):
    f = np.exp(-1 / half_life)
    return np.log(f) - np.log1p(-f)


@mistake("sign of the bias", loses=ONE, of="bias_for")
def sign_lost(half_life):
    return np.log(2 ** (1 / half_life) - 1)


@mistake("gate for bias", loses=ONE, of="bias_for")
def the_gate(half_life):
    return np.exp(-np.log(2) / half_life)


@mistake("half-life of the bias", loses=ONE, of="bias_for")
def the_other_way_round(half_life):
    return np.log(2) / np.log1p(np.exp(-half_life))


@mistake("evenly spaced", loses={"b": 1})
def linear_row(H, shortest, longest):
    b_f = bias_for(np.linspace(shortest, longest, H))
    return np.concatenate([-b_f, b_f, 0 * b_f, 0 * b_f])


@mistake("biases evenly spaced", loses={"b": 1})
def linear_in_b(H, shortest, longest):
    b_f = np.linspace(bias_for(shortest), bias_for(longest), H)
    return np.concatenate([-b_f, b_f, 0 * b_f, 0 * b_f])


@mistake("longest first", loses={"b": 1})
def reversed_row(H, shortest, longest):
    return memory_biases(H, longest, shortest)


@mistake("input gate left at zero", loses={"b": 1})
def forget_gate_only(H, shortest, longest):
    b = np.zeros(4 * H)
    b[H : 2 * H] = bias_for(np.geomspace(shortest, longest, H))
    return b


@mistake("blocks exchanged", loses={"b": 1})
def forget_block_first(H, shortest, longest):
    b = np.zeros((4, H))
    b[0] = bias_for(np.geomspace(shortest, longest, H))
    b[1] = -b[0]
    return b.ravel()


@mistake("forget block alone", loses={"b": 1})
def one_block(H, shortest, longest):
    return bias_for(np.geomspace(shortest, longest, H))


@mistake("half-lives for biases", loses={"b": 1})
def not_turned_into_biases(H, shortest, longest):
    row = np.geomspace(shortest, longest, H)
    return np.concatenate([-row, row, 0 * row, 0 * row])


@mistake("end left out", loses={"b": 1})
def without_the_longest(H, shortest, longest):
    b_f = bias_for(shortest * (longest / shortest) ** (np.arange(H) / H))
    return np.concatenate([-b_f, b_f, 0 * b_f, 0 * b_f])


@right()
def by_logarithms(H, shortest, longest):
    n = np.exp(np.linspace(np.log(shortest), np.log(longest), H))
    b = np.zeros(4 * H)
    b[H : 2 * H] = [bias_for(value) for value in n]
    b[:H] = -b[H : 2 * H]
    return b.tolist()


@right()
def multiplied_up(H, shortest, longest):
    factor, n, b_f = (longest / shortest) ** (1 / (H - 1)), shortest, []
    for _ in range(H):
        b_f.append(float(bias_for(n)))
        n *= factor
    return np.array([[-b for b in b_f], b_f, [0.0] * H, [0.0] * H]).reshape(-1)


@right(of="bias_for")
def in_two_cases(half_life):
    L = np.log(2) / np.asarray(half_life)
    return np.where(L > 1, -L - np.log1p(-np.exp(-L)), -np.log(np.expm1(np.minimum(L, 1))))


@right(of="bias_for")
def with_log_expm1(half_life):
    L = np.asarray(np.log(2) / half_life)
    return np.array([-l - math.log(-math.expm1(-l)) for l in L.ravel().tolist()]).reshape(L.shape)


@right(of="bias_for", needs="torch")
def by_torch(half_life):
    import torch

    L = math.log(2) / torch.as_tensor(half_life, dtype=torch.float64)
    return -(L + torch.log(-torch.expm1(-L)))


@mistake("base 2", loses=ONE, of="bias_for")
def logarithm_of_the_same_base(half_life):
    return -np.log2(2 ** (1 / half_life) - 1)


@mistake("n for 1/n", loses=ONE, of="bias_for")
def exponent_upside_down(half_life):
    return -np.log(2**half_life - 1)


@mistake("first left out", loses={"b": 1})
def counted_from_one(H, shortest, longest):
    b_f = bias_for(shortest * (longest / shortest) ** (np.arange(1, H + 1) / H))
    return np.concatenate([-b_f, b_f, np.zeros(2 * H)])


@mistake("units interleaved", loses={"b": 1})
def unit_by_unit(H, shortest, longest):
    b_i, b_f, b_g, b_o = np.split(memory_biases(H, shortest, longest), 4)
    return np.stack([b_i, b_f, b_g, b_o], axis=1).ravel()


@mistake("other blocks not zero", loses={"b": 1})
def every_gate_the_same(H, shortest, longest):
    b_i, b_f, *_ = np.split(memory_biases(H, shortest, longest), 4)
    return np.concatenate([b_i, b_f, b_f, b_f])


@mistake("four rows", loses={"b": 1})
def a_row_for_each_block(H, shortest, longest):
    return memory_biases(H, shortest, longest).reshape(4, H)
