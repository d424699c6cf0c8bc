"""Random arguments for the checks, of sizes that tell H from D and B from T."""

import numpy as np


def sizes(rng, count):
    """`count` different sizes, none of them 4: with d = 4 nobody can tell sqrt(d) from d / 2."""
    return tuple(int(size) for size in rng.choice([2, 3, 5, 6, 7], count, replace=False))


def double(args):
    """The arguments in float64, in which right values are computed whatever the student was given."""
    return tuple(arg.astype(np.float64) for arg in args)
