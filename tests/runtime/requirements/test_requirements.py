"""Will it run here: problems found in files that do not, none in files that do; readers that nothing gets past."""

import struct
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.tiny_files import flatbuffer, onnx_identity, tflite_with_op, tflite_with_type
from runtime.errors import BundleError
from runtime.requirements import engine_problem, file_problem, read_facts
from runtime.requirements.onnx import read_onnx
from runtime.requirements.tflite import read_tflite
from tests.bundles import MODELS

TFLITE_FILES = sorted(MODELS.glob("*.tflite"))
ONNX_FILES = sorted(MODELS.glob("*.onnx"))
NEWEST = {"litert": "2.3.0", "tflite-runtime": "2.14.0", "onnxruntime": "1.31.1"}


def problem_of(content, engine, version="newest", machine="x86_64"):
    """What `runtime.load` would say of a file; None where it would let an engine open it."""
    form = "onnx" if engine == "onnxruntime" else "tflite"
    try:
        facts = read_facts(content, form)
    except BundleError as error:
        return str(error)
    return file_problem(facts, engine, NEWEST[engine] if version == "newest" else version, machine)


@pytest.mark.parametrize("path", TFLITE_FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("engine", ["litert", "tflite-runtime"])
def test_nothing_speaks_against_what_runs(path, engine):
    assert problem_of(path.read_bytes(), engine) is None


@pytest.mark.parametrize("path", ONNX_FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("version", ["1.16.3", "1.20.1", "1.31.1", "99.0", None, "unknown"])
def test_nothing_speaks_against_an_onnx_file_that_runs(path, version):
    assert problem_of(path.read_bytes(), "onnxruntime", version) is None


@pytest.mark.parametrize(
    ("content", "engine", "version", "words"),
    [
        (tflite_with_op(9, 12), "tflite-runtime", "2.14.0",
         r"needs FULLY_CONNECTED version 12, tflite-runtime 2\.14\.0 has it up to version 10; run it with ai-edge"),
        (tflite_with_op(9, 14), "litert", "2.0.2", "has it up to version 13; run: pip install -U ai-edge-litert"),
        (tflite_with_op(206, 1), "tflite-runtime", "2.14.0", "STABLEHLO_COMPOSITE version 1, .* does not have it"),
        (tflite_with_op(250, 1), "litert", "2.3.0", "op 250 version 1, .* does not have it"),
        (tflite_with_type(18), "tflite-runtime", "2.14.0", "tensors of bfloat16, .* does not know them"),
        (tflite_with_type(99), "litert", "2.3.0", "tensors of type 99"),
        (onnx_identity(13, {"": 13}), "onnxruntime", "1.20.1", "IR version 13, onnxruntime 1.20.1 has up to 10"),
        (onnx_identity(8, {"": 21}), "onnxruntime", "1.16.0", "needs opset 21, .* has up to 19; .*older opset"),
        (onnx_identity(8, {"ai.onnx": 21}), "onnxruntime", "1.16.0", "needs opset 21"),
        (onnx_identity(8, {"": 13, "ai.onnx.ml": 4}), "onnxruntime", "1.16.0", "opset 4 of ai.onnx.ml"),
        (onnx_identity(8, {"": 13, "com.example": 1}, "Magic", "com.example"), "onnxruntime", "1.31.1",
         "the custom op 'Magic' of the domain 'com.example'"),
        (b"", "litert", "2.3.0", "truncated or damaged"),
        (b"", "onnxruntime", "1.31.1", "truncated or damaged"),
        (b"TFL3" * 100, "litert", "2.3.0", "the file .*; copy or export it again"),
        (b"not a model at all", "onnxruntime", "1.31.1", "the file .*; copy or export it again"),
    ],
)  # fmt: skip
def test_what_speaks_against_a_file_is_said_with_the_fix(content, engine, version, words):
    import re

    assert re.search(words, problem_of(content, engine, version) or "runs")


def test_an_unknown_or_newer_release_is_trusted_to_refuse_by_itself():
    content = tflite_with_op(9, 30)
    assert problem_of(content, "litert") and problem_of(content, "litert", "2.0.2")
    for version in ("9.1.0", "unknown", "nightly"):
        assert problem_of(content, "litert", version) is None


@pytest.mark.parametrize(
    ("engine", "version", "numpy", "words"),
    [
        (
            "tflite-runtime",
            "2.14.0",
            "2.1.0",
            "numpy 2.1.0; run: pip install 'numpy<2', or use ai-edge-litert",
        ),
        ("litert", "1.0.1", "2.0.0", "numpy 2.0.0; .*or pip install -U ai-edge-litert"),
        ("onnxruntime", "1.15.1", "1.26.4", "older than 1.16, .*; run: pip install -U onnxruntime"),
        ("tflite-runtime", "2.5.0", "1.26.4", "older than 2.14"),
        ("litert", "1.1.2", "2.1.0", None),
        ("onnxruntime", "1.16.3", "2.1.0", None),
        ("litert", None, "2.1.0", None),
        ("tflite-runtime", "2.14.0", "1.26.4", None),
    ],
)
def test_an_engine_that_cannot_work_here_is_named(engine, version, numpy, words):
    import re

    found = engine_problem(engine, version, numpy)
    assert found is None if words is None else re.search(words, found)


# --- .tflite: what the tensors say


def dense(weight_scales=1, input_type=0, weight_type=9, min_version=None, buffer=None, details=None):
    """A graph of one dense layer."""
    quantization = {2: ("f", [0.5] * weight_scales), 3: ("q", [0] * weight_scales)}
    if details is not None:
        quantization |= {4: ("B", details), 5: {0: ("I", 0)}}
    tensors = [
        {0: ("i", [1, 4]), 1: ("b", input_type), 3: b"x"},
        {0: ("i", [4, 4]), 1: ("b", weight_type), 3: b"w", 4: quantization},
        {0: ("i", [1, 4]), 1: ("b", 0), 3: b"y"},
    ]
    operator = {0: ("I", 0), 1: ("i", [0, 1, -1]), 2: ("i", [2]), 3: ("B", 8), 4: {0: ("b", 0)}}
    model = {
        0: ("I", 3), 1: [{0: ("b", 9), 2: ("i", 1)}],
        2: [{0: tensors, 1: ("i", [0]), 2: ("i", [2]), 3: [operator]}], 4: [{}, buffer or {}],
    }  # fmt: skip
    if min_version:
        model[4].append({0: ("B", list(min_version.encode()))})
        model[6] = [{0: b"min_runtime_version", 1: ("I", 2)}]
    return flatbuffer(model, b"TFL3")


def test_a_dense_layer_that_would_answer_garbage_is_found_by_its_tensors():
    content = dense(weight_scales=4)
    assert "scale for each channel" in problem_of(content, "tflite-runtime")
    assert "garbage" in problem_of(content, "tflite-runtime", "unknown")
    assert problem_of(content, "litert") is None and problem_of(content, "litert", "1.0.1") is None
    assert problem_of(dense(weight_scales=1), "tflite-runtime") is None
    assert (
        problem_of(dense(weight_scales=4, input_type=9), "tflite-runtime") is None
    )  # static int8 is right there


def test_the_version_that_a_converter_asks_for_is_kept():
    assert "needs TensorFlow Lite '2.17.0'" in problem_of(dense(min_version="2.17.0"), "tflite-runtime")
    assert problem_of(dense(min_version="2.14.0"), "tflite-runtime") is None
    assert problem_of(dense(min_version="2.17.0"), "litert") is None
    assert read_tflite(dense(min_version="1.5.0\0\0")).min_runtime_version == "1.5.0"


def test_weights_outside_of_the_file_are_refused():
    assert "weights lie behind its end" in problem_of(dense(buffer={1: ("Q", 4096), 2: ("Q", 64)}), "litert")
    elsewhere = {0: ("I", 3), 2: [{0: [{10: ("I", 1)}]}], 4: [{}]}
    assert "outside of itself" in problem_of(flatbuffer(elsewhere, b"TFL3"), "litert")


def test_weights_behind_the_flatbuffer_in_the_same_file_are_taken():
    content = dense(buffer={1: ("Q", 256), 2: ("Q", 64)})
    assert problem_of(content + bytes(1024 - len(content)), "litert") is None


def test_blockwise_scales_are_refused_where_nobody_reads_them():
    assert "scale for each block" in problem_of(dense(details=2), "tflite-runtime")
    assert problem_of(dense(details=2), "litert") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({0: ("I", 4)}, "schema version 4"),
        ({2: []}, "no graph"),
        ({2: [{0: [], 1: ("i", [0])}]}, "names a tensor that does not exist"),
        ({2: [{0: [{2: ("I", 9)}]}]}, "buffer does not exist"),
        ({2: [{3: [{0: ("I", 5)}]}]}, "operator's code does not exist"),
        ({6: [{0: b"m", 1: ("I", 7)}]}, "metadata names a buffer"),
        ({7: [{2: b"s", 4: ("I", 3)}]}, "signature's graph does not exist"),
        ({7: [{0: [{0: b"x", 1: ("I", 8)}]}]}, "signature names a tensor"),
    ],
)
def test_an_index_that_leads_nowhere_is_refused(change, words):
    model = {0: ("I", 3), 1: [{0: ("b", 9)}], 2: [{0: []}], 4: [{}]} | change
    with pytest.raises(BundleError, match=words):
        read_tflite(flatbuffer(model, b"TFL3"))


