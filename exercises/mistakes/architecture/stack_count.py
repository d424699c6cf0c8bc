"""Question 2, stack_count: wrong answers, and right ones in other styles."""

import math

from exercises.mistakes.bank import EVERYTHING, mistake, right


@right()
def stack_count(D, sizes, bidirectional=False, biases=1):
    S, total = 2 if bidirectional else 1, 0
    for H in sizes:
        total += S * 4 * H * (D + H + biases)
        D = S * H
    return total


@mistake("every layer reads x", loses=EVERYTHING)
def input_everywhere(D, sizes, bidirectional=False, biases=1):
    return (1 + bidirectional) * sum(4 * H * (D + H + biases) for H in sizes)


@mistake("reads one direction", loses={"both ways": 1}, source="Keras users who size the second layer for H")
def one_direction_handed_on(D, sizes, bidirectional=False, biases=1):
    return (1 + bidirectional) * stack_count(D, sizes, False, biases)


@mistake("reads its own size", loses=EVERYTHING)
def square_above(D, sizes, bidirectional=False, biases=1):
    S = 2 if bidirectional else 1
    total = S * 4 * sizes[0] * (D + sizes[0] + biases)
    for H in sizes[1:]:
        total += S * 4 * H * (S * H + H + biases)
    return total


@mistake("x counted in both directions", loses={"both ways": 1})
def two_copies_of_x(D, sizes, bidirectional=False, biases=1):
    return stack_count(D * (2 if bidirectional else 1), sizes, bidirectional, biases)


@mistake("one direction counted", loses={"both ways": 1})
def forgot_to_double(D, sizes, bidirectional=False, biases=1):
    return stack_count(D, sizes, bidirectional, biases) // (1 + bidirectional)


@mistake("biases not counted", loses=EVERYTHING)
def matrices_only(D, sizes, bidirectional=False, biases=1):
    return stack_count(D, sizes, bidirectional, 0)


@mistake("always one bias", loses=EVERYTHING)
def as_in_keras(D, sizes, bidirectional=False, biases=1):
    return stack_count(D, sizes, bidirectional)


@mistake("always two biases", loses=EVERYTHING)
def as_in_torch(D, sizes, bidirectional=False, biases=1):
    return stack_count(D, sizes, bidirectional, 2)


@mistake("one block", loses=EVERYTHING)
def a_plain_network(D, sizes, bidirectional=False, biases=1):
    return stack_count(D, sizes, bidirectional, biases) / 4


@mistake("three blocks", loses=EVERYTHING)
def three_gates(D, sizes, bidirectional=False, biases=1):
    return 3 * stack_count(D, sizes, bidirectional, biases) // 4


@mistake("recurrent in both directions", loses={"both ways": 1})
def directions_share_their_state(D, sizes, bidirectional=False, biases=1):
    S, total = 1 + bidirectional, 0
    for H in sizes:
        total += S * 4 * H * (D + S * H + biases)
        D = S * H
    return total


@mistake("the last layer alone", loses=EVERYTHING)
def overwritten_in_the_loop(D, sizes, bidirectional=False, biases=1):
    S = 1 + bidirectional
    for H in sizes:
        total = S * 4 * H * (D + H + biases)
        D = S * H
    return total


@mistake("the first layer alone", loses=EVERYTHING)
def returned_in_the_loop(D, sizes, bidirectional=False, biases=1):
    for H in sizes:
        return (1 + bidirectional) * 4 * H * (D + H + biases)


@mistake("one number a bias", loses=EVERYTHING)
def bias_is_a_number(D, sizes, bidirectional=False, biases=1):
    units = 4 * sum(sizes) * (1 + bidirectional)
    return (
        matrices_only(D, sizes, bidirectional)
        + biases * units // 4
        - biases * (sum(sizes) - len(sizes)) * (1 + bidirectional)
    )


@mistake("raised", loses={"both ways": 1})
def one_way_only(D, sizes, bidirectional=False, biases=1):
    if bidirectional:
        raise ValueError("not yet")
    return stack_count(D, sizes, False, biases)


@right()
def by_shapes(D, sizes, bidirectional=False, biases=1):
    S = 1 + int(bidirectional)
    reads = [D] + [S * H for H in sizes[:-1]]
    shapes = []
    for R, H in zip(reads, sizes, strict=True):
        shapes += S * ([(4 * H, R), (4 * H, H)] + biases * [(4 * H,)])
    return sum(math.prod(shape) for shape in shapes)


@right()
def by_recursion(D, sizes, bidirectional=False, biases=1):
    if not len(sizes):
        return 0
    H, *above = sizes
    S = 2 if bidirectional else 1
    return 4.0 * S * H * (D + H + biases) + by_recursion(S * H, above, bidirectional, biases)


@right(needs="torch")
def by_torch(D, sizes, bidirectional=False, biases=1):
    import torch

    S, total = 1 + bidirectional, 0
    for H in sizes:
        layer = torch.nn.LSTM(D, H, bidirectional=bidirectional, bias=biases > 0, device="meta")
        total += sum(p.numel() for name, p in layer.named_parameters() if biases > 1 or "bias_hh" not in name)
        D = S * H
    return total


@right()
def by_pairs(D, sizes, bidirectional=False, biases=1):
    S = 2 if bidirectional else 1
    pairs = list(zip([D / S, *sizes], sizes, strict=False))
    return sum(S * 4 * H * (S * below + H + biases) for below, H in pairs)


@mistake("biases of one block", loses=EVERYTHING)
def bias_of_h_numbers(D, sizes, bidirectional=False, biases=1):
    total = 0
    for H in sizes:
        total += (1 + bidirectional) * (4 * H * (D + H) + biases * H)
        D = (1 + bidirectional) * H
    return total


@mistake("biases of one direction", loses={"both ways": 1})
def shared_biases(D, sizes, bidirectional=False, biases=1):
    total = 0
    for H in sizes:
        total += (1 + bidirectional) * 4 * H * (D + H) + 4 * H * biases
        D = (1 + bidirectional) * H
    return total


@mistake("first layer alone in both directions", loses={"both ways": 1})
def two_readers_below(D, sizes, bidirectional=False, biases=1):
    total, S = 0, 1 + bidirectional
    for layer, H in enumerate(sizes):
        total += 4 * H * (D + H + biases) * (S if layer == 0 else 1)
        D = S * H
    return total
