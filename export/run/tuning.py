"""Tunes one int8 file that misses the budget, or often decides otherwise: its ranges, weights and biases.

Runs inside a worker process.  What is found on some calibration samples is kept where the outputs are nearer to those
of the float32 file on others, on the engine itself; test data are not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from data.dataset import Arrays
from data.original import Original
from export.checks.answers import at_the_edge, count, in_chunks, rows
from export.checks.spread import spread
from export.chunks import chunks
from export.formats import onnx_biases, onnx_layers, tflite_biases, tflite_layers
from export.formats.format import Conversion, Format, Ranges
from export.quantization import range_search
from export.quantization.bias_correction import corrected, quantized_means, reference_means
from export.quantization.layers import Layer, Moments, cheapest
from export.quantization.names import BIAS, RANGES, ROUNDING
from export.quantization.range_search import Histogram
from export.quantization.ranges import chosen, samples_wanted
from export.quantization.rounding import by_outputs
from export.run import jobs
from export.trained.samples import load_calibration
from runtime.atomic import write_file
from runtime.errors import ConversionError
from runtime.measure.metric import decided

LEAST_SAMPLES = 32
MOST_JUDGED = 2048  # samples that nothing is found by
BIAS_SAMPLES = 128  # biases are corrected one after the other, each by a run of the whole file
MOST_WINDOWS = 4096  # of what a layer multiplies its weights with
_WORK = 1 << 31  # products of inputs of layers whose weights are rounded: some seconds
_SEED = 7
_BIASES: Mapping[str, ModuleType] = {"tflite": tflite_biases, "onnx": onnx_biases}
_LAYERS: Mapping[str, ModuleType] = {"tflite": tflite_layers, "onnx": onnx_layers}


@dataclass(frozen=True)
class Answered:
    """Some samples, raw, and the float32 file's answers to them, with what their errors are fractions of."""

    raw: Arrays
    answers: Arrays
    spreads: Mapping[str, float]


@dataclass(frozen=True)
class Built:
    """An int8 file, and what it was built of.

    Attributes:
        source: the float32 file, with the weights and biases that were changed.
        ranges: of the activations.
        content: the int8 file.
        notes: what was said when it was built.
    """

    source: bytes
    ranges: Ranges
    content: bytes
    notes: tuple[str, ...]


def tune(
    format_: Format,
    conversion: Conversion,
    engine: str,
    original: Original,
    data_dir: str | None,
    wanted: Collection[str],
) -> tuple[str, ...]:
    """Builds the int8 file with what helps of `wanted`, and says in a sentence each what was done.

    Args:
        format_: the file's format.
        conversion: the conversion to the plain int8 file, to a place of its own.
        engine: the engine that is asked.
        original: the trained model, whose calibration samples are taken.
        data_dir: the folder with the datasets.
        wanted: some of `RANGES`, `ROUNDING` and `BIAS`.

    Raises:
        DataError: the calibration samples are not at hand.
        ConversionError: they are too few, or nothing helps.
    """
    job = Tuning(format_, conversion, engine, original, data_dir)
    plain = least = job.held_out_error()
    said: list[str] = []
    changes = ((RANGES, job.search_ranges), (ROUNDING, job.round_weights), (BIAS, job.correct_biases))
    for name, change in changes:
        if name not in wanted:
            continue
        before = job.file
        sentence = change()
        error = job.held_out_error() if sentence else least
        if error < least:
            said.append(
                f"{sentence}: on other samples the error of the outputs falls {_decibels(least, error)}."
            )
            least = error
        else:
            job.file = before
    if not said:
        raise ConversionError(
            f"no other ranges, weights or biases help: the error of the outputs is {plain:.2g} as it is"
        )
    write_file(conversion.destination, job.file.content)
    assert format_.prove is not None
    format_.prove(conversion.destination, "int8")
    return (*said, *job.file.notes)


