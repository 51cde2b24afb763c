"""The progress of a training on the console: a bar on a terminal, a line per epoch elsewhere."""

from __future__ import annotations

import time

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class ProgressBar(keras.callbacks.Callback):
    """Shows epochs, the figures of the last one, and the time left, on standard error."""

    def __init__(self, model_name: str, epochs: int, steps: int) -> None:
        super().__init__()
        self._name, self._epochs, self._steps = model_name, epochs, steps
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._began = time.monotonic()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Opens the bar."""
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            times = (TimeElapsedColumn(), TimeRemainingColumn())
            self._bar = Progress(
                *columns, *times, TextColumn("{task.fields[figures]}"), console=self._console
            )
            self._task = self._bar.add_task(self._name, total=self._epochs * self._steps, figures="")
            self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Sets the bar to the beginning of `epoch` (a resumed training does not begin at 0)."""
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch * self._steps)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Shows the figures of the epoch."""
        figures = "  ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
        if self._bar is not None:
            self._bar.update(self._task, figures=f"epoch {epoch + 1}: {figures}")
        else:
            seconds = time.monotonic() - self._began
            line = f"{self._name} epoch {epoch + 1}/{self._epochs} {seconds:.0f} s  {figures}"
            self._console.print(line, soft_wrap=True, highlight=False)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Closes the bar."""
        self.close()

    def close(self) -> None:
        """Closes the bar, also after an interruption."""
        if self._bar is not None:
            self._bar.stop()
