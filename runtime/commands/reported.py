"""Completes the row of a variant on this device with the metric of the bundle's report, output by output."""

from runtime.bundle.golden import Golden, kept
from runtime.measure.row import MeasuredRow
from runtime.model import Model
from runtime.verdicts import parity_of


def with_reported_metric(
    row: MeasuredRow, reported: MeasuredRow | None, model: Model | None, golden: Golden
) -> MeasuredRow:
    """The row with the metric of the bundle's report and, of several outputs, the parity of the same output.

    Args:
        row: what `verify` found.
        reported: the row of the report for the same variant and engine, if there is one.
        model: what `verify` loaded; None where the variant may not be used.
        golden: the golden samples.
    """
    found = row.with_metric_of(reported)
    if len(golden.outputs) == 1 or found is row:
        return found
    output = found.output
    if model is None or found.metric is None or output is None or output not in golden.outputs:
        return row
    return with_parity_of(found, model, golden, output)


def with_parity_of(row: MeasuredRow, model: Model, golden: Golden, output: str) -> MeasuredRow:
    """The row with the parity of one output on the golden samples."""
    answers = kept(model.answers(golden.inputs)[output])
    return row._replace(output=output).with_parity(parity_of(answers, golden, model.manifest.outputs[output]))
