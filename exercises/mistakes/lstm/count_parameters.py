"""Question 8, count_parameters: wrong answers, and right ones in other styles."""

import numpy as np

from exercises.mistakes.bank import EVERYTHING, mistake, right


@right()
def count_parameters(D, H, biases=1):
    return sum(np.prod(shape) for shape in [(4 * H, D), (4 * H, H)] + [(4 * H,)] * biases)


@mistake("one gate", loses=EVERYTHING)
def one_block(D, H, biases=1):
    return H * D + H * H + biases * H


@mistake("three gates", loses=EVERYTHING)
def a_gru(D, H, biases=1):
    return 3 * (H * D + H * H + biases * H)


@mistake("no bias", loses=EVERYTHING)
def weights_only(D, H, biases=1):
    return 4 * H * (D + H)


@mistake("always one bias", loses={"two biases": 2})
def one_bias(D, H, biases=1):
    return 4 * (H * (D + H) + H)


@mistake("always two biases", loses={"one bias": 2})
def as_in_torch(D, H, biases=1):
    return 4 * H * (D + H + 2)


@mistake("bias of one gate", loses=EVERYTHING)
def bias_not_stacked(D, H, biases=1):
    return 4 * H * D + 4 * H * H + biases * H


@mistake("no recurrent weights", loses=EVERYTHING)
def feed_forward(D, H, biases=1):
    return 4 * H * (D + biases)


@mistake("D for H", loses=EVERYTHING)
def sizes_exchanged(D, H, biases=1):
    D, H = H, D
    return 4 * H * (D + H + biases)


@mistake("peepholes", loses=EVERYTHING, source="Gers, Schraudolph & Schmidhuber 2002 add them")
def with_peepholes(D, H, biases=1):
    return 4 * H * (D + H + biases) + 3 * H


@mistake("raised", loses={"two biases": 2})
def no_second_argument(D, H):
    return 4 * H * (D + H + 1)


@right()
def four_at_a_time(D, H, biases=1):
    per_gate = (D + H + biases) * H
    return float(per_gate << 2)


@right()
def gate_by_gate(D, H, biases=1):
    total = 0
    for _ in "ifgo":
        for _ in range(H):
            total += D + H + biases
    return total


@right()
def three_products(D, H, biases=1):
    return np.array([4 * H * D, 4 * H * H, biases * 4 * H]).sum()


@right(needs="torch")
def layer_of_torch(D, H, biases=1):
    import torch

    layer = torch.nn.LSTM(D, H, bias=False, device="meta")  # shapes without numbers
    return sum(weight.numel() for weight in layer.parameters()) + biases * 4 * H
