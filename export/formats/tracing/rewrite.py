"""A rewrite: a function of Keras, and what stands in its place while a model is traced."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from runtime.errors import ConversionError


@dataclass(frozen=True)
class Rewrite:
    """One function or method of Keras that a converter cannot take, and the same computation of other ops.

    `module` and `name` say where Keras looks it up; the name of a method has its class before it ("Flatten.call").
    `replacement` is given the function of Keras and makes the other one, so that it can leave to Keras what the
    converters can take.  `why` is a sentence about the converters; `since` is the first release of Keras that has it.
    """

    module: str
    name: str
    replacement: Callable[[Callable[..., Any]], Callable[..., Any]]
    why: str
    since: tuple[int, int] = (3, 0)

    def present(self) -> bool:
        """Whether the Keras that is installed is recent enough to have the function."""
        import keras

        return tuple(int(part) for part in keras.__version__.split(".")[:2]) >= self.since

    def owner(self) -> Any:
        """The module or class that holds the function.

        Raises:
            ConversionError: this release of Keras has no such function.
        """
        place, *inner = [import_module(self.module), *self.name.split(".")]
        try:
            for part in inner[:-1]:
                place = getattr(place, part)
            getattr(place, inner[-1])
        except AttributeError:
            import keras

            raise ConversionError(
                f"Keras {keras.__version__} has no {self.module}.{self.name}, which edgeproof replaces while it "
                "exports a model; install a release of Keras from 3.12 to 3.15"
            ) from None
        return place

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The replacement stands in the function's place until the block ends."""
        owner, attribute = self.owner(), self.name.rpartition(".")[2]
        original = getattr(owner, attribute)
        # Keras asks a layer's `call` for its arguments before it is called: the replacement shows the same.
        replacement = self.replacement(original)
        replacement.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
        setattr(owner, attribute, replacement)
        try:
            yield
        finally:
            setattr(owner, attribute, original)


@contextmanager
def applied(rewrites: Sequence[Rewrite]) -> Iterator[None]:
    """All rewrites that this release of Keras has a place for, until the block ends."""
    with ExitStack() as stack:
        for rewrite in rewrites:
            if rewrite.present():
                stack.enter_context(rewrite.applied())
        yield
