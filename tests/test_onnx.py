"""ONNX in and out, judged by the ONNX project's own node tests and by onnxruntime, which share no code with us."""

import importlib
import itertools
import subprocess
import sys

import numpy as np
import pytest

from lstmkit import onnx as ours
from lstmkit.numpy import (
    bidirectional,
    coupled,
    gru,
    gru_reset_before,
    lstm,
    no_input_gate,
    peephole,
    rnn,
    rnn_relu,
    stacked,
)

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

T, B, D, H = 7, 4, 3, 5
CELLS = {cell.__name__.rpartition(".")[2]: cell for cell, _, _ in ours.CELLS}
# Every test of the three operators that the package onnx 1.23 makes; what is added or dropped shows here.
NODE_TESTS = [
    "test_gru_batchwise",
    "test_gru_bidirectional",
    "test_gru_defaults",
    "test_gru_reverse",
    "test_gru_seq_length",
    "test_gru_with_initial_bias",
    "test_lstm_batchwise",
    "test_lstm_bidirectional",
    "test_lstm_defaults",
    "test_lstm_reverse",
    "test_lstm_with_initial_bias",
    "test_lstm_with_peepholes",
    "test_rnn_seq_length",
    "test_simple_rnn_batchwise",
    "test_simple_rnn_bidirectional",
    "test_simple_rnn_defaults",
    "test_simple_rnn_reverse",
    "test_simple_rnn_with_initial_bias",
]
UNSUPPORTED = {}  # name of a node test: why it cannot be expressed.  None.


@pytest.fixture(scope="module")
def node_tests():
    """The node tests of RNN, GRU and LSTM, by name."""
    package = importlib.import_module("onnx.backend.test.case.node")
    # These modules compute what they expect as they are imported, with np.dot, and OpenBLAS may raise the flag of an
    # invalid value though every number is finite (numpy issues 24067, 29194).  A NaN would fail the comparison below.
    with np.errstate(invalid="ignore"):
        for operator in ("rnn", "gru", "lstm"):
            importlib.import_module(f"onnx.backend.test.case.node.{operator}")
    wanted = {"RNN", "GRU", "LSTM"}
    return {case.name: case for case in package._NodeTestCases if {n.op_type for n in case.model.graph.node} & wanted}


@pytest.fixture(params=["numpy", "torch"])
def forward(request):
    """What computes a model: lstmkit.numpy or lstmkit.torch."""
    if request.param == "numpy":
        return stacked.forward
    pytest.importorskip("torch")
    return ours.forward_on_torch


def random_params(rng, cell, D=D, S=1, dtype=np.float32):
    """Params with nothing zero and nothing one; those of ReLU so small that nothing explodes."""
    scale = 0.2 if cell is rnn_relu else 0.6
    pair = [
        cell.Params(*(rng.normal(0, scale, field.shape).astype(dtype) for field in cell.init_params(rng, D, H)))
        for _ in range(S)
    ]
    return pair[0] if S == 1 else bidirectional.Params(*pair)


def random_layers(rng, cell, L, S, dtype=np.float32):
    return [random_params(rng, cell, D if layer == 0 else S * H, S, dtype) for layer in range(L)]


def random_inputs(rng, cell, L=1, S=1, dtype=np.float32):
    """x, a state and lengths, of which one is T."""
    x = rng.normal(size=(T, B, D)).astype(dtype)
    state = cell.State(*(rng.normal(0, 0.5, (L * S, B, H)).astype(dtype) for _ in cell.State._fields))
    lengths = rng.integers(1, T + 1, B).astype(np.int32)
    lengths[rng.integers(B)] = T
    return x, state, lengths