def test_many_offsets_to_one_table_end_soon():
    many = 400_000
    content = bytearray(flatbuffer({0: ("I", 3), 1: [{0: ("b", 9)}] * 2, 4: []}, b"TFL3"))
    # A vector of operator codes that all point to the first one.
    at = len(content) + (-len(content)) % 4
    content += bytes(at - len(content))
    root = struct.unpack_from("<I", content)[0]
    vtable = root - struct.unpack_from("<i", content, root)[0]
    place = root + struct.unpack_from("<H", content, vtable + 6)[0]
    old = place + struct.unpack_from("<I", content, place)[0]
    table = old + 4 + struct.unpack_from("<I", content, old + 4)[0]
    content += struct.pack("<I", many)
    content += b"".join(struct.pack("<I", (table - (at + 4 + 4 * index)) % 2**32) for index in range(many))
    struct.pack_into("<I", content, place, at - place)
    with pytest.raises(BundleError):
        read_tflite(bytes(content))


# --- no bytes do anything but get an answer


@pytest.mark.parametrize("path", TFLITE_FILES, ids=lambda path: path.name)
def test_no_truncated_tflite_file_is_let_through(path):
    sound = path.read_bytes()
    # The last bytes may be padding that nothing refers to.
    for size in (*range(0, 200), *range(200, len(sound) - 16, 97)):
        assert problem_of(sound[:size], "tflite-runtime"), size


