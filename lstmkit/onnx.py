"""Networks to and from ONNX files: the operators RNN, LSTM and GRU, whose definition many runtimes share.

    operator   our cell           its blocks      ours            what tells the cells apart
    RNN        rnn, rnn_relu      i               one block       activations Tanh or Relu
    LSTM       lstm, peephole     i, o, f, c      i, f, g, o      peepholes P in the order i, o, f
    LSTM       coupled            i, o, f, c      f, g, o         input_forget = 1: f = 1 - i
    GRU        gru                z, r, h         r, z, n         linear_before_reset = 1
    GRU        gru_reset_before   z, r, h         r, z, n         linear_before_reset = 0

L layers, S = 1 or 2 directions, G blocks.  T steps, B sequences, D inputs, H units.
The operator is one layer: X (T, B, D), W (S, GH, D), R (S, GH, H), B (S, 2GH), P (S, 3H), Y (T, S, B, H), Y_h and Y_c
(S, B, H).  The second half of B is a second bias: zero in what we write, but for the b_u of the GRU, and added to the
first in what we read.  W is our W_x, R our W_h.

The coupled cell opens its input gate by 1 - f, the operator its forget gate by 1 - i.  As σ(-a) = 1 - σ(a), block i is
our block f with the sign turned.  Block f, which the operator does not look at, is given our block f all the same, so
that a runtime that does not know input_forget computes the same network.

A network is written as `cell` and `layers`, the arguments of lstmkit.numpy.stacked: a module of lstmkit.numpy, and a
list with a Params for each layer, the cell's or lstmkit.numpy.bidirectional's.  `from_module` and `to_module` exchange
that for a module of lstmkit.torch:

    from lstmkit import onnx
    onnx.save("net.onnx", *onnx.from_module(module))
    module = onnx.to_module(*onnx.load("net.onnx"))

Files are written in opset 14 and read from opset 7 on.  A file is data: it is parsed and checked, nothing in it is run,
and no other file that it names is opened.  No cell here has the attribute clip or other activations than its own.

Source: ONNX operators RNN, LSTM and GRU, versions 7, 14 and 22.
"""

import functools
from typing import NamedTuple

import numpy as np

from lstmkit import __version__
from lstmkit.numpy import bidirectional, coupled, gru, gru_reset_before, lstm, peephole, rnn, rnn_relu, stacked
from lstmkit.numpy.shapes import expect, expect_params

OPSET, IR_VERSION = 14, 7  # of what is written; this IR is the one that came with this opset
READ = (7, 14, 22)  # the versions of the three operators that are read

# Block k of the operator is our block ORDER[k]; likewise for the peepholes.
ORDER = {"RNN": (0,), "LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}
PEEPHOLES = (0, 2, 1)
INPUTS = {"RNN": ("X", "W", "R", "B", "sequence_lens", "initial_h")}
INPUTS |= {"GRU": INPUTS["RNN"], "LSTM": (*INPUTS["RNN"], "initial_c", "P")}
ACTIVATIONS = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}

# What the operator must be told to be one of our cells.
CELLS = [
    (rnn, "RNN", {"activations": ["Tanh"]}),
    (rnn_relu, "RNN", {"activations": ["Relu"]}),
    (lstm, "LSTM", {}),
    (peephole, "LSTM", {}),
    (coupled, "LSTM", {"input_forget": 1}),
    (gru, "GRU", {"linear_before_reset": 1}),
    (gru_reset_before, "GRU", {"linear_before_reset": 0}),
]


class Weights(NamedTuple):
    """The operator's weights."""

    W: np.ndarray  # (S, GH, D)
    R: np.ndarray  # (S, GH, H)
    B: np.ndarray  # (S, 2GH)
    P: np.ndarray | None  # (S, 3H), of the LSTM with peepholes alone


# Weights, without the onnx package


