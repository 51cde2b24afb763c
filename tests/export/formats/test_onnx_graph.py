"""The clean-up of ONNX graphs sees what is inside Loop and If, and changes no answer."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.formats import onnx as onnx_format
from export.formats import onnx_graph
from export.formats import onnxruntime as engine
from export.formats.format import Conversion
from export.formats.onnx import ONNX
from export.formats.onnx_nodes import nodes
from export.formats.onnx_proof import quantized
from export.quantization.keep_in_float import before_weights
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import ConversionError
from tests.export.formats.records import record, tensors

RECORD = tensors({"rows": (4,)}, {"value": (1,)})
FLOAT, BOOL, INT64 = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


WEIGHTS = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)


def branch(name, factor, *, inner_if=None):
    """A branch of an If: x · factor + bias, where x and bias are of graphs around it; "y" is in both branches."""
    made = [
        helper.make_node("Mul", ["x", "factor"], ["y"], "n1"),
        helper.make_node("Add", ["y", "bias"], [f"{name}_out"], "n2"),
    ]
    return helper.make_graph(
        made, name, [], [value(f"{name}_out", FLOAT, None)], [constant("factor", np.float32(factor))]
    )


def model():
    """rows → preprocessing → MatMul → Loop(3 times: h · tanh + If) → MatMul.

    The body of the Loop takes the weights, "hidden" and "unused_inside" from the graph around it; the If in it takes
    "x" from the body and "bias" from the outermost graph, which is first used there.
    """
    choose = helper.make_node(
        "If", ["is_big"], ["chosen"], "n7",
        then_branch=branch("then", 0.5), else_branch=branch("else", 2.0),
    )  # fmt: skip
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["h", "weights"], ["product"], "n3"),
            helper.make_node("Tanh", ["product"], ["bent"], "n4"),
            helper.make_node("Add", ["bent", "hidden"], ["x"], "n5", doc_string="where it came from"),
            helper.make_node("ReduceMax", ["x"], ["highest"], "n6", keepdims=0),
            helper.make_node("Greater", ["highest", "one"], ["is_big"], "n9"),
            choose,
            helper.make_node("Identity", ["go_on"], ["goes_on"], "n8"),
        ],
        "body",
        [value("turn", INT64, []), value("go_on", BOOL, []), value("h", FLOAT, [None, 4])],
        [value("goes_on", BOOL, []), value("chosen", FLOAT, [None, 4])],
        [constant("one", np.float32(1))],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["rows", "mean"], ["scaled"], "m0"),
            helper.make_node("MatMul", ["scaled", "weights"], ["hidden"], "m1"),
            helper.make_node("Loop", ["turns", "", "hidden"], ["looped"], "m2", body=body),
            helper.make_node("MatMul", ["looped", "last"], ["value"], "m3"),
        ],
        "top",
        [value("rows", FLOAT, [None, 4])],
        [value("value", FLOAT, [None, 1])],
        [
            constant("mean", np.float32([[1, 2, 3, 4]])),
            constant("weights", WEIGHTS),
            constant("bias", np.float32([0.1, 0.2, 0.3, 0.4])),
            constant("turns", np.int64(3)),
            constant("last", WEIGHTS[:, :1].copy()),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answers(made):
    onnx.checker.check_model(made, full_check=True)
    rows = np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32)
    (found,) = engine.answers(made, {"rows": rows}, [made.graph.output[0].name]).values()
    return found


def names(made):
    """All names of tensors, each as often as it is made somewhere."""
    found = Counter()
    for graph in onnx_graph.graphs(made.graph):
        found.update(tensor.name for tensor in (*graph.input, *graph.initializer))
        found.update(name for node in graph.node for name in node.output if name)
    return found


def test_the_model_has_all_kinds_of_graphs_and_names_that_are_there_twice():
    made = model()
    assert {graph.name for graph in onnx_graph.graphs(made.graph)} == {"top", "body", "then", "else"}
    assert {name for name, count in names(made).items() if count > 1} == {"y", "factor"}


def test_names_follow_the_position_and_the_answers_stay():
    made = model()
    before = answers(made)
    onnx_graph.name_by_position(made)
    assert np.array_equal(answers(made), before)
    assert set(names(made).values()) == {1}
    nodes = [node.name for node in onnx_graph.nodes(made.graph)]
    assert len(set(nodes)) == len(nodes)
    assert {"MatMul_1", "Loop_2", "Loop_2/body/MatMul_1", "Loop_2/body/If_6/then_branch/Mul_0"} <= set(nodes)
    assert {"rows", "value", "MatMul_1:0", "MatMul_1.1", "Loop_2/body.2"} <= set(names(made))
    assert not any(node.doc_string for node in onnx_graph.nodes(made.graph))


def test_the_same_graph_under_other_names_becomes_the_same_file():
    other = model()
    for graph in onnx_graph.graphs(other.graph):
        for tensor in graph.initializer:
            tensor.name = f"run2/{tensor.name}"
        for node in graph.node:
            kept = {"rows", "turn", "go_on", "h", "goes_on", "chosen", "value", "then_out", "else_out", ""}
            node.input[:] = [name if name in kept else f"run2/{name}" for name in node.input]
            node.output[:] = [name if name in kept else f"run2/{name}" for name in node.output]
            node.name = f"run2/{node.name}"
    made = model()
    for each in (made, other):
        onnx_graph.name_by_position(each)
    assert other.SerializeToString(deterministic=True) == made.SerializeToString(deterministic=True)


def branches(order):
    """A graph whose nodes stand in an order of these numbers; 1 and 2, and 3 and 4, may change places."""
    made = [
        helper.make_node("Relu", ["x"], ["a"], "n0"),
        helper.make_node("Tanh", ["a"], ["b"], "n1"),
        helper.make_node("Relu", ["a"], ["c"], "n2"),
        helper.make_node("Relu", ["b"], ["d"], "n3"),
        helper.make_node("Relu", ["c"], ["e"], "n4"),
        helper.make_node("Sub", ["e", "d"], ["y"], "n5"),
    ]
    ends = [value("x", FLOAT, ["n", 3])], [value("y", FLOAT, ["n", 3])]
    graph = helper.make_graph([made[number] for number in order], "graph", *ends)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    "order", [(0, 1, 3, 2, 4, 5), (0, 1, 2, 3, 4, 5), (0, 2, 1, 4, 3, 5), (0, 2, 4, 1, 3, 5)]
)
def test_names_do_not_depend_on_which_branch_a_converter_puts_first(order):
    made = branches(order)
    onnx_graph.name_by_position(made)
    assert [(node.name, *node.input) for node in made.graph.node] == [
        ("Relu_0", "x"),
        ("Relu_1", "Relu_0:0"),
        ("Relu_2", "Relu_1:0"),
        ("Tanh_3", "Relu_0:0"),
        ("Relu_4", "Tanh_3:0"),
        ("Sub_5", "Relu_2:0", "Relu_4:0"),
    ]


def test_the_order_by_use_sees_what_the_inside_of_a_node_takes():
    made = model()
    before = answers(made)
    # The body takes "late" alone; the Loop itself has no input that must wait.
    made.graph.node[2].attribute[0].g.node[0].input[1] = "late"
    made.graph.node.append(helper.make_node("Identity", ["weights"], ["late"], "m4"))
    onnx_graph.order_by_use(made.graph)
    assert [node.name for node in made.graph.node] == ["m0", "m1", "m4", "m2", "m3"]
    assert np.array_equal(answers(made), before)


def test_what_a_node_takes_includes_what_is_inside_it():
    loop = model().graph.node[2]
    assert onnx_graph.taken(loop) == {"turns", "hidden", "weights", "bias"}


def test_sorting_sees_what_the_inside_of_a_node_takes():
    made = model()
    before = answers(made)
    nodes = list(made.graph.node)
    # The body takes "late" alone; the Loop itself has no input that must wait.
    late = helper.make_node("Identity", ["weights"], ["late"], "m4")
    nodes[2].attribute[0].g.node[0].input[1] = "late"
    del made.graph.node[:]
    made.graph.node.extend([*nodes, late])
    onnx_graph.sort(made.graph)
    assert [node.name for node in made.graph.node] == ["m0", "m1", "m4", "m2", "m3"]
    assert np.array_equal(answers(made), before)


def test_nodes_that_wait_for_each_other_are_an_error():
    made = model()
    made.graph.node[0].input[0] = "value"
    with pytest.raises(ValueError, match="wait for each other, or for what no node makes: m0, m1, m2, m3"):
        onnx_graph.sort(made.graph)
    with pytest.raises(ValueError, match="wait for each other, or for what no node makes: m"):
        onnx_graph.order_by_use(made.graph)


@pytest.fixture
def float32(tmp_path):
    """The model as the float32 conversion leaves it."""
    made = model()
    onnx_graph.name_by_position(made)
    path = tmp_path / "onnx-float32.onnx"
    onnx.save(made, path)
    return path


def test_float16_stays_close_and_keeps_its_preprocessing(float32, tmp_path):
    conversion = Conversion(float32, tmp_path / "half.onnx", RECORD)
    onnx_format.float16(conversion)
    made = onnx.load(conversion.destination)
    onnx_format.prove(conversion.destination, "float16")
    assert np.abs(answers(made) - answers(onnx.load(float32))).max() < 2e-2
    (scaled,) = [node for node in made.graph.node if node.op_type == "Sub"]
    assert scaled.input[0] == "rows"
    assert set(names(made).values()) == {1}


def test_a_cast_to_float16_and_back_goes_inside_a_loop_too(float32):
    made = onnx.load(float32)
    before = answers(made)
    body = next(body for node in made.graph.node for _, body in onnx_graph.bodies(node))
    tanh = body.node[1]
    body.node.insert(1, helper.make_node("Cast", [tanh.input[0]], ["down"], "c1", to=TensorProto.FLOAT16))
    body.node.insert(2, helper.make_node("Cast", ["down"], ["up"], "c2", to=FLOAT))
    body.node[3].input[0] = "up"
    assert not np.array_equal(answers(made), before)
    onnx_graph.keep_float32_chains(made)
    assert "Cast" not in {node.op_type for node in onnx_graph.nodes(made.graph)}
    assert np.array_equal(answers(made), before)


def test_a_cast_of_whole_numbers_to_float16_stays():
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["x"], ["sizes"]),
            helper.make_node("Cast", ["sizes"], ["half"], to=TensorProto.FLOAT16),
            helper.make_node("Cast", ["half"], ["y"], to=FLOAT),
        ],
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", FLOAT, [2])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx_graph.keep_float32_chains(made)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.zeros((2, 3), np.float32)})[0].tolist() == [2.0, 3.0]


def test_preprocessing_ends_where_weights_are_inside_a_node(float32):
    made = onnx.load(float32)
    assert before_weights(nodes(made)) == ["Sub_0"]
    matrix = made.graph.node[1]
    matrix.op_type = "Add"
    assert before_weights(nodes(made)) == ["Sub_0", "MatMul_1"]


def test_nodes_are_told_with_their_weights_and_what_is_inside_them(float32):
    found = {node.key: node for node in nodes(onnx.load(float32))}
    assert found["MatMul_1"].weights == 16 and found["Sub_0"].weights == 0
    assert found["Loop_2/body/MatMul_1"].weights == 16 and found["Loop_2/body/MatMul_1"].graph == 1
    assert found["Loop_2"].bodies == (1,)


def test_a_foreign_op_inside_a_loop_is_refused(float32):
    made = onnx.load(float32)
    next(node for node in onnx_graph.nodes(made.graph) if node.op_type == "Tanh").domain = "com.example"
    onnx.save(made, float32)
    with pytest.raises(ConversionError, match=r"needs the custom op com\.example:Tanh"):
        onnx_format.prove(float32, "float32")


def test_weights_inside_a_loop_are_of_the_scheme_too(float32):
    onnx_format.prove(float32, "float32")
    with pytest.raises(
        ConversionError, match="is not int8: its MatMul has activations computed, weights FLOAT"
    ):
        onnx_format.prove(float32, "int8", ())
    with pytest.raises(ConversionError, match="is not int8: none of its weights is INT8"):
        onnx_format.prove(float32, "int8")


SAMPLES = {"rows": np.random.default_rng(3).normal(size=(70, 4)).astype(np.float32)}


@pytest.mark.parametrize("scheme", ["dynamic", "int8"])
def test_weights_inside_a_loop_are_quantized_too(float32, tmp_path, scheme):
    ranges = ONNX.calibration.record_ranges(float32, SAMPLES)
    conversion = Conversion(float32, tmp_path / "small.onnx", RECORD, ranges)
    notes = ONNX.converters[scheme](conversion)
    ONNX.prove(conversion.destination, scheme)
    assert quantized(conversion.destination)[0] == quantized(conversion.destination)[1]
    gaps = np.abs(answers(onnx.load(conversion.destination)) - answers(onnx.load(float32)))
    assert np.median(gaps) < 0.1  # the If may go the other way for a row
    inside = "Inside loops, MatMul with weights of 8 bits compute in float32."
    assert (inside in notes) == (scheme == "int8")


def test_ranges_are_recorded_of_every_activation_that_has_one(float32):
    found = ONNX.calibration.record_ranges(float32, SAMPLES)
    wanted = ONNX.calibration.activations(float32)
    assert wanted == {"Sub_0:0", "MatMul_1:0", "Loop_2:0", "value"}
    assert wanted <= set(found)
    assert found["rows"] == pytest.approx((SAMPLES["rows"].min(), SAMPLES["rows"].max()))


def test_inputs_and_outputs_are_put_in_the_order_of_the_record():
    made = model()
    made.graph.input.append(helper.make_tensor_value_info("more", TensorProto.INT32, ["?"]))
    wanted = record(
        [InputRecord("tensor", "more", (2, 3), "int32"), InputRecord("tensor", "rows", (4,), "float")],
        [OutputRecord("value", (1,), "tensor")],
    )
    onnx_graph.declare(made.graph, wanted.inputs, wanted.outputs)
    (more, rows) = made.graph.input
    assert (more.name, rows.name) == ("more", "rows")
    sizes = [place.dim_param or place.dim_value for place in more.type.tensor_type.shape.dim]
    assert sizes == ["batch", 2, 3]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([InputRecord("tensor", "x", (4,), "float")], "the ONNX graph has the inputs rows; expected x alone"),
        (
            [InputRecord("tensor", "rows", (4,), "int32")],
            "the input rows of the ONNX graph is float32; expected int32",
        ),
    ],
)
def test_other_inputs_than_those_of_the_record_are_refused(inputs, message):
    with pytest.raises(ConversionError) as error:
        onnx_graph.declare(model().graph, inputs, RECORD.outputs)
    assert str(error.value) == message


def test_integers_have_no_range(float32):
    made = onnx.load(float32)
    made.graph.node.insert(0, helper.make_node("Shape", ["rows"], ["shape"], "s"))
    onnx.save(made, float32)
    assert "shape" not in ONNX.calibration.activations(float32)
