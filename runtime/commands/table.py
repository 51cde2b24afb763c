"""Plain tables for a terminal: aligned columns, nothing but the standard library."""

from collections.abc import Sequence


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """The rows under their header, columns two spaces apart; those whose number is in `right` end flush right."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    shown = []
    for line in lines:
        cells = zip(line, widths, strict=True)
        padded = [cell.rjust(w) if at in right else cell.ljust(w) for at, (cell, w) in enumerate(cells)]
        shown.append("  ".join(padded).rstrip())
    return "\n".join(shown)


def kib(size_bytes: int) -> str:
    """A size in KiB, as tables show it."""
    return f"{size_bytes / 1024:,.1f}"