def weights_to_onnx(cell, params):
    """The Weights of one layer, from its Params: the cell's, or both directions', lstmkit.numpy.bidirectional.Params.

    Raises ValueError for a cell that ONNX has no operator for, wrong shapes, or dtypes that differ.
    """
    op_type, sizes = operator(cell)[0], {}
    pair = params if isinstance(params, bidirectional.Params) else (params,)
    written = [_to_onnx(cell, op_type, expect_params(one, cell.SHAPES, sizes)) for one in pair]
    W, R, B, P = zip(*written, strict=True)
    return Weights(np.stack(W), np.stack(R), np.stack(B), None if P[0] is None else np.stack(P))


def weights_from_onnx(cell, W, R, B=None, P=None):
    """The Params of one layer from the operator's weights, the way back of `weights_to_onnx`.

    With S = 2 they are lstmkit.numpy.bidirectional.Params.  Without B biases are zero, without P peepholes are.
    Raises ValueError for a cell that ONNX has no operator for, wrong shapes, or dtypes that differ, and for peepholes
    where the cell has none.
    """
    op_type, sizes = operator(cell)[0], {}
    G = len(ORDER[op_type])
    R = expect("R", R, f"S {G}H H", sizes)
    W = expect("W", W, f"S {G}H D", sizes)
    S, H = sizes["S"], sizes["H"]
    if S not in (1, 2):
        raise ValueError(f"W and R must have 1 or 2 directions as their first axis, but they have {S}")
    B = np.zeros((S, 2 * G * H), R.dtype) if B is None else expect("B", B, f"S {2 * G}H", sizes)
    if P is not None:
        P = expect("P", P, "S 3H", sizes)
        if cell is not peephole:
            raise ValueError(f"P holds peepholes, but {cell.__name__} has none: the cell that has is peephole")
    P = np.zeros((S, 3 * H), R.dtype) if P is None else P
    pair = [_from_onnx(cell, op_type, *arrays) for arrays in zip(W, R, B, P, strict=True)]
    return pair[0] if S == 1 else bidirectional.Params(*pair)


def operator(cell):
    """The operator's name and the attributes that make it `cell`; ValueError where ONNX has none."""
    for known, name, attributes in CELLS:
        if known is cell:
            return name, attributes
    known = ", ".join(known.__name__.rpartition(".")[2] for known, _, _ in CELLS)
    name = getattr(cell, "__name__", repr(cell))
    raise ValueError(f"ONNX has an operator for the cells {known} of lstmkit.numpy, but not for {name}")


def _to_onnx(cell, op_type, params):
    W_x, W_h, b = params[:3]
    H = W_h.shape[1]
    if cell is coupled:
        W_x, W_h, b = (_blocks(array, 3, lambda f, g, o: (-f, f, g, o)) for array in (W_x, W_h, b))
    W, R, b = (_permuted(array, ORDER[op_type]) for array in (W_x, W_h, b))
    second = np.zeros_like(b)
    if cell is gru:
        second[2 * H :] = params.b_u
    P = _permuted(np.concatenate(params[3:]), PEEPHOLES) if cell is peephole else None
    return W, R, np.concatenate([b, second]), P


def _from_onnx(cell, op_type, W, R, B, P):
    order, H = np.argsort(ORDER[op_type]), R.shape[1]
    first, second = np.split(B, 2)
    b = first + second
    if cell is gru:
        b[2 * H :] = first[2 * H :]
    W_x, W_h, b = (_permuted(array, order) for array in (W, R, b))
    if cell is coupled:
        W_x, W_h, b = (_blocks(array, 4, lambda i, f, g, o: (-i, g, o)) for array in (W_x, W_h, b))
    more = {gru: [second[2 * H :].copy()], peephole: np.split(_permuted(P, np.argsort(PEEPHOLES)), 3)}
    return cell.Params(W_x, W_h, b, *more.get(cell, ()))


def _permuted(array, order):
    return _blocks(array, len(order), lambda *blocks: [blocks[k] for k in order])


def _blocks(array, count, arrange):
    return np.concatenate(arrange(*np.split(array, count)))


# Models