@pytest.mark.tflite_runtime
def test_tflite_runtime_survives_every_damaged_file_that_is_let_through():
    """Without the reader, most of these kill the process; here it lives, whatever the engine then says."""
    program = (
        "import sys, random\n"
        "from runtime.backends import open_backend\n"
        "from runtime.errors import EdgeProofError\n"
        "sound = open(sys.argv[1], 'rb').read(); chance = random.Random(7); structure = len(sound) // 4\n"
        "for turn in range(400):\n"
        "    content = bytearray(sound)\n"
        "    if turn % 2: content = content[: chance.randrange(len(content) - 16)]\n"
        "    else: at = chance.randrange(len(content) - 64); content[at : at + 64] = bytes(64)\n"
        "    if bytes(content) == sound: continue\n"
        "    try: open_backend('tflite-runtime', bytes(content))\n"
        "    except EdgeProofError: pass\n"
        "print('alive')"
    )
    for path in TFLITE_FILES:
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
        )
        assert done.stdout.strip() == "alive", (path.name, done.returncode, done.stderr[-300:])


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=600), st.sampled_from(["litert", "tflite-runtime", "onnxruntime"]))
def test_any_bytes_get_an_answer(content, engine):
    assert problem_of(content, engine) is None or isinstance(problem_of(content, engine), str)
    problem_of(b"\x10\0\0\0TFL3" + content, engine)


CHANGES = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=8)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from([*TFLITE_FILES, *ONNX_FILES]), CHANGES, st.integers(0, 1 << 20))
def test_a_changed_file_gets_an_answer(path, changes, cut):
    content = bytearray(path.read_bytes())
    for at, new in changes:
        at %= len(content)
        content[at : at + len(new)] = new
    content = bytes(content[: cut % len(content)] if cut % 3 else content)
    engine = "onnxruntime" if path.suffix == ".onnx" else "tflite-runtime"
    found = problem_of(content, engine)
    assert found is None or found.isprintable()


# --- how a file computes, which decides about batches


@pytest.mark.parametrize(
    ("name", "hybrid", "int8"),
    [("image-float32", False, False), ("image-dynamic", True, False), ("image-int8", False, True)],
)
def test_the_kind_of_a_tflite_file_is_read_from_its_tensors(name, hybrid, int8):
    facts = read_tflite((MODELS / f"{name}.tflite").read_bytes())
    assert (facts.hybrid, facts.int8_activations) == (hybrid, int8)


