"""A diagnosis for people and for Model Explorer: a table, a picture, and node data as JSON."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from export.diagnosis.diagnose import Diagnosis
from export.diagnosis.loss import LayerLoss, ranking
from runtime.atomic import write_file

_COLUMNS = ("layer", "class", "SQNR dB", "cosine", "own SQNR dB", "share", "range used", "clipped")
# Good to bad, as Model Explorer colours from the least to the greatest value of all nodes.
_BAD_IS_HIGH = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d7301f"}]
_BAD_IS_LOW = [{"stop": 0, "bgColor": "#d7301f"}, {"stop": 1, "bgColor": "#ffffff"}]


def show(found: Diagnosis, console: Console) -> None:
    """Prints the table of one variant, and under it what to do."""
    title = f"{found.model} {found.variant}: answers {_db(found.answers_db)} dB, {found.samples}"
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for place, heading in enumerate(_COLUMNS):
        table.add_column(heading, justify="left" if place < 2 else "right", no_wrap=True)
    worst = ranking(found.rows)[0]
    for row in found.rows:
        style = "dim" if row.into is not None else "red" if row is worst and row.share else ""
        table.add_row(*_cells(row), style=style)
    console.print(table)
    console.print(f"  {found.variant}: {found.advice}", highlight=False, markup=False, soft_wrap=True)
    console.print()


def _cells(row: LayerLoss) -> tuple[str, ...]:
    if row.into is not None:
        return (row.name, row.kind, "", "", f"in {row.into}", "", "", "")
    return (
        row.name,
        row.kind,
        _db(row.sqnr_db),
        "–" if row.cosine is None else f"{row.cosine:.5f}",
        _db(row.own_sqnr_db),
        _percent(row.share),
        _percent(row.used),
        _percent(row.clipped, 2),
    )


def _db(value: float | None) -> str:
    return "–" if value is None else "exact" if value == math.inf else f"{value:.1f}"


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def write(found: Sequence[Diagnosis], folder: Path) -> None:
    """Writes what was found of each variant into a folder: `<variant>.svg`, `<variant>.json`, and the node data.

    `<variant>.json` holds all figures; `<variant>.share.json` and `<variant>.own-sqnr.json` are for Model Explorer.
    """
    for one in found:
        write_file(folder / f"{one.variant}.svg", picture(one))
        write_file(folder / f"{one.variant}.json", _json(_figures(one)))
        for what in ("share", "own-sqnr"):
            write_file(folder / f"{one.variant}.{what}.json", _json(node_data(one, what)))


def _json(content: Any) -> bytes:
    return f"{json.dumps(content, indent=1, allow_nan=False)}\n".encode()


def _figures(found: Diagnosis) -> dict[str, Any]:
    """All figures; JSON has no infinity, so an SQNR of no error at all is null with `exact` true."""
    rows = []
    for row in found.rows:
        entry = {key: value for key, value in row._asdict().items() if key != "grid"}
        grid = None if row.grid is None else {"scale": row.grid.scale, "zero_point": row.grid.zero_point}
        exact = row.own_sqnr_db == math.inf
        rows.append({key: _finite(value) for key, value in entry.items()} | {"grid": grid, "exact": exact})
    return found._asdict() | {"answers_db": _finite(found.answers_db), "rows": rows}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def node_data(found: Diagnosis, what: str) -> dict[str, Any]:
    """What Model Explorer reads as node data: by the graph's id, `results` by the node's, and colours.

    The format is `ModelNodeData` of Model Explorer's node_data_builder.py. A TFLite node is found by the name of a
    tensor that it gives, an ONNX node by its own name.

    Args:
        found: one variant.
        what: `share`, in per cent of the loss; or `own-sqnr`, in dB, without the nodes that lose nothing.
    """
    results: dict[str, dict[str, float]] = {}
    for row in found.rows:
        value = row.own_sqnr_db if what == "own-sqnr" else None if row.share is None else 100 * row.share
        if row.node is not None and value is not None and math.isfinite(value):
            results[row.node] = {"value": round(value, 3)}
    gradient = _BAD_IS_LOW if what == "own-sqnr" else _BAD_IS_HIGH
    return {found.graph: {"results": results, "gradient": gradient}}


def picture(found: Diagnosis) -> bytes:
    """An SVG: of every layer that was measured, its share of the loss, and the SQNR at it and of it alone."""
    import matplotlib

    matplotlib.use("Agg")  # no window, also where there is no display
    from matplotlib import pyplot as plt

    rows = [row for row in found.rows if row.into is None]
    places = range(len(rows))
    height = 1.2 + 0.24 * len(rows)
    with matplotlib.rc_context({"svg.hashsalt": "edgeproof", "font.size": 8, "svg.fonttype": "none"}):
        figure, (shares, levels) = plt.subplots(1, 2, sharey=True, figsize=(9, height), layout="constrained")
        shares.barh(places, [100 * (row.share or 0) for row in rows], color="#d7301f")
        shares.set_yticks(places, [row.name for row in rows])
        shares.invert_yaxis()
        shares.set_xlabel("share of the loss, %")
        for name, mark in (("sqnr_db", "o-"), ("own_sqnr_db", "s")):
            values = [(place, getattr(row, name)) for place, row in zip(places, rows, strict=True)]
            seen = [(value, place) for place, value in values if value is not None and math.isfinite(value)]
            label = "of the layer alone" if name == "own_sqnr_db" else "up to here"
            if seen:
                levels.plot(*zip(*seen, strict=True), mark, label=label, markersize=4, linewidth=1)
        levels.set_xlabel("SQNR, dB (none where nothing is lost)")
        levels.grid(axis="x", alpha=0.3)
        if levels.lines:
            levels.legend()
        figure.suptitle(f"{found.model} {found.variant}")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        plt.close(figure)
    return buffer.getvalue()