def to_model(cell, layers, state=False, lengths=False):
    """The network as an onnx.ModelProto.

    Its inputs are x (T, B, D); with `lengths` also lengths (B,), int32; and with `state` the initial state, which else
    is zero: h_0, and c_0 where the cell has one, each (L·S, B, H).  Its outputs are hs (T, B, S·H), zero on padding,
    and the last state, h_n and c_n.  T and B are free, time is first, as in lstmkit.numpy.stacked; dropout is none.
    Raises ValueError for a cell that ONNX has no operator for, and layers that do not fit on top of each other.
    """
    onnx = _package()
    make, (op_type, attributes) = onnx.helper, operator(cell)
    weights = _fitting(cell, layers)
    (S, _, D), (L, H) = weights[0].W.shape, (len(layers), weights[0].R.shape[2])
    fields = cell.State._fields
    kind = make.np_dtype_to_tensor_dtype(weights[0].W.dtype)
    nodes, arrays = [], {"width": np.array([0, 0, S * H])}  # 0: that axis as it was
    if L > 1 and state:
        arrays["directions"] = np.full(L, S)
        for field in fields:
            cut = [f"{field}_0_l{layer}" for layer in range(L)]
            nodes.append(make.make_node("Split", [f"{field}_0", "directions"], cut, axis=0))
    below = "x"
    for layer, values in enumerate(weights):
        names = {name: f"{name}_l{layer}" for name, value in values._asdict().items() if value is not None}
        arrays |= {names[name]: getattr(values, name) for name in names}
        end = f"_l{layer}" if L > 1 else ""
        names |= {"X": below, "sequence_lens": "lengths" if lengths else ""}
        names |= {f"initial_{field}": f"{field}_0{end}" if state else "" for field in fields}
        given = [names.get(name, "") for name in INPUTS[op_type]]
        while not given[-1]:
            given.pop()
        made = [f"Y_l{layer}", *(f"{field}_n{end}" for field in fields)]
        direction = "bidirectional" if S == 2 else "forward"
        settings = {**attributes, "activations": attributes.get("activations", ACTIVATIONS[op_type]) * S}
        nodes.append(
            make.make_node(op_type, given, made, f"layer_{layer}", hidden_size=H, direction=direction, **settings)
        )
        below = "hs" if layer == L - 1 else f"hs_l{layer}"
        nodes.append(make.make_node("Transpose", [f"Y_l{layer}"], [f"rows_l{layer}"], perm=[0, 2, 1, 3]))
        nodes.append(make.make_node("Reshape", [f"rows_l{layer}", "width"], [below]))
    if L > 1:
        for field in fields:
            joined = [f"{field}_n_l{layer}" for layer in range(L)]
            nodes.append(make.make_node("Concat", joined, [f"{field}_n"], axis=0))
    inputs = [make.make_tensor_value_info("x", kind, ["T", "B", D])]
    if lengths:
        inputs.append(make.make_tensor_value_info("lengths", onnx.TensorProto.INT32, ["B"]))
    if state:
        inputs += [make.make_tensor_value_info(f"{field}_0", kind, [L * S, "B", H]) for field in fields]
    outputs = [make.make_tensor_value_info("hs", kind, ["T", "B", S * H])]
    outputs += [make.make_tensor_value_info(f"{field}_n", kind, [L * S, "B", H]) for field in fields]
    stored = [onnx.numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()]
    return make.make_model(
        make.make_graph(nodes, cell.__name__.rpartition(".")[2], inputs, outputs, stored),
        opset_imports=[make.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="lstmkit", producer_version=__version__,
    )  # fmt: skip


def from_model(model):
    """`cell` and `layers` of an onnx.ModelProto: one that `to_model` made, or one node RNN, LSTM or GRU.

    Of a single node only the weights are taken: they must stand in the file, and the node must not read in reverse
    alone, which no network here does (`run` does it).
    Raises ValueError for any other graph, and for an operator, an attribute, a version or a file that is not supported.
    """
    cells, arrays = _checked(model)
    nodes = [node for node in model.graph.node if node.op_type in ORDER]
    layers = [_layer(node, cell, direction, arrays) for node, (cell, direction, _) in zip(nodes, cells, strict=True)]
    cell = cells[0][0]
    if len(model.graph.node) == 1:
        return cell, layers
    if all(one is cell for one, _, _ in cells):
        names = {value.name for value in model.graph.input}
        made = to_model(cell, layers, state="h_0" in names, lengths="lengths" in names)
        stored = _arrays(made.graph)
        same = list(made.graph.node) == list(model.graph.node) and stored.keys() == arrays.keys()
        # The weights are those just read; what is left to compare are the numbers that reshape and cut.
        if same and all(
            np.array_equal(stored[name], arrays[name]) for name in ("width", "directions") if name in stored
        ):
            return cell, layers
    raise ValueError(
        "the graph is neither a single node RNN, LSTM or GRU nor one that lstmkit.onnx.to_model makes: take the "
        "weights of its nodes with weights_from_onnx, layer by layer"
    )


def save(path, cell, layers, state=False, lengths=False):
    """Write the model of `to_model` to a file."""
    content = to_model(cell, layers, state, lengths).SerializeToString()
    with open(path, "wb") as file:
        file.write(content)


def load(path):
    """`cell` and `layers` of a file, as `from_model`; ValueError if it is no ONNX file, or an unsupported one."""
    return from_model(read(path))


def read(path):
    """The onnx.ModelProto in a file, and nothing else: data kept outside it is not looked for.  Else ValueError."""
    onnx = _package()
    from google.protobuf.message import DecodeError

    with open(path, "rb") as file:
        content = file.read()
    try:
        return onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ValueError(f"{path} is no ONNX file: {error}") from error


def run(model, inputs, forward=None):
    """The outputs of a model, by name, from its inputs, a dict by name: a model of the kinds that `from_model` takes.

    Of a single node, everything may be an input, direction may be "reverse", and layout 1 (batch first).
    `forward` is what computes: lstmkit.numpy.stacked.forward, or `forward_on_torch`.
    Raises ValueError for a model that is not supported, inputs that are missing or too many, and wrong shapes.
    """
    forward = forward or functools.partial(stacked.forward, keep_cache=False)
    cells, arrays = _checked(model)
    names = [value.name for value in model.graph.input]
    missing = [name for name in names if name not in inputs and name not in arrays]
    unknown = [name for name in inputs if name not in names]
    if missing or unknown:
        raise ValueError(f"inputs must be {', '.join(map(str, names))}, but {_said(missing, unknown)}")
    values = {**arrays, **{name: np.asarray(value) for name, value in inputs.items()}}
    if len(model.graph.node) == 1:
        return _run_node(model.graph.node[0], *cells[0], values, forward)
    cell, layers = from_model(model)
    first = None if "h_0" not in values else cell.State(*(values[f"{field}_0"] for field in cell.State._fields))
    hs, last, *_ = forward(cell, layers, values["x"], first, values.get("lengths"))
    return {"hs": hs, **{f"{field}_n": value for field, value in last._asdict().items()}}


def _run_node(node, cell, direction, layout, values, forward):
    """One node.  A node that reads in reverse alone is the second half of one that reads both ways."""
    given = _given(node, values)
    params = weights_from_onnx(cell, *(given.get(name) for name in Weights._fields))
    S = 2 if direction == "bidirectional" else 1
    if isinstance(params, bidirectional.Params) != (S == 2):
        raise ValueError(f"direction is {direction!r}, but W and R have {len(given['W'])} directions as first axis")
    x = given["X"]
    if x.ndim != 3:
        raise ValueError(f"X must have three axes, but its shape is {x.shape}")
    x = x.swapaxes(0, 1) if layout else x
    (_, B, _), H = x.shape, given["R"].shape[2]
    state = cell.State(*(_state(given, f"initial_{field}", (S, B, H), layout, x) for field in cell.State._fields))
    if direction == "reverse":
        params = bidirectional.Params(params, params)
        state = cell.State(*(np.concatenate([field, field]) for field in state))
    hs, last, *_ = forward(cell, [params], x, state, given.get("sequence_lens"))
    if direction == "reverse":
        hs, last = hs[:, :, H:], cell.State(*(field[1:] for field in last))
    hs = hs.reshape(*hs.shape[:2], S, H)
    Y = hs.swapaxes(0, 1) if layout else hs.swapaxes(1, 2)
    outputs = [Y, *(field.swapaxes(0, 1) if layout else field for field in last)]
    return {name: np.ascontiguousarray(value) for name, value in zip(node.output, outputs, strict=False) if name}


def _state(given, name, shape, layout, x):
    value = given.get(name)
    if value is None:
        return np.zeros(shape, x.dtype)
    value = value.swapaxes(0, 1) if layout and value.ndim == 3 else value
    if value.shape != shape:
        raise ValueError(f"{name} must have shape (S, B, H) = {shape}, but in that order its shape is {value.shape}")
    return value


def _said(missing, unknown):
    parts = [f"{', '.join(map(str, missing))} missing"] * bool(missing) + [
        f"{', '.join(map(str, unknown))} unknown"
    ] * bool(unknown)
    return " and ".join(parts)


# What a model may be


def _checked(model):
    """[(cell, direction, layout) of each of our nodes], and the arrays that the file holds; else ValueError."""
    onnx = _package()
    versions = [opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
    if len(versions) != 1 or not READ[0] <= versions[0] <= onnx.defs.onnx_opset_version():
        raise ValueError(
            f"the model must be of one opset from {READ[0]} to {onnx.defs.onnx_opset_version()}, the last that the "
            f"installed onnx {onnx.__version__} knows, but it says {', '.join(map(str, versions)) or 'none'}"
        )
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in (
            *ORDER,
            "Split",
            "Transpose",
            "Reshape",
            "Concat",
        ):
            where = f" of the domain {node.domain!r}" if node.domain else ""
            raise ValueError(
                f"the operator {node.op_type!r}{where} is not supported: RNN, LSTM and GRU are, and what to_model puts "
                "around them"
            )
    if not any(node.op_type in ORDER for node in model.graph.node):
        raise ValueError("the model has no node RNN, LSTM or GRU")
    if len(model.functions):
        raise ValueError("the model defines functions of its own, which are not supported")
    tensors = [*model.graph.initializer, *(entry.t for node in model.graph.node for entry in node.attribute)]
    if len(model.graph.sparse_initializer) or any(tensor.data_location or tensor.external_data for tensor in tensors):
        raise ValueError("the model keeps numbers outside its file, or sparse ones: only numbers in the file are read")
    kinds = [getattr(onnx.TensorProto, kind) for kind in ("FLOAT", "DOUBLE", "INT32", "INT64")]
    for tensor in model.graph.initializer:
        if tensor.data_type not in kinds:
            raise ValueError(f"{tensor.name} must hold float32, float64, int32 or int64, not type {tensor.data_type}")
    try:
        onnx.checker.check_model(model)
        arrays = _arrays(model.graph)
    except (onnx.checker.ValidationError, TypeError) as error:
        raise ValueError(f"the model is not a valid one: {error}") from error
    for name in {node.op_type for node in model.graph.node if node.op_type in ORDER}:
        version = onnx.defs.get_schema(name, versions[0], "").since_version
        if version not in READ:
            raise ValueError(f"version {version} of the operator {name} is not supported: {READ} are")
    return [_cell(node) for node in model.graph.node if node.op_type in ORDER], arrays


def _arrays(graph):
    onnx = _package()
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}


def _cell(node):
    """The cell, the direction and the layout of a node, from its attributes; ValueError for what no cell here does."""
    get = _package().helper.get_attribute_value
    attributes = {entry.name: get(entry) for entry in node.attribute}
    direction = attributes.pop("direction", b"forward").decode()
    layout = attributes.pop("layout", 0)
    attributes.pop("hidden_size", None)  # R says it
    if direction not in ("forward", "reverse", "bidirectional") or layout not in (0, 1):
        raise ValueError(f"direction {direction!r} with layout {layout} is not supported in {node.op_type}")
    S, wanted = 2 if direction == "bidirectional" else 1, ACTIVATIONS[node.op_type]
    # The RNN's default is written for two directions, whatever the direction.
    activations = [name.decode() for name in attributes.pop("activations", [])][: S * len(wanted)] or wanted * S
    relu = node.op_type == "RNN" and activations == ["Relu"] * S
    if activations != wanted * S and not relu:
        instead = f"they must be {', '.join(wanted * S)}" + ", or all Relu" * (node.op_type == "RNN")
        raise _unsupported(node, f"activations {', '.join(activations)}", instead)
    one_gate, reset_after = attributes.pop("input_forget", 0), attributes.pop("linear_before_reset", 0)
    peepholes = _names(node).get("P")
    if one_gate and peepholes:
        raise _unsupported(node, "input_forget together with peepholes P", "leave out one of them")
    if node.op_type == "RNN":
        cell = rnn_relu if relu else rnn
    elif node.op_type == "GRU":
        cell = gru if reset_after else gru_reset_before
    else:
        cell = coupled if one_gate else peephole if peepholes else lstm
    for name, value in attributes.items():
        if name not in ("activation_alpha", "activation_beta") or len(value):
            raise _unsupported(node, f"the attribute {name} = {value}", "leave it out")
    return cell, direction, layout


def _names(node):
    """What the node's inputs are called that it calls X, W, R and so on; those left out are missing."""
    return {ours: name for ours, name in zip(INPUTS[node.op_type], node.input, strict=False) if name}


def _unsupported(node, what, instead):
    return ValueError(f"{what} of the operator {node.op_type} is not supported: {instead}")


def _given(node, values):
    names = _names(node)
    for ours, name in names.items():
        if name not in values:
            raise ValueError(f"{ours} of the operator {node.op_type} must be an input or in the file, but is neither")
    return {ours: values[name] for ours, name in names.items()}


def _layer(node, cell, direction, arrays):
    """The Params of a node whose weights stand in the file."""
    names = _names(node)
    weights = {ours: names[ours] for ours in Weights._fields if ours in names}
    outside = [ours for ours, name in weights.items() if name not in arrays]
    if outside:
        raise ValueError(f"{', '.join(outside)} of the operator {node.op_type} must stand in the file: use run instead")
    fixed = [ours for ours, name in names.items() if ours not in weights and name in arrays]
    if fixed or direction == "reverse":
        what = f"{', '.join(fixed)} fixed in the file" if fixed else "direction 'reverse'"
        raise ValueError(f"{what} is no part of a network's weights: use run instead")
    params = weights_from_onnx(cell, **{ours: arrays[name] for ours, name in weights.items()})
    if isinstance(params, bidirectional.Params) != (direction == "bidirectional"):
        raise ValueError(f"direction is {direction!r}, but that is not how many directions W and R have")
    return params


def _fitting(cell, layers):
    """The Weights of each layer, once each is as wide as what it reads; else ValueError."""
    if not layers:
        raise ValueError("layers must hold the Params of at least one layer, but it is empty")
    weights = [weights_to_onnx(cell, params) for params in layers]
    S, _, H = weights[0].R.shape
    for layer, (W, R, _, _) in enumerate(weights[1:], 1):
        if R.shape != weights[0].R.shape or W.shape[2] != S * H or W.dtype != weights[0].W.dtype:
            raise ValueError(
                f"layer {layer} must have {S} directions of {H} units, read S·H = {S * H} features and be "
                f"{weights[0].W.dtype}, but it has {len(R)} of {R.shape[2]}, reads {W.shape[2]} and is {W.dtype}"
            )
    return weights


# torch


def from_module(module):
    """`cell` and `layers` of a module of lstmkit.torch: copies of its parameters, in NumPy.

    What is not a weight stays behind: dropout between layers, and batch_first.  A module without biases has zeros.
    Raises ValueError for a module that ONNX has no operator for, or that is neither float32 nor float64.
    """
    from lstmkit.torch import stack

    cells = [
        cell
        for cell, kind, options in _modules()
        if type(module) is kind and all(getattr(module, name) == value for name, value in options.items())
    ]
    if not cells:
        kinds = ", ".join(dict.fromkeys(kind.__name__ for _, kind, _ in _modules()))
        cure = " (its from_torch takes torch.nn's)" if type(module).__module__.startswith("torch.nn") else ""
        raise ValueError(f"module must be a {kinds} of lstmkit.torch{cure}, but it is {module!r}")
    if getattr(module, "proj_size", 0):
        raise ValueError(f"the operator LSTM has no projection, but proj_size is {module.proj_size}")
    kinds = {str(parameter.dtype) for parameter in module.parameters()}
    if not kinds <= {"torch.float32", "torch.float64"}:
        raise ValueError(f"module must be float32 or float64, but it is {', '.join(kinds)}: convert it with .float()")
    (cell,) = cells
    found = [
        cell.Params(*(tensor.detach().cpu().numpy().copy() for tensor in stack.params(module, cell, suffix)))
        for _, suffix in stack.suffixes(module)
    ]
    if module.bidirectional:
        found = [bidirectional.Params(*pair) for pair in zip(found[::2], found[1::2], strict=True)]
    return cell, found


def to_module(cell, layers):
    """The module of lstmkit.torch with these weights, time first and with biases.

    Raises ValueError for a cell that ONNX has no operator for, and layers that do not fit on top of each other.
    """
    import torch

    from lstmkit.torch import stack

    first = _fitting(cell, layers)[0]
    (S, _, D), H, dtype = first.W.shape, first.R.shape[2], torch.from_numpy(first.W).dtype
    kind, options = next((kind, options) for known, kind, options in _modules() if known is cell)
    module = kind(D, H, len(layers), bidirectional=S == 2, dtype=dtype, **options)
    found = [one for params in layers for one in (params if S == 2 else (params,))]
    state_dict = {
        f"{field}{suffix}": torch.from_numpy(np.array(value))
        for (_, suffix), params in zip(stack.suffixes(module), found, strict=True)
        for field, value in zip(cell.Params._fields, params, strict=True)
    }
    module.load_state_dict(state_dict)
    return module


def forward_on_torch(cell, layers, x, state=None, lengths=None):
    """hs (T, B, S·H) and the last State, each field (L·S, B, H), as lstmkit.numpy.stacked.forward, by lstmkit.torch."""
    import torch

    # Copies: an array from a file is read-only, which a tensor cannot be.
    first = None if state is None else tuple(torch.from_numpy(np.array(field)) for field in state)
    first = first[0] if first and len(first) == 1 else first
    lengths = None if lengths is None else torch.from_numpy(np.array(lengths))
    with torch.no_grad():
        hs, last = to_module(cell, layers)(torch.from_numpy(np.array(x)), first, lengths)
    last = last if isinstance(last, tuple) else (last,)
    return hs.numpy(), cell.State(*(field.numpy() for field in last))


def _modules():
    """(cell, class of lstmkit.torch, options of its constructor)."""
    from lstmkit import torch as ours
    from lstmkit.torch.gru_reset_before import ResetBeforeGRU

    return [
        (rnn, ours.RNN, {"nonlinearity": "tanh"}),
        (rnn_relu, ours.RNN, {"nonlinearity": "relu"}),
        (lstm, ours.LSTM, {}),
        (peephole, ours.PeepholeLSTM, {}),
        (coupled, ours.CoupledLSTM, {}),
        (gru, ours.GRU, {}),
        (gru_reset_before, ResetBeforeGRU, {}),
    ]


def _package():
    """The package onnx, which is imported where it is needed."""
    try:
        import onnx
        import onnx.checker
        import onnx.defs
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError('ONNX files need the package onnx: pip install "lstmkit[onnx]"') from error
    return onnx