def test_a_file_that_computes_in_both_ways_is_both():
    """As a mixed file does: one int8 layer, and one of floats with int8 weights."""
    weights = {0: ("i", [4, 4]), 1: ("b", 9), 2: ("I", 1), 4: {2: ("f", [0.5])}}
    tensors = [{0: ("i", [1, 4]), 1: ("b", 0)}, weights, {0: ("i", [1, 4]), 1: ("b", 9)}]
    operators = [
        {0: ("I", 0), 1: ("i", [0, 1]), 2: ("i", [0])},
        {0: ("I", 0), 1: ("i", [2, 1]), 2: ("i", [2])},
    ]
    for used, found in ((operators, (True, True)), (operators[1:], (False, True))):
        graph = {0: tensors, 1: ("i", [0]), 2: ("i", [0]), 3: used}
        model = {0: ("I", 3), 1: [{0: ("b", 9)}], 2: [graph], 4: [{}, {0: ("B", [1] * 16)}]}
        facts = read_tflite(flatbuffer(model, b"TFL3"))
        assert (facts.hybrid, facts.int8_activations) == found
    assert read_tflite(dense(weight_type=0)).hybrid is False


FLOATS, INTEGERS = {0: ("i", [1, 4]), 1: ("b", 0)}, {0: ("i", [4, 4]), 1: ("b", 9), 4: {2: ("f", [0.5, 0.5])}}
WHILE, IF, DENSE = {0: ("b", 119)}, {0: ("b", 118)}, {0: ("b", 9)}


def graphs(*several):
    """A file whose graphs have these operators; each has a tensor 0 of floats and a tensor 1 of int8."""
    made = [
        {0: [FLOATS, INTEGERS], 1: ("i", [0, 1]), 2: ("i", [0]), 3: list(operators)} for operators in several
    ]
    return flatbuffer({0: ("I", 3), 1: [WHILE, IF, DENSE], 2: made, 4: [{}]}, b"TFL3")


def call(first, second, code=0):
    """An operator that calls two graphs: a WHILE (code 0) or an IF (1)."""
    options = {0: ("i", first), 1: ("i", second)}
    return {0: ("I", code), 1: ("i", [0, 1]), 2: ("i", [0]), 3: ("B", 93 - code), 4: options}


def test_graphs_that_others_call_are_read_too():
    dense = {0: ("I", 2), 1: ("i", [0, 1]), 2: ("i", [0])}
    facts = read_tflite(graphs([call(1, 2)], [], [dense]))
    assert facts.hybrid and facts.hybrid_per_channel
    # A loop takes floats and int8 weights to hand them on: that alone is no hybrid kernel.
    facts = read_tflite(graphs([call(1, 2)], [], []))
    assert not facts.hybrid and not facts.hybrid_per_channel


@pytest.mark.parametrize("code", [0, 1], ids=["while", "if"])
def test_graphs_that_call_each_other_are_refused(code):
    """An engine calls them until the process ends."""
    deep = [[call(number + 1, number + 1, code)] for number in range(30)] + [[]]
    for several in (
        [[call(0, 1, code)], []],
        [[call(1, 2, code)], [], [call(2, 1, code)]],
        [[call(1, 1, code)], [call(2, 2, code)], [call(1, 2, code)]],
        deep,
    ):
        with pytest.raises(BundleError, match="has graphs that call graphs, more than 20 deep or each other"):
            read_tflite(graphs(*several))
    read_tflite(graphs(*deep[:15], []))
    for number in (2, -1, 99):
        with pytest.raises(BundleError, match="an operator calls a graph that does not exist"):
            read_tflite(graphs([call(1, number, code)], []))


@pytest.mark.parametrize(
    ("op", "domain", "dynamic"),
    [
        ("DynamicQuantizeLinear", "", True), ("DynamicQuantizeMatMul", "com.microsoft", True),
        ("DynamicQuantizeLSTM", "com.microsoft", True), ("DynamicQuantizeLinear", "far", False),
        ("QuantizeLinear", "", False),
    ],
)  # fmt: skip
def test_an_onnx_file_is_dynamic_by_its_ops(op, domain, dynamic):
    assert read_onnx(onnx_identity(8, {"": 13, "far": 1}, op, domain)).dynamic is dynamic


def test_a_word_in_a_name_makes_no_file_dynamic():
    model = onnx.load(MODELS / "image-float32.onnx")
    model.graph.node[0].name = "DynamicQuantizeLinear"
    assert read_onnx(model.SerializeToString()).dynamic is False


