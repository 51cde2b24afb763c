"""Every committed model, without any data: its layers are found, and a fault in one of them is ranked first.

With `-s` it prints the figures of docs/diagnose.md.
"""

import zlib
from collections import Counter

import numpy as np
import pytest

from data.original import read_original
from export.diagnosis.layer_map import layer_maps
from export.diagnosis.loss import losses, places, ranking
from tests.conftest import MODELS, ROOT, WITHOUT_DATA, shared_export
from tests.export.diagnosis.faults import FAULTS, FILES
from tests.export.diagnosis.matched import wrong

pytestmark = pytest.mark.conversion
SUFFIXES = {"tflite": ".tflite", "onnx": ".onnx"}
NAMES = sorted(path.parent.name for path in (ROOT / "artifacts").glob("*/training.json"))
COMMITTED = [name for name in NAMES if (ROOT / "artifacts" / name / "model.keras").exists()]
LEAST_FOUND, LEAST_FIRST = 0.98, 0.95
SAMPLES = 16
LAYERS = 2  # of each model and format that faults are put into
# A fault that does not double a layer's own error is none: a column that the samples never reach.
LEAST_DB = 3.0


class Exported:
    """A committed model's files of both formats, its layers in them, and its golden inputs."""

    def __init__(self, bundle, folder):
        self.original = read_original(ROOT / "artifacts" / bundle.parent.name)
        self.int8 = {
            each: (bundle / f"{each}-int8{suffix}").read_bytes() for each, suffix in SUFFIXES.items()
        }
        content = {
            each: (bundle / f"{each}-float32{suffix}").read_bytes() for each, suffix in SUFFIXES.items()
        }
        files = {each: (content[each], FILES[each](content[each])) for each in SUFFIXES}
        self.reference = {each: file for each, (_, file) in files.items()}
        self.calls = layer_maps(self.original, files, folder)
        golden, _ = self.original.golden()
        self.feeds = {
            taken.name: np.asarray(golden[taken.name])[:SAMPLES].astype(taken.tensor.dtype)
            for taken in self.original.record.inputs
        }

    def rows(self, format_, content):
        file = FILES[format_](content)
        return losses(self.calls[format_], self.reference[format_], file, self.feeds)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    # The same exports as those for the boards, which need no data either.
    others = shared_export("others", *sorted(set(COMMITTED) - set(MODELS)), **WITHOUT_DATA)
    four = shared_export("four", *MODELS)
    assert (four.code, others.code) == (0, 0), four.stdout + others.stdout
    bundles = {path.parent.name: path for out in (four.out, others.out) for path in out.glob("*/bundle")}
    assert set(bundles) >= set(COMMITTED)
    folder = tmp_path_factory.mktemp("maps")
    return {name: Exported(bundles[name], folder / name) for name in COMMITTED}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("format_", FAULTS)
def test_the_calls_of_all_models_are_found_and_none_wrongly(exports, format_):
    calls = {name: exported.calls[format_] for name, exported in exports.items()}
    every = [call for found in calls.values() for call in found]
    ways = Counter(call.match.how for call in every)
    print(f"\n{format_}: {len(every)} calls of {len(calls)} models: {dict(sorted(ways.items()))}")
    found = [call for call in every if call.match.how != "unused"]  # in a tensor, or folded into one
    assert len(every) > 300 and len(found) / len(every) >= LEAST_FOUND
    assert {
        name: against
        for name, found in calls.items()
        if (against := wrong(found, exports[name].reference[format_]))
    } == {}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("format_", FAULTS)
def test_a_fault_is_ranked_first(exports, format_):
    put, first = Counter(), Counter()
    missed = []
    for name, exported in exports.items():
        for layer, kind, rows, whole in faults(exported, name, format_):
            own = {row.name: row.own_sqnr_db for row in rows}[layer]
            if own <= {row.name: row.own_sqnr_db for row in whole}[layer] - LEAST_DB:
                put[kind] += 1
                first[kind] += ranking(rows)[0].name == layer
                if ranking(rows)[0].name != layer:
                    missed.append((name, layer, kind, ranking(rows)[0].name))
    print(f"\n{format_}: " + ", ".join(f"{kind} {first[kind]} of {put[kind]} first" for kind in sorted(put)))
    assert all(put[kind] >= 20 for kind in FAULTS[format_]), put
    assert first.total() >= LEAST_FIRST * put.total(), (first, put, missed)


def faults(exported, name, format_):
    """Of some layers and each kind of fault: the layer, the kind, the rows with it, and those without."""
    content = exported.int8[format_]
    variant = FILES[format_](content)
    whole = exported.rows(format_, content)
    calls = exported.calls[format_]
    weighted = [
        place
        for place in places(calls, exported.reference[format_], variant)
        if place.owner is not None and variant.grid(place.stored) and calls[place.owner].parameters
    ]
    random = np.random.default_rng(zlib.crc32(f"{name} {format_}".encode()))
    for number in random.permutation(len(weighted))[:LAYERS]:
        place = weighted[number]
        for kind, fault in FAULTS[format_].items():
            channel = [int(random.integers(1000))] if kind == "column" else []
            broken = fault(content, place.stored, *channel)
            if broken is None:  # no weights behind it: a table of embeddings, a loop
                continue
            try:
                rows = exported.rows(format_, broken)
            except RuntimeError as error:  # an op whose scale the engine fixes: no such file would run
                assert "scale" in str(error), error
                continue
            yield calls[place.owner].name, kind, rows, whole
