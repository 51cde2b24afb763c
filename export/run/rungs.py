"""The rungs of one target: the steps that build and verify its file on each, and which file is the best."""

from __future__ import annotations

from dataclasses import dataclass

from export.formats.table import FORMATS
from export.run.steps import Key, Results
from export.targets import Target
from runtime.measure.row import MeasuredRow


@dataclass(frozen=True)
class Rungs:
    """The rungs of one target of a model, on the engines that are installed.

    Rung 0 is the file as it should be; on the others, which the format has, less of it is quantized. Behind them comes
    the tuned one: the best of those before, with other ranges, weights and biases.
    """

    model: str
    target: Target
    engines: list[str]

    @property
    def tuned(self) -> int:
        """The last rung."""
        return len(FORMATS[self.target.format].rungs)

    def build_key(self, rung: int = 0) -> Key:
        """The key of the step that builds the file of a rung."""
        return self._key("build", rung)

    def verify_key(self, rung: int, engine: str) -> Key:
        """The key of the step that verifies the file of a rung on one engine."""
        return self._key("verify", rung, engine)

    def tried(self, results: Results) -> int:
        """The last rung that was tried; those before the tuned one may have been left out."""
        return max((rung for rung in range(self.tuned + 1) if self.build_key(rung) in results), default=0)

    def measured(self, rung: int, results: Results) -> list[MeasuredRow]:
        """The rows of the engines that run the file of a rung."""
        outcomes = [results.get(self.verify_key(rung, engine)) for engine in self.engines]
        return [outcome.value.row for outcome in outcomes if outcome is not None and outcome.ok]

    def best(self, results: Results, last: int | None = None) -> int:
        """Of the rungs up to `last`, the first that passes on most engines; of those, that runs on most.

        A tuned file is nearer to the original than those before it: where none passes, it is the one to look at.
        """

        def merit(rung: int) -> tuple[int, int, bool, int]:
            rows = self.measured(rung, results)
            return sum(row.passed for row in rows), len(rows), rung == self.tuned, -rung

        tried = self.tried(results)
        return max(range(min(tried, tried if last is None else last) + 1), key=merit)

    def _key(self, what: str, rung: int, *more: str) -> Key:
        return (self.model, what, self.target.name, *more, *([f"rung {rung}"] if rung else []))