# --- .onnx


@pytest.mark.parametrize("path", ONNX_FILES, ids=lambda path: path.name)
def test_the_reader_finds_what_onnx_finds(path):
    model, found = onnx.load(path), read_onnx(path.read_bytes())
    assert found.ir_version == model.ir_version
    assert found.opsets == {entry.domain: entry.version for entry in model.opset_import}
    assert found.ops == {(node.domain, node.op_type) for node in nodes_of(model.graph)}
    assert not found.external and not found.functions


def nodes_of(graph):
    """The nodes of a graph and of those inside of it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from nodes_of(attribute.g)


def test_onnx_data_outside_of_the_file_is_refused():
    weights = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "w")
    weights.data_location = onnx.TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    for field in ("initializer", "attribute"):
        node = onnx.helper.make_node("Identity", ["x"], ["y"])
        initializers = [weights] if field == "initializer" else []
        if field == "attribute":
            node = onnx.helper.make_node("Constant", [], ["y"], value=weights)
        graph = onnx.helper.make_graph([node], "g", [], [], initializers)
        content = onnx.helper.make_model(graph).SerializeToString()
        assert "data in other files" in problem_of(content, "onnxruntime")


def test_ops_in_nested_graphs_and_functions_are_seen():
    inner = onnx.helper.make_graph([onnx.helper.make_node("Magic", [], ["z"], domain="far")], "inner", [], [])
    branch = onnx.helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    model = onnx.helper.make_model(onnx.helper.make_graph([branch], "g", [], []), ir_version=8)
    assert read_onnx(model.SerializeToString()).ops == {("", "If"), ("far", "Magic")}
    assert "domain 'far'" in problem_of(model.SerializeToString(), "onnxruntime")
    node = onnx.helper.make_node("Relu", ["a"], ["b"])
    own = onnx.helper.make_function("far", "Magic", ["a"], ["b"], [node], [onnx.helper.make_opsetid("", 13)])
    model.functions.append(own)
    del model.opset_import[:]
    model.opset_import.extend([onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("far", 1)])
    assert problem_of(model.SerializeToString(), "onnxruntime", "1.31.1") is None


def test_graphs_in_graphs_end_somewhere():
    graph = onnx.helper.make_graph([], "leaf", [], [])
    for _ in range(25):
        graph = onnx.helper.make_graph([onnx.helper.make_node("If", [], [], then_branch=graph)], "g", [], [])
    with pytest.raises(BundleError, match="graphs inside of graphs"):
        read_onnx(onnx.helper.make_model(graph).SerializeToString())


def integer_product(op, domain, zero_point, dtype=np.int8):
    """A file with one product of integers; `zero_point` is the name of the weights' zero point, None for no input."""
    before = {"MatMulInteger": ["x", "w", "x_zero"], "DynamicQuantizeMatMul": ["x", "w", "w_scale"],
              "MatMulIntegerToFloat": ["x", "w", "x_scale", "w_scale", "x_zero"]}[op]  # fmt: skip
    inputs = before if zero_point is None else [*before, zero_point]
    node = onnx.helper.make_node(op, inputs, ["y"], domain=domain)
    weights = onnx.numpy_helper.from_array(np.full((4, 4), 100, dtype), "w")
    opsets = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("com.microsoft", 1)]
    graph = onnx.helper.make_graph([node], "g", [], [], [weights])
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


@pytest.mark.parametrize(
    ("op", "domain"),
    [
        ("MatMulInteger", ""),
        ("DynamicQuantizeMatMul", "com.microsoft"),
        ("MatMulIntegerToFloat", "com.microsoft"),
    ],
)
def test_int8_weights_without_a_zero_point_are_refused_where_they_end_the_process(op, domain):
    for missing in (None, ""):
        content = integer_product(op, domain, missing)
        assert problem_of(content, "onnxruntime", "1.29.0") == (
            f"the int8 weights of {op} have no zero point: on x86-64 processors onnxruntime 1.29.0 ends the process or "
            "answers wrongly; run: pip install -U onnxruntime, or export it again with a zero point of 0"
        )
        assert problem_of(content, "onnxruntime", "1.30.0") is None
        assert problem_of(content, "onnxruntime", "1.29.0", machine="aarch64") is None
    assert problem_of(integer_product(op, domain, "w_zero"), "onnxruntime", "1.29.0") is None
    assert problem_of(integer_product(op, domain, None, np.uint8), "onnxruntime", "1.29.0") is None