class Tuning:
    """An int8 file that changes step by step: `file`."""

    def __init__(
        self, format_: Format, conversion: Conversion, engine: str, original: Original, data_dir: str | None
    ) -> None:
        self._format, self._conversion = format_, conversion
        self._engine, self._original = engine, original
        assert format_.inner is not None, f"{format_.name} has no inner tensors"
        self._open = format_.inner
        self._biases, self._layers = _BIASES[format_.name], _LAYERS[format_.name]
        self._reference = conversion.source.read_bytes()
        self._search, self._judged = self._samples(data_dir)
        self.file = self._built(self._reference, conversion.ranges or {})

    def _samples(self, data_dir: str | None) -> tuple[Answered, Answered]:
        """Those to search with, at most half of all that there are, and those to judge by."""
        every, inputs = load_calibration(self._original, data_dir), self._original.record.inputs
        picked = chosen(count(every), samples_wanted(inputs, MOST_JUDGED))
        if len(picked) < LEAST_SAMPLES:
            raise ConversionError(
                f"{len(picked)} calibration samples are too few to tune a file by; give at least {LEAST_SAMPLES}"
            )
        picked = np.random.default_rng(_SEED).permutation(picked)
        searched = min(samples_wanted(inputs), len(picked) // 2)
        ask = jobs.runner(self._engine, self._conversion.source)

        def made(indices: np.ndarray) -> Answered:
            raw = rows(every, indices)
            answers = in_chunks(ask, self._original, raw)
            outputs = self._original.record.outputs
            return Answered(
                raw, answers, {given.name: spread(given, answers[given.name]) for given in outputs}
            )

        return made(np.sort(picked[:searched])), made(np.sort(picked[searched:]))

    def _built(self, source: bytes, ranges: Ranges) -> Built:
        copy = self._conversion.destination.with_suffix(f".source{self._format.suffix}")
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_file(copy, source)
        try:
            notes = jobs.build(self._format, "int8", replace(self._conversion, source=copy, ranges=ranges))
        finally:
            copy.unlink()
        return Built(source, ranges, self._conversion.destination.read_bytes(), notes)

    def held_out_error(self) -> float:
        """How far the file's outputs are from those of the float32 file, on the samples that nothing was found by."""
        return self.error(self.file.content, self._judged)

    def error(self, content: bytes, samples: Answered) -> float:
        """The mean absolute error of a file's outputs, as a fraction of their spreads.

        Of the mean square, a few samples that are decided otherwise make most, and of hundreds of samples that is left
        to chance.
        """
        found = self._answers(content, samples)
        return sum(
            float(np.mean(np.abs((found[name] - samples.answers[name]) / wide)))
            for name, wide in samples.spreads.items()
        )

    def agreement(self, content: bytes, samples: Answered) -> float | None:
        """The least share of samples that an output decides as the float32 file does; None without classes."""
        found = self._answers(content, samples)
        shares = [
            float(np.mean(decided(found[given.name]) == decided(samples.answers[given.name])))
            for given in self._original.record.outputs
            if given.task in ("classification", "binary")
        ]
        return min(shares, default=None)

    def _answers(self, content: bytes, samples: Answered) -> Arrays:
        path = self._conversion.destination.with_suffix(f".tried{self._format.suffix}")
        write_file(path, content)
        try:
            return in_chunks(jobs.runner(self._engine, path), self._original, samples.raw)
        finally:
            path.unlink()

    def search_ranges(self) -> str | None:
        """Builds the file with the best ranges; the sentence on it, or None where the recorded ones are."""
        source, recorded = self.file.source, self.file.ranges
        values = self._histograms(recorded)
        found = {name: ranges for name, each in values.items() if (ranges := range_search.candidates(each))}
        gains = {name: range_search.gain(values[name], ranges) for name, ranges in found.items()}
        best = range_search.search(
            recorded,
            found,
            gains,
            lambda ranges: self.error(self._built(source, ranges).content, self._search),
        )
        if not best.methods:
            return None
        self.file = self._built(source, best.ranges)
        ways = [method for method in range_search.METHODS if method in best.methods.values()]
        return f"The ranges of {len(best.methods)} of {len(recorded)} tensors are found by {', '.join(ways)}"

    def _histograms(self, recorded: Ranges) -> dict[str, Histogram]:
        """How the values of each tensor of the main graph lie in its range."""
        file = self._open(self._reference)
        names = sorted(file.floats() & recorded.keys())
        found = {name: Histogram.of(np.zeros(0), *recorded[name]) for name in names}
        for chunk in chunks(at_the_edge(self._original, self._search.raw)):
            for name, values in file.values(chunk, names).items():
                found[name] = found[name] + Histogram.of(values, *recorded[name])
        return found

    def round_weights(self) -> str | None:
        """Builds the file with weights rounded by the layers' outputs; the sentence on it, or None without layers.

        What they add to the mean of a channel goes into the bias of the float32 file's copy, where the layer has one.
        """
        layers = self._layers_in_int8()
        if not layers:
            return None
        values: dict[str, np.ndarray] = {}
        for layer, moments in self._moments(layers).items():
            takes_mean = layer.bias is not None and layer.offset is not None
            rows = by_outputs(layer.rows, moments.covariance if takes_mean else moments.products)
            values[layer.weights] = layer.stored(rows)
            if layer.bias is not None and layer.offset is not None:
                added = np.einsum("gnc,gc->gn", rows - layer.rows, moments.mean).ravel()
                values[layer.bias] = (layer.offset - added).astype(np.float32)
        self.file = self._built(
            self._layers.with_constants(self._conversion.source, values), self.file.ranges
        )
        return f"The weights of {len(layers)} layers are rounded by what that does to the layers' outputs"

    def _layers_in_int8(self) -> list[Layer]:
        """The layers that the file has in int8; in a large model, those whose moments cost least."""
        assert self._format.mixing is not None
        in_int8 = {key for group in self._format.mixing.groups(self._conversion) for key in group.keys}
        every = self._layers.layers(self._conversion.source)
        return list(cheapest([layer for layer in every if layer.key in in_int8], _WORK))

    def _moments(self, layers: Sequence[Layer]) -> dict[Layer, Moments]:
        """The moments of what each layer multiplies its weights with, in the float32 file."""
        file, generator = self._open(self._reference), np.random.default_rng(_SEED)
        feeds = at_the_edge(self._original, self._search.raw)
        given = {stored: name for name, stored in file.inputs.items()}
        wanted = sorted({layer.taken for layer in layers} - given.keys())
        parts = list(chunks(feeds))
        found = {layer: Moments(layer) for layer in layers}
        for part in parts:
            values = file.values(part, wanted) | {stored: part[name] for stored, name in given.items()}
            for layer, moments in found.items():
                moments.add(layer.windows(values[layer.taken], MOST_WINDOWS // len(parts) + 1, generator))
        return found

    def correct_biases(self) -> str | None:
        """Corrects the biases, from the first op to the last; the sentence on it, or None where there are none.

        All at once they would make good the same error several times: in a convolutional network of this repository the
        error of the outputs grew by 8.9 dB so, and fell by 1.4 dB one after the other.
        """
        content = self.file.content
        biases = self._biases.biases(self._reference, content)
        if not biases:
            return None
        few = rows(self._search.raw, slice(None, BIAS_SAMPLES))
        feeds = at_the_edge(self._original, few)
        wanted = reference_means(self._open(self._reference), biases, feeds)
        for bias in biases:
            found = quantized_means(self._open(content), [bias], feeds)
            content = self._biases.with_biases(content, {bias.name: corrected(bias, wanted, found)})
        self.file = replace(self.file, content=content)
        return f"The mean errors of the channels of {len(biases)} ops go into their biases"


def _decibels(before: float, after: float) -> str:
    return f"by {20 * np.log10(before / after):.1f} dB" if after else "to nothing"
