"""A cell with its parameters, run over sequences: the functions that every module of a cell has, written once.

A module such as lstmkit/numpy/peephole.py says what its equations are, which parameters it has and of what shapes, and

    products(params) -> [(W_x, W_h, b), ...], (w, ...)       what the recurrence multiplies, and the unit-by-unit
    weights gradients(d_products, d_weights) -> Params               the way back

and takes the rest from here.  T steps, B sequences, D inputs, H units.  x: (T, B, D); a field of a state: (B, H).
"""

import numpy as np

from lstmkit.numpy import recurrence
from lstmkit.numpy.shapes import expect, expect_fields, expect_params, expect_state, sized


def products(params):
    """W_x, W_h and b as the one product (4H, D), (4H, H), (4H,), say; whatever follows them acts unit by unit, (H,)."""
    return [tuple(params[:3])], tuple(params[3:])


def functions(cell, shapes, State, forget_block=None, products=products, gradients=None, first=None):
    """init_params, zero_state, count_params, step, step_backward, forward, backward of a module of lstmkit.numpy.

    `shapes` is a Params of strings such as "4H D"; `forget_block` is the number of the gate block whose bias starts
    at 1; `first` is a State of what each field holds before the first step, where that is not zero.
    """
    Params = type(shapes)
    gradients = gradients or (lambda d_products, d_weights: Params(*d_products[0], *d_weights))

    def check(params, name, array, letters, state, state_name="state"):
        sizes = {}
        params = expect_params(params, shapes, sizes)
        return params, expect(name, array, letters, sizes), expect_state(state_name, state, State, sizes)

    def start(rng, D, H, dtype):
        bound = 1 / np.sqrt(H)
        sizes = [sized(shape, D=D, H=H) for shape in shapes]
        arrays = [
            np.zeros(size, dtype) if name.startswith("b") else rng.uniform(-bound, bound, size).astype(dtype)
            for name, size in zip(Params._fields, sizes, strict=True)
        ]
        return Params(*arrays)

    if forget_block is None:

        def init_params(rng, D, H, dtype=np.float64):
            """Params for D inputs and H units: weights uniform in ±1/√H, shapes as SHAPES says, biases zero."""
            return start(rng, D, H, dtype)
    else:

        def init_params(rng, D, H, forget_bias=1.0, dtype=np.float64):
            """Params for D inputs and H units: weights uniform in ±1/√H, shapes as SHAPES says, biases zero.

            The forget gate's bias starts at 1, the advice of Jozefowicz, Zaremba & Sutskever (2015).
            """
            params = start(rng, D, H, dtype)
            params.b[forget_block * H : (forget_block + 1) * H] = forget_bias
            return params

    def zero_state(B, H, dtype=np.float64):
        """A State of zeros, each field (B, H): nothing remembered."""
        return State(*(np.full((B, H), value, dtype) for value in first or [0] * len(State._fields)))

    def count_params(D, H):
        """How many numbers Params holds, shapes as SHAPES says."""
        return sum(int(np.prod(sized(shape, D=D, H=H))) for shape in shapes)

    def forward(params, x, state=None, keep_cache=True):
        """Run over x (T, B, D), from zeros or from `state`.

        Returns hs (T, B, H), the last State, and the cache for `backward`: None without keep_cache; with
        keep_cache="lean" a small one, for which `backward` makes the gates again, with the same bits.
        float32 in gives float32 out, float64 gives float64; no argument is modified.  Raises ValueError for a wrong
        shape, a dtype that is neither, or dtypes that differ.
        """
        if state is None and first is not None and np.ndim(x) == 3:
            state = zero_state(np.shape(x)[1], np.shape(params[1])[-1], np.asarray(x).dtype)
        params, x, state = check(params, "x", x, "T B D", state)
        matrices, weights = products(params)
        hs, last, cache = recurrence.forward(cell, matrices, x, state, weights, keep_cache=keep_cache)
        return hs, State(*last), cache

    def backward(params, d_hs, cache, d_state=None):
        """Backpropagation through time, from ∂L/∂h_t for every t, d_hs (T, B, H), and d_state at the last State, if
        any.

        Returns ∂L/∂x (T, B, D), the gradient at the initial State, and the gradients of the Params.
        """
        params, d_hs, d_state = check(params, "d_hs", d_hs, "T B H", d_state, "d_state")
        recurrence.expect_cache(cache, d_hs)
        matrices, weights = products(params)
        d_x, d_first, d_matrices, d_weights = recurrence.backward(matrices, d_hs, cache, d_state, weights)
        return d_x, State(*d_first), gradients(d_matrices, d_weights)

    def step(params, x_t, state):
        """One time step of x_t (B, D).  Returns the new State, fields (B, H), and what `step_backward` needs."""
        params, x_t, state = check(params, "x_t", x_t, "B D", expect_fields("state", state, State))
        _, new, cache = forward(params, x_t[None], state)
        return new, cache

    def step_backward(params, d_state, cache):
        """The way back through one step, from the gradient at the new State.

        Returns ∂L/∂x_t (B, D), the gradient at the previous State, and that of the Params.
        """
        params = expect_params(params, shapes, {})
        d_hs = np.zeros((1, cache.columns.shape[2], params.W_h.shape[1]), cache.columns.dtype)
        d_x, d_first, d_params = backward(params, d_hs, cache, expect_fields("d_state", d_state, State))
        return d_x[0], d_first, d_params

    made = init_params, zero_state, count_params, step, step_backward, forward, backward
    home = cell.__name__.replace(".cells.", ".numpy.")
    for function in made:
        function.__module__ = home  # so that help and the book's pages show it where it is used
    return made