def onnxruntime_runs(model, feed):
    """All outputs by name."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([value.name for value in session.get_outputs()], session.run(None, feed), strict=True))


def node_model(op_type, arrays, outputs=("Y", "Y_h"), opset=14, stored=(), **attributes):
    """A model of one node, written without our code; the arrays named in `stored` stand in the file."""
    names = [name if name in arrays else "" for name in ours.INPUTS[op_type]]
    while not names[-1]:
        names.pop()
    make, number = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype
    attributes.setdefault("hidden_size", H)
    graph = make.make_graph(
        [make.make_node(op_type, names, list(outputs), **attributes)],
        "one",
        [make.make_tensor_value_info(k, number(v.dtype), v.shape) for k, v in arrays.items() if k not in stored],
        [make.make_tensor_value_info(k, onnx.TensorProto.FLOAT, [None] * (3 + (k == "Y"))) for k in outputs if k],
        [onnx.numpy_helper.from_array(arrays[name], name) for name in stored],
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=7)


def random_node(rng, op_type, S=1, peepholes=False):
    """Every input of a node, drawn at random."""
    G = len(ours.ORDER[op_type])
    shapes = {"X": (T, B, D), "W": (S, G * H, D), "R": (S, G * H, H), "B": (S, 2 * G * H), "initial_h": (S, B, H)}
    if op_type == "LSTM":
        shapes |= {"initial_c": (S, B, H)} | ({"P": (S, 3 * H)} if peepholes else {})
    scale = 0.2 if op_type == "RNN" else 0.6
    arrays = {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}
    lengths = rng.integers(1, T + 1, B).astype(np.int32)
    lengths[rng.integers(B)] = T
    return arrays | {"sequence_lens": lengths}


def assert_close(found, wanted, tolerance=1e-5):
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name].dtype == wanted[name].dtype
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=tolerance, err_msg=name)


def agree(found, wanted, tolerance=1e-3):
    return all(np.allclose(found[name], wanted[name], rtol=0, atol=tolerance) for name in wanted)


# The ONNX project's own tests


def test_the_list_of_node_tests_is_whole(node_tests):
    assert sorted(node_tests) == NODE_TESTS
    assert set(UNSUPPORTED) <= set(NODE_TESTS)


@pytest.mark.parametrize("name", NODE_TESTS)
def test_node_tests(name, node_tests, forward):
    case = node_tests[name]
    for inputs, outputs in case.data_sets:
        feed = dict(zip([value.name for value in case.model.graph.input], inputs, strict=True))
        if name in UNSUPPORTED:
            with pytest.raises(ValueError, match=UNSUPPORTED[name]):
                ours.run(case.model, feed, forward)
            continue
        found = ours.run(case.model, feed, forward)
        assert list(found) == [value.name for value in case.model.graph.output]
        for value, wanted in zip(found.values(), outputs, strict=True):
            assert value.dtype == wanted.dtype == np.float32
            np.testing.assert_allclose(value, wanted, rtol=case.rtol, atol=case.atol)


def test_no_node_test_sees_the_order_of_the_lstms_gates(node_tests, monkeypatch):
    """Their weights are constants, so that all gates are one; hence the random weights below."""
    cases = [case for name, case in node_tests.items() if name.startswith("test_lstm")]
    assert len(cases) == 6
    for order in itertools.permutations(range(4)):
        monkeypatch.setitem(ours.ORDER, "LSTM", order)
        for case in cases:
            (inputs, outputs), names = case.data_sets[0], [value.name for value in case.model.graph.input]
            found = ours.run(case.model, dict(zip(names, inputs, strict=True)))
            assert agree(dict(enumerate(found.values())), dict(enumerate(outputs)), 1e-5)


# One node, read by us and by onnxruntime


OPERATORS = {
    "RNN": ("RNN", {}),
    "RNN of ReLU": ("RNN", {"activations": ["Relu"]}),
    "LSTM": ("LSTM", {}),
    "LSTM with peepholes": ("LSTM", {}),
    "LSTM with input_forget": ("LSTM", {"input_forget": 1}),
    "GRU": ("GRU", {"linear_before_reset": 1}),
    "GRU reset before": ("GRU", {"linear_before_reset": 0}),
}


LEFT_OUT = [(), ("sequence_lens",), ("B", "initial_h"), ("initial_h", "initial_c", "sequence_lens")]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_node_computes_what_onnxruntime_does(operator, direction, rng, torch):
    (op_type, attributes), S = OPERATORS[operator], 1 + (direction == "bidirectional")
    arrays = random_node(rng, op_type, S, operator.endswith("peepholes"))
    if "activations" in attributes:
        attributes = {"activations": attributes["activations"] * S}
    outputs = ("Y", "Y_h", "Y_c")[: 2 + (op_type == "LSTM")]
    for left_out, opset in zip(LEFT_OUT, itertools.cycle(ours.READ), strict=False):
        given = {name: value for name, value in arrays.items() if name not in left_out}
        model = node_model(op_type, given, outputs, opset, direction=direction, **attributes)
        wanted = onnxruntime_runs(model, given)
        assert_close(ours.run(model, given), wanted)
        assert_close(ours.run(model, given, ours.forward_on_torch), wanted)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_layout_1_is_layout_0_with_axes_exchanged(operator, direction, forward, rng):
    (op_type, attributes), S = OPERATORS[operator], 1 + (direction == "bidirectional")
    arrays = random_node(rng, op_type, S, operator.endswith("peepholes"))
    attributes = {**attributes, "activations": attributes.get("activations", ours.ACTIVATIONS[op_type]) * S}
    outputs = ("Y", "Y_h", "Y_c")[: 2 + (op_type == "LSTM")]
    time_first = ours.run(node_model(op_type, arrays, outputs, direction=direction, **attributes), arrays, forward)
    turned = {
        name: np.ascontiguousarray(value.swapaxes(0, 1)) if name in ("X", "initial_h", "initial_c") else value
        for name, value in arrays.items()
    }
    model = node_model(op_type, turned, outputs, direction=direction, layout=1, **attributes)
    batch_first = ours.run(model, turned, forward)
    assert batch_first.pop("Y").transpose(1, 2, 0, 3) == pytest.approx(time_first.pop("Y"), abs=1e-6)
    for name, value in time_first.items():
        assert batch_first[name].swapaxes(0, 1) == pytest.approx(value, abs=1e-6)


def test_the_default_of_the_rnn_may_be_written_out(rng):
    """It names two activations, whatever the direction."""
    arrays = random_node(rng, "RNN")
    wanted = ours.run(node_model("RNN", arrays), arrays)
    found = ours.run(node_model("RNN", arrays, activations=["Tanh", "Tanh"]), arrays)
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_outputs_without_a_name_are_left_out(rng):
    arrays = random_node(rng, "LSTM")
    whole = ours.run(node_model("LSTM", arrays, ("Y", "Y_h", "Y_c")), arrays)
    found = ours.run(node_model("LSTM", arrays, ("", "", "Y_c")), arrays)
    assert list(found) == ["Y_c"]
    assert np.array_equal(found["Y_c"], whole["Y_c"])


# The order of the gates


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "GRU reset before"])
def test_every_wrong_order_of_the_gates_is_seen(operator, rng, monkeypatch):
    op_type, attributes = OPERATORS[operator]
    arrays = random_node(rng, op_type)
    model = node_model(op_type, arrays, **attributes)
    wanted = onnxruntime_runs(model, arrays)
    seen, right = 0, ours.ORDER[op_type]
    for order in itertools.permutations(range(len(right))):
        monkeypatch.setitem(ours.ORDER, op_type, order)
        assert agree(ours.run(model, arrays), wanted) == (order == right), order
        seen += order != right
    assert seen == {"LSTM": 23, "GRU": 5}[op_type]


def test_every_wrong_order_of_the_peepholes_is_seen(rng, monkeypatch):
    arrays = random_node(rng, "LSTM", peepholes=True)
    model = node_model("LSTM", arrays)
    wanted, right = onnxruntime_runs(model, arrays), ours.PEEPHOLES
    for order in itertools.permutations(range(3)):
        monkeypatch.setattr(ours, "PEEPHOLES", order)
        assert agree(ours.run(model, arrays), wanted) == (order == right), order


@pytest.mark.parametrize("name", ["lstm", "peephole", "coupled", "gru", "gru_reset_before"])
def test_every_wrong_order_is_seen_in_what_is_written(name, rng, monkeypatch):
    cell = CELLS[name]
    layers, (x, _, _) = random_layers(rng, cell, 1, 1), random_inputs(rng, cell)
    hs = stacked.forward(cell, layers, x)[0]
    op_type, _ = ours.operator(cell)
    right = ours.ORDER[op_type]
    for order in itertools.permutations(range(len(right))):
        monkeypatch.setitem(ours.ORDER, op_type, order)
        assert agree(onnxruntime_runs(ours.to_model(cell, layers), {"x": x}), {"hs": hs}) == (order == right), order


# Networks that we write


@pytest.mark.parametrize(("L", "S"), [(1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("name", CELLS)
def test_onnxruntime_computes_what_our_module_does(name, L, S, rng, torch):
    cell = CELLS[name]
    layers, (x, state, lengths) = random_layers(rng, cell, L, S), random_inputs(rng, cell, L, S)
    module = ours.to_module(cell, layers)
    for with_state, with_lengths in itertools.product([False, True], repeat=2):
        model = ours.to_model(cell, layers, state=with_state, lengths=with_lengths)
        onnx.checker.check_model(model, full_check=True)
        feed = {"x": x} | ({"lengths": lengths} if with_lengths else {})
        if with_state:
            feed |= {f"{field}_0": value for field, value in state._asdict().items()}
        hx = tuple(map(torch.from_numpy, state)) if with_state else None
        hx = hx[0] if with_state and len(hx) == 1 else hx
        with torch.no_grad():
            hs, last = module(torch.from_numpy(x), hx, lengths if with_lengths else None)
        last = last if isinstance(last, tuple) else (last,)
        wanted = {"hs": hs, **{f"{field}_n": value for field, value in zip(cell.State._fields, last, strict=True)}}
        wanted = {key: value.numpy() for key, value in wanted.items()}
        assert_close(onnxruntime_runs(model, feed), wanted)
        assert_close(ours.run(model, feed), wanted)
        assert_close(ours.run(model, feed, ours.forward_on_torch), wanted)
        assert hs.shape == (T, B, S * H)
        assert last[0].shape == (L * S, B, H)


@pytest.mark.parametrize(("L", "S"), [(2, 1), (3, 2)])
@pytest.mark.parametrize("name", [name for name in CELLS if name != "rnn_relu"])  # the evaluator has no ReLU
def test_onnxs_own_evaluator_agrees_in_float64(name, L, S, rng):
    """The evaluator, onnx.reference, does not look at input_forget: the coupled cell must not need it."""
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    cell = CELLS[name]
    layers, (x, state, _) = random_layers(rng, cell, L, S, np.float64), random_inputs(rng, cell, L, S, np.float64)
    feed = {"x": x, **{f"{field}_0": value for field, value in state._asdict().items()}}
    found = evaluator(ours.to_model(cell, layers, state=True)).run(None, feed)
    hs, last, _ = stacked.forward(cell, layers, x, state)
    assert_close(dict(enumerate(found)), dict(enumerate((hs, *last))), 1e-12)


def test_steps_and_sequences_are_free(rng):
    layers = random_layers(rng, peephole, 2, 2)
    model = ours.to_model(peephole, layers)
    for shape in [(1, 1, D), (13, 1, D), (2, 9, D)]:
        x = rng.normal(size=shape).astype(np.float32)
        hs, last, _ = stacked.forward(peephole, layers, x)
        assert_close(onnxruntime_runs(model, {"x": x}), {"hs": hs, "h_n": last.h, "c_n": last.c})


def test_two_halves_equal_the_whole_in_onnxruntime(rng):
    layers, (x, state, _) = random_layers(rng, gru, 2, 1), random_inputs(rng, gru, 2)
    model = ours.to_model(gru, layers, state=True)
    whole = onnxruntime_runs(model, {"x": x, "h_0": state.h})
    first = onnxruntime_runs(model, {"x": x[:3], "h_0": state.h})
    second = onnxruntime_runs(model, {"x": x[3:], "h_0": first["h_n"]})
    assert np.concatenate([first["hs"], second["hs"]]) == pytest.approx(whole["hs"], abs=1e-6)
    assert second["h_n"] == pytest.approx(whole["h_n"], abs=1e-6)


def test_a_coupled_network_needs_no_runtime_that_knows_input_forget(rng):
    layers, (x, _, _) = random_layers(rng, coupled, 2, 2), random_inputs(rng, coupled)
    model = ours.to_model(coupled, layers)
    wanted = onnxruntime_runs(model, {"x": x})
    for node in model.graph.node:
        kept = [entry for entry in node.attribute if entry.name != "input_forget"]
        del node.attribute[:]
        node.attribute.extend(kept)
    assert_close(onnxruntime_runs(model, {"x": x}), wanted)


def test_the_files_say_their_opset_and_it_is_an_old_one(rng):
    model = ours.to_model(lstm, random_layers(rng, lstm, 1, 1))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", ours.OPSET)] == [("", 14)]
    assert model.ir_version == ours.IR_VERSION == 7
    assert model.producer_name == "lstmkit"


# Round trips


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("S", [1, 2])
@pytest.mark.parametrize("name", CELLS)
def test_weights_come_back_exactly(name, S, dtype, rng):
    cell = CELLS[name]
    params = random_params(rng, cell, S=S, dtype=dtype)
    written = ours.weights_to_onnx(cell, params)
    assert (written.P is not None) == (cell is peephole)
    back = ours.weights_from_onnx(cell, *written)
    assert_same_layers(cell, [back], [params])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("L", "S"), [(1, 1), (3, 2)])
@pytest.mark.parametrize("name", CELLS)
def test_files_come_back_exactly(name, L, S, dtype, rng, tmp_path, torch):
    cell, path = CELLS[name], tmp_path / "net.onnx"
    layers = random_layers(rng, cell, L, S, dtype)
    for with_state, with_lengths in itertools.product([False, True], repeat=2):
        ours.save(path, cell, layers, with_state, with_lengths)
        found, back = ours.load(path)
        assert found is cell
        assert_same_layers(cell, back, layers)
    module = ours.to_module(cell, back)
    assert_same_layers(cell, ours.from_module(module)[1], layers)
    assert all(value.dtype == getattr(torch, np.dtype(dtype).name) for value in module.parameters())


@pytest.mark.parametrize("name", CELLS)
def test_biases_and_peepholes_left_out_are_zero(name, rng):
    cell = CELLS[name]
    params = random_params(rng, cell)
    W, R, *_ = ours.weights_to_onnx(cell, params)
    zeros = cell.Params(*(np.zeros_like(field) for field in params))
    assert_same_layers(cell, [ours.weights_from_onnx(cell, W, R)], [zeros._replace(W_x=params.W_x, W_h=params.W_h)])


def test_what_a_module_learns_later_does_not_show(torch):
    from lstmkit.torch import LSTM

    module = LSTM(D, H, 2)
    _, layers = ours.from_module(module)
    before = [type(params)(*map(np.copy, params)) for params in layers]
    with torch.no_grad():
        for value in module.parameters():
            value += 1
    assert_same_layers(lstm, layers, before)


def assert_same_layers(cell, found, wanted):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert type(one) is type(other)
        pairs = zip(one, other, strict=True) if isinstance(one, bidirectional.Params) else [(one, other)]
        for ours_again, given in pairs:
            assert type(ours_again) is cell.Params
            for a, b in zip(ours_again, given, strict=True):
                assert a.dtype == b.dtype
                assert np.array_equal(a, b)
                assert not np.shares_memory(a, b)


def test_a_module_without_biases_has_zeros(torch, tmp_path, rng):
    from lstmkit.torch import GRU

    module = GRU(D, H, 2, bias=False, bidirectional=True, batch_first=True, dropout=0.5).eval()
    ours.save(tmp_path / "net.onnx", *ours.from_module(module))
    back = ours.to_module(*ours.load(tmp_path / "net.onnx"))
    assert (back.bias, back.batch_first, back.dropout) == (True, False, 0.0)
    x = torch.from_numpy(rng.normal(size=(T, B, D)).astype(np.float32))
    (hs, h_n), (hs_batch_first, wanted) = back(x), module(x.transpose(0, 1))
    assert torch.allclose(hs, hs_batch_first.transpose(0, 1), atol=1e-6)
    assert torch.allclose(h_n, wanted, atol=1e-6)


@pytest.mark.parametrize("S", [1, 2])
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_single_node_is_loaded_as_a_network(operator, S, rng):
    (op_type, attributes), direction = OPERATORS[operator], ["forward", "bidirectional"][S - 1]
    arrays = random_node(rng, op_type, S, operator.endswith("peepholes"))
    if "activations" in attributes:
        attributes = {"activations": attributes["activations"] * S}
    stored = [name for name in ("W", "R", "B", "P") if name in arrays]
    model = node_model(op_type, arrays, stored=stored, direction=direction, **attributes)
    cell, layers = ours.from_model(model)
    state = cell.State(*(arrays[f"initial_{field}"] for field in cell.State._fields))
    hs, last, _ = stacked.forward(cell, layers, arrays["X"], state, arrays["sequence_lens"])
    wanted = onnxruntime_runs(model, {name: value for name, value in arrays.items() if name not in stored})
    assert hs.reshape(T, B, S, H).swapaxes(1, 2) == pytest.approx(wanted["Y"], abs=1e-5)
    assert last.h == pytest.approx(wanted["Y_h"], abs=1e-5)


def test_nothing_given_is_modified(rng):
    arrays = random_node(rng, "LSTM", 2, peepholes=True)
    copies = {name: value.copy() for name, value in arrays.items()}
    ours.run(node_model("LSTM", arrays, direction="bidirectional"), arrays)
    layers = random_layers(rng, coupled, 2, 1)
    before = [type(params)(*map(np.copy, params)) for params in layers]
    ours.to_model(coupled, layers)
    assert all(np.array_equal(arrays[name], copies[name]) for name in arrays)
    assert_same_layers(coupled, before, layers)


# What is refused


REFUSED = [
    ("LSTM", {"clip": 3.0}, "the attribute clip = 3.0 of the operator LSTM is not supported: leave it out"),
    ("LSTM", {"activations": ["Sigmoid", "Relu", "Tanh"]}, "they must be Sigmoid, Tanh, Tanh"),
    ("GRU", {"activations": ["HardSigmoid", "Tanh"]}, "activations HardSigmoid, Tanh of the operator GRU is not"),
    ("GRU", {"activations": ["Sigmoid", "Relu"]}, "they must be Sigmoid, Tanh"),
    ("RNN", {"activations": ["Elu"]}, "they must be Tanh, or all Relu"),
    ("RNN", {"activation_alpha": [0.5]}, "the attribute activation_alpha"),
    ("GRU", {"activation_beta": [0.5]}, "the attribute activation_beta"),
    ("LSTM", {"direction": "sideways"}, "direction 'sideways' with layout 0 is not supported"),
    ("LSTM", {"layout": 2}, "layout 2 is not supported"),
    ("LSTM", {"direction": "bidirectional"}, "W and R have 1 directions"),
    ("LSTM", {"opset": 6}, "of one opset from 7 to"),
    ("LSTM", {"opset": 1000}, "which the|the last that the installed onnx"),
    ("LSTM", {"gain": 2}, "the model is not a valid one"),
]


@pytest.mark.parametrize(("op_type", "attributes", "message"), REFUSED)
def test_what_no_cell_here_does_is_refused(op_type, attributes, message, rng):
    arrays = random_node(rng, op_type)
    with pytest.raises(ValueError, match=message):
        ours.run(node_model(op_type, arrays, **attributes), arrays)


def test_one_relu_and_one_tanh_direction_are_refused(rng):
    arrays = random_node(rng, "RNN", 2)
    with pytest.raises(ValueError, match="they must be Tanh, Tanh, or all Relu"):
        ours.run(node_model("RNN", arrays, direction="bidirectional", activations=["Tanh", "Relu"]), arrays)


def test_coupled_gates_with_peepholes_are_refused(rng):
    arrays = random_node(rng, "LSTM", peepholes=True)
    with pytest.raises(ValueError, match="input_forget together with peepholes P"):
        ours.run(node_model("LSTM", arrays, input_forget=1), arrays)


def test_other_operators_are_refused(rng):
    arrays = random_node(rng, "LSTM")
    model = node_model("LSTM", arrays)
    model.graph.node[0].domain = "com.example"
    with pytest.raises(ValueError, match=r"the operator 'LSTM' of the domain 'com\.example' is not supported"):
        ours.run(model, arrays)
    model.graph.node[0].domain = ""
    model.graph.node[0].op_type = "Loop"
    with pytest.raises(ValueError, match="the operator 'Loop' is not supported"):
        ours.run(model, arrays)
    del model.graph.node[:]
    with pytest.raises(ValueError, match="no node RNN, LSTM or GRU"):
        ours.run(model, arrays)


def test_functions_that_a_model_defines_are_refused(rng):
    model = ours.to_model(lstm, random_layers(rng, lstm, 1, 1))
    made = onnx.helper.make_function("", "LSTM", ["X"], ["Y"], [], [onnx.helper.make_opsetid("", 14)])
    model.functions.append(made)
    with pytest.raises(ValueError, match="functions of its own"):
        ours.from_model(model)


def test_numbers_outside_the_file_are_not_looked_for(rng, tmp_path):
    model = ours.to_model(lstm, random_layers(rng, lstm, 1, 1))
    (tmp_path / "secret").write_bytes(b"\0" * 4096)
    for tensor in model.graph.initializer:
        if tensor.name == "W_l0":
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="secret")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="keeps numbers outside its file"):
        ours.load(tmp_path / "net.onnx")


def test_a_graph_that_is_nearly_ours_is_refused(rng):
    layers = random_layers(rng, lstm, 2, 2)

    def changed(change):
        model = ours.to_model(lstm, layers, state=True)
        change(model)
        with pytest.raises(ValueError, match="the graph is neither a single node"):
            ours.from_model(model)

    nodes = {node.op_type: k for k, node in enumerate(ours.to_model(lstm, layers, state=True).graph.node)}
    changed(lambda model: model.graph.node[nodes["Transpose"]].attribute[0].ints.__setitem__(slice(None), [0, 1, 2, 3]))
    changed(lambda model: model.graph.node[nodes["Concat"]].input.reverse())
    changed(lambda model: model.graph.node[nodes["Split"]].output.reverse())

    def other_split(model):
        (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == "directions")
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.array([1, 3]), "directions"))

    changed(other_split)


def test_cells_of_two_kinds_are_refused(rng):
    model = ours.to_model(lstm, random_layers(rng, lstm, 2, 1))
    second = [node for node in model.graph.node if node.op_type == "LSTM"][1]
    second.attribute.append(onnx.helper.make_attribute("input_forget", 1))
    with pytest.raises(ValueError, match="the graph is neither a single node"):
        ours.from_model(model)


def test_what_from_model_cannot_take_is_said(rng):
    arrays = random_node(rng, "GRU")
    weights = ["W", "R", "B"]
    with pytest.raises(ValueError, match="W, R, B of the operator GRU must stand in the file: use run instead"):
        ours.from_model(node_model("GRU", arrays, linear_before_reset=1))
    with pytest.raises(ValueError, match="direction 'reverse' is no part of a network's weights"):
        ours.from_model(node_model("GRU", arrays, stored=weights, direction="reverse", linear_before_reset=1))
    with pytest.raises(ValueError, match="initial_h fixed in the file is no part of"):
        ours.from_model(node_model("GRU", arrays, stored=[*weights, "initial_h"], linear_before_reset=1))


def test_inputs_that_are_missing_or_unknown_are_named(rng):
    arrays = random_node(rng, "LSTM")
    model = node_model("LSTM", arrays)
    del arrays["R"]
    with pytest.raises(ValueError, match="but R missing and Q unknown"):
        ours.run(model, {**arrays, "Q": arrays["W"]})


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("W", (1, 4 * H, D + 1), "W_x|x must have shape|params"),
        ("R", (1, 4 * H + 1, H), "R must have shape"),
        ("B", (1, 4 * H), "B must have shape"),
        ("P", (1, 4 * H), "P must have shape"),
        ("initial_h", (B, H), "initial_h must have shape"),
        ("initial_c", (1, B, H + 1), "initial_c must have shape"),
        ("X", (T, D), "X must have three axes"),
    ],
)
def test_wrong_shapes_are_named(name, shape, message, rng):
    arrays = random_node(rng, "LSTM", peepholes=True)
    arrays[name] = rng.normal(size=shape).astype(np.float32)
    with pytest.raises(ValueError, match=message):
        ours.run(node_model("LSTM", arrays), arrays)


def test_weights_that_do_not_fit_are_refused(rng):
    params = random_params(rng, lstm)
    W, R, B, _ = ours.weights_to_onnx(lstm, params)
    with pytest.raises(ValueError, match=r"P holds peepholes, but lstmkit\.numpy\.lstm has none"):
        ours.weights_from_onnx(lstm, W, R, B, np.ones((1, 3 * H), np.float32))
    with pytest.raises(ValueError, match="1 or 2 directions"):
        ours.weights_from_onnx(lstm, np.repeat(W, 3, 0), np.repeat(R, 3, 0))
    with pytest.raises(ValueError, match="float32"):
        ours.weights_from_onnx(lstm, W.astype(np.float64), R)
    with pytest.raises(ValueError, match=r"ONNX has an operator for the cells rnn, .* but not for .*no_input_gate"):
        ours.weights_to_onnx(no_input_gate, no_input_gate.init_params(rng, D, H))
    with pytest.raises(ValueError, match="at least one layer"):
        ours.to_model(lstm, [])
    with pytest.raises(ValueError, match="layer 1 must have 1 directions of 5 units, read"):
        ours.to_model(lstm, [params, params])


def test_modules_that_onnx_has_no_operator_for_are_refused(torch):
    from lstmkit.torch import LSTM, LSTM97, NoInputGateLSTM

    for module in (NoInputGateLSTM(D, H), LSTM97(D, H), torch.nn.Linear(D, H)):
        with pytest.raises(ValueError, match="module must be a RNN, LSTM"):
            ours.from_module(module)
    with pytest.raises(ValueError, match=r"its from_torch takes torch\.nn's"):
        ours.from_module(torch.nn.LSTM(D, H))
    with pytest.raises(ValueError, match=r"convert it with \.float\(\)"):
        ours.from_module(LSTM(D, H).bfloat16())


def test_damaged_files_raise_value_error_and_nothing_else(rng, tmp_path):
    path = tmp_path / "net.onnx"
    ours.save(path, peephole, random_layers(rng, peephole, 1, 2), state=True, lengths=True)
    whole = path.read_bytes()
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(len(damaged))]
        # Half of the blows fall where names and attributes stand, before the numbers.
        end = len(damaged) if rng.random() < 0.5 else min(len(damaged), 700)
        for place in rng.integers(max(end, 1), size=rng.integers(1, 6)):
            if place < len(damaged):
                damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            ours.load(path)
        except ValueError:
            refused += 1
    assert refused > 15
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"net\.onnx is no ONNX file"):
        ours.load(path)


# Imports


def test_importing_it_imports_neither_onnx_nor_torch():
    code = "import sys, lstmkit.onnx; print({name.split('.')[0] for name in sys.modules} & {'onnx', 'torch'})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_without_onnx_weights_still_turn_and_the_cure_is_named(rng, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    params = random_params(rng, peephole, S=2)
    assert_same_layers(peephole, [ours.weights_from_onnx(peephole, *ours.weights_to_onnx(peephole, params))], [params])
    for attempt in (lambda: ours.to_model(peephole, [params]), lambda: ours.load(tmp_path / "net.onnx")):
        with pytest.raises(ImportError, match=r'pip install "lstmkit\[onnx\]"'):
            attempt()


def test_every_operator_has_its_cells():
    assert {cell for cell, _, _ in ours.CELLS} >= {rnn, rnn_relu, lstm, peephole, coupled, gru, gru_reset_before}
    assert {op_type for _, op_type, _ in ours.CELLS} == set(ours.ORDER) == set(ours.INPUTS) == set(ours.ACTIVATIONS)
