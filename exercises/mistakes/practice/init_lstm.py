"""Question 2, init_lstm: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


def rotations(H, rng, count=4):
    return [np.linalg.qr(rng.normal(size=(H, H)))[0] for _ in range(count)]


def biases(H, rng, forget_bias, T_max):
    b = np.zeros(4 * H)
    b[H : 2 * H] = forget_bias
    if T_max:
        b[H : 2 * H] = np.log(rng.uniform(1, T_max - 1, H))
        b[:H] = -b[H : 2 * H]
    return b


@right()
def init_lstm(D, H, rng, forget_bias=1.0, T_max=None):
    k = H**-0.5
    return rng.uniform(-k, k, (4 * H, D)), np.vstack(rotations(H, rng)), biases(H, rng, forget_bias, T_max)


@mistake("bias in every block", loses={"forget bias": 1})
def all_biases(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, W_h, b if T_max else np.full(4 * H, forget_bias)


@mistake("bias in another block", loses={"forget bias": 1})
def third_block(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    if T_max is None:
        b = np.zeros(4 * H)
        b[2 * H : 3 * H] = forget_bias
    return W_x, W_h, b


@mistake("bias in another block", loses={"forget bias": 1})
def first_block(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, W_h, b if T_max else np.repeat([forget_bias, 0, 0, 0], H)


@mistake("bias interleaved", loses={"forget bias": 1})
def every_fourth(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, 0.0, T_max)
    if T_max is None:
        b[1::4] = forget_bias
    return W_x, W_h, b


@mistake("forget_bias not used", loses={"forget bias": 1})
def always_one(D, H, rng, forget_bias=1.0, T_max=None):
    return init_lstm(D, H, rng, 1.0, T_max)


@mistake("half the bias", loses={"forget bias": 1}, source="torch.nn.LSTM adds two biases")
def shared_out(D, H, rng, forget_bias=1.0, T_max=None):
    return init_lstm(D, H, rng, forget_bias / 2, T_max)


@mistake("other biases", loses={"forget bias": 1, "chrono": 1})
def biases_uniform(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    b[2 * H :] = rng.uniform(-(H**-0.5), H**-0.5, 2 * H)
    return W_x, W_h, b


@mistake("default bias", loses={"forget bias": 1})
def zero_by_default(D, H, rng, forget_bias=0.0, T_max=None):
    return init_lstm(D, H, rng, forget_bias, T_max)


@mistake("sign of b_i", loses={"chrono": 1})
def both_positive(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, W_h, np.abs(b) if T_max else b


@mistake("b_i left at zero", loses={"chrono": 1})
def forget_gate_alone(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    b[:H] = 0
    return W_x, W_h, b


@mistake("b_i drawn anew", loses={"chrono": 1})
def two_draws(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    if T_max:
        b[:H] = -np.log(rng.uniform(1, T_max - 1, H))
    return W_x, W_h, b


@mistake("no logarithm", loses={"chrono": 1})
def lengths_as_biases(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    if T_max:
        b[H : 2 * H] = rng.uniform(1, T_max - 1, H)
        b[:H] = -b[H : 2 * H]
    return W_x, W_h, b


@mistake("chrono spread", loses={"chrono": 1})
def logarithm_uniform(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    if T_max:
        b[H : 2 * H] = rng.uniform(0, np.log(T_max - 1), H)
        b[:H] = -b[H : 2 * H]
    return W_x, W_h, b


@mistake("chrono range", loses={"chrono": 1})
def one_step_too_long(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max and T_max + 1)
    return W_x, W_h, b


@mistake("chrono range", loses={"chrono": 1})
def base_two(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, W_h, b / np.log(2) if T_max else b


@mistake("one memory for all", loses={"chrono": 1})
def a_single_draw(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    if T_max:
        b[H : 2 * H] = np.log(rng.uniform(1, T_max - 1))
        b[:H] = -b[H : 2 * H]
    return W_x, W_h, b


@mistake("one memory for all", loses={"chrono": 1})
def chrono_not_written(D, H, rng, forget_bias=1.0, T_max=None):
    return init_lstm(D, H, rng, forget_bias)


@mistake("i and f exchanged", loses={"chrono": 1})
def forget_gate_first(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, W_h, -b if T_max else b


@mistake("orthogonal as a whole", loses={"W_h": 1})
def tall_matrix(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, _, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, np.linalg.qr(rng.normal(size=(4 * H, H)))[0], b


@mistake("one block four times", loses={"W_h": 1})
def tiled(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, _, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, np.tile(rotations(H, rng, 1)[0], (4, 1)), b


@mistake("W_h not orthogonal", loses={"W_h": 1})
def normal_blocks(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, _, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, rng.normal(size=(4 * H, H)) / np.sqrt(H), b


@mistake("W_h scaled", loses={"W_h": 1})
def smaller_rotations(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, W_h / 2, b


@mistake("shape", loses={"W_h": 1})
def side_by_side(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x, W_h.T, b


@mistake("W_x too wide", loses={"W_x": 1})
def root_of_the_inputs(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x * np.sqrt(H / D), W_h, b


@mistake("W_x too wide", loses={"W_x": 1})
def normal_inputs(D, H, rng, forget_bias=1.0, T_max=None):
    _, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return rng.normal(0, H**-0.5, (4 * H, D)), W_h, b


@mistake("W_x too narrow", loses={"W_x": 1})
def root_of_the_rows(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return W_x / 2, W_h, b


@mistake("W_x not centred", loses={"W_x": 1})
def positive_only(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return np.abs(W_x), W_h, b


@mistake("blocks of W_x alike", loses={"W_x": 1})
def one_gate_drawn(D, H, rng, forget_bias=1.0, T_max=None):
    W_x, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return np.tile(W_x[:H], (4, 1)), W_h, b


@mistake("constant W_x", loses={"W_x": 1})
def nothing_drawn(D, H, rng, forget_bias=1.0, T_max=None):
    _, W_h, b = init_lstm(D, H, rng, forget_bias, T_max)
    return np.full((4 * H, D), H**-0.5), W_h, b


@mistake("not repeatable", loses={"drawn from rng": 1})
def global_generator(D, H, rng, forget_bias=1.0, T_max=None):
    k = H**-0.5
    W_x = np.random.uniform(-k, k, (4 * H, D))
    return W_x, np.vstack(rotations(H, rng)), biases(H, rng, forget_bias, T_max)


@mistake("same for every rng", loses={"drawn from rng": 1})
def seeded_inside(D, H, rng, forget_bias=1.0, T_max=None):
    return init_lstm(D, H, np.random.default_rng(0), forget_bias, T_max)


@mistake("raised", loses=EVERYTHING)
def two_axes_of_a_vector(D, H, rng, forget_bias=1.0, T_max=None):
    b = np.zeros(4 * H)
    b[H : 2 * H, :] = forget_bias
    return np.zeros((4 * H, D)), np.zeros((4 * H, H)), b


@right()
def singular_vectors(D, H, rng, forget_bias=1.0, T_max=None):
    W_x = (2 * rng.random((4 * H, D)) - 1) / np.sqrt(H)
    W_h = np.concatenate([np.linalg.svd(rng.standard_normal((H, H)))[2] for _ in range(4)])
    return {"W_x": W_x, "W_h": W_h, "b": biases(H, rng, forget_bias, T_max)}


@right()
def evenly_drawn_and_whole_lengths(D, H, rng, forget_bias=1.0, T_max=None):
    blocks = []
    for _ in "ifgo":
        Q, R = np.linalg.qr(rng.normal(size=(H, H)))
        blocks.append(Q * np.sign(np.diag(R)))
    zero = np.zeros(H)
    b_f, b_i = zero + forget_bias, zero
    if T_max is not None:
        b_f = np.log(rng.integers(1, T_max, H))
        b_i = -b_f
    k = 1 / np.sqrt(H)
    return k * rng.uniform(-1, 1, (4 * H, D)), np.concatenate(blocks), np.concatenate([b_i, b_f, zero, zero])


@right()
def in_the_other_order(D, H, rng, forget_bias=1.0, T_max=None):
    b = biases(H, rng, forget_bias, T_max).tolist()
    W_h = np.stack(rotations(H, rng)).reshape(4 * H, H)
    k = H**-0.5
    return [rng.uniform(-k, k, D) for _ in range(4 * H)], W_h, b


@right(needs="torch")
def in_torch(D, H, rng, forget_bias=1.0, T_max=None):
    import torch

    seeded = torch.Generator().manual_seed(int(rng.integers(2**31)))
    W_x = torch.empty(4 * H, D, dtype=torch.float64).uniform_(-(H**-0.5), H**-0.5, generator=seeded)
    W_h = torch.cat([torch.nn.init.orthogonal_(torch.empty(H, H), generator=seeded) for _ in range(4)])
    b = torch.zeros(4 * H)
    if T_max is None:
        b[H : 2 * H] = forget_bias
    else:
        b[H : 2 * H] = torch.log(torch.empty(H).uniform_(1, T_max - 1, generator=seeded))
        b[:H] = -b[H : 2 * H]
    return W_x, W_h, b
