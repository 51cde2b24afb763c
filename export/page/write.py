"""Writes the page: one HTML file with its styles, script and pictures inside, which asks nothing of anybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from export.page import chart
from export.page.measured import Measured
from export.page.section import Section, section, sentence
from export.page.svg import Styles
from export.report import absent
from runtime.atomic import write_file
from runtime.choose.limits import Limits
from runtime.choose.rule import DEFAULT_LIMITS
from runtime.version import __version__

# The shapes of `chart.MARKERS`, around 0, for the page's own legend.
_LEGEND = (
    ("litert", "M4.5 0A4.5 4.5 0 1 1-4.5 0A4.5 4.5 0 1 1 4.5 0z"),
    ("tflite-runtime", "M0-4.5L4.5 4.5H-4.5z"),
    ("onnxruntime", "M-4-4H4V4H-4z"),
    ("tensorflow", "M0-5.5L5.5 0L0 5.5L-5.5 0z"),
)


def write(
    measured: Sequence[Measured],
    path: Path,
    artifacts: Path | None = None,
    limits: Limits = DEFAULT_LIMITS,
    constraints: str | None = None,
    state: str = "",
) -> list[Section]:
    """Writes the page to `path`, and returns what it says of each model.

    Args:
        measured: the rows of one or several devices.
        path: the file.
        artifacts: the folder with the bundles, for digests, versions, samples and layers; None where there is none.
        limits: what is asked of the recommended files.
        constraints: the same as the user wrote it.
        state: what the page was made from, so that a later run can tell that nothing changed.

    Raises:
        DataError: what an export kept in `artifacts` is damaged.
        OSError: the file cannot be written; what was there then stays as it was.
    """
    sections, styles = _sections(measured, limits, artifacts)
    write_file(path, html(measured, sections, styles, constraints, state).encode())
    return sections


def _sections(
    measured: Sequence[Measured], limits: Limits, artifacts: Path | None
) -> tuple[list[Section], Styles]:
    styles = Styles()
    said = {reason: text for each in measured for reason, text in absent(list(each.rows)).items()}
    models = dict.fromkeys(model for each in measured for model in each.models())
    made = []
    for number, model in enumerate(models):
        rows = {each.device: each.models()[model] for each in measured if model in each.models()}
        made.append(section(model, rows, f"m{number}", limits, artifacts, styles, said))
    return made, styles


def html(
    measured: Sequence[Measured],
    sections: Sequence[Section],
    styles: Styles,
    constraints: str | None,
    state: str = "",
) -> str:
    """The text of the page."""
    environment = Environment(
        loader=PackageLoader("export.page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    files = environment.loader
    assert files is not None

    def whole(name: str) -> Markup:
        return Markup(files.get_source(environment, name)[0])

    once = [note for each in measured for note in absent(list(each.rows)).values()]
    return environment.get_template("report.html").render(
        measured=measured,
        sections=sections,
        constraints=constraints,
        notes=list(dict.fromkeys(once)),
        written=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        state=state,
        style=whole("style.css") + Markup(styles.rules()),
        script=whole("script.js"),
        shapes=Markup(styles.shapes()),
        markup=Markup,
        microseconds=chart.microseconds,
        legend=_LEGEND,
        sentence=sentence,
    )
