"""The cells' equations, written once: plain expressions of sigmoid, tanh and their like, + - * and /.

A cell is a module with three names.

    step(a_i, ..., c_prev, ..., w_i, ...) -> h, c, ..., then the values named in SAVED
        one time step: from the pre-activations a_*, one for each gate block, from what the state held before, *_prev,
        and from the weights w_* that act unit by unit, if the cell has any.  The state comes first in what it returns.
    step_backward(d_h, d_c, ..., i, c_prev, ...) -> d_a_i, ..., d_c_prev, ..., d_w_i, ...
        the gradient of the loss at each argument of `step`, in the order of its arguments, from the gradient d_* at
        each field of the new state.  Whatever else it needs it names: a saved value, a field of the state after the
        step (c) or before it (c_prev), a weight.  d_w_* is not yet summed over steps and sequences.
    SAVED
        the names of what `step` returns after the state.

A field of the state that `step` does not take as *_prev reaches the next step through the matrix product alone, as h
does in the LSTM.  All arguments have one shape, and any shape will do, so that the same source runs on NumPy arrays,
on torch tensors and inside a GPU kernel.
"""
